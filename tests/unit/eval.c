/*
 * tests/unit/eval.c: the rules of values, one small cascade each: text, inputs, the outputs as expect_write prints them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ir/expect.h"

typedef struct Case {
    const char *name, *text, *inputs;
    const char *want; /* NULL: traps */
    bool real;
} Case;

static const Case cases[] = {
    {"shifts", "rank i = 5 in A[i] : i32 in B[i] : i32 out L[i] : i32 = shl(A[i], B[i]) out R[i] : i32 = shr(A[i], B[i])",
     "in A : i32 [5]\n 1 -8 -8 3 -1\nin B : i32 [5]\n 31 1 40 -1 32\n",
     "typed L : i32 [5]\n  -2147483648 -16 0 0 0\ntyped R : i32 [5]\n  0 -4 -1 0 -1\n", false},
    {"narrow integers wrap",
     "rank i = 4 in A[i] : u8 in B[i] : i8 out P[i] : u8 = A[i] * A[i] + 1 out N[i] : i8 = -B[i] out M[i] : i8 = abs(B[i]) "
     "out S[i] : u8 = shr(A[i], 1) out T[i] : u8 = bit_not(A[i])",
     "in A : u8 [4]\n 255 16 3 0\nin B : i8 [4]\n -128 127 0 -1\n",
     "typed P : u8 [4]\n  2 1 10 1\ntyped N : i8 [4]\n  -128 -127 0 1\ntyped M : i8 [4]\n  -128 127 0 1\n"
     "typed S : u8 [4]\n  127 8 1 0\ntyped T : u8 [4]\n  0 239 252 255\n", false},
    {"wide unsigned",
     "rank i = 3 in A[i] : u64 in B[i] : u64 out L[i] : bool = A[i] < B[i] out Q[i] : u64 = idiv(A[i], B[i]) "
     "out M[i] : u64 = max(A[i], B[i]) out F[i] : f32 = f32(A[i]) out U[i] : u32 = u32(A[i]) out S[i] : i64 = i64.sat(A[i])",
     "in A : u64 [3]\n 18446744073709551615 1 0\nin B : u64 [3]\n 2 18446744073709551615 0\n",
     "typed L : bool [3]\n  false true false\ntyped Q : u64 [3]\n  9223372036854775807 0 0\n"
     "typed M : u64 [3]\n  18446744073709551615 18446744073709551615 0\ntyped F : f32 [3]\n  0x1p+64 0x1p+0 0x0p+0\n"
     "typed U : u32 [3]\n  4294967295 1 0\ntyped S : i64 [3]\n  9223372036854775807 1 0\n", false},
    {"integer powers", "rank i = 5 in A[i] : i32 in B[i] : i32 out P[i] : i32 = pow(A[i], B[i])",
     "in A : i32 [5]\n 3 -2 2 -1 5\nin B : i32 [5]\n 4 3 32 -3 -1\n", "typed P : i32 [5]\n  81 -8 0 -1 0\n", false},
    {"casts of floats",
     "rank i = 6 in A[i] : f32 out P[i] : i8 = i8(A[i]) out U[i] : u8 = u8.sat(A[i]) out W[i] : i64 = i64(A[i]) "
     "out B[i] : bool = bool(A[i]) out H[i] : f16 = f16(A[i])",
     "in A : f32 [6]\n 2.9 -2.9 300 -inf nan 65520\n",
     "typed P : i8 [6]\n  2 -2 127 -128 0 127\ntyped U : u8 [6]\n  2 0 255 0 0 255\n"
     "typed W : i64 [6]\n  2 -2 300 -9223372036854775808 0 65520\n"
     "typed B : bool [6]\n  true true true true true true\ntyped H : f16 [6]\n  0x1.734p+1 -0x1.734p+1 0x1.2cp+8 -inf nan inf\n",
     false},
    {"one rounding from integers", "rank i = 2 in A[i] : i64 out H[i] : bf16 = bf16(A[i]) out F[i] : f32 = f32(A[i])",
     "in A : i64 [2]\n 4311744513 9007199791611905\n",
     "typed H : bf16 [2]\n  0x1.02p+32 0x1p+53\ntyped F : f32 [2]\n  0x1.01p+32 0x1.000002p+53\n", false},
    {"storage types",
     "rank i = 4 in A[i] : f32 out P[i] : f8e4m3fn = f8e4m3fn(A[i]) out S[i] : f8e4m3fn = f8e4m3fn.sat(A[i]) "
     "out U[i] : e8m0 = e8m0.up(A[i]) out D[i] : e8m0 = e8m0.down(A[i])",
     "in A : f32 [4]\n 500 1.06 3 0.3\n",
     "typed P : f8e4m3fn [4]\n  nan 0x1p+0 0x1.8p+1 0x1.4p-2\ntyped S : f8e4m3fn [4]\n  0x1.cp+8 0x1p+0 0x1.8p+1 0x1.4p-2\n"
     "typed U : e8m0 [4]\n  0x1p+9 0x1p+1 0x1p+2 0x1p-1\ntyped D : e8m0 [4]\n  0x1p+8 0x1p+0 0x1p+1 0x1p-2\n", false},
    {"f16 rounds every operation", "rank i = 2 in A[i] : f16 out P[i] : f16 = A[i] * A[i] + 1.0 out D[i] : f16 = A[i] / 3.0",
     "in A : f16 [2]\n 0x1.004p+0 300\n",
     "typed P : f16 [2]\n  0x1.004p+1 inf\ntyped D : f16 [2]\n  0x1.55cp-2 0x1.9p+6\n", false},
    {"max and min", "rank i = 4 in A[i] : f32 in B[i] : f32 out H[i] : f32 = max(A[i], B[i]) out L[i] : f32 = min(A[i], B[i]) "
     "out M[] : f32 = max[i] A[i]",
     "in A : f32 [4]\n -0 0 1 2\nin B : f32 [4]\n 0 -0x0p+0 nan 1\n",
     "typed H : f32 [4]\n  0x0p+0 0x0p+0 nan 0x1p+1\ntyped L : f32 [4]\n  -0x0p+0 -0x0p+0 nan 0x1p+0\n"
     "typed M : f32 []\n  0x1p+1\n", false},
    {"argmax with NaN",
     "rank r = 3, c = 3 in A[r, c] : f32 out F[r] : i64 = argmax[c] A[r, c] out L[r] : i64 = argmin.last[c] A[r, c] "
     "out E[r] : i64 = argmax[c | c > 5] A[r, c]",
     "in A : f32 [3, 3]\n 1 nan nan  -0 0 -0x0p+0  3 1 2\n",
     "typed F : i64 [3]\n  1 0 0\ntyped L : i64 [3]\n  2 2 1\ntyped E : i64 [3]\n  -1 -1 -1\n", false},
    {"sums start at +0", "rank i = 2, k = 4 in A[i, k] : f32 in Z[] : f32 out S[i] : f32 = sum[k] A[i, k] "
     "out T[i] : f32 = sum.tree[k] A[i, k] out F[i] : f32 = sum[k from Z[]] A[i, k] out C[i] : f32 = sum[k | k > i] A[i, k]",
     "in A : f32 [2, 4]\n -0x0p+0 -0x0p+0 -0x0p+0 -0x0p+0  1 2 3 4\nin Z : f32 []\n -0x0p+0\n",
     "typed S : f32 [2]\n  0x0p+0 0x1.4p+3\ntyped T : f32 [2]\n  -0x0p+0 0x1.4p+3\ntyped F : f32 [2]\n  -0x0p+0 0x1.4p+3\n"
     "typed C : f32 [2]\n  0x0p+0 0x1.cp+2\n", false},
    {"order of a sum", "rank k = 4 in A[k] : f32 out S[] : f32 = sum[k] A[k] out T[] : f32 = sum.tree[k] A[k] "
     "out P[] : f32 = sum.pairs[k] A[k]",
     "in A : f32 [4]\n 0x1p+24 1 -0x1p+24 1\n", "typed S : f32 []\n  0x1p+0\ntyped T : f32 []\n  0x1p+1\ntyped P : f32 []\n  0x1p+0\n",
     false},
    {"order is ignored for reals", "rank k = 4 in A[k] : f32 out S[] : f32 = sum[k] A[k] out P[] : f32 = sum.pairs[k] A[k]",
     "in A : f32 [4]\n 0x1p+24 1 -0x1p+24 1\n", "real S : f32 []\n  0x1p+1\nreal P : f32 []\n  0x1p+1\n", true},
    {"fma", "rank i = 2, k = 2 in A[i, k] : f32 out S[i] : f32 = sum[k] A[i, k] * A[i, k] out F[i] : f32 = sum.fma[k] A[i, k] * A[i, k] "
     "in C[i] : f32 out G[i] : f32 = fma(A[i, 0], A[i, 0], C[i])",
     "in A : f32 [2, 2]\n 0x1.000002p+0 0x1.000002p+0 1 2\nin C : f32 [2]\n -0x1.000004p+0 1\n",
     "typed S : f32 [2]\n  0x1.000004p+1 0x1.4p+2\ntyped F : f32 [2]\n  0x1.000004p+1 0x1.4p+2\ntyped G : f32 [2]\n  0x1p-46 0x1p+1\n",
     false},
    {"accumulators widen", "rank k = 3 in A[k] : u8 in Z[] : u8 in B[k] : i8 out S[] : i32 = sum.i32[k] (A[k] - Z[]) * B[k] "
     "out W[] : u8 = sum[k] A[k]",
     "in A : u8 [3]\n 0 255 200\nin Z : u8 []\n 100\nin B : i8 [3]\n -128 127 1\n",
     "typed S : i32 []\n  32585\ntyped W : u8 []\n  199\n", false},
    {"empty reductions",
     "in N[] : i64 rank k <= 4 = N[] rank i = 1 in A[i, k] : f32 in B[i, k] : i8 in C[i, k] : bool out S[i] : f32 = sum[k] A[i, k] "
     "out P[i] : f32 = prod[k] A[i, k] out H[i] : f32 = max[k] A[i, k] out L[i] : i8 = min[k] B[i, k] out Y[i] : bool = any[k] C[i, k] "
     "out Z[i] : bool = all[k] C[i, k]",
     "in N : i64 []\n 0\nin A : f32 [1, 0]\n\nin B : i8 [1, 0]\n\nin C : bool [1, 0]\n",
     "typed S : f32 [1]\n  0x0p+0\ntyped P : f32 [1]\n  0x1p+0\ntyped H : f32 [1]\n  -inf\ntyped L : i8 [1]\n  127\n"
     "typed Y : bool [1]\n  false\ntyped Z : bool [1]\n  true\n", false},
    {"NaN is canonical when made, kept when moved",
     "rank i = 2 in A[i] : f32 in B[i] : i32 out M[i] : i32 = i32.bits(A[i] * 0.0) out K[i] : i32 = i32.bits(f32.bits(B[i])) "
     "out S[i] : i32 = i32.bits(select(B[i] == 0, A[i], f32.bits(B[i]))) out N[i] : i32 = i32.bits(-f32.bits(B[i]))",
     "in A : f32 [2]\n inf -inf\nin B : i32 [2]\n 2143294721 -4194303\n",
     "typed M : i32 [2]\n  2143289344 2143289344\ntyped K : i32 [2]\n  2143294721 -4194303\n"
     "typed S : i32 [2]\n  2143294721 -4194303\ntyped N : i32 [2]\n  -4188927 2143289345\n", false},
    {"signs and rounding", "rank i = 4 in A[i] : f32 out S[i] : f32 = sign(A[i]) out R[i] : f32 = round_even(A[i]) out F[i] : f32 = floor(A[i]) "
     "out T[i] : f32 = trunc(A[i])",
     "in A : f32 [4]\n -0x0p+0 nan 2.5 -1.5\n",
     "typed S : f32 [4]\n  -0x0p+0 nan 0x1p+0 -0x1p+0\ntyped R : f32 [4]\n  -0x0p+0 nan 0x1p+1 -0x1p+1\n"
     "typed F : f32 [4]\n  -0x0p+0 nan 0x1p+1 -0x1p+1\ntyped T : f32 [4]\n  -0x0p+0 nan 0x1p+1 -0x1p+0\n", false},
    {"scatter in order", "rank i = 3, n = 4 in X[i] : f32 in I[n] : i64 in U[n] : f32 out S[i] : f32 = X[i] then set [I[n]] <- U[n] "
     "out P[i] : f32 = X[i] then prod [I[n]] <- U[n] out C[i] : f32 = X[i] then sum [I[n] | n != 1] <- U[n]",
     "in X : f32 [3]\n 1 2 3\nin I : i64 [4]\n 0 2 0 2\nin U : f32 [4]\n 10 20 30 40\n",
     "typed S : f32 [3]\n  0x1.ep+4 0x1p+1 0x1.4p+5\ntyped P : f32 [3]\n  0x1.2cp+8 0x1p+1 0x1.2cp+11\n"
     "typed C : f32 [3]\n  0x1.48p+5 0x1p+1 0x1.58p+5\n", false},
    {"scatter outside traps", "rank i = 3, n = 2 in X[i] : f32 in I[n] : i64 in U[n] : f32 out S[i] : f32 = X[i] then set [I[n]] <- U[n]",
     "in X : f32 [3]\n 1 2 3\nin I : i64 [2]\n 0 3\nin U : f32 [2]\n 1 2\n", NULL, false},
    {"no steps", "in A[] : f32 in N[] : i32 iterate t < 5 = N[] { X[0] = A[] X[t+1] = X[t] * 2.0 } out Y[] : f32 = X[count(t)] "
     "out K[] : i64 = count(t)",
     "in A : f32 []\n 3\nin N : i32 []\n -7\n", "typed Y : f32 []\n  0x1.8p+1\ntyped K : i64 []\n  0\n", false},
    {"too many steps trap", "in A[] : f32 in N[] : i32 iterate t < 5 = N[] { X[0] = A[] X[t+1] = X[t] * 2.0 } out Y[] : f32 = X[count(t)]",
     "in A : f32 []\n 3\nin N : i32 []\n 6\n", NULL, false},
    {"regions nest", "rank i = 2 in A[i] : f32 iterate t < 3 { S[0, i] = 0.0 iterate u < 2 { P[0, i] = S[t, i] P[u+1, i] = P[u, i] + A[i] } "
     "S[t+1, i] = P[count(u), i] * 2.0 } out Y[i] : f32 = S[count(t), i]",
     "in A : f32 [2]\n 1 2\n", "typed Y : f32 [2]\n  0x1.cp+4 0x1.cp+5\n", false},
    {"extents at run time", "in N[] : i64 rank q <= 6 = N[] rank k = 6 in A[q] : f32 out R[q] : f32 = A[N[] - 1 - q] out P[k] : f32 = A[k - 1]?9 "
     "out S[] : f32 = sum[q] A[q]",
     "in N : i64 []\n 3\nin A : f32 [6]\n 1 2 3 4 5 6\n",
     "typed R : f32 [3]\n  0x1.8p+1 0x1p+1 0x1p+0\ntyped P : f32 [6]\n  0x1.2p+3 0x1p+0 0x1p+1 0x1.8p+1 0x1.2p+3 0x1.2p+3\n"
     "typed S : f32 []\n  0x1.8p+2\n", false},
    {"an extent beyond its bound traps", "in N[] : i64 rank q <= 6 = N[] in A[q] : f32 out S[] : f32 = sum[q] A[q]",
     "in N : i64 []\n 7\nin A : f32 [6]\n 1 2 3 4 5 6\n", NULL, false},
    {"padding is multiplied", "rank i = 3, k = 3 in X[i] : f32 in W[k] : f32 out Y[i] : f32 = sum[k] X[i + k - 1]?0 * W[k]",
     "in X : f32 [3]\n 1 2 3\nin W : f32 [3]\n inf 1 1\n", "typed Y : f32 [3]\n  nan inf inf\n", false},
    {"topk", "rank i = 2, n = 4, k = 2 in X[i, n] : f32 V[i, k], J[i, k] : i64 = host topk(X[i, n], axis = 1, largest = 1) "
     "out A[i, k] : f32 = V[i, k] out B[i, k] : i64 = J[i, k]",
     "in X : f32 [2, 4]\n 1 3 3 2  5 nan 1 5\n",
     "typed A : f32 [2, 2]\n  0x1.8p+1 0x1.8p+1 nan 0x1.4p+2\ntyped B : i64 [2, 2]\n  1 2 1 0\n", false},
    {"requantisation of ties", "rank i = 4 in A[i] : i32 in S[] : f32 in T[] : f32 in U[] : f32 out Y[i] : f64 = requant(A[i], S[], T[], U[])",
     "in A : i32 [4]\n 1 3 -5 2147483647\nin S : f32 []\n 0.5\nin T : f32 []\n 1\nin U : f32 []\n 1\n",
     "typed Y : f64 [4]\n  0x0p+0 0x1p+1 -0x1p+1 0x1p+30\n", false},
    {"few lanes, many terms",
     "rank k = 1000 in A[k] : f32 out S[] : f32 = sum[k | k % 2 == 0] A[k] out M[] : f32 = max[k] abs(A[k]) out J[] : i64 = argmax[k] A[k]",
     "in A : f32 [1000] = seeded(3, ints, 50)\n", "typed S : f32 []\n  -0x1.b9p+8\ntyped M : f32 []\n  0x1.9p+5\ntyped J : i64 []\n  119\n", false},
};

/* Parses, reads, runs; the outputs as text. */
static weir_status run_text(weir_context *cx, const Case *c, Text *out)
{
    Source *text = ARENA_NEW(&cx->arena, Source), *inputs = ARENA_NEW(&cx->arena, Source);
    text->path = c->name;
    text->text = arena_printf(&cx->arena, "cascade t {\n%s\n}\n", c->text);
    text->bytes = strlen(text->text);
    *inputs = (Source){"inputs", c->inputs, strlen(c->inputs)};
    uint32_t n;
    Cascade **cs;
    TRY(cascade_parse(cx, text, &n, &cs));
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, cs[0]->tensors.n);
    TRY(expect_read(cs[0], inputs, values));
    EvalOptions options = {.system = c->real ? EVAL_REAL : EVAL_TYPED};
    TRY(eval_cascade(cs[0], &options, values));
    for (uint32_t t = 1; t < cs[0]->tensors.n; t++)
        if (tensor_at(cs[0], (TensorId){t})->is_out)
            expect_write(out, c->real ? "real" : "typed", tensor_name(cs[0], (TensorId){t}),
                         tensor_at(cs[0], (TensorId){t})->type, &values[t]);
    return WEIR_OK;
}

static weir_status run_guarded(weir_context *cx, const Case *c, Text *out)
{
    jmp_buf pad;
    cx->arena.pad = &pad;
    int jumped = setjmp(pad);
    return jumped != 0 ? (weir_status)jumped : run_text(cx, c, out);
}

static void rules(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_context *cx = weir_context_new();
        Text out;
        text_init(&out, &cx->arena);
        weir_status status = run_guarded(cx, &cases[i], &out);
        bool trap = cases[i].want == NULL;
        bool ok = trap ? status == WEIR_INVALID && cx->diag.list.n == 1 && cx->diag.list.at[0].id == E_TRAP
                       : status == WEIR_OK && strcmp(out.at, cases[i].want) == 0;
        if (!ok) {
            print_error("%s: status %d\n%s", cases[i].name, (int)status, status == WEIR_OK ? out.at : "");
            diagnostics_print(&cx->diag, stderr, false);
            wrong++;
        }
        weir_context_free(cx);
    }
    assert_int_equal(wrong, 0);
}

/* Evaluating items of a list being built: constants folded many times, each call cheap. */
static void items(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    Cascade *cs = cascade_new(cx, "t");
    RankId i = cascade_rank(cs, "i", 3);
    Tensor value = tensor_new(cx, DT_I64, 1, &(int64_t){3});
    for (int64_t k = 0; k < 3; k++)
        ((int64_t *)value.data)[k] = k + 5;
    TensorId a = cascade_constant(cs, "A", &value, &i);
    TensorId b = cascade_tensor(cs, TENSOR_TMP, "B", DT_I64, 1, &i);
    StatementId first = st_define(cs, b, ex_binary(cs, FN_MUL, ex_access_ranks(cs, a, 1, &i), ex_index(cs, i)), (Name){0});
    TensorId c = cascade_tensor(cs, TENSOR_TMP, "C", DT_I64, 0, NULL);
    StatementId second = st_reduce(cs, c, RED_SUM, 1, &i, ex_access_ranks(cs, b, 1, &i), (Name){0});
    StatementId list[2] = {first, second};
    for (int repeat = 0; repeat < 1000; repeat++) {
        Tensor values[8] = {{0}};
        assert_true(cs->tensors.n <= 8);
        assert_int_equal(eval_items(cs, EVAL_TYPED, list, 2, values), WEIR_OK);
        assert_int_equal(((int64_t *)values[c.i].data)[0], 0 * 5 + 1 * 6 + 2 * 7);
        assert_int_equal(((int64_t *)values[b.i].data)[2], 14);
        context_buffer_free(cx, values[b.i].data);
        context_buffer_free(cx, values[c.i].data);
    }
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rules), cmocka_unit_test(items)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
