/*
 * isa/pim/hbm.c: what a command of hbm2-pim computes in one channel, bit for bit.
 *
 * In:   a command's repeat, banks, buffers. Out: banks, registers, buffers.
 * Keep: f16, round to nearest even after every operation (a sum or product in f32 rounded again is the same: 24 >= 2 * 11 + 2 bits).
 */
#include <string.h>

#include "isa/pim/values.h"

enum { OP_MODE = 0, SRF = 1, CRF = 4, CRF_LAST = 7, GRF_A = 8, GRF_B = 24, REGISTER_COLUMNS = 32, BURST = 32 };

static uint16_t add(uint16_t a, uint16_t b)
{
    return f16_from_f32(f16_to_f32(a) + f16_to_f32(b));
}

static uint16_t multiply(uint16_t a, uint16_t b)
{
    return f16_from_f32(f16_to_f32(a) * f16_to_f32(b));
}

/* ---- registers ---- */

static const char *write_mode(PimMemory *m, const unsigned char *data)
{
    if (data[10] != 0)
        return "use_all_grf is not simulated";
    m->running = (data[0] & 1) != 0;
    m->skipped = data[16] & 3u;
    if (data[20] != 0)
        memset(m->grf_a, 0, sizeof m->grf_a);
    if (data[21] != 0)
        memset(m->grf_b, 0, sizeof m->grf_b);
    if (m->running)
        pim_crf_reset(&m->program);
    return NULL;
}

static const char *write_register(PimMemory *m, uint32_t col, const unsigned char *data)
{
    if (col == OP_MODE)
        return write_mode(m, data);
    if (col == SRF) {
        memcpy(m->srf, data, BURST);
    } else if (col >= CRF && col <= CRF_LAST) {
        memcpy(m->program.words + 8 * (col - CRF), data, BURST);
    } else if (col >= GRF_A && col < GRF_A + PIM_GRF) {
        for (uint32_t u = 0; u < PIM_UNITS; u++)
            memcpy(m->grf_a[u][col - GRF_A], data, BURST);
    } else if (col >= GRF_B && col < GRF_B + PIM_GRF) {
        for (uint32_t u = 0; u < PIM_UNITS; u++)
            memcpy(m->grf_b[u][col - GRF_B], data, BURST);
    } else {
        return "the register row has nothing in this column";
    }
    return NULL;
}

static const char *read_register(PimMemory *m, uint32_t unit, uint32_t col, unsigned char *data)
{
    if (col >= GRF_A && col < GRF_A + PIM_GRF)
        memcpy(data, m->grf_a[unit][col - GRF_A], BURST);
    else if (col >= GRF_B && col < GRF_B + PIM_GRF)
        memcpy(data, m->grf_b[unit][col - GRF_B], BURST);
    else
        return "only GRF_A and GRF_B can be read";
    return NULL;
}

/* ---- instructions ---- */

typedef struct Lanes {
    uint16_t at[PIM_F16_LANES];
} Lanes;

static Lanes operand(PimMemory *m, uint32_t unit, const PimAccess *a, uint32_t kind, uint32_t index)
{
    Lanes lanes = {{0}};
    const unsigned char *burst;
    switch (kind) {
    case OPERAND_EVEN:
    case OPERAND_ODD:
        burst = pim_bank_burst(m, 2 * unit + (kind == OPERAND_ODD), a->row, a->col);
        if (burst != NULL)
            memcpy(lanes.at, burst, sizeof lanes.at);
        break;
    case OPERAND_GRF_A:
        memcpy(lanes.at, m->grf_a[unit][index], sizeof lanes.at);
        break;
    case OPERAND_GRF_B:
        memcpy(lanes.at, m->grf_b[unit][index], sizeof lanes.at);
        break;
    case OPERAND_SRF_M:
    case OPERAND_SRF_A:
        for (int l = 0; l < PIM_F16_LANES; l++)
            lanes.at[l] = m->srf[(kind == OPERAND_SRF_A ? PIM_GRF : 0) + index];
        break;
    default:
        break;
    }
    return lanes;
}

static void store(PimMemory *m, uint32_t unit, const PimAccess *a, uint32_t kind, uint32_t index, const Lanes *lanes)
{
    void *to = kind == OPERAND_GRF_A ? (void *)m->grf_a[unit][index] : (void *)m->grf_b[unit][index];
    if (kind == OPERAND_EVEN || kind == OPERAND_ODD)
        to = pim_row_bytes(m, 2 * unit + (kind == OPERAND_ODD), a->row, true) + a->col * (size_t)BURST;
    memcpy(to, lanes->at, sizeof lanes->at);
}

static Lanes compute(const PimCrfWord *w, const Lanes *a, const Lanes *b, const Lanes *c)
{
    Lanes y;
    for (int l = 0; l < PIM_F16_LANES; l++) {
        uint16_t x = a->at[l];
        switch (w->op) {
        case CRF_ADD:
            x = add(x, b->at[l]);
            break;
        case CRF_MUL:
            x = multiply(x, b->at[l]);
            break;
        case CRF_MAC:
        case CRF_MAD:
            x = add(multiply(x, b->at[l]), c->at[l]);
            break;
        default:
            x = w->relu != 0 && (x & 0x8000) != 0 ? 0 : x;
        }
        y.at[l] = x;
    }
    return y;
}

static void run_instruction(PimMemory *m, const PimCrfWord *w, const PimAccess *access)
{
    for (uint32_t u = 0; u < PIM_UNITS; u++) {
        if (w->op == CRF_NOP) {
            Lanes kept = operand(m, u, access, access->odd ? OPERAND_GRF_B : OPERAND_GRF_A, access->col & 7);
            if (access->write)
                store(m, u, access, access->odd ? OPERAND_ODD : OPERAND_EVEN, 0, &kept);
            continue;
        }
        Lanes a = operand(m, u, access, w->src0, w->index0), b = operand(m, u, access, w->src1, w->index1);
        Lanes c = w->op == CRF_MAC ? operand(m, u, access, w->dst, w->indexd) : operand(m, u, access, w->src2, w->index1);
        Lanes y = compute(w, &a, &b, &c);
        store(m, u, access, w->dst, w->indexd, &y);
    }
}

/* ---- commands ---- */

static const char *data_access(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *const *buffers)
{
    PimAccess access = {c->w.row, c->w.col + n, c->w.scope == PIM_ODD, c->w.op == PIM_OP_WR};
    if (m->running && c->w.scope != PIM_BANK) {
        PimCrfWord word;
        if (c->w.ext != 0)
            return "in AB-PIM accesses carry no buffer";
        if ((m->skipped >> access.odd & 1) != 0)
            return NULL;
        const char *why = pim_crf_step(&m->program, &access, &word);
        if (why == NULL)
            run_instruction(m, &word, &access);
        return why;
    }
    if (c->w.ext == 0)
        return access.write ? "a write needs a buffer" : NULL;
    unsigned char *data = pim_buffer_at(m, c, n, buffers, !access.write);
    if (data == NULL)
        return "the buffer has no bytes";
    if (!access.write) {
        const unsigned char *from = pim_bank_burst(m, c->w.bank, access.row, access.col);
        if (from != NULL)
            memcpy(data, from, BURST);
        else
            memset(data, 0, BURST);
        return NULL;
    }
    for (uint32_t b = 0; b < PIM_BANKS; b++)
        if (c->w.scope == PIM_BANK ? b == c->w.bank : (b & 1) == (uint32_t)access.odd)
            memcpy(pim_row_bytes(m, b, access.row, true) + access.col * (size_t)BURST, data, BURST);
    return NULL;
}

const char *pim_hbm_execute(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *const *buffers)
{
    if (c->w.op == PIM_OP_RD || c->w.op == PIM_OP_WR)
        return data_access(m, c, n, buffers);
    if (c->w.op != PIM_OP_RDR && c->w.op != PIM_OP_WRR)
        return NULL;
    unsigned char *data = pim_buffer_at(m, c, n, buffers, c->w.op == PIM_OP_RDR);
    if (data == NULL)
        return "the buffer has no bytes";
    return c->w.op == PIM_OP_WRR ? write_register(m, c->w.col + n, data) : read_register(m, c->w.bank / 2, c->w.col + n, data);
}
