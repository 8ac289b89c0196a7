/*
 * The rows of timing.def against distances written down apart, pair by pair, through engine and checker; mutants of rows and of
 * greedy streams; the audit.
 */
#include "tests/unit/pim_case.h"

enum { MOST_TERMS = 8, BASE = 5000, RAISE = 997 };

typedef struct Term {
    PimLevel level;
    uint32_t window;
    const char *strict, *peer;
} Term;

/* By device command before and after. */
typedef struct Expected {
    uint32_t n;
    Term terms[MOST_TERMS];
} Expected;

static Expected expected[PIM_DEV_COUNT][PIM_DEV_COUNT];
static weir_context *all;

static PimDevice device_named(PimFamily family, const char *word, size_t n)
{
    for (int d = 0; d < PIM_DEV_COUNT; d++) {
        const char *text = pim_device_text((PimDevice)d);
        if (pim_device_family((PimDevice)d) == family && strlen(text) == n && memcmp(text, word, n) == 0)
            return (PimDevice)d;
    }
    fail_msg("no device command %.*s", (int)n, word);
    return PIM_DEV_COUNT;
}

static const char *word(const char **at)
{
    size_t n = strcspn(*at, " ;:\n");
    const char *text = arena_string(&all->arena, *at, n);
    *at += n;
    return text;
}

/* FAMILY BEFORE AFTER: LEVEL EXPRESSION [(PEER)]; .. */
static const char *read_line(const char *at)
{
    PimFamily family = at[0] == 'A' ? PIM_AIM : PIM_HBM;
    at += 4;
    const char *b = word(&at);
    at++;
    const char *a = word(&at);
    Expected *e = &expected[device_named(family, b, strlen(b))][device_named(family, a, strlen(a))];
    while (*at == ':' || *at == ';') {
        at += 2;
        const char *level = word(&at);
        at++;
        assert_true(e->n < MOST_TERMS);
        Term *t = &e->terms[e->n++];
        t->level = level[0] == 'C' ? PIM_LEVEL_CH : level[1] == 'G' ? PIM_LEVEL_BG : PIM_LEVEL_BK;
        t->window = level[2] == '*' ? 4 : 1;
        t->strict = t->peer = word(&at);
        if (at[0] == ' ') {
            size_t n = strcspn(at, ")");
            t->peer = arena_string(&all->arena, at + 2, n - 2);
            at += n + 1;
        }
    }
    return at + 1;
}

static int setup_all(void **state)
{
    (void)state;
    const Source *source = NULL;
    setenv("WEIR_MACHINES", WEIR_SOURCE_DIR "/machines", 1);
    all = weir_context_new();
    if (file_source(all, WEIR_SOURCE_DIR "/tests/unit/data/pim_distances.txt", &source) != WEIR_OK)
        return 1;
    for (const char *at = source->text; *at != 0;)
        at = *at == '#' ? strchr(at, '\n') + 1 : read_line(at);
    static const Term bus = {PIM_LEVEL_CH, 1, "1", "1"};
    for (int b = 0; b < PIM_DEV_COUNT; b++)
        for (int a = 0; a < PIM_DEV_COUNT; a++)
            if (pim_device_family((PimDevice)b) == PIM_AIM && pim_device_family((PimDevice)a) == PIM_AIM)
                expected[b][a].terms[expected[b][a].n++] = bus;
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    weir_context_free(all);
    return 0;
}

/* ---- machines ---- */

typedef struct Variant {
    const Machine *machine;
    PimMachine pim;
} Variant;

static Variant variant_of(weir_context *cx, PimFamily family, const char *raised, bool peer)
{
    Variant v;
    assert_int_equal(machine_load(cx, family == PIM_AIM ? "gddr6-aim" : "hbm2-pim", &v.machine), WEIR_OK);
    if (strcmp(raised, "nBUS") == 0)
        assert_int_equal(machine_set(cx, v.machine, "split_bus=on", &v.machine), WEIR_OK);
    else if (raised[0] == '-')
        assert_int_equal(machine_set(cx, v.machine, arena_printf(&cx->arena, "%s=0 cycles", raised + 1), &v.machine), WEIR_OK);
    else if (raised[0] != 0)
        assert_int_equal(machine_set(cx, v.machine,
                                     arena_printf(&cx->arena, "%s=%lld cycles", raised, (long long)machine_cycles(v.machine, raised, 0) + RAISE),
                                     &v.machine),
                         WEIR_OK);
    assert_int_equal(pim_machine_with(cx, v.machine, peer, &v.pim), WEIR_OK);
    return v;
}

static int64_t value_of(const Variant *v, const char *expression)
{
    int64_t sum = 0, sign = 1;
    char name[32];
    for (const char *p = expression; *p != 0;) {
        size_t n = strcspn(p, "+-/");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        int64_t term = name[0] <= '9' ? atoll(name) : strcmp(name, "nBUS") == 0 ? !machine_yes(v->machine, "split_bus", false)
                                                                                 : machine_cycles(v->machine, name, -1);
        assert_true(term >= 0);
        p += n;
        if (p[0] == '/') {
            term /= 2;
            p += 2;
        }
        sum += sign * term;
        sign = *p == '-' ? -1 : 1;
        p += *p != 0;
    }
    return sum > 0 ? sum : 0;
}

/* ---- probes ---- */

typedef enum Scope { ONE_BANK, ONE_GROUP, WHOLE } Scope;

static Scope scope_of(PimDevice d)
{
    switch (d) {
    case PIM_DEV_ACT:
    case PIM_DEV_PRE:
    case PIM_DEV_RD:
    case PIM_DEV_WR:
    case PIM_DEV_RDCP:
    case PIM_DEV_WRCP:
    case PIM_DEV_MAC:
    case PIM_DEV_HACT:
    case PIM_DEV_HPRE:
    case PIM_DEV_HRD:
    case PIM_DEV_HWR:
    case PIM_DEV_HRDR:
    case PIM_DEV_HWRR:
        return ONE_BANK;
    case PIM_DEV_ACT4:
    case PIM_DEV_PRE4:
        return ONE_GROUP;
    default:
        return WHOLE;
    }
}

/* Where the two go: the finest level at which they meet, by bank (of) numbers. */
static uint32_t place_of(PimDevice d, uint32_t bank)
{
    return scope_of(d) == ONE_BANK ? bank : scope_of(d) == ONE_GROUP ? PIM_PLACE_GROUP + bank / 4 : (uint32_t)PIM_PLACE_ALL;
}

static PimLevel meeting(PimDevice b, PimDevice a, uint32_t from, uint32_t to)
{
    Scope x = scope_of(b), y = scope_of(a);
    if (x == WHOLE || y == WHOLE)
        return PIM_LEVEL_BK;
    if (from / 4 != to / 4)
        return PIM_LEVEL_CH;
    return x == ONE_BANK && y == ONE_BANK && from != to ? PIM_LEVEL_BG : PIM_LEVEL_BK;
}

static int64_t wanted(const Variant *v, PimDevice b, PimDevice a, PimLevel meet)
{
    int64_t most = 0;
    const Expected *e = &expected[b][a];
    for (uint32_t i = 0; i < e->n; i++) {
        const Term *t = &e->terms[i];
        const char *expression = v->pim.peer ? t->peer : t->strict;
        /* A rule of the channel binds wherever they meet, one of a bank on the same bank only. */
        if (t->window == 1 && strcmp(expression, "-") != 0 && t->level <= meet) {
            int64_t x = value_of(v, expression);
            most = x > most ? x : most;
        }
    }
    return most;
}

static int64_t judged(const PimMachine *m, PimDevice b, uint32_t from, PimDevice a, uint32_t to)
{
    static PimJudge judge;
    const PimSlot *slot;
    pim_judge_open(&judge, m);
    pim_judge_push(&judge, b, from, BASE, 0);
    int64_t distance = pim_judge_until(&judge, a, to, &slot) - BASE;
    return distance > 0 ? distance : 0;
}

static int64_t engine(const PimMachine *m, PimDevice b, uint32_t from, PimDevice a, uint32_t to)
{
    static PimChannel channel;
    int rule;
    pim_channel_open(&channel, m);
    const PimAction action = {b, from, 0};
    int64_t time = pim_issue(&channel, &action, 1, BASE);
    return pim_earliest(&channel, a, to, 0, &rule) - time;
}

/* Pairs of places: same bank, same group, another group; and parities. */
static const uint32_t ways[][2] = {{0, 0}, {0, 1}, {0, 4}, {5, 5}, {6, 5}, {7, 15}};
enum { N_WAYS = 6 };

static bool pair_differs(const Variant *v, PimDevice b, PimDevice a, bool by_engine)
{
    for (int w = 0; w < N_WAYS; w++) {
        uint32_t from = place_of(b, ways[w][0]), to = place_of(a, ways[w][1]);
        int64_t want = wanted(v, b, a, meeting(b, a, ways[w][0], ways[w][1]));
        if ((by_engine ? engine(&v->pim, b, from, a, to) : judged(&v->pim, b, from, a, to)) != want)
            return true;
    }
    if (scope_of(b) != ONE_BANK || scope_of(a) != ONE_BANK || v->pim.family != PIM_HBM)
        return false;
    for (uint32_t to = PIM_PLACE_EVEN; to <= PIM_PLACE_ODD; to++) {
        int64_t want = wanted(v, b, a, to == PIM_PLACE_EVEN ? PIM_LEVEL_BK : PIM_LEVEL_BG);
        if ((by_engine ? engine(&v->pim, b, PIM_PLACE_EVEN, a, to) : judged(&v->pim, b, PIM_PLACE_EVEN, a, to)) != want)
            return true;
    }
    return false;
}

/* Four activations of different groups, then a fifth. */
static bool window_differs(const Variant *v, PimDevice act, bool by_engine)
{
    int64_t first = 0, last = 0, window = 0, got;
    static PimChannel channel;
    static PimJudge judge;
    const PimSlot *slot;
    int rule;
    const Expected *e = &expected[act][act];
    for (uint32_t i = 0; i < e->n; i++) {
        const char *expression = v->pim.peer ? e->terms[i].peer : e->terms[i].strict;
        if (e->terms[i].window == 4 && strcmp(expression, "-") != 0)
            window = value_of(v, expression);
    }
    pim_channel_open(&channel, &v->pim);
    pim_judge_open(&judge, &v->pim);
    for (uint32_t k = 0; k < 4; k++) {
        const PimAction action = {act, 4 * k, 0};
        int64_t time = pim_issue(&channel, &action, 1, BASE);
        pim_judge_push(&judge, act, 4 * k, time, k);
        first = k == 0 ? time : first;
        last = time;
    }
    int64_t next = last + wanted(v, act, act, PIM_LEVEL_CH), group = first + wanted(v, act, act, PIM_LEVEL_BG);
    int64_t want = next > group ? next : group;
    want = window > 0 && first + window > want ? first + window : want;
    got = by_engine ? pim_earliest(&channel, act, 1, 0, &rule) : pim_judge_until(&judge, act, 1, &slot);
    return got != want;
}

/* ---- the tests ---- */

/* Every timing name, raised; with a minus, 0. */
static const char *const names[2][36] = {
    {"", "nBL", "nCL", "nRCDRD", "nRCDRDMAC", "nRCDEWMUL", "nRCDRDAF", "nRCDRDCP", "nRCDWR", "nRCDWRCP", "nRP", "nRAS", "nRC", "nWR",
     "nRTP", "nCWL", "nCCDS", "nCCDL", "nRRDS", "nRRDL", "nFAW", "nWTRS", "nWTRL", "nCLREG", "nCWLREG", "nCWLGB", "nWPRE", "nMODCH",
     "nRFC"},
    {"", "nBUS", "BL", "RL", "WL", "tCCDS", "tCCDL", "tRCDRD", "tRCDWR", "tRAS", "tRC", "tRP", "tRRDS", "tRRDL", "tRTPL", "tWR", "tWTRS",
     "tWTRL", "tRTRS", "tXAW", "tRFC", "-tCCDS"},
};

static void every_pair_has_its_distance(void **state)
{
    (void)state;
    for (int family = PIM_AIM; family <= PIM_HBM; family++)
        for (int name = 0; names[family][name] != NULL; name++)
            for (int peer = 0; peer < 2; peer++) {
                weir_context *cx = weir_context_new();
                Variant v = variant_of(cx, (PimFamily)family, names[family][name], peer != 0);
                for (int b = 0; b < PIM_DEV_COUNT; b++)
                    for (int a = 0; a < PIM_DEV_COUNT; a++)
                        for (int way = 0; way < 2; way++)
                            if (pim_device_family((PimDevice)b) == v.pim.family && pim_device_family((PimDevice)a) == v.pim.family &&
                                pair_differs(&v, (PimDevice)b, (PimDevice)a, way != 0))
                                fail_msg("%s -> %s with %s raised, peer %d: the %s differs", pim_device_text((PimDevice)b),
                                         pim_device_text((PimDevice)a), names[family][name], peer, way != 0 ? "engine" : "checker");
                PimDevice act = family == PIM_AIM ? PIM_DEV_ACT : PIM_DEV_HACT;
                assert_false(window_differs(&v, act, false));
                assert_false(window_differs(&v, act, true));
                weir_context_free(cx);
            }
}

/* Does anything that the distances say differ under the mutant of row i? */
static bool noticed(PimFamily family, uint32_t i, int mutation, bool by_engine)
{
    for (int name = 0; names[family][name] != NULL; name++)
        for (int peer = 0; peer < 2; peer++) {
            weir_context *cx = weir_context_new();
            Variant v = variant_of(cx, family, "", false);
            bool uses = name == 0 || v.pim.rules[i].number == 1 || strstr(v.pim.rules[i].expression, names[family][name]) != NULL;
            bool differs = false;
            if (uses) {
                v = variant_of(cx, family, names[family][name], peer != 0);
                PimRule *rule = &v.pim.rules[i];
                if (mutation == 0)
                    rule->cycles = -1;
                else if (mutation == 1 && rule->cycles >= 0)
                    rule->cycles -= 1;
                else if (mutation > 1)
                    rule->level = (PimLevel)((rule->level + (uint32_t)mutation - 1) % 3);
                pim_machine_compile(cx, &v.pim);
                for (int b = 0; b < PIM_DEV_COUNT && !differs; b++)
                    for (int a = 0; a < PIM_DEV_COUNT && !differs; a++)
                        differs = (rule->before >> b & 1) != 0 && (rule->after >> a & 1) != 0 &&
                                  pair_differs(&v, (PimDevice)b, (PimDevice)a, by_engine);
                differs = differs || (rule->window > 1 && window_differs(&v, family == PIM_AIM ? PIM_DEV_ACT : PIM_DEV_HACT, by_engine));
            }
            weir_context_free(cx);
            if (differs)
                return true;
        }
    return false;
}

/* Moving a row between these levels changes nothing where one command of each pair is of the whole channel, or (bank against group)
 * of a group. */
static bool level_is_moot(const PimRule *rule, PimLevel other)
{
    for (int b = 0; b < PIM_DEV_COUNT; b++)
        for (int a = 0; a < PIM_DEV_COUNT; a++) {
            if ((rule->before >> b & 1) == 0 || (rule->after >> a & 1) == 0)
                continue;
            Scope x = scope_of((PimDevice)b), y = scope_of((PimDevice)a);
            bool across = rule->level == PIM_LEVEL_CH || other == PIM_LEVEL_CH; /* they differ between groups */
            if (x != WHOLE && y != WHOLE && (across || (x == ONE_BANK && y == ONE_BANK)))
                return false;
        }
    return true;
}

static void mutants_of_rows_are_noticed(void **state)
{
    (void)state;
    uint32_t mutants = 0, moot = 0;
    for (int family = PIM_AIM; family <= PIM_HBM; family++) {
        weir_context *cx = weir_context_new();
        Variant v = variant_of(cx, (PimFamily)family, "", false);
        for (uint32_t i = 0; i < v.pim.n_rules; i++)
            for (int mutation = 0; mutation < 4; mutation++) {
                const PimRule *rule = &v.pim.rules[i];
                if (mutation > 1 && (rule->window > 1 || level_is_moot(rule, (PimLevel)((rule->level + (uint32_t)mutation - 1) % 3)))) {
                    moot++;
                    continue;
                }
                mutants += 2;
                for (int way = 0; way < 2; way++)
                    if (!noticed((PimFamily)family, i, mutation, way != 0))
                        fail_msg("mutant %d of row %u (%s, rule %u) lives in the %s", mutation, i, rule->expression, rule->number,
                                 way != 0 ? "engine" : "checker");
            }
        weir_context_free(cx);
    }
    print_message("%u mutants noticed, %u change nothing\n", mutants, moot);
    assert_true(mutants > 400);
}

static void every_pair_is_ruled(void **state)
{
    (void)state;
    Text text;
    text_init(&text, &all->arena);
    uint32_t open = pim_audit(PIM_AIM, &text) + pim_audit(PIM_HBM, &text);
    if (open != 0)
        fail_msg("%u pairs are neither a rule nor a state nor free:\n%s", open, text.at);
}

/* ---- streams ---- */

typedef struct Events {
    PimEvent *at;
    uint32_t n;
    int64_t cycles;
} Events;

/* What the engine makes of a stream, repeats apart. */
static Events events_of(Case *c)
{
    static PimChannel channel;
    PimCode code = {0};
    Events e = {ARENA_ARRAY(&c->cx->arena, PimEvent, 1 << 16), 0, 0};
    assert_int_equal(pim_decode(c->cx, &c->image, &code), WEIR_OK);
    const PimStream *s = &code.streams.at[0];
    pim_channel_open(&channel, &c->machine);
    for (uint32_t k = 0; k < s->commands.n; k++) {
        const PimCommand *command = &s->commands.at[k];
        bool on = false, mode = pim_writes_mode(&c->image, &c->machine, command, &on);
        PimEvent one = {.n = 1, .number = k, .mode = !mode ? 0 : on ? 2 : 1};
        if (!pim_action_of(&c->machine, command, &one.action))
            continue;
        int64_t time = pim_issue(&channel, &one.action, command->w.n1 + 1, 0);
        if (mode)
            pim_set_mode(&channel, on);
        for (uint32_t n = 0; n <= command->w.n1; n++) {
            one.time = time + (int64_t)n * c->machine.spacing[one.action.device];
            e.at[e.n++] = one;
        }
    }
    e.cycles = channel.now + c->machine.tail;
    return e;
}

static bool is_legal(const PimMachine *m, const Events *e, uint32_t changed, bool drop)
{
    static PimJudge judge;
    pim_judge_open(&judge, m);
    for (uint32_t i = 0; i < e->n; i++) {
        PimEvent event = e->at[i];
        if (i == changed && drop)
            continue;
        event.time -= i == changed;
        if (!pim_judge_event(&judge, &event))
            return false;
    }
    return pim_judge_end(&judge, e->cycles);
}

/* A closing that the next row command of its banks, which closes all, makes needless. */
static bool is_needless(const Events *e, uint32_t k)
{
    PimDevice d = e->at[k].action.device;
    if (d != PIM_DEV_HPRE && d != PIM_DEV_PRE)
        return false;
    for (uint32_t i = k + 1; i < e->n; i++)
        if (pim_device_kind(e->at[i].action.device) == PIM_ROW &&
            (pim_banks_of(e->at[i].action.place) & pim_banks_of(e->at[k].action.place)) != 0)
            return e->at[i].action.device == PIM_DEV_HPREA || e->at[i].action.device == PIM_DEV_PREA;
    return false;
}

static const char *const streams[][3] = {
    {"gemv_hbm.awk", "-v M=128 -v K=1024", ""},
    {"gemv_hbm.awk", "-v form=scalar -v M=1024 -v K=128", ""},
    {"eltwise_hbm.awk", "-v op=add -v N=65536", ""},
    {"vendor_hbm.awk", "-v kernel=gemv_tree -v M=64 -v K=512 -v strict=1", "refresh=timer"},
    {"gemv_aim.awk", "-v M=1024 -v K=4096 -v channels=8", "channels=8"},
    {"gemv_aim.awk", "-v M=1024 -v K=2048 -v channels=8 -v order=B", "channels=8 refresh=off"},
};

static void changed_streams_are_refused(void **state)
{
    (void)state;
    uint32_t early = 0, dropped = 0;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        Case c;
        open_generated(&c, streams[i][0], streams[i][1], streams[i][2], false);
        Events e = events_of(&c);
        assert_true(is_legal(&c.machine, &e, UINT32_MAX, false));
        for (uint32_t k = 0; k < e.n; k++) {
            PimDeviceKind kind = pim_device_kind(e.at[k].action.device);
            bool sampled = e.n < 1500 || k % 7 == 0 || kind == PIM_ROW || kind == PIM_MODE;
            if (sampled && is_legal(&c.machine, &e, k, false))
                fail_msg("%s %s: command %u one cycle early passes", streams[i][0], streams[i][1], k);
            early += sampled;
            if ((kind != PIM_ROW && kind != PIM_MODE && kind != PIM_REFRESH) || is_needless(&e, k))
                continue;
            if (is_legal(&c.machine, &e, k, true))
                fail_msg("%s %s: without command %u (%s at %lld) it passes", streams[i][0], streams[i][1], k,
                         pim_device_text(e.at[k].action.device), (long long)e.at[k].time);
            dropped++;
        }
        weir_context_free(c.cx);
    }
    print_message("%u early commands, %u dropped ones refused\n", early, dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_ruled),
        cmocka_unit_test(every_pair_has_its_distance),
        cmocka_unit_test(mutants_of_rows_are_noticed),
        cmocka_unit_test(changed_streams_are_refused),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
