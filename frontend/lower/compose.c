/*
 * frontend/lower/compose.c: lowering functions called by others: an operator that is another one on temporaries.
 */
#include "frontend/lower/families.h"

weir_status compose(Lowering *l, const char *name, LowerFn lower, int parameter, uint32_t n, Operand *const *in, Operand **out)
{
    Arena *arena = &l->cx->arena;
    Lowering inner = *l;
    Node *node = arena_copy(arena, l->node, sizeof *l->node);
    OperatorRow *row = arena_copy(arena, l->row, sizeof *l->row);
    node->n_outputs = 0; /* the result is a temporary */
    row->name = name;
    row->parameter = parameter;
    row->lower = lower;
    inner.node = node;
    inner.row = row;
    inner.n_in = n;
    inner.in = arena_copy(arena, in, n * sizeof *in);
    inner.out = ARENA_ARRAY(arena, Operand *, inner.n_out);
    TRY(lower(&inner));
    *out = inner.out[0];
    return WEIR_OK;
}

