/*
 * backends/run.c: weir run: a model, or a cascade text, on given inputs.
 */
#include <string.h>
#include <sys/stat.h>

#include "backends/job.h"
#include "backends/text.h"
#include "ir/eval.h"
#include "ir/expect.h"
#include "support/npy.h"

typedef struct Run {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    FILE *out;
} Run;

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static weir_status need(Run *run, const char *value, const char *option)
{
    if (value != NULL)
        return WEIR_OK;
    diag(&run->cx->diag, place_none(), E_USAGE, arena_printf(&run->cx->arena, "%s is missing", option));
    return WEIR_USAGE;
}

/* ---- inputs and outputs of a model ---- */

static weir_status read_npz(Run *run, uint32_t *out_n, NamedTensor **out_inputs)
{
    Npz npz;
    TRY(npz_open(run->cx, run->settings->inputs, &npz));
    NamedTensor *inputs = ARENA_ARRAY(&run->cx->arena, NamedTensor, npz.n);
    for (uint32_t i = 0; i < npz.n; i++) {
        inputs[i].name = intern_text(&run->cx->names, npz.entries[i].name);
        TRY(npz_tensor(run->cx, &npz, i, &inputs[i].tensor));
    }
    *out_n = npz.n;
    *out_inputs = inputs;
    return WEIR_OK;
}

static weir_status read_inputs(Run *run, uint32_t *out_n, NamedTensor **out_inputs)
{
    if (run->settings->inputs == NULL)
        return WEIR_OK;
    if (ends_with(run->settings->inputs, ".npz"))
        return read_npz(run, out_n, out_inputs);
    return dataset_read(run->cx, run->settings->inputs, "input", out_n, out_inputs);
}

/* Without a folder: as text. */
static weir_status print_outputs(Run *run, uint32_t n, const NamedTensor *outputs)
{
    Text text;
    text_init(&text, &run->cx->arena);
    for (uint32_t i = 0; i < n; i++)
        expect_write(&text, "typed", cx_text(run->cx, outputs[i].name), outputs[i].tensor.type, &outputs[i].tensor);
    return text_deliver(run->cx, &text, NULL, run->out);
}

static weir_status write_outputs(Run *run, uint32_t n, const NamedTensor *outputs)
{
    if (run->settings->outputs == NULL)
        return print_outputs(run, n, outputs);
    const char *folder = run->settings->outputs;
    (void)mkdir(folder, 0777);
    for (uint32_t i = 0; i < n; i++) {
        const char *path = arena_printf(&run->cx->arena, "%s/output_%u.%s", folder, i, run->settings->npy ? "npy" : "pb");
        if (run->settings->npy)
            TRY(npy_write(run->cx, path, &outputs[i].tensor));
        else
            TRY(tensor_proto_write(run->cx, path, cx_text(run->cx, outputs[i].name), &outputs[i].tensor));
    }
    return WEIR_OK;
}

static weir_status run_model(Run *run)
{
    Job *job;
    uint32_t n = 0, n_outputs;
    NamedTensor *inputs = NULL, *outputs;
    TRY(job_new(run->cx, run->settings, &job));
    TRY(job_load(job, run->path));
    TRY(dataset_possible(job));
    TRY(read_inputs(run, &n, &inputs));
    dataset_names(job, n, inputs);
    if (job->model != NULL)
        TRY(job_lower(job, n, inputs));
    TRY(job_compile(job));
    Tensor *values = ARENA_ARRAY(&run->cx->arena, Tensor, job->source->tensors.n);
    if (n != 0)
        TRY(job_bind(job, n, inputs, values));
    else
        job_make_inputs(job, values);
    TRY(job_run(job, values, NULL));
    TRY(job_outputs(job, values, &n_outputs, &outputs));
    return write_outputs(run, n_outputs, outputs);
}

/* ---- a cascade text by eval ---- */

static uint32_t split_names(Run *run, const char *list, const char **names)
{
    uint32_t n = 0;
    while (list != NULL && *list != 0) {
        size_t length = strcspn(list, ",");
        names[n++] = arena_string(&run->cx->arena, list, length);
        list += length;
        list += *list == ',' ? 1 : 0;
    }
    return n;
}

static weir_status run_cascade(Run *run)
{
    const weir_settings *settings = run->settings;
    Job *job;
    TRY(job_new(run->cx, settings, &job));
    TRY(job_load(job, run->path));
    const char **names = ARENA_ARRAY(&run->cx->arena, const char *, settings->tensors != NULL ? strlen(settings->tensors) + 1 : 1);
    uint32_t n = split_names(run, settings->tensors, names);
    EvalSystem system = settings->system != NULL && strcmp(settings->system, "real") == 0 ? EVAL_REAL : EVAL_TYPED;
    (void)mkdir(settings->outputs, 0777);
    return expect_run(job->source, settings->inputs, settings->outputs, system, n, names);
}

static weir_status run_path(void *data)
{
    Run *run = data;
    bool text = ends_with(run->path, ".cascade");
    bool expect = run->settings->inputs != NULL && ends_with(run->settings->inputs, ".expect");
    if (text && (expect || run->settings->system != NULL)) {
        TRY(need(run, run->settings->inputs, "--inputs=FILE.expect"));
        TRY(need(run, run->settings->outputs, "--outputs=DIR"));
        return run_cascade(run);
    }
    return run_model(run);
}

int weir_run(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    Run run = {cx, settings, path, out};
    return (int)api_guard(cx, run_path, &run);
}
