/*
 * ir/mapping_print.c: a mapping as canonical text: splits and fusions, the tree, places; a subtree that fits stays on
 * one line.
 */
#include <string.h>

#include "ir/mapping.h"
#include "support/text.h"

enum { MAP_LINE = 100 };

typedef struct MapPrinter {
    const Mapping *m;
    Text *out;
    uint32_t *count;  /* definitions of each tensor */
    uint32_t *number; /* of each statement: which of its tensor's */
} MapPrinter;

static const char *part_text(const MapPrinter *p, PartId part)
{
    return cx_text(p->m->cs->cx, part_at(p->m, part)->name);
}

static void print_leaf(const MapPrinter *p, StatementId statement, Text *out)
{
    TensorId tensor = statement_at(p->m->cs, statement)->targets[0].tensor;
    text_printf(out, "%s", tensor_name(p->m->cs, tensor));
    if (p->count[tensor.i] > 1)
        text_printf(out, ".%u", p->number[statement.i]);
}

static void print_literal(const Cascade *cs, ExprId e, Text *out)
{
    const Expr *x = expr_at(cs, e);
    if (x->decimal || x->kind != EX_LITERAL)
        text_decimal(out, x->f, DT_F64);
    else
        text_printf(out, "%lld", (long long)x->i);
}

static void print_split(const MapPrinter *p, const Split *split)
{
    text_printf(p->out, "  split %s -> ", part_text(p, split->parent));
    for (uint32_t k = 0; k < split->n; k++) {
        text_printf(p->out, "%s%s", k == 0 ? "" : ", ", part_text(p, split->parts[k]));
        if (k != 0)
            text_printf(p->out, " = %lld", (long long)part_at(p->m, split->parts[k])->extent);
    }
    if (split->edge == EDGE_OVERLAP)
        text_printf(p->out, " overlap");
    if (split->edge == EDGE_PAD) {
        text_printf(p->out, " pad ");
        print_literal(p->m->cs, split->pad, p->out);
    }
    text_printf(p->out, "\n");
}

static void print_parts(const MapPrinter *p, uint32_t n, const PartId *parts)
{
    for (uint32_t k = 0; k < n; k++)
        text_printf(p->out, "%s%s", k == 0 ? "" : ", ", part_text(p, parts[k]));
}

static void print_fusion(const MapPrinter *p, const Fusion *fusion)
{
    const Part *part = part_at(p->m, fusion->part);
    text_printf(p->out, "  fuse (");
    print_parts(p, part->n_joined, part->joined);
    text_printf(p->out, ") -> %s\n", cx_text(p->m->cs->cx, part->name));
}

/* A node without its children. */
static void print_head(const MapPrinter *p, const MapNode *node, Text *out)
{
    static const char *const roles[] = {[ROLE_NONE] = "", [ROLE_FOR] = "for", [ROLE_PIPE] = "pipe",
                                        [ROLE_UNROLL] = "unroll", [ROLE_LANE] = "lane", [ROLE_UNIT] = "unit",
                                        [ROLE_STAGE] = "stage", [ROLE_LEAF] = ""};
    static const char *const combines[] = {[COMBINE_NONE] = "", [COMBINE_TREE] = " tree", [COMBINE_PAIRS] = " pairs",
                                           [COMBINE_SEQ] = " seq", [COMBINE_CHAIN] = " chain"};
    if (node->role == ROLE_LEAF) {
        print_leaf(p, node->statement, out);
        return;
    }
    const char *unit = cx_text(p->m->cs->cx, node->unit);
    text_printf(out, "%s", roles[node->role]);
    if (node->role == ROLE_UNIT)
        text_printf(out, "(%s)", unit);
    if (node->role == ROLE_STAGE)
        text_printf(out, "%s%s", unit[0] != '\0' ? " " : "", unit);
    else
        text_printf(out, " %s", part_text(p, node->part));
    if (node->window != WINDOW_NONE) {
        text_printf(out, " %s ", node->window == WINDOW_NEEDED ? "needed by" : "new to");
        print_leaf(p, node->window_leaf, out);
    }
    text_printf(out, "%s%s", combines[node->combine], node->each ? " each" : "");
}

/* A subtree on one line; stops early when it gets longer than a line. */
static void print_short(const MapPrinter *p, MapNodeId id, Text *out)
{
    const MapNode *node = node_at(p->m, id);
    print_head(p, node, out);
    if (node->role == ROLE_LEAF || out->n > MAP_LINE)
        return;
    text_printf(out, " { ");
    for (MapNodeId c = node->first; c.i != 0 && out->n <= MAP_LINE; c = node_at(p->m, c)->next) {
        print_short(p, c, out);
        text_printf(out, " ");
    }
    text_printf(out, "}");
}

static void print_nodes(const MapPrinter *p, MapNodeId first, unsigned indent)
{
    bool leaves = false; /* leaves stand beside each other */
    for (MapNodeId c = first; c.i != 0; c = node_at(p->m, c)->next) {
        const MapNode *node = node_at(p->m, c);
        if (node->role == ROLE_LEAF) {
            text_printf(p->out, "%*s", leaves ? 1 : (int)indent, "");
            print_leaf(p, node->statement, p->out);
            leaves = true;
            continue;
        }
        Text line;
        text_init(&line, &p->m->cs->cx->arena);
        print_short(p, c, &line);
        text_printf(p->out, "%s", leaves ? "\n" : "");
        leaves = false;
        if (indent + line.n <= MAP_LINE) {
            text_printf(p->out, "%*s%s\n", (int)indent, "", line.at);
            continue;
        }
        text_printf(p->out, "%*s", (int)indent, "");
        print_head(p, node, p->out);
        text_printf(p->out, " {\n");
        print_nodes(p, node->first, indent + 2);
        text_printf(p->out, "%*s}\n", (int)indent, "");
    }
    text_printf(p->out, "%s", leaves ? "\n" : "");
}

static void print_place(const MapPrinter *p, const PlaceLine *place)
{
    text_printf(p->out, "  %s in %s", tensor_name(p->m->cs, place->tensor), cx_text(p->m->cs->cx, place->level));
    if (place->has_layout) {
        text_printf(p->out, " [");
        print_parts(p, place->n_parts, place->parts);
        text_printf(p->out, "]");
    }
    if (place->times != 0)
        text_printf(p->out, " x%u", place->times);
    if (place->align != 0)
        text_printf(p->out, " align %u", place->align);
    text_printf(p->out, "\n");
}

static void number_definitions(MapPrinter *p)
{
    const Cascade *cs = p->m->cs;
    StatementId *all;
    uint32_t n = mapping_definitions(cs, &all);
    p->count = ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->tensors.n);
    p->number = ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->statements.n);
    for (uint32_t i = 0; i < n; i++)
        p->number[all[i].i] = p->count[statement_at(cs, all[i])->targets[0].tensor.i]++;
}

void mapping_print(const Mapping *m, Text *out)
{
    MapPrinter p = {.m = m, .out = out};
    number_definitions(&p);
    text_printf(out, "map %s on %s {\n", cx_text(m->cs->cx, m->name), cx_text(m->cs->cx, m->machine));
    for (uint32_t i = 0; i < m->clauses.n; i++) {
        const Clause *clause = &m->clauses.at[i];
        if (clause->kind == CLAUSE_SPLIT)
            print_split(&p, &m->splits.at[clause->i]);
        else
            print_fusion(&p, &m->fusions.at[clause->i]);
    }
    print_nodes(&p, m->root, 2);
    for (uint32_t i = 0; i < m->places.n; i++)
        print_place(&p, &m->places.at[i]);
    text_printf(out, "}\n");
}
