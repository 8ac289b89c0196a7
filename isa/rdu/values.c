/*
 * isa/rdu/values.c: what a firing computes, bit for bit.
 *
 * An element is a 32-bit container: f32 bits (bf16 widened), or an i32 (i8, u8 widened). Every operation rounds once, to
 * nearest even; denormals are kept; a NaN result is 0x7FC00000.
 */
#include <math.h>
#include <string.h>

#include "isa/rdu/engine.h"

enum { CANONICAL_NAN = 0x7FC00000 };

static float as_float(uint32_t word)
{
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static uint32_t as_word(float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    return isnan(value) ? (uint32_t)CANONICAL_NAN : word;
}

static bool is_float(uint32_t type)
{
    return type == RDU_F32 || type == RDU_BF16;
}

/* A float result in its type. */
static uint32_t rounded(float value, uint32_t type)
{
    return as_word(type == RDU_BF16 ? bf16_to_f32(bf16_from_f32(value)) : value);
}

static float max_f(float a, float b)
{
    if (isnan(a) || isnan(b))
        return as_float(CANONICAL_NAN);
    if (a == b)
        return signbit(a) ? b : a;
    return a > b ? a : b;
}

static float min_f(float a, float b)
{
    if (isnan(a) || isnan(b))
        return as_float(CANONICAL_NAN);
    if (a == b)
        return signbit(a) ? a : b;
    return a < b ? a : b;
}

/* To nearest even, saturating; NaN gives 0. */
static int32_t to_int(float value, double low, double high)
{
    if (isnan(value))
        return 0;
    double x = nearbyint((double)value);
    return (int32_t)(x < low ? low : x > high ? high : x);
}

/* ---- memory ---- */

bool rdu_lane_address(const Engine *e, const Process *p, uint32_t lane, int64_t *out_address)
{
    const RduProgram *program = p->program;
    const RduAccess *a = &program->access;
    int64_t index[PROC_MAX_LOOPS] = {0}, address = a->constant;
    bool has_vec = false, in_bounds = true;
    for (uint32_t i = 0; i < p->n_loops; i++) {
        uint32_t first = 0, last = 0;
        rdu_level_loops(program, i, &first, &last);
        int64_t point = p->index[i];
        if (program->loops.at[first].vec) {
            has_vec = true;
            point = point * a->lanes + lane;
        }
        for (uint32_t l = last + 1; l-- > first;) {
            int64_t trip = program->loops.at[l].src == 1 ? e->args[program->loops.at[l].trip] : (int64_t)program->loops.at[l].trip;
            index[l] = l == first ? point : point % trip;
            in_bounds = in_bounds && (l != first || !program->loops.at[l].vec || point < trip);
            point /= trip;
        }
    }
    for (uint32_t i = 0; i < program->terms.n; i++)
        address += index[program->terms.at[i].loop] * program->terms.at[i].stride;
    if (!has_vec)
        address += (int64_t)lane * a->lane_stride;
    if (p->unit->head.kind == RDU_KIND_AG && p->unit->ag.arg != UINT32_MAX)
        address += e->args[p->unit->ag.arg];
    for (uint32_t s = 0; s < program->sets.n && in_bounds; s++) {
        int64_t value = program->sets.at[s].offset;
        for (uint32_t i = 0; i < program->bounds.n; i++)
            if (program->bounds.at[i].set == s)
                value += index[program->bounds.at[i].loop] * program->bounds.at[i].coef;
        in_bounds = value >= 0 && value < program->sets.at[s].extent;
    }
    if ((a->range_lo != 0 || a->range_hi != 0) && (address < a->range_lo || address >= a->range_hi))
        in_bounds = false;
    *out_address = address;
    return in_bounds;
}

static uint32_t load(const unsigned char *at, uint32_t type)
{
    uint32_t word = 0;
    memcpy(&word, at, rdu_type_bytes(type));
    switch (type) {
    case RDU_BF16:
        return as_word(bf16_to_f32((uint16_t)word));
    case RDU_I8:
        return (uint32_t)(int32_t)(int8_t)word;
    default:
        return word;
    }
}

static void store(unsigned char *at, uint32_t word, uint32_t type, uint32_t wop)
{
    if (wop != 0) {
        uint32_t old = load(at, type);
        if (is_float(type))
            word = rounded(wop == 1 ? as_float(old) + as_float(word) : max_f(as_float(old), as_float(word)), type);
        else
            word = wop == 1 ? old + word : (int32_t)old > (int32_t)word ? old : word;
    }
    if (type == RDU_BF16)
        word = bf16_from_f32(as_float(word));
    memcpy(at, &word, rdu_type_bytes(type));
}

/* The bytes that an access works on: a PMU's current buffer, or the tensor. NULL without a buffer for it. */
static unsigned char *access_memory(Engine *e, const Process *p, int64_t *out_bytes)
{
    if (p->unit->head.kind == RDU_KIND_PMU) {
        *out_bytes = p->unit->pmu.buf_bytes;
        return e->memory[p->unit_i] + p->buffer * *out_bytes;
    }
    const ImageTensor *t = &e->image->tensors.at[p->unit->ag.tensor];
    *out_bytes = (int64_t)t->bytes;
    return e->buffers[p->unit->ag.tensor];
}

/* Which of the N buffers a program works on: the reader's is the token it holds, the writer's the slot it fills. */
static void choose_buffer(Engine *e, Process *p)
{
    p->buffer = 0;
    for (uint32_t i = 0; i < p->ins.n; i++)
        if (p->ins.at[i].port == UINT32_MAX)
            p->buffer = p->ins.at[i].word[0];
    for (uint32_t i = 0; i < p->outs.n; i++)
        if (p->outs.at[i].whole) {
            const Channel *c = &e->channels.at[p->outs.at[i].channels.at[0]];
            p->buffer = (c->acquired - (p->n_zero >= p->outs.at[i].level ? 0 : 1)) % c->capacity;
        }
}

static void fire_read(Engine *e, Process *p)
{
    int64_t bytes = 0, address = 0;
    const RduAccess *a = &p->program->access;
    uint32_t type = p->program->outs.n > 0 ? p->program->outs.at[0].fmt : (uint32_t)RDU_F32;
    unsigned char *memory = access_memory(e, p, &bytes);
    const unsigned char *at = memory != NULL ? memory : e->image->tensors.at[p->unit->ag.tensor].data;
    memset(p->lanes, 0, e->width * sizeof *p->lanes);
    for (uint32_t lane = 0; lane < a->lanes; lane++) {
        if (!rdu_lane_address(e, p, lane, &address))
            p->lanes[lane] = a->pad;
        else if (address < 0 || address + (int64_t)rdu_type_bytes(type) > bytes || at == NULL)
            rdu_trap(e, p, "reads outside its memory");
        else
            p->lanes[lane] = load(at + address, type);
    }
}

static void fire_write(Engine *e, Process *p)
{
    int64_t bytes = 0, address = 0;
    const RduAccess *a = &p->program->access;
    const InPort *data = NULL;
    for (uint32_t i = 0; i < p->ins.n; i++)
        if (p->ins.at[i].port == 0)
            data = &p->ins.at[i];
    unsigned char *memory = access_memory(e, p, &bytes);
    for (uint32_t lane = 0; data != NULL && lane < a->lanes; lane++) {
        if (!rdu_lane_address(e, p, lane, &address))
            continue;
        if (address < 0 || address + (int64_t)rdu_type_bytes(data->type) > bytes || memory == NULL)
            rdu_trap(e, p, "writes outside its memory");
        else
            store(memory + address, data->word[lane], data->type, a->wop);
    }
}

/* ---- operations ---- */

static uint32_t apply_float(uint32_t op, uint32_t type, const uint32_t *s)
{
    float a = as_float(s[0]), b = as_float(s[1]);
    switch (op) {
    case RDU_OP_ADD:
        return rounded(a + b, type);
    case RDU_OP_SUB:
        return rounded(a - b, type);
    case RDU_OP_MUL:
        return rounded(a * b, type);
    case RDU_OP_FMA:
        return rounded(fmaf(a, b, as_float(s[2])), type);
    case RDU_OP_MAX:
        return as_word(max_f(a, b));
    case RDU_OP_MIN:
        return as_word(min_f(a, b));
    case RDU_OP_ABS:
        return s[0] & 0x7FFFFFFF;
    case RDU_OP_NEG:
        return s[0] ^ 0x80000000;
    case RDU_OP_CMP_LT:
        return as_word(a < b ? 1.0f : 0.0f);
    case RDU_OP_CMP_LE:
        return as_word(a <= b ? 1.0f : 0.0f);
    default: /* cmp.eq */
        return as_word(a == b ? 1.0f : 0.0f);
    }
}

static uint32_t apply_int(uint32_t op, const uint32_t *s)
{
    int32_t a = (int32_t)s[0], b = (int32_t)s[1];
    switch (op) {
    case RDU_OP_ADD:
        return s[0] + s[1];
    case RDU_OP_SUB:
        return s[0] - s[1];
    case RDU_OP_MUL:
        return s[0] * s[1];
    case RDU_OP_FMA:
        return s[0] * s[1] + s[2];
    case RDU_OP_MAX:
        return a > b ? s[0] : s[1];
    case RDU_OP_MIN:
        return a < b ? s[0] : s[1];
    case RDU_OP_ABS:
        return a < 0 ? 0u - s[0] : s[0];
    case RDU_OP_NEG:
        return 0u - s[0];
    case RDU_OP_CMP_LT:
        return a < b;
    case RDU_OP_CMP_LE:
        return a <= b;
    default: /* cmp.eq */
        return a == b;
    }
}

static uint32_t convert(uint32_t word, uint32_t to, uint32_t from)
{
    if (is_float(to))
        return rounded(is_float(from) ? as_float(word) : (float)(int32_t)word, to);
    if (is_float(from)) {
        static const double low[] = {0, 0, -2147483648.0, -128, 0}, high[] = {0, 0, 2147483647.0, 127, 255};
        return (uint32_t)to_int(as_float(word), low[to], high[to]);
    }
    int32_t value = (int32_t)word;
    if (to == RDU_I8)
        value = value < -128 ? -128 : value > 127 ? 127 : value;
    else if (to == RDU_U8)
        value = value < 0 ? 0 : value > 255 ? 255 : value;
    return (uint32_t)value;
}

static uint32_t shifted(const RduStage *stage, const uint32_t *s)
{
    uint32_t by = s[1] & 31;
    if (stage->op == RDU_OP_SHL)
        return s[0] << by;
    bool arithmetic = (stage->type == RDU_I32 || stage->type == RDU_I8) && (s[0] & 0x80000000) != 0;
    return s[0] >> by | (arithmetic && by > 0 ? ~(0xFFFFFFFF >> by) : 0);
}

static uint32_t apply(const RduStage *stage, const uint32_t *s)
{
    switch (stage->op) {
    case RDU_OP_AND:
        return s[0] & s[1];
    case RDU_OP_OR:
        return s[0] | s[1];
    case RDU_OP_XOR:
        return s[0] ^ s[1];
    case RDU_OP_SHL:
    case RDU_OP_SHR:
        return shifted(stage, s);
    case RDU_OP_SEL:
        return s[0] != 0 && s[0] != 0x80000000 ? s[1] : s[2];
    case RDU_OP_MOV:
        return s[0];
    case RDU_OP_CVT:
        return convert(s[0], stage->type, stage->c_index);
    default:
        return is_float(stage->type) ? apply_float(stage->op, stage->type, s) : apply_int(stage->op, s);
    }
}

/* The token held at a port; rdu_check has seen that it exists. */
static const uint32_t *port_word(const Process *p, uint32_t port)
{
    for (uint32_t i = 0; i < p->ins.n; i++)
        if (p->ins.at[i].port == port)
            return p->ins.at[i].word;
    return p->lanes;
}

static uint32_t source(const Engine *e, const Process *p, const RduStage *stage, uint32_t class, uint32_t index, uint32_t lane)
{
    switch (class) {
    case RDU_SRC_IN:
        return port_word(p, index)[lane];
    case RDU_SRC_REG:
        return p->regs[index * e->width + lane];
    case RDU_SRC_ACC:
        return p->accs[index * e->width + lane];
    case RDU_SRC_CONST:
        return p->unit->consts.at[index];
    case RDU_SRC_LANE:
        return is_float(stage->type) ? as_word((float)lane) : lane;
    case RDU_SRC_COUNTER:
        return is_float(stage->type) ? as_word((float)p->index[index]) : (uint32_t)p->index[index];
    default:
        return 0;
    }
}

static void fire_stage(Engine *e, Process *p, const RduStage *stage, uint32_t n_lanes)
{
    uint32_t result[256], *to = (stage->dst_is_acc ? p->accs : p->regs) + stage->dst * e->width;
    if (stage->dst_is_acc && p->n_zero >= stage->init_level)
        for (uint32_t l = 0; l < e->width; l++)
            to[l] = p->unit->consts.at[stage->init_const];
    for (uint32_t l = 0; l < e->width; l++) {
        uint32_t s[3] = {source(e, p, stage, stage->a_class, stage->a_index, l), source(e, p, stage, stage->b_class, stage->b_index, l),
                         source(e, p, stage, stage->c_class, stage->c_index, l)};
        bool moves = stage->op == RDU_OP_XORLANE || stage->op == RDU_OP_ROTLANE;
        if (moves && l < n_lanes) {
            uint32_t from = stage->op == RDU_OP_XORLANE ? l ^ s[1] : l + s[1];
            result[l] = source(e, p, stage, stage->a_class, stage->a_index, from % n_lanes);
        } else {
            result[l] = moves ? 0 : apply(stage, s);
        }
    }
    for (uint32_t l = 0; l < e->width; l++) {
        uint32_t pred = stage->pred == RDU_PRED_NONE ? 1 : p->regs[stage->pred * e->width + l];
        if (pred != 0 && pred != 0x80000000)
            to[l] = result[l];
    }
}

static uint32_t apply_tail(const Process *p, uint32_t word)
{
    float x = as_float(word);
    switch (p->unit->pcu.tail) {
    case RDU_TAIL_RELU:
        return as_word(max_f(x, 0.0f));
    case RDU_TAIL_CLAMP:
        return as_word(min_f(max_f(x, as_float(p->unit->consts.at[0])), as_float(p->unit->consts.at[1])));
    case RDU_TAIL_RECIP:
        return as_word(1.0f / x);
    case RDU_TAIL_SQRT:
        return as_word(sqrtf(x));
    case RDU_TAIL_RSQRT:
        return as_word(1.0f / sqrtf(x));
    case RDU_TAIL_CVT_BF16:
        return rounded(x, RDU_BF16);
    case RDU_TAIL_CVT_I8:
        return convert(word, RDU_I8, RDU_F32);
    default:
        return word;
    }
}

static void fire_tail(const Process *p, const uint32_t *value, uint32_t n)
{
    float x[256] = {0}, y[256];
    for (uint32_t l = 0; l < n; l++)
        x[l] = as_float(value[l]);
    if (p->elementary != NULL)
        elementary_apply(p->elementary, n, x, NULL, y);
    for (uint32_t l = 0; l < n; l++)
        p->tail[l] = p->elementary != NULL ? as_word(y[l]) : apply_tail(p, value[l]);
}

/* Window per lane from the identity, then neighbours in pairs over the lanes; the result in every lane. */
static void reduce(Engine *e, Process *p, const uint32_t *value, uint32_t n_lanes, bool first, bool last)
{
    const RduReduce *r = &p->unit->reduce;
    RduStage stage = {.op = r->op == RDU_RED_SUM ? RDU_OP_ADD : r->op == RDU_RED_MAX ? RDU_OP_MAX : RDU_OP_MIN};
    static const uint32_t identity[] = {0, 0, 0xFF800000, 0x7F800000};
    uint32_t *window = p->reduced;
    for (uint32_t l = 0; l < e->width; l++) {
        uint32_t s[3] = {first ? identity[r->op] : window[l], value[l], 0};
        window[l] = apply(&stage, s);
    }
    if (!last || !r->tree)
        return;
    for (uint32_t n = n_lanes; n > 1; n = (n + 1) / 2) {
        for (uint32_t i = 0; i < n / 2; i++) {
            uint32_t s[3] = {window[2 * i], window[2 * i + 1], 0};
            window[i] = apply(&stage, s);
        }
        if (n % 2 != 0)
            window[n / 2] = window[n - 1];
    }
    for (uint32_t l = 1; l < e->width; l++)
        window[l] = window[0];
}

static void fire_simd(Engine *e, Process *p)
{
    const RduUnit *u = p->unit;
    uint32_t type = u->stages.n > 0 ? u->stages.at[u->stages.n - 1].type : u->programs.at[0].ins.n > 0 ? u->programs.at[0].ins.at[0].fmt : 0;
    uint32_t n_lanes = (uint32_t)e->machine->lanes * 4 / rdu_type_bytes(type);
    const uint32_t *value = port_word(p, 0);
    for (uint32_t i = 0; i < u->stages.n; i++) {
        const RduStage *stage = &u->stages.at[i];
        fire_stage(e, p, stage, n_lanes);
        value = (stage->dst_is_acc ? p->accs : p->regs) + stage->dst * e->width;
    }
    if (u->pcu.tail != RDU_TAIL_NONE) {
        fire_tail(p, value, e->width);
        value = p->tail;
    }
    if (u->reduce.op != RDU_RED_NONE)
        reduce(e, p, value, n_lanes, p->n_zero >= u->reduce.level, p->n_last >= u->reduce.level);
    for (uint32_t i = 0; i < u->stages.n; i++)
        e->macs += u->stages.at[i].op == RDU_OP_FMA ? n_lanes : 0;
}

/* ---- the array ---- */

static void fire_mac(Engine *e, Process *p)
{
    const RduSys *sys = &p->unit->sys;
    const uint32_t *a = port_word(p, 0), *b = port_word(p, 1);
    bool first = p->n_zero >= sys->mac_level;
    if (first && sys->init == RDU_INIT_ZERO)
        memset(p->tile, 0, (size_t)sys->rows * sys->cols * sizeof *p->tile);
    else if (first)
        for (uint32_t i = 0; i < p->ins.n; i++)
            if (p->ins.at[i].port == UINT32_MAX)
                memcpy(p->tile, e->processes.at[e->channels.at[p->ins.at[i].channel].producer].tile,
                       (size_t)sys->rows * sys->cols * sizeof *p->tile);
    for (uint32_t r = 0; r < sys->rows; r++)
        for (uint32_t c = 0; c < sys->cols; c++) {
            uint32_t *acc = &p->tile[r * sys->cols + c];
            *acc = is_float(sys->afmt) ? as_word(fmaf(as_float(a[r]), as_float(b[c]), as_float(*acc))) : *acc + a[r] * b[c];
        }
    e->macs += (uint64_t)sys->rows * sys->cols;
    if (p->n_last < sys->mac_level)
        return;
    for (uint32_t i = 0; i < p->outs.n; i++)
        memcpy(e->processes.at[e->channels.at[p->outs.at[i].channels.at[0]].consumer].tile, p->tile,
               (size_t)sys->rows * sys->cols * sizeof *p->tile);
}

static void fire_load(Process *p)
{
    const RduSys *sys = &p->unit->sys;
    const uint32_t *row = port_word(p, 2);
    for (uint32_t c = 0; c < sys->cols; c++)
        p->tile[(uint32_t)p->index[p->n_loops - 1] * sys->cols + c] = row[c];
}

static void fire_drain(Engine *e, Process *p)
{
    const RduSys *sys = &p->unit->sys;
    memset(p->lanes, 0, e->width * sizeof *p->lanes);
    for (uint32_t c = 0; c < sys->cols; c++) {
        uint32_t word = p->tile[(uint32_t)p->index[p->n_loops - 1] * sys->cols + c];
        p->lanes[c] = is_float(sys->accfmt) ? rounded(as_float(word), sys->accfmt) : word;
    }
    const uint32_t *value = p->lanes;
    if (sys->drain_tail) {
        fire_tail(p, p->lanes, sys->cols);
        value = p->tail;
    }
    if (sys->drain_reduce)
        reduce(e, p, value, sys->cols, true, true);
}

const uint32_t *rdu_out_words(Engine *e, const Process *p, const OutPort *out)
{
    switch (out->source) {
    case RDU_OUT_REG:
        return p->regs + out->reg * e->width;
    case RDU_OUT_T:
        return p->tail;
    case RDU_OUT_Q:
        return p->reduced;
    default:
        return p->lanes;
    }
}

void rdu_fire_values(Engine *e, Process *p)
{
    switch (p->kind) {
    case PROC_SIMD:
        fire_simd(e, p);
        break;
    case PROC_MAC:
        fire_mac(e, p);
        break;
    case PROC_LOAD:
        fire_load(p);
        break;
    case PROC_DRAIN:
        fire_drain(e, p);
        break;
    case PROC_READ:
    case PROC_FETCH:
        choose_buffer(e, p);
        fire_read(e, p);
        break;
    default:
        choose_buffer(e, p);
        fire_write(e, p);
    }
}
