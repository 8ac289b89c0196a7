/*
 * The target c against eval of the pinned cascade, bit for bit: the forms of forms.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define FORMS_TARGET "c"
#define FORMS_LEVEL 0
#include "tests/unit/forms.h"

int main(void)
{
    const struct CMUnitTest tests[] = {FORMS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
