/* isa/pim/sim.c: see isa/pim/sim.h. */
#include "isa/pim/sim.h"

#include <inttypes.h>
#include <string.h>

#include "isa/pim/text.h"
#include "isa/pim/trace.h"
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
    uint32_t stream, first_command; /* of the stream in image->at */
    PimStreamResult *now;
    PimJudge *judge;
    int64_t phase_cycles;    /* of the launches that run at once */
    uint64_t phase_channels;
} Run;

/* ---- faults ---- */

/* A command that is illegal or traps: in the result too. */
static weir_status failed(Run *r, uint32_t k, const PimCommand *c, DiagId id, const char *why)
{
    Text text;
    text_init(&text, &r->cx->arena);
    pim_print_command(r->image, c, &text);
    if (r->result != NULL)
        r->result->fault = (PimFault){.why = why, .stream = r->stream, .command = k, .text = text.at};
    return pim_command_failed(r->cx, r->image, r->stream, k, c, id, why);
}

static weir_status hazard(Run *r, const PimHazard *h)
{
    const PimStream *s = &r->code.streams.at[r->stream];
    Text text;
    text_init(&text, &r->cx->arena);
    bool there = h->after < s->commands.n && h->device_after != NULL;
    if (there)
        pim_print_command(r->image, &s->commands.at[h->after], &text);
    else
        text_printf(&text, "end");
    const char *why = h->why;
    if (h->rule != NULL)
        why = arena_printf(&r->cx->arena, "rule %u (%s): %s at %" PRId64 " follows %s at %" PRId64 " (command %u), needs %" PRId64, h->rule->number,
                           h->rule->expression, h->device_after, h->time_after, h->device_before, h->time_before, h->before, h->needs);
    uint32_t command = there ? h->after : s->commands.n;
    if (r->result != NULL)
        r->result->fault = (PimFault){.why = why, .stream = r->stream, .command = command, .text = text.at, .hazard = *h};
    diag(&r->cx->diag, place_none(), E_PIM_HAZARD, r->stream, command, text.at, why);
    return WEIR_INVALID;
}

/* ---- one command ---- */

/* Lanes that multiply, bytes of rows that one repeat touches. */
static void count_bytes(const Run *r, const PimChannel *channel, const PimCommand *c, const PimAction *a, PimStreamResult *s)
{
    int64_t repeats = (int64_t)c->w.n1 + 1, burst = r->machine->burst, banks = __builtin_popcount(pim_banks_of(a->place));
    bool instruction = channel->mode == PIM_MODE_ABPIM && (a->device == PIM_DEV_HRD || a->device == PIM_DEV_HWR);
    bool registers = a->device == PIM_DEV_HWRR || a->device == PIM_DEV_HRDR;
    if (a->device == PIM_DEV_MAC || a->device == PIM_DEV_MAC16)
        s->mac_lanes += 16 * banks * repeats;
    if (instruction && a->device == PIM_DEV_HRD)
        s->mac_lanes += 16 * banks * repeats;
    if (pim_device_kind(a->device) == PIM_COLUMN && !registers)
        s->bank_bytes += burst * (a->device == PIM_DEV_EWMUL16 ? 12 : a->device == PIM_DEV_AF16 ? 0 : banks) * repeats;
    s->pin_bytes += (int64_t)pim_moved_bytes(r->machine, c) * repeats;
}

static void trace_line(const Run *r, const PimCommand *c, int64_t time, int64_t spacing)
{
    PimCommand one = *c;
    uint32_t per = (uint32_t)pim_moved_bytes(r->machine, c);
    const PimOpInfo *info = pim_op_info(c->w.op);
    one.w.n1 = 0;
    for (uint32_t n = 0; n <= c->w.n1; n++) {
        text_printf(r->options.trace, "at %" PRId64 " ", time + n * spacing);
        pim_print_command(r->image, &one, r->options.trace);
        text_printf(r->options.trace, "\n");
        one.w.col += (info->fields & F_COL) != 0;
        one.w.reg += (info->fields & (F_GB | F_ACC)) != 0 || ((info->fields & F_MAC) != 0 && (c->w.aux & PIM_MAC_BROADCAST) != 0);
        one.x.off += per;
    }
}

static weir_status judge_event(Run *r, const PimEvent *event)
{
    return pim_judge_event(r->judge, event) ? WEIR_OK : hazard(r, &r->judge->hazard);
}

static weir_status time_command(Run *r, PimChannel *channel, const PimStream *s, uint32_t k)
{
    const PimCommand *c = &s->commands.at[k];
    PimAction action;
    uint32_t at = r->first_command + k;
    int64_t not_before = at < r->image->at.n ? r->image->at.at[at] : 0;
    bool on = false, mode = pim_writes_mode(r->image, r->machine, c, &on);
    if (!pim_action_of(r->machine, c, &action))
        return WEIR_OK;
    const char *why = pim_state_fault(channel, &action);
    if (why != NULL)
        return failed(r, k, c, E_PIM_RULE, why);
    if (c->w.n1 > 0 && r->machine->spacing[action.device] == 0)
        return failed(r, k, c, E_PIM_RULE, "the command does not repeat");
    if (channel->mode == PIM_MODE_ABPIM && c->w.ext != 0 && (action.device == PIM_DEV_HRD || action.device == PIM_DEV_HWR))
        return failed(r, k, c, E_PIM_RULE, "in AB-PIM accesses carry no buffer");
    if (channel->mode != PIM_MODE_ABPIM && c->w.ext == 0 && action.device == PIM_DEV_HWR)
        return failed(r, k, c, E_PIM_RULE, "outside AB-PIM a write needs a buffer");
    int64_t time = pim_issue(channel, &action, c->w.n1 + 1, not_before);
    count_bytes(r, channel, c, &action, r->now);
    if (mode)
        pim_set_mode(channel, on);
    if (r->options.trace != NULL)
        trace_line(r, c, time, r->machine->spacing[action.device]);
    const PimEvent event = {action, time, c->w.n1 + 1, (uint32_t)r->machine->spacing[action.device], k, !mode ? 0 : on ? 2 : 1};
    return r->options.unchecked ? WEIR_OK : judge_event(r, &event);
}

static weir_status compute_command(Run *r, const PimStream *s, uint32_t k)
{
    const PimCommand *c = &s->commands.at[k];
    for (unsigned ch = 0; ch < (unsigned)r->machine->channels; ch++) {
        if ((s->channels >> ch & 1) == 0)
            continue;
        const char *why = pim_execute(&r->memory[ch], c, r->buffers);
        if (why != NULL)
            return failed(r, k, c, E_PIM_TRAP, why);
    }
    return WEIR_OK;
}

/* ---- one stream ---- */

static void add_energy(const PimMachine *m, const PimChannel *c, PimStreamResult *s)
{
    static const uint32_t pins = 1u << PIM_DEV_RD | 1u << PIM_DEV_WR | 1u << PIM_DEV_WRGB | 1u << PIM_DEV_RDMAC16 | 1u << PIM_DEV_RDAF16 |
                                 1u << PIM_DEV_WRMAC16 | 1u << PIM_DEV_WRA16;
    static const uint32_t activates = 1u << PIM_DEV_ACT | 1u << PIM_DEV_ACT4 | 1u << PIM_DEV_ACT16 | 1u << PIM_DEV_HACT;
    static const int64_t act_banks[PIM_DEV_COUNT] = {[PIM_DEV_ACT] = 1, [PIM_DEV_ACT4] = 4, [PIM_DEV_ACT16] = 16};
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++) {
        int64_t n = c->counts[d];
        if ((activates >> d & 1) != 0)
            n = d == PIM_DEV_HACT ? c->act_banks : n * act_banks[d];
        s->energy[d] = n * m->energy[d] + ((pins >> d & 1) != 0 ? n * m->pin_energy : 0);
    }
    s->energy[PIM_DEV_HRD] += c->triggers[0] * (m->energy_pim[0] - m->energy[PIM_DEV_HRD]);
    s->energy[PIM_DEV_HWR] += c->triggers[1] * (m->energy_pim[1] - m->energy[PIM_DEV_HWR]);
    /* microwatt * femtosecond = 1e-6 femtojoule */
    double open = (double)c->open_cycles, closed = (double)(s->cycles - c->open_cycles);
    s->energy_idle = (int64_t)((open * (double)m->power_open + closed * (double)m->power_closed) * (double)m->period * 1e-6);
}

static void take_figures(const PimMachine *m, const PimChannel *c, PimStreamResult *s)
{
    s->refreshes = c->refreshes;
    memcpy(s->counts, c->counts, sizeof s->counts);
    memcpy(s->stall, c->stall, sizeof s->stall);
    s->stall_refresh = c->stall_refresh;
    s->misses = c->misses;
    s->busy = c->busy;
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
        if (pim_device_kind((PimDevice)d) == PIM_COLUMN)
            s->accesses += c->counts[d];
    add_energy(m, c, s);
}

static weir_status end_stream(Run *r, PimChannel *channel, PimStreamResult *s)
{
    s->cycles = channel->now < 0 ? 0 : channel->now + r->machine->tail;
    take_figures(r->machine, channel, s);
    int64_t due = pim_refreshes_due(r->machine, s->cycles);
    s->refresh_debt = due > channel->refreshes ? due - channel->refreshes : 0;
    if (channel->first_late != 0 || s->refresh_debt > 0) {
        diag(&r->cx->diag, place_none(), E_PIM_REFRESH, r->stream,
             (long long)(channel->first_late != 0 ? channel->first_late : channel->refreshes + 1), (long long)r->machine->interval);
        return WEIR_INVALID;
    }
    return r->options.unchecked || pim_judge_end(r->judge, s->cycles) ? WEIR_OK : hazard(r, &r->judge->hazard);
}

static weir_status run_stream(Run *r, const PimStream *s, PimStreamResult *result)
{
    PimChannel channel;
    bool time = (r->options.mode & PIM_TIME_ONLY) != 0;
    r->now = result;
    pim_channel_open(&channel, r->machine);
    if (!r->options.unchecked)
        pim_judge_open(r->judge, r->machine);
    if (r->options.trace != NULL) {
        pim_print_stream(s, r->options.trace);
        text_printf(r->options.trace, "\n");
    }
    for (uint32_t k = 0; k < s->commands.n && s->commands.at[k].w.op != PIM_OP_END; k++) {
        TRY(time_command(r, &channel, s, k));
        if (r->memory != NULL)
            TRY(compute_command(r, s, k));
    }
    TRY(end_stream(r, &channel, result));
    if (!time)
        result->cycles = 0;
    return WEIR_OK;
}

/* Launches of other channels run at once. */
static void end_phase(Run *r)
{
    r->result->cycles += r->phase_cycles;
    r->phase_cycles = 0;
    r->phase_channels = 0;
}

static weir_status launch(Run *r, uint32_t number)
{
    if (number >= r->code.streams.n) {
        diag(&r->cx->diag, place_none(), E_IMAGE, "a launch names no stream");
        return WEIR_INVALID;
    }
    const PimStream *s = &r->code.streams.at[number];
    PimStreamResult result = {.channels = s->channels};
    r->stream = number;
    r->first_command = 0;
    for (uint32_t i = 0; i < number; i++)
        r->first_command += r->code.streams.at[i].commands.n;
    if ((r->phase_channels & s->channels) != 0)
        end_phase(r);
    TRY(run_stream(r, s, &result));
    uint64_t channels = (uint64_t)__builtin_popcountll(s->channels);
    r->phase_channels |= s->channels;
    r->phase_cycles = result.cycles > r->phase_cycles ? result.cycles : r->phase_cycles;
    r->result->burst_bytes += (uint64_t)result.pin_bytes * channels;
    r->result->macs += (uint64_t)result.mac_lanes * channels;
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
        r->result->commands += (uint64_t)result.counts[d];
    vec_push(&r->cx->arena, &r->result->streams, result);
    return WEIR_OK;
}

static weir_status run_step(Run *r, const ImageStep *step)
{
    switch (step->op) {
    case STEP_LAUNCH:
        return launch(r, step->a);
    case STEP_FENCE:
        end_phase(r);
        return WEIR_OK;
    case STEP_PREFETCH:
        return WEIR_OK;
    case STEP_HOST:
        end_phase(r);
        if (r->host != NULL)
            return r->host->run(r->host->data, step->a);
        diag(&r->cx->diag, place_none(), E_IMAGE, "it has host steps, which the backend runs");
        return WEIR_UNSUPPORTED;
    default:
        diag(&r->cx->diag, place_none(), E_IMAGE, "SCHED of a memory holds launches, host steps, fences and halt");
        return WEIR_INVALID;
    }
}

/* Constants and inputs that live in the banks are there before the first stream; outputs are taken out of them at the end. */
static void move_banks(Run *r, bool out)
{
    for (uint32_t i = 0; i < r->image->tensors.n; i++) {
        const ImageTensor *t = &r->image->tensors.at[i];
        const unsigned char *data = r->buffers[i] != NULL ? r->buffers[i] : t->data;
        if (t->tier == 0 || data == NULL || out != (t->kind == IMAGE_OUT) || (out && r->buffers[i] == NULL))
            continue;
        uint64_t channel_bytes = t->stride * (uint64_t)r->machine->banks;
        for (uint64_t at = 0; at < t->bytes; at += t->stride) {
            PimMemory *m = &r->memory[at / channel_bytes];
            uint32_t bank = (uint32_t)(at % channel_bytes / t->stride);
            if (out)
                pim_memory_take(m, bank, t->address, r->buffers[i] + at, t->stride);
            else
                pim_memory_fill(m, bank, t->address, data + at, t->stride);
        }
    }
}

static void open_memories(Run *r)
{
    r->memory = ARENA_ARRAY(&r->cx->arena, PimMemory, (size_t)r->machine->channels);
    for (int64_t ch = 0; ch < r->machine->channels; ch++)
        pim_memory_open(&r->memory[ch], r->cx, r->image, r->machine, (uint32_t)ch);
    move_banks(r, false);
}

weir_status pim_sim(weir_context *cx, const Image *image, const PimMachine *machine, PimOptions options, unsigned char *const *buffers,
                    const PimHost *host, PimResult *out_result)
{
    Run r = {.cx = cx, .image = image, .machine = machine, .options = options, .buffers = buffers, .host = host, .result = out_result,
             .judge = ARENA_NEW(&cx->arena, PimJudge)};
    bool served = machine->peer && machine->family == PIM_AIM && (options.mode & PIM_TIME_ONLY) != 0;
    *out_result = (PimResult){0};
    TRY(pim_decode(cx, image, &r.code));
    TRY(pim_check(cx, image, &r.code, machine));
    if ((options.mode & PIM_VALUES) != 0)
        open_memories(&r);
    for (uint32_t i = 0; i < image->steps.n && image->steps.at[i].op != STEP_HALT; i++)
        TRY(run_step(&r, &image->steps.at[i]));
    end_phase(&r);
    if (r.memory != NULL)
        move_banks(&r, true);
    return served ? pim_serve_image(cx, image, &r.code, machine, &out_result->cycles) : WEIR_OK;
}

weir_status pim_judge_image(weir_context *cx, const Image *image, const PimMachine *machine, PimResult *out_result)
{
    Run r = {.cx = cx, .image = image, .machine = machine, .result = out_result, .judge = ARENA_NEW(&cx->arena, PimJudge)};
    *out_result = (PimResult){0};
    uint32_t at = 0;
    TRY(pim_decode(cx, image, &r.code));
    TRY(pim_check(cx, image, &r.code, machine));
    for (r.stream = 0; r.stream < r.code.streams.n; r.stream++) {
        const PimStream *s = &r.code.streams.at[r.stream];
        pim_judge_open(r.judge, machine);
        for (uint32_t k = 0; k < s->commands.n; k++, at++) {
            const PimCommand *c = &s->commands.at[k];
            bool on = false, mode = pim_writes_mode(image, machine, c, &on);
            PimEvent e = {.time = image->at.at[at], .n = 1, .number = k, .mode = !mode ? 0 : on ? 2 : 1};
            if (!pim_action_of(machine, c, &e.action))
                continue;
            if (c->w.n1 != 0)
                return failed(&r, k, c, E_PIM_RULE, "with a time each repeat is a command of its own");
            TRY(judge_event(&r, &e));
        }
        int64_t cycles = r.judge->time < 0 ? 0 : r.judge->time + machine->tail;
        if (!pim_judge_end(r.judge, cycles))
            return hazard(&r, &r.judge->hazard);
        out_result->cycles = cycles > out_result->cycles ? cycles : out_result->cycles;
    }
    return WEIR_OK;
}
