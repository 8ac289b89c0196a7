/*
 * backends/c/pipeline.h: from a cascade to what the host's printers need; shared by the targets c and llvm.
 */
#ifndef WEIR_BACKENDS_C_PIPELINE_H
#define WEIR_BACKENDS_C_PIPELINE_H

#include "backends/job.h"

/* Groups, a mapping for each, and the pinned cascade of job->cs. */
MUST_USE weir_status host_pipeline(Job *job);

#endif
