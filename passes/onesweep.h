/*
 * passes/onesweep.h: what the files of the pass onesweep share. docs/passes.md describes the method.
 *
 * A sweep starts at a maximum MX = max[m] s(m). Statements over the same fibre that depend on it through
 * exp(s - MX) are values "of degree d": with another maximum they would be the same times exp(d * difference), so
 * sums of them can be corrected while the maximum is still growing. Operations by values that are complete only after
 * the sweep (a division by the denominator) are linear, so they wait until after the sum: posts.
 */
#ifndef WEIR_PASSES_ONESWEEP_H
#define WEIR_PASSES_ONESWEEP_H

#include "passes/pass.h"
#include "passes/uses.h"

/* What a tensor is to the sweep at hand. */
typedef enum SweepKind {
    SWEEP_FREE,  /* known before */
    SWEEP_MAX,   /* the maximum */
    SWEEP_LOCAL, /* along the fibre; exists one block at a time */
    SWEEP_SUM,   /* a sum over the fibre that the sweep carries */
    SWEEP_DONE   /* computed from complete results */
} SweepKind;

typedef enum PostKind { POST_TIMES, POST_OVER, POST_WHERE, POST_UNLESS } PostKind;

/* x * operand, x / operand, select(operand, x, 0), select(operand, 0, x). */
typedef struct Post {
    PostKind kind;
    ExprId operand;
    StatementId from; /* where it stands */
} Post;

enum { SWEEP_MOST_POSTS = 8, SWEEP_MOST_DEGREE = 4 };

/* value = posts(core), in the order of the list. `shift`: one read of the maximum a degree. */
typedef struct SweepForm {
    bool zero; /* a literal 0, of any degree */
    bool done; /* complete: no part of the fibre; core is the value */
    unsigned degree;
    ExprId shift[SWEEP_MOST_DEGREE];
    ExprId core;
    uint32_t n_posts;
    Post posts[SWEEP_MOST_POSTS];
} SweepForm;

typedef struct SweepTensor {
    SweepKind kind;
    bool carries;          /* dimension `along` is the fibre */
    bool dependent;        /* LOCAL: on the maximum */
    bool shift;            /* DONE: the maximum with -inf replaced */
    uint32_t along;
    StatementId definition; /* LOCAL */
    const SweepForm *split;    /* SUM; LOCAL and dependent */
    uint32_t loop_reads;   /* by statements inside the sweep */
    TensorId inside;       /* its counterpart inside the sweep */
} SweepTensor;

typedef enum SweepRole { ROLE_STAYS, ROLE_INSIDE, ROLE_SUM, ROLE_AFTER } SweepRole;

typedef struct SweepItem {
    SweepRole role;
    bool barred;   /* may not be inside */
    RankId along;  /* INSIDE, SUM, and the maximum */
    SweepForm split;   /* SUM, and INSIDE where dependent */
    TensorId running; /* SUM */
} SweepItem;

typedef struct Sweep {
    PassContext *p;
    Cascade *cs;
    Block items;    /* the list it lies in */
    uint32_t first; /* position of the maximum */
    uint32_t last;  /* of the last sum */
    TensorId max;
    RankId rank;    /* reduced by the maximum */
    const Use *uses;
    SweepTensor *tensor; /* by tensor */
    uint32_t n_tensors;
    SweepItem *item;     /* by position */
    StatementId splitting; /* whose value sweep_split takes apart */
    bool raw_shift, guarded_shift; /* exp(s - MX); exp(s - select(MX == -inf, 0, MX)) */
    bool guard;          /* the running maximum may be -inf at the end of a block */
    TensorId needed;     /* a value along the fibre that others read whole */
    const char *reason;  /* why there is no sweep */

    int64_t block;       /* coordinates of one generation */
    RankId within, generation; /* m0, t */
    TensorId block_max, running, shift, correction;
} Sweep;

/* ---- onesweep_split.c: values as posts(core) ---- */

/* False with s->reason if the value has no such form along `along`. */
bool sweep_split(Sweep *s, ExprId e, RankId along, SweepForm *out_split);
/* True if `e` reads a tensor that depends on the maximum. */
bool sweep_depends(const Sweep *s, ExprId e);
/* If `e` is the maximum, perhaps with -inf replaced by a number, the read of the maximum; else 0. */
ExprId sweep_shift(Sweep *s, ExprId e, bool *out_guarded);
/* True unless it is known that the scores of the maximum are never -inf for finite inputs. */
bool sweep_may_be_infinite(const Sweep *s, ExprId e);

/* ---- onesweep_cone.c: which statements take part ---- */

/* Fills `s` for the maximum at s->first; false with a reason if nothing can be swept. */
bool sweep_find(Sweep *s);
/* T[r0, r1 ..] = .. over distinct, not iterative ranks. */
bool sweep_plain_target(const Cascade *cs, const Statement *st);
/* The accesses below all expressions of `st`. */
void sweep_visit_reads(const Cascade *cs, const Statement *st, void (*visit)(void *, ExprId), void *data);

/* ---- onesweep_build.c: the iterate ---- */

/* Rewrites; out: the new list of items. */
Block sweep_build(Sweep *s);

/* ---- onesweep_count.c: passes over a rank ---- */

/* How often the fibre of `tensor` along dimension `dim` must be traversed by the items of `block`, when no whole fibre
 * of a tensor derived from it is kept: what needs a result of a complete traversal belongs to another. Inside
 * `iterate`, a fibre that is read block by block along the iterative rank is traversed once. `region`: the tensor
 * holds one block of the fibre inside this iterate; 0: it holds the fibre. */
uint32_t passes_over(const Cascade *cs, const Block *block, TensorId tensor, uint32_t dim, StatementId region);

#endif
