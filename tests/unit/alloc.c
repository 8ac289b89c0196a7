/* Out of memory at every allocation of support's functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/file.h"
#include "support/tensor.h"
#include "support/text.h"
#include "tests/harness/sweep.h"

static weir_status names_and_texts(weir_context *cx, void *argument)
{
    (void)argument;
    Text text;
    text_init(&text, &cx->arena);
    for (int i = 0; i < 300; i++) {
        text_decimal(&text, i * 0.37, DT_F32);
        cx_intern(cx, text.at, text.n);
        diag(&cx->diag, place_none(), E_NO_TENSOR, text.at);
    }
    return WEIR_OK;
}

static weir_status files_and_tensors(weir_context *cx, void *argument)
{
    const Source *source;
    TRY(file_source(cx, argument, &source));
    for (int i = 0; i < 20; i++)
        tensor_new(cx, DT_F32, 2, (const int64_t[]){i, 3});
    return file_write(cx, "/dev/null", source->text, source->bytes);
}

static weir_status ends_in_a_limit(weir_context *cx, void *argument)
{
    (void)argument;
    tensor_new(cx, DT_F32, 2, (const int64_t[]){INT64_MAX, 3});
    return WEIR_OK;
}

static void sweeps(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_int_equal(sweep_allocations(names_and_texts, NULL, 1, &n), 0);
    assert_true(n > 300);
    char path[] = WEIR_SOURCE_DIR "/tests/README.md";
    assert_int_equal(sweep_allocations(files_and_tensors, path, 1, &n), 0);
    assert_true(n > 5);
    assert_int_equal(sweep_once(ends_in_a_limit, NULL, 0, NULL), WEIR_LIMIT);
    char nowhere[] = "/nowhere";
    assert_true(sweep_allocations(files_and_tensors, nowhere, 1, &n) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sweeps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
