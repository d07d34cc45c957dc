
static void net_avg_pool(net_cell *net_arena, const uint8_t *image, int32_t in, int32_t out, int32_t channels,
                         int32_t height, int32_t width, int32_t kernel_rows, int32_t kernel_columns,
                         int32_t stride_rows, int32_t stride_columns)
{
    int32_t rows = (height + stride_rows - 1) / stride_rows, columns = (width + stride_columns - 1) / stride_columns;
    net_view x = net_view_of(net_arena, in, channels, image);
    net_tensor *to = (net_tensor *)(net_arena + out);
    int32_t row, column, c;

    for (row = 0; row < rows; row++) {
        for (column = 0; column < columns; column++) {
            for (c = 0; c < channels; c++) {
                *to++ = net_rounded(net_mean(x, c, height, width, kernel_rows, kernel_columns, stride_rows,
                                             stride_columns, row, column));
            }
        }
    }
}
