
static void net_max_pool(net_cell *net_arena, const uint8_t *image, int32_t in, int32_t out, int32_t channels,
                         int32_t height, int32_t width, int32_t kernel_rows, int32_t kernel_columns,
                         int32_t stride_rows, int32_t stride_columns)
{
    int32_t rows = (height + stride_rows - 1) / stride_rows, columns = (width + stride_columns - 1) / stride_columns;
    net_view x = net_view_of(net_arena, in, channels, image);
    net_tensor *to = (net_tensor *)(net_arena + out);
    int32_t row, column, c, i, k;

    for (row = 0; row < rows; row++) {
        for (column = 0; column < columns; column++) {
            int32_t top, bottom, left, right;
            net_window(row, kernel_rows, stride_rows, height, &top, &bottom);
            net_window(column, kernel_columns, stride_columns, width, &left, &right);
            for (c = 0; c < channels; c++) {
                float most = net_get(x, top * width + left, c);
                for (i = top; i < bottom; i++) {
                    for (k = left; k < right; k++) {
                        float v = net_get(x, i * width + k, c);
                        most = v > most ? v : most;
                    }
                }
                *to++ = net_rounded(most);
            }
        }
    }
}
