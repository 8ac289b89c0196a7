/*
 * support/intern.h: names as small numbers. Equal text, equal Name.
 */
#ifndef WEIR_SUPPORT_INTERN_H
#define WEIR_SUPPORT_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"

typedef struct Name {
    uint32_t i; /* 0: no name */
} Name;

typedef struct Interner {
    Arena *arena;
    const char **text; /* by number; [0] is "" */
    uint32_t *length;
    uint32_t n, room;
    uint32_t *slots; /* open addressing, 0: free */
    uint32_t n_slots;
} Interner;

void interner_init(Interner *interner, Arena *arena);
Name intern(Interner *interner, const char *text, size_t length);
Name intern_text(Interner *interner, const char *text);
/* The number of a known text, else 0. */
Name intern_find(const Interner *interner, const char *text, size_t length);
const char *name_text(const Interner *interner, Name name);

static inline bool name_is(Name a, Name b)
{
    return a.i == b.i;
}

#endif
