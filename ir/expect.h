/*
 * ir/expect.h: texts of tensor values beside a cascade.
 *
 * In:   `in NAME : type [extents]` lines followed by values, or `= seeded(seed, law, scale)`; `real` and `typed`
 *       entries are read over. Out: tensors; or such an entry of one tensor, floats in hexadecimal.
 */
#ifndef WEIR_IR_EXPECT_H
#define WEIR_IR_EXPECT_H

#include "ir/eval.h"
#include "support/text.h"

/* Sets values[] (by tensor number) of every input of the cascade, on context_buffer. WEIR_MALFORMED with a place for
 * what is no such text, WEIR_INVALID if an input is missing or has another type. */
MUST_USE weir_status expect_read(Cascade *cs, const Source *source, Tensor *values);

/* Appends `kind name : type [extents]` and the values. Floats of any type print exactly. */
void expect_write(Text *out, const char *kind, const char *name, Dtype type, const Tensor *value);

/* Reads inputs from a file, evaluates, writes DIR/NAME.expect for the outputs, or for the tensors named. */
MUST_USE weir_status expect_run(Cascade *cs, const char *inputs_path, const char *outputs_dir, EvalSystem system,
                                uint32_t n_names, const char *const *names);

#endif
