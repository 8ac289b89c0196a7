/*
 * passes/stage.c: the pass stage: operands of a contraction are copied once into the form that its inner loop reads.
 *
 * In:   a simplified cascade. Out: an equal one, bit for bit, with movement statements before heavy reductions:
 *   border  X[.., 2*i + r - 1, ..]?v becomes S[.., 2*i + r, ..] with S[.., y, ..] = X[.., y - 1, ..]?v
 *   order   B[n, k] summed over k, where no rank is contiguous in a lane, becomes S[k, n] = B[n, k]
 * Only where each copied element is read at least MIN_REUSE times; the products with the border are still made.
 */
#include "ir/index.h"
#include "passes/pass.h"
#include "passes/schedule.h"
#include "support/text.h"

enum { MIN_REUSE = 4, MIN_LANES = 8 };

typedef struct Staging {
    Cascade *cs;
    VEC(StatementId) before; /* copies for the statement at hand */
    Shape shape;                   /* of the statement at hand */
    ExprId from_access, to_access; /* what replaces what */
    uint32_t changed;
} Staging;

static double points(const Shape *shape)
{
    double n = 1;
    for (uint32_t k = 0; k < shape->n_kept + shape->n_reduced; k++)
        n *= (double)shape->extent[k];
    return n;
}

static ExprId swap_access(void *data, Cascade *cs, ExprId access, const ExprId *new_index)
{
    const Staging *s = data;
    (void)new_index;
    return access.i == s->from_access.i || expr_equal(cs, access, s->from_access) ? s->to_access : (ExprId){0};
}

static void replace_in_body(Staging *s, StatementId id, ExprId from, ExprId to)
{
    s->from_access = from;
    s->to_access = to;
    Rewrite rewrite = {.replace = swap_access, .data = s};
    ExprId body = expr_rewrite(s->cs, statement_at(s->cs, id)->body, &rewrite);
    statement_at(s->cs, id)->body = body;
    s->changed++;
}

/* A copy S[ranks] = source, with its rank lines and provenance, queued before the statement. */
static TensorId add_copy(Staging *s, const Statement *reader, const char *base, Dtype type, uint32_t n,
                         const RankId *ranks, ExprId source)
{
    Cascade *cs = s->cs;
    uint32_t mark = cs->open.n;
    TensorId copy = cascade_tensor(cs, TENSOR_TMP, base, type, n, ranks);
    StatementId id = st_define(cs, copy, source, (Name){0});
    statement_at(cs, id)->n_provenance = reader->n_provenance;
    statement_at(cs, id)->provenance = reader->provenance;
    statement_at(cs, id)->place = reader->place;
    cs->open.n = mark;
    vec_push(&cs->cx->arena, &s->before, id);
    return copy;
}

static RankId add_rank(Staging *s, const char *base, int64_t extent)
{
    Cascade *cs = s->cs;
    uint32_t mark = cs->open.n;
    RankId rank = cascade_rank(cs, base, extent);
    vec_push(&cs->cx->arena, &s->before, cs->open.at[cs->open.n - 1]);
    cs->open.n = mark;
    return rank;
}

/* ---- border ---- */

/* The affine read X[..]?v of `id` through a copy that holds every coordinate it can reach. */
static void stage_border(Staging *s, StatementId id, const ShapeAccess *access)
{
    Cascade *cs = s->cs;
    const Expr x = *expr_at(cs, access->access);
    RankId ranks[TENSOR_MAX_DIMS];
    ExprId source[TENSOR_MAX_DIMS], reader[TENSOR_MAX_DIMS];
    int64_t low[TENSOR_MAX_DIMS], high[TENSOR_MAX_DIMS];
    double size = 1;
    for (uint32_t d = 0; d < x.n_args; d++) {
        if (!expr_range(cs, expr_arg(cs, access->access, d), &low[d], &high[d]))
            return;
        size *= (double)(high[d] - low[d] + 1);
    }
    if (points(&s->shape) < MIN_REUSE * size)
        return;
    for (uint32_t d = 0; d < x.n_args; d++) {
        const TensorDim *dim = &tensor_at(cs, x.tensor)->dims[d];
        int64_t extent = high[d] - low[d] + 1;
        bool same = low[d] == 0 && extent == dim_extent(cs, x.tensor, d) && !dim->next &&
                    rank_at(cs, dim->rank)->kind == RANK_STATIC;
        for (uint32_t e = 0; e < d && same; e++)
            same = !rank_same(ranks[e], dim->rank);
        ranks[d] = same ? dim->rank : add_rank(s, rank_name(cs, dim->rank), extent);
        source[d] = ex_offset(cs, ex_rank(cs, ranks[d]), low[d]);
        reader[d] = index_simplify(cs, ex_offset(cs, expr_arg(cs, access->access, d), -low[d]));
    }
    Expr padded = x;
    ExprId from = ex_push(cs, padded, x.n_args, source);
    const char *base = arena_printf(&cs->cx->arena, "%s_s", tensor_name(cs, x.tensor));
    TensorId copy = add_copy(s, statement_at(cs, id), base, x.type, x.n_args, ranks, from);
    replace_in_body(s, id, access->access, ex_access(cs, copy, x.n_args, reader));
}

/* ---- order ---- */

static bool some_lane(const Shape *shape)
{
    for (uint32_t k = 0; k < shape->n_kept; k++) {
        bool fits = shape->extent[k] >= MIN_LANES;
        for (uint32_t a = 0; a < shape->n_accesses; a++) {
            const ShapeAccess *access = &shape->access[a];
            fits = fits && (access->stride[k] == 0 || access->stride[k] == 1 || (access->constant && access->plain));
        }
        if (fits)
            return true;
    }
    return false;
}

/* Puts the kept rank of one operand last: ranks in both operands first, then the reduced ones, then its own. */
static bool stage_order(Staging *s, StatementId id, const ShapeAccess *access, const ShapeAccess *other)
{
    Cascade *cs = s->cs;
    const Shape *shape = &s->shape;
    const Expr x = *expr_at(cs, access->access);
    RankId order[CASCADE_MAX_RANKS];
    uint32_t n = 0, own = 0;
    double size = 1;
    for (int group = 0; group < 3; group++) {
        for (uint32_t k = 0; k < shape->n_kept + shape->n_reduced; k++) {
            bool reduced = k >= shape->n_kept;
            int belongs = reduced ? 1 : other->stride[k] != 0 ? 0 : 2;
            if (access->stride[k] == 0 || belongs != group)
                continue;
            order[n++] = shape->rank[k];
            size *= (double)shape->extent[k];
            own = group == 2 ? k : own;
        }
    }
    bool lanes = n != 0 && rank_same(order[n - 1], shape->rank[own]) && shape->extent[own] >= MIN_LANES;
    if (!access->plain || access->constant || n != x.n_args || !lanes || other->stride[own] != 0 ||
        points(shape) < MIN_REUSE * size)
        return false;
    const char *base = arena_printf(&cs->cx->arena, "%s_s", tensor_name(cs, x.tensor));
    TensorId copy = add_copy(s, statement_at(cs, id), base, x.type, n, order, access->access);
    replace_in_body(s, id, access->access, ex_access_ranks(cs, copy, n, order));
    return true;
}

/* ---- the walk ---- */

static void stage_statement(Staging *s, StatementId id)
{
    Shape *shape = &s->shape;
    shape_of(s->cs, id, shape);
    if (!shape->regular || shape->n_reduced == 0 || shape->n_accesses == 0 || shape->n_accesses > 2)
        return;
    for (uint32_t a = 0; a < shape->n_accesses; a++)
        if (shape->access[a].affine && expr_at(s->cs, shape->access[a].access)->pad != PAD_NONE)
            stage_border(s, id, &shape->access[a]);
    if (!shape->product || shape->n_accesses != 2)
        return;
    shape_of(s->cs, id, shape);
    if (!some_lane(shape) && !stage_order(s, id, &shape->access[1], &shape->access[0]))
        (void)stage_order(s, id, &shape->access[0], &shape->access[1]);
}

static Block stage_block(Staging *s, Block block)
{
    Cascade *cs = s->cs;
    VEC(StatementId) out = {0};
    for (uint32_t i = 0; i < block.n; i++) {
        StatementId id = block.at[i];
        Block body = stage_block(s, statement_at(cs, id)->body_items);
        Block other = stage_block(s, statement_at(cs, id)->else_items);
        statement_at(cs, id)->body_items = body;
        statement_at(cs, id)->else_items = other;
        s->before.n = 0;
        if (statement_at(cs, id)->kind == ST_DEFINE)
            stage_statement(s, id);
        for (uint32_t k = 0; k < s->before.n; k++)
            vec_push(&cs->cx->arena, &out, s->before.at[k]);
        vec_push(&cs->cx->arena, &out, id);
    }
    return (Block){out.n, out.at};
}

weir_status stage_run(PassContext *p, Cascade *cs)
{
    Staging s = {.cs = cs};
    cs->top = stage_block(&s, cs->top);
    if (p->report != NULL)
        text_printf(p->report, "stage: changed=%u\n", s.changed);
    return WEIR_OK;
}
