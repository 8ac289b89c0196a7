/*
 * backends/bench.c: weir bench: how long a run takes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "backends/job.h"
#include "ir/eval.h"
#include "support/json.h"

typedef struct Bench {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    FILE *out;
} Bench;

enum { MOST_RUNS = 10000 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void free_outputs(Job *job, Tensor *values)
{
    for (uint32_t t = 1; t < job->source->tensors.n; t++) {
        if (tensor_at(job->source, (TensorId){t})->role == TENSOR_IN || values[t].data == NULL)
            continue;
        context_buffer_free(job->cx, values[t].data);
        values[t] = (Tensor){0};
    }
}

static weir_status one_run(Job *job, Tensor *values, double *out_ms)
{
    free_outputs(job, values);
    double start = now_ms();
    TRY(job_run(job, values, NULL));
    *out_ms = now_ms() - start;
    return WEIR_OK;
}

static void report(Bench *bench, const Job *job, double load_ms, uint32_t n, const double *ms, const double *sorted)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double median = sorted[n / 2], macs = cascade_macs(job->cs);
    if (!bench->settings->json) {
        fprintf(bench->out, "%s %s: first %.3f ms, median %.3f ms, min %.3f ms over %u runs; %.2f GMAC/s; load %.0f ms\n",
                bench->path, job->target->name, ms[0], median, sorted[0], n, 1e-6 * macs / median, load_ms);
        return;
    }
    Text text;
    JsonWriter json;
    text_init(&text, &bench->cx->arena);
    json_begin(&json, &text);
    json_put_object(&json, NULL);
    json_put_text(&json, "path", bench->path);
    json_put_text(&json, "target", job->target->name);
    json_put_real(&json, "first_ms", ms[0]);
    json_put_real(&json, "median_ms", median);
    json_put_real(&json, "min_ms", sorted[0]);
    json_put_uint(&json, "runs", n);
    json_put_real(&json, "load_ms", load_ms);
    json_put_real(&json, "macs", macs);
    json_put_uint(&json, "rss_bytes", (uint64_t)usage.ru_maxrss * 1024);
    json_put_end(&json);
    fprintf(bench->out, "%s\n", text.at);
}

/* The first data set of a folder; NULL: inputs are made up. */
static const char *first_set(Bench *bench)
{
    const char *set = arena_printf(&bench->cx->arena, "%s/test_data_set_0", bench->path);
    return is_folder(set) ? set : NULL;
}

static weir_status bench_path(void *data)
{
    Bench *bench = data;
    Job *job;
    uint32_t n_inputs = 0;
    NamedTensor *inputs = NULL;
    double load = now_ms();
    const char *set = first_set(bench);
    TRY(job_new(bench->cx, bench->settings, &job));
    TRY(job_load(job, bench->path));
    if (set != NULL)
        TRY(dataset_read(bench->cx, set, "input", &n_inputs, &inputs));
    dataset_names(job, n_inputs, inputs);
    if (job->model != NULL)
        TRY(job_lower(job, n_inputs, inputs));
    TRY(job_compile(job));
    TRY(job_ready(job));
    Tensor *values = ARENA_ARRAY(&bench->cx->arena, Tensor, job->source->tensors.n);
    if (n_inputs != 0)
        TRY(job_bind(job, n_inputs, inputs, values));
    else
        job_make_inputs(job, values);
    load = now_ms() - load;

    double *ms = ARENA_ARRAY(&bench->cx->arena, double, MOST_RUNS), total = 0;
    double budget = 1e3 * (bench->settings->seconds > 0 ? bench->settings->seconds : 1);
    uint32_t n = 0;
    while (n < 3 || (total < budget && n < MOST_RUNS)) {
        TRY(one_run(job, values, &ms[n]));
        total += ms[n++];
        if (n == 1 && ms[0] > 3 * budget)
            break;
    }
    double *sorted = arena_copy(&bench->cx->arena, ms, n * sizeof *ms);
    qsort(sorted, n, sizeof *sorted, by_size);
    report(bench, job, load, n, ms, sorted);
    return WEIR_OK;
}

int weir_bench(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    Bench bench = {cx, settings, path, out};
    return (int)api_guard(cx, bench_path, &bench);
}
