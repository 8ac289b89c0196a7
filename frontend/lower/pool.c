/*
 * frontend/lower/pool.c: pooling: a reduction over the taps of a window, or over the whole image.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"

typedef struct Pool {
    Operand *x;
    Window window;
    Ranks ranks, taps; /* of the result; of the window */
} Pool;

static weir_status pool_of(Lowering *l, Pool *p)
{
    TRY(want_rank(l, p->x, 3, MAX_DIMS));
    TRY(window_of(l, p->x, NULL, &p->window));
    ranks_of(l, p->x, &p->ranks);
    for (uint32_t d = 0; d < p->window.n; d++) {
        p->ranks.at[d + 2] = new_rank(l, spatial_names[d], p->window.out[d]);
        ranks_add(&p->taps, new_rank(l, tap_names[d], p->window.kernel[d]));
    }
    return WEIR_OK;
}

static ExprId window_at(Lowering *l, Pool *p, ExprId pad)
{
    ExprId index[MAX_DIMS] = {rk(l, p->ranks.at[0]), rk(l, p->ranks.at[1])};
    for (uint32_t d = 0; d < p->window.n; d++)
        index[d + 2] = window_index(l, &p->window, d, p->ranks.at[d + 2], p->taps.at[d]);
    return window_leaves(&p->window) && pad.i != 0 ? at_pad(l, p->x, index, pad) : at_index(l, p->x, index);
}

static ExprId least(Lowering *l, Dtype type)
{
    return is_float(type) ? lit(l, type, -INFINITY) : ex_literal_int(l->cs, type, dtype_int_min(type));
}

/* The condition that a tap lies inside the input. */
static ExprId inside(Lowering *l, const Pool *p)
{
    ExprId all = {0};
    const Window *w = &p->window;
    for (uint32_t d = 0; d < w->n; d++) {
        if (w->begin[d] == 0 && (w->out[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] < w->in[d])
            continue;
        ExprId at = ix_add(l, ex_scale(l->cs, w->stride[d], rk(l, p->ranks.at[d + 2])),
                           ex_scale(l->cs, w->dilation[d], rk(l, p->taps.at[d])));
        ExprId low = ex2(l, FN_GE, at, num(l, w->begin[d]));
        ExprId high = ex2(l, FN_LT, at, num(l, w->in[d] + w->begin[d]));
        ExprId both = w->begin[d] == 0 ? high : ex2(l, FN_AND, low, high);
        all = all.i == 0 ? both : ex2(l, FN_AND, all, both);
    }
    return all;
}

/* Output 1 of MaxPool: the flat position of the maximum in the whole input. */
static weir_status max_indices(Lowering *l, Pool *p)
{
    Operand *a, *y;
    const Window *w = &p->window;
    bool columns = attr_int(l, "storage_order", 0) != 0;
    TRY(temporary(l, "_tap", DT_I64, &p->ranks, &a));
    ExprId condition = inside(l, p);
    StatementId id = reduce(l, a, RED_ARGMAX, &p->taps, window_at(l, p, (ExprId){0}));
    statement_at(l->cs, id)->condition = condition;
    TRY(output(l, 1, DT_I64, &p->ranks, &y));
    ExprId tap = at_ranks(l, a, p->ranks.at);
    int64_t image = 1, stride = 1, taps = 1;
    for (uint32_t d = 0; d < w->n; d++)
        image *= w->in[d];
    ExprId sum = ex2(l, FN_ADD,
                     ex2(l, FN_MUL, ex_index(l->cs, p->ranks.at[0]), num(l, image * p->x->extent[1])),
                     ex2(l, FN_MUL, ex_index(l->cs, p->ranks.at[1]), num(l, image)));
    for (uint32_t k = w->n; k > 0; k--) {
        uint32_t d = k - 1;
        ExprId t = ex2(l, FN_FLOORMOD, ex2(l, FN_FLOORDIV, tap, num(l, taps)), num(l, w->kernel[d]));
        ExprId at = ex2(l, FN_ADD, ex2(l, FN_MUL, ex_index(l->cs, p->ranks.at[d + 2]), num(l, w->stride[d])),
                        ex2(l, FN_SUB, ex2(l, FN_MUL, t, num(l, w->dilation[d])), num(l, w->begin[d])));
        int64_t step = stride;
        if (columns) { /* column-major within the image */
            step = 1;
            for (uint32_t e = 0; e < d; e++)
                step *= w->in[e];
        }
        sum = ex2(l, FN_ADD, sum, ex2(l, FN_MUL, at, num(l, step)));
        stride *= w->in[d];
        taps *= w->kernel[d];
    }
    define(l, y, sum);
    return WEIR_OK;
}

weir_status lower_max_pool(Lowering *l)
{
    Pool p = {.x = l->in[0]};
    Operand *y;
    if (!is_float(p.x->type) && !dtype_is_int(p.x->type))
        return invalid(l, "not defined for type %s", dtype_text(p.x->type));
    TRY(pool_of(l, &p));
    TRY(output(l, 0, p.x->type, &p.ranks, &y));
    reduce(l, y, RED_MAX, &p.taps, window_at(l, &p, least(l, p.x->type)));
    return out_wanted(l, 1) ? max_indices(l, &p) : WEIR_OK;
}

/* How many cells the window of output `i` covers along d: inside the input, or with the pads. */
static int64_t cells(const Window *w, uint32_t d, int64_t i, bool with_pads)
{
    int64_t low = with_pads ? -w->begin[d] : 0, high = w->in[d] + (with_pads ? w->end[d] : 0);
    int64_t at = i * w->stride[d] - w->begin[d]; /* of tap 0 */
    int64_t first = at >= low ? 0 : (low - at + w->dilation[d] - 1) / w->dilation[d];
    int64_t last = at >= high ? -1 : (high - 1 - at) / w->dilation[d];
    last = last > w->kernel[d] - 1 ? w->kernel[d] - 1 : last;
    return last < first ? 0 : last - first + 1;
}

/* The divisor: a number if all windows are whole, else a product of a constant table for each axis. */
static ExprId divisor(Lowering *l, const Pool *p, Dtype type)
{
    bool with_pads = attr_int(l, "count_include_pad", 0) != 0;
    const Window *w = &p->window;
    double whole = 1;
    ExprId product = {0};
    for (uint32_t d = 0; d < w->n; d++) {
        bool same = true;
        for (int64_t i = 0; i < w->out[d] && same; i++)
            same = cells(w, d, i, with_pads) == w->kernel[d];
        if (same) {
            whole *= (double)w->kernel[d];
            continue;
        }
        Tensor value = {.type = type, .n_dims = 1, .extent = {w->out[d]}, .writable = true};
        value.data = arena_alloc(&l->cx->arena,
                                 arena_array_bytes(&l->cx->arena, (size_t)w->out[d], dtype_bytes(type)));
        for (int64_t i = 0; i < w->out[d]; i++)
            dtype_store_f64(type, value.data, (size_t)i, (double)cells(w, d, i, with_pads));
        Operand *count = table(l, "_count", &value, &p->ranks.at[d + 2]);
        ExprId v = ex_access_ranks(l->cs, count->tensor, 1, &p->ranks.at[d + 2]);
        product = product.i == 0 ? v : ex2(l, FN_MUL, product, v);
    }
    if (product.i == 0)
        return lit(l, type, whole);
    return whole == 1 ? product : ex2(l, FN_MUL, product, lit(l, type, whole));
}

weir_status lower_average_pool(Lowering *l)
{
    Pool p = {.x = l->in[0]};
    Operand *sum, *y;
    Dtype type = wide(p.x->type);
    TRY(want_float(l, p.x));
    TRY(pool_of(l, &p));
    TRY(temporary(l, "_sum", type, &p.ranks, &sum));
    reduce(l, sum, RED_SUM, &p.taps, window_at(l, &p, lit(l, p.x->type, 0)));
    TRY(output(l, 0, p.x->type, &p.ranks, &y));
    define(l, y, ex2(l, FN_DIV, at_ranks(l, sum, p.ranks.at), divisor(l, &p, type)));
    return WEIR_OK;
}

/* |x|^p and its inverse; p = 1 and 2 without pow. */
static ExprId norm_term(Lowering *l, ExprId x, int64_t p, Dtype type)
{
    ExprId a = ex1(l, FN_ABS, cast(l, type, x));
    if (p == 1)
        return a;
    return p == 2 ? ex2(l, FN_MUL, a, a) : ex2(l, FN_POW, a, lit(l, type, (double)p));
}

static ExprId norm_root(Lowering *l, ExprId sum, int64_t p, Dtype type)
{
    if (p == 1)
        return sum;
    return p == 2 ? ex1(l, FN_SQRT, sum) : ex2(l, FN_POW, sum, lit(l, type, 1.0 / (double)p));
}

weir_status lower_lp_pool(Lowering *l)
{
    Pool p = {.x = l->in[0]};
    Operand *sum, *y;
    int64_t order = attr_int(l, "p", 2);
    Dtype type = wide(p.x->type);
    TRY(want_float(l, p.x));
    if (order < 1)
        return invalid(l, "p = %lld", (long long)order);
    TRY(pool_of(l, &p));
    TRY(temporary(l, "_sum", type, &p.ranks, &sum));
    reduce(l, sum, RED_SUM, &p.taps, norm_term(l, window_at(l, &p, lit(l, p.x->type, 0)), order, type));
    TRY(output(l, 0, p.x->type, &p.ranks, &y));
    define(l, y, norm_root(l, at_ranks(l, sum, p.ranks.at), order, type));
    return WEIR_OK;
}

weir_status lower_global_pool(Lowering *l)
{
    Operand *x = l->in[0], *sum, *y;
    Dtype type = wide(x->type);
    bool maximum = l->row->parameter == 1;
    int64_t order = attr_int(l, "p", 2);
    TRY(want_rank(l, x, 3, MAX_DIMS));
    TRY(want_float(l, x));
    TRY(want_static_from(l, x, 2));
    if (order < 1)
        return invalid(l, "p = %lld", (long long)order);
    Ranks own, ranks, over = {0};
    ranks_of(l, x, &own);
    ranks = own;
    double n = 1;
    for (uint32_t d = 2; d < own.n; d++) {
        ranks_add(&over, own.at[d]);
        ranks.at[d] = new_rank(l, spatial_names[d - 2], 1);
        n *= (double)x->extent[d];
    }
    ExprId v = at_ranks(l, x, own.at);
    if (maximum) {
        TRY(output(l, 0, x->type, &ranks, &y));
        reduce(l, y, RED_MAX, &over, v);
        return WEIR_OK;
    }
    TRY(temporary(l, "_sum", type, &ranks, &sum));
    reduce(l, sum, RED_SUM, &over, l->row->parameter == 2 ? norm_term(l, v, order, type) : v);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId s = at_ranks(l, sum, ranks.at);
    define(l, y, l->row->parameter == 2 ? norm_root(l, s, order, type) : ex2(l, FN_DIV, s, lit(l, type, n)));
    return WEIR_OK;
}
