/* ---------------------------------------------------------------------------------------------------------------------
 * Convolutions of binary or ternary weights and codes of one or two bits: 32 products at a time, by counting ones
 * ------------------------------------------------------------------------------------------------------------------ */

#if defined(__GNUC__) && (defined(__POPCNT__) || defined(__riscv_zbb))
#define NET_ONES(x) ((uint32_t)__builtin_popcount(x))
#define NET_ONES_OF_3(a, b, c) (NET_ONES(a) + NET_ONES(b) + NET_ONES(c))
#define NET_ONES_OF_2_BITS(low, high) (NET_ONES(low) + 2u * NET_ONES(high))
#else
#define NET_ONES(x) net_ones(x)
#define NET_ONES_OF_3(a, b, c) net_ones_of_3(a, b, c)
#define NET_ONES_OF_2_BITS(low, high) net_ones_of_2_bits(low, high)

/* Ones in each four bits. */
NET_INLINE uint32_t net_ones_by_4(uint32_t a)
{
    a = a - ((a >> 1) & 0x55555555u);
    return (a & 0x33333333u) + ((a >> 2) & 0x33333333u);
}

/* The sum of fields of four bits, of which neighbours add up to no more than 63. */
NET_INLINE uint32_t net_sum_of_4(uint32_t a)
{
    a = (a & 0x0f0f0f0fu) + ((a >> 4) & 0x0f0f0f0fu);
    return a * 0x01010101u >> 24;
}

NET_INLINE uint32_t net_ones(uint32_t a)
{
    return net_sum_of_4(net_ones_by_4(a));
}

NET_INLINE uint32_t net_ones_of_3(uint32_t a, uint32_t b, uint32_t c)
{
    a = a - ((a >> 1) & 0x55555555u) + (c & 0x55555555u);
    b = b - ((b >> 1) & 0x55555555u) + ((c >> 1) & 0x55555555u);
    a = (a & 0x33333333u) + ((a >> 2) & 0x33333333u);
    return net_sum_of_4(a + (b & 0x33333333u) + ((b >> 2) & 0x33333333u));
}

NET_INLINE uint32_t net_ones_of_2_bits(uint32_t low, uint32_t high)
{
    return net_sum_of_4(net_ones_by_4(low) + 2u * net_ones_by_4(high));
}
#endif

/* Copy n bits behind others, into words that hold zeros from there on. */
static void net_copy_bits(net_cell *to, int32_t at, const net_cell *from, int32_t bit, int32_t n)
{
    int32_t shift = bit & 31, left = at & 31;

    from += bit >> 5;
    to += at >> 5;
    for (; n > 0; n -= 32, from++, to++) {
        uint32_t word = from->u >> shift;
        if (shift > 0 && n > 32 - shift) {
            word |= from[1].u << (32 - shift);
        }
        if (n < 32) {
            word &= (1u << n) - 1u;
        }
        to->u |= word << left;
        if (left > 0 && left + n > 32) {
            to[1].u |= word >> (32 - left);
        }
    }
}

/* Set n bits from a place on. */
static void net_set_bits(net_cell *to, int32_t at, int32_t n)
{
    for (; n > 0; n--, at++) {
        to[at >> 5].u |= 1u << (at & 31);
    }
}

/* Collect what a pixel of the output sees of a group of channels, plane after plane, then which of it lies within the
 * image. Returns whether all of it does. */
static int32_t net_gather_bits(const net_conv *l, const net_cell *codes, int32_t row, int32_t column, int32_t group,
                               net_cell *to)
{
    int32_t of_group = l->source->channels / l->groups, words = (l->length + 31) >> 5, planes = l->source->planes;
    int32_t dilation = l->dilation, top = row * l->stride_rows - dilation * ((l->kernel_rows - 1) / 2);
    int32_t left = column * l->stride_columns - dilation * ((l->kernel_columns - 1) / 2), first = 0, end = l->kernel_columns;
    int32_t plane_cells = (l->rows * l->columns * l->source->channels + 31) >> 5, is_run = dilation == 1 && l->groups == 1;
    int32_t is_inside, plane, i, k;

    for (i = 0; i < words * (planes + 1); i++) {
        to[i].u = 0;
    }
    while (first < end && left + first * dilation < 0) {
        first++;
    }
    while (end > first && left + (end - 1) * dilation >= l->columns) {
        end--;
    }
    is_inside = top >= 0 && top + dilation * (l->kernel_rows - 1) < l->rows && end - first == l->kernel_columns;
    for (i = 0; i < l->kernel_rows; i++) {
        int32_t y = top + i * dilation;
        if (y < 0 || y >= l->rows) {
            continue;
        }
        for (k = first; k < end; k += is_run ? end - first : 1) {
            int32_t at = (i * l->kernel_columns + k) * of_group, n = is_run ? (end - first) * of_group : of_group;
            int32_t from = (y * l->columns + left + k * dilation) * l->source->channels + group * of_group;
            for (plane = 0; plane < planes; plane++) {
                net_copy_bits(to + plane * words, at, codes + plane * plane_cells, from, n);
            }
            if (!is_inside) {
                net_set_bits(to + planes * words, at, n);
            }
        }
    }
    return is_inside;
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

static void net_convolve_bits(net_cell *net_arena, const net_conv *l)
{
    float act_scale = net_prepare(net_arena, l);
    int32_t is_stored = l->is_stored, of_group = l->filters / l->groups, words = (l->length + 31) >> 5;
    int32_t row_words = is_stored ? (l->length & 31) != 0 : 2 + 2 * words, first, n, row, column, group, i, k;
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
                for (group = 0; group < l->groups; group++) {
                    job.is_inside = net_gather_bits(l, net_arena + l->work, row, column, group, patch);
                    job.words = is_stored ? l->words + group * job.rows * (l->length >> 5) : NULL;
                    job.weights = weights + group * job.rows * row_words;
                    job.sums = sums + group * job.rows;
                    l->kernel(l, &job);
                }
                net_finish(net_arena, l, row, column, first, n, sums, act_scale);
            }
        }
    }
}

