/* What most unit tests begin with: one context a test, the bundled machines, good calls, texts as sources. */
#ifndef WEIR_TESTS_UNIT_UNIT_H
#define WEIR_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/cascade.h"

static weir_context *cx;

static inline int setup(void **state)
{
    (void)state;
    setenv("WEIR_MACHINES", WEIR_SOURCE_DIR "/machines", 1);
    cx = weir_context_new();
    return cx == NULL;
}

static inline int teardown(void **state)
{
    (void)state;
    weir_context_free(cx);
    return 0;
}

static inline void good(weir_status status)
{
    if (status != WEIR_OK)
        diagnostics_print(&cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
}

static inline const Source *text_source(const char *text)
{
    Source *source = ARENA_NEW(&cx->arena, Source);
    *source = (Source){"text", text, strlen(text)};
    return source;
}

/* The only cascade of a text. */
static inline Cascade *cascade_of(const Source *source)
{
    uint32_t n;
    Cascade **cascades;
    good(cascade_parse(cx, source, &n, &cascades));
    assert_int_equal(n, 1);
    return cascades[0];
}

#endif
