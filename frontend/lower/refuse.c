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

/* The version that is nearest to the model's, and which side it lies on. */
static weir_status other_version(Lowering *l, const char *domain, const char *op)
{
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n), *later = NULL, *earlier = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const OperatorRow *row = &rows[i];
        if (strcmp(row->domain, domain) != 0 || strcmp(row->name, op) != 0)
            continue;
        if (row->since > l->opset && (later == NULL || row->since < later->since))
            later = row;
        if (row->until != 0 && row->until < l->opset && (earlier == NULL || row->until > earlier->until))
            earlier = row;
    }
    weir_status status = unsupported(l, "this version of the operator is not implemented");
    if (later != NULL)
        advise(l, "it is defined from version %lld of the domain on", (long long)later->since);
    else if (earlier != NULL)
        advise(l, "versions up to %lld are implemented", (long long)earlier->until);
    return status;
}

weir_status refuse_operator(Lowering *l, const char *domain, bool known)
{
    const char *op = cx_text(l->cx, l->node->op);
    if (known)
        return other_version(l, domain, op);
    weir_status status = unsupported(l, "the operator is not implemented");
    if (!knows_domain(domain)) {
        advise(l, "weir knows no operator of the domain '%s'; a local function of this name in the model would be used", domain);
        return status;
    }
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n);
    Nearest nearest = nearest_to(op, strlen(op));
    const char *elsewhere = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(rows[i].domain, domain) == 0)
            nearest_offer(&nearest, rows[i].name);
        else if (strcmp(rows[i].name, op) == 0)
            elsewhere = rows[i].domain;
    }
    if (elsewhere != NULL)
        advise(l, "the domain '%s' has it", elsewhere[0] == 0 ? "ai.onnx" : elsewhere);
    else if (nearest.best != NULL)
        advise(l, "the nearest is %s", nearest.best);
    return status;
}
