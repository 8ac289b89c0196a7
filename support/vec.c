/*
 * support/vec.c: growing of arrays.
 */
#include "support/vec.h"

#include <string.h>

void vec_grow(Arena *arena, void **at, uint32_t *room, uint32_t n, size_t size)
{
    uint32_t more = *room == 0 ? 8 : *room * 2;
    if (more < *room)
        arena_unwind(arena, WEIR_LIMIT);
    void *wider = arena_alloc(arena, arena_array_bytes(arena, more, size));
    if (n != 0)
        memcpy(wider, *at, n * size);
    *at = wider;
    *room = more;
}
