/*
 * passes/schedule.c: asks the target's strategies for a mapping of each group.
 *
 * In:   groups of a cascade, a table of strategies. Out: mapping and strategy of each group.
 */
#include "passes/schedule.h"


static MapNodeId leaf(Mapping *m, StatementId id)
{
    return mapping_node(m, (MapNode){.role = ROLE_LEAF, .statement = id});
}

static MapNodeId append_loops(Mapping *m, MapNodeId parent, uint32_t n, const RankId *ranks)
{
    for (uint32_t k = 0; k < n; k++) {
        MapNodeId loop = mapping_node(m, (MapNode){.role = ROLE_FOR, .part = mapping_part(m, ranks[k])});
        mapping_append(m, parent, loop);
        parent = loop;
    }
    return parent;
}

Mapping *schedule_plain(const Scheduling *s)
{
    const Group *group = s->group;
    const Shape *shape = &s->shape;
    Name machine = s->pass->machine != NULL ? s->pass->machine->name : intern_text(&s->pass->cx->names, "host");
    Mapping *m = mapping_new(s->cs, group->name, machine, group->n, group->statements);
    MapNodeId kept = append_loops(m, (MapNodeId){0}, shape->n_kept, shape->rank);
    MapNodeId inner = append_loops(m, kept, shape->n_reduced, shape->rank + shape->n_kept);
    mapping_append(m, inner, leaf(m, group->statements[0]));
    for (uint32_t i = 1; i < group->n; i++)
        mapping_append(m, kept, leaf(m, group->statements[i]));
    return m;
}

static weir_status schedule_one(PassContext *p, Groups *groups, Group *group, const Strategy *table, uint32_t n)
{
    Scheduling s = {.pass = p, .cs = groups->cs, .group = group};
    s.lanes = p->machine != NULL ? machine_int(p->machine, "lanes", 8) : 8;
    s.fma = p->machine == NULL || machine_yes(p->machine, "fma", true);
    shape_of(groups->cs, group->statements[0], &s.shape);
    for (uint32_t k = 0; k < n && group->mapping == NULL; k++) {
        group->mapping = table[k].propose(&s);
        group->strategy = table[k].name;
    }
    if (group->mapping == NULL)
        weir_bug(p->cx, "no strategy for group %s", cx_text(p->cx, group->name));
    return WEIR_OK;
}

weir_status schedule_groups(PassContext *p, Groups *groups, const Strategy *table, uint32_t n)
{
    for (uint32_t g = 0; g < groups->list.n; g++)
        TRY(schedule_one(p, groups, &groups->list.at[g], table, n));
    return WEIR_OK;
}
