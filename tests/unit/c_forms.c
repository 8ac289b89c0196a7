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

/* By ties, NaN, both zeros, bytes of every width; counts that give the extents of other targets. */
static void host_operations(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f64", "f16", "bf16", "i64", "i8", "u64", "u16"};
    for (uint32_t k = 0; k < COUNT(types); k++) {
        Text text;
        text_init(&text, &cx->arena);
        text_printf(&text, "cascade t {\nrank i = 3, j = 37, k = 9, d = 2\nin A[i, j] : %s\nin D[j] : bool\n", types[k]);
        text_printf(&text, "rank q <= 111 = NQ[], r <= 37 = NR[]\n");
        text_printf(&text, "TV[i, k] : %s, TP[i, k] : i64 = host topk(A[i, j], axis = 1, largest = 1)\n", types[k]);
        text_printf(&text, "LV[i, k] : %s, LP[i, k] : i64 = host topk(A[i, j], axis = 1, largest = 0)\n", types[k]);
        text_printf(&text, "SV[i, j] : %s, SP[i, j] : i64 = host sort(A[i, j], axis = 0, descending = 1)\n", types[k]);
        text_printf(&text, "P[q, d] : i64, NQ[] : i64 = host nonzero(A[i, j])\n");
        text_printf(&text, "C[i, r] : %s, NR[] : i64 = host compress(A[i, j], D[j], axis = 1)\n", types[k]);
        static const char *const outs[] = {"TV[i, k]", "LV[i, k]", "SV[i, j]", "C[i, r]"}, *const places[] = {"TP[i, k]", "LP[i, k]", "SP[i, j]", "P[q, d]"};
        for (uint32_t o = 0; o < COUNT(outs); o++)
            text_printf(&text, "out O%s : %s = %s\nout O%s : i64 = %s\n", outs[o], types[k], outs[o], places[o], places[o]);
        text_printf(&text, "}\n");
        on_edges(text.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {FORMS, CASE(host_operations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
