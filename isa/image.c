/* isa/image.c: the container's bytes; see isa/image.h. */
#include "isa/image.h"

#include <string.h>
#include <zlib.h>

enum { HEADER_BYTES = 64, ENTRY_BYTES = 32, TAG_BYTES = 8 };

typedef enum Section { S_HEAD, S_TENS, S_CODE, S_SCHED, S_HOST, S_DEBUG, S_COUNT } Section;
static const char *const section_tag[S_COUNT] = {"HEAD", "TENS", "CODE", "SCHED", "HOST", "DEBUG"};

int image_tensor_named(const Image *image, const char *name)
{
    for (uint32_t i = 0; i < image->tensors.n; i++)
        if (strcmp(image->tensors.at[i].name, name) == 0)
            return (int)i;
    return -1;
}

uint64_t image_next_address(const Image *image, uint32_t n_tensors, uint32_t tier)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < n_tensors; i++) {
        const ImageTensor *t = &image->tensors.at[i];
        uint64_t end = t->address + t->bytes;
        if (t->tier == tier && end > next)
            next = end;
    }
    return (next + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
}

uint64_t image_tensor_bytes(const ImageTensor *tensor)
{
    uint64_t n = dtype_bytes(tensor->type);
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        if (__builtin_mul_overflow(n, (uint64_t)tensor->extent[d], &n))
            return UINT64_MAX;
    return n;
}

uint32_t image_add_tensor(weir_context *cx, Image *image, ImageTensor tensor)
{
    if (tensor.layout == NULL)
        tensor.layout = "";
    if (tensor.bytes == 0)
        tensor.bytes = image_tensor_bytes(&tensor);
    tensor.address = image_next_address(image, image->tensors.n, tensor.tier);
    vec_push(&cx->arena, &image->tensors, tensor);
    return image->tensors.n - 1;
}

/* ---- writing ---- */

typedef struct Bytes {
    Arena *arena;
    VEC(unsigned char) v;
} Bytes;

static void put_bytes(Bytes *b, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        vec_push(b->arena, &b->v, p[i]);
}

static void put_int(Bytes *b, uint64_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned char byte = i < 8 ? (unsigned char)(value >> (8 * i)) : 0;
        vec_push(b->arena, &b->v, byte);
    }
}

static void put_align(Bytes *b, uint32_t to)
{
    while (b->v.n % to != 0)
        put_int(b, 0, 1);
}

static void put_string(Bytes *b, const char *text)
{
    size_t n = strlen(text);
    put_int(b, n, 4);
    put_bytes(b, text, n);
    put_align(b, 4);
}

static void write_head(Bytes *b, const Image *image)
{
    put_string(b, image->machine);
    put_string(b, image->producer);
    put_int(b, image->settings.n, 4);
    for (uint32_t i = 0; i < image->settings.n; i++) {
        put_string(b, image->settings.at[i].key);
        put_int(b, image->settings.at[i].value, 8);
    }
}

/* Rows, then the constants' bytes in row order, each 8-byte aligned. */
static void write_tens(Bytes *b, const Image *image)
{
    put_int(b, image->tensors.n, 4);
    for (uint32_t i = 0; i < image->tensors.n; i++) {
        const ImageTensor *t = &image->tensors.at[i];
        put_string(b, t->name);
        put_string(b, t->layout);
        put_int(b, t->type, 1);
        put_int(b, t->kind, 1);
        put_int(b, t->tier, 1);
        put_int(b, t->n_dims, 1);
        put_int(b, t->arg, 4);
        for (uint32_t d = 0; d < t->n_dims; d++)
            put_int(b, (uint64_t)t->extent[d], 8);
        put_int(b, t->address, 8);
        put_int(b, t->bytes, 8);
        put_int(b, t->stride, 8);
    }
    for (uint32_t i = 0; i < image->tensors.n; i++) {
        const ImageTensor *t = &image->tensors.at[i];
        if (t->kind == IMAGE_CONST) {
            put_align(b, 8);
            put_bytes(b, t->data, t->bytes);
        }
    }
}

static void write_sched(Bytes *b, const Image *image)
{
    put_int(b, image->steps.n, 4);
    for (uint32_t i = 0; i < image->steps.n; i++) {
        const ImageStep *s = &image->steps.at[i];
        put_int(b, s->op, 4);
        put_int(b, s->a, 4);
        put_int(b, s->b, 4);
        put_int(b, s->c, 4);
    }
}

static void write_section(Bytes *b, const Image *image, Section section)
{
    switch (section) {
    case S_HEAD:
        write_head(b, image);
        break;
    case S_TENS:
        write_tens(b, image);
        break;
    case S_CODE:
        for (uint32_t i = 0; i < image->code.n; i++)
            put_int(b, image->code.at[i], 4);
        break;
    case S_SCHED:
        write_sched(b, image);
        break;
    case S_HOST:
        put_int(b, image->hosts.n, 4);
        for (uint32_t i = 0; i < image->hosts.n; i++)
            put_string(b, image->hosts.at[i]);
        break;
    default:
        put_int(b, image->debug.n, 4);
        for (uint32_t i = 0; i < image->debug.n; i++) {
            const ImageDebug *d = &image->debug.at[i];
            put_int(b, d->kind, 4);
            put_int(b, d->a, 4);
            put_int(b, d->b, 4);
            put_int(b, d->c, 4);
            put_string(b, d->text);
        }
    }
}

static uint64_t fnv1a(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *p = text; *p != 0; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_written(const Image *image, Section section)
{
    return !(section == S_HOST && image->hosts.n == 0) && !(section == S_DEBUG && image->debug.n == 0);
}

static uint32_t crc_of(const unsigned char *data, uint64_t n)
{
    uLong crc = crc32(0, NULL, 0);
    for (uint64_t at = 0; at < n;) {
        uInt step = n - at > (1u << 30) ? 1u << 30 : (uInt)(n - at);
        crc = crc32(crc, data + at, step);
        at += step;
    }
    return (uint32_t)crc;
}

static void set_int(Bytes *b, uint32_t at, uint64_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        b->v.at[at + i] = (unsigned char)(value >> (8 * i));
}

void image_write(weir_context *cx, const Image *image, ImageBytes *out_bytes)
{
    Bytes b = {.arena = &cx->arena};
    uint32_t n_sections = 0;
    for (int s = 0; s < S_COUNT; s++)
        n_sections += is_written(image, (Section)s);
    put_bytes(&b, "WEIR", 4);
    put_int(&b, IMAGE_VERSION, 2);
    put_int(&b, image->target, 1);
    put_int(&b, 0, 1);
    put_int(&b, n_sections, 4);
    put_int(&b, 0, 4 + 8);
    put_int(&b, 0, 8);
    set_int(&b, 24, fnv1a(image->machine), 8);
    while (b.v.n < HEADER_BYTES + n_sections * ENTRY_BYTES)
        put_int(&b, 0, 1);
    uint32_t entry = HEADER_BYTES;
    for (int s = 0; s < S_COUNT; s++) {
        if (!is_written(image, (Section)s))
            continue;
        put_align(&b, 8);
        uint32_t start = b.v.n;
        write_section(&b, image, (Section)s);
        memcpy(&b.v.at[entry], section_tag[s], strlen(section_tag[s]));
        set_int(&b, entry + 8, start, 8);
        set_int(&b, entry + 16, b.v.n - start, 8);
        set_int(&b, entry + 24, crc_of(b.v.at + start, b.v.n - start), 4);
        entry += ENTRY_BYTES;
    }
    put_align(&b, 8);
    set_int(&b, 16, b.v.n, 8);
    memcpy(&out_bytes->bytes, &b.v, sizeof b.v);
}

/* ---- reading ---- */

typedef struct Reader {
    weir_context *cx;
    const unsigned char *data;
    uint64_t n, at;
    const char *fault;
} Reader;

static void fault(Reader *r, const char *reason)
{
    if (r->fault == NULL)
        r->fault = reason;
    r->at = r->n;
}

static uint64_t get_int(Reader *r, unsigned n)
{
    if (r->n - r->at < n) {
        fault(r, "a section ends inside a row");
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)r->data[r->at + i] << (8 * i);
    r->at += n;
    return value;
}

static uint32_t get_u32(Reader *r)
{
    return (uint32_t)get_int(r, 4);
}

static void get_align(Reader *r, uint32_t to)
{
    while (r->at % to != 0 && r->fault == NULL)
        if (get_int(r, 1) != 0)
            fault(r, "padding is not zero");
}

static const char *get_string(Reader *r)
{
    uint64_t n = get_u32(r);
    if (n > r->n - r->at)
        fault(r, "a text ends past its section");
    if (r->fault != NULL)
        return "";
    const char *text = (const char *)r->data + r->at;
    if (memchr(text, 0, n) != NULL)
        fault(r, "a text holds a zero byte");
    r->at += r->fault == NULL ? n : 0;
    get_align(r, 4);
    return arena_string(&r->cx->arena, text, n);
}

/* A count of rows of at least `least` bytes each. */
static uint32_t get_count(Reader *r, uint32_t least)
{
    uint32_t n = get_u32(r);
    if (n > (r->n - r->at) / least)
        fault(r, "a count exceeds its section");
    return r->fault == NULL ? n : 0;
}

static void read_head(Reader *r, Image *image)
{
    image->machine = get_string(r);
    image->producer = get_string(r);
    uint32_t n = get_count(r, 12);
    for (uint32_t i = 0; i < n && r->fault == NULL; i++) {
        ImageSetting setting = {.key = get_string(r)};
        setting.value = get_int(r, 8);
        vec_push(&r->cx->arena, &image->settings, setting);
    }
}

static void check_tensor(Reader *r, const Image *image, const ImageTensor *t)
{
    if (t->name[0] == 0 || image_tensor_named(image, t->name) >= 0)
        fault(r, "a tensor's name is empty or not unique");
    if (t->type == DT_NONE || t->type >= DT_COUNT || t->kind >= IMAGE_KIND_COUNT)
        fault(r, "a tensor's type or kind is unknown");
    for (uint32_t d = 0; d < t->n_dims && r->fault == NULL; d++)
        if (t->extent[d] < 0)
            fault(r, "an extent is negative");
    if (r->fault == NULL && image_tensor_bytes(t) == UINT64_MAX)
        fault(r, "a tensor is too large");
    if (t->address > INT64_MAX || t->bytes > INT64_MAX || t->stride > INT64_MAX)
        fault(r, "a tensor's address or size is too large");
}

static void read_tens(Reader *r, Image *image)
{
    uint32_t n = get_count(r, 40);
    for (uint32_t i = 0; i < n && r->fault == NULL; i++) {
        ImageTensor t = {.name = get_string(r)};
        t.layout = get_string(r);
        t.type = (Dtype)get_int(r, 1);
        t.kind = (ImageKind)get_int(r, 1);
        t.tier = (uint32_t)get_int(r, 1);
        t.n_dims = (uint32_t)get_int(r, 1);
        t.arg = get_u32(r);
        if (t.n_dims > TENSOR_MAX_DIMS)
            fault(r, "a tensor has too many dimensions");
        for (uint32_t d = 0; d < t.n_dims && r->fault == NULL; d++)
            t.extent[d] = (int64_t)get_int(r, 8);
        t.address = get_int(r, 8);
        t.bytes = get_int(r, 8);
        t.stride = get_int(r, 8);
        check_tensor(r, image, &t);
        vec_push(&r->cx->arena, &image->tensors, t);
    }
    for (uint32_t i = 0; i < image->tensors.n && r->fault == NULL; i++) {
        ImageTensor *t = &image->tensors.at[i];
        if (t->kind != IMAGE_CONST)
            continue;
        get_align(r, 8);
        if (t->bytes > r->n - r->at)
            fault(r, "a constant ends past its section");
        else {
            t->data = r->data + r->at;
            r->at += t->bytes;
        }
    }
}

static void check_step(Reader *r, const Image *image, const ImageStep *s)
{
    bool ok = s->op < STEP_COUNT;
    if (s->op == STEP_COPY)
        ok = s->a < image->tensors.n && s->b < image->tensors.n && s->c == 0;
    else if (s->op == STEP_LOOP || s->op == STEP_PREFETCH || s->op == STEP_HOST)
        ok = s->b == 0 && s->c == 0;
    else if (s->op == STEP_LAUNCH)
        ok = s->b <= 1 && s->c == 0;
    else if (s->op == STEP_HALT || s->op == STEP_FENCE || s->op == STEP_ENDLOOP)
        ok = s->a == 0 && s->b == 0 && s->c == 0;
    if (!ok)
        fault(r, "a step of SCHED is unknown or names no row");
}

static void read_sched(Reader *r, Image *image)
{
    uint32_t n = get_count(r, 16);
    for (uint32_t i = 0; i < n && r->fault == NULL; i++) {
        ImageStep s = {.op = get_u32(r)};
        s.a = get_u32(r);
        s.b = get_u32(r);
        s.c = get_u32(r);
        check_step(r, image, &s);
        vec_push(&r->cx->arena, &image->steps, s);
    }
}

static void read_host(Reader *r, Image *image)
{
    uint32_t n = get_count(r, 4);
    for (uint32_t i = 0; i < n && r->fault == NULL; i++) {
        const char *text = get_string(r);
        size_t length = strlen(text);
        if (length == 0 || text[length - 1] != '\n')
            fault(r, "a host step's text does not end in a newline");
        vec_push(&r->cx->arena, &image->hosts, text);
    }
    if (n == 0)
        fault(r, "HOST is empty");
}

static void read_debug(Reader *r, Image *image)
{
    uint32_t n = get_count(r, 20);
    for (uint32_t i = 0; i < n && r->fault == NULL; i++) {
        ImageDebug d = {.kind = get_u32(r)};
        d.a = get_u32(r);
        d.b = get_u32(r);
        d.c = get_u32(r);
        d.text = get_string(r);
        if (d.kind >= DEBUG_KIND_COUNT)
            fault(r, "a row of DEBUG has an unknown kind");
        vec_push(&r->cx->arena, &image->debug, d);
    }
    if (n == 0)
        fault(r, "DEBUG is empty");
}

static void read_section(Reader *r, Image *image, Section section)
{
    static void (*const readers[S_COUNT])(Reader *, Image *) = {
        [S_HEAD] = read_head, [S_TENS] = read_tens, [S_SCHED] = read_sched, [S_HOST] = read_host, [S_DEBUG] = read_debug};
    if (section != S_CODE) {
        readers[section](r, image);
        if (r->fault == NULL && r->at != r->n)
            fault(r, "a section has bytes after its rows");
        return;
    }
    if (r->n % 4 != 0)
        fault(r, "CODE is no whole number of words");
    while (r->fault == NULL && r->at < r->n) {
        uint32_t word = get_u32(r);
        vec_push(&r->cx->arena, &image->code, word);
    }
}

typedef struct Entry {
    uint64_t offset, size;
    bool seen;
} Entry;

/* Checks a table entry against the file and notes it by section. */
static void read_entry(Reader *r, uint64_t *free_from, Entry *entries)
{
    char tag[TAG_BYTES + 1] = {0};
    for (int i = 0; i < TAG_BYTES; i++)
        tag[i] = (char)get_int(r, 1);
    Entry e = {.offset = get_int(r, 8), .seen = true};
    e.size = get_int(r, 8);
    uint32_t crc = get_u32(r), flags = get_u32(r);
    if (e.offset % 8 != 0 || e.offset < *free_from || e.offset > r->n || e.size > r->n - e.offset)
        fault(r, "sections overlap, are not aligned or leave the file");
    else if (crc != crc_of(r->data + e.offset, e.size))
        fault(r, "a section's checksum is wrong");
    if (r->fault != NULL)
        return;
    *free_from = e.offset + e.size;
    for (int s = 0; s < S_COUNT; s++) {
        char known[TAG_BYTES] = {0};
        memcpy(known, section_tag[s], strlen(section_tag[s]));
        if (memcmp(known, tag, TAG_BYTES) != 0)
            continue;
        if (entries[s].seen || flags > 1)
            fault(r, "a section stands twice or has unknown flags");
        entries[s] = e;
        return;
    }
    if ((flags & 1) == 0)
        fault(r, "a section is unknown and not ignorable");
}

weir_status image_read(weir_context *cx, const unsigned char *data, size_t n_bytes, Image *out_image)
{
    Reader r = {.cx = cx, .data = data, .n = n_bytes};
    Entry entries[S_COUNT] = {{0}};
    Image image = {0};
    if (n_bytes < HEADER_BYTES || memcmp(data, "WEIR", 4) != 0) {
        diag(&cx->diag, place_none(), E_IMAGE, n_bytes < HEADER_BYTES ? "shorter than a header" : "no magic WEIR");
        return WEIR_MALFORMED;
    }
    r.at = 4;
    if (get_int(&r, 2) != IMAGE_VERSION)
        fault(&r, "unknown version");
    image.target = (ImageTarget)get_int(&r, 1);
    uint64_t flags = get_int(&r, 1), n_sections = get_u32(&r), zero = get_u32(&r), total = get_int(&r, 8);
    uint64_t machine_hash = get_int(&r, 8);
    for (int i = 0; i < 4; i++)
        zero |= get_int(&r, 8);
    if (flags != 0 || zero != 0 || total != n_bytes || (image.target != IMAGE_RDU && image.target != IMAGE_PIM))
        fault(&r, "the header's target, flags or size");
    if (n_sections > (n_bytes - HEADER_BYTES) / ENTRY_BYTES)
        fault(&r, "more sections than the file holds");
    uint64_t free_from = HEADER_BYTES + n_sections * ENTRY_BYTES;
    for (uint64_t i = 0; i < n_sections && r.fault == NULL; i++)
        read_entry(&r, &free_from, entries);
    for (int s = 0; s < S_COUNT && r.fault == NULL; s++) {
        if (s < S_HOST && !entries[s].seen)
            fault(&r, "HEAD, TENS, CODE or SCHED is missing");
        if (!entries[s].seen || r.fault != NULL)
            continue;
        Reader section = {.cx = cx, .data = data + entries[s].offset, .n = entries[s].size};
        read_section(&section, &image, (Section)s);
        r.fault = section.fault;
    }
    for (uint32_t i = 0; i < image.steps.n && r.fault == NULL; i++)
        if (image.steps.at[i].op == STEP_HOST && image.steps.at[i].a >= image.hosts.n)
            fault(&r, "a host step names no row of HOST");
    if (r.fault == NULL && machine_hash != fnv1a(image.machine))
        fault(&r, "the machine's name does not fit its hash");
    if (r.fault == NULL) {
        *out_image = image;
        return WEIR_OK;
    }
    diag(&cx->diag, place_none(), E_IMAGE, r.fault);
    return WEIR_MALFORMED;
}
