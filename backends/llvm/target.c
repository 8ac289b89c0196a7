/*
 * backends/llvm/target.c: the processor that code is for, and LLVM's passes.
 */
#include "backends/llvm/internal.h"

#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

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

static const char *default_cpu(const LoopProgram *p)
{
#if defined __x86_64__
    return p->vector_bytes >= 64 ? "x86-64-v4" : p->vector_bytes >= 32 ? "x86-64-v3" : "x86-64-v2";
#else
    (void)p;
    return "generic";
#endif
}

weir_status target_open(LlvmModule *module, const LoopProgram *p, const LlvmOptions *options)
{
    weir_context *cx = module->cx;
    const char *cpu = options->cpu != NULL ? options->cpu : default_cpu(p), *features = "";
    char *message = NULL;
    LLVMTargetRef target;
    static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault, LLVMCodeGenLevelAggressive};
    (void)LLVMInitializeNativeTarget();
    (void)LLVMInitializeNativeAsmPrinter();
    if (strcmp(cpu, "native") == 0) {
        cpu = kept(cx, LLVMGetHostCPUName());
        features = kept(cx, LLVMGetHostCPUFeatures());
    }
    const char *triple = kept(cx, LLVMGetDefaultTargetTriple());
    if (LLVMGetTargetFromTriple(triple, &target, &message) != 0)
        return llvm_failed(module, message);
    module->machine = LLVMCreateTargetMachine(target, triple, cpu[0] != 0 ? cpu : "generic", features, levels[options->level & 3],
                                              LLVMRelocPIC, LLVMCodeModelDefault);
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
