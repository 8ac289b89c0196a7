/*
 * frontend/lower/activation.c: activation functions as formulas of one element; f16 and bf16 are computed in f32 and
 * rounded once.
 *
 * The formulas stand in a table: name, defaults of alpha and beta, the function that builds it.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"

typedef struct Formula {
    Lowering *l;
    Dtype type;
    double alpha, beta;
    ExprId x;
} Formula;

static ExprId constant(Formula *f, double value) { return lit(f->l, f->type, value); }
static ExprId one(Formula *f, Fn fn, ExprId a) { return ex1(f->l, fn, a); }
static ExprId two(Formula *f, Fn fn, ExprId a, ExprId b) { return ex2(f->l, fn, a, b); }
static ExprId times(Formula *f, double k, ExprId a) { return k == 1 ? a : two(f, FN_MUL, constant(f, k), a); }
static ExprId choose(Formula *f, ExprId c, ExprId a, ExprId b) { return ex_select(f->l->cs, c, a, b); }

static ExprId relu(Formula *f) { return two(f, FN_MAX, f->x, constant(f, 0)); }
static ExprId tanh_(Formula *f) { return one(f, FN_TANH, f->x); }
static ExprId sigmoid_(Formula *f) { return one(f, FN_SIGMOID, f->x); }
static ExprId affine(Formula *f) { return two(f, FN_ADD, times(f, f->alpha, f->x), constant(f, f->beta)); }
static ExprId scaled_tanh(Formula *f) { return times(f, f->alpha, one(f, FN_TANH, times(f, f->beta, f->x))); }

static ExprId leaky_relu(Formula *f)
{
    return choose(f, two(f, FN_LT, f->x, constant(f, 0)), two(f, FN_MUL, constant(f, f->alpha), f->x), f->x);
}

static ExprId thresholded_relu(Formula *f)
{
    return choose(f, two(f, FN_GT, f->x, constant(f, f->alpha)), f->x, constant(f, 0));
}

static ExprId elu(Formula *f)
{
    return choose(f, two(f, FN_LT, f->x, constant(f, 0)), times(f, f->alpha, one(f, FN_EXPM1, f->x)), f->x);
}

static ExprId selu(Formula *f)
{
    return times(f, f->beta, elu(f));
}

static ExprId celu(Formula *f)
{
    ExprId inner = one(f, FN_EXPM1, two(f, FN_DIV, f->x, constant(f, f->alpha)));
    ExprId low = two(f, FN_MIN, constant(f, 0), times(f, f->alpha, inner));
    return two(f, FN_ADD, two(f, FN_MAX, f->x, constant(f, 0)), low);
}

static ExprId unit_clamp(Formula *f, ExprId v)
{
    return two(f, FN_MIN, two(f, FN_MAX, v, constant(f, 0)), constant(f, 1));
}

static ExprId hard_sigmoid(Formula *f)
{
    return unit_clamp(f, affine(f));
}

static ExprId hard_swish(Formula *f)
{
    ExprId v = two(f, FN_ADD, two(f, FN_DIV, f->x, constant(f, 6)), constant(f, 0.5));
    return two(f, FN_MUL, f->x, unit_clamp(f, v));
}

static ExprId softplus(Formula *f)
{
    ExprId tail = one(f, FN_LOG1P, one(f, FN_EXP, one(f, FN_NEG, one(f, FN_ABS, f->x))));
    return two(f, FN_ADD, two(f, FN_MAX, f->x, constant(f, 0)), tail);
}

static ExprId softsign(Formula *f)
{
    return two(f, FN_DIV, f->x, two(f, FN_ADD, constant(f, 1), one(f, FN_ABS, f->x)));
}

static ExprId mish(Formula *f)
{
    return two(f, FN_MUL, f->x, one(f, FN_TANH, softplus(f)));
}

static ExprId swish(Formula *f)
{
    return two(f, FN_MUL, f->x, one(f, FN_SIGMOID, times(f, f->alpha, f->x)));
}

static ExprId shrink(Formula *f)
{
    ExprId up = choose(f, two(f, FN_GT, f->x, constant(f, f->alpha)), two(f, FN_SUB, f->x, constant(f, f->beta)),
                       constant(f, 0));
    return choose(f, two(f, FN_LT, f->x, constant(f, -f->alpha)), two(f, FN_ADD, f->x, constant(f, f->beta)), up);
}

static ExprId gelu_erf(Formula *f)
{
    ExprId e = one(f, FN_ERF, two(f, FN_MUL, f->x, constant(f, 0.70710678118654752440)));
    return two(f, FN_MUL, times(f, 0.5, f->x), two(f, FN_ADD, constant(f, 1), e));
}

static ExprId gelu_tanh(Formula *f)
{
    ExprId cube = two(f, FN_MUL, two(f, FN_MUL, f->x, f->x), f->x);
    ExprId inner = two(f, FN_ADD, f->x, two(f, FN_MUL, constant(f, 0.044715), cube));
    ExprId t = one(f, FN_TANH, two(f, FN_MUL, constant(f, 0.79788456080286535588), inner));
    return two(f, FN_MUL, times(f, 0.5, f->x), two(f, FN_ADD, constant(f, 1), t));
}

static const struct {
    const char *name, *first, *second; /* the attributes */
    double alpha, beta;                /* defaults; NAN: none */
    ExprId (*build)(Formula *);
} formulas[] = {
    {"Relu", "", "", 0, 0, relu},
    {"Tanh", "", "", 0, 0, tanh_},
    {"Sigmoid", "", "", 0, 0, sigmoid_},
    {"Affine", "alpha", "beta", NAN, NAN, affine},
    {"ScaledTanh", "alpha", "beta", NAN, NAN, scaled_tanh},
    {"LeakyRelu", "alpha", "", 0.01, 0, leaky_relu},
    {"ThresholdedRelu", "alpha", "", 1, 0, thresholded_relu},
    {"Elu", "alpha", "", 1, 0, elu},
    {"Selu", "alpha", "gamma", 1.67326319217681884765625, 1.05070102214813232421875, selu},
    {"Celu", "alpha", "", 1, 0, celu},
    {"HardSigmoid", "alpha", "beta", 0.2, 0.5, hard_sigmoid},
    {"HardSwish", "", "", 0, 0, hard_swish},
    {"Softplus", "", "", 0, 0, softplus},
    {"Softsign", "", "", 0, 0, softsign},
    {"Mish", "", "", 0, 0, mish},
    {"Swish", "alpha", "", 1, 0, swish},
    {"QuickGelu", "alpha", "", 1.702, 0, swish},
    {"Shrink", "lambd", "bias", 0.5, 0, shrink},
    {"Gelu", "", "", 0, 0, gelu_erf},
    {"FastGelu", "", "", 0, 0, gelu_tanh},
};

weir_status activation(Lowering *l, const char *name, double alpha, double beta, ExprId x, ExprId *out)
{
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++) {
        if (strcmp(formulas[i].name, name) != 0)
            continue;
        Formula f = {l, expr_at(l->cs, x)->type, isnan(alpha) ? (double)(float)formulas[i].alpha : alpha,
                     isnan(beta) ? (double)(float)formulas[i].beta : beta, x};
        if (isnan(f.alpha) || isnan(f.beta))
            return invalid(l, "activation %s needs alpha and beta", name);
        *out = formulas[i].build(&f);
        return WEIR_OK;
    }
    return unsupported(l, "activation '%s'", name);
}

static double parameter(Lowering *l, const char *name)
{
    return name[0] == 0 || attr(l, name) == NULL ? (double)NAN : attr_float(l, name, 0);
}

weir_status lower_activation(Lowering *l)
{
    Operand *x = l->in[0], *y;
    const char *name = l->row->name;
    bool integers = dtype_is_int(x->type) && (strcmp(name, "Relu") == 0 || strcmp(name, "Shrink") == 0);
    if (!integers)
        TRY(want_float(l, x));
    double alpha = NAN, beta = NAN;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (strcmp(formulas[i].name, name) == 0) {
            alpha = parameter(l, formulas[i].first);
            beta = parameter(l, formulas[i].second);
        }
    Ranks ranks;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId v = at_ranks(l, x, ranks.at);
    Dtype type = integers && strcmp(name, "Shrink") == 0 ? DT_F64 : wide(x->type);
    ExprId body;
    TRY(activation(l, name, alpha, beta, cast(l, type, v), &body));
    define(l, y, body);
    return WEIR_OK;
}

weir_status lower_gelu(Lowering *l)
{
    Operand *x = l->in[0], *y;
    TRY(want_float(l, x));
    bool tanh_form = attr_is(l, "approximate", "none", "tanh");
    if (!tanh_form && !attr_is(l, "approximate", "none", "none"))
        return invalid(l, "approximate = '%s'", attr_text(l, "approximate", ""));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId body;
    TRY(activation(l, tanh_form ? "FastGelu" : "Gelu", NAN, NAN, cast(l, wide(x->type), at_ranks(l, x, ranks.at)), &body));
    define(l, y, body);
    return WEIR_OK;
}

weir_status lower_prelu(Lowering *l)
{
    Operand *x = l->in[0], *slope = l->in[1], *y;
    TRY(want_same_type(l, x, slope));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    bool per_channel = l->opset < 7 && slope->n_dims == 1 && x->n_dims > 1 && slope->extent[0] != 1;
    if (slope->n_dims > x->n_dims)
        return invalid(l, "the slope has more dimensions than the input");
    uint32_t shift = per_channel ? 1 : x->n_dims - slope->n_dims;
    for (uint32_t d = 0; d < slope->n_dims; d++)
        if (slope->extent[d] != 1 && slope->extent[d] != x->extent[shift + d])
            return invalid(l, "slope %s does not broadcast to %s", shape_text(l, slope), shape_text(l, x));
    TRY(output(l, 0, x->type, &ranks, &y));
    Ranks part = {.n = shift + slope->n_dims};
    for (uint32_t d = 0; d < part.n; d++)
        part.at[d] = ranks.at[d];
    ExprId v = at_ranks(l, x, ranks.at), s = at_broadcast(l, slope, &part);
    ExprId zero = lit(l, x->type, 0);
    define(l, y, ex_select(l->cs, ex2(l, FN_LT, v, zero), ex2(l, FN_MUL, s, v), v));
    return WEIR_OK;
}
