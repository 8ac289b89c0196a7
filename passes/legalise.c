/*
 * passes/legalise.c: the pass legalise: functions that a machine's units lack become those that they have.
 *
 * In:   a cascade, and the functions of a machine (or the pass's argument: names joined by `+`). Out: one that is equal in
 *       the real system and uses, where a row of legalise.def can help, only arithmetic, comparisons, choices and these
 *       functions. A divisor over fewer ranks than its statement is inverted in a statement of its own.
 * Keep: index expressions and conditions; functions without a row or whose row needs what is missing too (reported).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "passes/pass.h"
#include "support/text.h"

typedef struct Legal {
    PassContext *p;
    Cascade *cs;
    bool has[FN_COUNT];
    bool missing[FN_COUNT];  /* met, and nothing can be done */
    uint32_t reader;         /* number of the statement at hand */
    VEC(StatementId) before; /* inverted divisors for it */
    uint32_t changed;
} Legal;

/* ---- the forms ---- */

static ExprId number(Cascade *cs, Dtype type, double value)
{
    return ex_literal(cs, type, value);
}

static ExprId quotient_by_recip(Legal *l, const ExprId *a, Dtype type)
{
    const Expr divisor = *expr_at(l->cs, a[1]);
    int exponent;
    if (divisor.kind == EX_LITERAL && fabs(frexp(divisor.f, &exponent)) == 0.5 && abs(exponent) < 100)
        return ex_binary(l->cs, FN_MUL, a[0], number(l->cs, type, 1 / divisor.f));
    return ex_binary(l->cs, FN_MUL, a[0], ex_unary(l->cs, FN_RECIP, a[1]));
}

static ExprId recip_by_quotient(Legal *l, const ExprId *a, Dtype type)
{
    return ex_binary(l->cs, FN_DIV, number(l->cs, type, 1), a[0]);
}

static ExprId rsqrt_by_sqrt(Legal *l, const ExprId *a, Dtype type)
{
    (void)type;
    return ex_unary(l->cs, FN_RECIP, ex_unary(l->cs, FN_SQRT, a[0]));
}

/* exp(factor * log(x)) */
static ExprId power(Legal *l, ExprId x, Dtype type, double factor)
{
    return ex_unary(l->cs, FN_EXP, ex_binary(l->cs, FN_MUL, ex_unary(l->cs, FN_LOG, x), number(l->cs, type, factor)));
}

static ExprId rsqrt_by_log(Legal *l, const ExprId *a, Dtype type)
{
    return power(l, a[0], type, -0.5);
}

static ExprId sqrt_by_log(Legal *l, const ExprId *a, Dtype type)
{
    return power(l, a[0], type, 0.5);
}

static ExprId plus(Legal *l, ExprId x, Dtype type, double value)
{
    return ex_binary(l->cs, value < 0 ? FN_SUB : FN_ADD, x, number(l->cs, type, fabs(value)));
}

static ExprId sigmoid_by_exp(Legal *l, const ExprId *a, Dtype type)
{
    ExprId e = ex_unary(l->cs, FN_EXP, ex_unary(l->cs, FN_NEG, a[0]));
    return ex_unary(l->cs, FN_RECIP, plus(l, e, type, 1));
}

/* 1 - 2 / (exp(2x) + 1): 1 where exp(2x) is infinite, -1 where it is 0. */
static ExprId tanh_by_exp(Legal *l, const ExprId *a, Dtype type)
{
    Cascade *cs = l->cs;
    ExprId e = ex_unary(cs, FN_EXP, ex_binary(cs, FN_MUL, a[0], number(cs, type, 2)));
    ExprId half = ex_unary(cs, FN_RECIP, plus(l, e, type, 1));
    return ex_binary(cs, FN_SUB, number(cs, type, 1), ex_binary(cs, FN_MUL, number(cs, type, 2), half));
}

static ExprId expm1_by_exp(Legal *l, const ExprId *a, Dtype type)
{
    return plus(l, ex_unary(l->cs, FN_EXP, a[0]), type, -1);
}

static ExprId log1p_by_log(Legal *l, const ExprId *a, Dtype type)
{
    return ex_unary(l->cs, FN_LOG, plus(l, a[0], type, 1));
}

static ExprId half_of_exps(Legal *l, ExprId x, Dtype type, Fn fn)
{
    Cascade *cs = l->cs;
    ExprId up = ex_unary(cs, FN_EXP, x), down = ex_unary(cs, FN_EXP, ex_unary(cs, FN_NEG, x));
    return ex_binary(cs, FN_MUL, ex_binary(cs, fn, up, down), number(cs, type, 0.5));
}

static ExprId sinh_by_exp(Legal *l, const ExprId *a, Dtype type)
{
    return half_of_exps(l, a[0], type, FN_SUB);
}

static ExprId cosh_by_exp(Legal *l, const ExprId *a, Dtype type)
{
    return half_of_exps(l, a[0], type, FN_ADD);
}

static ExprId tan_by_sin_cos(Legal *l, const ExprId *a, Dtype type)
{
    (void)type;
    ExprId inverse = ex_unary(l->cs, FN_RECIP, ex_unary(l->cs, FN_COS, a[0]));
    return ex_binary(l->cs, FN_MUL, ex_unary(l->cs, FN_SIN, a[0]), inverse);
}

static ExprId atanh_by_log(Legal *l, const ExprId *a, Dtype type)
{
    Cascade *cs = l->cs;
    ExprId above = plus(l, a[0], type, 1), below = ex_binary(cs, FN_SUB, number(cs, type, 1), a[0]);
    ExprId ratio = ex_binary(cs, FN_MUL, above, ex_unary(cs, FN_RECIP, below));
    return ex_binary(cs, FN_MUL, ex_unary(cs, FN_LOG, ratio), number(cs, type, 0.5));
}

/* x to a literal 1, 2, 3 or 4. */
static ExprId pow_by_products(Legal *l, const ExprId *a, Dtype type)
{
    Cascade *cs = l->cs;
    const Expr y = *expr_at(cs, a[1]);
    double exponent = dtype_is_int(type) ? (double)y.i : y.f;
    if (y.kind != EX_LITERAL || floor(exponent) != exponent || exponent < 1 || exponent > 4)
        return (ExprId){0};
    ExprId product = a[0];
    for (int k = 1; k < (int)exponent; k++)
        product = ex_binary(cs, FN_MUL, product, a[0]);
    return product;
}

typedef struct LegalForm {
    Fn fn;
    const char *name;
    ExprId (*rewrite)(Legal *l, const ExprId *args, Dtype type); /* 0: not this one */
    const char *needs;
} LegalForm;

static const LegalForm forms[] = {
#define LEGAL(fn, name, rewrite, needs) {FN_##fn, name, rewrite, needs},
#include "passes/legalise.def"
#undef LEGAL
};

enum { N_FORMS = sizeof forms / sizeof *forms };

/* ---- what the machine has ---- */

static bool is_basic(Fn fn)
{
    switch ((int)fn) {
    case FN_DIV:
    case FN_POW:
    case FN_FMOD:
        return false;
    default:
        break;
    }
    return (fn <= FN_ROUND_EVEN) || (fn >= FN_IDIV);
}

static Fn fn_of_word(const char *word, size_t n)
{
    return n == 3 && memcmp(word, "div", 3) == 0 ? FN_DIV : fn_named(word, n);
}

/* Names joined by `+`. */
static weir_status read_argument(Legal *l, const char *text)
{
    while (*text != 0) {
        size_t n = strcspn(text, "+");
        Fn fn = fn_of_word(text, n);
        if (fn == FN_NONE) {
            diag(&l->p->cx->diag, place_none(), E_USAGE,
                 arena_printf(&l->p->cx->arena, "legalise: no function named '%.*s'", (int)n, text));
            return WEIR_USAGE;
        }
        l->has[fn] = true;
        text += n + (text[n] == '+' ? 1 : 0);
    }
    return WEIR_OK;
}

/* False if nothing says what is missing. */
static bool read_machine(Legal *l)
{
    static const char *const keys[] = {"pcu.functions", "pu.functions", "mac.functions"};
    const MachineValue *list = NULL;
    for (size_t k = 0; l->p->machine != NULL && list == NULL && k < sizeof keys / sizeof *keys; k++)
        list = machine_value(l->p->machine, keys[k]);
    if (list == NULL)
        return false;
    uint32_t n = list->kind == MV_LIST ? list->n : 1;
    for (uint32_t i = 0; i < n; i++) {
        const MachineValue *item = list->kind == MV_LIST ? &list->items[i] : list;
        const char *word = cx_text(l->p->cx, item->word);
        l->has[fn_of_word(word, strlen(word))] = true;
    }
    return true;
}

static bool can(const Legal *l, Fn fn, unsigned depth);

static bool can_all(const Legal *l, const char *needs, unsigned depth)
{
    while (*needs != 0) {
        size_t n = strcspn(needs, " ");
        if (!can(l, fn_of_word(needs, n), depth))
            return false;
        needs += n + (needs[n] == ' ' ? 1 : 0);
    }
    return true;
}

static bool can(const Legal *l, Fn fn, unsigned depth)
{
    if (l->has[fn])
        return true;
    for (size_t k = 0; k < N_FORMS && depth != 0; k++)
        if (forms[k].fn == fn && fn != FN_POW && can_all(l, forms[k].needs, depth - 1))
            return true;
    return false;
}

/* ---- divisors of fewer ranks ---- */

typedef struct Ranks {
    const Cascade *cs;
    uint32_t n, reads;
    bool plain; /* all reads are at plain ranks */
    RankId at[CASCADE_MAX_RANKS];
} Ranks;

static void meet_rank(void *data, ExprId e)
{
    Ranks *r = data;
    const Expr *x = expr_at(r->cs, e);
    if (x->kind == EX_ACCESS) {
        r->reads++;
        for (uint32_t d = 0; d < x->n_args; d++)
            r->plain = r->plain && expr_at(r->cs, expr_arg(r->cs, e, d))->kind == EX_RANK;
    }
    if ((x->kind != EX_RANK && x->kind != EX_INDEX) || rank_at(r->cs, x->rank)->kind == RANK_ITERATIVE)
        return;
    for (uint32_t k = 0; k < r->n; k++)
        if (rank_same(r->at[k], x->rank))
            return;
    r->at[r->n++] = x->rank;
}

/* The divisor's inverse from a statement of its own before the reader; 0: it varies as much as the reader. */
static ExprId hoisted(Legal *l, ExprId divisor)
{
    Cascade *cs = l->cs;
    const Statement reader = *statement_at(cs, (StatementId){l->reader});
    RankId all[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(cs, &reader, all, CASCADE_MAX_RANKS);
    Ranks r = {.cs = cs, .plain = true};
    expr_visit(cs, divisor, meet_rank, &r);
    if (r.n >= n || r.reads == 0 || reader.scatter != RED_NONE || (reader.condition.i != 0 && !r.plain))
        return (ExprId){0};
    uint32_t mark = cs->open.n;
    const char *base = arena_printf(&cs->cx->arena, "%s_recip", tensor_name(cs, reader.targets[0].tensor));
    TensorId tensor = cascade_tensor(cs, TENSOR_TMP, base, expr_at(cs, divisor)->type, r.n, r.at);
    StatementId id = st_define(cs, tensor, ex_unary(cs, FN_RECIP, divisor), (Name){0});
    cs->open.n = mark;
    statement_at(cs, id)->n_provenance = reader.n_provenance;
    statement_at(cs, id)->provenance = reader.provenance;
    statement_at(cs, id)->place = reader.place;
    vec_push(&cs->cx->arena, &l->before, id);
    return ex_access_ranks(cs, tensor, r.n, r.at);
}

/* ---- the walk ---- */

static ExprId legal(Legal *l, ExprId e);

static ExprId in_other_form(Legal *l, const Expr *x, const ExprId *args, ExprId same)
{
    enum { DEPTH = 4 };
    Cascade *cs = l->cs;
    for (size_t k = 0; k < N_FORMS; k++) {
        if (forms[k].fn != x->fn || !can_all(l, forms[k].needs, DEPTH))
            continue;
        ExprId inverse = x->fn == FN_DIV && l->has[FN_RECIP] ? hoisted(l, args[1]) : (ExprId){0};
        ExprId form = inverse.i != 0 ? ex_binary(cs, FN_MUL, args[0], inverse) : forms[k].rewrite(l, args, x->type);
        if (form.i == 0)
            continue;
        l->changed++;
        return inverse.i != 0 ? form : legal(l, form);
    }
    l->missing[x->fn] = true;
    return same;
}

/* `e` with the functions of values replaced, inner ones first; indices stay. */
static ExprId legal(Legal *l, ExprId e)
{
    Cascade *cs = l->cs;
    if (e.i == 0)
        return e;
    Expr x = *expr_at(cs, e);
    if (x.kind != EX_CALL && x.kind != EX_CAST)
        return e;
    ExprId args[4];
    bool changed = false;
    for (uint32_t k = 0; k < x.n_args; k++) {
        args[k] = legal(l, expr_arg(cs, e, k));
        changed = changed || args[k].i != expr_arg(cs, e, k).i;
    }
    ExprId same = changed ? ex_push(cs, x, x.n_args, args) : e;
    if (x.kind == EX_CAST || l->has[x.fn])
        return same;
    return in_other_form(l, &x, args, same);
}

static Block legal_items(Legal *l, Block items)
{
    Cascade *cs = l->cs;
    VEC(StatementId) out = {0};
    for (uint32_t i = 0; i < items.n; i++) {
        StatementId id = items.at[i];
        Block body = legal_items(l, statement_at(cs, id)->body_items);
        Block other = legal_items(l, statement_at(cs, id)->else_items);
        Statement st = *statement_at(cs, id);
        st.body_items = body;
        st.else_items = other;
        l->before.n = 0;
        l->reader = id.i;
        if (st.kind == ST_DEFINE) {
            st.from = legal(l, st.from);
            st.body = legal(l, st.body);
            st.scatter_value = legal(l, st.scatter_value);
        }
        *statement_at(cs, id) = st;
        for (uint32_t k = 0; k < l->before.n; k++)
            vec_push(&cs->cx->arena, &out, l->before.at[k]);
        vec_push(&cs->cx->arena, &out, id);
    }
    return (Block){out.n, out.at};
}

weir_status legalise_run(PassContext *p, Cascade *cs)
{
    Legal l = {.p = p, .cs = cs};
    for (int fn = 1; fn < FN_COUNT; fn++)
        l.has[fn] = is_basic((Fn)fn);
    bool known = p->argument != NULL || read_machine(&l);
    if (p->argument != NULL)
        TRY(read_argument(&l, p->argument));
    if (known && !cs->pinned)
        cs->top = legal_items(&l, cs->top);
    if (p->report == NULL)
        return WEIR_OK;
    for (int fn = 1; fn < FN_COUNT; fn++)
        if (l.missing[fn])
            text_printf(p->report, "legalise: '%s' is missing and has no other form here\n", fn_info((Fn)fn)->text);
    text_printf(p->report, "legalise: changed=%u\n", l.changed);
    return WEIR_OK;
}
