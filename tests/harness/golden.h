/*
 * tests/harness/golden.h: what a golden test says, and whether an output agrees.
 */
#ifndef WEIR_TESTS_HARNESS_GOLDEN_H
#define WEIR_TESTS_HARNESS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_RUNS = 16, MOST_CHECKS = 256 };

/* Bytes on the heap, NUL-terminated. */
typedef struct Text {
    char *at;
    size_t n;
} Text;

typedef struct Run {
    char *command;
    int exit_code;
    bool shows; /* its output is checked together with that of the next */
} Run;

typedef enum CheckKind { CHECK_TEXT, CHECK_NEXT, CHECK_NOT, CHECK_COUNT, CHECK_ERROR } CheckKind;

typedef struct Check {
    CheckKind kind;
    char *text;
    int count;
} Check;

typedef struct Test {
    Run runs[MOST_RUNS];
    int n_runs;
    Check checks[MOST_CHECKS];
    int n_checks;
    bool has_expect;
    size_t cut;    /* where the EXPECT line begins; the end of the file if there is none */
    Text expected; /* what follows that line */
    char leader[3];
    char *fails; /* with --must-fail: a part of the failure's text */
} Test;

/* These end the program where memory runs out. */
void add_text(Text *text, const char *bytes, size_t n);
void add_format(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
Text read_text(const char *path);

/* Reads the lines RUN, RUN-SHOW, EXPECT-EXIT, EXPECT-ERR, CHECK.., EXPECT; false and `why` if one is wrong. */
bool parse_test(const Text *source, Test *test, Text *why);
/* Whether there is an EXPECT block, or a line that an empty output would not fulfil. */
bool expects_something(const Test *test);
bool compare(const Test *test, const Text *out, Text *why);
bool compare_errors(const Test *test, const Text *err, Text *why);

#endif
