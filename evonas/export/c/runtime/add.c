/* Sum of tensors of n numbers, in their order; the output may lie on an input. */
static void net_add(net_cell *net_arena, const int32_t *inputs, int32_t n_inputs, int32_t out, int32_t n)
{
    int32_t i, k;

    for (i = 0; i < n; i++) {
        float v = net_arena[inputs[0] + i].f;
        for (k = 1; k < n_inputs; k++) {
            v = net_apart(v + net_arena[inputs[k] + i].f);
        }
        net_arena[out + i].f = v;
    }
}

