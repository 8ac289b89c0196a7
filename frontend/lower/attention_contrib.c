/*
 * frontend/lower/attention_contrib.c: the attention operators of com.microsoft: MultiHeadAttention, Attention with its
 * projection, GroupQueryAttention with its cache.
 */
#include <math.h>

#include "frontend/lower/attention.h"
#include "frontend/lower/families.h"

/* ---- what MultiHeadAttention and Attention share ---- */

/* A mask of keys: lengths [b], or [b, m] or [b, p, m] where 0 adds mask_filter_value. */
static weir_status key_mask(Lowering *l, Attend *a, Operand *mask)
{
    if (mask == NULL)
        return WEIR_OK;
    TRY(want_rank(l, mask, 1, 3));
    int64_t b = a->q.batch, m = a->k.positions;
    bool fits = dtype_is_int(mask->type) && mask->extent[0] == b;
    if (mask->n_dims > 1)
        fits = fits && mask->extent[mask->n_dims - 1] == m;
    if (mask->n_dims == 3)
        fits = fits && mask->extent[1] == a->q.positions;
    if (!fits)
        return unsupported(l, "a mask of keys %s", shape_text(l, mask));
    const RankId ranks[3] = {a->b, mask->n_dims == 2 ? a->m : a->p, a->m};
    ExprId v = at_ranks(l, mask, ranks), keeps;
    if (mask->n_dims == 1)
        keeps = ex2(l, FN_LT, ex_index(l->cs, a->m), cast(l, DT_I64, v));
    else
        keeps = ex2(l, FN_NE, v, ex_literal_int(l->cs, mask->type, 0));
    double filter = attr_float(l, "mask_filter_value", -10000);
    v = ex_select(l->cs, keeps, lit(l, a->sum_type, 0), lit(l, a->sum_type, filter));
    a->added = a->added.i == 0 ? v : ex2(l, FN_ADD, a->added, v);
    return WEIR_OK;
}

static weir_status finish(Lowering *l, Attend *a, Operand *mask, Operand *bias)
{
    TRY(attend_open(l, a));
    a->scale = attr_float(l, "scale", 0);
    if (a->scale == 0)
        a->scale = 1 / sqrt((double)a->q.width);
    a->causal = attr_int(l, "unidirectional", 0) != 0;
    TRY(attend_mask(l, a, bias, false));
    TRY(key_mask(l, a, mask));
    return attend(l, a);
}

static Attend blank(Lowering *l)
{
    return (Attend){.sum_type = wide(l->in[0]->type), .left = -1, .right = -1, .scores_mode = -1, .merged = true};
}

static int64_t past_positions(const Operand *past, uint32_t dim)
{
    return past == NULL || past->n_dims <= dim ? 0 : past->extent[dim];
}

/* ---- MultiHeadAttention ---- */

/* x of 3 dimensions plus a slice of the bias. */
static weir_status with_bias(Lowering *l, Heads *x, Operand *bias, int64_t first)
{
    Ranks own;
    Operand *sum;
    if (bias == NULL)
        return WEIR_OK;
    if (x->form != HEADS_MERGED)
        return unsupported(l, "a bias with packed operands");
    int64_t columns = x->op->extent[2];
    if (bias->n_dims != 1 || bias->type != x->op->type || bias->extent[0] < first + columns)
        return invalid(l, "the bias %s does not fit", shape_text(l, bias));
    ranks_of(l, x->op, &own);
    TRY(temporary(l, "_biased", x->op->type, &own, &sum));
    ExprId at = ex_offset(l->cs, rk(l, own.at[2]), first);
    define(l, sum, ex2(l, FN_ADD, at_ranks(l, x->op, own.at), at_index(l, bias, &at)));
    x->op = sum;
    return WEIR_OK;
}

/* Part `part` of [b, s, h, parts, e]. */
static weir_status packed(Lowering *l, Operand *op, int64_t heads, int64_t parts, int64_t part, Heads *out)
{
    TRY(want_float(l, op));
    TRY(want_rank(l, op, 5, 5));
    TRY(want_static(l, op));
    if (op->extent[2] != heads || op->extent[3] != parts)
        return invalid(l, "the packed operand %s does not fit", shape_text(l, op));
    tensor_of(l, op);
    *out = (Heads){.op = op, .form = HEADS_PACKED, .part = part, .batch = op->extent[0], .heads = heads,
                   .positions = op->extent[1], .width = op->extent[4]};
    return WEIR_OK;
}

weir_status lower_multi_head_attention(Lowering *l)
{
    Attend a = blank(l);
    Operand *q = l->in[0], *k = input(l, 1), *v = input(l, 2), *bias = input(l, 3), *past = input(l, 6);
    int64_t heads = attr_int(l, "num_heads", 0);
    if (k == NULL) {
        TRY(packed(l, q, heads, 3, 0, &a.q));
        TRY(packed(l, q, heads, 3, 1, &a.k));
        TRY(packed(l, q, heads, 3, 2, &a.v));
    } else {
        TRY(heads_of(l, q, heads, &a.q));
        if (v == NULL) {
            TRY(packed(l, k, heads, 2, 0, &a.k));
            TRY(packed(l, k, heads, 2, 1, &a.v));
        } else {
            TRY(heads_of(l, k, heads, &a.k));
            TRY(heads_of(l, v, heads, &a.v));
        }
    }
    if ((past == NULL) != (input(l, 7) == NULL))
        return invalid(l, "a past of keys without one of values");
    int64_t columns = a.q.heads * a.q.width;
    TRY(with_bias(l, &a.q, bias, 0));
    TRY(with_bias(l, &a.k, bias, columns));
    TRY(with_bias(l, &a.v, bias, 2 * columns));
    TRY(heads_join(l, &a.k, past, 1));
    TRY(heads_join(l, &a.v, input(l, 7), 2));
    a.offset = past_positions(past, 2);
    return finish(l, &a, input(l, 4), input(l, 5));
}

/* ---- Attention ---- */

/* X W + bias [b, s, columns]. */
static weir_status projected(Lowering *l, Operand **out)
{
    Operand *in[2] = {l->in[0], l->in[1]}, *bias = input(l, 2), *sum;
    TRY(want_rank(l, in[0], 3, 3));
    TRY(want_rank(l, in[1], 2, 2));
    TRY(compose(l, "MatMul", lower_matmul, 0, 2, in, &sum));
    *out = sum;
    if (bias == NULL)
        return WEIR_OK;
    Ranks own;
    TRY(want_same_type(l, in[0], bias));
    if (bias->n_dims != 1 || bias->extent[0] != sum->extent[2])
        return invalid(l, "the bias %s does not fit", shape_text(l, bias));
    ranks_of(l, sum, &own);
    TRY(temporary(l, "_projected", sum->type, &own, out));
    define(l, *out, ex2(l, FN_ADD, at_ranks(l, sum, own.at), at_ranks(l, bias, &own.at[2])));
    return WEIR_OK;
}

/* Keys and values after the past [2, b, h, s, e], as output 1 or a temporary. */
static weir_status join_stacked(Lowering *l, Attend *a, Operand *past)
{
    Heads *parts[2] = {&a->k, &a->v};
    Operand *all;
    int64_t before = past_positions(past, 3);
    if (past == NULL && !out_wanted(l, 1))
        return WEIR_OK;
    bool fits = past == NULL || (past->n_dims == 5 && past->extent[0] == 2 && past->extent[1] == a->k.batch &&
                                 past->extent[2] == a->k.heads && past->extent[4] == a->k.width);
    if (!fits || a->k.width != a->v.width)
        return invalid(l, "the past does not fit");
    if (past != NULL)
        TRY(want_static(l, past));
    Ranks ranks = {.n = 5, .at = {new_rank(l, "part", 2), new_rank(l, "b", a->k.batch), new_rank(l, "h", a->k.heads),
                                  new_rank(l, "m", before + a->k.positions), new_rank(l, "e", a->k.width)}};
    if (out_wanted(l, 1))
        TRY(output(l, 1, a->k.op->type, &ranks, &all));
    else
        TRY(temporary(l, "_present", a->k.op->type, &ranks, &all));
    declare_line(l, all);
    RankId old = new_rank(l, "m", before), fresh = new_rank(l, "m", a->k.positions);
    for (int k = 0; k < 2; k++) {
        ExprId at[5] = {num(l, k), rk(l, ranks.at[1]), rk(l, ranks.at[2]), rk(l, old), rk(l, ranks.at[4])};
        if (before != 0)
            define_at(l, all, at, at_index(l, past, at));
        at[3] = ix_affine(l, 1, fresh, before);
        define_at(l, all, at, heads_at(l, parts[k], at[1], at[2], rk(l, fresh), at[4]));
    }
    for (int k = 0; k < 2; k++)
        *parts[k] = (Heads){.op = all, .form = HEADS_STACKED, .part = k, .batch = all->extent[1], .heads = all->extent[2],
                            .positions = all->extent[3], .width = all->extent[4]};
    a->offset = before;
    return WEIR_OK;
}

weir_status lower_projected_attention(Lowering *l)
{
    Attend a = blank(l);
    Operand *all;
    int64_t heads = attr_int(l, "num_heads", 0), first = 0;
    Ints sizes = attr_ints(l, "qkv_hidden_sizes");
    if (attr_int(l, "do_rotary", 0) != 0 || attr_int(l, "past_present_share_buffer", 0) != 0)
        return unsupported(l, "do_rotary or a shared buffer");
    if (sizes.n != 0 && sizes.n != 3)
        return invalid(l, "qkv_hidden_sizes has %u entries", sizes.n);
    TRY(projected(l, &all));
    Heads *parts[3] = {&a.q, &a.k, &a.v};
    for (uint32_t k = 0; k < 3; k++) {
        int64_t columns = sizes.n == 3 ? sizes.at[k] : all->extent[2] / 3;
        if (heads < 1 || columns < 1 || columns % heads != 0 || first + columns > all->extent[2])
            return invalid(l, "%lld heads in %lld columns", (long long)heads, (long long)columns);
        *parts[k] = (Heads){.op = all, .form = HEADS_MERGED, .first = first, .batch = all->extent[0], .heads = heads,
                            .positions = all->extent[1], .width = columns / heads};
        first += columns;
    }
    TRY(join_stacked(l, &a, input(l, 4)));
    return finish(l, &a, input(l, 3), input(l, 5));
}

/* ---- GroupQueryAttention ---- */

typedef struct Cache {
    RankId b;
    Operand *before, *valid; /* i64[b]: positions in the cache; with the new ones */
    int64_t positions;       /* of the result */
} Cache;

static weir_status cache_lengths(Lowering *l, const Heads *q, Operand *past, Cache *c)
{
    Operand *start;
    Ints total;
    Ranks ranks = {0};
    c->b = ranks_add_distinct(l, &ranks, heads_batch(l, q), "b", q->batch);
    TRY(lengths_plus(l, c->b, "_valid", l->in[5], 1, &c->valid));
    TRY(lengths_plus(l, c->b, "_start", l->in[5], 1 - q->positions, &start));
    TRY(temporary(l, "_before", DT_I64, &ranks, &c->before));
    /* a padded first prompt begins at 0 */
    define(l, c->before, ex2(l, FN_MAX, at_ranks(l, start, &c->b), num(l, 0)));
    c->positions = q->positions;
    if (past == NULL)
        return WEIR_OK;
    TRY(value_ints(l, l->in[6], &total));
    if (total.n != 1 || total.at[0] < 1)
        return invalid(l, "the total length must be one positive number");
    c->positions = total.at[0] > past_positions(past, 2) ? total.at[0] : past_positions(past, 2);
    return WEIR_OK;
}

/* The cache after this call as output k: old rows, new ones behind them, 0 behind those. */
static weir_status append(Lowering *l, const Cache *c, Heads *x, Operand *past, uint32_t k)
{
    Operand *all;
    Ranks ranks = {.n = 1, .at = {c->b}};
    if (past != NULL) {
        TRY(want_same_type(l, x->op, past));
        TRY(want_rank(l, past, 4, 4));
        TRY(want_static(l, past));
        if (past->extent[0] != x->batch || past->extent[1] != x->heads || past->extent[3] != x->width)
            return invalid(l, "the cache %s does not fit", shape_text(l, past));
    }
    RankId h = ranks_add_distinct(l, &ranks, (RankId){0}, "h", x->heads);
    RankId m = ranks_add_distinct(l, &ranks, (RankId){0}, "m", c->positions);
    RankId e = ranks_add_distinct(l, &ranks, (RankId){0}, "e", x->width);
    if (out_wanted(l, k))
        TRY(output(l, k, x->op->type, &ranks, &all));
    else
        TRY(temporary(l, "_cache", x->op->type, &ranks, &all));
    ExprId before = at_ranks(l, c->before, &c->b), zero = lit(l, x->op->type, 0);
    ExprId at[4] = {rk(l, c->b), rk(l, h), rk(l, m), rk(l, e)};
    ExprId v = heads_or_zero(l, x, at[0], at[1], ex2(l, FN_SUB, at[2], before), at[3]);
    v = ex_select(l->cs, ex2(l, FN_LT, ex_index(l->cs, m), at_ranks(l, c->valid, &c->b)), v, zero);
    if (past != NULL)
        v = ex_select(l->cs, ex2(l, FN_LT, ex_index(l->cs, m), before), at_pad(l, past, at, zero), v);
    define(l, all, v);
    *x = heads_apart_form(all);
    return WEIR_OK;
}

static weir_status turn(Lowering *l, const Cache *c, Heads *x)
{
    Operand *positions = input(l, 9);
    Rotary r = {.cosine = input(l, 7), .sine = input(l, 8), .positions = positions == NULL ? c->before : positions,
                .interleaved = attr_int(l, "rotary_interleaved", 0) != 0};
    Operand *turned;
    if (r.cosine == NULL || r.sine == NULL)
        return invalid(l, "do_rotary without caches of cosines and sines");
    TRY(want_rank(l, r.cosine, 2, 2));
    r.width = 2 * r.cosine->extent[1];
    TRY(rotate(l, x, &r, &turned));
    *x = heads_apart_form(turned);
    return WEIR_OK;
}

static weir_status group_heads(Lowering *l, Attend *a)
{
    int64_t heads = attr_int(l, "num_heads", 0), kv = attr_int(l, "kv_num_heads", 0);
    Operand *q = l->in[0];
    if (heads < 1 || kv < 1 || heads > INT32_MAX || kv > INT32_MAX)
        return invalid(l, "num_heads and kv_num_heads must be positive");
    TRY(want_rank(l, q, 3, 3));
    if (input(l, 1) != NULL && input(l, 2) != NULL) {
        TRY(heads_of(l, q, heads, &a->q));
        TRY(heads_of(l, l->in[1], kv, &a->k));
        return heads_of(l, l->in[2], kv, &a->v);
    }
    if (input(l, 1) != NULL || input(l, 2) != NULL)
        return invalid(l, "keys without values");
    TRY(heads_of(l, q, heads + 2 * kv, &a->q));
    a->k = a->v = a->q;
    a->q.heads = heads;
    a->k.heads = a->v.heads = kv;
    a->k.first = heads * a->q.width;
    a->v.first = (heads + kv) * a->q.width;
    return WEIR_OK;
}

weir_status lower_group_query_attention(Lowering *l)
{
    Attend a = blank(l);
    Cache c = {0};
    Operand *past = input(l, 3);
    int64_t window = attr_int(l, "local_window_size", -1);
    if ((past == NULL) != (input(l, 4) == NULL))
        return invalid(l, "a cache of keys without one of values");
    if (input(l, 5) == NULL || (past != NULL && input(l, 6) == NULL))
        return invalid(l, "seqlens_k or total_sequence_length is missing");
    TRY(group_heads(l, &a));
    TRY(cache_lengths(l, &a.q, past, &c));
    if (attr_int(l, "do_rotary", 0) != 0) {
        TRY(turn(l, &c, &a.q));
        TRY(turn(l, &c, &a.k));
    }
    TRY(append(l, &c, &a.k, past, 1));
    TRY(append(l, &c, &a.v, input(l, 4), 2));
    TRY(attend_open(l, &a));
    a.scale = attr_float(l, "scale", 0);
    if (a.scale == 0)
        a.scale = 1 / sqrt((double)a.q.width);
    a.softcap = attr_float(l, "softcap", 0);
    a.smooth = attr_int(l, "smooth_softmax", 0) > 0;
    a.causal = true;
    a.left = window > 0 ? window - 1 : -1;
    a.offsets = c.before;
    a.lengths = c.valid;
    TRY(attend_mask(l, &a, input(l, 10), false));
    return attend(l, &a);
}
