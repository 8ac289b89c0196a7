/*
 * passes/unit_ranks.c: removes ranks of extent 1 that index no interface tensor.
 *
 * The coordinate of such a rank is 0. Constants and temporaries lose the dimension; a reduction over nothing but such
 * ranks becomes its body. A rank stays where that would not be an equal cascade: in host arguments, formats,
 * conditions of a reduction of its own, dimensions read outside with a pad.
 */
#include "ir/index.h"
#include "passes/simplify.h"
#include "passes/uses.h"

typedef struct Units {
    Cascade *cs;
    bool *rank;   /* by rank: goes */
    ExprId *zero; /* by rank: literal 0 for those that go */
    bool refused; /* a rank was taken back in this round */
    uint32_t changed;
} Units;

static void take_back(Units *u, RankId rank)
{
    if (u->rank[rank.i]) {
        u->rank[rank.i] = false;
        u->refused = true;
    }
}

static bool dim_goes(const Units *u, TensorId tensor, uint32_t d)
{
    const TensorDim *dim = &tensor_at(u->cs, tensor)->dims[d];
    return u->rank[dim->rank.i] && !dim->next;
}

static bool is_zero(const Units *u, ExprId index)
{
    const Expr *x = expr_at(u->cs, index);
    return (x->kind == EX_LITERAL && x->i == 0) || (x->kind == EX_RANK && u->rank[x->rank.i]);
}

/* ---- which ranks go ---- */

static void check_node(void *data, ExprId e)
{
    Units *u = data;
    const Expr *x = expr_at(u->cs, e);
    if (x->kind != EX_ACCESS)
        return;
    for (uint32_t d = 0; d < x->n_args; d++) {
        bool plain = x->pad == PAD_NONE || is_zero(u, expr_arg(u->cs, e, d));
        if ((!plain || x->part != PART_VALUE) && dim_goes(u, x->tensor, d))
            take_back(u, tensor_at(u->cs, x->tensor)->dims[d].rank);
    }
}

static void check_expr(void *data, ExprId root)
{
    expr_visit(((Units *)data)->cs, root, check_node, data);
}

static bool reduction_may_vanish(const Statement *st)
{
    return st->condition.i == 0 && st->from.i == 0 && st->accumulator == DT_NONE &&
           !reduction_info(st->reduction)->arg;
}

static void check_item(void *data, StatementId id)
{
    Units *u = data;
    const Statement *st = statement_at(u->cs, id);
    for (uint32_t a = 0; a < st->n_args; a++)
        for (uint32_t r = 0; r < st->args[a].n_ranks; r++)
            take_back(u, st->args[a].ranks[r]);
    for (uint32_t t = 0; st->kind == ST_HOST && t < st->n_targets; t++)
        for (uint32_t d = 0; d < st->targets[t].n_index; d++)
            if (dim_goes(u, st->targets[t].tensor, d))
                take_back(u, tensor_at(u->cs, st->targets[t].tensor)->dims[d].rank);
    for (uint32_t d = 0; d < st->n_scatter; d++)
        if (dim_goes(u, st->targets[0].tensor, d) && !is_zero(u, st->scatter_index[d]))
            take_back(u, tensor_at(u->cs, st->targets[0].tensor)->dims[d].rank);
    if (st->n_reduced != 0 && !reduction_may_vanish(st))
        take_back(u, st->reduced[st->n_reduced - 1]);
    statement_exprs(u->cs, st, check_expr, u);
}

static void choose_ranks(Units *u)
{
    Cascade *cs = u->cs;
    for (uint32_t r = 1; r < cs->ranks.n; r++)
        u->rank[r] = cs->ranks.at[r].kind == RANK_STATIC && cs->ranks.at[r].extent == 1;
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *tensor = &cs->tensors.at[t];
        bool fixed = tensor->role == TENSOR_IN || tensor->is_out || tensor->format != 0;
        for (uint32_t d = 0; fixed && d < tensor->n_dims; d++)
            u->rank[tensor->dims[d].rank.i] = false;
    }
    do {
        u->refused = false;
        items_visit(cs, &cs->top, check_item, u);
    } while (u->refused);
}

/* ---- rewriting ---- */

static ExprId drop_indices(void *data, Cascade *cs, ExprId access, const ExprId *new_index)
{
    Units *u = data;
    Expr x = *expr_at(cs, access);
    ExprId kept[TENSOR_MAX_DIMS];
    uint32_t n = 0;
    for (uint32_t d = 0; d < x.n_args; d++)
        if (!dim_goes(u, x.tensor, d))
            kept[n++] = index_simplify(cs, new_index[d]);
    bool same = n == x.n_args;
    for (uint32_t d = 0; d < n && same; d++)
        same = kept[d].i == expr_arg(cs, access, d).i;
    return same ? (ExprId){0} : ex_push(cs, x, n, kept);
}

static ExprId rewritten(Units *u, ExprId e)
{
    Rewrite rewrite = {.n_ranks = u->cs->ranks.n, .rank_to = u->zero, .replace = drop_indices, .data = u};
    return expr_rewrite(u->cs, e, &rewrite);
}

static uint32_t keep_list(Units *u, TensorId tensor, uint32_t n, ExprId *list)
{
    uint32_t kept = 0;
    for (uint32_t d = 0; d < n; d++)
        if (!dim_goes(u, tensor, d))
            list[kept++] = rewritten(u, list[d]);
    return kept;
}

static void rewrite_item(void *data, StatementId id)
{
    Units *u = data;
    Statement st = *statement_at(u->cs, id);
    if (st.kind == ST_RANK || st.kind == ST_TENSOR)
        return;
    Arena *arena = &u->cs->cx->arena;
    st.targets = arena_copy(arena, st.targets, st.n_targets * sizeof *st.targets);
    for (uint32_t t = 0; t < st.n_targets; t++) {
        Target *target = &st.targets[t];
        target->index = arena_copy(arena, target->index, target->n_index * sizeof *target->index);
        target->n_index = keep_list(u, target->tensor, target->n_index, target->index);
    }
    if (st.n_scatter != 0) {
        st.scatter_index = arena_copy(arena, st.scatter_index, st.n_scatter * sizeof *st.scatter_index);
        st.n_scatter = keep_list(u, st.targets[0].tensor, st.n_scatter, st.scatter_index);
    }
    uint32_t kept = 0;
    st.reduced = arena_copy(arena, st.reduced, st.n_reduced * sizeof *st.reduced);
    for (uint32_t r = 0; r < st.n_reduced; r++)
        if (!u->rank[st.reduced[r].i])
            st.reduced[kept++] = st.reduced[r];
    if (kept == 0 && st.n_reduced != 0) {
        st.reduction = RED_NONE;
        st.order = ORDER_PLAIN;
    }
    st.n_reduced = kept;
    ExprId *const single[] = {&st.from, &st.condition, &st.body, &st.scatter_condition, &st.scatter_value, &st.access};
    for (size_t k = 0; k < sizeof single / sizeof *single; k++)
        *single[k] = rewritten(u, *single[k]);
    *statement_at(u->cs, id) = st;
}

static void drop_dims(Units *u)
{
    for (uint32_t t = 1; t < u->cs->tensors.n; t++) {
        TensorDecl *tensor = &u->cs->tensors.at[t];
        TensorDim *dims = ARENA_ARRAY(&u->cs->cx->arena, TensorDim, tensor->n_dims);
        uint32_t n = 0;
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            if (!dim_goes(u, (TensorId){t}, d))
                dims[n++] = tensor->dims[d];
        if (n == tensor->n_dims)
            continue;
        tensor->dims = dims;
        tensor->n_dims = n;
        tensor->data.value.n_dims = n;
        for (uint32_t d = 0; d < n; d++)
            tensor->data.value.extent[d] = dim_extent(u->cs, (TensorId){t}, d);
    }
}

static bool keep_item(void *data, StatementId id)
{
    Units *u = data;
    const Statement *st = statement_at(u->cs, id);
    return st->kind != ST_RANK || !u->rank[st->rank.i];
}

static void count_item(void *data, StatementId id)
{
    Units *u = data;
    const Statement *st = statement_at(u->cs, id);
    u->changed += st->kind == ST_RANK && u->rank[st->rank.i] ? 1 : 0;
}

uint32_t simplify_unit_ranks(Cascade *cs)
{
    Arena *arena = &cs->cx->arena;
    uint32_t n = cs->ranks.n;
    Units u = {.cs = cs, .rank = ARENA_ARRAY(arena, bool, n), .zero = ARENA_ARRAY(arena, ExprId, n)};
    choose_ranks(&u);
    items_visit(cs, &cs->top, count_item, &u);
    if (u.changed == 0)
        return 0;
    ExprId zero = ex_int(cs, 0);
    for (uint32_t r = 0; r < n; r++)
        if (u.rank[r])
            u.zero[r] = zero;
    items_visit(cs, &cs->top, rewrite_item, &u);
    drop_dims(&u);
    cs->top = items_filter(cs, cs->top, keep_item, &u);
    return u.changed;
}
