/*
 * frontend/onnx/external.c: tensor values in files beside the model.
 *
 * In:   a location (a relative POSIX path), offset, length. Out: bytes of a read-only mapping.
 * Keep: nothing outside the model's folder is opened: no absolute path, no "..", no symbolic link in any component,
 *       plain files only. A model read from memory without a path has no external data.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/onnx/reader.h"

enum { MOST_LOCATION = 4096, MOST_FILES = 20000 }; /* files are looked up one by one */

typedef struct Mapping {
    void *at;
    size_t bytes;
} Mapping;

static void unmap(void *resource)
{
    Mapping *mapping = resource;
    if (mapping->at != NULL)
        munmap(mapping->at, mapping->bytes);
}

static bool refuse(Reader *r, Name tensor, Name location, weir_status status, const char *what)
{
    weir_context *cx = r->cx;
    diag(&cx->diag, r->place, E_ONNX_EXTERNAL, cx_text(cx, tensor), cx_text(cx, location), what);
    reader_fault(r, status);
    return false;
}

/* A decimal of external data. */
static bool read_decimal(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (text == NULL || *text == 0)
        return false;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *out = value;
    return true;
}

bool external_entry(Reader *r, Name tensor, const char *key, const char *value, ExternalData *external)
{
    bool number = true;
    if (key == NULL)
        return true;
    if (strcmp(key, "location") == 0) {
        external->location = cx_intern(r->cx, value == NULL ? "" : value, value == NULL ? 0 : strlen(value));
    } else if (strcmp(key, "offset") == 0) {
        number = read_decimal(value, &external->offset);
    } else if (strcmp(key, "length") == 0) {
        number = read_decimal(value, &external->length);
        external->has_length = true;
    }
    return number || tensor_fault(r, tensor, WEIR_INVALID, "%s '%.40s' of external data is no number", key,
                                  value == NULL ? "" : value);
}

/* What is wrong with a location as a path, or NULL. */
static const char *location_fault(const char *location)
{
    size_t length = strlen(location);
    if (length == 0)
        return "no location is given";
    if (length > MOST_LOCATION)
        return "the path is too long";
    if (location[0] == '#')
        return "marks a tensor that a program kept in memory; its values are not in any file";
    if (location[0] == '/')
        return "an absolute path";
    if (strchr(location, '\\') != NULL)
        return "a backslash in the path";
    for (const char *part = location; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.')
            return "a path with '..'";
    }
    return NULL;
}

/* Opens `path` component by component below `folder`, following no link. Returns a descriptor or -1 with errno.
 * Changes `path` on the way. */
static int open_beneath(const char *folder, char *path)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *part = path;
    while (at >= 0) {
        while (*part == '/')
            part++;
        char *slash = strchr(part, '/');
        if (slash != NULL)
            *slash = 0;
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (slash != NULL ? O_DIRECTORY : 0);
        int next = openat(at, *part == 0 ? "." : part, flags);
        int error = errno;
        close(at);
        errno = error;
        if (slash == NULL)
            return next;
        at = next;
        part = slash + 1;
    }
    return -1;
}

/* Maps the file; nothing in here may unwind. What went wrong, or NULL. */
static const char *map_beneath(const char *folder, char *path, uint64_t limit, Mapping *mapping)
{
    int fd = open_beneath(folder, path);
    if (fd < 0)
        return errno == ELOOP || errno == EMLINK ? "a symbolic link"
               : errno == ENOENT                 ? "no such file"
               : errno == ENOTDIR                ? "a link or a file where a folder should be"
                                                 : "cannot be opened";
    struct stat info;
    const char *fault = NULL;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        fault = "not a plain file";
    else if ((uint64_t)info.st_size > limit)
        fault = "larger than --max-file-bytes";
    else if (info.st_size != 0) {
        void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            fault = "cannot be mapped";
        else
            *mapping = (Mapping){at, (size_t)info.st_size};
    }
    close(fd);
    return fault;
}

/* The folder of the model's path, ending in a slash; "" for the current one. */
static const char *model_folder(Reader *r)
{
    const char *path = r->source->path;
    const char *slash = strrchr(path, '/');
    return slash == NULL ? "" : arena_string(&r->cx->arena, path, (size_t)(slash + 1 - path));
}

static void open_external(Reader *r, Name tensor, ExternalFile *file)
{
    Arena *arena = &r->cx->arena;
    const char *location = cx_text(r->cx, file->location);
    const char *fault = location_fault(location);
    if (fault != NULL) {
        refuse(r, tensor, file->location, WEIR_INVALID, fault);
        return;
    }
    if (r->source->path == NULL) {
        refuse(r, tensor, file->location, WEIR_INVALID, "the model has no folder");
        return;
    }
    const char *folder = model_folder(r);
    char *walked = arena_string(arena, location, strlen(location));
    const char *path = arena_printf(arena, "%s%s", folder, location);
    Mapping *mapping = ARENA_NEW(arena, Mapping);
    context_on_end(r->cx, unmap, mapping);
    fault = map_beneath(*folder == 0 ? "." : folder, walked, r->cx->limits.file_bytes, mapping);
    if (fault != NULL) {
        refuse(r, tensor, file->location, WEIR_MALFORMED, fault);
        return;
    }
    context_reads(r->cx, path);
    file->path = path;
    file->data = mapping->at;
    file->bytes = mapping->bytes;
}

bool external_find(Reader *r, Name tensor, const ExternalData *external, uint64_t need, RawBytes *out_raw)
{
    uint32_t i = 0;
    while (i < r->externals.n && !name_is(r->externals.at[i].location, external->location))
        i++;
    if (i == MOST_FILES)
        return refuse(r, tensor, external->location, WEIR_LIMIT, "more than 20000 files of external data");
    if (i == r->externals.n) {
        ExternalFile file = {.location = external->location};
        open_external(r, tensor, &file);
        vec_push(&r->cx->arena, &r->externals, file);
    }
    const ExternalFile *file = &r->externals.at[i];
    if (file->path == NULL) {
        reader_fault(r, WEIR_MALFORMED);
        return false;
    }
    if (external->has_length && external->length != need)
        return refuse(r, tensor, file->location, WEIR_INVALID,
                      arena_printf(&r->cx->arena, "length %llu, but type and shape need %llu bytes",
                                   (unsigned long long)external->length, (unsigned long long)need));
    if (external->offset > file->bytes || need > file->bytes - external->offset)
        return refuse(r, tensor, file->location, WEIR_INVALID,
                      arena_printf(&r->cx->arena, "offset %llu and %llu bytes exceed the file's %llu",
                                   (unsigned long long)external->offset, (unsigned long long)need,
                                   (unsigned long long)file->bytes));
    *out_raw = (RawBytes){file->data + external->offset, (size_t)need, file->path, external->offset, true};
    return true;
}
