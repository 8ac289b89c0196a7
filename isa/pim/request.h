/* isa/pim/request.h: what the server, the reader and the writer of gddr6-aim's traces share. */
#ifndef WEIR_ISA_PIM_REQUEST_H
#define WEIR_ISA_PIM_REQUEST_H

#include "isa/pim/trace.h"

/* The device command of a request; false for none. */
bool pim_request_action(const PimMachine *machine, const PimRequest *request, PimAction *out_action);
/* The row command that `want` needs first. strict: an activation of all banks finds all of them closed. */
bool pim_row_needed(const PimChannel *channel, const PimAction *want, bool strict, PimAction *out_action);
void pim_requests_of(weir_context *cx, const Image *image, const PimCode *code, PimTrace *out_trace);

#endif
