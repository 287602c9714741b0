#include "app/states.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* Reading a state takes at most one part in so many of the time. */
enum { SPARING = 50 };

xt_status xt_states_open(xt_engine *engine, float *state, xt_epoch *rows, uint32_t n_rows, bool with_best,
                         xt_states *out, xt_err *err)
{
    const xt_plan *plan = engine->plan;
    size_t n = (1 + plan->n_slots) * plan->n_params;
    xt_states states = {.engine = engine, .n_params = plan->n_params, .n_floats = n, .good = state, .rows = rows,
                        .n_rows = n_rows, .good_scale = engine->rate_scale};
    for (size_t i = 0; i < 1u + with_best; i++)
        states.owned[i] = calloc(n, sizeof *state);
    states.spare = states.owned[0];
    states.best = states.owned[1];
    if (!states.spare || (with_best && !states.best)) {
        xt_states_close(&states);
        return xt_fail_memory(err, "the states to go back to", (1 + with_best) * n * sizeof *state);
    }
    *out = states;
    return XT_OK;
}

void xt_states_close(xt_states *states)
{
    free(states->owned[0]);
    free(states->owned[1]);
    *states = (xt_states){0};
}

/* By their exponents: a loop that a compiler makes vectors of. */
static bool is_finite(const float *values, size_t n)
{
    enum { BLOCK = 4096 };
    for (size_t first = 0; first < n; first += BLOCK) {
        uint32_t found = 0;
        size_t end = n - first < BLOCK ? n : first + BLOCK;
        for (size_t i = first; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            found |= (bits & 0x7F800000u) == 0x7F800000u;
        }
        if (found)
            return false;
    }
    return true;
}

static xt_status read_state(xt_states *states, float *state, bool *finite, xt_err *err)
{
    xt_status status = states->engine->ops->read_state(states->engine, state, err);
    *finite = !status && is_finite(state, states->n_params);
    return status;
}

static void swap(float **a, float **b)
{
    float *first = *a;
    *a = *b;
    *b = first;
}

static void take_spare(xt_states *states, uint32_t epoch)
{
    swap(&states->good, &states->spare);
    states->good_epoch = epoch;
}

void xt_states_resume(xt_states *states, uint32_t epoch, uint32_t best_epoch)
{
    states->good_epoch = epoch;
    states->good_scale = states->engine->rate_scale;
    states->best_epoch = best_epoch;
    /* A checkpoint has the weights of the best epoch alone. */
    if (best_epoch == epoch && states->best)
        memcpy(states->best, states->good, states->n_floats * sizeof *states->best);
}

xt_status xt_states_keep(xt_states *states, uint32_t epoch, bool needed, xt_err *err)
{
    bool finite, same_scale = states->engine->rate_scale == states->good_scale;
    double now = xt_seconds();
    if (states->best_epoch == epoch && epoch && states->best) {
        /* It has just been read, and its weights are finite. */
        memcpy(states->good, states->best, states->n_floats * sizeof *states->good);
        states->good_epoch = epoch;
        states->good_scale = states->engine->rate_scale;
        return XT_OK;
    }
    if (states->broken || (states->good_epoch == epoch && same_scale) ||
        (!needed && same_scale && now - states->kept_at < SPARING * states->cost))
        return XT_OK;
    xt_status status = read_state(states, states->spare, &finite, err);
    if (status)
        return status;
    if (finite) {
        take_spare(states, epoch);
        states->good_scale = states->engine->rate_scale;
    } else {
        states->broken = epoch;
    }
    states->kept_at = xt_seconds();
    states->cost = states->kept_at - now;
    return XT_OK;
}

xt_status xt_states_keep_best(xt_states *states, uint32_t epoch, xt_err *err)
{
    bool finite;
    xt_status status = read_state(states, states->spare, &finite, err);
    if (status)
        return status;
    if (!finite)
        return xt_fail(err, XT_DIVERGED,
                       "diverged: the updates of epoch %u left weights that are not finite; a smaller learning_rate "
                       "may help",
                       epoch);
    swap(&states->best, &states->spare);
    states->best_epoch = epoch;
    return XT_OK;
}

/* Trains from the good state, where the engine is, until `epoch`. */
static xt_status train_to(xt_states *states, uint32_t epoch, xt_err *err)
{
    xt_engine *engine = states->engine;
    float scale = engine->rate_scale;
    xt_status status = XT_OK;
    engine->rate_scale = states->good_scale;
    for (uint32_t at = states->good_epoch; !status && at < epoch;) {
        uint32_t n = epoch - at < states->n_rows ? epoch - at : states->n_rows;
        status = engine->ops->train(engine, at, n, states->rows, err);
        at += n;
    }
    engine->rate_scale = scale;
    return status;
}

xt_status xt_states_return(xt_states *states, uint32_t epoch, xt_err *err)
{
    xt_status status = states->engine->ops->write_state(states->engine, states->good, err);
    return status ? status : train_to(states, epoch, err);
}

/* Weights that are not finite never become so again: the last good epoch is found by halves. */
xt_status xt_states_find_last(xt_states *states, uint32_t bad, xt_err *err)
{
    if (states->broken && states->broken < bad)
        bad = states->broken;
    xt_status status = XT_OK;
    bool at_good = false, finite;
    while (!status && bad - states->good_epoch > 1) {
        uint32_t middle = states->good_epoch + (bad - states->good_epoch) / 2;
        status = at_good ? train_to(states, middle, err) : xt_states_return(states, middle, err);
        if (!status)
            status = read_state(states, states->spare, &finite, err);
        if (status)
            break;
        at_good = finite;
        if (finite)
            take_spare(states, middle);
        else
            bad = middle;
    }
    return status;
}
