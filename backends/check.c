/*
 * backends/check.c: weir check: does the target compute what the model means?
 *
 * Each data set is compiled and run by itself (its shapes and the values that shapes depend on are bound). Two
 * questions, two answers: near the expected outputs (a tolerance), and equal to the pinned cascade (bits).
 */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/compare.h"
#include "backends/job.h"
#include "ir/eval.h"

typedef struct Check {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    Distance distance;
    double device_share;
    uint64_t cycles;
    bool bit_exact;
    uint32_t n_sets;
    const char *reason;
} Check;

static void differs(Check *check, Name output, const char *why)
{
    diag(&check->cx->diag, place_none(), E_OUTPUT, cx_text(check->cx, output), why);
    check->reason = arena_printf(&check->cx->arena, "%s %s", cx_text(check->cx, output), why);
}

/* ---- bit for bit ---- */

/* Everything the pinned cascade defines that the target lets be seen, in cascade order. */
static weir_status compare_pinned(Check *check, Job *job, const Tensor *values, const Tensor *crossing,
                                  const Tensor *pinned)
{
    for (uint32_t t = 1; t < job->pinned->tensors.n; t++) {
        TensorId id = {t};
        const TensorDecl *tensor = tensor_at(job->pinned, id);
        TensorId outer = tensor->is_out ? tensor_by_name(job->source, tensor->name) : (TensorId){0};
        const Tensor *got = outer.i != 0 ? &values[outer.i] : &crossing[t];
        const char *why;
        if (got->data == NULL || pinned[t].data == NULL || tensor->role != TENSOR_TMP)
            continue;
        if (!tensors_same(check->cx, got, &pinned[t], &why)) {
            differs(check, tensor->name, why);
            check->bit_exact = false;
            return WEIR_DIFFERS;
        }
    }
    return WEIR_OK;
}

static weir_status eval_pinned(Job *job, const Tensor *values, bool keep_all, Tensor **out_pinned)
{
    Tensor *pinned = ARENA_ARRAY(&job->cx->arena, Tensor, job->pinned->tensors.n);
    for (uint32_t t = 1; t < job->source->tensors.n; t++) {
        TensorId id = {t};
        if (tensor_at(job->source, id)->role == TENSOR_IN)
            pinned[tensor_by_name(job->pinned, tensor_at(job->source, id)->name).i] = values[t];
    }
    const EvalOptions options = {.system = EVAL_TYPED, .keep_all = keep_all};
    *out_pinned = pinned;
    return eval_cascade(job->pinned, &options, pinned);
}

static weir_status check_bits(Check *check, Job *job, Tensor *values, const Tensor *crossing)
{
    if (job->pinned == NULL)
        return WEIR_OK;
    Tensor *pinned;
    TRY(eval_pinned(job, values, true, &pinned));
    TRY(compare_pinned(check, job, values, crossing, pinned));
    return WEIR_OK;
}

/* ---- one set ---- */

static weir_status compile_and_run(Check *check, Job *job, uint32_t n, const NamedTensor *inputs, Tensor **out_values)
{
    if (job->model != NULL)
        TRY(job_lower(job, n, inputs));
    job->keep_crossing = check->settings->bit_exact;
    TRY(job_compile(job));
    Tensor *values = ARENA_ARRAY(&check->cx->arena, Tensor, job->source->tensors.n);
    if (n != 0)
        TRY(job_bind(job, n, inputs, values));
    else
        job_make_inputs(job, values);
    Tensor *crossing = job->pinned != NULL ? ARENA_ARRAY(&check->cx->arena, Tensor, job->pinned->tensors.n) : NULL;
    TRY(job_run(job, values, crossing));
    check->device_share = job->device_share;
    check->cycles = job->cycles;
    *out_values = values;
    bool bits = check->settings->bit_exact || n == 0;
    return bits ? check_bits(check, job, values, crossing) : WEIR_OK;
}

static const NamedTensor *expected_for(Name name, uint32_t i, uint32_t n, const NamedTensor *expected)
{
    for (uint32_t k = 0; k < n; k++)
        if (name_is(expected[k].name, name))
            return &expected[k];
    return i < n ? &expected[i] : NULL;
}

static weir_status compare_expected(Check *check, Job *job, const Tensor *values, const char *folder, uint32_t n,
                                    const NamedTensor *expected)
{
    const JsonValue *tolerances;
    uint32_t n_outputs;
    NamedTensor *outputs;
    TRY(tolerance_read(check->cx, folder, &tolerances));
    TRY(job_outputs(job, values, &n_outputs, &outputs));
    double scale = check->settings->tol_scale > 0 ? check->settings->tol_scale : 1;
    if (n > n_outputs) {
        check->reason = "the data set has more outputs than the model";
        return WEIR_DIFFERS;
    }
    for (uint32_t i = 0; i < n_outputs; i++) {
        const NamedTensor *want = expected_for(outputs[i].name, i, n, expected);
        Tolerance tolerance = tolerance_of(tolerances, cx_text(check->cx, outputs[i].name));
        const char *why;
        if (want == NULL)
            continue;
        if (!tensors_near(check->cx, &outputs[i].tensor, &want->tensor, &tolerance, scale, &check->distance, &why)) {
            differs(check, outputs[i].name, why);
            return WEIR_DIFFERS;
        }
    }
    return WEIR_OK;
}

/* Without expected outputs: how far the target is from the real numbers. Reported, not judged. */
static weir_status measure_distance(Check *check, Job *job, const Tensor *values)
{
    Tensor *real = ARENA_ARRAY(&check->cx->arena, Tensor, job->source->tensors.n);
    for (uint32_t t = 1; t < job->source->tensors.n; t++)
        if (tensor_at(job->source, (TensorId){t})->role == TENSOR_IN)
            real[t] = values[t];
    const EvalOptions options = {.system = EVAL_REAL};
    TRY(eval_cascade(job->source, &options, real));
    for (uint32_t t = 1; t < job->source->tensors.n; t++)
        if (tensor_at(job->source, (TensorId){t})->is_out)
            tensors_distance(&values[t], &real[t], &check->distance);
    return WEIR_OK;
}

static weir_status check_set(Check *check, const char *model_path, const char *folder, const char *set)
{
    Job *job;
    uint32_t n = 0, n_expected = 0;
    NamedTensor *inputs = NULL, *expected = NULL;
    Tensor *values;
    TRY(job_new(check->cx, check->settings, &job));
    TRY(job_load(job, model_path));
    if (set != NULL) {
        TRY(dataset_possible(job));
        TRY(dataset_read(check->cx, set, "input", &n, &inputs));
        TRY(dataset_read(check->cx, set, "output", &n_expected, &expected));
        dataset_names(job, n, inputs);
    }
    TRY(compile_and_run(check, job, n, inputs, &values));
    if (n_expected != 0)
        return compare_expected(check, job, values, folder, n_expected, expected);
    return measure_distance(check, job, values);
}

/* ---- a path ---- */

/* Every data set unwinds by itself. */
typedef struct OneSet {
    Check *check;
    const char *model_path, *folder, *set;
} OneSet;

static weir_status one_set(void *data)
{
    OneSet *one = data;
    return check_set(one->check, one->model_path, one->folder, one->set);
}

static weir_status check_path(void *data)
{
    Check *check = data;
    weir_context *cx = check->cx;
    bool folder = is_folder(check->path);
    OneSet one = {.check = check, .model_path = check->path};
    one.folder = folder ? check->path : ".";
    for (uint32_t i = 0; folder; i++) {
        one.set = arena_printf(&cx->arena, "%s/test_data_set_%u", check->path, i);
        if (!is_folder(one.set))
            break;
        check->n_sets++;
        TRY(api_guard(cx, one_set, &one));
    }
    one.set = NULL;
    return check->n_sets == 0 ? api_guard(cx, one_set, &one) : WEIR_OK;
}

/* ---- the report ---- */

static const char *first_error(const weir_context *cx)
{
    for (uint32_t i = 0; i < cx->diag.list.n; i++)
        if (cx->diag.list.at[i].severity == SEVERITY_ERROR)
            return cx->diag.list.at[i].message;
    return NULL;
}

static const char *status_word(weir_status status)
{
    return status == WEIR_OK            ? "pass"
           : status == WEIR_DIFFERS     ? "fail"
           : status == WEIR_UNSUPPORTED ? "unsupported"
                                        : "error";
}

typedef struct Outcome {
    const Check *check;
    weir_status status;
    double seconds;
    FILE *out;
} Outcome;

static weir_status print_json(void *data)
{
    const Outcome *outcome = data;
    const Check *check = outcome->check;
    weir_status status = outcome->status;
    Text text;
    JsonWriter json;
    text_init(&text, &check->cx->arena);
    json_begin(&json, &text);
    json_put_object(&json, NULL);
    json_put_text(&json, "path", check->path);
    json_put_text(&json, "target", check->settings->target != NULL ? check->settings->target : "interp");
    json_put_text(&json, "status", status_word(status));
    json_put_text(&json, "reason", check->reason);
    json_put_real(&json, "max_abs_err", check->distance.max_abs);
    json_put_real(&json, "max_rel_err", check->distance.max_rel);
    if (check->settings->bit_exact && status != WEIR_UNSUPPORTED)
        json_put_bool(&json, "bit_exact", check->bit_exact && (status == WEIR_OK || status == WEIR_DIFFERS));
    else
        json_put_null(&json, "bit_exact");
    json_put_real(&json, "device_share", check->device_share);
    if (check->cycles != 0)
        json_put_uint(&json, "cycles", check->cycles);
    json_put_real(&json, "seconds", outcome->seconds);
    json_put_end(&json);
    fprintf(outcome->out, "%s\n", text.at);
    return WEIR_OK;
}

static void print_line(const Check *check, weir_status status, double seconds, FILE *out)
{
    fprintf(out, "%-11s %s  %s  max abs %.2e  rel %.2e", status_word(status), check->path,
            check->settings->target != NULL ? check->settings->target : "interp", check->distance.max_abs,
            check->distance.max_rel);
    if (check->settings->bit_exact && status != WEIR_UNSUPPORTED)
        fprintf(out, "  %s", check->bit_exact && status == WEIR_OK ? "bit-exact" : "NOT bit-exact");
    if (check->cycles != 0)
        fprintf(out, "  %llu cycles", (unsigned long long)check->cycles);
    fprintf(out, "  %.2f s%s%s\n", seconds, check->reason[0] != 0 ? "  " : "", check->reason);
}

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int weir_check(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    Check check = {.cx = cx, .settings = settings, .path = path, .bit_exact = true, .reason = ""};
    double start = now_seconds();
    weir_status status = api_guard(cx, check_path, &check);
    double seconds = now_seconds() - start;
    if (status != WEIR_OK && check.reason[0] == 0)
        check.reason = first_error(cx) != NULL ? first_error(cx) : status_text(status);
    weir_status printed = WEIR_OK;
    if (settings->json)
        printed = api_guard(cx, print_json, &(Outcome){&check, status, seconds, out});
    else
        print_line(&check, status, seconds, out);
    fflush(out);
    return (int)(status != WEIR_OK ? status : printed);
}

int weir_exit_code(int status)
{
    return status_exit_code((weir_status)status);
}

void weir_print_messages(const weir_context *cx, FILE *out, bool colour, bool json)
{
    if (json)
        diagnostics_print_json(&cx->diag, out);
    else
        diagnostics_print(&cx->diag, out, colour);
}
