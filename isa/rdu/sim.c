/* isa/rdu/sim.c: the control program: launches, loops, arguments, copies, host steps. See isa/rdu/sim.h. */
#include "isa/rdu/sim.h"

#include <string.h>

#include "isa/rdu/engine.h"

enum { MAX_ARGS = 64, MAX_NESTING = 8 };

typedef struct Run {
    weir_context *cx;
    const Image *image;
    const RduMachine *machine;
    RduMode mode;
    unsigned char *const *buffers;
    const RduHost *host;
    RduCode *code;
    RduResult *result;
    int64_t args[MAX_ARGS];
    uint32_t loop_at[MAX_NESTING];       /* step of each open loop */
    int64_t trip[MAX_NESTING], done[MAX_NESTING];
    uint32_t depth;
} Run;

static void add_counters(RduCounters *to, const RduCounters *from)
{
    to->fire += from->fire;
    to->starve += from->starve;
    to->stall += from->stall;
    to->conflict += from->conflict;
    to->server += from->server;
    to->idle += from->idle;
}

static void add_units(RduKernelResult *result, const Engine *e)
{
    for (uint32_t u = 0; u < result->n_units; u++) {
        const RduCounters *busiest = NULL;
        for (uint32_t i = 0; i < e->processes.n; i++) {
            const Process *p = &e->processes.at[i];
            if (p->unit_i == u && (busiest == NULL || p->counters.fire > busiest->fire))
                busiest = &p->counters;
        }
        if (busiest != NULL)
            add_counters(&result->units[u], busiest);
    }
}

static void add_flows(RduKernelResult *result, const Engine *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->channels.n && n < result->n_flows; i++) {
        const Channel *c = &e->channels.at[i];
        if (c->whole)
            continue;
        RduFlowResult *flow = &result->flows[n++];
        flow->name = c->flow;
        flow->from = e->processes.at[c->producer].unit_i;
        flow->to = e->processes.at[c->consumer].unit_i;
        flow->tokens += c->published;
    }
}

static void add_results(Run *r, const Engine *e, uint32_t kernel, int64_t cycles)
{
    RduKernelResult *result = &r->result->kernels[kernel];
    r->result->cycles += cycles;
    r->result->macs += e->macs;
    for (uint32_t i = 0; i < RDU_MAX_TIERS; i++)
        r->result->bytes[i] += e->bytes[i];
    result->launches++;
    result->cycles += cycles;
    add_units(result, e);
    add_flows(result, e);
}

static void open_results(Run *r)
{
    Arena *arena = &r->cx->arena;
    *r->result = (RduResult){.code = r->code, .kernels = ARENA_ARRAY(arena, RduKernelResult, r->code->kernels.n)};
    for (uint32_t i = 0; i < r->code->kernels.n; i++) {
        const RduKernel *kernel = &r->code->kernels.at[i];
        RduKernelResult *result = &r->result->kernels[i];
        result->n_units = kernel->units.n;
        for (uint32_t f = 0; f < kernel->flows.n; f++)
            result->n_flows += kernel->flows.at[f].ends.n;
        result->units = ARENA_ARRAY(arena, RduCounters, result->n_units);
        result->flows = ARENA_ARRAY(arena, RduFlowResult, result->n_flows);
    }
}

static weir_status launch(Run *r, const ImageStep *step)
{
    if (step->a >= r->code->kernels.n) {
        diag(&r->cx->diag, place_none(), E_IMAGE, "a launch names no kernel");
        return WEIR_INVALID;
    }
    Engine e = {.cx = r->cx, .image = r->image, .machine = r->machine, .kernel = &r->code->kernels.at[step->a], .mode = r->mode,
                .buffers = r->buffers, .args = r->args};
    int64_t cycles = 0;
    TRY(rdu_check_deadlock(&e));
    rdu_build(&e);
    TRY(rdu_run(&e, &cycles));
    r->result->launches++;
    r->result->launch_cycles += r->machine->launch_host;
    add_results(r, &e, step->a, cycles);
    return WEIR_OK;
}

static weir_status copy(Run *r, const ImageStep *step)
{
    const ImageTensor *to = &r->image->tensors.at[step->a], *from = &r->image->tensors.at[step->b];
    if ((r->mode & RDU_VALUES) == 0)
        return WEIR_OK;
    const unsigned char *source = r->buffers[step->b] != NULL ? r->buffers[step->b] : from->data;
    if (to->bytes != from->bytes || r->buffers[step->a] == NULL || source == NULL) {
        diag(&r->cx->diag, place_none(), E_IMAGE, "a copy between tensors of different sizes");
        return WEIR_INVALID;
    }
    memmove(r->buffers[step->a], source, to->bytes);
    return WEIR_OK;
}

/* Sets an argument: base + stride * iteration of the innermost open loop. */
static weir_status set_arg(Run *r, const ImageStep *step)
{
    if (step->a >= MAX_ARGS) {
        diag(&r->cx->diag, place_none(), E_IMAGE, "argument slots end at 63");
        return WEIR_INVALID;
    }
    int64_t iteration = r->depth > 0 ? r->done[r->depth - 1] : 0;
    r->args[step->a] = (int64_t)step->b + (int64_t)(int32_t)step->c * iteration;
    return WEIR_OK;
}

static weir_status run_step(Run *r, uint32_t *at)
{
    const ImageStep *step = &r->image->steps.at[*at];
    switch (step->op) {
    case STEP_LAUNCH:
        return launch(r, step);
    case STEP_COPY:
        return copy(r, step);
    case STEP_ARG:
        return set_arg(r, step);
    case STEP_HOST:
        if (r->host == NULL) {
            diag(&r->cx->diag, place_none(), E_IMAGE, "it has host steps, which the backend runs");
            return WEIR_UNSUPPORTED;
        }
        return r->host->run(r->host->data, step->a);
    case STEP_LOOP:
        if (r->depth == MAX_NESTING || step->a == 0) {
            diag(&r->cx->diag, place_none(), E_IMAGE, "loops nest 8 deep and run at least once");
            return WEIR_INVALID;
        }
        r->loop_at[r->depth] = *at;
        r->trip[r->depth] = step->a;
        r->done[r->depth++] = 0;
        return WEIR_OK;
    case STEP_ENDLOOP:
        if (r->depth == 0) {
            diag(&r->cx->diag, place_none(), E_IMAGE, "endloop without loop");
            return WEIR_INVALID;
        }
        if (++r->done[r->depth - 1] < r->trip[r->depth - 1])
            *at = r->loop_at[r->depth - 1];
        else
            r->depth--;
        return WEIR_OK;
    default: /* fence, prefetch: everything is in order, configuration costs are apart */
        return WEIR_OK;
    }
}

weir_status rdu_sim(weir_context *cx, const Image *image, const RduMachine *machine, RduMode mode, unsigned char *const *buffers,
                    const RduHost *host, RduResult *out_result)
{
    Run r = {.cx = cx, .image = image, .machine = machine, .mode = mode, .buffers = buffers, .host = host, .result = out_result};
    r.code = ARENA_NEW(&cx->arena, RduCode);
    TRY(rdu_code_of(cx, image, r.code));
    TRY(rdu_check(cx, image, r.code, machine));
    open_results(&r);
    for (uint32_t at = 0; at < image->steps.n && image->steps.at[at].op != STEP_HALT; at++)
        TRY(run_step(&r, &at));
    return WEIR_OK;
}
