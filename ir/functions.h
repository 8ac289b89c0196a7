/*
 * ir/functions.h: the tables of functions, reductions and host operations as enums and records.
 */
#ifndef WEIR_IR_FUNCTIONS_H
#define WEIR_IR_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum Fn {
    FN_NONE,
#define FN(id, text, arity, precedence, rule, doc) FN_##id,
#include "ir/functions.def"
#undef FN
    FN_COUNT
} Fn;

typedef enum FnRule {
    RULE_ARITH, RULE_FLOAT, RULE_INT, RULE_COMPARE, RULE_LOGIC, RULE_SELECT, RULE_INDEX, RULE_REQUANT
} FnRule;

typedef struct FnInfo {
    const char *text;
    unsigned arity, precedence;
    FnRule rule;
    const char *doc;
} FnInfo;

typedef enum Reduction {
    RED_NONE,
#define RED(id, text, combine, start, ordered, arg, doc) RED_##id,
#include "ir/reductions.def"
#undef RED
    RED_COUNT
} Reduction;

typedef enum ReductionStart {
    START_ZERO, START_ONE, START_LEAST, START_MOST
} ReductionStart;

typedef struct ReductionInfo {
    const char *text;
    Fn combine;
    ReductionStart start;
    bool ordered, arg;
    const char *doc;
} ReductionInfo;

typedef enum HostOp {
    HOSTOP_NONE,
#define HOSTOP(id, ...) HOSTOP_##id,
#include "ir/hostops.def"
#undef HOSTOP
    HOSTOP_COUNT
} HostOp;

typedef enum HostForm { HOST_MOVED, HOST_PLACES, HOST_COMPUTED } HostForm;

enum { HOST_NUMBERS = 4 };

/* A named literal and what it is where it is not given. */
typedef struct HostNumber {
    const char *name; /* NULL: there are no more */
    double otherwise;
} HostNumber;

typedef struct HostOpInfo {
    const char *text;
    unsigned results, inputs;
    bool floats;
    HostForm form;
    const char *doc;
    HostNumber numbers[HOST_NUMBERS];
} HostOpInfo;

const FnInfo *fn_info(Fn fn);
const ReductionInfo *reduction_info(Reduction reduction);
const HostOpInfo *hostop_info(HostOp op);

/* A function called by name (precedence 0), a reduction, a host operation; NONE if unknown. */
Fn fn_named(const char *text, size_t length);
Reduction reduction_named(const char *text, size_t length);
HostOp hostop_named(const char *text, size_t length);

#endif
