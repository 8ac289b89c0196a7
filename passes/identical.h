/*
 * passes/identical.h: finds groups that are equal but for names and constants.
 */
#ifndef WEIR_PASSES_IDENTICAL_H
#define WEIR_PASSES_IDENTICAL_H

#include "ir/group.h"

/* Sets `same_as` of each group to the first equal one (number + 1), 0 for first ones. Two groups are equal when their
 * statements, extents, types, mapping and places are, tensors and ranks numbered by first occurrence. */
void identical_groups(Groups *groups);

#endif
