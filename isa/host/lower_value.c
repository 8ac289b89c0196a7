/*
 * isa/host/lower_value.c: values, indices and conditions of a statement at the current point.
 *
 * Keep: each operation is the row of loops.def that has the function's meaning in the typed system. Sub-expressions used
 *       twice are computed once. Reads that can leave the tensor are tested (`?`) or trap.
 */
#include "isa/host/lower_internal.h"

#include <math.h>

static const LoopOp op_of[FN_COUNT] = {
    [FN_OR] = LOOP_LOR, [FN_AND] = LOOP_LAND, [FN_NOT] = LOOP_LNOT, [FN_EQ] = LOOP_EQ, [FN_NE] = LOOP_NE, [FN_LT] = LOOP_LT,
    [FN_LE] = LOOP_LE, [FN_ADD] = LOOP_ADD, [FN_SUB] = LOOP_SUB, [FN_MUL] = LOOP_MUL, [FN_DIV] = LOOP_DIV, [FN_NEG] = LOOP_NEG,
    [FN_SELECT] = LOOP_SELECT, [FN_MIN] = LOOP_MIN, [FN_MAX] = LOOP_MAX, [FN_FMA] = LOOP_FMA, [FN_ABS] = LOOP_ABS,
    [FN_SIGN] = LOOP_SIGN, [FN_FLOOR] = LOOP_FLOOR, [FN_CEIL] = LOOP_CEIL, [FN_TRUNC] = LOOP_TRUNC, [FN_ROUND_EVEN] = LOOP_RINT,
    [FN_SQRT] = LOOP_SQRT, [FN_FMOD] = LOOP_FMOD, [FN_IDIV] = LOOP_IDIV, [FN_IREM] = LOOP_IREM, [FN_FLOORDIV] = LOOP_FLOORDIV,
    [FN_FLOORMOD] = LOOP_FLOORMOD, [FN_BIT_AND] = LOOP_AND, [FN_BIT_OR] = LOOP_OR, [FN_BIT_XOR] = LOOP_XOR,
    [FN_BIT_NOT] = LOOP_NOT, [FN_SHL] = LOOP_SHL, [FN_SHR] = LOOP_SHR, [FN_REQUANT] = LOOP_REQUANT,
};

LoopOp loop_op_of(Fn fn)
{
    return op_of[fn];
}

/* ---- indices ---- */

static LoopExprId index_minus(GroupLower *g, LoopExprId a, LoopExprId b)
{
    return loop_index_add(g->p, &g->f, a, loop_index_scale(g->p, &g->f, b, -1));
}

static LoopExprId index_product(GroupLower *g, LoopExprId a, LoopExprId b)
{
    const LoopExpr *x = loop_expr(g->p, a), *y = loop_expr(g->p, b);
    if (y->op == LOOP_CONST)
        return loop_index_scale(g->p, &g->f, a, y->i);
    if (x->op == LOOP_CONST)
        return loop_index_scale(g->p, &g->f, b, x->i);
    return loop_binary(g->p, LOOP_MUL, a, b);
}

static LoopExprId index_call(GroupLower *g, ExprId e)
{
    const Expr x = *expr_at(g->cs, e);
    if (x.fn == FN_SELECT)
        return loop_select(g->p, LOOP_SELECT, lower_condition(g, expr_arg(g->cs, e, 0)), lower_index(g, expr_arg(g->cs, e, 1)),
                           lower_index(g, expr_arg(g->cs, e, 2)));
    LoopExprId a = lower_index(g, expr_arg(g->cs, e, 0)), b = {0};
    if (x.n_args > 1)
        b = lower_index(g, expr_arg(g->cs, e, 1));
    int64_t by = x.fn == FN_DIV || x.fn == FN_MOD ? loop_expr(g->p, b)->i : 0;
    switch (x.fn) {
    case FN_ADD:
        return loop_index_add(g->p, &g->f, a, b);
    case FN_SUB:
        return index_minus(g, a, b);
    case FN_NEG:
        return loop_index_scale(g->p, &g->f, a, -1);
    case FN_MUL:
        return index_product(g, a, b);
    case FN_DIV:
        return loop_index_div(g->p, &g->f, a, by);
    case FN_MOD:
        return loop_index_mod(g->p, &g->f, a, by);
    case FN_MIN:
    case FN_MAX:
        return loop_binary(g->p, op_of[x.fn], a, b);
    default:
        refuse(g, "this function in an index");
        return loop_int(g->p, 0);
    }
}

LoopExprId lower_index(GroupLower *g, ExprId e)
{
    const Expr x = *expr_at(g->cs, e);
    LoopExprId value;
    switch (x.kind) {
    case EX_LITERAL:
        return loop_int(g->p, x.i);
    case EX_RANK:
    case EX_INDEX:
        value = rank_coordinate(g, x.rank);
        if (value.i == 0)
            weir_bug(g->cx, "rank %s is not bound", rank_name(g->cs, x.rank));
        return value;
    case EX_EXTENT:
        return rank_end(g, x.rank);
    case EX_COUNT:
        return scalar_param(g, SCALAR_COUNT, x.rank);
    case EX_CALL:
        return index_call(g, e);
    default:
        return loop_cast(g->p, LOOP_CAST, DT_I64, lower_value(g, e, DT_NONE));
    }
}

static bool depends_on_data(GroupLower *g, ExprId e)
{
    const Expr *x = expr_at(g->cs, e);
    if (x->kind == EX_ACCESS || x->kind == EX_COUNT)
        return true;
    RankKind kind = x->kind == EX_RANK || x->kind == EX_EXTENT || x->kind == EX_INDEX ? rank_at(g->cs, x->rank)->kind : RANK_STATIC;
    if (kind == RANK_SCALAR || kind == RANK_COUNT)
        return true;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (depends_on_data(g, expr_arg(g->cs, e, k)))
            return true;
    return false;
}

/* 0 <= index is known; index < end is known. */
static void inside(GroupLower *g, LoopExprId index, LoopExprId end, bool *low, bool *high)
{
    int64_t least, most;
    *low = loop_index_range(g->p, &g->f, index, &least, &most) && least >= 0;
    *high = loop_index_range(g->p, &g->f, index_minus(g, end, index), &least, &most) && least >= 1;
}

static LoopExprId inside_condition(GroupLower *g, LoopExprId index, LoopExprId end)
{
    bool low, high;
    LoopExprId condition = loop_const_int(g->p, DT_BOOL, 1);
    inside(g, index, end, &low, &high);
    if (!low)
        condition = loop_binary(g->p, LOOP_LE, loop_int(g->p, 0), index);
    if (!high)
        condition = loop_binary(g->p, LOOP_LAND, condition, loop_binary(g->p, LOOP_LT, index, end));
    return condition;
}

static uint32_t site_here(GroupLower *g)
{
    g->f.traps = true;
    if (g->sites.n == 0 || g->sites.at[g->sites.n - 1].i != g->current.i)
        vec_push(&g->cx->arena, &g->sites, g->current);
    return g->sites.n - 1;
}

void check_inside(GroupLower *g, LoopExprId index, LoopExprId end, bool proven)
{
    LoopExprId ok = proven ? loop_const_int(g->p, DT_BOOL, 1) : inside_condition(g, index, end);
    if (loop_expr(g->p, ok)->op == LOOP_CONST)
        return;
    LoopStmt st = {.kind = LOOP_ST_TRAP, .trap = LOOP_TRAP_INDEX, .a = loop_unary(g->p, LOOP_LNOT, ok), .b = index};
    st.site = site_here(g);
    loop_add(g->p, &g->block, st);
}

LoopExprId element_index(GroupLower *g, TensorId tensor, const LoopExprId *index)
{
    (void)tensor_slot(g, tensor, false);
    return layout_index(g, &g->tensors[tensor.i].layout, tensor, index);
}

LoopExprId target_element(GroupLower *g, const Target *target)
{
    LoopExprId index[TENSOR_MAX_DIMS];
    for (uint32_t d = 0; d < target->n_index; d++)
        index[d] = lower_index(g, target->index[d]);
    (void)tensor_slot(g, target->tensor, true);
    return layout_index(g, &g->tensors[target->tensor.i].layout, target->tensor, index);
}

/* ---- values ---- */

static void touch(void *data, ExprId e)
{
    GroupLower *g = data;
    g->uses[e.i] = 0;
    g->memo[e.i] = (LoopExprId){0};
}

static void count_uses(GroupLower *g, ExprId e)
{
    if (g->uses[e.i]++ > 0)
        return;
    for (uint32_t k = 0; k < expr_at(g->cs, e)->n_args; k++)
        count_uses(g, expr_arg(g->cs, e, k));
}

void value_begin(GroupLower *g, ExprId e)
{
    if (e.i == 0)
        return;
    expr_visit(g->cs, e, touch, g);
    count_uses(g, e);
}

static LoopExprId literal(GroupLower *g, const Expr *x, Dtype type)
{
    if (type == DT_NONE)
        type = x->type;
    DtypeKind from = dtype_kind(x->type), to = dtype_kind(type);
    bool was_float = from == DK_FLOAT || from == DK_CODE;
    if (to == DK_FLOAT)
        return loop_const_float(g->p, type, was_float ? x->f : (double)x->i);
    if (to == DK_CODE)
        return loop_const_int(g->p, type, code_from_f64(type, was_float ? x->f : (double)x->i, false, 0));
    return loop_const_int(g->p, type, was_float ? (int64_t)x->f : x->i);
}

static LoopExprId pad_value(GroupLower *g, const Expr *x, Dtype type)
{
    if (x->pad == PAD_LITERAL)
        return literal(g, expr_at(g->cs, x->pad_literal), type);
    uint32_t slot = tensor_slot(g, x->pad_tensor, false);
    return loop_load(g->p, type, 1, slot, element_index(g, x->pad_tensor, NULL));
}

static LoopExprId access(GroupLower *g, ExprId e)
{
    const Expr x = *expr_at(g->cs, e);
    const TensorDecl *tensor = tensor_at(g->cs, x.tensor);
    if (x.part != PART_VALUE || tensor->format != 0) {
        refuse(g, "block formats");
        return loop_const_float(g->p, DT_F32, 0);
    }
    LoopExprId index[TENSOR_MAX_DIMS], condition = loop_const_int(g->p, DT_BOOL, 1);
    for (uint32_t d = 0; d < x.n_args; d++) {
        ExprId arg = expr_arg(g->cs, e, d);
        index[d] = lower_index(g, arg);
        LoopExprId end = dim_end(g, x.tensor, d);
        const Expr *a = expr_at(g->cs, arg);
        bool same = a->kind == EX_RANK && rank_at(g->cs, a->rank)->kind != RANK_ITERATIVE && rank_end(g, a->rank).i == end.i;
        bool dynamic = depends_on_data(g, arg) || loop_expr(g->p, end)->op != LOOP_CONST;
        if (x.pad != PAD_NONE)
            condition = same ? condition : loop_binary(g->p, LOOP_LAND, condition, inside_condition(g, index[d], end));
        else
            check_inside(g, index[d], end, same || !dynamic);
    }
    uint32_t slot = tensor_slot(g, x.tensor, false);
    LoopExprId load = loop_load(g->p, tensor->type, 1, slot, element_index(g, x.tensor, index));
    if (x.pad == PAD_NONE)
        return load;
    return loop_select(g->p, LOOP_COND, condition, load, pad_value(g, &x, tensor->type));
}

static LoopExprId one(GroupLower *g, Dtype type)
{
    return loop_const_float(g->p, type, 1);
}

static bool is_half(Dtype type)
{
    return type == DT_F16 || type == DT_BF16;
}

/* Functions by name whose f16 and bf16 forms are those of f32, rounded once. */
static LoopExprId elementary(GroupLower *g, Fn fn, uint32_t n, LoopExprId *args)
{
    Dtype type = loop_expr(g->p, args[0])->type;
    if (dtype_is_int(type) && fn == FN_POW)
        return loop_binary(g->p, LOOP_POWI, args[0], args[1]);
    if (is_half(type)) {
        for (uint32_t k = 0; k < n; k++)
            args[k] = loop_cast(g->p, LOOP_CAST, DT_F32, args[k]);
        return loop_cast(g->p, LOOP_CAST, type, elementary(g, fn, n, args));
    }
    if (fn == FN_RECIP)
        return loop_binary(g->p, LOOP_DIV, one(g, type), args[0]);
    if (fn == FN_RSQRT)
        return loop_binary(g->p, LOOP_DIV, one(g, type), loop_unary(g->p, LOOP_SQRT, args[0]));
    return loop_push(g->p, (LoopExpr){.op = LOOP_CALL, .type = type, .lanes = 1, .ref = (uint32_t)fn}, n, args);
}

static LoopExprId call(GroupLower *g, ExprId e, Dtype as)
{
    const Expr x = *expr_at(g->cs, e);
    LoopExprId args[4];
    for (uint32_t k = 0; k < x.n_args && k < 4; k++) {
        ExprId arg = expr_arg(g->cs, e, k);
        bool natural = expr_at(g->cs, arg)->type == DT_BOOL || x.fn == FN_REQUANT;
        args[k] = lower_value(g, arg, natural ? DT_NONE : as);
    }
    switch (x.fn) {
    case FN_GT:
        return loop_binary(g->p, LOOP_LT, args[1], args[0]);
    case FN_GE:
        return loop_binary(g->p, LOOP_LE, args[1], args[0]);
    case FN_SELECT:
        return loop_select(g->p, LOOP_SELECT, args[0], args[1], args[2]);
    case FN_FMA:
        return loop_fma(g->p, args[0], args[1], args[2]);
    case FN_REQUANT:
        return loop_push(g->p, (LoopExpr){.op = LOOP_REQUANT, .type = DT_F64, .lanes = 1}, 4, args);
    default:
        break;
    }
    if (op_of[x.fn] == LOOP_NONE)
        return elementary(g, x.fn, x.n_args, args);
    DtypeKind kind = dtype_kind(loop_expr(g->p, args[0])->type);
    if (kind == DK_CODE)
        refuse(g, "arithmetic on a storage type");
    return x.n_args == 1 ? loop_unary(g->p, op_of[x.fn], args[0]) : loop_binary(g->p, op_of[x.fn], args[0], args[1]);
}

static LoopExprId value_of(GroupLower *g, ExprId e, Dtype as)
{
    static const LoopOp cast_of[] = {[CAST_PLAIN] = LOOP_CAST, [CAST_SAT] = LOOP_SAT, [CAST_BITS] = LOOP_BITS,
                                     [CAST_UP] = LOOP_UP, [CAST_DOWN] = LOOP_DOWN};
    const Expr x = *expr_at(g->cs, e);
    LoopExprId value;
    switch (x.kind) {
    case EX_LITERAL:
        return literal(g, &x, x.type == DT_BOOL ? DT_BOOL : as);
    case EX_CALL:
        return call(g, e, as);
    case EX_CAST:
        value = loop_cast(g->p, cast_of[x.cast], x.type, lower_value(g, expr_arg(g->cs, e, 0), DT_NONE));
        break;
    case EX_ACCESS:
        value = access(g, e);
        break;
    default:
        value = lower_index(g, e);
        break;
    }
    return as == DT_NONE || x.type == DT_BOOL ? value : loop_cast(g->p, LOOP_CAST, as, value);
}

LoopExprId lower_value(GroupLower *g, ExprId e, Dtype as)
{
    const Expr x = *expr_at(g->cs, e);
    Dtype type = as == DT_NONE || x.type == DT_BOOL ? x.type : as;
    LoopExprId known = g->memo[e.i];
    if (known.i != 0 && loop_expr(g->p, known)->type == type)
        return known;
    LoopExprId value = value_of(g, e, as);
    bool worth = x.kind == EX_CALL || x.kind == EX_CAST || x.kind == EX_ACCESS;
    if (g->uses[e.i] > 1 && worth && loop_expr(g->p, value)->op != LOOP_CONST) {
        LoopVar var = {.name = "v", .type = loop_expr(g->p, value)->type, .lanes = 1};
        LoopStmt st = {.kind = LOOP_ST_LET, .var = loop_add_var(g->p, &g->f, var), .a = value};
        loop_add(g->p, &g->block, st);
        value = loop_var(g->p, &g->f, st.var);
        g->memo[e.i] = value;
    }
    return value;
}

/* Comparisons of index expressions, bool tensors, and, or, not. */
LoopExprId lower_condition(GroupLower *g, ExprId e)
{
    const Expr x = *expr_at(g->cs, e);
    if (x.kind != EX_CALL)
        return lower_value(g, e, DT_NONE);
    const FnInfo *info = fn_info(x.fn);
    if (info->rule == RULE_LOGIC) {
        LoopExprId a = lower_condition(g, expr_arg(g->cs, e, 0));
        if (x.fn == FN_NOT)
            return loop_unary(g->p, LOOP_LNOT, a);
        return loop_binary(g->p, op_of[x.fn], a, lower_condition(g, expr_arg(g->cs, e, 1)));
    }
    if (info->rule != RULE_COMPARE)
        return lower_value(g, e, DT_NONE);
    LoopExprId a = lower_index(g, expr_arg(g->cs, e, 0)), b = lower_index(g, expr_arg(g->cs, e, 1));
    if (x.fn == FN_GT)
        return loop_binary(g->p, LOOP_LT, b, a);
    if (x.fn == FN_GE)
        return loop_binary(g->p, LOOP_LE, b, a);
    return loop_binary(g->p, op_of[x.fn], a, b);
}
