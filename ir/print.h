/*
 * ir/print.h: the canonical text of cascades; and where the data of big constants goes.
 */
#ifndef WEIR_IR_PRINT_H
#define WEIR_IR_PRINT_H

#include "ir/cascade.h"
#include "support/text.h"

enum { PRINT_INLINE_ELEMENTS = 64 }; /* a constant up to this many stays in the text if there is a weights file */

/* Constants in memory that are too big to be inline, in the order of printing: tensors.at[i] belongs at byte
 * offsets.at[i] of the file `path` (as written in the text), packed as files are. */
typedef struct WeightsFile {
    const char *path;
    uint64_t bytes;
    VEC(TensorId) tensors;
    VEC(uint64_t) offsets;
} WeightsFile;

/* As cascade_print; constants of more than PRINT_INLINE_ELEMENTS are printed as file("path", offset) and noted in
 * `weights`. NULL: everything inline. */
void cascade_print_weights(const Cascade *cs, Text *out, WeightsFile *weights);
/* The bytes of that file, in the arena (text `out` must be empty). */
void weights_data(const Cascade *cs, const WeightsFile *weights, Text *out);
/* One statement with what is in it, one line an item, indented by `level`. */
void statement_print(const Cascade *cs, StatementId id, unsigned level, Text *out);
/* An expression whose literals take an accumulator type (DT_NONE: as expr_print). */
void body_print(const Cascade *cs, ExprId body, Dtype accumulator, Text *out);
/* The type of a literal that is all a cast casts: it meets no operand. */
Dtype cast_literal_type(Dtype to, CastMode mode, bool decimal);
/* A string in quotes, with the escapes of the language. */
void print_string(const char *text, Text *out);

#endif
