/* bias_first: which additions become the start of a sum, and which stay. */
#include "tests/unit/passes_run.h"

#define GEMM "rank m = 3, n = 4, k = 5\n in A[m, k] : f32\n in B[k, n] : f32\n in C[n] : f32\n"
#define SUM "Z[m, n] = sum[k] A[m, k] * B[k, n] @ \"a\"\n"

static void test_the_sum_takes_the_target(void **state)
{
    (void)state;
    check_passes("cascade c {\n" GEMM SUM "out Y[m, n] : f32 = Z[m, n] + C[n] @ \"b\"\n}\n", "bias_first", "changed=1",
                 "out Y[m, n] : f32 = sum[k from C[n]] A[m, k] * B[k, n] @ \"a\", \"b\"");
    check_passes("cascade c {\n" GEMM SUM "rank i = 3, j = 4\n out Y[j, i] : f32 = C[j] + Z[i, j] @ \"b\"\n}\n", "bias_first",
                 "changed=1", "out Y[j, i] : f32 = sum[k from C[j]] A[i, k] * B[k, j]");
    check_passes("cascade c {\n" GEMM "rank q = 8\n tmp Y[m, q] : f32\n" SUM
                 "Y[m, n] = Z[m, n] + C[n]@ \"b\"\n Y[m, n + 4] = A[m, n] @ \"b\"\n out R[m, q] : f32 = exp(Y[m, q]) @ \"b\"\n}\n",
                 "bias_first", "changed=1", "Y[m, n] = sum[k from C[n]]");
}

static void test_the_reader_stays(void **state)
{
    (void)state;
    check_passes("cascade c {\n" GEMM SUM "out Y[m, n] : f32 = max(Z[m, n] + (C[n] * 2 + 1), 0) @ \"b\"\n}\n", "bias_first",
                 "changed=1", "Z[m, n] = sum[k from C[n] * 2 + 1] A[m, k] * B[k, n] @ \"a\"\n");
    check_passes("cascade c {\n" GEMM SUM "D[n] = exp(C[n]) @ \"d\"\n out Y[m, n] : f32 = max(Z[m, n] + D[n], 0) @ \"b\"\n}\n",
                 "bias_first", "changed=1", "D[n] = exp(C[n]) @ \"d\"\n  Z[m, n] = sum[k from D[n]]");
}

static void test_chains_and_regions(void **state)
{
    (void)state;
    check_passes("cascade c {\n rank m = 3, k = 3\n in A[m, k] : f32\n in x[k] : f32\n in b[m] : f32\n in C[] : bool\n"
                 "if C[] { Z[m] = sum[k] A[m, k] * x[k]\n Y[m] = Z[m] + b[m] } else { Y[m] = b[m] }\n"
                 "Z2[m] = sum[k] A[m, k] * Y[k]\n out W[m] : f32 = Z2[m] + b[m]\n}\n",
                 "bias_first", "changed=2", "Y[m] = sum[k from b[m]]");
}

static void test_what_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {
        /* read twice, a residual of full size, an output, another start, a maximum, a product */
        GEMM SUM "Y[m, n] = Z[m, n] + C[n] @ \"b\"\n out R[m, n] : f32 = Y[m, n] * Z[m, n] @ \"b\"\n",
        GEMM SUM "X[m, n] = exp(B[m, n]) @ \"x\"\n out Y[m, n] : f32 = Z[m, n] + X[m, n] @ \"b\"\n",
        GEMM "out Z[m, n] : f32 = sum[k] A[m, k] * B[k, n]\n out Y[m, n] : f32 = Z[m, n] + C[n]\n",
        GEMM "Z[m, n] = sum[k from 1] A[m, k] * B[k, n]\n out Y[m, n] : f32 = Z[m, n] + C[n]\n",
        GEMM "Z[m, n] = max[k] A[m, k] * B[k, n]\n out Y[m, n] : f32 = Z[m, n] + C[n]\n",
        GEMM SUM "out Y[m, n] : f32 = Z[m, n] * C[n] @ \"b\"\n",
        GEMM "rank i = 3\n" SUM "out Y[m, n, i] : f32 = Z[m, n] + A[i, 0] @ \"b\"\n",
        GEMM "rank i = 3\n" SUM "out Y[i] : f32 = Z[i, i] + A[i, 0] @ \"b\"\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[1024];
        snprintf(text, sizeof text, "cascade c {\n%s}\n", texts[i]);
        check_passes(text, "bias_first", "changed=0", NULL);
    }
    check_passes("pinned cascade c {\n" GEMM "Z[m, n] = sum[k] A[m, k] * B[k, n]\n out Y[m, n] : f32 = Z[m, n] + C[n]\n}\n",
                 "bias_first", "changed=0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sum_takes_the_target),
        cmocka_unit_test(test_the_reader_stays),
        cmocka_unit_test(test_chains_and_regions),
        cmocka_unit_test(test_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
