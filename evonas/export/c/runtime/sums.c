/* ---------------------------------------------------------------------------------------------------------------------
 * Sums of floats, in an order that never changes
 * ------------------------------------------------------------------------------------------------------------------ */

/* Neighbours are added in pairs, then neighbouring pairs, and so on; one that is left over moves up unchanged. */
typedef struct { uint32_t n; float part[32]; } net_pairs;

static void net_add_pair(net_pairs *sum, float value)
{
    uint32_t n = sum->n++;
    int32_t level = 0;

    for (; n & 1; n >>= 1) {
        value = net_apart(sum->part[level++] + value);
    }
    sum->part[level] = value;
}

static float net_total(const net_pairs *sum)
{
    float total = 0.0f;
    int32_t level, is_first = 1;

    for (level = 0; level < 32; level++) {
        if (sum->n >> level & 1) {
            total = is_first ? sum->part[level] : net_apart(sum->part[level] + total);
            is_first = 0;
        }
    }
    return total;
}

/* The part of a window's side that lies within the image. */
static void net_window(int32_t place, int32_t kernel, int32_t stride, int32_t side, int32_t *first, int32_t *end)
{
    int32_t start = place * stride - (kernel - 1) / 2;

    *first = start > 0 ? start : 0;
    *end = start + kernel < side ? start + kernel : side;
}

/* Mean of a channel over a window; pixels outside the image do not count. Rows are added first, from top to bottom. */
static float net_mean(net_view x, int32_t channel, int32_t height, int32_t width, int32_t kernel_rows,
                      int32_t kernel_columns, int32_t stride_rows, int32_t stride_columns, int32_t row, int32_t column)
{
    int32_t top, bottom, left, right, i, k;
    float total = 0.0f;

    net_window(row, kernel_rows, stride_rows, height, &top, &bottom);
    net_window(column, kernel_columns, stride_columns, width, &left, &right);
    for (k = left; k < right; k++) {
        float sum = net_get(x, top * width + k, channel);
        for (i = top + 1; i < bottom; i++) {
            sum = net_apart(sum + net_get(x, i * width + k, channel));
        }
        total = k == left ? sum : net_apart(total + sum);
    }
    return total / net_apart((float)(bottom - top) * (float)(right - left));
}

