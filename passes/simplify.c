/*
 * passes/simplify.c: the pass simplify.
 *
 * In:   a verified cascade. Out: an equal one (bit for bit in both systems, but for the sign of a zero sum of one term)
 *       with fewer statements.
 * Keep: interface tensors with their dimensions; the order of the items; every reduction.
 */
#include "passes/simplify.h"

#include "passes/pass.h"
#include "support/text.h"

weir_status simplify_run(PassContext *p, Cascade *cs)
{
    uint32_t changed = 0, round;
    bool late = false, more = true;
    while (more) {
        round = simplify_remove_unused(cs);
        round += simplify_unit_ranks(cs);
        round += simplify_inline(cs, late);
        changed += round;
        more = round != 0 || !late;
        late = late || round == 0;
    }
    if (p->report != NULL)
        text_printf(p->report, "simplify: changed=%u\n", changed);
    return WEIR_OK;
}
