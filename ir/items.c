/*
 * ir/items.c: items of the syntax tree become statements, in text order.
 */
#include <string.h>

#include "ir/resolve.h"

static Place item_place(const Resolve *r, const SynItem *item)
{
    return place_text(r->p->source, item->at.line, item->at.column, item->at.end_column);
}

static const char *word_text(const Resolve *r, SynWord word)
{
    return cx_text(r->p->cx, word.name);
}

static ExprId *expr_list(Resolve *r, const SynExprs *list)
{
    ExprId *ids = ARENA_ARRAY(&r->p->cx->arena, ExprId, list->n);
    for (uint32_t k = 0; k < list->n; k++)
        ids[k] = resolve_expr(r, list->at[k], AS_INDEX, DT_I64, DT_NONE);
    return ids;
}

static RankId *rank_list(Resolve *r, const SynWords *list)
{
    RankId *ids = ARENA_ARRAY(&r->p->cx->arena, RankId, list->n);
    for (uint32_t k = 0; k < list->n; k++)
        ids[k] = resolve_rank(r, list->at[k]);
    return ids;
}

static void set_targets(Resolve *r, const SynItem *item, Statement *st)
{
    st->n_targets = item->targets.n;
    st->targets = ARENA_ARRAY(&r->p->cx->arena, Target, item->targets.n);
    for (uint32_t k = 0; k < item->targets.n; k++) {
        const SynTarget *target = &item->targets.at[k];
        Symbol symbol = r->symbols[target->name.name.i];
        if (symbol.kind != SYMBOL_TENSOR)
            continue;
        st->targets[k] = (Target){{symbol.id}, target->index.n, expr_list(r, &target->index)};
    }
}

static void set_modifier(Resolve *r, SynWord word, Statement *st)
{
    static const char *const orders[] = {
        [ORDER_FMA] = "fma", [ORDER_TREE] = "tree", [ORDER_PAIRS] = "pairs", [ORDER_LAST] = "last"};
    const char *text = word_text(r, word);
    Dtype type = dtype_from_text(text, strlen(text));
    if (type != DT_NONE) {
        if (st->accumulator != DT_NONE)
            parse_error(r->p, word.at, E_SYNTAX, "a second accumulator type");
        st->accumulator = type;
        return;
    }
    Nearest nearest = nearest_to(text, strlen(text));
    for (unsigned o = ORDER_FMA; o <= ORDER_LAST; o++) {
        nearest_offer(&nearest, orders[o]);
        if (strcmp(text, orders[o]) != 0)
            continue;
        if (st->order != ORDER_PLAIN)
            parse_error(r->p, word.at, E_SYNTAX, "a second order of the reduction");
        st->order = (Contraction)o;
        return;
    }
    unknown_name(r, word, "modifier of a reduction", nearest.best);
}

static Dtype target_type(const Resolve *r, const Statement *st)
{
    return st->n_targets == 0 ? DT_NONE : tensor_at(r->cs, st->targets[0].tensor)->type;
}

static Dtype expr_type(const Resolve *r, ExprId e)
{
    return e.i == 0 ? DT_NONE : expr_at(r->cs, e)->type;
}

static void set_definition(Resolve *r, const SynItem *item, Statement *st)
{
    const char *name = word_text(r, item->reduce.name);
    st->reduction = reduction_named(name, strlen(name));
    for (uint32_t k = 0; k < item->reduce.words.n; k++)
        set_modifier(r, item->reduce.words.at[k], st);
    st->n_reduced = item->reduce.ranks.n;
    st->reduced = rank_list(r, &item->reduce.ranks);
    bool position = st->reduction == RED_ARGMAX || st->reduction == RED_ARGMIN;
    Dtype want = position ? DT_NONE : target_type(r, st);
    st->body = resolve_expr(r, item->body, AS_VALUE, want, st->accumulator);
    Dtype sum = st->accumulator != DT_NONE ? st->accumulator : expr_type(r, st->body);
    st->from = resolve_expr(r, item->reduce.from, AS_VALUE, sum, DT_NONE);
    st->condition = resolve_expr(r, item->reduce.condition, AS_CONDITION, DT_BOOL, DT_NONE);
}

static void set_scatter(Resolve *r, const SynItem *item, Statement *st)
{
    if (item->scatter.name.name.i == 0)
        return;
    const char *name = word_text(r, item->scatter.name);
    st->scatter = reduction_named(name, strlen(name));
    st->n_scatter = item->scatter_index.n;
    st->scatter_index = expr_list(r, &item->scatter_index);
    st->scatter_condition = resolve_expr(r, item->scatter.condition, AS_CONDITION, DT_BOOL, DT_NONE);
    st->scatter_value = resolve_expr(r, item->scatter_value, AS_VALUE, target_type(r, st), DT_NONE);
}

static void set_host(Resolve *r, const SynItem *item, Statement *st)
{
    const char *name = word_text(r, item->host);
    st->kind = ST_HOST;
    st->hostop = hostop_named(name, strlen(name));
    if (st->hostop == HOSTOP_NONE) {
        Nearest nearest = nearest_to(name, strlen(name));
        for (int op = 1; op < HOSTOP_COUNT; op++)
            nearest_offer(&nearest, hostop_info((HostOp)op)->text);
        unknown_name(r, item->host, "host operation", nearest.best);
    }
    st->n_args = item->args.n;
    st->args = ARENA_ARRAY(&r->p->cx->arena, HostArg, item->args.n);
    for (uint32_t k = 0; k < item->args.n; k++) {
        const SynArg *arg = &item->args.at[k];
        if (arg->keyed) {
            st->args[k].key = arg->name.name;
            st->args[k].literal = resolve_expr(r, arg->literal, AS_VALUE, DT_NONE, DT_NONE);
        } else {
            st->args[k] = (HostArg){.tensor = resolve_tensor(r, arg->name), .n_ranks = arg->ranks.n};
            st->args[k].ranks = rank_list(r, &arg->ranks);
        }
    }
}

static Name *provenance(Resolve *r, const SynWords *words)
{
    Name *names = ARENA_ARRAY(&r->p->cx->arena, Name, words->n);
    for (uint32_t k = 0; k < words->n; k++)
        names[k] = words->at[k].name;
    return names;
}

static Statement define(Resolve *r, const SynItem *item)
{
    Statement st = {.kind = ST_DEFINE, .out = item->out};
    set_targets(r, item, &st);
    if (item->host.name.i != 0) {
        set_host(r, item, &st);
    } else {
        set_definition(r, item, &st);
        set_scatter(r, item, &st);
        if (st.n_targets != 1)
            parse_error(r->p, item->targets.at[1].name.at, E_SYNTAX, "several targets: host operations only");
    }
    st.n_provenance = item->provenance.n;
    st.provenance = provenance(r, &item->provenance);
    return st;
}

static Block block(Resolve *r, const SynItems *items)
{
    cascade_open(r->cs);
    resolve_items(r, items);
    return cascade_close(r->cs);
}

static Statement region(Resolve *r, const SynItem *item)
{
    Statement st = {.kind = item->kind == SYNITEM_IF ? ST_IF : ST_ITERATE, .rank = item->rank};
    if (item->scalar.count)
        st.trip_count_of = resolve_rank(r, item->scalar.name);
    else if (item->scalar.name.name.i != 0)
        st.trip = resolve_tensor(r, item->scalar.name);
    st.access = resolve_expr(r, item->access, AS_VALUE, DT_BOOL, DT_NONE);
    st.body_items = block(r, &item->then_items);
    st.else_items = block(r, &item->else_items);
    return st;
}

static Statement statement(Resolve *r, const SynItem *item)
{
    switch (item->kind) {
    case SYNITEM_RANK:
        return (Statement){.kind = ST_RANK, .rank = item->rank};
    case SYNITEM_DECLARE:
    case SYNITEM_OUT:
        return (Statement){.kind = ST_TENSOR, .tensor = {r->symbols[item->targets.at[0].name.name.i].id}};
    case SYNITEM_DEFINE:
        return define(r, item);
    case SYNITEM_ITERATE:
    case SYNITEM_IF:
        break;
    }
    return region(r, item);
}

void resolve_items(Resolve *r, const SynItems *items)
{
    for (uint32_t i = 0; i < items->n; i++) {
        Statement st = statement(r, items->at[i]);
        st.place = item_place(r, items->at[i]);
        StatementId id = cascade_add_statement(r->cs, st);
        cascade_item(r->cs, id);
        if (st.kind == ST_ITERATE && st.rank.i != 0)
            rank_at(r->cs, st.rank)->region = id;
    }
}
