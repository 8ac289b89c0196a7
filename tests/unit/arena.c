/* The arena, names and vectors: what callers rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "support/context.h"

static void alignment_and_zero(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    for (size_t n = 0; n < 70; n++) {
        unsigned char *p = arena_alloc(&arena, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        for (size_t i = 0; i < n; i++)
            p[i] = 0xff;
    }
    assert_int_equal((uintptr_t)arena_alloc(&arena, 1u << 20) % 64, 0);
    arena_release(&arena);
}

static void failure_jumps_to_the_pad(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    jmp_buf pad;
    arena.pad = &pad;
    arena.fail_at = 3;
    int status = setjmp(pad);
    if (status == 0) {
        for (int i = 0; i < 10; i++)
            arena_alloc(&arena, 8);
        fail();
    }
    assert_int_equal(status, WEIR_NO_MEMORY);
    assert_int_equal(arena.allocations, 3);
    arena_release(&arena);
}

static void names_are_equal_by_text(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    assert_non_null(cx);
    Name first = cx_intern(cx, "rank_0", 6);
    char text[16];
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(text, sizeof text, "rank_%d", i);
        Name a = cx_intern(cx, text, (size_t)n);
        assert_string_equal(cx_text(cx, a), text);
    }
    assert_int_equal(cx_intern(cx, "rank_0", 6).i, first.i);
    assert_int_equal(intern_find(&cx->names, "nobody", 6).i, 0);
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alignment_and_zero),
        cmocka_unit_test(failure_jumps_to_the_pad),
        cmocka_unit_test(names_are_equal_by_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
