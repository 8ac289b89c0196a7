/*
 * ir/resolve.h: from the syntax tree to a cascade: names, literal types, inline data (internal to ir/).
 */
#ifndef WEIR_IR_RESOLVE_H
#define WEIR_IR_RESOLVE_H

#include "ir/syntax.h"
#include "support/nearest.h"

typedef enum SymbolKind { SYMBOL_NONE, SYMBOL_RANK, SYMBOL_TENSOR } SymbolKind;
typedef struct Symbol {
    SymbolKind kind;
    uint32_t id;
} Symbol;

typedef struct Resolve {
    CascadeParse *p;
    Cascade *cs;
    Symbol *symbols; /* by Name number */
} Resolve;

/* Where an expression stands decides what its literals are. */
typedef enum ExprPlace {
    AS_VALUE,
    AS_INDEX,    /* integers are i64 */
    AS_CONDITION /* comparisons of indices */
} ExprPlace;

/* The rank, the tensor of a name; {0} with a message where there is none. */
RankId resolve_rank(Resolve *r, SynWord word);
TensorId resolve_tensor(Resolve *r, SynWord word);
/* Reports a breach of an invariant at a place of the text. */
void invariant_error(Resolve *r, SynAt at, int invariant, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Reports a name that does not exist; `nearest` (or NULL) is what may have been meant. */
void unknown_name(Resolve *r, SynWord word, const char *what, const char *nearest);

/* An expression; `want`: the type that literals take if they meet no other; `accumulator`: DT_NONE or the type that
 * everything is converted to. NULL gives {0}. */
ExprId resolve_expr(Resolve *r, SynExpr *e, ExprPlace place, Dtype want, Dtype accumulator);
/* A literal of a type. */
ExprId resolve_literal(Resolve *r, SynAt at, SynNumber number, Dtype type);
/* The value of a decimal rounded once to a float type. */
double decimal_value(const char *text, bool negative, Dtype type);
/* Stores a number as element i of `data`; false with a message if the type can't hold it. */
bool resolve_store(Resolve *r, SynAt at, SynNumber number, Dtype type, void *data, size_t i);
/* The value of a constant. */
void resolve_data(Resolve *r, TensorDecl *tensor, const SynData *data);
/* A type or format; 0 and f32 where none is written. */
Dtype resolve_type(Resolve *r, const SynType *type, uint32_t *out_format);
/* Item lists to statements; leaves them in the cascade's open list. */
void resolve_items(Resolve *r, const SynItems *items);

#endif
