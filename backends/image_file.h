/*
 * backends/image_file.h: an image from a file, whichever form it has, and the machine it runs on.
 */
#ifndef WEIR_BACKENDS_IMAGE_FILE_H
#define WEIR_BACKENDS_IMAGE_FILE_H

#include "ir/machine.h"
#include "isa/image.h"
#include "weir/weir.h"

/* Binary (by its magic number) or assembly; `out_text` (may be NULL): it was assembly. */
MUST_USE weir_status image_of_source(weir_context *cx, const Source *source, Image *out_image, bool *out_text);
MUST_USE weir_status image_open(weir_context *cx, const char *path, Image *out_image, bool *out_text);
/* The machine that the image names, or the one of the settings; with --set. */
MUST_USE weir_status image_machine(weir_context *cx, const Image *image, const weir_settings *settings, const Machine **out_machine);

#endif
