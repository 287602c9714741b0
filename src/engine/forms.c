#include "engine/forms.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { N_ARGS = 19, GROUP = 256 };

static const char *const files[] = {"device.h", "scalar.h", "random.h", "fused_shape.h", "fused_products.h",
                                   "fused.cl"};

static void set_args(const xt_form *form, const xt_fused_call *call, xt_arg *out)
{
    const xt_arg args[N_ARGS + 1] = {
        XT_ARG(call->parameters), XT_ARG(call->scratch), XT_ARG(call->inputs), XT_ARG(call->targets),
        XT_ARG(call->weights),    XT_ARG(call->order),   XT_ARG(call->layers), XT_ARG(call->job),
        XT_ARG(call->steps),      XT_ARG(call->n_steps), XT_ARG(call->key_hi), XT_ARG(call->key_lo),
        XT_ARG(call->update),     XT_ARG(call->first),   XT_ARG(call->n_rows), XT_ARG(call->n_epochs),
        XT_ARG(call->results),    XT_ARG(call->kept),    XT_ARG(call->out),    XT_ARG_END};
    for (size_t i = 0; i <= N_ARGS; i++)
        out[i] = args[i];
    if (form->local_bytes)
        out[1] = (xt_arg){form->local_bytes, NULL};
}

static xt_status prelude_of(const xt_fused_shape *shape, const xt_fused_form *form, xt_buf *out, xt_err *err)
{
    xt_fused_prelude(shape, form, out);
    return out->failed ? xt_fail_memory(err, "the text of a kernel", out->len) : XT_OK;
}

xt_status xt_form_open(xt_context *context, const xt_fused_shape *shape, const xt_fused_form *form,
                       const xt_fused_call *call, xt_form *out, xt_err *err)
{
    double start = xt_seconds();
    xt_buf prelude = {0};
    xt_form opened = {0};
    xt_status status = prelude_of(shape, form, &prelude, err);
    const xt_program_source source = {xt_buf_text(&prelude), files, sizeof files / sizeof *files};
    if (!status)
        status = xt_program_open(context, &source, &opened.program, err);
    if (!status)
        status = xt_kernel_open(context, opened.program.program, "xt_fused", &opened.kernel, err);
    if (status)
        goto out;
    opened.kernel.group = 1;
    while (form->width == 1 && opened.kernel.group * 2 <= opened.kernel.limit && opened.kernel.group < GROUP)
        opened.kernel.group *= 2;
    if (form->memory == XT_FUSED_LOCAL)
        opened.local_bytes = xt_fused_bytes(shape);
    opened.build_seconds = xt_seconds() - start;
    xt_fused_call nothing = *call;
    xt_arg args[N_ARGS + 1];
    nothing.n_epochs = 0;
    set_args(&opened, &nothing, args);
    status = xt_launch_apart(context, &opened.kernel, args, err);
    if (!status)
        xt_program_keep(context, &opened.program);
    opened.launch_seconds = xt_seconds() - start - opened.build_seconds;
out:
    xt_buf_clear(&prelude);
    if (status)
        xt_form_close(context, &opened);
    else
        *out = opened;
    return status;
}

xt_status xt_form_launch(xt_context *context, const xt_form *form, const xt_fused_call *call, xt_err *err)
{
    xt_arg args[N_ARGS + 1];
    set_args(form, call, args);
    return xt_launch(context, &form->kernel, form->kernel.group, args, err);
}

void xt_form_close(xt_context *context, xt_form *form)
{
    xt_kernel_close(context, &form->kernel);
    xt_program_close(context, &form->program);
    *form = (xt_form){0};
}

bool xt_form_is_cached(xt_context *context, const xt_fused_shape *shape, const xt_fused_form *form)
{
    xt_buf prelude = {0};
    xt_err err;
    xt_status status = prelude_of(shape, form, &prelude, &err);
    const xt_program_source source = {xt_buf_text(&prelude), files, sizeof files / sizeof *files};
    bool cached = !status && xt_program_is_cached(context, &source);
    xt_buf_clear(&prelude);
    return cached;
}

/* ---- in the background ---- */

struct xt_forming {
    pthread_t thread;
    xt_context *context;
    xt_fused_shape shape;
    xt_fused_form form;
    xt_fused_call call;
    atomic_bool done;
    /* written by the thread, read after it was joined */
    xt_form result;
    xt_status status;
    xt_err err;
};

static void *work(void *argument)
{
    xt_forming *forming = argument;
    forming->status = xt_form_open(forming->context, &forming->shape, &forming->form, &forming->call, &forming->result,
                                   &forming->err);
    atomic_store(&forming->done, true);
    return NULL;
}

xt_forming *xt_forming_start(xt_context *context, const xt_fused_shape *shape, const xt_fused_form *form,
                             const xt_fused_call *call)
{
    sigset_t all, before;
    xt_forming *forming = calloc(1, sizeof *forming);
    if (!forming)
        return NULL;
    forming->context = context;
    forming->shape = *shape;
    forming->form = *form;
    forming->call = *call;
    /* Signals are the first thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&forming->thread, NULL, work, forming);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(forming);
        return NULL;
    }
    return forming;
}

bool xt_forming_done(const xt_forming *forming)
{
    return atomic_load(&forming->done);
}

xt_status xt_forming_finish(xt_forming **at, xt_form *out, xt_err *err)
{
    xt_forming *forming = *at;
    pthread_join(forming->thread, NULL);
    xt_status status = forming->status;
    if (status)
        *err = forming->err;
    else
        *out = forming->result;
    free(forming);
    *at = NULL;
    return status;
}
