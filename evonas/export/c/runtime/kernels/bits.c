/* ---------------------------------------------------------------------------------------------------------------------
 * Convolutions of binary or ternary weights and codes of one or two bits: 32 products at a time, by counting ones
 * ------------------------------------------------------------------------------------------------------------------ */

/* Every second bit, every second pair, every second four: in registers, which a compiler need not load for each use. */
typedef struct { uint32_t bits, pairs, fours; } net_masks;

NET_INLINE net_masks net_all_masks(void)
{
    net_masks m = {0x55555555u, 0x33333333u, 0x0f0f0f0fu};

#if defined(__GNUC__)
    __asm__("" : "+r"(m.bits), "+r"(m.pairs), "+r"(m.fours));
#endif
    return m;
}

/* Add fields of four bits, of which neighbours do not exceed 63, to a sum. */
NET_INLINE uint32_t net_add_by_4(net_masks m, uint32_t sum, uint32_t a)
{
    a = (a & m.fours) + ((a >> 4) & m.fours);
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FEATURE_DSP)
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(0));
    return sum;
#else
    a = a + (a << 8);
    return sum + ((a + (a << 16)) >> 24);
#endif
}

NET_INLINE uint32_t net_add_ones(net_masks m, uint32_t sum, uint32_t a)
{
    a = a - ((a >> 1) & m.bits);
    return net_add_by_4(m, sum, (a & m.pairs) + ((a >> 2) & m.pairs));
}

NET_INLINE uint32_t net_add_ones_of_3(net_masks m, uint32_t sum, uint32_t a, uint32_t b, uint32_t c)
{
    a = a - ((a >> 1) & m.bits) + (c & m.bits);
    b = b - ((b >> 1) & m.bits) + ((c >> 1) & m.bits);
    a = (a & m.pairs) + ((a >> 2) & m.pairs);
    return net_add_by_4(m, sum, a + (b & m.pairs) + ((b >> 2) & m.pairs));
}

#if defined(__GNUC__) && (defined(__POPCNT__) || defined(__riscv_zbb))
#define NET_MASKS
#define NET_ADD_ONES(sum, a) (sum) += (uint32_t)__builtin_popcount(a)
#define NET_ADD_ONES_OF_3(sum, a, b, c) \
    (sum) += (uint32_t)(__builtin_popcount(a) + __builtin_popcount(b) + __builtin_popcount(c))
#else
#define NET_MASKS const net_masks masks = net_all_masks();
#define NET_ADD_ONES(sum, a) (sum) = net_add_ones(masks, sum, a)
#define NET_ADD_ONES_OF_3(sum, a, b, c) (sum) = net_add_ones_of_3(masks, sum, a, b, c)
#endif

/* Append n bits of a stream from a place on. */
NET_INLINE void net_append_run(net_bits *to, const net_cell *from, int32_t bit, int32_t n)
{
    int32_t shift = bit & 31, m;

    for (from += bit >> 5; n > 0; n -= m, from++, shift = 0) {
        m = 32 - shift < n ? 32 - shift : n;
        net_append(to, (from->u >> shift) & (0xffffffffu >> (32 - m)), m);
    }
}

NET_INLINE void net_append_same(net_bits *to, uint32_t word, int32_t n)
{
    int32_t m;

    for (; n > 0; n -= m) {
        m = n < 32 ? n : 32;
        net_append(to, word & (0xffffffffu >> (32 - m)), m);
    }
}

/* Collect what a pixel of the output sees of a group of channels in a plane of bits; or, where there is no plane, which of
 * it lies within the image. */
static void net_gather_plane(const net_conv *l, const net_place *at, const net_cell *plane, int32_t group, net_cell *to)
{
    int32_t channels = l->source->channels, n = channels / l->groups, first = at->first, last = at->end, i, k;
    int32_t is_run = plane == NULL || (l->dilation == 1 && l->groups == 1), step = is_run ? last - first : 1;
    net_bits bits;

    bits.at = to;
    bits.word = 0;
    bits.have = 0;
    for (i = 0; i < l->kernel_rows; i++) {
        int32_t y = at->top + i * l->dilation;
        if (y < 0 || y >= l->rows) {
            net_append_same(&bits, 0u, l->kernel_columns * n);
            continue;
        }
        net_append_same(&bits, 0u, first * n);
        for (k = first; k < last; k += step) {
            if (plane == NULL) {
                net_append_same(&bits, 0xffffffffu, step * n);
            } else {
                net_append_run(&bits, plane, (y * l->columns + at->left + k * l->dilation) * channels + group * n, step * n);
            }
        }
        net_append_same(&bits, 0u, (l->kernel_columns - last) * n);
    }
    if (bits.have > 0) {
        bits.at->u = bits.word;
    }
}

/* Unpack n rows of weights: two sums, then words of which weights are not zero and which are negative, in turns. The sums
 * are what is to be added to the products of indices, for a pixel whose patch lies inside, and for others. */
static void net_load_bits(const net_conv *l, net_reader *reader, int32_t n, net_cell *to)
{
    int32_t by_sign = l->scaled_by == NET_BY_SIGN, most = (1 << l->source->bits) - 1, words = (l->length + 31) >> 5;
    int32_t of_all = -most * l->source->stride, of_low = l->source->low, i, k, t;

    for (i = 0; i < n; i++) {
        net_cell *row = to;
        for (t = 0; t <= by_sign; t++) {
            for (k = 0; k < 2 + 2 * words; k++) {
                (to++)->u = 0;
            }
        }
        for (k = 0; k < l->length; k++) {
            int32_t weight = l->low + l->step * net_next(reader), is_negative = weight < 0;
            net_cell *sums = row + (by_sign && is_negative ? 2 + 2 * words : 0);
            if (weight != 0) {
                sums[2 + (k >> 5) * 2].u |= 1u << (k & 31);
                sums[3 + (k >> 5) * 2].u |= (uint32_t)is_negative << (k & 31);
                sums[0].i += of_low * weight + of_all * is_negative;
                sums[1].i += (of_all - of_low) * is_negative;
            }
        }
    }
}

static void net_convolve_bits(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    float act_scale = net_prepare(net_arena, l, image);
    int32_t is_stored = l->is_stored, of_group = l->filters / l->groups, words = (l->length + 31) >> 5;
    int32_t row_words = is_stored ? (l->length & 31) != 0 : 2 + 2 * words, first, n, row, column, group, i, k;
    int32_t plane_cells = (l->rows * l->columns * l->source->channels + 31) >> 5;
    net_cell *weights = net_arena + l->weights, *patch = net_arena + l->patch, *sums = net_arena + l->sums;
    net_reader reader = {l->codes, 0, 0, l->bits};
    net_job job;

    for (first = 0; first < l->filters; first += l->block) {
        n = l->filters - first < l->block ? l->filters - first : l->block;
        if (!is_stored) {
            net_load_bits(l, &reader, n * (l->scaled_by == NET_BY_SIGN ? 1 : l->terms), weights);
        } else if (row_words > 0) {
            for (i = 0; i < l->filters * l->terms; i++) {
                weights[i].u = 0;
                for (k = 0; k < (l->length & 31); k++) {
                    weights[i].u |= (uint32_t)net_next(&reader) << k;
                }
            }
        }
        job.columns = patch;
        job.rows = (l->groups > 1 ? of_group : n) * l->terms;
        for (row = 0; row < l->out_rows; row++) {
            for (column = 0; column < l->out_columns; column++) {
                net_place at = net_window_at(l, row, column);
                job.is_inside = at.is_inside;
                for (group = 0; group < l->groups; group++) {
                    for (i = 0; i < l->source->planes; i++) {
                        net_gather_plane(l, &at, net_arena + l->work + i * plane_cells, group, patch + i * words);
                    }
                    if (!at.is_inside && l->source->low != 0) {
                        net_gather_plane(l, &at, NULL, group, patch + i * words);
                    }
                    job.words = is_stored ? l->words + group * job.rows * (l->length >> 5) : NULL;
                    job.weights = weights + group * job.rows * row_words;
                    job.sums = sums + group * job.rows;
                    l->kernel(l, &job);
                }
                net_finish(net_arena, l, image, row, column, first, n, sums, act_scale);
            }
        }
    }
}

