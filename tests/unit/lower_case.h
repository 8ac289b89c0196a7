/* Small models from text: lowered, verified and evaluated on numbers given as doubles. */
#ifndef WEIR_TESTS_UNIT_LOWER_CASE_H
#define WEIR_TESTS_UNIT_LOWER_CASE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/lower/lower.h"
#include "ir/eval.h"

typedef struct Case {
    weir_context *cx;
    jmp_buf pad;
    Cascade *cs;
    LoweredInfo info;
    Tensor *values;
} Case;

static int case_setup(void **state)
{
    Case *c = test_calloc(1, sizeof *c);
    c->cx = weir_context_new();
    *state = c;
    return c->cx == NULL;
}

static int case_teardown(void **state)
{
    Case *c = *state;
    weir_context_free(c->cx);
    test_free(c);
    return 0;
}

static weir_status case_lower(Case *c, const char *text)
{
    Model *model;
    c->cx->arena.pad = &c->pad;
    if (setjmp(c->pad) != 0) {
        fail_msg("unwound");
        return WEIR_BUG;
    }
    Source *source = ARENA_NEW(&c->cx->arena, Source);
    *source = (Source){.path = "case.onnxtxt", .text = text, .bytes = strlen(text)};
    if (model_read_text(c->cx, source, &model) != WEIR_OK) {
        diagnostics_print(&c->cx->diag, stderr, false);
        fail_msg("the text does not parse");
    }
    return lower_model(c->cx, model, NULL, &c->cs, &c->info);
}

static void case_store(const Tensor *t, int64_t i, double v)
{
    if (dtype_is_int(t->type) || t->type == DT_BOOL)
        dtype_store_i64(t->type, t->data, (size_t)i, (int64_t)v);
    else
        dtype_store_f64(t->type, t->data, (size_t)i, v);
}

static double case_load(const Tensor *t, int64_t i)
{
    if (dtype_is_int(t->type) || t->type == DT_BOOL)
        return (double)dtype_load_i64(t->type, t->data, (size_t)i);
    return dtype_load_f64(t->type, t->data, (size_t)i);
}

/* Lowers and evaluates; inputs[k] holds the numbers of input k. */
static void case_run(Case *c, const char *text, const double *const *inputs)
{
    weir_status status = case_lower(c, text);
    diagnostics_print(&c->cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    assert_int_equal(cascade_verify(c->cs), WEIR_OK);
    c->values = ARENA_ARRAY(&c->cx->arena, Tensor, c->cs->tensors.n);
    for (uint32_t k = 0; k < c->info.n_inputs; k++) {
        const LoweredValue *in = &c->info.inputs[k];
        Tensor *t = &c->values[in->tensor.i];
        int64_t n = 1;
        *t = (Tensor){.type = in->type, .n_dims = in->n_dims, .writable = true};
        for (uint32_t d = 0; d < in->n_dims; d++)
            n *= t->extent[d] = in->extent[d];
        t->data = ARENA_ARRAY(&c->cx->arena, double, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            case_store(t, i, inputs[k][i]);
    }
    EvalOptions options = {.system = EVAL_TYPED};
    assert_int_equal(eval_cascade(c->cs, &options, c->values), WEIR_OK);
}

static void case_values(const Tensor *t, uint32_t k, int64_t n, const double *expected, double tolerance)
{
    for (int64_t i = 0; i < n; i++) {
        double v = case_load(t, i);
        if (!(fabs(v - expected[i]) <= tolerance))
            fail_msg("output %u element %lld: %.9g, not %.9g", k, (long long)i, v, expected[i]);
    }
}

static inline void case_expect(const Case *c, uint32_t k, int64_t n, const double *expected, double tolerance)
{
    const Tensor *t = &c->values[c->info.outputs[k].tensor.i];
    int64_t size = 1;
    for (uint32_t d = 0; d < c->info.outputs[k].n_dims; d++)
        size *= c->info.outputs[k].extent[d];
    assert_int_equal(size, n);
    case_values(t, k, n, expected, tolerance);
}

#endif
