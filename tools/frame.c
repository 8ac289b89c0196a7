/*
 * tools/frame.c: what surrounds every verb: context, limits, landing pad, diagnostics, exit code.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/options.h"

static void set_limits(weir_context *cx, const Options *options)
{
    Limits limits = cx->limits;
    if (options->max_file.given)
        limits.file_bytes = options->max_file.value;
    if (options->max_memory.given)
        limits.memory_bytes = options->max_memory.value;
    if (options->max_nesting.given)
        limits.nesting = (uint32_t)options->max_nesting.value;
    if (options->max_count.given)
        limits.count = options->max_count.value;
    if (options->max_steps.given)
        limits.steps = options->max_steps.value;
    context_set_limits(cx, &limits);
}

static bool wants_colour(const Options *options)
{
    const char *asked = options->color != NULL ? options->color : "auto";
    if (strcmp(asked, "auto") != 0)
        return strcmp(asked, "always") == 0;
    const char *no_colour = getenv("NO_COLOR");
    return (no_colour == NULL || no_colour[0] == '\0') && isatty(STDERR_FILENO);
}

/* The work that may unwind; a frame of its own, so that no local lives across the jump. */
static weir_status parse_and_run(weir_context *cx, const Verb *verb, int argc, char **argv, Options *options)
{
    TRY(options_parse(cx, verb, argc, argv, options));
    if (options->help) {
        help_verb(verb, stdout);
        return WEIR_OK;
    }
    set_limits(cx, options);
    return verb->body(cx, options);
}

static weir_status guarded(weir_context *cx, const Verb *verb, int argc, char **argv, Options *options)
{
    jmp_buf pad;
    cx->arena.pad = &pad;
    int failed = setjmp(pad);
    weir_status status = failed != 0 ? context_landed(cx, (weir_status)failed) : parse_and_run(cx, verb, argc, argv, options);
    cx->arena.pad = NULL;
    if (failed != 0 && cx->diag.n_errors == 0)
        fprintf(stderr, "weir: %s\n", status_text(status)); /* there was no memory for a diagnostic */
    return status;
}

static void report(const weir_context *cx, const Options *options, weir_status status)
{
    if (options->json)
        diagnostics_print_json(&cx->diag, stderr);
    else
        diagnostics_print(&cx->diag, stderr, wants_colour(options));
    if (status == WEIR_BUG)
        fputs("note: this is a bug in weir; please report it with the input and the command\n", stderr);
}

int run_verb(const Verb *verb, int argc, char **argv)
{
    weir_context *cx = weir_context_new();
    Options *options = calloc(1, sizeof *options);
    weir_status status = WEIR_NO_MEMORY;
    if (cx != NULL && options != NULL) {
        status = guarded(cx, verb, argc, argv, options);
        fflush(stdout);
        report(cx, options, status);
    } else {
        fprintf(stderr, "weir: %s\n", status_text(status));
    }
    free(options);
    weir_context_free(cx);
    return status_exit_code(status);
}
