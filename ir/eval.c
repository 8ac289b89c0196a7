/*
 * ir/eval.c: a cascade, item by item: definitions, host operations, regions; storage by lifetime.
 *
 * Keep: an unwinding through the context's pad passes here, so that what the evaluation holds is released.
 */
#include "ir/eval.h"

#include <string.h>

#include "ir/eval_plan.h"

enum { PLAN_BYTES = 65536 };

/* ---- items ---- */

static weir_status run_item(Eval *ev, StatementId id);

static weir_status run_block_items(Eval *ev, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++)
        TRY(run_item(ev, block->at[i]));
    return WEIR_OK;
}

/* A bool without free ranks. */
static weir_status run_test(Eval *ev, StatementId id, bool *out_holds)
{
    Plan *plan = plan_value(ev, id);
    Run run;
    memset(&run, 0, offsetof(Run, coords));
    run.ev = ev;
    run.plan = plan;
    run.st = plan->st;
    run.lanes = run.loops = 1;
    TRY(run_bind(ev, plan, &run));
    run_block(&run, 0);
    TRY(run_instrs(&run, 0, plan->body_end, RUN_ALL));
    *out_holds = *(const uint8_t *)run.value[plan->body] != 0;
    return WEIR_OK;
}

/* Defines generation 0 of the rank. */
static bool is_start(const Eval *ev, const Statement *st, RankId rank)
{
    if (st->kind != ST_DEFINE)
        return false;
    const Target *target = &st->targets[0];
    const TensorDecl *decl = tensor_at(ev->cs, target->tensor);
    int64_t value;
    for (uint32_t d = 0; d < target->n_index && d < decl->n_dims; d++)
        if (rank_same(decl->dims[d].rank, rank) && expr_is_int(ev->cs, target->index[d], &value))
            return value == 0;
    return false;
}

static weir_status trip_count(Eval *ev, const Statement *st, int64_t *out_trips)
{
    int64_t bound = rank_at(ev->cs, st->rank)->extent;
    *out_trips = bound;
    if (st->trip.i != 0) {
        const Tensor *value;
        TRY(tensor_value(ev, st->trip, PART_VALUE, &value));
        *out_trips = dtype_load_i64(value->type, value->data, 0);
        if (value->type == DT_U64 && *out_trips < 0)
            *out_trips = INT64_MAX;
    } else if (st->trip_count_of.i != 0) {
        const Loop *loop = loop_of(ev, st->trip_count_of);
        if (loop == NULL)
            weir_bug(ev->cx, "count(%s) before its region", rank_name(ev->cs, st->trip_count_of));
        *out_trips = loop->count;
    }
    if (*out_trips < 0)
        *out_trips = 0;
    if (*out_trips > bound)
        return eval_trap(ev, st, "", "the trip count %lld exceeds its bound %lld", (long long)*out_trips,
                         (long long)bound);
    bool counted = st->trip.i != 0 || st->trip_count_of.i != 0 || st->access.i != 0;
    if (counted && (uint64_t)*out_trips > ev->cx->limits.steps) {
        diag(&ev->cx->diag, st->place, E_LIMIT, "steps of a loop", (long long)*out_trips,
             (long long)ev->cx->limits.steps, "--max-steps");
        return WEIR_LIMIT;
    }
    return WEIR_OK;
}

/* The loop's record: one a rank, also when an outer region repeats it. */
static uint32_t loop_record(Eval *ev, RankId rank)
{
    for (uint32_t i = 0; i < ev->loops.n; i++)
        if (rank_same(ev->loops.at[i].rank, rank))
            return i;
    vec_push(&ev->arena, &ev->loops, ((Loop){.rank = rank}));
    return ev->loops.n - 1;
}

static weir_status run_iterate(Eval *ev, StatementId id)
{
    const Statement *st = statement_at(ev->cs, id);
    int64_t trips;
    TRY(trip_count(ev, st, &trips));
    uint32_t number = loop_record(ev, st->rank);
    ev->loops.at[number] = (Loop){.rank = st->rank, .trips = trips, .active = true};
    for (uint32_t i = 0; i < st->body_items.n; i++)
        if (is_start(ev, statement_at(ev->cs, st->body_items.at[i]), st->rank))
            TRY(run_item(ev, st->body_items.at[i]));
    int64_t t = 0;
    for (; t < trips; t++) {
        ev->loops.at[number].at = t;
        bool goes_on = true;
        if (st->access.i != 0)
            TRY(run_test(ev, id, &goes_on));
        if (!goes_on)
            break;
        for (uint32_t i = 0; i < st->body_items.n; i++)
            if (!is_start(ev, statement_at(ev->cs, st->body_items.at[i]), st->rank))
                TRY(run_item(ev, st->body_items.at[i]));
    }
    Loop *loop = &ev->loops.at[number];
    loop->count = t;
    loop->at = t;
    loop->active = false;
    return WEIR_OK;
}

static weir_status run_if(Eval *ev, StatementId id)
{
    const Statement *st = statement_at(ev->cs, id);
    bool holds;
    TRY(run_test(ev, id, &holds));
    return run_block_items(ev, holds ? &st->body_items : &st->else_items);
}

static weir_status run_item(Eval *ev, StatementId id)
{
    switch (statement_at(ev->cs, id)->kind) {
    case ST_RANK:
    case ST_TENSOR:
        return WEIR_OK;
    case ST_DEFINE:
        return run_define(ev, id);
    case ST_HOST:
        return run_hostop(ev, id);
    case ST_ITERATE:
        return run_iterate(ev, id);
    case ST_IF:
        break;
    }
    return run_if(ev, id);
}

/* ---- lifetimes ---- */

/* For each tensor the top-level item that uses it last (its number + 1). */
typedef struct Lives {
    const Cascade *cs;
    uint32_t *last, item;
} Lives;

static void live_node(void *data, ExprId e)
{
    Lives *lives = data;
    const Expr *x = expr_at(lives->cs, e);
    if (x->kind == EX_ACCESS) {
        lives->last[x->tensor.i] = lives->item;
        if (x->pad == PAD_TENSOR)
            lives->last[x->pad_tensor.i] = lives->item;
    }
    if (x->kind == EX_EXTENT && rank_at(lives->cs, x->rank)->kind == RANK_SCALAR)
        lives->last[rank_at(lives->cs, x->rank)->scalar.i] = lives->item;
}

static void live_expr(void *data, ExprId e)
{
    expr_visit(((Lives *)data)->cs, e, live_node, data);
}

static void live_item(Lives *lives, StatementId id)
{
    const Statement *st = statement_at(lives->cs, id);
    for (uint32_t t = 0; t < st->n_targets; t++)
        lives->last[st->targets[t].tensor.i] = lives->item;
    for (uint32_t a = 0; a < st->n_args; a++)
        lives->last[st->args[a].tensor.i] = lives->item;
    if (st->trip.i != 0)
        lives->last[st->trip.i] = lives->item;
    statement_exprs(lives->cs, st, live_expr, lives);
    for (uint32_t i = 0; i < st->body_items.n; i++)
        live_item(lives, st->body_items.at[i]);
    for (uint32_t i = 0; i < st->else_items.n; i++)
        live_item(lives, st->else_items.at[i]);
}

static const uint32_t stays = UINT32_MAX;

/* Scalars that give extents stay: any tensor over the rank may ask for them. */
static uint32_t *find_lives(Eval *ev, const EvalOptions *options)
{
    Cascade *cs = ev->cs;
    Lives lives = {cs, ARENA_ARRAY(&ev->arena, uint32_t, cs->tensors.n), 0};
    for (uint32_t i = 0; i < cs->top.n; i++) {
        lives.item = i + 1;
        live_item(&lives, cs->top.at[i]);
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (tensor_at(cs, (TensorId){t})->is_out || tensor_at(cs, (TensorId){t})->role == TENSOR_IN || options->keep_all)
            lives.last[t] = stays;
    for (uint32_t w = 0; w < options->n_wanted; w++)
        lives.last[options->wanted[w].i] = stays;
    for (uint32_t r = 1; r < cs->ranks.n; r++)
        if (rank_at(cs, (RankId){r})->kind == RANK_SCALAR)
            lives.last[rank_at(cs, (RankId){r})->scalar.i] = stays;
    return lives.last;
}

/* ---- inputs and outputs ---- */

static weir_status check_input(Eval *ev, TensorId id)
{
    const TensorDecl *decl = tensor_at(ev->cs, id);
    Tensor *value = &ev->values[id.i];
    bool fits = value->data != NULL && value->type == decl->type && value->n_dims == decl->n_dims;
    for (uint32_t d = 0; fits && d < decl->n_dims; d++) {
        bool fixed = rank_at(ev->cs, decl->dims[d].rank)->kind == RANK_STATIC;
        fits = value->extent[d] >= 0 && value->extent[d] <= dim_extent(ev->cs, id, d) &&
               (!fixed || value->extent[d] == dim_extent(ev->cs, id, d));
    }
    if (fits) {
        value->writable = false;
        return WEIR_OK;
    }
    Place place = decl->place;
    diag(&ev->cx->diag, place, E_TRAP,
         arena_printf(&ev->cx->arena, "the value of input %s has another type or other extents", tensor_name(ev->cs, id)));
    return WEIR_INVALID;
}

/* A value as the caller gets it: its own storage, of the system's type, at its extents at run time. */
static weir_status finish_value(Eval *ev, TensorId id)
{
    const Statement none = {.kind = ST_RANK};
    const Tensor *read;
    Tensor *value = &ev->values[id.i];
    if (value->data == NULL && tensor_at(ev->cs, id)->role != TENSOR_CONST)
        return WEIR_OK; /* defined in an arm that was not taken, or never */
    TRY(tensor_value(ev, id, PART_VALUE, &read));
    Tensor copy = {.type = value->type, .n_dims = value->n_dims};
    DtypeKind kind = dtype_kind(value->type);
    if (ev->system == EVAL_REAL && (kind == DK_FLOAT || kind == DK_CODE))
        copy.type = DT_F64;
    TRY(logical_extents(ev, id, PART_VALUE, value, &none, copy.extent));
    bool same = memcmp(copy.extent, value->extent, copy.n_dims * sizeof *copy.extent) == 0;
    if (value->writable && same && copy.type == value->type)
        return WEIR_OK;
    copy = tensor_new(ev->cx, copy.type, copy.n_dims, copy.extent);
    int64_t at[TENSOR_MAX_DIMS] = {0};
    if (tensor_elements(&copy) != 0) {
        size_t to = 0;
        do {
            int64_t from = 0;
            for (uint32_t d = 0; d < copy.n_dims; d++)
                from = from * value->extent[d] + at[d];
            if (copy.type == value->type)
                memcpy((char *)copy.data + to * dtype_bytes(copy.type),
                       (const char *)value->data + (size_t)from * dtype_bytes(copy.type), dtype_bytes(copy.type));
            else
                dtype_store_f64(copy.type, copy.data, to, dtype_load_f64(value->type, value->data, (size_t)from));
            to++;
        } while (next_point(copy.n_dims, copy.extent, at));
    }
    if (value->writable)
        context_buffer_free(ev->cx, value->data);
    *value = copy;
    return WEIR_OK;
}

/* ---- entry points ---- */

static void plans_open(Eval *ev)
{
    arena_init(&ev->plan_arena);
    ev->plan_arena.block_bytes = PLAN_BYTES;
    ev->plan_arena.pad = ev->arena.pad;
    ev->plans = NULL;
    ev->n_plans = ev->n_plan_slots = 0;
}

static void eval_open(Eval *ev, Cascade *cs, EvalSystem system, Tensor *values)
{
    *ev = (Eval){.cs = cs, .cx = cs->cx, .system = system, .kernels = kernels_best(), .values = values};
    arena_init(&ev->arena);
    ev->arena.block_bytes = 4096;
    plans_open(ev);
}

static void scratch_free(Eval *ev, const Scratch *scratch)
{
    if (scratch->data != NULL)
        context_buffer_free(ev->cx, scratch->data);
}

static void eval_close(Eval *ev)
{
    scratch_free(ev, &ev->slots);
    scratch_free(ev, &ev->rows);
    for (uint32_t i = 0; i < ev->boxes.n; i++)
        scratch_free(ev, &ev->boxes.at[i]);
    for (uint32_t i = 0; i < ev->parts.n; i++) {
        if (ev->parts.at[i].tensor.i == 0)
            continue;
        context_buffer_free(ev->cx, ev->parts.at[i].q.data);
        context_buffer_free(ev->cx, ev->parts.at[i].scale.data);
        if (ev->parts.at[i].zero.data != NULL)
            context_buffer_free(ev->cx, ev->parts.at[i].zero.data);
    }
    arena_release(&ev->plan_arena);
    arena_release(&ev->arena);
}

/* Plans of top-level items are of no use again. */
static void plans_forget(Eval *ev)
{
    if (ev->plan_arena.used_bytes < PLAN_BYTES / 2)
        return;
    arena_release(&ev->plan_arena);
    plans_open(ev);
}

static weir_status eval_all(Eval *ev, const EvalOptions *options)
{
    Cascade *cs = ev->cs;
    uint32_t *last = find_lives(ev, options);
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (tensor_at(cs, (TensorId){t})->role == TENSOR_IN)
            TRY(check_input(ev, (TensorId){t}));
    uint32_t *next = ARENA_ARRAY(&ev->arena, uint32_t, cs->tensors.n);
    uint32_t *head = ARENA_ARRAY(&ev->arena, uint32_t, cs->top.n + 1);
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        if (last[t] == stays)
            continue;
        next[t] = head[last[t]];
        head[last[t]] = t;
    }
    for (uint32_t i = 0; i < cs->top.n; i++) {
        TRY(run_item(ev, cs->top.at[i]));
        plans_forget(ev);
        for (uint32_t t = head[i + 1]; t != 0; t = next[t])
            tensor_release(ev, (TensorId){t});
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *decl = tensor_at(cs, (TensorId){t});
        bool wanted = decl->is_out || (options->keep_all && decl->role != TENSOR_IN);
        for (uint32_t w = 0; w < options->n_wanted; w++)
            wanted = wanted || options->wanted[w].i == t;
        if (wanted)
            TRY(finish_value(ev, (TensorId){t}));
    }
    return WEIR_OK;
}

/* Runs `body` with a pad of its own, so that `ev` is closed however it ends. */
typedef weir_status (*EvalBody)(Eval *ev, const void *data);

static weir_status eval_guarded(Eval *ev, EvalBody body, const void *data)
{
    Arena *arena = &ev->cx->arena;
    jmp_buf pad;
    jmp_buf *outer = arena->pad;
    arena->pad = &pad;
    ev->arena.pad = ev->plan_arena.pad = &pad;
    int jumped = setjmp(pad);
    if (jumped == 0) {
        weir_status status = body(ev, data);
        arena->pad = outer;
        eval_close(ev);
        return status;
    }
    arena->pad = outer;
    eval_close(ev);
    arena_unwind(arena, (weir_status)jumped);
}

static weir_status all_body(Eval *ev, const void *data)
{
    return eval_all(ev, data);
}

weir_status eval_cascade(Cascade *cs, const EvalOptions *options, Tensor *values)
{
    Eval ev;
    eval_open(&ev, cs, options->system, values);
    return eval_guarded(&ev, all_body, options);
}

typedef struct Items {
    const StatementId *at;
    uint32_t n;
} Items;

static weir_status items_body(Eval *ev, const void *data)
{
    const Items *items = data;
    for (uint32_t i = 0; i < items->n; i++)
        TRY(run_item(ev, items->at[i]));
    for (uint32_t i = 0; i < items->n; i++) {
        const Statement *st = statement_at(ev->cs, items->at[i]);
        for (uint32_t t = 0; t < st->n_targets; t++)
            TRY(finish_value(ev, st->targets[t].tensor));
    }
    return WEIR_OK;
}

weir_status eval_items(Cascade *cs, EvalSystem system, const StatementId *items, uint32_t n, Tensor *values)
{
    Eval ev;
    Items list = {items, n};
    eval_open(&ev, cs, system, values);
    return eval_guarded(&ev, items_body, &list);
}

/* ---- rates ---- */

static double count_items(const Cascade *cs, const Block *block, double times)
{
    double macs = 0;
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(cs, block->at[i]);
        if (st->kind == ST_ITERATE || st->kind == ST_IF) {
            double steps = st->kind == ST_ITERATE ? (double)rank_at(cs, st->rank)->extent : 1;
            double then = count_items(cs, &st->body_items, times * steps), other = count_items(cs, &st->else_items, times);
            macs += then > other ? then : other;
            continue;
        }
        if (st->kind != ST_DEFINE || st->reduction != RED_SUM)
            continue;
        const Expr *body = expr_at(cs, st->body);
        if (body->kind != EX_CALL || body->fn != FN_MUL)
            continue;
        RankId ranks[CASCADE_MAX_RANKS];
        double points = times;
        uint32_t n = target_ranks(cs, st, ranks, CASCADE_MAX_RANKS);
        for (uint32_t r = 0; r < n; r++)
            points *= (double)rank_at(cs, ranks[r])->extent;
        macs += points;
    }
    return macs;
}

double cascade_macs(const Cascade *cs)
{
    return count_items(cs, &cs->top, 1);
}
