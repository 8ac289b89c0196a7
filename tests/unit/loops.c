/*
 * The loop program: index arithmetic in its normal form, text, what the verifier refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isa/host/loops.h"

typedef struct Fixture {
    weir_context *cx;
    LoopProgram *p;
    LoopFunction f;
    LoopExprId outer, inner; /* 0..3, 0..7 */
    uint32_t inner_var;
} Fixture;

static LoopExprId counter(Fixture *x, int64_t most, uint32_t *out_var)
{
    LoopVar var = {.name = "i", .type = DT_I64, .lanes = 1, .counter = true, .ranged = true, .most = most};
    uint32_t v = loop_add_var(x->p, &x->f, var);
    if (out_var != NULL)
        *out_var = v;
    return loop_var(x->p, &x->f, v);
}

static int setup(void **state)
{
    static Fixture x;
    memset(&x, 0, sizeof x);
    x.cx = weir_context_new();
    x.p = loops_new(x.cx, NULL);
    x.f.name = "f";
    x.outer = counter(&x, 3, NULL);
    x.inner = counter(&x, 7, &x.inner_var);
    *state = &x;
    return 0;
}

static int teardown(void **state)
{
    weir_context_free(((Fixture *)*state)->cx);
    return 0;
}

/* 8 * outer + inner */
static LoopExprId joined(Fixture *x)
{
    return loop_index_add(x->p, &x->f, loop_index_scale(x->p, &x->f, x->outer, 8), x->inner);
}

static void parts_come_back(void **state)
{
    Fixture *x = *state;
    assert_int_equal(loop_index_div(x->p, &x->f, joined(x), 8).i, x->outer.i);
    assert_int_equal(loop_index_mod(x->p, &x->f, joined(x), 8).i, x->inner.i);
    LoopExprId shifted = loop_index_add(x->p, &x->f, joined(x), loop_int(x->p, -8));
    assert_int_equal(loop_index_mod(x->p, &x->f, shifted, 8).i, x->inner.i);
    LoopExprId half = loop_index_div(x->p, &x->f, joined(x), 4);
    int64_t least, most;
    assert_true(loop_index_range(x->p, &x->f, half, &least, &most));
    assert_int_equal(least, 0);
    assert_int_equal(most, 7);
}

static void sums_cancel(void **state)
{
    Fixture *x = *state;
    LoopExprId sum = loop_index_add(x->p, &x->f, joined(x), loop_index_scale(x->p, &x->f, joined(x), -1));
    assert_int_equal(sum.i, loop_int(x->p, 0).i);
}

static void linear_in_a_counter(void **state)
{
    Fixture *x = *state;
    int64_t coefficient;
    LoopExprId rest;
    LoopExprId e = loop_index_scale(x->p, &x->f, joined(x), 3);
    assert_true(loop_index_linear(x->p, &x->f, e, x->inner_var, &coefficient, &rest));
    assert_int_equal(coefficient, 3);
    assert_int_equal(rest.i, loop_index_scale(x->p, &x->f, x->outer, 24).i);
    LoopExprId odd = loop_index_mod(x->p, &x->f, loop_index_scale(x->p, &x->f, x->inner, 3), 5);
    assert_false(loop_index_linear(x->p, &x->f, odd, x->inner_var, &coefficient, &rest));
}

static void replacing_folds(void **state)
{
    Fixture *x = *state;
    LoopExprId e = loop_index_mod(x->p, &x->f, loop_index_scale(x->p, &x->f, x->inner, 3), 5);
    assert_int_equal(loop_replace(x->p, &x->f, e, x->inner_var, loop_int(x->p, 4)).i, loop_int(x->p, 2).i);
}

static void equal_expressions_are_shared(void **state)
{
    Fixture *x = *state;
    LoopExprId a = loop_binary(x->p, LOOP_MUL, loop_const_float(x->p, DT_F32, 2), loop_const_float(x->p, DT_F32, 3));
    LoopExprId b = loop_binary(x->p, LOOP_MUL, loop_const_float(x->p, DT_F32, 2), loop_const_float(x->p, DT_F32, 3));
    assert_int_equal(a.i, b.i);
    assert_int_not_equal(loop_const_float(x->p, DT_F32, 0.0).i, loop_const_float(x->p, DT_F32, -0.0).i);
}

/* for i in 0 .. 8 { slot[i] = value } as a whole program */
static weir_status verify_with(Fixture *x, LoopExprId value, bool defined)
{
    LoopFunction f = x->f;
    LoopBlock body = {0};
    loop_add_slot(x->p, &f, (LoopSlot){.name = "y", .type = DT_F32, .local = true, .written = true, .elements = 8});
    loop_add(x->p, &body, (LoopStmt){.kind = LOOP_ST_STORE, .slot = 0, .a = x->inner, .b = value});
    if (defined)
        loop_add(x->p, &f.body, (LoopStmt){.kind = LOOP_ST_FOR, .var = x->inner_var, .lo = loop_int(x->p, 0), .hi = loop_int(x->p, 8), .body = body});
    else
        f.body = body;
    vec_push(&x->cx->arena, &x->p->functions, f);
    return loops_verify(x->p);
}

static void right_program_and_its_text(void **state)
{
    Fixture *x = *state;
    assert_int_equal(verify_with(x, loop_const_float(x->p, DT_F32, 1.5), true), WEIR_OK);
    Text text;
    text_init(&text, &x->cx->arena);
    loop_function_print(x->p, &x->p->functions.at[0], true, &text);
    assert_string_equal(text.at, "function f() {\n  slot 0 y f32 local[8] written\n  for i_2 in 0 .. 8 {\n"
                                 "    store 0[i_2] = 0x1.8p+0:f32\n  }\n}\n");
}

static void wrong_type_is_found(void **state)
{
    Fixture *x = *state;
    assert_int_equal(verify_with(x, loop_int(x->p, 1), true), WEIR_BUG);
}

static void counter_outside_its_loop_is_found(void **state)
{
    Fixture *x = *state;
    assert_int_equal(verify_with(x, loop_const_float(x->p, DT_F32, 1), false), WEIR_BUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(linear_in_a_counter, setup, teardown),
        cmocka_unit_test_setup_teardown(replacing_folds, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_expressions_are_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(right_program_and_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_type_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(counter_outside_its_loop_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
