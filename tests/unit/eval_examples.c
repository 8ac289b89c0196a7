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
#include "tests/unit/sha256.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

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
    sha256_hex(bytes, 4 * n, out_hex);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
