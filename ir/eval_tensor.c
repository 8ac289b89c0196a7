/*
 * ir/eval_tensor.c: tensors and ranks while a cascade runs: extents, storage, constants, formats, traps.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/eval_plan.h"
#include "ir/format.h"

weir_status eval_trap(Eval *ev, const Statement *st, const char *coordinates, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *name = "a region";
    if (st->n_targets != 0)
        name = tensor_name(ev->cs, st->targets[0].tensor);
    else if (st->rank.i != 0)
        name = rank_name(ev->cs, st->rank);
    Place place = st->place;
    if (place.name == NULL)
        place.name = name;
    diag(&ev->cx->diag, place, E_TRAP, arena_printf(&ev->cx->arena, "%s%s: %s", name, coordinates, text));
    return WEIR_INVALID;
}

void *scratch_bytes(Eval *ev, Scratch *scratch, size_t bytes)
{
    if (scratch->bytes < bytes) {
        if (scratch->data != NULL)
            context_buffer_free(ev->cx, scratch->data);
        *scratch = (Scratch){NULL, 0};
        scratch->data = context_buffer(ev->cx, bytes);
        scratch->bytes = bytes;
    }
    return scratch->data;
}

/* ---- ranks ---- */

const Loop *loop_of(const Eval *ev, RankId rank)
{
    for (uint32_t i = ev->loops.n; i-- > 0;)
        if (rank_same(ev->loops.at[i].rank, rank))
            return &ev->loops.at[i];
    return NULL;
}

weir_status eval_rank_extent(Eval *ev, RankId rank, const Statement *st, int64_t *out_extent)
{
    const Rank *r = rank_at(ev->cs, rank);
    const Loop *loop;
    switch (r->kind) {
    case RANK_STATIC:
        break;
    case RANK_ITERATIVE:
        loop = loop_of(ev, rank);
        *out_extent = loop == NULL ? r->extent : loop->active ? loop->trips : loop->count;
        return WEIR_OK;
    case RANK_COUNT:
        loop = loop_of(ev, r->count_of);
        if (loop == NULL)
            weir_bug(ev->cx, "count(%s) before its region", rank_name(ev->cs, r->count_of));
        *out_extent = loop->count;
        if (loop->count > r->extent)
            return eval_trap(ev, st, "", "the extent %lld of rank %s exceeds its bound %lld", (long long)loop->count,
                             rank_name(ev->cs, rank), (long long)r->extent);
        return WEIR_OK;
    case RANK_SCALAR: {
        const Tensor *value;
        TRY(tensor_value(ev, r->scalar, PART_VALUE, &value));
        *out_extent = dtype_load_i64(value->type, value->data, 0);
        bool huge = value->type == DT_U64 && *out_extent < 0;
        if (huge || *out_extent < 0 || *out_extent > r->extent)
            return eval_trap(ev, st, "", "the extent %lld of rank %s is outside 0..%lld", (long long)*out_extent,
                             rank_name(ev->cs, rank), (long long)r->extent);
        return WEIR_OK;
    }
    }
    *out_extent = r->extent;
    return WEIR_OK;
}

/* ---- tensors ---- */

static PartValues *parts_of(Eval *ev, TensorId id)
{
    for (uint32_t i = 0; i < ev->parts.n; i++)
        if (ev->parts.at[i].tensor.i == id.i)
            return &ev->parts.at[i];
    return NULL;
}

weir_status tensor_encode(Eval *ev, TensorId id)
{
    const TensorDecl *decl = tensor_at(ev->cs, id);
    if (decl->format == 0)
        return WEIR_OK;
    Tensor *value = &ev->values[id.i];
    FormatAxes axes;
    format_axes(ev->cs, id, &axes);
    Encoded encoded;
    TRY(format_encode(ev->cx, &ev->cs->formats.at[decl->format], &axes, value, &encoded));
    format_decode(&ev->cs->formats.at[decl->format], &axes, &encoded, value);
    PartValues parts = {.tensor = id, .zero = encoded.zero};
    format_parts(ev->cx, &ev->cs->formats.at[decl->format], &encoded, &parts.q, &parts.scale);
    PartValues *known = parts_of(ev, id);
    if (known != NULL)
        *known = parts;
    else
        vec_push(&ev->arena, &ev->parts, parts);
    return WEIR_OK;
}

static weir_status load_constant(Eval *ev, TensorId id)
{
    const Tensor *value;
    TRY(cascade_const(ev->cs, id, &value));
    if (tensor_at(ev->cs, id)->format == 0) {
        ev->values[id.i] = *value;
        ev->values[id.i].writable = false;
        return WEIR_OK;
    }
    Dtype type = ev->system == EVAL_REAL ? DT_F64 : DT_F32;
    Tensor copy = tensor_new(ev->cx, type, value->n_dims, value->extent);
    int64_t n = tensor_elements(value);
    for (int64_t i = 0; i < n; i++)
        dtype_store_f64(type, copy.data, (size_t)i, dtype_load_f64(value->type, value->data, (size_t)i));
    ev->values[id.i] = copy;
    return tensor_encode(ev, id);
}

weir_status tensor_value(Eval *ev, TensorId id, AccessPart part, const Tensor **out_value)
{
    Tensor *value = &ev->values[id.i];
    if (value->data == NULL) {
        if (tensor_at(ev->cs, id)->role != TENSOR_CONST)
            weir_bug(ev->cx, "%s is read before it is defined", tensor_name(ev->cs, id));
        TRY(load_constant(ev, id));
    }
    *out_value = value;
    if (part == PART_VALUE)
        return WEIR_OK;
    PartValues *parts = parts_of(ev, id);
    if (parts == NULL)
        weir_bug(ev->cx, "%s has no format", tensor_name(ev->cs, id));
    *out_value = part == PART_Q ? &parts->q : part == PART_SCALE ? &parts->scale : &parts->zero;
    if ((*out_value)->data == NULL)
        weir_bug(ev->cx, "%s has no zero points", tensor_name(ev->cs, id));
    return WEIR_OK;
}

weir_status logical_extents(Eval *ev, TensorId id, AccessPart part, const Tensor *value, const Statement *st,
                            int64_t *out_extent)
{
    const TensorDecl *decl = tensor_at(ev->cs, id);
    for (uint32_t d = 0; d < value->n_dims; d++) {
        out_extent[d] = value->extent[d];
        if (d >= decl->n_dims || (part != PART_VALUE && part != PART_Q))
            continue;
        const Rank *rank = rank_at(ev->cs, decl->dims[d].rank);
        if (rank->kind == RANK_STATIC)
            continue;
        TRY(eval_rank_extent(ev, decl->dims[d].rank, st, &out_extent[d]));
        out_extent[d] += decl->dims[d].next ? 1 : 0;
        if (out_extent[d] > value->extent[d])
            return eval_trap(ev, st, "", "%s has extent %lld in dimension %u, but rank %s has %lld",
                             tensor_name(ev->cs, id), (long long)value->extent[d], d,
                             rank_name(ev->cs, decl->dims[d].rank), (long long)out_extent[d]);
    }
    return WEIR_OK;
}

static bool is_float(Dtype type)
{
    return dtype_kind(type) == DK_FLOAT || dtype_kind(type) == DK_CODE;
}

weir_status tensor_prepare(Eval *ev, TensorId id, const Statement *st)
{
    const TensorDecl *decl = tensor_at(ev->cs, id);
    Tensor want = {.type = ev->system == EVAL_REAL && is_float(decl->type) ? DT_F64 : decl->type,
                   .n_dims = decl->n_dims};
    for (uint32_t d = 0; d < decl->n_dims; d++) {
        TRY(eval_rank_extent(ev, decl->dims[d].rank, st, &want.extent[d]));
        want.extent[d] += decl->dims[d].next ? 1 : 0;
    }
    Tensor *value = &ev->values[id.i];
    if (value->data != NULL && value->writable && value->type == want.type &&
        memcmp(value->extent, want.extent, want.n_dims * sizeof *want.extent) == 0)
        return WEIR_OK;
    tensor_release(ev, id);
    *value = tensor_new(ev->cx, want.type, want.n_dims, want.extent);
    return WEIR_OK;
}

void tensor_release(Eval *ev, TensorId id)
{
    Tensor *value = &ev->values[id.i];
    if (value->data != NULL && value->writable)
        context_buffer_free(ev->cx, value->data);
    *value = (Tensor){0};
    PartValues *parts = parts_of(ev, id);
    if (parts == NULL)
        return;
    context_buffer_free(ev->cx, parts->q.data);
    context_buffer_free(ev->cx, parts->scale.data);
    if (parts->zero.data != NULL)
        context_buffer_free(ev->cx, parts->zero.data);
    parts->tensor = (TensorId){0};
}
