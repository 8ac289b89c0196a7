/*
 * backends/dataset.c: models and data sets as folders in ONNX backend-test form.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/job.h"

bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *model_path(weir_context *cx, const char *path)
{
    static const char *const names[] = {"model.onnx", "model.onnxtxt"};
    const char *found = NULL;
    if (!is_folder(path))
        return path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *candidate = arena_printf(&cx->arena, "%s/%s", path, names[i]);
        if (found == NULL || (access(found, F_OK) != 0 && access(candidate, F_OK) == 0))
            found = candidate;
    }
    return found;
}

weir_status dataset_read(weir_context *cx, const char *folder, const char *what, uint32_t *out_n,
                         NamedTensor **out_tensors)
{
    VEC(NamedTensor) list = {0};
    for (uint32_t i = 0;; i++) {
        const char *path = arena_printf(&cx->arena, "%s/%s_%u.pb", folder, what, i);
        if (access(path, F_OK) != 0)
            break;
        NamedTensor tensor = {0};
        TRY(tensor_proto_read(cx, path, &tensor.name, &tensor.tensor));
        vec_push(&cx->arena, &list, tensor);
    }
    *out_n = list.n;
    *out_tensors = list.at;
    return WEIR_OK;
}

static bool is_strange(const ValueType *type)
{
    return type->kind != VALUE_TENSOR || (type->type == DT_NONE && type->onnx_type != 0);
}

weir_status dataset_possible(Job *job)
{
    bool strange = false;
    if (job->model == NULL)
        return WEIR_OK;
    const Graph *graph = &job->model->graph;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        strange = strange || is_strange(&graph->inputs[i].type);
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        strange = strange || is_strange(&graph->outputs[i].type);
    return strange ? job_lower(job, 0, NULL) : WEIR_OK;
}

static bool is_initializer(const Graph *graph, Name name)
{
    for (uint32_t i = 0; i < graph->n_initializers; i++)
        if (name_is(graph->initializers[i].name, name))
            return true;
    return false;
}

static bool is_input(const Graph *graph, Name name)
{
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        if (name_is(graph->inputs[i].name, name))
            return true;
    return false;
}

void dataset_names(const Job *job, uint32_t n, NamedTensor *inputs)
{
    if (job->model == NULL)
        return;
    const Graph *graph = &job->model->graph;
    bool known = true;
    for (uint32_t i = 0; i < n; i++)
        known = known && is_input(graph, inputs[i].name);
    for (uint32_t g = 0, i = 0; !known && g < graph->n_inputs && i < n; g++)
        if (!is_initializer(graph, graph->inputs[g].name))
            inputs[i++].name = graph->inputs[g].name;
}
