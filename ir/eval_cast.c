/*
 * ir/eval_cast.c: casts between blocks; elements in memory to blocks and back.
 */
#include <math.h>
#include <string.h>

#include "ir/eval_ops.h"

static bool is_float(Dtype type)
{
    return dtype_kind(type) == DK_FLOAT || dtype_kind(type) == DK_CODE;
}

/* ---- one value, any types ---- */


static double get_f64(Carrier carrier, Dtype type, const void *x, uint32_t i)
{
    switch (carrier) {
    case CARRIER_F64:
        return ((const double *)x)[i];
    case CARRIER_F32:
        return (double)((const float *)x)[i];
    case CARRIER_I64:
        return type == DT_U64 ? (double)((const uint64_t *)x)[i] : (double)((const int64_t *)x)[i];
    case CARRIER_I32:
        return ((const int32_t *)x)[i];
    case CARRIER_BOOL:
        break;
    }
    return ((const uint8_t *)x)[i];
}

static int64_t get_i64(Carrier carrier, const void *x, uint32_t i)
{
    if (carrier == CARRIER_I64)
        return ((const int64_t *)x)[i];
    return carrier == CARRIER_I32 ? ((const int32_t *)x)[i] : ((const uint8_t *)x)[i];
}

static void put_f64(Carrier carrier, void *y, uint32_t i, double x)
{
    if (carrier == CARRIER_F64)
        ((double *)y)[i] = x;
    else
        ((float *)y)[i] = (float)x;
}

static void put_i64(Carrier carrier, void *y, uint32_t i, int64_t x)
{
    if (carrier == CARRIER_I64)
        ((int64_t *)y)[i] = x;
    else if (carrier == CARRIER_I32)
        ((int32_t *)y)[i] = (int32_t)x;
    else
        ((uint8_t *)y)[i] = (uint8_t)x;
}

/* x as a value of the float type `to`, rounded once. */
static double round_to(Dtype to, CastMode mode, double x)
{
    switch (to) {
    case DT_F32:
        return (double)(float)x;
    case DT_F16:
        return (double)f16_to_f32(f16_from_f64(x));
    case DT_BF16:
        return (double)bf16_to_f32(bf16_from_f64(x));
    default:
        break;
    }
    if (dtype_kind(to) != DK_CODE)
        return x;
    int round = mode == CAST_UP ? 1 : mode == CAST_DOWN ? -1 : 0;
    return (double)code_to_f32(to, code_from_f64(to, x, mode != CAST_PLAIN, round));
}

/* An integer clamped to `to`; wide: x is a u64's bits. */
static int64_t clamp_int(Dtype to, int64_t x, bool wide)
{
    if (wide && x < 0)
        return to == DT_U64 ? x : (int64_t)dtype_int_max(to);
    if (x < dtype_int_min(to))
        return dtype_int_min(to);
    if (x > 0 && (uint64_t)x > dtype_int_max(to))
        return (int64_t)dtype_int_max(to);
    return x;
}

static void cast_to_float(EvalSystem system, Dtype from, Dtype to, CastMode mode, uint32_t n, const void *in, void *out)
{
    Carrier source = carrier_of(system, from), target = carrier_of(system, to);
    bool wide = source == CARRIER_I64 && target == CARRIER_F32 && dtype_kind(to) != DK_CODE; /* a code's integers fit a double */
    for (uint32_t i = 0; i < n; i++) {
        double x = get_f64(source, from, in, i);
        if (wide) { /* one rounding from the integer */
            uint64_t element = 0;
            if (from == DT_U64 && ((const int64_t *)in)[i] < 0) { /* halve, keeping a sticky last bit */
                uint64_t u = ((const uint64_t *)in)[i];
                dtype_store_i64(to, &element, 0, (int64_t)((u >> 1) | (u & 1)));
                put_f64(target, out, i, round_to(to, mode, 2 * dtype_load_f64(to, &element, 0)));
                continue;
            }
            dtype_store_i64(to, &element, 0, ((const int64_t *)in)[i]);
            x = dtype_load_f64(to, &element, 0);
        } else if (system == EVAL_TYPED) {
            x = round_to(to, mode, x);
        }
        put_f64(target, out, i, x);
    }
}

static void cast_to_int(EvalSystem system, Dtype from, Dtype to, CastMode mode, uint32_t n, const void *in, void *out)
{
    Carrier source = carrier_of(system, from), target = carrier_of(system, to);
    bool floats = is_float(from);
    for (uint32_t i = 0; i < n; i++) {
        int64_t x;
        if (floats) {
            uint64_t element = 0;
            dtype_store_f64(to, &element, 0, get_f64(source, from, in, i));
            x = dtype_load_i64(to, &element, 0);
        } else {
            x = get_i64(source, in, i);
            if (mode == CAST_SAT)
                x = clamp_int(to, x, from == DT_U64);
        }
        put_i64(target, out, i, x);
    }
    if (!floats)
        block_wrap(system, to, n, out);
}

static void cast_to_bool(EvalSystem system, Dtype from, uint32_t n, const void *in, void *out)
{
    Carrier source = carrier_of(system, from);
    bool floats = is_float(from);
    for (uint32_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = floats ? get_f64(source, from, in, i) != 0 : get_i64(source, in, i) != 0;
}

static void cast_bits(EvalSystem system, Dtype from, Dtype to, uint32_t n, const void *in, void *out)
{
    uint64_t elements[EVAL_LANES];
    block_narrow(system, from, from, n, in, elements);
    block_widen(system, to, n, elements, out);
}

/* The pairs that many statements use. */
static bool cast_quick(EvalSystem system, Dtype from, Dtype to, uint32_t n, const void *in, void *out)
{
    Carrier source = carrier_of(system, from), target = carrier_of(system, to);
    if (system == EVAL_REAL && source == CARRIER_F64 && target == CARRIER_F64) {
        memcpy(out, in, n * sizeof(double));
        return true;
    }
    if (source == CARRIER_F32 && to == DT_F32) {
        memcpy(out, in, n * sizeof(float));
        return true;
    }
    if (source == CARRIER_I32 && target == CARRIER_F64) {
        for (uint32_t i = 0; i < n; i++)
            ((double *)out)[i] = ((const int32_t *)in)[i];
        return true;
    }
    if (source == CARRIER_I32 && to == DT_F32) {
        for (uint32_t i = 0; i < n; i++)
            ((float *)out)[i] = (float)((const int32_t *)in)[i];
        return true;
    }
    if (source == CARRIER_I32 && target == CARRIER_I64 && to == DT_I64) {
        for (uint32_t i = 0; i < n; i++)
            ((int64_t *)out)[i] = ((const int32_t *)in)[i];
        return true;
    }
    if (source == CARRIER_I32 && to == DT_I32) {
        memcpy(out, in, n * sizeof(int32_t));
        return true;
    }
    if (source == CARRIER_F32 && (to == DT_F16 || to == DT_BF16)) {
        memcpy(out, in, n * sizeof(float));
        block_wrap(system, to, n, out);
        return true;
    }
    return false;
}

void block_cast(EvalSystem system, Dtype from, Dtype to, CastMode mode, uint32_t n, const void *in, void *out)
{
    if (mode == CAST_BITS)
        cast_bits(system, from, to, n, in, out);
    else if (mode == CAST_PLAIN && cast_quick(system, from, to, n, in, out))
        return;
    else if (to == DT_BOOL)
        cast_to_bool(system, from, n, in, out);
    else if (is_float(to))
        cast_to_float(system, from, to, mode, n, in, out);
    else
        cast_to_int(system, from, to, mode, n, in, out);
}

/* ---- memory ---- */

bool block_native(EvalSystem system, Dtype stored, Dtype type)
{
    Carrier carrier = carrier_of(system, type);
    switch (stored) {
    case DT_F64:
        return carrier == CARRIER_F64;
    case DT_F32:
        return system == EVAL_TYPED && type == DT_F32;
    case DT_I64:
    case DT_U64:
    case DT_I32:
    case DT_BOOL:
        return stored == type;
    default:
        return false;
    }
}

/* bf16 elements keep their bits in a float; f16 keeps a NaN's payload. */
static float widen_f16(uint16_t h)
{
    if ((h & 0x7C00) == 0x7C00 && (h & 0x3FF) != 0) {
        uint32_t u = ((uint32_t)(h & 0x8000) << 16) | 0x7F800000u | ((uint32_t)(h & 0x3FF) << 13);
        float x;
        memcpy(&x, &u, sizeof x);
        return x;
    }
    return f16_to_f32(h);
}

static uint16_t narrow_16(Dtype stored, float x)
{
    if (x != x) { /* movement keeps a NaN */
        uint32_t u;
        memcpy(&u, &x, sizeof u);
        if (stored == DT_BF16)
            return (uint16_t)(u >> 16 | ((u >> 16 & 0x7F) == 0 ? 0x40 : 0));
        uint32_t payload = u >> 13 & 0x3FF;
        return (uint16_t)((u >> 16 & 0x8000) | 0x7C00 | (payload == 0 ? 0x200 : payload));
    }
    return stored == DT_F16 ? f16_from_f32(x) : bf16_from_f32(x);
}

static void widen_float(Carrier carrier, Dtype stored, uint32_t n, const void *elements, void *out)
{
    const float *single = elements;
    for (uint32_t i = 0; i < n; i++) {
        float x;
        switch (stored) {
        case DT_F32:
            x = single[i];
            break;
        case DT_F16:
            x = widen_f16(((const uint16_t *)elements)[i]);
            break;
        case DT_BF16: {
            uint32_t u = (uint32_t)((const uint16_t *)elements)[i] << 16;
            memcpy(&x, &u, sizeof x);
            break;
        }
        default:
            x = code_to_f32(stored, ((const uint8_t *)elements)[i]);
            break;
        }
        if (carrier == CARRIER_F64)
            ((double *)out)[i] = (double)x;
        else
            ((float *)out)[i] = x;
    }
}

#define WIDEN(id, T, U)                                                                            \
    case DT_##id:                                                                                  \
        for (uint32_t i = 0; i < n; i++)                                                           \
            ((U *)out)[i] = ((const T *)elements)[i];                                              \
        return;

void block_widen(EvalSystem system, Dtype stored, uint32_t n, const void *elements, void *out)
{
    Carrier carrier = carrier_of(system, stored);
    switch (stored) {
        WIDEN(I16, int16_t, int32_t)
        WIDEN(I8, int8_t, int32_t)
        WIDEN(U32, uint32_t, int64_t)
        WIDEN(U16, uint16_t, int32_t)
        WIDEN(U8, uint8_t, int32_t)
    case DT_F32:
        if (carrier == CARRIER_F64) {
            for (uint32_t i = 0; i < n; i++)
                ((double *)out)[i] = (double)((const float *)elements)[i];
            return;
        }
        memcpy(out, elements, n * sizeof(float));
        return;
    case DT_F64:
    case DT_I64:
    case DT_U64:
    case DT_I32:
    case DT_BOOL:
        memcpy(out, elements, n * dtype_bytes(stored));
        return;
    default:
        break;
    }
    if (is_float(stored))
        widen_float(carrier, stored, n, elements, out);
    else
        for (uint32_t i = 0; i < n; i++)
            put_i64(carrier, out, i, dtype_load_i64(stored, elements, i));
}

static void narrow_float(Carrier carrier, Dtype stored, uint32_t n, const void *block, void *elements)
{
    for (uint32_t i = 0; i < n; i++) {
        double x = get_f64(carrier, stored, block, i);
        if (stored == DT_F64)
            ((double *)elements)[i] = x;
        else if (stored == DT_F32)
            ((float *)elements)[i] = carrier == CARRIER_F32 ? ((const float *)block)[i] : (float)x;
        else if (carrier == CARRIER_F32 && (stored == DT_F16 || stored == DT_BF16))
            ((uint16_t *)elements)[i] = narrow_16(stored, ((const float *)block)[i]);
        else if (dtype_kind(stored) == DK_CODE && dtype_bits(stored) == 8 && isinf(x))
            ((uint8_t *)elements)[i] = code_from_f64(stored, x, false, 1); /* an infinity that the cast has made */
        else
            dtype_store_f64(stored, elements, i, x);
    }
}

void block_narrow(EvalSystem system, Dtype type, Dtype stored, uint32_t n, const void *block, void *elements)
{
    Carrier carrier = carrier_of(system, type);
    if (block_native(system, stored, type))
        memcpy(elements, block, n * dtype_bytes(stored));
    else if (is_float(stored))
        narrow_float(carrier, stored, n, block, elements);
    else
        for (uint32_t i = 0; i < n; i++)
            dtype_store_i64(stored, elements, i, get_i64(carrier, block, i));
}

#define MOVE(T, TO, FROM)                                                                          \
    do {                                                                                           \
        const T *in_ = in;                                                                         \
        T *out_ = out;                                                                             \
        for (uint32_t l = 0; l < n; l++)                                                           \
            out_[TO] = in_[FROM];                                                                  \
    } while (0)

#define MOVE_BYTES(TO, FROM)                                                                       \
    do {                                                                                           \
        if (bytes == 8)                                                                            \
            MOVE(uint64_t, TO, FROM);                                                              \
        else if (bytes == 4)                                                                       \
            MOVE(uint32_t, TO, FROM);                                                              \
        else if (bytes == 2)                                                                       \
            MOVE(uint16_t, TO, FROM);                                                              \
        else                                                                                       \
            MOVE(uint8_t, TO, FROM);                                                               \
    } while (0)

void block_gather(size_t bytes, uint32_t n, const void *in, const int64_t *offset, void *out)
{
    MOVE_BYTES(l, offset[l]);
}

void block_spread(size_t bytes, uint32_t n, const void *in, const int64_t *offset, void *out)
{
    MOVE_BYTES(offset[l], l);
}

void block_fill(size_t bytes, uint32_t n, const void *in, void *out)
{
    MOVE_BYTES(l, 0);
}

void value_of_f64(EvalSystem system, Dtype type, double x, void *out)
{
    if (is_float(type))
        put_f64(carrier_of(system, type), out, 0, round_to(type, CAST_SAT, x));
    else
        put_i64(carrier_of(system, type), out, 0, (int64_t)x);
}

void value_of_i64(EvalSystem system, Dtype type, int64_t x, void *out)
{
    if (is_float(type))
        value_of_f64(system, type, (double)x, out);
    else
        put_i64(carrier_of(system, type), out, 0, x);
}
