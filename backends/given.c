/*
 * backends/given.c: what the command line says of a model's inputs: --dim and --value.
 */
#include "backends/given.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static weir_status refuse(Job *job, const char *option, const char *text, const char *why)
{
    diag(&job->cx->diag, place_none(), E_USAGE, arena_printf(&job->cx->arena, "--%s %s: %s", option, text, why));
    return WEIR_USAGE;
}

weir_status given_dims(Job *job, LowerDim *out_dims)
{
    for (uint32_t i = 0; i < job->settings->n_dims; i++) {
        const char *text = job->settings->dims[i], *equals = strrchr(text, '='); /* names may have one */
        char *end = NULL;
        errno = 0;
        long long extent = equals != NULL ? strtoll(equals + 1, &end, 10) : -1;
        if (equals == NULL || equals == text || end == equals + 1 || *end != 0 || extent < 0 || errno != 0)
            return refuse(job, "dim", text, "NAME=EXTENT is expected");
        out_dims[i] = (LowerDim){cx_intern(job->cx, text, (size_t)(equals - text)), extent};
    }
    return WEIR_OK;
}

/* ---- values ---- */

static const ValueInfo *input_named(const Job *job, const char *name, size_t n)
{
    const Graph *graph = &job->model->graph;
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        const char *text = cx_text(job->cx, graph->inputs[i].name);
        if (strlen(text) == n && memcmp(text, name, n) == 0)
            return &graph->inputs[i];
    }
    return NULL;
}

static int64_t extent_of(const Dim *dim, uint32_t n_dims, const LowerDim *dims)
{
    for (uint32_t i = 0; dim->extent < 0 && dim->symbol.i != 0 && i < n_dims; i++)
        if (name_is(dims[i].name, dim->symbol))
            return dims[i].extent;
    return dim->extent;
}

/* The declared shape with room for n values; one extent may follow from n. */
static bool shape_for(const Job *job, const ValueType *type, const LowerDim *dims, int64_t n, Tensor *tensor)
{
    int64_t known = 1, open = -1;
    tensor->type = type->type;
    tensor->n_dims = type->has_shape ? type->n_dims : n == 1 ? 0 : 1;
    if (tensor->n_dims > TENSOR_MAX_DIMS)
        return false;
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        tensor->extent[d] = type->has_shape ? extent_of(&type->dims[d], job->settings->n_dims, dims) : -1;
        if (tensor->extent[d] < 0 && open >= 0)
            return false;
        if (tensor->extent[d] < 0)
            open = d;
        else if (__builtin_mul_overflow(known, tensor->extent[d], &known))
            return false;
    }
    if (open < 0)
        return known == n;
    tensor->extent[open] = known == 0 ? 0 : n / known;
    return known != 0 && n % known == 0;
}

/* One number of the list. */
static bool read_value(const char *text, Tensor *tensor, size_t i, const char **out_end)
{
    char *end;
    errno = 0;
    if (tensor->type == DT_BOOL && (strncmp(text, "true", 4) == 0 || strncmp(text, "false", 5) == 0)) {
        *out_end = text + (*text == 't' ? 4 : 5);
        dtype_store_i64(DT_BOOL, tensor->data, i, *text == 't');
        return true;
    }
    if (dtype_kind(tensor->type) == DK_FLOAT) {
        dtype_store_f64(tensor->type, tensor->data, i, strtod(text, &end));
    } else {
        long long value = strtoll(text, &end, 10);
        dtype_store_i64(tensor->type, tensor->data, i, value);
        if (errno != 0 || dtype_load_i64(tensor->type, tensor->data, i) != value)
            return false;
    }
    *out_end = end;
    return end != text;
}

static weir_status given_value(Job *job, const char *text, const LowerDim *dims, LowerInput *out_input)
{
    const char *equals = strchr(text, '='), *at = equals != NULL ? equals + 1 : "";
    if (*at == 0 || equals == text)
        return refuse(job, "value", text, "NAME=VALUE[,VALUE..] is expected");
    const ValueInfo *info = input_named(job, text, (size_t)(equals - text));
    if (info == NULL)
        return refuse(job, "value", text, "the model has no such input");
    if (info->type.kind != VALUE_TENSOR || info->type.type == DT_NONE)
        return refuse(job, "value", text, "the input is no tensor of numbers");
    int64_t n = 1;
    for (const char *c = at; *c != 0; c++)
        n += *c == ',' ? 1 : 0;
    Tensor shape = {0};
    if (!shape_for(job, &info->type, dims, n, &shape))
        return refuse(job, "value", text, arena_printf(&job->cx->arena, "%lld values do not fill the input's shape", (long long)n));
    Tensor *tensor = ARENA_NEW(&job->cx->arena, Tensor);
    *tensor = tensor_new(job->cx, shape.type, shape.n_dims, shape.extent);
    for (int64_t i = 0; i < n; i++, at++)
        if (!read_value(at, tensor, (size_t)i, &at) || *at != (i + 1 < n ? ',' : 0))
            return refuse(job, "value", text, arena_printf(&job->cx->arena, "value %lld is none of %s", (long long)i + 1,
                                                           dtype_text(shape.type)));
    *out_input = (LowerInput){.name = info->name, .value = tensor, .by_value = true};
    return WEIR_OK;
}

weir_status given_values(Job *job, const LowerDim *dims, LowerInput *out_inputs)
{
    for (uint32_t i = 0; i < job->settings->n_values; i++)
        TRY(given_value(job, job->settings->values[i], dims, &out_inputs[i]));
    return WEIR_OK;
}
