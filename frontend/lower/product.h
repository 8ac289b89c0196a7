/*
 * frontend/lower/product.h: the sums of products that float, integer and quantised operators share.
 */
#ifndef WEIR_FRONTEND_LOWER_PRODUCT_H
#define WEIR_FRONTEND_LOWER_PRODUCT_H

#include "frontend/lower/walk.h"

/* How an operand of a matrix product is stored: its batch dimensions first, or in other places (transposes). */
typedef struct Side {
    Operand *op;
    Operand *zero; /* subtracted: a scalar, one a row (left) or a column (right), or of broadcast shape; NULL: none */
    bool left;
    uint32_t n_batch;
    uint32_t batch[MAX_DIMS]; /* dimension of each batch axis */
    int row, column;          /* dimensions; -1: the operand is a vector without it */
} Side;

MUST_USE weir_status side_of(Lowering *l, Operand *op, bool left, bool transpose, bool transpose_batch, Side *out);
/* Y[.., m, n] = sum[k] (A - ZA) * (B - ZB) in `type`, as output 0 or a temporary. */
MUST_USE weir_status product(Lowering *l, const Side *a, const Side *b, Dtype type, bool final, Operand **out);
/* A scale or zero point for a point of `ranks`: a scalar, a vector over `rank`, or of broadcast shape. */
MUST_USE weir_status parameter_at(Lowering *l, Operand *op, const Ranks *ranks, RankId rank, ExprId *out);

/* A convolution. */
typedef struct Conv {
    Operand *x, *w, *b, *z; /* b: bias or NULL; z: the sum */
    Operand *zero_x, *zero_w;
    Window window;
    int64_t groups, outputs, inputs; /* inputs: channels of a group */
    Dtype type, sum_type;
    Ranks out, taps; /* spatial ranks, kernel ranks */
    RankId n, o;
} Conv;

/* Shapes and attributes of x, w, b. */
MUST_USE weir_status conv_check(Lowering *l, Conv *c);
/* The sum over channels and taps, as output 0 or a temporary: c->z. */
MUST_USE weir_status conv_sum(Lowering *l, Conv *c, bool final);

#endif
