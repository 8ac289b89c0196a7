/*
 * passes/fuse.c: epilogues join their producers.
 *
 * In:   a simplified cascade. Out: groups; every ST_DEFINE is in exactly one.
 * A pointwise statement S joins the group of a reduction P when S alone reads P's result, once each element, over the
 * same ranks: P then never touches memory outside its tile. P moves down to S; nothing in between reads it.
 */
#include "passes/fuse.h"

#include "ir/index.h"
#include "passes/uses.h"

typedef struct Fusing {
    Cascade *cs;
    const Use *uses;
    uint32_t *readers;       /* by tensor: statements that read it */
    StatementId *producer;   /* by statement: the reduction that joins it; 0: none */
    bool *moved;             /* by statement: joined its reader, stands there */
    Groups *groups;
} Fusing;

/* ---- who reads what ---- */

typedef struct Reads {
    Fusing *f;
    uint32_t *last; /* by tensor: the last statement counted */
    StatementId now;
} Reads;

static void read_node(void *data, ExprId e)
{
    Reads *r = data;
    const Expr *x = expr_at(r->f->cs, e);
    const TensorId read[2] = {x->tensor, x->pad_tensor};
    for (int k = 0; k < 2; k++) {
        if (read[k].i == 0 || r->last[read[k].i] == r->now.i)
            continue;
        r->last[read[k].i] = r->now.i;
        r->f->readers[read[k].i]++;
    }
}

static void read_expr(void *data, ExprId root)
{
    expr_visit(((Reads *)data)->f->cs, root, read_node, data);
}

static void read_item(void *data, StatementId id)
{
    Reads *r = data;
    const Statement *st = statement_at(r->f->cs, id);
    r->now = id;
    for (uint32_t a = 0; a < st->n_args; a++)
        r->f->readers[st->args[a].tensor.i]++;
    if (st->trip.i != 0)
        r->f->readers[st->trip.i]++;
    if (st->kind == ST_RANK)
        r->f->readers[rank_at(r->f->cs, st->rank)->scalar.i]++;
    statement_exprs(r->f->cs, st, read_expr, r);
}

/* ---- joining ---- */

static bool plain_target(const Cascade *cs, const Statement *st)
{
    for (uint32_t d = 0; d < st->targets[0].n_index; d++) {
        RankId rank;
        if (!index_is_rank(cs, st->targets[0].index[d], &rank) || rank_at(cs, rank)->kind != RANK_STATIC)
            return false;
    }
    return true;
}

static bool is_reduction(const Cascade *cs, const Statement *st)
{
    return st->kind == ST_DEFINE && st->n_reduced != 0 && st->scatter == RED_NONE && plain_target(cs, st);
}

static bool has_rank(const Statement *st, const Cascade *cs, RankId rank)
{
    for (uint32_t d = 0; d < st->targets[0].n_index; d++)
        if (rank_same(expr_at(cs, st->targets[0].index[d])->rank, rank))
            return true;
    return false;
}

/* The access reads P's result at exactly P's own ranks, and S runs over exactly these ranks. */
static bool same_points(const Cascade *cs, const Statement *s, ExprId access, const Statement *p)
{
    const Expr *x = expr_at(cs, access);
    if (x->pad != PAD_NONE || x->n_args != p->targets[0].n_index || s->targets[0].n_index != x->n_args)
        return false;
    for (uint32_t d = 0; d < x->n_args; d++) {
        RankId rank;
        if (!index_is_rank(cs, expr_arg(cs, access, d), &rank) ||
            !rank_same(rank, expr_at(cs, p->targets[0].index[d])->rank) || !has_rank(s, cs, rank))
            return false;
    }
    return true;
}

typedef struct Search {
    Fusing *f;
    const Statement *reader;
    const StatementId *by_tensor; /* the definition of each tensor in this list */
    StatementId found;
    bool fits;
} Search;

static void search_node(void *data, ExprId e)
{
    Search *s = data;
    const Expr *x = expr_at(s->f->cs, e);
    if (x->kind != EX_ACCESS || s->by_tensor[x->tensor.i].i == 0)
        return;
    StatementId id = s->by_tensor[x->tensor.i];
    const Statement *p = statement_at(s->f->cs, id);
    if (!is_reduction(s->f->cs, p) || s->f->readers[x->tensor.i] != 1 || s->f->uses[x->tensor.i].definitions != 1 ||
        tensor_at(s->f->cs, x->tensor)->is_out || s->f->moved[id.i])
        return;
    if (s->found.i != 0 && s->found.i != id.i)
        return; /* the first one found joins */
    s->fits = (s->found.i == 0 || s->fits) && same_points(s->f->cs, s->reader, e, p);
    s->found = id;
}

static void find_producers(Fusing *f, Block block)
{
    Cascade *cs = f->cs;
    StatementId *by_tensor = ARENA_ARRAY(&cs->cx->arena, StatementId, cs->tensors.n);
    for (uint32_t i = 0; i < block.n; i++) {
        const Statement *st = statement_at(cs, block.at[i]);
        find_producers(f, st->body_items);
        find_producers(f, st->else_items);
        if (st->kind != ST_DEFINE)
            continue;
        if (st->n_reduced == 0 && st->scatter == RED_NONE && plain_target(cs, st)) {
            Search search = {.f = f, .reader = st, .by_tensor = by_tensor};
            expr_visit(cs, st->body, search_node, &search);
            if (search.found.i != 0 && search.fits) {
                f->producer[block.at[i].i] = search.found;
                f->moved[search.found.i] = true;
            }
        }
        by_tensor[st->targets[0].tensor.i] = block.at[i];
    }
}

/* ---- lists and groups ---- */

static void add_group(Fusing *f, uint32_t n, const StatementId *statements)
{
    Cascade *cs = f->cs;
    Arena *arena = &cs->cx->arena;
    const char *name = arena_printf(arena, "%s_%u", cx_text(cs->cx, cs->name), f->groups->list.n);
    Group group = {.name = intern_text(&cs->cx->names, name),
                   .n = n,
                   .statements = arena_copy(arena, statements, n * sizeof *statements)};
    vec_push(arena, &f->groups->list, group);
}

static Block regroup(Fusing *f, Block block)
{
    Cascade *cs = f->cs;
    Block out = {0, block.n == 0 ? NULL : ARENA_ARRAY(&cs->cx->arena, StatementId, block.n)};
    for (uint32_t i = 0; i < block.n; i++) {
        StatementId id = block.at[i];
        Block body = regroup(f, statement_at(cs, id)->body_items);
        Block other = regroup(f, statement_at(cs, id)->else_items);
        statement_at(cs, id)->body_items = body;
        statement_at(cs, id)->else_items = other;
        if (f->moved[id.i])
            continue;
        StatementId members[2] = {f->producer[id.i], id};
        bool joined = members[0].i != 0;
        if (joined)
            out.at[out.n++] = members[0];
        out.at[out.n++] = id;
        if (statement_at(cs, id)->kind == ST_DEFINE)
            add_group(f, joined ? 2 : 1, joined ? members : &id);
    }
    return out;
}

weir_status fuse_groups(PassContext *p, Cascade *cs, Groups **out_groups)
{
    Arena *arena = &p->cx->arena;
    Fusing f = {.cs = cs,
                .uses = uses_count(cs),
                .readers = ARENA_ARRAY(arena, uint32_t, cs->tensors.n),
                .producer = ARENA_ARRAY(arena, StatementId, cs->statements.n),
                .moved = ARENA_ARRAY(arena, bool, cs->statements.n),
                .groups = ARENA_NEW(arena, Groups)};
    f.groups->cs = cs;
    Reads reads = {.f = &f, .last = ARENA_ARRAY(arena, uint32_t, cs->tensors.n)};
    items_visit(cs, &cs->top, read_item, &reads);
    find_producers(&f, cs->top);
    cs->top = regroup(&f, cs->top);
    *out_groups = f.groups;
    return WEIR_OK;
}
