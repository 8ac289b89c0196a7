/*
 * frontend/text/onnxtext.c: parts of an ONNX text to a Model, and the entry of the text reader.
 */
#include "frontend/text/onnxtext.h"

#include <string.h>

#include "frontend/text/onnxtext.tab.h"
#define YYSTYPE ONNXTEXT_STYPE
#define YYLTYPE ONNXTEXT_LTYPE
#include "frontend/text/onnxtext.lex.h"

/* ---- faults ---- */

void text_fault(Parse *p, TextPlace place, DiagId id, const char *text)
{
    uint32_t end = place.end_line == place.line ? place.end_column : 0;
    diag(&p->cx->diag, place_text(p->reader.source, place.line, place.column, end), id, text);
    p->n_errors++;
    reader_fault(&p->reader, id == E_LITERAL ? WEIR_INVALID : WEIR_MALFORMED);
}

bool text_open_graph(Parse *p, TextPlace place)
{
    if (++p->depth <= p->cx->limits.nesting)
        return true;
    diag(&p->cx->diag, place_text(p->reader.source, place.line, place.column, 0), E_LIMIT, "graphs within graphs",
         (long long)p->depth, (long long)p->cx->limits.nesting, "--max-nesting");
    reader_fault(&p->reader, WEIR_LIMIT);
    return false;
}

/* ---- nodes and graphs ---- */

void text_elements(Parse *p, const ElementList *elements, NameList *out)
{
    uint32_t n = elements->n;
    if (n != 0 && !elements->at[n - 1].given)
        n--;
    for (uint32_t i = 0; i < n; i++)
        vec_push(&p->cx->arena, out, elements->at[i].name);
}

/* "ai.onnx" is "". */
static Name domain_of(Parse *p, Name name)
{
    return strcmp(cx_text(p->cx, name), "ai.onnx") == 0 ? (Name){0} : name;
}

/* The parts of an operator's name but the last, with points between them. */
static Name operator_domain(Parse *p, const NameList *op)
{
    if (op->n < 2)
        return (Name){0};
    const char *text = cx_text(p->cx, op->at[0]);
    for (uint32_t i = 1; i + 1 < op->n; i++)
        text = arena_printf(&p->cx->arena, "%s.%s", text, cx_text(p->cx, op->at[i]));
    return domain_of(p, cx_intern(p->cx, text, strlen(text)));
}

Node text_node(Parse *p, Name label, const NameList *outputs, const NameList *op, Name overload,
               const AttributeList *attributes, const NameList *inputs)
{
    return (Node){.name = label,
                  .op = op->at[op->n - 1],
                  .domain = operator_domain(p, op),
                  .overload = overload,
                  .n_inputs = inputs->n,
                  .n_outputs = outputs->n,
                  .n_attributes = attributes != NULL ? attributes->n : 0,
                  .inputs = inputs->at,
                  .outputs = outputs->at,
                  .attributes = attributes != NULL ? attributes->at : NULL};
}

Graph *text_graph(Parse *p, Name name, const ItemList *inputs, const InfoList *outputs, const ItemList *locals,
                  const NodeList *nodes)
{
    Arena *arena = &p->cx->arena;
    Graph *g = ARENA_NEW(arena, Graph);
    InfoList ins = {0}, infos = {0};
    VEC(Initializer) initializers = {0};
    for (uint32_t i = 0; i < inputs->n; i++) {
        vec_push(arena, &ins, inputs->at[i].info);
        if (inputs->at[i].has_data)
            vec_push(arena, &initializers, inputs->at[i].data);
    }
    for (uint32_t i = 0; i < locals->n; i++) {
        if (locals->at[i].has_data)
            vec_push(arena, &initializers, locals->at[i].data);
        else
            vec_push(arena, &infos, locals->at[i].info);
    }
    *g = (Graph){.name = name,
                 .n_nodes = nodes->n,
                 .n_inputs = ins.n,
                 .n_outputs = outputs->n,
                 .n_initializers = initializers.n,
                 .n_infos = infos.n,
                 .nodes = nodes->at,
                 .inputs = ins.at,
                 .outputs = outputs->at,
                 .infos = infos.at,
                 .initializers = initializers.at};
    return g;
}

/* ---- headers ---- */

static Name entry_string(Parse *p, TextPlace place, const Literal *literal)
{
    if (literal != NULL && literal->kind == LITERAL_STRING)
        return literal->string;
    text_fault(p, place, E_LITERAL, "a string is needed here");
    return (Name){0};
}

static int64_t entry_integer(Parse *p, TextPlace place, const Literal *literal)
{
    if (literal != NULL)
        return text_integer(p, literal);
    text_fault(p, place, E_LITERAL, "an integer is needed here");
    return 0;
}

static void entry_opsets(Parse *p, TextPlace place, const EntryList *list, OpsetImport **out, uint32_t *out_n)
{
    if (list == NULL) {
        text_fault(p, place, E_LITERAL, "a list is needed here: [\"\" : 17]");
        return;
    }
    *out = ARENA_ARRAY(&p->cx->arena, OpsetImport, list->n);
    *out_n = list->n;
    for (uint32_t i = 0; i < list->n; i++)
        (*out)[i] = (OpsetImport){domain_of(p, list->at[i].key), text_integer(p, &list->at[i].value)};
}

static void entry_metadata(Parse *p, TextPlace place, const EntryList *list)
{
    if (list == NULL) {
        text_fault(p, place, E_LITERAL, "a list is needed here: [\"key\" : \"text\"]");
        return;
    }
    p->model->metadata = ARENA_ARRAY(&p->cx->arena, KeyText, list->n);
    p->model->n_metadata = list->n;
    for (uint32_t i = 0; i < list->n; i++)
        p->model->metadata[i] = (KeyText){list->at[i].key, entry_string(p, place, &list->at[i].value)};
}

static void no_entry(Parse *p, TextPlace place, Name key)
{
    text_fault(p, place, E_SYNTAX, arena_printf(&p->cx->arena, "no header entry is named '%s'", cx_text(p->cx, key)));
}

void text_model_entry(Parse *p, TextPlace place, Name key, const Literal *literal, const EntryList *list)
{
    Model *m = p->model;
    const char *word = cx_text(p->cx, key);
    if (strcmp(word, "ir_version") == 0)
        m->ir_version = entry_integer(p, place, literal);
    else if (strcmp(word, "model_version") == 0)
        m->version = entry_integer(p, place, literal);
    else if (strcmp(word, "producer_name") == 0)
        m->producer = entry_string(p, place, literal);
    else if (strcmp(word, "producer_version") == 0)
        m->producer_version = entry_string(p, place, literal);
    else if (strcmp(word, "domain") == 0)
        m->domain = entry_string(p, place, literal);
    else if (strcmp(word, "doc_string") == 0)
        m->doc = entry_string(p, place, literal);
    else if (strcmp(word, "opset_import") == 0)
        entry_opsets(p, place, list, &m->opsets, &m->n_opsets);
    else if (strcmp(word, "metadata_props") == 0)
        entry_metadata(p, place, list);
    else
        no_entry(p, place, key);
}

void text_function_entry(Parse *p, Function *f, TextPlace place, Name key, const Literal *literal,
                         const EntryList *list)
{
    const char *word = cx_text(p->cx, key);
    if (strcmp(word, "domain") == 0)
        f->domain = domain_of(p, entry_string(p, place, literal));
    else if (strcmp(word, "overload") == 0)
        f->overload = entry_string(p, place, literal);
    else if (strcmp(word, "opset_import") == 0)
        entry_opsets(p, place, list, &f->opsets, &f->n_opsets);
    else if (strcmp(word, "doc_string") != 0)
        no_entry(p, place, key);
}

/* The names of parameters; those with a type are described in `infos` as well. */
static Name *parameter_names(Parse *p, const InfoList *parameters, InfoList *infos)
{
    Name *names = ARENA_ARRAY(&p->cx->arena, Name, parameters->n);
    for (uint32_t i = 0; i < parameters->n; i++) {
        const ValueInfo *info = &parameters->at[i];
        names[i] = info->name;
        if (info->type.kind != VALUE_TENSOR || info->type.onnx_type != 0)
            vec_push(&p->cx->arena, infos, *info);
    }
    return names;
}

void text_function(Parse *p, Function *f, Name name, const FunctionAttributes *attributes, const InfoList *inputs,
                   const InfoList *outputs, const InfoList *infos, const NodeList *nodes)
{
    InfoList all = {0};
    f->name = name;
    f->n_inputs = inputs->n;
    f->inputs = parameter_names(p, inputs, &all);
    f->n_outputs = outputs->n;
    f->outputs = parameter_names(p, outputs, &all);
    for (uint32_t i = 0; i < infos->n; i++)
        vec_push(&p->cx->arena, &all, infos->at[i]);
    f->n_infos = all.n;
    f->infos = all.at;
    f->n_attributes = attributes->names.n;
    f->attributes = attributes->names.at;
    f->n_defaults = attributes->defaults.n;
    f->defaults = attributes->defaults.at;
    f->n_nodes = nodes->n;
    f->nodes = nodes->at;
    vec_push(&p->cx->arena, &p->functions, *f);
}

/* ---- the reader ---- */

weir_status model_read_text(weir_context *cx, const Source *source, Model **out_model)
{
    Parse *p = ARENA_NEW(&cx->arena, Parse);
    p->cx = cx;
    p->reader = (Reader){.cx = cx, .source = source};
    p->model = ARENA_NEW(&cx->arena, Model);
    p->model->source = source;
    p->text = source->text;
    p->line = p->column = 1;
    if (source->bytes > INT32_MAX) {
        diag(&cx->diag, place_file(source), E_LIMIT, "bytes of a text", (long long)source->bytes, (long long)INT32_MAX,
             "fixed");
        return WEIR_LIMIT;
    }
    yyscan_t scanner;
    if (onnxtext_lex_init_extra(p, &scanner) != 0)
        arena_unwind(&cx->arena, WEIR_NO_MEMORY);
    onnxtext__scan_bytes(source->text, (int)source->bytes, scanner);
    if (onnxtext_parse(scanner, p) != 0 && p->reader.status == WEIR_OK)
        text_fault(p, (TextPlace){p->line, p->column, p->line, p->column}, E_SYNTAX, "the text can't be read");
    TRY(p->reader.status);
    p->model->n_functions = p->functions.n;
    p->model->functions = p->functions.at;
    TRY(model_check(cx, p->model));
    *out_model = p->model;
    return WEIR_OK;
}
