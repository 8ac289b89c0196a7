/*
 * isa/pim/pim.h: command streams of memories that compute, in memory.
 *
 * A stream is a list of commands for a set of channels that all run them, each on its own data. Program order is issue order;
 * images hold no times. The word's fields are the rows of cmd.def.
 */
#ifndef WEIR_ISA_PIM_PIM_H
#define WEIR_ISA_PIM_PIM_H

#include <stdbool.h>
#include <stdint.h>

#include "isa/field.h"
#include "isa/image.h"
#include "support/context.h"

typedef enum PimOp {
#define PIM_OP(id, text, number, scopes, fields, doc) PIM_OP_##id = number,
#include "isa/pim/cmd.def"
    PIM_OP_COUNT
} PimOp;

typedef enum PimScope { PIM_BANK, PIM_GROUP, PIM_ALL, PIM_EVEN, PIM_ODD, PIM_SCOPE_COUNT } PimScope;

/* Bits of the scopes and fields columns of cmd.def. */
enum {
    SCOPE_N = 0, SCOPE_B = 1 << PIM_BANK, SCOPE_G = 1 << PIM_GROUP, SCOPE_A = 1 << PIM_ALL, SCOPE_E = 1 << PIM_EVEN,
    SCOPE_O = 1 << PIM_ODD,
    F_ROW = 1, F_COL = 2, F_N = 4, F_M = 8, F_GB = 16, F_ACC = 32, F_MAC = 64, F_BUF = 128, F_AFM = 256,
    PIM_MAC_BROADCAST = 32, PIM_MAC_ACC = 31
};

typedef struct PimWord {
#define PIM_FIELD(kind, member, bit, width, doc) FIELD_TYPE_##kind member;
#include "isa/pim/cmd.def"
} PimWord;

typedef struct PimExt {
#define PIM_EXT(kind, member, bit, width, doc) FIELD_TYPE_##kind member;
#include "isa/pim/cmd.def"
} PimExt;

typedef struct PimCommand {
    PimWord w;  /* w.ext: x is used */
    PimExt x;
} PimCommand;

typedef struct PimStream {
    const char *machine;
    uint64_t channels; /* bit c: channel c runs it */
    VEC(PimCommand) commands;
} PimStream;

typedef struct PimCode {
    VEC(PimStream) streams;
} PimCode;

typedef struct PimOpInfo {
    const char *text;
    uint32_t scopes, fields;
    const char *doc;
} PimOpInfo;

extern const FieldSet pim_word_fields, pim_ext_fields;

/* NULL for a number that is no operation. */
const PimOpInfo *pim_op_info(uint32_t op);
int pim_op_named(const char *text, size_t length);
/* What is wrong with the fields of a command, whatever the machine; NULL if nothing. */
const char *pim_command_fault(const PimCommand *command);

/* Fills image->code. WEIR_INVALID with E_ISA_FIELD when a value does not fit. */
MUST_USE weir_status pim_encode(weir_context *cx, const PimCode *code, Image *image);
/* WEIR_MALFORMED with E_ISA_RECORD for words that pim_encode could not have made. */
MUST_USE weir_status pim_decode(weir_context *cx, const Image *image, PimCode *out_code);

#endif
