/* The nearest known name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "support/nearest.h"

static const char *nearest_of(const char *wanted)
{
    Nearest nearest = nearest_to(wanted, strlen(wanted));
    static const char *const known[] = {"check", "compile", "run", "bench", "softmax", "K"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        nearest_offer(&nearest, known[i]);
    return nearest.best != NULL ? nearest.best : "";
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("chekc"), "check");
    assert_string_equal(nearest_of("comple"), "compile");
    assert_string_equal(nearest_of("rnu"), "run");
    assert_string_equal(nearest_of("sofmtax"), "softmax");
    assert_string_equal(nearest_of("KT"), "K");
    assert_string_equal(nearest_of("q"), ""); /* nothing in common with K */
    assert_string_equal(nearest_of("elephant"), "");
    char longer[200];
    memset(longer, 'k', sizeof longer);
    Nearest nearest = nearest_to(longer, sizeof longer);
    nearest_offer(&nearest, "K");
    assert_null(nearest.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
