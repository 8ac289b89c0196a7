/*
 * ir/index.h: index expressions as sums of coefficient * term, with ranges; simplification of / and %.
 */
#ifndef WEIR_IR_INDEX_H
#define WEIR_IR_INDEX_H

#include "ir/cascade.h"

/* An equal expression in normal form: sums of coefficient * term in order of first occurrence, the constant last;
 * floor division and remainder by a constant are resolved where the ranges of the ranks allow. */
ExprId index_simplify(Cascade *cs, ExprId e);

/* Least and greatest value over the ranks' static extents (iterative: their bounds). False if unbounded (gathers). */
bool expr_range(const Cascade *cs, ExprId e, int64_t *out_low, int64_t *out_high);

/* True if the index is a plain rank, which is then given. */
bool index_is_rank(const Cascade *cs, ExprId e, RankId *out_rank);

#endif
