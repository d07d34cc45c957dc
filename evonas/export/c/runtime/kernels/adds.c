/* ---------------------------------------------------------------------------------------------------------------------
 * Convolutions of ternary weights and codes of up to 4 bits: four pixels of a row in a word, added where a weight is not
 * zero. Codes less their lowest lie as bytes, row by row, channel by channel, with what zero is around them.
 * ------------------------------------------------------------------------------------------------------------------ */

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define NET_IS_BIG 1
#else
#define NET_IS_BIG 0
#endif

/* Fours of bytes from a place on: as they lie, where a processor can read them; or from words on both sides. */
#if NET_IS_BIG || defined(__ARM_FEATURE_UNALIGNED) || defined(__aarch64__) || defined(__i386__) || defined(__x86_64__)
NET_INLINE uint32_t net_four(const net_cell *base, int32_t place, int32_t i)
{
    uint32_t four;

    memcpy(&four, (const uint8_t *)base + place + 4 * i, 4);
    return four;
}
#define NET_EACH(FOUR) FOUR(net_four(base, *places, 0), net_four(base, *places, 1), \
                            net_four(base, *places, 2), net_four(base, *places, 3))
#else
#define NET_EACH(FOUR)                                                                \
    {                                                                                 \
        const net_cell *at = base + (*places >> 2);                                   \
        int32_t shift = (*places & 3) * 8, rest = 32 - shift;                         \
        if (shift == 0) {                                                             \
            FOUR(at[0].u, at[1].u, at[2].u, at[3].u)                                  \
        } else {                                                                      \
            FOUR((at[0].u >> shift) | (at[1].u << rest), (at[1].u >> shift) | (at[2].u << rest), \
                 (at[2].u >> shift) | (at[3].u << rest), (at[3].u >> shift) | (at[4].u << rest)) \
        }                                                                             \
    }
#endif
#define NET_ADD_TWO(one, two, three, four) \
    a += one;                              \
    b += two;
#define NET_ADD_FOUR(one, two, three, four) \
    a += one;                               \
    b += two;                               \
    c += three;                             \
    d += four;

/* One by one: a call of memset takes longer. */
NET_INLINE void net_no_sums(uint32_t *sums)
{
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    sums[4] = sums[5] = sums[6] = sums[7] = 0;
}

/* Add fours of bytes from n places, of two or of four times four neighbouring pixels, to sums of two pixels in a word; or
 * subtract them. */
static void net_add_fours(const net_cell *base, const uint16_t *places, int32_t n, int32_t burst, int32_t is_wide,
                          uint32_t sign, uint32_t *sums)
{
    const uint16_t *end = places + n, *until;
    uint32_t a, b, c, d;

    while (places < end) {
        until = end - places > burst ? places + burst : end;
        a = b = 0;
        if (is_wide) {
            c = d = 0;
            do {
                NET_EACH(NET_ADD_FOUR)
                places++;
            } while (places != until);
            sums[4] += sign * (c & 0x00ff00ffu);
            sums[5] += sign * ((c >> 8) & 0x00ff00ffu);
            sums[6] += sign * (d & 0x00ff00ffu);
            sums[7] += sign * ((d >> 8) & 0x00ff00ffu);
        } else {
            do {
                NET_EACH(NET_ADD_TWO)
                places++;
            } while (places != until);
        }
        sums[0] += sign * (a & 0x00ff00ffu);
        sums[1] += sign * ((a >> 8) & 0x00ff00ffu);
        sums[2] += sign * (b & 0x00ff00ffu);
        sums[3] += sign * ((b >> 8) & 0x00ff00ffu);
    }
}

/* Store the sums of some pixels, plus a number, so many cells apart. */
static void net_spread_sums(const uint32_t *sums, int32_t pixels, int32_t number, net_cell *to, int32_t apart)
{
    int32_t i;

    for (i = 0; (i & ~3) < pixels; i += i & 1 ? 3 : 1, sums++) {  /* 0 1 4 5 8 9 12 13, each with the next but one */
        int32_t low = (int16_t)(*sums & 0xffffu), high = (int16_t)((*sums - (uint32_t)low) >> 16);
        int32_t first = NET_IS_BIG ? i ^ 3 : i, second = NET_IS_BIG ? (i + 2) ^ 3 : i + 2;
        if (first < pixels) {
            to[first * apart].i = low + number;
        }
        if (second < pixels) {
            to[second * apart].i = high + number;
        }
    }
}

/* List where n rows of weights are not zero: how many are positive, how many negative, what is to be added for the lowest
 * code, then the places of positive ones; those of negative ones end the row. */
static void net_load_places(const net_conv *l, net_reader *reader, int32_t n, int32_t line, net_cell *to)
{
    int32_t channels = l->source->channels, stride = l->stride_columns, bytes = line * channels, i, k, c, r;
    net_reader local = *reader;

    for (r = 0; r < n; r++, to += l->row_cells) {
        uint16_t *places = to[3].h, *end = to[l->row_cells].h, *negative = end;
        for (i = 0; i < l->kernel_rows; i++) {
            for (k = 0; k < l->kernel_columns; k++) {
                int32_t aside = k * l->dilation;
                int32_t place = (i * l->dilation * stride + aside % stride) * bytes + aside / stride;
                for (c = 0; c < channels; c++, place += line) {
                    int32_t index = net_next_of_three(&local);
                    if (index == 2) {
                        *places++ = (uint16_t)place;
                    } else if (index == 0) {
                        *--negative = (uint16_t)place;
                    }
                }
            }
        }
        to[0].i = (int32_t)(places - to[3].h);
        to[1].i = (int32_t)(end - negative);
        to[2].i = l->source->low * (to[0].i - to[1].i);
    }
    *reader = local;
}

/* Put a row of codes into bytes. */
static void net_spread_row(const net_conv *l, const net_cell *codes, int32_t row, int32_t line, net_cell *to)
{
    const net_source *s = l->source;
    int32_t stride = l->stride_columns, channels = s->channels, n = l->columns * channels, each = s->stride, x, c;
    int32_t place = l->dilation * ((l->kernel_columns - 1) / 2);
    uint32_t zero = (uint32_t)-s->low * 0x01010101u;

    for (c = 0; c < stride * channels * line >> 2; c++) {
        to[c].u = zero;
    }
    if (row >= 0 && row < l->rows) {
        net_stream from = net_stream_at(codes, row * n * s->bits, s->bits);
        for (x = 0; x < l->columns && place / stride < line; x++, place++) {
            uint8_t *at = (uint8_t *)to + place % stride * channels * line + place / stride;
            for (c = 0; c < channels; c++, at += line) {
                *at = (uint8_t)(each * net_next_code(&from));
            }
        }
    }
}

static void net_convolve_adds(net_cell *net_arena, const net_conv *l, const uint8_t *image)
{
    float act_scale = net_prepare(net_arena, l, image);
    const net_source *s = l->source;
    int32_t by_sign = l->scaled_by == NET_BY_SIGN, stride = l->stride_columns, kept = l->dilation * (l->kernel_rows - 1) + 1;
    int32_t line = (((l->out_columns + 7) & ~7) + l->dilation * (l->kernel_columns - 1) / stride + 3) & ~3;
    int32_t row_cells = stride * s->channels * line >> 2, burst = 255 / (s->high - s->low), first, n, row, column, i, r, terms;
    int32_t above = l->dilation * ((l->kernel_rows - 1) / 2);
    net_cell *sums = net_arena + l->sums, *weights = net_arena + l->weights;
    net_cell *lines = net_arena + l->patch;
    net_reader reader = {l->codes, 0, 0, l->bits};

    for (first = 0; first < l->filters; first += l->block) {
        n = l->filters - first < l->block ? l->filters - first : l->block;
        terms = n * l->terms;
        net_load_places(l, &reader, by_sign ? n : terms, line, weights);
        for (row = 0; row < l->out_rows; row++) {
            int32_t fresh = row == 0 || l->stride_rows > kept ? kept : l->stride_rows, top = row * l->stride_rows - above;
            for (i = 0; i < (kept - fresh) * row_cells; i++) {
                lines[i] = lines[i + fresh * row_cells];
            }
            for (i = kept - fresh; i < kept; i++) {
                net_spread_row(l, net_arena + l->work, top + i, line, lines + i * row_cells);
            }
            for (column = 0; column < l->out_columns; column += 16) {
                const net_cell *list = weights;
                int32_t pixels = l->out_columns - column < 16 ? l->out_columns - column : 16;
                const net_cell *base = lines + (column >> 2);
                for (r = 0; r < terms; r += 1 + by_sign, list += l->row_cells) {
                    uint32_t wide[8];
                    const uint16_t *negative = list[l->row_cells].h - list[1].i;
                    net_no_sums(wide);
                    net_add_fours(base, list[3].h, list[0].i, burst, pixels > 8, 1u, wide);
                    if (by_sign) {
                        net_spread_sums(wide, pixels, s->low * list[0].i, sums + r, terms);
                        net_no_sums(wide);
                    }
                    net_add_fours(base, negative, list[1].i, burst, pixels > 8, 0u - 1u, wide);
                    net_spread_sums(wide, pixels, by_sign ? -s->low * list[1].i : list[2].i, sums + r + by_sign, terms);
                }
                for (i = 0; i < pixels; i++) {
                    net_finish(net_arena, l, image, row, column + i, first, n, sums + i * terms, act_scale);
                }
            }
        }
    }
}

