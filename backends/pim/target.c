/*
 * backends/pim/target.c: the target pim: an image of command streams, run by its simulator.
 */
#include "backends/pim/pim_target.h"

#include <string.h>

#include "backends/target.h"
#include "isa/pim/sim.h"

enum { MOST_COMMANDS = 1 << 20, AUTO_VECTORS = 8 };

typedef struct PimProgramOf {
    Device *device;
    PimMachine machine;
} PimProgramOf;

/* Rows of the banks, a bound on the stream's length; with --place=auto only few vectors, which pay: the host would read the
 * weights once for all of them. */
static bool accepts(void *data, const Group *group)
{
    PimEmit *e = data;
    const PimMachine *m = e->machine;
    BankSum sum;
    int64_t used;
    if (!pim_bank_sum(group->mapping->cs, group, &sum) || m->accumulate_bf16 || m->gb_tied || m->accumulators < 1 || m->channels > 64 ||
        (e->automatic && sum.vectors > AUTO_VECTORS))
        return false;
    int64_t blocks = pim_blocks(&sum, m->channels, &used), bursts = (sum.terms + PIM_LANES - 1) / PIM_LANES;
    int64_t rows = (blocks * bursts + m->columns - 1) / m->columns;
    int64_t commands = sum.vectors * (blocks * (4 + bursts / m->gb_bursts + bursts / m->columns) + 4 + 3 * (bursts / m->gb_bursts));
    if (e->rows + rows > m->rows || commands > MOST_COMMANDS)
        return false;
    e->rows += rows;
    return true;
}

static weir_status emit(void *data, Device *device, const Group *group)
{
    return pim_emit_banks(data, device, group);
}

static weir_status finish(void *data, Device *device)
{
    PimEmit *e = data;
    TRY(pim_encode(e->cx, &e->code, &device->image));
    return pim_check(e->cx, &device->image, &e->code, e->machine);
}

weir_status target_pim_compile(Job *job)
{
    PimProgramOf *program = ARENA_NEW(&job->cx->arena, PimProgramOf);
    TRY(pim_machine_from(job->cx, job->machine, &program->machine));
    const char *placing = job->settings->place;
    PimEmit e = {.cx = job->cx, .machine = &program->machine, .automatic = placing != NULL && strcmp(placing, "auto") == 0};
    const DeviceCode code = {.target = IMAGE_PIM, .accepts = accepts, .emit = emit, .finish = finish, .data = &e};
    uint32_t n;
    const Strategy *table = pim_strategies(&n);
    TRY(device_compile(job, table, n, &code, &program->device));
    job->program = program;
    return WEIR_OK;
}

weir_status target_pim_load(Job *job)
{
    (void)job;
    return WEIR_OK;
}

static weir_status simulate(Job *job, ImageRun *run)
{
    const PimProgramOf *program = job->program;
    const PimHost host = {image_run_host, run};
    const PimOptions options = {.mode = PIM_BOTH};
    PimResult result;
    TRY(pim_sim(job->cx, run->image, &program->machine, options, run->buffers, &host, &result));
    job->cycles = (uint64_t)result.cycles;
    return WEIR_OK;
}

weir_status target_pim_run(Job *job, Tensor *values, Tensor *crossing)
{
    return device_run(job, ((PimProgramOf *)job->program)->device, simulate, values, crossing);
}

weir_status target_pim_write(Job *job, const char *output)
{
    return device_write(((PimProgramOf *)job->program)->device, output);
}

bool target_pim_emit(Job *job, const char *what, Text *out)
{
    return device_emit(((PimProgramOf *)job->program)->device, what, out);
}
