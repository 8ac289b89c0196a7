/* isa/pim/values.c: see isa/pim/values.h. */
#include "isa/pim/values.h"

#include <string.h>

enum { LANES = 16 };

void pim_memory_open(PimMemory *m, weir_context *cx, const Image *image, const PimMachine *machine, uint32_t channel)
{
    *m = (PimMemory){.cx = cx, .image = image, .machine = machine, .channel = channel};
    m->program.shared = machine->shared_counter;
    m->buffer = arena_alloc(&cx->arena, (size_t)(machine->gb_bursts * machine->burst));
}

unsigned char *pim_row_bytes(PimMemory *m, uint32_t bank, uint64_t row, bool write)
{
    if (m->rows == NULL) {
        if (!write)
            return NULL;
        m->rows = ARENA_ARRAY(&m->cx->arena, unsigned char *, (size_t)(m->machine->banks * m->machine->rows));
    }
    unsigned char **at = &m->rows[bank * (uint64_t)m->machine->rows + row];
    if (*at == NULL && write)
        *at = arena_alloc(&m->cx->arena, (size_t)(m->machine->columns * m->machine->burst));
    return *at;
}

void pim_memory_fill(PimMemory *m, uint32_t bank, uint64_t row, const unsigned char *data, uint64_t n_bytes)
{
    uint64_t bytes = (uint64_t)(m->machine->columns * m->machine->burst);
    for (uint64_t at = 0; at < n_bytes; at += bytes, row++)
        memcpy(pim_row_bytes(m, bank, row, true), data + at, n_bytes - at < bytes ? n_bytes - at : bytes);
}

void pim_memory_take(PimMemory *m, uint32_t bank, uint64_t row, unsigned char *data, uint64_t n_bytes)
{
    uint64_t bytes = (uint64_t)(m->machine->columns * m->machine->burst);
    for (uint64_t at = 0; at < n_bytes; at += bytes, row++) {
        const unsigned char *from = pim_row_bytes(m, bank, row, false);
        uint64_t n = n_bytes - at < bytes ? n_bytes - at : bytes;
        if (from != NULL)
            memcpy(data + at, from, n);
        else
            memset(data + at, 0, n);
    }
}

static float element(const unsigned char *burst, int i)
{
    uint16_t bits = 0;
    if (burst != NULL)
        memcpy(&bits, burst + 2 * i, 2);
    return bf16_to_f32(bits);
}

static void put_element(unsigned char *burst, int i, float value)
{
    uint16_t bits = bf16_from_f32(value);
    memcpy(burst + 2 * i, &bits, 2);
}

const unsigned char *pim_bank_burst(PimMemory *m, uint32_t bank, uint32_t row, uint32_t col)
{
    const unsigned char *bytes = pim_row_bytes(m, bank, row, false);
    return bytes != NULL ? bytes + col * (uint64_t)m->machine->burst : NULL;
}

static void mac(PimMemory *m, const PimCommand *c, uint32_t bank, uint32_t n)
{
    float sum[LANES];
    bool broadcast = (c->w.aux & PIM_MAC_BROADCAST) != 0;
    const unsigned char *w = pim_bank_burst(m, bank, c->w.row, c->w.col + n);
    const unsigned char *x = broadcast ? m->buffer + (c->w.reg + n) * (uint64_t)m->machine->burst
                                       : pim_bank_burst(m, bank ^ 1, c->w.row, c->w.col + n);
    for (int i = 0; i < LANES; i++)
        sum[i] = element(w, i) * element(x, i);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sum[i] = sum[2 * i] + sum[2 * i + 1];
    float *acc = &m->accumulator[bank][c->w.aux & PIM_MAC_ACC];
    *acc = *acc + sum[0];
    if (m->machine->accumulate_bf16)
        *acc = bf16_to_f32(bf16_from_f32(*acc));
}

static void ewmul(PimMemory *m, const PimCommand *c, uint32_t n)
{
    for (uint32_t g = 0; g < PIM_GROUPS; g++) {
        const unsigned char *a = pim_bank_burst(m, 4 * g, c->w.row, c->w.col + n), *b = pim_bank_burst(m, 4 * g + 1, c->w.row, c->w.col + n);
        unsigned char *to = pim_row_bytes(m, 4 * g + 2, c->w.row, true) + (c->w.col + n) * (uint64_t)m->machine->burst;
        for (int i = 0; i < LANES; i++)
            put_element(to, i, element(a, i) * element(b, i));
    }
}

unsigned char *pim_buffer_at(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *const *buffers, bool write)
{
    const ImageTensor *t = &m->image->tensors.at[c->x.buf];
    uint64_t unit = (uint64_t)m->machine->burst * (c->w.op == PIM_OP_WRA ? PIM_BANKS : 1);
    uint64_t at = c->x.off + m->channel * t->stride + n * unit;
    if (buffers[c->x.buf] != NULL)
        return buffers[c->x.buf] + at;
    if (write || t->data == NULL)
        return NULL;
    unsigned char *copy = arena_alloc(&m->cx->arena, unit); /* constants are read-only */
    memcpy(copy, t->data + at, unit);
    return copy;
}

static void move_accumulator(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *data)
{
    for (uint32_t b = 0; b < PIM_BANKS; b++) {
        float *acc = &m->accumulator[b][c->w.reg + n];
        if (c->w.op == PIM_OP_WRMAC)
            *acc = element(data, (int)b);
        else
            put_element(data, (int)b, *acc);
    }
}

static void read_activated(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *data)
{
    for (uint32_t b = 0; b < PIM_BANKS; b++)
        memcpy(data + 2 * b, &m->activated[b][c->w.reg + n], 2);
}

static const char *activate(PimMemory *m, const PimCommand *c)
{
    for (uint32_t b = 0; b < PIM_BANKS; b++)
        if (!pim_function(c->w.aux, m->accumulator[b][c->w.reg], &m->activated[b][c->w.reg]))
            return "no activation function has this table";
    return NULL;
}

static const char *move(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *const *buffers)
{
    bool writes = c->w.op == PIM_OP_RD || c->w.op == PIM_OP_RDMAC || c->w.op == PIM_OP_RDAF;
    uint64_t burst = (uint64_t)m->machine->burst;
    unsigned char *data = pim_buffer_at(m, c, n, buffers, writes);
    if (data == NULL)
        return "the buffer has no bytes";
    switch (c->w.op) {
    case PIM_OP_WRGB:
        memcpy(m->buffer + (c->w.reg + n) * burst, data, burst);
        break;
    case PIM_OP_WRMAC:
    case PIM_OP_RDMAC:
        move_accumulator(m, c, n, data);
        break;
    case PIM_OP_RDAF:
        read_activated(m, c, n, data);
        break;
    case PIM_OP_WR:
        memcpy(pim_row_bytes(m, c->w.bank, c->w.row, true) + (c->w.col + n) * burst, data, burst);
        break;
    case PIM_OP_RD: {
        const unsigned char *from = pim_bank_burst(m, c->w.bank, c->w.row, c->w.col + n);
        if (from != NULL)
            memcpy(data, from, burst);
        else
            memset(data, 0, burst);
        break;
    }
    default: /* wra: a burst to each bank */
        for (uint32_t b = 0; b < PIM_BANKS; b++)
            memcpy(pim_row_bytes(m, b, c->w.row, true) + c->w.col * burst, data + b * burst, burst);
    }
    return NULL;
}

static const char *execute_once(PimMemory *m, const PimCommand *c, uint32_t n, unsigned char *const *buffers)
{
    uint64_t burst = (uint64_t)m->machine->burst;
    unsigned char *gb = m->buffer + (c->w.op == PIM_OP_RDCP || c->w.op == PIM_OP_WRCP ? (c->w.reg + n) * burst : 0);
    const unsigned char *from = NULL;
    switch (c->w.op) {
    case PIM_OP_MAC:
        for (uint32_t b = 0; b < PIM_BANKS; b++)
            if (c->w.scope == PIM_ALL || b == c->w.bank)
                mac(m, c, b, n);
        return NULL;
    case PIM_OP_EWMUL:
        ewmul(m, c, n);
        return NULL;
    case PIM_OP_RDCP:
        from = pim_bank_burst(m, c->w.bank, c->w.row, c->w.col + n);
        if (from != NULL)
            memcpy(gb, from, burst);
        else
            memset(gb, 0, burst);
        return NULL;
    case PIM_OP_WRCP:
        memcpy(pim_row_bytes(m, c->w.bank, c->w.row, true) + (c->w.col + n) * burst, gb, burst);
        return NULL;
    case PIM_OP_AF:
        return activate(m, c);
    case PIM_OP_RDAF:
    case PIM_OP_RD:
    case PIM_OP_WR:
    case PIM_OP_WRGB:
    case PIM_OP_WRMAC:
    case PIM_OP_RDMAC:
    case PIM_OP_WRA:
        return move(m, c, n, buffers);
    default:
        return NULL;
    }
}

const char *pim_execute(PimMemory *m, const PimCommand *c, unsigned char *const *buffers)
{
    const char *why = NULL;
    for (uint32_t n = 0; n <= c->w.n1 && why == NULL; n++)
        why = m->machine->family == PIM_HBM ? pim_hbm_execute(m, c, n, buffers) : execute_once(m, c, n, buffers);
    return why;
}
