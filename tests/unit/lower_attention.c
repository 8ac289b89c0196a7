/* Attention and its relatives against sums worked out here in double. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 24, \"com.microsoft\" : 1]>\n" body

/* Numbers without pattern between -1 and 1. */
static void fill(double *x, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        x[i] = (double)(float)((double)(seed >> 8) / (1 << 23) - 1);
    }
}

/* y[p, f] = softmax over the keys m with see[p, m] of q[p, :] k[m, :] / sqrt(e), times v[m, f]; 0 where none is seen. */
static void attention(int p_n, int m_n, int e_n, int f_n, const double *q, const double *k, const double *v,
                      const bool *see, double *y)
{
    for (int p = 0; p < p_n; p++) {
        double total = 0;
        for (int f = 0; f < f_n; f++)
            y[p * f_n + f] = 0;
        for (int m = 0; m < m_n; m++) {
            double s = 0;
            for (int e = 0; e < e_n; e++)
                s += q[p * e_n + e] * k[m * e_n + e];
            double w = see[p * m_n + m] ? exp(s / sqrt(e_n)) : 0;
            total += w;
            for (int f = 0; f < f_n; f++)
                y[p * f_n + f] += w * v[m * f_n + f];
        }
        for (int f = 0; f < f_n && total != 0; f++)
            y[p * f_n + f] /= total;
    }
}

static void a_mask_with_holes(void **state)
{
    double q[6], k[10], v[15], y[9];
    const double mask[15] = {1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0};
    const double *in[] = {q, k, v, mask};
    bool see[15];
    fill(q, 6, 1);
    fill(k, 10, 2);
    fill(v, 15, 3);
    for (int i = 0; i < 15; i++)
        see[i] = mask[i] != 0;
    attention(3, 5, 2, 3, q, k, v, see, y);
    case_run(*state, GRAPH("m (float[1,1,3,2] q, float[1,1,5,2] k, float[1,1,5,3] v, bool[3,5] a) => (float[1,1,3,3] y)\n"
                           "{ y = Attention (q, k, v, a) }"), in);
    case_expect(*state, 0, 9, y, 1e-6);
}

/* Two query heads share a key head; 3-D operands; one past position; causal. */
static void groups_with_a_past(void **state)
{
    double q[8], k[4], v[4], past_k[2], past_v[2], y[8], all_k[6], all_v[6], one[4], head_q[4];
    const double *in[] = {q, k, v, past_k, past_v};
    const bool see[6] = {true, true, false, true, true, true};
    fill(q, 8, 4);
    fill(k, 4, 5);
    fill(v, 4, 6);
    fill(past_k, 2, 7);
    fill(past_v, 2, 8);
    memcpy(all_k, past_k, sizeof past_k);
    memcpy(all_k + 2, k, sizeof k);
    memcpy(all_v, past_v, sizeof past_v);
    memcpy(all_v + 2, v, sizeof v);
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < 4; i++)
            head_q[i] = q[i / 2 * 4 + h * 2 + i % 2];
        attention(2, 3, 2, 2, head_q, all_k, all_v, see, one);
        for (int i = 0; i < 4; i++)
            y[i / 2 * 4 + h * 2 + i % 2] = one[i];
    }
    case_run(*state, GRAPH("m (float[1,2,4] q, float[1,2,2] k, float[1,2,2] v, float[1,1,1,2] pk, float[1,1,1,2] pv) => "
                           "(float[1,2,4] y, float[1,1,3,2] nk, float[1,1,3,2] nv)\n"
                           "{ y, nk, nv = Attention <is_causal = 1, q_num_heads = 2, kv_num_heads = 1> (q, k, v, , pk, pv) }"), in);
    case_expect(*state, 0, 8, y, 1e-6);
    case_expect(*state, 1, 6, all_k, 0);
    case_expect(*state, 2, 6, all_v, 0);
}

/* cos and sin of 0.6, 0.8: pairs turn to (0.6 a - 0.8 b, 0.8 a + 0.6 b); the last element stays. */
static void rotation_of_pairs(void **state)
{
    const double x[5] = {1, 2, 3, 4, 5}, c[2] = {0.6, 1}, s[2] = {0.8, 0}, *in[] = {x, c, s};
    case_run(*state, GRAPH("m (float[1,1,1,5] x, float[1,1,2] c, float[1,1,2] s) => (float[1,1,1,5] y, float[1,1,1,5] z)\n"
                           "{ y = RotaryEmbedding <rotary_embedding_dim = 4> (x, c, s)\n"
                           "  z = RotaryEmbedding <rotary_embedding_dim = 4, interleaved = 1> (x, c, s) }"), in);
    case_expect(*state, 0, 5, (const double[]){0.6 - 2.4, 2, 0.8 + 1.8, 4, 5}, 1e-6);
    case_expect(*state, 1, 5, (const double[]){0.6 - 1.6, 0.8 + 1.2, 3, 4, 5}, 1e-6);
}

/* Packed queries, keys and values [b, s, h, 3, e]; the second of three keys is masked. */
static void packed_heads(void **state)
{
    double x[36], head[3][6], one[6], y[12];
    const double mask[3] = {1, 0, 1}, *in[] = {x, mask};
    const bool see[9] = {true, false, true, true, false, true, true, false, true};
    fill(x, 36, 9);
    for (int h = 0; h < 2; h++) {
        for (int part = 0; part < 3; part++)
            for (int i = 0; i < 6; i++)
                head[part][i] = x[((i / 2 * 2 + h) * 3 + part) * 2 + i % 2];
        attention(3, 3, 2, 2, head[0], head[1], head[2], see, one);
        for (int i = 0; i < 6; i++)
            y[i / 2 * 4 + h * 2 + i % 2] = one[i];
    }
    case_run(*state, GRAPH("m (float[1,3,2,3,2] x, int32[1,3] mask) => (float[1,3,4] y)\n"
                           "{ y = com.microsoft.MultiHeadAttention <num_heads = 2> (x, , , , mask) }"), in);
    case_expect(*state, 0, 12, y, 1e-6);
}

/* X W + bias is q, k, v in one row; causal, one past position. */
static void projection_and_past(void **state)
{
    double x[4], w[12], b[6], past[4], all[3][6], y[4];
    const double *in[] = {x, w, b, past};
    const bool see[6] = {true, true, false, true, true, true};
    fill(x, 4, 10);
    fill(w, 12, 11);
    fill(b, 6, 12);
    fill(past, 4, 13);
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < 4; i++) {
            int column = part * 2 + i % 2;
            double v = b[column] + x[i / 2 * 2] * w[column] + x[i / 2 * 2 + 1] * w[6 + column];
            all[part][part == 0 ? i : i + 2] = v;
        }
    memcpy(all[1], past, 2 * sizeof *past);
    memcpy(all[2], past + 2, 2 * sizeof *past);
    attention(2, 3, 2, 2, all[0], all[1], all[2], see, y);
    case_run(*state, GRAPH("m (float[1,2,2] x, float[2,6] w, float[6] b, float[2,1,1,1,2] p) => (float[1,2,2] y, float[2,1,1,3,2] n)\n"
                           "{ y, n = com.microsoft.Attention <num_heads = 1, unidirectional = 1> (x, w, b, , p) }"), in);
    case_expect(*state, 0, 4, y, 1e-6);
    case_expect(*state, 1, 12, all[1], 1e-6);
}

/* A cache of 4 rows, 2 of them valid, a new row turned by its position; then keys older than 2 positions are not seen. */
static void a_cache_of_rows(void **state)
{
    double q[4], k[2], v[2], pk[8], pv[8], keys[8] = {0}, values[8] = {0}, y[4], near_y[4], turned[4];
    const double seqlens[1] = {2}, c[4] = {1, 1, 0.6, 1}, s[4] = {0, 0, 0.8, 0};
    const double *in[] = {q, k, v, pk, pv, seqlens, c, s};
    const bool see[4] = {true, true, true, false}, see_near[4] = {false, true, true, false};
    fill(q, 4, 14);
    fill(k, 2, 15);
    fill(v, 2, 16);
    fill(pk, 8, 17);
    fill(pv, 8, 18);
    memcpy(keys, pk, 4 * sizeof *pk);
    memcpy(values, pv, 4 * sizeof *pv);
    keys[4] = 0.6 * k[0] - 0.8 * k[1];
    keys[5] = 0.8 * k[0] + 0.6 * k[1];
    memcpy(values + 4, v, sizeof v);
    for (int h = 0; h < 2; h++) {
        turned[2 * h] = 0.6 * q[2 * h] - 0.8 * q[2 * h + 1];
        turned[2 * h + 1] = 0.8 * q[2 * h] + 0.6 * q[2 * h + 1];
        attention(1, 4, 2, 2, turned + 2 * h, keys, values, see, y + 2 * h);
        attention(1, 4, 2, 2, turned + 2 * h, keys, values, see_near, near_y + 2 * h);
    }
    case_run(*state, GRAPH("m (float[1,1,4] q, float[1,1,2] k, float[1,1,2] v, float[1,1,4,2] pk, float[1,1,4,2] pv, int32[1] n, "
                           "float[4,1] c, float[4,1] s) => (float[1,1,4] y, float[1,1,4,2] nk, float[1,1,4,2] nv, float[1,1,4] z)\n"
                           "< int32 total = {3} >\n"
                           "{ y, nk, nv = com.microsoft.GroupQueryAttention <num_heads = 2, kv_num_heads = 1, do_rotary = 1> "
                           "(q, k, v, pk, pv, n, total, c, s)\n"
                           "  z, a, b = com.microsoft.GroupQueryAttention <num_heads = 2, kv_num_heads = 1, do_rotary = 1, "
                           "local_window_size = 2> (q, k, v, pk, pv, n, total, c, s) }"), in);
    case_expect(*state, 0, 4, y, 1e-6);
    case_expect(*state, 1, 8, keys, 1e-6);
    case_expect(*state, 2, 8, values, 1e-6);
    case_expect(*state, 3, 4, near_y, 1e-6);
}

static void wrong_shapes(void **state)
{
    static const char *const texts[] = {
        GRAPH("m (float[1,1,3,2] q, float[1,1,5,3] k, float[1,1,5,3] v) => (float[1,1,3,3] y)\n{ y = Attention (q, k, v) }"),
        GRAPH("m (float[1,3,4] q, float[1,5,4] k, float[1,5,4] v) => (float[1,3,4] y)\n{ y = Attention (q, k, v) }"),
        GRAPH("m (float[1,3,3,2] q, float[1,2,5,2] k, float[1,2,5,2] v) => (float[1,3,3,2] y)\n{ y = Attention (q, k, v) }"),
        GRAPH("m (float[1,1,3,2] q, float[1,1,5,2] k, float[1,1,5,2] v, bool[2,5] a) => (float[1,1,3,2] y)\n{ y = Attention (q, k, v, a) }"),
        GRAPH("m (float[1,1,3,4] x, float[2,3] c, float[2,3] s, int64[1,3] p) => (float[1,1,3,4] y)\n{ y = RotaryEmbedding (x, c, s, p) }"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (case_lower(*state, texts[i]) != WEIR_INVALID)
            fail_msg("accepted: %s", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mask_with_holes, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(groups_with_a_past, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(rotation_of_pairs, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(packed_heads, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(projection_and_past, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_cache_of_rows, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(wrong_shapes, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
