/*
 * passes/pass.h: what a pass is, and how a chain of passes runs.
 *
 * After every pass the cascade is verified where asked; with `validate` it is evaluated in the real system before and
 * after on seeded inputs and must agree; with `print_after` it is printed.
 */
#ifndef WEIR_PASSES_PASS_H
#define WEIR_PASSES_PASS_H

#include "ir/cascade.h"
#include "ir/group.h"
#include "ir/machine.h"

typedef enum PassId {
#define PASS(id, name, run, doc) PASS_##id,
#include "passes/passes.def"
#undef PASS
    PASS_COUNT
} PassId;

typedef struct PassContext {
    weir_context *cx;
    const Machine *machine;  /* NULL: none chosen */
    const char *print_after; /* a pass's name, "all", or NULL */
    struct Text *printed;    /* where print_after goes */
    struct Text *report;     /* what passes have to say (changed=N, passes per tensor ..) */
    bool verify;
    bool validate;
    bool changes_values;     /* set by a pass whose result is not to be compared */
    const char *argument;    /* of the pass that runs: what stands after ':' in `--passes=name:argument`; NULL: none */
    const char *plan;        /* precision: path of the plan file, or a format's name; NULL: none */
} PassContext;

const char *pass_name(PassId id);
const char *pass_doc(PassId id);

/* Runs the comma-separated passes in order, each `name` or `name:argument`. An unknown name is WEIR_USAGE with the nearest known one. */
MUST_USE weir_status passes_run(PassContext *p, Cascade *cs, const char *names);
MUST_USE weir_status pass_run(PassContext *p, Cascade *cs, PassId id);

/* Compares two cascades of equal interface by `eval` real on seeded inputs (small integers, then normal values):
 * WEIR_DIFFERS with the first difference reported. */
MUST_USE weir_status pass_validate(PassContext *p, Cascade *before, Cascade *after, const char *name);

/* The passes. */
#define PASS(id, name, run, doc) MUST_USE weir_status run(PassContext *p, Cascade *cs);
#include "passes/passes.def"
#undef PASS

#endif
