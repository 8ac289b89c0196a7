/*
 * support/diag.c: collecting and printing diagnostics.
 */
#include "support/diag.h"

#include <stdarg.h>
#include <string.h>

typedef struct DiagInfo {
    const char *code;
    Severity severity;
    const char *format;
    const char *explanation;
} DiagInfo;

static const DiagInfo diag_info[DIAG_COUNT] = {
#define DIAG(id, code, severity, format, explanation) [id] = {code, SEVERITY_##severity, format, explanation},
#include "support/diag.def"
#undef DIAG
};

static const char *const severity_text[] = {"error", "warning", "note"};

void diagnostics_init(Diagnostics *diagnostics, Arena *arena)
{
    memset(diagnostics, 0, sizeof *diagnostics);
    diagnostics->arena = arena;
    diagnostics->most = 100;
}

static const char *format_message(Arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* formats come from diag.def alone */
    int length = vsnprintf(NULL, 0, format, args);
    size_t room = length < 0 ? 1 : (size_t)length + 1;
    char *text = arena_alloc(arena, room);
    vsnprintf(text, room, format, again);
#pragma GCC diagnostic pop
    va_end(again);
    return text;
}

void diag(Diagnostics *diagnostics, Place place, DiagId id, ...)
{
    const DiagInfo *info = &diag_info[id];
    if (info->severity == SEVERITY_ERROR && diagnostics->n_errors++ >= diagnostics->most)
        return;
    va_list args;
    va_start(args, id);
    const char *message = format_message(diagnostics->arena, info->format, args);
    va_end(args);
    Diagnostic d = {id, info->severity, place, message, NULL};
    vec_push(diagnostics->arena, &diagnostics->list, d);
}

void diag_note(Diagnostics *diagnostics, const char *format, ...)
{
    if (diagnostics->list.n == 0)
        return;
    va_list args;
    va_start(args, format);
    diagnostics->list.at[diagnostics->list.n - 1].note =
        format_message(diagnostics->arena, format, args);
    va_end(args);
}

Place place_none(void)
{
    return (Place){0};
}

Place place_file(const Source *source)
{
    return (Place){.kind = PLACE_NONE, .source = source};
}

Place place_text(const Source *source, uint32_t line, uint32_t column, uint32_t end_column)
{
    return (Place){.kind = PLACE_TEXT, .source = source, .line = line, .column = column, .end_column = end_column};
}

Place place_node(const Source *source, uint32_t node_index, const char *name, const char *op)
{
    return (Place){.kind = PLACE_NODE, .source = source, .node_index = node_index, .name = name, .op = op};
}

const char *diag_code(DiagId id)
{
    return diag_info[id].code;
}

const char *diag_explanation(DiagId id)
{
    return diag_info[id].explanation;
}

void diagnostics_cut(Diagnostics *diagnostics, uint32_t n)
{
    while (diagnostics->list.n > n) {
        diagnostics->list.n--;
        if (diagnostics->list.at[diagnostics->list.n].severity == SEVERITY_ERROR)
            diagnostics->n_errors--;
    }
}

/* ---- text ---- */

static void print_place(const Place *place, FILE *out)
{
    const char *path = place->source != NULL ? place->source->path : NULL;
    switch (place->kind) {
    case PLACE_NONE:
        if (path != NULL)
            fprintf(out, "%s: ", path);
        break;
    case PLACE_TEXT:
        fprintf(out, "%s:%u:%u: ", path != NULL ? path : "<text>", place->line, place->column);
        break;
    case PLACE_NODE:
        fprintf(out, "%s: node %u '%s' (%s): ", path != NULL ? path : "<model>", place->node_index,
                place->name != NULL ? place->name : "", place->op != NULL ? place->op : "?");
        break;
    case PLACE_STATEMENT:
        if (path != NULL && place->line != 0)
            fprintf(out, "%s:%u: ", path, place->line);
        fprintf(out, "statement '%s': ", place->name != NULL ? place->name : "");
        break;
    }
}

static void print_caret(const Place *place, FILE *out)
{
    if (place->kind != PLACE_TEXT || place->source == NULL || place->source->text == NULL)
        return;
    const char *line = place->source->text;
    const char *end = line + place->source->bytes;
    for (uint32_t i = 1; i < place->line; i++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (newline == NULL)
            return;
        line = newline + 1;
    }
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    size_t length = (size_t)((newline != NULL ? newline : end) - line);
    if (length > 200)
        return;
    fprintf(out, "%5u | %.*s\n      | ", place->line, (int)length, line);
    for (uint32_t i = 1; i < place->column; i++)
        fputc(i <= length && line[i - 1] == '\t' ? '\t' : ' ', out);
    fputc('^', out);
    for (uint32_t i = place->column + 1; i < place->end_column && i <= length + 1; i++)
        fputc('~', out);
    fputc('\n', out);
}

static void print_one(const Diagnostic *d, FILE *out, bool colour)
{
    static const char *const ansi[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m"};
    print_place(&d->place, out);
    fprintf(out, "%s%s %s:%s %s\n", colour ? ansi[d->severity] : "", severity_text[d->severity],
            diag_code(d->id), colour ? "\033[0m" : "", d->message);
    print_caret(&d->place, out);
    if (d->note != NULL)
        fprintf(out, "note: %s\n", d->note);
}

void diagnostics_print(const Diagnostics *diagnostics, FILE *out, bool colour)
{
    for (uint32_t i = 0; i < diagnostics->list.n; i++)
        print_one(&diagnostics->list.at[i], out, colour);
    if (diagnostics->n_errors > diagnostics->most)
        fprintf(out, "note: %u more errors not shown\n", diagnostics->n_errors - diagnostics->most);
}

/* ---- JSON ---- */

static void print_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(out, "\\u%04x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

static void print_json_field(FILE *out, const char *key, const char *text)
{
    if (text == NULL)
        return;
    fprintf(out, ",\"%s\":", key);
    print_json_string(out, text);
}

void diagnostics_print_json(const Diagnostics *diagnostics, FILE *out)
{
    for (uint32_t i = 0; i < diagnostics->list.n; i++) {
        const Diagnostic *d = &diagnostics->list.at[i];
        const Place *place = &d->place;
        fprintf(out, "{\"code\":\"%s\",\"severity\":\"%s\",\"message\":", diag_code(d->id),
                severity_text[d->severity]);
        print_json_string(out, d->message);
        print_json_field(out, "file", place->source != NULL ? place->source->path : NULL);
        if (place->line != 0)
            fprintf(out, ",\"line\":%u,\"column\":%u", place->line, place->column);
        if (place->kind == PLACE_NODE)
            fprintf(out, ",\"node_index\":%u", place->node_index);
        print_json_field(out, place->kind == PLACE_STATEMENT ? "statement" : "node", place->name);
        print_json_field(out, "op", place->op);
        print_json_field(out, "note", d->note);
        fputs("}\n", out);
    }
}
