/*
 * support/npy.c: .npy: a magic, a version, a header that is a Python dictionary, then the elements.
 * Format: NumPy Enhancement Proposal 1, versions 1.0, 2.0, 3.0.
 */
#include "support/npy.h"

#include <stdio.h>
#include <string.h>

enum { MAGIC_BYTES = 8, HEADER_ALIGN = 64, HEADER_MOST = 1 << 20 };

typedef struct Header {
    Dtype type;
    bool big_endian, fortran;
    uint32_t n_dims;
    int64_t extent[TENSOR_MAX_DIMS];
    size_t data_at;
} Header;

/* The header's text while it is read. */
typedef struct Scan {
    const char *at, *end;
} Scan;

static weir_status malformed(weir_context *cx, const char *path, const char *why)
{
    diag(&cx->diag, place_none(), E_READ, path, why);
    return WEIR_MALFORMED;
}

static void skip_blanks(Scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool take(Scan *s, char c)
{
    skip_blanks(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool take_word(Scan *s, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(s);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

/* 'text' or "text", without escapes. */
static bool take_string(Scan *s, const char **out_text, size_t *out_n)
{
    skip_blanks(s);
    if (s->at == s->end || (*s->at != '\'' && *s->at != '"'))
        return false;
    const char *close = memchr(s->at + 1, *s->at, (size_t)(s->end - s->at) - 1);
    if (close == NULL)
        return false;
    *out_text = s->at + 1;
    *out_n = (size_t)(close - s->at) - 1;
    s->at = close + 1;
    return true;
}

static bool take_extent(Scan *s, int64_t *out)
{
    skip_blanks(s);
    const char *start = s->at;
    int64_t value = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s->at - '0', &value))
            return false;
    *out = value;
    return s->at != start;
}

static bool take_shape(Scan *s, Header *h)
{
    if (!take(s, '('))
        return false;
    while (!take(s, ')')) {
        if (h->n_dims == TENSOR_MAX_DIMS || !take_extent(s, &h->extent[h->n_dims++]))
            return false;
        take(s, 'L'); /* Python 2 wrote long integers so */
        if (!take(s, ','))
            return take(s, ')');
    }
    return true;
}

static bool read_descr(const char *text, size_t n, Header *h)
{
    static const struct {
        char code[3];
        Dtype type;
    } codes[] = {{"f2", DT_F16}, {"f4", DT_F32}, {"f8", DT_F64}, {"i1", DT_I8},  {"i2", DT_I16}, {"i4", DT_I32},
                 {"i8", DT_I64}, {"u1", DT_U8},  {"u2", DT_U16}, {"u4", DT_U32}, {"u8", DT_U64}, {"b1", DT_BOOL}};
    if (n != 3 || strchr("<>|=", text[0]) == NULL)
        return false;
    h->big_endian = text[0] == '>';
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (memcmp(codes[i].code, text + 1, 2) == 0)
            h->type = codes[i].type;
    return h->type != DT_NONE;
}

static const char *read_dictionary(Scan s, Header *h)
{
    bool has_shape = false, has_order = false;
    if (!take(&s, '{'))
        return "no .npy header";
    while (!take(&s, '}')) {
        const char *key, *text;
        size_t n, length;
        if (!take_string(&s, &key, &n) || !take(&s, ':'))
            return "the .npy header is no dictionary";
        if (n == 5 && memcmp(key, "descr", 5) == 0) {
            if (!take_string(&s, &text, &length) || !read_descr(text, length, h))
                return "a .npy element type that has no counterpart";
        } else if (n == 13 && memcmp(key, "fortran_order", 13) == 0) {
            h->fortran = take_word(&s, "True");
            has_order = h->fortran || take_word(&s, "False");
        } else if (n == 5 && memcmp(key, "shape", 5) == 0 && !has_shape) {
            has_shape = take_shape(&s, h);
            if (!has_shape)
                return "the .npy shape is wrong";
        } else {
            return "an unknown key in the .npy header";
        }
        take(&s, ',');
    }
    return has_shape && has_order && h->type != DT_NONE ? NULL : "the .npy header lacks a key";
}

static const char *read_header(const unsigned char *data, size_t bytes, Header *h)
{
    if (bytes < MAGIC_BYTES + 2 || memcmp(data, "\x93NUMPY", 6) != 0)
        return "not a .npy file";
    unsigned version = data[6];
    if (version < 1 || version > 3)
        return "an unknown .npy version";
    size_t width = version == 1 ? 2 : 4, length = 0;
    if (bytes < MAGIC_BYTES + width)
        return "the .npy header is cut off";
    for (size_t i = width; i-- > 0;)
        length = length << 8 | data[MAGIC_BYTES + i];
    h->data_at = MAGIC_BYTES + width;
    if (length > HEADER_MOST || length > bytes - h->data_at)
        return "the .npy header is cut off";
    const char *text = (const char *)data + h->data_at;
    h->data_at += length;
    return read_dictionary((Scan){text, text + length}, h);
}

/* ---- elements ---- */

static void copy_element(unsigned char *to, const unsigned char *from, size_t bytes, bool reversed)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = from[reversed ? bytes - 1 - i : i];
}

/* Row-major copy of elements in either order; bools become 0 or 1. */
static void reorder(const Header *h, const unsigned char *from, unsigned char *to, size_t n)
{
    size_t bytes = dtype_bytes(h->type);
    int64_t at[TENSOR_MAX_DIMS] = {0};
    size_t stride[TENSOR_MAX_DIMS], run = 1;
    for (uint32_t i = 0; i < h->n_dims; i++) {
        stride[i] = run;
        run *= (size_t)h->extent[i];
    }
    for (size_t k = 0; k < n; k++) {
        size_t source = k;
        if (h->fortran) {
            source = 0;
            for (uint32_t i = 0; i < h->n_dims; i++)
                source += (size_t)at[i] * stride[i];
        }
        copy_element(to + k * bytes, from + source * bytes, bytes, h->big_endian);
        if (h->type == DT_BOOL)
            to[k] = to[k] != 0;
        for (uint32_t i = h->n_dims; i-- > 0;) {
            if (++at[i] < h->extent[i])
                break;
            at[i] = 0;
        }
    }
}

weir_status npy_decode(weir_context *cx, const char *path, const void *data, size_t bytes, Tensor *out_tensor)
{
    Header h = {0};
    const char *why = read_header(data, bytes, &h);
    if (why != NULL)
        return malformed(cx, path, why);
    Tensor tensor = {.type = h.type, .n_dims = h.n_dims};
    memcpy(tensor.extent, h.extent, sizeof tensor.extent);
    int64_t n = tensor_elements(&tensor);
    if (n < 0 || (uint64_t)n > (bytes - h.data_at) / dtype_bytes(h.type))
        return malformed(cx, path, "the .npy file has fewer elements than its shape says");
    const unsigned char *elements = (const unsigned char *)data + h.data_at;
    bool as_is = !h.big_endian && !(h.fortran && h.n_dims > 1) && h.type != DT_BOOL;
    if (as_is) {
        tensor.data = (void *)(uintptr_t)elements;
    } else {
        tensor = tensor_new(cx, h.type, h.n_dims, h.extent);
        reorder(&h, elements, tensor.data, (size_t)n);
    }
    *out_tensor = tensor;
    return WEIR_OK;
}

weir_status npy_read(weir_context *cx, const char *path, Tensor *out_tensor)
{
    MappedFile file;
    TRY(file_map(cx, path, &file));
    return npy_decode(cx, path, file.data, file.bytes, out_tensor);
}

/* ---- writing ---- */

static Dtype written_as(Dtype type)
{
    switch (type) {
    case DT_I4:
    case DT_I2:
        return DT_I8;
    case DT_U4:
    case DT_U2:
        return DT_U8;
    case DT_BF16:
        return DT_F32;
    default:
        return dtype_kind(type) == DK_CODE ? DT_F32 : type;
    }
}

static const char *descr_of(Dtype type)
{
    static const char *const descr[DT_COUNT] = {
        [DT_F64] = "<f8", [DT_F32] = "<f4", [DT_F16] = "<f2", [DT_I64] = "<i8", [DT_I32] = "<i4", [DT_I16] = "<i2",
        [DT_I8] = "|i1",  [DT_U64] = "<u8", [DT_U32] = "<u4", [DT_U16] = "<u2", [DT_U8] = "|u1",  [DT_BOOL] = "|b1"};
    return descr[type];
}

static char *header_text(weir_context *cx, const Tensor *tensor, Dtype type)
{
    const char *shape = "";
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        shape = arena_printf(&cx->arena, "%s%s%lld%s", shape, i == 0 ? "" : ", ", (long long)tensor->extent[i],
                             tensor->n_dims == 1 ? "," : "");
    const char *text = arena_printf(&cx->arena, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr_of(type), shape);
    size_t used = MAGIC_BYTES + 2 + strlen(text) + 1;
    size_t padding = (HEADER_ALIGN - used % HEADER_ALIGN) % HEADER_ALIGN;
    return arena_printf(&cx->arena, "%s%*s\n", text, (int)padding, "");
}

void npy_encode(weir_context *cx, const Tensor *tensor, unsigned char **out_data, size_t *out_bytes)
{
    Dtype type = written_as(tensor->type);
    size_t n = tensor_bytes(cx, tensor) / dtype_bytes(tensor->type);
    size_t element_bytes = arena_array_bytes(&cx->arena, n, dtype_bytes(type));
    const char *header = header_text(cx, tensor, type);
    size_t length = strlen(header), start = MAGIC_BYTES + 2 + length;
    unsigned char *data = arena_alloc(&cx->arena, start + element_bytes);
    memcpy(data, "\x93NUMPY\x01", MAGIC_BYTES); /* the last byte is the NUL: minor version 0 */
    data[MAGIC_BYTES] = (unsigned char)(length & 0xff);
    data[MAGIC_BYTES + 1] = (unsigned char)(length >> 8);
    memcpy(data + MAGIC_BYTES + 2, header, length);
    if (dtype_bytes(type) == dtype_bytes(tensor->type) && element_bytes != 0)
        memcpy(data + start, tensor->data, element_bytes);
    if (dtype_kind(type) != dtype_kind(tensor->type) || dtype_bytes(type) != dtype_bytes(tensor->type))
        for (size_t i = 0; i < n; i++)
            dtype_store_f64(type, data + start, i, dtype_load_f64(tensor->type, tensor->data, i));
    *out_data = data;
    *out_bytes = start + element_bytes;
}

weir_status npy_write(weir_context *cx, const char *path, const Tensor *tensor)
{
    unsigned char *data;
    size_t bytes;
    npy_encode(cx, tensor, &data, &bytes);
    return file_write(cx, path, data, bytes);
}
