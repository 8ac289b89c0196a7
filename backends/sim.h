/*
 * backends/sim.h: what the files of as, dis and sim share.
 */
#ifndef WEIR_BACKENDS_SIM_H
#define WEIR_BACKENDS_SIM_H

#include "backends/image_run.h"
#include "isa/image.h"
#include "support/text.h"
#include "weir/weir.h"

typedef struct Sim {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    FILE *out;
    Image image;
    struct PimTrace *trace; /* served as the public simulator does; NULL: image runs */
} Sim;

/* FNV-1a of the output rows in order: tells two runs apart. */
uint64_t sim_digest(const ImageRun *run);

/* A line for each tensor that --tensors names: its first elements (64), in decimal. */
MUST_USE weir_status sim_print_tensors(const Sim *sim, const ImageRun *run, Text *out);

/* Traces of the public simulator of gddr6-aim (isa/pim/trace.h). */
bool sim_is_trace(const Source *source);
MUST_USE weir_status sim_read_trace(Sim *sim, const Source *source);
/* What dis prints besides assembly: `aim`. */
MUST_USE weir_status sim_emit(Sim *sim, const char *what, Text *out);
/* Runs and reports; with --json a hazard is reported before the status says so. */
MUST_USE weir_status sim_pim(Sim *sim, ImageRun *run, bool values, bool time, Text *out);

#endif
