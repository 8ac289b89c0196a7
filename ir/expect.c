/*
 * ir/expect.c: reading and writing texts of tensor values.
 */
#include "ir/expect.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/file.h"

typedef struct Reader {
    Cascade *cs;
    const Source *source;
    const char *at, *line_start;
    uint32_t line;
    Tensor *values;
} Reader;

static weir_status malformed(Reader *r, const char *what)
{
    uint32_t column = (uint32_t)(r->at - r->line_start) + 1;
    diag(&r->cs->cx->diag, place_text(r->source, r->line, column, 0), E_SYNTAX, what);
    return WEIR_MALFORMED;
}

/* Blanks, line ends and comments. */
static void skip(Reader *r, bool lines)
{
    for (;; r->at++) {
        if (*r->at == '#' && lines) {
            r->at += strcspn(r->at, "\n");
            r->at--;
            continue;
        }
        if (*r->at == '\n' && lines) {
            r->line++;
            r->line_start = r->at + 1;
            continue;
        }
        if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r')
            return;
    }
}

static size_t word_length(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return n;
}

static bool word_is(const char *at, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(at, word, n) == 0;
}

static bool take(Reader *r, char c)
{
    skip(r, false);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static weir_status read_extents(Reader *r, Tensor *tensor)
{
    if (!take(r, '['))
        return malformed(r, "extents in brackets are expected");
    skip(r, false);
    while (*r->at != ']') {
        char *end;
        errno = 0;
        long long extent = strtoll(r->at, &end, 10);
        if (end == r->at || extent < 0 || errno != 0 || tensor->n_dims == TENSOR_MAX_DIMS)
            return malformed(r, "an extent is expected");
        tensor->extent[tensor->n_dims++] = extent;
        r->at = end;
        if (!take(r, ',')) {
            skip(r, false);
            if (*r->at != ']')
                return malformed(r, "`,` or `]` is expected");
        }
        skip(r, false);
    }
    r->at++;
    return WEIR_OK;
}

static weir_status read_seeded(Reader *r, Tensor *tensor)
{
    char *end;
    skip(r, false);
    size_t n = word_length(r->at);
    if (!word_is(r->at, n, "seeded"))
        return malformed(r, "`seeded(seed, law, scale)` is expected");
    r->at += n;
    if (!take(r, '('))
        return malformed(r, "`(` is expected");
    unsigned long long seed = strtoull(r->at, &end, 0);
    if (end == r->at)
        return malformed(r, "a seed is expected");
    r->at = end;
    if (!take(r, ','))
        return malformed(r, "`,` is expected");
    skip(r, false);
    n = word_length(r->at);
    SeedLaw law = LAW_NORMAL;
    if (word_is(r->at, n, "uniform"))
        law = LAW_UNIFORM;
    else if (word_is(r->at, n, "ints"))
        law = LAW_INTS;
    else if (!word_is(r->at, n, "normal"))
        return malformed(r, "a law is expected: normal, uniform or ints");
    r->at += n;
    if (!take(r, ','))
        return malformed(r, "`,` is expected");
    double scale = strtod(r->at, &end);
    if (end == r->at || !isfinite(scale) || fabs(scale) > 0x1p31)
        return malformed(r, "a scale is expected");
    r->at = end;
    if (!take(r, ')'))
        return malformed(r, "`)` is expected");
    seeded_fill(tensor, seed, law, scale);
    return WEIR_OK;
}

static weir_status read_value(Reader *r, Tensor *tensor, size_t i)
{
    DtypeKind kind = dtype_kind(tensor->type);
    size_t n = strcspn(r->at, " \t\r\n");
    char *end = NULL;
    errno = 0;
    if (kind == DK_BOOL) {
        bool yes = word_is(r->at, n, "true");
        if (!yes && !word_is(r->at, n, "false"))
            return malformed(r, "`true` or `false` is expected");
        dtype_store_i64(tensor->type, tensor->data, i, yes);
    } else if (dtype_is_int(tensor->type)) {
        bool wide = tensor->type == DT_U64;
        uint64_t u = wide ? strtoull(r->at, &end, 10) : 0;
        int64_t value = wide ? (int64_t)u : strtoll(r->at, &end, 10);
        bool fits = wide ? *r->at != '-'
                         : value >= dtype_int_min(tensor->type) &&
                               (value < 0 || (uint64_t)value <= dtype_int_max(tensor->type));
        if (end != r->at + n || errno != 0 || !fits)
            return malformed(r, "an integer of the type is expected");
        dtype_store_i64(tensor->type, tensor->data, i, value);
    } else {
        double value = strtod(r->at, &end);
        if (end != r->at + n)
            return malformed(r, "a number is expected");
        dtype_store_f64(tensor->type, tensor->data, i, value);
    }
    r->at += n;
    return WEIR_OK;
}

static bool is_header(const char *at)
{
    size_t n = word_length(at);
    return (word_is(at, n, "in") || word_is(at, n, "real") || word_is(at, n, "typed")) && (at[n] == ' ' || at[n] == '\t');
}

static void skip_entry(Reader *r)
{
    do {
        r->at += strcspn(r->at, "\n");
        skip(r, true);
    } while (*r->at != 0 && !is_header(r->at));
}

static weir_status read_input(Reader *r)
{
    weir_context *cx = r->cs->cx;
    skip(r, false);
    size_t n = word_length(r->at);
    Name name = {intern_find(&cx->names, r->at, n).i};
    TensorId id = tensor_by_name(r->cs, name);
    bool known = id.i != 0 && tensor_at(r->cs, id)->role == TENSOR_IN;
    if (!known) {
        skip_entry(r);
        return WEIR_OK;
    }
    r->at += n;
    if (!take(r, ':'))
        return malformed(r, "`: type` is expected");
    skip(r, false);
    n = word_length(r->at);
    Tensor shape = {.type = dtype_from_text(r->at, n)};
    if (shape.type == DT_NONE)
        return malformed(r, "an element type is expected");
    r->at += n;
    TRY(read_extents(r, &shape));
    Tensor *value = &r->values[id.i];
    *value = tensor_new(cx, shape.type, shape.n_dims, shape.extent);
    if (take(r, '='))
        return read_seeded(r, value);
    size_t count = (size_t)tensor_elements(value);
    for (size_t i = 0; i < count; i++) {
        skip(r, true);
        if (*r->at == 0 || is_header(r->at))
            return malformed(r, "more values are expected");
        TRY(read_value(r, value, i));
    }
    return WEIR_OK;
}

weir_status expect_read(Cascade *cs, const Source *source, Tensor *values)
{
    Reader r = {.cs = cs, .source = source, .at = source->text, .line_start = source->text, .line = 1, .values = values};
    for (skip(&r, true); *r.at != 0; skip(&r, true)) {
        if (!is_header(r.at))
            return malformed(&r, "`in NAME : type [extents]` is expected");
        size_t n = word_length(r.at);
        bool input = word_is(r.at, n, "in");
        if (!input) {
            skip_entry(&r);
            continue;
        }
        r.at += n;
        TRY(read_input(&r));
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        if (tensor_at(cs, (TensorId){t})->role != TENSOR_IN || values[t].data != NULL)
            continue;
        diag(&cs->cx->diag, place_text(source, 1, 1, 0), E_NO_TENSOR, tensor_name(cs, (TensorId){t}));
        return WEIR_INVALID;
    }
    return WEIR_OK;
}

/* ---- writing ---- */

static void write_float(Text *out, double x)
{
    if (isnan(x))
        text_printf(out, "nan");
    else if (isinf(x))
        text_printf(out, x < 0 ? "-inf" : "inf");
    else
        text_printf(out, "%a", x);
}

void expect_write(Text *out, const char *kind, const char *name, Dtype type, const Tensor *value)
{
    text_printf(out, "%s %s : %s [", kind, name, dtype_text(type));
    for (uint32_t d = 0; d < value->n_dims; d++)
        text_printf(out, "%s%lld", d == 0 ? "" : ", ", (long long)value->extent[d]);
    text_printf(out, "]\n");
    size_t n = (size_t)tensor_elements(value);
    DtypeKind kind_of = dtype_kind(value->type);
    for (size_t i = 0; i < n; i++) {
        text_add(out, i % 16 == 0 ? "  " : " ", i % 16 == 0 ? 2 : 1);
        if (kind_of == DK_BOOL)
            text_printf(out, dtype_load_i64(DT_BOOL, value->data, i) != 0 ? "true" : "false");
        else if (value->type == DT_U64)
            text_printf(out, "%llu", (unsigned long long)dtype_load_i64(DT_U64, value->data, i));
        else if (dtype_is_int(value->type))
            text_printf(out, "%lld", (long long)dtype_load_i64(value->type, value->data, i));
        else
            write_float(out, dtype_load_f64(value->type, value->data, i));
        if (i % 16 == 15 || i + 1 == n)
            text_add(out, "\n", 1);
    }
}

weir_status expect_run(Cascade *cs, const char *inputs_path, const char *outputs_dir, EvalSystem system,
                       uint32_t n_names, const char *const *names)
{
    weir_context *cx = cs->cx;
    const Source *source;
    TRY(file_source(cx, inputs_path, &source));
    Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, cs->tensors.n);
    TRY(expect_read(cs, source, values));
    TensorId *wanted = ARENA_ARRAY(&cx->arena, TensorId, cs->tensors.n + n_names);
    uint32_t n_wanted = 0;
    for (uint32_t i = 0; i < n_names; i++) {
        TensorId id = tensor_by_name(cs, intern_find(&cx->names, names[i], strlen(names[i])));
        if (id.i == 0) {
            diag(&cx->diag, place_none(), E_NO_TENSOR, names[i]);
            return WEIR_USAGE;
        }
        wanted[n_wanted++] = id;
    }
    EvalOptions options = {.system = system, .n_wanted = n_wanted, .wanted = wanted};
    TRY(eval_cascade(cs, &options, values));
    for (uint32_t t = 1; n_names == 0 && t < cs->tensors.n; t++)
        if (tensor_at(cs, (TensorId){t})->is_out)
            wanted[n_wanted++] = (TensorId){t};
    for (uint32_t i = 0; i < n_wanted; i++) {
        const TensorDecl *decl = tensor_at(cs, wanted[i]);
        const char *name = cx_text(cx, decl->name);
        Text text;
        text_init(&text, &cx->arena);
        expect_write(&text, system == EVAL_REAL ? "real" : "typed", name, decl->type, &values[wanted[i].i]);
        TRY(file_write(cx, arena_printf(&cx->arena, "%s/%s.expect", outputs_dir, name), text.at, text.n));
    }
    return WEIR_OK;
}
