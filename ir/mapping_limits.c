/*
 * ir/mapping_limits.c: what the machine allows: lanes, units, levels and their capacity.
 */
#include <string.h>

#include "ir/mapping_verify.h"
#include "support/nearest.h"

/* ---- counts ---- */

static bool count_fits(int64_t count, int64_t machine)
{
    return machine > 0 && count > 0 && (machine % count == 0 || count % machine == 0);
}

static const char *key_of(const MapVerify *v, const char *block, const char *key)
{
    return arena_printf(&v->cx->arena, "%s.%s", block, key);
}

/* The unit block that runs what stands below `node`; NULL: the machine itself. */
static const char *unit_around(const MapVerify *v, MapNodeId node)
{
    uint32_t block = 0;
    for (MapNodeId i = node; block == 0 && i.i != 0; i = node_at(v->m, i)->parent) {
        Name unit = node_at(v->m, i)->unit;
        block = unit.i == 0 ? 0 : machine_block(v->machine, "unit", cx_text(v->cx, unit));
    }
    if (block == 0)
        block = machine_block(v->machine, "unit", NULL);
    return block == 0 ? NULL : cx_text(v->cx, v->machine->entries.at[block].full);
}

static void check_lanes(MapVerify *v, MapNodeId id)
{
    const MapNode *node = node_at(v->m, id);
    int64_t count = part_at(v->m, node->part)->extent, lanes;
    const char *unit = v->host ? NULL : unit_around(v, id);
    if (unit == NULL) {
        lanes = machine_int(v->machine, v->side ? "host.lanes" : "lanes", 0);
    } else {
        lanes = machine_int(v->machine, key_of(v, unit, "lanes"), 0);
        if (count_fits(count, machine_int(v->machine, key_of(v, unit, "rows"), 0)) ||
            count_fits(count, machine_int(v->machine, key_of(v, unit, "cols"), 0)))
            return;
    }
    if (lanes > 0 && !count_fits(count, lanes))
        map_breach(v, MAPPING_COUNTS, node->line, "%lld lanes of %s neither divide the machine's %lld nor are a multiple",
                   (long long)count, map_part_name(v, node->part), (long long)lanes);
}

/* How many units of a kind the machine has; -1: as many as wanted; -2: no such kind. */
static int64_t unit_count(const MapVerify *v, const char *kind)
{
    static const struct { const char *kind, *key; } others[] = {
        {"channel", "channels"}, {"socket", "sockets"}, {"group", "bank_groups"}, {"agu", "ag.count"}, {"ag", "ag.count"}};
    if (v->host)
        return strcmp(kind, "thread") == 0 ? -1 : -2;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].kind, kind) == 0)
            return machine_int(v->machine, others[i].key, -2);
    int64_t count = machine_int(v->machine, key_of(v, kind, "count"), -2);
    return count == -2 && machine_find(v->machine, kind) != 0 ? -1 : count;
}

static void check_units(MapVerify *v, MapNodeId id)
{
    const MapNode *node = node_at(v->m, id);
    const char *kind = cx_text(v->cx, node->unit);
    int64_t most = unit_count(v, kind), count = 1;
    for (MapNodeId i = id; i.i != 0; i = node_at(v->m, i)->parent) {
        const MapNode *around = node_at(v->m, i);
        if (around->role == ROLE_UNIT && name_is(around->unit, node->unit) &&
            __builtin_mul_overflow(count, part_at(v->m, around->part)->extent, &count))
            count = INT64_MAX;
    }
    if (most == -2)
        map_breach(v, MAPPING_COUNTS, node->line, "%s has no units '%s'", cx_text(v->cx, v->m->machine), kind);
    else if (most >= 0 && count > most)
        map_breach(v, MAPPING_COUNTS, node->line, "%lld units %s; the machine has %lld", (long long)count, kind,
                   (long long)most);
}

static void check_stage(MapVerify *v, const MapNode *node)
{
    const char *kind = cx_text(v->cx, node->unit);
    if (kind[0] != '\0' && !v->host && unit_count(v, kind) == -2)
        map_breach(v, MAPPING_COUNTS, node->line, "%s has no units '%s'", cx_text(v->cx, v->m->machine), kind);
}

/* ---- levels ---- */

static bool word_in(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; n != 0 && (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* Levels that are no block of the machine file. */
static const char *own_levels(const MapVerify *v)
{
    if (v->side)
        return "host reg scratch arena packed mapped";
    if (v->host)
        return "reg scratch arena packed mapped";
    return strcmp(machine_word(v->machine, "kind", ""), "rdu") == 0 ? "reg stream host" : "acc reg host";
}

static bool level_known(const MapVerify *v, const char *level)
{
    if (word_in(own_levels(v), level))
        return true;
    uint32_t i = machine_find(v->machine, level);
    if (i == 0 || !v->machine->entries.at[i].is_block)
        return false;
    const char *class = cx_text(v->cx, v->machine->entries.at[i].class);
    return strcmp(class, "memory") == 0 || strcmp(class, "tier") == 0;
}

/* ---- rule 11 ---- */

/* Ranks that a tensor meets: its own and those of statements that read or write it. */
typedef struct Meeting {
    const Cascade *cs;
    TensorId tensor;
    bool meets;
} Meeting;

static void note_meeting(void *data, ExprId e)
{
    Meeting *meeting = data;
    meeting->meets = meeting->meets || expr_uses_tensor(meeting->cs, e, meeting->tensor);
}

static uint32_t add_ranks(uint32_t n, RankId *list, uint32_t most, uint32_t more, const RankId *ranks)
{
    for (uint32_t i = 0; i < more; i++) {
        bool there = false;
        for (uint32_t k = 0; k < n; k++)
            there = there || rank_same(list[k], ranks[i]);
        if (!there && n < most)
            list[n++] = ranks[i];
    }
    return n;
}

enum { MOST_MET = 256 };

static uint32_t ranks_met(const MapVerify *v, TensorId tensor, RankId *out_ranks)
{
    const TensorDecl *decl = tensor_at(v->cs, tensor);
    uint32_t n = 0;
    for (uint32_t d = 0; d < decl->n_dims; d++)
        n = add_ranks(n, out_ranks, MOST_MET, 1, &decl->dims[d].rank);
    for (uint32_t i = 0; i < v->n; i++) {
        Meeting meeting = {v->cs, tensor, v->views[i].st->targets[0].tensor.i == tensor.i};
        statement_exprs(v->cs, v->views[i].st, note_meeting, &meeting);
        if (meeting.meets)
            n = add_ranks(n, out_ranks, MOST_MET, v->views[i].n_ranks, v->views[i].ranks);
    }
    return n;
}

static void check_place(MapVerify *v, const PlaceLine *place)
{
    RankId ranks[MOST_MET];
    const char *level = cx_text(v->cx, place->level), *name = tensor_name(v->cs, place->tensor);
    if (!level_known(v, level)) {
        map_breach(v, MAPPING_PLACES, place->line, "%s has no level '%s'", cx_text(v->cx, v->m->machine), level);
        Nearest nearest = nearest_to(level, strlen(level));
        for (uint32_t i = 1; i < v->machine->entries.n; i++)
            if (v->machine->entries.at[i].is_block && level_known(v, cx_text(v->cx, v->machine->entries.at[i].full)))
                nearest_offer(&nearest, cx_text(v->cx, v->machine->entries.at[i].full));
        if (nearest.best != NULL)
            diag_note(&v->cx->diag, "did you mean '%s'?", nearest.best);
    }
    if (place->align != 0 && (place->align & (place->align - 1)) != 0)
        map_breach(v, MAPPING_PLACES, place->line, "%s: an alignment is a power of two", name);
    uint32_t n = ranks_met(v, place->tensor, ranks);
    for (uint32_t k = 0; k < place->n_parts; k++) {
        bool any, twice = false;
        for (uint32_t j = 0; j < k; j++)
            twice = twice || place->parts[j].i == place->parts[k].i;
        if (twice)
            map_breach(v, MAPPING_PLACES, place->line, "%s: the part %s is listed twice", name,
                       map_part_name(v, place->parts[k]));
        if (!mapping_part_of(v->m, place->parts[k], n, ranks, &any))
            map_breach(v, MAPPING_PLACES, place->line, "%s does not meet the part %s", name,
                       map_part_name(v, place->parts[k]));
    }
}

/* ---- rule 3 ---- */

/* Parts that a unit each has its own point of, and parts of loops in which an xN buffer turns over. */
static void mark_outside(const MapVerify *v, bool *of_units, bool *of_pipes)
{
    for (uint32_t i = 1; i < v->m->nodes.n; i++) {
        const MapNode *node = &v->m->nodes.at[i];
        if (node->role == ROLE_UNIT)
            of_units[node->part.i] = true;
        if (node->role != ROLE_PIPE)
            continue;
        for (MapNodeId k = {i}; k.i != 0; k = node_at(v->m, k)->parent)
            of_pipes[node_at(v->m, k)->part.i] = true;
    }
}

/* Elements of one buffer; clamped. */
static int64_t buffer_elements(const MapVerify *v, const PlaceLine *place, const bool *of_units, const bool *of_pipes)
{
    int64_t n = 1;
    for (uint32_t k = 0; k < place->n_parts; k++) {
        PartId part = place->parts[k];
        if (of_units[part.i] || (place->times >= 2 && of_pipes[part.i]))
            continue;
        if (__builtin_mul_overflow(n, part_at(v->m, part)->extent, &n))
            return INT64_MAX;
    }
    return __builtin_mul_overflow(n, place->times >= 2 ? place->times : 1, &n) ? INT64_MAX : n;
}

/* What a level holds, in bytes (`acc`: in elements, the largest place); -1: not limited or not known. */
static int64_t level_capacity(const MapVerify *v, const char *level)
{
    if (v->side)
        return -1;
    if (strcmp(level, "acc") == 0)
        return machine_int(v->machine, "accumulators", -1);
    return machine_int(v->machine, key_of(v, level, "bytes"), -1);
}

static void check_capacity(MapVerify *v)
{
    bool *of_units = ARENA_ARRAY(&v->cx->arena, bool, v->m->parts.n);
    bool *of_pipes = ARENA_ARRAY(&v->cx->arena, bool, v->m->parts.n);
    mark_outside(v, of_units, of_pipes);
    for (uint32_t i = 0; i < v->m->places.n; i++) {
        const PlaceLine *place = &v->m->places.at[i];
        const char *level = cx_text(v->cx, place->level);
        int64_t used = 0, most = level_capacity(v, level);
        bool first = true, elements = strcmp(level, "acc") == 0;
        for (uint32_t j = 0; j < i; j++)
            first = first && !name_is(v->m->places.at[j].level, place->level);
        for (uint32_t j = i; first && most >= 0 && j < v->m->places.n; j++) {
            const PlaceLine *other = &v->m->places.at[j];
            if (!name_is(other->level, place->level) || !other->has_layout)
                continue;
            int64_t n = buffer_elements(v, other, of_units, of_pipes);
            int64_t size = elements ? 1 : (int64_t)dtype_bytes(tensor_at(v->cs, other->tensor)->type);
            if (__builtin_mul_overflow(n, size, &n))
                n = INT64_MAX;
            if (elements)
                used = n > used ? n : used;
            else if (__builtin_add_overflow(used, n, &used))
                used = INT64_MAX;
        }
        if (first && most >= 0 && used > most)
            map_breach(v, MAPPING_CAPACITY, place->line, "%lld %s in %s, which holds %lld", (long long)used,
                       elements ? "accumulators" : "bytes", level, (long long)most);
    }
}

void map_check_limits(MapVerify *v)
{
    for (uint32_t i = 1; i < v->m->nodes.n; i++) {
        const MapNode *node = &v->m->nodes.at[i];
        if (node->role == ROLE_LANE)
            check_lanes(v, (MapNodeId){i});
        else if (node->role == ROLE_UNIT)
            check_units(v, (MapNodeId){i});
        else if (node->role == ROLE_STAGE)
            check_stage(v, node);
    }
    for (uint32_t i = 0; i < v->m->places.n; i++)
        check_place(v, &v->m->places.at[i]);
    check_capacity(v);
}
