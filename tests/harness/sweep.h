/*
 * tests/harness/sweep.h: fails the 1st, 2nd, .. allocation of an arena until the work gets through.
 *
 * In:   work on a context. Out: how many allocations it makes.
 * Keep: every failed run ends with WEIR_NO_MEMORY and can be thrown away; run under ASan this also finds leaks.
 */
#ifndef WEIR_TESTS_HARNESS_SWEEP_H
#define WEIR_TESTS_HARNESS_SWEEP_H

#include <setjmp.h>

#include "support/context.h"

typedef weir_status SweepBody(weir_context *cx, void *argument);

/* One run in a context of its own; allocation number `fail_at` after its creation fails (0: none). */
static inline weir_status sweep_once(SweepBody *body, void *argument, uint64_t fail_at, uint64_t *out_allocations)
{
    weir_context *cx = weir_context_new();
    if (cx == NULL)
        return WEIR_BUG;
    uint64_t before = cx->arena.allocations;
    cx->arena.fail_at = fail_at == 0 ? 0 : before + fail_at;
    jmp_buf pad;
    cx->arena.pad = &pad;
    int unwound = setjmp(pad);
    weir_status status = unwound != 0 ? (weir_status)unwound : body(cx, argument);
    if (out_allocations != NULL)
        *out_allocations = cx->arena.allocations - before;
    weir_context_free(cx);
    return status;
}

/* Fails every `step`-th allocation in turn. Returns 0 if the work succeeds undisturbed and every disturbed run ends with
 * WEIR_NO_MEMORY, else the number of the allocation whose failure ended otherwise (UINT64_MAX: the undisturbed run). */
static inline uint64_t sweep_allocations(SweepBody *body, void *argument, uint64_t step, uint64_t *out_allocations)
{
    uint64_t n;
    if (sweep_once(body, argument, 0, &n) != WEIR_OK)
        return UINT64_MAX;
    if (out_allocations != NULL)
        *out_allocations = n;
    for (uint64_t i = 1; i <= n; i += step)
        if (sweep_once(body, argument, i, NULL) != WEIR_NO_MEMORY)
            return i;
    return 0;
}

#endif
