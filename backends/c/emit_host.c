/*
 * backends/c/emit_host.c: host operations as calls of runtime/weir_host_ops.h.
 */
#include "backends/c/internal.h"

#include <inttypes.h>
#include <string.h>

static const char *const host_lines[] = {
#include "backends/c/weir_host_ops.inc"
};

static const char *kind_of(Dtype type)
{
    if (dtype_kind(type) == DK_FLOAT)
        return type == DT_BF16 ? "W_BRAIN" : "W_BINARY";
    return dtype_kind(type) == DK_SIGNED ? "W_SIGNED" : "W_UNSIGNED";
}

/* `const w_tensor tK = {..};` with the extents from scalars `at` on; the number of them. */
static uint32_t emit_tensor(Emit *e, const LoopStmt *st, uint32_t k, uint32_t at)
{
    const LoopBuffer *b = &e->p->buffers.at[st->slots[k]];
    uint32_t n = tensor_at(e->p->cs, b->tensor)->n_dims;
    text_printf(&e->body, "const w_tensor t%u = {(void *)(uintptr_t)s%u, (int)sizeof *s%u, %s, %u, {", k, st->slots[k], st->slots[k],
                kind_of(b->type), n);
    for (uint32_t d = 0; d < n; d++) {
        text_printf(&e->body, d > 0 ? ", " : "");
        emit_expr(e, st->scalars[at + d]);
    }
    text_printf(&e->body, n > 0 ? "}, {" : "0}, {0");
    for (uint32_t d = 0; d < n; d++)
        text_printf(&e->body, d > 0 ? ", %" PRId64 : "%" PRId64, dim_extent(e->p->cs, b->tensor, d));
    text_printf(&e->body, "}};\n        ");
    return n;
}

/* The tensors first .. end - 1, then as many absent ones as an operation could ask for. */
static void emit_list(Emit *e, const char *name, uint32_t first, uint32_t end)
{
    text_printf(&e->body, "const w_tensor *const %s[6] = {", name);
    for (uint32_t k = first; k < end; k++)
        text_printf(&e->body, "&t%u, ", k);
    text_printf(&e->body, "0};\n        ");
}

void emit_host(Emit *e, const LoopStmt *st)
{
    const char *name = st->hostop == HOSTOP_TOPK ? "sort" : hostop_info(st->hostop)->text;
    uint32_t at = 0;
    e->hosts = true;
    text_printf(&e->body, "{\n        ");
    for (uint32_t k = 0; k + 1 < st->n_slots; k++)
        at += emit_tensor(e, st, k, at);
    emit_list(e, "in", 0, st->n_inputs);
    emit_list(e, "out", st->n_inputs, st->n_slots - 1);
    text_printf(&e->body, "const double number[%d] = {", HOST_NUMBERS);
    for (uint32_t k = at; k < st->n_scalars; k++) {
        text_printf(&e->body, k > at ? ", " : "");
        emit_expr(e, st->scalars[k]);
    }
    text_printf(&e->body, at == st->n_scalars ? "0};\n        " : "};\n        ");
    text_printf(&e->body, "w_host_%s(in, out, number, s%u);\n    }\n", name, st->slots[st->n_slots - 1]);
}

void emit_host_functions(const Emit *e, Text *out)
{
    if (!e->hosts)
        return;
    text_printf(out, "#ifndef W_HOST_OPERATIONS\n#define W_HOST_OPERATIONS\n");
    for (size_t k = 0; k < sizeof host_lines / sizeof host_lines[0]; k++)
        text_add(out, host_lines[k], strlen(host_lines[k]));
    text_printf(out, "#endif\n");
}
