/* Where a window lies in the image. */
typedef struct { int32_t top, left, first, end, is_inside; } net_place;

static net_place net_window_at(const net_conv *l, int32_t row, int32_t column)
{
    int32_t dilation = l->dilation;
    net_place at;

    at.top = row * l->stride_rows - dilation * ((l->kernel_rows - 1) / 2);
    at.left = column * l->stride_columns - dilation * ((l->kernel_columns - 1) / 2);
    at.first = 0;
    at.end = l->kernel_columns;
    while (at.first < at.end && at.left + at.first * dilation < 0) {
        at.first++;
    }
    while (at.end > at.first && at.left + (at.end - 1) * dilation >= l->columns) {
        at.end--;
    }
    at.is_inside = at.top >= 0 && at.top + dilation * (l->kernel_rows - 1) < l->rows
        && at.end - at.first == l->kernel_columns;
    return at;
}

