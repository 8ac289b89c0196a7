/*
 * backends/job.c: the way of a model, one call a step.
 */
#include "backends/job.h"

#include <string.h>

#include "backends/given.h"
#include "ir/eval.h"
#include "passes/fuse.h"
#include "passes/pass.h"
#include "support/file.h"
#include "support/nearest.h"

weir_status api_guard(weir_context *cx, weir_status (*body)(void *), void *data)
{
    jmp_buf pad, *outer = cx->arena.pad;
    cx->arena.pad = &pad;
    int failed = setjmp(pad);
    weir_status status = failed != 0 ? context_landed(cx, (weir_status)failed) : body(data);
    cx->arena.pad = outer;
    return status;
}

static weir_status choose_target(Job *job)
{
    const char *name = job->settings->target != NULL ? job->settings->target : "interp";
    job->target = target_named(name);
    if (job->target != NULL)
        return WEIR_OK;
    Nearest nearest = nearest_to(name, strlen(name));
    for (uint32_t i = 0; target_at(i) != NULL; i++)
        nearest_offer(&nearest, target_at(i)->name);
    diag(&job->cx->diag, place_none(), E_USAGE, arena_printf(&job->cx->arena, "no target named '%s'", name));
    diag_note(&job->cx->diag, "did you mean %s? `weir targets` lists them", nearest.best != NULL ? nearest.best : "c");
    return WEIR_USAGE;
}

weir_status job_new(weir_context *cx, const weir_settings *settings, Job **out_job)
{
    Job *job = ARENA_NEW(&cx->arena, Job);
    job->cx = cx;
    job->settings = settings;
    text_init(&job->report, &cx->arena);
    TRY(choose_target(job));
    const char *machine = settings->machine != NULL ? settings->machine : job->target->machine;
    TRY(machine_load(cx, machine, &job->machine));
    for (uint32_t i = 0; i < settings->n_set; i++)
        TRY(machine_set(cx, job->machine, settings->set[i], &job->machine));
    *out_job = job;
    return WEIR_OK;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

weir_status job_load(Job *job, const char *path)
{
    path = model_path(job->cx, path);
    if (!ends_with(path, ".cascade"))
        return model_read(job->cx, path, &job->model);
    const Source *source;
    uint32_t n;
    Cascade **all;
    TRY(file_source(job->cx, path, &source));
    TRY(cascade_parse(job->cx, source, &n, &all));
    if (n != 1) {
        diag(&job->cx->diag, place_text(source, 1, 1, 0), E_SYNTAX,
             arena_printf(&job->cx->arena, "one cascade is expected, the file holds %u", n));
        return WEIR_MALFORMED;
    }
    job->source = all[0];
    return cascade_verify(job->source);
}

/* ---- lowering ---- */

weir_status job_lower(Job *job, uint32_t n, const NamedTensor *inputs)
{
    Arena *arena = &job->cx->arena;
    LowerDim *dims = ARENA_ARRAY(arena, LowerDim, job->settings->n_dims);
    TRY(given_dims(job, dims));
    uint32_t n_values = job->settings->n_values;
    LowerInput *bound = ARENA_ARRAY(arena, LowerInput, n_values + n); /* the first of a name counts */
    TRY(given_values(job, dims, bound));
    for (uint32_t i = 0; i < n; i++)
        bound[n_values + i] = (LowerInput){.name = inputs[i].name, .value = &inputs[i].tensor};
    const LowerOptions options = {.n_dims = job->settings->n_dims,
                                  .dims = dims,
                                  .n_inputs = n_values + n,
                                  .inputs = bound,
                                  .default_dim = n == 0 ? 1 : 0};
    TRY(lower_model(job->cx, job->model, &options, &job->source, &job->lowered));
    return job->settings->verify ? cascade_verify(job->source) : WEIR_OK;
}

weir_status job_compile(Job *job)
{
    const weir_settings *settings = job->settings;
    job->cs = cascade_clone(job->source);
    PassContext pass = {.cx = job->cx,
                        .machine = job->machine,
                        .print_after = settings->print_after,
                        .printed = &job->report,
                        .report = settings->verbose ? &job->report : NULL,
                        .verify = settings->verify,
                        .validate = settings->validate,
                        .plan = settings->precision};
    const char *passes = settings->passes != NULL ? settings->passes : target_passes(job->target, settings->opt_level);
    weir_status status = passes_run(&pass, job->cs, passes);
    if (job->report.n != 0)
        fputs(job->report.at, stderr);
    TRY(status);
    return job->target->compile(job);
}

weir_status job_ready(Job *job)
{
    if (!job->is_ready)
        TRY(job->target->load(job));
    job->is_ready = true;
    return WEIR_OK;
}

weir_status job_run(Job *job, Tensor *values, Tensor *crossing)
{
    /* job->cs is a clone of job->source with more tensors: the interface has the same numbers */
    Tensor *all = ARENA_ARRAY(&job->cx->arena, Tensor, job->cs->tensors.n);
    memcpy(all, values, job->source->tensors.n * sizeof *all);
    TRY(job_ready(job));
    TRY(job->target->run(job, all, crossing));
    memcpy(values, all, job->source->tensors.n * sizeof *all);
    return WEIR_OK;
}

/* ---- values ---- */

static bool accepts(const Job *job, TensorId id, const Tensor *value)
{
    const TensorDecl *tensor = tensor_at(job->source, id);
    if (tensor->type != value->type || tensor->n_dims != value->n_dims)
        return false;
    for (uint32_t d = 0; d < value->n_dims; d++) {
        bool fixed = rank_at(job->source, tensor->dims[d].rank)->kind == RANK_STATIC;
        int64_t extent = dim_extent(job->source, id, d);
        if (fixed ? value->extent[d] != extent : value->extent[d] > extent)
            return false;
    }
    return true;
}

static const char *shape_text(Job *job, const Tensor *tensor)
{
    Text text;
    text_init(&text, &job->cx->arena);
    text_printf(&text, "%s[", dtype_text(tensor->type));
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        text_printf(&text, "%s%lld", d == 0 ? "" : ", ", (long long)tensor->extent[d]);
    text_printf(&text, "]");
    return text.at;
}

static weir_status bind_one(Job *job, Name name, TensorId id, uint32_t n, const NamedTensor *inputs, Tensor *values)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!name_is(inputs[i].name, name))
            continue;
        values[id.i] = inputs[i].tensor;
        if (accepts(job, id, &inputs[i].tensor))
            return WEIR_OK;
        Tensor want = {.type = tensor_at(job->source, id)->type, .n_dims = tensor_at(job->source, id)->n_dims};
        for (uint32_t d = 0; d < want.n_dims; d++)
            want.extent[d] = dim_extent(job->source, id, d);
        diag(&job->cx->diag, place_none(), E_INPUT, cx_text(job->cx, name),
             arena_printf(&job->cx->arena, "is %s, the model takes %s", shape_text(job, &inputs[i].tensor), shape_text(job, &want)));
        return WEIR_INVALID;
    }
    diag(&job->cx->diag, place_none(), E_INPUT, cx_text(job->cx, name), "has no value");
    return WEIR_INVALID;
}

static Name outside_name(const Cascade *cs, TensorId id)
{
    const TensorDecl *tensor = tensor_at(cs, id);
    return tensor->outside.i != 0 ? tensor->outside : tensor->name;
}

weir_status job_bind(Job *job, uint32_t n, const NamedTensor *inputs, Tensor *values)
{
    weir_status status = WEIR_OK;
    for (uint32_t t = 1; t < job->source->tensors.n; t++) {
        TensorId id = {t};
        if (tensor_at(job->source, id)->role != TENSOR_IN)
            continue;
        if (bind_one(job, outside_name(job->source, id), id, n, inputs, values) != WEIR_OK)
            status = WEIR_INVALID;
    }
    return status;
}

void job_make_inputs(Job *job, Tensor *values)
{
    for (uint32_t t = 1; t < job->source->tensors.n; t++) {
        TensorId id = {t};
        const TensorDecl *tensor = tensor_at(job->source, id);
        if (tensor->role != TENSOR_IN)
            continue;
        int64_t extent[TENSOR_MAX_DIMS];
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            extent[d] = dim_extent(job->source, id, d);
        values[t] = tensor_new(job->cx, tensor->type, tensor->n_dims, extent);
        int64_t n = tensor_elements(&values[t]);
        if (tensor->type == DT_BOOL) {
            for (int64_t i = 0; i < n; i++)
                dtype_store_i64(DT_BOOL, values[t].data, (size_t)i, i & 1);
            continue;
        }
        bool ints = dtype_is_int(tensor->type);
        seeded_fill(&values[t], job->settings->seed + t, ints ? LAW_INTS : LAW_NORMAL, 1);
        for (int64_t i = 0; ints && i < n; i++)
            dtype_store_i64(tensor->type, values[t].data, (size_t)i, dtype_load_i64(tensor->type, values[t].data, (size_t)i) & 1);
    }
}

weir_status job_outputs(Job *job, const Tensor *values, uint32_t *out_n, NamedTensor **out_outputs)
{
    uint32_t n = 0;
    NamedTensor *outputs = ARENA_ARRAY(&job->cx->arena, NamedTensor, job->source->tensors.n + job->lowered.n_outputs);
    for (uint32_t i = 0; i < job->lowered.n_outputs; i++) {
        const LoweredValue *value = &job->lowered.outputs[i];
        outputs[n++] = (NamedTensor){value->name, values[value->tensor.i]};
    }
    for (uint32_t t = 1; job->model == NULL && t < job->source->tensors.n; t++)
        if (tensor_at(job->source, (TensorId){t})->is_out)
            outputs[n++] = (NamedTensor){outside_name(job->source, (TensorId){t}), values[t]};
    for (uint32_t i = 0; i < n; i++)
        if (outputs[i].tensor.data == NULL)
            weir_bug(job->cx, "output '%s' was not computed", cx_text(job->cx, outputs[i].name));
    *out_n = n;
    *out_outputs = outputs;
    return WEIR_OK;
}
