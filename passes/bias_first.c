/*
 * passes/bias_first.c: the pass bias_first: a bias becomes the start of the sum that it is added to.
 *
 * In:   a cascade. Out: Z[..] = sum[k] e and Y[..] = .. (Z[..] + B) .. become Z[..] = sum[k from B] e and Y[..] = .. Z[..] ..;
 *       where nothing but Z[..] is left, the sum moves into Y's statement. Equal in the real system; in the typed one
 *       the bias is the first term instead of the last.
 * Keep: a sum that is read more than once, that starts somewhere already, or whose order is pinned. A bias is a value of
 *       constants and inputs, or one that some rank of the sum does not move (a residual of full size stays).
 */
#include "passes/pass.h"
#include "passes/uses.h"
#include "support/text.h"

typedef struct Bias {
    Cascade *cs;
    const Use *uses;
    Block items;
    uint32_t at;      /* of the reader */
    int position;     /* of the sum in the same list; -1: none found */
    ExprId sum, bias; /* operands of the addition */
    ExprId addition;
    uint32_t changed;
} Bias;

/* T[r0, r1 ..]: distinct plain ranks that are not iterative. */
static bool plain(const Cascade *cs, uint32_t n, const ExprId *index)
{
    for (uint32_t d = 0; d < n; d++) {
        const Expr *x = expr_at(cs, index[d]);
        if (x->kind != EX_RANK || rank_at(cs, x->rank)->kind == RANK_ITERATIVE)
            return false;
        for (uint32_t e = 0; e < d; e++)
            if (rank_same(expr_at(cs, index[e])->rank, x->rank))
                return false;
    }
    return true;
}

static int sum_position(const Bias *b, TensorId tensor)
{
    for (uint32_t i = 0; i < b->at; i++)
        if (b->items.at[i].i == b->uses[tensor.i].definition.i)
            return (int)i;
    return -1;
}

static bool may_start(const Bias *b, ExprId e)
{
    const Cascade *cs = b->cs;
    const Expr *x = expr_at(cs, e);
    if (x->kind != EX_ACCESS || x->pad != PAD_NONE || x->part != PART_VALUE)
        return false;
    const TensorDecl *tensor = tensor_at(cs, x->tensor);
    const Use *use = &b->uses[x->tensor.i];
    int at = sum_position(b, x->tensor);
    if (at < 0 || tensor->role != TENSOR_TMP || tensor->is_out || tensor->declared || tensor->format != 0 || use->reads != 1 ||
        use->definitions != 1)
        return false;
    const Statement *st = statement_at(cs, b->items.at[at]);
    return st->kind == ST_DEFINE && st->reduction == RED_SUM && st->scatter == RED_NONE && st->from.i == 0 &&
           plain(cs, st->targets[0].n_index, st->targets[0].index) && plain(cs, x->n_args, &cs->args.at[x->first_arg]);
}

typedef struct Terms {
    const Cascade *cs;
    ExprId sum;
    bool given;   /* reads nothing but constants and inputs */
    bool covered; /* uses no rank that the sum's read does not use */
} Terms;

static void meet_term(void *data, ExprId e)
{
    Terms *t = data;
    const Expr *x = expr_at(t->cs, e);
    if (x->kind == EX_ACCESS)
        t->given = t->given && tensor_at(t->cs, x->tensor)->role != TENSOR_TMP;
    bool rank = x->kind == EX_RANK || x->kind == EX_INDEX;
    if (rank && rank_at(t->cs, x->rank)->kind != RANK_ITERATIVE && !expr_uses_rank(t->cs, t->sum, x->rank))
        t->covered = false;
}

static bool is_bias(const Bias *b, ExprId sum, ExprId e)
{
    const Cascade *cs = b->cs;
    const Expr *x = expr_at(cs, sum);
    Terms t = {cs, sum, true, true};
    expr_visit(cs, e, meet_term, &t);
    bool broadcast = false;
    for (uint32_t d = 0; d < x->n_args; d++)
        broadcast = broadcast || !expr_uses_rank(cs, e, expr_at(cs, expr_arg(cs, sum, d))->rank);
    return t.covered && (t.given || broadcast);
}

/* Finds sum + bias below `e`, the innermost first. */
static bool find_addition(Bias *b, ExprId e)
{
    const Cascade *cs = b->cs;
    const Expr *x = expr_at(cs, e);
    if (x->kind != EX_CALL && x->kind != EX_CAST)
        return false;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (find_addition(b, expr_arg(cs, e, k)))
            return true;
    if (x->kind != EX_CALL || x->fn != FN_ADD)
        return false;
    for (uint32_t k = 0; k < 2; k++) {
        ExprId sum = expr_arg(cs, e, k), bias = expr_arg(cs, e, 1 - k);
        if (may_start(b, sum) && is_bias(b, sum, bias)) {
            b->sum = sum;
            b->bias = bias;
            b->addition = e;
            return true;
        }
    }
    return false;
}

static ExprId without_addition(Bias *b, ExprId e)
{
    Cascade *cs = b->cs;
    if (e.i == b->addition.i)
        return b->sum;
    Expr x = *expr_at(cs, e);
    if (x.kind != EX_CALL && x.kind != EX_CAST)
        return e;
    ExprId args[4];
    for (uint32_t k = 0; k < x.n_args; k++)
        args[k] = without_addition(b, expr_arg(cs, e, k));
    return ex_push(cs, x, x.n_args, args);
}

static void merge_provenance(Cascade *cs, const Statement *first, Statement *st)
{
    VEC(Name) merged = {0};
    const Statement *const both[2] = {first, st};
    for (int k = 0; k < 2; k++) {
        for (uint32_t n = 0; n < both[k]->n_provenance; n++) {
            bool known = false;
            for (uint32_t i = 0; i < merged.n; i++)
                known = known || name_is(merged.at[i], both[k]->provenance[n]);
            if (!known)
                vec_push(&cs->cx->arena, &merged, both[k]->provenance[n]);
        }
    }
    st->n_provenance = merged.n;
    st->provenance = merged.at;
}

/* The bias over the ranks of the sum's own statement. */
static ExprId bias_of_sum(Bias *b, const Statement *sum)
{
    Cascade *cs = b->cs;
    ExprId *rank_to = ARENA_ARRAY(&cs->cx->arena, ExprId, cs->ranks.n);
    for (uint32_t d = 0; d < sum->targets[0].n_index; d++)
        rank_to[expr_at(cs, expr_arg(cs, b->sum, d))->rank.i] = sum->targets[0].index[d];
    const Rewrite rewrite = {.n_ranks = cs->ranks.n, .rank_to = rank_to};
    return expr_rewrite(cs, b->bias, &rewrite);
}

/* Y[p, q] = Z[p, q] and nothing else: the sum can define Y itself. */
static bool sum_is_whole(const Bias *b, const Statement *reader, const Statement *sum, ExprId body)
{
    const Cascade *cs = b->cs;
    const TensorDecl *y = tensor_at(cs, reader->targets[0].tensor), *z = tensor_at(cs, sum->targets[0].tensor);
    if (body.i != b->sum.i || y->type != z->type || y->format != 0)
        return false;
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(cs, reader, ranks, CASCADE_MAX_RANKS);
    if (n != sum->targets[0].n_index)
        return false;
    for (uint32_t k = 0; k < sum->n_reduced; k++)
        for (uint32_t r = 0; r < n; r++)
            if (rank_same(ranks[r], sum->reduced[k]))
                return false;
    return true;
}

/* The sum over the reader's ranks, into the reader's target. */
static Statement sum_into_reader(Bias *b, const Statement *reader, const Statement *sum)
{
    Cascade *cs = b->cs;
    ExprId *rank_to = ARENA_ARRAY(&cs->cx->arena, ExprId, cs->ranks.n);
    for (uint32_t d = 0; d < sum->targets[0].n_index; d++)
        rank_to[expr_at(cs, sum->targets[0].index[d])->rank.i] = expr_arg(cs, b->sum, d);
    const Rewrite rewrite = {.n_ranks = cs->ranks.n, .rank_to = rank_to};
    Statement st = *sum;
    st.targets = reader->targets;
    st.out = reader->out;
    st.place = reader->place;
    st.body = expr_rewrite(cs, sum->body, &rewrite);
    st.condition = expr_rewrite(cs, sum->condition, &rewrite);
    st.from = b->bias;
    st.n_provenance = reader->n_provenance;
    st.provenance = reader->provenance;
    merge_provenance(cs, sum, &st);
    return st;
}

/* The items with the sum moved next to its reader (what the bias reads may stand between), or into it. */
static void rewrite(Bias *b)
{
    Cascade *cs = b->cs;
    int from = sum_position(b, expr_at(cs, b->sum)->tensor);
    const Statement sum = *statement_at(cs, b->items.at[from]);
    Statement reader = *statement_at(cs, b->items.at[b->at]);
    ExprId body = without_addition(b, reader.body);
    bool whole = sum_is_whole(b, &reader, &sum, body);
    VEC(StatementId) out = {0};
    for (uint32_t i = 0; i < b->items.n; i++) {
        if ((int)i == from)
            continue;
        if (i != b->at) {
            vec_push(&cs->cx->arena, &out, b->items.at[i]);
            continue;
        }
        if (whole) {
            vec_push(&cs->cx->arena, &out, cascade_add_statement(cs, sum_into_reader(b, &reader, &sum)));
            continue;
        }
        Statement started = sum;
        started.from = bias_of_sum(b, &sum);
        reader.body = body;
        vec_push(&cs->cx->arena, &out, cascade_add_statement(cs, started));
        vec_push(&cs->cx->arena, &out, cascade_add_statement(cs, reader));
    }
    b->items = (Block){out.n, out.at};
    b->changed++;
}

static Block start_sums(Bias *b, Block items)
{
    Cascade *cs = b->cs;
    for (uint32_t at = 0; at < items.n; at++) {
        StatementId id = items.at[at];
        Block body = start_sums(b, statement_at(cs, id)->body_items);
        Block other = start_sums(b, statement_at(cs, id)->else_items);
        statement_at(cs, id)->body_items = body;
        statement_at(cs, id)->else_items = other;
        const Statement *st = statement_at(cs, id);
        if (st->kind != ST_DEFINE || st->reduction != RED_NONE || st->scatter != RED_NONE)
            continue;
        b->items = items;
        b->at = at;
        if (!find_addition(b, st->body))
            continue;
        rewrite(b);
        at -= b->items.n < items.n ? 1 : 0;
        items = b->items;
    }
    return items;
}

weir_status bias_first_run(PassContext *p, Cascade *cs)
{
    Bias b = {.cs = cs, .uses = uses_count(cs)};
    if (!cs->pinned)
        cs->top = start_sums(&b, cs->top);
    if (p->report != NULL)
        text_printf(p->report, "bias_first: changed=%u\n", b.changed);
    return WEIR_OK;
}
