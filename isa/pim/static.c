/*
 * isa/pim/static.c: what can be said of streams before they run.
 *
 * In:   an image, its streams, a machine. Out: the first command that the machine cannot mean, or that leaves its buffer or banks.
 */
#include "isa/pim/sim.h"
#include "isa/pim/text.h"

weir_status pim_command_failed(weir_context *cx, const Image *image, uint32_t stream, uint32_t number, const PimCommand *c, DiagId id,
                               const char *why)
{
    Text text;
    text_init(&text, &cx->arena);
    pim_print_command(image, c, &text);
    diag(&cx->diag, place_none(), id, stream, number, text.at, why);
    return WEIR_INVALID;
}

uint64_t pim_moved_bytes(const PimMachine *m, const PimCommand *c)
{
    if (c->w.ext == 0)
        return 0;
    return c->w.op == PIM_OP_WRA ? (uint64_t)(m->burst * m->banks) : (uint64_t)m->burst;
}

static const char *buffer_fault(const Image *image, const PimMachine *m, const PimStream *s, const PimCommand *c)
{
    if (c->x.buf >= image->tensors.n)
        return "the command names no row of TENS";
    const ImageTensor *t = &image->tensors.at[c->x.buf];
    uint64_t last = 63;
    while ((s->channels >> last & 1) == 0)
        last--;
    uint64_t reach = t->stride, end = c->x.off + pim_moved_bytes(m, c) * (c->w.n1 + 1);
    if (t->tier != 0)
        return "the buffer lies in the banks";
    if (__builtin_mul_overflow(reach, last, &reach) || __builtin_add_overflow(end, reach, &end) || end > t->bytes)
        return "the bursts leave the buffer";
    bool reads = c->w.op == PIM_OP_RD || c->w.op == PIM_OP_RDMAC || c->w.op == PIM_OP_RDAF || c->w.op == PIM_OP_RDR;
    if (reads && t->kind == IMAGE_CONST)
        return "the command would write a constant";
    return NULL;
}

static bool writes_banks(const PimCommand *c)
{
    return c->w.op == PIM_OP_WR || c->w.op == PIM_OP_WRCP || c->w.op == PIM_OP_WRA || c->w.op == PIM_OP_EWMUL;
}

/* Constants in the banks stay as they are. */
static const char *bank_fault(const Image *image, const PimMachine *m, const PimCommand *c)
{
    uint64_t row_bytes = (uint64_t)(m->columns * m->burst);
    for (uint32_t i = 0; writes_banks(c) && i < image->tensors.n; i++) {
        const ImageTensor *t = &image->tensors.at[i];
        if (t->tier == 1 && t->kind == IMAGE_CONST && c->w.row >= t->address && c->w.row < t->address + (t->stride + row_bytes - 1) / row_bytes)
            return "the command would write a constant in the banks";
    }
    return NULL;
}

static const char *aim_fault(const PimMachine *m, const PimCommand *c)
{
    const PimOpInfo *info = pim_op_info(c->w.op);
    int64_t n = (int64_t)c->w.n1 + 1;
    bool broadcast = (info->fields & F_MAC) != 0 && (c->w.aux & PIM_MAC_BROADCAST) != 0;
    bool af = c->w.op == PIM_OP_AF, data = (info->fields & F_ROW) != 0 && c->w.op != PIM_OP_ACT && !af;
    if (((info->fields & F_GB) != 0 || broadcast) && c->w.reg + n > m->gb_bursts)
        return "the bursts leave the global buffer";
    if (broadcast && m->gb_tied && c->w.reg != c->w.col)
        return "gb_index = tied: the buffer index is the column";
    if ((info->fields & F_MAC) != 0 && (int64_t)(c->w.aux & PIM_MAC_ACC) >= m->accumulators)
        return "there is no such accumulator";
    if ((info->fields & F_ACC) != 0 && c->w.reg + n > m->accumulators)
        return "there is no such accumulator";
    if ((info->fields & F_BUF) != 0 && c->w.ext == 0)
        return "the command needs a buffer";
    if (af && c->w.row != m->af_row + (int64_t)c->w.aux)
        return "the row of an activation table is af_row + afm";
    if (data && c->w.row >= m->af_row && c->w.row < m->af_row + 8)
        return "the rows of the activation tables hold no data";
    return NULL;
}

static const char *hbm_fault(const PimMachine *m, const PimCommand *c)
{
    bool is_register = c->w.op == PIM_OP_RDR || c->w.op == PIM_OP_WRR;
    bool parity = c->w.scope == PIM_EVEN || c->w.scope == PIM_ODD;
    if (is_register && c->w.ext == 0)
        return "the command needs a buffer";
    if (c->w.op == PIM_OP_RD && parity && c->w.ext != 0)
        return "eight banks answer a read of a parity: it takes no buffer";
    if (is_register && c->w.col + (int64_t)c->w.n1 >= m->columns)
        return "the columns leave the register row";
    return NULL;
}

bool pim_writes_mode(const Image *image, const PimMachine *m, const PimCommand *c, bool *out_on)
{
    if (m->family != PIM_HBM || c->w.op != PIM_OP_WRR || c->w.col != 0)
        return false;
    const ImageTensor *t = &image->tensors.at[c->x.buf];
    *out_on = t->data != NULL && (t->data[c->x.off] & 1) != 0;
    return true;
}

static const char *command_fault(const Image *image, const PimMachine *m, const PimStream *s, const PimCommand *c)
{
    const PimOpInfo *info = pim_op_info(c->w.op);
    int64_t n = (int64_t)c->w.n1 + 1;
    PimAction action;
    if (pim_command_fault(c) != NULL)
        return pim_command_fault(c);
    bool silent = c->w.op == PIM_OP_NOP || c->w.op == PIM_OP_FREE || c->w.op == PIM_OP_SYNC || c->w.op == PIM_OP_END;
    if (!silent && !pim_action_of(m, c, &action))
        return "this device does not have the command";
    if (info->scopes != SCOPE_N && c->w.scope == PIM_GROUP && c->w.bank >= PIM_GROUPS)
        return "groups are 0..3";
    if ((info->fields & F_ROW) != 0 && c->w.row >= m->rows)
        return "the bank has no such row";
    if ((info->fields & F_COL) != 0 && c->w.col + n > m->columns)
        return "the columns leave the row";
    const char *why = silent ? NULL : m->family == PIM_HBM ? hbm_fault(m, c) : aim_fault(m, c);
    if (why == NULL && c->w.ext != 0)
        why = buffer_fault(image, m, s, c);
    if (why == NULL && m->family == PIM_HBM && c->w.op == PIM_OP_WRR && c->w.col <= 7 && c->w.col != 1 &&
        image->tensors.at[c->x.buf].kind != IMAGE_CONST)
        why = "the mode register and the microprogram are written from constants";
    if (why == NULL && m->family == PIM_HBM && c->w.op == PIM_OP_WRR && c->w.col == 0 && image->tensors.at[c->x.buf].stride != 0)
        why = "the mode register is the same in all channels: its constant has no stride";
    return why != NULL ? why : bank_fault(image, m, c);
}

static const char *tensor_fault(const ImageTensor *t, const PimMachine *m)
{
    uint64_t row_bytes = (uint64_t)(m->columns * m->burst), channels = 0;
    if (t->tier == 0)
        return t->stride > INT64_MAX / 64 ? "the stride is too large" : NULL;
    if (t->tier > 1 || t->stride == 0 || t->stride > row_bytes * (uint64_t)m->rows || t->bytes % (t->stride * (uint64_t)m->banks) != 0)
        return "a bank tensor has a stride of bytes a bank, and bytes for whole channels";
    channels = t->bytes / (t->stride * (uint64_t)m->banks);
    if (channels > (uint64_t)m->channels || t->address > (uint64_t)m->rows ||
        t->address + (t->stride + row_bytes - 1) / row_bytes > (uint64_t)m->rows)
        return "a bank tensor leaves the channels or rows";
    return NULL;
}

weir_status pim_check(weir_context *cx, const Image *image, const PimCode *code, const PimMachine *machine)
{
    for (uint32_t i = 0; i < image->tensors.n; i++) {
        const char *why = tensor_fault(&image->tensors.at[i], machine);
        if (why != NULL) {
            diag(&cx->diag, place_none(), E_MACHINE_USE, machine->name, arena_printf(&cx->arena, "tensor %s: %s", image->tensors.at[i].name, why));
            return WEIR_INVALID;
        }
    }
    for (uint32_t i = 0; i < code->streams.n; i++) {
        const PimStream *s = &code->streams.at[i];
        if (s->channels == 0 || (machine->channels < 64 && s->channels >> machine->channels != 0)) {
            diag(&cx->diag, place_none(), E_MACHINE_USE, machine->name, "a stream names channels that it does not have");
            return WEIR_INVALID;
        }
        for (uint32_t k = 0; k < s->commands.n; k++) {
            const char *why = command_fault(image, machine, s, &s->commands.at[k]);
            if (why != NULL)
                return pim_command_failed(cx, image, i, k, &s->commands.at[k], E_PIM_RULE, why);
        }
    }
    return WEIR_OK;
}
