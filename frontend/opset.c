/*
 * frontend/opset.c: versions of operator sets. The domains "" and "ai.onnx" are one, with number 0.
 */
#include "frontend/opset.h"

int64_t opset_of(const weir_context *cx, const Model *model, const Function *function, Name domain)
{
    for (uint32_t i = 0; function != NULL && i < function->n_opsets; i++)
        if (name_is(function->opsets[i].domain, domain))
            return function->opsets[i].version;
    return model_opset(cx, model, domain);
}

weir_status opset_check(weir_context *cx, const Model *model)
{
    if (model->n_opsets == 0) {
        diag(&cx->diag, place_none(), E_MODEL_INVALID, "the model imports no operator set");
        return WEIR_INVALID;
    }
    int64_t version = model_opset(cx, model, (Name){0});
    if (version > OPSET_NEWEST)
        diag(&cx->diag, place_none(), W_OPSET_NEWER, (long long)version, (int)OPSET_NEWEST);
    return WEIR_OK;
}
