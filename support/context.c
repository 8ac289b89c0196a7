/*
 * support/context.c: the life of a context, big buffers, statuses.
 */
#include "support/context.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_ALIGN = 64, REPORT_BYTES = 1 << 20 }; /* what a report may take beyond the limit */

static const struct {
    int exit_code;
    const char *text;
} status_info[WEIR_STATUS_COUNT] = {
#define STATUS(id, exit_code, text) [WEIR_##id] = {exit_code, text},
#include "support/status.def"
#undef STATUS
};

int status_exit_code(weir_status status)
{
    return status_info[status].exit_code;
}

const char *status_text(weir_status status)
{
    return status_info[status].text;
}

/* Everything that may unwind, apart from the frame that holds the pad. */
static weir_status fill(weir_context *cx)
{
    jmp_buf pad;
    cx->arena.pad = &pad;
    int failed = setjmp(pad);
    if (failed != 0)
        return (weir_status)failed;
    interner_init(&cx->names, &cx->arena);
    diagnostics_init(&cx->diag, &cx->arena);
    cx->arena.pad = NULL;
    return WEIR_OK;
}

weir_context *weir_context_new(void)
{
    weir_context *cx = calloc(1, sizeof *cx);
    if (cx == NULL)
        return NULL;
    arena_init(&cx->arena);
    if (fill(cx) != WEIR_OK) {
        arena_release(&cx->arena);
        free(cx);
        return NULL;
    }
    context_set_limits(cx, &(Limits){.file_bytes = (uint64_t)64 << 30,
                                     .memory_bytes = (uint64_t)16 << 30,
                                     .nesting = 64,
                                     .count = 4u << 20,
                                     .steps = 100u * 1000 * 1000});
    return cx;
}

void weir_context_free(weir_context *cx)
{
    if (cx == NULL)
        return;
    for (uint32_t i = cx->cleanups.n; i-- > 0;)
        if (cx->cleanups.at[i].release != NULL)
            cx->cleanups.at[i].release(cx->cleanups.at[i].resource);
    arena_release(&cx->arena);
    free(cx);
}

void context_set_limits(weir_context *cx, const Limits *limits)
{
    cx->limits = *limits;
    cx->arena.limit_bytes = limits->memory_bytes < SIZE_MAX ? (size_t)limits->memory_bytes : 0;
}

void context_on_end(weir_context *cx, void (*release)(void *), void *resource)
{
    vec_push(&cx->arena, &cx->cleanups, ((Cleanup){.release = release, .resource = resource}));
}

void context_reads(weir_context *cx, const char *path)
{
    for (uint32_t i = 0; i < cx->files_read.n; i++)
        if (strcmp(cx->files_read.at[i], path) == 0)
            return;
    const char *kept = arena_string(&cx->arena, path, strlen(path));
    vec_push(&cx->arena, &cx->files_read, kept);
}

/* ---- limits ---- */

static void report_memory(weir_context *cx, uint64_t bytes)
{
    diag(&cx->diag, place_none(), E_LIMIT, "bytes of memory", bytes > INT64_MAX ? (long long)INT64_MAX : (long long)bytes,
         (long long)cx->limits.memory_bytes, "--max-memory");
}

_Noreturn void context_exceeded(weir_context *cx, uint64_t bytes)
{
    report_memory(cx, bytes);
    arena_unwind(&cx->arena, WEIR_LIMIT);
}

static bool reported(const weir_context *cx, DiagId id)
{
    for (uint32_t i = 0; i < cx->diag.list.n; i++)
        if (cx->diag.list.at[i].id == id)
            return true;
    return false;
}

static weir_status report_landing(weir_context *cx, weir_status status)
{
    jmp_buf pad;
    cx->arena.pad = &pad;
    if (setjmp(pad) != 0)
        return WEIR_NO_MEMORY; /* not even for the report: the program prints the status */
    if (status == WEIR_LIMIT && !reported(cx, E_LIMIT))
        report_memory(cx, cx->arena.used_bytes + cx->buffer_bytes);
    if (status == WEIR_NO_MEMORY && !reported(cx, E_NO_MEMORY))
        diag(&cx->diag, place_none(), E_NO_MEMORY);
    return status;
}

weir_status context_landed(weir_context *cx, weir_status status)
{
    jmp_buf *outer = cx->arena.pad;
    if (status == WEIR_LIMIT && cx->arena.limit_bytes != 0)
        cx->arena.limit_bytes = cx->arena.used_bytes + REPORT_BYTES;
    status = report_landing(cx, status);
    cx->arena.pad = outer;
    return status;
}

/* ---- buffers ---- */

void *context_buffer(weir_context *cx, size_t bytes)
{
    uint64_t total;
    if (__builtin_add_overflow(cx->buffer_bytes, (uint64_t)bytes, &total) || total > cx->limits.memory_bytes ||
        bytes > SIZE_MAX - BUFFER_ALIGN)
        context_exceeded(cx, bytes > cx->limits.memory_bytes ? bytes : total);
    size_t rounded = (bytes + BUFFER_ALIGN - 1) / BUFFER_ALIGN * BUFFER_ALIGN;
    if (rounded == 0)
        rounded = BUFFER_ALIGN;
    context_on_end(cx, NULL, NULL);
    void *buffer = aligned_alloc(BUFFER_ALIGN, rounded);
    if (buffer == NULL)
        arena_unwind(&cx->arena, WEIR_NO_MEMORY);
    memset(buffer, 0, rounded);
    cx->cleanups.at[cx->cleanups.n - 1] = (Cleanup){free, buffer, bytes};
    cx->buffer_bytes = total;
    return buffer;
}

void context_buffer_free(weir_context *cx, void *buffer)
{
    for (uint32_t i = cx->cleanups.n; i-- > 0;) {
        Cleanup *c = &cx->cleanups.at[i];
        if (c->resource != buffer || c->release != free)
            continue;
        free(buffer);
        cx->buffer_bytes -= c->bytes;
        memmove(c, c + 1, (cx->cleanups.n - i - 1) * sizeof *c);
        cx->cleanups.n--;
        return;
    }
}

Name cx_intern(weir_context *cx, const char *text, size_t length)
{
    return intern(&cx->names, text, length);
}

const char *cx_text(const weir_context *cx, Name name)
{
    return name_text(&cx->names, name);
}

_Noreturn void weir_bug_at(weir_context *cx, const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *message = arena_printf(&cx->arena, "%s at %s:%d", text, file, line);
    diag(&cx->diag, place_none(), E_INTERNAL, message);
    arena_unwind(&cx->arena, WEIR_BUG);
}
