/*
 * ir/eval_ops.h: operations on blocks of values, by carrier.
 *
 * In:   blocks of n values of a carrier (ir/eval_plan.h says which type has which).
 * Out:  blocks. Every operation rounds once to its type; NaN results may have any bits until block_canon.
 */
#ifndef WEIR_IR_EVAL_OPS_H
#define WEIR_IR_EVAL_OPS_H

#include "ir/eval.h"

enum { EVAL_LANES = 256 };

typedef enum Carrier { CARRIER_F64, CARRIER_F32, CARRIER_I64, CARRIER_I32, CARRIER_BOOL } Carrier;

Carrier carrier_of(EvalSystem system, Dtype type);
size_t carrier_bytes(Carrier carrier);

/* One operand of a chain of products: element k is at[offset[k]] plus, for lane l, 0 (same), l (next) or lane[l]. */
typedef struct MacOperand {
    const void *at;
    const int64_t *offset;
    const int64_t *lane; /* NULL: next; see `same` */
    bool same;
} MacOperand;

/* The loops that pay for wide instructions, compiled for the baseline and for AVX2 with FMA. */
typedef struct Kernels {
    /* acc[l] += a[k][l] * b[k][l] for k ascending; fused: one rounding. */
    void (*mac_f32)(uint32_t n, float *acc, uint32_t count, const MacOperand *a, const MacOperand *b, bool fused);
    void (*mac_f64)(uint32_t n, double *acc, uint32_t count, const MacOperand *a, const MacOperand *b, bool fused);
    void (*mac_i32)(uint32_t n, int32_t *acc, uint32_t count, const MacOperand *a, const MacOperand *b);
    void (*mac_i64)(uint32_t n, int64_t *acc, uint32_t count, const MacOperand *a, const MacOperand *b);
    /* The functions of plain arithmetic; comparisons write bytes. */
    void (*call_f32)(Fn fn, uint32_t n, const float *a, const float *b, const float *c, void *out);
    void (*call_f64)(Fn fn, uint32_t n, const double *a, const double *b, const double *c, void *out);
    void (*call_i32)(Fn fn, uint32_t n, const int32_t *a, const int32_t *b, void *out);
    void (*call_i64)(Fn fn, uint32_t n, const int64_t *a, const int64_t *b, void *out);
    void (*select_4)(uint32_t n, const uint8_t *c, const uint32_t *a, const uint32_t *b, uint32_t *out);
    void (*select_8)(uint32_t n, const uint8_t *c, const uint64_t *a, const uint64_t *b, uint64_t *out);
    void (*canon_f32)(uint32_t n, float *x);
    void (*canon_f64)(uint32_t n, double *x);
} Kernels;

const Kernels *kernels_best(void);
extern const Kernels kernels_base, kernels_avx2;

/* out = fn(a, b, c, d) on values of `type` (the operands'); comparisons and logic give bytes. */
void block_call(const Kernels *k, EvalSystem system, Fn fn, Dtype type, uint32_t n, void *const args[4], void *out);
void block_cast(EvalSystem system, Dtype from, Dtype to, CastMode mode, uint32_t n, const void *in, void *out);
void block_canon(const Kernels *k, EvalSystem system, Dtype type, uint32_t n, void *x);
/* Integer results cut to the width of `type`; f16 and bf16 rounded (typed system). */
void block_wrap(EvalSystem system, Dtype type, uint32_t n, void *x);

/* Elements of a stored type as a block, and back (rounding values that are no elements of `stored`). */
void block_widen(EvalSystem system, Dtype stored, uint32_t n, const void *elements, void *out);
void block_narrow(EvalSystem system, Dtype type, Dtype stored, uint32_t n, const void *block, void *elements);
/* True if elements of `stored` are a block of `type`. */
bool block_native(EvalSystem system, Dtype stored, Dtype type);
/* n elements of `bytes` each: from data[offset[l]], to data[offset[l]]. */
void block_gather(size_t bytes, uint32_t n, const void *data, const int64_t *offset, void *out);
void block_spread(size_t bytes, uint32_t n, const void *in, const int64_t *offset, void *data);
/* n copies of one value of `bytes`. */
void block_fill(size_t bytes, uint32_t n, const void *value, void *out);
/* A literal or scalar as one value of `type`'s carrier. */
void value_of_f64(EvalSystem system, Dtype type, double x, void *out);
void value_of_i64(EvalSystem system, Dtype type, int64_t x, void *out);

/* requant(acc, sx, sw, sy): the real number rounded once, halves to even. */
double requant(int64_t acc, double sx, double sw, double sy);

#endif
