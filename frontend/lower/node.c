/*
 * frontend/lower/node.c: what a lowering function reads from its node: attributes, constant operands; how it fails.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "frontend/lower/walk.h"
#include "support/text.h"

/* ---- failing ---- */

Place node_place(const Lowering *l)
{
    weir_context *cx = l->cx;
    const char *domain = l->node->domain.i == 0 ? "ai.onnx" : cx_text(cx, l->node->domain);
    return place_node(l->w->model->source, l->node->index, cx_text(cx, l->provenance),
                      arena_printf(&cx->arena, "%s::%s", domain, cx_text(cx, l->node->op)));
}

const char *option_text(weir_context *cx, const char *name, const char *key, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";
    if (key[strspn(key, plain)] == 0)
        return arena_printf(&cx->arena, "--%s %s=%s", name, key, value);
    Text quoted;
    text_init(&quoted, &cx->arena);
    for (const char *at = key; *at != 0; at++)
        text_printf(&quoted, *at == '\'' ? "'\\''" : "%c", *at);
    return arena_printf(&cx->arena, "--%s '%s=%s'", name, quoted.at, value);
}

static weir_status __attribute__((format(printf, 4, 0))) fail(Lowering *l, DiagId id, weir_status status, const char *format,
                                                               va_list args)
{
    char reason[512];
    vsnprintf(reason, sizeof reason, format, args);
    weir_context *cx = l->cx;
    Text types;
    text_init(&types, &cx->arena);
    for (uint32_t k = 0; k < l->n_in; k++)
        text_printf(&types, "%s%s", k == 0 ? "" : ", ", l->in[k] == NULL ? "-" : shape_text(l, l->in[k]));
    diag(&cx->diag, node_place(l), id, cx_text(cx, l->node->op), (long long)l->opset, reason);
    if (l->n_in != 0)
        diag_note(&cx->diag, "inputs: %s", types.at == NULL ? "" : types.at);
    return status;
}

weir_status invalid(Lowering *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_status status = fail(l, E_NODE_INVALID, WEIR_INVALID, format, args);
    va_end(args);
    return status;
}

weir_status unsupported(Lowering *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_status status = fail(l, E_NODE_UNSUPPORTED, WEIR_UNSUPPORTED, format, args);
    va_end(args);
    return status;
}

void advise(Lowering *l, const char *format, ...)
{
    Diagnostics *diagnostics = &l->cx->diag;
    if (diagnostics->list.n == 0)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *note = diagnostics->list.at[diagnostics->list.n - 1].note;
    diag_note(diagnostics, "%s%s%s", note == NULL ? "" : note, note == NULL ? "" : "; ", text);
}

const char *onnx_type_text(weir_context *cx, int onnx_type)
{
    Dtype type = dtype_from_onnx(onnx_type);
    if (type != DT_NONE)
        return dtype_text(type);
    return onnx_type == ONNX_STRING       ? "string"
           : onnx_type == ONNX_COMPLEX64  ? "complex64"
           : onnx_type == ONNX_COMPLEX128 ? "complex128"
                                          : arena_printf(&cx->arena, "%d", onnx_type);
}

const char *shape_text(Lowering *l, const Operand *op)
{
    Text text;
    if (op->poisoned)
        return "?";
    text_init(&text, &l->cx->arena);
    text_printf(&text, "%s[", op->type == DT_NONE ? "?" : dtype_text(op->type));
    for (uint32_t d = 0; d < op->n_dims; d++)
        text_printf(&text, "%s%s%lld", d == 0 ? "" : ",", dim_runtime(l, op, d) ? "<=" : "", (long long)op->extent[d]);
    text_printf(&text, "]");
    return text.at;
}

/* ---- inputs ---- */

weir_status want_float(Lowering *l, const Operand *op)
{
    if (!is_float(op->type))
        return invalid(l, "the operand must be of a float type, not %s", shape_text(l, op));
    return WEIR_OK;
}

weir_status want_same_type(Lowering *l, const Operand *a, const Operand *b)
{
    if (a->type != b->type)
        return invalid(l, "the operands have types %s and %s", dtype_text(a->type), dtype_text(b->type));
    return WEIR_OK;
}

weir_status want_rank(Lowering *l, const Operand *op, uint32_t least, uint32_t most)
{
    if (op->n_dims < least || op->n_dims > most)
        return invalid(l, "an operand of %u..%u dimensions is needed, not %s", least, most, shape_text(l, op));
    return WEIR_OK;
}

/* ---- attributes ---- */

const Attribute *attr(const Lowering *l, const char *name)
{
    return node_attribute(l->cx, l->node, name);
}

int64_t attr_int(const Lowering *l, const char *name, int64_t otherwise)
{
    return node_int(l->cx, l->node, name, otherwise);
}

double attr_float(const Lowering *l, const char *name, double otherwise)
{
    const Attribute *a = attr(l, name);
    return a == NULL ? (double)(float)otherwise : (double)a->f;
}

const char *attr_text(const Lowering *l, const char *name, const char *otherwise)
{
    return node_string(l->cx, l->node, name, otherwise);
}

bool attr_is(const Lowering *l, const char *name, const char *otherwise, const char *value)
{
    return strcmp(attr_text(l, name, otherwise), value) == 0;
}

Ints attr_ints(const Lowering *l, const char *name)
{
    const Attribute *a = attr(l, name);
    return a == NULL ? (Ints){0} : (Ints){a->n, a->ints};
}

/* ---- values ---- */

weir_status value_of(Lowering *l, const Operand *op, const Tensor **out_value)
{
    if (op->value != NULL) {
        *out_value = op->value;
        return WEIR_OK;
    }
    if (op->stand_in)
        return WEIR_UNSUPPORTED; /* reported where it should have come from */
    if (op->depends == NULL)
        return unsupported(l, "operand '%s' must be known when compiling", cx_text(l->cx, op->name));
    if (want_by_value(l->w, op->depends))
        return WEIR_UNSUPPORTED; /* lowered again with these inputs bound */
    weir_context *cx = l->cx;
    for (uint32_t i = 0; i < l->w->n_graph_inputs; i++) {
        if ((op->depends[i / 64] >> (i % 64) & 1) == 0)
            continue;
        const char *name = cx_text(cx, graph_input_name(l->w, i));
        diag(&cx->diag, node_place(l), E_NEEDS_VALUE, cx_text(cx, op->name), name);
        diag_note(&cx->diag, "bind it: %s", option_text(cx, "value", name, "V"));
    }
    return WEIR_UNSUPPORTED;
}

weir_status value_ints(Lowering *l, const Operand *op, Ints *out_ints)
{
    const Tensor *value;
    TRY(value_of(l, op, &value));
    if (!dtype_is_int(op->type) || op->n_dims > 1)
        return invalid(l, "operand '%s' must be a list of integers, not %s", cx_text(l->cx, op->name), shape_text(l, op));
    uint32_t n = (uint32_t)count_of(op);
    int64_t *ints = ARENA_ARRAY(&l->cx->arena, int64_t, n);
    for (uint32_t i = 0; i < n; i++)
        ints[i] = dtype_load_i64(op->type, value->data, i);
    *out_ints = (Ints){n, ints};
    return WEIR_OK;
}

weir_status ints_of(Lowering *l, uint32_t k, const char *name, Ints *out_ints, bool *out_given)
{
    const Operand *op = input(l, k);
    if (op != NULL) {
        *out_given = true;
        return value_ints(l, op, out_ints);
    }
    *out_given = attr(l, name) != NULL;
    *out_ints = attr_ints(l, name);
    return WEIR_OK;
}

weir_status axis_of(Lowering *l, int64_t axis, uint32_t rank, uint32_t *out_axis)
{
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return invalid(l, "axis %lld is outside -%u..%d", (long long)axis, rank, (int)rank - 1);
    *out_axis = (uint32_t)(axis < 0 ? axis + rank : axis);
    return WEIR_OK;
}

weir_status axes_of(Lowering *l, Ints axes, uint32_t rank, bool *out_flags)
{
    memset(out_flags, 0, MAX_DIMS * sizeof *out_flags);
    for (uint32_t i = 0; i < axes.n; i++) {
        uint32_t axis;
        TRY(axis_of(l, axes.at[i], rank, &axis));
        if (out_flags[axis])
            return invalid(l, "axis %lld is given twice", (long long)axes.at[i]);
        out_flags[axis] = true;
    }
    return WEIR_OK;
}
