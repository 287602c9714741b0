/* trace.h: a file of what a device and the host did, in Chrome's trace event format.
 *
 * A JSON array with an event a line, written as they come: what a run that is killed leaves is without its closing
 * bracket, which readers of the format do not ask for. A file that cannot be written any more ends with its last whole
 * event, and does not end the run: that it is incomplete is told when it is closed. */
#ifndef XT_CLI_TRACE_H
#define XT_CLI_TRACE_H

#include "base/buf.h"
#include "base/err.h"
#include "ocl/profile.h"

#include <signal.h>
#include <stdbool.h>

typedef struct xt_trace {
    const char *path;     /* the caller's; NULL: it is not open */
    int fd;
    bool is_new;          /* made by open */
    bool started;
    bool is_file;         /* a regular one */
    const volatile sig_atomic_t *stop; /* set: a reader that stalls is waited for no longer */
    xt_buf text;          /* events that wait */
    xt_status status;     /* of the write that failed; nothing is written from there on */
    xt_err err;
} xt_trace;

/* Opens path, changing nothing in it, to be written to. Refused (XT_BAD_USAGE): what one of n `others` is ("-":
 * standard input), and where standard output or error goes; XT_FAILED where another run writes to it. What was made
 * for it is removed again then. */
xt_status xt_trace_open(const char *path, const char *const *others, size_t n, const volatile sig_atomic_t *stop,
                        xt_trace *out, xt_err *err);
/* Empties the file; events that came before wait for that. */
xt_status xt_trace_start(xt_trace *trace, xt_err *err);
/* Adds an event; an xt_profile's watch, whose watcher is the trace. */
void xt_trace_add(void *trace, const xt_profile_span *span);
/* Writes what waits, and the end, and syncs it. Returns what failed since it was opened. A trace that was not started
 * goes, and one that is not open is fine. */
xt_status xt_trace_close(xt_trace *trace, xt_err *err);

#endif
