/*
 * passes/reorder_push.h: a permutation of channels pushed through the accesses of a cascade.
 */
#ifndef WEIR_PASSES_REORDER_PUSH_H
#define WEIR_PASSES_REORDER_PUSH_H

#include "passes/precision.h"

typedef enum Side { SIDE_QUERY, SIDE_KEY } Side;

/* A tensor whose channels move: coordinate `dim` (of blocks of n channels where `merged`). The head of an element is
 * its coordinate `head_dim` (merged: the block's number; -1: one head) divided by `divisor`. */
typedef struct Moved {
    bool yes, merged;
    bool weight; /* its products with something reduced make the value */
    bool gain;   /* a factor of the value */
    uint32_t dim;
    int head_dim;
    int64_t divisor;
    Side side;
    uint32_t reads; /* met */
} Moved;

typedef struct Visited {
    bool yes, merged;  /* merged: the rank runs over the channels of all heads */
    RankId rank, head; /* the channel, the head (0: none, or merged) */
    int64_t divisor;
} Visited;

typedef struct Push {
    const Cascade *cs;
    const Use *uses;
    StatementId scores; /* the contraction of queries and keys */
    ExprId operand[2];  /* by Side */
    int64_t channels;
    bool heads;         /* an order a head */
    Moved *tensor;      /* by tensor */
    Visited *visited;   /* by statement */
    VEC(TensorId) work;
    const char *reason;
    const char *culprit; /* a tensor's name, or NULL */
} Push;

/* From the scores over channel rank `rank`, with the key head = `head` / divisor (head 0: one order for all). False with a
 * reason if some access cannot follow. */
bool reorder_push(Push *push, RankId rank, RankId head, int64_t divisor);
/* index = rank + channels * head. */
bool reorder_merged(const Cascade *cs, ExprId index, int64_t channels, RankId *out_rank, RankId *out_head);
/* index = rank, or rank / positive literal. */
bool reorder_quotient(const Cascade *cs, ExprId index, RankId *out_rank, int64_t *out_divisor);

#endif
