/*
 * ir/pin.h: the order in which a mapping adds: one decision, shared by pin and all emitters.
 *
 * In:   a statement's leaf in a mapping. Out: steps, innermost first: the first reduces the body over some parts, each
 *       later one reduces the result of the step before; the last gives the statement's target.
 * Keep: what a step lists as `over` is what its pinned statement lists in brackets (docs/mapping.md section 3): parts that
 *       make a whole rank and stand together are that rank, a whole fused rank is the ranks it joins.
 *       A combine never contracts: where it takes the body itself, products are rounded before they are added.
 */
#ifndef WEIR_IR_PIN_H
#define WEIR_IR_PIN_H

#include "ir/mapping.h"

typedef struct PinStep {
    Contraction order;
    uint32_t n_over; /* outer to inner */
    PartId *over;
    uint32_t n_kept; /* dimensions of the result besides the target's: parts that later steps reduce */
    PartId *kept;
    bool from;       /* starts from the statement's `from` */
    bool combine;    /* across lanes or units; false: in time */
} PinStep;

typedef struct PinPlan {
    bool ordered;     /* false: no order-dependent reduction, the statement stays as it is; no steps */
    uint32_t n_steps;
    PinStep *steps;
    bool add_from;    /* `from` is combined with the last result by one operation more */
    uint32_t n_guards;
    PartId *guards;   /* parts (and ranks) whose coordinate must stay below their extent */
    uint32_t n_pads;
    const Split **pads; /* splits that read padding behind their parent's end */
} PinPlan;

/* True if the reduction of a definition depends on the order of its terms: float sum or prod. */
bool pin_is_ordered(const Cascade *cs, const Statement *st);
/* True if the unit that runs a leaf of the mapping multiplies and adds with one rounding. `leaf` 0: no unit is named. */
bool pin_has_fma(const Mapping *m, MapNodeId leaf, const Machine *machine);
/* True if a reduction in time over `body` contracts on a unit with fma. */
bool pin_contracts(const Cascade *cs, const Statement *st);

/* The plan of a statement of the mapping's group. WEIR_INVALID with E_MAPPING if the statement has no leaf, if parts of its
 * reduced ranks are missing on the path, or if a tree's extent is no power of two. */
MUST_USE weir_status pin_plan(const Mapping *m, StatementId statement, const Machine *machine, PinPlan *out_plan);
/* The same for a leaf that is known. */
MUST_USE weir_status pin_plan_leaf(const Mapping *m, MapNodeId leaf, const Machine *machine, PinPlan *out_plan);

#endif
