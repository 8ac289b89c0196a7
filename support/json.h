/*
 * support/json.h: JSON out (a writer on a Text) and in (a tree on the arena).
 *
 * Keep: what is written is valid JSON whatever the values: NaN and infinities become null, bytes that are no UTF-8
 *       become U+FFFD. Keys come out in the order they were put.
 */
#ifndef WEIR_SUPPORT_JSON_H
#define WEIR_SUPPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "support/context.h"
#include "support/text.h"

enum { JSON_MOST_DEPTH = 64 };

typedef struct JsonWriter {
    Text *text;
    uint32_t depth;
    bool is_array[JSON_MOST_DEPTH], has_items[JSON_MOST_DEPTH];
} JsonWriter;

void json_begin(JsonWriter *json, Text *text);
/* `key` is NULL within arrays and at the top. json_put_end closes the innermost object or array. */
void json_put_object(JsonWriter *json, const char *key);
void json_put_array(JsonWriter *json, const char *key);
void json_put_end(JsonWriter *json);
void json_put_text(JsonWriter *json, const char *key, const char *value); /* NULL: null */
void json_put_bytes(JsonWriter *json, const char *key, const char *value, size_t n);
void json_put_int(JsonWriter *json, const char *key, int64_t value);
void json_put_uint(JsonWriter *json, const char *key, uint64_t value);
void json_put_bool(JsonWriter *json, const char *key, bool value);
void json_put_null(JsonWriter *json, const char *key);
/* The shortest digits that read back as the double, or (json_put_f32) as the float. */
void json_put_real(JsonWriter *json, const char *key, double value);
void json_put_f32(JsonWriter *json, const char *key, float value);

typedef enum JsonKind {
    JSON_IS_NULL,
    JSON_IS_BOOL,
    JSON_IS_INT,
    JSON_IS_REAL,
    JSON_IS_TEXT,
    JSON_IS_ARRAY,
    JSON_IS_OBJECT
} JsonKind;

typedef struct JsonValue {
    JsonKind kind;
    int64_t integer;   /* INT, BOOL */
    double number;     /* INT, REAL */
    const char *text;  /* TEXT: UTF-8 without NUL */
    uint32_t n;        /* ARRAY, OBJECT: items */
    const char **keys; /* OBJECT */
    const struct JsonValue *items;
} JsonValue;

/* Reads a whole document; E_SYNTAX with its place and WEIR_MALFORMED. Duplicate keys are refused. */
MUST_USE weir_status json_read(weir_context *cx, const Source *source, const JsonValue **out_value);
/* The value of a key; NULL if `object` is none or lacks it. */
const JsonValue *json_get(const JsonValue *object, const char *key);

#endif
