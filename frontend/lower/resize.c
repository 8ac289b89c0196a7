/*
 * frontend/lower/resize.c: Resize and Upsample, separable: an axis is read at a constant table of coordinates (nearest)
 * or is a sum over taps with a constant table of weights (linear, cubic).
 *
 * Keep: coordinates are computed in double with the scales as given, and as exact fractions where sizes are given;
 *       integer factors become `i / k` or `k * i + b` instead of tables.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

typedef enum Coordinates {
    HALF_PIXEL, HALF_PIXEL_SYMMETRIC, PYTORCH_HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, TF_HALF_PIXEL, TF_CROP, N_COORDINATES
} Coordinates;

typedef struct Axis {
    int64_t in, out;
    double scale;
    bool exact;    /* the scale is out / in */
    bool resized;
    double start, end; /* of the region of interest */
} Axis;

typedef struct Resize {
    Operand *x;
    Axis axis[MAX_DIMS];
    Coordinates coordinates;
    const char *mode, *nearest;
    bool antialias, exclude_outside;
    double cubic_a, extrapolation;
} Resize;

/* ---- coordinates ---- */

static double half_pixel(const Axis *a, int64_t o)
{
    if (a->exact)
        return (double)(2 * o + 1) * (double)a->in / (2.0 * (double)a->out) - 0.5;
    return ((double)o + 0.5) / a->scale - 0.5;
}

static double coordinate(const Resize *r, const Axis *a, int64_t o)
{
    double length = a->exact ? (double)a->out : (double)a->in * a->scale, last = (double)(a->in - 1);
    switch (r->coordinates) {
    case HALF_PIXEL:
        return half_pixel(a, o);
    case HALF_PIXEL_SYMMETRIC:
        return (double)a->in / 2 * (1 - (double)a->out / length) + half_pixel(a, o);
    case PYTORCH_HALF_PIXEL:
        return a->out > 1 ? half_pixel(a, o) : 0;
    case ALIGN_CORNERS:
        return length == 1 ? 0 : (double)o * last / (length - 1);
    case ASYMMETRIC:
        return a->exact ? (double)o * (double)a->in / (double)a->out : (double)o / a->scale;
    case TF_HALF_PIXEL:
        return ((double)o + 0.5) / a->scale;
    case TF_CROP:
        return a->out > 1 ? a->start * last + (double)o * (a->end - a->start) * last / (double)(a->out - 1)
                          : 0.5 * (a->start + a->end) * last;
    case N_COORDINATES:
        break;
    }
    return 0;
}

static int64_t clamp(double v, int64_t high)
{
    return !(v > 0) ? 0 : v > (double)high ? high : (int64_t)v;
}

static int64_t nearest(const Resize *r, const Axis *a, int64_t o)
{
    double x = coordinate(r, a, o);
    if (strcmp(r->nearest, "floor") == 0)
        x = floor(x);
    else if (strcmp(r->nearest, "ceil") == 0)
        x = ceil(x);
    else if (strcmp(r->nearest, "round_prefer_ceil") == 0)
        x = floor(x + 0.5);
    else
        x = ceil(x - 0.5);
    return clamp(x, a->in - 1);
}

/* ---- tables ---- */

static Tensor new_table(Lowering *l, Dtype type, int64_t rows, int64_t columns)
{
    Tensor t = {.type = type, .n_dims = columns == 0 ? 1 : 2, .extent = {rows, columns}, .writable = true};
    size_t n = arena_array_bytes(&l->cx->arena, (size_t)rows, (size_t)(columns == 0 ? 1 : columns));
    t.data = arena_alloc(&l->cx->arena, arena_array_bytes(&l->cx->arena, n, dtype_bytes(type)));
    return t;
}

/* The source coordinate of a nearest axis. */
static ExprId nearest_index(Lowering *l, const Resize *r, const Axis *a, RankId i)
{
    int64_t up = a->in == 0 || a->out % a->in != 0 ? 0 : a->out / a->in;
    int64_t base = nearest(r, a, 0), step = a->out > 1 ? nearest(r, a, 1) - base : 0;
    bool divides = up != 0, affine = true;
    for (int64_t o = 0; o < a->out; o++) {
        int64_t at = nearest(r, a, o);
        divides = divides && at == o / up;
        affine = affine && at == base + step * o;
    }
    if (divides)
        return ix_div(l, rk(l, i), up);
    if (affine)
        return ix_affine(l, step, i, base);
    Tensor t = new_table(l, DT_I64, a->out, 0);
    for (int64_t o = 0; o < a->out; o++)
        dtype_store_i64(DT_I64, t.data, (size_t)o, nearest(r, a, o));
    Operand *places = table(l, "_at", &t, &i);
    return ex_access_ranks(l->cs, places->tensor, 1, &i);
}

static double kernel(const Resize *r, double t)
{
    double x = fabs(t), a = r->cubic_a;
    if (strcmp(r->mode, "cubic") != 0)
        return x < 1 ? 1 - x : 0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

typedef struct Taps {
    int64_t n, first; /* of the taps relative to floor(x) */
    double stretch;   /* of the kernel's argument: < 1 when antialiasing */
} Taps;

static Taps taps_of(const Resize *r, const Axis *a)
{
    int64_t reach = strcmp(r->mode, "cubic") == 0 ? 2 : 1;
    double scale = a->exact ? (double)a->out / (double)a->in : a->scale;
    Taps t = {.n = 2 * reach, .first = 1 - reach, .stretch = 1};
    if (r->antialias && scale < 1) {
        t.stretch = scale;
        t.first = (int64_t)floor(-(double)reach / scale) + 1;
        t.n = 2 - 2 * t.first;
    }
    return t;
}

static void weights_of(const Resize *r, const Axis *a, const Taps *t, int64_t o, double *w, int64_t *out_base)
{
    double x = coordinate(r, a, o), base = floor(x), ratio = x - base, sum = 0;
    *out_base = (int64_t)base + t->first;
    for (int64_t k = 0; k < t->n; k++) {
        int64_t at = *out_base + k;
        w[k] = kernel(r, ((double)(t->first + k) - ratio) * t->stretch);
        if (r->exclude_outside && (at < 0 || at >= a->in))
            w[k] = 0;
        sum += w[k];
    }
    bool renormalise = (r->exclude_outside || t->stretch != 1) && sum != 0;
    for (int64_t k = 0; k < t->n && renormalise; k++)
        w[k] /= sum;
}

/* ---- statements ---- */

/* One axis of a linear or cubic resize: from `x` into a tensor over `ranks`. */
static weir_status interpolate(Lowering *l, const Resize *r, Operand *x, uint32_t d, bool final, Operand **out)
{
    const Axis *a = &r->axis[d];
    Taps t = taps_of(r, a);
    Dtype type = wide(r->x->type);
    Ranks own, ranks, over = {0};
    if (t.n > 1 << 20)
        return unsupported(l, "an antialiasing kernel of %lld taps", (long long)t.n);
    ranks_of(l, x, &own);
    ranks = own;
    ranks.at[d] = new_rank(l, rank_name(l->cs, own.at[d]), a->out);
    RankId k = ranks_add_distinct(l, &over, (RankId){0}, "k", t.n);
    if (final)
        TRY(output(l, 0, type, &ranks, out));
    else
        TRY(temporary(l, "_axis", type, &ranks, out));
    Tensor weights = new_table(l, type, a->out, t.n), bases = new_table(l, DT_I64, a->out, 0);
    double *row = ARENA_ARRAY(&l->cx->arena, double, (size_t)t.n);
    for (int64_t o = 0; o < a->out; o++) {
        int64_t base;
        weights_of(r, a, &t, o, row, &base);
        dtype_store_i64(DT_I64, bases.data, (size_t)o, base);
        for (int64_t j = 0; j < t.n; j++)
            dtype_store_f64(type, weights.data, (size_t)(o * t.n + j), row[j]);
    }
    RankId pair[2] = {ranks.at[d], k};
    Operand *w = table(l, "_weights", &weights, pair), *b = table(l, "_first", &bases, pair);
    ExprId index[MAX_DIMS];
    for (uint32_t e = 0; e < own.n; e++)
        index[e] = rk(l, ranks.at[e]);
    ExprId at = ix_add(l, ex_access_ranks(l->cs, b->tensor, 1, pair), rk(l, k));
    index[d] = ex2(l, FN_MIN, ex2(l, FN_MAX, at, num(l, 0)), num(l, a->in - 1));
    ExprId weight = ex_access_ranks(l->cs, w->tensor, 2, pair);
    reduce(l, *out, RED_SUM, &over, ex2(l, FN_MUL, weight, cast(l, type, at_index(l, x, index))));
    return WEIR_OK;
}

/* Points outside the region of tf_crop_and_resize get the extrapolation value. */
static ExprId inside(Lowering *l, const Resize *r, const Ranks *ranks)
{
    ExprId all = {0};
    for (uint32_t d = 0; d < ranks->n; d++) {
        const Axis *a = &r->axis[d];
        bool leaves = false;
        Tensor t = new_table(l, DT_BOOL, a->out, 0);
        for (int64_t o = 0; o < a->out && r->coordinates == TF_CROP && a->resized; o++) {
            double x = coordinate(r, a, o);
            bool in = x >= 0 && x <= (double)(a->in - 1);
            leaves = leaves || !in;
            dtype_store_i64(DT_BOOL, t.data, (size_t)o, in);
        }
        if (!leaves)
            continue;
        Operand *in = table(l, "_inside", &t, &ranks->at[d]);
        ExprId v = ex_access_ranks(l->cs, in->tensor, 1, &ranks->at[d]);
        all = all.i == 0 ? v : ex2(l, FN_AND, all, v);
    }
    return all;
}

static weir_status by_nearest(Lowering *l, const Resize *r)
{
    Operand *y;
    Ranks ranks;
    ExprId index[MAX_DIMS];
    ranks_of(l, r->x, &ranks);
    for (uint32_t d = 0; d < ranks.n; d++)
        if (r->axis[d].resized)
            ranks.at[d] = new_rank(l, rank_name(l->cs, ranks.at[d]), r->axis[d].out);
    TRY(output(l, 0, r->x->type, &ranks, &y));
    for (uint32_t d = 0; d < ranks.n; d++)
        index[d] = r->axis[d].resized ? nearest_index(l, r, &r->axis[d], ranks.at[d]) : rk(l, ranks.at[d]);
    ExprId v = at_index(l, r->x, index), in = inside(l, r, &ranks);
    define(l, y, in.i == 0 ? v : ex_select(l->cs, in, v, lit(l, y->type, r->extrapolation)));
    return WEIR_OK;
}

static weir_status by_weights(Lowering *l, const Resize *r)
{
    Operand *x = r->x, *y;
    Ranks ranks;
    uint32_t left = 0;
    TRY(want_float(l, x));
    for (uint32_t d = 0; d < x->n_dims; d++)
        left += r->axis[d].resized;
    bool plain = r->coordinates != TF_CROP && wide(x->type) == x->type;
    for (uint32_t d = 0; d < r->x->n_dims; d++)
        if (r->axis[d].resized)
            TRY(interpolate(l, r, x, d, --left == 0 && plain, &x));
    if (plain)
        return WEIR_OK;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, r->x->type, &ranks, &y));
    ExprId v = at_ranks(l, x, ranks.at), in = inside(l, r, &ranks);
    define(l, y, in.i == 0 ? v : ex_select(l->cs, in, v, lit(l, x->type, r->extrapolation)));
    return WEIR_OK;
}

static weir_status resize(Lowering *l, const Resize *r)
{
    bool any = false;
    for (uint32_t d = 0; d < r->x->n_dims; d++) {
        const Axis *a = &r->axis[d];
        if (!a->resized)
            continue;
        any = true;
        if (dim_runtime(l, r->x, d))
            return unsupported(l, "dimension %u has a run-time extent", d);
        if (a->out < 0 || (a->in == 0 && a->out != 0))
            return invalid(l, "dimension %u cannot go from %lld to %lld", d, (long long)a->in, (long long)a->out);
        if ((uint64_t)a->out > l->cx->limits.memory_bytes / 8)
            return invalid(l, "extent %lld", (long long)a->out);
    }
    if (!any) {
        output_alias(l, 0, r->x);
        return WEIR_OK;
    }
    return strcmp(r->mode, "nearest") == 0 ? by_nearest(l, r) : by_weights(l, r);
}

/* ---- the operators' forms ---- */

/* `n` numbers of a constant operand; NULL if absent or empty. */
static weir_status numbers(Lowering *l, uint32_t k, const Tensor **out)
{
    *out = NULL;
    if (input(l, k) == NULL)
        return WEIR_OK;
    TRY(value_of(l, l->in[k], out));
    if ((*out)->n_dims > 1)
        return invalid(l, "operand %u must be a list", k);
    if (count_of(l->in[k]) == 0)
        *out = NULL;
    return WEIR_OK;
}

/* The sizes; one that is the extent of its dimension, whatever that is, counts as the dimension's bound: it is not resized. */
static weir_status size_numbers(Lowering *l, const Resize *r, const uint32_t *axes, uint32_t n, const Tensor **out)
{
    *out = NULL;
    const Operand *op = input(l, 3);
    bool runtime = false;
    for (uint32_t d = 0; d < r->x->n_dims; d++)
        runtime = runtime || dim_runtime(l, r->x, d);
    if (op == NULL || !runtime || op->n_dims != 1 || op->extent[0] != n)
        return numbers(l, 3, out);
    Scalars list;
    TRY(scalars_of(l, op, &list));
    Tensor *sizes = ARENA_NEW(&l->cx->arena, Tensor);
    *sizes = table_new(l, DT_I64, 1, op->extent);
    for (uint32_t k = 0; k < n; k++) {
        Scalar extent = extent_scalar(l, r->x, axes[k]);
        bool stays = scalar_same(l, &extent, &list.at[k]);
        if (!stays && (!scalar_known(&list.at[k]) || !scalar_known(&extent)))
            return unsupported(l, "dimension %u goes from or to a run-time extent", axes[k]);
        dtype_store_i64(DT_I64, sizes->data, k, stays ? r->x->extent[axes[k]] : list.at[k].b);
    }
    *out = sizes;
    return WEIR_OK;
}

static weir_status by_scale(Lowering *l, Axis *a, double scale)
{
    if (!(scale > 0) || !(scale < 1e9))
        return invalid(l, "scale %g", scale);
    a->scale = scale;
    a->out = (int64_t)floorf((float)a->in * (float)scale);
    a->resized = scale != 1;
    return WEIR_OK;
}

static weir_status by_sizes(Lowering *l, Resize *r, const Tensor *sizes, const uint32_t *axes, uint32_t n)
{
    const char *policy = attr_text(l, "keep_aspect_ratio_policy", "stretch");
    bool stretch = strcmp(policy, "stretch") == 0, larger = strcmp(policy, "not_smaller") == 0;
    if (!stretch && !larger && strcmp(policy, "not_larger") != 0)
        return invalid(l, "keep_aspect_ratio_policy '%s'", policy);
    double common = 0;
    for (uint32_t k = 0; k < n; k++) {
        Axis *a = &r->axis[axes[k]];
        a->out = dtype_load_i64(sizes->type, sizes->data, k);
        a->exact = true;
        a->scale = (double)a->out / (double)a->in;
        a->resized = a->out != a->in;
        if (a->out < 0)
            return invalid(l, "size %lld", (long long)a->out);
        if (k == 0 || (larger ? a->scale > common : a->scale < common))
            common = a->scale;
    }
    for (uint32_t k = 0; k < n && !stretch; k++) {
        Axis *a = &r->axis[axes[k]];
        a->exact = false;
        a->scale = common;
        a->out = (int64_t)floor((double)a->in * common + 0.5);
        a->resized = common != 1;
    }
    return WEIR_OK;
}

static weir_status read_modes(Lowering *l, Resize *r)
{
    static const char *const names[N_COORDINATES] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                                      "align_corners", "asymmetric", "tf_half_pixel_for_nn",
                                                      "tf_crop_and_resize"};
    bool old = l->opset < 11;
    const char *name = attr_text(l, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    int c = 0;
    while (c < N_COORDINATES && strcmp(names[c], name) != 0)
        c++;
    if (c == N_COORDINATES)
        return invalid(l, "coordinate_transformation_mode '%s'", name);
    r->coordinates = (Coordinates)c;
    r->mode = attr_text(l, "mode", "nearest");
    r->nearest = attr_text(l, "nearest_mode", old ? "floor" : "round_prefer_floor");
    bool linear = strcmp(r->mode, "linear") == 0 || strcmp(r->mode, "bilinear") == 0;
    if (!linear && strcmp(r->mode, "nearest") != 0 && strcmp(r->mode, "cubic") != 0)
        return invalid(l, "mode '%s'", r->mode);
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    bool known = false;
    for (size_t i = 0; i < 4; i++)
        known = known || strcmp(r->nearest, rounding[i]) == 0;
    if (!known)
        return invalid(l, "nearest_mode '%s'", r->nearest);
    r->antialias = attr_int(l, "antialias", 0) != 0;
    r->exclude_outside = attr_int(l, "exclude_outside", 0) != 0;
    r->cubic_a = attr_float(l, "cubic_coeff_a", -0.75);
    r->extrapolation = attr_float(l, "extrapolation_value", 0);
    return WEIR_OK;
}

static weir_status read_axes(Lowering *l, Resize *r, uint32_t *axes, uint32_t *out_n)
{
    Ints given = attr_ints(l, "axes");
    bool flags[MAX_DIMS];
    *out_n = given.n != 0 ? given.n : r->x->n_dims;
    TRY(axes_of(l, given, r->x->n_dims, flags));
    for (uint32_t k = 0; k < *out_n; k++) {
        axes[k] = k;
        if (given.n != 0)
            TRY(axis_of(l, given.at[k], r->x->n_dims, &axes[k]));
    }
    return WEIR_OK;
}

static void start(Resize *r, Operand *x)
{
    r->x = x;
    for (uint32_t d = 0; d < x->n_dims; d++)
        r->axis[d] = (Axis){.in = x->extent[d], .out = x->extent[d], .scale = 1, .end = 1};
}

weir_status lower_resize(Lowering *l)
{
    Resize r = {0};
    uint32_t axes[MAX_DIMS], n;
    const Tensor *roi = NULL, *scales, *sizes = NULL;
    start(&r, l->in[0]);
    TRY(read_modes(l, &r));
    TRY(read_axes(l, &r, axes, &n));
    bool old = l->opset < 11;
    TRY(numbers(l, old ? 1 : 2, &scales));
    if (!old)
        TRY(size_numbers(l, &r, axes, n, &sizes));
    if (r.coordinates == TF_CROP)
        TRY(numbers(l, 1, &roi));
    if ((scales == NULL) == (sizes == NULL))
        return invalid(l, "either scales or sizes must be given");
    const Tensor *list = scales != NULL ? scales : sizes;
    if (list->extent[0] != n || (scales != NULL ? !is_float(list->type) : !dtype_is_int(list->type)))
        return invalid(l, "%s must have %u numbers", scales != NULL ? "scales" : "sizes", n);
    if (r.coordinates == TF_CROP && (roi == NULL || roi->extent[0] != 2 * (int64_t)n || !is_float(roi->type)))
        return invalid(l, "tf_crop_and_resize needs a roi of %u numbers", 2 * n);
    if (sizes != NULL)
        TRY(by_sizes(l, &r, sizes, axes, n));
    for (uint32_t k = 0; k < n; k++) {
        Axis *a = &r.axis[axes[k]];
        if (scales != NULL)
            TRY(by_scale(l, a, dtype_load_f64(scales->type, scales->data, k)));
        if (roi == NULL)
            continue;
        a->start = dtype_load_f64(roi->type, roi->data, k);
        a->end = dtype_load_f64(roi->type, roi->data, n + k);
        a->resized = a->resized || a->start != 0 || a->end != 1;
    }
    return resize(l, &r);
}

weir_status lower_upsample(Lowering *l)
{
    Resize r = {.coordinates = ASYMMETRIC, .mode = attr_text(l, "mode", "nearest"), .nearest = "floor"};
    const Attribute *a = attr(l, "scales");
    start(&r, l->in[0]);
    if (strcmp(r.mode, "nearest") != 0 && strcmp(r.mode, "linear") != 0 && strcmp(r.mode, "bilinear") != 0)
        return invalid(l, "mode '%s'", r.mode);
    const Tensor *scales;
    TRY(numbers(l, 1, &scales));
    if (scales == NULL && a == NULL)
        return invalid(l, "no scales are given");
    int64_t n = scales != NULL ? scales->extent[0] : a == NULL ? 0 : a->n;
    if (n != r.x->n_dims || (scales != NULL && !is_float(scales->type)))
        return invalid(l, "%lld scales for %s", (long long)n, shape_text(l, r.x));
    for (uint32_t d = 0; d < r.x->n_dims; d++) {
        double scale = 1;
        if (scales != NULL)
            scale = dtype_load_f64(scales->type, scales->data, d);
        else if (a != NULL)
            scale = (double)a->floats[d];
        TRY(by_scale(l, &r.axis[d], scale));
    }
    return resize(l, &r);
}
