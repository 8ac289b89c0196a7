/*
 * What hostile tests share: seeded damage of texts, bytes and words, for a number of turns or, with an argument, for so many seconds.
 */
#ifndef WEIR_TESTS_UNIT_HOSTILE_H
#define WEIR_TESTS_UNIT_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOSTILE_TURNS = 1500 };

static uint64_t seed = 1;
static double seconds;

static inline void hostile_begin(int argc, char **argv)
{
    seconds = argc > 1 ? strtod(argv[1], NULL) : 0;
    if (argc > 1)
        seed = (uint64_t)time(NULL);
}

static inline uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % below);
}

/* share: of the seconds, when this part ends. */
static inline bool time_is_left(uint32_t turn, time_t start, double share)
{
    return seconds > 0 ? difftime(time(NULL), start) < seconds * share : turn < HOSTILE_TURNS;
}

/* Up to three changes: a byte, a piece out, one of the splices in, the end cut off. Returns the new length. */
static inline size_t change_text(char *text, size_t n, size_t room, const char *const *splices, uint32_t n_splices)
{
    for (uint32_t k = 1 + draw(3); k > 0 && n > 0; k--) {
        uint32_t at = draw((uint32_t)n), how = draw(4);
        if (how == 0) {
            text[at] = (char)draw(256);
        } else if (how == 1) {
            size_t cut = 1 + draw(12);
            cut = at + cut > n ? n - at : cut;
            memmove(text + at, text + at + cut, n - at - cut);
            n -= cut;
        } else if (how == 2) {
            const char *in = splices[draw(n_splices)];
            size_t more = strlen(in);
            if (n + more > room)
                continue;
            memmove(text + at + more, text + at, n - at);
            memcpy(text + at, in, more);
            n += more;
        } else {
            n = draw(8) == 0 ? at : n;
        }
    }
    return n;
}

/* Some bytes of a copy changed, sometimes its end cut off. Returns the new length. */
static inline uint32_t change_bytes(unsigned char *bytes, uint32_t n)
{
    for (uint32_t k = 1 + draw(3); k > 0; k--)
        bytes[draw(n)] = (unsigned char)(draw(3) == 0 ? draw(256) : draw(2) != 0 ? 0xFF : 0);
    return draw(4) == 0 ? draw(n) : n;
}

static inline uint32_t change_word(uint32_t word)
{
    return draw(2) != 0 ? word ^ 1u << draw(32) : draw(2) != 0 ? word ^ draw(UINT32_MAX) : UINT32_MAX << draw(32);
}

#endif
