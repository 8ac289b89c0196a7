/* hbm2-pim's modes and arithmetic, activation functions, worked energies, traces there and back. */
#include <math.h>

#include "isa/pim/values.h"
#include "tests/unit/pim_case.h"

static const char head[] =
    ".pim 1 machine=hbm2-pim\n.tensor x f16 64 in\n.tensor y f16 64 out\n.tensor on f16 16 const\n.data on\n"
    "hex 0100000000000000000000000000000000000000000000000000000000000000\n.tensor off f16 16 const\n.data off\n"
    "hex 0000000000000000000000000000000000000000000000000000000000000000\n.tensor p u32 8 const layout=\"crf\"\n.data p\n"
    "crf 0: mac grf_b, grf_a, even auto\ncrf 1: exit\nstream ch=0 machine=hbm2-pim\n";
static const char enter[] = "act.b0 row=6143\nact.b8 row=6143\nact.b1 row=6143\nact.b9 row=6143\npre.all\n";
static const char leave[] = "act.e row=8191\nact.o row=8191\npre.all\n";

typedef struct Illegal {
    const char *commands, *why;
    bool entered; /* in AB */
} Illegal;

static const Illegal illegal[] = {
    {"act.e row=0\n", "commands of a parity stand in AB", false},
    {"act.b0 row=6143\nact.b1 row=3\n", "the change to AB is under way", false},
    {"act.b3 row=6143\n", "row ab_row is opened in banks 0, 8, 1, 9 only", false},
    {"act.b5 row=0\nact.b0 row=6143\n", "the change to AB needs all other banks closed", false},
    {"act.b0 row=0\nref\n", "a refresh needs all banks closed", false},
    {"act.b0 row=0\nact.b0 row=1\n", "a bank of its scope has a row open", false},
    {"pre.b0\n", "the banks are closed", false},
    {"act.b0 row=1\nrd.b0 row=2 col=0\n", "the row is not open in every bank of its scope", false},
    {"act.b0 row=1\nrdr.b0 col=8 buf=y off=0\n", "the register row is not open", false},
    {"act.b0 row=16383\nrd.b0 row=16383 col=0\n", "the register row takes rdr and wrr", false},
    {"act.b0 row=5\nwr.b0 row=5 col=0\n", "outside AB-PIM a write needs a buffer", false},
    {"act.b0 row=5\n", "a row is open at the end", false},
    {"mac.all row=0 col=0 n=1 gb=0 acc=0\n", "this device does not have the command", false},
    {"act.g0 row=5\n", "this device does not have the command", false},
    {"", "the stream does not end in SB", true},
    {"act.b0 row=1\n", "commands of one bank stand in SB", true},
    {"act.e row=6143\n", "row ab_row changes SB to AB", true},
    {"act.e row=8191\nact.o row=1\n", "the change to SB opens row sb_row in both parities", true},
    {"act.e row=1\nrd.e row=1 col=0 buf=y off=0\n", "it takes no buffer", true},
    {"act.o row=16383\nrdr.o col=8 buf=y off=0\n", "registers are read in SB", true},
    {"act.o row=16383\nwrr.o col=0 buf=x off=0\n", "written from constants", true},
    {"act.o row=16383\nact.e row=5000\nwrr.o col=0 buf=on off=0\nrd.e row=5000 col=0\n", "in AB-PIM data rows end", true},
    {"act.o row=16383\nwrr.o col=0 buf=on off=0\nact.e row=8191\n", "PIM_OP_MODE off first", true},
    {"act.o row=16383\nact.e row=5\nwrr.o col=4 buf=p off=0\nwrr.o col=0 buf=on off=0\nrd.e row=5 col=0 n=9\n", "an access follows the program's exit",
     true},
    {"act.e row=16383\nact.o row=5\nwrr.e col=4 buf=p off=0\nwrr.e col=0 buf=on off=0\nrd.o row=5 col=0\n", "names the other parity", true},
    {"act.o row=16383\nact.e row=5\nwrr.o col=4 buf=p off=0\nwrr.o col=0 buf=on off=0\nwr.e row=5 col=0\n", "the access is a write", true},
};

static void illegal_streams_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof illegal / sizeof *illegal; i++) {
        Case c = {.cx = weir_context_new()};
        assemble(&c, arena_printf(&c.cx->arena, "%s%s%s.control\nlaunch 0\n", head, illegal[i].entered ? enter : "", illegal[i].commands));
        take_machine(&c, "", false);
        assert_int_equal(run_case(&c, PIM_BOTH), WEIR_INVALID);
        if (strstr(c.cx->diag.list.at[0].message, illegal[i].why) == NULL)
            fail_msg("%s: %s", illegal[i].commands, c.cx->diag.list.at[0].message);
        weir_context_free(c.cx);
    }
}

/* Two worked multiply-accumulates: the product is rounded before the sum. */
static void products_are_rounded(void **state)
{
    (void)state;
    static const uint16_t worked[][4] = {{0x3C66, 0x3C66, 0xBCD7, 0x9400}, {0x2E66, 0x34CD, 0x3C00, 0x3C1F}};
    for (size_t i = 0; i < 2; i++) {
        Case c = {.cx = weir_context_new()};
        char text[256];
        snprintf(text, sizeof text,
                 "act.o row=16383\nact.e row=4\nwrr.o col=8 buf=x off=0\nwrr.o col=24 buf=x off=32\nwr.e row=4 col=0 buf=x off=64\n"
                 "wrr.o col=4 buf=p off=0\nwrr.o col=0 buf=on off=0\nrd.e row=4 col=0\nwrr.o col=0 buf=off off=0\npre.all\n");
        assemble(&c, arena_printf(&c.cx->arena, "%s%s%s%sact.b6 row=16383\nrdr.b6 col=24 buf=y off=0\npre.all\n.control\nlaunch 0\n", head, enter,
                                  text, leave));
        take_machine(&c, "", false);
        give_buffers(&c);
        uint16_t *x = halves_of(&c, "x");
        for (int lane = 0; lane < 16; lane++) {
            x[lane] = worked[i][0];
            x[16 + lane] = worked[i][2];
            x[32 + lane] = worked[i][1];
        }
        weir_status status = pim_sim(c.cx, &c.image, &c.machine, (PimOptions){.mode = PIM_BOTH}, c.buffers, NULL, &c.result);
        diagnostics_print(&c.cx->diag, stderr, false);
        assert_int_equal(status, WEIR_OK);
        assert_int_equal(halves_of(&c, "y")[7], worked[i][3]);
        weir_context_free(c.cx);
    }
}

static uint16_t function_of(uint32_t number, float x)
{
    uint16_t bits = 0;
    assert_true(pim_function(number, x, &bits));
    return bits;
}

static void functions_are_tables(void **state)
{
    (void)state;
    uint16_t bits;
    assert_int_equal(function_of(0, -3), 0);
    assert_int_equal(function_of(0, -0.0f), 0);
    assert_int_equal(function_of(0, 1.5f), bf16_from_f32(1.5f));
    assert_int_equal(function_of(1, 0), bf16_from_f32(0.5f));
    assert_int_equal(function_of(1, 100), bf16_from_f32(1));
    assert_int_equal(function_of(2, -100), bf16_from_f32(-1));
    assert_int_equal(function_of(3, 0), 0);
    assert_int_equal(function_of(4, -100), bf16_from_f32(-1));
    for (float x = -9.9f; x < 10; x += 0.37f)
        assert_true(fabsf(bf16_to_f32(function_of(2, x)) - tanhf(x)) < 0.006f);
    assert_true(isnan(bf16_to_f32(function_of(1, NAN))));
    assert_false(pim_function(5, 1, &bits));
}

/* Nanojoule of a channel by event: 32 rows, 2,048 multiplications .. of a 4096 x 4096 GEMV. */
static void energies_are_sums_of_events(void **state)
{
    (void)state;
    Case c;
    open_generated(&c, "gemv_aim.awk", "-v M=4096 -v K=4096 -v channels=32", "", false);
    assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_OK);
    const PimStreamResult *s = &c.result.streams.at[0];
    assert_int_equal((s->energy[PIM_DEV_ACT16] + 50000) / 100000, 15106);
    assert_int_equal((s->energy[PIM_DEV_MAC16] + 50000) / 100000, 26920);
    assert_int_equal((s->energy[PIM_DEV_WRGB] + 50000) / 100000, 3604);
    assert_int_equal((s->energy[PIM_DEV_WRMAC16] + 50000) / 100000, 168);
    assert_int_equal((s->energy[PIM_DEV_RDMAC16] + 50000) / 100000, 156);
    assert_int_equal(s->accesses - s->misses, 2048 - 32);
    weir_context_free(c.cx);
    open_generated(&c, "gemv_hbm.awk", "-v M=64 -v K=4096", "", false);
    assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_OK);
    s = &c.result.streams.at[0];
    assert_int_equal((s->energy[PIM_DEV_HRD] + 500000) / 1000000, 1929);
    assert_int_equal(s->energy_idle, 0);
    weir_context_free(c.cx);
}

/* Stalls, commands and the tail are all cycles there are. */
static void cycles_are_accounted_for(void **state)
{
    (void)state;
    Case c;
    open_generated(&c, "gemv_hbm.awk", "-v M=128 -v K=1024", "", false);
    assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_OK);
    const PimStreamResult *s = &c.result.streams.at[0];
    int64_t sum = c.machine.tail - 1 + s->stall_refresh;
    for (uint32_t i = 0; i < c.machine.n_rules; i++)
        sum += s->stall[i];
    for (int d = 0; d < PIM_DEV_COUNT; d++)
        sum += s->counts[d];
    assert_int_equal(sum, s->cycles);
    weir_context_free(c.cx);
}

/* A trace, its streams, the trace of those. */
static void traces_come_back(void **state)
{
    (void)state;
    static const char trace[] = "AiM WR_GB 64 0 0xff000000\nAiM WR_BIAS 4 0xff000000\nAiM MAC_ABK 64 0xff000000 3\nW CFR 0 0\n"
                                "AiM MAC_SBK 2 0xff000000 5 3\nAiM RD_MAC 8 0xff000000\nW CFR 2 1\nAiM AF 0xff000000\nAiM RD_AF 9 0xff000000\n"
                                "AiM COPY_BKGB 2 0xff000000 3 4\nAiM EWMUL 2 0xff000000 1\nAiM WR_ABK 4 0xff000000 5\nAiM EOC\n";
    Case c = {.cx = weir_context_new()};
    PimTrace read = {0};
    Text text;
    const Source source = {.path = "trace", .text = trace, .bytes = sizeof trace - 1};
    c.image.machine = "gddr6-aim";
    take_machine(&c, "", false);
    assert_int_equal(pim_trace_read(c.cx, &source, &c.machine, &read), WEIR_OK);
    assert_int_equal(pim_trace_import(c.cx, &read, &c.machine, &c.image), WEIR_OK);
    text_init(&text, &c.cx->arena);
    assert_int_equal(pim_trace_export(c.cx, &c.image, &c.machine, &text), WEIR_OK);
    /* row af_row + 1 comes from CFR 2, which the lines keep */
    assert_string_equal(text.at, trace);
    assert_int_equal(run_case(&c, PIM_BOTH), WEIR_OK);
    weir_context_free(c.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(illegal_streams_are_refused), cmocka_unit_test(products_are_rounded), cmocka_unit_test(functions_are_tables),
        cmocka_unit_test(energies_are_sums_of_events), cmocka_unit_test(cycles_are_accounted_for), cmocka_unit_test(traces_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
