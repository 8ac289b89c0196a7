/*
 * isa/rdu/engine.c: fires processes until nothing moves.
 *
 * In:   processes and channels. Out: all firings done (times, values), or a deadlock named.
 * Keep: a process fires as soon as the times it needs are known; the order of evaluation changes nothing. Requests to tiers
 *       wait in a heap by (time, process); the earliest is granted when no process can fire.
 */
#include "isa/rdu/engine.h"

#include <string.h>

#define ARENA(e) (&(e)->cx->arena)
enum { FINE = 256 }; /* parts of a cycle that servers count in */

static void wake(Engine *e, uint32_t process)
{
    Process *p = &e->processes.at[process];
    if (!p->queued && p->fired < p->total) {
        p->queued = true;
        vec_push(ARENA(e), &e->ready, process);
    }
}

static int64_t *ring(int64_t *at, const Channel *c, int64_t number)
{
    return &at[number % c->capacity];
}

/* ---- requests ---- */

static bool before(const Request *a, const Request *b)
{
    return a->time != b->time ? a->time < b->time : a->process != b->process ? a->process < b->process : a->number < b->number;
}

static void heap_push(Engine *e, Request request)
{
    vec_push(ARENA(e), &e->requests, request);
    for (uint32_t i = e->requests.n - 1; i > 0;) {
        uint32_t up = (i - 1) / 2;
        if (!before(&e->requests.at[i], &e->requests.at[up]))
            return;
        Request swap = e->requests.at[i];
        e->requests.at[i] = e->requests.at[up];
        e->requests.at[up] = swap;
        i = up;
    }
}

static Request heap_pop(Engine *e)
{
    Request top = e->requests.at[0];
    Request *h = e->requests.at;
    uint32_t n = --e->requests.n;
    h[0] = h[n];
    for (uint32_t i = 0;;) {
        uint32_t least = i;
        for (uint32_t k = 2 * i + 1; k <= 2 * i + 2 && k < n; k++)
            if (before(&h[k], &h[least]))
                least = k;
        if (least == i)
            return top;
        Request swap = h[i];
        h[i] = h[least];
        h[least] = swap;
        i = least;
    }
}

/* A token appears in the consumer's channel at time t + delay. */
static void publish(Engine *e, Channel *c, int64_t t)
{
    *ring(c->available, c, c->published++) = t + c->delay;
    wake(e, c->consumer);
}

bool rdu_is_finished(const Process *p)
{
    return p->fired == p->total && (p->finish == NULL || p->finished == p->total);
}

static void unit_finished(Engine *e, const Process *p)
{
    for (uint32_t i = 0; i < e->processes.n; i++)
        for (uint32_t k = 0; k < e->processes.at[i].after.n; k++)
            if (e->processes.at[i].after.at[k] == p->unit_i)
                wake(e, i);
}

/* The earliest request is served: reads publish their tokens when they leave the tier, stores are finished. */
void rdu_grant(Engine *e)
{
    Request r = heap_pop(e);
    Process *p = &e->processes.at[r.process];
    int64_t start = r.time * FINE > e->server_free[r.tier] ? r.time * FINE : e->server_free[r.tier];
    e->server_free[r.tier] = start + r.service;
    int64_t served = (start + r.service + FINE - 1) / FINE, finished = served + p->latency;
    p->finish[r.number % p->outstanding] = finished;
    p->finished = r.number + 1;
    p->done = finished > p->done ? finished : p->done;
    for (uint32_t i = 0; i < p->outs.n; i++)
        for (uint32_t k = 0; k < p->outs.at[i].channels.n; k++)
            publish(e, &e->channels.at[p->outs.at[i].channels.at[k]], served);
    wake(e, r.process);
    if (rdu_is_finished(p))
        unit_finished(e, p);
}

/* Bytes of the bursts that this firing touches and the one before did not. */
static uint64_t burst_bytes(Engine *e, Process *p)
{
    uint64_t touched[256];
    uint32_t n = 0, fresh = 0;
    const RduTier *tier = &e->machine->tiers[p->unit->ag.tier];
    uint64_t base = e->image->tensors.at[p->unit->ag.tensor].address;
    for (uint32_t lane = 0; lane < p->program->access.lanes; lane++) {
        int64_t address = 0;
        if (!rdu_lane_address(e, p, lane, &address))
            continue;
        uint64_t burst = (base + (uint64_t)address) / (uint64_t)tier->burst;
        bool seen = false, old = false;
        for (uint32_t i = n; i-- > 0 && !seen;)
            seen = touched[i] == burst;
        for (uint32_t i = 0; i < p->n_bursts && !seen && !old; i++)
            old = p->bursts[i] == burst;
        if (!seen && n < e->width)
            touched[n++] = burst;
        fresh += !seen && !old;
    }
    p->n_bursts = n;
    memcpy(p->bursts, touched, n * sizeof *touched);
    return (uint64_t)fresh * (uint64_t)tier->burst;
}

static void request(Engine *e, uint32_t process, int64_t t)
{
    Process *p = &e->processes.at[process];
    const RduTier *tier = &e->machine->tiers[p->unit->ag.tier];
    uint64_t bytes = burst_bytes(e, p);
    e->bytes[p->unit->ag.tier] += bytes;
    double exact = (double)bytes * FINE / tier->bandwidth;
    int64_t service = (int64_t)exact;
    service += (double)service < exact;
    Request r = {.time = t, .service = service, .process = process, .tier = p->unit->ag.tier, .number = p->fired};
    heap_push(e, r);
}

/* ---- firing ---- */

/* Raises *time to `to`, noting which counter a wait is booked on. */
static void bind(int64_t *time, int64_t to, int64_t **bound, int64_t *counter)
{
    if (to > *time) {
        *time = to;
        *bound = counter;
    }
}

/* The order of units: true when everything before has finished. */
static bool order_met(Engine *e, Process *p, int64_t *time, int64_t **bound)
{
    if (p->fired > 0)
        return true;
    for (uint32_t k = 0; k < p->after.n; k++)
        for (uint32_t i = 0; i < e->processes.n; i++) {
            const Process *q = &e->processes.at[i];
            if (q->unit_i != p->after.at[k])
                continue;
            if (!rdu_is_finished(q))
                return false;
            bind(time, q->done + 2, bound, &p->counters.starve); /* the join fires one cycle after, the unit the next */
        }
    return true;
}

/* Can process p fire now, and when? False while something is unknown. */
static bool firing_time(Engine *e, Process *p, int64_t *out_time)
{
    int64_t time = p->last + (p->fired > 0 ? p->interval : 1), *bound = &p->counters.conflict;
    if (p->fired == 0)
        time = 0;
    for (uint32_t i = 0; i < p->ins.n; i++) {
        const Channel *c = &e->channels.at[p->ins.at[i].channel];
        if (p->n_zero < p->ins.at[i].level)
            continue;
        if (c->published == c->taken)
            return false;
        bind(&time, *ring(c->available, c, c->taken), &bound, &p->counters.starve);
    }
    for (uint32_t i = 0; i < p->outs.n; i++) {
        const OutPort *out = &p->outs.at[i];
        bool needs_slot = (out->whole ? p->n_zero : p->n_last) >= out->level;
        for (uint32_t k = 0; needs_slot && k < out->channels.n; k++) {
            const Channel *c = &e->channels.at[out->channels.at[k]];
            if (c->acquired - c->returned >= c->capacity)
                return false;
            if (c->acquired >= c->capacity)
                bind(&time, *ring(c->freed, c, c->acquired), &bound, &p->counters.stall);
        }
    }
    if (p->finish != NULL && p->fired >= p->outstanding) {
        if (p->finished <= p->fired - p->outstanding)
            return false;
        bind(&time, p->finish[p->fired % p->outstanding], &bound, &p->counters.server);
    }
    if (!order_met(e, p, &time, &bound))
        return false;
    int64_t least = p->fired > 0 ? p->last + 1 : 0;
    if (p->fired > 0)
        *bound += time - least;
    else
        p->counters.idle += time;
    *out_time = time;
    return true;
}

static void take(Engine *e, Process *p, int64_t t)
{
    for (uint32_t i = 0; i < p->ins.n; i++) {
        InPort *in = &p->ins.at[i];
        Channel *c = &e->channels.at[in->channel];
        if (p->n_zero >= in->level) {
            if (c->words != NULL) {
                const uint32_t *token = c->words + (c->taken % c->capacity) * (int64_t)e->width;
                for (uint32_t l = 0; l < e->width; l++)
                    in->word[l] = token[in->broadcast ? 0 : l];
            } else if (c->whole) {
                in->word[0] = (uint32_t)(c->taken % c->capacity);
            }
            c->taken++;
        }
        if ((in->late ? p->n_last : p->n_zero) >= in->level) {
            *ring(c->freed, c, c->returned++) = t + 1;
            wake(e, c->producer);
        }
    }
}

/* Tokens leave at the last firing of their level; an AG's fetched tokens when the tier has served them. */
static void send(Engine *e, Process *p, int64_t t)
{
    for (uint32_t i = 0; i < p->outs.n; i++) {
        const OutPort *out = &p->outs.at[i];
        bool acquires = (out->whole ? p->n_zero : p->n_last) >= out->level;
        for (uint32_t k = 0; k < out->channels.n; k++) {
            Channel *c = &e->channels.at[out->channels.at[k]];
            if (acquires && c->words != NULL)
                memcpy(c->words + (c->acquired % c->capacity) * (int64_t)e->width, rdu_out_words(e, p, out), e->width * sizeof(uint32_t));
            c->acquired += acquires;
            if (p->n_last >= out->level && (p->kind != PROC_FETCH || p->finish == NULL))
                publish(e, c, t);
        }
    }
}

static void advance(Process *p)
{
    uint32_t carried = 0;
    for (uint32_t i = p->n_loops; i-- > 0;) {
        if (++p->index[i] < p->trip[i])
            break;
        p->index[i] = 0;
        carried++;
    }
    p->n_zero = carried; /* the loop that moved is past 0 */
    p->n_last = 0;
    for (uint32_t i = p->n_loops; i-- > 0 && p->index[i] == p->trip[i] - 1;)
        p->n_last++;
}

/* Distinct words of the busiest bank of a PMU access. */
static int64_t bank_conflicts(Engine *e, const Process *p)
{
    uint64_t words[256];
    uint32_t n = 0;
    int64_t worst = 1;
    const RduPmu *pmu = &p->unit->pmu;
    uint64_t mask = (UINT64_C(1) << pmu->bank_bits) - 1;
    for (uint32_t lane = 0; lane < p->program->access.lanes && n < 256; lane++) {
        int64_t address = 0;
        if (!rdu_lane_address(e, p, lane, &address))
            continue;
        uint64_t word = (uint64_t)address >> 2, bank = (uint64_t)address >> pmu->bank_lo & mask;
        int64_t same = 1;
        bool seen = false;
        for (uint32_t i = 0; i < n; i++) {
            seen = seen || words[i] == word;
            same += (words[i] << 2 >> pmu->bank_lo & mask) == bank;
        }
        if (seen)
            continue;
        words[n++] = word;
        worst = same > worst ? same : worst;
    }
    return worst;
}

void rdu_fire(Engine *e, uint32_t process, int64_t t)
{
    Process *p = &e->processes.at[process];
    take(e, p, t);
    if ((e->mode & RDU_VALUES) != 0)
        rdu_fire_values(e, p);
    if ((e->mode & RDU_TIME) != 0 && (p->kind == PROC_READ || p->kind == PROC_WRITE))
        p->interval = bank_conflicts(e, p);
    else if (p->finish != NULL)
        p->interval = p->unit->ag.throttle > 0 ? p->unit->ag.throttle : 1;
    if (p->finish != NULL)
        request(e, process, t);
    send(e, p, t);
    p->last = t;
    p->done = t + 1 > p->done ? t + 1 : p->done;
    p->fired++;
    p->counters.fire++;
    advance(p);
    if (rdu_is_finished(p))
        unit_finished(e, p);
}

void rdu_trap(Engine *e, const Process *p, const char *reason)
{
    if (e->status == WEIR_OK)
        diag(&e->cx->diag, place_none(), E_RDU_TRAP, e->kernel->name, p->unit->name, reason);
    e->status = WEIR_INVALID;
}

void rdu_settle(Engine *e)
{
    for (uint32_t i = 0; i < e->processes.n; i++)
        wake(e, i);
    while ((e->ready.n > 0 || e->requests.n > 0) && e->status == WEIR_OK) {
        if (e->ready.n == 0) {
            rdu_grant(e);
            continue;
        }
        uint32_t process = e->ready.at[--e->ready.n];
        Process *p = &e->processes.at[process];
        p->queued = false;
        int64_t t = 0;
        while (p->fired < p->total && e->status == WEIR_OK && firing_time(e, p, &t))
            rdu_fire(e, process, t);
    }
}

weir_status rdu_run(Engine *e, int64_t *out_cycles)
{
    if ((e->mode & RDU_STEPPED) != 0)
        rdu_step(e);
    else
        rdu_settle(e);
    TRY(e->status);
    int64_t end = 0, store_end = -1;
    for (uint32_t i = 0; i < e->processes.n; i++) {
        const Process *p = &e->processes.at[i];
        if (p->fired < p->total)
            return rdu_report_deadlock(e, i, "");
        end = p->done > end ? p->done : end;
        if (p->kind == PROC_STORE && p->done > store_end)
            store_end = p->done;
    }
    *out_cycles = store_end >= 0 ? store_end : end;
    for (uint32_t i = 0; i < e->processes.n; i++)
        e->processes.at[i].counters.idle += *out_cycles > e->processes.at[i].last + 1 ? *out_cycles - e->processes.at[i].last - 1 : 0;
    return WEIR_OK;
}
