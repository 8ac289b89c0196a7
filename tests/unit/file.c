/* Files: mapped, limited, written whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/file.h"

typedef struct Fixture {
    weir_context *cx;
    char folder[64], path[96];
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->cx = weir_context_new();
    strcpy(f->folder, "/tmp/weir-file-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/x", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    unlink(f->path);
    int left = rmdir(f->folder); /* fails if a temporary file was left */
    weir_context_free(f->cx);
    free(f);
    return left;
}

static void round_trip(void **state)
{
    Fixture *f = *state;
    MappedFile file;
    const Source *source;
    for (size_t n = 0; n < 3; n++) {
        assert_int_equal(file_write(f->cx, f->path, "ab", n), WEIR_OK);
        assert_int_equal(file_map(f->cx, f->path, &file), WEIR_OK);
        assert_int_equal(file.bytes, n);
        assert_int_equal(file_source(f->cx, f->path, &source), WEIR_OK);
        assert_int_equal(strlen(source->text), n);
        assert_int_equal(memcmp(source->text, "ab", n), 0);
    }
}

static void refusals(void **state)
{
    Fixture *f = *state;
    MappedFile file;
    assert_int_equal(file_map(f->cx, f->path, &file), WEIR_MALFORMED);
    assert_int_equal(f->cx->diag.list.at[0].id, E_OPEN);
    assert_int_equal(file_map(f->cx, f->folder, &file), WEIR_MALFORMED);
    assert_int_equal(f->cx->diag.list.at[1].id, E_READ);
    assert_int_equal(file_write(f->cx, f->path, "12345678", 8), WEIR_OK);
    f->cx->limits.file_bytes = 7;
    assert_int_equal(file_map(f->cx, f->path, &file), WEIR_LIMIT);
    assert_int_equal(f->cx->diag.list.at[2].id, E_LIMIT);
    assert_int_equal(file_write(f->cx, f->folder, "1", 1), WEIR_MALFORMED);
    assert_int_equal(f->cx->diag.list.at[3].id, E_WRITE);
    assert_int_equal(file_write(f->cx, "/nowhere/at/all", "1", 1), WEIR_MALFORMED);
    assert_int_equal(file_write(f->cx, "/dev/null", "1", 1), WEIR_OK);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(file_write(f->cx, "/dev/full", "1", 1), WEIR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
