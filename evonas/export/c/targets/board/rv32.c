/* Start-up of QEMU's RISC-V board `virt`, which counts instructions itself. Everything is loaded into its RAM. */
#include "board.h"

extern uint32_t _sbss, _ebss;
int main(void);
void start(void);
uintptr_t board_call(uintptr_t operation, const void *arguments);

static void __attribute__((aligned(4), used)) fault(void)
{
    board_say("fault\n");
    board_exit(99);
}

__attribute__((naked, section(".vectors"), used)) void _start(void)
{
    __asm__ volatile(".option push\n .option arch, +zicsr\n .option norelax\n la gp, __global_pointer$\n"
                     "la sp, _estack\n la t0, fault\n csrw mtvec, t0\n .option pop\n j start");
}

__attribute__((naked, noinline, aligned(16))) uintptr_t board_call(uintptr_t operation, const void *arguments)
{
    (void)operation;
    (void)arguments;
    __asm__ volatile(".option push\n .option norvc\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop\n ret");
}

uint64_t board_clock(void)
{
    uint32_t high, low, again;

    do {
        __asm__ volatile(".option push\n .option arch, +zicsr\n csrr %0, minstreth\n csrr %1, minstret\n"
                         "csrr %2, minstreth\n .option pop"
                         : "=&r"(high), "=&r"(low), "=&r"(again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

void start(void)
{
    uint32_t *to;

    for (to = &_sbss; to < &_ebss; to++) {
        *to = 0;
    }
    board_exit(main());
}
