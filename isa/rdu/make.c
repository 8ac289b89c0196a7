/* isa/rdu/make.c: see isa/rdu/make.h. */
#include "isa/rdu/make.h"

#define ARENA(m) (&(m)->cx->arena)

void rdu_make_open(RduMaker *m, weir_context *cx, const RduMachine *machine, Image *image, const char *name)
{
    *m = (RduMaker){.cx = cx, .machine = machine, .image = image, .kernel = {.name = name}};
}

uint32_t rdu_make_close(RduMaker *m, RduCode *code)
{
    vec_push(ARENA(m), &code->kernels, m->kernel);
    return code->kernels.n - 1;
}

static RduUnit *unit_at(RduMaker *m, uint32_t unit)
{
    return &m->kernel.units.at[unit];
}

static RduProgram *program_at(RduMaker *m, uint32_t unit, uint32_t program)
{
    return &unit_at(m, unit)->programs.at[program];
}

/* Loops inside `loop`, as levels count them. */
static uint32_t level_of(const RduProgram *p, uint32_t loop)
{
    uint32_t n = rdu_n_levels(p);
    for (uint32_t i = 0; loop != RDU_EVERY && i < n; i++) {
        uint32_t first = 0, last = 0;
        rdu_level_loops(p, i, &first, &last);
        if (loop >= first && loop <= last)
            return n - 1 - i;
    }
    return 0;
}

static weir_status add_unit(RduMaker *m, RduUnit unit, char site, uint32_t *out_unit)
{
    static const char sites[] = {'P', 'M', 'A'};
    uint32_t kind = site == sites[0] ? 0 : site == sites[1] ? 1 : 2;
    if (!rdu_site(m->machine, site, m->used[kind], &unit.head.x, &unit.head.y)) {
        diag(&m->cx->diag, place_none(), E_MACHINE_USE, m->machine->name,
             arena_printf(ARENA(m), "kernel %s needs more than its %u sites of kind %c", m->kernel.name, m->used[kind], site));
        return WEIR_LIMIT;
    }
    m->used[kind]++;
    *out_unit = m->kernel.units.n;
    unit.head.id = *out_unit;
    vec_push(ARENA(m), &m->kernel.units, unit);
    return WEIR_OK;
}

static weir_status make_pcu(RduMaker *m, const char *name, uint32_t type, uint32_t mode, uint32_t *out_unit)
{
    bool is_byte = type == RDU_I8 || type == RDU_U8;
    RduUnit unit = {.head = {.kind = RDU_KIND_PCU}, .name = name, .pcu = {.mode = mode}, .ag = {.arg = UINT32_MAX}};
    RduProgram program = {0};
    if (mode == 1)
        unit.sys = (RduSys){.afmt = type, .bfmt = type, .accfmt = is_byte ? (uint32_t)RDU_I32 : type};
    vec_push(ARENA(m), &unit.programs, program);
    return add_unit(m, unit, 'P', out_unit);
}

weir_status rdu_make_simd(RduMaker *m, const char *name, uint32_t type, uint32_t *out_unit)
{
    return make_pcu(m, name, type, 0, out_unit);
}

weir_status rdu_make_sys(RduMaker *m, const char *name, uint32_t type, uint32_t *out_unit)
{
    return make_pcu(m, name, type, 1, out_unit);
}

static RduProgram memory_program(const RduMaker *m, bool write, uint32_t type)
{
    RduProgram p = {0};
    uint32_t bytes = rdu_type_bytes(type);
    p.access.dir = write;
    p.access.lanes = (uint32_t)m->machine->lanes * 4 / bytes;
    p.access.lane_stride = (int32_t)bytes;
    while (1u << p.access.esize < bytes)
        p.access.esize++;
    return p;
}

weir_status rdu_make_pmu(RduMaker *m, const char *name, uint32_t buffer_bytes, uint32_t n_buffers, uint32_t *out_unit)
{
    uint32_t bits = 0;
    while (INT64_C(1) << (bits + 1) <= m->machine->banks)
        bits++;
    RduUnit unit = {.head = {.kind = RDU_KIND_PMU}, .name = name, .ag = {.arg = UINT32_MAX},
                    .pmu = {.nbuf = n_buffers, .buf_bytes = buffer_bytes, .bank_lo = 2, .bank_bits = bits}};
    return add_unit(m, unit, 'M', out_unit);
}

weir_status rdu_make_ag(RduMaker *m, const char *name, uint32_t tensor, bool write, uint32_t type, uint32_t *out_unit)
{
    uint32_t tier = m->image->tensors.at[tensor].tier, burst = 0;
    while (INT64_C(1) << (burst + 1) <= m->machine->tiers[tier < m->machine->n_tiers ? tier : 0].burst)
        burst++;
    RduUnit unit = {.head = {.kind = RDU_KIND_AG}, .name = name, .ag = {.tensor = tensor, .tier = tier, .burst_log2 = burst, .arg = UINT32_MAX}};
    RduProgram program = memory_program(m, write, type);
    vec_push(ARENA(m), &unit.programs, program);
    return add_unit(m, unit, 'A', out_unit);
}

uint32_t rdu_make_program(RduMaker *m, uint32_t unit, bool write, uint32_t type)
{
    RduProgram program = memory_program(m, write, type);
    vec_push(ARENA(m), &unit_at(m, unit)->programs, program);
    return unit_at(m, unit)->programs.n - 1;
}

uint32_t rdu_make_loop(RduMaker *m, uint32_t unit, uint32_t program, const char *name, int64_t trip, bool vec)
{
    RduProgram *p = program_at(m, unit, program);
    RduLoop loop = {.trip = (uint32_t)trip, .vec = vec};
    vec_push(ARENA(m), &p->loops, loop);
    vec_push(ARENA(m), &p->loop_names, name);
    return p->loops.n - 1;
}

void rdu_make_stride(RduMaker *m, uint32_t unit, uint32_t program, uint32_t loop, int64_t bytes)
{
    RduTerm term = {.loop = loop, .stride = (int32_t)bytes};
    if (bytes != 0)
        vec_push(ARENA(m), &program_at(m, unit, program)->terms, term);
}

void rdu_make_offset(RduMaker *m, uint32_t unit, uint32_t program, int64_t bytes)
{
    program_at(m, unit, program)->access.constant = (int32_t)bytes;
}

void rdu_make_lanes(RduMaker *m, uint32_t unit, uint32_t program, uint32_t lanes, int64_t bytes_apart)
{
    RduAccess *a = &program_at(m, unit, program)->access;
    a->lanes = lanes;
    a->lane_stride = (int32_t)bytes_apart;
}

void rdu_make_bound(RduMaker *m, uint32_t unit, uint32_t program, int64_t offset, const int64_t *coefficients, uint32_t extent)
{
    RduProgram *p = program_at(m, unit, program);
    RduSet set = {.offset = (int32_t)offset, .extent = extent};
    for (uint32_t i = 0; i < p->loops.n; i++) {
        RduBound bound = {.set = p->sets.n, .loop = i, .coef = (int32_t)coefficients[i]};
        if (bound.coef != 0)
            vec_push(ARENA(m), &p->bounds, bound);
    }
    vec_push(ARENA(m), &p->sets, set);
}

void rdu_make_pad(RduMaker *m, uint32_t unit, uint32_t program, uint32_t word)
{
    RduAccess *a = &program_at(m, unit, program)->access;
    a->has_pad = 1;
    a->pad = word;
}

void rdu_make_swap(RduMaker *m, uint32_t unit, uint32_t program, uint32_t loop)
{
    RduProgram *p = program_at(m, unit, program);
    p->access.swap_on = 1;
    p->access.swap_level = level_of(p, loop);
}

uint32_t rdu_make_flow(RduMaker *m, const char *name, RduNet net)
{
    RduFlow flow = {.name = name, .flow = {.net = net}};
    vec_push(ARENA(m), &m->kernel.flows, flow);
    return m->kernel.flows.n - 1;
}

void rdu_make_in(RduMaker *m, uint32_t unit, uint32_t program, uint32_t port, uint32_t flow, uint32_t loop, uint32_t type)
{
    RduUnit *u = unit_at(m, unit);
    RduProgram *p = program_at(m, unit, program);
    bool initial = u->head.kind == RDU_KIND_PCU && u->pcu.mode == 1 && port == 2 && loop == RDU_EVERY;
    RduIn in = {.flow = flow, .port = port, .fmt = type, .level = initial ? u->sys.mac_level : level_of(p, loop)};
    RduEnd end = {.id = unit};
    for (uint32_t i = 0; i < u->programs.n; i++)
        end.port += u->programs.at[i].ins.n;
    vec_push(ARENA(m), &m->kernel.flows.at[flow].ends, end);
    vec_push(ARENA(m), &p->ins, in);
}

void rdu_make_out(RduMaker *m, uint32_t unit, uint32_t program, RduOutSource source, uint32_t reg, uint32_t flow, uint32_t loop, uint32_t type)
{
    RduUnit *u = unit_at(m, unit);
    RduProgram *p = program_at(m, unit, program);
    bool drains = u->head.kind == RDU_KIND_PCU && u->pcu.mode == 1 && loop == RDU_EVERY;
    RduOut out = {.flow = flow, .src = source, .reg = reg, .fmt = type, .level = drains ? u->sys.mac_level : level_of(p, loop)};
    RduFlowHead *f = &m->kernel.flows.at[flow].flow;
    f->src = unit;
    f->src_port = 0;
    for (uint32_t i = 0; i < u->programs.n; i++)
        f->src_port += u->programs.at[i].outs.n;
    vec_push(ARENA(m), &p->outs, out);
}

void rdu_make_mac(RduMaker *m, uint32_t unit, uint32_t loop, RduInit init, uint32_t rows, uint32_t cols)
{
    RduSys *sys = &unit_at(m, unit)->sys;
    bool is_byte = sys->afmt == RDU_I8 || sys->afmt == RDU_U8;
    int64_t pack = sys->afmt == RDU_BF16 ? m->machine->pack_bf16 : is_byte ? m->machine->pack_i8 : 1;
    sys->mac_level = level_of(program_at(m, unit, 0), loop);
    sys->init = init;
    sys->rows = rows != 0 ? rows : (uint32_t)m->machine->rows;
    sys->cols = cols != 0 ? cols : (uint32_t)(m->machine->cols * pack);
}

uint32_t rdu_make_const(RduMaker *m, uint32_t unit, uint32_t word)
{
    RduUnit *u = unit_at(m, unit);
    for (uint32_t i = 0; i < u->consts.n; i++)
        if (u->consts.at[i] == word)
            return i;
    vec_push(ARENA(m), &u->consts, word);
    return u->consts.n - 1;
}

void rdu_make_stage(RduMaker *m, uint32_t unit, RduOp op, uint32_t type, uint32_t to_reg, RduOperand a, RduOperand b, RduOperand c)
{
    RduStage stage = {.op = op, .type = type, .dst = to_reg, .pred = RDU_PRED_NONE, .a_class = a.class, .a_index = a.index,
                      .b_class = b.class, .b_index = b.index, .c_class = c.class, .c_index = c.index};
    vec_push(ARENA(m), &unit_at(m, unit)->stages, stage);
}

void rdu_make_tail(RduMaker *m, uint32_t unit, RduTail tail)
{
    RduUnit *u = unit_at(m, unit);
    u->pcu.tail = tail;
    u->sys.drain_tail = u->pcu.mode == 1;
}

void rdu_make_reduce(RduMaker *m, uint32_t unit, RduReduceOp op, uint32_t loop, bool tree)
{
    RduUnit *u = unit_at(m, unit);
    u->reduce = (RduReduce){.op = op, .tree = tree, .level = level_of(program_at(m, unit, 0), loop)};
    u->sys.drain_reduce = u->pcu.mode == 1;
}

void rdu_make_after(RduMaker *m, uint32_t earlier, uint32_t later)
{
    RduCtl ctl = {0};
    RduCtlPort in = {.id = earlier}, out = {.id = later};
    vec_push(ARENA(m), &ctl.ins, in);
    vec_push(ARENA(m), &ctl.outs, out);
    vec_push(ARENA(m), &m->kernel.ctls, ctl);
}
