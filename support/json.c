/*
 * support/json.c: reading JSON with jansson, copied into the arena.
 */
#include "support/json.h"

#include <jansson.h>
#include <string.h>

typedef struct Reader {
    weir_context *cx;
    uint64_t n_values, most;
} Reader;

static void convert(Reader *r, const json_t *from, JsonValue *to);

static void convert_array(Reader *r, const json_t *from, JsonValue *to)
{
    size_t n = json_array_size(from);
    JsonValue *items = ARENA_ARRAY(&r->cx->arena, JsonValue, n);
    for (size_t i = 0; i < n; i++)
        convert(r, json_array_get(from, i), &items[i]);
    to->items = items;
    to->n = (uint32_t)n;
}

static void convert_object(Reader *r, json_t *from, JsonValue *to)
{
    size_t n = json_object_size(from), i = 0;
    JsonValue *items = ARENA_ARRAY(&r->cx->arena, JsonValue, n);
    to->keys = ARENA_ARRAY(&r->cx->arena, const char *, n);
    for (void *at = json_object_iter(from); at != NULL; at = json_object_iter_next(from, at)) {
        const char *key = json_object_iter_key(at);
        to->keys[i] = arena_string(&r->cx->arena, key, strlen(key));
        convert(r, json_object_iter_value(at), &items[i++]);
    }
    to->items = items;
    to->n = (uint32_t)n;
}

/* jansson itself bounds the nesting (2,048). */
static void convert(Reader *r, const json_t *from, JsonValue *to)
{
    if (++r->n_values > r->most)
        return;
    switch (json_typeof(from)) {
    case JSON_OBJECT:
        to->kind = JSON_IS_OBJECT;
        convert_object(r, (json_t *)(uintptr_t)from, to); /* jansson's iterators take no const */
        break;
    case JSON_ARRAY:
        to->kind = JSON_IS_ARRAY;
        convert_array(r, from, to);
        break;
    case JSON_STRING:
        to->kind = JSON_IS_TEXT;
        to->text = arena_string(&r->cx->arena, json_string_value(from), json_string_length(from));
        break;
    case JSON_INTEGER:
        to->kind = JSON_IS_INT;
        to->integer = json_integer_value(from);
        to->number = (double)to->integer;
        break;
    case JSON_REAL:
        to->kind = JSON_IS_REAL;
        to->number = json_real_value(from);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        to->kind = JSON_IS_BOOL;
        to->integer = json_typeof(from) == JSON_TRUE;
        break;
    case JSON_NULL:
        to->kind = JSON_IS_NULL;
        break;
    }
}

static void release(void *root)
{
    json_t *tree = root;
    if (tree != NULL)
        json_decref(tree);
}

weir_status json_read(weir_context *cx, const Source *source, const JsonValue **out_value)
{
    json_error_t error;
    context_on_end(cx, release, NULL); /* registered first: pushing may unwind */
    json_t *tree = json_loadb(source->text, source->bytes, JSON_REJECT_DUPLICATES, &error);
    if (tree == NULL) {
        uint32_t line = error.line > 0 ? (uint32_t)error.line : 1, column = error.column > 0 ? (uint32_t)error.column : 1;
        diag(&cx->diag, place_text(source, line, column, 0), E_SYNTAX, arena_printf(&cx->arena, "JSON: %s", error.text));
        return WEIR_MALFORMED;
    }
    cx->cleanups.at[cx->cleanups.n - 1].resource = tree;
    Reader reader = {.cx = cx, .most = cx->limits.count};
    JsonValue *value = ARENA_NEW(&cx->arena, JsonValue);
    convert(&reader, tree, value);
    if (reader.n_values > reader.most) {
        diag(&cx->diag, place_text(source, 1, 1, 0), E_LIMIT, "values of a JSON text", (long long)reader.n_values,
             (long long)reader.most, "--max-count");
        return WEIR_LIMIT;
    }
    *out_value = value;
    return WEIR_OK;
}

const JsonValue *json_get(const JsonValue *object, const char *key)
{
    if (object == NULL || object->kind != JSON_IS_OBJECT)
        return NULL;
    for (uint32_t i = 0; i < object->n; i++)
        if (strcmp(object->keys[i], key) == 0)
            return &object->items[i];
    return NULL;
}
