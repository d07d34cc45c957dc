/* Run the network on an image; its logits lie in the arena afterwards. NULL: the arena cannot be used. */
static const net_cell *net_on(void *arena, const uint8_t *image)
{
    if (arena == NULL || (uintptr_t)arena % NET_ARENA_ALIGN != 0) {
        return NULL;
    }
    return net_forward((net_cell *)arena, image);
}

int net_run(void *arena, const uint8_t *image, float *logits)
{
    const net_cell *out = net_on(arena, image);
    int32_t i;

    if (out == NULL) {
        return -1;
    }
    for (i = 0; i < NET_CLASSES; i++) {
        logits[i] = out[i].f;
    }
    return 0;
}

int net_classify(void *arena, const uint8_t *image)
{
    const net_cell *out = net_on(arena, image);
    int best = 0, i;

    if (out == NULL) {
        return -1;
    }
    for (i = 1; i < NET_CLASSES; i++) {
        best = out[i].f > out[best].f ? i : best;
    }
    return best;
}

int net_argmax(const float *logits)
{
    int best = 0, i;

    for (i = 1; i < NET_CLASSES; i++) {
        best = logits[i] > logits[best] ? i : best;
    }
    return best;
}
