/*
 * passes/precision.h: what the files of the pass precision share: the table of formats, plans, contractions.
 */
#ifndef WEIR_PASSES_PRECISION_H
#define WEIR_PASSES_PRECISION_H

#include "passes/pass.h"
#include "passes/uses.h"

typedef enum PrecisionKind { PRECISION_TYPE, PRECISION_MX, PRECISION_INT } PrecisionKind;

typedef struct Precision {
    const char *name;
    PrecisionKind kind;
    Dtype element;
    int64_t block;
    const char *scale, *zero;
    bool per;
    const char *rule;
    double bound;
    const char *doc;
} Precision;

/* A sum of a product of two reads of float tensors, times literals, where a kept rank moves only one of them. */
typedef struct Product {
    ExprId operand[2];
    double factor; /* the product of the literals */
} Product;

/* True if the definition is one whose operands are f32 without a format. */
bool precision_contraction(const Cascade *cs, const Statement *st, Product *out);

/* The format a plan gives a tensor; NULL: none. */
typedef struct PrecisionPlan {
    const Precision *all;   /* for every weight, with the block that the plan says; NULL: by tensor */
    const Precision **of;   /* by tensor */
} PrecisionPlan;

/* `plan`: a format's name, NAME:BLOCK, or the path of a JSON file {"tensor": "format", ..}. */
MUST_USE weir_status precision_plan(PassContext *p, const Cascade *cs, const char *plan, PrecisionPlan *out_plan);
/* By name, or name:block; NULL if unknown. */
const Precision *precision_named(weir_context *cx, const char *text);

/* Reports that the plan names a tensor that takes no format. */
MUST_USE weir_status precision_refuse(PassContext *p, const Cascade *cs, TensorId tensor, const char *what);

/* Operands of contractions in a narrower element type; how many contractions changed. */
MUST_USE weir_status precision_types(PassContext *p, Cascade *cs, const PrecisionPlan *plan, uint32_t *out_changed);
/* Weights in block formats; how many changed. */
MUST_USE weir_status precision_formats(PassContext *p, Cascade *cs, const PrecisionPlan *plan, uint32_t *out_changed);

#endif
