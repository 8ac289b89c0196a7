/* Machine files: values by name, units, bases, the host side, --set, canonical text, malformed texts. */
#include "ir/machine_parse.h"
#include "support/file.h"
#include "support/text.h"
#include "tests/unit/unit.h"

static const Machine *load(const char *name)
{
    const Machine *machine = NULL;
    weir_status status = machine_load(cx, name, &machine);
    diagnostics_print(&cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    return machine;
}

/* The machine of a text, bases and all, through a file. */
static weir_status load_text(const char *text, const Machine **out_machine)
{
    assert_int_equal(file_write(cx, "unit_machine.machine", text, strlen(text)), WEIR_OK);
    return machine_load(cx, "unit_machine.machine", out_machine);
}

static void values(void **state)
{
    (void)state;
    const Machine *aim = load("gddr6-aim");
    assert_int_equal(machine_int(aim, "channels", -1), 32);
    assert_int_equal(machine_int(aim, "bank.bytes", -1), 32 << 20);
    assert_int_equal(machine_int(aim, "mac.lanes", -1), 16);
    assert_int_equal(machine_cycles(aim, "nRCDRDMAC", -1), 56);
    assert_false(machine_yes(aim, "mac.fma", true));
    assert_true(machine_yes(aim, "host.fma", false));
    assert_string_equal(machine_word(aim, "mac.accumulate", ""), "f32");
    assert_int_equal(machine_int(aim, "energy.pins", -1), 44000); /* femtojoule per byte */
    assert_int_equal(machine_int(aim, "nothing", -7), -7);
    assert_int_not_equal(machine_block(aim, "unit", "bank"), 0);
    assert_int_equal(machine_block(aim, "unit", "pcu"), 0);
    const Machine *host = load("host");
    assert_int_equal(machine_int(host, "dram.bytes", -1), -1); /* unknown */
    assert_int_equal(machine_cycles(host, "hand_off", -1), 972);
    assert_true(machine_per_cycle(host, "l1.read", 0) > 63.5 && machine_per_cycle(host, "l1.read", 0) < 63.6);
    const Machine *tiny = load("tiny");
    assert_int_equal(machine_value(tiny, "sites")->n, 4);
    assert_true(machine_lists(tiny, "pcu.functions", "exp"));
    assert_false(machine_lists(tiny, "pcu.functions", "erf"));
}

static void bases_and_host(void **state)
{
    (void)state;
    const Machine *aim8 = load("aim-8");
    assert_int_equal(machine_int(aim8, "channels", -1), 8);
    assert_int_equal(machine_int(aim8, "nRC", -1), 89);
    const Machine *side = load("gddr6-aim.host");
    assert_string_equal(cx_text(cx, side->name), "gddr6-aim.host");
    assert_string_equal(machine_word(side, "kind", ""), "host");
    assert_int_equal(machine_int(side, "lanes", -1), 8);
    assert_int_equal(machine_int(side, "reg.bytes", -1), 512);
    const Machine *other;
    assert_int_equal(machine_load(cx, "gddr6-ami", &other), WEIR_USAGE);
    assert_string_equal(cx->diag.list.at[0].note, "did you mean 'gddr6-aim'?");
    assert_int_equal(machine_load(cx, "gddr6-aim.host.host", &other), WEIR_USAGE);
    assert_int_equal(machine_load(cx, ".host", &other), WEIR_USAGE);
    assert_int_equal(machine_load_of_file(cx, "gddr6-ami", &other), WEIR_INVALID);
    uint32_t n;
    Name *names;
    assert_int_equal(machine_names(cx, &n, &names), WEIR_OK);
    assert_true(n >= 4);
    assert_string_equal(cx_text(cx, names[0]), "aim-8");
}

static void sets(void **state)
{
    (void)state;
    const Machine *tiny = load("tiny"), *set;
    assert_int_equal(machine_set(cx, tiny, "dram.bandwidth_scale=1000", &set), WEIR_OK);
    assert_int_equal(machine_int(set, "dram.bandwidth_scale", -1), 1000);
    assert_int_equal(machine_int(tiny, "dram.bandwidth_scale", -1), 1);
    assert_int_equal(machine_set(cx, tiny, "dram.latency = 7 ns", &set), WEIR_OK);
    assert_int_equal(machine_cycles(set, "dram.latency", -1), 7);
    static const char *const bad[] = {"dram.bandwith=1 B per cycle", "dram.bytes=3", "dram.bytes=3 ns", "pcu.fma=maybe",
                                      "dram.latency", "clock=", "x} machine y {kind=host", "dram={ bytes = 1 B }",
                                      "pcu.lanes=1.5", "dram.bandwidth=8 B per byte", "dram.bandwidth=8 B"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t before = cx->diag.n_errors;
        assert_int_not_equal(machine_set(cx, tiny, bad[i], &set), WEIR_OK);
        assert_true(cx->diag.n_errors > before);
    }
    assert_string_equal(cx->diag.list.at[0].message, "no key 'dram.bandwith' in machine 'tiny'");
    assert_string_equal(cx->diag.list.at[0].note, "did you mean 'bandwidth'?");
}

static void canonical(void **state)
{
    (void)state;
    static const char *const names[] = {"host", "tiny", "plasticine", "sn40l-like", "gddr6-aim", "aim-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Text first, again;
        text_init(&first, &cx->arena);
        text_init(&again, &cx->arena);
        machine_print(load(names[i]), &first);
        const Machine *back;
        assert_int_equal(load_text(first.at, &back), WEIR_OK);
        machine_print(back, &again);
        assert_string_equal(first.at, again.at);
    }
    const Machine *machine;
    assert_int_equal(load_text("machine m { kind = rdu ; link.cut = 8 cycles # die\n clock = 1_000.5 MHz\n"
                               "sites = [\"A\\x41\",\n \"b\\\"\"]\n dram { bandwidth_scale = 0x10 } }",
                               &machine), WEIR_OK);
    Text out;
    text_init(&out, &cx->arena);
    machine_print(machine, &out);
    assert_string_equal(out.at, "machine m {  # die\n  kind = rdu  # die\n  link {\n    cut = 8 cycles  # die\n  }\n"
                                "  clock = 1000.5 MHz\n  sites = [\"AA\", \"b\\\"\"]\n  dram {\n"
                                "    bandwidth_scale = 16\n  }\n}\n");
}

static void malformed(void **state)
{
    (void)state;
    static const struct { const char *text; uint32_t line; } bad[] = {
        {"machine m {\n kind = rdu\n clokc = 1 GHz\n}", 3},
        {"machine m {\n kind = rdu\n clock = 1 ns\n}", 3},
        {"machine m {\n kind = dsp\n}", 1},
        {"machine m {\n clock = 1 GHz\n}", 1},
        {"machine m {\n kind = rdu\n kind = rdu\n}", 3},
        {"machine m {\n kind = rdu\n base = tiny\n}", 3},
        {"machine m {\n base = m\n}", 1},
        {"machine m {\n kind = rdu\n unit u {\n  count = 1 ;; lanes = -4\n }\n}", 4},
        {"machine m {\n kind = rdu\n memory u { count = 1 }\n unit u { count = 1 }\n}", 4},
        {"machine m {\n kind = rdu\n $\n}", 3},
        {"machine m {\n kind = rdu\n sites = [1, \n", 0},
        {"machine m {\n kind = rdu\n sites = \"a\n\"}", 3},
        {"machine m {\n kind = rdu\n ag { ag { count = 1 } }\n}", 3},
        {"machine m {\n kind = rdu\n x.y.z = 1\n}", 3},
        {"", 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const Machine *machine;
        uint32_t before = cx->diag.list.n;
        assert_int_equal(load_text(bad[i].text, &machine), WEIR_MALFORMED);
        assert_true(cx->diag.list.n > before);
        if (bad[i].line != 0)
            assert_int_equal(cx->diag.list.at[before].place.line, bad[i].line);
    }
}

/* A machine file with bytes replaced: an answer each time, never a crash. */
static void mutations(void **state)
{
    (void)state;
    const Source *source;
    assert_int_equal(file_source(cx, WEIR_SOURCE_DIR "/machines/tiny.machine", &source), WEIR_OK);
    uint64_t random = 1;
    for (unsigned round = 0; round < 1500; round++) {
        weir_context *own = weir_context_new();
        char *text = arena_copy(&own->arena, source->text, source->bytes + 1);
        for (unsigned k = 0; k < 1 + round % 3; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            text[(random >> 33) % source->bytes] = "{}[]=;#\"\\ \n-.0x9e,a\0"[(random >> 24) % 20];
        }
        Source mutant = {"mutant", text, source->bytes};
        MachineParse parse = {.cx = own, .source = &mutant};
        weir_status status = machine_parse(&parse);
        assert_true(status == WEIR_OK || own->diag.n_errors > 0);
        if (status == WEIR_OK && parse.machines.n == 1) {
            Machine *copy = parse.machines.at[0], *empty = ARENA_NEW(&own->arena, Machine);
            *empty = (Machine){.cx = own, .name = copy->name, .source = &mutant};
            vec_push(&own->arena, &empty->entries, copy->entries.at[0]);
            if (machine_overlay(empty, copy) == WEIR_OK && machine_check(empty) != WEIR_OK)
                assert_true(own->diag.n_errors > 0);
        }
        weir_context_free(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values, setup, teardown),
        cmocka_unit_test_setup_teardown(bases_and_host, setup, teardown),
        cmocka_unit_test_setup_teardown(sets, setup, teardown),
        cmocka_unit_test_setup_teardown(canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(mutations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
