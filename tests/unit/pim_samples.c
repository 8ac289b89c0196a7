/* The generators of samples/pim against known counts: the public simulators' own, and closed formulas of the schedules. */
#include "tests/unit/pim_case.h"

/* ---- gddr6-aim as its public simulator counts ---- */

static int64_t served(const char *text)
{
    Case c = {.cx = weir_context_new()};
    PimTrace trace = {0};
    PimServed *result = ARENA_NEW(&c.cx->arena, PimServed);
    const Source source = {.path = "trace", .text = text, .bytes = strlen(text)};
    c.image.machine = "gddr6-aim";
    take_machine(&c, "", true);
    assert_true(pim_is_trace(&source));
    assert_int_equal(pim_trace_read(c.cx, &source, &c.machine, &trace), WEIR_OK);
    assert_int_equal(pim_serve(c.cx, &trace, &c.machine, result), WEIR_OK);
    int64_t cycles = result->cycles;
    weir_context_free(c.cx);
    return cycles;
}

/* `lines` 1,024 times with %d the turn. */
static int64_t turns(const char *lines)
{
    weir_context *cx = weir_context_new();
    Text text;
    text_init(&text, &cx->arena);
    for (int r = 0; r < 1024; r++)
        for (const char *p = lines; *p != 0; p++)
            if (*p == '$')
                text_printf(&text, "%d", r);
            else
                text_add(&text, p, 1);
    text_printf(&text, "AiM EOC\n");
    int64_t cycles = served(text.at);
    weir_context_free(cx);
    return cycles;
}

static void traces_count_as_the_public_simulator(void **state)
{
    (void)state;
    assert_int_equal(turns("AiM MAC_ABK 64 0xffffffff $\n"), 231383);
    assert_int_equal(turns("AiM ISR_WR_BIAS 4 0xffffffff\n"), 2083);
    assert_int_equal(turns("AiM RD_MAC 8 0xffffffff\n"), 3106);
    assert_int_equal(turns("AiM EWMUL 64 0xffffffff $\n"), 227260);
    assert_int_equal(turns("AiM WR_ABK 4 0x80000000 $\n"), 103393);
    assert_int_equal(turns("AiM WR_BIAS 4 0xffffffff\nAiM MAC_ABK 64 0xffffffff 0\nAiM AF 0xffffffff\nAiM RD_AF 8 0xffffffff\n"), 424960);
    assert_int_equal(turns("AiM WR_BIAS 4 0xffffffff\nAiM MAC_ABK 64 0xffffffff 0\nAiM RD_MAC 8 0xffffffff\nAiM MAC_ABK 64 0xffffffff 1\n"), 576482);
    assert_int_equal(turns("AiM WR_GB 64 0 0xffffffff\nAiM COPY_GBBK 64 0xffffffff 0 $\nAiM COPY_BKGB 64 0xffffffff 8 $\n"), 637890);
    assert_int_equal(served("AiM WR_SBK 0 1 0 0\nAiM MAC_ABK 2 1 0\nAiM EOC\n"), 150);
}

static const char all_kinds_head[] = "W MEM 0 2 8\nW MEM 1 2 9\nW MEM 2 2 10\nW MEM 3 2 11\n";
static const char all_kinds_gpr[] = "W GPR 0\nW GPR 1\nW GPR 2\nW GPR 3\nW GPR 4\nW GPR 5\nW GPR 6\nW GPR 7\n";
static const char all_kinds_body[] =
    "AiM WR_SBK 0 1 0 0\nAiM WR_SBK 0 2 0 0\nAiM WR_SBK 0 4 0 0\nAiM WR_SBK 0 8 0 0\nAiM WR_SBK 1 1 0 0\nAiM WR_SBK 1 2 0 0\n"
    "AiM WR_SBK 1 4 0 0\nAiM WR_SBK 1 8 0 0\nAiM WR_GB 2 2 15\nAiM WR_BIAS 4 15\nW CFR 0 1\nAiM MAC_ABK 2 15 0\nW CFR 0 0\n"
    "AiM MAC_ABK 2 15 0\nW CFR 0 1\nAiM MAC_SBK 2 15 0 0\nW CFR 0 0\nAiM MAC_SBK 2 15 0 0\nW CFR 1 1\nAiM EWMUL 2 15 0\nW CFR 1 0\n"
    "AiM EWMUL 2 15 0\nW CFR 2 1\nAiM AF 15\nAiM RD_MAC 8 15\nAiM RD_AF 12 15\n";
static const char all_kinds_add[] = "AiM EWADD 4 8 12\n";
static const char all_kinds_tail[] =
    "AiM COPY_BKGB 2 15 0 0\nAiM COPY_GBBK 2 15 0 0\nAiM RD_SBK 20 1 0 0\nAiM RD_SBK 21 1 0 0\nAiM RD_SBK 22 2 0 0\nAiM RD_SBK 23 2 0 0\n"
    "AiM RD_SBK 24 4 0 0\nAiM RD_SBK 25 4 0 0\nAiM RD_SBK 26 8 0 0\nAiM RD_SBK 27 8 0 0\nAiM WR_ABK 4 1 5\nAiM WR_ABK 5 2 5\n"
    "AiM WR_ABK 6 4 5\nAiM WR_ABK 7 8 5\nAiM EOC\n";

static void a_trace_of_all_requests(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    Arena *a = &cx->arena;
    assert_int_equal(served(arena_printf(a, "%s%s%s%s%s", all_kinds_head, all_kinds_gpr, all_kinds_body, all_kinds_add, all_kinds_tail)), 689);
    assert_int_equal(served(arena_printf(a, "%s%s%s%s", all_kinds_head, all_kinds_body, all_kinds_add, all_kinds_tail)), 681);
    assert_int_equal(served(arena_printf(a, "%s%s%s", all_kinds_body, all_kinds_add, all_kinds_tail)), 677);
    weir_context_free(cx);
}

typedef struct Order {
    int m, k, channels;
    int64_t cycles[4]; /* A to D */
} Order;

static const Order orders[] = {
    {1024, 1024, 32, {828, 645, 700, 645}},           {4096, 1024, 32, {3312, 2031, 2416, 2031}},
    {1024, 4096, 32, {3264, 2580, 2800, 2541}},       {4096, 4096, 32, {13056, 8124, 9664, 7995}},
    {11008, 4096, 32, {35904, 21060, 25680, 20721}},  {4096, 11008, 32, {35280, 22053, 26288, 21623}},
    {4096, 4096, 8, {52224, 30300, 37120, 29811}},    {2304, 768, 8, {6300, 3733, 4668, 3733}},
    {768, 768, 8, {2100, 1345, 1620, 1345}},          {3072, 768, 8, {8400, 4927, 6192, 4927}},
    {768, 3072, 8, {7356, 4707, 5532, 4641}},         {6144, 2048, 8, {39360, 22652, 27712, 22662}},
    {2048, 2048, 8, {13120, 7758, 9408, 7675}},       {8192, 2048, 8, {52480, 30044, 36864, 29974}},
    {2048, 8192, 8, {52096, 31032, 37632, 30451}},
};

static void orders_count_as_the_public_simulator(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        for (int o = 0; o < 4; o++) {
            char variables[96], sets[32];
            Case c;
            snprintf(variables, sizeof variables, "-v M=%d -v K=%d -v channels=%d -v order=%c", orders[i].m, orders[i].k, orders[i].channels, "ABCD"[o]);
            snprintf(sets, sizeof sets, "channels=%d", orders[i].channels);
            open_generated(&c, "gemv_aim.awk", variables, sets, true);
            assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_OK);
            if (c.result.cycles != orders[i].cycles[o])
                fail_msg("%s: %lld cycles, expected %lld", variables, (long long)c.result.cycles, (long long)orders[i].cycles[o]);
            weir_context_free(c.cx);
        }
}

/* ---- hbm2-pim in its vendor's order ---- */

typedef struct Vendor {
    const char *variables;
    int64_t cycles;
} Vendor;

static const Vendor vendor[] = {
    {"-v kernel=gemv -v M=64 -v K=128", 750},        {"-v kernel=gemv -v M=64 -v K=256", 1138},
    {"-v kernel=gemv -v M=64 -v K=512", 1867},       {"-v kernel=gemv -v M=64 -v K=1024", 3662},
    {"-v kernel=gemv -v M=64 -v K=2048", 6970},      {"-v kernel=gemv -v M=64 -v K=4096", 13166},
    {"-v kernel=gemv -v M=64 -v K=16384", 51834},    {"-v kernel=gemv -v M=128 -v K=1024", 7037},
    {"-v kernel=gemv -v M=128 -v K=4096", 26337},    {"-v kernel=gemv -v M=256 -v K=4096", 51941},
    {"-v kernel=gemv_tree -v M=64 -v K=1024", 4680}, {"-v kernel=gemv_tree -v M=64 -v K=4096", 16653},
    {"-v kernel=gemv_tree -v M=128 -v K=1024", 8677}, {"-v kernel=add -v N=16384", 3349},
    {"-v kernel=mul -v N=16384", 3349},              {"-v kernel=add -v N=32768", 5926},
    {"-v kernel=mul -v N=65536", 11806},             {"-v kernel=relu -v N=16384", 2042},
    {"-v kernel=relu -v N=65536", 7665},
};

/* Within 5 %, from 5,000 cycles on within 1 %. */
static void vendor_order_counts_as_the_public_simulator(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vendor / sizeof *vendor; i++) {
        Case c;
        open_generated(&c, "vendor_hbm.awk", vendor[i].variables, "", true);
        assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_OK);
        int64_t off = llabs(c.result.cycles - vendor[i].cycles);
        if (off * (vendor[i].cycles >= 5000 ? 100 : 20) > vendor[i].cycles)
            fail_msg("%s: %lld cycles, expected %lld", vendor[i].variables, (long long)c.result.cycles, (long long)vendor[i].cycles);
        weir_context_free(c.cx);
    }
}

/* ---- own schedules: closed formulas ---- */

typedef struct Own {
    const char *program, *variables, *sets;
    int64_t cycles, refreshes;
} Own;

static const Own own[] = {
    {"gemv_hbm.awk", "-v M=64 -v K=1024", "", 2722, 0},          {"gemv_hbm.awk", "-v M=64 -v K=4096", "", 10986, 2},
    {"gemv_hbm.awk", "-v M=128 -v K=1024", "", 5646, 1},         {"gemv_hbm.awk", "-v M=128 -v K=4096", "", 22174, 5},
    {"gemv_hbm.awk", "-v M=256 -v K=4096", "", 44550, 11},       {"gemv_hbm.awk", "-v M=64 -v K=16384", "", 44406, 11},
    {"gemv_hbm.awk", "-v M=64 -v K=4096 -v refresh_off=1", "refresh=off", 10258, 0},
    {"gemv_hbm.awk", "-v form=scalar -v M=1024 -v K=256", "", 10090, 2},
    {"gemv_hbm.awk", "-v form=scalar -v M=1024 -v K=1024", "", 40458, 10},
    {"gemv_hbm.awk", "-v form=scalar -v M=2048 -v K=256", "", 20397, 5},
    {"eltwise_hbm.awk", "-v op=add -v N=16384", "", 1942, 0},    {"eltwise_hbm.awk", "-v op=relu -v N=65536", "", 5567, 1},
    {"gemv_aim.awk", "-v M=4096 -v K=4096 -v channels=32", "", 8229, 2},
    {"gemv_aim.awk", "-v M=4096 -v K=4096 -v channels=32 -v refresh_off=1", "refresh=off", 7809, 0},
    {"gemv_aim.awk", "-v M=4096 -v K=4096 -v channels=8", "channels=8", 31491, 9},
};

static void own_schedules_take_their_known_cycles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        Case c;
        open_generated(&c, own[i].program, own[i].variables, own[i].sets, false);
        assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_OK);
        if (c.result.cycles != own[i].cycles || c.result.streams.at[0].refreshes != own[i].refreshes)
            fail_msg("%s %s: %lld cycles, %lld refreshes", own[i].program, own[i].variables, (long long)c.result.cycles,
                     (long long)c.result.streams.at[0].refreshes);
        weir_context_free(c.cx);
    }
}

/* Order B holds a sum for every group at once. */
static void order_b_needs_accumulators(void **state)
{
    (void)state;
    Case c;
    open_generated(&c, "gemv_aim.awk", "-v M=4096 -v K=4096 -v channels=32 -v order=B", "accumulators=1 refresh=off", false);
    assert_int_equal(run_case(&c, PIM_TIME_ONLY), WEIR_INVALID);
    assert_non_null(strstr(c.cx->diag.list.at[0].message, "there is no such accumulator"));
    weir_context_free(c.cx);
}

/* ---- values ---- */

static uint32_t random_of(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* A small number; f16 sums of their products round. */
static float small(uint64_t *seed)
{
    return (float)((int32_t)(random_of(seed) % 2001) - 1000) / 512.0f;
}

static uint16_t f16(float x)
{
    return f16_from_f32(x);
}

static uint16_t mac16(uint16_t w, uint16_t x, uint16_t acc)
{
    return f16(f16_to_f32(f16(f16_to_f32(w) * f16_to_f32(x))) + f16_to_f32(acc));
}

/* The order of each lane's sum is that of the tiles; the layout is written down here once more. */
static void vector_form_sums_in_order(void **state)
{
    (void)state;
    enum { M = 128, K = 512, TILES = 4, ROWS = 8 };
    static uint16_t w[M][K], x[K];
    uint64_t seed = 5;
    Case c;
    open_generated(&c, "gemv_hbm.awk", "-v M=128 -v K=512", "", false);
    give_buffers(&c);
    uint16_t *banks = halves_of(&c, "w"), *inputs = halves_of(&c, "x"), *y = halves_of(&c, "y");
    for (int k = 0; k < K; k++)
        inputs[k] = x[k] = f16(small(&seed));
    for (int m = 0; m < M; m++)
        for (int k = 0; k < K; k++) {
            int r = m / 64, unit = m % 64 / 8, j = m % 8, tile = k / 128, g = k % 128 / 16, lane = k % 16;
            int done = r * TILES + tile, half = g / 4;
            /* parities swap after every tile but not between row tiles: 4 tiles, 3 swaps each */
            int first = (tile + 3 * r) % 2, parity = half == 0 ? first : 1 - first;
            int row = half == 0 ? done - done % 2 : done - done % 2 + 1;
            w[m][k] = f16(small(&seed));
            banks[((2 * unit + parity) * ROWS + row) * 512 + (8 * (g % 4) + j) * 16 + lane] = w[m][k];
        }
    assert_int_equal(pim_sim(c.cx, &c.image, &c.machine, (PimOptions){.mode = PIM_BOTH}, c.buffers, NULL, &c.result), WEIR_OK);
    for (int m = 0; m < M; m++)
        for (int lane = 0; lane < 16; lane++) {
            int r = m / 64, unit = m % 64 / 8, j = m % 8, parity = (3 + 3 * r) % 2;
            uint16_t acc = 0;
            for (int k = lane; k < K; k += 16)
                acc = mac16(w[m][k], x[k], acc);
            assert_int_equal(y[((2 * unit + parity) * 2 + r) * 512 + 16 * j + lane], acc);
        }
    weir_context_free(c.cx);
}

static void elementwise_is_exact(void **state)
{
    (void)state;
    enum { N = 16384, GROUPS = 3, ROWS = 6 };
    uint64_t seed = 9;
    Case c;
    open_generated(&c, "eltwise_hbm.awk", "-v op=add -v N=16384", "", false);
    give_buffers(&c);
    uint16_t *ab = halves_of(&c, "ab"), *y = halves_of(&c, "y");
    static uint16_t a[N], b[N];
    static int at[N];
    for (int e = 0; e < N; e++) {
        int unit = e / 128 % 8, p = e / 1024 % 2, tile = e / 2048, group = GROUPS * tile, i = e % 128;
        for (int operand = 0; operand < 3; operand++) {
            int q = group + operand, where = ((2 * unit + p) * ROWS + q / 4) * 512 + q % 4 * 128 + i;
            if (operand == 2)
                at[e] = where;
            else
                ab[where] = operand == 0 ? (a[e] = f16(small(&seed))) : (b[e] = f16(small(&seed)));
        }
    }
    assert_int_equal(pim_sim(c.cx, &c.image, &c.machine, (PimOptions){.mode = PIM_BOTH}, c.buffers, NULL, &c.result), WEIR_OK);
    for (int e = 0; e < N; e++)
        assert_int_equal(y[at[e]], f16(f16_to_f32(a[e]) + f16_to_f32(b[e])));
    weir_context_free(c.cx);
}

/* Bursts as trees of neighbours, added in order to an f32. */
static uint16_t aim_row(const uint16_t *w, const uint16_t *x, int k)
{
    float acc = 0;
    for (int burst = 0; burst < k; burst += 16) {
        float p[16];
        for (int i = 0; i < 16; i++)
            p[i] = bf16_to_f32(w[burst + i]) * bf16_to_f32(x[burst + i]);
        for (int n = 8; n > 0; n /= 2)
            for (int i = 0; i < n; i++)
                p[i] = p[2 * i] + p[2 * i + 1];
        acc = acc + p[0];
    }
    return bf16_from_f32(acc);
}

static void bank_sums_are_exact(void **state)
{
    (void)state;
    enum { M = 64, K = 2048, CHANNELS = 2, GROUPS = 2, CHUNKS = 2 };
    static uint16_t w[M][K], x[K];
    uint64_t seed = 11;
    Case c;
    open_generated(&c, "gemv_aim.awk", "-v M=64 -v K=2048 -v channels=2", "channels=2", false);
    give_buffers(&c);
    uint16_t *banks = halves_of(&c, "w"), *inputs = halves_of(&c, "x"), *y = halves_of(&c, "y");
    for (int k = 0; k < K; k++)
        inputs[k] = x[k] = bf16_from_f32(small(&seed));
    for (int m = 0; m < M; m++)
        for (int k = 0; k < K; k++) {
            int channel = m % CHANNELS, bank = m / CHANNELS % 16, group = m / (16 * CHANNELS), row = group * CHUNKS + k / 1024;
            w[m][k] = bf16_from_f32(small(&seed));
            banks[((channel * 16 + bank) * GROUPS * CHUNKS + row) * 1024 + k % 1024] = w[m][k];
        }
    assert_int_equal(pim_sim(c.cx, &c.image, &c.machine, (PimOptions){.mode = PIM_BOTH}, c.buffers, NULL, &c.result), WEIR_OK);
    for (int m = 0; m < M; m++)
        assert_int_equal(y[(m % CHANNELS * GROUPS + m / (16 * CHANNELS)) * 16 + m / CHANNELS % 16], aim_row(w[m], x, K));
    weir_context_free(c.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces_count_as_the_public_simulator),
        cmocka_unit_test(a_trace_of_all_requests),
        cmocka_unit_test(orders_count_as_the_public_simulator),
        cmocka_unit_test(vendor_order_counts_as_the_public_simulator),
        cmocka_unit_test(own_schedules_take_their_known_cycles),
        cmocka_unit_test(order_b_needs_accumulators),
        cmocka_unit_test(vector_form_sums_in_order),
        cmocka_unit_test(elementwise_is_exact),
        cmocka_unit_test(bank_sums_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
