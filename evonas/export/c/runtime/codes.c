/* ---------------------------------------------------------------------------------------------------------------------
 * Codes in memory
 * ------------------------------------------------------------------------------------------------------------------ */

/* Reads weights one after another: each number from its lowest bit up; ternary ones, five a byte. */
typedef struct { const uint8_t *at; uint32_t buffer; int32_t have, bits; } net_reader;

NET_INLINE int32_t net_next_of_three(net_reader *r)
{
    uint32_t value = r->buffer, third;

    if (r->have == 0) {
        value = *r->at++;
        r->have = 5;
    }
    third = value * 171u >> 9;
    r->buffer = third;
    r->have--;
    return (int32_t)(value - 3u * third);
}

NET_INLINE int32_t net_next(net_reader *r)
{
    uint32_t value;

    if (r->bits == 0) {
        return net_next_of_three(r);
    }
    if (r->have < r->bits) {
        r->buffer |= (uint32_t)*r->at++ << r->have;
        r->have += 8;
    }
    value = r->buffer & ((1u << r->bits) - 1u);
    r->buffer >>= r->bits;
    r->have -= r->bits;
    return (int32_t)value;
}

/* Reads codes of activations one after another. */
typedef struct { const net_cell *at; uint32_t word, mask; int32_t have, bits; } net_stream;

NET_INLINE net_stream net_stream_at(const net_cell *codes, int32_t bit, int32_t bits)
{
    net_stream from;

    from.at = codes + (bit >> 5);
    from.have = 32 - (bit & 31);
    from.word = from.at->u >> (bit & 31);
    from.bits = bits;
    from.mask = (1u << bits) - 1u;
    return from;
}

NET_INLINE int32_t net_next_code(net_stream *from)
{
    uint32_t index = from->word;

    from->word >>= from->bits;
    from->have -= from->bits;
    if (from->have < 0) {
        uint32_t following = (++from->at)->u;
        index |= following << (from->have + from->bits);
        from->word = following >> -from->have;
        from->have += 32;
    }
    return (int32_t)(index & from->mask);
}

/* How many of n codes of a width fit into whole cells. */
NET_INLINE int32_t net_cells(int32_t n, int32_t width)
{
    return (n * width + 31) >> 5;
}

/* Bits on their way into words; what lies behind them stays. */
typedef struct { net_cell *at; uint32_t word; int32_t have; } net_bits;

NET_INLINE net_bits net_bits_at(net_cell *stream, int32_t bit)
{
    net_bits to;

    to.at = stream + (bit >> 5);
    to.have = bit & 31;
    to.word = to.at->u & ((1u << to.have) - 1u);
    return to;
}

/* Append n bits, 1 to 32; all others of the value are zero. */
NET_INLINE void net_append(net_bits *to, uint32_t value, int32_t n)
{
    to->word |= value << to->have;
    to->have += n;
    if (to->have >= 32) {
        to->at->u = to->word;
        to->at++;
        to->have -= 32;
        to->word = to->have > 0 ? value >> (n - to->have) : 0u;
    }
}

NET_INLINE void net_end_bits(const net_bits *to)
{
    if (to->have > 0) {
        to->at->u = to->word | (to->at->u & ~((1u << to->have) - 1u));
    }
}

/* Append n indices, as many as fit into a word at a time. */
static void net_pack(net_cell *stream, int32_t bit, const net_cell *indices, int32_t n, int32_t width)
{
    net_bits to = net_bits_at(stream, bit);
    const net_cell *end = indices + n, *until;

    while (indices != end) {
        uint32_t word = 0;
        int32_t have = 0;
        for (until = end - indices > 32 / width ? indices + 32 / width : end; indices != until; indices++) {
            word |= indices->u << have;
            have += width;
        }
        net_append(&to, word, have);
    }
    net_end_bits(&to);
}

/* Append n indices of two bits to two streams. */
static void net_pack_planes(net_cell *low, net_cell *high, int32_t bit, const net_cell *indices, int32_t n)
{
    net_bits to = net_bits_at(low, bit), above = net_bits_at(high, bit);
    const net_cell *end = indices + n, *until;

    while (indices != end) {
        uint32_t word = 0, other = 0;
        int32_t have = 0;
        for (until = end - indices > 32 ? indices + 32 : end; indices != until; indices++, have++) {
            word |= (indices->u & 1u) << have;
            other |= (indices->u >> 1) << have;
        }
        net_append(&to, word, have);
        net_append(&above, other, have);
    }
    net_end_bits(&to);
    net_end_bits(&above);
}

/* Append a bit for each of n floats: whether it is zero or more. */
static void net_pack_signs(net_cell *stream, int32_t bit, const net_cell *from, int32_t n)
{
    net_bits to = net_bits_at(stream, bit);
    const net_cell *end = from + n, *until;

    while (from != end) {
        uint32_t word = 0;
        int32_t have = 0;
        for (until = end - from > 32 ? from + 32 : end; from != until; from++, have++) {
            word |= (uint32_t)(from->f >= 0.0f) << have;
        }
        net_append(&to, word, have);
    }
    net_end_bits(&to);
}

/* Store the indices of n codes as elements of what a layer reads. */
static void net_store(const net_source *s, net_cell *codes, int32_t elements, int32_t first, const net_cell *indices,
                      int32_t n)
{
    if (!NET_HAS_PLANES || s->planes == 1) {
        net_pack(codes, first * s->bits, indices, n, s->bits);
    } else {
        net_pack_planes(codes, codes + net_cells(elements, 1), first, indices, n);
    }
}

