/*
 * frontend/lower/reshape_runtime.c: Reshape where extents of the operand or the result are known only at run time.
 *
 * Keep: as in reshape.c dimensions are matched in runs of equal products, here of scalars; a dimension that stays keeps
 *       its rank. What remains of both sides is one run, whose products the run compares.
 */
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

/* A product: a number and factors that are not known. */
typedef struct Product {
    int64_t number;
    uint32_t n;
    Scalar factor[2 * MAX_DIMS];
} Product;

static void multiply(Product *p, const Scalar *s)
{
    if (scalar_known(s)) {
        if (__builtin_mul_overflow(p->number, s->b, &p->number))
            p->number = INT64_MAX;
        return;
    }
    Scalar factor = *s;
    int64_t number;
    if (s->b == 0 && s->a > 1 && !__builtin_mul_overflow(p->number, s->a, &number)) {
        p->number = number;
        factor.a = 1;
        factor.low /= (double)s->a;
        factor.high /= (double)s->a;
    }
    p->factor[p->n++] = factor;
}

/* Takes a factor out; false if it is not there. */
static bool cancel(const Lowering *l, Product *p, const Scalar *factor)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (!scalar_same(l, &p->factor[i], factor))
            continue;
        p->factor[i] = p->factor[--p->n];
        return true;
    }
    return false;
}

static bool equal_products(const Lowering *l, const Product *x, const Product *y)
{
    Product rest = *x;
    if (x->number != y->number || x->n != y->n)
        return false;
    for (uint32_t i = 0; i < y->n; i++)
        if (!cancel(l, &rest, &y->factor[i]))
            return false;
    return true;
}

static Scalar product_scalar(Lowering *l, const Product *p)
{
    Scalar s = scalar_int(p->number);
    for (uint32_t i = 0; i < p->n; i++)
        s = scalar_2(l, FN_MUL, s, p->factor[i]);
    return s;
}

weir_status open_extent_runtime(Lowering *l, const Operand *x, const Scalars *shape, uint32_t open, Scalar *out)
{
    Product all = {.number = 1}, named = {.number = 1}, rest = {.number = 1};
    for (uint32_t d = 0; d < x->n_dims; d++) {
        Scalar extent = extent_scalar(l, x, d);
        multiply(&all, &extent);
    }
    for (uint32_t d = 0; d < shape->n; d++)
        if (d != open)
            multiply(&named, &shape->at[d]);
    for (uint32_t i = 0; i < named.n; i++)
        if (!cancel(l, &all, &named.factor[i]))
            multiply(&rest, &named.factor[i]);
    if (named.number != 0 && all.number % named.number == 0) {
        all.number /= named.number;
        named.number = 1;
    }
    rest.number = named.number;
    Scalar over = product_scalar(l, &all), under = product_scalar(l, &rest);
    if (scalar_is(&under, 1)) {
        *out = over;
        return WEIR_OK;
    }
    Scalar whole = scalar_2(l, FN_FLOORDIV, over, scalar_2(l, FN_MAX, under, scalar_int(1)));
    *out = scalar_2(l, FN_MIN, scalar_2(l, FN_MAX, whole, scalar_int(0)), scalar_2(l, FN_MAX, over, scalar_int(0)));
    return WEIR_OK;
}

/* ---- runs ---- */

typedef struct Run {
    uint32_t x0, x1, y0, y1;
    bool checked; /* the products are compared by the run */
} Run;

typedef struct Shapes {
    uint32_t nx, ny;
    Scalar x[MAX_DIMS], y[MAX_DIMS];
} Shapes;

/* The shortest run from x0, y0 on: of few dimensions of the operand first. */
static Run run_from(const Lowering *l, const Shapes *s, uint32_t x0, uint32_t y0)
{
    for (uint32_t total = 1; total <= s->nx - x0 + s->ny - y0; total++) {
        for (uint32_t n = 0; n <= total && x0 + n <= s->nx; n++) {
            Product px = {.number = 1}, py = {.number = 1};
            if (total - n > s->ny - y0)
                continue;
            for (uint32_t d = 0; d < n; d++)
                multiply(&px, &s->x[x0 + d]);
            for (uint32_t d = 0; d < total - n; d++)
                multiply(&py, &s->y[y0 + d]);
            if (equal_products(l, &px, &py))
                return (Run){x0, x0 + n, y0, y0 + total - n, false};
        }
    }
    return (Run){x0, s->nx, y0, s->ny, true};
}

static uint32_t split_runs(const Lowering *l, const Shapes *s, Run *runs)
{
    uint32_t n = 0, i = 0, j = 0;
    while (i < s->nx || j < s->ny) {
        bool same = i < s->nx && j < s->ny && scalar_same(l, &s->x[i], &s->y[j]);
        runs[n] = same ? (Run){i, i + 1, j, j + 1, false} : run_from(l, s, i, j);
        i = runs[n].x1;
        j = runs[n].y1;
        n++;
    }
    return n;
}

static bool stays(const Run *run)
{
    return run->x1 - run->x0 == 1 && run->y1 - run->y0 == 1 && !run->checked;
}

/* The first extent of a run that must be compared is negative where the products differ: the run stops. */
static void check_run(Lowering *l, Shapes *s, const Run *run)
{
    Scalar px = scalar_int(1), py = px;
    for (uint32_t d = run->x0; d < run->x1; d++)
        px = scalar_2(l, FN_MUL, px, s->x[d]);
    for (uint32_t d = run->y0; d < run->y1; d++)
        py = scalar_2(l, FN_MUL, py, s->y[d]);
    Scalar *first = &s->y[run->y0];
    *first = scalar_pick(l, FN_EQ, px, py, *first, scalar_int(-1));
    first->high = first->high < px.high || first->low < 0 ? first->high : px.high;
}

/* ---- the movement ---- */

/* The position within a run of the result, as a value. */
static ExprId run_position(Lowering *l, const Run *run, const Ranks *ranks)
{
    ExprId sum = num(l, 0);
    Scalar stride = scalar_int(1);
    for (uint32_t d = run->y1; d > run->y0; d--) {
        RankId rank = ranks->at[d - 1];
        ExprId at = ex_index(l->cs, rank);
        if (!scalar_is(&stride, 1))
            at = ex2(l, FN_MUL, scalar_expr(l, &stride), at);
        sum = ix_add(l, at, sum);
        stride = scalar_2(l, FN_MUL, stride, rank_scalar(l, rank));
    }
    return sum;
}

/* A tensor over the run's ranks that holds a coordinate of the operand. */
static weir_status place(Lowering *l, const Run *run, const Ranks *ranks, ExprId value, ExprId *out)
{
    Ranks over = {0};
    Operand *at;
    for (uint32_t d = run->y0; d < run->y1; d++)
        ranks_add(&over, ranks->at[d]);
    TRY(temporary(l, "_place", DT_I64, &over, &at));
    define(l, at, value);
    *out = at_ranks(l, at, over.at);
    return WEIR_OK;
}

static weir_status run_index(Lowering *l, const Shapes *s, const Run *run, const Ranks *ranks, ExprId *index)
{
    Scalar stride = scalar_int(1);
    for (uint32_t d = run->x1; d > run->x0; d--) {
        const Scalar *extent = &s->x[d - 1];
        if (scalar_is(extent, 1) && run->x1 - run->x0 > 1) {
            index[d - 1] = num(l, 0);
            continue;
        }
        ExprId at = run_position(l, run, ranks);
        if (!scalar_is(&stride, 1))
            at = ex2(l, FN_FLOORDIV, at, scalar_expr(l, &stride));
        if (d - 1 != run->x0)
            at = ex2(l, FN_FLOORMOD, at, scalar_expr(l, extent));
        TRY(place(l, run, ranks, at, &index[d - 1]));
        stride = scalar_2(l, FN_MUL, stride, *extent);
    }
    return WEIR_OK;
}

/* Divisions by numbers stay within the index. */
static bool plain_run(const Shapes *s, const Run *run)
{
    for (uint32_t d = run->x0 + 1; d < run->x1; d++)
        if (!scalar_known(&s->x[d]) || s->x[d].b == 0)
            return false;
    for (uint32_t d = run->y0 + 1; d < run->y1; d++)
        if (!scalar_known(&s->y[d]) || s->y[d].b == 0)
            return false;
    return true;
}

static void plain_index(Lowering *l, const Shapes *s, const Run *run, const Ranks *ranks, ExprId *index)
{
    ExprId at = num(l, 0);
    int64_t stride = 1;
    for (uint32_t d = run->y1; d > run->y0; d--) {
        at = ix_add(l, ex_scale(l->cs, stride, rk(l, ranks->at[d - 1])), at);
        stride *= d - 1 > run->y0 ? s->y[d - 1].b : 1;
    }
    stride = 1;
    for (uint32_t d = run->x1; d > run->x0; d--) {
        ExprId part = ix_div(l, at, stride);
        index[d - 1] = d - 1 == run->x0 ? part : ix_mod(l, part, s->x[d - 1].b);
        stride *= d - 1 > run->x0 ? s->x[d - 1].b : 1;
    }
}

weir_status reshape_runtime(Lowering *l, Operand *x, const Scalars *shape)
{
    Shapes s = {.nx = x->n_dims, .ny = shape->n};
    Run runs[2 * MAX_DIMS + 1];
    Operand *y;
    for (uint32_t d = 0; d < s.nx; d++)
        s.x[d] = extent_scalar(l, x, d);
    for (uint32_t d = 0; d < s.ny; d++)
        s.y[d] = shape->at[d];
    uint32_t n = split_runs(l, &s, runs);
    bool same = s.nx == s.ny;
    Ranks own, ranks = {0};
    ranks_of(l, x, &own);
    for (uint32_t r = 0; r < n; r++) {
        same = same && stays(&runs[r]);
        if (runs[r].checked && runs[r].y0 < runs[r].y1)
            check_run(l, &s, &runs[r]);
        for (uint32_t d = runs[r].y0; d < runs[r].y1; d++)
            TRY(ranks_add_scalar(l, &ranks, stays(&runs[r]) ? own.at[runs[r].x0] : (RankId){0}, "a", &s.y[d], input(l, 1)));
    }
    if (same) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    ExprId index[MAX_DIMS];
    for (uint32_t r = 0; r < n; r++) {
        if (stays(&runs[r]))
            index[runs[r].x0] = rk(l, ranks.at[runs[r].y0]);
        else if (plain_run(&s, &runs[r]))
            plain_index(l, &s, &runs[r], &ranks, index);
        else
            TRY(run_index(l, &s, &runs[r], &ranks, index));
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, count_of(y) == 0 && dtype_kind(y->type) != DK_CODE ? lit(l, y->type, 0) : at_index(l, x, index));
    return WEIR_OK;
}
