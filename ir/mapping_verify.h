/*
 * ir/mapping_verify.h: what the rules of a mapping share (internal to ir/).
 */
#ifndef WEIR_IR_MAPPING_VERIFY_H
#define WEIR_IR_MAPPING_VERIFY_H

#include "ir/mapping.h"

typedef enum MappingRule {
#define MAPPING_RULE(number, id, doc) MAPPING_##id = number,
#include "ir/mapping_rules.def"
#undef MAPPING_RULE
} MappingRule;

enum { MAP_MOST_PATH = 256 };

/* A leaf with the nodes around it. */
typedef struct LeafView {
    MapNodeId leaf;
    StatementId id;
    const Statement *st;
    uint32_t n_path;
    MapNodeId *path; /* top level down, the leaf last */
    uint32_t n_ranks;
    RankId ranks[CASCADE_MAX_RANKS]; /* its iteration space */
} LeafView;

typedef struct MapVerify {
    const Mapping *m;
    const Machine *machine;
    const Cascade *cs;
    weir_context *cx;
    bool host;       /* runs on the host, or the host side of a device */
    bool side;       /* host side of a device */
    uint32_t n;
    LeafView *views; /* in execution order */
    bool failed;
} MapVerify;

void map_breach(MapVerify *v, MappingRule rule, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *map_part_name(const MapVerify *v, PartId part);
/* The name of a leaf's tensor. */
const char *map_leaf_name(const MapVerify *v, const LeafView *view);

/* Rules 4, 5, 9 and windows: ir/mapping_order.c. */
void map_check_order(MapVerify *v);
/* Rules 2, 3 and 11: ir/mapping_limits.c. */
void map_check_limits(MapVerify *v);

#endif
