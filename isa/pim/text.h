/* isa/pim/text.h: command streams as text (one command a line, `#` comments) and back; the language is in the manual. */
#ifndef WEIR_ISA_PIM_TEXT_H
#define WEIR_ISA_PIM_TEXT_H

#include "isa/imagetext.h"
#include "isa/pim/pim.h"

extern const CodeText pim_code_text;

/* `stream ch=.. machine=..`. */
void pim_print_stream(const PimStream *stream, Text *out);
/* One command, without the line's end: `mac.all row=5 col=0 n=48 gb=0 acc=3`. */
void pim_print_command(const Image *image, const PimCommand *command, Text *out);

#endif
