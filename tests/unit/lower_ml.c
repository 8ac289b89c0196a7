/* ai.onnx.ml on numbers, and n-grams of integers, against values worked out by hand. */
#include "tests/unit/lower_case.h"

#define GRAPH(body) "<ir_version: 9, opset_import: [\"\" : 20, \"ai.onnx.ml\" : 3]>\n" body

/* Unigrams 2 and 3, bigrams (2,3) and (3,2), at columns of their own; gaps of up to one token. */
static void ngrams_with_gaps(void **state)
{
    const double x[5] = {2, 3, 3, 2, 2}, *in[] = {x};
    case_run(*state, GRAPH("m (int64[5] x) => (float[5] y)\n"
                           "{ y = TfIdfVectorizer <mode = \"TFIDF\", min_gram_length = 1, max_gram_length = 2, max_skip_count = 1,\n"
                           "  ngram_counts = [0, 2], ngram_indexes = [4, 0, 2, 1], pool_int64s = [2, 3, 2, 3, 3, 2],\n"
                           "  weights = [1.0, 10.0, 100.0, 1000.0]> (x) }"), in);
    /* 3 occurs twice; (3,2): once next to each other, twice one apart; (2,3): once and once; column 3 is nobody's */
    case_expect(*state, 0, 5, (const double[]){20, 3000, 200, 0, 3}, 1e-4);
}

/* Two trees, the second a single leaf: x0 <= 1 ? (x1 > 0 ? 1 : 2) : 4, NaN in x0 goes left; and 0.5. */
static void a_forest(void **state)
{
    const double x[8] = {0, 1, 1, -1, 2, 0, (double)NAN, 3}, *in[] = {x};
    case_run(*state, GRAPH("m (float[4,2] x) => (float[4,1] y)\n"
                           "{ y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, base_values = [10.0],\n"
                           "  nodes_treeids = [0, 0, 0, 0, 0, 1], nodes_nodeids = [0, 1, 2, 3, 4, 0],\n"
                           "  nodes_featureids = [0, 1, 0, 0, 0, 0], nodes_values = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],\n"
                           "  nodes_modes = [\"BRANCH_LEQ\", \"BRANCH_GT\", \"LEAF\", \"LEAF\", \"LEAF\", \"LEAF\"],\n"
                           "  nodes_truenodeids = [1, 3, 0, 0, 0, 0], nodes_falsenodeids = [2, 4, 0, 0, 0, 0],\n"
                           "  nodes_missing_value_tracks_true = [1, 0, 0, 0, 0, 0],\n"
                           "  target_treeids = [0, 0, 0, 1], target_nodeids = [2, 3, 4, 0], target_ids = [0, 0, 0, 0],\n"
                           "  target_weights = [4.0, 1.0, 2.0, 0.5]> (x) }"), in);
    case_expect(*state, 0, 4, (const double[]){11.5, 12.5, 14.5, 11.5}, 1e-5);
}

/* One score for two classes: negative weights make it a margin. */
static void two_classes(void **state)
{
    const double x[2] = {0, 3}, *in[] = {x};
    case_run(*state, GRAPH("m (float[2,1] x) => (int64[2] l, float[2,2] y)\n"
                           "{ l, y = ai.onnx.ml.TreeEnsembleClassifier <classlabels_int64s = [7, 9], post_transform = \"LOGISTIC\",\n"
                           "  nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2], nodes_featureids = [0, 0, 0],\n"
                           "  nodes_values = [1.0, 0.0, 0.0], nodes_modes = [\"BRANCH_LT\", \"LEAF\", \"LEAF\"],\n"
                           "  nodes_truenodeids = [1, 0, 0], nodes_falsenodeids = [2, 0, 0], class_treeids = [0, 0],\n"
                           "  class_nodeids = [1, 2], class_ids = [0, 0], class_weights = [-1.0, 2.0]> (x) }"), in);
    case_expect(*state, 0, 2, (const double[]){7, 9}, 0);
    case_expect(*state, 1, 4, (const double[]){1 / (1 + exp(-1)), 1 / (1 + exp(1)), 1 / (1 + exp(2)), 1 / (1 + exp(-2))}, 1e-6);
}

/* One score s for two classes, as ONNX Runtime 1.30 gives them (run on these models): chances cut at a half, others at 0; a score of
 * class 0 gets 1 - s or -s beside it and no softmax, one of class 1 gets 0. */
static void one_score_of_two(void **state)
{
    static const struct {
        int class;
        const char *transform;
        double low, high; /* the leaves' weights, of both rows */
        double labels[2], scores[4];
    } cases[] = {
        {0, "NONE", 0.2, 0.7, {0, 1}, {0.8, 0.2, 0.3, 0.7}},
        {0, "LOGISTIC", 0.2, 0.7, {0, 1}, {0.45016599, 0.54983401, 0.33181223, 0.66818777}},
        {0, "SOFTMAX", 0.2, 0.7, {0, 1}, {0.8, 0.2, 0.3, 0.7}},
        {0, "SOFTMAX", -0.4, 0.3, {0, 1}, {0.4, -0.4, -0.3, 0.3}},
        {1, "NONE", 0.1, 0.5, {0, 0}, {0, 0.1, 0, 0.5}},
        {1, "LOGISTIC", -0.4, 0.3, {0, 1}, {0.5, 0.40131234, 0.5, 0.57444252}},
        {1, "SOFTMAX", 0.2, 0.7, {0, 1}, {0.45016599, 0.54983401, 0.33181223, 0.66818777}},
    };
    const double x[2] = {0, 3}, *in[] = {x};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Case *c = *state;
        char text[1024];
        snprintf(text, sizeof text, GRAPH("m (float[2,1] x) => (int64[2] l, float[2,2] y)\n"
                 "{ l, y = ai.onnx.ml.TreeEnsembleClassifier <classlabels_int64s = [0, 1], post_transform = \"%s\",\n"
                 "  nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2], nodes_featureids = [0, 0, 0],\n"
                 "  nodes_values = [1.0, 0.0, 0.0], nodes_modes = [\"BRANCH_LT\", \"LEAF\", \"LEAF\"],\n"
                 "  nodes_truenodeids = [1, 0, 0], nodes_falsenodeids = [2, 0, 0], class_treeids = [0, 0],\n"
                 "  class_nodeids = [1, 2], class_ids = [%d, %d], class_weights = [%.2f, %.2f]> (x) }"),
                 cases[i].transform, cases[i].class, cases[i].class, cases[i].low, cases[i].high);
        case_run(c, text, in);
        case_expect(c, 0, 2, cases[i].labels, 0);
        case_expect(c, 1, 4, cases[i].scores, 1e-6);
    }
}

static void scaled_normalised_and_linear(void **state)
{
    const double x[4] = {3, 4, 0, 0}, *in[] = {x};
    case_run(*state, GRAPH("m (float[2,2] x) => (float[2,2] s, float[2,2] n, float[2,1] r, int64[2] l, float[2,2] p)\n"
                           "{ s = ai.onnx.ml.Scaler <offset = [1.0, 2.0], scale = [2.0, 0.5]> (x)\n"
                           "  n = ai.onnx.ml.Normalizer <norm = \"L2\"> (x)\n"
                           "  r = ai.onnx.ml.LinearRegressor <coefficients = [2.0, -1.0], intercepts = [0.25]> (x)\n"
                           "  l, p = ai.onnx.ml.LinearClassifier <classlabels_ints = [5, 6], coefficients = [1.0, 0.0, 0.0, 1.0],\n"
                           "    intercepts = [0.5, 0.0], post_transform = \"SOFTMAX\"> (x) }"), in);
    double e = exp(0.5);
    case_expect(*state, 0, 4, (const double[]){4, 1, -2, -1}, 1e-6);
    case_expect(*state, 1, 4, (const double[]){0.6, 0.8, 0, 0}, 1e-6);
    case_expect(*state, 2, 2, (const double[]){2.25, 0.25}, 1e-6);
    case_expect(*state, 3, 2, (const double[]){6, 5}, 0);
    case_expect(*state, 4, 4, (const double[]){1 / (1 + e), e / (1 + e), e / (1 + e), 1 / (1 + e)}, 1e-6);
}

static void a_cycle_is_no_tree(void **state)
{
    Case *c = *state;
    weir_status status = case_lower(
        c, GRAPH("m (float[1,1] x) => (float[1,1] y)\n"
                 "{ y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2],\n"
                 "  nodes_featureids = [0, 0, 0], nodes_values = [0.0, 0.0, 0.0],\n"
                 "  nodes_modes = [\"BRANCH_LEQ\", \"BRANCH_LEQ\", \"LEAF\"], nodes_truenodeids = [1, 1, 0],\n"
                 "  nodes_falsenodeids = [2, 2, 0], target_treeids = [0], target_nodeids = [2], target_ids = [0],\n"
                 "  target_weights = [1.0]> (x) }"));
    assert_int_equal(status, WEIR_INVALID);
    assert_non_null(strstr(c->cx->diag.list.at[0].message, "cycle"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ngrams_with_gaps, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_forest, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(two_classes, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(one_score_of_two, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(scaled_normalised_and_linear, case_setup, case_teardown),
        cmocka_unit_test_setup_teardown(a_cycle_is_no_tree, case_setup, case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
