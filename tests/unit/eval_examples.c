/*
 * tests/unit/eval_examples.c: every example of tests/data/cascade that has a text of values, in both systems.
 * real: |a - b| <= 1e-12 (1 + |b|); typed: the same bits, or the digest of the values as f32.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/expect.h"
#include "support/file.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

/* ---- sha256, as FIPS 180-4 ---- */

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* The first 32 bits of the fractional part of a root of a prime: the square root's, or the cube root's. */
static uint32_t root_bits(unsigned prime, int degree)
{
    long double root = degree == 2 ? sqrtl((long double)prime) : cbrtl((long double)prime);
    return (uint32_t)((root - floorl(root)) * 4294967296.0L);
}

static void sha256(const unsigned char *data, size_t n, char *out_hex)
{
    uint32_t k[64], h[8], w[64];
    int found = 0;
    for (unsigned p = 2; found < 64; p++) {
        unsigned d = 2;
        while (d * d <= p && p % d != 0)
            d++;
        if (d * d <= p)
            continue;
        if (found < 8)
            h[found] = root_bits(p, 2);
        k[found++] = root_bits(p, 3);
    }
    size_t blocks = (n + 8) / 64 + 1;
    unsigned char *padded = calloc(blocks, 64);
    assert_non_null(padded);
    memcpy(padded, data, n);
    padded[n] = 0x80;
    for (int i = 0; i < 8; i++)
        padded[blocks * 64 - 1 - (size_t)i] = (unsigned char)((uint64_t)n * 8 >> (8 * i));
    for (size_t b = 0; b < blocks; b++) {
        const unsigned char *in = padded + 64 * b;
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)in[4 * i] << 24 | (uint32_t)in[4 * i + 1] << 16 | (uint32_t)in[4 * i + 2] << 8 | in[4 * i + 3];
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
        uint32_t v[8];
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 64; i++) {
            uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
                          k[i] + w[i];
            uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                          ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++)
            h[i] += v[i];
    }
    free(padded);
    for (int i = 0; i < 8; i++)
        snprintf(out_hex + 8 * i, 9, "%08x", h[i]);
}

static void sha256_is_right(void **state)
{
    (void)state;
    char hex[65];
    sha256((const unsigned char *)"abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* ---- comparison ---- */

typedef struct Wanted {
    const char *name, *values; /* after the line of the entry */
    bool real;
    char digest[65];
} Wanted;

static void digest_of(const Tensor *value, char *out_hex)
{
    size_t n = (size_t)tensor_elements(value);
    unsigned char *bytes = malloc(4 * n + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) {
        float x = (float)dtype_load_f64(value->type, value->data, i);
        uint32_t u;
        memcpy(&u, &x, sizeof u);
        if (isnan(x))
            u = 0x7fc00000;
        for (int b = 0; b < 4; b++)
            bytes[4 * i + (size_t)b] = (unsigned char)(u >> (8 * b));
    }
    sha256(bytes, 4 * n, out_hex);
    free(bytes);
}

static void compare(const char *file, const Wanted *w, const Tensor *value)
{
    size_t n = (size_t)tensor_elements(value);
    if (w->digest[0] != 0) {
        char hex[65];
        digest_of(value, hex);
        assert_string_equal(hex, w->digest);
        return;
    }
    const char *at = w->values;
    for (size_t i = 0; i < n; i++) {
        at += strspn(at, " \n");
        bool ok;
        if (value->type == DT_BOOL) {
            ok = (dtype_load_i64(DT_BOOL, value->data, i) != 0) == (at[0] == 't');
            at += strspn(at, "truefals");
        } else if (dtype_is_int(value->type)) {
            ok = dtype_load_i64(value->type, value->data, i) == strtoll(at, (char **)(uintptr_t)&at, 10);
        } else {
            double a = dtype_load_f64(value->type, value->data, i), b = strtod(at, (char **)(uintptr_t)&at);
            ok = isnan(b) ? isnan(a)
                 : w->real ? a == b || fabs(a - b) <= 1e-12 * (1 + fabs(b))
                           : a == b && (signbit(a) != 0) == (signbit(b) != 0);
        }
        if (!ok)
            print_error("%s: %s %s[%zu] differs\n", file, w->real ? "real" : "typed", w->name, i);
        assert_true(ok);
    }
    at += strspn(at, " \n");
    assert_true(*at == 0 || *at == 'r' || *at == 't' || *at == 'i' || *at == '#');
}

/* Entries of one system are looked up in the text. */
static unsigned compare_all(const char *file, Cascade *cs, const Source *source, EvalSystem system, const Tensor *values)
{
    const char *kind = system == EVAL_REAL ? "real " : "typed ";
    unsigned compared = 0;
    for (const char *line = source->text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, kind, strlen(kind)) != 0)
            continue;
        const char *name = line + strlen(kind), *end = strchr(line, '\n');
        size_t length = strcspn(name, " ");
        Wanted w = {.real = system == EVAL_REAL, .values = end};
        const char *digest = strstr(line, "= sha256 ");
        if (digest != NULL && digest < end)
            memcpy(w.digest, digest + 9, 64);
        TensorId id = tensor_by_name(cs, intern_find(&cs->cx->names, name, length));
        assert_true(id.i != 0);
        w.name = tensor_name(cs, id);
        compare(file, &w, &values[id.i]);
        compared++;
    }
    return compared;
}

static unsigned run_example(const char *file, const char *expect)
{
    unsigned compared = 0;
    for (int system = EVAL_REAL; system <= EVAL_TYPED; system++) {
        weir_context *cx = weir_context_new();
        const Source *text, *values_text;
        uint32_t n;
        Cascade **cascades;
        char path[512];
        snprintf(path, sizeof path, DATA "%s", file);
        assert_int_equal(file_source(cx, path, &text), WEIR_OK);
        snprintf(path, sizeof path, DATA "%s", expect);
        assert_int_equal(file_source(cx, path, &values_text), WEIR_OK);
        assert_int_equal(cascade_parse(cx, text, &n, &cascades), WEIR_OK);
        Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, cascades[0]->tensors.n);
        assert_int_equal(expect_read(cascades[0], values_text, values), WEIR_OK);
        EvalOptions options = {.system = (EvalSystem)system};
        assert_int_equal(eval_cascade(cascades[0], &options, values), WEIR_OK);
        compared += compare_all(file, cascades[0], values_text, (EvalSystem)system, values);
        weir_context_free(cx);
    }
    return compared;
}

static void examples(void **state)
{
    (void)state;
    unsigned files = 0, compared = 0;
    DIR *folder = opendir(DATA);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".expect") != 0)
            continue;
        char name[256];
        snprintf(name, sizeof name, "%.*s.cascade", (int)(dot - entry->d_name), entry->d_name);
        compared += run_example(name, entry->d_name);
        files++;
    }
    closedir(folder);
    print_message("%u examples, %u tensors\n", files, compared);
    assert_true(files >= 45 && compared >= 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256_is_right), cmocka_unit_test(examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
