/*
 * backends/llvm/target.c: the processor that code is for, and LLVM's passes.
 */
#include "backends/llvm/internal.h"

#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

#include "support/nearest.h"

weir_status llvm_failed(LlvmModule *module, char *message)
{
    weir_context *cx = module->cx;
    const char *text = message != NULL ? message : module->message != NULL ? module->message : "no message";
    diag(&cx->diag, place_none(), E_LLVM, arena_printf(&cx->arena, "%s", text));
    if (message != NULL)
        LLVMDisposeMessage(message);
    return WEIR_UNSUPPORTED;
}

/* Copies a message of LLVM's to the arena. */
static const char *kept(weir_context *cx, char *message)
{
    const char *text = arena_printf(&cx->arena, "%s", message);
    LLVMDisposeMessage(message);
    return text;
}

typedef struct Processor {
    const char *name, *architecture, *cpu, *features;
    unsigned level;
} Processor;

static const Processor processors[] = {
#define PROCESSOR(name, architecture, cpu, features, level) {name, architecture, cpu, features, level},
#include "backends/llvm/processors.def"
#undef PROCESSOR
};
enum { N_PROCESSORS = sizeof processors / sizeof *processors };

static bool is_architecture(const char *triple, const char *architecture)
{
    size_t n = strlen(architecture);
    return strncmp(triple, architecture, n) == 0 && (triple[n] == '-' || triple[n] == 0);
}

/* By the vectors of the program; "": the least of this machine. */
static const char *default_name(const LoopProgram *p, const LlvmOptions *options)
{
#if defined __x86_64__
    if (options->cpu == NULL)
        return p->vector_bytes >= 64 ? "x86-64-v4" : p->vector_bytes >= 32 ? "x86-64-v3" : "x86-64-v2";
    return options->cpu[0] != 0 ? options->cpu : "x86-64";
#elif defined __aarch64__
    (void)p;
    return options->cpu != NULL && options->cpu[0] != 0 ? options->cpu : "aarch64";
#else
    (void)p;
    return options->cpu != NULL && options->cpu[0] != 0 ? options->cpu : "native";
#endif
}

static MUST_USE weir_status unknown(weir_context *cx, const char *name)
{
    Nearest nearest = nearest_to(name, strlen(name));
    for (unsigned k = 0; k < N_PROCESSORS; k++)
        nearest_offer(&nearest, processors[k].name);
    diag(&cx->diag, place_none(), E_USAGE, arena_printf(&cx->arena, "no processor named '%s'", name));
    if (nearest.best != NULL)
        diag_note(&cx->diag, "did you mean %s? native is this machine", nearest.best);
    else
        diag_note(&cx->diag, "native, x86-64-v2, x86-64-v3, x86-64-v4, aarch64, riscv64, wasm32 ..");
    return WEIR_USAGE;
}

static bool has_level(unsigned level)
{
#if defined __x86_64__
    if (level >= 2 && (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")))
        return false;
    if (level >= 3 && (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")))
        return false;
    return level < 4 || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                         __builtin_cpu_supports("avx512dq"));
#else
    (void)level;
    return true;
#endif
}

static MUST_USE weir_status choose(LlvmModule *module, const char *name, Processor *out, const char **out_triple)
{
    weir_context *cx = module->cx;
    *out_triple = kept(cx, LLVMGetDefaultTargetTriple());
    module->runs = true;
    if (strcmp(name, "native") == 0) {
        *out = (Processor){name, "", kept(cx, LLVMGetHostCPUName()), kept(cx, LLVMGetHostCPUFeatures()), 0};
        return WEIR_OK;
    }
    for (unsigned k = 0; k < N_PROCESSORS; k++) {
        if (strcmp(processors[k].name, name) != 0)
            continue;
        *out = processors[k];
        module->runs = is_architecture(*out_triple, out->architecture) && has_level(out->level);
        if (!is_architecture(*out_triple, out->architecture))
            *out_triple = arena_printf(&cx->arena, "%s-unknown-%s", out->architecture,
                                       strcmp(out->architecture, "wasm32") == 0 ? "unknown" : "linux-gnu");
        return WEIR_OK;
    }
    return unknown(cx, name);
}

weir_status target_open(LlvmModule *module, const LoopProgram *p, const LlvmOptions *options)
{
    char *message = NULL;
    const char *triple;
    LLVMTargetRef target;
    Processor processor;
    static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault, LLVMCodeGenLevelAggressive};
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
    TRY(choose(module, default_name(p, options), &processor, &triple));
    module->cpu = processor.name;
    if (LLVMGetTargetFromTriple(triple, &target, &message) != 0)
        return llvm_failed(module, message);
    module->machine = LLVMCreateTargetMachine(target, triple, processor.cpu, processor.features, levels[options->level & 3], LLVMRelocPIC,
                                              LLVMCodeModelDefault);
    if (module->machine == NULL)
        return llvm_failed(module, NULL);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(module->machine);
    LLVMSetModuleDataLayout(module->module, layout);
    LLVMDisposeTargetData(layout);
    LLVMSetTarget(module->module, triple);
    return WEIR_OK;
}

static MUST_USE weir_status check(LlvmModule *module)
{
    char *message = NULL;
    if (LLVMVerifyModule(module->module, LLVMReturnStatusAction, &message) != 0) {
        diag(&module->cx->diag, place_none(), E_INTERNAL, arena_printf(&module->cx->arena, "LLVM IR: %s", message));
        LLVMDisposeMessage(message);
        return WEIR_BUG;
    }
    LLVMDisposeMessage(message);
    return WEIR_OK;
}

weir_status target_optimise(LlvmModule *module, int level)
{
    TRY(check(module));
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMPassBuilderOptionsSetSLPVectorization(options, level >= 2);
    const char *passes = arena_printf(&module->cx->arena, "default<O%d>", level & 3);
    LLVMErrorRef error = LLVMRunPasses(module->module, passes, module->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (error == NULL)
        return check(module);
    char *text = LLVMGetErrorMessage(error);
    diag(&module->cx->diag, place_none(), E_LLVM, arena_printf(&module->cx->arena, "%s", text));
    LLVMDisposeErrorMessage(text);
    return WEIR_UNSUPPORTED;
}
