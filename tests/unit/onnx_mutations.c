/* Damaged models: thousands of deterministic changes to a binary model and to a text. No reader may crash; each answers
 * with success or with one of four statuses and at least one diagnostic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/graph.h"
#include "support/text.h"
#include "tests/unit/onnx_sample.h"

enum { RANDOM_CHANGES = 3000 };

static unsigned char *model_bytes;
static size_t model_size;

static int setup(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    jmp_buf pad;
    cx->arena.pad = &pad;
    if (setjmp(pad) != 0)
        return 1;
    Source source = {.path = "sample", .text = onnx_sample, .bytes = sizeof onnx_sample - 1};
    Model *model;
    unsigned char *bytes;
    if (model_read_text(cx, &source, &model) != WEIR_OK || model_encode(cx, model, &bytes, &model_size) != WEIR_OK)
        return 1;
    model_bytes = malloc(model_size);
    memcpy(model_bytes, bytes, model_size);
    weir_context_free(cx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(model_bytes);
    return 0;
}

typedef struct Counts {
    unsigned good, refused;
} Counts;

/* Reads; what was read must also print and encode. */
static weir_status read_any(weir_context *cx, const Source *source, const unsigned char *data, size_t n, bool text)
{
    jmp_buf pad;
    cx->arena.pad = &pad;
    int unwound = setjmp(pad);
    if (unwound != 0)
        return (weir_status)unwound;
    Model *model;
    TRY(text ? model_read_text(cx, source, &model) : model_read_binary(cx, source, data, n, &model));
    Text out;
    text_init(&out, &cx->arena);
    model_print(cx, model, &out);
    unsigned char *bytes;
    return model_encode(cx, model, &bytes, &n);
}

/* `data` is freed: it has exactly `n` bytes, so that a sanitizer sees a read beyond. */
static void expect_an_answer(unsigned char *data, size_t n, bool text, Counts *counts)
{
    weir_context *cx = weir_context_new();
    Source source = {.path = "changed", .text = text ? (const char *)data : NULL, .bytes = text ? n - 1 : 0};
    weir_status status = read_any(cx, &source, data, n, text);
    uint32_t errors = cx->diag.n_errors;
    const char *first = errors != 0 ? diag_code(cx->diag.list.at[0].id) : "none";
    bool known = status == WEIR_OK || status == WEIR_MALFORMED || status == WEIR_INVALID || status == WEIR_LIMIT ||
                 status == WEIR_UNSUPPORTED;
    if (!known || (status != WEIR_OK && errors == 0))
        fail_msg("status %d, first diagnostic %s", (int)status, first);
    counts->good += status == WEIR_OK;
    counts->refused += status != WEIR_OK;
    weir_context_free(cx);
    free(data);
}

static unsigned char *copy(const void *data, size_t n)
{
    unsigned char *to = malloc(n == 0 ? 1 : n);
    memcpy(to, data, n);
    return to;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    Counts counts = {0};
    for (size_t n = 0; n < model_size; n++)
        expect_an_answer(copy(model_bytes, n), n, false, &counts);
    assert_true(counts.refused > model_size * 9 / 10);
}

static void every_byte_changed(void **state)
{
    (void)state;
    static const unsigned char to[] = {0x00, 0xff, 0x80, 0x7f};
    Counts counts = {0};
    for (size_t i = 0; i < model_size; i++) {
        for (size_t k = 0; k < sizeof to; k++) {
            unsigned char *data = copy(model_bytes, model_size);
            data[i] = to[k];
            expect_an_answer(data, model_size, false, &counts);
        }
        unsigned char *data = copy(model_bytes, model_size);
        data[i] ^= (unsigned char)(1u << i % 8);
        expect_an_answer(data, model_size, false, &counts);
    }
    assert_true(counts.good != 0 && counts.refused != 0);
}

/* Several changes at once: bits, bytes, pieces removed, doubled, or huge numbers put in. */
static void random_changes(void **state)
{
    (void)state;
    static const unsigned char huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    uint64_t random = 88172645463325252u;
    Counts counts = {0};
    for (int i = 0; i < RANDOM_CHANGES; i++) {
        unsigned char *data = malloc(2 * model_size + 64);
        memcpy(data, model_bytes, model_size);
        size_t n = model_size;
        for (uint64_t k = next_random(&random) % 3; k != UINT64_MAX && n > 16; k--) {
            size_t at = next_random(&random) % (n - 12), length = next_random(&random) % 12;
            switch (next_random(&random) % 4) {
            case 0:
                data[at] = (unsigned char)next_random(&random);
                break;
            case 1:
                memmove(data + at, data + at + length, n - at - length);
                n -= length;
                break;
            case 2:
                memmove(data + at + length, data + at, n - at);
                n += length;
                break;
            default:
                memcpy(data + at, huge, length < sizeof huge ? length : sizeof huge);
                break;
            }
        }
        unsigned char *exact = copy(data, n);
        free(data);
        expect_an_answer(exact, n, false, &counts);
    }
    assert_true(counts.good != 0 && counts.refused != 0);
}

static void texts_changed(void **state)
{
    (void)state;
    static const char alphabet[] = "\"\\{}[]<>()=,:@.#-9e\n x\x80";
    Counts counts = {0};
    size_t n = sizeof onnx_sample; /* with the end */
    for (size_t i = 0; i + 1 < n; i++) {
        unsigned char *cut = copy(onnx_sample, i + 1);
        cut[i] = 0;
        expect_an_answer(cut, i + 1, true, &counts);
        unsigned char *data = copy(onnx_sample, n);
        data[i] = (unsigned char)alphabet[i * 7 % (sizeof alphabet - 1)];
        expect_an_answer(data, n, true, &counts);
    }
    assert_true(counts.good != 0 && counts.refused != 0);
}

/* Memory that runs out at any moment ends in WEIR_NO_MEMORY, and nothing is lost. */
static void memory_runs_out(void **state)
{
    (void)state;
    bool enough = false;
    for (uint64_t n = 1; !enough; n += n < 300 ? 1 : 37) {
        for (int text = 0; text < 2; text++) {
            weir_context *cx = weir_context_new();
            cx->arena.fail_at = cx->arena.allocations + n;
            Source source = {.path = "sample", .text = onnx_sample, .bytes = sizeof onnx_sample - 1};
            weir_status status = read_any(cx, &source, model_bytes, model_size, text == 1);
            uint64_t used = cx->arena.allocations, last = cx->arena.fail_at;
            weir_context_free(cx);
            if (used >= last)
                assert_int_equal(status, WEIR_NO_MEMORY);
            else
                assert_int_equal(status, WEIR_OK);
            enough = text == 0 ? used < last : enough && used < last;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(every_byte_changed),
        cmocka_unit_test(random_changes),
        cmocka_unit_test(texts_changed),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
