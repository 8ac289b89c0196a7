/*
 * frontend/text/onnxtext.y: the grammar of the ONNX text. Actions collect lists; onnxtext.c and values.c give them
 * meaning. Extensions over the official syntax: an operator's domain, its name and attribute names may be quoted.
 */
%define api.pure full
%define api.prefix {onnxtext_}
%define api.location.type {TextPlace}
%define parse.error custom
%locations
%param { void *scanner }
%parse-param { struct Parse *p }
%expect 0

%code requires {
#include "frontend/text/onnxtext.h"
}

%code {
#include "frontend/text/onnxtext.tab.h"
#define YY_HEADER_EXPORT_START_CONDITIONS
#include "frontend/text/onnxtext.lex.h"
#define YYMAXDEPTH 2000
#define YYMALLOC(bytes) arena_alloc(&p->cx->arena, bytes)
#define YYFREE(block) ((void)(block))
#define YYLLOC_DEFAULT(current, rhs, n)                                                                       \
    do {                                                                                                      \
        (current) = YYRHSLOC(rhs, (n) ? 1 : 0);                                                               \
        if (n) {                                                                                              \
            (current).end_line = YYRHSLOC(rhs, n).end_line;                                                   \
            (current).end_column = YYRHSLOC(rhs, n).end_column;                                               \
        } else {                                                                                              \
            (current).line = (current).end_line;                                                              \
            (current).column = (current).end_column;                                                          \
        }                                                                                                     \
    } while (0)

static void onnxtext_error(const TextPlace *place, void *scanner, Parse *p, const char *text)
{
    (void)scanner;
    text_fault(p, *place, E_SYNTAX, text);
}

#define NEW(T) ARENA_NEW(&p->cx->arena, T)
#define PUSH(list, value) vec_push(&p->cx->arena, (list), (value))

static Parse *parse_of(void *scanner);
static const char *token_text(Parse *p, yysymbol_kind_t token);
}

%union {
    struct { Name name; int type; } word;
    Name name;
    Element element;
    ElementList *element_list;
    Literal literal;
    NameList *names;
    DimList *dims;
    Dim dim;
    EntryList *entries;
    Entry entry;
    ValueType type;
    ValueInfo info;
    InfoList *infos;
    Item item;
    ItemList *items;
    Data data;
    Single single;
    SingleList *singles;
    Attribute *attribute;
    AttributeList *attributes;
    Node node;
    NodeList *nodes;
    Graph *graph;
    Initializer *tensor;
    Function *function;
    FunctionAttributes *function_attributes;
}

%token T_ARROW "=>" T_BAD "unknown character"
%token <word> T_ID "name" T_TYPE "type" T_SEQ "seq" T_MAP "map" T_OPTIONAL "optional" T_SPARSE "sparse_tensor" T_OPAQUE "opaque"
%token <literal> T_INT "integer" T_FLOAT "number" T_STRING "string"

%type <word> word
%type <name> qname anyname label overload attribute_type
%type <element> element
%type <element_list> element_list
%type <names> elements operator
%type <dims> dims dim_list
%type <dim> dim
%type <entry> entry
%type <entries> entries entry_list
%type <literal> constant
%type <type> type tensor_type
%type <info> info
%type <infos> infos info_list outputs function_infos
%type <item> item
%type <items> items item_list graph_inputs locals
%type <data> data
%type <single> single
%type <singles> singles single_list
%type <attribute> attribute
%type <attributes> attributes attribute_list
%type <node> node
%type <nodes> nodes body
%type <graph> graph graph_rest
%type <tensor> tensor
%type <function> function_start
%type <function_attributes> function_attributes function_attribute_list

%%

model: model_header graph functions { p->model->graph = *$graph; };

model_header: %empty | '<' model_entries '>';
model_entries: model_entry | model_entries ',' model_entry;
model_entry: anyname ':' constant           { text_model_entry(p, @$, $anyname, &$constant, NULL); }
    | anyname ':' '[' entries ']'           { text_model_entry(p, @$, $anyname, NULL, $entries); };

entries: %empty                             { $$ = NEW(EntryList); } | entry_list;
entry_list: entry                           { $$ = NEW(EntryList); PUSH($$, $entry); }
    | entry_list ',' entry                  { $$ = $1; PUSH($$, $entry); };
entry: T_STRING ':' constant                { $$ = (Entry){$T_STRING.string, $constant}; };

/* ---- names ---- */

word: T_ID | T_TYPE | T_SEQ | T_MAP | T_OPTIONAL | T_SPARSE | T_OPAQUE;
anyname: word                               { $$ = $word.name; } | T_STRING { $$ = $T_STRING.string; };
qname: T_ID                                 { $$ = $T_ID.name; } | T_STRING { $$ = $T_STRING.string; };

/* ---- types ---- */

dims: %empty                                { $$ = NEW(DimList); } | dim_list;
dim_list: dim                               { $$ = NEW(DimList); PUSH($$, $dim); }
    | dim_list ',' dim                      { $$ = $1; PUSH($$, $dim); };
dim: '?'                                    { $$ = (Dim){-1, {0}}; }
    | T_INT                                 { $$ = text_dim(p, &$T_INT); }
    | anyname                               { $$ = (Dim){-1, $anyname}; };
tensor_type: T_TYPE                         { $$ = text_tensor_type($T_TYPE.type, NULL); $$.has_shape = true; }
    | T_TYPE '[' dims ']'                   { $$ = text_tensor_type($T_TYPE.type, $dims); };
type: tensor_type
    | T_SEQ '(' type[of] ')'                { ValueType *e = NEW(ValueType); *e = $of; $$ = (ValueType){.kind = VALUE_SEQUENCE, .element = e}; }
    | T_OPTIONAL '(' type[of] ')'           { ValueType *e = NEW(ValueType); *e = $of; $$ = (ValueType){.kind = VALUE_OPTIONAL, .element = e}; }
    | T_MAP '(' T_TYPE ',' type[of] ')'     { ValueType *e = NEW(ValueType); *e = $of; $$ = (ValueType){.kind = VALUE_MAP, .element = e, .key_type = $T_TYPE.type}; }
    | T_SPARSE '(' tensor_type[of] ')'      { $$ = $of; $$.kind = VALUE_SPARSE; }
    | T_OPAQUE '(' opaque ')'               { $$ = (ValueType){.kind = VALUE_OTHER}; };
opaque: %empty | operator | operator ',' anyname;

info: qname                                 { $$ = (ValueInfo){.name = $qname}; }
    | type anyname                          { $$ = (ValueInfo){$anyname, $type}; };
infos: %empty                               { $$ = NEW(InfoList); } | info_list;
info_list: info                             { $$ = NEW(InfoList); PUSH($$, $info); }
    | info_list ',' info                    { $$ = $1; PUSH($$, $info); };

/* ---- tensors ---- */

constant: T_INT | T_FLOAT | T_STRING
    | T_ID                                  { $$ = (Literal){.kind = LITERAL_FLOAT, .place = @1, .spelling = cx_text(p->cx, $T_ID.name)};
                                              if (!text_is_float_word(p, $T_ID.name)) text_fault(p, @1, E_SYNTAX, "expected a number or a string"); };
constants: %empty                           { p->literals.n = 0; } | constant_list;
constant_list: constant                     { p->literals.n = 0; PUSH(&p->literals, $constant); }
    | constant_list ',' constant            { PUSH(&p->literals, $constant); };
data: '{' constants '}'                     { $$ = (Data){NULL}; }
    | '[' entries ']'                       { $$ = (Data){$entries}; }
    | '{' error '}'                         { $$ = (Data){NULL}; p->literals.n = 0; };
tensor: tensor_type '=' data                { $$ = NEW(Initializer); *$$ = text_tensor(p, @1, &$1, (Name){0}, $data); }
    | tensor_type qname '=' data            { $$ = NEW(Initializer); *$$ = text_tensor(p, @1, &$1, $qname, $data); }
    | tensor_type qname data                { $$ = NEW(Initializer); *$$ = text_tensor(p, @1, &$1, $qname, $data); }
    | tensor_type '{' constants '}'         { $$ = NEW(Initializer); *$$ = text_tensor(p, @1, &$1, (Name){0}, (Data){NULL}); }
    | T_TYPE '[' dims ']' '[' entries ']'   { ValueType t = text_tensor_type($T_TYPE.type, $dims);
                                              $$ = NEW(Initializer); *$$ = text_tensor(p, @1, &t, (Name){0}, (Data){$entries}); };

/* ---- attributes ---- */

single: constant                            { AttributeKind k = $1.kind == LITERAL_INT ? ATTR_INT : $1.kind == LITERAL_FLOAT ? ATTR_FLOAT : ATTR_STRING;
                                              $$ = (Single){.kind = k, .place = @$, .literal = $1}; }
    | '@' anyname                           { $$ = (Single){.place = @$, .ref = $anyname}; }
    | tensor                                { $$ = (Single){.kind = ATTR_TENSOR, .place = @$, .tensor = $tensor}; }
    | type                                  { ValueType *t = NEW(ValueType); *t = $type; $$ = (Single){.kind = ATTR_TYPE, .place = @$, .type = t}; }
    | graph                                 { $$ = (Single){.kind = ATTR_GRAPH, .place = @$, .graph = $graph}; };
singles: %empty                             { $$ = NEW(SingleList); } | single_list;
single_list: single                         { $$ = NEW(SingleList); PUSH($$, $single); }
    | single_list ',' single                { $$ = $1; PUSH($$, $single); };
attribute_type: %empty                      { $$ = (Name){0}; } | ':' word { $$ = $word.name; };
attribute: anyname attribute_type '=' single
                                            { SingleList *l = NEW(SingleList); PUSH(l, $single);
                                              $$ = NEW(Attribute); *$$ = text_attribute(p, @$, $1, $2, l, false); }
    | anyname attribute_type '=' '[' singles ']'
                                            { $$ = NEW(Attribute); *$$ = text_attribute(p, @$, $1, $2, $singles, true); };
attribute_list: attribute                   { $$ = NEW(AttributeList); PUSH($$, *$attribute); }
    | attribute_list ',' attribute          { $$ = $1; PUSH($$, *$attribute); };
attributes: '<' attribute_list '>'          { $$ = $attribute_list; } | '<' '>' { $$ = NEW(AttributeList); };

/* ---- nodes and graphs ---- */

element: %empty                             { $$ = (Element){{0}, false}; } | anyname { $$ = (Element){$anyname, true}; };
element_list: element                       { $$ = NEW(ElementList); PUSH($$, $1); }
    | element_list ',' element              { $$ = $1; PUSH($$, $3); };
elements: element_list                      { $$ = NEW(NameList); text_elements(p, $1, $$); };
operator: anyname                           { $$ = NEW(NameList); PUSH($$, $1); }
    | operator '.' anyname                  { $$ = $1; PUSH($$, $3); };
label: %empty                               { $$ = (Name){0}; } | '[' ']' { $$ = (Name){0}; } | '[' anyname ']' { $$ = $anyname; };
overload: %empty                            { $$ = (Name){0}; } | ':' anyname { $$ = $anyname; };
node: label elements[outputs] '=' operator overload '(' elements[inputs] ')'
                                            { $$ = text_node(p, $label, $outputs, $operator, $overload, NULL, $inputs); }
    | label elements[outputs] '=' operator overload attributes '(' elements[inputs] ')'
                                            { $$ = text_node(p, $label, $outputs, $operator, $overload, $attributes, $inputs); }
    | label elements[outputs] '=' operator overload '(' elements[inputs] ')' attributes
                                            { $$ = text_node(p, $label, $outputs, $operator, $overload, $attributes, $inputs); }
    | error ')'                             { $$ = (Node){0}; };
nodes: %empty                               { $$ = NEW(NodeList); } | nodes node { $$ = $1; $2.index = $1->n; PUSH($$, $2); };
body: '{' nodes '}'                         { $$ = $nodes; };

item: info                                  { $$ = (Item){.info = $info}; }
    | info '=' data                         { $$ = (Item){.info = $info, .has_data = true};
                                              $$.data = text_tensor(p, @1, &$info.type, $info.name, $data); }
    | error                                 { $$ = (Item){0}; };
items: %empty                               { $$ = NEW(ItemList); } | item_list;
item_list: item                             { $$ = NEW(ItemList); PUSH($$, $item); }
    | item_list ',' item                    { $$ = $1; PUSH($$, $item); };
graph_inputs: %empty                        { $$ = NEW(ItemList); } | '(' items ')' { $$ = $items; };
outputs: '(' infos ')'                      { $$ = $infos; };
locals: %empty                              { $$ = NEW(ItemList); } | '<' items '>' { $$ = $items; };
graph_rest: graph_inputs "=>" outputs locals body
                                            { $$ = text_graph(p, (Name){0}, $graph_inputs, $outputs, $locals, $body); };
graph: qname open graph_rest                { $$ = $graph_rest; $$->name = $qname; p->depth--; };
open: %empty                                { if (!text_open_graph(p, @$)) YYABORT; };

/* ---- functions ---- */

functions: %empty | functions function;
function: function_start anyname function_attributes '(' infos[in] ')' "=>" outputs[out] function_infos body
                                            { text_function(p, $1, $anyname, $function_attributes, $in, $out, $function_infos, $body); };
function_start: %empty                      { $$ = NEW(Function); }
    | '<' function_entries '>'              { $$ = NEW(Function); *$$ = p->header; p->header = (Function){0}; };
function_entries: function_entry | function_entries ',' function_entry;
function_entry: anyname ':' constant        { text_function_entry(p, &p->header, @$, $anyname, &$constant, NULL); }
    | anyname ':' '[' entries ']'           { text_function_entry(p, &p->header, @$, $anyname, NULL, $entries); };
function_attributes: %empty                 { $$ = NEW(FunctionAttributes); }
    | '<' function_attribute_list '>'       { $$ = $2; };
function_attribute_list: anyname            { $$ = NEW(FunctionAttributes); PUSH(&$$->names, $1); }
    | attribute                             { $$ = NEW(FunctionAttributes); PUSH(&$$->defaults, *$1); }
    | function_attribute_list ',' anyname   { $$ = $1; PUSH(&$$->names, $3); }
    | function_attribute_list ',' attribute { $$ = $1; PUSH(&$$->defaults, *$3); };
function_infos: %empty                      { $$ = NEW(InfoList); } | '<' infos '>' { $$ = $infos; };

%%

static Parse *parse_of(void *scanner)
{
    return onnxtext_get_extra(scanner);
}

/* What stands where something else is expected. */
static const char *token_text(Parse *p, yysymbol_kind_t token)
{
    return arena_printf(&p->cx->arena, "%s", yysymbol_name(token));
}

static int yyreport_syntax_error(const yypcontext_t *context, void *scanner, Parse *unused)
{
    enum { MOST = 6 };
    (void)unused;
    Parse *p = parse_of(scanner);
    yysymbol_kind_t expected[MOST];
    int n = yypcontext_expected_tokens(context, expected, MOST);
    yysymbol_kind_t found = yypcontext_token(context);
    if (found == YYSYMBOL_T_BAD)
        return 0; /* the scanner said so */
    const char *text = arena_printf(&p->cx->arena, "unexpected %s", found == YYSYMBOL_YYEOF ? "end of the text" : token_text(p, found));
    for (int i = 0; i < n; i++)
        text = arena_printf(&p->cx->arena, "%s%s%s", text, i == 0 ? ", expected " : i + 1 == n ? " or " : ", ", token_text(p, expected[i]));
    text_fault(p, *yypcontext_location(context), E_SYNTAX, text);
    return 0;
}
