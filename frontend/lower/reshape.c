/*
 * frontend/lower/reshape.c: Reshape and its relatives: one movement statement in row-major order.
 *
 * Keep: dimensions are matched in runs of equal products; a dimension that stays keeps its rank, a split is affine, a
 *       merge is one `/` or `%` a dimension. Constants get another shape without a statement.
 */
#include <string.h>

#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

/* Dimensions x0..x1-1 of the operand and y0..y1-1 of the result have the same elements. */
typedef struct Run {
    uint32_t x0, x1, y0, y1;
} Run;

/* Splits both shapes into the shortest runs; extents are positive. */
static uint32_t split_runs(uint32_t nx, const int64_t *x, uint32_t ny, const int64_t *y, Run *runs)
{
    uint32_t n = 0, i = 0, j = 0;
    while (i < nx || j < ny) {
        Run run = {i, i, j, j};
        if (i < nx && j < ny && x[i] == y[j]) {
            i++;
            j++;
        } else if (i < nx && x[i] == 1) {
            i++;
        } else if (j < ny && y[j] == 1) {
            j++;
        } else {
            int64_t px = x[i++], py = y[j++];
            while (px != py) {
                if (px < py)
                    px *= x[i++];
                else
                    py *= y[j++];
            }
        }
        run.x1 = i;
        run.y1 = j;
        runs[n++] = run;
    }
    return n;
}

/* The linear position within a run of the result. */
static ExprId run_position(Lowering *l, const Run *run, const int64_t *y, const Ranks *ranks)
{
    ExprId sum = num(l, 0);
    int64_t stride = 1;
    for (uint32_t d = run->y1; d > run->y0; d--) {
        if (y[d - 1] != 1)
            sum = ix_add(l, ex_scale(l->cs, stride, rk(l, ranks->at[d - 1])), sum);
        stride *= y[d - 1];
    }
    return sum;
}

static void run_index(Lowering *l, const Run *run, const int64_t *x, ExprId position, ExprId *index)
{
    uint32_t first = run->x0;
    while (first < run->x1 && x[first] == 1)
        first++;
    int64_t stride = 1;
    for (uint32_t d = run->x1; d > run->x0; d--) {
        ExprId at = x[d - 1] == 1 ? num(l, 0) : ix_div(l, position, stride);
        index[d - 1] = d - 1 == first || x[d - 1] == 1 ? at : ix_mod(l, at, x[d - 1]);
        stride *= x[d - 1];
    }
}

static void alias_constant(Lowering *l, const Operand *x, uint32_t n_dims, const int64_t *extent, uint32_t k)
{
    Tensor *value = arena_copy(&l->cx->arena, x->value, sizeof *x->value);
    value->n_dims = n_dims;
    memset(value->extent, 0, sizeof value->extent);
    if (n_dims != 0)
        memcpy(value->extent, extent, n_dims * sizeof *extent);
    output_constant(l, k, value);
    l->out[k]->file = x->file;
    l->out[k]->file_offset = x->file_offset;
}

static weir_status movement(Lowering *l, Operand *x, uint32_t n_dims, const int64_t *extent, uint32_t k)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    Run runs[2 * MAX_DIMS];
    uint32_t n = split_runs(x->n_dims, x->extent, n_dims, extent, runs);
    Ranks ranks = {0};
    Operand *y;
    for (uint32_t r = 0; r < n; r++) {
        bool stays = runs[r].x1 - runs[r].x0 == 1 && runs[r].y1 - runs[r].y0 == 1;
        for (uint32_t d = runs[r].y0; d < runs[r].y1; d++) {
            RankId rank = stays ? dim_rank(l, x, runs[r].x0) : (RankId){0};
            ranks_add_distinct(l, &ranks, rank, names[d % 6], extent[d]);
        }
    }
    TRY(output(l, k, x->type, &ranks, &y));
    ExprId index[MAX_DIMS];
    for (uint32_t r = 0; r < n; r++) {
        if (runs[r].x1 - runs[r].x0 == 1 && runs[r].y1 - runs[r].y0 == 1)
            index[runs[r].x0] = rk(l, ranks.at[runs[r].y0]);
        else
            run_index(l, &runs[r], x->extent, run_position(l, &runs[r], extent, &ranks), index);
    }
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

static weir_status empty_result(Lowering *l, const Operand *x, uint32_t n_dims, const int64_t *extent, uint32_t k)
{
    Ranks ranks = {0};
    Operand *y;
    for (uint32_t d = 0; d < n_dims; d++)
        ranks_add(&ranks, new_rank(l, "a", extent[d]));
    TRY(output(l, k, x->type, &ranks, &y));
    if (dtype_kind(x->type) == DK_CODE)
        return unsupported(l, "an empty tensor of type %s", dtype_text(x->type));
    define(l, y, lit(l, x->type, 0));
    return WEIR_OK;
}

weir_status reshape_to(Lowering *l, Operand *x, uint32_t n_dims, const int64_t *extent, uint32_t k)
{
    int64_t from = count_of(x), to = 1;
    bool same = x->n_dims == n_dims;
    for (uint32_t d = 0; d < n_dims; d++) {
        if (extent[d] < 0 || __builtin_mul_overflow(to, extent[d], &to))
            return invalid(l, "extent %lld", (long long)extent[d]);
        same = same && extent[d] == x->extent[d];
    }
    if (from != to)
        return invalid(l, "%lld elements do not make %lld", (long long)from, (long long)to);
    if (same) {
        output_alias(l, k, x);
        return WEIR_OK;
    }
    if (x->value != NULL) {
        alias_constant(l, x, n_dims, extent, k);
        return WEIR_OK;
    }
    return from == 0 ? empty_result(l, x, n_dims, extent, k) : movement(l, x, n_dims, extent, k);
}

/* What the operand has and the list does not name yet. */
static weir_status open_extent(Lowering *l, const Operand *x, const Scalars *shape, uint32_t open, Scalar *out)
{
    int64_t all = count_of(x), known = 1;
    bool is_static = scalars_known(shape);
    for (uint32_t d = 0; d < x->n_dims; d++)
        is_static = is_static && !dim_runtime(l, x, d);
    for (uint32_t d = 0; d < shape->n; d++)
        if (d != open && scalar_known(&shape->at[d]) && __builtin_mul_overflow(known, shape->at[d].b, &known))
            return invalid(l, "extent %lld", (long long)shape->at[d].b);
    if (!is_static)
        return open_extent_runtime(l, x, shape, open, out);
    if (known == 0 ? all != 0 : all % known != 0)
        return invalid(l, "%lld elements cannot be split by %lld", (long long)all, (long long)known);
    *out = scalar_int(known == 0 ? 0 : all / known);
    return WEIR_OK;
}

/* As static extents where they all are, else by scalars. */
static weir_status reshape_scalars(Lowering *l, Operand *x, const Scalars *shape)
{
    bool is_static = scalars_known(shape);
    for (uint32_t d = 0; d < x->n_dims; d++)
        is_static = is_static && !dim_runtime(l, x, d);
    if (!is_static)
        return reshape_runtime(l, x, shape);
    int64_t extent[MAX_DIMS] = {0};
    for (uint32_t d = 0; d < shape->n; d++)
        extent[d] = shape->at[d].b;
    return reshape_to(l, x, shape->n, extent, 0);
}

weir_status lower_reshape(Lowering *l)
{
    Operand *x = l->in[0];
    Scalars shape;
    bool given, allow_zero = attr_int(l, "allowzero", 0) != 0;
    TRY(scalars_given(l, 1, "shape", &shape, &given));
    if (!given)
        return invalid(l, "no shape is given");
    if (shape.n > MAX_DIMS)
        return unsupported(l, "%u dimensions", shape.n);
    uint32_t open = shape.n;
    for (uint32_t d = 0; d < shape.n; d++) {
        Scalar *extent = &shape.at[d];
        if (scalar_is(extent, 0) && !allow_zero) {
            if (d >= x->n_dims)
                return invalid(l, "extent 0 copies a dimension that the operand does not have");
            *extent = extent_scalar(l, x, d);
        } else if (scalar_is(extent, -1)) {
            if (open < shape.n)
                return invalid(l, "more than one extent is -1");
            open = d;
        } else if (scalar_known(extent) && extent->b < 0) {
            return invalid(l, "extent %lld", (long long)extent->b);
        }
    }
    if (open < shape.n)
        TRY(open_extent(l, x, &shape, open, &shape.at[open]));
    return reshape_scalars(l, x, &shape);
}

weir_status lower_flatten(Lowering *l)
{
    Operand *x = l->in[0];
    int64_t axis = attr_int(l, "axis", 1);
    if (axis < -(int64_t)x->n_dims || axis > (int64_t)x->n_dims)
        return invalid(l, "axis %lld", (long long)axis);
    axis = axis < 0 ? axis + x->n_dims : axis;
    Scalar extent[2] = {scalar_int(1), scalar_int(1)};
    for (uint32_t d = 0; d < x->n_dims; d++) {
        Scalar *product = &extent[d < axis ? 0 : 1];
        *product = scalar_2(l, FN_MUL, *product, extent_scalar(l, x, d));
    }
    const Scalars shape = {2, extent};
    return reshape_scalars(l, x, &shape);
}

/* Dimension d of the result is dimension from[d] of the operand, or a new one of extent 1 (NEW_UNIT); what no d names has extent 1.
 * Unlike reshape_to this needs no products, so run-time extents stay what they are. */
enum { NEW_UNIT = -1 };

static weir_status pick_dims(Lowering *l, Operand *x, uint32_t n, const int *from)
{
    int64_t extent[MAX_DIMS];
    bool same = n == x->n_dims;
    for (uint32_t d = 0; d < n; d++)
        extent[d] = from[d] == NEW_UNIT ? 1 : x->extent[from[d]];
    if (same) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    if (x->value != NULL) {
        alias_constant(l, x, n, extent, 0);
        return WEIR_OK;
    }
    if (count_of(x) == 0)
        return empty_result(l, x, n, extent, 0);
    Ranks ranks = {0};
    Operand *y;
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < n; d++)
        ranks_add_distinct(l, &ranks, from[d] == NEW_UNIT ? (RankId){0} : dim_rank(l, x, (uint32_t)from[d]), "u", extent[d]);
    TRY(output(l, 0, x->type, &ranks, &y));
    for (uint32_t d = 0; d < x->n_dims; d++) {
        index[d] = num(l, 0);
        if (dim_runtime(l, x, d)) /* more than one stops the run */
            index[d] = ex_select(l->cs, ex2(l, FN_EQ, ex_extent(l->cs, dim_rank(l, x, d)), num(l, 1)), num(l, 0), num(l, -1));
    }
    for (uint32_t d = 0; d < n; d++)
        if (from[d] != NEW_UNIT)
            index[from[d]] = rk(l, ranks.at[d]);
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_squeeze(Lowering *l)
{
    Operand *x = l->in[0];
    Ints axes;
    bool given, drop[MAX_DIMS];
    int from[MAX_DIMS];
    uint32_t n = 0;
    TRY(ints_of(l, 1, "axes", &axes, &given));
    TRY(axes_of(l, axes, x->n_dims, drop));
    for (uint32_t d = 0; d < x->n_dims; d++) {
        bool unit = x->extent[d] == 1 && !dim_runtime(l, x, d);
        if (given && drop[d] && !unit && !dim_runtime(l, x, d))
            return invalid(l, "dimension %u has extent %lld, not 1", d, (long long)x->extent[d]);
        if (given ? !drop[d] : !unit)
            from[n++] = (int)d;
    }
    return pick_dims(l, x, n, from);
}

weir_status lower_unsqueeze(Lowering *l)
{
    Operand *x = l->in[0];
    Ints axes;
    bool given, added[MAX_DIMS];
    int from[MAX_DIMS], next = 0;
    TRY(ints_of(l, 1, "axes", &axes, &given));
    if (!given)
        return invalid(l, "no axes are given");
    if (axes.n + x->n_dims > MAX_DIMS)
        return unsupported(l, "%u dimensions", axes.n + x->n_dims);
    uint32_t n = x->n_dims + axes.n;
    TRY(axes_of(l, axes, n, added));
    for (uint32_t d = 0; d < n; d++)
        from[d] = added[d] ? NEW_UNIT : next++;
    return pick_dims(l, x, n, from);
}
