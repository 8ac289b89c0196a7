/*
 * ir/eval_reduce.c: reductions.
 *
 * Keep: the terms of every element are combined in the written order. Either the lanes are kept points and the loop
 *       runs over the reduced ones, or (few kept points) lanes are reduced points and each block is folded in order.
 */
#include <math.h>
#include <string.h>

#include "ir/eval_plan.h"

enum { CHUNK = 512 };

typedef struct Accumulator {
    Run *run;
    const Statement *st;
    Dtype type;
    Carrier carrier;
    size_t bytes;
    bool fused, tree;
    uint64_t acc[EVAL_LANES];
    int64_t at[EVAL_LANES]; /* positions of argmax, argmin: -1 none */
} Accumulator;

/* ---- start ---- */

static void identity(const Accumulator *a, void *out)
{
    EvalSystem system = a->run->ev->system;
    bool floats = a->carrier <= CARRIER_F32;
    double f = 0;
    int64_t i = 0;
    switch (reduction_info(a->st->reduction)->start) {
    case START_ZERO:
        break;
    case START_ONE:
        f = 1;
        i = 1;
        break;
    case START_LEAST:
        f = -HUGE_VAL;
        i = a->type == DT_BOOL ? 0 : dtype_int_min(a->type);
        break;
    case START_MOST:
        f = HUGE_VAL;
        i = a->type == DT_BOOL ? 1 : (int64_t)dtype_int_max(a->type);
        break;
    }
    if (floats && a->carrier == CARRIER_F64)
        memcpy(out, &f, sizeof f);
    else if (floats)
        memcpy(out, &(float){(float)f}, sizeof(float));
    else
        value_of_i64(system, a->type, i, out);
}

static void start(Accumulator *a, const void *from)
{
    uint64_t one = 0;
    identity(a, &one);
    if (from != NULL)
        memcpy(a->acc, from, a->run->n * a->bytes);
    else
        block_fill(a->bytes, a->run->n, &one, a->acc);
    for (uint32_t l = 0; reduction_info(a->st->reduction)->arg && l < a->run->n; l++)
        a->at[l] = -1;
}

/* ---- one block of terms into the sums of its lanes ---- */

static void combine(const Accumulator *a, Fn fn, uint32_t n, const void *x, const void *y, void *out)
{
    const Eval *ev = a->run->ev;
    if (a->carrier == CARRIER_F32 && a->type == DT_F32)
        ev->kernels->call_f32(fn, n, x, y, NULL, out);
    else if (a->carrier == CARRIER_F64)
        ev->kernels->call_f64(fn, n, x, y, NULL, out);
    else {
        uint64_t copy_x[EVAL_LANES], copy_y[EVAL_LANES];
        memcpy(copy_x, x, n * a->bytes);
        memcpy(copy_y, y, n * a->bytes);
        void *args[4] = {copy_x, copy_y, NULL, NULL};
        block_call(ev->kernels, ev->system, fn, a->type, n, args, out);
    }
}

static void keep_lanes(Accumulator *a, const uint8_t *mask, uint32_t n, const void *new_values)
{
    void *args[4] = {NULL};
    uint8_t lanes[EVAL_LANES];
    uint64_t old[EVAL_LANES];
    memcpy(lanes, mask, n);
    memcpy(old, a->acc, n * a->bytes);
    uint64_t fresh[EVAL_LANES];
    memcpy(fresh, new_values, n * a->bytes);
    args[0] = lanes;
    args[1] = fresh;
    args[2] = old;
    block_call(a->run->ev->kernels, a->run->ev->system, FN_SELECT, a->type, n, args, a->acc);
}

/* x beats the best so far: NaN beats numbers, -0 ties with +0; `last`: equals beat. */
#define BEATS_FLOAT(x, best, last)                                                                 \
    ((x) != (x) ? ((best) == (best) || (last)) : (best) != (best) ? false : (x) == (best) ? (last) : (greater) ? (x) > (best) : (x) < (best))
#define BEATS_INT(x, best, last) ((x) == (best) ? (last) : (greater) ? (x) > (best) : (x) < (best))

static bool beats(const Accumulator *a, const void *terms, uint32_t i, const void *best, uint32_t l)
{
    bool greater = a->st->reduction == RED_ARGMAX, last = a->st->order == ORDER_LAST;
    switch (a->carrier) {
    case CARRIER_F64: {
        double x = ((const double *)terms)[i], y = ((const double *)best)[l];
        return BEATS_FLOAT(x, y, last);
    }
    case CARRIER_F32: {
        float x = ((const float *)terms)[i], y = ((const float *)best)[l];
        return BEATS_FLOAT(x, y, last);
    }
    case CARRIER_I64: {
        int64_t x = ((const int64_t *)terms)[i], y = ((const int64_t *)best)[l];
        if (a->type == DT_U64)
            return BEATS_INT((uint64_t)x, (uint64_t)y, last);
        return BEATS_INT(x, y, last);
    }
    case CARRIER_I32: {
        int32_t x = ((const int32_t *)terms)[i], y = ((const int32_t *)best)[l];
        return BEATS_INT(x, y, last);
    }
    case CARRIER_BOOL:
        break;
    }
    uint8_t x = ((const uint8_t *)terms)[i], y = ((const uint8_t *)best)[l];
    return BEATS_INT(x, y, last);
}

static void arg_term(Accumulator *a, const void *terms, uint32_t i, uint32_t l, int64_t position)
{
    if (a->at[l] >= 0 && !beats(a, terms, i, a->acc, l))
        return;
    a->at[l] = position;
    memcpy((char *)a->acc + l * a->bytes, (const char *)terms + i * a->bytes, a->bytes);
}

/* One loop point: lane l's term is terms[l]. */
static void add_terms(Accumulator *a, int64_t position)
{
    Run *run = a->run;
    const Plan *plan = run->plan;
    if (reduction_info(a->st->reduction)->arg) {
        for (uint32_t l = 0; l < run->n; l++)
            if (run->mask == NULL || run->mask[l] != 0)
                arg_term(a, run->value[plan->body], l, l, position);
        return;
    }
    uint64_t room[EVAL_LANES];
    void *out = run->mask == NULL ? a->acc : room;
    if (a->fused) {
        const Instr *body = &plan->instrs.at[plan->body];
        const void *x = run->value[body->arg[0]], *y = run->value[body->arg[1]];
        if (a->carrier == CARRIER_F32)
            run->ev->kernels->call_f32(FN_FMA, run->n, x, y, (const float *)(const void *)a->acc, out);
        else
            run->ev->kernels->call_f64(FN_FMA, run->n, x, y, (const double *)(const void *)a->acc, out);
    } else {
        combine(a, reduction_info(a->st->reduction)->combine, run->n, a->acc, run->value[plan->body], out);
    }
    if (run->mask != NULL)
        keep_lanes(a, run->mask, run->n, out);
}

/* ---- chains of products of two tensors ---- */

static bool plain_operand(const Run *run, const Accumulator *a, uint32_t value, AccessPlan **out_access)
{
    const Instr *instr = &run->plan->instrs.at[value];
    if (instr->op != OP_LOAD || instr->type != a->type)
        return false;
    *out_access = &run->plan->access.at[instr->access];
    return (*out_access)->native && !(*out_access)->checked;
}

static void chain(Accumulator *a, uint32_t count, AccessPlan *const operand[2], int64_t *const offset[2], void *acc)
{
    const Kernels *k = a->run->ev->kernels;
    MacOperand m[2];
    for (int i = 0; i < 2; i++)
        m[i] = (MacOperand){.at = operand[i]->data + (size_t)operand[i]->block_base * a->bytes,
                            .offset = offset[i],
                            .lane = operand[i]->mode == LANE_OFFSETS ? operand[i]->offsets : NULL,
                            .same = operand[i]->mode == LANE_SAME};
    uint32_t n = a->run->n;
    switch (a->carrier) {
    case CARRIER_F32:
        k->mac_f32(n, acc, count, &m[0], &m[1], a->fused);
        break;
    case CARRIER_F64:
        k->mac_f64(n, acc, count, &m[0], &m[1], a->fused);
        break;
    case CARRIER_I32:
        k->mac_i32(n, acc, count, &m[0], &m[1]);
        break;
    default:
        k->mac_i64(n, acc, count, &m[0], &m[1]);
        break;
    }
}

/* Offsets of the next points, a run of the innermost loop rank at a time. */
static uint32_t next_offsets(Run *run, AccessPlan *const operand[2], int64_t *const offset[2], bool *out_more)
{
    uint32_t count = 0, inner = run->n_loop_ranks - 1;
    *out_more = true;
    while (*out_more && count < CHUNK) {
        int64_t start_at = run->loop_at[inner], left = run->loop_extent[inner] - start_at;
        uint32_t width = (uint32_t)(left < CHUNK - count ? left : CHUNK - count);
        for (int i = 0; i < 2; i++) {
            int64_t base = 0, step = operand[i]->loop[inner];
            for (uint32_t r = 0; r <= inner; r++)
                base += operand[i]->loop[r] * run->loop_at[r];
            for (uint32_t j = 0; j < width; j++)
                offset[i][count + j] = base + (int64_t)j * step;
        }
        count += width;
        run->loop_at[inner] += (int64_t)width - 1;
        *out_more = next_point(run->n_loop_ranks, run->loop_extent, run->loop_at);
    }
    return count;
}

static void chain_all(Accumulator *a, AccessPlan *const operand[2])
{
    int64_t first[CHUNK], second[CHUNK];
    int64_t *offset[2] = {first, second};
    Run *run = a->run;
    memset(run->loop_at, 0, sizeof run->loop_at);
    bool more = true;
    while (more) {
        uint32_t count = next_offsets(run, operand, offset, &more);
        chain(a, count, operand, offset, a->acc);
    }
}

static weir_status chain_some(Accumulator *a, AccessPlan *const operand[2])
{
    int64_t first[CHUNK], second[CHUNK];
    int64_t *offset[2] = {first, second};
    Run *run = a->run;
    uint32_t count = 0;
    memset(run->loop_at, 0, sizeof run->loop_at);
    do {
        TakePart take;
        TRY(run_condition(run, RUN_VARYING, &take));
        if (take == TAKE_NONE)
            continue;
        run_point(run);
        if (take == TAKE_SOME && count != 0) {
            chain(a, count, operand, offset, a->acc);
            count = 0;
        }
        first[count] = operand[0]->point;
        second[count++] = operand[1]->point;
        if (take == TAKE_SOME) {
            uint64_t room[EVAL_LANES];
            memcpy(room, a->acc, run->n * a->bytes);
            chain(a, 1, operand, offset, room);
            keep_lanes(a, run->mask, run->n, room);
            count = 0;
        } else if (count == CHUNK) {
            chain(a, count, operand, offset, a->acc);
            count = 0;
        }
    } while (next_point(run->n_loop_ranks, run->loop_extent, run->loop_at));
    if (count != 0)
        chain(a, count, operand, offset, a->acc);
    run->mask = NULL;
    return WEIR_OK;
}

/* ---- trees ---- */

/* rows[0] = the sum of n_rows rows of n lanes, in halves or pairs. */
static void fold_tree(const Accumulator *a, char *rows, uint32_t n_rows, uint32_t n)
{
    size_t row = n * a->bytes;
    Fn fn = reduction_info(a->st->reduction)->combine;
    for (uint32_t half = n_rows / 2; half != 0; half /= 2) {
        for (uint32_t i = 0; i < half; i++) {
            const char *x = rows + (a->st->order == ORDER_PAIRS ? 2 * i : i) * row;
            const char *y = rows + (a->st->order == ORDER_PAIRS ? 2 * i + 1 : i + half) * row;
            combine(a, fn, n, x, y, rows + i * row);
        }
    }
}

static weir_status tree_block(Accumulator *a)
{
    Run *run = a->run;
    const Plan *plan = run->plan;
    size_t row = run->n * a->bytes;
    char *rows = scratch_bytes(run->ev, &run->ev->rows, (size_t)run->loops * row);
    uint64_t one = 0, zeros[EVAL_LANES];
    identity(a, &one);
    block_fill(a->bytes, run->n, &one, zeros);
    uint32_t count = 0;
    memset(run->loop_at, 0, sizeof run->loop_at);
    do {
        TakePart take;
        TRY(run_condition(run, RUN_VARYING, &take));
        void *out = rows + count++ * row;
        memcpy(out, zeros, row);
        if (take == TAKE_NONE)
            continue;
        run_point(run);
        TRY(run_instrs(run, plan->condition_end, plan->body_end, RUN_VARYING));
        const char *terms = run->value[plan->body];
        for (uint32_t l = 0; l < run->n; l++)
            if (run->mask == NULL || run->mask[l] != 0)
                memcpy((char *)out + l * a->bytes, terms + l * a->bytes, a->bytes);
    } while (next_point(run->n_loop_ranks, run->loop_extent, run->loop_at));
    run->mask = NULL;
    fold_tree(a, rows, count, run->n);
    if (plan->from != 0)
        combine(a, reduction_info(a->st->reduction)->combine, run->n, a->acc, rows, a->acc);
    else
        memcpy(a->acc, rows, row);
    return WEIR_OK;
}

/* ---- lanes are kept points ---- */

static void finish(Accumulator *a)
{
    Run *run = a->run;
    AccessPlan *target = &run->plan->access.at[run->plan->target];
    target->point = run->by_reduction ? target->point : 0;
    if (reduction_info(a->st->reduction)->arg) {
        run_store(run, target, DT_I64, a->at);
        return;
    }
    block_wrap(run->ev->system, a->type, run->n, a->acc);
    if (run->ev->system == EVAL_TYPED)
        block_canon(run->ev->kernels, run->ev->system, a->type, run->n, a->acc);
    run_store(run, target, a->type, a->acc);
}

static weir_status reduce_points(Accumulator *a)
{
    Run *run = a->run;
    const Plan *plan = run->plan;
    int64_t position = 0;
    memset(run->loop_at, 0, sizeof run->loop_at);
    do {
        TakePart take;
        TRY(run_condition(run, RUN_VARYING, &take));
        if (take != TAKE_NONE) {
            run_point(run);
            TRY(run_instrs(run, plan->condition_end, plan->body_end, RUN_VARYING));
            add_terms(a, position);
        }
        position++;
    } while (next_point(run->n_loop_ranks, run->loop_extent, run->loop_at));
    run->mask = NULL;
    return WEIR_OK;
}

static weir_status reduce_by_lanes(Accumulator *a)
{
    Run *run = a->run;
    const Plan *plan = run->plan;
    AccessPlan *operand[2] = {NULL, NULL};
    const Instr *body = &plan->instrs.at[plan->body];
    bool chains = a->st->reduction == RED_SUM && plan->product && !a->tree && run->n_loop_ranks != 0 &&
                  (a->carrier != CARRIER_F32 || a->type == DT_F32) && plain_operand(run, a, body->arg[0], &operand[0]) &&
                  plain_operand(run, a, body->arg[1], &operand[1]);
    for (int64_t first = 0; first < run->lanes; first += run->n) {
        run_block(run, first);
        memset(run->loop_at, 0, sizeof run->loop_at);
        run_point(run);
        TRY(run_instrs(run, 0, plan->condition_end, RUN_FIXED));
        start(a, plan->from == 0 ? NULL : run->value[plan->from]);
        if (run->loops == 0) {
            finish(a);
            continue;
        }
        if (chains && plan->condition == 0)
            chain_all(a, operand);
        else if (chains)
            TRY(chain_some(a, operand));
        else {
            TRY(run_instrs(run, plan->condition_end, plan->body_end, RUN_FIXED));
            TRY(a->tree ? tree_block(a) : reduce_points(a));
        }
        finish(a);
    }
    return WEIR_OK;
}

/* ---- lanes are reduced points ---- */

#define FOLD(T, step)                                                                              \
    do {                                                                                           \
        T s, x;                                                                                    \
        memcpy(&s, a->acc, sizeof s);                                                              \
        for (uint32_t l = 0; l < run->n; l++) {                                                    \
            if (run->mask != NULL && run->mask[l] == 0)                                            \
                continue;                                                                          \
            x = ((const T *)terms)[l];                                                             \
            s = step;                                                                              \
        }                                                                                          \
        memcpy(a->acc, &s, sizeof s);                                                              \
    } while (0)

static double sum_any_order(uint32_t n, const double *x)
{
    enum { PARTS = 8 };
    double part[PARTS] = {0}, sum = 0;
    uint32_t l = 0;
    for (; l + PARTS <= n; l += PARTS)
        for (uint32_t i = 0; i < PARTS; i++)
            part[i] += x[l + i];
    for (; l < n; l++)
        sum += x[l];
    for (uint32_t i = 0; i < PARTS; i++)
        sum += part[i];
    return sum;
}

static void fold_block(Accumulator *a, int64_t position)
{
    Run *run = a->run;
    const Plan *plan = run->plan;
    const void *terms = run->value[plan->body];
    Reduction red = a->st->reduction;
    if (reduction_info(red)->arg) {
        for (uint32_t l = 0; l < run->n; l++)
            if (run->mask == NULL || run->mask[l] != 0)
                arg_term(a, terms, l, 0, position + l);
        return;
    }
    if (red == RED_SUM && run->ev->system == EVAL_REAL && a->carrier == CARRIER_F64 && run->mask == NULL) {
        double sum;
        memcpy(&sum, a->acc, sizeof sum);
        sum += sum_any_order(run->n, terms);
        memcpy(a->acc, &sum, sizeof sum);
        return;
    }
    if (red == RED_SUM && a->carrier == CARRIER_F64 && !a->fused) {
        FOLD(double, s + x);
        return;
    }
    if (red == RED_SUM && a->type == DT_F32 && a->carrier == CARRIER_F32 && !a->fused) {
        FOLD(float, s + x);
        return;
    }
    const Instr *body = &plan->instrs.at[plan->body];
    for (uint32_t l = 0; l < run->n; l++) {
        if (run->mask != NULL && run->mask[l] == 0)
            continue;
        if (a->fused) {
            const void *x = run->value[body->arg[0]], *y = run->value[body->arg[1]];
            float *f = (float *)(void *)a->acc;
            double *d = (double *)(void *)a->acc;
            if (a->carrier == CARRIER_F32)
                *f = fmaf(((const float *)x)[l], ((const float *)y)[l], *f);
            else
                *d = fma(((const double *)x)[l], ((const double *)y)[l], *d);
        } else {
            combine(a, reduction_info(red)->combine, 1, a->acc, (const char *)terms + l * a->bytes, a->acc);
        }
    }
}

static void keep_terms(Accumulator *a, char *rows, int64_t position)
{
    Run *run = a->run;
    uint64_t one = 0;
    identity(a, &one);
    const char *terms = run->value[run->plan->body];
    for (uint32_t l = 0; l < run->n; l++) {
        bool taken = run->mask == NULL || run->mask[l] != 0;
        const void *from = taken ? (const void *)(terms + l * a->bytes) : (const void *)&one;
        memcpy(rows + (size_t)(position + l) * a->bytes, from, a->bytes);
    }
}

static weir_status reduce_one(Accumulator *a)
{
    Run *run = a->run;
    const Plan *plan = run->plan;
    run_block(run, 0);
    run_point(run);
    TRY(run_instrs(run, 0, plan->from_end, RUN_ALL));
    start(a, plan->from == 0 ? NULL : run->value[plan->from]);
    char *rows = a->tree ? scratch_bytes(run->ev, &run->ev->rows, (size_t)run->lanes * a->bytes) : NULL;
    for (int64_t first = 0; first < run->lanes; first += run->n) {
        run_block(run, first);
        TakePart take;
        TRY(run_condition(run, RUN_ALL, &take));
        if (take == TAKE_NONE && !a->tree)
            continue;
        if (take != TAKE_NONE)
            TRY(run_instrs(run, plan->condition_end, plan->body_end, RUN_ALL));
        uint8_t none[EVAL_LANES] = {0};
        if (take == TAKE_NONE)
            run->mask = none;
        if (a->tree)
            keep_terms(a, rows, first);
        else
            fold_block(a, first);
        run->mask = NULL;
    }
    if (a->tree) {
        fold_tree(a, rows, (uint32_t)run->lanes, 1);
        if (plan->from != 0)
            combine(a, reduction_info(a->st->reduction)->combine, 1, a->acc, rows, a->acc);
        else
            memcpy(a->acc, rows, a->bytes);
    }
    AccessPlan *target = &run->plan->access.at[plan->target];
    target->block_base = target->base;
    target->mode = LANE_SAME;
    run->n = 1;
    finish(a);
    return WEIR_OK;
}

weir_status run_reduction(Run *run)
{
    Accumulator room, *a = &room;
    memset(a, 0, offsetof(Accumulator, acc));
    a->run = run;
    a->st = run->st;
    a->type = run->plan->acc;
    a->carrier = carrier_of(run->ev->system, a->type);
    a->bytes = carrier_bytes(a->carrier);
    bool typed = run->ev->system == EVAL_TYPED;
    bool floats = a->carrier <= CARRIER_F32;
    a->fused = typed && floats && run->plan->product && a->st->order == ORDER_FMA;
    a->tree = typed && floats && (a->st->order == ORDER_TREE || a->st->order == ORDER_PAIRS) &&
              run->loops > 0 && run->lanes > 0;
    if (!run->by_reduction)
        return reduce_by_lanes(a);
    memset(run->loop_at, 0, sizeof run->loop_at);
    do {
        TRY(reduce_one(a));
    } while (next_point(run->n_loop_ranks, run->loop_extent, run->loop_at));
    return WEIR_OK;
}
