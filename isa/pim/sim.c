/* isa/pim/sim.c: see isa/pim/sim.h. */
#include "isa/pim/sim.h"

#include <inttypes.h>
#include <string.h>

#include "isa/pim/text.h"
#include "isa/pim/values.h"

typedef struct Run {
    weir_context *cx;
    const Image *image;
    const PimMachine *machine;
    PimOptions options;
    unsigned char *const *buffers;
    const PimHost *host;
    PimCode code;
    PimResult *result;
    PimMemory *memory; /* by channel; NULL without values */
    uint32_t stream;
} Run;

static weir_status fault(weir_context *cx, const Image *image, uint32_t stream, uint32_t number, const PimCommand *c, DiagId id, const char *why)
{
    Text text;
    text_init(&text, &cx->arena);
    pim_print_command(image, c, &text);
    diag(&cx->diag, place_none(), id, stream, number, text.at, why);
    return WEIR_INVALID;
}

/* ---- static checks ---- */

/* Bytes that one repeat of a command moves from or to its buffer; 0 for none. */
static uint64_t moved_bytes(const PimMachine *m, const PimCommand *c)
{
    if (c->w.ext == 0)
        return 0;
    return c->w.op == PIM_OP_WRA ? (uint64_t)(m->burst * m->banks) : (uint64_t)m->burst;
}

static const char *buffer_fault(const Image *image, const PimMachine *m, const PimStream *s, const PimCommand *c)
{
    const ImageTensor *t = &image->tensors.at[c->x.buf];
    uint64_t last = 63;
    while ((s->channels >> last & 1) == 0)
        last--;
    uint64_t reach = t->stride, end = c->x.off + moved_bytes(m, c) * (c->w.n1 + 1);
    if (t->tier != 0)
        return "the buffer lies in the banks";
    if (__builtin_mul_overflow(reach, last, &reach) || __builtin_add_overflow(end, reach, &end) || end > t->bytes)
        return "the bursts leave the buffer";
    bool reads = c->w.op == PIM_OP_RD || c->w.op == PIM_OP_RDMAC || c->w.op == PIM_OP_RDAF;
    if (reads && t->kind == IMAGE_CONST)
        return "the command would write a constant";
    return NULL;
}

static const char *command_fault(const Image *image, const PimMachine *m, const PimStream *s, const PimCommand *c)
{
    const PimOpInfo *info = pim_op_info(c->w.op);
    int64_t n = (int64_t)c->w.n1 + 1;
    if (pim_command_fault(c) != NULL)
        return pim_command_fault(c);
    if (c->w.scope == PIM_EVEN || c->w.scope == PIM_ODD || c->w.op == PIM_OP_RDR || c->w.op == PIM_OP_WRR)
        return "this device does not have the command";
    if (info->scopes != SCOPE_N && c->w.scope == PIM_GROUP && c->w.bank >= PIM_GROUPS)
        return "groups are 0..3";
    if ((info->fields & F_ROW) != 0 && c->w.row >= m->rows)
        return "the bank has no such row";
    if ((info->fields & F_COL) != 0 && c->w.col + n > m->columns)
        return "the columns leave the row";
    bool broadcast = (info->fields & F_MAC) != 0 && (c->w.aux & PIM_MAC_BROADCAST) != 0;
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
    return c->w.ext != 0 ? buffer_fault(image, m, s, c) : NULL;
}

static const char *tensor_fault(const ImageTensor *t, const PimMachine *m)
{
    uint64_t row_bytes = (uint64_t)(m->columns * m->burst), channels = 0;
    if (t->tier == 0)
        return t->stride > INT64_MAX / 64 ? "the stride is too large" : NULL;
    if (t->tier > 1 || t->stride == 0 || t->bytes % (t->stride * (uint64_t)m->banks) != 0 || t->stride > row_bytes * (uint64_t)m->rows)
        return "a bank tensor has a stride of bytes a bank, and bytes for whole channels";
    channels = t->bytes / (t->stride * (uint64_t)m->banks);
    if (channels > (uint64_t)m->channels || t->address + (t->stride + row_bytes - 1) / row_bytes > (uint64_t)m->rows)
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
        if (machine->channels < 64 && s->channels >> machine->channels != 0) {
            diag(&cx->diag, place_none(), E_MACHINE_USE, machine->name, "a stream names channels that it does not have");
            return WEIR_INVALID;
        }
        for (uint32_t k = 0; k < s->commands.n; k++) {
            const char *why = command_fault(image, machine, s, &s->commands.at[k]);
            if (why != NULL)
                return fault(cx, image, i, k, &s->commands.at[k], E_PIM_RULE, why);
        }
    }
    return WEIR_OK;
}

/* ---- running ---- */

static weir_status run_command(Run *r, PimChannel *channel, const PimStream *s, uint32_t k)
{
    const PimCommand *c = &s->commands.at[k];
    int device = pim_device_of(c);
    if (device < 0)
        return WEIR_OK;
    uint32_t banks = pim_banks_of((PimDevice)device, c->w.bank);
    for (uint32_t n = 0; n <= c->w.n1; n++) {
        const char *why = pim_state_fault(channel, (PimDevice)device, banks, c->w.row);
        if (why != NULL)
            return fault(r->cx, r->image, r->stream, k, c, E_PIM_RULE, why);
        int64_t t = pim_issue(channel, (PimDevice)device, banks, c->w.row, 0);
        if (r->options.trace != NULL && n == 0)
            text_printf(r->options.trace, "at %" PRId64 " ", t);
    }
    if (r->options.trace != NULL) {
        pim_print_command(r->image, c, r->options.trace);
        text_printf(r->options.trace, "\n");
    }
    uint64_t channels = (uint64_t)__builtin_popcountll(s->channels), repeats = c->w.n1 + 1;
    r->result->burst_bytes += moved_bytes(r->machine, c) * repeats * channels;
    if (device == PIM_DEV_MAC || device == PIM_DEV_MAC16)
        r->result->macs += (device == PIM_DEV_MAC ? 16 : 256) * repeats * channels;
    for (unsigned ch = 0; r->memory != NULL && ch < (unsigned)r->machine->channels; ch++) {
        if ((s->channels >> ch & 1) == 0)
            continue;
        const char *why = pim_execute(&r->memory[ch], c, r->buffers);
        if (why != NULL)
            return fault(r->cx, r->image, r->stream, k, c, E_PIM_TRAP, why);
    }
    return WEIR_OK;
}

static weir_status launch(Run *r, uint32_t number)
{
    if (number >= r->code.streams.n) {
        diag(&r->cx->diag, place_none(), E_IMAGE, "a launch names no stream");
        return WEIR_INVALID;
    }
    const PimStream *s = &r->code.streams.at[number];
    PimChannel channel;
    pim_channel_open(&channel, r->machine, r->options.peer);
    r->stream = number;
    if (r->options.trace != NULL) {
        pim_print_stream(s, r->options.trace);
        text_printf(r->options.trace, "\n");
    }
    for (uint32_t k = 0; k < s->commands.n && s->commands.at[k].w.op != PIM_OP_END; k++)
        TRY(run_command(r, &channel, s, k));
    PimStreamResult stream = {.cycles = channel.now < 0 ? 0 : channel.now + r->machine->nBL, .refreshes = channel.refreshes};
    int64_t due = r->machine->refresh == PIM_REFRESH_OFF ? 0 : stream.cycles / r->machine->nREFI;
    stream.refresh_debt = due > channel.refreshes ? due - channel.refreshes : 0;
    if (r->machine->refresh != PIM_REFRESH_OFF && (channel.first_late != 0 || stream.refresh_debt > 0)) {
        diag(&r->cx->diag, place_none(), E_PIM_REFRESH, number,
             (long long)(channel.first_late != 0 ? channel.first_late : channel.refreshes + 1), (long long)r->machine->nREFI);
        return WEIR_INVALID;
    }
    memcpy(stream.counts, channel.counts, sizeof stream.counts);
    r->result->cycles += stream.cycles;
    vec_push(&r->cx->arena, &r->result->streams, stream);
    return WEIR_OK;
}

static weir_status run_step(Run *r, const ImageStep *step)
{
    switch (step->op) {
    case STEP_LAUNCH:
        return launch(r, step->a);
    case STEP_FENCE:
    case STEP_PREFETCH:
        return WEIR_OK;
    case STEP_HOST:
        if (r->host != NULL)
            return r->host->run(r->host->data, step->a);
        diag(&r->cx->diag, place_none(), E_IMAGE, "it has host steps, which the backend runs");
        return WEIR_UNSUPPORTED;
    default:
        diag(&r->cx->diag, place_none(), E_IMAGE, "SCHED of a memory holds launches, host steps, fences and halt");
        return WEIR_INVALID;
    }
}

/* Constants and inputs that live in the banks are there before the first stream. */
static weir_status fill_banks(Run *r)
{
    r->memory = ARENA_ARRAY(&r->cx->arena, PimMemory, (size_t)r->machine->channels);
    for (int64_t ch = 0; ch < r->machine->channels; ch++)
        pim_memory_open(&r->memory[ch], r->cx, r->image, r->machine, (uint32_t)ch);
    for (uint32_t i = 0; i < r->image->tensors.n; i++) {
        const ImageTensor *t = &r->image->tensors.at[i];
        const unsigned char *data = r->buffers[i] != NULL ? r->buffers[i] : t->data;
        if (t->tier == 0 || data == NULL)
            continue;
        uint64_t channel_bytes = t->stride * (uint64_t)r->machine->banks;
        for (uint64_t ch = 0; ch < t->bytes / channel_bytes; ch++)
            for (uint32_t b = 0; b < PIM_BANKS; b++)
                pim_memory_fill(&r->memory[ch], b, t->address, data + ch * channel_bytes + b * t->stride, t->stride);
    }
    return WEIR_OK;
}

weir_status pim_sim(weir_context *cx, const Image *image, const PimMachine *machine, PimOptions options, unsigned char *const *buffers,
                    const PimHost *host, PimResult *out_result)
{
    Run r = {.cx = cx, .image = image, .machine = machine, .options = options, .buffers = buffers, .host = host, .result = out_result};
    *out_result = (PimResult){0};
    TRY(pim_decode(cx, image, &r.code));
    TRY(pim_check(cx, image, &r.code, machine));
    if ((options.mode & PIM_VALUES) != 0)
        TRY(fill_banks(&r));
    for (uint32_t i = 0; i < image->steps.n && image->steps.at[i].op != STEP_HALT; i++)
        TRY(run_step(&r, &image->steps.at[i]));
    return WEIR_OK;
}
