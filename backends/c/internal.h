/*
 * backends/c/internal.h: what the files of the C printer share.
 */
#ifndef WEIR_BACKENDS_C_INTERNAL_H
#define WEIR_BACKENDS_C_INTERNAL_H

#include "backends/c/c.h"
#include "isa/host/lower.h"

typedef struct Emit {
    weir_context *cx;
    LoopProgram *p; /* only new expressions are added */
    const LoopFunction *f;
    const char *name;
    Text body;        /* functions */
    bool used[DT_COUNT]; /* integer types whose functions are needed */
    bool *elementary; /* by Fn * 64 + lanes: needed */
    bool vectors;     /* some vector type is used */
    bool vector_type[DT_COUNT][65];
    bool reduces[2][4][65]; /* tree or pairs; add mul max min; lanes */
    bool canonical; /* bits of floats are looked at: any NaN that is made becomes the quiet one */
    bool codes[DT_COUNT]; /* storage types whose tables of values are needed */
    bool hosts;     /* some host operation is used */
    bool refused;
} Emit;

/* c.c */
HostOptions host_options(const Machine *machine, bool portable, bool keep_all); /* machine: may be NULL */
/* names.c */
const char *c_identifier(weir_context *cx, const char *text);
const char *c_value_type(Dtype type);   /* as computed */
const char *c_memory_type(Dtype type);  /* as stored */
void c_names(const LoopProgram *p, const char **out_names); /* by buffer: members of NAME_io for inputs and outputs */
/* emit_value.c */
void emit_expr(Emit *e, LoopExprId x);
void emit_vector(Emit *e, LoopExprId id, const LoopExpr *x);
void emit_vector_type(Emit *e, Dtype type, uint32_t lanes);
/* emit.c */
void emit_vector_store(Emit *e, const LoopStmt *st);
void emit_vectors(Emit *e, Text *out); /* the types and functions that were used */
void emit_elementary(Emit *e, Text *out);
void emit_source(Emit *e, Text *out);
/* emit_code.c */
void emit_code_cast(Emit *e, LoopExprId id, const LoopExpr *x);
void emit_code_values(const Emit *e, Text *out);
/* emit_host.c */
void emit_host(Emit *e, const LoopStmt *st);
void emit_host_functions(const Emit *e, Text *out);
/* header.c */
void emit_header(const LoopProgram *p, const char *name, const char *const *names, Text *out);
void info_json(const LoopProgram *p, const char *name, const char *const *names, Text *out); /* the text of NAME_info */
void emit_info(const LoopProgram *p, const char *name, const char *const *names, Text *out); /* its definition in C */
/* weights.c */
MUST_USE weir_status weights_image(weir_context *cx, const LoopProgram *p, unsigned char **out_image, size_t *out_bytes);
uint64_t layout_element(const Layout *layout, const Cascade *cs, TensorId tensor, const int64_t *index);

extern const char *const runtime_lines[];
extern const unsigned n_runtime_lines;

#endif
