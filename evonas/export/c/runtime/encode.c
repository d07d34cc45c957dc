/* ---------------------------------------------------------------------------------------------------------------------
 * Numbers as codes: standardised, rounded with halves to even, cut, and stored as bytes of which NET_ZERO is the mean
 * ------------------------------------------------------------------------------------------------------------------ */

uint8_t net_code(float x, int32_t channel, int32_t row, int32_t column)
{
    int32_t at = channel * NET_STANDARD_CHANNEL + row * NET_STANDARD_ROW + column * NET_STANDARD_COLUMN;
    float v = x - net_centre[at];

    v = v * net_density[at];
    v = v > -(float)NET_ZERO ? v : -(float)NET_ZERO;
    v = v < (float)NET_ZERO ? v : (float)NET_ZERO;
    v = v + 12582912.0f;  /* 1.5 * 2^23: no bits are left for a fraction */
    v = v - 12582912.0f;
    return (uint8_t)((int32_t)v + NET_ZERO);
}

void net_encode(const float *numbers, uint8_t *image)
{
    int32_t channel, row, column;

    for (channel = 0; channel < NET_CHANNELS; channel++) {
        for (row = 0; row < NET_HEIGHT; row++) {
            for (column = 0; column < NET_WIDTH; column++) {
                *image++ = net_code(*numbers++, channel, row, column);
            }
        }
    }
}

