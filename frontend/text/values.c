/*
 * frontend/text/values.c: literals, tensors and attributes of the ONNX text.
 *
 * Keep: a number is read from its spelling with one rounding to its type. Where the official syntax writes bit patterns
 *       (f16, bf16, f8, e8m0, f4), an integer is one; a number with a point or exponent is a value.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frontend/text/onnxtext.h"

enum { IN_ARENA = 1 << 16 };

static const char *const type_names[ONNX_TYPES] = {
#define ONNX_TYPE(number, text) [number] = text,
#include "frontend/text/types.def"
#undef ONNX_TYPE
};

const char *text_type_name(int number)
{
    return number > 0 && number < ONNX_TYPES ? type_names[number] : NULL;
}

int text_type_number(const char *word, size_t length)
{
    for (int i = 1; i < ONNX_TYPES; i++)
        if (strlen(type_names[i]) == length && memcmp(type_names[i], word, length) == 0)
            return i;
    return 0;
}

/* ---- literals ---- */

static void literal_fault(Parse *p, const Literal *literal, const char *what)
{
    const char *text = literal->kind == LITERAL_STRING
                           ? arena_printf(&p->cx->arena, "a string is no %s", what)
                           : arena_printf(&p->cx->arena, "'%.*s' is no %s",
                                          literal->length < 40 ? (int)literal->length : 40, literal->spelling, what);
    text_fault(p, literal->place, E_LITERAL, text);
}

Name text_string(Parse *p, const char *spelling, size_t length)
{
    if (memchr(spelling, '\\', length) == NULL)
        return cx_intern(p->cx, spelling, length);
    char *plain = arena_alloc(&p->cx->arena, length);
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (spelling[i] == '\\' && i + 1 < length)
            i++;
        plain[n++] = spelling[i];
    }
    return cx_intern(p->cx, plain, n);
}

int64_t text_integer(Parse *p, const Literal *literal)
{
    errno = 0;
    int64_t value = literal->kind == LITERAL_INT ? strtoll(literal->spelling, NULL, 10) : 0;
    if (literal->kind != LITERAL_INT || errno != 0)
        literal_fault(p, literal, "integer of 64 bits");
    return value;
}

bool text_is_float_word(Parse *p, Name word)
{
    const char *text = cx_text(p->cx, word);
    return strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0 || strcasecmp(text, "nan") == 0;
}

/* Whether a literal spells an infinity, rather than overflows to it. */
static bool spells_infinity(const Literal *literal)
{
    const char *s = literal->spelling + (literal->spelling[0] == '-');
    return *s == 'i' || *s == 'I';
}

static double float_of(Parse *p, const Literal *literal, Dtype type)
{
    if (literal->kind == LITERAL_STRING) {
        literal_fault(p, literal, dtype_text(type));
        return 0;
    }
    double value = type == DT_F32 ? (double)strtof(literal->spelling, NULL) : strtod(literal->spelling, NULL);
    if (isinf(value) && !spells_infinity(literal))
        literal_fault(p, literal, dtype_text(type));
    return value;
}

float text_float(Parse *p, const Literal *literal)
{
    return (float)float_of(p, literal, DT_F32);
}

/* Bits of an unsigned type of at most 64 bits. */
static uint64_t unsigned_of(Parse *p, const Literal *literal, uint64_t most, const char *what)
{
    errno = 0;
    bool plain = literal->kind == LITERAL_INT && literal->spelling[0] != '-';
    uint64_t value = plain ? strtoull(literal->spelling, NULL, 10) : 0;
    bool minus_zero = literal->kind == LITERAL_INT && literal->spelling[0] == '-' && strtoll(literal->spelling, NULL, 10) == 0;
    if ((!plain && !minus_zero) || errno != 0 || value > most)
        literal_fault(p, literal, what);
    return value;
}

/* ---- tensors ---- */

static void store_integer(Parse *p, const Literal *literal, Dtype type, void *data, size_t i)
{
    int64_t value;
    if (dtype_kind(type) == DK_SIGNED) {
        value = text_integer(p, literal);
        if (value < dtype_int_min(type) || value > (int64_t)dtype_int_max(type))
            literal_fault(p, literal, dtype_text(type));
    } else {
        value = (int64_t)unsigned_of(p, literal, dtype_int_max(type), dtype_text(type));
    }
    dtype_store_i64(type, data, i, value);
}

static void store_bits(Parse *p, const Literal *literal, Dtype type, void *data, size_t i)
{
    uint64_t most = ((uint64_t)1 << dtype_bits(type)) - 1;
    uint64_t bits = unsigned_of(p, literal, most, arena_printf(&p->cx->arena, "bit pattern of %s", dtype_text(type)));
    if (dtype_bytes(type) == 2)
        memcpy((char *)data + 2 * i, &(uint16_t){(uint16_t)bits}, 2);
    else
        ((uint8_t *)data)[i] = (uint8_t)bits;
}

static void store_literal(Parse *p, const Literal *literal, Dtype type, void *data, size_t i)
{
    bool wide = type == DT_F32 || type == DT_F64;
    if (dtype_is_int(type) || type == DT_BOOL)
        store_integer(p, literal, type, data, i);
    else if (!wide && literal->kind == LITERAL_INT)
        store_bits(p, literal, type, data, i);
    else
        dtype_store_f64(type, data, i, float_of(p, literal, type));
}

ValueType text_tensor_type(int number, const DimList *dims)
{
    ValueType type = {.kind = VALUE_TENSOR, .onnx_type = number, .type = dtype_from_onnx(number)};
    if (dims == NULL || dims->n == 0) /* "float[]" has no rank; "float" is set by the caller */
        return type;
    type.has_shape = true;
    type.n_dims = dims->n;
    type.dims = dims->at;
    return type;
}

Dim text_dim(Parse *p, const Literal *literal)
{
    int64_t extent = text_integer(p, literal);
    if (extent < 0)
        literal_fault(p, literal, "dimension");
    return (Dim){extent, {0}};
}

/* The extents of a type that has values; false after reporting. */
static bool tensor_extents(Parse *p, TextPlace place, const ValueType *type, Initializer *t)
{
    const char *fault = NULL;
    if (type->kind != VALUE_TENSOR || type->onnx_type == 0)
        fault = "values need a tensor's type";
    else if (!type->has_shape)
        fault = "values need a shape";
    else if (type->n_dims > TENSOR_MAX_DIMS)
        fault = "more than 16 dimensions";
    for (uint32_t i = 0; fault == NULL && i < type->n_dims; i++) {
        t->tensor.extent[i] = type->dims[i].extent;
        if (type->dims[i].extent < 0)
            fault = "values need a shape of numbers";
    }
    if (fault == NULL && !tensor_extents_fit(type->n_dims, t->tensor.extent))
        fault = "the extents are too large";
    if (fault != NULL) {
        text_fault(p, place, E_LITERAL, fault);
        return false;
    }
    t->onnx_type = type->onnx_type;
    t->tensor.type = type->type;
    t->tensor.n_dims = type->n_dims;
    return true;
}

static void external_values(Parse *p, const EntryList *entries, Initializer *t)
{
    ExternalData external = {.given = true};
    for (uint32_t i = 0; i < entries->n; i++) {
        const Entry *e = &entries->at[i];
        if (e->value.kind != LITERAL_STRING)
            literal_fault(p, &e->value, "string");
        else if (!external_entry(&p->reader, t->name, cx_text(p->cx, e->key), cx_text(p->cx, e->value.string), &external))
            return;
    }
    payload_read(&p->reader, &(WireTensor){0}, &external, t);
}

static void literal_values(Parse *p, TextPlace place, Initializer *t)
{
    bool is_complex = t->onnx_type == ONNX_COMPLEX64 || t->onnx_type == ONNX_COMPLEX128;
    int64_t n = tensor_elements(&t->tensor);
    if (n < 0 || n > INT64_MAX / 16 || (is_complex ? 2 * n : n) != (int64_t)p->literals.n) {
        text_fault(p, place, E_LITERAL,
                   arena_printf(&p->cx->arena, "%u values are given, the shape of '%s' needs %lld", p->literals.n,
                                cx_text(p->cx, t->name), (long long)(is_complex ? 2 * n : n)));
        return;
    }
    size_t count = p->literals.n;
    if (t->onnx_type == ONNX_STRING) {
        t->strings = ARENA_ARRAY(&p->cx->arena, Name, count);
        for (size_t i = 0; i < count; i++) {
            if (p->literals.at[i].kind != LITERAL_STRING)
                literal_fault(p, &p->literals.at[i], "string");
            t->strings[i] = p->literals.at[i].string;
        }
        return;
    }
    Dtype unit = t->onnx_type == ONNX_COMPLEX64 ? DT_F32 : t->onnx_type == ONNX_COMPLEX128 ? DT_F64 : t->tensor.type;
    size_t bytes = count * dtype_bytes(unit);
    t->tensor.data = bytes <= IN_ARENA ? arena_alloc(&p->cx->arena, bytes) : context_buffer(p->cx, bytes);
    t->tensor.writable = true;
    for (size_t i = 0; i < count; i++)
        store_literal(p, &p->literals.at[i], unit, t->tensor.data, i);
}

Initializer text_tensor(Parse *p, TextPlace place, const ValueType *type, Name name, Data data)
{
    Initializer t = {.name = name};
    if (!tensor_extents(p, place, type, &t))
        return t;
    p->reader.place = place_text(p->reader.source, place.line, place.column, place.end_column);
    if (data.external != NULL)
        external_values(p, data.external, &t);
    else
        literal_values(p, place, &t);
    return t;
}

/* ---- attributes ---- */

typedef struct AttributeWord {
    const char *word;
    AttributeKind single, list; /* the kind, and what its values are; `list` ATTR_NONE: a single value */
} AttributeWord;

static const AttributeWord attribute_words[] = {
    {"int", ATTR_INT, ATTR_NONE},       {"float", ATTR_FLOAT, ATTR_NONE},   {"string", ATTR_STRING, ATTR_NONE},
    {"tensor", ATTR_TENSOR, ATTR_NONE}, {"graph", ATTR_GRAPH, ATTR_NONE},   {"type_proto", ATTR_TYPE, ATTR_NONE},
    {"ints", ATTR_INT, ATTR_INTS},      {"floats", ATTR_FLOAT, ATTR_FLOATS}, {"strings", ATTR_STRING, ATTR_STRINGS},
    {"tensors", ATTR_TENSOR, ATTR_TENSORS}, {"graphs", ATTR_GRAPH, ATTR_GRAPHS},
};

enum { ATTRIBUTE_WORDS = sizeof attribute_words / sizeof *attribute_words };

/* The row of a word, or of a kind of value. */
static const AttributeWord *attribute_word(Parse *p, Name type, AttributeKind single, bool is_list)
{
    for (int i = 0; i < ATTRIBUTE_WORDS; i++) {
        const AttributeWord *w = &attribute_words[i];
        if (type.i != 0 ? strcmp(w->word, cx_text(p->cx, type)) == 0
                        : w->single == single && (w->list != ATTR_NONE) == is_list)
            return w;
    }
    return NULL;
}

static void fill_single(Parse *p, Attribute *a, const Single *value)
{
    switch (a->kind) {
    case ATTR_INT:
        a->i = text_integer(p, &value->literal);
        break;
    case ATTR_FLOAT:
        a->f = text_float(p, &value->literal);
        break;
    case ATTR_STRING:
        a->s = value->literal.string;
        break;
    case ATTR_TENSOR:
        a->tensor = *value->tensor;
        break;
    case ATTR_GRAPH:
        a->graph = value->graph;
        break;
    default:
        a->type = value->type;
        break;
    }
}

static void fill_list(Parse *p, Attribute *a, const SingleList *values)
{
    Arena *arena = &p->cx->arena;
    uint32_t n = a->n = values->n;
    a->ints = ARENA_ARRAY(arena, int64_t, a->kind == ATTR_INTS ? n : 0);
    a->floats = ARENA_ARRAY(arena, float, a->kind == ATTR_FLOATS ? n : 0);
    a->strings = ARENA_ARRAY(arena, Name, a->kind == ATTR_STRINGS ? n : 0);
    a->tensors = ARENA_ARRAY(arena, Initializer, a->kind == ATTR_TENSORS ? n : 0);
    a->graphs = ARENA_ARRAY(arena, Graph *, a->kind == ATTR_GRAPHS ? n : 0);
    for (uint32_t i = 0; i < n; i++) {
        const Single *value = &values->at[i];
        if (a->kind == ATTR_INTS)
            a->ints[i] = text_integer(p, &value->literal);
        else if (a->kind == ATTR_FLOATS)
            a->floats[i] = text_float(p, &value->literal);
        else if (a->kind == ATTR_STRINGS)
            a->strings[i] = value->literal.string;
        else if (a->kind == ATTR_TENSORS)
            a->tensors[i] = *value->tensor;
        else
            a->graphs[i] = value->graph;
    }
}

/* An integer stands for a float; else the values are of the kind that the attribute has. */
static bool values_fit(Parse *p, Name name, const SingleList *values, AttributeKind kind)
{
    for (uint32_t i = 0; i < values->n; i++) {
        const Single *v = &values->at[i];
        if (v->kind == kind || (v->kind == ATTR_INT && kind == ATTR_FLOAT))
            continue;
        text_fault(p, v->place, E_LITERAL,
                   arena_printf(&p->cx->arena, "the value is not of the type of attribute '%s'", cx_text(p->cx, name)));
        return false;
    }
    return true;
}

Attribute text_attribute(Parse *p, TextPlace place, Name name, Name type, SingleList *values, bool is_list)
{
    Attribute a = {.name = name};
    const Single *first = values->n != 0 ? &values->at[0] : NULL;
    bool is_reference = first != NULL && first->ref.i != 0;
    const AttributeWord *word = attribute_word(p, type, first != NULL ? first->kind : ATTR_NONE, is_list);
    const char *fault = NULL;
    if (is_reference && is_list)
        fault = "a reference in a list";
    else if (word == NULL && type.i != 0)
        fault = "an attribute's type that can't be written";
    else if (word == NULL && first == NULL)
        fault = "an empty list needs a type: name: ints = []";
    else if (word == NULL && !is_reference)
        fault = "a list of such values can't be written";
    else if (word != NULL && !is_reference && (word->list != ATTR_NONE) != is_list)
        fault = "a list stands for a single value, or a single value for a list";
    if (fault != NULL) {
        text_fault(p, place, E_LITERAL, fault);
        return a;
    }
    a.kind = word == NULL ? ATTR_NONE : word->list != ATTR_NONE ? word->list : word->single;
    if (is_reference)
        a.ref = first->ref;
    else if (!values_fit(p, name, values, word->single))
        a.kind = ATTR_NONE;
    else if (is_list)
        fill_list(p, &a, values);
    else
        fill_single(p, &a, first);
    return a;
}
