/*
 * support/nearest.h: the known name nearest to an unknown one, for "did you mean".
 */
#ifndef WEIR_SUPPORT_NEAREST_H
#define WEIR_SUPPORT_NEAREST_H

#include <stddef.h>

typedef struct Nearest {
    const char *wanted;
    size_t length;
    const char *best; /* NULL: nothing near enough was offered */
    unsigned distance;
} Nearest;

/* Looks for names near `wanted`; names beyond 63 bytes are never near. */
Nearest nearest_to(const char *wanted, size_t length);
/* Offers a known name. The first of equally near ones stays. */
void nearest_offer(Nearest *nearest, const char *known);

#endif
