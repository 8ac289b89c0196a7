/*
 * backends/c/strategies.h: the host's strategies (for the targets c and llvm).
 */
#ifndef WEIR_BACKENDS_C_STRATEGIES_H
#define WEIR_BACKENDS_C_STRATEGIES_H

#include "passes/schedule.h"

/* The table, special rows first. */
const Strategy *host_strategies(uint32_t *out_n);

#endif
