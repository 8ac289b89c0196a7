/*
 * backends/llvm/jit.c: the optimised module as an object file, and that object in this process.
 *
 * Keep: what runs in process are the bytes that would be written, so a check of one is a check of the other.
 */
#include "backends/llvm/internal.h"

#include <llvm-c/LLJIT.h>
#include <string.h>

weir_status module_object(LlvmModule *module, const char **out_bytes, size_t *out_n)
{
    char *message = NULL;
    if (module->object == NULL &&
        LLVMTargetMachineEmitToMemoryBuffer(module->machine, module->module, LLVMObjectFile, &message, &module->object) != 0)
        return llvm_failed(module, message);
    *out_bytes = LLVMGetBufferStart(module->object);
    *out_n = LLVMGetBufferSize(module->object);
    return WEIR_OK;
}

static MUST_USE weir_status orc_failed(LlvmModule *module, LLVMErrorRef error)
{
    char *text = LLVMGetErrorMessage(error);
    diag(&module->cx->diag, place_none(), E_LLVM, arena_printf(&module->cx->arena, "%s", text));
    LLVMDisposeErrorMessage(text);
    return WEIR_UNSUPPORTED;
}

/* Code for another processor would stop the process. */
static MUST_USE weir_status check_processor(LlvmModule *module)
{
    if (module->runs)
        return WEIR_OK;
    diag(&module->cx->diag, place_none(), E_LLVM, arena_printf(&module->cx->arena, "code for %s does not run on this machine", module->cpu));
    return WEIR_UNSUPPORTED;
}

static LLVMErrorRef open_jit(LlvmModule *module, LLVMMemoryBufferRef object, LLVMOrcExecutorAddress *out_address)
{
    LLVMOrcLLJITRef jit;
    LLVMOrcDefinitionGeneratorRef process;
    LLVMErrorRef error = LLVMOrcCreateLLJIT(&jit, NULL);
    if (error != NULL) {
        LLVMDisposeMemoryBuffer(object);
        return error;
    }
    module->jit = jit;
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit);
    error = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL);
    if (error == NULL) {
        LLVMOrcJITDylibAddGenerator(library, process); /* memcpy, fmod .. */
        error = LLVMOrcLLJITAddObjectFile(jit, library, object);
    } else {
        LLVMDisposeMemoryBuffer(object);
    }
    if (error != NULL)
        return error;
    return LLVMOrcLLJITLookup(jit, out_address, arena_printf(&module->cx->arena, "%s_run", module->name));
}

weir_status module_load(LlvmModule *module, HostFunction **out_run)
{
    const char *bytes;
    size_t n;
    LLVMOrcExecutorAddress address = 0;
    TRY(check_processor(module));
    TRY(module_object(module, &bytes, &n));
    LLVMErrorRef error = open_jit(module, LLVMCreateMemoryBufferWithMemoryRangeCopy(bytes, n, module->name), &address);
    if (error != NULL)
        return orc_failed(module, error);
    memcpy(out_run, &address, sizeof address);
    return WEIR_OK;
}

void jit_close(LlvmModule *module)
{
    if (module->jit == NULL)
        return;
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(module->jit);
    if (error != NULL)
        LLVMConsumeError(error);
    module->jit = NULL;
}
