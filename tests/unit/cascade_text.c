/*
 * tests/unit/cascade_text.c: texts of cascades: every example reads, prints, reads back the same; every wrong one is
 * refused where it is wrong; damaged ones end in messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "ir/cascade.h"
#include "ir/equal.h"
#include "ir/print.h"
#include "support/file.h"

#define DATA WEIR_SOURCE_DIR "/tests/data/cascade/"

enum { MOST_FILES = 200 };

typedef struct Files {
    char *text[MOST_FILES];
    size_t bytes[MOST_FILES];
    char *name[MOST_FILES];
    size_t n;
} Files;

static char *read_whole(const char *path, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t room = 1 << 20;
    char *text = malloc(room);
    assert_non_null(text);
    *out_bytes = fread(text, 1, room - 1, file);
    text[*out_bytes] = 0;
    fclose(file);
    return text;
}

static int load(void **state)
{
    static Files files;
    DIR *folder = opendir(DATA);
    char path[512];
    if (folder == NULL)
        return 1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL && files.n < MOST_FILES;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".cascade") != 0)
            continue;
        snprintf(path, sizeof path, "%s%s", DATA, entry->d_name);
        files.text[files.n] = read_whole(path, &files.bytes[files.n]);
        files.name[files.n] = malloc(strlen(entry->d_name) + 1);
        strcpy(files.name[files.n++], entry->d_name);
    }
    closedir(folder);
    *state = &files;
    return files.n > 40 ? 0 : 1;
}

static int unload(void **state)
{
    Files *files = *state;
    for (size_t i = 0; i < files->n; i++) {
        free(files->text[i]);
        free(files->name[i]);
    }
    return 0;
}

typedef struct Parsed {
    weir_status status;
    uint32_t n;
    Cascade **cascades;
} Parsed;

static Parsed parse(weir_context *cx, const char *text, size_t bytes)
{
    Source *source = ARENA_NEW(&cx->arena, Source);
    *source = (Source){"text", arena_string(&cx->arena, text, bytes), bytes};
    Parsed parsed = {WEIR_OK, 0, NULL};
    jmp_buf pad;
    if (setjmp(pad) != 0) {
        cx->arena.pad = NULL;
        fail_msg("the parser unwound");
    }
    cx->arena.pad = &pad;
    uint32_t n = 0;
    Cascade **cascades = NULL;
    weir_status status = cascade_parse(cx, source, &n, &cascades);
    cx->arena.pad = NULL;
    parsed = (Parsed){status, n, cascades};
    return parsed;
}

static Text print_all(weir_context *cx, const Parsed *parsed)
{
    Text text;
    text_init(&text, &cx->arena);
    for (uint32_t i = 0; i < parsed->n; i++)
        cascade_print(parsed->cascades[i], &text);
    return text;
}

static void round_trip(const char *name, const char *source, size_t bytes)
{
    weir_context *cx = weir_context_new();
    Parsed first = parse(cx, source, bytes);
    if (first.status != WEIR_OK) {
        diagnostics_print(&cx->diag, stderr, false);
        fail_msg("%s is refused", name);
    }
    Text printed = print_all(cx, &first);
    Parsed second = parse(cx, printed.at, printed.n);
    assert_int_equal(second.status, WEIR_OK);
    assert_int_equal(second.n, first.n);
    for (uint32_t i = 0; i < first.n; i++)
        if (!cascade_equal(first.cascades[i], second.cascades[i]))
            fail_msg("%s is another cascade once printed", name);
    Text again = print_all(cx, &second);
    assert_string_equal(printed.at, again.at);
    assert_int_equal(cx->diag.list.n, 0);
    weir_context_free(cx);
}

static void examples(void **state)
{
    const Files *files = *state;
    for (size_t i = 0; i < files->n; i++)
        round_trip(files->name[i], files->text[i], files->bytes[i]);
}

/* ---- canonical form ---- */

static void canonical(const char *items, const char *want)
{
    weir_context *cx = weir_context_new();
    char text[2048];
    int n = snprintf(text, sizeof text, "cascade x {\nrank i = 4, j = 4\nin A[i, j] : f32\nin K[i] : i64\nin H[i] : f16\nin C[i] : bool\n%s\n}\n", items);
    Parsed parsed = parse(cx, text, (size_t)n);
    if (parsed.status != WEIR_OK)
        diagnostics_print(&cx->diag, stderr, false);
    assert_int_equal(parsed.status, WEIR_OK);
    Text printed = print_all(cx, &parsed);
    if (strstr(printed.at, want) == NULL)
        fail_msg("no '%s' in\n%s", want, printed.at);
    weir_context_free(cx);
    round_trip(items, text, (size_t)n);
}

static void canonical_forms(void **state)
{
    (void)state;
    canonical("out Y[i]:f32=(A[i,0]+(A[i,1]*A[i,2]))", "out Y[i] : f32 = A[i, 0] + A[i, 1] * A[i, 2]\n");
    canonical("out Y[i]:f32 = A[i,0]-(A[i,1]-A[i,2])", " = A[i, 0] - (A[i, 1] - A[i, 2])\n");
    canonical("out Y[i]:f32 = (A[i,0]-A[i,1])-A[i,2]", " = A[i, 0] - A[i, 1] - A[i, 2]\n");
    canonical("out Y[i]:f32 = -(2) * -A[i,0] - -3", " = -(2) * -A[i, 0] - -3\n");
    canonical("out Y[i]:f32 = 0.10000000000000000001 * A[i,0]", " = 0.1 * A[i, 0]\n");
    canonical("out Y[i]:f32 = 0x1.8p1 * A[i,0] + -0", " = 3.0 * A[i, 0] + -0.0\n");
    canonical("out Y[i]:bool = not (A[i,0] == 1 and C[i]) or (not C[i]) and C[i]",
              " = not (A[i, 0] == 1 and C[i]) or not C[i] and C[i]\n");
    canonical("out Y[i]:bool = (A[i,0] < 1) == (A[i,1] < 2)", " = (A[i, 0] < 1) == (A[i, 1] < 2)\n");
    canonical("out Y[i]:i64 = K[i] + -9223372036854775808", " = K[i] + -9223372036854775808\n");
    canonical("out Y[i]:f32 = sum.f32.fma[j from A[i,0] | j<=i and C[j]] A[i,j]*A[j,i] @ \"a\\\"b\", \"\\x01\\n\"",
              "sum.fma.f32[j from A[i, 0] | j <= i and C[j]] A[i, j] * A[j, i] @ \"a\\\"b\", \"\\x01\\n\"\n");
    canonical("out Y[i]:f32 = A[(i+1)%4, (i*3)/4]", " = A[(i + 1) % 4, i * 3 / 4]\n");
    canonical("out Y[i]:f16 = H[i] * 0.1", " = H[i] * 0.1\n");
    canonical("out Y[i]:f32 = A[i+1,0]?-inf", " = A[i + 1, 0]?-inf\n");
    canonical("const i8[] : i8 = { -3 }\nout Y[] : i8 = i8[] + i8(2.5)", "out Y[] : i8 = i8[] + i8(2.5)\n");
    canonical("const B[i] : f32 = {1, 2.5, -0.0, 1e30}\nout Y[i] : f32 = B[i]", "const B[i] : f32 = {1, 2.5, -0.0, 1e30}\n");
}

/* ---- wrong texts ---- */

typedef struct Wrong {
    char name[64];
    bool trap;
    unsigned first_line, last_line;
    const char *text;
    size_t bytes;
} Wrong;

static const char *next_wrong(const char *at, Wrong *out)
{
    const char *head = strchr(at, '\n'), *text = strchr(head + 1, '\n') + 1;
    char kind[16];
    assert_int_equal(sscanf(at, "=== %63s", out->name), 1);
    int n = sscanf(head + 1, "%15s %u-%u", kind, &out->first_line, &out->last_line);
    assert_true(n >= 2);
    if (n == 2)
        out->last_line = out->first_line;
    out->trap = strcmp(kind, "trap") == 0;
    const char *end = strstr(text, "\n=== "), *inputs = strstr(text, "\n--- inputs");
    const char *stop = end != NULL ? end + 1 : text + strlen(text);
    out->text = text;
    out->bytes = (size_t)((inputs != NULL && inputs < stop ? inputs + 1 : stop) - text);
    return end != NULL ? end + 1 : NULL;
}

static bool names_line(const weir_context *cx, unsigned first, unsigned last)
{
    for (uint32_t i = 0; i < cx->diag.list.n; i++) {
        const Place *place = &cx->diag.list.at[i].place;
        if (place->kind == PLACE_TEXT && place->line >= first && place->line <= last)
            return true;
    }
    return false;
}

static void wrong_texts(void **state)
{
    (void)state;
    size_t bytes;
    char *all = read_whole(DATA "bad.txt", &bytes);
    unsigned n = 0;
    Wrong wrong;
    for (const char *at = strstr(all, "=== "); at != NULL; n++) {
        while (at != all && at[-1] != '\n')
            at = strstr(at + 1, "=== ");
        at = next_wrong(at, &wrong);
        weir_context *cx = weir_context_new();
        Parsed parsed = parse(cx, wrong.text, wrong.bytes);
        if (wrong.trap)
            assert_int_equal(parsed.status, WEIR_OK);
        else if (parsed.status != WEIR_MALFORMED && parsed.status != WEIR_INVALID)
            fail_msg("%s is accepted", wrong.name);
        if (!wrong.trap && !names_line(cx, wrong.first_line, wrong.last_line))
            fail_msg("%s: no message names its line", wrong.name);
        weir_context_free(cx);
    }
    assert_int_equal(n, 31);
    free(all);
}

typedef struct Refused {
    const char *items;
    const char *message; /* part of it */
} Refused;

/* Items after those of `canonical`; some message says `message`. */
static const Refused refused[] = {
    {"out Y[i] : f32 = Aa[i, 0]", "no tensor named 'Aa'"},
    {"out Y[i] : f32 = A[k, 0]", "no rank named 'k'"},
    {"out Y[i] : f32 = expp(A[i, 0])", "no function named 'expp'"},
    {"out Y[i] : f33 = A[i, 0]", "no type named 'f33'"},
    {"out Y[i] : f32 = exp(A[i, 0], 1)", "'exp' takes 1 arguments"},
    {"rank i = 3", "'i' is already the name of a rank"},
    {"in i[j] : f32", "'i' is already the name of a rank"},
    {"out Y[i] : f32 = A[i, 0] $ 2", "no token of the language"},
    {"out Y[i] : f32 = sum.fast[j] A[i, j]", "no modifier of a reduction named 'fast'"},
    {"out Y[i] : f32 = A.codes[i, 0]", "no part (q, scale, zero) named 'codes'"},
    {"out Y[i] : f32 = A[i, i + 1]", "invariant 6"},
    {"out Y[i] : f32 = sum[j | j < 3] A[i, j + 2]", "invariant 6"},
    {"out Y[i] : f32 = A[i, max(i, 1) * 2 / 3 + 2]", "invariant 6"},
    {"out Y[i] : f32 = A[i, select(i < 2, i + 3, i - 2)]", "invariant 6"},
    {"out Y[i] : f32 = A[index(i), 0]", "invariant 6"},
    {"out Y[i] : f32 = sum[j | A[i, j] > 0] A[i, j]", "invariant 6"},
    {"out Y[i] : f32 = A[i % -4, 0]", "invariant 7"},
    {"out Y[i] : f32 = fma(A[i, 0], K[i], A[i, 1])", "invariant 5"},
    {"out Y[i] : bool = C[i] < C[i]", "invariant 5"},
    {"out Y[i] : f16 = fma(H[i], H[i], H[i])", "invariant 5"},
    {"out Y[i] : f32 = 16777217", "invariant 5"},
    {"out Y[i] : f32 = sum.f32[j] K[j]", "invariant 5"},
    {"out Y[i] : f16 = sum.f32[j] H[j]", "invariant 5"},
    {"in B[i] : i4\nout Y[i] : i4 = B[i] + B[i]", "invariant 5"},
    {"const B[i] : u8 = {1, 2, 3, 256}\nout Y[i] : u8 = B[i]", "invariant 5"},
    {"const B[i] : u8 = {1, 2, 3}\nout Y[i] : u8 = B[i]", "3 values in braces where 4"},
    {"const B[i, j] : u8 = {1, 2, 3, 4}\nout Y[i] : u8 = B[i, 0]", "braces nest by rank"},
    {"out Y[i] : f32\nY[i] = Y[i]", "invariant 1"},
    {"A[i, j] = 0", "invariant 1"},
    {"rank h = 2\nout Y[i] : f32\nY[2*h] = 0\nY[2*h + 2] = 1", "invariant 1"},
    {"rank h = 2\nout Y[i, j] : f32\nY[2*h, j] = 0\nY[i, 2*h + 1] = 1", "invariant 1"},
    {"rank a = 3, b = 2\nout Y[i] : f32\nY[a] = 0\nY[b] = 1", "invariant 1"},
    {"rank q <= 4 = N[]\nout Y[q] : f32 = 0\nout N[] : i64 = 2", "invariant 11"},
    {"out Y[i] : f32\niterate t < 4 { Y[i] = 0 }", "invariant 8"},
    {"iterate t < 4 { S[0] = 0\nS[t + 1] = S[t + 1] + 1 }\nout Y[] : f32 = S[4]", "invariant 8"},
    {"iterate t < 4 { S[0] = 0\nB[t] = S[t + 1]\nS[t + 1] = S[t] + 1 }\nout Y[] : f32 = S[4]", "invariant 8"},
    {"iterate t < 4 { S[0] = 0\nS[t + 1] = S[count(t)] }\nout Y[] : f32 = S[4]", "invariant 8"},
    {"iterate t < 4 { B[i] = A[i, t] }\nout Y[i] : f32 = B[i]", "invariant 9"},
    {"out Y[i] : f32\nif C[0] { Y[i] = 0 } else { Z[i] = 0 }", "invariant 9"},
    {"if C[i] { Y[j] = 0 } else { Y[j] = 1 }\nout Z[j] : f32 = Y[j]", "invariant 3"},
    {"out Y[i] : i64 = argmax.fma[j] A[i, j]", "invariant 12"},
    {"out Y[i] : f32 = max.tree[j] A[i, j]", "invariant 12"},
    {"out Y[i] : mx(f4e2m1, blok = 2 on i, scale = e8m0) = A[i, 0]", "no field of a format named 'blok'"},
    {"out Y[i] : mx(f4e2m1, block = 2 on j, scale = e8m0) = A[i, 0]", "invariant 2"},
    {"rank z = 9223372036854775807\nin B[z] : f32\nout Y[i] : f32 = B[0]", "invariant 2"},
    {"rank z = 4611686018427387904, y = 2\nin B[z, y] : i8\nout Y[i] : i8 = B[0, 0]", "invariant 2"},
    {"out Y[i] : f32 = A[i * 9223372036854775807 * 3, 0]", "invariant 6"},
    {"out Y[i] : f32\nY[9223372036854775807 * i + 1] = 0", "invariant 1"},
    {"iterate t < 3 { S[0, i] = 0\nS[t + 1, i] = S[t, i] then set [t, K[j]] <- A[j, 0] }\nout Y[i] : f32 = S[3, i]", "invariant 8"},
    {"J[i] : i32, N[] : i64 = host nonzero(K[i])\nout Y[] : i64 = N[]", "invariant"},
};

static void refused_items(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        weir_context *cx = weir_context_new();
        char text[2048];
        int n = snprintf(text, sizeof text, "cascade x {\nrank i = 4, j = 4\nin A[i, j] : f32\nin K[i] : i64\nin H[i] : f16\nin C[i] : bool\n%s\n}\n",
                         refused[k].items);
        Parsed parsed = parse(cx, text, (size_t)n);
        assert_true(parsed.status == WEIR_MALFORMED || parsed.status == WEIR_INVALID);
        bool said = false;
        for (uint32_t i = 0; i < cx->diag.list.n; i++)
            said = said || strstr(cx->diag.list.at[i].message, refused[k].message) != NULL;
        if (!said) {
            diagnostics_print(&cx->diag, stderr, false);
            fail_msg("'%s' is not refused by '%s'", refused[k].items, refused[k].message);
        }
        weir_context_free(cx);
    }
}

/* What the prover must see. */
static void accepted_items(void **state)
{
    (void)state;
    static const char *const items[] = {
        "out Y[i] : f32 = A[3 - i, (i + 7) % 4]",
        "out Y[i] : f32 = sum[j | i + j <= 3] A[i + j, 0]",
        "out Y[i] : f32 = sum[j | j < 3] A[i, j + 1]",
        "out Y[i] : f32 = A[select(i < 2, i + 2, i - 2), 0]",
        "out Y[i] : f32 = A[min(i + 1, 3), max(i - 1, 0)]",
        "rank f = 16\nout Y[f] : f32 = A[f / 4, f % 4]",
        "rank f = 16\nout Y[f] : f32 = A[f - f / 4 * 4, f / 2 / 2]",
        "rank p = 5\nout Y[p] : f32 = sum[j | p - j >= 0 and not (p - j > 3)] A[p - j, j]",
        "rank h = 2\nout Y[i, j] : f32\nY[2*h, j] = 0\nY[2*h + 1, j] = 1",
        "rank a = 1, b = 3, c = 3\nout Y[i, j] : f32\nY[a, j] = 0\nY[b + 1, a] = 1\nY[b + 1, c + 1] = 2",
        "rank z = 0\nout Y[z] : f32 = A[z, 9]",
        "rank z = 0\nout Y[i, z] : f32 = 0",
        "if C[0] { Y[j] = 0 } else { Y[j] = 1 }\nout Z[j] : f32 = Y[j]",
        "out Y[i] : f32\nif C[0] { if C[1] { Y[i] = 0 } else { Y[i] = 1 } } else { Y[i] = 2 }",
        "iterate t < 4 { S[0] = 0\nS[t + 1] = S[t] + S[t - 1]?0 }\nout Y[] : f32 = S[count(t)]",
        "rank q <= 4 = N[]\nconst N[] : i64 = {3}\nout Y[q] : f32 = A[q, 0]",
        "out Y[i] : f32 = A[K[i] + 100, 0]",
        "out Y[i] : i32 = sum.i32[j] i8(H[j]) * 3",
        "out Y[i] : f32 = select(C[i], 1, nan)",
        "out Y[i] : f32 = f32.bits(0xff800000) + f32(16777217)",
        "out Y[i] : i32 = i32.bits(1.5) + i32(2.5) + i32(-7)",
        "out Y[i] : f16 = f16(0.1) + f16(H[i] < 0.1)",
    };
    for (size_t k = 0; k < sizeof items / sizeof *items; k++) {
        char text[2048];
        int n = snprintf(text, sizeof text, "cascade x {\nrank i = 4, j = 4\nin A[i, j] : f32\nin K[i] : i64\nin H[i] : f16\nin C[i] : bool\n%s\n}\n", items[k]);
        round_trip(items[k], text, (size_t)n);
    }
}

/* Several errors a run, each at its own line, none made up by an earlier one. */
static void several_errors(void **state)
{
    (void)state;
    static const char text[] = "cascade x {\n"
                               "  rank i = 4\n"
                               "  in A[i : f32\n"
                               "  in B[i] : f32\n"
                               "  X[i] = B[i] +\n"
                               "  out Y[i] : f32 = B[i]\n"
                               "  Z[i] = B[i] B[i]\n"
                               "  iterate t < 3 {\n"
                               "    W[t] = ) 1\n"
                               "  }\n"
                               "}\n";
    static const unsigned lines[] = {3, 6, 8, 9};
    weir_context *cx = weir_context_new();
    Parsed parsed = parse(cx, text, sizeof text - 1);
    assert_int_equal(parsed.status, WEIR_MALFORMED);
    assert_int_equal(cx->diag.list.n, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(cx->diag.list.at[i].place.line, lines[i]);
    weir_context_free(cx);
}

/* ---- damage ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* One to four edits: a byte, a deletion, a repetition, a token of another place. */
static size_t damage(char *text, size_t n, size_t room, uint64_t *random)
{
    static const char tokens[] = "{}[](),.:=+-*/%<>?|@\"#\n 0179_tijANY";
    for (uint64_t edits = next_random(random) % 4 + 1; edits > 0 && n > 1; edits--) {
        size_t at = next_random(random) % n, length = next_random(random) % 24;
        length = at + length > n ? n - at : length;
        switch (next_random(random) % 4) {
        case 0:
            text[at] = tokens[next_random(random) % (sizeof tokens - 1)];
            break;
        case 1:
            text[at] = (char)(next_random(random) & 255);
            break;
        case 2:
            memmove(text + at, text + at + length, n - at - length);
            n -= length;
            break;
        default:
            if (n + length < room) {
                size_t to = next_random(random) % n;
                char piece[24];
                memcpy(piece, text + at, length);
                memmove(text + to + length, text + to, n - to);
                memcpy(text + to, piece, length);
                n += length;
            }
        }
    }
    return n;
}

static void damaged(void **state)
{
    const Files *files = *state;
    enum { ROUNDS = 10000, ROOM = 8192 };
    uint64_t random = 7;
    unsigned accepted = 0, tried = 0;
    char *text = malloc(ROOM);
    assert_non_null(text);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *from = files->text[round % files->n];
        size_t n = files->bytes[round % files->n];
        if (n > ROOM / 2)
            continue;
        memcpy(text, from, n);
        n = damage(text, n, ROOM, &random);
        weir_context *cx = weir_context_new();
        Parsed parsed = parse(cx, text, n);
        tried++;
        if (parsed.status == WEIR_OK) {
            accepted++;
            Text printed = print_all(cx, &parsed);
            Parsed second = parse(cx, printed.at == NULL ? "" : printed.at, printed.n);
            assert_int_equal(second.status, WEIR_OK);
            assert_true(second.n == parsed.n);
            for (uint32_t i = 0; i < parsed.n; i++)
                assert_true(cascade_equal(parsed.cascades[i], second.cascades[i]));
        } else {
            assert_true(parsed.status == WEIR_MALFORMED || parsed.status == WEIR_INVALID);
            assert_true(cx->diag.n_errors > 0);
        }
        weir_context_free(cx);
    }
    free(text);
    assert_true(tried > 5000 && accepted > 100 && accepted < tried);
}

static void deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 50000 };
    static const char *const shapes[][3] = {{"(", "1", ")"}, {"-", "A[0]", ""}, {"exp(", "1", ")"}, {"A[0] + ", "1", ""},
                                            {"not ", "true", ""}, {"A[", "0", "]"}, {"1 ", "", "+ 1"}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        weir_context *cx = weir_context_new();
        Text text;
        text_init(&text, &cx->arena);
        text_printf(&text, "cascade x {\n rank i = 1\n in A[i] : f32\n out Y[] : f32 = ");
        for (int i = 0; i < DEPTH; i++)
            text_printf(&text, "%s", shapes[s][0]);
        text_printf(&text, "%s", shapes[s][1]);
        for (int i = 0; i < DEPTH; i++)
            text_printf(&text, "%s", shapes[s][2]);
        text_printf(&text, "\n}\n");
        Parsed parsed = parse(cx, text.at, text.n);
        assert_int_equal(parsed.status, WEIR_MALFORMED);
        weir_context_free(cx);
    }
}

/* A condition nested in conditions costs no more than its length. */
static void costly_proofs(void **state)
{
    (void)state;
    enum { DEPTH = 60 };
    static const char *const shapes[][3] = {
        {"select(", "i", " < 2, i, 3 - i)"}, {"min(", "i", " + 1, i * i)"}, {"(", "i", " / 3 * 2 % 5 + i)"}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        weir_context *cx = weir_context_new();
        Text text;
        text_init(&text, &cx->arena);
        text_printf(&text, "cascade x {\n rank i = 4\n in A[i] : f32\n out Y[i] : f32 = A[");
        for (int i = 0; i < DEPTH; i++)
            text_printf(&text, "%s", shapes[s][0]);
        text_printf(&text, "%s", shapes[s][1]);
        for (int i = 0; i < DEPTH; i++)
            text_printf(&text, "%s", shapes[s][2]);
        text_printf(&text, " - 1000]\n}\n");
        Parsed parsed = parse(cx, text.at, text.n);
        assert_int_equal(parsed.status, WEIR_INVALID);
        weir_context_free(cx);
    }
}

/* Constants of more than 64 elements go to a file beside the text. */
static void weights(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    static const char head[] = "cascade x {\n  rank i = 64, j = 65\n  const A[i] : f32 = {1", middle[] = "}\n  const B[j] : i4 = {1",
                      tail[] = "}\n  const C[j] : f16 = seeded(1, normal, 1)\n  const D[j] : u8 = {1";
    Text text;
    text_init(&text, &cx->arena);
    text_printf(&text, "%s", head);
    for (int i = 1; i < 64; i++)
        text_printf(&text, ", %d", i);
    text_printf(&text, "%s", middle);
    for (int i = 1; i < 65; i++)
        text_printf(&text, ", %d", i % 8);
    text_printf(&text, "%s", tail);
    for (int i = 1; i < 65; i++)
        text_printf(&text, ", %d", i + 100);
    text_printf(&text, "}\n  out Y[i] : f32 = A[i]\n}\n");
    Parsed parsed = parse(cx, text.at, text.n);
    assert_int_equal(parsed.status, WEIR_OK);
    WeightsFile file = {.path = "x.weights"};
    Text printed, data;
    text_init(&printed, &cx->arena);
    text_init(&data, &cx->arena);
    cascade_print_weights(parsed.cascades[0], &printed, &file);
    assert_non_null(strstr(printed.at, "const A[i] : f32 = {1, 1, 2, 3"));
    assert_non_null(strstr(printed.at, "const B[j] : i4 = file(\"x.weights\", 0)\n"));
    assert_non_null(strstr(printed.at, "const C[j] : f16 = seeded(1, normal, 1)\n"));
    assert_non_null(strstr(printed.at, "const D[j] : u8 = file(\"x.weights\", 64)\n"));
    weights_data(parsed.cascades[0], &file, &data);
    assert_int_equal(data.n, 64 + 65);
    assert_int_equal(data.at[0], 0x11);
    assert_int_equal(data.at[1], 0x32);
    assert_int_equal(data.at[64], 1);
    assert_int_equal((unsigned char)data.at[64 + 64], 164);
    weir_context_free(cx);
}

/* A literal that was rounded to a narrow type prints so that the accumulator reads the same value. */
static void converted_literals(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    static const char text[] = "cascade x {\n rank i = 4\n in H[i] : f16\n out Y[] : f32 = sum.f32[i] H[i]\n}\n";
    Parsed parsed = parse(cx, text, sizeof text - 1);
    assert_int_equal(parsed.status, WEIR_OK);
    Cascade *cs = parsed.cascades[0];
    Statement *st = statement_at(cs, cs->top.at[cs->top.n - 1]);
    st->body = ex_binary(cs, FN_MUL, st->body, ex_literal(cs, DT_F16, 0.1));
    Text printed = print_all(cx, &parsed);
    assert_non_null(strstr(printed.at, "H[i] * 0.099975586\n"));
    st->body = ex_cast(cs, DT_F32, CAST_PLAIN, ex_literal(cs, DT_F16, 0.1));
    printed = print_all(cx, &parsed);
    assert_non_null(strstr(printed.at, "f32(0.099975586)\n"));
    Parsed back = parse(cx, printed.at, printed.n);
    assert_int_equal(back.status, WEIR_OK);
    assert_true(cascade_equal(cs, back.cascades[0]));
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),       cmocka_unit_test(canonical_forms), cmocka_unit_test(wrong_texts),
        cmocka_unit_test(refused_items),  cmocka_unit_test(accepted_items),  cmocka_unit_test(several_errors),
        cmocka_unit_test(damaged),        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(costly_proofs),  cmocka_unit_test(weights),
        cmocka_unit_test(converted_literals),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
