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

/* Bytes of an operand: a packed constant has every point of the tree's parts that move it. */
static int64_t room_of(const Mapping *m, ExprId read, uint32_t n, const MapNodeId *path)
{
    const Cascade *cs = m->cs;
    TensorId tensor = expr_at(cs, read)->tensor;
    int64_t packed = 1;
    for (uint32_t i = 0; i < n; i++) {
        const MapNode *node = node_at(m, path[i]);
        if (node->part.i == 0)
            continue;
        const Part *part = part_at(m, node->part);
        RankId rank = part->origin == PART_SPLIT ? part_at(m, part->parent)->rank : part->rank;
        packed *= expr_uses_rank(cs, read, rank) ? part->extent : 1;
    }
    int64_t elements = tensor_at(cs, tensor)->role == TENSOR_CONST ? packed : tensor_size(cs, tensor);
    return elements * 4 + IMAGE_ALIGN;
}

/* Within a unit's loops and the memory that is left. */
static bool accepts(void *data, const Group *group)
{
    RduEmit *e = data;
    const Mapping *m = group->mapping;
    const Cascade *cs = m->cs;
    const Statement *sum = statement_at(cs, group->statements[0]);
    MapNodeId path[64];
    uint32_t n = mapping_path(m, mapping_leaf(m, group->statements[0]), path, 64), lanes = 0, loops = 0;
    for (uint32_t i = 0; i < n; i++) {
        Role role = node_at(m, path[i])->role;
        loops += role == ROLE_FOR || role == ROLE_PIPE ? 1 : 0;
        lanes += role == ROLE_LANE ? 1 : 0;
    }
    int64_t bytes = tensor_size(cs, statement_at(cs, group->statements[group->n - 1])->targets[0].tensor) * 4 + IMAGE_ALIGN;
    for (uint32_t k = 0; k < 2; k++)
        bytes += room_of(m, expr_arg(cs, sum->body, k), n, path);
    bytes += sum->from.i != 0 ? room_of(m, sum->from, n, path) : 0;
    bool fits = loops + 1 <= e->machine->max_loops && loops - sum->n_reduced + lanes <= e->machine->max_loops &&
                e->bytes + bytes <= e->machine->tiers[0].bytes;
    e->bytes += fits ? bytes : 0;
    return fits;
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
