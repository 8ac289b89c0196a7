/*
 * support/dtype.h: the element types and exact conversions between them.
 *
 * Rules: reference appendix B of the cascade language (docs/cascade.md): one rounding, to nearest even;
 * overflow as the type's row says. All conversions are exact integer arithmetic and tested over all codes.
 */
#ifndef WEIR_SUPPORT_DTYPE_H
#define WEIR_SUPPORT_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Dtype {
    DT_NONE,
#define DTYPE(id, text, kind, bits, bytes, onnx) DT_##id,
#include "support/dtype.def"
#undef DTYPE
    DT_COUNT
} Dtype;

typedef enum DtypeKind { DK_NONE, DK_FLOAT, DK_SIGNED, DK_UNSIGNED, DK_BOOL, DK_CODE } DtypeKind;

const char *dtype_text(Dtype type);
DtypeKind dtype_kind(Dtype type);
unsigned dtype_bits(Dtype type);
size_t dtype_bytes(Dtype type); /* of one element in memory */
int dtype_onnx(Dtype type);     /* TensorProto.DataType, 0 if ONNX has none */
Dtype dtype_from_text(const char *text, size_t length); /* DT_NONE if unknown */
Dtype dtype_from_onnx(int number);

static inline bool dtype_is_int(Dtype type)
{
    DtypeKind kind = dtype_kind(type);
    return kind == DK_SIGNED || kind == DK_UNSIGNED;
}

/* Least and greatest value of an integer type of at most 64 bits (bool: 0, 1). The greatest u64 is UINT64_MAX,
 * returned as its bits. */
int64_t dtype_int_min(Dtype type);
uint64_t dtype_int_max(Dtype type);

/* f16 and bf16 as bits. From float: round to nearest even, overflow to infinity, NaN to the canonical quiet NaN.
 * From double: one rounding. */
uint16_t f16_from_f32(float x);
uint16_t f16_from_f64(double x);
float f16_to_f32(uint16_t bits);
uint16_t bf16_from_f32(float x);
uint16_t bf16_from_f64(double x);
float bf16_to_f32(uint16_t bits);

/* Codes of the storage types (f8, f6, f4, e8m0): value of a code, code of a value. `saturate`: finite overflow and
 * infinity clamp (f6, f4 always). e8m0: `round` +1 up (the ONNX default), -1 down, 0 nearest with ties up. */
float code_to_f32(Dtype type, uint8_t code);
uint8_t code_from_f32(Dtype type, float x, bool saturate, int round);
uint8_t code_from_f64(Dtype type, double x, bool saturate, int round);

/* Element `i` of an array of `type` in memory as a double (floats, codes) or an integer (ints, bool; u64 as bits). */
double dtype_load_f64(Dtype type, const void *data, size_t i);
int64_t dtype_load_i64(Dtype type, const void *data, size_t i);
/* Stores with one rounding to the type (floats, codes: saturating as in Cast's default), or the low bits. A float into
 * an integer type goes toward zero, then clamps; NaN gives 0. */
void dtype_store_f64(Dtype type, void *data, size_t i, double x);
void dtype_store_i64(Dtype type, void *data, size_t i, int64_t x);

#endif
