/*
 * backends/llvm/compat.h: what differs between LLVM 16 and 22.
 */
#ifndef WEIR_BACKENDS_LLVM_COMPAT_H
#define WEIR_BACKENDS_LLVM_COMPAT_H

#include <llvm-c/Core.h>
#include <llvm/Config/llvm-config.h>

#if LLVM_VERSION_MAJOR < 16
#error "LLVM 16 or later is needed"
#endif

static inline LLVMValueRef compat_string(LLVMContextRef c, const char *text, size_t n)
{
#if LLVM_VERSION_MAJOR >= 19
    return LLVMConstStringInContext2(c, text, n, 0);
#else
    return LLVMConstStringInContext(c, text, (unsigned)n, 0);
#endif
}

#endif
