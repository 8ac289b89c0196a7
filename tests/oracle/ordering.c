/* What the host does: sorting, selecting, counting; and the places of extremes. */
#include "tests/oracle/oracle.h"

enum { RANK = SHAPE_RANK };

static bool before(const Value *x, int64_t a, int64_t b, bool largest)
{
    double u = x->type == DT_F32 ? x->f[a] : (double)x->i[a], v = x->type == DT_F32 ? x->f[b] : (double)x->i[b];
    return u != v ? (largest ? u > v : u < v) : a < b;
}

static void top_k(Draw *d)
{
    int64_t e[RANK], o[RANK], at[RANK], written;
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written);
    e[axis] = pick(d, 1, 9);
    memcpy(o, e, sizeof o);
    o[axis] = pick(d, 1, e[axis]);
    bool largest = coin(d);
    if (!largest)
        set_int(d, "largest", 0);
    set_int(d, "axis", written);
    Value *x = quarters(d, word(d), n, e), *y = tensor(d, x->type, n, o), *z = tensor(d, DT_I64, n, o);
    for (int64_t k = 0; k < x->n; k++) { /* by rank: how many come before */
        unravel(x, k, at);
        int64_t here = at[axis], rank = 0;
        for (at[axis] = 0; at[axis] < e[axis]; at[axis]++)
            rank += before(x, ravel(x, at), k, largest);
        at[axis] = rank;
        if (rank < o[axis]) {
            copy_element(y, ravel(y, at), x, k);
            z->i[ravel(z, at)] = here;
        }
    }
    give(d, x);
    give(d, as_constant(list(d, 1, &o[axis])));
    expect(d, y);
    expect(d, z);
}

static void arg(Draw *d, bool largest)
{
    int64_t e[RANK], o[RANK], at[RANK], written;
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written);
    bool last = coin(d), keep = coin(d);
    set_int(d, "axis", written);
    if (last)
        set_int(d, "select_last_index", 1);
    if (!keep)
        set_int(d, "keepdims", 0);
    Value *x = quarters(d, word(d), n, e);
    memcpy(o, e, sizeof o);
    o[axis] = 1;
    Value *y = tensor(d, DT_I64, n, o);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        int64_t best = -1;
        for (int64_t p = 0; p < e[axis]; p++) {
            at[axis] = p;
            int64_t q = ravel(x, at);
            bool tie = best >= 0 && x->f[best] == x->f[q] && x->i[best] == x->i[q];
            if (best < 0 || (tie ? last : before(x, q, best, largest))) {
                best = q;
                y->i[k] = p;
            }
        }
    }
    if (!keep) {
        memmove(y->extent + axis, y->extent + axis + 1, (n - 1 - (size_t)axis) * sizeof *o);
        y->n_dims--;
    }
    give(d, x);
    expect(d, y);
}

static void arg_max(Draw *d)
{
    arg(d, true);
}

static void arg_min(Draw *d)
{
    arg(d, false);
}

static void nonzero(Draw *d)
{
    int64_t e[RANK], at[RANK], m = 0;
    uint32_t n = some_shape(d, e);
    Value *x = filled(d, coin(d) ? DT_I64 : DT_BOOL, n, e, 0, 1), *y;
    for (int64_t k = 0; k < x->n; k++)
        m += x->i[k];
    y = tensor(d, DT_I64, 2, (int64_t[]){n, m});
    for (int64_t k = 0, next = 0; k < x->n; k++) {
        unravel(x, k, at);
        for (uint32_t s = 0; s < n && x->i[k] != 0; s++)
            y->i[s * m + next] = at[s];
        next += x->i[k];
    }
    give(d, x);
    expect(d, y);
}

static void compress(Draw *d)
{
    int64_t e[RANK], o[RANK], at[RANK], written, m = 0;
    uint32_t n = some_shape(d, e);
    Value *x = quarters(d, word(d), n, e);
    bool flat = coin(d);
    int64_t axis = some_axis(d, n, &written), size = flat ? x->n : e[axis];
    if (!flat)
        set_int(d, "axis", written);
    Value *keep = filled(d, DT_BOOL, 1, (int64_t[]){pick(d, 1, size)}, 0, 1); /* shorter: the rest is dropped */
    for (int64_t k = 0; k < keep->n; k++)
        m += keep->i[k];
    memcpy(o, e, sizeof o);
    o[flat ? 0 : axis] = m;
    Value *y = tensor(d, x->type, flat ? 1 : n, o);
    for (int64_t k = 0; k < x->n; k++) {
        int64_t place = 0;
        unravel(x, k, at);
        int64_t p = flat ? k : at[axis];
        if (p >= keep->n || keep->i[p] == 0)
            continue;
        for (int64_t q = 0; q < p; q++)
            place += keep->i[q];
        at[axis] = place;
        copy_element(y, flat ? place : ravel(y, at), x, k);
    }
    give(d, x);
    give(d, keep);
    expect(d, y);
}

/* Element j of slice s along an axis of a matrix. */
static double of_slice(const Value *x, bool columns, int64_t s, int64_t j)
{
    int64_t k = columns ? j * x->extent[1] + s : s * x->extent[1] + j;
    return x->type == DT_F32 ? x->f[k] : (double)x->i[k];
}

static int order(const Value *x, bool columns, int64_t a, int64_t b)
{
    for (int64_t j = 0; j < x->extent[columns ? 0 : 1]; j++) {
        double u = of_slice(x, columns, a, j), v = of_slice(x, columns, b, j);
        if (u != v)
            return u < v ? -1 : 1;
    }
    return 0;
}

/* Of a matrix: its elements, rows or columns. */
static void unique(Draw *d)
{
    int64_t e[2] = {pick(d, 1, 6), pick(d, 1, 3)}, how = pick(d, 0, 2), first[18], n = 0, at[2];
    Value *x = filled(d, word(d), 2, e, -1, 1), flat, *inverse;
    for (int64_t k = 0; k < x->n; k++)
        x->f[k] = to_even(x->f[k]) + 0.0;
    flat = *x;
    bool columns = how == 2, sorted = coin(d);
    if (how == 0) {
        flat.extent[0] = x->n;
        flat.extent[1] = 1;
    } else
        set_int(d, "axis", coin(d) ? how - 1 : how - 3);
    if (!sorted || coin(d))
        set_int(d, "sorted", sorted);
    int64_t slices = flat.extent[columns ? 1 : 0], width = flat.extent[columns ? 0 : 1];
    for (int64_t s = 0; s < slices; s++) {
        bool seen = false;
        for (int64_t q = 0; q < s && !seen; q++)
            seen = order(&flat, columns, q, s) == 0;
        int64_t to = n;
        while (sorted && !seen && to > 0 && order(&flat, columns, first[to - 1], s) > 0)
            first[to] = first[to - 1], to--;
        if (!seen) {
            first[to] = s;
            n++;
        }
    }
    Value *y = tensor(d, x->type, how == 0 ? 1 : 2, columns ? (int64_t[]){width, n} : (int64_t[]){n, width});
    Value *places = list(d, (uint32_t)n, first), *counts = tensor(d, DT_I64, 1, &n);
    inverse = tensor(d, DT_I64, 1, &slices);
    for (int64_t u = 0; u < n; u++)
        for (int64_t s = 0; s < slices; s++) {
            if (order(&flat, columns, first[u], s) != 0)
                continue;
            inverse->i[s] = u;
            counts->i[u]++;
            for (int64_t j = 0; j < width; j++) {
                at[columns ? 0 : 1] = j;
                at[columns ? 1 : 0] = s;
                copy_element(y, columns ? j * n + u : u * width + j, x, at[0] * flat.extent[1] + at[1]);
            }
        }
    give(d, x);
    expect(d, y);
    expect(d, places);
    expect(d, inverse);
    expect(d, counts);
    d->absolute = 1e-30;
}

/* Corners of a box: least y, least x, greatest y, greatest x. */
static void box_of(const double *b, bool centred, double *out)
{
    double y[2] = {centred ? b[1] - b[3] / 2 : b[0], centred ? b[1] + b[3] / 2 : b[2]};
    double x[2] = {centred ? b[0] - b[2] / 2 : b[1], centred ? b[0] + b[2] / 2 : b[3]};
    out[0] = fmin(y[0], y[1]);
    out[1] = fmin(x[0], x[1]);
    out[2] = fmax(y[0], y[1]);
    out[3] = fmax(x[0], x[1]);
}

static double overlap(const double *a, const double *b)
{
    double h = fmax(0, fmin(a[2], b[2]) - fmax(a[0], b[0])), w = fmax(0, fmin(a[3], b[3]) - fmax(a[1], b[1]));
    double both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - h * w;
    return both > 0 ? h * w / both : 0;
}

static void suppress(Draw *d)
{
    int64_t batch = pick(d, 1, 2), classes = pick(d, 1, 2), n = pick(d, 1, 8), most = pick(d, 0, 5), rows = 0;
    bool centred = coin(d);
    double limit = coin(d) ? 0.5 : real(d, 0, 0.8), least = rounded(DT_F32, (double)pick(d, 0, 5) / 10);
    if (centred)
        set_int(d, "center_point_box", 1);
    Value *boxes = filled(d, DT_F32, 3, (int64_t[]){batch, n, 4}, 0, 4), *scores = filled(d, DT_F32, 3, (int64_t[]){batch, classes, n}, 0, 1),
          *y = tensor(d, DT_I64, 2, (int64_t[]){batch * classes * n, 3});
    for (int64_t k = 0; k < boxes->n; k++)
        boxes->f[k] = to_even(boxes->f[k] * 2) / 2;
    for (int64_t k = 0; k < scores->n; k++)
        scores->f[k] = rounded(DT_F32, to_even(scores->f[k] * 10) / 10);
    for (int64_t g = 0; g < batch * classes; g++) {
        int64_t begin = rows;
        bool done[8] = {false};
        while (rows - begin < most) {
            int64_t best = -1;
            for (int64_t k = 0; k < n; k++)
                if (!done[k] && scores->f[g * n + k] > least && (best < 0 || scores->f[g * n + k] > scores->f[g * n + best]))
                    best = k;
            if (best < 0)
                break;
            double a[4], b[4];
            bool hidden = false;
            done[best] = true;
            box_of(boxes->f + (g / classes * n + best) * 4, centred, a);
            for (int64_t r = begin; r < rows && !hidden; r++) {
                box_of(boxes->f + (g / classes * n + y->i[r * 3 + 2]) * 4, centred, b);
                hidden = overlap(a, b) > limit;
            }
            if (hidden)
                continue;
            memcpy(y->i + rows * 3, (int64_t[]){g / classes, g % classes, best}, 3 * sizeof *y->i);
            rows++;
        }
    }
    y->extent[0] = rows;
    y->n = rows * 3;
    give(d, boxes);
    give(d, scores);
    Value *const rest[] = {list(d, 1, &most), scalar(d, DT_F32, limit), scalar(d, DT_F32, least)};
    for (int k = 0; k < 3; k++) {
        Value *v = rest[k];
        v->n_dims = 1;
        v->extent[0] = 1;
        give(d, as_constant(v));
    }
    expect(d, y);
}

/* By the permutations of up to 4 columns. */
static double determinant(const double *a, int64_t n, int64_t row, unsigned used)
{
    double sum = 0, sign = 1;
    if (row == n)
        return 1;
    for (int64_t c = 0; c < n; c++)
        if ((used >> c & 1) == 0) {
            sum += sign * a[row * n + c] * determinant(a, n, row + 1, used | 1u << c);
            sign = -sign;
        }
    return sum;
}

static void det(Draw *d)
{
    int64_t batch = pick(d, 1, 3), n = pick(d, 1, 4);
    bool plain = coin(d);
    Value *x = filled(d, DT_F32, plain ? 2 : 3, plain ? (int64_t[]){n, n} : (int64_t[]){batch, n, n}, -2, 2);
    for (int64_t k = 0; k < x->n; k++) /* zeros: pivots are looked for; whole numbers: singular ones are 0 */
        x->f[k] = pick(d, 0, 2) == 0 ? 0 : to_even(x->f[k]);
    Value *y = tensor(d, DT_F32, plain ? 0 : 1, &batch);
    for (int64_t k = 0; k < y->n; k++)
        y->f[k] = determinant(x->f + k * n * n, n, 0, 0);
    give(d, x);
    expect(d, y);
    d->absolute = d->relative = 1e-5;
}

static const Row rows[] = {
    {"TopK", "top_k", top_k, 40},
    {"ArgMax", "arg_max", arg_max, 30},
    {"ArgMin", "arg_min", arg_min, 30},
    {"NonZero", "nonzero", nonzero, 20},
    {"Compress", "compress", compress, 30},
    {"Unique", "unique", unique, 40},
    {"NonMaxSuppression", "suppress", suppress, 40},
    {"Det", "det", det, 20},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
