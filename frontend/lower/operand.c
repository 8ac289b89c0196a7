/*
 * frontend/lower/operand.c: operands, ranks and constants in the cascade being built; statements; index arithmetic.
 */
#include <string.h>

#include "frontend/lower/walk.h"

/* ---- ranks ---- */

bool ranks_have(const Ranks *ranks, RankId rank)
{
    for (uint32_t i = 0; i < ranks->n; i++)
        if (rank_same(ranks->at[i], rank))
            return true;
    return false;
}

RankId new_rank(Lowering *l, const char *base, int64_t extent)
{
    while (is_value_name(l->w, base))
        base = arena_printf(&l->cx->arena, "%s0", base);
    Rank rank = {.name = cascade_fresh_name(l->cs, base), .kind = RANK_STATIC, .extent = extent};
    RankId id = cascade_add_rank(l->cs, rank);
    StatementId item = cascade_add_statement(l->cs, (Statement){.kind = ST_RANK, .rank = id});
    vec_push(&l->cx->arena, &l->w->emit->ranks, item);
    return id;
}

RankId ranks_add_distinct(Lowering *l, Ranks *ranks, RankId rank, const char *base, int64_t extent)
{
    if (rank.i == 0 || ranks_have(ranks, rank))
        rank = new_rank(l, base, extent);
    ranks_add(ranks, rank);
    return rank;
}

RankId dim_rank(const Lowering *l, const Operand *op, uint32_t dim)
{
    return op->tensor.i == 0 ? (RankId){0} : tensor_at(l->cs, op->tensor)->dims[dim].rank;
}

bool dim_runtime(const Lowering *l, const Operand *op, uint32_t dim)
{
    RankId rank = dim_rank(l, op, dim);
    return rank.i != 0 && rank_at(l->cs, rank)->kind != RANK_STATIC;
}

weir_status want_static(Lowering *l, const Operand *op)
{
    return want_static_from(l, op, 0);
}

weir_status want_static_from(Lowering *l, const Operand *op, uint32_t first)
{
    for (uint32_t d = first; d < op->n_dims; d++)
        if (dim_runtime(l, op, d))
            return unsupported(l, "dimension %u of input '%s' has a run-time extent", d, cx_text(l->cx, op->name));
    return WEIR_OK;
}

int64_t extent_of_rank(const Lowering *l, RankId rank)
{
    return rank_at(l->cs, rank)->extent;
}

int64_t count_of(const Operand *op)
{
    int64_t n = 1;
    for (uint32_t d = 0; d < op->n_dims; d++)
        n *= op->extent[d];
    return n;
}

/* ---- constants ---- */

static void declare_dims(Lowering *l, Operand *op, const RankId *hint, RankId *out)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "k", "l", "m", "p", "q", "u", "v", "w"};
    Ranks ranks = {0};
    for (uint32_t d = 0; d < op->n_dims; d++) {
        RankId rank = hint == NULL ? (RankId){0} : hint[d];
        if (rank.i != 0 && (extent_of_rank(l, rank) != op->extent[d] || rank_at(l->cs, rank)->kind != RANK_STATIC))
            rank.i = 0;
        out[d] = ranks_add_distinct(l, &ranks, rank, names[d], op->extent[d]);
    }
}

void declare_over(Lowering *l, Operand *op, const RankId *hint)
{
    if (op->tensor.i != 0 || op->value == NULL)
        return;
    RankId ranks[MAX_DIMS];
    declare_dims(l, op, hint, ranks);
    weir_context *cx = l->cx;
    const char *outside = cx_text(cx, op->name);
    TensorDecl decl = {.name = cascade_fresh_name(l->cs, op->name.i == 0 ? "const" : outside),
                       .role = TENSOR_CONST,
                       .declared = true,
                       .type = op->type,
                       .n_dims = op->n_dims,
                       .dims = ARENA_ARRAY(&cx->arena, TensorDim, op->n_dims),
                       .data = {.kind = DATA_INLINE, .value = *op->value}};
    memcpy(decl.data.value.extent, op->extent, sizeof op->extent); /* an alias may have other extents */
    decl.data.value.n_dims = op->n_dims;
    for (uint32_t d = 0; d < op->n_dims; d++)
        decl.dims[d].rank = ranks[d];
    if (op->name.i != 0 && !name_is(decl.name, op->name))
        decl.outside = op->name;
    enum { MOST_INLINE = 64 };
    if (op->file != NULL && count_of(op) > MOST_INLINE) {
        decl.data.kind = DATA_FILE;
        decl.data.path = intern_text(&cx->names, op->file);
        decl.data.offset = op->file_offset;
    }
    op->tensor = cascade_add_tensor(l->cs, decl);
    StatementId item = cascade_add_statement(l->cs, (Statement){.kind = ST_TENSOR, .tensor = op->tensor});
    vec_push(&cx->arena, &l->w->emit->constants, item);
}

TensorId tensor_of(Lowering *l, Operand *op)
{
    declare_over(l, op, NULL);
    return op->tensor;
}

bool is_splat_one(const Operand *op)
{
    return op->value != NULL && count_of(op) == 1;
}

ExprId literal_at(Lowering *l, const Tensor *value, int64_t i)
{
    if (dtype_is_int(value->type) || value->type == DT_BOOL)
        return ex_literal_int(l->cs, value->type, dtype_load_i64(value->type, value->data, (size_t)i));
    return ex_literal(l->cs, value->type, dtype_load_f64(value->type, value->data, (size_t)i));
}

Operand *operand_constant(Walk *w, Name name, const Tensor *value)
{
    Operand *op = ARENA_NEW(&w->cx->arena, Operand);
    op->name = name;
    op->type = value->type;
    op->n_dims = value->n_dims;
    memcpy(op->extent, value->extent, sizeof op->extent);
    op->value = value;
    return op;
}

Operand *operand_poisoned(Walk *w, Name name)
{
    Operand *op = ARENA_NEW(&w->cx->arena, Operand);
    op->name = name;
    op->poisoned = true;
    return op;
}

Operand *table(Lowering *l, const char *suffix, Tensor *value, const RankId *ranks)
{
    weir_context *cx = l->cx;
    char *name = arena_printf(&cx->arena, "%s%s", cx_text(cx, l->provenance), suffix);
    Operand *op = operand_constant(l->w, intern_text(&cx->names, name), arena_copy(&cx->arena, value, sizeof *value));
    declare_over(l, op, ranks);
    return op;
}

Tensor table_new(Lowering *l, Dtype type, uint32_t n_dims, const int64_t *extent)
{
    Arena *arena = &l->cx->arena;
    Tensor t = {.type = type, .n_dims = n_dims, .writable = true};
    size_t bytes = dtype_bytes(type);
    for (uint32_t d = 0; d < n_dims; d++) {
        t.extent[d] = extent[d];
        bytes = arena_array_bytes(arena, bytes, (size_t)extent[d]);
    }
    t.data = arena_alloc(arena, bytes);
    return t;
}

/* ---- reads ---- */

ExprId at_scalar(Lowering *l, Operand *op)
{
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        zero[d] = num(l, 0);
    return at_index(l, op, zero);
}

ExprId at_index(Lowering *l, Operand *op, const ExprId *index)
{
    if (is_splat_one(op) && op->tensor.i == 0 && dtype_kind(op->type) != DK_CODE && dtype_bits(op->type) >= 8)
        return literal_at(l, op->value, 0);
    TensorId tensor = tensor_of(l, op);
    return ex_access(l->cs, tensor, op->n_dims, index);
}

ExprId at_ranks(Lowering *l, Operand *op, const RankId *ranks)
{
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        index[d] = rk(l, ranks[d]);
    declare_over(l, op, is_splat_one(op) ? NULL : ranks);
    return at_index(l, op, index);
}

ExprId at_pad(Lowering *l, Operand *op, const ExprId *index, ExprId pad)
{
    TensorId tensor = tensor_of(l, op);
    return ex_access_pad(l->cs, tensor, op->n_dims, index, pad);
}

/* ---- results ---- */

static weir_status check_extents(Lowering *l, const Operand *op)
{
    uint64_t bytes = dtype_bytes(op->type);
    for (uint32_t d = 0; d < op->n_dims; d++)
        if (op->extent[d] < 0)
            return invalid(l, "the result would have a negative extent: %s", shape_text(l, op));
    for (uint32_t d = 0; d < op->n_dims; d++) { /* of an empty tensor too: products of its other extents stay in range */
        uint64_t extent = op->extent[d] == 0 ? 1 : (uint64_t)op->extent[d];
        if (!__builtin_mul_overflow(bytes, extent, &bytes) && bytes <= l->cx->limits.memory_bytes)
            continue;
        diag(&l->cx->diag, place_node(l->w->model->source, l->node->index, cx_text(l->cx, l->provenance), l->row->name),
             E_LIMIT, arena_printf(&l->cx->arena, "bytes of %s", shape_text(l, op)),
             bytes > INT64_MAX ? (long long)INT64_MAX : (long long)bytes,
             (long long)l->cx->limits.memory_bytes, "--max-memory");
        return WEIR_LIMIT;
    }
    return WEIR_OK;
}

static weir_status new_tensor(Lowering *l, const char *name, Name outside, Dtype type, const Ranks *ranks, Operand **out)
{
    if (ranks->n > MAX_DIMS)
        return unsupported(l, "a tensor of %u dimensions (at most %d)", ranks->n, (int)MAX_DIMS);
    Operand *op = ARENA_NEW(&l->cx->arena, Operand);
    op->name = outside;
    op->type = type;
    op->n_dims = ranks->n;
    for (uint32_t d = 0; d < ranks->n; d++)
        op->extent[d] = extent_of_rank(l, ranks->at[d]);
    TRY(check_extents(l, op));
    op->tensor = cascade_tensor(l->cs, TENSOR_TMP, name, type, ranks->n, ranks->at);
    *out = op;
    return WEIR_OK;
}

static Name out_name(const Lowering *l, uint32_t k)
{
    return out_wanted(l, k) ? l->node->outputs[k] : l->provenance;
}

weir_status temporary(Lowering *l, const char *suffix, Dtype type, const Ranks *ranks, Operand **out)
{
    const char *name = arena_printf(&l->cx->arena, "%.160s%s", cx_text(l->cx, out_name(l, 0)), suffix);
    return new_tensor(l, name, (Name){0}, type, ranks, out);
}

weir_status output(Lowering *l, uint32_t k, Dtype type, const Ranks *ranks, Operand **out)
{
    Name name = out_name(l, k);
    TRY(new_tensor(l, cx_text(l->cx, name), name, type, ranks, out));
    l->out[k] = *out;
    return WEIR_OK;
}

void output_alias(Lowering *l, uint32_t k, const Operand *op)
{
    Operand *copy = arena_copy(&l->cx->arena, op, sizeof *op);
    if (copy->tensor.i == 0)
        copy->name = out_name(l, k);
    l->out[k] = copy;
}

void output_constant(Lowering *l, uint32_t k, const Tensor *value)
{
    l->out[k] = operand_constant(l->w, out_name(l, k), value);
}

weir_status output_ints(Lowering *l, uint32_t k, Dtype type, uint32_t n_dims, int64_t n, const int64_t *ints)
{
    Tensor *value = ARENA_NEW(&l->cx->arena, Tensor);
    value->type = type;
    value->n_dims = n_dims;
    if (n_dims == 1)
        value->extent[0] = n;
    value->data = ARENA_ARRAY(&l->cx->arena, int64_t, (size_t)n);
    value->writable = true;
    for (int64_t i = 0; i < n; i++)
        dtype_store_i64(type, value->data, (size_t)i, ints[i]);
    output_constant(l, k, value);
    return WEIR_OK;
}

/* ---- statements ---- */

void define(Lowering *l, Operand *target, ExprId body)
{
    st_define(l->cs, target->tensor, cast(l, target->type, body), l->provenance);
}

void define_at(Lowering *l, Operand *target, const ExprId *index, ExprId body)
{
    st_define_at(l->cs, target->tensor, target->n_dims, index, cast(l, target->type, body), l->provenance);
}

StatementId reduce(Lowering *l, Operand *target, Reduction reduction, const Ranks *over, ExprId body)
{
    StatementId id = st_reduce(l->cs, target->tensor, reduction, over->n, over->at, body, l->provenance);
    Dtype type = expr_at(l->cs, body)->type;
    bool arithmetic = reduction == RED_SUM || reduction == RED_PROD;
    if (arithmetic && type != target->type)
        statement_at(l->cs, id)->accumulator = target->type;
    return id;
}

StatementId reduce_at(Lowering *l, Operand *target, const ExprId *index, Reduction reduction, const Ranks *over, ExprId body)
{
    StatementId id = st_define_at(l->cs, target->tensor, target->n_dims, index, body, l->provenance);
    Statement *st = statement_at(l->cs, id);
    st->reduction = reduction;
    st->n_reduced = over->n;
    st->reduced = arena_copy(&l->cx->arena, over->at, over->n * sizeof *over->at);
    if ((reduction == RED_SUM || reduction == RED_PROD) && expr_at(l->cs, body)->type != target->type)
        st->accumulator = target->type;
    return id;
}

void only_where(Lowering *l, StatementId id, ExprId holds)
{
    Statement *st = statement_at(l->cs, id);
    if (holds.i != 0)
        st->condition = st->condition.i == 0 ? holds : ex2(l, FN_AND, st->condition, holds);
}

void declare_line(Lowering *l, const Operand *op)
{
    tensor_at(l->cs, op->tensor)->declared = true;
    cascade_item_tensor(l->cs, op->tensor);
}

/* ---- index arithmetic ---- */

ExprId ix_add(Lowering *l, ExprId a, ExprId b)
{
    int64_t value;
    if (expr_is_int(l->cs, b, &value))
        return ex_offset(l->cs, a, value);
    if (expr_is_int(l->cs, a, &value))
        return ex_offset(l->cs, b, value);
    return ex2(l, FN_ADD, a, b);
}

ExprId ix_div(Lowering *l, ExprId a, int64_t by)
{
    int64_t value;
    if (by == 1)
        return a;
    if (expr_is_int(l->cs, a, &value) && value >= 0)
        return num(l, value / by);
    return ex2(l, FN_DIV, a, num(l, by));
}

ExprId ix_mod(Lowering *l, ExprId a, int64_t by)
{
    int64_t value;
    if (by == 1)
        return num(l, 0);
    if (expr_is_int(l->cs, a, &value) && value >= 0)
        return num(l, value % by);
    return ex2(l, FN_MOD, a, num(l, by));
}

ExprId ix_affine(Lowering *l, int64_t a, RankId rank, int64_t b)
{
    return ex_offset(l->cs, ex_scale(l->cs, a, rk(l, rank)), b);
}
