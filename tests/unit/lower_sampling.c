/* Reads at fractional places, windows put back, regions. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 24]>\n" body

static const double image[6] = {1, 2, 3, 4, 5, 6}; /* 2 rows, 3 columns */

/* With aligned corners -1..1 is 0..2 along x, 0..1 along y. */
static void bilinear_and_nearest(void **state)
{
    const double grid[8] = {-0.5, 0, 1, 1, 2, 0, 0.6, -1}, *in[] = {image, grid};
    case_run(*state, GRAPH("m (float[1,1,2,3] x, float[1,1,4,2] g) => (float[1,1,1,4] a, float[1,1,1,4] b, float[1,1,1,4] c)\n"
                           "{ a = GridSample <align_corners = 1> (x, g)\n"
                           "  b = GridSample <align_corners = 1, padding_mode = \"border\"> (x, g)\n"
                           "  c = GridSample <align_corners = 1, mode = \"nearest\", padding_mode = \"reflection\"> (x, g) }"), in);
    /* places (0.5, 0.5), (2, 1), (3, 0.5), (1.6, 0); x = 3 is outside, clamps to 2, reflects to 1 */
    case_expect(*state, 0, 4, (const double[]){3, 6, 0, 2.6}, 1e-5);
    case_expect(*state, 1, 4, (const double[]){3, 6, 4.5, 2.6}, 1e-5);
    case_expect(*state, 2, 4, (const double[]){1, 6, 2, 3}, 1e-5);
}

static void places_of_an_affine_map(void **state)
{
    const double theta[6] = {2, 0, 1, 0, 3, -1}, *in[] = {theta};
    /* x = -0.5, 0.5; y = 0 */
    case_run(*state, GRAPH("m (float[1,2,3] t) => (float[1,1,2,2] y)\n< int64[4] s = {1, 1, 1, 2} >\n{ y = AffineGrid (t, s) }"), in);
    case_expect(*state, 0, 4, (const double[]){0, -1, 2, -1}, 1e-6);
}

/* A 1 x 1 kernel of weight 2, moved by (0, 0.5) at the first place and off the image at the last; then a mask. */
static void displaced_taps(void **state)
{
    const double offset[12] = {0, 0, 0, 0, 0, 5, 0.5, 0, 0, 0, 0, 0}, mask[6] = {1, 0.5, 1, 1, 1, 1}, *in[] = {image, offset, mask};
    case_run(*state, GRAPH("m (float[1,1,2,3] x, float[1,2,2,3] o, float[1,1,2,3] m) => (float[1,1,2,3] y, float[1,1,2,3] z)\n"
                           "< float[1,1,1,1] w = {2.0}, float[1] none = {0.0} >\n"
                           "{ y = DeformConv (x, w, o)\n  z = DeformConv (x, w, o, none, m) }"), in);
    case_expect(*state, 0, 6, (const double[]){3, 4, 6, 8, 10, 0}, 1e-6);
    case_expect(*state, 1, 6, (const double[]){3, 2, 6, 8, 10, 0}, 1e-6);
}

/* Windows of 2 by step 1 in 3 points, then with a pad: overlaps add. */
static void columns_to_an_image(void **state)
{
    const double x[4] = {1, 2, 10, 20}, *in[] = {x};
    case_run(*state, GRAPH("m (float[1,2,2] x) => (float[1,1,3] y)\n< int64[1] i = {3}, int64[1] b = {2} >\n{ y = Col2Im (x, i, b) }"), in);
    case_expect(*state, 0, 3, (const double[]){1, 12, 20}, 0);
}

static void strided_columns(void **state)
{
    const double x[4] = {1, 2, 10, 20}, *in[] = {x};
    /* places -1 and 1: the tap at -1 falls away */
    case_run(*state, GRAPH("m (float[1,2,2] x) => (float[1,1,3] y)\n< int64[1] i = {3}, int64[1] b = {2} >\n"
                           "{ y = Col2Im <strides = [2], pads = [1, 0]> (x, i, b) }"), in);
    case_expect(*state, 0, 3, (const double[]){10, 2, 20}, 0);
}

static void maxima_to_their_places(void **state)
{
    const double x[2] = {7, 8}, at[2] = {1, 2}, *in[] = {x, at};
    case_run(*state, GRAPH("m (float[1,1,2] x, int64[1,1,2] i) => (float[1,1,4] y, float[1,1,5] z)\n< int64[3] s = {1, 1, 5} >\n"
                           "{ y = MaxUnpool <kernel_shape = [2], strides = [2]> (x, i)\n"
                           "  z = MaxUnpool <kernel_shape = [2], strides = [2]> (x, i, s) }"), in);
    case_expect(*state, 0, 4, (const double[]){0, 7, 8, 0}, 0);
    case_expect(*state, 1, 5, (const double[]){0, 7, 8, 0, 0}, 0);
}

/* One bin over x 0..2, y 0..1. Two samples an axis: x = 0.5, 1.5, y = 0.25, 0.75; the mean is at (1, 0.5). Without a
 * ratio the first region takes 2 by 1 samples at y = 0.5, the second, 1 wide, one sample at (0.5, 0). */
static void samples_of_regions(void **state)
{
    const double rois[8] = {0, 0, 2, 1, 0, -0.5, 1, 0.5}, batch[2] = {0, 0}, *in[] = {image, rois, batch};
    case_run(*state, GRAPH("m (float[1,1,2,3] x, float[2,4] r, int64[2] b) => (float[2,1,1,1] y, float[2,1,1,1] z)\n"
                           "{ y = RoiAlign <sampling_ratio = 2, coordinate_transformation_mode = \"output_half_pixel\"> (x, r, b)\n"
                           "  z = RoiAlign <coordinate_transformation_mode = \"output_half_pixel\"> (x, r, b) }"), in);
    /* second region: y samples -0.25 and 0.25 are 0 and 0.25 */
    case_expect(*state, 0, 2, (const double[]){3.5, 1.5 + 3 * 0.125}, 1e-5);
    case_expect(*state, 1, 2, (const double[]){3.5, 1.5}, 1e-5);
}

static void positions_into_a_cache(void **state)
{
    const double past[4] = {1, 2, 3, 4}, update[2] = {8, 9}, at[1] = {3}, *in[] = {past, update, at};
    case_run(*state, GRAPH("m (float[1,4,1] p, float[1,2,1] u, int64[1] w) => (float[1,4,1] y, float[1,4,1] z)\n"
                           "{ y = TensorScatter <mode = \"circular\"> (p, u, w)\n  z = TensorScatter (p, u) }"), in);
    case_expect(*state, 0, 4, (const double[]){9, 2, 3, 8}, 0);
    case_expect(*state, 1, 4, (const double[]){8, 9, 3, 4}, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bilinear_and_nearest, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(places_of_an_affine_map, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(displaced_taps, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(columns_to_an_image, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(strided_columns, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(maxima_to_their_places, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(samples_of_regions, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(positions_into_a_cache, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
