/* The image as a tensor of floats, for what does not read its codes. */
static void net_image(net_cell *net_arena, const uint8_t *image, int32_t out, int32_t channels, int32_t area)
{
    int32_t c, i;

    for (i = 0; i < area; i++) {
        for (c = 0; c < channels; c++) {
            net_arena[out++].f = (float)(image[NET_PLACE(c, i)] - NET_ZERO) / net_apart(NET_PER_ONE);
        }
    }
}

