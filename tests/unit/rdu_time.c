/*
 * Time of dataflow kernels: on random graphs the recurrence and the cycle-by-cycle reference give equal cycles and the same verdict on
 * deadlock as counting tokens; counters sum to the cycles; the refused kernels with what they need.
 */
#include "isa/rdu/engine.h"
#include "tests/unit/unit.h"

enum { GRAPHS = 1400, MOST_STREAMS = 24 };

static uint64_t seed = 11;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % below);
}

/* ---- random graphs as assembly ---- */

typedef struct Graph {
    Text head, body;
    RduMachine machine;
    uint32_t rows, n_units[3], n_flows, n_open;
    bool forks; /* the next unit's output forks */
    uint32_t open[MOST_STREAMS], tokens[MOST_STREAMS]; /* flow and tokens a row of every stream that nobody takes yet */
} Graph;

enum { A, P, M };

static const char *at(Graph *g, uint32_t kind)
{
    uint32_t x = 0, y = 0;
    assert_true(rdu_site(&g->machine, "APM"[kind], g->n_units[kind], &x, &y));
    return arena_printf(&cx->arena, "%c%u at %u,%u", "APM"[kind], g->n_units[kind]++, x, y);
}

static uint32_t take(Graph *g, uint32_t i)
{
    uint32_t flow = g->open[i];
    g->n_open--;
    g->open[i] = g->open[g->n_open];
    g->tokens[i] = g->tokens[g->n_open];
    return flow;
}

/* The end of an out line: one flow, or two that fork. */
static const char *give(Graph *g, uint32_t tokens)
{
    uint32_t ends = g->n_open + 2 < MOST_STREAMS && (g->forks || draw(4) == 0) ? 2 : 1;
    g->forks = false;
    for (uint32_t i = 0; i < ends; i++) {
        g->open[g->n_open] = g->n_flows + i;
        g->tokens[g->n_open++] = tokens;
    }
    g->n_flows += ends;
    return ends == 1 ? arena_printf(&cx->arena, "f%u", g->n_flows - 1) : arena_printf(&cx->arena, "f%u, f%u", g->n_flows - 2, g->n_flows - 1);
}

static void source(Graph *g, uint32_t tokens)
{
    text_printf(&g->head, ".tensor x%u f32 %u\n", g->n_units[A], g->rows * tokens * 16);
    uint32_t tensor = g->n_units[A];
    const char *where = at(g, A);
    text_printf(&g->body, "ag %s read x%u throttle=%u outstanding=%u\n loop r %u\n loop k %u\n addr r*%u+k*64\n out 0 = v -> %s\nend\n", where,
                tensor, draw(4), draw(2) * (1 + draw(8)), g->rows, tokens, tokens * 64, give(g, tokens));
}

static void drain(Graph *g)
{
    uint32_t tokens = g->tokens[0], flow = take(g, 0), tensor = g->n_units[A];
    text_printf(&g->head, ".tensor y%u f32 %u out\n", tensor, g->rows * tokens * 16);
    text_printf(&g->body, "ag %s write y%u outstanding=%u\n loop r %u\n loop k %u\n addr r*%u+k*64\n in 0 = f%u\nend\n", at(g, A), tensor,
                draw(2) * (1 + draw(8)), g->rows, tokens, tokens * 64, flow);
}

static void map(Graph *g, uint32_t i)
{
    uint32_t tokens = g->tokens[i], flow = take(g, i);
    text_printf(&g->body, "pcu %s simd\n loop r %u\n loop k %u\n in 0 = f%u\n s0: r0 = add in0 #1\n%s out 0 = %s -> %s\nend\n", at(g, P),
                g->rows, tokens, flow, draw(2) == 0 ? " tail exp\n" : "", "r0", give(g, tokens));
}

static void reduce(Graph *g, uint32_t i)
{
    uint32_t tokens = g->tokens[i], flow = take(g, i);
    text_printf(&g->body, "pcu %s simd\n loop r %u\n loop k %u\n in 0 = f%u\n reduce sum @r%s\n out 0 = q @r -> %s\nend\n", at(g, P), g->rows,
                tokens, flow, draw(2) == 0 ? " lanewise" : "", give(g, 1));
}

/* Two streams meet: token by token, or one token a row beside many; as an array, or lane by lane. */
static void join(Graph *g, uint32_t i, uint32_t k)
{
    uint32_t tokens = g->tokens[i] > g->tokens[k] ? g->tokens[i] : g->tokens[k], high = i > k ? i : k, low = i > k ? k : i;
    bool same = g->tokens[i] == g->tokens[k];
    if (!same && g->tokens[i] != 1 && g->tokens[k] != 1)
        return;
    bool first_slow = g->tokens[high] < tokens, second_slow = g->tokens[low] < tokens;
    uint32_t a = take(g, high), b = take(g, low);
    if (same && draw(3) == 0) {
        uint32_t rows = 1 + draw(6);
        text_printf(&g->body, "pcu %s sys\n loop r %u\n loop k %u\n in 0 = f%u\n in 1 = f%u\n mac @r\n rows %u\n out 0 = acc -> %s\nend\n", at(g, P),
                    g->rows, tokens, a, b, rows, give(g, rows));
        return;
    }
    text_printf(&g->body, "pcu %s simd\n loop r %u\n loop k %u\n in 0 = f%u%s\n in 1 = f%u%s\n s0: r0 = add in0 in1\n out 0 = r0 -> %s\nend\n",
                at(g, P), g->rows, tokens, a, first_slow ? " @r" : "", b, second_slow ? " @r" : "", give(g, tokens));
}

static void buffer(Graph *g, uint32_t i)
{
    uint32_t tokens = g->tokens[i], flow = take(g, i), times = tokens < 20 ? 1 + draw(3) : 1;
    text_printf(&g->body,
                "pmu %s size=%u nbuf=%u\n write\n loop r %u\n loop k %u\n addr k*64\n in 0 = f%u\n swap @r\n"
                " read\n loop r %u\n loop m %u\n loop k %u\n addr k*64\n lane %u\n swap @r\n out 0 = v -> %s\nend\n",
                at(g, M), (tokens + 16) * 64, 1 + draw(3), g->rows, tokens, flow, g->rows, times, tokens, draw(4) == 0 ? 8 : 4,
                give(g, tokens * times));
}

/* As in a norm: a row's sum meets the row. */
static void bypass(Graph *g, uint32_t i)
{
    uint32_t n = g->n_open;
    g->forks = true;
    map(g, i);
    if (g->n_open != n + 1)
        return;
    reduce(g, g->n_open - 1);
    if (draw(2) == 0)
        buffer(g, g->n_open - 1);
    join(g, n - 1, g->n_open - 1);
}

static void grow(Graph *g)
{
    text_init(&g->head, &cx->arena);
    text_init(&g->body, &cx->arena);
    g->rows = 1 + draw(12);
    uint32_t tokens = 1 + draw(40), units = 2 + draw(8);
    text_printf(&g->head, ".rdu 1 machine=plasticine\n");
    for (uint32_t i = 1 + draw(2); i > 0; i--)
        source(g, tokens);
    for (; units > 0; units--) {
        uint32_t i = draw(g->n_open), k = draw(g->n_open);
        switch (draw(6)) {
        case 0: map(g, i); break;
        case 1: reduce(g, i); break;
        case 2: buffer(g, i); break;
        case 3: bypass(g, i); break;
        default:
            if (i != k)
                join(g, i, k);
        }
    }
    while (g->n_open > 0)
        drain(g);
    text_printf(&g->head, ".kernel k\n%s.control\n launch k\n halt\n", g->body.at);
}

/* ---- runs ---- */

typedef struct Timed {
    weir_status status;
    int64_t cycles;
} Timed;

static Timed timed(const Engine *like, RduMode mode)
{
    Engine e = *like;
    Timed t = {0};
    e.mode = mode;
    rdu_build(&e);
    t.status = rdu_run(&e, &t.cycles);
    for (uint32_t i = 0; t.status == WEIR_OK && i < e.processes.n; i++) {
        const RduCounters *n = &e.processes.at[i].counters;
        assert_int_equal(n->fire + n->starve + n->stall + n->conflict + n->server + n->idle, t.cycles);
    }
    return t;
}

static void three_ways_agree(void **state)
{
    (void)state;
    int ran = 0, stuck = 0, contended = 0;
    for (int i = 0; i < GRAPHS; i++) {
        Graph g = {0};
        Image image;
        RduCode code = {0};
        int64_t args[64] = {0};
        teardown(NULL);
        setup(NULL);
        good(rdu_machine_named(cx, "plasticine", &g.machine));
        g.machine.fifo_vector = g.machine.fifo_scalar = 1 + draw(4);
        grow(&g);
        good(image_assemble(cx, text_source(g.head.at), &image));
        good(rdu_code_of(cx, &image, &code));
        good(rdu_check(cx, &image, &code, &g.machine));
        Engine e = {.cx = cx, .image = &image, .machine = &g.machine, .kernel = &code.kernels.at[0], .args = args};
        double bandwidth = g.machine.tiers[0].bandwidth;
        g.machine.tiers[0].bandwidth = 1e9;
        Timed free = timed(&e, RDU_TIME), stepped_free = timed(&e, RDU_TIME | RDU_STEPPED);
        g.machine.tiers[0].bandwidth = bandwidth;
        Timed full = timed(&e, RDU_TIME), stepped = timed(&e, RDU_TIME | RDU_STEPPED);
        weir_status counted = rdu_check_deadlock(&e);
        if (full.status != stepped.status || full.cycles != stepped.cycles || free.cycles != stepped_free.cycles || counted != full.status)
            fail_msg("graph %d: %lld, stepped %lld; without contention %lld, stepped %lld; counted %d\n%s", i, (long long)full.cycles,
                     (long long)stepped.cycles, (long long)free.cycles, (long long)stepped_free.cycles, counted, g.head.at);
        assert_int_equal(free.status, full.status);
        assert_int_equal(stepped_free.status, full.status);
        ran += full.status == WEIR_OK;
        stuck += full.status != WEIR_OK;
        contended += full.cycles != free.cycles;
    }
    printf("%d graphs with equal cycles, %d of them where the tier delays, %d deadlocks\n", ran, contended, stuck);
    assert_true(ran > GRAPHS / 2 && stuck > 50 && contended > 200);
}

/* ---- the refused kernels ---- */

static weir_status simulate(const char *text, const char *set, RduResult *out_result)
{
    Image image;
    RduMachine machine;
    const Machine *file, *changed;
    teardown(NULL);
    setup(NULL);
    good(machine_load_of_file(cx, "plasticine", &file));
    changed = file;
    if (set != NULL)
        good(machine_set(cx, file, set, &changed));
    good(rdu_machine_from(cx, changed, &machine));
    good(image_assemble(cx, text_source(text), &image));
    return rdu_sim(cx, &image, &machine, RDU_TIME, NULL, NULL, out_result);
}

static void says(const char *what)
{
    if (cx->diag.list.n == 0 || strstr(cx->diag.list.at[0].message, what) == NULL)
        diagnostics_print(&cx->diag, stderr, false);
    assert_int_equal(cx->diag.list.n, 1);
    assert_non_null(strstr(cx->diag.list.at[0].message, what));
}

/* Rows of 48 vectors: the statistics need a whole row before its first vector leaves the bypass. */
static void norm_beside_a_fifo(void **state)
{
    (void)state;
    static const char text[] =
        ".rdu 1 machine=plasticine\n.tensor x f32 49152\n.tensor y f32 49152 out\n.kernel norm\n"
        "ag A0 at 0,0 read x\n loop r 64\n loop k 48\n addr r*3072+k*64\n out 0 = v -> fx\nend\n"
        "pcu src at 2,0 simd\n loop r 64\n loop k 48\n in 0 = fx\n s0: r0 = mov in0\n out 0 = r0 -> x_stat, x_apply\nend\n"
        "pcu stat at 1,1 simd\n loop r 64\n loop k 48\n in 0 = x_stat\n reduce sum @r\n out 0 = q @r -> mu\nend\n"
        "pcu apply at 3,1 simd\n loop r 64\n loop k 48\n in 0 = x_apply\n in 1 = mu @r\n s0: r0 = sub in0 in1\n out 0 = r0 -> fy\nend\n"
        "ag A1 at 0,1 write y\n loop r 64\n loop k 48\n addr r*3072+k*64\n in 0 = fy\nend\n.control\n launch norm\n halt\n";
    RduResult result;
    assert_int_equal(simulate(text, NULL, &result), WEIR_INVALID);
    /* src has one stage (latency 3), apply is 2 switches away */
    says("src waits for space on x_apply (capacity 21) held by apply");
    says("apply waits for a token on mu from stat");
    says("stat waits for a token on x_stat from src");
    says("x_apply from src needs capacity 48, of which 5 in flight: fifo.vector = 43");
    assert_int_equal(result.cycles, 0);
    assert_int_equal(simulate(text, "fifo.vector = 42", &result), WEIR_INVALID);
    good(simulate(text, "fifo.vector = 43", &result));
}

/* A skip of single rows around a stage that takes three rows of 200 vectors at once. */
static void skip_around_three_rows(void **state)
{
    (void)state;
    for (uint32_t nbuf = 1; nbuf <= 4; nbuf++) {
        teardown(NULL);
        setup(NULL);
        const char *text = arena_printf(&cx->arena,
            ".rdu 1 machine=plasticine\n.tensor x f32 19200\n.tensor y f32 19200 out\n.kernel skip\n"
            "ag A0 at 0,0 read x\n loop r 6\n loop k 200\n addr r*12800+k*64\n out 0 = v -> fx\nend\n"
            "pcu src at 2,0 simd\n loop r 6\n loop k 200\n in 0 = fx\n s0: r0 = mov in0\n out 0 = r0 -> main, side\nend\n"
            "pmu rows at 2,1 size=38400 nbuf=2\n write\n loop g 2\n loop r 3\n loop k 200\n addr r*12800+k*64\n in 0 = main\n swap @g\n"
            " read\n loop g 2\n loop r 3\n loop k 200\n addr r*12800+k*64\n swap @g\n out 0 = v -> conv\nend\n"
            "pmu skip at 1,0 size=12800 nbuf=%u\n write\n loop r 6\n loop k 200\n addr k*64\n in 0 = side\n swap @r\n"
            " read\n loop r 6\n loop k 200\n addr k*64\n swap @r\n out 0 = v -> again\nend\n"
            "pcu sum at 1,1 simd\n loop r 6\n loop k 200\n in 0 = conv\n in 1 = again\n s0: r0 = add in0 in1\n out 0 = r0 -> fy\nend\n"
            "ag A1 at 0,1 write y\n loop r 6\n loop k 200\n addr r*12800+k*64\n in 0 = fy\nend\n.control\n launch skip\n halt\n", nbuf);
        const Source *copy = text_source(text);
        char kept[2048];
        assert_true(copy->bytes < sizeof kept);
        memcpy(kept, copy->text, copy->bytes + 1);
        RduResult result;
        weir_status status = simulate(kept, NULL, &result);
        assert_int_equal(status, nbuf < 3 ? WEIR_INVALID : WEIR_OK);
        if (nbuf < 3)
            says("skip waits for space on the buffers");
        if (nbuf < 3)
            says("skip needs 3 buffers: nbuf=3");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_ways_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(norm_beside_a_fifo, setup, teardown),
        cmocka_unit_test_setup_teardown(skip_around_three_rows, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
