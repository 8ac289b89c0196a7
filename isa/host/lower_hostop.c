/*
 * isa/host/lower_hostop.c: host operations as statements of the entry.
 *
 * In:   a statement of whole tensors and literals. Out: one LOOP_ST_HOST, with the extents it sees; run-time extents that its count
 *       gives are checked against their bounds after it.
 * Keep: tensors of host operations are row-major with the strides of their bounds (hostops_layouts).
 */
#include "ir/hostop.h"
#include "isa/host/lower_internal.h"

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

/* Whether the tensors are as the operation's row says. */
static bool forms_hold(const Lower *l, const Statement *st)
{
    const HostOpInfo *info = hostop_info(st->hostop);
    TensorId first = {0};
    uint32_t n = 0;
    for (uint32_t a = 0; a < st->n_args; a++) {
        TensorId in = st->args[a].tensor;
        if (st->args[a].key.i != 0)
            continue;
        if (!has_form(l, in) || (info->floats && dtype_kind(tensor_at(l->cs, in)->type) != DK_FLOAT))
            return false;
        first = n++ == 0 ? in : first;
    }
    if (n != info->inputs)
        return false;
    for (uint32_t k = 0; k < st->n_targets; k++) {
        Dtype type = tensor_at(l->cs, st->targets[k].tensor)->type;
        bool like_first = k == 0 && info->form != HOST_PLACES;
        if (!has_form(l, st->targets[k].tensor) || (like_first ? type != tensor_at(l->cs, first)->type : !is_integer(type)))
            return false;
    }
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
                     .scalars = ARENA_ARRAY(&l->cx->arena, LoopExprId, (size_t)most * LOOP_HOST_DIMS + HOST_NUMBERS)};
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
    const HostNumber *number = hostop_info(st.hostop)->numbers;
    bool has_axis = number[0].name != NULL && strcmp(number[0].name, "axis") == 0;
    int64_t axis = has_axis ? hostop_axis(l->cs, &st, n_dims) : -1;
    if (st.hostop == HOSTOP_TOPK || st.hostop == HOSTOP_SORT)
        check_enough(l, id, host.scalars[axis], host.scalars[first_target + axis]);
    host.slots[host.n_slots++] = scratch_buffer(l, "room", DT_I64, room_of(l, &st, first, axis));
    for (uint32_t k = 0; k < HOST_NUMBERS && number[k].name != NULL; k++)
        host.scalars[host.n_scalars++] =
            loop_const_float(l->p, DT_F64, k == 0 && has_axis ? (double)axis : hostop_number(l->cs, &st, number[k].name));
    loop_add(l->p, &l->block, (LoopStmt){.kind = LOOP_ST_NOTE, .text = hostop_info(st.hostop)->text});
    loop_add(l->p, &l->block, host);
    extents_after(l, &st);
    return WEIR_OK;
}
