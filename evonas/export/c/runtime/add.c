
/* Sum of tensors of n numbers, in their order; the output may lie on an input. */
static void net_add(net_cell *net_arena, const uint8_t *image, const int32_t *inputs, int32_t n_inputs, int32_t out,
                    int32_t channels, int32_t area, int32_t is_float)
{
    net_tensor *to = (net_tensor *)(net_arena + out);
    int32_t i, c, k;

    for (i = 0; i < area; i++) {
        for (c = 0; c < channels; c++) {
            float v = net_get(net_view_of(net_arena, inputs[0], channels, image), i, c);
            for (k = 1; k < n_inputs; k++) {
                v = net_apart(v + net_get(net_view_of(net_arena, inputs[k], channels, image), i, c));
            }
            if (is_float) {
                net_arena[out++].f = v * NET_STEP;
            } else {
                *to++ = net_rounded(v);
            }
        }
    }
}
