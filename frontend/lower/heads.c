/*
 * frontend/lower/heads.c: operands of attention as [batch, head, position, element], however they are stored.
 */
#include "frontend/lower/attention.h"

Heads heads_apart_form(Operand *op)
{
    return (Heads){.op = op, .form = HEADS_APART, .batch = op->extent[0], .heads = op->extent[1],
                   .positions = op->extent[2], .width = op->extent[3]};
}

weir_status heads_of(Lowering *l, Operand *op, int64_t heads, Heads *out)
{
    TRY(want_float(l, op));
    TRY(want_rank(l, op, 3, 4));
    TRY(want_static(l, op));
    tensor_of(l, op);
    if (op->n_dims == 4) {
        *out = heads_apart_form(op);
        if (heads != 0 && heads != op->extent[1])
            return invalid(l, "%lld heads in %s", (long long)heads, shape_text(l, op));
        return WEIR_OK;
    }
    if (heads < 1 || op->extent[2] % heads != 0)
        return invalid(l, "%lld heads in %s", (long long)heads, shape_text(l, op));
    *out = (Heads){.op = op, .form = HEADS_MERGED, .batch = op->extent[0], .heads = heads, .positions = op->extent[1],
                   .width = op->extent[2] / heads};
    return WEIR_OK;
}

RankId heads_batch(const Lowering *l, const Heads *x)
{
    return dim_rank(l, x->op, x->form == HEADS_STACKED ? 1 : 0);
}

RankId heads_position(const Lowering *l, const Heads *x)
{
    static const uint32_t dims[] = {2, 1, 1, 3};
    return dim_rank(l, x->op, dims[x->form]);
}

RankId heads_element(const Lowering *l, const Heads *x)
{
    return x->form == HEADS_MERGED ? (RankId){0} : dim_rank(l, x->op, x->op->n_dims - 1);
}

static void heads_index(Lowering *l, const Heads *x, ExprId b, ExprId h, ExprId s, ExprId e, ExprId *out)
{
    uint32_t n = 0;
    if (x->form == HEADS_STACKED)
        out[n++] = num(l, x->part);
    out[n++] = b;
    if (x->form == HEADS_APART || x->form == HEADS_STACKED)
        out[n++] = h;
    out[n++] = s;
    if (x->form == HEADS_PACKED) {
        out[n++] = h;
        out[n++] = num(l, x->part);
    }
    bool merged = x->form == HEADS_MERGED;
    out[n] = merged ? ex_offset(l->cs, ix_add(l, ex_scale(l->cs, x->width, h), e), x->first) : e;
}

ExprId heads_at(Lowering *l, const Heads *x, ExprId b, ExprId h, ExprId s, ExprId e)
{
    ExprId index[MAX_DIMS];
    heads_index(l, x, b, h, s, e, index);
    return at_index(l, x->op, index);
}

ExprId heads_or_zero(Lowering *l, const Heads *x, ExprId b, ExprId h, ExprId s, ExprId e)
{
    ExprId index[MAX_DIMS];
    heads_index(l, x, b, h, s, e, index);
    return at_pad(l, x->op, index, lit(l, x->op->type, 0));
}

/* Ranks [b, h, s, e] of a new tensor with the values of x. */
static Ranks own_ranks(Lowering *l, const Heads *x, int64_t positions)
{
    Ranks ranks = {0};
    bool same = positions == x->positions;
    ranks_add_distinct(l, &ranks, heads_batch(l, x), "b", x->batch);
    ranks_add_distinct(l, &ranks, x->form == HEADS_APART ? dim_rank(l, x->op, 1) : (RankId){0}, "h", x->heads);
    ranks_add_distinct(l, &ranks, same ? heads_position(l, x) : (RankId){0}, "m", positions);
    ranks_add_distinct(l, &ranks, heads_element(l, x), "e", x->width);
    return ranks;
}

static weir_status output_or_temporary(Lowering *l, uint32_t k, const Ranks *ranks, Dtype type, Operand **out)
{
    if (out_wanted(l, k))
        return output(l, k, type, ranks, out);
    return temporary(l, "_heads", type, ranks, out);
}

weir_status heads_apart(Lowering *l, const Heads *x, uint32_t k, Operand **out)
{
    if (x->form == HEADS_APART) {
        *out = x->op;
        if (out_wanted(l, k))
            output_alias(l, k, x->op);
        return WEIR_OK;
    }
    Ranks r = own_ranks(l, x, x->positions);
    TRY(output_or_temporary(l, k, &r, x->op->type, out));
    define(l, *out, heads_at(l, x, rk(l, r.at[0]), rk(l, r.at[1]), rk(l, r.at[2]), rk(l, r.at[3])));
    return WEIR_OK;
}

weir_status heads_join(Lowering *l, Heads *x, Operand *past, uint32_t k)
{
    Operand *all;
    if (past == NULL)
        return out_wanted(l, k) ? heads_apart(l, x, k, &all) : WEIR_OK;
    TRY(want_same_type(l, x->op, past));
    TRY(want_rank(l, past, 4, 4));
    TRY(want_static(l, past));
    if (past->extent[0] != x->batch || past->extent[1] != x->heads || past->extent[3] != x->width)
        return invalid(l, "the past %s does not fit", shape_text(l, past));
    int64_t before = past->extent[2];
    Ranks r = own_ranks(l, x, before + x->positions);
    TRY(output_or_temporary(l, k, &r, x->op->type, &all));
    declare_line(l, all);
    ExprId at[4] = {rk(l, r.at[0]), rk(l, r.at[1]), {0}, rk(l, r.at[3])};
    if (before != 0) {
        at[2] = rk(l, new_rank(l, "m", before));
        define_at(l, all, at, at_index(l, past, at));
    }
    if (x->positions != 0) {
        RankId s = new_rank(l, "m", x->positions);
        at[2] = ix_affine(l, 1, s, before);
        define_at(l, all, at, heads_at(l, x, at[0], at[1], rk(l, s), at[3]));
    }
    *x = heads_apart_form(all);
    return WEIR_OK;
}

weir_status heads_merge(Lowering *l, Operand *apart)
{
    Operand *y;
    Ranks own, ranks = {0};
    ranks_of(l, apart, &own);
    int64_t width = apart->extent[3];
    RankId z = new_rank(l, "z", apart->extent[1] * width);
    ranks_add(&ranks, own.at[0]);
    ranks_add(&ranks, own.at[2]);
    ranks_add(&ranks, z);
    TRY(output(l, 0, apart->type, &ranks, &y));
    const ExprId index[4] = {rk(l, own.at[0]), ix_div(l, rk(l, z), width), rk(l, own.at[2]), ix_mod(l, rk(l, z), width)};
    define(l, y, at_index(l, apart, index));
    return WEIR_OK;
}

weir_status lengths_plus(Lowering *l, RankId b, const char *suffix, Operand *lengths, int64_t more, Operand **out)
{
    Ranks ranks = {.n = 1, .at = {b}};
    if (!dtype_is_int(lengths->type) || count_of(lengths) != extent_of_rank(l, b) || lengths->n_dims < 1)
        return invalid(l, "the lengths %s do not fit", shape_text(l, lengths));
    ExprId at[MAX_DIMS];
    for (uint32_t d = 0; d < lengths->n_dims; d++)
        at[d] = lengths->extent[d] == 1 ? num(l, 0) : rk(l, b);
    TRY(temporary(l, suffix, DT_I64, &ranks, out));
    ExprId v = cast(l, DT_I64, at_index(l, lengths, at));
    define(l, *out, more == 0 ? v : ex2(l, FN_ADD, v, num(l, more)));
    return WEIR_OK;
}
