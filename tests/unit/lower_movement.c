/* Movement of values: constants that are read and passed on, dimensions dropped beside run-time ones. */
#include "tests/unit/lower_case.h"

/* A node that passes a constant on after looking at it (no pads at all) gives that constant, not another one. */
static void constants_are_passed_on(void **state)
{
    Case *c = *state;
    static const double last[1] = {4}, all[4] = {1, 2, 3, 4};
    case_run(c, "<ir_version: 8, opset_import: [\"\" : 14]>\n"
                "g () => (float[1,1,1] part, float[1,1,4] same)\n"
                "<int64[1] start = {3}, int64[1] end = {9223372036854775807}, int64[1] axis = {-1},\n"
                " int64[6] none = {0, 0, 0, 0, 0, 0}, float[1,1,4] x = {1, 2, 3, 4}>\n"
                "{ part = Slice (x, start, end, axis)  same = Pad <mode = \"edge\"> (x, none) }\n",
             NULL);
    case_expect(c, 0, 1, last, 0);
    case_expect(c, 1, 4, all, 0);
}

/* The only dimension with extent 1 goes, though the run-time one is bounded by 1 too. */
static void squeeze_beside_a_run_time_extent(void **state)
{
    Case *c = *state;
    static const double x[1] = {3}, sum[1] = {3};
    case_run(c, "<ir_version: 8, opset_import: [\"\" : 14]>\n"
                "g (float[1] x) => (float y)\n"
                "<int64[1] zero = {0}, float none = {0}>\n"
                "{ more = Greater (x, none)  at = NonZero (more)  i = Squeeze (at, zero)  v = Gather (x, i)\n"
                "  y = ReduceSum <keepdims = 0> (v) }\n",
             (const double *const[]){x});
    case_expect(c, 0, 1, sum, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(constants_are_passed_on, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(squeeze_beside_a_run_time_extent, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
