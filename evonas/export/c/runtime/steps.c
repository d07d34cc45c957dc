/* ---------------------------------------------------------------------------------------------------------------------
 * Steps in front of a convolution, and what makes codes of activations: some channels of a pixel at a time
 * ------------------------------------------------------------------------------------------------------------------ */

static void net_norm(net_cell *v, const void *norm, const int8_t *exponents, int32_t channels, int32_t first, int32_t n)
{
    net_numbers scale = net_numbers_at(norm, NET_NORM_BITS, exponents[0]);
    net_numbers shift = net_shifts_at(norm, channels, exponents[1]);
    int32_t i;

    for (i = 0; i < n; i++) {
        v[i].f = net_apart(v[i].f * net_value(&scale, first + i)) + net_value(&shift, first + i);
    }
}

static void net_relu(const net_cell *from, net_cell *to, int32_t n)
{
    int32_t i;

    for (i = 0; i < n; i++) {
        to[i].f = from[i].f > 0.0f ? from[i].f : 0.0f;
    }
}

/* Run steps up to a pool on n channels from the first one on. */
static void net_front(const net_source *s, const uint8_t **steps, int32_t first, int32_t n, net_cell *v)
{
    for (; **steps != NET_END && **steps != NET_POOL; ++*steps) {
        if (NET_HAS_NORM && **steps == NET_NORM) {
            net_norm(v, s->norm_before, s->norm_exponents, s->channels, first, n);
        } else {
            net_relu(v, v, n);
        }
    }
}

/* What a layer's quantizer, or its convolution, reads of one channel at a place; of all places, behind a pool. */
static float net_prepared(const net_source *s, net_view x, int32_t channel, int32_t place)
{
    int32_t area = s->height * s->width, i;
    const uint8_t *steps = s->before;
    net_cell v;

    v.f = net_get(x, place, channel);
    net_front(s, &steps, channel, 1, &v);
    if (NET_HAS_POOL && *steps == NET_POOL) {
        net_pairs sum;
        sum.n = 0;
        for (i = 0; i < area; i++) {
            steps = s->before;
            v.f = net_get(x, i, channel);
            net_front(s, &steps, channel, 1, &v);
            net_add_pair(&sum, v.f);
        }
        v.f = net_total(&sum) / net_apart((float)area);
        steps++;
        net_front(s, &steps, channel, 1, &v);
    }
    return v.f;
}

/* Indices of numbers that are rounded; they are divided before, unless a norm has done so. */
NET_INLINE void net_round(const net_source *s, const net_cell *from, net_cell *to, int32_t n, int32_t is_divided)
{
    int32_t zero = 0x4b400000, low = zero + s->low, high = zero + s->high, i;
    float scale = s->scale;

    for (i = 0; i < n; i++) {
        net_cell v;
        v.f = is_divided ? from[i].f / net_apart(scale) : from[i].f;
        v.f = v.f + 12582912.0f;  /* 1.5 * 2^23: its last bits are a whole number, halves rounded to even */
        v.i = v.i > low ? v.i : low;
        to[i].i = (v.i < high ? v.i : high) - low;
    }
}

/* Indices of the codes of n activations, of more than one bit. */
static void net_indices(const net_source *s, const net_cell *from, net_cell *to, int32_t n, float threshold)
{
    float above = threshold + s->scale;
    int32_t i;

    if (NET_HAS_DIVIDED && s->rule == NET_ROUND && (!NET_HAS_ROUND || s->scale != 1.0f)) {
        net_round(s, from, to, n, 1);
    } else if (NET_HAS_ROUND && s->rule == NET_ROUND) {
        net_round(s, from, to, n, 0);
    } else if (NET_HAS_TWO_STEPS && s->rule == NET_TWO_STEPS) {
        for (i = 0; i < n; i++) {
            to[i].i = (from[i].f > threshold) + (from[i].f > above);
        }
    } else if (NET_HAS_TERNARY) {
        for (i = 0; i < n; i++) {
            to[i].i = (from[i].f > threshold) - (from[i].f < -threshold) + 1;
        }
    }
}

/* Make codes of n activations, and store them as elements of what a layer reads; indices may take their place. */
static void net_quantize(const net_source *s, const net_cell *from, net_cell *indices, int32_t n, float threshold,
                         net_cell *codes, int32_t elements, int32_t first)
{
    if (NET_HAS_SIGN && s->rule == NET_SIGN) {
        net_pack_signs(codes, first, from, n);
    } else {
        net_indices(s, from, indices, n, threshold);
        net_store(s, codes, elements, first, indices, n);
    }
}

/* Indices of the codes of all channels of a pixel of a tensor, by its numbers themselves. */
static void net_limit(const net_source *s, net_view x, int32_t place, net_cell *to)
{
    const net_tensor *from = x.at + place * x.channels;
    int32_t most = (s->high - s->low) / s->stride, i;  /* no more than 3 */
    const int16_t *limit = s->limits;

    for (i = 0; i < x.channels; i++) {
        int32_t number = (int32_t)from[i], index = number >= limit[0];
        if (most > 1) {
            index += number >= limit[1];
        }
        if (most > 2) {
            index += number >= limit[2];
        }
        limit += most;
        to[i].i = s->limits_fall[i >> 3] >> (i & 7) & 1 ? most - index : index;
    }
}

/* The sum of a channel in a norm of whole numbers. */
#define NET_WHOLE(i) ((int32_t)from[i] * net_whole_number(&scale, i) + net_whole_number(&shift, i) * up)

/* The same by a norm of whole numbers. What floats would compute is exact there, so that all results are equal. */
static void net_whole(const net_source *s, net_view x, int32_t place, net_cell *to)
{
    const net_tensor *from = x.at + place * x.channels;
    net_numbers scale = net_numbers_at(s->norm_before, NET_NORM_BITS, 0);
    net_numbers shift = net_shifts_at(s->norm_before, x.channels, 0);
    int32_t down = -s->norm_exponents[0], up = 1 << (s->norm_exponents[1] + down), n = x.channels, i;

    if (NET_HAS_WHOLE_ROUND && s->rule == NET_ROUND) {
        int32_t low = s->low, high = s->high;
        for (i = 0; i < n; i++) {
            int32_t v = NET_WHOLE(i);
            v = net_down(v, down);
            v = v > low ? v : low;
            to[i].i = (v < high ? v : high) - low;
        }
    } else if (NET_HAS_WHOLE_SIGN && s->rule == NET_SIGN) {
        for (i = 0; i < n; i++) {
            to[i].i = NET_WHOLE(i) >= 0;
        }
    } else if (NET_HAS_WHOLE_COMPARED) {
        int32_t above = s->above, other = s->rule == NET_TWO_STEPS ? above + (1 << down) : -above - 1;
        for (i = 0; i < n; i++) {
            int32_t v = NET_WHOLE(i);
            to[i].i = (v > above) + (v > other);
        }
    }
}

/* Whether codes of a tensor are made without floats. */
NET_INLINE int32_t net_is_whole(const net_source *s)
{
    return (NET_HAS_LIMITS && s->limits != NULL) || (NET_HAS_WHOLE && s->before[0] == NET_WHOLE);
}

/* Indices of the codes of all channels of a pixel of a tensor, without floats. */
static void net_without_floats(const net_source *s, net_view x, int32_t place, net_cell *to)
{
    if (NET_HAS_WHOLE && (!NET_HAS_LIMITS || s->limits == NULL)) {
        net_whole(s, x, place, to);
    } else {
        net_limit(s, x, place, to);
    }
}

/* Threshold and scale that depend on the image. */
static void net_measure(const net_source *s, net_view x, int32_t area, float *threshold, float *scale)
{
    net_pairs sum, kept;
    int32_t n = 0, c, i;

    sum.n = kept.n = 0;
    for (c = 0; c < s->channels; c++) {
        for (i = 0; i < area; i++) {
            float v = net_prepared(s, x, c, i);
            net_add_pair(&sum, v < 0.0f ? -v : v);
        }
    }
    *threshold = net_apart(s->threshold * net_apart(net_total(&sum) / net_apart((float)(s->channels * area))));
    for (c = 0; c < s->channels; c++) {
        for (i = 0; i < area; i++) {
            float v = net_prepared(s, x, c, i);
            v = v < 0.0f ? -v : v;
            n += v > *threshold;
            net_add_pair(&kept, v > *threshold ? v : 0.0f);
        }
    }
    *scale = net_total(&kept) / net_apart((float)(n > 0 ? n : 1));
}

/* Make what a convolution reads of a tensor: codes, or floats. Returns what a code is worth. */
static float net_prepare(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    const net_source *s = l->source;
    net_view x = net_view_of(net_arena, l->x, s->channels, image);
    net_cell *work = net_arena + l->work, *row = net_arena + l->sums;
    int32_t area = l->rows * l->columns, channels = s->channels, has_pool = 0, c, i;
    float threshold = s->threshold, scale = s->scale;
    const uint8_t *steps;

    if (!NET_HAS_WORK || (l->reads != NET_QUANTIZED && l->reads != NET_PREPARED)) {
        return scale;
    }
    if (NET_HAS_PER_IMAGE && s->rule == NET_PER_IMAGE) {
        net_measure(s, x, area, &threshold, &scale);
    }
    for (steps = s->before; *steps != NET_END; steps++) {
        has_pool |= *steps == NET_POOL;
    }
    for (i = 0; i < area; i++) {
        if (net_is_whole(s)) {
            net_without_floats(s, x, i, row);
            net_store(s, work, area * channels, i * channels, row, channels);
            continue;
        }
        if (l->reads == NET_PREPARED) {
            row = work + i * channels;
        }
        if (NET_HAS_POOL && has_pool) {
            for (c = 0; c < channels; c++) {
                row[c].f = net_prepared(s, x, c, 0);
            }
        } else {
            steps = s->before;
            net_load(x, i, 0, channels, row);
            net_front(s, &steps, 0, channels, row);
        }
        if (l->reads == NET_QUANTIZED) {
            net_quantize(s, row, row, channels, threshold, work, area * channels, i * channels);
        }
    }
    return scale;
}

