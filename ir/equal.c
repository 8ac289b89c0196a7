/*
 * ir/equal.c: structural equality of cascades.
 */
#include "ir/equal.h"

#include <string.h>

static bool same_rank_name(const Cascade *a, const Cascade *b, RankId x, RankId y)
{
    if (x.i == 0 || y.i == 0)
        return x.i == y.i;
    return name_is(rank_at(a, x)->name, rank_at(b, y)->name);
}

static bool same_tensor_name(const Cascade *a, const Cascade *b, TensorId x, TensorId y)
{
    if (x.i == 0 || y.i == 0)
        return x.i == y.i;
    return name_is(tensor_at(a, x)->name, tensor_at(b, y)->name);
}

static bool same_ranks(const Cascade *a, const Cascade *b, uint32_t n, const RankId *x, const RankId *y)
{
    for (uint32_t k = 0; k < n; k++)
        if (!same_rank_name(a, b, x[k], y[k]))
            return false;
    return true;
}

/* `converted`: their type does not count, they are converted to that of an accumulator or cast. */
static bool same_literal(const Expr *x, const Expr *y, bool converted)
{
    if ((x->type != y->type && !converted) || x->decimal != y->decimal)
        return false;
    return x->decimal ? memcmp(&x->f, &y->f, sizeof x->f) == 0 : x->i == y->i;
}

static bool same_tree(const Cascade *a, const Cascade *b, ExprId x_id, ExprId y_id, bool converted)
{
    if (x_id.i == 0 || y_id.i == 0)
        return x_id.i == y_id.i;
    const Expr *x = expr_at(a, x_id), *y = expr_at(b, y_id);
    if (x->kind != y->kind || x->n_args != y->n_args || x->fn != y->fn || x->cast != y->cast || x->part != y->part ||
        x->pad != y->pad || (x->kind == EX_CAST && x->type != y->type))
        return false;
    if (x->kind == EX_LITERAL && !same_literal(x, y, converted))
        return false;
    if (!same_rank_name(a, b, x->rank, y->rank) || !same_tensor_name(a, b, x->tensor, y->tensor) ||
        !same_tensor_name(a, b, x->pad_tensor, y->pad_tensor) || !same_tree(a, b, x->pad_literal, y->pad_literal, false))
        return false;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (!same_tree(a, b, expr_arg(a, x_id, k), expr_arg(b, y_id, k), (converted && x->kind == EX_CALL) || x->kind == EX_CAST))
            return false;
    return true;
}

static bool same_expr(const Cascade *a, const Cascade *b, ExprId x, ExprId y)
{
    return same_tree(a, b, x, y, false);
}

static bool same_exprs(const Cascade *a, const Cascade *b, uint32_t n, const ExprId *x, const ExprId *y)
{
    for (uint32_t k = 0; k < n; k++)
        if (!same_expr(a, b, x[k], y[k]))
            return false;
    return true;
}

static bool same_rank(const Cascade *a, const Cascade *b, RankId x_id, RankId y_id)
{
    if (x_id.i == 0 || y_id.i == 0)
        return x_id.i == y_id.i;
    const Rank *x = rank_at(a, x_id), *y = rank_at(b, y_id);
    return name_is(x->name, y->name) && x->kind == y->kind && x->extent == y->extent &&
           same_tensor_name(a, b, x->scalar, y->scalar) && same_rank_name(a, b, x->count_of, y->count_of);
}

static bool same_format(const Cascade *a, const Cascade *b, uint32_t x_index, uint32_t y_index)
{
    const Format *x = &a->formats.at[x_index], *y = &b->formats.at[y_index];
    if (x_index == 0 || y_index == 0)
        return x_index == y_index;
    if (x->kind != y->kind || x->element != y->element || x->n_fields != y->n_fields)
        return false;
    for (uint32_t i = 0; i < x->n_fields; i++) {
        const FormatField *f = &x->fields[i], *g = &y->fields[i];
        if (!name_is(f->name, g->name) || !name_is(f->value, g->value) || f->number != g->number || f->on != g->on ||
            f->per != g->per || !same_rank_name(a, b, f->rank, g->rank))
            return false;
    }
    return true;
}

static bool same_data(const ConstData *x, const ConstData *y)
{
    if (x->kind != y->kind)
        return false;
    if (x->kind == DATA_FILE)
        return name_is(x->path, y->path) && x->offset == y->offset;
    if (x->kind == DATA_SEEDED)
        return x->seed == y->seed && x->law == y->law && memcmp(&x->scale, &y->scale, sizeof x->scale) == 0;
    if (x->kind == DATA_NONE)
        return true;
    const Tensor *s = &x->value, *t = &y->value;
    int64_t n = tensor_elements(s);
    if (s->type != t->type || s->n_dims != t->n_dims || n < 0 || n != tensor_elements(t))
        return false;
    return n == 0 || memcmp(s->data, t->data, (size_t)n * dtype_bytes(s->type)) == 0;
}

static bool same_tensor(const Cascade *a, const Cascade *b, TensorId x_id, TensorId y_id)
{
    const TensorDecl *x = tensor_at(a, x_id), *y = tensor_at(b, y_id);
    if (!name_is(x->name, y->name) || !name_is(x->outside, y->outside) || x->role != y->role || x->is_out != y->is_out ||
        x->declared != y->declared || x->type != y->type || x->n_dims != y->n_dims)
        return false;
    for (uint32_t d = 0; d < x->n_dims; d++)
        if (!same_rank_name(a, b, x->dims[d].rank, y->dims[d].rank) || x->dims[d].next != y->dims[d].next)
            return false;
    return same_format(a, b, x->format, y->format) && same_data(&x->data, &y->data);
}

static bool same_targets(const Cascade *a, const Cascade *b, const Statement *x, const Statement *y)
{
    for (uint32_t t = 0; t < x->n_targets; t++) {
        const Target *f = &x->targets[t], *g = &y->targets[t];
        if (f->n_index != g->n_index || !same_tensor(a, b, f->tensor, g->tensor) ||
            !same_exprs(a, b, f->n_index, f->index, g->index))
            return false;
    }
    return true;
}

static bool same_args(const Cascade *a, const Cascade *b, const Statement *x, const Statement *y)
{
    for (uint32_t k = 0; k < x->n_args; k++) {
        const HostArg *f = &x->args[k], *g = &y->args[k];
        if (!name_is(f->key, g->key) || !same_tensor_name(a, b, f->tensor, g->tensor) || f->n_ranks != g->n_ranks ||
            !same_ranks(a, b, f->n_ranks, f->ranks, g->ranks) || !same_tree(a, b, f->literal, g->literal, true))
            return false;
    }
    return true;
}

static bool same_block(const Cascade *a, const Cascade *b, const Block *x, const Block *y);

static bool same_counts(const Statement *x, const Statement *y)
{
    return x->kind == y->kind && x->n_targets == y->n_targets && x->reduction == y->reduction &&
           x->order == y->order && x->accumulator == y->accumulator && x->n_reduced == y->n_reduced &&
           x->scatter == y->scatter && x->n_scatter == y->n_scatter && x->hostop == y->hostop && x->n_args == y->n_args &&
           x->n_provenance == y->n_provenance;
}

static bool same_statement(const Cascade *a, const Cascade *b, const Statement *x, const Statement *y)
{
    if (!same_counts(x, y) || !same_rank(a, b, x->rank, y->rank))
        return false;
    if (x->kind == ST_TENSOR && !same_tensor(a, b, x->tensor, y->tensor))
        return false;
    for (uint32_t k = 0; k < x->n_provenance; k++)
        if (!name_is(x->provenance[k], y->provenance[k]))
            return false;
    const ExprId single[][2] = {{x->from, y->from}, {x->condition, y->condition},
                                {x->scatter_condition, y->scatter_condition}, {x->scatter_value, y->scatter_value},
                                {x->access, y->access}};
    for (size_t k = 0; k < sizeof single / sizeof *single; k++)
        if (!same_expr(a, b, single[k][0], single[k][1]))
            return false;
    if (!same_tree(a, b, x->body, y->body, x->accumulator != DT_NONE))
        return false;
    return same_targets(a, b, x, y) && same_ranks(a, b, x->n_reduced, x->reduced, y->reduced) &&
           same_exprs(a, b, x->n_scatter, x->scatter_index, y->scatter_index) && same_args(a, b, x, y) &&
           same_tensor_name(a, b, x->trip, y->trip) && same_rank_name(a, b, x->trip_count_of, y->trip_count_of) &&
           same_block(a, b, &x->body_items, &y->body_items) && same_block(a, b, &x->else_items, &y->else_items);
}

static bool same_block(const Cascade *a, const Cascade *b, const Block *x, const Block *y)
{
    if (x->n != y->n)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!same_statement(a, b, statement_at(a, x->at[i]), statement_at(b, y->at[i])))
            return false;
    return true;
}

bool cascade_equal(const Cascade *a, const Cascade *b)
{
    return name_is(a->name, b->name) && a->pinned == b->pinned && same_block(a, b, &a->top, &b->top);
}
