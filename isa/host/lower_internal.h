/*
 * isa/host/lower_internal.h: what the files of the lowering share.
 *
 * One GroupLower for each group: the tree with default loops filled in, which parts are bound to which counter, the state of
 * every split's edge, where each tensor lives.
 */
#ifndef WEIR_ISA_HOST_LOWER_INTERNAL_H
#define WEIR_ISA_HOST_LOWER_INTERNAL_H

#include "isa/host/lower.h"

/* The whole program. */
typedef struct Lower {
    weir_context *cx;
    Cascade *cs;
    const Groups *groups;
    HostOptions options;
    LoopProgram *p;
    LoopFunction entry;
    LoopBlock block;          /* of the entry, being filled */
    uint32_t *buffer_of;      /* by tensor: number + 1; constants: of their last layout */
    const uint32_t *group_of; /* by statement: number + 1 */
    const bool *internal;     /* by tensor */
    bool *group_done;
    LoopExprId *coordinate;   /* by rank: the entry's counter of an iterative rank that is open */
    LoopExprId *count;        /* by rank: steps taken, after the region */
    Layout *layout_of;        /* by tensor: of crossing ones */
    const char **keys;        /* by function: its text without names */
    uint32_t n_keys, room_keys;
    uint32_t calls;           /* so far: the clock of live ranges */
    uint32_t open_loops;      /* regions with generations around the current item */
} Lower;

typedef enum EdgeState { EDGE_OPEN, EDGE_FULL, EDGE_LAST, EDGE_CHECK } EdgeState;

typedef struct SplitState {
    EdgeState state;
    int64_t base, limit; /* EDGE_LAST: coordinate of the parent so far, and its end */
    int64_t shift;       /* overlap: what the last tile starts earlier */
} SplitState;

/* Reduced loops that make one statement of the pinned cascade, with its accumulators. */
enum { MOST_SEGMENTS = 4, MOST_PATH = 48 };
typedef struct Segment {
    uint32_t first;               /* depth on the path of its outermost loop */
    uint32_t n_lanes, lanes[8];   /* depths of the parts that hold partial values, outer to inner */
    Combine combine[8];           /* how each of them ends */
    bool sequential;              /* has loops that accumulate */
    uint32_t slot, position_slot; /* accumulators (argmax: value and position) */
    bool in_place;                /* the accumulators are the target's own storage */
    uint32_t n_axes, axes[MOST_PATH]; /* depths of the loops that index the accumulators */
} Segment;

typedef struct Leaf {
    StatementId statement;
    uint32_t node;
    uint32_t n_path, path[MOST_PATH]; /* nodes, outer to inner */
    bool reduced[MOST_PATH];          /* by depth: a loop over a reduced part */
    Dtype accumulator;
    uint32_t n_segments;
    Segment segments[MOST_SEGMENTS];
} Leaf;

typedef struct HostNode {
    Role role;
    PartId part;
    Combine combine;
    bool each;
    WindowKind window;
    StatementId window_leaf, statement;
    uint32_t leaf; /* ROLE_LEAF: number of its Leaf */
    uint32_t parent, first, last, next; /* 0: none */
} HostNode;

typedef enum ScalarKind { SCALAR_COORDINATE, SCALAR_COUNT, SCALAR_EXTENT } ScalarKind;
typedef struct ScalarParam {
    ScalarKind kind;
    RankId rank;
    uint32_t var;
} ScalarParam;

/* Where a tensor lives in the function. */
typedef struct TensorSlot {
    bool set;
    uint32_t slot;
    Layout layout;
} TensorSlot;

typedef struct GroupLower {
    Lower *l;
    weir_context *cx;
    Cascade *cs;
    LoopProgram *p;
    Mapping *m;
    LoopFunction f;
    LoopBlock block;
    VEC(HostNode) nodes; /* [0] is the root */
    VEC(Leaf) leaves;
    LoopExprId *part_value; /* by part: 0: not bound */
    LoopExprId *rank_value; /* by rank: bound without a part */
    SplitState *splits;
    uint32_t *split_of;     /* by part: the split it is a part of, + 1 */
    TensorSlot *tensors;    /* by tensor */
    VEC(uint32_t) params;   /* buffers of the parameters, by slot */
    VEC(ScalarParam) scalars;
    VEC(StatementId) sites;
    StatementId current;
    uint32_t *uses;         /* by expression: in the value being lowered */
    LoopExprId *memo;
    uint64_t local_bytes;
    weir_status status;     /* the first refusal */
} GroupLower;

typedef void BodyFn(GroupLower *g, void *data);

/* lower_tree.c */
void tree_build(GroupLower *g, uint32_t n, const StatementId *statements, const bool *wanted);
void tree_walk(GroupLower *g);
void part_loop(GroupLower *g, const HostNode *n, BodyFn *body, void *data);
void rank_loop(GroupLower *g, RankId rank, BodyFn *body, void *data); /* a plain `for`, binds rank_value */
void guarded(GroupLower *g, const Statement *st, BodyFn *body, void *data);
void if_true(GroupLower *g, LoopExprId condition, BodyFn *body, void *data);
/* lower_index.c */
LoopExprId part_coordinate(GroupLower *g, PartId part); /* 0: a part is not bound */
LoopExprId rank_coordinate(GroupLower *g, RankId rank);
LoopExprId rank_end(GroupLower *g, RankId rank);        /* the extent now */
LoopExprId dim_end(GroupLower *g, TensorId tensor, uint32_t dim);
LoopExprId scalar_param(GroupLower *g, ScalarKind kind, RankId rank);
LoopExprId layout_index(GroupLower *g, const Layout *layout, TensorId tensor, const LoopExprId *index);
bool part_is_of(const Mapping *m, PartId part, const RankId *ranks, uint32_t n);
bool part_rank(const Mapping *m, PartId part, RankId *out_rank); /* false: fused */
/* lower_value.c */
LoopOp loop_op_of(Fn fn); /* LOOP_NONE: no single operation */
LoopExprId lower_value(GroupLower *g, ExprId e, Dtype as);
LoopExprId lower_condition(GroupLower *g, ExprId e);
LoopExprId lower_index(GroupLower *g, ExprId e);
void value_begin(GroupLower *g, ExprId e); /* forgets shared values, counts uses in e */
void check_inside(GroupLower *g, LoopExprId index, LoopExprId end, bool proven);
LoopExprId target_element(GroupLower *g, const Target *target);
LoopExprId element_index(GroupLower *g, TensorId tensor, const LoopExprId *index);
/* lower_reduce.c */
void reduce_plan(GroupLower *g, Leaf *leaf);
void reduce_begin(GroupLower *g, uint32_t leaf, uint32_t segment);
void reduce_end(GroupLower *g, uint32_t leaf, uint32_t segment);
void reduce_point(GroupLower *g, uint32_t leaf);
/* lower_place.c */
uint32_t tensor_slot(GroupLower *g, TensorId tensor, bool written);
void place_internal(GroupLower *g);
uint32_t place_temporary(GroupLower *g, const char *name, Dtype type, uint64_t elements);
uint32_t buffer_for(Lower *l, GroupLower *g, TensorId tensor);
uint32_t scratch_buffer(Lower *l, const char *name, Dtype type, uint64_t elements); /* alive in the current call only */
void layouts_collect(Lower *l);
int64_t layout_elements(const Layout *layout, const Cascade *cs, TensorId tensor);
void arena_assign(Lower *l);
weir_status weights_assign(Lower *l);
/* lower_hostop.c */
void hostops_layouts(Lower *l);
MUST_USE weir_status lower_hostop(Lower *l, StatementId id);
/* lower_group.c */
LoopExprId entry_extent(Lower *l, RankId rank);
MUST_USE weir_status lower_group(Lower *l, Mapping *mapping, uint32_t n, const StatementId *statements, const bool *wanted);

void refuse(GroupLower *g, const char *what);
uint32_t rank_number(const LoopProgram *p, RankId rank); /* its place in the buffer of run-time extents */
const HostNode *leaf_node(const GroupLower *g, const Leaf *leaf, uint32_t depth);

#endif
