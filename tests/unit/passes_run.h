/* Runs passes over a text: parses it, verifies and evaluates before and after every pass, prints. */
#ifndef WEIR_TESTS_PASSES_RUN_H
#define WEIR_TESTS_PASSES_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "passes/pass.h"
#include "support/text.h"

typedef struct Ran {
    weir_context *cx;
    weir_status status;
    const char *text;   /* of the cascade afterwards */
    const char *report;
} Ran;

static inline Ran run_passes_plan(const char *text, const char *passes, const char *plan, bool validate)
{
    Ran ran = {.cx = weir_context_new()};
    Source *source = ARENA_NEW(&ran.cx->arena, Source);
    *source = (Source){"test.cascade", text, strlen(text)};
    uint32_t n;
    Cascade **list;
    ran.status = cascade_parse(ran.cx, source, &n, &list);
    diagnostics_print(&ran.cx->diag, stderr, false);
    assert_int_equal(ran.status, WEIR_OK);
    Text report, out;
    text_init(&report, &ran.cx->arena);
    text_init(&out, &ran.cx->arena);
    PassContext p = {.cx = ran.cx, .report = &report, .verify = true, .validate = validate, .plan = plan};
    ran.status = passes_run(&p, list[0], passes);
    cascade_print(list[0], &out);
    ran.text = out.at;
    ran.report = report.n == 0 ? "" : report.at;
    return ran;
}

static inline Ran run_passes(const char *text, const char *passes)
{
    return run_passes_plan(text, passes, NULL, true);
}

/* The passes run, keep the values, and say and print what is wanted (NULL: anything). A second run changes nothing. */
static inline void check_passes(const char *text, const char *passes, const char *report, const char *printed)
{
    Ran ran = run_passes(text, passes);
    if (ran.status != WEIR_OK)
        diagnostics_print(&ran.cx->diag, stderr, false);
    assert_int_equal(ran.status, WEIR_OK);
    if (strstr(ran.report, report) == NULL || (printed != NULL && strstr(ran.text, printed) == NULL)) {
        fprintf(stderr, "%s%s", ran.report, ran.text);
        fail_msg("not found: %s | %s", report, printed == NULL ? "" : printed);
    }
    Ran again = run_passes(ran.text, passes);
    assert_int_equal(again.status, WEIR_OK);
    assert_string_equal(again.text, ran.text);
    weir_context_free(again.cx);
    weir_context_free(ran.cx);
}

#endif
