/* Maps and pinning: canonical texts, right pinned statements, one fixed point that the verifier accepts. */
#include "ir/pin.h"
#include "support/file.h"
#include "support/text.h"
#include "tests/unit/unit.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

static const char *map_text(const Mapping *m)
{
    Text out;
    text_init(&out, &cx->arena);
    mapping_print(m, &out);
    return out.at;
}

/* Pins and checks that the text is a fixed point of reading and printing. */
static const char *pinned_text(Cascade *cs, Mapping *m, const char *machine_name)
{
    const Machine *machine;
    Cascade *pinned;
    Text out, again;
    text_init(&out, &cx->arena);
    text_init(&again, &cx->arena);
    good(machine_load(cx, machine_name, &machine));
    good(pin(cs, 1, &m, machine, &pinned));
    cascade_print(pinned, &out);
    cascade_print(cascade_of(text_source(out.at)), &again);
    assert_string_equal(out.at, again.at);
    return out.at;
}

/* A map text over a cascade text must pin to a text with these lines. */
static void pins_to(const char *cascade, const char *map, const char *machine, const char *const *lines)
{
    Mapping *m, *back;
    Cascade *cs = cascade_of(text_source(cascade));
    good(mapping_parse(cx, text_source(map), cs, &m));
    good(mapping_parse(cx, text_source(map_text(m)), cs, &back));
    assert_string_equal(map_text(m), map_text(back));
    const char *text = pinned_text(cs, m, machine);
    for (; *lines != NULL; lines++) {
        if (strstr(text, *lines) == NULL)
            print_error("no line '%s' in\n%s", *lines, text);
        assert_non_null(strstr(text, *lines));
    }
}

static const char *file_text(const char *name)
{
    const Source *source;
    good(file_source(cx, arena_printf(&cx->arena, DATA "%s", name), &source));
    return source->text;
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The examples of docs/walkthrough.md and docs/mapping.md. */
static void examples(void **state)
{
    (void)state;
    static const struct { const char *cascade, *map, *machine, *line, *more; } rows[] = {
        {"gemm64", "gemm64.host", "host", "  Z[m, n] = sum.fma[k] A[m, k] * B[k, n] @", "rank m = 64, n = 64, k = 64\n"},
        {"gemm64_from", "gemm64_from.tiny", "tiny", "sum.fma[k from C[n]] A[m, k] * B[k, n]", ""},
        {"gemm64_bf16", "gemm64_bf16.gddr6-aim", "gddr6-aim",
         "Z_1[m, n, k1] = sum.pairs.f32[k0] A[m, 16 * k1 + k0] * B[16 * k1 + k0, n]",
         "Z[m, n] = sum[k1 from f32(C[n])] Z_1[m, n, k1]"},
        {"conv3x3", "conv3x3.host", "host",
         "Z[o, i, j] = sum.fma[c1, r, s, c0] X[2 * c1 + c0, i + r - 1, j + s - 1]?0 * W[o, 2 * c1 + c0, r, s]", ""},
        {"conv3x3_from", "conv3x3_from.tiny", "tiny", "Z[o, i, j] = sum.fma[c, r, s from B[o]] X[c, i + r - 1", ""},
        {"conv3x3_bf16", "conv3x3_bf16.gddr6-aim", "gddr6-aim",
         "Z_1[o, i, j, x1] = sum.pairs.f32[x0] X[(16 * x1 + x0) / 9, i + (16 * x1 + x0) / 3 % 3 - 1, "
         "j + (16 * x1 + x0) % 3 - 1]?0 * W[o, (16 * x1 + x0) / 9, (16 * x1 + x0) / 3 % 3, (16 * x1 + x0) % 3]?0",
         "Z[o, i, j] = sum[x1 from f32(B[o])] Z_1[o, i, j, x1]"},
        {"gemv", "gemv.host", "host", "y_1[m, k0] = sum.fma[k1] W[m, 16 * k1 + k0] * x[16 * k1 + k0] @ \"MatMul_0\"\n",
         "out y[m] : f32 = sum.tree[k0] y_1[m, k0] @ \"MatMul_0\"\n"},
        {"gemv", "gemv.tiny", "tiny", "out y[m] : f32 = sum.fma[k] W[m, k] * x[k]", ""},
        {"gemv_bf16", "gemv_bf16.gddr6-aim", "gddr6-aim", "Z[m] = sum[k1] Z_1[m, k1]", "k1 = 4, k0 = 16\n"},
        {"softmax_row", "softmax_row.host", "host", "D_1[r, c0] = sum[c1 | 8 * c1 + c0 < 20] E[r, 8 * c1 + c0]",
         "D[r] = sum.tree[c0] D_1[r, c0]"},
        {"softmax_row", "softmax_row.gddr6-aim", "gddr6-aim", "M[r] = max[c] X[r, c]", "D[r] = sum.tree[c0] D_1[r, c0]"},
        {"softmax_row_recip", "softmax_row_recip.tiny", "tiny", "D_1[r, c0] = sum[c1] E[r, 4 * c1 + c0]",
         "D[r] = sum.pairs[c0] D_1[r, c0]"},
        {"walkthrough_0", "walkthrough_0.host", "host", "z0[n, o, i, j] = sum.fma[c, r, s] image[n, c, 2 * i + r - 1", ""},
        {"walkthrough_0_from", "walkthrough_0_from.tiny", "tiny", "= sum.fma[c, r, s from b0[o]] image[", ""},
        {"walkthrough_1", "walkthrough_1.host", "host", "p0[n, o2, i2, j2] = sum.fma[o] d0[n, o, i2, j2] * w2[o2, o]",
         "d0[n, o, i1, j1] = sum.fma[r1, s1] r0["},
        {"walkthrough_2_bf16", "walkthrough_2_bf16.gddr6-aim", "gddr6-aim",
         "m0_1[n, u, k1] = sum.pairs.f32[k0] g0[n, 16 * k1 + k0]?0 * w3[u, 16 * k1 + k0]?0 @ \"f0\", \"l0\"",
         "m0[n, u] = sum[k1 from f32(b3[u])] m0_1[n, u, k1] @ \"f0\", \"l0\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *cascade = file_text(arena_printf(&cx->arena, "%s.cascade", rows[i].cascade));
        const char *map = file_text(arena_printf(&cx->arena, "%s.map", rows[i].map));
        pins_to(cascade, map, rows[i].machine, LINES(rows[i].line, rows[i].more));
    }
}

#define DOT(k) "cascade c { rank m = 4, k = " k " in A[m, k] : f32 in x[k] : f32 in B[m] : f32 "
#define SUM DOT("20") "out y[m] : f32 = sum[k] A[m, k] * x[k] }"
#define FROM DOT("20") "out y[m] : f32 = sum[k from B[m]] A[m, k] * x[k] }"
#define DEEP DOT("64") "out y[m] : f32 = sum[k] A[m, k] * x[k] }"

/* The rules of docs/mapping.md section 3 one by one. */
static void rules(void **state)
{
    (void)state;
    /* guard; from after a tree is added last */
    pins_to(FROM, "map c on host { split k -> k1, k0 = 8  for m { for k1 { lane k0 tree { y } } } }", "host",
            LINES("y_1[m, k0] = sum.fma[k1 | 8 * k1 + k0 < 20] A[m, 8 * k1 + k0] * x[8 * k1 + k0]\n",
                  "y_2[m] = sum.tree[k0] y_1[m, k0]\n", "out y[m] : f32 = y_2[m] + B[m]\n"));
    /* a combine in sequence takes `from`; without parts in time it takes the body, products rounded */
    pins_to(FROM, "map c on host { for m { lane k seq { y } } }", "host",
            LINES("out y[m] : f32 = sum[k from B[m]] A[m, k] * x[k]\n"));
    pins_to(SUM, "map c on tiny { split k -> k1, k0 = 5  for m { unit(pcu) k1 seq { for k0 { y } } } }", "tiny",
            LINES("y_1[m, k1] = sum.fma[k0] A[m, 5 * k1 + k0] * x[5 * k1 + k0]\n",
                  "out y[m] : f32 = sum[k1] y_1[m, k1]\n"));
    /* each on the outermost part says nothing; parts in time that make the rank are the rank, also around a lane of m */
    pins_to(SUM, "map c on host { split k -> k1, k0 = 5  for k1 { lane m { unroll k0 { y } } } }", "host",
            LINES("out y[m] : f32 = sum.fma[k] A[m, k] * x[k]\n"));
    pins_to(DEEP, "map c on host { for m { lane k tree each { y } } }", "host",
            LINES("out y[m] : f32 = sum.tree[k] A[m, k] * x[k]\n"));
    /* the other way round they are not */
    pins_to(SUM, "map c on host { split k -> k1, k0 = 5  for m { for k0 { for k1 { y } } } }", "host",
            LINES("out y[m] : f32 = sum.fma[k0, k1] A[m, 5 * k1 + k0] * x[5 * k1 + k0]\n"));
    /* three levels: a tree of each step inside partial sums of two units */
    pins_to(DEEP, "map c on tiny { split k -> k2, k1 = 4, k0 = 8  for m { unit(pcu) k2 pairs { for k1 { lane k0 tree each { y } } } } }",
            "tiny",
            LINES("y_1[m, k1, k2] = sum.tree[k0] A[m, 32 * k2 + 8 * k1 + k0] * x[32 * k2 + 8 * k1 + k0]\n",
                  "y_2[m, k2] = sum[k1] y_1[m, k1, k2]\n", "out y[m] : f32 = sum.pairs[k2] y_2[m, k2]\n"));
    /* two lanes: innermost first */
    pins_to(DEEP, "map c on host { split k -> k2, k1 = 2, k0 = 8  for m { for k2 { lane k1 pairs { lane k0 tree { y } } } } }", "host",
            LINES("y_1[m, k1, k0] = sum.fma[k2] A[", "y_2[m, k1] = sum.tree[k0] y_1[m, k1, k0]\n",
                  "out y[m] : f32 = sum.pairs[k1] y_2[m, k1]\n"));
    /* a split of a part; its edge guards too */
    pins_to(DEEP, "map c on host { split k -> k1, k0 = 8  split k0 -> b, a = 3  for m { for b { for k1 { for a { y } } } } }", "host",
            LINES("sum.fma[b, k1, a | 3 * b + a < 8] A[m, 8 * k1 + (3 * b + a)] * x[8 * k1 + (3 * b + a)]\n"));
    /* padding of a sum whose start may be -0 stays in the text */
    pins_to(FROM, "map c on host { split k -> k1, k0 = 8 pad 0  for m { for k1 { for k0 { y } } } }", "host",
            LINES("sum.fma[k1, k0 from B[m]] A[m, 8 * k1 + k0]?0 * x[8 * k1 + k0]?0\n"));
    pins_to(SUM, "map c on host { split k -> k1, k0 = 8 pad 0  for m { for k1 { for k0 { y } } } }", "host",
            LINES("out y[m] : f32 = sum.fma[k] A[m, k] * x[k]\n"));
    /* no fma: modifiers stay away */
    pins_to(SUM, "map c on gddr6-aim { for m { for k { y } } }", "gddr6-aim", LINES("out y[m] : f32 = sum[k] A[m, k] * x[k]\n"));
}

/* Conditions, run-time ranks, pieces, regions, statements that no map names. */
static void statements(void **state)
{
    (void)state;
    pins_to("cascade c { rank m = 4, k = 20 in A[m, k] : f32 in M[k] : bool "
            "out y[m] : f32 = sum[k | M[k] and k <= 5 * m] A[m, k] }",
            "map c on host { split k -> k1, k0 = 8  for m { for k1 { lane k0 tree { y } } } }", "host",
            LINES("sum[k1 | 8 * k1 + k0 < 20 and (M[8 * k1 + k0]?false and 8 * k1 + k0 <= 5 * m)] A[m, 8 * k1 + k0]\n"));
    pins_to("cascade c { in N[] : i64 rank k <= 32 = N[] in A[k] : f32 out y[] : f32 = sum[k] A[k] }",
            "map c on host { split k -> k1, k0 = 8  for k1 { lane k0 tree { y } } }", "host",
            LINES("y_1[k0] = sum[k1 | 8 * k1 + k0 < extent(k)] A[8 * k1 + k0]\n"));
    pins_to("cascade c { rank z = 4, q = 2, k = 16 in A[q, k] : f32 out Y[z] : f32 "
            "Y[2 * q] = sum[k] A[q, k] Y[2 * q + 1] = prod[k] A[q, k] }",
            "map c on host { split k -> k1, k0 = 8  for q { for k1 { lane k0 tree { Y.0 Y.1 } } } }", "host",
            LINES("Y_1[q, k0] = sum[k1] A[q, 8 * k1 + k0]\n", "Y[2 * q] = sum.tree[k0] Y_1[q, k0]\n",
                  "Y_2[q, k0] = prod[k1] A[q, 8 * k1 + k0]\n", "Y[2 * q + 1] = prod.tree[k0] Y_2[q, k0]\n"));
    pins_to("cascade c { rank i = 4, j = 16 in R[j, i] : f32 in H0[i] : f32 in V[j] : f32 "
            "iterate t < 5 { H[0, i] = H0[i] H[t + 1, i] = sum[j] R[j, i] * V[j] } out Y[i] : f32 = H[count(t), i] }",
            "map d on host { split j -> j1, j0 = 8  for i { for j1 { lane j0 tree { H.1 } } } }", "host",
            LINES("    H_1[i, j0] = sum.fma[j1] R[8 * j1 + j0, i] * V[8 * j1 + j0]\n",
                  "    H[t + 1, i] = sum.tree[j0] H_1[i, j0]\n"));
    pins_to(DOT("16") "z[m] = sum[k] A[m, k] * x[k] out y[m] : f32 = sum[k] A[m, k] * z[m] }",
            "map d on tiny { for m { lane k tree { y } } }", "tiny",
            LINES("  z[m] = sum.fma[k] A[m, k] * x[k]\n", "out y[m] : f32 = sum.tree[k] A[m, k] * z[m]\n"));
    /* integers, maxima and positions are left as they are */
    pins_to("cascade c { rank k = 16 in A[k] : i32 in B[k] : f32 out y[] : i32 = sum[k] A[k] out z[] : i64 = argmax[k] B[k] }",
            "map c on host { split k -> k1, k0 = 8  for k1 { lane k0 tree { y z } } }", "host",
            LINES("out y[] : i32 = sum[k] A[k]\n", "out z[] : i64 = argmax[k] B[k]\n"));
}

/* The plan that emitters share. */
static void plan(void **state)
{
    (void)state;
    const Machine *machine;
    Mapping *m;
    PinPlan p;
    Cascade *cs = cascade_of(text_source(FROM));
    good(machine_load(cx, "host", &machine));
    good(mapping_parse(cx, text_source("map c on host { split k -> k1, k0 = 8  for m { for k1 { lane k0 tree { y } } } }"), cs, &m));
    good(pin_plan(m, m->statements[0], machine, &p));
    assert_true(p.ordered && p.add_from);
    assert_int_equal(p.n_steps, 2);
    assert_int_equal(p.steps[0].order, ORDER_FMA);
    assert_false(p.steps[0].combine);
    assert_string_equal(cx_text(cx, part_at(m, p.steps[0].over[0])->name), "k1");
    assert_string_equal(cx_text(cx, part_at(m, p.steps[0].kept[0])->name), "k0");
    assert_int_equal(p.steps[1].order, ORDER_TREE);
    assert_true(p.steps[1].combine);
    assert_int_equal(p.n_guards, 1);
    assert_string_equal(cx_text(cx, part_at(m, p.guards[0])->name), "k");
}

static void refused(void **state)
{
    (void)state;
    const Machine *machine;
    good(machine_load(cx, "host", &machine));
    static const char *const maps[] = {
        "map c on host {\n split k -> k1, k0 = 8\n for m { for k1 { y } }\n}", /* k0 is missing */
        "map c on host {\n split k -> k1, k0 = 5\n for m { for k1 { lane k0 tree {\n y } } }\n}", /* 5 in a tree */
        "map c on host {\n fuse (m, k) -> q\n for q { y }\n}",
        "map c on host {\n for m { }\n}",
    };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        Cascade *cs = cascade_of(text_source(SUM)), *pinned;
        Mapping *m;
        good(mapping_parse(cx, text_source(maps[i]), cs, &m));
        uint32_t before = cx->diag.list.n;
        assert_int_equal(pin(cs, 1, &m, machine, &pinned), WEIR_INVALID);
        assert_int_equal(cx->diag.list.n, before + 1);
    }
    assert_int_equal(cx->diag.list.at[1].place.line, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(examples, setup, teardown),
        cmocka_unit_test_setup_teardown(rules, setup, teardown),
        cmocka_unit_test_setup_teardown(statements, setup, teardown),
        cmocka_unit_test_setup_teardown(plan, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
