
/* Copy n channels of each pixel of each segment: of in_step channels, to the first ones of out_step; zeros behind them. */
static void net_copy(net_cell *net_arena, const uint8_t *image, int32_t in, int32_t in_step, int32_t out,
                     int32_t out_first, int32_t out_step, int32_t segments, int32_t pixels, int32_t n)
{
    net_view x = net_view_of(net_arena, in, in_step * segments, image);
    net_tensor *to = (net_tensor *)(net_arena + out) + out_first;
    int32_t pixel, segment, i;

    for (pixel = 0; pixel < pixels; pixel++) {
        for (segment = 0; segment < segments; segment++, to += out_step) {
            for (i = 0; i < n; i++) {
                to[i] = net_rounded(net_get(x, pixel, segment * in_step + i));
            }
        }
    }
}
