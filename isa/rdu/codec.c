/*
 * isa/rdu/codec.c: kernels to words and back.
 *
 * In:   an RduCode, or the words of a CODE section. Out: the other.
 * Keep: record order (head, kind words, then the listed parts); decode(encode(x)) = x; no word is read past the end;
 *       bits that no field owns, unknown kinds and counts that do not add up to `words` are refused.
 */
#include "isa/rdu/rdu.h"

#include <string.h>

#define ROW(T, kind, member, bit, width, doc) FIELD_ROW(T, kind, member, bit, width, doc)
#define RDU_HEAD(k, m, b, w, d) ROW(RduHead, k, m, b, w, d)
static const Field head_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_LOOP(k, m, b, w, d) ROW(RduLoop, k, m, b, w, d)
static const Field loop_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_IN(k, m, b, w, d) ROW(RduIn, k, m, b, w, d)
static const Field in_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_OUT(k, m, b, w, d) ROW(RduOut, k, m, b, w, d)
static const Field out_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_PCU(k, m, b, w, d) ROW(RduPcu, k, m, b, w, d)
static const Field pcu_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_STAGE(k, m, b, w, d) ROW(RduStage, k, m, b, w, d)
static const Field stage_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_REDUCE(k, m, b, w, d) ROW(RduReduce, k, m, b, w, d)
static const Field reduce_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_SYS(k, m, b, w, d) ROW(RduSys, k, m, b, w, d)
static const Field sys_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_PMU(k, m, b, w, d) ROW(RduPmu, k, m, b, w, d)
static const Field pmu_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_PROGRAM(k, m, b, w, d) ROW(RduAccess, k, m, b, w, d)
static const Field access_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_TERM(k, m, b, w, d) ROW(RduTerm, k, m, b, w, d)
static const Field term_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_SET(k, m, b, w, d) ROW(RduSet, k, m, b, w, d)
static const Field set_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_BOUND(k, m, b, w, d) ROW(RduBound, k, m, b, w, d)
static const Field bound_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_AG(k, m, b, w, d) ROW(RduAg, k, m, b, w, d)
static const Field ag_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_FLOW(k, m, b, w, d) ROW(RduFlowHead, k, m, b, w, d)
static const Field flow_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_END(k, m, b, w, d) ROW(RduEnd, k, m, b, w, d)
static const Field end_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_CTL(k, m, b, w, d) ROW(RduCtlHead, k, m, b, w, d)
static const Field ctl_fields[] = {
#include "isa/rdu/record.def"
};
#define RDU_CTL_PORT(k, m, b, w, d) ROW(RduCtlPort, k, m, b, w, d)
static const Field ctl_port_fields[] = {
#include "isa/rdu/record.def"
};

typedef enum Part {
    P_HEAD, P_LOOP, P_IN, P_OUT, P_PCU, P_STAGE, P_REDUCE, P_SYS, P_PMU, P_ACCESS, P_TERM, P_SET, P_BOUND, P_AG, P_FLOW,
    P_END, P_CTL, P_CTL_PORT, P_COUNT
} Part;

#define SET(name, fields, words) {name, fields, sizeof(fields) / sizeof *(fields), words}
const FieldSet rdu_parts[P_COUNT] = {
    [P_HEAD] = SET("head", head_fields, 2),
    [P_LOOP] = SET("loop", loop_fields, 3),
    [P_IN] = SET("in", in_fields, 1),
    [P_OUT] = SET("out", out_fields, 1),
    [P_PCU] = SET("pcu", pcu_fields, 1),
    [P_STAGE] = SET("stage", stage_fields, 2),
    [P_REDUCE] = SET("reduce", reduce_fields, 1),
    [P_SYS] = SET("sys", sys_fields, 2),
    [P_PMU] = SET("pmu", pmu_fields, 4),
    [P_ACCESS] = SET("access", access_fields, 8),
    [P_TERM] = SET("term", term_fields, 2),
    [P_SET] = SET("bound set", set_fields, 2),
    [P_BOUND] = SET("bound", bound_fields, 2),
    [P_AG] = SET("ag", ag_fields, 3),
    [P_FLOW] = SET("flow", flow_fields, 2),
    [P_END] = SET("end", end_fields, 1),
    [P_CTL] = SET("ctl", ctl_fields, 1),
    [P_CTL_PORT] = SET("ctl port", ctl_port_fields, 1),
};
const uint32_t rdu_n_parts = P_COUNT;

/* ---- encoding ---- */

typedef struct Writer {
    weir_context *cx;
    RduWords *out;
    const char *record; /* name of the unit or flow, for messages */
    weir_status status;
} Writer;

static void put_word(Writer *w, uint32_t word)
{
    vec_push(&w->cx->arena, &w->out->words, word);
}

static void put(Writer *w, Part part, const void *record)
{
    uint32_t words[8];
    const FieldSet *set = &rdu_parts[part];
    const Field *bad = fields_encode(set, record, words);
    if (bad != NULL) {
        diag(&w->cx->diag, place_none(), E_ISA_FIELD, w->record, set->name, bad->name, (long long)field_max(bad));
        w->status = WEIR_INVALID;
        return;
    }
    for (uint32_t i = 0; i < set->words; i++)
        put_word(w, words[i]);
}

#define PUT_ALL(w, part, vec)                                                                                          \
    for (uint32_t put_i_ = 0; put_i_ < (vec).n; put_i_++)                                                              \
    put(w, part, &(vec).at[put_i_])

/* Opens a record: the head is written last, when its length is known. */
static uint32_t record_open(Writer *w, const char *name)
{
    uint32_t at = w->out->words.n;
    w->record = name != NULL ? name : "?";
    put_word(w, 0);
    put_word(w, 0);
    return at;
}

static void record_close(Writer *w, uint32_t at, RduHead *head, RduKind kind, uint32_t id)
{
    head->kind = kind;
    head->version = RDU_VERSION;
    head->id = id;
    head->words = w->out->words.n - at;
    const Field *bad = fields_encode(&rdu_parts[P_HEAD], head, &w->out->words.at[at]);
    if (bad != NULL) {
        diag(&w->cx->diag, place_none(), E_ISA_FIELD, w->record, "head", bad->name, (long long)field_max(bad));
        w->status = WEIR_INVALID;
    }
}

static void put_program(Writer *w, RduProgram *p, const RduAg *ag)
{
    RduAccess *a = &p->access;
    a->loops = p->loops.n;
    a->ins = p->ins.n;
    a->outs = p->outs.n;
    a->terms = p->terms.n;
    a->sets = p->sets.n;
    a->boundterms = p->bounds.n;
    put(w, P_ACCESS, a);
    if (ag != NULL)
        put(w, P_AG, ag);
    PUT_ALL(w, P_LOOP, p->loops);
    PUT_ALL(w, P_IN, p->ins);
    PUT_ALL(w, P_OUT, p->outs);
    PUT_ALL(w, P_TERM, p->terms);
    PUT_ALL(w, P_SET, p->sets);
    PUT_ALL(w, P_BOUND, p->bounds);
}

static void put_pcu(Writer *w, RduUnit *u)
{
    RduProgram *p = &u->programs.at[0];
    u->pcu.loops = p->loops.n;
    u->pcu.ins = p->ins.n;
    u->pcu.outs = p->outs.n;
    u->pcu.stages = u->stages.n;
    u->pcu.consts = u->consts.n;
    put(w, P_PCU, &u->pcu);
    PUT_ALL(w, P_LOOP, p->loops);
    PUT_ALL(w, P_IN, p->ins);
    PUT_ALL(w, P_OUT, p->outs);
    for (uint32_t i = 0; i < u->consts.n; i++)
        put_word(w, u->consts.at[i]);
    PUT_ALL(w, P_STAGE, u->stages);
    put(w, P_REDUCE, &u->reduce);
    if (u->pcu.mode == 1)
        put(w, P_SYS, &u->sys);
}

static void put_unit(Writer *w, RduUnit *u, uint32_t id)
{
    uint32_t at = record_open(w, u->name);
    RduKind kind = (RduKind)u->head.kind;
    if (kind == RDU_KIND_PCU) {
        put_pcu(w, u);
    } else if (kind == RDU_KIND_PMU) {
        u->pmu.programs = u->programs.n;
        put(w, P_PMU, &u->pmu);
        for (uint32_t i = 0; i < u->programs.n; i++)
            put_program(w, &u->programs.at[i], NULL);
    } else {
        put_program(w, &u->programs.at[0], &u->ag);
    }
    record_close(w, at, &u->head, kind, id);
}

static void put_ctl(Writer *w, RduCtl *c, uint32_t id)
{
    uint32_t at = record_open(w, c->name);
    c->ctl.ins = c->ins.n;
    c->ctl.outs = c->outs.n;
    put(w, P_CTL, &c->ctl);
    PUT_ALL(w, P_CTL_PORT, c->ins);
    PUT_ALL(w, P_CTL_PORT, c->outs);
    record_close(w, at, &c->head, RDU_KIND_CTL, id);
}

static void put_flow(Writer *w, RduFlow *f, uint32_t id)
{
    uint32_t at = record_open(w, f->name);
    f->flow.ends = f->ends.n;
    f->flow.hops = f->hops.n;
    put(w, P_FLOW, &f->flow);
    PUT_ALL(w, P_END, f->ends);
    for (uint32_t i = 0; i < f->hops.n; i += 4) {
        uint32_t word = 0;
        for (uint32_t k = i; k < f->hops.n && k < i + 4; k++)
            word |= (uint32_t)f->hops.at[k] << (8 * (k - i));
        put_word(w, word);
    }
    record_close(w, at, &f->head, RDU_KIND_FLOW, id);
}

weir_status rdu_encode(weir_context *cx, RduCode *code, RduWords *out_words)
{
    Writer w = {.cx = cx, .out = out_words, .status = WEIR_OK};
    for (uint32_t k = 0; k < code->kernels.n; k++) {
        RduKernel *kernel = &code->kernels.at[k];
        for (uint32_t i = 0; i < kernel->units.n; i++)
            put_unit(&w, &kernel->units.at[i], i);
        for (uint32_t i = 0; i < kernel->ctls.n; i++)
            put_ctl(&w, &kernel->ctls.at[i], kernel->units.n + i);
        for (uint32_t i = 0; i < kernel->flows.n; i++)
            put_flow(&w, &kernel->flows.at[i], i);
        RduHead end = {0};
        uint32_t at = record_open(&w, "end");
        record_close(&w, at, &end, RDU_KIND_END, 0);
    }
    return w.status;
}

/* ---- decoding ---- */

typedef struct Reader {
    weir_context *cx;
    const uint32_t *words;
    uint64_t n, at;
    uint64_t end; /* of the record being read */
    const char *fault;
} Reader;

static bool fault(Reader *r, const char *reason)
{
    if (r->fault == NULL)
        r->fault = reason;
    return false;
}

static bool get(Reader *r, Part part, void *out_record)
{
    const FieldSet *set = &rdu_parts[part];
    if (r->fault != NULL)
        return false;
    if (r->end - r->at < set->words)
        return fault(r, "counts exceed the record's words");
    if (!fields_decode(set, r->words + r->at, out_record))
        return fault(r, "a bit is set that no field owns");
    r->at += set->words;
    return true;
}

#define GET_ALL(r, part, T, vec, count)                                                                                \
    for (uint32_t get_i_ = 0; get_i_ < (count) && (r)->fault == NULL; get_i_++) {                                      \
        T get_row_ = {0};                                                                                              \
        if (get(r, part, &get_row_))                                                                                   \
            vec_push(&(r)->cx->arena, vec, get_row_);                                                                  \
    }

static uint32_t get_word(Reader *r)
{
    if (r->fault == NULL && r->at == r->end)
        fault(r, "counts exceed the record's words");
    return r->fault == NULL ? r->words[r->at++] : 0;
}

static void get_program(Reader *r, RduUnit *u, bool is_ag)
{
    RduProgram p = {0};
    RduAccess a = {0};
    get(r, P_ACCESS, &a);
    p.access = a;
    if (is_ag)
        get(r, P_AG, &u->ag);
    GET_ALL(r, P_LOOP, RduLoop, &p.loops, a.loops)
    GET_ALL(r, P_IN, RduIn, &p.ins, a.ins)
    GET_ALL(r, P_OUT, RduOut, &p.outs, a.outs)
    GET_ALL(r, P_TERM, RduTerm, &p.terms, a.terms)
    GET_ALL(r, P_SET, RduSet, &p.sets, a.sets)
    GET_ALL(r, P_BOUND, RduBound, &p.bounds, a.boundterms)
    vec_push(&r->cx->arena, &u->programs, p);
}

static void get_pcu(Reader *r, RduUnit *u)
{
    RduProgram p = {0};
    get(r, P_PCU, &u->pcu);
    if (u->pcu.mode > 1)
        fault(r, "mode is 0 (simd) or 1 (sys)");
    if (u->pcu.mode == 1 && u->pcu.stages != 0)
        fault(r, "sys has no stages");
    GET_ALL(r, P_LOOP, RduLoop, &p.loops, u->pcu.loops)
    GET_ALL(r, P_IN, RduIn, &p.ins, u->pcu.ins)
    GET_ALL(r, P_OUT, RduOut, &p.outs, u->pcu.outs)
    for (uint32_t i = 0; i < u->pcu.consts && r->fault == NULL; i++) {
        uint32_t word = get_word(r);
        vec_push(&r->cx->arena, &u->consts, word);
    }
    GET_ALL(r, P_STAGE, RduStage, &u->stages, u->pcu.stages)
    get(r, P_REDUCE, &u->reduce);
    if (u->pcu.mode == 1)
        get(r, P_SYS, &u->sys);
    vec_push(&r->cx->arena, &u->programs, p);
}

static void get_unit(Reader *r, RduKernel *kernel, RduHead head)
{
    RduUnit u = {.head = head};
    if (kernel->ctls.n != 0 || kernel->flows.n != 0 || head.id != kernel->units.n)
        fault(r, "units come first, numbered from 0");
    if (head.kind == RDU_KIND_PCU) {
        get_pcu(r, &u);
    } else if (head.kind == RDU_KIND_AG) {
        get_program(r, &u, true);
    } else {
        get(r, P_PMU, &u.pmu);
        for (uint32_t i = 0; i < u.pmu.programs && r->fault == NULL; i++)
            get_program(r, &u, false);
    }
    vec_push(&r->cx->arena, &kernel->units, u);
}

static void get_ctl(Reader *r, RduKernel *kernel, RduHead head)
{
    RduCtl c = {.head = head};
    if (kernel->flows.n != 0 || head.id != kernel->units.n + kernel->ctls.n)
        fault(r, "control joins follow the units, their numbers go on");
    get(r, P_CTL, &c.ctl);
    GET_ALL(r, P_CTL_PORT, RduCtlPort, &c.ins, c.ctl.ins)
    GET_ALL(r, P_CTL_PORT, RduCtlPort, &c.outs, c.ctl.outs)
    vec_push(&r->cx->arena, &kernel->ctls, c);
}

static void get_flow(Reader *r, RduKernel *kernel, RduHead head)
{
    RduFlow f = {.head = head};
    if (head.id != kernel->flows.n)
        fault(r, "flows are numbered from 0");
    get(r, P_FLOW, &f.flow);
    GET_ALL(r, P_END, RduEnd, &f.ends, f.flow.ends)
    for (uint32_t i = 0; i < f.flow.hops && r->fault == NULL; i += 4) {
        uint32_t word = get_word(r);
        for (uint32_t k = 0; k < 4; k++) {
            uint8_t hop = (uint8_t)(word >> (8 * k));
            if (i + k < f.flow.hops)
                vec_push(&r->cx->arena, &f.hops, hop);
            else if (hop != 0)
                fault(r, "bytes after the last hop are not 0");
        }
    }
    vec_push(&r->cx->arena, &kernel->flows, f);
}

/* One record; `*open` is false once the kernel's end was read. */
static void get_record(Reader *r, RduKernel *kernel, bool *open)
{
    RduHead head = {0};
    uint64_t start = r->at;
    r->end = r->n;
    if (!get(r, P_HEAD, &head))
        return;
    if (head.version != RDU_VERSION)
        fault(r, "version is not 1");
    if (head.words < 2 || head.words > r->n - start) {
        fault(r, "words of the record: less than 2 or past the section's end");
        return;
    }
    r->end = start + head.words;
    if (head.kind == RDU_KIND_PCU || head.kind == RDU_KIND_PMU || head.kind == RDU_KIND_AG)
        get_unit(r, kernel, head);
    else if (head.kind == RDU_KIND_CTL)
        get_ctl(r, kernel, head);
    else if (head.kind == RDU_KIND_FLOW)
        get_flow(r, kernel, head);
    else if (head.kind == RDU_KIND_END)
        *open = head.debug != 0 || head.id != 0 || head.x != 0 || head.y != 0 ? fault(r, "the end record has no fields") : false;
    else
        fault(r, "unknown kind of record");
    if (r->fault == NULL && r->at != r->end)
        fault(r, "the record has more words than its counts");
    if (r->fault != NULL)
        r->at = start;
}

weir_status rdu_decode(weir_context *cx, const uint32_t *words, uint64_t n_words, RduCode *out_code)
{
    Reader r = {.cx = cx, .words = words, .n = n_words, .end = n_words};
    while (r.at < r.n && r.fault == NULL) {
        RduKernel kernel = {0};
        bool open = true;
        while (open && r.fault == NULL) {
            if (r.at == r.n)
                fault(&r, "a kernel has no end record");
            else
                get_record(&r, &kernel, &open);
        }
        vec_push(&cx->arena, &out_code->kernels, kernel);
    }
    if (r.fault == NULL)
        return WEIR_OK;
    diag(&cx->diag, place_none(), E_ISA_RECORD, (unsigned long long)r.at, r.fault);
    return WEIR_MALFORMED;
}
