/* pocl.h: what PoCL, the OpenCL of CPUs, wants of its environment.
 *
 * PoCL reads environment variables at its first call and keeps what it
 * compiled in a directory; without one that it can write it offers no device. */
#ifndef XT_OCL_POCL_H
#define XT_OCL_POCL_H

#include "base/buf.h"
#include "base/err.h"

/* Sets what the user has not set: see xt_devices_prepare. */
void xt_pocl_prepare(void);

/* After a failure: appends what about the environment explains it, a line
 * each, nothing when nothing does. */
void xt_pocl_describe(xt_buf *out);

/* Whether PoCL can keep what it compiles: to be asked before it compiles,
 * since the compiler inside it ends the process when it cannot write. */
xt_status xt_pocl_check_cache(xt_err *err);

/* Whether PoCL can be asked for a binary: it takes 256 MiB for it and does not
 * look whether it got them. */
xt_status xt_pocl_check_memory(xt_err *err);

#endif
