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
        text_printf(&text, "cascade t {\nrank i = 3, j = 37, k = 9, d = 2, q0 = 111\nin A[i, j] : %s\nin D[j] : bool\n", types[k]);
        text_printf(&text, "rank q <= 111 = NQ[], r <= 37 = NR[], u <= 111 = NU[], w <= 37 = NW[]\n");
        text_printf(&text, "U[u] : %s, UF[u] : i64, UI[q0] : i64, UC[u] : i64, NU[] : i64 = host unique(A[i, j], sorted = 0)\n", types[k]);
        text_printf(&text, "W[i, w] : %s, WF[w] : i64, WI[j] : i64, WC[w] : i64, NW[] : i64 = host unique(A[i, j], axis = 1, sorted = 1)\n", types[k]);
        text_printf(&text, "TV[i, k] : %s, TP[i, k] : i64 = host topk(A[i, j], axis = 1, largest = 1)\n", types[k]);
        text_printf(&text, "LV[i, k] : %s, LP[i, k] : i64 = host topk(A[i, j], axis = 1, largest = 0)\n", types[k]);
        text_printf(&text, "SV[i, j] : %s, SP[i, j] : i64 = host sort(A[i, j], axis = 0, descending = 1)\n", types[k]);
        text_printf(&text, "P[q, d] : i64, NQ[] : i64 = host nonzero(A[i, j])\n");
        text_printf(&text, "C[i, r] : %s, NR[] : i64 = host compress(A[i, j], D[j], axis = 1)\n", types[k]);
        if (k < 4) {
            text_printf(&text, "rank b = 2, x = 9, c = 2, four = 4, n = 4, m = 4, three = 3, z <= 20 = NZ[]\n"
                               "in B[b, x, four] : %s\nin S[b, c, x] : %s\nin M[b, n, m] : %s\n", types[k], types[k], types[k]);
            text_printf(&text, "Z[z, three] : i64, NZ[] : i64 = host nms(B[b, x, four], S[b, c, x], max_output = 5, iou = 0.3, score = 0.1)\n"
                               "out OZ[z, three] : i64 = Z[z, three]\n"
                               "E[b] : %s = host det(M[b, n, m])\nout OE[b] : %s = E[b]\n", types[k], types[k]);
        }
        static const char *const outs[] = {"TV[i, k]", "LV[i, k]", "SV[i, j]", "C[i, r]", "U[u]", "W[i, w]"}, *const places[] = {"TP[i, k]", "LP[i, k]", "SP[i, j]", "P[q, d]", "UI[q0]", "WI[j]"};
        for (uint32_t o = 0; o < COUNT(outs); o++)
            text_printf(&text, "out O%s : %s = %s\nout O%s : i64 = %s\n", outs[o], types[k], outs[o], places[o], places[o]);
        text_printf(&text, "out OUF[u] : i64 = UF[u] + UC[u]\nout OWF[w] : i64 = WF[w] + WC[w]\n");
        text_printf(&text, "}\n");
        on_edges(text.at);
    }
}

/* Storage types: from and to the others, on a grid with every tie near zero, at the ends. */
static void codes(void **state)
{
    (void)state;
    static const char *const types[] = {"f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f6e3m2", "f6e2m3", "f4e2m1", "e8m0"};
    static const char *const others[] = {"f64", "f32", "f16", "bf16", "i32", "i16", "i8", "u8", "bool"};
    Text text;
    text_init(&text, &cx->arena);
    text_printf(&text, "cascade t {\nrank i = 6000, e = %d\nin A[e] : f32\n", EDGES);
    text_printf(&text, "out G[i] : f32 = f32(index(i) - 3000) * 0.015625\n"
                       "out H[i] : f32 = G[i] * G[i] * G[i]\n");
    for (uint32_t k = 0; k < COUNT(types); k++) {
        static const char *const modes[] = {"", ".sat", ".up", ".down"};
        bool scale = types[k][0] == 'e', clamps = types[k][1] == '8' && !scale;
        for (uint32_t m = 0; m < COUNT(modes); m++) {
            if ((m == 1 && !clamps) || (m > 1 && !scale))
                continue;
            text_printf(&text, "out C_%s_%u[i] : %s = %s%s(G[i])\nout D_%s_%u[i] : f32 = f32(%s%s(H[i]))\n", types[k], m, types[k], types[k],
                        modes[m], types[k], m, types[k], modes[m]);
        }
        for (uint32_t o = 0; o < COUNT(others); o++) {
            text_printf(&text, "out T_%s_%s[e] : %s = %s(%s(A[e]))\n", types[k], others[o], others[o], others[o], types[k]);
            text_printf(&text, "out F_%s_%s[e] : f32 = f32(%s(%s(A[e])))\n", types[k], others[o], types[k], others[o]);
        }
    }
    text_printf(&text, "}\n");
    on_edges(text.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {FORMS, CASE(host_operations), CASE(codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
