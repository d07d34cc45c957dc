/* Self-test: runs the images of ${name}_test_vectors.h and compares all logits. It prints nothing, so that it needs no console. */
#include "${name}_test_vectors.h"

#include "$name.h"

#if NET_HAS_ENCODE
/* Whether numbers become the bytes of the first image. */
static int net_is_encoded(void)
{
    static uint8_t image[NET_IMAGE_BYTES];
    int32_t i;

    net_encode(net_test_numbers, image);
    for (i = 0; i < NET_IMAGE_BYTES; i++) {
        if (image[i] != net_test_images[i]) {
            return 0;
        }
    }
    return 1;
}
#endif

int net_self_test(void *arena)
{
    float logits[NET_CLASSES];
    int image;
    int32_t i;

#if NET_HAS_ENCODE
    if (!net_is_encoded()) {
        return 1;
    }
#endif
    for (image = 0; image < NET_TEST_IMAGES; image++) {
        const float *wanted = net_test_logits + image * NET_CLASSES;
        if (net_run(arena, net_test_images + image * NET_IMAGE_BYTES, logits) != 0) {
            return -1;
        }
        for (i = 0; i < NET_CLASSES; i++) {
            if (!(logits[i] >= wanted[i] - NET_TEST_TOLERANCE && logits[i] <= wanted[i] + NET_TEST_TOLERANCE)) {
                return image + 1;
            }
        }
    }
    return 0;
}
