/*
 * ir/mapping.h: when and where a group of statements runs. The language: docs/mapping.md.
 *
 * A mapping belongs to one group (a list of statements of one cascade). Parts are pieces of ranks: a whole rank, a part
 * of a split, or a fusion of parts. The tree gives loops over parts with a role, statements at its leaves, in
 * execution order. Places say where tensors live and how they are laid out.
 */
#ifndef WEIR_IR_MAPPING_H
#define WEIR_IR_MAPPING_H

#include "ir/cascade.h"
#include "ir/machine.h"

typedef struct PartId { uint32_t i; } PartId;
typedef struct MapNodeId { uint32_t i; } MapNodeId;

typedef enum PartOrigin { PART_RANK, PART_SPLIT, PART_FUSED } PartOrigin;
typedef enum EdgeRule { EDGE_GUARD, EDGE_OVERLAP, EDGE_PAD } EdgeRule;

typedef struct Part {
    Name name;
    PartOrigin origin;
    RankId rank;      /* PART_RANK */
    PartId parent;    /* PART_SPLIT: what was split */
    int64_t extent;   /* points; the outermost part of a split has ceil(parent / stride) */
    int64_t stride;   /* PART_SPLIT: the parent's coordinate is the sum of stride * coordinate over its parts */
    uint32_t n_joined; /* PART_FUSED: major to minor */
    PartId *joined;
    bool is_split;    /* has parts of its own */
} Part;

/* `split parent -> parts`, outer to inner. */
typedef struct Split {
    PartId parent;
    uint32_t n;
    PartId *parts;
    EdgeRule edge;
    ExprId pad; /* EDGE_PAD: a literal */
    uint32_t line; /* in Mapping.source; 0: built. So are all `line`s here. */
} Split;

typedef struct Fusion {
    PartId part; /* the PART_FUSED */
    uint32_t line;
} Fusion;

typedef enum Role { ROLE_NONE, ROLE_FOR, ROLE_PIPE, ROLE_UNROLL, ROLE_LANE, ROLE_UNIT, ROLE_STAGE, ROLE_LEAF } Role;
typedef enum Combine { COMBINE_NONE, COMBINE_TREE, COMBINE_PAIRS, COMBINE_SEQ, COMBINE_CHAIN } Combine;
typedef enum WindowKind { WINDOW_NONE, WINDOW_NEEDED, WINDOW_NEW } WindowKind;

typedef struct MapNode {
    Role role;
    PartId part;            /* loops */
    Name unit;              /* ROLE_UNIT, ROLE_STAGE: thread, pcu, bank .. */
    WindowKind window;      /* `needed by leaf`, `new to leaf` */
    StatementId window_leaf;
    Combine combine;
    bool each;
    StatementId statement;  /* ROLE_LEAF */
    MapNodeId parent;       /* 0: top level */
    MapNodeId first, next;  /* first child, next sibling */
    MapNodeId last;         /* last child */
    uint32_t line;
} MapNode;

typedef struct PlaceLine {
    TensorId tensor;
    Name level;             /* reg, scratch, arena, packed .. */
    bool has_layout;
    uint32_t n_parts;
    PartId *parts;          /* outer to inner */
    uint32_t times;         /* xN; 0: not written */
    uint32_t align;         /* bytes; 0: not written */
    uint32_t line;
} PlaceLine;

typedef enum ClauseKind { CLAUSE_SPLIT, CLAUSE_FUSE } ClauseKind;
typedef struct Clause { ClauseKind kind; uint32_t i; } Clause; /* splits and fuses in written order */

typedef struct Mapping {
    Cascade *cs;
    Name name;          /* the group's */
    Name machine;
    uint32_t n_statements; /* the group: definitions in cascade order */
    StatementId *statements;
    VEC(Part) parts;    /* [0] unused; whole ranks are added on demand */
    VEC(Split) splits;
    VEC(Fusion) fusions;
    VEC(Clause) clauses;
    VEC(MapNode) nodes; /* [0] unused */
    const Source *source; /* of the text; NULL when built */
    uint32_t line;        /* of its name in the text; 0 when built */
    MapNodeId root;     /* first top-level node (siblings by `next`) */
    MapNodeId last_root;
    VEC(PlaceLine) places;
} Mapping;

static inline Part *part_at(const Mapping *m, PartId id) { return &m->parts.at[id.i]; }
static inline MapNode *node_at(const Mapping *m, MapNodeId id) { return &m->nodes.at[id.i]; }

/* Line `line` of the map's text, or the map's own where it is 0. */
Place mapping_text_place(const Mapping *m, uint32_t line);

/* ---- building ---- */
Mapping *mapping_new(Cascade *cs, Name name, Name machine, uint32_t n, const StatementId *statements);
PartId mapping_part(Mapping *m, RankId rank); /* the whole rank, added if new */
PartId mapping_part_named(const Mapping *m, Name name);
/* Splits `parent` into inner.length + 1 parts; names are given, outer to inner. Returns the outermost in out_parts[0]. */
void mapping_split(Mapping *m, PartId parent, uint32_t n, const Name *names, const int64_t *inner_extents, EdgeRule edge,
                   ExprId pad, PartId *out_parts);
PartId mapping_fuse(Mapping *m, Name name, uint32_t n, const PartId *parts);
MapNodeId mapping_node(Mapping *m, MapNode node);              /* unlinked */
void mapping_append(Mapping *m, MapNodeId parent, MapNodeId child); /* parent 0: top level */
void mapping_place(Mapping *m, PlaceLine line);

/* The leaf of a statement; 0: it is not in the tree. */
MapNodeId mapping_leaf(const Mapping *m, StatementId statement);
/* The nodes around `node` from the top level down, `node` last. Returns their number (at most `most` are written). */
uint32_t mapping_path(const Mapping *m, MapNodeId node, MapNodeId *out_path, uint32_t most);
/* The leaves in execution order. */
uint32_t mapping_leaves(const Mapping *m, MapNodeId *out_leaves, uint32_t most);
/* True if `part` is the part of a rank of `ranks` or made of such parts only; *out_any: some of it is. */
bool mapping_part_of(const Mapping *m, PartId part, uint32_t n, const RankId *ranks, bool *out_any);
/* The split of `parent` whose parts are all marked in `have` (by part number); NULL: none. */
const Split *mapping_split_of(const Mapping *m, PartId parent, const bool *have);

/* The coordinate of a rank or part as an index expression over part coordinates: `part_rank` (by part number) gives the
 * RankId that stands for a part in the result, 0 for parts that are made of others. The expression is made in `cs`: the
 * mapping's cascade or a copy of it. {0} if the parts that are given don't make up `part`. */
ExprId mapping_coordinate(const Mapping *m, Cascade *cs, PartId part, const RankId *part_rank);

/* ---- text, checks, pinning ---- */
/* All maps of a text (as `weir plan` prints them); names are resolved in `cs`. The statements of a map are those of the
 * group of its name in `groups`; without groups all definitions of the cascade if the map has its name, else the map's leaves. */
struct Groups;
MUST_USE weir_status mapping_parse_all(weir_context *cx, const Source *source, Cascade *cs, const struct Groups *groups,
                                       uint32_t *out_n, Mapping ***out_mappings);
/* The same for a text of one map. */
MUST_USE weir_status mapping_parse(weir_context *cx, const Source *source, Cascade *cs, Mapping **out_mapping);
/* The definitions (ST_DEFINE) of a cascade in text order; regions are entered. */
uint32_t mapping_definitions(const Cascade *cs, StatementId **out_definitions);
struct Text;
void mapping_print(const Mapping *m, struct Text *out);
/* Checks the rules of ir/mapping_rules.def; reports every breach (E_MAPPING with the line, if the map was a text);
 * WEIR_INVALID if there is one. `machine` is the one the map names, or the one whose host side (NAME.host) it names. */
MUST_USE weir_status mapping_verify(const Mapping *m, const Machine *machine);

/* A pinned copy of `cs`: each statement of each mapping's group is replaced by the statements of docs/mapping.md section 3,
 * in which the order of every order-dependent reduction is written down. Statements outside every group must have
 * no order-dependent reduction or are pinned to the written order (`sum`, with fma if the machine has it). */
MUST_USE weir_status pin(Cascade *cs, uint32_t n, Mapping *const *mappings, const Machine *machine, Cascade **out_pinned);

#endif
