/* What all boards share: semihosting as Arm defines it, which QEMU serves on RISC-V, too, and a painted stack. */
#include "board.h"

#define PATTERN 0xA5A5A5A5u
#define PAINTED 65536u /* bytes below the stack pointer, at most */

extern uint32_t _ebss;
uintptr_t board_call(uintptr_t operation, const void *arguments);

static volatile uint32_t *painted_from, *painted_to;

static uintptr_t length_of(const char *text)
{
    uintptr_t n = 0;

    while (text[n] != 0) {
        n++;
    }
    return n;
}

int board_open(const char *name, int is_writing)
{
    uintptr_t arguments[3] = {(uintptr_t)name, is_writing ? 5 : 1, length_of(name)};

    return (int)board_call(0x01, arguments);
}

int board_read(int file, void *to, uint32_t n)
{
    uintptr_t arguments[3] = {(uintptr_t)file, (uintptr_t)to, n};

    return (int)board_call(0x06, arguments);
}

void board_write(int file, const void *from, uint32_t n)
{
    uintptr_t arguments[3] = {(uintptr_t)file, (uintptr_t)from, n};

    (void)board_call(0x05, arguments);
}

void board_close(int file)
{
    uintptr_t arguments[1] = {(uintptr_t)file};

    (void)board_call(0x02, arguments);
}

void board_say(const char *text)
{
    (void)board_call(0x04, text);
}

void board_exit(int code)
{
    uintptr_t arguments[2] = {0x20026, (uintptr_t)code};

    (void)board_call(0x20, arguments);
    for (;;) {
    }
}

__attribute__((noinline)) void board_paint_stack(void)
{
    uintptr_t top = (uintptr_t)__builtin_frame_address(0) - 64, end = (uintptr_t)&_ebss;
    volatile uint32_t *p;

    painted_to = (volatile uint32_t *)(top & ~(uintptr_t)3);
    painted_from = (volatile uint32_t *)(top - end > PAINTED ? (top - PAINTED) & ~(uintptr_t)3 : end);
    for (p = painted_from; p < painted_to; p++) {
        *p = PATTERN;
    }
}

uint32_t board_used_stack(void)
{
    volatile uint32_t *p = painted_from;

    while (p < painted_to && *p == PATTERN) {
        p++;
    }
    return (uint32_t)((uintptr_t)painted_to - (uintptr_t)p);
}
