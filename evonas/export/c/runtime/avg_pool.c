static void net_avg_pool(int32_t in, int32_t out, int32_t channels, int32_t height, int32_t width, int32_t kernel,
                         int32_t stride)
{
    int32_t rows = (height + stride - 1) / stride, columns = (width + stride - 1) / stride, c, row, column;

    for (c = 0; c < channels; c++) {
        for (row = 0; row < rows; row++) {
            for (column = 0; column < columns; column++) {
                net_arena[out++].f = net_mean(net_arena + in + c * height * width, height, width, kernel, stride, row,
                                              column);
            }
        }
    }
}
