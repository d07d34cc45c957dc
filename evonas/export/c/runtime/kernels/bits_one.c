/* Weights that may be zero, and indices of one bit. */
#define NET_MASK(i) ((x[i].u & w[2 * (i)].u) ^ w[2 * (i) + 1].u)

static void net_bits_one(const net_conv *l, const net_job *job)
{
    const net_cell *w = job->weights;
    int32_t words = (l->length + 31) >> 5, stride = l->source->stride, low = l->source->low, r, k;

    for (r = 0; r < job->rows; r++) {
        const net_cell *x = job->columns, *sums = w;
        uint32_t ones = 0;
        for (w += 2, k = words; k > 2; k -= 3) {
            ones += NET_ONES_OF_3(NET_MASK(0), NET_MASK(1), NET_MASK(2));
            x += 3;
            w += 6;
        }
        for (; k > 0; k--) {
            ones += NET_ONES(NET_MASK(0));
            x++;
            w += 2;
        }
        if (job->is_inside || low == 0) {
            job->sums[r].i = sums[0].i + stride * (int32_t)ones;
        } else {
            uint32_t inside = 0;
            for (w = sums + 2, k = words; k > 0; k--) {
                inside += NET_ONES(NET_MASK(0));
                x++;
                w += 2;
            }
            job->sums[r].i = sums[1].i + stride * (int32_t)ones + low * (int32_t)inside;
        }
    }
}

