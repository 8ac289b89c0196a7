/*
 * support/dtype.c: the table of element types, and loads and stores of single elements in memory.
 */
#include "support/dtype.h"

#include <math.h>
#include <string.h>

typedef struct DtypeInfo {
    const char *text;
    DtypeKind kind;
    unsigned bits;
    size_t bytes;
    int onnx;
} DtypeInfo;

static const DtypeInfo dtype_info[DT_COUNT] = {
    [DT_NONE] = {"none", DK_NONE, 0, 0, 0},
#define DTYPE(id, text, kind, bits, bytes, onnx) [DT_##id] = {text, DK_##kind, bits, bytes, onnx},
#include "support/dtype.def"
#undef DTYPE
};

const char *dtype_text(Dtype type)
{
    return dtype_info[type].text;
}

DtypeKind dtype_kind(Dtype type)
{
    return dtype_info[type].kind;
}

unsigned dtype_bits(Dtype type)
{
    return dtype_info[type].bits;
}

size_t dtype_bytes(Dtype type)
{
    return dtype_info[type].bytes;
}

int dtype_onnx(Dtype type)
{
    return dtype_info[type].onnx;
}

Dtype dtype_from_text(const char *text, size_t length)
{
    for (int type = DT_NONE + 1; type < DT_COUNT; type++)
        if (strlen(dtype_info[type].text) == length && memcmp(dtype_info[type].text, text, length) == 0)
            return (Dtype)type;
    return DT_NONE;
}

Dtype dtype_from_onnx(int number)
{
    for (int type = DT_NONE + 1; number != 0 && type < DT_COUNT; type++)
        if (dtype_info[type].onnx == number)
            return (Dtype)type;
    return DT_NONE;
}

int64_t dtype_int_min(Dtype type)
{
    if (dtype_kind(type) != DK_SIGNED)
        return 0;
    return INT64_MIN >> (64 - dtype_bits(type));
}

uint64_t dtype_int_max(Dtype type)
{
    unsigned value_bits = dtype_bits(type) - (dtype_kind(type) == DK_SIGNED ? 1 : 0);
    return UINT64_MAX >> (64 - value_bits);
}

/* ---- elements in memory; memcpy because a mapped file need not be aligned ---- */

static uint64_t load_bits(const void *data, size_t i, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)data + i * bytes;
    uint8_t b1;
    uint16_t b2;
    uint32_t b4;
    uint64_t b8;
    switch (bytes) {
    case 1:
        memcpy(&b1, at, 1);
        return b1;
    case 2:
        memcpy(&b2, at, 2);
        return b2;
    case 4:
        memcpy(&b4, at, 4);
        return b4;
    default:
        memcpy(&b8, at, 8);
        return b8;
    }
}

static void store_bits(void *data, size_t i, size_t bytes, uint64_t bits)
{
    unsigned char *at = (unsigned char *)data + i * bytes;
    uint8_t b1 = (uint8_t)bits;
    uint16_t b2 = (uint16_t)bits;
    uint32_t b4 = (uint32_t)bits;
    switch (bytes) {
    case 1:
        memcpy(at, &b1, 1);
        break;
    case 2:
        memcpy(at, &b2, 2);
        break;
    case 4:
        memcpy(at, &b4, 4);
        break;
    default:
        memcpy(at, &bits, 8);
        break;
    }
}

/* The value of the low bits of `bits` in an integer type (u64: its bits). */
static int64_t int_value(Dtype type, uint64_t bits)
{
    const DtypeInfo *info = &dtype_info[type];
    if (info->kind == DK_BOOL)
        return bits != 0;
    unsigned unused = 64 - info->bits;
    if (info->kind == DK_SIGNED)
        return (int64_t)(bits << unused) >> unused;
    return (int64_t)(bits << unused >> unused);
}

int64_t dtype_load_i64(Dtype type, const void *data, size_t i)
{
    DtypeKind kind = dtype_kind(type);
    if (kind == DK_FLOAT || kind == DK_CODE) {
        int64_t value = 0;
        dtype_store_f64(DT_I64, &value, 0, dtype_load_f64(type, data, i));
        return value;
    }
    return int_value(type, load_bits(data, i, dtype_bytes(type)));
}

double dtype_load_f64(Dtype type, const void *data, size_t i)
{
    uint64_t bits = load_bits(data, i, dtype_bytes(type));
    float single;
    double value;
    switch (type) {
    case DT_F64:
        memcpy(&value, &bits, sizeof value);
        return value;
    case DT_F32: {
        uint32_t low = (uint32_t)bits;
        memcpy(&single, &low, sizeof single);
        return (double)single;
    }
    case DT_F16:
        return (double)f16_to_f32((uint16_t)bits);
    case DT_BF16:
        return (double)bf16_to_f32((uint16_t)bits);
    case DT_U64:
        return (double)bits;
    default:
        if (dtype_kind(type) == DK_CODE)
            return (double)code_to_f32(type, (uint8_t)bits);
        return (double)int_value(type, bits);
    }
}

/* Toward zero, then clamped; NaN gives 0. */
static uint64_t int_from_f64(Dtype type, double x)
{
    if (isnan(x))
        return 0;
    if (dtype_kind(type) == DK_SIGNED) {
        if (x <= (double)dtype_int_min(type))
            return (uint64_t)dtype_int_min(type);
        if (x >= (double)dtype_int_max(type)) /* of i64: 2^63, and what is below it fits */
            return dtype_int_max(type);
        return (uint64_t)(int64_t)x;
    }
    if (x <= 0)
        return 0;
    if (x >= (double)dtype_int_max(type))
        return dtype_int_max(type);
    return (uint64_t)x;
}

static uint32_t f32_bits(double x)
{
    float single = (float)x;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return bits;
}

void dtype_store_f64(Dtype type, void *data, size_t i, double x)
{
    uint64_t bits;
    switch (type) {
    case DT_F64:
        memcpy(&bits, &x, sizeof bits);
        break;
    case DT_F32:
        bits = f32_bits(x);
        break;
    case DT_F16:
        bits = f16_from_f64(x);
        break;
    case DT_BF16:
        bits = bf16_from_f64(x);
        break;
    case DT_BOOL:
        bits = x != 0;
        break;
    default:
        bits = dtype_kind(type) == DK_CODE ? code_from_f64(type, x, true, 1) : int_from_f64(type, x);
        break;
    }
    store_bits(data, i, dtype_bytes(type), bits);
}

/* An integer as a double that rounds to any narrower type as the integer itself would: what does not fit in 53 bits
 * leaves a sticky last bit (rounding to odd). */
static double sticky_f64(int64_t x)
{
    uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    uint64_t lost = magnitude >> 53 == 0 ? 0 : magnitude & 0x7ff;
    if (lost != 0)
        magnitude = (magnitude - lost) | 0x800;
    return x < 0 ? -(double)magnitude : (double)magnitude;
}

void dtype_store_i64(Dtype type, void *data, size_t i, int64_t x)
{
    DtypeKind kind = dtype_kind(type);
    if (type == DT_F64)
        dtype_store_f64(type, data, i, (double)x);
    else if (kind == DK_FLOAT || kind == DK_CODE)
        dtype_store_f64(type, data, i, sticky_f64(x));
    else if (kind == DK_BOOL)
        store_bits(data, i, 1, x != 0);
    else
        store_bits(data, i, dtype_bytes(type), (uint64_t)int_value(type, (uint64_t)x));
}
