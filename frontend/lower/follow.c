/*
 * frontend/lower/follow.c: an element of an integer tensor, followed through the statements that compute it.
 *
 * Keep: a tensor that more than one statement may define at the element, or that changes with a step, is not followed.
 */
#include <string.h>

#include "frontend/lower/extent.h"

enum { MOST_STEPS = 20000, MOST_BOUND = CASCADE_MAX_RANKS, MOST_REDUCED = 256, MOST_FOLLOWED = 256, MOST_NODES = 24 };

typedef struct Binding {
    RankId rank;
    int64_t at;
} Binding;

typedef struct Follow {
    Lowering *l;
    uint32_t steps, depth;
    uint32_t n_bound;
    Binding bound[MOST_BOUND];
} Follow;

static Scalar follow(Follow *f, ExprId id);

/* Nodes of an expression, counted up to `most`. */
static uint32_t nodes_of(const Cascade *cs, ExprId id, uint32_t most)
{
    uint32_t n = 1;
    for (uint32_t k = 0; k < expr_at(cs, id)->n_args && n < most; k++)
        n += nodes_of(cs, expr_arg(cs, id, k), most - n);
    return n;
}

static bool is_long(const Cascade *cs, const Scalar *s)
{
    return !scalar_known(s) && nodes_of(cs, s->atom, MOST_NODES + 1) > MOST_NODES;
}

/* ---- extents ---- */

Scalar rank_scalar(const Lowering *l, RankId rank)
{
    const Rank *r = rank_at(l->cs, rank);
    if (r->kind == RANK_STATIC || r->kind == RANK_ITERATIVE)
        return scalar_int(r->extent);
    double high = (double)r->extent, low = 0;
    for (uint32_t i = 0; i < l->w->extents.n; i++) {
        const KnownExtent *known = &l->w->extents.at[i];
        if (known->cs != l->cs || known->scalar.i != r->scalar.i || r->scalar.i == 0)
            continue;
        if (!is_long(l->cs, known->value))
            return *known->value;
        low = known->value->low;
        high = known->value->high;
    }
    RankId first = rank; /* the same number has one form */
    for (uint32_t i = 1; i < rank.i; i++) {
        const Rank *other = &l->cs->ranks.at[i];
        if (other->kind == r->kind && other->scalar.i == r->scalar.i && other->count_of.i == r->count_of.i) {
            first.i = i;
            break;
        }
    }
    return (Scalar){.type = DT_I64, .low = low, .high = high, .atom = ex_extent(l->cs, first), .a = 1};
}

Scalar extent_scalar(const Lowering *l, const Operand *op, uint32_t dim)
{
    return dim_runtime(l, op, dim) ? rank_scalar(l, dim_rank(l, op, dim)) : scalar_int(op->extent[dim]);
}

/* ---- definitions ---- */

/* Binds the ranks of a target's index so that it is `at`; false if it never is; *out_clear: whether that is certain. */
static bool bind_index(Follow *f, ExprId index, int64_t at, bool *out_clear)
{
    Affine affine;
    Cascade *cs = f->l->cs;
    if (!expr_affine(cs, index, &affine) || affine.n > 1 || f->n_bound == MOST_BOUND) {
        *out_clear = false;
        return true;
    }
    if (affine.n == 0)
        return affine.constant == at;
    const Rank *rank = rank_at(cs, affine.rank[0]);
    int64_t a = affine.coefficient[0], offset = at - affine.constant;
    if (rank->kind == RANK_ITERATIVE) {
        *out_clear = false;
        return true;
    }
    if (a <= 0 || offset < 0 || offset % a != 0 || offset / a >= rank->extent)
        return false;
    f->bound[f->n_bound++] = (Binding){affine.rank[0], offset / a};
    return true;
}

static bool bind_target(Follow *f, const Target *target, const int64_t *at, bool *out_clear)
{
    for (uint32_t d = 0; d < target->n_index; d++)
        if (!bind_index(f, target->index[d], at[d], out_clear))
            return false;
    return true;
}

/* The statement that defines tensor[at]; 0 if none or several may, or it is none to follow. Its target's ranks are bound. */
static StatementId definition(Follow *f, TensorId tensor, const int64_t *at)
{
    Cascade *cs = f->l->cs;
    StatementId found = {0};
    uint32_t before = f->n_bound, matched = before;
    for (uint32_t s = cs->statements.n; s-- > 1;) {
        const Statement *st = &cs->statements.at[s];
        if (st->kind != ST_DEFINE || st->targets[0].tensor.i != tensor.i)
            continue;
        bool clear = st->scatter == RED_NONE && st->from.i == 0 && st->accumulator == DT_NONE;
        f->n_bound = found.i == 0 ? before : matched;
        if (!bind_target(f, &st->targets[0], at, &clear))
            continue;
        if (!clear || found.i != 0) {
            f->n_bound = before;
            return (StatementId){0};
        }
        found.i = s;
        matched = f->n_bound;
    }
    f->n_bound = found.i == 0 ? before : matched;
    return found;
}

/* The function of two terms, of reductions of numbers. */
static bool combines(Reduction reduction, Fn *out_fn)
{
    const ReductionInfo *info = reduction_info(reduction);
    *out_fn = info->combine;
    return !info->arg && (info->combine == FN_ADD || info->combine == FN_MUL || info->combine == FN_MAX || info->combine == FN_MIN);
}

/* A reduction over few static points without a condition. */
static bool follow_reduction(Follow *f, const Statement *st, Scalar *out)
{
    Cascade *cs = f->l->cs;
    Fn fn;
    int64_t points = 1;
    if (!combines(st->reduction, &fn) || st->condition.i != 0)
        return false;
    uint32_t before = f->n_bound;
    for (uint32_t k = 0; k < st->n_reduced; k++) {
        const Rank *rank = rank_at(cs, st->reduced[k]);
        if (rank->kind != RANK_STATIC || rank->extent > MOST_REDUCED || f->n_bound == MOST_BOUND)
            return false;
        points *= rank->extent;
        if (points == 0 || points > MOST_REDUCED)
            return false;
        f->bound[f->n_bound++] = (Binding){st->reduced[k], 0};
    }
    for (int64_t i = 0; i < points; i++) {
        int64_t rest = i;
        for (uint32_t k = st->n_reduced; k-- > 0;) {
            int64_t extent = rank_at(cs, st->reduced[k])->extent;
            f->bound[before + k].at = rest % extent;
            rest /= extent;
        }
        Scalar x = follow(f, st->body);
        *out = i == 0 ? x : scalar_2(f->l, fn, *out, x);
    }
    f->n_bound = before;
    return true;
}

/* A scalar that gives a rank its extent is that extent. */
static bool as_extent(const Follow *f, TensorId tensor, Scalar *out)
{
    const Cascade *cs = f->l->cs;
    if (tensor_at(cs, tensor)->n_dims != 0)
        return false;
    for (uint32_t i = 1; i < cs->ranks.n; i++) {
        if (cs->ranks.at[i].kind != RANK_SCALAR || cs->ranks.at[i].scalar.i != tensor.i)
            continue;
        *out = rank_scalar(f->l, (RankId){i});
        return true;
    }
    return false;
}

static Scalar opaque_access(Follow *f, TensorId tensor, uint32_t n, const int64_t *at)
{
    ExprId index[MAX_DIMS + 1];
    for (uint32_t d = 0; d < n; d++)
        index[d] = num(f->l, at[d]);
    return scalar_atom(f->l, tensor_at(f->l->cs, tensor)->type, ex_access(f->l->cs, tensor, n, index));
}

static Scalar known_scalar(Dtype type, const Tensor *value, int64_t i)
{
    if (is_float(type)) {
        double v = dtype_load_f64(type, value->data, (size_t)i);
        return (Scalar){.type = type, .low = v, .high = v};
    }
    int64_t v = dtype_load_i64(type, value->data, (size_t)i);
    return (Scalar){.type = type, .low = (double)v, .high = (double)v, .b = v};
}

static bool constant_element(const Follow *f, const TensorDecl *decl, const int64_t *at, Scalar *out)
{
    if (decl->role != TENSOR_CONST || decl->data.kind != DATA_INLINE || dtype_kind(decl->type) == DK_CODE)
        return false;
    int64_t i = 0;
    for (uint32_t d = 0; d < decl->n_dims; d++) {
        int64_t extent = rank_at(f->l->cs, decl->dims[d].rank)->extent;
        if (at[d] < 0 || at[d] >= extent)
            return false;
        i = i * extent + at[d];
    }
    *out = known_scalar(decl->type, &decl->data.value, i);
    return true;
}

static Scalar element(Follow *f, TensorId tensor, uint32_t n, const int64_t *at)
{
    const TensorDecl *decl = tensor_at(f->l->cs, tensor);
    Scalar out;
    if (constant_element(f, decl, at, &out) || as_extent(f, tensor, &out))
        return out;
    bool carried = false;
    for (uint32_t d = 0; d < decl->n_dims; d++)
        carried = carried || rank_at(f->l->cs, decl->dims[d].rank)->kind == RANK_ITERATIVE;
    if (decl->role != TENSOR_TMP || carried || f->depth >= MOST_FOLLOWED || ++f->steps > MOST_STEPS)
        return opaque_access(f, tensor, n, at);
    Binding outer[MOST_BOUND];
    uint32_t n_outer = f->n_bound;
    memcpy(outer, f->bound, sizeof outer);
    f->n_bound = 0;
    f->depth++;
    StatementId id = definition(f, tensor, at);
    bool done = id.i != 0;
    if (done) {
        const Statement st = *statement_at(f->l->cs, id);
        if (st.reduction == RED_NONE)
            out = follow(f, st.body);
        else
            done = follow_reduction(f, &st, &out);
    }
    f->depth--;
    f->n_bound = n_outer;
    memcpy(f->bound, outer, sizeof outer);
    if (!done || is_long(f->l->cs, &out)) {
        Scalar here = opaque_access(f, tensor, n, at);
        here.low = done ? out.low : here.low;
        here.high = done ? out.high : here.high;
        return here;
    }
    return out;
}

/* ---- expressions ---- */

/* Coordinates that are known; *out_inside: within the static extents. */
static bool coordinates(Follow *f, ExprId id, int64_t *at, bool *out_inside, bool *out_static)
{
    Cascade *cs = f->l->cs;
    const Expr e = *expr_at(cs, id);
    *out_inside = *out_static = true;
    for (uint32_t k = 0; k < e.n_args; k++) {
        Scalar s = follow(f, expr_arg(cs, id, k));
        if (!scalar_known(&s))
            return false;
        at[k] = s.b;
        RankId rank = tensor_at(cs, e.tensor)->dims[k].rank;
        *out_static = *out_static && rank_at(cs, rank)->kind == RANK_STATIC;
        *out_inside = *out_inside && s.b >= 0 && s.b < rank_at(cs, rank)->extent;
    }
    return true;
}

static Scalar follow_access(Follow *f, ExprId id)
{
    Cascade *cs = f->l->cs;
    const Expr e = *expr_at(cs, id);
    int64_t at[MAX_DIMS + 1];
    bool inside, is_static;
    if (e.n_args <= MAX_DIMS && e.part == PART_VALUE && coordinates(f, id, at, &inside, &is_static)) {
        if (e.pad == PAD_NONE || (inside && is_static))
            return element(f, e.tensor, e.n_args, at);
        if (!inside && e.pad == PAD_LITERAL)
            return follow(f, e.pad_literal);
    }
    ExprId index[MAX_DIMS + 1];
    for (uint32_t k = 0; k < e.n_args && k <= MAX_DIMS; k++) {
        Scalar s = follow(f, expr_arg(cs, id, k));
        index[k] = scalar_expr(f->l, &s);
    }
    if (e.pad == PAD_LITERAL)
        return scalar_atom(f->l, e.type, ex_access_pad(cs, e.tensor, e.n_args, index, e.pad_literal));
    if (e.pad == PAD_TENSOR)
        return scalar_atom(f->l, e.type, ex_access_pad_tensor(cs, e.tensor, e.n_args, index, e.pad_tensor));
    return scalar_atom(f->l, e.type, ex_access(cs, e.tensor, e.n_args, index));
}

static Scalar follow_rank(Follow *f, const Expr *e, ExprId id)
{
    for (uint32_t k = 0; k < f->n_bound; k++)
        if (rank_same(f->bound[k].rank, e->rank))
            return scalar_int(f->bound[k].at);
    Scalar s = {.type = DT_I64, .low = 0, .high = (double)rank_at(f->l->cs, e->rank)->extent, .a = 1};
    s.atom = e->kind == EX_RANK ? ex_index(f->l->cs, e->rank) : id;
    return s;
}

static Scalar follow_call(Follow *f, const Expr *e, ExprId id)
{
    Scalar x[4];
    Cascade *cs = f->l->cs;
    for (uint32_t k = 0; k < e->n_args && k < 4; k++)
        x[k] = follow(f, expr_arg(cs, id, k));
    if (e->n_args <= 3) {
        bool index_form = e->type == DT_I64 && (e->fn == FN_DIV || e->fn == FN_MOD);
        return scalar_call(f->l, index_form ? e->fn == FN_DIV ? FN_FLOORDIV : FN_FLOORMOD : e->fn, e->n_args, x);
    }
    ExprId args[4];
    for (uint32_t k = 0; k < e->n_args && k < 4; k++)
        args[k] = scalar_expr(f->l, &x[k]);
    return scalar_atom(f->l, e->type, ex_call(cs, e->fn, e->n_args, args));
}

static Scalar follow(Follow *f, ExprId id)
{
    Cascade *cs = f->l->cs;
    const Expr e = *expr_at(cs, id);
    f->steps++;
    switch (e.kind) {
    case EX_LITERAL:
        if (is_float(e.type))
            return (Scalar){.type = e.type, .low = e.decimal ? e.f : (double)e.i, .high = e.decimal ? e.f : (double)e.i};
        return (Scalar){.type = e.type, .low = (double)e.i, .high = (double)e.i, .b = e.i};
    case EX_RANK:
    case EX_INDEX:
        return follow_rank(f, &e, id);
    case EX_EXTENT:
        return rank_scalar(f->l, e.rank);
    case EX_COUNT:
        return (Scalar){.type = DT_I64, .high = (double)rank_at(cs, e.rank)->extent, .atom = id, .a = 1};
    case EX_ACCESS:
        return follow_access(f, id);
    case EX_CAST: {
        Scalar x = follow(f, expr_arg(cs, id, 0));
        return scalar_cast(f->l, e.type, e.cast, &x);
    }
    default:
        return follow_call(f, &e, id);
    }
}

/* ---- operands ---- */

bool scalars_known(const Scalars *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (!scalar_known(&list->at[i]))
            return false;
    return true;
}

weir_status scalars_of(Lowering *l, const Operand *op, Scalars *out)
{
    if (!dtype_is_int(op->type) || op->n_dims > 1)
        return invalid(l, "operand '%s' must be a list of integers, not %s", cx_text(l->cx, op->name), shape_text(l, op));
    int64_t n = count_of(op);
    if (op->n_dims == 1 && dim_runtime(l, op, 0))
        return unsupported(l, "the list '%s' has a run-time length", cx_text(l->cx, op->name));
    if (n > MOST_FOLLOWED)
        return unsupported(l, "a list of %lld integers known at run time only", (long long)n);
    bool small = op->value == NULL && op->depends != NULL && switches(l->w, op->depends);
    const Tensor *value = op->value;
    if (small)
        TRY(value_of(l, op, &value)); /* lowered again with these inputs bound */
    *out = (Scalars){(uint32_t)n, ARENA_ARRAY(&l->cx->arena, Scalar, (size_t)n)};
    Follow *f = ARENA_NEW(&l->cx->arena, Follow);
    f->l = l;
    for (int64_t i = 0; i < n; i++) {
        out->at[i] = value != NULL ? known_scalar(op->type, value, i) : element(f, op->tensor, op->n_dims, &i);
        out->at[i] = scalar_cast(l, DT_I64, CAST_PLAIN, &out->at[i]);
    }
    return WEIR_OK;
}

weir_status scalar_of(Lowering *l, Operand *op, Scalar *out)
{
    static const int64_t first[MAX_DIMS] = {0};
    if (op->value != NULL) {
        *out = known_scalar(op->type, op->value, 0);
        return WEIR_OK;
    }
    Follow *f = ARENA_NEW(&l->cx->arena, Follow);
    f->l = l;
    *out = element(f, op->tensor, op->n_dims, first);
    return WEIR_OK;
}

weir_status scalars_given(Lowering *l, uint32_t k, const char *name, Scalars *out, bool *out_given)
{
    const Operand *op = input(l, k);
    if (op != NULL) {
        *out_given = true;
        return scalars_of(l, op, out);
    }
    Ints ints = attr_ints(l, name);
    *out_given = attr(l, name) != NULL;
    *out = (Scalars){ints.n, ARENA_ARRAY(&l->cx->arena, Scalar, ints.n)};
    for (uint32_t i = 0; i < ints.n; i++)
        out->at[i] = scalar_int(ints.at[i]);
    return WEIR_OK;
}
