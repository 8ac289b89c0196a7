/*
 * isa/image.h: what a device runs, in one file: tensors, code, the order of device and host steps.
 *
 * In:   an Image in memory, or bytes. Out: the other; text form in isa/imagetext.h.
 * Keep: little-endian; every offset and count is checked before use; write(read(bytes)) = bytes for bytes that
 *       image_write made. All memory is the context's arena; constants of a read image point into the caller's bytes.
 *
 * A file is a header of 64 bytes (magic WEIR, version u16, target u8, flags u8, sections u32, zero u32, total size
 * u64, FNV-1a of the machine's name u64, zeros), a table of sections (tag[8], offset u64, size u64, crc32 u32,
 * flags u32: bit 0 ignorable) and the sections, 8-byte aligned: HEAD, TENS, CODE, SCHED, HOST, DEBUG.
 */
#ifndef WEIR_ISA_IMAGE_H
#define WEIR_ISA_IMAGE_H

#include "support/context.h"
#include "support/dtype.h"
#include "support/tensor.h"

enum { IMAGE_VERSION = 1, IMAGE_ALIGN = 64 };
#define IMAGE_NO_ARG UINT32_MAX

typedef enum ImageTarget { IMAGE_RDU = 1, IMAGE_PIM = 2 } ImageTarget;
typedef enum ImageKind { IMAGE_TEMP, IMAGE_IN, IMAGE_OUT, IMAGE_CONST, IMAGE_KIND_COUNT } ImageKind;

/* A tensor of the device's memory, or one that only host steps see.
 * rdu: row-major (or packed, as `layout` says for people) at `address` of tier number `tier`.
 * pim: tier 0 is a buffer of the host side (bursts of the stream; channel c is at offset + c * stride), tier 1 the
 * banks: the data is [channel][bank][stride bytes], and lies in every bank from the first byte of row `address` on. */
typedef struct ImageTensor {
    const char *name;
    const char *layout; /* "" for none */
    Dtype type;
    ImageKind kind;
    uint32_t tier;
    uint32_t arg; /* launch argument slot added to the address, or IMAGE_NO_ARG */
    uint32_t n_dims;
    int64_t extent[TENSOR_MAX_DIMS];
    uint64_t address, bytes, stride;
    const unsigned char *data; /* IMAGE_CONST: `bytes` bytes; else NULL */
} ImageTensor;

/* A limit or option of the compilation. */
typedef struct ImageSetting {
    const char *key;
    uint64_t value;
} ImageSetting;

typedef enum ImageStepOp {
    STEP_HALT, STEP_LAUNCH, STEP_LOOP, STEP_ENDLOOP, STEP_ARG, STEP_COPY, STEP_HOST, STEP_FENCE, STEP_PREFETCH, STEP_COUNT
} ImageStepOp;

/* launch: a = kernel or stream, b = 1 if the kernel's own loop repeats it; loop: a = count; arg: slot, base, stride a
 * loop iteration; copy: dst, src (rows of TENS); host: a = row of HOST; prefetch: a = kernel. */
typedef struct ImageStep {
    uint32_t op, a, b, c;
} ImageStep;

typedef enum ImageDebugKind {
    DEBUG_KERNEL, /* a = kernel */
    DEBUG_UNIT,   /* a, b = unit (ctl too) */
    DEBUG_FLOW,   /* a, b = flow */
    DEBUG_LOOP,   /* a, b = unit, c = program * 256 + loop */
    DEBUG_SOURCE, /* a, b = unit or first word: the statement and node it comes from */
    DEBUG_KIND_COUNT
} ImageDebugKind;

typedef struct ImageDebug {
    uint32_t kind, a, b, c;
    const char *text;
} ImageDebug;

typedef struct Image {
    ImageTarget target;
    const char *machine, *producer;
    VEC(ImageSetting) settings;
    VEC(ImageTensor) tensors;
    VEC(uint32_t) code;      /* words of CODE */
    VEC(ImageStep) steps;
    VEC(const char *) hosts; /* cascades as text, each ends in a newline */
    VEC(ImageDebug) debug;
    VEC(int64_t) at; /* of texts with times: a cycle for each command of CODE in order, before which it does not issue; files hold none */
} Image;

typedef struct ImageBytes {
    VEC(unsigned char) bytes;
} ImageBytes;

/* The file's bytes, in the arena. */
void image_write(weir_context *cx, const Image *image, ImageBytes *out_bytes);
/* WEIR_MALFORMED with E_IMAGE for anything image_write could not have made. CODE's words are checked by the target's decoder. */
MUST_USE weir_status image_read(weir_context *cx, const unsigned char *data, size_t n_bytes, Image *out_image);

/* Row of TENS by name, -1 if there is none. */
int image_tensor_named(const Image *image, const char *name);
/* Adds a tensor at the next free aligned address of its tier; bytes = elements * element size unless `bytes` is set.
 * Returns its row. */
uint32_t image_add_tensor(weir_context *cx, Image *image, ImageTensor tensor);
/* What image_add_tensor gives an address. */
uint64_t image_next_address(const Image *image, uint32_t n_tensors, uint32_t tier);
uint64_t image_tensor_bytes(const ImageTensor *tensor);

#endif
