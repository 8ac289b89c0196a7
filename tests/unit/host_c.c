/*
 * Every example cascade through the default mapping, and those with a mapping for the host through it, to C, compiled as one file,
 * run: every output and every tensor that crosses groups equals the typed evaluation of the pinned cascade bit for bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/c/c.h"
#include "ir/eval.h"
#include "ir/expect.h"
#include "support/file.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

typedef struct Case {
    const char *name;
    bool mapped; /* NAME.host.map */
    Cascade *cs, *pinned;
    CProgram *program;
} Case;

static const char *const names[] = {
    "argmax", "attention_causal", "attention_onepass", "concat_pieces", "conv3x3", "conv3x3_bf16", "conv_dilation_group", "conv_int8",
    "convtranspose_phases", "cumsum", "einsum_diagonal", "gather", "gemm64_from", "gqa_rope_cache", "gru_linear_before_reset",
    "if_scalar", "integer_rules", "layernorm", "loop_while", "lstm_bidirectional_lengths", "moe_topk", "nonzero_runtime", "pooling", "qdq_linear",
    "resize_linear_cubic", "rmsnorm", "scan_two_states", "scatternd", "selective_scan", "softmax", "space_to_depth", "walkthrough"};
static const char *const mapped[] = {"gemm64", "conv3x3", "gemv", "softmax_row"};
enum { N_NAMES = sizeof names / sizeof names[0], N_MAPPED = sizeof mapped / sizeof mapped[0], N = N_NAMES + N_MAPPED };

static const Source *source_of(weir_context *cx, const char *name, const char *end)
{
    const Source *source;
    assert_int_equal(file_source(cx, arena_printf(&cx->arena, DATA "%s%s", name, end), &source), WEIR_OK);
    return source;
}

static void compile_case(weir_context *cx, const Machine *machine, Case *c, unsigned number)
{
    uint32_t n;
    Cascade **list;
    assert_int_equal(cascade_parse(cx, source_of(cx, c->name, ".cascade"), &n, &list), WEIR_OK);
    c->cs = list[0];
    Groups groups = {.cs = c->cs};
    Mapping *map = NULL;
    if (c->mapped) {
        assert_int_equal(mapping_parse(cx, source_of(cx, c->name, ".host.map"), c->cs, &map), WEIR_OK);
        Group group = {.name = map->name, .n = map->n_statements, .statements = map->statements, .mapping = map};
        vec_push(&cx->arena, &groups.list, group);
    }
    COptions options = {.name = arena_printf(&cx->arena, "case%u", number), .level = 1, .keep_all = true};
    assert_int_equal(c_compile(cx, &groups, machine, &options, &c->program), WEIR_OK);
    assert_int_equal(pin(c->cs, map != NULL ? 1 : 0, &map, machine, &c->pinned), WEIR_OK);
}

static bool same(const Tensor *a, const Tensor *b)
{
    int64_t n = tensor_elements(a);
    if (a->n_dims != b->n_dims || n != tensor_elements(b))
        return false;
    bool is_float = dtype_kind(a->type) == DK_FLOAT;
    for (int64_t k = 0; k < n; k++) {
        if (!is_float && dtype_load_i64(a->type, a->data, (size_t)k) != dtype_load_i64(b->type, b->data, (size_t)k))
            return false;
        double x = is_float ? dtype_load_f64(a->type, a->data, (size_t)k) : 0, y = is_float ? dtype_load_f64(b->type, b->data, (size_t)k) : 0;
        if (memcmp(&x, &y, sizeof x) != 0 && (x == x || y == y))
            return false;
    }
    return true;
}

static void run_case(weir_context *cx, CLibrary *library, const Case *c)
{
    Tensor *got = ARENA_ARRAY(&cx->arena, Tensor, c->cs->tensors.n), *want = ARENA_ARRAY(&cx->arena, Tensor, c->pinned->tensors.n);
    assert_int_equal(expect_read(c->cs, source_of(cx, c->name, ".expect"), got), WEIR_OK);
    for (uint32_t t = 1; t < c->cs->tensors.n; t++)
        if (c->cs->tensors.at[t].role == TENSOR_IN)
            want[tensor_by_name(c->pinned, c->cs->tensors.at[t].name).i] = got[t];
    assert_int_equal(host_run(&library->host, got), WEIR_OK);
    assert_int_equal(eval_cascade(c->pinned, &(EvalOptions){.system = EVAL_TYPED, .keep_all = true}, want), WEIR_OK);
    unsigned compared = 0;
    for (uint32_t t = 1; t < c->cs->tensors.n; t++) {
        const TensorDecl *tensor = &c->cs->tensors.at[t];
        Tensor value = got[t];
        const Tensor *right = &want[tensor_by_name(c->pinned, tensor->name).i];
        if (tensor->role != TENSOR_TMP || right->data == NULL || (value.data == NULL && !host_crossing(&library->host, (TensorId){t}, &value)))
            continue;
        if (!same(&value, right))
            fail_msg("%s: tensor %s differs", c->name, tensor_name(c->cs, (TensorId){t}));
        compared++;
    }
    assert_true(compared > 0);
}

static void examples_equal_their_pinned_cascades(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    jmp_buf pad;
    if (setjmp(pad) != 0) {
        diagnostics_print(&cx->diag, stderr, false);
        fail_msg("unwound");
    }
    cx->arena.pad = &pad;
    const Machine *machine;
    assert_int_equal(machine_load(cx, WEIR_SOURCE_DIR "/machines/host.machine", &machine), WEIR_OK);
    Case *cases = ARENA_ARRAY(&cx->arena, Case, N);
    CProgram **programs = ARENA_ARRAY(&cx->arena, CProgram *, N);
    CLibrary *libraries = ARENA_ARRAY(&cx->arena, CLibrary, N);
    for (unsigned k = 0; k < N; k++) {
        cases[k] = (Case){.name = k < N_NAMES ? names[k] : mapped[k - N_NAMES], .mapped = k >= N_NAMES};
        compile_case(cx, machine, &cases[k], k);
        programs[k] = cases[k].program;
    }
    weir_status status = c_build(cx, N, programs, libraries);
    if (status != WEIR_OK)
        diagnostics_print(&cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    for (unsigned k = 0; k < N; k++)
        run_case(cx, &libraries[k], &cases[k]);
    weir_context_free(cx);
}

static const char values_text[] =
    "cascade values {\n  rank i = 16, j = 32\n  in A[i, j] : i32\n  in F[i, j] : f32\n"
    "  const S[] : f32 = {0.25}\n  const T[] : f32 = {0.5}\n  const U[] : f32 = {0.375}\n"
    "  out Y[i, j] : i8 = i8.sat(requant(A[i, j] * 37 + i32(F[i, j] * 100.0), S[], T[], U[]))\n"
    "  out H[i, j] : f32 = f32(f16(F[i, j]) * f16(0.3)) + f32(bf16(F[i, j]) + bf16(1.5))\n"
    "  out E[i, j] : f32 = tanh(F[i, j]) + erf(F[i, j]) * sigmoid(F[i, j]) + log(abs(F[i, j])) + pow(abs(F[i, j]), F[i, j]) + sin(F[i, j])\n"
    "  out M[i] : f32 = max[j] min(F[i, j], 0.5)\n  out L[i, j] : i64 = i64(F[i, j] * 1000000.0) * 123456789 + index(i)\n}\n";
static const char values_map[] = "map values on host {\n  split j -> j1, j0 = 8\n"
                                 "  for i { for j1 { lane j0 { Y H E L } } for j1 { lane j0 tree { M } } }\n}\n";

/* Requantisation, half floats, elementary functions, wrapping integers: by scalars and by lanes. */
static void operations_equal_eval(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    const Source source = {.path = "values", .text = values_text, .bytes = sizeof values_text - 1};
    const Source map_source = {.path = "map", .text = values_map, .bytes = sizeof values_map - 1};
    for (unsigned with_map = 0; with_map < 2; with_map++) {
        uint32_t n;
        Cascade **list, *pinned;
        Mapping *map = NULL;
        CProgram *program;
        CLibrary library;
        assert_int_equal(cascade_parse(cx, &source, &n, &list), WEIR_OK);
        Groups groups = {.cs = list[0]};
        if (with_map != 0) {
            assert_int_equal(mapping_parse(cx, &map_source, list[0], &map), WEIR_OK);
            Group group = {.name = map->name, .n = map->n_statements, .statements = map->statements, .mapping = map};
            vec_push(&cx->arena, &groups.list, group);
        }
        assert_int_equal(c_compile(cx, &groups, NULL, &(COptions){.level = 1, .keep_all = true}, &program), WEIR_OK);
        assert_int_equal(c_build(cx, 1, &program, &library), WEIR_OK);
        const Machine *machine;
        assert_int_equal(machine_load(cx, WEIR_SOURCE_DIR "/machines/host.machine", &machine), WEIR_OK);
        assert_int_equal(pin(list[0], with_map, &map, machine, &pinned), WEIR_OK);
        Tensor *got = ARENA_ARRAY(&cx->arena, Tensor, list[0]->tensors.n), *want = ARENA_ARRAY(&cx->arena, Tensor, pinned->tensors.n);
        TensorId a = tensor_by_name(list[0], intern_text(&cx->names, "A")), f = tensor_by_name(list[0], intern_text(&cx->names, "F"));
        got[a.i] = tensor_new(cx, DT_I32, 2, (int64_t[]){16, 32});
        got[f.i] = tensor_new(cx, DT_F32, 2, (int64_t[]){16, 32});
        seeded_fill(&got[a.i], 1, LAW_INTS, 5);
        seeded_fill(&got[f.i], 2, LAW_NORMAL, 1);
        want[tensor_by_name(pinned, intern_text(&cx->names, "A")).i] = got[a.i];
        want[tensor_by_name(pinned, intern_text(&cx->names, "F")).i] = got[f.i];
        assert_int_equal(host_run(&library.host, got), WEIR_OK);
        assert_int_equal(eval_cascade(pinned, &(EvalOptions){.system = EVAL_TYPED}, want), WEIR_OK);
        for (uint32_t t = 1; t < list[0]->tensors.n; t++) {
            const TensorDecl *tensor = &list[0]->tensors.at[t];
            if (tensor->is_out && !same(&got[t], &want[tensor_by_name(pinned, tensor->name).i]))
                fail_msg("%s differs", tensor_name(list[0], (TensorId){t}));
        }
    }
    weir_context_free(cx);
}

/* An index read from data that is outside stops the run with its code. */
static void outside_traps(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    static const Source source = {.path = "trap", .text = "cascade trap {\n  rank v = 3, i = 2\n  in T[v] : f32\n  in I[i] : i64\n"
                                                          "  out Y[i] : f32 = T[I[i]]\n}\n"};
    Source copy = source;
    copy.bytes = strlen(source.text);
    uint32_t n;
    Cascade **list;
    assert_int_equal(cascade_parse(cx, &copy, &n, &list), WEIR_OK);
    Groups groups = {.cs = list[0]};
    CProgram *program;
    CLibrary library;
    assert_int_equal(c_compile(cx, &groups, NULL, &(COptions){.portable = true, .cpu = ""}, &program), WEIR_OK);
    assert_int_equal(c_build(cx, 1, &program, &library), WEIR_OK);
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, list[0]->tensors.n);
    float t[3] = {1, 2, 3};
    int64_t index[2] = {2, 1};
    TensorId y = tensor_by_name(list[0], intern_text(&cx->names, "Y")), table = tensor_by_name(list[0], intern_text(&cx->names, "T"));
    values[table.i] = (Tensor){.type = DT_F32, .n_dims = 1, .extent = {3}, .data = t};
    values[tensor_by_name(list[0], intern_text(&cx->names, "I")).i] = (Tensor){.type = DT_I64, .n_dims = 1, .extent = {2}, .data = index};
    assert_int_equal(host_run(&library.host, values), WEIR_OK);
    assert_true(((float *)values[y.i].data)[0] == 3 && ((float *)values[y.i].data)[1] == 2);
    index[1] = 3;
    assert_int_equal(host_run(&library.host, values), WEIR_INVALID);
    assert_non_null(strstr(cx->diag.list.at[cx->diag.list.n - 1].message, "outside its tensor: 3"));
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_equal_their_pinned_cascades), cmocka_unit_test(operations_equal_eval),
                                       cmocka_unit_test(outside_traps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
