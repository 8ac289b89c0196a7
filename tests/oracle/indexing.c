/* Gathers, scatters, slices, pads and running sums. */
#include "tests/oracle/oracle.h"

enum { RANK = SHAPE_RANK };

static Value *indices(Draw *d, uint32_t n, const int64_t *extent, int64_t size)
{
    return filled(d, coin(d) ? DT_I64 : DT_I32, n, extent, (double)-size, (double)(size - 1));
}

/* ---- gathers ---- */

static void gather(Draw *d)
{
    int64_t e[RANK], f[2] = {pick(d, 1, 3), pick(d, 1, 3)}, o[2 * RANK], written, at[2 * RANK], from[RANK];
    uint32_t n = some_shape(d, e), m = (uint32_t)pick(d, 0, 2);
    int64_t axis = some_axis(d, n, &written);
    if (axis > 0 || coin(d))
        set_int(d, "axis", written);
    memcpy(o, e, (size_t)axis * sizeof *o);
    memcpy(o + axis, f, m * sizeof *o);
    memcpy(o + axis + m, e + axis + 1, (n - 1 - (size_t)axis) * sizeof *o);
    Value *x = quarters(d, word(d), n, e), *i = indices(d, m, f, e[axis]), *y = tensor(d, x->type, n + m - 1, o);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        memcpy(from, at, (size_t)axis * sizeof *at);
        from[axis] = from_end(i->i[ravel(i, at + axis)], e[axis]);
        memcpy(from + axis + 1, at + axis + m, (n - 1 - (size_t)axis) * sizeof *at);
        copy_element(y, k, x, ravel(x, from));
    }
    give(d, x);
    give(d, coin(d) ? as_constant(i) : i);
    expect(d, y);
}

static void gather_elements(Draw *d)
{
    int64_t e[RANK], o[RANK], written, at[RANK];
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written);
    set_int(d, "axis", written);
    for (uint32_t k = 0; k < n; k++)
        o[k] = k == axis ? pick(d, 1, 5) : pick(d, 1, e[k]);
    Value *x = quarters(d, word(d), n, e), *i = indices(d, n, o, e[axis]), *y = tensor(d, x->type, n, o);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        at[axis] = from_end(i->i[k], e[axis]);
        copy_element(y, k, x, ravel(x, at));
    }
    give(d, x);
    give(d, coin(d) ? as_constant(i) : i);
    expect(d, y);
}

/* Tuples of `depth` indices in the last dimension of i, after `batch` shared ones. */
static Value *tuples(Draw *d, uint32_t n, const int64_t *extent, uint32_t skip, const int64_t *of)
{
    Value *i = tensor(d, DT_I64, n, extent);
    for (int64_t k = 0; k < i->n; k++) {
        int64_t size = of[skip + k % extent[n - 1]];
        i->i[k] = pick(d, -size, size - 1);
    }
    return i;
}

static void gather_nd(Draw *d)
{
    int64_t e[RANK], f[RANK + 1], o[2 * RANK], at[2 * RANK], from[RANK], tuple[RANK + 1];
    uint32_t n = some_shape(d, e), batch = (uint32_t)pick(d, 0, n - 1), depth = (uint32_t)pick(d, 1, n - batch), q = batch + (uint32_t)pick(d, 0, 1);
    if (batch > 0 || coin(d))
        set_int(d, "batch_dims", batch);
    for (uint32_t k = 0; k < q; k++)
        o[k] = f[k] = k < batch ? e[k] : pick(d, 1, 4);
    f[q] = depth;
    memcpy(o + q, e + batch + depth, (n - batch - depth) * sizeof *o);
    Value *x = quarters(d, word(d), n, e), *i = tuples(d, q + 1, f, batch, e), *y = tensor(d, x->type, q + n - batch - depth, o);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        memcpy(tuple, at, q * sizeof *at);
        memcpy(from, at, batch * sizeof *at);
        for (uint32_t s = 0; s < depth; s++) {
            tuple[q] = s;
            from[batch + s] = from_end(i->i[ravel(i, tuple)], e[batch + s]);
        }
        memcpy(from + batch + depth, at + q, (n - batch - depth) * sizeof *at);
        copy_element(y, k, x, ravel(x, from));
    }
    give(d, x);
    give(d, coin(d) ? as_constant(i) : i);
    expect(d, y);
}

/* ---- scatters ---- */

static const char *const reductions[] = {"none", "add", "mul", "max", "min"};

static void combine(Value *y, int64_t at, const Value *u, int64_t k, int64_t how)
{
    double f = u->f[k], g = y->f[at];
    int64_t i = u->i[k], j = y->i[at];
    y->f[at] = how == 0 ? f : how == 1 ? f + g : how == 2 ? f * g : how == 3 ? fmax(f, g) : fmin(f, g);
    y->i[at] = how == 0 ? i : how == 1 ? i + j : how == 2 ? i * j : how == 3 ? (i > j ? i : j) : i < j ? i : j;
}

/* Duplicates with no reduction are undefined: places are not met twice. */
static void scatter_elements(Draw *d)
{
    int64_t e[RANK], o[RANK], written, at[RANK], how = pick(d, 0, 4);
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written);
    set_int(d, "axis", written);
    if (how > 0 || coin(d))
        set_text(d, "reduction", reductions[how]);
    for (uint32_t k = 0; k < n; k++)
        o[k] = how > 0 && k == axis ? pick(d, 1, 5) : pick(d, 1, e[k]);
    int64_t turn = pick(d, 0, 3);
    Value *x = quarters(d, word(d), n, e), *i = indices(d, n, o, e[axis]), *u = quarters(d, x->type, n, o), *y = tensor(d, x->type, n, e);
    for (int64_t k = 0; k < x->n; k++)
        copy_element(y, k, x, k);
    for (int64_t k = 0; k < u->n; k++) {
        u->f[k] = how == 2 ? ldexp(1, (int)pick(d, -1, 1)) : u->f[k];
        unravel(u, k, at);
        if (how == 0)
            i->i[k] = (at[axis] + turn) % e[axis] - (coin(d) ? e[axis] : 0);
        at[axis] = from_end(i->i[k], e[axis]);
        combine(y, ravel(y, at), u, k, how);
    }
    give(d, x);
    give(d, coin(d) ? as_constant(i) : i);
    give(d, u);
    expect(d, y);
}

static void scatter_nd(Draw *d)
{
    int64_t e[RANK], f[3], o[RANK + 2], at[RANK + 2], to[RANK], tuple[3], how = pick(d, 0, 4);
    uint32_t n = some_shape(d, e), depth = (uint32_t)pick(d, 1, n), q = (uint32_t)pick(d, 0, how == 0 ? 1 : 2);
    if (how > 0 || coin(d))
        set_text(d, "reduction", reductions[how]);
    int64_t places = 1;
    for (uint32_t k = 0; k < depth; k++)
        places *= e[k];
    for (uint32_t k = 0; k < q; k++)
        o[k] = f[k] = pick(d, 1, how == 0 && places < 4 ? places : 4);
    f[q] = depth;
    memcpy(o + q, e + depth, (n - depth) * sizeof *o);
    Value *x = quarters(d, word(d), n, e), *i = tuples(d, q + 1, f, 0, e), *u = quarters(d, x->type, q + n - depth, o), *y = tensor(d, x->type, n, e);
    for (int64_t k = 0; k < x->n; k++)
        copy_element(y, k, x, k);
    for (int64_t k = 0; how == 0 && k < i->n / depth; k++) { /* distinct places: a number in mixed radix */
        int64_t rest = places - 1 - k;
        for (uint32_t s = depth; s-- > 0; rest /= e[s])
            i->i[k * depth + s] = rest % e[s] - (coin(d) ? e[s] : 0);
    }
    for (int64_t k = 0; k < u->n; k++) {
        u->f[k] = how == 2 ? ldexp(1, (int)pick(d, -1, 1)) : u->f[k];
        unravel(u, k, at);
        memcpy(tuple, at, q * sizeof *at);
        for (uint32_t s = 0; s < depth; s++) {
            tuple[q] = s;
            to[s] = from_end(i->i[ravel(i, tuple)], e[s]);
        }
        memcpy(to + depth, at + q, (n - depth) * sizeof *at);
        combine(y, ravel(y, to), u, k, how);
    }
    give(d, x);
    give(d, coin(d) ? as_constant(i) : i);
    give(d, u);
    expect(d, y);
}

/* ---- movement ---- */

static void slice(Draw *d)
{
    int64_t e[RANK], o[RANK], at[RANK], begin[RANK] = {0}, step[RANK] = {1, 1, 1, 1};
    uint32_t n = some_shape(d, e), m = 0;
    Value *starts = tensor(d, DT_I64, 1, (int64_t[]){RANK}), *ends = tensor(d, DT_I64, 1, (int64_t[]){RANK}),
          *axes = tensor(d, DT_I64, 1, (int64_t[]){RANK}), *steps = tensor(d, DT_I64, 1, (int64_t[]){RANK});
    bool named = coin(d), stepped = coin(d);
    for (uint32_t k = 0; k < n; k++) {
        o[k] = e[k];
        if (named && coin(d))
            continue;
        int64_t s = pick(d, 0, 9) == 0 ? (coin(d) ? INT64_MAX : INT64_MIN) : pick(d, -6, 6), t = pick(d, 0, 5) == 0 ? (coin(d) ? INT64_MAX : INT64_MIN) : pick(d, -6, 6);
        step[k] = !stepped ? 1 : coin(d) ? pick(d, 1, 3) : pick(d, -3, -1);
        axes->i[m] = coin(d) ? (int64_t)k : (int64_t)k - n;
        starts->i[m] = s;
        ends->i[m] = t;
        steps->i[m++] = step[k];
        s = s < 0 && s + e[k] < s + INT64_MAX ? s + e[k] : s;
        t = t < 0 ? t + e[k] : t;
        int64_t low = step[k] > 0 ? 0 : -1, high = step[k] > 0 ? e[k] : e[k] - 1;
        begin[k] = s < 0 ? 0 : s > high ? high : s;
        t = t < low ? low : t > high ? high : t;
        int64_t span = step[k] > 0 ? t - begin[k] : begin[k] - t, size = llabs(step[k]);
        o[k] = span <= 0 ? 0 : (span + size - 1) / size;
    }
    starts->n = starts->extent[0] = ends->n = ends->extent[0] = axes->n = axes->extent[0] = steps->n = steps->extent[0] = m;
    Value *x = quarters(d, word(d), n, e), *y = tensor(d, x->type, n, o);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        for (uint32_t s = 0; s < n; s++)
            at[s] = begin[s] + at[s] * step[s];
        copy_element(y, k, x, ravel(x, at));
    }
    give(d, x);
    give(d, as_constant(starts));
    give(d, as_constant(ends));
    if (named || stepped)
        give(d, named ? as_constant(axes) : NULL);
    if (stepped)
        give(d, as_constant(steps));
    expect(d, y);
}

/* The element of an axis under padded place p; -1: the constant. */
static int64_t under(char mode, int64_t p, int64_t extent)
{
    if (p >= 0 && p < extent)
        return p;
    if (mode == 'c')
        return -1;
    if (mode == 'e')
        return p < 0 ? 0 : extent - 1;
    if (mode == 'w')
        return (p % extent + extent) % extent;
    return p < 0 ? -p : 2 * (extent - 1) - p;
}

static void pad(Draw *d)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    int64_t e[RANK], o[RANK], at[RANK], before[RANK] = {0}, after[RANK] = {0}, how = pick(d, 0, 3);
    uint32_t n = some_shape(d, e), m = 0;
    char mode = *modes[how];
    bool named = coin(d), valued = mode == 'c' && coin(d);
    Value *pads = tensor(d, DT_I64, 1, (int64_t[]){2 * RANK}), *axes = tensor(d, DT_I64, 1, (int64_t[]){RANK});
    if (how > 0 || coin(d))
        set_text(d, "mode", modes[how]);
    for (uint32_t k = 0; k < n; k++) {
        o[k] = e[k];
        if (named && m > 0 && coin(d))
            continue;
        int64_t most = mode == 'r' ? e[k] - 1 : mode == 'w' ? e[k] : 3, least = mode == 'c' && e[k] > 2 ? -1 : 0;
        before[k] = pick(d, least, most);
        after[k] = pick(d, least, most);
        o[k] += before[k] + after[k];
        axes->i[m++] = coin(d) ? (int64_t)k : (int64_t)k - n;
    }
    pads->n = pads->extent[0] = 2 * m;
    axes->n = axes->extent[0] = m;
    for (uint32_t k = 0; k < m; k++) {
        int64_t axis = from_end(axes->i[k], n);
        pads->i[k] = before[axis];
        pads->i[m + k] = after[axis];
    }
    Value *x = quarters(d, word(d), n, e), *value = quarters(d, x->type, 0, NULL), *y = tensor(d, x->type, n, o);
    for (int64_t k = 0; k < y->n; k++) {
        bool inside = true;
        unravel(y, k, at);
        for (uint32_t s = 0; s < n; s++)
            inside &= (at[s] = under(mode, at[s] - before[s], e[s])) >= 0;
        if (inside)
            copy_element(y, k, x, ravel(x, at));
        else if (valued)
            copy_element(y, k, value, 0);
    }
    give(d, x);
    give(d, as_constant(pads));
    if (valued || named)
        give(d, valued ? (coin(d) ? as_constant(value) : value) : NULL);
    if (named)
        give(d, as_constant(axes));
    expect(d, y);
}

static void cum_sum(Draw *d)
{
    int64_t e[RANK], at[RANK], written;
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written);
    bool exclusive = coin(d), reverse = coin(d);
    if (exclusive)
        set_int(d, "exclusive", 1);
    if (reverse)
        set_int(d, "reverse", 1);
    Value *x = quarters(d, word(d), n, e), *y = tensor(d, x->type, n, e);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        int64_t here = at[axis];
        for (at[axis] = 0; at[axis] < e[axis]; at[axis]++)
            if ((at[axis] == here && !exclusive) || (reverse ? at[axis] > here : at[axis] < here))
                combine(y, k, x, ravel(x, at), 1);
    }
    give(d, x);
    give(d, as_constant(scalar(d, coin(d) ? DT_I64 : DT_I32, (double)written)));
    expect(d, y);
    d->absolute = 1e-30;
}

static const Row rows[] = {
    {"Gather", "gather", gather, 40},
    {"GatherElements", "gather_elements", gather_elements, 40},
    {"GatherND", "gather_nd", gather_nd, 40},
    {"ScatterElements", "scatter_elements", scatter_elements, 50},
    {"ScatterND", "scatter_nd", scatter_nd, 50},
    {"Slice", "slice", slice, 60},
    {"Pad", "pad", pad, 60},
    {"CumSum", "cum_sum", cum_sum, 30},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
