/* legalise: every form keeps its values; what cannot be helped is named. */
#include "tests/unit/passes_run.h"

static void check_form(const char *body, const char *has, const char *printed)
{
    char text[1024], passes[64];
    snprintf(text, sizeof text, "cascade c {\n rank n = 40\n in X[n] : f32\n out Y[n] : f32 = %s\n}\n", body);
    snprintf(passes, sizeof passes, "legalise:%s", has);
    check_passes(text, passes, "legalise: changed=", printed);
}

static void test_forms(void **state)
{
    (void)state;
    check_form("X[n] / (X[n] * X[n] + 1)", "recip", "X[n] * recip(X[n] * X[n] + 1)");
    check_form("recip(X[n] * X[n] + 1)", "div", "1 / (X[n] * X[n] + 1)");
    check_form("X[n] / 8", "recip", "X[n] * 0.125");
    check_form("rsqrt(X[n] * X[n] + 1)", "recip+sqrt", "recip(sqrt(X[n] * X[n] + 1))");
    check_form("rsqrt(X[n] * X[n] + 1)", "exp+log", "exp(log(X[n] * X[n] + 1) * -0.5)");
    check_form("sqrt(X[n] * X[n])", "exp+log", "exp(log(X[n] * X[n]) * 0.5)");
    check_form("sigmoid(X[n])", "exp+recip", "recip(exp(-X[n]) + 1)");
    check_form("tanh(X[n])", "exp+recip", "1 - 2 * recip(exp(X[n] * 2) + 1)");
    check_form("expm1(X[n])", "exp", "exp(X[n]) - 1");
    check_form("log1p(X[n] * X[n])", "log", "log(X[n] * X[n] + 1)");
    check_form("sinh(X[n]) + cosh(X[n])", "exp", "(exp(X[n]) - exp(-X[n])) * 0.5 + (exp(X[n]) + exp(-X[n])) * 0.5");
    check_form("tan(X[n])", "sin+cos+recip", "sin(X[n]) * recip(cos(X[n]))");
    check_form("atanh(tanh(X[n]) * 0.5)", "tanh+log+recip", "log(");
    check_form("pow(X[n], 3)", "exp", "X[n] * X[n] * X[n]");
    /* a form of a form: sigmoid without recip but with division */
    check_form("sigmoid(X[n])", "exp+div", "1 / (exp(-X[n]) + 1)");
}

static void test_divisors_of_fewer_ranks(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank r = 3, c = 5\n in X[r, c] : f32\n in D[r] : f32\n"
        "E[r] = D[r] * D[r] + 1 @ \"e\"\n out Y[r, c] : f32 = X[r, c] / E[r] @ \"y\"\n"
        "out S[r] : f32 = sum[c] X[r, c] / E[r] @ \"s\"\n}\n";
    check_passes(text, "legalise:recip", "changed=2",
                 "Y_recip[r] = recip(E[r]) @ \"y\"\n  out Y[r, c] : f32 = X[r, c] * Y_recip[r] @ \"y\"");
    static const char regions[] = "cascade c {\n rank r = 3, c = 5\n in X[r, c] : f32\n iterate t < 3 {\n H[0, r] = 1\n"
        "Z[r, c] = X[r, c] / H[t, r]\n S[r] = sum[c] Z[r, c] * Z[r, c]\n H[t + 1, r] = H[t, r] + S[r] }\n"
        "out Y[r] : f32 = H[count(t), r]\n}\n";
    check_passes(regions, "legalise:recip", "changed=1", "Z_recip[r] = recip(H[t, r])");
}

static void test_what_cannot_be_helped(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank n = 4\n in X[n] : f32\n out Y[n] : f32 = erf(X[n]) + pow(X[n], 2.5) + X[n / 2]\n}\n";
    check_passes(text, "legalise:exp+recip", "'erf' is missing and has no other form here\n", NULL);
    check_passes(text, "legalise:exp+recip", "'pow' is missing and has no other form here\nlegalise: changed=0", NULL);
    check_passes(text, "legalise:erf+pow", "legalise: changed=0", "X[n / 2]");
    check_passes(text, "legalise", "legalise: changed=0", NULL);
    Ran ran = run_passes(text, "legalise:exq");
    assert_int_equal(ran.status, WEIR_USAGE);
    weir_context_free(ran.cx);
}

static void test_machine(void **state)
{
    (void)state;
    static const char text[] = "cascade c {\n rank n = 4\n in X[n] : f32\n in D[] : f32\n out Y[n] : f32 = X[n] / D[]\n}\n";
    weir_context *cx = weir_context_new();
    Source source = {"test.cascade", text, strlen(text)};
    uint32_t n;
    Cascade **list;
    assert_int_equal(cascade_parse(cx, &source, &n, &list), WEIR_OK);
    const Machine *machine;
    assert_int_equal(machine_load(cx, WEIR_SOURCE_DIR "/machines/tiny.machine", &machine), WEIR_OK);
    Text out;
    text_init(&out, &cx->arena);
    PassContext p = {.cx = cx, .machine = machine, .verify = true};
    assert_int_equal(passes_run(&p, list[0], "legalise"), WEIR_OK);
    cascade_print(list[0], &out);
    assert_non_null(strstr(out.at, "Y_recip[] = recip(D[])"));
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_divisors_of_fewer_ranks),
        cmocka_unit_test(test_what_cannot_be_helped),
        cmocka_unit_test(test_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
