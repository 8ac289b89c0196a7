/*
 * support/vec.h: growable arrays on an arena.
 *
 * Keep: a pointer into a vector does not live across a push (growing moves the elements).
 */
#ifndef WEIR_SUPPORT_VEC_H
#define WEIR_SUPPORT_VEC_H

#include <stdint.h>

#include "support/arena.h"

#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *at;                                                                                     \
        uint32_t n, room;                                                                          \
    }

/* Appends `value`. */
#define vec_push(arena, vec, value)                                                                \
    do {                                                                                           \
        if ((vec)->n == (vec)->room)                                                               \
            vec_grow((arena), (void **)&(vec)->at, &(vec)->room, (vec)->n, sizeof *(vec)->at);     \
        (vec)->at[(vec)->n++] = (value);                                                           \
    } while (0)

/* Doubles the room of a vector of n elements of `size` bytes. */
void vec_grow(Arena *arena, void **at, uint32_t *room, uint32_t n, size_t size);

#endif
