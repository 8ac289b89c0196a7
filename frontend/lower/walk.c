/*
 * frontend/lower/walk.c: the nodes of a graph in order: each finds its row in the table and is folded, inlined or lowered.
 *
 * Keep: a node that fails poisons its outputs; what reads them is only looked up, so that one run reports every
 *       node that weir cannot lower and none that merely follows from another.
 */
#include <string.h>

#include "frontend/lower/control.h"
#include "frontend/lower/walk.h"
#include "frontend/opset.h"

/* ---- dependency on inputs ---- */

const uint64_t *depends_union(Walk *w, const uint64_t *a, const uint64_t *b)
{
    if (a == NULL || b == NULL || a == b)
        return a == NULL ? b : a;
    bool a_has_b = true;
    for (uint32_t i = 0; i < w->dependency_words; i++)
        a_has_b = a_has_b && (b[i] & ~a[i]) == 0;
    if (a_has_b)
        return a;
    uint64_t *both = ARENA_ARRAY(&w->cx->arena, uint64_t, w->dependency_words);
    for (uint32_t i = 0; i < w->dependency_words; i++)
        both[i] = a[i] | b[i];
    return both;
}

static void worsen(Walk *w, weir_status status)
{
    if (status_exit_code(status) > status_exit_code(w->worst))
        w->worst = status;
}

/* ---- one node ---- */

static Place place_of(const Walk *w, const Node *node, Name provenance)
{
    return place_node(w->model->source, node->index, cx_text(w->cx, provenance), cx_text(w->cx, node->op));
}

static void poison_outputs(Walk *w, const Node *node, Name provenance)
{
    for (uint32_t k = 0; k < node->n_outputs; k++) {
        if (node->outputs[k].i == 0)
            continue;
        Operand *op = operand_declared(w, node->outputs[k]);
        if (op == NULL)
            op = operand_poisoned(w, node->outputs[k]);
        worsen(w, scope_define(w, w->scope, node->outputs[k], op, place_of(w, node, provenance)));
    }
}

/* The inputs of a node; false if one is poisoned or not defined (reported). */
static bool gather_inputs(Lowering *l)
{
    Walk *w = l->w;
    bool good = true;
    for (uint32_t k = 0; k < l->n_in; k++) {
        Name name = l->node->inputs[k];
        if (name.i == 0)
            continue;
        l->in[k] = scope_find(w->scope, name);
        if (l->in[k] == NULL) {
            diag(&w->cx->diag, place_of(w, l->node, l->provenance), E_MODEL_INVALID,
                 arena_printf(&w->cx->arena, "value '%s' is not defined before node '%s' reads it",
                              cx_text(w->cx, name), cx_text(w->cx, l->provenance)));
            worsen(w, WEIR_INVALID);
        }
        good = good && l->in[k] != NULL && !l->in[k]->poisoned;
    }
    return good;
}

static weir_status check_attribute(Lowering *l, const Attribute *a)
{
    static const struct {
        char letter;
        AttributeKind kind;
    } kinds[] = {{'i', ATTR_INT},  {'f', ATTR_FLOAT},  {'s', ATTR_STRING},  {'t', ATTR_TENSOR},
                 {'g', ATTR_GRAPH}, {'I', ATTR_INTS}, {'F', ATTR_FLOATS}, {'S', ATTR_STRINGS}};
    const char *name = cx_text(l->cx, a->name);
    size_t length = strlen(name);
    const char *at = l->row->attributes;
    while (at != NULL && *at != 0) {
        const char *colon = strchr(at, ':');
        if ((size_t)(colon - at) == length && memcmp(at, name, length) == 0) {
            for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (colon[1] == kinds[i].letter && a->kind == kinds[i].kind)
                    return WEIR_OK;
            /* an empty list may have lost its kind */
            if ((a->kind == ATTR_INTS || a->kind == ATTR_FLOATS || a->kind == ATTR_STRINGS) && a->n == 0)
                return WEIR_OK;
            return invalid(l, "attribute '%s' is of the wrong kind", name);
        }
        at = strchr(colon, ' ');
        at = at == NULL ? NULL : at + 1;
    }
    return unsupported(l, "attribute '%s' is not known", name);
}

static weir_status check_form(Lowering *l)
{
    const OperatorRow *row = l->row;
    if (l->n_in < row->min_in || l->n_in > row->max_in)
        return invalid(l, "has %u inputs, not %u..%u", l->n_in, row->min_in, row->max_in);
    for (uint32_t k = 0; k < row->min_in && k < l->n_in; k++)
        if (l->in[k] == NULL)
            return invalid(l, "input %u is missing", k);
    if (l->node->n_outputs > row->max_out)
        return invalid(l, "has %u outputs, at most %u are defined", l->node->n_outputs, row->max_out);
    for (uint32_t k = 0; k < l->node->n_attributes; k++)
        TRY(check_attribute(l, &l->node->attributes[k]));
    for (uint32_t k = 0; k < l->n_in; k++)
        if (l->in[k] != NULL && l->in[k]->n_dims > MAX_DIMS)
            return unsupported(l, "more than %d dimensions", (int)MAX_DIMS);
    return WEIR_OK;
}

static bool all_constant(const Lowering *l)
{
    for (uint32_t k = 0; k < l->n_in; k++)
        if (l->in[k] != NULL && l->in[k]->value == NULL)
            return false;
    return true;
}

static weir_status lower_or_fold(Lowering *l)
{
    bool done = false;
    if (l->row->fold && all_constant(l))
        TRY(fold_node(l, &done));
    if (done)
        l->w->n_folded++;
    else
        TRY(l->row->lower(l));
    for (uint32_t k = 0; k < l->node->n_outputs; k++)
        if (out_wanted(l, k) && l->out[k] == NULL)
            return unsupported(l, "output %u is not implemented", k);
    return WEIR_OK;
}

static void define_outputs(Lowering *l)
{
    Walk *w = l->w;
    const uint64_t *depends = NULL;
    bool stand_in = false;
    for (uint32_t k = 0; k < l->n_in; k++) {
        if (l->in[k] == NULL)
            continue;
        depends = depends_union(w, depends, l->in[k]->depends);
        stand_in = stand_in || l->in[k]->stand_in;
    }
    for (uint32_t k = 0; k < l->node->n_outputs; k++) {
        if (!out_wanted(l, k))
            continue;
        Operand *op = l->out[k];
        if (op->value == NULL)
            op->depends = depends_union(w, op->depends, depends);
        op->stand_in = op->stand_in || (stand_in && op->value == NULL);
        worsen(w, scope_define(w, w->scope, l->node->outputs[k], op, place_of(w, l->node, l->provenance)));
    }
}

static void walk_operator(Walk *w, const Node *node, Name provenance)
{
    const char *domain = node->domain.i == 0 ? "" : cx_text(w->cx, node->domain);
    int64_t opset = opset_of(w->cx, w->model, w->call == NULL ? NULL : w->call->function, node->domain);
    uint32_t n_out = node->n_outputs < 3 ? 3 : node->n_outputs;
    Lowering l = {.w = w,
                  .cx = w->cx,
                  .cs = w->emit->cs,
                  .node = node,
                  .opset = opset,
                  .provenance = provenance,
                  .n_in = node->n_inputs,
                  .n_out = n_out,
                  .in = ARENA_ARRAY(&w->cx->arena, Operand *, node->n_inputs),
                  .out = ARENA_ARRAY(&w->cx->arena, Operand *, n_out)};
    bool good = gather_inputs(&l), known;
    /* optional inputs at the end may be left out or empty */
    while (l.n_in != 0 && l.node->inputs[l.n_in - 1].i == 0)
        l.n_in--;
    l.row = operator_find(domain, cx_text(w->cx, node->op), opset, &known);
    weir_status status = WEIR_OK;
    if (opset == 0)
        status = invalid(&l, "the model does not import the domain '%s'", domain);
    else if (l.row == NULL)
        status = refuse_operator(&l, domain, known);
    else if (good)
        status = check_form(&l);
    if (status == WEIR_OK && good)
        status = lower_or_fold(&l);
    worsen(w, status);
    if (status != WEIR_OK || !good)
        poison_outputs(w, node, provenance);
    else
        define_outputs(&l);
}

static Name provenance_of(const Node *node)
{
    for (uint32_t k = 0; node->name.i == 0 && k < node->n_outputs; k++)
        if (node->outputs[k].i != 0)
            return node->outputs[k];
    return node->name.i == 0 ? node->op : node->name;
}

weir_status walk_nodes(Walk *w, uint32_t n, const Node *nodes)
{
    for (uint32_t i = 0; i < n; i++) {
        const Node *node = w->call == NULL ? &nodes[i] : call_resolve(w, &nodes[i]);
        w->n_nodes++;
        const Function *function = function_of(w, node);
        if (function != NULL)
            worsen(w, inline_function(w, function, node, provenance_of(node)));
        else
            walk_operator(w, node, provenance_of(node));
    }
    return w->worst;
}

/* ---- initializers ---- */

weir_status walk_initializers(Walk *w, const Graph *graph)
{
    for (uint32_t i = 0; i < graph->n_initializers; i++) {
        const Initializer *init = &graph->initializers[i];
        Operand *op = operand_constant(w, init->name, &init->tensor);
        op->file = init->file;
        op->file_offset = init->file_offset;
        if (init->tensor.type == DT_NONE) {
            diag(&w->cx->diag, place_none(), E_MODEL_UNSUPPORTED,
                 arena_printf(&w->cx->arena, "initializer '%s' has element type %s", cx_text(w->cx, init->name),
                              onnx_type_text(w->cx, init->onnx_type)));
            worsen(w, WEIR_UNSUPPORTED);
            op = operand_poisoned(w, init->name);
        }
        worsen(w, scope_define(w, w->scope, init->name, op, place_none()));
    }
    return w->worst;
}
