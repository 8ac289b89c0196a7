/*
 * frontend/lower/contract.c: MatMul, Gemm and their fused relatives: one sum of products, an epilogue as a second statement.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"
#include "frontend/lower/product.h"

weir_status side_of(Lowering *l, Operand *op, bool left, bool transpose, bool transpose_batch, Side *out)
{
    uint32_t n = op->n_dims;
    TRY(want_rank(l, op, 1, MAX_DIMS));
    *out = (Side){.op = op, .left = left, .row = left && n == 1 ? -1 : (int)n - 2, .column = !left && n == 1 ? -1 : (int)n - 1};
    if (n == 1) {
        out->row = left ? -1 : 0;
        out->column = left ? 0 : -1;
        return WEIR_OK;
    }
    uint32_t outer[MAX_DIMS];
    for (uint32_t d = 0; d < n - 1; d++)
        outer[d] = d;
    if (transpose_batch && n > 2) { /* the axis before the last comes to the front */
        out->row = 0;
        for (uint32_t d = 0; d < n - 2; d++)
            outer[d] = d + 1;
    }
    out->n_batch = n - 2;
    memcpy(out->batch, outer, (n - 2) * sizeof *outer);
    if (transpose) {
        int row = out->row;
        out->row = out->column;
        out->column = row;
    }
    return WEIR_OK;
}

/* Batch ranks of the product of two sides, by broadcasting. */
static weir_status batch_ranks(Lowering *l, const Side *a, const Side *b, Ranks *out)
{
    const Side *sides[2] = {a, b};
    uint32_t n = a->n_batch > b->n_batch ? a->n_batch : b->n_batch;
    for (uint32_t d = 0; d < n; d++) {
        int64_t extent = 1;
        RankId rank = {0};
        for (uint32_t k = 0; k < 2; k++) {
            if (d + sides[k]->n_batch < n)
                continue;
            uint32_t dim = sides[k]->batch[d + sides[k]->n_batch - n];
            int64_t e = sides[k]->op->extent[dim];
            if (e != 1 && extent != 1 && e != extent)
                return invalid(l, "batch extents %lld and %lld", (long long)extent, (long long)e);
            if (rank.i == 0 || (e != 1 && extent == 1))
                rank = dim_rank(l, sides[k]->op, dim);
            extent = extent == 1 ? e : extent;
        }
        if (rank.i != 0 && extent_of_rank(l, rank) != extent)
            rank.i = 0;
        ranks_add_distinct(l, out, rank, "b", extent);
    }
    return WEIR_OK;
}

/* The operand at batch ranks, its row and its column, less its zero point; a constant is declared over them. */
static weir_status side_at(Lowering *l, const Side *side, const Ranks *batch, RankId row, RankId column, ExprId *out)
{
    RankId hint[MAX_DIMS] = {{0}};
    ExprId index[MAX_DIMS];
    for (uint32_t k = 0; k < side->n_batch; k++) {
        RankId rank = batch->at[batch->n - side->n_batch + k];
        bool stretched = side->op->extent[side->batch[k]] == 1 && extent_of_rank(l, rank) != 1;
        hint[side->batch[k]] = stretched ? (RankId){0} : rank;
        index[side->batch[k]] = stretched ? num(l, 0) : rk(l, rank);
    }
    if (side->row >= 0) {
        hint[side->row] = row;
        index[side->row] = rk(l, row);
    }
    if (side->column >= 0) {
        hint[side->column] = column;
        index[side->column] = rk(l, column);
    }
    declare_over(l, side->op, hint);
    *out = at_index(l, side->op, index);
    if (side->zero == NULL)
        return WEIR_OK;
    Ranks all = *batch;
    ExprId zero;
    if (side->row >= 0)
        ranks_add(&all, row);
    if (side->column >= 0)
        ranks_add(&all, column);
    TRY(parameter_at(l, side->zero, &all, side->left ? row : column, &zero));
    *out = ex2(l, FN_SUB, *out, zero);
    return WEIR_OK;
}

weir_status parameter_at(Lowering *l, Operand *op, const Ranks *ranks, RankId rank, ExprId *out)
{
    if (count_of(op) == 1) {
        ExprId zero[MAX_DIMS];
        for (uint32_t d = 0; d < op->n_dims; d++)
            zero[d] = num(l, 0);
        *out = at_index(l, op, zero);
        return WEIR_OK;
    }
    if (op->n_dims == 1 && rank.i != 0 && extent_of_rank(l, rank) == op->extent[0]) {
        *out = at_ranks(l, op, &rank);
        return WEIR_OK;
    }
    bool fits = op->n_dims <= ranks->n && op->n_dims > 1;
    for (uint32_t d = 0; fits && d < op->n_dims; d++)
        fits = op->extent[d] == 1 || op->extent[d] == extent_of_rank(l, ranks->at[ranks->n - op->n_dims + d]);
    if (!fits)
        return invalid(l, "parameter %s does not fit", shape_text(l, op));
    *out = at_broadcast(l, op, ranks);
    return WEIR_OK;
}

static RankId side_rank(const Lowering *l, const Side *side, int dim)
{
    return dim < 0 ? (RankId){0} : dim_rank(l, side->op, (uint32_t)dim);
}

weir_status product(Lowering *l, const Side *a, const Side *b, Dtype type, bool final, Operand **out)
{
    int64_t k_extent = a->op->extent[a->column];
    if (b->op->extent[b->row] != k_extent)
        return invalid(l, "the inner extents are %lld and %lld", (long long)k_extent,
                       (long long)b->op->extent[b->row]);
    Ranks batch = {0}, ranks, over = {0};
    TRY(batch_ranks(l, a, b, &batch));
    ranks = batch;
    RankId m = {0}, n = {0};
    if (a->row >= 0)
        m = ranks_add_distinct(l, &ranks, side_rank(l, a, a->row), "m", a->op->extent[a->row]);
    if (b->column >= 0)
        n = ranks_add_distinct(l, &ranks, side_rank(l, b, b->column), "n", b->op->extent[b->column]);
    RankId k = side_rank(l, a, a->column);
    if (k.i == 0 || ranks_have(&ranks, k))
        k = side_rank(l, b, b->row);
    if (k.i == 0 || ranks_have(&ranks, k))
        k = new_rank(l, "k", k_extent);
    ranks_add(&over, k);
    if (final)
        TRY(output(l, 0, type, &ranks, out));
    else
        TRY(temporary(l, "_sum", type, &ranks, out));
    ExprId left, right;
    TRY(side_at(l, a, &batch, m, k, &left));
    TRY(side_at(l, b, &batch, k, n, &right));
    reduce(l, *out, RED_SUM, &over, ex2(l, FN_MUL, left, right));
    return WEIR_OK;
}

weir_status lower_matmul(Lowering *l)
{
    Side a, b;
    Operand *sum, *y;
    double alpha = attr_float(l, "alpha", 1);
    TRY(want_same_type(l, l->in[0], l->in[1]));
    if (!is_float(l->in[0]->type) && !dtype_is_int(l->in[0]->type))
        return invalid(l, "not defined for type %s", dtype_text(l->in[0]->type));
    TRY(side_of(l, l->in[0], true, attr_int(l, "transA", 0) != 0, attr_int(l, "transBatchA", 0) != 0, &a));
    TRY(side_of(l, l->in[1], false, attr_int(l, "transB", 0) != 0, attr_int(l, "transBatchB", 0) != 0, &b));
    Dtype type = l->in[0]->type;
    TRY(product(l, &a, &b, wide(type), alpha == 1 && wide(type) == type, &sum));
    if (l->out[0] != NULL)
        return WEIR_OK;
    Ranks ranks;
    ranks_of(l, sum, &ranks);
    TRY(output(l, 0, l->in[0]->type, &ranks, &y));
    ExprId v = at_ranks(l, sum, ranks.at);
    define(l, y, alpha == 1 ? v : ex2(l, FN_MUL, lit(l, sum->type, alpha), v));
    return WEIR_OK;
}

/* beta * C for a point of the result, or 0. */
static weir_status gemm_addend(Lowering *l, Operand *c, double beta, const Ranks *ranks, Dtype type, ExprId *out)
{
    *out = (ExprId){0};
    if (c == NULL || beta == 0)
        return WEIR_OK;
    TRY(want_same_type(l, l->in[0], c));
    TRY(want_rank(l, c, 0, 2));
    for (uint32_t d = 0; d < c->n_dims; d++) {
        int64_t e = extent_of_rank(l, ranks->at[2 - c->n_dims + d]);
        if (c->extent[d] != 1 && c->extent[d] != e)
            return invalid(l, "the third operand does not broadcast to the product");
    }
    ExprId v = cast(l, type, at_broadcast(l, c, ranks));
    *out = beta == 1 ? v : ex2(l, FN_MUL, lit(l, type, beta), v);
    return WEIR_OK;
}

weir_status lower_gemm(Lowering *l)
{
    Operand *c = input(l, 2), *sum, *y;
    Side a, b;
    double alpha = attr_float(l, "alpha", 1), beta = attr_float(l, "beta", 1);
    const char *act = attr_text(l, "activation", "");
    TRY(want_same_type(l, l->in[0], l->in[1]));
    TRY(want_rank(l, l->in[0], 2, 2));
    TRY(want_rank(l, l->in[1], 2, 2));
    if (!is_float(l->in[0]->type) && (alpha != floor(alpha) || beta != floor(beta)))
        return unsupported(l, "integers with fractional alpha or beta");
    TRY(side_of(l, l->in[0], true, attr_int(l, "transA", 0) != 0, false, &a));
    TRY(side_of(l, l->in[1], false, attr_int(l, "transB", 0) != 0, false, &b));
    bool plain = alpha == 1 && (c == NULL || beta == 0) && act[0] == 0;
    Dtype type = l->in[0]->type;
    TRY(product(l, &a, &b, wide(type), plain && wide(type) == type, &sum));
    if (l->out[0] != NULL)
        return WEIR_OK;
    Ranks ranks;
    ExprId addend;
    ranks_of(l, sum, &ranks);
    TRY(gemm_addend(l, c, beta, &ranks, sum->type, &addend));
    TRY(output(l, 0, l->in[0]->type, &ranks, &y));
    ExprId v = at_ranks(l, sum, ranks.at);
    if (alpha != 1)
        v = ex2(l, FN_MUL, lit(l, sum->type, alpha), v);
    if (addend.i != 0)
        v = ex2(l, FN_ADD, v, addend);
    if (act[0] != 0) {
        double p = attr(l, "activation_alpha") == NULL ? (double)NAN : attr_float(l, "activation_alpha", 0);
        double q = attr(l, "activation_beta") == NULL ? (double)NAN : attr_float(l, "activation_beta", 0);
        TRY(activation(l, act, p, q, v, &v));
    }
    define(l, y, v);
    return WEIR_OK;
}
