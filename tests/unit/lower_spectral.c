/* DFT, STFT, windows and the mel matrix against values worked out by hand. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 20]>\n" body

static void transform_of_a_ramp(void **state)
{
    const double x[4] = {0, 1, 2, 3}, *in[] = {x};
    case_run(*state, GRAPH("m (float[1,4,1] x) => (float[1,4,2] y)\n{ y = DFT (x) }"), in);
    case_expect(*state, 0, 8, (const double[]){6, 0, -2, 2, -2, 0, -2, -2}, 1e-6);
}

static void half_a_spectrum_and_back(void **state)
{
    const double x[5] = {1, -2, 3, 0.5, 4}, *in[] = {x};
    case_run(*state, GRAPH("m (float[1,5,1] x) => (float[1,3,2] y, float[1,5,1] z)\n"
                           "< int64 n = {5}, int64 axis = {1} >\n"
                           "{ y = DFT <onesided = 1> (x, n, axis)\n  z = DFT <onesided = 1, inverse = 1> (y, n, axis) }"), in);
    case_expect(*state, 1, 5, x, 1e-6);
}

static void a_length_cuts_or_pads(void **state)
{
    const double x[3] = {1, 2, 4}, *in[] = {x};
    case_run(*state, GRAPH("m (float[1,3,1] x) => (float[1,2,2] y, float[1,4,2] z)\n"
                           "< int64 two = {2}, int64 four = {4} >\n{ y = DFT (x, two)\n  z = DFT (x, four) }"), in);
    case_expect(*state, 0, 4, (const double[]){3, 0, -1, 0}, 1e-6);
    case_expect(*state, 1, 8, (const double[]){7, 0, -3, -2, 3, 0, -3, 2}, 1e-6);
}

static void frames_with_a_window(void **state)
{
    const double x[6] = {1, 2, 3, 4, 5, 6}, w[4] = {0, 1, 1, 0}, *in[] = {x, w};
    case_run(*state, GRAPH("m (float[1,6,1] x, float[4] w) => (float[1,2,3,2] y)\n"
                           "< int64 step = {2} >\n{ y = STFT (x, step, w) }"), in);
    /* frame 0 is 0 2 3 0, frame 1 is 0 4 5 0 */
    case_expect(*state, 0, 12, (const double[]){5, 0, -3, -2, 1, 0, 9, 0, -5, -4, 1, 0}, 1e-6);
}

static void windows(void **state)
{
    case_run(*state, GRAPH("m () => (float[4] a, float[3] b, float[3] c)\n< int64 four = {4}, int64 three = {3} >\n"
                           "{ a = HannWindow (four)\n  b = HammingWindow <periodic = 0> (three)\n"
                           "  c = BlackmanWindow <periodic = 0> (three) }"), NULL);
    case_expect(*state, 0, 4, (const double[]){0, 0.5, 1, 0.5}, 1e-6);
    case_expect(*state, 1, 3, (const double[]){4.0 / 46, 1, 4.0 / 46}, 1e-6);
    case_expect(*state, 2, 3, (const double[]){0, 1, 0}, 1e-6);
}

static void mel_triangles(void **state)
{
    /* edges in equal steps of mel at 0, 427, 1114, 2220 Hz: bins floor(17 f / 8000) = 0, 0, 2, 4 */
    case_run(*state, GRAPH("m () => (float[9,2] y)\n< int64 n = {2}, int64 f = {16}, int64 r = {8000}, float a = {0.0}, "
                           "float b = {4000.0} >\n{ y = MelWeightMatrix (n, f, r, a, b) }"), NULL);
    case_expect(*state, 0, 18, (const double[]){1, 0, 0.5, 0.5, 0, 1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1e-6);
}

static void wrong_lengths(void **state)
{
    static const char *const texts[] = {
        GRAPH("m (float[1,4,3] x) => (float[1,4,2] y)\n{ y = DFT (x) }"),
        GRAPH("m (float[1,4,1] x) => (float[1,4,2] y)\n< int64 n = {0} >\n{ y = DFT (x, n) }"),
        GRAPH("m (float[1,4,1] x) => (float[1,1,3,2] y)\n< int64 s = {1}, int64 n = {5} >\n{ y = STFT (x, s, , n) }"),
        GRAPH("m (float[1,4,1] x) => (float[1,1,3,2] y)\n< int64 s = {1} >\n{ y = STFT (x, s) }"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(case_lower(*state, texts[i]), WEIR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transform_of_a_ramp, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(half_a_spectrum_and_back, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_length_cuts_or_pads, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(frames_with_a_window, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(windows, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(mel_triangles, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(wrong_lengths, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
