/* The first `taken` channels of one tensor, then those of the other from there on, shuffled to lie evenly. */
static void net_splice(int32_t part, int32_t whole, int32_t out, int32_t taken, int32_t channels, int32_t area)
{
    int32_t groups = (channels + taken - 1) / taken, c;

    for (c = 0; c < channels; c++) {
        int32_t from = net_shuffled(c, groups, channels);
        memcpy(net_arena + out + c * area, net_arena + (from < taken ? part : whole) + from * area,
               (size_t)area * sizeof(net_cell));
    }
}
