/*
 * backends/llvm/module.c: the table of functions of the module; a loop program as one LLVM module.
 *
 * Keep: everything of LLVM's belongs to a context of its own and is released with weir's context.
 */
#include "backends/llvm/internal.h"

static void module_close(void *resource)
{
    LlvmModule *module = resource;
    jit_close(module);
    if (module->object != NULL)
        LLVMDisposeMemoryBuffer(module->object);
    if (module->machine != NULL)
        LLVMDisposeTargetMachine(module->machine);
    LLVMDisposeModule(module->module);
    LLVMContextDispose(module->context);
}

static void builder_close(void *resource)
{
    LLVMDisposeBuilder(resource);
}

/* Keeps the first error; warnings and remarks are not the user's concern. */
static void on_message(LLVMDiagnosticInfoRef info, void *data)
{
    LlvmModule *module = data;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError || module->message != NULL)
        return;
    char *text = LLVMGetDiagInfoDescription(info);
    module->message = arena_printf(&module->cx->arena, "%s", text);
    LLVMDisposeMessage(text);
}

static LlvmModule *module_open(weir_context *cx, const LlvmOptions *options)
{
    LlvmModule *module = ARENA_NEW(&cx->arena, LlvmModule);
    *module = (LlvmModule){.cx = cx, .name = options->name, .context = LLVMContextCreate()};
    module->module = LLVMModuleCreateWithNameInContext(options->name, module->context);
    context_on_end(cx, module_close, module);
    LLVMContextSetDiagnosticHandler(module->context, on_message, module);
    return module;
}

static weir_status module_compile(weir_context *cx, const LoopProgram *p, const LlvmOptions *options, LlvmModule **out_module)
{
    LlvmModule *module = module_open(cx, options);
    TRY(target_open(module, p, options));
    Ir *ir = ARENA_NEW(&cx->arena, Ir);
    *ir = (Ir){.cx = cx, .p = p, .options = options, .c = module->context, .m = module->module,
                .canonical = loops_look_at_bits(p)};
    ir->b = LLVMCreateBuilderInContext(module->context);
    context_on_end(cx, builder_close, ir->b);
    ir->pointer = LLVMPointerTypeInContext(module->context, 0);
    program_functions(ir);
    if (ir->refused != NULL) {
        diag(&cx->diag, place_none(), E_HOST_UNSUPPORTED, ir->refused);
        return WEIR_UNSUPPORTED;
    }
    TRY(target_optimise(module, options->level));
    *out_module = module;
    return WEIR_OK;
}

static weir_status module_text(LlvmModule *module, Text *out)
{
    char *text = LLVMPrintModuleToString(module->module);
    text_printf(out, "%s", text);
    LLVMDisposeMessage(text);
    return WEIR_OK;
}

extern const LlvmApi weir_llvm_api_v1;
const LlvmApi weir_llvm_api_v1 = {
    .abi = LLVM_API_ABI,
    .loop_ops = LOOP_OP_COUNT,
    .version = LLVM_VERSION_STRING,
    .compile = module_compile,
    .text = module_text,
    .object = module_object,
    .load = module_load,
};
