/*
 * backends/llvm_target.c: the target llvm, up to the module that knows LLVM.
 */
#include <string.h>

#include "backends/c/internal.h"
#include "backends/c/pipeline.h"
#include "backends/llvm_api.h"
#include "backends/target.h"
#include "isa/host/lower.h"
#include "support/file.h"

typedef struct LlvmProgram {
    const LlvmApi *api;
    LoopProgram *loops;
    LlvmModule *module;
    const char *name;
    Text header, info;
    unsigned char *weights;
    size_t weights_bytes;
} LlvmProgram;

/* The header, the description and the weights are those of the target c. */
static MUST_USE weir_status describe(weir_context *cx, LlvmProgram *program)
{
    const LoopProgram *p = program->loops;
    const char **names = ARENA_ARRAY(&cx->arena, const char *, p->buffers.n + 1);
    c_names(p, names);
    text_init(&program->header, &cx->arena);
    text_init(&program->info, &cx->arena);
    emit_header(p, program->name, names, &program->header);
    info_json(p, program->name, names, &program->info);
    return weights_image(cx, p, &program->weights, &program->weights_bytes);
}

weir_status target_llvm_compile(Job *job)
{
    weir_context *cx = job->cx;
    LlvmProgram *program = ARENA_NEW(&cx->arena, LlvmProgram);
    TRY(llvm_api(cx, &program->api));
    TRY(host_pipeline(job));
    job->device_share = 1;
    const HostOptions host = host_options(job->machine, job->settings->portable, job->keep_crossing);
    TRY(host_lower(cx, job->groups, &host, &program->loops));
    TRY(loops_verify(program->loops));
    program->name = c_identifier(cx, cx_text(cx, job->groups->cs->name));
    TRY(describe(cx, program));
    const LlvmOptions options = {.name = program->name, .info = program->info.at, .cpu = job->settings->cpu,
                                 .level = job->settings->opt_level < 0 ? 2 : job->settings->opt_level};
    TRY(program->api->compile(cx, program->loops, &options, &program->module));
    job->program = program;
    return WEIR_OK;
}

weir_status target_llvm_load(Job *job)
{
    LlvmProgram *program = job->program;
    HostRun *host = ARENA_NEW(&job->cx->arena, HostRun);
    *host = (HostRun){.cx = job->cx, .loops = program->loops, .weights = program->weights};
    job->loaded = host;
    return program->api->load(program->module, &host->run);
}

weir_status target_llvm_run(Job *job, Tensor *values, Tensor *crossing)
{
    TRY(host_run(job->loaded, values));
    host_crossings(job, job->loaded, crossing);
    return WEIR_OK;
}

weir_status target_llvm_write(Job *job, const char *output)
{
    const LlvmProgram *program = job->program;
    Arena *arena = &job->cx->arena;
    const char *object;
    size_t bytes;
    TRY(program->api->object(program->module, &object, &bytes));
    TRY(file_write(job->cx, arena_printf(arena, "%s/%s.o", output, program->name), object, bytes));
    TRY(file_write(job->cx, arena_printf(arena, "%s/%s.h", output, program->name), program->header.at, program->header.n));
    return file_write(job->cx, arena_printf(arena, "%s/%s.weights", output, program->name), program->weights, program->weights_bytes);
}

bool target_llvm_emit(Job *job, const char *what, Text *out)
{
    const LlvmProgram *program = job->program;
    if (strcmp(what, "loops") == 0)
        loops_print(program->loops, out);
    else if (strcmp(what, "header") == 0)
        text_add(out, program->header.at, program->header.n);
    else if (strcmp(what, "llvm-ir") == 0)
        return program->api->text(program->module, out) == WEIR_OK;
    else
        return false;
    return true;
}
