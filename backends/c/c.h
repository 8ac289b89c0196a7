/*
 * backends/c/c.h: groups to C text, header and weights; and running it.
 */
#ifndef WEIR_BACKENDS_C_C_H
#define WEIR_BACKENDS_C_C_H

#include "ir/group.h"
#include "isa/host/loops.h"

typedef struct COptions {
    const char *name; /* prefix of the interface: an identifier; NULL: made from the cascade's name */
    const char *cpu;  /* -march= of the compiler for runs; NULL: by the machine's vectors; "" none */
    int level;        /* -O level for runs, 0..3 */
    bool portable;    /* no vector extensions */
    bool keep_all;    /* no two tensors share arena bytes */
    bool tests_only;  /* compiled for few runs: quick to compile */
} COptions;

enum { C_WEIGHTS_HEADER = 4096 };

typedef struct CProgram {
    weir_context *cx;
    LoopProgram *loops;
    const char *name;
    Text source, header;   /* NAME.c, NAME.h */
    unsigned char *weights; /* the file NAME.weights: header, payload at C_WEIGHTS_HEADER; context_buffer */
    size_t weights_bytes;   /* of the file */
    COptions options;
} CProgram;

/* Lowers, prints, packs. `machine` may be NULL: 8 lanes of f32, fma. */
MUST_USE weir_status c_compile(weir_context *cx, const Groups *groups, const Machine *machine, const COptions *options,
                               CProgram **out_program);

/* Writes NAME.c, NAME.h, NAME.weights into `folder`. */
MUST_USE weir_status c_write(const CProgram *program, const char *folder);

/* A program compiled and loaded; unloaded with the context. */
typedef struct CLibrary {
    weir_context *cx;
    const CProgram *program;
    void *handle;
    int (*run)(const void *io, const void *weights, void *arena);
    unsigned char *arena; /* of the last run */
    void **io;            /* of the last run: pointers in the order of NAME_io */
} CLibrary;

/* Compiles several programs as one C file (one start of the compiler), loads them. */
MUST_USE weir_status c_build(weir_context *cx, uint32_t n, CProgram *const *programs, CLibrary *out_libraries);

/* One run: `values` by tensor number, `data` set for every input with its extents at run time; outputs are set on
 * context_buffer. E_TRAP and WEIR_INVALID if it stops. */
MUST_USE weir_status c_run(CLibrary *library, Tensor *values);
/* A tensor in the arena after a run (row-major, extents at run time, on context_buffer); false if it has no place there. Only with keep_all. */
MUST_USE bool c_crossing(const CLibrary *library, TensorId tensor, Tensor *out_value);
/* Times of `runs` runs on the buffers of the last c_run, in seconds. */
void c_time(CLibrary *library, uint32_t runs, double *out_seconds);

#endif
