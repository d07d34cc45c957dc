
#ifdef EVONAS_MAIN
/* Raw pixels of any number of images from stdin, their logits as floats to stdout. */
#include <stdio.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

int main(void)
{
    static uint8_t pixels[NET_CHANNELS * NET_HEIGHT * NET_WIDTH];
    float logits[NET_CLASSES];
    size_t n;

#ifdef _WIN32
    (void)_setmode(_fileno(stdin), _O_BINARY); /* pixels and logits are no text */
    (void)_setmode(_fileno(stdout), _O_BINARY);
#endif
    while ((n = fread(pixels, 1, sizeof pixels, stdin)) == sizeof pixels) {
        net_run(pixels, logits);
        if (fwrite(logits, sizeof logits, 1, stdout) != 1) {
            return 1;
        }
    }
    if (n != 0) {
        fprintf(stderr, "the last image has %lu of %lu pixels\n", (unsigned long)n, (unsigned long)sizeof pixels);
        return 1;
    }
    return fflush(stdout) != 0;
}
#endif
