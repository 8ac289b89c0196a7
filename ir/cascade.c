/*
 * ir/cascade.c: the arrays of a cascade, names, ranks, tensors, item lists.
 */
#include "ir/cascade.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ir/tokens.h"

Cascade *cascade_new(weir_context *cx, const char *name)
{
    Cascade *cs = ARENA_NEW(&cx->arena, Cascade);
    cs->cx = cx;
    cs->name = intern_text(&cx->names, name);
    vec_push(&cx->arena, &cs->ranks, (Rank){0});
    vec_push(&cx->arena, &cs->tensors, (TensorDecl){0});
    vec_push(&cx->arena, &cs->exprs, (Expr){0});
    vec_push(&cx->arena, &cs->statements, (Statement){0});
    vec_push(&cx->arena, &cs->formats, (Format){0});
    return cs;
}

#define CLONE_VEC(copy, arena)                                                                     \
    do {                                                                                           \
        if ((copy).room != 0)                                                                      \
            (copy).at = arena_copy((arena), (copy).at, (copy).room * sizeof *(copy).at);           \
    } while (0)

Cascade *cascade_clone(const Cascade *cs)
{
    Arena *arena = &cs->cx->arena;
    Cascade *copy = ARENA_NEW(arena, Cascade);
    *copy = *cs;
    CLONE_VEC(copy->ranks, arena);
    CLONE_VEC(copy->tensors, arena);
    CLONE_VEC(copy->exprs, arena);
    CLONE_VEC(copy->args, arena);
    CLONE_VEC(copy->statements, arena);
    CLONE_VEC(copy->formats, arena);
    CLONE_VEC(copy->open, arena);
    CLONE_VEC(copy->nesting, arena);
    CLONE_VEC(copy->taken, arena);
    return copy;
}

const char *rank_name(const Cascade *cs, RankId id)
{
    return cx_text(cs->cx, rank_at(cs, id)->name);
}

const char *tensor_name(const Cascade *cs, TensorId id)
{
    return cx_text(cs->cx, tensor_at(cs, id)->name);
}

int64_t dim_extent(const Cascade *cs, TensorId id, uint32_t dim)
{
    const TensorDim *d = &tensor_at(cs, id)->dims[dim];
    return rank_at(cs, d->rank)->extent + (d->next ? 1 : 0);
}

int64_t tensor_size(const Cascade *cs, TensorId id)
{
    int64_t n = 1;
    for (uint32_t d = 0; d < tensor_at(cs, id)->n_dims; d++)
        if (__builtin_mul_overflow(n, dim_extent(cs, id, d), &n))
            return -1;
    return n;
}

RankId rank_by_name(const Cascade *cs, Name name)
{
    for (uint32_t i = 1; name.i != 0 && i < cs->ranks.n; i++)
        if (name_is(cs->ranks.at[i].name, name))
            return (RankId){i};
    return (RankId){0};
}

TensorId tensor_by_name(const Cascade *cs, Name name)
{
    for (uint32_t i = 1; name.i != 0 && i < cs->tensors.n; i++)
        if (name_is(cs->tensors.at[i].name, name))
            return (TensorId){i};
    return (TensorId){0};
}

/* ---- names ---- */

/* The names a cascade has taken, as bits by Name number. */
static bool name_taken(Cascade *cs, Name name)
{
    return name.i / 64 < cs->taken.n && (cs->taken.at[name.i / 64] >> (name.i % 64) & 1) != 0;
}

static void take_name(Cascade *cs, Name name)
{
    while (cs->taken.n <= name.i / 64)
        vec_push(&cs->cx->arena, &cs->taken, 0);
    cs->taken.at[name.i / 64] |= (uint64_t)1 << (name.i % 64);
}

enum { NAME_BYTES = 200 };

Name cascade_fresh_name(Cascade *cs, const char *base)
{
    char text[NAME_BYTES + 24];
    size_t n = 0;
    if (isdigit((unsigned char)base[0]) || base[0] == 0)
        text[n++] = 'x';
    for (; *base != 0 && n < NAME_BYTES; base++)
        text[n++] = isalnum((unsigned char)*base) ? *base : '_';
    if (cascade_reserved(text, n))
        text[n++] = '_';
    Name name = intern(&cs->cx->names, text, n);
    while (name_taken(cs, name)) {
        int more = snprintf(text + n, sizeof text - n, "_%u", ++cs->fresh);
        name = intern(&cs->cx->names, text, n + (size_t)more);
    }
    return name;
}

/* ---- ranks and tensors ---- */

RankId cascade_add_rank(Cascade *cs, Rank rank)
{
    take_name(cs, rank.name);
    vec_push(&cs->cx->arena, &cs->ranks, rank);
    return (RankId){cs->ranks.n - 1};
}

RankId cascade_rank(Cascade *cs, const char *base, int64_t extent)
{
    Rank rank = {.name = cascade_fresh_name(cs, base), .kind = RANK_STATIC, .extent = extent};
    RankId id = cascade_add_rank(cs, rank);
    cascade_item_rank(cs, id);
    return id;
}

TensorId cascade_add_tensor(Cascade *cs, TensorDecl tensor)
{
    take_name(cs, tensor.name);
    vec_push(&cs->cx->arena, &cs->tensors, tensor);
    return (TensorId){cs->tensors.n - 1};
}

TensorId cascade_tensor(Cascade *cs, TensorRole role, const char *base, Dtype type, uint32_t n_dims,
                        const RankId *ranks)
{
    TensorDecl tensor = {.name = cascade_fresh_name(cs, base),
                         .role = role,
                         .type = type,
                         .n_dims = n_dims,
                         .dims = ARENA_ARRAY(&cs->cx->arena, TensorDim, n_dims)};
    for (uint32_t i = 0; i < n_dims; i++)
        tensor.dims[i].rank = ranks[i];
    tensor.declared = role != TENSOR_TMP;
    TensorId id = cascade_add_tensor(cs, tensor);
    if (tensor.declared)
        cascade_item_tensor(cs, id);
    return id;
}

TensorId cascade_constant(Cascade *cs, const char *base, const Tensor *value, const RankId *ranks)
{
    TensorId id = cascade_tensor(cs, TENSOR_CONST, base, value->type, value->n_dims, ranks);
    tensor_at(cs, id)->data = (ConstData){.kind = DATA_INLINE, .value = *value};
    return id;
}

TensorId cascade_scalar(Cascade *cs, const char *base, Dtype type, double value)
{
    Tensor tensor = {.type = type, .data = arena_alloc(&cs->cx->arena, 8), .writable = true};
    if (dtype_is_int(type) || type == DT_BOOL)
        dtype_store_i64(type, tensor.data, 0, (int64_t)value);
    else
        dtype_store_f64(type, tensor.data, 0, value);
    return cascade_constant(cs, base, &tensor, NULL);
}

uint32_t cascade_add_format(Cascade *cs, Format format)
{
    vec_push(&cs->cx->arena, &cs->formats, format);
    return cs->formats.n - 1;
}

/* ---- items ---- */

StatementId cascade_add_statement(Cascade *cs, Statement st)
{
    vec_push(&cs->cx->arena, &cs->statements, st);
    return (StatementId){cs->statements.n - 1};
}

void cascade_item(Cascade *cs, StatementId id)
{
    vec_push(&cs->cx->arena, &cs->open, id);
}

void cascade_item_rank(Cascade *cs, RankId rank)
{
    cascade_item(cs, cascade_add_statement(cs, (Statement){.kind = ST_RANK, .rank = rank}));
}

void cascade_item_tensor(Cascade *cs, TensorId tensor)
{
    cascade_item(cs, cascade_add_statement(cs, (Statement){.kind = ST_TENSOR, .tensor = tensor}));
}

void cascade_open(Cascade *cs)
{
    vec_push(&cs->cx->arena, &cs->nesting, cs->open.n);
}

Block cascade_close(Cascade *cs)
{
    uint32_t start = cs->nesting.n == 0 ? 0 : cs->nesting.at[--cs->nesting.n];
    Block block = {.n = cs->open.n - start};
    if (block.n != 0)
        block.at = arena_copy(&cs->cx->arena, cs->open.at + start, block.n * sizeof *block.at);
    cs->open.n = start;
    return block;
}

void cascade_finish(Cascade *cs)
{
    cs->top = cascade_close(cs);
}

/* ---- statements ---- */

static Name *one_name(Cascade *cs, Name name)
{
    return name.i == 0 ? NULL : arena_copy(&cs->cx->arena, &name, sizeof name);
}

static Target *one_target(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index)
{
    Target target = {tensor, n, n == 0 ? NULL : arena_copy(&cs->cx->arena, index, n * sizeof *index)};
    return arena_copy(&cs->cx->arena, &target, sizeof target);
}

StatementId st_define_at(Cascade *cs, TensorId target, uint32_t n, const ExprId *index, ExprId body,
                         Name provenance)
{
    Statement st = {.kind = ST_DEFINE,
                    .n_targets = 1,
                    .targets = one_target(cs, target, n, index),
                    .body = body,
                    .n_provenance = provenance.i == 0 ? 0 : 1,
                    .provenance = one_name(cs, provenance)};
    StatementId id = cascade_add_statement(cs, st);
    cascade_item(cs, id);
    return id;
}

StatementId st_define(Cascade *cs, TensorId target, ExprId body, Name provenance)
{
    ExprId index[TENSOR_MAX_DIMS];
    uint32_t n = tensor_at(cs, target)->n_dims;
    for (uint32_t d = 0; d < n; d++)
        index[d] = ex_rank(cs, tensor_at(cs, target)->dims[d].rank);
    return st_define_at(cs, target, n, index, body, provenance);
}

StatementId st_reduce(Cascade *cs, TensorId target, Reduction reduction, uint32_t n, const RankId *reduced,
                      ExprId body, Name provenance)
{
    StatementId id = st_define(cs, target, body, provenance);
    Statement *st = statement_at(cs, id);
    st->reduction = reduction;
    st->n_reduced = n;
    st->reduced = n == 0 ? NULL : arena_copy(&cs->cx->arena, reduced, n * sizeof *reduced);
    return id;
}
