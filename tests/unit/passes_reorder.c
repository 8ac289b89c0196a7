/* reorder: the choice on channels whose answer is known; what the pushing must refuse. */
#include "tests/unit/passes_run.h"

#include "passes/reorder.h"

static void test_choice(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    const Precision *format = precision_named(cx, "bfp12:4");
    const double keys[8] = {1, 100, 1, 1, 100, 1, 100, 100}, queries[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    ReorderChoice choice;
    assert_int_equal(reorder_choose(cx, format, 1, 8, keys, queries, &choice), WEIR_OK);
    static const uint32_t sorted[8] = {1, 4, 6, 7, 0, 2, 3, 5}, pairs[8] = {2, 3, 0, 1, 6, 7, 4, 5};
    assert_memory_equal(choice.channel, sorted, sizeof sorted);
    assert_true(choice.ratio < 0.9 && !choice.keep_identity);
    /* pairs c, c + 4 have means 50.5, 50.5, 50.5, 50.5: stable; then 1, 1, 2, 2 */
    assert_int_equal(reorder_choose(cx, format, 2, 8, keys, queries, &choice), WEIR_OK);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(choice.channel[i], i);
    assert_true(choice.ratio == 1 && choice.keep_identity);
    const double steps[8] = {1, 1, 4, 4, 1, 1, 4, 4};
    assert_int_equal(reorder_choose(cx, format, 2, 8, steps, queries, &choice), WEIR_OK);
    assert_memory_equal(choice.channel, pairs, sizeof pairs);
    /* a block that holds all channels sees no order */
    assert_int_equal(reorder_choose(cx, precision_named(cx, "bfp12:8"), 1, 8, keys, queries, &choice), WEIR_OK);
    assert_true(choice.ratio > 0.999999 && choice.ratio < 1.000001 && choice.keep_identity);
    const double none[8] = {0};
    assert_int_equal(reorder_choose(cx, format, 1, 8, none, queries, &choice), WEIR_OK);
    assert_true(choice.keep_identity);
    weir_context_free(cx);
}

#define BEFORE                                                                                     \
    "cascade c {\n rank p = 2, m = 2, d = 2, e = 4\n in X[p, d] : f32\n in Y[m, d] : f32\n"         \
    "const WQ[d, e] : f32 = {{4, 0.5, 4, 0.5}, {4, 0.5, 4, 0.5}}\n"                               \
    "const WK[d, e] : f32 = {{1, 10, 1, 10}, {1, 10, 1, 10}}\n"
#define AFTER "S[p, m] = sum[e] Q[p, e] * K[m, e]\n M[p] = max[m] S[p, m]\n out Z[p, m] : f32 = exp(S[p, m] - M[p])\n}\n"
#define QUERIES "Q[p, e] = sum[d] X[p, d] * WQ[d, e]\n"
#define KEYS "K[m, e] = sum[d] Y[m, d] * WK[d, e]\n"

static void test_refusals(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {BEFORE QUERIES KEYS AFTER, "'WK' permuted along e"},
        {BEFORE QUERIES KEYS "out T[m] : f32 = sum[e] K[m, e]\n" AFTER, "changed=1"},
        {BEFORE QUERIES KEYS "out T[m] : i64 = argmax[e] K[m, e]\n" AFTER, "stay: 'T': its statement depends on the order"},
        {BEFORE QUERIES KEYS "out T[m] : f32 = sum[e | e < 2] K[m, e]\n" AFTER, "depends on the order"},
        {BEFORE QUERIES KEYS "out T[m, e] : f32 = K[m, e]\n" AFTER, "'T': its order is fixed"},
        {BEFORE QUERIES KEYS "out T[d, e] : f32 = WK[d, e]\n" AFTER, "'WK': others read it too"},
        {BEFORE "in B[e] : f32\n" QUERIES "K0[m, e] = sum[d] Y[m, d] * WK[d, e]\n K[m, e] = K0[m, e] + B[e]\n" AFTER, "'B': its order is fixed"},
        {BEFORE QUERIES "K0[m, e] = sum[d] Y[m, d] * WK[d, e]\n K[m, e] = K0[m, e] + f32(index(e))\n" AFTER, "the channel's number is a value"},
        {BEFORE QUERIES "K0[m, e] = sum[d] Y[m, d] * WK[d, e]\n K[m, e] = K0[m, 3 - e]\n" AFTER, "'K0': it is not read at a plain channel"},
        {BEFORE QUERIES "K[m, e] = exp(Y[m, 0]) + f32(extent(e))\n" AFTER, "no product with a constant"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_passes(texts[i][0], "reorder:bfp12:2", i < 2 ? "reorder: " : texts[i][1], NULL);
    Ran ran = run_passes(texts[0][0], "reorder:bfp12:2");
    assert_non_null(strstr(ran.text, "const WK[d, e] : f32 = {{10, 10, 1, 1}, {10, 10, 1, 1}}"));
    assert_non_null(strstr(ran.text, "const WQ[d, e] : f32 = {{0.5, 0.5, 4, 4}, {0.5, 0.5, 4, 4}}"));
    weir_context_free(ran.cx);
}

/* One order for all heads where something is common to them. */
static void test_common_bias(void **state)
{
    (void)state;
    check_passes("cascade c {\n rank p = 2, m = 2, d = 1, e = 4, h = 2\n in X[p, d] : f32\n in Y[m, d] : f32\n"
                 "const WQ[h, d, e] : f32 = {{{4, 0.5, 4, 0.5}}, {{4, 0.5, 4, 0.5}}}\n"
                 "const WK[h, d, e] : f32 = {{{1, 10, 1, 10}}, {{1, 10, 1, 10}}}\n const B[e] : f32 = {1, 2, 3, 4}\n"
                 "Q[h, p, e] = sum[d] X[p, d] * WQ[h, d, e]\n K0[h, m, e] = sum[d] Y[m, d] * WK[h, d, e]\n"
                 "K[h, m, e] = K0[h, m, e] + B[e]\n S[h, p, m] = sum[e] Q[h, p, e] * K[h, m, e]\n"
                 "M[h, p] = max[m] S[h, p, m]\n out Z[h, p, m] : f32 = exp(S[h, p, m] - M[h, p])\n}\n",
                 "reorder:bfp12:2", "reorder: ", "const B[e] : f32 = {2, 4, 1, 3}");
}

/* Heads and channels in one rank of the projections, as after a reshape that simplify took away. */
static void test_merged_heads(void **state)
{
    (void)state;
#define MERGED "cascade c {\n rank p = 2, m = 2, d = 1, e = 4, h = 2, x = 8\n in X[p, d] : f32\n in Y[m, d] : f32\n"          \
    "const WQ[d, x] : f32 = {{4, 0.5, 4, 0.5, 4, 0.5, 4, 0.5}}\n const WK[d, x] : f32 = {{1, 10, 1, 10, 1, 1, 1, 1}}\n"        \
    "const B[x] : f32 = {1, 2, 3, 4, 5, 6, 7, 8}\n Q[p, x] = sum[d] X[p, d] * WQ[d, x]\n"                                     \
    "K0[m, x] = sum[d] Y[m, d] * WK[d, x]\n K1[m, x] = K0[m, x] + B[x]\n"
#define MERGED_END " M[h, p] = max[m] S[h, p, m]\n out Z[h, p, m] : f32 = exp(S[h, p, m] - M[h, p])\n}\n"
    check_passes(MERGED "S[h, p, m] = sum[e] Q[p, 4 * h + e] * K1[m, 4 * h + e]\n" MERGED_END, "reorder:bfp12:2", "reorder: ",
                 "const B[x] : f32 = {2, 4, 1, 3, 5, 6, 7, 8}");
    check_passes(MERGED "K[h, m, e] = K1[m, e + 4 * h]\n S[h, p, m] = sum[e] Q[p, 4 * h + e] * K[h, m, e]\n" MERGED_END,
                 "reorder:bfp12:2", "reorder: ", "const WQ[d, x] : f32 = {{0.5, 0.5, 4, 4, 4, 0.5, 4, 0.5}}");
    check_passes(MERGED "S[h, p, m] = sum[e] Q[p, 3 * h + e] * K1[m, 4 * h + e]\n" MERGED_END, "reorder:bfp12:2",
                 "'Q': it is not read at a plain channel", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_common_bias),
        cmocka_unit_test(test_merged_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
