/* onesweep: every form of attention that it knows keeps its values in one sweep; what it must leave alone stays. */
#include "tests/unit/passes_run.h"

#define INPUTS                                                                                     \
    "rank h = 2, p = 5, m = 10, e = 3, f = 4\n"                                                    \
    "in Q[h, p, e] : f32\n in K[h, m, e] : f32\n in V[h, m, f] : f32\n"
#define SCORES "QK[h, p, m] = sum[e] Q[h, p, e] * K[h, m, e]\n"
#define SOFT                                                                                       \
    "MX[h, p] = max[m] S[h, p, m]\n SN[h, p, m] = exp(S[h, p, m] - MX[h, p])\n"                    \
    "SD[h, p] = sum[m] SN[h, p, m]\n"
#define OUTPUT "A[h, p, m] = SN[h, p, m] / SD[h, p]\n out Y[h, p, f] : f32 = sum[m] A[h, p, m] * V[h, m, f]\n"

static void test_plain(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n" INPUTS "S[h, p, m] = sum[e] Q[h, p, e] * K[h, m, e] * 0.5\n" SOFT OUTPUT "}\n";
    check_passes(text, "onesweep", "in 1 blocks of 10; passes over m: K 3 -> 1, S 3 -> 1, SN 2 -> 1, A 1 -> 1, V 1 -> 1",
                 "out Y[h, p, f] : f32 = Y_run[count(t), h, p, f] / SD_run[count(t), h, p]");
    check_passes(text, "onesweep:5", "in 2 blocks of 5", "MX_block[h, p] = max[m0] S_block[h, p, m0]");
    check_passes(text, "onesweep:4", "in 3 blocks of 4", "max[m0 | 4 * t + m0 < 10] S_block[h, p, m0]");
    check_passes(text, "onesweep:1", "in 10 blocks of 1", NULL);
}

static void test_masks(void **state)
{
    (void)state;
    static const char added[] = "cascade c {\n" INPUTS "in B[p, m] : f32\n" SCORES
                                "S[h, p, m] = QK[h, p, m] * 0.5 + B[p, m]\n" SOFT OUTPUT "}\n";
    check_passes(added, "onesweep:4", "B 3 -> 1", "MX_shift[h, p] = select(MX_run[t + 1, h, p] == -inf, 0, ");
    /* row 0 masked whole, row 1 in its first blocks, row 2 in its last ones */
    static const char infinite[] = "cascade c {\n" INPUTS SCORES
        "S[h, p, m] = select(index(p) == 0 or index(p) == 1 and index(m) < 7 or index(p) == 2 and index(m) > 1, -inf, QK[h, p, m])\n"
        SOFT OUTPUT "}\n";
    check_passes(infinite, "onesweep:3", "changed=1", NULL);
    static const char guarded[] = "cascade c {\n" INPUTS SCORES
        "S[h, p, m] = select(index(p) == 0 or index(p) == 1 and index(m) < 7, -inf, QK[h, p, m])\n"
        "MX[h, p] = max[m] S[h, p, m]\n M0[h, p] = select(MX[h, p] == -inf, 0, MX[h, p])\n"
        "SN[h, p, m] = exp(S[h, p, m] - M0[h, p])\n out SD[h, p] : f32 = sum[m] SN[h, p, m]\n" OUTPUT "}\n";
    check_passes(guarded, "onesweep:3", "changed=1", "out SD[h, p] : f32 = SD_run[count(t), h, p]");
    check_passes(guarded, "simplify,onesweep:3,simplify", "onesweep: changed=1", NULL);
}

static void test_infinite_rows_that_differ_stay(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n" INPUTS "in B[p, m] : f32\n" SCORES
                               "S[h, p, m] = QK[h, p, m] + B[p, m]\n" SOFT "out L[h, p] : f32 = log(SD[h, p]) + MX[h, p]\n}\n";
    check_passes(text, "onesweep:4", "stays: a row of -inf would give 0 where it gives NaN", NULL);
}

static void test_conditions(void **state)
{
    (void)state;
    static const char causal[] = "cascade c {\n" INPUTS SCORES
        "MX[h, p] = max[m | m <= 2 * p and m > p - 3] QK[h, p, m]\n SN[h, p, m] = exp(QK[h, p, m] - MX[h, p])\n"
        "SD[h, p] = sum[m | m <= 2 * p and m > p - 3] SN[h, p, m]\n"
        "AV[h, p, f] = sum[m | m <= 2 * p and m > p - 3] SN[h, p, m] * V[h, m, f]\n"
        "out Y[h, p, f] : f32 = select(SD[h, p] == 0, 0, AV[h, p, f] / SD[h, p])\n}\n";
    check_passes(causal, "onesweep:4", "changed=1", "4 * t + m0 <= 2 * p and 4 * t + m0 > p - 3 and 4 * t + m0 < 10");
    check_passes(causal, "onesweep:2", "changed=1", NULL);
    static const char inside[] = "cascade c {\n" INPUTS SCORES
        "MX[h, p] = max[m | m < p] QK[h, p, m]\n SN[h, p, m] = exp(QK[h, p, m] - MX[h, p])\n"
        "SD[h, p] = sum[m | m < p] SN[h, p, m]\n A[h, p, m] = select(SD[h, p] == 0, 0, SN[h, p, m] / SD[h, p])\n"
        "out Y[h, p, f] : f32 = sum[m | m < p] A[h, p, m] * V[h, m, f]\n}\n";
    check_passes(inside, "onesweep:3", "changed=1", "select(SD_run[count(t), h, p] == 0, 0, Y_run[count(t), h, p, f] / SD_run");
}

static void test_run_time_extent(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank p = 2, c = 7, e = 3\n in N[] : i64\n rank m <= 7 = N[]\n"
        "in Q[p, e] : f32\n in K[c, e] : f32\n in V[c, e] : f32\n"
        "QK[p, m] = sum[e] Q[p, e] * K[m, e]\n MX[p] = max[m] QK[p, m]\n SN[p, m] = exp(QK[p, m] - MX[p])\n"
        "SD[p] = sum[m] SN[p, m]\n AV[p, e] = sum[m] SN[p, m] * V[m, e]\n out Y[p, e] : f32 = AV[p, e] / SD[p]\n}\n";
    check_passes(text, "onesweep:3", "changed=1", "3 * t + m0 < extent(m)");
}

static void test_other_ranks_and_moved_factors(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank g = 2, h = 4, p = 3, i = 3, m = 6, k = 6, e = 3, f = 2\n"
        "in Q[h, p, e] : f32\n in K[g, m, e] : f32\n in V[g, k, f] : f32\n in D[k] : f32\n"
        "S[h, p, m] = sum[e] Q[h, p, e] * K[h / 2, m, e]\n MX[h, p] = max[m] S[h, p, m]\n"
        "SN[h, i, k] = exp(S[h, i, k] - MX[h, i])\n SD[h, p] = sum[m] SN[h, p, m]\n R[h, i] = 1 / SD[h, i]\n"
        "A[h, i, k] = 0.5 * SN[h, i, k] * R[h, i] * D[k]\n out Y[i, h, f] : f32 = sum[k] A[h, i, k] * V[h / 2, k, f]\n}\n";
    check_passes(text, "onesweep:4", "changed=1", "out Y[i, h, f] : f32 = Y_run[count(t), i, h, f] * R[h, i]");
}

static void test_powers_and_sums(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n" INPUTS "S[h, p, m] = sum[e] Q[h, p, e] * K[h, m, e]\n" SOFT
        "Q2[h, p] = sum[m] SN[h, p, m] * SN[h, p, m]\n T[h, p] = sum[m] -(SN[h, p, m] - 2 * SN[h, p, m] * V[h, m, 0])\n"
        "out Y[h, p] : f32 = Q2[h, p] / (SD[h, p] * SD[h, p]) + T[h, p]\n out L[h, p] : f32 = log(SD[h, p]) + MX[h, p]\n}\n";
    check_passes(text, "onesweep:4", "changed=1", "Q2_run[t, h, p] * MX_fix[h, p] * MX_fix[h, p] + Q2_block[h, p]");
}

static void test_narrow_types(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank p = 3, m = 6, e = 3\n in Q[p, e] : bf16\n in K[m, e] : bf16\n in V[m, e] : bf16\n"
        "S[p, m] = sum.f32[e] Q[p, e] * K[m, e]\n X[p, m] : bf16 = bf16(S[p, m])\n MX[p] : bf16 = max[m] X[p, m]\n"
        "SN[p, m] = exp(f32(X[p, m]) - f32(MX[p]))\n SD[p] = sum[m] SN[p, m]\n A[p, m] : bf16 = bf16(SN[p, m] / SD[p])\n"
        "Y[p, e] = sum.f32[m] A[p, m] * V[m, e]\n out Z[p, e] : bf16 = bf16(Y[p, e])\n}\n";
    check_passes(text, "onesweep:4", "changed=1", "A_block[p, m0] : bf16 = bf16(SN_block[p, m0])");
}

static void test_stays(void **state)
{
    (void)state;
    check_passes("cascade c {\n rank r = 3, c = 6\n in X[r, c] : f32\n M[r] = max[c] X[r, c]\n"
                 "E[r, c] = exp(X[r, c] - M[r])\n D[r] = sum[c] E[r, c]\n out Y[r, c] : f32 = E[r, c] / D[r]\n}\n",
                 "onesweep:2", "M over c stays: 'E' is needed whole; passes over c: X 3\nonesweep: changed=0", NULL);
    check_passes("cascade c {\n" INPUTS "S[h, p, m] = sum[e] Q[h, p, e] * K[h, m, e]\n" SOFT
                 "out A[h, p, m] : f32 = SN[h, p, m] / SD[h, p]\n out Y[h, p, f] : f32 = sum[m] A[h, p, m] * V[h, m, f]\n}\n",
                 "onesweep:2", "stays: 'SN' is needed whole", NULL);
    check_passes("cascade c {\n rank c = 6\n in X[c] : f32\n out M[] : f32 = max[c] X[c]\n out N[] : f32 = sum[c] X[c] * M[]\n}\n",
                 "onesweep:2", "changed=0", NULL);
    check_passes("pinned cascade c {\n rank c = 6\n in X[c] : f32\n M[] = max[c] X[c]\n E[c] = exp(X[c] - M[])\n"
                 "out N[] : f32 = sum[c] E[c]\n}\n", "onesweep:2", "changed=0", NULL);
}

static void test_several_and_nested(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank p = 4, m = 4, e = 3\n in X[p, e] : f32\n in C[] : bool\n"
        "S[p, m] = sum[e] X[p, e] * X[m, e]\n MX[p] = max[m] S[p, m]\n SN[p, m] = exp(S[p, m] - MX[p])\n"
        "SD[p] = sum[m] SN[p, m]\n Y[p, e] = sum[m] SN[p, m] / SD[p] * X[m, e]\n"
        "if C[] {\n S2[p, m] = sum[e] Y[p, e] * Y[m, e]\n MX2[p] = max[m] S2[p, m]\n SN2[p, m] = exp(S2[p, m] - MX2[p])\n"
        "SD2[p] = sum[m] SN2[p, m]\n Z[p, e] = sum[m] SN2[p, m] / SD2[p] * Y[m, e]\n} else {\n Z[p, e] = Y[p, e] }\n"
        "out W[p, e] : f32 = Z[p, e] + X[p, e]\n}\n";
    check_passes(text, "onesweep:3", "changed=2", "Z[p, e] = Z_run[count(");
}

static void test_argument(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank c = 6\n in X[c] : f32\n out M[] : f32 = max[c] X[c]\n}\n";
    Ran ran = run_passes(text, "onesweep:0");
    assert_int_equal(ran.status, WEIR_USAGE);
    weir_context_free(ran.cx);
    ran = run_passes(text, "onesweep:4x");
    assert_int_equal(ran.status, WEIR_USAGE);
    weir_context_free(ran.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_infinite_rows_that_differ_stay),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_run_time_extent),
        cmocka_unit_test(test_other_ranks_and_moved_factors),
        cmocka_unit_test(test_powers_and_sums),
        cmocka_unit_test(test_narrow_types),
        cmocka_unit_test(test_stays),
        cmocka_unit_test(test_several_and_nested),
        cmocka_unit_test(test_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
