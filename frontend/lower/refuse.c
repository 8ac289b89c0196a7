/*
 * frontend/lower/refuse.c: what a node that has no row is told: the versions there are, the nearest name, the domain.
 */
#include <string.h>

#include "frontend/lower/walk.h"
#include "support/nearest.h"

static bool knows_domain(const char *domain)
{
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(rows[i].domain, domain) == 0)
            return true;
    return false;
}

/* The version that is nearest to the model's, and which side it lies on; NULL: no other has a row. */
static const char *other_version(weir_context *cx, const char *domain, const char *op, int64_t version)
{
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n), *later = NULL, *earlier = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const OperatorRow *row = &rows[i];
        if (strcmp(row->domain, domain) != 0 || strcmp(row->name, op) != 0)
            continue;
        if (row->since > version && (later == NULL || row->since < later->since))
            later = row;
        if (row->until != 0 && row->until < version && (earlier == NULL || row->until > earlier->until))
            earlier = row;
    }
    if (later != NULL)
        return arena_printf(&cx->arena, "it is defined from version %lld of the domain on", (long long)later->since);
    return earlier == NULL ? NULL : arena_printf(&cx->arena, "versions up to %lld are implemented", (long long)earlier->until);
}

const char *operator_advice(weir_context *cx, const char *domain, const char *op, int64_t version)
{
    const char *other = other_version(cx, domain, op, version), *elsewhere = NULL;
    if (other != NULL)
        return other;
    if (!knows_domain(domain))
        return arena_printf(&cx->arena,
                            "weir knows no operator of the domain '%s'; a local function of this name in the model would be used",
                            domain);
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n);
    Nearest nearest = nearest_to(op, strlen(op));
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(rows[i].domain, domain) == 0)
            nearest_offer(&nearest, rows[i].name);
        else if (strcmp(rows[i].name, op) == 0)
            elsewhere = rows[i].domain;
    }
    if (elsewhere != NULL)
        return arena_printf(&cx->arena, "the domain '%s' has it", elsewhere[0] == 0 ? "ai.onnx" : elsewhere);
    return nearest.best == NULL ? NULL : arena_printf(&cx->arena, "the nearest is %s", nearest.best);
}

weir_status refuse_operator(Lowering *l, const char *domain, bool known)
{
    const char *advice = operator_advice(l->cx, domain, cx_text(l->cx, l->node->op), l->opset);
    weir_status status =
        unsupported(l, known ? "this version of the operator is not implemented" : "the operator is not implemented");
    if (advice != NULL)
        advise(l, "%s", advice);
    return status;
}
