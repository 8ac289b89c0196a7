/*
 * passes/precision_formats.c: weights in block formats.
 *
 * A weight is a constant that only contractions read, as an operand. Blocks run along the longest of its dimensions that
 * are reduced; scales of whole channels stand per its first dimension that is kept. Statements that read it stay as
 * they are: they read decoded values.
 */
#include <math.h>

#include "ir/format.h"
#include "passes/precision.h"
#include "support/text.h"

typedef struct Weight {
    uint32_t reads;     /* as an operand of a contraction */
    uint32_t block_dim; /* + 1; 0: none */
    uint32_t kept_dim;  /* + 1 */
    TensorId reader;    /* target of the first contraction */
} Weight;

typedef struct Weights {
    Cascade *cs;
    Weight *of; /* by tensor */
} Weights;

static bool reduced_by(const Cascade *cs, const Statement *st, ExprId index)
{
    for (uint32_t r = 0; r < st->n_reduced; r++)
        if (expr_uses_rank(cs, index, st->reduced[r]))
            return true;
    return false;
}

static void meet_operand(Weights *w, const Statement *st, ExprId operand)
{
    const Cascade *cs = w->cs;
    const Expr *x = expr_at(cs, operand);
    Weight *weight = &w->of[x->tensor.i];
    if (weight->reads++ != 0)
        return;
    weight->reader = st->targets[0].tensor;
    for (uint32_t d = 0; d < x->n_args; d++) {
        int64_t extent = dim_extent(cs, x->tensor, d);
        if (!reduced_by(cs, st, expr_arg(cs, operand, d)))
            weight->kept_dim = weight->kept_dim == 0 ? d + 1 : weight->kept_dim;
        else if (weight->block_dim == 0 || extent > dim_extent(cs, x->tensor, weight->block_dim - 1))
            weight->block_dim = d + 1;
    }
}

static void meet_item(void *data, StatementId id)
{
    Weights *w = data;
    const Statement *st = statement_at(w->cs, id);
    Product product;
    if (!precision_contraction(w->cs, st, &product))
        return;
    meet_operand(w, st, product.operand[0]);
    meet_operand(w, st, product.operand[1]);
}

static void add_field(Cascade *cs, Format *format, const char *name, const char *value, int64_t number, bool on, bool per,
                      RankId rank)
{
    format->fields[format->n_fields++] = (FormatField){.name = intern_text(&cs->cx->names, name),
                                                       .value = value[0] == 0 ? (Name){0} : intern_text(&cs->cx->names, value),
                                                       .number = number,
                                                       .on = on,
                                                       .per = per,
                                                       .rank = rank};
}

static uint32_t make_format(Cascade *cs, TensorId tensor, const Weight *weight, const Precision *precision)
{
    const RankId none = {0};
    const TensorDim *dims = tensor_at(cs, tensor)->dims;
    Format format = {.kind = precision->kind == PRECISION_MX ? FORMAT_MX : FORMAT_INT,
                     .element = precision->element,
                     .fields = ARENA_ARRAY(&cs->cx->arena, FormatField, 6)};
    if (precision->block != 0)
        add_field(cs, &format, "block", "", precision->block, true, false, dims[weight->block_dim - 1].rank);
    bool per = precision->per && weight->kept_dim != 0;
    add_field(cs, &format, "scale", precision->scale, 0, false, per, per ? dims[weight->kept_dim - 1].rank : none);
    if (precision->rule[0] != 0) {
        add_field(cs, &format, "rule", precision->rule, 0, false, false, none);
        add_field(cs, &format, "round", "rne", 0, false, false, none);
    }
    if (precision->zero[0] != 0)
        add_field(cs, &format, "zero", precision->zero, 0, false, false, none);
    return cascade_add_format(cs, format);
}

/* |values - decoded| / |values|, both as roots of sums of squares. */
static weir_status measure(Cascade *cs, TensorId tensor, const Tensor *values, double *out_relative)
{
    FormatAxes axes;
    Encoded encoded;
    const Format format = cs->formats.at[tensor_at(cs, tensor)->format];
    format_axes(cs, tensor, &axes);
    TRY(format_encode(cs->cx, &format, &axes, values, &encoded));
    Tensor decoded = tensor_new(cs->cx, DT_F32, values->n_dims, values->extent);
    format_decode(&format, &axes, &encoded, &decoded);
    double error = 0, size = 0;
    for (int64_t i = 0; i < tensor_elements(values); i++) {
        double x = dtype_load_f64(values->type, values->data, (size_t)i);
        double y = dtype_load_f64(DT_F32, decoded.data, (size_t)i);
        error += (x - y) * (x - y);
        size += x * x;
    }
    *out_relative = size == 0 ? 0 : sqrt(error / size);
    context_buffer_free(cs->cx, decoded.data);
    context_buffer_free(cs->cx, encoded.code.data);
    if (encoded.scale.data != NULL)
        context_buffer_free(cs->cx, encoded.scale.data);
    if (encoded.zero.data != NULL)
        context_buffer_free(cs->cx, encoded.zero.data);
    return WEIR_OK;
}

static weir_status give_format(PassContext *p, Cascade *cs, TensorId tensor, const Weight *weight, const Precision *precision)
{
    const Tensor *value;
    TRY(cascade_const(cs, tensor, &value));
    const Tensor values = *value;
    TensorDecl *decl = tensor_at(cs, tensor);
    decl->data = (ConstData){.kind = DATA_INLINE, .value = values};
    decl->format = make_format(cs, tensor, weight, precision);
    double relative;
    TRY(measure(cs, tensor, &values, &relative));
    if (p->report == NULL)
        return WEIR_OK;
    const char *name = tensor_name(cs, tensor), *reader = tensor_name(cs, weight->reader);
    text_printf(p->report, "precision: %s as %s: elements within %g of the largest that shares their scale; ", name,
                precision->name, precision->bound);
    text_printf(p->report, "|error of %s|_2 <= %.3g * |%s|_2 * |other operand|_2\n", reader, relative, name);
    return WEIR_OK;
}

weir_status precision_formats(PassContext *p, Cascade *cs, const PrecisionPlan *plan, uint32_t *out_changed)
{
    Weights w = {cs, ARENA_ARRAY(&cs->cx->arena, Weight, cs->tensors.n)};
    const Use *uses = uses_count(cs);
    items_visit(cs, &cs->top, meet_item, &w);
    *out_changed = 0;
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(cs, (TensorId){t});
        const Precision *precision = plan->of != NULL ? plan->of[t] : plan->all;
        bool is_weight = tensor->role == TENSOR_CONST && !tensor->is_out && w.of[t].reads != 0 && w.of[t].reads == uses[t].reads &&
                         tensor->format == 0 && w.of[t].block_dim != 0;
        if (precision == NULL || precision->kind == PRECISION_TYPE)
            continue;
        if (!is_weight && plan->of != NULL && tensor->format == 0)
            return precision_refuse(p, cs, (TensorId){t}, "no constant that only contractions read");
        if (!is_weight)
            continue;
        TRY(give_format(p, cs, (TensorId){t}, &w.of[t], precision));
        ++*out_changed;
    }
    return WEIR_OK;
}
