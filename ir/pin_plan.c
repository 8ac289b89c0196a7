/*
 * ir/pin_plan.c: the order of a reduction from the loops around its leaf.
 */
#include <string.h>

#include "ir/pin.h"

enum { PIN_MOST_PATH = 256 };

/* A loop over a part of a reduced rank. */
typedef struct ReducedLoop {
    PartId part;
    bool in_time; /* for, pipe, unroll, chain */
    Combine combine;
    bool each;
} ReducedLoop;

typedef struct PartList {
    VEC(PartId) list;
} PartList;

typedef struct Planner {
    const Mapping *m;
    const Statement *st;
    Arena *arena;
    uint32_t n;
    ReducedLoop *loops; /* outer to inner */
    bool fma;           /* the first step contracts if it runs in time */
    bool pad_counts;    /* padded points may change the result: padded parts are not joined */
    VEC(PinStep) steps;
    VEC(PartId) guards;
    VEC(const Split *) pads;
    bool *given; /* by part: the pinned statements iterate over it */
} Planner;

bool pin_is_ordered(const Cascade *cs, const Statement *st)
{
    if (st->kind != ST_DEFINE || !reduction_info(st->reduction)->ordered)
        return false;
    Dtype type = st->accumulator != DT_NONE ? st->accumulator : expr_at(cs, st->body)->type;
    return dtype_kind(type) == DK_FLOAT || dtype_kind(type) == DK_CODE;
}

bool pin_contracts(const Cascade *cs, const Statement *st)
{
    const Expr *body = expr_at(cs, st->body);
    Dtype type = st->accumulator != DT_NONE ? st->accumulator : body->type;
    return st->reduction == RED_SUM && body->kind == EX_CALL && body->fn == FN_MUL && (type == DT_F32 || type == DT_F64);
}

/* `PREFIX` of the machine's keys for the mapping: "host." where it runs on the machine's host side. */
static const char *key_prefix(const Mapping *m, const Machine *machine)
{
    weir_context *cx = machine->cx;
    const char *side = arena_printf(&cx->arena, "%s.host", cx_text(cx, machine->name));
    return m != NULL && strcmp(cx_text(cx, m->machine), side) == 0 ? "host." : "";
}

static bool block_fma(const Machine *machine, uint32_t block)
{
    weir_context *cx = machine->cx;
    return machine_yes(machine, arena_printf(&cx->arena, "%s.fma", cx_text(cx, machine->entries.at[block].full)), false);
}

bool pin_has_fma(const Mapping *m, MapNodeId leaf, const Machine *machine)
{
    const char *prefix = key_prefix(m, machine);
    if (prefix[0] != '\0')
        return machine_yes(machine, "host.fma", false);
    if (machine_value(machine, "fma") != NULL)
        return machine_yes(machine, "fma", false);
    for (MapNodeId i = leaf; i.i != 0; i = node_at(m, i)->parent) {
        Name unit = node_at(m, i)->unit;
        uint32_t block = unit.i == 0 ? 0 : machine_block(machine, "unit", cx_text(machine->cx, unit));
        if (block != 0)
            return block_fma(machine, block);
    }
    if (m == NULL && machine_value(machine, "host.fma") != NULL)
        return machine_yes(machine, "host.fma", false);
    uint32_t block = machine_block(machine, "unit", NULL);
    return block != 0 && block_fma(machine, block);
}

/* ---- sequences ---- */

static bool split_divides(const Mapping *m, const Split *split)
{
    const Part *outer = part_at(m, split->parts[0]);
    return outer->extent * outer->stride == part_at(m, split->parent)->extent;
}

/* Whether the extent of a part is known when compiling. */
static bool part_static(const Mapping *m, PartId part)
{
    const Part *p = part_at(m, part);
    return p->origin != PART_RANK || rank_at(m->cs, p->rank)->kind == RANK_STATIC;
}

/* Where a split's parts stand together in `list`, major to minor; -1: nowhere. */
static int64_t run_of(const PartList *list, uint32_t n, const PartId *parts)
{
    for (uint32_t i = 0; i + n <= list->list.n; i++) {
        uint32_t k = 0;
        while (k < n && list->list.at[i + k].i == parts[k].i)
            k++;
        if (k == n)
            return i;
    }
    return -1;
}

/* Replaces n parts from `at` on by `m` others. */
static void replace_run(Planner *p, PartList *list, uint32_t at, uint32_t n, uint32_t with_n, const PartId *with)
{
    PartList out = {0};
    for (uint32_t i = 0; i < at; i++)
        vec_push(p->arena, &out.list, list->list.at[i]);
    for (uint32_t i = 0; i < with_n; i++)
        vec_push(p->arena, &out.list, with[i]);
    for (uint32_t i = at + n; i < list->list.n; i++)
        vec_push(p->arena, &out.list, list->list.at[i]);
    *list = out;
}

/* Joins the parts of whole ranks, innermost splits first (they come last). */
static void join_parts(Planner *p, PartList *list)
{
    for (uint32_t s = p->m->splits.n; s-- > 0;) {
        const Split *split = &p->m->splits.at[s];
        if (split->edge == EDGE_PAD && p->pad_counts && !split_divides(p->m, split))
            continue;
        int64_t at = run_of(list, split->n, split->parts);
        if (at >= 0)
            replace_run(p, list, (uint32_t)at, split->n, 1, &split->parent);
    }
    for (uint32_t f = p->m->fusions.n; f-- > 0;) {
        PartId part = p->m->fusions.at[f].part;
        const Part *fused = part_at(p->m, part);
        int64_t at = run_of(list, 1, &part);
        if (at >= 0 && list->list.n + fused->n_joined <= CASCADE_MAX_RANKS)
            replace_run(p, list, (uint32_t)at, 1, fused->n_joined, fused->joined);
    }
}

static PartId *list_copy(Planner *p, const PartList *a, uint32_t n_more, const PartId *more)
{
    PartId *parts = ARENA_ARRAY(p->arena, PartId, a->list.n + n_more);
    for (uint32_t i = 0; i < a->list.n; i++)
        parts[i] = a->list.at[i];
    for (uint32_t i = 0; i < n_more; i++)
        parts[a->list.n + i] = more[i];
    return parts;
}

static Contraction combine_order(Combine combine)
{
    if (combine == COMBINE_TREE)
        return ORDER_TREE;
    return combine == COMBINE_PAIRS ? ORDER_PAIRS : ORDER_PLAIN;
}

/* The steps of the loops lo.. inwards; `kept`: parts outside them, which later steps reduce. */
static void plan_loops(Planner *p, uint32_t lo, const PartList *kept)
{
    uint32_t hi = lo + 1;
    while (hi < p->n && !p->loops[hi].each)
        hi++;
    PartList time = {0}, lanes = {0}, outside = {0};
    for (uint32_t i = lo; i < hi; i++)
        vec_push(p->arena, p->loops[i].in_time ? &time.list : &lanes.list, p->loops[i].part);
    join_parts(p, &time);
    for (uint32_t i = 0; i < kept->list.n; i++)
        vec_push(p->arena, &outside.list, kept->list.at[i]);
    if (hi < p->n) {
        PartList inner_kept = outside;
        inner_kept.list.room = inner_kept.list.n;
        for (uint32_t i = 0; i < time.list.n; i++)
            vec_push(p->arena, &inner_kept.list, time.list.at[i]);
        for (uint32_t i = 0; i < lanes.list.n; i++)
            vec_push(p->arena, &inner_kept.list, lanes.list.at[i]);
        plan_loops(p, hi, &inner_kept);
    }
    if (time.list.n != 0) {
        PinStep step = {.order = p->fma && p->steps.n == 0 ? ORDER_FMA : ORDER_PLAIN,
                        .n_over = time.list.n,
                        .over = time.list.at,
                        .n_kept = outside.list.n + lanes.list.n,
                        .kept = list_copy(p, &outside, lanes.list.n, lanes.list.at)};
        vec_push(p->arena, &p->steps, step);
    }
    uint32_t left = lanes.list.n;
    for (uint32_t i = hi; i-- > lo;) {
        if (p->loops[i].in_time)
            continue;
        left--;
        PartId *over = arena_copy(p->arena, &p->loops[i].part, sizeof *over);
        PinStep step = {.order = combine_order(p->loops[i].combine),
                        .n_over = 1,
                        .over = over,
                        .n_kept = outside.list.n + left,
                        .kept = list_copy(p, &outside, left, lanes.list.at),
                        .combine = true};
        vec_push(p->arena, &p->steps, step);
    }
}

/* ---- edges ---- */

static bool listed(uint32_t n, const PartId *parts, PartId part)
{
    for (uint32_t i = 0; i < n; i++)
        if (parts[i].i == part.i)
            return true;
    return false;
}

static void note_edge(Planner *p, const Split *split)
{
    if (split_divides(p->m, split) && part_static(p->m, split->parent))
        return;
    bool inner = part_at(p->m, split->parent)->origin == PART_SPLIT; /* its padding would be the next tile's points */
    if (split->edge == EDGE_PAD && !inner && part_static(p->m, split->parent)) {
        for (uint32_t i = 0; i < p->pads.n; i++)
            if (p->pads.at[i] == split)
                return;
        vec_push(p->arena, &p->pads, split);
    } else if (!listed(p->guards.n, p->guards.at, split->parent)) {
        vec_push(p->arena, &p->guards, split->parent);
    }
}

/* Whether the given parts make up `part` by splits; notes the edges of the splits on the way. */
static bool from_splits(Planner *p, PartId part, bool note)
{
    if (p->given[part.i])
        return true;
    for (uint32_t s = 0; s < p->m->splits.n; s++) {
        const Split *split = &p->m->splits.at[s];
        bool all = split->parent.i == part.i;
        for (uint32_t k = 0; all && k < split->n; k++)
            all = from_splits(p, split->parts[k], false);
        if (!all)
            continue;
        for (uint32_t k = 0; note && k < split->n; k++)
            from_splits(p, split->parts[k], true);
        if (note)
            note_edge(p, split);
        return true;
    }
    return false;
}

/* Whether the given parts make up `part`, also as a member of a fusion. */
static bool note_edges(Planner *p, PartId part)
{
    if (from_splits(p, part, true))
        return true;
    for (uint32_t f = 0; f < p->m->fusions.n; f++) {
        PartId fused = p->m->fusions.at[f].part;
        const Part *whole = part_at(p->m, fused);
        if (listed(whole->n_joined, whole->joined, part) && note_edges(p, fused))
            return true;
    }
    return false;
}

/* ---- the plan ---- */

static weir_status breach(const Mapping *m, MapNodeId node, int rule, const char *message)
{
    uint32_t line = node.i == 0 ? 0 : node_at(m, node)->line;
    diag(&m->cs->cx->diag, mapping_text_place(m, line), E_MAPPING, message, rule);
    return WEIR_INVALID;
}

static bool power_of_two(int64_t x)
{
    return x > 0 && (x & (x - 1)) == 0;
}

/* The loops over parts of reduced ranks on the path to the leaf. */
static weir_status collect_loops(Planner *p, uint32_t n_path, const MapNodeId *path)
{
    p->loops = ARENA_ARRAY(p->arena, ReducedLoop, n_path);
    for (uint32_t i = 0; i < n_path; i++) {
        const MapNode *node = node_at(p->m, path[i]);
        bool any = false;
        if (node->part.i == 0)
            continue;
        bool all = mapping_part_of(p->m, node->part, p->st->n_reduced, p->st->reduced, &any);
        if (!any)
            continue;
        if (!all)
            return breach(p->m, path[i], 7, "a fused rank mixes reduced and kept ranks");
        bool parallel = node->role == ROLE_LANE || node->role == ROLE_UNIT;
        p->loops[p->n++] = (ReducedLoop){.part = node->part,
                                         .in_time = !parallel || node->combine == COMBINE_CHAIN,
                                         .combine = node->combine,
                                         .each = node->each};
    }
    return WEIR_OK;
}

static weir_status check_steps(Planner *p, MapNodeId leaf)
{
    weir_context *cx = p->m->cs->cx;
    const char *name = tensor_name(p->m->cs, p->st->targets[0].tensor);
    p->given = ARENA_ARRAY(p->arena, bool, p->m->parts.n);
    for (uint32_t i = 0; i < p->steps.n; i++) {
        const PinStep *step = &p->steps.at[i];
        for (uint32_t k = 0; k < step->n_over; k++)
            p->given[step->over[k].i] = true;
        int64_t extent = part_at(p->m, step->over[0])->extent;
        if ((step->order == ORDER_TREE || step->order == ORDER_PAIRS) && !power_of_two(extent))
            return breach(p->m, leaf, 6, arena_printf(&cx->arena, "%s: tree and pairs need a power of two, not %lld", name,
                                                      (long long)extent));
    }
    for (uint32_t r = 0; r < p->st->n_reduced; r++) {
        PartId part = {0};
        for (uint32_t i = 1; part.i == 0 && i < p->m->parts.n; i++)
            if (p->m->parts.at[i].origin == PART_RANK && rank_same(p->m->parts.at[i].rank, p->st->reduced[r]))
                part.i = i;
        if (part.i == 0 || !note_edges(p, part))
            return breach(p->m, leaf, 1, arena_printf(&cx->arena, "%s: no loops over all of the rank %s", name,
                                                      rank_name(p->m->cs, p->st->reduced[r])));
    }
    return WEIR_OK;
}

static void finish_plan(Planner *p, PinPlan *plan)
{
    plan->n_steps = p->steps.n;
    plan->steps = p->steps.at;
    plan->n_guards = p->guards.n;
    plan->guards = p->guards.at;
    plan->n_pads = p->pads.n;
    plan->pads = p->pads.at;
    if (p->st->from.i == 0 || p->steps.n == 0)
        return;
    PinStep *last = &plan->steps[plan->n_steps - 1];
    plan->add_from = last->order == ORDER_TREE || last->order == ORDER_PAIRS;
    last->from = !plan->add_from;
}

weir_status pin_plan_leaf(const Mapping *m, MapNodeId leaf, const Machine *machine, PinPlan *out_plan)
{
    const Statement *st = statement_at(m->cs, node_at(m, leaf)->statement);
    *out_plan = (PinPlan){.ordered = pin_is_ordered(m->cs, st)};
    if (!out_plan->ordered)
        return WEIR_OK;
    Planner p = {.m = m, .st = st, .arena = &m->cs->cx->arena};
    MapNodeId path[PIN_MOST_PATH];
    uint32_t n_path = mapping_path(m, leaf, path, PIN_MOST_PATH);
    if (n_path > PIN_MOST_PATH)
        return breach(m, leaf, 1, "loops nested too deep");
    p.fma = pin_contracts(m->cs, st) && pin_has_fma(m, leaf, machine);
    p.pad_counts = st->from.i != 0;
    TRY(collect_loops(&p, n_path, path));
    if (p.n != 0)
        plan_loops(&p, 0, &(PartList){0});
    TRY(check_steps(&p, leaf));
    finish_plan(&p, out_plan);
    return WEIR_OK;
}

weir_status pin_plan(const Mapping *m, StatementId statement, const Machine *machine, PinPlan *out_plan)
{
    MapNodeId leaf = mapping_leaf(m, statement);
    if (leaf.i == 0) {
        TensorId tensor = statement_at(m->cs, statement)->targets[0].tensor;
        return breach(m, leaf, 10, arena_printf(&m->cs->cx->arena, "%s is not in the tree of map %s",
                                                tensor_name(m->cs, tensor), cx_text(m->cs->cx, m->name)));
    }
    return pin_plan_leaf(m, leaf, machine, out_plan);
}
