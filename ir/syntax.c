/*
 * ir/syntax.c: nodes of the syntax tree.
 */
#include "ir/syntax.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DEPTH = 1000 }; /* of an expression: what walks it may recurse */

void parse_error(CascadeParse *p, SynAt at, DiagId id, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    p->errors++;
    diag(&p->cx->diag, place_text(p->source, at.line, at.column, at.end_column), id, message);
}

SynExpr *syn_node(CascadeParse *p, SynKind kind, SynAt at, SynExprs args)
{
    SynExpr *node = ARENA_NEW(&p->cx->arena, SynExpr);
    node->kind = kind;
    node->at = at;
    node->args = args;
    for (uint32_t i = 0; i < args.n; i++)
        if (node->depth <= args.at[i]->depth)
            node->depth = args.at[i]->depth + 1;
    if (node->depth <= MOST_DEPTH)
        return node;
    parse_error(p, at, E_SYNTAX, "an expression nests deeper than %d", MOST_DEPTH);
    return syn_node(p, SYN_NUMBER, at, (SynExprs){0});
}

SynExpr *syn_operator(CascadeParse *p, SynAt at, Fn fn, SynExpr *left, SynExpr *right)
{
    SynExprs args = {0};
    vec_push(&p->cx->arena, &args, left);
    if (right != NULL)
        vec_push(&p->cx->arena, &args, right);
    SynExpr *node = syn_node(p, SYN_OP, at, args);
    node->fn = fn;
    return node;
}

SynExpr *syn_minus(CascadeParse *p, SynAt at, SynExpr *operand)
{
    bool literal = operand->kind == SYN_NUMBER && !operand->parenthesised && !operand->number.negative;
    if (!literal)
        return syn_operator(p, at, FN_NEG, operand, NULL);
    operand->number.negative = true;
    operand->at = at;
    return operand;
}

SynItem *syn_declare(CascadeParse *p, TensorRole role, SynWord name, const SynWords *dims, SynType type, SynWord outside)
{
    SynItem *item = ARENA_NEW(&p->cx->arena, SynItem);
    item->kind = SYNITEM_DECLARE;
    item->role = role;
    SynTarget target = {.name = name, .type = type, .outside = outside};
    for (uint32_t i = 0; i < dims->n; i++) {
        SynExpr *rank = syn_node(p, SYN_NAME, dims->at[i].at, (SynExprs){0});
        rank->name = dims->at[i];
        vec_push(&p->cx->arena, &target.index, rank);
    }
    vec_push(&p->cx->arena, &item->targets, target);
    return item;
}

SynItem *syn_define(CascadeParse *p, SynReduce reduce, SynExpr *body)
{
    SynItem *item = ARENA_NEW(&p->cx->arena, SynItem);
    item->kind = SYNITEM_DEFINE;
    item->reduce = reduce;
    item->body = body;
    return item;
}

SynNumber syn_number(CascadeParse *p, SynAt at, const char *text, size_t n, bool decimal)
{
    enum { MOST_DIGITS = 4000 };
    if (n > MOST_DIGITS) {
        parse_error(p, at, E_TOKEN, "a number of %zu digits", n);
        return (SynNumber){0};
    }
    if (decimal)
        return (SynNumber){.kind = NUMBER_DECIMAL, .text = arena_string(&p->cx->arena, text, n)};
    SynNumber number = {.kind = NUMBER_INT};
    bool hex = n > 2 && (text[1] | 0x20) == 'x', over = false;
    for (size_t i = hex ? 2 : 0; i < n; i++) {
        unsigned digit = (unsigned)(text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10);
        over |= __builtin_mul_overflow(number.magnitude, hex ? 16u : 10u, &number.magnitude);
        over |= __builtin_add_overflow(number.magnitude, digit, &number.magnitude);
    }
    if (over)
        parse_error(p, at, E_TOKEN, "the integer %.*s... does not fit in 64 bits", n > 24 ? 24 : (int)n, text);
    return number;
}

int64_t syn_extent(CascadeParse *p, SynAt at, SynNumber number)
{
    if (number.magnitude <= INT64_MAX)
        return (int64_t)number.magnitude;
    parse_error(p, at, E_TOKEN, "%llu does not fit in 63 bits", (unsigned long long)number.magnitude);
    return 0;
}
