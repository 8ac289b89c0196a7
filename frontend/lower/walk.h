/*
 * frontend/lower/walk.h: what a lowering function gets and may call.
 *
 * In:   a node whose inputs are operands with known types and extents. Out: statements appended to the cascade and an
 *       operand for each output. A lowering function has validated everything it uses before it builds.
 * Keep: constants are declared in the cascade at their first read; ranks and constants are items before all statements.
 */
#ifndef WEIR_FRONTEND_LOWER_WALK_H
#define WEIR_FRONTEND_LOWER_WALK_H

#include "frontend/lower/lower.h"

enum { MAX_DIMS = TENSOR_MAX_DIMS, OPEN_ARITY = 0xffff };

/* A value of the model. */
typedef struct Operand {
    Name name;
    Dtype type;
    uint32_t n_dims;
    int64_t extent[MAX_DIMS]; /* run-time dimensions: the bound */
    TensorId tensor;          /* 0: a constant that no statement reads yet */
    const Tensor *value;      /* of a constant, else NULL */
    const char *file;         /* where the constant's bytes lie, or NULL */
    uint64_t file_offset;
    const uint64_t *depends;  /* the graph inputs its value depends on, as bits; NULL: none */
    bool poisoned;            /* its producer could not be lowered: nothing is known */
    bool stand_in;            /* its producer could not be lowered: only what value_info declares is known */
} Operand;

/* The list that ranks and constants of a cascade go to while it is built. */
typedef struct Emit {
    Cascade *cs;
    VEC(StatementId) ranks, inputs, constants;
} Emit;

typedef struct Slot {
    Name name;
    Operand *operand;
} Slot;

/* The values of a graph; a subgraph sees those of `parent`. */
typedef struct Scope {
    struct Scope *parent;
    Slot *slots; /* open addressing */
    uint32_t n, n_slots;
} Scope;

/* The call of a model-local function that is being inlined. */
typedef struct Call {
    const struct Call *outer;
    const Function *function;
    const Node *node; /* its attributes are those of the call, refs resolved */
} Call;

/* A run-time extent that the lowering computed: the scalar tensor and what it is. */
typedef struct KnownExtent {
    const Cascade *cs;
    TensorId scalar;
    struct Scalar *value; /* frontend/lower/extent.h */
} KnownExtent;

typedef struct Walk {
    weir_context *cx;
    const Model *model;
    const LowerOptions *options;
    Emit *emit;
    Emit *scratch; /* where nodes are folded */
    Scope *scope;
    const Call *call;
    uint32_t depth;          /* of nested graphs and calls */
    const ValueInfo **inputs; /* of the graph, without those that initializers give */
    uint32_t n_graph_inputs;
    uint32_t dependency_words;
    uint64_t *value_names; /* names of the model's values, a bit each by Name number: ranks take others */
    uint32_t n_value_names;
    uint64_t *bound;  /* graph inputs bound by value in this run */
    uint64_t *wanted; /* to be bound by value in the next */
    VEC(KnownExtent) extents;
    weir_status worst;
    uint32_t n_nodes, n_folded;
} Walk;

struct OperatorRow;

typedef struct Lowering {
    Walk *w;
    weir_context *cx;
    Cascade *cs;
    const Node *node;
    const struct OperatorRow *row;
    int64_t opset;   /* of the node's domain */
    Name provenance;
    uint32_t n_in, n_out;
    Operand **in;    /* NULL: absent */
    Operand **out;
} Lowering;

typedef weir_status (*LowerFn)(Lowering *l);

typedef struct OperatorRow {
    const char *domain, *name;
    int64_t since, until; /* the first and last version; until 0: still there */
    uint32_t min_in, max_in, max_out;
    LowerFn lower;
    int parameter;
    const char *attributes; /* "name:kind ..", kind one of i f s t g I F S */
    bool fold;              /* evaluated when all inputs are constant */
    const char *doc;
} OperatorRow;

/* The row of an operator at a version; NULL if there is none (`*out_known`: the name exists at other versions). */
const OperatorRow *operator_find(const char *domain, const char *name, int64_t version, bool *out_known);
const OperatorRow *operator_rows(uint32_t *out_n);

/* ---- the walk (walk.c, scope.c, fold.c) ---- */

/* Notes the names of all values of the model. */
void note_value_names(Walk *w);
bool is_value_name(const Walk *w, const char *text);
Operand *scope_find(const Scope *scope, Name name);
Scope *scope_new(Walk *w, Scope *parent);
/* WEIR_INVALID (reported) if the name is taken. */
MUST_USE weir_status scope_define(Walk *w, Scope *scope, Name name, Operand *operand, Place place);
/* Lowers the nodes of a graph in the current scope. */
MUST_USE weir_status walk_nodes(Walk *w, uint32_t n, const Node *nodes);
MUST_USE weir_status walk_initializers(Walk *w, const Graph *graph);
/* Lowers a node that is constant and evaluates it: the outputs are constants. *out_done = false: too big to fold. */
MUST_USE weir_status fold_node(Lowering *l, bool *out_done);
Operand *operand_constant(Walk *w, Name name, const Tensor *value);
Operand *operand_poisoned(Walk *w, Name name);
/* What value_info declares of a value whose producer could not be lowered, so that what reads it is looked at too; NULL if it
 * declares too little (lower.c). */
Operand *operand_declared(Walk *w, Name name);
const uint64_t *depends_union(Walk *w, const uint64_t *a, const uint64_t *b);
/* Marks the inputs in `depends` to be bound by value; false if one of them has no value. */
bool want_by_value(Walk *w, const uint64_t *depends);
/* Whether this run has met an operand that must be bound: it will be repeated. */
bool any_wanted(const Walk *w);
/* Whether these inputs look like switches and sizes (few integers or bools) whose values are at hand, so that a branch
 * is better decided now. */
bool switches(const Walk *w, const uint64_t *depends);
/* The name of a graph input by number. */
Name graph_input_name(const Walk *w, uint32_t number);

/* ---- failing ---- */

/* Report a reason at the node; return WEIR_INVALID, WEIR_UNSUPPORTED. */
weir_status invalid(Lowering *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
weir_status unsupported(Lowering *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds to the note of the last report what would work instead. */
void advise(Lowering *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The nearest thing that would work where an operator has no row at a version; NULL: nothing is near (refuse.c). */
const char *operator_advice(weir_context *cx, const char *domain, const char *op, int64_t version);
/* Reports a node without a row; `known`: other versions have one. */
weir_status refuse_operator(Lowering *l, const char *domain, bool known);
/* "string" for an element type that weir does not have, by its ONNX number. */
const char *onnx_type_text(weir_context *cx, int onnx_type);
Place node_place(const Lowering *l);
/* "--NAME KEY=VALUE" as a shell takes it. */
const char *option_text(weir_context *cx, const char *name, const char *key, const char *value);
/* "f32[1,3,8]" in the arena; run-time extents with their bound: "f32[<=7,4]". */
const char *shape_text(Lowering *l, const Operand *op);

/* ---- inputs and attributes ---- */

static inline Operand *input(const Lowering *l, uint32_t k)
{
    return k < l->n_in ? l->in[k] : NULL;
}
static inline bool out_wanted(const Lowering *l, uint32_t k)
{
    return k < l->node->n_outputs && l->node->outputs[k].i != 0;
}
static inline bool is_float(Dtype type)
{
    return dtype_kind(type) == DK_FLOAT;
}
/* The type sums and long formulas are computed in: f32 for f16 and bf16. */
static inline Dtype wide(Dtype type)
{
    return type == DT_F16 || type == DT_BF16 ? DT_F32 : type;
}
MUST_USE weir_status want_float(Lowering *l, const Operand *op);
MUST_USE weir_status want_same_type(Lowering *l, const Operand *a, const Operand *b);
MUST_USE weir_status want_rank(Lowering *l, const Operand *op, uint32_t least, uint32_t most);
/* An attribute of the node; kinds were checked against the row. */
const Attribute *attr(const Lowering *l, const char *name);
int64_t attr_int(const Lowering *l, const char *name, int64_t otherwise);
double attr_float(const Lowering *l, const char *name, double otherwise);
const char *attr_text(const Lowering *l, const char *name, const char *otherwise);
bool attr_is(const Lowering *l, const char *name, const char *otherwise, const char *value);
/* Integers of a list attribute; n = 0 if absent. */
typedef struct Ints {
    uint32_t n;
    const int64_t *at;
} Ints;
Ints attr_ints(const Lowering *l, const char *name);
/* The integers of a constant input; if it is not constant, its inputs are wanted by value. Shape [] counts as one. */
MUST_USE weir_status value_ints(Lowering *l, const Operand *op, Ints *out_ints);
MUST_USE weir_status value_of(Lowering *l, const Operand *op, const Tensor **out_value);
/* Input k as integers if present, else the attribute. */
MUST_USE weir_status ints_of(Lowering *l, uint32_t k, const char *name, Ints *out_ints, bool *out_given);
/* axis in -rank..rank-1 to 0..rank-1. */
MUST_USE weir_status axis_of(Lowering *l, int64_t axis, uint32_t rank, uint32_t *out_axis);
/* Axes as flags; repeated ones are invalid. */
MUST_USE weir_status axes_of(Lowering *l, Ints axes, uint32_t rank, bool *out_flags);

/* ---- ranks and operands in the cascade ---- */

typedef struct Ranks {
    uint32_t n;
    RankId at[CASCADE_MAX_RANKS];
} Ranks;

static inline void ranks_add(Ranks *ranks, RankId rank)
{
    ranks->at[ranks->n++] = rank;
}
bool ranks_have(const Ranks *ranks, RankId rank);
/* A new static rank. */
RankId new_rank(Lowering *l, const char *base, int64_t extent);
/* Appends `rank` if it is not in the list yet, else (or for rank 0) a new one of `extent`. */
RankId ranks_add_distinct(Lowering *l, Ranks *ranks, RankId rank, const char *base, int64_t extent);
/* The rank of a dimension; 0 for a constant that is not declared. */
RankId dim_rank(const Lowering *l, const Operand *op, uint32_t dim);
bool dim_runtime(const Lowering *l, const Operand *op, uint32_t dim);
/* WEIR_UNSUPPORTED if a dimension has a run-time extent. */
MUST_USE weir_status want_static(Lowering *l, const Operand *op);
/* The same of dimensions first, first + 1 .. */
MUST_USE weir_status want_static_from(Lowering *l, const Operand *op, uint32_t first);
int64_t extent_of_rank(const Lowering *l, RankId rank);
int64_t count_of(const Operand *op); /* elements */

/* Declares a constant over these ranks (0: a new one) unless it is declared. */
void declare_over(Lowering *l, Operand *op, const RankId *ranks);
TensorId tensor_of(Lowering *l, Operand *op);
bool is_splat_one(const Operand *op); /* a constant of one element */
ExprId literal_at(Lowering *l, const Tensor *value, int64_t i);

/* Reads: an operand at index expressions, at ranks. Constants of one element become literals. */
ExprId at_index(Lowering *l, Operand *op, const ExprId *index);
ExprId at_ranks(Lowering *l, Operand *op, const RankId *ranks);
/* The only element of an operand of extents 1. */
ExprId at_scalar(Lowering *l, Operand *op);
ExprId at_pad(Lowering *l, Operand *op, const ExprId *index, ExprId pad);

/* A temporary (named after output 0 and `suffix`), and the operand of output k. Extents are checked. */
MUST_USE weir_status temporary(Lowering *l, const char *suffix, Dtype type, const Ranks *ranks, Operand **out);
MUST_USE weir_status output(Lowering *l, uint32_t k, Dtype type, const Ranks *ranks, Operand **out);
/* Output k is `op` under another name. */
void output_alias(Lowering *l, uint32_t k, const Operand *op);
/* Output k is a constant. */
void output_constant(Lowering *l, uint32_t k, const Tensor *value);
/* Integers as a constant output. */
MUST_USE weir_status output_ints(Lowering *l, uint32_t k, Dtype type, uint32_t n_dims, int64_t n, const int64_t *ints);
/* A table to be filled; WEIR_LIMIT is not checked: callers bound the extents. */
Tensor table_new(Lowering *l, Dtype type, uint32_t n_dims, const int64_t *extent);
/* A constant of the lowering itself (tables of weights, counts), declared over these ranks. */
Operand *table(Lowering *l, const char *suffix, Tensor *value, const RankId *ranks);

/* ---- statements ---- */

/* T[..] = body over T's dimensions; of the operand's type (a cast is added if the body has another). */
void define(Lowering *l, Operand *target, ExprId body);
void define_at(Lowering *l, Operand *target, const ExprId *index, ExprId body);
/* T[..] = reduction[ranks] body; sums and products of f16 and bf16 get accumulator f32 (T is f32 then). */
StatementId reduce(Lowering *l, Operand *target, Reduction reduction, const Ranks *over, ExprId body);
/* The same for a piece of a declared tensor. */
StatementId reduce_at(Lowering *l, Operand *target, const ExprId *index, Reduction reduction, const Ranks *over, ExprId body);
/* Only points where `holds` (0: all) take part in a reduction. */
void only_where(Lowering *l, StatementId id, ExprId holds);
/* Declares a temporary by a line of its own (before its pieces). */
void declare_line(Lowering *l, const Operand *op);

/* ---- expressions ---- */

static inline ExprId ex1(Lowering *l, Fn fn, ExprId a) { return ex_unary(l->cs, fn, a); }
static inline ExprId ex2(Lowering *l, Fn fn, ExprId a, ExprId b) { return ex_binary(l->cs, fn, a, b); }
static inline ExprId lit(Lowering *l, Dtype type, double value) { return ex_literal(l->cs, type, value); }
static inline ExprId num(Lowering *l, int64_t value) { return ex_int(l->cs, value); }
static inline ExprId rk(Lowering *l, RankId rank) { return ex_rank(l->cs, rank); }
static inline ExprId cast(Lowering *l, Dtype type, ExprId a) { return ex_cast(l->cs, type, CAST_PLAIN, a); }
/* Index arithmetic with the obvious simplifications. */
ExprId ix_add(Lowering *l, ExprId a, ExprId b);
ExprId ix_div(Lowering *l, ExprId a, int64_t by);
ExprId ix_mod(Lowering *l, ExprId a, int64_t by);
/* a*rank + b. */
ExprId ix_affine(Lowering *l, int64_t a, RankId rank, int64_t b);

/* ---- broadcasting (broadcast.c) ---- */

/* The ranks of a numpy broadcast; those of the first operand of full size where possible. */
MUST_USE weir_status broadcast(Lowering *l, uint32_t n, Operand *const *ops, Ranks *out);
/* The operand read for a point of `ranks`, aligned at the right end. */
ExprId at_broadcast(Lowering *l, Operand *op, const Ranks *ranks);
/* Ranks of an operand for a result of the same shape. */
void ranks_of(Lowering *l, Operand *op, Ranks *out);

/* ---- shared by families ---- */

/* Windows: kernel, strides, dilations, pads of convolutions and pools. */
typedef struct Window {
    uint32_t n; /* spatial dimensions */
    int64_t in[MAX_DIMS], kernel[MAX_DIMS], stride[MAX_DIMS], dilation[MAX_DIMS];
    int64_t begin[MAX_DIMS], end[MAX_DIMS], out[MAX_DIMS];
} Window;
MUST_USE weir_status window_of(Lowering *l, const Operand *x, const int64_t *kernel, Window *out_window);
/* The spatial index `i*stride + r*dilation - begin`. */
ExprId window_index(Lowering *l, const Window *window, uint32_t d, RankId out, RankId tap);
/* Whether that index can leave the input. */
bool window_leaves(const Window *window);
extern const char *const spatial_names[], *const tap_names[];

/* The function of an activation applied to x, computed in x's type: by name with alpha and beta (RNN, FusedConv). */
MUST_USE weir_status activation(Lowering *l, const char *name, double alpha, double beta, ExprId x, ExprId *out);
/* Lowers a movement of X to `extents` in row-major order, as output k. */
MUST_USE weir_status reshape_to(Lowering *l, Operand *x, uint32_t n_dims, const int64_t *extent, uint32_t k);

#endif
