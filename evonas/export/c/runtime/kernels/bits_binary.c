/* Binary weights and signs: weights that lie in whole words, and what is left of each row. */
#define NET_MEET(i) (x[i].u ^ w[i])
#define NET_MEET_INSIDE(i) ((x[i].u ^ w[i]) & inside[i].u)
#define NET_COUNT(MEET, LAST)                                                              \
    for (r = 0; r < job->rows; r++) {                                                      \
        const net_cell *x = job->columns, *inside = within;                                \
        (void)inside;                                                                      \
        uint32_t ones = 0;                                                                 \
        for (k = words; k > 2; k -= 3) {                                                   \
            ones += NET_ONES_OF_3(MEET(0), MEET(1), MEET(2));                              \
            x += 3;                                                                        \
            w += 3;                                                                        \
            inside += 3;                                                                   \
        }                                                                                  \
        if (k == 0) {                                                                      \
            ones += has_rest ? NET_ONES(LAST) : 0u;                                        \
        } else {                                                                           \
            ones += NET_ONES_OF_3(MEET(0), k > 1 ? MEET(1) : 0u, has_rest ? (LAST) : 0u);  \
        }                                                                                  \
        w += k;                                                                            \
        job->sums[r].i = n - 2 * (int32_t)ones;                                            \
    }

static void net_bits_binary(const net_conv *l, const net_job *job)
{
    const uint32_t *w = job->words;
    const net_cell *within = job->columns + ((l->length + 31) >> 5);
    int32_t words = l->length >> 5, has_rest = (l->length & 31) != 0, n = l->length, r, k;

    if (job->is_inside) {
        NET_COUNT(NET_MEET, x[k].u ^ job->weights[r].u)
    } else {
        n = 0;
        for (k = 0; k < words + has_rest; k++) {
            n += (int32_t)NET_ONES(within[k].u);
        }
        NET_COUNT(NET_MEET_INSIDE, (x[k].u ^ job->weights[r].u) & inside[k].u)
    }
}

