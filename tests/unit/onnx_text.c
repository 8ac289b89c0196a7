/* The ONNX text: what the parts mean, printing and reading back, faults at their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/graph.h"
#include "support/text.h"
#include "tests/unit/onnx_sample.h"

static int setup(void **state)
{
    *state = weir_context_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    weir_context_free(*state);
    return 0;
}

static weir_status read_text(weir_context *cx, const char *text, Model **out)
{
    Source *source = ARENA_NEW(&cx->arena, Source);
    *source = (Source){.path = "t.onnxtxt", .text = text, .bytes = strlen(text)};
    jmp_buf pad;
    cx->arena.pad = &pad;
    int unwound = setjmp(pad);
    weir_status status = unwound != 0 ? (weir_status)unwound : model_read_text(cx, source, out);
    cx->arena.pad = NULL;
    return status;
}

static const Initializer *initializer(const weir_context *cx, const Graph *g, const char *name)
{
    for (uint32_t i = 0; i < g->n_initializers; i++)
        if (strcmp(cx_text(cx, g->initializers[i].name), name) == 0)
            return &g->initializers[i];
    static float nothing[8];
    static const Initializer missing = {.tensor = {.data = nothing}};
    print_error("no initializer '%s'\n", name);
    return &missing;
}

static void parts_of_the_sample(void **state)
{
    weir_context *cx = *state;
    Model *m;
    assert_int_equal(read_text(cx, onnx_sample, &m), WEIR_OK);
    const Graph *g = &m->graph;
    assert_int_equal(m->ir_version, 10);
    assert_int_equal(m->version, 3);
    assert_string_equal(cx_text(cx, m->producer), "hand \"made\"");
    assert_int_equal(model_opset(cx, m, cx_intern(cx, "local", 5)), 1);
    assert_int_equal(m->n_metadata, 2);
    assert_string_equal(cx_text(cx, g->name), "main graph");
    assert_int_equal(g->n_inputs, 4);
    assert_int_equal(g->inputs[0].type.n_dims, 3);
    assert_string_equal(cx_text(cx, g->inputs[0].type.dims[0].symbol), "N");
    assert_int_equal(g->inputs[0].type.dims[1].extent, 3);
    assert_int_equal(g->inputs[2].type.kind, VALUE_SEQUENCE);
    assert_int_equal(g->inputs[2].type.element->kind, VALUE_OPTIONAL);
    assert_false(g->inputs[2].type.element->element->has_shape);
    assert_int_equal(g->n_initializers, 16); /* with that of the input */
    assert_int_equal(g->n_infos, 1);
    assert_int_equal(g->n_nodes, 7);
    assert_int_equal(g->nodes[0].n_inputs, 2);
    assert_int_equal(g->nodes[1].n_inputs, 2);
    assert_int_equal(g->nodes[1].inputs[0].i, 0);
    assert_int_equal(g->nodes[1].n_outputs, 3);
    assert_string_equal(cx_text(cx, g->nodes[2].domain), "com.example");
    assert_string_equal(cx_text(cx, g->nodes[2].overload), "variant");
    assert_int_equal(g->nodes[2].n_inputs, 2);
    assert_true(node_float(cx, &g->nodes[0], "f", 0) == 2.0f);
    const Attribute *branch = node_attribute(cx, &g->nodes[5], "else_branch");
    assert_int_equal(branch->kind, ATTR_GRAPH);
    assert_int_equal(branch->graph->n_initializers, 1);
    assert_int_equal(m->n_functions, 1);
    assert_int_equal(m->functions[0].n_defaults, 1);
    assert_int_equal(m->functions[0].n_infos, 1);
    assert_string_equal(cx_text(cx, m->functions[0].nodes[0].attributes[0].ref), "alpha");
}

static void literals_of_all_types(void **state)
{
    weir_context *cx = *state;
    Model *m;
    assert_int_equal(read_text(cx, onnx_sample, &m), WEIR_OK);
    const Graph *g = &m->graph;
    const float *w = initializer(cx, g, "w")->tensor.data;
    assert_true(w[0] == 1.5f && signbit(w[1]) && isinf(w[2]) && isnan(w[3]) && w[4] > 0 && w[5] == 3);
    assert_true(*(uint64_t *)initializer(cx, g, "u")->tensor.data == UINT64_MAX);
    static const struct {
        const char *name;
        int64_t values[3];
        size_t n;
    } integers[] = {{"i8", {-128, 127}, 2}, {"i4", {-8, 7, 1}, 3}, {"u2", {0, 1, 2}, 3}, {"b", {0, 1}, 2}, {"one", {-5}, 1}};
    for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) {
        const Tensor *t = &initializer(cx, g, integers[k].name)->tensor;
        for (size_t i = 0; i < integers[k].n; i++)
            assert_int_equal(dtype_load_i64(t->type, t->data, i), integers[k].values[i]);
    }
    static const struct {
        const char *name;
        double values[3];
        size_t n;
    } floats[] = {{"h", {1, 2}, 2}, {"bf", {1}, 1}, {"f8", {1, 448}, 2}, {"f4", {6, -6, 1.5}, 3}, {"dd", {0.1}, 1}};
    for (size_t k = 0; k < sizeof floats / sizeof *floats; k++) {
        const Tensor *t = &initializer(cx, g, floats[k].name)->tensor;
        for (size_t i = 0; i < floats[k].n; i++)
            assert_true(dtype_load_f64(t->type, t->data, i) == floats[k].values[i]);
    }
    assert_string_equal(cx_text(cx, initializer(cx, g, "st")->strings[0]), "a\\b");
}

/* text -> model -> binary -> model -> text -> model: all three models are equal, as their binary forms tell. */
static void there_and_back(void **state)
{
    weir_context *cx = *state;
    Model *first, *second, *third;
    unsigned char *bytes[3];
    size_t n[3];
    assert_int_equal(read_text(cx, onnx_sample, &first), WEIR_OK);
    jmp_buf pad;
    cx->arena.pad = &pad;
    if (setjmp(pad) != 0) {
        cx->arena.pad = NULL;
        fail();
    }
    Source binary = {.path = "b.onnx"};
    assert_int_equal(model_encode(cx, first, &bytes[0], &n[0]), WEIR_OK);
    assert_int_equal(model_read_binary(cx, &binary, bytes[0], n[0], &second), WEIR_OK);
    assert_int_equal(model_encode(cx, second, &bytes[1], &n[1]), WEIR_OK);
    Text text, again;
    text_init(&text, &cx->arena);
    model_print(cx, second, &text);
    Source printed = {.path = "p.onnxtxt", .text = text.at, .bytes = text.n};
    assert_int_equal(model_read_text(cx, &printed, &third), WEIR_OK);
    assert_int_equal(model_encode(cx, third, &bytes[2], &n[2]), WEIR_OK);
    text_init(&again, &cx->arena);
    model_print(cx, third, &again);
    cx->arena.pad = NULL;
    assert_string_equal(text.at, again.at);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(n[0], n[i]);
        assert_memory_equal(bytes[0], bytes[i], n[0]);
    }
}

/* Faults: the status, the code and place of the first, and how many. */
static void faults_at_their_places(void **state)
{
    static const struct {
        const char *text;
        weir_status status;
        DiagId id;
        uint32_t line, column, n;
    } rows[] = {
        {"g () => () { a = }", WEIR_MALFORMED, E_SYNTAX, 1, 18, 1},
        {"g (int8[1] x = {300}) => () {}", WEIR_INVALID, E_LITERAL, 1, 17, 1},
        {"g (float[2] x = {1}) => () {}", WEIR_INVALID, E_LITERAL, 1, 4, 1},
        {"g (float[1] x = {1e39}) => () {}", WEIR_INVALID, E_LITERAL, 1, 18, 1},
        {"g (uint8[1] x = {-1}) => () {}", WEIR_INVALID, E_LITERAL, 1, 18, 1},
        {"g (int64[1] x = {9223372036854775808}) => () {}", WEIR_INVALID, E_LITERAL, 1, 18, 1},
        {"g (float x)\n=> () { $ }", WEIR_MALFORMED, E_TOKEN, 2, 9, 1},
        {"g (float x) => (y)\n{\n a = = (x)\n b = Relu x)\n y = Relu (x)\n}", WEIR_MALFORMED, E_SYNTAX, 3, 6, 2},
        {"g () => () { a = F <l = []> () }", WEIR_INVALID, E_LITERAL, 1, 21, 1},
        {"g () => () { a = F <l = [1, 2.5]> () }", WEIR_INVALID, E_LITERAL, 1, 29, 1},
        {"<nosuch: 1> g () => () {}", WEIR_MALFORMED, E_SYNTAX, 1, 2, 1},
        {"g () => () {} \"open", WEIR_MALFORMED, E_TOKEN, 1, 15, 1},
        {"g () => () { a = F () a = F () }", WEIR_INVALID, E_ONNX_TWICE, 0, 0, 1},
        {"", WEIR_MALFORMED, E_SYNTAX, 1, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_context *cx = weir_context_new();
        Model *m;
        weir_status status = read_text(cx, rows[i].text, &m);
        Diagnostic first = cx->diag.list.n != 0 ? cx->diag.list.at[0] : (Diagnostic){.id = DIAG_COUNT};
        uint32_t n = cx->diag.n_errors;
        weir_context_free(cx);
        if (status != rows[i].status || first.id != rows[i].id || first.place.line != rows[i].line ||
            first.place.column != rows[i].column || n != rows[i].n)
            fail_msg("%s: status %d, %s at %u:%u, %u errors", rows[i].text, (int)status,
                     first.id == DIAG_COUNT ? "-" : diag_code(first.id), first.place.line, first.place.column, n);
    }
}

/* Nesting without end is refused, whatever nests. */
static void nesting_is_bounded(void **state)
{
    static const struct {
        const char *open;
        weir_status status;
    } rows[] = {{"seq(", WEIR_MALFORMED}, {"g (float x) => () { y = F <a = g () => () { y = F <a = ", WEIR_LIMIT}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_context *cx = weir_context_new();
        Text text;
        text_init(&text, &cx->arena);
        text_printf(&text, i == 0 ? "g (" : "g () => () { y = F <a = ");
        for (int k = 0; k < 20000; k++)
            text_printf(&text, "%s", rows[i].open);
        Model *m;
        weir_status status = read_text(cx, text.at, &m);
        uint32_t n = cx->diag.n_errors;
        weir_context_free(cx);
        assert_int_equal(status, rows[i].status);
        assert_true(n >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_of_the_sample, setup, teardown),
        cmocka_unit_test_setup_teardown(literals_of_all_types, setup, teardown),
        cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
        cmocka_unit_test(faults_at_their_places),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
