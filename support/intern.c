/*
 * support/intern.c: an open hash table over FNV-1a; numbers are given in order of first use, so they
 * depend on the input alone.
 */
#include "support/intern.h"

#include <string.h>

static uint32_t hash_bytes(const char *text, size_t length)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h;
}

void interner_init(Interner *interner, Arena *arena)
{
    memset(interner, 0, sizeof *interner);
    interner->arena = arena;
    interner->room = 256;
    interner->text = ARENA_ARRAY(arena, const char *, interner->room);
    interner->length = ARENA_ARRAY(arena, uint32_t, interner->room);
    interner->n_slots = 1024;
    interner->slots = ARENA_ARRAY(arena, uint32_t, interner->n_slots);
    interner->text[0] = "";
    interner->n = 1;
}

static uint32_t *find_slot(const Interner *interner, const char *text, size_t length)
{
    uint32_t mask = interner->n_slots - 1;
    uint32_t at = hash_bytes(text, length) & mask;
    for (;; at = (at + 1) & mask) {
        uint32_t i = interner->slots[at];
        if (i == 0 || (interner->length[i] == length && memcmp(interner->text[i], text, length) == 0))
            return &interner->slots[at];
    }
}

static void widen(Interner *interner)
{
    Arena *arena = interner->arena;
    uint32_t room = interner->room * 2;
    const char **text = ARENA_ARRAY(arena, const char *, room);
    uint32_t *length = ARENA_ARRAY(arena, uint32_t, room);
    memcpy(text, interner->text, interner->n * sizeof *text);
    memcpy(length, interner->length, interner->n * sizeof *length);
    interner->text = text;
    interner->length = length;
    interner->room = room;
    interner->n_slots = room * 4;
    interner->slots = ARENA_ARRAY(arena, uint32_t, interner->n_slots);
    for (uint32_t i = 1; i < interner->n; i++)
        *find_slot(interner, text[i], length[i]) = i;
}

Name intern(Interner *interner, const char *text, size_t length)
{
    if (length == 0)
        return (Name){0};
    uint32_t *slot = find_slot(interner, text, length);
    if (*slot != 0)
        return (Name){*slot};
    if (interner->n == interner->room) {
        widen(interner);
        slot = find_slot(interner, text, length);
    }
    uint32_t i = interner->n++;
    interner->text[i] = arena_string(interner->arena, text, length);
    interner->length[i] = (uint32_t)length;
    *slot = i;
    return (Name){i};
}

Name intern_text(Interner *interner, const char *text)
{
    return intern(interner, text, strlen(text));
}

Name intern_find(const Interner *interner, const char *text, size_t length)
{
    return (Name){length == 0 ? 0 : *find_slot(interner, text, length)};
}

const char *name_text(const Interner *interner, Name name)
{
    return interner->text[name.i];
}
