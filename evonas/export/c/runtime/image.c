/* The image as a tensor of floats, for what does not read it as pixels. */
static void net_image(const uint8_t *pixels, int32_t out, int32_t n)
{
    int32_t i;

    for (i = 0; i < n; i++) {
        net_arena[out + i].f = (float)pixels[i] / 255.0f;
    }
}
