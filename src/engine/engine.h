/* engine.h: the one interface to everything that trains.
 *
 * An engine trains epochs, not layers: "run K epochs from epoch e, give me K
 * rows". It owns the parameters while it is open; they leave and enter in the
 * plan's one flat layout. Adding an engine is one row of XT_ENGINES in
 * model/spec.h and its open function. */
#ifndef XT_ENGINE_ENGINE_H
#define XT_ENGINE_ENGINE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/table.h"
#include "model/dataset.h"
#include "model/plan.h"

#include <stdbool.h>

/* What one epoch is reported as. */
typedef struct xt_epoch {
    double loss;
    double metrics[XT_MAX_METRICS]; /* in the spec's order; of the outputs that the loss was measured on */
    float learning_rate;            /* of its last update */
    uint64_t step;                  /* updates so far */
} xt_epoch;

/* The device and libraries of an open engine and where its time went, for the
 * run and its record. All 0 until an engine says otherwise. */
typedef struct xt_engine_facts {
    const char *engine;          /* its name */
    const char *why;             /* it was taken, in words */
    char device[256];            /* "host" for the reference */
    char platform[256], driver[128], device_type[16], device_index[24];
    char blas[64];               /* "" where there is none */
    char products[16];           /* what multiplies large matrices where another would give other bits; "" where none would */
    const char *form;            /* which form of its kernels runs, in words; NULL or "" where there is one */
    size_t device_bytes;         /* memory that it took for buffers */
    uint32_t first_chunk;        /* epochs that surely take less than a chunk's time; 0 says nothing: 1 */
    double device_seconds;       /* finding and opening the device */
    double build_seconds;        /* compiling or loading programs, summed */
    bool built_from_cache;       /* and all of them were loaded */
    double launch_seconds;       /* the first launch, where the driver compiles or loads again */
} xt_engine_facts;

typedef struct xt_engine xt_engine;
struct xt_profile;

typedef struct xt_engine_ops {
    /* Trains epochs first .. first + n - 1 (0-based) and fills n rows. */
    xt_status (*train)(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err);
    /* Outputs (n_rows, n_outputs) of inputs (n_rows, n_inputs), both on the host. Where losses is not NULL, losses[r]
     * becomes row r's loss, summed over its outputs and not weighted, against targets (n_rows, n_outputs). */
    xt_status (*evaluate)(xt_engine *engine, const float *inputs, const float *targets, size_t n_rows, float *outputs,
                          float *losses, xt_err *err);
    /* Loss of training rows first .. first + n - 1 as one batch (n at most the
     * batch size) and its gradient (n_params floats); nothing is updated. */
    xt_status (*gradients)(xt_engine *engine, size_t first, size_t n, double *loss, float *gradients, xt_err *err);
    /* Parameters followed by the optimiser's state: (1 + n_slots) * n_params floats. */
    xt_status (*read_state)(xt_engine *engine, float *state, xt_err *err);
    xt_status (*write_state)(xt_engine *engine, const float *state, xt_err *err);
    void (*close)(xt_engine *engine);
} xt_engine_ops;

/* Embedded first in each engine's own struct. */
struct xt_engine {
    const xt_engine_ops *ops;
    const xt_plan *plan;
    const xt_dataset *data; /* training rows; NULL where the engine only predicts */
    /* Is told after each batch of an epoch, of so many, by an engine that goes batch by batch; what it returns ends train,
     * with the state in the middle of the epoch. The batch is in the device's queue, which may have some still to do.
     * NULL: nobody is. Whoever trains may set it between two calls. */
    xt_status (*watch)(void *watcher, uint64_t batch, uint64_t batches, xt_err *err);
    void *watcher;
    float rate_scale;       /* on every learning rate, 1 at first; whoever trains may set it between two calls */
    xt_engine_facts facts;
    const xt_engine_ops *untimed; /* where its calls are profiled: what ops does besides */
    struct xt_profile *profile;
};

/* The mean loss of all rows of a data set from what evaluate gave for them, as of one batch: their weights count. */
double xt_engine_mean_loss(const xt_plan *plan, const float *losses, const xt_dataset *rows);

/* Opens the engine that the spec names, on the spec's device, with state as
 * its first parameters and optimiser state (NULL: all 0). plan and data must outlive it. */
xt_status xt_engine_open(const xt_plan *plan, const xt_dataset *data, const float *state, xt_engine **out,
                         xt_err *err);
/* NULL-safe; sets *engine to NULL. */
void xt_engine_close(xt_engine **engine);

#endif
