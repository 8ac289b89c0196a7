/*
 * backends/c/run.c: a loaded host program called with tensors.
 *
 * Keep: dimensions whose extent is known at run time only have the room of their bound in the program's memory, and their real
 *       extent in Tensor.
 */
#include "backends/c/hostrun.h"

#include <string.h>
#include <time.h>

#include "backends/c/internal.h"

/* Copies between a packed tensor with extents of run time and memory with strides of the bounds. */
static void reshape(const Cascade *cs, TensorId tensor, const Tensor *packed, unsigned char *room, bool into)
{
    size_t bytes = dtype_bytes(packed->type);
    int64_t n = tensor_elements(packed), index[TENSOR_MAX_DIMS] = {0};
    for (int64_t k = 0; k < n; k++) {
        int64_t at = 0;
        for (uint32_t d = 0; d < packed->n_dims; d++)
            at = at * dim_extent(cs, tensor, d) + index[d];
        unsigned char *a = (unsigned char *)packed->data + (size_t)k * bytes, *b = room + (size_t)at * bytes;
        memcpy(into ? b : a, into ? a : b, bytes);
        for (uint32_t d = packed->n_dims; d-- > 0;) {
            if (++index[d] < packed->extent[d])
                break;
            index[d] = 0;
        }
    }
}

static Tensor bound_tensor(weir_context *cx, const Cascade *cs, TensorId tensor)
{
    int64_t extent[TENSOR_MAX_DIMS];
    const TensorDecl *t = tensor_at(cs, tensor);
    for (uint32_t d = 0; d < t->n_dims; d++)
        extent[d] = dim_extent(cs, tensor, d);
    return tensor_new(cx, t->type, t->n_dims, extent);
}

/* The extent of a dimension after the run. */
static int64_t extent_after(const HostRun *host, TensorId tensor, uint32_t dim)
{
    const LoopProgram *p = host->loops;
    const TensorDim *d = &tensor_at(p->cs, tensor)->dims[dim];
    for (uint32_t k = 0; k < p->ranks.n; k++)
        if (rank_same(p->ranks.at[k], d->rank)) {
            int64_t value;
            memcpy(&value, host->arena + p->buffers.at[p->rank_buffer].offset + 8 * (size_t)k, 8);
            return value + (d->next ? 1 : 0);
        }
    return dim_extent(p->cs, tensor, dim);
}

static Tensor value_after(const HostRun *host, TensorId tensor, unsigned char *room)
{
    const Cascade *cs = host->loops->cs;
    int64_t extent[TENSOR_MAX_DIMS];
    const TensorDecl *t = tensor_at(cs, tensor);
    for (uint32_t d = 0; d < t->n_dims; d++)
        extent[d] = extent_after(host, tensor, d);
    Tensor value = tensor_new(host->cx, t->type, t->n_dims, extent);
    reshape(cs, tensor, &value, room, false);
    return value;
}

static MUST_USE weir_status report_trap(HostRun *host, int code)
{
    static const char *const what[] = {"", "an index is outside its tensor", "a run-time extent is outside its bound",
                                       "a trip count is above its bound"};
    const LoopProgram *p = host->loops;
    int32_t site;
    int64_t value;
    memcpy(&site, host->arena + LOOP_ARENA_TRAP_SITE, 4);
    memcpy(&value, host->arena + LOOP_ARENA_TRAP_VALUE, 8);
    StatementId id = site >= 0 && (uint32_t)site < p->sites.n ? p->sites.at[site] : (StatementId){0};
    const Statement *st = statement_at(p->cs, id);
    Place place = id.i != 0 ? st->place : place_none();
    const char *name = id.i != 0 ? tensor_name(p->cs, st->targets[0].tensor) : "the entry";
    diag(&host->cx->diag, place, E_TRAP,
         arena_printf(&host->cx->arena, "%s: %s: %lld", name, what[code >= 0 && code < 4 ? code : 0], (long long)value));
    return WEIR_INVALID;
}

weir_status host_run(HostRun *host, Tensor *values)
{
    const LoopProgram *p = host->loops;
    weir_context *cx = host->cx;
    void **io = ARENA_ARRAY(&cx->arena, void *, p->buffers.n + 1);
    uint32_t n = 0;
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        if (b->kind != BUFFER_IN && b->kind != BUFFER_OUT)
            continue;
        Tensor room = bound_tensor(cx, p->cs, b->tensor);
        if (b->kind == BUFFER_IN)
            reshape(p->cs, b->tensor, &values[b->tensor.i], room.data, true);
        io[n++] = room.data;
    }
    if (host->arena != NULL)
        context_buffer_free(cx, host->arena);
    host->arena = context_buffer(cx, p->arena_bytes);
    host->io = io;
    int code = host->run(io, host->weights, host->arena);
    if (code != 0)
        return report_trap(host, code);
    n = 0;
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        if (b->kind == BUFFER_OUT)
            values[b->tensor.i] = value_after(host, b->tensor, io[n]);
        n += b->kind == BUFFER_IN || b->kind == BUFFER_OUT ? 1 : 0;
    }
    return WEIR_OK;
}

bool host_crossing(const HostRun *host, TensorId tensor, Tensor *out_value)
{
    const LoopProgram *p = host->loops;
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        if (b->kind != BUFFER_ARENA || b->tensor.i != tensor.i)
            continue;
        size_t bytes = dtype_bytes(b->type);
        Tensor room = bound_tensor(host->cx, p->cs, tensor);
        int64_t elements = tensor_elements(&room), index[TENSOR_MAX_DIMS] = {0};
        for (int64_t e = 0; e < elements; e++) {
            memcpy((char *)room.data + (size_t)e * bytes,
                   host->arena + b->offset + layout_element(&b->layout, p->cs, tensor, index) * bytes, bytes);
            for (uint32_t d = room.n_dims; d-- > 0;) {
                if (++index[d] < room.extent[d])
                    break;
                index[d] = 0;
            }
        }
        *out_value = value_after(host, tensor, room.data);
        context_buffer_free(host->cx, room.data);
        return true;
    }
    return false;
}

void host_crossings(const Job *job, const HostRun *host, Tensor *crossing)
{
    for (uint32_t t = 1; crossing != NULL && job->keep_crossing && t < job->cs->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(job->cs, (TensorId){t});
        Tensor value;
        if (tensor->role == TENSOR_TMP && !tensor->is_out && host_crossing(host, (TensorId){t}, &value))
            crossing[tensor_by_name(job->pinned, tensor->name).i] = value;
    }
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void host_time(HostRun *host, uint32_t runs, double *out_seconds)
{
    for (uint32_t k = 0; k < runs; k++) {
        double start = now();
        (void)host->run(host->io, host->weights, host->arena);
        out_seconds[k] = now() - start;
    }
}
