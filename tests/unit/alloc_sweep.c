/* Every allocation of a compilation fails once: each time the library returns WEIR_NO_MEMORY, nothing leaks or crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/sweep.h"
#include "weir/weir.h"

typedef struct Case {
    const char *path, *target, *emit;
} Case;

static weir_status compile_sample(weir_context *cx, void *argument)
{
    const Case *c = argument;
    const weir_settings settings = {.target = c->target, .emit = c->emit, .opt_level = -1};
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere == NULL)
        return WEIR_BUG;
    weir_status status = (weir_status)weir_compile(cx, &settings, c->path, nowhere);
    fclose(nowhere);
    return status;
}

static weir_status check_sample(weir_context *cx, void *argument)
{
    const Case *c = argument;
    const weir_settings settings = {.target = c->target, .opt_level = -1};
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere == NULL)
        return WEIR_BUG;
    weir_status status = (weir_status)weir_check(cx, &settings, c->path, nowhere);
    fclose(nowhere);
    return status;
}

static void sweep(SweepBody *body, Case *c, uint64_t step)
{
    uint64_t n = 0;
    assert_int_equal(sweep_allocations(body, c, step, &n), 0);
    assert_true(n > 500);
}

static void lowering_and_printing(void **state)
{
    (void)state;
    Case c = {WEIR_SOURCE_DIR "/samples/mlp/model.onnxtxt", "interp", "cascade"};
    sweep(compile_sample, &c, 61);
}

static void groups_mapping_and_pinning(void **state)
{
    (void)state;
    Case c = {WEIR_SOURCE_DIR "/samples/autoencoder/model.onnxtxt", "c", "pinned"};
    sweep(compile_sample, &c, 509);
}

static void evaluation(void **state)
{
    (void)state;
    Case c = {WEIR_SOURCE_DIR "/samples/mlp", "interp", NULL};
    sweep(check_sample, &c, 67);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowering_and_printing),
        cmocka_unit_test(groups_mapping_and_pinning),
        cmocka_unit_test(evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
