/*
 * frontend/onnx/payload.c: the values of a tensor, from the wire or a file, as one storage unit an element.
 *
 * In:   the checked bytes of a TensorProto (wire.c), or external bytes. Out: Initializer.tensor.data.
 * Keep: the values given are counted against the shape before memory is taken for them; bytes that already have the
 *       memory form are not copied but pointed at.
 */
#include <stdarg.h>
#include <string.h>

#include "frontend/onnx/reader.h"
#include "support/file.h"

/* The fields of TensorProto that hold values. */
enum {
    FLOAT_DATA = 4, INT32_DATA = 5, STRING_DATA = 6, INT64_DATA = 7, RAW_DATA = 9, DOUBLE_DATA = 10, UINT64_DATA = 11
};

enum { IN_ARENA = 1 << 16, SPARSE_BASE = 1 << 24, SPARSE_FACTOR = 64, COPY_ELEMENTS = 1 << 22 };

/* By the number of a type in the file: the field of its typed form, entries an element, elements an entry. */
typedef struct TypedForm {
    uint8_t field, entries, elements;
} TypedForm;

static const TypedForm typed_forms[ONNX_TYPES] = {
    [1] = {FLOAT_DATA, 1, 1},   [2] = {INT32_DATA, 1, 1},   [3] = {INT32_DATA, 1, 1},    [4] = {INT32_DATA, 1, 1},
    [5] = {INT32_DATA, 1, 1},   [6] = {INT32_DATA, 1, 1},   [7] = {INT64_DATA, 1, 1},    [8] = {STRING_DATA, 1, 1},
    [9] = {INT32_DATA, 1, 1},   [10] = {INT32_DATA, 1, 1},  [11] = {DOUBLE_DATA, 1, 1},  [12] = {UINT64_DATA, 1, 1},
    [13] = {UINT64_DATA, 1, 1}, [14] = {FLOAT_DATA, 2, 1},  [15] = {DOUBLE_DATA, 2, 1},  [16] = {INT32_DATA, 1, 1},
    [17] = {INT32_DATA, 1, 1},  [18] = {INT32_DATA, 1, 1},  [19] = {INT32_DATA, 1, 1},   [20] = {INT32_DATA, 1, 1},
    [21] = {INT32_DATA, 1, 2},  [22] = {INT32_DATA, 1, 2},  [23] = {INT32_DATA, 1, 2},   [24] = {INT32_DATA, 1, 1},
    [25] = {INT32_DATA, 1, 4},  [26] = {INT32_DATA, 1, 4},
};

void reader_fault(Reader *r, weir_status status)
{
    if (r->status == WEIR_OK)
        r->status = status;
}

bool tensor_fault(Reader *r, Name name, weir_status status, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    diag(&r->cx->diag, r->place, E_ONNX_TENSOR, cx_text(r->cx, name), text);
    reader_fault(r, status);
    return false;
}

/* ---- the typed fields ---- */

/* What a tensor's message holds: the one field with values, its entries, raw_data. */
typedef struct Found {
    uint32_t field; /* 0: none */
    uint64_t entries;
    RawBytes raw;
    bool has_raw, several;
} Found;

static uint64_t entries_in(const WireField *f)
{
    if (f->type != 2 || f->number == STRING_DATA)
        return 1;
    if (f->number == FLOAT_DATA)
        return f->bytes / 4;
    if (f->number == DOUBLE_DATA)
        return f->bytes / 8;
    uint64_t n = 0;
    for (size_t i = 0; i < f->bytes; i++)
        n += f->at[i] < 0x80;
    return n;
}

static bool is_value_field(uint32_t number)
{
    return (number >= FLOAT_DATA && number <= INT64_DATA) || number == DOUBLE_DATA || number == UINT64_DATA;
}

static Found find_values(const Reader *r, const WireTensor *wire)
{
    Found found = {0};
    const unsigned char *end = wire->at + wire->bytes;
    const char *fault;
    WireField f;
    for (const unsigned char *p = wire->at; p != end;) {
        p = wire_field(p, end, &f, &fault);
        if (p == NULL)
            weir_bug(r->cx, "a checked tensor is malformed: %s", fault);
        if (f.number == RAW_DATA) {
            found.has_raw = true;
            found.raw = (RawBytes){f.at, f.bytes, r->source->path, (uint64_t)(f.at - r->data), r->mapped};
        }
        if (!is_value_field(f.number) || entries_in(&f) == 0)
            continue;
        found.several |= found.field != 0 && found.field != f.number;
        found.field = f.number;
        found.entries += entries_in(&f);
    }
    return found;
}

/* An entry of int32_data, int64_data or uint64_data. */
typedef struct IntegerSink {
    Dtype type;
    unsigned char *to; /* elements, or packed bytes where several elements share an entry */
    bool packed;
    bool int32;  /* entries are 32 bits wide, whatever the varint says */
    size_t i;
    bool fits; /* all so far */
    uint64_t misfit;
} IntegerSink;

static void put_integer(IntegerSink *sink, uint64_t bits)
{
    if (sink->int32)
        bits = (uint64_t)(int64_t)(int32_t)(uint32_t)bits;
    int64_t value = (int64_t)bits;
    bool fits = true;
    if (sink->packed) {
        fits = value >= -128 && value <= 255;
        sink->to[sink->i] = (unsigned char)bits;
    } else if (dtype_kind(sink->type) == DK_BOOL) {
        sink->to[sink->i] = bits != 0;
    } else if (dtype_is_int(sink->type)) {
        if (sink->type != DT_U64)
            fits = dtype_kind(sink->type) == DK_SIGNED
                       ? value >= dtype_int_min(sink->type) && value <= (int64_t)dtype_int_max(sink->type)
                       : bits <= dtype_int_max(sink->type);
        dtype_store_i64(sink->type, sink->to, sink->i, value);
    } else if (dtype_bytes(sink->type) == 2) {
        fits = bits <= UINT16_MAX;
        memcpy(sink->to + 2 * sink->i, &(uint16_t){(uint16_t)bits}, 2);
    } else {
        fits = bits <= UINT8_MAX;
        sink->to[sink->i] = (unsigned char)bits;
    }
    if (!fits && sink->fits)
        sink->misfit = bits;
    sink->fits &= fits;
    sink->i++;
}

static void put_integers(IntegerSink *sink, const WireField *f)
{
    if (f->type == 0) {
        put_integer(sink, f->varint);
        return;
    }
    const unsigned char *end = f->at + f->bytes;
    for (const unsigned char *p = f->at; p != NULL && p != end;) {
        uint64_t bits = 0;
        p = wire_varint(p, end, &bits);
        put_integer(sink, bits);
    }
}

/* Copies all entries of `field` to `to` (floats as they are). */
static void copy_entries(Reader *r, const WireTensor *wire, uint32_t field, unsigned char *to, IntegerSink *sink,
                         Name *strings)
{
    const unsigned char *end = wire->at + wire->bytes;
    const char *fault;
    WireField f;
    for (const unsigned char *p = wire->at; p != end;) {
        p = wire_field(p, end, &f, &fault);
        if (f.number != field)
            continue;
        if (field == STRING_DATA) {
            *strings++ = cx_intern(r->cx, (const char *)f.at, f.bytes);
        } else if (field == FLOAT_DATA || field == DOUBLE_DATA) {
            if (f.bytes != 0)
                memcpy(to, f.at, f.bytes);
            to += f.bytes;
        } else {
            put_integers(sink, &f);
        }
    }
}

/* Memory for the elements of `t`, from the arena where they are few; NULL after reporting. */
static void *new_data(Reader *r, Initializer *t, uint64_t bytes)
{
    if (bytes > r->cx->limits.memory_bytes) {
        diag(&r->cx->diag, r->place, E_LIMIT, "bytes of a tensor", (long long)bytes,
             (long long)r->cx->limits.memory_bytes, "--max-memory");
        reader_fault(r, WEIR_LIMIT);
        return NULL;
    }
    t->tensor.writable = true;
    t->tensor.data =
        bytes <= IN_ARENA ? arena_alloc(&r->cx->arena, (size_t)bytes) : context_buffer(r->cx, (size_t)bytes);
    return t->tensor.data;
}

static void read_typed(Reader *r, const WireTensor *wire, const Found *found, uint64_t n, Initializer *t)
{
    const TypedForm *form = &typed_forms[t->onnx_type];
    uint64_t need = form->entries * n / form->elements + (n % form->elements != 0);
    if (found->entries != need) {
        tensor_fault(r, t->name, WEIR_INVALID, "%llu values are given, type and shape need %llu",
                     (unsigned long long)found->entries, (unsigned long long)need);
        return;
    }
    if (need == 0 && form->field != STRING_DATA) {
        t->tensor.data = arena_alloc(&r->cx->arena, 0);
        return;
    }
    if (form->field != found->field && need != 0) {
        tensor_fault(r, t->name, WEIR_INVALID, "the values are in a field of another type");
        return;
    }
    if (form->field == STRING_DATA) {
        t->strings = ARENA_ARRAY(&r->cx->arena, Name, (size_t)n);
        copy_entries(r, wire, form->field, NULL, NULL, t->strings);
        return;
    }
    size_t unit = t->tensor.type == DT_NONE ? (t->onnx_type == ONNX_COMPLEX64 ? 8 : 16) : dtype_bytes(t->tensor.type);
    unsigned char *to = new_data(r, t, n * unit);
    if (to == NULL)
        return;
    bool packed = form->elements > 1;
    unsigned char *entries = packed ? arena_alloc(&r->cx->arena, (size_t)need) : to;
    IntegerSink sink = {.type = t->tensor.type, .to = entries, .packed = packed, .fits = true};
    sink.int32 = form->field == INT32_DATA;
    copy_entries(r, wire, form->field, to, &sink, NULL);
    if (packed)
        packed_decode(t->tensor.type, entries, (size_t)n, to);
    if (!sink.fits)
        tensor_fault(r, t->name, WEIR_INVALID, "the value %lld does not fit the type", (long long)sink.misfit);
}

/* ---- raw bytes ---- */

static bool is_memory_form(const Initializer *t, const RawBytes *raw, uint64_t n)
{
    if (t->tensor.type == DT_NONE)
        return (uintptr_t)raw->at % 8 == 0;
    if (t->tensor.type == DT_BOOL) {
        for (uint64_t i = 0; i < n; i++)
            if (raw->at[i] > 1)
                return false;
        return true;
    }
    return dtype_bits(t->tensor.type) >= 8 && (uintptr_t)raw->at % dtype_bytes(t->tensor.type) == 0;
}

static uint64_t raw_need(const Initializer *t, uint64_t n)
{
    if (t->tensor.type == DT_NONE)
        return n * (t->onnx_type == ONNX_COMPLEX64 ? 8 : 16);
    return packed_bytes(t->tensor.type, (size_t)n);
}

/* Decodes piece by piece and gives the pages read back, so that a big file is not in memory twice. */
static void decode_raw(const RawBytes *raw, Dtype type, size_t n, unsigned char *to)
{
    for (size_t i = 0; i < n; i += COPY_ELEMENTS) { /* a multiple of what shares a byte */
        size_t piece = n - i < COPY_ELEMENTS ? n - i : COPY_ELEMENTS;
        const unsigned char *from = raw->at + packed_bytes(type, i);
        packed_decode(type, from, piece, to + i * dtype_bytes(type));
        if (raw->mapped && n >= COPY_ELEMENTS)
            file_forget(from, packed_bytes(type, piece));
    }
}

static void read_raw(Reader *r, const RawBytes *raw, uint64_t n, Initializer *t)
{
    t->file = raw->file;
    t->file_offset = raw->file_offset;
    if (n == 0) {
        t->tensor.data = arena_alloc(&r->cx->arena, 0);
    } else if (is_memory_form(t, raw, n)) {
        union {
            const void *from;
            void *to;
        } view = {.from = raw->at};
        t->tensor.data = view.to;
    } else if (t->tensor.type == DT_NONE) {
        void *to = new_data(r, t, raw->bytes);
        if (to != NULL)
            memcpy(to, raw->at, raw->bytes);
    } else {
        void *to = new_data(r, t, n * dtype_bytes(t->tensor.type));
        if (to != NULL)
            decode_raw(raw, t->tensor.type, (size_t)n, to);
    }
}

/* The elements of the shape; false after reporting that they can't be counted (with 16 bytes each, 63 bits). */
static bool count_elements(Reader *r, const Initializer *t, uint64_t *out_n)
{
    int64_t n = tensor_elements(&t->tensor);
    if (n < 0 || n > INT64_MAX / 16)
        return tensor_fault(r, t->name, WEIR_INVALID, "the shape has more elements than can be counted");
    *out_n = (uint64_t)n;
    return true;
}

void payload_read(Reader *r, const WireTensor *wire, const ExternalData *external, Initializer *t)
{
    uint64_t n = 0;
    Found found = find_values(r, wire);
    if (!count_elements(r, t, &n))
        return;
    if (found.several || (found.has_raw && found.raw.bytes != 0 && found.field != 0)) {
        tensor_fault(r, t->name, WEIR_INVALID, "values are given in two forms");
        return;
    }
    bool raw = external->given || (found.has_raw && found.field == 0);
    if (raw && t->onnx_type == ONNX_STRING) {
        tensor_fault(r, t->name, WEIR_INVALID, "strings have no raw form");
        return;
    }
    if (!raw) {
        read_typed(r, wire, &found, n, t);
        return;
    }
    uint64_t need = raw_need(t, n);
    RawBytes bytes = found.raw;
    if (external->given) {
        if (found.field != 0 || (found.has_raw && found.raw.bytes != 0))
            tensor_fault(r, t->name, WEIR_INVALID, "values are given in the file and outside it");
        else if (external_find(r, t->name, external, need, &bytes))
            read_raw(r, &bytes, n, t);
        return;
    }
    if (bytes.bytes != need) {
        tensor_fault(r, t->name, WEIR_INVALID, "%llu bytes are given, type and shape need %llu",
                     (unsigned long long)bytes.bytes, (unsigned long long)need);
        return;
    }
    read_raw(r, &bytes, n, t);
}

/* ---- sparse tensors ---- */

/* The flat position of value `k`, or -1. */
static int64_t sparse_position(const Initializer *indices, const Tensor *dense, int64_t elements, int64_t k)
{
    const int64_t *at = indices->tensor.data;
    if (indices->tensor.n_dims == 1)
        return at[k] >= 0 && at[k] < elements ? at[k] : -1;
    int64_t flat = 0;
    for (uint32_t d = 0; d < dense->n_dims; d++) {
        int64_t x = at[k * dense->n_dims + d];
        if (x < 0 || x >= dense->extent[d])
            return -1;
        flat = flat * dense->extent[d] + x;
    }
    return flat;
}

void sparse_expand(Reader *r, const Initializer *values, const Initializer *indices, Initializer *out)
{
    const Tensor *v = &values->tensor, *x = &indices->tensor;
    uint64_t n = 0;
    if (!count_elements(r, out, &n))
        return;
    bool rows = x->n_dims == 2 && x->extent[1] == out->tensor.n_dims;
    if (v->type == DT_NONE || v->data == NULL || x->type != DT_I64 || x->data == NULL || v->n_dims != 1 ||
        (x->n_dims != 1 && !rows) || x->extent[0] != v->extent[0]) {
        tensor_fault(r, out->name, WEIR_INVALID, "values and indices of a sparse tensor do not fit each other");
        return;
    }
    size_t unit = dtype_bytes(v->type);
    uint64_t most = SPARSE_BASE + SPARSE_FACTOR * (uint64_t)v->extent[0] * unit;
    if (n * unit > most) {
        diag(&r->cx->diag, r->place, E_LIMIT, "bytes of a sparse tensor's dense form", (long long)(n * unit),
             (long long)most, "fixed: 16 MiB and 64 times the values");
        reader_fault(r, WEIR_LIMIT);
        return;
    }
    unsigned char *to = new_data(r, out, n * unit);
    for (int64_t k = 0; to != NULL && k < v->extent[0]; k++) {
        int64_t at = sparse_position(indices, &out->tensor, (int64_t)n, k);
        if (at < 0) {
            tensor_fault(r, out->name, WEIR_INVALID, "index %lld lies outside the sparse tensor", (long long)k);
            return;
        }
        memcpy(to + (size_t)at * unit, (const unsigned char *)v->data + (size_t)k * unit, unit);
    }
}
