/*
 * ir/syntax.h: the syntax tree of cascade texts, between the parser and name resolution.
 *
 * Keep: nodes live in the context's arena; `depth` of an expression is bounded by the parser, so walks may recurse.
 */
#ifndef WEIR_IR_SYNTAX_H
#define WEIR_IR_SYNTAX_H

#include "ir/cascade.h"

/* A place in the text; end_column 0: on another line. */
typedef struct SynAt {
    uint32_t line, column, end_column;
} SynAt;

typedef struct SynWord {
    Name name;
    SynAt at;
} SynWord;
typedef VEC(SynWord) SynWords;

typedef enum NumberKind { NUMBER_INT, NUMBER_DECIMAL, NUMBER_INF, NUMBER_NAN, NUMBER_TRUE, NUMBER_FALSE } NumberKind;

typedef struct SynNumber {
    NumberKind kind;
    bool negative;
    uint64_t magnitude; /* INT */
    const char *text;   /* DECIMAL: digits as written, without the sign */
} SynNumber;

/* The value of every token. */
typedef struct SynToken {
    SynWord word; /* names, words, strings: their text */
    SynNumber number;
} SynToken;

typedef enum SynKind {
    SYN_NUMBER,
    SYN_NAME,   /* a rank */
    SYN_ACCESS, /* name.words[args]?pad */
    SYN_CALL,   /* name.words(args) */
    SYN_INDEX,  /* index(name) */
    SYN_EXTENT, /* extent(name) */
    SYN_COUNT,  /* count(name) */
    SYN_OP      /* an operator */
} SynKind;

/* A name with what follows it after points. */
typedef struct SynHead {
    SynWord name;
    SynWords words;
} SynHead;

typedef struct SynExpr SynExpr;
typedef VEC(SynExpr *) SynExprs;

struct SynExpr {
    SynKind kind;
    SynAt at;
    uint32_t depth;
    Fn fn; /* OP */
    SynWord name;
    SynWords words;
    SynExprs args;
    SynNumber number;
    SynExpr *pad;  /* ACCESS: a number, or a name (a scalar tensor) */
    bool parenthesised;
    bool typed;    /* `natural` is known */
    Dtype natural; /* the type without its literals; DT_NONE: literals alone */
};

typedef struct SynField {
    SynWord key, value; /* value.name 0: the number */
    int64_t number;
    bool on, per;
    SynWord rank;
} SynField;
typedef VEC(SynField) SynFields;

typedef enum SynTypeKind { SYNTYPE_NONE, SYNTYPE_PLAIN, SYNTYPE_MX, SYNTYPE_INT } SynTypeKind;
typedef struct SynType {
    SynTypeKind kind;
    SynAt at;
    SynWord word; /* PLAIN, MX: the element type */
    int64_t bits; /* INT */
    SynFields fields;
} SynType;

typedef struct SynTarget {
    SynWord name;
    SynExprs index;
    SynType type;
    SynWord outside; /* `as` */
} SynTarget;
typedef VEC(SynTarget) SynTargets;

typedef struct SynReduce {
    SynWord name; /* name.name 0: no reduction */
    SynWords words;
    SynWords ranks;
    SynExpr *from, *condition;
} SynReduce;

typedef struct SynArg {
    SynWord name;
    bool keyed;
    SynWords ranks;
    SynExpr *literal;
} SynArg;
typedef VEC(SynArg) SynArgs;

/* A scalar tensor or count(t): where extents and trip counts come from. */
typedef struct SynScalar {
    SynWord name; /* 0: none */
    bool count;
} SynScalar;

typedef struct SynValue SynValue;
typedef VEC(SynValue) SynValues;
struct SynValue {
    SynAt at;
    bool braces;
    SynNumber number;
    SynValues *values;
};

typedef struct SynData {
    DataKind kind;
    SynValues *values; /* INLINE */
    SynWord path;      /* FILE */
    uint64_t number;   /* FILE: offset; SEEDED: seed */
    SynWord law;
    SynNumber scale;
    SynAt at;
} SynData;

typedef enum SynItemKind { SYNITEM_RANK, SYNITEM_DECLARE, SYNITEM_OUT, SYNITEM_DEFINE, SYNITEM_ITERATE, SYNITEM_IF } SynItemKind;

typedef struct SynItem SynItem;
typedef VEC(SynItem *) SynItems;
struct SynItem {
    SynItemKind kind;
    SynAt at;
    bool out;
    TensorRole role;    /* DECLARE */
    SynWord name;       /* RANK, ITERATE: the rank */
    int64_t extent;     /* RANK, ITERATE */
    SynScalar scalar;   /* RANK, ITERATE */
    SynTargets targets; /* DECLARE, OUT: one */
    SynData data;       /* DECLARE */
    SynReduce reduce;   /* DEFINE */
    SynExpr *body;
    SynReduce scatter;
    SynExprs scatter_index;
    SynExpr *scatter_value;
    SynWord host;
    SynArgs args;
    SynExpr *access; /* ITERATE: while; IF */
    SynItems then_items, else_items;
    SynWords provenance;
    RankId rank; /* set by resolution */
};

typedef struct SynCascade {
    SynWord name;
    bool pinned;
    SynItems items;
} SynCascade;
typedef VEC(SynCascade) SynCascades;

/* A text being parsed. */
typedef struct CascadeParse {
    weir_context *cx;
    const Source *source;
    struct TokenSource *tokens;
    uint32_t errors;
    bool invalid; /* an error that is a breach of an invariant, the text is well-formed */
    SynCascades cascades;
} CascadeParse;

/* Reports at a place of the text and counts it. */
void parse_error(CascadeParse *p, SynAt at, DiagId id, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Nodes. An expression deeper than the limit is an error, and cut off. */
SynExpr *syn_node(CascadeParse *p, SynKind kind, SynAt at, SynExprs args);
SynExpr *syn_operator(CascadeParse *p, SynAt at, Fn fn, SynExpr *left, SynExpr *right);
SynExpr *syn_minus(CascadeParse *p, SynAt at, SynExpr *operand);
SynItem *syn_declare(CascadeParse *p, TensorRole role, SynWord name, const SynWords *dims, SynType type, SynWord outside);
SynItem *syn_define(CascadeParse *p, SynReduce reduce, SynExpr *body);
/* A number from the text of its token. */
SynNumber syn_number(CascadeParse *p, SynAt at, const char *text, size_t n, bool decimal);
/* The same as an extent or a small number: at most 2^63 - 1. */
int64_t syn_extent(CascadeParse *p, SynAt at, SynNumber number);

/* The cascade of a tree; errors are counted in `p`. */
Cascade *cascade_resolve(CascadeParse *p, const SynCascade *tree);

#endif
