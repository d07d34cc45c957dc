/* ---------------------------------------------------------------------------------------------------------------------
 * Convolutions
 *
 * Channel by channel: a channel is unpacked once, and added to the sums of every filter, weight by weight. So each
 * weight is unpacked once as well, the inner loop runs along a row, and weights of zero cost nothing.
 * ------------------------------------------------------------------------------------------------------------------ */

/* One channel of what is convolved: codes, or floats where codes is NULL. */
typedef struct { const int16_t *codes; const net_cell *floats; } net_channel;

/* The outputs whose input, `shift` further on, lies within the image: first <= output < end. */
static void net_span(int32_t outputs, int32_t inputs, int32_t stride, int32_t shift, int32_t *first, int32_t *end)
{
    *first = shift >= 0 ? 0 : (stride - 1 - shift) / stride;
    *end = shift >= inputs ? 0 : (inputs - 1 - shift) / stride + 1;
    *end = *end < outputs ? *end : outputs;
}

/* Add a channel times one weight, which looks `down` and `aside` of where its result goes. */
static void net_add_weight(const net_conv *l, net_channel in, int32_t code, float factor, int32_t down, int32_t aside,
                           net_cell *sums)
{
    int32_t stride = l->stride_columns, top, bottom, left, right, i, k;

    net_span(l->out_rows, l->rows, l->stride_rows, down, &top, &bottom);
    net_span(l->out_columns, l->columns, stride, aside, &left, &right);
    for (i = top; i < bottom; i++) {
        int32_t from = (i * l->stride_rows + down) * l->columns + aside + left * stride, n = right - left;
        net_cell *sum = sums + i * l->out_columns + left;
        if (in.codes == NULL) {
            const net_cell *x = in.floats + from;
            for (k = 0; k < n; k++) {
                sum[k].f += factor * x[k * stride].f;
            }
        } else if (stride == 1) {
            const int16_t *x = in.codes + from;
            for (k = 0; k < n; k++) {
                sum[k].i += code * x[k];
            }
        } else {
            const int16_t *x = in.codes + from;
            for (k = 0; k < n; k++) {
                sum[k].i += code * x[k * stride];
            }
        }
    }
}

/* Add a channel's share to the sums of a filter; `at` is the place of its first weight. */
static void net_add_channel(const net_conv *l, net_channel in, int32_t at, int32_t term, net_cell *sums)
{
    int32_t above = l->dilation * ((l->kernel_rows - 1) / 2), before = l->dilation * ((l->kernel_columns - 1) / 2);
    int32_t row, column, code = 0;

    for (row = 0; row < l->kernel_rows; row++) {
        for (column = 0; column < l->kernel_columns; column++, at++) {
            if (l->codes != NULL) {
                code = net_weight(l, at);
                if (code == 0 || (l->scaled_by == NET_BY_SIGN && (code < 0) != term)) {
                    continue;
                }
            }
            net_add_weight(l, in, code, l->codes != NULL ? (float)code : l->floats[at], row * l->dilation - above,
                           column * l->dilation - before, sums);
        }
    }
}

/* Unpack a channel of codes; as floats where weights are floats. */
static net_channel net_unpack(net_cell *net_arena, const net_conv *l, const uint8_t *codes, int32_t channel)
{
    int32_t area = l->rows * l->columns, i;
    net_plane *plane = (net_plane *)(void *)(net_arena + NET_PLANE_AT);
    net_channel in = {NULL, NULL};

    for (i = 0; i < area; i++) {
        int32_t at = l->source == NET_IMAGE ? NET_PLACE(channel * area + i) : channel * area + i;
        int32_t code = l->act.low + l->act.stride * net_get(codes, at, l->act.bits);
        if (l->codes != NULL) {
            plane->codes[i] = (int16_t)code;
        } else {
            plane->floats[i].f = (float)code;
        }
    }
    if (l->codes != NULL) {
        in.codes = plane->codes;
    } else {
        in.floats = plane->floats;
    }
    return in;
}

/* Where a filter's result goes. */
static int32_t net_place(const net_conv *l, int32_t filter)
{
    int32_t per_group = l->filters / l->groups;
    const uint8_t *step;

    for (step = l->after; *step != NET_END; step++) {
        if (*step == NET_SHUFFLE) {
            return filter % per_group * l->groups + filter / per_group;
        }
    }
    return filter;
}

/* Run the steps behind a convolution. A shuffle changes the channel to the one where the result goes. */
static float net_behind(const net_cell *net_arena, const net_conv *l, float v, int32_t channel, int32_t to, int32_t i)
{
    const uint8_t *step;

    for (step = l->after; *step != NET_END; step++) {
        switch (*step) {
        case NET_NORM:
            v = v * l->norm_after[channel];
            v = v + l->norm_after[l->filters + channel];
            break;
        case NET_RELU:
            v = v > 0.0f ? v : 0.0f;
            break;
        case NET_SHUFFLE:
            channel = to;
            break;
        case NET_SHORTCUT:
            v = v + net_mean(net_arena + l->x + channel * l->height * l->width, l->height, l->width,
                             l->stride_rows, l->stride_columns, l->stride_rows, l->stride_columns, i / l->out_columns, i % l->out_columns);
            break;
        case NET_PRELU:
            v = v + l->prelu[l->filters + channel];
            if (!(v >= 0.0f)) {
                v = l->prelu[channel] * v;
            }
            v = v + l->prelu[2 * l->filters + channel];
            break;
        }
    }
    return v;
}

/* From the sums of a filter to the codes of the layer that reads them, by thresholds. */
static void net_pass(net_cell *net_arena, const net_conv *l, int32_t filter, int32_t to, const net_cell *sums)
{
    const net_act *act = &l->reader->act;
    int32_t area = l->out_rows * l->out_columns, n = (act->high - act->low) / act->stride, i, k;
    int32_t is_falling = l->falling[filter >> 3] >> (filter & 7) & 1;
    const int32_t *thresholds = l->thresholds + filter * n;

    for (i = 0; i < area; i++) {
        int32_t index = 0;
        for (k = 0; k < n; k++) {
            index += sums[i].i >= thresholds[k];
        }
        net_put((uint8_t *)(net_arena + l->out), to * area + i, act->bits, is_falling ? n - index : index);
    }
}

/* From the sums of a filter to floats, or to the codes of the layer that reads them. */
static void net_finish(net_cell *net_arena, const net_conv *l, int32_t filter, int32_t to, int32_t is_whole, float act_scale,
                       const net_cell *sums)
{
    int32_t area = l->out_rows * l->out_columns, i, t, channel = to;
    float scales[NET_TERMS] = {0.0f};

    for (t = 0; t < l->terms; t++) {
        float scale = l->scales == NULL ? 1.0f : l->scales[l->scaled_by == NET_FILTER ? filter : t];
        scales[t] = l->source == NET_IMAGE ? scale / NET_PER_ONE : scale * act_scale;
    }
    for (i = 0; i < area; i++) {
        float v = 0.0f;
        for (t = 0; t < l->terms; t++) {
            float part = is_whole ? (float)sums[t * area + i].i : sums[t * area + i].f;
            part = part * scales[t];
            v = t == 0 ? part : v + part;
        }
        if (l->bias != NULL) {
            v = v + l->bias[filter];
        }
        v = net_behind(net_arena, l, v, filter, to, i);
        if (l->reader == NULL) {
            net_arena[l->out + to * area + i].f = v;
        } else {
            const net_act *act = &l->reader->act;
            const uint8_t *steps = l->reader->before;
            v = net_front(l->reader, &steps, v, &channel, channel);
            net_put((uint8_t *)(net_arena + l->out), to * area + i, act->bits, net_index(act, v, act->threshold));
        }
    }
}

static void net_convolve(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    int32_t reads = l->channels / l->groups, per_group = l->filters / l->groups;
    int32_t area = l->out_rows * l->out_columns, in_place = l->sums == l->out, is_whole, first, end, c, f, t;
    const uint8_t *codes = l->source == NET_IMAGE ? image : NULL;
    const net_cell *floats = l->source == NET_TENSOR ? net_arena + l->x : NULL;
    net_cell *work = net_arena + l->work;
    float act_scale = l->act.scale;

    if (l->source == NET_CODES || l->source == NET_QUANTIZED) {
        codes = (const uint8_t *)work;
    } else if (l->source == NET_PREPARED) {
        floats = work;
    }
    if (l->source == NET_QUANTIZED) {
        act_scale = net_prepare(l, net_arena + l->x, (uint8_t *)work, NULL);
    } else if (l->source == NET_PREPARED) {
        act_scale = net_prepare(l, net_arena + l->x, NULL, work);
    }
    is_whole = codes != NULL && l->codes != NULL;

    for (first = 0; first < l->filters; first = end) {
        end = first + l->block < l->filters ? first + l->block : l->filters;
        memset(net_arena + l->sums, 0, (size_t)((end - first) * l->terms * area) * sizeof(net_cell));
        for (c = 0; c < l->channels; c++) {
            int32_t group = c / reads;
            int32_t from = first > group * per_group ? first : group * per_group;
            int32_t until = end < (group + 1) * per_group ? end : (group + 1) * per_group;
            net_channel in = {NULL, NULL};
            if (from >= until) {
                continue;
            }
            if (codes != NULL) {
                in = net_unpack(net_arena, l, codes, c);
            } else {
                in.floats = floats + c * l->rows * l->columns;
            }
            for (f = from; f < until; f++) {
                for (t = 0; t < l->terms; t++) {
                    int32_t plane = l->scaled_by == NET_BY_SIGN ? 0 : t;
                    int32_t place = in_place ? net_place(l, f) : (f - first) * l->terms + t;
                    int32_t at = ((plane * l->filters + f) * reads + c % reads) * l->kernel_rows * l->kernel_columns;
                    net_add_channel(l, in, at, t, net_arena + l->sums + place * area);
                }
            }
        }
        for (f = first; f < end; f++) {
            int32_t to = net_place(l, f);
            const net_cell *sums = net_arena + l->sums + (in_place ? to : (f - first) * l->terms) * area;
            if (l->thresholds != NULL) {
                net_pass(net_arena, l, f, to, sums);
            } else {
                net_finish(net_arena, l, f, to, is_whole, act_scale, sums);
            }
        }
    }
}
