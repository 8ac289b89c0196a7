/* isa/pim/trace.c: see isa/pim/trace.h. */
#include "isa/pim/trace.h"

#include <inttypes.h>
#include <string.h>

#include "isa/pim/request.h"

enum { MAX_FIELDS = 6, MAX_OPSIZE = 1024 };

/* ---- lines ---- */

typedef struct TraceOp {
    const char *text, *fields; /* o opsize, g gpr, m mask, b bank, r row */
    uint32_t op;
    bool all_banks;
} TraceOp;

static const TraceOp trace_ops[] = {
    {"WR_SBK", "gmbr", PIM_OP_WR, false},    {"RD_SBK", "gmbr", PIM_OP_RD, false},      {"WR_ABK", "gmr", PIM_OP_WRA, true},
    {"WR_GB", "ogm", PIM_OP_WRGB, false},    {"WR_BIAS", "gm", PIM_OP_WRMAC, false},    {"RD_MAC", "gm", PIM_OP_RDMAC, false},
    {"RD_AF", "gm", PIM_OP_RDAF, false},     {"COPY_BKGB", "ombr", PIM_OP_RDCP, false}, {"COPY_GBBK", "ombr", PIM_OP_WRCP, false},
    {"MAC_SBK", "ombr", PIM_OP_MAC, false},  {"MAC_ABK", "omr", PIM_OP_MAC, true},      {"EWMUL", "omr", PIM_OP_EWMUL, true},
    {"AF", "m", PIM_OP_AF, true},            {"EWADD", "ogg", PIM_OP_NOP, false},       {"SYNC", "", PIM_OP_SYNC, false},
};
enum { N_TRACE_OPS = sizeof trace_ops / sizeof *trace_ops };

typedef struct Lines {
    weir_context *cx;
    const Source *source;
    const PimMachine *machine;
    PimTrace *trace;
    const char *words[MAX_FIELDS + 3];
    size_t lengths[MAX_FIELDS + 3];
    uint32_t n, line;
    int64_t afm;
    bool broadcast, ended;
} Lines;

static weir_status fail(Lines *l, const char *why)
{
    diag(&l->cx->diag, place_text(l->source, l->line, 1, 1), E_PIM_TEXT, why);
    return WEIR_MALFORMED;
}

static bool word_is(const Lines *l, uint32_t i, const char *text)
{
    return i < l->n && l->lengths[i] == strlen(text) && memcmp(l->words[i], text, l->lengths[i]) == 0;
}

/* Decimal or 0x. */
static bool number(const Lines *l, uint32_t i, uint64_t *out)
{
    uint64_t x = 0, base = 10;
    if (i >= l->n)
        return false;
    const char *p = l->words[i], *end = p + l->lengths[i];
    if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        base = 16;
        p += 2;
    }
    for (; p < end; p++) {
        uint64_t digit = *p >= '0' && *p <= '9' ? (uint64_t)(*p - '0') : *p >= 'a' && *p <= 'f' ? (uint64_t)(*p - 'a' + 10)
                         : *p >= 'A' && *p <= 'F' ? (uint64_t)(*p - 'A' + 10) : 99;
        if (digit >= base || x > UINT64_MAX / 32)
            return false;
        x = x * base + digit;
    }
    *out = x;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == ',';
}

/* The words of the line at *at, which moves to the next. */
static void split(Lines *l, const char **at, const char *end)
{
    const char *p = *at;
    l->n = 0;
    l->line++;
    while (p < end && *p != '\n' && *p != '#') {
        if (is_blank(*p)) {
            p++;
            continue;
        }
        const char *start = p;
        while (p < end && *p != '\n' && *p != '#' && !is_blank(*p))
            p++;
        if (l->n < MAX_FIELDS + 3) {
            l->words[l->n] = start;
            l->lengths[l->n++] = (size_t)(p - start);
        }
    }
    while (p < end && *p != '\n')
        p++;
    *at = p < end ? p + 1 : end;
}

/* Bit i of a mask is channel 31 - i. */
static uint64_t channels_of(uint64_t mask)
{
    uint64_t channels = 0;
    for (uint32_t i = 0; i < 32; i++)
        if ((mask >> i & 1) != 0)
            channels |= UINT64_C(1) << (31 - i);
    return channels;
}

static weir_status take_field(Lines *l, char field, uint64_t x, PimRequest *q)
{
    switch (field) {
    case 'o':
        q->n = (uint32_t)x;
        return x >= 1 && x <= MAX_OPSIZE ? WEIR_OK : fail(l, "opsize is 1..1024");
    case 'g':
        q->gpr = (uint32_t)x;
        return x < 1 << 16 ? WEIR_OK : fail(l, "a register's number is below 65536");
    case 'm':
        q->channels = channels_of(x);
        return x >= 1 && x <= UINT32_MAX ? WEIR_OK : fail(l, "a channel mask is 1..0xffffffff");
    case 'b':
        q->bank = (uint32_t)x;
        return x < PIM_BANKS ? WEIR_OK : fail(l, "a bank is 0..15");
    default:
        q->row = (int64_t)x;
        return x < (uint64_t)l->machine->rows ? WEIR_OK : fail(l, "the bank has no such row");
    }
}

static weir_status take_aim(Lines *l)
{
    if (l->n < 2)
        return fail(l, "AiM takes an operation");
    bool prefixed = l->lengths[1] > 4 && memcmp(l->words[1], "ISR_", 4) == 0;
    l->words[1] += prefixed ? 4 : 0;
    l->lengths[1] -= prefixed ? 4 : 0;
    if (word_is(l, 1, "EOC")) {
        l->ended = true;
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < N_TRACE_OPS; i++) {
        const TraceOp *op = &trace_ops[i];
        PimRequest q = {.op = op->op, .n = 1, .all_banks = op->all_banks, .line = l->line, .broadcast = l->broadcast};
        if (!word_is(l, 1, op->text))
            continue;
        if (l->n != 2 + strlen(op->fields))
            return fail(l, "the operation takes another number of fields");
        for (uint32_t k = 0; op->fields[k] != 0; k++) {
            uint64_t x = 0;
            if (!number(l, 2 + k, &x))
                return fail(l, "a field is a number, decimal or 0x");
            TRY(take_field(l, op->fields[k], x, &q));
        }
        if (op->op == PIM_OP_AF) {
            q.afm = (uint32_t)l->afm;
            q.row = l->machine->af_row + l->afm;
        }
        vec_push(&l->cx->arena, &l->trace->requests, q);
        return WEIR_OK;
    }
    return fail(l, "no operation of AiM traces");
}

static weir_status take_host(Lines *l)
{
    bool write = word_is(l, 0, "W");
    uint64_t x[3] = {0};
    PimRequest q = {.op = PIM_OP_NOP, .n = 1, .line = l->line};
    for (uint32_t i = 0; i < 3 && i + 2 < l->n; i++)
        if (!number(l, i + 2, &x[i]))
            return fail(l, "a field is a number, decimal or 0x");
    if (word_is(l, 1, "MEM")) {
        q.op = write ? PIM_OP_WR : PIM_OP_RD;
        q.bank = (uint32_t)x[1];
        q.row = (int64_t)x[2];
        if (l->n != 5 || x[0] > 31 || x[1] >= PIM_BANKS || x[2] >= (uint64_t)l->machine->rows)
            return fail(l, "MEM takes a channel 0..31, a bank 0..15 and a row");
        q.channels = UINT64_C(1) << x[0];
    } else if (word_is(l, 1, "CFR")) {
        if (l->n != 4 || !write || x[0] > 2 || x[1] > 7)
            return fail(l, "W CFR takes a register 0..2 and a value 0..7");
        if (x[0] == 0)
            l->broadcast = x[1] != 0;
        if (x[0] == 2)
            l->afm = (int64_t)x[1];
    } else if (!word_is(l, 1, "GPR") || l->n != 3) {
        return fail(l, "R and W take GPR id, CFR id value or MEM channel bank row");
    }
    vec_push(&l->cx->arena, &l->trace->requests, q);
    return WEIR_OK;
}

bool pim_is_trace(const Source *source)
{
    const char *at = source->text, *end = at + source->bytes;
    Lines l = {.source = source};
    while (at < end) {
        split(&l, &at, end);
        if (l.n > 0)
            return word_is(&l, 0, "AiM") || word_is(&l, 0, "R") || word_is(&l, 0, "W");
    }
    return false;
}

weir_status pim_trace_read(weir_context *cx, const Source *source, const PimMachine *machine, PimTrace *out)
{
    Lines l = {.cx = cx, .source = source, .machine = machine, .trace = out, .broadcast = true};
    const char *at = source->text, *end = at + source->bytes;
    while (at < end && !l.ended) {
        split(&l, &at, end);
        if (l.n == 0)
            continue;
        if (word_is(&l, 0, "AiM"))
            TRY(take_aim(&l));
        else if (word_is(&l, 0, "R") || word_is(&l, 0, "W"))
            TRY(take_host(&l));
        else
            return fail(&l, "a line of a trace begins with AiM, R or W");
    }
    return l.ended ? WEIR_OK : fail(&l, "the trace has no EOC");
}

/* ---- streams ---- */

typedef struct Importer {
    weir_context *cx;
    const PimMachine *machine;
    PimChannel channel;
    PimStream stream;
    uint32_t biases, written, reads, macs; /* of the register visit */
} Importer;

static void put(Importer *im, PimCommand c)
{
    PimAction a;
    if (pim_action_of(im->machine, &c, &a))
        (void)pim_issue(&im->channel, &a, c.w.n1 + 1, 0);
    vec_push(&im->cx->arena, &im->stream.commands, c);
}

static void put_row(Importer *im, const PimAction *a)
{
    bool opens = a->device == PIM_DEV_ACT || a->device == PIM_DEV_ACT16;
    bool all = a->place == PIM_PLACE_ALL;
    put(im, (PimCommand){.w = {.op = opens ? PIM_OP_ACT : PIM_OP_PRE, .scope = all ? PIM_ALL : PIM_BANK, .bank = all ? 0 : a->place,
                               .row = opens ? (uint32_t)a->row : 0}});
}

static void change_mode(Importer *im, bool registers)
{
    if (im->channel.in_register_mode == registers)
        return;
    put(im, (PimCommand){.w = {.op = PIM_OP_TMOD}});
    if (registers)
        im->biases = im->reads = 0;
    im->macs = 0;
}

/* The accumulator of a request: the k-th bias, group and read of a visit belong together. */
static bool accumulator(Importer *im, const PimRequest *q, PimCommand *c)
{
    uint32_t k = 0;
    switch (q->op) {
    case PIM_OP_WRMAC:
        k = im->biases++;
        im->written = im->biases;
        c->w.reg = k;
        break;
    case PIM_OP_RDMAC:
        k = im->reads++;
        c->w.reg = k;
        break;
    case PIM_OP_MAC:
        k = im->written > 0 ? im->macs++ % im->written : 0;
        c->w.aux = k | (q->broadcast ? PIM_MAC_BROADCAST : 0);
        break;
    default:
        break;
    }
    return k < im->machine->accumulators;
}

static weir_status import_request(Importer *im, const PimRequest *q)
{
    PimAction want, row;
    const PimOpInfo *info = pim_op_info(q->op);
    if (!pim_request_action(im->machine, q, &want))
        return WEIR_OK;
    PimCommand c = {.w = {.op = q->op, .n1 = q->n - 1}};
    if (info->scopes != SCOPE_N) {
        c.w.scope = q->all_banks ? PIM_ALL : PIM_BANK;
        c.w.bank = q->all_banks ? 0 : q->bank;
    }
    if ((info->fields & F_ROW) != 0)
        c.w.row = (uint32_t)q->row;
    if (q->op == PIM_OP_AF)
        c.w.aux = q->afm;
    if ((info->fields & F_BUF) != 0) {
        c.w.ext = 1;
        c.x.off = 32 * (uint64_t)q->gpr;
    }
    change_mode(im, pim_device_kind(want.device) == PIM_REGISTER);
    if (!accumulator(im, q, &c)) {
        diag(&im->cx->diag, place_none(), E_PIM_TEXT,
             arena_printf(&im->cx->arena, "line %u: more than %" PRId64 " accumulators are live", q->line, im->machine->accumulators));
        return WEIR_INVALID;
    }
    while (pim_row_needed(&im->channel, &want, true, &row))
        put_row(im, &row);
    put(im, c);
    return WEIR_OK;
}

static weir_status import_channel(Importer *im, const PimTrace *trace, uint32_t ch)
{
    static const PimAction all = {PIM_DEV_PREA, PIM_PLACE_ALL, 0};
    im->stream = (PimStream){.machine = im->machine->name, .channels = UINT64_C(1) << ch};
    pim_channel_open(&im->channel, im->machine);
    im->biases = im->written = im->reads = im->macs = 0;
    for (uint32_t i = 0; i < trace->requests.n; i++)
        if ((trace->requests.at[i].channels >> ch & 1) != 0)
            TRY(import_request(im, &trace->requests.at[i]));
    bool open = false;
    for (int b = 0; b < PIM_BANKS; b++)
        open = open || im->channel.row[b] != PIM_CLOSED;
    if (open) {
        change_mode(im, false);
        put_row(im, &all);
    }
    return WEIR_OK;
}

static bool same_commands(const PimStream *a, const PimStream *b)
{
    if (a->commands.n != b->commands.n)
        return false;
    for (uint32_t i = 0; i < a->commands.n; i++)
        if (memcmp(&a->commands.at[i], &b->commands.at[i], sizeof a->commands.at[i]) != 0)
            return false;
    return true;
}

static uint64_t reach_of(const PimTrace *trace)
{
    uint64_t reach = 0;
    for (uint32_t i = 0; i < trace->requests.n; i++) {
        const PimRequest *q = &trace->requests.at[i];
        uint64_t bursts = q->op == PIM_OP_WRA ? PIM_BANKS : q->op == PIM_OP_WRGB ? q->n : 1;
        reach = q->gpr + bursts > reach ? q->gpr + bursts : reach;
    }
    return reach * 32;
}

weir_status pim_trace_import(weir_context *cx, const PimTrace *trace, const PimMachine *machine, Image *out)
{
    PimCode code = {0};
    Importer *im = ARENA_NEW(&cx->arena, Importer);
    im->cx = cx;
    im->machine = machine;
    *out = (Image){.target = IMAGE_PIM, .machine = machine->name, .producer = ""};
    for (uint32_t ch = 0; ch < (uint32_t)machine->channels; ch++) {
        bool known = false;
        TRY(import_channel(im, trace, ch));
        for (uint32_t i = 0; i < code.streams.n && !known; i++)
            if (same_commands(&code.streams.at[i], &im->stream)) {
                code.streams.at[i].channels |= im->stream.channels;
                known = true;
            }
        if (!known && im->stream.commands.n > 0)
            vec_push(&cx->arena, &code.streams, im->stream);
    }
    uint64_t reach = reach_of(trace);
    ImageTensor gpr = {.name = "gpr", .layout = "", .type = DT_BF16, .arg = IMAGE_NO_ARG, .n_dims = 2, .extent = {machine->channels, (int64_t)(reach / 2)},
                       .bytes = reach * (uint64_t)machine->channels, .stride = reach};
    vec_push(&cx->arena, &out->tensors, gpr);
    for (uint32_t i = 0; i < code.streams.n; i++) {
        const ImageStep step = {.op = STEP_LAUNCH, .a = i};
        vec_push(&cx->arena, &out->steps, step);
    }
    return pim_encode(cx, &code, out);
}

/* ---- back to lines ---- */

static uint32_t mask_of(uint64_t channels)
{
    uint32_t mask = 0;
    for (uint32_t c = 0; c < 32; c++)
        if ((channels >> c & 1) != 0)
            mask |= 1u << (31 - c);
    return mask;
}

static void export_request(const PimRequest *q, Text *out)
{
    const TraceOp *op = trace_ops;
    while (op->op != q->op || op->all_banks != q->all_banks)
        op++;
    text_printf(out, "AiM %s", op->text);
    for (const char *f = op->fields; *f != 0; f++)
        switch (*f) {
        case 'o':
            text_printf(out, " %u", q->n);
            break;
        case 'g':
            text_printf(out, " %u", q->gpr);
            break;
        case 'm':
            text_printf(out, " 0x%x", mask_of(q->channels));
            break;
        case 'b':
            text_printf(out, " %u", q->bank);
            break;
        default:
            text_printf(out, " %" PRId64, q->row);
        }
    text_printf(out, "\n");
}

weir_status pim_trace_export(weir_context *cx, const Image *image, const PimMachine *machine, Text *out)
{
    PimCode code = {0};
    PimTrace trace = {0};
    bool broadcast = true;
    uint32_t afm = 0;
    TRY(pim_decode(cx, image, &code));
    if (machine->family != PIM_AIM) {
        diag(&cx->diag, place_none(), E_PIM_TEXT, "traces are of gddr6-aim");
        return WEIR_UNSUPPORTED;
    }
    pim_requests_of(cx, image, &code, &trace);
    for (uint32_t i = 0; i < trace.requests.n; i++) {
        PimRequest q = trace.requests.at[i];
        if (q.channels >> 32 != 0 || (q.op != PIM_OP_SYNC && (q.channels == 0 || q.n > MAX_OPSIZE))) {
            diag(&cx->diag, place_none(), E_PIM_TEXT, "traces have 32 channels");
            return WEIR_UNSUPPORTED;
        }
        if (q.op == PIM_OP_MAC && q.broadcast != broadcast)
            text_printf(out, "W CFR 0 %d\n", q.broadcast);
        if (q.op == PIM_OP_MAC)
            broadcast = q.broadcast;
        if (q.op == PIM_OP_AF && q.afm != afm)
            text_printf(out, "W CFR 2 %u\n", q.afm);
        if (q.op == PIM_OP_AF)
            afm = q.afm;
        export_request(&q, out);
    }
    text_printf(out, "AiM EOC\n");
    return WEIR_OK;
}
