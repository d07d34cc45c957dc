static void net_max_pool(int32_t in, int32_t out, int32_t channels, int32_t height, int32_t width, int32_t kernel,
                         int32_t stride)
{
    int32_t rows = (height + stride - 1) / stride, columns = (width + stride - 1) / stride, c, row, column, i, k;

    for (c = 0; c < channels; c++) {
        const net_cell *x = net_arena + in + c * height * width;
        for (row = 0; row < rows; row++) {
            for (column = 0; column < columns; column++) {
                int32_t top, bottom, left, right;
                float most;
                net_window(row, kernel, stride, height, &top, &bottom);
                net_window(column, kernel, stride, width, &left, &right);
                most = x[top * width + left].f;
                for (i = top; i < bottom; i++) {
                    for (k = left; k < right; k++) {
                        most = x[i * width + k].f > most ? x[i * width + k].f : most;
                    }
                }
                net_arena[out++].f = most;
            }
        }
    }
}
