/*
 * backends/compare.c: elementwise comparison with tolerances and by bits.
 */
#include "backends/compare.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "support/file.h"
#include "support/text.h"

static double json_number(const JsonValue *object, const char *key, double otherwise)
{
    const JsonValue *value = object != NULL ? json_get(object, key) : NULL;
    return value != NULL && (value->kind == JSON_IS_INT || value->kind == JSON_IS_REAL) ? value->number : otherwise;
}

Tolerance tolerance_of(const JsonValue *all, const char *name)
{
    const JsonValue *one = all != NULL ? json_get(all, name) : NULL;
    if (one == NULL)
        return (Tolerance){.rtol = 1e-3};
    return (Tolerance){.given = true,
                       .atol = json_number(one, "atol", 1e-7),
                       .rtol = json_number(one, "rtol", 1e-3),
                       .flip_atol = json_number(one, "flip_atol", 0),
                       .flip_fraction = json_number(one, "flip_fraction", 0)};
}

weir_status tolerance_read(weir_context *cx, const char *folder, const JsonValue **out_all)
{
    const char *path = arena_printf(&cx->arena, "%s/tolerance.json", folder);
    *out_all = NULL;
    if (access(path, F_OK) != 0)
        return WEIR_OK;
    const Source *source;
    TRY(file_source(cx, path, &source));
    return json_read(cx, source, out_all);
}

/* ---- shape ---- */

static const char *describe(weir_context *cx, const Tensor *tensor)
{
    Text text;
    text_init(&text, &cx->arena);
    text_printf(&text, "%s[", dtype_text(tensor->type));
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        text_printf(&text, "%s%lld", d == 0 ? "" : ", ", (long long)tensor->extent[d]);
    text_printf(&text, "]");
    return text.at;
}

static bool same_form(weir_context *cx, const Tensor *got, const Tensor *want, const char **out_why)
{
    bool same = got->type == want->type && got->n_dims == want->n_dims &&
                (got->n_dims == 0 || memcmp(got->extent, want->extent, got->n_dims * sizeof *got->extent) == 0);
    if (!same)
        *out_why = arena_printf(&cx->arena, "is %s, expected %s", describe(cx, got), describe(cx, want));
    return same;
}

static const char *coordinate(weir_context *cx, const Tensor *tensor, int64_t i)
{
    int64_t at[TENSOR_MAX_DIMS];
    for (uint32_t d = tensor->n_dims; d-- > 0;) {
        at[d] = i % tensor->extent[d];
        i /= tensor->extent[d];
    }
    Text text;
    text_init(&text, &cx->arena);
    text_printf(&text, "[");
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        text_printf(&text, "%s%lld", d == 0 ? "" : ", ", (long long)at[d]);
    text_printf(&text, "]");
    return text.at;
}

static bool is_float(Dtype type)
{
    return dtype_kind(type) == DK_FLOAT || dtype_kind(type) == DK_CODE;
}

static double value_at(const Tensor *tensor, int64_t i)
{
    return is_float(tensor->type) ? dtype_load_f64(tensor->type, tensor->data, (size_t)i)
                                  : (double)dtype_load_i64(tensor->type, tensor->data, (size_t)i);
}

/* ---- near ---- */

static double epsilon(Dtype type)
{
    switch ((int)type) {
    case DT_F64: return 0x1p-52;
    case DT_F32: return 0x1p-23;
    case DT_F16: return 0x1p-10;
    case DT_BF16: return 0x1p-7;
    default: return 0;
    }
}

static double largest(const Tensor *tensor)
{
    double most = 0;
    for (int64_t i = 0; i < tensor_elements(tensor); i++) {
        double x = fabs(value_at(tensor, i));
        if (isfinite(x) && x > most)
            most = x;
    }
    return most;
}

typedef struct Verdict {
    double worst; /* over what is allowed */
    int64_t where;
    int64_t off; /* elements beyond atol + rtol, judged by flip_atol */
    bool impossible; /* NaN or infinity against something else */
} Verdict;

static void judge(const Tensor *got, const Tensor *want, int64_t i, double atol, double rtol, double flip, Verdict *v,
                  Distance *distance)
{
    double g = value_at(got, i), e = value_at(want, i);
    if (g == e || (isnan(g) && isnan(e)))
        return;
    if (!isfinite(g) || !isfinite(e)) {
        if (!v->impossible)
            v->where = i;
        v->impossible = true;
        return;
    }
    double d = fabs(g - e), limit = atol + rtol * fabs(e);
    distance->max_abs = fmax(distance->max_abs, d);
    if (e != 0)
        distance->max_rel = fmax(distance->max_rel, d / fabs(e));
    double ratio = limit > 0 ? d / limit : (double)INFINITY;
    if (ratio > 1 && flip > 0) {
        v->off++;
        ratio = d / flip;
    }
    if (ratio > v->worst && !v->impossible) {
        v->worst = ratio;
        v->where = i;
    }
}

bool tensors_near(weir_context *cx, const Tensor *got, const Tensor *want, const Tolerance *tolerance, double scale,
                  Distance *distance, const char **out_why)
{
    if (!same_form(cx, got, want, out_why))
        return false;
    bool exact = !is_float(want->type) && !tolerance->given;
    double atol = tolerance->given ? tolerance->atol : 1e-7 + 4 * epsilon(want->type) * largest(want);
    double rtol = tolerance->rtol;
    Verdict v = {.where = -1};
    int64_t n = tensor_elements(want);
    for (int64_t i = 0; i < n; i++)
        judge(got, want, i, exact ? 0 : atol * scale, exact ? 0 : rtol * scale, tolerance->flip_atol * scale, &v, distance);
    if (v.impossible || v.worst > 1) {
        *out_why = arena_printf(&cx->arena, "%s is %.9g, expected %.9g (%.3g times the tolerance)",
                                coordinate(cx, want, v.where), value_at(got, v.where), value_at(want, v.where),
                                v.impossible ? (double)INFINITY : v.worst);
        return false;
    }
    if (v.off > 1 && (double)v.off > tolerance->flip_fraction * (double)n) {
        *out_why = arena_printf(&cx->arena, "%lld of %lld elements are a quantisation step off", (long long)v.off, (long long)n);
        return false;
    }
    return true;
}

void tensors_distance(const Tensor *got, const Tensor *want, Distance *distance)
{
    Verdict v = {0};
    for (int64_t i = 0; i < tensor_elements(want) && i < tensor_elements(got); i++)
        judge(got, want, i, 1, 1, 0, &v, distance);
}

/* ---- bits ---- */

bool tensors_same(weir_context *cx, const Tensor *got, const Tensor *want, const char **out_why)
{
    if (!same_form(cx, got, want, out_why))
        return false;
    size_t unit = dtype_bytes(want->type);
    int64_t n = tensor_elements(want);
    const unsigned char *a = got->data, *b = want->data;
    if (n == 0 || memcmp(a, b, (size_t)n * unit) == 0)
        return true;
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(a + (size_t)i * unit, b + (size_t)i * unit, unit) == 0)
            continue;
        if (is_float(want->type) && isnan(value_at(got, i)) && isnan(value_at(want, i)))
            continue;
        *out_why = arena_printf(&cx->arena, "%s is %a, the pinned cascade gives %a", coordinate(cx, want, i),
                                value_at(got, i), value_at(want, i));
        return false;
    }
    return true;
}
