
#include <string.h>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    (defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16)
#error "float arithmetic must be that of IEEE: compile without -ffast-math or a part of it, on x86 with -msse2 -mfpmath=sse"
#endif

#if defined(__GNUC__)
#define NET_INLINE static inline __attribute__((always_inline))
#else
#define NET_INLINE static inline
#endif

/* A float that no compiler joins with what comes before or after it: no fused multiply-add, no other order of sums, no
 * multiplication in place of a division, whatever the flags. It takes no instruction where the compiler is known. */
NET_INLINE float net_apart(float x)
{
#if defined(__GNUC__) && defined(__aarch64__)
    __asm__ volatile("" : "+w"(x));
#elif defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP)
    __asm__ volatile("" : "+t"(x));
#elif defined(__GNUC__) && (defined(__arm__) || (defined(__riscv) && !defined(__riscv_flen)))
    __asm__ volatile("" : "+r"(x));
#elif defined(__GNUC__) && defined(__riscv)
    __asm__ volatile("" : "+f"(x));
#elif defined(__GNUC__) && defined(__SSE__)
    __asm__ volatile("" : "+x"(x));
#elif defined(__GNUC__)
    __asm__ volatile("" : "+m"(x));
#else
    volatile float kept = x;
    x = kept;
#endif
    return x;
}

