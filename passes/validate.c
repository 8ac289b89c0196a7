/*
 * passes/validate.c: translation validation of a pass by evaluation.
 *
 * Two classes of inputs: small integers, under which sums are exact in any order, and normal values. The real system
 * must agree to 1e-12 relative to the larger of 1 and the value; integers and bool must be equal.
 */
#include <math.h>
#include <string.h>

#include "ir/eval.h"
#include "passes/pass.h"
#include "support/text.h"

static void fill_inputs(Cascade *cs, Tensor *values, int round)
{
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(cs, (TensorId){t});
        if (tensor->role != TENSOR_IN)
            continue;
        int64_t extent[TENSOR_MAX_DIMS];
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            extent[d] = dim_extent(cs, (TensorId){t}, d);
        values[t] = tensor_new(cs->cx, tensor->type, tensor->n_dims, extent);
        bool number = dtype_kind(tensor->type) == DK_FLOAT;
        seeded_fill(&values[t], 1000 + t, round == 0 || !number ? LAW_INTS : LAW_NORMAL, 1);
        for (int64_t i = 0; !number && i < tensor_elements(&values[t]); i++)
            dtype_store_i64(tensor->type, values[t].data, (size_t)i, dtype_load_i64(tensor->type, values[t].data, (size_t)i) & 1);
    }
}

static bool near(Dtype type, const Tensor *a, const Tensor *b, size_t i)
{
    if (dtype_is_int(type) || type == DT_BOOL)
        return dtype_load_i64(type, a->data, i) == dtype_load_i64(type, b->data, i);
    double x = dtype_load_f64(type, a->data, i), y = dtype_load_f64(type, b->data, i);
    if (isnan(x) || isnan(y) || isinf(x) || isinf(y))
        return x == y || (isnan(x) && isnan(y));
    return fabs(x - y) <= 1e-12 * fmax(1, fabs(y));
}

static weir_status compare(PassContext *p, Cascade *before, TensorId tensor, const Tensor *a, const Tensor *b,
                           const char *name)
{
    if (b->data == NULL || a->type != b->type || tensor_elements(a) != tensor_elements(b))
        weir_bug(p->cx, "pass %s changed the form of '%s'", name, tensor_name(before, tensor));
    for (int64_t i = 0; i < tensor_elements(a); i++) {
        if (near(a->type, a, b, (size_t)i))
            continue;
        diag(&p->cx->diag, place_none(), E_INTERNAL,
             arena_printf(&p->cx->arena, "pass %s changed '%s' at element %lld: %.17g became %.17g", name,
                          tensor_name(before, tensor), (long long)i, dtype_load_f64(a->type, a->data, (size_t)i),
                          dtype_load_f64(b->type, b->data, (size_t)i)));
        return WEIR_DIFFERS;
    }
    return WEIR_OK;
}

static void release(weir_context *cx, Tensor *values, uint32_t n)
{
    for (uint32_t t = 0; t < n; t++)
        if (values[t].data != NULL && values[t].writable)
            context_buffer_free(cx, values[t].data);
}

weir_status pass_validate(PassContext *p, Cascade *before, Cascade *after, const char *name)
{
    const EvalOptions options = {.system = EVAL_REAL};
    for (int round = 0; round < 2; round++) {
        Tensor *a = ARENA_ARRAY(&p->cx->arena, Tensor, before->tensors.n);
        Tensor *b = ARENA_ARRAY(&p->cx->arena, Tensor, after->tensors.n);
        fill_inputs(before, a, round);
        for (uint32_t t = 1; t < before->tensors.n; t++)
            if (tensor_at(before, (TensorId){t})->role == TENSOR_IN)
                b[tensor_by_name(after, tensor_at(before, (TensorId){t})->name).i] = a[t];
        TRY(eval_cascade(before, &options, a));
        TRY(eval_cascade(after, &options, b));
        for (uint32_t t = 1; t < before->tensors.n; t++) {
            TensorId id = {t};
            if (tensor_at(before, id)->is_out)
                TRY(compare(p, before, id, &a[t], &b[tensor_by_name(after, tensor_at(before, id)->name).i], name));
        }
        release(p->cx, a, before->tensors.n);
    }
    return WEIR_OK;
}
