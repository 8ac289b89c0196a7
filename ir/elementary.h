/*
 * ir/elementary.h: the one definition of every elementary function in f32.
 *
 * In:   a row of ir/elementary.def: a text of steps over primitives. Out: the steps as an array, in order.
 * Keep: every backend prints or executes the same steps with one rounding each, so bits agree on all targets. No
 *       step has a branch, a loop or a table.
 */
#ifndef WEIR_IR_ELEMENTARY_H
#define WEIR_IR_ELEMENTARY_H

#include <stdint.h>

#include "ir/functions.h"
#include "support/context.h"
#include "support/dtype.h"

typedef enum StepKind {
    STEP_CALL, /* fn of its arguments */
    STEP_BITS, /* the bits of an f32 as an i32, or of an i32 as an f32 */
    STEP_CAST  /* the value of an i32 as an f32 (rounded), or of an f32 that is a small integer as an i32 */
} StepKind;

/* An argument: an input of the function (number below its arity), a step's value, or a constant. */
typedef enum ArgKind { ARG_INPUT, ARG_STEP, ARG_F32, ARG_I32 } ArgKind;

typedef struct StepArg {
    ArgKind kind;
    uint32_t i; /* INPUT, STEP: its number */
    float f;    /* F32 */
    int32_t n;  /* I32 */
} StepArg;

typedef struct Step {
    StepKind kind;
    Fn fn;        /* CALL */
    Dtype type;   /* of the value: DT_F32, DT_I32, DT_BOOL */
    Dtype from;   /* of the arguments (SELECT: of the last two) */
    uint32_t n_args;
    StepArg arg[3];
} Step;

typedef struct Elementary {
    Fn fn;
    uint32_t n_inputs; /* f32 each */
    uint32_t n_steps;  /* the last is the value, f32 */
    const Step *steps;
    double ulp;        /* stated bound of the error against the true function, in units in the last place */
} Elementary;

/* The definition of `fn`, NULL if it has none (plain arithmetic). Built at first use, lives as long as the context. */
const Elementary *elementary(weir_context *cx, Fn fn);

/* y[i] = fn(x[i], z[i]) for n values; z: the second input of pow, else NULL. */
void elementary_apply(const Elementary *e, uint32_t n, const float *x, const float *z, float *y);

#endif
