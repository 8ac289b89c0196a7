/*
 * ir/functions.c: the tables as arrays.
 */
#include "ir/functions.h"

#include <math.h>
#include <string.h>

static const FnInfo fns[FN_COUNT] = {
    [FN_NONE] = {"", 0, 0, RULE_ARITH, ""},
#define FN(id, text, arity, precedence, rule, doc) [FN_##id] = {text, arity, precedence, RULE_##rule, doc},
#include "ir/functions.def"
#undef FN
};

static const ReductionInfo reductions[RED_COUNT] = {
    [RED_NONE] = {"", FN_NONE, START_ZERO, false, false, ""},
#define RED(id, text, combine, start, ordered, arg, doc) [RED_##id] = {text, FN_##combine, START_##start, ordered, arg, doc},
#include "ir/reductions.def"
#undef RED
};

static const HostOpInfo hostops[HOSTOP_COUNT] = {
    [HOSTOP_NONE] = {.text = "", .doc = ""},
#define HOSTOP(id, text, results, inputs, floats, form, doc, ...) \
    [HOSTOP_##id] = {text, results, inputs, floats, HOST_##form, doc, {__VA_ARGS__}},
#include "ir/hostops.def"
#undef HOSTOP
};

const FnInfo *fn_info(Fn fn)
{
    return &fns[fn];
}

const ReductionInfo *reduction_info(Reduction reduction)
{
    return &reductions[reduction];
}

const HostOpInfo *hostop_info(HostOp op)
{
    return &hostops[op];
}

static bool same(const char *text, size_t length, const char *known)
{
    return strlen(known) == length && memcmp(text, known, length) == 0;
}

Fn fn_named(const char *text, size_t length)
{
    for (int i = 1; i < FN_COUNT; i++)
        if (fns[i].precedence == 0 && same(text, length, fns[i].text))
            return (Fn)i;
    return FN_NONE;
}

Reduction reduction_named(const char *text, size_t length)
{
    for (int i = 1; i < RED_COUNT; i++)
        if (same(text, length, reductions[i].text))
            return (Reduction)i;
    return RED_NONE;
}

HostOp hostop_named(const char *text, size_t length)
{
    for (int i = 1; i < HOSTOP_COUNT; i++)
        if (same(text, length, hostops[i].text))
            return (HostOp)i;
    return HOSTOP_NONE;
}
