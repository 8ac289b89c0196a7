/*
 * isa/host/vector.c: lane loops as vector statements.
 *
 * In:   loops marked `lane`, whose iterations are independent. Out: the same values by vectors of the machine's width, a
 *       narrower vector and scalars for the rest of the lanes.
 * Keep: a loop whose body has an operation without a vector form (another type, a trap, a varying branch) stays scalar.
 */
#include "isa/host/loops.h"

typedef struct Lanes {
    LoopProgram *p;
    LoopFunction *f;
    uint32_t var;       /* the lane loop's counter */
    LoopExprId base;    /* its value in lane 0 */
    uint32_t lanes;
    uint32_t n_vars, *vector_of; /* by variable that was there before: its vector, or 0 */
    bool failed;
} Lanes;

static bool is_lane_type(Dtype type)
{
    return type == DT_F32 || type == DT_I32 || type == DT_U32 || type == DT_BOOL;
}

static uint32_t vector_var(const Lanes *v, uint32_t var)
{
    return var < v->n_vars ? v->vector_of[var] : 0;
}

static bool varies(const Lanes *v, LoopExprId e)
{
    const LoopExpr *x = loop_expr(v->p, e);
    if (x->op == LOOP_VAR)
        return x->ref == v->var || vector_var(v, x->ref) != 0;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (varies(v, loop_arg(v->p, e, k)))
            return true;
    return false;
}

static bool uses_vectors(const Lanes *v, LoopExprId e)
{
    const LoopExpr *x = loop_expr(v->p, e);
    if (x->op == LOOP_VAR)
        return vector_var(v, x->ref) != 0;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (uses_vectors(v, loop_arg(v->p, e, k)))
            return true;
    return false;
}

static LoopExprId fail(Lanes *v)
{
    v->failed = true;
    return (LoopExprId){0};
}

static LoopExprId at_lane(Lanes *v, LoopExprId e, int64_t lane)
{
    LoopExprId value = loop_index_add(v->p, v->f, v->base, loop_int(v->p, lane));
    return loop_replace(v->p, v->f, e, v->var, value);
}

/* Lane by lane, as scalars. */
static LoopExprId built(Lanes *v, LoopExprId e)
{
    LoopExprId args[64];
    Dtype type = loop_expr(v->p, e)->type;
    if (uses_vectors(v, e) || !is_lane_type(type) || v->lanes > 64)
        return fail(v);
    for (uint32_t l = 0; l < v->lanes; l++)
        args[l] = at_lane(v, e, l);
    return loop_push(v->p, (LoopExpr){.op = LOOP_BUILD, .type = type, .lanes = v->lanes}, v->lanes, args);
}

static LoopExprId vector(Lanes *v, LoopExprId e);

static LoopExprId vector_load(Lanes *v, LoopExprId e)
{
    const LoopExpr x = *loop_expr(v->p, e);
    int64_t coefficient;
    LoopExprId rest, index = loop_arg(v->p, e, 0);
    if (!loop_index_linear(v->p, v->f, index, v->var, &coefficient, &rest) || coefficient != 1 || uses_vectors(v, index))
        return built(v, e);
    return loop_load(v->p, x.type, v->lanes, x.ref, at_lane(v, index, 0));
}

static bool has_vector_form(LoopOp op, Dtype type)
{
    switch (op) {
    case LOOP_ADD: case LOOP_SUB: case LOOP_MUL: case LOOP_NEG: case LOOP_ABS: case LOOP_MIN: case LOOP_MAX:
        return true;
    case LOOP_DIV: case LOOP_FMA: case LOOP_FLOOR: case LOOP_CEIL: case LOOP_TRUNC: case LOOP_RINT: case LOOP_SQRT:
    case LOOP_CALL: case LOOP_SIGN:
        return type == DT_F32;
    case LOOP_AND: case LOOP_OR: case LOOP_XOR: case LOOP_NOT:
        return type != DT_F32;
    case LOOP_EQ: case LOOP_NE: case LOOP_LT: case LOOP_LE: case LOOP_LAND: case LOOP_LOR: case LOOP_LNOT: case LOOP_SELECT:
        return true;
    default:
        return false;
    }
}

static LoopExprId vector_cast(Lanes *v, LoopExprId e)
{
    const LoopExpr x = *loop_expr(v->p, e);
    LoopExprId a = loop_arg(v->p, e, 0);
    Dtype from = loop_expr(v->p, a)->type;
    bool known = (x.type == DT_F32 && from == DT_I32) || (x.type == DT_I32 && from == DT_F32);
    if (!known || (x.op != LOOP_CAST && x.op != LOOP_SAT && x.op != LOOP_BITS))
        return built(v, e);
    LoopExprId value = vector(v, a);
    if (v->failed)
        return value;
    return loop_push(v->p, (LoopExpr){.op = x.op, .type = x.type, .lanes = v->lanes}, 1, &value);
}

static LoopExprId vector_operation(Lanes *v, LoopExprId e)
{
    LoopExpr x = *loop_expr(v->p, e);
    LoopExprId args[4];
    Dtype operand = loop_expr(v->p, loop_arg(v->p, e, x.n_args - 1))->type;
    if (x.n_args > 4 || !has_vector_form(x.op, operand) || !is_lane_type(operand))
        return built(v, e);
    for (uint32_t k = 0; k < x.n_args; k++) {
        args[k] = vector(v, loop_arg(v->p, e, k));
        if (v->failed)
            return args[k];
    }
    x.lanes = v->lanes;
    return loop_push(v->p, x, x.n_args, args);
}

static LoopExprId vector(Lanes *v, LoopExprId e)
{
    const LoopExpr x = *loop_expr(v->p, e);
    if (v->failed)
        return e;
    if (!is_lane_type(x.type))
        return fail(v);
    if (!varies(v, e))
        return loop_splat(v->p, e, v->lanes);
    switch (x.op) {
    case LOOP_VAR:
        return vector_var(v, x.ref) != 0 ? loop_var(v->p, v->f, vector_var(v, x.ref)) : fail(v);
    case LOOP_LOAD:
        return vector_load(v, e);
    case LOOP_COND:
        if (varies(v, loop_arg(v->p, e, 0)))
            return built(v, e);
        LoopExprId a = vector(v, loop_arg(v->p, e, 1)), b = vector(v, loop_arg(v->p, e, 2));
        return v->failed ? a : loop_select(v->p, LOOP_COND, loop_arg(v->p, e, 0), a, b);
    case LOOP_CAST: case LOOP_SAT: case LOOP_BITS:
        return vector_cast(v, e);
    default:
        return vector_operation(v, e);
    }
}

static LoopBlock vector_block(Lanes *v, LoopBlock block);

static uint32_t let(Lanes *v, LoopBlock *out, const char *name, LoopExprId value)
{
    const LoopExpr *x = loop_expr(v->p, value);
    LoopVar var = {.name = name, .type = x->type, .lanes = x->lanes};
    LoopStmt st = {.kind = LOOP_ST_LET, .a = value};
    st.var = loop_add_var(v->p, v->f, var);
    loop_add(v->p, out, st);
    return st.var;
}

static void vector_store(Lanes *v, LoopStmt st, LoopBlock *out)
{
    int64_t coefficient;
    LoopExprId rest, index = st.a;
    bool linear = loop_index_linear(v->p, v->f, index, v->var, &coefficient, &rest);
    if (!is_lane_type(v->f->slots.at[st.slot].type) || uses_vectors(v, index) || !varies(v, index)) {
        v->failed = true;
        return;
    }
    st.b = vector(v, st.b);
    if (v->failed)
        return;
    st.next = (LoopStmtId){0};
    if (linear && coefficient == 1) {
        st.a = at_lane(v, index, 0);
        loop_add(v->p, out, st);
        return;
    }
    LoopExprId all = loop_var(v->p, v->f, let(v, out, "w", st.b));
    for (uint32_t l = 0; l < v->lanes; l++) {
        st.a = at_lane(v, index, l);
        st.b = loop_push(v->p, (LoopExpr){.op = LOOP_EXTRACT, .type = loop_expr(v->p, all)->type, .lanes = 1, .i = l}, 1, &all);
        loop_add(v->p, out, st);
    }
}

static void vector_let(Lanes *v, const LoopStmt *st, LoopBlock *out)
{
    if (!varies(v, st->a)) {
        LoopStmt copy = *st;
        copy.next = (LoopStmtId){0};
        loop_add(v->p, out, copy);
        return;
    }
    LoopExprId value = vector(v, st->a);
    if (!v->failed)
        v->vector_of[st->var] = let(v, out, "w", value);
}

static void vector_stmt(Lanes *v, LoopStmt st, LoopBlock *out)
{
    st.next = (LoopStmtId){0};
    switch (st.kind) {
    case LOOP_ST_LET:
        vector_let(v, &st, out);
        break;
    case LOOP_ST_STORE:
        vector_store(v, st, out);
        break;
    case LOOP_ST_FOR:
        v->failed |= varies(v, st.lo) || varies(v, st.hi);
        st.body = vector_block(v, st.body);
        loop_add(v->p, out, st);
        break;
    case LOOP_ST_IF:
        v->failed |= varies(v, st.a);
        st.body = vector_block(v, st.body);
        st.other = vector_block(v, st.other);
        loop_add(v->p, out, st);
        break;
    default:
        v->failed = true;
        break;
    }
}

static LoopBlock vector_block(Lanes *v, LoopBlock block)
{
    LoopBlock out = {0};
    for (LoopStmtId s = block.first; s.i != 0 && !v->failed; s = loop_stmt(v->p, s)->next)
        vector_stmt(v, *loop_stmt(v->p, s), &out);
    return out;
}

/* The body for lanes base .. base + lanes - 1; false: it has no vector form. */
static bool vector_body(LoopProgram *p, LoopFunction *f, const LoopStmt *loop, LoopExprId base, uint32_t lanes, LoopBlock *out)
{
    Lanes v = {.p = p, .f = f, .var = loop->var, .base = base, .lanes = lanes, .n_vars = f->vars.n};
    v.vector_of = ARENA_ARRAY(&p->cx->arena, uint32_t, f->vars.n);
    *out = vector_block(&v, loop->body);
    return !v.failed;
}

static void append(LoopProgram *p, LoopBlock *to, LoopBlock from)
{
    for (LoopStmtId s = from.first; s.i != 0;) {
        LoopStmt st = *loop_stmt(p, s);
        s = st.next;
        st.next = (LoopStmtId){0};
        loop_add(p, to, st);
    }
}

/* Full vectors of `lanes` from `*at` on. */
static bool add_vectors(LoopProgram *p, LoopFunction *f, const LoopStmt *loop, uint32_t lanes, int64_t *at, int64_t end, LoopBlock *out)
{
    int64_t n = (end - *at) / lanes;
    LoopExprId base = loop_int(p, *at);
    if (n == 0)
        return true;
    LoopStmt st = {.kind = LOOP_ST_FOR, .lo = loop_int(p, 0), .hi = loop_int(p, n), .unroll = n <= 16};
    if (n > 1) {
        LoopVar var = {.name = "i", .type = DT_I64, .lanes = 1, .counter = true, .ranged = true, .most = n - 1};
        st.var = loop_add_var(p, f, var);
        base = loop_index_add(p, f, base, loop_index_scale(p, f, loop_var(p, f, st.var), lanes));
    }
    LoopBlock body;
    if (!vector_body(p, f, loop, base, lanes, &body))
        return false;
    *at += n * lanes;
    st.body = body;
    if (n > 1)
        loop_add(p, out, st);
    else
        append(p, out, body);
    return true;
}

static LoopBlock walk(LoopProgram *p, LoopFunction *f, LoopBlock block);

static void walk_lane(LoopProgram *p, LoopFunction *f, LoopStmt st, LoopBlock *out)
{
    int64_t lo, hi, most;
    uint32_t width = p->vector_bytes / 4;
    bool fixed = loop_index_range(p, f, st.lo, &lo, &most) && lo == most && loop_index_range(p, f, st.hi, &hi, &most) && hi == most;
    LoopBlock vectors = {0};
    int64_t at = lo;
    for (uint32_t lanes = width; fixed && lanes >= 4; lanes /= 2)
        if (!add_vectors(p, f, &st, lanes, &at, hi, &vectors))
            break;
    if (fixed && at > lo) {
        append(p, out, vectors);
        if (at == hi)
            return;
        st.lo = loop_int(p, at);
    }
    st.body = walk(p, f, st.body);
    st.lane = false;
    loop_add(p, out, st);
}

static LoopBlock walk(LoopProgram *p, LoopFunction *f, LoopBlock block)
{
    LoopBlock out = {0};
    for (LoopStmtId s = block.first; s.i != 0; s = loop_stmt(p, s)->next) {
        LoopStmt st = *loop_stmt(p, s);
        st.next = (LoopStmtId){0};
        if (st.kind == LOOP_ST_FOR && st.lane) {
            walk_lane(p, f, st, &out);
            continue;
        }
        if (st.kind == LOOP_ST_FOR || st.kind == LOOP_ST_IF) {
            st.body = walk(p, f, st.body);
            st.other = walk(p, f, st.other);
        }
        loop_add(p, &out, st);
    }
    return out;
}

/* ---- local arrays that only vectors touch ---- */

typedef struct Shape {
    uint32_t lanes; /* of every access so far; 0: none; 1: scalars or mixed */
} Shape;

static bool divisible(LoopProgram *p, const LoopFunction *f, LoopExprId index, uint32_t lanes)
{
    return loop_index_scale(p, f, loop_index_div(p, f, index, lanes), lanes).i == index.i;
}

static void see(LoopProgram *p, const LoopFunction *f, Shape *shapes, uint32_t slot, uint32_t lanes, LoopExprId index)
{
    Shape *s = &shapes[slot];
    if (lanes == 1 || (s->lanes != 0 && s->lanes != lanes) || !divisible(p, f, index, lanes))
        s->lanes = 1;
    else
        s->lanes = lanes;
}

static void see_expr(LoopProgram *p, const LoopFunction *f, Shape *shapes, LoopExprId e)
{
    const LoopExpr x = *loop_expr(p, e);
    if (x.op == LOOP_LOAD)
        see(p, f, shapes, x.ref, x.lanes, loop_arg(p, e, 0));
    for (uint32_t k = 0; k < x.n_args; k++)
        see_expr(p, f, shapes, loop_arg(p, e, k));
}

static void see_block(LoopProgram *p, const LoopFunction *f, Shape *shapes, LoopBlock block)
{
    for (LoopStmtId s = block.first; s.i != 0; s = loop_stmt(p, s)->next) {
        LoopStmt st = *loop_stmt(p, s);
        LoopExprId all[] = {st.lo, st.hi, st.a, st.b};
        for (uint32_t k = 0; k < 4; k++)
            if (all[k].i != 0)
                see_expr(p, f, shapes, all[k]);
        if (st.kind == LOOP_ST_STORE)
            see(p, f, shapes, st.slot, loop_expr(p, st.b)->lanes, st.a);
        see_block(p, f, shapes, st.body);
        see_block(p, f, shapes, st.other);
    }
}

void loops_vectorise(LoopProgram *p, LoopFunction *f)
{
    f->body = walk(p, f, f->body);
    Shape *shapes = ARENA_ARRAY(&p->cx->arena, Shape, f->slots.n + 1);
    see_block(p, f, shapes, f->body);
    for (uint32_t k = 0; k < f->slots.n; k++) {
        LoopSlot *s = &f->slots.at[k];
        if (s->local && shapes[k].lanes > 1 && s->elements % shapes[k].lanes == 0 && s->type != DT_BOOL)
            s->lanes = shapes[k].lanes;
    }
}
