/*
 * isa/host/lower_hostop.c: host operations as statements of the entry.
 *
 * In:   a statement of whole tensors and literals. Out: one LOOP_ST_HOST, with the extents it sees; run-time extents that its count
 *       gives are checked against their bounds after it.
 * Keep: tensors of host operations are row-major with the strides of their bounds (hostops_layouts).
 */
#include "isa/host/lower_internal.h"

#include <math.h>
#include <string.h>

void hostops_layouts(Lower *l)
{
    for (uint32_t s = 0; s < l->cs->statements.n; s++) {
        const Statement *st = statement_at(l->cs, (StatementId){s});
        if (st->kind != ST_HOST)
            continue;
        for (uint32_t k = 0; k < st->n_targets; k++)
            l->layout_of[st->targets[k].tensor.i] = (Layout){.row_major = true};
        for (uint32_t k = 0; k < st->n_args; k++)
            l->layout_of[st->args[k].tensor.i] = (Layout){.row_major = true};
    }
}

/* The numbers of each operation, in the order in which LOOP_ST_HOST has them, with what is taken where one is not given. */
typedef struct HostNumber {
    const char *key;
    double otherwise;
} HostNumber;

static const HostNumber numbers[HOSTOP_COUNT][LOOP_HOST_NUMBERS] = {
    [HOSTOP_TOPK] = {{"axis", -1}, {"largest", 1}},
    [HOSTOP_SORT] = {{"axis", -1}, {"descending", 0}},
    [HOSTOP_UNIQUE] = {{"axis", (double)NAN}, {"sorted", 1}},
    [HOSTOP_COMPRESS] = {{"axis", -1}},
    [HOSTOP_NMS] = {{"max_output", 0}, {"iou", 0}, {"score", (double)NAN}, {"center", 0}},
};

static double number_of(const Lower *l, const Statement *st, const HostNumber *number)
{
    for (uint32_t a = 0; a < st->n_args; a++)
        if (st->args[a].key.i != 0 && strcmp(cx_text(l->cx, st->args[a].key), number->key) == 0) {
            const Expr *e = expr_at(l->cs, st->args[a].literal);
            return e->decimal ? e->f : (double)e->i;
        }
    return number->otherwise;
}

/* The axis from the front; -1: none. */
static int64_t axis_of(const Lower *l, const Statement *st, uint32_t n_dims)
{
    const HostNumber *first = &numbers[st->hostop][0];
    if (first->key == NULL || strcmp(first->key, "axis") != 0)
        return -1;
    double axis = number_of(l, st, first);
    return isnan(axis) ? -1 : (int64_t)axis + (axis < 0 ? n_dims : 0);
}

static bool is_target(const Statement *st, TensorId tensor)
{
    for (uint32_t k = 0; k < st->n_targets; k++)
        if (st->targets[k].tensor.i == tensor.i)
            return true;
    return false;
}

/* Elements that have bytes of their own and an order, with extents that do not grow by generations. */
static bool has_form(const Lower *l, TensorId tensor)
{
    const TensorDecl *t = tensor_at(l->cs, tensor);
    bool plain = dtype_kind(t->type) != DK_CODE && t->n_dims <= LOOP_HOST_DIMS;
    for (uint32_t d = 0; d < t->n_dims; d++)
        plain &= !t->dims[d].next && rank_at(l->cs, t->dims[d].rank)->kind != RANK_ITERATIVE;
    return plain;
}

static bool is_integer(Dtype type)
{
    return dtype_kind(type) == DK_SIGNED || dtype_kind(type) == DK_UNSIGNED;
}

/* Whether the operation has its form of tensors: one or two inputs, elements that move keep their type, positions are integers. */
static bool forms_hold(const Lower *l, const Statement *st)
{
    TensorId in[2] = {{0}, {0}};
    uint32_t n = 0;
    for (uint32_t a = 0; a < st->n_args; a++) {
        if (st->args[a].key.i != 0)
            continue;
        if (n == 2 || !has_form(l, st->args[a].tensor))
            return false;
        in[n++] = st->args[a].tensor;
    }
    bool two = st->hostop == HOSTOP_NMS || st->hostop == HOSTOP_COMPRESS, places = st->hostop == HOSTOP_NONZERO || st->hostop == HOSTOP_NMS;
    if (n != (two ? 2u : 1u))
        return false;
    for (uint32_t k = 0; k < st->n_targets; k++) {
        Dtype type = tensor_at(l->cs, st->targets[k].tensor)->type;
        if (!has_form(l, st->targets[k].tensor) || (k == 0 && !places ? type != tensor_at(l->cs, in[0])->type : !is_integer(type)))
            return false;
    }
    bool floats = st->hostop == HOSTOP_NMS || st->hostop == HOSTOP_DET;
    for (uint32_t k = 0; floats && k < n; k++)
        if (dtype_kind(tensor_at(l->cs, in[k])->type) != DK_FLOAT)
            return false;
    return true;
}

static MUST_USE weir_status check_forms(Lower *l, const Statement *st)
{
    if (l->options.host_operations && forms_hold(l, st))
        return WEIR_OK;
    diag(&l->cx->diag, st->place, E_HOST_UNSUPPORTED,
         arena_printf(&l->cx->arena, "the host operation %s here", hostop_info(st->hostop)->text));
    return WEIR_UNSUPPORTED;
}

/* A tensor and its extents now; a run-time extent that this statement gives counts as its bound. */
static void add_tensor(Lower *l, const Statement *st, TensorId tensor, LoopStmt *host)
{
    const TensorDecl *t = tensor_at(l->cs, tensor);
    host->slots[host->n_slots++] = buffer_for(l, NULL, tensor);
    for (uint32_t d = 0; d < t->n_dims; d++) {
        RankId rank = t->dims[d].rank;
        const Rank r = *rank_at(l->cs, rank);
        bool now = r.kind == RANK_STATIC || (r.kind == RANK_SCALAR && is_target(st, r.scalar));
        host->scalars[host->n_scalars++] = now ? loop_int(l->p, r.extent) : entry_extent(l, rank);
    }
}

/* topk of more elements than there are. */
static void check_enough(Lower *l, StatementId id, LoopExprId n, LoopExprId k)
{
    loop_add(l->p, &l->block, (LoopStmt){.kind = LOOP_ST_TRAP, .trap = LOOP_TRAP_EXTENT, .a = loop_binary(l->p, LOOP_LT, n, k),
                                         .b = k, .site = l->p->sites.n});
    vec_push(&l->cx->arena, &l->p->sites, id);
}

static void extents_after(Lower *l, const Statement *st)
{
    for (uint32_t r = 1; r < l->cs->ranks.n; r++)
        if (rank_at(l->cs, (RankId){r})->kind == RANK_SCALAR && is_target(st, rank_at(l->cs, (RankId){r})->scalar))
            (void)entry_extent(l, (RankId){r});
}

/* Words of i64 that the operation works in, at the bounds. */
static uint64_t room_of(const Lower *l, const Statement *st, TensorId first, int64_t axis)
{
    const TensorDecl *t = tensor_at(l->cs, first);
    uint64_t elements = 1, fibre = axis < 0 ? 1 : (uint64_t)dim_extent(l->cs, first, (uint32_t)axis);
    for (uint32_t d = 0; d < t->n_dims; d++)
        elements *= (uint64_t)dim_extent(l->cs, first, d);
    switch (st->hostop) {
    case HOSTOP_TOPK:
    case HOSTOP_SORT:
        return 2 * fibre;
    case HOSTOP_UNIQUE:
        return elements + 4 * (axis < 0 ? elements : fibre) + 1;
    case HOSTOP_NMS:
        return 3 * (uint64_t)dim_extent(l->cs, first, 1) + 1;
    case HOSTOP_DET:
        return (uint64_t)dim_extent(l->cs, first, t->n_dims - 1) * (uint64_t)dim_extent(l->cs, first, t->n_dims - 1) + 1;
    case HOSTOP_NONZERO:
    case HOSTOP_COMPRESS:
    case HOSTOP_NONE:
    case HOSTOP_COUNT:
        break;
    }
    return 1;
}

weir_status lower_hostop(Lower *l, StatementId id)
{
    const Statement st = *statement_at(l->cs, id);
    TRY(check_forms(l, &st));
    l->calls++;
    uint32_t most = st.n_args + st.n_targets + 1;
    LoopStmt host = {.kind = LOOP_ST_HOST, .hostop = st.hostop, .slots = ARENA_ARRAY(&l->cx->arena, uint32_t, most),
                     .scalars = ARENA_ARRAY(&l->cx->arena, LoopExprId, (size_t)most * LOOP_HOST_DIMS + LOOP_HOST_NUMBERS)};
    TensorId first = {0};
    for (uint32_t a = 0; a < st.n_args; a++) {
        if (st.args[a].key.i != 0)
            continue;
        first = first.i == 0 ? st.args[a].tensor : first;
        add_tensor(l, &st, st.args[a].tensor, &host);
    }
    host.n_inputs = host.n_slots;
    uint32_t first_target = host.n_scalars, n_dims = tensor_at(l->cs, first)->n_dims;
    for (uint32_t k = 0; k < st.n_targets; k++)
        add_tensor(l, &st, st.targets[k].tensor, &host);
    int64_t axis = axis_of(l, &st, n_dims);
    if (st.hostop == HOSTOP_TOPK || st.hostop == HOSTOP_SORT)
        check_enough(l, id, host.scalars[axis], host.scalars[first_target + axis]);
    host.slots[host.n_slots++] = scratch_buffer(l, "room", DT_I64, room_of(l, &st, first, axis));
    for (uint32_t k = 0; k < LOOP_HOST_NUMBERS && numbers[st.hostop][k].key != NULL; k++) {
        bool is_axis = strcmp(numbers[st.hostop][k].key, "axis") == 0;
        host.scalars[host.n_scalars++] = loop_const_float(l->p, DT_F64, is_axis ? (double)axis : number_of(l, &st, &numbers[st.hostop][k]));
    }
    loop_add(l->p, &l->block, (LoopStmt){.kind = LOOP_ST_NOTE, .text = hostop_info(st.hostop)->text});
    loop_add(l->p, &l->block, host);
    extents_after(l, &st);
    return WEIR_OK;
}
