/*
 * tests/oracle/oracle.h: operators against independent references.
 *
 * In:   rows of an operator's name and a function that draws one case: attributes, inputs, and the outputs that the ONNX
 *       specification asks for, computed in doubles and 64-bit integers by the test itself.
 * Out:  a cmocka program with one test a row: every case through the evaluator, or with the argument `c` through the C backend,
 *       all cases of the program in one start of the compiler. A failure prints the seed and the model; `NAME SEED` draws that one, a
 *       number alone draws so many times more.
 * Keep: no reference calls the lowering, the evaluator or a runtime; formats' conversions come from support/dtype.h, which has
 *       its own tests over all codes.
 */
#ifndef WEIR_TESTS_ORACLE_ORACLE_H
#define WEIR_TESTS_ORACLE_ORACLE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/context.h"
#include "support/dtype.h"
#include "support/text.h"

enum { VALUE_DIMS = 8, DRAW_VALUES = 16 };

/* A tensor: integers and bools in `i` (u64 by its bits), all else in `f`. */
typedef struct Value {
    Dtype type;
    uint32_t n_dims;
    int64_t extent[VALUE_DIMS], n;
    double *f;
    int64_t *i;
    bool constant;
} Value;

typedef struct Draw {
    weir_context *cx;
    uint64_t state;
    int64_t opset;
    Text attributes;
    uint32_t n_in, n_out;
    Value *in[DRAW_VALUES], *out[DRAW_VALUES]; /* NULL: absent */
    double absolute, relative;                 /* tolerance of floats; 0 and 0: equal */
} Draw;

typedef struct Row {
    const char *op; /* DOMAIN.NAME or NAME */
    const char *what;
    void (*draw)(Draw *d);
    unsigned cases;
} Row;

/* The program. */
int oracle_main(int argc, char **argv, const Row *rows, unsigned n_rows);

/* lo..hi, both included. */
int64_t pick(Draw *d, int64_t lo, int64_t hi);
bool coin(Draw *d);
/* A float of f32 in lo..hi. */
double real(Draw *d, double lo, double hi);

/* A float type, f32 in most cases; sets the tolerance for sums of some dozens of numbers near 1. */
Dtype some_float(Draw *d);

Value *tensor(Draw *d, Dtype type, uint32_t n_dims, const int64_t *extent);
Value *scalar(Draw *d, Dtype type, double value);
/* A list of i64. */
Value *list(Draw *d, uint32_t n, const int64_t *values);
/* All elements lo..hi; integers of an integer type, else f32 values rounded to the type. */
Value *filled(Draw *d, Dtype type, uint32_t n_dims, const int64_t *extent, double lo, double hi);
Value *as_constant(Value *v);
/* Appended to the node; NULL: an absent optional. */
void give(Draw *d, Value *v);
void expect(Draw *d, Value *v);
void set_int(Draw *d, const char *name, int64_t value);
void set_ints(Draw *d, const char *name, uint32_t n, const int64_t *values);
void set_float(Draw *d, const char *name, double value);
void set_text(Draw *d, const char *name, const char *value);
/* Any other attribute, as written. */
void set_raw(Draw *d, const char *text);

/* The coordinates of element `k` of v; and back. */
void unravel(const Value *v, int64_t k, int64_t *at);
int64_t ravel(const Value *v, const int64_t *at);
/* The next place of a box, row-major; false after the last. All zero to begin. An empty box has no place: ask first. */
bool next_place(uint32_t n, const int64_t *extent, int64_t *at);
/* v rounded to the type, to nearest even. */
double rounded(Dtype type, double v);
/* Rounds a float to an integer, halves to even. */
double to_even(double v);

/* ---- shapes and elements that many rows draw ---- */

enum { SHAPE_RANK = 4 };

/* Up to SHAPE_RANK extents of 1..4. */
uint32_t some_shape(Draw *d, int64_t *extent);
/* An axis below n, and as written: often from the end. */
int64_t some_axis(Draw *d, uint32_t n, int64_t *out_written);
/* f32 or i64. */
Dtype word(Draw *d);
/* Quarters in f32, or i64, of -6..6: sums are exact in any order, ties are frequent. */
Value *quarters(Draw *d, Dtype type, uint32_t n, const int64_t *extent);
void copy_element(Value *to, int64_t at, const Value *from, int64_t k);
/* A window of two dimensions with everything drawn; strides, dilations and pads are set. */
typedef struct Plane {
    int64_t in[2], kernel[2], stride[2], dilation[2], pads[4], out[2];
} Plane;
Plane draw_plane(Draw *d, int64_t most_pad);
/* A negative index counts from the end. */
int64_t from_end(int64_t index, int64_t extent);

#endif
