/*
 * ir/cascade.h: weir's one intermediate representation, in memory.
 *
 * A cascade is a list of items in text order: rank lines, tensor declarations, statements, regions. Ranks,
 * tensors, statements and expression nodes live in growing arrays of one arena and are named by handles;
 * handle 0 is "none", so a zeroed struct is valid. Expression nodes are immutable, children before parents
 * (postfix order); a node may be shared. Passes build new lists of items, they do not edit statements in place.
 * The language: docs/cascade.md.
 */
#ifndef WEIR_IR_CASCADE_H
#define WEIR_IR_CASCADE_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/functions.h"
#include "support/context.h"
#include "support/dtype.h"
#include "support/tensor.h"

typedef struct RankId { uint32_t i; } RankId;
typedef struct TensorId { uint32_t i; } TensorId;
typedef struct ExprId { uint32_t i; } ExprId;
typedef struct StatementId { uint32_t i; } StatementId;

/* ---- ranks ---- */

typedef enum RankKind {
    RANK_STATIC,   /* rank r = extent */
    RANK_SCALAR,   /* rank r <= extent = scalar[] */
    RANK_COUNT,    /* rank r <= extent = count(count_of) */
    RANK_ITERATIVE /* iterate r < extent */
} RankKind;

typedef struct Rank {
    Name name;
    RankKind kind;
    int64_t extent;   /* the extent, or its bound */
    TensorId scalar;  /* RANK_SCALAR */
    RankId count_of;  /* RANK_COUNT */
    StatementId region; /* RANK_ITERATIVE: the iterate */
    Place place;
} Rank;

/* ---- tensors ---- */

/* Block formats: `mx(ELEMENT, field ..)`, `int(BITS, field ..)`; docs/cascade.md section 7. */
typedef enum FormatKind { FORMAT_MX, FORMAT_INT } FormatKind;

typedef struct FormatField {
    Name name;       /* block, scale, rule, round, zero, tensor .. */
    Name value;      /* a word, or 0: */
    int64_t number;
    bool on;         /* `on rank` (block) or `per rank` (scale) follows */
    bool per;
    RankId rank;
} FormatField;

typedef struct Format {
    FormatKind kind;
    Dtype element; /* MX: its element type; INT: i2..i8 by bits */
    uint32_t n_fields;
    FormatField *fields;
} Format;

typedef enum TensorRole { TENSOR_TMP, TENSOR_IN, TENSOR_CONST } TensorRole;

/* One dimension: the coordinates of a rank; `next`: one more (generations 0..B of an iterative rank). */
typedef struct TensorDim {
    RankId rank;
    bool next;
} TensorDim;

typedef enum DataKind { DATA_NONE, DATA_INLINE, DATA_FILE, DATA_SEEDED } DataKind;
typedef enum SeedLaw { LAW_NORMAL, LAW_UNIFORM, LAW_INTS } SeedLaw;

/* The value of a constant. `value.data` is filled for INLINE, lazily for the others (cascade_const). */
typedef struct ConstData {
    DataKind kind;
    Tensor value;
    Name path; /* FILE: as written; relative to the text */
    uint64_t offset;
    uint64_t seed; /* SEEDED */
    SeedLaw law;
    double scale;
} ConstData;

typedef struct TensorDecl {
    Name name;
    Name outside; /* `as "..."`; 0: none */
    TensorRole role;
    bool is_out;
    bool declared; /* by a line of its own (in, const, tmp, out without definition) */
    Dtype type;    /* element type as read: of a formatted tensor f32 */
    uint32_t format; /* index into Cascade.formats; 0: none */
    uint32_t n_dims;
    TensorDim *dims;
    ConstData data; /* TENSOR_CONST */
    Place place;
} TensorDecl;

/* ---- expressions ---- */

typedef enum ExprKind {
    EX_NONE,
    EX_LITERAL, /* number of `type`: i (integers, bool) or f (floats; exactly representable in `type`, or in f64 until typed) */
    EX_RANK,    /* a rank's coordinate in an index or condition (i64) */
    EX_INDEX,   /* index(r): a rank's coordinate as an i64 value */
    EX_EXTENT,  /* extent(r), i64 */
    EX_COUNT,   /* count(t), i64 */
    EX_ACCESS,  /* tensor[args]?pad */
    EX_CALL,    /* fn(args), operators too */
    EX_CAST     /* type.mode(arg) */
} ExprKind;

typedef enum CastMode { CAST_PLAIN, CAST_SAT, CAST_BITS, CAST_UP, CAST_DOWN } CastMode;
typedef enum AccessPart { PART_VALUE, PART_Q, PART_SCALE, PART_ZERO } AccessPart;
typedef enum PadKind { PAD_NONE, PAD_LITERAL, PAD_TENSOR } PadKind;

typedef struct Expr {
    ExprKind kind;
    Dtype type;       /* of the value; conditions DT_BOOL, indices DT_I64 */
    Fn fn;            /* EX_CALL */
    CastMode cast;    /* EX_CAST: to `type` */
    AccessPart part;  /* EX_ACCESS */
    PadKind pad;      /* EX_ACCESS */
    bool decimal;     /* EX_LITERAL: written with point or exponent, inf or nan */
    uint32_t n_args, first_arg; /* into Cascade.args: operands or indices */
    TensorId tensor;  /* EX_ACCESS */
    TensorId pad_tensor;
    ExprId pad_literal;
    RankId rank;      /* EX_RANK, EX_INDEX, EX_EXTENT, EX_COUNT */
    int64_t i;
    double f;
    uint32_t line, column, end_column; /* in the cascade's source; 0: none */
} Expr;

/* ---- statements ---- */

typedef enum StatementKind {
    ST_RANK,    /* a rank line */
    ST_TENSOR,  /* a declaration */
    ST_DEFINE,  /* target = [reduction] body [then scatter] */
    ST_HOST,    /* targets = host op(args) */
    ST_ITERATE,
    ST_IF
} StatementKind;

typedef enum Contraction { ORDER_PLAIN, ORDER_FMA, ORDER_TREE, ORDER_PAIRS, ORDER_LAST } Contraction;

typedef struct Target {
    TensorId tensor;
    uint32_t n_index;
    ExprId *index; /* a*rank + b, or b */
} Target;

typedef struct HostArg {
    Name key;        /* 0: a tensor argument */
    TensorId tensor;
    uint32_t n_ranks;
    RankId *ranks;   /* as written: they number the axes */
    ExprId literal;
} HostArg;

/* A list of items. */
typedef struct Block {
    uint32_t n;
    StatementId *at;
} Block;

typedef struct Statement {
    StatementKind kind;
    RankId rank;        /* ST_RANK; ST_ITERATE: the iterative rank */
    TensorId tensor;    /* ST_TENSOR */
    uint32_t n_targets; /* ST_DEFINE 1, ST_HOST any */
    Target *targets;
    bool out;           /* `out` stands before the definition */

    Reduction reduction; /* ST_DEFINE: RED_NONE: none */
    Contraction order;
    Dtype accumulator;   /* DT_NONE: the body's type */
    uint32_t n_reduced;
    RankId *reduced;     /* in the written order */
    ExprId from;         /* 0: identity */
    ExprId condition;    /* 0: all points */
    ExprId body;         /* of a scatter: the base */

    Reduction scatter;   /* RED_NONE: no scatter */
    uint32_t n_scatter;
    ExprId *scatter_index;
    ExprId scatter_condition;
    ExprId scatter_value;

    HostOp hostop; /* ST_HOST */
    uint32_t n_args;
    HostArg *args;

    TensorId trip;   /* ST_ITERATE: the run-time trip count, a scalar tensor; 0: the bound */
    RankId trip_count_of; /* or count(rank) */
    ExprId access;   /* ST_ITERATE: while; ST_IF: the condition (an access) */
    Block body_items; /* ST_ITERATE; ST_IF: then */
    Block else_items; /* ST_IF */

    uint32_t n_provenance;
    Name *provenance; /* strings after @ */
    Place place;
} Statement;

typedef struct Cascade {
    weir_context *cx;
    Name name;
    bool pinned;
    const Source *source; /* of the text; NULL when built */
    VEC(Rank) ranks;          /* [0] unused */
    VEC(TensorDecl) tensors;  /* [0] unused */
    VEC(Expr) exprs;          /* [0] unused */
    VEC(ExprId) args;
    VEC(Statement) statements; /* [0] unused */
    VEC(Format) formats;      /* [0] unused */
    Block top;
    VEC(StatementId) open;    /* the builder's current list */
    VEC(uint32_t) nesting;    /* starts of enclosing lists in `open` */
    VEC(uint64_t) taken;      /* names of ranks and tensors, a bit each by Name number */
    uint32_t fresh;           /* for new names */
} Cascade;

/* ---- reading ---- */

static inline Rank *rank_at(const Cascade *cs, RankId id) { return &cs->ranks.at[id.i]; }
static inline TensorDecl *tensor_at(const Cascade *cs, TensorId id) { return &cs->tensors.at[id.i]; }
static inline const Expr *expr_at(const Cascade *cs, ExprId id) { return &cs->exprs.at[id.i]; }
static inline Statement *statement_at(const Cascade *cs, StatementId id) { return &cs->statements.at[id.i]; }
static inline ExprId expr_arg(const Cascade *cs, ExprId id, uint32_t k)
{
    return cs->args.at[cs->exprs.at[id.i].first_arg + k];
}
static inline bool rank_same(RankId a, RankId b) { return a.i == b.i; }

const char *rank_name(const Cascade *cs, RankId id);
const char *tensor_name(const Cascade *cs, TensorId id);
/* Static extent (or bound) of a dimension: the rank's, one more for generations. */
int64_t dim_extent(const Cascade *cs, TensorId id, uint32_t dim);
int64_t tensor_size(const Cascade *cs, TensorId id); /* product of dim_extent; -1 on overflow */
RankId rank_by_name(const Cascade *cs, Name name);
TensorId tensor_by_name(const Cascade *cs, Name name);

/* The iteration ranks of a definition: those of the target's indices in order, then the reduced ones; of a scatter
 * update, those of its list and value in order of first occurrence. Iterative ranks are left out. */
uint32_t target_ranks(const Cascade *cs, const Statement *st, RankId *out, uint32_t most);
uint32_t scatter_ranks(const Cascade *cs, const Statement *st, RankId *out, uint32_t most);
/* Calls `visit` for every node below `root`, children first; the pad's literal is not visited. */
void expr_visit(const Cascade *cs, ExprId root, void (*visit)(void *, ExprId), void *data);
bool expr_uses_rank(const Cascade *cs, ExprId root, RankId rank); /* EX_RANK, EX_INDEX */
bool expr_uses_tensor(const Cascade *cs, ExprId root, TensorId tensor);
/* Every expression of a statement itself (not of nested items): body, indices, conditions .. */
void statement_exprs(const Cascade *cs, const Statement *st, void (*visit)(void *, ExprId), void *data);
/* Tree equality of two expressions of one cascade. */
bool expr_equal(const Cascade *cs, ExprId a, ExprId b);

/* If `e` is an integer literal, its value. */
bool expr_is_int(const Cascade *cs, ExprId e, int64_t *out_value);

enum { CASCADE_MAX_RANKS = 32 }; /* of one statement */

/* An index as constant + sum of coefficient * rank; iterative ranks are ranks too. */
typedef struct Affine {
    int64_t constant;
    uint32_t n;
    RankId rank[CASCADE_MAX_RANKS];
    int64_t coefficient[CASCADE_MAX_RANKS];
} Affine;
/* False if the index is not affine (division, gather, min ..). extent(r) of a static rank counts as a constant. */
bool expr_affine(const Cascade *cs, ExprId e, Affine *out_affine);

/* ---- building ---- */

Cascade *cascade_new(weir_context *cx, const char *name);
/* A copy that shares nothing that can change (tensor data is shared). */
Cascade *cascade_clone(const Cascade *cs);

/* A name that neither a tensor nor a rank has: `base`, mangled to an identifier if needed, else base_1, base_2 .. */
Name cascade_fresh_name(Cascade *cs, const char *base);

/* A static rank with a fresh name made from `base`, and its item in the current list. */
RankId cascade_rank(Cascade *cs, const char *base, int64_t extent);
RankId cascade_add_rank(Cascade *cs, Rank rank); /* as given, no item */
/* A tensor as given (name must be free), no item. */
TensorId cascade_add_tensor(Cascade *cs, TensorDecl tensor);
/* A tensor over plain ranks with a fresh name from `base`; in, const and declared ones get their item. */
TensorId cascade_tensor(Cascade *cs, TensorRole role, const char *base, Dtype type, uint32_t n_dims, const RankId *ranks);
/* A constant with its value (row-major, unpacked). */
TensorId cascade_constant(Cascade *cs, const char *base, const Tensor *value, const RankId *ranks);
/* A scalar constant. */
TensorId cascade_scalar(Cascade *cs, const char *base, Dtype type, double value);
uint32_t cascade_add_format(Cascade *cs, Format format);

StatementId cascade_add_statement(Cascade *cs, Statement st); /* no item */
void cascade_item(Cascade *cs, StatementId id);               /* appends to the current list */
void cascade_item_rank(Cascade *cs, RankId rank);
void cascade_item_tensor(Cascade *cs, TensorId tensor);
/* Lists nest: open before a region's items, close gives them. The outermost list is closed by cascade_finish. */
void cascade_open(Cascade *cs);
Block cascade_close(Cascade *cs);
void cascade_finish(Cascade *cs); /* moves the current list to `top` */

/* Expressions. Types are inferred from the operands. */
ExprId ex_int(Cascade *cs, int64_t value);                   /* in an index: i64 */
ExprId ex_literal(Cascade *cs, Dtype type, double value);    /* a value: rounded once to the type */
ExprId ex_literal_int(Cascade *cs, Dtype type, int64_t value);
ExprId ex_rank(Cascade *cs, RankId rank);
ExprId ex_index(Cascade *cs, RankId rank);
ExprId ex_extent(Cascade *cs, RankId rank);
ExprId ex_count(Cascade *cs, RankId rank);
ExprId ex_call(Cascade *cs, Fn fn, uint32_t n, const ExprId *args);
ExprId ex_unary(Cascade *cs, Fn fn, ExprId a);
ExprId ex_binary(Cascade *cs, Fn fn, ExprId a, ExprId b);
ExprId ex_select(Cascade *cs, ExprId c, ExprId a, ExprId b);
ExprId ex_cast(Cascade *cs, Dtype to, CastMode mode, ExprId a);
ExprId ex_access(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index);
ExprId ex_access_ranks(Cascade *cs, TensorId tensor, uint32_t n, const RankId *ranks);
ExprId ex_access_pad(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index, ExprId pad_literal);
ExprId ex_access_pad_tensor(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index, TensorId pad);
/* constant folding helpers for indices: a*rank + b with the obvious simplifications */
ExprId ex_scale(Cascade *cs, int64_t a, ExprId e);
ExprId ex_offset(Cascade *cs, ExprId e, int64_t b);
ExprId ex_push(Cascade *cs, Expr node, uint32_t n_args, const ExprId *args); /* raw */

/* Statements, appended to the current list. The body is over the target's ranks; provenance 0..1 name. */
StatementId st_define(Cascade *cs, TensorId target, ExprId body, Name provenance);
StatementId st_reduce(Cascade *cs, TensorId target, Reduction reduction, uint32_t n, const RankId *reduced, ExprId body,
                      Name provenance);
/* A piece: target indices are given. */
StatementId st_define_at(Cascade *cs, TensorId target, uint32_t n, const ExprId *index, ExprId body, Name provenance);

/* Copies an expression with substitutions: rank r becomes rank_to[r] (an ExprId; 0: unchanged), tensor t becomes
 * tensor_to[t] (0: unchanged), for arrays of n_ranks, n_tensors entries (NULL: none); `replace`, if not NULL, may
 * give an access another expression (0: keep). */
typedef struct Rewrite {
    uint32_t n_ranks, n_tensors;
    const ExprId *rank_to;
    const TensorId *tensor_to;
    ExprId (*replace)(void *data, Cascade *cs, ExprId access, const ExprId *new_index);
    void *data;
} Rewrite;
ExprId expr_rewrite(Cascade *cs, ExprId root, const Rewrite *rewrite);

/* The value of a constant, loading or generating it at first use; paths are relative to `source`.
 * WEIR_MALFORMED with E_OPEN / E_READ for a missing or short file. Formatted constants: values to encode. */
MUST_USE weir_status cascade_const(Cascade *cs, TensorId tensor, const Tensor **out_value);
/* Fills `tensor` by a seeded law (docs/cascade.md section 2), rounded to its type. */
void seeded_fill(Tensor *tensor, uint64_t seed, SeedLaw law, double scale);

/* Text: reading, writing. */
MUST_USE weir_status cascade_parse(weir_context *cx, const Source *source, uint32_t *out_n, Cascade ***out_cascades);
struct Text;
void cascade_print(const Cascade *cs, struct Text *out);
void expr_print(const Cascade *cs, ExprId e, struct Text *out);
/* Checks the numbered invariants (ir/verify.def); reports every breach; WEIR_INVALID if there is one. */
MUST_USE weir_status cascade_verify(Cascade *cs);

#endif
