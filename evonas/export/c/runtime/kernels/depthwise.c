/* ---------------------------------------------------------------------------------------------------------------------
 * Depthwise convolutions of codes: two channels at a time, from rows that are unpacked once
 * ------------------------------------------------------------------------------------------------------------------ */

/* Two codes of neighbouring channels; nothing behind the last one. */
static void net_pair_codes(const net_conv *l, const net_cell *codes, int32_t row, net_cell *to)
{
    const net_source *s = l->source;
    int32_t i, pairs = (s->channels + 1) / 2, n = l->columns * s->channels, c = 0;
    net_stream from = net_stream_at(codes, row * n * s->bits, s->bits);

    for (i = 0; i < l->columns * pairs; i++) {
        to[i].u = 0;
    }
    for (i = 0; i < n; i++) {
        to->u |= ((uint32_t)(s->low + s->stride * net_next_code(&from)) & 0xffffu) << (c & 1) * 16;
        to += c & 1;
        if (++c == s->channels) {
            to += c & 1;
            c = 0;
        }
    }
}

/* Unpack all weights: of two channels in a cell, tap by tap; term after term. */
static void net_load_pairs(const net_conv *l, net_cell *to)
{
    int32_t taps = l->length, pairs = (l->filters + 1) / 2, by_sign = l->scaled_by == NET_BY_SIGN, i, t, k;
    net_reader reader = {l->codes, 0, 0, l->bits};

    for (i = 0; i < l->terms * taps * pairs; i++) {
        to[i].u = 0;
    }
    for (i = 0; i < l->filters; i++) {
        for (t = 0; t < (by_sign ? 1 : l->terms); t++) {
            for (k = 0; k < taps; k++) {
                int32_t weight = l->low + l->step * net_next(&reader), term = by_sign ? weight < 0 : t;
                to[(term * taps + k) * pairs + i / 2].u |= ((uint32_t)weight & 0xffffu) << (i & 1) * 16;
            }
        }
    }
}

static void net_convolve_depthwise(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    float act_scale = net_prepare(net_arena, l, image);
    int32_t pairs = (l->filters + 1) / 2, taps = l->length, dilation = l->dilation, next = 0, row, column, i, k, t, n;
    int32_t above = dilation * ((l->kernel_rows - 1) / 2), before = dilation * ((l->kernel_columns - 1) / 2);
    int32_t kept = dilation * (l->kernel_rows - 1) + 1, row_cells = l->columns * pairs;
    net_cell *weights = net_arena + l->weights, *sums = net_arena + l->sums, *at = net_arena + l->patch, *lines = at + 2 * taps;

    net_load_pairs(l, weights);
    for (row = 0; row < l->out_rows; row++) {
        int32_t top = row * l->stride_rows - above;
        next = next > top ? next : top;
        for (; next < l->rows && next < top + kept; next++) {
            net_pair_codes(l, net_arena + l->work, next, lines + next % kept * row_cells);
        }
        for (column = 0; column < l->out_columns; column++) {
            n = 0;
            for (i = 0; i < l->kernel_rows; i++) {
                int32_t y = top + i * dilation;
                for (k = 0; k < l->kernel_columns; k++) {
                    int32_t x = column * l->stride_columns - before + k * dilation;
                    if (y >= 0 && y < l->rows && x >= 0 && x < l->columns) {
                        at[n++].i = y % kept * row_cells + x * pairs;
                        at[n++].i = (i * l->kernel_columns + k) * pairs;
                    }
                }
            }
            for (t = 0; t < l->terms; t++) {
                const net_cell *w = weights + t * taps * pairs, *x = lines;
                for (i = 0; i < pairs; i++, w++, x++) {
                    int32_t low = 0, high = 0;
                    for (k = 0; k < n; k += 2) {
                        uint32_t code = x[at[k].i].u, weight = w[at[k + 1].i].u;
                        low += (int16_t)(code & 0xffffu) * (int16_t)(weight & 0xffffu);
                        high += (int16_t)(code >> 16) * (int16_t)(weight >> 16);
                    }
                    sums[2 * i * l->terms + t].i = low;
                    if (2 * i + 1 < l->filters) {
                        sums[(2 * i + 1) * l->terms + t].i = high;
                    }
                }
            }
            net_finish(net_arena, l, image, row, column, 0, l->filters, sums, act_scale);
        }
    }
}

