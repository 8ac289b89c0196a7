/*
 * passes/precision_types.c: operands of contractions in a narrower element type, sums in f32.
 *
 *   Z[m, n] = sum[k from C[n]] A[m, k] * B[k, n] * 0.1    with constants B, C becomes
 *   A_bf16[m, k] : bf16 = bf16(A[m, k])
 *   Z_dot[m, n] = sum.f32[k] A_bf16[m, k] * B[k, n]       (B : bf16 now)
 *   Z[m, n] = Z_dot[m, n] * 0.1 + C[n]
 *
 * Where the machine hands sums out in a narrow type (rdmac), starts are taken and sums are given in it:
 *   Z_dot[m, n] = sum.f32[k from f32(C[n])] ..            Z_out[m, n] : bf16 = bf16(Z_dot[m, n])
 */
#include <math.h>
#include <string.h>

#include "passes/precision.h"
#include "support/text.h"

typedef struct CastOf {
    TensorId from, to;
    uint32_t list; /* number of the list of items it was made in */
} CastOf;

typedef struct Types {
    PassContext *p;
    Cascade *cs;
    const PrecisionPlan *plan;
    const Precision *precision; /* of the contraction at hand */
    Dtype result;       /* in which the machine gives sums; DT_NONE: f32 */
    uint32_t *operands; /* by tensor: reads that become narrow */
    uint32_t n_planned; /* tensors that the plan knows */
    const Use *uses;
    VEC(CastOf) casts;
    VEC(StatementId) out;
    uint32_t list, lists;
    weir_status status;
    uint32_t changed;
} Types;

static bool fixed_dim(const Cascade *cs, const TensorDim *dim)
{
    return dim->next || rank_at(cs, dim->rank)->kind == RANK_ITERATIVE;
}

static bool is_constant(const Types *t, TensorId tensor)
{
    return tensor_at(t->cs, tensor)->role == TENSOR_CONST;
}

/* The type for a contraction by what the plan says of its operands. */
static const Precision *planned(const Types *t, const Product *product)
{
    const Precision *precision = t->plan->all;
    for (int k = 0; t->plan->of != NULL && k < 2; k++) {
        uint32_t tensor = expr_at(t->cs, product->operand[k])->tensor.i;
        const Precision *own = tensor < t->n_planned ? t->plan->of[tensor] : NULL;
        precision = own != NULL ? own : precision;
    }
    return precision != NULL && precision->kind == PRECISION_TYPE ? precision : NULL;
}

/* ---- constants ---- */

static bool bias_read(const Types *t, const Statement *st)
{
    return st->from.i != 0 && t->result != DT_NONE && expr_at(t->cs, st->from)->kind == EX_ACCESS &&
           expr_at(t->cs, st->from)->pad == PAD_NONE && expr_at(t->cs, st->from)->part == PART_VALUE &&
           expr_at(t->cs, st->from)->type == DT_F32 && tensor_at(t->cs, expr_at(t->cs, st->from)->tensor)->format == 0;
}

static void count_operands(void *data, StatementId id)
{
    Types *t = data;
    const Statement *st = statement_at(t->cs, id);
    Product product;
    if (!precision_contraction(t->cs, st, &product) || planned(t, &product) == NULL)
        return;
    t->operands[expr_at(t->cs, product.operand[0])->tensor.i]++;
    t->operands[expr_at(t->cs, product.operand[1])->tensor.i]++;
    if (bias_read(t, st))
        t->operands[expr_at(t->cs, st->from)->tensor.i]++;
}

/* The constant's data rounded to the type. */
static ConstData narrow_data(Types *t, TensorId tensor)
{
    Cascade *cs = t->cs;
    ConstData data = tensor_at(cs, tensor)->data;
    if (data.kind == DATA_SEEDED) {
        data.value = (Tensor){0};
        return data;
    }
    const Tensor *wide;
    if (t->status == WEIR_OK)
        t->status = cascade_const(cs, tensor, &wide);
    if (t->status != WEIR_OK)
        return data;
    Tensor narrow = tensor_new(cs->cx, t->precision->element, wide->n_dims, wide->extent);
    for (int64_t i = 0; i < tensor_elements(wide); i++)
        dtype_store_f64(narrow.type, narrow.data, (size_t)i, dtype_load_f64(wide->type, wide->data, (size_t)i));
    return (ConstData){.kind = DATA_INLINE, .value = narrow};
}

static TensorId known_cast(const Types *t, TensorId tensor, bool anywhere)
{
    for (uint32_t i = 0; i < t->casts.n; i++)
        if (t->casts.at[i].from.i == tensor.i && (anywhere || t->casts.at[i].list == t->list) &&
            tensor_at(t->cs, t->casts.at[i].to)->type == t->precision->element)
            return t->casts.at[i].to;
    return (TensorId){0};
}

static void remember(Types *t, TensorId from, TensorId to)
{
    vec_push(&t->cs->cx->arena, &t->casts, ((CastOf){from, to, t->list}));
}

static const char *cast_name(const Types *t, TensorId tensor)
{
    return arena_printf(&t->cs->cx->arena, "%s_%s", tensor_name(t->cs, tensor), t->precision->name);
}

static TensorId narrow_constant(Types *t, TensorId tensor)
{
    Cascade *cs = t->cs;
    if (tensor_at(cs, tensor)->type == t->precision->element)
        return tensor;
    TensorId known = known_cast(t, tensor, true);
    if (known.i != 0)
        return known;
    ConstData data = narrow_data(t, tensor);
    if (t->operands[tensor.i] == t->uses[tensor.i].reads && !tensor_at(cs, tensor)->is_out) {
        tensor_at(cs, tensor)->type = t->precision->element;
        tensor_at(cs, tensor)->data = data;
        return tensor;
    }
    RankId ranks[TENSOR_MAX_DIMS];
    uint32_t n = tensor_at(cs, tensor)->n_dims;
    for (uint32_t d = 0; d < n; d++)
        ranks[d] = tensor_at(cs, tensor)->dims[d].rank;
    uint32_t mark = cs->open.n;
    TensorId copy = cascade_tensor(cs, TENSOR_CONST, cast_name(t, tensor), t->precision->element, n, ranks);
    tensor_at(cs, copy)->data = data;
    vec_push(&cs->cx->arena, &t->out, cs->open.at[cs->open.n - 1]);
    cs->open.n = mark;
    remember(t, tensor, copy);
    return copy;
}

/* ---- activations ---- */

/* bf16(X[..]) over the dimensions of X that are not iterative; of those the reader's index stands in the cast. */
static TensorId narrow_value(Types *t, const Statement *reader, ExprId access)
{
    Cascade *cs = t->cs;
    const Expr x = *expr_at(cs, access);
    RankId ranks[TENSOR_MAX_DIMS];
    ExprId index[TENSOR_MAX_DIMS];
    uint32_t n = 0;
    bool whole = true;
    for (uint32_t d = 0; d < x.n_args; d++) {
        const TensorDim dim = tensor_at(cs, x.tensor)->dims[d];
        bool fixed = fixed_dim(cs, &dim);
        whole = whole && !fixed;
        index[d] = fixed ? expr_arg(cs, access, d) : ex_rank(cs, dim.rank);
        if (!fixed)
            ranks[n++] = dim.rank;
    }
    TensorId known = whole ? known_cast(t, x.tensor, false) : (TensorId){0};
    if (known.i != 0)
        return known;
    uint32_t mark = cs->open.n;
    TensorId cast = cascade_tensor(cs, TENSOR_TMP, cast_name(t, x.tensor), t->precision->element, n, ranks);
    ExprId value = ex_cast(cs, t->precision->element, CAST_PLAIN, ex_access(cs, x.tensor, x.n_args, index));
    StatementId id = st_define(cs, cast, value, (Name){0});
    cs->open.n = mark;
    statement_at(cs, id)->n_provenance = reader->n_provenance;
    statement_at(cs, id)->provenance = reader->provenance;
    statement_at(cs, id)->place = reader->place;
    vec_push(&cs->cx->arena, &t->out, id);
    if (whole)
        remember(t, x.tensor, cast);
    return cast;
}

/* A cast must be possible over whole dimensions: iterative ones are read at one coordinate for all points. */
static bool can_narrow(const Types *t, const Statement *st, ExprId access)
{
    const Cascade *cs = t->cs;
    const Expr *x = expr_at(cs, access);
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(cs, st, ranks, CASCADE_MAX_RANKS);
    for (uint32_t d = 0; d < x->n_args; d++) {
        if (!fixed_dim(cs, &tensor_at(cs, x->tensor)->dims[d]))
            continue;
        if (x->pad != PAD_NONE)
            return false;
        for (uint32_t r = 0; r < n; r++)
            if (expr_uses_rank(cs, expr_arg(cs, access, d), ranks[r]))
                return false;
    }
    return true;
}

static ExprId narrow_read(Types *t, const Statement *st, ExprId access)
{
    Cascade *cs = t->cs;
    const TensorId from = expr_at(cs, access)->tensor;
    TensorId to = is_constant(t, from) ? narrow_constant(t, from) : narrow_value(t, st, access);
    Expr x = *expr_at(cs, access);
    ExprId index[TENSOR_MAX_DIMS];
    uint32_t n = 0;
    for (uint32_t d = 0; d < x.n_args; d++)
        if (is_constant(t, from) || !fixed_dim(cs, &tensor_at(cs, from)->dims[d]))
            index[n++] = expr_arg(cs, access, d);
    x.tensor = to;
    x.type = t->precision->element;
    if (x.pad == PAD_LITERAL)
        x.pad_literal = ex_literal(cs, x.type, expr_at(cs, x.pad_literal)->f);
    return ex_push(cs, x, n, index);
}

/* ---- the contraction ---- */

static void add(Types *t, const Statement *like, TensorId tensor, ExprId body)
{
    Cascade *cs = t->cs;
    uint32_t mark = cs->open.n;
    StatementId id = st_define(cs, tensor, body, (Name){0});
    cs->open.n = mark;
    statement_at(cs, id)->n_provenance = like->n_provenance;
    statement_at(cs, id)->provenance = like->provenance;
    statement_at(cs, id)->place = like->place;
    vec_push(&cs->cx->arena, &t->out, id);
}

static TensorId over_kept(Types *t, const Statement *st, const char *suffix, Dtype type)
{
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(t->cs, st, ranks, CASCADE_MAX_RANKS) - st->n_reduced;
    const char *base = arena_printf(&t->cs->cx->arena, "%s_%s", tensor_name(t->cs, st->targets[0].tensor), suffix);
    return cascade_tensor(t->cs, TENSOR_TMP, base, type, n, ranks);
}

static ExprId read_whole(Types *t, TensorId tensor)
{
    RankId ranks[TENSOR_MAX_DIMS];
    uint32_t n = tensor_at(t->cs, tensor)->n_dims;
    for (uint32_t d = 0; d < n; d++)
        ranks[d] = tensor_at(t->cs, tensor)->dims[d].rank;
    return ex_access_ranks(t->cs, tensor, n, ranks);
}

static ExprId narrow_start(Types *t, const Statement *st)
{
    Cascade *cs = t->cs;
    if (st->from.i == 0 || t->result == DT_NONE)
        return st->from;
    if (bias_read(t, st) && can_narrow(t, st, st->from))
        return ex_cast(cs, DT_F32, CAST_PLAIN, narrow_read(t, st, st->from));
    return st->from;
}

static void report(Types *t, const Statement *st, const Product *product)
{
    if (t->p->report == NULL)
        return;
    double u = t->precision->bound, terms = 1;
    for (uint32_t r = 0; r < st->n_reduced; r++)
        terms *= (double)rank_at(t->cs, st->reduced[r])->extent;
    text_printf(t->p->report, "precision: %s: operands %s: |error| <= %.3g * sum |%s * %s|", tensor_name(t->cs, st->targets[0].tensor),
                t->precision->name, (2 * u + u * u + terms * 0x1p-24) * fabs(product->factor),
                tensor_name(t->cs, expr_at(t->cs, product->operand[0])->tensor),
                tensor_name(t->cs, expr_at(t->cs, product->operand[1])->tensor));
    if (t->result != DT_NONE)
        text_printf(t->p->report, "%s + %.3g * |result|", bias_read(t, st) ? arena_printf(&t->cs->cx->arena, " + %.3g * |start|", u) : "", u);
    text_printf(t->p->report, "\n");
}

static void narrow_contraction(Types *t, StatementId id, const Product *product)
{
    Cascade *cs = t->cs;
    const Statement old = *statement_at(cs, id);
    report(t, &old, product);
    Statement st = old;
    bool scaled = product->factor != 1, split = scaled || t->result != DT_NONE;
    st.from = scaled ? (ExprId){0} : narrow_start(t, &old);
    ExprId a = narrow_read(t, &old, product->operand[0]), b = narrow_read(t, &old, product->operand[1]);
    st.body = ex_binary(cs, FN_MUL, a, b);
    st.accumulator = DT_F32;
    t->changed++;
    if (!split) {
        vec_push(&cs->cx->arena, &t->out, cascade_add_statement(cs, st));
        return;
    }
    TensorId dot = over_kept(t, &old, "dot", DT_F32);
    ExprId value = read_whole(t, dot);
    const Target whole = {dot, expr_at(cs, value)->n_args, &cs->args.at[expr_at(cs, value)->first_arg]};
    Target target = {dot, whole.n_index, whole.n_index == 0 ? NULL : arena_copy(&cs->cx->arena, whole.index, whole.n_index * sizeof *whole.index)};
    st.targets = arena_copy(&cs->cx->arena, &target, sizeof target);
    st.out = false;
    vec_push(&cs->cx->arena, &t->out, cascade_add_statement(cs, st));
    if (t->result != DT_NONE) {
        TensorId given = over_kept(t, &old, "out", t->result);
        add(t, &old, given, ex_cast(cs, t->result, CAST_PLAIN, value));
        value = ex_cast(cs, DT_F32, CAST_PLAIN, read_whole(t, given));
    }
    if (scaled)
        value = ex_binary(cs, FN_MUL, value, ex_literal(cs, DT_F32, product->factor));
    if (scaled && old.from.i != 0)
        value = ex_binary(cs, FN_ADD, value, old.from);
    Statement last = {.kind = ST_DEFINE, .n_targets = 1, .targets = old.targets, .out = old.out, .body = value,
                      .n_provenance = old.n_provenance, .provenance = old.provenance, .place = old.place};
    vec_push(&cs->cx->arena, &t->out, cascade_add_statement(cs, last));
}

static Block narrow_items(Types *t, Block items)
{
    Cascade *cs = t->cs;
    uint32_t outer = t->list, start = t->out.n;
    t->list = ++t->lists;
    for (uint32_t i = 0; i < items.n; i++) {
        StatementId id = items.at[i];
        Block body = narrow_items(t, statement_at(cs, id)->body_items);
        Block other = narrow_items(t, statement_at(cs, id)->else_items);
        statement_at(cs, id)->body_items = body;
        statement_at(cs, id)->else_items = other;
        const Statement *st = statement_at(cs, id);
        Product product;
        if (precision_contraction(cs, st, &product))
            t->precision = planned(t, &product);
        if (precision_contraction(cs, st, &product) && t->precision != NULL && can_narrow(t, st, product.operand[0]) &&
            can_narrow(t, st, product.operand[1]))
            narrow_contraction(t, id, &product);
        else
            vec_push(&cs->cx->arena, &t->out, id);
    }
    Block list = {t->out.n - start, t->out.n == start ? NULL : arena_copy(&cs->cx->arena, t->out.at + start, (t->out.n - start) * sizeof *t->out.at)};
    t->out.n = start;
    t->list = outer;
    return list;
}

weir_status precision_types(PassContext *p, Cascade *cs, const PrecisionPlan *plan, uint32_t *out_changed)
{
    Types t = {.p = p,
               .cs = cs,
               .plan = plan,
               .n_planned = cs->tensors.n,
               .operands = ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->tensors.n),
               .uses = uses_count(cs)};
    const char *given = p->machine == NULL ? "" : machine_word(p->machine, "rdmac", "");
    t.result = dtype_from_text(given, strlen(given));
    t.result = t.result == DT_F32 ? DT_NONE : t.result;
    items_visit(cs, &cs->top, count_operands, &t);
    for (uint32_t i = 1; plan->of != NULL && i < cs->tensors.n; i++)
        if (plan->of[i] != NULL && plan->of[i]->kind == PRECISION_TYPE && t.operands[i] == 0 &&
            tensor_at(cs, (TensorId){i})->type == DT_F32)
            return precision_refuse(p, cs, (TensorId){i}, "no operand of a contraction");
    cs->top = narrow_items(&t, cs->top);
    *out_changed = t.changed;
    return t.status;
}
