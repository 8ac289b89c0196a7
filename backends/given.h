/*
 * backends/given.h: what the command line says of a model's inputs.
 */
#ifndef WEIR_BACKENDS_GIVEN_H
#define WEIR_BACKENDS_GIVEN_H

#include "backends/job.h"

/* --dim NAME=EXTENT, settings->n_dims of them. WEIR_USAGE: one is ill-formed. */
MUST_USE weir_status given_dims(Job *job, LowerDim *out_dims);

/* --value NAME=VALUE,.., settings->n_values of them: inputs of the model that are bound when it is lowered. One extent that
 * neither the model nor --dim gives follows from the number of values. WEIR_USAGE: no such input, or the values do not
 * fit it. */
MUST_USE weir_status given_values(Job *job, const LowerDim *dims, LowerInput *out_inputs);

#endif
