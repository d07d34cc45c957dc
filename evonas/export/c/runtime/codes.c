/* ---------------------------------------------------------------------------------------------------------------------
 * Codes in memory
 * ------------------------------------------------------------------------------------------------------------------ */

/* Reads weights one after another: each number from its lowest bit up; ternary ones, five a byte. */
typedef struct { const uint8_t *at; uint32_t buffer; int32_t have, bits; } net_reader;

NET_INLINE int32_t net_next(net_reader *r)
{
    uint32_t value, rest;

    if (r->bits == 0) {
        if (r->have == 0) {
            r->buffer = *r->at++;
            r->have = 5;
        }
        rest = r->buffer * 171u >> 9;  /* a third */
        value = r->buffer - 3u * rest;
        r->buffer = rest;
        r->have--;
    } else {
        if (r->have < r->bits) {
            r->buffer |= (uint32_t)*r->at++ << r->have;
            r->have += 8;
        }
        value = r->buffer & ((1u << r->bits) - 1u);
        r->buffer >>= r->bits;
        r->have -= r->bits;
    }
    return (int32_t)value;
}

/* How many of n codes of a width fit into whole cells. */
NET_INLINE int32_t net_cells(int32_t n, int32_t width)
{
    return (n * width + 31) >> 5;
}

/* Append n indices, or some of their bits, to a stream; what lies behind them stays. */
static void net_pack(net_cell *stream, int32_t bit, const net_cell *indices, int32_t n, int32_t shift, int32_t width)
{
    uint32_t mask = (1u << width) - 1u, word;
    int32_t have = bit & 31, i;

    stream += bit >> 5;
    word = stream->u & ((1u << have) - 1u);
    for (i = 0; i < n; i++) {
        uint32_t index = (indices[i].u >> shift) & mask;
        word |= index << have;
        have += width;
        if (have >= 32) {
            stream->u = word;
            stream++;
            have -= 32;
            word = index >> (width - have);
        }
    }
    if (have > 0) {
        stream->u = word | (stream->u & ~((1u << have) - 1u));
    }
}

/* Store the indices of n codes as elements of what a layer reads. */
static void net_store(const net_source *s, net_cell *codes, int32_t elements, int32_t first, const net_cell *indices,
                      int32_t n)
{
    int32_t width = s->bits / s->planes, plane;

    for (plane = 0; plane < s->planes; plane++) {
        net_pack(codes + plane * net_cells(elements, width), first * width, indices, n, plane * width, width);
    }
}

