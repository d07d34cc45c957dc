/* ---------------------------------------------------------------------------------------------------------------------
 * What layers are made of. Tensors lie pixel by pixel, the channels of a pixel side by side.
 * ------------------------------------------------------------------------------------------------------------------ */

/* Four bytes of the arena: an element of a tensor, a sum, or some codes. */
typedef union { float f; int32_t i; uint32_t u; uint16_t h[2]; } net_cell;

/* A number of a tensor between layers: a float, or how many steps of the network it is. */
#if NET_STREAM_BITS == 8
typedef int8_t net_tensor;
#elif NET_STREAM_BITS == 16
typedef int16_t net_tensor;
#else
typedef float net_tensor;
#endif

/* Steps of the module around a convolution, in front of it or behind it; what ends a list is NET_END. NET_WHOLE: a norm, or
 * behind it what a sum is worth, in whole numbers, down to those that are stored, where floats would be exact. */
enum { NET_END, NET_NORM, NET_RELU, NET_POOL, NET_SHORTCUT, NET_PRELU, NET_WHOLE };

/* What a convolution reads: the image; codes that the layer before it left; a tensor; floats or codes that it makes of
 * all of one before it begins; or codes that it makes row by row. */
enum { NET_IMAGE, NET_CODES, NET_TENSOR, NET_PREPARED, NET_QUANTIZED, NET_ROWS };

/* How an activation becomes a code. */
enum { NET_FLOAT, NET_SIGN, NET_ROUND, NET_TERNARY, NET_TWO_STEPS, NET_PER_IMAGE };

/* What has a scale of its own: each plane of weights, each filter, or positive and negative weights. */
enum { NET_PLANE, NET_FILTER, NET_BY_SIGN };


/* What a layer reads. Codes are low + stride * index. Indices are stored, a stream of so many bits each from the lowest
 * bit of a word up; or as two streams, of their low and of their high bits. */
typedef struct {
    uint16_t channels, height, width;        /* of the tensor */
    uint8_t rule, bits, planes;              /* planes: streams */
    uint8_t before[6];                       /* steps in front */
    int16_t low, high, stride;
    int8_t norm_exponents[2];                /* of scales, of shifts */
    float scale;                             /* what a code is worth */
    float threshold;                         /* of NET_TERNARY and NET_TWO_STEPS; of NET_PER_IMAGE, in mean magnitudes */
    int32_t above;                           /* the same in a norm's whole numbers: what is above it, reaches it */
    const void *norm_before;                 /* scale of each channel, then shift of each channel */
    const int16_t *limits;                   /* numbers of a tensor from which codes are one higher, a row per channel; or NULL */
    const uint8_t *limits_fall;              /* channels whose codes fall where numbers rise, a bit each */
} net_source;

typedef struct net_conv net_conv;

/* What a kernel multiplies: rows of weights by the columns of one pixel, or of two. */
typedef struct {
    const uint32_t *words;                   /* weights as they are stored */
    const net_cell *weights;                 /* unpacked, or what is left of each row behind its whole words */
    const net_cell *columns;                 /* what they meet */
    net_cell *sums;
    int32_t rows, is_inside, column_cells, sum_cells, offsets[2];
} net_job;

typedef void net_kernel(const net_conv *l, const net_job *job);

struct net_conv {
    const net_source *source;
    uint16_t rows, columns;                  /* of what its convolution reads: 1 by 1 behind a pool */
    uint16_t filters, out_rows, out_columns; /* of what it writes */
    uint16_t groups, kernel_rows, kernel_columns;
    uint8_t stride_rows, stride_columns, dilation;
    uint8_t after[6];                        /* steps behind */
    uint8_t reads;
    uint8_t terms, scaled_by;                /* results that are added up, each with scales of its own */
    uint8_t is_shuffled;                     /* filters of the groups take turns */
    uint8_t is_stored;                       /* rows of weights are multiplied as they are stored */
    uint8_t bits, width;                     /* of a weight's index, stored and unpacked; bits 0: ternary, five a byte */
    int16_t low, step;                       /* a weight is low + step * index */
    int32_t length, row_cells;               /* weights of a row; memory of one, unpacked */
    net_kernel *kernel;
    const uint32_t *words;                   /* whole words of weights of each row; or NULL */
    const uint8_t *codes;                    /* all others, row after row */
    const float *floats;                     /* weights where they are no codes */
    const void *scales;                      /* of the sums; floats include activations; NULL: scale, which does, too */
    float scale;
    const void *bias;                        /* a filter each, or NULL */
    const void *norm_after;                  /* scale of each channel, then shift of each channel */
    const void *prelu;                       /* slope of each filter, then shift before, then shift after */
    int8_t scale_exponent, bias_exponent, norm_exponents[2], prelu_exponents[3];
    const net_source *reader;                /* what reads the codes that this layer writes; NULL: it writes a tensor */
    const int32_t *added;                    /* places of tensors that the result is added to; or NULL */
    uint8_t n_added, added_at, writes_floats; /* before which of them it comes; 1: it gives the logits, 2: in units */
    uint8_t is_wide;                         /* thresholds are int32_t, otherwise int16_t */
    const void *thresholds;                  /* sums from which the reader's code is one higher, a row per filter; or NULL */
    const uint8_t *falling;                  /* filters whose codes fall where sums rise, a bit each */
    int32_t x, work, out;                    /* places in the arena; x below zero: the image */
    int32_t sums, patch, weights;
    int32_t block;                           /* filters whose weights are unpacked at a time */
};

