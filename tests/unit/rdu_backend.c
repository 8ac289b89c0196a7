/* The target rdu: sums of products on the simulated array equal their pinned cascade bit for bit, at every edge. */
#include "backend_run.h"

static void matrices(void **state)
{
    (void)state;
    static const int sizes[][3] = {{1, 1, 1}, {2, 4, 4}, {3, 5, 7}, {1, 17, 9}, {5, 3, 4}, {4, 1, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "cascade t {\n  rank m = %d, k = %d, n = %d\n  in A[m, k] : f32\n  in C[n] : f32\n"
                 "  const B[k, n] : f32 = seeded(7, normal, 0.5)\n  Z[m, n] = sum[k] A[m, k] * B[k, n]\n"
                 "  out Y[m, n] : f32 = max(Z[m, n] + C[n], 0)\n}\n",
                 sizes[i][0], sizes[i][1], sizes[i][2]);
        backend_check("rdu", NULL, 1, text);
    }
}

static void both_operands_run(void **state)
{
    (void)state;
    backend_check("rdu", NULL, 1,
                  "cascade t {\n  rank b = 3, m = 5, k = 6, n = 7\n  in A[b, m, k] : f32\n  in B[b, n, k] : f32\n"
                  "  out Y[b, m, n] : f32 = sum[k] A[b, m, k] * B[b, n, k]\n}\n");
}

static void starts_by_row_and_tile(void **state)
{
    (void)state;
    backend_check("rdu", NULL, 1,
                  "cascade t {\n  rank m = 5, k = 6, n = 7\n  in A[m, k] : f32\n  in B[k, n] : f32\n  in R[m] : f32\n"
                  "  out Y[m, n] : f32 = sum[k from R[m]] A[m, k] * B[k, n]\n}\n");
    backend_check("rdu", NULL, 1,
                  "cascade t {\n  rank m = 5, k = 6, n = 7\n  in A[m, k] : f32\n  in B[k, n] : f32\n  in R[m, n] : f32\n"
                  "  out Y[m, n] : f32 = sum[k from R[m, n]] A[m, k] * B[k, n]\n}\n");
}

static void windows(void **state)
{
    (void)state;
    backend_check("rdu", NULL, 1,
                  "cascade t {\n  rank o = 5, c = 3, r = 3, s = 3, i = 4, j = 5, h = 8, w = 10\n  in X[c, h, w] : f32\n"
                  "  const W[o, c, r, s] : f32 = seeded(3, normal, 0.5)\n  const B[o] : f32 = seeded(4, normal, 1)\n"
                  "  Z[o, i, j] = sum[c, r, s] X[c, 2 * i + r - 1, 2 * j + s - 1]?0 * W[o, c, r, s]\n"
                  "  out Y[o, i, j] : f32 = max(Z[o, i, j] + B[o], 0)\n}\n");
}

static void padding_with_a_value(void **state)
{
    (void)state;
    backend_check("rdu", NULL, 1,
                  "cascade t {\n  rank o = 4, r = 3, i = 6\n  in X[i] : f32\n  const W[o, r] : f32 = seeded(3, normal, 0.5)\n"
                  "  out Z[o, i] : f32 = sum[r] X[i + r - 1]?2.5 * W[o, r]\n}\n");
}

/* The exp and the sums over it are host steps between two products. */
static void host_steps_between(void **state)
{
    (void)state;
    backend_check("rdu", NULL, 768.0 / 928,
                  "cascade t {\n  rank m = 4, k = 8, n = 8, p = 4\n  in A[m, k] : f32\n  in B[k, n] : f32\n  in C[n, p] : f32\n"
                  "  Z[m, n] = sum[k] A[m, k] * B[k, n]\n  M[m] = max[n] Z[m, n]\n  E[m, n] = exp(Z[m, n] - M[m])\n"
                  "  D[m] = sum[n] E[m, n]\n  P[m, n] = E[m, n] / D[m]\n"
                  "  out Y[m, p] : f32 = sum[n] P[m, n] * C[n, p]\n}\n");
}

/* 2 x 2 by hand: A = (1 2; 3 4), B = (5 6; 7 8), start (1, -100), negative results cut. */
static void known_values(void **state)
{
    (void)state;
    BackendRun run = {.settings = {.opt_level = -1}};
    backend_open(&run, "rdu",
                 "cascade t {\n  rank m = 2, k = 2, n = 2\n  in A[m, k] : f32\n  const B[k, n] : f32 = {{5, 6}, {7, 8}}\n"
                 "  const C[n] : f32 = {1, -40}\n  Z[m, n] = sum[k] A[m, k] * B[k, n]\n"
                 "  out Y[m, n] : f32 = max(Z[m, n] + C[n], 0)\n}\n");
    assert_int_equal(job_compile(run.job), WEIR_OK);
    Tensor *values = ARENA_ARRAY(&run.cx->arena, Tensor, run.job->source->tensors.n);
    job_make_inputs(run.job, values);
    TensorId a = tensor_by_name(run.job->source, intern_text(&run.cx->names, "A"));
    TensorId y = tensor_by_name(run.job->source, intern_text(&run.cx->names, "Y"));
    const float in[4] = {1, 2, 3, 4}, want[4] = {20, 0, 44, 10};
    memcpy(values[a.i].data, in, sizeof in);
    assert_int_equal(job_run(run.job, values, NULL), WEIR_OK);
    assert_memory_equal(values[y.i].data, want, sizeof want);
    weir_context_free(run.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices),    cmocka_unit_test(both_operands_run),    cmocka_unit_test(starts_by_row_and_tile),
        cmocka_unit_test(windows),     cmocka_unit_test(padding_with_a_value), cmocka_unit_test(host_steps_between),
        cmocka_unit_test(known_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
