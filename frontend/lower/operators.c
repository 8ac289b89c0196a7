/*
 * frontend/lower/operators.c: the table of operators and its lookup by domain, name and version.
 */
#include <string.h>

#include "frontend/lower/families.h"

static const OperatorRow rows[] = {
#define OP(domain, name, since, until, min_in, max_in, max_out, lower, parameter, attributes, fold, doc)               \
    {domain, name, since, until, min_in, max_in, max_out, lower, (int)(parameter), attributes, fold, doc},
#include "frontend/lower/operators.def"
#undef OP
};

const OperatorRow *operator_rows(uint32_t *out_n)
{
    *out_n = sizeof rows / sizeof *rows;
    return rows;
}

const OperatorRow *operator_find(const char *domain, const char *name, int64_t version, bool *out_known)
{
    *out_known = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const OperatorRow *row = &rows[i];
        if (strcmp(row->name, name) != 0 || strcmp(row->domain, domain) != 0)
            continue;
        *out_known = true;
        if (version >= row->since && (row->until == 0 || version <= row->until))
            return row;
    }
    return NULL;
}
