/* ---------------------------------------------------------------------------------------------------------------------
 * Convolutions of floats
 * ------------------------------------------------------------------------------------------------------------------ */

/* What a layer reads of a channel at a place, as a float. */
static float net_number(const net_cell *net_arena, const net_conv *l, const uint8_t *image, int32_t place,
                        int32_t channel)
{
    const net_source *s = l->source;
    int32_t i = place * s->channels + channel, width = s->bits / s->planes, plane, shift;
    const net_cell *codes = net_arena + l->work;
    uint32_t index = 0;

    switch (l->reads) {
    case NET_IMAGE:
        return (float)(image[NET_PLACE(channel, place)] + s->low);
    case NET_TENSOR:
        return net_get(net_view_of(net_arena, l->x, s->channels, image), place, channel);
    case NET_PREPARED:
        return codes[i].f;
    default:
        for (plane = 0; plane < s->planes; plane++) {
            const net_cell *from = codes + plane * net_cells(l->rows * l->columns * s->channels, width) + (i * width >> 5);
            uint32_t part = from->u >> (shift = i * width & 31);
            if (shift + width > 32) {
                part |= from[1].u << (32 - shift);
            }
            index |= (part & ((1u << width) - 1u)) << plane * width;
        }
        return (float)(s->low + s->stride * (int32_t)index);
    }
}

static void net_convolve_floats(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    float act_scale = net_prepare(net_arena, l, image);
    int32_t of_group = l->source->channels / l->groups, by_sign = l->scaled_by == NET_BY_SIGN, dilation = l->dilation;
    int32_t first, n, row, column, group, r, i, k, c;
    net_cell *weights = net_arena + l->weights, *patch = net_arena + l->patch, *sums = net_arena + l->sums;
    net_reader reader = {l->codes, 0, 0, l->bits};

    for (first = 0; first < l->filters; first += l->block) {
        n = l->filters - first < l->block ? l->filters - first : l->block;
        if (l->floats == NULL) {
            for (i = 0; i < n * (by_sign ? 1 : l->terms); i++) {
                for (k = 0; k < l->length; k++) {
                    int32_t weight = l->low + l->step * net_next(&reader);
                    if (by_sign) {
                        weights[2 * i * l->length + k].f = (float)(weight > 0 ? weight : 0);
                        weights[(2 * i + 1) * l->length + k].f = (float)(weight < 0 ? weight : 0);
                    } else {
                        weights[i * l->length + k].f = (float)weight;
                    }
                }
            }
        }
        for (row = 0; row < l->out_rows; row++) {
            for (column = 0; column < l->out_columns; column++) {
                for (group = 0; group < l->groups; group++) {
                    int32_t rows = (l->groups > 1 ? l->filters / l->groups : n) * l->terms, at = 0;
                    for (i = 0; i < l->kernel_rows; i++) {
                        int32_t y = row * l->stride_rows + dilation * (i - (l->kernel_rows - 1) / 2);
                        for (k = 0; k < l->kernel_columns; k++) {
                            int32_t x = column * l->stride_columns + dilation * (k - (l->kernel_columns - 1) / 2);
                            int32_t is_inside = y >= 0 && y < l->rows && x >= 0 && x < l->columns;
                            for (c = group * of_group; c < (group + 1) * of_group; c++) {
                                patch[at++].f = is_inside ? net_number(net_arena, l, image, y * l->columns + x, c) : 0.0f;
                            }
                        }
                    }
                    for (r = group * rows; r < (group + 1) * rows; r++) {
                        float sum = 0.0f;
                        for (k = 0; k < l->length; k++) {
                            sum += patch[k].f * (l->floats != NULL ? l->floats[first * l->length + r * l->length + k]
                                                                   : weights[r * l->length + k].f);
                        }
                        sums[r].f = sum;
                    }
                }
                net_finish(net_arena, l, image, row, column, first, n, sums, act_scale);
            }
        }
    }
}

