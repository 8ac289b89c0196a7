/* backends/image_run.c: see backends/image_run.h. */
#include "backends/image_run.h"

#include <string.h>

#include "ir/eval.h"

void image_run_open(weir_context *cx, const Image *image, ImageRun *out_run)
{
    uint32_t n = image->tensors.n;
    *out_run = (ImageRun){.cx = cx,
                          .image = image,
                          .buffers = ARENA_ARRAY(&cx->arena, unsigned char *, n + 1),
                          .values = ARENA_ARRAY(&cx->arena, Tensor, n + 1),
                          .hosts = ARENA_ARRAY(&cx->arena, Cascade *, image->hosts.n + 1)};
    for (uint32_t i = 0; i < n; i++) {
        const ImageTensor *t = &image->tensors.at[i];
        out_run->buffers[i] = context_buffer(cx, t->bytes + 1);
        memset(out_run->buffers[i], 0, t->bytes);
        if (t->kind == IMAGE_CONST && t->bytes != 0)
            memcpy(out_run->buffers[i], t->data, t->bytes);
        out_run->values[i] = (Tensor){.type = t->type, .n_dims = t->n_dims, .data = out_run->buffers[i], .writable = true};
        for (uint32_t d = 0; d < t->n_dims; d++)
            out_run->values[i].extent[d] = t->extent[d];
        if (image_tensor_bytes(t) > t->bytes) { /* a shape that its bytes don't hold is none */
            out_run->values[i].n_dims = 1;
            out_run->values[i].extent[0] = (int64_t)(t->bytes / dtype_bytes(t->type));
        }
    }
}

void image_run_close(ImageRun *run)
{
    for (uint32_t i = 0; i < run->image->tensors.n; i++)
        context_buffer_free(run->cx, run->buffers[i]);
}

void image_run_set(ImageRun *run, uint32_t row, const Tensor *value)
{
    Tensor *to = &run->values[row];
    size_t bytes = tensor_bytes(run->cx, value);
    if (bytes > run->image->tensors.at[row].bytes || value->type != to->type || value->n_dims != to->n_dims)
        weir_bug(run->cx, "a value does not fit row %s of an image", run->image->tensors.at[row].name);
    if (bytes != 0)
        memcpy(to->data, value->data, bytes);
    for (uint32_t d = 0; d < value->n_dims; d++)
        to->extent[d] = value->extent[d];
}

Tensor image_run_get(const ImageRun *run, uint32_t row)
{
    const Tensor *from = &run->values[row];
    Tensor copy = tensor_new(run->cx, from->type, from->n_dims, from->extent);
    size_t bytes = tensor_bytes(run->cx, from);
    if (bytes != 0)
        memcpy(copy.data, from->data, bytes);
    return copy;
}

void image_run_make_inputs(ImageRun *run, uint64_t seed)
{
    for (uint32_t i = 0; i < run->image->tensors.n; i++) {
        Tensor *value = &run->values[i];
        if (run->image->tensors.at[i].kind != IMAGE_IN)
            continue;
        bool ints = dtype_is_int(value->type);
        int64_t n = tensor_elements(value);
        if (value->type != DT_BOOL)
            seeded_fill(value, seed + i, ints ? LAW_INTS : LAW_NORMAL, 1);
        for (int64_t k = 0; k < n && (ints || value->type == DT_BOOL); k++) {
            int64_t x = ints ? dtype_load_i64(value->type, value->data, (size_t)k) : k;
            dtype_store_i64(value->type, value->data, (size_t)k, x & 1);
        }
    }
}

/* ---- host steps ---- */

static MUST_USE weir_status parse_host(ImageRun *run, uint32_t host)
{
    weir_context *cx = run->cx;
    const char *text = run->image->hosts.at[host];
    Source *source = ARENA_NEW(&cx->arena, Source);
    *source = (Source){arena_printf(&cx->arena, "host step %u", host), text, strlen(text)};
    uint32_t n;
    Cascade **all;
    TRY(cascade_parse(cx, source, &n, &all));
    if (n != 1) {
        diag(&cx->diag, place_none(), E_IMAGE, "a host step is one cascade");
        return WEIR_INVALID;
    }
    TRY(cascade_verify(all[0]));
    run->hosts[host] = all[0];
    return WEIR_OK;
}

/* The extents that a row has fit a tensor's: equal to static ones, within the bounds of the others. */
static bool extents_fit(const Cascade *cs, TensorId id, const Tensor *value)
{
    const TensorDecl *tensor = tensor_at(cs, id);
    if (value->type != tensor->type || value->n_dims != tensor->n_dims)
        return false;
    for (uint32_t d = 0; d < value->n_dims; d++) {
        bool fixed = rank_at(cs, tensor->dims[d].rank)->kind == RANK_STATIC || rank_at(cs, tensor->dims[d].rank)->kind == RANK_ITERATIVE;
        if (fixed ? value->extent[d] != dim_extent(cs, id, d) : value->extent[d] > dim_extent(cs, id, d))
            return false;
    }
    return true;
}

/* The row of a tensor of a host step; a row of another shape is no row. */
static MUST_USE weir_status row_of(const ImageRun *run, const Cascade *cs, TensorId id, uint32_t *out_row)
{
    const TensorDecl *tensor = tensor_at(cs, id);
    int row = image_tensor_named(run->image, cx_text(run->cx, tensor->name));
    bool fits = row >= 0 && extents_fit(cs, id, &run->values[row]) && tensor_size(cs, id) >= 0 &&
                (uint64_t)tensor_size(cs, id) * dtype_bytes(tensor->type) <= run->image->tensors.at[row].bytes;
    if (!fits) {
        diag(&run->cx->diag, place_none(), E_IMAGE,
             arena_printf(&run->cx->arena, "host steps use '%s', which is no such tensor of the image", tensor_name(cs, id)));
        return WEIR_INVALID;
    }
    *out_row = (uint32_t)row;
    return WEIR_OK;
}

weir_status image_run_host(void *data, uint32_t host)
{
    ImageRun *run = data;
    weir_context *cx = run->cx;
    if (host >= run->image->hosts.n) {
        diag(&cx->diag, place_none(), E_IMAGE, "a step names no cascade of HOST");
        return WEIR_INVALID;
    }
    if (run->hosts[host] == NULL)
        TRY(parse_host(run, host));
    Cascade *cs = run->hosts[host];
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, cs->tensors.n);
    uint32_t row;
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        if (tensor_at(cs, (TensorId){t})->role != TENSOR_IN)
            continue;
        TRY(row_of(run, cs, (TensorId){t}, &row));
        values[t] = run->values[row];
    }
    const EvalOptions options = {.system = EVAL_TYPED};
    TRY(eval_cascade(cs, &options, values));
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        if (!tensor_at(cs, (TensorId){t})->is_out)
            continue;
        TRY(row_of(run, cs, (TensorId){t}, &row));
        image_run_set(run, row, &values[t]);
        context_buffer_free(cx, values[t].data);
    }
    run->host_runs++;
    return WEIR_OK;
}
