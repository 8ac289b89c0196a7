/*
 * isa/rdu/build.c: a kernel as processes and channels.
 *
 * A simd PCU and an AG are one process, a PMU one a program, a sys PCU up to three: a loader of initial accumulators, the
 * array, and a drain; shadow accumulators are channels of capacity 1 between them.
 */
#include <string.h>

#include "isa/rdu/engine.h"

#define ARENA(e) (&(e)->cx->arena)

static int64_t loop_trip(const Engine *e, const RduLoop *loop)
{
    return loop->src == 1 ? e->args[loop->trip] : (int64_t)loop->trip;
}

/* The effective loops: a run of vec loops is one, of as many iterations as its points fill lanes. */
static void set_loops(const Engine *e, Process *p)
{
    const RduProgram *program = p->program;
    p->n_loops = rdu_n_levels(program);
    p->total = 1;
    for (uint32_t i = 0; i < p->n_loops; i++) {
        uint32_t first = 0, last = 0;
        rdu_level_loops(program, i, &first, &last);
        int64_t points = 1;
        for (uint32_t l = first; l <= last; l++)
            points *= loop_trip(e, &program->loops.at[l]);
        if (program->loops.at[first].vec)
            points = (points + program->access.lanes - 1) / program->access.lanes;
        p->trip[i] = points;
        p->total *= points;
    }
    p->n_zero = p->n_last = p->n_loops;
    for (uint32_t i = p->n_loops; i-- > 0;)
        if (p->trip[i] != 1) {
            p->n_last = p->n_loops - 1 - i;
            break;
        }
}

static Process *add_process(Engine *e, ProcessKind kind, uint32_t unit_i, const RduProgram *program)
{
    Process p = {.kind = kind, .unit_i = unit_i, .unit = &e->kernel->units.at[unit_i], .program = program, .interval = 1};
    set_loops(e, &p);
    p.last = -1;
    p.lanes = ARENA_ARRAY(ARENA(e), uint32_t, e->width);
    p.tail = ARENA_ARRAY(ARENA(e), uint32_t, e->width);
    vec_push(ARENA(e), &e->processes, p);
    return &e->processes.at[e->processes.n - 1];
}

static uint32_t add_channel(Engine *e, Channel channel)
{
    if (e->deepened_to > 0 && e->deepened == e->channels.n)
        channel.capacity = e->deepened_to;
    size_t n = (size_t)channel.capacity;
    channel.available = ARENA_ARRAY(ARENA(e), int64_t, n);
    channel.freed = ARENA_ARRAY(ARENA(e), int64_t, n);
    if ((e->mode & RDU_VALUES) != 0 && !channel.whole)
        channel.words = ARENA_ARRAY(ARENA(e), uint32_t, arena_array_bytes(ARENA(e), n, e->width));
    vec_push(ARENA(e), &e->channels, channel);
    return e->channels.n - 1;
}

/* Connects two processes: `out` of the producer and `in` of the consumer get the channel. */
static void connect(Engine *e, Channel channel, InPort in, OutPort out)
{
    uint32_t number = add_channel(e, channel);
    in.channel = number;
    in.word = ARENA_ARRAY(ARENA(e), uint32_t, e->width);
    vec_push(ARENA(e), &out.channels, number);
    vec_push(ARENA(e), &e->processes.at[channel.consumer].ins, in);
    vec_push(ARENA(e), &e->processes.at[channel.producer].outs, out);
}

static const Elementary *tail_function(Engine *e, const RduUnit *u)
{
    static const Fn functions[RDU_TAIL_COUNT] = {
#define RDU_TAIL(id, text, number, constants, fn, doc) [number] = FN_##fn,
#include "isa/rdu/op.def"
    };
    Fn fn = functions[u->pcu.tail];
    return fn != FN_NONE ? elementary(e->cx, fn) : NULL;
}

/* ---- sys ---- */

/* The nest of a loader or drain: the loops outside the mac level, then the rows. */
static void rows_nest(Process *p, const Process *mac, const RduSys *sys)
{
    uint32_t outer = mac->n_loops - sys->mac_level;
    p->n_loops = outer + 1;
    p->total = sys->rows;
    for (uint32_t i = 0; i < outer; i++) {
        p->trip[i] = mac->trip[i];
        p->total *= mac->trip[i];
    }
    p->trip[outer] = sys->rows;
    p->n_zero = p->n_loops;
    p->n_last = sys->rows == 1 ? p->n_loops : 0;
    for (uint32_t i = outer; p->n_last > 0 && i-- > 0;)
        if (p->trip[i] != 1) {
            p->n_last = p->n_loops - 1 - i;
            break;
        }
}

static void build_sys(Engine *e, uint32_t unit_i)
{
    const RduUnit *u = &e->kernel->units.at[unit_i];
    const RduProgram *program = &u->programs.at[0];
    size_t tile = (size_t)u->sys.rows * u->sys.cols;
    uint32_t mac_i = e->processes.n, load_i = 0, drain_i = mac_i + 1;
    Process *mac = add_process(e, PROC_MAC, unit_i, program);
    mac->tile = ARENA_ARRAY(ARENA(e), uint32_t, tile);
    Process *drain = add_process(e, PROC_DRAIN, unit_i, program);
    rows_nest(drain, &e->processes.at[mac_i], &u->sys);
    drain->tile = ARENA_ARRAY(ARENA(e), uint32_t, tile);
    drain->reduced = ARENA_ARRAY(ARENA(e), uint32_t, e->width);
    drain->elementary = tail_function(e, u);
    drain->latency = (u->sys.drain_tail ? e->machine->tail : 0) + (u->sys.drain_reduce && u->reduce.tree ? e->machine->tree : 0);
    Channel shadow = {.flow = "the shadow accumulators", .producer = mac_i, .consumer = drain_i, .capacity = 1, .whole = true,
                      .delay = e->machine->stages + 3};
    connect(e, shadow, (InPort){.level = 1, .late = true, .port = UINT32_MAX}, (OutPort){.level = u->sys.mac_level, .source = UINT32_MAX});
    if (u->sys.init == RDU_INIT_ZERO)
        return;
    load_i = e->processes.n;
    Process *load = add_process(e, PROC_LOAD, unit_i, program);
    rows_nest(load, &e->processes.at[mac_i], &u->sys);
    load->tile = ARENA_ARRAY(ARENA(e), uint32_t, tile);
    Channel initial = {.flow = "the initial accumulators", .producer = load_i, .consumer = mac_i, .capacity = 1, .whole = true, .delay = 1};
    connect(e, initial, (InPort){.level = u->sys.mac_level, .port = UINT32_MAX}, (OutPort){.level = 1, .source = UINT32_MAX, .whole = true});
}

/* ---- memory units ---- */

static void build_pmu(Engine *e, uint32_t unit_i)
{
    const RduUnit *u = &e->kernel->units.at[unit_i];
    uint32_t first = e->processes.n, writer = UINT32_MAX;
    for (uint32_t i = 0; i < u->programs.n; i++) {
        const RduProgram *program = &u->programs.at[i];
        Process *p = add_process(e, program->access.dir ? PROC_WRITE : PROC_READ, unit_i, program);
        p->latency = program->access.dir ? e->machine->pmu_write : e->machine->pmu_read;
        if (program->access.dir && program->access.swap_on)
            writer = first + i;
    }
    for (uint32_t i = 0; i < u->programs.n && writer != UINT32_MAX; i++) {
        const RduAccess *a = &u->programs.at[i].access;
        if (a->dir || !a->swap_on)
            continue;
        Channel buffers = {.flow = "the buffers", .producer = writer, .consumer = first + i, .capacity = u->pmu.nbuf, .whole = true,
                           .delay = e->machine->pmu_write + 1};
        const RduAccess *w = &e->processes.at[writer].program->access;
        connect(e, buffers, (InPort){.level = a->swap_level, .late = true, .port = UINT32_MAX},
                (OutPort){.level = w->swap_level, .source = UINT32_MAX, .whole = true});
        Channel *c = &e->channels.at[e->channels.n - 1];
        c->acquired = c->published = u->pmu.init;
    }
    if ((e->mode & RDU_VALUES) == 0)
        return;
    size_t bytes = arena_array_bytes(ARENA(e), u->pmu.nbuf, u->pmu.buf_bytes);
    unsigned char *memory = arena_alloc(ARENA(e), bytes);
    for (size_t i = 0; i + 4 <= (size_t)u->pmu.init * u->pmu.buf_bytes; i += 4)
        memcpy(memory + i, &u->pmu.init_value, 4);
    e->memory[unit_i] = memory;
}

static void build_ag(Engine *e, uint32_t unit_i)
{
    const RduUnit *u = &e->kernel->units.at[unit_i];
    const RduProgram *program = &u->programs.at[0];
    Process *p = add_process(e, program->access.dir ? PROC_STORE : PROC_FETCH, unit_i, program);
    p->latency = program->access.dir ? 0 : e->machine->tiers[u->ag.tier].latency;
    p->outstanding = u->ag.outstanding != 0 ? u->ag.outstanding : e->machine->outstanding;
    if (e->mode != 0) /* token counts alone: nobody waits for a tier */
        p->finish = ARENA_ARRAY(ARENA(e), int64_t, (size_t)p->outstanding);
    p->bursts = ARENA_ARRAY(ARENA(e), uint64_t, e->width);
}

static void build_simd(Engine *e, uint32_t unit_i)
{
    const RduUnit *u = &e->kernel->units.at[unit_i];
    Process *p = add_process(e, PROC_SIMD, unit_i, &u->programs.at[0]);
    p->latency = (int64_t)u->stages.n + 2 + (u->pcu.tail != RDU_TAIL_NONE ? e->machine->tail : 0) +
                 (u->reduce.op != RDU_RED_NONE && u->reduce.tree ? e->machine->tree : 0);
    p->elementary = tail_function(e, u);
    p->regs = ARENA_ARRAY(ARENA(e), uint32_t, 16 * (size_t)e->width);
    p->accs = ARENA_ARRAY(ARENA(e), uint32_t, 16 * (size_t)e->width);
    p->reduced = ARENA_ARRAY(ARENA(e), uint32_t, e->width);
}

/* ---- flows ---- */

/* The process that makes (or takes) the tokens of a unit's port number `port`, and the port. */
static uint32_t out_process(const Engine *e, uint32_t unit_i, uint32_t port, const RduOut **out_port)
{
    const RduUnit *u = &e->kernel->units.at[unit_i];
    uint32_t program = 0, process = 0;
    while (port >= u->programs.at[program].outs.n)
        port -= u->programs.at[program++].outs.n;
    *out_port = &u->programs.at[program].outs.at[port];
    while (e->processes.at[process].unit_i != unit_i || e->processes.at[process].program != &u->programs.at[program])
        process++;
    bool sys = u->head.kind == RDU_KIND_PCU && u->pcu.mode == 1;
    return process + (sys ? 1 : 0); /* a sys unit's outputs are the drain's */
}

static uint32_t in_process(const Engine *e, uint32_t unit_i, uint32_t port, const RduIn **out_port)
{
    const RduUnit *u = &e->kernel->units.at[unit_i];
    uint32_t program = 0, process = 0;
    while (port >= u->programs.at[program].ins.n)
        port -= u->programs.at[program++].ins.n;
    *out_port = &u->programs.at[program].ins.at[port];
    while (e->processes.at[process].unit_i != unit_i || e->processes.at[process].program != &u->programs.at[program])
        process++;
    bool loads = u->head.kind == RDU_KIND_PCU && u->pcu.mode == 1 && (*out_port)->port == 2;
    return process + (loads ? 2 : 0);
}

static int64_t distance(const Engine *e, uint32_t a, uint32_t b)
{
    const RduHead *p = &e->kernel->units.at[a].head, *q = &e->kernel->units.at[b].head;
    int64_t dx = (int64_t)p->x - q->x, dy = (int64_t)p->y - q->y;
    bool cut = e->machine->cut_row > 0 && (p->y < e->machine->cut_row) != (q->y < e->machine->cut_row);
    return ((dx < 0 ? -dx : dx) + (dy < 0 ? -dy : dy)) * e->machine->hop + (cut ? e->machine->cut : 0);
}

/* Levels of a drain or loader count from the rows: the mac level is its level 0 (one token a row); outside it one more. */
static uint32_t rows_level(const RduSys *sys, uint32_t level, bool each_row)
{
    return each_row ? 0 : level - sys->mac_level + 1;
}

static void add_flow(Engine *e, const RduFlow *f)
{
    const RduOut *out = NULL;
    uint32_t producer = out_process(e, f->flow.src, f->flow.src_port, &out);
    OutPort out_port = {.level = out->level, .source = out->src, .reg = out->reg, .type = out->fmt};
    if (e->processes.at[producer].kind == PROC_DRAIN)
        out_port.level = rows_level(&e->processes.at[producer].unit->sys, out->level, out->level == e->processes.at[producer].unit->sys.mac_level);
    int64_t depth = f->flow.net == RDU_NET_SCA ? e->machine->fifo_scalar : e->machine->fifo_vector;
    for (uint32_t i = 0; i < f->ends.n; i++) {
        const RduIn *in = NULL;
        uint32_t consumer = in_process(e, f->ends.at[i].id, f->ends.at[i].port, &in);
        int64_t hops = distance(e, f->flow.src, f->ends.at[i].id), latency = e->processes.at[producer].latency;
        Channel c = {.flow = f->name, .producer = producer, .consumer = consumer, .capacity = depth + latency + hops, .delay = latency + hops + 1};
        if (c.capacity < f->flow.init)
            c.capacity = f->flow.init;
        c.acquired = c.published = f->flow.init;
        InPort in_port = {.level = in->level, .port = in->port, .type = in->fmt, .broadcast = f->flow.net == RDU_NET_SCA || in->bcast == 1};
        const RduSys *sys = &e->processes.at[consumer].unit->sys;
        if (e->processes.at[consumer].kind == PROC_LOAD)
            in_port.level = rows_level(sys, in->level, sys->init == RDU_INIT_TILE);
        in_port.channel = add_channel(e, c);
        in_port.word = ARENA_ARRAY(ARENA(e), uint32_t, e->width);
        vec_push(ARENA(e), &e->processes.at[consumer].ins, in_port);
        vec_push(ARENA(e), &out_port.channels, in_port.channel);
    }
    vec_push(ARENA(e), &e->processes.at[producer].outs, out_port);
}

static void add_order(Engine *e, const RduCtl *ctl)
{
    for (uint32_t o = 0; o < ctl->outs.n; o++)
        for (uint32_t i = 0; i < e->processes.n; i++)
            for (uint32_t k = 0; e->processes.at[i].unit_i == ctl->outs.at[o].id && k < ctl->ins.n; k++)
                vec_push(ARENA(e), &e->processes.at[i].after, ctl->ins.at[k].id);
}

void rdu_build(Engine *e)
{
    e->width = (uint32_t)e->machine->lanes * 4;
    e->memory = ARENA_ARRAY(ARENA(e), unsigned char *, e->kernel->units.n);
    for (uint32_t i = 0; i < e->kernel->units.n; i++) {
        const RduUnit *u = &e->kernel->units.at[i];
        if (u->head.kind == RDU_KIND_PMU)
            build_pmu(e, i);
        else if (u->head.kind == RDU_KIND_AG)
            build_ag(e, i);
        else if (u->pcu.mode == 1)
            build_sys(e, i);
        else
            build_simd(e, i);
    }
    for (uint32_t i = 0; i < e->kernel->flows.n; i++)
        add_flow(e, &e->kernel->flows.at[i]);
    for (uint32_t i = 0; i < e->kernel->ctls.n; i++)
        add_order(e, &e->kernel->ctls.at[i]);
}
