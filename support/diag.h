/*
 * support/diag.h: what weir says about an input: a stable code, a severity, a place, a text.
 *
 * In:   a place (text position, ONNX node, or statement) and the arguments of the code's format.
 * Out:  a list in the order of reporting, printed as text (with a caret where the source is at hand)
 *       or as JSON, one object a line.
 * Keep: all diagnostics of a stage are collected, up to `Diagnostics.most`.
 */
#ifndef WEIR_SUPPORT_DIAG_H
#define WEIR_SUPPORT_DIAG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "support/arena.h"
#include "support/vec.h"

typedef enum DiagId {
#define DIAG(id, code, severity, format, explanation) id,
#include "support/diag.def"
#undef DIAG
    DIAG_COUNT
} DiagId;

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } Severity;

/* A source text, kept for carets. `text` may be NULL (binary files). */
typedef struct Source {
    const char *path;
    const char *text;
    size_t bytes;
} Source;

typedef enum PlaceKind { PLACE_NONE, PLACE_TEXT, PLACE_NODE, PLACE_STATEMENT } PlaceKind;

/* Where something is. Strings live in the context's arena (or longer). */
typedef struct Place {
    PlaceKind kind;
    const Source *source;  /* all kinds; may be NULL */
    uint32_t line, column; /* PLACE_TEXT: from 1; PLACE_STATEMENT: 0 if unknown */
    uint32_t end_column;   /* PLACE_TEXT: one past the last; 0 if unknown */
    uint32_t node_index;   /* PLACE_NODE */
    const char *name;      /* node's name or the statement's target */
    const char *op;        /* PLACE_NODE: the operator */
} Place;

typedef struct Diagnostic {
    DiagId id;
    Severity severity;
    Place place;
    const char *message;
    const char *note; /* what to do, or NULL */
} Diagnostic;

typedef struct Diagnostics {
    Arena *arena;
    VEC(Diagnostic) list;
    uint32_t n_errors;
    uint32_t most; /* more errors than this are counted, not kept */
} Diagnostics;

void diagnostics_init(Diagnostics *diagnostics, Arena *arena);

/* Reports `id` at `place`. */
void diag(Diagnostics *diagnostics, Place place, DiagId id, ...);
/* Adds what to do to the last diagnostic. */
void diag_note(Diagnostics *diagnostics, const char *format, ...) __attribute__((format(printf, 2, 3)));

Place place_none(void);
/* A file as a whole. */
Place place_file(const Source *source);
Place place_text(const Source *source, uint32_t line, uint32_t column, uint32_t end_column);
Place place_node(const Source *source, uint32_t node_index, const char *name, const char *op);

const char *diag_code(DiagId id);
const char *diag_explanation(DiagId id);

/* Prints all as text; `colour`: with ANSI colours. */
void diagnostics_print(const Diagnostics *diagnostics, FILE *out, bool colour);
/* Prints all as JSON, one object a line: {"code","severity","message","file","line","column","node","op","note"}. */
void diagnostics_print_json(const Diagnostics *diagnostics, FILE *out);
/* Forgets everything from number `n` on (a failed try whose messages don't count). */
void diagnostics_cut(Diagnostics *diagnostics, uint32_t n);

#endif
