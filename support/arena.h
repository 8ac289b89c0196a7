/*
 * support/arena.h: bump allocation with one landing pad.
 *
 * In:   sizes. Out: zeroed memory that lives until arena_release.
 * Keep: arena_alloc never returns NULL: when memory or the limit runs out it jumps to the pad with
 *       the status as value. No jump may cross a foreign frame (protobuf-c, LLVM): code called from
 *       such a frame uses arena_try_alloc.
 */
#ifndef WEIR_SUPPORT_ARENA_H
#define WEIR_SUPPORT_ARENA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "support/status.h"

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *blocks;   /* newest first */
    char *next, *end;     /* the free part of the newest block */
    size_t used_bytes;    /* handed out */
    size_t limit_bytes;   /* 0: none */
    size_t block_bytes;   /* usual block size */
    uint64_t allocations; /* counted since arena_init */
    uint64_t fail_at;     /* the number of the allocation that fails; 0: none (tests) */
    jmp_buf *pad;         /* where arena_alloc jumps to; NULL: abort */
} Arena;

void arena_init(Arena *arena);
void arena_release(Arena *arena);

/* `bytes` zeroed bytes, aligned to 16 (64 from 4 KiB on). Size 0 gives a valid pointer. */
void *arena_alloc(Arena *arena, size_t bytes);
/* As arena_alloc, but NULL where memory runs out. */
void *arena_try_alloc(Arena *arena, size_t bytes);
/* Bytes or a C string, copied. */
void *arena_copy(Arena *arena, const void *data, size_t bytes);
char *arena_string(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Leaves the work in progress with `status` (WEIR_NO_MEMORY, WEIR_LIMIT, WEIR_BUG). */
_Noreturn void arena_unwind(Arena *arena, weir_status status);

#define ARENA_NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define ARENA_ARRAY(arena, T, n) ((T *)arena_alloc((arena), arena_array_bytes((arena), (n), sizeof(T))))
/* n * size; an overflow unwinds with WEIR_LIMIT. */
size_t arena_array_bytes(Arena *arena, size_t n, size_t size);

#endif
