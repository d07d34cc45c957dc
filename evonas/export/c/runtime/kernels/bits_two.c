/* Weights that may be zero or not, and indices of two bits in two planes. */
#define NET_MASKED(x) (((x) & w[0].u) ^ w[1].u)

static void net_bits_two(const net_conv *l, const net_job *job)
{
    const net_cell *w = job->weights;
    int32_t words = (l->length + 31) >> 5, stride = l->source->stride, low = l->source->low, r, k;

    for (r = 0; r < job->rows; r++) {
        const net_cell *x = job->columns, *high = x + words, *sums = w;
        uint32_t ones = 0;
        for (w += 2, k = words; k > 0; k--) {
            ones += NET_ONES_OF_2_BITS(NET_MASKED(x->u), NET_MASKED(high->u));
            x++;
            high++;
            w += 2;
        }
        if (job->is_inside || low == 0) {
            job->sums[r].i = sums[0].i + stride * (int32_t)ones;
        } else {
            uint32_t inside = 0;
            for (w = sums + 2, k = words; k > 0; k--) {
                inside += NET_ONES(NET_MASKED(high->u));
                high++;
                w += 2;
            }
            job->sums[r].i = sums[1].i + stride * (int32_t)ones + low * (int32_t)inside;
        }
    }
}

