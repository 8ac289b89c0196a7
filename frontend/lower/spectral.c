/*
 * frontend/lower/spectral.c: DFT and STFT as sums with constant tables of cosines and sines; windows and the mel
 * matrix as constants.
 *
 * Keep: the angles of the tables are reduced modulo the length as integers, so that long transforms stay exact.
 */
#include <math.h>

#include "frontend/lower/families.h"

#define PI 3.14159265358979323846

enum { MOST_TABLE = 1 << 26 };

/* ---- transforms ---- */

typedef struct Transform {
    int64_t length;        /* N */
    int64_t n_in, n_out;   /* points of the sum; of the result */
    RankId t, k;
    bool inverse, half_in; /* half_in: the sum is over half a spectrum */
    Dtype type;
    const Tensor *window;  /* constant factors of the points, or NULL */
    Operand *cosine, *sine;
} Transform;

/* The weight of point t: its window; inverse transforms divide; half a spectrum counts its mirrored points. */
static double weight(const Transform *f, int64_t t)
{
    double w = f->window == NULL ? 1 : dtype_load_f64(f->window->type, f->window->data, (size_t)t);
    if (f->inverse)
        w /= (double)f->length;
    bool mirrored = t != 0 && 2 * t != f->length;
    return f->half_in && mirrored ? 2 * w : w;
}

static weir_status make_tables(Lowering *l, Transform *f)
{
    const int64_t extent[2] = {f->n_in, f->n_out};
    const RankId ranks[2] = {f->t, f->k};
    if (f->length < 1)
        return invalid(l, "the length of the transform is %lld", (long long)f->length);
    if (f->n_in > MOST_TABLE || f->n_out > MOST_TABLE || f->n_in * f->n_out > MOST_TABLE)
        return unsupported(l, "a transform of %lld points", (long long)f->length);
    Tensor c = table_new(l, f->type, 2, extent), s = table_new(l, f->type, 2, extent);
    for (int64_t t = 0; t < f->n_in; t++) {
        double w = weight(f, t);
        for (int64_t k = 0; k < f->n_out; k++) {
            double angle = 2 * PI * (double)(t * k % f->length) / (double)f->length;
            size_t at = (size_t)(t * f->n_out + k);
            dtype_store_f64(f->type, c.data, at, w * cos(angle));
            dtype_store_f64(f->type, s.data, at, w * (f->inverse ? sin(angle) : -sin(angle)));
        }
    }
    f->cosine = table(l, "_cos", &c, ranks);
    f->sine = table(l, "_sin", &s, ranks);
    return WEIR_OK;
}

/* Y[.., part] = the real or imaginary part of the sum over t; im = 0: the points are real. `last` is the part's dimension. */
static void transform_part(Lowering *l, const Transform *f, Operand *y, uint32_t last, int64_t part, ExprId re, ExprId im)
{
    Ranks over = {.n = 1, .at = {f->t}};
    const RankId at[2] = {f->t, f->k};
    ExprId c = ex_access_ranks(l->cs, f->cosine->tensor, 2, at), s = ex_access_ranks(l->cs, f->sine->tensor, 2, at);
    ExprId index[MAX_DIMS], body = ex2(l, FN_MUL, re, part == 0 ? c : s);
    for (uint32_t d = 0; d < y->n_dims; d++)
        index[d] = rk(l, tensor_at(l->cs, y->tensor)->dims[d].rank);
    index[last] = num(l, part);
    if (im.i != 0)
        body = ex2(l, part == 0 ? FN_SUB : FN_ADD, body, ex2(l, FN_MUL, im, part == 0 ? s : c));
    reduce_at(l, y, index, RED_SUM, &over, body);
}

/* The tensor that the parts go to: output 0, or a wider temporary. */
static weir_status open_parts(Lowering *l, Dtype type, const Ranks *ranks, Operand **out)
{
    if (wide(type) == type)
        TRY(output(l, 0, type, ranks, out));
    else
        TRY(temporary(l, "_wide", wide(type), ranks, out));
    declare_line(l, *out);
    return WEIR_OK;
}

static weir_status close_parts(Lowering *l, Dtype type, Operand *parts)
{
    Operand *y;
    Ranks ranks;
    if (wide(type) == type)
        return WEIR_OK;
    ranks_of(l, parts, &ranks);
    TRY(output(l, 0, type, &ranks, &y));
    define(l, y, at_ranks(l, parts, ranks.at));
    return WEIR_OK;
}

/* A length given as operand k; 0: absent. */
static weir_status length_of(Lowering *l, uint32_t k, int64_t *out)
{
    Ints ints;
    *out = 0;
    if (input(l, k) == NULL)
        return WEIR_OK;
    TRY(value_ints(l, l->in[k], &ints));
    if (ints.n != 1 || ints.at[0] < 1)
        return invalid(l, "input %u must be one positive number", k);
    *out = ints.at[0];
    return WEIR_OK;
}

static weir_status dft_axis(Lowering *l, const Operand *x, uint32_t *out_axis)
{
    int64_t axis = attr_int(l, "axis", l->opset < 20 ? 1 : -2);
    if (input(l, 2) != NULL) {
        Ints ints;
        TRY(value_ints(l, l->in[2], &ints));
        if (ints.n != 1)
            return invalid(l, "the axis must be one number");
        axis = ints.at[0];
    }
    TRY(axis_of(l, axis, x->n_dims, out_axis));
    if (*out_axis == x->n_dims - 1)
        return invalid(l, "the axis is the one of the real and imaginary parts");
    return WEIR_OK;
}

weir_status lower_dft(Lowering *l)
{
    Operand *x = l->in[0], *y;
    uint32_t axis;
    bool onesided = attr_int(l, "onesided", 0) != 0;
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 2, MAX_DIMS));
    TRY(want_static(l, x));
    TRY(dft_axis(l, x, &axis));
    uint32_t last = x->n_dims - 1;
    if (x->extent[last] != 1 && x->extent[last] != 2)
        return invalid(l, "the last extent must be 1 or 2: %s", shape_text(l, x));
    Transform f = {.inverse = attr_int(l, "inverse", 0) != 0, .type = wide(x->type)};
    TRY(length_of(l, 1, &f.length));
    f.half_in = onesided && f.inverse;
    if (f.length == 0)
        f.length = f.half_in ? 2 * (x->extent[axis] - 1) : x->extent[axis];
    f.n_out = onesided && !f.inverse ? f.length / 2 + 1 : f.length;
    f.n_in = f.half_in ? f.length / 2 + 1 : f.length;
    f.n_in = f.n_in > x->extent[axis] ? x->extent[axis] : f.n_in;
    Ranks own, ranks;
    ranks_of(l, x, &own);
    ranks = own;
    f.t = f.n_in == x->extent[axis] ? own.at[axis] : new_rank(l, "t", f.n_in);
    f.k = ranks.at[axis] = new_rank(l, "k", f.n_out);
    ranks.at[last] = new_rank(l, "part", f.half_in ? 1 : 2);
    TRY(make_tables(l, &f));
    TRY(open_parts(l, x->type, &ranks, &y));
    ExprId index[MAX_DIMS], re, im = {0};
    for (uint32_t d = 0; d < own.n; d++)
        index[d] = rk(l, d == axis ? f.t : own.at[d]);
    index[last] = num(l, 0);
    re = cast(l, f.type, at_index(l, x, index));
    index[last] = num(l, 1);
    if (x->extent[last] == 2)
        im = cast(l, f.type, at_index(l, x, index));
    for (int64_t part = 0; part < y->extent[last]; part++)
        transform_part(l, &f, y, last, part, re, im);
    return close_parts(l, x->type, y);
}

typedef struct Frames {
    Operand *x, *window;
    int64_t step;
    RankId batch, frame;
} Frames;

/* A point of a frame, with a window that is no constant. */
static ExprId frame_at(Lowering *l, const Frames *s, const Transform *f, int64_t part)
{
    ExprId index[3] = {rk(l, s->batch), num(l, 0), num(l, part)};
    index[1] = ix_add(l, ex_scale(l->cs, s->step, rk(l, s->frame)), rk(l, f->t));
    ExprId v = cast(l, f->type, at_index(l, s->x, index));
    if (s->window != NULL && f->window == NULL)
        v = ex2(l, FN_MUL, v, cast(l, f->type, at_ranks(l, s->window, &f->t)));
    return v;
}

weir_status lower_stft(Lowering *l)
{
    Operand *x = l->in[0], *window = input(l, 2), *y;
    Transform f = {.type = wide(x->type), .window = window == NULL ? NULL : window->value};
    Frames s = {.x = x, .window = window};
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 2, 3));
    TRY(want_static(l, x));
    bool onesided = attr_int(l, "onesided", 1) != 0, complex = x->n_dims == 3 && x->extent[2] == 2;
    if (x->n_dims == 3 && x->extent[2] != 1 && !complex)
        return invalid(l, "the last extent must be 1 or 2: %s", shape_text(l, x));
    TRY(length_of(l, 1, &s.step));
    TRY(length_of(l, 3, &f.length));
    if (window != NULL) {
        TRY(want_same_type(l, x, window));
        TRY(want_rank(l, window, 1, 1));
        if (f.length == 0)
            f.length = window->extent[0];
        if (window->extent[0] != f.length)
            return invalid(l, "the window has %lld points, a frame %lld", (long long)window->extent[0],
                           (long long)f.length);
    }
    if (f.length < 1 || f.length > x->extent[1])
        return invalid(l, "frames of %lld points in a signal of %lld", (long long)f.length, (long long)x->extent[1]);
    f.n_in = f.length;
    f.n_out = onesided ? f.length / 2 + 1 : f.length;
    tensor_of(l, x);
    s.batch = dim_rank(l, x, 0);
    s.frame = new_rank(l, "frame", (x->extent[1] - f.length) / s.step + 1);
    f.t = new_rank(l, "t", f.n_in);
    f.k = new_rank(l, "k", f.n_out);
    Ranks ranks = {.n = 4, .at = {s.batch, s.frame, f.k, new_rank(l, "part", 2)}};
    TRY(make_tables(l, &f));
    TRY(open_parts(l, x->type, &ranks, &y));
    ExprId re = frame_at(l, &s, &f, 0), im = {0};
    if (complex)
        im = frame_at(l, &s, &f, 1);
    for (int64_t part = 0; part < 2; part++)
        transform_part(l, &f, y, 3, part, re, im);
    return close_parts(l, x->type, y);
}

/* ---- constants ---- */

/* The element type that `output_datatype` names. */
static weir_status constant_type(Lowering *l, Dtype *out)
{
    *out = dtype_from_onnx((int)attr_int(l, "output_datatype", 1));
    if (*out == DT_NONE || (!is_float(*out) && !dtype_is_int(*out)))
        return unsupported(l, "output_datatype %lld", (long long)attr_int(l, "output_datatype", 1));
    return WEIR_OK;
}

static void store(const Tensor *t, int64_t at, double v)
{
    if (dtype_is_int(t->type))
        dtype_store_i64(t->type, t->data, (size_t)at, (int64_t)v);
    else
        dtype_store_f64(t->type, t->data, (size_t)at, v);
}

/* HannWindow, HammingWindow, BlackmanWindow by the parameter: a0 - a1 cos(2 pi i / d) + a2 cos(4 pi i / d). */
weir_status lower_window(Lowering *l)
{
    static const double factors[][3] = {{0.5, 0.5, 0}, {25.0 / 46, 21.0 / 46, 0}, {0.42, 0.5, 0.08}};
    const double *a = factors[l->row->parameter];
    int64_t n;
    Dtype type;
    TRY(constant_type(l, &type));
    TRY(length_of(l, 0, &n));
    if (n > MOST_TABLE)
        return unsupported(l, "a window of %lld points", (long long)n);
    int64_t d = attr_int(l, "periodic", 1) != 0 || n == 1 ? n : n - 1;
    Tensor *w = ARENA_NEW(&l->cx->arena, Tensor);
    *w = table_new(l, type, 1, &n);
    for (int64_t i = 0; i < n; i++) {
        double angle = 2 * PI * (double)i / (double)d;
        store(w, i, a[0] - a[1] * cos(angle) + a[2] * cos(2 * angle));
    }
    output_constant(l, 0, w);
    return WEIR_OK;
}

static weir_status float_of(Lowering *l, uint32_t k, double *out)
{
    const Tensor *value;
    TRY(want_float(l, l->in[k]));
    TRY(value_of(l, l->in[k], &value));
    if (count_of(l->in[k]) != 1)
        return invalid(l, "input %u must be one number", k);
    *out = dtype_load_f64(value->type, value->data, 0);
    return WEIR_OK;
}

/* Column `m` of the mel matrix: a triangle over bins low..centre..high. */
static void mel_triangle(const Tensor *w, int64_t m, int64_t low, int64_t centre, int64_t high)
{
    int64_t rows = w->extent[0], columns = w->extent[1];
    for (int64_t j = low < 0 ? 0 : low; j <= high && j < rows; j++) {
        if (j < centre)
            store(w, j * columns + m, (double)(j - low) / (double)(centre - low));
        else if (j == centre)
            store(w, j * columns + m, 1);
        else if (j < high)
            store(w, j * columns + m, (double)(high - j) / (double)(high - centre));
    }
}

weir_status lower_mel_matrix(Lowering *l)
{
    int64_t mels, length, rate;
    double low, high;
    Dtype type;
    TRY(constant_type(l, &type));
    TRY(length_of(l, 0, &mels));
    TRY(length_of(l, 1, &length));
    TRY(length_of(l, 2, &rate));
    TRY(float_of(l, 3, &low));
    TRY(float_of(l, 4, &high));
    if (!(low >= 0) || !(high > low) || high > (double)rate)
        return invalid(l, "edges %g and %g", low, high);
    const int64_t extent[2] = {length / 2 + 1, mels};
    if (mels > MOST_TABLE || extent[0] > MOST_TABLE || extent[0] * mels > MOST_TABLE)
        return unsupported(l, "a matrix of %lld by %lld", (long long)extent[0], (long long)mels);
    Tensor *w = ARENA_NEW(&l->cx->arena, Tensor);
    *w = table_new(l, type, 2, extent);
    int64_t *bin = ARENA_ARRAY(&l->cx->arena, int64_t, (size_t)mels + 2);
    double first = 2595 * log10(1 + low / 700), last = 2595 * log10(1 + high / 700);
    for (int64_t i = 0; i < mels + 2; i++) {
        double mel = first + (double)i * (last - first) / (double)(mels + 2);
        bin[i] = (int64_t)floor((double)(length + 1) * 700 * (pow(10, mel / 2595) - 1) / (double)rate);
    }
    for (int64_t i = 0; i < extent[0] * mels; i++)
        store(w, i, 0);
    for (int64_t m = 0; m < mels; m++)
        mel_triangle(w, m, bin[m], bin[m + 1], bin[m + 2]);
    output_constant(l, 0, w);
    return WEIR_OK;
}
