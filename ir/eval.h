/*
 * ir/eval.h: what a cascade means.
 *
 * In:   a verified cascade and a value for each input. Out: a value for each wanted tensor.
 * Keep: the rules of docs/cascade.md section 6 and its appendix of values; the typed system follows the written
 *       order of every reduction. Traps are reported with statement, coordinate and value: WEIR_INVALID.
 */
#ifndef WEIR_IR_EVAL_H
#define WEIR_IR_EVAL_H

#include "ir/cascade.h"

typedef enum EvalSystem {
    EVAL_REAL, /* every float a double; float tensors have type f64 */
    EVAL_TYPED /* every operation rounds to its type */
} EvalSystem;

typedef struct EvalOptions {
    EvalSystem system;
    bool keep_all;          /* every tensor stays (else storage of temporaries goes after the last use) */
    uint32_t n_wanted;      /* tensors wanted besides the outputs */
    const TensorId *wanted;
} EvalOptions;

/* `values` has cascade->tensors.n entries, by tensor number. In: `data` set for every input (declared type and static
 * extents, or run-time ones up to the bounds). Out: outputs and wanted tensors set (extents at run time), on
 * context_buffer (release with context_buffer_free); the caller's inputs are not touched. */
MUST_USE weir_status eval_cascade(Cascade *cs, const EvalOptions *options, Tensor *values);

/* The same for a part: evaluates the items first..first+n-1 of the list being built (Cascade.open), whose reads are
 * constants or earlier items of the range; values of all tensors they define are set. For folding. */
MUST_USE weir_status eval_items(Cascade *cs, EvalSystem system, const StatementId *items, uint32_t n, Tensor *values);

/* Multiply-adds (points of sums of products) of one evaluation, for rates. */
double cascade_macs(const Cascade *cs);

#endif
