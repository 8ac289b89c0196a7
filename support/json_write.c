/*
 * support/json_write.c: writing JSON.
 */
#include "support/json.h"

#include <math.h>
#include <string.h>

void json_begin(JsonWriter *json, Text *text)
{
    memset(json, 0, sizeof *json);
    json->text = text;
    json->is_array[0] = true;
}

/* Length of the UTF-8 sequence at `at`, 0 if it is none (overlong, surrogate, cut off). */
static size_t sequence_length(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char low, high, second_low, second_high;
        unsigned length;
    } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                 {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (at[0] < forms[i].low || at[0] > forms[i].high || left < forms[i].length)
            continue;
        bool fine = at[1] >= forms[i].second_low && at[1] <= forms[i].second_high;
        for (unsigned k = 2; k < forms[i].length; k++)
            fine = fine && (at[k] & 0xc0) == 0x80;
        return fine ? forms[i].length : 0;
    }
    return 0;
}

static void put_string(Text *text, const char *value, size_t n)
{
    const unsigned char *at = (const unsigned char *)value;
    text_add(text, "\"", 1);
    for (size_t i = 0; i < n;) {
        size_t length = at[i] < 0x80 ? 1 : sequence_length(at + i, n - i);
        if (at[i] == '"' || at[i] == '\\')
            text_printf(text, "\\%c", at[i]);
        else if (at[i] < 0x20)
            text_printf(text, "\\u%04x", at[i]);
        else if (length == 0)
            text_add(text, "\\ufffd", 6);
        else
            text_add(text, value + i, length);
        i += length == 0 ? 1 : length;
    }
    text_add(text, "\"", 1);
}

static void put_key(JsonWriter *json, const char *key)
{
    if (json->has_items[json->depth])
        text_add(json->text, json->depth == 0 ? "\n" : ",", 1);
    json->has_items[json->depth] = true;
    if (json->is_array[json->depth])
        return;
    put_string(json->text, key != NULL ? key : "", key != NULL ? strlen(key) : 0);
    text_add(json->text, ":", 1);
}

static void open_level(JsonWriter *json, const char *key, bool is_array)
{
    put_key(json, key);
    if (json->depth + 1 == JSON_MOST_DEPTH)
        arena_unwind(json->text->arena, WEIR_LIMIT);
    json->depth++;
    json->is_array[json->depth] = is_array;
    json->has_items[json->depth] = false;
    text_add(json->text, is_array ? "[" : "{", 1);
}

void json_put_object(JsonWriter *json, const char *key)
{
    open_level(json, key, false);
}

void json_put_array(JsonWriter *json, const char *key)
{
    open_level(json, key, true);
}

void json_put_end(JsonWriter *json)
{
    if (json->depth == 0)
        return;
    text_add(json->text, json->is_array[json->depth] ? "]" : "}", 1);
    json->depth--;
}

void json_put_bytes(JsonWriter *json, const char *key, const char *value, size_t n)
{
    put_key(json, key);
    put_string(json->text, value, n);
}

void json_put_text(JsonWriter *json, const char *key, const char *value)
{
    if (value == NULL)
        json_put_null(json, key);
    else
        json_put_bytes(json, key, value, strlen(value));
}

void json_put_int(JsonWriter *json, const char *key, int64_t value)
{
    put_key(json, key);
    text_printf(json->text, "%lld", (long long)value);
}

void json_put_uint(JsonWriter *json, const char *key, uint64_t value)
{
    put_key(json, key);
    text_printf(json->text, "%llu", (unsigned long long)value);
}

void json_put_bool(JsonWriter *json, const char *key, bool value)
{
    put_key(json, key);
    text_printf(json->text, "%s", value ? "true" : "false");
}

void json_put_null(JsonWriter *json, const char *key)
{
    put_key(json, key);
    text_add(json->text, "null", 4);
}

static void put_decimal(JsonWriter *json, const char *key, double value, Dtype type)
{
    if (!isfinite(value)) {
        json_put_null(json, key);
        return;
    }
    put_key(json, key);
    text_decimal(json->text, value, type);
}

void json_put_real(JsonWriter *json, const char *key, double value)
{
    put_decimal(json, key, value, DT_F64);
}

void json_put_f32(JsonWriter *json, const char *key, float value)
{
    put_decimal(json, key, (double)value, DT_F32);
}
