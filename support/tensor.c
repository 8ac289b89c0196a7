/*
 * support/tensor.c: sizes of tensors and their memory.
 */
#include "support/tensor.h"

int64_t tensor_elements(const Tensor *tensor)
{
    int64_t n = 1;
    bool fits = true;
    for (uint32_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->extent[i] == 0)
            return 0;
        if (tensor->extent[i] < 0 || __builtin_mul_overflow(n, tensor->extent[i], &n))
            fits = false;
    }
    return fits ? n : -1;
}

bool tensor_extents_fit(uint32_t n_dims, const int64_t *extent)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < n_dims; i++)
        if (extent[i] < 0 || (extent[i] != 0 && __builtin_mul_overflow(n, extent[i], &n)) || n >= (int64_t)1 << 56)
            return false;
    return true;
}

size_t tensor_bytes(weir_context *cx, const Tensor *tensor)
{
    int64_t n = tensor_elements(tensor);
    if (n < 0)
        context_exceeded(cx, UINT64_MAX);
    return arena_array_bytes(&cx->arena, (size_t)n, dtype_bytes(tensor->type));
}

Tensor tensor_new(weir_context *cx, Dtype type, uint32_t n_dims, const int64_t *extent)
{
    if (n_dims > TENSOR_MAX_DIMS)
        weir_bug(cx, "a tensor of %u dimensions", n_dims);
    Tensor tensor = {.type = type, .n_dims = n_dims, .writable = true};
    for (uint32_t i = 0; i < n_dims; i++)
        tensor.extent[i] = extent[i];
    tensor.data = context_buffer(cx, tensor_bytes(cx, &tensor));
    return tensor;
}
