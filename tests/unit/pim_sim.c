/* The memory simulator: worked values, the schedules' exact counts, refused streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isa/imagetext.h"
#include "isa/pim/make.h"
#include "isa/pim/sim.h"
#include "support/file.h"

typedef struct Case {
    weir_context *cx;
    Image image;
    PimMachine machine;
    unsigned char *buffers[8];
    PimResult result;
} Case;

static void open_text(Case *c, const char *text)
{
    Source source = {.path = "test", .text = text, .bytes = strlen(text)};
    c->cx = weir_context_new();
    weir_status status = image_assemble(c->cx, &source, &c->image);
    if (status == WEIR_OK)
        status = pim_machine_named(c->cx, c->image.machine, &c->machine);
    diagnostics_print(&c->cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    for (uint32_t i = 0; i < c->image.tensors.n; i++)
        c->buffers[i] = context_buffer(c->cx, c->image.tensors.at[i].bytes);
}

static weir_status run(Case *c, PimMode mode)
{
    return pim_sim(c->cx, &c->image, &c->machine, (PimOptions){.mode = mode}, c->buffers, NULL, &c->result);
}

static uint16_t *halves(Case *c, const char *name)
{
    int row = image_tensor_named(&c->image, name);
    assert_true(row >= 0);
    return (uint16_t *)(void *)c->buffers[row];
}

/* The reference's worked multiply-accumulate: pairs in f32, accumulator 1.0, read as bf16. */
static void one_mac_is_exact(void **state)
{
    (void)state;
    static const uint16_t w[16] = {0x3DCD, 0x3E4D, 0x3E9A, 0x3ECD, 0x3F00, 0x3F1A, 0x3F33, 0x3F4D,
                                   0x3F66, 0x3F80, 0x3F8D, 0x3F9A, 0x3FA6, 0x3FB3, 0x3FC0, 0x3FCD};
    static const uint16_t x[16] = {0x3FDA, 0xBF5A, 0x3F11, 0xBEDA, 0x3EAE, 0xBE91, 0x3E79, 0xBE5A,
                                   0x3E41, 0xBE2E, 0x3E1E, 0xBE11, 0x3E06, 0xBDF9, 0x3DE8, 0xBDDA};
    weir_context *cx = weir_context_new();
    const Source *source = NULL;
    assert_int_equal(file_source(cx, WEIR_SOURCE_DIR "/samples/pim/gemv_small.pim", &source), WEIR_OK);
    Case c = {0};
    open_text(&c, source->text);
    memcpy(halves(&c, "g0"), x, sizeof x);
    for (int u = 0; u < 16; u++) {
        halves(&c, "b3")[u] = 0x3F80;
        if (u != 5)
            memcpy(halves(&c, "w3") + 16 * u, w, sizeof w);
    }
    assert_int_equal(run(&c, PIM_BOTH), WEIR_OK);
    for (int u = 0; u < 16; u++)
        assert_int_equal(halves(&c, "l0")[u], u != 5 ? 0x3F7F : 0x3F80);
    assert_int_equal(c.result.macs, 256);
    /* tmod 0, wrgb 32, wrmac 34, tmod 35, act 67, mac 123, tmod 125, rdmac 157, tmod 158, pre 190. */
    assert_int_equal(c.result.cycles, 192);
    weir_context_free(c.cx);
    weir_context_free(cx);
}

/* y = W x, M x K on `channels` channels: chunks of 64 columns outside, groups of 16 rows a channel inside; the first
 * register visit of a chunk hides behind the row's opening. */
static int64_t gemv_cycles(int m, int k, int channels, const char *refresh)
{
    Case c = {0};
    Text text;
    weir_context *cx = weir_context_new();
    text_init(&text, &cx->arena);
    int groups = m / 16 / channels, chunks = k / 1024;
    text_printf(&text, ".pim 1 machine=gddr6-aim\n.tensor x bf16 %d in\n.tensor b bf16 512 in\n.tensor y bf16 512 out\n"
                       "stream ch=0-%d machine=gddr6-aim\n", k, channels - 1);
    for (int i = 0; i < chunks; i++)
        for (int g = 0; g < groups; g++) {
            text_printf(&text, "act.all row=%d\n", g * chunks + i);
            if (g == 0)
                text_printf(&text, "tmod\nwrgb n=64 gb=0 buf=x off=%d\n", 2048 * i);
            if (g == 0 && i == 0)
                text_printf(&text, "wrmac acc=0 n=%d buf=b\n", groups);
            text_printf(&text, "%smac.all row=%d col=0 n=64 gb=0 acc=%d\npre.all\n", g == 0 ? "tmod\n" : "", g * chunks + i, g);
        }
    text_printf(&text, "tmod\nrdmac acc=0 n=%d buf=y\n.control\nlaunch 0\n", groups);
    open_text(&c, text.at);
    if (refresh[1] == 'f') /* off */
        c.machine.refresh = PIM_REFRESH_OFF;
    weir_status status = run(&c, PIM_TIME_ONLY);
    int64_t cycles = status == WEIR_OK ? c.result.cycles : -(int64_t)c.cx->diag.list.at[0].id;
    weir_context_free(c.cx);
    weir_context_free(cx);
    return cycles;
}

static void schedules_take_their_known_cycles(void **state)
{
    (void)state;
    /* T = sum over rows (98 + 2 columns) + 1 + sum over chunks (8 + 2 columns) + 4 groups. */
    assert_int_equal(gemv_cycles(4096, 4096, 32, "off"), 7809);
    assert_int_equal(gemv_cycles(1024, 1024, 32, "off"), 2 * 226 + 1 + 136 + 8);
    assert_int_equal(gemv_cycles(4096, 4096, 8, "off"), 29601);
    /* The same without refresh is refused when the deadline passes. */
    assert_int_equal(gemv_cycles(4096, 4096, 32, "deadline"), -(int64_t)E_PIM_REFRESH);
    assert_int_equal(gemv_cycles(1024, 1024, 32, "deadline"), 597);
}

/* The same schedule made by calls, with refresh at row boundaries. */
static void trains_refresh_by_deadline(void **state)
{
    (void)state;
    static const struct {
        uint32_t channels;
        int64_t cycles, refreshes;
    } known[] = {{32, 8229, 2}, {8, 31491, 9}};
    for (int i = 0; i < 2; i++) {
        Case c = {0};
        PimTrain t;
        PimCode code = {0};
        open_text(&c, ".pim 1 machine=gddr6-aim\n.tensor x bf16 4096 in\n.tensor b bf16 512 in\n.tensor y bf16 512 out\n.control\nlaunch 0\n");
        uint32_t groups = 4096 / 16 / known[i].channels, per_row = 226, chunks = 4;
        pim_train_open(&t, c.cx, &c.machine, (UINT64_C(1) << known[i].channels) - 1);
        for (uint32_t k = 0; k < chunks; k++)
            for (uint32_t g = 0; g < groups; g++) {
                pim_refresh_if_due(&t, per_row + (g == 0 ? 136 : 0) + 32);
                pim_act_all(&t, g * chunks + k);
                if (g == 0) {
                    pim_tmod(&t);
                    pim_wrgb(&t, 64, 0, 0, 2048 * k);
                    if (k == 0)
                        pim_wrmac(&t, 0, groups, 1, 0);
                    pim_tmod(&t);
                }
                pim_mac_all(&t, g * chunks + k, 0, 64, 0, g);
                pim_pre_all(&t);
            }
        pim_tmod(&t);
        pim_rdmac(&t, 0, groups, 2, 0);
        assert_int_equal(pim_train_close(&t, &code), 0);
        assert_int_equal(pim_encode(c.cx, &code, &c.image), WEIR_OK);
        assert_int_equal(run(&c, PIM_TIME_ONLY), WEIR_OK);
        assert_int_equal(c.result.cycles, known[i].cycles);
        assert_int_equal(c.result.streams.at[0].refreshes, known[i].refreshes);
        assert_int_equal(c.result.cycles, t.channel.now + c.machine.tail);
        weir_context_free(c.cx);
    }
}

static void illegal_streams_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *commands, *why;
    } cases[] = {
        {"mac.all row=0 col=0 n=1 gb=0 acc=0\n", "the row is not open in every bank of its scope"},
        {"act.b1 row=0\nact.all row=0\n", "a bank of its scope has a row open"},
        {"wrgb n=1 gb=0 buf=x off=0\n", "a register command needs register mode (tmod)"},
        {"tmod\nact.all row=0\n", "only wrgb, wrmac, rdmac, rdaf and tmod stand in register mode"},
        {"act.g1 row=0\nref\n", "a refresh needs all banks closed"},
        {"tmod\nwrgb n=2 gb=63 buf=x off=0\n", "the bursts leave the global buffer"},
        {"tmod\nwrgb n=2 gb=0 buf=x off=32\n", "the bursts leave the buffer"},
        {"act.e row=0\n", "this device does not have the command"},
        {"act.all row=16384\n", "the bank has no such row"},
        {"act.all row=0\nmac.all row=0 col=60 n=5 gb=0 acc=0\n", "the columns leave the row"},
        {"pre.b0\n", "the banks are closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        Case c = {0};
        snprintf(text, sizeof text, ".pim 1 machine=gddr6-aim\n.tensor x bf16 32 in\nstream ch=0-1 machine=gddr6-aim\n%s.control\nlaunch 0\n",
                 cases[i].commands);
        open_text(&c, text);
        assert_int_equal(run(&c, PIM_BOTH), WEIR_INVALID);
        if (strstr(c.cx->diag.list.at[0].message, cases[i].why) == NULL)
            fail_msg("case %zu: %s", i, c.cx->diag.list.at[0].message);
        weir_context_free(c.cx);
    }
}

/* Data through banks: written, copied to the buffer and back, multiplied; channels see their own part of a buffer. */
static void bursts_move_between_buffers_and_banks(void **state)
{
    (void)state;
    Case c = {0};
    open_text(&c, ".pim 1 machine=gddr6-aim\n.tensor x bf16 [2, 16] in stride=32\n.tensor y bf16 [2, 32] out stride=64\n"
                  "stream ch=0-1 machine=gddr6-aim\nact.all row=9\nwr.b0 row=9 col=3 buf=x off=0\nwr.b1 row=9 col=3 buf=x off=0\n"
                  "ewmul.all row=9 col=3 n=1\nrdcp.b0 row=9 col=3 n=1 gb=7\nwrcp.b5 row=9 col=0 n=1 gb=7\n"
                  "rd.b2 row=9 col=3 buf=y off=0\nrd.b5 row=9 col=0 buf=y off=32\npre.all\n.control\nlaunch 0\n");
    for (int i = 0; i < 32; i++)
        halves(&c, "x")[i] = bf16_from_f32((float)i);
    weir_status status = run(&c, PIM_BOTH);
    diagnostics_print(&c.cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    for (int ch = 0; ch < 2; ch++)
        for (int i = 0; i < 16; i++) {
            float v = (float)(16 * ch + i);
            assert_int_equal(halves(&c, "y")[32 * ch + i], bf16_from_f32(v * v));
            assert_int_equal(halves(&c, "y")[32 * ch + 16 + i], bf16_from_f32(v));
        }
    weir_context_free(c.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mac_is_exact),
        cmocka_unit_test(schedules_take_their_known_cycles),
        cmocka_unit_test(trains_refresh_by_deadline),
        cmocka_unit_test(illegal_streams_are_refused),
        cmocka_unit_test(bursts_move_between_buffers_and_banks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
