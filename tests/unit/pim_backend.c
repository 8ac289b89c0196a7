/* The target pim: bf16 sums in the banks equal their pinned cascade bit for bit, whatever the pieces of rows and buffers. */
#include "backend_run.h"

static void dense(const char *precision, double share, int m, int k, int n, bool bias)
{
    char text[512];
    snprintf(text, sizeof text,
             "cascade t {\n  rank m = %d, k = %d, n = %d\n  in A[m, k] : f32\n  const B[k, n] : f32 = seeded(7, normal, 0.5)\n"
             "  const C[n] : f32 = seeded(8, normal, 1)\n  Z[m, n] = sum[k] A[m, k] * B[k, n]\n  out Y[m, n] : f32 = %s\n}\n",
             m, k, n, bias ? "Z[m, n] + C[n]" : "max(Z[m, n], 0)");
    backend_check("pim", precision, share, text);
}

/* Products, sums and the rounding run in the banks; casts to bf16 and back, max or the bias of the other form on the host. */
static double share_of(double m, double k, double n, double host_per_output)
{
    double device = 2 * m * k * n + m * n;
    return device / (device + m * k + host_per_output * m * n);
}

static void edges(void **state)
{
    (void)state;
    static const int sizes[][3] = {{1, 16, 16}, {1, 17, 5}, {3, 40, 33}, {2, 1040, 20}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int *s = sizes[i];
        dense("bf16", share_of(s[0], s[1], s[2], 2), s[0], s[1], s[2], false);
    }
}

/* 32 channels x 16 banks hold 512 outputs a block: three blocks, rows shared by blocks. */
static void blocks_share_rows(void **state)
{
    (void)state;
    dense("bf16", share_of(1, 100, 1100, 1), 1, 100, 1100, true);
}

/* Long enough for many refreshes. */
static void refreshes(void **state)
{
    (void)state;
    dense("bf16", share_of(60, 200, 40, 1), 60, 200, 40, true);
}

/* Two sums read one vector: their buffers have names of their own. */
static void shared_vector(void **state)
{
    (void)state;
    backend_check("pim", "bf16", 2 * (2 * 40 * 20 + 20) / (2 * (2 * 40 * 20 + 20) + 40 + 60.0),
                  "cascade t {\n  rank k = 40, n = 20\n  in A[k] : f32\n  const B[k, n] : f32 = seeded(7, normal, 0.5)\n"
                  "  const C[k, n] : f32 = seeded(8, normal, 0.5)\n  Y[n] = sum[k] A[k] * B[k, n]\n  Z[n] = sum[k] A[k] * C[k, n]\n"
                  "  out X[n] : f32 = Y[n] * Z[n]\n}\n");
}

/* f32 stays f32: nothing is narrowed that nobody asked for. */
static void without_precision(void **state)
{
    (void)state;
    dense(NULL, 0, 2, 32, 8, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(blocks_share_rows),
        cmocka_unit_test(refreshes),
        cmocka_unit_test(shared_vector),
        cmocka_unit_test(without_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
