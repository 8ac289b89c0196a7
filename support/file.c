/*
 * support/file.c: files by mmap, and whole-or-nothing writes.
 */
#define _DEFAULT_SOURCE 1 /* madvise is in no standard */

#include "support/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERROR_TEXT_BYTES = 128, MOST_TRIES = 100 };

static const char *error_text(weir_context *cx, int error)
{
    char text[ERROR_TEXT_BYTES];
    if (strerror_r(error, text, sizeof text) != 0)
        return arena_printf(&cx->arena, "error %d", error);
    return arena_string(&cx->arena, text, strlen(text));
}

static weir_status refuse(weir_context *cx, DiagId id, const char *path, int error)
{
    diag(&cx->diag, place_none(), id, path, error_text(cx, error));
    return WEIR_MALFORMED;
}

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

/* Opens and maps into `mapping`. Nothing in here may unwind: there is an open descriptor.
 * Returns 0, an errno value, or -1 for more than `limit` bytes (then mapping->bytes says how many). */
static int map_path(const char *path, uint64_t limit, Mapping *mapping, DiagId *out_id)
{
    *out_id = E_OPEN;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    *out_id = E_READ;
    struct stat info;
    int error = 0;
    if (fstat(fd, &info) != 0)
        error = errno;
    else if (S_ISDIR(info.st_mode))
        error = EISDIR;
    else if (!S_ISREG(info.st_mode))
        error = EINVAL;
    if (error == 0) {
        mapping->bytes = (size_t)info.st_size;
        if ((uint64_t)info.st_size > limit)
            error = -1;
    }
    if (error == 0 && mapping->bytes != 0) {
        void *at = mmap(NULL, mapping->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            error = errno;
        else
            mapping->at = at;
    }
    close(fd);
    return error;
}

weir_status file_map(weir_context *cx, const char *path, MappedFile *out_file)
{
    const char *kept = arena_string(&cx->arena, path, strlen(path));
    Mapping *mapping = ARENA_NEW(&cx->arena, Mapping);
    context_on_end(cx, unmap, mapping);
    DiagId id;
    int error = map_path(kept, cx->limits.file_bytes, mapping, &id);
    if (error < 0) {
        diag(&cx->diag, place_none(), E_LIMIT, kept, (long long)mapping->bytes, (long long)cx->limits.file_bytes,
             "--max-file-bytes");
        return WEIR_LIMIT;
    }
    if (error > 0)
        return refuse(cx, id, kept, error);
    context_reads(cx, kept);
    *out_file = (MappedFile){.path = kept, .data = mapping->at, .bytes = mapping->bytes};
    return WEIR_OK;
}

void file_forget(const void *at, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)at + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)at + bytes) / page * page;
    if (begin >= end)
        return;
    union {
        const void *from;
        void *to;
    } range = {.from = (const char *)at + (begin - (uintptr_t)at)};
    madvise(range.to, end - begin, MADV_DONTNEED); /* a hint: failing does no harm */
}

weir_status file_source(weir_context *cx, const char *path, const Source **out_source)
{
    MappedFile file;
    TRY(file_map(cx, path, &file));
    Source *source = ARENA_NEW(&cx->arena, Source);
    source->path = file.path;
    source->bytes = file.bytes;
    source->text = arena_string(&cx->arena, (const char *)file.data, file.bytes);
    *out_source = source;
    return WEIR_OK;
}

/* ---- writing ---- */

/* Returns 0 or an errno value. */
static int write_all(int fd, const unsigned char *data, size_t bytes)
{
    while (bytes != 0) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        data += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int write_and_close(int fd, const void *data, size_t bytes)
{
    int error = write_all(fd, data, bytes);
    if (close(fd) != 0 && error == 0)
        error = errno;
    return error;
}

/* A new file beside `path`; its name is left in `temporary`. */
static int open_temporary(const char *path, char *temporary, size_t room)
{
    for (int i = 0; i < MOST_TRIES; i++) {
        snprintf(temporary, room, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static int write_beside(const char *path, char *temporary, size_t room, const void *data, size_t bytes)
{
    int fd = open_temporary(path, temporary, room);
    if (fd < 0)
        return errno;
    int error = write_and_close(fd, data, bytes);
    if (error == 0 && rename(temporary, path) != 0)
        error = errno;
    if (error != 0)
        unlink(temporary);
    return error;
}

weir_status file_write(weir_context *cx, const char *path, const void *data, size_t bytes)
{
    size_t room = strlen(path) + 48;
    char *temporary = arena_alloc(&cx->arena, room);
    struct stat info;
    int error;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        /* A device or pipe can't be replaced. */
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        error = fd < 0 ? errno : write_and_close(fd, data, bytes);
    } else {
        error = write_beside(path, temporary, room, data, bytes);
    }
    return error == 0 ? WEIR_OK : refuse(cx, E_WRITE, path, error);
}
