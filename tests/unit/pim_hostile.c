/*
 * Hostile texts and images of memories that compute: refused or trapped with a message, whatever bytes change. With an argument
 * (seconds) it goes on for so long.
 */
#include "isa/image.h"
#include "tests/unit/hostile.h"
#include "tests/unit/pim_case.h"

enum { MOST_BYTES = 1 << 20 };

/* ---- what is changed ---- */

static const char *const generators[][2] = {
    {"gemv_hbm.awk", "-v M=64 -v K=256"},
    {"eltwise_hbm.awk", "-v op=mul -v N=4096"},
    {"gemv_aim.awk", "-v M=32 -v K=1040 -v channels=2"},
    {"gemv_aim.awk", "-v M=64 -v K=32 -v channels=2 -v order=B"},
};
static const char plain[] =
    ".pim 1 machine=gddr6-aim\n.tensor x bf16 [2, 64] in stride=128\n.tensor y bf16 [2, 64] out stride=128\n"
    "stream ch=0-1 machine=gddr6-aim\nact.all row=9\nwr.b0 row=9 col=3 n=2 buf=x off=0\nmac.b0 row=9 col=3 n=2 acc=1\nmac.all row=9 col=0 n=4 gb=2 acc=0\n"
    "ewmul.all row=9 col=3 n=1\nrdcp.b0 row=9 col=3 n=1 gb=7\nwrcp.b5 row=9 col=0 n=1 gb=7\nrd.b2 row=9 col=3 buf=y off=0\npre.all\n"
    "act.g1 row=4\npre.g1\nact.all row=16377\naf.all acc=0 row=16377 afm=1\npre.all\nref\ntmod\nrdaf acc=0 buf=y off=64\n"
    "wrgb n=2 gb=3 buf=x off=32\nwrmac acc=3 buf=x off=0\nrdmac acc=3 buf=y off=32\ntmod\nact.all row=1\nwra.all row=1 col=5 buf=x off=0\nend\n"
    ".control\nlaunch 0\nhalt\n";
static const char registers[] =
    ".pim 1 machine=hbm2-pim\n.tensor y f16 64 out\n.tensor x f16 16 in\nstream ch=0-3 machine=hbm2-pim\nact.b3 row=16383\n"
    "wrr.b3 col=8 buf=x off=0\nrdr.b3 col=8 buf=y off=0\npre.b3\nact.b2 row=7\nwr.b2 row=7 col=0 buf=x off=0\nrd.b2 row=7 col=0 buf=y off=32\n"
    "pre.all\nref\n.control\nlaunch 0\n";
static const char trace[] = "W CFR 0 1\nW GPR 3\nAiM WR_GB 64 0 0xff\nAiM WR_BIAS 4 0xff\nAiM MAC_ABK 64 0xff 3\nAiM RD_MAC 8 0xff\n"
                            "W CFR 2 1\nAiM AF 0xff\nAiM RD_AF 1 0xff\nAiM COPY_BKGB 2 0xff 3 4\nAiM EWMUL 2 3 1\nR MEM 1 2 3\nAiM SYNC\nAiM EOC\n";

enum { N_GENERATED = sizeof generators / sizeof *generators, N_TEXTS = N_GENERATED + 2 };

static const char *text_of(weir_context *cx, uint32_t which)
{
    if (which < N_GENERATED)
        return generated(cx, generators[which][0], generators[which][1]);
    return which == N_GENERATED ? plain : registers;
}

/* ---- what must hold: a status, and a message with it ---- */

static void run_image(weir_context *cx, const Image *image)
{
    PimMachine machine;
    const Machine *file = NULL;
    PimResult result;
    uint64_t bytes = 0;
    weir_status status = machine_load_of_file(cx, image->machine, &file);
    if (status == WEIR_OK)
        status = pim_machine_from(cx, file, &machine);
    for (uint32_t i = 0; i < image->tensors.n; i++) {
        bytes += image->tensors.at[i].bytes;
        if (bytes > MOST_BYTES || image->tensors.at[i].bytes > MOST_BYTES)
            return;
    }
    if (status == WEIR_OK) {
        unsigned char **buffers = ARENA_ARRAY(&cx->arena, unsigned char *, image->tensors.n);
        for (uint32_t i = 0; i < image->tensors.n; i++) {
            buffers[i] = context_buffer(cx, image->tensors.at[i].bytes);
            if (image->tensors.at[i].data != NULL)
                memcpy(buffers[i], image->tensors.at[i].data, image->tensors.at[i].bytes);
        }
        status = pim_sim(cx, image, &machine, (PimOptions){.mode = PIM_BOTH}, buffers, NULL, &result);
        if (status == WEIR_OK && image->at.n > 0)
            status = pim_judge_image(cx, image, &machine, &result);
    }
    assert_int_equal(status == WEIR_OK, cx->diag.n_errors == 0);
}

static void feed_text(const char *text, size_t n)
{
    weir_context *cx = weir_context_new();
    Image image;
    const Source source = {.path = "hostile", .text = arena_string(&cx->arena, text, n), .bytes = n};
    weir_status status = image_assemble(cx, &source, &image);
    assert_int_equal(status == WEIR_OK, cx->diag.n_errors == 0);
    if (status == WEIR_OK && image.target == IMAGE_PIM) {
        Text out;
        text_init(&out, &cx->arena);
        if (image.at.n == 0)
            assert_int_equal(image_print(cx, &image, &out), WEIR_OK);
        run_image(cx, &image);
    }
    weir_context_free(cx);
}

static void feed_image(const unsigned char *data, size_t n)
{
    weir_context *cx = weir_context_new();
    Image image;
    weir_status status = image_read(cx, data, n, &image);
    assert_int_equal(status == WEIR_OK, cx->diag.n_errors == 0);
    if (status == WEIR_OK && image.target == IMAGE_PIM)
        run_image(cx, &image);
    weir_context_free(cx);
}

/* CODE alone changed: what the container's checksum would hide. */
static void feed_code(const Image *good, uint32_t at, uint32_t word)
{
    weir_context *cx = weir_context_new();
    Image image = *good;
    image.code.at = arena_copy(&cx->arena, good->code.at, good->code.n * sizeof *good->code.at);
    image.code.at[at] = word;
    run_image(cx, &image);
    weir_context_free(cx);
}

static void feed_trace(const char *text, size_t n)
{
    weir_context *cx = weir_context_new();
    PimMachine machine;
    PimTrace read = {0};
    Image image;
    const Source source = {.path = "hostile", .text = arena_string(&cx->arena, text, n), .bytes = n};
    assert_int_equal(pim_machine_named(cx, "gddr6-aim", &machine), WEIR_OK);
    weir_status status = pim_trace_read(cx, &source, &machine, &read);
    if (status == WEIR_OK) {
        status = pim_serve(cx, &read, &machine, ARENA_NEW(&cx->arena, PimServed));
        if (status == WEIR_OK)
            status = pim_trace_import(cx, &read, &machine, &image);
    }
    assert_int_equal(status == WEIR_OK, cx->diag.n_errors == 0);
    weir_context_free(cx);
}

/* ---- changes ---- */

static const char *const splices[] = {"0", "18446744073709551616", "4294967295", "-1", "1024", "row=", "all", ".b99", "\n", " ", "at 5 ", "n=1024",
                                      "crf 31: jump 131071, 1", "\"", "#", "ch=0-63", "ch=63-0", "col=255", "off=1099511627775", ":"};

static void texts(void **state)
{
    (void)state;
    enum { ROOM = 1 << 16 };
    static char changed[ROOM];
    weir_context *cx = weir_context_new();
    const char *good[N_TEXTS + 1];
    for (uint32_t i = 0; i < N_TEXTS; i++)
        good[i] = text_of(cx, i);
    good[N_TEXTS] = trace;
    time_t start = time(NULL);
    for (uint32_t turn = 0; time_is_left(turn, start, 0.4); turn++) {
        uint32_t which = turn % (N_TEXTS + 1);
        size_t n = strlen(good[which]);
        assert_true(n < ROOM);
        memcpy(changed, good[which], n);
        n = change_text(changed, n, ROOM, splices, sizeof splices / sizeof *splices);
        if (which == N_TEXTS)
            feed_trace(changed, n);
        else
            feed_text(changed, n);
    }
    weir_context_free(cx);
}

static void images(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    time_t start = time(NULL);
    for (uint32_t i = 0; i < N_TEXTS; i++) {
        Case c = {.cx = weir_context_new()};
        ImageBytes bytes = {0};
        assemble(&c, text_of(c.cx, i));
        image_write(c.cx, &c.image, &bytes);
        unsigned char *changed = arena_alloc(&c.cx->arena, bytes.bytes.n);
        for (uint32_t turn = 0; time_is_left(5 * turn, start, 0.2 * (i + 1) / N_TEXTS); turn++) {
            memcpy(changed, bytes.bytes.at, bytes.bytes.n);
            uint32_t n = change_bytes(changed, bytes.bytes.n);
            feed_image(changed, n);
        }
        weir_context_free(c.cx);
    }
    weir_context_free(cx);
}

/* Each bit of each word of CODE, up to a number of words. */
static void words(void **state)
{
    (void)state;
    time_t start = time(NULL);
    for (uint32_t i = 0; i < N_TEXTS; i++) {
        Case c = {.cx = weir_context_new()};
        assemble(&c, text_of(c.cx, i));
        for (uint32_t turn = 0; time_is_left(3 * turn, start, 0.2 * (i + 1) / N_TEXTS); turn++) {
            uint32_t at = draw(c.image.code.n);
            feed_code(&c.image, at, change_word(c.image.code.at[at]));
        }
        weir_context_free(c.cx);
    }
}

/* Rows of TENS and steps with extreme numbers, through the container. */
static void tensors(void **state)
{
    (void)state;
    static const uint64_t extreme[] = {0, 1, 2, 31, 32, 64, 16383, 16384, 65535, 65536, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 31};
    enum { N_EXTREME = sizeof extreme / sizeof *extreme };
    time_t start = time(NULL);
    for (uint32_t i = 0; i < N_TEXTS; i++) {
        Case c = {.cx = weir_context_new()};
        assemble(&c, text_of(c.cx, i));
        for (uint32_t turn = 0; time_is_left(5 * turn, start, 0.2 * (i + 1) / N_TEXTS); turn++) {
            weir_context *cx = weir_context_new();
            Image image = c.image, read;
            ImageBytes bytes = {0};
            image.tensors.at = arena_copy(&cx->arena, c.image.tensors.at, c.image.tensors.n * sizeof *c.image.tensors.at);
            image.steps.at = arena_copy(&cx->arena, c.image.steps.at, c.image.steps.n * sizeof *c.image.steps.at);
            ImageTensor *t = &image.tensors.at[draw(image.tensors.n)];
            uint64_t x = extreme[draw(N_EXTREME)];
            switch (draw(6)) {
            case 0:
                t->tier = (uint32_t)x;
                break;
            case 1:
                t->address = x;
                break;
            case 2:
                t->stride = x;
                break;
            case 3:
                t->extent[0] = (int64_t)x;
                break;
            case 4:
                t->kind = (ImageKind)draw(IMAGE_KIND_COUNT - 1);
                t->data = NULL;
                break;
            default:
                image.steps.at[0] = (ImageStep){.op = draw(12), .a = (uint32_t)x, .b = draw(3), .c = draw(3)};
            }
            if (t->kind != IMAGE_CONST) {
                t->bytes = draw(3) == 0 && x < MOST_BYTES ? x : t->bytes;
                image_write(cx, &image, &bytes);
                if (image_read(cx, bytes.bytes.at, bytes.bytes.n, &read) == WEIR_OK)
                    run_image(cx, &read);
            }
            weir_context_free(cx);
        }
        weir_context_free(c.cx);
    }
}

/* as of what dis prints gives the same bytes. */
static void round_trips(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N_TEXTS; i++) {
        Case a = {.cx = weir_context_new()}, b = {.cx = weir_context_new()};
        ImageBytes x = {0}, y = {0};
        Text text;
        text_init(&text, &a.cx->arena);
        assemble(&a, text_of(a.cx, i));
        image_write(a.cx, &a.image, &x);
        assert_int_equal(image_print(a.cx, &a.image, &text), WEIR_OK);
        assemble(&b, text.at);
        image_write(b.cx, &b.image, &y);
        assert_int_equal(x.bytes.n, y.bytes.n);
        assert_memory_equal(x.bytes.at, y.bytes.at, x.bytes.n);
        weir_context_free(a.cx);
        weir_context_free(b.cx);
    }
}

int main(int argc, char **argv)
{
    hostile_begin(argc, argv);
    setenv("WEIR_MACHINES", WEIR_SOURCE_DIR "/machines", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(texts),
        cmocka_unit_test(images),
        cmocka_unit_test(words),
        cmocka_unit_test(tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
