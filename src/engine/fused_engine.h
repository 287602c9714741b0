/* fused_engine.h: the fused engine's own struct, for the two files that it is in:
 * fused.c, which opens and closes it and evaluates rows, and fused_train.c. */
#ifndef XT_ENGINE_FUSED_ENGINE_H
#define XT_ENGINE_FUSED_ENGINE_H

#include "engine/forms.h"
#include "engine/fused.h"

enum { PARAMETERS, SCRATCH, INPUTS, TARGETS, WEIGHTS, ORDER, LAYERS, STEPS, RESULTS, KEPT, OUT, PROBE, PROBE_TARGETS,
       N_BUFFERS };

enum {
    MAX_EPOCHS = 16384,   /* of a launch: bounds the results */
    ORDER_ROWS = 1 << 16, /* that are ordered for a launch: more epochs wait for the next */
    PROBE_FLOATS = 1 << 18, /* of inputs or outputs that are predicted in a launch */
    MAX_STEPS = 1 << 16,  /* updates of a launch that have numbers of their own, but for an epoch that has more */
    KEPT_FLOATS = 1 << 20, /* outputs of a launch's epochs, but for an epoch that has more */
    MAX_UPDATES = 1 << 30 /* of a launch: the kernel counts in ints */
};

typedef struct xt_fused {
    xt_engine base;
    xt_context *context;
    size_t batch_rows, probe_rows;
    xt_fused_shape shape;
    xt_fused_wish wish;
    xt_fused_form general_form, special_form;
    xt_form general, special; /* the second is zeroed until it takes over */
    xt_forming *forming;
    bool may_specialise;      /* not tried yet */
    xt_fused_call call;
    cl_mem buffers[N_BUFFERS];
    size_t sizes[N_BUFFERS];
    xt_fused_step *steps;         /* room for the launch's */
    size_t max_steps;             /* at least an epoch's updates */
    size_t n_steps;               /* of them on the device, when they were written last */
    bool steps_stay;              /* and they are the only one, which holds for all that follow */
    float rate_scale;             /* that they were made with */
    float *staging;               /* as many floats as the largest buffer that is read or written by parts */
    float *kept;                  /* the outputs of a launch's epochs, where they are measured */
    uint32_t *orders;             /* (n_ordered, n_rows), epochs first_ordered .. */
    uint64_t *work;               /* 2 * n_rows */
    uint32_t max_ordered, first_ordered, n_ordered;
} xt_fused;

/* The train operation of the engine. */
xt_status xt_fused_train(xt_engine *base, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err);
/* Opens the specialised form and counts the time that it took. */
xt_status xt_fused_open_special(xt_fused *engine, xt_err *err);
/* Counts what opening a form took among the engine's facts. */
void xt_fused_count_seconds(xt_fused *engine, const xt_form *form);
/* A specialised form that cannot be had is no error: results do not depend on it. */
void xt_fused_tell_failure(xt_status status, const xt_err *err);

/* Says what a launch does, for a profile: the multiply-adds of its products. */
void xt_fused_say_work(const xt_fused *engine, const xt_fused_call *call);

/* A sum with its rounding, over n. */
static inline double xt_fused_mean(const float *sum, double n)
{
    return ((double)sum[0] + (double)sum[1]) / n;
}

#endif
