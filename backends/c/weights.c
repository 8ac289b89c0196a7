/*
 * backends/c/weights.c: the file of constants: a header, then every constant in the layout of its buffer, 64-byte aligned.
 *
 * Header (64 bytes, little-endian): "WEIRWGT1", u64 bytes of the file, u64 hash of the payload (FNV-1a over 64-bit words), zeros.
 */
#include "backends/c/internal.h"

#include <string.h>

static int64_t item_value(const LayoutItem *item, const int64_t *index)
{
    int64_t sum = 0;
    for (uint32_t k = 0; k < item->n_dims; k++)
        sum += index[item->dim[k]] * item->mult[k];
    for (uint32_t s = 0; s < item->n_steps; s++) {
        sum /= item->divide[s];
        if (item->modulo[s] != 0)
            sum %= item->modulo[s];
    }
    return sum;
}

uint64_t layout_element(const Layout *layout, const Cascade *cs, TensorId tensor, const int64_t *index)
{
    int64_t at = 0;
    if (layout->row_major) {
        for (uint32_t d = 0; d < tensor_at(cs, tensor)->n_dims; d++)
            at = at * dim_extent(cs, tensor, d) + index[d];
        return (uint64_t)at;
    }
    for (uint32_t k = 0; k < layout->n; k++)
        at = at * layout->items[k].extent + item_value(&layout->items[k], index);
    return (uint64_t)at;
}

static void pack(const LoopProgram *p, const LoopBuffer *b, const Tensor *value, unsigned char *to)
{
    size_t bytes = dtype_bytes(b->type);
    int64_t n = tensor_size(p->cs, b->tensor), index[TENSOR_MAX_DIMS] = {0};
    if (b->layout.row_major) {
        memcpy(to, value->data, (size_t)n * bytes);
        return;
    }
    uint32_t dims = tensor_at(p->cs, b->tensor)->n_dims;
    for (int64_t k = 0; k < n; k++) {
        memcpy(to + layout_element(&b->layout, p->cs, b->tensor, index) * bytes, (const char *)value->data + (size_t)k * bytes, bytes);
        for (uint32_t d = dims; d-- > 0;) {
            if (++index[d] < dim_extent(p->cs, b->tensor, d))
                break;
            index[d] = 0;
        }
    }
}

static uint64_t hash_of(const unsigned char *data, size_t bytes)
{
    uint64_t h = 0xCBF29CE484222325u, word;
    for (size_t k = 0; k + 8 <= bytes; k += 8) {
        memcpy(&word, data + k, 8);
        h = (h ^ word) * 0x100000001B3u;
    }
    return h;
}

weir_status weights_image(weir_context *cx, const LoopProgram *p, unsigned char **out_image, size_t *out_bytes)
{
    size_t bytes = C_WEIGHTS_HEADER + (size_t)p->weights_bytes;
    unsigned char *image = context_buffer(cx, bytes);
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        const Tensor *value;
        if (b->kind != BUFFER_CONST)
            continue;
        TRY(cascade_const(p->cs, b->tensor, &value));
        pack(p, b, value, image + C_WEIGHTS_HEADER + b->offset);
    }
    uint64_t size = bytes, hash = hash_of(image + C_WEIGHTS_HEADER, bytes - C_WEIGHTS_HEADER);
    memcpy(image, "WEIRWGT1", 8);
    memcpy(image + 8, &size, 8);
    memcpy(image + 16, &hash, 8);
    *out_image = image;
    *out_bytes = bytes;
    return WEIR_OK;
}
