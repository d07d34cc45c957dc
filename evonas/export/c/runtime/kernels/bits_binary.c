/* Binary weights and signs: weights that lie in whole words, and what is left of each row. */
#define NET_BINARY(WITHIN)                                                         \
    for (r = 0; r < job->rows; r++) {                                              \
        const net_cell *x = job->columns;                                          \
        uint32_t ones = 0, a, b, c;                                                \
        for (k = words / 3; k > 0; k--) {                                          \
            a = WITHIN(*w++);                                                      \
            b = WITHIN(*w++);                                                      \
            c = WITHIN(*w++);                                                      \
            NET_ADD_ONES_OF_3(ones, a, b, c);                                      \
        }                                                                          \
        if (more == 0) {                                                           \
            a = has_rest ? WITHIN(job->weights[r].u) : 0u;                         \
            NET_ADD_ONES(ones, a);                                                 \
        } else {                                                                   \
            a = WITHIN(*w++);                                                      \
            b = more > 1 ? WITHIN(*w++) : 0u;                                      \
            c = has_rest ? WITHIN(job->weights[r].u) : 0u;                         \
            NET_ADD_ONES_OF_3(ones, a, b, c);                                      \
        }                                                                          \
        job->sums[r].i = n - 2 * (int32_t)ones;                                    \
    }
#define NET_INSIDE(weight) ((x++)->u ^ (weight))
#define NET_WITHIN(weight) (x++, (x[-1].u ^ (weight)) & x[all - 1].u)

static void net_bits_binary(const net_conv *l, const net_job *job)
{
    NET_MASKS
    const uint32_t *w = job->words;
    int32_t words = l->length >> 5, more = words % 3, has_rest = (l->length & 31) != 0, all = words + has_rest;
    int32_t n = l->length, r, k;

    if (job->is_inside) {
        NET_BINARY(NET_INSIDE)
    } else {
        uint32_t inside = 0;
        for (k = all; k < 2 * all; k++) {
            NET_ADD_ONES(inside, job->columns[k].u);
        }
        n = (int32_t)inside;
        NET_BINARY(NET_WITHIN)
    }
}

