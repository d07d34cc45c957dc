static void net_zeros(int32_t out, int32_t n)
{
    memset(net_arena + out, 0, (size_t)n * sizeof(net_cell));
}
