/*
 * backends/compile.c: weir compile: a target's files, or a text on the way to them.
 */
#include <string.h>

#include "backends/job.h"
#include "backends/text.h"
#include "support/file.h"

typedef struct Compile {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    FILE *out;
} Compile;

static weir_status emit_mappings(const Job *job, Text *text)
{
    for (uint32_t g = 0; g < job->groups->list.n; g++)
        mapping_print(job->groups->list.at[g].mapping, text);
    return WEIR_OK;
}

static weir_status emit(Compile *compile, Job *job, Text *text)
{
    const char *what = compile->settings->emit;
    if (strcmp(what, "cascade") == 0)
        cascade_print(job->cs, text);
    else if (strcmp(what, "pinned") == 0 && job->pinned != NULL)
        cascade_print(job->pinned, text);
    else if (strcmp(what, "groups") == 0 && job->groups != NULL)
        groups_print(job->groups, text);
    else if (strcmp(what, "mapping") == 0 && job->groups != NULL)
        return emit_mappings(job, text);
    else if (job->target->emit == NULL || !job->target->emit(job, what, text)) {
        diag(&compile->cx->diag, place_none(), E_USAGE,
             arena_printf(&compile->cx->arena, "the target %s has no --emit=%s", job->target->name, what));
        diag_note(&compile->cx->diag, "cascade, groups, mapping, pinned, and for c and llvm loops");
        return WEIR_USAGE;
    }
    return WEIR_OK;
}

/* A path in a make rule. */
static void add_path(Text *text, const char *path)
{
    for (; *path != 0; path++) {
        if (*path == ' ' || *path == '#')
            text_add(text, "\\", 1);
        else if (*path == '$')
            text_add(text, "$", 1);
        text_add(text, path, 1);
    }
}

/* Every file read: model, external data, machine and mapping files. */
static weir_status write_depfile(Compile *compile)
{
    weir_context *cx = compile->cx;
    if (compile->settings->depfile == NULL)
        return WEIR_OK;
    Text text;
    text_init(&text, &cx->arena);
    add_path(&text, compile->settings->output != NULL ? compile->settings->output : "all");
    text_printf(&text, ":");
    for (uint32_t i = 0; i < cx->files_read.n; i++) {
        text_printf(&text, " ");
        add_path(&text, cx->files_read.at[i]);
    }
    text_printf(&text, "\n");
    return file_write(cx, compile->settings->depfile, text.at, text.n);
}

static weir_status compile_path(void *data)
{
    Compile *compile = data;
    Job *job;
    TRY(job_new(compile->cx, compile->settings, &job));
    TRY(job_load(job, compile->path));
    if (job->model != NULL)
        TRY(job_lower(job, 0, NULL));
    TRY(job_compile(job));
    if (compile->settings->emit != NULL) {
        Text text;
        text_init(&text, &compile->cx->arena);
        TRY(emit(compile, job, &text));
        TRY(text_deliver(compile->cx, &text, compile->settings->output, compile->out));
        return write_depfile(compile);
    }
    if (compile->settings->output == NULL) {
        diag(&compile->cx->diag, place_none(), E_USAGE, "-o OUT is missing");
        return WEIR_USAGE;
    }
    TRY(job->target->write(job, compile->settings->output));
    return write_depfile(compile);
}

int weir_compile(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    Compile compile = {cx, settings, path, out};
    return (int)api_guard(cx, compile_path, &compile);
}
