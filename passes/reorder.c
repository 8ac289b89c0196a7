/*
 * passes/reorder.c: the pass reorder: channels of queries and keys in the order that suits a block format (K-sort).
 *
 * In:   a cascade, and a format with blocks (--precision or reorder:FORMAT; bfp12:16 without). Out: where a contraction
 *       of two computed tensors over one channel rank allows it, the constants that make both are permuted alike, once
 *       a key head, so that channels of one block have like norms. Equal in the real system.
 * Keep: everything, where the data-free test (reorder_choose) does not promise less error, or where the order of the
 *       channels can be seen from outside.
 */
#include "passes/reorder.h"

#include <string.h>

#include "passes/reorder_push.h"
#include "support/text.h"

typedef struct Reorder {
    PassContext *p;
    Cascade *cs;
    const Precision *format;
    const char *format_name;
    StatementId *scores; /* candidates */
    uint32_t n_scores, changed;
} Reorder;

static uint32_t dim_of(const Cascade *cs, ExprId access, RankId rank)
{
    uint32_t d = 0;
    while (!expr_uses_rank(cs, expr_arg(cs, access, d), rank))
        d++;
    return d;
}

/* ---- which operand holds the keys ---- */

typedef struct Softened {
    const Cascade *cs;
    TensorId scores;
    int64_t dim; /* reduced by a maximum; -1: none */
} Softened;

static void meet_score(void *data, ExprId e)
{
    Softened *s = data;
    const Expr *x = expr_at(s->cs, e);
    if (x->kind == EX_ACCESS && x->tensor.i == s->scores.i)
        s->dim = -2; /* read here */
}

/* The maximum over the keys, and statements point by point between, lead from the scores to the rank of the keys. */
static int64_t key_dim(const Cascade *cs, TensorId scores)
{
    for (uint32_t depth = 0; depth < 4; depth++) {
        TensorId next = {0};
        for (uint32_t i = 1; i < cs->statements.n; i++) {
            const Statement *st = statement_at(cs, (StatementId){i});
            Softened s = {cs, scores, -1};
            if (st->kind != ST_DEFINE || st->body.i == 0)
                continue;
            expr_visit(cs, st->body, meet_score, &s);
            if (s.dim != -2)
                continue;
            const TensorDim *dims = tensor_at(cs, scores)->dims;
            for (uint32_t d = 0; st->reduction == RED_MAX && d < tensor_at(cs, scores)->n_dims; d++)
                if (st->n_reduced == 1 && rank_same(dims[d].rank, st->reduced[0]))
                    return d;
            next = st->reduction == RED_NONE ? st->targets[0].tensor : next;
        }
        if (next.i == 0)
            return -1;
        scores = next;
    }
    return -1;
}

static bool keys_first(const Cascade *cs, const Statement *st, const Product *product)
{
    int64_t dim = key_dim(cs, st->targets[0].tensor);
    if (dim < 0 || (uint32_t)dim >= st->targets[0].n_index || expr_at(cs, st->targets[0].index[dim])->kind != EX_RANK)
        return false;
    RankId keys = expr_at(cs, st->targets[0].index[dim])->rank;
    return expr_uses_rank(cs, product->operand[0], keys) && !expr_uses_rank(cs, product->operand[1], keys);
}

/* ---- norms and permutations ---- */

typedef struct Heads {
    uint32_t n;        /* key heads */
    uint32_t channels;
    double *square[2]; /* by Side: [head][channel] */
    ReorderChoice *choice;
} Heads;

/* Calls for element i of a moved constant: its head and channel. */
static void place_of(const Tensor *value, const Moved *moved, const Heads *heads, int64_t i, int64_t *head, int64_t *channel,
                     int64_t *stride)
{
    int64_t coordinate[TENSOR_MAX_DIMS];
    int64_t rest = i;
    *stride = 1;
    for (uint32_t d = value->n_dims; d-- > 0;) {
        coordinate[d] = rest % value->extent[d];
        rest /= value->extent[d];
        if (d > moved->dim)
            *stride *= value->extent[d];
    }
    *channel = coordinate[moved->dim] % heads->channels;
    int64_t at = moved->merged ? coordinate[moved->dim] / heads->channels : moved->head_dim < 0 ? 0 : coordinate[moved->head_dim];
    *head = moved->head_dim < 0 ? 0 : at / moved->divisor;
}

static weir_status add_squares(Cascade *cs, TensorId tensor, const Moved *moved, Heads *heads)
{
    const Tensor *value;
    TRY(cascade_const(cs, tensor, &value));
    for (int64_t i = 0; i < tensor_elements(value); i++) {
        int64_t head, channel, stride;
        place_of(value, moved, heads, i, &head, &channel, &stride);
        double x = dtype_load_f64(value->type, value->data, (size_t)i);
        heads->square[moved->side][head * heads->channels + channel] += x * x;
    }
    return WEIR_OK;
}

/* A factor a channel scales its row. */
static weir_status scale_squares(Cascade *cs, TensorId tensor, const Moved *moved, Heads *heads)
{
    const Tensor *value;
    TRY(cascade_const(cs, tensor, &value));
    for (int64_t i = 0; tensor_elements(value) == (int64_t)heads->n * heads->channels && i < tensor_elements(value); i++) {
        int64_t head, channel, stride;
        place_of(value, moved, heads, i, &head, &channel, &stride);
        double x = dtype_load_f64(value->type, value->data, (size_t)i);
        heads->square[moved->side][head * heads->channels + channel] *= x * x;
    }
    return WEIR_OK;
}

static weir_status permute_constant(Cascade *cs, TensorId tensor, const Moved *moved, const Heads *heads)
{
    const Tensor *value;
    TRY(cascade_const(cs, tensor, &value));
    const Tensor old = *value;
    Tensor new = tensor_new(cs->cx, old.type, old.n_dims, old.extent);
    size_t bytes = dtype_bytes(old.type);
    for (int64_t i = 0; i < tensor_elements(&old); i++) {
        int64_t head, channel, stride;
        place_of(&old, moved, heads, i, &head, &channel, &stride);
        const ReorderChoice *choice = &heads->choice[head];
        int64_t from = choice->keep_identity ? i : i + ((int64_t)choice->channel[channel] - channel) * stride;
        memcpy((char *)new.data + (size_t)i * bytes, (const char *)old.data + (size_t)from * bytes, bytes);
    }
    tensor_at(cs, tensor)->data = (ConstData){.kind = DATA_INLINE, .value = new};
    return WEIR_OK;
}

/* ---- one contraction ---- */

static bool try_head(Reorder *o, Push *push, RankId rank, RankId head, int64_t divisor)
{
    const Cascade *cs = o->cs;
    push->tensor = ARENA_ARRAY(&cs->cx->arena, Moved, cs->tensors.n);
    push->visited = ARENA_ARRAY(&cs->cx->arena, Visited, cs->statements.n);
    push->work.n = 0;
    push->reason = NULL;
    return reorder_push(push, rank, head, divisor);
}

/* Pushes with an order a key head, if the keys have heads, else with one for all; out: the number of key heads. */
static bool push_heads(Reorder *o, Push *push, RankId rank, uint32_t *out_heads)
{
    const Cascade *cs = o->cs;
    ExprId keys = push->operand[SIDE_KEY], queries = push->operand[SIDE_QUERY];
    RankId head, channel;
    uint32_t own = dim_of(cs, keys, rank);
    if (reorder_merged(cs, expr_arg(cs, keys, own), push->channels, &channel, &head) && try_head(o, push, rank, head, 1)) {
        *out_heads = (uint32_t)(dim_extent(cs, expr_at(cs, keys)->tensor, own) / push->channels);
        return true;
    }
    for (uint32_t d = 0; d < expr_at(cs, keys)->n_args; d++) {
        int64_t divisor;
        if (d == own || !reorder_quotient(cs, expr_arg(cs, keys, d), &head, &divisor) ||
            !expr_uses_rank(cs, queries, head) || !try_head(o, push, rank, head, divisor))
            continue;
        *out_heads = (uint32_t)dim_extent(cs, expr_at(cs, keys)->tensor, d);
        return true;
    }
    *out_heads = 1;
    return try_head(o, push, rank, (RankId){0}, 1);
}

static void report_kept(Reorder *o, const char *name, const char *culprit, const char *why)
{
    if (o->p->report != NULL)
        text_printf(o->p->report, "reorder: channels of %s stay: %s%s%s%s\n", name, culprit == NULL ? "" : "'",
                    culprit == NULL ? "" : culprit, culprit == NULL ? "" : "': ", why);
}

static weir_status choose(Reorder *o, Push *push, Heads *heads, bool *out_any, bool *out_weights)
{
    Cascade *cs = o->cs;
    bool weights[2] = {false, false};
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const Moved *moved = &push->tensor[t];
        if (!moved->yes || !moved->weight)
            continue;
        weights[moved->side] = true;
        TRY(add_squares(cs, (TensorId){t}, moved, heads));
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (push->tensor[t].yes && push->tensor[t].gain)
            TRY(scale_squares(cs, (TensorId){t}, &push->tensor[t], heads));
    *out_any = false;
    *out_weights = weights[0] && weights[1];
    for (uint32_t h = 0; *out_weights && h < heads->n; h++) {
        TRY(reorder_choose(cs->cx, o->format, 1, heads->channels, heads->square[SIDE_KEY] + h * heads->channels,
                           heads->square[SIDE_QUERY] + h * heads->channels, &heads->choice[h]));
        *out_any = *out_any || !heads->choice[h].keep_identity;
    }
    return WEIR_OK;
}

static weir_status apply(Reorder *o, Push *push, const Heads *heads, const char *name)
{
    Cascade *cs = o->cs;
    Text *report = o->p->report;
    for (uint32_t h = 0; report != NULL && h < heads->n; h++)
        text_printf(report, "reorder: %s, key head %u: %u channels in %s: error ratio %.4f: %s\n", name, h, heads->channels,
                    o->format_name, heads->choice[h].ratio, heads->choice[h].keep_identity ? "kept" : "sorted");
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        if (!push->tensor[t].yes || tensor_at(cs, (TensorId){t})->role != TENSOR_CONST)
            continue;
        TRY(permute_constant(cs, (TensorId){t}, &push->tensor[t], heads));
        if (report != NULL)
            text_printf(report, "reorder: '%s' permuted along %s\n", tensor_name(cs, (TensorId){t}),
                        rank_name(cs, tensor_at(cs, (TensorId){t})->dims[push->tensor[t].dim].rank));
    }
    o->changed++;
    return WEIR_OK;
}

static weir_status reorder_scores(Reorder *o, StatementId id)
{
    Cascade *cs = o->cs;
    const Statement st = *statement_at(cs, id);
    const char *name = tensor_name(cs, st.targets[0].tensor);
    Product product;
    if (!precision_contraction(cs, &st, &product))
        weir_bug(cs->cx, "'%s' was a contraction", name);
    RankId rank = st.reduced[0];
    bool first = keys_first(cs, &st, &product);
    Push push = {.cs = cs, .uses = uses_count(cs), .scores = id, .channels = rank_at(cs, rank)->extent};
    push.operand[SIDE_KEY] = product.operand[first ? 0 : 1];
    push.operand[SIDE_QUERY] = product.operand[first ? 1 : 0];
    Heads heads = {.channels = (uint32_t)push.channels};
    if (!push_heads(o, &push, rank, &heads.n)) {
        report_kept(o, name, push.culprit, push.reason);
        return WEIR_OK;
    }
    Arena *arena = &cs->cx->arena;
    heads.square[0] = ARENA_ARRAY(arena, double, (size_t)heads.n * heads.channels);
    heads.square[1] = ARENA_ARRAY(arena, double, (size_t)heads.n * heads.channels);
    heads.choice = ARENA_ARRAY(arena, ReorderChoice, heads.n);
    bool any, weights;
    TRY(choose(o, &push, &heads, &any, &weights));
    if (any)
        return apply(o, &push, &heads, name);
    if (!weights) {
        report_kept(o, name, NULL, "queries or keys are no product with a constant");
        return WEIR_OK;
    }
    for (uint32_t h = 0; h < heads.n; h++)
        report_kept(o, name, NULL, arena_printf(arena, "error ratio %.4f in %s", heads.choice[h].ratio, o->format_name));
    return WEIR_OK;
}

/* A contraction of two computed tensors over one static rank that both have at one plain index. */
static void collect(void *data, StatementId id)
{
    Reorder *o = data;
    const Cascade *cs = o->cs;
    const Statement *st = statement_at(cs, id);
    Product product;
    if (!precision_contraction(cs, st, &product) || st->n_reduced != 1 || rank_at(cs, st->reduced[0])->kind != RANK_STATIC ||
        rank_at(cs, st->reduced[0])->extent < 2)
        return;
    for (uint32_t k = 0; k < 2; k++)
        if (tensor_at(cs, expr_at(cs, product.operand[k])->tensor)->role != TENSOR_TMP ||
            !expr_uses_rank(cs, product.operand[k], st->reduced[0]))
            return;
    o->scores[o->n_scores++] = id;
}

weir_status reorder_run(PassContext *p, Cascade *cs)
{
    Reorder o = {.p = p, .cs = cs};
    o.format_name = p->argument != NULL ? p->argument : p->plan != NULL ? p->plan : "bfp12:16";
    o.format = precision_named(p->cx, o.format_name);
    if (o.format == NULL || o.format->kind == PRECISION_TYPE || o.format->block == 0) {
        diag(&p->cx->diag, place_none(), E_USAGE,
             arena_printf(&p->cx->arena, "reorder: '%s' is no format with blocks", o.format_name));
        return WEIR_USAGE;
    }
    o.scores = ARENA_ARRAY(&cs->cx->arena, StatementId, cs->statements.n);
    if (!cs->pinned)
        items_visit(cs, &cs->top, collect, &o);
    for (uint32_t k = 0; k < o.n_scores; k++)
        TRY(reorder_scores(&o, o.scores[k]));
    if (p->report != NULL)
        text_printf(p->report, "reorder: changed=%u\n", o.changed);
    return WEIR_OK;
}
