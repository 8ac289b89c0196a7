/*
 * frontend/lower/lower.c: the model around the walk: inputs in, outputs out, and another run whenever a shape turns
 * out to depend on inputs whose values are at hand.
 */
#include "frontend/lower/lower.h"

#include <string.h>

#include "frontend/lower/finish.h"
#include "frontend/lower/walk.h"
#include "frontend/opset.h"

/* ---- which graph inputs there are ---- */

static bool has_initializer(const Graph *graph, Name name)
{
    for (uint32_t i = 0; i < graph->n_initializers; i++)
        if (name_is(graph->initializers[i].name, name))
            return true;
    return false;
}

/* Graph inputs without initializers, in order. */
static const ValueInfo **real_inputs(Walk *w)
{
    const Graph *graph = &w->model->graph;
    const ValueInfo **list = ARENA_ARRAY(&w->cx->arena, const ValueInfo *, graph->n_inputs);
    w->n_graph_inputs = 0;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        if (!has_initializer(graph, graph->inputs[i].name))
            list[w->n_graph_inputs++] = &graph->inputs[i];
    return list;
}

static const LowerInput *given_input(const Walk *w, Name name)
{
    for (uint32_t i = 0; i < w->options->n_inputs; i++)
        if (name_is(w->options->inputs[i].name, name))
            return &w->options->inputs[i];
    return NULL;
}

Name graph_input_name(const Walk *w, uint32_t number)
{
    return w->inputs[number]->name;
}

bool want_by_value(Walk *w, const uint64_t *depends)
{
    for (uint32_t i = 0; i < w->n_graph_inputs; i++) {
        if ((depends[i / 64] >> (i % 64) & 1) == 0)
            continue;
        const LowerInput *given = given_input(w, graph_input_name(w, i));
        if (given == NULL || given->value == NULL || given->value->data == NULL)
            return false;
    }
    for (uint32_t i = 0; i < w->dependency_words; i++)
        w->wanted[i] |= depends[i];
    return true;
}

bool any_wanted(const Walk *w)
{
    for (uint32_t i = 0; i < w->dependency_words; i++)
        if ((w->wanted[i] & ~w->bound[i]) != 0)
            return true;
    return false;
}

bool switches(const Walk *w, const uint64_t *depends)
{
    enum { FEW = 64 };
    for (uint32_t i = 0; i < w->n_graph_inputs; i++) {
        if ((depends[i / 64] >> (i % 64) & 1) == 0)
            continue;
        const LowerInput *given = given_input(w, graph_input_name(w, i));
        if (given == NULL || given->value == NULL || given->value->data == NULL || tensor_elements(given->value) > FEW ||
            dtype_kind(given->value->type) == DK_FLOAT)
            return false;
    }
    return true;
}

/* ---- extents of an input ---- */

static weir_status input_error(Walk *w, const ValueInfo *info, DiagId id, weir_status status, const char *reason)
{
    diag(&w->cx->diag, place_none(), id,
         arena_printf(&w->cx->arena, "input '%s': %s", cx_text(w->cx, info->name), reason));
    return status;
}

/* The extent of a symbol: --dim, or what an input with known shape gives it. */
static int64_t symbol_extent(Walk *w, Name symbol)
{
    for (uint32_t i = 0; i < w->options->n_dims; i++)
        if (name_is(w->options->dims[i].name, symbol))
            return w->options->dims[i].extent;
    for (uint32_t k = 0; k < w->n_graph_inputs; k++) {
        const ValueInfo *info = w->inputs[k];
        const LowerInput *given = given_input(w, info->name);
        if (given == NULL || given->value == NULL || !info->type.has_shape ||
            given->value->n_dims != info->type.n_dims)
            continue;
        for (uint32_t d = 0; d < info->type.n_dims; d++)
            if (name_is(info->type.dims[d].symbol, symbol))
                return given->value->extent[d];
    }
    return w->options->default_dim == 0 ? -1 : w->options->default_dim;
}

static weir_status declared_shape(Walk *w, const ValueInfo *info, Operand *op)
{
    weir_context *cx = w->cx;
    if (!info->type.has_shape)
        return input_error(w, info, E_MODEL_UNSUPPORTED, WEIR_UNSUPPORTED,
                           "its rank is not declared; give a value: --value NAME=V, or a data set");
    weir_status status = WEIR_OK;
    op->n_dims = info->type.n_dims;
    for (uint32_t d = 0; d < op->n_dims; d++) {
        const Dim *dim = &info->type.dims[d];
        Name symbol = dim->symbol;
        if (symbol.i == 0) /* an unknown dimension is named INPUT.NUMBER */
            symbol = intern_text(&cx->names, arena_printf(&cx->arena, "%s.%u", cx_text(cx, info->name), d));
        op->extent[d] = dim->extent >= 0 ? dim->extent : symbol_extent(w, symbol);
        if (op->extent[d] >= 0)
            continue;
        diag(&cx->diag, place_none(), E_NEEDS_DIM, d, cx_text(cx, info->name), cx_text(cx, symbol));
        diag_note(&cx->diag, "bind it: %s", option_text(cx, "dim", cx_text(cx, symbol), "N"));
        status = WEIR_UNSUPPORTED;
    }
    return status;
}

static const ValueInfo *info_of(const Graph *graph, Name name)
{
    for (uint32_t i = 0; i < graph->n_infos; i++)
        if (name_is(graph->infos[i].name, name))
            return &graph->infos[i];
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        if (name_is(graph->outputs[i].name, name))
            return &graph->outputs[i];
    return NULL;
}

Operand *operand_declared(Walk *w, Name name)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    const ValueInfo *info = w->depth == 0 ? info_of(&w->model->graph, name) : NULL;
    if (info == NULL || info->type.kind != VALUE_TENSOR || !is_float(info->type.type) || !info->type.has_shape ||
        info->type.n_dims > MAX_DIMS)
        return NULL; /* integers become shapes: nothing is known of their values */
    Lowering l = {.w = w, .cx = w->cx, .cs = w->emit->cs};
    Ranks ranks = {0};
    Operand *op = ARENA_NEW(&w->cx->arena, Operand);
    *op = (Operand){.name = name, .type = info->type.type, .n_dims = info->type.n_dims, .stand_in = true};
    for (uint32_t d = 0; d < op->n_dims; d++) {
        const Dim *dim = &info->type.dims[d];
        op->extent[d] = dim->extent >= 0 ? dim->extent : dim->symbol.i != 0 ? symbol_extent(w, dim->symbol) : -1;
        if (op->extent[d] < 0)
            return NULL;
        ranks_add(&ranks, new_rank(&l, names[d % 4], op->extent[d]));
    }
    op->tensor = cascade_tensor(l.cs, TENSOR_TMP, cx_text(w->cx, name), op->type, ranks.n, ranks.at);
    return op;
}

static bool declares_one(const ValueType *type)
{
    for (uint32_t d = 0; d < type->n_dims; d++)
        if (type->dims[d].extent != 1)
            return false;
    return true;
}

static weir_status given_shape(Walk *w, const ValueInfo *info, const Tensor *value, Operand *op)
{
    if (value->type != op->type)
        return input_error(w, info, E_MODEL_INVALID, WEIR_INVALID,
                           arena_printf(&w->cx->arena, "declared as %s, given as %s", dtype_text(op->type),
                                        dtype_text(value->type)));
    op->n_dims = value->n_dims;
    memcpy(op->extent, value->extent, sizeof op->extent);
    if (!info->type.has_shape)
        return WEIR_OK;
    if (tensor_elements(value) == 1 && declares_one(&info->type)) { /* one element fits a scalar and [1] alike */
        op->n_dims = info->type.n_dims;
        for (uint32_t d = 0; d < op->n_dims; d++)
            op->extent[d] = 1;
        return WEIR_OK;
    }
    bool fits = info->type.n_dims == value->n_dims;
    for (uint32_t d = 0; fits && d < value->n_dims; d++)
        fits = info->type.dims[d].extent < 0 || info->type.dims[d].extent == value->extent[d];
    if (!fits)
        return input_error(w, info, E_MODEL_INVALID, WEIR_INVALID, "the given value has another shape than declared");
    return WEIR_OK;
}

/* What a type is that no cascade has. */
static const char *strange_type(Walk *w, const ValueType *type)
{
    static const char *const kinds[] = {
        [VALUE_TENSOR] = "a tensor",   [VALUE_SEQUENCE] = "a sequence",    [VALUE_OPTIONAL] = "an optional",
        [VALUE_MAP] = "a map",         [VALUE_SPARSE] = "a sparse tensor", [VALUE_OTHER] = "opaque"};
    if (type->kind != VALUE_TENSOR)
        return arena_printf(&w->cx->arena, "is %s; only tensors are supported", kinds[type->kind]);
    if (type->onnx_type == ONNX_STRING)
        return "strings are not supported; an input of their numbers in a vocabulary is";
    if (type->onnx_type == ONNX_COMPLEX64 || type->onnx_type == ONNX_COMPLEX128)
        return "complex numbers are not supported; a last dimension of real and imaginary part is";
    return arena_printf(&w->cx->arena, "element type %s is not supported", onnx_type_text(w->cx, type->onnx_type));
}

/* The type and extents of input number `k`. */
static weir_status input_shape(Walk *w, uint32_t k, Operand *op)
{
    const ValueInfo *info = w->inputs[k];
    op->name = info->name;
    op->type = info->type.type;
    if (info->type.kind != VALUE_TENSOR || op->type == DT_NONE)
        return input_error(w, info, E_MODEL_UNSUPPORTED, WEIR_UNSUPPORTED, strange_type(w, &info->type));
    if (info->type.n_dims > MAX_DIMS)
        return input_error(w, info, E_MODEL_UNSUPPORTED, WEIR_UNSUPPORTED, "too many dimensions");
    const LowerInput *given = given_input(w, info->name);
    if (given != NULL && given->value != NULL)
        return given_shape(w, info, given->value, op);
    return declared_shape(w, info, op);
}

static weir_status declare_input(Walk *w, uint32_t k, Operand *op)
{
    static const char *const names[] = {"n", "c", "h", "w", "d", "e"};
    weir_context *cx = w->cx;
    Cascade *cs = w->emit->cs;
    const ValueInfo *info = w->inputs[k];
    Lowering l = {.w = w, .cx = cx, .cs = cs};
    uint64_t bytes = dtype_bytes(op->type);
    for (uint32_t d = 0; d < op->n_dims; d++)
        if (__builtin_mul_overflow(bytes, (uint64_t)(op->extent[d] == 0 ? 1 : op->extent[d]), &bytes) ||
            bytes > cx->limits.memory_bytes)
            return input_error(w, info, E_MODEL_INVALID, WEIR_LIMIT, "larger than --max-memory allows");
    TensorDecl decl = {.role = TENSOR_IN,
                       .declared = true,
                       .type = op->type,
                       .n_dims = op->n_dims,
                       .dims = ARENA_ARRAY(&cx->arena, TensorDim, op->n_dims)};
    for (uint32_t d = 0; d < op->n_dims; d++) {
        bool symbolic = info->type.has_shape && info->type.n_dims == op->n_dims && info->type.dims[d].symbol.i != 0;
        const char *base = symbolic ? cx_text(cx, info->type.dims[d].symbol) : names[d < 6 ? d : 5];
        decl.dims[d].rank = new_rank(&l, base, op->extent[d]);
    }
    decl.name = cascade_fresh_name(cs, cx_text(cx, op->name));
    if (!name_is(decl.name, op->name))
        decl.outside = op->name;
    op->tensor = cascade_add_tensor(cs, decl);
    StatementId item = cascade_add_statement(cs, (Statement){.kind = ST_TENSOR, .tensor = op->tensor});
    vec_push(&cx->arena, &w->emit->inputs, item);
    uint64_t *depends = ARENA_ARRAY(&cx->arena, uint64_t, w->dependency_words);
    depends[k / 64] = (uint64_t)1 << (k % 64);
    op->depends = depends;
    return WEIR_OK;
}

/* The operand becomes a constant, of its declared shape. */
static void bind_value(Walk *w, Operand *op, const Tensor *given)
{
    Tensor *value = arena_copy(&w->cx->arena, given, sizeof *given);
    value->n_dims = op->n_dims;
    memcpy(value->extent, op->extent, sizeof op->extent);
    op->value = value;
}

static weir_status bring_inputs(Walk *w, LoweredInfo *info)
{
    weir_context *cx = w->cx;
    info->n_inputs = w->n_graph_inputs;
    info->inputs = ARENA_ARRAY(&cx->arena, LoweredValue, w->n_graph_inputs);
    weir_status worst = WEIR_OK;
    for (uint32_t k = 0; k < w->n_graph_inputs; k++) {
        Operand *op = ARENA_NEW(&cx->arena, Operand);
        weir_status status = input_shape(w, k, op);
        bool by_value = (w->bound[k / 64] >> (k % 64) & 1) != 0;
        const LowerInput *given = given_input(w, op->name);
        if (status == WEIR_OK && by_value && given != NULL)
            bind_value(w, op, given->value);
        else if (status == WEIR_OK)
            status = declare_input(w, k, op);
        op->poisoned = status != WEIR_OK;
        worst = status_exit_code(status) > status_exit_code(worst) ? status : worst;
        LoweredValue *value = &info->inputs[k];
        *value = (LoweredValue){.name = w->inputs[k]->name, .tensor = by_value ? (TensorId){0} : op->tensor,
                                .by_value = by_value, .type = op->type, .n_dims = op->n_dims};
        memcpy(value->extent, op->extent, sizeof op->extent);
        weir_status taken = scope_define(w, w->scope, w->inputs[k]->name, op, place_none());
        worst = taken != WEIR_OK ? taken : worst;
    }
    return worst;
}

/* ---- outputs ---- */

/* The tensor that leaves as `name`: the operand's own if it can be marked, else a copy. */
static weir_status leave_as(Walk *w, const ValueInfo *out, Operand *op, TensorId *out_tensor)
{
    weir_context *cx = w->cx;
    Cascade *cs = w->emit->cs;
    TensorDecl *decl = op->tensor.i == 0 ? NULL : tensor_at(cs, op->tensor);
    if (decl != NULL && decl->role == TENSOR_TMP && !decl->is_out && defined_on_top(cs, op->tensor)) {
        decl->is_out = true;
        decl->outside = name_is(decl->name, out->name) ? (Name){0} : out->name;
        *out_tensor = op->tensor;
        return WEIR_OK;
    }
    Node node = {.op = intern_text(&cx->names, "output"), .name = out->name, .n_outputs = 1};
    Name names[1] = {out->name};
    Operand *results[1] = {NULL};
    node.outputs = names;
    const OperatorRow row = {.domain = "", .name = "output"};
    Lowering l = {.w = w, .cx = cx, .cs = cs, .node = &node, .row = &row, .provenance = out->name, .n_out = 1,
                  .out = results};
    Ranks ranks;
    Operand *copy;
    ranks_of(&l, op, &ranks);
    TRY(output(&l, 0, op->type, &ranks, &copy));
    define(&l, copy, ex_access_ranks(cs, op->tensor, ranks.n, ranks.at));
    tensor_at(cs, copy->tensor)->is_out = true;
    if (!name_is(tensor_at(cs, copy->tensor)->name, out->name))
        tensor_at(cs, copy->tensor)->outside = out->name;
    *out_tensor = copy->tensor;
    return WEIR_OK;
}

static weir_status bring_outputs(Walk *w, LoweredInfo *info)
{
    weir_context *cx = w->cx;
    const Graph *graph = &w->model->graph;
    info->n_outputs = graph->n_outputs;
    info->outputs = ARENA_ARRAY(&cx->arena, LoweredValue, graph->n_outputs);
    weir_status worst = WEIR_OK;
    for (uint32_t k = 0; k < graph->n_outputs; k++) {
        const ValueInfo *out = &graph->outputs[k];
        Operand *op = scope_find(w->scope, out->name);
        weir_status status = WEIR_OK;
        TensorId tensor = {0};
        if (op == NULL)
            status = input_error(w, out, E_MODEL_INVALID, WEIR_INVALID, "no node defines this output");
        else if (op->poisoned || op->stand_in)
            continue;
        else if (out->type.type != DT_NONE && out->type.type != op->type)
            status = input_error(w, out, E_MODEL_INVALID, WEIR_INVALID,
                                 arena_printf(&cx->arena, "declared as %s, computed as %s", dtype_text(out->type.type),
                                              dtype_text(op->type)));
        else
            status = leave_as(w, out, op, &tensor);
        worst = status != WEIR_OK ? status : worst;
        if (op == NULL)
            continue;
        info->outputs[k] = (LoweredValue){.name = out->name, .tensor = tensor, .type = op->type, .n_dims = op->n_dims};
        memcpy(info->outputs[k].extent, op->extent, sizeof op->extent);
    }
    return worst;
}

/* ---- runs ---- */

static weir_status run(Walk *w, Cascade **out_cascade, LoweredInfo *info)
{
    weir_context *cx = w->cx;
    const char *name = w->model->graph.name.i == 0 ? "model" : cx_text(cx, w->model->graph.name);
    w->emit = ARENA_NEW(&cx->arena, Emit);
    w->emit->cs = cascade_new(cx, name);
    w->emit->cs->name = cascade_fresh_name(w->emit->cs, name);
    w->scope = scope_new(w, NULL);
    w->worst = WEIR_OK;
    w->n_nodes = w->n_folded = 0;
    *info = (LoweredInfo){0};
    weir_status inputs = bring_inputs(w, info);
    weir_status status = walk_initializers(w, &w->model->graph);
    status = walk_nodes(w, w->model->graph.n_nodes, w->model->graph.nodes);
    if (status_exit_code(inputs) > status_exit_code(status))
        status = inputs;
    weir_status outputs = bring_outputs(w, info);
    status = status == WEIR_OK ? outputs : status;
    info->n_nodes = w->n_nodes;
    info->n_folded = w->n_folded;
    *out_cascade = w->emit->cs;
    return status;
}

/* Takes the wanted inputs as bound; false if there is no new one. */
static bool bind_wanted(Walk *w)
{
    bool more = false;
    for (uint32_t i = 0; i < w->dependency_words; i++) {
        more = more || (w->wanted[i] & ~w->bound[i]) != 0;
        w->bound[i] |= w->wanted[i];
        w->wanted[i] = 0;
    }
    return more;
}

weir_status lower_model(weir_context *cx, const Model *model, const LowerOptions *options, Cascade **out_cascade,
                        LoweredInfo *out_info)
{
    static const LowerOptions none = {0};
    Walk *w = ARENA_NEW(&cx->arena, Walk);
    w->cx = cx;
    w->model = model;
    w->options = options == NULL ? &none : options;
    TRY(opset_check(cx, model));
    w->inputs = real_inputs(w);
    note_value_names(w);
    w->dependency_words = w->n_graph_inputs / 64 + 1;
    w->bound = ARENA_ARRAY(&cx->arena, uint64_t, w->dependency_words);
    w->wanted = ARENA_ARRAY(&cx->arena, uint64_t, w->dependency_words);
    for (uint32_t k = 0; k < w->n_graph_inputs; k++) {
        const LowerInput *given = given_input(w, graph_input_name(w, k));
        if (given != NULL && given->by_value && given->value != NULL && given->value->data != NULL)
            w->bound[k / 64] |= (uint64_t)1 << (k % 64);
    }
    uint32_t mark = cx->diag.list.n;
    weir_status status = run(w, out_cascade, out_info);
    while (bind_wanted(w)) {
        diagnostics_cut(&cx->diag, mark);
        status = run(w, out_cascade, out_info);
    }
    if (status == WEIR_OK)
        finish_cascade(w, *out_cascade);
    return status;
}
