/* Einsum, reductions and normalisations. */
#include "tests/oracle/oracle.h"

/* ---- Einsum ---- */

enum { LETTERS = 5, TERMS = 3 };

/* A term: letters, 0 for each dimension of the ellipsis. */
typedef struct Term {
    uint32_t n, ellipsis;
    int letter[8];      /* below LETTERS; -1 - k: dimension k of the ellipsis, from its end */
    int64_t extent[8];
} Term;

static void print_term(Text *t, const Term *term, bool spaced)
{
    bool dots = false;
    for (uint32_t k = 0; k < term->n; k++) {
        if (term->letter[k] >= 0)
            text_printf(t, spaced && k > 0 ? " %c" : "%c", "ijkAb"[term->letter[k]]);
        else if (!dots)
            text_printf(t, "...");
        dots |= term->letter[k] < 0;
    }
}

static Term draw_term(Draw *d, const int64_t *size, const int64_t *dots, uint32_t n_dots)
{
    Term t = {.ellipsis = n_dots == 0 || coin(d) ? 0 : (uint32_t)pick(d, 1, n_dots)};
    uint32_t n = (uint32_t)pick(d, t.ellipsis > 0 ? 0 : 1, 3), at = (uint32_t)pick(d, 0, n);
    for (uint32_t k = 0; k <= n; k++) {
        for (uint32_t e = t.ellipsis; k == at && e-- > 0;) {
            t.letter[t.n] = -1 - (int)e;
            t.extent[t.n++] = coin(d) ? dots[e] : 1;
        }
        if (k < n) {
            t.letter[t.n] = (int)pick(d, 0, LETTERS - 1);
            t.extent[t.n] = size[t.letter[t.n]];
            t.n++;
        }
    }
    return t;
}

/* The output: implicit, of the letters that occur once; explicit, of some that occur. */
static Term draw_result(Draw *d, const Term *terms, uint32_t n, bool implicit, const int64_t *size)
{
    Term out = {0};
    int count[LETTERS] = {0};
    int64_t dots[3] = {1, 1, 1};
    for (uint32_t t = 0; t < n; t++) {
        out.ellipsis = terms[t].ellipsis > out.ellipsis ? terms[t].ellipsis : out.ellipsis;
        for (uint32_t k = 0; k < terms[t].n; k++) {
            int l = terms[t].letter[k];
            if (l >= 0)
                count[l]++;
            else if (terms[t].extent[k] > dots[-1 - l])
                dots[-1 - l] = terms[t].extent[k];
        }
    }
    for (uint32_t e = out.ellipsis; e-- > 0; out.n++) {
        out.letter[out.n] = -1 - (int)e;
        out.extent[out.n] = dots[e];
    }
    static const int alphabetical[LETTERS] = {3, 4, 0, 1, 2}; /* A b i j k */
    for (int q = 0; q < LETTERS; q++) {
        int l = alphabetical[q];
        if (implicit ? count[l] == 1 : count[l] > 0 && coin(d)) {
            uint32_t at = implicit || out.ellipsis > 0 ? out.n : (uint32_t)pick(d, 0, out.n);
            memmove(out.letter + at + 1, out.letter + at, (out.n - at) * sizeof *out.letter);
            memmove(out.extent + at + 1, out.extent + at, (out.n - at) * sizeof *out.extent);
            out.letter[at] = l;
            out.extent[at] = size[l];
            out.n++;
        }
    }
    return out;
}

static int64_t term_place(const Term *t, const int64_t *letters, const int64_t *dots)
{
    int64_t at = 0;
    for (uint32_t k = 0; k < t->n; k++)
        at = at * t->extent[k] + (t->letter[k] >= 0 ? letters[t->letter[k]] : t->extent[k] == 1 ? 0 : dots[-1 - t->letter[k]]);
    return at;
}

static void einsum(Draw *d)
{
    Dtype type = some_float(d);
    int64_t size[LETTERS + 3], dots[3];
    for (int k = 0; k < LETTERS; k++)
        size[k] = pick(d, 1, 3);
    for (int k = 0; k < 3; k++)
        dots[k] = pick(d, 1, 3);
    uint32_t n = (uint32_t)pick(d, 1, TERMS), n_dots = coin(d) ? 0 : (uint32_t)pick(d, 1, 2);
    Term terms[TERMS], out;
    Value *x[TERMS], *y;
    Text text;
    bool implicit = pick(d, 0, 2) == 0, spaced = coin(d);
    text_init(&text, &d->cx->arena);
    for (uint32_t t = 0; t < n; t++) {
        terms[t] = draw_term(d, size, dots, n_dots);
        text_printf(&text, t > 0 ? (spaced ? " , " : ",") : "");
        print_term(&text, &terms[t], spaced);
        x[t] = filled(d, type, terms[t].n, terms[t].extent, -2, 2);
    }
    out = draw_result(d, terms, n, implicit, size);
    if (!implicit) {
        text_printf(&text, spaced ? " -> " : "->");
        print_term(&text, &out, spaced);
    }
    y = tensor(d, type, out.n, out.extent);
    bool used[LETTERS] = {false};
    int64_t box[LETTERS + 3], at[LETTERS + 3] = {0};
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t k = 0; k < terms[t].n; k++)
            if (terms[t].letter[k] >= 0)
                used[terms[t].letter[k]] = true;
    for (int k = 0; k < LETTERS; k++)
        box[k] = used[k] ? size[k] : 1;
    for (int k = 0; k < 3; k++)
        box[LETTERS + k] = 1;
    for (uint32_t k = 0; k < out.n; k++)
        if (out.letter[k] < 0)
            box[LETTERS - 1 - out.letter[k]] = out.extent[k];
    do {
        double product = 1;
        for (uint32_t t = 0; t < n; t++)
            product *= x[t]->f[term_place(&terms[t], at, at + LETTERS)];
        y->f[term_place(&out, at, at + LETTERS)] += product;
    } while (next_place(LETTERS + 3, box, at));
    set_text(d, "equation", text.at);
    for (uint32_t t = 0; t < n; t++)
        give(d, x[t]);
    expect(d, y);
}

/* ---- reductions ---- */

typedef enum Reduction { SUM, MEAN, MAX, MIN, PROD, L1, L2, SQUARES, LOG, LOG_EXP } Reduction;

static double begin(Reduction r)
{
    return r == PROD ? 1 : r == MAX ? -(double)INFINITY : r == MIN ? (double)INFINITY : 0;
}

static double join(Reduction r, double a, double x)
{
    switch (r) {
    case MAX:
        return fmax(a, x);
    case MIN:
        return fmin(a, x);
    case PROD:
        return a * x;
    case L1:
        return a + fabs(x);
    case L2:
    case SQUARES:
        return a + x * x;
    case LOG_EXP:
        return a + exp(x);
    default:
        return a + x;
    }
}

static double finish(Reduction r, double a, double n)
{
    return r == MEAN ? a / n : r == L2 ? sqrt(a) : r == LOG || r == LOG_EXP ? log(a) : a;
}

/* Empty sets only where they have a value. */
static void reduce(Draw *d, Reduction r)
{
    Dtype type = some_float(d);
    int64_t e[SHAPE_RANK], o[SHAPE_RANK], at[SHAPE_RANK], axes[SHAPE_RANK];
    uint32_t n = some_shape(d, e), m = 0;
    bool keep = coin(d), given = coin(d), none = !given && coin(d), chosen[SHAPE_RANK];
    if (r != MEAN && pick(d, 0, 4) == 0 && !none)
        e[pick(d, 0, n - 1)] = 0;
    for (uint32_t k = 0; k < n; k++)
        if ((chosen[k] = given && coin(d)))
            axes[m++] = coin(d) ? (int64_t)k : (int64_t)k - n;
    if (given && m == 0)
        chosen[axes[m++] = n - 1] = true;
    double count = 1;
    for (uint32_t k = 0; k < n; k++) {
        chosen[k] = m == 0 ? !none : chosen[k];
        o[k] = chosen[k] ? 1 : e[k];
        count *= chosen[k] ? (double)e[k] : 1;
    }
    if (!keep)
        set_int(d, "keepdims", 0);
    if (none || coin(d))
        set_int(d, "noop_with_empty_axes", none);
    Value *x = filled(d, type, n, e, r == LOG ? 0.1 : -2, 2), *y = tensor(d, type, n, o);
    for (int64_t k = 0; k < y->n; k++)
        y->f[k] = begin(r);
    for (int64_t k = 0; k < x->n; k++) {
        unravel(x, k, at);
        for (uint32_t s = 0; s < n; s++)
            at[s] = chosen[s] ? 0 : at[s];
        int64_t to = ravel(y, at);
        y->f[to] = join(r, y->f[to], x->f[k]);
    }
    for (int64_t k = 0; k < y->n; k++)
        y->f[k] = finish(r, y->f[k], count);
    if (!keep) {
        y->n_dims = 0;
        for (uint32_t k = 0; k < n; k++)
            if (!chosen[k])
                y->extent[y->n_dims++] = e[k];
    }
    give(d, x);
    if (given || (none && coin(d)))
        give(d, as_constant(list(d, m, axes)));
    expect(d, y);
}

#define REDUCE(name, r)       \
    static void name(Draw *d) \
    {                         \
        reduce(d, r);         \
    }
REDUCE(reduce_sum, SUM)
REDUCE(reduce_mean, MEAN)
REDUCE(reduce_max, MAX)
REDUCE(reduce_min, MIN)
REDUCE(reduce_prod, PROD)
REDUCE(reduce_l1, L1)
REDUCE(reduce_l2, L2)
REDUCE(reduce_squares, SQUARES)
REDUCE(reduce_log, LOG)
REDUCE(reduce_log_exp, LOG_EXP)
#undef REDUCE

/* ---- normalisation ---- */

/* Mean 0 and variance 1 (or only the mean square 1) of elements k with group[k] = g. */
static void normal(const Value *x, const int64_t *group, int64_t g, double epsilon, bool centred, Value *y)
{
    double n = 0, mean = 0, square = 0;
    for (int64_t k = 0; k < x->n; k++)
        if (group[k] == g)
            n++, mean += x->f[k];
    mean = centred ? mean / n : 0;
    for (int64_t k = 0; k < x->n; k++)
        if (group[k] == g)
            square += (x->f[k] - mean) * (x->f[k] - mean);
    for (int64_t k = 0; k < x->n; k++)
        if (group[k] == g)
            y->f[k] = (x->f[k] - mean) / sqrt(square / n + epsilon);
}

static void layers(Draw *d, bool centred)
{
    Dtype type = some_float(d);
    d->absolute = d->relative = fmax(d->relative, 2e-5); /* statistics are taken in f32 */
    int64_t e[SHAPE_RANK], written;
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written), inner = 1;
    double epsilon = coin(d) ? 1e-5 : real(d, 0.01, 0.1);
    if (epsilon != 1e-5)
        set_float(d, "epsilon", epsilon);
    if (written != -1 || coin(d))
        set_int(d, "axis", written);
    for (uint32_t k = (uint32_t)axis; k < n; k++)
        inner *= e[k];
    Value *x = filled(d, type, n, e, -2, 2), *y = tensor(d, type, n, e), *groups = tensor(d, DT_I64, n, e),
          *scale = filled(d, type, n - (uint32_t)axis, e + axis, -2, 2), *b = centred && coin(d) ? filled(d, type, n - (uint32_t)axis, e + axis, -2, 2) : NULL;
    for (int64_t k = 0; k < x->n; k++)
        groups->i[k] = k / inner;
    for (int64_t g = 0; g < x->n / inner; g++)
        normal(x, groups->i, g, epsilon, centred, y);
    for (int64_t k = 0; k < x->n; k++)
        y->f[k] = y->f[k] * scale->f[k % inner] + (b != NULL ? b->f[k % inner] : 0);
    give(d, x);
    give(d, scale);
    if (b != NULL)
        give(d, b);
    expect(d, y);
}

static void layer_norm(Draw *d)
{
    layers(d, true);
}

static void rms_norm(Draw *d)
{
    layers(d, false);
}

/* Of each image: channels in `parts` groups. */
static void images(Draw *d, bool instance)
{
    int64_t parts = pick(d, 1, 3), e[SHAPE_RANK] = {pick(d, 1, 3), parts * (instance ? 1 : pick(d, 1, 3)), pick(d, 1, 4), pick(d, 1, 4)};
    uint32_t n = (uint32_t)pick(d, 3, 4);
    double epsilon = coin(d) ? 1e-5 : real(d, 0.01, 0.1);
    if (epsilon != 1e-5)
        set_float(d, "epsilon", epsilon);
    if (!instance)
        set_int(d, "num_groups", parts);
    Value *x = filled(d, DT_F32, n, e, -2, 2), *y = tensor(d, DT_F32, n, e), *groups = tensor(d, DT_I64, n, e),
          *scale = filled(d, DT_F32, 1, e + 1, -2, 2), *b = filled(d, DT_F32, 1, e + 1, -2, 2);
    int64_t per = x->n / e[0] / e[1];
    for (int64_t k = 0; k < x->n; k++)
        groups->i[k] = k / per / (e[1] / parts);
    for (int64_t g = 0; g < e[0] * parts; g++)
        normal(x, groups->i, g, epsilon, true, y);
    for (int64_t k = 0; k < x->n; k++)
        y->f[k] = y->f[k] * scale->f[k / per % e[1]] + b->f[k / per % e[1]];
    give(d, x);
    give(d, scale);
    give(d, b);
    expect(d, y);
    d->absolute = d->relative = 5e-4;
}

static void instance_norm(Draw *d)
{
    images(d, true);
}

static void group_norm(Draw *d)
{
    images(d, false);
}

static void lrn(Draw *d)
{
    int64_t e[SHAPE_RANK] = {pick(d, 1, 2), pick(d, 1, 7), pick(d, 1, 3), pick(d, 1, 3)}, size = pick(d, 1, 5);
    double alpha = real(d, 0.1, 1), beta = real(d, 0.3, 1), bias = real(d, 0.5, 2);
    set_int(d, "size", size);
    set_float(d, "alpha", alpha);
    set_float(d, "beta", beta);
    set_float(d, "bias", bias);
    Value *x = filled(d, DT_F32, 4, e, -2, 2), *y = tensor(d, DT_F32, 4, e);
    for (int64_t k = 0; k < x->n; k++) {
        int64_t at[4];
        double sum = 0;
        unravel(x, k, at);
        int64_t c = at[1], low = c - (size - 1) / 2, high = c + size / 2; /* floor and ceiling of half of size - 1 */
        for (at[1] = low < 0 ? 0 : low; at[1] <= high && at[1] < e[1]; at[1]++)
            sum += x->f[ravel(x, at)] * x->f[ravel(x, at)];
        y->f[k] = x->f[k] / pow(bias + alpha / (double)size * sum, beta);
    }
    give(d, x);
    expect(d, y);
    d->absolute = d->relative = 2e-5;
}

static void soft(Draw *d, char what)
{
    Dtype type = some_float(d);
    int64_t e[SHAPE_RANK], at[SHAPE_RANK], written;
    uint32_t n = some_shape(d, e);
    int64_t axis = some_axis(d, n, &written), old = coin(d) ? 1 : 0, from[SHAPE_RANK];
    d->opset = old != 0 ? pick(d, 11, 12) : 22; /* to 12: all dimensions from the axis on are one */
    set_int(d, "axis", written);
    Value *x = what == 'h' ? quarters(d, type, n, e) : filled(d, type, n, e, -3, 3), *y = tensor(d, type, n, e);
    for (int64_t k = 0; k < x->n; k++) {
        double sum = 0;
        bool first = true;
        unravel(x, k, at);
        for (int64_t q = 0; q < x->n; q++) {
            bool same = true;
            unravel(x, q, from);
            for (uint32_t s = 0; s < n; s++)
                same &= from[s] == at[s] || s == axis || (old != 0 && s > axis);
            if (!same)
                continue;
            sum += exp(x->f[q] - x->f[k]);
            first &= x->f[q] < x->f[k] || (x->f[q] == x->f[k] && q >= k);
        }
        y->f[k] = what == 's' ? 1 / sum : what == 'l' ? -log(sum) : first;
    }
    give(d, x);
    expect(d, y);
}

static void softmax(Draw *d)
{
    soft(d, 's');
}

static void log_softmax(Draw *d)
{
    soft(d, 'l');
}

static void hardmax(Draw *d)
{
    soft(d, 'h');
}

static const Row rows[] = {
    {"Einsum", "einsum", einsum, 120},
    {"ReduceSum", "reduce_sum", reduce_sum, 20},
    {"ReduceMean", "reduce_mean", reduce_mean, 20},
    {"ReduceMax", "reduce_max", reduce_max, 20},
    {"ReduceMin", "reduce_min", reduce_min, 20},
    {"ReduceProd", "reduce_prod", reduce_prod, 20},
    {"ReduceL1", "reduce_l1", reduce_l1, 16},
    {"ReduceL2", "reduce_l2", reduce_l2, 16},
    {"ReduceSumSquare", "reduce_squares", reduce_squares, 16},
    {"ReduceLogSum", "reduce_log", reduce_log, 16},
    {"ReduceLogSumExp", "reduce_log_exp", reduce_log_exp, 16},
    {"LayerNormalization", "layer_norm", layer_norm, 24},
    {"RMSNormalization", "rms_norm", rms_norm, 24},
    {"InstanceNormalization", "instance_norm", instance_norm, 16},
    {"GroupNormalization", "group_norm", group_norm, 16},
    {"LRN", "lrn", lrn, 20},
    {"Softmax", "softmax", softmax, 24},
    {"LogSoftmax", "log_softmax", log_softmax, 16},
    {"Hardmax", "hardmax", hardmax, 16},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
