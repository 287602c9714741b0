#include "engine/updater.h"

enum { SQUARE_SUMS, NORM_FACTOR, CLIP, PENALTIES, UPDATE };

static const char *const kernel_names[XT_UPDATER_KERNELS] = {
    [SQUARE_SUMS] = "xt_square_sums",
    [NORM_FACTOR] = "xt_norm_factor",
    [CLIP] = "xt_clip",
    [PENALTIES] = "xt_penalties",
    [UPDATE] = "xt_update_params",
};

/* Floats that a work-item reads and writes, where that is the same for all; of UPDATE without the optimiser's state. */
static const unsigned char kernel_floats[XT_UPDATER_KERNELS] = {
    [CLIP] = 2,      /* the gradients twice */
    [PENALTIES] = 3, /* parameters, gradients twice */
    [UPDATE] = 3,    /* parameters twice, gradients */
};

/* Gradients whose squares one work-item sums. */
enum { SHARE = 1024 };

static xt_status launch(xt_updater *update, int kernel, size_t n, const xt_arg *args, xt_err *err)
{
    return xt_launch(update->context, &update->kernels[kernel], n, args, err);
}

/* squares[0] becomes the factor on the gradients. */
static xt_status norm_factor(xt_updater *update, xt_err *err)
{
    const xt_updated *what = &update->what;
    cl_uint n = (cl_uint)what->n, share = SHARE, n_partial = (n - 1) / share + 1;
    const xt_arg sums[] = {XT_ARG(n), XT_ARG(share), XT_ARG(n_partial), XT_ARG(what->gradients), XT_ARG(update->squares),
                           XT_ARG_END};
    const xt_arg factor[] = {XT_ARG(n_partial), XT_ARG(update->squares), XT_ARG(what->plan->spec->clip_norm), XT_ARG_END};
    xt_status status = launch(update, SQUARE_SUMS, n_partial, sums, err);
    return status ? status : launch(update, NORM_FACTOR, 1, factor, err);
}

static xt_status clip(xt_updater *update, xt_err *err)
{
    const xt_updated *what = &update->what;
    const xt_spec *spec = what->plan->spec;
    cl_uint n = (cl_uint)what->n;
    cl_int by_norm = spec->clip_norm > 0;
    if (!by_norm && spec->clip_value <= 0)
        return XT_OK;
    xt_status status = by_norm ? norm_factor(update, err) : XT_OK;
    const xt_arg args[] = {XT_ARG(n), XT_ARG(what->gradients), XT_ARG(update->squares), XT_ARG(by_norm),
                           XT_ARG(spec->clip_value), XT_ARG_END};
    return status ? status : launch(update, CLIP, what->n, args, err);
}

static xt_status penalise(xt_updater *update, xt_err *err)
{
    const xt_updated *what = &update->what;
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < what->plan->n_layers; i++) {
        const xt_plan_layer *layer = &what->plan->layers[i];
        if (layer->l1 <= 0 && layer->l2 <= 0)
            continue;
        cl_uint n = (cl_uint)what->n_weights[i], at = (cl_uint)what->weight[i];
        const xt_arg args[] = {XT_ARG(n), XT_ARG(what->params), XT_ARG(what->gradients), XT_ARG(at), XT_ARG(layer->l1),
                               XT_ARG(layer->l2), XT_ARG_END};
        status = launch(update, PENALTIES, n, args, err);
    }
    return status;
}

xt_status xt_updater_apply(xt_updater *update, xt_hyper hyper, xt_err *err)
{
    const xt_updated *what = &update->what;
    cl_uint n = (cl_uint)what->n;
    cl_int n_slots = (cl_int)what->plan->n_slots, optimizer = what->plan->spec->optimizer.kind;
    const xt_arg args[] = {XT_ARG(n), XT_ARG(what->params), XT_ARG(what->gradients), XT_ARG(what->slots[0]),
                           XT_ARG(what->slots[1]), XT_ARG(n_slots), XT_ARG(optimizer), XT_ARG(hyper), XT_ARG_END};
    xt_status status = clip(update, err);
    if (!status)
        status = penalise(update, err);
    return status ? status : launch(update, UPDATE, what->n, args, err);
}

/* For a profile. */
static void say_bytes(xt_updater *update)
{
    for (int i = 0; i < XT_UPDATER_KERNELS; i++)
        update->kernels[i].item_bytes = sizeof(cl_float) * (double)kernel_floats[i];
    update->kernels[UPDATE].item_bytes += 2 * sizeof(cl_float) * (double)update->what.plan->n_slots;
}

size_t xt_updater_bytes(const xt_plan *plan, size_t n)
{
    return (plan->spec->clip_norm > 0 ? (n - 1) / SHARE + 1 : 1) * sizeof(float);
}

xt_status xt_updater_open(xt_context *context, cl_program program, const xt_updated *what, xt_updater *out, xt_err *err)
{
    xt_updater update = {.context = context, .what = *what};
    xt_status status = xt_buffer_open(context, "sums of the gradients' squares", xt_updater_bytes(what->plan, what->n),
                                      &update.squares, err);
    for (int i = 0; !status && i < XT_UPDATER_KERNELS; i++)
        status = xt_kernel_open(context, program, kernel_names[i], &update.kernels[i], err);
    if (status) {
        xt_updater_close(&update);
        return status;
    }
    say_bytes(&update);
    *out = update;
    return XT_OK;
}

void xt_updater_close(xt_updater *update)
{
    for (int i = 0; i < XT_UPDATER_KERNELS; i++)
        if (update->kernels[i].kernel)
            xt_kernel_close(update->context, &update->kernels[i]);
    if (update->squares)
        xt_buffer_close(update->context, &update->squares);
    *update = (xt_updater){0};
}
