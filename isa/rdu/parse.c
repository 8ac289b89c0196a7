/*
 * isa/rdu/parse.c: kernels from text: units, flows, control joins, defaults.
 *
 * In:   lines of `.kernel`. Out: an RduCode, encoded at the end.
 * Keep: numbers as the manual says: units and flows in the order of their first mention; defaults are the machine's.
 */
#include "isa/rdu/parse.h"

#include <string.h>

#define ARENA(p) (&(p)->cx->arena)

uint32_t rdu_parse_flow(RduParser *p, const char *name)
{
    for (uint32_t i = 0; i < p->kernel->flows.n; i++)
        if (strcmp(p->kernel->flows.at[i].name, name) == 0)
            return i;
    RduFlow flow = {.name = name, .flow = {.src = UINT32_MAX, .net = UINT32_MAX}};
    vec_push(ARENA(p), &p->kernel->flows, flow);
    return p->kernel->flows.n - 1;
}

static int unit_named(const RduParser *p, const char *name)
{
    for (uint32_t i = 0; i < p->kernel->units.n; i++)
        if (strcmp(p->kernel->units.at[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- units ---- */

static weir_status parse_tensor_attr(RduParser *p, uint32_t dir, bool gather)
{
    const char *name = NULL;
    TRY(asm_name(p->text, "a tensor", &name));
    int row = image_tensor_named(p->image, name);
    if (row < 0)
        return asm_fail(p->text, "no tensor '%s' above", name);
    p->unit->ag.tensor = (uint32_t)row;
    p->unit->ag.tier = p->image->tensors.at[row].tier;
    p->program->access.dir = dir;
    p->program->access.gather = gather;
    return WEIR_OK;
}

static weir_status parse_after(RduParser *p)
{
    const char *name = NULL;
    TRY(asm_expect(p->text, "="));
    TRY(asm_name(p->text, "a unit", &name));
    int unit = unit_named(p, name);
    if (unit < 0)
        return asm_fail(p->text, "no unit '%s' above", name);
    RduCtl ctl = {0};
    RduCtlPort in = {.id = (uint32_t)unit}, out = {.id = p->unit_id};
    vec_push(ARENA(p), &ctl.ins, in);
    vec_push(ARENA(p), &ctl.outs, out);
    vec_push(ARENA(p), &p->kernel->ctls, ctl);
    return WEIR_OK;
}

static weir_status parse_init(RduParser *p)
{
    TRY(asm_u32(p->text, "init", 255, &p->unit->pmu.init));
    return asm_accept(p->text, ":") ? rdu_parse_constant(p, p->type, &p->unit->pmu.init_value) : WEIR_OK;
}

/* An attribute on the unit's first line; *out_found is false at the line's end. */
static weir_status parse_attr(RduParser *p, bool *out_found)
{
    AsmText *s = p->text;
    RduKind kind = (RduKind)p->unit->head.kind;
    *out_found = s->now.kind != ASM_LINE && s->now.kind != ASM_EOF;
    if (!*out_found)
        return WEIR_OK;
    int type = s->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_TYPE, s->now.at, s->now.length) : -1;
    if (type >= 0) {
        p->type = (uint32_t)type;
        asm_next(s);
        return WEIR_OK;
    }
    if (kind == RDU_KIND_PCU && (asm_is(s, "simd") || asm_is(s, "sys"))) {
        p->unit->pcu.mode = asm_is(s, "sys");
        asm_next(s);
        return WEIR_OK;
    }
    if (kind == RDU_KIND_AG && (asm_is(s, "read") || asm_is(s, "write") || asm_is(s, "gather"))) {
        bool write = asm_is(s, "write"), gather = asm_is(s, "gather");
        asm_next(s);
        return parse_tensor_attr(p, write, gather);
    }
    if (kind == RDU_KIND_AG && asm_accept(s, "clamp")) {
        p->program->access.clamp = 1;
        return WEIR_OK;
    }
    if (kind == RDU_KIND_AG && asm_accept(s, "after"))
        return parse_after(p);
    static const struct {
        const char *word;
        RduKind kind;
    } numbers[] = {{"size", RDU_KIND_PMU}, {"nbuf", RDU_KIND_PMU}, {"base", RDU_KIND_PMU}, {"init", RDU_KIND_PMU},
                   {"throttle", RDU_KIND_AG}, {"outstanding", RDU_KIND_AG}};
    int found = -1;
    for (int i = 0; i < 6; i++)
        if (numbers[i].kind == kind && asm_is(s, numbers[i].word))
            found = i;
    if (found < 0)
        return asm_fail(s, "this unit takes no attribute '%.*s'", (int)s->now.length, s->now.at);
    asm_next(s);
    TRY(asm_expect(s, "="));
    if (found == 3)
        return parse_init(p);
    RduPmu *pmu = &p->unit->pmu;
    uint32_t *to[] = {&pmu->buf_bytes, &pmu->nbuf, &pmu->base, NULL, &p->unit->ag.throttle, &p->unit->ag.outstanding};
    static const uint32_t most[] = {UINT32_MAX, 255, UINT32_MAX, 0, 65535, 127};
    return asm_u32(s, numbers[found].word, most[found], to[found]);
}

/* What was not written takes the machine's values; levels of drained ports are the mac's. */
static void finish_program(RduParser *p)
{
    RduAccess *a = &p->program->access;
    uint32_t bytes = rdu_type_bytes(p->type);
    if (p->unit->head.kind != RDU_KIND_PCU) {
        while (1u << a->esize < bytes)
            a->esize++;
        if (!p->has_lanes)
            a->lanes = (uint32_t)p->machine.lanes * 4 / bytes;
        if (!p->has_stride)
            a->lane_stride = (int32_t)bytes;
    }
    for (uint32_t i = 0; i < p->program->ins.n; i++)
        if (p->program->ins.at[i].level == UINT32_MAX)
            p->program->ins.at[i].level = p->unit->sys.mac_level;
    for (uint32_t i = 0; i < p->program->outs.n; i++)
        if (p->program->outs.at[i].level == UINT32_MAX)
            p->program->outs.at[i].level = p->unit->sys.mac_level;
    p->has_lanes = p->has_stride = false;
}

static void open_program(RduParser *p, uint32_t dir)
{
    RduProgram program = {0};
    program.access.dir = dir;
    vec_push(ARENA(p), &p->unit->programs, program);
    p->program = &p->unit->programs.at[p->unit->programs.n - 1];
    p->n_out_lines = 0;
}

static weir_status parse_pmu_body(RduParser *p)
{
    TRY(rdu_parse_body(p));
    p->unit->programs.n = 0;
    while (asm_is(p->text, "write") || asm_is(p->text, "read")) {
        open_program(p, asm_is(p->text, "write"));
        asm_next(p->text);
        TRY(asm_line_end(p->text));
        TRY(rdu_parse_body(p));
        finish_program(p);
    }
    return WEIR_OK;
}

static uint32_t log2_of(int64_t value)
{
    uint32_t log = 0;
    while (INT64_C(1) << (log + 1) <= value)
        log++;
    return log;
}

static void sys_defaults(RduParser *p)
{
    RduSys *sys = &p->unit->sys;
    bool is_byte = p->type == RDU_I8 || p->type == RDU_U8;
    int64_t pack = p->type == RDU_BF16 ? p->machine.pack_bf16 : is_byte ? p->machine.pack_i8 : 1;
    if (!p->has_rows)
        sys->rows = (uint32_t)p->machine.rows;
    if (!p->has_cols)
        sys->cols = (uint32_t)(p->machine.cols * pack);
    sys->afmt = sys->bfmt = p->type;
    sys->accfmt = is_byte ? (uint32_t)RDU_I32 : p->type;
}

static weir_status parse_unit(RduParser *p, RduKind kind)
{
    AsmText *s = p->text;
    RduUnit unit = {.head = {.kind = kind}};
    asm_next(s);
    TRY(asm_name(s, "a unit's name", &unit.name));
    if (unit_named(p, unit.name) >= 0)
        return asm_fail(s, "unit '%s' stands twice", unit.name);
    TRY(asm_expect(s, "at"));
    TRY(asm_u32(s, "x", 255, &unit.head.x));
    TRY(asm_expect(s, ","));
    TRY(asm_u32(s, "y", 255, &unit.head.y));
    unit.ag.arg = UINT32_MAX;
    unit.pmu.nbuf = 1;
    unit.pmu.bank_lo = 2;
    unit.pmu.bank_bits = log2_of(p->machine.banks);
    p->unit_id = p->kernel->units.n;
    vec_push(ARENA(p), &p->kernel->units, unit);
    p->unit = &p->kernel->units.at[p->unit_id];
    p->type = RDU_F32;
    p->n_ins = p->n_outs = 0;
    p->has_lanes = p->has_stride = p->has_rows = p->has_cols = false;
    open_program(p, 0);
    for (bool more = true; more;)
        TRY(parse_attr(p, &more));
    TRY(asm_line_end(s));
    if (kind == RDU_KIND_PMU) {
        TRY(parse_pmu_body(p));
    } else {
        TRY(rdu_parse_body(p));
        finish_program(p);
    }
    if (kind == RDU_KIND_PCU && p->unit->pcu.mode == 1)
        sys_defaults(p);
    if (kind == RDU_KIND_AG)
        p->unit->ag.burst_log2 =
            log2_of(p->machine.tiers[p->unit->ag.tier < p->machine.n_tiers ? p->unit->ag.tier : 0].burst);
    TRY(asm_expect(s, "end"));
    return asm_line_end(s);
}

/* ---- flows and control ---- */

/* Letters N E S W, LP for local port P. */
static weir_status parse_hops(RduParser *p, RduFlow *flow)
{
    static const char letters[] = "NESW";
    AsmText *s = p->text;
    while (s->now.kind == ASM_WORD) {
        uint8_t hop = 0;
        for (uint32_t i = 0; i < s->now.length; i++) {
            const char *at = strchr(letters, s->now.at[i]);
            if (at != NULL && s->now.at[i] != 0) {
                hop |= (uint8_t)(1u << (at - letters));
            } else if (s->now.at[i] == 'L' && i + 1 < s->now.length && s->now.at[i + 1] >= '0' && s->now.at[i + 1] <= '7') {
                hop |= (uint8_t)(16 | (s->now.at[i + 1] - '0') << 5);
                i++;
            } else {
                return asm_fail(s, "a hop takes letters N E S W and LP");
            }
        }
        vec_push(ARENA(p), &flow->hops, hop);
        asm_next(s);
    }
    return WEIR_OK;
}

static weir_status parse_flow_line(RduParser *p)
{
    AsmText *s = p->text;
    const char *name = NULL;
    asm_next(s);
    TRY(asm_name(s, "a flow's name", &name));
    uint32_t number = rdu_parse_flow(p, name); /* may move the flows */
    RduFlow *flow = &p->kernel->flows.at[number];
    int net = s->now.kind == ASM_WORD ? rdu_word_named(RDU_LIST_NET, s->now.at, s->now.length) : -1;
    if (net < 0)
        return asm_fail(s, "field 'net' takes vec, sca, ctl");
    flow->flow.net = (uint32_t)net;
    asm_next(s);
    if (asm_accept(s, "init")) {
        TRY(asm_expect(s, "="));
        TRY(asm_u32(s, "init", 63, &flow->flow.init));
    }
    if (asm_accept(s, "route"))
        TRY(parse_hops(p, flow));
    return asm_line_end(s);
}

static weir_status parse_ctl_ports(RduParser *p, RduCtl *ctl, bool is_in)
{
    do {
        const char *name = NULL;
        RduCtlPort port = {0};
        TRY(asm_name(p->text, "a unit or control flow", &name));
        int unit = unit_named(p, name);
        port.is_flow = unit < 0;
        port.id = unit < 0 ? rdu_parse_flow(p, name) : (uint32_t)unit;
        if (is_in)
            vec_push(ARENA(p), &ctl->ins, port);
        else
            vec_push(ARENA(p), &ctl->outs, port);
    } while (asm_accept(p->text, ","));
    return WEIR_OK;
}

static weir_status parse_ctl_line(RduParser *p)
{
    AsmText *s = p->text;
    RduCtl ctl = {0};
    asm_next(s);
    TRY(asm_name(s, "a name", &ctl.name));
    TRY(asm_expect(s, "in"));
    TRY(parse_ctl_ports(p, &ctl, true));
    TRY(asm_expect(s, "out"));
    TRY(parse_ctl_ports(p, &ctl, false));
    if (asm_accept(s, "credits")) {
        TRY(asm_expect(s, "="));
        TRY(asm_u32(s, "credits", 255, &ctl.ctl.credits));
    }
    vec_push(ARENA(p), &p->kernel->ctls, ctl);
    return asm_line_end(s);
}

/* A control flow's ends at a join are counted here: the join is the unit of the other end. */
static void join_flows(RduKernel *kernel)
{
    for (uint32_t i = 0; i < kernel->ctls.n; i++) {
        RduCtl *c = &kernel->ctls.at[i];
        for (uint32_t k = 0; k < c->ins.n; k++)
            if (c->ins.at[k].is_flow)
                kernel->flows.at[c->ins.at[k].id].flow.net = RDU_NET_CTL;
        for (uint32_t k = 0; k < c->outs.n; k++)
            if (c->outs.at[k].is_flow) {
                kernel->flows.at[c->outs.at[k].id].flow.net = RDU_NET_CTL;
                kernel->flows.at[c->outs.at[k].id].flow.src = kernel->units.n + i;
            }
    }
}

static bool is_scalar_unit(const RduKernel *kernel, const RduUnit *unit)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < unit->programs.n; i++)
        for (uint32_t k = 0; k < unit->programs.at[i].ins.n; k++, n++)
            if (kernel->flows.at[unit->programs.at[i].ins.at[k].flow].flow.net != RDU_NET_SCA)
                return false;
    return n > 0 && unit->head.kind == RDU_KIND_PCU;
}

/* Flows without `.flow`: scalar if the source is a tree reduction or a PCU whose inputs are all scalar, else vector.
 * Repeated until nothing changes, since a source may stand below its consumer. */
static void default_nets(RduKernel *kernel)
{
    join_flows(kernel);
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t u = 0; u < kernel->units.n; u++) {
            RduUnit *unit = &kernel->units.at[u];
            bool scalar = is_scalar_unit(kernel, unit);
            for (uint32_t i = 0; i < unit->programs.n; i++) {
                for (uint32_t k = 0; k < unit->programs.at[i].outs.n; k++) {
                    RduOut *out = &unit->programs.at[i].outs.at[k];
                    RduFlow *flow = &kernel->flows.at[out->flow];
                    if (flow->flow.net == UINT32_MAX && (scalar || (out->src == RDU_OUT_Q && unit->reduce.tree))) {
                        flow->flow.net = RDU_NET_SCA;
                        changed = true;
                    }
                }
            }
        }
    }
    for (uint32_t i = 0; i < kernel->flows.n; i++)
        if (kernel->flows.at[i].flow.net == UINT32_MAX)
            kernel->flows.at[i].flow.net = RDU_NET_VEC;
}

static weir_status parse_kernel(void *state, AsmText *text)
{
    RduParser *p = state;
    RduKernel kernel = {0};
    p->text = text;
    asm_next(text);
    TRY(asm_name(text, "a kernel's name", &kernel.name));
    for (uint32_t i = 0; i < p->code.kernels.n; i++)
        if (strcmp(p->code.kernels.at[i].name, kernel.name) == 0)
            return asm_fail(text, "kernel '%s' stands twice", kernel.name);
    TRY(asm_line_end(text));
    p->kernel = &kernel;
    for (;;) {
        if (asm_is(text, "pcu"))
            TRY(parse_unit(p, RDU_KIND_PCU));
        else if (asm_is(text, "pmu"))
            TRY(parse_unit(p, RDU_KIND_PMU));
        else if (asm_is(text, "ag"))
            TRY(parse_unit(p, RDU_KIND_AG));
        else if (asm_is(text, ".flow"))
            TRY(parse_flow_line(p));
        else if (asm_is(text, ".ctl"))
            TRY(parse_ctl_line(p));
        else
            break;
    }
    default_nets(&kernel);
    for (uint32_t i = 0; i < kernel.flows.n; i++)
        if (kernel.flows.at[i].flow.src == UINT32_MAX)
            return asm_fail(text, "kernel %s: nothing makes flow '%s'", kernel.name, kernel.flows.at[i].name);
    vec_push(ARENA(p), &p->code.kernels, kernel);
    return WEIR_OK;
}

static weir_status begin(weir_context *cx, Image *image, void **out_state)
{
    RduParser *p = ARENA_NEW(&cx->arena, RduParser);
    p->cx = cx;
    p->image = image;
    *out_state = p;
    return rdu_machine_named(cx, image->machine, &p->machine);
}

static bool starts(const AsmText *text)
{
    return asm_is(text, ".kernel");
}

static weir_status finish(void *state)
{
    RduParser *p = state;
    return rdu_code_store(p->cx, &p->code, p->image);
}

static int kernel_named(void *state, const char *name)
{
    RduParser *p = state;
    for (uint32_t i = 0; i < p->code.kernels.n; i++)
        if (strcmp(p->code.kernels.at[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int tier_named(void *state, const char *name)
{
    RduParser *p = state;
    for (uint32_t i = 0; i < p->machine.n_tiers; i++)
        if (strcmp(p->machine.tiers[i].name, name) == 0)
            return (int)i;
    return -1;
}



const CodeText rdu_code_text = {
    .directive = ".rdu", .comment = ';', .begin = begin, .starts = starts, .parse = parse_kernel, .finish = finish,
    .launch_named = kernel_named, .tier_named = tier_named, .print = rdu_print_code,
};
