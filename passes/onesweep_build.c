/*
 * passes/onesweep_build.c: the sweep as an `iterate` over blocks of the fibre.
 *
 * Coordinate m of the fibre becomes block * t + m0. Per block: the scores, their maximum, the running maximum RM[t + 1],
 * the values along the fibre with RM[t + 1] for the maximum, the correction exp(RM[t] - RM[t + 1]), and for each sum
 * R[t + 1] = R[t] * correction^degree + (sum of the block). Where the last block is not full, conditions leave the
 * missing coordinates out. Where the running maximum may be -inf, 0 is subtracted instead.
 */
#include <math.h>

#include "passes/onesweep.h"

/* ---- names ---- */

static TensorId derived(Sweep *s, TensorId from, const char *suffix, Dtype type, uint32_t n, const TensorDim *dims)
{
    Cascade *cs = s->cs;
    const char *base = arena_printf(&cs->cx->arena, "%s_%s", tensor_name(cs, from), suffix);
    TensorDecl tensor = {.name = cascade_fresh_name(cs, base),
                         .type = type,
                         .n_dims = n,
                         .dims = n == 0 ? NULL : arena_copy(&cs->cx->arena, dims, n * sizeof *dims)};
    return cascade_add_tensor(cs, tensor);
}

static uint32_t kept_ranks(const Cascade *cs, const Statement *st, RankId *out)
{
    uint32_t n = target_ranks(cs, st, out, TENSOR_MAX_DIMS);
    return n - st->n_reduced;
}

/* T_suffix over the kept ranks of `st`, with generations before them if `running`. */
static TensorId over_kept(Sweep *s, const Statement *st, const char *suffix, Dtype type, bool running)
{
    RankId ranks[CASCADE_MAX_RANKS];
    TensorDim dims[CASCADE_MAX_RANKS + 1] = {{s->generation, true}};
    uint32_t n = kept_ranks(s->cs, st, ranks), first = running ? 1 : 0;
    for (uint32_t k = 0; k < n; k++)
        dims[first + k] = (TensorDim){ranks[k], false};
    return derived(s, st->targets[0].tensor, suffix, type, n + first, dims);
}

static ExprId next_generation(Sweep *s)
{
    return ex_offset(s->cs, ex_rank(s->cs, s->generation), 1);
}

/* tensor[generation, index..]; no generation if 0. */
static ExprId read_at(Sweep *s, TensorId tensor, ExprId generation, uint32_t n, const ExprId *index)
{
    ExprId all[TENSOR_MAX_DIMS + 1];
    uint32_t first = generation.i != 0 ? 1 : 0;
    all[0] = generation;
    for (uint32_t k = 0; k < n; k++)
        all[first + k] = index[k];
    return ex_access(s->cs, tensor, n + first, all);
}

static uint32_t kept_index(Sweep *s, const Statement *st, ExprId *out)
{
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = kept_ranks(s->cs, st, ranks);
    for (uint32_t k = 0; k < n; k++)
        out[k] = ex_rank(s->cs, ranks[k]);
    return n;
}

/* ---- statements ---- */

static void add(Sweep *s, const Statement *from, Statement st)
{
    st.kind = ST_DEFINE;
    st.n_provenance = from->n_provenance;
    st.provenance = from->provenance;
    st.place = from->place;
    cascade_item(s->cs, cascade_add_statement(s->cs, st));
}

/* tensor[generation, kept ranks of `from`] = body. */
static void define(Sweep *s, const Statement *from, TensorId tensor, ExprId generation, ExprId body)
{
    Cascade *cs = s->cs;
    ExprId index[TENSOR_MAX_DIMS + 1];
    uint32_t first = generation.i != 0 ? 1 : 0;
    index[0] = generation;
    uint32_t n = kept_index(s, from, index + first) + first;
    Target target = {tensor, n, n == 0 ? NULL : arena_copy(&cs->cx->arena, index, n * sizeof *index)};
    add(s, from, (Statement){.n_targets = 1, .targets = arena_copy(&cs->cx->arena, &target, sizeof target), .body = body});
}

/* ---- expressions inside ---- */

typedef struct Inside {
    Sweep *s;
    RankId along;
    bool pad; /* the coordinate may lie past the end */
} Inside;

static bool partial(const Sweep *s)
{
    const Rank *rank = rank_at(s->cs, s->rank);
    return rank->kind != RANK_STATIC || rank->extent % s->block != 0;
}

static ExprId read_maximum(Sweep *s, uint32_t n, const ExprId *index)
{
    return s->guard ? read_at(s, s->shift, (ExprId){0}, n, index) : read_at(s, s->running, next_generation(s), n, index);
}

static ExprId pad_zero(Cascade *cs, Dtype type)
{
    return dtype_is_int(type) || type == DT_BOOL ? ex_literal_int(cs, type, 0) : ex_literal(cs, type, 0);
}

static ExprId read_inside(void *data, Cascade *cs, ExprId access, const ExprId *new_index)
{
    const Inside *in = data;
    Expr x = *expr_at(cs, access);
    const SweepTensor *t = x.tensor.i < in->s->n_tensors ? &in->s->tensor[x.tensor.i] : NULL;
    if (t != NULL && (t->kind == SWEEP_MAX || t->shift))
        return read_maximum(in->s, x.n_args, new_index);
    if (t != NULL && t->kind == SWEEP_LOCAL) {
        ExprId index[TENSOR_MAX_DIMS];
        for (uint32_t d = 0; d < x.n_args; d++)
            index[d] = d == t->along ? ex_rank(cs, in->s->within) : new_index[d];
        return ex_access(cs, t->inside, x.n_args, index);
    }
    bool moves = false;
    for (uint32_t d = 0; d < x.n_args; d++)
        moves = moves || expr_uses_rank(cs, expr_arg(cs, access, d), in->along);
    if (!moves || !in->pad || x.pad != PAD_NONE)
        return (ExprId){0};
    x.pad = PAD_LITERAL;
    x.pad_literal = pad_zero(cs, x.type);
    return ex_push(cs, x, x.n_args, new_index);
}

/* `e` of a statement that runs along the fibre by `along`, for the block at hand. */
static ExprId inside(Sweep *s, RankId along, ExprId e, bool pad)
{
    Cascade *cs = s->cs;
    ExprId *rank_to = ARENA_ARRAY(&cs->cx->arena, ExprId, cs->ranks.n);
    rank_to[along.i] = ex_binary(cs, FN_ADD, ex_scale(cs, s->block, ex_rank(cs, s->generation)), ex_rank(cs, s->within));
    Inside in = {s, along, pad && partial(s)};
    const Rewrite rewrite = {.n_ranks = cs->ranks.n, .rank_to = rank_to, .replace = read_inside, .data = &in};
    return expr_rewrite(cs, e, &rewrite);
}

/* The condition of a reduction over the fibre: the coordinate exists, and the statement's own. */
static ExprId inside_condition(Sweep *s, RankId along, ExprId condition)
{
    Cascade *cs = s->cs;
    ExprId own = inside(s, along, condition, true);
    if (!partial(s))
        return own;
    const Rank rank = *rank_at(cs, s->rank);
    ExprId at = ex_binary(cs, FN_ADD, ex_scale(cs, s->block, ex_rank(cs, s->generation)), ex_rank(cs, s->within));
    ExprId end = rank.kind == RANK_STATIC ? ex_int(cs, rank.extent) : ex_extent(cs, s->rank);
    ExprId exists = ex_binary(cs, FN_LT, at, end);
    return own.i == 0 ? exists : ex_binary(cs, FN_AND, own, exists);
}

/* `from` reduced over the block instead of the fibre, into `tensor`. */
static void reduce_block(Sweep *s, const Statement *from, RankId along, TensorId tensor, ExprId body)
{
    Cascade *cs = s->cs;
    Statement st = *from;
    ExprId index[TENSOR_MAX_DIMS];
    uint32_t n = kept_index(s, from, index);
    Target target = {tensor, n, n == 0 ? NULL : arena_copy(&cs->cx->arena, index, n * sizeof *index)};
    st.targets = arena_copy(&cs->cx->arena, &target, sizeof target);
    st.reduced = arena_copy(&cs->cx->arena, from->reduced, from->n_reduced * sizeof *from->reduced);
    for (uint32_t r = 0; r < st.n_reduced; r++)
        st.reduced[r] = rank_same(st.reduced[r], along) ? s->within : st.reduced[r];
    st.out = false;
    st.body = inside(s, along, body, false);
    st.condition = inside_condition(s, along, from->condition);
    add(s, from, st);
}

static Dtype exponent_type(Dtype type)
{
    return type == DT_F16 || type == DT_BF16 ? DT_F32 : type;
}

static void build_maximum(Sweep *s, const Statement *max)
{
    Cascade *cs = s->cs;
    ExprId index[TENSOR_MAX_DIMS], t = ex_rank(cs, s->generation);
    uint32_t n = kept_index(s, max, index);
    reduce_block(s, max, s->rank, s->block_max, max->body);
    ExprId before = read_at(s, s->running, t, n, index), after = read_at(s, s->running, next_generation(s), n, index);
    define(s, max, s->running, next_generation(s),
           ex_binary(cs, FN_MAX, before, read_at(s, s->block_max, (ExprId){0}, n, index)));
    Dtype type = tensor_at(cs, s->max)->type, exponent = exponent_type(type);
    if (s->guard) {
        ExprId none = ex_binary(cs, FN_EQ, after, ex_literal(cs, type, -INFINITY));
        define(s, max, s->shift, (ExprId){0}, ex_select(cs, none, ex_literal(cs, type, 0), after));
    }
    ExprId difference = ex_binary(cs, FN_SUB, ex_cast(cs, exponent, CAST_PLAIN, before),
                                  ex_cast(cs, exponent, CAST_PLAIN, read_maximum(s, n, index)));
    define(s, max, s->correction, (ExprId){0}, ex_unary(cs, FN_EXP, difference));
}

/* A value that only waits for complete results is another one inside: T[r..] = posts(U[r..]). */
static TensorId same_inside(const Sweep *s, const SweepItem *item, const Statement *from)
{
    const Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, item->split.core);
    const Target *target = &from->targets[0];
    if (item->split.n_posts == 0 || x->kind != EX_ACCESS || x->tensor.i >= s->n_tensors ||
        s->tensor[x->tensor.i].kind != SWEEP_LOCAL || x->n_args != target->n_index)
        return (TensorId){0};
    for (uint32_t d = 0; d < x->n_args; d++)
        if (!expr_equal(cs, expr_arg(cs, item->split.core, d), target->index[d]))
            return (TensorId){0};
    return s->tensor[x->tensor.i].inside;
}

static void build_value(Sweep *s, const SweepItem *item, const Statement *from)
{
    Cascade *cs = s->cs;
    SweepTensor *tensor = &s->tensor[from->targets[0].tensor.i];
    tensor->inside = same_inside(s, item, from);
    if (tensor->inside.i != 0)
        return;
    Statement st = *from;
    const Target old = from->targets[0];
    TensorDim dims[TENSOR_MAX_DIMS];
    ExprId index[TENSOR_MAX_DIMS];
    for (uint32_t d = 0; d < old.n_index; d++) {
        dims[d] = (TensorDim){d == tensor->along ? s->within : expr_at(cs, old.index[d])->rank, false};
        index[d] = ex_rank(cs, dims[d].rank);
    }
    tensor->inside = derived(s, old.tensor, "block", tensor_at(cs, old.tensor)->type, old.n_index, dims);
    Target target = {tensor->inside, old.n_index, arena_copy(&cs->cx->arena, index, old.n_index * sizeof *index)};
    st.targets = arena_copy(&cs->cx->arena, &target, sizeof target);
    st.body = inside(s, item->along, tensor->dependent ? item->split.core : from->body, true);
    st.condition = inside(s, item->along, from->condition, true);
    st.from = inside(s, item->along, from->from, true);
    add(s, from, st);
}

static void build_sum(Sweep *s, SweepItem *item, const Statement *from)
{
    Cascade *cs = s->cs;
    Dtype type = tensor_at(cs, from->targets[0].tensor)->type;
    TensorId block = over_kept(s, from, "block", type, false);
    reduce_block(s, from, item->along, block, item->split.core);
    ExprId index[TENSOR_MAX_DIMS];
    uint32_t n = kept_index(s, from, index);
    ExprId value = read_at(s, item->running, ex_rank(cs, s->generation), n, index);
    for (uint32_t k = 0; k < item->split.degree; k++) {
        const Expr shift = *expr_at(cs, item->split.shift[k]);
        ExprId at[TENSOR_MAX_DIMS];
        for (uint32_t d = 0; d < shift.n_args; d++)
            at[d] = expr_arg(cs, item->split.shift[k], d);
        ExprId correction = read_at(s, s->correction, (ExprId){0}, shift.n_args, at);
        value = ex_binary(cs, FN_MUL, value, ex_cast(cs, type, CAST_PLAIN, correction));
    }
    value = ex_binary(cs, FN_ADD, value, read_at(s, block, (ExprId){0}, n, index));
    define(s, from, item->running, next_generation(s), value);
}

static Block build_body(Sweep *s)
{
    Cascade *cs = s->cs;
    const Statement max = *statement_at(cs, s->items.at[s->first]);
    cascade_open(cs);
    define(s, &max, s->running, ex_int(cs, 0), ex_literal(cs, tensor_at(cs, s->max)->type, -INFINITY));
    for (uint32_t at = 0; at < s->items.n; at++) {
        const Statement st = *statement_at(cs, s->items.at[at]);
        if (s->item[at].role == ROLE_SUM)
            define(s, &st, s->item[at].running, ex_int(cs, 0), ex_literal(cs, tensor_at(cs, st.targets[0].tensor)->type, 0));
    }
    for (uint32_t at = 0; at < s->items.n; at++) {
        const Statement st = *statement_at(cs, s->items.at[at]);
        if (at == s->first)
            build_maximum(s, &max);
        else if (s->item[at].role == ROLE_INSIDE)
            build_value(s, &s->item[at], &st);
        else if (s->item[at].role == ROLE_SUM)
            build_sum(s, &s->item[at], &st);
    }
    return cascade_close(cs);
}

static void declare(Sweep *s)
{
    Cascade *cs = s->cs;
    const Rank rank = *rank_at(cs, s->rank);
    const Statement max = *statement_at(cs, s->items.at[s->first]);
    s->within = cascade_rank(cs, arena_printf(&cs->cx->arena, "%s0", rank_name(cs, s->rank)), s->block);
    s->generation = cascade_add_rank(cs, (Rank){.name = cascade_fresh_name(cs, "t"),
                                                .kind = RANK_ITERATIVE,
                                                .extent = (rank.extent + s->block - 1) / s->block});
    Dtype type = tensor_at(cs, s->max)->type;
    s->block_max = over_kept(s, &max, "block", type, false);
    s->running = over_kept(s, &max, "run", type, true);
    if (s->guard)
        s->shift = over_kept(s, &max, "shift", type, false);
    s->correction = over_kept(s, &max, "fix", exponent_type(type), false);
    for (uint32_t at = 0; at < s->items.n; at++) {
        const Statement st = *statement_at(cs, s->items.at[at]);
        if (s->item[at].role == ROLE_SUM)
            s->item[at].running = over_kept(s, &st, "run", tensor_at(cs, st.targets[0].tensor)->type, true);
    }
}

/* ---- after the sweep ---- */

typedef struct Reads {
    const Cascade *cs;
    uint32_t *n; /* by tensor: accesses without pad tensors, host arguments, scalars of ranks */
} Reads;

static void count_access(void *data, ExprId e)
{
    Reads *r = data;
    r->n[expr_at(r->cs, e)->tensor.i]++;
}

static void count_item(void *data, StatementId id)
{
    Reads *r = data;
    sweep_visit_reads(r->cs, statement_at(r->cs, id), count_access, r);
}

/* The statement's tensor needs no statement after the sweep: who reads it reads the last generation. */
static void mark_replaced(Sweep *s, TensorId *replaced)
{
    const Cascade *cs = s->cs;
    Reads reads = {cs, ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->tensors.n)};
    items_visit(cs, &cs->top, count_item, &reads);
    for (uint32_t at = s->first; at <= s->last; at++) {
        const SweepItem *item = &s->item[at];
        const Statement *st = statement_at(cs, s->items.at[at]);
        if (at != s->first && (item->role != ROLE_SUM || item->split.n_posts != 0))
            continue;
        TensorId id = st->targets[0].tensor;
        const TensorDecl *tensor = tensor_at(cs, id);
        if (tensor->role == TENSOR_TMP && !tensor->is_out && !tensor->declared && s->uses[id.i].definitions == 1 &&
            s->uses[id.i].reads == reads.n[id.i] && sweep_plain_target(cs, st))
            replaced[id.i] = at == s->first ? s->running : item->running;
    }
}

typedef struct After {
    Sweep *s;
    TensorId *replaced;
} After;

static ExprId read_last(void *data, Cascade *cs, ExprId access, const ExprId *new_index)
{
    const After *a = data;
    Expr x = *expr_at(cs, access);
    if (x.tensor.i >= a->s->n_tensors || a->replaced[x.tensor.i].i == 0)
        return (ExprId){0};
    ExprId index[TENSOR_MAX_DIMS + 1] = {ex_count(cs, a->s->generation)};
    for (uint32_t d = 0; d < x.n_args; d++)
        index[d + 1] = new_index[d];
    x.tensor = a->replaced[x.tensor.i];
    return ex_push(cs, x, x.n_args + 1, index);
}

static ExprId after(After *a, ExprId e)
{
    const Rewrite rewrite = {.replace = read_last, .data = a};
    return expr_rewrite(a->s->cs, e, &rewrite);
}

static void after_item(void *data, StatementId id)
{
    After *a = data;
    Cascade *cs = a->s->cs;
    Statement st = *statement_at(cs, id);
    if (st.n_scatter != 0)
        st.scatter_index = arena_copy(&cs->cx->arena, st.scatter_index, st.n_scatter * sizeof *st.scatter_index);
    for (uint32_t k = 0; k < st.n_scatter; k++)
        st.scatter_index[k] = after(a, st.scatter_index[k]);
    ExprId *const single[] = {&st.from, &st.condition, &st.body, &st.scatter_condition, &st.scatter_value, &st.access};
    for (size_t k = 0; k < sizeof single / sizeof *single; k++)
        *single[k] = after(a, *single[k]);
    *statement_at(cs, id) = st;
}

static ExprId with_posts(After *a, const SweepForm *split, ExprId value)
{
    Cascade *cs = a->s->cs;
    Dtype type = expr_at(cs, value)->type;
    for (uint32_t k = 0; k < split->n_posts; k++) {
        ExprId operand = after(a, split->posts[k].operand);
        PostKind kind = split->posts[k].kind;
        if (kind == POST_TIMES || kind == POST_OVER) {
            operand = ex_cast(cs, type, CAST_PLAIN, operand);
            value = ex_binary(cs, kind == POST_TIMES ? FN_MUL : FN_DIV, value, operand);
            continue;
        }
        ExprId zero = ex_literal(cs, type, 0);
        value = kind == POST_WHERE ? ex_select(cs, operand, value, zero) : ex_select(cs, operand, zero, value);
    }
    return value;
}

/* Provenance of what waited stands before the sum's own. */
static void merge_provenance(Cascade *cs, const SweepForm *split, Statement *st)
{
    VEC(Name) merged = {0};
    for (uint32_t k = 0; k <= split->n_posts; k++) {
        const Statement *from = k == split->n_posts ? st : statement_at(cs, split->posts[k].from);
        for (uint32_t n = 0; n < from->n_provenance; n++) {
            bool known = false;
            for (uint32_t i = 0; i < merged.n; i++)
                known = known || name_is(merged.at[i], from->provenance[n]);
            if (!known)
                vec_push(&cs->cx->arena, &merged, from->provenance[n]);
        }
    }
    st->n_provenance = merged.n;
    st->provenance = merged.at;
}

/* The statement of a sum, or of the maximum: its value is the last generation, with what waited for it. */
static void after_sum(After *a, uint32_t at, TensorId running, const SweepForm *split)
{
    Cascade *cs = a->s->cs;
    Statement st = *statement_at(cs, a->s->items.at[at]);
    ExprId index[TENSOR_MAX_DIMS];
    uint32_t n = kept_index(a->s, &st, index);
    st.body = with_posts(a, split, read_at(a->s, running, ex_count(cs, a->s->generation), n, index));
    st.reduction = RED_NONE;
    st.order = ORDER_PLAIN;
    st.accumulator = DT_NONE;
    st.n_reduced = 0;
    st.condition = (ExprId){0};
    merge_provenance(cs, split, &st);
    cascade_item(cs, cascade_add_statement(cs, st));
}

static void build_after(Sweep *s)
{
    Cascade *cs = s->cs;
    After a = {s, ARENA_ARRAY(&cs->cx->arena, TensorId, s->n_tensors)};
    mark_replaced(s, a.replaced);
    const SweepForm whole = {0};
    for (uint32_t at = 0; at < s->items.n; at++) {
        const StatementId id = s->items.at[at];
        const SweepItem *item = &s->item[at];
        bool replaced = statement_at(cs, id)->kind == ST_DEFINE && a.replaced[statement_at(cs, id)->targets[0].tensor.i].i != 0;
        if (at == s->first || item->role == ROLE_SUM) {
            if (!replaced)
                after_sum(&a, at, at == s->first ? s->running : item->running, at == s->first ? &whole : &item->split);
        } else if (item->role == ROLE_AFTER || (item->role == ROLE_STAYS && at > s->last)) {
            const Block one = {1, &s->items.at[at]};
            items_visit(cs, &one, after_item, &a);
            cascade_item(cs, id);
        }
    }
}

Block sweep_build(Sweep *s)
{
    Cascade *cs = s->cs;
    cascade_open(cs);
    for (uint32_t at = 0; at <= s->last; at++)
        if (s->item[at].role == ROLE_STAYS)
            cascade_item(cs, s->items.at[at]);
    declare(s);
    Block body = build_body(s);
    StatementId region = cascade_add_statement(cs, (Statement){.kind = ST_ITERATE,
                                                                 .rank = s->generation,
                                                                 .body_items = body,
                                                                 .place = statement_at(cs, s->items.at[s->first])->place});
    rank_at(cs, s->generation)->region = region;
    cascade_item(cs, region);
    build_after(s);
    return cascade_close(cs);
}
