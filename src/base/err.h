/* err.h: how every function of xortrain fails.
 *
 * A function that can fail returns an xt_status and takes `xt_err *err` last.
 * The call that fails fills err and returns the status in one statement:
 *     return xt_fail(err, XT_BAD_DATA, "%s:%zu: expected a number", file, line);
 * Messages are lower case, without a final stop, complete in themselves. Only
 * src/cli prints them. err may be NULL where the text does not matter. */
#ifndef XT_BASE_ERR_H
#define XT_BASE_ERR_H

#include <stddef.h>

/* The values are the documented exit codes of the program. */
typedef enum xt_status {
    XT_OK = 0,
    XT_FAILED = 1,     /* run-time failure: I/O, OpenCL, memory */
    XT_BAD_USAGE = 2,  /* command line */
    XT_BAD_CONFIG = 3, /* configuration */
    XT_BAD_DATA = 4,   /* data or model file */
    XT_NO_DEVICE = 5,  /* no usable OpenCL device */
    XT_DIVERGED = 6,   /* the loss is not finite */
    XT_NOT_MET = 7,    /* what --require asks for */
    XT_TRIALS_FAILED = 8, /* some trials of a sweep failed or diverged */
    XT_DIFFERS = 9,    /* check found a difference */
    XT_TIME_UP = 75    /* --max-time ended the training; what there was is saved */
} xt_status;

/* Room for 20 diagnostics of a config with their source lines. */
#define XT_ERR_BYTES 16384

typedef struct xt_err {
    xt_status status;
    char text[XT_ERR_BYTES]; /* complete message, may hold several lines, no final newline */
} xt_err;

/* Fills err (when not NULL) and returns status. A text that does not fit is cut. */
xt_status xt_fail(xt_err *err, xt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As xt_fail with XT_FAILED, followed by ": " and what errno says; errno stays. */
xt_status xt_fail_errno(xt_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds what went wrong afterwards, on a line of its own; the status stays. */
void xt_fail_also(xt_err *err, const xt_err *later);

/* Out of memory while doing `what`; bytes 0 when not known. */
xt_status xt_fail_memory(xt_err *err, const char *what, size_t bytes);

#endif
