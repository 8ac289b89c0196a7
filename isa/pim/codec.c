/*
 * isa/pim/codec.c: streams to words and back.
 *
 * CODE is a count of streams, then for each: bytes of the machine's name and the name (padded to a word), the channel mask
 * (two words), a count of 64-bit words and those words, low half first.
 * Keep: decode(encode(x)) = x; fields that a command does not use are 0.
 */
#include "isa/pim/pim.h"

#include <string.h>

#define PIM_FIELD(k, m, b, w, d) FIELD_ROW(PimWord, k, m, b, w, d)
static const Field word_fields[] = {
#include "isa/pim/cmd.def"
};
#define PIM_EXT(k, m, b, w, d) FIELD_ROW(PimExt, k, m, b, w, d)
static const Field ext_fields[] = {
#include "isa/pim/cmd.def"
};
const FieldSet pim_word_fields = {"command", word_fields, sizeof word_fields / sizeof *word_fields, 2};
const FieldSet pim_ext_fields = {"buffer", ext_fields, sizeof ext_fields / sizeof *ext_fields, 2};

static const PimOpInfo ops[PIM_OP_COUNT] = {
#define PIM_OP(id, text, number, scopes, fields, doc) [number] = {text, scopes, fields, doc},
#include "isa/pim/cmd.def"
};

const PimOpInfo *pim_op_info(uint32_t op)
{
    return op < PIM_OP_COUNT && ops[op].text != NULL ? &ops[op] : NULL;
}

int pim_op_named(const char *text, size_t length)
{
    for (int i = 0; i < PIM_OP_COUNT; i++)
        if (ops[i].text != NULL && strlen(ops[i].text) == length && memcmp(ops[i].text, text, length) == 0)
            return i;
    return -1;
}

const char *pim_command_fault(const PimCommand *c)
{
    const PimOpInfo *info = pim_op_info(c->w.op);
    if (info == NULL)
        return "no operation has this number";
    uint32_t f = info->fields;
    if (info->scopes == SCOPE_N ? c->w.scope != 0 : c->w.scope >= PIM_SCOPE_COUNT || (info->scopes & 1u << c->w.scope) == 0)
        return "the operation does not have this scope";
    if (c->w.bank != 0 && (info->scopes == SCOPE_N || (c->w.scope != PIM_BANK && c->w.scope != PIM_GROUP)))
        return "a bank is given, but the scope is not one bank or group";
    if ((f & F_ROW) == 0 && c->w.row != 0)
        return "the operation takes no row";
    if ((f & F_COL) == 0 && c->w.col != 0)
        return "the operation takes no column";
    if ((f & (F_N | F_M)) == 0 && c->w.n1 != 0)
        return "the operation does not repeat";
    if ((f & (F_GB | F_ACC | F_MAC)) == 0 && c->w.reg != 0)
        return "the operation takes no register";
    uint32_t aux = (f & F_MAC) != 0 ? PIM_MAC_ACC | PIM_MAC_BROADCAST : (f & F_AFM) != 0 ? 7 : 0;
    if ((c->w.aux & ~aux) != 0)
        return "bits of aux are set that the operation does not use";
    if ((f & F_MAC) != 0 && (c->w.aux & PIM_MAC_BROADCAST) == 0 && c->w.reg != 0)
        return "a buffer index is given, but the operand is not broadcast";
    if ((f & F_BUF) == 0 && c->w.ext != 0)
        return "the operation takes no buffer";
    if (c->w.ext != 0 && c->x.flags != 0)
        return "flags of the buffer are not 0";
    return NULL;
}

/* ---- encoding ---- */

static void put(weir_context *cx, Image *image, uint32_t word)
{
    vec_push(&cx->arena, &image->code, word);
}

static weir_status put_fields(weir_context *cx, Image *image, const FieldSet *set, const void *record, const char *op)
{
    uint32_t words[2];
    const Field *bad = fields_encode(set, record, words);
    if (bad != NULL) {
        diag(&cx->diag, place_none(), E_ISA_FIELD, op, set->name, bad->name, (long long)field_max(bad));
        return WEIR_INVALID;
    }
    put(cx, image, words[0]);
    put(cx, image, words[1]);
    return WEIR_OK;
}

static weir_status put_stream(weir_context *cx, const PimStream *s, Image *image)
{
    size_t n = strlen(s->machine);
    put(cx, image, (uint32_t)n);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word = 0;
        for (size_t k = i; k < n && k < i + 4; k++)
            word |= (uint32_t)(unsigned char)s->machine[k] << (8 * (k - i));
        put(cx, image, word);
    }
    put(cx, image, (uint32_t)s->channels);
    put(cx, image, (uint32_t)(s->channels >> 32));
    uint32_t count_at = image->code.n;
    put(cx, image, 0);
    for (uint32_t i = 0; i < s->commands.n; i++) {
        const PimCommand *c = &s->commands.at[i];
        const PimOpInfo *info = pim_op_info(c->w.op);
        const char *text = info != NULL ? info->text : "?";
        TRY(put_fields(cx, image, &pim_word_fields, &c->w, text));
        if (c->w.ext != 0)
            TRY(put_fields(cx, image, &pim_ext_fields, &c->x, text));
    }
    image->code.at[count_at] = (image->code.n - count_at - 1) / 2;
    return WEIR_OK;
}

weir_status pim_encode(weir_context *cx, const PimCode *code, Image *image)
{
    image->code.n = 0;
    put(cx, image, code->streams.n);
    for (uint32_t i = 0; i < code->streams.n; i++)
        TRY(put_stream(cx, &code->streams.at[i], image));
    return WEIR_OK;
}

/* ---- decoding ---- */

typedef struct Reader {
    weir_context *cx;
    const uint32_t *words;
    uint64_t n, at;
    const char *fault;
} Reader;

static uint32_t get(Reader *r)
{
    if (r->at < r->n && r->fault == NULL)
        return r->words[r->at++];
    if (r->fault == NULL)
        r->fault = "CODE ends inside a stream";
    return 0;
}

static const char *get_name(Reader *r)
{
    enum { MAX_NAME = 255 };
    char name[MAX_NAME + 4] = {0};
    uint32_t n = get(r);
    if (n > MAX_NAME)
        r->fault = "a machine's name is too long";
    for (uint32_t i = 0; i < n && r->fault == NULL; i += 4) {
        uint32_t word = get(r);
        for (uint32_t k = 0; k < 4; k++) {
            name[i + k] = (char)(word >> (8 * k));
            if ((name[i + k] == 0) != (i + k >= n))
                r->fault = "a machine's name is not padded with zeros";
        }
    }
    return arena_string(&r->cx->arena, name, r->fault == NULL ? n : 0);
}

static void get_command(Reader *r, PimStream *s, uint64_t end)
{
    uint64_t start = r->at;
    PimCommand c = {0};
    if (!fields_decode(&pim_word_fields, r->words + r->at, &c.w))
        r->fault = "a bit is set that no field owns";
    r->at += 2;
    if (c.w.ext != 0 && r->fault == NULL) {
        if (r->at == end)
            r->fault = "the extension word is missing";
        else if (!fields_decode(&pim_ext_fields, r->words + r->at, &c.x))
            r->fault = "a bit is set that no field owns";
        r->at += 2;
    }
    if (r->fault == NULL)
        r->fault = pim_command_fault(&c);
    if (r->fault != NULL)
        r->at = start;
    vec_push(&r->cx->arena, &s->commands, c);
}

static void get_stream(Reader *r, PimCode *code)
{
    PimStream s = {.machine = get_name(r)};
    s.channels = get(r);
    s.channels |= (uint64_t)get(r) << 32;
    uint64_t count = get(r);
    if (r->fault == NULL && count > (r->n - r->at) / 2)
        r->fault = "the count of words exceeds CODE";
    if (r->fault == NULL && s.channels == 0)
        r->fault = "a stream has no channel";
    uint64_t end = r->at + 2 * count;
    while (r->fault == NULL && r->at < end)
        get_command(r, &s, end);
    vec_push(&r->cx->arena, &code->streams, s);
}

weir_status pim_decode(weir_context *cx, const Image *image, PimCode *out_code)
{
    Reader r = {.cx = cx, .words = image->code.at, .n = image->code.n};
    uint32_t n = get(&r);
    for (uint32_t i = 0; i < n && r.fault == NULL; i++)
        get_stream(&r, out_code);
    for (uint32_t i = 0; i < out_code->streams.n && r.fault == NULL; i++)
        for (uint32_t k = 0; k < out_code->streams.at[i].commands.n; k++) {
            const PimCommand *c = &out_code->streams.at[i].commands.at[k];
            if (c->w.ext != 0 && c->x.buf >= image->tensors.n)
                r.fault = "a command names no row of TENS";
        }
    if (r.fault == NULL && r.at != r.n)
        r.fault = "words follow the last stream";
    if (r.fault == NULL)
        return WEIR_OK;
    diag(&cx->diag, place_none(), E_ISA_RECORD, (unsigned long long)r.at, r.fault);
    return WEIR_MALFORMED;
}
