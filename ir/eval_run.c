/*
 * ir/eval_run.c: instructions over one block of lanes.
 *
 * Keep: run_block comes before run_instrs; run_point whenever loop_at changed.
 */
#include <stdio.h>
#include <string.h>

#include "ir/elementary.h"
#include "ir/eval_plan.h"

/* Rows from this length on are blocks of their own; shorter ones share a block. */
enum { ROW_LANES = 24 };

bool next_point(uint32_t n, const int64_t *extent, int64_t *at)
{
    for (uint32_t i = n; i-- > 0;) {
        if (++at[i] < extent[i])
            return true;
        at[i] = 0;
    }
    return false;
}

/* ---- blocks ---- */

static int64_t dot(uint32_t n, const int64_t *stride, const int64_t *at)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += stride[i] * at[i];
    return sum;
}

/* All lanes in one row, `stride` apart. */
static void block_row(AccessPlan *access, uint32_t n, int64_t stride)
{
    access->mode = n == 1 || stride == 0 ? LANE_SAME : stride == 1 ? LANE_NEXT : LANE_OFFSETS;
    for (uint32_t l = 0; access->mode == LANE_OFFSETS && l < n; l++)
        access->offsets[l] = (int64_t)l * stride;
}

/* Lanes of several rows of `extent`, beginning with a row. */
static void block_rows(Run *run, AccessPlan *access)
{
    uint32_t last = run->n_lane_ranks - 1;
    int64_t at[CASCADE_MAX_RANKS];
    memcpy(at, run->lane_at, sizeof at);
    uint32_t extent = (uint32_t)run->lane_extent[last];
    int64_t stride = access->lane[last], row = 0;
    bool same = stride == 0, next = stride == 1;
    for (uint32_t l = 0; l < run->n; l += extent) {
        row = dot(last, access->lane, at) - dot(last, access->lane, run->lane_at);
        same = same && row == 0;
        next = next && row == (int64_t)l;
        uint32_t width = run->n - l < extent ? run->n - l : extent;
        for (uint32_t i = 0; i < width; i++)
            access->offsets[l + i] = row + (int64_t)i * stride;
        next_point(last, run->lane_extent, at);
    }
    access->mode = same ? LANE_SAME : next ? LANE_NEXT : LANE_OFFSETS;
}

static void block_coords(Run *run)
{
    int64_t at[CASCADE_MAX_RANKS];
    memcpy(at, run->lane_at, sizeof at);
    for (uint32_t l = 0; l < run->n; l++) {
        for (uint32_t r = 0; r < run->n_lane_ranks; r++)
            run->coords[r][l] = at[r];
        next_point(run->n_lane_ranks, run->lane_extent, at);
    }
}

static void block_tests(Run *run)
{
    for (uint32_t t = 0; t < run->plan->n_tests; t++) {
        Inequality *test = &run->plan->tests[t];
        test->least = INT64_MAX;
        test->most = INT64_MIN;
        for (uint32_t l = 0; l < run->n; l++) {
            int64_t value = 0;
            for (uint32_t r = 0; r < run->n_lane_ranks; r++)
                value += test->lane[r] * run->coords[r][l];
            test->least = value < test->least ? value : test->least;
            test->most = value > test->most ? value : test->most;
        }
    }
}

void run_block(Run *run, int64_t first)
{
    run->first = first;
    int64_t rest = run->lanes - first, number = first;
    uint32_t last = run->n_lane_ranks - 1;
    for (uint32_t r = run->n_lane_ranks; r-- > 0;) {
        run->lane_at[r] = number % run->lane_extent[r];
        number /= run->lane_extent[r];
    }
    int64_t row = run->n_lane_ranks == 0 ? 1 : run->lane_extent[last];
    bool one_row = row >= ROW_LANES || run->n_lane_ranks < 2;
    int64_t most = one_row ? EVAL_LANES : EVAL_LANES / row * row;
    if (one_row && run->n_lane_ranks != 0)
        rest = row - run->lane_at[last];
    run->n = (uint32_t)(rest < most ? rest : most);
    for (uint32_t a = 0; a < run->plan->access.n; a++) {
        AccessPlan *access = &run->plan->access.at[a];
        access->filled = -1;
        if (access->affine == NULL || access->checked || access->index != NULL)
            continue;
        access->block_base = access->base + dot(run->n_lane_ranks, access->lane, run->lane_at);
        if (one_row)
            block_row(access, run->n, run->n_lane_ranks == 0 ? 0 : access->lane[last]);
        else
            block_rows(run, access);
    }
    if (run->plan->needs_coords) {
        block_coords(run);
        block_tests(run);
    }
}

void run_point(Run *run)
{
    for (uint32_t a = 0; a < run->plan->access.n; a++) {
        AccessPlan *access = &run->plan->access.at[a];
        access->point = access->index != NULL ? 0 : dot(run->n_loop_ranks, access->loop, run->loop_at);
    }
}

const char *run_coordinates(Run *run, uint32_t lane)
{
    char text[256] = "";
    int64_t at[CASCADE_MAX_RANKS];
    if (run->by_reduction) {
        memcpy(at, run->loop_at, sizeof at);
    } else {
        int64_t number = run->first + lane;
        for (uint32_t r = run->n_kept; r-- > 0;) {
            at[r] = number % run->kept_extent[r];
            number /= run->kept_extent[r];
        }
    }
    size_t n = 0;
    for (uint32_t r = 0; r < run->n_kept && n + 24 < sizeof text; r++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", r == 0 ? "[" : ", ", (long long)at[r]);
    return arena_printf(&run->ev->cx->arena, "%s%s", text, run->n_kept == 0 ? "" : "]");
}

/* ---- loads ---- */

static Dtype natural_type(const Run *run, const AccessPlan *access)
{
    if (access->part == PART_VALUE)
        return tensor_at(run->ev->cs, access->tensor)->type;
    return access->part == PART_SCALE ? DT_F32 : DT_I32;
}

/* n stored elements as a block of the wanted type. */
static void load_elements(Run *run, const AccessPlan *access, uint32_t n, const void *elements, void *out)
{
    EvalSystem system = run->ev->system;
    Dtype natural = natural_type(run, access);
    if (access->native) {
        memcpy(out, elements, n * carrier_bytes(carrier_of(system, access->to)));
    } else if (natural == access->to || (system == EVAL_REAL && carrier_of(system, natural) == CARRIER_F64 &&
                                         carrier_of(system, access->to) == CARRIER_F64)) {
        block_widen(system, access->stored, n, elements, out);
    } else {
        uint64_t block[EVAL_LANES];
        const void *from = block;
        if (block_native(system, access->stored, natural))
            from = elements;
        else
            block_widen(system, access->stored, n, elements, block);
        block_cast(system, natural, access->to, CAST_PLAIN, n, from, out);
    }
}

static size_t element_bytes(const Run *run, const AccessPlan *access)
{
    return access->native ? carrier_bytes(carrier_of(run->ev->system, access->to)) : dtype_bytes(access->stored);
}

/* Loads at data[offset[l]] where ok[l], else the pad. */
static void load_checked(Run *run, AccessPlan *access, const int64_t *offset, const uint8_t *outside, uint32_t n_outside,
                         void *out)
{
    uint64_t elements[EVAL_LANES];
    if (n_outside < run->n) {
        block_gather(element_bytes(run, access), run->n, access->data, offset, elements);
        load_elements(run, access, run->n, elements, out);
    }
    size_t wide = carrier_bytes(carrier_of(run->ev->system, access->to));
    for (uint32_t l = 0; n_outside != 0 && l < run->n; l++)
        if (outside[l] != 0)
            memcpy((char *)out + l * wide, access->pad, wide);
}

static weir_status trap_outside(Run *run, const AccessPlan *access, uint32_t lane, uint32_t d, int64_t index)
{
    return eval_trap(run->ev, run->st, run_coordinates(run, lane), "index %lld is outside 0..%lld (dimension %u of %s)",
                     (long long)index, (long long)access->extent[d] - 1, d, tensor_name(run->ev->cs, access->tensor));
}

/* Marks lanes whose index in dimension d is outside; offsets of the others grow. */
static weir_status check_dimension(Run *run, const AccessPlan *access, uint32_t d, const int64_t *index,
                                   int64_t *offset, uint8_t *outside, uint32_t *n_outside)
{
    uint64_t extent = (uint64_t)access->extent[d];
    int64_t stride = access->stride[d];
    uint32_t bad = 0;
    for (uint32_t l = 0; l < run->n; l++) {
        bad += (uint64_t)index[l] >= extent;
        offset[l] += (int64_t)((uint64_t)index[l] * (uint64_t)stride);
    }
    if (bad == 0)
        return WEIR_OK;
    bool has_pad = expr_at(run->ev->cs, access->expr)->pad != PAD_NONE;
    for (uint32_t l = 0; l < run->n; l++) {
        if ((uint64_t)index[l] < extent)
            continue;
        if (!has_pad && (run->mask == NULL || run->mask[l] != 0))
            return trap_outside(run, access, l, d, index[l]);
        *n_outside += outside[l] == 0;
        outside[l] = 1;
    }
    return WEIR_OK;
}

static weir_status load_gather(Run *run, AccessPlan *access, void *out)
{
    int64_t offset[EVAL_LANES];
    uint8_t outside[EVAL_LANES];
    uint32_t n_outside = 0;
    memset(offset, 0, run->n * sizeof *offset);
    memset(outside, 0, run->n);
    for (uint32_t d = 0; d < access->n_dims; d++) {
        int64_t room[EVAL_LANES];
        const int64_t *index = room;
        if (access->index != NULL) {
            index = run->value[access->index[d]];
        } else {
            int64_t constant = access->constant[d];
            for (uint32_t l = 0; l < run->n; l++)
                room[l] = constant;
            for (uint32_t i = 0; i < access->affine[d].n; i++) {
                RankId rank = access->affine[d].rank[i];
                int64_t factor = access->affine[d].coefficient[i];
                for (uint32_t r = 0; r < run->n_lane_ranks; r++)
                    for (uint32_t l = 0; rank_same(run->lane_rank[r], rank) && l < run->n; l++)
                        room[l] += factor * run->coords[r][l];
                for (uint32_t r = 0; r < run->n_loop_ranks; r++)
                    for (uint32_t l = 0; rank_same(run->loop_rank[r], rank) && l < run->n; l++)
                        room[l] += factor * run->loop_at[r];
            }
        }
        TRY(check_dimension(run, access, d, index, offset, outside, &n_outside));
    }
    for (uint32_t l = 0; n_outside != 0 && l < run->n; l++)
        offset[l] = outside[l] != 0 ? 0 : offset[l];
    load_checked(run, access, offset, outside, n_outside, out);
    return WEIR_OK;
}

static void load_affine(Run *run, uint32_t number, AccessPlan *access)
{
    char *slot = run->slots + (size_t)number * run->slot_bytes;
    size_t bytes = element_bytes(run, access);
    int64_t offset = access->block_base + access->point;
    char *from = access->data + (size_t)offset * bytes;
    run->value[number] = slot;
    if (access->mode == LANE_NEXT) {
        if (access->native)
            run->value[number] = from;
        else
            load_elements(run, access, run->n, from, slot);
    } else if (access->mode == LANE_SAME) {
        if (access->filled == offset)
            return;
        access->filled = offset;
        uint64_t one;
        load_elements(run, access, 1, from, &one);
        block_fill(carrier_bytes(carrier_of(run->ev->system, access->to)), run->n, &one, slot);
    } else if (access->native) {
        block_gather(bytes, run->n, from, access->offsets, slot);
    } else {
        uint64_t elements[EVAL_LANES];
        block_gather(bytes, run->n, from, access->offsets, elements);
        load_elements(run, access, run->n, elements, slot);
    }
}

/* ---- instructions ---- */

static void run_coord(Run *run, const Instr *instr, int64_t *out)
{
    for (uint32_t r = 0; r < run->n_lane_ranks; r++) {
        if (rank_same(run->lane_rank[r], instr->rank)) {
            memcpy(out, run->coords[r], run->n * sizeof *out);
            return;
        }
    }
    for (uint32_t r = 0; r < run->n_loop_ranks; r++) {
        if (rank_same(run->loop_rank[r], instr->rank)) {
            for (uint32_t l = 0; l < run->n; l++)
                out[l] = run->loop_at[r];
            return;
        }
    }
    weir_bug(run->ev->cx, "rank %s is not bound", rank_name(run->ev->cs, instr->rank));
}

static void run_call(Run *run, const Instr *instr, void *out)
{
    Eval *ev = run->ev;
    void *args[4] = {NULL};
    for (uint32_t k = 0; k < instr->n_args; k++)
        args[k] = run->value[instr->arg[k]];
    if (carrier_of(ev->system, instr->from) == CARRIER_F32 && instr->fn != FN_REQUANT) {
        const Elementary *e = elementary(ev->cx, instr->fn);
        if (e != NULL) {
            elementary_apply(e, run->n, args[0], args[1], out);
            block_wrap(ev->system, instr->from, run->n, out);
            return;
        }
    }
    block_call(ev->kernels, ev->system, instr->fn, instr->from, run->n, args, out);
}

weir_status run_instrs(Run *run, uint32_t first, uint32_t end, Which which)
{
    Plan *plan = run->plan;
    EvalSystem system = run->ev->system;
    for (uint32_t i = first; i < end; i++) {
        const Instr *instr = &plan->instrs.at[i];
        if (which != RUN_ALL && instr->varies != (which == RUN_VARYING))
            continue;
        void *slot = run->slots + (size_t)i * run->slot_bytes;
        switch (instr->op) {
        case OP_CONST:
        case OP_EXTENT:
            break;
        case OP_COORD:
            run_coord(run, instr, slot);
            break;
        case OP_LOAD:
            if (plan->access.at[instr->access].checked)
                TRY(load_gather(run, &plan->access.at[instr->access], slot));
            else
                load_affine(run, i, &plan->access.at[instr->access]);
            break;
        case OP_GATHER:
            TRY(load_gather(run, &plan->access.at[instr->access], slot));
            break;
        case OP_CALL:
            run_call(run, instr, slot);
            break;
        case OP_CAST:
            block_cast(system, instr->from, instr->type, instr->cast, run->n, run->value[instr->arg[0]], slot);
            break;
        case OP_CANON:
            memcpy(slot, run->value[instr->arg[0]], run->n * carrier_bytes(carrier_of(system, instr->type)));
            block_canon(run->ev->kernels, system, instr->type, run->n, slot);
            break;
        }
    }
    return WEIR_OK;
}

weir_status run_condition(Run *run, Which which, TakePart *out_take)
{
    Plan *plan = run->plan;
    run->mask = NULL;
    *out_take = TAKE_ALL;
    if (plan->condition == 0)
        return WEIR_OK;
    bool all = plan->tests != NULL;
    for (uint32_t t = 0; t < plan->n_tests; t++) {
        const Inequality *test = &plan->tests[t];
        int64_t point = test->constant + dot(run->n_loop_ranks, test->loop, run->loop_at);
        if (point + test->most < 0) {
            *out_take = TAKE_NONE;
            return WEIR_OK;
        }
        all = all && point + test->least >= 0;
    }
    if (all)
        return WEIR_OK;
    if (plan->tests == NULL)
        run_point(run); /* the condition may read tensors */
    TRY(run_instrs(run, plan->from_end, plan->condition_end, which));
    const uint8_t *mask = run->value[plan->condition];
    uint32_t taken = 0;
    for (uint32_t l = 0; l < run->n; l++)
        taken += mask[l] != 0;
    *out_take = taken == 0 ? TAKE_NONE : taken == run->n ? TAKE_ALL : TAKE_SOME;
    run->mask = *out_take == TAKE_SOME ? mask : NULL;
    return WEIR_OK;
}

void run_store(Run *run, AccessPlan *target, Dtype type, const void *block)
{
    EvalSystem system = run->ev->system;
    uint64_t cast[EVAL_LANES], elements[EVAL_LANES];
    if (type != target->to) {
        block_cast(system, type, target->to, CAST_PLAIN, run->n, block, cast);
        block = cast;
    }
    size_t bytes = dtype_bytes(target->stored);
    char *to = target->data + (size_t)(target->block_base + target->point) * bytes;
    if (target->mode != LANE_OFFSETS) {
        block_narrow(system, target->to, target->stored, run->n, block, to);
        return;
    }
    const void *from = block;
    if (!block_native(system, target->stored, target->to)) {
        block_narrow(system, target->to, target->stored, run->n, block, elements);
        from = elements;
    }
    block_spread(bytes, run->n, from, target->offsets, to);
}
