/*
 * ir/expr.c: building, walking and rewriting expressions.
 */
#include <math.h>
#include <string.h>

#include "ir/cascade.h"

/* ---- building ---- */

ExprId ex_push(Cascade *cs, Expr node, uint32_t n_args, const ExprId *args)
{
    node.n_args = n_args;
    node.first_arg = cs->args.n;
    for (uint32_t k = 0; k < n_args; k++)
        vec_push(&cs->cx->arena, &cs->args, args[k]);
    vec_push(&cs->cx->arena, &cs->exprs, node);
    return (ExprId){cs->exprs.n - 1};
}

ExprId ex_int(Cascade *cs, int64_t value)
{
    return ex_literal_int(cs, DT_I64, value);
}

ExprId ex_literal_int(Cascade *cs, Dtype type, int64_t value)
{
    return ex_push(cs, (Expr){.kind = EX_LITERAL, .type = type, .i = value, .f = (double)value}, 0, NULL);
}

ExprId ex_literal(Cascade *cs, Dtype type, double value)
{
    if (dtype_is_int(type) || type == DT_BOOL)
        return ex_literal_int(cs, type, (int64_t)value);
    if (type != DT_F64) {
        uint64_t unit[1] = {0};
        dtype_store_f64(type, unit, 0, value);
        value = dtype_load_f64(type, unit, 0);
    }
    bool whole = floor(value) == value && fabs(value) < 0x1p53 && !(value == 0 && signbit(value) != 0);
    return ex_push(cs,
                   (Expr){.kind = EX_LITERAL, .type = type, .f = value, .i = whole ? (int64_t)value : 0,
                          .decimal = !whole},
                   0, NULL);
}

static ExprId of_rank(Cascade *cs, ExprKind kind, RankId rank)
{
    return ex_push(cs, (Expr){.kind = kind, .type = DT_I64, .rank = rank}, 0, NULL);
}

ExprId ex_rank(Cascade *cs, RankId rank)
{
    return of_rank(cs, EX_RANK, rank);
}

ExprId ex_index(Cascade *cs, RankId rank)
{
    return of_rank(cs, EX_INDEX, rank);
}

ExprId ex_extent(Cascade *cs, RankId rank)
{
    return of_rank(cs, EX_EXTENT, rank);
}

ExprId ex_count(Cascade *cs, RankId rank)
{
    return of_rank(cs, EX_COUNT, rank);
}

static Dtype call_type(const Cascade *cs, Fn fn, const ExprId *args)
{
    switch (fn_info(fn)->rule) {
    case RULE_COMPARE:
    case RULE_LOGIC:
        return DT_BOOL;
    case RULE_SELECT:
        return expr_at(cs, args[1])->type;
    case RULE_REQUANT:
        return DT_F64;
    case RULE_ARITH:
    case RULE_FLOAT:
    case RULE_INT:
    case RULE_INDEX:
        break;
    }
    return expr_at(cs, args[0])->type;
}

ExprId ex_call(Cascade *cs, Fn fn, uint32_t n, const ExprId *args)
{
    return ex_push(cs, (Expr){.kind = EX_CALL, .type = call_type(cs, fn, args), .fn = fn}, n, args);
}

ExprId ex_unary(Cascade *cs, Fn fn, ExprId a)
{
    return ex_call(cs, fn, 1, &a);
}

ExprId ex_binary(Cascade *cs, Fn fn, ExprId a, ExprId b)
{
    ExprId args[2] = {a, b};
    return ex_call(cs, fn, 2, args);
}

ExprId ex_select(Cascade *cs, ExprId c, ExprId a, ExprId b)
{
    ExprId args[3] = {c, a, b};
    return ex_call(cs, FN_SELECT, 3, args);
}

ExprId ex_cast(Cascade *cs, Dtype to, CastMode mode, ExprId a)
{
    if (expr_at(cs, a)->type == to && mode != CAST_UP && mode != CAST_DOWN)
        return a;
    return ex_push(cs, (Expr){.kind = EX_CAST, .type = to, .cast = mode}, 1, &a);
}

static Expr access_node(const Cascade *cs, TensorId tensor)
{
    return (Expr){.kind = EX_ACCESS, .type = tensor_at(cs, tensor)->type, .tensor = tensor};
}

ExprId ex_access(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index)
{
    return ex_push(cs, access_node(cs, tensor), n, index);
}

ExprId ex_access_ranks(Cascade *cs, TensorId tensor, uint32_t n, const RankId *ranks)
{
    ExprId index[TENSOR_MAX_DIMS];
    for (uint32_t k = 0; k < n; k++)
        index[k] = ex_rank(cs, ranks[k]);
    return ex_access(cs, tensor, n, index);
}

ExprId ex_access_pad(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index, ExprId pad_literal)
{
    Expr node = access_node(cs, tensor);
    node.pad = PAD_LITERAL;
    node.pad_literal = pad_literal;
    return ex_push(cs, node, n, index);
}

ExprId ex_access_pad_tensor(Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index, TensorId pad)
{
    Expr node = access_node(cs, tensor);
    node.pad = PAD_TENSOR;
    node.pad_tensor = pad;
    return ex_push(cs, node, n, index);
}

bool expr_is_int(const Cascade *cs, ExprId e, int64_t *out_value)
{
    const Expr *x = expr_at(cs, e);
    if (x->kind != EX_LITERAL || x->decimal)
        return false;
    *out_value = x->i;
    return true;
}

ExprId ex_scale(Cascade *cs, int64_t a, ExprId e)
{
    int64_t value;
    if (a == 1)
        return e;
    if (expr_is_int(cs, e, &value) || a == 0)
        return ex_int(cs, a == 0 ? 0 : a * value);
    return ex_binary(cs, FN_MUL, ex_int(cs, a), e);
}

ExprId ex_offset(Cascade *cs, ExprId e, int64_t b)
{
    int64_t value;
    if (b == 0)
        return e;
    if (expr_is_int(cs, e, &value))
        return ex_int(cs, value + b);
    return b > 0 ? ex_binary(cs, FN_ADD, e, ex_int(cs, b)) : ex_binary(cs, FN_SUB, e, ex_int(cs, -b));
}

/* ---- walking ---- */

void expr_visit(const Cascade *cs, ExprId root, void (*visit)(void *, ExprId), void *data)
{
    if (root.i == 0)
        return;
    for (uint32_t k = 0; k < expr_at(cs, root)->n_args; k++)
        expr_visit(cs, expr_arg(cs, root, k), visit, data);
    visit(data, root);
}

bool expr_uses_rank(const Cascade *cs, ExprId root, RankId rank)
{
    if (root.i == 0)
        return false;
    const Expr *e = expr_at(cs, root);
    if ((e->kind == EX_RANK || e->kind == EX_INDEX) && rank_same(e->rank, rank))
        return true;
    for (uint32_t k = 0; k < e->n_args; k++)
        if (expr_uses_rank(cs, expr_arg(cs, root, k), rank))
            return true;
    return false;
}

bool expr_uses_tensor(const Cascade *cs, ExprId root, TensorId tensor)
{
    if (root.i == 0)
        return false;
    const Expr *e = expr_at(cs, root);
    if (e->kind == EX_ACCESS && (e->tensor.i == tensor.i || (e->pad == PAD_TENSOR && e->pad_tensor.i == tensor.i)))
        return true;
    for (uint32_t k = 0; k < e->n_args; k++)
        if (expr_uses_tensor(cs, expr_arg(cs, root, k), tensor))
            return true;
    return false;
}

static void visit_some(void (*visit)(void *, ExprId), void *data, uint32_t n, const ExprId *list)
{
    for (uint32_t k = 0; k < n; k++)
        if (list[k].i != 0)
            visit(data, list[k]);
}

void statement_exprs(const Cascade *cs, const Statement *st, void (*visit)(void *, ExprId), void *data)
{
    (void)cs;
    for (uint32_t t = 0; t < st->n_targets; t++)
        visit_some(visit, data, st->targets[t].n_index, st->targets[t].index);
    const ExprId single[] = {st->from, st->condition, st->body, st->scatter_condition, st->scatter_value, st->access};
    visit_some(visit, data, sizeof single / sizeof *single, single);
    visit_some(visit, data, st->n_scatter, st->scatter_index);
}

bool expr_equal(const Cascade *cs, ExprId a, ExprId b)
{
    if (a.i == b.i)
        return true;
    if (a.i == 0 || b.i == 0)
        return false;
    const Expr *x = expr_at(cs, a), *y = expr_at(cs, b);
    if (x->kind != y->kind || x->type != y->type || x->fn != y->fn || x->cast != y->cast || x->part != y->part ||
        x->pad != y->pad || x->n_args != y->n_args || x->tensor.i != y->tensor.i ||
        x->pad_tensor.i != y->pad_tensor.i || x->rank.i != y->rank.i || x->i != y->i ||
        memcmp(&x->f, &y->f, sizeof x->f) != 0)
        return false;
    if (!expr_equal(cs, x->pad_literal, y->pad_literal))
        return false;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (!expr_equal(cs, expr_arg(cs, a, k), expr_arg(cs, b, k)))
            return false;
    return true;
}

typedef struct RankList {
    const Cascade *cs;
    RankId *out;
    uint32_t n, most;
} RankList;

static void list_add(RankList *list, RankId rank)
{
    if (rank_at(list->cs, rank)->kind == RANK_ITERATIVE)
        return;
    for (uint32_t i = 0; i < list->n; i++)
        if (rank_same(list->out[i], rank))
            return;
    if (list->n < list->most)
        list->out[list->n++] = rank;
}

static void collect_rank(void *data, ExprId e)
{
    RankList *list = data;
    const Expr *x = expr_at(list->cs, e);
    if (x->kind == EX_RANK || x->kind == EX_INDEX)
        list_add(list, x->rank);
}

uint32_t target_ranks(const Cascade *cs, const Statement *st, RankId *out, uint32_t most)
{
    RankList list = {cs, out, 0, most};
    for (uint32_t t = 0; t < st->n_targets; t++)
        for (uint32_t d = 0; d < st->targets[t].n_index; d++)
            expr_visit(cs, st->targets[t].index[d], collect_rank, &list);
    for (uint32_t k = 0; k < st->n_reduced; k++)
        list_add(&list, st->reduced[k]);
    return list.n;
}

uint32_t scatter_ranks(const Cascade *cs, const Statement *st, RankId *out, uint32_t most)
{
    RankList list = {cs, out, 0, most};
    for (uint32_t k = 0; k < st->n_scatter; k++)
        expr_visit(cs, st->scatter_index[k], collect_rank, &list);
    expr_visit(cs, st->scatter_value, collect_rank, &list);
    return list.n;
}

/* ---- affine form ---- */

static bool affine_add_rank(Affine *a, RankId rank, int64_t coefficient)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (rank_same(a->rank[i], rank))
            return !__builtin_add_overflow(a->coefficient[i], coefficient, &a->coefficient[i]);
    if (a->n == CASCADE_MAX_RANKS)
        return false;
    a->rank[a->n] = rank;
    a->coefficient[a->n++] = coefficient;
    return true;
}

static bool affine_add_constant(Affine *a, int64_t factor, int64_t value)
{
    int64_t product;
    return !__builtin_mul_overflow(factor, value, &product) && !__builtin_add_overflow(a->constant, product, &a->constant);
}

static bool affine_add(const Cascade *cs, ExprId e, int64_t factor, Affine *a)
{
    const Expr *x = expr_at(cs, e);
    int64_t value;
    switch (x->kind) {
    case EX_LITERAL:
        return affine_add_constant(a, factor, x->i) && !x->decimal;
    case EX_RANK:
    case EX_INDEX:
        return affine_add_rank(a, x->rank, factor);
    case EX_EXTENT:
        return rank_at(cs, x->rank)->kind == RANK_STATIC && affine_add_constant(a, factor, rank_at(cs, x->rank)->extent);
    case EX_CALL:
        break;
    case EX_NONE:
    case EX_COUNT:
    case EX_ACCESS:
    case EX_CAST:
        return false;
    }
    ExprId left = expr_arg(cs, e, 0);
    ExprId right = x->n_args > 1 ? expr_arg(cs, e, 1) : left;
    if (factor == INT64_MIN)
        return false;
    if (x->fn == FN_ADD || x->fn == FN_SUB)
        return affine_add(cs, left, factor, a) && affine_add(cs, right, x->fn == FN_ADD ? factor : -factor, a);
    if (x->fn == FN_NEG)
        return affine_add(cs, left, -factor, a);
    bool scaled = expr_is_int(cs, left, &value);
    if (x->fn != FN_MUL || (!scaled && !expr_is_int(cs, right, &value)) || __builtin_mul_overflow(factor, value, &value))
        return false;
    return affine_add(cs, scaled ? right : left, value, a);
}

bool expr_affine(const Cascade *cs, ExprId e, Affine *out_affine)
{
    Affine a = {0};
    if (!affine_add(cs, e, 1, &a))
        return false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a.n; i++) {
        if (a.coefficient[i] == 0)
            continue;
        a.rank[kept] = a.rank[i];
        a.coefficient[kept++] = a.coefficient[i];
    }
    a.n = kept;
    *out_affine = a;
    return true;
}

/* ---- rewriting ---- */

/* An index expression as a value: ranks become index(rank), / and % their functions. */
static ExprId index_to_value(Cascade *cs, ExprId e)
{
    Expr x = *expr_at(cs, e);
    if (x.kind == EX_RANK)
        return ex_index(cs, x.rank);
    if (x.kind != EX_CALL)
        return e;
    ExprId args[CASCADE_MAX_RANKS];
    for (uint32_t k = 0; k < x.n_args; k++)
        args[k] = index_to_value(cs, expr_arg(cs, e, k));
    if (x.fn == FN_DIV || x.fn == FN_MOD)
        x.fn = x.fn == FN_DIV ? FN_FLOORDIV : FN_FLOORMOD;
    return ex_push(cs, x, x.n_args, args);
}

static ExprId substitute(Cascade *cs, const Expr *x, const Rewrite *rewrite)
{
    if ((x->kind != EX_RANK && x->kind != EX_INDEX) || rewrite->rank_to == NULL || x->rank.i >= rewrite->n_ranks)
        return (ExprId){0};
    ExprId to = rewrite->rank_to[x->rank.i];
    return to.i == 0 || x->kind == EX_RANK ? to : index_to_value(cs, to);
}

static TensorId new_tensor(const Rewrite *rewrite, TensorId tensor)
{
    if (rewrite->tensor_to != NULL && tensor.i < rewrite->n_tensors && rewrite->tensor_to[tensor.i].i != 0)
        return rewrite->tensor_to[tensor.i];
    return tensor;
}

ExprId expr_rewrite(Cascade *cs, ExprId root, const Rewrite *rewrite)
{
    if (root.i == 0)
        return root;
    Expr x = *expr_at(cs, root);
    ExprId substituted = substitute(cs, &x, rewrite);
    if (substituted.i != 0)
        return substituted;
    ExprId args[CASCADE_MAX_RANKS];
    bool changed = false;
    for (uint32_t k = 0; k < x.n_args; k++) {
        ExprId old = expr_arg(cs, root, k);
        args[k] = expr_rewrite(cs, old, rewrite);
        changed = changed || args[k].i != old.i;
    }
    if (x.kind == EX_ACCESS) {
        if (rewrite->replace != NULL) {
            ExprId other = rewrite->replace(rewrite->data, cs, root, args);
            if (other.i != 0)
                return other;
        }
        TensorId tensor = new_tensor(rewrite, x.tensor), pad = new_tensor(rewrite, x.pad_tensor);
        changed = changed || tensor.i != x.tensor.i || pad.i != x.pad_tensor.i;
        x.tensor = tensor;
        x.pad_tensor = pad;
    }
    return changed ? ex_push(cs, x, x.n_args, args) : root;
}
