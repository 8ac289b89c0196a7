/*
 * backends/compare.h: results against expected outputs, and bit for bit.
 *
 * Rules: docs/design, comparison: tolerance.json beside the model where there is one; else rtol 1e-3,
 * atol 1e-7 + 4 eps max|expected|; equal shape and type, integers equal.
 */
#ifndef WEIR_BACKENDS_COMPARE_H
#define WEIR_BACKENDS_COMPARE_H

#include "support/context.h"
#include "support/json.h"
#include "support/tensor.h"

typedef struct Tolerance {
    bool given;
    double atol, rtol;
    double flip_atol, flip_fraction; /* quantised values: one step off for at most a fraction; 0: none */
} Tolerance;

typedef struct Distance {
    double max_abs, max_rel; /* over finite pairs */
} Distance;

/* The tolerances of an output by name; `all` NULL or without the name: the default. */
Tolerance tolerance_of(const JsonValue *all, const char *name);
/* tolerance.json of a folder; NULL in *out_all if there is none. */
MUST_USE weir_status tolerance_read(weir_context *cx, const char *folder, const JsonValue **out_all);

/* True if `got` is within the tolerance of `want`; otherwise *out_why says where and how much. */
bool tensors_near(weir_context *cx, const Tensor *got, const Tensor *want, const Tolerance *tolerance, double scale,
                  Distance *distance, const char **out_why);
/* True if every element has the same bits (any NaN is any NaN). */
bool tensors_same(weir_context *cx, const Tensor *got, const Tensor *want, const char **out_why);
/* |got - want| over all elements, whatever the types; for reports. */
void tensors_distance(const Tensor *got, const Tensor *want, Distance *distance);

#endif
