/*
 * passes/precision.c: the pass precision: which number formats weights and operands get.
 *
 * In:   a cascade and a plan: one format for all, or a JSON file that names one for each tensor. Out: weights in the
 *       planned formats; contractions with a plain element type take both operands in it and add in f32.
 * Keep: inputs and outputs with their types; everything that is no operand of a contraction. Values change: the report
 *       states by how much at most, and the pass is not compared by evaluation.
 */
#include "passes/precision.h"

#include <stdlib.h>
#include <string.h>

#include "support/file.h"
#include "support/json.h"
#include "support/text.h"

static const Precision table[] = {
#define PRECISION(name, kind, element, block, scale, zero, per, rule, bound, doc)                                      \
    {name, PRECISION_##kind, DT_##element, block, scale, zero, per, rule, bound, doc},
#include "passes/precision.def"
#undef PRECISION
};

enum { N_TABLE = sizeof table / sizeof *table, MOST_BLOCK = 1 << 20 };

const Precision *precision_named(weir_context *cx, const char *text)
{
    size_t n = strcspn(text, ":");
    for (size_t i = 0; i < N_TABLE; i++) {
        if (strlen(table[i].name) != n || memcmp(table[i].name, text, n) != 0)
            continue;
        if (text[n] == 0)
            return &table[i];
        char *end;
        long long block = strtoll(text + n + 1, &end, 10);
        if (text[n + 1] == 0 || *end != 0 || block < 1 || block > MOST_BLOCK || table[i].kind == PRECISION_TYPE)
            return NULL;
        Precision *other = ARENA_NEW(&cx->arena, Precision);
        *other = table[i];
        other->block = block;
        other->per = false;
        return other;
    }
    return NULL;
}

static weir_status unknown_format(PassContext *p, const char *text)
{
    Text known;
    text_init(&known, &p->cx->arena);
    for (size_t i = 0; i < N_TABLE; i++)
        text_printf(&known, "%s%s", i == 0 ? "" : ", ", table[i].name);
    diag(&p->cx->diag, place_none(), E_USAGE, arena_printf(&p->cx->arena, "precision: no format named '%s'", text));
    diag_note(&p->cx->diag, "formats: %s; with a block: mxfp4e2m1:16; or a plan file ending in .json", known.at);
    return WEIR_USAGE;
}

/* By the tensor's name here, or outside. */
static TensorId planned_tensor(const Cascade *cs, const char *name)
{
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(cs, (TensorId){t});
        if (strcmp(cx_text(cs->cx, tensor->name), name) == 0 ||
            (tensor->outside.i != 0 && strcmp(cx_text(cs->cx, tensor->outside), name) == 0))
            return (TensorId){t};
    }
    return (TensorId){0};
}

static weir_status read_plan_file(PassContext *p, const Cascade *cs, const char *path, PrecisionPlan *plan)
{
    const Source *source;
    const JsonValue *json;
    TRY(file_source(p->cx, path, &source));
    TRY(json_read(p->cx, source, &json));
    if (json->kind != JSON_IS_OBJECT) {
        diag(&p->cx->diag, place_file(source), E_USAGE, "a precision plan is an object of tensor names and format names");
        return WEIR_USAGE;
    }
    plan->of = ARENA_ARRAY(&p->cx->arena, const Precision *, cs->tensors.n);
    for (uint32_t i = 0; i < json->n; i++) {
        TensorId tensor = planned_tensor(cs, json->keys[i]);
        if (json->items[i].kind != JSON_IS_TEXT || tensor.i == 0) {
            diag(&p->cx->diag, place_file(source), E_USAGE,
                 arena_printf(&p->cx->arena, tensor.i == 0 ? "precision plan: no tensor named '%s'"
                                                           : "precision plan: the format of '%s' is no text", json->keys[i]));
            return WEIR_USAGE;
        }
        if (strcmp(json->items[i].text, "f32") == 0)
            continue;
        plan->of[tensor.i] = precision_named(p->cx, json->items[i].text);
        if (plan->of[tensor.i] == NULL)
            return unknown_format(p, json->items[i].text);
    }
    return WEIR_OK;
}

weir_status precision_plan(PassContext *p, const Cascade *cs, const char *plan, PrecisionPlan *out_plan)
{
    *out_plan = (PrecisionPlan){0};
    size_t n = strlen(plan);
    if (strcmp(plan, "f32") == 0)
        return WEIR_OK;
    if (n > 5 && strcmp(plan + n - 5, ".json") == 0)
        return read_plan_file(p, cs, plan, out_plan);
    out_plan->all = precision_named(p->cx, plan);
    return out_plan->all == NULL ? unknown_format(p, plan) : WEIR_OK;
}

weir_status precision_refuse(PassContext *p, const Cascade *cs, TensorId tensor, const char *what)
{
    diag(&p->cx->diag, place_none(), E_USAGE,
         arena_printf(&p->cx->arena, "precision plan: '%s' is %s", tensor_name(cs, tensor), what));
    return WEIR_USAGE;
}

/* ---- contractions ---- */

static bool take_factors(const Cascade *cs, ExprId e, uint32_t *n, Product *product)
{
    const Expr *x = expr_at(cs, e);
    if (x->kind == EX_CALL && x->fn == FN_MUL)
        return take_factors(cs, expr_arg(cs, e, 0), n, product) && take_factors(cs, expr_arg(cs, e, 1), n, product);
    if (x->kind == EX_LITERAL) {
        product->factor *= x->f;
        return true;
    }
    if (x->kind != EX_ACCESS || x->type != DT_F32 || x->part != PART_VALUE || x->pad == PAD_TENSOR || *n == 2 ||
        tensor_at(cs, x->tensor)->format != 0)
        return false;
    product->operand[(*n)++] = e;
    return true;
}

/* Some kept rank moves one operand only: a product of matrices, vectors, windows; no sum of squares along an axis. */
static bool operand_of_its_own(const Cascade *cs, const Statement *st, const Product *product)
{
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(cs, st, ranks, CASCADE_MAX_RANKS) - st->n_reduced;
    for (uint32_t k = 0; k < n; k++)
        if (expr_uses_rank(cs, product->operand[0], ranks[k]) != expr_uses_rank(cs, product->operand[1], ranks[k]))
            return true;
    return false;
}

bool precision_contraction(const Cascade *cs, const Statement *st, Product *out)
{
    *out = (Product){.factor = 1};
    uint32_t n = 0;
    if (st->kind != ST_DEFINE || st->reduction != RED_SUM || st->scatter != RED_NONE || st->n_reduced == 0 ||
        (st->accumulator != DT_NONE && st->accumulator != DT_F32) ||
        tensor_at(cs, st->targets[0].tensor)->type != DT_F32)
        return false;
    return take_factors(cs, st->body, &n, out) && n == 2 && operand_of_its_own(cs, st, out);
}

weir_status precision_run(PassContext *p, Cascade *cs)
{
    const char *wanted = p->argument != NULL ? p->argument : p->plan;
    uint32_t types = 0, formats = 0;
    if (wanted != NULL && !cs->pinned) {
        PrecisionPlan plan;
        TRY(precision_plan(p, cs, wanted, &plan));
        TRY(precision_formats(p, cs, &plan, &formats));
        TRY(precision_types(p, cs, &plan, &types));
    }
    p->changes_values = p->changes_values || types + formats != 0;
    if (p->report != NULL)
        text_printf(p->report, "precision: changed=%u\n", types + formats);
    return WEIR_OK;
}
