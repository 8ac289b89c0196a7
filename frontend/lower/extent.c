/*
 * frontend/lower/extent.c: ranks whose extent is a scalar of the run.
 */
#include <string.h>

#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"
#include "support/text.h"

enum { NO_BOUND_BITS = 40 };

static bool finite_bound(double high)
{
    return high < (double)((int64_t)1 << NO_BOUND_BITS);
}

/* Whether a rank's line is in a list that is open here. */
static bool visible(const Lowering *l, RankId rank)
{
    for (uint32_t i = 0; i < l->cs->open.n; i++) {
        const Statement *st = statement_at(l->cs, l->cs->open.at[i]);
        if (st->kind == ST_RANK && rank_same(st->rank, rank))
            return true;
    }
    return false;
}

static bool tensor_visible(const Lowering *l, TensorId tensor)
{
    if (tensor_at(l->cs, tensor)->role != TENSOR_TMP)
        return true;
    for (uint32_t i = 0; i < l->cs->open.n; i++) {
        const Statement *st = statement_at(l->cs, l->cs->open.at[i]);
        if (st->kind == ST_TENSOR && st->tensor.i == tensor.i)
            return true;
        for (uint32_t t = 0; t < st->n_targets; t++)
            if (st->targets[t].tensor.i == tensor.i)
                return true;
    }
    return false;
}

typedef struct Sight {
    const Lowering *l;
    bool clear;
} Sight;

static void look(void *data, ExprId id)
{
    Sight *sight = data;
    const Expr *e = expr_at(sight->l->cs, id);
    if (e->kind == EX_EXTENT && rank_at(sight->l->cs, e->rank)->kind != RANK_STATIC)
        sight->clear = sight->clear && visible(sight->l, e->rank);
    if (e->kind == EX_ACCESS)
        sight->clear = sight->clear && tensor_visible(sight->l, e->tensor);
    if (e->kind == EX_INDEX || e->kind == EX_RANK) /* of a step */
        sight->clear = false;
}

bool scalar_visible(const Lowering *l, const Scalar *s)
{
    Sight sight = {l, true};
    expr_visit(l->cs, s->atom, look, &sight);
    return sight.clear;
}

RankId runtime_twin(Lowering *l, RankId rank)
{
    Rank twin = *rank_at(l->cs, rank);
    twin.name = cascade_fresh_name(l->cs, rank_name(l->cs, rank));
    RankId id = cascade_add_rank(l->cs, twin);
    cascade_item_rank(l->cs, id);
    return id;
}

/* What the lowering computed a rank's extent from; NULL: something else made it. */
static const Scalar *made_as(const Lowering *l, RankId rank)
{
    TensorId scalar = rank_at(l->cs, rank)->scalar;
    for (uint32_t i = 0; i < l->w->extents.n; i++)
        if (l->w->extents.at[i].cs == l->cs && l->w->extents.at[i].scalar.i == scalar.i && scalar.i != 0)
            return l->w->extents.at[i].value;
    return NULL;
}

/* A visible rank of this extent that is not in the list. */
static RankId existing(Lowering *l, const Ranks *ranks, const Scalar *extent)
{
    for (uint32_t i = 1; i < l->cs->ranks.n; i++) {
        RankId rank = {i};
        RankKind kind = rank_at(l->cs, rank)->kind;
        if ((kind != RANK_SCALAR && kind != RANK_COUNT) || ranks_have(ranks, rank) || !visible(l, rank))
            continue;
        Scalar own = rank_scalar(l, rank);
        const Scalar *as_made = made_as(l, rank);
        if (scalar_same(l, &own, extent) || (as_made != NULL && scalar_same(l, as_made, extent)))
            return rank;
    }
    return (RankId){0};
}

static RankId same_extent(Lowering *l, const Scalar *extent)
{
    static const Ranks none = {0};
    return existing(l, &none, extent);
}

/* The bound that --dim gives to a dimension of output 0. */
static bool bound_given(Lowering *l, const char *name, int64_t *out)
{
    for (uint32_t i = 0; i < l->w->options->n_dims; i++) {
        if (strcmp(cx_text(l->cx, l->w->options->dims[i].name), name) != 0)
            continue;
        *out = l->w->options->dims[i].extent;
        return true;
    }
    return false;
}

static weir_status bound_of(Lowering *l, uint32_t dim, const Scalar *extent, const Operand *source, int64_t *out)
{
    weir_context *cx = l->cx;
    Name first = l->node->n_outputs != 0 && l->node->outputs[0].i != 0 ? l->node->outputs[0] : l->provenance;
    const char *name = arena_printf(&cx->arena, "%s.%u", cx_text(cx, first), dim);
    *out = finite_bound(extent->high) ? (int64_t)extent->high : 0;
    int64_t given;
    if (bound_given(l, name, &given)) {
        *out = finite_bound(extent->high) && *out < given ? *out : given;
        return WEIR_OK;
    }
    if (finite_bound(extent->high))
        return WEIR_OK;
    if (source != NULL && source->depends != NULL && want_by_value(l->w, source->depends))
        return WEIR_UNSUPPORTED; /* lowered again with these inputs bound */
    if (source != NULL && source->stand_in)
        return WEIR_UNSUPPORTED; /* reported where it should have come from */
    diag(&cx->diag, node_place(l), E_NEEDS_BOUND, dim, cx_text(cx, first));
    Text note;
    text_init(&note, &cx->arena);
    for (uint32_t i = 0; source != NULL && source->depends != NULL && i < l->w->n_graph_inputs; i++)
        if ((source->depends[i / 64] >> (i % 64) & 1) != 0)
            text_printf(&note, "bind it: %s; or ", option_text(cx, "value", cx_text(cx, graph_input_name(l->w, i)), "V"));
    text_printf(&note, "bound it: %s", option_text(cx, "dim", name, "N"));
    diag_note(&cx->diag, "%s", note.at);
    return WEIR_UNSUPPORTED;
}

weir_status ranks_add_scalar(Lowering *l, Ranks *ranks, RankId like, const char *base, const Scalar *extent,
                             const Operand *source)
{
    if (ranks->n >= MAX_DIMS)
        return unsupported(l, "a tensor of more than %d dimensions", (int)MAX_DIMS);
    if (scalar_known(extent)) {
        if (extent->b < 0)
            return invalid(l, "extent %lld", (long long)extent->b);
        bool fits = like.i != 0 && rank_at(l->cs, like)->kind == RANK_STATIC && extent_of_rank(l, like) == extent->b;
        ranks_add_distinct(l, ranks, fits ? like : (RankId){0}, base, extent->b);
        return WEIR_OK;
    }
    if (like.i != 0 && !ranks_have(ranks, like)) {
        Scalar own = rank_scalar(l, like);
        if (scalar_same(l, &own, extent)) {
            ranks_add(ranks, like);
            return WEIR_OK;
        }
    }
    RankId rank = existing(l, ranks, extent);
    if (rank.i == 0 && (rank = same_extent(l, extent)).i != 0)
        rank = runtime_twin(l, rank);
    if (rank.i != 0) {
        ranks_add(ranks, rank);
        return WEIR_OK;
    }
    int64_t bound;
    TRY(bound_of(l, ranks->n, extent, source, &bound));
    TRY(runtime_rank(l, base, bound, scalar_expr(l, extent), &rank));
    KnownExtent known = {l->cs, rank_at(l->cs, rank)->scalar, arena_copy(&l->cx->arena, extent, sizeof *extent)};
    if (known.value->high > (double)bound)
        known.value->high = (double)bound;
    if (known.value->low < 0)
        known.value->low = 0; /* else the run stops */
    vec_push(&l->cx->arena, &l->w->extents, known);
    ranks_add(ranks, rank);
    return WEIR_OK;
}

weir_status scalar_index(Lowering *l, const Scalar *s, ExprId *out_index)
{
    bool plain = scalar_known(s) || expr_at(l->cs, s->atom)->kind == EX_EXTENT;
    if (plain) {
        *out_index = scalar_expr(l, s);
        return WEIR_OK;
    }
    Operand *scalar;
    Ranks none = {0};
    TRY(temporary(l, "_place", DT_I64, &none, &scalar));
    define(l, scalar, scalar_expr(l, s));
    *out_index = ex_access(l->cs, scalar->tensor, 0, NULL);
    return WEIR_OK;
}
