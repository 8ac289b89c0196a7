/*
 * frontend/lower/region.h: iterate regions and the tensors they carry, for recurrences, Loop and Scan.
 */
#ifndef WEIR_FRONTEND_LOWER_REGION_H
#define WEIR_FRONTEND_LOWER_REGION_H

#include "frontend/lower/walk.h"

/* Opens `iterate t < bound {`: what is appended from now on is in it. */
RankId iterate_open(Lowering *l, int64_t bound);
/* Closes it and appends the region; trip 0: it runs `bound` steps; condition 0: none. */
void iterate_close(Lowering *l, RankId t, TensorId trip, ExprId condition);
/* A tensor that carries t in its first dimension: generations 0..bound (`next`), or a row a step. */
TensorId carried(Lowering *l, const char *suffix, Dtype type, RankId t, bool next, const Ranks *rest);
/* T[generation, rest..] = body; T[generation, rest..]. */
void define_carried(Lowering *l, TensorId tensor, ExprId generation, ExprId body);
ExprId at_carried(Lowering *l, TensorId tensor, ExprId generation, const RankId *rest);
ExprId next_step(Lowering *l, RankId t);

#endif
