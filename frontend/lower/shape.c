/*
 * frontend/lower/shape.c: operators whose result follows from shapes and attributes alone.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

/* Entries begin..end-1 of a shape with run-time extents, as pieces. */
static weir_status runtime_shape(Lowering *l, const Operand *x, int64_t begin, int64_t end)
{
    Ranks ranks = {0};
    Operand *y;
    ranks_add(&ranks, new_rank(l, "d", end - begin));
    TRY(output(l, 0, DT_I64, &ranks, &y));
    declare_line(l, y);
    for (int64_t d = begin; d < end; d++) {
        ExprId at = num(l, d - begin);
        define_at(l, y, &at, ex_extent(l->cs, dim_rank(l, x, (uint32_t)d)));
    }
    return WEIR_OK;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

weir_status lower_shape(Lowering *l)
{
    const Operand *x = l->in[0];
    int64_t n = x->n_dims;
    int64_t begin = attr_int(l, "start", 0), end = attr_int(l, "end", n);
    begin = clamp(begin < 0 ? begin + n : begin, 0, n);
    end = clamp(end < 0 ? end + n : end, begin, n);
    for (int64_t d = begin; d < end; d++)
        if (dim_runtime(l, x, (uint32_t)d))
            return runtime_shape(l, x, begin, end);
    return output_ints(l, 0, DT_I64, 1, end - begin, x->extent + begin);
}

weir_status lower_size(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Scalar n = scalar_int(1);
    for (uint32_t d = 0; d < x->n_dims; d++)
        n = scalar_2(l, FN_MUL, n, extent_scalar(l, x, d));
    if (scalar_known(&n))
        return output_ints(l, 0, DT_I64, 0, 1, &n.b);
    Ranks none = {0};
    TRY(output(l, 0, DT_I64, &none, &y));
    define(l, y, scalar_expr(l, &n));
    return WEIR_OK;
}

static Tensor *new_value(Lowering *l, Dtype type, uint32_t n_dims, int64_t n)
{
    Tensor *value = ARENA_NEW(&l->cx->arena, Tensor);
    value->type = type;
    value->n_dims = n_dims;
    value->extent[0] = n_dims == 0 ? 0 : n;
    value->data = arena_alloc(&l->cx->arena, arena_array_bytes(&l->cx->arena, (size_t)n, dtype_bytes(type)));
    value->writable = true;
    return value;
}

weir_status lower_constant(Lowering *l)
{
    const Attribute *a;
    if ((a = attr(l, "value")) != NULL) {
        if (a->tensor.tensor.type == DT_NONE)
            return unsupported(l, "element type %s", onnx_type_text(l->cx, a->tensor.onnx_type));
        output_constant(l, 0, &a->tensor.tensor);
        l->out[0]->file = a->tensor.file;
        l->out[0]->file_offset = a->tensor.file_offset;
        return WEIR_OK;
    }
    if ((a = attr(l, "value_int")) != NULL)
        return output_ints(l, 0, DT_I64, 0, 1, &a->i);
    if ((a = attr(l, "value_ints")) != NULL)
        return output_ints(l, 0, DT_I64, 1, a->n, a->ints);
    if (attr(l, "value_string") != NULL || attr(l, "value_strings") != NULL)
        return unsupported(l, "element type string");
    const float *floats = NULL;
    uint32_t n = 1, n_dims = 0;
    if ((a = attr(l, "value_float")) != NULL) {
        floats = &a->f;
    } else if ((a = attr(l, "value_floats")) != NULL) {
        floats = a->floats;
        n = a->n;
        n_dims = 1;
    }
    if (a == NULL)
        return invalid(l, "no value attribute that weir knows");
    Tensor *value = new_value(l, DT_F32, n_dims, n);
    if (n != 0)
        memcpy(value->data, floats, n * sizeof *floats);
    output_constant(l, 0, value);
    return WEIR_OK;
}

weir_status lower_constant_of_shape(Lowering *l)
{
    Scalars shape;
    TRY(scalars_of(l, l->in[0], &shape));
    if (shape.n > MAX_DIMS)
        return unsupported(l, "%u dimensions", shape.n);
    const Attribute *a = attr(l, "value");
    Dtype type = a == NULL ? DT_F32 : a->tensor.tensor.type;
    if (type == DT_NONE)
        return unsupported(l, "the element type of 'value'");
    if (a != NULL && tensor_elements(&a->tensor.tensor) != 1)
        return invalid(l, "'value' must have one element");
    static const char *const names[] = {"a", "b", "c", "d"};
    Ranks ranks = {0};
    Operand *y;
    for (uint32_t d = 0; d < shape.n; d++)
        TRY(ranks_add_scalar(l, &ranks, (RankId){0}, names[d % 4], &shape.at[d], l->in[0]));
    TRY(output(l, 0, type, &ranks, &y));
    ExprId body = a == NULL ? lit(l, type, 0) : literal_at(l, &a->tensor.tensor, 0);
    if (expr_at(l->cs, body)->type != type || dtype_kind(type) == DK_CODE)
        body = cast(l, type, lit(l, DT_F32, dtype_load_f64(type, a->tensor.tensor.data, 0)));
    define(l, y, body);
    return WEIR_OK;
}

/* The count of a range; -1: too many. */
static int64_t range_count(double start, double limit, double delta)
{
    double n = ceil((limit - start) / delta);
    if (!(n > 0))
        return 0;
    return n > 0x1p53 ? -1 : (int64_t)n;
}

/* Whether all three operands are known now; if not, inputs that look like sizes may be bound by value. */
static weir_status range_known(Lowering *l, bool *out_known)
{
    *out_known = true;
    for (uint32_t k = 0; k < 3; k++) {
        const Operand *op = l->in[k];
        const Tensor *value;
        TRY(want_same_type(l, l->in[0], op));
        if (count_of(op) != 1)
            return invalid(l, "operand %u must be a scalar", k);
        if (op->value == NULL && op->depends != NULL && switches(l->w, op->depends))
            TRY(value_of(l, op, &value)); /* lowered again with these inputs bound */
        *out_known = *out_known && op->value != NULL;
    }
    return WEIR_OK;
}

/* Marks what the operands follow from to be bound by value; false if nothing can be. */
static bool want_range(Lowering *l)
{
    bool all = true;
    for (uint32_t k = 0; k < 3; k++)
        if (l->in[k]->value == NULL)
            all = l->in[k]->depends != NULL && want_by_value(l->w, l->in[k]->depends) && all;
    return all;
}

static weir_status known_range(Lowering *l, int64_t *out_n)
{
    double x[3];
    for (uint32_t k = 0; k < 3; k++) {
        const Tensor *v = l->in[k]->value;
        x[k] = is_float(v->type) ? dtype_load_f64(v->type, v->data, 0) : (double)dtype_load_i64(v->type, v->data, 0);
    }
    if (x[2] == 0)
        return invalid(l, "the step is 0");
    *out_n = range_count(x[0], x[1], x[2]);
    return *out_n < 0 ? invalid(l, "too many elements") : WEIR_OK;
}

/* max(0, ceil((limit - start) / delta)) by the run. */
static weir_status runtime_range(Lowering *l, Scalar *out)
{
    Scalar v[3], zero = scalar_int(0), one = scalar_int(1);
    for (uint32_t k = 0; k < 3; k++)
        TRY(scalar_of(l, l->in[k], &v[k]));
    if (is_float(v[0].type)) {
        for (uint32_t k = 0; k < 3; k++)
            v[k] = scalar_cast(l, DT_F64, CAST_PLAIN, &v[k]);
        Scalar steps = scalar_2(l, FN_DIV, scalar_2(l, FN_SUB, v[1], v[0]), v[2]);
        steps = scalar_call(l, FN_CEIL, 1, &steps);
        steps = scalar_cast(l, DT_I64, CAST_PLAIN, &steps);
        *out = scalar_2(l, FN_MAX, steps, zero);
        return WEIR_OK;
    }
    for (uint32_t k = 0; k < 3; k++)
        v[k] = scalar_cast(l, DT_I64, CAST_PLAIN, &v[k]);
    if (scalar_is(&v[2], 0))
        return invalid(l, "the step is 0");
    bool down = v[2].high < 0;
    Scalar length = down ? scalar_2(l, FN_SUB, v[0], v[1]) : scalar_2(l, FN_SUB, v[1], v[0]);
    Scalar step = down ? scalar_2(l, FN_SUB, zero, v[2]) : v[2];
    if (!down && v[2].low <= 0) { /* the sign is the run's too: a count is at most the distance */
        Scalar back = scalar_2(l, FN_SUB, v[0], v[1]), turned = scalar_2(l, FN_SUB, zero, v[2]);
        length = scalar_pick(l, FN_LT, v[2], zero, back, length);
        step = scalar_2(l, FN_MAX, scalar_pick(l, FN_LT, v[2], zero, turned, v[2]), one);
    }
    Scalar up = scalar_2(l, FN_ADD, length, scalar_2(l, FN_SUB, step, one));
    *out = scalar_2(l, FN_MAX, scalar_2(l, FN_FLOORDIV, up, step), zero);
    return WEIR_OK;
}

weir_status lower_range(Lowering *l)
{
    bool known;
    Scalar n;
    TRY(range_known(l, &known));
    if (known) {
        int64_t count = 0;
        TRY(known_range(l, &count));
        n = scalar_int(count);
    } else {
        TRY(runtime_range(l, &n));
        if (!scalar_known(&n) && !(n.high < HUGE_VAL) && want_range(l))
            return WEIR_UNSUPPORTED; /* lowered again with these inputs bound */
    }
    Dtype type = l->in[0]->type, in = wide(type);
    Ranks ranks = {0};
    Operand *y;
    TRY(ranks_add_scalar(l, &ranks, (RankId){0}, "i", &n, l->in[1]));
    TRY(output(l, 0, type, &ranks, &y));
    ExprId step = cast(l, in, ex_index(l->cs, ranks.at[0]));
    ExprId start = cast(l, in, at_scalar(l, l->in[0])), delta = cast(l, in, at_scalar(l, l->in[2]));
    define(l, y, ex2(l, FN_ADD, start, ex2(l, FN_MUL, step, delta)));
    return WEIR_OK;
}

weir_status lower_eye_like(Lowering *l)
{
    Operand *x = l->in[0], *y;
    TRY(want_rank(l, x, 2, 2));
    Dtype type = attr(l, "dtype") == NULL ? x->type : dtype_from_onnx((int)attr_int(l, "dtype", 0));
    if (type == DT_NONE || dtype_kind(type) == DK_CODE)
        return unsupported(l, "element type %lld", (long long)attr_int(l, "dtype", 0));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, type, &ranks, &y));
    ExprId offset = ex2(l, FN_SUB, ex_index(l->cs, ranks.at[1]), ex_index(l->cs, ranks.at[0]));
    ExprId on = ex2(l, FN_EQ, offset, num(l, attr_int(l, "k", 0)));
    define(l, y, ex_select(l->cs, on, lit(l, type, 1), lit(l, type, 0)));
    return WEIR_OK;
}
