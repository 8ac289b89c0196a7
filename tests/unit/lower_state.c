/* Layers with a state: linear attention, the causal convolution; graphs inside attention. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 28, \"ai.onnx.preview\" : 1]>\n" body

/* Width 1: the state is a number s; s = exp(g) s + k u, u = beta (v - exp(g) s k); y = scale q s. */
static void a_gated_delta_state(void **state)
{
    const double q[3] = {1, 2, 3}, k[3] = {1, 0.5, -1}, v[3] = {4, 5, 6}, past[1] = {2}, g[3] = {0, -1, 0.5}, beta[3] = {1, 0.5, 0.25};
    const double *in[] = {q, k, v, past, g, beta};
    double s = past[0], y[3];
    for (int t = 0; t < 3; t++) {
        s *= exp(g[t]);
        s += k[t] * beta[t] * (v[t] - s * k[t]);
        y[t] = 0.5 * q[t] * s;
    }
    case_run(*state, GRAPH("m (float[1,3,1] q, float[1,3,1] k, float[1,3,1] v, float[1,1,1,1] s, float[1,3,1] g, float[1,3,1] b) => "
                           "(float[1,3,1] y, float[1,1,1,1] n)\n"
                           "{ y, n = LinearAttention <q_num_heads = 1, kv_num_heads = 1, scale = 0.5> (q, k, v, s, g, b) }"), in);
    case_expect(*state, 0, 3, y, 1e-5);
    case_expect(*state, 1, 1, &s, 1e-5);
}

/* Two query heads read the state of one key head; without decay the state is the sum of k v. */
static void a_shared_linear_state(void **state)
{
    const double q[4] = {1, 10, 1, 10}, k[2] = {2, 3}, v[2] = {5, 7}, *in[] = {q, k, v};
    case_run(*state, GRAPH("m (float[1,2,2] q, float[1,2,1] k, float[1,2,1] v) => (float[1,2,2] y)\n"
                           "{ y = LinearAttention <q_num_heads = 2, kv_num_heads = 1, update_rule = \"linear\"> (q, k, v) }"), in);
    case_expect(*state, 0, 4, (const double[]){10, 100, 31, 310}, 1e-5);
}

static void a_convolution_behind_a_state(void **state)
{
    const double x[3] = {1, 2, 3}, w[3] = {100, 10, 1}, b[1] = {0.5}, past[2] = {7, 8}, *in[] = {x, w, b, past};
    case_run(*state, GRAPH("m (float[1,1,3] x, float[1,1,3] w, float[1] b, float[1,1,2] p) => (float[1,1,3] y, float[1,1,2] n)\n"
                           "{ y, n = CausalConvWithState (x, w, b, p) }"), in);
    case_expect(*state, 0, 3, (const double[]){781.5, 812.5, 123.5}, 1e-4);
    case_expect(*state, 1, 2, (const double[]){2, 3}, 0);
}

/* Scores turned to 0 weigh all keys alike; the weights are then doubled. */
static void graphs_inside_attention(void **state)
{
    const double q[1] = {3}, k[2] = {1, -2}, v[2] = {10, 20}, *in[] = {q, k, v};
    case_run(*state, GRAPH("m (float[1,1,1,1] q, float[1,1,2,1] k, float[1,1,2,1] v) => (float[1,1,1,1] y)\n"
                           "{ y = ai.onnx.preview.FlexAttention <score_mod = s (float[1,1,1,2] a) => (float[1,1,1,2] b) { b = Sub (a, a) },\n"
                           "    prob_mod = p (float[1,1,1,2] c) => (float[1,1,1,2] d) { d = Add (c, c) }> (q, k, v) }"), in);
    case_expect(*state, 0, 1, (const double[]){30}, 1e-5);
}

static void swish_of_a_times_b(void **state)
{
    const double a[2] = {0, 2}, b[2] = {5, 3}, *in[] = {a, b};
    case_run(*state, GRAPH("m (float[2] a, float[2] b) => (float[2] y)\n{ y = SwiGLU (a, b) }"), in);
    case_expect(*state, 0, 2, (const double[]){0, 6 / (1 + exp(-2))}, 1e-6);
}

/* Mean 3, variance 4 over the batch; a channel alone. */
static void statistics_of_the_batch(void **state)
{
    const double x[2] = {1, 5}, a[1] = {2}, b[1] = {10}, mean[1] = {100}, var[1] = {200}, *in[] = {x, a, b, mean, var};
    case_run(*state, GRAPH("m (float[2,1] x, float[1] a, float[1] b, float[1] m, float[1] v) => (float[2,1] y, float[1] nm, float[1] nv)\n"
                           "{ y, nm, nv = BatchNormalization <training_mode = 1, momentum = 0.75, epsilon = 0.0> (x, a, b, m, v) }"), in);
    case_expect(*state, 0, 2, (const double[]){8, 12}, 1e-5);
    case_expect(*state, 1, 1, (const double[]){75.75}, 1e-4);
    case_expect(*state, 2, 1, (const double[]){151}, 1e-4);
}

/* A cast to f8e5m2 without saturation gives infinity, with it the largest number. */
static void overflow_of_a_cast(void **state)
{
    const double x[2] = {1e6, -1e6}, *in[] = {x};
    const double inf[2] = {INFINITY, -INFINITY}, most[2] = {57344, -57344};
    case_run(*state, GRAPH("m (float[2] x) => (float[2] y, float[2] z)\n"
                           "{ a = Cast <to = 19, saturate = 0> (x)\n  y = Cast <to = 1> (a)\n"
                           "  b = Cast <to = 19> (x)\n  z = Cast <to = 1> (b) }"), in);
    const Case *c = *state;
    for (int i = 0; i < 2; i++)
        assert_true(case_load(&c->values[c->info.outputs[0].tensor.i], i) == inf[i]);
    case_expect(c, 1, 2, most, 0);
}

/* Two selections of lengths that only the run knows, and one that is known. */
static void concat_of_selections(void **state)
{
    const double x[3] = {1, 2, 3}, p[3] = {1, 0, 1}, q[3] = {0, 1, 0}, *in[] = {x, p, q};
    case_run(*state, GRAPH("m (float[3] x, bool[3] p, bool[3] q) => (float[n] y)\n"
                           "{ a = Compress <axis = 0> (x, p)\n  b = Compress <axis = 0> (x, q)\n  y = Concat <axis = 0> (a, x, b) }"), in);
    const Case *c = *state;
    const Tensor *t = &c->values[c->info.outputs[0].tensor.i];
    const double expected[6] = {1, 3, 1, 2, 3, 2};
    assert_int_equal(t->extent[0], 6);
    for (int i = 0; i < 6; i++)
        assert_true(case_load(t, i) == expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_gated_delta_state, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_shared_linear_state, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_convolution_behind_a_state, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(graphs_inside_attention, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(statistics_of_the_batch, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(overflow_of_a_cast, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(concat_of_selections, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(swish_of_a_times_b, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
