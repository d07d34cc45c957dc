
/* ---------------------------------------------------------------------------------------------------------------------
 * Numbers that are no weights: floats; or whole numbers of 8 or 16 bits, times a power of two; or, of 4 bits, powers of
 * two themselves, two in a byte: a sign above how far below the largest
 * ------------------------------------------------------------------------------------------------------------------ */

typedef struct { const void *at; int32_t bits; net_cell unit; } net_numbers;

NET_INLINE net_numbers net_numbers_at(const void *at, int32_t bits, int32_t exponent)
{
    net_numbers from;

    from.at = at;
    from.bits = bits;
    from.unit.i = (exponent + 127) * (1 << 23);  /* as a float, the power of two */
    return from;
}

/* Shifts of a norm of so many channels, behind their scales. */
NET_INLINE net_numbers net_shifts_at(const void *norm, int32_t channels, int32_t exponent)
{
    return net_numbers_at((const uint8_t *)norm + ((channels * NET_NORM_BITS + 7) >> 3), NET_SHIFT_BITS, exponent);
}

/* The i-th, in units. */
NET_INLINE int32_t net_whole_number(const net_numbers *from, int32_t i)
{
    int32_t code, power;

    if (from->bits == 16) {
        return ((const int16_t *)from->at)[i];
    }
    if (from->bits == 8) {
        return ((const int8_t *)from->at)[i];
    }
    code = ((const uint8_t *)from->at)[i >> 1] >> (i & 1) * 4;
    power = 128 >> (code & 7);
    return code & 8 ? -power : power;
}

NET_INLINE float net_value(const net_numbers *from, int32_t i)
{
    net_cell v;

    if (from->bits == 32) {
        return ((const float *)from->at)[i];
    }
    v.f = (float)net_whole_number(from, i);
#if defined(__SOFTFP__) || (defined(__riscv) && !defined(__riscv_flen))
    v.i += v.i == 0 ? 0 : from->unit.i - 127 * (1 << 23);  /* adding exponents takes less than multiplying in software */
#else
    v.f = v.f * from->unit.f;
#endif
    return v.f;
}

/* So many bits less, rounded, halves to even. */
NET_INLINE int32_t net_down(int32_t v, int32_t bits)
{
    return (v + (1 << bits >> 1) - 1 + (v >> bits & 1)) >> bits;
}
