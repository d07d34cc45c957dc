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
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FEATURE_DSP)
/* Loads stand where they are needed, since compilers that move them run out of registers. */
#define NET_DUAL(SHIFT)                                                           \
    a = (p >> (SHIFT)) & mask;                                                    \
    b = (q >> (SHIFT)) & mask;                                                    \
    __asm__ volatile("ldr %0, [%5], #4\n\tsmlad %1, %0, %7, %1\n\tsmlad %3, %0, %8, %3\n\t" \
                     "ldr %0, [%6], #4\n\tsmlad %2, %0, %7, %2\n\tsmlad %4, %0, %8, %4"       \
                     : "=&r"(code), "+r"(s0), "+r"(s1), "+r"(s2), "+r"(s3), "+r"(x), "+r"(y)    \
                     : "r"(a), "r"(b)                                             \
                     : "memory");
#else
#define NET_DUAL(SHIFT)                                                           \
    a = (p >> (SHIFT)) & mask;                                                    \
    b = (q >> (SHIFT)) & mask;                                                    \
    code = (x++)->u;                                                              \
    s0 = net_dual(code, a, s0);                                                   \
    s2 = net_dual(code, b, s2);                                                   \
    code = (y++)->u;                                                              \
    s1 = net_dual(code, a, s1);                                                   \
    s3 = net_dual(code, b, s3);
#endif
#define NET_WORDS(NAME, MASK, DUALS)                                              \
    static void NAME(const net_conv *l, const net_job *job)                       \
    {                                                                             \
        uint32_t mask = net_kept(MASK), s0, s1, s2, s3, a, b, code;               \
        int32_t words = (l->length * l->width + (l->is_stored ? 0 : 31)) >> 5, r, k; \
        for (r = 0; r < job->rows; r += 2) {                                      \
            int32_t next = r + 1 < job->rows;                                     \
            const net_cell *x = job->columns, *y = x + job->column_cells;         \
            const uint32_t *w = job->words + r * words, *v = w + next * words;    \
            const net_cell *rest = job->weights;                                  \
            s0 = s1 = s2 = s3 = 0;                                                \
            for (k = words;;) {                                                   \
                for (; k > 0; k--) {                                              \
                    uint32_t p = *w++, q = *v++;                                  \
                    DUALS                                                         \
                }                                                                 \
                if (rest == NULL) {                                               \
                    break;                                                        \
                }                                                                 \
                w = &rest[r].u;                                                   \
                v = &rest[r + next].u;                                            \
                rest = NULL;                                                      \
                k = 1;                                                            \
            }                                                                     \
            net_end_dots(l, job, r, s0, s1, 0);                                   \
            net_end_dots(l, job, r + next, s2, s3, next);                         \
        }                                                                         \
    }

/* A number in a register. */
NET_INLINE uint32_t net_kept(uint32_t x)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(x));
#endif
    return x;
}

/* Sums of products with indices become sums of products with weights. */
NET_INLINE void net_end_dots(const net_conv *l, const net_job *job, int32_t r, uint32_t sum, uint32_t other, int32_t is_second)
{
    net_cell *to = job->sums + r;
    uint32_t step = (uint32_t)(l->scaled_by == NET_BY_SIGN ? (is_second ? -1 : 1) : l->step);

    to[0].u = step * sum + (uint32_t)job->offsets[0];
    to[job->sum_cells].u = step * other + (uint32_t)job->offsets[1];
}

/* Unpack a row of the image, or of codes: two in a cell. */
static void net_unpack_row(const net_conv *l, const net_cell *codes, const uint8_t *image, int32_t row, net_cell *to)
{
    const net_source *s = l->source;
    int32_t n = l->columns * s->channels, channel = 0, place = row * l->columns, i, code;
    net_stream from = {NULL, 0, 0, 0, 0};

    if (image == NULL) {
        from = net_stream_at(codes, row * n * s->bits, s->bits);
    }
    for (i = 0; i < n; i++) {
        if (image == NULL) {
            code = s->low + s->stride * net_next_code(&from);
        } else {
            code = image[NET_PLACE(channel, place)] + s->low;
            if (++channel == s->channels) {
                channel = 0;
                place++;
            }
        }
        if (i & 1) {
            to->u |= (uint32_t)code << 16;
            to++;
        } else {
            to->u = (uint32_t)code & 0xffffu;
        }
    }
}

/* The same of a row of a tensor, by way of the floats of a pixel. */
static void net_quantize_row(const net_conv *l, net_view x, int32_t row, net_cell *pixel, net_cell *to)
{
    const net_source *s = l->source;
    int32_t is_half = 0, code, i, k;

    for (i = row * l->columns; i < (row + 1) * l->columns; i++) {
        const uint8_t *steps = s->before;
        int32_t is_whole = net_is_whole(s), is_sign = s->rule == NET_SIGN && !is_whole;
        if (is_whole) {
            net_without_floats(s, x, i, pixel);
        } else {
            net_load(x, i, 0, s->channels, pixel);
            net_front(s, &steps, 0, s->channels, pixel);
            if (!is_sign) {
                net_indices(s, pixel, pixel, s->channels, s->threshold);
            }
        }
        for (k = 0; k < s->channels; k++) {
            code = s->low + s->stride * (is_sign ? pixel[k].f >= 0.0f : pixel[k].i);
            if (is_half) {
                to->u |= (uint32_t)code << 16;
                to++;
            } else {
                to->u = (uint32_t)code & 0xffffu;
            }
            is_half ^= 1;
        }
    }
}

/* Codes on their way into cells of two. */
typedef struct { net_cell *at; uint32_t total, is_half; } net_columns;

NET_INLINE void net_put(net_columns *to, uint32_t code)
{
    if (to->is_half) {
        to->at->u |= code << 16;
        to->at++;
    } else {
        to->at->u = code & 0xffffu;
    }
    to->is_half ^= 1u;
}

static void net_put_zeros(net_columns *to, int32_t n)
{
    for (; n > 0; n--) {
        net_put(to, 0);
    }
}

/* Copy n codes of a row from the i-th on; add them up. */
static void net_put_codes(net_columns *to, const net_cell *row, int32_t i, int32_t n)
{
    const net_cell *from = row + (i >> 1);
    net_cell *at = to->at;
    uint32_t pair, total = to->total;

    if (to->is_half && n > 0) {
        pair = i & 1 ? from->u & 0xffff0000u : from->u << 16;
        at->u |= pair;
        at++;
        total = net_dual(pair, 0x00010001u, total);
        from += i & 1;
        i++;
        n--;
        to->is_half = 0;
    }
    if (i & 1) {
        for (; n > 1; n -= 2) {
            pair = from[0].u >> 16 | from[1].u << 16;
            from++;
            (at++)->u = pair;
            total = net_dual(pair, 0x00010001u, total);
        }
    } else {
        for (; n > 1; n -= 2) {
            pair = (from++)->u;
            (at++)->u = pair;
            total = net_dual(pair, 0x00010001u, total);
        }
    }
    if (n > 0) {
        pair = i & 1 ? from->u >> 16 : from->u & 0xffffu;
        at->u = pair;
        total = net_dual(pair, 0x00010001u, total);
        to->is_half = 1;
    }
    to->at = at;
    to->total = total;
}

/* Collect what a pixel of the output sees of a group of channels. Returns the sum of these codes. */
static int32_t net_gather_codes(const net_conv *l, const net_cell *lines, const net_place *at, int32_t group, net_cell *columns)
{
    int32_t channels = l->source->channels, of_group = channels / l->groups, dilation = l->dilation, per_word = 32 / l->width;
    int32_t step = dilation == 1 && l->groups == 1 ? at->end - at->first : 1, i, k;
    int32_t kept = dilation * (l->kernel_rows - 1) + 1, line_cells = (l->columns * channels + 1) >> 1;
    net_columns to = {columns, 0, 0};

    for (i = 0; i < l->kernel_rows; i++) {
        int32_t y = at->top + i * dilation;
        const net_cell *line;
        if (y < 0 || y >= l->rows) {
            net_put_zeros(&to, l->kernel_columns * of_group);
            continue;
        }
        line = lines + y % kept * line_cells;
        net_put_zeros(&to, at->first * of_group);
        for (k = at->first; k < at->end; k += step) {
            net_put_codes(&to, line, (at->left + k * dilation) * channels + group * of_group, step * of_group);
        }
        net_put_zeros(&to, (l->kernel_columns - at->end) * of_group);
    }
    net_put_zeros(&to, (per_word - l->length % per_word) % per_word);
    return (int32_t)to.total;
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
    float act_scale = net_prepare(net_arena, l, image);
    int32_t is_stored = l->is_stored, by_sign = l->scaled_by == NET_BY_SIGN, per_word = 32 / l->width;
    int32_t whole = l->length / per_word, rest = l->length % per_word, all = whole + (rest > 0), area = l->out_rows * l->out_columns;
    int32_t kept = l->dilation * (l->kernel_rows - 1) + 1, line_cells = (l->columns * l->source->channels + 1) >> 1;
    int32_t first, n, place, pixels, group, pixel, next, i, k;
    net_cell *weights = net_arena + l->weights, *patch = net_arena + l->patch, *sums = net_arena + l->sums;
    net_cell *lines = patch + (area > 1 ? 2 : 1) * all * (per_word / 2);
    net_reader reader = {l->codes, 0, 0, l->bits};
    net_view x = net_view_of(net_arena, l->x, l->source->channels, image);
    const uint8_t *pixels_of = l->reads == NET_IMAGE ? image : NULL;
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
        for (place = 0, next = 0; place < area; place += pixels) {
            net_place at[2];
            /* of several groups, the rows of the first pixel are read again when those of the second are unpacked */
            pixels = place + 1 < area && (l->groups == 1 || (place + 1) % l->out_columns != 0) ? 2 : 1;
            for (group = 0; group < l->groups; group++) {
                job.columns = patch;
                for (pixel = 0; pixel < pixels; pixel++) {
                    if (group == 0) {
                        at[pixel] = net_window_at(l, (place + pixel) / l->out_columns, (place + pixel) % l->out_columns);
                    }
                    next = next > at[pixel].top ? next : at[pixel].top;
                    for (; next < l->rows && next < at[pixel].top + kept; next++) {
                        if (l->reads == NET_ROWS) {
                            net_quantize_row(l, x, next, sums, lines + next % kept * line_cells);
                        } else {
                            net_unpack_row(l, net_arena + l->work, pixels_of, next, lines + next % kept * line_cells);
                        }
                    }
                    job.offsets[pixel] = (by_sign ? 0 : l->low)
                        * net_gather_codes(l, lines, &at[pixel], group, patch + pixel * job.column_cells);
                }
                job.offsets[1] = pixels > 1 ? job.offsets[1] : job.offsets[0];
                job.words = is_stored ? l->words + group * job.rows * whole : &weights[group * job.rows * all].u;
                job.weights = is_stored && rest > 0 ? weights + group * job.rows : NULL;
                job.sums = sums + group * job.rows;
                l->kernel(l, &job);
            }
            for (pixel = 0; pixel < pixels; pixel++) {
                net_finish(net_arena, l, image, (place + pixel) / l->out_columns, (place + pixel) % l->out_columns, first, n,
                           sums + pixel * job.sum_cells, act_scale);
            }
        }
    }
}

