/*
 * ir/mapping_parse.c: resolves the names of maps and builds them.
 */
#include "ir/mapping_parse.h"

#include <string.h>

#include "ir/group.h"
#include "support/nearest.h"

enum { MAP_MOST_CLAUSES = 256 };

static Place word_place(const MappingParse *p, MapWord at)
{
    return place_text(p->source, at.line, at.column, at.end_column);
}

void mapping_parse_error(MappingParse *p, MapWord at, DiagId id, const char *a, const char *b)
{
    if (id == E_NO_NAME || id == E_DUPLICATE)
        diag(&p->cx->diag, word_place(p, at), id, a, b);
    else
        diag(&p->cx->diag, word_place(p, at), id, a);
    p->failed = true;
}

static const char *text_of(const MappingParse *p, MapWord word)
{
    return cx_text(p->cx, word.name);
}

/* ---- names of the cascade ---- */

typedef struct DefinitionList {
    const Cascade *cs;
    VEC(StatementId) list;
} DefinitionList;

static void collect_definitions(DefinitionList *d, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(d->cs, block->at[i]);
        if (st->kind == ST_DEFINE)
            vec_push(&d->cs->cx->arena, &d->list, block->at[i]);
        if (st->kind == ST_ITERATE || st->kind == ST_IF) {
            collect_definitions(d, &st->body_items);
            collect_definitions(d, &st->else_items);
        }
    }
}

uint32_t mapping_definitions(const Cascade *cs, StatementId **out_definitions)
{
    DefinitionList d = {.cs = cs};
    collect_definitions(&d, &cs->top);
    *out_definitions = d.list.at;
    return d.list.n;
}

/* Names of ranks and tensors, and the definitions of each tensor in text order. */
static void index_names(MappingParse *p)
{
    Arena *arena = &p->cx->arena;
    const Cascade *cs = p->cs;
    StatementId *all;
    p->n_names = p->cx->names.n + 1;
    p->rank_of = ARENA_ARRAY(arena, RankId, p->n_names);
    p->tensor_of = ARENA_ARRAY(arena, TensorId, p->n_names);
    for (uint32_t i = 1; i < cs->ranks.n; i++)
        p->rank_of[cs->ranks.at[i].name.i] = (RankId){i};
    for (uint32_t i = 1; i < cs->tensors.n; i++)
        p->tensor_of[cs->tensors.at[i].name.i] = (TensorId){i};
    p->n_definitions = mapping_definitions(cs, &all);
    p->first_definition = ARENA_ARRAY(arena, uint32_t, cs->tensors.n + 2);
    p->definitions = ARENA_ARRAY(arena, StatementId, p->n_definitions);
    uint32_t *start = p->first_definition;
    for (uint32_t i = 0; i < p->n_definitions; i++)
        start[statement_at(cs, all[i])->targets[0].tensor.i + 1]++;
    for (uint32_t t = 1; t <= cs->tensors.n; t++)
        start[t] += start[t - 1];
    uint32_t *next = arena_copy(arena, start, (cs->tensors.n + 2) * sizeof *start);
    for (uint32_t i = 0; i < p->n_definitions; i++)
        p->definitions[next[statement_at(cs, all[i])->targets[0].tensor.i]++] = all[i];
}

static RankId find_rank(const MappingParse *p, Name name)
{
    return name.i < p->n_names ? p->rank_of[name.i] : (RankId){0};
}

static TensorId find_tensor(const MappingParse *p, Name name)
{
    return name.i < p->n_names ? p->tensor_of[name.i] : (TensorId){0};
}

/* ---- parts ---- */

static PartId find_part(MappingParse *p, MapWord word)
{
    PartId part = mapping_part_named(p->m, word.name);
    if (part.i != 0)
        return part;
    RankId rank = find_rank(p, word.name);
    if (rank.i != 0)
        return mapping_part(p->m, rank);
    mapping_parse_error(p, word, E_NO_NAME, "part or rank", text_of(p, word));
    Nearest nearest = nearest_to(text_of(p, word), strlen(text_of(p, word)));
    for (uint32_t i = 1; i < p->m->parts.n; i++)
        nearest_offer(&nearest, cx_text(p->cx, p->m->parts.at[i].name));
    if (nearest.best != NULL)
        diag_note(&p->cx->diag, "did you mean '%s'?", nearest.best);
    return part;
}

/* A name that a clause gives: new among the parts. */
static bool name_is_new(MappingParse *p, MapWord word)
{
    if (mapping_part_named(p->m, word.name).i == 0)
        return true;
    mapping_parse_error(p, word, E_DUPLICATE, text_of(p, word), "part");
    return false;
}

static bool room_for_clause(MappingParse *p, MapWord at)
{
    if (p->m->clauses.n < MAP_MOST_CLAUSES)
        return true;
    diag(&p->cx->diag, word_place(p, at), E_LIMIT, "splits and fusions of a map", (long long)p->m->clauses.n + 1,
         (long long)MAP_MOST_CLAUSES, "fixed");
    p->failed = true;
    return false;
}

void mapping_parse_split(MappingParse *p, MapWord parent, MapWord outer, const MapWords *inner, EdgeRule edge, double pad,
                         bool pad_whole)
{
    Arena *arena = &p->cx->arena;
    PartId whole = find_part(p, parent);
    uint32_t n = inner->list.n + 1;
    Name *names = ARENA_ARRAY(arena, Name, n);
    PartId *parts = ARENA_ARRAY(arena, PartId, n);
    int64_t stride = 1;
    bool good = whole.i != 0 && room_for_clause(p, parent) && name_is_new(p, outer);
    names[0] = outer.name;
    for (uint32_t k = 1; k < n; k++) {
        MapWord word = inner->list.at[k - 1];
        names[k] = word.name;
        good = name_is_new(p, word) && good;
        for (uint32_t j = 0; j < k; j++)
            if (name_is(names[j], word.name)) {
                mapping_parse_error(p, word, E_DUPLICATE, text_of(p, word), "part");
                good = false;
            }
        int64_t extent = inner->numbers.at[k - 1];
        if (extent < 1 || __builtin_mul_overflow(stride, extent, &stride)) {
            mapping_parse_error(p, word, E_SYNTAX, "the extent of a part is at least 1, and their product fits in 63 bits", NULL);
            good = false;
            stride = 1;
        }
    }
    if (!good)
        return;
    ExprId literal = {0};
    if (edge == EDGE_PAD)
        literal = pad_whole ? ex_literal_int(p->cs, DT_I64, (int64_t)pad) : ex_literal(p->cs, DT_F64, pad);
    mapping_split(p->m, whole, n, names, inner->numbers.at, edge, literal, parts);
    p->m->splits.at[p->m->splits.n - 1].line = parent.line;
}

void mapping_parse_fuse(MappingParse *p, const MapWords *parts, MapWord name)
{
    uint32_t n = parts->list.n;
    PartId *joined = ARENA_ARRAY(&p->cx->arena, PartId, n);
    bool good = room_for_clause(p, name) && name_is_new(p, name);
    int64_t extent = 1;
    for (uint32_t k = 0; k < n; k++) {
        MapWord word = parts->list.at[k];
        joined[k] = find_part(p, word);
        for (uint32_t j = 0; j < k; j++)
            if (joined[j].i == joined[k].i && joined[k].i != 0) {
                mapping_parse_error(p, word, E_DUPLICATE, text_of(p, word), "part of the fusion");
                good = false;
            }
        good = good && joined[k].i != 0;
        if (good && __builtin_mul_overflow(extent, part_at(p->m, joined[k])->extent, &extent)) {
            mapping_parse_error(p, word, E_SYNTAX, "the extent of a fusion fits in 63 bits", NULL);
            good = false;
        }
    }
    if (!good)
        return;
    mapping_fuse(p->m, name.name, n, joined);
    p->m->fusions.at[p->m->fusions.n - 1].line = name.line;
}

/* ---- leaves ---- */

static uint32_t definition_count(const MappingParse *p, TensorId tensor)
{
    return p->first_definition[tensor.i + 1] - p->first_definition[tensor.i];
}

static StatementId find_leaf(MappingParse *p, const MapLeaf *leaf)
{
    const char *text = text_of(p, leaf->word);
    TensorId tensor = find_tensor(p, leaf->word.name);
    if (tensor.i == 0) {
        mapping_parse_error(p, leaf->word, E_NO_TENSOR, text, NULL);
        Nearest nearest = nearest_to(text, strlen(text));
        for (uint32_t i = 1; i < p->cs->tensors.n; i++)
            nearest_offer(&nearest, tensor_name(p->cs, (TensorId){i}));
        if (nearest.best != NULL)
            diag_note(&p->cx->diag, "did you mean '%s'?", nearest.best);
        return (StatementId){0};
    }
    uint32_t n = definition_count(p, tensor);
    int64_t number = leaf->numbered ? leaf->number : 0;
    if (n == 0 || (n > 1 && !leaf->numbered) || number < 0 || number >= n) {
        const char *why = n == 0 ? arena_printf(&p->cx->arena, "no statement defines '%s'", text)
                                 : arena_printf(&p->cx->arena, "'%s' has %u definitions: '%s.0' to '%s.%u'", text, n,
                                                text, text, n - 1);
        mapping_parse_error(p, leaf->word, E_SYNTAX, why, NULL);
        return (StatementId){0};
    }
    return p->definitions[p->first_definition[tensor.i] + (uint32_t)number];
}

MapNodeId mapping_parse_node(MappingParse *p, MapNode node, MapPending names, uint32_t line)
{
    node.line = line;
    MapNodeId id = mapping_node(p->m, node);
    while (p->pending.n < id.i)
        vec_push(&p->cx->arena, &p->pending, (MapPending){0});
    vec_push(&p->cx->arena, &p->pending, names);
    return id;
}

void mapping_parse_place(MappingParse *p, MapWord tensor, MapWord level, MapWords *parts, int64_t times, int64_t align)
{
    if (times < 0 || align < 0 || times > UINT32_MAX || align > UINT32_MAX)
        mapping_parse_error(p, tensor, E_SYNTAX, "counts of buffers and alignments are at least 1 and fit in 32 bits", NULL);
    MapPendingPlace place = {.tensor = tensor, .parts = parts};
    place.line = (PlaceLine){.level = level.name, .has_layout = parts != NULL, .times = (uint32_t)times,
                             .align = (uint32_t)align, .line = tensor.line};
    vec_push(&p->cx->arena, &p->places, place);
}

/* ---- a map from its brace to its brace ---- */

void mapping_parse_begin(MappingParse *p, MapWord name, MapWord machine)
{
    p->m = mapping_new(p->cs, name.name, machine.name, 0, NULL);
    p->m->source = p->source;
    p->m->line = name.line;
    p->title = name;
    p->pending.n = p->places.n = 0;
}

static void resolve_nodes(MappingParse *p)
{
    for (uint32_t i = 1; i < p->m->nodes.n && i < p->pending.n; i++) {
        const MapPending *names = &p->pending.at[i];
        Role role = p->m->nodes.at[i].role;
        PartId part = {0};
        StatementId statement = {0}, window = {0};
        if (role == ROLE_LEAF)
            statement = find_leaf(p, &names->leaf);
        else if (role != ROLE_STAGE)
            part = find_part(p, names->part);
        if (p->m->nodes.at[i].window != WINDOW_NONE)
            window = find_leaf(p, &names->window);
        MapNode *node = &p->m->nodes.at[i];
        node->part = part;
        node->statement = statement;
        node->window_leaf = window;
    }
}

static void resolve_places(MappingParse *p)
{
    for (uint32_t i = 0; i < p->places.n; i++) {
        MapPendingPlace *place = &p->places.at[i];
        place->line.tensor = find_tensor(p, place->tensor.name);
        if (place->line.tensor.i == 0)
            mapping_parse_error(p, place->tensor, E_NO_TENSOR, text_of(p, place->tensor), NULL);
        uint32_t n = place->parts == NULL ? 0 : place->parts->list.n;
        PartId *parts = ARENA_ARRAY(&p->cx->arena, PartId, n);
        for (uint32_t k = 0; k < n; k++)
            parts[k] = find_part(p, place->parts->list.at[k]);
        place->line.n_parts = n;
        place->line.parts = parts;
        mapping_place(p->m, place->line);
    }
}

/* The statements of the map's group. */
static void resolve_group(MappingParse *p)
{
    Mapping *m = p->m;
    if (p->groups != NULL) {
        Nearest nearest = nearest_to(text_of(p, p->title), strlen(text_of(p, p->title)));
        for (uint32_t g = 0; g < p->groups->list.n; g++) {
            const Group *group = &p->groups->list.at[g];
            if (name_is(group->name, m->name)) {
                m->n_statements = group->n;
                m->statements = group->statements;
                return;
            }
            nearest_offer(&nearest, cx_text(p->cx, group->name));
        }
        mapping_parse_error(p, p->title, E_NO_NAME, "group", text_of(p, p->title));
        if (nearest.best != NULL)
            diag_note(&p->cx->diag, "did you mean '%s'?", nearest.best);
        return;
    }
    bool *in_tree = ARENA_ARRAY(&p->cx->arena, bool, p->cs->statements.n);
    for (uint32_t i = 1; i < m->nodes.n; i++)
        in_tree[m->nodes.at[i].statement.i] = true;
    StatementId *all;
    uint32_t n = mapping_definitions(p->cs, &all);
    m->statements = all;
    for (uint32_t i = 0; i < n; i++)
        if (name_is(m->name, p->cs->name) || in_tree[all[i].i])
            m->statements[m->n_statements++] = all[i];
}

/* New names of parts are new among the ranks of the group. */
static void check_new_names(MappingParse *p)
{
    const Mapping *m = p->m;
    bool *used = ARENA_ARRAY(&p->cx->arena, bool, p->cs->ranks.n);
    RankId ranks[CASCADE_MAX_RANKS];
    for (uint32_t i = 0; i < m->n_statements; i++) {
        const Statement *st = statement_at(p->cs, m->statements[i]);
        uint32_t n = target_ranks(p->cs, st, ranks, CASCADE_MAX_RANKS);
        for (uint32_t k = 0; k < n; k++)
            used[ranks[k].i] = true;
    }
    for (uint32_t i = 1; i < m->parts.n; i++) {
        RankId rank = m->parts.at[i].origin == PART_RANK ? (RankId){0} : find_rank(p, m->parts.at[i].name);
        if (rank.i != 0 && used[rank.i]) {
            MapWord at = p->title;
            at.name = m->parts.at[i].name;
            mapping_parse_error(p, at, E_DUPLICATE, text_of(p, at), "rank of the group");
        }
    }
}

void mapping_parse_end(MappingParse *p)
{
    resolve_nodes(p);
    resolve_places(p);
    if (p->failed)
        return;
    resolve_group(p);
    check_new_names(p);
    vec_push(&p->cx->arena, &p->maps, p->m);
}

weir_status mapping_parse_all(weir_context *cx, const Source *source, Cascade *cs, const struct Groups *groups,
                              uint32_t *out_n, Mapping ***out_mappings)
{
    MappingParse p = {.cx = cx, .source = source, .cs = cs, .groups = groups, .line = 1, .column = 1};
    if (source->bytes > INT32_MAX) {
        diag(&cx->diag, place_file(source), E_LIMIT, "bytes of a text", (long long)source->bytes, (long long)INT32_MAX, "fixed");
        return WEIR_LIMIT;
    }
    index_names(&p);
    if (mapping_run_grammar(&p) != 0 || p.failed)
        return WEIR_MALFORMED;
    *out_n = p.maps.n;
    *out_mappings = p.maps.at;
    return WEIR_OK;
}

weir_status mapping_parse(weir_context *cx, const Source *source, Cascade *cs, Mapping **out_mapping)
{
    uint32_t n;
    Mapping **mappings;
    TRY(mapping_parse_all(cx, source, cs, NULL, &n, &mappings));
    if (n != 1) {
        diag(&cx->diag, place_text(source, 1, 1, 1), E_SYNTAX, "one map is wanted here");
        return WEIR_MALFORMED;
    }
    *out_mapping = mappings[0];
    return WEIR_OK;
}
