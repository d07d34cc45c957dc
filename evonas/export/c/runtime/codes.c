/* ---------------------------------------------------------------------------------------------------------------------
 * Codes in memory: a stream of bits, each number from its lowest bit up; ternary weights are five a byte
 * ------------------------------------------------------------------------------------------------------------------ */

static int32_t net_get(const uint8_t *packed, int32_t i, int32_t bits)
{
    int32_t shift = i * bits & 7;
    int32_t value;

    packed += i * bits >> 3;
    value = packed[0] >> shift;
    if (shift + bits > 8) {
        value |= packed[1] << (8 - shift);
    }
    return value & ((1 << bits) - 1);
}

static void net_put(uint8_t *packed, int32_t i, int32_t bits, int32_t value)
{
    int32_t shift = i * bits & 7;
    int32_t mask = (1 << bits) - 1;

    packed += i * bits >> 3;
    packed[0] = (uint8_t)((packed[0] & ~(mask << shift)) | value << shift);
    if (shift + bits > 8) {
        packed[1] = (uint8_t)((packed[1] & ~(mask >> (8 - shift))) | value >> (8 - shift));
    }
}

static int32_t net_weight(const net_conv *l, int32_t i)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};

    return l->low + l->step * (l->bits == 0 ? l->codes[i / 5] / powers[i % 5] % 3 : net_get(l->codes, i, l->bits));
}
