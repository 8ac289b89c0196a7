/*
 * isa/host/loops.h: the loop program, what every host backend prints (C text, LLVM IR).
 *
 * A program has buffers (inputs, outputs, constants in the weights file, temporaries in the arena), functions (one for each
 * distinct group) and an entry that calls them in order, with loops for generations and branches for `if`. A function sees
 * memory through slots: parameters, bound to buffers by each call, and local arrays. Values are typed; a vector has
 * 2..64 lanes. Expressions are immutable, shared when equal, and have no effects but that a LOAD reads memory: a printer
 * evaluates them where the statement stands. Element indices are i64.
 *
 * Keep: loops_verify. Every division of an index is by a positive constant; an index of a LOAD or STORE that is evaluated is
 *       inside its slot; `restrict` holds: slots of one call never overlap.
 */
#ifndef WEIR_ISA_HOST_LOOPS_H
#define WEIR_ISA_HOST_LOOPS_H

#include "ir/cascade.h"
#include "support/text.h"

typedef enum LoopOp {
    LOOP_NONE,
#define LOOP_OP(id, text, arity, rule, doc) LOOP_##id,
#include "isa/host/loops.def"
#undef LOOP_OP
    LOOP_OP_COUNT
} LoopOp;

typedef enum LoopRule {
    LOOP_RULE_LEAF, LOOP_RULE_SAME, LOOP_RULE_FLOAT, LOOP_RULE_INT, LOOP_RULE_COMPARE, LOOP_RULE_LOGIC, LOOP_RULE_SELECT,
    LOOP_RULE_CAST, LOOP_RULE_LOAD, LOOP_RULE_SPLAT, LOOP_RULE_BUILD, LOOP_RULE_ONE, LOOP_RULE_CALL, LOOP_RULE_REQUANT
} LoopRule;

typedef struct LoopOpInfo {
    const char *text;
    int arity;
    LoopRule rule;
} LoopOpInfo;

const LoopOpInfo *loop_op_info(LoopOp op);

typedef struct LoopExprId { uint32_t i; } LoopExprId;
typedef struct LoopStmtId { uint32_t i; } LoopStmtId;

typedef struct LoopExpr {
    LoopOp op;
    Dtype type;
    uint32_t lanes;           /* 1: a scalar */
    uint32_t n_args, first_arg; /* into LoopProgram.args */
    uint32_t ref;             /* VAR: variable; LOAD: slot; CALL: Fn; TREE, PAIRS: LoopOp */
    int64_t i;                /* CONST of integers and bool; EXTRACT */
    double f;                 /* CONST of floats */
} LoopExpr;

typedef enum LoopStmtKind {
    LOOP_ST_FOR,    /* for var in lo .. hi - 1 { body }; counters are i64 */
    LOOP_ST_IF,     /* if a { body } else { other } */
    LOOP_ST_LET,    /* var := a, its only value */
    LOOP_ST_ASSIGN, /* var := a, a variable that changes */
    LOOP_ST_STORE,  /* slot[a .. a + lanes - 1] := b, converted to the slot's type */
    LOOP_ST_TRAP,   /* if a: leave with code, site and value b (i64) */
    LOOP_ST_CALL,   /* function(slots; scalars): leaves if the callee trapped */
    LOOP_ST_HOST,   /* a host operation on whole buffers, in the entry; see LoopStmt */
    LOOP_ST_BREAK,  /* if a: leave the innermost FOR */
    LOOP_ST_NOTE    /* a comment */
} LoopStmtKind;

/* Codes that a run returns; 0 is success. */
typedef enum LoopTrap { LOOP_TRAP_NONE, LOOP_TRAP_INDEX, LOOP_TRAP_EXTENT, LOOP_TRAP_TRIP } LoopTrap;

enum { LOOP_HOST_DIMS = 8 };

typedef struct LoopBlock { LoopStmtId first, last; } LoopBlock;

typedef struct LoopStmt {
    LoopStmtKind kind;
    uint32_t var;          /* FOR, LET, ASSIGN */
    LoopExprId lo, hi;     /* FOR; step 1 */
    LoopExprId a, b;
    uint32_t slot;         /* STORE */
    bool unroll, lane, parallel; /* FOR: written out; one vector (before vectorising); iterations are independent */
    LoopTrap trap;
    uint32_t site;         /* TRAP: counted from the function's parameter `site`; CALL: the callee's */
    uint32_t function;     /* CALL */
    uint32_t n_slots, n_scalars;
    uint32_t *slots;       /* CALL: buffers of the program */
    LoopExprId *scalars;   /* CALL: i64 */
    /* HOST: slots are n_inputs inputs, the targets (as many as are there), a room to work in (i64); scalars are the extents of every
     * input and target now, then the operation's numbers (f64, as its row of hostops.def lists them). Memory is row-major with the
     * strides of the bounds; a target whose extent this statement's count gives has its bound, what is beyond is not stored. */
    HostOp hostop;
    uint32_t n_inputs;
    const char *text;      /* NOTE */
    LoopBlock body, other;
    LoopStmtId next;
} LoopStmt;

typedef struct LoopVar {
    const char *name;
    Dtype type;
    uint32_t lanes;
    bool counter, changes;
    bool parameter; /* bound by the call, in the order of the numbers */
    bool ranged;
    int64_t least, most; /* of a ranged counter or parameter */
} LoopVar;

/* Memory as a function sees it. */
typedef struct LoopSlot {
    const char *name;
    Dtype type;
    bool local;        /* an array of the function */
    bool written, is_aligned; /* parameters: is stored to; 64-byte aligned */
    uint64_t elements; /* locals: in elements of `type` */
    uint32_t lanes;    /* locals that only vectors of these lanes touch: an array of vectors; else 1 */
} LoopSlot;

typedef struct LoopFunction {
    const char *name;
    const char *note;     /* what it computes: statements and nodes; may be NULL */
    VEC(LoopSlot) slots;  /* those that are not local are bound by calls, in the order of their numbers */
    VEC(LoopVar) vars;    /* [0] unused */
    bool traps;
    LoopBlock body;
} LoopFunction;

typedef enum LoopBufferKind { BUFFER_IN, BUFFER_OUT, BUFFER_CONST, BUFFER_ARENA } LoopBufferKind;

/* One coordinate of a layout: the sum of mult * (index of dim), then division and remainder step by step. */
enum { LOOP_LAYOUT_DIMS = 8, LOOP_LAYOUT_STEPS = 4 };
typedef struct LayoutItem {
    uint32_t n_dims, n_steps;
    uint32_t dim[LOOP_LAYOUT_DIMS];
    int64_t mult[LOOP_LAYOUT_DIMS];
    int64_t divide[LOOP_LAYOUT_STEPS], modulo[LOOP_LAYOUT_STEPS]; /* modulo 0: none */
    int64_t extent;
} LayoutItem;
typedef struct Layout {
    uint32_t n; /* outer to inner; 0 with row_major false: one element */
    bool row_major;
    LayoutItem *items;
} Layout;

typedef struct LoopBuffer {
    Name name;       /* the tensor's */
    TensorId tensor;
    LoopBufferKind kind;
    Dtype type;
    Layout layout;
    uint64_t elements; /* with the layout's padding */
    uint64_t bytes;
    uint64_t offset;   /* CONST: in the weights' payload; ARENA: in the arena */
    uint32_t first_use, last_use; /* ARENA: numbers of calls at top level */
} LoopBuffer;

/* The start of every arena: the trap record (code i32, site i32, value i64). */
enum { LOOP_ARENA_TRAP_CODE = 0, LOOP_ARENA_TRAP_SITE = 4, LOOP_ARENA_TRAP_VALUE = 8, LOOP_ARENA_HEAD = 64 };

typedef struct LoopProgram {
    weir_context *cx;
    Cascade *cs;
    Name name;
    VEC(LoopBuffer) buffers;
    VEC(LoopFunction) functions; /* the last is the entry: its slots are the buffers, by number */
    VEC(LoopExpr) exprs;         /* [0] unused */
    VEC(LoopExprId) args;
    VEC(LoopStmt) stmts;         /* [0] unused */
    VEC(StatementId) sites;      /* statement of each trap site */
    VEC(RankId) ranks;           /* run-time extents and iterative ranks: after a run their values (steps taken) are the elements of */
    uint32_t rank_buffer;        /* this buffer (i64), if there are any */
    uint64_t arena_bytes, arena_bound_bytes, weights_bytes;
    uint32_t vector_bytes;       /* of the machine; 0: scalars only */
    uint32_t *cons;              /* expressions by hash */
    uint32_t n_cons;
} LoopProgram;

static inline const LoopExpr *loop_expr(const LoopProgram *p, LoopExprId e) { return &p->exprs.at[e.i]; }
static inline LoopStmt *loop_stmt(const LoopProgram *p, LoopStmtId s) { return &p->stmts.at[s.i]; }
static inline LoopExprId loop_arg(const LoopProgram *p, LoopExprId e, uint32_t k)
{
    return p->args.at[p->exprs.at[e.i].first_arg + k];
}

/* ---- building ---- */
LoopProgram *loops_new(weir_context *cx, Cascade *cs);
LoopExprId loop_push(LoopProgram *p, LoopExpr node, uint32_t n, const LoopExprId *args); /* shared when equal */
LoopExprId loop_int(LoopProgram *p, int64_t value); /* i64 */
LoopExprId loop_const_int(LoopProgram *p, Dtype type, int64_t value);
LoopExprId loop_const_float(LoopProgram *p, Dtype type, double value);
LoopExprId loop_var(LoopProgram *p, const LoopFunction *f, uint32_t var);
LoopExprId loop_load(LoopProgram *p, Dtype type, uint32_t lanes, uint32_t slot, LoopExprId index);
LoopExprId loop_unary(LoopProgram *p, LoopOp op, LoopExprId a);             /* the operand's type */
LoopExprId loop_binary(LoopProgram *p, LoopOp op, LoopExprId a, LoopExprId b); /* bool for comparisons */
LoopExprId loop_select(LoopProgram *p, LoopOp op, LoopExprId c, LoopExprId a, LoopExprId b); /* COND or SELECT */
LoopExprId loop_cast(LoopProgram *p, LoopOp op, Dtype type, LoopExprId a);
LoopExprId loop_splat(LoopProgram *p, LoopExprId a, uint32_t lanes);
LoopExprId loop_fma(LoopProgram *p, LoopExprId a, LoopExprId b, LoopExprId c);
/* A copy of `e` with variable `var` replaced. */
LoopExprId loop_replace(LoopProgram *p, const LoopFunction *f, LoopExprId e, uint32_t var, LoopExprId by);
bool loop_uses_var(const LoopProgram *p, LoopExprId e, uint32_t var);
bool loop_uses_load(const LoopProgram *p, LoopExprId e);

/* Index arithmetic in i64: sums of multiples, quotients and remainders, kept in a normal form that uses the ranges of
 * counters; so (8 * o1 + o0) / 8 is o1. */
LoopExprId loop_index_add(LoopProgram *p, const LoopFunction *f, LoopExprId a, LoopExprId b);
LoopExprId loop_index_scale(LoopProgram *p, const LoopFunction *f, LoopExprId a, int64_t factor);
LoopExprId loop_index_div(LoopProgram *p, const LoopFunction *f, LoopExprId a, int64_t by); /* floor */
LoopExprId loop_index_mod(LoopProgram *p, const LoopFunction *f, LoopExprId a, int64_t by);
/* False if the range is not known. */
bool loop_index_range(const LoopProgram *p, const LoopFunction *f, LoopExprId e, int64_t *out_least, int64_t *out_most);
/* e = rest + coefficient * var with `rest` free of var; false if it is not so. */
bool loop_index_linear(LoopProgram *p, const LoopFunction *f, LoopExprId e, uint32_t var, int64_t *out_coefficient,
                  LoopExprId *out_rest);

uint32_t loop_add_var(LoopProgram *p, LoopFunction *f, LoopVar var);
uint32_t loop_add_slot(LoopProgram *p, LoopFunction *f, LoopSlot slot);
LoopStmtId loop_add(LoopProgram *p, LoopBlock *block, LoopStmt st);

/* ---- text, checks ---- */
void loops_print(const LoopProgram *p, Text *out);
void loop_function_print(const LoopProgram *p, const LoopFunction *f, bool name, Text *out);
/* Types, lanes, scopes and calls; a breach is a bug of weir: E_INTERNAL and WEIR_BUG. */
MUST_USE weir_status loops_verify(const LoopProgram *p);

/* Lane loops become vector statements where the machine has vectors and every operation of the body has a vector form; the
 * others stay loops of scalars (same values). */
void loops_vectorise(LoopProgram *p, LoopFunction *f);

/* Bits of floats are looked at somewhere: then a NaN that is made must be the one of docs/cascade.md. */
bool loops_look_at_bits(const LoopProgram *p);

#endif
