/*
 * frontend/lower/softmax.c: Softmax, LogSoftmax, Hardmax: along one axis, before opset 13 over all dimensions from it on.
 */
#include "frontend/lower/families.h"

typedef struct Soft {
    Operand *x;
    Ranks own, kept, over;
} Soft;

/* Hardmax: one at the first maximum. */
static weir_status hardmax(Lowering *l, Soft *s)
{
    Operand *j, *y;
    TRY(temporary(l, "_at", DT_I64, &s->kept, &j));
    reduce(l, j, RED_ARGMAX, &s->over, at_ranks(l, s->x, s->own.at));
    TRY(output(l, 0, s->x->type, &s->own, &y));
    ExprId position = ex_index(l->cs, s->over.at[0]);
    for (uint32_t d = 1; d < s->over.n; d++)
        position = ex2(l, FN_ADD, ex2(l, FN_MUL, position, num(l, extent_of_rank(l, s->over.at[d]))),
                       ex_index(l->cs, s->over.at[d]));
    ExprId hit = ex2(l, FN_EQ, position, at_ranks(l, j, s->kept.at));
    define(l, y, ex_select(l->cs, hit, lit(l, s->x->type, 1), lit(l, s->x->type, 0)));
    return WEIR_OK;
}

weir_status softmax_over(Lowering *l, Operand *x, const Ranks *own, const Ranks *over, bool log_form, uint32_t k, Dtype type)
{
    Ranks kept = {0};
    Dtype sums = wide(x->type);
    Operand *m, *e, *d, *y;
    for (uint32_t i = 0; i < own->n; i++)
        if (!ranks_have(over, own->at[i]))
            ranks_add(&kept, own->at[i]);
    TRY(temporary(l, "_max", x->type, &kept, &m));
    reduce(l, m, RED_MAX, over, at_ranks(l, x, own->at));
    TRY(temporary(l, log_form ? "_shift" : "_exp", sums, own, &e));
    ExprId shifted = ex2(l, FN_SUB, cast(l, sums, at_ranks(l, x, own->at)), cast(l, sums, at_ranks(l, m, kept.at)));
    define(l, e, log_form ? shifted : ex1(l, FN_EXP, shifted));
    TRY(temporary(l, "_sum", sums, &kept, &d));
    ExprId v = at_ranks(l, e, own->at);
    reduce(l, d, RED_SUM, over, log_form ? ex1(l, FN_EXP, v) : v);
    TRY(output(l, k, type, own, &y));
    ExprId sum = at_ranks(l, d, kept.at);
    define(l, y, log_form ? ex2(l, FN_SUB, v, ex1(l, FN_LOG, sum)) : ex2(l, FN_DIV, v, sum));
    return WEIR_OK;
}

weir_status lower_softmax(Lowering *l)
{
    Soft s = {.x = l->in[0]};
    TRY(want_float(l, s.x));
    TRY(want_rank(l, s.x, 1, MAX_DIMS));
    uint32_t axis;
    int64_t given = attr_int(l, "axis", l->opset < 13 ? 1 : -1);
    uint32_t past = l->opset < 13 && given >= 0; /* the rank itself is an axis too: nothing is summed over */
    TRY(axis_of(l, given, s.x->n_dims + past, &axis));
    ranks_of(l, s.x, &s.own);
    for (uint32_t k = 0; k < s.own.n; k++) {
        bool reduced = l->opset < 13 ? k >= axis : k == axis;
        ranks_add(reduced ? &s.over : &s.kept, s.own.at[k]);
    }
    if (l->row->parameter == HARDMAX && s.over.n != 0)
        return hardmax(l, &s);
    return softmax_over(l, s.x, &s.own, &s.over, l->row->parameter == LOG_SOFTMAX, 0, s.x->type);
}
