/* The dataflow simulator: the hand-traced vector add, matrix product and softmax programs, deadlock, checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "ir/elementary.h"
#include "isa/rdu/make.h"
#include "isa/rdu/sim.h"
#include "support/file.h"

typedef struct Case {
    weir_context *cx;
    Image image;
    RduMachine machine;
    unsigned char *buffers[8];
    RduResult result;
} Case;

static void open_text(Case *c, const char *text)
{
    Source source = {.path = "test", .text = text, .bytes = strlen(text)};
    c->cx = weir_context_new();
    weir_status status = image_assemble(c->cx, &source, &c->image);
    diagnostics_print(&c->cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    assert_int_equal(rdu_machine_named(c->cx, c->image.machine, &c->machine), WEIR_OK);
    for (uint32_t i = 0; i < c->image.tensors.n; i++)
        c->buffers[i] = context_buffer(c->cx, c->image.tensors.at[i].bytes);
}

static void open_sample(Case *c, const char *name)
{
    char path[512];
    const Source *source = NULL;
    weir_context *cx = weir_context_new();
    snprintf(path, sizeof path, "%s/samples/rdu/%s", WEIR_SOURCE_DIR, name);
    assert_int_equal(file_source(cx, path, &source), WEIR_OK);
    open_text(c, source->text);
    weir_context_free(cx);
}

static weir_status run(Case *c, RduMode mode)
{
    weir_status status = rdu_sim(c->cx, &c->image, &c->machine, mode, c->buffers, NULL, &c->result);
    if (status != WEIR_OK && c->cx->diag.n_errors == 0)
        fail_msg("a failure without a diagnostic");
    return status;
}

static float *floats(Case *c, const char *name)
{
    int row = image_tensor_named(&c->image, name);
    assert_true(row >= 0);
    return (float *)(void *)c->buffers[row];
}

static void vector_add_takes_120_cycles(void **state)
{
    (void)state;
    static const struct {
        uint32_t outstanding;
        int64_t cycles;
    } traced[] = {{1, 366}, {2, 194}, {4, 120}, {8, 106}};
    for (int i = 0; i < 4; i++) {
        Case c = {0};
        open_sample(&c, "vadd.rdu");
        c.machine.outstanding = traced[i].outstanding;
        for (int k = 0; k < 64; k++) {
            floats(&c, "a")[k] = (float)k * 0.1f;
            floats(&c, "b")[k] = (float)(k * k) * 0.3f;
        }
        assert_int_equal(run(&c, RDU_BOTH), WEIR_OK);
        assert_int_equal(c.result.cycles, traced[i].cycles);
        assert_int_equal(c.result.bytes[0], 768);
        for (int k = 0; k < 64; k++)
            assert_true(floats(&c, "y")[k] == (float)k * 0.1f + (float)(k * k) * 0.3f);
        for (uint32_t u = 0; u < c.result.kernels[0].n_units; u++) {
            const RduCounters *n = &c.result.kernels[0].units[u];
            assert_int_equal(n->fire + n->starve + n->stall + n->conflict + n->server + n->idle, c.result.cycles);
        }
        weir_context_free(c.cx);
    }
}

/* Ascending fma from +0, bit for bit, whatever the mode. */
static void matrix_product_is_exact(void **state)
{
    (void)state;
    for (int mode = RDU_VALUES; mode <= RDU_BOTH; mode += 2) {
        Case c = {0};
        open_sample(&c, "gemm.rdu");
        float a[8][16], b[16][8];
        for (int i = 0; i < 8; i++)
            for (int k = 0; k < 16; k++) {
                a[i][k] = sinf((float)(i * 16 + k));
                b[k][i] = cosf((float)(i * 16 + k)) * 3.0f;
                floats(&c, "ap")[(i / 2 * 16 + k) * 2 + i % 2] = a[i][k];
                floats(&c, "b")[k * 8 + i] = b[k][i];
            }
        assert_int_equal(run(&c, (RduMode)mode), WEIR_OK);
        for (int i = 0; i < 8; i++)
            for (int j = 0; j < 8; j++) {
                float sum = 0.0f;
                for (int k = 0; k < 16; k++)
                    sum = fmaf(a[i][k], b[k][j], sum);
                assert_true(floats(&c, "y")[i * 8 + j] == sum);
            }
        assert_int_equal(c.result.macs, 8 * 8 * 16);
        weir_context_free(c.cx);
    }
}

static void time_alone_equals_time_with_values(void **state)
{
    (void)state;
    Case c = {0};
    open_sample(&c, "gemm.rdu");
    assert_int_equal(run(&c, RDU_TIME), WEIR_OK);
    int64_t cycles = c.result.cycles;
    assert_int_equal(run(&c, RDU_BOTH), WEIR_OK);
    assert_int_equal(c.result.cycles, cycles);
    /* 1,280 bytes at 8 a cycle: 160 cycles; the loads go first, so the array starts late. */
    assert_in_range(cycles, 160, 420);
    weir_context_free(c.cx);
}

/* A chain of two arrays over k with a bias vector: init from b, then partial tiles; relu in the tail. */
static void chain_with_bias_and_relu(void **state)
{
    (void)state;
    static const char text[] =
        ".rdu 1 machine=tiny\n.tensor x f32 16\n.tensor w f32 32\n.tensor b f32 4\n.tensor y f32 8 out\n.kernel k\n"
        "ag A0 at 0,0 read x\n loop h 2\n loop k 4\n addr h*16+k*4\n lanes 2\n lane 32\n out 0 = v -> fx\nend\n"
        "ag A1 at 0,2 read w\n loop h 2\n loop k 4\n addr h*64+k*16\n out 0 = v -> fw\nend\n"
        "ag A2 at 0,1 read b\n addr 0\n out 0 = v -> fb\nend\n"
        "pcu P0 at 1,1 sys\n loop t 1\n loop h 2\n loop k 4\n in 0 = fx\n in 1 = fw\n in 2 = fb @t\n mac @t init in2\n"
        " tail relu\n out 0 = t -> fy\nend\n"
        "ag A3 at 0,3 write y\n loop r 2\n addr r*16\n in 0 = fy\nend\n.control\n launch k\n halt\n";
    Case c = {0};
    open_text(&c, text);
    for (int i = 0; i < 16; i++)
        floats(&c, "x")[i] = sinf((float)i);
    for (int i = 0; i < 32; i++)
        floats(&c, "w")[i] = cosf((float)(3 * i));
    for (int i = 0; i < 4; i++)
        floats(&c, "b")[i] = (float)i - 1.5f;
    weir_status status = run(&c, RDU_BOTH);
    diagnostics_print(&c.cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
    for (int r = 0; r < 2; r++)
        for (int n = 0; n < 4; n++) {
            float sum = floats(&c, "b")[n];
            for (int k = 0; k < 8; k++)
                sum = fmaf(floats(&c, "x")[r * 8 + k], floats(&c, "w")[k * 4 + n], sum);
            assert_true(floats(&c, "y")[r * 4 + n] == (sum > 0.0f ? sum : 0.0f));
        }
    weir_context_free(c.cx);
}

/* Rows of 10 on 4 lanes: points past the end read the pad and are not written. */
static void vec_loops_cut_rows(void **state)
{
    (void)state;
    static const char text[] =
        ".rdu 1 machine=tiny\n.tensor x f32 30\n.tensor y f32 40 out\n.kernel k\n"
        "ag A0 at 0,0 read x\n loop r 3\n loop i 10 vec\n addr r*40+i*4\n pad 7\n out 0 = v -> f\nend\n"
        "ag A1 at 0,2 write y\n loop r 3\n loop i 10 vec\n addr r*52+i*4\n in 0 = f\nend\n.control\n launch k\n halt\n";
    Case c = {0};
    open_text(&c, text);
    for (int i = 0; i < 30; i++)
        floats(&c, "x")[i] = (float)i;
    for (int i = 0; i < 40; i++)
        floats(&c, "y")[i] = -1.0f;
    assert_int_equal(run(&c, RDU_BOTH), WEIR_OK);
    for (int i = 0; i < 40; i++) {
        float expected = i % 13 < 10 && i / 13 < 3 ? (float)(i / 13 * 10 + i % 13) : -1.0f;
        assert_true(floats(&c, "y")[i] == expected);
    }
    weir_context_free(c.cx);
}

/* A sum over a row beside a FIFO that cannot hold the row: refused before anything runs for long, units named. */
static void deadlock_is_named(void **state)
{
    (void)state;
    static const char text[] =
        ".rdu 1 machine=tiny\n.tensor x f32 256\n.tensor y f32 256 out\n.kernel norm\n"
        "ag src at 0,0 read x\n loop r 1\n loop k 64\n addr k*16\n out 0 = v -> x_stat, x_apply\nend\n"
        "pcu stat at 1,1 simd\n loop r 1\n loop k 64\n in 0 = x_stat\n reduce sum @r\n out 0 = q @r -> total\nend\n"
        "pcu apply at 2,1 simd\n loop r 1\n loop k 64\n in 0 = x_apply\n in 1 = total @r\n s0: r0 = sub in0 in1\n"
        " out 0 = r0 -> fy\nend\n"
        "ag dst at 0,3 write y\n loop k 64\n addr k*16\n in 0 = fy\nend\n.control\n launch norm\n halt\n";
    Case c = {0};
    open_text(&c, text);
    assert_int_equal(run(&c, RDU_VALUES), WEIR_INVALID);
    const char *message = c.cx->diag.list.at[0].message;
    assert_non_null(strstr(message, "src waits for space on x_apply"));
    assert_non_null(strstr(message, "held by apply"));
    weir_context_free(c.cx);
    Case again = {0};
    open_text(&again, text);
    again.machine.fifo_vector = 64;
    assert_int_equal(run(&again, RDU_BOTH), WEIR_OK);
    weir_context_free(again.cx);
}

static void checks_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message;
    } cases[] = {
        {"ag A0 at 0,0 read x\n loop i 16\n addr i*16\n out 0 = v -> f\nend\nag A1 at 0,2 write y\n loop i 8\n addr i*16\n in 0 = f\nend\n",
         "f: A0 makes 16, A1 takes 8"},
        {"ag A0 at 0,0 read x\n loop i 17\n addr i*16\n out 0 = v -> f\nend\nag A1 at 0,2 write y\n loop i 17\n addr 0\n in 0 = f\nend\n",
         "addresses 0..272 leave its 256 bytes"},
        {"pcu P at 1,1 simd\n loop i 4\n in 0 = f\n s0: r0 = add in0 in1\n out 0 = r0 -> f\nend\n",
         "a stage's source names no input, register, constant or loop"},
        {"pmu M at 1,0 size=4096 nbuf=2\nend\n", "8192 bytes, the machine has 4096"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, ".rdu 1 machine=tiny\n.tensor x f32 64\n.tensor y f32 64 out\n.kernel k\n%s.control\n launch k\n halt\n",
                 cases[i].body);
        Case c = {0};
        open_text(&c, text);
        assert_int_equal(run(&c, RDU_VALUES), WEIR_INVALID);
        bool found = false;
        for (uint32_t d = 0; d < c.cx->diag.list.n; d++)
            found = found || strstr(c.cx->diag.list.at[d].message, cases[i].message) != NULL;
        if (!found)
            diagnostics_print(&c.cx->diag, stderr, false);
        assert_true(found);
        weir_context_free(c.cx);
    }
}

typedef struct Product {
    RduMaker m;
    uint32_t fa, ga, fb, gb, fo;
} Product;

/* A panel of A, double-buffered and read again for every column tile. */
static void make_a(Product *g)
{
    RduMaker *m = &g->m;
    uint32_t a0, m0;
    assert_int_equal(rdu_make_ag(m, "A0", 0, false, RDU_F32, &a0), WEIR_OK);
    uint32_t mi = rdu_make_loop(m, a0, 0, "mi", 4, false), k = rdu_make_loop(m, a0, 0, "k2", 8, false);
    rdu_make_stride(m, a0, 0, mi, 128);
    rdu_make_stride(m, a0, 0, k, 16);
    rdu_make_out(m, a0, 0, RDU_OUT_V, 0, g->fa, RDU_EVERY, RDU_F32);
    assert_int_equal(rdu_make_pmu(m, "M0", 256, 2, &m0), WEIR_OK);
    uint32_t p = rdu_make_program(m, m0, true, RDU_F32);
    mi = rdu_make_loop(m, m0, p, "mi", 4, false);
    k = rdu_make_loop(m, m0, p, "k2", 8, false);
    rdu_make_stride(m, m0, p, k, 16);
    rdu_make_in(m, m0, p, 0, g->fa, RDU_EVERY, RDU_F32);
    rdu_make_swap(m, m0, p, mi);
    p = rdu_make_program(m, m0, false, RDU_F32);
    mi = rdu_make_loop(m, m0, p, "mi", 4, false);
    rdu_make_loop(m, m0, p, "ni", 2, false);
    k = rdu_make_loop(m, m0, p, "k", 16, false);
    rdu_make_stride(m, m0, p, k, 8);
    rdu_make_lanes(m, m0, p, 2, 4);
    rdu_make_out(m, m0, p, RDU_OUT_V, 0, g->ga, RDU_EVERY, RDU_F32);
    rdu_make_swap(m, m0, p, mi);
}

/* All of B, resident. */
static void make_b(Product *g)
{
    RduMaker *m = &g->m;
    uint32_t a1, m1;
    assert_int_equal(rdu_make_ag(m, "A1", 1, false, RDU_F32, &a1), WEIR_OK);
    uint32_t k = rdu_make_loop(m, a1, 0, "k", 16, false);
    uint32_t n = rdu_make_loop(m, a1, 0, "n4", 2, false);
    rdu_make_stride(m, a1, 0, k, 32);
    rdu_make_stride(m, a1, 0, n, 16);
    rdu_make_out(m, a1, 0, RDU_OUT_V, 0, g->fb, RDU_EVERY, RDU_F32);
    assert_int_equal(rdu_make_pmu(m, "M1", 512, 1, &m1), WEIR_OK);
    uint32_t p = rdu_make_program(m, m1, true, RDU_F32);
    uint32_t t = rdu_make_loop(m, m1, p, "t", 1, false);
    k = rdu_make_loop(m, m1, p, "k", 16, false);
    n = rdu_make_loop(m, m1, p, "n4", 2, false);
    rdu_make_stride(m, m1, p, k, 16);
    rdu_make_stride(m, m1, p, n, 256);
    rdu_make_in(m, m1, p, 0, g->fb, RDU_EVERY, RDU_F32);
    rdu_make_swap(m, m1, p, t);
    p = rdu_make_program(m, m1, false, RDU_F32);
    t = rdu_make_loop(m, m1, p, "t", 1, false);
    rdu_make_loop(m, m1, p, "mi", 4, false);
    n = rdu_make_loop(m, m1, p, "ni", 2, false);
    k = rdu_make_loop(m, m1, p, "k", 16, false);
    rdu_make_stride(m, m1, p, n, 256);
    rdu_make_stride(m, m1, p, k, 16);
    rdu_make_out(m, m1, p, RDU_OUT_V, 0, g->gb, RDU_EVERY, RDU_F32);
    rdu_make_swap(m, m1, p, t);
}

/* The array and the store. */
static void make_rest(Product *g)
{
    RduMaker *m = &g->m;
    uint32_t p0, a2;
    assert_int_equal(rdu_make_sys(m, "P0", RDU_F32, &p0), WEIR_OK);
    rdu_make_loop(m, p0, 0, "mi", 4, false);
    uint32_t n = rdu_make_loop(m, p0, 0, "ni", 2, false);
    rdu_make_loop(m, p0, 0, "k", 16, false);
    rdu_make_mac(m, p0, n, RDU_INIT_ZERO, 0, 0);
    rdu_make_in(m, p0, 0, 0, g->ga, RDU_EVERY, RDU_F32);
    rdu_make_in(m, p0, 0, 1, g->gb, RDU_EVERY, RDU_F32);
    rdu_make_out(m, p0, 0, RDU_OUT_ACC, 0, g->fo, RDU_EVERY, RDU_F32);
    assert_int_equal(rdu_make_ag(m, "A2", 2, true, RDU_F32, &a2), WEIR_OK);
    uint32_t mi = rdu_make_loop(m, a2, 0, "mi", 4, false);
    n = rdu_make_loop(m, a2, 0, "ni", 2, false);
    uint32_t r = rdu_make_loop(m, a2, 0, "r", 2, false);
    rdu_make_stride(m, a2, 0, mi, 64);
    rdu_make_stride(m, a2, 0, n, 16);
    rdu_make_stride(m, a2, 0, r, 32);
    rdu_make_in(m, a2, 0, 0, g->fo, RDU_EVERY, RDU_F32);
}

/* The matrix product of samples/rdu/gemm.rdu by calls: the same words but for the sites. */
static void calls_make_the_same_kernel(void **state)
{
    (void)state;
    Case c = {0};
    Product g;
    RduCode code = {0}, sample = {0};
    open_sample(&c, "gemm.rdu");
    rdu_make_open(&g.m, c.cx, &c.machine, &c.image, "gemm");
    g.fa = rdu_make_flow(&g.m, "fa", RDU_NET_VEC);
    g.ga = rdu_make_flow(&g.m, "ga", RDU_NET_VEC);
    g.fb = rdu_make_flow(&g.m, "fb", RDU_NET_VEC);
    g.gb = rdu_make_flow(&g.m, "gb", RDU_NET_VEC);
    g.fo = rdu_make_flow(&g.m, "fo", RDU_NET_VEC);
    make_a(&g);
    make_b(&g);
    make_rest(&g);
    assert_int_equal(rdu_make_close(&g.m, &code), 0);
    assert_int_equal(rdu_check(c.cx, &c.image, &code, &c.machine), WEIR_OK);
    assert_int_equal(rdu_decode(c.cx, c.image.code.at, c.image.code.n, &sample), WEIR_OK);
    for (uint32_t i = 0; i < 6; i++) {
        code.kernels.at[0].units.at[i].head.x = sample.kernels.at[0].units.at[i].head.x;
        code.kernels.at[0].units.at[i].head.y = sample.kernels.at[0].units.at[i].head.y;
    }
    RduWords words = {0};
    assert_int_equal(rdu_encode(c.cx, &code, &words), WEIR_OK);
    assert_int_equal(words.words.n, c.image.code.n);
    assert_memory_equal(words.words.at, c.image.code.at, words.words.n * 4);
    weir_context_free(c.cx);
}

/* The sample: maximum, exp and sum by pairs over the lanes, reciprocal, product. */
static void softmax_is_exact(void **state)
{
    (void)state;
    Case c = {0};
    open_sample(&c, "softmax.rdu");
    for (int i = 0; i < 96; i++)
        floats(&c, "x")[i] = sinf((float)i) * 4.0f;
    assert_int_equal(run(&c, RDU_BOTH), WEIR_OK);
    for (int r = 0; r < 3; r++) {
        const float *x = floats(&c, "x") + 32 * r;
        float m = x[0], e[32], lane[4] = {0};
        for (int i = 1; i < 32; i++)
            m = x[i] > m ? x[i] : m;
        for (int i = 0; i < 32; i++)
            e[i] = x[i] - m;
        elementary_apply(elementary(c.cx, FN_EXP), 32, e, NULL, e);
        for (int i = 0; i < 32; i++)
            lane[i % 4] += e[i];
        float recip = 1.0f / ((lane[0] + lane[1]) + (lane[2] + lane[3]));
        for (int i = 0; i < 32; i++)
            assert_true(floats(&c, "y")[32 * r + i] == e[i] * recip);
    }
    weir_context_free(c.cx);
}

/* Records with flipped bits and small new numbers: refused by decoder, checks, deadlock or trap, or run; never a crash. */
static void damaged_kernels_do_not_crash(void **state)
{
    (void)state;
    static const char *const names[] = {"vadd.rdu", "gemm.rdu", "softmax.rdu"};
    uint64_t seed = 5;
    int ran = 0;
    for (int round = 0; round < 3000; round++) {
        Case c = {0};
        open_sample(&c, names[round % 3]);
        for (int i = 0; i < 1 + round % 2; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t at = (uint32_t)(seed >> 33) % c.image.code.n;
            uint32_t flip = 1u << (seed >> 20) % (round % 4 != 0 ? 12 : 32);
            c.image.code.at[at] ^= flip;
        }
        weir_status status = rdu_sim(c.cx, &c.image, &c.machine, RDU_BOTH, c.buffers, NULL, &c.result);
        assert_true(status == WEIR_OK || c.cx->diag.n_errors > 0);
        ran += status == WEIR_OK;
        weir_context_free(c.cx);
    }
    assert_true(ran > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_add_takes_120_cycles), cmocka_unit_test(matrix_product_is_exact),
        cmocka_unit_test(time_alone_equals_time_with_values), cmocka_unit_test(chain_with_bias_and_relu),
        cmocka_unit_test(vec_loops_cut_rows), cmocka_unit_test(deadlock_is_named), cmocka_unit_test(checks_refuse),
        cmocka_unit_test(calls_make_the_same_kernel), cmocka_unit_test(softmax_is_exact),
        cmocka_unit_test(damaged_kernels_do_not_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
