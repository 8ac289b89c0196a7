/* precision: formats of weights, types of operands, plans; what takes no format stays; bounds hold. */
#include <math.h>
#include <stdlib.h>

#include "tests/unit/passes_run.h"

#include "ir/eval.h"

#define GEMM                                                                                       \
    "rank m = 3, n = 4, k = 40\n in A[m, k] : f32\n const B[k, n] : f32 = seeded(3, normal, 0.5)\n" \
    "const C[n] : f32 = {0.1, 0.2, 0.3, 0.4}\n"

static void check_lossy(const char *text, const char *passes, const char *report, const char *printed)
{
    Ran ran = run_passes(text, passes);
    if (ran.status != WEIR_OK)
        diagnostics_print(&ran.cx->diag, stderr, false);
    assert_int_equal(ran.status, WEIR_OK);
    if (strstr(ran.report, report) == NULL || (printed != NULL && strstr(ran.text, printed) == NULL))
        fail_msg("not found: %s | %s in\n%s%s", report, printed == NULL ? "" : printed, ran.report, ran.text);
    Ran again = run_passes(ran.text, passes);
    assert_int_equal(again.status, WEIR_OK);
    assert_non_null(strstr(again.report, "changed=0"));
    weir_context_free(again.cx);
    weir_context_free(ran.cx);
}

static void test_operands(void **state)
{
    (void)state;
    check_lossy("cascade c {\n" GEMM "Z[m, n] = sum[k] A[m, k] * B[k, n] @ \"g\"\n out Y[m, n] : f32 = Z[m, n] + C[n] @ \"g\"\n}\n",
                "precision:bf16", "precision: Z: operands bf16: |error| <= 0.00783 * sum |A * B|\nprecision: changed=1",
                "A_bf16[m, k] : bf16 = bf16(A[m, k]) @ \"g\"\n  Z[m, n] = sum.f32[k] A_bf16[m, k] * B[k, n] @ \"g\"");
    check_lossy("cascade c {\n" GEMM "out Z[m, n] : f32 = sum[k from C[n]] 0.1 * A[m, k] * B[k, n] * 2\n out D[k, n] : f32 = B[k, n]\n}\n",
                "precision:f16", "0.000196 * sum", "out Z[m, n] : f32 = Z_dot[m, n] * 0.2 + C[n]\n");
    /* one cast for two readers; a window with padding; a constant read elsewhere too is copied */
    check_lossy("cascade c {\n rank i = 6, j = 6, r = 3, o = 2\n in X[i] : f32\n const W[o, r] : f32 = {{1, 2, 3}, {4, 5, 6.1}}\n"
                "out Y[o, j] : f32 = sum[r] X[j + r - 1]?0 * W[o, r]\n out Z[o, j] : f32 = sum[r] X[j + r - 1]?0 * W[o, r]\n"
                "out V[o, r] : f32 = W[o, r]\n}\n",
                "precision:bf16", "changed=2", "X_bf16[i] : bf16 = bf16(X[i])\n  const W_bf16[o, r] : bf16 = {{1, 2, 3}, {4, 5, 6.1}}\n");
}

static void test_recurrence(void **state)
{
    (void)state;
    check_lossy("cascade c {\n rank i = 4, j = 4\n in H0[i] : f32\n const R[j, i] : f32 = seeded(1, normal, 0.5)\n"
                "iterate t < 3 {\n H[0, i] = H0[i]\n G[j] = sum[i] R[j, i] * H[t, i]\n H[t + 1, i] = tanh(G[i]) }\n"
                "out Y[i] : f32 = H[count(t), i]\n}\n",
                "precision:bf16", "changed=1", "H_bf16[i] : bf16 = bf16(H[t, i])\n    G[j] = sum.f32[i] R[j, i] * H_bf16[i]");
}

static void test_stays(void **state)
{
    (void)state;
    check_lossy("cascade c {\n rank m = 3, k = 4\n in A[m, k] : f32\n in P[] : f32\n out Q[m] : f32 = sum[k] A[m, k] * A[m, k]\n"
                "out R[m] : f32 = sum[k] A[m, k]\n rank n = 3\n out S[m, n] : f32 = sum[k] A[m, k]?P[] * A[n, k]\n"
                "out T[m, n] : f32 = sum[k] exp(A[m, k]) * A[n, k]\n}\n",
                "precision:bf16", "changed=0", NULL);
    check_lossy("pinned cascade c {\n" GEMM "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out D[n] : f32 = C[n]\n}\n",
                "precision:bf16", "changed=0", NULL);
    check_lossy("cascade c {\n" GEMM "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out D[n] : f32 = C[n]\n}\n", "precision:f32",
                "changed=0", NULL);
    check_lossy("cascade c {\n" GEMM "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out D[n] : f32 = C[n]\n}\n", "precision",
                "changed=0", NULL);
}

static void test_formats(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n" GEMM "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out D[n] : f32 = C[n]\n}\n";
    check_lossy(text, "precision:mxfp4e2m1", "B as mxfp4e2m1: elements within 0.25 of the largest that shares their scale",
                "const B[k, n] : mx(f4e2m1, block = 32 on k, scale = e8m0, rule = floor, round = rne) = {{");
    check_lossy(text, "precision:bfp12:16", "B as bfp12", "mx(i4, block = 16 on k");
    check_lossy(text, "precision:int8", "changed=1", "int(8, scale = f32 per n, zero = none)");
    check_lossy(text, "precision:uint4", "changed=1", "int(4, block = 32 on k, scale = f32, zero = u4)");
    /* the longest reduced dimension carries the blocks */
    check_lossy("cascade c {\n rank o = 2, c = 8, r = 3, i = 4, x = 6\n in X[c, x] : f32\n"
                "const W[o, r, c] : f32 = seeded(1, normal, 1)\n out Y[o, i] : f32 = sum[c, r] X[c, i + r] * W[o, r, c]\n}\n",
                "precision:mxint8", "changed=1", "block = 32 on c");
    /* read elsewhere too: no weight */
    check_lossy("cascade c {\n" GEMM "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out D[k, n] : f32 = B[k, n] + C[n]\n}\n",
                "precision:int8", "changed=0", NULL);
}

static weir_status run_plan(const char *plan_text, const char *report)
{
    char path[] = "/tmp/weir-plan-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char name[sizeof path + 5];
    FILE *file = fdopen(fd, "w");
    fputs(plan_text, file);
    fclose(file);
    snprintf(name, sizeof name, "%s.json", path);
    rename(path, name);
    Ran ran = run_passes_plan("cascade c {\n" GEMM "rank q = 3\n const W[n, q] : f32 as \"w.2\" = seeded(4, normal, 1)\n"
                              "Z[m, n] = sum[k] A[m, k] * B[k, n]\n Y[m, n] = Z[m, n] + C[n]\n"
                              "out V[m, q] : f32 = sum[n] Y[m, n] * W[n, q]\n}\n",
                              "precision", name, false);
    remove(name);
    weir_status status = ran.status;
    if (report != NULL && strstr(ran.report, report) == NULL)
        fail_msg("not found: %s in %s", report, ran.report);
    weir_context_free(ran.cx);
    return status;
}

static void test_plans(void **state)
{
    (void)state;
    assert_int_equal(run_plan("{\"B\": \"bf16\", \"w.2\": \"int8\"}", "changed=2"), WEIR_OK);
    assert_int_equal(run_plan("{\"B\": \"f32\"}", "changed=0"), WEIR_OK);
    assert_int_equal(run_plan("{\"C\": \"int8\"}", NULL), WEIR_USAGE);
    assert_int_equal(run_plan("{\"C\": \"bf16\"}", NULL), WEIR_USAGE);
    assert_int_equal(run_plan("{\"Q\": \"int8\"}", NULL), WEIR_USAGE);
    assert_int_equal(run_plan("{\"B\": \"int9\"}", NULL), WEIR_USAGE);
    assert_int_equal(run_plan("{\"B\": 8}", NULL), WEIR_USAGE);
    assert_int_equal(run_plan("[1]", NULL), WEIR_USAGE);
    assert_int_equal(run_plan("{", NULL), WEIR_MALFORMED);
    static const char text[] = "cascade c {\n" GEMM "out D[n] : f32 = C[n]\n}\n";
    static const char *const bad[] = {"precision:fp3", "precision:mxfp4e2m1:0", "precision:bf16:4", "precision:int4:x", "precision:none.json"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Ran ran = run_passes(text, bad[i]);
        assert_int_not_equal(ran.status, WEIR_OK);
        weir_context_free(ran.cx);
    }
}

static void test_machine_that_gives_narrow_sums(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n" GEMM "Z[m, n] = sum[k] A[m, k] * B[k, n]\n out Y[m, n] : f32 = Z[m, n] + C[n]\n}\n";
    weir_context *cx = weir_context_new();
    Source source = {"test.cascade", text, strlen(text)};
    uint32_t n;
    Cascade **list;
    assert_int_equal(cascade_parse(cx, &source, &n, &list), WEIR_OK);
    const Machine *machine;
    assert_int_equal(machine_load(cx, WEIR_SOURCE_DIR "/machines/gddr6-aim.machine", &machine), WEIR_OK);
    Text out;
    text_init(&out, &cx->arena);
    PassContext p = {.cx = cx, .machine = machine, .verify = true, .plan = "bf16"};
    assert_int_equal(passes_run(&p, list[0], "bias_first,precision"), WEIR_OK);
    cascade_print(list[0], &out);
    assert_non_null(strstr(out.at, "Y_dot[m, n] = sum.f32[k from f32(C[n])] A_bf16[m, k] * B[k, n]\n"
                                   "  Y_out[m, n] : bf16 = bf16(Y_dot[m, n])\n"
                                   "  out Y[m, n] : f32 = f32(Y_out[m, n])\n"));
    assert_non_null(strstr(out.at, "const C[n] : bf16"));
    weir_context_free(cx);
}

/* The stated bound holds: |error| <= bound * sum |A * B|, with the sum of magnitudes as a cascade of its own. */
static void test_bound(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank m = 3, n = 4, k = 40\n in A[m, k] : f32\n const B[k, n] : f32 = seeded(3, normal, 0.5)\n"
        "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out S[m, n] : f32 = sum[k] abs(A[m, k]) * abs(B[k, n])\n}\n";
    weir_context *cx = weir_context_new();
    Source source = {"test.cascade", text, strlen(text)};
    uint32_t n;
    Cascade **list;
    assert_int_equal(cascade_parse(cx, &source, &n, &list), WEIR_OK);
    Cascade *before = cascade_clone(list[0]);
    PassContext p = {.cx = cx};
    assert_int_equal(passes_run(&p, list[0], "precision:bf16"), WEIR_OK);
    Tensor *a = ARENA_ARRAY(&cx->arena, Tensor, before->tensors.n), *b = ARENA_ARRAY(&cx->arena, Tensor, list[0]->tensors.n);
    const int64_t extent[2] = {3, 40};
    a[1] = b[1] = tensor_new(cx, DT_F32, 2, extent);
    seeded_fill(&a[1], 9, LAW_NORMAL, 1);
    assert_int_equal(eval_cascade(before, &(EvalOptions){.system = EVAL_REAL}, a), WEIR_OK);
    assert_int_equal(eval_cascade(list[0], &(EvalOptions){.system = EVAL_TYPED}, b), WEIR_OK);
    double largest = 0;
    for (size_t i = 0; i < 12; i++) {
        double error = fabs(dtype_load_f64(a[3].type, a[3].data, i) - dtype_load_f64(b[3].type, b[3].data, i));
        assert_true(error <= 0.00783 * dtype_load_f64(a[4].type, a[4].data, i));
        largest = error > largest ? error : largest;
    }
    assert_true(largest > 1e-4);
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_recurrence),
        cmocka_unit_test(test_stays),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_machine_that_gives_narrow_sums),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
