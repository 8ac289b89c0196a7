/*
 * ir/verify_cover.c: invariant 1: the definitions of a tensor cover it once.
 *
 * A piece is a product of arithmetic progressions, one a dimension; two pieces are disjoint iff they are in some
 * dimension. Inside the tensor, disjoint, and as many elements as it has: then they cover it, whatever its size.
 */
#include "ir/bounds.h"
#include "ir/verify.h"

typedef struct Progression {
    int64_t first, step, n; /* first + step * 0..n-1 */
} Progression;

typedef struct Piece {
    const Definition *definition;
    Progression dim[TENSOR_MAX_DIMS];
} Piece;
typedef VEC(Piece) Pieces;

static bool same_run_time(const Cascade *cs, RankId a, RankId b)
{
    const Rank *x = rank_at(cs, a), *y = rank_at(cs, b);
    return x->kind == y->kind && x->extent == y->extent && x->scalar.i == y->scalar.i && x->count_of.i == y->count_of.i &&
           (x->kind == RANK_SCALAR || x->kind == RANK_COUNT);
}

/* The coordinates that a target index reaches in a dimension; false with a message where they can't be told. */
static bool progression(Verify *v, const Definition *d, uint32_t dim, Progression *out)
{
    Affine a;
    const Cascade *cs = v->cs;
    const Target *target = definition_target(v, d);
    ExprId index = target->index[dim];
    RankId own = tensor_at(cs, target->tensor)->dims[dim].rank;
    if (!expr_affine(cs, index, &a) || a.n > 1)
        return false; /* invariant 4 has spoken */
    *out = (Progression){a.constant, a.n == 0 ? 1 : a.coefficient[0], a.n == 0 ? 1 : rank_at(cs, a.rank[0])->extent};
    if (out->n <= 1)
        out->step = 1;
    bool plain = a.n == 1 && a.constant == 0 && out->step == 1;
    bool identical = a.n == 1 && (rank_same(a.rank[0], own) || (plain && same_run_time(cs, a.rank[0], own)));
    bool generation = a.n == 0 && rank_at(cs, own)->kind == RANK_ITERATIVE;
    bool run_time = rank_is_run_time(cs, own) || (a.n == 1 && rank_is_run_time(cs, a.rank[0]));
    if (run_time && !identical && !generation) {
        breach(v, d->statement, index, "'%s' is defined over %s by %s: with run-time extents the cover can't be proven",
               tensor_name(cs, target->tensor), rank_name(cs, own), expr_text(v, index));
        return false;
    }
    int64_t extent = dim_extent(cs, target->tensor, dim);
    Wide last = (Wide)out->first + (Wide)out->step * (out->n - 1);
    if (out->n == 0 || (out->first >= 0 && last < extent))
        return true;
    breach(v, d->statement, index, "'%s' is defined at %lld..%lld of dimension %u, which has 0..%lld",
           tensor_name(cs, target->tensor), (long long)out->first, (long long)(int64_t)last, dim + 1, (long long)extent - 1);
    return false;
}

/* x, y with a*x + b*y = gcd(a, b). */
static int64_t bezout(int64_t a, int64_t b, int64_t *x)
{
    int64_t x0 = 1, x1 = 0;
    while (b != 0) {
        int64_t q = a / b, r = a % b, next = x0 - q * x1;
        a = b;
        b = r;
        x0 = x1;
        x1 = next;
    }
    *x = x0;
    return a;
}

/* Whether two non-empty progressions have an element in common. Steps are at least 1. */
static bool meet(const Progression *a, const Progression *b)
{
    int64_t x, g = bezout(a->step, b->step, &x);
    Wide apart = (Wide)b->first - a->first;
    if (apart % g != 0)
        return false;
    /* a->first + a->step * k is in b's class for k = apart/g * x modulo b->step/g */
    Wide period = b->step / g, k = (apart / g % period) * (x % period) % period;
    if (k < 0)
        k += period;
    Wide common = a->first + a->step * k, stride = (Wide)a->step * period;
    Wide low = a->first > b->first ? a->first : b->first;
    Wide last_a = (Wide)a->first + (Wide)a->step * (a->n - 1), last_b = (Wide)b->first + (Wide)b->step * (b->n - 1);
    if (common < low)
        common += (low - common + stride - 1) / stride * stride;
    return common <= (last_a < last_b ? last_a : last_b);
}

static Wide piece_size(const Piece *piece, uint32_t n_dims)
{
    Wide size = 1;
    for (uint32_t d = 0; d < n_dims; d++)
        size *= piece->dim[d].n;
    return size;
}

static bool overlap(const Piece *a, const Piece *b, uint32_t n_dims)
{
    for (uint32_t d = 0; d < n_dims; d++)
        if (!meet(&a->dim[d], &b->dim[d]))
            return false;
    return true;
}

/* Which arm of each if counts: `alternative` its else, every other one its first. */
static bool taken(const Verify *v, const Definition *d, BlockAt scope, StatementId alternative)
{
    for (BlockAt at = v->block[d->statement.i]; !block_same(at, scope) && at.region.i != 0; at = v->block[at.region.i])
        if (statement_at(v->cs, at.region)->kind == ST_IF && at.is_else != (at.region.i == alternative.i))
            return false;
    return true;
}

static void check_pieces(Verify *v, TensorId tensor, const Pieces *pieces)
{
    uint32_t n_dims = tensor_at(v->cs, tensor)->n_dims;
    const char *name = tensor_name(v->cs, tensor);
    Wide total = 0, size = tensor_size(v->cs, tensor);
    for (uint32_t i = 0; i < pieces->n; i++) {
        Wide own = piece_size(&pieces->at[i], n_dims);
        total += own;
        for (uint32_t j = 0; j < i && own != 0; j++) {
            if (piece_size(&pieces->at[j], n_dims) == 0 || !overlap(&pieces->at[i], &pieces->at[j], n_dims))
                continue;
            breach(v, pieces->at[i].definition->statement, (ExprId){0}, "'%s' is defined twice: this definition and another overlap",
                   name);
            return;
        }
    }
    if (total != size)
        breach(v, pieces->at[0].definition->statement, (ExprId){0}, "the definitions of '%s' cover %lld of its %lld elements", name,
               (long long)total, (long long)size);
}

static void check_choice(Verify *v, TensorId tensor, BlockAt scope, StatementId alternative)
{
    Pieces pieces = {0};
    uint32_t n_dims = tensor_at(v->cs, tensor)->n_dims;
    for (const Definition *d = first_definition(v, tensor); d != NULL; d = next_definition(v, d)) {
        Piece piece = {.definition = d};
        if (!taken(v, d, scope, alternative))
            continue;
        for (uint32_t k = 0; k < n_dims; k++)
            if (!progression(v, d, k, &piece.dim[k]))
                return;
        vec_push(&v->cx->arena, &pieces, piece);
    }
    if (pieces.n != 0)
        check_pieces(v, tensor, &pieces);
}

static bool plain_definition(const Verify *v, const Definition *d)
{
    const Target *target = definition_target(v, d);
    const TensorDecl *tensor = tensor_at(v->cs, target->tensor);
    for (uint32_t k = 0; k < target->n_index; k++) {
        const Expr *e = expr_at(v->cs, target->index[k]);
        if (e->kind != EX_RANK || !rank_same(e->rank, tensor->dims[k].rank) || tensor->dims[k].next)
            return false;
    }
    return true;
}

static void check_tensor(Verify *v, TensorId tensor)
{
    const TensorDecl *decl = tensor_at(v->cs, tensor);
    const Definition *first = first_definition(v, tensor);
    if (first == NULL)
        return;
    if (decl->role != TENSOR_TMP) {
        breach(v, first->statement, (ExprId){0}, "'%s' is %s and can't be defined", tensor_name(v->cs, tensor),
               decl->role == TENSOR_IN ? "an input" : "a constant");
        return;
    }
    BlockAt scope = tensor_scope(v, tensor);
    for (const Definition *d = first; d != NULL; d = next_definition(v, d)) {
        if (stands_in_block(v, d->statement, scope))
            continue;
        breach(v, d->statement, (ExprId){0}, "'%s' is declared in another region", tensor_name(v->cs, tensor));
        return;
    }
    if (first->next == 0 && plain_definition(v, first))
        return;
    check_choice(v, tensor, scope, (StatementId){0});
    StatementId asked = {0};
    for (const Definition *d = first; d != NULL && v->breaches == 0; d = next_definition(v, d)) {
        for (BlockAt at = v->block[d->statement.i]; !block_same(at, scope) && at.region.i != 0; at = v->block[at.region.i]) {
            if (!at.is_else || at.region.i == asked.i)
                continue;
            asked = at.region;
            check_choice(v, tensor, scope, at.region);
        }
    }
}

void verify_cover(Verify *v)
{
    for (uint32_t i = 1; i < v->cs->tensors.n; i++)
        check_tensor(v, (TensorId){i});
}

void verify_definitions(Verify *v)
{
    verify_cover(v);
    if (v->breaches == 0)
        verify_order(v);
}
