/*
 * frontend/lower/elementwise.c: operators of one statement Y[..] = f(A[..], B[..]) over broadcast ranks.
 */
#include <math.h>

#include "frontend/lower/families.h"

enum { SLOTS = 64 };

/* Before opset 7 the second operand is aligned by `broadcast` and `axis`: trailing extents of 1 are added to it. */
static weir_status align_old(Lowering *l, Operand **b)
{
    const Operand *a = l->in[0];
    if (l->opset >= 7 || attr_int(l, "broadcast", 0) == 0)
        return WEIR_OK;
    uint32_t axis;
    TRY(axis_of(l, attr_int(l, "axis", (int64_t)a->n_dims - (*b)->n_dims), a->n_dims + 1, &axis));
    if (axis + (*b)->n_dims >= a->n_dims)
        return WEIR_OK;
    int64_t extent[MAX_DIMS];
    uint32_t n = a->n_dims - axis;
    for (uint32_t d = 0; d < n; d++)
        extent[d] = d < (*b)->n_dims ? (*b)->extent[d] : 1;
    TRY(reshape_to(l, *b, n, extent, 1));
    *b = l->out[1];
    return WEIR_OK;
}

static weir_status elementwise(Lowering *l, uint32_t n, Operand **ops, Dtype type, ExprId *values, Operand **out)
{
    Ranks ranks;
    TRY(broadcast(l, n, ops, &ranks));
    for (uint32_t k = 0; k < n; k++)
        values[k] = at_broadcast(l, ops[k], &ranks);
    return output(l, 0, type, &ranks, out);
}

static weir_status check_rule(Lowering *l, Fn fn, Dtype type)
{
    bool good = true;
    switch (fn_info(fn)->rule) {
    case RULE_ARITH:
        good = is_float(type) || dtype_is_int(type);
        break;
    case RULE_FLOAT:
        good = is_float(type);
        break;
    case RULE_INT:
        good = dtype_is_int(type);
        break;
    case RULE_LOGIC:
        good = type == DT_BOOL;
        break;
    case RULE_COMPARE:
        good = is_float(type) || dtype_is_int(type) || type == DT_BOOL;
        break;
    case RULE_SELECT:
    case RULE_INDEX:
    case RULE_REQUANT:
        break;
    }
    return good ? WEIR_OK : invalid(l, "not defined for type %s", dtype_text(type));
}

weir_status lower_unary(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Fn fn = (Fn)l->row->parameter;
    ExprId v;
    TRY(check_rule(l, fn, x->type));
    TRY(elementwise(l, 1, &x, x->type, &v, &y));
    define(l, y, ex1(l, fn, v));
    return WEIR_OK;
}

static Fn integer_form(Lowering *l, Fn fn)
{
    (void)l;
    return fn == FN_DIV ? FN_IDIV : fn;
}

static weir_status binary_function(Lowering *l, Dtype type, int *out_fn)
{
    int fn = l->row->parameter;
    bool integer = dtype_is_int(type);
    if (fn == EW_MOD) {
        bool c_form = attr_int(l, "fmod", 0) != 0;
        if (!integer && !c_form)
            return invalid(l, "fmod = 0 needs integers");
        fn = !integer ? FN_FMOD : c_form ? FN_IREM : FN_FLOORMOD;
    }
    if (fn == EW_SHIFT)
        fn = attr_is(l, "direction", "", "LEFT") ? FN_SHL : FN_SHR;
    if (fn == EW_XOR)
        fn = FN_NE;
    *out_fn = integer ? (int)integer_form(l, (Fn)fn) : fn;
    return WEIR_OK;
}

weir_status lower_binary(Lowering *l)
{
    Operand *ops[2] = {l->in[0], l->in[1]}, *y;
    ExprId v[2];
    int fn = FN_POW;
    TRY(align_old(l, &ops[1]));
    if (l->row->parameter != EW_POW) {
        TRY(want_same_type(l, ops[0], ops[1]));
        TRY(binary_function(l, ops[0]->type, &fn));
    }
    if (l->row->parameter == EW_XOR && ops[0]->type != DT_BOOL)
        return invalid(l, "the operands must be bool");
    TRY(check_rule(l, (Fn)fn, ops[0]->type));
    if (ops[1]->type == DT_BOOL && ops[0]->type != DT_BOOL)
        return invalid(l, "the operands have types %s and %s", dtype_text(ops[0]->type), dtype_text(ops[1]->type));
    TRY(elementwise(l, 2, ops, ops[0]->type, v, &y));
    if (l->row->parameter == EW_POW && dtype_is_int(ops[0]->type) && is_float(ops[1]->type)) {
        /* exact where the exponent is whole */
        ExprId by = cast(l, DT_F64, v[1]), whole = ex2(l, FN_POW, v[0], cast(l, ops[0]->type, by));
        ExprId other = cast(l, ops[0]->type, ex2(l, FN_POW, cast(l, DT_F64, v[0]), by));
        define(l, y, ex_select(l->cs, ex2(l, FN_EQ, by, ex1(l, FN_FLOOR, by)), whole, other));
        return WEIR_OK;
    }
    define(l, y, ex2(l, (Fn)fn, v[0], cast(l, ops[0]->type, v[1])));
    return WEIR_OK;
}

weir_status lower_compare(Lowering *l)
{
    Operand *ops[2] = {l->in[0], l->in[1]}, *y;
    ExprId v[2];
    TRY(align_old(l, &ops[1]));
    TRY(want_same_type(l, ops[0], ops[1]));
    TRY(check_rule(l, (Fn)l->row->parameter, ops[0]->type));
    TRY(elementwise(l, 2, ops, DT_BOOL, v, &y));
    define(l, y, ex2(l, (Fn)l->row->parameter, v[0], v[1]));
    return WEIR_OK;
}

weir_status lower_variadic(Lowering *l)
{
    Fn fn = (Fn)l->row->parameter;
    bool mean = fn == FN_DIV;
    if (l->n_in > SLOTS)
        return unsupported(l, "more than %d inputs", (int)SLOTS);
    for (uint32_t k = 0; k < l->n_in; k++) {
        if (l->in[k] == NULL)
            return invalid(l, "input %u is missing", k);
        TRY(want_same_type(l, l->in[0], l->in[k]));
    }
    Operand *y;
    ExprId v[SLOTS];
    Dtype type = l->in[0]->type, in = wide(type);
    TRY(check_rule(l, mean ? FN_DIV : FN_ADD, type));
    if (l->n_in == 1) {
        output_alias(l, 0, l->in[0]);
        return WEIR_OK;
    }
    TRY(elementwise(l, l->n_in, l->in, type, v, &y));
    ExprId sum = cast(l, in, v[0]);
    for (uint32_t k = 1; k < l->n_in; k++)
        sum = ex2(l, mean ? FN_ADD : fn, sum, cast(l, in, v[k]));
    if (mean)
        sum = ex2(l, FN_DIV, sum, lit(l, in, l->n_in));
    define(l, y, sum);
    return WEIR_OK;
}

weir_status lower_where(Lowering *l)
{
    Operand *y;
    ExprId v[3];
    if (l->in[0]->type != DT_BOOL)
        return invalid(l, "the condition must be bool");
    TRY(want_same_type(l, l->in[1], l->in[2]));
    TRY(elementwise(l, 3, l->in, l->in[1]->type, v, &y));
    define(l, y, ex_select(l->cs, v[0], v[1], v[2]));
    return WEIR_OK;
}

/* A bound of Clip: an input, or before opset 11 an attribute; 0: none. */
static weir_status clip_bound(Lowering *l, uint32_t k, const char *name, Dtype type, ExprId *out)
{
    Operand *op = input(l, k);
    *out = (ExprId){0};
    if (op == NULL) {
        if (attr(l, name) != NULL)
            *out = lit(l, type, attr_float(l, name, 0));
        return WEIR_OK;
    }
    if (op->type != type || count_of(op) != 1)
        return invalid(l, "bound %s must be a scalar %s, not %s", name, dtype_text(type), shape_text(l, op));
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        index[d] = num(l, 0);
    *out = at_index(l, op, index);
    return WEIR_OK;
}

weir_status lower_clip(Lowering *l)
{
    Operand *x = l->in[0], *y;
    ExprId v, low, high;
    TRY(check_rule(l, FN_MAX, x->type));
    TRY(clip_bound(l, 1, "min", x->type, &low));
    TRY(clip_bound(l, 2, "max", x->type, &high));
    if (low.i == 0 && high.i == 0) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    TRY(elementwise(l, 1, &x, x->type, &v, &y));
    if (low.i != 0)
        v = ex2(l, FN_MAX, v, low);
    if (high.i != 0)
        v = ex2(l, FN_MIN, v, high);
    define(l, y, v);
    return WEIR_OK;
}

weir_status lower_identity(Lowering *l)
{
    output_alias(l, 0, l->in[0]);
    return WEIR_OK;
}

/* Whether Dropout draws: it never does in inference. */
static weir_status dropout_trains(Lowering *l, bool *out_trains)
{
    *out_trains = l->opset < 7 && attr_int(l, "is_test", 0) == 0;
    Operand *mode = input(l, 2);
    if (mode == NULL)
        return WEIR_OK;
    const Tensor *value;
    TRY(value_of(l, mode, &value));
    if (mode->type != DT_BOOL || count_of(mode) != 1)
        return invalid(l, "training_mode must be a bool scalar");
    *out_trains = dtype_load_i64(DT_BOOL, value->data, 0) != 0;
    if (!*out_trains || input(l, 1) == NULL)
        return WEIR_OK;
    TRY(value_of(l, l->in[1], &value));
    if (count_of(l->in[1]) == 1 && is_float(l->in[1]->type) && dtype_load_f64(value->type, value->data, 0) == 0)
        *out_trains = false;
    return WEIR_OK;
}

weir_status lower_dropout(Lowering *l)
{
    bool trains;
    TRY(dropout_trains(l, &trains));
    if (trains)
        return unsupported(l, "training mode");
    output_alias(l, 0, l->in[0]);
    if (!out_wanted(l, 1))
        return WEIR_OK;
    Ranks ranks;
    Operand *mask;
    ranks_of(l, l->in[0], &ranks);
    TRY(output(l, 1, l->opset >= 10 ? DT_BOOL : l->in[0]->type, &ranks, &mask));
    define(l, mask, lit(l, mask->type, 1));
    return WEIR_OK;
}

static ExprId as_float(Lowering *l, const Operand *x, ExprId v)
{
    return dtype_kind(x->type) == DK_CODE ? cast(l, DT_F32, v) : v;
}

weir_status lower_isnan(Lowering *l)
{
    Operand *x = l->in[0], *y;
    ExprId v;
    TRY(elementwise(l, 1, &x, DT_BOOL, &v, &y));
    v = as_float(l, x, v);
    if (!is_float(expr_at(l->cs, v)->type))
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    define(l, y, ex2(l, FN_NE, v, v));
    return WEIR_OK;
}

weir_status lower_isinf(Lowering *l)
{
    Operand *x = l->in[0], *y;
    ExprId v;
    bool negative = attr_int(l, "detect_negative", 1) != 0, positive = attr_int(l, "detect_positive", 1) != 0;
    TRY(elementwise(l, 1, &x, DT_BOOL, &v, &y));
    v = as_float(l, x, v);
    Dtype type = expr_at(l->cs, v)->type;
    if (!is_float(type))
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    ExprId up = ex2(l, FN_EQ, v, lit(l, type, INFINITY)), down = ex2(l, FN_EQ, v, lit(l, type, -INFINITY));
    ExprId body = lit(l, DT_BOOL, 0);
    if (positive)
        body = negative ? ex2(l, FN_OR, up, down) : up;
    else if (negative)
        body = down;
    define(l, y, body);
    return WEIR_OK;
}
