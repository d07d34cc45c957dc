/* ---------------------------------------------------------------------------------------------------------------------
 * What layers are made of
 * ------------------------------------------------------------------------------------------------------------------ */

/* An element of a tensor: a number, or a sum of codes on its way to become one. */
typedef union { float f; int32_t i; } net_cell;

/* Steps of the module around a convolution, in front of it or behind it; what ends a list is NET_END. */
enum { NET_END, NET_NORM, NET_RELU, NET_POOL, NET_SHUFFLE, NET_SHORTCUT, NET_PRELU };

/* What a convolution reads: the codes of the image; codes that the layer before it left; a float tensor; or what it makes of one. */
enum { NET_IMAGE, NET_CODES, NET_TENSOR, NET_PREPARED, NET_QUANTIZED };

/* How an activation becomes a code. */
enum { NET_FLOAT, NET_SIGN, NET_ROUND, NET_TERNARY, NET_TWO_STEPS, NET_PER_IMAGE };

/* What has a scale of its own: each plane of weights, each filter, or positive and negative weights. */
enum { NET_PLANE, NET_FILTER, NET_BY_SIGN };

/* Codes are low + stride * index; indices are stored, in so many bits each. */
typedef struct {
    uint8_t rule;
    uint8_t bits;
    int16_t low, high, stride;
    float ratio;                             /* NET_PER_IMAGE: threshold in mean magnitudes */
    float scale;                             /* what a code is worth */
    float threshold;                         /* of NET_TERNARY and NET_TWO_STEPS */
} net_act;

typedef struct net_conv {
    uint16_t channels, height, width;        /* of what the layer reads */
    uint16_t rows, columns;                  /* of what its convolution reads: 1 by 1 behind a pool */
    uint16_t filters, out_rows, out_columns; /* of what it writes */
    uint16_t groups;
    uint16_t kernel_rows, kernel_columns;
    uint8_t stride_rows, stride_columns, dilation;
    uint8_t before[6], after[6];             /* steps */
    uint8_t source;
    uint8_t terms, scaled_by;                /* results that are added up, each with scales of its own */

    uint8_t bits;                            /* of a weight's index; 0: ternary, five a byte */
    int16_t low, step;                       /* a weight is low + step * index */
    const uint8_t *codes;                    /* weights: indices, packed; or NULL */
    const float *floats;                     /* weights where they are no codes */
    const float *scales;                     /* of the weights; NULL: 1 */
    const float *bias;                       /* a filter each, or NULL */
    const float *norm_before, *norm_after;   /* scale of each channel, then shift of each channel */
    const float *prelu;                      /* slope of each filter, then shift before, then shift after */

    net_act act;                             /* how it makes codes of what it reads, or how they were made */
    const struct net_conv *reader;           /* the layer whose codes this one writes, or NULL: it writes floats */
    const int32_t *thresholds;               /* sums from which the reader's code is one higher, a row per filter; or NULL */
    const uint8_t *falling;                  /* filters whose codes fall where sums rise, a bit each */

    int32_t x, work, sums, out;              /* places in the arena; sums == out: they are made where they stay */
    uint16_t block;                          /* filters whose sums are made at a time */
} net_conv;

/* One channel, unpacked; it lies behind the tensors. */
typedef union { int16_t codes[NET_PLANE_CODES]; net_cell floats[NET_PLANE_FLOATS]; } net_plane;
