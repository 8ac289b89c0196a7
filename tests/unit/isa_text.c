/* Assembly text of both instruction sets: text -> image -> text is a fixed point, bytes are kept, faults are located. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "isa/imagetext.h"
#include "support/file.h"

static const char *const samples[] = {"samples/rdu/vadd.rdu", "samples/rdu/gemm.rdu", "samples/rdu/softmax.rdu",
                                      "samples/pim/gemv_small.pim"};

static Source text_source(const char *text)
{
    return (Source){.path = "test", .text = text, .bytes = strlen(text)};
}

static void same_bytes(weir_context *cx, const Image *a, const Image *b)
{
    ImageBytes x = {0}, y = {0};
    image_write(cx, a, &x);
    image_write(cx, b, &y);
    assert_int_equal(x.bytes.n, y.bytes.n);
    assert_memory_equal(x.bytes.at, y.bytes.at, x.bytes.n);
}

static void samples_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        weir_context *cx = weir_context_new();
        const Source *source = NULL;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", WEIR_SOURCE_DIR, samples[i]);
        assert_int_equal(file_source(cx, path, &source), WEIR_OK);
        Image image = {0}, from_bytes = {0}, from_text = {0};
        weir_status status = image_assemble(cx, source, &image);
        diagnostics_print(&cx->diag, stderr, false);
        assert_int_equal(status, WEIR_OK);
        ImageBytes bytes = {0};
        image_write(cx, &image, &bytes);
        assert_int_equal(image_read(cx, bytes.bytes.at, bytes.bytes.n, &from_bytes), WEIR_OK);
        same_bytes(cx, &image, &from_bytes);
        Text text, again;
        text_init(&text, &cx->arena);
        text_init(&again, &cx->arena);
        assert_int_equal(image_print(cx, &from_bytes, &text), WEIR_OK);
        Source printed = text_source(text.at);
        status = image_assemble(cx, &printed, &from_text);
        diagnostics_print(&cx->diag, stderr, false);
        assert_int_equal(status, WEIR_OK);
        same_bytes(cx, &image, &from_text);
        assert_int_equal(image_print(cx, &from_text, &again), WEIR_OK);
        assert_string_equal(text.at, again.at);
        weir_context_free(cx);
    }
}

/* Without DEBUG the printed names are the canonical ones, and the code stays the same. */
static void canonical_names_keep_the_code(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    const Source *source = NULL;
    assert_int_equal(file_source(cx, WEIR_SOURCE_DIR "/samples/rdu/softmax.rdu", &source), WEIR_OK);
    Image image = {0}, back = {0};
    assert_int_equal(image_assemble(cx, source, &image), WEIR_OK);
    assert_true(image.debug.n > 0);
    image.debug.n = 0;
    Text text;
    text_init(&text, &cx->arena);
    assert_int_equal(image_print(cx, &image, &text), WEIR_OK);
    Source printed = text_source(text.at);
    assert_int_equal(image_assemble(cx, &printed, &back), WEIR_OK);
    assert_int_equal(back.debug.n, 0);
    same_bytes(cx, &image, &back);
    weir_context_free(cx);
}

static void whole_images_round_trip(void **state)
{
    (void)state;
    static const char text[] = ".pim 1 machine=gddr6-aim\n"
                               ".producer \"weir \\\"x\\\"\"\n"
                               ".setting refresh 3\n"
                               ".tensor x bf16 [2, 8] in\n"
                               ".tensor \"odd name\" f32 [2, 2] const layout=\"[m, k]\"\n"
                               ".data \"odd name\"\n"
                               "  hex 000102030405060708090a0b0c0d0e0f\n"
                               "stream ch=0,2-3 machine=gddr6-aim\n"
                               "tmod\n"
                               "wrgb n=1 gb=3 buf=x off=32\n"
                               "act.g2 row=7\n"
                               "mac.b15 row=7 col=0 n=2 acc=31\n"
                               "stream ch=63 machine=gddr6-aim\n"
                               ".control\n"
                               "  launch 0\n"
                               "  loop 3\n"
                               "  arg 1 64 128\n"
                               "  host 0\n"
                               "  endloop\n"
                               "  copy \"odd name\" x\n"
                               "  halt\n"
                               ".host\n"
                               "| cascade h {\n"
                               "|   rank a = 2 ; comment\n"
                               "| }\n"
                               ".debug source 0 1 0 \"@ \\x01 n0\"\n";
    weir_context *cx = weir_context_new();
    Image image = {0}, back = {0};
    Source source = text_source(text);
    weir_status status = image_assemble(cx, &source, &image);
    diagnostics_print(&cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    assert_string_equal(image.hosts.at[0], "cascade h {\n  rank a = 2 ; comment\n}\n");
    assert_int_equal(image.tensors.at[1].data[15], 15);
    Text printed;
    text_init(&printed, &cx->arena);
    assert_int_equal(image_print(cx, &image, &printed), WEIR_OK);
    assert_string_equal(printed.at, text);
    ImageBytes bytes = {0};
    image_write(cx, &image, &bytes);
    assert_int_equal(image_read(cx, bytes.bytes.at, bytes.bytes.n, &back), WEIR_OK);
    same_bytes(cx, &image, &back);
    weir_context_free(cx);
}

static void faults_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *message;
    } cases[] = {
        {"stream ch=0\nmac.all row=5 col=0 n=2000 gb=0 acc=3\n", 2, 23, "field 'n' takes 1..1024, found '2000'"},
        {"stream ch=0\nmac.g1 row=5\n", 2, 1, "command 'mac' takes scope .bN .all"},
        {"stream ch=0\ntmod row=1\n", 2, 6, "command 'tmod' takes no field 'row'"},
        {"stream ch=0\nwrgb n=1 gb=0\n", 2, 14, "command 'wrgb' needs a field 'buf'"},
        {"stream ch=64\n", 1, 11, "field 'ch' takes 0..63, found '64'"},
        {".rdu 1 machine=tiny\n.kernel k\npcu P at 0,0 simd\n  in 0 = f @r\nend\n", 4, 13, "field 'level' takes a loop of this unit"},
        {".rdu 1 machine=tiny\n.kernel k\npcu P at 0,300 simd\n", 3, 12, "field 'y' takes 0..255, found '300'"},
        {".rdu 1 machine=tiny\n.tensor t f32 4 tier=hbm\n", 2, 25, "machine tiny has no tier 'hbm'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_context *cx = weir_context_new();
        Image image = {0};
        Source source = text_source(cases[i].text);
        assert_int_equal(image_assemble(cx, &source, &image), WEIR_MALFORMED);
        assert_int_equal(cx->diag.list.n, 1);
        assert_string_equal(cx->diag.list.at[0].message, cases[i].message);
        assert_int_equal(cx->diag.list.at[0].place.line, cases[i].line);
        assert_int_equal(cx->diag.list.at[0].place.column, cases[i].column);
        weir_context_free(cx);
    }
}

/* Any prefix and any changed byte of a text: accepted or refused, no crash. */
static void damaged_texts_do_not_crash(void **state)
{
    (void)state;
    uint64_t seed = 12345;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        weir_context *keep = weir_context_new();
        const Source *source = NULL;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", WEIR_SOURCE_DIR, samples[i]);
        assert_int_equal(file_source(keep, path, &source), WEIR_OK);
        for (int round = 0; round < 300; round++) {
            weir_context *cx = weir_context_new();
            char *copy = arena_copy(&cx->arena, source->text, source->bytes + 1);
            Source damaged = {.path = "damaged", .text = copy, .bytes = source->bytes};
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(seed >> 33) % source->bytes;
            if (round % 2 == 0)
                copy[at] = (char)(seed >> 20);
            else
                damaged.bytes = at;
            Image image = {0};
            weir_status status = image_assemble(cx, &damaged, &image);
            assert_true(status == WEIR_OK || cx->diag.n_errors > 0);
            weir_context_free(cx);
        }
        weir_context_free(keep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_round_trip),          cmocka_unit_test(canonical_names_keep_the_code),
        cmocka_unit_test(whole_images_round_trip),     cmocka_unit_test(faults_have_a_place),
        cmocka_unit_test(damaged_texts_do_not_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
