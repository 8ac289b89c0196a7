/*
 * backends/c/pipeline.c: fuse, schedule, pin.
 */
#include "backends/c/pipeline.h"

#include "backends/c/strategies.h"
#include "passes/fuse.h"

weir_status host_pipeline(Job *job)
{
    PassContext pass = {.cx = job->cx, .machine = job->machine, .verify = job->settings->verify};
    uint32_t n;
    const Strategy *table = host_strategies(&n);
    TRY(fuse_groups(&pass, job->cs, &job->groups));
    TRY(schedule_groups(&pass, job->groups, table, n));
    Mapping **mappings = ARENA_ARRAY(&job->cx->arena, Mapping *, job->groups->list.n);
    for (uint32_t g = 0; g < job->groups->list.n; g++) {
        mappings[g] = job->groups->list.at[g].mapping;
        if (job->settings->verify)
            TRY(mapping_verify(mappings[g], job->machine));
    }
    return pin(job->cs, job->groups->list.n, mappings, job->machine, &job->pinned);
}
