/* Weights that may be zero, and indices of one or two bits, a plane each; on borders, which of them there are, too. */
#define NET_MASKED(weights) (((x++)->u & (weights)[0].u) ^ (weights)[1].u)

static void net_bits_planes(const net_conv *l, const net_job *job)
{
    NET_MASKS
    const net_cell *row = job->weights;
    int32_t words = (l->length + 31) >> 5, planes = l->source->planes, low = l->source->low, r, k, plane;
    int32_t is_whole = job->is_inside || low == 0, n = planes + !is_whole;

    for (r = 0; r < job->rows; r++, row += 2 + 2 * words) {
        const net_cell *x = job->columns;
        int32_t sum = row[is_whole ? 0 : 1].i;
        for (plane = 0; plane < n; plane++) {
            const net_cell *w = row + 2;
            uint32_t ones = 0;
            for (k = words; k > 2; k -= 3) {
                uint32_t a = NET_MASKED(w), b = NET_MASKED(w + 2), c = NET_MASKED(w + 4);
                NET_ADD_ONES_OF_3(ones, a, b, c);
                w += 6;
            }
            for (; k > 0; k--) {
                uint32_t a = NET_MASKED(w);
                NET_ADD_ONES(ones, a);
                w += 2;
            }
            sum += (int32_t)ones * (plane == planes ? low : l->source->stride << plane);
        }
        job->sums[r].i = sum;
    }
}

