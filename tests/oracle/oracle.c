/* The program of every oracle: draws, prints the model, lowers, runs by the evaluator or as compiled C, compares. */
#include "tests/oracle/oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "backends/c/c.h"
#include "backends/c/pipeline.h"
#include "frontend/lower/lower.h"
#include "ir/eval.h"

int64_t pick(Draw *d, int64_t lo, int64_t hi)
{
    d->state += 0x9E3779B97F4A7C15u; /* splitmix64 */
    uint64_t z = d->state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    return (int64_t)((uint64_t)lo + (span == 0 ? z : z % span));
}

bool coin(Draw *d)
{
    return pick(d, 0, 1) != 0;
}

double real(Draw *d, double lo, double hi)
{
    return (float)(lo + (hi - lo) * (double)pick(d, 0, 1 << 30) / (double)(1 << 30));
}

Dtype some_float(Draw *d)
{
    static const Dtype types[] = {DT_F32, DT_F64, DT_F16, DT_BF16};
    static const double tolerances[] = {2e-5, 1e-12, 1e-2, 8e-2};
    int64_t k = coin(d) ? 0 : pick(d, 0, 3);
    d->absolute = d->relative = tolerances[k];
    return types[k];
}

static bool whole(Dtype type)
{
    return dtype_is_int(type) || type == DT_BOOL;
}

Value *tensor(Draw *d, Dtype type, uint32_t n_dims, const int64_t *extent)
{
    Value *v = ARENA_NEW(&d->cx->arena, Value);
    *v = (Value){.type = type, .n_dims = n_dims, .n = 1};
    for (uint32_t k = 0; k < n_dims; k++)
        v->n *= v->extent[k] = extent[k];
    v->f = ARENA_ARRAY(&d->cx->arena, double, (size_t)v->n + 1);
    v->i = ARENA_ARRAY(&d->cx->arena, int64_t, (size_t)v->n + 1);
    memset(v->f, 0, sizeof *v->f * ((size_t)v->n + 1));
    memset(v->i, 0, sizeof *v->i * ((size_t)v->n + 1));
    return v;
}

Value *scalar(Draw *d, Dtype type, double value)
{
    Value *v = tensor(d, type, 0, NULL);
    v->f[0] = value;
    v->i[0] = whole(type) ? (int64_t)value : 0;
    return v;
}

Value *list(Draw *d, uint32_t n, const int64_t *values)
{
    Value *v = tensor(d, DT_I64, 1, (const int64_t[]){n});
    memcpy(v->i, values, n * sizeof *values);
    return v;
}

double rounded(Dtype type, double v)
{
    double cell[2];
    dtype_store_f64(type, cell, 0, v);
    return dtype_load_f64(type, cell, 0);
}

double to_even(double v)
{
    double down = floor(v), rest = v - down;
    if (rest == 0.5)
        return fmod(down, 2) == 0 ? down : down + 1;
    return rest < 0.5 ? down : down + 1;
}

Value *filled(Draw *d, Dtype type, uint32_t n_dims, const int64_t *extent, double lo, double hi)
{
    Value *v = tensor(d, type, n_dims, extent);
    for (int64_t k = 0; k < v->n; k++)
        if (whole(type))
            v->i[k] = pick(d, (int64_t)lo, (int64_t)hi);
        else
            v->f[k] = rounded(type, real(d, lo, hi));
    return v;
}

Value *as_constant(Value *v)
{
    v->constant = true;
    return v;
}

void give(Draw *d, Value *v)
{
    d->in[d->n_in++] = v;
}

void expect(Draw *d, Value *v)
{
    d->out[d->n_out++] = v;
}

static void set_begin(Draw *d, const char *name)
{
    text_printf(&d->attributes, "%s%s = ", d->attributes.n == 0 ? "" : ", ", name);
}

void set_int(Draw *d, const char *name, int64_t value)
{
    set_begin(d, name);
    text_printf(&d->attributes, "%lld", (long long)value);
}

void set_ints(Draw *d, const char *name, uint32_t n, const int64_t *values)
{
    set_begin(d, name);
    text_printf(&d->attributes, "[");
    for (uint32_t k = 0; k < n; k++)
        text_printf(&d->attributes, "%s%lld", k == 0 ? "" : ", ", (long long)values[k]);
    text_printf(&d->attributes, "]");
}

void set_float(Draw *d, const char *name, double value)
{
    text_printf(&d->attributes, "%s%s : float = %.9g", d->attributes.n == 0 ? "" : ", ", name, value);
}

void set_text(Draw *d, const char *name, const char *value)
{
    set_begin(d, name);
    text_printf(&d->attributes, "\"%s\"", value);
}

void set_raw(Draw *d, const char *text)
{
    text_printf(&d->attributes, "%s%s", d->attributes.n == 0 ? "" : ", ", text);
}

void unravel(const Value *v, int64_t k, int64_t *at)
{
    for (uint32_t d = v->n_dims; d-- > 0; k /= v->extent[d])
        at[d] = k % v->extent[d];
}

int64_t ravel(const Value *v, const int64_t *at)
{
    int64_t k = 0;
    for (uint32_t d = 0; d < v->n_dims; d++)
        k = k * v->extent[d] + at[d];
    return k;
}

bool next_place(uint32_t n, const int64_t *extent, int64_t *at)
{
    for (uint32_t d = n; d-- > 0; at[d] = 0)
        if (++at[d] < extent[d])
            return true;
    return false;
}

uint32_t some_shape(Draw *d, int64_t *extent)
{
    uint32_t n = (uint32_t)pick(d, 1, SHAPE_RANK);
    for (uint32_t k = 0; k < n; k++)
        extent[k] = pick(d, 1, 4);
    return n;
}

/* Quarters in f32, or i64: sums are exact in any order, ties are frequent. */
Value *quarters(Draw *d, Dtype type, uint32_t n, const int64_t *extent)
{
    Value *v = filled(d, type, n, extent, -6, 6);
    for (int64_t k = 0; k < v->n; k++)
        v->f[k] = to_even(v->f[k] * 4) / 4;
    return v;
}

Dtype word(Draw *d)
{
    return coin(d) ? DT_F32 : DT_I64;
}

void copy_element(Value *to, int64_t at, const Value *from, int64_t k)
{
    to->f[at] = from->f[k];
    to->i[at] = from->i[k];
}

Plane draw_plane(Draw *d, int64_t most_pad)
{
    Plane p;
    for (int k = 0; k < 2; k++) {
        p.kernel[k] = pick(d, 1, 3);
        p.stride[k] = pick(d, 1, 2);
        p.dilation[k] = pick(d, 1, 2);
        p.pads[k] = pick(d, 0, most_pad);
        p.pads[2 + k] = pick(d, 0, most_pad);
        int64_t span = (p.kernel[k] - 1) * p.dilation[k] + 1;
        p.in[k] = pick(d, span, span + 3);
        p.out[k] = (p.in[k] + p.pads[k] + p.pads[2 + k] - span) / p.stride[k] + 1;
    }
    set_ints(d, "strides", 2, p.stride);
    set_ints(d, "dilations", 2, p.dilation);
    set_ints(d, "pads", 4, p.pads);
    return p;
}

int64_t from_end(int64_t index, int64_t extent)
{
    return index < 0 ? index + extent : index;
}

/* An axis as written, often from the end. */
int64_t some_axis(Draw *d, uint32_t n, int64_t *out_written)
{
    int64_t axis = pick(d, 0, n - 1);
    *out_written = coin(d) ? axis : axis - n;
    return axis;
}

/* ---- the model's text ---- */

static const char *onnx_name(Dtype type)
{
    static const char *const names[] = {"",       "float",  "uint8",   "int8",   "uint16",       "int16",          "int32",      "int64",          "string",
                                        "bool",   "float16", "double", "uint32", "uint64",       "complex64",      "complex128", "bfloat16",       "float8e4m3fn",
                                        "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2"};
    return names[dtype_onnx(type)];
}

static void print_type(Text *t, const Value *v)
{
    text_printf(t, "%s", onnx_name(v->type));
    for (uint32_t k = 0; k < v->n_dims; k++)
        text_printf(t, "%s%lld%s", k == 0 ? "[" : ", ", (long long)v->extent[k], k + 1 == v->n_dims ? "]" : "");
}

static void print_element(Text *t, const Value *v, int64_t k)
{
    if (v->type == DT_U64)
        text_printf(t, "%llu", (unsigned long long)v->i[k]);
    else if (whole(v->type))
        text_printf(t, "%lld", (long long)v->i[k]);
    else if (v->type == DT_F32 || v->type == DT_F64)
        text_printf(t, "%.17g", v->f[k]);
    else {
        uint16_t cell[4] = {0}; /* codes and halves are written as bits; the host is little-endian or a code is one byte */
        dtype_store_f64(v->type, cell, 0, v->f[k]);
        text_printf(t, "%u", dtype_bytes(v->type) == 1 ? *(const unsigned char *)cell : cell[0]);
    }
}

static const char *print_model(const Row *row, const Draw *d)
{
    Text t;
    const char *comma = "";
    text_init(&t, &d->cx->arena);
    text_printf(&t, "<ir_version: 10, opset_import: [\"\" : %lld, \"com.microsoft\" : 1]>\nm (", (long long)d->opset);
    for (uint32_t k = 0; k < d->n_in; k++)
        if (d->in[k] != NULL && !d->in[k]->constant) {
            text_printf(&t, "%s", comma);
            print_type(&t, d->in[k]);
            text_printf(&t, " x%u", k);
            comma = ", ";
        }
    text_printf(&t, ") => (");
    comma = "";
    for (uint32_t k = 0; k < d->n_out; k++)
        if (d->out[k] != NULL) {
            text_printf(&t, "%s%s y%u", comma, onnx_name(d->out[k]->type), k);
            comma = ", ";
        }
    text_printf(&t, ")\n");
    comma = "<";
    for (uint32_t k = 0; k < d->n_in; k++)
        if (d->in[k] != NULL && d->in[k]->constant) {
            text_printf(&t, "%s ", comma);
            print_type(&t, d->in[k]);
            text_printf(&t, " x%u = {", k);
            for (int64_t e = 0; e < d->in[k]->n; e++) {
                text_printf(&t, "%s", e == 0 ? "" : ", ");
                print_element(&t, d->in[k], e);
            }
            text_printf(&t, "}");
            comma = ",\n ";
        }
    text_printf(&t, "%s{ ", *comma == '<' ? "" : " >\n");
    for (uint32_t k = 0; k < d->n_out; k++)
        d->out[k] == NULL ? text_printf(&t, "%s", k == 0 ? "" : ", ") : text_printf(&t, "%sy%u", k == 0 ? "" : ", ", k);
    text_printf(&t, " = %s", row->op);
    if (d->attributes.n > 0)
        text_printf(&t, " <%s>", d->attributes.at);
    text_printf(&t, " (");
    for (uint32_t k = 0; k < d->n_in; k++)
        d->in[k] == NULL ? text_printf(&t, "%s", k == 0 ? "" : ", ") : text_printf(&t, "%sx%u", k == 0 ? "" : ", ", k);
    text_printf(&t, ") }\n");
    return t.at;
}

/* ---- running ---- */

typedef struct Run {
    const Row *row;
    unsigned seed;
    Draw draw;
    const char *text;
    Job *job;
    LoweredInfo info;
    Tensor *values;
    CProgram *program;
    CLibrary library;
    const char *fault; /* NULL: none so far */
} Run;

static void draw_case(weir_context *cx, Run *run)
{
    Draw *d = &run->draw;
    *d = (Draw){.cx = cx, .state = run->seed * UINT64_C(1000003) + 17, .opset = 24};
    for (const char *c = run->row->what; *c != '\0'; c++)
        d->state = d->state * 31 + (unsigned char)*c;
    text_init(&d->attributes, &cx->arena);
    run->row->draw(d);
    run->text = print_model(run->row, d);
}

static void lower_case(weir_context *cx, Run *run)
{
    Model *model;
    Source *source = ARENA_NEW(&cx->arena, Source);
    *source = (Source){.path = run->row->what, .text = run->text, .bytes = strlen(run->text)};
    run->job = ARENA_NEW(&cx->arena, Job);
    if (model_read_text(cx, source, &model) != WEIR_OK)
        run->fault = "the text does not parse";
    else if (lower_model(cx, model, NULL, &run->job->cs, &run->info) != WEIR_OK)
        run->fault = "not lowered";
    else if (cascade_verify(run->job->cs) != WEIR_OK)
        run->fault = "the cascade is invalid";
    if (run->fault != NULL)
        return;
    Draw *d = &run->draw;
    run->values = ARENA_ARRAY(&cx->arena, Tensor, run->job->cs->tensors.n);
    memset(run->values, 0, run->job->cs->tensors.n * sizeof *run->values);
    for (uint32_t k = 0, next = 0; k < d->n_in; k++) {
        const Value *v = d->in[k];
        if (v == NULL || v->constant)
            continue;
        Tensor t = tensor_new(cx, v->type, v->n_dims, v->extent);
        for (int64_t e = 0; e < v->n; e++)
            whole(v->type) ? dtype_store_i64(v->type, t.data, (size_t)e, v->i[e]) : dtype_store_f64(v->type, t.data, (size_t)e, v->f[e]);
        run->values[run->info.inputs[next++].tensor.i] = t;
    }
}

static bool near(const Draw *d, double got, double want)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (got == want)
        return signbit(got) == signbit(want) || d->absolute > 0;
    return !isinf(want) && !isinf(got) && fabs(got - want) <= d->absolute + d->relative * fabs(want);
}

static void compare(Run *run)
{
    const Draw *d = &run->draw;
    Arena *arena = &d->cx->arena;
    for (uint32_t k = 0, next = 0; k < d->n_out && run->fault == NULL; k++) {
        const Value *want = d->out[k];
        if (want == NULL)
            continue;
        const Tensor *got = &run->values[run->info.outputs[next++].tensor.i];
        bool same = got->type == want->type && got->n_dims == want->n_dims;
        for (uint32_t e = 0; same && e < want->n_dims; e++)
            same = got->extent[e] == want->extent[e];
        if (!same) {
            Text shape;
            text_init(&shape, arena);
            for (uint32_t e = 0; e < got->n_dims; e++)
                text_printf(&shape, " %lld", (long long)got->extent[e]);
            text_printf(&shape, "; not");
            for (uint32_t e = 0; e < want->n_dims; e++)
                text_printf(&shape, " %lld", (long long)want->extent[e]);
            run->fault = arena_printf(arena, "output %u is %s%s", k, dtype_text(got->type), shape.at);
        }
        for (int64_t e = 0; e < want->n && run->fault == NULL; e++)
            if (whole(want->type)) {
                int64_t v = dtype_load_i64(want->type, got->data, (size_t)e);
                if (v != want->i[e])
                    run->fault = arena_printf(arena, "output %u element %lld is %lld, not %lld", k, (long long)e, (long long)v, (long long)want->i[e]);
            } else {
                double v = dtype_load_f64(want->type, got->data, (size_t)e);
                if (!near(d, v, want->f[e]))
                    run->fault = arena_printf(arena, "output %u element %lld is %.9g, not %.9g", k, (long long)e, v, want->f[e]);
            }
    }
}

static void compile(weir_context *cx, Run *run, const Machine *machine, unsigned number)
{
    static const weir_settings settings = {.target = "c", .opt_level = 0};
    run->job->cx = cx;
    run->job->settings = &settings;
    run->job->machine = machine;
    const COptions options = {.name = arena_printf(&cx->arena, "case%u", number), .level = 0, .tests_only = true};
    if (host_pipeline(run->job) != WEIR_OK)
        run->fault = "no mapping";
    else if (c_compile(cx, run->job->groups, machine, &options, &run->program) != WEIR_OK)
        run->fault = "no program";
}

static bool report(Run *run, bool verbose)
{
    if (run->fault == NULL && !verbose)
        return true;
    fprintf(stderr, "%s %u: %s\n%s", run->row->what, run->seed, run->fault == NULL ? "right" : run->fault, run->text);
    diagnostics_print(&run->draw.cx->diag, stderr, false);
    return run->fault == NULL;
}

static bool evaluate(const Row *row, unsigned seed, bool verbose)
{
    jmp_buf pad;
    weir_context *cx = weir_context_new();
    Run *run = test_calloc(1, sizeof *run);
    run->row = row;
    run->seed = seed;
    cx->arena.pad = &pad;
    if (setjmp(pad) != 0)
        run->fault = "unwound";
    else {
        draw_case(cx, run);
        lower_case(cx, run);
        if (run->fault == NULL && eval_cascade(run->job->cs, &(EvalOptions){.system = EVAL_TYPED}, run->values) != WEIR_OK)
            run->fault = "the evaluation stops";
        if (run->fault == NULL)
            compare(run);
    }
    bool right = report(run, verbose);
    weir_context_free(cx);
    test_free(run);
    return right;
}

static void row_test(void **state)
{
    const Row *row = *state;
    unsigned wrong = 0;
    for (unsigned seed = 0; seed < row->cases; seed++)
        if (!evaluate(row, seed, false) && ++wrong == 4)
            break;
    assert_int_equal(wrong, 0);
}

/* All cases of all rows. */
static unsigned run_compiled(const Row *rows, unsigned n_rows)
{
    jmp_buf pad;
    weir_context *cx = weir_context_new();
    cx->arena.pad = &pad;
    if (setjmp(pad) != 0) {
        diagnostics_print(&cx->diag, stderr, false);
        return 1;
    }
    const Machine *machine;
    unsigned n = 0, n_built = 0, wrong = 0;
    for (unsigned r = 0; r < n_rows; r++)
        n += rows[r].cases;
    Run *runs = ARENA_ARRAY(&cx->arena, Run, n);
    CProgram **programs = ARENA_ARRAY(&cx->arena, CProgram *, n);
    CLibrary *libraries = ARENA_ARRAY(&cx->arena, CLibrary, n);
    if (machine_load(cx, WEIR_SOURCE_DIR "/machines/host.machine", &machine) != WEIR_OK)
        return 1;
    n = 0;
    for (unsigned r = 0; r < n_rows; r++)
        for (unsigned seed = 0; seed < rows[r].cases; seed++) {
            Run *run = &runs[n++];
            *run = (Run){.row = &rows[r], .seed = seed};
            draw_case(cx, run);
            lower_case(cx, run);
            if (run->fault == NULL)
                compile(cx, run, machine, n);
            if (run->fault == NULL)
                programs[n_built++] = run->program;
        }
    if (c_build(cx, n_built, programs, libraries) != WEIR_OK) {
        diagnostics_print(&cx->diag, stderr, false);
        return 1;
    }
    n_built = 0;
    for (unsigned k = 0; k < n; k++) {
        if (runs[k].fault == NULL) {
            if (host_run(&libraries[n_built++].host, runs[k].values) != WEIR_OK)
                runs[k].fault = "the run stops";
            else
                compare(&runs[k]);
        }
        if (runs[k].fault != NULL && ++wrong < 20)
            (void)report(&runs[k], false);
    }
    fprintf(stderr, "%u cases compiled, %u wrong\n", n, wrong);
    weir_context_free(cx);
    return wrong;
}

int oracle_main(int argc, char **argv, const Row *rows, unsigned n_rows)
{
    if (argc == 2 && strcmp(argv[1], "c") == 0)
        return run_compiled(rows, n_rows) == 0 ? 0 : 1;
    if (argc == 3) {
        for (unsigned r = 0; r < n_rows; r++)
            if (strcmp(rows[r].what, argv[1]) == 0)
                return evaluate(&rows[r], (unsigned)strtoul(argv[2], NULL, 10), true) ? 0 : 1;
        return 2;
    }
    struct CMUnitTest *tests = test_calloc(n_rows, sizeof *tests);
    Row *copies = test_calloc(n_rows, sizeof *copies);
    memcpy(copies, rows, n_rows * sizeof *rows);
    for (unsigned r = 0; r < n_rows && argc == 2; r++)
        copies[r].cases *= (unsigned)strtoul(argv[1], NULL, 10);
    for (unsigned r = 0; r < n_rows; r++)
        tests[r] = (struct CMUnitTest){.name = rows[r].what, .test_func = row_test, .initial_state = &copies[r]};
    int failed = _cmocka_run_group_tests("oracle", tests, n_rows, NULL, NULL);
    test_free(copies);
    test_free(tests);
    return failed;
}
