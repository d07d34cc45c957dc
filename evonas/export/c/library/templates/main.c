/* Example: the self-test, then one image. */
#include <stdio.h>

#include "$name.h"

static net_arena_t arena; /* between calls it may be used for anything else */
static uint8_t image[NET_IMAGE_BYTES];
$numbers
int main(void)
{
$names    int failed = net_self_test(&arena);
    int chosen;

    if (failed != 0) {
        printf("$name: self-test failed at image %d\n", failed);
        return 1;
    }
    printf("$name: self-test passed\n");

    /* fill `$filled` here; see README.md for what must be in it */
$encode    chosen = net_classify(&arena, image);
    printf("$name: $shown\n", $chosen);
    return 0;
}
