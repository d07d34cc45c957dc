static void net_max_pool(net_cell *net_arena, int32_t in, int32_t out, int32_t channels, int32_t height, int32_t width,
                         int32_t kernel_rows, int32_t kernel_columns, int32_t stride_rows, int32_t stride_columns)
{
    int32_t rows = (height + stride_rows - 1) / stride_rows, columns = (width + stride_columns - 1) / stride_columns;
    int32_t row, column, c, i, k;

    for (row = 0; row < rows; row++) {
        for (column = 0; column < columns; column++) {
            net_cell *most = net_arena + out;
            int32_t top, bottom, left, right;
            net_window(row, kernel_rows, stride_rows, height, &top, &bottom);
            net_window(column, kernel_columns, stride_columns, width, &left, &right);
            for (i = top; i < bottom; i++) {
                for (k = left; k < right; k++) {
                    const net_cell *x = net_arena + in + (i * width + k) * channels;
                    for (c = 0; c < channels; c++) {
                        most[c].f = (i == top && k == left) || x[c].f > most[c].f ? x[c].f : most[c].f;
                    }
                }
            }
            out += channels;
        }
    }
}

