/*
 * ir/verify.h: what the invariants' functions share: statements in order, where they stand, who defines what
 * (internal to ir/).
 */
#ifndef WEIR_IR_VERIFY_H
#define WEIR_IR_VERIFY_H

#include "ir/cascade.h"

/* A list of items: the top (region 0), an iterate's, or an arm of an if. */
typedef struct BlockAt {
    StatementId region;
    bool is_else;
} BlockAt;

/* Target number `target` of a statement defines (a piece of) a tensor. */
typedef struct Definition {
    StatementId statement;
    uint32_t target;
    uint32_t next; /* of the same tensor, in order; 0: none */
} Definition;

typedef struct Verify {
    Cascade *cs;
    weir_context *cx;
    int invariant;
    uint32_t breaches;
    VEC(StatementId) order; /* every statement, text order, a region before what is in it */
    uint32_t *position;     /* by statement: number in `order` */
    uint32_t *end;          /* by statement: number after the last one in it */
    BlockAt *block;         /* by statement: the list it stands in */
    VEC(Definition) definitions; /* [0] unused */
    uint32_t *first_definition, *last_definition; /* by tensor */
    StatementId *declaration; /* by tensor: its ST_TENSOR item */
    uint32_t *mark;           /* by rank: for sets */
    uint32_t stamp;
} Verify;

/* Reports a breach of the invariant being checked; at the expression if it has a place, else at the statement. */
void breach(Verify *v, StatementId st, ExprId at, const char *format, ...) __attribute__((format(printf, 4, 5)));
void breach_at(Verify *v, Place place, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *expr_text(const Verify *v, ExprId e); /* as printed */

static inline const Definition *first_definition(const Verify *v, TensorId tensor)
{
    uint32_t i = v->first_definition[tensor.i];
    return i == 0 ? NULL : &v->definitions.at[i];
}
static inline const Definition *next_definition(const Verify *v, const Definition *d)
{
    return d->next == 0 ? NULL : &v->definitions.at[d->next];
}
static inline const Target *definition_target(const Verify *v, const Definition *d)
{
    return &statement_at(v->cs, d->statement)->targets[d->target];
}

/* Whether a statement stands inside a region (at any depth); region 0 holds all. */
bool stands_in(const Verify *v, StatementId st, StatementId region);
/* Whether it stands inside a list. */
bool stands_in_block(const Verify *v, StatementId st, BlockAt block);
/* The innermost list that holds both. */
BlockAt common_block(const Verify *v, StatementId a, StatementId b);
/* Whether they stand in different arms of one if: never run together. */
bool in_other_arms(const Verify *v, StatementId a, StatementId b);
/* The list a tensor is visible in, from its declaration or definitions; top for inputs and constants. */
BlockAt tensor_scope(const Verify *v, TensorId tensor);
bool block_same(BlockAt a, BlockAt b);

/* If index `dim` of a target runs over the iterative rank t: 0 for t, 1 for t + 1, other values as written; else -1. */
int64_t carried_offset(const Verify *v, const Definition *d, uint32_t dim, RankId t);
/* Whether some definition inside t's region runs over t in `dim` (out_dim). */
bool carries(const Verify *v, TensorId tensor, RankId t, uint32_t *out_dim);

/* Whether a rank's extent is known only when it runs. */
bool rank_is_run_time(const Cascade *cs, RankId rank);
/* Static extent (or bound) of dimension `dim` of what an access reads, parts too. */
uint32_t access_dims(const Cascade *cs, const Expr *access);
int64_t access_extent(const Cascade *cs, const Expr *access, uint32_t dim);

/* Every tensor that a statement itself reads: accesses at any depth, pads, host arguments, trip counts. */
void statement_reads(Verify *v, StatementId st, void (*visit)(Verify *, StatementId, TensorId, ExprId access));
/* Every access node of a statement, with the condition that holds where it is read (0: none). */
void statement_accesses(Verify *v, StatementId st, void (*visit)(Verify *, StatementId, ExprId access, ExprId condition));

#define INVARIANT(number, function, last, doc) void function(Verify *v);
#include "ir/verify.def"
#undef INVARIANT

/* Parts of invariant 1. */
void verify_order(Verify *v);
void verify_cover(Verify *v);

#endif
