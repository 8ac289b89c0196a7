/* Operators of com.microsoft on quantised and packed operands. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 17, \"com.microsoft\" : 1]>\n" body

static void the_zero_point_joins_before_rounding(void **state)
{
    const double a[3] = {3, 4, 250}, b[3] = {2, 1, 250}, *in[] = {a, b};
    /* (a - 1) * 0.5 + b * 1, over 2, plus 7: 3/2 + 7 = 8.5 -> 8; 2.5/2 + 7 = 8.25 -> 8; saturates */
    case_run(*state, GRAPH("m (uint8[3] a, uint8[3] b) => (uint8[3] y)\n"
                           "< float half = {0.5}, float one = {1.0}, float two = {2.0}, uint8 z = {1}, uint8 none = {0}, uint8 seven = {7} >\n"
                           "{ y = com.microsoft.QLinearAdd (a, half, z, b, one, none, two, seven) }"), in);
    case_expect(*state, 0, 3, (const double[]){8, 8, 194}, 0);
}

static void leaky_relu_rounds_first(void **state)
{
    const double x[3] = {5, 11, 0}, *in[] = {x};
    /* (x - 8) * 1: -3, 3, -8; leaky 0.5: -1.5, 3, -4; to even: -2, 3, -4; plus 9 */
    case_run(*state, GRAPH("m (uint8[3] x) => (uint8[3] y)\n< float one = {1.0}, uint8 zx = {8}, uint8 zy = {9} >\n"
                           "{ y = com.microsoft.QLinearLeakyRelu <alpha = 0.5> (x, one, zx, one, zy) }"), in);
    case_expect(*state, 0, 3, (const double[]){7, 12, 5}, 0);
}

static void concat_of_two_grids(void **state)
{
    const double a[2] = {1, 2}, b[2] = {10, 20}, *in[] = {a, b};
    case_run(*state, GRAPH("m (uint8[1,2] a, uint8[1,2] b) => (uint8[1,4] y)\n"
                           "< float one = {1.0}, float tenth = {0.5}, uint8 zero = {0}, uint8 ten = {10} >\n"
                           "{ y = com.microsoft.QLinearConcat <axis = 1> (tenth, ten, a, one, zero, b, tenth, ten) }"), in);
    case_expect(*state, 0, 4, (const double[]){12, 14, 10, 20}, 0);
}

static void gemm_with_a_bias(void **state)
{
    const double a[2] = {3, 5}, *in[] = {a};
    /* (3-1)*1 + (5-1)*-2 = -6, + 10 = 4; * 0.5 * 3 = 6; / 4 = 1.5 -> 2 */
    case_run(*state, GRAPH("m (uint8[1,2] a) => (uint8[1,1] y)\n"
                           "< float sa = {0.5}, uint8 za = {1}, int8[2,1] b = {1, -2}, float sb = {3.0}, int8 zb = {0}, int32[1] c = {10}, float sy = {4.0}, uint8 zy = {0} >\n"
                           "{ y = com.microsoft.QGemm (a, sa, za, b, sb, zb, c, sy, zy) }"), in);
    case_expect(*state, 0, 1, (const double[]){2}, 0);
}

/* N = 2, K = 3 in blocks of 2 (the last padded), low nibble first. */
/* A9 07 | 8F 01 */
#define PACKED "uint8[2,2,1] b = {169, 7, 143, 1}, float[4] s = {1.0, 0.5, 2.0, 1.0}"

static void packed_nibbles(void **state)
{
    const double a[3] = {1, 2, 4}, *in[] = {a};
    /* less 8: rows 1 2 | -1 and 7 0 | -7; scaled: 1 2 -0.5 and 14 0 -7 */
    case_run(*state, GRAPH("m (float[1,3] a) => (float[1,2] y)\n< " PACKED " >\n"
                           "{ y = com.microsoft.MatMulNBits <K = 3, N = 2, bits = 4, block_size = 2> (a, b, s) }"), in);
    case_expect(*state, 0, 2, (const double[]){3, -14}, 0);
}

static void packed_nibbles_as_input(void **state)
{
    const double a[3] = {1, 2, 4}, b[4] = {0xA9, 0x07, 0x8F, 0x01}, s[4] = {1, 0.5, 2, 1}, z[2] = {0x18, 0x88},
                 bias[2] = {100, 200}, *in[] = {a, b, s, z, bias};
    /* zero points: row 0 8 1, row 1 8 8 */
    case_run(*state, GRAPH("m (float[1,3] a, uint8[2,2,1] b, float[4] s, uint8[2] z, float[2] c) => (float[1,2] y)\n"
                           "{ y = com.microsoft.MatMulNBits <K = 3, N = 2, bits = 4, block_size = 2> (a, b, s, z, , c) }"), in);
    case_expect(*state, 0, 2, (const double[]){117, 186}, 0);
}

static void a_scale_must_fit(void **state)
{
    assert_int_equal(case_lower(*state, GRAPH("m (float[1,3] a) => (float[1,2] y)\n< " PACKED " >\n"
                                             "{ y = com.microsoft.MatMulNBits <K = 3, N = 2, bits = 4, block_size = 4> (a, b, s) }")),
                     WEIR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_zero_point_joins_before_rounding, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(leaky_relu_rounds_first, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(concat_of_two_grids, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(gemm_with_a_bias, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(packed_nibbles, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(packed_nibbles_as_input, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_scale_must_fit, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
