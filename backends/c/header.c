/*
 * backends/c/header.c: the interface of a generated program: NAME.h, and its description NAME_info as JSON.
 */
#include "backends/c/internal.h"

#include <ctype.h>
#include <inttypes.h>

static void upper(Text *out, const char *name)
{
    for (const char *c = name; *c != 0; c++)
        text_printf(out, "%c", toupper((unsigned char)*c));
}

static void shape(const LoopProgram *p, TensorId tensor, Text *out)
{
    text_printf(out, "[");
    for (uint32_t d = 0; d < tensor_at(p->cs, tensor)->n_dims; d++)
        text_printf(out, "%s%" PRId64, d > 0 ? ", " : "", dim_extent(p->cs, tensor, d));
    text_printf(out, "]");
}

void emit_header(const LoopProgram *p, const char *name, const char *const *names, Text *out)
{
    text_printf(out, "#ifndef ");
    upper(out, name);
    text_printf(out, "_RUN_H\n#define ");
    upper(out, name);
    text_printf(out, "_RUN_H\n#include <stdint.h>\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    const struct { const char *text; uint64_t value; } sizes[] = {
        {"_ARENA_BYTES", p->arena_bytes}, {"_WEIGHTS_BYTES", p->weights_bytes + C_WEIGHTS_HEADER}, {"_ALIGN", 64}};
    for (size_t k = 0; k < 3; k++) {
        text_printf(out, "#define ");
        upper(out, name);
        text_printf(out, "%s %" PRIu64 "u\n", sizes[k].text, sizes[k].value);
    }
    text_printf(out, "/* What %s_run returns: 0, or why it stopped (arena: code i32, place i32, value i64). */\nenum { ", name);
    static const char *const traps[] = {"_OK", "_INDEX_OUTSIDE", "_EXTENT_OUTSIDE", "_TRIP_COUNT_OUTSIDE"};
    for (int k = 0; k < 4; k++) {
        upper(out, name);
        text_printf(out, "%s = %d%s", traps[k], k, k < 3 ? ", " : " };\n");
    }
    text_printf(out, "/* Row-major; a dimension whose extent is known at run time only has the room of its bound. */\ntypedef struct {\n");
    uint32_t members = 0;
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        if (names[k] == NULL)
            continue;
        members++;
        text_printf(out, "    %s%s *%s; /* %s ", b->kind == BUFFER_IN ? "const " : "", c_memory_type(b->type), names[k], dtype_text(b->type));
        shape(p, b->tensor, out);
        text_printf(out, " */\n");
    }
    if (members == 0)
        text_printf(out, "    const void *nothing;\n");
    text_printf(out, "} %s_io;\n", name);
    text_printf(out, "/* Reentrant, no allocation. weights: the file %s.weights, mapped or read, 64-byte aligned; arena: ", name);
    upper(out, name);
    text_printf(out, "_ARENA_BYTES, 64-byte aligned, not shared by two runs at a time. */\n");
    text_printf(out, "int %s_run(const %s_io *io, const void *weights, void *arena);\nextern const char %s_info[];\n", name, name, name);
    text_printf(out, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

static void quoted(Text *out, const char *text)
{
    text_printf(out, "\"");
    for (const char *c = text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            text_printf(out, "\\%c", *c);
        else
            text_printf(out, (unsigned char)*c < 32 || (unsigned char)*c > 126 ? "\\u%04x" : "%c", (unsigned char)*c);
    }
    text_printf(out, "\"");
}

void info_json(const LoopProgram *p, const char *name, const char *const *names, Text *out)
{
    text_printf(out, "{\"name\": ");
    quoted(out, name);
    text_printf(out, ", \"arena_bytes\": %" PRIu64 ", \"arena_bound_bytes\": %" PRIu64 ", \"weights_bytes\": %" PRIu64 ",\n",
                p->arena_bytes, p->arena_bound_bytes, p->weights_bytes + C_WEIGHTS_HEADER);
    static const char *const lists[] = {"inputs", "outputs"};
    for (uint32_t side = 0; side < 2; side++) {
        const char *comma = "\n";
        text_printf(out, "\"%s\": [", lists[side]);
        for (uint32_t k = 0; k < p->buffers.n; k++) {
            const LoopBuffer *b = &p->buffers.at[k];
            if (b->kind != (side == 0 ? BUFFER_IN : BUFFER_OUT))
                continue;
            const TensorDecl *t = tensor_at(p->cs, b->tensor);
            text_printf(out, "%s{\"name\": ", comma);
            quoted(out, cx_text(p->cx, t->outside.i != 0 ? t->outside : t->name));
            text_printf(out, ", \"member\": \"%s\", \"type\": \"%s\", \"shape\": ", names[k], dtype_text(b->type));
            shape(p, b->tensor, out);
            text_printf(out, "}");
            comma = ",\n";
        }
        text_printf(out, side == 0 ? "],\n" : "]}\n");
    }
}

void emit_info(const LoopProgram *p, const char *name, const char *const *names, Text *out)
{
    Text json;
    text_init(&json, &p->cx->arena);
    info_json(p, name, names, &json);
    text_printf(out, "const char %s_info[] =\n    \"", name);
    for (size_t k = 0; k + 1 < json.n; k++) {
        if (json.at[k] == '\n')
            text_printf(out, "\\n\"\n    \"");
        else
            text_printf(out, json.at[k] == '"' || json.at[k] == '\\' ? "\\%c" : "%c", json.at[k]);
    }
    text_printf(out, "\";\n");
}
