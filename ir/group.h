/*
 * ir/group.h: the groups of a cascade: statements that are fused and mapped together.
 *
 * Keep: the statements of a group are ST_DEFINE items that stand next to each other in one list of items (top, a region's
 *       body, an arm); fuse reorders lists so that this holds. Host operations and regions belong to no group.
 *       A tensor is internal to a group if all its definitions and reads are in it and it is no output.
 */
#ifndef WEIR_IR_GROUP_H
#define WEIR_IR_GROUP_H

#include "ir/mapping.h"

typedef struct Group {
    Name name; /* CASCADE_0, CASCADE_1 .. in text order */
    uint32_t n;
    StatementId *statements;
    const char *strategy; /* the row that proposed the mapping */
    Mapping *mapping;     /* NULL until scheduled */
} Group;

typedef struct Groups {
    Cascade *cs;
    VEC(Group) list;
} Groups;

/* The number + 1 of the group of a statement; 0: none. Array of cs->statements.n entries in the arena. */
uint32_t *groups_by_statement(const Groups *groups);
/* True for tensors that exist only inside one group. Array of cs->tensors.n entries. */
bool *groups_internal(const Groups *groups);
/* A group printed as a cascade of its own name, with `in` for what it reads (--emit=groups). */
struct Text;
void groups_print(const Groups *groups, struct Text *out);

#endif
