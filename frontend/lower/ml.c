/*
 * frontend/lower/ml.c: ai.onnx.ml on numbers: features picked, scaled, compared; linear models.
 */
#include <string.h>

#include "frontend/lower/families.h"
#include "frontend/lower/forest.h"

weir_status lower_array_feature_extractor(Lowering *l)
{
    Operand *x = l->in[0], *indices = l->in[1], *y;
    int64_t n = count_of(indices);
    if (indices->type != DT_I64)
        return invalid(l, "indices must be i64, not %s", dtype_text(indices->type));
    TRY(want_rank(l, x, 1, MAX_DIMS));
    TRY(want_rank(l, indices, 0, 2));
    TRY(want_static(l, indices));
    if (indices->n_dims == 2 && indices->extent[0] != 1)
        return unsupported(l, "indices of shape %s", shape_text(l, indices));
    for (int64_t i = 0; indices->value != NULL && i < n; i++) {
        int64_t v = dtype_load_i64(indices->type, indices->value->data, (size_t)i);
        if (v < 0 || v >= x->extent[x->n_dims - 1])
            return invalid(l, "index %lld is outside the extent %lld", (long long)v, (long long)x->extent[x->n_dims - 1]);
    }
    Ranks ranks;
    ExprId index[MAX_DIMS], at[2] = {num(l, 0), num(l, 0)};
    ranks_of(l, x, &ranks);
    uint32_t last = x->n_dims - 1;
    for (uint32_t d = 0; d < last; d++)
        index[d] = rk(l, ranks.at[d]);
    ranks.n = last;
    if (last == 0)
        ranks_add(&ranks, new_rank(l, "n", 1));
    ranks_add(&ranks, new_rank(l, "q", n));
    if (indices->n_dims != 0)
        at[indices->n_dims - 1] = rk(l, ranks.at[ranks.n - 1]);
    TRY(output(l, 0, x->type, &ranks, &y));
    index[last] = at_index(l, indices, at);
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

static weir_status want_number(Lowering *l, const Operand *op)
{
    if (!is_float(op->type) && !dtype_is_int(op->type))
        return invalid(l, "not defined for type %s", dtype_text(op->type));
    return WEIR_OK;
}

weir_status lower_binarizer(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ranks ranks;
    TRY(want_number(l, x));
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, x->type, &ranks, &y));
    Dtype type = is_float(x->type) ? wide(x->type) : DT_F64;
    ExprId above = ex2(l, FN_GT, cast(l, type, at_ranks(l, x, ranks.at)), lit(l, type, attr_float(l, "threshold", 0)));
    define(l, y, ex_select(l->cs, above, lit(l, DT_F32, 1), lit(l, DT_F32, 0)));
    return WEIR_OK;
}

/* A list of floats by the last dimension, or one for all. */
static weir_status per_feature(Lowering *l, const char *name, double otherwise, RankId rank, ExprId *out)
{
    const Attribute *a = attr(l, name);
    int64_t extent = extent_of_rank(l, rank);
    *out = lit(l, DT_F32, a == NULL || a->n == 0 ? otherwise : (double)a->floats[0]);
    if (a == NULL || a->n <= 1)
        return WEIR_OK;
    if ((int64_t)a->n != extent)
        return invalid(l, "%s has %u entries for %lld features", name, a->n, (long long)extent);
    Tensor values = table_new(l, DT_F32, 1, &extent);
    for (uint32_t i = 0; i < a->n; i++)
        dtype_store_f64(DT_F32, values.data, i, (double)a->floats[i]);
    *out = at_ranks(l, table(l, arena_printf(&l->cx->arena, "_%s", name), &values, &rank), &rank);
    return WEIR_OK;
}

weir_status lower_scaler(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ranks ranks;
    ExprId offset, scale;
    TRY(want_number(l, x));
    TRY(want_rank(l, x, 1, MAX_DIMS));
    ranks_of(l, x, &ranks);
    TRY(per_feature(l, "offset", 0, ranks.at[ranks.n - 1], &offset));
    TRY(per_feature(l, "scale", 1, ranks.at[ranks.n - 1], &scale));
    TRY(output(l, 0, DT_F32, &ranks, &y));
    define(l, y, ex2(l, FN_MUL, ex2(l, FN_SUB, cast(l, DT_F32, at_ranks(l, x, ranks.at)), offset), scale));
    return WEIR_OK;
}

weir_status lower_imputer(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ranks ranks;
    ExprId value;
    TRY(want_rank(l, x, 1, MAX_DIMS));
    if (x->type != DT_F32)
        return unsupported(l, "features of type %s", dtype_text(x->type));
    if (attr(l, "imputed_value_floats") == NULL)
        return invalid(l, "imputed_value_floats are missing");
    ranks_of(l, x, &ranks);
    TRY(per_feature(l, "imputed_value_floats", 0, ranks.at[ranks.n - 1], &value));
    TRY(output(l, 0, x->type, &ranks, &y));
    double old = attr_float(l, "replaced_value_float", 0);
    ExprId v = at_ranks(l, x, ranks.at);
    ExprId missing = old != old ? ex2(l, FN_NE, v, v) : ex2(l, FN_EQ, v, lit(l, DT_F32, old));
    define(l, y, ex_select(l->cs, missing, value, v));
    return WEIR_OK;
}

/* A row over its largest element, its sum of magnitudes or its length; rows of norm 0 stay. */
weir_status lower_normalizer(Lowering *l)
{
    Operand *x = l->in[0], *norm, *y;
    Ranks ranks, kept, over = {.n = 1};
    bool max = attr_is(l, "norm", "MAX", "MAX"), one = attr_is(l, "norm", "MAX", "L1");
    if (!max && !one && !attr_is(l, "norm", "MAX", "L2"))
        return invalid(l, "norm '%s'", attr_text(l, "norm", ""));
    TRY(want_number(l, x));
    TRY(want_rank(l, x, 1, 2));
    ranks_of(l, x, &ranks);
    kept = ranks;
    over.at[0] = kept.at[--kept.n];
    ExprId v = cast(l, DT_F32, at_ranks(l, x, ranks.at));
    TRY(temporary(l, "_norm", DT_F32, &kept, &norm));
    if (max)
        reduce(l, norm, RED_MAX, &over, v);
    else
        reduce(l, norm, RED_SUM, &over, one ? ex1(l, FN_ABS, v) : ex2(l, FN_MUL, v, v));
    TRY(output(l, 0, DT_F32, &ranks, &y));
    ExprId d = at_ranks(l, norm, kept.at);
    d = max || one ? d : ex1(l, FN_SQRT, d);
    d = ex_select(l->cs, ex2(l, FN_EQ, d, lit(l, DT_F32, 0)), lit(l, DT_F32, 1), d);
    define(l, y, ex2(l, FN_DIV, v, d));
    return WEIR_OK;
}

/* ---- what models do to their scores ---- */

weir_status post_transform(Lowering *l, Operand *scores, const char *kind, uint32_t k, Dtype type)
{
    Ranks own, over = {.n = 1};
    Operand *y;
    ranks_of(l, scores, &own);
    if (strcmp(kind, "SOFTMAX") == 0) {
        over.at[0] = own.at[own.n - 1];
        return softmax_over(l, scores, &own, &over, false, k, type);
    }
    if (strcmp(kind, "NONE") != 0 && strcmp(kind, "LOGISTIC") != 0)
        return unsupported(l, "post_transform '%s'", kind);
    ExprId v = at_ranks(l, scores, own.at);
    TRY(output(l, k, type, &own, &y));
    define(l, y, kind[0] == 'N' ? v : ex1(l, FN_SIGMOID, v));
    return WEIR_OK;
}

weir_status labels_of(Lowering *l, Operand *scores, Ints labels)
{
    Ranks own, kept, over = {.n = 1};
    Operand *best, *y;
    int64_t n = labels.n;
    ranks_of(l, scores, &own);
    kept = own;
    over.at[0] = kept.at[--kept.n];
    TRY(temporary(l, "_best", DT_I64, &kept, &best));
    reduce(l, best, RED_ARGMAX, &over, at_ranks(l, scores, own.at));
    Tensor names = table_new(l, DT_I64, 1, &n);
    for (uint32_t i = 0; i < labels.n; i++)
        dtype_store_i64(DT_I64, names.data, i, labels.at[i]);
    TRY(output(l, 0, DT_I64, &kept, &y));
    ExprId at = at_ranks(l, best, kept.at);
    define(l, y, at_index(l, table(l, "_labels", &names, over.at), &at));
    return WEIR_OK;
}

/* ---- linear models ---- */

/* coefficients[e, c] X[b, c] + intercepts[e]. */
static weir_status linear_scores(Lowering *l, int64_t n, Operand **out)
{
    Operand *x = l->in[0], *sum;
    const Attribute *w = attr(l, "coefficients"), *b = attr(l, "intercepts");
    TRY(want_number(l, x));
    TRY(want_rank(l, x, 2, 2));
    if (w == NULL || n < 1 || (int64_t)w->n != n * x->extent[1] || (b != NULL && b->n != 0 && (int64_t)b->n != n))
        return invalid(l, "%u coefficients and %u intercepts do not fit %lld results", w == NULL ? 0 : w->n,
                       b == NULL ? 0 : b->n, (long long)n);
    Ranks own;
    ranks_of(l, x, &own);
    RankId e = new_rank(l, "e", n), rows[2] = {e, own.at[1]};
    int64_t extent[2] = {n, x->extent[1]};
    Tensor weights = table_new(l, DT_F32, 2, extent);
    for (uint32_t i = 0; i < w->n; i++)
        dtype_store_f64(DT_F32, weights.data, i, (double)w->floats[i]);
    Operand *table_w = table(l, "_coefficients", &weights, rows);
    Ranks ranks = {.n = 2, .at = {own.at[0], e}}, over = {.n = 1, .at = {own.at[1]}};
    TRY(temporary(l, "_sum", DT_F32, &ranks, &sum));
    reduce(l, sum, RED_SUM, &over, ex2(l, FN_MUL, cast(l, DT_F32, at_ranks(l, x, own.at)), at_ranks(l, table_w, rows)));
    *out = sum;
    if (b == NULL || b->n == 0)
        return WEIR_OK;
    ExprId bias;
    TRY(per_feature(l, "intercepts", 0, e, &bias));
    TRY(temporary(l, "_score", DT_F32, &ranks, out));
    define(l, *out, ex2(l, FN_ADD, at_ranks(l, sum, ranks.at), bias));
    return WEIR_OK;
}

weir_status lower_linear_regressor(Lowering *l)
{
    Operand *scores;
    TRY(linear_scores(l, attr_int(l, "targets", 1), &scores));
    return post_transform(l, scores, attr_text(l, "post_transform", "NONE"), 0, DT_F32);
}

weir_status lower_linear_classifier(Lowering *l)
{
    Ints labels = attr_ints(l, "classlabels_ints");
    const Attribute *w = attr(l, "coefficients");
    Operand *scores;
    if (attr(l, "classlabels_strings") != NULL)
        return unsupported(l, "labels that are strings");
    TRY(want_rank(l, l->in[0], 2, 2));
    if (labels.n < 2 || w == NULL || (int64_t)w->n != (int64_t)labels.n * l->in[0]->extent[1])
        return unsupported(l, "scores that are not one a class");
    TRY(linear_scores(l, labels.n, &scores));
    TRY(labels_of(l, scores, labels));
    return post_transform(l, scores, attr_text(l, "post_transform", "NONE"), 1, DT_F32);
}
