/* Quantised operators: zero points odd and even, values on ties, scales by tensor, axis and block. */
#include "tests/oracle/oracle.h"

static const Dtype grids[] = {DT_U8, DT_I8, DT_U16, DT_I16, DT_U4, DT_I4, DT_U2, DT_I2};

static int64_t saturated(Dtype type, double v)
{
    double low = (double)dtype_int_min(type), high = (double)dtype_int_max(type);
    return (int64_t)(v < low ? low : v > high ? high : v);
}

static Value *any(Draw *d, Dtype type, uint32_t n_dims, const int64_t *extent)
{
    return filled(d, type, n_dims, extent, (double)dtype_int_min(type), (double)dtype_int_max(type));
}

/* Powers of two: products and quotients are exact, halves are ties. */
static Value *powers(Draw *d, Dtype type, uint32_t n_dims, const int64_t *extent)
{
    Value *v = tensor(d, type, n_dims, extent);
    for (int64_t k = 0; k < v->n; k++)
        v->f[k] = ldexp(1, (int)pick(d, -3, 1));
    return v;
}

/* ---- QuantizeLinear, DequantizeLinear ---- */

/* Scales of a tensor: one, along an axis, or by blocks of an axis. */
typedef struct Scales {
    Value *scale;
    int64_t axis, block; /* axis -1: one */
} Scales;

static Scales draw_scales(Draw *d, const Value *x, Dtype type)
{
    Scales s = {.axis = -1};
    int64_t how = pick(d, 0, 2), extent[VALUE_DIMS];
    if (how == 0) {
        s.scale = powers(d, type, 0, NULL);
        return s;
    }
    s.axis = pick(d, 0, x->n_dims - 1);
    if (s.axis != 1 || x->n_dims == 1 || coin(d))
        set_int(d, "axis", coin(d) ? s.axis : s.axis - x->n_dims);
    int64_t n = x->extent[s.axis];
    if (how == 1 || x->n_dims < 2) {
        s.scale = powers(d, type, 1, &n);
        return s;
    }
    s.block = pick(d, 1, n);
    set_int(d, "block_size", s.block);
    memcpy(extent, x->extent, sizeof extent);
    extent[s.axis] = (n + s.block - 1) / s.block;
    s.scale = powers(d, type, x->n_dims, extent);
    return s;
}

/* Which scale an element has. */
static int64_t scale_of(const Scales *s, const Value *x, int64_t element)
{
    int64_t at[VALUE_DIMS];
    unravel(x, element, at);
    if (s->axis < 0)
        return 0;
    if (s->block == 0)
        return s->scale->n == 1 ? 0 : at[s->axis];
    at[s->axis] /= s->block;
    return ravel(s->scale, at);
}

static void draw_shape(Draw *d, uint32_t *n, int64_t *extent)
{
    *n = (uint32_t)pick(d, 1, 4);
    for (uint32_t k = 0; k < *n; k++)
        extent[k] = pick(d, 1, 5);
}

static void quantize(Draw *d)
{
    static const Dtype sources[] = {DT_F32, DT_F32, DT_F16};
    uint32_t n;
    int64_t extent[4];
    draw_shape(d, &n, extent);
    d->opset = 25;
    Dtype type = grids[pick(d, 0, 7)], source = sources[pick(d, 0, 2)];
    Value *x = tensor(d, source, n, extent), *y = tensor(d, type, n, extent);
    Scales s = draw_scales(d, x, source);
    Value *zero = coin(d) ? any(d, type, s.scale->n_dims, s.scale->extent) : NULL;
    bool exact = coin(d);
    for (int64_t e = 0; e < x->n; e++) {
        int64_t k = scale_of(&s, x, e), base = zero != NULL ? zero->i[k] : 0;
        if (!exact && e == 0)
            for (int64_t q = 0; q < s.scale->n; q++)
                s.scale->f[q] = rounded(source, real(d, 0.01, 0.3));
        double steps = (double)(pick(d, 2 * dtype_int_min(type) - 6, 2 * (int64_t)dtype_int_max(type) + 6) - 2 * base) / 2;
        x->f[e] = rounded(source, steps * s.scale->f[k]);
        y->i[e] = saturated(type, to_even(rounded(source, x->f[e] / s.scale->f[k])) + (double)base);
    }
    if (zero == NULL && (type != DT_U8 || coin(d)))
        set_int(d, "output_dtype", dtype_onnx(type));
    give(d, x);
    give(d, coin(d) ? as_constant(s.scale) : s.scale);
    if (zero != NULL)
        give(d, coin(d) ? as_constant(zero) : zero);
    expect(d, y);
}

static void dequantize(Draw *d)
{
    static const Dtype results[] = {DT_F32, DT_F32, DT_F16};
    uint32_t n;
    int64_t extent[4];
    draw_shape(d, &n, extent);
    d->opset = 25;
    bool words = pick(d, 0, 5) == 0;
    Dtype type = words ? DT_I32 : grids[pick(d, 0, 7)], result = dtype_bits(type) > 8 ? DT_F32 : results[pick(d, 0, 2)];
    Value *x = words ? filled(d, type, n, extent, -100000, 100000) : any(d, type, n, extent), *y = tensor(d, result, n, extent);
    Scales s = draw_scales(d, x, result);
    Value *zero = !words && coin(d) ? any(d, type, s.scale->n_dims, s.scale->extent) : NULL;
    for (int64_t q = 0; q < s.scale->n; q++)
        s.scale->f[q] = rounded(result, real(d, 0.01, 0.3));
    for (int64_t e = 0; e < x->n; e++) {
        int64_t k = scale_of(&s, x, e);
        y->f[e] = rounded(result, (double)(x->i[e] - (zero != NULL ? zero->i[k] : 0)) * s.scale->f[k]);
    }
    give(d, coin(d) ? as_constant(x) : x);
    give(d, coin(d) ? as_constant(s.scale) : s.scale);
    if (zero != NULL)
        give(d, coin(d) ? as_constant(zero) : zero);
    expect(d, y);
    d->absolute = 1e-30; /* of a zero's sign nothing is said */
}

static void dynamic_quantize(Draw *d)
{
    uint32_t n;
    int64_t extent[4];
    draw_shape(d, &n, extent);
    Value *x = tensor(d, DT_F32, n, extent), *y = tensor(d, DT_U8, n, extent), *scale = tensor(d, DT_F32, 0, NULL), *zero = tensor(d, DT_U8, 0, NULL);
    bool exact = coin(d) && x->n >= 2;
    int64_t begin = pick(d, -300, 40);
    double low = 0, high = 0;
    for (int64_t k = 0; k < x->n; k++) {
        x->f[k] = exact ? (double)(k == 0 ? 2 * begin : k == 1 ? 2 * begin + 510 : 2 * begin + pick(d, 0, 510)) * 0.125 : real(d, -3, 5);
        low = fmin(low, x->f[k]);
        high = fmax(high, x->f[k]);
    }
    scale->f[0] = rounded(DT_F32, rounded(DT_F32, high - low) / 255);
    zero->i[0] = saturated(DT_U8, to_even(rounded(DT_F32, -low / scale->f[0])));
    for (int64_t k = 0; k < x->n; k++)
        y->i[k] = saturated(DT_U8, to_even(rounded(DT_F32, x->f[k] / scale->f[0])) + (double)zero->i[0]);
    give(d, x);
    expect(d, y);
    expect(d, scale);
    expect(d, zero);
}

/* ---- products ---- */

/* a by row, b by column or both by tensor: the extents of scale and zero point. */
static uint32_t one_or(Draw *d, int64_t n, int64_t *extent)
{
    *extent = n;
    return coin(d) ? 1 : 0;
}

static void matmul(Draw *d, bool linear)
{
    int64_t m = pick(d, 1, 5), inner = pick(d, 1, 6), n = pick(d, 1, 5), batch = coin(d) ? 0 : pick(d, 1, 3), rows, columns;
    Dtype ta = coin(d) ? DT_U8 : DT_I8, tb = coin(d) ? DT_U8 : DT_I8, ty = linear ? (coin(d) ? DT_U8 : DT_I8) : DT_I32;
    uint32_t by_row = batch == 0 ? one_or(d, m, &rows) : 0, by_column = batch == 0 ? one_or(d, n, &columns) : 0;
    uint32_t rank = batch == 0 ? 2 : 3, cut = 3 - rank;
    Value *a = any(d, ta, rank, (const int64_t[]){batch, m, inner} + cut), *b = any(d, tb, rank, (const int64_t[]){batch, inner, n} + cut),
          *za = any(d, ta, by_row, &rows), *zb = any(d, tb, by_column, &columns), *sa = powers(d, DT_F32, by_row, &rows),
          *sb = powers(d, DT_F32, by_column, &columns), *sy = powers(d, DT_F32, 0, NULL), *zy = linear ? any(d, ty, 0, NULL) : NULL,
          *y = tensor(d, ty, rank, (const int64_t[]){batch, m, n} + cut);
    int64_t zeros = linear ? 3 : pick(d, 0, 3);
    sy->f[0] *= 64; /* results from end to end of the grid */
    for (int64_t e = 0; e < y->n; e++) {
        int64_t j = e % n, i = e / n % m, at = e / n / m, sum = 0;
        for (int64_t k = 0; k < inner; k++)
            sum += (a->i[(at * m + i) * inner + k] - ((zeros & 1) != 0 ? za->i[by_row != 0 ? i : 0] : 0)) *
                   (b->i[(at * inner + k) * n + j] - ((zeros & 2) != 0 ? zb->i[by_column != 0 ? j : 0] : 0));
        double scaled = (double)sum * sa->f[by_row != 0 ? i : 0] * sb->f[by_column != 0 ? j : 0] / sy->f[0];
        y->i[e] = linear ? saturated(ty, to_even(scaled) + (double)zy->i[0]) : sum;
    }
    bool constant = coin(d);
    Value *const linears[] = {a, sa, za, b, sb, zb, sy, zy}, *const integers[] = {a, b, za, zb};
    for (unsigned k = 0; k < (linear ? 8u : zeros >= 2 ? 4u : zeros == 1 ? 3u : 2u); k++) {
        Value *v = linear ? linears[k] : k == 2 && (zeros & 1) == 0 ? NULL : integers[k];
        give(d, v != NULL && v != a && constant ? as_constant(v) : v);
    }
    expect(d, y);
}

static void qlinear_matmul(Draw *d)
{
    matmul(d, true);
}

static void matmul_integer(Draw *d)
{
    matmul(d, false);
}

static void qlinear_conv(Draw *d)
{
    int64_t groups = pick(d, 1, 2), per = pick(d, 1, 3), maps = pick(d, 1, 2), batch = pick(d, 1, 2), kernel[2], in[2], stride[2], pads[4], out[2],
            all = groups * maps;
    for (int k = 0; k < 2; k++) {
        kernel[k] = pick(d, 1, 3);
        in[k] = pick(d, kernel[k], 6);
        stride[k] = pick(d, 1, 2);
        pads[k] = pick(d, 0, kernel[k] - 1);
        pads[2 + k] = pick(d, 0, kernel[k] - 1);
        out[k] = (in[k] + pads[k] + pads[2 + k] - kernel[k]) / stride[k] + 1;
    }
    set_ints(d, "pads", 4, pads);
    set_ints(d, "strides", 2, stride);
    if (groups > 1)
        set_int(d, "group", groups);
    Dtype tx = coin(d) ? DT_U8 : DT_I8, tw = coin(d) ? DT_U8 : DT_I8, ty = coin(d) ? DT_U8 : DT_I8;
    uint32_t by_map = coin(d) ? 1 : 0;
    Value *x = any(d, tx, 4, (int64_t[]){batch, groups * per, in[0], in[1]}), *w = any(d, tw, 4, (int64_t[]){all, per, kernel[0], kernel[1]}),
          *sx = powers(d, DT_F32, 0, NULL), *zx = any(d, tx, 0, NULL), *sw = powers(d, DT_F32, by_map, &all), *zw = any(d, tw, by_map, &all),
          *sy = powers(d, DT_F32, 0, NULL), *zy = any(d, ty, 0, NULL), *b = coin(d) ? filled(d, DT_I32, 1, &all, -30000, 30000) : NULL,
          *y = tensor(d, ty, 4, (int64_t[]){batch, all, out[0], out[1]});
    sy->f[0] *= 64;
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[4], sum;
        unravel(y, e, at);
        sum = b != NULL ? b->i[at[1]] : 0;
        for (int64_t k = 0; k < per * kernel[0] * kernel[1]; k++) { /* padding holds the zero point: nothing */
            int64_t c = at[1] / maps * per + k / (kernel[0] * kernel[1]), row = at[2] * stride[0] - pads[0] + k / kernel[1] % kernel[0],
                    column = at[3] * stride[1] - pads[1] + k % kernel[1];
            if (row >= 0 && row < in[0] && column >= 0 && column < in[1])
                sum += (x->i[ravel(x, (int64_t[]){at[0], c, row, column})] - zx->i[0]) *
                       (w->i[at[1] * per * kernel[0] * kernel[1] + k] - zw->i[by_map != 0 ? at[1] : 0]);
        }
        y->i[e] = saturated(ty, to_even((double)sum * sx->f[0] * sw->f[by_map != 0 ? at[1] : 0] / sy->f[0]) + (double)zy->i[0]);
    }
    Value *const all_of[] = {x, sx, zx, w, sw, zw, sy, zy};
    bool constant = coin(d);
    for (unsigned k = 0; k < 8; k++)
        give(d, k > 0 && constant ? as_constant(all_of[k]) : all_of[k]);
    if (b != NULL)
        give(d, b);
    expect(d, y);
}

static const Row rows[] = {
    {"QuantizeLinear", "quantize", quantize, 80},
    {"DequantizeLinear", "dequantize", dequantize, 60},
    {"DynamicQuantizeLinear", "dynamic_quantize", dynamic_quantize, 30},
    {"QLinearMatMul", "qlinear_matmul", qlinear_matmul, 50},
    {"MatMulInteger", "matmul_integer", matmul_integer, 40},
    {"QLinearConv", "qlinear_conv", qlinear_conv, 40},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
