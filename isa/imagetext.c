/* isa/imagetext.c: see isa/imagetext.h. */
#include "isa/imagetext.h"

#include <inttypes.h>
#include <string.h>

#include "isa/pim/text.h"
#include "isa/rdu/text.h"

static const CodeText *const targets[] = {&rdu_code_text, &pim_code_text};
static const char *const kind_text[IMAGE_KIND_COUNT] = {"temp", "in", "out", "const"};
static const char *const step_text[STEP_COUNT] = {"halt", "launch", "loop", "endloop", "arg", "copy", "host", "fence", "prefetch"};
static const char *const debug_text[DEBUG_KIND_COUNT] = {"kernel", "unit", "flow", "loop", "source"};

typedef struct Assembler {
    weir_context *cx;
    AsmText text;
    Image *image;
    const CodeText *code;
    void *state;
} Assembler;

static int word_among(const AsmText *text, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (asm_is(text, words[i]))
            return i;
    return -1;
}

/* COUNT or [E, E ..]. */
static weir_status parse_extents(Assembler *a, ImageTensor *t)
{
    bool list = asm_accept(&a->text, "[");
    while (!(list && asm_accept(&a->text, "]"))) {
        if (t->n_dims == TENSOR_MAX_DIMS)
            return asm_fail(&a->text, "a tensor has at most %d dimensions", TENSOR_MAX_DIMS);
        TRY(asm_integer(&a->text, "extent", 0, INT64_MAX, &t->extent[t->n_dims++]));
        if (!list)
            break;
        if (!asm_is(&a->text, "]"))
            TRY(asm_expect(&a->text, ","));
    }
    if (image_tensor_bytes(t) > INT64_MAX)
        return asm_fail(&a->text, "the tensor is too large");
    return WEIR_OK;
}

static weir_status parse_tier(Assembler *a, uint32_t *out_tier)
{
    if (a->text.now.kind == ASM_NUMBER)
        return asm_u32(&a->text, "tier", 255, out_tier);
    const char *name = NULL;
    TRY(asm_name(&a->text, "a tier", &name));
    int tier = a->code->tier_named(a->state, name);
    if (tier < 0)
        return asm_fail(&a->text, "machine %s has no tier '%s'", a->image->machine, name);
    *out_tier = (uint32_t)tier;
    return WEIR_OK;
}

static weir_status parse_tensor_option(Assembler *a, ImageTensor *t, bool *has_address)
{
    AsmText *s = &a->text;
    int kind = word_among(s, kind_text, IMAGE_KIND_COUNT);
    if (kind >= 0) {
        t->kind = (ImageKind)kind;
        asm_next(s);
        return WEIR_OK;
    }
    static const char *const options[] = {"tier", "arg", "address", "bytes", "stride", "layout"};
    int option = word_among(s, options, 6);
    if (option < 0)
        return asm_fail(s, "a tensor takes in, out, const, temp, tier=, arg=, address=, bytes=, stride=, layout=");
    asm_next(s);
    TRY(asm_expect(s, "="));
    switch (option) {
    case 0:
        return parse_tier(a, &t->tier);
    case 1:
        return asm_u32(s, "arg", IMAGE_NO_ARG - 1, &t->arg);
    case 2:
        *has_address = true;
        return asm_u64(s, "address", &t->address);
    case 3:
        return asm_u64(s, "bytes", &t->bytes);
    case 4:
        return asm_u64(s, "stride", &t->stride);
    default:
        return asm_name(s, "a layout", &t->layout);
    }
}

static weir_status parse_tensor(Assembler *a)
{
    AsmText *s = &a->text;
    ImageTensor t = {.layout = "", .arg = IMAGE_NO_ARG};
    TRY(asm_name(s, "a tensor's name", &t.name));
    if (image_tensor_named(a->image, t.name) >= 0)
        return asm_fail(s, "tensor '%s' is declared twice", t.name);
    t.type = s->now.kind == ASM_WORD ? dtype_from_text(s->now.at, s->now.length) : DT_NONE;
    if (t.type == DT_NONE)
        return asm_fail(s, "expected an element type (f32, bf16, i32 ..)");
    asm_next(s);
    TRY(parse_extents(a, &t));
    t.bytes = image_tensor_bytes(&t);
    bool has_address = false;
    while (s->now.kind != ASM_LINE && s->now.kind != ASM_EOF)
        TRY(parse_tensor_option(a, &t, &has_address));
    if (!has_address)
        t.address = image_next_address(a->image, a->image->tensors.n, t.tier);
    if (t.address > INT64_MAX / 2 || t.bytes > INT64_MAX / 2)
        return asm_fail(s, "the tensor's address or size is too large");
    vec_push(&a->cx->arena, &a->image->tensors, t);
    return asm_line_end(s);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static weir_status parse_data(Assembler *a)
{
    AsmText *s = &a->text;
    const char *name = NULL;
    TRY(asm_name(s, "a tensor's name", &name));
    int row = image_tensor_named(a->image, name);
    if (row < 0 || a->image->tensors.at[row].kind != IMAGE_CONST || a->image->tensors.at[row].data != NULL)
        return asm_fail(s, "'%s' is no constant, or has its data already", name);
    ImageTensor *t = &a->image->tensors.at[row];
    if (t->bytes > s->source->bytes)
        return asm_fail(s, "'%s' needs %" PRIu64 " bytes of data", name, t->bytes);
    unsigned char *data = arena_alloc(&a->cx->arena, t->bytes);
    uint64_t n = 0;
    TRY(asm_line_end(s));
    while (a->code->data_line != NULL && asm_accept(s, "crf")) {
        TRY(a->code->data_line(a->state, s, data, t->bytes));
        n = t->bytes;
    }
    while (asm_accept(s, "hex")) {
        const char *digits = NULL;
        TRY(asm_raw(s, "bytes in hexadecimal", &digits));
        for (const char *p = digits; *p != 0; p += 2) {
            int high = hex_value(p[0]), low = high < 0 ? -1 : hex_value(p[1]);
            if (low < 0 || n == t->bytes)
                return asm_fail(s, "'%s' takes %" PRIu64 " bytes, two digits 0-9 a-f each", name, t->bytes);
            data[n++] = (unsigned char)(high * 16 + low);
        }
        TRY(asm_line_end(s));
    }
    if (n != t->bytes)
        return asm_fail(s, "'%s' takes %" PRIu64 " bytes, found %" PRIu64, name, t->bytes, n);
    t->data = data;
    return WEIR_OK;
}

static weir_status parse_launch(Assembler *a, ImageStep *step)
{
    AsmText *s = &a->text;
    if (s->now.kind == ASM_NUMBER) {
        TRY(asm_u32(s, "launch", UINT32_MAX, &step->a));
    } else {
        const char *name = NULL;
        TRY(asm_name(s, "a kernel", &name));
        int number = a->code->launch_named(a->state, name);
        if (number < 0)
            return asm_fail(s, "no kernel '%s' above", name);
        step->a = (uint32_t)number;
    }
    if (step->op == STEP_LAUNCH)
        step->b = asm_accept(s, "kloop");
    return WEIR_OK;
}

static weir_status parse_copy_side(Assembler *a, uint32_t *out_row)
{
    const char *name = NULL;
    TRY(asm_name(&a->text, "a tensor", &name));
    int row = image_tensor_named(a->image, name);
    if (row < 0)
        return asm_fail(&a->text, "no tensor '%s'", name);
    *out_row = (uint32_t)row;
    return WEIR_OK;
}

static weir_status parse_step(Assembler *a, ImageStepOp op)
{
    AsmText *s = &a->text;
    ImageStep step = {.op = op};
    asm_next(s);
    if (op == STEP_LAUNCH || op == STEP_PREFETCH) {
        TRY(parse_launch(a, &step));
    } else if (op == STEP_LOOP || op == STEP_HOST) {
        TRY(asm_u32(s, op == STEP_LOOP ? "loop" : "host", UINT32_MAX, &step.a));
    } else if (op == STEP_ARG) {
        TRY(asm_u32(s, "slot", UINT32_MAX, &step.a));
        TRY(asm_u32(s, "base", UINT32_MAX, &step.b));
        TRY(asm_u32(s, "stride", UINT32_MAX, &step.c));
    } else if (op == STEP_COPY) {
        TRY(parse_copy_side(a, &step.a));
        TRY(parse_copy_side(a, &step.b));
    }
    vec_push(&a->cx->arena, &a->image->steps, step);
    return asm_line_end(s);
}

static weir_status parse_host(Assembler *a)
{
    AsmText *s = &a->text;
    Text out;
    text_init(&out, &a->cx->arena);
    TRY(asm_line_end(s));
    while (asm_is(s, "|")) {
        size_t n = 0;
        const char *line = asm_rest(s, &n);
        if (n > 0 && line[0] == ' ') {
            line++;
            n--;
        }
        text_add(&out, line, n);
        text_add(&out, "\n", 1);
        TRY(asm_line_end(s));
    }
    if (out.n == 0)
        return asm_fail(s, "a host step takes lines that begin with '|'");
    const char *text = out.at;
    vec_push(&a->cx->arena, &a->image->hosts, text);
    return WEIR_OK;
}

static weir_status parse_debug(Assembler *a)
{
    AsmText *s = &a->text;
    ImageDebug d = {0};
    int kind = word_among(s, debug_text, DEBUG_KIND_COUNT);
    if (kind < 0)
        return asm_fail(s, "field 'kind' takes kernel, unit, flow, loop, source");
    d.kind = (uint32_t)kind;
    asm_next(s);
    TRY(asm_u32(s, "a", UINT32_MAX, &d.a));
    TRY(asm_u32(s, "b", UINT32_MAX, &d.b));
    TRY(asm_u32(s, "c", UINT32_MAX, &d.c));
    TRY(asm_name(s, "a text", &d.text));
    vec_push(&a->cx->arena, &a->image->debug, d);
    return asm_line_end(s);
}

static weir_status parse_directive(Assembler *a)
{
    AsmText *s = &a->text;
    if (a->code->starts(s))
        return a->code->parse(a->state, s);
    if (asm_accept(s, ".tensor"))
        return parse_tensor(a);
    if (asm_accept(s, ".data"))
        return parse_data(a);
    if (asm_accept(s, ".host"))
        return parse_host(a);
    if (asm_accept(s, ".debug"))
        return parse_debug(a);
    if (asm_accept(s, ".producer")) {
        TRY(asm_name(s, "a text", &a->image->producer));
        return asm_line_end(s);
    }
    if (asm_accept(s, ".setting")) {
        ImageSetting setting = {0};
        TRY(asm_name(s, "a key", &setting.key));
        TRY(asm_u64(s, "value", &setting.value));
        vec_push(&a->cx->arena, &a->image->settings, setting);
        return asm_line_end(s);
    }
    if (asm_accept(s, ".control")) {
        TRY(asm_line_end(s));
        for (int op; (op = word_among(s, step_text, STEP_COUNT)) >= 0;)
            TRY(parse_step(a, (ImageStepOp)op));
        return WEIR_OK;
    }
    return asm_fail(s, "no directive or statement that may stand here: '%.*s'", (int)s->now.length, s->now.at);
}

/* The first line; a text that begins with a stream is one stream without a header. */
static weir_status parse_header(Assembler *a, const Source *source)
{
    static const char bare[] = "stream";
    for (size_t i = 0; i < sizeof targets / sizeof *targets && a->code == NULL; i++) {
        asm_open(&a->text, a->cx, source, targets[i]->comment);
        if (asm_is(&a->text, targets[i]->directive) || (targets[i] == &pim_code_text && asm_is(&a->text, bare)))
            a->code = targets[i];
    }
    if (a->code == NULL)
        return asm_fail(&a->text, "expected '.rdu 1 machine=NAME', '.pim 1 machine=NAME' or 'stream ..'");
    a->image->target = a->code == &rdu_code_text ? IMAGE_RDU : IMAGE_PIM;
    a->image->producer = "";
    if (!asm_accept(&a->text, a->code->directive)) {
        a->image->machine = "gddr6-aim";
        return WEIR_OK;
    }
    uint32_t version = 0;
    TRY(asm_u32(&a->text, "version", IMAGE_VERSION, &version));
    TRY(asm_expect(&a->text, "machine"));
    if (!asm_is(&a->text, "="))
        return asm_fail(&a->text, "expected '='");
    asm_next(&a->text);
    TRY(asm_raw(&a->text, "a machine's name", &a->image->machine));
    return asm_line_end(&a->text);
}

weir_status image_assemble(weir_context *cx, const Source *source, Image *out_image)
{
    Image image = {0};
    Assembler a = {.cx = cx, .image = &image};
    TRY(parse_header(&a, source));
    TRY(a.code->begin(cx, &image, &a.state));
    while (a.text.now.kind != ASM_EOF)
        TRY(parse_directive(&a));
    for (uint32_t i = 0; i < image.tensors.n; i++)
        if (image.tensors.at[i].kind == IMAGE_CONST && image.tensors.at[i].data == NULL)
            return asm_fail(&a.text, "constant '%s' has no .data", image.tensors.at[i].name);
    for (uint32_t i = 0; i < image.steps.n; i++)
        if (image.steps.at[i].op == STEP_HOST && image.steps.at[i].a >= image.hosts.n)
            return asm_fail(&a.text, "host step %u does not exist", image.steps.at[i].a);
    TRY(a.code->finish(a.state));
    *out_image = image;
    return WEIR_OK;
}

/* ---- printing ---- */

static void print_tensor(const Image *image, uint32_t row, Text *out)
{
    const ImageTensor *t = &image->tensors.at[row];
    text_printf(out, ".tensor ");
    asm_print_name(out, t->name);
    text_printf(out, " %s ", dtype_text(t->type));
    if (t->n_dims == 1) {
        text_printf(out, "%" PRId64, t->extent[0]);
    } else {
        text_printf(out, "[");
        for (uint32_t d = 0; d < t->n_dims; d++)
            text_printf(out, "%s%" PRId64, d > 0 ? ", " : "", t->extent[d]);
        text_printf(out, "]");
    }
    if (t->kind != IMAGE_TEMP)
        text_printf(out, " %s", kind_text[t->kind]);
    if (t->tier != 0)
        text_printf(out, " tier=%u", t->tier);
    if (t->arg != IMAGE_NO_ARG)
        text_printf(out, " arg=%u", t->arg);
    if (t->bytes != image_tensor_bytes(t))
        text_printf(out, " bytes=%" PRIu64, t->bytes);
    if (t->stride != 0)
        text_printf(out, " stride=%" PRIu64, t->stride);
    if (t->address != image_next_address(image, row, t->tier))
        text_printf(out, " address=%" PRIu64, t->address);
    if (t->layout[0] != 0) {
        text_printf(out, " layout=");
        asm_print_string(out, t->layout);
    }
    text_printf(out, "\n");
}

static void print_data(const CodeText *code, const ImageTensor *t, Text *out)
{
    enum { A_LINE = 32 };
    static const char digit[] = "0123456789abcdef";
    text_printf(out, ".data ");
    asm_print_name(out, t->name);
    text_printf(out, "\n");
    if (code->print_data != NULL && code->print_data(t, out))
        return;
    for (uint64_t i = 0; i < t->bytes; i += A_LINE) {
        char line[2 * A_LINE + 1];
        int n = 0;
        for (uint64_t k = i; k < t->bytes && k < i + A_LINE; k++) {
            line[n++] = digit[t->data[k] >> 4];
            line[n++] = digit[t->data[k] & 15];
        }
        text_printf(out, "  hex %.*s\n", n, line);
    }
}

static void print_steps(const Image *image, Text *out)
{
    if (image->steps.n > 0)
        text_printf(out, ".control\n");
    for (uint32_t i = 0; i < image->steps.n; i++) {
        const ImageStep *s = &image->steps.at[i];
        text_printf(out, "  %s", step_text[s->op]);
        if (s->op == STEP_COPY) {
            text_printf(out, " ");
            asm_print_name(out, image->tensors.at[s->a].name);
            text_printf(out, " ");
            asm_print_name(out, image->tensors.at[s->b].name);
        } else if (s->op == STEP_ARG) {
            text_printf(out, " %u %u %u", s->a, s->b, s->c);
        } else if (s->op == STEP_LAUNCH || s->op == STEP_LOOP || s->op == STEP_HOST || s->op == STEP_PREFETCH) {
            text_printf(out, " %u%s", s->a, s->b != 0 ? " kloop" : "");
        }
        text_printf(out, "\n");
    }
}

static void print_host(const char *text, Text *out)
{
    text_printf(out, ".host\n");
    for (const char *p = text; *p != 0;) {
        const char *end = strchr(p, '\n');
        size_t n = end != NULL ? (size_t)(end - p) : strlen(p);
        text_printf(out, "| ");
        text_add(out, p, n);
        text_printf(out, "\n");
        p += n + (end != NULL);
    }
}

weir_status image_print(weir_context *cx, const Image *image, Text *out)
{
    const CodeText *code = targets[image->target == IMAGE_PIM];
    text_printf(out, "%s 1 machine=%s\n", code->directive, image->machine);
    if (image->producer[0] != 0) {
        text_printf(out, ".producer ");
        asm_print_string(out, image->producer);
        text_printf(out, "\n");
    }
    for (uint32_t i = 0; i < image->settings.n; i++) {
        text_printf(out, ".setting ");
        asm_print_name(out, image->settings.at[i].key);
        text_printf(out, " %" PRIu64 "\n", image->settings.at[i].value);
    }
    for (uint32_t i = 0; i < image->tensors.n; i++)
        print_tensor(image, i, out);
    for (uint32_t i = 0; i < image->tensors.n; i++)
        if (image->tensors.at[i].kind == IMAGE_CONST)
            print_data(code, &image->tensors.at[i], out);
    TRY(code->print(cx, image, out));
    print_steps(image, out);
    for (uint32_t i = 0; i < image->hosts.n; i++)
        print_host(image->hosts.at[i], out);
    for (uint32_t i = 0; i < image->debug.n; i++) {
        const ImageDebug *d = &image->debug.at[i];
        if (d->kind < DEBUG_SOURCE)
            continue;
        text_printf(out, ".debug %s %u %u %u ", debug_text[d->kind], d->a, d->b, d->c);
        asm_print_string(out, d->text);
        text_printf(out, "\n");
    }
    return WEIR_OK;
}
