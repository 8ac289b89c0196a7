/*
 * passes/onesweep_split.c: values along the fibre as posts(core), with the degree in exp(-maximum).
 */
#include <math.h>

#include "passes/onesweep.h"

static const SweepTensor *info(const Sweep *s, TensorId tensor)
{
    static const SweepTensor none = {0};
    return tensor.i < s->n_tensors ? &s->tensor[tensor.i] : &none;
}

static bool dependent(const SweepTensor *t)
{
    return t->kind == SWEEP_MAX || t->kind == SWEEP_SUM || t->kind == SWEEP_DONE || t->dependent;
}

bool sweep_depends(const Sweep *s, ExprId e)
{
    if (e.i == 0)
        return false;
    const Expr *x = expr_at(s->cs, e);
    if (x->kind == EX_ACCESS && (dependent(info(s, x->tensor)) || dependent(info(s, x->pad_tensor))))
        return true;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (sweep_depends(s, expr_arg(s->cs, e, k)))
            return true;
    return false;
}

/* ---- the maximum inside exp ---- */

static bool is_minus_infinity(const Cascade *cs, ExprId e)
{
    const Expr *x = expr_at(cs, e);
    return x->kind == EX_LITERAL && isinf(x->f) && x->f < 0;
}

static bool is_number(const Cascade *cs, ExprId e)
{
    const Expr *x = expr_at(cs, e);
    return x->kind == EX_LITERAL && isfinite(x->f);
}

static bool is_maximum(const Sweep *s, ExprId e)
{
    const Expr *x = expr_at(s->cs, e);
    return x->kind == EX_ACCESS && x->pad == PAD_NONE && info(s, x->tensor)->kind == SWEEP_MAX;
}

/* select(MX == -inf, number, MX), select(MX > -inf, MX, number). */
static bool is_guarded_maximum(const Sweep *s, ExprId e)
{
    const Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, e);
    if (x->kind != EX_CALL || x->fn != FN_SELECT)
        return false;
    ExprId condition = expr_arg(cs, e, 0), yes = expr_arg(cs, e, 1), no = expr_arg(cs, e, 2);
    const Expr *c = expr_at(cs, condition);
    if (c->kind != EX_CALL || c->n_args != 2 || !is_minus_infinity(cs, expr_arg(cs, condition, 1)))
        return false;
    ExprId compared = expr_arg(cs, condition, 0);
    if (!is_maximum(s, compared))
        return false;
    if (c->fn == FN_EQ)
        return is_number(cs, yes) && expr_equal(cs, no, compared);
    return (c->fn == FN_GT || c->fn == FN_NE) && is_number(cs, no) && expr_equal(cs, yes, compared);
}

/* `e`, over the ranks of a definition's target, with the indices of a read of it. */
static ExprId at_read(Cascade *cs, StatementId definition, ExprId read, ExprId e)
{
    ExprId *rank_to = ARENA_ARRAY(&cs->cx->arena, ExprId, cs->ranks.n);
    const Target target = statement_at(cs, definition)->targets[0];
    for (uint32_t d = 0; d < target.n_index; d++)
        rank_to[expr_at(cs, target.index[d])->rank.i] = expr_arg(cs, read, d);
    const Rewrite rewrite = {.n_ranks = cs->ranks.n, .rank_to = rank_to};
    return expr_rewrite(cs, e, &rewrite);
}

ExprId sweep_shift(Sweep *s, ExprId e, bool *out_guarded)
{
    Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, e);
    *out_guarded = false;
    if (is_maximum(s, e))
        return e;
    *out_guarded = true;
    if (is_guarded_maximum(s, e))
        return expr_arg(cs, expr_arg(cs, e, 0), 0);
    if (x->kind != EX_ACCESS || x->pad != PAD_NONE || !info(s, x->tensor)->shift)
        return (ExprId){0};
    StatementId definition = info(s, x->tensor)->definition;
    bool inner;
    return at_read(cs, definition, e, sweep_shift(s, statement_at(cs, definition)->body, &inner));
}

static bool float_cast(const Cascade *cs, ExprId e)
{
    const Expr *x = expr_at(cs, e);
    return x->kind == EX_CAST && x->cast == CAST_PLAIN && dtype_kind(x->type) == DK_FLOAT &&
           dtype_kind(expr_at(cs, expr_arg(cs, e, 0))->type) == DK_FLOAT;
}

typedef struct Linear {
    double coefficient;
    ExprId shift; /* the read of the maximum */
    uint32_t n;   /* how often it is read */
} Linear;

/* e = coefficient * maximum + what does not depend on it. */
static bool linear(Sweep *s, ExprId e, RankId along, Linear *out)
{
    Cascade *cs = s->cs;
    bool guarded;
    *out = (Linear){0};
    if (!sweep_depends(s, e))
        return true;
    ExprId shift = expr_uses_rank(cs, e, along) ? (ExprId){0} : sweep_shift(s, e, &guarded);
    if (shift.i != 0) {
        s->guarded_shift = s->guarded_shift || guarded;
        s->raw_shift = s->raw_shift || !guarded;
        *out = (Linear){1, shift, 1};
        return true;
    }
    if (float_cast(cs, e))
        return linear(s, expr_arg(cs, e, 0), along, out);
    const Expr x = *expr_at(cs, e);
    Linear a, b = {0};
    if (x.kind != EX_CALL || (x.fn != FN_NEG && x.fn != FN_ADD && x.fn != FN_SUB) ||
        !linear(s, expr_arg(cs, e, 0), along, &a) || (x.n_args == 2 && !linear(s, expr_arg(cs, e, 1), along, &b)))
        return false;
    out->coefficient = x.fn == FN_NEG ? -a.coefficient : x.fn == FN_ADD ? a.coefficient + b.coefficient : a.coefficient - b.coefficient;
    out->shift = a.shift.i != 0 ? a.shift : b.shift;
    out->n = a.n + b.n;
    return true;
}

/* ---- values ---- */

static bool refuse(Sweep *s, const char *why)
{
    if (s->reason == NULL)
        s->reason = why;
    return false;
}

static bool add_post(Sweep *s, SweepForm *split, Post post)
{
    if (split->n_posts == SWEEP_MOST_POSTS)
        return refuse(s, "too many operations wait for complete results");
    split->posts[split->n_posts++] = post;
    return true;
}

static bool add_posts(Sweep *s, SweepForm *split, const SweepForm *other)
{
    for (uint32_t k = 0; k < other->n_posts; k++)
        if (!add_post(s, split, other->posts[k]))
            return false;
    return true;
}

/* A read of a block: its posts, with the reader's index for each rank of its definition. */
static bool split_read(Sweep *s, ExprId e, RankId along, SweepForm *out)
{
    Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, e);
    const SweepTensor *t = info(s, x->tensor);
    if (t->kind != SWEEP_LOCAL || x->pad != PAD_NONE || x->part != PART_VALUE)
        return refuse(s, "a complete result is read along the fibre");
    const Expr *at = expr_at(cs, expr_arg(cs, e, t->along));
    if (at->kind != EX_RANK || !rank_same(at->rank, along))
        return refuse(s, "a value along the fibre is read at another coordinate");
    const SweepForm split = *t->split;
    const StatementId definition = t->definition;
    out->degree = split.degree;
    out->n_posts = split.n_posts;
    for (uint32_t k = 0; k < split.degree; k++)
        out->shift[k] = at_read(cs, definition, e, split.shift[k]);
    for (uint32_t k = 0; k < split.n_posts; k++)
        out->posts[k] = (Post){split.posts[k].kind, at_read(cs, definition, e, split.posts[k].operand), split.posts[k].from};
    return true;
}

/* The shifts of b go to, or are taken from, those of `out`. */
static bool join_degrees(Sweep *s, Fn fn, const SweepForm *b, SweepForm *out)
{
    for (uint32_t k = 0; k < b->degree; k++) {
        if (fn == FN_MUL) {
            if (out->degree == SWEEP_MOST_DEGREE)
                return refuse(s, "a high power of the exponential");
            out->shift[out->degree++] = b->shift[k];
            continue;
        }
        if (out->degree == 0 || !expr_equal(s->cs, out->shift[out->degree - 1], b->shift[k]))
            return refuse(s, "a value grows with the maximum");
        out->degree--;
    }
    return true;
}

static bool split_product(Sweep *s, Fn fn, const SweepForm *a, const SweepForm *b, SweepForm *out)
{
    if (fn == FN_MUL && a->done)
        return split_product(s, fn, b, a, out);
    if (a->done)
        return refuse(s, "a complete result is divided by a value along the fibre");
    *out = *a;
    if (b->done)
        return add_post(s, out, (Post){fn == FN_MUL ? POST_TIMES : POST_OVER, b->core, s->splitting});
    if (fn == FN_DIV && b->n_posts != 0)
        return refuse(s, "the divisor along the fibre is not complete");
    if (!join_degrees(s, fn, b, out))
        return false;
    out->core = ex_binary(s->cs, fn, a->core, b->core);
    return add_posts(s, out, b);
}

static bool same_form(Sweep *s, const SweepForm *a, const SweepForm *b)
{
    if (a->done || b->done)
        return refuse(s, "a complete result is added along the fibre");
    bool same = a->zero || b->zero || (a->degree == b->degree && a->n_posts == 0 && b->n_posts == 0);
    for (uint32_t k = 0; same && !a->zero && !b->zero && k < a->degree; k++)
        same = expr_equal(s->cs, a->shift[k], b->shift[k]);
    return same || refuse(s, "values of different scale are combined along the fibre");
}

static bool split_sum(Sweep *s, Fn fn, const SweepForm *a, const SweepForm *b, SweepForm *out)
{
    if (!same_form(s, a, b))
        return false;
    if ((a->zero && b->n_posts != 0) || (b->zero && a->n_posts != 0))
        return refuse(s, "values of different scale are combined along the fibre");
    *out = a->zero ? *b : *a;
    out->core = ex_binary(s->cs, fn, a->core, b->core);
    return true;
}

static bool split_select(Sweep *s, ExprId e, RankId along, SweepForm *out)
{
    Cascade *cs = s->cs;
    ExprId condition = expr_arg(cs, e, 0);
    SweepForm a, b;
    if (!sweep_split(s, expr_arg(cs, e, 1), along, &a) || !sweep_split(s, expr_arg(cs, e, 2), along, &b))
        return false;
    if (!sweep_depends(s, condition)) {
        if (!same_form(s, &a, &b))
            return false;
        *out = a.zero ? b : a;
        out->core = ex_select(cs, condition, a.core, b.core);
        return out->n_posts == 0 || a.zero != b.zero || refuse(s, "both sides of a choice wait for complete results");
    }
    if (expr_uses_rank(cs, condition, along) || a.zero == b.zero || a.done || b.done)
        return refuse(s, "a choice along the fibre depends on a complete result");
    *out = a.zero ? b : a;
    return add_post(s, out, (Post){a.zero ? POST_UNLESS : POST_WHERE, condition, s->splitting});
}

static bool split_call(Sweep *s, ExprId e, RankId along, SweepForm *out)
{
    Cascade *cs = s->cs;
    const Fn fn = expr_at(cs, e)->fn;
    Linear exponent;
    SweepForm a, b;
    if (fn == FN_SELECT)
        return split_select(s, e, along, out);
    if (fn == FN_EXP) {
        if (!linear(s, expr_arg(cs, e, 0), along, &exponent) || exponent.coefficient != -1 || exponent.n != 1)
            return refuse(s, "the exponent is no difference from the maximum");
        out->degree = 1;
        out->shift[0] = exponent.shift;
        return true;
    }
    if (fn != FN_MUL && fn != FN_DIV && fn != FN_ADD && fn != FN_SUB && fn != FN_NEG)
        return refuse(s, "a function is no multiple of its operand");
    if (!sweep_split(s, expr_arg(cs, e, 0), along, &a))
        return false;
    if (fn == FN_NEG) {
        *out = a;
        out->core = ex_unary(cs, fn, a.core);
        return true;
    }
    if (!sweep_split(s, expr_arg(cs, e, 1), along, &b))
        return false;
    return fn == FN_MUL || fn == FN_DIV ? split_product(s, fn, &a, &b, out) : split_sum(s, fn, &a, &b, out);
}

bool sweep_split(Sweep *s, ExprId e, RankId along, SweepForm *out_split)
{
    Cascade *cs = s->cs;
    const Expr x = *expr_at(cs, e);
    *out_split = (SweepForm){.core = e, .zero = x.kind == EX_LITERAL && x.f == 0 && x.i == 0};
    if (!sweep_depends(s, e))
        return true;
    if (!expr_uses_rank(cs, e, along)) {
        out_split->done = true;
        return true;
    }
    if (x.kind == EX_ACCESS)
        return split_read(s, e, along, out_split);
    if (x.kind == EX_CALL)
        return split_call(s, e, along, out_split);
    if (!float_cast(cs, e))
        return refuse(s, "a conversion is no multiple of its operand");
    if (!sweep_split(s, expr_arg(cs, e, 0), along, out_split))
        return false;
    out_split->core = ex_cast(cs, x.type, CAST_PLAIN, out_split->core);
    return true;
}

/* ---- -inf ---- */

enum { MOST_LOOKED_AT = 4096 }; /* elements of a constant */

static bool constant_may_be_infinite(const TensorDecl *tensor)
{
    const Tensor *value = &tensor->data.value;
    if (tensor->data.kind == DATA_SEEDED)
        return false;
    if (tensor->data.kind != DATA_INLINE || tensor_elements(value) > MOST_LOOKED_AT)
        return true;
    for (int64_t i = 0; i < tensor_elements(value); i++)
        if (!isfinite(dtype_load_f64(value->type, value->data, (size_t)i)))
            return true;
    return false;
}

static bool definition_may_be_infinite(const Sweep *s, TensorId tensor)
{
    StatementId id = s->uses[tensor.i].definition;
    if (tensor_at(s->cs, tensor)->role == TENSOR_CONST)
        return constant_may_be_infinite(tensor_at(s->cs, tensor));
    if (tensor_at(s->cs, tensor)->role != TENSOR_TMP || s->uses[tensor.i].definitions != 1)
        return true;
    const Statement *st = statement_at(s->cs, id);
    if (st->kind != ST_DEFINE || st->scatter != RED_NONE)
        return true;
    if (st->reduction == RED_SUM)
        return false;
    return st->reduction != RED_NONE || sweep_may_be_infinite(s, st->body);
}

bool sweep_may_be_infinite(const Sweep *s, ExprId e)
{
    const Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, e);
    switch (x->kind) {
    case EX_LITERAL:
        return !isfinite(x->f);
    case EX_ACCESS:
        return x->pad != PAD_NONE || definition_may_be_infinite(s, x->tensor);
    case EX_CAST:
        return sweep_may_be_infinite(s, expr_arg(cs, e, 0));
    case EX_CALL:
        break;
    case EX_NONE:
    case EX_RANK:
    case EX_INDEX:
    case EX_EXTENT:
    case EX_COUNT:
        return false;
    }
    if (x->fn == FN_TANH || x->fn == FN_SIGMOID)
        return false;
    if (x->fn == FN_DIV && expr_at(cs, expr_arg(cs, e, 1))->kind == EX_LITERAL)
        return sweep_may_be_infinite(s, expr_arg(cs, e, 0));
    if (x->fn != FN_ADD && x->fn != FN_SUB && x->fn != FN_MUL && x->fn != FN_NEG && x->fn != FN_SELECT)
        return true;
    for (uint32_t k = x->fn == FN_SELECT ? 1 : 0; k < x->n_args; k++)
        if (sweep_may_be_infinite(s, expr_arg(cs, e, k)))
            return true;
    return false;
}
