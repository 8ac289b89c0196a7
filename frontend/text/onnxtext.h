/*
 * frontend/text/onnxtext.h: what lexer, grammar and builder of the ONNX text share.
 *
 * In:   tokens. Out: parts of a Model, in the arena.
 * Keep: a fault of meaning is reported where it stands and parsing goes on; a fault of grammar skips to the end of
 *       the node or item. No model comes out of a text with a fault.
 */
#ifndef WEIR_FRONTEND_TEXT_ONNXTEXT_H
#define WEIR_FRONTEND_TEXT_ONNXTEXT_H

#include "frontend/graph.h"
#include "frontend/onnx/reader.h"

/* Where a token stands: lines and columns from 1; `end_column` is one past. */
typedef struct TextPlace {
    uint32_t line, column, end_line, end_column;
} TextPlace;

/* A literal, by its spelling in the source. */
typedef enum LiteralKind { LITERAL_INT, LITERAL_FLOAT, LITERAL_STRING } LiteralKind;
typedef struct Literal {
    LiteralKind kind;
    TextPlace place;
    const char *spelling; /* INT, FLOAT: read up to the first character that does not belong to it */
    uint32_t length;
    Name string;
} Literal;

/* An input or output of a node; `given`: by a name, if an empty one. */
typedef struct Element {
    Name name;
    bool given;
} Element;
typedef VEC(Element) ElementList;

/* `key: value` of headers, external data and metadata. */
typedef struct Entry {
    Name key;
    Literal value;
} Entry;

typedef VEC(Name) NameList;
typedef VEC(Dim) DimList;
typedef VEC(Entry) EntryList;
typedef VEC(Attribute) AttributeList;
typedef VEC(Node) NodeList;
typedef VEC(ValueInfo) InfoList;

/* One value of an attribute. */
typedef struct Single {
    AttributeKind kind; /* of a single value; ATTR_NONE with `ref` */
    TextPlace place;
    Literal literal;
    Name ref;
    const Initializer *tensor;
    Graph *graph;
    ValueType *type;
} Single;
typedef VEC(Single) SingleList;

/* An input or local of a graph, perhaps with data. */
typedef struct Item {
    ValueInfo info;
    bool has_data;
    Initializer data;
} Item;
typedef VEC(Item) ItemList;

/* The values of a tensor: the literals collected last (Parse.literals) or entries of external data. */
typedef struct Data {
    const EntryList *external; /* NULL: literals */
} Data;

/* Names of a function's attributes and the attributes with defaults. */
typedef struct FunctionAttributes {
    NameList names;
    AttributeList defaults;
} FunctionAttributes;

typedef struct Parse {
    weir_context *cx;
    Reader reader; /* place and status of faults; external files */
    Model *model;
    VEC(Function) functions;
    Function header;       /* of the function being read */
    VEC(Literal) literals; /* of the tensor being read */
    uint32_t n_errors, depth;
    /* the lexer */
    const char *text;
    size_t at;
    uint32_t line, column;
} Parse;

/* ---- words ---- */

/* The number of the type named, 0 if none. */
int text_type_number(const char *word, size_t length);
const char *text_type_name(int number);

/* ---- faults ---- */

void text_fault(Parse *p, TextPlace place, DiagId id, const char *text);
/* Counts a graph in a graph; false when there are too many. */
bool text_open_graph(Parse *p, TextPlace place);

/* ---- building (onnxtext.c, values.c) ---- */

Name text_string(Parse *p, const char *spelling, size_t length);
int64_t text_integer(Parse *p, const Literal *literal);
float text_float(Parse *p, const Literal *literal);
bool text_is_float_word(Parse *p, Name word);

ValueType text_tensor_type(int number, const DimList *dims);
Dim text_dim(Parse *p, const Literal *literal);
Initializer text_tensor(Parse *p, TextPlace place, const ValueType *type, Name name, Data data);

/* `type`: the word after the colon, or no name. */
Attribute text_attribute(Parse *p, TextPlace place, Name name, Name type, SingleList *values, bool is_list);
/* The names of a list; an empty last element is none. */
void text_elements(Parse *p, const ElementList *elements, NameList *out);
Node text_node(Parse *p, Name label, const NameList *outputs, const NameList *op, Name overload,
               const AttributeList *attributes, const NameList *inputs);
Graph *text_graph(Parse *p, Name name, const ItemList *inputs, const InfoList *outputs, const ItemList *locals,
                  const NodeList *nodes);
/* A header entry: a literal or a list. */
void text_model_entry(Parse *p, TextPlace place, Name key, const Literal *literal, const EntryList *list);
void text_function_entry(Parse *p, Function *f, TextPlace place, Name key, const Literal *literal,
                         const EntryList *list);
void text_function(Parse *p, Function *f, Name name, const FunctionAttributes *attributes,
                   const InfoList *inputs, const InfoList *outputs, const InfoList *infos,
                   const NodeList *nodes);

#endif
