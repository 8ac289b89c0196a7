/*
 * ir/eval_plan.h: private to ir/eval*.c: a statement made ready to run.
 *
 * A plan is a straight list of instructions over blocks of up to EVAL_LANES points. In memory every value of an
 * instruction is a block of its carrier: floats as double (real system) or float (typed: f16, bf16 and codes too,
 * rounded after each operation), integers up to i32 as int32, wider ones as int64, bool as bytes. Unsigned types
 * of up to 32 bits are carried zero-extended; u64 as its bits.
 */
#ifndef WEIR_IR_EVAL_PLAN_H
#define WEIR_IR_EVAL_PLAN_H

#include "ir/eval.h"
#include "ir/eval_ops.h"

typedef enum OpKind {
    OP_CONST,   /* a literal */
    OP_EXTENT,  /* extent, count or iterative coordinate of `rank`: one value a run */
    OP_COORD,   /* coordinate of `rank` */
    OP_LOAD,    /* access with affine indices */
    OP_GATHER,  /* access with computed indices */
    OP_CALL,
    OP_CAST,
    OP_CANON    /* NaN made canonical: a computed value that is moved from here on */
} OpKind;

typedef struct Instr {
    OpKind op;
    Fn fn;
    CastMode cast;
    Dtype type, from; /* from: type of the operands (calls: of the last one) */
    uint32_t n_args, arg[4];
    uint32_t access;  /* LOAD, GATHER */
    RankId rank;
    ExprKind scalar;  /* EXTENT: EX_EXTENT, EX_COUNT or EX_RANK */
    double f;
    int64_t i;
    ExprId expr;      /* with `want` the key of sharing */
    Dtype want;
    bool index;
    bool varies;      /* bind: depends on a loop rank */
} Instr;

/* One affine index: constant + sum of coefficient * rank. */
typedef struct AffineIndex {
    int64_t constant;
    uint32_t n;
    const RankId *rank;
    const int64_t *coefficient;
} AffineIndex;

typedef enum LaneMode { LANE_SAME, LANE_NEXT, LANE_OFFSETS } LaneMode;

typedef struct AccessPlan {
    ExprId expr;
    TensorId tensor;
    AccessPart part;
    uint32_t n_dims;
    AffineIndex *affine;   /* LOAD, targets: one a dimension */
    uint32_t *index;       /* GATHER: instructions, i64 */
    Dtype to;              /* type of the loaded value */
    /* bind */
    Dtype stored;          /* element type at `data` */
    char *data;
    bool native;           /* stored elements are blocks of `to`'s carrier */
    bool checked;          /* every lane is checked against `extent` */
    int64_t base;
    int64_t stride[TENSOR_MAX_DIMS], extent[TENSOR_MAX_DIMS];
    int64_t constant[TENSOR_MAX_DIMS]; /* of each index at this step */
    int64_t lane[CASCADE_MAX_RANKS], loop[CASCADE_MAX_RANKS]; /* element strides */
    uint8_t pad[8];        /* the value read outside, as `to` */
    /* block */
    int64_t block_base, point; /* offsets of the block's first lane and of the loop point */
    LaneMode mode;
    int64_t *offsets;      /* [EVAL_LANES], from block_base; in the run's slots */
    int64_t filled;        /* LANE_SAME: offset whose value the slot holds; -1: none */
} AccessPlan;

/* Affine conditions `form >= 0`, for a quick answer before lanes are asked. */
typedef struct Inequality {
    AffineIndex form;
    int64_t constant; /* bind */
    int64_t lane[CASCADE_MAX_RANKS], loop[CASCADE_MAX_RANKS];
    int64_t least, most; /* block: of the lane part */
} Inequality;

typedef struct Plan {
    StatementId id;
    const Statement *st;
    VEC(Instr) instrs;
    VEC(AccessPlan) access;
    uint32_t from_end, condition_end, body_end; /* sections of instrs: from, condition, body */
    uint32_t from, condition, body;             /* roots */
    bool product;          /* the body is a product of two accesses or values: arg 0, arg 1 */
    Dtype acc;             /* type of the accumulator, or of the body */
    uint32_t target;       /* access number */
    uint32_t n_kept, n_reduced;
    RankId kept[CASCADE_MAX_RANKS], reduced[CASCADE_MAX_RANKS];
    uint32_t n_tests;
    Inequality *tests;     /* the condition is their conjunction; NULL: it is something else */
    /* scatter: sections follow the base's plan */
    uint32_t *index;       /* instructions, one a dimension */
    bool needs_coords;     /* lanes are told apart by rank */
} Plan;

typedef struct Loop {
    RankId rank;
    int64_t at, trips, count;
    bool active;
} Loop;

/* A formatted tensor's parts; its decoded values are in values[]. */
typedef struct PartValues {
    TensorId tensor;
    Tensor q, scale, zero;
} PartValues;

typedef struct Scratch {
    void *data;
    size_t bytes;
} Scratch;

typedef struct Eval {
    Cascade *cs;
    weir_context *cx;
    EvalSystem system;
    const Kernels *kernels;
    Tensor *values;
    Arena arena;           /* what lives as long as the evaluation */
    Arena plan_arena;      /* plans: emptied between top-level items */
    uint32_t n_plans, n_plan_slots;
    Plan **plans;          /* by statement number, open addressing; scatter updates: number | top bit */
    VEC(Loop) loops;
    VEC(PartValues) parts;
    VEC(Scratch) boxes;    /* padded or converted copies, one an access */
    Scratch slots;         /* blocks of instructions */
    Scratch rows;          /* of terms of a tree */
} Eval;

/* ---- ir/eval_compile.c ---- */
Plan *plan_define(Eval *ev, StatementId id);
Plan *plan_scatter(Eval *ev, StatementId id);
Plan *plan_value(Eval *ev, StatementId id); /* of `access`: a condition without free ranks */

/* ---- ir/eval_tensor.c: tensors, ranks at run time ---- */
MUST_USE weir_status eval_rank_extent(Eval *ev, RankId rank, const Statement *st, int64_t *out_extent);
const Loop *loop_of(const Eval *ev, RankId rank);
/* The tensor that an access reads (a part, a constant's value); extents as stored. */
MUST_USE weir_status tensor_value(Eval *ev, TensorId id, AccessPart part, const Tensor **out_value);
/* Extents as `?` and the bounds check see them. */
MUST_USE weir_status logical_extents(Eval *ev, TensorId id, AccessPart part, const Tensor *value, const Statement *st,
                                     int64_t *out_extent);
/* Storage for a target at its run-time extents, kept if it has the right extents already. */
MUST_USE weir_status tensor_prepare(Eval *ev, TensorId id, const Statement *st);
/* After the last piece of a formatted tensor: its values become decoded ones, its parts exist. */
MUST_USE weir_status tensor_encode(Eval *ev, TensorId id);
void tensor_release(Eval *ev, TensorId id);
void *scratch_bytes(Eval *ev, Scratch *scratch, size_t bytes);
/* The message of a trap. */
weir_status eval_trap(Eval *ev, const Statement *st, const char *coordinates, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- ir/eval_bind.c, ir/eval_run.c ---- */

/* The space of one run: lanes are flattened into blocks, loops run around or inside them. */
typedef struct Run {
    Eval *ev;
    Plan *plan;
    const Statement *st;
    uint32_t n_lane_ranks, n_loop_ranks;
    RankId lane_rank[CASCADE_MAX_RANKS], loop_rank[CASCADE_MAX_RANKS];
    int64_t lane_extent[CASCADE_MAX_RANKS], loop_extent[CASCADE_MAX_RANKS];
    uint32_t n_kept;
    int64_t kept_extent[CASCADE_MAX_RANKS]; /* of the plan's kept ranks, for messages */
    int64_t lanes, loops; /* products */
    bool by_reduction;    /* lanes are the reduced ranks, one kept point at a time */
    /* block */
    int64_t first;        /* number of its first lane */
    uint32_t n;
    int64_t lane_at[CASCADE_MAX_RANKS]; /* of the first lane */
    int64_t loop_at[CASCADE_MAX_RANKS];
    int64_t *coords[CASCADE_MAX_RANKS]; /* of the block's lanes, by lane rank, if the plan needs them */
    const uint8_t *mask;  /* lanes that take part; NULL: all */
    void **value;         /* of each instruction: its block */
    char *slots;
    size_t slot_bytes;    /* of one block: as many lanes as the run can fill */
} Run;

MUST_USE weir_status run_bind(Eval *ev, Plan *plan, Run *run);
void run_block(Run *run, int64_t first); /* sets the block that starts at lane `first` */
void run_point(Run *run);                /* loop_at changed */
/* Runs instructions first..end-1 over the block: those that depend on loop ranks, the others, or all. */
typedef enum Which { RUN_FIXED, RUN_VARYING, RUN_ALL } Which;
MUST_USE weir_status run_instrs(Run *run, uint32_t first, uint32_t end, Which which);
/* Decides which lanes take part at this point and sets `mask`. */
typedef enum TakePart { TAKE_NONE, TAKE_SOME, TAKE_ALL } TakePart;
MUST_USE weir_status run_condition(Run *run, Which which, TakePart *out_take);
/* ir/eval_reduce.c: the reduction of a definition over one run that is bound. */
MUST_USE weir_status run_reduction(Run *run);
MUST_USE weir_status run_define(Eval *ev, StatementId id);
MUST_USE weir_status run_scatter(Eval *ev, StatementId id);
MUST_USE weir_status run_hostop(Eval *ev, StatementId id); /* ir/hostops.c */
/* Writes the coordinates of a lane, `[1, 2]`. */
const char *run_coordinates(Run *run, uint32_t lane);
void run_store(Run *run, AccessPlan *target, Dtype type, const void *block);

bool next_point(uint32_t n, const int64_t *extent, int64_t *at);

#endif
