/* Lowering: the statements of small graphs, folding, binding by value, blockers and wrong models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/lower/lower.h"
#include "ir/eval.h"
#include "support/text.h"

typedef struct Case {
    weir_context *cx;
    jmp_buf pad;
    Model *model;
    Cascade *cs;
    LoweredInfo info;
} Case;

static int setup(void **state)
{
    Case *c = test_calloc(1, sizeof *c);
    c->cx = weir_context_new();
    *state = c;
    return c->cx == NULL;
}

static int teardown(void **state)
{
    Case *c = *state;
    weir_context_free(c->cx);
    test_free(c);
    return 0;
}

static weir_status lower_text(Case *c, const char *text, const LowerOptions *options)
{
    c->cx->arena.pad = &c->pad;
    if (setjmp(c->pad) != 0) {
        fail_msg("unwound");
        return WEIR_BUG;
    }
    Source *source = ARENA_NEW(&c->cx->arena, Source);
    *source = (Source){.path = "case.onnxtxt", .text = text, .bytes = strlen(text)};
    if (model_read_text(c->cx, source, &c->model) != WEIR_OK) {
        diagnostics_print(&c->cx->diag, stderr, false);
        fail_msg("the text does not parse");
    }
    return lower_model(c->cx, c->model, options, &c->cs, &c->info);
}

/* The statements, one a line, without declarations. */
static const char *statements(Case *c)
{
    Text text, kept;
    text_init(&text, &c->cx->arena);
    text_init(&kept, &c->cx->arena);
    cascade_print(c->cs, &text);
    for (const char *line = text.at; *line != 0;) {
        const char *end = strchr(line, '\n');
        const char *start = line + strspn(line, " ");
        bool skip = strncmp(start, "rank ", 5) == 0 || strncmp(start, "in ", 3) == 0 ||
                    strncmp(start, "const ", 6) == 0 || strncmp(start, "cascade ", 8) == 0 || *line == '}';
        if (!skip)
            text_add(&kept, line + 2, (size_t)(end + 1 - line - 2));
        line = end + 1;
    }
    return kept.at == NULL ? "" : kept.at;
}

static void expect_statements(Case *c, const char *text, const char *expected)
{
    weir_status status = lower_text(c, text, NULL);
    diagnostics_print(&c->cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    assert_int_equal(cascade_verify(c->cs), WEIR_OK);
    assert_string_equal(statements(c), expected);
}

static uint32_t count_code(const Case *c, const char *code)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->cx->diag.list.n; i++)
        n += strcmp(diag_code(c->cx->diag.list.at[i].id), code) == 0;
    return n;
}

static const char head[] = "<ir_version: 8, opset_import: [\"\" : 17]>\n";
#define GRAPH(body) "<ir_version: 8, opset_import: [\"\" : 17]>\n" body

static void convolutions(void **state)
{
    expect_statements(*state,
        GRAPH("m (float[1,2,4,4] x, float[4,2,3,3] w, float[4] b, float[4,1,3,3] v) => (float[1,4,2,2] y)\n"
              "{ c = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w, b)\n"
              "  r = Relu (c)\n"
              "  y = Conv <group = 4, pads = [1, 1, 1, 1]> (r, v) }"),
        "c_conv[n, n_1, i, j] = sum[c0, r0, s] x[n, c0, 2 * i + r0 - 1, 2 * j + s - 1]?0 * w[n_1, c0, r0, s] @ \"c\"\n"
        "c[n, n_1, i, j] = c_conv[n, n_1, i, j] + b[n_1] @ \"c\"\n"
        "r[n, n_1, i, j] = max(c[n, n_1, i, j], 0) @ \"r\"\n"
        "out y[n, n_1, i_10, j_12] : f32 = sum[g, r0_11, s_13] r[n, n_1 + g, i_10 + r0_11 - 1, j_12 + s_13 - 1]?0 * "
        "v[n_1, g, r0_11, s_13] @ \"y\"\n");
}

static void grouped_convolution(void **state)
{
    expect_statements(*state,
        GRAPH("m (float[1,4,6] x) => (float[1,6,4] y)\n"
              "< float[6,2,3] w = {1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, "
              "2, 1, 0, 2, 1, 0, 2} >\n"
              "{ y = Conv <group = 2> (x, w) }"),
        "y_groups[n, g, og, i] = sum[cg, r] x[n, 2 * g + cg, i + r] * w[3 * g + og, cg, r] @ \"y\"\n"
        "out y[n, o, i] : f32 = y_groups[n, o / 3, o % 3, i] @ \"y\"\n");
}

static void shape_arithmetic_folds(void **state)
{
    Case *c = *state;
    expect_statements(c,
        GRAPH("m (float[2,3,8] x) => (float[2,24] y)\n"
              "< int64[1] first = {0}, int64[1] rest = {-1} >\n"
              "{ s = Shape (x)\n  n = Gather (s, first)\n  t = Concat <axis = 0> (n, rest)\n  y = Reshape (x, t) }"),
        "out y[n0, b] : f32 = x[n0, b / 8, b % 8] @ \"y\"\n");
    assert_int_equal(c->info.n_folded, 2);
}

static void movement_keeps_ranks(void **state)
{
    expect_statements(*state,
        GRAPH("m (float[2,6,5] x) => (float[2,5,2,3] y)\n"
              "< int64[4] shape = {2, 2, 3, 5} >\n"
              "{ r = Reshape (x, shape)\n  y = Transpose <perm = [0, 3, 1, 2]> (r) }"),
        "r[n, b, c_1, h] = x[n, 3 * b + c_1, h] @ \"r\"\n"
        "out y[n, h, b, c_1] : f32 = r[n, b, c_1, h] @ \"y\"\n");
}

static void softmax_is_four_statements(void **state)
{
    expect_statements(*state, GRAPH("m (float[2,5] x) => (float[2,5] y)\n{ y = Softmax (x) }"),
        "y_max[n] = max[c] x[n, c] @ \"y\"\n"
        "y_exp[n, c] = exp(x[n, c] - y_max[n]) @ \"y\"\n"
        "y_sum[n] = sum[c] y_exp[n, c] @ \"y\"\n"
        "out y[n, c] : f32 = y_exp[n, c] / y_sum[n] @ \"y\"\n");
}

static void half_sums_in_f32(void **state)
{
    expect_statements(*state,
        GRAPH("m (float16[2,3] a, float16[3,4] b) => (float16[2,4] y)\n{ y = MatMul (a, b) }"),
        "y_sum[n, c_2] = sum.f32[c] a[n, c] * b[c, c_2] @ \"y\"\n"
        "out y[n, c_2] : f16 = f16(y_sum[n, c_2]) @ \"y\"\n");
}

static void all_blockers_in_one_run(void **state)
{
    Case *c = *state;
    weir_status status = lower_text(c,
        GRAPH("m (float[4] x) => (float[4] y)\n"
              "{ a = Bernoulli (x)\n  b = Relu (a)\n  d = RandomNormalLike (x)\n  y = Add (b, d) }"), NULL);
    assert_int_equal(status, WEIR_UNSUPPORTED);
    assert_int_equal(count_code(c, "E0311"), 2);
    assert_int_equal(c->cx->diag.list.n, 2);
    assert_string_equal(c->cx->diag.list.at[0].place.op, "ai.onnx::Bernoulli");
}

static void wrong_models(void **state)
{
    static const char *const bodies[] = {
        "m (float[4] x) => (float[4] y) { y = Add (x, z) }",
        "m (float[4] x) => (float[4] y) { y = Add (a, a) a = Relu (x) }",
        "m (float[4] x, float[3] z) => (float[4] y) { y = Add (x, z) }",
        "m (float[4] x, int64[4] z) => (float[4] y) { y = Add (x, z) }",
        "m (float[4] x) => (float[4] y) { y = Relu (x, x) }",
        "m (float[4] x) => (float[4] y) { y = Softmax <axis = 3> (x) }",
        "m (float[4] x) => (float[4] y) { y = Softmax <axis = \"a\"> (x) }",
        "m (float[2,3] x) => (float[2] y) { y = MatMul (x, x) }",
        "m (float[1,2,4] x, float[3,1,9] w) => (float[1,3,1] y) { y = Conv (x, w) }",
        "m (float[1,1,4] x, float[3,1,9] w) => (float[1,3,1] y) { y = Conv (x, w) }",
        "m (float[4] x) => (int64[4] y) { y = Relu (x) }",
        "m (float[4] x) => (float[4] nothing) { y = Relu (x) }",
        "m (float[4] x) => (float[2,3] y) <int64[2] s = {2, 3}> { y = Reshape (x, s) }",
        "m (float[4] x) => (float[4] y) <int64[1] p = {7}> { y = Gather (x, p) }",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Case *c = *state;
        const char *text = arena_printf(&c->cx->arena, "%s%s", head, bodies[i]);
        if (lower_text(c, text, NULL) != WEIR_INVALID)
            fail_msg("accepted: %s", bodies[i]);
        assert_true(c->cx->diag.n_errors > i);
    }
}

static void shapes_bind_by_value(void **state)
{
    Case *c = *state;
    const char *text = GRAPH("m (float[2,3] x, int64[1] s) => (float[z] y)\n{ y = Reshape (x, s) }");
    assert_int_equal(lower_text(c, text, NULL), WEIR_UNSUPPORTED);
    assert_int_equal(count_code(c, "E0316"), 1);
    assert_string_equal(c->cx->diag.list.at[0].note, "bind it: --value s=V; or bound it: --dim y.0=N");
    int64_t six = 6;
    Tensor value = {.type = DT_I64, .n_dims = 1, .extent = {1}, .data = &six};
    LowerInput input = {.name = intern_text(&c->cx->names, "s"), .value = &value};
    LowerOptions options = {.n_inputs = 1, .inputs = &input};
    assert_int_equal(lower_text(c, text, &options), WEIR_OK);
    assert_false(c->info.inputs[0].by_value);
    assert_true(c->info.inputs[1].by_value);
    assert_int_equal(c->info.outputs[0].n_dims, 1);
    assert_int_equal(c->info.outputs[0].extent[0], 6);
}

static void symbols_need_an_extent(void **state)
{
    Case *c = *state;
    const char *text = GRAPH("m (float[batch,3] x) => (float[batch,3] y)\n{ y = Relu (x) }");
    assert_int_equal(lower_text(c, text, NULL), WEIR_UNSUPPORTED);
    assert_int_equal(count_code(c, "E0315"), 1);
    assert_string_equal(c->cx->diag.list.at[0].note, "bind it: --dim batch=N");
    LowerDim dim = {intern_text(&c->cx->names, "batch"), 5};
    LowerOptions options = {.n_dims = 1, .dims = &dim};
    assert_int_equal(lower_text(c, text, &options), WEIR_OK);
    assert_int_equal(c->info.outputs[0].extent[0], 5);
}

/* Evaluates with one f32 vector input and one bool or i64 scalar; the first output. */
static const float *evaluate(Case *c, float *x, int64_t n, Dtype type, void *scalar)
{
    Tensor *values = ARENA_ARRAY(&c->cx->arena, Tensor, c->cs->tensors.n);
    values[c->info.inputs[0].tensor.i] = (Tensor){.type = DT_F32, .n_dims = 1, .extent = {n}, .data = x};
    if (c->info.n_inputs > 1 && c->info.inputs[1].tensor.i != 0)
        values[c->info.inputs[1].tensor.i] = (Tensor){.type = type, .data = scalar};
    EvalOptions options = {.system = EVAL_TYPED};
    assert_int_equal(cascade_verify(c->cs), WEIR_OK);
    assert_int_equal(eval_cascade(c->cs, &options, values), WEIR_OK);
    return values[c->info.outputs[0].tensor.i].data;
}

static void branches(void **state)
{
    Case *c = *state;
    const char *text = GRAPH("m (float[2] x, bool p) => (float[2] y)\n"
                             "{ y = If (p) <then_branch = t () => (float[2] a) { a = Neg (x) },\n"
                             "              else_branch = e () => (float[2] b) { d = Add (x, x) b = Mul (d, x) }> }");
    assert_int_equal(lower_text(c, text, NULL), WEIR_OK);
    float x[2] = {3, -2};
    uint8_t yes = 1, no = 0;
    const float *y = evaluate(c, x, 2, DT_BOOL, &yes);
    assert_true(y[0] == -3.0f && y[1] == 2.0f);
    y = evaluate(c, x, 2, DT_BOOL, &no);
    assert_true(y[0] == 18.0f && y[1] == 8.0f);
}

static void loops(void **state)
{
    Case *c = *state;
    const char *text = GRAPH("m (float[2] x) => (float[2] y, float[3,2] all)\n"
                             "< int64 n = {3}, bool go = {1} >\n"
                             "{ y, all = Loop (n, go, x) <body = b (int64 i, bool c, float[2] v) => (bool d, float[2] w, float[2] r)\n"
                             "  { d = Identity (c)\n    w = Add (v, v)\n    r = Identity (w) }> }");
    assert_int_equal(lower_text(c, text, NULL), WEIR_OK);
    float x[2] = {1, -1};
    const float *y = evaluate(c, x, 2, DT_NONE, NULL);
    assert_true(y[0] == 8.0f && y[1] == -8.0f);
    assert_int_equal(c->info.outputs[1].extent[0], 3);
}

static void functions_are_inlined(void **state)
{
    expect_statements(*state,
        "<ir_version: 8, opset_import: [\"\" : 17, \"own\" : 1]>\n"
        "m (float[3] x) => (float[3] y)\n{ y = own.twice <slope = 0.5> (x) }\n"
        "<domain: \"own\", opset_import: [\"\" : 17]>\n"
        "twice <slope> (v) => (w) { a = LeakyRelu <alpha: float = @slope> (v) w = Add (a, a) }",
        "a[n] = select(x[n] < 0, 0.5 * x[n], x[n]) @ \"a\"\n"
        "out w[n] : f32 as \"y\" = a[n] + a[n] @ \"w\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(convolutions, setup, teardown),
        cmocka_unit_test_setup_teardown(grouped_convolution, setup, teardown),
        cmocka_unit_test_setup_teardown(shape_arithmetic_folds, setup, teardown),
        cmocka_unit_test_setup_teardown(movement_keeps_ranks, setup, teardown),
        cmocka_unit_test_setup_teardown(softmax_is_four_statements, setup, teardown),
        cmocka_unit_test_setup_teardown(half_sums_in_f32, setup, teardown),
        cmocka_unit_test_setup_teardown(all_blockers_in_one_run, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_models, setup, teardown),
        cmocka_unit_test_setup_teardown(shapes_bind_by_value, setup, teardown),
        cmocka_unit_test_setup_teardown(symbols_need_an_extent, setup, teardown),
        cmocka_unit_test_setup_teardown(branches, setup, teardown),
        cmocka_unit_test_setup_teardown(loops, setup, teardown),
        cmocka_unit_test_setup_teardown(functions_are_inlined, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
