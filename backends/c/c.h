/*
 * backends/c/c.h: groups to C text, header and weights; and running it.
 */
#ifndef WEIR_BACKENDS_C_C_H
#define WEIR_BACKENDS_C_C_H

#include "backends/c/hostrun.h"
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
    HostRun host;
    void *handle;
} CLibrary;

/* Compiles several programs as one C file (one start of the compiler), loads them. */
MUST_USE weir_status c_build(weir_context *cx, uint32_t n, CProgram *const *programs, CLibrary *out_libraries);

#endif
