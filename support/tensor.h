/*
 * support/tensor.h: a tensor in memory: type, extents, row-major elements, one storage unit each.
 */
#ifndef WEIR_SUPPORT_TENSOR_H
#define WEIR_SUPPORT_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/context.h"
#include "support/dtype.h"

enum { TENSOR_MAX_DIMS = 16 };

typedef struct Tensor {
    Dtype type;
    uint32_t n_dims;
    int64_t extent[TENSOR_MAX_DIMS];
    void *data; /* n elements of dtype_bytes(type); may be read-only (a mapped file): see `writable` */
    bool writable;
} Tensor;

/* Product of the extents; -1 when it does not fit in 63 bits. */
int64_t tensor_elements(const Tensor *tensor);
/* Whether the extents are none negative and multiply to less than 2^56, zeros counted as ones: no product of some of them
 * overflows, even of an empty tensor's. */
bool tensor_extents_fit(uint32_t n_dims, const int64_t *extent);
/* Bytes in memory. Unwinds with WEIR_LIMIT on overflow. */
size_t tensor_bytes(weir_context *cx, const Tensor *tensor);
/* A zeroed tensor on context_buffer. */
Tensor tensor_new(weir_context *cx, Dtype type, uint32_t n_dims, const int64_t *extent);

/* Packed file form of n elements (ONNX raw_data; formats as in docs/cascade.md): little-endian, 4-bit two a byte,
 * 2-bit four a byte, first lowest; 6-bit four in 24 bits. */
size_t packed_bytes(Dtype type, size_t n);
void packed_decode(Dtype type, const void *packed, size_t n, void *out_data);
void packed_encode(Dtype type, const void *data, size_t n, void *out_packed);

#endif
