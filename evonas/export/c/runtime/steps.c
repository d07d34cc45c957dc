/* ---------------------------------------------------------------------------------------------------------------------
 * Steps in front of a convolution, and what makes codes of activations
 * ------------------------------------------------------------------------------------------------------------------ */

/* Which channel a channel shuffle puts in place c; any number of groups. */
static int32_t net_shuffled(int32_t c, int32_t groups, int32_t channels)
{
    int32_t group = c % groups, larger = channels % groups;

    return group * (channels / groups) + (group < larger ? group : larger) + c / groups;
}

/* Run steps up to a pool, which is left to the caller. A shuffle changes the channel to the one asked for. */
static float net_front(const net_conv *l, const uint8_t **steps, float v, int32_t *channel, int32_t asked)
{
    for (; **steps != NET_END && **steps != NET_POOL; ++*steps) {
        switch (**steps) {
        case NET_NORM:
            v = v * l->norm_before[*channel];
            v = v + l->norm_before[l->channels + *channel];
            break;
        case NET_RELU:
            v = v > 0.0f ? v : 0.0f;
            break;
        case NET_SHUFFLE:
            *channel = asked;
            break;
        }
    }
    return v;
}

/* What a layer's quantizer, or its convolution, reads of a channel at place i; i is 0 behind a pool. */
static float net_prepared(const net_conv *l, const net_cell *x, int32_t asked, int32_t i)
{
    int32_t area = l->height * l->width, source = asked, channel = asked, has_pool = 0;
    const uint8_t *steps;
    float v = 0.0f;

    for (steps = l->before; *steps != NET_END; steps++) {
        has_pool |= *steps == NET_POOL;
        source = *steps == NET_SHUFFLE ? net_shuffled(asked, l->groups, l->channels) : source;
    }
    x += source * area;
    if (has_pool) {
        net_pairs sum;
        sum.n = 0;
        for (i = 0; i < area; i++) {
            steps = l->before;
            channel = source;
            net_add_pair(&sum, net_front(l, &steps, x[i].f, &channel, asked));
        }
        v = net_total(&sum) / (float)area;
        steps++;
    } else {
        steps = l->before;
        channel = source;
        v = x[i].f;
    }
    return net_front(l, &steps, v, &channel, asked);
}

/* Index of an activation's code. */
static int32_t net_index(const net_act *act, float v, float threshold)
{
    switch (act->rule) {
    case NET_SIGN:
        return v >= 0.0f;
    case NET_ROUND:
        v = v / act->scale;
        v = v > (float)act->low ? v : (float)act->low;
        v = v < (float)act->high ? v : (float)act->high;
        v = v + 12582912.0f;  /* 1.5 * 2^23: no bits are left for a fraction, so this rounds, halves to even */
        v = v - 12582912.0f;
        return (int32_t)v - act->low;
    case NET_TWO_STEPS:
        return (v > threshold) + (v > threshold + act->scale);
    default:
        return (v > threshold) - (v < -threshold) + 1;
    }
}

/* Write what a convolution reads, as codes, or as floats where codes is NULL. Returns what a code is worth. */
static float net_prepare(const net_conv *l, const net_cell *x, uint8_t *codes, net_cell *floats)
{
    int32_t area = l->rows * l->columns, c, i;
    float threshold = l->act.threshold, scale = l->act.scale;

    if (l->act.rule == NET_PER_IMAGE) {
        net_pairs sum, kept;
        int32_t n = 0;
        sum.n = kept.n = 0;
        for (c = 0; c < l->channels; c++) {
            for (i = 0; i < area; i++) {
                float v = net_prepared(l, x, c, i);
                net_add_pair(&sum, v < 0.0f ? -v : v);
            }
        }
        threshold = net_total(&sum) / (float)(l->channels * area);
        threshold = l->act.ratio * threshold;
        for (c = 0; c < l->channels; c++) {
            for (i = 0; i < area; i++) {
                float v = net_prepared(l, x, c, i);
                v = v < 0.0f ? -v : v;
                n += v > threshold;
                net_add_pair(&kept, v > threshold ? v : 0.0f);
            }
        }
        scale = net_total(&kept) / (float)(n > 0 ? n : 1);
    }
    for (c = 0; c < l->channels; c++) {
        for (i = 0; i < area; i++) {
            float v = net_prepared(l, x, c, i);
            if (codes != NULL) {
                net_put(codes, c * area + i, l->act.bits, net_index(&l->act, v, threshold));
            } else {
                floats[c * area + i].f = v;
            }
        }
    }
    return scale;
}
