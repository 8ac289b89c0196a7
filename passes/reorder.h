/*
 * passes/reorder.h: the order of channels that suits a block format (K-sort).
 */
#ifndef WEIR_PASSES_REORDER_H
#define WEIR_PASSES_REORDER_H

#include "passes/precision.h"

typedef struct ReorderChoice {
    uint32_t *channel;  /* the sort candidate: position i takes channel[i] of before */
    double ratio;       /* its error over that of the order as it is */
    bool keep_identity; /* ratio > 0.9: the order stays */
} ReorderChoice;

/* For n channels with squared norms k_square[] of the rows that make the keys, q_square[] of those that make the queries
 * (sums over the query heads of the key head). `unit` 2: channels c and c + n / 2 move together. The criterion: the
 * weighted error of 64 Gaussian keys of these norms in the format; docs/passes.md. The format must have blocks. */
MUST_USE weir_status reorder_choose(weir_context *cx, const Precision *format, uint32_t unit, uint32_t n, const double *k_square,
                                    const double *q_square, ReorderChoice *out_choice);

#endif
