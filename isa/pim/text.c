/*
 * isa/pim/text.c: see isa/pim/text.h.
 *
 * Keep: every command's line is made of the fields of its row in cmd.def, in one order; reading refuses fields that the row
 *       does not have and values that do not fit, naming what it takes.
 */
#include "isa/pim/text.h"

#include <inttypes.h>
#include <string.h>

#include "isa/pim/crf.h"

typedef struct PimParser {
    weir_context *cx;
    Image *image;
    PimCode code;
    bool timed, untimed; /* commands with and without `at` were seen */
} PimParser;

enum { MAX_CHANNELS = 64 };

static weir_status parse_channels(AsmText *s, uint64_t *out_mask)
{
    do {
        uint32_t first = 0, last = 0;
        TRY(asm_u32(s, "ch", MAX_CHANNELS - 1, &first));
        last = first;
        if (asm_accept(s, "-"))
            TRY(asm_u32(s, "ch", MAX_CHANNELS - 1, &last));
        for (uint32_t c = first; c <= last; c++)
            *out_mask |= UINT64_C(1) << c;
    } while (asm_accept(s, ","));
    return *out_mask == 0 ? asm_fail(s, "field 'ch' takes channels as 0-31 or 0,2,5") : WEIR_OK;
}

/* ".all", ".e", ".o", ".b8", ".g2" behind the operation. */
static bool parse_scope(const char *suffix, size_t n, PimWord *w)
{
    if (n == 3 && memcmp(suffix, "all", 3) == 0) {
        w->scope = PIM_ALL;
        return true;
    }
    if (n == 1 && (suffix[0] == 'e' || suffix[0] == 'o')) {
        w->scope = suffix[0] == 'e' ? PIM_EVEN : PIM_ODD;
        return true;
    }
    if (n < 2 || n > 3 || (suffix[0] != 'b' && suffix[0] != 'g'))
        return false;
    w->scope = suffix[0] == 'b' ? PIM_BANK : PIM_GROUP;
    for (size_t i = 1; i < n; i++) {
        if (suffix[i] < '0' || suffix[i] > '9')
            return false;
        w->bank = w->bank * 10 + (uint32_t)(suffix[i] - '0');
    }
    return w->bank < 16;
}

/* A buffer that the text does not declare (a bare stream) is added, as large as its uses. */
static weir_status parse_buffer(PimParser *p, AsmText *s, PimCommand *c)
{
    const char *name = NULL;
    TRY(asm_name(s, "a buffer", &name));
    int row = image_tensor_named(p->image, name);
    if (row < 0) {
        ImageTensor t = {.name = name, .type = DT_BF16, .arg = IMAGE_NO_ARG, .n_dims = 1};
        row = (int)image_add_tensor(p->cx, p->image, t);
    }
    c->w.ext = 1;
    c->x.buf = (uint32_t)row;
    return WEIR_OK;
}

typedef struct Key {
    const char *word;
    uint32_t field; /* a bit of the fields column */
    uint32_t most;
} Key;

static const Key keys[] = {{"row", F_ROW, 65535}, {"col", F_COL, 255}, {"n", F_N | F_M, 1024}, {"gb", F_GB | F_MAC, 255},
                           {"acc", F_ACC | F_MAC, 255}, {"buf", F_BUF, 0}, {"off", F_BUF, 0}, {"afm", F_AFM, 7}};
enum { N_KEYS = sizeof keys / sizeof *keys };

static weir_status parse_value(PimParser *p, AsmText *s, const PimOpInfo *info, int key, PimCommand *c)
{
    if (key == 5)
        return parse_buffer(p, s, c);
    if (key == 6) {
        int64_t off = 0;
        TRY(asm_integer(s, "off", 0, (INT64_C(1) << 40) - 1, &off));
        c->x.off = (uint64_t)off;
        return WEIR_OK;
    }
    bool is_mac = (info->fields & F_MAC) != 0;
    int64_t number = 0;
    TRY(asm_integer(s, keys[key].word, key == 2, key == 4 && is_mac ? PIM_MAC_ACC : (int64_t)keys[key].most, &number));
    uint32_t value = (uint32_t)number;
    switch (key) {
    case 0:
        c->w.row = value;
        break;
    case 1:
        c->w.col = value;
        break;
    case 2:
        c->w.n1 = value - 1;
        break;
    case 3:
        c->w.reg = value;
        c->w.aux |= is_mac ? PIM_MAC_BROADCAST : 0;
        break;
    case 4:
        if (is_mac)
            c->w.aux |= value;
        else
            c->w.reg = value;
        break;
    default:
        c->w.aux |= value;
    }
    return WEIR_OK;
}

/* `at T`: of every command of the text, or of none. */
static weir_status parse_time(PimParser *p, AsmText *s)
{
    int64_t time = 0;
    bool timed = asm_accept(s, "at");
    p->timed = p->timed || timed;
    p->untimed = p->untimed || !timed;
    if (p->timed && p->untimed)
        return asm_fail(s, "either every command has a time, 'at T', or none");
    if (!timed)
        return WEIR_OK;
    TRY(asm_integer(s, "at", 0, INT64_C(1) << 62, &time));
    vec_push(&p->cx->arena, &p->image->at, time);
    return WEIR_OK;
}

static weir_status parse_command(PimParser *p, AsmText *s, PimStream *stream)
{
    PimCommand c = {0};
    TRY(parse_time(p, s));
    const char *word = s->now.at, *dot = memchr(word, '.', s->now.length);
    size_t n = dot != NULL ? (size_t)(dot - word) : s->now.length;
    int op = pim_op_named(word, n);
    const PimOpInfo *info = op >= 0 ? pim_op_info((uint32_t)op) : NULL;
    if (info == NULL)
        return asm_fail(s, "no command '%.*s'", (int)s->now.length, word);
    c.w.op = (uint32_t)op;
    bool scoped = dot == NULL || parse_scope(dot + 1, s->now.length - n - 1, &c.w);
    if (!scoped || (dot == NULL) != (info->scopes == SCOPE_N) || pim_command_fault(&c) != NULL)
        return asm_fail(s, "command '%s' takes scope%s%s%s%s%s%s", info->text, info->scopes == SCOPE_N ? " none" : "",
                        (info->scopes & SCOPE_B) != 0 ? " .bN" : "", (info->scopes & SCOPE_G) != 0 ? " .gN" : "",
                        (info->scopes & SCOPE_A) != 0 ? " .all" : "", (info->scopes & SCOPE_E) != 0 ? " .e" : "",
                        (info->scopes & SCOPE_O) != 0 ? " .o" : "");
    asm_next(s);
    while (s->now.kind == ASM_WORD) {
        int key = 0;
        while (key < N_KEYS && !asm_is(s, keys[key].word))
            key++;
        if (key == N_KEYS || (info->fields & keys[key].field) == 0)
            return asm_fail(s, "command '%s' takes no field '%.*s'", info->text, (int)s->now.length, s->now.at);
        asm_next(s);
        TRY(asm_expect(s, "="));
        TRY(parse_value(p, s, info, key, &c));
    }
    if (c.w.ext == 0 && c.x.off != 0)
        return asm_fail(s, "field 'off' needs a field 'buf'");
    if (c.w.ext == 0 && (info->fields & F_BUF) != 0 && info->scopes == SCOPE_N)
        return asm_fail(s, "command '%s' needs a field 'buf'", info->text);
    vec_push(&p->cx->arena, &stream->commands, c);
    return asm_line_end(s);
}

static weir_status parse_stream(void *state, AsmText *s)
{
    PimParser *p = state;
    PimStream stream = {.machine = p->image->machine};
    asm_next(s);
    while (s->now.kind == ASM_WORD) {
        bool is_channels = asm_is(s, "ch");
        if (!is_channels && !asm_is(s, "machine"))
            return asm_fail(s, "a stream takes ch= and machine=");
        asm_next(s);
        if (!asm_is(s, "="))
            return asm_fail(s, "expected '='");
        asm_next(s);
        if (is_channels)
            TRY(parse_channels(s, &stream.channels));
        else
            TRY(asm_raw(s, "a machine's name", &stream.machine));
    }
    if (stream.channels == 0)
        return asm_fail(s, "a stream needs a field 'ch'");
    if (p->code.streams.n == 0 && p->image->tensors.n == 0 && p->image->steps.n == 0)
        p->image->machine = stream.machine;
    TRY(asm_line_end(s));
    while (s->now.kind == ASM_WORD && s->now.at[0] != '.' && !asm_is(s, "stream"))
        TRY(parse_command(p, s, &stream));
    vec_push(&p->cx->arena, &p->code.streams, stream);
    return WEIR_OK;
}

static weir_status begin(weir_context *cx, Image *image, void **out_state)
{
    PimParser *p = ARENA_NEW(&cx->arena, PimParser);
    p->cx = cx;
    p->image = image;
    *out_state = p;
    return WEIR_OK;
}

static bool starts(const AsmText *text)
{
    return asm_is(text, "stream");
}

static weir_status finish(void *state)
{
    PimParser *p = state;
    return pim_encode(p->cx, &p->code, p->image);
}

/* `crf K: INSTRUCTION`: entry K of a constant of 32-bit words. */
static weir_status data_line(void *state, AsmText *s, unsigned char *data, uint64_t n_bytes)
{
    PimCrfWord word;
    uint32_t entry = 0;
    TRY(asm_u32(s, "crf", PIM_CRF_WORDS - 1, &entry));
    TRY(asm_expect(s, ":"));
    if (4 * (uint64_t)entry + 4 > n_bytes)
        return asm_fail(s, "the constant ends before entry %u", entry);
    TRY(pim_crf_parse(s, &word));
    uint32_t bits = pim_crf_encode(&word);
    for (int i = 0; i < 4; i++)
        data[4 * entry + (uint32_t)i] = (unsigned char)(bits >> 8 * i);
    (void)state;
    return asm_line_end(s);
}

/* A constant that is laid out as `crf` prints as its program, if every word is an instruction. */
static bool print_data(const ImageTensor *t, Text *out)
{
    Text lines;
    text_init(&lines, out->arena);
    if (strcmp(t->layout, "crf") != 0 || t->bytes % 4 != 0 || t->bytes > 4 * PIM_CRF_WORDS)
        return false;
    for (uint64_t i = 0; i < t->bytes; i += 4) {
        PimCrfWord word;
        uint32_t bits = t->data[i] | (uint32_t)t->data[i + 1] << 8 | (uint32_t)t->data[i + 2] << 16 | (uint32_t)t->data[i + 3] << 24;
        if (pim_crf_decode(bits, &word) != NULL)
            return false;
        if (bits == 0) /* nop: what no line says */
            continue;
        text_printf(&lines, "  crf %u: ", (unsigned)(i / 4));
        pim_crf_print(&word, &lines);
        text_printf(&lines, "\n");
    }
    if (lines.n > 0)
        text_add(out, lines.at, lines.n);
    return lines.n > 0;
}

static int launch_named(void *state, const char *name)
{
    (void)state;
    (void)name;
    return -1;
}

static int tier_named(void *state, const char *name)
{
    (void)state;
    return strcmp(name, "host") == 0 ? 0 : strcmp(name, "bank") == 0 ? 1 : -1;
}

/* ---- printing ---- */

void pim_print_stream(const PimStream *stream, Text *out)
{
    text_printf(out, "stream ch=");
    const char *comma = "";
    for (unsigned c = 0; c < MAX_CHANNELS; c++) {
        if ((stream->channels >> c & 1) == 0)
            continue;
        unsigned last = c;
        while (last + 1 < MAX_CHANNELS && (stream->channels >> (last + 1) & 1) != 0)
            last++;
        text_printf(out, last > c ? "%s%u-%u" : "%s%u", comma, c, last);
        comma = ",";
        c = last;
    }
    text_printf(out, " machine=%s", stream->machine);
}

void pim_print_command(const Image *image, const PimCommand *c, Text *out)
{
    const PimOpInfo *info = pim_op_info(c->w.op);
    static const char *const scopes[PIM_SCOPE_COUNT] = {".b", ".g", ".all", ".e", ".o"};
    text_printf(out, "%s", info->text);
    if (info->scopes != SCOPE_N)
        text_printf(out, "%s", scopes[c->w.scope]);
    if (info->scopes != SCOPE_N && (c->w.scope == PIM_BANK || c->w.scope == PIM_GROUP))
        text_printf(out, "%u", c->w.bank);
    bool is_mac = (info->fields & F_MAC) != 0;
    if ((info->fields & F_ACC) != 0 && !is_mac)
        text_printf(out, " acc=%u", c->w.reg);
    if ((info->fields & F_ROW) != 0)
        text_printf(out, " row=%u", c->w.row);
    if ((info->fields & F_COL) != 0)
        text_printf(out, " col=%u", c->w.col);
    if ((info->fields & F_N) != 0 || ((info->fields & F_M) != 0 && c->w.n1 != 0))
        text_printf(out, " n=%u", c->w.n1 + 1);
    if ((info->fields & F_GB) != 0 || (is_mac && (c->w.aux & PIM_MAC_BROADCAST) != 0))
        text_printf(out, " gb=%u", c->w.reg);
    if (is_mac)
        text_printf(out, " acc=%u", c->w.aux & PIM_MAC_ACC);
    if ((info->fields & F_AFM) != 0)
        text_printf(out, " afm=%u", c->w.aux);
    if (c->w.ext != 0) {
        text_printf(out, " buf=");
        asm_print_name(out, image->tensors.at[c->x.buf].name);
        text_printf(out, " off=%" PRIu64, c->x.off);
    }
}

static weir_status print_code(weir_context *cx, const Image *image, Text *out)
{
    PimCode code = {0};
    TRY(pim_decode(cx, image, &code));
    for (uint32_t i = 0; i < code.streams.n; i++) {
        const PimStream *s = &code.streams.at[i];
        pim_print_stream(s, out);
        text_printf(out, "\n");
        for (uint32_t k = 0; k < s->commands.n; k++) {
            pim_print_command(image, &s->commands.at[k], out);
            text_printf(out, "\n");
        }
    }
    return WEIR_OK;
}

const CodeText pim_code_text = {
    .directive = ".pim", .comment = '#', .begin = begin, .starts = starts, .parse = parse_stream, .finish = finish,
    .launch_named = launch_named, .tier_named = tier_named, .data_line = data_line, .print_data = print_data, .print = print_code,
};
