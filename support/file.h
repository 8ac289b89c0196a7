/*
 * support/file.h: files read by mapping, written atomically.
 */
#ifndef WEIR_SUPPORT_FILE_H
#define WEIR_SUPPORT_FILE_H

#include "support/context.h"

typedef struct MappedFile {
    const char *path;
    const unsigned char *data; /* read-only; NULL when the file is empty */
    size_t bytes;
} MappedFile;

/* Maps a regular file; E_OPEN, E_READ or E_LIMIT and WEIR_MALFORMED / WEIR_LIMIT. Unmapped with the context. */
MUST_USE weir_status file_map(weir_context *cx, const char *path, MappedFile *out_file);
/* Gives whole pages of a mapped file back to the system; they are read again when touched. Only for memory that
 * file_map or another read-only mapping of a file gave. */
void file_forget(const void *at, size_t bytes);
/* The text of a file as a Source (for diagnostics), NUL-terminated in the arena. */
MUST_USE weir_status file_source(weir_context *cx, const char *path, const Source **out_source);
/* Writes a temporary file beside `path` and renames it: either the whole file or nothing. */
MUST_USE weir_status file_write(weir_context *cx, const char *path, const void *data, size_t bytes);

#endif
