/*
 * frontend/lower/fold.c: a node whose inputs are all constant is lowered into a small cascade of its own and
 * evaluated; only its values stay.
 *
 * Keep: what would become larger than FOLD_BYTES is not folded but lowered like any other node.
 */
#include <string.h>

#include "frontend/lower/walk.h"
#include "ir/eval.h"

enum { FOLD_BYTES = 64 << 20, SMALL_BYTES = 1 << 16 };

static void reset(Cascade *cs)
{
    cs->ranks.n = cs->tensors.n = cs->exprs.n = cs->statements.n = 1;
    cs->args.n = cs->open.n = cs->nesting.n = 0;
    cs->fresh = 0;
    if (cs->taken.n != 0)
        memset(cs->taken.at, 0, cs->taken.n * sizeof *cs->taken.at);
}

/* Whether all that the statements would compute fits. */
static bool fits(const Cascade *cs)
{
    uint64_t bytes = 0;
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        if (cs->tensors.at[t].role == TENSOR_CONST)
            continue;
        int64_t n = tensor_size(cs, (TensorId){t});
        if (n < 0 || n > FOLD_BYTES)
            return false;
        bytes += (uint64_t)n * dtype_bytes(cs->tensors.at[t].type);
    }
    return bytes <= FOLD_BYTES;
}

static const Tensor *keep(weir_context *cx, Tensor *value)
{
    size_t bytes = tensor_bytes(cx, value);
    Tensor *kept = arena_copy(&cx->arena, value, sizeof *value);
    if (bytes <= SMALL_BYTES) {
        kept->data = arena_copy(&cx->arena, value->data, bytes);
        context_buffer_free(cx, value->data);
    }
    return kept;
}

static weir_status evaluate(Lowering *l, Operand **out)
{
    Emit *emit = l->w->emit;
    Cascade *cs = l->cs;
    weir_context *cx = l->cx;
    VEC(StatementId) items = {0};
    for (uint32_t i = 0; i < emit->ranks.n; i++)
        vec_push(&cx->arena, &items, emit->ranks.at[i]);
    for (uint32_t i = 0; i < emit->constants.n; i++)
        vec_push(&cx->arena, &items, emit->constants.at[i]);
    for (uint32_t i = 0; i < cs->open.n; i++)
        vec_push(&cx->arena, &items, cs->open.at[i]);
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, cs->tensors.n);
    TRY(eval_items(cs, EVAL_TYPED, items.at, items.n, values));
    for (uint32_t k = 0; k < l->n_out; k++) {
        if (out[k] == NULL || out[k]->value != NULL)
            continue;
        Tensor *value = &values[out[k]->tensor.i];
        const Tensor *kept = keep(cx, value);
        for (uint32_t other = k + 1; other < l->n_out; other++)
            if (out[other] != NULL && out[other]->value == NULL && out[other]->tensor.i == out[k]->tensor.i)
                out[other] = operand_constant(l->w, out[other]->name, kept);
        tensor_at(cs, out[k]->tensor)->role = TENSOR_CONST; /* its buffer stays */
        out[k] = operand_constant(l->w, out[k]->name, kept);
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (cs->tensors.at[t].role == TENSOR_TMP && values[t].data != NULL)
            context_buffer_free(cx, values[t].data);
    return WEIR_OK;
}

weir_status fold_node(Lowering *l, bool *out_done)
{
    Walk *w = l->w;
    Arena *arena = &w->cx->arena;
    Emit *outer = w->emit;
    if (w->scratch == NULL) {
        w->scratch = ARENA_NEW(arena, Emit);
        w->scratch->cs = cascade_new(w->cx, "fold");
    }
    Emit *scratch = w->scratch;
    reset(scratch->cs);
    for (uint32_t i = w->extents.n; i-- > 0;) /* of the cascade that was here */
        if (w->extents.at[i].cs == scratch->cs)
            w->extents.at[i] = w->extents.at[--w->extents.n];
    scratch->ranks.n = scratch->inputs.n = scratch->constants.n = 0;
    Lowering inner = *l;
    inner.cs = scratch->cs;
    inner.in = ARENA_ARRAY(arena, Operand *, l->n_in);
    inner.out = ARENA_ARRAY(arena, Operand *, l->n_out);
    for (uint32_t k = 0; k < l->n_in; k++) {
        if (l->in[k] == NULL)
            continue;
        inner.in[k] = arena_copy(arena, l->in[k], sizeof **l->in);
        inner.in[k]->tensor.i = 0;
    }
    w->emit = scratch;
    weir_status status = l->row->lower(&inner);
    *out_done = status == WEIR_OK && fits(scratch->cs);
    if (*out_done && scratch->cs->open.n != 0)
        status = evaluate(&inner, inner.out);
    w->emit = outer;
    TRY(status);
    for (uint32_t k = 0; *out_done && k < l->n_out; k++) {
        if (inner.out[k] != NULL && inner.out[k]->value == NULL)
            weir_bug(w->cx, "folding %s left output %u without a value", l->row->name, k);
        if (inner.out[k] != NULL)
            inner.out[k]->tensor.i = 0; /* an alias of a constant that was read: its tensor was one of the small cascade */
        l->out[k] = inner.out[k];
    }
    return WEIR_OK;
}
