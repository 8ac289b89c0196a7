/*
 * backends/text.c: printed texts to a file or a stream.
 */
#include "backends/text.h"

#include <errno.h>
#include <string.h>

#include "support/file.h"

weir_status text_deliver(weir_context *cx, const Text *text, const char *path, FILE *out)
{
    if (path != NULL)
        return file_write(cx, path, text->at, text->n);
    if (text->n != 0 && fwrite(text->at, 1, text->n, out) != text->n) {
        diag(&cx->diag, place_none(), E_WRITE, "standard output", strerror(errno));
        return WEIR_MALFORMED;
    }
    return WEIR_OK;
}
