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

#ifdef NET_SUBTRACTS_MEAN
float net_level(const float *numbers)
{
    net_pairs sum;
    int32_t channel, i;

    sum.n = 0;
    for (channel = 0; channel < NET_CHANNELS; channel++) {
        for (i = 0; i < NET_HEIGHT * NET_WIDTH; i++) {
            net_add_pair(&sum, numbers[NET_PLACE(channel, i)]);
        }
    }
    return net_total(&sum) / (float)(NET_CHANNELS * NET_HEIGHT * NET_WIDTH);
}
#endif

void net_encode(const float *numbers, uint8_t *image)
{
    int32_t channel, row, column;
#ifdef NET_SUBTRACTS_MEAN
    float mean = net_level(numbers);
#else
    float mean = 0.0f;  /* x - 0 is x */
#endif

    for (channel = 0; channel < NET_CHANNELS; channel++) {
        for (row = 0; row < NET_HEIGHT; row++) {
            for (column = 0; column < NET_WIDTH; column++) {
                int32_t at = NET_PLACE(channel, row * NET_WIDTH + column);
                image[at] = net_code(numbers[at] - mean, channel, row, column);
            }
        }
    }
}

