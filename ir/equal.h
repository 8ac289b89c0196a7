/*
 * ir/equal.h: structural equality of cascades.
 */
#ifndef WEIR_IR_EQUAL_H
#define WEIR_IR_EQUAL_H

#include "ir/cascade.h"

/* Whether two cascades of one context say the same: items in order, ranks and tensors by name, expressions as trees,
 * constants by value (bit for bit). Handles, places and the types of calls (which follow from their operands) don't
 * count. */
bool cascade_equal(const Cascade *a, const Cascade *b);

#endif
