/*
 * backends/llvm/internal.h: what the files of the LLVM module share.
 *
 * A value of the loop program is an LLVM value of its value type: integers of their own width (i4 is LLVM's i4), bool i1, f16 and
 * bf16 as float. In memory every element has its storage unit: f16 and bf16 i16, i4, i2 and bool i8.
 * Keep: no fast-math flag and no undefined behaviour: operations mean what docs/cascade.md says for every bit pattern.
 */
#ifndef WEIR_BACKENDS_LLVM_INTERNAL_H
#define WEIR_BACKENDS_LLVM_INTERNAL_H

#include <llvm-c/Analysis.h>
#include <llvm-c/TargetMachine.h>

#include "backends/llvm/compat.h"
#include "backends/llvm_api.h"
#include "ir/functions.h"

typedef LLVMValueRef Value;

struct LlvmModule {
    weir_context *cx;
    const char *name; /* of the interface */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMTargetMachineRef machine;
    LLVMMemoryBufferRef object;
    void *jit;          /* LLVMOrcLLJITRef */
    const char *message; /* the first error that LLVM reported */
    const char *cpu;     /* a name of processors.def, or native */
    bool runs;           /* on this machine */
};

/* One module being filled. */
typedef struct Ir {
    weir_context *cx;
    const LoopProgram *p;
    const LlvmOptions *options;
    LLVMContextRef c;
    LLVMModuleRef m;
    LLVMBuilderRef b;
    LLVMTypeRef pointer;
    LLVMValueRef *functions;    /* by function of the program */
    const LoopFunction *f;
    LLVMValueRef function;
    Value *vars, *slots;        /* of f: a variable that changes and a local slot are allocas */
    Value arena, site;
    LLVMBasicBlockRef leave;    /* of the innermost loop */
    const char *refused;        /* what has no form, the first */
    bool canonical;             /* the program looks at bits of floats: a NaN that is made must be the one of docs/cascade.md */
} Ir;

/* types.c */
LLVMTypeRef value_type(const Ir *ir, Dtype type, uint32_t lanes);
LLVMTypeRef memory_type(const Ir *ir, Dtype type, uint32_t lanes);
LLVMTypeRef int_type(const Ir *ir, unsigned bits, uint32_t lanes);
LLVMTypeRef float_type(const Ir *ir, Dtype type, uint32_t lanes); /* double for f64, else float */
Value splat(Ir *ir, Value scalar, uint32_t lanes);
Value int_bits(const Ir *ir, unsigned bits, uint32_t lanes, uint64_t value);
Value int_const(const Ir *ir, Dtype type, uint32_t lanes, int64_t value);
Value float_const(const Ir *ir, Dtype type, uint32_t lanes, double value);
Value to_memory(Ir *ir, Dtype type, uint32_t lanes, Value v);
Value from_memory(Ir *ir, Dtype type, uint32_t lanes, Value v);
/* An overloaded intrinsic, by name, on types[0..n-1]. */
Value intrinsic(Ir *ir, const char *name, uint32_t n_types, LLVMTypeRef *types, uint32_t n, Value *args);
void refuse_form(Ir *ir, const char *what);
static inline bool is_half(Dtype type) { return type == DT_F16 || type == DT_BF16; }
static inline Value pick(Ir *ir, Value c, Value a, Value b) { return LLVMBuildSelect(ir->b, c, a, b, ""); }

/* half.c: f32 to f16 and bf16, rounded once, and back */
Value half_bits(Ir *ir, Dtype type, uint32_t lanes, Value x);  /* float to i16 */
Value half_value(Ir *ir, Dtype type, uint32_t lanes, Value h); /* i16 to float */
Value half_round(Ir *ir, Dtype type, uint32_t lanes, Value x);
Value odd_f32(Ir *ir, uint32_t lanes, Value x); /* double to float, the last bit set if inexact */
Value odd_f64(Ir *ir, Dtype from, uint32_t lanes, Value x); /* i64, u64 to a double that rounds further as they would */

/* float.c, integer.c, cast.c: operations on values; operands as the row of loops.def says */
Value float_operation(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, Value *args);
Value int_operation(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, Value *args);
Value one_nan(Ir *ir, Dtype type, uint32_t lanes, Value v); /* where `canonical`: any NaN becomes the quiet one */
Value cast_operation(Ir *ir, LoopOp op, Dtype to, Dtype from, uint32_t lanes, Value v);
/* operation.c: any of them; `from` is the type of the last operand */
Value operation(Ir *ir, LoopOp op, Dtype type, Dtype from, uint32_t lanes, Value *args);
Value tree(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, bool halves, Value v);
/* requant.c */
Value requantised(Ir *ir, uint32_t lanes, Value *args); /* acc, sx, sw, sy */
/* elementary.c */
Value elementary_call(Ir *ir, Fn fn, Dtype type, uint32_t lanes, uint32_t n, Value *args);
/* expression.c */
Value expression(Ir *ir, LoopExprId e);
Value slot_place(Ir *ir, uint32_t slot, Value index);
unsigned slot_align(const LoopSlot *slot, uint32_t lanes);
/* statement.c */
void block_statements(Ir *ir, LoopBlock block);
void clear_trap(Ir *ir); /* the record says that nothing went wrong */
/* function.c */
void program_functions(Ir *ir);
LLVMBasicBlockRef new_block(Ir *ir, const char *name);
/* target.c */
MUST_USE weir_status target_open(LlvmModule *module, const LoopProgram *p, const LlvmOptions *options);
MUST_USE weir_status target_optimise(LlvmModule *module, int level);
/* jit.c */
weir_status module_object(LlvmModule *module, const char **out_bytes, size_t *out_n);
weir_status module_load(LlvmModule *module, HostFunction **out_run);
void jit_close(LlvmModule *module);
/* A message of LLVM's as a diagnostic; it is disposed. */
MUST_USE weir_status llvm_failed(LlvmModule *module, char *message);

#endif
