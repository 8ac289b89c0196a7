/*
 * ir/constant.c: values of constants: inline, from a file, seeded.
 */
#include <stdio.h>
#include <string.h>

#include "ir/format.h"
#include "support/file.h"

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static float seeded_normal(uint64_t *state)
{
    int64_t sum = -6 * (INT64_C(1) << 24);
    for (int k = 0; k < 12; k++)
        sum += (int64_t)(splitmix64(state) >> 40);
    return (float)((double)sum / 0x1p24);
}

static float seeded_uniform(uint64_t *state)
{
    return (float)((double)(splitmix64(state) >> 40) / 0x1p23 - 1);
}

void seeded_fill(Tensor *tensor, uint64_t seed, SeedLaw law, double scale)
{
    size_t n = (size_t)tensor_elements(tensor);
    uint64_t state = seed;
    for (size_t i = 0; i < n; i++) {
        if (law == LAW_INTS) {
            uint64_t range = 2 * (uint64_t)scale + 1;
            int64_t value = (int64_t)((splitmix64(&state) >> 32) % range) - (int64_t)scale;
            dtype_store_i64(tensor->type, tensor->data, i, value);
            continue;
        }
        float x = law == LAW_NORMAL ? seeded_normal(&state) : seeded_uniform(&state);
        dtype_store_f64(tensor->type, tensor->data, i, (double)(x * (float)scale));
    }
}

/* `path` beside the cascade's text. */
static const char *beside_source(const Cascade *cs, const char *path)
{
    const char *source = cs->source == NULL ? NULL : cs->source->path;
    const char *slash = source == NULL ? NULL : strrchr(source, '/');
    if (path[0] == '/' || slash == NULL)
        return path;
    return arena_printf(&cs->cx->arena, "%.*s/%s", (int)(slash - source), source, path);
}

/* Whole bytes an element: a file's bytes are elements in memory (the host is little-endian). */
static bool is_packed(Dtype type)
{
    return dtype_bits(type) % 8 != 0;
}

static weir_status load_file(Cascade *cs, TensorId id, Tensor *value)
{
    const TensorDecl *decl = tensor_at(cs, id);
    const Format *format = decl->format == 0 ? NULL : &cs->formats.at[decl->format];
    FormatAxes axes;
    weir_context *cx = cs->cx;
    MappedFile file;
    const char *path = beside_source(cs, cx_text(cx, decl->data.path));
    TRY(file_map(cx, path, &file));
    size_t n = (size_t)tensor_elements(value), bytes = packed_bytes(value->type, n);
    if (format != NULL) {
        format_axes(cs, id, &axes);
        bytes = format_file_bytes(format, &axes, value);
    }
    if (decl->data.offset > file.bytes || file.bytes - decl->data.offset < bytes) {
        diag(&cx->diag, decl->place, E_READ, path,
             arena_printf(&cx->arena, "%s needs %zu bytes at %llu, the file has %zu", cx_text(cx, decl->name), bytes,
                          (unsigned long long)decl->data.offset, file.bytes));
        return WEIR_MALFORMED;
    }
    const unsigned char *data = file.data + decl->data.offset;
    if (format != NULL) {
        *value = tensor_new(cx, value->type, value->n_dims, value->extent);
        format_file_decode(cx, format, &axes, data, value);
        return WEIR_OK;
    }
    if (!is_packed(value->type) && value->type != DT_BOOL && n != 0 && (uintptr_t)data % dtype_bytes(value->type) == 0) {
        value->data = (void *)(uintptr_t)data; /* read-only: `writable` is false */
        return WEIR_OK;
    }
    *value = tensor_new(cx, value->type, value->n_dims, value->extent);
    if (n != 0)
        packed_decode(value->type, data, n, value->data);
    return WEIR_OK;
}

weir_status cascade_const(Cascade *cs, TensorId tensor, const Tensor **out_value)
{
    TensorDecl *decl = tensor_at(cs, tensor);
    *out_value = &decl->data.value;
    if (decl->data.value.data != NULL || decl->data.kind == DATA_INLINE)
        return WEIR_OK;
    if (decl->data.kind == DATA_NONE)
        weir_bug(cs->cx, "%s is no constant", tensor_name(cs, tensor));
    Tensor value = {.type = decl->format != 0 ? DT_F32 : decl->type, .n_dims = decl->n_dims};
    for (uint32_t d = 0; d < decl->n_dims; d++)
        value.extent[d] = dim_extent(cs, tensor, d);
    if (decl->data.kind == DATA_SEEDED) {
        value = tensor_new(cs->cx, value.type, value.n_dims, value.extent);
        seeded_fill(&value, decl->data.seed, decl->data.law, decl->data.scale);
    } else {
        (void)tensor_bytes(cs->cx, &value); /* refuses what does not fit */
        TRY(load_file(cs, tensor, &value));
    }
    decl->data.value = value;
    return WEIR_OK;
}
