/*
 * isa/pim/serve.c: requests served as the public simulator of gddr6-aim does.
 *
 * In:   requests in order. Out: cycles, commands by channel.
 * The front end hands out a request a cycle, in order, to the queues of its channels; a channel finds row commands just in time: a row
 * command or mode change issues at the cycle at which what waits for it would have been legal. A read of registers holds the front
 * end until 3 cycles after its last channel.
 */
#include "isa/pim/request.h"

typedef struct Server {
    const PimMachine *machine;
    PimChannel *channels;
    PimDevice last[64]; /* of each channel; PIM_DEV_COUNT: none */
} Server;

bool pim_request_action(const PimMachine *machine, const PimRequest *q, PimAction *out)
{
    PimCommand c = {.w = {.op = q->op, .row = (uint32_t)q->row}};
    if (q->op == PIM_OP_NOP || q->op == PIM_OP_SYNC)
        return false;
    if (pim_op_info(q->op)->scopes != SCOPE_N) {
        c.w.scope = q->all_banks ? PIM_ALL : PIM_BANK;
        c.w.bank = q->all_banks ? 0 : q->bank;
    }
    return pim_action_of(machine, &c, out);
}

bool pim_row_needed(const PimChannel *c, const PimAction *want, bool strict, PimAction *out)
{
    bool closed = false, held = false, other = false;
    uint32_t banks = pim_banks_of(want->place);
    if (pim_device_kind(want->device) != PIM_COLUMN)
        return false;
    for (int b = 0; b < PIM_BANKS; b++)
        if ((banks >> b & 1) != 0) {
            closed = closed || c->row[b] == PIM_CLOSED;
            held = held || c->row[b] == want->row;
            other = other || (c->row[b] != PIM_CLOSED && c->row[b] != want->row);
        }
    bool all = want->place == PIM_PLACE_ALL;
    if (!closed && !other)
        return false;
    bool close = other || (strict && held);
    PimDevice device = close ? (all ? PIM_DEV_PREA : PIM_DEV_PRE) : all ? PIM_DEV_ACT16 : PIM_DEV_ACT;
    *out = (PimAction){device, want->place, close ? 0 : want->row};
    return true;
}

/* The first command of a request; row commands and the mode change it needs go in front of it. */
static int64_t serve_first(PimChannel *c, const PimAction *want, int64_t not_before)
{
    static const PimAction change = {PIM_DEV_TMOD, PIM_PLACE_ALL, 0};
    bool registers = pim_device_kind(want->device) == PIM_REGISTER;
    for (;;) {
        PimAction next = *want;
        bool row = pim_row_needed(c, want, false, &next);
        int rule;
        if (registers != c->in_register_mode)
            (void)pim_issue(c, &change, 1, pim_earliest(c, next.device, next.place, not_before, &rule));
        else if (row)
            (void)pim_issue(c, &next, 1, not_before);
        else
            return pim_issue(c, want, 1, not_before);
    }
}

/* The cycle of the request's last command on any channel. */
static int64_t serve_request(Server *s, const PimRequest *q, const PimAction *want, int64_t arrival)
{
    int64_t last = 0;
    for (uint32_t ch = 0; ch < (uint32_t)s->machine->channels; ch++) {
        PimChannel *c = &s->channels[ch];
        if ((q->channels >> ch & 1) == 0)
            continue;
        int64_t time = serve_first(c, want, arrival);
        if (q->n > 1)
            time = pim_issue(c, want, q->n - 1, arrival) + (int64_t)(q->n - 2) * s->machine->spacing[want->device];
        s->last[ch] = want->device;
        last = time > last ? time : last;
    }
    return last;
}

/* What follows a channel's last command. */
static int64_t latency(PimDevice last)
{
    switch (last) {
    case PIM_DEV_RDMAC16:
    case PIM_DEV_RDAF16:
        return 2 + 1;
    case PIM_DEV_WRGB:
    case PIM_DEV_WRMAC16:
        return 3;
    case PIM_DEV_WR:
        return 8;
    case PIM_DEV_WRA16:
        return 40;
    case PIM_DEV_RD:
        return 52;
    default:
        return 1;
    }
}

weir_status pim_serve(weir_context *cx, const PimTrace *trace, const PimMachine *machine, PimServed *out)
{
    Server s = {.machine = machine, .channels = ARENA_ARRAY(&cx->arena, PimChannel, (size_t)machine->channels)};
    int64_t arrival = 0, latest = 0;
    for (uint32_t ch = 0; ch < (uint32_t)machine->channels; ch++) {
        pim_channel_open(&s.channels[ch], machine);
        s.last[ch] = PIM_DEV_COUNT;
    }
    for (uint32_t i = 0; i < trace->requests.n; i++, arrival++) {
        const PimRequest *q = &trace->requests.at[i];
        PimAction want;
        if (q->op == PIM_OP_SYNC && latest > arrival)
            arrival = latest;
        if (!pim_request_action(machine, q, &want))
            continue;
        if (machine->channels < 64 && q->channels >> machine->channels != 0) {
            diag(&cx->diag, place_none(), E_MACHINE_USE, machine->name, "the trace names channels that it does not have");
            return WEIR_INVALID;
        }
        int64_t last = serve_request(&s, q, &want, arrival);
        latest = last > latest ? last : latest;
        if ((q->op == PIM_OP_RDMAC || q->op == PIM_OP_RDAF) && last + 2 > arrival)
            arrival = last + 2; /* and the cycle that each request takes */
    }
    *out = (PimServed){0};
    for (uint32_t ch = 0; ch < (uint32_t)machine->channels; ch++) {
        for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
            out->counts[ch][d] = s.channels[ch].counts[d];
        if (s.last[ch] == PIM_DEV_COUNT)
            continue;
        int64_t end = s.channels[ch].now + latency(s.last[ch]) + 2;
        out->cycles = end > out->cycles ? end : out->cycles;
    }
    return WEIR_OK;
}

/* ---- streams as requests ---- */

static void add_stream(weir_context *cx, const PimStream *s, PimTrace *trace)
{
    for (uint32_t k = 0; k < s->commands.n && s->commands.at[k].w.op != PIM_OP_END; k++) {
        const PimCommand *c = &s->commands.at[k];
        bool bursts = c->w.op == PIM_OP_MAC || c->w.op == PIM_OP_EWMUL || c->w.op == PIM_OP_RDCP || c->w.op == PIM_OP_WRCP ||
                      c->w.op == PIM_OP_WRGB;
        PimRequest q = {.op = c->w.op, .n = bursts ? c->w.n1 + 1 : 1, .bank = c->w.bank, .row = c->w.row, .channels = s->channels,
                        .all_banks = c->w.scope == PIM_ALL, .gpr = (uint32_t)(c->x.off / 32), .afm = c->w.aux & 7,
                        .broadcast = (c->w.aux & PIM_MAC_BROADCAST) != 0};
        if (c->w.op == PIM_OP_ACT || c->w.op == PIM_OP_PRE || c->w.op == PIM_OP_TMOD || c->w.op == PIM_OP_REF || c->w.op == PIM_OP_NOP ||
            c->w.op == PIM_OP_FREE)
            continue;
        for (uint32_t n = 0; n <= (bursts ? 0 : c->w.n1); n++, q.gpr++)
            vec_push(&cx->arena, &trace->requests, q);
    }
}

void pim_requests_of(weir_context *cx, const Image *image, const PimCode *code, PimTrace *out)
{
    for (uint32_t i = 0; i < image->steps.n && image->steps.at[i].op != STEP_HALT; i++)
        if (image->steps.at[i].op == STEP_LAUNCH && image->steps.at[i].a < code->streams.n)
            add_stream(cx, &code->streams.at[image->steps.at[i].a], out);
}

weir_status pim_serve_image(weir_context *cx, const Image *image, const PimCode *code, const PimMachine *machine, int64_t *out_cycles)
{
    PimTrace trace = {0};
    PimServed *served = ARENA_NEW(&cx->arena, PimServed);
    pim_requests_of(cx, image, code, &trace);
    TRY(pim_serve(cx, &trace, machine, served));
    *out_cycles = served->cycles;
    return WEIR_OK;
}
