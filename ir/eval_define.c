/*
 * ir/eval_define.c: a definition and a scatter, from a plan to stored elements.
 */
#include <string.h>

#include "ir/eval_plan.h"

/* Fewer kept points than this, and many terms: lanes are the reduced points. */
enum { FEW_LANES = 16, MANY_TERMS = 32, MOST_ROWS = 4096 };

static weir_status extents_of(Run *run, uint32_t n, const RankId *ranks, int64_t *out_extent, int64_t *out_product)
{
    *out_product = 1;
    for (uint32_t i = 0; i < n; i++) {
        TRY(eval_rank_extent(run->ev, ranks[i], run->st, &out_extent[i]));
        if (!__builtin_mul_overflow(*out_product, out_extent[i], out_product))
            continue;
        diag(&run->ev->cx->diag, run->st->place, E_LIMIT, "points of a statement", (long long)INT64_MAX,
             (long long)INT64_MAX, "fixed");
        return WEIR_LIMIT;
    }
    return WEIR_OK;
}

static bool products_of_loads(const Plan *plan)
{
    if (!plan->product || plan->condition != 0)
        return false;
    const Instr *body = &plan->instrs.at[plan->body];
    return plan->instrs.at[body->arg[0]].op == OP_LOAD && plan->instrs.at[body->arg[1]].op == OP_LOAD;
}

/* The dimension of an access whose index has the rank, if it is the only one; -1: none, -2: several or scaled. */
static int dimension_of(const AccessPlan *access, RankId rank)
{
    int found = -1;
    for (uint32_t d = 0; d < access->n_dims; d++) {
        for (uint32_t i = 0; i < access->affine[d].n; i++) {
            if (!rank_same(access->affine[d].rank[i], rank))
                continue;
            found = found == -1 && access->affine[d].coefficient[i] == 1 ? (int)d : -2;
        }
    }
    return found;
}

/* Products of rows that lie along the reduced rank, one of them far apart along the kept one: where the order is free,
 * lanes along the rows are the faster ones. */
static bool is_dot(const Run *run)
{
    const Plan *plan = run->plan;
    if (run->ev->system != EVAL_REAL || plan->n_kept == 0 || plan->n_reduced == 0 || !products_of_loads(plan) ||
        run->loop_extent[plan->n_reduced - 1] < 2 * MANY_TERMS)
        return false;
    const Instr *body = &plan->instrs.at[plan->body];
    bool apart = false;
    for (uint32_t k = 0; k < 2; k++) {
        const AccessPlan *access = &plan->access.at[plan->instrs.at[body->arg[k]].access];
        int along = dimension_of(access, plan->reduced[plan->n_reduced - 1]);
        if (along != -1 && along != (int)access->n_dims - 1)
            return false;
        int kept = dimension_of(access, plan->kept[plan->n_kept - 1]);
        apart = apart || (kept != -1 && kept != (int)access->n_dims - 1);
    }
    return apart;
}

static void swap_roles(Run *run)
{
    Run copy = *run;
    run->n_lane_ranks = copy.n_loop_ranks;
    run->n_loop_ranks = copy.n_lane_ranks;
    memcpy(run->lane_rank, copy.loop_rank, sizeof run->lane_rank);
    memcpy(run->loop_rank, copy.lane_rank, sizeof run->loop_rank);
    memcpy(run->lane_extent, copy.loop_extent, sizeof run->lane_extent);
    memcpy(run->loop_extent, copy.lane_extent, sizeof run->loop_extent);
    run->lanes = copy.loops;
    run->loops = copy.lanes;
    run->by_reduction = true;
}

static weir_status run_elements(Run *run)
{
    Plan *plan = run->plan;
    AccessPlan *target = &plan->access.at[plan->target];
    for (int64_t first = 0; first < run->lanes; first += run->n) {
        run_block(run, first);
        TRY(run_instrs(run, 0, plan->body_end, RUN_ALL));
        run_store(run, target, plan->instrs.at[plan->body].type, run->value[plan->body]);
    }
    return WEIR_OK;
}

weir_status run_define(Eval *ev, StatementId id)
{
    Plan *plan = plan_define(ev, id);
    const Statement *st = plan->st;
    Run run;
    memset(&run, 0, offsetof(Run, coords));
    run.ev = ev;
    run.plan = plan;
    run.st = st;
    TRY(tensor_prepare(ev, st->targets[0].tensor, st));
    run.n_lane_ranks = run.n_kept = plan->n_kept;
    memcpy(run.lane_rank, plan->kept, plan->n_kept * sizeof *plan->kept);
    TRY(extents_of(&run, plan->n_kept, plan->kept, run.lane_extent, &run.lanes));
    memcpy(run.kept_extent, run.lane_extent, sizeof run.kept_extent);
    run.n_loop_ranks = plan->n_reduced;
    memcpy(run.loop_rank, plan->reduced, plan->n_reduced * sizeof *plan->reduced);
    TRY(extents_of(&run, plan->n_reduced, plan->reduced, run.loop_extent, &run.loops));
    if (run.lanes != 0) {
        bool reduces = st->reduction != RED_NONE;
        bool few = run.lanes < FEW_LANES && run.loops >= MANY_TERMS && !products_of_loads(plan);
        if (reduces && (few || is_dot(&run) || (run.loops > MOST_ROWS && (st->order == ORDER_TREE || st->order == ORDER_PAIRS))))
            swap_roles(&run);
        TRY(run_bind(ev, plan, &run));
        TRY(reduces ? run_reduction(&run) : run_elements(&run));
    }
    if (st->scatter != RED_NONE)
        TRY(run_scatter(ev, id));
    return tensor_encode(ev, st->targets[0].tensor);
}

/* ---- scatter ---- */

/* target[offset] = target[offset] fn value, one element. */
static void scatter_one(Run *run, Fn fn, const Tensor *target, int64_t offset, const void *value)
{
    Eval *ev = run->ev;
    Dtype type = run->plan->acc;
    size_t bytes = dtype_bytes(target->type);
    char *at = (char *)target->data + (size_t)offset * bytes;
    uint64_t old = 0, term = 0, fresh = 0;
    if (block_native(ev->system, target->type, type))
        memcpy(&old, at, bytes);
    else
        block_widen(ev->system, target->type, 1, at, &old);
    memcpy(&term, value, carrier_bytes(carrier_of(ev->system, type)));
    void *args[4] = {&old, &term, NULL, NULL};
    block_call(ev->kernels, ev->system, fn, type, 1, args, &fresh);
    if (ev->system == EVAL_TYPED)
        block_canon(ev->kernels, ev->system, type, 1, &fresh);
    block_narrow(ev->system, type, target->type, 1, &fresh, at);
}

static weir_status scatter_block(Run *run, const Tensor *target)
{
    const Plan *plan = run->plan;
    const Statement *st = run->st;
    int64_t stride = 1, offset[EVAL_LANES];
    memset(offset, 0, sizeof offset);
    for (uint32_t d = target->n_dims; d-- > 0;) {
        const int64_t *index = run->value[plan->index[d]];
        for (uint32_t l = 0; l < run->n; l++) {
            if (run->mask != NULL && run->mask[l] == 0)
                continue;
            if (index[l] < 0 || index[l] >= target->extent[d])
                return eval_trap(run->ev, st, run_coordinates(run, l), "scatter index %lld is outside 0..%lld (dimension %u)",
                                 (long long)index[l], (long long)target->extent[d] - 1, d);
            offset[l] += index[l] * stride;
        }
        stride *= target->extent[d];
    }
    size_t wide = carrier_bytes(carrier_of(run->ev->system, plan->acc));
    const char *values = run->value[plan->body];
    if (st->scatter == RED_SET && run->mask == NULL) {
        uint64_t elements[EVAL_LANES];
        block_narrow(run->ev->system, plan->acc, target->type, run->n, values, elements);
        block_spread(dtype_bytes(target->type), run->n, elements, offset, target->data);
        return WEIR_OK;
    }
    for (uint32_t l = 0; l < run->n; l++) {
        if (run->mask != NULL && run->mask[l] == 0)
            continue;
        if (st->scatter == RED_SET)
            block_narrow(run->ev->system, plan->acc, target->type, 1, values + l * wide,
                         (char *)target->data + (size_t)offset[l] * dtype_bytes(target->type));
        else
            scatter_one(run, reduction_info(st->scatter)->combine, target, offset[l], values + l * wide);
    }
    return WEIR_OK;
}

weir_status run_scatter(Eval *ev, StatementId id)
{
    Plan *plan = plan_scatter(ev, id);
    Run run;
    memset(&run, 0, offsetof(Run, coords));
    run.ev = ev;
    run.plan = plan;
    run.st = plan->st;
    run.loops = 1;
    run.n_lane_ranks = run.n_kept = plan->n_kept;
    memcpy(run.lane_rank, plan->kept, plan->n_kept * sizeof *plan->kept);
    TRY(extents_of(&run, plan->n_kept, plan->kept, run.lane_extent, &run.lanes));
    memcpy(run.kept_extent, run.lane_extent, sizeof run.kept_extent);
    if (run.lanes == 0)
        return WEIR_OK;
    TRY(run_bind(ev, plan, &run));
    for (int64_t first = 0; first < run.lanes; first += run.n) {
        run_block(&run, first);
        TakePart take;
        TRY(run_condition(&run, RUN_ALL, &take));
        if (take == TAKE_NONE)
            continue;
        TRY(run_instrs(&run, plan->condition_end, plan->body_end, RUN_ALL));
        TRY(scatter_block(&run, &ev->values[plan->st->targets[0].tensor.i]));
    }
    return WEIR_OK;
}
