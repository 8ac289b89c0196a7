/*
 * ir/pin.c: a cascade in which the order of every order-dependent reduction is written down.
 *
 * In:   a cascade and the mappings of its groups. Out: a copy whose statements follow the plans of ir/pin_plan.c.
 * Keep: the statement that gives a target keeps its number, so a mapping's leaves also name statements of the pinned
 *       cascade. New ranks are named as the parts and shared by mappings where name and extent agree.
 */
#include "ir/pin.h"

#include <string.h>

/* Which mapping a statement belongs to, and its leaf there. */
typedef struct Owner {
    uint32_t mapping; /* number + 1; 0: none */
    MapNodeId leaf;
} Owner;

typedef struct Pin {
    Cascade *to;
    const Machine *machine;
    const Mapping *m;      /* of the statement at hand */
    uint32_t n_mappings;
    Mapping *const *mappings;
    Owner *owner;          /* by statement */
    RankId *shared;        /* by name: the new rank of that name */
    uint32_t n_ranks;
    ExprId *rank_to;       /* by rank of the source: its coordinate in the statement at hand */
    bool *padded;          /* by rank of the source: reads by it get padding */
    bool *guarded;         /* by rank of the source: its coordinate may lie outside */
    ExprId pad;            /* the padding of reads by padded ranks */
    bool in_condition;
    uint32_t *numbers;     /* by tensor: the last T_n */
    uint32_t n_tensors;
    VEC(StatementId) items; /* lines of new ranks */
} Pin;

/* ---- ranks of parts ---- */

static RankId new_rank(Pin *pin, const Part *part)
{
    RankId *shared = &pin->shared[part->name.i];
    if (shared->i != 0 && rank_at(pin->to, *shared)->extent == part->extent)
        return *shared;
    Name name = cascade_fresh_name(pin->to, cx_text(pin->to->cx, part->name));
    RankId rank = cascade_add_rank(pin->to, (Rank){.name = name, .kind = RANK_STATIC, .extent = part->extent});
    StatementId item = cascade_add_statement(pin->to, (Statement){.kind = ST_RANK, .rank = rank});
    vec_push(&pin->to->cx->arena, &pin->items, item);
    *shared = rank;
    return rank;
}

static RankId part_rank(Pin *pin, PartId part)
{
    const Part *p = part_at(pin->m, part);
    if (p->origin == PART_RANK)
        return p->rank;
    return new_rank(pin, p);
}

/* ---- the body over parts ---- */

static bool uses_marked(const Pin *pin, ExprId e, const bool *marked)
{
    const Expr *x = expr_at(pin->to, e);
    if ((x->kind == EX_RANK || x->kind == EX_INDEX) && x->rank.i < pin->n_ranks && marked[x->rank.i])
        return true;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (uses_marked(pin, expr_arg(pin->to, e, k), marked))
            return true;
    return false;
}

static ExprId literal_of(Cascade *cs, Dtype type, ExprId pad)
{
    const Expr *x = expr_at(cs, pad);
    if (x->decimal)
        return ex_literal(cs, type, x->f);
    return dtype_is_int(type) || type == DT_BOOL ? ex_literal_int(cs, type, x->i) : ex_literal(cs, type, (double)x->i);
}

/* Reads by a padded rank get the split's padding. In a condition reads by a guarded rank get one too: what they give
 * there does not count, but they must not leave their tensor. */
static ExprId pad_read(void *data, Cascade *cs, ExprId access, const ExprId *new_index)
{
    Pin *pin = data;
    Expr x = *expr_at(cs, access);
    bool pads = uses_marked(pin, access, pin->padded);
    if (x.pad != PAD_NONE || !(pads || (pin->in_condition && uses_marked(pin, access, pin->guarded))))
        return (ExprId){0};
    x.pad = PAD_LITERAL;
    x.pad_literal = pads ? literal_of(cs, x.type, pin->pad) : ex_literal(cs, x.type, 0);
    return ex_push(cs, x, x.n_args, new_index);
}

static ExprId over_parts(Pin *pin, ExprId e, bool in_condition)
{
    pin->in_condition = in_condition;
    Rewrite rewrite = {.n_ranks = pin->n_ranks, .rank_to = pin->rank_to, .replace = pad_read, .data = pin};
    return expr_rewrite(pin->to, e, &rewrite);
}

/* True if `part` is made from `whole`: split from it, or joined in what is split. */
static bool made_from(const Mapping *m, PartId whole, PartId part)
{
    if (whole.i == part.i)
        return true;
    const Part *w = part_at(m, whole);
    if (w->origin == PART_SPLIT)
        return made_from(m, w->parent, part);
    for (uint32_t k = 0; k < w->n_joined; k++)
        if (made_from(m, w->joined[k], part))
            return true;
    return false;
}

/* Sets the coordinates of the reduced ranks that are made of other parts; marks those with an edge. */
static void set_coordinates(Pin *pin, const Statement *st, const PinPlan *plan, const RankId *given)
{
    for (uint32_t r = 0; r < st->n_reduced; r++) {
        PartId part = {0};
        for (uint32_t i = 1; i < pin->m->parts.n && part.i == 0; i++)
            if (pin->m->parts.at[i].origin == PART_RANK && rank_same(pin->m->parts.at[i].rank, st->reduced[r]))
                part.i = i;
        uint32_t rank = st->reduced[r].i;
        if (given[part.i].i != 0)
            continue;
        pin->rank_to[rank] = mapping_coordinate(pin->m, pin->to, part, given);
        for (uint32_t i = 0; i < plan->n_guards; i++)
            pin->guarded[rank] = pin->guarded[rank] || made_from(pin->m, plan->guards[i], part);
        for (uint32_t i = 0; i < plan->n_pads; i++) {
            if (!made_from(pin->m, plan->pads[i]->parent, part))
                continue;
            pin->padded[rank] = true;
            pin->pad = plan->pads[i]->pad;
        }
    }
}

static void clear_coordinates(Pin *pin, const Statement *st)
{
    for (uint32_t r = 0; r < st->n_reduced; r++) {
        pin->rank_to[st->reduced[r].i] = (ExprId){0};
        pin->guarded[st->reduced[r].i] = pin->padded[st->reduced[r].i] = false;
    }
}

/* The guards and the statement's own condition. */
static ExprId condition_of(Pin *pin, const Statement *st, const PinPlan *plan, const RankId *given)
{
    Cascade *cs = pin->to;
    ExprId condition = {0};
    for (uint32_t i = 0; i < plan->n_guards; i++) {
        const Part *part = part_at(pin->m, plan->guards[i]);
        bool runtime = part->origin == PART_RANK && rank_at(cs, part->rank)->kind != RANK_STATIC;
        ExprId end = runtime ? ex_extent(cs, part->rank) : ex_int(cs, part->extent);
        ExprId inside = ex_binary(cs, FN_LT, mapping_coordinate(pin->m, cs, plan->guards[i], given), end);
        condition = condition.i == 0 ? inside : ex_binary(cs, FN_AND, condition, inside);
    }
    if (st->condition.i == 0)
        return condition;
    ExprId own = over_parts(pin, st->condition, true);
    return condition.i == 0 ? own : ex_binary(cs, FN_AND, condition, own);
}

/* ---- statements ---- */

/* A temporary T_n over the target's ranks and the kept parts. */
static TensorId partial(Pin *pin, TensorId target, Dtype type, uint32_t n, const RankId *ranks)
{
    Cascade *cs = pin->to;
    uint32_t number = target.i < pin->n_tensors ? ++pin->numbers[target.i] : 1;
    const char *base = arena_printf(&cs->cx->arena, "%s_%u", tensor_name(cs, target), number);
    return cascade_tensor(cs, TENSOR_TMP, base, type, n, ranks);
}

/* Gives statement `st` the target T[ranks]. */
static void set_target(Cascade *cs, Statement *st, TensorId tensor, uint32_t n, const RankId *ranks)
{
    Target target = {.tensor = tensor, .n_index = n, .index = ARENA_ARRAY(&cs->cx->arena, ExprId, n)};
    for (uint32_t d = 0; d < n; d++)
        target.index[d] = ex_rank(cs, ranks[d]);
    st->targets = arena_copy(&cs->cx->arena, &target, sizeof target);
    st->n_targets = 1;
    st->out = false;
}

static weir_status too_many(const Pin *pin, const Statement *st, uint32_t n)
{
    diag(&pin->to->cx->diag, st->place, E_LIMIT,
         arena_printf(&pin->to->cx->arena, "dimensions of the partial sums of %s",
                      tensor_name(pin->to, st->targets[0].tensor)),
         (long long)n, (long long)TENSOR_MAX_DIMS, "fixed");
    return WEIR_LIMIT;
}

/* The statements of a plan with steps, appended to the current list; the last is `id`. */
static weir_status emit_steps(Pin *pin, StatementId id, const PinPlan *plan, const RankId *given)
{
    Cascade *cs = pin->to;
    Arena *arena = &cs->cx->arena;
    const Statement source = *statement_at(cs, id);
    Statement outer = source;
    outer.n_reduced = 0;
    RankId ranks[CASCADE_MAX_RANKS + TENSOR_MAX_DIMS];
    uint32_t n_out = target_ranks(cs, &outer, ranks, CASCADE_MAX_RANKS);
    Dtype type = source.accumulator != DT_NONE ? source.accumulator : expr_at(cs, source.body)->type;
    ExprId body = over_parts(pin, source.body, false);
    ExprId condition = condition_of(pin, &source, plan, given);
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        const PinStep *step = &plan->steps[s];
        Statement st = source;
        bool last = s + 1 == plan->n_steps && !plan->add_from;
        st.order = step->order;
        st.accumulator = s == 0 ? source.accumulator : DT_NONE;
        st.from = step->from ? source.from : (ExprId){0};
        st.condition = s == 0 ? condition : (ExprId){0};
        st.body = body;
        st.n_reduced = step->n_over;
        st.reduced = ARENA_ARRAY(arena, RankId, step->n_over);
        for (uint32_t k = 0; k < step->n_over; k++)
            st.reduced[k] = given[step->over[k].i];
        if (last) {
            *statement_at(cs, id) = st;
            cascade_item(cs, id);
            break;
        }
        uint32_t n = n_out + step->n_kept;
        if (n > TENSOR_MAX_DIMS)
            return too_many(pin, &source, n);
        for (uint32_t k = 0; k < step->n_kept; k++)
            ranks[n_out + k] = given[step->kept[k].i];
        TensorId tensor = partial(pin, source.targets[0].tensor, type, n, ranks);
        set_target(cs, &st, tensor, n, ranks);
        cascade_item(cs, cascade_add_statement(cs, st));
        body = ex_access_ranks(cs, tensor, n, ranks);
    }
    if (plan->add_from) {
        Statement st = source;
        st.reduction = RED_NONE;
        st.n_reduced = 0;
        st.from = st.condition = (ExprId){0};
        st.accumulator = DT_NONE;
        st.body = ex_binary(cs, source.reduction == RED_PROD ? FN_MUL : FN_ADD, body, source.from);
        *statement_at(cs, id) = st;
        cascade_item(cs, id);
    }
    return WEIR_OK;
}

/* A statement of no mapping: the written order. */
static void pin_alone(Pin *pin, StatementId id)
{
    Statement *st = statement_at(pin->to, id);
    if (pin_is_ordered(pin->to, st) && pin_contracts(pin->to, st) && pin_has_fma(NULL, (MapNodeId){0}, pin->machine))
        st->order = ORDER_FMA;
    cascade_item(pin->to, id);
}

/* The ranks of the parts that the pinned statements iterate over, by part number; made in the order of the clauses. */
static RankId *given_ranks(Pin *pin, const PinPlan *plan)
{
    Arena *arena = &pin->to->cx->arena;
    RankId *given = ARENA_ARRAY(arena, RankId, pin->m->parts.n);
    bool *wanted = ARENA_ARRAY(arena, bool, pin->m->parts.n);
    for (uint32_t s = 0; s < plan->n_steps; s++)
        for (uint32_t k = 0; k < plan->steps[s].n_over; k++)
            wanted[plan->steps[s].over[k].i] = true;
    for (uint32_t i = 1; i < pin->m->parts.n; i++)
        if (wanted[i])
            given[i] = part_rank(pin, (PartId){i});
    return given;
}

static weir_status pin_statement(Pin *pin, StatementId id)
{
    Owner owner = pin->owner[id.i];
    if (owner.mapping == 0) {
        pin_alone(pin, id);
        return WEIR_OK;
    }
    PinPlan plan;
    pin->m = pin->mappings[owner.mapping - 1];
    TRY(pin_plan_leaf(pin->m, owner.leaf, pin->machine, &plan));
    if (!plan.ordered || plan.n_steps == 0) {
        cascade_item(pin->to, id);
        return WEIR_OK;
    }
    const Statement source = *statement_at(pin->to, id);
    RankId *given = given_ranks(pin, &plan);
    set_coordinates(pin, &source, &plan, given);
    weir_status status = emit_steps(pin, id, &plan, given);
    clear_coordinates(pin, &source);
    return status;
}

static weir_status pin_block(Pin *pin, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        StatementId id = block->at[i];
        Statement st = *statement_at(pin->to, id);
        if (st.kind == ST_DEFINE) {
            TRY(pin_statement(pin, id));
            continue;
        }
        if (st.kind == ST_ITERATE || st.kind == ST_IF) {
            cascade_open(pin->to);
            TRY(pin_block(pin, &st.body_items));
            statement_at(pin->to, id)->body_items = cascade_close(pin->to);
            cascade_open(pin->to);
            TRY(pin_block(pin, &st.else_items));
            statement_at(pin->to, id)->else_items = cascade_close(pin->to);
        }
        cascade_item(pin->to, id);
    }
    return WEIR_OK;
}

/* ---- the whole ---- */

static weir_status find_owners(Pin *pin)
{
    weir_context *cx = pin->to->cx;
    for (uint32_t i = 0; i < pin->n_mappings; i++) {
        const Mapping *m = pin->mappings[i];
        for (uint32_t k = 0; k < m->n_statements; k++)
            pin->owner[m->statements[k].i].mapping = i + 1;
        for (uint32_t k = 1; k < m->nodes.n; k++)
            if (m->nodes.at[k].role == ROLE_LEAF && pin->owner[m->nodes.at[k].statement.i].mapping == i + 1)
                pin->owner[m->nodes.at[k].statement.i].leaf.i = k;
    }
    for (uint32_t i = 1; i < pin->to->statements.n; i++) {
        if (pin->owner[i].mapping == 0 || pin->owner[i].leaf.i != 0)
            continue;
        const Mapping *m = pin->mappings[pin->owner[i].mapping - 1];
        diag(&cx->diag, mapping_text_place(m, 0), E_MAPPING,
             arena_printf(&cx->arena, "%s is not in the tree of map %s",
                          tensor_name(pin->to, pin->to->statements.at[i].targets[0].tensor), cx_text(cx, m->name)), 10);
        return WEIR_INVALID;
    }
    return WEIR_OK;
}

/* Puts the lines of new ranks behind the first lines of ranks. */
static void insert_ranks(Pin *pin)
{
    Cascade *cs = pin->to;
    Block old = cs->top;
    uint32_t at = 0, n = 0;
    while (at < old.n && statement_at(cs, old.at[at])->kind == ST_RANK)
        at++;
    cs->top.n = old.n + pin->items.n;
    cs->top.at = ARENA_ARRAY(&cs->cx->arena, StatementId, cs->top.n);
    for (uint32_t i = 0; i < at; i++)
        cs->top.at[n++] = old.at[i];
    for (uint32_t i = 0; i < pin->items.n; i++)
        cs->top.at[n++] = pin->items.at[i];
    for (uint32_t i = at; i < old.n; i++)
        cs->top.at[n++] = old.at[i];
}

weir_status pin(Cascade *cs, uint32_t n, Mapping *const *mappings, const Machine *machine, Cascade **out_pinned)
{
    Arena *arena = &cs->cx->arena;
    Cascade *to = cascade_clone(cs);
    Pin p = {.to = to,
             .machine = machine,
             .n_mappings = n,
             .mappings = mappings,
             .owner = ARENA_ARRAY(arena, Owner, cs->statements.n),
             .shared = ARENA_ARRAY(arena, RankId, cs->cx->names.n + 1),
             .n_ranks = cs->ranks.n,
             .rank_to = ARENA_ARRAY(arena, ExprId, cs->ranks.n),
             .padded = ARENA_ARRAY(arena, bool, cs->ranks.n),
             .guarded = ARENA_ARRAY(arena, bool, cs->ranks.n),
             .numbers = ARENA_ARRAY(arena, uint32_t, cs->tensors.n),
             .n_tensors = cs->tensors.n};
    *out_pinned = to;
    if (cs->pinned)
        return WEIR_OK;
    TRY(find_owners(&p));
    Block top = to->top;
    TRY(pin_block(&p, &top));
    cascade_finish(to);
    insert_ranks(&p);
    to->pinned = true;
    return WEIR_OK;
}
