/*
 * isa/rdu/print.c: kernels as text, and the names that DEBUG keeps.
 *
 * In:   an image. Out: its kernels' text; what the assembler would fill in by itself is left out.
 * Keep: assembling the text gives the same words.
 */
#include <string.h>

#include "isa/rdu/machine.h"
#include "isa/rdu/text.h"

typedef struct Printer {
    weir_context *cx;
    const Image *image;
    RduMachine machine;
    const RduKernel *kernel;
    const RduUnit *unit;
    const RduProgram *program;
    Text *out;
    uint32_t type;
} Printer;

/* ---- names ---- */

static const char *canonical_unit(weir_context *cx, const RduKernel *k, uint32_t id)
{
    if (id >= k->units.n)
        return arena_printf(&cx->arena, "C%u", id);
    static const char letter[] = {'?', 'P', 'M', 'A'};
    uint32_t kind = k->units.at[id].head.kind;
    return arena_printf(&cx->arena, "%c%u", letter[kind <= RDU_KIND_AG ? kind : 0], id);
}

static void name_loops(weir_context *cx, RduUnit *u)
{
    for (uint32_t i = 0; i < u->programs.n; i++) {
        RduProgram *p = &u->programs.at[i];
        for (uint32_t l = p->loop_names.n; l < p->loops.n; l++) {
            const char *name = arena_printf(&cx->arena, "l%u", l);
            vec_push(&cx->arena, &p->loop_names, name);
        }
    }
}

static void name_all(weir_context *cx, RduCode *code)
{
    for (uint32_t i = 0; i < code->kernels.n; i++) {
        RduKernel *k = &code->kernels.at[i];
        if (k->name == NULL)
            k->name = arena_printf(&cx->arena, "k%u", i);
        for (uint32_t u = 0; u < k->units.n; u++) {
            if (k->units.at[u].name == NULL)
                k->units.at[u].name = canonical_unit(cx, k, u);
            name_loops(cx, &k->units.at[u]);
        }
        for (uint32_t c = 0; c < k->ctls.n; c++)
            if (k->ctls.at[c].name == NULL)
                k->ctls.at[c].name = canonical_unit(cx, k, k->units.n + c);
        for (uint32_t f = 0; f < k->flows.n; f++)
            if (k->flows.at[f].name == NULL)
                k->flows.at[f].name = arena_printf(&cx->arena, "f%u", f);
    }
}

static void apply_name(RduKernel *k, const ImageDebug *d)
{
    if (d->kind == DEBUG_KERNEL)
        k->name = d->text;
    else if (d->kind == DEBUG_FLOW && d->b < k->flows.n)
        k->flows.at[d->b].name = d->text;
    else if (d->kind == DEBUG_UNIT && d->b < k->units.n)
        k->units.at[d->b].name = d->text;
    else if (d->kind == DEBUG_UNIT && d->b - k->units.n < k->ctls.n)
        k->ctls.at[d->b - k->units.n].name = d->text;
    else if (d->kind == DEBUG_LOOP && d->b < k->units.n && d->c >> 8 < k->units.at[d->b].programs.n) {
        RduProgram *p = &k->units.at[d->b].programs.at[d->c >> 8];
        if ((d->c & 255) < p->loop_names.n)
            p->loop_names.at[d->c & 255] = d->text;
    }
}

weir_status rdu_code_of(weir_context *cx, const Image *image, RduCode *out_code)
{
    TRY(rdu_decode(cx, image->code.at, image->code.n, out_code));
    name_all(cx, out_code);
    for (uint32_t i = 0; i < image->debug.n; i++)
        if (image->debug.at[i].a < out_code->kernels.n)
            apply_name(&out_code->kernels.at[image->debug.at[i].a], &image->debug.at[i]);
    return WEIR_OK;
}

static void note(weir_context *cx, Image *image, ImageDebug row, const char *canonical)
{
    if (row.text != NULL && strcmp(row.text, canonical) != 0)
        vec_push(&cx->arena, &image->debug, row);
}

static void note_unit(weir_context *cx, Image *image, const RduKernel *k, uint32_t i, uint32_t u)
{
    const RduUnit *unit = &k->units.at[u];
    note(cx, image, (ImageDebug){DEBUG_UNIT, i, u, 0, unit->name}, canonical_unit(cx, k, u));
    for (uint32_t p = 0; p < unit->programs.n; p++) {
        const RduProgram *program = &unit->programs.at[p];
        for (uint32_t l = 0; l < program->loop_names.n; l++)
            note(cx, image, (ImageDebug){DEBUG_LOOP, i, u, p << 8 | l, program->loop_names.at[l]},
                 arena_printf(&cx->arena, "l%u", l));
    }
}

weir_status rdu_code_store(weir_context *cx, RduCode *code, Image *image)
{
    RduWords words = {0};
    TRY(rdu_encode(cx, code, &words));
    memcpy(&image->code, &words.words, sizeof words.words);
    for (uint32_t i = 0; i < code->kernels.n; i++) {
        const RduKernel *k = &code->kernels.at[i];
        note(cx, image, (ImageDebug){DEBUG_KERNEL, i, 0, 0, k->name}, arena_printf(&cx->arena, "k%u", i));
        for (uint32_t u = 0; u < k->units.n; u++)
            note_unit(cx, image, k, i, u);
        for (uint32_t c = 0; c < k->ctls.n; c++)
            note(cx, image, (ImageDebug){DEBUG_UNIT, i, k->units.n + c, 0, k->ctls.at[c].name},
                 canonical_unit(cx, k, k->units.n + c));
        for (uint32_t f = 0; f < k->flows.n; f++)
            note(cx, image, (ImageDebug){DEBUG_FLOW, i, f, 0, k->flows.at[f].name}, arena_printf(&cx->arena, "f%u", f));
    }
    return WEIR_OK;
}

/* ---- printing ---- */

static void name(Printer *p, const char *text)
{
    asm_print_name(p->out, text);
}

static const char *loop_name(const Printer *p, uint32_t loop)
{
    return loop < p->program->loop_names.n ? p->program->loop_names.at[loop] : "?";
}

static const char *flow_name(const Printer *p, uint32_t flow)
{
    return flow < p->kernel->flows.n ? p->kernel->flows.at[flow].name : "?";
}

static void print_level(Printer *p, uint32_t level, uint32_t unless)
{
    uint32_t n = rdu_n_levels(p->program), first = 0, last = 0;
    if (level == unless || level >= n)
        return;
    rdu_level_loops(p->program, n - 1 - level, &first, &last);
    text_printf(p->out, " @");
    name(p, loop_name(p, last));
}

static void print_type(Printer *p, uint32_t type)
{
    if (type != p->type && rdu_word_text(RDU_LIST_TYPE, type) != NULL)
        text_printf(p->out, " %s", rdu_word_text(RDU_LIST_TYPE, type));
}

static void print_word(Printer *p, uint32_t word, uint32_t type)
{
    float value;
    memcpy(&value, &word, sizeof value);
    if (type >= RDU_I32) {
        text_printf(p->out, "%d", (int32_t)word);
    } else if (value == value && value - value == 0.0f) {
        text_decimal(p->out, (double)value, DT_F32);
    } else {
        text_printf(p->out, "0x%08x", word);
    }
}

static void print_loops(Printer *p)
{
    for (uint32_t i = 0; i < p->program->loops.n; i++) {
        const RduLoop *l = &p->program->loops.at[i];
        text_printf(p->out, "  loop ");
        name(p, loop_name(p, i));
        if (l->src == 1)
            text_printf(p->out, " arg %u", l->trip);
        else if (l->src == 2)
            text_printf(p->out, " tri %u %d %s %u", l->trip, l->step, loop_name(p, l->outer), l->max);
        else
            text_printf(p->out, " %u%s", l->trip, l->vec ? " vec" : "");
        text_printf(p->out, "\n");
    }
}

static void print_ins(Printer *p)
{
    bool sys = p->unit->head.kind == RDU_KIND_PCU && p->unit->pcu.mode == 1;
    for (uint32_t i = 0; i < p->program->ins.n; i++) {
        const RduIn *in = &p->program->ins.at[i];
        text_printf(p->out, "  in %u = ", in->port);
        name(p, flow_name(p, in->flow));
        print_level(p, in->level, sys && in->port == 2 ? p->unit->sys.mac_level : 0);
        if (in->bcast != 0 && rdu_word_text(RDU_LIST_BCAST, in->bcast) != NULL)
            text_printf(p->out, " %s", rdu_word_text(RDU_LIST_BCAST, in->bcast));
        print_type(p, in->fmt);
        text_printf(p->out, "\n");
    }
}

static void print_outs(Printer *p)
{
    bool sys = p->unit->head.kind == RDU_KIND_PCU && p->unit->pcu.mode == 1;
    for (uint32_t i = 0; i < p->program->outs.n; i++) {
        const RduOut *out = &p->program->outs.at[i];
        const char *source = rdu_word_text(RDU_LIST_OUT, out->src);
        text_printf(p->out, "  out %u = %s", i, source != NULL ? source : "?");
        if (out->src == RDU_OUT_REG)
            text_printf(p->out, "%u", out->reg);
        print_level(p, out->level, sys ? p->unit->sys.mac_level : 0);
        print_type(p, out->fmt);
        text_printf(p->out, " -> ");
        name(p, flow_name(p, out->flow));
        text_printf(p->out, "\n");
    }
}

static void print_source(Printer *p, uint32_t class, uint32_t index, uint32_t type)
{
    switch (class) {
    case RDU_SRC_IN:
        text_printf(p->out, " in%u", index);
        break;
    case RDU_SRC_DELAYED:
        text_printf(p->out, " in%u.%u", index & 7, index >> 3);
        break;
    case RDU_SRC_REG:
        text_printf(p->out, " r%u", index);
        break;
    case RDU_SRC_ACC:
        text_printf(p->out, " a%u", index);
        break;
    case RDU_SRC_COUNTER:
        text_printf(p->out, " c%s", loop_name(p, index));
        break;
    case RDU_SRC_LANE:
        text_printf(p->out, " lane");
        break;
    default:
        text_printf(p->out, " #");
        print_word(p, index < p->unit->consts.n ? p->unit->consts.at[index] : 0, type);
    }
}

static void print_stage(Printer *p, uint32_t i)
{
    const RduStage *s = &p->unit->stages.at[i];
    const char *op = rdu_op_text(s->op), *type = rdu_word_text(RDU_LIST_TYPE, s->type);
    text_printf(p->out, "  s%u: %c%u = %s", i, s->dst_is_acc ? 'a' : 'r', s->dst, op != NULL ? op : "?");
    if (s->op == RDU_OP_CVT)
        text_printf(p->out, ".%s.%s", type, rdu_word_text(RDU_LIST_TYPE, s->c_index));
    else if (s->type != p->type && type != NULL)
        text_printf(p->out, ".%s", type);
    uint32_t n = rdu_op_sources(s->op);
    if (n > 0)
        print_source(p, s->a_class, s->a_index, s->type);
    if (n > 1)
        print_source(p, s->b_class, s->b_index, s->type);
    if (n > 2)
        print_source(p, s->c_class, s->c_index, s->type);
    if (s->dst_is_acc) {
        text_printf(p->out, " init #");
        print_word(p, s->init_const < p->unit->consts.n ? p->unit->consts.at[s->init_const] : 0, s->type);
        print_level(p, s->init_level, 0);
    }
    if (s->pred != RDU_PRED_NONE)
        text_printf(p->out, " if r%u", s->pred);
    text_printf(p->out, "\n");
}

static void print_pcu(Printer *p)
{
    const RduUnit *u = p->unit;
    print_loops(p);
    if (u->pcu.mode == 1) {
        static const char *const inits[] = {"", " init in2", " init in2 tile", ""};
        text_printf(p->out, "  mac");
        print_level(p, u->sys.mac_level, UINT32_MAX);
        text_printf(p->out, "%s\n", inits[u->sys.init]);
    }
    print_ins(p);
    if (u->pcu.tail != RDU_TAIL_NONE) {
        text_printf(p->out, "  tail %s", rdu_tail_text(u->pcu.tail));
        for (uint32_t i = 0; u->pcu.tail == RDU_TAIL_CLAMP && i < 2; i++) {
            text_printf(p->out, " #");
            print_word(p, i < u->consts.n ? u->consts.at[i] : 0, p->type);
        }
        text_printf(p->out, "\n");
    }
    for (uint32_t i = 0; i < u->stages.n; i++)
        print_stage(p, i);
    if (u->reduce.op != RDU_RED_NONE) {
        text_printf(p->out, "  reduce %s", rdu_word_text(RDU_LIST_REDUCE, u->reduce.op));
        print_level(p, u->reduce.level, 0);
        text_printf(p->out, "%s\n", u->reduce.tree ? "" : " lanewise");
    }
    if (u->pcu.mode == 1)
        text_printf(p->out, "  rows %u\n  cols %u\n", u->sys.rows, u->sys.cols);
    print_outs(p);
}

static void print_affine_term(Printer *p, bool *first, int64_t factor, const char *loop)
{
    const char *sign = factor < 0 ? "-" : *first ? "" : "+";
    uint64_t magnitude = factor < 0 ? (uint64_t)-factor : (uint64_t)factor;
    text_printf(p->out, "%s", sign);
    if (loop != NULL) {
        name(p, loop);
        if (magnitude != 1)
            text_printf(p->out, "*%llu", (unsigned long long)magnitude);
    } else {
        text_printf(p->out, "%llu", (unsigned long long)magnitude);
    }
    *first = false;
}

static void print_addr(Printer *p)
{
    const RduAccess *a = &p->program->access;
    bool first = true;
    text_printf(p->out, "  addr ");
    for (uint32_t i = 0; i < p->program->terms.n; i++)
        print_affine_term(p, &first, p->program->terms.at[i].stride, loop_name(p, p->program->terms.at[i].loop));
    if (a->addrport_on) {
        text_printf(p->out, "%sin%u*%d", first ? "" : "+", a->addr_port, a->scale);
        first = false;
    }
    if (p->unit->head.kind == RDU_KIND_AG && p->unit->ag.arg != UINT32_MAX) {
        text_printf(p->out, "%sarg %u", first ? "" : "+", p->unit->ag.arg);
        first = false;
    }
    if (a->constant != 0 || first)
        print_affine_term(p, &first, a->constant, NULL);
    text_printf(p->out, "\n");
}

static void print_bounds(Printer *p)
{
    for (uint32_t s = 0; s < p->program->sets.n; s++) {
        const RduSet *set = &p->program->sets.at[s];
        bool first = true;
        text_printf(p->out, "  bound ");
        for (uint32_t i = 0; i < p->program->bounds.n; i++)
            if (p->program->bounds.at[i].set == s)
                print_affine_term(p, &first, p->program->bounds.at[i].coef, loop_name(p, p->program->bounds.at[i].loop));
        if (set->offset != 0 || first)
            print_affine_term(p, &first, set->offset, NULL);
        text_printf(p->out, " in [0, %u)\n", set->extent);
    }
}

static void print_access(Printer *p)
{
    const RduAccess *a = &p->program->access;
    uint32_t bytes = rdu_type_bytes(p->type);
    print_loops(p);
    print_addr(p);
    if (a->lanes != (uint32_t)p->machine.lanes * 4 / bytes)
        text_printf(p->out, "  lanes %u\n", a->lanes);
    if (a->lane_stride != (int32_t)bytes)
        text_printf(p->out, "  lane %d\n", a->lane_stride);
    print_bounds(p);
    if (a->has_pad) {
        text_printf(p->out, "  pad ");
        print_word(p, a->pad, p->type);
        text_printf(p->out, "\n");
    }
    if (a->xpose)
        text_printf(p->out, "  xpose\n");
    if (a->range_lo != 0 || a->range_hi != 0)
        text_printf(p->out, "  range %u %u\n", a->range_lo, a->range_hi);
    if (a->wop != 0 && rdu_word_text(RDU_LIST_WOP, a->wop) != NULL)
        text_printf(p->out, "  wop %s\n", rdu_word_text(RDU_LIST_WOP, a->wop));
    if (a->seq)
        text_printf(p->out, "  seq\n");
    if (a->swap_on) {
        text_printf(p->out, "  swap");
        print_level(p, a->swap_level, 0);
        text_printf(p->out, "\n");
    }
    print_ins(p);
    print_outs(p);
}

/* The type that the unit's line names: of memory units the element's, of a PCU the first input's. */
static uint32_t unit_type(const RduUnit *u)
{
    static const uint32_t by_esize[] = {RDU_I8, RDU_BF16, RDU_F32};
    const RduProgram *p = u->programs.n > 0 ? &u->programs.at[0] : NULL;
    if (p == NULL)
        return RDU_F32;
    if (u->head.kind == RDU_KIND_PCU && u->pcu.mode == 1)
        return u->sys.afmt < RDU_TYPE_COUNT ? u->sys.afmt : (uint32_t)RDU_F32;
    uint32_t type = p->ins.n > 0 ? p->ins.at[0].fmt : p->outs.n > 0 ? p->outs.at[0].fmt : (uint32_t)RDU_F32;
    if (u->head.kind == RDU_KIND_PCU)
        return type < RDU_TYPE_COUNT ? type : (uint32_t)RDU_F32;
    bool agrees = type < RDU_TYPE_COUNT && rdu_type_bytes(type) == 1u << p->access.esize;
    return agrees ? type : by_esize[p->access.esize < 2 ? p->access.esize : 2];
}

static void print_unit_line(Printer *p)
{
    static const char *const kinds[] = {"?", "pcu", "pmu", "ag"};
    const RduUnit *u = p->unit;
    text_printf(p->out, "%s ", kinds[u->head.kind]);
    name(p, u->name);
    text_printf(p->out, " at %u,%u", u->head.x, u->head.y);
    if (u->head.kind == RDU_KIND_PCU)
        text_printf(p->out, " %s", u->pcu.mode == 1 ? "sys" : "simd");
    if (p->type != RDU_F32)
        text_printf(p->out, " %s", rdu_word_text(RDU_LIST_TYPE, p->type));
    if (u->head.kind == RDU_KIND_PMU) {
        text_printf(p->out, " size=%u nbuf=%u", u->pmu.buf_bytes, u->pmu.nbuf);
        if (u->pmu.base != 0)
            text_printf(p->out, " base=%u", u->pmu.base);
        if (u->pmu.init != 0) {
            text_printf(p->out, " init=%u:", u->pmu.init);
            print_word(p, u->pmu.init_value, p->type);
        }
    }
    if (u->head.kind == RDU_KIND_AG) {
        const RduAccess *a = &u->programs.at[0].access;
        text_printf(p->out, " %s ", a->gather ? "gather" : a->dir ? "write" : "read");
        name(p, u->ag.tensor < p->image->tensors.n ? p->image->tensors.at[u->ag.tensor].name : "?");
        if (u->ag.throttle != 0)
            text_printf(p->out, " throttle=%u", u->ag.throttle);
        if (u->ag.outstanding != 0)
            text_printf(p->out, " outstanding=%u", u->ag.outstanding);
        if (a->clamp)
            text_printf(p->out, " clamp");
    }
    text_printf(p->out, "\n");
}

static void print_unit(Printer *p, const RduUnit *u)
{
    p->unit = u;
    p->type = unit_type(u);
    print_unit_line(p);
    if (u->head.kind == RDU_KIND_PMU) {
        static const char *const modes[] = {"linear", "diagonal", "split", "?"};
        uint32_t bits = 0;
        while (INT64_C(1) << (bits + 1) <= p->machine.banks)
            bits++;
        if (u->pmu.bank_mode != 0 || u->pmu.bank_lo != 2 || u->pmu.bank_bits != bits)
            text_printf(p->out, "  bank %s %u %u\n", modes[u->pmu.bank_mode], u->pmu.bank_lo, u->pmu.bank_bits);
    }
    for (uint32_t i = 0; i < u->programs.n; i++) {
        p->program = &u->programs.at[i];
        if (u->head.kind == RDU_KIND_PCU) {
            print_pcu(p);
            continue;
        }
        if (u->head.kind == RDU_KIND_PMU)
            text_printf(p->out, "  %s\n", p->program->access.dir ? "write" : "read");
        print_access(p);
    }
    text_printf(p->out, "end\n");
}

static void print_flow(Printer *p, const RduFlow *f)
{
    static const char letters[] = "NESW";
    text_printf(p->out, ".flow ");
    name(p, f->name);
    text_printf(p->out, " %s", f->flow.net < RDU_NET_COUNT ? rdu_word_text(RDU_LIST_NET, f->flow.net) : "?");
    if (f->flow.init != 0)
        text_printf(p->out, " init=%u", f->flow.init);
    if (f->hops.n > 0)
        text_printf(p->out, " route");
    for (uint32_t i = 0; i < f->hops.n; i++) {
        text_printf(p->out, " ");
        for (int d = 0; d < 4; d++)
            if ((f->hops.at[i] & 1u << d) != 0)
                text_add(p->out, &letters[d], 1);
        if ((f->hops.at[i] & 16) != 0)
            text_printf(p->out, "L%u", (unsigned)f->hops.at[i] >> 5);
    }
    text_printf(p->out, "\n");
}

static void print_ctl_ports(Printer *p, uint32_t n, const RduCtlPort *ports)
{
    for (uint32_t i = 0; i < n; i++) {
        text_printf(p->out, i > 0 ? ", " : " ");
        bool is_unit = !ports[i].is_flow && ports[i].id < p->kernel->units.n;
        name(p, is_unit ? p->kernel->units.at[ports[i].id].name : flow_name(p, ports[i].id));
    }
}

weir_status rdu_print_code(weir_context *cx, const Image *image, Text *out)
{
    RduCode code = {0};
    Printer p = {.cx = cx, .image = image, .out = out};
    TRY(rdu_code_of(cx, image, &code));
    TRY(rdu_machine_named(cx, image->machine, &p.machine));
    for (uint32_t i = 0; i < code.kernels.n; i++) {
        p.kernel = &code.kernels.at[i];
        text_printf(out, ".kernel ");
        name(&p, p.kernel->name);
        text_printf(out, "\n");
        /* Flow numbers are the order of first mention: naming all in order keeps them whatever the units say. */
        for (uint32_t f = 0; f < p.kernel->flows.n; f++)
            print_flow(&p, &p.kernel->flows.at[f]);
        for (uint32_t u = 0; u < p.kernel->units.n; u++)
            print_unit(&p, &p.kernel->units.at[u]);
        for (uint32_t c = 0; c < p.kernel->ctls.n; c++) {
            const RduCtl *ctl = &p.kernel->ctls.at[c];
            text_printf(out, ".ctl ");
            name(&p, ctl->name);
            text_printf(out, " in");
            print_ctl_ports(&p, ctl->ins.n, ctl->ins.at);
            text_printf(out, " out");
            print_ctl_ports(&p, ctl->outs.n, ctl->outs.at);
            if (ctl->ctl.credits != 0)
                text_printf(out, " credits=%u", ctl->ctl.credits);
            text_printf(out, "\n");
        }
    }
    return WEIR_OK;
}
