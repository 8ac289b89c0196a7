/* Extents that only the run knows: operators after a selection, against the numbers they must give. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 18]>\n" body

/* The logical extents and values of output k. */
static void expect_run(const Case *c, uint32_t k, uint32_t n_dims, const int64_t *extent, const double *expected)
{
    const Tensor *t = &c->values[c->info.outputs[k].tensor.i];
    assert_int_equal(t->n_dims, n_dims);
    for (uint32_t d = 0; d < n_dims; d++)
        if (t->extent[d] != extent[d])
            fail_msg("output %u: extent %lld of dimension %u, not %lld", k, (long long)t->extent[d], d, (long long)extent[d]);
    case_values(t, k, tensor_elements(t), expected, 1e-6);
}

/* Of four rows of six the second and the fourth are chosen. */
static const double choice[4] = {0, 1, 0, 1};
static const double rows[24] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
static const double chosen[12] = {6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23};
static const double *const selection[] = {choice, rows};
#define SELECT "m (bool[4] c, float[4,6] x) => "
#define CHOSEN "{ s = Compress <axis = 0> (x, c)\n"

static void reshapes(void **state)
{
    case_run(*state, GRAPH(SELECT "(float[a,2,3] y, float[1,b] z, float[3,e] w, float[f,6] v, int64 size)\n" CHOSEN
                           "sh = Shape(s) i0 = Constant <value_int = 0> () n = Gather(sh, i0)\n"
                           "n32 = Cast <to = 6> (n) two = Constant <value = int32 {2}> () m = Mul(n32, two) m64 = Cast <to = 7> (m)\n"
                           "a0 = Constant <value_ints = [0]> () nu = Unsqueeze(n, a0) mu = Unsqueeze(m64, a0)\n"
                           "r23 = Constant <value_ints = [2,3]> () to1 = Concat <axis = 0> (nu, r23) y = Reshape(s, to1)\n"
                           "to2 = Constant <value_ints = [1,-1]> () z = Reshape(y, to2)\n"
                           "to3 = Constant <value_ints = [3,-1]> () w = Reshape(z, to3)\n"
                           "r3 = Constant <value_ints = [3]> () to4 = Concat <axis = 0> (mu, r3) v4 = Reshape(w, to4)\n"
                           "m1 = Constant <value_ints = [-1]> () r6 = Constant <value_ints = [6]> () to5 = Concat <axis = 0> (m1, r6)\n"
                           "v = Reshape(v4, to5) size = Size(v4) }"), selection);
    expect_run(*state, 0, 3, (const int64_t[]){2, 2, 3}, chosen);
    expect_run(*state, 1, 2, (const int64_t[]){1, 12}, chosen);
    expect_run(*state, 2, 2, (const int64_t[]){3, 4}, chosen);
    expect_run(*state, 3, 2, (const int64_t[]){2, 6}, chosen);
    expect_run(*state, 4, 0, NULL, (const double[]){12});
}

static void slices_and_pieces(void **state)
{
    case_run(*state, GRAPH(SELECT "(float[a,6] y, float[b,6] z, float[e,6] w, float[f,6] p, float[g,6] q, float[h,3] r)\n" CHOSEN
                           "sh = Shape <end = 1> (s) i1 = Constant <value_ints = [1]> () i0 = Constant <value_ints = [0]> ()\n"
                           "big = Constant <value_ints = [9223372036854775807]> () m1 = Constant <value_ints = [-1]> ()\n"
                           "low = Constant <value_ints = [-9223372036854775808]> () three = Constant <value_ints = [3]> ()\n"
                           "y = Slice(s, i1, big, i0) z = Slice(s, m1, low, i0, m1) last = Sub(sh, i1)\n"
                           "w = Slice(s, last, sh, i0) p, q = Split <num_outputs = 2> (s) r = Slice(s, i0, three, i1) }"), selection);
    static const double turned[12] = {18, 19, 20, 21, 22, 23, 6, 7, 8, 9, 10, 11};
    expect_run(*state, 0, 2, (const int64_t[]){1, 6}, turned);
    expect_run(*state, 1, 2, (const int64_t[]){2, 6}, turned);
    expect_run(*state, 2, 2, (const int64_t[]){1, 6}, turned);
    expect_run(*state, 3, 2, (const int64_t[]){1, 6}, chosen);
    expect_run(*state, 4, 2, (const int64_t[]){1, 6}, turned);
    expect_run(*state, 5, 2, (const int64_t[]){2, 3}, (const double[]){6, 7, 8, 18, 19, 20});
}

static void made_from_a_count(void **state)
{
    case_run(*state, GRAPH(SELECT "(int64[a] r, float[b] f, float[e] o, float[g,2] x2, float[h,2] t, float[k,3] p, float[l,2] pr)\n" CHOSEN
                           "sh = Shape <end = 1> (s) i0 = Constant <value_ints = [0]> () n = Squeeze(sh, i0)\n"
                           "zero = Constant <value_int = 0> () one = Constant <value_int = 1> () r = Range(zero, n, one)\n"
                           "nf = Cast <to = 1> (n) f0 = Constant <value_float = 0.0> () fs = Constant <value_float = 0.75> ()\n"
                           "f = Range(f0, nf, fs) o = ConstantOfShape <value = float[1] {3}> (sh)\n"
                           "row = Constant <value = float[1,2] {5, 7}> () w = Constant <value_ints = [1]> ()\n"
                           "to = Concat <axis = 0> (sh, w) x2 = Expand(row, to) t = Tile(row, to)\n"
                           "z3 = Constant <value_ints = [0,0,0]> () pads = Concat <axis = 0> (z3, w) nz = Constant <value_ints = [0]> ()\n"
                           "pads2 = Concat <axis = 0> (sh, nz, nz, w) p = Pad(x2, pads) two = Constant <value_ints = [2]> ()\n"
                           "c2 = Constant <value_ints = [0,0]> () pads3 = Concat <axis = 0> (sh, nz, nz, nz)\n"
                           "x3 = Constant <value = float[3,2] {1,2,3,4,5,6}> () pr = Pad <mode = \"reflect\"> (x3, pads3) }"), selection);
    expect_run(*state, 0, 1, (const int64_t[]){2}, (const double[]){0, 1});
    expect_run(*state, 1, 1, (const int64_t[]){3}, (const double[]){0, 0.75, 1.5});
    expect_run(*state, 2, 1, (const int64_t[]){2}, (const double[]){3, 3});
    expect_run(*state, 3, 2, (const int64_t[]){2, 2}, (const double[]){5, 7, 5, 7});
    expect_run(*state, 4, 2, (const int64_t[]){2, 2}, (const double[]){5, 7, 5, 7});
    expect_run(*state, 5, 2, (const int64_t[]){2, 3}, (const double[]){5, 7, 0, 5, 7, 0});
    expect_run(*state, 6, 2, (const int64_t[]){5, 2}, (const double[]){5, 6, 3, 4, 1, 2, 3, 4, 5, 6});
}

/* Two counts that are equal in this run, and one of 1: broadcast is decided by the run. */
static void broadcasts(void **state)
{
    static const double other[4] = {1, 0, 0, 1}, single[4] = {0, 0, 1, 0};
    const double *const in[] = {choice, other, single, rows};
    case_run(*state, GRAPH("m (bool[4] c, bool[4] o, bool[4] u, float[4,6] x) => (float[a,6] y, float[b,6] z, float[e,12] w)\n" CHOSEN
                           "t = Compress <axis = 0> (x, o) v = Compress <axis = 0> (x, u)\n"
                           "y = Add(s, t) z = Sub(s, v) w = Concat <axis = 1> (s, t) }"), in);
    expect_run(*state, 0, 2, (const int64_t[]){2, 6}, (const double[]){6, 8, 10, 12, 14, 16, 36, 38, 40, 42, 44, 46});
    expect_run(*state, 1, 2, (const int64_t[]){2, 6}, (const double[]){-6, -6, -6, -6, -6, -6, 6, 6, 6, 6, 6, 6});
    expect_run(*state, 2, 2, (const int64_t[]){2, 12},
               (const double[]){6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23, 18, 19, 20, 21, 22, 23});
}

static void the_best_of_a_count(void **state)
{
    case_run(*state, GRAPH(SELECT "(float[a,6] v, int64[b,6] i, float[e,6] y)\n" CHOSEN
                           "sh = Shape <end = 1> (s) one = Constant <value_ints = [1]> () cap = Constant <value_ints = [3]> ()\n"
                           "k = Min(sh, cap) v, i = TopK <axis = 0> (s, k) y = Softmax <axis = 0> (s) }"), selection);
    static const double turned[12] = {18, 19, 20, 21, 22, 23, 6, 7, 8, 9, 10, 11};
    expect_run(*state, 0, 2, (const int64_t[]){2, 6}, turned);
    expect_run(*state, 1, 2, (const int64_t[]){2, 6}, (const double[]){1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0});
}

/* The arms of an If give what they have; a Loop runs as often as was counted and collects a row a step. */
static void arms_and_loops(void **state)
{
    case_run(*state, GRAPH(SELECT "(float[a,6] y, float[b] acc, float last, float[d,3] z)\n" CHOSEN
                           "sh = Shape <end = 1> (s) i0 = Constant <value_ints = [0]> () n = Squeeze(sh, i0)\n"
                           "two = Constant <value_int = 2> () less = Less(n, two) zero = Constant <value_float = 0.0> ()\n"
                           "y = If (less) <then_branch = t () => (float[a,6] p) { p = Identity(x) },\n"
                           "  else_branch = e () => (float[b,6] q) { m1 = Constant <value_ints = [-1]> () b = Constant <value_ints = [99]> ()\n"
                           "  q = Slice(s, m1, b, i0) }>\n"
                           "yes = Constant <value = bool {1}> ()\n"
                           "last, acc = Loop (n, yes, zero) <body = l (int64 i, bool ci, float a) => (bool co, float a2, float r)\n"
                           "{ co = Identity(ci) row = Gather(s, i) sum = ReduceSum <keepdims = 0> (row) a2 = Add(a, sum) r = Neg(a2) }>\n"
                           "z = If (less) <then_branch = t2 () => (float[k,3] p2) { f = Constant <value_ints = [2,3]> () p2 = Reshape(n, f) },\n"
                           "  else_branch = e2 () => (float[k2,3] q2) { f2 = Constant <value_ints = [-1,3]> () q2 = Reshape(s, f2) }> }"), selection);
    expect_run(*state, 0, 2, (const int64_t[]){1, 6}, chosen + 6);
    expect_run(*state, 1, 1, (const int64_t[]){2}, (const double[]){-51, -174});
    expect_run(*state, 2, 0, NULL, (const double[]){174});
    expect_run(*state, 3, 2, (const int64_t[]){4, 3}, chosen);
}

/* What is done to a dimension leaves the others as they are; a mean divides by what was counted. */
static void other_dimensions(void **state)
{
    case_run(*state, GRAPH(SELECT "(float[6] mean, float[a,1,1] g, float[b,1,2,4] u, float[6] sq, float[d,6] n)\n" CHOSEN
                           "i0 = Constant <value_ints = [0]> () i1 = Constant <value_ints = [1]> () mean = ReduceMean <keepdims = 0> (s, i0)\n"
                           "s3 = Unsqueeze(s, i1) g = GlobalAveragePool(s3)\n"
                           "to = Constant <value_ints = [0,1,1,6]> () s4 = Reshape(s, to) two = Constant <value_ints = [0]> ()\n"
                           "st = Constant <value_ints = [0]> () en = Constant <value_ints = [2]> () ax = Constant <value_ints = [3]> ()\n"
                           "cut = Slice(s4, st, en, ax) sc = Constant <value_floats = [1.0,1.0,2.0,2.0]> ()\n"
                           "u = Resize <mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\"> (cut, , sc)\n"
                           "one = Slice(s, i0, i1, i0) sq = Squeeze(one, i0)\n"
                           "w = Constant <value = float[6] {1,1,1,1,1,1}> () ln = LayerNormalization(s, w) n = Floor(ln) }"), selection);
    expect_run(*state, 0, 1, (const int64_t[]){6}, (const double[]){12, 13, 14, 15, 16, 17});
    expect_run(*state, 1, 3, (const int64_t[]){2, 1, 1}, (const double[]){8.5, 20.5});
    expect_run(*state, 2, 4, (const int64_t[]){2, 1, 2, 4}, (const double[]){6, 6, 7, 7, 6, 6, 7, 7, 18, 18, 19, 19, 18, 18, 19, 19});
    expect_run(*state, 3, 1, (const int64_t[]){6}, chosen);
    expect_run(*state, 4, 2, (const int64_t[]){2, 6}, (const double[]){-2, -1, -1, 0, 0, 1, -2, -1, -1, 0, 0, 1});
}

/* Without a bound the error says which option gives one; names are quoted for a shell. */
static void a_bound_that_is_missing(void **state)
{
    Case *c = *state;
    assert_int_equal(case_lower(c, GRAPH("m (int64 n) => (float[a] y)\n"
                                         "{ z = Constant <value_int = 0> () o = Constant <value_int = 1> ()\n"
                                         "r = Range(z, n, o) y = Cast <to = 1> (r) }")), WEIR_UNSUPPORTED);
    assert_int_equal(c->cx->diag.list.n, 1);
    assert_int_equal(c->cx->diag.list.at[0].id, E_NEEDS_BOUND);
    assert_string_equal(c->cx->diag.list.at[0].note, "bind it: --value n=V; or bound it: --dim r.0=N");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reshapes, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(slices_and_pieces, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(made_from_a_count, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(broadcasts, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(the_best_of_a_count, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(arms_and_loops, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(other_dimensions, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_bound_that_is_missing, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
