/*
 * backends/target.h: the functions of each row of targets.def.
 */
#ifndef WEIR_BACKENDS_TARGET_H
#define WEIR_BACKENDS_TARGET_H

#include "backends/job.h"

#define TARGET(id, name, machine, pins, passes, doc)                                                       \
    MUST_USE weir_status target_##id##_compile(Job *job);                                          \
    MUST_USE weir_status target_##id##_load(Job *job);                                             \
    MUST_USE weir_status target_##id##_run(Job *job, Tensor *values, Tensor *crossing);            \
    MUST_USE weir_status target_##id##_write(Job *job, const char *output);                        \
    bool target_##id##_emit(Job *job, const char *what, Text *out);
#include "backends/targets.def"
#undef TARGET

#endif
