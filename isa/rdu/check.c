/*
 * isa/rdu/check.c: static checks of kernels.
 *
 * In:   decoded kernels. Out: every breach as a diagnostic.
 * Keep: what passes can be built and run: every number names something, every flow makes as many tokens as it takes.
 */
#include <string.h>

#include "isa/rdu/sim.h"

enum { MAX_ARGS = 64 };
#define MAX_FIRINGS (INT64_C(1) << 40)

typedef struct Checker {
    weir_context *cx;
    const Image *image;
    const RduMachine *m;
    const RduKernel *kernel;
    const char *unit;
    weir_status status;
} Checker;

static void breach(Checker *c, const char *text)
{
    diag(&c->cx->diag, place_none(), E_RDU_CHECK, c->kernel->name, c->unit, text);
    if (c->status == WEIR_OK)
        c->status = WEIR_INVALID;
}

static void unsupported(Checker *c, const char *what)
{
    breach(c, arena_printf(&c->cx->arena, "%s is not simulated", what));
    c->status = WEIR_UNSUPPORTED;
}

static void most(Checker *c, const char *what, int64_t found, int64_t limit)
{
    if (found > limit)
        breach(c, arena_printf(&c->cx->arena, "%lld %s, the machine has %lld", (long long)found, what, (long long)limit));
}

/* Firings of the loops outside the innermost `level` ones; -1 where an argument decides. */
static int64_t tokens(const RduProgram *p, uint32_t level)
{
    int64_t n = 1;
    uint32_t n_levels = rdu_n_levels(p);
    for (uint32_t i = 0; i + level < n_levels; i++) {
        uint32_t first = 0, last = 0;
        rdu_level_loops(p, i, &first, &last);
        int64_t points = 1;
        for (uint32_t l = first; l <= last; l++) {
            if (p->loops.at[l].src != 0)
                return -1;
            points *= p->loops.at[l].trip;
            if (points > MAX_FIRINGS)
                return MAX_FIRINGS + 1;
        }
        if (p->loops.at[first].vec && p->access.lanes > 0)
            points = (points + p->access.lanes - 1) / p->access.lanes;
        n *= points;
        if (n > MAX_FIRINGS)
            return MAX_FIRINGS + 1;
    }
    return n;
}

/* ---- programs ---- */

static void check_loops(Checker *c, const RduUnit *u, const RduProgram *p)
{
    most(c, "loops", p->loops.n, c->m->max_loops);
    uint32_t runs = 0;
    for (uint32_t i = 0; i < p->loops.n; i++) {
        const RduLoop *l = &p->loops.at[i];
        if (l->src == 2)
            unsupported(c, "a triangular loop");
        if (l->src > 2 || (l->src == 1 && l->trip >= MAX_ARGS) || (l->src == 0 && l->trip == 0))
            breach(c, "a loop takes a trip of 1 and more, or an argument slot below 64");
        runs += l->vec && !(i > 0 && p->loops.at[i - 1].vec);
    }
    if (runs > 1 || (runs > 0 && u->head.kind == RDU_KIND_PCU))
        breach(c, "vec loops stand side by side, in memory units");
    if (tokens(p, 0) > MAX_FIRINGS)
        breach(c, "more than 2^40 firings");
}

static void check_ports(Checker *c, const RduProgram *p)
{
    uint32_t n_levels = rdu_n_levels(p);
    most(c, "input ports", p->ins.n, c->m->max_ports);
    most(c, "output ports", p->outs.n, c->m->max_ports);
    for (uint32_t i = 0; i < p->ins.n; i++) {
        const RduIn *in = &p->ins.at[i];
        if (in->level > n_levels || in->at != 0 || in->fmt >= RDU_TYPE_COUNT || in->flow >= c->kernel->flows.n || in->port > 7)
            breach(c, "an input names no loop, format, flow or port");
        if (in->bcast >= 2)
            unsupported(c, "a rotated input");
        for (uint32_t k = 0; k < i; k++)
            if (p->ins.at[k].port == in->port)
                breach(c, "an input stands twice");
    }
    for (uint32_t i = 0; i < p->outs.n; i++) {
        const RduOut *out = &p->outs.at[i];
        if (out->level > n_levels || out->src >= RDU_OUT_COUNT || out->fmt >= RDU_TYPE_COUNT || out->flow >= c->kernel->flows.n)
            breach(c, "an output names no loop, source, format or flow");
    }
}

static bool has_in(const RduProgram *p, uint32_t port)
{
    for (uint32_t i = 0; i < p->ins.n; i++)
        if (p->ins.at[i].port == port)
            return true;
    return false;
}

/* ---- pcu ---- */

static void check_source(Checker *c, const RduUnit *u, uint32_t class, uint32_t index)
{
    const RduProgram *p = &u->programs.at[0];
    bool ok = class == RDU_SRC_LANE || (class == RDU_SRC_IN && has_in(p, index)) || (class == RDU_SRC_REG && index < 16) ||
              (class == RDU_SRC_ACC && index < 16) || (class == RDU_SRC_CONST && index < u->consts.n) ||
              (class == RDU_SRC_COUNTER && index < p->loops.n);
    if (class == RDU_SRC_DELAYED)
        unsupported(c, "a delayed operand");
    else if (!ok)
        breach(c, "a stage's source names no input, register, constant or loop");
}

static void check_simd(Checker *c, const RduUnit *u)
{
    const RduProgram *p = &u->programs.at[0];
    most(c, "stages", u->stages.n, c->m->stages);
    for (uint32_t i = 0; i < u->stages.n; i++) {
        const RduStage *s = &u->stages.at[i];
        if (s->op >= RDU_OP_COUNT || s->type >= RDU_TYPE_COUNT || s->dst > 15 || (s->op == RDU_OP_CVT && s->c_index >= RDU_TYPE_COUNT)) {
            breach(c, "a stage's operation, type or destination is unknown");
            continue;
        }
        uint32_t n = rdu_op_sources(s->op);
        check_source(c, u, s->a_class, s->a_index);
        if (n > 1)
            check_source(c, u, s->b_class, s->b_index);
        if (n > 2)
            check_source(c, u, s->c_class, s->c_index);
        if (s->dst_is_acc && (s->init_const >= u->consts.n || s->init_level > rdu_n_levels(p)))
            breach(c, "an accumulator starts at no constant or loop");
    }
    if (p->ins.n == 0 && u->stages.n == 0)
        breach(c, "a PCU without inputs or stages");
    for (uint32_t i = 0; i < p->outs.n; i++) {
        const RduOut *out = &p->outs.at[i];
        if (out->src == RDU_OUT_V || out->src == RDU_OUT_ACC || (out->src == RDU_OUT_T && u->pcu.tail == RDU_TAIL_NONE) ||
            (out->src == RDU_OUT_Q && u->reduce.op == RDU_RED_NONE))
            breach(c, "an output takes rN, t with a tail, q with a reducer");
        if (out->src == RDU_OUT_Q && out->level != u->reduce.level)
            breach(c, "q leaves at the reducer's loop");
    }
}

static void check_sys(Checker *c, const RduUnit *u)
{
    const RduProgram *p = &u->programs.at[0];
    bool is_byte = u->sys.afmt == RDU_I8 || u->sys.afmt == RDU_U8;
    int64_t pack = u->sys.afmt == RDU_BF16 ? c->m->pack_bf16 : is_byte ? c->m->pack_i8 : 1;
    most(c, "rows", u->sys.rows, c->m->rows);
    most(c, "columns", u->sys.cols, c->m->cols * pack);
    if (u->sys.rows == 0 || u->sys.cols == 0 || u->sys.afmt >= RDU_TYPE_COUNT || u->sys.accfmt >= RDU_TYPE_COUNT ||
        u->sys.init >= RDU_INIT_COUNT || u->sys.mac_level > rdu_n_levels(p))
        breach(c, "rows, columns, formats, init or the mac's loop");
    if (!has_in(p, 0) || !has_in(p, 1) || has_in(p, 2) != (u->sys.init != RDU_INIT_ZERO) || p->ins.n > 3)
        breach(c, "a sys unit takes inputs 0 and 1, and 2 with init");
    if (p->outs.n == 0)
        breach(c, "a sys unit without outputs");
    for (uint32_t i = 0; i < p->outs.n; i++) {
        const RduOut *out = &p->outs.at[i];
        bool ok = out->src == RDU_OUT_ACC || (out->src == RDU_OUT_T && u->sys.drain_tail) || (out->src == RDU_OUT_Q && u->sys.drain_reduce);
        if (!ok || out->level != u->sys.mac_level)
            breach(c, "an output takes acc, t with a tail or q with a reducer, at the mac's loop");
    }
    for (uint32_t i = 0; i < p->ins.n; i++)
        if (p->ins.at[i].port == 2 && p->ins.at[i].level < u->sys.mac_level)
            breach(c, "initial accumulators come at the mac's loop or outside it");
}

/* ---- memory units ---- */

/* Lowest and highest byte address over all points; false where an argument decides or bounds cut. */
static bool address_range(const RduUnit *u, const RduProgram *p, int64_t *out_low, int64_t *out_high)
{
    int64_t low = p->access.constant, high = low, trips = 1;
    bool has_vec = false;
    if (p->sets.n > 0 || p->access.range_hi != 0 || p->access.range_lo != 0 || (u->head.kind == RDU_KIND_AG && u->ag.arg != UINT32_MAX))
        return false;
    for (uint32_t i = 0; i < p->loops.n; i++) {
        has_vec = has_vec || p->loops.at[i].vec;
        if (p->loops.at[i].src != 0)
            return false;
    }
    for (uint32_t i = 0; i < p->terms.n; i++) {
        trips = p->loops.at[p->terms.at[i].loop].trip;
        int64_t far = p->terms.at[i].stride * (trips - 1);
        *(far < 0 ? &low : &high) += far;
    }
    int64_t lanes = has_vec ? 0 : (int64_t)p->access.lane_stride * (p->access.lanes - 1);
    *(lanes < 0 ? &low : &high) += lanes;
    *out_low = low;
    *out_high = high + (INT64_C(1) << p->access.esize);
    return true;
}

static void check_access(Checker *c, const RduUnit *u, const RduProgram *p, int64_t bytes)
{
    const RduAccess *a = &p->access;
    if (a->gather || a->addrport_on)
        unsupported(c, "an address from a port");
    if (a->xpose || a->seq)
        unsupported(c, "xpose or seq");
    if (a->lanes == 0 || a->lanes > (uint32_t)c->m->lanes * 4 || a->esize > 2 || a->wop > 2 || a->swap_level > rdu_n_levels(p))
        breach(c, "lanes, element size, write operation or the swap's loop");
    for (uint32_t i = 0; i < p->terms.n; i++)
        if (p->terms.at[i].loop >= p->loops.n) {
            breach(c, "an address names no loop");
            return;
        }
    for (uint32_t i = 0; i < p->bounds.n; i++)
        if (p->bounds.at[i].loop >= p->loops.n || p->bounds.at[i].set >= p->sets.n) {
            breach(c, "a bound names no loop or set");
            return;
        }
    if (a->dir ? p->ins.n != 1 || p->ins.at[0].port != 0 || p->outs.n != 0 : p->ins.n != 0 || p->outs.n == 0)
        breach(c, "a read has outputs only, a write one input 0");
    for (uint32_t i = 0; i < p->outs.n; i++)
        if (p->outs.at[i].src != RDU_OUT_V || p->outs.at[i].level != 0 || p->outs.at[i].fmt != p->outs.at[0].fmt)
            breach(c, "a read sends v at every firing, in one format");
    uint32_t fmt = a->dir ? (p->ins.n > 0 ? p->ins.at[0].fmt : 0) : p->outs.n > 0 ? p->outs.at[0].fmt : 0;
    if (fmt < RDU_TYPE_COUNT && rdu_type_bytes(fmt) != 1u << a->esize)
        breach(c, "the element size does not fit the format");
    int64_t low = 0, high = 0;
    if (address_range(u, p, &low, &high) && (low < 0 || high > bytes))
        breach(c, arena_printf(&c->cx->arena, "addresses %lld..%lld leave its %lld bytes", (long long)low, (long long)high, (long long)bytes));
}

static void check_pmu(Checker *c, const RduUnit *u)
{
    uint32_t reads = 0, writers = 0, swapping = 0;
    most(c, "bytes", (int64_t)u->pmu.base + (int64_t)u->pmu.buf_bytes * u->pmu.nbuf, c->m->pmu_bytes);
    if (u->pmu.nbuf == 0 || u->pmu.buf_bytes == 0 || u->pmu.init > u->pmu.nbuf)
        breach(c, "buffers: at least one, of at least a byte; init at most nbuf");
    if (u->pmu.bank_mode != 0)
        unsupported(c, "a bank mode other than linear");
    for (uint32_t i = 0; i < u->programs.n; i++) {
        const RduAccess *a = &u->programs.at[i].access;
        reads += !a->dir;
        writers += a->dir;
        swapping += a->dir && a->swap_on;
        check_access(c, u, &u->programs.at[i], u->pmu.buf_bytes);
    }
    most(c, "read programs", reads, c->m->max_reads);
    most(c, "write programs", writers, c->m->max_writes);
    if (swapping > 1)
        breach(c, "one writer swaps the buffers");
    if (writers > 0 && reads > 0 && swapping == 0)
        breach(c, "readers and a writer of one buffer need swap: without it they race");
}

static void check_ag(Checker *c, const RduUnit *u)
{
    if (u->ag.tensor >= c->image->tensors.n || u->ag.tier >= c->m->n_tiers || (u->ag.arg != UINT32_MAX && u->ag.arg >= MAX_ARGS)) {
        breach(c, "names no tensor, tier or argument slot");
        return;
    }
    const ImageTensor *t = &c->image->tensors.at[u->ag.tensor];
    if (t->tier != u->ag.tier)
        breach(c, "the tensor lies in another tier");
    if (u->programs.at[0].access.dir && t->kind == IMAGE_CONST)
        breach(c, "writes a constant");
    if (INT64_C(1) << u->ag.burst_log2 != c->m->tiers[u->ag.tier].burst)
        breach(c, "the burst is not the tier's");
    check_access(c, u, &u->programs.at[0], (int64_t)t->bytes);
}

/* ---- flows ---- */

static uint32_t n_ports(const RduUnit *u, bool out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < u->programs.n; i++)
        n += out ? u->programs.at[i].outs.n : u->programs.at[i].ins.n;
    return n;
}

/* The program and the port behind a port number of a record. */
static const RduProgram *program_of(const RduUnit *u, bool out, uint32_t *port)
{
    for (uint32_t i = 0; i < u->programs.n; i++) {
        uint32_t n = out ? u->programs.at[i].outs.n : u->programs.at[i].ins.n;
        if (*port < n)
            return &u->programs.at[i];
        *port -= n;
    }
    return NULL;
}

/* A partial tile and a drained row are `rows` tokens where their port's level gives one. */
static int64_t rows_factor(const RduUnit *u, uint32_t in_port)
{
    bool sys = u->head.kind == RDU_KIND_PCU && u->pcu.mode == 1;
    bool each_row = in_port == UINT32_MAX || (in_port == 2 && u->sys.init == RDU_INIT_TILE);
    return sys && each_row ? u->sys.rows : 1;
}

static void check_end(Checker *c, uint32_t number, const RduFlow *f, const RduEnd *end, const RduOut *out, int64_t made)
{
    const RduKernel *k = c->kernel;
    uint32_t port = end->port;
    const RduProgram *p = end->id < k->units.n ? program_of(&k->units.at[end->id], false, &port) : NULL;
    if (p == NULL || p->ins.at[port].flow != number) {
        breach(c, arena_printf(&c->cx->arena, "flow %s has an end that does not take it", f->name));
        return;
    }
    const RduIn *in = &p->ins.at[port];
    if (in->fmt != out->fmt)
        breach(c, arena_printf(&c->cx->arena, "flow %s: formats differ", f->name));
    int64_t taken = tokens(p, in->level) * rows_factor(&k->units.at[end->id], in->port);
    if (made >= 0 && taken >= 0 && made != taken)
        breach(c, arena_printf(&c->cx->arena, "%s: %s makes %lld, %s takes %lld", f->name, k->units.at[f->flow.src].name, (long long)made,
                               k->units.at[end->id].name, (long long)taken));
}

static void check_flow(Checker *c, uint32_t number, uint32_t *n_out, uint32_t *n_in)
{
    const RduKernel *k = c->kernel;
    const RduFlow *f = &k->flows.at[number];
    c->unit = f->name;
    if (f->flow.net == RDU_NET_CTL) {
        unsupported(c, "a control flow");
        return;
    }
    uint32_t port = f->flow.src_port;
    const RduProgram *p = f->flow.src < k->units.n ? program_of(&k->units.at[f->flow.src], true, &port) : NULL;
    if (p == NULL || p->outs.at[port].flow != number || f->flow.net >= RDU_NET_COUNT || f->ends.n == 0) {
        breach(c, "a flow has one source that sends it, and ends");
        return;
    }
    const RduUnit *source = &k->units.at[f->flow.src];
    const RduOut *out = &p->outs.at[port];
    int64_t made = tokens(p, out->level) * rows_factor(source, UINT32_MAX);
    made = made < 0 ? -1 : made + f->flow.init;
    for (uint32_t i = 0; i < f->ends.n; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (f->ends.at[j].id == f->ends.at[i].id && f->ends.at[j].port == f->ends.at[i].port)
                breach(c, "an end stands twice");
        check_end(c, number, f, &f->ends.at[i], out, f->flow.init == 0 ? made : -1);
    }
    *n_out += 1;
    *n_in += f->ends.n;
}

static void check_unit(Checker *c, const RduUnit *u)
{
    static const char sites[] = {'.', 'P', 'M', 'A'};
    c->unit = u->name;
    if (rdu_site_kind(c->m, u->head.x, u->head.y) != sites[u->head.kind])
        breach(c, "stands on a site of another kind");
    for (uint32_t i = 0; i < u->programs.n; i++) {
        check_loops(c, u, &u->programs.at[i]);
        check_ports(c, &u->programs.at[i]);
    }
    if (u->head.kind == RDU_KIND_PMU)
        check_pmu(c, u);
    else if (u->head.kind == RDU_KIND_AG)
        check_ag(c, u);
    else {
        most(c, "constants", u->consts.n, c->m->max_consts);
        if (u->pcu.tail >= RDU_TAIL_COUNT || (u->pcu.tail == RDU_TAIL_CLAMP && u->consts.n < 2) || u->reduce.op >= RDU_RED_COUNT)
            breach(c, "tail or reducer");
        else if ((c->m->functions >> u->pcu.tail & 1) == 0)
            breach(c, arena_printf(&c->cx->arena, "the machine has no function %s", rdu_tail_text(u->pcu.tail)));
        else if (u->pcu.tail == RDU_TAIL_GELU || u->pcu.tail == RDU_TAIL_SILU)
            unsupported(c, rdu_tail_text(u->pcu.tail));
        if (u->pcu.mode == 1)
            check_sys(c, u);
        else
            check_simd(c, u);
    }
    for (uint32_t i = 0; &c->kernel->units.at[i] != u; i++)
        if (c->kernel->units.at[i].head.x == u->head.x && c->kernel->units.at[i].head.y == u->head.y)
            breach(c, arena_printf(&c->cx->arena, "stands on the site of %s", c->kernel->units.at[i].name));
}

static void check_kernel(Checker *c)
{
    const RduKernel *k = c->kernel;
    uint32_t count[4] = {0}, outs = 0, ins = 0, n_out = 0, n_in = 0;
    for (uint32_t i = 0; i < k->units.n; i++) {
        check_unit(c, &k->units.at[i]);
        count[k->units.at[i].head.kind]++;
        outs += n_ports(&k->units.at[i], true);
        ins += n_ports(&k->units.at[i], false);
    }
    c->unit = "units";
    most(c, "PCUs", count[RDU_KIND_PCU], c->m->n_pcu);
    most(c, "PMUs", count[RDU_KIND_PMU], c->m->n_pmu);
    most(c, "AGs", count[RDU_KIND_AG], c->m->n_ag);
    for (uint32_t i = 0; i < k->flows.n; i++)
        check_flow(c, i, &n_out, &n_in);
    c->unit = "flows";
    if (c->status == WEIR_OK && (n_out != outs || n_in != ins))
        breach(c, "a port has no flow of its own");
    for (uint32_t i = 0; i < k->ctls.n; i++) {
        c->unit = k->ctls.at[i].name;
        if (k->ctls.at[i].ctl.credits != 0)
            unsupported(c, "a join with credits");
        for (uint32_t p = 0; p < k->ctls.at[i].ins.n + k->ctls.at[i].outs.n; p++) {
            const RduCtlPort *port = p < k->ctls.at[i].ins.n ? &k->ctls.at[i].ins.at[p] : &k->ctls.at[i].outs.at[p - k->ctls.at[i].ins.n];
            if (port->is_flow)
                unsupported(c, "a control flow");
            else if (port->id >= k->units.n)
                breach(c, "names no unit");
        }
    }
}

weir_status rdu_check(weir_context *cx, const Image *image, const RduCode *code, const RduMachine *machine)
{
    Checker c = {.cx = cx, .image = image, .m = machine};
    for (uint32_t i = 0; i < code->kernels.n; i++) {
        c.kernel = &code->kernels.at[i];
        check_kernel(&c);
    }
    return c.status;
}
