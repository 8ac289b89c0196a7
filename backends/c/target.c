/*
 * backends/c/target.c: the target c.
 */
#include <string.h>
#include <sys/stat.h>

#include "backends/c/c.h"
#include "backends/c/pipeline.h"
#include "backends/target.h"

weir_status target_c_compile(Job *job)
{
    TRY(host_pipeline(job));
    job->device_share = 1;
    const COptions options = {.cpu = job->settings->cpu,
                              .level = job->settings->opt_level < 0 ? 2 : job->settings->opt_level,
                              .portable = job->settings->portable,
                              .keep_all = job->keep_crossing,
                              .tests_only = job->keep_crossing};
    CProgram *program;
    TRY(c_compile(job->cx, job->groups, job->machine, &options, &program));
    job->program = program;
    return WEIR_OK;
}

weir_status target_c_load(Job *job)
{
    CProgram *program = job->program;
    CLibrary *library = ARENA_NEW(&job->cx->arena, CLibrary);
    job->loaded = &library->host;
    return c_build(job->cx, 1, &program, library);
}

weir_status target_c_run(Job *job, Tensor *values, Tensor *crossing)
{
    TRY(host_run(job->loaded, values));
    host_crossings(job, job->loaded, crossing);
    return WEIR_OK;
}

weir_status target_c_write(Job *job, const char *output)
{
    (void)mkdir(output, 0777);
    return c_write(job->program, output);
}

bool target_c_emit(Job *job, const char *what, Text *out)
{
    const CProgram *program = job->program;
    if (strcmp(what, "loops") == 0)
        loops_print(program->loops, out);
    else if (strcmp(what, "c") == 0)
        text_add(out, program->source.at, program->source.n);
    else if (strcmp(what, "header") == 0)
        text_add(out, program->header.at, program->header.n);
    else
        return false;
    return true;
}
