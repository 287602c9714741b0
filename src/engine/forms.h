/* forms.h: the fused kernel, compiled: in its general form, and specialised for
 * a network, which another thread can compile while the general one trains. */
#ifndef XT_ENGINE_FORMS_H
#define XT_ENGINE_FORMS_H

#include "engine/prelude.h"
#include "ocl/context.h"

/* The arguments of a launch; those of cl/fused.cl, where they are described. */
typedef struct xt_fused_call {
    cl_mem parameters, scratch, inputs, targets, weights, order, layers, steps, results, kept, out;
    xt_fused_job job;
    cl_uint key_hi, key_lo, update;
    cl_int n_steps, first, n_rows, n_epochs;
} xt_fused_call;

/* Plain data, zeroed where it is not open. */
typedef struct xt_form {
    xt_program program;
    xt_kernel kernel;
    size_t local_bytes; /* of mem and state, where they are in local memory */
    double build_seconds, launch_seconds; /* what opening took: program and kernel, first launch */
} xt_form;

/* Compiles or loads it, launches it once for no epoch, so that what a driver
 * leaves for the first launch is done, and keeps it in the cache. call names
 * buffers that a launch may use. */
xt_status xt_form_open(xt_context *context, const xt_fused_shape *shape, const xt_fused_form *form,
                       const xt_fused_call *call, xt_form *out, xt_err *err);
/* Enqueues it. */
xt_status xt_form_launch(xt_context *context, const xt_form *form, const xt_fused_call *call, xt_err *err);
/* Safe on a zeroed one; zeroes it. */
void xt_form_close(xt_context *context, xt_form *form);

/* Whether xt_form_open would find the program compiled. */
bool xt_form_is_cached(xt_context *context, const xt_fused_shape *shape, const xt_fused_form *form);

/* ---- in the background ---- */

typedef struct xt_forming xt_forming;

/* Starts a thread that does xt_form_open. What the arguments point to is copied,
 * but for the context. NULL where there is no thread to be had: then there is no
 * such form. */
xt_forming *xt_forming_start(xt_context *context, const xt_fused_shape *shape, const xt_fused_form *form,
                             const xt_fused_call *call);
/* Whether it came to its end, which is to be asked before the next. */
bool xt_forming_done(const xt_forming *forming);
/* Waits for its end and frees it; sets *forming to NULL. XT_OK hands over the form. */
xt_status xt_forming_finish(xt_forming **forming, xt_form *out, xt_err *err);

#endif
