/*
 * frontend/lower/unpool.c: operators that put windows back: Col2Im, MaxUnpool; RoiAlign, which takes windows of its own.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"

/* ---- Col2Im ---- */

weir_status lower_col2im(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ints image, block;
    TRY(want_rank(l, x, 3, 3));
    TRY(want_static(l, x));
    TRY(value_ints(l, l->in[1], &image));
    TRY(value_ints(l, l->in[2], &block));
    if (image.n < 1 || image.n > MAX_DIMS - 2 || block.n != image.n)
        return invalid(l, "image_shape has %u entries, block_shape %u", image.n, block.n);
    if (!is_float(x->type) && !dtype_is_int(x->type))
        return unsupported(l, "type %s", dtype_text(x->type));
    /* the columns are windows of an image of these extents */
    Operand like = {.type = x->type, .n_dims = image.n + 2};
    int64_t taps = 1, places = 1;
    for (uint32_t d = 0; d < image.n; d++) {
        if (image.at[d] < 0 || block.at[d] < 1)
            return invalid(l, "image_shape or block_shape");
        like.extent[d + 2] = image.at[d];
        taps *= block.at[d];
    }
    Window w;
    TRY(window_of(l, &like, block.at, &w));
    for (uint32_t d = 0; d < w.n; d++)
        places *= w.out[d];
    if (taps < 1 || x->extent[1] % taps != 0 || x->extent[2] != places)
        return invalid(l, "%s does not fit %lld taps at %lld places", shape_text(l, x), (long long)taps, (long long)places);
    tensor_of(l, x);
    RankId c = new_rank(l, "c", x->extent[1] / taps);
    Ranks ranks = {.n = 2, .at = {dim_rank(l, x, 0), c}}, over = {0};
    ExprId column = rk(l, c), place = num(l, 0), holds = {0};
    for (uint32_t d = 0; d < w.n; d++) {
        RankId i = new_rank(l, spatial_names[d], image.at[d]), r = new_rank(l, tap_names[d], w.kernel[d]);
        ranks_add(&ranks, i);
        ranks_add(&over, r);
        ExprId from = ex2(l, FN_SUB, ex_offset(l->cs, rk(l, i), w.begin[d]), ex_scale(l->cs, w.dilation[d], rk(l, r)));
        ExprId at = ix_div(l, from, w.stride[d]);
        ExprId in = ex2(l, FN_AND, ex2(l, FN_GE, from, num(l, 0)), ex2(l, FN_LT, at, num(l, w.out[d])));
        if (w.stride[d] != 1)
            in = ex2(l, FN_AND, in, ex2(l, FN_EQ, ix_mod(l, from, w.stride[d]), num(l, 0)));
        holds = holds.i == 0 ? in : ex2(l, FN_AND, holds, in);
        column = ix_add(l, ex_scale(l->cs, w.kernel[d], column), rk(l, r));
        place = ix_add(l, ex_scale(l->cs, w.out[d], place), at);
    }
    Dtype type = is_float(x->type) ? wide(x->type) : x->type;
    const ExprId index[3] = {rk(l, ranks.at[0]), column, place};
    ExprId v = at_pad(l, x, index, lit(l, x->type, 0));
    TRY(type == x->type ? output(l, 0, type, &ranks, &y) : temporary(l, "_sum", type, &ranks, &y));
    only_where(l, reduce(l, y, RED_SUM, &over, v), holds);
    if (type == x->type)
        return WEIR_OK;
    ExprId sum = at_ranks(l, y, ranks.at);
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, sum);
    return WEIR_OK;
}

/* ---- MaxUnpool ---- */

/* The extents that pooling came from, by kernel, strides and pads; output_shape: those of the result. */
static weir_status unpool_extents(Lowering *l, const Operand *x, int64_t *inferred, int64_t *out)
{
    Ints kernel = attr_ints(l, "kernel_shape"), strides = attr_ints(l, "strides"), pads = attr_ints(l, "pads"), given;
    uint32_t n = x->n_dims - 2;
    if (kernel.n != n || (strides.n != 0 && strides.n != n) || (pads.n != 0 && pads.n != 2 * n))
        return invalid(l, "kernel_shape, strides or pads do not fit");
    for (uint32_t d = 0; d < x->n_dims; d++) {
        inferred[d] = x->extent[d];
        if (d < 2)
            continue;
        int64_t step = strides.n == 0 ? 1 : strides.at[d - 2], cut = 0;
        if (pads.n != 0)
            cut = pads.at[d - 2] + pads.at[n + d - 2];
        if (step < 1 || step > 1 << 20 || kernel.at[d - 2] < 1 || kernel.at[d - 2] > 1 << 20 || cut < 0 || cut > 1 << 20)
            return invalid(l, "kernel_shape, strides or pads");
        inferred[d] = (x->extent[d] - 1) * step + kernel.at[d - 2] - cut;
    }
    memcpy(out, inferred, x->n_dims * sizeof *out);
    if (input(l, 2) == NULL)
        return WEIR_OK;
    TRY(value_ints(l, l->in[2], &given));
    if (given.n != x->n_dims)
        return invalid(l, "output_shape has %u entries", given.n);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        out[d] = given.at[d];
        if (out[d] < 0 || (d < 2 && out[d] != x->extent[d]))
            return invalid(l, "output_shape");
    }
    return WEIR_OK;
}

weir_status lower_max_unpool(Lowering *l)
{
    Operand *x = l->in[0], *places = l->in[1], *flat, *y;
    int64_t inferred[MAX_DIMS], out[MAX_DIMS], n = 1;
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 3, MAX_DIMS));
    TRY(want_static(l, x));
    TRY(want_static(l, places));
    if (places->type != DT_I64 || places->n_dims != x->n_dims || memcmp(places->extent, x->extent, x->n_dims * sizeof *out) != 0)
        return invalid(l, "the indices %s do not fit", shape_text(l, places));
    TRY(unpool_extents(l, x, inferred, out));
    Ranks own, ranks = {0};
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        if (inferred[d] < 0 || __builtin_mul_overflow(n, inferred[d], &n))
            return invalid(l, "the result is too large");
        ranks_add_distinct(l, &ranks, d < 2 ? own.at[d] : (RankId){0}, d < 2 ? "n" : spatial_names[d - 2], out[d]);
    }
    RankId z = new_rank(l, "z", n);
    Ranks one = {.n = 1, .at = {z}};
    TRY(temporary(l, "_flat", x->type, &one, &flat));
    StatementId id = st_define(l->cs, flat->tensor, lit(l, x->type, 0), l->provenance);
    ExprId at = at_ranks(l, places, own.at), value = at_ranks(l, x, own.at);
    Statement *st = statement_at(l->cs, id);
    st->scatter = RED_SET;
    st->n_scatter = 1;
    st->scatter_index = arena_copy(&l->cx->arena, &at, sizeof at);
    st->scatter_value = value;
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId index = num(l, 0), inside = {0};
    for (uint32_t d = 0; d < x->n_dims; d++) {
        index = ix_add(l, ex_scale(l->cs, inferred[d], index), rk(l, ranks.at[d]));
        if (out[d] <= inferred[d])
            continue;
        ExprId in = ex2(l, FN_LT, ex_index(l->cs, ranks.at[d]), num(l, inferred[d]));
        inside = inside.i == 0 ? in : ex2(l, FN_AND, inside, in);
    }
    if (inside.i == 0)
        define(l, y, at_index(l, flat, &index));
    else
        define(l, y, ex_select(l->cs, inside, at_pad(l, flat, &index, lit(l, x->type, 0)), lit(l, x->type, 0)));
    return WEIR_OK;
}

/* ---- RoiAlign ---- */

/* Samples of the bins along one axis. */
typedef struct Bins {
    int64_t length, bins;
    int64_t column;        /* of the region's begin; its end is two further */
    Operand *begin, *step; /* [k]: where the region begins; the extent of a bin */
    Operand *count;        /* i64[k]: samples of a bin, or NULL */
    Operand *first, *weights; /* i64[k, bin, sample]; [k, bin, sample, corner] */
    RankId bin, sample, corner;
} Bins;

typedef struct Regions {
    Operand *x, *rois, *batch;
    RankId k;
    Dtype type;
    int64_t ratio;
    double scale;
    bool half_pixel;
} Regions;

/* begin, step and, without a sampling ratio, the count of samples, which bounds the rank of samples at run time. */
static weir_status bins_open(Lowering *l, const Regions *r, Bins *b)
{
    Ranks one = {.n = 1, .at = {r->k}}, none = {0};
    Operand *most;
    ExprId edge[2];
    for (int side = 0; side < 2; side++) {
        const ExprId at[2] = {rk(l, r->k), num(l, b->column + 2 * side)};
        edge[side] = ex2(l, FN_MUL, cast(l, r->type, at_index(l, r->rois, at)), lit(l, r->type, r->scale));
        if (r->half_pixel)
            edge[side] = ex2(l, FN_SUB, edge[side], lit(l, r->type, 0.5));
    }
    TRY(temporary(l, "_begin", r->type, &one, &b->begin));
    define(l, b->begin, edge[0]);
    ExprId size = ex2(l, FN_SUB, edge[1], edge[0]);
    if (!r->half_pixel)
        size = ex2(l, FN_MAX, size, lit(l, r->type, 1));
    TRY(temporary(l, "_step", r->type, &one, &b->step));
    define(l, b->step, ex2(l, FN_DIV, size, lit(l, r->type, (double)b->bins)));
    b->bin = new_rank(l, "bin", b->bins);
    b->corner = new_rank(l, "corner", 2);
    if (r->ratio > 0) {
        b->sample = new_rank(l, "sample", r->ratio);
        return WEIR_OK;
    }
    TRY(temporary(l, "_samples", DT_I64, &one, &b->count));
    ExprId n = cast(l, DT_I64, ex1(l, FN_CEIL, at_ranks(l, b->step, &r->k)));
    define(l, b->count, ex2(l, FN_MAX, n, num(l, 0)));
    TRY(temporary(l, "_most", DT_I64, &none, &most));
    reduce(l, most, RED_MAX, &one, at_ranks(l, b->count, &r->k));
    Rank rank = {.name = cascade_fresh_name(l->cs, "sample"), .kind = RANK_SCALAR, .extent = 2 * b->length + 8,
                 .scalar = most->tensor};
    b->sample = cascade_add_rank(l->cs, rank);
    cascade_item_rank(l->cs, b->sample);
    return WEIR_OK;
}

/* The lower neighbour of each sample and the weights of both; a sample outside -1..length has none. */
static weir_status bins_samples(Lowering *l, const Regions *r, Bins *b)
{
    Ranks points = {.n = 3, .at = {r->k, b->bin, b->sample}}, all = {.n = 4, .at = {r->k, b->bin, b->sample, b->corner}};
    Operand *place;
    Dtype type = r->type;
    ExprId step = at_ranks(l, b->step, &r->k), count = lit(l, type, (double)r->ratio);
    if (b->count != NULL)
        count = cast(l, type, at_ranks(l, b->count, &r->k));
    ExprId half = ex2(l, FN_ADD, cast(l, type, ex_index(l->cs, b->sample)), lit(l, type, 0.5));
    ExprId v = ex2(l, FN_ADD, at_ranks(l, b->begin, &r->k), ex2(l, FN_MUL, cast(l, type, ex_index(l->cs, b->bin)), step));
    v = ex2(l, FN_ADD, v, ex2(l, FN_DIV, ex2(l, FN_MUL, half, step), count));
    TRY(temporary(l, "_place", type, &points, &place));
    define(l, place, v);
    v = at_ranks(l, place, points.at);
    TRY(temporary(l, "_first", DT_I64, &points, &b->first));
    ExprId low = cast(l, DT_I64, ex1(l, FN_FLOOR, ex2(l, FN_MAX, v, lit(l, type, 0))));
    define(l, b->first, ex2(l, FN_MIN, low, num(l, b->length - 1)));
    low = at_ranks(l, b->first, points.at);
    ExprId part = ex2(l, FN_SUB, ex2(l, FN_MAX, v, lit(l, type, 0)), cast(l, type, low)), zero = lit(l, type, 0);
    part = ex_select(l->cs, ex2(l, FN_GE, low, num(l, b->length - 1)), zero, part);
    ExprId upper = ex2(l, FN_EQ, ex_index(l->cs, b->corner), num(l, 1));
    ExprId w = ex_select(l->cs, upper, part, ex2(l, FN_SUB, lit(l, type, 1), part));
    ExprId out = ex2(l, FN_OR, ex2(l, FN_LT, v, lit(l, type, -1)), ex2(l, FN_GT, v, lit(l, type, (double)b->length)));
    TRY(temporary(l, "_weight", type, &all, &b->weights));
    define(l, b->weights, ex_select(l->cs, out, zero, w));
    return WEIR_OK;
}

static weir_status roi_form(Lowering *l, Regions *r, bool *out_max)
{
    const char *mode = attr_text(l, "mode", "avg");
    *out_max = strcmp(mode, "max") == 0;
    if (!*out_max && strcmp(mode, "avg") != 0)
        return invalid(l, "mode '%s'", mode);
    r->half_pixel = l->opset >= 16 && attr_is(l, "coordinate_transformation_mode", "half_pixel", "half_pixel");
    r->ratio = attr_int(l, "sampling_ratio", 0);
    r->scale = attr_float(l, "spatial_scale", 1);
    if (r->ratio < 0 || r->ratio > 1 << 16)
        return invalid(l, "sampling_ratio %lld", (long long)r->ratio);
    TRY(want_float(l, r->x));
    TRY(want_same_type(l, r->x, r->rois));
    TRY(want_rank(l, r->x, 4, 4));
    TRY(want_rank(l, r->rois, 2, 2));
    TRY(want_rank(l, r->batch, 1, 1));
    TRY(want_static(l, r->x));
    if (r->rois->extent[1] != 4 || r->batch->extent[0] != r->rois->extent[0] || r->batch->type != DT_I64)
        return invalid(l, "the regions %s do not fit", shape_text(l, r->rois));
    if (r->x->extent[2] < 1 || r->x->extent[3] < 1)
        return invalid(l, "an empty image");
    return WEIR_OK;
}

weir_status lower_roi_align(Lowering *l)
{
    Regions r = {.x = l->in[0], .rois = l->in[1], .batch = l->in[2], .type = wide(l->in[0]->type)};
    Operand *sum, *y;
    bool max;
    TRY(roi_form(l, &r, &max));
    tensor_of(l, r.rois);
    tensor_of(l, r.x);
    r.k = dim_rank(l, r.rois, 0);
    Bins b[2] = {{.length = r.x->extent[2], .bins = attr_int(l, "output_height", 1), .column = 1},
                 {.length = r.x->extent[3], .bins = attr_int(l, "output_width", 1), .column = 0}};
    Ranks ranks = {.n = 1, .at = {r.k}}, over = {0};
    RankId c = ranks_add_distinct(l, &ranks, dim_rank(l, r.x, 1), "c", r.x->extent[1]);
    ExprId index[4] = {at_ranks(l, r.batch, &r.k), rk(l, c)}, v = {0}, holds = {0}, count = lit(l, r.type, 1);
    for (int d = 0; d < 2; d++) {
        if (b[d].bins < 1 || b[d].bins > 1 << 20)
            return invalid(l, "output extent %lld", (long long)b[d].bins);
        TRY(bins_open(l, &r, &b[d]));
        TRY(bins_samples(l, &r, &b[d]));
        ranks_add(&ranks, b[d].bin);
        ranks_add(&over, b[d].sample);
        ranks_add(&over, b[d].corner);
        const RankId at[4] = {r.k, b[d].bin, b[d].sample, b[d].corner};
        ExprId w = at_ranks(l, b[d].weights, at), n = lit(l, r.type, (double)r.ratio);
        v = v.i == 0 ? w : ex2(l, FN_MUL, v, w);
        index[d + 2] = ex2(l, FN_MIN, ex2(l, FN_ADD, at_ranks(l, b[d].first, at), rk(l, b[d].corner)), num(l, b[d].length - 1));
        if (b[d].count != NULL) {
            n = cast(l, r.type, at_ranks(l, b[d].count, &r.k));
            ExprId in = ex2(l, FN_LT, rk(l, b[d].sample), at_ranks(l, b[d].count, &r.k));
            holds = holds.i == 0 ? in : ex2(l, FN_AND, holds, in);
        }
        count = ex2(l, FN_MUL, count, n);
    }
    TRY(temporary(l, max ? "_max" : "_sum", r.type, &ranks, &sum));
    v = ex2(l, FN_MUL, v, cast(l, r.type, at_index(l, r.x, index)));
    only_where(l, reduce(l, sum, max ? RED_MAX : RED_SUM, &over, v), holds);
    TRY(output(l, 0, r.x->type, &ranks, &y));
    v = at_ranks(l, sum, ranks.at);
    ExprId zero = lit(l, r.type, 0);
    if (!max)
        v = ex2(l, FN_DIV, v, ex2(l, FN_MAX, count, lit(l, r.type, 1)));
    else if (holds.i != 0)
        v = ex_select(l->cs, ex2(l, FN_EQ, v, lit(l, r.type, -INFINITY)), zero, v);
    define(l, y, v);
    return WEIR_OK;
}
