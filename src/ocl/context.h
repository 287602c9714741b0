/* context.h: an open device: context, one in-order queue, one for copies beside
 * it, buffers, programs.
 *
 * Everything that OpenCL counts references of is made and released here, and a
 * live count is kept: it is zero when the context closes, or an assert says
 * so. One thread uses a context; another may meanwhile open programs and kernels,
 * keep them, and launch them apart. */
#ifndef XT_OCL_CONTEXT_H
#define XT_OCL_CONTEXT_H

#include "base/hash.h"
#include "ocl/cache.h"
#include "ocl/call.h"
#include "ocl/device.h"
#include "ocl/profile.h"

#include <stdatomic.h>

typedef struct xt_context {
    xt_device device;
    cl_context context;
    cl_command_queue queue; /* in order */
    cl_command_queue transfers; /* likewise: copies beside what is in the first; NULL until there is one */
    atomic_long n_live;     /* buffers, programs, kernels and events not yet released */
    unsigned n_queued;      /* commands since the queue was last known to be empty */
    xt_profile *profile;    /* is given the times of all commands, but of those launched apart; NULL: none are kept */
    xt_work work;           /* of the next launch, where it was said */
    char *cl_dir;           /* XORTRAIN_CL_DIR; NULL where it is not set */
    xt_cache *cache;        /* of compiled programs; NULL where there is none */
    char compiler[XT_HASH_BYTES]; /* stands for all but a program's text that its binary depends on */
} xt_context;

/* Said by a process that ends without destructors: what closes is then counted
 * and not given back to the driver, which would tidy its compiler up for half a
 * millisecond, but goes with the process. Who opens one context after the other takes it back. */
void xt_contexts_end_with_process(bool say);
bool xt_contexts_are_left(void);

/* Contexts that are opened from now on are profiled, which must outlive them; NULL:
 * they are not. One profile is for one context at a time. */
void xt_contexts_profile(xt_profile *profile);

/* Opens the device that was selected. The context is malloced. */
xt_status xt_context_open(const xt_device *device, xt_context **out, xt_err *err);
/* Waits for the queue and releases. NULL-safe; sets *context to NULL. */
void xt_context_close(xt_context **context);

/* A read-write buffer of n_bytes (0 is taken as 1), zeroed: fresh device
 * memory is not. Refused with the sizes in words when the device cannot hold
 * it. what names it in messages. */
xt_status xt_buffer_open(xt_context *context, const char *what, size_t n_bytes, cl_mem *out, xt_err *err);
/* The same with whatever is in it: filling is a command to wait for. */
xt_status xt_buffer_open_raw(xt_context *context, const char *what, size_t n_bytes, cl_mem *out, xt_err *err);
void xt_buffer_close(xt_context *context, cl_mem *buffer);

/* Blocking copies of n_bytes at a byte offset of the buffer. */
xt_status xt_buffer_write(xt_context *context, cl_mem buffer, size_t offset, const void *from, size_t n_bytes,
                          xt_err *err);
xt_status xt_buffer_read(xt_context *context, cl_mem buffer, size_t offset, void *to, size_t n_bytes, xt_err *err);

/* A blocking copy of n_rows rows of row_bytes each to the buffer's start, where they begin stride_bytes apart; what is
 * between them stays. */
xt_status xt_buffer_write_rows(xt_context *context, cl_mem buffer, size_t stride_bytes, const void *from,
                               size_t row_bytes, size_t n_rows, xt_err *err);

/* Sees to it that the device begins with what was put into the queue. */
xt_status xt_context_flush(xt_context *context, xt_err *err);

/* Waits until the queue is empty. */
xt_status xt_context_finish(xt_context *context, xt_err *err);

/* Says that n commands were put into the queue, and waits for it when it has
 * become long. xt_launch and the copies do so themselves; a library that
 * enqueues on its own does not. */
xt_status xt_context_queued(xt_context *context, unsigned n, xt_err *err);

/* ---- what a profile is told; without one they do nothing ---- */

/* Says what the next launch does. */
void xt_context_work(xt_context *context, double flop, double bytes);
/* Puts a marker into the queue before what a library enqueues, *out is its event; NULL without a profile. */
xt_status xt_context_begin(xt_context *context, cl_event *out, xt_err *err);
/* What was enqueued since the marker from (NULL: there is none) ends with the event last, NULL without a profile. Both
 * are the context's from now on. name outlives the call. */
void xt_context_took(xt_context *context, cl_event from, cl_event last, const char *name, xt_work work);

/* The first n_bytes (at least 1) of a buffer at *at, where the host may read them until xt_buffer_unmap, before which
 * nothing may write them. A device that shares the host's memory copies nothing. */
xt_status xt_buffer_map(xt_context *context, cl_mem buffer, size_t n_bytes, void **at, xt_err *err);
/* Enqueued: what is put into the queue later comes after it. Safe on a NULL *at; sets it to NULL. */
xt_status xt_buffer_unmap(xt_context *context, cl_mem buffer, void **at, xt_err *err);

/* ---- copies beside the queue ---- */

/* Memory of the host that the device copies from while it computes: a driver pins what it gives out itself. Zeroed when
 * it is opened; plain data, zeroed where it is not open. what names it in messages. */
typedef struct xt_staging {
    cl_mem buffer;
    void *at; /* where the host writes */
} xt_staging;

xt_status xt_staging_open(xt_context *context, const char *what, size_t n_bytes, xt_staging *out, xt_err *err);
/* Waits for the queue. Safe on a zeroed one; zeroes it. */
void xt_staging_close(xt_context *context, xt_staging *staging);

/* Enqueues a copy of n_bytes to the buffer's start on the second queue, to begin once `after` is (NULL: at once), and
 * does not wait. `from` must stay as it is until *done is. An event that was in *done is closed. */
xt_status xt_transfer(xt_context *context, cl_mem buffer, const void *from, size_t n_bytes, cl_event after,
                      cl_event *done, xt_err *err);
/* Waits until all of them are done. */
xt_status xt_transfers_finish(xt_context *context, xt_err *err);

/* *out becomes the event that all that was put into the queue so far is done; one that was there is closed. */
xt_status xt_context_mark(xt_context *context, cl_event *out, xt_err *err);
/* What is put into the queue from now on begins once the event is; the host does not wait. */
xt_status xt_context_await(xt_context *context, cl_event event, xt_err *err);
/* The host waits. NULL: it need not. */
xt_status xt_event_wait(const xt_context *context, cl_event event, xt_err *err);
/* NULL-safe; sets *event to NULL. */
void xt_event_close(xt_context *context, cl_event *event);

/* ---- programs ---- */

/* What a program is made of, in this order: the rules of floating point that
 * are always the same, the prelude, and files of cl/, from the copies in this
 * executable or from the directory XORTRAIN_CL_DIR. */
typedef struct xt_program_source {
    const char *prelude;      /* generated text, from tables and numbers only, never a user's; NULL: none */
    const char *const *files; /* names, such as "dense.cl" */
    size_t n_files;
} xt_program_source;

/* Plain data, zeroed where it is not open. */
typedef struct xt_program {
    cl_program program;
    bool from_cache;         /* loaded, not compiled */
    bool stored;             /* its binary is in the cache, or need not go there */
    char key[XT_HASH_BYTES]; /* its name in the cache, "" where there is no cache */
} xt_program;

/* Loads the program from the cache, or compiles it. Compiler messages name the
 * real files. */
xt_status xt_program_open(xt_context *context, const xt_program_source *source, xt_program *out, xt_err *err);

/* Puts the binary into the cache unless it is there. To be called when its
 * kernels have been launched: PoCL compiles a kernel at its first launch, or for
 * this. Never an error: what fails is told with -v. */
void xt_program_keep(const xt_context *context, xt_program *program);

/* The program's name in the cache: stands for its text and all else that its binary depends on. The context has a
 * cache. */
xt_status xt_program_key(const xt_context *context, const xt_program_source *source, char key[XT_HASH_BYTES],
                         xt_err *err);
/* Whether xt_program_open would find it in the cache: cheap, and may be wrong. */
bool xt_program_is_cached(const xt_context *context, const xt_program_source *source);

/* Safe on a zeroed program; zeroes it. */
void xt_program_close(xt_context *context, xt_program *program);

/* ---- kernels and launching ---- */

/* Plain data, zeroed where it is not open. */
typedef struct xt_kernel {
    cl_kernel kernel;
    const char *name;
    size_t group; /* work-items a work-group: a usual number, or fewer where there must be */
    size_t limit; /* as many as device and kernel allow */
    double item_bytes; /* that a work-item reads and writes, for a profile; 0: not said */
} xt_kernel;

/* name must outlive the kernel. */
xt_status xt_kernel_open(xt_context *context, cl_program program, const char *name, xt_kernel *out, xt_err *err);
/* Safe on a zeroed kernel; zeroes it. */
void xt_kernel_close(xt_context *context, xt_kernel *kernel);

/* An argument by value or buffer, or, with value NULL, so many bytes of local
 * memory; an array of them ends with size 0. */
typedef struct xt_arg {
    size_t size;
    const void *value;
} xt_arg;

#define XT_ARG(x) {sizeof(x), &(x)}
#define XT_ARG_END {0, NULL}

/* Sets the arguments and enqueues n work-items in groups of the kernel's size;
 * the kernel must check its index against n, since the last group is filled
 * up. n 0 enqueues nothing. */
xt_status xt_launch(xt_context *context, const xt_kernel *kernel, size_t n, const xt_arg *args, xt_err *err);

/* Launches one group on a queue of its own and waits for it: what a driver
 * leaves for a kernel's first launch is then done. Any thread may do so. */
xt_status xt_launch_apart(const xt_context *context, const xt_kernel *kernel, const xt_arg *args, xt_err *err);

#endif
