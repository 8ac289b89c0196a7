/*
 * ir/format.h: block formats `mx(..)` and `int(..)`: encoding of values, decoding, parts.
 *
 * In:   values (f32 or f64 elements), a format, the axes its fields name. Out: codes, scales, zero points.
 * Keep: encoding is exact integer or stepwise-f32 arithmetic as docs/formats.md states; decoding is exact but for
 *       values beyond f32, which become infinite.
 */
#ifndef WEIR_IR_FORMAT_H
#define WEIR_IR_FORMAT_H

#include "ir/cascade.h"

typedef enum FormatRule { FORMAT_FLOOR, FORMAT_EVEN, FORMAT_RCEIL, FORMAT_AMAX } FormatRule;
typedef enum FormatRound { FORMAT_RNE, FORMAT_AWAY, FORMAT_TRUNC } FormatRound;

/* The fields of a format with axes instead of ranks. block_axis, channel_axis: -1: none. */
typedef struct FormatAxes {
    int block_axis, channel_axis;
    int64_t block; /* elements; 0: the whole (tensor, or channel) */
    FormatRule rule;
    FormatRound round;
    Dtype scale;   /* e8m0, f8e4m3fn, f32, f16, bf16 */
    bool tensor_scale; /* mx: one f32 over all (nvfp4) */
    Dtype zero;    /* int: DT_NONE: symmetric; else the code type is unsigned */
} FormatAxes;

typedef struct Encoded {
    Tensor code;  /* float elements: codes; integers: i8 or u8 with the integer */
    Tensor scale; /* of type axes.scale; the blocked axis has one element a block */
    Tensor zero;  /* i32; data NULL: none */
    float tensor_scale;
} Encoded;

void format_axes(const Cascade *cs, TensorId tensor, FormatAxes *out_axes);

/* Type and extents of the scales (and zero points) of such values. */
Tensor format_scale_shape(const FormatAxes *axes, const Tensor *values);

/* The packed file form: codes, scales, zero points, each row-major and packed by its type, then the tensor's scale as
 * an f32. `out_values` (f32, its extents set) receives what they decode to. */
size_t format_file_bytes(const Format *format, const FormatAxes *axes, const Tensor *values);
void format_file_decode(weir_context *cx, const Format *format, const FormatAxes *axes, const void *data,
                        Tensor *out_values);

/* Buffers of the result are context_buffer's. `values`: f32 or f64. */
MUST_USE weir_status format_encode(weir_context *cx, const Format *format, const FormatAxes *axes, const Tensor *values,
                                   Encoded *out_encoded);
void format_decode(const Format *format, const FormatAxes *axes, const Encoded *encoded, Tensor *out_values);
/* The parts as a cascade reads them: q as i32 multiples of the unit, scale as f32. Frees the codes and scales. */
void format_parts(weir_context *cx, const Format *format, Encoded *encoded, Tensor *out_q, Tensor *out_scale);
/* The value of one step of `q`: 2^-n. */
double format_unit(const Format *format);

#endif
