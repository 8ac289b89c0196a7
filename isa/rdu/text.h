/* isa/rdu/text.h: kernels as assembly text (one statement a line, `;` comments) and back; the language is in the manual. */
#ifndef WEIR_ISA_RDU_TEXT_H
#define WEIR_ISA_RDU_TEXT_H

#include "isa/imagetext.h"
#include "isa/rdu/rdu.h"

extern const CodeText rdu_code_text;

/* The kernels of an image, with the names of its DEBUG rows (canonical ones where there are none). */
MUST_USE weir_status rdu_code_of(weir_context *cx, const Image *image, RduCode *out_code);
/* Encodes into image->code and appends DEBUG rows for names that are not canonical. */
MUST_USE weir_status rdu_code_store(weir_context *cx, RduCode *code, Image *image);

/* All kernels as text (isa/rdu/print.c). */
MUST_USE weir_status rdu_print_code(weir_context *cx, const Image *image, Text *out);

/* Loops as they count in levels: neighbouring vec loops are one. */
uint32_t rdu_n_levels(const RduProgram *program);
/* First and last loop of effective loop `i` (0 outermost). */
void rdu_level_loops(const RduProgram *program, uint32_t i, uint32_t *out_first, uint32_t *out_last);
/* Bytes of an element of a type. */
uint32_t rdu_type_bytes(uint32_t type);

#endif
