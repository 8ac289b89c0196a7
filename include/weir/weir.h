/*
 * weir.h: the C API of libweir.
 *
 * weir takes model graphs (ONNX, binary or text) to host C, objects, RDU images and PIM command streams, and checks
 * each on the bundled simulators. A weir_context owns everything of a compilation; contexts are independent of
 * each other and may live in different threads. Every function returns a status whose exit code is
 * weir_exit_code(status), 0 for success; messages are kept in the context until weir_print_messages.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_context weir_context;

/* NULL when there is no memory. */
weir_context *weir_context_new(void);
void weir_context_free(weir_context *cx);

/* The process exit code of a status: 0 success, 1 unreadable, 2 usage, 3 unsupported, 4 invalid, 5 results differ,
 * 6 limit, 70 internal error. */
int weir_exit_code(int status);

/* What is wanted; zeroed is valid: target interp, machine host, -O2. Texts are the command line's. */
typedef struct weir_settings {
    const char *target;      /* interp, c, llvm, rdu, pim */
    const char *machine;     /* a bundled machine's name or a machine file */
    const char *mapping;     /* a mapping file */
    const char *precision;   /* a format's name or a plan file */
    const char *place;       /* device, auto */
    const char *cpu;
    const char *emit;        /* what to print: cascade, groups, mapping, pinned, loops .. */
    const char *passes;      /* exactly these, comma-separated */
    const char *print_after; /* a pass, or all */
    const char *system;      /* real, typed: of a cascade text */
    const char *tensors;     /* names, comma-separated */
    const char *inputs;      /* a folder, an .npz or an .expect file */
    const char *outputs;     /* a folder */
    const char *output;      /* -o */
    const char *depfile;     /* -MF */
    const char *mode;        /* of a simulator: values, time, both, cycle (the reference of time on dataflow machines) */
    const char *trace;
    const char *quirks;      /* of a simulator: none, peer */
    const char *model;
    const char *const *set, *const *dims, *const *values; /* KEY=VALUE */
    uint32_t n_set, n_dims, n_values;
    int opt_level;           /* -1: the default */
    uint64_t seed;
    double tol_scale;        /* 0: 1 */
    double seconds;          /* 0: 1 */
    bool json, verbose, verify, validate, bit_exact, npy, portable, check_only, markdown;
} weir_settings;

/* Compiles and runs a model (a file or a folder in ONNX backend-test form), compares, prints one line to `out`. */
int weir_check(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* Runs a model or a cascade text on `inputs`, writes `outputs`. */
int weir_run(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* Compiles a model to `output`. */
int weir_compile(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* Runs passes on a cascade text and prints it, a mapping, or the pinned cascade. */
int weir_opt(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* Times a model or a cascade text. */
int weir_bench(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* Assembly to an image and back; running an image on its simulator. */
int weir_as(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
int weir_dis(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
int weir_sim(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* A page (HTML) that shows where an image's time goes. */
int weir_report(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
/* The targets and machines, or one machine with its sources; the operators, or those a model needs. */
int weir_targets(weir_context *cx, const weir_settings *settings, const char *name, FILE *out);
int weir_ops(weir_context *cx, const weir_settings *settings, FILE *out);

/* Prints what was reported, as text or one JSON object a line. */
void weir_print_messages(const weir_context *cx, FILE *out, bool colour, bool json);

#ifdef __cplusplus
}
#endif

#endif
