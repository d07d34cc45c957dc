/* Start-up of the MPS2 boards, and their timer: 25 MHz, so a tick is 40 instructions of one nanosecond each. */
#include "board.h"

#define TIMER ((volatile uint32_t *)0x40000000u) /* control, value, reload: it counts down */
#define CPACR (*(volatile uint32_t *)0xE000ED88u)
#define CCR (*(volatile uint32_t *)0xE000ED14u)

extern uint32_t _estack, _sdata, _edata, _sidata, _sbss, _ebss;
int main(void);
void Reset_Handler(void);
uintptr_t board_call(uintptr_t operation, const void *arguments);

static void fault(void)
{
    board_say("fault\n");
    board_exit(99);
}

__attribute__((section(".vectors"), used)) const uintptr_t vectors[16] = {
    (uintptr_t)&_estack, (uintptr_t)Reset_Handler, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,    (uintptr_t)fault,         (uintptr_t)fault};

uintptr_t board_call(uintptr_t operation, const void *arguments)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

uint64_t board_clock(void)
{
    return ~TIMER[1];
}

void Reset_Handler(void)
{
    uint32_t *from = &_sidata, *to;

    for (to = &_sdata; to < &_edata; to++) {
        *to = *from++;
    }
    for (to = &_sbss; to < &_ebss; to++) {
        *to = 0;
    }
#if defined(__ARM_FP) && __ARM_FP
    CPACR |= 0xFu << 20; /* the float unit */
    __asm__ volatile("dsb\n isb");
#endif
#if __ARM_ARCH == 6
    CCR |= 1u << 3; /* a Cortex-M0 knows no unaligned access; the core that stands in for it does */
#endif
    TIMER[2] = TIMER[1] = 0xFFFFFFFFu;
    TIMER[0] = 1;
    board_exit(main());
}
