/* Copy n numbers of each of several groups; between their starts lie in_step and out_step numbers. */
static void net_copy(net_cell *net_arena, int32_t in, int32_t in_step, int32_t out, int32_t out_step, int32_t groups, int32_t n)
{
    int32_t group;

    for (group = 0; group < groups; group++) {
        memcpy(net_arena + out + group * out_step, net_arena + in + group * in_step, (size_t)n * sizeof(net_cell));
    }
}
