/*
 * isa/host/lower.c: the entry of a loop program: calls of groups in order, generations, branches.
 */
#include "isa/host/lower_internal.h"

#include <string.h>

static MUST_USE weir_status lower_items(Lower *l, Block items, const bool *wanted);

/* A scalar read in the entry: indices are constants and open iterative ranks. */
static LoopExprId entry_access(Lower *l, ExprId e)
{
    const Expr x = *expr_at(l->cs, e);
    if (x.kind != EX_ACCESS)
        weir_bug(l->cx, "a condition that is no access");
    LoopExprId at = loop_int(l->p, 0);
    for (uint32_t d = 0; d < x.n_args; d++) {
        Affine a;
        if (!expr_affine(l->cs, expr_arg(l->cs, e, d), &a))
            weir_bug(l->cx, "a condition whose index is not affine");
        LoopExprId index = loop_int(l->p, a.constant);
        for (uint32_t k = 0; k < a.n; k++)
            index = loop_index_add(l->p, &l->entry, index, loop_index_scale(l->p, &l->entry, l->coordinate[a.rank[k].i], a.coefficient[k]));
        at = loop_index_add(l->p, &l->entry, loop_index_scale(l->p, &l->entry, at, dim_extent(l->cs, x.tensor, d)), index);
    }
    l->layout_of[x.tensor.i] = (Layout){.row_major = true};
    return loop_load(l->p, tensor_at(l->cs, x.tensor)->type, 1, buffer_for(l, NULL, x.tensor), at);
}

static bool is_generation_zero(const Lower *l, StatementId id, RankId rank)
{
    const Statement *st = statement_at(l->cs, id);
    if (st->kind != ST_DEFINE)
        return false;
    const TensorDecl *t = tensor_at(l->cs, st->targets[0].tensor);
    for (uint32_t d = 0; d < t->n_dims; d++) {
        int64_t value;
        if (rank_same(t->dims[d].rank, rank) && t->dims[d].next && expr_is_int(l->cs, st->targets[0].index[d], &value))
            return true;
    }
    return false;
}

static LoopExprId trip_count(Lower *l, const Statement *st)
{
    LoopProgram *p = l->p;
    int64_t bound = rank_at(l->cs, st->rank)->extent;
    if (st->trip_count_of.i != 0)
        return l->count[st->trip_count_of.i];
    if (st->trip.i == 0)
        return loop_int(p, bound);
    LoopExprId value = loop_load(p, tensor_at(l->cs, st->trip)->type, 1, buffer_for(l, NULL, st->trip), loop_int(p, 0));
    LoopStmt let = {.kind = LOOP_ST_LET, .a = loop_cast(p, LOOP_CAST, DT_I64, value)};
    let.var = loop_add_var(p, &l->entry, (LoopVar){.name = "n", .type = DT_I64, .lanes = 1});
    loop_add(p, &l->block, let);
    value = loop_var(p, &l->entry, let.var);
    loop_add(p, &l->block, (LoopStmt){.kind = LOOP_ST_TRAP, .trap = LOOP_TRAP_TRIP, .a = loop_binary(p, LOOP_LT, loop_int(p, bound), value),
                                      .b = value, .site = p->sites.n});
    vec_push(&l->cx->arena, &p->sites, (StatementId){0});
    return value;
}

/* What is used in a loop is alive through all of it. */
static void extend_live(Lower *l, uint32_t from)
{
    for (uint32_t k = 0; k < l->p->buffers.n; k++) {
        LoopBuffer *b = &l->p->buffers.at[k];
        if (b->last_use < from || b->last_use == UINT32_MAX)
            continue;
        b->first_use = b->first_use < from ? b->first_use : from;
        b->last_use = l->calls;
    }
}

static MUST_USE weir_status lower_iterate(Lower *l, StatementId id)
{
    const Statement st = *statement_at(l->cs, id);
    LoopProgram *p = l->p;
    LoopVar count = {.name = "count", .type = DT_I64, .lanes = 1, .changes = true, .ranged = true, .most = rank_at(l->cs, st.rank)->extent};
    uint32_t count_var = loop_add_var(p, &l->entry, count);
    loop_add(p, &l->block, (LoopStmt){.kind = LOOP_ST_ASSIGN, .var = count_var, .a = loop_int(p, 0)});
    LoopExprId end = trip_count(l, &st);
    uint32_t from = ++l->calls;
    bool *zero = ARENA_ARRAY(&l->cx->arena, bool, l->cs->statements.n), *step = ARENA_ARRAY(&l->cx->arena, bool, l->cs->statements.n);
    for (uint32_t k = 0; k < l->cs->statements.n; k++) {
        zero[k] = is_generation_zero(l, (StatementId){k}, st.rank);
        step[k] = !zero[k];
    }
    LoopVar var = {.name = "t", .type = DT_I64, .lanes = 1, .counter = true, .ranged = true, .most = rank_at(l->cs, st.rank)->extent - 1};
    LoopStmt loop = {.kind = LOOP_ST_FOR, .lo = loop_int(p, 0), .hi = end, .var = loop_add_var(p, &l->entry, var)};
    l->coordinate[st.rank.i] = loop_var(p, &l->entry, loop.var);
    TRY(lower_items(l, st.body_items, zero));
    LoopBlock outer = l->block;
    l->block = (LoopBlock){0};
    l->open_loops++;
    if (st.access.i != 0)
        loop_add(p, &l->block, (LoopStmt){.kind = LOOP_ST_BREAK, .a = loop_unary(p, LOOP_LNOT, entry_access(l, st.access))});
    TRY(lower_items(l, st.body_items, step));
    LoopExprId steps = loop_index_add(p, &l->entry, l->coordinate[st.rank.i], loop_int(p, 1));
    loop_add(p, &l->block, (LoopStmt){.kind = LOOP_ST_ASSIGN, .var = count_var, .a = steps});
    l->open_loops--;
    l->coordinate[st.rank.i] = (LoopExprId){0};
    l->count[st.rank.i] = loop_var(p, &l->entry, count_var);
    loop.body = l->block;
    l->block = outer;
    loop_add(p, &l->block, loop);
    LoopStmt note = {.kind = LOOP_ST_STORE, .slot = p->rank_buffer, .b = l->count[st.rank.i]};
    note.a = loop_int(p, rank_number(p, st.rank));
    loop_add(p, &l->block, note);
    extend_live(l, from);
    l->calls++;
    return WEIR_OK;
}

static MUST_USE weir_status lower_if(Lower *l, StatementId id, const bool *wanted)
{
    const Statement st = *statement_at(l->cs, id);
    LoopStmt branch = {.kind = LOOP_ST_IF, .a = entry_access(l, st.access)};
    uint32_t from = ++l->calls;
    LoopBlock outer = l->block;
    l->block = (LoopBlock){0};
    TRY(lower_items(l, st.body_items, wanted));
    branch.body = l->block;
    l->block = (LoopBlock){0};
    TRY(lower_items(l, st.else_items, wanted));
    branch.other = l->block;
    l->block = outer;
    loop_add(l->p, &l->block, branch);
    extend_live(l, from);
    l->calls++;
    return WEIR_OK;
}

static MUST_USE weir_status lower_define(Lower *l, StatementId id, const bool *wanted, bool *done)
{
    uint32_t group = l->group_of != NULL ? l->group_of[id.i] : 0;
    if (group == 0)
        return lower_group(l, NULL, 1, &id, wanted);
    if (done[group - 1])
        return WEIR_OK;
    done[group - 1] = true;
    const Group *g = &l->groups->list.at[group - 1];
    return lower_group(l, g->mapping, g->n, g->statements, wanted);
}

static weir_status lower_items(Lower *l, Block items, const bool *wanted)
{
    uint32_t n_groups = l->groups != NULL ? l->groups->list.n : 0;
    bool *done = ARENA_ARRAY(&l->cx->arena, bool, n_groups + 1);
    for (uint32_t k = 0; k < items.n; k++) {
        StatementId id = items.at[k];
        StatementKind kind = statement_at(l->cs, id)->kind;
        if (kind == ST_RANK || kind == ST_TENSOR || (wanted != NULL && !wanted[id.i]))
            continue;
        if (kind == ST_DEFINE) {
            TRY(lower_define(l, id, wanted, done));
        } else if (kind == ST_ITERATE) {
            TRY(lower_iterate(l, id));
        } else if (kind == ST_IF) {
            TRY(lower_if(l, id, NULL));
        } else {
            TRY(lower_hostop(l, id));
        }
    }
    return WEIR_OK;
}

static MUST_USE weir_status check_types(Lower *l)
{
    for (uint32_t t = 1; t < l->cs->tensors.n; t++) {
        const TensorDecl *tensor = &l->cs->tensors.at[t];
        if (tensor->format == 0)
            continue;
        diag(&l->cx->diag, tensor->place, E_HOST_UNSUPPORTED, "block formats");
        return WEIR_UNSUPPORTED;
    }
    return WEIR_OK;
}

/* Inputs and outputs have their buffers first, in the order of the text, whether used or not. */
static void interface_buffers(Lower *l)
{
    for (uint32_t t = 1; t < l->cs->tensors.n; t++)
        if (l->cs->tensors.at[t].role == TENSOR_IN || l->cs->tensors.at[t].is_out)
            (void)buffer_for(l, NULL, (TensorId){t});
    for (uint32_t r = 1; r < l->cs->ranks.n; r++)
        if (l->cs->ranks.at[r].kind != RANK_STATIC)
            vec_push(&l->cx->arena, &l->p->ranks, (RankId){r});
    if (l->p->ranks.n == 0)
        return;
    LoopBuffer b = {.name = intern_text(&l->cx->names, "ranks"), .kind = BUFFER_ARENA, .type = DT_I64, .elements = l->p->ranks.n};
    b.bytes = 8 * b.elements;
    b.layout.row_major = true;
    b.last_use = UINT32_MAX;
    l->p->rank_buffer = l->p->buffers.n;
    vec_push(&l->cx->arena, &l->p->buffers, b);
    for (uint32_t k = 0; k < l->p->ranks.n; k++)
        loop_add(l->p, &l->block, (LoopStmt){.kind = LOOP_ST_STORE, .slot = l->p->rank_buffer, .a = loop_int(l->p, k), .b = loop_int(l->p, 0)});
}

static void finish_entry(Lower *l)
{
    static const bool is_aligned[] = {[BUFFER_IN] = false, [BUFFER_OUT] = false, [BUFFER_CONST] = true, [BUFFER_ARENA] = true};
    for (uint32_t k = 0; k < l->p->buffers.n; k++) {
        const LoopBuffer *b = &l->p->buffers.at[k];
        LoopSlot slot = {.name = cx_text(l->cx, b->name), .type = b->type, .is_aligned = is_aligned[b->kind]};
        slot.written = b->kind == BUFFER_OUT || b->kind == BUFFER_ARENA;
        (void)loop_add_slot(l->p, &l->entry, slot);
    }
    l->entry.name = "run";
    l->entry.body = l->block;
    l->entry.traps = true;
    vec_push(&l->cx->arena, &l->p->functions, l->entry);
}

weir_status host_lower(weir_context *cx, const Groups *groups, const HostOptions *options, LoopProgram **out_program)
{
    Lower l = {.cx = cx, .cs = groups->cs, .groups = groups, .options = *options, .p = loops_new(cx, groups->cs)};
    uint32_t n_ranks = l.cs->ranks.n;
    l.p->vector_bytes = options->vector_bytes;
    l.buffer_of = ARENA_ARRAY(&cx->arena, uint32_t, l.cs->tensors.n);
    l.coordinate = ARENA_ARRAY(&cx->arena, LoopExprId, n_ranks);
    l.count = ARENA_ARRAY(&cx->arena, LoopExprId, n_ranks);
    l.group_of = groups_by_statement(groups);
    l.internal = groups_internal(groups);
    vec_push(&cx->arena, &l.entry.vars, (LoopVar){0});
    TRY(check_types(&l));
    layouts_collect(&l);
    hostops_layouts(&l);
    interface_buffers(&l);
    TRY(lower_items(&l, l.cs->top, NULL));
    finish_entry(&l);
    arena_assign(&l);
    TRY(weights_assign(&l));
    *out_program = l.p;
    return WEIR_OK;
}
