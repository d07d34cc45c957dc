/* Runs the self-test, then images from a file of the host, and says in hexadecimal what it took. */
#include "board.h"
#include "$name.h"

static net_arena_t arena;
static uint8_t image[NET_IMAGE_BYTES];
static float logits[NET_CLASSES];
static uint64_t last, of_layer[LAYERS];
#if NET_HAS_ENCODE
static float numbers[NET_IMAGE_BYTES];
#endif

static void say(const char *what, uint64_t value)
{
    char text[20];
    int i = 19;

    text[i] = 0;
    text[--i] = '\n';
    do {
        text[--i] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    board_say(what);
    board_say(text + i);
}

void board_layer(int32_t layer);
void board_layer(int32_t layer)
{
    uint64_t now = board_clock();

    of_layer[layer] += now - last;
    last = now;
}

int main(void)
{
    int in = board_open("images.bin", 0), out = board_open("logits.bin", 1), i;
    uint64_t total = 0;
    uint32_t n = 0;

    say("self_test ", (uint32_t)net_self_test(&arena));
    for (i = 0; i < LAYERS; i++) {
        of_layer[i] = 0;
    }
    board_paint_stack();
#if NET_HAS_ENCODE
    while (board_read(in, numbers, sizeof numbers) == 0) {
        net_encode(numbers, image);
#else
    while (board_read(in, image, sizeof image) == 0) {
#endif
        last = board_clock();
        total -= last;
        if (net_run(&arena, image, logits) != 0) {
            return 1;
        }
        total += board_clock();
        board_write(out, logits, sizeof logits);
        n++;
    }
    board_close(out);
    say("images ", n);
    say("stack ", board_used_stack());
    say("ticks ", total);
    for (i = 0; i < LAYERS; i++) {
        say("layer ", of_layer[i]);
    }
    return 0;
}
