/* tests/harness/tables.h: tables of the manuals that have a file of their own. */
#ifndef WEIR_TESTS_HARNESS_TABLES_H
#define WEIR_TESTS_HARNESS_TABLES_H

#include <stdbool.h>

/* False for a name that is no table of the memories. family: aim, hbm; "" where there is no choice. */
bool print_pim_table(const char *name, const char *family);

#endif
