#include "engine/race.h"

#include "base/clock.h"
#include "model/rng.h"

#include <math.h>
#include <stdlib.h>

/* A turn of an engine, in seconds, and pairs of turns: after the first few one that is far behind is let go, and where
 * the two are near each other more are run. */
static const double turn_seconds = 0.06, far_behind = 0.93, near_behind = 0.985, near_ahead = 1.05;
enum { FEW_PAIRS = 3, PAIRS = 7, MOST_PAIRS = 13 };

/* Rows of the data: as many batches as take about a turn at such a rate, within so many bytes. */
static const double usual_flops = 50e9;
enum { MOST_BATCHES = 64, MOST_BYTES = 64 << 20 };

struct xt_race {
    xt_device device;
    const volatile sig_atomic_t *stop;
    xt_spec spec;
    xt_plan plan;
    xt_dataset data;
    float *state;
    uint32_t turn; /* epochs */
};

static size_t batches_of(const xt_plan *plan)
{
    double rows = plan->spec->batch_size, values = (double)(plan->n_inputs + plan->n_outputs);
    double update = 6 * rows * (double)plan->n_params / usual_flops, most = MOST_BYTES / (rows * values * sizeof(float));
    double n = turn_seconds / update;
    n = n < most ? n : most;
    return n < 1 ? 1 : n > MOST_BATCHES ? MOST_BATCHES : (size_t)n;
}

static xt_status make_data(xt_race *race, xt_err *err)
{
    xt_dataset *data = &race->data;
    xt_key key = xt_key_of_seed(race->spec.seed), of_inputs = xt_key_fold_in(key, 0), of_targets = xt_key_fold_in(key, 1);
    data->n_rows = batches_of(&race->plan) * race->spec.batch_size;
    data->n_inputs = race->plan.n_inputs;
    data->n_targets = race->plan.n_outputs;
    data->origin = "random";
    size_t n_inputs = data->n_rows * data->n_inputs, n_targets = data->n_rows * data->n_targets;
    data->inputs = xt_arena_alloc(&data->arena, n_inputs, sizeof(float));
    data->targets = xt_arena_alloc(&data->arena, n_targets, sizeof(float));
    if (!data->inputs || !data->targets)
        return xt_fail_memory(err, "random rows", (n_inputs + n_targets) * sizeof(float));
    for (size_t i = 0; i < n_inputs; i++)
        data->inputs[i] = xt_uniform_at(of_inputs, n_inputs, i, -1, 1);
    /* One of them: each loss takes that. */
    for (size_t r = 0; r < data->n_rows; r++)
        data->targets[r * data->n_targets + xt_bits_at(of_targets, data->n_rows, r) % data->n_targets] = 1;
    return XT_OK;
}

xt_status xt_race_open(const xt_plan *plan, const xt_device *device, const volatile sig_atomic_t *stop, xt_race **out,
                       xt_err *err)
{
    xt_race *race = calloc(1, sizeof *race);
    if (!race)
        return xt_fail_memory(err, "what is measured", sizeof *race);
    race->device = *device;
    race->stop = stop;
    race->spec = *plan->spec;
    race->spec.n_metrics = 0; /* the host's work */
    race->plan = *plan;
    race->plan.spec = &race->spec;
    race->turn = 1;
    race->state = calloc((1 + plan->n_slots) * plan->n_params, sizeof(float));
    xt_status status = race->state ? make_data(race, err)
                                   : xt_fail_memory(err, "the parameters", plan->n_params * sizeof(float));
    if (!status)
        status = xt_plan_init_params(plan, race->state, err);
    if (status)
        xt_race_close(&race);
    else
        *out = race;
    return status;
}

void xt_race_close(xt_race **at)
{
    xt_race *race = *at;
    if (!race)
        return;
    xt_dataset_clear(&race->data);
    free(race->state);
    free(race);
    *at = NULL;
}

/* Seconds of so many epochs. */
static xt_status run(xt_engine *engine, uint32_t epochs, double *seconds, xt_err *err)
{
    xt_epoch row;
    xt_status status = XT_OK;
    double before = xt_seconds();
    for (uint32_t i = 0; !status && i < epochs; i++)
        status = engine->ops->train(engine, 0, 1, &row, err);
    *seconds = xt_seconds() - before;
    return status;
}

xt_status xt_race_enter(const xt_race *race, const xt_gemm_form *form, xt_engine **out, xt_err *err)
{
    double seconds;
    xt_engine *engine = NULL;
    xt_status status = xt_gemm_open_form(&race->plan, &race->data, &race->device, form, &engine, err);
    if (status)
        return status;
    engine->rate_scale = 0;
    status = engine->ops->write_state(engine, race->state, err);
    if (!status)
        status = run(engine, 1, &seconds, err);
    if (status)
        xt_engine_close(&engine);
    else
        *out = engine;
    return status;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const double *values, size_t n)
{
    double sorted[MOST_PAIRS];
    for (size_t i = 0; i < n; i++)
        sorted[i] = values[i];
    qsort(sorted, n, sizeof *sorted, by_size);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

xt_status xt_race_alone(xt_race *race, xt_engine *engine, double *rate, xt_err *err)
{
    double seconds[FEW_PAIRS], epoch;
    xt_status status = run(engine, 1, &epoch, err);
    if (status)
        return status;
    double turn = turn_seconds / (epoch > 0 ? epoch : turn_seconds);
    race->turn = turn > 1 ? (uint32_t)turn : 1;
    for (size_t i = 0; !status && i < FEW_PAIRS; i++)
        status = run(engine, race->turn, &seconds[i], err);
    if (!status)
        *rate = (double)race->data.n_rows * race->turn / median(seconds, FEW_PAIRS);
    return status;
}

/* Whether the ratios of n pairs say enough. */
static bool are_enough(const double *ratios, size_t n)
{
    if (n < FEW_PAIRS)
        return false;
    double ratio = median(ratios, n);
    if (ratio < far_behind || n == MOST_PAIRS)
        return true;
    return n >= PAIRS && (ratio < near_behind || ratio > near_ahead);
}

xt_status xt_race_run(const xt_race *race, xt_engine *best, xt_engine *other, double *ratio, xt_err *err)
{
    xt_engine *const runners[] = {best, other};
    double ratios[MOST_PAIRS], fastest[] = {HUGE_VAL, HUGE_VAL};
    size_t n = 0;
    xt_status status = XT_OK;
    *ratio = 0;
    for (; !status && !are_enough(ratios, n); n++) {
        double seconds[2] = {0, 0};
        if (*race->stop)
            return XT_OK;
        /* Each comes first in turns. */
        for (size_t i = 0; !status && i < 2; i++) {
            size_t who = (n + i) % 2;
            status = run(runners[who], race->turn, &seconds[who], err);
            fastest[who] = seconds[who] < fastest[who] ? seconds[who] : fastest[who];
        }
        ratios[n] = seconds[0] / seconds[1];
    }
    if (!status)
        *ratio = fmin(median(ratios, n), fastest[0] / fastest[1]);
    return status;
}
