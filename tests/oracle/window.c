/* Convolutions, transposed convolutions and pooling in 1 to 3 dimensions with every attribute. */
#include "tests/oracle/oracle.h"

/* What the spatial attributes say, drawn and written. */
typedef struct Window {
    uint32_t n;
    int64_t in[3], kernel[3], stride[3], dilation[3], before[3], after[3], out[3];
    bool ceil;
} Window;

static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* The output extents: those of the specification's formulas of pooling; the same hold for convolution with floor. */
static void shape_window(Window *w, int64_t how)
{
    for (uint32_t k = 0; k < w->n; k++) {
        int64_t span = (w->kernel[k] - 1) * w->dilation[k] + 1;
        if (how == 1 || how == 2) {
            w->out[k] = divide_up(w->in[k], w->stride[k]);
            int64_t total = (w->out[k] - 1) * w->stride[k] + span - w->in[k];
            total = total < 0 ? 0 : total;
            w->before[k] = how == 1 ? total / 2 : total - total / 2;
            w->after[k] = total - w->before[k];
            continue;
        }
        int64_t room = w->in[k] + w->before[k] + w->after[k] - span;
        w->out[k] = (w->ceil ? divide_up(room, w->stride[k]) : room / w->stride[k]) + 1;
        if (w->ceil && (w->out[k] - 1) * w->stride[k] >= w->in[k] + w->before[k])
            w->out[k]--;
    }
}

/* dilations, ceil and SAME only where `with` has their bits. */
enum { WITH_DILATION = 1, WITH_CEIL = 2, WITH_AUTO = 4, WITH_KERNEL = 8 };

static Window draw_window(Draw *d, unsigned with)
{
    Window w = {.n = (uint32_t)pick(d, 1, 3), .ceil = (with & WITH_CEIL) != 0 && coin(d)};
    int64_t how = (with & WITH_AUTO) != 0 && coin(d) ? pick(d, 1, 3) : 0, pads[6] = {0};
    bool pad = how == 0 && coin(d), dilate = (with & WITH_DILATION) != 0 && coin(d), stride = coin(d);
    for (uint32_t k = 0; k < w.n; k++) {
        w.kernel[k] = pick(d, 1, 3);
        w.stride[k] = stride ? pick(d, 1, 3) : 1;
        w.dilation[k] = dilate ? pick(d, 1, 2) : 1;
        int64_t span = (w.kernel[k] - 1) * w.dilation[k] + 1;
        w.in[k] = pick(d, span, span + 4);
        pads[k] = w.before[k] = pad ? pick(d, 0, w.kernel[k] - 1) : 0;
        pads[w.n + k] = w.after[k] = pad ? pick(d, 0, w.kernel[k] - 1) : 0;
    }
    shape_window(&w, how);
    if (how != 0 || ((with & WITH_AUTO) != 0 && coin(d)))
        set_text(d, "auto_pad", auto_pads[how]);
    if (pad)
        set_ints(d, "pads", 2 * w.n, pads);
    if (stride)
        set_ints(d, "strides", w.n, w.stride);
    if (dilate)
        set_ints(d, "dilations", w.n, w.dilation);
    if ((with & WITH_KERNEL) != 0 || coin(d))
        set_ints(d, "kernel_shape", w.n, w.kernel);
    if (w.ceil)
        set_int(d, "ceil_mode", 1);
    return w;
}

/* Extents a, b, then the window's. */
static Value *image(Draw *d, bool fill, Dtype type, int64_t a, int64_t b, uint32_t n, const int64_t *extent)
{
    int64_t e[5] = {a, b};
    memcpy(e + 2, extent, n * sizeof *extent);
    return fill ? filled(d, type, n + 2, e, -2, 2) : tensor(d, type, n + 2, e);
}

/* The element of an image under tap t of the window at place o; -1: in the padding. */
static int64_t under(const Window *w, const int64_t *o, const int64_t *t)
{
    int64_t at = 0;
    for (uint32_t k = 0; k < w->n; k++) {
        int64_t p = o[k] * w->stride[k] + t[k] * w->dilation[k] - w->before[k];
        if (p < 0 || p >= w->in[k])
            return -1;
        at = at * w->in[k] + p;
    }
    return at;
}

static int64_t volume(uint32_t n, const int64_t *extent)
{
    int64_t v = 1;
    for (uint32_t k = 0; k < n; k++)
        v *= extent[k];
    return v;
}

static void conv(Draw *d)
{
    Dtype type = some_float(d);
    Window w = draw_window(d, WITH_DILATION | WITH_AUTO);
    int64_t groups = pick(d, 1, 3), per = pick(d, 1, 3), maps = pick(d, 1, 2), batch = pick(d, 1, 2), taps = volume(w.n, w.kernel),
            size = volume(w.n, w.in);
    if (groups > 1)
        set_int(d, "group", groups);
    Value *x = image(d, true, type, batch, groups * per, w.n, w.in), *f = image(d, true, type, groups * maps, per, w.n, w.kernel);
    Value *b = coin(d) ? filled(d, type, 1, (int64_t[]){groups * maps}, -2, 2) : NULL;
    Value *y = image(d, false, type, batch, groups * maps, w.n, w.out);
    int64_t at[5];
    for (int64_t e = 0; e < y->n; e++) {
        unravel(y, e, at);
        double sum = b != NULL ? b->f[at[1]] : 0;
        for (int64_t c = 0; c < per; c++) {
            int64_t t[3] = {0}, k = 0;
            do {
                int64_t p = under(&w, at + 2, t);
                if (p >= 0)
                    sum += x->f[(at[0] * groups * per + at[1] / maps * per + c) * size + p] * f->f[(at[1] * per + c) * taps + k];
                k++;
            } while (next_place(w.n, w.kernel, t));
        }
        y->f[e] = sum;
    }
    give(d, x);
    give(d, coin(d) ? as_constant(f) : f);
    if (b != NULL)
        give(d, coin(d) ? as_constant(b) : b);
    expect(d, y);
}

/* The extents of a transposed convolution: out = stride (in - 1) + output_padding + span - pads. */
static void draw_transposed(Draw *d, Window *w)
{
    int64_t how = coin(d) ? pick(d, 0, 3) : 0, extra[3] = {0}, pads[6] = {0};
    bool pad = how == 0 && coin(d), more = coin(d), shaped = how != 3 && coin(d);
    *w = (Window){.n = (uint32_t)pick(d, 1, 3)};
    for (uint32_t k = 0; k < w->n; k++) {
        w->kernel[k] = pick(d, 1, 3);
        w->stride[k] = pick(d, 1, 3);
        w->dilation[k] = pick(d, 1, 2);
        w->in[k] = pick(d, 1, 4);
        int64_t span = (w->kernel[k] - 1) * w->dilation[k] + 1, most = w->stride[k] > w->dilation[k] ? w->stride[k] : w->dilation[k];
        extra[k] = more ? pick(d, 0, most - 1) : 0;
        if ((how == 1 || how == 2) && span + extra[k] < w->stride[k])
            w->stride[k] = 1; /* SAME of a stride beyond the kernel: pads below 0 */
        if ((how == 1 || how == 2) && extra[k] >= w->stride[k] && extra[k] >= w->dilation[k])
            extra[k] = 0;
        int64_t all = w->stride[k] * (w->in[k] - 1) + extra[k] + span, total = 0;
        if (pad) {
            w->before[k] = pick(d, 0, all > 2 ? 1 : 0);
            w->after[k] = pick(d, 0, all - w->before[k] > 1 ? 1 : 0);
            total = w->before[k] + w->after[k];
        }
        if (shaped)
            total = pick(d, 0, all > 3 ? 3 : all - 1);
        else if (how == 1 || how == 2)
            total = all - w->in[k] * w->stride[k] < 0 ? 0 : all - w->in[k] * w->stride[k];
        if (shaped || how == 1 || how == 2) {
            w->before[k] = how == 1 ? total / 2 : total - total / 2;
            w->after[k] = total - w->before[k];
        }
        w->out[k] = all - total;
        pads[k] = w->before[k];
        pads[w->n + k] = w->after[k];
    }
    if (how != 0)
        set_text(d, "auto_pad", auto_pads[how]);
    if (pad && !shaped)
        set_ints(d, "pads", 2 * w->n, pads);
    if (shaped)
        set_ints(d, "output_shape", w->n, w->out);
    set_ints(d, "strides", w->n, w->stride);
    set_ints(d, "dilations", w->n, w->dilation);
    if (more)
        set_ints(d, "output_padding", w->n, extra);
}

static void conv_transpose(Draw *d)
{
    Dtype type = some_float(d);
    Window w;
    draw_transposed(d, &w);
    int64_t groups = pick(d, 1, 3), per = pick(d, 1, 2), maps = pick(d, 1, 2), batch = pick(d, 1, 2), taps = volume(w.n, w.kernel),
            size = volume(w.n, w.out);
    if (groups > 1)
        set_int(d, "group", groups);
    Value *x = image(d, true, type, batch, groups * per, w.n, w.in), *f = image(d, true, type, groups * per, maps, w.n, w.kernel);
    Value *b = coin(d) ? filled(d, type, 1, (int64_t[]){groups * maps}, -2, 2) : NULL;
    Value *y = image(d, false, type, batch, groups * maps, w.n, w.out);
    int64_t at[5];
    for (int64_t e = 0; e < y->n; e++) {
        unravel(y, e, at);
        y->f[e] = b != NULL ? b->f[at[1]] : 0;
    }
    for (int64_t e = 0; e < x->n; e++) {
        unravel(x, e, at);
        int64_t t[3] = {0}, k = 0;
        do {
            int64_t place = 0;
            for (uint32_t s = 0; s < w.n; s++) {
                int64_t p = at[2 + s] * w.stride[s] + t[s] * w.dilation[s] - w.before[s];
                place = p < 0 || p >= w.out[s] || place < 0 ? -1 : place * w.out[s] + p;
            }
            for (int64_t m = 0; m < maps && place >= 0; m++)
                y->f[(at[0] * groups * maps + at[1] / per * maps + m) * size + place] += x->f[e] * f->f[(at[1] * maps + m) * taps + k];
            k++;
        } while (next_place(w.n, w.kernel, t));
    }
    give(d, x);
    give(d, coin(d) ? as_constant(f) : f);
    if (b != NULL)
        give(d, b);
    expect(d, y);
}

static void max_pool(Draw *d)
{
    static const Dtype types[] = {DT_F32, DT_F32, DT_F16, DT_I8, DT_U8};
    Window w = draw_window(d, WITH_DILATION | WITH_CEIL | WITH_AUTO | WITH_KERNEL);
    Dtype type = types[pick(d, 0, 4)];
    int64_t batch = pick(d, 1, 2), channels = pick(d, 1, 3), size = volume(w.n, w.in), at[5];
    bool columns = coin(d), indices = coin(d);
    if (columns)
        set_int(d, "storage_order", 1);
    Value *x = image(d, false, type, batch, channels, w.n, w.in), *y = image(d, false, type, batch, channels, w.n, w.out),
          *z = image(d, false, DT_I64, batch, channels, w.n, w.out);
    for (int64_t e = 0; e < x->n; e++) /* few values: many ties, the first of which counts */
        x->f[e] = (double)(x->i[e] = pick(d, type == DT_U8 ? 0 : -3, 3));
    for (int64_t e = 0; e < y->n; e++) {
        unravel(y, e, at);
        int64_t t[3] = {0}, plane = (at[0] * channels + at[1]) * size, best = -1;
        do {
            int64_t p = under(&w, at + 2, t);
            if (p >= 0 && (best < 0 || x->f[plane + p] > x->f[plane + best]))
                best = p;
        } while (next_place(w.n, w.kernel, t));
        if (best < 0) { /* a window of padding only has no answer */
            y->f[e] = -INFINITY;
            y->i[e] = dtype_is_int(type) ? dtype_int_min(type) : 0;
            indices = false;
            continue;
        }
        y->f[e] = x->f[plane + best];
        y->i[e] = x->i[plane + best];
        int64_t q[3] = {0}, flat = 0;
        for (uint32_t s = w.n; s-- > 0; best /= w.in[s])
            q[s] = best % w.in[s];
        for (uint32_t s = 0; s < w.n; s++)
            flat = columns ? flat * w.in[w.n - 1 - s] + q[w.n - 1 - s] : flat * w.in[s] + q[s];
        z->i[e] = plane + flat;
    }
    give(d, x);
    expect(d, y);
    if (indices)
        expect(d, z);
}

/* p 0: the mean, else a norm. */
static void pool(Draw *d, int64_t p)
{
    Dtype type = some_float(d);
    Window w = draw_window(d, WITH_DILATION | WITH_CEIL | WITH_AUTO | WITH_KERNEL);
    int64_t batch = pick(d, 1, 2), channels = pick(d, 1, 3), size = volume(w.n, w.in), at[5];
    bool pads_count = p == 0 && coin(d);
    if (pads_count)
        set_int(d, "count_include_pad", 1);
    if (p > 0 && (p != 2 || coin(d)))
        set_int(d, "p", p);
    Value *x = image(d, true, type, batch, channels, w.n, w.in), *y = image(d, false, type, batch, channels, w.n, w.out);
    for (int64_t e = 0; e < y->n; e++) {
        unravel(y, e, at);
        int64_t t[3] = {0}, plane = (at[0] * channels + at[1]) * size, count = 0;
        double sum = 0;
        do {
            int64_t q = under(&w, at + 2, t);
            bool inside = true; /* of the padded image; the overhang of ceil_mode is not */
            for (uint32_t s = 0; s < w.n; s++)
                inside &= at[2 + s] * w.stride[s] + t[s] * w.dilation[s] - w.before[s] < w.in[s] + w.after[s];
            if (q >= 0)
                sum += p == 0 ? x->f[plane + q] : pow(fabs(x->f[plane + q]), (double)p);
            count += pads_count ? inside : q >= 0;
        } while (next_place(w.n, w.kernel, t));
        y->f[e] = p == 0 ? sum / (double)count : pow(sum, 1 / (double)p);
    }
    give(d, x);
    expect(d, y);
}

static void average_pool(Draw *d)
{
    pool(d, 0);
}

static void lp_pool(Draw *d)
{
    pool(d, pick(d, 1, 4));
}

static void conv_integer(Draw *d)
{
    Window w = draw_window(d, WITH_DILATION | WITH_AUTO);
    int64_t groups = pick(d, 1, 2), per = pick(d, 1, 3), maps = pick(d, 1, 2), taps = volume(w.n, w.kernel), size = volume(w.n, w.in), at[5];
    Dtype tx = coin(d) ? DT_U8 : DT_I8, tf = coin(d) ? DT_U8 : DT_I8;
    if (groups > 1)
        set_int(d, "group", groups);
    Value *x = image(d, false, tx, 2, groups * per, w.n, w.in), *f = image(d, false, tf, groups * maps, per, w.n, w.kernel),
          *y = image(d, false, DT_I32, 2, groups * maps, w.n, w.out);
    for (int64_t e = 0; e < x->n; e++)
        x->i[e] = pick(d, dtype_int_min(tx), (int64_t)dtype_int_max(tx));
    for (int64_t e = 0; e < f->n; e++)
        f->i[e] = pick(d, dtype_int_min(tf), (int64_t)dtype_int_max(tf));
    int64_t how = pick(d, 0, 3);
    Value *zx = (how & 1) != 0 ? filled(d, tx, 0, NULL, (double)dtype_int_min(tx), (double)dtype_int_max(tx)) : NULL;
    Value *zf = how >= 2 ? filled(d, tf, 1, (int64_t[]){groups * maps}, (double)dtype_int_min(tf), (double)dtype_int_max(tf)) : NULL;
    for (int64_t e = 0; e < y->n; e++) {
        unravel(y, e, at);
        for (int64_t c = 0; c < per; c++) {
            int64_t t[3] = {0}, k = 0;
            do {
                int64_t p = under(&w, at + 2, t);
                if (p >= 0)
                    y->i[e] += (x->i[(at[0] * groups * per + at[1] / maps * per + c) * size + p] - (zx != NULL ? zx->i[0] : 0)) *
                               (f->i[(at[1] * per + c) * taps + k] - (zf != NULL ? zf->i[at[1]] : 0));
                k++;
            } while (next_place(w.n, w.kernel, t));
        }
    }
    give(d, x);
    give(d, coin(d) ? as_constant(f) : f);
    if (how != 0)
        give(d, zx);
    if (zf != NULL)
        give(d, zf);
    expect(d, y);
}

static const Row rows[] = {
    {"Conv", "conv", conv, 60},
    {"ConvTranspose", "conv_transpose", conv_transpose, 60},
    {"MaxPool", "max_pool", max_pool, 60},
    {"AveragePool", "average_pool", average_pool, 60},
    {"LpPool", "lp_pool", lp_pool, 30},
    {"ConvInteger", "conv_integer", conv_integer, 30},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
