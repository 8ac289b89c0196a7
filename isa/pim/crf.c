/* isa/pim/crf.c: see isa/pim/crf.h. */
#include "isa/pim/crf.h"

#include <string.h>

#define PIM_CRF_FIELD(k, m, b, w, d) FIELD_ROW(PimCrfWord, k, m, b, w, d)
static const Field crf_fields[] = {
#include "isa/pim/cmd.def"
};
const FieldSet pim_crf_fields = {"microprogram", crf_fields, sizeof crf_fields / sizeof *crf_fields, 1};

static const struct {
    const char *text;
    int sources; /* -1: no such operation */
} ops[] = {
#define PIM_CRF(id, text, number, sources, doc) {text, sources},
#include "isa/pim/cmd.def"
};
static const char *const operand_text[OPERAND_COUNT] = {
#define PIM_OPERAND(id, text, number, doc) [number] = text,
#include "isa/pim/cmd.def"
};

/* ---- words ---- */

static bool is_register(uint32_t operand)
{
    return operand >= OPERAND_GRF_A;
}

static bool is_bank(uint32_t operand)
{
    return operand == OPERAND_EVEN || operand == OPERAND_ODD;
}

static const char *arithmetic_fault(const PimCrfWord *w)
{
    int sources = ops[w->op].sources;
    const uint32_t src[3] = {w->src0, w->src1, w->src2};
    uint32_t banks = is_bank(w->dst);
    if (w->dst == OPERAND_NONE || w->dst >= OPERAND_COUNT || w->dst == OPERAND_SRF_M || w->dst == OPERAND_SRF_A)
        return "the destination is grf_a, grf_b, even or odd";
    if (is_bank(w->dst) && w->op != CRF_MOV)
        return "only mov writes to a bank";
    for (int i = 0; i < 3; i++) {
        if ((src[i] != OPERAND_NONE) != (i < sources) || src[i] >= OPERAND_COUNT)
            return "an operand is missing, unknown or too many";
        banks += is_bank(src[i]);
    }
    if (banks > 1)
        return "an instruction takes one burst of a bank";
    if (w->relu != 0 && w->op != CRF_MOV && w->op != CRF_FILL)
        return "relu belongs to mov and fill";
    if ((w->indexd != 0 && !is_register(w->dst)) || (w->index0 != 0 && !is_register(w->src0)) ||
        (w->index1 != 0 && !is_register(w->src1) && !is_register(w->src2)))
        return "an index without a register";
    return NULL;
}

const char *pim_crf_fault(const PimCrfWord *w)
{
    if (w->op >= CRF_OP_COUNT)
        return "no operation of the microprogram has this number";
    bool plain = w->dst == 0 && w->src0 == 0 && w->src1 == 0 && w->src2 == 0 && w->relu == 0 && w->is_auto == 0 && w->indexd == 0 &&
                 w->index0 == 0 && w->index1 == 0;
    switch (w->op) {
    case CRF_JUMP:
        return !plain || w->count >= PIM_MAX_JUMP || w->distance >= PIM_MAX_BACK || w->distance == 0 ? "jump takes a count below 131072 and a distance of 1..1023" : NULL;
    case CRF_NOP:
        return !plain || w->count >= PIM_MAX_BACK || w->distance != 0 ? "nop takes 0..1023 further accesses" : NULL;
    case CRF_EXIT:
        return !plain || w->count != 0 || w->distance != 0 ? "exit takes nothing" : NULL;
    default:
        return w->count != 0 || w->distance != 0 ? "a count belongs to jump and nop" : arithmetic_fault(w);
    }
}

/* jump: 26:10 count, 9:0 distance; nop: 9:0 further accesses. */
uint32_t pim_crf_encode(const PimCrfWord *w)
{
    uint32_t bits = 0;
    if (w->op == CRF_JUMP)
        return (uint32_t)CRF_JUMP << 27 | w->count << 10 | w->distance;
    if (w->op == CRF_NOP)
        return (uint32_t)CRF_NOP << 27 | w->count;
    if (fields_encode(&pim_crf_fields, w, &bits) != NULL)
        return UINT32_MAX;
    return bits;
}

const char *pim_crf_decode(uint32_t bits, PimCrfWord *out)
{
    *out = (PimCrfWord){.op = bits >> 27};
    if (out->op == CRF_JUMP) {
        out->count = bits >> 10 & (PIM_MAX_JUMP - 1);
        out->distance = bits & (PIM_MAX_BACK - 1);
    } else if (out->op == CRF_NOP) {
        out->count = bits & (PIM_MAX_BACK - 1);
        if (bits != pim_crf_encode(out))
            return "a bit is set that no field owns";
    } else if (!fields_decode(&pim_crf_fields, &bits, out)) {
        return "a bit is set that no field owns";
    }
    return pim_crf_fault(out);
}

/* ---- text ---- */

static weir_status parse_operand(AsmText *s, uint32_t *out_kind, uint32_t *out_index)
{
    for (uint32_t k = 1; k < OPERAND_COUNT; k++) {
        size_t n = strlen(operand_text[k]);
        bool word = s->now.kind == ASM_WORD && s->now.length >= n && memcmp(s->now.at, operand_text[k], n) == 0;
        bool indexed = word && is_register(k) && s->now.length == n + 1 && s->now.at[n] >= '0' && s->now.at[n] <= '7';
        if (!word || (s->now.length != n && !indexed))
            continue;
        if (indexed)
            *out_index = (uint32_t)(s->now.at[n] - '0');
        *out_kind = k;
        asm_next(s);
        return WEIR_OK;
    }
    return asm_fail(s, "an operand is even, odd, or grf_a, grf_b, srf_m, srf_a with an index 0..7 behind (grf_b3)");
}

/* Indices of src1 and src2 share a field. */
static weir_status parse_operands(AsmText *s, PimCrfWord *w)
{
    uint32_t second = 0, third = 0;
    TRY(parse_operand(s, &w->dst, &w->indexd));
    TRY(asm_expect(s, ","));
    TRY(parse_operand(s, &w->src0, &w->index0));
    if (ops[w->op].sources > 1) {
        TRY(asm_expect(s, ","));
        TRY(parse_operand(s, &w->src1, &second));
    }
    if (ops[w->op].sources > 2) {
        TRY(asm_expect(s, ","));
        TRY(parse_operand(s, &w->src2, &third));
    }
    bool both = is_register(w->src1) && is_register(w->src2);
    if (both && second != third)
        return asm_fail(s, "the second and third source share one index");
    w->index1 = is_register(w->src1) ? second : third;
    if (asm_accept(s, "auto"))
        w->is_auto = 1;
    if (asm_accept(s, "relu"))
        w->relu = 1;
    return WEIR_OK;
}

weir_status pim_crf_parse(AsmText *s, PimCrfWord *out)
{
    *out = (PimCrfWord){.op = CRF_OP_COUNT};
    for (uint32_t i = 0; i < CRF_OP_COUNT; i++)
        if (asm_is(s, ops[i].text))
            out->op = i;
    if (out->op == CRF_OP_COUNT)
        return asm_fail(s, "an instruction is nop, exit, jump, mov, fill, add, mul, mac or mad");
    asm_next(s);
    if (out->op == CRF_JUMP) {
        TRY(asm_u32(s, "count", PIM_MAX_JUMP - 1, &out->count));
        TRY(asm_expect(s, ","));
        TRY(asm_u32(s, "distance", PIM_MAX_BACK - 1, &out->distance));
    } else if (out->op == CRF_NOP && s->now.kind == ASM_NUMBER) {
        TRY(asm_u32(s, "accesses", PIM_MAX_BACK - 1, &out->count));
    } else if (ops[out->op].sources > 0) {
        TRY(parse_operands(s, out));
    }
    const char *why = pim_crf_fault(out);
    return why != NULL ? asm_fail(s, "%s", why) : WEIR_OK;
}

static void print_operand(uint32_t kind, uint32_t index, Text *out)
{
    text_printf(out, "%s", operand_text[kind]);
    if (is_register(kind) && index != 0)
        text_printf(out, "%u", index);
}

void pim_crf_print(const PimCrfWord *w, Text *out)
{
    text_printf(out, "%s", ops[w->op].text);
    if (w->op == CRF_JUMP)
        text_printf(out, " %u, %u", w->count, w->distance);
    if (w->op == CRF_NOP && w->count != 0)
        text_printf(out, " %u", w->count);
    if (ops[w->op].sources == 0)
        return;
    const uint32_t src[3] = {w->src0, w->src1, w->src2}, index[3] = {w->index0, w->index1, w->index1};
    text_printf(out, " ");
    print_operand(w->dst, w->indexd, out);
    for (int i = 0; i < ops[w->op].sources; i++) {
        text_printf(out, ", ");
        print_operand(src[i], index[i], out);
    }
    text_printf(out, "%s%s", w->is_auto != 0 ? " auto" : "", w->relu != 0 ? " relu" : "");
}

/* ---- running ---- */

void pim_crf_reset(PimSequencer *s)
{
    s->pc = s->done = 0;
    memset(s->running, 0, sizeof s->running);
}

/* Takes jumps until an instruction that runs on an access. */
static const char *fetch(PimSequencer *s, PimCrfWord *w)
{
    for (uint32_t guard = 0; guard < 4096; guard++) {
        if (s->pc >= PIM_CRF_WORDS)
            return "the program runs past its last entry";
        const char *why = pim_crf_decode(s->words[s->pc], w);
        if (why != NULL)
            return why;
        if (w->op == CRF_EXIT)
            return "an access follows the program's exit";
        if (w->op != CRF_JUMP)
            return NULL;
        uint32_t counter = s->shared ? 0 : s->pc;
        if (!s->running[counter])
            s->left[counter] = w->count;
        s->running[counter] = s->left[counter] > 0;
        if (s->left[counter] > 0) {
            if (w->distance > s->pc)
                return "a jump leads before the first entry";
            s->left[counter]--;
            s->pc -= w->distance;
        } else {
            s->pc++;
        }
    }
    return "jumps without an instruction between them";
}

const char *pim_crf_step(PimSequencer *s, const PimAccess *a, PimCrfWord *w)
{
    const char *why = fetch(s, w);
    if (why != NULL)
        return why;
    bool reads = is_bank(w->src0) || is_bank(w->src1) || is_bank(w->src2), writes = is_bank(w->dst);
    bool odd = w->src0 == OPERAND_ODD || w->src1 == OPERAND_ODD || w->src2 == OPERAND_ODD || w->dst == OPERAND_ODD;
    if ((reads || writes) && odd != a->odd)
        return "the instruction names the other parity";
    if ((reads && a->write) || (writes && !a->write))
        return a->write ? "the instruction reads the bank, the access is a write" : "the instruction writes the bank, the access is a read";
    bool eight = w->is_auto != 0 || w->op == CRF_FILL;
    if (eight) {
        uint32_t low = a->col & 7, input = (a->row & 1) << 2 | (a->col >> 3 & 3);
        const uint32_t src[2] = {w->src0, w->src1};
        uint32_t index[2];
        for (int i = 0; i < 2; i++)
            index[i] = w->op == CRF_MAC && src[i] != OPERAND_GRF_B ? input : low;
        w->indexd = low;
        w->index0 = index[0];
        w->index1 = index[1];
    }
    uint32_t accesses = eight ? PIM_AUTO_ACCESSES : w->op == CRF_NOP ? w->count + 1 : 1;
    if (++s->done >= accesses) {
        s->done = 0;
        s->pc++;
    }
    return NULL;
}
