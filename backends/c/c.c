/*
 * backends/c/c.c: one call from groups to C text, header and weights.
 */
#include "backends/c/internal.h"

#include "isa/host/lower.h"
#include "support/file.h"

static void failed(weir_context *cx, const char *what)
{
    diag(&cx->diag, place_none(), E_HOST_UNSUPPORTED, what);
}

HostOptions host_options(const Machine *machine, bool portable, bool keep_all)
{
    int64_t lanes = machine != NULL ? machine_int(machine, "lanes", 8) : 8;
    return (HostOptions){.fma = machine == NULL || machine_yes(machine, "fma", true), .keep_all = keep_all,
                         .vector_bytes = portable || lanes < 4 ? 0 : (uint32_t)lanes * 4};
}

weir_status c_compile(weir_context *cx, const Groups *groups, const Machine *machine, const COptions *options, CProgram **out_program)
{
    CProgram *program = ARENA_NEW(&cx->arena, CProgram);
    HostOptions host = host_options(machine, options->portable, options->keep_all);
    host.host_operations = true;
    *program = (CProgram){.cx = cx, .options = *options};
    program->name = c_identifier(cx, options->name != NULL ? options->name : cx_text(cx, groups->cs->name));
    TRY(host_lower(cx, groups, &host, &program->loops));
    TRY(loops_verify(program->loops));
    Emit *e = ARENA_NEW(&cx->arena, Emit);
    *e = (Emit){.cx = cx, .p = program->loops, .name = program->name, .canonical = loops_look_at_bits(program->loops)};
    e->elementary = ARENA_ARRAY(&cx->arena, bool, (size_t)FN_COUNT * 128);
    text_init(&program->source, &cx->arena);
    emit_source(e, &program->source);
    if (e->refused) {
        failed(cx, "an operation without a form in C");
        return WEIR_UNSUPPORTED;
    }
    text_init(&program->header, &cx->arena);
    const char **names = ARENA_ARRAY(&cx->arena, const char *, program->loops->buffers.n + 1);
    c_names(program->loops, names);
    emit_header(program->loops, program->name, names, &program->header);
    TRY(weights_image(cx, program->loops, &program->weights, &program->weights_bytes));
    *out_program = program;
    return WEIR_OK;
}

weir_status c_write(const CProgram *program, const char *folder)
{
    Arena *arena = &program->cx->arena;
    TRY(file_write(program->cx, arena_printf(arena, "%s/%s.c", folder, program->name), program->source.at, program->source.n));
    TRY(file_write(program->cx, arena_printf(arena, "%s/%s.h", folder, program->name), program->header.at, program->header.n));
    return file_write(program->cx, arena_printf(arena, "%s/%s.weights", folder, program->name), program->weights, program->weights_bytes);
}
