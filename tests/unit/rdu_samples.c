/* The programs of samples/rdu: text, image, text and back give the same bytes; the convolution's values. */
#include <math.h>

#include "isa/imagetext.h"
#include "isa/rdu/sim.h"
#include "support/file.h"
#include "tests/unit/unit.h"

static const char *const samples[] = {"vadd", "gemm", "softmax", "conv3x3"};

static void open_sample(const char *name, Image *out_image)
{
    const Source *source = NULL;
    good(file_source(cx, arena_printf(&cx->arena, WEIR_SOURCE_DIR "/samples/rdu/%s.rdu", name), &source));
    good(image_assemble(cx, source, out_image));
}

static void same_bytes(const ImageBytes *a, const ImageBytes *b)
{
    assert_int_equal(a->bytes.n, b->bytes.n);
    assert_memory_equal(a->bytes.at, b->bytes.at, a->bytes.n);
}

static void texts_and_images_are_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        Image image, read, again;
        ImageBytes bytes = {0}, back = {0}, third = {0};
        Text text;
        text_init(&text, &cx->arena);
        open_sample(samples[i], &image);
        image_write(cx, &image, &bytes);
        good(image_read(cx, bytes.bytes.at, bytes.bytes.n, &read));
        image_write(cx, &read, &back);
        same_bytes(&bytes, &back);
        good(image_print(cx, &read, &text));
        good(image_assemble(cx, text_source(text.at), &again));
        image_write(cx, &again, &third);
        same_bytes(&bytes, &third);
    }
}

/* Without names the canonical ones stand in; CODE stays the same. */
static void names_are_for_people(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        Image image, again;
        Text text;
        text_init(&text, &cx->arena);
        open_sample(samples[i], &image);
        Image bare = image;
        bare.debug.n = 0;
        good(image_print(cx, &bare, &text));
        good(image_assemble(cx, text_source(text.at), &again));
        assert_int_equal(again.code.n, image.code.n);
        for (uint32_t w = 0; w < image.code.n; w++)
            if ((again.code.at[w] ^ image.code.at[w]) != 0 && (image.code.at[w] >> 24 & 0xF) != 1)
                fail_msg("%s: word %u: %08x, %08x", samples[i], w, (unsigned)image.code.at[w], (unsigned)again.code.at[w]);
    }
}

enum { H = 5, C = 3, O = 8 };

static float x[C][H][H], w[O][C][3][3];

/* Ascending c, r, s; the border contributes w * 0. */
static float convolution(int o, int oh, int ow)
{
    float sum = 0.0f;
    for (int c = 0; c < C; c++)
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                int ih = oh + r - 1, iw = ow + s - 1;
                bool inside = ih >= 0 && ih < H && iw >= 0 && iw < H;
                sum = fmaf(inside ? x[c][ih][iw] : 0.0f, w[o][c][r][s], sum);
            }
    return sum;
}

static void convolution_is_exact(void **state)
{
    (void)state;
    Image image;
    RduMachine machine;
    RduResult result;
    unsigned char *buffers[4];
    open_sample("conv3x3", &image);
    good(rdu_machine_named(cx, "tiny", &machine));
    for (uint32_t i = 0; i < image.tensors.n; i++)
        buffers[i] = context_buffer(cx, image.tensors.at[i].bytes);
    float *px = (float *)(void *)buffers[0], *pw = (float *)(void *)buffers[1], *py = (float *)(void *)buffers[2];
    for (int i = 0; i < C * H * H; i++)
        px[i] = x[i / H / H][i / H % H][i % H] = sinf((float)i) * 2.0f;
    for (int o = 0; o < O; o++)
        for (int k = 0; k < 27; k++)
            pw[(o / 4 * 27 + k) * 4 + o % 4] = w[o][k / 9][k / 3 % 3][k % 3] = cosf((float)(o * 27 + k));
    good(rdu_sim(cx, &image, &machine, RDU_BOTH, buffers, NULL, &result));
    for (int p = 0; p < H * H; p++)
        for (int o = 0; o < O; o++) {
            float expected = convolution(o, p / H, p % H);
            double exact = 0.0;
            for (int k = 0; k < 27; k++) {
                int ih = p / H + k / 3 % 3 - 1, iw = p % H + k % 3 - 1;
                exact += ih >= 0 && ih < H && iw >= 0 && iw < H ? (double)x[k / 9][ih][iw] * (double)w[o][k / 9][k / 3 % 3][k % 3] : 0.0;
            }
            assert_true(py[p * O + o] == expected);
            assert_true(fabs((double)py[p * O + o] - exact) < 2.2e-6);
        }
    assert_int_equal(result.macs, 26 * O * 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_and_images_are_one, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_for_people, setup, teardown),
        cmocka_unit_test_setup_teardown(convolution_is_exact, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
