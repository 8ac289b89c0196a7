/*
 * support/context.c: the life of a context, big buffers, statuses.
 */
#include "support/context.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_ALIGN = 64 };

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
    cx->limits = (Limits){.file_bytes = (uint64_t)64 << 30,
                          .memory_bytes = (uint64_t)16 << 30,
                          .nesting = 64,
                          .count = 4u << 20,
                          .steps = 100u * 1000 * 1000};
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

void context_on_end(weir_context *cx, void (*release)(void *), void *resource)
{
    vec_push(&cx->arena, &cx->cleanups, ((Cleanup){release, resource}));
}

void context_reads(weir_context *cx, const char *path)
{
    for (uint32_t i = 0; i < cx->files_read.n; i++)
        if (strcmp(cx->files_read.at[i], path) == 0)
            return;
    const char *kept = arena_string(&cx->arena, path, strlen(path));
    vec_push(&cx->arena, &cx->files_read, kept);
}

void *context_buffer(weir_context *cx, size_t bytes)
{
    size_t rounded = (bytes + BUFFER_ALIGN - 1) / BUFFER_ALIGN * BUFFER_ALIGN;
    if (rounded == 0)
        rounded = BUFFER_ALIGN;
    if (bytes > cx->limits.memory_bytes || rounded < bytes)
        arena_unwind(&cx->arena, WEIR_LIMIT);
    context_on_end(cx, NULL, NULL);
    void *buffer = aligned_alloc(BUFFER_ALIGN, rounded);
    if (buffer == NULL)
        arena_unwind(&cx->arena, WEIR_NO_MEMORY);
    memset(buffer, 0, rounded);
    cx->cleanups.at[cx->cleanups.n - 1] = (Cleanup){free, buffer};
    return buffer;
}

void context_buffer_free(weir_context *cx, void *buffer)
{
    for (uint32_t i = cx->cleanups.n; i-- > 0;) {
        Cleanup *c = &cx->cleanups.at[i];
        if (c->resource != buffer || c->release != free)
            continue;
        free(buffer);
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
