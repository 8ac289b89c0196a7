/*
 * passes/reorder_push.c: which tensors have to follow when the channels of a contraction are permuted.
 *
 * A statement that runs over a permuted channel keeps its meaning if every read that moves with the channel is permuted
 * alike: constants by gathering, temporaries at their own definitions. A channel that is reduced ends there; one that
 * is kept goes on to the target and all its readers.
 */
#include "passes/reorder_push.h"

static bool refuse(Push *push, const char *why, TensorId tensor)
{
    if (push->reason == NULL) {
        push->reason = why;
        push->culprit = tensor.i == 0 ? NULL : tensor_name(push->cs, tensor);
    }
    return false;
}

bool reorder_quotient(const Cascade *cs, ExprId index, RankId *out_rank, int64_t *out_divisor)
{
    const Expr *x = expr_at(cs, index);
    *out_divisor = 1;
    *out_rank = x->rank;
    if (x->kind == EX_RANK)
        return true;
    if (x->kind != EX_CALL || x->fn != FN_DIV || expr_at(cs, expr_arg(cs, index, 0))->kind != EX_RANK)
        return false;
    *out_rank = expr_at(cs, expr_arg(cs, index, 0))->rank;
    return expr_is_int(cs, expr_arg(cs, index, 1), out_divisor) && *out_divisor > 0;
}

/* The dimension that moves with `rank`; false unless there is exactly one. */
static bool one_dim(const Cascade *cs, uint32_t n, const ExprId *index, RankId rank, uint32_t *out_dim)
{
    uint32_t found = 0;
    for (uint32_t d = 0; d < n; d++)
        if (expr_uses_rank(cs, index[d], rank)) {
            *out_dim = d;
            found++;
        }
    return found == 1;
}

bool reorder_merged(const Cascade *cs, ExprId index, int64_t channels, RankId *out_rank, RankId *out_head)
{
    Affine a;
    if (!expr_affine(cs, index, &a) || a.n != 2 || a.constant != 0 || channels == 1)
        return false;
    uint32_t channel = a.coefficient[0] == 1 ? 0 : 1;
    *out_rank = a.rank[channel];
    *out_head = a.rank[1 - channel];
    return a.coefficient[channel] == 1 && a.coefficient[1 - channel] == channels && rank_at(cs, *out_rank)->extent == channels;
}

/* A read or write of the channels of all heads in one dimension: by their own rank, or as channel + n * head. */
static bool is_merged(const Push *push, ExprId index, const Visited *v)
{
    RankId rank, head;
    if (v->merged)
        return expr_at(push->cs, index)->kind == EX_RANK;
    return reorder_merged(push->cs, index, push->channels, &rank, &head) && rank_same(rank, v->rank) &&
           (v->head.i == 0 || rank_same(head, v->head));
}

/* Where the head stands among the indices; true also if there is none to find. */
static bool find_head(const Push *push, uint32_t n, const ExprId *index, const Visited *v, Moved *moved)
{
    uint32_t dim;
    RankId rank;
    int64_t divisor;
    moved->head_dim = -1;
    moved->divisor = v->divisor;
    if (v->head.i == 0)
        return true;
    if (!one_dim(push->cs, n, index, v->head, &dim) || !reorder_quotient(push->cs, index[dim], &rank, &divisor) ||
        v->divisor % divisor != 0)
        return false;
    moved->head_dim = (int)dim;
    moved->divisor = v->divisor / divisor;
    return true;
}

static bool move(Push *push, TensorId tensor, Moved moved)
{
    Moved *old = &push->tensor[tensor.i];
    if (old->yes) {
        bool same = old->dim == moved.dim && old->head_dim == moved.head_dim && old->divisor == moved.divisor &&
                    old->merged == moved.merged && old->side == moved.side;
        return same || refuse(push, "it would have to be permuted in two ways", tensor);
    }
    const TensorDecl *decl = tensor_at(push->cs, tensor);
    moved.yes = true;
    *old = moved;
    if (dim_extent(push->cs, tensor, moved.dim) % push->channels != 0 ||
        (!moved.merged && dim_extent(push->cs, tensor, moved.dim) != push->channels))
        return refuse(push, "its extent is another", tensor);
    if (decl->is_out || decl->role == TENSOR_IN || decl->format != 0 || decl->declared != (decl->role == TENSOR_CONST) ||
        (decl->role == TENSOR_TMP && push->uses[tensor.i].definitions != 1))
        return refuse(push, "its order is fixed", tensor);
    if (decl->role == TENSOR_TMP)
        vec_push(&push->cs->cx->arena, &push->work, tensor);
    return true;
}

typedef struct Reading {
    Push *push;
    const Statement *st;
    const Visited *v;
    Side side;
    bool is_scores, fits;
} Reading;

static bool uses_reduced(const Reading *r, ExprId access)
{
    for (uint32_t k = 0; k < r->st->n_reduced; k++)
        if (!rank_same(r->st->reduced[k], r->v->rank) && expr_uses_rank(r->push->cs, access, r->st->reduced[k]))
            return true;
    return false;
}

static bool is_factor(const Cascade *cs, ExprId product, ExprId e)
{
    const Expr *x = expr_at(cs, product);
    if (x->kind != EX_CALL || x->fn != FN_MUL)
        return product.i == e.i;
    return is_factor(cs, expr_arg(cs, product, 0), e) || is_factor(cs, expr_arg(cs, product, 1), e);
}

/* -1 where one order serves all heads. */
static int merged_head(const Push *push, const Visited *v, uint32_t dim)
{
    return push->heads && (v->merged || v->head.i != 0) ? (int)dim : -1;
}

static bool move_read(Reading *r, ExprId e)
{
    Push *push = r->push;
    const Cascade *cs = push->cs;
    const Expr *x = expr_at(cs, e);
    const ExprId *index = &cs->args.at[x->first_arg];
    Moved moved = {.side = r->side};
    if (x->pad != PAD_NONE || x->part != PART_VALUE || !one_dim(cs, x->n_args, index, r->v->rank, &moved.dim))
        return refuse(push, "it is not read at one plain channel", x->tensor);
    bool constant = tensor_at(cs, x->tensor)->role == TENSOR_CONST;
    moved.merged = is_merged(push, index[moved.dim], r->v);
    moved.weight = constant && uses_reduced(r, e);
    moved.gain = constant && !moved.weight && r->st->reduction == RED_NONE && is_factor(cs, r->st->body, e);
    if (r->is_scores)
        moved.side = e.i == push->operand[SIDE_KEY].i ? SIDE_KEY : SIDE_QUERY;
    if (!moved.merged && (r->v->merged || expr_at(cs, index[moved.dim])->kind != EX_RANK))
        return refuse(push, "it is not read at a plain channel", x->tensor);
    if (moved.merged) {
        moved.head_dim = merged_head(push, r->v, moved.dim);
        moved.divisor = r->v->divisor;
    } else if (!find_head(push, x->n_args, index, r->v, &moved)) {
        return refuse(push, "it is the same for all heads", x->tensor);
    }
    return move(push, x->tensor, moved);
}

static void visit_read(void *data, ExprId e)
{
    Reading *r = data;
    const Expr *x = expr_at(r->push->cs, e);
    if (x->kind == EX_INDEX && rank_same(x->rank, r->v->rank))
        r->fits = refuse(r->push, "the channel's number is a value", r->st->targets[0].tensor);
    if (x->kind == EX_ACCESS && expr_uses_rank(r->push->cs, e, r->v->rank)) {
        r->fits = r->fits && move_read(r, e);
        r->push->tensor[x->tensor.i].reads++;
    }
}

static void visit_root(void *data, ExprId root)
{
    expr_visit(((Reading *)data)->push->cs, root, visit_read, data);
}

static bool keeps(const Statement *st, RankId rank)
{
    for (uint32_t k = 0; k < st->n_reduced; k++)
        if (rank_same(st->reduced[k], rank))
            return false;
    return true;
}

static bool visit_statement(Push *push, StatementId id, Visited at, Side side)
{
    const Cascade *cs = push->cs;
    const Statement *st = statement_at(cs, id);
    Visited *v = &push->visited[id.i];
    if (v->yes)
        return (rank_same(v->rank, at.rank) && rank_same(v->head, at.head) && v->divisor == at.divisor && v->merged == at.merged) ||
               refuse(push, "two of its ranks are channels", st->targets[0].tensor);
    *v = at;
    v->yes = true;
    RankId rank = at.rank;
    TensorId target = st->targets[0].tensor;
    if (st->kind != ST_DEFINE || st->scatter != RED_NONE || reduction_info(st->reduction)->arg ||
        rank_at(cs, rank)->kind != RANK_STATIC || expr_uses_rank(cs, st->condition, rank))
        return refuse(push, "its statement depends on the order", target);
    Reading reading = {push, st, v, side, id.i == push->scores.i, true};
    statement_exprs(cs, st, visit_root, &reading);
    if (!reading.fits || !keeps(st, rank))
        return reading.fits;
    Moved moved = {.side = side};
    const Target *t = &st->targets[0];
    bool found = one_dim(cs, t->n_index, t->index, rank, &moved.dim) && expr_at(cs, t->index[moved.dim])->kind == EX_RANK;
    if (found && v->merged) {
        moved.merged = true;
        moved.head_dim = merged_head(push, v, moved.dim);
        moved.divisor = v->divisor;
        return move(push, target, moved);
    }
    if (!found || !find_head(push, t->n_index, t->index, v, &moved))
        return refuse(push, "it is not written at a plain channel", target);
    return move(push, target, moved);
}

/* ---- the statements of a tensor ---- */

typedef struct Around {
    Push *push;
    TensorId tensor;
    StatementId id;
    bool fits;
} Around;

static bool visit_at(Around *a, const ExprId *index)
{
    Push *push = a->push;
    const Cascade *cs = push->cs;
    const Moved moved = push->tensor[a->tensor.i];
    Visited at = {.divisor = 1, .rank = expr_at(cs, index[moved.dim])->rank};
    bool plain = expr_at(cs, index[moved.dim])->kind == EX_RANK;
    if (moved.merged && plain) {
        at.merged = true;
        at.divisor = moved.divisor;
    } else if (moved.merged) {
        plain = reorder_merged(cs, index[moved.dim], push->channels, &at.rank, &at.head);
        at.divisor = moved.divisor;
        at.head = moved.head_dim < 0 ? (RankId){0} : at.head;
    } else if (moved.head_dim >= 0) {
        if (!reorder_quotient(cs, index[moved.head_dim], &at.head, &at.divisor))
            return refuse(push, "its head is no plain index", a->tensor);
        at.divisor *= moved.divisor;
    }
    return plain ? visit_statement(push, a->id, at, moved.side) : refuse(push, "it is not read at a plain channel", a->tensor);
}

static void around_read(void *data, ExprId e)
{
    Around *a = data;
    const Expr *x = expr_at(a->push->cs, e);
    if (x->kind == EX_ACCESS && x->tensor.i == a->tensor.i && a->fits)
        a->fits = visit_at(a, &a->push->cs->args.at[x->first_arg]);
}

static void around_expr(void *data, ExprId root)
{
    expr_visit(((Around *)data)->push->cs, root, around_read, data);
}

static void around_item(void *data, StatementId id)
{
    Around *a = data;
    const Statement *st = statement_at(a->push->cs, id);
    a->id = id;
    for (uint32_t t = 0; st->kind != ST_TENSOR && a->fits && t < st->n_targets; t++)
        if (st->targets[t].tensor.i == a->tensor.i)
            a->fits = visit_at(a, st->targets[t].index);
    statement_exprs(a->push->cs, st, around_expr, a);
}

bool reorder_push(Push *push, RankId rank, RankId head, int64_t divisor)
{
    const Cascade *cs = push->cs;
    push->heads = head.i != 0;
    if (!visit_statement(push, push->scores, (Visited){.rank = rank, .head = head, .divisor = divisor}, SIDE_KEY))
        return false;
    while (push->work.n != 0) {
        Around a = {.push = push, .tensor = push->work.at[--push->work.n], .fits = true};
        items_visit(cs, &cs->top, around_item, &a);
        if (!a.fits)
            return false;
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (push->tensor[t].yes && push->tensor[t].reads != push->uses[t].reads)
            return refuse(push, "others read it too", (TensorId){t});
    return true;
}
