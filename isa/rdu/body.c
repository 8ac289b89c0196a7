/*
 * isa/rdu/body.c: the statements inside a unit: loops, ports, stages, addresses.
 *
 * In:   the text behind a unit's head. Out: the current program (and unit) of the parser.
 * Keep: names are resolved at once, so loops stand before what names them.
 */
#include "isa/rdu/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA(p) (&(p)->cx->arena)

/* ---- loops and levels ---- */

static int loop_named(const RduProgram *program, const char *name, size_t length)
{
    for (uint32_t i = 0; i < program->loop_names.n; i++)
        if (strlen(program->loop_names.at[i]) == length && memcmp(program->loop_names.at[i], name, length) == 0)
            return (int)i;
    return -1;
}

static weir_status parse_loop(RduParser *p)
{
    AsmText *s = p->text;
    RduLoop loop = {0};
    const char *name = NULL;
    TRY(asm_name(s, "a loop's name", &name));
    if (loop_named(p->program, name, strlen(name)) >= 0)
        return asm_fail(s, "loop '%s' stands twice", name);
    if (p->program->loops.n == RDU_MAX_LOOPS)
        return asm_fail(s, "a program has at most %d loops", RDU_MAX_LOOPS);
    if (asm_accept(s, "arg")) {
        loop.src = 1;
        TRY(asm_u32(s, "arg", UINT32_MAX, &loop.trip));
    } else if (asm_accept(s, "tri")) {
        int64_t step = 0;
        loop.src = 2;
        TRY(asm_u32(s, "base", UINT32_MAX, &loop.trip));
        TRY(asm_integer(s, "step", INT32_MIN, INT32_MAX, &step));
        loop.step = (int32_t)step;
        int outer = s->now.kind == ASM_WORD ? loop_named(p->program, s->now.at, s->now.length) : -1;
        if (outer < 0)
            return asm_fail(s, "field 'outer' takes an outer loop");
        loop.outer = (uint32_t)outer;
        asm_next(s);
        TRY(asm_u32(s, "max", (1u << 24) - 1, &loop.max));
    } else {
        TRY(asm_u32(s, "trip", UINT32_MAX, &loop.trip));
        loop.vec = asm_accept(s, "vec");
    }
    vec_push(ARENA(p), &p->program->loops, loop);
    vec_push(ARENA(p), &p->program->loop_names, name);
    return WEIR_OK;
}

/* `@LOOP` as the number of loops inside it; `otherwise` without. */
static weir_status parse_level(RduParser *p, uint32_t otherwise, uint32_t *out_level)
{
    *out_level = otherwise;
    if (!asm_accept(p->text, "@"))
        return WEIR_OK;
    int loop = p->text->now.kind == ASM_WORD ? loop_named(p->program, p->text->now.at, p->text->now.length) : -1;
    if (loop < 0)
        return asm_fail(p->text, "field 'level' takes a loop of this unit");
    uint32_t n = rdu_n_levels(p->program);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = 0, last = 0;
        rdu_level_loops(p->program, i, &first, &last);
        if ((int)last == loop) {
            *out_level = n - 1 - i;
            asm_next(p->text);
            return WEIR_OK;
        }
    }
    return asm_fail(p->text, "neighbouring vec loops are named by the innermost of them");
}

static weir_status parse_format(RduParser *p, uint32_t *out_type)
{
    int type = p->text->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_TYPE, p->text->now.at, p->text->now.length) : -1;
    *out_type = type >= 0 ? (uint32_t)type : p->type;
    if (type >= 0)
        asm_next(p->text);
    return WEIR_OK;
}

/* ---- ports ---- */

static weir_status parse_in(RduParser *p)
{
    AsmText *s = p->text;
    RduIn in = {0};
    const char *flow = NULL;
    TRY(asm_u32(s, "in", 15, &in.port));
    TRY(asm_expect(s, "="));
    TRY(asm_name(s, "a flow", &flow));
    in.flow = rdu_parse_flow(p, flow);
    bool is_init = p->unit->head.kind == RDU_KIND_PCU && p->unit->pcu.mode == 1 && in.port == 2;
    TRY(parse_level(p, is_init ? UINT32_MAX : 0, &in.level));
    if (asm_accept(s, "lane0"))
        in.bcast = 1;
    else if (asm_accept(s, "rotate"))
        in.bcast = 2;
    TRY(parse_format(p, &in.fmt));
    RduEnd end = {.id = p->unit_id, .port = p->n_ins++};
    vec_push(ARENA(p), &p->kernel->flows.at[in.flow].ends, end);
    vec_push(ARENA(p), &p->program->ins, in);
    return WEIR_OK;
}

static weir_status parse_out_source(RduParser *p, RduOut *out)
{
    AsmText *s = p->text;
    int source = s->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_OUT, s->now.at, s->now.length) : -1;
    if (source > 0) {
        out->src = (uint32_t)source;
    } else {
        char *end = NULL;
        unsigned long reg = s->now.kind == ASM_WORD && s->now.at[0] == 'r' ? strtoul(s->now.at + 1, &end, 10) : 16;
        if (reg > 15 || end != s->now.at + s->now.length)
            return asm_fail(s, "field 'src' takes r0..r15, t, q, v, acc");
        out->reg = (uint32_t)reg;
    }
    asm_next(s);
    return WEIR_OK;
}

static weir_status parse_out(RduParser *p)
{
    AsmText *s = p->text;
    RduOut out = {0};
    uint32_t number = 0;
    TRY(asm_u32(s, "out", 15, &number));
    if (number != p->n_out_lines)
        return asm_fail(s, "outputs are numbered from 0 in their order: this is out %u", p->n_out_lines);
    p->n_out_lines++;
    TRY(asm_expect(s, "="));
    TRY(parse_out_source(p, &out));
    bool drains = p->unit->head.kind == RDU_KIND_PCU && p->unit->pcu.mode == 1;
    TRY(parse_level(p, drains ? UINT32_MAX : 0, &out.level));
    TRY(parse_format(p, &out.fmt));
    TRY(asm_expect(s, "-"));
    TRY(asm_expect(s, ">"));
    do {
        const char *name = NULL;
        TRY(asm_name(s, "a flow", &name));
        out.flow = rdu_parse_flow(p, name);
        RduFlow *flow = &p->kernel->flows.at[out.flow];
        if (flow->flow.src != UINT32_MAX)
            return asm_fail(s, "flow '%s' has a source already", name);
        flow->flow.src = p->unit_id;
        flow->flow.src_port = p->n_outs++;
        vec_push(ARENA(p), &p->program->outs, out);
    } while (asm_accept(s, ","));
    return p->n_outs > 16 ? asm_fail(s, "a record has at most 16 outputs") : WEIR_OK;
}

/* ---- stages, tail, reducer ---- */

weir_status rdu_parse_constant(RduParser *p, uint32_t type, uint32_t *out_word)
{
    AsmText *s = p->text;
    bool minus = asm_accept(s, "-");
    if (s->now.kind != ASM_NUMBER && !asm_is(s, "inf"))
        return asm_fail(s, "a constant is a number, inf, or its bits as 0x..");
    char *digits = arena_string(ARENA(p), s->now.at, s->now.length), *stop = digits;
    bool bits = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    errno = 0;
    if (bits || type >= RDU_I32) {
        long long value = strtoll(digits, &stop, bits ? 16 : 10);
        if (*stop != 0 || errno != 0 || value > UINT32_MAX)
            return asm_fail(s, "a constant has 32 bits");
        *out_word = (uint32_t)(minus ? -value : value);
    } else {
        float value = strtof(digits, &stop);
        if (*stop != 0)
            return asm_fail(s, "no number: '%s'", digits);
        value = minus ? -value : value;
        memcpy(out_word, &value, sizeof value);
    }
    asm_next(s);
    return WEIR_OK;
}

static uint32_t constant_index(RduParser *p, uint32_t word)
{
    for (uint32_t i = 0; i < p->unit->consts.n; i++)
        if (p->unit->consts.at[i] == word)
            return i;
    vec_push(ARENA(p), &p->unit->consts, word);
    return p->unit->consts.n - 1;
}

/* inP, inP.d, rK, aK, cLOOP, lane, #const. */
static weir_status parse_source(RduParser *p, uint32_t type, uint32_t *out_class, uint32_t *out_index)
{
    AsmText *s = p->text;
    if (asm_accept(s, "#")) {
        uint32_t word = 0;
        TRY(rdu_parse_constant(p, type, &word));
        *out_class = RDU_SRC_CONST;
        *out_index = constant_index(p, word);
        return WEIR_OK;
    }
    char *word = s->now.kind == ASM_WORD ? arena_string(ARENA(p), s->now.at, s->now.length) : NULL, *end = NULL;
    unsigned long number = 0, delay = 0;
    if (word != NULL && strcmp(word, "lane") == 0) {
        *out_class = RDU_SRC_LANE;
        *out_index = 0;
    } else if (word != NULL && strncmp(word, "in", 2) == 0) {
        number = strtoul(word + 2, &end, 10);
        if (*end == '.')
            delay = strtoul(end + 1, &end, 10);
        if (*end != 0 || number > 7 || delay > 7)
            return asm_fail(s, "an input is in0..in7, delayed in0.1..in7.7");
        *out_class = delay > 0 ? RDU_SRC_DELAYED : RDU_SRC_IN;
        *out_index = (uint32_t)(number | delay << 3);
    } else if (word != NULL && word[0] == 'c' && loop_named(p->program, word + 1, strlen(word + 1)) >= 0) {
        *out_class = RDU_SRC_COUNTER;
        *out_index = (uint32_t)loop_named(p->program, word + 1, strlen(word + 1));
    } else if (word != NULL && (word[0] == 'r' || word[0] == 'a')) {
        number = strtoul(word + 1, &end, 10);
        if (*end != 0 || end == word + 1 || number > 15)
            return asm_fail(s, "a register is r0..r15, an accumulator a0..a15");
        *out_class = word[0] == 'r' ? RDU_SRC_REG : RDU_SRC_ACC;
        *out_index = (uint32_t)number;
    } else {
        return asm_fail(s, "a source is inP, inP.d, rK, aK, cLOOP, lane or #constant");
    }
    asm_next(s);
    return WEIR_OK;
}

/* OP, OP.TYPE; cvt.TO.FROM. */
static weir_status parse_op(RduParser *p, RduStage *stage)
{
    AsmText *s = p->text;
    stage->type = p->type;
    const char *at = s->now.at;
    size_t n = s->now.kind == ASM_WORD ? s->now.length : 0;
    int op = rdu_op_named(at, n), suffix[2] = {-1, -1};
    for (int k = 0; k < 2 && op < 0; k++) {
        size_t dot = n;
        while (dot > 0 && at[dot - 1] != '.')
            dot--;
        suffix[k] = dot > 0 ? rdu_word_named(RDU_LIST_TYPE, at + dot, n - dot) : -1;
        if (suffix[k] < 0)
            break;
        n = dot - 1;
        op = rdu_op_named(at, n);
    }
    bool is_cvt = op == RDU_OP_CVT;
    if (op < 0 || (suffix[1] >= 0 && !is_cvt) || (is_cvt && suffix[1] < 0))
        return asm_fail(s, "no operation '%.*s' (the manual lists them; cvt takes .TO.FROM)", (int)s->now.length, at);
    stage->op = (uint32_t)op;
    if (is_cvt) {
        stage->type = (uint32_t)suffix[1];
        stage->c_index = (uint32_t)suffix[0];
    } else if (suffix[0] >= 0) {
        stage->type = (uint32_t)suffix[0];
    }
    asm_next(s);
    return WEIR_OK;
}

/* sN: rD = OP src.. [if rP], sN: aD = OP src.. init #const @LOOP. */
static weir_status parse_stage(RduParser *p)
{
    AsmText *s = p->text;
    RduStage stage = {.pred = RDU_PRED_NONE};
    if (p->unit->pcu.mode == 1)
        return asm_fail(s, "a sys unit has no stages");
    if (strtoul(s->now.at + 1, NULL, 10) != p->unit->stages.n)
        return asm_fail(s, "stages are numbered from 0 in their order: this is s%u", p->unit->stages.n);
    asm_next(s);
    TRY(asm_expect(s, ":"));
    uint32_t class = 0;
    TRY(parse_source(p, 0, &class, &stage.dst));
    if (class != RDU_SRC_REG && class != RDU_SRC_ACC)
        return asm_fail(s, "a stage writes a register or an accumulator");
    stage.dst_is_acc = class == RDU_SRC_ACC;
    TRY(asm_expect(s, "="));
    TRY(parse_op(p, &stage));
    uint32_t *classes[] = {&stage.a_class, &stage.b_class, &stage.c_class};
    uint32_t *indices[] = {&stage.a_index, &stage.b_index, &stage.c_index};
    for (uint32_t i = 0; i < rdu_op_sources(stage.op); i++)
        TRY(parse_source(p, stage.type, classes[i], indices[i]));
    if (stage.dst_is_acc) {
        uint32_t word = 0;
        TRY(asm_expect(s, "init"));
        TRY(asm_expect(s, "#"));
        TRY(rdu_parse_constant(p, stage.type, &word));
        stage.init_const = constant_index(p, word);
        TRY(parse_level(p, 0, &stage.init_level));
    }
    if (asm_accept(s, "if")) {
        TRY(parse_source(p, 0, &class, &stage.pred));
        if (class != RDU_SRC_REG || stage.pred == RDU_PRED_NONE)
            return asm_fail(s, "field 'pred' takes r0..r14");
    }
    vec_push(ARENA(p), &p->unit->stages, stage);
    return WEIR_OK;
}

static weir_status parse_tail(RduParser *p)
{
    AsmText *s = p->text;
    int tail = s->now.kind == ASM_WORD ? rdu_tail_named(s->now.at, s->now.length) : -1;
    if (tail < 0)
        return asm_fail(s, "no function of the tail: '%.*s'", (int)s->now.length, s->now.at);
    asm_next(s);
    p->unit->pcu.tail = (uint32_t)tail;
    for (int i = 0; tail == RDU_TAIL_CLAMP && i < 2; i++) {
        uint32_t word = 0;
        TRY(asm_expect(s, "#"));
        TRY(rdu_parse_constant(p, p->type, &word));
        if (p->unit->consts.n != (uint32_t)i)
            return asm_fail(s, "the bounds of clamp are the unit's first two constants: write the tail first");
        vec_push(ARENA(p), &p->unit->consts, word);
    }
    p->unit->sys.drain_tail = p->unit->pcu.mode == 1;
    return WEIR_OK;
}

static weir_status parse_reduce(RduParser *p)
{
    AsmText *s = p->text;
    int op = s->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_REDUCE, s->now.at, s->now.length) : -1;
    if (op < 1)
        return asm_fail(s, "field 'reduce' takes sum, max, min");
    asm_next(s);
    p->unit->reduce.op = (uint32_t)op;
    TRY(parse_level(p, 0, &p->unit->reduce.level));
    p->unit->reduce.tree = !asm_accept(s, "lanewise");
    p->unit->sys.drain_reduce = p->unit->pcu.mode == 1;
    return WEIR_OK;
}

static weir_status parse_mac(RduParser *p)
{
    AsmText *s = p->text;
    if (p->unit->pcu.mode != 1)
        return asm_fail(s, "mac stands in a sys unit");
    TRY(parse_level(p, 0, &p->unit->sys.mac_level));
    if (asm_accept(s, "init")) {
        if (asm_accept(s, "zero"))
            return WEIR_OK;
        TRY(asm_expect(s, "in2"));
        p->unit->sys.init = asm_accept(s, "tile") ? RDU_INIT_TILE : RDU_INIT_BIAS;
    }
    return WEIR_OK;
}

/* ---- addresses ---- */

static weir_status parse_affine(RduParser *p, Affine *out, RduAccess *access);

/* NUMBER, LOOP, or ( affine ), each with factors `*NUMBER`; `inP*SCALE`, `arg K` where an access is given. */
static weir_status parse_product(RduParser *p, int64_t sign, Affine *sum, RduAccess *access)
{
    AsmText *s = p->text;
    Affine a = {0};
    int loop = s->now.kind == ASM_WORD ? loop_named(p->program, s->now.at, s->now.length) : -1;
    if (asm_accept(s, "(")) {
        TRY(parse_affine(p, &a, NULL));
        TRY(asm_expect(s, ")"));
    } else if (loop >= 0) {
        a.coef[loop] = 1;
        asm_next(s);
    } else if (access != NULL && asm_is(s, "arg")) {
        asm_next(s);
        return asm_u32(s, "arg", UINT32_MAX - 1, &p->unit->ag.arg);
    } else if (access != NULL && s->now.kind == ASM_WORD && s->now.length == 3 && memcmp(s->now.at, "in", 2) == 0) {
        int64_t scale = 1;
        access->addr_port = (uint32_t)(s->now.at[2] - '0') & 15;
        access->addrport_on = 1;
        asm_next(s);
        if (asm_accept(s, "*"))
            TRY(asm_integer(s, "scale", INT32_MIN, INT32_MAX, &scale));
        access->scale = (int32_t)(sign * scale);
        return WEIR_OK;
    } else {
        TRY(asm_integer(s, "a term (a loop of this unit or a number)", 0, INT32_MAX, &a.constant));
        if (asm_is(s, "*") && s->at < s->end && (s->at[0] < '0' || s->at[0] > '9')) {
            int64_t factor = a.constant;
            asm_next(s);
            Affine inner = {0};
            TRY(parse_product(p, 1, &inner, NULL));
            for (int i = 0; i < RDU_MAX_LOOPS; i++)
                a.coef[i] = factor * inner.coef[i];
            a.constant = factor * inner.constant;
        }
    }
    int64_t factor = sign;
    while (asm_accept(s, "*")) {
        int64_t number = 0;
        TRY(asm_integer(s, "a factor", INT32_MIN, INT32_MAX, &number));
        if (__builtin_mul_overflow(factor, number, &factor))
            return asm_fail(s, "a coefficient has 32 bits");
    }
    for (int i = 0; i <= RDU_MAX_LOOPS; i++) {
        int64_t *to = i < RDU_MAX_LOOPS ? &sum->coef[i] : &sum->constant;
        int64_t from = i < RDU_MAX_LOOPS ? a.coef[i] : a.constant;
        if (__builtin_mul_overflow(from, factor, &from) || __builtin_add_overflow(*to, from, to) || *to > INT32_MAX ||
            *to < INT32_MIN)
            return asm_fail(s, "a coefficient has 32 bits");
    }
    return WEIR_OK;
}

static weir_status parse_affine(RduParser *p, Affine *out, RduAccess *access)
{
    int64_t sign = asm_accept(p->text, "-") ? -1 : 1;
    for (;;) {
        TRY(parse_product(p, sign, out, access));
        if (asm_accept(p->text, "+"))
            sign = 1;
        else if (asm_accept(p->text, "-"))
            sign = -1;
        else
            return WEIR_OK;
    }
}

static weir_status parse_addr(RduParser *p)
{
    Affine a = {0};
    TRY(parse_affine(p, &a, &p->program->access));
    p->program->access.constant = (int32_t)a.constant;
    for (uint32_t i = 0; i < p->program->loops.n; i++) {
        RduTerm term = {.loop = i, .stride = (int32_t)a.coef[i]};
        if (term.stride != 0)
            vec_push(ARENA(p), &p->program->terms, term);
    }
    return WEIR_OK;
}

static weir_status parse_bound(RduParser *p)
{
    Affine a = {0};
    RduSet set = {0};
    TRY(parse_affine(p, &a, NULL));
    TRY(asm_expect(p->text, "in"));
    TRY(asm_expect(p->text, "["));
    int64_t zero = 0;
    TRY(asm_integer(p->text, "bound", 0, 0, &zero));
    TRY(asm_expect(p->text, ","));
    TRY(asm_u32(p->text, "extent", UINT32_MAX, &set.extent));
    TRY(asm_expect(p->text, ")"));
    set.offset = (int32_t)a.constant;
    for (uint32_t i = 0; i < p->program->loops.n; i++) {
        RduBound bound = {.set = p->program->sets.n, .loop = i, .coef = (int32_t)a.coef[i]};
        if (bound.coef != 0)
            vec_push(ARENA(p), &p->program->bounds, bound);
    }
    vec_push(ARENA(p), &p->program->sets, set);
    return WEIR_OK;
}

static weir_status parse_bank(RduParser *p)
{
    AsmText *s = p->text;
    int mode = s->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_BANK, s->now.at, s->now.length) : -1;
    if (mode < 0)
        return asm_fail(s, "field 'bank' takes linear, diagonal, split");
    asm_next(s);
    p->unit->pmu.bank_mode = (uint32_t)mode;
    TRY(asm_u32(s, "lo", 31, &p->unit->pmu.bank_lo));
    return asm_u32(s, "bits", 15, &p->unit->pmu.bank_bits);
}

static weir_status parse_lane(RduParser *p)
{
    int64_t stride = 0;
    TRY(asm_integer(p->text, "lane", INT32_MIN, INT32_MAX, &stride));
    p->program->access.lane_stride = (int32_t)stride;
    p->has_stride = true;
    return WEIR_OK;
}

static weir_status parse_lanes(RduParser *p)
{
    p->has_lanes = true;
    return asm_u32(p->text, "lanes", 255, &p->program->access.lanes);
}

static weir_status parse_swap(RduParser *p)
{
    p->program->access.swap_on = 1;
    return parse_level(p, 0, &p->program->access.swap_level);
}

static weir_status parse_pad(RduParser *p)
{
    p->program->access.has_pad = 1;
    return rdu_parse_constant(p, p->type, &p->program->access.pad);
}

static weir_status parse_xpose(RduParser *p)
{
    p->program->access.xpose = 1;
    return WEIR_OK;
}

static weir_status parse_seq(RduParser *p)
{
    p->program->access.seq = 1;
    return WEIR_OK;
}

static weir_status parse_range(RduParser *p)
{
    TRY(asm_u32(p->text, "range lo", UINT32_MAX, &p->program->access.range_lo));
    return asm_u32(p->text, "range hi", UINT32_MAX, &p->program->access.range_hi);
}

static weir_status parse_wop(RduParser *p)
{
    AsmText *s = p->text;
    int wop = s->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_WOP, s->now.at, s->now.length) : -1;
    if (wop < 0)
        return asm_fail(s, "field 'wop' takes store, add, max");
    asm_next(s);
    p->program->access.wop = (uint32_t)wop;
    return WEIR_OK;
}

static weir_status parse_rows(RduParser *p)
{
    p->has_rows = true;
    return asm_u32(p->text, "rows", 255, &p->unit->sys.rows);
}

static weir_status parse_cols(RduParser *p)
{
    p->has_cols = true;
    return asm_u32(p->text, "cols", 255, &p->unit->sys.cols);
}

/* Which statement stands in which units: bits by RduKind. */
enum { IN_PCU = 1 << RDU_KIND_PCU, IN_PMU = 1 << RDU_KIND_PMU, IN_AG = 1 << RDU_KIND_AG, IN_MEMORY = IN_PMU | IN_AG };
static const struct {
    const char *word;
    unsigned kinds;
    weir_status (*parse)(RduParser *p);
} statements[] = {
    {"loop", IN_PCU | IN_MEMORY, parse_loop}, {"in", IN_PCU | IN_MEMORY, parse_in}, {"out", IN_PCU | IN_MEMORY, parse_out},
    {"tail", IN_PCU, parse_tail},    {"reduce", IN_PCU, parse_reduce}, {"mac", IN_PCU, parse_mac},
    {"rows", IN_PCU, parse_rows},    {"cols", IN_PCU, parse_cols},     {"addr", IN_MEMORY, parse_addr},
    {"lane", IN_MEMORY, parse_lane}, {"lanes", IN_MEMORY, parse_lanes}, {"swap", IN_PMU, parse_swap},
    {"bound", IN_MEMORY, parse_bound}, {"pad", IN_MEMORY, parse_pad},  {"xpose", IN_PMU, parse_xpose},
    {"range", IN_MEMORY, parse_range}, {"wop", IN_PMU, parse_wop},     {"seq", IN_PMU, parse_seq},
    {"bank", IN_PMU, parse_bank},
};

weir_status rdu_parse_body(RduParser *p)
{
    AsmText *s = p->text;
    for (;;) {
        bool found = false;
        for (size_t i = 0; i < sizeof statements / sizeof *statements && !found; i++) {
            if (!asm_is(s, statements[i].word))
                continue;
            if ((statements[i].kinds & 1u << p->unit->head.kind) == 0)
                return asm_fail(s, "'%s' does not stand in this kind of unit", statements[i].word);
            found = true;
            asm_next(s);
            TRY(statements[i].parse(p));
        }
        if (!found && s->now.kind == ASM_WORD && s->now.length > 1 && s->now.at[0] == 's' && s->now.at[1] >= '0' &&
            s->now.at[1] <= '9' && p->unit->head.kind == RDU_KIND_PCU) {
            found = true;
            TRY(parse_stage(p));
        }
        if (!found)
            return WEIR_OK;
        TRY(asm_line_end(s));
    }
}
