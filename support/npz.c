/*
 * support/npz.c: .npz: a zip archive of .npy files, stored or deflated.
 *
 * Keep: sizes come from the central directory; what inflating gives must have exactly the size and CRC stated there.
 * Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (zip64).
 */
#include <string.h>
#include <zlib.h>

#include "support/npy.h"
#include "support/text.h"

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    COMMENT_MOST = 65535,
    STORED = 0,
    DEFLATED = 8,
    FLAG_ENCRYPTED = 1,
    DOS_1980 = 0x21 /* 1 January 1980 */
};

static uint64_t little(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static weir_status malformed(weir_context *cx, const char *path, const char *why)
{
    diag(&cx->diag, place_none(), E_READ, path, why);
    return WEIR_MALFORMED;
}

/* Where the central directory is. */
typedef struct Directory {
    uint64_t offset, bytes, n;
} Directory;

static const char *read_end64(const MappedFile *file, size_t end_at, Directory *d)
{
    const unsigned char *data = file->data;
    if (end_at < LOCATOR64_BYTES || little(data + end_at - LOCATOR64_BYTES, 4) != 0x07064b50)
        return "a zip64 archive without its locator";
    uint64_t at = little(data + end_at - LOCATOR64_BYTES + 8, 8);
    if (file->bytes < END64_BYTES || at > file->bytes - END64_BYTES || little(data + at, 4) != 0x06064b50)
        return "the zip64 directory is not where it should be";
    *d = (Directory){little(data + at + 48, 8), little(data + at + 40, 8), little(data + at + 32, 8)};
    return NULL;
}

static const char *find_directory(const MappedFile *file, Directory *d)
{
    if (file->bytes < END_BYTES)
        return "not a zip archive";
    size_t last = file->bytes - END_BYTES;
    size_t first = last > COMMENT_MOST ? last - COMMENT_MOST : 0;
    size_t at = last;
    while (little(file->data + at, 4) != 0x06054b50) {
        if (at == first)
            return "not a zip archive";
        at--;
    }
    const unsigned char *end = file->data + at;
    *d = (Directory){little(end + 16, 4), little(end + 12, 4), little(end + 10, 2)};
    if (d->n == 0xffff || d->offset == 0xffffffff || d->bytes == 0xffffffff) {
        const char *why = read_end64(file, at, d);
        if (why != NULL)
            return why;
    }
    if (d->offset > file->bytes || d->bytes > file->bytes - d->offset || d->n > d->bytes / CENTRAL_BYTES)
        return "the zip directory is cut off";
    return NULL;
}

/* Replaces the fields that read 0xffffffff by their 64-bit values. */
static const char *read_extra64(const unsigned char *extra, size_t bytes, uint64_t *fields[3])
{
    while (bytes >= 4) {
        size_t id = little(extra, 2), length = little(extra + 2, 2);
        if (length > bytes - 4)
            break;
        for (size_t i = 0, used = 0; id == 1 && i < 3; i++) {
            if (*fields[i] != 0xffffffff)
                continue;
            if (used + 8 > length)
                return "a zip64 field is missing";
            *fields[i] = little(extra + 4 + used, 8);
            used += 8;
        }
        extra += 4 + length;
        bytes -= 4 + length;
    }
    return NULL;
}

/* One entry of the directory at `at`, of which `left` bytes are there; *out_used: its length. */
static const char *read_entry(weir_context *cx, const MappedFile *file, const unsigned char *at, size_t left, NpzEntry *e,
                              size_t *out_used)
{
    if (left < CENTRAL_BYTES || little(at, 4) != 0x02014b50)
        return "the zip directory is damaged";
    size_t name_n = little(at + 28, 2), extra_n = little(at + 30, 2), comment_n = little(at + 32, 2);
    *out_used = CENTRAL_BYTES + name_n + extra_n + comment_n;
    if (*out_used > left)
        return "the zip directory is cut off";
    e->method = (uint16_t)little(at + 10, 2);
    e->crc = (uint32_t)little(at + 16, 4);
    e->packed_bytes = little(at + 20, 4);
    e->bytes = little(at + 24, 4);
    uint64_t local = little(at + 42, 4);
    const char *why = read_extra64(at + CENTRAL_BYTES + name_n, extra_n, (uint64_t *[]){&e->bytes, &e->packed_bytes, &local});
    if (why != NULL)
        return why;
    if ((little(at + 8, 2) & FLAG_ENCRYPTED) != 0 || (e->method != STORED && e->method != DEFLATED))
        return "a zip entry that is encrypted or neither stored nor deflated";
    if (file->bytes < LOCAL_BYTES || local > file->bytes - LOCAL_BYTES || little(file->data + local, 4) != 0x04034b50)
        return "a zip entry is not where the directory says";
    e->data_offset = local + LOCAL_BYTES + little(file->data + local + 26, 2) + little(file->data + local + 28, 2);
    if (e->data_offset > file->bytes || e->packed_bytes > file->bytes - e->data_offset)
        return "a zip entry is cut off";
    const char *name = (const char *)at + CENTRAL_BYTES;
    if (name_n > 4 && memcmp(name + name_n - 4, ".npy", 4) == 0)
        name_n -= 4;
    e->name = arena_string(&cx->arena, name, name_n);
    return NULL;
}

weir_status npz_open(weir_context *cx, const char *path, Npz *out_npz)
{
    Npz npz = {0};
    Directory d;
    TRY(file_map(cx, path, &npz.file));
    const char *why = find_directory(&npz.file, &d);
    if (why != NULL)
        return malformed(cx, path, why);
    if (d.n > cx->limits.count) {
        diag(&cx->diag, place_none(), E_LIMIT, path, (long long)d.n, (long long)cx->limits.count, "--max-count");
        return WEIR_LIMIT;
    }
    npz.entries = ARENA_ARRAY(&cx->arena, NpzEntry, (size_t)d.n);
    const unsigned char *at = npz.file.data + d.offset;
    uint64_t left = d.bytes, total = 0;
    for (; npz.n < d.n; npz.n++) {
        size_t used = 0;
        NpzEntry *e = &npz.entries[npz.n];
        why = read_entry(cx, &npz.file, at, (size_t)left, e, &used);
        if (why != NULL)
            return malformed(cx, path, why);
        at += used;
        left -= used;
        if (__builtin_add_overflow(total, e->bytes, &total) || total > cx->limits.memory_bytes) {
            diag(&cx->diag, place_none(), E_LIMIT, path, (long long)(total & INT64_MAX), (long long)cx->limits.memory_bytes,
                 "--max-memory");
            return WEIR_LIMIT;
        }
    }
    *out_npz = npz;
    return WEIR_OK;
}

uint32_t npz_find(const Npz *npz, const char *name)
{
    uint32_t i = 0;
    while (i < npz->n && strcmp(npz->entries[i].name, name) != 0)
        i++;
    return i;
}

/* ---- data ---- */

static const char *check_crc(const NpzEntry *e, const unsigned char *data)
{
    uLong crc = crc32_z(crc32_z(0, NULL, 0), data, (size_t)e->bytes);
    return crc == e->crc ? NULL : "the CRC of a zip entry is wrong";
}

/* Inflates into exactly e->bytes; zlib's counters are 32 bits wide, so in pieces. */
static const char *inflate_entry(const NpzEntry *e, const unsigned char *packed, unsigned char *out)
{
    z_stream stream = {0};
    uint64_t in_left = e->packed_bytes, out_left = e->bytes;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return "no memory for inflating";
    stream.next_in = (Bytef *)(uintptr_t)packed;
    stream.next_out = out;
    int state = Z_OK;
    unsigned char spare; /* tells more data than stated */
    while (state == Z_OK) {
        bool full = out_left == 0;
        uInt in_now = in_left > 1u << 30 ? 1u << 30 : (uInt)in_left;
        uInt out_now = full ? 1 : out_left > 1u << 30 ? 1u << 30 : (uInt)out_left;
        stream.avail_in = in_now;
        stream.avail_out = out_now;
        if (full)
            stream.next_out = &spare;
        state = inflate(&stream, Z_NO_FLUSH);
        uInt made = out_now - stream.avail_out;
        in_left -= in_now - stream.avail_in;
        if (full && made != 0)
            state = Z_DATA_ERROR;
        else if (!full)
            out_left -= made;
        if (state == Z_OK && made == 0 && in_now == stream.avail_in)
            state = Z_BUF_ERROR;
    }
    inflateEnd(&stream);
    return state == Z_STREAM_END && out_left == 0 && in_left == 0 ? NULL : "a zip entry does not inflate to its size";
}

weir_status npz_tensor(weir_context *cx, const Npz *npz, uint32_t i, Tensor *out_tensor)
{
    const NpzEntry *e = &npz->entries[i];
    const unsigned char *data = npz->file.data + e->data_offset;
    const char *why = NULL;
    if (e->method == DEFLATED) {
        /* Deflate makes at most 1,032 bytes of one. */
        if (e->bytes / 1032 > e->packed_bytes)
            return malformed(cx, npz->file.path, "a zip entry does not inflate to its size");
        unsigned char *out = context_buffer(cx, (size_t)e->bytes);
        why = inflate_entry(e, data, out);
        data = out;
    } else if (e->packed_bytes != e->bytes) {
        why = "a stored zip entry of two sizes";
    }
    if (why == NULL)
        why = check_crc(e, data);
    if (why != NULL)
        return malformed(cx, npz->file.path, why);
    const char *name = arena_printf(&cx->arena, "%s: %s", npz->file.path, e->name);
    return npy_decode(cx, name, data, (size_t)e->bytes, out_tensor);
}

/* ---- writing ---- */

static void put(Text *text, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        text_add(text, (const char[]){(char)(value >> (8 * i) & 0xff)}, 1);
}

/* The fields that the local and the central header share. */
static void put_common(Text *text, const NpzEntry *e, size_t name_n)
{
    put(text, 20, 2); /* version needed */
    put(text, 0, 2);  /* flags */
    put(text, STORED, 2);
    put(text, 0, 2);
    put(text, DOS_1980, 2);
    put(text, e->crc, 4);
    put(text, e->bytes, 4);
    put(text, e->bytes, 4);
    put(text, name_n, 2);
    put(text, 0, 2); /* extra */
}

static void put_entry(weir_context *cx, Text *zip, const Tensor *tensor, const char *name, NpzEntry *e)
{
    unsigned char *data;
    size_t bytes;
    npy_encode(cx, tensor, &data, &bytes);
    e->name = arena_printf(&cx->arena, "%s.npy", name);
    e->data_offset = zip->n; /* of the local header */
    e->bytes = bytes;
    e->crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
    put(zip, 0x04034b50, 4);
    put_common(zip, e, strlen(e->name));
    text_add(zip, e->name, strlen(e->name));
    text_add(zip, (const char *)data, bytes);
}

weir_status npz_write(weir_context *cx, const char *path, uint32_t n, const char *const *names, const Tensor *tensors)
{
    Text zip;
    text_init(&zip, &cx->arena);
    NpzEntry *entries = ARENA_ARRAY(&cx->arena, NpzEntry, n);
    for (uint32_t i = 0; i < n; i++)
        put_entry(cx, &zip, &tensors[i], names[i], &entries[i]);
    size_t directory = zip.n;
    if (n > 0xfffe || directory > 0xfffffffeu) {
        diag(&cx->diag, place_none(), E_WRITE, path, "a .npz written here has at most 65,534 entries and 4 GiB");
        return WEIR_LIMIT;
    }
    for (uint32_t i = 0; i < n; i++) {
        put(&zip, 0x02014b50, 4);
        put(&zip, 20, 2);
        put_common(&zip, &entries[i], strlen(entries[i].name));
        put(&zip, 0, 2); /* comment */
        put(&zip, 0, 2); /* disk */
        put(&zip, 0, 2);
        put(&zip, 0, 4);
        put(&zip, entries[i].data_offset, 4);
        text_add(&zip, entries[i].name, strlen(entries[i].name));
    }
    size_t end = zip.n;
    put(&zip, 0x06054b50, 4);
    put(&zip, 0, 4); /* disks */
    put(&zip, n, 2);
    put(&zip, n, 2);
    put(&zip, end - directory, 4);
    put(&zip, directory, 4);
    put(&zip, 0, 2);
    return file_write(cx, path, zip.at, zip.n);
}
