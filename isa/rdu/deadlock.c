/*
 * isa/rdu/deadlock.c: deadlock found before the run, with the channels to deepen.
 *
 * In:   a kernel and its machine. Out: nothing, or E_RDU_DEADLOCK with the cycle of waits and, for every channel of it, the least capacity that is enough.
 * Keep: whether a network of bounded channels deadlocks does not depend on time, so counting tokens decides it. A macro-iteration is
 *       the greatest common part of all processes' loops outside every port: after it all channels are as full as before.
 */
#include "isa/rdu/engine.h"
#include "support/integer.h"

#include <string.h>

#define ARENA(e) (&(e)->cx->arena)
#define NO_CHANNEL UINT32_MAX

static const char *unit_name(const Engine *e, uint32_t process)
{
    return e->kernel->units.at[e->processes.at[process].unit_i].name;
}

/* ---- what waits for what ---- */

typedef struct Wait {
    uint32_t on;      /* process */
    uint32_t channel; /* whose space it waits for, or NO_CHANNEL */
    const char *why;
} Wait;

static Wait blocked_on(const Engine *e, uint32_t process)
{
    const Process *p = &e->processes.at[process];
    for (uint32_t i = 0; i < p->ins.n; i++) {
        const Channel *c = &e->channels.at[p->ins.at[i].channel];
        if (p->n_zero >= p->ins.at[i].level && c->published == c->taken)
            return (Wait){c->producer, NO_CHANNEL,
                          arena_printf(ARENA(e), "%s waits for a token on %s from %s", unit_name(e, process), c->flow, unit_name(e, c->producer))};
    }
    for (uint32_t i = 0; i < p->outs.n; i++) {
        bool needs = (p->outs.at[i].whole ? p->n_zero : p->n_last) >= p->outs.at[i].level;
        for (uint32_t k = 0; needs && k < p->outs.at[i].channels.n; k++) {
            const Channel *c = &e->channels.at[p->outs.at[i].channels.at[k]];
            if (c->acquired - c->returned >= c->capacity)
                return (Wait){c->consumer, p->outs.at[i].channels.at[k],
                              arena_printf(ARENA(e), "%s waits for space on %s (capacity %lld) held by %s", unit_name(e, process), c->flow,
                                           (long long)c->capacity, unit_name(e, c->consumer))};
        }
    }
    return (Wait){process, NO_CHANNEL, arena_printf(ARENA(e), "%s waits for a unit before it", unit_name(e, process))};
}

weir_status rdu_report_deadlock(Engine *e, uint32_t first, const char *cure)
{
    Text text;
    text_init(&text, ARENA(e));
    bool *seen = ARENA_ARRAY(ARENA(e), bool, e->processes.n);
    for (uint32_t at = first; !seen[at];) {
        seen[at] = true;
        Wait wait = blocked_on(e, at);
        text_printf(&text, "%s%s", text.n > 0 ? "; " : "", wait.why);
        at = wait.on;
        if (e->processes.at[at].fired == e->processes.at[at].total)
            break;
    }
    text_printf(&text, "%s", cure);
    diag(&e->cx->diag, place_none(), E_RDU_DEADLOCK, e->kernel->name, text.at);
    return WEIR_INVALID;
}

/* A process on the cycle of waits that `first` leads to. */
static uint32_t into_cycle(const Engine *e, uint32_t first)
{
    for (uint32_t i = 0; i < e->processes.n; i++)
        first = blocked_on(e, first).on;
    return first;
}

/* ---- counting tokens ---- */

/* Iterations of the loops that no port looks into. */
static int64_t outer_iterations(const Process *p)
{
    uint32_t level = 0;
    int64_t n = 1;
    for (uint32_t i = 0; i < p->ins.n; i++)
        level = p->ins.at[i].level > level ? p->ins.at[i].level : level;
    for (uint32_t i = 0; i < p->outs.n; i++)
        level = p->outs.at[i].level > level ? p->outs.at[i].level : level;
    for (uint32_t i = 0; i + level < p->n_loops; i++)
        n *= p->trip[i];
    return n;
}

static void cut_to_macro_iteration(Engine *e)
{
    int64_t g = 0;
    for (uint32_t i = 0; i < e->processes.n; i++) {
        g = common_divisor(outer_iterations(&e->processes.at[i]), g);
        if (e->processes.at[i].after.n > 0)
            return; /* whole runs follow each other */
    }
    for (uint32_t i = 0; i < e->processes.n; i++)
        e->processes.at[i].total /= g > 0 ? g : 1;
}

/* Tokens counted with one channel's capacity changed (0: none); the first stuck process, or UINT32_MAX. */
static uint32_t count_tokens(const Engine *like, uint32_t channel, int64_t capacity, Engine *out_engine)
{
    Engine e = {.cx = like->cx, .image = like->image, .machine = like->machine, .kernel = like->kernel, .args = like->args,
                .deepened = channel, .deepened_to = capacity};
    rdu_build(&e);
    cut_to_macro_iteration(&e);
    rdu_settle(&e);
    *out_engine = e;
    for (uint32_t i = 0; i < e.processes.n; i++)
        if (e.processes.at[i].fired < e.processes.at[i].total)
            return i;
    return UINT32_MAX;
}

/* ---- the cure ---- */

enum { MOST_TOKENS = 1 << 20 };

/* The least capacity of the channel with which everything runs; 0 if none up to MOST_TOKENS. */
static int64_t least_capacity(const Engine *like, uint32_t channel, int64_t now)
{
    Engine e;
    int64_t low = now, high = now;
    do {
        low = high;
        high *= 2;
        if (high > MOST_TOKENS)
            return 0;
    } while (count_tokens(like, channel, high, &e) != UINT32_MAX);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (count_tokens(like, channel, middle, &e) == UINT32_MAX)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* What the channel needs so that it alone makes the kernel run; NULL if it cannot. */
static const char *channel_cure(const Engine *like, const Engine *stuck, uint32_t channel)
{
    const Channel *c = &stuck->channels.at[channel];
    const char *unit = unit_name(stuck, c->producer);
    if (c->whole && stuck->processes.at[c->producer].unit->head.kind != RDU_KIND_PMU)
        return NULL; /* a shadow accumulator */
    int64_t needed = least_capacity(like, channel, c->capacity);
    if (needed == 0)
        return NULL;
    if (c->whole)
        return arena_printf(ARENA(stuck), "%s needs %lld buffers: nbuf=%lld", unit, (long long)needed, (long long)needed);
    bool scalar = false;
    for (uint32_t i = 0; i < stuck->kernel->flows.n; i++)
        scalar = scalar || (stuck->kernel->flows.at[i].name == c->flow && stuck->kernel->flows.at[i].flow.net == RDU_NET_SCA);
    int64_t held = c->delay - 1; /* by the producer's and the switches' registers */
    return arena_printf(ARENA(stuck), "%s from %s needs capacity %lld, of which %lld in flight: fifo.%s = %lld", c->flow, unit, (long long)needed,
                        (long long)held, scalar ? "scalar" : "vector", (long long)(needed - held));
}

enum { MOST_CURES = 4 };

/* Every channel of the cycle from process `in_cycle` that helps alone, buffers first. */
static const char *cure(const Engine *like, const Engine *stuck, uint32_t in_cycle)
{
    Text text;
    text_init(&text, ARENA(stuck));
    uint32_t tried = 0;
    for (int whole = 1; whole >= 0; whole--) {
        uint32_t at = in_cycle;
        do {
            Wait wait = blocked_on(stuck, at);
            at = wait.on;
            if (wait.channel == NO_CHANNEL || stuck->channels.at[wait.channel].whole != (whole == 1) || tried++ >= MOST_CURES)
                continue;
            const char *one = channel_cure(like, stuck, wait.channel);
            if (one != NULL)
                text_printf(&text, "%s%s", text.n > 0 ? ", or " : "; ", one);
        } while (at != in_cycle);
    }
    return text.n > 0 ? text.at : "; no single channel helps";
}

weir_status rdu_check_deadlock(const Engine *like)
{
    Engine e;
    uint32_t first = count_tokens(like, NO_CHANNEL, 0, &e);
    if (first == UINT32_MAX)
        return WEIR_OK;
    first = into_cycle(&e, first);
    return rdu_report_deadlock(&e, first, cure(like, &e, first));
}
