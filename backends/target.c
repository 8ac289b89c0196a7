/*
 * backends/target.c: the table of targets, and the target interp.
 */
#include "backends/target.h"

#include <string.h>

#include "ir/eval.h"

static const TargetInfo targets[] = {
#define TARGET(id, name, machine, pins, passes, doc)                                                       \
    {name, machine, passes, doc, pins, target_##id##_compile, target_##id##_load, target_##id##_run, target_##id##_write,\
     target_##id##_emit},
#include "backends/targets.def"
#undef TARGET
};

const TargetInfo *target_named(const char *name)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}

const TargetInfo *target_at(uint32_t i)
{
    return i < sizeof targets / sizeof *targets ? &targets[i] : NULL;
}

const char *target_passes(const TargetInfo *target, int opt_level)
{
    return opt_level == 0 ? "" : target->passes;
}

/* ---- interp ---- */

weir_status target_interp_compile(Job *job)
{
    (void)job;
    return WEIR_OK;
}

weir_status target_interp_load(Job *job)
{
    (void)job;
    return WEIR_OK;
}

weir_status target_interp_run(Job *job, Tensor *values, Tensor *crossing)
{
    (void)crossing;
    const EvalOptions options = {.system = EVAL_TYPED};
    return eval_cascade(job->cs, &options, values);
}

weir_status target_interp_write(Job *job, const char *output)
{
    (void)output;
    diag(&job->cx->diag, place_none(), E_USAGE, "the target interp writes nothing");
    diag_note(&job->cx->diag, "choose --target=c, llvm, rdu or pim, or --emit=cascade");
    return WEIR_USAGE;
}

bool target_interp_emit(Job *job, const char *what, Text *out)
{
    (void)job;
    (void)what;
    (void)out;
    return false;
}
