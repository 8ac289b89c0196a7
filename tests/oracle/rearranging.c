/* Integer reductions, NaN in comparisons, sequences reversed, triangles, windows put back, transforms. */
#include "tests/oracle/oracle.h"

/* ---- integers and NaN ---- */

/* 's' sum, 'M' max, 'm' min, 'p' product, 'q' sum of squares, '1' magnitudes: wrapping in the type; empty sets for max and min too. */
static void fold(Draw *d, char what)
{
    static const Dtype types[] = {DT_I32, DT_I64, DT_U32, DT_U64, DT_I8, DT_U8};
    Dtype type = types[pick(d, 0, what == 'M' || what == 'm' ? 5 : 3)];
    int64_t e[3] = {pick(d, 1, 3), pick(d, 0, 5), pick(d, 1, 3)}, at[3];
    bool is_signed = dtype_kind(type) == DK_SIGNED;
    Value *x = filled(d, type, 3, e, is_signed ? -50 : 0, 50), *y = tensor(d, type, 3, (int64_t[]){e[0], 1, e[2]});
    for (int64_t k = 0; k < y->n; k++)
        y->i[k] = what == 'p' ? 1 : what == 'M' ? dtype_int_min(type) : what == 'm' ? (int64_t)dtype_int_max(type) : 0;
    for (int64_t k = 0; k < x->n; k++) {
        unravel(x, k, at);
        int64_t *to = &y->i[at[0] * e[2] + at[2]], v = what == 'p' ? x->i[k] % 7 : x->i[k];
        x->i[k] = v;
        if (what == 'M' || what == 'm') {
            bool first = what == 'm' && type == DT_U64 && *to == -1; /* the greatest, by its bits */
            *to = first || (what == 'M' ? v > *to : v < *to) ? v : *to;
        } else
            *to = what == 'p' ? *to * v : *to + (what == 'q' ? v * v : what == '1' ? llabs(v) : v);
    }
    give(d, x);
    give(d, as_constant(list(d, 1, (int64_t[]){1})));
    expect(d, y);
}

#define FOLD(name, what)      \
    static void name(Draw *d) \
    {                         \
        fold(d, what);        \
    }
FOLD(fold_sum, 's')
FOLD(fold_max, 'M')
FOLD(fold_min, 'm')
FOLD(fold_prod, 'p')
FOLD(fold_squares, 'q')
FOLD(fold_l1, '1')
#undef FOLD

/* Numbers with NaN, infinities and zeros among them. */
static Value *wild(Draw *d, uint32_t n, const int64_t *extent)
{
    static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0, 1, -1};
    Value *v = filled(d, DT_F32, n, extent, -2, 2);
    for (int64_t k = 0; k < v->n; k++)
        if (pick(d, 0, 2) == 0)
            v->f[k] = odd[pick(d, 0, 5)];
    return v;
}

static double greater_of(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : a > b ? a : b;
}

static void nan_max(Draw *d)
{
    Value *a = wild(d, 2, (int64_t[]){3, 4}), *b = wild(d, 1, (int64_t[]){4}), *c = wild(d, 2, (int64_t[]){3, 1}), *y = tensor(d, DT_F32, 2, a->extent);
    for (int64_t k = 0; k < y->n; k++)
        y->f[k] = greater_of(greater_of(a->f[k], b->f[k % 4]), c->f[k / 4]);
    give(d, a);
    give(d, b);
    give(d, c);
    expect(d, y);
}

static void nan_relu(Draw *d)
{
    Value *x = wild(d, 1, (int64_t[]){pick(d, 1, 40)}), *y = tensor(d, DT_F32, 1, x->extent);
    for (int64_t k = 0; k < y->n; k++)
        y->f[k] = greater_of(x->f[k], 0);
    give(d, x);
    expect(d, y);
}

static void nan_reduce(Draw *d)
{
    Value *x = wild(d, 2, (int64_t[]){pick(d, 1, 4), pick(d, 1, 40)}), *y = tensor(d, DT_F32, 2, (int64_t[]){x->extent[0], 1});
    for (int64_t k = 0; k < x->n; k++) {
        int64_t row = k / x->extent[1];
        y->f[row] = k % x->extent[1] == 0 ? x->f[k] : greater_of(y->f[row], x->f[k]);
    }
    give(d, x);
    give(d, as_constant(list(d, 1, (int64_t[]){-1})));
    expect(d, y);
}

static void round_even(Draw *d)
{
    Dtype type = coin(d) ? DT_F32 : coin(d) ? DT_F16 : DT_F64;
    Value *x = tensor(d, type, 1, (int64_t[]){20}), *y = tensor(d, type, 1, x->extent);
    for (int64_t k = 0; k < x->n; k++) {
        x->f[k] = coin(d) ? (double)pick(d, -20, 20) / 4 : rounded(type, real(d, -3000, 3000));
        y->f[k] = copysign(to_even(fabs(x->f[k])), x->f[k]);
    }
    give(d, x);
    expect(d, y);
}

/* ---- rearrangements ---- */

static void one_hot(Draw *d)
{
    int64_t e[2] = {pick(d, 1, 3), pick(d, 1, 4)}, depth = pick(d, 1, 5), o[3], at[3];
    uint32_t n = (uint32_t)pick(d, 0, 2);
    int64_t axis = pick(d, 0, n), written = coin(d) ? axis : axis - n - 1;
    if (written != -1 || coin(d))
        set_int(d, "axis", written);
    for (uint32_t k = 0; k <= n; k++)
        o[k] = k == axis ? depth : e[k - (k > axis)];
    Dtype type = coin(d) ? DT_F32 : DT_I32;
    Value *x = filled(d, coin(d) ? DT_I64 : DT_I32, n, e, (double)(-depth - 2), (double)(depth + 1)), *two = quarters(d, type, 1, (int64_t[]){2}),
          *y = tensor(d, type, n + 1, o);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        int64_t here = at[axis];
        memmove(at + axis, at + axis + 1, (n - (size_t)axis) * sizeof *at);
        copy_element(y, k, two, from_end(x->i[ravel(x, at)], depth) == here);
    }
    give(d, x);
    give(d, as_constant(scalar(d, DT_I64, (double)depth)));
    give(d, two);
    expect(d, y);
}

static void reverse_sequence(Draw *d)
{
    int64_t time = pick(d, 0, 1), e[3] = {pick(d, 1, 4), pick(d, 1, 4), pick(d, 1, 3)}, at[3];
    uint32_t n = (uint32_t)pick(d, 2, 3);
    set_int(d, "time_axis", time);
    set_int(d, "batch_axis", 1 - time);
    Value *x = quarters(d, word(d), n, e), *lengths = filled(d, DT_I64, 1, e + 1 - time, 1, (double)e[time]), *y = tensor(d, x->type, n, e);
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        int64_t length = lengths->i[at[1 - time]];
        at[time] = at[time] < length ? length - 1 - at[time] : at[time];
        copy_element(y, k, x, ravel(x, at));
    }
    give(d, x);
    give(d, lengths);
    expect(d, y);
}

static void trilu(Draw *d)
{
    int64_t e[3] = {pick(d, 1, 2), pick(d, 1, 5), pick(d, 1, 5)}, by = pick(d, -6, 6);
    bool upper = coin(d), shifted = coin(d);
    if (!upper)
        set_int(d, "upper", 0);
    Value *x = quarters(d, word(d), 3, e), *y = tensor(d, x->type, 3, e);
    for (int64_t k = 0; k < x->n; k++) {
        int64_t lead = k % e[2] - k / e[2] % e[1] - (shifted ? by : 0);
        if (upper ? lead >= 0 : lead <= 0)
            copy_element(y, k, x, k);
    }
    give(d, x);
    if (shifted)
        give(d, as_constant(scalar(d, DT_I64, (double)by)));
    expect(d, y);
}

/* 'c': depth, column, row of blocks; 'd': the blocks outermost. */
static void depth_to_space(Draw *d)
{
    int64_t block = pick(d, 1, 3), channels = pick(d, 1, 3), h = pick(d, 1, 3), w = pick(d, 1, 3), batch = pick(d, 1, 2), at[4];
    bool inner = coin(d);
    set_int(d, "blocksize", block);
    if (inner || coin(d))
        set_text(d, "mode", inner ? "CRD" : "DCR");
    Value *x = quarters(d, DT_F32, 4, (int64_t[]){batch, channels * block * block, h, w}),
          *y = tensor(d, DT_F32, 4, (int64_t[]){batch, channels, h * block, w * block});
    for (int64_t k = 0; k < y->n; k++) {
        unravel(y, k, at);
        int64_t part = at[2] % block * block + at[3] % block, c = inner ? at[1] * block * block + part : part * channels + at[1];
        copy_element(y, k, x, ravel(x, (int64_t[]){at[0], c, at[2] / block, at[3] / block}));
    }
    give(d, x);
    expect(d, y);
}

static void col2im(Draw *d)
{
    int64_t channels = pick(d, 1, 2), batch = pick(d, 1, 2);
    Plane w = draw_plane(d, 1);
    int64_t taps = w.kernel[0] * w.kernel[1], n = w.out[0] * w.out[1];
    Value *x = quarters(d, DT_F32, 3, (int64_t[]){batch, channels * taps, n}), *y = tensor(d, DT_F32, 4, (int64_t[]){batch, channels, w.in[0], w.in[1]});
    for (int64_t k = 0; k < x->n; k++) {
        int64_t p = k % n, t = k / n % taps, plane = k / n / taps, row = p / w.out[1] * w.stride[0] + t / w.kernel[1] * w.dilation[0] - w.pads[0],
                column = p % w.out[1] * w.stride[1] + t % w.kernel[1] * w.dilation[1] - w.pads[1];
        if (row >= 0 && row < w.in[0] && column >= 0 && column < w.in[1])
            y->f[(plane * w.in[0] + row) * w.in[1] + column] += x->f[k];
    }
    give(d, x);
    give(d, as_constant(list(d, 2, w.in)));
    give(d, as_constant(list(d, 2, w.kernel)));
    expect(d, y);
    d->absolute = 1e-30;
}

/* Along axis 1 of (batch, n, columns, parts); the length pads with zeros or cuts. */
static void dft(Draw *d)
{
    int64_t n = pick(d, 1, 7), length = coin(d) ? pick(d, 1, 8) : n, parts = pick(d, 1, 2), e[4] = {pick(d, 1, 2), n, pick(d, 1, 2), parts};
    bool inverse = coin(d), half = !inverse && parts == 1 && coin(d);
    int64_t bins = half ? length / 2 + 1 : length;
    if (inverse)
        set_int(d, "inverse", 1);
    if (half)
        set_int(d, "onesided", 1);
    Value *x = filled(d, DT_F32, 4, e, -2, 2), *y = tensor(d, DT_F32, 4, (int64_t[]){e[0], bins, e[2], 2});
    for (int64_t k = 0; k < y->n / 2; k++) {
        int64_t column = k % e[2], bin = k / e[2] % bins, b = k / e[2] / bins;
        for (int64_t t = 0; t < n && t < length; t++) {
            const double *v = x->f + ((b * n + t) * e[2] + column) * parts;
            double angle = (inverse ? 2 : -2) * acos(-1) * (double)(bin * t % length) / (double)length, imaginary = parts == 2 ? v[1] : 0;
            y->f[2 * k] += (v[0] * cos(angle) - imaginary * sin(angle)) / (inverse ? (double)length : 1);
            y->f[2 * k + 1] += (v[0] * sin(angle) + imaginary * cos(angle)) / (inverse ? (double)length : 1);
        }
    }
    give(d, x);
    give(d, length != n || coin(d) ? as_constant(scalar(d, DT_I64, (double)length)) : NULL);
    give(d, as_constant(scalar(d, DT_I64, coin(d) ? 1 : -3)));
    expect(d, y);
    d->absolute = d->relative = 2e-5;
}

static const Row rows[] = {
    {"ReduceSum", "fold_sum", fold_sum, 16},
    {"ReduceMax", "fold_max", fold_max, 24},
    {"ReduceMin", "fold_min", fold_min, 24},
    {"ReduceProd", "fold_prod", fold_prod, 16},
    {"ReduceSumSquare", "fold_squares", fold_squares, 16},
    {"ReduceL1", "fold_l1", fold_l1, 16},
    {"Max", "nan_max", nan_max, 12},
    {"Relu", "nan_relu", nan_relu, 12},
    {"ReduceMax", "nan_reduce", nan_reduce, 16},
    {"Round", "round_even", round_even, 12},
    {"OneHot", "one_hot", one_hot, 30},
    {"ReverseSequence", "reverse_sequence", reverse_sequence, 20},
    {"Trilu", "trilu", trilu, 20},
    {"DepthToSpace", "depth_to_space", depth_to_space, 20},
    {"Col2Im", "col2im", col2im, 24},
    {"DFT", "dft", dft, 30},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
