/*
 * support/arena.c: blocks from malloc, kept in a list until the arena is released.
 */
#include "support/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ArenaBlock {
    ArenaBlock *older;
    size_t bytes;
};

enum { SMALL_ALIGN = 16, LARGE_ALIGN = 64, LARGE_BYTES = 4096, BLOCK_BYTES = 256 * 1024 };

void arena_init(Arena *arena)
{
    memset(arena, 0, sizeof *arena);
    arena->block_bytes = BLOCK_BYTES;
}

void arena_release(Arena *arena)
{
    ArenaBlock *block = arena->blocks;
    while (block != NULL) {
        ArenaBlock *older = block->older;
        free(block);
        block = older;
    }
    arena->blocks = NULL;
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
}

static char *align_up(char *p, size_t align)
{
    uintptr_t address = (uintptr_t)p;
    return p + ((align - address % align) % align);
}

static int add_block(Arena *arena, size_t bytes)
{
    size_t room = bytes > arena->block_bytes ? bytes : arena->block_bytes;
    if (room > SIZE_MAX - sizeof(ArenaBlock) - LARGE_ALIGN)
        return 0;
    ArenaBlock *block = malloc(sizeof(ArenaBlock) + LARGE_ALIGN + room);
    if (block == NULL)
        return 0;
    block->older = arena->blocks;
    block->bytes = room;
    arena->blocks = block;
    arena->next = (char *)(block + 1);
    arena->end = arena->next + LARGE_ALIGN + room;
    return 1;
}

static int beyond_limit(const Arena *arena, size_t bytes)
{
    return arena->limit_bytes != 0 &&
           (arena->used_bytes > arena->limit_bytes || bytes > arena->limit_bytes - arena->used_bytes);
}

void *arena_try_alloc(Arena *arena, size_t bytes)
{
    size_t align = bytes >= LARGE_BYTES ? LARGE_ALIGN : SMALL_ALIGN;
    arena->allocations++;
    if (arena->fail_at != 0 && arena->allocations == arena->fail_at)
        return NULL;
    if (beyond_limit(arena, bytes))
        return NULL;
    char *p = arena->next == NULL ? NULL : align_up(arena->next, align);
    if (p == NULL || p > arena->end || bytes > (size_t)(arena->end - p)) {
        if (!add_block(arena, bytes))
            return NULL;
        p = align_up(arena->next, align);
    }
    arena->next = p + bytes;
    arena->used_bytes += bytes;
    memset(p, 0, bytes);
    return p;
}

void *arena_alloc(Arena *arena, size_t bytes)
{
    void *p = arena_try_alloc(arena, bytes);
    if (p == NULL)
        arena_unwind(arena, beyond_limit(arena, bytes) ? WEIR_LIMIT : WEIR_NO_MEMORY);
    return p;
}

void *arena_copy(Arena *arena, const void *data, size_t bytes)
{
    void *copy = arena_alloc(arena, bytes);
    if (bytes != 0)
        memcpy(copy, data, bytes);
    return copy;
}

char *arena_string(Arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length != 0)
        memcpy(copy, text, length);
    return copy;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        length = 0;
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

_Noreturn void arena_unwind(Arena *arena, weir_status status)
{
    if (arena->pad == NULL) {
        fprintf(stderr, "weir: %s, and no landing pad\n", status_text(status));
        abort();
    }
    longjmp(*arena->pad, (int)status);
}

size_t arena_array_bytes(Arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        arena_unwind(arena, WEIR_LIMIT);
    return bytes;
}
