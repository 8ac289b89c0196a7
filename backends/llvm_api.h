/*
 * backends/llvm_api.h: the table of functions that the module weir-llvm.so exports as `weir_llvm_api_v1`.
 *
 * In:   a verified loop program. Out: LLVM IR as text, an object file, or a function in this process.
 * Keep: this header needs nothing of LLVM; what the functions make lives as long as the context.
 */
#ifndef WEIR_BACKENDS_LLVM_API_H
#define WEIR_BACKENDS_LLVM_API_H

#include "backends/c/hostrun.h"

typedef struct LlvmOptions {
    const char *name; /* prefix of NAME_run and NAME_info: an identifier */
    const char *info; /* the text of NAME_info */
    const char *cpu;  /* a processor of LLVM's, or native; NULL: by the program's vectors; "": the least */
    int level;        /* 0..3 */
} LlvmOptions;

typedef struct LlvmModule LlvmModule;

#define WEIR_LLVM_API "weir_llvm_api_v1"
enum { LLVM_API_ABI = 1 };

typedef struct LlvmApi {
    uint32_t abi, loop_ops; /* LLVM_API_ABI; LOOP_OP_COUNT of the sources it was built from */
    const char *version;    /* LLVM's */
    /* IR of the whole program, verified, optimised. E_HOST_UNSUPPORTED, WEIR_UNSUPPORTED for what has no form. */
    weir_status (*compile)(weir_context *cx, const LoopProgram *p, const LlvmOptions *options, LlvmModule **out_module);
    weir_status (*text)(LlvmModule *module, Text *out);
    /* The bytes are the module's. */
    weir_status (*object)(LlvmModule *module, const char **out_bytes, size_t *out_n);
    weir_status (*load)(LlvmModule *module, HostFunction **out_run);
} LlvmApi;

/* Loads the module at first use: $WEIR_LLVM_MODULE, else weir-llvm.so beside the program or in ../lib/weir. E_LLVM_MISSING and
 * WEIR_UNSUPPORTED without it. */
MUST_USE weir_status llvm_api(weir_context *cx, const LlvmApi **out_api);

#endif
