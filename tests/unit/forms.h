/*
 * Forms of values on which a target is compared with eval of the pinned cascade, bit for bit: the rules of values on edges of
 * every type, conversions, elementary functions, requantisation, reductions, regions, traps. The program defines FORMS_TARGET and
 * FORMS_LEVEL and includes this after cmocka.h.
 */
#ifndef WEIR_TESTS_UNIT_FORMS_H
#define WEIR_TESTS_UNIT_FORMS_H

#include <math.h>

#include "backends/compare.h"
#include "backends/job.h"
#include "ir/eval.h"
#include "ir/expect.h"
#include "support/file.h"
#include "tests/unit/unit.h"

static weir_settings settings;

static int setup_forms(void **state)
{
    settings = (weir_settings){.target = FORMS_TARGET, .opt_level = FORMS_LEVEL, .verify = true};
    return setup(state);
}

/* Values where something happens, then others. */
static const double floats[] = {0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 7, -7, 100.25, 1e-3, 1e-7, -1e-7, 0x1p-24, 0x1p-25, 0x1.8p-25,
                                0x1p-14, 0x1.ffcp-15, 0x1p-133, 0x1p-149, 0x1p-1000, 127.5, 128, -128.5, 255.5, 256, 32767.5, -32769, 65504, 65519,
                                65520, 65536, 2147483520, 2147483648, -2147483648.0, 4294967296, 9.2e18, 9223372036854775808.0, 1.9e19, 3.3e38,
                                3.4028236e38, 1e300, 0x1.000001p0, 0x1.001p0, 0x1.003p0, 0x1.01p0, 0x1.03p0, 0x1.0010000001p0, 0x1.010000001p0};
static const int64_t ints[] = {0, 1, -1, 2, -2, 3, -3, 4, 5, 7, 8, -8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 100, 127, 128, -127, -128, -129, 255, 256,
                               32767, -32768, 65535, 65520, 16777217, -16777219, 2147483647, -2147483648LL, 4294967295LL, 1LL << 53, (1LL << 53) + 1,
                               -(1LL << 53) - 3, (1LL << 62) + 513, INT64_MAX, INT64_MIN};

static void edge(Dtype type, size_t k, void *data, size_t at)
{
    size_t n_floats = sizeof floats / sizeof *floats, n_ints = sizeof ints / sizeof *ints;
    if (dtype_kind(type) != DK_FLOAT) {
        dtype_store_i64(type, data, at, ints[k % n_ints]);
        return;
    }
    k %= n_floats + 3;
    double special[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    dtype_store_f64(type, data, at, k < n_floats ? floats[k] : special[k - n_floats]);
}

enum { EDGES = 55 };

/* A[k] walks through the edges, B[k] stays for a round, so that all pairs meet in EDGES * EDGES elements. */
static void edges_of(Cascade *cs, Tensor *values)
{
    size_t input = 0;
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *decl = tensor_at(cs, (TensorId){t});
        int64_t extent[TENSOR_MAX_DIMS];
        if (decl->role != TENSOR_IN)
            continue;
        for (uint32_t d = 0; d < decl->n_dims; d++)
            extent[d] = dim_extent(cs, (TensorId){t}, d);
        values[t] = tensor_new(cx, decl->type, decl->n_dims, extent);
        for (int64_t k = 0; k < tensor_elements(&values[t]); k++)
            edge(decl->type, input == 0 ? (size_t)k % EDGES : input == 1 ? (size_t)k / EDGES : (size_t)k % 17, values[t].data, (size_t)k);
        input++;
    }
}

static Job *compiled(const char *text)
{
    Source *source = ARENA_NEW(&cx->arena, Source);
    Job *job;
    Cascade **all;
    uint32_t n;
    *source = (Source){"text", text, strlen(text)};
    good(job_new(cx, &settings, &job));
    good(cascade_parse(cx, source, &n, &all));
    good(cascade_verify(all[0]));
    job->source = all[0];
    good(job_compile(job));
    return job;
}

static void same_as_eval(Job *job, Tensor *values)
{
    Tensor *pinned = ARENA_ARRAY(&cx->arena, Tensor, job->pinned->tensors.n);
    for (uint32_t t = 1; t < job->source->tensors.n; t++)
        if (tensor_at(job->source, (TensorId){t})->role == TENSOR_IN)
            pinned[tensor_by_name(job->pinned, tensor_at(job->source, (TensorId){t})->name).i] = values[t];
    const EvalOptions options = {.system = EVAL_TYPED};
    good(eval_cascade(job->pinned, &options, pinned));
    good(job_run(job, values, NULL));
    unsigned wrong = 0;
    for (uint32_t t = 1; t < job->source->tensors.n; t++) {
        const TensorDecl *decl = tensor_at(job->source, (TensorId){t});
        const char *why = NULL;
        if (!decl->is_out || tensors_same(cx, &values[t], &pinned[tensor_by_name(job->pinned, decl->name).i], &why))
            continue;
        print_error("%s: %s\n", cx_text(cx, decl->name), why);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void on_edges(const char *text)
{
    Job *job = compiled(text);
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, job->source->tensors.n);
    edges_of(job->source, values);
    same_as_eval(job, values);
}

/* `out NAME_K[i] : type = form` with every % of the form read as operands. */
static void add_outputs(Text *text, const char *type, uint32_t n, const char *const *forms)
{
    for (uint32_t k = 0; k < n; k++)
        text_printf(text, "out Y%zu[i] : %s = %s\n", text->n, type, forms[k]);
}

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof *(list))

static Text two_inputs(const char *type)
{
    Text text;
    text_init(&text, &cx->arena);
    text_printf(&text, "cascade t {\nrank i = %d\nin A[i] : %s\nin B[i] : %s\n", EDGES * EDGES, type, type);
    return text;
}

static void integer_rules(void **state)
{
    (void)state;
    static const char *const types[] = {"i64", "i32", "i8", "u64", "u16"};
    static const char *const forms[] = {
        "A[i] + B[i]", "A[i] - B[i]", "A[i] * B[i]", "min(A[i], B[i])", "max(A[i], B[i])", "idiv(A[i], B[i])", "irem(A[i], B[i])",
        "floordiv(A[i], B[i])", "floormod(A[i], B[i])", "bit_and(A[i], B[i])", "bit_or(A[i], B[i])", "bit_xor(A[i], B[i])",
        "shl(A[i], B[i])", "shr(A[i], B[i])", "abs(A[i])", "sign(A[i])", "bit_not(A[i])", "-A[i]", "select(A[i] < B[i], A[i], B[i] + 1)", "pow(A[i], B[i])"};
    static const char *const tests[] = {"A[i] == B[i]", "A[i] != B[i]", "A[i] < B[i]", "A[i] >= B[i]", "A[i] <= B[i] and A[i] != B[i]", "not (A[i] > B[i])"};
    for (uint32_t k = 0; k < COUNT(types); k++) {
        Text text = two_inputs(types[k]);
        add_outputs(&text, types[k], COUNT(forms), forms);
        add_outputs(&text, "bool", COUNT(tests), tests);
        text_printf(&text, "}\n");
        on_edges(text.at);
    }
}

static void float_rules(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f64", "f16", "bf16"};
    static const char *const forms[] = {
        "A[i] + B[i]", "A[i] - B[i]", "A[i] * B[i]", "A[i] / B[i]", "min(A[i], B[i])", "max(A[i], B[i])", "fmod(A[i], B[i])", "-A[i]",
        "abs(A[i])", "sign(A[i])", "floor(A[i])", "ceil(A[i])", "trunc(A[i])", "round_even(A[i])", "sqrt(A[i])", "recip(A[i])", "rsqrt(A[i])",
        "max(A[i], 0.0)", "max(A[i], -0.0)", "min(0.0, A[i])", "min(A[i], -0.0)", "min(max(A[i], 0.0), 6.0)", "select(A[i] < B[i], A[i], B[i])",
        "A[i] * B[i] + A[i]", "A[i] + 0.0", "A[i] * 1.0", "0.0 - A[i]"};
    static const char *const wide[] = {"fma(A[i], B[i], A[i])", "fma(A[i], -B[i], 1.0)"};
    static const char *const tests[] = {"A[i] == B[i]", "A[i] != B[i]", "A[i] < B[i]", "A[i] >= B[i]", "not (A[i] > B[i])"};
    for (uint32_t k = 0; k < COUNT(types); k++) {
        Text text = two_inputs(types[k]);
        add_outputs(&text, types[k], COUNT(forms), forms);
        add_outputs(&text, types[k], k < 2 ? COUNT(wide) : 0, wide);
        add_outputs(&text, "bool", COUNT(tests), tests);
        text_printf(&text, "}\n");
        on_edges(text.at);
    }
}

static void casts(void **state)
{
    (void)state;
    static const char *const types[] = {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i4", "u64", "u32", "u16", "u8", "u2", "bool"};
    settings.opt_level = FORMS_LEVEL < 0 ? 1 : FORMS_LEVEL;
    for (uint32_t from = 0; from < COUNT(types); from++) {
        Text text;
        text_init(&text, &cx->arena);
        text_printf(&text, "cascade t {\nrank i = %d\nin A[i] : %s\n", EDGES, types[from]);
        for (uint32_t to = 0; to < COUNT(types); to++) {
            bool to_int = types[to][0] == 'i' || types[to][0] == 'u';
            text_printf(&text, "out P_%s[i] : %s = %s(A[i])\n", types[to], types[to], types[to]);
            if (to_int)
                text_printf(&text, "out S_%s[i] : %s = %s.sat(A[i])\n", types[to], types[to], types[to]);
        }
        text_printf(&text, "}\n");
        on_edges(text.at);
    }
}

static void bits(void **state)
{
    (void)state;
    on_edges("cascade t {\nrank i = 52\nin A[i] : f32\nin B[i] : f64\nin C[i] : f16\nin D[i] : i32\nin E[i] : u16\nin F[i] : i64\n"
             "out G[i] : i32 = i32.bits(A[i])\nout H[i] : u64 = u64.bits(B[i])\nout K[i] : i16 = i16.bits(C[i])\n"
             "out L[i] : f32 = f32.bits(D[i])\nout M[i] : bf16 = bf16.bits(E[i])\nout N[i] : f64 = f64.bits(F[i])\n}\n");
}

static void nan_is_canonical_when_made(void **state)
{
    (void)state;
    settings.opt_level = 2; /* by lanes too */
    on_edges("cascade t {\nrank i = 55\nin A[i] : f32\nin B[i] : i32\nout M[i] : i32 = i32.bits(A[i] * 0.0)\n"
             "out K[i] : i32 = i32.bits(f32.bits(B[i] + 2143294721))\nout N[i] : i32 = i32.bits(-f32.bits(B[i] + 2143294721))\n"
             "out S[i] : i32 = i32.bits(sqrt(A[i]) + log(A[i]))\nout W[i] : i64 = i64.bits(f64(f32.bits(B[i] + 2143294721)))\n"
             "out X[i] : i32 = i32.bits(max(A[i], f32.bits(B[i] + 2143294721)))\n}\n");
}

static void elementary_functions(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f64", "f16"};
    static const char *const names[] = {"exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "sin", "cos", "tan", "asin", "acos", "atan",
                                        "sinh", "cosh", "asinh", "acosh", "atanh"};
    for (uint32_t k = 0; k < COUNT(types); k++) {
        Text text = two_inputs(types[k]);
        for (uint32_t f = 0; f < COUNT(names); f++)
            text_printf(&text, "out Y_%s[i] : %s = %s(A[i])\n", names[f], types[k], names[f]);
        text_printf(&text, "out Z[i] : %s = pow(A[i], B[i])\n}\n", types[k]);
        Job *job = compiled(text.at);
        Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, job->source->tensors.n);
        edges_of(job->source, values);
        for (size_t at = EDGES * 20; at < EDGES * EDGES; at++) /* the others: all over the range of exponents */
            dtype_store_f64(values[1].type, values[1].data, at, ((at & 1) != 0 ? -1.0 : 1.0) * exp2((double)(at % 997) / 25 - 30));
        same_as_eval(job, values);
    }
}

/* Random scales, scales that make ties, ties that the f64 quotient hides, and what is no scale at all. */
static void requantisation(void **state)
{
    (void)state;
    Job *job = compiled("cascade t {\nrank i = 6000\nin A[i] : i32\nin X[i] : f32\nin W[i] : f32\nin Y[i] : f32\n"
                        "out Q[i] : i8 = i8.sat(requant(A[i], X[i], W[i], Y[i]))\nout R[i] : f64 = requant(A[i], X[i], W[i], Y[i])\n}\n");
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, job->source->tensors.n);
    static const double scales[] = {1, 0.5, 0.25, 0.1, 3, 1e-3, 0x1.fffffep-3, 0x1.000002p-4, 7, -0.5, 0, 1e38, 1e-38};
    edges_of(job->source, values);
    uint64_t random = 1;
    for (size_t k = 0; k < 6000; k++) {
        double by[3];
        for (unsigned s = 0; s < 3; s++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            by[s] = k < 3000 ? scales[(random >> 33) % COUNT(scales)] : (double)((random >> 33) % 100000 + 1) / 4096;
            dtype_store_f64(DT_F32, values[2 + s].data, k, by[s]);
        }
        dtype_store_i64(DT_I32, values[1].data, k, k % 3 == 0 ? (int64_t)(random >> 40) - (1 << 23) : (int64_t)(random >> 50) - 8192);
        if (k % 5 == 0) /* (2n + 1) * sy / 2 / (sx * sw) */
            dtype_store_f64(DT_F32, values[4].data, k, by[0] * by[1] * 2);
    }
    same_as_eval(job, values);
}

static void reductions(void **state)
{
    (void)state;
    on_edges("cascade t {\nrank i = 37, j = 29\nin A[i, j] : f32\nin W[j] : f32\nin C[i, j] : i8\nin D[i, j] : bool\nin H[i, j] : f16\n"
             "out S[i] : f32 = sum[j] A[i, j] * W[j]\nout T[i] : f32 = sum.fma[j] A[i, j] * W[j]\nout M[i] : f32 = max[j] A[i, j]\n"
             "out N[j] : f32 = min[i] A[i, j]\nout X[i] : i64 = argmax[j] A[i, j]\nout P[i] : i32 = sum.i32[j] i32(C[i, j]) * i32(C[i, j])\n"
             "out Q[i] : f32 = prod[j] A[i, j]\nout R[i] : f16 = sum[j] H[i, j]\n"
             "out V[i, j] : f32 = A[i, j - 1] ? 0.0\nout U[i, j] : bool = D[i, j] and A[i, j] < W[j]\n}\n");
}

static void regions(void **state)
{
    (void)state;
    on_edges("cascade t {\nrank i = 8\nin A[i] : f32\nin G[] : bool\n"
             "if G[] { X[i] = A[i] * 2.0 } else { X[i] = A[i] + 1.0 }\nout Y[i] : f32 = X[i]\n}\n");
}

static void traps(void **state)
{
    (void)state;
    Job *job = compiled("cascade t {\nrank i = 4, j = 4\nin I[i] : i64\nin A[j] : f32\nout Y[i] : f32 = A[I[i]]\n}\n");
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, job->source->tensors.n);
    edges_of(job->source, values); /* 0, 1, -1 */
    assert_int_equal(job_run(job, values, NULL), WEIR_INVALID);
    assert_int_equal(cx->diag.list.at[0].id, E_TRAP);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_forms, teardown)
#define FORMS                                                                                                                \
    CASE(integer_rules), CASE(float_rules), CASE(casts), CASE(bits), CASE(nan_is_canonical_when_made), CASE(elementary_functions), \
        CASE(requantisation), CASE(reductions), CASE(regions), CASE(traps)

#endif
