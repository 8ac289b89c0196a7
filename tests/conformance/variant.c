/*
 * tests/conformance/variant.c: a case written again: inputs as initializers, extents as symbols.
 *
 * In:   a model and its data sets. Out: a folder with the changed model; data sets are links to the original files.
 * Keep: the variant's right answer is the case's own. Only data set 0 is taken where values become part of the model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

enum { NEVER = 1000, MOST_SETS = 100 };
typedef enum Symbols { KEPT, BOUND, OWN } Symbols;

typedef struct Form {
    uint32_t constant;
    Symbols symbols;
} Form;

static const Form forms[] = {
#define VARIANT(id, name, constant, symbols, doc) {constant, symbols},
#include "tests/conformance/variants.def"
};

static bool is_initializer(const Graph *graph, Name name)
{
    for (uint32_t i = 0; i < graph->n_initializers; i++)
        if (name_is(graph->initializers[i].name, name))
            return true;
    return false;
}

uint32_t open_inputs(const Graph *graph, const ValueInfo **out_inputs, uint32_t most)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < graph->n_inputs && n < most; i++)
        if (!is_initializer(graph, graph->inputs[i].name))
            out_inputs[n++] = &graph->inputs[i];
    return n;
}

/* ---- inputs as initializers ---- */

/* Inputs from the `first` on become initializers. False: there is none, or no value for one. */
static bool make_constant(weir_context *cx, Graph *graph, uint32_t first, const char *folder)
{
    const ValueInfo *inputs[256];
    uint32_t n = open_inputs(graph, inputs, 256), n_kept = 0;
    if (first >= n)
        return false;
    Initializer *all = ARENA_ARRAY(&cx->arena, Initializer, graph->n_initializers + n);
    if (graph->n_initializers != 0)
        memcpy(all, graph->initializers, graph->n_initializers * sizeof *all);
    ValueInfo *kept = ARENA_ARRAY(&cx->arena, ValueInfo, first);
    for (uint32_t i = 0; i < n; i++) {
        Name name;
        Initializer *to = &all[graph->n_initializers + i - first];
        const char *path = arena_printf(&cx->arena, "%s/test_data_set_0/input_%u.pb", folder, i);
        if (i < first) {
            kept[n_kept++] = *inputs[i];
            continue;
        }
        if (access(path, R_OK) != 0 || tensor_proto_read(cx, path, &name, &to->tensor) != WEIR_OK)
            return false;
        if (to->tensor.type != inputs[i]->type.type) /* bf16 that old test data store as u16 */
            return false;
        to->name = inputs[i]->name;
        to->onnx_type = dtype_onnx(to->tensor.type);
    }
    graph->initializers = all;
    graph->n_initializers += n - first;
    graph->inputs = kept; /* those of initializers need not be listed */
    graph->n_inputs = n_kept;
    return true;
}

/* ---- extents as symbols ---- */

static void note_extent(Conform *c, int64_t extent)
{
    for (uint32_t i = 0; i < c->n_extents; i++)
        if (c->extents[i] == extent)
            return;
    if (c->n_extents == MOST_EXTENTS) {
        fprintf(stderr, "conform: more than %d different extents\n", MOST_EXTENTS);
        exit(2);
    }
    c->extents[c->n_extents++] = extent;
}

static bool make_symbolic(Conform *c, weir_context *cx, Graph *graph, Symbols symbols)
{
    bool any = false;
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        ValueType *type = &graph->inputs[i].type;
        if (is_initializer(graph, graph->inputs[i].name))
            continue;
        for (uint32_t d = 0; d < type->n_dims; d++) {
            int64_t extent = type->dims[d].extent;
            if (extent < 0)
                continue;
            const char *name = symbols == OWN ? arena_printf(&cx->arena, "dim_%u_%u", i, d)
                                              : arena_printf(&cx->arena, "extent_%lld", (long long)extent);
            type->dims[d] = (Dim){.extent = -1, .symbol = cx_intern(cx, name, strlen(name))};
            if (symbols == BOUND)
                note_extent(c, extent);
            any = true;
        }
    }
    return any;
}

/* ---- the folder ---- */

/* Links the files of data set 0 that the variant still reads. */
static bool link_files(weir_context *cx, const char *folder, const char *out_folder, uint32_t n_inputs)
{
    const char *to = arena_printf(&cx->arena, "%s/test_data_set_0", out_folder);
    bool fine = mkdir(to, 0777) == 0;
    for (uint32_t i = 0; i < 2 * MOST_SETS && fine; i++) {
        const char *name = i < MOST_SETS ? arena_printf(&cx->arena, "input_%u.pb", i)
                                         : arena_printf(&cx->arena, "output_%u.pb", i - MOST_SETS);
        const char *from = arena_printf(&cx->arena, "%s/test_data_set_0/%s", folder, name);
        if ((i >= MOST_SETS || i < n_inputs) && access(from, R_OK) == 0)
            fine = symlink(from, arena_printf(&cx->arena, "%s/%s", to, name)) == 0;
    }
    return fine;
}

static bool link_sets(weir_context *cx, const char *folder, const char *out_folder)
{
    bool fine = true;
    for (int i = 0; i < MOST_SETS && fine; i++) {
        const char *from = arena_printf(&cx->arena, "%s/test_data_set_%d", folder, i);
        if (access(from, R_OK) != 0)
            break;
        fine = symlink(from, arena_printf(&cx->arena, "%s/test_data_set_%d", out_folder, i)) == 0;
    }
    return fine;
}

bool variant_write(Conform *c, weir_context *cx, Model *model, VariantId variant, const char *folder,
                   const char *out_folder)
{
    Form form = forms[variant];
    if (form.constant != NEVER && !make_constant(cx, &model->graph, form.constant, folder))
        return false;
    if (form.symbols != KEPT && !make_symbolic(c, cx, &model->graph, form.symbols))
        return false;
    bool fine = mkdir(out_folder, 0777) == 0 &&
                model_write(cx, model, arena_printf(&cx->arena, "%s/model.onnx", out_folder)) == WEIR_OK;
    fine = fine && (form.constant != NEVER ? link_files(cx, folder, out_folder, form.constant)
                                           : link_sets(cx, folder, out_folder));
    if (!fine) {
        fprintf(stderr, "conform: cannot write %s\n", out_folder);
        exit(2);
    }
    return true;
}
