/* Damaged models through all of weir check: the samples in binary form, cut, with bits and bytes changed, pieces taken out
 * or put in. Each ends with success or with one of the statuses that blame the file, and then with a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend/graph.h"
#include "support/context.h"
#include "support/file.h"
#include "weir/weir.h"

/* EDGE: bytes at either end of the file, where names, attributes, shapes and types are; weights lie between. */
enum { CHANGES_EACH = 50, EDGE = 2500, MOST_PIECE = 8 };

typedef struct Bytes {
    unsigned char *at;
    size_t n;
} Bytes;

typedef struct Counts {
    unsigned good, refused;
} Counts;

static char path[] = "/tmp/weir-mutation-XXXXXX";
static FILE *nowhere;

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    nowhere = fopen("/dev/null", "w");
    return fd < 0 || close(fd) != 0 || nowhere == NULL;
}

static int teardown(void **state)
{
    (void)state;
    fclose(nowhere);
    return unlink(path);
}

/* ---- changes ---- */

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static size_t below(uint64_t *random, size_t n)
{
    return (size_t)(next_random(random) % n);
}

static size_t place_in(uint64_t *random, size_t n)
{
    size_t edge = n < EDGE ? n : EDGE;
    switch (below(random, 8)) {
    case 0:
        return below(random, n);
    case 1:
    case 2:
        return n - 1 - below(random, edge);
    default:
        return below(random, edge);
    }
}

static void flip_bits(Bytes *bytes, uint64_t *random)
{
    static const size_t how_many[] = {1, 1, 3, 10};
    for (size_t k = how_many[below(random, 4)]; k != 0; k--)
        bytes->at[place_in(random, bytes->n)] ^= (unsigned char)(1u << below(random, 8));
}

/* A piece gives way to another of up to MOST_PIECE bytes. `at` has room for it. */
static void replace_piece(Bytes *bytes, uint64_t *random)
{
    size_t at = place_in(random, bytes->n), old = below(random, MOST_PIECE + 1), new = below(random, MOST_PIECE + 1);
    if (old > bytes->n - at)
        old = bytes->n - at;
    memmove(bytes->at + at + new, bytes->at + at + old, bytes->n - at - old);
    for (size_t i = 0; i < new; i++)
        bytes->at[at + i] = (unsigned char)below(random, 256);
    bytes->n = bytes->n - old + new;
}

static void change(Bytes *bytes, uint64_t *random)
{
    switch (below(random, 8)) {
    case 0:
        bytes->n = below(random, bytes->n);
        break;
    case 1:
        replace_piece(bytes, random);
        break;
    case 2:
    case 3: /* small numbers: types, kinds, tags, lengths */
        bytes->at[place_in(random, bytes->n)] = (unsigned char)below(random, 32);
        break;
    default:
        flip_bits(bytes, random);
        break;
    }
}

/* ---- the answer ---- */

static void write_file(const Bytes *bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->at, 1, bytes->n, file), bytes->n);
    assert_int_equal(fclose(file), 0);
}

static void expect_an_answer(const char *sample, unsigned number, const char *target, Counts *counts)
{
    weir_context *cx = weir_context_new();
    assert_non_null(cx);
    Limits limits = cx->limits;
    limits.memory_bytes = 64 << 20;
    context_set_limits(cx, &limits);
    const weir_settings settings = {.target = target, .opt_level = -1};
    weir_status status = (weir_status)weir_check(cx, &settings, path, nowhere);
    bool known = status == WEIR_OK || status == WEIR_MALFORMED || status == WEIR_UNSUPPORTED || status == WEIR_INVALID ||
                 status == WEIR_LIMIT;
    if (!known || (status != WEIR_OK && cx->diag.n_errors == 0)) {
        weir_print_messages(cx, stderr, false, false);
        fail_msg("%s, change %u: status %d", sample, number, (int)status);
    }
    counts->good += status == WEIR_OK;
    counts->refused += status != WEIR_OK;
    weir_context_free(cx);
}

static weir_status encode(weir_context *cx, const char *sample, unsigned char **out_bytes, size_t *out_n)
{
    jmp_buf pad;
    cx->arena.pad = &pad;
    int failed = setjmp(pad);
    if (failed != 0)
        return (weir_status)failed;
    const Source *source;
    Model *model;
    TRY(file_source(cx, sample, &source));
    TRY(model_read_text(cx, source, &model));
    return model_encode(cx, model, out_bytes, out_n);
}

static void mutate_sample(void **state)
{
    const char *sample = *state;
    char text_path[512];
    snprintf(text_path, sizeof text_path, "%s/samples/%s/model.onnxtxt", WEIR_SOURCE_DIR, sample);
    weir_context *cx = weir_context_new();
    assert_non_null(cx);
    Bytes whole;
    assert_int_equal(encode(cx, text_path, &whole.at, &whole.n), WEIR_OK);
    write_file(&whole);
    Counts counts = {0};
    expect_an_answer(sample, 0, "interp", &counts);
    assert_int_equal(counts.good, 1);
    uint64_t random = 88172645463325252u + whole.n;
    unsigned char *room = malloc(whole.n + MOST_PIECE);
    assert_non_null(room);
    for (unsigned i = 1; i <= CHANGES_EACH; i++) {
        memcpy(room, whole.at, whole.n);
        Bytes changed = {room, whole.n};
        change(&changed, &random);
        write_file(&changed);
        expect_an_answer(sample, i, "interp", &counts);
    }
    free(room);
    weir_context_free(cx);
    assert_true(counts.good > 1 && counts.refused > CHANGES_EACH / 5);
}

int main(void)
{
    static char autoencoder[] = "autoencoder", cnn[] = "cnn", kws[] = "kws", mlp[] = "mlp", mlp_int8[] = "mlp-int8",
                transformer[] = "transformer";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(mutate_sample, autoencoder), cmocka_unit_test_prestate(mutate_sample, cnn),
        cmocka_unit_test_prestate(mutate_sample, kws),         cmocka_unit_test_prestate(mutate_sample, mlp),
        cmocka_unit_test_prestate(mutate_sample, mlp_int8),    cmocka_unit_test_prestate(mutate_sample, transformer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
