/*
 * ir/elementary.c: the texts of ir/elementary.def as steps; running them on blocks.
 */
#include "ir/elementary.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/eval_ops.h"

typedef struct Row {
    const char *text;
    uint32_t inputs;
    double ulp;
} Row;

static const Row rows[FN_COUNT] = {
    [FN_NONE] = {NULL, 0, 0},
#define ELEMENTARY(id, inputs, ulp, text) [FN_##id] = {text, inputs, ulp},
#include "ir/elementary.def"
#undef ELEMENTARY
};

enum { MOST_STEPS = 400, MOST_NAMES = 64, MOST_SLOTS = 48 };

/* A step with its place among the blocks, and where its constants are. */
typedef struct Placed {
    uint32_t slot;
    const void *constant[3]; /* EVAL_LANES copies each; NULL: no constant */
} Placed;

typedef struct Program {
    Elementary e;
    Placed *placed;
    uint32_t n_slots;
} Program;

struct ElementaryTable {
    Program *program[FN_COUNT];
};

/* ---- parsing ---- */

typedef struct Named {
    const char *text;
    size_t length;
    StepArg value;
} Named;

typedef struct Parser {
    weir_context *cx;
    const char *at;
    Named *names; /* of this row */
    uint32_t n_names;
    Step *steps;
    uint32_t *n_steps;
} Parser;

static StepArg parse_sum(Parser *p);
static StepArg parse_comparison(Parser *p);
static StepArg inline_row(Parser *p, Fn fn, uint32_t n, const StepArg *args);

static _Noreturn void bad(Parser *p, const char *what)
{
    weir_bug(p->cx, "elementary.def: %s at '%.20s'", what, p->at);
}

static void blanks(Parser *p)
{
    while (*p->at == ' ')
        p->at++;
}

static bool take(Parser *p, const char *word)
{
    blanks(p);
    size_t n = strlen(word);
    if (strncmp(p->at, word, n) != 0)
        return false;
    p->at += n;
    return true;
}

static void expect(Parser *p, const char *word)
{
    if (!take(p, word))
        bad(p, word);
}

static Dtype arg_type(const Parser *p, StepArg arg)
{
    if (arg.kind == ARG_STEP)
        return p->steps[arg.i].type;
    return arg.kind == ARG_I32 ? DT_I32 : DT_F32;
}

static StepArg push_step(Parser *p, Step step)
{
    if (*p->n_steps == MOST_STEPS)
        bad(p, "too many steps");
    p->steps[*p->n_steps] = step;
    return (StepArg){.kind = ARG_STEP, .i = (*p->n_steps)++};
}

static StepArg push_call(Parser *p, Fn fn, uint32_t n, const StepArg *args)
{
    Step step = {.kind = STEP_CALL, .fn = fn, .n_args = n, .from = arg_type(p, args[n - 1])};
    for (uint32_t k = 0; k < n; k++) {
        step.arg[k] = args[k];
        if (fn != FN_SELECT || k != 0)
            if (arg_type(p, args[k]) != step.from)
                bad(p, "types differ");
    }
    FnRule rule = fn_info(fn)->rule;
    step.type = rule == RULE_COMPARE || rule == RULE_LOGIC ? DT_BOOL : step.from;
    return push_step(p, step);
}

static StepArg parse_number(Parser *p)
{
    char *end;
    StepArg arg = {.kind = ARG_F32};
    size_t n = strspn(p->at, "0123456789abcdefxp.+-");
    bool hex = p->at[0] == '0' && p->at[1] == 'x';
    size_t digits = strspn(p->at, hex ? "0123456789abcdefx." : "0123456789.");
    bool has_point = memchr(p->at, '.', digits) != NULL;
    bool has_exponent = n > digits && (p->at[digits] == 'p' || p->at[digits] == 'e');
    if (has_point || has_exponent) {
        arg.f = strtof(p->at, &end);
    } else {
        arg.kind = ARG_I32;
        arg.n = (int32_t)(uint32_t)strtoul(p->at, &end, 0);
    }
    p->at = end;
    return arg;
}

static StepArg negative(Parser *p, StepArg arg)
{
    if (arg.kind == ARG_F32) {
        arg.f = -arg.f;
        return arg;
    }
    if (arg.kind == ARG_I32) {
        arg.n = -arg.n;
        return arg;
    }
    return push_call(p, FN_NEG, 1, &arg);
}

static uint32_t parse_args(Parser *p, StepArg *args)
{
    uint32_t n = 0;
    do {
        if (n == 3)
            bad(p, "too many arguments");
        args[n++] = parse_comparison(p);
    } while (take(p, ","));
    expect(p, ")");
    return n;
}

static StepArg parse_function(Parser *p, const char *name, size_t length)
{
    StepArg args[3];
    uint32_t n = parse_args(p, args);
    bool bits = length == 8 && (memcmp(name, "i32.bits", 8) == 0 || memcmp(name, "f32.bits", 8) == 0);
    if (bits)
        return push_step(p, (Step){.kind = STEP_BITS, .type = name[0] == 'i' ? DT_I32 : DT_F32,
                                   .from = arg_type(p, args[0]), .n_args = 1, .arg = {args[0]}});
    if (length == 3 && memcmp(name, "f32", 3) == 0)
        return push_step(p, (Step){.kind = STEP_CAST, .type = DT_F32, .from = DT_I32, .n_args = 1, .arg = {args[0]}});
    Fn fn = fn_named(name, length);
    if (length == 3 && memcmp(name, "and", 3) == 0)
        fn = FN_AND;
    if (length == 2 && memcmp(name, "or", 2) == 0)
        fn = FN_OR;
    if (length == 3 && memcmp(name, "not", 3) == 0)
        fn = FN_NOT;
    if (length == 3 && memcmp(name, "neg", 3) == 0)
        fn = FN_NEG;
    if (fn == FN_NONE)
        bad(p, "no such function");
    if (rows[fn].text != NULL)
        return inline_row(p, fn, n, args);
    return push_call(p, fn, n, args);
}

static StepArg parse_primary(Parser *p)
{
    blanks(p);
    if (take(p, "(")) {
        StepArg value = parse_comparison(p);
        expect(p, ")");
        return value;
    }
    if (take(p, "-"))
        return negative(p, parse_primary(p));
    if (isdigit((unsigned char)*p->at))
        return parse_number(p);
    const char *name = p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_' || *p->at == '.')
        p->at++;
    size_t length = (size_t)(p->at - name);
    if (length == 0)
        bad(p, "no value");
    if (take(p, "("))
        return parse_function(p, name, length);
    if (length == 3 && memcmp(name, "inf", 3) == 0)
        return (StepArg){.kind = ARG_F32, .f = HUGE_VALF};
    if (length == 3 && memcmp(name, "nan", 3) == 0)
        return (StepArg){.kind = ARG_F32, .f = NAN};
    for (uint32_t i = p->n_names; i-- > 0;)
        if (p->names[i].length == length && memcmp(p->names[i].text, name, length) == 0)
            return p->names[i].value;
    bad(p, "unknown name");
}

static StepArg parse_term(Parser *p)
{
    StepArg left = parse_primary(p);
    for (;;) {
        Fn fn = take(p, "*") ? FN_MUL : take(p, "/") ? FN_DIV : FN_NONE;
        if (fn == FN_NONE)
            return left;
        StepArg args[2] = {left, parse_primary(p)};
        left = push_call(p, fn, 2, args);
    }
}

static StepArg parse_sum(Parser *p)
{
    StepArg left = parse_term(p);
    for (;;) {
        Fn fn = take(p, "+") ? FN_ADD : take(p, "-") ? FN_SUB : FN_NONE;
        if (fn == FN_NONE)
            return left;
        StepArg args[2] = {left, parse_term(p)};
        left = push_call(p, fn, 2, args);
    }
}

static StepArg parse_comparison(Parser *p)
{
    StepArg left = parse_sum(p);
    static const struct {
        const char *text;
        Fn fn;
    } ops[] = {{"==", FN_EQ}, {"!=", FN_NE}, {"<=", FN_LE}, {">=", FN_GE}, {"<", FN_LT}, {">", FN_GT}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!take(p, ops[i].text))
            continue;
        StepArg args[2] = {left, parse_sum(p)};
        return push_call(p, ops[i].fn, 2, args);
    }
    return left;
}

/* One row with its inputs bound; the value of its last expression. */
static StepArg parse_row(Parser *p)
{
    StepArg value = {0};
    for (blanks(p); *p->at != 0; blanks(p)) {
        const char *start = p->at;
        size_t length = strspn(start, "abcdefghijklmnopqrstuvwxyz0123456789");
        const char *after = start + length + strspn(start + length, " ");
        bool assigns = length != 0 && !isdigit((unsigned char)*start) && after[0] == '=' && after[1] != '=';
        if (assigns)
            p->at = after + 1;
        value = parse_comparison(p);
        if (assigns) {
            if (p->n_names == MOST_NAMES)
                bad(p, "too many names");
            p->names[p->n_names++] = (Named){start, length, value};
        }
        if (!take(p, ";"))
            break;
    }
    blanks(p);
    if (*p->at != 0)
        bad(p, "more than a row");
    return value;
}

static StepArg inline_row(Parser *p, Fn fn, uint32_t n, const StepArg *args)
{
    Named names[MOST_NAMES];
    Parser inner = {.cx = p->cx, .at = rows[fn].text, .names = names, .steps = p->steps, .n_steps = p->n_steps};
    if (n != rows[fn].inputs)
        bad(p, "wrong number of arguments");
    inner.names[inner.n_names++] = (Named){"x", 1, args[0]};
    if (n > 1)
        inner.names[inner.n_names++] = (Named){"y", 1, args[1]};
    return parse_row(&inner);
}

/* ---- places of values ---- */

static const void *constant_block(weir_context *cx, StepArg arg)
{
    if (arg.kind != ARG_F32 && arg.kind != ARG_I32)
        return NULL;
    uint32_t *block = ARENA_ARRAY(&cx->arena, uint32_t, EVAL_LANES);
    block_fill(4, EVAL_LANES, arg.kind == ARG_F32 ? (const void *)&arg.f : (const void *)&arg.n, block);
    return block;
}

/* Slots by linear scan: a value's is free again after its last use. */
static void place_steps(weir_context *cx, Program *program)
{
    uint32_t n = program->e.n_steps;
    uint32_t *last = ARENA_ARRAY(&cx->arena, uint32_t, n);
    program->placed = ARENA_ARRAY(&cx->arena, Placed, n);
    bool busy[MOST_SLOTS] = {false};
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < program->e.steps[i].n_args; k++)
            if (program->e.steps[i].arg[k].kind == ARG_STEP)
                last[program->e.steps[i].arg[k].i] = i;
    for (uint32_t i = 0; i < n; i++) {
        const Step *step = &program->e.steps[i];
        uint32_t slot = 0;
        while (slot < MOST_SLOTS && busy[slot])
            slot++;
        if (slot == MOST_SLOTS)
            weir_bug(cx, "elementary.def: too many values at once");
        busy[slot] = true;
        program->placed[i].slot = slot;
        if (slot >= program->n_slots)
            program->n_slots = slot + 1;
        for (uint32_t k = 0; k < step->n_args; k++) {
            program->placed[i].constant[k] = constant_block(cx, step->arg[k]);
            if (step->arg[k].kind == ARG_STEP && last[step->arg[k].i] == i)
                busy[program->placed[step->arg[k].i].slot] = false;
        }
    }
}

static Program *build(weir_context *cx, Fn fn)
{
    Step *steps = ARENA_ARRAY(&cx->arena, Step, MOST_STEPS);
    Named names[MOST_NAMES] = {{"x", 1, {.kind = ARG_INPUT}}, {"y", 1, {.kind = ARG_INPUT, .i = 1}}};
    uint32_t n_steps = 0;
    Parser p = {.cx = cx, .at = rows[fn].text, .names = names, .n_names = rows[fn].inputs, .steps = steps,
                .n_steps = &n_steps};
    StepArg value = parse_row(&p);
    if (value.kind != ARG_STEP || value.i + 1 != n_steps || steps[value.i].type != DT_F32)
        bad(&p, "the last step is not the value");
    Program *program = ARENA_NEW(&cx->arena, Program);
    program->e = (Elementary){fn, rows[fn].inputs, n_steps, steps, rows[fn].ulp};
    place_steps(cx, program);
    return program;
}

const Elementary *elementary(weir_context *cx, Fn fn)
{
    if (rows[fn].text == NULL)
        return NULL;
    if (cx->elementary == NULL)
        cx->elementary = ARENA_NEW(&cx->arena, struct ElementaryTable);
    Program **program = &cx->elementary->program[fn];
    if (*program == NULL)
        *program = build(cx, fn);
    return &(*program)->e;
}

/* ---- running ---- */

static void run_integer(Fn fn, uint32_t n, const int32_t *a, const int32_t *b, int32_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = (uint32_t)b[i];
        if (fn == FN_SHL)
            out[i] = count > 31 ? 0 : (int32_t)((uint32_t)a[i] << (count & 31));
        else
            out[i] = a[i] >> (count > 31 ? 31 : count & 31);
    }
}

static void run_logic(Fn fn, uint32_t n, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = fn == FN_NOT ? a[i] == 0 : fn == FN_AND ? (a[i] & b[i]) : (a[i] | b[i]);
}

static void run_step(const Kernels *k, const Step *step, uint32_t n, void *const args[3], void *out)
{
    if (step->kind == STEP_BITS) {
        memcpy(out, args[0], n * 4);
    } else if (step->kind == STEP_CAST) {
        for (uint32_t i = 0; i < n; i++)
            ((float *)out)[i] = (float)((const int32_t *)args[0])[i];
    } else if (step->fn == FN_SELECT) {
        k->select_4(n, args[0], args[1], args[2], out);
    } else if (step->from == DT_BOOL) {
        run_logic(step->fn, n, args[0], args[1], out);
    } else if (step->from == DT_F32) {
        k->call_f32(step->fn, n, args[0], args[1], args[2], out);
    } else if (step->fn == FN_SHL || step->fn == FN_SHR) {
        run_integer(step->fn, n, args[0], args[1], out);
    } else {
        k->call_i32(step->fn, n, args[0], args[1], out);
    }
}

void elementary_apply(const Elementary *e, uint32_t n, const float *x, const float *z, float *y)
{
    const Program *program = (const Program *)(const void *)e; /* its first member */
    const Kernels *k = kernels_best();
    float slots[MOST_SLOTS][EVAL_LANES], input[2][EVAL_LANES];
    for (uint32_t done = 0; done < n; done += EVAL_LANES) {
        uint32_t part = n - done < EVAL_LANES ? n - done : EVAL_LANES;
        memcpy(input[0], x + done, part * sizeof *x);
        if (e->n_inputs > 1)
            memcpy(input[1], z + done, part * sizeof *z);
        for (uint32_t i = 0; i < e->n_steps; i++) {
            const Step *step = &e->steps[i];
            void *args[3] = {NULL, NULL, NULL};
            union {
                const void *in;
                void *out;
            } constant;
            for (uint32_t a = 0; a < step->n_args; a++) {
                constant.in = program->placed[i].constant[a];
                args[a] = step->arg[a].kind == ARG_INPUT  ? input[step->arg[a].i]
                          : step->arg[a].kind == ARG_STEP ? slots[program->placed[step->arg[a].i].slot]
                                                          : constant.out;
            }
            run_step(k, step, part, args, slots[program->placed[i].slot]);
        }
        memcpy(y + done, slots[program->placed[e->n_steps - 1].slot], part * sizeof *y);
    }
}
