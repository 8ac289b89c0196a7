/*
 * ir/verify.c: cascade_verify: the table of invariants, and the facts they share.
 */
#include "ir/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "support/text.h"

/* ---- messages ---- */

static Place statement_place(const Verify *v, StatementId id)
{
    if (id.i == 0)
        return place_none();
    const Statement *st = statement_at(v->cs, id);
    if (st->place.kind != PLACE_NONE)
        return st->place;
    TensorId tensor = st->n_targets != 0 ? st->targets[0].tensor : st->tensor;
    const char *name = tensor.i != 0 ? tensor_name(v->cs, tensor) : st->rank.i != 0 ? rank_name(v->cs, st->rank) : "if";
    return (Place){.kind = PLACE_STATEMENT, .source = v->cs->source, .name = name};
}

__attribute__((format(printf, 3, 0))) static void report(Verify *v, Place place, const char *format, va_list args)
{
    char message[1024];
    vsnprintf(message, sizeof message, format, args);
    v->breaches++;
    diag(&v->cx->diag, place, E_INVARIANT, message, v->invariant);
}

void breach(Verify *v, StatementId st, ExprId at, const char *format, ...)
{
    Place place = statement_place(v, st);
    const Expr *e = expr_at(v->cs, at);
    if (at.i != 0 && e->line != 0 && v->cs->source != NULL)
        place = place_text(v->cs->source, e->line, e->column, e->end_column);
    va_list args;
    va_start(args, format);
    report(v, place, format, args);
    va_end(args);
}

void breach_at(Verify *v, Place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(v, place, format, args);
    va_end(args);
}

const char *expr_text(const Verify *v, ExprId e)
{
    Text text;
    text_init(&text, &v->cx->arena);
    expr_print(v->cs, e, &text);
    return text.at == NULL ? "" : text.at;
}

/* ---- facts ---- */

static void add_definition(Verify *v, StatementId id, uint32_t target)
{
    TensorId tensor = statement_at(v->cs, id)->targets[target].tensor;
    uint32_t number = v->definitions.n, last = v->last_definition[tensor.i];
    Definition definition = {id, target, 0};
    vec_push(&v->cx->arena, &v->definitions, definition);
    if (last == 0)
        v->first_definition[tensor.i] = number;
    else
        v->definitions.at[last].next = number;
    v->last_definition[tensor.i] = number;
}

static void collect(Verify *v, const Block *block, BlockAt at)
{
    for (uint32_t i = 0; i < block->n; i++) {
        StatementId id = block->at[i];
        const Statement *st = statement_at(v->cs, id);
        v->position[id.i] = v->order.n;
        v->block[id.i] = at;
        vec_push(&v->cx->arena, &v->order, id);
        for (uint32_t t = 0; t < st->n_targets; t++)
            add_definition(v, id, t);
        if (st->kind == ST_TENSOR)
            v->declaration[st->tensor.i] = id;
        collect(v, &st->body_items, (BlockAt){id, false});
        collect(v, &st->else_items, (BlockAt){id, true});
        v->end[id.i] = v->order.n;
    }
}

static Verify facts(Cascade *cs)
{
    Arena *arena = &cs->cx->arena;
    Verify v = {.cs = cs, .cx = cs->cx};
    v.position = ARENA_ARRAY(arena, uint32_t, cs->statements.n);
    v.end = ARENA_ARRAY(arena, uint32_t, cs->statements.n);
    v.block = ARENA_ARRAY(arena, BlockAt, cs->statements.n);
    v.first_definition = ARENA_ARRAY(arena, uint32_t, cs->tensors.n);
    v.last_definition = ARENA_ARRAY(arena, uint32_t, cs->tensors.n);
    v.declaration = ARENA_ARRAY(arena, StatementId, cs->tensors.n);
    v.mark = ARENA_ARRAY(arena, uint32_t, cs->ranks.n);
    Definition none = {{0}, 0, 0};
    vec_push(arena, &v.definitions, none);
    collect(&v, &cs->top, (BlockAt){{0}, false});
    return v;
}

bool block_same(BlockAt a, BlockAt b)
{
    return a.region.i == b.region.i && a.is_else == b.is_else;
}

bool stands_in(const Verify *v, StatementId st, StatementId region)
{
    return region.i == 0 || (v->position[st.i] > v->position[region.i] && v->position[st.i] < v->end[region.i]);
}

bool stands_in_block(const Verify *v, StatementId st, BlockAt block)
{
    if (!stands_in(v, st, block.region))
        return false;
    while (v->block[st.i].region.i != block.region.i)
        st = v->block[st.i].region;
    return v->block[st.i].is_else == block.is_else;
}

BlockAt common_block(const Verify *v, StatementId a, StatementId b)
{
    BlockAt block = v->block[a.i];
    while (!stands_in_block(v, b, block))
        block = v->block[block.region.i];
    return block;
}

/* The statement of a list that is, or holds, `st`. */
static StatementId lifted(const Verify *v, StatementId st, BlockAt block)
{
    while (!block_same(v->block[st.i], block))
        st = v->block[st.i].region;
    return st;
}

bool in_other_arms(const Verify *v, StatementId a, StatementId b)
{
    BlockAt common = common_block(v, a, b);
    StatementId above_a = lifted(v, a, common), above_b = lifted(v, b, common);
    return above_a.i == above_b.i && above_a.i != a.i && above_b.i != b.i;
}

int64_t carried_offset(const Verify *v, const Definition *d, uint32_t dim, RankId t)
{
    Affine a;
    const Target *target = definition_target(v, d);
    if (dim >= target->n_index || !expr_affine(v->cs, target->index[dim], &a))
        return -1;
    return a.n == 1 && rank_same(a.rank[0], t) ? a.constant : -1;
}

bool carries(const Verify *v, TensorId tensor, RankId t, uint32_t *out_dim)
{
    for (const Definition *d = first_definition(v, tensor); d != NULL; d = next_definition(v, d)) {
        for (uint32_t dim = 0; dim < definition_target(v, d)->n_index; dim++) {
            if (carried_offset(v, d, dim, t) < 0)
                continue;
            *out_dim = dim;
            return true;
        }
    }
    return false;
}

BlockAt tensor_scope(const Verify *v, TensorId tensor)
{
    const Definition *d = first_definition(v, tensor);
    BlockAt top = {{0}, false};
    uint32_t dim;
    if (v->declaration[tensor.i].i != 0)
        return v->block[v->declaration[tensor.i].i];
    if (d == NULL)
        return top;
    BlockAt block = v->block[d->statement.i];
    while ((d = next_definition(v, d)) != NULL)
        while (!stands_in_block(v, d->statement, block))
            block = v->block[block.region.i];
    while (block.region.i != 0 && statement_at(v->cs, block.region)->kind == ST_ITERATE &&
           carries(v, tensor, statement_at(v->cs, block.region)->rank, &dim))
        block = v->block[block.region.i];
    return block;
}

bool rank_is_run_time(const Cascade *cs, RankId id)
{
    const Rank *rank = rank_at(cs, id);
    if (rank->kind != RANK_ITERATIVE)
        return rank->kind != RANK_STATIC;
    const Statement *region = statement_at(cs, rank->region);
    return region->trip.i != 0 || region->trip_count_of.i != 0 || region->access.i != 0;
}

/* ---- parts of formats ---- */

static const FormatField *format_field(const Cascade *cs, const TensorDecl *tensor, const char *name)
{
    const Format *format = &cs->formats.at[tensor->format];
    for (uint32_t i = 0; i < format->n_fields; i++)
        if (strcmp(cx_text(cs->cx, format->fields[i].name), name) == 0)
            return &format->fields[i];
    return NULL;
}

uint32_t access_dims(const Cascade *cs, const Expr *access)
{
    const TensorDecl *tensor = tensor_at(cs, access->tensor);
    if (access->part != PART_SCALE && access->part != PART_ZERO)
        return tensor->n_dims;
    const FormatField *scale = format_field(cs, tensor, "scale");
    if (format_field(cs, tensor, "block") != NULL)
        return tensor->n_dims;
    return scale != NULL && scale->per ? 1 : 0;
}

int64_t access_extent(const Cascade *cs, const Expr *access, uint32_t dim)
{
    const TensorDecl *tensor = tensor_at(cs, access->tensor);
    int64_t extent = dim < tensor->n_dims ? dim_extent(cs, access->tensor, dim) : 0;
    if (access->part != PART_SCALE && access->part != PART_ZERO)
        return extent;
    const FormatField *block = format_field(cs, tensor, "block"), *scale = format_field(cs, tensor, "scale");
    if (block == NULL)
        return scale != NULL && scale->per ? rank_at(cs, scale->rank)->extent : 0;
    bool blocked = !block->on || rank_same(block->rank, tensor->dims[dim].rank);
    return blocked && block->number > 0 ? (extent + block->number - 1) / block->number : extent;
}

/* ---- walking ---- */

typedef struct Walk {
    Verify *v;
    StatementId st;
    ExprId condition;
    void (*access)(Verify *, StatementId, ExprId, ExprId);
    void (*read)(Verify *, StatementId, TensorId, ExprId);
} Walk;

static void walk_node(void *data, ExprId e)
{
    const Walk *w = data;
    const Expr *x = expr_at(w->v->cs, e);
    if (x->kind != EX_ACCESS)
        return;
    TensorId tensor = x->tensor, pad = x->pad == PAD_TENSOR ? x->pad_tensor : (TensorId){0};
    if (w->access != NULL)
        w->access(w->v, w->st, e, w->condition);
    if (w->read != NULL)
        w->read(w->v, w->st, tensor, e);
    if (w->read != NULL && pad.i != 0)
        w->read(w->v, w->st, pad, e);
}

static void walk_statement(Walk *w)
{
    const Cascade *cs = w->v->cs;
    const Statement *st = statement_at(cs, w->st);
    expr_visit(cs, st->condition, walk_node, w);
    expr_visit(cs, st->scatter_condition, walk_node, w);
    expr_visit(cs, st->from, walk_node, w);
    expr_visit(cs, st->access, walk_node, w);
    for (uint32_t t = 0; t < st->n_targets; t++)
        for (uint32_t k = 0; k < st->targets[t].n_index; k++)
            expr_visit(cs, st->targets[t].index[k], walk_node, w);
    w->condition = st->condition;
    expr_visit(cs, st->body, walk_node, w);
    w->condition = st->scatter_condition;
    for (uint32_t k = 0; k < st->n_scatter; k++)
        expr_visit(cs, st->scatter_index[k], walk_node, w);
    expr_visit(cs, st->scatter_value, walk_node, w);
}

void statement_accesses(Verify *v, StatementId id, void (*visit)(Verify *, StatementId, ExprId, ExprId))
{
    Walk w = {.v = v, .st = id, .access = visit};
    walk_statement(&w);
}

void statement_reads(Verify *v, StatementId id, void (*visit)(Verify *, StatementId, TensorId, ExprId))
{
    Walk w = {.v = v, .st = id, .read = visit};
    const Statement *st = statement_at(v->cs, id);
    walk_statement(&w);
    for (uint32_t k = 0; k < st->n_args; k++)
        if (st->args[k].tensor.i != 0)
            visit(v, id, st->args[k].tensor, (ExprId){0});
    if (st->trip.i != 0)
        visit(v, id, st->trip, (ExprId){0});
}

/* ---- the table ---- */

typedef struct InvariantInfo {
    int number;
    bool last;
    void (*check)(Verify *);
} InvariantInfo;

static const InvariantInfo invariants[] = {
#define INVARIANT(number, function, last, doc) {number, last, function},
#include "ir/verify.def"
#undef INVARIANT
};

weir_status cascade_verify(Cascade *cs)
{
    Verify v = facts(cs);
    for (size_t i = 0; i < sizeof invariants / sizeof *invariants; i++) {
        v.invariant = invariants[i].number;
        invariants[i].check(&v);
        if (v.breaches != 0 && invariants[i].last)
            break;
    }
    return v.breaches == 0 ? WEIR_OK : WEIR_INVALID;
}
