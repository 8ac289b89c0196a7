/*
 * frontend/lower/qmath.c: QLinear operators of com.microsoft: dequantise, compute in f32, quantise; and products of
 * quantised operands with results in f32.
 *
 * Keep: sums, products and average pools add the zero point before rounding, all others after it.
 */
#include "frontend/lower/families.h"
#include "frontend/lower/product.h"

/* A quantised operand: its scale and zero point (NULL: 0), both scalars. */
typedef struct Quantized {
    Operand *x, *scale, *zero;
} Quantized;

static weir_status scalar_parameters(Lowering *l, const Quantized *q, Dtype type)
{
    if (type != DT_U8 && type != DT_I8)
        return invalid(l, "quantised operands must be u8 or i8, not %s", dtype_text(type));
    if (q->scale == NULL || q->scale->type != DT_F32 || count_of(q->scale) != 1)
        return invalid(l, "a scale must be one f32");
    if (q->zero != NULL && (q->zero->type != type || count_of(q->zero) != 1))
        return invalid(l, "a zero point must be one %s", dtype_text(type));
    return WEIR_OK;
}

static weir_status quantized_input(Lowering *l, uint32_t k, Quantized *out)
{
    *out = (Quantized){input(l, k), input(l, k + 1), input(l, k + 2)};
    if (out->x == NULL)
        return invalid(l, "input %u is missing", k);
    return scalar_parameters(l, out, out->x->type);
}

/* The result's parameters; without a zero point it has the type of `like`. */
static weir_status quantized_result(Lowering *l, uint32_t scale, Dtype like, Quantized *out, Dtype *out_type)
{
    *out = (Quantized){NULL, input(l, scale), input(l, scale + 1)};
    *out_type = out->zero == NULL ? like : out->zero->type;
    return scalar_parameters(l, out, *out_type);
}

static ExprId dequantized(Lowering *l, const Quantized *q, ExprId v)
{
    v = cast(l, DT_I32, v);
    if (q->zero != NULL)
        v = ex2(l, FN_SUB, v, cast(l, DT_I32, at_scalar(l, q->zero)));
    return ex2(l, FN_MUL, cast(l, DT_F32, v), at_scalar(l, q->scale));
}

static void quantize(Lowering *l, const Quantized *q, Operand *y, ExprId v, bool zero_inside)
{
    v = ex2(l, FN_DIV, v, at_scalar(l, q->scale));
    ExprId zero = q->zero == NULL ? (ExprId){0} : cast(l, DT_F32, at_scalar(l, q->zero));
    if (zero_inside && zero.i != 0)
        v = ex2(l, FN_ADD, v, zero);
    v = ex1(l, FN_ROUND_EVEN, v);
    if (!zero_inside && zero.i != 0)
        v = ex2(l, FN_ADD, v, zero);
    st_define(l->cs, y->tensor, ex_cast(l->cs, y->type, CAST_SAT, v), l->provenance);
}

static weir_status quantize_output(Lowering *l, const Quantized *q, Dtype type, Operand *v, bool zero_inside)
{
    Operand *y;
    Ranks ranks;
    ranks_of(l, v, &ranks);
    TRY(output(l, 0, type, &ranks, &y));
    quantize(l, q, y, at_ranks(l, v, ranks.at), zero_inside);
    return WEIR_OK;
}

static weir_status dequantize(Lowering *l, const Quantized *q, Operand **out)
{
    Ranks ranks;
    ranks_of(l, q->x, &ranks);
    TRY(temporary(l, "_real", DT_F32, &ranks, out));
    define(l, *out, dequantized(l, q, at_ranks(l, q->x, ranks.at)));
    return WEIR_OK;
}

/* QLinearAdd, QLinearMul: the parameter is the function. */
weir_status lower_qlinear_binary(Lowering *l)
{
    Quantized a, b, to;
    Operand *y;
    Ranks ranks;
    Dtype type;
    TRY(quantized_input(l, 0, &a));
    TRY(quantized_input(l, 3, &b));
    TRY(quantized_result(l, 6, a.x->type, &to, &type));
    Operand *ops[2] = {a.x, b.x};
    TRY(broadcast(l, 2, ops, &ranks));
    TRY(output(l, 0, type, &ranks, &y));
    ExprId v = dequantized(l, &a, at_broadcast(l, a.x, &ranks)), w = dequantized(l, &b, at_broadcast(l, b.x, &ranks));
    quantize(l, &to, y, ex2(l, (Fn)l->row->parameter, v, w), true);
    return WEIR_OK;
}

/* QLinearSigmoid, QLinearLeakyRelu, pools and QLinearSoftmax: another operator between. */
weir_status lower_qlinear_unary(Lowering *l)
{
    static const struct {
        const char *name;
        LowerFn lower;
        int parameter;
        bool zero_inside;
    } forms[] = {{"Sigmoid", lower_unary, FN_SIGMOID, false},
                 {"LeakyRelu", lower_activation, 0, false},
                 {"AveragePool", lower_average_pool, 0, true},
                 {"GlobalAveragePool", lower_global_pool, 0, false},
                 {"Softmax", lower_softmax, SOFTMAX, false}};
    int k = l->row->parameter;
    Quantized x, to;
    Dtype type;
    Operand *real, *result;
    if (attr_int(l, "channels_last", 0) != 0)
        return unsupported(l, "channels_last");
    TRY(quantized_input(l, 0, &x));
    TRY(quantized_result(l, 3, x.x->type, &to, &type));
    TRY(dequantize(l, &x, &real));
    Lowering inner = *l;
    inner.opset = attr_int(l, "opset", 13); /* of QLinearSoftmax: before 13 it flattens */
    TRY(compose(&inner, forms[k].name, forms[k].lower, forms[k].parameter, 1, &real, &result));
    return quantize_output(l, &to, type, result, forms[k].zero_inside);
}

weir_status lower_qlinear_concat(Lowering *l)
{
    Quantized x, to;
    Dtype type;
    Ranks ranks;
    Operand *joined;
    if (l->n_in < 5)
        return invalid(l, "no operands");
    TRY(quantized_input(l, 2, &x));
    TRY(quantized_result(l, 0, x.x->type, &to, &type));
    uint32_t n = (l->n_in - 2 + 2) / 3;
    Operand **parts = ARENA_ARRAY(&l->cx->arena, Operand *, n);
    for (uint32_t k = 0; k < n; k++) {
        TRY(quantized_input(l, 2 + 3 * k, &x));
        ranks_of(l, x.x, &ranks);
        TRY(temporary(l, "_part", type, &ranks, &parts[k]));
        quantize(l, &to, parts[k], dequantized(l, &x, at_ranks(l, x.x, ranks.at)), false);
    }
    TRY(compose(l, "Concat", lower_concat, 0, n, parts, &joined));
    output_alias(l, 0, joined);
    return WEIR_OK;
}

/* ---- products ---- */

typedef struct IntegerProduct {
    Side a, b;
    Operand *scale_a, *scale_b, *sum;
    Ranks ranks;
    RankId column;
} IntegerProduct;

static weir_status integer_product(Lowering *l, IntegerProduct *p, bool trans_a, bool trans_b)
{
    Operand *zero_a = p->a.zero, *zero_b = p->b.zero, *a = p->a.op, *b = p->b.op;
    if ((a->type != DT_U8 && a->type != DT_I8) || (b->type != DT_U8 && b->type != DT_I8))
        return invalid(l, "operands must be u8 or i8");
    if ((zero_a != NULL && zero_a->type != a->type) || (zero_b != NULL && zero_b->type != b->type))
        return invalid(l, "a zero point is of another type than its operand");
    TRY(want_rank(l, b, 2, MAX_DIMS));
    TRY(side_of(l, a, true, trans_a, false, &p->a));
    TRY(side_of(l, b, false, trans_b, false, &p->b));
    p->a.zero = zero_a;
    p->b.zero = zero_b;
    TRY(product(l, &p->a, &p->b, DT_I32, false, &p->sum));
    ranks_of(l, p->sum, &p->ranks);
    p->column = p->ranks.at[p->ranks.n - 1];
    return WEIR_OK;
}

/* sum * (sa * sb) + bias as output 0. */
static weir_status scaled_product(Lowering *l, const IntegerProduct *p, double alpha, Operand *bias)
{
    Operand *y;
    ExprId sa, sb, shift;
    if (p->scale_a == NULL || count_of(p->scale_a) != 1)
        return invalid(l, "the first scale must be a scalar");
    TRY(parameter_at(l, p->scale_b, &p->ranks, p->column, &sb));
    TRY(parameter_at(l, p->scale_a, &p->ranks, (RankId){0}, &sa));
    TRY(output(l, 0, DT_F32, &p->ranks, &y));
    ExprId v = ex2(l, FN_MUL, cast(l, DT_F32, at_ranks(l, p->sum, p->ranks.at)), ex2(l, FN_MUL, sa, sb));
    if (alpha != 1)
        v = ex2(l, FN_MUL, v, lit(l, DT_F32, alpha));
    if (bias != NULL) {
        TRY(want_same_type(l, bias, y));
        TRY(parameter_at(l, bias, &p->ranks, p->column, &shift));
        v = ex2(l, FN_ADD, v, shift);
    }
    define(l, y, v);
    return WEIR_OK;
}

weir_status lower_matmul_integer_to_float(Lowering *l)
{
    IntegerProduct p = {.a.op = l->in[0], .b.op = l->in[1], .scale_a = l->in[2], .scale_b = l->in[3]};
    p.a.zero = input(l, 4);
    p.b.zero = input(l, 5);
    TRY(integer_product(l, &p, false, false));
    return scaled_product(l, &p, 1, input(l, 6));
}

weir_status lower_dynamic_quantize_matmul(Lowering *l)
{
    Operand *parts[3];
    Lowering inner = *l;
    Node *node = arena_copy(&l->cx->arena, l->node, sizeof *l->node);
    node->n_outputs = 0;
    inner.node = node;
    inner.out = ARENA_ARRAY(&l->cx->arena, Operand *, 3);
    TRY(lower_dynamic_quantize(&inner));
    for (uint32_t k = 0; k < 3; k++)
        parts[k] = inner.out[k];
    IntegerProduct p = {.a.op = parts[0], .b.op = l->in[1], .scale_a = parts[1], .scale_b = l->in[2]};
    p.a.zero = parts[2];
    p.b.zero = input(l, 3);
    TRY(integer_product(l, &p, false, false));
    return scaled_product(l, &p, 1, input(l, 4));
}

/* QGemm(A, sa, za, B, sb, zb, C, sy, zy): C is i32 and joins the sum. */
weir_status lower_qgemm(Lowering *l)
{
    IntegerProduct p = {.a.op = l->in[0], .b.op = l->in[3], .scale_a = l->in[1], .scale_b = l->in[4]};
    Operand *c = input(l, 6), *sum, *y;
    double alpha = attr_float(l, "alpha", 1);
    ExprId v, sb;
    p.a.zero = input(l, 2);
    p.b.zero = input(l, 5);
    TRY(want_rank(l, l->in[0], 2, 2));
    TRY(want_rank(l, l->in[3], 2, 2));
    TRY(integer_product(l, &p, attr_int(l, "transA", 0) != 0, attr_int(l, "transB", 0) != 0));
    if (c != NULL) {
        if (c->type != DT_I32)
            return invalid(l, "the third operand must be i32");
        TRY(parameter_at(l, c, &p.ranks, p.column, &v));
        TRY(temporary(l, "_acc", DT_I32, &p.ranks, &sum));
        define(l, sum, ex2(l, FN_ADD, at_ranks(l, p.sum, p.ranks.at), v));
        p.sum = sum;
    }
    if (input(l, 7) == NULL)
        return scaled_product(l, &p, alpha, NULL);
    Quantized to;
    Dtype type;
    TRY(quantized_result(l, 7, l->in[0]->type, &to, &type));
    if (count_of(p.scale_a) != 1)
        return invalid(l, "the first scale must be a scalar");
    TRY(parameter_at(l, p.scale_b, &p.ranks, p.column, &sb));
    TRY(output(l, 0, type, &p.ranks, &y));
    if (alpha != 1)
        sb = ex2(l, FN_MUL, lit(l, DT_F32, alpha), sb);
    ExprId args[4] = {at_ranks(l, p.sum, p.ranks.at), at_scalar(l, p.scale_a), sb, at_scalar(l, to.scale)};
    v = ex_call(l->cs, FN_REQUANT, 4, args);
    if (to.zero != NULL)
        v = ex2(l, FN_ADD, v, cast(l, DT_F64, at_scalar(l, to.zero)));
    st_define(l->cs, y->tensor, ex_cast(l->cs, type, CAST_SAT, v), l->provenance);
    return WEIR_OK;
}
