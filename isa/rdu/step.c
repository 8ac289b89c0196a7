/*
 * isa/rdu/step.c: time cycle by cycle, the reference of the recurrence.
 *
 * In:   processes and channels. Out: all firings done, or nothing left that could move.
 * Keep: at cycle `now` only what earlier cycles left counts: tokens and space made at t are seen from t + 1 on, requests made at
 *       `now` are granted at its end, all of them, in the order of processes.
 */
#include "isa/rdu/engine.h"

static bool has_tokens(const Engine *e, const Process *p, int64_t now)
{
    for (uint32_t i = 0; i < p->ins.n; i++) {
        const Channel *c = &e->channels.at[p->ins.at[i].channel];
        if (p->n_zero >= p->ins.at[i].level && (c->published <= c->taken || c->available[c->taken % c->capacity] > now))
            return false;
    }
    return true;
}

static bool has_space(const Engine *e, const Process *p, int64_t now)
{
    for (uint32_t i = 0; i < p->outs.n; i++) {
        const OutPort *out = &p->outs.at[i];
        if ((out->whole ? p->n_zero : p->n_last) < out->level)
            continue;
        for (uint32_t k = 0; k < out->channels.n; k++) {
            const Channel *c = &e->channels.at[out->channels.at[k]];
            int64_t before = c->acquired - c->capacity; /* the slot's last tenant */
            if (before >= 0 && (before >= c->returned || c->freed[before % c->capacity] > now))
                return false;
        }
    }
    return true;
}

static bool has_request(const Process *p, int64_t now)
{
    if (p->finish == NULL || p->fired < p->outstanding)
        return true;
    int64_t before = p->fired - p->outstanding;
    return p->finished > before && p->finish[before % p->outstanding] <= now;
}

static bool has_turn(const Engine *e, const Process *p, int64_t now)
{
    for (uint32_t k = 0; p->fired == 0 && k < p->after.n; k++)
        for (uint32_t i = 0; i < e->processes.n; i++) {
            const Process *q = &e->processes.at[i];
            if (q->unit_i == p->after.at[k] && (!rdu_is_finished(q) || now < q->done + 2))
                return false;
        }
    return true;
}

/* NULL: it fires; else the counter that the cycle is booked on. */
static int64_t *waits_on(const Engine *e, Process *p, int64_t now)
{
    if (p->fired > 0 && now < p->last + p->interval)
        return &p->counters.conflict;
    if (!has_tokens(e, p, now) || !has_turn(e, p, now))
        return &p->counters.starve;
    if (!has_space(e, p, now))
        return &p->counters.stall;
    return has_request(p, now) ? NULL : &p->counters.server;
}

static void later(int64_t *horizon, int64_t time)
{
    *horizon = time > *horizon ? time : *horizon;
}

/* The latest time at which something that process p has caused may let somebody move. */
static void see_ahead(const Engine *e, const Process *p, int64_t now, int64_t *horizon)
{
    later(horizon, p->last + p->interval);
    later(horizon, p->done + 2);
    later(horizon, now + 1);
    for (uint32_t i = 0; i < p->outs.n; i++)
        for (uint32_t k = 0; k < p->outs.at[i].channels.n; k++) {
            const Channel *c = &e->channels.at[p->outs.at[i].channels.at[k]];
            if (c->published > 0)
                later(horizon, c->available[(c->published - 1) % c->capacity]);
        }
}

void rdu_step(Engine *e)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < e->processes.n; i++)
        left += e->processes.at[i].total > 0;
    int64_t horizon = 1;
    for (int64_t now = 0; left > 0 && now <= horizon && e->status == WEIR_OK; now++) {
        for (uint32_t i = 0; i < e->processes.n; i++) {
            Process *p = &e->processes.at[i];
            if (p->fired == p->total)
                continue;
            int64_t *counter = waits_on(e, p, now);
            if (counter != NULL) {
                *(p->fired > 0 ? counter : &p->counters.idle) += 1;
                continue;
            }
            rdu_fire(e, i, now);
            left -= p->fired == p->total;
            see_ahead(e, p, now, &horizon);
        }
        while (e->requests.n > 0) {
            const Process *p = &e->processes.at[e->requests.at[0].process];
            rdu_grant(e);
            see_ahead(e, p, now, &horizon);
        }
    }
    while (e->requests.n > 0)
        rdu_grant(e);
}
