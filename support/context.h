/*
 * support/context.h: what a compilation owns. No globals: two contexts may live in two threads.
 */
#ifndef WEIR_SUPPORT_CONTEXT_H
#define WEIR_SUPPORT_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/diag.h"
#include "support/intern.h"
#include "support/status.h"
#include "support/vec.h"

typedef struct Limits {
    uint64_t file_bytes;    /* --max-file-bytes */
    uint64_t memory_bytes;  /* --max-memory: the buffers that live at a time, and the arena */
    uint32_t nesting;       /* --max-nesting: graphs in graphs, regions, parentheses */
    uint64_t count;         /* --max-count: nodes, statements, ranks .. of one file */
    uint64_t steps;         /* --max-steps: steps of loops whose trip count is data */
} Limits;

/* A resource that is not arena memory; released in reverse order when the context ends. */
typedef struct Cleanup {
    void (*release)(void *);
    void *resource;
    size_t bytes; /* of a buffer */
} Cleanup;

typedef struct weir_context {
    Arena arena;
    Interner names;
    Diagnostics diag;
    Limits limits;
    VEC(Cleanup) cleanups;
    VEC(const char *) files_read; /* paths as opened, in order, each once */
    uint64_t buffer_bytes; /* of all buffers that live */
    struct ElementaryTable *elementary; /* ir/elementary.c: built at first use */
} weir_context;

/* NULL if there is no memory for it. */
weir_context *weir_context_new(void);
void weir_context_free(weir_context *cx);

/* Registers a resource that lives as long as the context. */
void context_on_end(weir_context *cx, void (*release)(void *), void *resource);

/* Notes that the file at `path` was read (for make rules). The text is copied. */
void context_reads(weir_context *cx, const char *path);

/* Sets the limits; the arena takes limits.memory_bytes. */
void context_set_limits(weir_context *cx, const Limits *limits);

/* To be called where an unwinding with `status` ends: sees to it that WEIR_LIMIT and WEIR_NO_MEMORY have a diagnostic.
 * Returns `status`, or WEIR_NO_MEMORY where there is none for that. */
weir_status context_landed(weir_context *cx, weir_status status);

/* Reports that `bytes` of memory are too much (`bytes` above INT64_MAX: some such number) and unwinds with WEIR_LIMIT. */
_Noreturn void context_exceeded(weir_context *cx, uint64_t bytes);

/* Zeroed memory outside the arena for big data (tensors), 64-byte aligned; released by context_buffer_free or with the
 * context. Where all buffers together would exceed limits.memory_bytes it reports E_LIMIT and unwinds. */
void *context_buffer(weir_context *cx, size_t bytes);
void context_buffer_free(weir_context *cx, void *buffer);

/* Short forms. */
Name cx_intern(weir_context *cx, const char *text, size_t length);
const char *cx_text(const weir_context *cx, Name name);

/* Reports an internal error at `file:line` and unwinds with WEIR_BUG. */
_Noreturn void weir_bug_at(weir_context *cx, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define weir_bug(cx, ...) weir_bug_at((cx), __FILE__, __LINE__, __VA_ARGS__)

#endif
