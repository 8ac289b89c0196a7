/*
 * ir/eval_kernels_base.c: the block loops for the compiler's baseline; fma by the C library.
 */
#define KERNEL_TARGET
#define K(name) name##_base
#include "ir/eval_kernels.inc"
