/*
 * frontend/lower/loop.c: Loop and Scan as `iterate` regions: carried values become tensors with a generation a step,
 * scan outputs a row a step.
 *
 * Keep: a body whose shapes depend on the step (or whose carried values change shape) is unrolled when the trip count
 *       is known; otherwise it is refused.
 */
#include <string.h>

#include "frontend/lower/control.h"
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"
#include "frontend/lower/region.h"

enum { MOST_UNROLLED = 1024 };

typedef struct Loop {
    const Graph *body;
    uint32_t n_states, n_scans;        /* carried values; scan outputs */
    uint32_t first_state;              /* of the body's inputs */
    uint32_t first_out;                /* of the body's outputs: 1 after a condition */
    Operand **states;                  /* initial values, then of the unrolled step */
    int64_t bound;
    bool has_bound;
    TensorId trip;                     /* the trip count, if the run decides it */
    RankId t;
    TensorId *carried, *rows, condition;
    Operand **results;                 /* of the body */
} Loop;

/* Everything that is not bound yet: what a loop's results may depend on. */
static const uint64_t *depends_all(Walk *w)
{
    uint64_t *all = ARENA_ARRAY(&w->cx->arena, uint64_t, w->dependency_words);
    bool any = false;
    for (uint32_t i = 0; i < w->n_graph_inputs; i++) {
        uint64_t bit = (uint64_t)1 << (i % 64);
        if ((w->bound[i / 64] & bit) == 0) {
            all[i / 64] |= bit;
            any = true;
        }
    }
    return any ? all : NULL;
}

/* State k as the body reads it: a copy of generation t. */
static weir_status state_in_body(Lowering *l, const Loop *loop, uint32_t k, Operand **out)
{
    Ranks ranks;
    ranks_of(l, loop->states[k], &ranks);
    loop->carried[k] = carried(l, "_state", loop->states[k]->type, loop->t, true, &ranks);
    define_carried(l, loop->carried[k], num(l, 0), at_ranks(l, loop->states[k], ranks.at));
    TRY(temporary(l, "_in", loop->states[k]->type, &ranks, out));
    define(l, *out, at_carried(l, loop->carried[k], rk(l, loop->t), ranks.at));
    (*out)->depends = depends_all(l->w);
    return WEIR_OK;
}

static bool same_extent(const Lowering *l, const Operand *a, uint32_t i, const Operand *b, uint32_t k)
{
    Scalar x = extent_scalar(l, a, i), y = extent_scalar(l, b, k);
    return scalar_same(l, &x, &y);
}

static weir_status next_state(Lowering *l, const Loop *loop, uint32_t k)
{
    Operand *value = loop->results[loop->first_out + k], *state = loop->states[k];
    bool same = value->type == state->type && value->n_dims == state->n_dims;
    for (uint32_t d = 0; same && d < state->n_dims; d++)
        same = same_extent(l, value, d, state, d);
    if (!same)
        return unsupported(l, "carried value %u changes from %s to %s", k, shape_text(l, state), shape_text(l, value));
    Ranks ranks;
    ranks_of(l, state, &ranks);
    define_carried(l, loop->carried[k], next_step(l, loop->t), at_ranks(l, value, ranks.at));
    return WEIR_OK;
}

/* Whether a rank is one of those before the loop: the step's own have the loop's number or more. */
static bool outside_loop(const Loop *loop, RankId rank)
{
    return rank.i < loop->t.i;
}

static weir_status scan_row(Lowering *l, const Loop *loop, uint32_t k)
{
    Operand *value = loop->results[loop->first_out + loop->n_states + k];
    Ranks ranks;
    TRY(want_rank(l, value, 0, MAX_DIMS - 1));
    for (uint32_t d = 0; d < value->n_dims; d++) {
        Scalar extent = extent_scalar(l, value, d);
        if (!scalar_known(&extent) && !outside_loop(loop, dim_rank(l, value, d)))
            return unsupported(l, "dimension %u of scan output %u has an extent that each step decides", d, k);
    }
    ranks_of(l, value, &ranks);
    loop->rows[k] = carried(l, "_rows", value->type, loop->t, false, &ranks);
    define_carried(l, loop->rows[k], rk(l, loop->t), at_ranks(l, value, ranks.at));
    return WEIR_OK;
}

static weir_status final_states(Lowering *l, const Loop *loop)
{
    for (uint32_t k = 0; k < loop->n_states; k++) {
        Operand *y;
        Ranks ranks;
        if (!out_wanted(l, k))
            continue;
        ranks_of(l, loop->states[k], &ranks);
        TRY(output(l, k, loop->states[k]->type, &ranks, &y));
        define(l, y, at_carried(l, loop->carried[k], ex_count(l->cs, loop->t), ranks.at));
        y->depends = depends_all(l->w);
    }
    return WEIR_OK;
}

/* Scan output k: its rows with the step at `axis`, the last first if `backward`. */
static weir_status rows_out(Lowering *l, const Loop *loop, uint32_t k, RankId step, uint32_t axis, bool backward)
{
    const TensorDecl *rows = tensor_at(l->cs, loop->rows[k]);
    uint32_t rest = rows->n_dims - 1;
    Ranks ranks = {0};
    RankId own[MAX_DIMS];
    Operand *y;
    Dtype type = rows->type;
    for (uint32_t d = 0; d < rest; d++)
        own[d] = rows->dims[d + 1].rank;
    for (uint32_t d = 0; d <= rest; d++)
        ranks_add(&ranks, d == axis ? step : own[d < axis ? d : d - 1]);
    TRY(output(l, loop->n_states + k, type, &ranks, &y));
    ExprId at = backward ? ex2(l, FN_SUB, num(l, loop->bound - 1), rk(l, step)) : rk(l, step);
    define(l, y, at_carried(l, loop->rows[k], at, own));
    y->depends = depends_all(l->w);
    return WEIR_OK;
}

/* ---- Loop ---- */

static bool true_constant(const Operand *op)
{
    return op->value != NULL && dtype_load_i64(DT_BOOL, op->value->data, 0) != 0;
}

static ExprId scalar_at(Lowering *l, Operand *op)
{
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        zero[d] = num(l, 0);
    return at_index(l, op, zero);
}

/* The statements of one step; `*out_while`: whether the condition can end the loop. */
static weir_status loop_body(Lowering *l, Loop *loop, bool *out_while)
{
    Operand **inputs = ARENA_ARRAY(&l->cx->arena, Operand *, loop->body->n_inputs);
    Operand *condition = input(l, 1);
    Ranks none = {0};
    TRY(temporary(l, "_step", DT_I64, &none, &inputs[0]));
    define(l, inputs[0], ex_index(l->cs, loop->t));
    Tensor *yes = ARENA_NEW(&l->cx->arena, Tensor);
    *yes = (Tensor){.type = DT_BOOL, .data = arena_copy(&l->cx->arena, "\1", 1)};
    inputs[1] = operand_constant(l->w, l->provenance, yes); /* true in every step that runs */
    inputs[0]->depends = NULL;
    for (uint32_t k = 0; k < loop->n_states; k++)
        TRY(state_in_body(l, loop, k, &inputs[2 + k]));
    TRY(walk_subgraph(l, loop->body, loop->body->n_inputs, inputs, loop->results));
    for (uint32_t k = 0; k < loop->n_states; k++)
        TRY(next_state(l, loop, k));
    for (uint32_t k = 0; k < loop->n_scans; k++)
        TRY(scan_row(l, loop, k));
    Operand *go = loop->results[0];
    if (go->type != DT_BOOL || count_of(go) != 1)
        return invalid(l, "the body's condition must be one bool, not %s", shape_text(l, go));
    *out_while = !true_constant(go) || (condition != NULL && !true_constant(condition));
    if (!*out_while)
        return WEIR_OK;
    loop->condition = carried(l, "_go", DT_BOOL, loop->t, true, &none);
    define_carried(l, loop->condition, num(l, 0), condition == NULL ? lit(l, DT_BOOL, 1) : scalar_at(l, condition));
    define_carried(l, loop->condition, next_step(l, loop->t), scalar_at(l, go));
    return WEIR_OK;
}

static weir_status no_bound(Lowering *l)
{
    diag(&l->cx->diag, node_place(l), E_NEEDS_TRIPS, cx_text(l->cx, l->provenance));
    diag_note(&l->cx->diag, "bound it: %s", option_text(l->cx, "dim", cx_text(l->cx, l->provenance), "N"));
    return WEIR_UNSUPPORTED;
}

static weir_status as_region(Lowering *l, Loop *loop)
{
    bool stops = false;
    if (!loop->has_bound)
        return no_bound(l);
    loop->t = iterate_open(l, loop->bound);
    weir_status status = loop_body(l, loop, &stops);
    if (status != WEIR_OK) {
        cascade_close(l->cs);
        return status;
    }
    ExprId t = rk(l, loop->t);
    iterate_close(l, loop->t, loop->trip, stops ? ex_access(l->cs, loop->condition, 1, &t) : (ExprId){0});
    TRY(final_states(l, loop));
    for (uint32_t k = 0; k < loop->n_scans; k++) {
        if (!out_wanted(l, loop->n_states + k))
            continue;
        RankId step;
        if (stops || loop->trip.i != 0) {
            Rank rank = {.name = cascade_fresh_name(l->cs, "s"), .kind = RANK_COUNT, .extent = loop->bound,
                         .count_of = loop->t};
            step = cascade_add_rank(l->cs, rank);
            cascade_item_rank(l->cs, step);
        } else {
            step = new_rank(l, "s", loop->bound);
        }
        TRY(rows_out(l, loop, k, step, 0, false));
    }
    return WEIR_OK;
}

/* Stacks the rows of an unrolled scan output. */
static weir_status stack_rows(Lowering *l, uint32_t k, int64_t n, Operand *const *rows)
{
    Ranks ranks = {0};
    Operand *y;
    if (n == 0)
        return unsupported(l, "a loop of no steps with scan outputs");
    ranks_add(&ranks, new_rank(l, "s", n));
    for (uint32_t d = 0; d < rows[0]->n_dims; d++)
        ranks_add_distinct(l, &ranks, dim_rank(l, rows[0], d), "d", rows[0]->extent[d]);
    TRY(output(l, k, rows[0]->type, &ranks, &y));
    declare_line(l, y);
    for (int64_t i = 0; i < n; i++) {
        ExprId to[MAX_DIMS + 1] = {num(l, i)};
        if (rows[i]->n_dims != rows[0]->n_dims || memcmp(rows[i]->extent, rows[0]->extent, sizeof rows[0]->extent) != 0)
            return unsupported(l, "a scan output changes its shape");
        for (uint32_t d = 1; d < ranks.n; d++)
            to[d] = rk(l, ranks.at[d]);
        define_at(l, y, to, at_ranks(l, rows[i], ranks.at + 1));
    }
    return WEIR_OK;
}

/* Step by step, as long as the condition is known. */
static weir_status unrolled(Lowering *l, Loop *loop, int64_t most)
{
    Arena *arena = &l->cx->arena;
    Operand **inputs = ARENA_ARRAY(arena, Operand *, loop->body->n_inputs);
    Operand ***rows = ARENA_ARRAY(arena, Operand **, loop->n_scans);
    for (uint32_t k = 0; k < loop->n_scans; k++)
        rows[k] = ARENA_ARRAY(arena, Operand *, (size_t)most);
    Operand *go = input(l, 1);
    const Tensor *first;
    int64_t n = 0;
    if (go != NULL)
        TRY(value_of(l, go, &first));
    while (n < most && (go == NULL || true_constant(go))) {
        Tensor *step = ARENA_NEW(arena, Tensor), *yes = ARENA_NEW(arena, Tensor);
        *step = (Tensor){.type = DT_I64, .data = arena_copy(arena, &n, sizeof n)};
        *yes = (Tensor){.type = DT_BOOL, .data = arena_copy(arena, "\1", 1)};
        inputs[0] = operand_constant(l->w, l->provenance, step);
        inputs[1] = operand_constant(l->w, l->provenance, yes);
        memcpy(inputs + 2, loop->states, loop->n_states * sizeof *inputs);
        TRY(walk_subgraph(l, loop->body, loop->body->n_inputs, inputs, loop->results));
        go = loop->results[0];
        if (go->value == NULL || go->type != DT_BOOL || count_of(go) != 1)
            return unsupported(l, "the loop's end is known only at run time, but its shapes depend on the step");
        memcpy(loop->states, loop->results + 1, loop->n_states * sizeof *loop->states);
        for (uint32_t k = 0; k < loop->n_scans; k++)
            rows[k][n] = loop->results[1 + loop->n_states + k];
        n++;
    }
    for (uint32_t k = 0; k < loop->n_states; k++)
        output_alias(l, k, loop->states[k]);
    for (uint32_t k = 0; k < loop->n_scans; k++)
        if (out_wanted(l, loop->n_states + k))
            TRY(stack_rows(l, loop->n_states + k, n, rows[k]));
    return WEIR_OK;
}

/* A trip count that the run decides: its bound follows from what it is computed from, or is given. */
static weir_status runtime_trip(Lowering *l, Loop *loop, Operand *trip)
{
    Scalar n;
    TRY(scalar_of(l, trip, &n));
    bool finite = n.high <= (double)l->cx->limits.steps;
    if (!loop->has_bound && !finite && trip->depends != NULL && want_by_value(l->w, trip->depends))
        return WEIR_UNSUPPORTED; /* lowered again with these inputs bound */
    if (!loop->has_bound || (finite && (int64_t)n.high < loop->bound))
        loop->bound = !finite ? 0 : n.high < 0 ? 0 : (int64_t)n.high;
    if (!loop->has_bound && !finite && loop->n_scans == 0) {
        loop->bound = (int64_t)l->cx->limits.steps;
        finite = true;
    }
    loop->has_bound = loop->has_bound || finite;
    Operand *scalar;
    Ranks none = {0};
    TRY(temporary(l, "_trips", DT_I64, &none, &scalar));
    define(l, scalar, at_scalar(l, trip));
    loop->trip = scalar->tensor;
    return WEIR_OK;
}

static weir_status loop_bound(Lowering *l, Loop *loop)
{
    Operand *trip = input(l, 0);
    for (uint32_t i = 0; i < l->w->options->n_dims; i++) {
        if (!name_is(l->w->options->dims[i].name, l->provenance))
            continue;
        loop->bound = l->w->options->dims[i].extent;
        loop->has_bound = true;
    }
    if (trip == NULL)
        return WEIR_OK;
    const Tensor *value = trip->value;
    if (!dtype_is_int(trip->type) || count_of(trip) != 1)
        return invalid(l, "the trip count must be one integer, not %s", shape_text(l, trip));
    if (value == NULL && trip->depends != NULL && switches(l->w, trip->depends))
        TRY(value_of(l, trip, &value)); /* lowered again with these inputs bound */
    if (value == NULL)
        return runtime_trip(l, loop, trip);
    int64_t n = dtype_load_i64(trip->type, value->data, 0);
    n = n < 0 ? 0 : n;
    if (loop->has_bound && loop->bound < n)
        return WEIR_OK;
    loop->has_bound = loop->n_scans == 0 || n <= (int64_t)l->cx->limits.steps;
    loop->bound = n <= (int64_t)l->cx->limits.steps ? n : (int64_t)l->cx->limits.steps;
    return WEIR_OK;
}

static Operand **allocate(Lowering *l, uint32_t n)
{
    return ARENA_ARRAY(&l->cx->arena, Operand *, n);
}

static weir_status body_of(Lowering *l, Loop *loop)
{
    const Attribute *a = attr(l, "body");
    if (a == NULL || a->graph == NULL)
        return invalid(l, "attribute 'body' is missing");
    loop->body = a->graph;
    loop->results = allocate(l, a->graph->n_outputs);
    loop->carried = ARENA_ARRAY(&l->cx->arena, TensorId, loop->n_states);
    loop->states = allocate(l, loop->n_states);
    return WEIR_OK;
}

weir_status lower_loop(Lowering *l)
{
    Loop loop = {.n_states = l->n_in < 2 ? 0 : l->n_in - 2, .first_state = 2, .first_out = 1};
    TRY(body_of(l, &loop));
    if (loop.body->n_inputs != loop.n_states + 2 || loop.body->n_outputs < loop.n_states + 1 ||
        l->node->n_outputs > loop.body->n_outputs - 1)
        return invalid(l, "the body has %u inputs and %u outputs for %u carried values", loop.body->n_inputs,
                       loop.body->n_outputs, loop.n_states);
    loop.n_scans = loop.body->n_outputs - 1 - loop.n_states;
    loop.rows = ARENA_ARRAY(&l->cx->arena, TensorId, loop.n_scans);
    for (uint32_t k = 0; k < loop.n_states; k++) {
        loop.states[k] = l->in[k + 2];
        if (loop.states[k] == NULL)
            return invalid(l, "carried value %u is missing", k);
    }
    Operand *condition = input(l, 1);
    if (condition != NULL && (condition->type != DT_BOOL || count_of(condition) != 1))
        return invalid(l, "the condition must be one bool, not %s", shape_text(l, condition));
    TRY(loop_bound(l, &loop));
    uint32_t mark = l->cx->diag.list.n;
    weir_status status = as_region(l, &loop);
    if (status != WEIR_UNSUPPORTED || !loop.has_bound || loop.trip.i != 0 || loop.bound > MOST_UNROLLED || any_wanted(l->w))
        return status;
    diagnostics_cut(&l->cx->diag, mark);
    memset(l->out, 0, l->n_out * sizeof *l->out);
    for (uint32_t k = 0; k < loop.n_states; k++)
        loop.states[k] = l->in[k + 2];
    return unrolled(l, &loop, loop.bound);
}

/* ---- Scan ---- */

typedef struct ScanForm {
    uint32_t n_inputs; /* scanned */
    uint32_t axis[MAX_DIMS * 4];
    bool backward[MAX_DIMS * 4];
} ScanForm;

static weir_status scan_lists(Lowering *l, uint32_t n, const char *axes, const char *directions, ScanForm *form)
{
    Ints a = attr_ints(l, axes), d = attr_ints(l, directions);
    if (n > sizeof form->axis / sizeof *form->axis)
        return unsupported(l, "%u scanned values", n);
    if ((a.n != 0 && a.n != n) || (d.n != 0 && d.n != n))
        return invalid(l, "'%s' or '%s' has not %u entries", axes, directions, n);
    for (uint32_t k = 0; k < n; k++) {
        form->axis[k] = 0;
        form->backward[k] = d.n != 0 && d.at[k] != 0;
    }
    form->n_inputs = n;
    return WEIR_OK;
}

static weir_status scan_inputs(Lowering *l, Loop *loop, ScanForm *form)
{
    Ints axes = attr_ints(l, "scan_input_axes");
    const char *directions = attr(l, "directions") != NULL ? "directions" : "scan_input_directions"; /* of version 8 */
    TRY(scan_lists(l, form->n_inputs, "scan_input_axes", directions, form));
    for (uint32_t k = 0; k < form->n_inputs; k++) {
        Operand *x = l->in[loop->n_states + k];
        if (x == NULL)
            return invalid(l, "scanned input %u is missing", k);
        TRY(want_rank(l, x, 1, MAX_DIMS));
        TRY(want_static(l, x));
        TRY(axis_of(l, axes.n == 0 ? 0 : axes.at[k], x->n_dims, &form->axis[k]));
        if (k != 0 && x->extent[form->axis[k]] != loop->bound)
            return invalid(l, "the scanned inputs have different lengths");
        loop->bound = x->extent[form->axis[k]];
    }
    return WEIR_OK;
}

/* Row t of a scanned input. */
static weir_status row_in_body(Lowering *l, const Loop *loop, Operand *x, uint32_t axis, bool backward, Operand **out)
{
    Ranks own, ranks = {0};
    ExprId index[MAX_DIMS];
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < own.n; d++)
        if (d != axis)
            ranks_add(&ranks, own.at[d]);
    TRY(temporary(l, "_row", x->type, &ranks, out));
    for (uint32_t d = 0; d < own.n; d++)
        index[d] = rk(l, own.at[d]);
    ExprId t = rk(l, loop->t);
    index[axis] = backward ? ex2(l, FN_SUB, num(l, loop->bound - 1), t) : t;
    define(l, *out, ex_access(l->cs, tensor_of(l, x), own.n, index));
    (*out)->depends = x->depends;
    return WEIR_OK;
}

static weir_status scan_body(Lowering *l, Loop *loop, const ScanForm *form)
{
    Operand **inputs = allocate(l, loop->body->n_inputs);
    for (uint32_t k = 0; k < loop->n_states; k++)
        TRY(state_in_body(l, loop, k, &inputs[k]));
    for (uint32_t k = 0; k < form->n_inputs; k++)
        TRY(row_in_body(l, loop, l->in[loop->n_states + k], form->axis[k], form->backward[k],
                        &inputs[loop->n_states + k]));
    TRY(walk_subgraph(l, loop->body, loop->body->n_inputs, inputs, loop->results));
    for (uint32_t k = 0; k < loop->n_states; k++)
        TRY(next_state(l, loop, k));
    for (uint32_t k = 0; k < loop->n_scans; k++)
        TRY(scan_row(l, loop, k));
    return WEIR_OK;
}

/* Batch b of an operand. */
static weir_status batch_of(Lowering *l, Operand *x, int64_t b, Operand **out)
{
    Ranks own, ranks = {0};
    ExprId index[MAX_DIMS] = {num(l, b)};
    ranks_of(l, x, &own);
    for (uint32_t d = 1; d < own.n; d++) {
        ranks_add(&ranks, own.at[d]);
        index[d] = rk(l, own.at[d]);
    }
    TRY(temporary(l, "_batch", x->type, &ranks, out));
    define(l, *out, ex_access(l->cs, tensor_of(l, x), own.n, index));
    (*out)->depends = x->depends;
    return WEIR_OK;
}

/* Version 8: dimension 0 is the batch, each of which is scanned by itself. */
static weir_status scan_batches(Lowering *l)
{
    if (l->n_in < 2 || input(l, 0) != NULL)
        return l->n_in < 2 ? invalid(l, "there is no scanned input") : unsupported(l, "sequence lengths of Scan 8");
    for (uint32_t k = 1; k < l->n_in; k++) {
        if (l->in[k] == NULL)
            return invalid(l, "input %u is missing", k);
        TRY(want_rank(l, l->in[k], 1, MAX_DIMS));
        TRY(want_static(l, l->in[k]));
        if (l->in[k]->extent[0] != l->in[1]->extent[0])
            return invalid(l, "the inputs have different batches");
    }
    int64_t n = l->in[1]->extent[0];
    if (n < 1 || n > MOST_UNROLLED)
        return unsupported(l, "a batch of %lld", (long long)n);
    Operand ***rows = ARENA_ARRAY(&l->cx->arena, Operand **, l->n_out);
    for (uint32_t k = 0; k < l->n_out; k++)
        rows[k] = allocate(l, (uint32_t)n);
    for (int64_t b = 0; b < n; b++) {
        Lowering inner = *l;
        inner.opset = 9;
        inner.n_in = l->n_in - 1;
        inner.in = allocate(l, inner.n_in);
        inner.out = allocate(l, l->n_out);
        for (uint32_t k = 0; k < inner.n_in; k++)
            TRY(batch_of(l, l->in[k + 1], b, &inner.in[k]));
        TRY(lower_scan(&inner));
        for (uint32_t k = 0; k < l->n_out; k++)
            rows[k][b] = inner.out[k];
    }
    for (uint32_t k = 0; k < l->n_out; k++)
        if (out_wanted(l, k))
            TRY(stack_rows(l, k, n, rows[k]));
    return WEIR_OK;
}

weir_status lower_scan(Lowering *l)
{
    int64_t scanned = attr_int(l, "num_scan_inputs", 0);
    if (l->opset < 9)
        return scan_batches(l);
    if (scanned < 1 || scanned > l->n_in)
        return invalid(l, "num_scan_inputs = %lld", (long long)scanned);
    ScanForm in = {.n_inputs = (uint32_t)scanned}, out = {0};
    Loop loop = {.n_states = l->n_in - in.n_inputs, .has_bound = true};
    TRY(body_of(l, &loop));
    if (loop.body->n_inputs != l->n_in || loop.body->n_outputs < loop.n_states ||
        l->node->n_outputs > loop.body->n_outputs)
        return invalid(l, "the body has %u inputs and %u outputs", loop.body->n_inputs, loop.body->n_outputs);
    loop.n_scans = loop.body->n_outputs - loop.n_states;
    loop.rows = ARENA_ARRAY(&l->cx->arena, TensorId, loop.n_scans);
    for (uint32_t k = 0; k < loop.n_states; k++) {
        loop.states[k] = l->in[k];
        if (loop.states[k] == NULL)
            return invalid(l, "state %u is missing", k);
    }
    TRY(scan_inputs(l, &loop, &in));
    TRY(scan_lists(l, loop.n_scans, "scan_output_axes", "scan_output_directions", &out));
    loop.t = iterate_open(l, loop.bound);
    weir_status status = scan_body(l, &loop, &in);
    if (status != WEIR_OK) {
        cascade_close(l->cs);
        return status;
    }
    iterate_close(l, loop.t, (TensorId){0}, (ExprId){0});
    TRY(final_states(l, &loop));
    Ints axes = attr_ints(l, "scan_output_axes");
    for (uint32_t k = 0; k < loop.n_scans; k++) {
        if (!out_wanted(l, loop.n_states + k))
            continue;
        TRY(axis_of(l, axes.n == 0 ? 0 : axes.at[k], tensor_at(l->cs, loop.rows[k])->n_dims, &out.axis[k]));
        TRY(rows_out(l, &loop, k, new_rank(l, "s", loop.bound), out.axis[k], out.backward[k]));
    }
    return WEIR_OK;
}
