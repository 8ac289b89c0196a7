/*
 * tests/conformance/conform.h: what the parts of the runner of operator cases share.
 */
#ifndef TESTS_CONFORMANCE_CONFORM_H
#define TESTS_CONFORMANCE_CONFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/graph.h"

enum { MOST_WORDS = 16, MOST_EXTENTS = 512 };

typedef enum VariantId {
#define VARIANT(id, name, constant, symbols, doc) VARIANT_##id,
#include "tests/conformance/variants.def"
    VARIANTS
} VariantId;

/* A folder of cases. */
typedef struct Set {
    const char *label, *path;
} Set;

/* One case in one variant. Texts live in the runner's context. */
typedef struct Case {
    const char *id;     /* LABEL/NAME; with :VARIANT where it is not plain */
    const char *folder; /* what weir check is given */
    const Set *set;
    VariantId variant;
    const char *excluded; /* the group of rules.def; NULL: it is run */
    const char *domain, *op; /* of a graph of one node; else NULL */
    int64_t since;           /* the row of that operator; 0: there is none */
    const char *status, *reason; /* what weir said; NULL: nothing yet */
} Case;

typedef struct Conform {
    weir_context *cx;
    const char *weir, *target, *counts, *scratch;
    const char *expect[MOST_WORDS];
    Set sets[MOST_WORDS];
    uint32_t n_expect, n_sets, jobs, batch, n_extents;
    double seconds; /* that a batch may be silent */
    bool bit_exact, bless, left_out, variants[VARIANTS]; /* left_out: run what the rules leave out instead */
    int64_t extents[MOST_EXTENTS]; /* that --dim has to give */
    VEC(Case) cases;
} Conform;

const char *variant_name(VariantId variant);

/* Appends the cases of a set, the variants asked for beside each; variants are written below `scratch`. */
void cases_collect(Conform *c, const Set *set);
/* Why a case is left out, or NULL. `folder`: where its data sets lie. */
const char *case_rule(weir_context *cx, const Model *model, const char *folder);
/* Writes the variant of the case in `folder` to `out_folder`. False: the case has no such variant. */
bool variant_write(Conform *c, weir_context *cx, Model *model, VariantId variant, const char *folder,
                   const char *out_folder);
/* Inputs that no initializer gives, in order; returns their number. */
uint32_t open_inputs(const Graph *graph, const ValueInfo **out_inputs, uint32_t most);

/* Runs weir check over every case that is not excluded and fills in status and reason. */
void cases_run(Conform *c);

/* Compares with the lists of expected outcomes; prints what is unexpected. Returns the number of such cases. */
uint32_t outcomes_compare(Conform *c);
/* Compares with (or rewrites) the file of counts. Returns the number of differences. */
uint32_t counts_compare(Conform *c);

#endif
