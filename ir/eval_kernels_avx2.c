/*
 * ir/eval_kernels_avx2.c: the block loops for x86-64 with AVX2 and FMA, and the choice at run time.
 */
#if defined(__x86_64__)
#define KERNEL_TARGET __attribute__((target("avx2,fma")))
#else
#define KERNEL_TARGET
#endif
#define K(name) name##_avx2
#include "ir/eval_kernels.inc"

const Kernels *kernels_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &kernels_avx2;
#endif
    return &kernels_base;
}
