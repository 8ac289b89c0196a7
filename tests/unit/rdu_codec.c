/* Every field of every RDU record part, and random words: round trips or refused, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isa/rdu/rdu.h"

enum { RECORD_BYTES = 256, WORDS = 16 };

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fields_hold_their_extremes(void **state)
{
    (void)state;
    for (uint32_t s = 0; s < rdu_n_parts; s++) {
        const FieldSet *set = &rdu_parts[s];
        for (uint32_t i = 0; i < set->n; i++) {
            const Field *field = &set->fields[i];
            uint64_t max = field_max(field), values[] = {0, 1, max - 1, max};
            assert_true((uint32_t)field->bit + field->width <= 32u * set->words);
            for (size_t v = 0; v < 4; v++) {
                uint64_t record[RECORD_BYTES / 8] = {0}, back[RECORD_BYTES / 8] = {0};
                uint32_t words[WORDS];
                field_put(field, record, values[v]);
                assert_null(fields_encode(set, record, words));
                assert_true(fields_decode(set, words, back));
                assert_memory_equal(record, back, sizeof record);
                assert_true(field_get(field, back) == values[v]);
            }
            if (field->width < 32) {
                uint64_t record[RECORD_BYTES / 8] = {0};
                uint32_t words[WORDS] = {7};
                field_put(field, record, max + 1);
                assert_ptr_equal(fields_encode(set, record, words), field);
                assert_int_equal(words[0], 7);
            }
        }
    }
}

static void fields_do_not_overlap(void **state)
{
    (void)state;
    for (uint32_t s = 0; s < rdu_n_parts; s++) {
        const FieldSet *set = &rdu_parts[s];
        unsigned char owned[32 * WORDS] = {0};
        for (uint32_t i = 0; i < set->n; i++)
            for (unsigned b = 0; b < set->fields[i].width; b++)
                assert_int_equal(owned[set->fields[i].bit + b]++, 0);
        for (unsigned b = 0; b < 32 * set->words; b++) {
            uint32_t words[WORDS] = {0};
            uint64_t record[RECORD_BYTES / 8] = {0};
            words[b / 32] = 1u << b % 32;
            assert_int_equal(fields_decode(set, words, record), owned[b]);
        }
    }
}

/* A kernel of one of each record. */
static RduKernel sample(weir_context *cx)
{
    RduKernel kernel = {0};
    RduUnit pcu = {.head = {.kind = RDU_KIND_PCU, .x = 1, .y = 2}}, pmu = {.head = {.kind = RDU_KIND_PMU}},
            ag = {.head = {.kind = RDU_KIND_AG}};
    RduProgram p = {0};
    RduLoop loop = {.trip = 16};
    RduIn in = {.flow = 1, .port = 1};
    RduOut out = {.flow = 2, .src = RDU_OUT_REG};
    RduStage stage = {.op = RDU_OP_MAX, .pred = RDU_PRED_NONE, .a_class = RDU_SRC_IN};
    RduTerm term = {.loop = 0, .stride = -16};
    uint32_t constant = 0x3F800000;
    vec_push(&cx->arena, &p.loops, loop);
    vec_push(&cx->arena, &p.ins, in);
    vec_push(&cx->arena, &p.outs, out);
    vec_push(&cx->arena, &pcu.programs, p);
    vec_push(&cx->arena, &pcu.stages, stage);
    vec_push(&cx->arena, &pcu.consts, constant);
    vec_push(&cx->arena, &p.terms, term);
    vec_push(&cx->arena, &pmu.programs, p);
    vec_push(&cx->arena, &pmu.programs, p);
    vec_push(&cx->arena, &ag.programs, p);
    vec_push(&cx->arena, &kernel.units, pcu);
    vec_push(&cx->arena, &kernel.units, pmu);
    vec_push(&cx->arena, &kernel.units, ag);
    RduCtl ctl = {0};
    RduCtlPort port = {.id = 2};
    vec_push(&cx->arena, &ctl.ins, port);
    vec_push(&cx->arena, &kernel.ctls, ctl);
    RduFlow flow = {.flow = {.src = 1}};
    RduEnd end = {.id = 2, .port = 1};
    uint8_t hop = 3;
    vec_push(&cx->arena, &flow.ends, end);
    vec_push(&cx->arena, &flow.hops, hop);
    vec_push(&cx->arena, &kernel.flows, flow);
    return kernel;
}

static void kernels_round_trip(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    assert_non_null(cx);
    RduCode code = {0}, back = {0};
    RduWords words = {0}, again = {0};
    for (int i = 0; i < 2; i++) {
        RduKernel kernel = sample(cx);
        vec_push(&cx->arena, &code.kernels, kernel);
    }
    assert_int_equal(rdu_encode(cx, &code, &words), WEIR_OK);
    assert_int_equal(rdu_decode(cx, words.words.at, words.words.n, &back), WEIR_OK);
    assert_int_equal(back.kernels.n, 2);
    assert_int_equal(back.kernels.at[1].units.at[1].programs.at[1].terms.at[0].stride, -16);
    assert_int_equal(rdu_encode(cx, &back, &again), WEIR_OK);
    assert_int_equal(again.words.n, words.words.n);
    assert_memory_equal(again.words.at, words.words.at, words.words.n * 4);
    for (uint32_t cut = 1; cut < words.words.n; cut++) {
        RduCode part = {0};
        bool whole = cut == words.words.n / 2;
        assert_int_equal(rdu_decode(cx, words.words.at, cut, &part), whole ? WEIR_OK : WEIR_MALFORMED);
    }
    weir_context_free(cx);
}

static void random_words_are_refused_or_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    uint32_t accepted = 0;
    for (int round = 0; round < 100; round++) {
        weir_context *cx = weir_context_new();
        RduCode code = {0};
        RduWords words = {0};
        RduKernel kernel = sample(cx);
        vec_push(&cx->arena, &code.kernels, kernel);
        assert_int_equal(rdu_encode(cx, &code, &words), WEIR_OK);
        for (int i = 0; i < 1000; i++) {
            RduCode back = {0};
            RduWords again = {0};
            uint32_t at = (uint32_t)(random_next(&seed) % words.words.n), old = words.words.at[at];
            words.words.at[at] = i % 2 != 0 ? (uint32_t)random_next(&seed) : old ^ 1u << random_next(&seed) % 32;
            if (rdu_decode(cx, words.words.at, words.words.n, &back) == WEIR_OK) {
                accepted++;
                assert_int_equal(rdu_encode(cx, &back, &again), WEIR_OK);
                assert_int_equal(again.words.n, words.words.n);
                assert_memory_equal(again.words.at, words.words.at, words.words.n * 4);
            }
            words.words.at[at] = old;
        }
        weir_context_free(cx);
    }
    assert_true(accepted > 1000);
}

/* A million words drawn at random, as records that begin well and as anything. */
static void a_million_random_words(void **state)
{
    (void)state;
    enum { BLOCK = 100, BLOCKS = 10000 };
    uint64_t seed = 7;
    uint32_t words[BLOCK];
    weir_context *cx = weir_context_new();
    for (int block = 0; block < BLOCKS; block++) {
        for (int i = 0; i < BLOCK; i++)
            words[i] = (uint32_t)random_next(&seed) & (block % 3 == 0 ? UINT32_MAX : (uint32_t)random_next(&seed) & (uint32_t)random_next(&seed));
        if (block % 2 != 0) /* a head of some kind, so that parts are read too */
            words[0] = (1 + (uint32_t)random_next(&seed) % 5) << 28 | 1u << 24 | (uint32_t)(3 + random_next(&seed) % 90) << 12;
        RduCode code = {0};
        RduWords again = {0};
        if (block % 100 == 99) {
            weir_context_free(cx);
            cx = weir_context_new();
        }
        if (rdu_decode(cx, words, BLOCK, &code) != WEIR_OK)
            continue;
        assert_int_equal(rdu_encode(cx, &code, &again), WEIR_OK);
        assert_memory_equal(again.words.at, words, sizeof words);
    }
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_hold_their_extremes),
        cmocka_unit_test(fields_do_not_overlap),
        cmocka_unit_test(kernels_round_trip),
        cmocka_unit_test(random_words_are_refused_or_round_trip),
        cmocka_unit_test(a_million_random_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
