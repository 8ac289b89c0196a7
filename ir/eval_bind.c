/*
 * ir/eval_bind.c: a plan meets the extents and tensors of one run.
 *
 * Out:  for every access a pointer, a base and strides over the ranks of the run. An affine access that could leave
 *       its tensor, or whose elements are no values of its block, reads a copy of the box of elements it touches,
 *       padded and converted once; where the box is too large, lanes are checked one by one.
 */
#include <string.h>

#include "ir/eval_plan.h"

static int find_rank(uint32_t n, const RankId *ranks, RankId rank)
{
    for (uint32_t i = 0; i < n; i++)
        if (rank_same(ranks[i], rank))
            return (int)i;
    return -1;
}

/* Adds `factor` times an affine index to strides over the run's ranks; what is fixed to `constant`. */
static weir_status add_form(Run *run, const AffineIndex *form, int64_t factor, int64_t *constant, int64_t *lane,
                            int64_t *loop)
{
    *constant += factor * form->constant;
    for (uint32_t i = 0; i < form->n; i++) {
        int64_t stride = factor * form->coefficient[i];
        int at = find_rank(run->n_lane_ranks, run->lane_rank, form->rank[i]);
        if (at >= 0) {
            lane[at] += stride;
            continue;
        }
        at = find_rank(run->n_loop_ranks, run->loop_rank, form->rank[i]);
        if (at >= 0) {
            loop[at] += stride;
            continue;
        }
        const Loop *fixed = loop_of(run->ev, form->rank[i]);
        if (fixed == NULL)
            weir_bug(run->ev->cx, "rank %s is not bound", rank_name(run->ev->cs, form->rank[i]));
        *constant += stride * fixed->at;
    }
    return WEIR_OK;
}

/* Least and most value of a form over the whole space. */
static void form_range(const Run *run, int64_t constant, const int64_t *lane, const int64_t *loop, int64_t *out_least,
                       int64_t *out_most)
{
    *out_least = *out_most = constant;
    for (uint32_t i = 0; i < run->n_lane_ranks; i++)
        *(lane[i] < 0 ? out_least : out_most) += lane[i] * (run->lane_extent[i] < 1 ? 0 : run->lane_extent[i] - 1);
    for (uint32_t i = 0; i < run->n_loop_ranks; i++)
        *(loop[i] < 0 ? out_least : out_most) += loop[i] * (run->loop_extent[i] < 1 ? 0 : run->loop_extent[i] - 1);
}

static weir_status pad_value(Run *run, AccessPlan *access)
{
    Eval *ev = run->ev;
    const Expr *x = expr_at(ev->cs, access->expr);
    memset(access->pad, 0, sizeof access->pad);
    if (x->pad == PAD_LITERAL) {
        const Expr *literal = expr_at(ev->cs, x->pad_literal);
        if (literal->decimal || dtype_kind(literal->type) == DK_FLOAT || dtype_kind(literal->type) == DK_CODE)
            value_of_f64(ev->system, access->to, literal->f, access->pad);
        else
            value_of_i64(ev->system, access->to, literal->i, access->pad);
    } else if (x->pad == PAD_TENSOR) {
        const Tensor *value;
        TRY(tensor_value(ev, x->pad_tensor, PART_VALUE, &value));
        Dtype type = tensor_at(ev->cs, x->pad_tensor)->type;
        uint8_t block[8];
        if (block_native(ev->system, value->type, type))
            memcpy(block, value->data, dtype_bytes(value->type));
        else
            block_widen(ev->system, value->type, 1, value->data, block);
        if (type == access->to)
            memcpy(access->pad, block, sizeof block);
        else
            block_cast(ev->system, type, access->to, CAST_PLAIN, 1, block, access->pad);
    }
    return WEIR_OK;
}

/* The box of elements an access touches. */
typedef struct Box {
    uint32_t n;
    int64_t least[TENSOR_MAX_DIMS], extent[TENSOR_MAX_DIMS];
    int64_t lane[TENSOR_MAX_DIMS][CASCADE_MAX_RANKS], loop[TENSOR_MAX_DIMS][CASCADE_MAX_RANKS];
    bool inside;
    int64_t elements; /* -1: too many */
} Box;

static void load_row(Eval *ev, const AccessPlan *access, Dtype natural, int64_t offset, int64_t n, char *out)
{
    size_t bytes = dtype_bytes(access->stored), wide = carrier_bytes(carrier_of(ev->system, access->to));
    uint64_t block[EVAL_LANES];
    for (int64_t done = 0; done < n; done += EVAL_LANES) {
        uint32_t part = (uint32_t)(n - done < EVAL_LANES ? n - done : EVAL_LANES);
        const char *from = access->data + (size_t)(offset + done) * bytes;
        char *to = out + (size_t)done * wide;
        if (access->native) {
            memcpy(to, from, part * bytes);
        } else if (natural == access->to || carrier_of(ev->system, natural) == CARRIER_F64) {
            block_widen(ev->system, access->stored, part, from, to);
        } else {
            block_widen(ev->system, access->stored, part, from, block);
            block_cast(ev->system, natural, access->to, CAST_PLAIN, part, block, to);
        }
    }
}

static void box_copy(Run *run, AccessPlan *access, Dtype natural, const Box *box, char *out)
{
    size_t wide = carrier_bytes(carrier_of(run->ev->system, access->to));
    uint32_t last = box->n - 1;
    int64_t at[TENSOR_MAX_DIMS] = {0}, width = box->extent[last];
    int64_t left = box->least[last] < 0 ? -box->least[last] : 0;
    if (left > width)
        left = width;
    int64_t end = access->extent[last] - box->least[last];
    end = end < left ? left : end > width ? width : end;
    do {
        int64_t offset = (box->least[last] + left) * access->stride[last];
        bool inside = true;
        for (uint32_t d = 0; d < last; d++) {
            int64_t index = box->least[d] + at[d];
            inside = inside && index >= 0 && index < access->extent[d];
            offset += index * access->stride[d];
        }
        int64_t first = inside ? left : width, stop = inside ? end : width;
        for (int64_t i = 0; i < first; i++)
            memcpy(out + (size_t)i * wide, access->pad, wide);
        if (stop > first)
            load_row(run->ev, access, natural, offset, stop - first, out + (size_t)first * wide);
        for (int64_t i = stop; i < width; i++)
            memcpy(out + (size_t)i * wide, access->pad, wide);
        out += (size_t)width * wide;
    } while (next_point(last, box->extent, at));
}

/* Strides over the ranks of the run from strides of the dimensions. */
static void set_strides(Run *run, AccessPlan *access, const Box *box, const int64_t *stride, bool relative)
{
    access->base = 0;
    memset(access->lane, 0, sizeof access->lane);
    memset(access->loop, 0, sizeof access->loop);
    for (uint32_t d = 0; d < access->n_dims; d++) {
        access->base += stride[d] * (access->constant[d] - (relative ? box->least[d] : 0));
        for (uint32_t i = 0; i < run->n_lane_ranks; i++)
            access->lane[i] += stride[d] * box->lane[d][i];
        for (uint32_t i = 0; i < run->n_loop_ranks; i++)
            access->loop[i] += stride[d] * box->loop[d][i];
    }
}

static weir_status make_box(Run *run, AccessPlan *access, Box *box)
{
    memset(box, 0, sizeof *box);
    box->n = access->n_dims;
    box->inside = true;
    box->elements = 1;
    for (uint32_t d = 0; d < access->n_dims; d++) {
        int64_t most;
        access->constant[d] = 0;
        TRY(add_form(run, &access->affine[d], 1, &access->constant[d], box->lane[d], box->loop[d]));
        form_range(run, access->constant[d], box->lane[d], box->loop[d], &box->least[d], &most);
        box->extent[d] = most - box->least[d] + 1;
        if (box->least[d] < 0 || most >= access->extent[d])
            box->inside = false;
        if (box->elements >= 0 && __builtin_mul_overflow(box->elements, box->extent[d], &box->elements))
            box->elements = -1;
    }
    return WEIR_OK;
}

static bool is_static(const Cascade *cs, TensorId tensor)
{
    const TensorDecl *decl = tensor_at(cs, tensor);
    for (uint32_t d = 0; d < decl->n_dims; d++)
        if (rank_at(cs, decl->dims[d].rank)->kind != RANK_STATIC)
            return false;
    return true;
}

static bool runs_statically(const Run *run)
{
    for (uint32_t i = 0; i < run->n_lane_ranks; i++)
        if (rank_at(run->ev->cs, run->lane_rank[i])->kind != RANK_STATIC)
            return false;
    for (uint32_t i = 0; i < run->n_loop_ranks; i++)
        if (rank_at(run->ev->cs, run->loop_rank[i])->kind != RANK_STATIC)
            return false;
    return true;
}

static weir_status bind_tensor(Run *run, AccessPlan *access)
{
    const Tensor *value;
    TRY(tensor_value(run->ev, access->tensor, access->part, &value));
    if (value->n_dims != access->n_dims)
        weir_bug(run->ev->cx, "%s has %u dimensions", tensor_name(run->ev->cs, access->tensor), value->n_dims);
    TRY(logical_extents(run->ev, access->tensor, access->part, value, run->st, access->extent));
    int64_t stride = 1;
    for (uint32_t d = access->n_dims; d-- > 0;) {
        access->stride[d] = stride;
        stride *= value->extent[d];
    }
    access->data = value->data;
    access->stored = value->type;
    return WEIR_OK;
}

static Dtype natural_type(const Run *run, const AccessPlan *access)
{
    if (access->part == PART_SCALE)
        return DT_F32;
    return access->part == PART_VALUE ? tensor_at(run->ev->cs, access->tensor)->type : DT_I32;
}

static weir_status bind_load(Run *run, uint32_t number, AccessPlan *access)
{
    Eval *ev = run->ev;
    TRY(bind_tensor(run, access));
    Dtype natural = natural_type(run, access);
    access->native = block_native(ev->system, access->stored, access->to);
    access->checked = false;
    Box box;
    TRY(make_box(run, access, &box));
    int64_t points = run->lanes * run->loops;
    bool has_pad = expr_at(ev->cs, access->expr)->pad != PAD_NONE;
    bool proven = has_pad || (run->st->condition.i != 0 && is_static(ev->cs, access->tensor) && runs_statically(run));
    bool often = run->n_loop_ranks != 0 || run->by_reduction;
    bool copy = box.inside ? !access->native && often && box.elements <= points / 2 : proven;
    if (box.elements < 0 || box.elements > 2 * points + 4096 || access->n_dims == 0)
        copy = false;
    set_strides(run, access, &box, access->stride, false);
    if (box.inside && !copy)
        return WEIR_OK;
    TRY(pad_value(run, access));
    if (!copy) {
        access->checked = true;
        run->plan->needs_coords = true;
        return WEIR_OK;
    }
    while (ev->boxes.n <= number)
        vec_push(&ev->arena, &ev->boxes, ((Scratch){NULL, 0}));
    size_t wide = carrier_bytes(carrier_of(ev->system, access->to));
    char *room = scratch_bytes(ev, &ev->boxes.at[number], arena_array_bytes(&ev->cx->arena, (size_t)box.elements, wide));
    box_copy(run, access, natural, &box, room);
    int64_t stride[TENSOR_MAX_DIMS], step = 1;
    for (uint32_t d = access->n_dims; d-- > 0;) {
        stride[d] = step;
        step *= box.extent[d];
    }
    set_strides(run, access, &box, stride, true);
    access->data = room;
    access->native = true;
    return WEIR_OK;
}

static weir_status bind_target(Run *run, AccessPlan *target)
{
    const Tensor *value = &run->ev->values[target->tensor.i];
    target->data = value->data;
    target->stored = value->type;
    int64_t stride = 1;
    Box box;
    for (uint32_t d = target->n_dims; d-- > 0;) {
        target->stride[d] = stride;
        target->extent[d] = value->extent[d];
        stride *= value->extent[d];
    }
    TRY(make_box(run, target, &box));
    if (!box.inside && run->lanes != 0 && run->loops != 0)
        weir_bug(run->ev->cx, "%s is written outside", tensor_name(run->ev->cs, target->tensor));
    set_strides(run, target, &box, target->stride, false);
    return WEIR_OK;
}

/* ---- which instructions depend on the loops ---- */

static bool access_varies(const Run *run, const AccessPlan *access)
{
    if (access->checked) {
        for (uint32_t d = 0; d < access->n_dims; d++)
            for (uint32_t i = 0; i < access->affine[d].n; i++)
                if (find_rank(run->n_loop_ranks, run->loop_rank, access->affine[d].rank[i]) >= 0)
                    return true;
        return run->plan->condition != 0;
    }
    for (uint32_t i = 0; i < run->n_loop_ranks; i++)
        if (access->loop[i] != 0)
            return true;
    return false;
}

static void mark_varying(Run *run)
{
    Plan *plan = run->plan;
    for (uint32_t i = 0; i < plan->instrs.n; i++) {
        Instr *instr = &plan->instrs.at[i];
        instr->varies = false;
        for (uint32_t k = 0; k < instr->n_args; k++)
            instr->varies = instr->varies || plan->instrs.at[instr->arg[k]].varies;
        if (instr->op == OP_COORD)
            instr->varies = find_rank(run->n_loop_ranks, run->loop_rank, instr->rank) >= 0;
        if (instr->op == OP_LOAD)
            instr->varies = access_varies(run, &plan->access.at[instr->access]);
        if (instr->op != OP_GATHER)
            continue;
        AccessPlan *access = &plan->access.at[instr->access];
        instr->varies = plan->condition != 0 && i >= plan->condition_end;
        for (uint32_t d = 0; d < access->n_dims; d++)
            instr->varies = instr->varies || plan->instrs.at[access->index[d]].varies;
    }
}

/* ---- fewer ranks ---- */

/* Joins neighbouring lane ranks where every access walks them as one. */
static void join_lanes(Run *run)
{
    Plan *plan = run->plan;
    uint32_t n = run->n_lane_ranks;
    for (uint32_t i = n; i-- > 1;) {
        bool same = true;
        for (uint32_t a = 0; same && a < plan->access.n; a++) {
            AccessPlan *access = &plan->access.at[a];
            same = access->lane[i - 1] == access->lane[i] * run->lane_extent[i];
        }
        if (!same)
            continue;
        run->lane_extent[i - 1] *= run->lane_extent[i];
        for (uint32_t a = 0; a < plan->access.n; a++) {
            int64_t *lane = plan->access.at[a].lane;
            lane[i - 1] = lane[i];
            memmove(lane + i, lane + i + 1, (n - i - 1) * sizeof *lane);
        }
        memmove(run->lane_extent + i, run->lane_extent + i + 1, (n - i - 1) * sizeof *run->lane_extent);
        n--;
    }
    run->n_lane_ranks = n;
}

static weir_status bind_tests(Run *run)
{
    for (uint32_t t = 0; t < run->plan->n_tests; t++) {
        Inequality *test = &run->plan->tests[t];
        test->constant = 0;
        memset(test->lane, 0, sizeof test->lane);
        memset(test->loop, 0, sizeof test->loop);
        TRY(add_form(run, &test->form, 1, &test->constant, test->lane, test->loop));
    }
    return WEIR_OK;
}

static weir_status bind_scalar(Run *run, const Instr *instr, int64_t *out)
{
    const Loop *loop = loop_of(run->ev, instr->rank);
    if (instr->scalar == EX_EXTENT) {
        if (rank_at(run->ev->cs, instr->rank)->kind != RANK_ITERATIVE)
            return eval_rank_extent(run->ev, instr->rank, run->st, out);
        *out = rank_at(run->ev->cs, instr->rank)->extent;
        return WEIR_OK;
    }
    if (loop == NULL)
        weir_bug(run->ev->cx, "rank %s is not bound", rank_name(run->ev->cs, instr->rank));
    *out = instr->scalar == EX_COUNT ? loop->count : loop->at;
    return WEIR_OK;
}

/* Blocks of instructions; what has one value a run is filled in here. */
static weir_status bind_instrs(Run *run)
{
    Plan *plan = run->plan;
    EvalSystem system = run->ev->system;
    uint32_t most = run->lanes > EVAL_LANES ? EVAL_LANES : run->lanes < 1 ? 1 : (uint32_t)run->lanes;
    run->slot_bytes = (most * sizeof(int64_t) + 63) / 64 * 64;
    uint32_t blocks = plan->instrs.n + run->n_lane_ranks + plan->access.n;
    size_t pointers = (plan->instrs.n * sizeof(void *) + 63) / 64 * 64;
    char *room = scratch_bytes(run->ev, &run->ev->slots, pointers + (size_t)blocks * run->slot_bytes);
    run->value = (void **)(void *)room;
    run->slots = room + pointers;
    for (uint32_t i = 0; i < plan->instrs.n; i++) {
        const Instr *instr = &plan->instrs.at[i];
        void *block = run->slots + (size_t)i * run->slot_bytes;
        run->value[i] = block;
        if (instr->op != OP_CONST && instr->op != OP_EXTENT)
            continue;
        uint8_t one[8] = {0};
        int64_t value = instr->i;
        bool decimal = instr->op == OP_CONST && carrier_of(system, instr->type) <= CARRIER_F32;
        if (instr->op == OP_EXTENT)
            TRY(bind_scalar(run, instr, &value));
        if (decimal)
            value_of_f64(system, instr->type, instr->f, one);
        else
            value_of_i64(system, instr->type, value, one);
        block_fill(carrier_bytes(carrier_of(system, instr->type)), most, one, block);
    }
    for (uint32_t r = 0; r < run->n_lane_ranks; r++)
        run->coords[r] = (int64_t *)(void *)(run->slots + (size_t)(plan->instrs.n + r) * run->slot_bytes);
    char *offsets = run->slots + (size_t)(plan->instrs.n + run->n_lane_ranks) * run->slot_bytes;
    for (uint32_t a = 0; a < plan->access.n; a++)
        plan->access.at[a].offsets = (int64_t *)(void *)(offsets + (size_t)a * run->slot_bytes);
    return WEIR_OK;
}

weir_status run_bind(Eval *ev, Plan *plan, Run *run)
{
    run->ev = ev;
    run->plan = plan;
    run->mask = NULL;
    for (uint32_t a = 0; a < plan->access.n; a++) {
        AccessPlan *access = &plan->access.at[a];
        access->filled = -1;
        if (a == plan->target)
            TRY(bind_target(run, access));
        else if (access->index == NULL)
            TRY(bind_load(run, a, access));
        else {
            TRY(bind_tensor(run, access));
            access->native = block_native(ev->system, access->stored, access->to);
            TRY(pad_value(run, access));
        }
    }
    TRY(bind_tests(run));
    mark_varying(run);
    if (!plan->needs_coords)
        join_lanes(run);
    return bind_instrs(run);
}
