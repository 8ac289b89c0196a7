/*
 * frontend/lower/einsum.c: Einsum: a rank a letter; the ellipsis stands for further ranks aligned at the right.
 */
#include <ctype.h>
#include <string.h>

#include "frontend/lower/families.h"

enum { MOST_TERMS = 16, LETTERS = 128, ELLIPSIS = LETTERS }; /* labels from ELLIPSIS on are ellipsis dimensions */

typedef struct Term {
    uint32_t n;
    int label[CASCADE_MAX_RANKS];
    int dots; /* position of the ellipsis, -1: none */
} Term;

typedef struct Einsum {
    uint32_t n_terms, n_dots; /* n_dots: dimensions of the longest ellipsis */
    Term term[MOST_TERMS], result;
    int64_t extent[LETTERS + MAX_DIMS]; /* of a label; -1: unused */
    RankId rank[LETTERS + MAX_DIMS];
} Einsum;

static weir_status read_term(Lowering *l, const char **at, Term *term)
{
    *term = (Term){.dots = -1};
    for (; **at != 0 && **at != ',' && strncmp(*at, "->", 2) != 0; ++*at) {
        if (**at == ' ')
            continue;
        if (strncmp(*at, "...", 3) == 0) {
            if (term->dots >= 0)
                return invalid(l, "a term has two ellipses");
            term->dots = (int)term->n;
            *at += 2;
            continue;
        }
        if (!isalpha((unsigned char)**at))
            return invalid(l, "'%c' in the equation", **at);
        if (term->n == MAX_DIMS)
            return unsupported(l, "a term of more than %d letters", (int)MAX_DIMS);
        term->label[term->n++] = **at;
    }
    return WEIR_OK;
}

/* Replaces the ellipsis by labels; `dims` of them, the last ones of the longest. */
static weir_status expand_dots(Lowering *l, const Einsum *e, Term *term, uint32_t dims)
{
    if (term->dots < 0)
        return WEIR_OK;
    if (term->n + dims > MAX_DIMS)
        return unsupported(l, "a term of more than %d dimensions", (int)MAX_DIMS);
    uint32_t at = (uint32_t)term->dots;
    memmove(term->label + at + dims, term->label + at, (term->n - at) * sizeof *term->label);
    for (uint32_t k = 0; k < dims; k++)
        term->label[at + k] = ELLIPSIS + (int)(e->n_dots - dims + k);
    term->n += dims;
    return WEIR_OK;
}

/* Without an arrow: the ellipsis, then the letters that occur once, in order. */
static void implicit_result(Einsum *e)
{
    uint32_t count[LETTERS] = {0};
    e->result = (Term){.dots = -1};
    for (uint32_t t = 0; t < e->n_terms; t++) {
        for (uint32_t k = 0; k < e->term[t].n; k++)
            count[e->term[t].label[k]]++;
        if (e->term[t].dots >= 0)
            e->result.dots = 0;
    }
    for (int c = 0; c < LETTERS && e->result.n < MAX_DIMS; c++)
        if (count[c] == 1)
            e->result.label[e->result.n++] = c;
}

static weir_status read_equation(Lowering *l, Einsum *e)
{
    const char *at = attr_text(l, "equation", "");
    do {
        if (e->n_terms != 0)
            at++; /* the comma */
        if (e->n_terms == MOST_TERMS)
            return unsupported(l, "more than %d terms", (int)MOST_TERMS);
        TRY(read_term(l, &at, &e->term[e->n_terms++]));
    } while (*at == ',');
    if (e->n_terms != l->n_in)
        return invalid(l, "the equation has %u terms for %u inputs", e->n_terms, l->n_in);
    if (*at == 0) {
        implicit_result(e);
    } else {
        at += 2;
        TRY(read_term(l, &at, &e->result));
        if (*at != 0)
            return invalid(l, "the equation goes on after its result");
    }
    for (uint32_t t = 0; t < e->n_terms; t++) {
        const Operand *x = l->in[t];
        Term *term = &e->term[t];
        if (x == NULL)
            return invalid(l, "input %u is missing", t);
        if (term->dots < 0 ? x->n_dims != term->n : x->n_dims < term->n)
            return invalid(l, "term %u does not fit %s", t, shape_text(l, x));
        uint32_t dims = term->dots < 0 ? 0 : x->n_dims - term->n;
        e->n_dots = dims > e->n_dots ? dims : e->n_dots;
    }
    for (uint32_t t = 0; t < e->n_terms; t++)
        TRY(expand_dots(l, e, &e->term[t], e->term[t].dots < 0 ? 0 : l->in[t]->n_dims - e->term[t].n));
    return expand_dots(l, e, &e->result, e->n_dots);
}

/* Extent and rank of each label; an extent of 1 broadcasts. */
static weir_status bind_labels(Lowering *l, Einsum *e)
{
    Ranks taken = {0};
    for (uint32_t i = 0; i < LETTERS + MAX_DIMS; i++)
        e->extent[i] = -1;
    for (uint32_t t = 0; t < e->n_terms; t++)
        for (uint32_t k = 0; k < e->term[t].n; k++) {
            int64_t *extent = &e->extent[e->term[t].label[k]], own = l->in[t]->extent[k];
            if (*extent > 1 && own > 1 && *extent != own)
                return invalid(l, "a letter has the extents %lld and %lld", (long long)*extent, (long long)own);
            *extent = *extent < 0 || *extent == 1 ? own : *extent;
        }
    for (uint32_t t = 0; t < e->n_terms; t++)
        for (uint32_t k = 0; k < e->term[t].n; k++) {
            int label = e->term[t].label[k];
            RankId own = dim_rank(l, l->in[t], k);
            if (e->rank[label].i != 0 || own.i == 0 || l->in[t]->extent[k] != e->extent[label] || ranks_have(&taken, own))
                continue;
            e->rank[label] = own;
            ranks_add(&taken, own);
        }
    for (int i = 0; i < LETTERS + MAX_DIMS; i++) {
        char name[2] = {i < LETTERS ? (char)i : 'd', 0};
        if (e->extent[i] >= 0 && e->rank[i].i == 0)
            e->rank[i] = new_rank(l, name, e->extent[i]);
    }
    return WEIR_OK;
}

static ExprId term_at(Lowering *l, const Einsum *e, uint32_t t)
{
    Operand *x = l->in[t];
    RankId hint[MAX_DIMS];
    ExprId index[MAX_DIMS];
    for (uint32_t k = 0; k < x->n_dims; k++) {
        RankId rank = e->rank[e->term[t].label[k]];
        bool stretched = x->extent[k] == 1 && extent_of_rank(l, rank) != 1;
        hint[k] = stretched ? (RankId){0} : rank;
        index[k] = stretched ? num(l, 0) : rk(l, rank);
        for (uint32_t j = 0; j < k; j++)
            if (rank_same(hint[j], rank))
                hint[k].i = 0;
    }
    declare_over(l, x, hint);
    return at_index(l, x, index);
}

static weir_status result_ranks(Lowering *l, const Einsum *e, Ranks *ranks, Ranks *over)
{
    bool kept[LETTERS + MAX_DIMS] = {false};
    for (uint32_t k = 0; k < e->result.n; k++) {
        int label = e->result.label[k];
        if (e->rank[label].i == 0 || kept[label])
            return invalid(l, "the result's letters must be letters of the terms, each once");
        kept[label] = true;
        ranks_add(ranks, e->rank[label]);
    }
    for (int i = 0; i < LETTERS + MAX_DIMS; i++) {
        if (e->rank[i].i == 0 || kept[i])
            continue;
        if (over->n + ranks->n >= CASCADE_MAX_RANKS)
            return unsupported(l, "more than %d letters", (int)CASCADE_MAX_RANKS);
        ranks_add(over, e->rank[i]);
    }
    return WEIR_OK;
}

weir_status lower_einsum(Lowering *l)
{
    Einsum *e = ARENA_NEW(&l->cx->arena, Einsum);
    Operand *sum, *y;
    Ranks ranks = {0}, over = {0};
    TRY(read_equation(l, e));
    for (uint32_t t = 1; t < l->n_in; t++)
        TRY(want_same_type(l, l->in[0], l->in[t]));
    Dtype type = l->in[0]->type;
    if (!is_float(type) && !dtype_is_int(type))
        return invalid(l, "not defined for type %s", dtype_text(type));
    TRY(bind_labels(l, e));
    TRY(result_ranks(l, e, &ranks, &over));
    bool final = over.n == 0 || wide(type) == type;
    if (final)
        TRY(output(l, 0, type, &ranks, &sum));
    else
        TRY(temporary(l, "_sum", wide(type), &ranks, &sum));
    ExprId body = term_at(l, e, 0);
    for (uint32_t t = 1; t < l->n_in; t++)
        body = ex2(l, FN_MUL, body, term_at(l, e, t));
    if (over.n == 0) {
        define(l, sum, body);
        return WEIR_OK;
    }
    reduce(l, sum, RED_SUM, &over, body);
    if (final)
        return WEIR_OK;
    TRY(output(l, 0, type, &ranks, &y));
    define(l, y, at_ranks(l, sum, ranks.at));
    return WEIR_OK;
}
