/*
 * frontend/lower/extent.h: integers of shapes that only the run knows: what is known of them, and ranks that have them.
 *
 * In:   an operand that gives extents, begins, repeats .. and is no constant. Out: each of its elements as a Scalar: an
 *       interval and an expression without free ranks, found by following the statements that compute it.
 * Keep: two scalars that are the same linear form of the same value are equal, so that equal extents share a rank.
 */
#ifndef WEIR_FRONTEND_LOWER_EXTENT_H
#define WEIR_FRONTEND_LOWER_EXTENT_H

#include "frontend/lower/walk.h"

/* An integer is a * atom + b with an i64 atom, or b; bools and floats are atom or low. */
typedef struct Scalar {
    Dtype type;
    double low, high; /* the interval; of an integer that is known, its value as near as a double gets */
    ExprId atom;      /* 0: known */
    int64_t a, b;
} Scalar;

typedef struct Scalars {
    uint32_t n;
    Scalar *at;
} Scalars;

static inline bool scalar_known(const Scalar *s)
{
    return s->atom.i == 0;
}
static inline bool scalar_is(const Scalar *s, int64_t value)
{
    return s->atom.i == 0 && s->b == value;
}
Scalar scalar_int(int64_t value);
/* Whether both are the same number in every run. */
bool scalar_same(const Lowering *l, const Scalar *x, const Scalar *y);
/* As a value, of the scalar's type. */
ExprId scalar_expr(Lowering *l, const Scalar *s);
/* fn(x[0], ..) of integers, simplified. */
Scalar scalar_call(Lowering *l, Fn fn, uint32_t n, const Scalar *x);
Scalar scalar_2(Lowering *l, Fn fn, Scalar x, Scalar y);
/* cond ? x : y with cond = fn(p, q). */
Scalar scalar_pick(Lowering *l, Fn fn, Scalar p, Scalar q, Scalar x, Scalar y);

/* `e` as a scalar of which only the type's range is known. */
Scalar scalar_atom(Lowering *l, Dtype type, ExprId e);
Scalar scalar_cast(Lowering *l, Dtype to, CastMode mode, const Scalar *x);
void scalar_type_range(Dtype type, double *out_low, double *out_high);

/* The elements of a list of integers, row-major; WEIR_UNSUPPORTED as value_of if inputs should be bound by value. */
MUST_USE weir_status scalars_of(Lowering *l, const Operand *op, Scalars *out);
/* The first element of an operand of any type. */
MUST_USE weir_status scalar_of(Lowering *l, Operand *op, Scalar *out);
/* Input k as scalars if present, else the attribute. */
MUST_USE weir_status scalars_given(Lowering *l, uint32_t k, const char *name, Scalars *out, bool *out_given);
bool scalars_known(const Scalars *list);
/* The extent of a dimension. */
Scalar extent_scalar(const Lowering *l, const Operand *op, uint32_t dim);
Scalar rank_scalar(const Lowering *l, RankId rank);

/* A rank of this extent that is not in `ranks`, appended to it: `like` (0: none) if it has the extent. `source` is the operand that the
 * extent comes from: if nothing bounds it, the error names the flag that does, --dim OUTPUT.NUMBER=BOUND. */
MUST_USE weir_status ranks_add_scalar(Lowering *l, Ranks *ranks, RankId like, const char *base, const Scalar *extent,
                                      const Operand *source);
/* Whether the scalar can be computed at this place: ranks and tensors of closed regions are out of sight. */
bool scalar_visible(const Lowering *l, const Scalar *s);
/* A run-time extent like that of `rank`, not in `ranks`. */
RankId runtime_twin(Lowering *l, RankId rank);
/* What x and y broadcast to; false: they do not. What only the run can tell stops it there. */
bool broadcast_extent(Lowering *l, Scalar x, Scalar y, Scalar *out);
/* Reshape where extents are the run's (reshape_runtime.c): the extent that -1 stands for; the movement, as output 0. */
MUST_USE weir_status open_extent_runtime(Lowering *l, const Operand *x, const Scalars *shape, uint32_t open, Scalar *out);
MUST_USE weir_status reshape_runtime(Lowering *l, Operand *x, const Scalars *shape);
/* The coordinate of `rank` modulo `by`, as an index (expand.c). */
MUST_USE weir_status index_modulo(Lowering *l, RankId rank, const Scalar *by, ExprId *out);
/* The scalar as an index: a literal, an extent or a scalar tensor that is defined here. */
MUST_USE weir_status scalar_index(Lowering *l, const Scalar *s, ExprId *out_index);

#endif
