/*
 * ir/bounds.h: proofs about index expressions: intervals and affine conditions.
 *
 * In:   ranks range over 0..extent-1 (run-time ones up to their bound); conditions that hold.
 * Out:  whether an index is proven to be at most (at least) a number. "Not proven" says nothing.
 * Keep: integers are exact; what could overflow is not proven.
 */
#ifndef WEIR_IR_BOUNDS_H
#define WEIR_IR_BOUNDS_H

#include "ir/cascade.h"

__extension__ typedef __int128 Wide;

enum { BOUNDS_ATOMS = 48, BOUNDS_CONSTRAINTS = 64, BOUNDS_TERMS = 24 };

/* constant + sum of coefficient * atom. */
typedef struct Linear {
    int64_t constant;
    uint32_t n;
    uint32_t atom[BOUNDS_TERMS];
    int64_t coefficient[BOUNDS_TERMS];
} Linear;

/* A rank, or an expression that is not affine, with the interval it is known to lie in. */
typedef struct Atom {
    RankId rank; /* 0: the expression */
    ExprId expr;
    Wide low, high;
} Atom;

typedef struct Bounds {
    const Cascade *cs;
    uint32_t n_atoms, n_constraints;
    Atom atoms[BOUNDS_ATOMS];
    Linear constraints[BOUNDS_CONSTRAINTS]; /* each is <= 0 */
    uint32_t steps;  /* left to spend on one proof .. */
    uint32_t budget; /* .. and on all of them */
    uint32_t nodes;  /* left to look at */
} Bounds;

void bounds_init(Bounds *b, const Cascade *cs);
/* Takes what an affine condition says (its conjuncts); `holds` false: its opposite. {0}: nothing. */
void bounds_assume(Bounds *b, ExprId condition, bool holds);
/* Whether low <= index <= high at every point. */
bool bounds_within(Bounds *b, ExprId index, int64_t low, int64_t high);
/* Whether index <= rank + offset at every point. */
bool bounds_at_most(Bounds *b, ExprId index, RankId rank, int64_t offset);
/* The interval that is proven; false where one end is unknown. */
bool bounds_interval(Bounds *b, ExprId index, int64_t *out_low, int64_t *out_high);

#endif
