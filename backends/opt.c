/*
 * backends/opt.c: weir opt: passes, mappings and pinning on cascade text.
 */
#include <string.h>

#include "backends/job.h"
#include "backends/text.h"
#include "passes/fuse.h"
#include "passes/pass.h"
#include "support/file.h"

typedef struct Opt {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    FILE *out;
} Opt;

/* The machine a map names; `NAME.host` is the host side of NAME. */
static weir_status machine_of_map(Opt *opt, const Mapping *mapping, const Machine **out_machine)
{
    const char *name = cx_text(opt->cx, mapping->machine), *side = strstr(name, ".host");
    if (side != NULL && side[strlen(".host")] == 0)
        name = arena_string(&opt->cx->arena, name, (size_t)(side - name));
    TRY(machine_load(opt->cx, name, out_machine));
    for (uint32_t i = 0; i < opt->settings->n_set; i++)
        TRY(machine_set(opt->cx, *out_machine, opt->settings->set[i], out_machine));
    return WEIR_OK;
}

static weir_status emit_mapping(Opt *opt, Job *job, const char *emit, Text *text)
{
    const weir_settings *settings = opt->settings;
    const Source *source;
    Mapping *mapping;
    TRY(file_source(opt->cx, settings->mapping, &source));
    TRY(mapping_parse(opt->cx, source, job->cs, &mapping));
    const Machine *machine = job->machine;
    if (settings->machine == NULL)
        TRY(machine_of_map(opt, mapping, &machine));
    TRY(mapping_verify(mapping, machine));
    if (strcmp(emit, "mapping") == 0) {
        mapping_print(mapping, text);
        return WEIR_OK;
    }
    Cascade *pinned;
    TRY(pin(job->cs, 1, &mapping, machine, &pinned));
    cascade_print(pinned, text);
    return WEIR_OK;
}

static weir_status emit(Opt *opt, Job *job, Text *text)
{
    const char *what = opt->settings->emit != NULL ? opt->settings->emit : "cascade";
    bool mapped = strcmp(what, "mapping") == 0 || strcmp(what, "pinned") == 0;
    if (mapped && opt->settings->mapping != NULL)
        return emit_mapping(opt, job, what, text);
    if (strcmp(what, "groups") == 0) {
        PassContext pass = {.cx = opt->cx, .machine = job->machine};
        TRY(fuse_groups(&pass, job->cs, &job->groups));
        groups_print(job->groups, text);
        return WEIR_OK;
    }
    if (strcmp(what, "cascade") == 0) {
        cascade_print(job->cs, text);
        return WEIR_OK;
    }
    diag(&opt->cx->diag, place_none(), E_USAGE,
         arena_printf(&opt->cx->arena, "--emit=%s: cascade, groups, or with --mapping mapping or pinned", what));
    return WEIR_USAGE;
}

static weir_status opt_path(void *data)
{
    Opt *opt = data;
    Job *job;
    Text text;
    text_init(&text, &opt->cx->arena);
    TRY(job_new(opt->cx, opt->settings, &job));
    TRY(job_load(job, opt->path));
    if (job->model != NULL)
        TRY(job_lower(job, 0, NULL));
    job->cs = job->source;
    PassContext pass = {.cx = opt->cx,
                        .machine = job->machine,
                        .print_after = opt->settings->print_after,
                        .printed = &text,
                        .report = &job->report,
                        .verify = true,
                        .validate = opt->settings->validate,
                        .plan = opt->settings->precision};
    weir_status status = passes_run(&pass, job->cs, opt->settings->passes != NULL ? opt->settings->passes : "");
    if (job->report.n != 0)
        fputs(job->report.at, stderr);
    TRY(status);
    TRY(emit(opt, job, &text));
    return text_deliver(opt->cx, &text, opt->settings->output, opt->out);
}

int weir_opt(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    Opt opt = {cx, settings, path, out};
    return (int)api_guard(cx, opt_path, &opt);
}
