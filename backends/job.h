/*
 * backends/job.h: one compilation on its way: model, cascade, groups, pinned cascade, the target's program.
 */
#ifndef WEIR_BACKENDS_JOB_H
#define WEIR_BACKENDS_JOB_H

#include "frontend/graph.h"
#include "frontend/lower/lower.h"
#include "ir/group.h"
#include "ir/machine.h"
#include "support/text.h"
#include "weir/weir.h"

typedef struct TargetInfo TargetInfo;

/* A named value of the model's interface. */
typedef struct NamedTensor {
    Name name; /* the model's */
    Tensor tensor;
} NamedTensor;

typedef struct Job {
    weir_context *cx;
    const weir_settings *settings;
    const TargetInfo *target;
    const Machine *machine;
    Model *model;          /* NULL: the job starts from a cascade text */
    LoweredInfo lowered;
    Cascade *source;       /* as lowered or parsed */
    Cascade *cs;           /* after the target's passes */
    Groups *groups;
    Cascade *pinned;       /* the referee; NULL for interp */
    void *program, *loaded; /* the target's */
    bool is_ready;
    double device_share;   /* of the scalar operations, 0..1 */
    uint64_t cycles;       /* of the last run on a simulator; 0: none */
    bool keep_crossing;    /* every tensor between groups has memory of its own, to be compared */
    Text report;           /* what passes say */
} Job;

/* Reads target, machine and --set of the settings. */
MUST_USE weir_status job_new(weir_context *cx, const weir_settings *settings, Job **out_job);
/* The model of `path` lowered for the given inputs (shapes and values; may be NULL), or the cascade text. */
MUST_USE weir_status job_load(Job *job, const char *path);
MUST_USE weir_status job_lower(Job *job, uint32_t n, const NamedTensor *inputs);
/* Passes, groups, mapping, pinning, and the target's program. */
MUST_USE weir_status job_compile(Job *job);
/* Makes the program ready to run; job_run does it where it was not done. */
MUST_USE weir_status job_ready(Job *job);
/* Runs on values by tensor number of job->source (inputs set); sets the outputs there. Crossing tensors too where
 * keep_crossing, in `crossing` by tensor number of job->pinned (NULL: not wanted). */
MUST_USE weir_status job_run(Job *job, Tensor *values, Tensor *crossing);

/* Binds the model's inputs by name to tensors of job->source; missing or ill-typed ones are reported. */
MUST_USE weir_status job_bind(Job *job, uint32_t n, const NamedTensor *inputs, Tensor *values);
/* Made-up inputs: f32 seeded normal, integers 0 or 1, bool alternating. */
void job_make_inputs(Job *job, Tensor *values);
/* The model's outputs in its order. */
MUST_USE weir_status job_outputs(Job *job, const Tensor *values, uint32_t *out_n, NamedTensor **out_outputs);

/* Whether `path` is a folder; the model that a path names: of a folder its model.onnx or model.onnxtxt. */
bool is_folder(const char *path);
const char *model_path(weir_context *cx, const char *path);
/* input_I.pb or output_I.pb (`what`) of a data set folder, in order; names as in the files, else by position. */
MUST_USE weir_status dataset_read(weir_context *cx, const char *folder, const char *what, uint32_t *out_n,
                                  NamedTensor **out_tensors);

/* To be called before a data set is read: where inputs or outputs are no tensors of numbers, lowering says so by name,
 * not the files that cannot be read. */
MUST_USE weir_status dataset_possible(Job *job);
/* Where a name is none of the model's inputs, all names are given by position. */
void dataset_names(const Job *job, uint32_t n, NamedTensor *inputs);

/* ---- targets ---- */

struct TargetInfo {
    const char *name, *machine, *passes, *doc;
    bool pins; /* has a pinned cascade */
    weir_status (*compile)(Job *job);
    weir_status (*load)(Job *job); /* makes the program ready to run (a C compiler, a JIT); called once */
    weir_status (*run)(Job *job, Tensor *values, Tensor *crossing);
    weir_status (*write)(Job *job, const char *output);
    bool (*emit)(Job *job, const char *what, Text *out); /* a text of the target's own; false: none of that name */
};

const TargetInfo *target_named(const char *name); /* NULL: unknown */
const TargetInfo *target_at(uint32_t i);          /* NULL: past the last */

/* The passes before a target's groups, in order. */
const char *target_passes(const TargetInfo *target, int opt_level);

/* Runs `body` with a landing pad of its own: what unwinds is a status. */
weir_status api_guard(weir_context *cx, weir_status (*body)(void *), void *data);

#endif
