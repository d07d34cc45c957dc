/* ---------------------------------------------------------------------------------------------------------------------
 * Convolutions of codes of up to 8 bits: two products at a time, two rows of weights by two pixels
 * ------------------------------------------------------------------------------------------------------------------ */

/* A sum and two products: of the low 16 bits, and of the high ones. Codes have a sign, indices of weights have none. */
NET_INLINE uint32_t net_dual(uint32_t codes, uint32_t indices, uint32_t sum)
{
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FEATURE_DSP)
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(codes), "r"(indices));
    return sum;
#else
    int32_t low = (int16_t)(codes & 0xffffu), high = (int16_t)(codes >> 16);
    return sum + (uint32_t)(low * (int32_t)(indices & 0xffffu)) + (uint32_t)(high * (int32_t)(indices >> 16));
#endif
}

/* A row of weights is words of indices, 16 / width in each half; each pair, at the same place of both, meets a cell. */
#define NET_DUAL(SHIFT, AT)                                                       \
    {                                                                             \
        uint32_t a = (p >> (SHIFT)) & mask, b = (q >> (SHIFT)) & mask;            \
        s0 = net_dual(x[AT].u, a, s0);                                            \
        s1 = net_dual(y[AT].u, a, s1);                                            \
        s2 = net_dual(x[AT].u, b, s2);                                            \
        s3 = net_dual(y[AT].u, b, s3);                                            \
    }
#define NET_WORDS(NAME, MASK, PAIRS, DUALS)                                       \
    static void NAME(const net_conv *l, const net_job *job)                       \
    {                                                                             \
        const uint32_t mask = MASK;                                               \
        uint32_t step = (uint32_t)(l->scaled_by == NET_BY_SIGN ? 1 : l->step);    \
        uint32_t other = l->scaled_by == NET_BY_SIGN ? 0u - step : step;          \
        int32_t words = (l->length * l->width + (l->is_stored ? 0 : 31)  ) >> 5, r, k; \
        for (r = 0; r < job->rows; r += 2) {                                      \
            int32_t next = r + 1 < job->rows;                                     \
            const net_cell *x = job->columns, *y = x + job->column_cells;         \
            const uint32_t *w = job->words + r * words, *v = w + next * words;    \
            uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;                              \
            net_cell *sums = job->sums + r;                                       \
            for (k = words; k >= 0; k--) {                                        \
                uint32_t p, q;                                                    \
                if (k > 0) {                                                      \
                    p = *w++;                                                     \
                    q = *v++;                                                     \
                } else if (job->weights != NULL) {                                \
                    p = job->weights[r].u;                                        \
                    q = job->weights[r + next].u;                                 \
                } else {                                                          \
                    break;                                                        \
                }                                                                 \
                DUALS                                                             \
                x += PAIRS;                                                       \
                y += PAIRS;                                                       \
            }                                                                     \
            sums[0].u = step * s0 + (uint32_t)job->offsets[0];                    \
            sums[job->sum_cells].u = step * s1 + (uint32_t)job->offsets[1];       \
            sums[next].u = (next ? other : step) * s2 + (uint32_t)job->offsets[0];\
            sums[job->sum_cells + next].u = (next ? other : step) * s3 + (uint32_t)job->offsets[1]; \
        }                                                                         \
    }

/* Codes on their way into cells of two. */
typedef struct { net_cell *at; int32_t total, is_half; } net_columns;

NET_INLINE void net_put(net_columns *to, int32_t code)
{
    if (to->is_half) {
        to->at->u |= (uint32_t)code << 16;
        to->at++;
    } else {
        to->at->u = (uint32_t)code & 0xffffu;
    }
    to->is_half ^= 1;
    to->total += code;
}

static void net_put_zeros(net_columns *to, int32_t n)
{
    for (; n > 0; n--) {
        net_put(to, 0);
    }
}

/* Unpack n codes of a stream. */
static void net_put_codes(net_columns *to, const net_source *s, const net_cell *stream, int32_t first, int32_t n)
{
    int32_t bits = s->bits, bit = first * bits, have = 32 - (bit & 31), low = s->low, stride = s->stride;
    uint32_t word, mask = (1u << bits) - 1u;
    net_columns local = *to;

    stream += bit >> 5;
    word = stream->u >> (bit & 31);
    for (; n > 0; n--) {
        uint32_t index = word;
        word >>= bits;
        have -= bits;
        if (have < 0) {
            uint32_t next = (++stream)->u;
            index |= next << (have + bits);
            word = next >> -have;
            have += 32;
        }
        net_put(&local, low + stride * (int32_t)(index & mask));
    }
    *to = local;
}

static void net_put_image(net_columns *to, const net_conv *l, const uint8_t *image, int32_t place, int32_t first,
                          int32_t n)
{
    int32_t c;

    for (c = first; c < first + n; c++) {
        net_put(to, image[NET_PLACE(c, place)] + l->source->low);
    }
}

/* Collect what a pixel of the output sees of a group of channels. Returns the sum of these codes. */
static int32_t net_gather_codes(const net_conv *l, const net_cell *codes, const uint8_t *image, int32_t row,
                                int32_t column, int32_t group, net_cell *columns)
{
    const net_source *s = l->source;
    int32_t of_group = s->channels / l->groups, dilation = l->dilation;
    int32_t top = row * l->stride_rows - dilation * ((l->kernel_rows - 1) / 2);
    int32_t left = column * l->stride_columns - dilation * ((l->kernel_columns - 1) / 2), i, k;
    int32_t is_run = dilation == 1 && l->groups == 1 && l->reads != NET_IMAGE && left >= 0
        && left + l->kernel_columns <= l->columns;
    net_columns to = {columns, 0, 0};

    for (i = 0; i < l->kernel_rows; i++) {
        int32_t y = top + i * dilation;
        if (y < 0 || y >= l->rows) {
            net_put_zeros(&to, l->kernel_columns * of_group);
        } else if (is_run) {
            net_put_codes(&to, s, codes, (y * l->columns + left) * s->channels, l->kernel_columns * of_group);
        } else {
            for (k = 0; k < l->kernel_columns; k++) {
                int32_t x = left + k * dilation, place = y * l->columns + x;
                if (x < 0 || x >= l->columns) {
                    net_put_zeros(&to, of_group);
                } else if (l->reads == NET_IMAGE) {
                    net_put_image(&to, l, image, place, group * of_group, of_group);
                } else {
                    net_put_codes(&to, s, codes, place * s->channels + group * of_group, of_group);
                }
            }
        }
    }
    net_put_zeros(&to, (32 / l->width - l->length % (32 / l->width)) % (32 / l->width));
    return to.total;
}

/* The place of a weight in its word. */
NET_INLINE int32_t net_shift(const net_conv *l, int32_t k)
{
    return (k & 1) * 16 + (k % (32 / l->width) >> 1) * l->width;
}

/* Unpack n rows of indices; of two terms by sign, magnitudes. */
static void net_load_words(const net_conv *l, net_reader *reader, int32_t n, net_cell *to)
{
    int32_t by_sign = l->scaled_by == NET_BY_SIGN, per_word = 32 / l->width, i, k;
    int32_t words = (l->length + per_word - 1) / per_word;

    for (i = 0; i < n; i++) {
        for (k = 0; k < (by_sign + 1) * words; k++) {
            to[k].u = 0;
        }
        for (k = 0; k < l->length; k++) {
            int32_t index = net_next(reader), weight = l->low + l->step * index;
            net_cell *word = to + k / per_word + (by_sign && weight < 0 ? words : 0);
            index = by_sign ? (weight < 0 ? -weight : weight) : index;
            word->u |= (uint32_t)index << net_shift(l, k);
        }
        to += (by_sign + 1) * words;
    }
}

static void net_convolve_words(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    float act_scale = net_prepare(net_arena, l);
    int32_t is_stored = l->is_stored, by_sign = l->scaled_by == NET_BY_SIGN, per_word = 32 / l->width;
    int32_t whole = l->length / per_word, rest = l->length % per_word, all = whole + (rest > 0), area = l->out_rows * l->out_columns;
    int32_t first, n, place, group, pixel, i, k;
    net_cell *weights = net_arena + l->weights, *patch = net_arena + l->patch, *sums = net_arena + l->sums;
    net_reader reader = {l->codes, 0, 0, l->bits};
    net_job job;

    job.column_cells = area > 1 ? all * (per_word / 2) : 0;
    for (first = 0; first < l->filters; first += l->block) {
        n = l->filters - first < l->block ? l->filters - first : l->block;
        if (!is_stored) {
            net_load_words(l, &reader, n * (by_sign ? 1 : l->terms), weights);
        } else if (rest > 0) {
            for (i = 0; i < l->filters * l->terms; i++) {
                weights[i].u = 0;
                for (k = 0; k < rest; k++) {
                    weights[i].u |= (uint32_t)net_next(&reader) << net_shift(l, k);
                }
            }
        }
        job.sum_cells = area > 1 ? n * l->terms * (1 + l->is_shuffled) : 0;
        job.rows = (l->groups > 1 ? l->filters / l->groups : n) * l->terms;
        for (place = 0; place < area; place += 2) {
            int32_t pixels = place + 1 < area ? 2 : 1;
            for (group = 0; group < l->groups; group++) {
                job.columns = patch;
                for (pixel = 0; pixel < pixels; pixel++) {
                    job.offsets[pixel] = (by_sign ? 0 : l->low) * net_gather_codes(
                        l, net_arena + l->work, image, (place + pixel) / l->out_columns, (place + pixel) % l->out_columns,
                        group, patch + pixel * job.column_cells);
                }
                job.offsets[1] = pixels > 1 ? job.offsets[1] : job.offsets[0];
                job.words = is_stored ? l->words + group * job.rows * whole : &weights[group * job.rows * all].u;
                job.weights = is_stored && rest > 0 ? weights + group * job.rows : NULL;
                job.sums = sums + group * job.rows;
                l->kernel(l, &job);
            }
            for (pixel = 0; pixel < pixels; pixel++) {
                net_finish(net_arena, l, (place + pixel) / l->out_columns, (place + pixel) % l->out_columns, first, n,
                           sums + pixel * job.sum_cells, act_scale);
            }
        }
    }
}

