/*
 * frontend/lower/finish.h: from the lists of the walk to the items of a cascade.
 */
#ifndef WEIR_FRONTEND_LOWER_FINISH_H
#define WEIR_FRONTEND_LOWER_FINISH_H

#include "frontend/lower/walk.h"

/* Whether a statement of the outermost list defines the tensor. */
bool defined_on_top(const Cascade *cs, TensorId tensor);
/* Orders the items: ranks, inputs, constants, statements; drops constants and ranks that nothing uses; marks the
 * statements that define outputs. */
void finish_cascade(Walk *w, Cascade *cs);

#endif
