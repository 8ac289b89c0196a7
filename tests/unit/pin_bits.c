/* Bits of pinned cascades: the digests of the examples, and random mappings against a walk of their loops. */
#include <math.h>

#include "ir/eval.h"
#include "ir/pin.h"
#include "support/file.h"
#include "support/text.h"
#include "tests/unit/sha256.h"
#include "tests/unit/unit.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

static const Source *file_of(const char *name, const char *suffix)
{
    const Source *source;
    good(file_source(cx, arena_printf(&cx->arena, DATA "%s.%s", name, suffix), &source));
    return source;
}

/* The inputs of NAME.expect: `in T : type [extents]` and values, or `= seeded(seed, law, scale)`. */
static void read_inputs(Cascade *cs, const char *name, Tensor *values)
{
    const char *at = file_of(name, "expect")->text;
    for (uint32_t i = 1; i < cs->tensors.n; i++) {
        const TensorDecl *decl = &cs->tensors.at[i];
        if (decl->role != TENSOR_IN)
            continue;
        int64_t extent[TENSOR_MAX_DIMS];
        for (uint32_t d = 0; d < decl->n_dims; d++)
            extent[d] = dim_extent(cs, (TensorId){i}, d);
        values[i] = tensor_new(cx, decl->type, decl->n_dims, extent);
        const char *line = strstr(at, arena_printf(&cx->arena, "in %s :", cx_text(cx, decl->name)));
        assert_non_null(line);
        const char *end = strchr(strchr(line, '['), ']') + 1;
        unsigned long long seed;
        double scale;
        if (sscanf(end, " = seeded(%llu, normal, %lf)", &seed, &scale) == 2) {
            seeded_fill(&values[i], seed, LAW_NORMAL, scale);
            continue;
        }
        char *next = arena_string(&cx->arena, end, strlen(end));
        for (int64_t k = 0; k < tensor_elements(&values[i]); k++)
            dtype_store_f64(decl->type, values[i].data, (size_t)k, strtod(next, &next));
    }
}

static void digest_of(const Tensor *tensor, char out_hex[65])
{
    int64_t n = tensor_elements(tensor);
    uint32_t *bits = ARENA_ARRAY(&cx->arena, uint32_t, (size_t)n);
    for (int64_t k = 0; k < n; k++) {
        float f = (float)dtype_load_f64(tensor->type, tensor->data, (size_t)k);
        memcpy(&bits[k], &f, sizeof f);
    }
    sha256_hex(bits, (size_t)n * 4, out_hex);
}

static void digests(void **state)
{
    (void)state;
    char map[64], machine[64], tensor[64], digest[65];
    unsigned met = 0;
    for (const char *line = file_of("pinned", "sha256")->text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%63[^ .].%63[^ ] %63s %64s", map, machine, tensor, digest) != 4 || line[0] == '#')
            continue;
        const Machine *m;
        Mapping *mapping;
        Cascade *pinned, *cs = cascade_of(file_of(map, "cascade"));
        good(machine_load(cx, machine, &m));
        good(mapping_parse(cx, file_of(arena_printf(&cx->arena, "%s.%s", map, machine), "map"), cs, &mapping));
        good(pin(cs, 1, &mapping, m, &pinned));
        good(cascade_verify(pinned));
        Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, pinned->tensors.n);
        read_inputs(pinned, map, values);
        TensorId wanted = tensor_by_name(pinned, intern_text(&cx->names, tensor));
        good(eval_cascade(pinned, &(EvalOptions){.system = EVAL_TYPED, .n_wanted = 1, .wanted = &wanted}, values));
        char got[65];
        digest_of(&values[wanted.i], got);
        if (strcmp(got, digest) != 0)
            print_error("%s.%s %s\n", map, machine, tensor);
        assert_string_equal(got, digest);
        met++;
    }
    assert_int_equal(met, 15);
}

/* ---- random mappings ---- */

/* One loop around the sum: its extent, its stride in k, how it combines. */
typedef struct Loop {
    int64_t extent, stride;
    enum { IN_TIME, TREE, PAIRS, SEQ } kind;
    bool each;
} Loop;

typedef struct Walk {
    Loop loop[6];
    unsigned n;
    int64_t k;
    int64_t inner; /* of a fused rank: the extent of its second; 0: k is a rank */
    bool fma, pad, from;
    float start;
    const float *a, *b;
} Walk;

static float combine(float *x, int64_t n, int kind, float sum)
{
    if (kind == SEQ) {
        for (int64_t i = 0; i < n; i++)
            sum += x[i];
        return sum;
    }
    for (; n > 1; n /= 2)
        for (int64_t i = 0; i < n / 2; i++)
            x[i] = kind == TREE ? x[i] + x[i + n / 2] : x[2 * i] + x[2 * i + 1];
    return x[0];
}

static bool in_time_inside(const Walk *w, unsigned level, unsigned end)
{
    for (unsigned i = level; i < end; i++)
        if (w->loop[i].kind == IN_TIME)
            return true;
    return false;
}

/* The section of loops that ends at the next `each`. */
static unsigned section_end(const Walk *w, unsigned level)
{
    unsigned end = level + 1;
    while (end < w->n && !w->loop[end].each)
        end++;
    return end;
}

static float reduce(const Walk *w, unsigned level, int64_t at);

/* Runs the loops in time of a section in their order, with the lanes of the section at fixed coordinates. */
static void run_time(const Walk *w, unsigned level, unsigned end, int64_t at, float *acc)
{
    while (level < end && w->loop[level].kind != IN_TIME)
        level++;
    if (level < end) {
        for (int64_t i = 0; i < w->loop[level].extent; i++)
            run_time(w, level + 1, end, at + i * w->loop[level].stride, acc);
        return;
    }
    if (end < w->n)
        *acc += reduce(w, end, at);
    else if (at < w->k)
        *acc = w->fma ? fmaf(w->a[at], w->b[at], *acc) : *acc + w->a[at] * w->b[at];
}

static unsigned first_lane(const Walk *w)
{
    unsigned level = 0;
    while (level < w->n && w->loop[level].kind == IN_TIME)
        level++;
    return level;
}

/* The lanes of a section from the outermost in, each with its own walk through time, combined from the innermost out. */
static float run_lanes(const Walk *w, unsigned level, unsigned start, unsigned end, int64_t at, float first)
{
    while (level < end && w->loop[level].kind == IN_TIME)
        level++;
    float x[64], acc = first;
    if (level < end) {
        for (int64_t i = 0; i < w->loop[level].extent; i++)
            x[i] = run_lanes(w, level + 1, start, end, at + i * w->loop[level].stride, 0);
        acc = combine(x, w->loop[level].extent, (int)w->loop[level].kind, first);
        bool add = w->from && level <= first_lane(w) && start == 0 && w->loop[level].kind != SEQ;
        return add ? acc + w->start : acc;
    }
    if (in_time_inside(w, start, end)) {
        run_time(w, start, end, at, &acc);
        return acc;
    }
    if (end < w->n)
        return reduce(w, end, at);
    return at < w->k ? w->a[at] * w->b[at] : 0;
}

static float reduce(const Walk *w, unsigned level, int64_t at)
{
    return run_lanes(w, level, level, section_end(w, level), at, level == 0 && w->from ? w->start : 0);
}

static uint64_t random_state = 11;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((random_state >> 33) % n);
}

/* A random split of k in 1..4 parts, loops in a random order, random roles; the map's text. */
static const char *random_map(Walk *w)
{
    static const int64_t extents[] = {1, 2, 3, 4, 5, 8};
    static const char *const roles[] = {"for", "lane", "lane", "lane"}, *const combines[] = {"", " tree", " pairs", " seq"};
    Text text, tail;
    text_init(&text, &cx->arena);
    text_init(&tail, &cx->arena);
    unsigned order[4];
    int64_t inner = 1, extent[4];
    w->n = 1 + below(4);
    for (unsigned i = w->n; i-- > 1;) {
        extent[i] = extents[below(6)];
        inner *= extent[i];
    }
    extent[0] = (w->k + inner - 1) / inner;
    w->pad = below(2) == 0;
    text_printf(&text, "map c on host {\n%s", w->inner != 0 ? "  fuse (i, j) -> k\n" : "");
    if (w->n > 1)
        text_printf(&text, "  split k -> k0");
    for (unsigned i = 1; i < w->n; i++)
        text_printf(&text, ", k%u = %lld", i, (long long)extent[i]);
    text_printf(&text, "%s\n", w->n > 1 && w->pad ? " pad 0" : "");
    for (unsigned i = 0; i < w->n; i++) {
        unsigned j = below(i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (unsigned i = 0; i < w->n; i++) {
        Loop *loop = &w->loop[i];
        unsigned part = order[i];
        loop->extent = extent[part];
        loop->stride = 1;
        for (unsigned p = part + 1; p < w->n; p++)
            loop->stride *= extent[p];
        bool power = (loop->extent & (loop->extent - 1)) == 0;
        loop->kind = loop->extent > 64 ? IN_TIME : below(4);
        if ((loop->kind == TREE || loop->kind == PAIRS) && !power)
            loop->kind = SEQ;
        loop->each = loop->kind != IN_TIME && below(3) == 0;
        char name[16];
        snprintf(name, sizeof name, "%u", part);
        text_printf(&text, "%s k%s%s%s { ", roles[loop->kind], w->n > 1 ? name : "", combines[loop->kind],
                    loop->each ? " each" : "");
        text_printf(&tail, " }");
    }
    text_printf(&text, "y%s\n}\n", tail.at);
    return text.at;
}

static void check_random(unsigned round)
{
    float a[64], b[64];
    Walk w = {.k = 1 + below(40), .fma = below(2) == 0, .a = a, .b = b};
    w.inner = below(2) == 0 ? 0 : 1 + below(5);
    if (w.inner != 0)
        w.k = w.inner * (1 + below(8));
    w.from = below(2) == 0;
    w.start = (float)below(1000) / 7.0f;
    const char *map = random_map(&w), *index = w.inner != 0 ? "i, j" : "k";
    const char *ranks = w.inner != 0 ? arena_printf(&cx->arena, "i = %lld, j = %lld", (long long)(w.k / w.inner), (long long)w.inner)
                                     : arena_printf(&cx->arena, "k = %lld", (long long)w.k);
    Cascade *cs = cascade_of(text_source(arena_printf(
        &cx->arena, "cascade c { rank %s in A[%s] : f32 in B[%s] : f32 in S[] : f32 out y[] : f32 = sum[%s%s] A[%s] * B[%s] }",
        ranks, index, index, index, w.from ? " from S[]" : "", index, index)));
    const Machine *host, *machine;
    Mapping *m;
    Cascade *pinned;
    good(machine_load(cx, "host", &host));
    good(machine_set(cx, host, w.fma ? "fma = yes" : "fma = no", &machine));
    good(mapping_parse(cx, text_source(map), cs, &m));
    good(pin(cs, 1, &m, machine, &pinned));
    Text text;
    text_init(&text, &cx->arena);
    cascade_print(pinned, &text);
    pinned = cascade_of(text_source(text.at));
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, pinned->tensors.n);
    for (uint32_t i = 1; i <= 2; i++) {
        float *to = i == 1 ? a : b;
        int64_t extent[2] = {w.inner != 0 ? w.k / w.inner : w.k, w.inner};
        values[i] = tensor_new(cx, DT_F32, w.inner != 0 ? 2 : 1, extent);
        for (int64_t k = 0; k < w.k; k++)
            to[k] = (float)((int)below(2000001) - 1000000) / 977.0f;
        memcpy(values[i].data, to, (size_t)w.k * sizeof *to);
    }
    assert_string_equal(tensor_name(pinned, (TensorId){1}), "A");
    values[3] = tensor_new(cx, DT_F32, 0, NULL);
    memcpy(values[3].data, &w.start, sizeof w.start);
    TensorId y = tensor_by_name(pinned, intern_text(&cx->names, "y"));
    good(eval_cascade(pinned, &(EvalOptions){.system = EVAL_TYPED}, values));
    float got, want = reduce(&w, 0, 0);
    memcpy(&got, values[y.i].data, sizeof got);
    if (memcmp(&got, &want, sizeof got) != 0)
        print_error("round %u: %a, walked %a\n%s%s", round, (double)got, (double)want, map, text.at);
    assert_memory_equal(&got, &want, sizeof got);
}

static void random_mappings(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        cx = weir_context_new();
        check_random(round);
        weir_context_free(cx);
    }
}

/* Hundreds of mappings over thousands of statements pin without quadratic work. */
static void large(void **state)
{
    (void)state;
    enum { GROUPS = 400, EACH = 10 };
    Text text, maps;
    text_init(&text, &cx->arena);
    text_init(&maps, &cx->arena);
    text_printf(&text, "cascade c { rank m = 4, k = 16 in A[m, k] : f32 in X0[m] : f32\n");
    for (unsigned g = 0; g < GROUPS; g++) {
        text_printf(&text, "X%u[m] = sum[k] A[m, k] * X%u[m]\n", g * EACH + 1, g * EACH);
        text_printf(&maps, "map c_%u on host { split k -> k1, k0 = 8 for m { for k1 { lane k0 tree { X%u } }", g, g * EACH + 1);
        for (unsigned i = 1; i < EACH; i++) {
            text_printf(&text, "X%u[m] = X%u[m] + X%u[m]\n", g * EACH + i + 1, g * EACH + i, g * EACH);
            text_printf(&maps, " X%u", g * EACH + i + 1);
        }
        text_printf(&maps, " } }\n");
    }
    text_printf(&text, "out Y[m] : f32 = X%u[m] }\n", GROUPS * EACH);
    Cascade *pinned, *cs = cascade_of(text_source(text.at));
    const Machine *machine;
    uint32_t n;
    Mapping **list;
    good(machine_load(cx, "host", &machine));
    good(mapping_parse_all(cx, text_source(maps.at), cs, NULL, &n, &list));
    assert_int_equal(n, GROUPS);
    assert_int_equal(list[7]->n_statements, EACH);
    good(pin(cs, n, list, machine, &pinned));
    assert_int_equal(pinned->top.n, cs->top.n + GROUPS + 2);
    assert_int_equal(rank_by_name(pinned, intern_text(&cx->names, "k0")).i, pinned->ranks.n - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(digests, setup, teardown),
        cmocka_unit_test_setup_teardown(large, setup, teardown),
        cmocka_unit_test(random_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
