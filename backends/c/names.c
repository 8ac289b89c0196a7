/*
 * backends/c/names.c: C identifiers and C types.
 */
#include "backends/c/internal.h"

#include <ctype.h>
#include <string.h>

static const char *const keywords[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto",
    "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch",
    "typedef", "union", "unsigned", "void", "volatile", "while", "asm", "bool", "catch", "class", "delete", "explicit", "export",
    "false", "friend", "mutable", "namespace", "new", "operator", "private", "protected", "public", "template", "this", "throw",
    "true", "try", "typename", "using", "virtual", "and", "or", "not", "xor", "compl", "bitand", "bitor", "main", "linux", "unix"};

const char *c_identifier(weir_context *cx, const char *text)
{
    size_t n = strlen(text);
    char *name = ARENA_ARRAY(&cx->arena, char, n + 3);
    size_t at = 0;
    if (n == 0 || isdigit((unsigned char)text[0]) || text[0] == '_')
        name[at++] = 'x';
    for (size_t k = 0; k < n; k++) {
        unsigned char c = (unsigned char)text[k];
        name[at++] = (char)(c < 128 && isalnum(c) ? c : '_');
    }
    for (size_t k = 0; k < sizeof keywords / sizeof keywords[0]; k++)
        if (strcmp(keywords[k], name) == 0) {
            name[at++] = '_';
            break;
        }
    return name;
}

const char *c_memory_type(Dtype type)
{
    switch (type) {
    case DT_F64:
        return "double";
    case DT_F32:
        return "float";
    case DT_F16:
    case DT_BF16:
    case DT_U16:
        return "uint16_t";
    case DT_I64:
        return "int64_t";
    case DT_I32:
        return "int32_t";
    case DT_I16:
        return "int16_t";
    case DT_I8:
    case DT_I4:
    case DT_I2:
        return "int8_t";
    case DT_U64:
        return "uint64_t";
    case DT_U32:
        return "uint32_t";
    default:
        return "uint8_t";
    }
}

const char *c_value_type(Dtype type)
{
    return type == DT_F16 || type == DT_BF16 ? "float" : c_memory_type(type);
}

void c_names(const LoopProgram *p, const char **out_names)
{
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        if (b->kind != BUFFER_IN && b->kind != BUFFER_OUT)
            continue;
        const TensorDecl *t = tensor_at(p->cs, b->tensor);
        const char *base = c_identifier(p->cx, cx_text(p->cx, t->outside.i != 0 ? t->outside : t->name)), *name = base;
        uint32_t number = 1;
        for (uint32_t j = 0; j < k; j++)
            if (out_names[j] != NULL && strcmp(out_names[j], name) == 0) {
                name = arena_printf(&p->cx->arena, "%s_%u", base, ++number);
                j = UINT32_MAX; /* again from the first */
            }
        out_names[k] = name;
    }
}
