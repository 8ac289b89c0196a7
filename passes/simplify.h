/*
 * passes/simplify.h: the steps of simplify, each a rewrite of all items.
 */
#ifndef WEIR_PASSES_SIMPLIFY_H
#define WEIR_PASSES_SIMPLIFY_H

#include "ir/cascade.h"

/* Each returns the number of places changed. `late`: expressions may go into movement that could not be inlined. */
uint32_t simplify_unit_ranks(Cascade *cs);
uint32_t simplify_inline(Cascade *cs, bool late);
uint32_t simplify_remove_unused(Cascade *cs);

#endif
