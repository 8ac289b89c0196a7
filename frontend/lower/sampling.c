/*
 * frontend/lower/sampling.c: reads at fractional coordinates that are data: GridSample and DeformConv; AffineGrid.
 *
 * Keep: along each axis a coordinate becomes a first tap (an i64) and weights of the taps; the interpolation is one sum
 *       over the taps of all axes.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"

typedef enum Border { BORDER_ZEROS, BORDER_CLAMP, BORDER_REFLECT } Border;

/* Fractional coordinates along one axis of extent `length`, over `points`. */
typedef struct Axis {
    Operand *first, *weights; /* i64[points]; [points, taps] */
    int64_t length, n_taps;   /* 1: no weights */
    RankId tap;
} Axis;

/* (1 - |t|), or the cubic of four taps with a = -0.75. */
static ExprId kernel(Lowering *l, ExprId t, int64_t n_taps)
{
    Dtype type = expr_at(l->cs, t)->type;
    ExprId x = ex1(l, FN_ABS, t), one = lit(l, type, 1);
    if (n_taps == 2)
        return ex2(l, FN_SUB, one, x);
    double a = -0.75;
    ExprId near = ex2(l, FN_SUB, ex2(l, FN_MUL, lit(l, type, a + 2), x), lit(l, type, a + 3));
    near = ex2(l, FN_ADD, ex2(l, FN_MUL, ex2(l, FN_MUL, near, x), x), one);
    ExprId far = ex2(l, FN_SUB, ex2(l, FN_MUL, lit(l, type, a), x), lit(l, type, 5 * a));
    far = ex2(l, FN_ADD, ex2(l, FN_MUL, far, x), lit(l, type, 8 * a));
    far = ex2(l, FN_SUB, ex2(l, FN_MUL, far, x), lit(l, type, 4 * a));
    return ex_select(l->cs, ex2(l, FN_LE, x, one), near, far);
}

/* First tap and weights of `place`, a value over `points`. */
static weir_status axis_open(Lowering *l, Axis *a, const Ranks *points, ExprId place)
{
    Operand *at;
    Dtype type = expr_at(l->cs, place)->type;
    TRY(temporary(l, "_first", DT_I64, points, &a->first));
    if (a->n_taps == 1) {
        st_define(l->cs, a->first->tensor, cast(l, DT_I64, place), l->provenance);
        return WEIR_OK;
    }
    TRY(temporary(l, "_place", type, points, &at));
    define(l, at, place);
    ExprId v = at_ranks(l, at, points->at), low = ex1(l, FN_FLOOR, v);
    int64_t before = a->n_taps / 2 - 1;
    ExprId first = cast(l, DT_I64, low);
    define(l, a->first, before == 0 ? first : ex2(l, FN_SUB, first, num(l, before)));
    a->tap = new_rank(l, "tap", a->n_taps);
    Ranks all = *points;
    ranks_add(&all, a->tap);
    TRY(temporary(l, "_weight", type, &all, &a->weights));
    ExprId tap = cast(l, type, ex_index(l->cs, a->tap));
    if (before != 0)
        tap = ex2(l, FN_SUB, tap, lit(l, type, (double)before));
    define(l, a->weights, kernel(l, ex2(l, FN_SUB, ex2(l, FN_SUB, v, low), tap), a->n_taps));
    return WEIR_OK;
}

/* The index of a tap, folded into the axis. */
static ExprId axis_index(Lowering *l, const Axis *a, ExprId first, Border border, bool align)
{
    ExprId i = a->n_taps == 1 ? first : ex2(l, FN_ADD, first, rk(l, a->tap));
    int64_t last = a->length - 1, period = align ? 2 * last : 2 * a->length;
    if (border == BORDER_ZEROS)
        return i;
    if (border == BORDER_CLAMP || last == 0)
        return ex2(l, FN_MIN, ex2(l, FN_MAX, i, num(l, 0)), num(l, last));
    ExprId t = ix_mod(l, i, period), mirrored = ex2(l, FN_SUB, num(l, align ? period : period - 1), t);
    return ex_select(l->cs, ex2(l, FN_LE, t, num(l, last)), t, mirrored);
}

static ExprId clamped(Lowering *l, ExprId v, double low, double high)
{
    Dtype type = expr_at(l->cs, v)->type;
    return ex2(l, FN_MIN, ex2(l, FN_MAX, v, lit(l, type, low)), lit(l, type, high));
}

/* ---- GridSample ---- */

typedef struct Grid {
    Operand *x, *grid;
    uint32_t n;
    int64_t n_taps;
    Border border;
    bool align;
    Ranks points; /* [n, o..] */
    Axis axis[MAX_DIMS];
} Grid;

static weir_status grid_form(Lowering *l, Grid *g)
{
    const char *mode = attr_text(l, "mode", "linear"), *padding = attr_text(l, "padding_mode", "zeros");
    bool linear = strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0;
    bool cubic = strcmp(mode, "cubic") == 0 || strcmp(mode, "bicubic") == 0;
    if (!linear && !cubic && strcmp(mode, "nearest") != 0)
        return invalid(l, "mode '%s'", mode);
    g->n_taps = linear ? 2 : cubic ? 4 : 1;
    g->border = strcmp(padding, "border") == 0 ? BORDER_CLAMP : BORDER_REFLECT;
    if (strcmp(padding, "zeros") == 0)
        g->border = BORDER_ZEROS;
    else if (g->border == BORDER_REFLECT && strcmp(padding, "reflection") != 0)
        return invalid(l, "padding_mode '%s'", padding);
    g->align = attr_int(l, "align_corners", 0) != 0;
    TRY(want_rank(l, g->x, 3, MAX_DIMS));
    TRY(want_rank(l, g->grid, g->x->n_dims, g->x->n_dims));
    TRY(want_float(l, g->grid));
    TRY(want_static(l, g->x));
    TRY(want_static(l, g->grid));
    g->n = g->x->n_dims - 2;
    if (g->grid->extent[0] != g->x->extent[0] || g->grid->extent[g->n + 1] != g->n)
        return invalid(l, "the grid %s does not fit %s", shape_text(l, g->grid), shape_text(l, g->x));
    if (g->n_taps > 1 && !is_float(g->x->type))
        return unsupported(l, "interpolation of %s", dtype_text(g->x->type));
    for (uint32_t d = 0; d < g->n; d++)
        if (g->x->extent[d + 2] == 0)
            return invalid(l, "an empty image");
    return WEIR_OK;
}

/* A coordinate of -1..1 in elements, put inside as the border demands. */
static ExprId denormalized(Lowering *l, const Grid *g, ExprId v, int64_t length)
{
    Dtype type = expr_at(l->cs, v)->type;
    double low = g->align ? 0 : -0.5, high = g->align ? (double)length - 1 : (double)length - 0.5, span = high - low;
    ExprId up = ex2(l, FN_ADD, v, lit(l, type, 1)), half = lit(l, type, 0.5);
    if (g->align)
        v = ex2(l, FN_MUL, ex2(l, FN_MUL, up, half), lit(l, type, (double)length - 1));
    else
        v = ex2(l, FN_MUL, ex2(l, FN_SUB, ex2(l, FN_MUL, up, lit(l, type, (double)length)), lit(l, type, 1)), half);
    if (g->n_taps == 1)
        v = ex1(l, FN_ROUND_EVEN, v);
    if (g->border == BORDER_ZEROS)
        return v;
    ExprId outside = ex2(l, FN_OR, ex2(l, FN_LT, v, lit(l, type, low)), ex2(l, FN_GT, v, lit(l, type, high)));
    ExprId inside = clamped(l, v, 0, (double)length - 1);
    if (g->border == BORDER_REFLECT && span > 0) {
        ExprId t = ex2(l, FN_FMOD, ex1(l, FN_ABS, ex2(l, FN_SUB, v, lit(l, type, low))), lit(l, type, 2 * span));
        ExprId back = ex2(l, FN_SUB, lit(l, type, 2 * span), t);
        t = ex_select(l->cs, ex2(l, FN_LE, t, lit(l, type, span)), t, back);
        inside = ex2(l, FN_ADD, t, lit(l, type, low));
    }
    return ex_select(l->cs, outside, inside, v);
}

weir_status lower_grid_sample(Lowering *l)
{
    Grid g = {.x = l->in[0], .grid = l->in[1]};
    Operand *sum, *y;
    Ranks own, ranks = {0}, over = {0};
    TRY(grid_form(l, &g));
    tensor_of(l, g.x);
    ranks_of(l, g.grid, &own);
    g.points = own;
    g.points.n--;
    ranks_add(&ranks, own.at[0]);
    RankId channel = ranks_add_distinct(l, &ranks, ranks_have(&g.points, dim_rank(l, g.x, 1)) ? (RankId){0} : dim_rank(l, g.x, 1),
                                        "c", g.x->extent[1]);
    ExprId index[MAX_DIMS] = {rk(l, own.at[0]), rk(l, channel)}, at[MAX_DIMS], weight = {0};
    Dtype place = wide(g.grid->type), type = is_float(g.x->type) ? wide(g.x->type) : g.x->type;
    for (uint32_t d = 0; d < g.n; d++) {
        Axis *a = &g.axis[d];
        *a = (Axis){.length = g.x->extent[d + 2], .n_taps = g.n_taps};
        ranks_add(&ranks, own.at[d + 1]);
        for (uint32_t k = 0; k <= g.n; k++)
            at[k] = rk(l, own.at[k]);
        at[g.n + 1] = num(l, g.n - 1 - d); /* x first */
        ExprId v = cast(l, place, at_index(l, g.grid, at));
        TRY(axis_open(l, a, &g.points, denormalized(l, &g, v, a->length)));
        index[d + 2] = axis_index(l, a, at_ranks(l, a->first, g.points.at), g.border, g.align);
        if (g.n_taps == 1)
            continue;
        ranks_add(&over, a->tap);
        Ranks all = g.points;
        ranks_add(&all, a->tap);
        ExprId w = cast(l, type, at_ranks(l, a->weights, all.at));
        weight = weight.i == 0 ? w : ex2(l, FN_MUL, weight, w);
    }
    ExprId x = at_pad(l, g.x, index, lit(l, g.x->type, 0));
    if (g.n_taps == 1) {
        TRY(output(l, 0, g.x->type, &ranks, &y));
        define(l, y, x);
        return WEIR_OK;
    }
    TRY(type == g.x->type ? output(l, 0, type, &ranks, &sum) : temporary(l, "_sum", type, &ranks, &sum));
    reduce(l, sum, RED_SUM, &over, ex2(l, FN_MUL, cast(l, type, x), weight));
    if (type == g.x->type)
        return WEIR_OK;
    TRY(output(l, 0, g.x->type, &ranks, &y));
    define(l, y, at_ranks(l, sum, ranks.at));
    return WEIR_OK;
}

/* ---- AffineGrid ---- */

weir_status lower_affine_grid(Lowering *l)
{
    Operand *theta = l->in[0], *y;
    Ints size;
    bool align = attr_int(l, "align_corners", 0) != 0;
    TRY(want_float(l, theta));
    TRY(want_rank(l, theta, 3, 3));
    TRY(value_ints(l, l->in[1], &size));
    if (size.n < 3 || size.n > 6)
        return invalid(l, "size has %u entries", size.n);
    uint32_t n = size.n - 2;
    if (theta->extent[0] != size.at[0] || theta->extent[1] != n || theta->extent[2] != n + 1)
        return invalid(l, "theta %s does not fit", shape_text(l, theta));
    tensor_of(l, theta);
    Dtype type = wide(theta->type);
    Ranks ranks = {.n = 1, .at = {dim_rank(l, theta, 0)}};
    for (uint32_t d = 0; d < n; d++) {
        if (size.at[d + 2] < 1 || size.at[d + 2] > 1 << 26)
            return invalid(l, "size %lld", (long long)size.at[d + 2]);
        ranks_add(&ranks, new_rank(l, spatial_names[d], size.at[d + 2]));
    }
    RankId q = ranks_add_distinct(l, &ranks, dim_rank(l, theta, 1), "q", n);
    TRY(output(l, 0, theta->type, &ranks, &y));
    ExprId at[3] = {rk(l, ranks.at[0]), rk(l, q), num(l, n)}, sum = cast(l, type, at_index(l, theta, at));
    for (uint32_t k = 0; k < n; k++) {
        RankId i = ranks.at[n - k];
        int64_t length = extent_of_rank(l, i);
        Tensor t = table_new(l, type, 1, &length);
        for (int64_t o = 0; o < length; o++) {
            double c = align ? (length == 1 ? 0 : 2.0 * (double)o / (double)(length - 1) - 1)
                             : (2.0 * (double)o + 1) / (double)length - 1;
            dtype_store_f64(type, t.data, (size_t)o, c);
        }
        Operand *c = table(l, "_at", &t, &i);
        at[2] = num(l, k);
        sum = ex2(l, FN_ADD, sum, ex2(l, FN_MUL, cast(l, type, at_index(l, theta, at)), ex_access_ranks(l->cs, c->tensor, 1, &i)));
    }
    define(l, y, sum);
    return WEIR_OK;
}

/* ---- DeformConv ---- */

typedef struct Deform {
    Operand *x, *w, *offset, *bias, *mask;
    Window window;
    int64_t groups, offset_groups, taps;
    Dtype type;
    RankId n, og, tap;
    Ranks out, points; /* spatial; [n, og, tap, out..] */
    Axis axis[MAX_DIMS];
} Deform;

static weir_status deform_form(Lowering *l, Deform *f)
{
    TRY(want_float(l, f->x));
    TRY(want_rank(l, f->x, 3, 6));
    TRY(want_rank(l, f->w, f->x->n_dims, f->x->n_dims));
    Operand *const same[4] = {f->w, f->offset, f->bias, f->mask};
    for (int k = 0; k < 4; k++)
        if (same[k] != NULL) {
            TRY(want_same_type(l, f->x, same[k]));
            TRY(want_static(l, same[k]));
        }
    TRY(want_static(l, f->x));
    f->groups = attr_int(l, "group", 1);
    f->offset_groups = attr_int(l, "offset_group", 1);
    TRY(window_of(l, f->x, f->w->extent + 2, &f->window));
    f->taps = 1;
    for (uint32_t d = 0; d < f->window.n; d++)
        f->taps *= f->window.kernel[d];
    int64_t channels = f->x->extent[1], axes = f->window.n;
    if (f->groups < 1 || f->offset_groups < 1 || channels % f->offset_groups != 0 || f->w->extent[0] % f->groups != 0 ||
        f->w->extent[1] * f->groups != channels)
        return invalid(l, "groups do not fit");
    bool fits = f->offset->n_dims == f->x->n_dims && f->offset->extent[0] == f->x->extent[0] &&
                f->offset->extent[1] == f->offset_groups * axes * f->taps;
    if (f->mask != NULL)
        fits = fits && f->mask->n_dims == f->x->n_dims && f->mask->extent[0] == f->x->extent[0] &&
               f->mask->extent[1] == f->offset_groups * f->taps;
    if (f->bias != NULL)
        fits = fits && f->bias->n_dims == 1 && f->bias->extent[0] == f->w->extent[0];
    for (uint32_t d = 0; fits && d < f->window.n; d++)
        fits = f->offset->extent[d + 2] == f->window.out[d] &&
               (f->mask == NULL || f->mask->extent[d + 2] == f->window.out[d]);
    return fits ? WEIR_OK : invalid(l, "offsets, mask or bias do not fit");
}

/* Coordinates along axis d: i*s + r*dilation - p + offset. */
static weir_status deform_axis(Lowering *l, Deform *f, uint32_t d)
{
    const Window *w = &f->window;
    Axis *a = &f->axis[d];
    *a = (Axis){.length = f->x->extent[d + 2], .n_taps = 2};
    int64_t inner = 1;
    for (uint32_t k = d + 1; k < w->n; k++)
        inner *= w->kernel[k];
    Tensor t = table_new(l, f->type, 1, &f->taps);
    for (int64_t k = 0; k < f->taps; k++)
        dtype_store_f64(f->type, t.data, (size_t)k, (double)(k / inner % w->kernel[d] * w->dilation[d] - w->begin[d]));
    Operand *base = table(l, "_base", &t, &f->tap);
    ExprId at[MAX_DIMS] = {rk(l, f->n)};
    at[1] = ix_add(l, ex_scale(l->cs, f->taps * w->n, rk(l, f->og)), ex_scale(l->cs, w->n, rk(l, f->tap)));
    at[1] = ex_offset(l->cs, at[1], d);
    for (uint32_t k = 0; k < w->n; k++)
        at[k + 2] = rk(l, f->out.at[k]);
    ExprId place = cast(l, f->type, ex2(l, FN_MUL, ex_index(l->cs, f->out.at[d]), num(l, w->stride[d])));
    place = ex2(l, FN_ADD, place, ex_access_ranks(l->cs, base->tensor, 1, &f->tap));
    place = ex2(l, FN_ADD, place, cast(l, f->type, at_index(l, f->offset, at)));
    return axis_open(l, a, &f->points, place);
}

/* V[n, c, tap, out..]: the interpolated inputs, times the mask. */
static weir_status deform_values(Lowering *l, Deform *f, Operand **out)
{
    const Window *w = &f->window;
    int64_t per = f->x->extent[1] / f->offset_groups;
    RankId c = new_rank(l, "c", f->x->extent[1]);
    Ranks ranks = {.n = 3, .at = {f->n, c, f->tap}}, over = {0};
    Operand *sum;
    ExprId point[MAX_DIMS], index[MAX_DIMS] = {rk(l, f->n), rk(l, c)}, weight = {0};
    for (uint32_t k = 0; k < f->points.n; k++)
        point[k] = rk(l, f->points.at[k]);
    point[1] = ix_div(l, rk(l, c), per);
    for (uint32_t d = 0; d < w->n; d++) {
        ranks_add(&ranks, f->out.at[d]);
        ranks_add(&over, f->axis[d].tap);
        index[d + 2] = axis_index(l, &f->axis[d], at_index(l, f->axis[d].first, point), BORDER_ZEROS, false);
        point[f->points.n] = rk(l, f->axis[d].tap);
        ExprId v = at_index(l, f->axis[d].weights, point);
        weight = weight.i == 0 ? v : ex2(l, FN_MUL, weight, v);
    }
    TRY(temporary(l, "_values", f->type, &ranks, &sum));
    ExprId x = cast(l, f->type, at_pad(l, f->x, index, lit(l, f->x->type, 0)));
    reduce(l, sum, RED_SUM, &over, ex2(l, FN_MUL, x, weight));
    *out = sum;
    if (f->mask == NULL)
        return WEIR_OK;
    TRY(temporary(l, "_masked", f->type, &ranks, out));
    index[1] = ix_add(l, ex_scale(l->cs, f->taps, point[1]), rk(l, f->tap));
    for (uint32_t d = 0; d < w->n; d++)
        index[d + 2] = rk(l, f->out.at[d]);
    define(l, *out, ex2(l, FN_MUL, at_ranks(l, sum, ranks.at), cast(l, f->type, at_index(l, f->mask, index))));
    return WEIR_OK;
}

weir_status lower_deform_conv(Lowering *l)
{
    Deform f = {.x = l->in[0], .w = l->in[1], .offset = l->in[2], .bias = input(l, 3), .mask = input(l, 4)};
    Operand *values, *sum, *y;
    f.type = wide(f.x->type);
    TRY(deform_form(l, &f));
    const Window *w = &f.window;
    tensor_of(l, f.x);
    f.n = dim_rank(l, f.x, 0);
    f.og = new_rank(l, "og", f.offset_groups);
    f.tap = new_rank(l, "k", f.taps);
    f.points = (Ranks){.n = 3, .at = {f.n, f.og, f.tap}};
    RankId o = new_rank(l, "o", f.w->extent[0]), cg = new_rank(l, "cg", f.w->extent[1]);
    Ranks ranks = {.n = 2, .at = {f.n, o}}, over = {.n = 2, .at = {cg, f.tap}};
    for (uint32_t d = 0; d < w->n; d++) {
        ranks_add(&f.out, new_rank(l, spatial_names[d], w->out[d]));
        ranks_add(&f.points, f.out.at[d]);
        ranks_add(&ranks, f.out.at[d]);
    }
    for (uint32_t d = 0; d < w->n; d++)
        TRY(deform_axis(l, &f, d));
    TRY(deform_values(l, &f, &values));
    TRY(temporary(l, "_sum", f.type, &ranks, &sum));
    ExprId at[MAX_DIMS] = {rk(l, f.n), rk(l, cg), rk(l, f.tap)}, weight[MAX_DIMS] = {rk(l, o), rk(l, cg)};
    at[1] = ix_add(l, ex_scale(l->cs, f.w->extent[1], ix_div(l, rk(l, o), f.w->extent[0] / f.groups)), at[1]);
    int64_t inner = 1;
    for (uint32_t d = w->n; d-- > 0; inner *= w->kernel[d]) {
        at[d + 3] = rk(l, f.out.at[d]);
        weight[d + 2] = ix_mod(l, ix_div(l, rk(l, f.tap), inner), w->kernel[d]);
    }
    reduce(l, sum, RED_SUM, &over, ex2(l, FN_MUL, at_index(l, values, at), cast(l, f.type, at_index(l, f.w, weight))));
    TRY(output(l, 0, f.x->type, &ranks, &y));
    ExprId v = at_ranks(l, sum, ranks.at);
    if (f.bias != NULL)
        v = ex2(l, FN_ADD, v, cast(l, f.type, at_ranks(l, f.bias, &o)));
    define(l, y, v);
    return WEIR_OK;
}
