/*
 * isa/host/lower_group.c: one group as a function, or as another call of an equal function.
 */
#include "isa/host/lower_internal.h"

#include <string.h>

void refuse(GroupLower *g, const char *what)
{
    if (g->status != WEIR_OK)
        return;
    g->status = WEIR_UNSUPPORTED;
    Place place = g->current.i != 0 ? statement_at(g->cs, g->current)->place : place_none();
    diag(&g->cx->diag, place, E_HOST_UNSUPPORTED, what);
}

static Mapping *mapping_copy(Lower *l, const Mapping *mapping)
{
    Mapping *m = ARENA_NEW(&l->cx->arena, Mapping);
    if (mapping != NULL) {
        *m = *mapping;
        m->parts.at = arena_copy(&l->cx->arena, mapping->parts.at, mapping->parts.room * sizeof mapping->parts.at[0]);
    } else {
        m->cs = l->cs;
        vec_push(&l->cx->arena, &m->parts, (Part){0});
        vec_push(&l->cx->arena, &m->nodes, (MapNode){0});
    }
    return m;
}

static const char *note_of(Lower *l, uint32_t n, const Leaf *leaves)
{
    Text text;
    text_init(&text, &l->cx->arena);
    for (uint32_t k = 0; k < n; k++)
        text_printf(&text, "%s%s", k > 0 ? " " : "", tensor_name(l->cs, statement_at(l->cs, leaves[k].statement)->targets[0].tensor));
    text_printf(&text, ":");
    Name last = {0};
    for (uint32_t k = 0; k < n; k++) {
        const Statement *st = statement_at(l->cs, leaves[k].statement);
        for (uint32_t j = 0; j < st->n_provenance; last = st->provenance[j], j++)
            if (!name_is(last, st->provenance[j]))
                text_printf(&text, " %s", cx_text(l->cx, st->provenance[j]));
    }
    return text.at;
}

static void check_scalars(GroupLower *g)
{
    for (uint32_t k = 0; k < g->scalars.n; k++) {
        const Rank *r = rank_at(g->cs, g->scalars.at[k].rank);
        for (uint32_t a = 0; a < g->leaves.n && r->kind == RANK_SCALAR; a++)
            if (statement_at(g->cs, g->leaves.at[a].statement)->targets[0].tensor.i == r->scalar.i)
                refuse(g, "a group that defines a run-time extent and iterates over it");
    }
}

/* The number of an equal function, or of this one, added. */
static uint32_t function_number(GroupLower *g)
{
    Lower *l = g->l;
    Text key;
    text_init(&key, &l->cx->arena);
    loop_function_print(g->p, &g->f, false, &key);
    for (uint32_t k = 0; k < l->n_keys; k++)
        if (strcmp(l->keys[k], key.at) == 0)
            return k;
    if (l->n_keys == l->room_keys)
        vec_grow(&l->cx->arena, (void **)&l->keys, &l->room_keys, l->n_keys, sizeof l->keys[0]);
    l->keys[l->n_keys++] = key.at;
    g->f.name = arena_printf(&l->cx->arena, "g%u", g->p->functions.n);
    vec_push(&l->cx->arena, &g->p->functions, g->f);
    return g->p->functions.n - 1;
}

uint32_t rank_number(const LoopProgram *p, RankId rank)
{
    for (uint32_t k = 0; k < p->ranks.n; k++)
        if (rank_same(p->ranks.at[k], rank))
            return k;
    return 0;
}

/* The value of a run-time extent, checked against its bound and noted for the caller. */
LoopExprId entry_extent(Lower *l, RankId rank)
{
    LoopProgram *p = l->p;
    const Rank r = *rank_at(l->cs, rank);
    LoopExprId value;
    if (r.kind == RANK_COUNT) {
        value = l->count[r.count_of.i];
    } else {
        uint32_t buffer = buffer_for(l, NULL, r.scalar);
        value = loop_cast(p, LOOP_CAST, DT_I64, loop_load(p, tensor_at(l->cs, r.scalar)->type, 1, buffer, loop_int(p, 0)));
    }
    LoopStmt let = {.kind = LOOP_ST_LET, .a = value};
    let.var = loop_add_var(p, &l->entry, (LoopVar){.name = "n", .type = DT_I64, .lanes = 1});
    loop_add(p, &l->block, let);
    value = loop_var(p, &l->entry, let.var);
    LoopExprId outside = loop_binary(p, LOOP_LOR, loop_binary(p, LOOP_LT, value, loop_int(p, 0)),
                                     loop_binary(p, LOOP_LT, loop_int(p, r.extent), value));
    loop_add(p, &l->block, (LoopStmt){.kind = LOOP_ST_TRAP, .trap = LOOP_TRAP_EXTENT, .a = outside, .b = value, .site = p->sites.n});
    vec_push(&l->cx->arena, &p->sites, (StatementId){0});
    loop_add(p, &l->block, (LoopStmt){.kind = LOOP_ST_STORE, .slot = p->rank_buffer, .a = loop_int(p, rank_number(p, rank)), .b = value});
    return value;
}

static void add_call(GroupLower *g, uint32_t function, const char *note)
{
    Lower *l = g->l;
    LoopStmt st = {.kind = LOOP_ST_CALL, .function = function, .site = g->p->sites.n};
    for (uint32_t k = 0; k < g->sites.n; k++)
        vec_push(&l->cx->arena, &g->p->sites, g->sites.at[k]);
    st.n_slots = g->params.n;
    st.slots = arena_copy(&l->cx->arena, g->params.at, g->params.n * sizeof g->params.at[0]);
    st.n_scalars = g->scalars.n;
    st.scalars = ARENA_ARRAY(&l->cx->arena, LoopExprId, g->scalars.n);
    for (uint32_t k = 0; k < g->scalars.n; k++) {
        RankId rank = g->scalars.at[k].rank;
        ScalarKind kind = g->scalars.at[k].kind;
        st.scalars[k] = kind == SCALAR_COORDINATE ? l->coordinate[rank.i] : kind == SCALAR_COUNT ? l->count[rank.i] : entry_extent(l, rank);
        if (st.scalars[k].i == 0)
            weir_bug(l->cx, "rank %s has no value here", rank_name(l->cs, rank));
    }
    loop_add(g->p, &l->block, (LoopStmt){.kind = LOOP_ST_NOTE, .text = note});
    loop_add(g->p, &l->block, st);
}

static void prepare(GroupLower *g)
{
    Arena *arena = &g->cx->arena;
    g->part_value = ARENA_ARRAY(arena, LoopExprId, g->m->parts.n + 1);
    g->rank_value = ARENA_ARRAY(arena, LoopExprId, g->cs->ranks.n);
    g->splits = ARENA_ARRAY(arena, SplitState, g->m->splits.n + 1);
    g->split_of = ARENA_ARRAY(arena, uint32_t, g->m->parts.n + 1);
    g->tensors = ARENA_ARRAY(arena, TensorSlot, g->cs->tensors.n);
    g->uses = ARENA_ARRAY(arena, uint32_t, g->cs->exprs.n);
    g->memo = ARENA_ARRAY(arena, LoopExprId, g->cs->exprs.n);
    for (uint32_t s = 0; s < g->m->splits.n; s++)
        for (uint32_t k = 0; k < g->m->splits.at[s].n; k++)
            g->split_of[g->m->splits.at[s].parts[k].i] = s + 1;
    vec_push(arena, &g->f.vars, (LoopVar){0});
}

weir_status lower_group(Lower *l, Mapping *mapping, uint32_t n, const StatementId *statements, const bool *wanted)
{
    GroupLower *g = ARENA_NEW(&l->cx->arena, GroupLower);
    *g = (GroupLower){.l = l, .cx = l->cx, .cs = l->cs, .p = l->p, .m = mapping_copy(l, mapping)};
    tree_build(g, n, statements, wanted);
    if (g->leaves.n == 0)
        return g->status;
    prepare(g);
    l->calls++;
    place_internal(g);
    for (uint32_t k = 0; k < g->leaves.n; k++)
        reduce_plan(g, &g->leaves.at[k]);
    if (g->status == WEIR_OK)
        tree_walk(g);
    g->f.body = g->block;
    check_scalars(g);
    TRY(g->status);
    if (l->options.vector_bytes != 0)
        loops_vectorise(l->p, &g->f);
    const char *note = note_of(l, g->leaves.n, g->leaves.at);
    g->f.note = note;
    add_call(g, function_number(g), note);
    return WEIR_OK;
}
