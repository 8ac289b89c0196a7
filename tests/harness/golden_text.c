/*
 * tests/harness/golden_text.c: the lines of a golden test, and comparing.
 */
#include "tests/harness/golden.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void add_text(Text *text, const char *bytes, size_t n)
{
    char *wider = realloc(text->at, text->n + n + 1);
    if (wider == NULL)
        exit(2);
    if (n != 0)
        memcpy(wider + text->n, bytes, n);
    text->at = wider;
    text->n += n;
    wider[text->n] = '\0';
}

void add_format(Text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *part = n < 0 ? NULL : malloc((size_t)n + 1);
    if (part == NULL)
        exit(2);
    vsnprintf(part, (size_t)n + 1, format, again);
    va_end(again);
    add_text(text, part, (size_t)n);
    free(part);
}

static char *copy_trimmed(const char *at, size_t n)
{
    while (n != 0 && (*at == ' ' || *at == '\t')) {
        at++;
        n--;
    }
    while (n != 0 && (at[n - 1] == ' ' || at[n - 1] == '\t' || at[n - 1] == '\r'))
        n--;
    Text copy = {NULL, 0};
    add_text(&copy, at, n);
    return copy.at;
}

/* Runs of blanks as one, so that columns don't matter to CHECK lines. */
static char *squeezed(const char *at)
{
    Text out = {NULL, 0};
    add_text(&out, "", 0);
    for (; *at != '\0'; at++) {
        bool blank = *at == ' ' || *at == '\t';
        if (!blank || (at[1] != ' ' && at[1] != '\t'))
            add_text(&out, blank ? " " : at, 1);
    }
    return out.at;
}

/* ---- lines ---- */

/* The length of a comment's beginning, 0 if the line is no comment. */
static size_t comment_leader(const char *line)
{
    if (strncmp(line, "//", 2) == 0)
        return 2;
    return *line == '#' || *line == ';' ? 1 : 0;
}

/* A directive's keyword: capitals and hyphens up to a colon or blank. */
static size_t keyword_length(const char *at)
{
    size_t n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    bool ours = strncmp(at, "RUN", 3) == 0 || strncmp(at, "EXPECT", 6) == 0 || strncmp(at, "CHECK", 5) == 0 ||
                strncmp(at, "FAILS", 5) == 0;
    return ours && (at[n] == ':' || (at[n] == ' ' && strncmp(at, "CHECK-COUNT", 11) == 0)) ? n : 0;
}

static bool add_check(Test *test, CheckKind kind, char *text, int count, Text *why)
{
    if (text[0] == '\0' || test->n_checks == MOST_CHECKS) {
        add_format(why, "a check without text, or too many\n");
        return false;
    }
    test->checks[test->n_checks++] = (Check){kind, text, count};
    return true;
}

static bool add_run(Test *test, char *command, bool shows, Text *why)
{
    if (test->n_runs == MOST_RUNS || command[0] == '\0') {
        add_format(why, "a RUN without command, or too many\n");
        return false;
    }
    test->runs[test->n_runs++] = (Run){command, 0, shows};
    return true;
}

static bool is_word(const char *keyword, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(keyword, word, n) == 0;
}

static bool add_directive(Test *test, const char *keyword, size_t n, const char *rest, size_t rest_n, Text *why)
{
    char *text = copy_trimmed(rest, rest_n);
    if (is_word(keyword, n, "RUN") || is_word(keyword, n, "RUN-SHOW"))
        return add_run(test, text, n != 3, why);
    if (is_word(keyword, n, "EXPECT-ERR"))
        return add_check(test, CHECK_ERROR, text, 0, why);
    if (is_word(keyword, n, "CHECK"))
        return add_check(test, CHECK_TEXT, squeezed(text), 0, why);
    if (is_word(keyword, n, "CHECK-NEXT"))
        return add_check(test, CHECK_NEXT, squeezed(text), 0, why);
    if (is_word(keyword, n, "CHECK-NOT"))
        return add_check(test, CHECK_NOT, squeezed(text), 0, why);
    char *end;
    long count = strtol(text, &end, 10);
    if (is_word(keyword, n, "CHECK-COUNT") && end != text && *end == ':' && count >= 0)
        return add_check(test, CHECK_COUNT, squeezed(copy_trimmed(end + 1, strlen(end + 1))), (int)count, why);
    if (is_word(keyword, n, "EXPECT-EXIT") && end != text && *end == '\0' && test->n_runs != 0) {
        test->runs[test->n_runs - 1].exit_code = (int)count;
        return true;
    }
    if (is_word(keyword, n, "FAILS")) {
        test->fails = text;
        return true;
    }
    add_format(why, "not a line of a golden test: %.*s: %s\n", (int)n, keyword, text);
    return false;
}

bool parse_test(const Text *source, Test *test, Text *why)
{
    strcpy(test->leader, "#");
    test->cut = source->n;
    const char *end = source->at + source->n;
    for (const char *line = source->at; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline == NULL ? end : newline;
        const char *at = line + strspn(line, " \t");
        size_t leader = comment_leader(at);
        const char *keyword = at + leader + strspn(at + leader, " \t");
        size_t n = leader == 0 ? 0 : keyword_length(keyword);
        if (n != 0)
            snprintf(test->leader, sizeof test->leader, "%.*s", (int)leader, at);
        if (n != 0 && is_word(keyword, n, "EXPECT")) {
            const char *block = newline == NULL ? end : newline + 1;
            test->has_expect = true;
            test->cut = (size_t)(line - source->at);
            add_text(&test->expected, block, (size_t)(end - block));
            break;
        }
        const char *rest = keyword + n + (keyword[n] == ':');
        if (n != 0 && !add_directive(test, keyword, n, rest, (size_t)(stop - rest), why))
            return false;
        line = newline == NULL ? end : newline + 1;
    }
    if (test->n_runs == 0)
        add_format(why, "no RUN line\n");
    return test->n_runs != 0;
}

bool expects_something(const Test *test)
{
    if (test->has_expect)
        return true;
    for (int i = 0; i < test->n_checks; i++)
        if (test->checks[i].kind != CHECK_NOT && !(test->checks[i].kind == CHECK_COUNT && test->checks[i].count == 0))
            return true;
    return false;
}

/* ---- comparing ---- */

static bool equal_block(const Text *expected, const Text *out, Text *why)
{
    if (expected->n == out->n && memcmp(expected->at, out->at, out->n) == 0)
        return true;
    size_t i = 0, line_start = 0;
    int line = 1;
    while (i < expected->n && i < out->n && expected->at[i] == out->at[i]) {
        if (expected->at[i++] == '\n') {
            line_start = i;
            line++;
        }
    }
    add_format(why, "line %d of the output differs\n  expected: %.*s\n  got:      %.*s\noutput:\n%s", line,
               (int)strcspn(expected->at + line_start, "\n"), expected->at + line_start,
               (int)strcspn(out->at + line_start, "\n"), out->at + line_start, out->at);
    return false;
}

static int occurrences(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        n++;
    return n;
}

/* No CHECK-NOT between the positive checks at `i - 1` and the next may occur in [from, to). */
static bool nots_absent(const Test *test, int i, const char *from, const char *to, Text *why)
{
    for (; i < test->n_checks; i++) {
        const Check *check = &test->checks[i];
        if (check->kind == CHECK_TEXT || check->kind == CHECK_NEXT)
            break;
        const char *found = check->kind == CHECK_NOT ? strstr(from, check->text) : NULL;
        if (found == NULL || found >= to)
            continue;
        add_format(why, "CHECK-NOT found: %s\n", check->text);
        return false;
    }
    return true;
}

/* Where a positive check matches from `from` on; NULL if nowhere. */
static const char *match(const Check *check, const char *from, bool first)
{
    if (check->kind == CHECK_TEXT)
        return strstr(from, check->text);
    const char *next = strchr(from, '\n');
    if (first || next == NULL)
        return NULL;
    const char *found = strstr(next + 1, check->text);
    const char *stop = next + 1 + strcspn(next + 1, "\n");
    return found != NULL && found < stop ? found : NULL;
}

static bool run_checks(const Test *test, const char *out, Text *why)
{
    const char *from = out;
    bool first = true;
    int pending = 0; /* where the CHECK-NOT lines since the last match begin */
    for (int i = 0; i < test->n_checks; i++) {
        const Check *check = &test->checks[i];
        if (check->kind == CHECK_COUNT && occurrences(out, check->text) != check->count) {
            add_format(why, "%d times instead of %d: %s\n", occurrences(out, check->text), check->count, check->text);
            return false;
        }
        if (check->kind != CHECK_TEXT && check->kind != CHECK_NEXT)
            continue;
        const char *found = match(check, from, first);
        if (found == NULL) {
            add_format(why, "%s not found: %s\n", check->kind == CHECK_NEXT ? "CHECK-NEXT" : "CHECK", check->text);
            return false;
        }
        if (!nots_absent(test, pending, from, found, why))
            return false;
        first = false;
        from = found + strlen(check->text);
        pending = i + 1;
    }
    return nots_absent(test, pending, from, out + strlen(out), why);
}

bool compare(const Test *test, const Text *out, Text *why)
{
    if (test->has_expect && !equal_block(&test->expected, out, why))
        return false;
    char *text = squeezed(out->at);
    bool fine = run_checks(test, text, why);
    free(text);
    if (!fine)
        add_format(why, "output:\n%s", out->at);
    return fine;
}

bool compare_errors(const Test *test, const Text *err, Text *why)
{
    bool fine = true;
    for (int i = 0; i < test->n_checks; i++) {
        const Check *check = &test->checks[i];
        if (check->kind != CHECK_ERROR || strstr(err->at, check->text) != NULL)
            continue;
        add_format(why, "not in stderr: %s\n", check->text);
        fine = false;
    }
    return fine;
}
