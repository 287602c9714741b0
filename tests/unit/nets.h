/* nets.h: networks with their data for tests, and the numbers they must give. */
#ifndef XT_UNIT_NETS_H
#define XT_UNIT_NETS_H

#include "cases.h"
#include "engine/engine.h"

#include <jansson.h>

enum { UNIT_MAX_LAYERS = 6 };

/* Points into itself: not to be copied. */
typedef struct unit_net {
    xt_spec spec;
    xt_layer layers[UNIT_MAX_LAYERS];
    xt_choice metrics[XT_MAX_METRICS];
    xt_dataset data;
    xt_plan plan;
} unit_net;

typedef struct unit_shape {
    size_t n_rows, n_inputs;
    uint32_t units[UNIT_MAX_LAYERS]; /* 0 ends the list */
    const char *activation, *loss;   /* of every layer */
    uint32_t batch_size;
    uint64_t seed; /* of weights, biases and data, all normal */
} unit_shape;

/* On the reference engine, sgd at 0.05, rows as they are, loss running, no
 * metrics; planned. Change net->spec or net->layers and plan again at will. */
void unit_net_make(unit_net *net, const unit_shape *shape);
/* The tutorial's network: 2-16-1 on XOR's four rows. */
void unit_net_xor(unit_net *net);
void unit_net_plan(unit_net *net);
void unit_net_clear(unit_net *net);

/* Floats of parameters and optimiser state. */
size_t unit_net_n_state(const unit_net *net);
/* The initial state; the caller frees. */
float *unit_net_state(const unit_net *net);
/* The spec's engine, opened with state (NULL: the initial one). */
xt_engine *unit_net_open(const unit_net *net, const float *state);
/* Trains epochs first .. first + n - 1; rows may be NULL. */
void unit_train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows);
/* The engine's state; the caller frees. */
float *unit_state_of(xt_engine *engine);

/* A file of tests/golden; the caller decrefs. */
json_t *unit_golden(const char *name);
/* Fails unless value has every digit of a number printed with so many decimals. */
void unit_printed(double value, double printed, int decimals, const char *what, size_t index);

#endif
