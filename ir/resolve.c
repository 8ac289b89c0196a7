/*
 * ir/resolve.c: names. Ranks first, then declared tensors, then tensors that their targets declare, then statements
 * (ir/items.c): a name may be used before the line that defines it; order is the verifier's matter.
 */
#include "ir/resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

void invariant_error(Resolve *r, SynAt at, int invariant, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    r->p->errors++;
    r->p->invalid = true;
    diag(&r->p->cx->diag, place_text(r->p->source, at.line, at.column, at.end_column), E_INVARIANT, message, invariant);
}

void unknown_name(Resolve *r, SynWord word, const char *what, const char *nearest)
{
    Place place = place_text(r->p->source, word.at.line, word.at.column, word.at.end_column);
    r->p->errors++;
    diag(&r->p->cx->diag, place, E_NO_NAME, what, cx_text(r->p->cx, word.name));
    if (nearest != NULL)
        diag_note(&r->p->cx->diag, "did you mean '%s'?", nearest);
}

static void no_symbol(Resolve *r, SynWord word, SymbolKind wanted)
{
    const char *text = cx_text(r->p->cx, word.name);
    Symbol other = r->symbols[word.name.i];
    if (other.kind != SYMBOL_NONE) {
        const char *is = other.kind == SYMBOL_RANK ? "rank" : "tensor", *want = wanted == SYMBOL_RANK ? "rank" : "tensor";
        parse_error(r->p, word.at, E_SYNTAX, "'%s' is a %s, not a %s", text, is, want);
        if (wanted == SYMBOL_RANK)
            diag_note(&r->p->cx->diag, "read a tensor with its index list: %s[..]", text);
        return;
    }
    Nearest nearest = nearest_to(text, strlen(text));
    for (uint32_t i = 1; wanted == SYMBOL_RANK && i < r->cs->ranks.n; i++)
        nearest_offer(&nearest, rank_name(r->cs, (RankId){i}));
    for (uint32_t i = 1; wanted == SYMBOL_TENSOR && i < r->cs->tensors.n; i++)
        nearest_offer(&nearest, tensor_name(r->cs, (TensorId){i}));
    parse_error(r->p, word.at, wanted == SYMBOL_RANK ? E_NO_RANK : E_NO_TENSOR, "%s", text);
    if (nearest.best != NULL)
        diag_note(&r->p->cx->diag, "did you mean '%s'?", nearest.best);
}

RankId resolve_rank(Resolve *r, SynWord word)
{
    Symbol symbol = r->symbols[word.name.i];
    if (symbol.kind == SYMBOL_RANK)
        return (RankId){symbol.id};
    no_symbol(r, word, SYMBOL_RANK);
    return (RankId){0};
}

TensorId resolve_tensor(Resolve *r, SynWord word)
{
    Symbol symbol = r->symbols[word.name.i];
    if (symbol.kind == SYMBOL_TENSOR)
        return (TensorId){symbol.id};
    no_symbol(r, word, SYMBOL_TENSOR);
    return (TensorId){0};
}

static bool free_name(Resolve *r, SynWord word)
{
    Symbol symbol = r->symbols[word.name.i];
    if (symbol.kind == SYMBOL_NONE)
        return true;
    r->p->errors++;
    diag(&r->p->cx->diag, place_text(r->p->source, word.at.line, word.at.column, word.at.end_column), E_DUPLICATE,
         cx_text(r->p->cx, word.name), symbol.kind == SYMBOL_RANK ? "rank" : "tensor");
    return false;
}

static Place word_place(const Resolve *r, SynWord word)
{
    return place_text(r->p->source, word.at.line, word.at.column, word.at.end_column);
}

/* ---- ranks ---- */

static void add_rank(Resolve *r, SynItem *item)
{
    if (!free_name(r, item->name))
        return;
    Rank rank = {.name = item->name.name, .extent = item->extent, .place = word_place(r, item->name)};
    if (item->kind == SYNITEM_ITERATE)
        rank.kind = RANK_ITERATIVE;
    else if (item->scalar.name.name.i != 0)
        rank.kind = item->scalar.count ? RANK_COUNT : RANK_SCALAR;
    item->rank = cascade_add_rank(r->cs, rank);
    r->symbols[rank.name.i] = (Symbol){SYMBOL_RANK, item->rank.i};
}

static void add_ranks(Resolve *r, const SynItems *items)
{
    for (uint32_t i = 0; i < items->n; i++) {
        SynItem *item = items->at[i];
        if (item->kind == SYNITEM_RANK || item->kind == SYNITEM_ITERATE)
            add_rank(r, item);
        add_ranks(r, &item->then_items);
        add_ranks(r, &item->else_items);
    }
}

/* ---- types ---- */

static const char *nearest_type(const char *word)
{
    Nearest nearest = nearest_to(word, strlen(word));
    for (int t = 1; t < DT_COUNT; t++)
        nearest_offer(&nearest, dtype_text((Dtype)t));
    return nearest.best;
}

static Dtype named_type(Resolve *r, SynWord word)
{
    const char *text = cx_text(r->p->cx, word.name);
    Dtype type = dtype_from_text(text, strlen(text));
    if (type == DT_NONE)
        unknown_name(r, word, "type", nearest_type(text));
    return type == DT_NONE ? DT_F32 : type;
}

static void check_field(Resolve *r, const SynField *field)
{
    static const char *const keys[] = {"block", "scale", "rule", "round", "zero", "tensor"};
    const char *text = cx_text(r->p->cx, field->key.name);
    Nearest nearest = nearest_to(text, strlen(text));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], text) == 0)
            return;
        nearest_offer(&nearest, keys[i]);
    }
    unknown_name(r, field->key, "field of a format", nearest.best);
}

Dtype resolve_type(Resolve *r, const SynType *type, uint32_t *out_format)
{
    *out_format = 0;
    if (type->kind == SYNTYPE_NONE)
        return DT_F32;
    if (type->kind == SYNTYPE_PLAIN)
        return named_type(r, type->word);
    Format format = {.kind = FORMAT_MX, .n_fields = type->fields.n};
    if (type->kind == SYNTYPE_MX) {
        format.element = named_type(r, type->word);
    } else {
        format.kind = FORMAT_INT;
        format.element = type->bits == 8 ? DT_I8 : type->bits == 4 ? DT_I4 : DT_I2;
        if (type->bits != 8 && type->bits != 4 && type->bits != 2)
            parse_error(r->p, type->at, E_SYNTAX, "int(%lld, ..): integers have 2, 4 or 8 bits", (long long)type->bits);
    }
    format.fields = ARENA_ARRAY(&r->p->cx->arena, FormatField, type->fields.n);
    for (uint32_t i = 0; i < type->fields.n; i++) {
        const SynField *field = &type->fields.at[i];
        format.fields[i] = (FormatField){.name = field->key.name,
                                         .value = field->value.name,
                                         .number = field->number,
                                         .on = field->on,
                                         .per = field->per};
        check_field(r, field);
        if (field->on || field->per)
            format.fields[i].rank = resolve_rank(r, field->rank);
    }
    *out_format = cascade_add_format(r->cs, format);
    return DT_F32;
}

/* ---- tensors ---- */

static TensorId add_tensor(Resolve *r, const SynTarget *target, TensorDecl tensor)
{
    tensor.name = target->name.name;
    tensor.outside = target->outside.name;
    tensor.place = word_place(r, target->name);
    TensorId id = cascade_add_tensor(r->cs, tensor);
    r->symbols[tensor.name.i] = (Symbol){SYMBOL_TENSOR, id.i};
    return id;
}

static bool fits_dims(Resolve *r, const SynTarget *target)
{
    if (target->index.n <= TENSOR_MAX_DIMS)
        return true;
    invariant_error(r, target->name.at, 2, "'%s' has %u dimensions; %d are allowed", cx_text(r->p->cx, target->name.name),
                    target->index.n, TENSOR_MAX_DIMS);
    return false;
}

static void declare(Resolve *r, const SynItem *item)
{
    const SynTarget *target = &item->targets.at[0];
    if (!free_name(r, target->name) || !fits_dims(r, target))
        return;
    TensorDecl tensor = {.role = item->kind == SYNITEM_OUT ? TENSOR_TMP : item->role, .is_out = item->out, .declared = true};
    tensor.type = resolve_type(r, &target->type, &tensor.format);
    tensor.n_dims = target->index.n;
    tensor.dims = ARENA_ARRAY(&r->p->cx->arena, TensorDim, tensor.n_dims);
    for (uint32_t d = 0; d < tensor.n_dims; d++) {
        const SynExpr *rank = target->index.at[d];
        if (rank->kind == SYN_NAME)
            tensor.dims[d].rank = resolve_rank(r, rank->name);
        else
            parse_error(r->p, rank->at, E_SYNTAX, "the dimensions of a declared output are ranks");
    }
    if (tensor.role == TENSOR_CONST)
        resolve_data(r, &tensor, &item->data);
    add_tensor(r, target, tensor);
}

static void declare_all(Resolve *r, const SynItems *items)
{
    for (uint32_t i = 0; i < items->n; i++) {
        const SynItem *item = items->at[i];
        if (item->kind == SYNITEM_DECLARE || item->kind == SYNITEM_OUT)
            declare(r, item);
        declare_all(r, &item->then_items);
        declare_all(r, &item->else_items);
    }
}

static bool is_number(const SynExpr *e, uint64_t value)
{
    return e->kind == SYN_NUMBER && e->number.kind == NUMBER_INT && e->number.magnitude == value &&
           (value == 0 || !e->number.negative);
}

/* The dimension that a target's index declares: a rank, t or t + 1; rank {0} for generation 0. False for anything else. */
static bool dim_of(Resolve *r, const SynExpr *e, TensorDim *out_dim)
{
    *out_dim = (TensorDim){0};
    if (is_number(e, 0))
        return true;
    if (e->kind == SYN_OP && e->fn == FN_ADD && is_number(e->args.at[1], 1)) {
        out_dim->next = true;
        e = e->args.at[0];
    }
    if (e->kind != SYN_NAME)
        return false;
    Symbol symbol = r->symbols[e->name.name.i];
    if (symbol.kind != SYMBOL_RANK)
        return !out_dim->next && (out_dim->rank = resolve_rank(r, e->name)).i != 0;
    out_dim->rank = (RankId){symbol.id};
    return !out_dim->next || rank_at(r->cs, out_dim->rank)->kind == RANK_ITERATIVE;
}

static void no_declaration(Resolve *r, SynAt at, Name name)
{
    invariant_error(r, at, 1, "'%s' is defined in pieces: declare it with tmp or out", cx_text(r->p->cx, name));
}

/* A target of a tensor that no line declares adds what it knows. */
static void merge_target(Resolve *r, const SynTarget *target, bool out, TensorId id)
{
    TensorDecl *tensor = tensor_at(r->cs, id);
    tensor->is_out = tensor->is_out || out;
    if (target->outside.name.i != 0)
        tensor->outside = target->outside.name;
    if (tensor->declared || tensor->n_dims != target->index.n)
        return;
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        TensorDim dim;
        if (!dim_of(r, target->index.at[d], &dim)) {
            no_declaration(r, target->name.at, tensor->name);
            return;
        }
        if (tensor->dims[d].rank.i == 0)
            tensor->dims[d] = dim;
        else if (rank_same(tensor->dims[d].rank, dim.rank) && dim.next)
            tensor->dims[d].next = true;
    }
}

static bool same_type(const TensorDecl *tensor, Dtype type, uint32_t format)
{
    return tensor->type == type && (tensor->format == 0) == (format == 0);
}

static void target_type(Resolve *r, const SynTarget *target, TensorId id, bool fresh)
{
    uint32_t format;
    if (target->type.kind == SYNTYPE_NONE)
        return;
    Dtype type = resolve_type(r, &target->type, &format);
    TensorDecl *tensor = tensor_at(r->cs, id);
    if (!fresh && !same_type(tensor, type, format))
        invariant_error(r, target->type.at, 5, "'%s' was given the type %s before", cx_text(r->p->cx, tensor->name),
                        dtype_text(tensor->type));
    if (fresh) {
        tensor->type = type;
        tensor->format = format;
    }
}

static void add_target(Resolve *r, const SynTarget *target, bool out)
{
    Symbol symbol = r->symbols[target->name.name.i];
    if (symbol.kind == SYMBOL_RANK) {
        free_name(r, target->name);
        return;
    }
    if (!fits_dims(r, target))
        return;
    bool fresh = symbol.kind == SYMBOL_NONE;
    TensorId id = {symbol.id};
    if (fresh) {
        TensorDecl tensor = {.type = DT_F32, .n_dims = target->index.n};
        tensor.dims = ARENA_ARRAY(&r->p->cx->arena, TensorDim, tensor.n_dims);
        id = add_tensor(r, target, tensor);
    }
    merge_target(r, target, out, id);
    target_type(r, target, id, fresh);
}

static void add_targets(Resolve *r, const SynItems *items)
{
    for (uint32_t i = 0; i < items->n; i++) {
        const SynItem *item = items->at[i];
        if (item->kind == SYNITEM_DEFINE)
            for (uint32_t k = 0; k < item->targets.n; k++)
                add_target(r, &item->targets.at[k], item->out);
        add_targets(r, &item->then_items);
        add_targets(r, &item->else_items);
    }
}

/* Generation 0 alone makes no dimension. */
static void check_dims(Resolve *r)
{
    for (uint32_t i = 1; i < r->cs->tensors.n && r->p->errors == 0; i++) {
        const TensorDecl *tensor = &r->cs->tensors.at[i];
        for (uint32_t d = 0; d < tensor->n_dims; d++) {
            if (tensor->dims[d].rank.i != 0)
                continue;
            SynAt at = {tensor->place.line, tensor->place.column, tensor->place.end_column};
            no_declaration(r, at, tensor->name);
            break;
        }
    }
}

static void set_scalars(Resolve *r, const SynItems *items)
{
    for (uint32_t i = 0; i < items->n; i++) {
        const SynItem *item = items->at[i];
        if (item->kind == SYNITEM_RANK && item->rank.i != 0 && item->scalar.name.name.i != 0) {
            RankId count_of = item->scalar.count ? resolve_rank(r, item->scalar.name) : (RankId){0};
            TensorId scalar = item->scalar.count ? (TensorId){0} : resolve_tensor(r, item->scalar.name);
            rank_at(r->cs, item->rank)->count_of = count_of;
            rank_at(r->cs, item->rank)->scalar = scalar;
        }
        set_scalars(r, &item->then_items);
        set_scalars(r, &item->else_items);
    }
}

Cascade *cascade_resolve(CascadeParse *p, const SynCascade *tree)
{
    Cascade *cs = cascade_new(p->cx, cx_text(p->cx, tree->name.name));
    cs->pinned = tree->pinned;
    cs->source = p->source;
    Resolve r = {.p = p, .cs = cs};
    r.symbols = ARENA_ARRAY(&p->cx->arena, Symbol, p->cx->names.n + 1);
    add_ranks(&r, &tree->items);
    declare_all(&r, &tree->items);
    add_targets(&r, &tree->items);
    check_dims(&r);
    set_scalars(&r, &tree->items);
    cascade_open(cs);
    resolve_items(&r, &tree->items);
    cascade_finish(cs);
    return cs;
}
