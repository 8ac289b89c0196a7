/* isa/rdu/parse.h: state shared by the files of the RDU assembler (parse.c: units and flows; body.c: their statements). */
#ifndef WEIR_ISA_RDU_PARSE_H
#define WEIR_ISA_RDU_PARSE_H

#include "isa/rdu/machine.h"
#include "isa/rdu/text.h"

enum { RDU_MAX_LOOPS = 15 };

/* An expression that is affine in the loops of a program. */
typedef struct Affine {
    int64_t constant;
    int64_t coef[RDU_MAX_LOOPS];
} Affine;

typedef struct RduParser {
    weir_context *cx;
    Image *image;
    AsmText *text;
    RduMachine machine;
    RduCode code;
    RduKernel *kernel; /* being read */
    uint8_t *flow_net; /* by flow: 1 + its net where `.flow` gave one */
    uint32_t n_flow_net;
    RduUnit *unit;     /* being read, in place in `kernel` */
    uint32_t unit_id;
    RduProgram *program;
    uint32_t type;     /* of the unit */
    uint32_t n_ins, n_outs; /* ports of the record so far */
    uint32_t n_out_lines;   /* `out` lines of the program so far */
    bool has_lanes, has_stride, has_reduce, has_rows, has_cols; /* written, so no default */
} RduParser;

/* Number of a flow by name, added at its first mention. */
uint32_t rdu_parse_flow(RduParser *p, const char *name);
/* Statements of the current program, up to a line that starts none. */
MUST_USE weir_status rdu_parse_body(RduParser *p);
/* The rest of a constant behind `#`: a number or 0x bits, as a word of `type`. */
MUST_USE weir_status rdu_parse_constant(RduParser *p, uint32_t type, uint32_t *out_word);

#endif
