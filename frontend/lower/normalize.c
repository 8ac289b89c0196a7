/*
 * frontend/lower/normalize.c: normalisations: mean and variance over some ranks, then scale and shift.
 *
 * Keep: the variance is the mean of squared deviations (two passes), statistics of f16 and bf16 are in f32.
 */
#include <math.h>

#include "frontend/lower/families.h"

/* ---- BatchNormalization ---- */

static bool all_values(Operand *const *ops, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (ops[k]->value == NULL)
            return false;
    return true;
}

/* y = x * scale + shift with constants that are computed here: in double, rounded once. */
static void folded_factors(Lowering *l, Operand *const *p, Dtype type, double epsilon, RankId c, Operand **out)
{
    int64_t n = count_of(p[0]);
    Tensor scale = {.type = type, .n_dims = 1, .extent = {n}, .writable = true}, shift = scale;
    scale.data = ARENA_ARRAY(&l->cx->arena, double, (size_t)n);
    shift.data = ARENA_ARRAY(&l->cx->arena, double, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        double v[4];
        for (uint32_t k = 0; k < 4; k++)
            v[k] = dtype_load_f64(p[k]->type, p[k]->value->data, (size_t)i);
        double factor = v[0] / sqrt(v[3] + epsilon);
        dtype_store_f64(type, scale.data, (size_t)i, factor);
        dtype_store_f64(type, shift.data, (size_t)i, v[1] - v[2] * factor);
    }
    out[0] = table(l, "_scale", &scale, &c);
    out[1] = table(l, "_shift", &shift, &c);
}

static weir_status factor_statements(Lowering *l, Operand *const *p, Dtype type, double epsilon, RankId c, Operand **out)
{
    Ranks ranks = {.n = 1, .at = {c}};
    TRY(temporary(l, "_scale", type, &ranks, &out[0]));
    ExprId root = ex1(l, FN_SQRT, ex2(l, FN_ADD, cast(l, type, at_ranks(l, p[3], &c)), lit(l, type, epsilon)));
    define(l, out[0], ex2(l, FN_DIV, cast(l, type, at_ranks(l, p[0], &c)), root));
    TRY(temporary(l, "_shift", type, &ranks, &out[1]));
    ExprId moved = ex2(l, FN_MUL, cast(l, type, at_ranks(l, p[2], &c)), at_ranks(l, out[0], &c));
    define(l, out[1], ex2(l, FN_SUB, cast(l, type, at_ranks(l, p[1], &c)), moved));
    return WEIR_OK;
}

static weir_status batch_norm_training(Lowering *l);

weir_status lower_batch_norm(Lowering *l)
{
    Operand *x = l->in[0], **p = l->in + 1, *factors[2], *y;
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 1, MAX_DIMS));
    if (attr_int(l, "training_mode", 0) != 0 && l->opset >= 14)
        return batch_norm_training(l);
    if (attr_int(l, "training_mode", 0) != 0 || (l->opset < 7 && attr_int(l, "is_test", 0) == 0))
        return unsupported(l, "training mode");
    if (attr_int(l, "spatial", 1) == 0)
        return unsupported(l, "spatial = 0");
    int64_t channels = x->n_dims == 1 ? 1 : x->extent[1];
    for (uint32_t k = 0; k < 4; k++)
        if (p[k]->n_dims != 1 || p[k]->extent[0] != channels || !is_float(p[k]->type))
            return invalid(l, "parameter %u must have %lld elements, not %s", k + 1, (long long)channels,
                           shape_text(l, p[k]));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    RankId c = x->n_dims == 1 ? new_rank(l, "c", 1) : ranks.at[1];
    double epsilon = attr_float(l, "epsilon", 1e-5);
    Dtype type = wide(x->type);
    if (all_values(p, 4))
        folded_factors(l, p, type, epsilon, c, factors);
    else
        TRY(factor_statements(l, p, type, epsilon, c, factors));
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId at = x->n_dims == 1 ? num(l, 0) : rk(l, c);
    ExprId scaled = ex2(l, FN_MUL, cast(l, type, at_ranks(l, x, ranks.at)), ex_access(l->cs, factors[0]->tensor, 1, &at));
    define(l, y, ex2(l, FN_ADD, scaled, ex_access(l->cs, factors[1]->tensor, 1, &at)));
    return WEIR_OK;
}

/* ---- mean, deviation, 1 / sqrt(variance + epsilon) ---- */

typedef struct Norm {
    Operand *x;
    Dtype type;         /* of the statistics */
    Ranks own, kept, over;
    bool rms;           /* no mean is taken off */
    double n, epsilon;
    Operand *mean, *deviation, *squares, *inverse; /* deviation: x itself when rms; squares: their sum */
} Norm;

static ExprId deviation_at(Lowering *l, Norm *s)
{
    return cast(l, s->type, at_ranks(l, s->rms ? s->x : s->deviation, s->own.at));
}

static weir_status statistics(Lowering *l, Norm *s)
{
    Operand *sum, *squares;
    if (!s->rms) {
        TRY(temporary(l, "_sum", s->type, &s->kept, &sum));
        reduce(l, sum, RED_SUM, &s->over, at_ranks(l, s->x, s->own.at));
        TRY(temporary(l, "_mean", s->type, &s->kept, &s->mean));
        define(l, s->mean, ex2(l, FN_DIV, at_ranks(l, sum, s->kept.at), lit(l, s->type, s->n)));
        TRY(temporary(l, "_dev", s->type, &s->own, &s->deviation));
        define(l, s->deviation, ex2(l, FN_SUB, cast(l, s->type, at_ranks(l, s->x, s->own.at)),
                                    at_ranks(l, s->mean, s->kept.at)));
    }
    TRY(temporary(l, "_squares", s->type, &s->kept, &squares));
    ExprId d = s->rms ? at_ranks(l, s->x, s->own.at) : deviation_at(l, s);
    reduce(l, squares, RED_SUM, &s->over, ex2(l, FN_MUL, d, d));
    TRY(temporary(l, "_inv", s->type, &s->kept, &s->inverse));
    s->squares = squares;
    ExprId variance = ex2(l, FN_DIV, at_ranks(l, squares, s->kept.at), lit(l, s->type, s->n));
    define(l, s->inverse, ex1(l, FN_RSQRT, ex2(l, FN_ADD, variance, lit(l, s->type, s->epsilon))));
    return WEIR_OK;
}

/* The statistics are those of this batch; outputs 1 and 2 mix them into the running ones. */
static weir_status batch_norm_training(Lowering *l)
{
    Norm s = {.x = l->in[0], .type = wide(l->in[0]->type), .n = 1, .epsilon = attr_float(l, "epsilon", 1e-5)};
    Operand *y, **p = l->in + 1;
    double momentum = attr_float(l, "momentum", 0.9);
    TRY(want_rank(l, s.x, 2, MAX_DIMS));
    TRY(want_static(l, s.x));
    ranks_of(l, s.x, &s.own);
    RankId c = s.own.at[1];
    for (uint32_t d = 0; d < s.own.n; d++) {
        ranks_add(d == 1 ? &s.kept : &s.over, s.own.at[d]);
        s.n *= d == 1 ? 1 : (double)s.x->extent[d];
    }
    for (uint32_t k = 0; k < 4; k++)
        if (p[k]->n_dims != 1 || p[k]->extent[0] != s.x->extent[1] || !is_float(p[k]->type))
            return invalid(l, "parameter %u is %s", k + 1, shape_text(l, p[k]));
    TRY(statistics(l, &s));
    TRY(output(l, 0, s.x->type, &s.own, &y));
    ExprId v = ex2(l, FN_MUL, deviation_at(l, &s), at_ranks(l, s.inverse, &c));
    v = ex2(l, FN_MUL, v, cast(l, s.type, at_ranks(l, p[0], &c)));
    define(l, y, ex2(l, FN_ADD, v, cast(l, s.type, at_ranks(l, p[1], &c))));
    for (uint32_t k = 1; k < 3; k++) {
        if (!out_wanted(l, k))
            continue;
        TRY(output(l, k, p[k + 1]->type, &s.kept, &y));
        ExprId fresh = at_ranks(l, k == 1 ? s.mean : s.squares, &c);
        if (k == 2)
            fresh = ex2(l, FN_DIV, fresh, lit(l, s.type, s.n));
        ExprId old = ex2(l, FN_MUL, cast(l, s.type, at_ranks(l, p[k + 1], &c)), lit(l, s.type, momentum));
        define(l, y, ex2(l, FN_ADD, old, ex2(l, FN_MUL, fresh, lit(l, s.type, 1 - momentum))));
    }
    return WEIR_OK;
}

/* Dimensions from `first` on are normalised. */
static void split(Lowering *l, Norm *s, uint32_t first)
{
    ranks_of(l, s->x, &s->own);
    s->n = 1;
    for (uint32_t d = 0; d < s->own.n; d++) {
        bool reduced = d >= first;
        ranks_add(reduced ? &s->over : &s->kept, s->own.at[d]);
        s->n *= reduced ? (double)s->x->extent[d] : 1;
    }
}

weir_status lower_instance_norm(Lowering *l)
{
    Norm s = {.x = l->in[0], .type = wide(l->in[0]->type), .epsilon = attr_float(l, "epsilon", 1e-5)};
    Operand *scale = l->in[1], *bias = l->in[2], *y;
    TRY(want_float(l, s.x));
    TRY(want_rank(l, s.x, 3, MAX_DIMS));
    TRY(want_static_from(l, s.x, 1));
    for (uint32_t k = 1; k < 3; k++)
        if (l->in[k]->n_dims != 1 || l->in[k]->extent[0] != s.x->extent[1])
            return invalid(l, "parameter %u must have an element a channel", k);
    split(l, &s, 2);
    TRY(statistics(l, &s));
    TRY(output(l, 0, s.x->type, &s.own, &y));
    RankId c = s.own.at[1];
    ExprId v = ex2(l, FN_MUL, deviation_at(l, &s), at_ranks(l, s.inverse, s.kept.at));
    v = ex2(l, FN_MUL, v, cast(l, s.type, at_ranks(l, scale, &c)));
    define(l, y, ex2(l, FN_ADD, v, cast(l, s.type, at_ranks(l, bias, &c))));
    return WEIR_OK;
}

/* Outputs 1 and 2: statistics with the normalised dimensions kept as 1. */
static weir_status statistic_output(Lowering *l, Norm *s, uint32_t k, Operand *value)
{
    Operand *y;
    if (!out_wanted(l, k))
        return WEIR_OK;
    Ranks ranks = s->kept;
    while (ranks.n < s->own.n)
        ranks_add(&ranks, new_rank(l, "one", 1));
    TRY(output(l, k, s->type, &ranks, &y));
    define(l, y, at_ranks(l, value, s->kept.at));
    return WEIR_OK;
}

/* Whether a parameter broadcasts to the input's shape. */
static weir_status fits(Lowering *l, const Operand *x, const Operand *parameter)
{
    TRY(want_rank(l, parameter, 0, x->n_dims));
    for (uint32_t d = 0; d < parameter->n_dims; d++)
        if (parameter->extent[d] != 1 && parameter->extent[d] != x->extent[x->n_dims - parameter->n_dims + d])
            return invalid(l, "parameter %s does not fit %s", shape_text(l, parameter), shape_text(l, x));
    return WEIR_OK;
}

weir_status lower_layer_norm(Lowering *l)
{
    Norm s = {.x = l->in[0], .type = wide(l->in[0]->type), .rms = l->row->parameter == 1,
              .epsilon = attr_float(l, "epsilon", l->row->lower == lower_skip_layer_norm ? 1e-12 : 1e-5)};
    Operand *scale = l->in[1], *bias = s.rms ? NULL : input(l, 2), *y;
    uint32_t axis;
    TRY(want_float(l, s.x));
    TRY(axis_of(l, attr_int(l, "axis", -1), s.x->n_dims, &axis));
    TRY(want_static_from(l, s.x, axis));
    split(l, &s, axis);
    TRY(statistics(l, &s));
    TRY(fits(l, s.x, scale));
    if (bias != NULL)
        TRY(fits(l, s.x, bias));
    TRY(output(l, 0, scale->type, &s.own, &y));
    ExprId v = ex2(l, FN_MUL, deviation_at(l, &s), at_ranks(l, s.inverse, s.kept.at));
    v = ex2(l, FN_MUL, v, cast(l, s.type, at_broadcast(l, scale, &s.own)));
    if (bias != NULL)
        v = ex2(l, FN_ADD, v, cast(l, s.type, at_broadcast(l, bias, &s.own)));
    define(l, y, v);
    if (s.rms)
        return WEIR_OK;
    TRY(statistic_output(l, &s, 1, s.mean));
    return statistic_output(l, &s, 2, s.inverse);
}
