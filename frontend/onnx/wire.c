/*
 * frontend/onnx/wire.c: the bounded scan of wire.h.
 *
 * The scan runs twice over the same code: first to check and count, then to write the skeleton. A message keeps the
 * width of its length prefix in the skeleton (padded with zero groups), so that the prefix can be filled in when the
 * message ends.
 */
#include "frontend/onnx/wire.h"

#include <string.h>

#include "frontend/graph.h"
#include "frontend/onnx/onnx.pb-c.h"

enum {
    MOST_MESSAGES = 250,  /* nested messages of any kind; the decoder recurses on them */
    MOST_TYPES = 16,      /* types in types */
    MOST_NAME = 1 << 16,  /* bytes of a name */
    MOST_PREFIX = 5,      /* bytes of a length prefix that the decoder reads */
    FIELD_COST = 48,      /* the decoder's record of a field occurrence */
    POINTER_COST = 16,    /* of an element of a repeated field, here and in the graph */
    STRING_COST = 24,     /* a short string with its alignment */
    COST_BASE = 40 << 20, /* a file may cost this much and COST_FACTOR times its size (real structure: up to 25 times) */
    COST_FACTOR = 24
};

typedef enum FieldKind {
    F_UNKNOWN, F_VARINT, F_F32, F_VARINTS, F_F32S, F_NAME, F_TEXT, F_BYTES, F_MESSAGE,
    F_VALUE_RAW, F_VALUE_F32, F_VALUE_F64, F_VALUE_VARINT, F_VALUE_STRING
} FieldKind;

typedef enum FieldCount { ONCE, MANY } FieldCount;

typedef struct FieldRow {
    uint8_t kind, sub, count;
} FieldRow;

enum { FIELD_NUMBERS = 27 };

static const FieldRow field_rows[WIRE_MESSAGES][FIELD_NUMBERS] = {
#define WIRE_FIELD(message, number, kind, sub, count) [W_##message][number] = {F_##kind, W_##sub, count},
#include "frontend/onnx/wire.def"
};

typedef struct MessageRow {
    const ProtobufCMessageDescriptor *descriptor;
    size_t graph_bytes;
} MessageRow;

static const MessageRow message_rows[WIRE_MESSAGES] = {
#define WIRE_MESSAGE(id, message, graph_bytes) [W_##id] = {&pb__##message##__descriptor, graph_bytes},
#include "frontend/onnx/wire.def"
};

/* A message that is being scanned. */
typedef struct Frame {
    WireMessage kind;
    const unsigned char *end;
    uint32_t seen;  /* numbers of singular fields that occurred */
    size_t length;  /* where the length prefix is in the skeleton */
    size_t body;    /* where the body begins in the skeleton */
} Frame;

typedef struct Scan {
    weir_context *cx;
    const Source *source;
    const unsigned char *start;
    uint64_t cost, most_cost, most_count, n_messages;
    uint32_t graphs, types, most_graphs;
    unsigned char *out; /* NULL in the first pass */
    size_t n_out, room;
    WireTensor *tensors;
    uint32_t n_tensors;
    uint32_t depth;
    Frame frames[MOST_MESSAGES];
} Scan;

/* ---- reading fields ---- */

const unsigned char *wire_varint(const unsigned char *p, const unsigned char *end, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (p == end)
            return NULL;
        unsigned char byte = *p++;
        if (shift == 63 && byte > 1)
            return NULL;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return p;
        }
    }
    return NULL;
}

const unsigned char *wire_field(const unsigned char *p, const unsigned char *end, WireField *out_field,
                                const char **out_fault)
{
    uint64_t key, length;
    *out_fault = "a number is cut off or longer than 64 bits";
    p = wire_varint(p, end, &key);
    if (p == NULL)
        return NULL;
    if (key >> 3 == 0 || key >> 32 != 0) {
        *out_fault = "no field has this number";
        return NULL;
    }
    *out_field = (WireField){.number = (uint32_t)(key >> 3), .type = (unsigned)(key & 7), .at = p};
    switch (out_field->type) {
    case 0:
        p = wire_varint(p, end, &out_field->varint);
        out_field->bytes = p == NULL ? 0 : (size_t)(p - out_field->at);
        return p;
    case 1:
    case 5:
        length = out_field->type == 1 ? 8 : 4;
        break;
    case 2:
        p = wire_varint(p, end, &length);
        if (p == NULL)
            return NULL;
        break;
    default:
        *out_fault = "a wire type that ONNX does not use";
        return NULL;
    }
    if (length > (uint64_t)(end - p)) {
        *out_fault = "a field is longer than what contains it";
        return NULL;
    }
    out_field->at = p;
    out_field->bytes = (size_t)length;
    return p + length;
}

/* ---- faults ---- */

static weir_status malformed(Scan *s, const unsigned char *at, const char *what)
{
    diag(&s->cx->diag, place_file(s->source), E_ONNX_WIRE, (unsigned long long)(at - s->start), what);
    return WEIR_MALFORMED;
}

static weir_status over(Scan *s, const char *what, uint64_t value, uint64_t limit, const char *option)
{
    diag(&s->cx->diag, place_file(s->source), E_LIMIT, what, (long long)value, (long long)limit, option);
    return WEIR_LIMIT;
}

/* ---- strings ---- */

/* The number of bytes of the UTF-8 sequence at `p`, 0 if it is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90);
    bool outside = (c == 0xed && p[1] >= 0xa0) || (c == 0xf4 && p[1] >= 0x90);
    return overlong || outside ? 0 : n;
}

static weir_status check_string(Scan *s, const WireField *field, FieldKind kind)
{
    if (kind == F_NAME && field->bytes > MOST_NAME)
        return over(s, "bytes of a name", field->bytes, MOST_NAME, "fixed");
    const unsigned char *end = field->at + field->bytes;
    for (const unsigned char *p = field->at; p != end;) {
        size_t n = utf8_sequence(p, (size_t)(end - p));
        if (n == 0)
            return malformed(s, p, "a string is not UTF-8");
        if (*p == 0)
            return malformed(s, p, "a string contains a zero byte");
        p += n;
    }
    return WEIR_OK;
}

/* ---- the skeleton ---- */

static void emit(Scan *s, const unsigned char *data, size_t n)
{
    if (s->out == NULL) {
        s->n_out += n;
        return;
    }
    if (n > s->room - s->n_out)
        weir_bug(s->cx, "the passes over %s differ", s->source->path);
    memcpy(s->out + s->n_out, data, n);
    s->n_out += n;
}

static void emit_varint(Scan *s, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    emit(s, bytes, n);
}

/* Fills the prefix of a message that has ended: as many groups as were kept free. */
static void fill_length(Scan *s, const Frame *f)
{
    if (s->out == NULL || f->length == f->body)
        return;
    uint64_t length = s->n_out - f->body;
    for (size_t i = f->length; i < f->body; i++, length >>= 7)
        s->out[i] = (unsigned char)((length & 0x7f) | (i + 1 < f->body ? 0x80u : 0u));
}

/* ---- the scan ---- */

static weir_status add_cost(Scan *s, uint64_t bytes)
{
    s->cost += bytes;
    return s->cost <= s->most_cost
               ? WEIR_OK
               : over(s, "memory for the model's structure", s->cost, s->most_cost,
                      "fixed: 40 MiB and 24 times the file");
}

static uint64_t varints_in(const WireField *field)
{
    uint64_t n = 0;
    for (size_t i = 0; i < field->bytes; i++)
        n += field->at[i] < 0x80;
    return n;
}

static weir_status check_packed_varints(Scan *s, const WireField *field)
{
    const unsigned char *end = field->at + field->bytes;
    for (const unsigned char *p = field->at; p != end;) {
        uint64_t value;
        const unsigned char *next = wire_varint(p, end, &value);
        if (next == NULL)
            return malformed(s, p, "a number is cut off or longer than 64 bits");
        p = next;
    }
    return WEIR_OK;
}

static bool wire_type_fits(FieldKind kind, unsigned type)
{
    switch (kind) {
    case F_VARINT:
        return type == 0;
    case F_F32:
        return type == 5;
    case F_VARINTS:
    case F_VALUE_VARINT:
        return type == 0 || type == 2;
    case F_F32S:
    case F_VALUE_F32:
        return type == 5 || type == 2;
    case F_VALUE_F64:
        return type == 1 || type == 2;
    default:
        return type == 2;
    }
}

/* What is inside a field that is no message. */
static weir_status check_content(Scan *s, const WireField *field, FieldKind kind)
{
    if (field->type == 2 && (kind == F_NAME || kind == F_TEXT))
        return check_string(s, field, kind);
    if (field->type == 2 && (kind == F_VARINTS || kind == F_VALUE_VARINT))
        return check_packed_varints(s, field);
    size_t unit = kind == F_F32S || kind == F_VALUE_F32 ? 4 : kind == F_VALUE_F64 ? 8 : 1;
    if (field->type == 2 && field->bytes % unit != 0)
        return malformed(s, field->at, "a packed list ends within an element");
    return WEIR_OK;
}

/* The memory of a kept field. */
static weir_status count_content(Scan *s, const WireField *field, FieldKind kind)
{
    uint64_t cost = FIELD_COST;
    if (kind == F_NAME || kind == F_TEXT || kind == F_BYTES)
        cost += STRING_COST + POINTER_COST + 2 * (uint64_t)field->bytes;
    else if (kind == F_VARINTS)
        cost += 16 * (field->type == 2 ? varints_in(field) : 1);
    else if (kind == F_F32S)
        cost += 8 * (uint64_t)field->bytes / 4;
    return add_cost(s, cost);
}

/* `prefix`: bytes kept for the length. */
static weir_status open_message(Scan *s, WireMessage kind, const WireField *field, size_t prefix)
{
    if (s->depth == MOST_MESSAGES)
        return over(s, "messages within messages", MOST_MESSAGES + 1, MOST_MESSAGES, "fixed");
    if (kind == W_GRAPH && ++s->graphs > s->most_graphs)
        return over(s, "graphs within graphs", s->graphs, s->most_graphs, "--max-nesting");
    if (kind == W_TYPE && ++s->types > MOST_TYPES)
        return over(s, "types within types", s->types, MOST_TYPES, "fixed");
    if (++s->n_messages > s->most_count)
        return over(s, "nodes, attributes, tensors and other parts", s->n_messages, s->most_count, "--max-count");
    const MessageRow *row = &message_rows[kind];
    TRY(add_cost(s, row->descriptor->sizeof_message + row->graph_bytes + POINTER_COST + FIELD_COST));
    static const unsigned char room[MOST_PREFIX];
    size_t length = s->n_out;
    emit(s, room, prefix);
    s->frames[s->depth++] = (Frame){.kind = kind, .end = field->at + field->bytes, .length = length, .body = s->n_out};
    if (kind != W_TENSOR)
        return WEIR_OK;
    if (s->tensors != NULL)
        s->tensors[s->n_tensors] = (WireTensor){field->at, field->bytes};
    emit_varint(s, 1000 << 3); /* TensorProto.view */
    emit_varint(s, s->n_tensors++);
    return WEIR_OK;
}

static void close_message(Scan *s)
{
    Frame *f = &s->frames[--s->depth];
    fill_length(s, f);
    if (f->kind == W_GRAPH)
        s->graphs--;
    if (f->kind == W_TYPE)
        s->types--;
}

/* The field at `at`. */
static weir_status scan_field(Scan *s, Frame *f, const unsigned char *at, const WireField *field)
{
    static const FieldRow unknown = {F_UNKNOWN, W_NONE, MANY};
    const FieldRow *row = field->number < FIELD_NUMBERS ? &field_rows[f->kind][field->number] : &unknown;
    if (row->kind == F_UNKNOWN)
        return WEIR_OK;
    if (!wire_type_fits((FieldKind)row->kind, field->type))
        return malformed(s, at, "the wire type does not fit the field");
    if (row->count == ONCE) {
        if ((f->seen >> field->number & 1) != 0)
            return malformed(s, at, "a field is given twice");
        f->seen |= 1u << field->number;
    }
    if (row->kind != F_MESSAGE && s->out == NULL)
        TRY(check_content(s, field, (FieldKind)row->kind));
    if (row->kind >= F_VALUE_RAW)
        return WEIR_OK;
    emit_varint(s, (uint64_t)field->number << 3 | field->type);
    if (row->kind == F_MESSAGE) /* room for any length: TensorProto.view may take more than the values left out */
        return open_message(s, (WireMessage)row->sub, field, MOST_PREFIX);
    TRY(count_content(s, field, (FieldKind)row->kind));
    if (field->type == 2)
        emit_varint(s, field->bytes);
    emit(s, field->at, field->bytes);
    return WEIR_OK;
}

static weir_status scan(Scan *s, WireMessage root, size_t bytes)
{
    const unsigned char *p = s->start;
    s->depth = s->n_tensors = s->graphs = s->types = 0;
    s->n_out = 0;
    s->cost = s->n_messages = 0;
    TRY(open_message(s, root, &(WireField){.at = p, .bytes = bytes}, 0));
    for (;;) {
        while (s->depth != 0 && p == s->frames[s->depth - 1].end)
            close_message(s);
        if (s->depth == 0)
            return WEIR_OK;
        Frame *f = &s->frames[s->depth - 1];
        uint32_t depth = s->depth;
        WireField field;
        const char *fault;
        const unsigned char *next = wire_field(p, f->end, &field, &fault);
        if (next == NULL)
            return malformed(s, p, fault);
        TRY(scan_field(s, f, p, &field));
        p = s->depth > depth ? field.at : next;
    }
}

weir_status wire_skeleton(weir_context *cx, const Source *source, WireMessage root, const unsigned char *data,
                          size_t bytes, Arena *arena, WireSkeleton *out_skeleton)
{
    static const unsigned char nothing[1];
    Scan *s = ARENA_NEW(&cx->arena, Scan);
    s->cx = cx;
    s->source = source;
    s->start = bytes == 0 ? nothing : data;
    s->most_cost = COST_BASE + COST_FACTOR * (uint64_t)bytes;
    s->most_count = cx->limits.count;
    s->most_graphs = cx->limits.nesting;
    TRY(scan(s, root, bytes));
    if (s->n_out > INT32_MAX)
        return over(s, "bytes of the model's structure", s->n_out, INT32_MAX, "fixed");
    s->room = s->n_out;
    unsigned char *out = arena_try_alloc(arena, s->room + 1);
    WireTensor *tensors = arena_try_alloc(arena, (s->n_tensors + 1) * sizeof *tensors);
    if (out == NULL || tensors == NULL)
        return over(s, "memory for the model's structure", s->cost, arena->limit_bytes, "--max-memory");
    s->out = out;
    s->tensors = tensors;
    TRY(scan(s, root, bytes));
    if (s->n_out != s->room)
        weir_bug(cx, "the passes over %s differ", source->path);
    *out_skeleton = (WireSkeleton){out, s->n_out, tensors, s->n_tensors, s->cost};
    return WEIR_OK;
}
