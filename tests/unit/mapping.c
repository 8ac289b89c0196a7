/* Maps: every construct reads and prints, each rule refuses what breaks it with its line, damaged texts are refused. */
#include "ir/mapping.h"
#include "support/file.h"
#include "support/text.h"
#include "tests/unit/unit.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

static Cascade *cascade_file(const char *name)
{
    const Source *source;
    good(file_source(cx, arena_printf(&cx->arena, DATA "%s.cascade", name), &source));
    return cascade_of(source);
}

static const char *map_text(const Mapping *m)
{
    Text out;
    text_init(&out, &cx->arena);
    mapping_print(m, &out);
    return out.at;
}

static const Machine *machine_of(const char *name)
{
    const Machine *machine;
    good(machine_load(cx, name, &machine));
    return machine;
}

static const char attention[] =
    "map attention_onepass on host {\n"
    "  split p -> p1, p0 = 4\n"
    "  split f -> f1, f0 = 8\n"
    "  split m -> mt, ml = 4\n"
    "  unit(thread) h {\n"
    "    for p1 {\n"
    "      unroll p0 { RM.0 RD.0 for f1 { lane f0 { RN.0 } } }\n"
    "      for t {\n"
    "        unroll p0 { for e { lane m0 { QK } } }\n"
    "        unroll p0 { lane m0 tree { BM } RM.1 SC lane m0 tree { SN BD } RD.1 }\n"
    "        unroll p0 { for f1 { for m0 { lane f0 { BN } } lane f0 { RN.1 } } }\n"
    "      }\n"
    "      unroll p0 { for f1 { lane f0 { Y } } }\n"
    "    }\n"
    "  }\n"
    "  QK in scratch [p0, m0]\n"
    "  V in arena [h, mt, ml, f]\n"
    "  K in packed [h, mt, e, ml] align 64\n"
    "}\n";

static void canonical(void **state)
{
    (void)state;
    Mapping *m;
    good(mapping_parse(cx, text_source(attention), cascade_file("attention_onepass"), &m));
    assert_int_equal(m->n_statements, 13);
    assert_string_equal(map_text(m), attention);
    good(mapping_verify(m, machine_of("host")));
    /* words of the language as names of parts, each edge, each role, comments, a count of buffers and a name like one */
    Cascade *cs = cascade_of(text_source("cascade c { rank a = 9, b = 8 in X[a, b] : f32 x2[a, b] = X[a, b] "
                                         "tree[a, b] = x2[a, b] out Y[a] : f32 = sum[b] tree[a, b] }"));
    static const char odd[] = "map c on host {\n"
                              "  split a -> for, unit = 4 overlap\n"
                              "  split b -> lane, tree = 2 pad -0.5\n"
                              "  pipe for {\n"
                              "    stage { unroll unit { for lane { lane tree { x2 } } } }\n"
                              "    stage pad { for unit needed by Y { for lane { for tree { tree } } } }\n"
                              "    for unit { unit(thread) lane chain each { lane tree tree each { Y } } }\n"
                              "  }\n"
                              "  x2 in scratch x3 align 32\n"
                              "  x2 in arena []\n"
                              "  X in arena [for, unit, b] x2\n"
                              "}\n";
    good(mapping_parse(cx, text_source(odd), cs, &m));
    assert_string_equal(map_text(m), odd);
}

static void examples(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"gemm64", "gemm64.host", "host"}, {"gemm64_from", "gemm64_from.tiny", "tiny"},
        {"gemm64_bf16", "gemm64_bf16.gddr6-aim", "gddr6-aim"}, {"conv3x3", "conv3x3.host", "host"},
        {"conv3x3_from", "conv3x3_from.tiny", "tiny"}, {"conv3x3_bf16", "conv3x3_bf16.gddr6-aim", "gddr6-aim"},
        {"gemv", "gemv.host", "host"}, {"gemv", "gemv.tiny", "tiny"}, {"gemv_bf16", "gemv_bf16.gddr6-aim", "gddr6-aim"},
        {"softmax_row", "softmax_row.host", "host"}, {"softmax_row", "softmax_row.gddr6-aim", "gddr6-aim"},
        {"softmax_row_recip", "softmax_row_recip.tiny", "tiny"}, {"walkthrough_0", "walkthrough_0.host", "host"},
        {"walkthrough_0_from", "walkthrough_0_from.tiny", "tiny"}, {"walkthrough_1", "walkthrough_1.host", "host"},
        {"walkthrough_2_bf16", "walkthrough_2_bf16.gddr6-aim", "gddr6-aim"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const Source *source;
        Mapping *m, *back;
        Cascade *cs = cascade_file(rows[i][0]);
        good(file_source(cx, arena_printf(&cx->arena, DATA "%s.map", rows[i][1]), &source));
        good(mapping_parse(cx, source, cs, &m));
        good(mapping_verify(m, machine_of(rows[i][2])));
        good(mapping_parse(cx, text_source(map_text(m)), cs, &back));
        assert_string_equal(map_text(m), map_text(back));
    }
}

/* A cascade with a producer, a window, a sum and a product. */
static const char body[] = "cascade c { rank i = 16, j = 16, k = 12, r = 3, h = 18 in X[h, j] : f32 in W[r] : f32 "
                           "in A[i, k] : f32 in B[k] : f32 P[h, j] = X[h, j] * 2.0 D[i, j] = sum[r] P[i + r, j] * W[r] "
                           "S[i] = sum[k] A[i, k] * B[k] out Y[i, j] : f32 = D[i, j] * S[i] }";

#define P_ "for h { lane j { P } }\n"
#define D_ "for i { for r { lane j { D } } }\n"
#define S_ "for i { for k { S } }\n"
#define Y_ "for i { lane j { Y } }\n"

static void rules(void **state)
{
    (void)state;
    static const struct { int rule; uint32_t line; const char *machine, *text; } rows[] = {
        {0, 0, "host", "map c on host {\n" P_ D_ S_ Y_ "}"},
        {0, 0, "host", "map c on host {\n" S_ "for i { for h new to D { lane j { P } } for r { lane j { D } } lane j { Y } } }"},
        {0, 0, "host", "map c on host {\n split k -> k1, k0 = 8 pad 0\n" P_ D_ "for i { for k1 { lane k0 tree { S } } }" Y_ "}"},
        {1, 3, "host", "map c on host {\n" P_ "for i { lane j { D } }\n" S_ Y_ "}"},
        {1, 4, "host", "map c on host {\n" P_ D_ "for i { for k { for i { S } } }\n" Y_ "}"},
        {1, 5, "host", "map c on host {\n split k -> k1, k0 = 4\n" P_ D_ "for i { for k1 { for k0 { for k { S } } } }\n" Y_ "}"},
        {2, 4, "host", "map c on host {\n" P_ D_ "lane k seq { for i { S } }\n" Y_ "}"},
        {2, 4, "tiny", "map c on tiny {\n" P_ D_ "unit(pcu) i { for k { S } }\n" Y_ "}"},
        {2, 4, "tiny", "map c on tiny {\n" P_ D_ "unit(bank) i { for k { S } }\n" Y_ "}"},
        {2, 1, "tiny", "map c on host {\n" P_ D_ S_ Y_ "}"},
        {3, 6, "host", "map c on host {\n" P_ D_ S_ Y_ "P in reg [h, j]\n}"},
        {3, 6, "tiny", "map c on tiny {\n" P_ D_ S_ Y_ "A in pmu [i, k, h] x2\n}"},
        {4, 2, "host", "map c on host {\n" D_ P_ S_ Y_ "}"},
        {4, 2, "host", "map c on host {\n for h { lane j { P } for i { for r { lane j { D } } } }\n" S_ Y_ "}"},
        {4, 4, "host", "map c on host {\n" S_ "for i { for h needed by D { lane j { P } } }\n" D_ Y_ "}"},
        {4, 3, "host", "map c on host {\n" P_ "for i needed by D { for k { S } }\n" D_ Y_ "}"},
        {5, 4, "host", "map c on host {\n" P_ D_ "for k { for i { S lane j { Y } } }\n}"},
        {6, 3, "host", "map c on host {\n split k -> k1, k0 = 8\n for i { for k1 { lane k0 { S } } }\n" P_ D_ Y_ "}"},
        {6, 3, "host", "map c on host {\n split k -> k1, k0 = 24\n for i { for k1 { lane k0 tree { S } } }\n" P_ D_ Y_ "}"},
        {6, 2, "host", "map c on host {\n for i { for k seq { S } }\n" P_ D_ Y_ "}"},
        {7, 3, "host", "map c on host {\n fuse (i, k) -> q\n for q { S }\n" P_ D_ Y_ "}"},
        {10, 1, "host", "map c on host {\n" P_ D_ Y_ "}"},
        {10, 5, "host", "map c on host {\n" P_ D_ S_ "for i { for k { S } }\n" Y_ "}"},
        {11, 6, "host", "map c on host {\n" P_ D_ S_ Y_ "P in skratch [h]\n}"},
        {11, 6, "host", "map c on host {\n" P_ D_ S_ Y_ "X in arena [k]\n}"},
        {11, 6, "host", "map c on host {\n" P_ D_ S_ Y_ "X in arena [h, h]\n}"},
        {11, 6, "host", "map c on host {\n" P_ D_ S_ Y_ "X in arena align 24\n}"},
        {12, 2, "host", "map c on host {\n split k -> k1, k0 = 8 overlap\n for i { for k1 { for k0 { S } } }\n" P_ D_ Y_ "}"},
        {12, 2, "host", "map c on host {\n split k -> k1, k0 = 8 pad 1\n for i { for k1 { for k0 { S } } }\n" P_ D_ Y_ "}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Mapping *m;
        Cascade *cs = cascade_of(text_source(body));
        good(mapping_parse(cx, text_source(rows[i].text), cs, &m));
        uint32_t before = cx->diag.list.n;
        weir_status status = mapping_verify(m, machine_of(rows[i].machine));
        if (rows[i].rule == 0) {
            good(status);
            continue;
        }
        bool found = false;
        const char *rule = arena_printf(&cx->arena, "(mapping rule %d)", rows[i].rule);
        for (uint32_t d = before; d < cx->diag.list.n; d++)
            found = found || (strstr(cx->diag.list.at[d].message, rule) != NULL &&
                              cx->diag.list.at[d].place.line == rows[i].line);
        if (!found || status != WEIR_INVALID) {
            print_error("row %zu: want rule %d in line %u\n", i, rows[i].rule, rows[i].line);
            diagnostics_print(&cx->diag, stderr, false);
        }
        assert_int_equal(status, WEIR_INVALID);
        assert_true(found);
        diagnostics_cut(&cx->diag, before);
    }
}

/* rules on machines of their own: stages, carried ranks */
static void device_rules(void **state)
{
    (void)state;
    Mapping *m;
    Cascade *cs = cascade_file("softmax_row_recip");
    good(mapping_parse(cx, text_source("map softmax_row_recip on tiny { pipe r { stage pcu { for c { M } } stage pcu { for c { E D } } "
                                       "stage pcu { Q for c { Y } } } M in stream [] D in stream [] E in pmu [c] }"), cs, &m));
    assert_int_equal(mapping_verify(m, machine_of("tiny")), WEIR_INVALID);
    assert_non_null(strstr(cx->diag.list.at[0].message, "E goes between overlapping stages"));
    cs = cascade_file("attention_onepass");
    char *text = arena_string(&cx->arena, attention, strlen(attention));
    memcpy(strstr(text, "for t {"), "lane t{", 7);
    good(mapping_parse(cx, text_source(text), cs, &m));
    assert_int_equal(mapping_verify(m, machine_of("host")), WEIR_INVALID);
    bool carried = false;
    for (uint32_t i = 0; i < cx->diag.list.n; i++)
        carried = carried || strstr(cx->diag.list.at[i].message, "(mapping rule 8)") != NULL;
    assert_true(carried);
}

static void malformed(void **state)
{
    (void)state;
    static const struct { const char *text; uint32_t line; const char *message; } rows[] = {
        {"map c on host {\n for z { P } }", 2, "no part or rank named 'z'"},
        {"map c on host {\n for i { Q } }", 2, "no tensor named 'Q'"},
        {"map c on host {\n for i { X } }", 2, "no statement defines 'X'"},
        {"map c on host {\n for i { P.1 } }", 2, "'P' has 1 definitions: 'P.0' to 'P.0'"},
        {"map c on host {\n split k -> a, b = 0\n}", 2, "the extent of a part is at least 1, and their product fits in 63 bits"},
        {"map c on host {\n split k -> a, a = 4\n}", 2, "'a' is already the name of a part"},
        {"map c on host {\n split k -> a, b = 4 split i -> b, d = 2\n}", 2, "'b' is already the name of a part"},
        {"map c on host {\n split k -> i, b = 4\n}", 1, "'i' is already the name of a rank of the group"},
        {"map c on host {\n fuse (i, i) -> q\n}", 2, "'i' is already the name of a part of the fusion"},
        {"map c on host {\n split k -> a, b = 99999999999999999999\n}", 2, NULL},
        {"map c on host {\n for i { P }\n", 3, NULL},
        {"map c {\n}", 1, NULL},
        {"map c on host {\n lane i tree tree { P } }", 2, NULL},
        {"map c on host {\n P in reg [i] x0\n}", 2, NULL},
        {"map c on host {\n ? }", 2, "no token of the language: '?'"},
        {"", 1, NULL},
        {"map c on host { } map c on host { }", 1, "one map is wanted here"},
    };
    Cascade *cs = cascade_of(text_source(body));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Mapping *m;
        uint32_t before = cx->diag.list.n;
        assert_int_equal(mapping_parse(cx, text_source(rows[i].text), cs, &m), WEIR_MALFORMED);
        assert_true(cx->diag.list.n > before);
        if (rows[i].message != NULL)
            assert_string_equal(cx->diag.list.at[before].message, rows[i].message);
        assert_int_equal(cx->diag.list.at[before].place.line, rows[i].line);
    }
}

/* Deep nesting is refused, not crashed on. */
static void deep(void **state)
{
    (void)state;
    Text text;
    Mapping *m;
    text_init(&text, &cx->arena);
    text_printf(&text, "map c on host {");
    for (int i = 0; i < 100000; i++)
        text_printf(&text, "for i {");
    assert_int_equal(mapping_parse(cx, text_source(text.at), cascade_of(text_source(body)), &m), WEIR_MALFORMED);
    assert_true(cx->diag.n_errors > 0);
}

/* Texts with bytes and words exchanged: an answer each time. */
static void mutations(void **state)
{
    (void)state;
    static const char *const words[] = {"for", "lane", "tree", "x2", "p0", "{", "}", "RM.1", "in", "[", "each", "m0", "0"};
    uint64_t random = 7;
    weir_context *kept = cx;
    for (unsigned round = 0; round < 1500; round++) {
        weir_context *own = cx = weir_context_new();
        Cascade *cs = cascade_file("attention_onepass");
        char *text = arena_string(&own->arena, attention, strlen(attention));
        for (unsigned k = 0; k < 1 + round % 4; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            const char *word = words[(random >> 20) % (sizeof words / sizeof *words)];
            size_t at = (random >> 33) % (strlen(text) - 8);
            memcpy(text + at, word, strlen(word));
        }
        Mapping *m;
        weir_status status = mapping_parse(own, text_source(text), cs, &m);
        if (status == WEIR_OK) {
            (void)map_text(m);
            status = mapping_verify(m, machine_of("host"));
        }
        assert_true(status == WEIR_OK || own->diag.n_errors > 0);
        const Machine *machine = machine_of("host");
        Cascade *pinned;
        if (status == WEIR_OK)
            good(pin(cs, 1, &m, machine, &pinned));
        weir_context_free(own);
    }
    cx = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(examples, setup, teardown),
        cmocka_unit_test_setup_teardown(rules, setup, teardown),
        cmocka_unit_test_setup_teardown(device_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(deep, setup, teardown),
        cmocka_unit_test_setup_teardown(mutations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
