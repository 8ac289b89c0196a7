/*
 * backends/c/emit_elementary.c: the elementary functions that a file uses: in f32 the steps of ir/elementary.h, scalar and by
 * vector; in f64 the C library's, as ir/eval.h says.
 */
#include "backends/c/internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/elementary.h"

typedef struct Steps {
    Emit *e;
    const Elementary *of;
    uint32_t lanes;
    Text *out;
} Steps;

static void print_number(const Steps *s, const StepArg *a, bool scalar)
{
    bool vector = s->lanes > 1 && !scalar;
    if (vector)
        text_printf(s->out, a->kind == ARG_F32 ? "wv_splat_f32_%u(" : "wv_splat_i32_%u(", s->lanes);
    if (a->kind == ARG_I32)
        text_printf(s->out, a->n == INT32_MIN ? "INT32_MIN" : "%" PRId32, a->n);
    else if (isnan(a->f))
        text_printf(s->out, "NAN");
    else if (isinf(a->f))
        text_printf(s->out, a->f < 0 ? "-INFINITY" : "INFINITY");
    else
        text_printf(s->out, "%af", (double)a->f);
    if (vector)
        text_printf(s->out, ")");
}

static void print_arg(const Steps *s, const StepArg *a, bool scalar)
{
    if (a->kind == ARG_INPUT)
        text_printf(s->out, "x%u", a->i);
    else if (a->kind == ARG_STEP)
        text_printf(s->out, "v%u", a->i);
    else
        print_number(s, a, scalar);
}

static void print_infix(const Steps *s, const Step *step, const char *sign)
{
    print_arg(s, &step->arg[0], false);
    text_printf(s->out, " %s ", sign);
    print_arg(s, &step->arg[1], false);
}

static const char *sign_of(const Steps *s, const Step *step)
{
    static const char *const always[FN_COUNT] = {[FN_EQ] = "==", [FN_NE] = "!=", [FN_LT] = "<", [FN_LE] = "<=", [FN_GT] = ">",
                                                 [FN_GE] = ">=", [FN_DIV] = "/", [FN_AND] = "&", [FN_OR] = "|",
                                                 [FN_BIT_AND] = "&", [FN_BIT_OR] = "|", [FN_BIT_XOR] = "^"};
    static const char *const floats[FN_COUNT] = {[FN_ADD] = "+", [FN_SUB] = "-", [FN_MUL] = "*"};
    (void)s;
    return step->type == DT_F32 && floats[step->fn] != NULL ? floats[step->fn] : always[step->fn];
}

static const char *name_of(Fn fn, const char **out_library)
{
    static const char *const names[FN_COUNT] = {[FN_ADD] = "add", [FN_SUB] = "sub", [FN_MUL] = "mul", [FN_MIN] = "min",
                                                [FN_MAX] = "max", [FN_ABS] = "abs", [FN_NEG] = "neg", [FN_SHL] = "shl",
                                                [FN_SHR] = "shr", [FN_SELECT] = "select", [FN_FMA] = "fma", [FN_SQRT] = "sqrt",
                                                [FN_FLOOR] = "floor", [FN_CEIL] = "ceil", [FN_TRUNC] = "trunc", [FN_SIGN] = "sign",
                                                [FN_ROUND_EVEN] = "rint"};
    static const char *const library[FN_COUNT] = {[FN_ABS] = "fabsf", [FN_NEG] = "-", [FN_FMA] = "fmaf", [FN_SQRT] = "sqrtf",
                                                  [FN_FLOOR] = "floorf", [FN_CEIL] = "ceilf", [FN_TRUNC] = "truncf",
                                                  [FN_ROUND_EVEN] = "rintf"};
    *out_library = library[fn];
    return names[fn];
}

static void print_function(const Steps *s, const Step *step)
{
    const char *library, *name = name_of(step->fn, &library);
    const char *type = dtype_text(step->type);
    if (name == NULL)
        weir_bug(s->e->cx, "an elementary step without a form in C: %s", fn_info(step->fn)->text);
    if (s->lanes > 1)
        text_printf(s->out, "wv_%s_%s_%u(", name, type, s->lanes);
    else if (step->type == DT_F32 && library != NULL)
        text_printf(s->out, "%s(", library);
    else
        text_printf(s->out, "w_%s_%s(", name, type);
    bool shift = step->fn == FN_SHL || step->fn == FN_SHR;
    for (uint32_t k = 0; k < step->n_args; k++) {
        text_printf(s->out, "%s", k > 0 ? ", " : "");
        print_arg(s, &step->arg[k], shift && k == 1);
    }
    text_printf(s->out, ")");
}

static void print_call(const Steps *s, const Step *step)
{
    const char *sign = sign_of(s, step);
    if (sign != NULL) {
        print_infix(s, step, sign);
    } else if (step->fn == FN_NOT) {
        text_printf(s->out, s->lanes > 1 ? "~" : "!");
        print_arg(s, &step->arg[0], false);
    } else if (step->fn == FN_SELECT && s->lanes == 1) {
        print_arg(s, &step->arg[0], false);
        text_printf(s->out, " ? ");
        print_arg(s, &step->arg[1], false);
        text_printf(s->out, " : ");
        print_arg(s, &step->arg[2], false);
    } else {
        print_function(s, step);
    }
}

static void print_convert(const Steps *s, const Step *step)
{
    const char *to = dtype_text(step->type), *from = dtype_text(step->from);
    bool bits = step->kind == STEP_BITS;
    if (s->lanes > 1)
        text_printf(s->out, "wv_%s_%s_from_%s_%u(", bits ? "bits" : "cast", to, from, s->lanes);
    else if (bits)
        text_printf(s->out, step->type == DT_F32 ? "w_f32_of_u32((uint32_t)" : "(int32_t)w_u32_of_f32(");
    else
        text_printf(s->out, step->type == DT_F32 ? "(float)(" : "w_i32_from_f64((double)");
    print_arg(s, &step->arg[0], false);
    text_printf(s->out, ")");
}

static void print_type(const Steps *s, Dtype type)
{
    if (s->lanes > 1)
        text_printf(s->out, "wt_%s_%u", dtype_text(type), s->lanes);
    else
        text_printf(s->out, "%s", type == DT_BOOL ? "int" : c_value_type(type));
}

static void print_steps(const Steps *s)
{
    text_printf(s->out, "W_INLINE ");
    print_type(s, DT_F32);
    text_printf(s->out, s->lanes > 1 ? " wv_%s_f32_%u(" : " w_%s_f32(", fn_info(s->of->fn)->text, s->lanes);
    for (uint32_t k = 0; k < s->of->n_inputs; k++) {
        text_printf(s->out, "%s", k > 0 ? ", " : "");
        print_type(s, DT_F32);
        text_printf(s->out, " x%u", k);
    }
    text_printf(s->out, ")\n{\n");
    for (uint32_t k = 0; k < s->of->n_steps; k++) {
        text_printf(s->out, "    const ");
        print_type(s, s->of->steps[k].type);
        text_printf(s->out, " v%u = ", k);
        if (s->of->steps[k].kind == STEP_CALL)
            print_call(s, &s->of->steps[k]);
        else
            print_convert(s, &s->of->steps[k]);
        text_printf(s->out, ";\n");
    }
    text_printf(s->out, "    return v%u;\n}\n", s->of->n_steps - 1);
}

static void print_library(Emit *e, Fn fn, Text *out)
{
    const char *name = fn_info(fn)->text;
    if (fn == FN_SIGMOID)
        text_printf(out, "W_INLINE double w_sigmoid_f64(double x) { return 1.0 / (1.0 + exp(-x)); }\n");
    else if (fn_info(fn)->arity == 2)
        text_printf(out, "W_INLINE double w_%s_f64(double x, double y) { return %s(x, y); }\n", name, name);
    else
        text_printf(out, "W_INLINE double w_%s_f64(double x) { return %s(x); }\n", name, name);
    (void)e;
}

void emit_elementary(Emit *e, Text *out)
{
    for (uint32_t fn = 1; fn < FN_COUNT; fn++)
        for (uint32_t lanes = 1; lanes <= 64; lanes++) {
            if (e->elementary[fn * 128 + 64 + lanes - 1] && lanes == 1) {
                text_printf(out, "#ifndef W_F64_%u\n#define W_F64_%u\n", fn, fn);
                print_library(e, (Fn)fn, out);
                text_printf(out, "#endif\n");
            }
            const Elementary *of = e->elementary[fn * 128 + lanes - 1] ? elementary(e->cx, (Fn)fn) : NULL;
            if (of == NULL)
                continue;
            Steps s = {.e = e, .of = of, .lanes = lanes, .out = out};
            text_printf(out, "#ifndef W_F32_%u_%u\n#define W_F32_%u_%u\n", fn, lanes, fn, lanes);
            print_steps(&s);
            text_printf(out, "#endif\n");
        }
}
