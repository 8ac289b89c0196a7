/*
 * frontend/onnx/wire.h: protobuf bytes, checked before anything is allocated for them.
 *
 * In:   the bytes of a message. Out: a skeleton (the same message without the values of tensors and without unknown
 *       fields, safe to give to the generated decoder) and where each tensor lies in the file.
 * Keep: one pass with an explicit stack; depth, counts and the memory that decoding takes are bounded first; every
 *       length lies within its parent; each message is a known kind with the wire types of wire.def.
 */
#ifndef WEIR_FRONTEND_ONNX_WIRE_H
#define WEIR_FRONTEND_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/context.h"

typedef enum WireMessage {
    W_NONE,
#define WIRE_MESSAGE(id, message, graph_bytes) W_##id,
#include "frontend/onnx/wire.def"
    WIRE_MESSAGES
} WireMessage;

/* One field on the wire. */
typedef struct WireField {
    uint32_t number;
    unsigned type;           /* 0 varint, 1 eight bytes, 2 length-prefixed, 5 four bytes */
    uint64_t varint;         /* type 0 */
    const unsigned char *at; /* types 1, 2, 5: the payload */
    size_t bytes;
} WireField;

/* A varint at `p`, or NULL if it is cut off or longer than 64 bits. */
const unsigned char *wire_varint(const unsigned char *p, const unsigned char *end, uint64_t *out_value);
/* The field at `p`; what follows it, or NULL with what is wrong in `out_fault`. */
const unsigned char *wire_field(const unsigned char *p, const unsigned char *end, WireField *out_field,
                                const char **out_fault);

/* Where a tensor's message lies in the file. */
typedef struct WireTensor {
    const unsigned char *at;
    size_t bytes;
} WireTensor;

typedef struct WireSkeleton {
    const unsigned char *data; /* in the arena given */
    size_t bytes;
    const WireTensor *tensors; /* by TensorProto.view */
    uint32_t n_tensors;
    uint64_t cost_bytes; /* estimate of what decoding and translating take */
} WireSkeleton;

/* Checks `bytes` bytes of a message of kind `root`. `arena`: where the skeleton goes (its limit may be 0).
 * WEIR_MALFORMED or WEIR_LIMIT with one diagnostic. */
MUST_USE weir_status wire_skeleton(weir_context *cx, const Source *source, WireMessage root,
                                   const unsigned char *data, size_t bytes, Arena *arena, WireSkeleton *out_skeleton);

#endif
