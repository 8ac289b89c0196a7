/*
 * backends/rdu/target.c: the target rdu: an image of dataflow kernels, run by its simulator.
 */
#include "backends/rdu/rdu_target.h"

#include "backends/target.h"
#include "isa/rdu/sim.h"

typedef struct RduProgramOf {
    Device *device;
    RduMachine machine;
} RduProgramOf;

static int64_t tensor_room(const Cascade *cs, TensorId tensor)
{
    return (tensor_size(cs, tensor) * 4 + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
}

/* Loops of a unit: the tree's, the rows, the lanes. Memory: every tensor of the group, padded to whole tiles at most
 * by the factor that the array's width gives. */
static bool accepts(void *data, const Group *group)
{
    RduEmit *e = data;
    const Mapping *m = group->mapping;
    const Cascade *cs = m->cs;
    const Statement *sum = statement_at(cs, group->statements[0]);
    MapNodeId path[64];
    uint32_t n = mapping_path(m, mapping_leaf(m, group->statements[0]), path, 64), outer = 0, inner = 0, lanes = 0;
    int64_t bytes = tensor_room(cs, statement_at(cs, group->statements[group->n - 1])->targets[0].tensor), padded = 1;
    for (uint32_t i = 0; i < n; i++) {
        const MapNode *node = node_at(m, path[i]);
        bool is_loop = node->role == ROLE_FOR || node->role == ROLE_PIPE;
        inner += is_loop && part_at(m, node->part)->origin == PART_RANK && mapping_leaf(m, group->statements[0]).i != 0 ? 1 : 0;
        outer += is_loop ? 1 : 0;
        if (node->role == ROLE_LANE) {
            padded *= part_at(m, node->part)->extent;
            lanes++;
        }
    }
    (void)inner;
    for (uint32_t k = 0; k < 2; k++) {
        TensorId tensor = expr_at(cs, expr_arg(cs, sum->body, k))->tensor;
        bytes += tensor_room(cs, tensor) + (tensor_at(cs, tensor)->role == TENSOR_CONST ? padded * 64 : 0);
    }
    bytes += sum->from.i != 0 ? tensor_room(cs, expr_at(cs, sum->from)->tensor) + 64 : 0;
    if ((int64_t)outer + 1 > e->machine->max_loops || (int64_t)outer + lanes > e->machine->max_loops + (int64_t)sum->n_reduced ||
        e->bytes + bytes > e->machine->tiers[0].bytes)
        return false;
    e->bytes += bytes;
    return true;
}

static weir_status emit(void *data, Device *device, const Group *group)
{
    return rdu_emit_array(data, device, group);
}

static weir_status finish(void *data, Device *device)
{
    RduEmit *e = data;
    TRY(rdu_code_store(e->cx, &e->code, &device->image));
    return rdu_check(e->cx, &device->image, &e->code, e->machine);
}

weir_status target_rdu_compile(Job *job)
{
    RduProgramOf *program = ARENA_NEW(&job->cx->arena, RduProgramOf);
    TRY(rdu_machine_from(job->cx, job->machine, &program->machine));
    RduEmit e = {.cx = job->cx, .machine = &program->machine, .file = job->machine};
    const DeviceCode code = {.target = IMAGE_RDU, .host_tier = program->machine.n_tiers, .accepts = accepts, .emit = emit, .finish = finish,
                             .data = &e};
    uint32_t n;
    const Strategy *table = rdu_strategies(&n);
    TRY(device_compile(job, table, n, &code, &program->device));
    job->program = program;
    return WEIR_OK;
}

weir_status target_rdu_load(Job *job)
{
    (void)job;
    return WEIR_OK;
}

static weir_status simulate(Job *job, ImageRun *run)
{
    const RduProgramOf *program = job->program;
    const RduHost host = {image_run_host, run};
    RduResult result;
    TRY(rdu_sim(job->cx, run->image, &program->machine, RDU_BOTH, run->buffers, &host, &result));
    job->cycles = (uint64_t)(result.cycles + result.launch_cycles);
    return WEIR_OK;
}

weir_status target_rdu_run(Job *job, Tensor *values, Tensor *crossing)
{
    return device_run(job, ((RduProgramOf *)job->program)->device, simulate, values, crossing);
}

weir_status target_rdu_write(Job *job, const char *output)
{
    return device_write(((RduProgramOf *)job->program)->device, output);
}

bool target_rdu_emit(Job *job, const char *what, Text *out)
{
    return device_emit(((RduProgramOf *)job->program)->device, what, out);
}
