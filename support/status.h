/*
 * support/status.h: how a call ended. A status is a value; diagnostics say the rest.
 */
#ifndef WEIR_SUPPORT_STATUS_H
#define WEIR_SUPPORT_STATUS_H

typedef enum weir_status {
#define STATUS(id, exit_code, text) WEIR_##id,
#include "support/status.def"
#undef STATUS
    WEIR_STATUS_COUNT
} weir_status;

#define MUST_USE __attribute__((warn_unused_result))

/* Returns early from a function of type weir_status. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        weir_status try_status_ = (call);                                                          \
        if (try_status_ != WEIR_OK)                                                                \
            return try_status_;                                                                    \
    } while (0)

/* The process exit code of a status, 0..70. */
int status_exit_code(weir_status status);
const char *status_text(weir_status status);

#endif
