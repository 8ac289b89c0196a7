/*
 * Hostile texts and images of dataflow machines: refused or trapped with a message, whatever bytes change. With an argument (seconds)
 * it goes on for so long.
 */
#include "isa/imagetext.h"
#include "isa/rdu/sim.h"
#include "support/file.h"
#include "tests/unit/hostile.h"
#include "tests/unit/unit.h"

enum { MOST_BYTES = 1 << 20, MOST_FIRINGS = 20000, ROOM = 1 << 14 };

static const char *const samples[] = {"vadd", "gemm", "softmax", "conv3x3"};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

/* What the samples leave out. */
static const char forms[] =
    ".rdu 1 machine=tiny\n.tensor x f32 64 in\n.tensor n i32 16\n.tensor y f32 64 out\n.tensor z f32 64 out\n.kernel k\n"
    ".flow fb vec init=1\n.flow fo vec route E E S L0\n"
    "ag A0 at 0,0 read x throttle=3 outstanding=2\n loop r 2\n loop k 8\n addr r*128+k*16\n out 0 = v -> f1, fb\nend\n"
    "pmu M0 at 1,0 size=256 nbuf=2 init=1:7\n write\n loop r 2\n loop k 8\n addr k*16\n in 0 = f1\n wop add\n swap @r\n bank split 2 2\n"
    " read\n loop r 2\n loop k 8\n addr k*16\n range 0 64\n pad 1\n out 0 = v -> f2\n swap @r\nend\n"
    "pcu P0 at 1,1 simd\n loop r 2\n loop k 8\n in 0 = f2\n in 1 = fb\n tail clamp #-1 #1\n s0: r0 = fma in0 in1 #2\n s1: r1 = cmp.lt r0 #0x40000000\n"
    " s2: r2 = xorlane r0 #1 if r1\n reduce max @r lanewise\n out 0 = t -> fo\n out 1 = q @r -> fq\nend\n"
    "ag A1 at 0,3 write y\n loop r 2\n loop k 8\n addr r*128+k*16\n in 0 = fo\nend\n"
    "ag A2 at 0,2 write z after=A1\n loop r 2\n addr r*16\n in 0 = fq\nend\n"
    ".control\n loop 2\n launch k\n endloop\n copy y z\n fence\n halt\n";

static const char *text_of(weir_context *context, uint32_t which)
{
    const Source *source = NULL;
    if (which == N_SAMPLES)
        return forms;
    assert_int_equal(file_source(context, arena_printf(&context->arena, WEIR_SOURCE_DIR "/samples/rdu/%s.rdu", samples[which]), &source), WEIR_OK);
    return source->text;
}

/* Firings of everything a run would do, bounded: what is legal but long is left out. */
static bool is_short(const Image *image, const RduCode *code)
{
    double firings = 0, steps = 1;
    for (uint32_t i = 0; i < image->tensors.n; i++)
        if (image->tensors.at[i].bytes > MOST_BYTES)
            return false;
    for (uint32_t k = 0; k < code->kernels.n; k++)
        for (uint32_t u = 0; u < code->kernels.at[k].units.n; u++)
            for (uint32_t p = 0; p < code->kernels.at[k].units.at[u].programs.n; p++) {
                const RduProgram *program = &code->kernels.at[k].units.at[u].programs.at[p];
                double n = 1;
                for (uint32_t l = 0; l < program->loops.n; l++)
                    n *= program->loops.at[l].trip;
                firings += n;
            }
    for (uint32_t i = 0; i < image->steps.n; i++)
        steps *= image->steps.at[i].op == STEP_LOOP ? image->steps.at[i].a : 1;
    return firings * steps < MOST_FIRINGS;
}

static void run_image(weir_context *context, const Image *image)
{
    RduMachine machine;
    RduResult result;
    RduCode code = {0};
    weir_status status = rdu_machine_named(context, image->machine, &machine);
    if (status == WEIR_OK)
        status = rdu_code_of(context, image, &code);
    if (status == WEIR_OK && !is_short(image, &code))
        return;
    if (status == WEIR_OK) {
        unsigned char **buffers = ARENA_ARRAY(&context->arena, unsigned char *, image->tensors.n);
        for (uint32_t i = 0; i < image->tensors.n; i++)
            buffers[i] = context_buffer(context, image->tensors.at[i].bytes);
        status = rdu_sim(context, image, &machine, draw(4) == 0 ? RDU_TIME | RDU_STEPPED : RDU_BOTH, buffers, NULL, &result);
    }
    assert_int_equal(status == WEIR_OK, context->diag.n_errors == 0);
}

static void feed_text(const char *text, size_t n)
{
    weir_context *context = weir_context_new();
    Image image;
    const Source source = {.path = "hostile", .text = arena_string(&context->arena, text, n), .bytes = n};
    weir_status status = image_assemble(context, &source, &image);
    assert_int_equal(status == WEIR_OK, context->diag.n_errors == 0);
    if (status == WEIR_OK && image.target == IMAGE_RDU) {
        Text out;
        text_init(&out, &context->arena);
        assert_int_equal(image_print(context, &image, &out), WEIR_OK);
        run_image(context, &image);
    }
    weir_context_free(context);
}

static void feed_image(const unsigned char *data, size_t n)
{
    weir_context *context = weir_context_new();
    Image image;
    weir_status status = image_read(context, data, n, &image);
    assert_int_equal(status == WEIR_OK, context->diag.n_errors == 0);
    if (status == WEIR_OK && image.target == IMAGE_RDU)
        run_image(context, &image);
    weir_context_free(context);
}

static const char *const splices[] = {"0", "18446744073709551616", "4294967295", "-1", "1024", "@r", "in0", "pmu", "\n", " ", " at 5,5 ", "loop q 3\n",
                                      "acc", "v", "#", "-> f1", "addr r*k", "nbuf=255", "size=4096", "swap @", "lanes 64", ";", "in0.3", "vec"};

static void texts(void **state)
{
    (void)state;
    static char changed[ROOM];
    const char *texts_of[N_SAMPLES + 1];
    for (uint32_t i = 0; i <= N_SAMPLES; i++)
        texts_of[i] = text_of(cx, i);
    time_t start = time(NULL);
    for (uint32_t turn = 0; time_is_left(turn, start, 0.4); turn++) {
        size_t n = strlen(texts_of[turn % (N_SAMPLES + 1)]);
        assert_true(n < ROOM);
        memcpy(changed, texts_of[turn % (N_SAMPLES + 1)], n);
        n = change_text(changed, n, ROOM, splices, sizeof splices / sizeof *splices);
        feed_text(changed, n);
    }
}

static void images(void **state)
{
    (void)state;
    time_t start = time(NULL);
    for (uint32_t i = 0; i <= N_SAMPLES; i++) {
        Image image;
        ImageBytes bytes = {0};
        good(image_assemble(cx, text_source(text_of(cx, i)), &image));
        image_write(cx, &image, &bytes);
        unsigned char *changed = arena_alloc(&cx->arena, bytes.bytes.n);
        for (uint32_t turn = 0; time_is_left(5 * turn, start, 0.2 * (i + 1) / (N_SAMPLES + 1)); turn++) {
            memcpy(changed, bytes.bytes.at, bytes.bytes.n);
            uint32_t n = change_bytes(changed, bytes.bytes.n);
            feed_image(changed, n);
        }
    }
}

/* Words of CODE alone: what the container's checksum would hide. */
static void words(void **state)
{
    (void)state;
    time_t start = time(NULL);
    for (uint32_t i = 0; i <= N_SAMPLES; i++) {
        Image image;
        good(image_assemble(cx, text_source(text_of(cx, i)), &image));
        for (uint32_t turn = 0; time_is_left(3 * turn, start, 0.4 * (i + 1) / (N_SAMPLES + 1)); turn++) {
            weir_context *context = weir_context_new();
            Image changed = image;
            changed.code.at = arena_copy(&context->arena, image.code.at, image.code.n * sizeof *image.code.at);
            uint32_t *word = &changed.code.at[draw(image.code.n)];
            *word = change_word(*word);
            run_image(context, &changed);
            weir_context_free(context);
        }
    }
}

int main(int argc, char **argv)
{
    hostile_begin(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts, setup, teardown),
        cmocka_unit_test_setup_teardown(images, setup, teardown),
        cmocka_unit_test_setup_teardown(words, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
