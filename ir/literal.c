/*
 * ir/literal.c: numbers of a text as values of a type, and inline constants.
 */
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/resolve.h"

static bool is_float(Dtype type)
{
    return dtype_kind(type) == DK_FLOAT || dtype_kind(type) == DK_CODE;
}

/* A double that rounds to any narrower type as the decimal does: of the two doubles around the decimal the one with
 * an odd last bit ("round to odd"), the double itself if the decimal is one. */
static double round_to_odd(const char *text)
{
    int mode = fegetround();
    fesetround(FE_DOWNWARD);
    double low = strtod(text, NULL);
    fesetround(FE_UPWARD);
    double high = strtod(text, NULL);
    fesetround(mode);
    uint64_t bits;
    memcpy(&bits, &low, sizeof bits);
    return (bits & 1) != 0 ? low : high;
}

double decimal_value(const char *text, bool negative, Dtype type)
{
    double value;
    if (type == DT_F32) {
        value = (double)strtof(text, NULL);
    } else if (is_float(type) && type != DT_F64) {
        unsigned char unit[8] = {0};
        dtype_store_f64(type, unit, 0, round_to_odd(text));
        value = dtype_load_f64(type, unit, 0);
    } else {
        value = strtod(text, NULL);
    }
    return negative ? -value : value;
}

/* The integer of a number as bits of a 64-bit type. */
static bool int_bits(SynNumber number, Dtype type, int64_t *out_bits)
{
    uint64_t most = type == DT_U64 ? UINT64_MAX : INT64_MAX;
    if (number.negative)
        most = type == DT_U64 ? 0 : (uint64_t)INT64_MAX + 1;
    uint64_t bits = number.negative ? 0 - number.magnitude : number.magnitude;
    memcpy(out_bits, &bits, sizeof bits);
    return number.magnitude <= most;
}

static bool int_fits(SynNumber number, Dtype type, int64_t *out_value)
{
    if (!int_bits(number, type, out_value))
        return false;
    if (type == DT_U64)
        return true;
    return *out_value >= dtype_int_min(type) && (*out_value < 0 || (uint64_t)*out_value <= dtype_int_max(type));
}

/* A whole number as a float; false if the type does not hold it exactly. */
static bool whole_fits(SynNumber number, Dtype type, double *out_value)
{
    unsigned char unit[8] = {0};
    double value = (double)number.magnitude;
    bool exact = value < 0x1p64 && (uint64_t)value == number.magnitude;
    dtype_store_f64(type, unit, 0, value);
    *out_value = dtype_load_f64(type, unit, 0);
    exact = exact && *out_value == value;
    if (number.negative)
        *out_value = -*out_value;
    return exact;
}

static const char *number_text(Resolve *r, SynNumber number)
{
    const char *sign = number.negative ? "-" : "";
    switch (number.kind) {
    case NUMBER_INT:
        return arena_printf(&r->p->cx->arena, "%s%llu", sign, (unsigned long long)number.magnitude);
    case NUMBER_DECIMAL:
        return arena_printf(&r->p->cx->arena, "%s%.40s", sign, number.text);
    case NUMBER_INF:
        return number.negative ? "-inf" : "inf";
    case NUMBER_NAN:
        return "nan";
    case NUMBER_TRUE:
        return "true";
    case NUMBER_FALSE:
        break;
    }
    return "false";
}

static double float_value(SynNumber number, Dtype type)
{
    if (number.kind == NUMBER_DECIMAL)
        return decimal_value(number.text, number.negative, type);
    if (number.kind == NUMBER_NAN)
        return (double)NAN;
    return number.negative ? -(double)INFINITY : (double)INFINITY;
}

ExprId resolve_literal(Resolve *r, SynAt at, SynNumber number, Dtype type)
{
    Expr node = {.kind = EX_LITERAL, .type = type, .line = at.line, .column = at.column, .end_column = at.end_column};
    bool fits = true;
    if (type == DT_NONE) /* something else is wrong already */
        node.type = type = DT_F32;
    if (number.kind == NUMBER_TRUE || number.kind == NUMBER_FALSE) {
        node.type = DT_BOOL;
        node.i = number.kind == NUMBER_TRUE;
        node.f = (double)node.i;
    } else if (number.kind != NUMBER_INT) {
        node.decimal = true;
        node.f = float_value(number, type);
    } else if (is_float(type)) {
        fits = whole_fits(number, type, &node.f);
        node.decimal = number.magnitude > INT64_MAX || (number.magnitude == 0 && number.negative);
        node.i = node.decimal ? 0 : (int64_t)number.magnitude * (number.negative ? -1 : 1);
    } else {
        fits = type != DT_BOOL && int_fits(number, type, &node.i);
        node.f = type == DT_U64 ? (double)(uint64_t)node.i : (double)node.i;
    }
    if (!fits)
        invariant_error(r, at, 5, "%s is no %s", number_text(r, number), dtype_text(type));
    return ex_push(r->cs, node, 0, NULL);
}

bool resolve_store(Resolve *r, SynAt at, SynNumber number, Dtype type, void *data, size_t i)
{
    int64_t integer = 0;
    double real;
    bool truth = number.kind == NUMBER_TRUE || number.kind == NUMBER_FALSE, fits = true;
    if (type == DT_BOOL || truth) {
        fits = type == DT_BOOL && truth;
        dtype_store_i64(DT_BOOL, data, type == DT_BOOL ? i : 0, number.kind == NUMBER_TRUE);
    } else if (dtype_is_int(type)) {
        fits = number.kind == NUMBER_INT && int_fits(number, type, &integer);
        dtype_store_i64(type, data, i, integer);
    } else if (number.kind == NUMBER_INT) {
        fits = whole_fits(number, type, &real);
        dtype_store_f64(type, data, i, real);
    } else {
        dtype_store_f64(type, data, i, float_value(number, type));
    }
    if (!fits)
        invariant_error(r, at, 5, "%s is no %s", number_text(r, number), dtype_text(type));
    return fits;
}

/* ---- inline data ---- */

typedef struct Fill {
    Resolve *r;
    Tensor *value;
    size_t next;
    bool ok;
} Fill;

static size_t count_values(const SynValues *values)
{
    size_t n = 0;
    for (uint32_t i = 0; i < values->n; i++)
        n += values->at[i].braces ? count_values(values->at[i].values) : 1;
    return n;
}

static void fill_level(Fill *fill, const SynValues *values, SynAt at, uint32_t level)
{
    uint32_t n_dims = fill->value->n_dims;
    int64_t wanted = n_dims == 0 ? 1 : fill->value->extent[level];
    if (values->n != wanted) {
        parse_error(fill->r->p, at, E_SYNTAX, "%u values in braces where %lld are needed", values->n, (long long)wanted);
        fill->ok = false;
    }
    bool innermost = level + 1 >= n_dims;
    for (uint32_t i = 0; i < values->n && fill->ok; i++) {
        const SynValue *value = &values->at[i];
        if (value->braces == innermost) {
            parse_error(fill->r->p, value->at, E_SYNTAX, "braces nest by rank: %u deep here", n_dims == 0 ? 1 : n_dims);
            fill->ok = false;
        } else if (value->braces) {
            fill_level(fill, value->values, value->at, level + 1);
        } else {
            fill->ok = resolve_store(fill->r, value->at, value->number, fill->value->type, fill->value->data, fill->next++);
        }
    }
}

static void inline_data(Resolve *r, TensorDecl *tensor, const SynData *data)
{
    Tensor value = {.type = tensor->type, .n_dims = tensor->n_dims, .writable = true};
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        if (tensor->dims[d].rank.i == 0)
            return;
        value.extent[d] = rank_at(r->cs, tensor->dims[d].rank)->extent;
    }
    value.data = arena_alloc(&r->p->cx->arena, arena_array_bytes(&r->p->cx->arena, count_values(data->values) + 1, 8));
    Fill fill = {r, &value, 0, true};
    fill_level(&fill, data->values, data->at, 0);
    tensor->data.value = value;
}

static void seeded_data(Resolve *r, TensorDecl *tensor, const SynData *data)
{
    static const char *const laws[] = {[LAW_NORMAL] = "normal", [LAW_UNIFORM] = "uniform", [LAW_INTS] = "ints"};
    const char *text = cx_text(r->p->cx, data->law.name);
    Nearest nearest = nearest_to(text, strlen(text));
    tensor->data.seed = data->number;
    for (unsigned i = LAW_NORMAL; i <= LAW_INTS; i++) {
        nearest_offer(&nearest, laws[i]);
        if (strcmp(laws[i], text) == 0)
            tensor->data.law = (SeedLaw)i;
    }
    if (strcmp(laws[tensor->data.law], text) != 0)
        unknown_name(r, data->law, "law (normal, uniform, ints)", nearest.best);
    SynNumber scale = data->scale;
    if (scale.kind == NUMBER_INT)
        tensor->data.scale = scale.negative ? -(double)scale.magnitude : (double)scale.magnitude;
    else if (scale.kind == NUMBER_DECIMAL)
        tensor->data.scale = decimal_value(scale.text, scale.negative, DT_F64);
    else
        parse_error(r->p, data->at, E_SYNTAX, "the scale of seeded(..) is a number");
}

void resolve_data(Resolve *r, TensorDecl *tensor, const SynData *data)
{
    tensor->data.kind = data->kind;
    if (data->kind == DATA_INLINE) {
        inline_data(r, tensor, data);
    } else if (data->kind == DATA_FILE) {
        tensor->data.path = data->path.name;
        tensor->data.offset = data->number;
    } else {
        seeded_data(r, tensor, data);
    }
}
