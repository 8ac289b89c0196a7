/* JSON out and in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "support/json.h"
#include "tests/harness/sweep.h"

static void writes(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    Text text;
    JsonWriter json;
    text_init(&text, &cx->arena);
    json_begin(&json, &text);
    json_put_object(&json, NULL);
    json_put_text(&json, "a\"b", "x\n\\\x01 \xc3\xa9 \xff");
    json_put_real(&json, "third", 1.0 / 3);
    json_put_f32(&json, "tenth", 0.1f);
    json_put_real(&json, "nan", (double)NAN);
    json_put_real(&json, "inf", (double)-INFINITY);
    json_put_array(&json, "list");
    json_put_int(&json, NULL, INT64_MIN);
    json_put_uint(&json, NULL, UINT64_MAX);
    json_put_bool(&json, NULL, true);
    json_put_text(&json, NULL, NULL);
    json_put_object(&json, NULL);
    json_put_end(&json);
    json_put_end(&json);
    json_put_end(&json);
    assert_string_equal(text.at, "{\"a\\\"b\":\"x\\u000a\\\\\\u0001 \xc3\xa9 \\ufffd\",\"third\":0.3333333333333333,\"tenth\":0.1,"
                                 "\"nan\":null,\"inf\":null,\"list\":[-9223372036854775808,18446744073709551615,true,null,{}]}");
    Source source = {"written", text.at, text.n};
    const JsonValue *value;
    cx->limits.count = 100;
    text.n = 0;
    text_printf(&text, "{\"a\": [1, -2.5, \"\xc3\xa9\", true, null, {\"b\": []}]}");
    source.text = text.at;
    source.bytes = text.n;
    assert_int_equal(json_read(cx, &source, &value), WEIR_OK);
    const JsonValue *a = json_get(value, "a");
    assert_int_equal(a->n, 6);
    assert_int_equal(a->items[0].integer, 1);
    assert_true(a->items[0].number == 1 && a->items[1].number == -2.5);
    assert_string_equal(a->items[2].text, "\xc3\xa9");
    assert_int_equal(a->items[3].kind, JSON_IS_BOOL);
    assert_int_equal(a->items[4].kind, JSON_IS_NULL);
    assert_int_equal(json_get(&a->items[5], "b")->n, 0);
    assert_null(json_get(value, "b"));
    assert_null(json_get(a, "b"));
    cx->limits.count = 7;
    assert_int_equal(json_read(cx, &source, &value), WEIR_LIMIT);
    weir_context_free(cx);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "[1e999]", "[\"\xff\"]", "[] []", "nan", "[99999999999999999999]"};
    weir_context *cx = weir_context_new();
    const JsonValue *value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Source source = {"bad", bad[i], strlen(bad[i])};
        assert_int_equal(json_read(cx, &source, &value), WEIR_MALFORMED);
        assert_int_equal(cx->diag.n_errors, i + 1);
    }
    enum { DEEP = 100000 };
    char *deep = arena_alloc(&cx->arena, DEEP + 1);
    memset(deep, '[', DEEP);
    Source source = {"deep", deep, DEEP};
    assert_int_equal(json_read(cx, &source, &value), WEIR_MALFORMED);
    weir_context_free(cx);
}

static weir_status read_some(weir_context *cx, void *argument)
{
    Source source = {"some", argument, strlen(argument)};
    const JsonValue *value;
    return json_read(cx, &source, &value);
}

static void runs_out_of_memory(void **state)
{
    (void)state;
    char text[] = "{\"a\": [1, 2, {\"b\": \"c\"}], \"d\": {}}";
    assert_int_equal(sweep_allocations(read_some, text, 1, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(runs_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
