/*
 * ir/verify_rest.c: invariants 9, 10, 12, 13.
 */
#include "ir/verify.h"

/* ---- 9 ---- */

static bool defined_in_arm(const Verify *v, TensorId tensor, StatementId branch, bool is_else)
{
    for (const Definition *d = first_definition(v, tensor); d != NULL; d = next_definition(v, d))
        if (stands_in_block(v, d->statement, (BlockAt){branch, is_else}))
            return true;
    return false;
}

/* A tensor from outside that a target in one arm defines needs a definition in the other. */
static void check_arm(Verify *v, StatementId st, TensorId tensor)
{
    BlockAt scope = tensor_scope(v, tensor);
    for (BlockAt at = v->block[st.i]; !block_same(at, scope) && at.region.i != 0; at = v->block[at.region.i]) {
        if (statement_at(v->cs, at.region)->kind != ST_IF || defined_in_arm(v, tensor, at.region, !at.is_else))
            continue;
        breach(v, st, (ExprId){0}, "'%s' is defined in one arm of an if only", tensor_name(v->cs, tensor));
    }
}

void verify_arms(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++) {
        const Statement *st = statement_at(v->cs, v->order.at[i]);
        for (uint32_t t = 0; t < st->n_targets; t++)
            check_arm(v, v->order.at[i], st->targets[t].tensor);
    }
}

/* ---- 10 ---- */

void verify_outputs(Verify *v)
{
    for (uint32_t i = 1; i < v->cs->tensors.n; i++) {
        const TensorDecl *tensor = &v->cs->tensors.at[i];
        TensorId id = {i};
        if (tensor->role != TENSOR_TMP)
            continue;
        if (first_definition(v, id) == NULL && (tensor->is_out || v->declaration[i].i != 0))
            breach_at(v, tensor->place, "%s '%s' is never defined", tensor->is_out ? "the output" : "", tensor_name(v->cs, id));
        else if (tensor->is_out && tensor_scope(v, id).region.i != 0)
            breach_at(v, tensor->place, "the output '%s' is local to a region", tensor_name(v->cs, id));
    }
}

/* ---- 12 ---- */

static bool power_of_two(int64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

static void check_tree(Verify *v, StatementId id, const Statement *st)
{
    const char *kind = st->order == ORDER_TREE ? "tree" : "pairs";
    if (st->reduction != RED_SUM && st->reduction != RED_PROD)
        breach(v, id, (ExprId){0}, ".%s is for sum and prod", kind);
    if (st->n_reduced != 1) {
        breach(v, id, (ExprId){0}, ".%s over %u ranks; it takes one", kind, st->n_reduced);
        return;
    }
    const Rank *rank = rank_at(v->cs, st->reduced[0]);
    if (rank->kind != RANK_STATIC || !power_of_two(rank->extent))
        breach(v, id, (ExprId){0}, ".%s over %s, whose extent, %lld, is no power of two", kind, rank_name(v->cs, st->reduced[0]),
               (long long)rank->extent);
    if (st->from.i != 0)
        breach(v, id, st->from, "a .%s has no start", kind);
}

static void check_fma(Verify *v, StatementId id, const Statement *st)
{
    const Expr *body = expr_at(v->cs, st->body);
    Dtype type = st->accumulator != DT_NONE ? st->accumulator : tensor_at(v->cs, st->targets[0].tensor)->type;
    if (st->reduction != RED_SUM)
        breach(v, id, (ExprId){0}, ".fma is for sum");
    if (body->kind != EX_CALL || body->fn != FN_MUL)
        breach(v, id, st->body, "sum.fma takes a product a * b; this is %s", expr_text(v, st->body));
    if (type != DT_F32 && type != DT_F64)
        breach(v, id, st->body, "sum.fma is f32 or f64, not %s", dtype_text(type));
}

void verify_pinned(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++) {
        StatementId id = v->order.at[i];
        const Statement *st = statement_at(v->cs, id);
        if (st->order == ORDER_TREE || st->order == ORDER_PAIRS)
            check_tree(v, id, st);
        if (st->order == ORDER_FMA)
            check_fma(v, id, st);
        if (st->order == ORDER_LAST && !reduction_info(st->reduction)->arg)
            breach(v, id, (ExprId){0}, ".last is for argmax and argmin");
    }
}

/* ---- 13 ---- */

static bool has_origin(const Statement *st)
{
    return st->n_provenance != 0 || st->place.kind != PLACE_NONE;
}

/* A cascade whose statements name no node at all was not made from one. */
void verify_provenance(Verify *v)
{
    uint32_t with = 0;
    for (uint32_t i = 0; i < v->order.n; i++)
        with += has_origin(statement_at(v->cs, v->order.at[i])) ? 1 : 0;
    for (uint32_t i = 0; i < v->order.n && with != 0; i++) {
        const Statement *st = statement_at(v->cs, v->order.at[i]);
        if ((st->kind == ST_DEFINE || st->kind == ST_HOST) && !has_origin(st))
            breach(v, v->order.at[i], (ExprId){0}, "'%s' does not say which node it came from",
                   tensor_name(v->cs, st->targets[0].tensor));
    }
}
