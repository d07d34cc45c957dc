/* ---------------------------------------------------------------------------------------------------------------------
 * Steps behind a convolution: some filters of a pixel at a time
 * ------------------------------------------------------------------------------------------------------------------ */

/* What a sum of a filter, or of a term, is worth; floats say it themselves. */
NET_INLINE float net_worth(const net_conv *l, const net_numbers *scales, int32_t i, float act_scale)
{
    float scale = net_value(scales, i);

    if (NET_SCALE_BITS == 32) {
        return scale;
    }
    return l->reads == NET_IMAGE ? scale / net_apart(NET_PER_ONE) : net_apart(scale * act_scale);
}

/* Sums times what one is worth; the results of several terms are added up. */
static void net_scale(const net_conv *l, int32_t first, int32_t n, const net_cell *sums, net_cell *to, float act_scale)
{
    int32_t is_whole = l->reads != NET_TENSOR && l->reads != NET_PREPARED && l->floats == NULL, i, t;
    int32_t is_measured = l->source->rule == NET_PER_IMAGE;
    net_numbers scales = net_numbers_at(l->scales, NET_SCALE_BITS, l->scale_exponent);
    int32_t each = l->scales != NULL && l->scaled_by == NET_FILTER;
    float shared[2] = {0.0f, 0.0f}, by = is_measured ? 1.0f : act_scale;

    if (!NET_HAS_PARTS || (is_whole && l->terms == 1 && !is_measured)) {
        if (NET_HAS_FILTER_SCALES && each) {
            for (i = 0; i < n; i++) {
                to[i].f = (float)sums[i].i * net_worth(l, &scales, first + i, act_scale);
            }
        } else if (NET_HAS_ONES && (!NET_HAS_SCALE || l->scale == 1.0f)) {
            for (i = 0; i < n; i++) {
                to[i].f = (float)sums[i].i;
            }
        } else {
            float scale = l->scale;
            for (i = 0; i < n; i++) {
                to[i].f = (float)sums[i].i * scale;
            }
        }
        return;
    }
    for (t = 0; t < 2 && t < l->terms; t++) {  /* what all filters share is made once */
        shared[t] = l->scales == NULL ? l->scale : net_worth(l, &scales, t, by);
    }
    for (i = 0; i < n; i++) {
        float v = 0.0f;
        for (t = 0; t < l->terms; t++) {
            float scale = each || t > 1 ? net_worth(l, &scales, each ? first + i : t, by) : shared[t];
            float part = is_whole ? (float)sums->i : sums->f;
            sums++;
            scale = is_measured ? net_apart(scale * act_scale) : scale;
            part = net_apart(part * scale);
            v = t == 0 ? part : net_apart(v + part);
        }
        to[i].f = v;
    }
}

static void net_add_bias(net_cell *v, const net_conv *l, int32_t first, int32_t n)
{
    net_numbers bias = net_numbers_at(l->bias, NET_BIAS_BITS, l->bias_exponent);
    int32_t i;

    for (i = 0; i < n; i++) {
        v[i].f = v[i].f + net_value(&bias, first + i);
    }
}

static void net_shortcut(const net_conv *l, net_view x, net_cell *v, int32_t first, int32_t n, int32_t row,
                         int32_t column)
{
    const net_source *s = l->source;
    int32_t i;

    for (i = 0; i < n; i++) {
        v[i].f = v[i].f + net_mean(x, first + i, s->height, s->width, l->stride_rows, l->stride_columns,
                                   l->stride_rows, l->stride_columns, row, column);
    }
}

static void net_prelu(net_cell *v, const net_conv *l, int32_t first, int32_t n)
{
    net_numbers slope = net_numbers_at(l->prelu, NET_SHIFT_BITS, l->prelu_exponents[0]);
    net_numbers before = net_numbers_at(l->prelu, NET_SHIFT_BITS, l->prelu_exponents[1]);
    net_numbers after = net_numbers_at(l->prelu, NET_SHIFT_BITS, l->prelu_exponents[2]);
    int32_t filters = l->filters, i;

    for (i = first; i < first + n; i++, v++) {
        float x = v->f + net_value(&before, filters + i);
        if (!(x >= 0.0f)) {
            x = net_apart(net_value(&slope, i) * x);
        }
        v->f = net_apart(x) + net_value(&after, 2 * filters + i);
    }
}

/* Sums up to 16 bits, or of all. */
#define NET_IS_WIDE(l) (NET_HAS_WIDE && (!NET_HAS_NARROW || (l)->is_wide))

NET_INLINE int32_t net_threshold(const void *thresholds, int32_t is_wide, int32_t i)
{
    return is_wide ? ((const int32_t *)thresholds)[i] : ((const int16_t *)thresholds)[i];
}

/* From sums to bits of the layer that reads them, eight at a time. */
NET_INLINE void net_bits_of(const net_conv *l, int32_t at, int32_t first, int32_t n, const net_cell *sums, net_cell *to,
                            int32_t is_wide)
{
    net_bits stream = net_bits_at(to, at);
    int32_t threshold = first;
    const uint8_t *falling = l->falling + (first >> 3);
    int32_t have = first & 7, from = have;

    while (n > 0) {
        uint32_t bits = 0;
        do {
            bits |= (uint32_t)(sums->i >= net_threshold(l->thresholds, is_wide, threshold)) << have;
            sums++;
            threshold++;
            have++;
        } while (--n > 0 && have < 8);
        bits ^= *falling++ & ((1u << have) - (1u << from));
        net_append(&stream, bits >> from, have - from);
        have = from = 0;
    }
    net_end_bits(&stream);
}

static void net_pass_bits(const net_conv *l, int32_t at, int32_t first, int32_t n, const net_cell *sums, net_cell *to)
{
    if (NET_IS_WIDE(l)) {
        net_bits_of(l, at, first, n, sums, to, 1);
    } else {
        net_bits_of(l, at, first, n, sums, to, 0);
    }
}

/* From sums to indices of the codes of the layer that reads them, by thresholds. */
NET_INLINE void net_indices_of(const net_conv *l, int32_t first, int32_t n, net_cell *sums, int32_t is_wide)
{
    const net_source *s = l->reader;
    int32_t most = (s->high - s->low) / s->stride, falling = 0, i;  /* no more than 3 */
    int32_t threshold = first * most;

    for (i = 0; i < n; i++) {
        int32_t sum = sums[i].i, index = sum >= net_threshold(l->thresholds, is_wide, threshold);
        if (most > 1) {
            index += sum >= net_threshold(l->thresholds, is_wide, threshold + 1);
        }
        if (most > 2) {
            index += sum >= net_threshold(l->thresholds, is_wide, threshold + 2);
        }
        threshold += most;
        if (i == 0 || ((first + i) & 7) == 0) {
            falling = l->falling[(first + i) >> 3] >> ((first + i) & 7);
        }
        sums[i].i = falling & 1 ? most - index : index;
        falling >>= 1;
    }
}

static void net_pass(const net_conv *l, int32_t elements, int32_t at, int32_t first, int32_t n, net_cell *sums,
                     net_cell *to)
{
    if (NET_IS_WIDE(l)) {
        net_indices_of(l, first, n, sums, 1);
    } else {
        net_indices_of(l, first, n, sums, 0);
    }
    net_store(l->reader, to, elements, at, sums, n);
}

/* Add to tensors, in their order, before one of which the results come. */
static void net_add_to(const net_cell *net_arena, const net_conv *l, const uint8_t *image, net_cell *v, int32_t place,
                       int32_t first, int32_t n)
{
    int32_t i, k;

    for (i = 0; i < n; i++) {
        float total = l->added_at == 0 ? v[i].f : 0.0f;
        for (k = 0; k < l->n_added; k++) {
            float number = net_get(net_view_of(net_arena, l->added[k], l->filters, image), place, first + i);
            total = k == 0 && l->added_at > 0 ? number : net_apart(total + number);
            total = k + 1 == l->added_at ? net_apart(total + v[i].f) : total;
        }
        v[i].f = total;
    }
}

/* From sums to numbers of a tensor, in whole numbers. */
static void net_whole_sums(const net_cell *net_arena, const net_conv *l, const uint8_t *image, int32_t place,
                           int32_t first, int32_t n, net_cell *v, net_tensor *out)
{
    int32_t is_norm = l->norm_after != NULL, down = -(is_norm ? l->norm_exponents[0] : l->scale_exponent);
    int32_t most = 1 << (NET_STREAM_BITS - 1) % 31, i, k;

    if (NET_HAS_WHOLE_NORMS && is_norm) {
        net_numbers scale = net_numbers_at(l->norm_after, NET_NORM_BITS, 0);
        net_numbers shift = net_shifts_at(l->norm_after, l->filters, 0);
        int32_t up = 1 << (l->norm_exponents[1] + down);
        for (i = 0; i < n; i++) {
            v[i].i = v[i].i * net_whole_number(&scale, first + i) + net_whole_number(&shift, first + i) * up;
        }
    } else if (NET_HAS_FILTER_SCALES && l->scales != NULL) {
        net_numbers scale = net_numbers_at(l->scales, NET_SCALE_BITS, 0);
        for (i = 0; i < n; i++) {
            v[i].i *= net_whole_number(&scale, first + i);
        }
    } else {
        int32_t scale = (int32_t)l->scale;
        for (i = 0; i < n; i++) {
            v[i].i *= scale;
        }
    }
    if (l->after[1] == NET_RELU) {
        for (i = 0; i < n; i++) {
            v[i].i = v[i].i > 0 ? v[i].i : 0;
        }
    }
    for (k = 0; NET_HAS_SUMS && k < l->n_added; k++) {
        const net_tensor *from = net_view_of(net_arena, l->added[k], l->filters, image).at + place * l->filters + first;
        for (i = 0; i < n; i++) {
            v[i].i += (int32_t)from[i] * (1 << down);
        }
    }
    for (i = 0; i < n; i++) {
        int32_t number = net_down(v[i].i, down);
        number = number < -most ? -most : number;
        out[i] = (net_tensor)(number < most - 1 ? number : most - 1);
    }
}

/* Finish the sums of n filters of a pixel: numbers of a tensor, or codes of the layer that reads them. */
static void net_finish(net_cell *net_arena, const net_conv *l, const uint8_t *image, int32_t row, int32_t column,
                       int32_t first, int32_t n, net_cell *sums, float act_scale)
{
    const net_source *s = l->reader;
    int32_t place = row * l->out_columns + column, at = place * l->filters + first;
    int32_t elements = l->out_rows * l->out_columns * l->filters, i, g, t;
    net_cell *out = net_arena + l->out;
    const uint8_t *step;

    if (NET_HAS_SHUFFLE && l->is_shuffled) {
        int32_t per_group = l->filters / l->groups;
        net_cell *turned = sums + l->filters * l->terms;
        for (i = 0; i < per_group; i++) {
            for (g = 0; g < l->groups; g++) {
                for (t = 0; t < l->terms; t++) {
                    *turned++ = sums[(g * per_group + i) * l->terms + t];
                }
            }
        }
        sums += l->filters * l->terms;
    }
    if (NET_HAS_BIT_THRESHOLDS && l->thresholds != NULL && s->bits == 1) {
        net_pass_bits(l, at, first, n, sums, out);
        return;
    }
    if (NET_HAS_THRESHOLDS && l->thresholds != NULL) {
        net_pass(l, elements, at, first, n, sums, out);
        return;
    }
    if (NET_HAS_WHOLE_SUMS && l->after[0] == NET_WHOLE) {
        net_whole_sums(net_arena, l, image, place, first, n, sums, (net_tensor *)out + at);
        return;
    }
    net_scale(l, first, n, sums, sums, act_scale);
    if (l->bias != NULL) {
        net_add_bias(sums, l, first, n);
    }
    for (step = l->after; *step != NET_END; step++) {
        if (NET_HAS_NORM && *step == NET_NORM) {
            net_norm(sums, l->norm_after, l->norm_exponents, l->filters, first, n);
        } else if (NET_HAS_SHORTCUT && *step == NET_SHORTCUT) {
            net_shortcut(l, net_view_of(net_arena, l->x, l->source->channels, image), sums, first, n, row, column);
        } else if (NET_HAS_PRELU && *step == NET_PRELU) {
            net_prelu(sums, l, first, n);
        } else {
            net_relu(sums, sums, n);
        }
    }
    if (NET_HAS_READERS && s != NULL) {
        step = s->before;
        net_front(s, &step, first, n, sums);
        net_quantize(s, sums, sums, n, s->threshold, out, elements, at);
        return;
    }
    if (NET_HAS_SUMS && l->added != NULL) {
        net_add_to(net_arena, l, image, sums, place, first, n);
    }
    if (l->writes_floats) {
        for (i = 0; i < n; i++) {
            out[at + i].f = l->writes_floats > 1 ? sums[i].f * NET_STEP : sums[i].f;
        }
        return;
    }
    for (i = 0; i < n; i++) {
        ((net_tensor *)out)[at + i] = net_rounded(sums[i].f);
    }
}
