/*
 * ir/hostop.h: what a host operation's statement asks for.
 */
#ifndef WEIR_IR_HOSTOP_H
#define WEIR_IR_HOSTOP_H

#include "ir/cascade.h"

/* The named number of the operation: as given, or as its row of hostops.def has it. Where the row has NAN for `none`, a NaN that is given
 * counts as infinite: nothing is above it, as nothing is above a NaN. */
double hostop_number(const Cascade *cs, const Statement *st, const char *name);
/* The axis from the front, of n_dims dimensions; -1 where it is not given and that means all elements. */
int64_t hostop_axis(const Cascade *cs, const Statement *st, uint32_t n_dims);

#endif
