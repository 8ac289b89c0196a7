/*
 * support/nearest.c: edit distance (insert, delete, replace, swap of neighbours) by rows.
 */
#include "support/nearest.h"

#include <string.h>

enum { MOST_BYTES = 63, FAR = 1000 };

static unsigned least3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Rows r-2, r-1 and r of the table of distances between prefixes. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned rows[3][MOST_BYTES + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

Nearest nearest_to(const char *wanted, size_t length)
{
    /* A third of the letters may be wrong, at least one. */
    return (Nearest){.wanted = wanted, .length = length, .distance = 2 + (unsigned)(length < FAR ? length : FAR) / 3};
}

void nearest_offer(Nearest *nearest, const char *known)
{
    size_t n = strlen(known);
    if (n > MOST_BYTES || nearest->length > MOST_BYTES)
        return;
    unsigned d = distance(nearest->wanted, nearest->length, known, n);
    if (d < nearest->distance && d < nearest->length) {
        nearest->best = known;
        nearest->distance = d;
    }
}
