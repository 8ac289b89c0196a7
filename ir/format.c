/*
 * ir/format.c: block formats, as fields and axes say.
 *
 * Keep: a scale belongs to a group of elements: a block along one axis, a channel, or the tensor. `mx` with e8m0
 *       scales is exact integer arithmetic; the other scales are f32 steps, each rounded once.
 */
#include "ir/format.h"

#include <math.h>
#include <string.h>

/* ---- elements ---- */

typedef struct Element {
    int fraction; /* bits after the point of the significand, or of the integer */
    int bias;     /* 1 - bias: least exponent; integers: 1 (one step everywhere) */
    double most;
} Element;

static Element element_of(const Format *format)
{
    switch (format->element) {
    case DT_F8E4M3FN:
        return (Element){3, 7, 448};
    case DT_F8E4M3FNUZ:
        return (Element){3, 8, 240};
    case DT_F8E5M2:
        return (Element){2, 15, 57344};
    case DT_F8E5M2FNUZ:
        return (Element){2, 16, 57344};
    case DT_F6E3M2:
        return (Element){2, 3, 28};
    case DT_F6E2M3:
        return (Element){3, 1, 7.5};
    case DT_F4E2M1:
        return (Element){1, 1, 6};
    case DT_I8:
        return (Element){6, 1, 127.0 / 64};
    default: /* i4, and narrower by analogy */
        return (Element){(int)dtype_bits(format->element) - 2, 1,
                         ldexp(ldexp(1, (int)dtype_bits(format->element) - 1) - 1, 2 - (int)dtype_bits(format->element))};
    }
}

static bool is_integer(const Format *format)
{
    return dtype_is_int(format->element);
}

double format_unit(const Format *format)
{
    if (format->kind == FORMAT_INT)
        return 1;
    Element e = element_of(format);
    return ldexp(1, (is_integer(format) ? 0 : 1 - e.bias) - e.fraction);
}

static double round_steps(double steps, FormatRound round)
{
    if (round == FORMAT_TRUNC)
        return floor(steps);
    return round == FORMAT_AWAY ? floor(steps + 0.5) : rint(steps);
}

/* v to the nearest element value, saturating. */
static double round_element(const Format *format, FormatRound round, double v)
{
    Element e = element_of(format);
    double magnitude = fabs(v);
    int exponent = 0;
    if (!is_integer(format) && magnitude > 0) {
        frexp(magnitude, &exponent);
        exponent--;
    }
    if (!is_integer(format) && (magnitude == 0 || exponent < 1 - e.bias))
        exponent = 1 - e.bias;
    double q = ldexp(round_steps(ldexp(magnitude, e.fraction - exponent), round), exponent - e.fraction);
    return copysign(q > e.most ? e.most : q, v);
}

/* ---- fields ---- */

static int axis_of(const Cascade *cs, TensorId tensor, RankId rank)
{
    const TensorDecl *decl = tensor_at(cs, tensor);
    for (uint32_t d = 0; d < decl->n_dims; d++)
        if (rank_same(decl->dims[d].rank, rank))
            return (int)d;
    return -1;
}

static bool word_is(const Cascade *cs, Name name, const char *word)
{
    return strcmp(cx_text(cs->cx, name), word) == 0;
}

static Dtype type_named(const Cascade *cs, Name name)
{
    const char *text = cx_text(cs->cx, name);
    return dtype_from_text(text, strlen(text));
}

void format_axes(const Cascade *cs, TensorId tensor, FormatAxes *out)
{
    const Format *format = &cs->formats.at[tensor_at(cs, tensor)->format];
    *out = (FormatAxes){.block_axis = -1, .channel_axis = -1, .scale = format->kind == FORMAT_MX ? DT_E8M0 : DT_F32};
    for (uint32_t i = 0; i < format->n_fields; i++) {
        const FormatField *f = &format->fields[i];
        if (f->on) {
            out->block_axis = axis_of(cs, tensor, f->rank);
            out->block = f->number;
        }
        if (f->per)
            out->channel_axis = axis_of(cs, tensor, f->rank);
        if (word_is(cs, f->name, "scale"))
            out->scale = type_named(cs, f->value);
        else if (word_is(cs, f->name, "tensor"))
            out->tensor_scale = true;
        else if (word_is(cs, f->name, "zero"))
            out->zero = type_named(cs, f->value);
        else if (word_is(cs, f->name, "rule"))
            out->rule = word_is(cs, f->value, "even")    ? FORMAT_EVEN
                        : word_is(cs, f->value, "rceil") ? FORMAT_RCEIL
                        : word_is(cs, f->value, "amax")  ? FORMAT_AMAX
                                                         : FORMAT_FLOOR;
        else if (word_is(cs, f->name, "round"))
            out->round = word_is(cs, f->value, "away")    ? FORMAT_AWAY
                         : word_is(cs, f->value, "trunc") ? FORMAT_TRUNC
                                                          : FORMAT_RNE;
    }
    if (out->scale == DT_NONE)
        out->scale = DT_F32;
}

/* ---- groups ---- */

/* The scales' own shape: with blocks, the tensor's with the blocked axis in blocks; else one a channel, or one. */
Tensor format_scale_shape(const FormatAxes *axes, const Tensor *values)
{
    Tensor shape = {.type = axes->scale};
    if (axes->block_axis >= 0) {
        shape.n_dims = values->n_dims;
        for (uint32_t d = 0; d < values->n_dims; d++)
            shape.extent[d] = values->extent[d];
        int64_t block = axes->block > 0 ? axes->block : 1;
        shape.extent[axes->block_axis] = (values->extent[axes->block_axis] + block - 1) / block;
    } else if (axes->channel_axis >= 0) {
        shape.n_dims = 1;
        shape.extent[0] = values->extent[axes->channel_axis];
    }
    return shape;
}

/* Walks elements in order and tells each one's group. */
typedef struct Walk {
    const FormatAxes *axes;
    const Tensor *values;
    Tensor shape;
    int64_t at[TENSOR_MAX_DIMS];
} Walk;

static Walk walk_start(const FormatAxes *axes, const Tensor *values)
{
    return (Walk){axes, values, format_scale_shape(axes, values), {0}};
}

static size_t walk_group(const Walk *w)
{
    if (w->axes->block_axis < 0)
        return w->axes->channel_axis < 0 ? 0 : (size_t)w->at[w->axes->channel_axis];
    int64_t group = 0;
    for (uint32_t d = 0; d < w->shape.n_dims; d++) {
        int64_t index = (int)d == w->axes->block_axis ? w->at[d] / w->axes->block : w->at[d];
        group = group * w->shape.extent[d] + index;
    }
    return (size_t)group;
}

static void walk_next(Walk *w)
{
    for (uint32_t d = w->values->n_dims; d-- > 0;) {
        if (++w->at[d] < w->values->extent[d])
            return;
        w->at[d] = 0;
    }
}

static float load(const Tensor *values, size_t i)
{
    return (float)dtype_load_f64(values->type, values->data, i);
}

typedef struct Span {
    float least, most, magnitude;
    bool finite;
} Span;

static void spans(const FormatAxes *axes, const Tensor *values, size_t n_groups, Span *out)
{
    for (size_t g = 0; g < n_groups; g++)
        out[g] = (Span){0, 0, 0, true};
    Walk w = walk_start(axes, values);
    size_t n = (size_t)tensor_elements(values);
    for (size_t i = 0; i < n; i++, walk_next(&w)) {
        Span *s = &out[walk_group(&w)];
        float x = load(values, i);
        if (!isfinite(x)) {
            s->finite = false;
            continue;
        }
        s->least = x < s->least ? x : s->least;
        s->most = x > s->most ? x : s->most;
        s->magnitude = fabsf(x) > s->magnitude ? fabsf(x) : s->magnitude;
    }
}

/* ---- scales ---- */

static uint8_t power_code(const Format *format, FormatRule rule, float amax)
{
    Element e = element_of(format);
    uint32_t bits;
    memcpy(&bits, &amax, sizeof bits);
    int emax;
    frexp(e.most, &emax);
    emax--;
    int exponent = (int)(bits >> 23) - 127 - emax;
    if (rule == FORMAT_EVEN)
        exponent = (int)((bits + (UINT32_C(1) << (22 - e.fraction))) >> 23) - 127 - emax;
    if (rule == FORMAT_RCEIL) {
        exponent = amax == 0 ? -127 : exponent - 1;
        while (amax != 0 && ldexp(e.most, exponent) < (double)amax)
            exponent++;
    }
    exponent = exponent < -127 ? -127 : exponent > 127 ? 127 : exponent;
    return (uint8_t)(exponent + 127);
}

/* Rounds a positive scale to the scale's type. */
static float round_scale(Dtype type, float s)
{
    uint64_t unit = 0;
    dtype_store_f64(type, &unit, 0, (double)s);
    return (float)dtype_load_f64(type, &unit, 0);
}

static const double quiet = (double)NAN;

static void mx_scales(const Format *format, const FormatAxes *axes, size_t n_groups, const Span *span, Encoded *out)
{
    float most = (float)element_of(format).most, all = 0;
    out->tensor_scale = 1;
    for (size_t g = 0; g < n_groups; g++)
        if (span[g].finite && span[g].magnitude > all)
            all = span[g].magnitude;
    if (axes->tensor_scale && all > 0)
        out->tensor_scale = all / (most * 448.0f);
    for (size_t g = 0; g < n_groups; g++) {
        if (axes->scale == DT_E8M0 && axes->rule != FORMAT_AMAX)
            ((uint8_t *)out->scale.data)[g] = span[g].finite ? power_code(format, axes->rule, span[g].magnitude) : 0xFF;
        else
            dtype_store_f64(axes->scale, out->scale.data, g,
                            span[g].finite ? (double)(span[g].magnitude / most / out->tensor_scale) : quiet);
    }
}

static int64_t code_bits(const Format *format)
{
    return (int64_t)dtype_bits(format->element);
}

static void int_scales(const Format *format, const FormatAxes *axes, size_t n_groups, const Span *span, Encoded *out)
{
    float most = axes->zero == DT_NONE ? (float)((INT64_C(1) << (code_bits(format) - 1)) - 1)
                                       : (float)((INT64_C(1) << code_bits(format)) - 1);
    out->tensor_scale = 1;
    for (size_t g = 0; g < n_groups; g++) {
        float range = axes->zero == DT_NONE ? span[g].magnitude : span[g].most - span[g].least;
        float s = round_scale(axes->scale, range / most);
        dtype_store_f64(axes->scale, out->scale.data, g, span[g].finite ? (double)s : quiet);
        if (axes->zero == DT_NONE)
            continue;
        float z = s > 0 ? rintf(0 - span[g].least / s) : 0;
        ((int32_t *)out->zero.data)[g] = (int32_t)(z < 0 ? 0 : z > most ? most : z);
    }
}

/* ---- encoding ---- */

/* One element of mx as an integer of steps (integers) or a value (floats). */
static double mx_element(const Format *format, const FormatAxes *axes, float x, float s, float t)
{
    if (s != s)
        return 0;
    if (axes->scale == DT_E8M0 && axes->rule != FORMAT_AMAX) {
        int exponent;
        frexp((double)s, &exponent);
        return round_element(format, axes->round, ldexp((double)x, 1 - exponent));
    }
    float whole = s * t;
    return whole == 0 ? 0 : round_element(format, axes->round, (double)(x / whole));
}

static int32_t int_element(const Format *format, const FormatAxes *axes, float x, float s, int32_t zero)
{
    if (s == 0 || s != s)
        return zero;
    int64_t bits = code_bits(format);
    double least = axes->zero == DT_NONE ? -(double)((INT64_C(1) << (bits - 1)) - 1) : 0;
    double most = axes->zero == DT_NONE ? -least : (double)((INT64_C(1) << bits) - 1);
    double v = (double)(x / s);
    double q = copysign(round_steps(fabs(v), axes->round), v) + zero;
    return (int32_t)(q < least ? least : q > most ? most : q);
}

static float scale_at(const Encoded *encoded, size_t g)
{
    return (float)dtype_load_f64(encoded->scale.type, encoded->scale.data, g);
}

static void encode_elements(const Format *format, const FormatAxes *axes, const Tensor *values, Encoded *out)
{
    Walk w = walk_start(axes, values);
    size_t n = (size_t)tensor_elements(values);
    for (size_t i = 0; i < n; i++, walk_next(&w)) {
        size_t g = walk_group(&w);
        float x = load(values, i), s = scale_at(out, g);
        if (format->kind == FORMAT_INT) {
            int32_t zero = out->zero.data == NULL ? 0 : ((const int32_t *)out->zero.data)[g];
            dtype_store_i64(out->code.type, out->code.data, i, int_element(format, axes, x, s, zero));
        } else {
            double v = mx_element(format, axes, x, s, out->tensor_scale);
            if (is_integer(format))
                dtype_store_i64(out->code.type, out->code.data, i, (int64_t)(v / format_unit(format)));
            else
                dtype_store_f64(out->code.type, out->code.data, i, v);
        }
    }
}

weir_status format_encode(weir_context *cx, const Format *format, const FormatAxes *axes, const Tensor *values,
                          Encoded *out)
{
    *out = (Encoded){.tensor_scale = 1};
    Tensor shape = format_scale_shape(axes, values);
    size_t n_groups = (size_t)tensor_elements(&shape);
    Dtype code = format->kind == FORMAT_INT ? (axes->zero == DT_NONE ? DT_I8 : DT_U8)
                 : is_integer(format)       ? DT_I8
                                            : format->element;
    out->code = tensor_new(cx, code, values->n_dims, values->extent);
    out->scale = tensor_new(cx, axes->scale, shape.n_dims, shape.extent);
    if (format->kind == FORMAT_INT && axes->zero != DT_NONE)
        out->zero = tensor_new(cx, DT_I32, shape.n_dims, shape.extent);
    Span *span = context_buffer(cx, arena_array_bytes(&cx->arena, n_groups, sizeof *span));
    spans(axes, values, n_groups, span);
    if (format->kind == FORMAT_INT)
        int_scales(format, axes, n_groups, span, out);
    else
        mx_scales(format, axes, n_groups, span, out);
    encode_elements(format, axes, values, out);
    context_buffer_free(cx, span);
    return WEIR_OK;
}

void format_decode(const Format *format, const FormatAxes *axes, const Encoded *encoded, Tensor *out)
{
    Walk w = walk_start(axes, out);
    size_t n = (size_t)tensor_elements(out);
    for (size_t i = 0; i < n; i++, walk_next(&w)) {
        size_t g = walk_group(&w);
        double v, s = (double)scale_at(encoded, g);
        if (format->kind == FORMAT_INT) {
            int32_t zero = encoded->zero.data == NULL ? 0 : ((const int32_t *)encoded->zero.data)[g];
            v = (double)(dtype_load_i64(encoded->code.type, encoded->code.data, i) - zero);
        } else if (is_integer(format)) {
            v = (double)dtype_load_i64(encoded->code.type, encoded->code.data, i) * format_unit(format);
        } else {
            v = dtype_load_f64(encoded->code.type, encoded->code.data, i);
        }
        if (axes->tensor_scale)
            s = (double)((float)s * encoded->tensor_scale);
        dtype_store_f64(out->type, out->data, i, s != s ? quiet : (double)(float)(v * s));
    }
}

void format_parts(weir_context *cx, const Format *format, Encoded *encoded, Tensor *out_q, Tensor *out_scale)
{
    *out_q = tensor_new(cx, DT_I32, encoded->code.n_dims, encoded->code.extent);
    *out_scale = tensor_new(cx, DT_F32, encoded->scale.n_dims, encoded->scale.extent);
    size_t n = (size_t)tensor_elements(&encoded->code);
    double unit = format_unit(format);
    for (size_t i = 0; i < n; i++)
        ((int32_t *)out_q->data)[i] =
            dtype_is_int(encoded->code.type)
                ? (int32_t)dtype_load_i64(encoded->code.type, encoded->code.data, i)
                : (int32_t)(dtype_load_f64(encoded->code.type, encoded->code.data, i) / unit);
    size_t n_scales = (size_t)tensor_elements(&encoded->scale);
    for (size_t g = 0; g < n_scales; g++)
        ((float *)out_scale->data)[g] = scale_at(encoded, g) * encoded->tensor_scale;
    context_buffer_free(cx, encoded->code.data);
    context_buffer_free(cx, encoded->scale.data);
    encoded->code = encoded->scale = (Tensor){0};
}

/* ---- files ---- */

static Dtype file_code(const Format *format, const FormatAxes *axes)
{
    return format->kind == FORMAT_INT && axes->zero != DT_NONE ? axes->zero : format->element;
}

size_t format_file_bytes(const Format *format, const FormatAxes *axes, const Tensor *values)
{
    Tensor shape = format_scale_shape(axes, values);
    size_t n = (size_t)tensor_elements(values), n_groups = (size_t)tensor_elements(&shape);
    size_t zero = axes->zero == DT_NONE ? 0 : packed_bytes(axes->zero, n_groups);
    return packed_bytes(file_code(format, axes), n) + packed_bytes(axes->scale, n_groups) + zero +
           (axes->tensor_scale ? sizeof(float) : 0);
}

void format_file_decode(weir_context *cx, const Format *format, const FormatAxes *axes, const void *data, Tensor *out)
{
    const unsigned char *at = data;
    Tensor shape = format_scale_shape(axes, out);
    size_t n = (size_t)tensor_elements(out), n_groups = (size_t)tensor_elements(&shape);
    Encoded e = {.tensor_scale = 1};
    e.code = tensor_new(cx, file_code(format, axes), out->n_dims, out->extent);
    packed_decode(e.code.type, at, n, e.code.data);
    at += packed_bytes(e.code.type, n);
    e.scale = tensor_new(cx, axes->scale, shape.n_dims, shape.extent);
    packed_decode(axes->scale, at, n_groups, e.scale.data);
    at += packed_bytes(axes->scale, n_groups);
    if (axes->zero != DT_NONE) {
        Tensor zero = tensor_new(cx, axes->zero, shape.n_dims, shape.extent);
        packed_decode(axes->zero, at, n_groups, zero.data);
        at += packed_bytes(axes->zero, n_groups);
        e.zero = tensor_new(cx, DT_I32, shape.n_dims, shape.extent);
        for (size_t g = 0; g < n_groups; g++)
            dtype_store_i64(DT_I32, e.zero.data, g, dtype_load_i64(axes->zero, zero.data, g));
        context_buffer_free(cx, zero.data);
    }
    if (axes->tensor_scale)
        memcpy(&e.tensor_scale, at, sizeof e.tensor_scale);
    format_decode(format, axes, &e, out);
    context_buffer_free(cx, e.code.data);
    context_buffer_free(cx, e.scale.data);
    if (e.zero.data != NULL)
        context_buffer_free(cx, e.zero.data);
}
