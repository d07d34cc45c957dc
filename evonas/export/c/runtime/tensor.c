
/* ---------------------------------------------------------------------------------------------------------------------
 * Tensors between layers. Numbers are in units, of which one is worth NET_STEP and NET_UNITS are worth 1
 * ------------------------------------------------------------------------------------------------------------------ */

/* A tensor; or the image, if there is no tensor. */
typedef struct { const net_tensor *at; const uint8_t *image; int32_t channels; } net_view;

static net_view net_view_of(const net_cell *net_arena, int32_t place, int32_t channels, const uint8_t *image)
{
    net_view x;

    x.at = place < 0 ? NULL : (const net_tensor *)(net_arena + place);
    x.image = image;
    x.channels = channels;
    return x;
}

static float net_get(net_view x, int32_t place, int32_t channel)
{
#if NET_VIEWS_IMAGE
    if (x.at == NULL) {
        return (float)(x.image[NET_PLACE(channel, place)] - NET_ZERO) / net_apart(NET_PER_ONE) * NET_UNITS;
    }
#endif
    return (float)x.at[place * x.channels + channel];
}

/* Numbers of n channels of a pixel. */
static void net_load(net_view x, int32_t place, int32_t first, int32_t n, net_cell *to)
{
    int32_t i;

    for (i = 0; i < n; i++) {
        to[i].f = net_get(x, place, first + i);
    }
}

/* The nearest number of a tensor, halves to even. */
static net_tensor net_rounded(float v)
{
#if NET_STREAM_BITS == 32
    return v;
#else
    net_cell number;
    float most = (float)(1 << (NET_STREAM_BITS - 1));

    v = v < -most ? -most : v;
    v = v > most - 1.0f ? most - 1.0f : v;
    number.f = net_apart(v) + 12582912.0f;  /* 1.5 * 2^23: its last bits are the whole number */
    return (net_tensor)(number.i - 0x4b400000);
#endif
}
