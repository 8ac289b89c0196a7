/*
 * passes/shape.c: the shape of a statement: its ranks, and how each access moves with them.
 */
#include <string.h>

#include "ir/index.h"
#include "passes/schedule.h"

static int64_t dim_stride(const Cascade *cs, TensorId tensor, uint32_t dim)
{
    int64_t stride = 1;
    for (uint32_t d = tensor_at(cs, tensor)->n_dims; d-- > dim + 1;)
        stride *= dim_extent(cs, tensor, d);
    return stride;
}

static int position(const Shape *shape, RankId rank)
{
    for (uint32_t k = 0; k < shape->n_kept + shape->n_reduced; k++)
        if (rank_same(shape->rank[k], rank))
            return (int)k;
    return -1;
}

static void add_strides(const Cascade *cs, const Shape *shape, TensorId tensor, uint32_t n, const ExprId *index,
                        int64_t *stride, bool *affine, bool *plain)
{
    *affine = *plain = true;
    for (uint32_t d = 0; d < n; d++) {
        Affine a;
        RankId rank;
        *plain = *plain && index_is_rank(cs, index[d], &rank) && position(shape, rank) >= 0;
        if (!expr_affine(cs, index[d], &a)) {
            *affine = false;
            continue;
        }
        for (uint32_t t = 0; t < a.n; t++) {
            int k = position(shape, a.rank[t]);
            if (k >= 0)
                stride[k] += a.coefficient[t] * dim_stride(cs, tensor, d);
        }
    }
}

typedef struct Collect {
    const Cascade *cs;
    Shape *shape;
} Collect;

static void collect_access(void *data, ExprId e)
{
    Collect *c = data;
    const Expr *x = expr_at(c->cs, e);
    if (x->kind != EX_ACCESS)
        return;
    if (c->shape->n_accesses == SHAPE_MOST_ACCESSES || x->part != PART_VALUE) {
        c->shape->regular = false;
        return;
    }
    ShapeAccess *access = &c->shape->access[c->shape->n_accesses++];
    *access = (ShapeAccess){.access = e, .tensor = x->tensor};
    ExprId index[TENSOR_MAX_DIMS];
    for (uint32_t d = 0; d < x->n_args; d++)
        index[d] = expr_arg(c->cs, e, d);
    add_strides(c->cs, c->shape, x->tensor, x->n_args, index, access->stride, &access->affine, &access->plain);
    access->plain = access->plain && x->pad == PAD_NONE;
    access->constant = tensor_at(c->cs, x->tensor)->role == TENSOR_CONST && tensor_at(c->cs, x->tensor)->format == 0;
}

static bool is_product(const Cascade *cs, ExprId body)
{
    const Expr *x = expr_at(cs, body);
    return x->kind == EX_CALL && x->fn == FN_MUL && expr_at(cs, expr_arg(cs, body, 0))->kind == EX_ACCESS &&
           expr_at(cs, expr_arg(cs, body, 1))->kind == EX_ACCESS;
}

void shape_of(Cascade *cs, StatementId id, Shape *out_shape)
{
    memset(out_shape, 0, sizeof *out_shape);
    const Statement *st = statement_at(cs, id);
    uint32_t n = target_ranks(cs, st, out_shape->rank, CASCADE_MAX_RANKS);
    out_shape->id = id;
    out_shape->statement = st;
    out_shape->n_reduced = st->n_reduced;
    out_shape->n_kept = n - st->n_reduced;
    out_shape->regular = st->condition.i == 0 && st->scatter == RED_NONE;
    for (uint32_t k = 0; k < n; k++) {
        out_shape->extent[k] = rank_at(cs, out_shape->rank[k])->extent;
        if (rank_at(cs, out_shape->rank[k])->kind != RANK_STATIC || out_shape->extent[k] == 0)
            out_shape->regular = false;
    }
    Collect collect = {cs, out_shape};
    expr_visit(cs, st->body, collect_access, &collect);
    out_shape->product = is_product(cs, st->body);
    bool affine, plain;
    add_strides(cs, out_shape, st->targets[0].tensor, st->targets[0].n_index, st->targets[0].index,
                out_shape->target_stride, &affine, &plain);
}
