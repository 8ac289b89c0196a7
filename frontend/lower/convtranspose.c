/*
 * frontend/lower/convtranspose.c: transposed convolution as stride^n phases: output s*q + f takes the taps r with
 * (f + p - r*d) divisible by s, so each phase is a plain convolution and the phases are pieces of one tensor.
 */
#include <string.h>

#include "frontend/lower/families.h"
#include "support/integer.h"

typedef struct Transposed {
    Operand *x, *w, *b, *sum;
    uint32_t n;
    int64_t groups, outputs, inputs; /* outputs, inputs: of a group */
    int64_t kernel[MAX_DIMS], stride[MAX_DIMS], dilation[MAX_DIMS], begin[MAX_DIMS], out[MAX_DIMS];
    Dtype type, sum_type;
    RankId batch, g, og, cg, c; /* g, og, cg: several groups; else og: output channel, c: input channel */
} Transposed;

static weir_status entries(Lowering *l, const char *name, uint32_t n, int64_t least, int64_t otherwise, int64_t *out)
{
    Ints given = attr_ints(l, name);
    if (given.n != 0 && given.n != n)
        return invalid(l, "'%s' has %u entries, not %u", name, given.n, n);
    for (uint32_t d = 0; d < n; d++) {
        out[d] = given.n == 0 ? otherwise : given.at[d];
        if (out[d] < least || out[d] > 1 << 30)
            return invalid(l, "'%s' has the entry %lld", name, (long long)out[d]);
    }
    return WEIR_OK;
}

static weir_status geometry(Lowering *l, Transposed *t)
{
    int64_t pads[2 * MAX_DIMS], extra[MAX_DIMS];
    const char *automatic = attr_text(l, "auto_pad", "NOTSET");
    Ints shape = attr_ints(l, "output_shape"), kernel = attr_ints(l, "kernel_shape");
    TRY(entries(l, "strides", t->n, 1, 1, t->stride));
    TRY(entries(l, "dilations", t->n, 1, 1, t->dilation));
    TRY(entries(l, "output_padding", t->n, 0, 0, extra));
    TRY(entries(l, "pads", 2 * t->n, 0, 0, pads));
    bool upper = strcmp(automatic, "SAME_UPPER") == 0, same = upper || strcmp(automatic, "SAME_LOWER") == 0;
    if (!same && strcmp(automatic, "NOTSET") != 0 && strcmp(automatic, "VALID") != 0 && automatic[0] != 0)
        return invalid(l, "auto_pad '%s'", automatic);
    if (shape.n != 0 && shape.n != t->n && shape.n != t->n + 2)
        return invalid(l, "'output_shape' has %u entries", shape.n);
    for (uint32_t d = 0; d < t->n; d++) {
        t->kernel[d] = t->w->extent[d + 2];
        if (kernel.n != 0 && (kernel.n != t->n || kernel.at[d] != t->kernel[d]))
            return invalid(l, "'kernel_shape' differs from the weights");
        int64_t in = t->x->extent[d + 2];
        int64_t full = t->stride[d] * (in - 1) + extra[d] + (t->kernel[d] - 1) * t->dilation[d] + 1;
        t->begin[d] = strcmp(automatic, "VALID") == 0 ? 0 : pads[d];
        t->out[d] = full - t->begin[d] - (strcmp(automatic, "VALID") == 0 ? 0 : pads[t->n + d]);
        if (shape.n != 0 || same) {
            t->out[d] = shape.n != 0 ? shape.at[shape.n - t->n + d] : in * t->stride[d];
            int64_t total = full - t->out[d];
            if (total < 0 && !same && shape.n == 0)
                return invalid(l, "negative padding");
            total = total < 0 ? 0 : total;
            t->begin[d] = upper ? total / 2 : total - total / 2;
        }
        if (t->out[d] < 0 || dim_runtime(l, t->x, d + 2))
            return invalid(l, "output extent %lld", (long long)t->out[d]);
    }
    return WEIR_OK;
}

static weir_status check(Lowering *l, Transposed *t)
{
    TRY(want_float(l, t->x));
    TRY(want_same_type(l, t->x, t->w));
    TRY(want_rank(l, t->x, 3, MAX_DIMS));
    TRY(want_rank(l, t->w, t->x->n_dims, t->x->n_dims));
    t->n = t->x->n_dims - 2;
    t->groups = attr_int(l, "group", 1);
    if (t->groups < 1 || t->w->extent[0] != t->x->extent[1] || t->w->extent[0] % t->groups != 0)
        return invalid(l, "%lld groups do not fit input %s and weights %s", (long long)t->groups,
                       shape_text(l, t->x), shape_text(l, t->w));
    t->outputs = t->w->extent[1];
    t->inputs = t->w->extent[0] / t->groups;
    if (t->b != NULL) {
        TRY(want_same_type(l, t->x, t->b));
        if (t->b->n_dims != 1 || t->outputs > INT64_MAX / t->groups || t->b->extent[0] != t->outputs * t->groups)
            return invalid(l, "the bias %s does not fit", shape_text(l, t->b));
    }
    return geometry(l, t);
}

/* The taps of one phase along one axis: r = first + step*a, a < n; the input index is q + at - back*a. */
typedef struct Phase {
    int64_t outputs, first, step, n, at, back;
} Phase;

static Phase phase_of(const Transposed *t, uint32_t d, int64_t f)
{
    int64_t s = t->stride[d], dil = t->dilation[d], offset = f + t->begin[d];
    Phase p = {.outputs = f < t->out[d] ? (t->out[d] - f + s - 1) / s : 0, .step = s / common_divisor(s, dil)};
    p.back = dil * p.step / s;
    while (p.first < p.step && p.first < t->kernel[d] && (offset - p.first * dil) % s != 0)
        p.first++;
    if (p.first < p.step && p.first < t->kernel[d] && (offset - p.first * dil) % s == 0) {
        p.n = (t->kernel[d] - p.first - 1) / p.step + 1;
        p.at = (offset - p.first * dil) / s;
    }
    return p;
}

/* One piece: the outputs s*q + f of every axis. */
static void piece(Lowering *l, Transposed *t, const int64_t *f)
{
    Phase phase[MAX_DIMS];
    Ranks over = {0};
    RankId q[MAX_DIMS], taps[MAX_DIMS] = {{0}};
    bool empty = false, leaves = false;
    uint32_t lead = t->groups > 1 ? 3 : 2;
    ExprId target[MAX_DIMS], from[MAX_DIMS], weight[MAX_DIMS];
    ranks_add(&over, t->groups > 1 ? t->cg : t->c);
    for (uint32_t d = 0; d < t->n; d++) {
        Phase *p = &phase[d];
        *p = phase_of(t, d, f[d]);
        if (p->outputs == 0)
            return;
        empty = empty || p->n == 0;
        q[d] = t->stride[d] == 1 ? tensor_at(l->cs, t->sum->tensor)->dims[lead + d].rank
                                 : new_rank(l, spatial_names[d], p->outputs);
        target[lead + d] = ix_affine(l, t->stride[d], q[d], f[d]);
        if (p->n == 0)
            continue;
        taps[d] = new_rank(l, tap_names[d], p->n);
        ranks_add(&over, taps[d]);
        ExprId at = ex_offset(l->cs, rk(l, q[d]), p->at);
        from[d + 2] = p->n == 1 ? at : ex2(l, FN_SUB, at, ex_scale(l->cs, p->back, rk(l, taps[d])));
        weight[d + 2] = p->n == 1 ? num(l, p->first) : ix_affine(l, p->step, taps[d], p->first);
        if (p->n == 1) {
            over.n--;
        }
        leaves = leaves || p->at - p->back * (p->n - 1) < 0 || p->at + p->outputs - 1 >= t->x->extent[d + 2];
    }
    from[0] = target[0] = rk(l, t->batch);
    if (t->groups > 1) {
        target[1] = rk(l, t->g);
        target[2] = rk(l, t->og);
        from[1] = ix_add(l, ex_scale(l->cs, t->inputs, rk(l, t->g)), rk(l, t->cg));
        weight[0] = from[1];
    } else {
        target[1] = rk(l, t->og);
        from[1] = weight[0] = rk(l, t->c);
    }
    weight[1] = rk(l, t->og);
    if (empty) {
        define_at(l, t->sum, target, lit(l, t->sum_type, 0));
        return;
    }
    RankId hint[MAX_DIMS] = {t->groups > 1 ? (RankId){0} : t->c, t->og};
    declare_over(l, t->w, hint);
    ExprId x = leaves ? at_pad(l, t->x, from, lit(l, t->type, 0)) : at_index(l, t->x, from);
    ExprId body = ex2(l, FN_MUL, x, at_index(l, t->w, weight));
    StatementId id = st_define_at(l->cs, t->sum->tensor, t->sum->n_dims, target, body, l->provenance);
    Statement *st = statement_at(l->cs, id);
    st->reduction = RED_SUM;
    st->n_reduced = over.n;
    st->reduced = arena_copy(&l->cx->arena, over.at, over.n * sizeof *over.at);
    if (t->sum_type != t->type)
        st->accumulator = t->sum_type;
}

static weir_status phases(Lowering *l, Transposed *t)
{
    int64_t f[MAX_DIMS] = {0}, n = 1;
    for (uint32_t d = 0; d < t->n; d++) {
        n *= t->stride[d];
        if (n > 4096)
            return unsupported(l, "strides of more than 4096 phases");
    }
    for (int64_t k = 0; k < n; k++) {
        piece(l, t, f);
        for (uint32_t d = t->n; d > 0; d--) {
            if (++f[d - 1] < t->stride[d - 1])
                break;
            f[d - 1] = 0;
        }
    }
    return WEIR_OK;
}

static weir_status make_sum(Lowering *l, Transposed *t, bool final)
{
    Ranks ranks = {0};
    tensor_of(l, t->x);
    t->batch = dim_rank(l, t->x, 0);
    t->c = dim_rank(l, t->x, 1);
    ranks_add(&ranks, t->batch);
    if (t->groups > 1) {
        t->g = ranks_add_distinct(l, &ranks, (RankId){0}, "g", t->groups);
        t->cg = new_rank(l, "cg", t->inputs);
    }
    RankId own = dim_rank(l, t->w, 1);
    t->og = ranks_add_distinct(l, &ranks, rank_same(own, t->c) ? (RankId){0} : own, "o", t->outputs);
    for (uint32_t d = 0; d < t->n; d++)
        ranks_add(&ranks, new_rank(l, spatial_names[d], t->out[d]));
    if (final)
        TRY(output(l, 0, t->type, &ranks, &t->sum));
    else
        TRY(temporary(l, "_conv", t->sum_type, &ranks, &t->sum));
    bool plain = true; /* one phase is one definition */
    for (uint32_t d = 0; d < t->n; d++)
        plain = plain && t->stride[d] == 1;
    if (!plain)
        declare_line(l, t->sum);
    return WEIR_OK;
}

weir_status lower_conv_transpose(Lowering *l)
{
    Transposed t = {.x = l->in[0], .w = l->in[1], .b = input(l, 2), .type = l->in[0]->type};
    t.sum_type = wide(t.type);
    TRY(check(l, &t));
    bool final = t.groups == 1 && t.b == NULL && t.sum_type == t.type;
    TRY(make_sum(l, &t, final));
    TRY(phases(l, &t));
    if (final)
        return WEIR_OK;
    Operand *y;
    Ranks own, ranks = {0};
    ranks_of(l, t.sum, &own);
    RankId o = t.groups > 1 ? new_rank(l, "o", t.groups * t.outputs) : t.og;
    ranks_add(&ranks, t.batch);
    ranks_add(&ranks, o);
    for (uint32_t d = 0; d < t.n; d++)
        ranks_add(&ranks, own.at[own.n - t.n + d]);
    TRY(output(l, 0, t.type, &ranks, &y));
    ExprId index[MAX_DIMS] = {rk(l, t.batch), rk(l, o)};
    if (t.groups > 1) {
        index[1] = ix_div(l, rk(l, o), t.outputs);
        index[2] = ix_mod(l, rk(l, o), t.outputs);
    }
    for (uint32_t d = 0; d < t.n; d++)
        index[own.n - t.n + d] = rk(l, own.at[own.n - t.n + d]);
    ExprId v = at_index(l, t.sum, index);
    if (t.b != NULL)
        v = ex2(l, FN_ADD, v, cast(l, t.sum_type, at_ranks(l, t.b, &o)));
    define(l, y, v);
    return WEIR_OK;
}
