/*
 * passes/inline.c: inlines pure movement, and pointwise statements that are read once.
 *
 * A statement T[ranks] = expression without a reduction may be read where T is read, with the reader's index
 * for each rank. Movement (the expression is one access) goes wherever the composed index stays affine, or the reader
 * is pointwise. Other expressions go only into pointwise statements, where every element of T is read at most once, so
 * that nothing is computed twice and epilogues stay statements; into movement only if that itself could not go on
 * (`late`). A read with a pad takes only movement whose padded dimensions are kept as they are.
 */
#include "ir/index.h"
#include "passes/simplify.h"
#include "passes/uses.h"

enum { MOST_NODES = 96 }; /* of an inlined expression */

typedef struct Inlining {
    Cascade *cs;
    const Use *uses;
    StatementId *source;  /* by tensor: the statement that may be inlined; 0: none */
    uint32_t *source_region; /* by tensor: where that statement stands */
    bool *index_node;     /* by expression: stands in an index or condition, where only movement may go */
    const Statement *reader;
    bool late;            /* movement that is still there may take expressions */
    uint32_t region;      /* the reader's: number of the enclosing region's statement */
    uint32_t n_provenance;
    Name provenance[64];
    uint32_t changed;
} Inlining;

static void count_node(void *data, ExprId e)
{
    (void)e;
    ++*(uint32_t *)data;
}

static uint32_t node_count(const Cascade *cs, ExprId e)
{
    uint32_t n = 0;
    expr_visit(cs, e, count_node, &n);
    return n;
}

static bool is_movement(const Cascade *cs, const Statement *st)
{
    const Expr *body = expr_at(cs, st->body);
    return body->kind == EX_ACCESS && body->part == PART_VALUE;
}

/* T[r0, r1 ..] = expression, T a temporary over exactly these distinct ranks. */
static bool may_be_inlined(const Inlining *in, StatementId id)
{
    const Cascade *cs = in->cs;
    const Statement *st = statement_at(cs, id);
    if (st->kind != ST_DEFINE || st->reduction != RED_NONE || st->scatter != RED_NONE)
        return false;
    TensorId tensor = st->targets[0].tensor;
    const TensorDecl *t = tensor_at(cs, tensor);
    if (t->role != TENSOR_TMP || t->is_out || t->declared || t->format != 0 || in->uses[tensor.i].definitions != 1)
        return false;
    for (uint32_t d = 0; d < t->n_dims; d++) {
        const Expr *index = expr_at(cs, st->targets[0].index[d]);
        if (index->kind != EX_RANK || !rank_same(index->rank, t->dims[d].rank) || t->dims[d].next ||
            rank_at(cs, index->rank)->kind == RANK_ITERATIVE)
            return false;
        for (uint32_t e = 0; e < d; e++)
            if (rank_same(t->dims[e].rank, t->dims[d].rank))
                return false;
    }
    return node_count(cs, st->body) <= MOST_NODES;
}

/* The reader is pointwise over no more ranks than the access has indices, so each element is read at most once. */
static bool reads_once(const Inlining *in, ExprId access)
{
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(in->cs, in->reader, ranks, CASCADE_MAX_RANKS);
    bool pointwise = in->reader->n_reduced == 0 && in->reader->scatter == RED_NONE;
    return pointwise && expr_at(in->cs, access)->n_args >= n && (in->late || !is_movement(in->cs, in->reader));
}

/* Dimension `d` of T, read with a pad, must be a dimension of the source with the same rank plain and the same extent:
 * then outside of one is outside of the other. */
static bool pad_carries_over(const Cascade *cs, const Statement *source, RankId rank)
{
    const Expr *body = expr_at(cs, source->body);
    if (body->pad != PAD_NONE)
        return false;
    uint32_t found = 0;
    for (uint32_t d = 0; d < body->n_args; d++) {
        ExprId index = expr_arg(cs, source->body, d);
        RankId plain;
        if (index_is_rank(cs, index, &plain) && rank_same(plain, rank))
            found += dim_extent(cs, body->tensor, d) == rank_at(cs, rank)->extent ? 1 : 2;
        else if (expr_uses_rank(cs, index, rank))
            return false;
    }
    return found == 1;
}

static bool pad_allows(const Inlining *in, const Expr *access, const Statement *source)
{
    if (access->pad == PAD_NONE)
        return true;
    const TensorDecl *t = tensor_at(in->cs, access->tensor);
    if (!is_movement(in->cs, source))
        return false;
    for (uint32_t d = 0; d < t->n_dims; d++)
        if (!pad_carries_over(in->cs, source, t->dims[d].rank))
            return false;
    return true;
}

static ExprId compose(Inlining *in, const Statement *source, const ExprId *index)
{
    Cascade *cs = in->cs;
    const TensorDecl *t = tensor_at(cs, source->targets[0].tensor);
    ExprId *rank_to = ARENA_ARRAY(&cs->cx->arena, ExprId, cs->ranks.n);
    for (uint32_t d = 0; d < t->n_dims; d++)
        rank_to[t->dims[d].rank.i] = index[d];
    Rewrite rewrite = {.n_ranks = cs->ranks.n, .rank_to = rank_to};
    return expr_rewrite(cs, source->body, &rewrite);
}

static bool all_affine(const Cascade *cs, ExprId access)
{
    Affine a;
    for (uint32_t d = 0; d < expr_at(cs, access)->n_args; d++)
        if (!expr_affine(cs, expr_arg(cs, access, d), &a))
            return false;
    return true;
}

static ExprId with_simple_indices(Cascade *cs, ExprId access)
{
    Expr x = *expr_at(cs, access);
    ExprId index[TENSOR_MAX_DIMS];
    for (uint32_t d = 0; d < x.n_args; d++)
        index[d] = index_simplify(cs, expr_arg(cs, access, d));
    return ex_push(cs, x, x.n_args, index);
}

static void add_provenance(Inlining *in, const Statement *source)
{
    for (uint32_t p = 0; p < source->n_provenance; p++)
        if (in->n_provenance < 64)
            in->provenance[in->n_provenance++] = source->provenance[p];
}

/* The movement `source` read at `index`, or 0 if it may not go here. */
static ExprId inline_movement(Inlining *in, ExprId access, const Statement *source, const ExprId *index)
{
    Cascade *cs = in->cs;
    ExprId moved = with_simple_indices(cs, compose(in, source, index));
    bool was_affine = true;
    Affine a;
    for (uint32_t d = 0; d < expr_at(cs, access)->n_args; d++)
        was_affine = was_affine && expr_affine(cs, index[d], &a);
    bool pointwise = in->reader->n_reduced == 0 && in->reader->scatter == RED_NONE;
    if (!pointwise && was_affine && !all_affine(cs, moved))
        return (ExprId){0};
    const Expr *old = expr_at(cs, access);
    if (old->pad == PAD_NONE)
        return moved;
    Expr x = *expr_at(cs, moved);
    x.pad = old->pad;
    x.pad_literal = old->pad_literal;
    x.pad_tensor = old->pad_tensor;
    ExprId args[TENSOR_MAX_DIMS];
    for (uint32_t d = 0; d < x.n_args; d++)
        args[d] = expr_arg(cs, moved, d);
    return ex_push(cs, x, x.n_args, args);
}

static ExprId replace_access(void *data, Cascade *cs, ExprId access, const ExprId *new_index)
{
    Inlining *in = data;
    Expr x = *expr_at(cs, access);
    StatementId id = in->source[x.tensor.i];
    if (id.i == 0 || x.part != PART_VALUE)
        return (ExprId){0};
    const Statement source = *statement_at(cs, id);
    if (!pad_allows(in, &x, &source))
        return (ExprId){0};
    ExprId to = {0};
    if (is_movement(cs, &source))
        to = inline_movement(in, access, &source, new_index);
    else if (in->uses[x.tensor.i].reads == 1 && !in->index_node[access.i] &&
             in->source_region[x.tensor.i] == in->region && reads_once(in, access))
        to = compose(in, &source, new_index);
    if (to.i != 0) {
        in->changed++;
        add_provenance(in, &source);
    }
    return to;
}

static bool has_name(uint32_t n, const Name *names, Name name)
{
    for (uint32_t i = 0; i < n; i++)
        if (name_is(names[i], name))
            return true;
    return false;
}

/* Provenance of what went in stands before the reader's own. */
static void merge_provenance(Inlining *in, Statement *st)
{
    if (in->n_provenance == 0)
        return;
    Name *merged = ARENA_ARRAY(&in->cs->cx->arena, Name, in->n_provenance + st->n_provenance);
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->n_provenance; i++)
        if (!has_name(n, merged, in->provenance[i]) && !has_name(st->n_provenance, st->provenance, in->provenance[i]))
            merged[n++] = in->provenance[i];
    for (uint32_t i = 0; i < st->n_provenance; i++)
        merged[n++] = st->provenance[i];
    st->provenance = merged;
    st->n_provenance = n;
}

/* Marks every access below `e`, which is an index or a condition. */
static void mark_all(Inlining *in, ExprId e)
{
    if (e.i == 0)
        return;
    in->index_node[e.i] = true;
    for (uint32_t k = 0; k < expr_at(in->cs, e)->n_args; k++)
        mark_all(in, expr_arg(in->cs, e, k));
}

static void mark_indices(Inlining *in, ExprId e)
{
    if (e.i == 0)
        return;
    for (uint32_t k = 0; k < expr_at(in->cs, e)->n_args; k++) {
        if (expr_at(in->cs, e)->kind == EX_ACCESS)
            mark_all(in, expr_arg(in->cs, e, k));
        else
            mark_indices(in, expr_arg(in->cs, e, k));
    }
}

static void inline_statement(Inlining *in, StatementId id)
{
    Cascade *cs = in->cs;
    Rewrite rewrite = {.replace = replace_access, .data = in};
    Statement st = *statement_at(cs, id);
    in->reader = &st;
    in->n_provenance = 0;
    mark_all(in, st.condition);
    mark_all(in, st.scatter_condition);
    ExprId *const values[] = {&st.from, &st.body, &st.scatter_value, &st.condition, &st.scatter_condition};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        mark_indices(in, *values[k]);
        *values[k] = expr_rewrite(cs, *values[k], &rewrite);
    }
    merge_provenance(in, &st);
    *statement_at(cs, id) = st;
    if (may_be_inlined(in, id)) {
        in->source[st.targets[0].tensor.i] = id;
        in->source_region[st.targets[0].tensor.i] = in->region;
    }
}

static void inline_block(Inlining *in, Block block, uint32_t region)
{
    for (uint32_t i = 0; i < block.n; i++) {
        StatementId id = block.at[i];
        in->region = region;
        if (statement_at(in->cs, id)->kind == ST_DEFINE)
            inline_statement(in, id);
        inline_block(in, statement_at(in->cs, id)->body_items, id.i * 2);
        inline_block(in, statement_at(in->cs, id)->else_items, id.i * 2 + 1);
    }
}

uint32_t simplify_inline(Cascade *cs, bool late)
{
    Arena *arena = &cs->cx->arena;
    Inlining in = {.cs = cs,
                   .uses = uses_count(cs),
                   .late = late,
                   .source = ARENA_ARRAY(arena, StatementId, cs->tensors.n),
                   .source_region = ARENA_ARRAY(arena, uint32_t, cs->tensors.n),
                   .index_node = ARENA_ARRAY(arena, bool, cs->exprs.n)};
    inline_block(&in, cs->top, 0);
    return in.changed;
}
