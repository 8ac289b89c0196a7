/*
 * backends/c/pipeline.c: fuse, schedule, pin.
 */
#include "backends/c/pipeline.h"

#include "backends/c/strategies.h"
#include "passes/fuse.h"
#include "support/file.h"

/* --mapping: maps of the file replace those of the groups they name. */
static weir_status take_mappings(Job *job)
{
    const Source *source;
    uint32_t n;
    Mapping **maps;
    TRY(file_source(job->cx, job->settings->mapping, &source));
    TRY(mapping_parse_all(job->cx, source, job->cs, job->groups, &n, &maps));
    for (uint32_t i = 0; i < n; i++) {
        TRY(mapping_verify(maps[i], job->machine));
        for (uint32_t g = 0; g < job->groups->list.n; g++) {
            Group *group = &job->groups->list.at[g];
            if (!name_is(group->name, maps[i]->name))
                continue;
            group->mapping = maps[i];
            group->strategy = "given";
        }
    }
    return WEIR_OK;
}

weir_status host_pipeline(Job *job)
{
    PassContext pass = {.cx = job->cx, .machine = job->machine, .verify = job->settings->verify};
    uint32_t n;
    const Strategy *table = host_strategies(&n);
    TRY(fuse_groups(&pass, job->cs, &job->groups));
    TRY(schedule_groups(&pass, job->groups, table, n));
    if (job->settings->mapping != NULL)
        TRY(take_mappings(job));
    Mapping **mappings = ARENA_ARRAY(&job->cx->arena, Mapping *, job->groups->list.n);
    for (uint32_t g = 0; g < job->groups->list.n; g++) {
        mappings[g] = job->groups->list.at[g].mapping;
        if (job->settings->verify)
            TRY(mapping_verify(mappings[g], job->machine));
    }
    return pin(job->cs, job->groups->list.n, mappings, job->machine, &job->pinned);
}
