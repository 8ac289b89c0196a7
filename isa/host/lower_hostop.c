/*
 * isa/host/lower_hostop.c: host operations as statements of the entry.
 *
 * In:   a statement of whole tensors and literals. Out: one LOOP_ST_HOST, with the extents it sees; run-time extents that its count
 *       gives are checked against their bounds after it.
 * Keep: tensors of host operations are row-major with the strides of their bounds (hostops_layouts).
 */
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

static int64_t literal(const Lower *l, const Statement *st, const char *key, int64_t otherwise)
{
    for (uint32_t a = 0; a < st->n_args; a++)
        if (st->args[a].key.i != 0 && strcmp(cx_text(l->cx, st->args[a].key), key) == 0)
            return expr_at(l->cs, st->args[a].literal)->i;
    return otherwise;
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

static MUST_USE weir_status check_forms(Lower *l, const Statement *st)
{
    bool plain = st->hostop == HOSTOP_TOPK || st->hostop == HOSTOP_SORT || st->hostop == HOSTOP_NONZERO || st->hostop == HOSTOP_COMPRESS;
    TensorId first = {0};
    for (uint32_t a = 0; plain && a < st->n_args; a++) {
        if (st->args[a].key.i != 0)
            continue;
        first = first.i == 0 ? st->args[a].tensor : first;
        plain = has_form(l, st->args[a].tensor);
    }
    for (uint32_t k = 0; plain && k < st->n_targets; k++) {
        DtypeKind kind = dtype_kind(tensor_at(l->cs, st->targets[k].tensor)->type);
        plain = has_form(l, st->targets[k].tensor) && (k == 0 || kind == DK_SIGNED || kind == DK_UNSIGNED);
    }
    if (plain && st->hostop != HOSTOP_NONZERO)
        plain = tensor_at(l->cs, first)->type == tensor_at(l->cs, st->targets[0].tensor)->type;
    if (plain && l->options.host_operations)
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

weir_status lower_hostop(Lower *l, StatementId id)
{
    const Statement st = *statement_at(l->cs, id);
    TRY(check_forms(l, &st));
    l->calls++;
    uint32_t most = st.n_args + st.n_targets + 1;
    LoopStmt host = {.kind = LOOP_ST_HOST, .hostop = st.hostop, .slots = ARENA_ARRAY(&l->cx->arena, uint32_t, most),
                     .scalars = ARENA_ARRAY(&l->cx->arena, LoopExprId, (size_t)most * LOOP_HOST_DIMS + 2)};
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
    int64_t axis = literal(l, &st, "axis", -1);
    axis += axis < 0 ? n_dims : 0;
    bool sorts = st.hostop == HOSTOP_TOPK || st.hostop == HOSTOP_SORT;
    if (sorts)
        check_enough(l, id, host.scalars[axis], host.scalars[first_target + axis]);
    uint64_t room = sorts ? 2 * (uint64_t)dim_extent(l->cs, first, (uint32_t)axis) : 1;
    host.slots[host.n_slots++] = scratch_buffer(l, "room", DT_I64, room);
    host.scalars[host.n_scalars++] = loop_int(l->p, axis);
    host.scalars[host.n_scalars++] =
        loop_int(l->p, st.hostop == HOSTOP_TOPK ? literal(l, &st, "largest", 1) : literal(l, &st, "descending", 0));
    loop_add(l->p, &l->block, (LoopStmt){.kind = LOOP_ST_NOTE, .text = hostop_info(st.hostop)->text});
    loop_add(l->p, &l->block, host);
    extents_after(l, &st);
    return WEIR_OK;
}
