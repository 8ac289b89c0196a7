/*
 * frontend/lower/region.c: see region.h.
 */
#include "frontend/lower/region.h"

RankId iterate_open(Lowering *l, int64_t bound)
{
    Rank rank = {.name = cascade_fresh_name(l->cs, "t"), .kind = RANK_ITERATIVE, .extent = bound};
    RankId t = cascade_add_rank(l->cs, rank);
    cascade_open(l->cs);
    return t;
}

void iterate_close(Lowering *l, RankId t, TensorId trip, ExprId condition)
{
    Block body = cascade_close(l->cs);
    Statement st = {.kind = ST_ITERATE, .rank = t, .trip = trip, .access = condition, .body_items = body};
    StatementId id = cascade_add_statement(l->cs, st);
    rank_at(l->cs, t)->region = id;
    cascade_item(l->cs, id);
}

TensorId carried(Lowering *l, const char *suffix, Dtype type, RankId t, bool next, const Ranks *rest)
{
    weir_context *cx = l->cx;
    const char *name = arena_printf(&cx->arena, "%.160s%s", cx_text(cx, l->provenance), suffix);
    TensorDecl decl = {.name = cascade_fresh_name(l->cs, name),
                       .role = TENSOR_TMP,
                       .type = type,
                       .n_dims = rest->n + 1,
                       .dims = ARENA_ARRAY(&cx->arena, TensorDim, rest->n + 1)};
    decl.dims[0] = (TensorDim){.rank = t, .next = next};
    for (uint32_t d = 0; d < rest->n; d++)
        decl.dims[d + 1].rank = rest->at[d];
    return cascade_add_tensor(l->cs, decl);
}

void define_carried(Lowering *l, TensorId tensor, ExprId generation, ExprId body)
{
    ExprId index[MAX_DIMS + 1] = {generation};
    uint32_t n = tensor_at(l->cs, tensor)->n_dims;
    for (uint32_t d = 1; d < n; d++)
        index[d] = rk(l, tensor_at(l->cs, tensor)->dims[d].rank);
    st_define_at(l->cs, tensor, n, index, cast(l, tensor_at(l->cs, tensor)->type, body), l->provenance);
}

ExprId at_carried(Lowering *l, TensorId tensor, ExprId generation, const RankId *rest)
{
    ExprId index[MAX_DIMS + 1] = {generation};
    uint32_t n = tensor_at(l->cs, tensor)->n_dims;
    for (uint32_t d = 1; d < n; d++)
        index[d] = rk(l, rest[d - 1]);
    return ex_access(l->cs, tensor, n, index);
}

ExprId next_step(Lowering *l, RankId t)
{
    return ex_offset(l->cs, rk(l, t), 1);
}
