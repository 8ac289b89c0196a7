/*
 * ir/print.c: the canonical text of a cascade (docs/cascade.md, appendix A).
 *
 * Keep: printing what the parser makes of a printed text gives the same bytes.
 */
#include "ir/print.h"

#include <math.h>
#include <string.h>

typedef struct Printer {
    const Cascade *cs;
    Text *out;
    WeightsFile *weights;
    bool *said; /* by tensor: `out` stands on its declaration or on a definition; else (a pass dropped that one) on all */
} Printer;

static void print_block(Printer *p, const Block *block, unsigned level);

static void indent(Printer *p, unsigned level)
{
    for (unsigned i = 0; i < level; i++)
        text_add(p->out, "  ", 2);
}

/* Bytes of the UTF-8 character at `text`; 0 if it is none. */
static size_t utf8_bytes(const unsigned char *text)
{
    size_t n = text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (text[0] < 0xc2 || text[0] >= 0xf5)
        return 0;
    uint32_t code = text[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}

void print_string(const char *text, Text *out)
{
    text_add(out, "\"", 1);
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        size_t n = *c >= 0x80 ? utf8_bytes(c) : 1;
        if (*c == '"' || *c == '\\')
            text_printf(out, "\\%c", *c);
        else if (*c == '\n')
            text_add(out, "\\n", 2);
        else if (*c < 0x20 || *c == 0x7f || n == 0)
            text_printf(out, "\\x%02x", *c);
        else
            text_add(out, (const char *)c, n);
        c += n > 1 ? n - 1 : 0;
    }
    text_add(out, "\"", 1);
}

/* ---- declarations ---- */

static void print_field(Printer *p, const FormatField *field)
{
    weir_context *cx = p->cs->cx;
    text_printf(p->out, ", %s = ", cx_text(cx, field->name));
    if (field->value.i != 0)
        text_printf(p->out, "%s", cx_text(cx, field->value));
    else
        text_printf(p->out, "%lld", (long long)field->number);
    if (field->on || field->per)
        text_printf(p->out, " %s %s", field->on ? "on" : "per", rank_name(p->cs, field->rank));
}

static void print_type(Printer *p, const TensorDecl *tensor)
{
    text_printf(p->out, " : ");
    if (tensor->format == 0) {
        text_printf(p->out, "%s", dtype_text(tensor->type));
        return;
    }
    const Format *format = &p->cs->formats.at[tensor->format];
    if (format->kind == FORMAT_MX)
        text_printf(p->out, "mx(%s", dtype_text(format->element));
    else
        text_printf(p->out, "int(%u", dtype_bits(format->element));
    for (uint32_t i = 0; i < format->n_fields; i++)
        print_field(p, &format->fields[i]);
    text_printf(p->out, ")");
}

static void print_outside(Printer *p, const TensorDecl *tensor)
{
    if (tensor->outside.i == 0)
        return;
    text_printf(p->out, " as ");
    print_string(cx_text(p->cs->cx, tensor->outside), p->out);
}

static void print_element(Printer *p, const Tensor *value, size_t i)
{
    if (value->type == DT_BOOL) {
        text_printf(p->out, dtype_load_i64(DT_BOOL, value->data, i) != 0 ? "true" : "false");
    } else if (value->type == DT_U64) {
        text_printf(p->out, "%llu", (unsigned long long)dtype_load_i64(DT_U64, value->data, i));
    } else if (dtype_is_int(value->type)) {
        text_printf(p->out, "%lld", (long long)dtype_load_i64(value->type, value->data, i));
    } else {
        double x = dtype_load_f64(value->type, value->data, i);
        if (fabs(x) < 0x1p53 && floor(x) == x && (x != 0 || signbit(x) == 0))
            text_printf(p->out, "%lld", (long long)x);
        else
            text_decimal(p->out, x, value->type);
    }
}

static void print_braces(Printer *p, const Tensor *value, uint32_t level, size_t *next)
{
    int64_t n = value->n_dims == 0 ? 1 : value->extent[level];
    text_add(p->out, "{", 1);
    for (int64_t i = 0; i < n; i++) {
        if (i != 0)
            text_add(p->out, ", ", 2);
        if (level + 1 < value->n_dims)
            print_braces(p, value, level + 1, next);
        else
            print_element(p, value, (*next)++);
    }
    text_add(p->out, "}", 1);
}

static void print_inline(Printer *p, TensorId id, const Tensor *value)
{
    enum { ALIGN = 64 };
    int64_t n = tensor_elements(value);
    if (p->weights == NULL || n <= PRINT_INLINE_ELEMENTS || tensor_at(p->cs, id)->format != 0) {
        size_t next = 0;
        print_braces(p, value, 0, &next);
        return;
    }
    WeightsFile *weights = p->weights;
    uint64_t offset = (weights->bytes + ALIGN - 1) / ALIGN * ALIGN;
    weights->bytes = offset + packed_bytes(value->type, (size_t)n);
    vec_push(&p->cs->cx->arena, &weights->tensors, id);
    vec_push(&p->cs->cx->arena, &weights->offsets, offset);
    text_printf(p->out, "file(");
    print_string(weights->path, p->out);
    text_printf(p->out, ", %llu)", (unsigned long long)offset);
}

static void print_data(Printer *p, TensorId id)
{
    static const char *const laws[] = {[LAW_NORMAL] = "normal", [LAW_UNIFORM] = "uniform", [LAW_INTS] = "ints"};
    const ConstData *data = &tensor_at(p->cs, id)->data;
    text_printf(p->out, " = ");
    if (data->kind == DATA_INLINE) {
        print_inline(p, id, &data->value);
    } else if (data->kind == DATA_FILE) {
        text_printf(p->out, "file(");
        print_string(cx_text(p->cs->cx, data->path), p->out);
        text_printf(p->out, ", %llu)", (unsigned long long)data->offset);
    } else {
        text_printf(p->out, "seeded(%llu, %s, ", (unsigned long long)data->seed, laws[data->law]);
        print_element(p, &(Tensor){.type = DT_F64, .data = &(double){data->scale}}, 0);
        text_printf(p->out, ")");
    }
}

static void print_declaration(Printer *p, TensorId id)
{
    const TensorDecl *tensor = tensor_at(p->cs, id);
    const char *word = tensor->role == TENSOR_IN ? "in" : tensor->role == TENSOR_CONST ? "const" : tensor->is_out ? "out" : "tmp";
    text_printf(p->out, "%s %s[", word, tensor_name(p->cs, id));
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        text_printf(p->out, "%s%s", d == 0 ? "" : ", ", rank_name(p->cs, tensor->dims[d].rank));
    text_printf(p->out, "]");
    print_type(p, tensor);
    print_outside(p, tensor);
    if (tensor->role == TENSOR_CONST)
        print_data(p, id);
}

/* ---- statements ---- */

static void print_exprs(Printer *p, uint32_t n, const ExprId *list)
{
    for (uint32_t k = 0; k < n; k++) {
        if (k != 0)
            text_add(p->out, ", ", 2);
        expr_print(p->cs, list[k], p->out);
    }
}

static void print_ranks(Printer *p, uint32_t n, const RankId *list)
{
    for (uint32_t k = 0; k < n; k++)
        text_printf(p->out, "%s%s", k == 0 ? "" : ", ", rank_name(p->cs, list[k]));
}

static void print_target(Printer *p, bool out, const Target *target)
{
    const TensorDecl *tensor = tensor_at(p->cs, target->tensor);
    text_printf(p->out, "%s[", tensor_name(p->cs, target->tensor));
    print_exprs(p, target->n_index, target->index);
    text_printf(p->out, "]");
    bool plain = tensor->type == DT_F32 && tensor->format == 0;
    if (out || (!tensor->declared && !plain))
        print_type(p, tensor);
    if (!tensor->declared)
        print_outside(p, tensor);
}

static void print_reduction(Printer *p, const Statement *st)
{
    static const char *const orders[] = {"", ".fma", ".tree", ".pairs", ".last"};
    text_printf(p->out, "%s%s", reduction_info(st->reduction)->text, orders[st->order]);
    if (st->accumulator != DT_NONE)
        text_printf(p->out, ".%s", dtype_text(st->accumulator));
    text_printf(p->out, "[");
    print_ranks(p, st->n_reduced, st->reduced);
    if (st->from.i != 0) {
        text_printf(p->out, " from ");
        expr_print(p->cs, st->from, p->out);
    }
    if (st->condition.i != 0) {
        text_printf(p->out, " | ");
        expr_print(p->cs, st->condition, p->out);
    }
    text_printf(p->out, "] ");
}

static void print_scatter(Printer *p, const Statement *st)
{
    text_printf(p->out, " then %s [", reduction_info(st->scatter)->text);
    print_exprs(p, st->n_scatter, st->scatter_index);
    if (st->scatter_condition.i != 0) {
        text_printf(p->out, " | ");
        expr_print(p->cs, st->scatter_condition, p->out);
    }
    text_printf(p->out, "] <- ");
    expr_print(p->cs, st->scatter_value, p->out);
}

static void print_host(Printer *p, const Statement *st)
{
    text_printf(p->out, "host %s(", hostop_info(st->hostop)->text);
    for (uint32_t k = 0; k < st->n_args; k++) {
        const HostArg *arg = &st->args[k];
        text_printf(p->out, k == 0 ? "" : ", ");
        if (arg->key.i != 0) {
            text_printf(p->out, "%s = ", cx_text(p->cs->cx, arg->key));
            body_print(p->cs, arg->literal, expr_at(p->cs, arg->literal)->decimal ? DT_F32 : DT_NONE, p->out);
        } else {
            text_printf(p->out, "%s[", tensor_name(p->cs, arg->tensor));
            print_ranks(p, arg->n_ranks, arg->ranks);
            text_printf(p->out, "]");
        }
    }
    text_printf(p->out, ")");
}

static void print_definition(Printer *p, const Statement *st)
{
    TensorId first = st->targets[0].tensor;
    bool out = st->out || (p->said != NULL && !p->said[first.i] && tensor_at(p->cs, first)->is_out);
    text_printf(p->out, out ? "out " : "");
    for (uint32_t t = 0; t < st->n_targets; t++) {
        text_printf(p->out, t == 0 ? "" : ", ");
        print_target(p, out, &st->targets[t]);
    }
    text_printf(p->out, " = ");
    if (st->kind == ST_HOST)
        print_host(p, st);
    if (st->reduction != RED_NONE)
        print_reduction(p, st);
    if (st->kind == ST_DEFINE)
        body_print(p->cs, st->body, st->accumulator, p->out);
    if (st->scatter != RED_NONE)
        print_scatter(p, st);
    for (uint32_t k = 0; k < st->n_provenance; k++) {
        text_printf(p->out, k == 0 ? " @ " : ", ");
        print_string(cx_text(p->cs->cx, st->provenance[k]), p->out);
    }
}

static void print_run_time(Printer *p, TensorId scalar, RankId count_of)
{
    if (scalar.i != 0)
        text_printf(p->out, " = %s[]", tensor_name(p->cs, scalar));
    else if (count_of.i != 0)
        text_printf(p->out, " = count(%s)", rank_name(p->cs, count_of));
}

static void print_rank(Printer *p, RankId id)
{
    const Rank *rank = rank_at(p->cs, id);
    text_printf(p->out, "%s %s %lld", rank_name(p->cs, id), rank->kind == RANK_STATIC ? "=" : "<=", (long long)rank->extent);
    if (rank->kind != RANK_STATIC)
        print_run_time(p, rank->scalar, rank->count_of);
}

static void print_region(Printer *p, const Statement *st, unsigned level)
{
    if (st->kind == ST_ITERATE) {
        const Rank *rank = rank_at(p->cs, st->rank);
        text_printf(p->out, "iterate %s < %lld", rank_name(p->cs, st->rank), (long long)rank->extent);
        print_run_time(p, st->trip, st->trip_count_of);
        if (st->access.i != 0)
            text_printf(p->out, " while ");
    } else {
        text_printf(p->out, "if ");
    }
    if (st->access.i != 0)
        expr_print(p->cs, st->access, p->out);
    text_printf(p->out, " {\n");
    print_block(p, &st->body_items, level + 1);
    indent(p, level);
    text_printf(p->out, "}");
    if (st->kind != ST_IF)
        return;
    text_printf(p->out, " else {\n");
    print_block(p, &st->else_items, level + 1);
    indent(p, level);
    text_printf(p->out, "}");
}

static void print_item(Printer *p, StatementId id, unsigned level)
{
    const Statement *st = statement_at(p->cs, id);
    indent(p, level);
    switch (st->kind) {
    case ST_RANK:
        text_printf(p->out, "rank ");
        print_rank(p, st->rank);
        break;
    case ST_TENSOR:
        print_declaration(p, st->tensor);
        break;
    case ST_DEFINE:
    case ST_HOST:
        print_definition(p, st);
        break;
    case ST_ITERATE:
    case ST_IF:
        print_region(p, st, level);
        break;
    }
    text_add(p->out, "\n", 1);
}

/* Neighbouring ranks share a line. */
static uint32_t print_rank_line(Printer *p, const Block *block, uint32_t first, unsigned level)
{
    uint32_t i = first;
    indent(p, level);
    for (; i < block->n && statement_at(p->cs, block->at[i])->kind == ST_RANK; i++) {
        text_printf(p->out, i == first ? "rank " : ", ");
        print_rank(p, statement_at(p->cs, block->at[i])->rank);
    }
    text_add(p->out, "\n", 1);
    return i;
}

static void print_block(Printer *p, const Block *block, unsigned level)
{
    for (uint32_t i = 0; i < block->n;) {
        if (statement_at(p->cs, block->at[i])->kind == ST_RANK)
            i = print_rank_line(p, block, i, level);
        else
            print_item(p, block->at[i++], level);
    }
}

void statement_print(const Cascade *cs, StatementId id, unsigned level, Text *out)
{
    Printer p = {cs, out, NULL, NULL};
    print_item(&p, id, level);
}

static void note_outputs(Printer *p, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(p->cs, block->at[i]);
        for (uint32_t t = 0; t < st->n_targets && st->out; t++)
            p->said[st->targets[t].tensor.i] = true;
        note_outputs(p, &st->body_items);
        note_outputs(p, &st->else_items);
    }
}

void cascade_print_weights(const Cascade *cs, Text *out, WeightsFile *weights)
{
    Printer p = {cs, out, weights, ARENA_ARRAY(&cs->cx->arena, bool, cs->tensors.n)};
    for (uint32_t i = 1; i < cs->tensors.n; i++)
        p.said[i] = cs->tensors.at[i].declared;
    note_outputs(&p, &cs->top);
    text_printf(out, "%scascade %s {\n", cs->pinned ? "pinned " : "", cx_text(cs->cx, cs->name));
    print_block(&p, &cs->top, 1);
    text_printf(out, "}\n");
}

void cascade_print(const Cascade *cs, Text *out)
{
    cascade_print_weights(cs, out, NULL);
}

void weights_data(const Cascade *cs, const WeightsFile *weights, Text *out)
{
    static const char zeros[64];
    for (uint32_t i = 0; i < weights->tensors.n; i++) {
        const Tensor *value = &tensor_at(cs, weights->tensors.at[i])->data.value;
        size_t n = (size_t)tensor_elements(value);
        size_t bytes = packed_bytes(value->type, n);
        text_add(out, zeros, (size_t)weights->offsets.at[i] - out->n);
        char *packed = arena_alloc(&cs->cx->arena, bytes);
        packed_encode(value->type, value->data, n, packed);
        text_add(out, packed, bytes);
    }
}
