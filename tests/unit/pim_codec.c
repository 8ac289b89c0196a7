/* Every field of every command of the memory's command set, and random words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isa/pim/crf.h"
#include "isa/pim/pim.h"

static Image image_of(weir_context *cx)
{
    Image image = {.target = IMAGE_PIM, .machine = "gddr6-aim", .producer = ""};
    ImageTensor t = {.name = "x", .layout = "", .type = DT_BF16, .n_dims = 1, .extent = {16}, .bytes = 32};
    vec_push(&cx->arena, &image.tensors, t);
    return image;
}

static weir_status round_trip(weir_context *cx, const PimCommand *c, PimCommand *out)
{
    Image image = image_of(cx);
    PimCode code = {0}, back = {0};
    PimStream s = {.machine = "gddr6-aim", .channels = 5};
    vec_push(&cx->arena, &s.commands, *c);
    vec_push(&cx->arena, &code.streams, s);
    TRY(pim_encode(cx, &code, &image));
    TRY(pim_decode(cx, &image, &back));
    assert_int_equal(back.streams.at[0].channels, 5);
    assert_int_equal(back.streams.at[0].commands.n, 1);
    *out = back.streams.at[0].commands.at[0];
    return WEIR_OK;
}

/* Each field of each operation at 0, 1, max - 1, max: kept if the operation has it, else refused unless 0; max + 1 refused. */
static void fields_of_commands(void **state)
{
    (void)state;
    uint32_t kept = 0, refused = 0;
    for (uint32_t op = 0; op < PIM_OP_COUNT; op++) {
        const PimOpInfo *info = pim_op_info(op);
        for (uint32_t i = 0; info != NULL && i < pim_word_fields.n; i++) {
            const Field *f = &pim_word_fields.fields[i];
            if (strcmp(f->name, "op") == 0)
                continue;
            uint64_t max = field_max(f), values[] = {0, 1, max - 1, max, max + 1};
            for (int v = 0; v < 5; v++) {
                weir_context *cx = weir_context_new();
                PimCommand c = {.w = {.op = op}}, back;
                while (info->scopes != 0 && (info->scopes >> c.w.scope & 1) == 0)
                    c.w.scope++;
                field_put(f, &c.w, values[v]);
                weir_status status = round_trip(cx, &c, &back);
                if (v == 4)
                    assert_int_equal(status, WEIR_INVALID);
                else if (pim_command_fault(&c) != NULL)
                    assert_int_equal(status, WEIR_MALFORMED);
                else
                    assert_memory_equal(&back, &c, sizeof c);
                kept += status == WEIR_OK;
                refused += status != WEIR_OK;
                weir_context_free(cx);
            }
        }
    }
    assert_true(kept > 200 && refused > 200);
}

/* The extension word's fields, with a command that takes it. */
static void fields_of_extensions(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < pim_ext_fields.n; i++) {
        const Field *f = &pim_ext_fields.fields[i];
        uint64_t max = field_max(f), values[] = {0, 1, max - 1, max, max + 1};
        for (int v = 0; v < 5; v++) {
            weir_context *cx = weir_context_new();
            PimCommand c = {.w = {.op = PIM_OP_WRGB, .ext = 1}}, back;
            field_put(f, &c.x, values[v]);
            weir_status status = round_trip(cx, &c, &back);
            if (v == 4 && f->width < 8 * f->size)
                assert_int_equal(status, WEIR_INVALID);
            else if (c.x.flags != 0 || c.x.buf != 0) /* there is one buffer */
                assert_int_equal(status, WEIR_MALFORMED);
            else
                assert_memory_equal(&back, &c, sizeof c);
            weir_context_free(cx);
        }
    }
}

/* Instructions of the microprogram: every word is refused or comes back, through the text too. */
static void instructions(void **state)
{
    (void)state;
    uint64_t seed = 3;
    uint32_t good = 0;
    weir_context *cx = weir_context_new();
    for (uint32_t i = 0; i < 1000000; i++) {
        PimCrfWord w, again;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(seed >> 32) & (i % 3 == 0 ? 0x47FFFFFFu : i % 3 == 1 ? 0xFFFFFFFFu : 0x3DF9E000u);
        if (pim_crf_decode(bits, &w) != NULL)
            continue;
        assert_int_equal(pim_crf_encode(&w), bits);
        good++;
        if (good % 64 != 0)
            continue;
        Text text;
        AsmText s;
        text_init(&text, &cx->arena);
        pim_crf_print(&w, &text);
        const Source source = {.path = "crf", .text = text.at, .bytes = text.n};
        asm_open(&s, cx, &source, '#');
        assert_int_equal(pim_crf_parse(&s, &again), WEIR_OK);
        assert_int_equal(pim_crf_encode(&again), bits);
    }
    assert_true(good > 1000);
    weir_context_free(cx);
}

static void random_words(void **state)
{
    (void)state;
    uint64_t seed = 7;
    uint32_t accepted = 0;
    for (int block = 0; block < 1000; block++) {
        weir_context *cx = weir_context_new();
        for (int i = 0; i < 1000; i++) {
            Image image = image_of(cx);
            uint32_t words[] = {1, 1, 'm', 1, 0, 1, 0, 0};
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            words[6] = (uint32_t)(seed >> 32) & (i % 2 != 0 ? 0xFFFFFFFF : 0);
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            words[7] = (uint32_t)(seed >> 32) & (i % 2 != 0 ? 0xFFFFFFFF : 0xFD800000);
            for (int k = 0; k < 8; k++)
                vec_push(&cx->arena, &image.code, words[k]);
            PimCode code = {0};
            if (pim_decode(cx, &image, &code) == WEIR_OK) {
                accepted++;
                Image again = image_of(cx);
                assert_int_equal(pim_encode(cx, &code, &again), WEIR_OK);
                assert_int_equal(again.code.n, 8);
                assert_memory_equal(again.code.at, words, sizeof words);
            }
        }
        weir_context_free(cx);
    }
    assert_in_range(accepted, 10000, 900000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fields_of_commands), cmocka_unit_test(fields_of_extensions), cmocka_unit_test(instructions),
                                       cmocka_unit_test(random_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
