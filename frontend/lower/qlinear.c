/*
 * frontend/lower/qlinear.c: products of quantised operands: i32 sums of differences to the zero points, then one exact
 * requantisation.
 */
#include "frontend/lower/families.h"
#include "frontend/lower/product.h"

static weir_status want_eight_bits(Lowering *l, const Operand *op)
{
    if (op->type != DT_U8 && op->type != DT_I8)
        return invalid(l, "operands must be u8 or i8, not %s", dtype_text(op->type));
    return WEIR_OK;
}

static weir_status want_zero(Lowering *l, const Operand *zero, const Operand *of)
{
    return zero == NULL ? WEIR_OK : want_same_type(l, zero, of);
}

static weir_status want_scalar(Lowering *l, const Operand *op, const char *what)
{
    if (op != NULL && count_of(op) != 1)
        return invalid(l, "%s must be a scalar, not %s", what, shape_text(l, op));
    return WEIR_OK;
}

weir_status lower_matmul_integer(Lowering *l)
{
    Side a, b;
    Operand *y;
    TRY(want_eight_bits(l, l->in[0]));
    TRY(want_eight_bits(l, l->in[1]));
    TRY(side_of(l, l->in[0], true, false, false, &a));
    TRY(side_of(l, l->in[1], false, false, false, &b));
    a.zero = input(l, 2);
    b.zero = input(l, 3);
    TRY(want_zero(l, a.zero, a.op));
    TRY(want_zero(l, b.zero, b.op));
    return product(l, &a, &b, DT_I32, true, &y);
}

/* A scalar operand in a form that a pad can be read from. */
static weir_status scalar_form(Lowering *l, Operand *op, Operand **out)
{
    *out = op;
    if (op == NULL || op->n_dims == 0)
        return WEIR_OK;
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        zero[d] = num(l, 0);
    if (op->value != NULL) {
        *out = arena_copy(&l->cx->arena, op, sizeof *op);
        (*out)->tensor.i = 0;
        (*out)->n_dims = 0;
        return WEIR_OK;
    }
    Ranks none = {0};
    TRY(temporary(l, "_zero", op->type, &none, out));
    define(l, *out, at_index(l, op, zero));
    return WEIR_OK;
}

static weir_status zero_points(Lowering *l, Conv *c, Operand *x, Operand *w)
{
    TRY(want_eight_bits(l, c->x));
    TRY(want_eight_bits(l, c->w));
    TRY(want_zero(l, x, c->x));
    TRY(want_zero(l, w, c->w));
    TRY(want_scalar(l, x, "the input's zero point"));
    if (w != NULL && count_of(w) != 1 && (w->n_dims != 1 || c->w->n_dims == 0 || w->extent[0] != c->w->extent[0]))
        return invalid(l, "the weights' zero point %s does not fit", shape_text(l, w));
    c->zero_w = w;
    return scalar_form(l, x, &c->zero_x);
}

weir_status lower_conv_integer(Lowering *l)
{
    Conv c = {.x = l->in[0], .w = l->in[1], .type = DT_I32, .sum_type = DT_I32};
    TRY(zero_points(l, &c, input(l, 2), input(l, 3)));
    TRY(conv_check(l, &c));
    return conv_sum(l, &c, true);
}

static ExprId scalar_at(Lowering *l, Operand *op)
{
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        zero[d] = num(l, 0);
    return at_index(l, op, zero);
}

/* acc * sx * sw / sy rounded once, plus the zero point, saturated. */
static void requantize(Lowering *l, Operand *y, ExprId acc, ExprId sx, ExprId sw, ExprId sy, Operand *zero)
{
    ExprId args[4] = {acc, cast(l, DT_F32, sx), cast(l, DT_F32, sw), cast(l, DT_F32, sy)};
    ExprId v = ex_call(l->cs, FN_REQUANT, 4, args);
    if (zero != NULL)
        v = ex2(l, FN_ADD, v, cast(l, DT_F64, scalar_at(l, zero)));
    st_define(l->cs, y->tensor, ex_cast(l->cs, y->type, CAST_SAT, v), l->provenance);
}

weir_status lower_qlinear_matmul(Lowering *l)
{
    Side a, b;
    Operand *sum, *y, **in = l->in;
    Ranks ranks;
    ExprId sa, sb;
    TRY(want_eight_bits(l, in[0]));
    TRY(want_eight_bits(l, in[3]));
    TRY(want_eight_bits(l, in[7]));
    TRY(want_zero(l, in[2], in[0]));
    TRY(want_zero(l, in[5], in[3]));
    TRY(want_scalar(l, in[6], "the result's scale"));
    TRY(want_scalar(l, in[7], "the result's zero point"));
    TRY(side_of(l, in[0], true, false, false, &a));
    TRY(side_of(l, in[3], false, false, false, &b));
    a.zero = in[2];
    b.zero = in[5];
    TRY(product(l, &a, &b, DT_I32, false, &sum));
    ranks_of(l, sum, &ranks);
    RankId column = b.column < 0 ? (RankId){0} : ranks.at[ranks.n - 1];
    RankId row = a.row < 0 ? (RankId){0} : ranks.at[ranks.n - (b.column < 0 ? 1 : 2)];
    TRY(parameter_at(l, in[1], &ranks, row, &sa));
    TRY(parameter_at(l, in[4], &ranks, column, &sb));
    TRY(output(l, 0, in[7]->type, &ranks, &y));
    requantize(l, y, at_ranks(l, sum, ranks.at), sa, sb, scalar_at(l, in[6]), in[7]);
    return WEIR_OK;
}

weir_status lower_qlinear_conv(Lowering *l)
{
    Operand **in = l->in, *sum, *y;
    Conv c = {.x = in[0], .w = in[3], .b = input(l, 8), .type = DT_I32, .sum_type = DT_I32};
    ExprId sw;
    Ranks ranks;
    if (attr_int(l, "channels_last", 0) != 0)
        return unsupported(l, "channels_last");
    TRY(zero_points(l, &c, in[2], in[5]));
    TRY(want_eight_bits(l, in[7]));
    TRY(want_scalar(l, in[1], "the input's scale"));
    TRY(want_scalar(l, in[6], "the result's scale"));
    TRY(want_scalar(l, in[7], "the result's zero point"));
    if (c.b != NULL && c.b->type != DT_I32)
        return invalid(l, "the bias must be i32");
    TRY(conv_check(l, &c));
    TRY(conv_sum(l, &c, false));
    ranks_of(l, c.z, &ranks);
    sum = c.z;
    if (c.b != NULL) {
        TRY(temporary(l, "_acc", DT_I32, &ranks, &sum));
        define(l, sum, ex2(l, FN_ADD, at_ranks(l, c.z, ranks.at), at_ranks(l, c.b, &ranks.at[1])));
    }
    TRY(parameter_at(l, in[4], &ranks, ranks.at[1], &sw));
    TRY(output(l, 0, in[7]->type, &ranks, &y));
    requantize(l, y, at_ranks(l, sum, ranks.at), scalar_at(l, in[1]), sw, scalar_at(l, in[6]), in[7]);
    return WEIR_OK;
}
