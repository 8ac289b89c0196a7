/*
 * isa/imagetext.h: an image as text and back: what both instruction sets share.
 *
 * In:   the text of a whole image (or of kernels, or one stream), or an Image. Out: the other.
 * Keep: assemble(print(image)) writes the same bytes.
 *
 * Lines: `.rdu 1 machine=NAME` or `.pim 1 machine=NAME`; `.producer "TEXT"`; `.setting KEY VALUE`; `.tensor NAME TYPE
 * COUNT | [E, ..] [in|out|const|temp] [tier=N|NAME] [arg=SLOT] [address=N] [bytes=N] [stride=N] [layout="TEXT"]`;
 * `.data NAME` and `hex BYTES` lines; code; `.control` with steps; `.host` with `| LINE` lines; `.debug KIND A B C "TEXT"`.
 */
#ifndef WEIR_ISA_IMAGETEXT_H
#define WEIR_ISA_IMAGETEXT_H

#include "isa/asmtext.h"
#include "isa/image.h"

/* What an instruction set adds. */
typedef struct CodeText {
    const char *directive; /* ".rdu" */
    char comment;
    /* The parser's state; the machine's name is in image->machine. */
    weir_status (*begin)(weir_context *cx, Image *image, void **out_state);
    /* Does the current token start code? Then `parse` takes it. */
    bool (*starts)(const AsmText *text);
    weir_status (*parse)(void *state, AsmText *text);
    /* Fills image->code, and DEBUG rows of names. */
    weir_status (*finish)(void *state);
    /* Number of a kernel or stream by name; -1. */
    int (*launch_named)(void *state, const char *name);
    /* Number of a tier by name; -1. */
    int (*tier_named)(void *state, const char *name);
    /* A line of .data that begins with `crf` (already taken), into the constant's bytes; NULL: no such lines. */
    weir_status (*data_line)(void *state, AsmText *text, unsigned char *data, uint64_t n_bytes);
    /* Prints a constant as such lines; false (or NULL) for one that has none. */
    bool (*print_data)(const ImageTensor *tensor, Text *out);
    weir_status (*print)(weir_context *cx, const Image *image, Text *out);
} CodeText;

MUST_USE weir_status image_assemble(weir_context *cx, const Source *source, Image *out_image);
MUST_USE weir_status image_print(weir_context *cx, const Image *image, Text *out);

#endif
