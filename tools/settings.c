/*
 * tools/settings.c: one row of options is one field of the settings.
 */
#include "tools/settings.h"

#include <unistd.h>

weir_settings settings_of(const Options *options)
{
    return (weir_settings){
        .target = options->target,
        .machine = options->machine,
        .mapping = options->mapping,
        .precision = options->precision,
        .place = options->place,
        .cpu = options->cpu,
        .emit = options->emit,
        .passes = options->passes,
        .print_after = options->print_after,
        .system = options->system,
        .tensors = options->tensors,
        .inputs = options->inputs,
        .outputs = options->outputs,
        .output = options->output,
        .depfile = options->depfile,
        .mode = options->mode,
        .trace = options->trace,
        .quirks = options->quirks,
        .model = options->model,
        .set = options->set.at,
        .dims = options->dim.at,
        .values = options->value.at,
        .n_set = options->set.n,
        .n_dims = options->dim.n,
        .n_values = options->value.n,
        .opt_level = options->opt_level.given ? (int)options->opt_level.value : -1,
        .seed = options->seed.value,
        .tol_scale = options->tol_scale.given ? options->tol_scale.value : 0,
        .seconds = options->seconds.given ? options->seconds.value : 0,
        .json = options->json,
        .verbose = options->verbose,
        .verify = options->verify,
        .validate = options->validate,
        .bit_exact = options->bit_exact,
        .npy = options->npy,
        .portable = options->portable,
        .check_only = options->check_only,
        .markdown = options->markdown,
    };
}

/* The status with the larger exit code. */
static weir_status worse(weir_status a, weir_status b)
{
    return status_exit_code(b) > status_exit_code(a) ? b : a;
}

weir_status for_each_path(weir_context *cx, const Options *options, PathCall *call)
{
    weir_settings settings = settings_of(options);
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; i < options->n_words; i++)
        status = worse(status, (weir_status)call(cx, &settings, options->words[i], stdout));
    return status;
}

weir_status for_each_path_apart(weir_context *cx, const Options *options, PathCall *call)
{
    weir_settings settings = settings_of(options);
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; i < options->n_words; i++) {
        weir_context *own = weir_context_new();
        if (own == NULL)
            arena_unwind(&cx->arena, WEIR_NO_MEMORY);
        context_set_limits(own, &cx->limits);
        weir_status one = (weir_status)call(own, &settings, options->words[i], stdout);
        status = worse(status, one);
        weir_print_messages(own, stderr, isatty(STDERR_FILENO) != 0, options->json);
        if (one == WEIR_NO_MEMORY && own->diag.n_errors == 0)
            fprintf(stderr, "weir: %s\n", status_text(one)); /* there was no memory for a diagnostic */
        weir_context_free(own);
    }
    return status;
}
