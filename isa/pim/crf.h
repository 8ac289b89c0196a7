/*
 * isa/pim/crf.h: the microprogram of hbm2-pim's units: words, text, and which instruction an access runs.
 *
 * In:   words of the CRF, accesses (row, column, parity, read or write). Out: the instruction with its register indices, or a trap.
 * Keep: an instruction runs per access; jumps take none; automatic instructions and fills repeat for 8 accesses.
 */
#ifndef WEIR_ISA_PIM_CRF_H
#define WEIR_ISA_PIM_CRF_H

#include "isa/asmtext.h"
#include "isa/pim/pim.h"

typedef enum PimCrfOp {
#define PIM_CRF(id, text, number, sources, doc) CRF_##id = number,
#include "isa/pim/cmd.def"
    CRF_OP_COUNT
} PimCrfOp;

typedef enum PimOperand {
#define PIM_OPERAND(id, text, number, doc) OPERAND_##id = number,
#include "isa/pim/cmd.def"
    OPERAND_COUNT
} PimOperand;

enum { PIM_CRF_WORDS = 32, PIM_AUTO_ACCESSES = 8, PIM_MAX_JUMP = 1 << 17, PIM_MAX_BACK = 1 << 10 };

typedef struct PimCrfWord {
#define PIM_CRF_FIELD(kind, member, bit, width, doc) FIELD_TYPE_##kind member;
#include "isa/pim/cmd.def"
    uint32_t count, distance; /* jump: taken so often, entries back; nop: count further accesses */
} PimCrfWord;

extern const FieldSet pim_crf_fields;

/* What is wrong with the word, or NULL. */
const char *pim_crf_fault(const PimCrfWord *word);
uint32_t pim_crf_encode(const PimCrfWord *word);
/* NULL, or what is wrong: a word that pim_crf_encode could not have made. */
const char *pim_crf_decode(uint32_t bits, PimCrfWord *out_word);

/* `mac grf_b, grf_a, even auto`, at the current token. */
MUST_USE weir_status pim_crf_parse(AsmText *text, PimCrfWord *out_word);
void pim_crf_print(const PimCrfWord *word, Text *out);

/* Where a program is. */
typedef struct PimSequencer {
    uint32_t words[PIM_CRF_WORDS];
    uint32_t pc, done; /* accesses of the instruction that have run */
    uint32_t left[PIM_CRF_WORDS];
    bool running[PIM_CRF_WORDS]; /* left[] counts */
    bool shared;                 /* one counter for all jumps */
} PimSequencer;

/* An access of a data row in AB-PIM. */
typedef struct PimAccess {
    uint32_t row, col;
    bool odd, write;
} PimAccess;

void pim_crf_reset(PimSequencer *s);
/* The instruction that the access runs, its indices filled in. NULL, or why it is a trap. */
const char *pim_crf_step(PimSequencer *s, const PimAccess *access, PimCrfWord *out_word);

#endif
