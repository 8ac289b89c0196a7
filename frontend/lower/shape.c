/*
 * frontend/lower/shape.c: operators whose result follows from shapes and attributes alone.
 */
#include <math.h>
#include <string.h>

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
    TRY(want_static(l, l->in[0]));
    int64_t n = count_of(l->in[0]);
    return output_ints(l, 0, DT_I64, 0, 1, &n);
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
            return unsupported(l, "element type %d", a->tensor.onnx_type);
        output_constant(l, 0, &a->tensor.tensor);
        l->out[0]->file = a->tensor.file;
        l->out[0]->file_offset = a->tensor.file_offset;
        return WEIR_OK;
    }
    if ((a = attr(l, "value_int")) != NULL)
        return output_ints(l, 0, DT_I64, 0, 1, &a->i);
    if ((a = attr(l, "value_ints")) != NULL)
        return output_ints(l, 0, DT_I64, 1, a->n, a->ints);
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
    Ints shape;
    TRY(value_ints(l, l->in[0], &shape));
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
    for (uint32_t d = 0; d < shape.n; d++) {
        if (shape.at[d] < 0)
            return invalid(l, "extent %lld", (long long)shape.at[d]);
        ranks_add(&ranks, new_rank(l, names[d % 4], shape.at[d]));
    }
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

weir_status lower_range(Lowering *l)
{
    const Tensor *v[3];
    double x[3];
    for (uint32_t k = 0; k < 3; k++) {
        TRY(value_of(l, l->in[k], &v[k]));
        TRY(want_same_type(l, l->in[0], l->in[k]));
        if (count_of(l->in[k]) != 1)
            return invalid(l, "operand %u must be a scalar", k);
        x[k] = is_float(v[k]->type) ? dtype_load_f64(v[k]->type, v[k]->data, 0)
                                    : (double)dtype_load_i64(v[k]->type, v[k]->data, 0);
    }
    if (x[2] == 0)
        return invalid(l, "the step is 0");
    int64_t n = range_count(x[0], x[1], x[2]);
    if (n < 0)
        return invalid(l, "too many elements");
    Dtype type = l->in[0]->type, in = wide(type);
    Ranks ranks = {0};
    Operand *y;
    ranks_add(&ranks, new_rank(l, "i", n));
    TRY(output(l, 0, type, &ranks, &y));
    ExprId step = cast(l, in, ex_index(l->cs, ranks.at[0]));
    ExprId start = cast(l, in, literal_at(l, v[0], 0)), delta = cast(l, in, literal_at(l, v[2], 0));
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
