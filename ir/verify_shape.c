/*
 * ir/verify_shape.c: invariants 2, 3, 4: counts, names, which ranks may stand where.
 */
#include <string.h>

#include "ir/verify.h"

static const int64_t MOST_EXTENT = (int64_t)1 << 62; /* so that sums of two are no overflow */

/* ---- 2: dimensions and index lists ---- */

static void check_names(Verify *v)
{
    const Cascade *cs = v->cs;
    uint8_t *taken = ARENA_ARRAY(&v->cx->arena, uint8_t, cs->cx->names.n + 1);
    for (uint32_t i = 1; i < cs->ranks.n; i++) {
        if (taken[cs->ranks.at[i].name.i]++ != 0)
            breach_at(v, cs->ranks.at[i].place, "two ranks are called '%s'", rank_name(cs, (RankId){i}));
    }
    for (uint32_t i = 1; i < cs->tensors.n; i++) {
        if (taken[cs->tensors.at[i].name.i]++ != 0)
            breach_at(v, cs->tensors.at[i].place, "the name '%s' is taken twice", tensor_name(cs, (TensorId){i}));
    }
}

static bool has_rank(const TensorDecl *tensor, RankId rank)
{
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        if (rank_same(tensor->dims[d].rank, rank))
            return true;
    return false;
}

static void check_format(Verify *v, TensorId id)
{
    enum { MOST_BLOCK = 1 << 30 };
    const TensorDecl *tensor = tensor_at(v->cs, id);
    const Format *format = &v->cs->formats.at[tensor->format];
    for (uint32_t i = 0; i < format->n_fields; i++) {
        const FormatField *field = &format->fields[i];
        bool block = strcmp(cx_text(v->cx, field->name), "block") == 0;
        if (block && (field->value.i != 0 || field->number < 1 || field->number > MOST_BLOCK || !field->on))
            breach_at(v, tensor->place, "a block is written block = N on RANK");
        if ((field->on || field->per) && !has_rank(tensor, field->rank))
            breach_at(v, tensor->place, "the format of '%s' names %s, which is none of its ranks", tensor_name(v->cs, id),
                      rank_name(v->cs, field->rank));
    }
}

static void check_dims(Verify *v, TensorId id)
{
    const TensorDecl *tensor = tensor_at(v->cs, id);
    const char *name = tensor_name(v->cs, id);
    if (tensor->n_dims > TENSOR_MAX_DIMS) {
        breach_at(v, tensor->place, "'%s' has %u dimensions; %d are allowed", name, tensor->n_dims, TENSOR_MAX_DIMS);
        return;
    }
    v->stamp++;
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        RankId rank = tensor->dims[d].rank;
        if (v->mark[rank.i] == v->stamp)
            breach_at(v, tensor->place, "'%s' has the rank %s twice", name, rank_name(v->cs, rank));
        v->mark[rank.i] = v->stamp;
    }
    if (tensor_size(v->cs, id) < 0)
        breach_at(v, tensor->place, "the elements of '%s' do not fit in 63 bits", name);
    if (tensor->format != 0)
        check_format(v, id);
    const Tensor *value = &tensor->data.value;
    if (tensor->role != TENSOR_CONST || tensor->data.kind != DATA_INLINE)
        return;
    bool same = value->n_dims == tensor->n_dims;
    for (uint32_t d = 0; same && d < tensor->n_dims; d++)
        same = value->extent[d] == dim_extent(v->cs, id, d);
    if (!same)
        breach_at(v, tensor->place, "the data of '%s' have other extents than its ranks", name);
}

static void check_access(Verify *v, StatementId st, ExprId id, ExprId condition)
{
    (void)condition;
    const Expr *e = expr_at(v->cs, id);
    uint32_t n = access_dims(v->cs, e);
    if (e->n_args != n)
        breach(v, st, id, "'%s' has %u dimension%s and is read with %u ind%s", tensor_name(v->cs, e->tensor), n,
               n == 1 ? "" : "s", e->n_args, e->n_args == 1 ? "ex" : "ices");
    if (e->part != PART_VALUE && tensor_at(v->cs, e->tensor)->format == 0)
        breach(v, st, id, "'%s' has no parts: its type is no format", tensor_name(v->cs, e->tensor));
    if (e->pad == PAD_TENSOR && tensor_at(v->cs, e->pad_tensor)->n_dims != 0)
        breach(v, st, id, "'%s' after ? is no scalar", tensor_name(v->cs, e->pad_tensor));
}

static void check_counts(Verify *v, StatementId id)
{
    const Statement *st = statement_at(v->cs, id);
    RankId ranks[CASCADE_MAX_RANKS + 1];
    for (uint32_t t = 0; t < st->n_targets; t++) {
        TensorId tensor = st->targets[t].tensor;
        uint32_t n = tensor_at(v->cs, tensor)->n_dims;
        if (st->targets[t].n_index != n)
            breach(v, id, (ExprId){0}, "'%s' has %u dimensions and is defined with %u indices", tensor_name(v->cs, tensor), n,
                   st->targets[t].n_index);
    }
    if (st->scatter != RED_NONE && st->n_scatter != tensor_at(v->cs, st->targets[0].tensor)->n_dims)
        breach(v, id, (ExprId){0}, "the index list after 'then' has %u entries for %u dimensions", st->n_scatter,
               tensor_at(v->cs, st->targets[0].tensor)->n_dims);
    for (uint32_t k = 0; k < st->n_args; k++) {
        const HostArg *arg = &st->args[k];
        if (arg->key.i == 0 && arg->n_ranks != tensor_at(v->cs, arg->tensor)->n_dims)
            breach(v, id, (ExprId){0}, "'%s' has %u dimensions, %u ranks number them", tensor_name(v->cs, arg->tensor),
                   tensor_at(v->cs, arg->tensor)->n_dims, arg->n_ranks);
    }
    if (st->trip.i != 0 && tensor_at(v->cs, st->trip)->n_dims != 0)
        breach(v, id, (ExprId){0}, "the trip count '%s' is no scalar", tensor_name(v->cs, st->trip));
    if (target_ranks(v->cs, st, ranks, CASCADE_MAX_RANKS + 1) > CASCADE_MAX_RANKS ||
        scatter_ranks(v->cs, st, ranks, CASCADE_MAX_RANKS + 1) > CASCADE_MAX_RANKS)
        breach(v, id, (ExprId){0}, "a statement over more than %d ranks", CASCADE_MAX_RANKS);
    statement_accesses(v, id, check_access);
}

void verify_shapes(Verify *v)
{
    check_names(v);
    for (uint32_t i = 1; i < v->cs->ranks.n; i++) {
        const Rank *rank = &v->cs->ranks.at[i];
        if (rank->extent < 0 || rank->extent > MOST_EXTENT)
            breach_at(v, rank->place, "the extent of %s is not in 0..2^62", rank_name(v->cs, (RankId){i}));
        if (rank->kind == RANK_SCALAR && tensor_at(v->cs, rank->scalar)->n_dims != 0)
            breach_at(v, rank->place, "the extent of %s is read from '%s', which is no scalar", rank_name(v->cs, (RankId){i}),
                      tensor_name(v->cs, rank->scalar));
    }
    for (uint32_t i = 1; i < v->cs->tensors.n && v->breaches == 0; i++)
        check_dims(v, (TensorId){i});
    for (uint32_t i = 0; i < v->order.n && v->breaches == 0; i++)
        check_counts(v, v->order.at[i]);
}

/* ---- 3: ranks are bound ---- */

typedef struct Bound {
    Verify *v;
    StatementId st;
} Bound;

static bool iterates_here(const Verify *v, StatementId st, RankId rank)
{
    const Rank *r = rank_at(v->cs, rank);
    return r->kind == RANK_ITERATIVE && (stands_in(v, st, r->region) || st.i == r->region.i);
}

static void check_bound(void *data, ExprId id)
{
    const Bound *b = data;
    Verify *v = b->v;
    const Expr *e = expr_at(v->cs, id);
    if (e->kind == EX_COUNT && rank_at(v->cs, e->rank)->kind != RANK_ITERATIVE)
        breach(v, b->st, id, "count(%s): %s is no iterative rank", rank_name(v->cs, e->rank), rank_name(v->cs, e->rank));
    if (e->kind != EX_RANK && e->kind != EX_INDEX)
        return;
    if (rank_at(v->cs, e->rank)->kind == RANK_ITERATIVE) {
        if (!iterates_here(v, b->st, e->rank))
            breach(v, b->st, id, "%s is iterative, and not here: after its region write count(%s)", rank_name(v->cs, e->rank),
                   rank_name(v->cs, e->rank));
    } else if (v->mark[e->rank.i] != v->stamp) {
        breach(v, b->st, id, "the rank %s is neither in the target nor in a bracket", rank_name(v->cs, e->rank));
    }
}

static void mark_ranks(Verify *v, uint32_t n, const RankId *ranks)
{
    v->stamp++;
    for (uint32_t k = 0; k < n; k++)
        v->mark[ranks[k].i] = v->stamp;
}

static void check_ranks(Verify *v, StatementId id)
{
    const Statement *st = statement_at(v->cs, id);
    RankId ranks[CASCADE_MAX_RANKS];
    Bound bound = {v, id};
    for (uint32_t k = 0; k < st->n_reduced; k++)
        if (rank_at(v->cs, st->reduced[k])->kind == RANK_ITERATIVE)
            breach(v, id, (ExprId){0}, "the iterative rank %s is reduced", rank_name(v->cs, st->reduced[k]));
    mark_ranks(v, target_ranks(v->cs, st, ranks, CASCADE_MAX_RANKS), ranks);
    for (uint32_t t = 0; t < st->n_targets; t++)
        for (uint32_t k = 0; k < st->targets[t].n_index; k++)
            expr_visit(v->cs, st->targets[t].index[k], check_bound, &bound);
    expr_visit(v->cs, st->condition, check_bound, &bound);
    expr_visit(v->cs, st->body, check_bound, &bound);
    expr_visit(v->cs, st->access, check_bound, &bound);
    mark_ranks(v, scatter_ranks(v->cs, st, ranks, CASCADE_MAX_RANKS), ranks);
    for (uint32_t k = 0; k < st->n_scatter; k++)
        expr_visit(v->cs, st->scatter_index[k], check_bound, &bound);
    expr_visit(v->cs, st->scatter_condition, check_bound, &bound);
    expr_visit(v->cs, st->scatter_value, check_bound, &bound);
    Statement unreduced = *st;
    unreduced.n_reduced = 0;
    mark_ranks(v, target_ranks(v->cs, &unreduced, ranks, CASCADE_MAX_RANKS), ranks);
    expr_visit(v->cs, st->from, check_bound, &bound);
}

void verify_bound_ranks(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++)
        check_ranks(v, v->order.at[i]);
}

/* ---- 4: targets ---- */

static void check_target_index(Verify *v, StatementId id, ExprId index)
{
    Affine a;
    const Statement *st = statement_at(v->cs, id);
    if (!expr_affine(v->cs, index, &a) || a.n > 1 || (a.n == 1 && a.coefficient[0] < 1)) {
        breach(v, id, index, "the target index %s is neither a*rank + b nor a constant", expr_text(v, index));
        return;
    }
    if (a.n == 0)
        return;
    if (st->kind == ST_HOST && (a.coefficient[0] != 1 || a.constant != 0))
        breach(v, id, index, "targets of host operations have plain ranks");
    if (v->mark[a.rank[0].i] == v->stamp)
        breach(v, id, index, "the rank %s stands twice in the target", rank_name(v->cs, a.rank[0]));
    v->mark[a.rank[0].i] = v->stamp;
}

static void check_target(Verify *v, StatementId id)
{
    const Statement *st = statement_at(v->cs, id);
    for (uint32_t t = 0; t < st->n_targets; t++) {
        v->stamp++;
        for (uint32_t k = 0; k < st->targets[t].n_index; k++)
            check_target_index(v, id, st->targets[t].index[k]);
    }
    for (uint32_t k = 0; k < st->n_reduced; k++) {
        if (v->mark[st->reduced[k].i] == v->stamp)
            breach(v, id, (ExprId){0}, "the reduced rank %s occurs in the target, or twice", rank_name(v->cs, st->reduced[k]));
        v->mark[st->reduced[k].i] = v->stamp;
    }
}

void verify_targets(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++)
        check_target(v, v->order.at[i]);
}
