/*
 * backends/report/report.h: what a run of an image looked like, as one HTML page.
 *
 * In:   an image and the result of its simulation in time. Out: the page's text.
 */
#ifndef WEIR_BACKENDS_REPORT_REPORT_H
#define WEIR_BACKENDS_REPORT_REPORT_H

#include "isa/pim/sim.h"
#include "isa/rdu/sim.h"
#include "support/text.h"

/* Units on their sites with the links between them, and each unit's cycles by kind, of every kernel that was launched. */
void report_rdu(Text *page, const RduMachine *machine, const RduResult *result);
/* Banks of a channel over time, and waits by rule. `timed`: a stream for each launch, `at`: a cycle for each of its commands. */
void report_pim(Text *page, const PimCode *timed, const int64_t *at, const PimMachine *machine, const PimResult *result);

#endif
