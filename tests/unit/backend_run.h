/* Compiles a cascade text for a target, runs it on seeded inputs, compares with its pinned cascade bit for bit. */
#ifndef WEIR_TESTS_BACKEND_RUN_H
#define WEIR_TESTS_BACKEND_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/compare.h"
#include "backends/job.h"
#include "ir/eval.h"

typedef struct BackendRun {
    weir_context *cx;
    weir_settings settings;
    Job *job;
    Tensor *values; /* by tensor of job->source */
    weir_status status;
} BackendRun;

static inline void backend_open(BackendRun *run, const char *target, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "backend_%ld.cascade", (long)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    run->cx = weir_context_new();
    run->settings.target = target;
    run->settings.verify = true;
    run->settings.opt_level = -1;
    assert_int_equal(job_new(run->cx, &run->settings, &run->job), WEIR_OK);
    run->status = job_load(run->job, path);
    unlink(path);
    diagnostics_print(&run->cx->diag, stderr, false);
    assert_int_equal(run->status, WEIR_OK);
}

static inline Tensor *backend_pinned(BackendRun *run)
{
    Job *job = run->job;
    Tensor *pinned = ARENA_ARRAY(&run->cx->arena, Tensor, job->pinned->tensors.n);
    for (uint32_t t = 1; t < job->source->tensors.n; t++)
        if (tensor_at(job->source, (TensorId){t})->role == TENSOR_IN)
            pinned[t] = run->values[t];
    const EvalOptions options = {.system = EVAL_TYPED, .keep_all = true};
    assert_int_equal(eval_cascade(job->pinned, &options, pinned), WEIR_OK);
    return pinned;
}

/* Compiles, runs, compares everything that can be seen; the device's share must be as said. */
static inline void backend_compare(BackendRun *run, double share)
{
    Job *job = run->job;
    job->keep_crossing = true;
    run->status = job_compile(job);
    diagnostics_print(&run->cx->diag, stderr, false);
    assert_int_equal(run->status, WEIR_OK);
    assert_float_equal(job->device_share, share, 1e-6);
    run->values = ARENA_ARRAY(&run->cx->arena, Tensor, job->source->tensors.n);
    Tensor *crossing = ARENA_ARRAY(&run->cx->arena, Tensor, job->pinned->tensors.n);
    job_make_inputs(job, run->values);
    run->status = job_run(job, run->values, crossing);
    diagnostics_print(&run->cx->diag, stderr, false);
    assert_int_equal(run->status, WEIR_OK);
    Tensor *pinned = backend_pinned(run);
    uint32_t compared = 0;
    for (uint32_t t = 1; t < job->pinned->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(job->pinned, (TensorId){t});
        const Tensor *got = t < job->source->tensors.n && tensor->is_out ? &run->values[t] : &crossing[t];
        const char *why = "";
        if (tensor->role != TENSOR_TMP || got->data == NULL)
            continue;
        if (!tensors_same(run->cx, got, &pinned[t], &why))
            fail_msg("%s %s", tensor_name(job->pinned, (TensorId){t}), why);
        compared++;
    }
    assert_true(compared != 0);
}

static inline void backend_check(const char *target, const char *precision, double share, const char *text)
{
    BackendRun run = {.settings = {.precision = precision}};
    backend_open(&run, target, text);
    backend_compare(&run, share);
    weir_context_free(run.cx);
}

#endif
