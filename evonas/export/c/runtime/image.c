/* The image as a tensor of floats, for what does not read its codes. */
static void net_image(net_cell *net_arena, const uint8_t *image, int32_t out, int32_t n)
{
    int32_t i;

    for (i = 0; i < n; i++) {
        net_arena[out + i].f = (float)(image[NET_PLACE(i)] - NET_ZERO) / NET_PER_ONE;
    }
}

