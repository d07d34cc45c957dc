
static void net_zeros(net_cell *net_arena, int32_t out, int32_t n)
{
    memset(net_arena + out, 0, (size_t)n * sizeof(net_tensor));
}
