
#ifdef EVONAS_MAIN
/* Any number of images from stdin, as raw bytes of pixels or floats; their logits as floats to stdout. */
#include <stdio.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

int main(void)
{
    static net_arena_t arena;
    static uint8_t image[NET_CHANNELS * NET_HEIGHT * NET_WIDTH];
#if NET_HAS_ENCODE
    static float given[NET_CHANNELS * NET_HEIGHT * NET_WIDTH];
#else
    uint8_t *given = image;
#endif
    const size_t size = sizeof image / sizeof image[0] * sizeof given[0];
    float logits[NET_CLASSES];
    size_t n;

#ifdef _WIN32
    (void)_setmode(_fileno(stdin), _O_BINARY); /* images and logits are no text */
    (void)_setmode(_fileno(stdout), _O_BINARY);
#endif
    while ((n = fread(given, 1, size, stdin)) == size) {
#if NET_HAS_ENCODE
        net_encode(given, image);
#endif
        if (net_run(&arena, image, logits) != 0 || fwrite(logits, sizeof logits, 1, stdout) != 1) {
            return 1;
        }
    }
    if (n != 0) {
        fprintf(stderr, "the last image has %lu of %lu bytes\n", (unsigned long)n, (unsigned long)size);
        return 1;
    }
    return fflush(stdout) != 0;
}
#endif
