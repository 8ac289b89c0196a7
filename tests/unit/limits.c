/* --max-memory: with every limit from bytes to enough a check ends in one E_LIMIT that names the option, or succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/context.h"
#include "weir/weir.h"

static weir_status check_within(uint64_t bytes, bool json, weir_context *cx)
{
    Limits limits = cx->limits;
    limits.memory_bytes = bytes;
    context_set_limits(cx, &limits);
    const weir_settings settings = {.opt_level = -1, .json = json};
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    weir_status status = (weir_status)weir_check(cx, &settings, WEIR_SOURCE_DIR "/samples/mlp", nowhere);
    fclose(nowhere);
    return status;
}

static void memory_of_a_check(void **state)
{
    (void)state;
    enum { MOST = 64 << 20 };
    unsigned refused = 0;
    uint64_t enough = 0;
    for (uint64_t bytes = 1; enough == 0 && bytes < MOST; bytes += bytes / 8 + 1) {
        weir_context *cx = weir_context_new();
        assert_non_null(cx);
        weir_status status = check_within(bytes, refused % 2 != 0, cx);
        if (status == WEIR_OK) {
            enough = bytes;
        } else {
            assert_int_equal(status, WEIR_LIMIT);
            assert_int_equal(cx->diag.n_errors, 1);
            assert_int_equal(cx->diag.list.at[0].id, E_LIMIT);
            assert_non_null(strstr(cx->diag.list.at[0].message, "--max-memory"));
            refused++;
        }
        weir_context_free(cx);
    }
    assert_true(enough != 0 && refused > 50);
}

/* Buffers count together, and no more once they are freed. */
static void buffers_count_together(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    assert_non_null(cx);
    jmp_buf pad;
    cx->arena.pad = &pad;
    cx->limits.memory_bytes = 10000;
    if (setjmp(pad) == 0) {
        void *first = context_buffer(cx, 6000);
        context_buffer_free(cx, first);
        (void)context_buffer(cx, 6000);
        assert_int_equal(cx->buffer_bytes, 6000);
        assert_int_equal(cx->diag.n_errors, 0);
        (void)context_buffer(cx, 4001);
        fail_msg("10001 bytes within a limit of 10000");
    }
    assert_int_equal(cx->diag.n_errors, 1);
    assert_string_equal(cx->diag.list.at[0].message, "bytes of memory: 10001 exceeds the limit of 10000 (--max-memory)");
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_a_check),
        cmocka_unit_test(buffers_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
