/*
 * backends/image_run.h: the memory of an image that runs: a buffer for each row of TENS, host steps by eval.
 *
 * In:   an image, values of its inputs. Out: values of its rows after the run.
 * Keep: a row's tensor has the extents of run time, which may be below those of the image; its buffer has room for all.
 */
#ifndef WEIR_BACKENDS_IMAGE_RUN_H
#define WEIR_BACKENDS_IMAGE_RUN_H

#include "ir/cascade.h"
#include "isa/image.h"

typedef struct ImageRun {
    weir_context *cx;
    const Image *image;
    unsigned char **buffers; /* by row; context_buffer, constants too */
    Tensor *values;          /* by row: a view of the buffer */
    Cascade **hosts;         /* by row of HOST, parsed at first use */
    uint64_t host_runs;
} ImageRun;

void image_run_open(weir_context *cx, const Image *image, ImageRun *out_run);
void image_run_close(ImageRun *run);
/* Copies a value into a row's buffer. */
void image_run_set(ImageRun *run, uint32_t row, const Tensor *value);
/* The row's value on a context_buffer of its own. */
Tensor image_run_get(const ImageRun *run, uint32_t row);
/* Seeded inputs for every row that is `in`: f32 normal, integers 0 or 1. */
void image_run_make_inputs(ImageRun *run, uint64_t seed);
/* What simulators call for a host step; `data` is an ImageRun. */
MUST_USE weir_status image_run_host(void *data, uint32_t host);

#endif
