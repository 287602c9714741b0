#include "app/sweep.h"

#include "app/control.h"
#include "app/run.h"
#include "app/together.h"
#include "base/clock.h"
#include "engine/lanes.h"
#include "model/schedule.h"

#include <stdlib.h>
#include <string.h>

#define XT_OUTCOME_NAME(code, name) [XT_OUTCOME_##code] = name,
const char *const xt_outcomes[XT_N_OUTCOMES] = {XT_OUTCOMES(XT_OUTCOME_NAME)};
#undef XT_OUTCOME_NAME

/* Nets that share launches wait for each other until they are so many; so many kinds of them may wait, so many nets and
 * values of their rows in all. */
enum { MOST_WAITING = XT_MOST_TOGETHER, MOST_KINDS = 64, MOST_NETS = 8 * XT_MOST_TOGETHER, MOST_VALUES = 1 << 26 };

/* Seconds: to compile the kernel for a kind of nets, at least; to open an engine for one; of a multiply-add; and of a
 * look after an epoch, at one net or at many. */
static const double compile_seconds = 0.5, open_seconds = 0.01, product_seconds = 0.5e-9, look_seconds = 1e-4,
                    look_together_seconds = 4e-4;

/* Trials of a kind: alike, on the same rows. */
typedef struct kind {
    xt_trial *trials[MOST_WAITING];
    size_t n;
} kind;

typedef struct sweep {
    const xt_sweep_job *job;
    kind kinds[MOST_KINDS];
    size_t n_kinds;
    xt_together *together; /* of the kind that trained last: it may come again */
    xt_trial *like;        /* which that was opened with */
    bool ended;            /* by fail_fast */
} sweep;

static bool is_stopped(const sweep *s)
{
    return s->ended || *s->job->stop;
}

/* Tells of a trial. */
static xt_status take(sweep *s, uint64_t number, const xt_trial *trial, const xt_trial_result *result, xt_err *err)
{
    bool failed = result->end == XT_OUTCOME_DIVERGED || result->end == XT_OUTCOME_FAILED;
    s->ended |= failed && s->job->fail_fast;
    xt_status status = s->job->take(s->job->who, number, trial, result, err);
    if (s->job->stand)
        s->job->stand(s->job->who, 0);
    return status;
}

/* ---- alone ---- */

typedef struct shown {
    const xt_sweep_job *job;
    const xt_trial *trial;
    xt_status status; /* of those who were shown: that is no failure of the trial's */
    uint32_t skip;    /* rows that were shown before */
} shown;

static xt_status show(void *watcher, const char *rows, size_t n_bytes, xt_err *err)
{
    shown *to = watcher;
    for (const char *end; to->skip && n_bytes && (end = memchr(rows, '\n', n_bytes)); to->skip--) {
        n_bytes -= (size_t)(end + 1 - rows);
        rows = end + 1;
    }
    to->status = n_bytes ? to->job->show(to->job->who, to->trial, rows, n_bytes, err) : XT_OK;
    return to->status;
}

static xt_status open_engine(const xt_trial *trial, float *state, xt_engine **out, xt_err *err)
{
    xt_engine *engine = NULL;
    xt_status status = xt_engine_open(&trial->plan, trial->data, NULL, &engine, err);
    if (!status)
        status = xt_plan_init_params(&trial->plan, state, err);
    if (!status)
        status = engine->ops->write_state(engine, state, err);
    if (status)
        xt_engine_close(&engine);
    else
        *out = engine;
    return status;
}

xt_outcome xt_outcome_of(xt_status status, const char *stopped)
{
    if (status)
        return status == XT_DIVERGED ? XT_OUTCOME_DIVERGED : XT_OUTCOME_FAILED;
    return !*stopped                              ? XT_OUTCOME_FINISHED
           : strcmp(stopped, "early_stopping") == 0 ? XT_OUTCOME_EARLY_STOPPING
                                                  : XT_OUTCOME_STOP_WHEN;
}

/* What goes wrong is the trial's. */
static xt_status train_alone(shown *to, xt_run_result *result, xt_err *err)
{
    const xt_sweep_job *job = to->job;
    const xt_trial *trial = to->trial;
    size_t n = (1 + trial->plan.n_slots) * trial->plan.n_params;
    bool shows = job->shows && job->shows(job->who, trial->number);
    xt_engine *engine = NULL;
    float *state = calloc(n, sizeof *state);
    xt_status status = state ? open_engine(trial, state, &engine, err) : xt_fail_memory(err, "the parameters", n * sizeof *state);
    if (!status) {
        xt_run_job run = {.plan = &trial->plan, .data = trial->data, .validation = trial->validation, .test = trial->test,
                          .engine = engine, .state = state, .watch = shows ? show : NULL, .watcher = to,
                          .stop = job->stop};
        status = xt_run_without_files(&run, result, err);
    }
    xt_engine_close(&engine);
    free(state);
    return status;
}

static xt_status take_alone(sweep *s, const xt_trial *trial, uint32_t n_shown, xt_err *err)
{
    double before = xt_seconds();
    xt_run_result run = {0};
    xt_err why = {0};
    shown to = {s->job, trial, XT_OK, n_shown};
    xt_status status = train_alone(&to, &run, &why);
    if (to.status)
        return xt_fail(err, to.status, "%s", why.text);
    const xt_trial_result result = {.end = xt_outcome_of(status, run.stopped), .epochs = run.epochs, .last = run.last, .best = run.best,
                                    .seconds = xt_seconds() - before, .why = status ? why.text : ""};
    return *s->job->stop ? XT_OK : take(s, trial->number, trial, &result, err);
}

/* ---- together ---- */

static xt_status take_one(void *who, const xt_trial *trial, const xt_trial_result *result, uint32_t n_shown, xt_err *err)
{
    sweep *s = who;
    return result ? take(s, trial->number, trial, result, err) : take_alone(s, trial, n_shown, err);
}

/* But for the one that is still needed. */
static void close_all(sweep *s, kind *k)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->trials[i] != s->like)
            s->job->close(s->job->who, k->trials[i]);
    k->n = 0;
}

static void close_together(sweep *s)
{
    xt_together_close(&s->together);
    if (s->like)
        s->job->close(s->job->who, s->like);
    s->like = NULL;
}

static xt_status open_together(sweep *s, xt_trial *trial, xt_err *err)
{
    if (s->together && xt_together_suits(s->together, trial))
        return XT_OK;
    close_together(s);
    xt_status status = xt_together_open(trial, &s->together, err);
    s->like = s->together ? trial : NULL;
    return status;
}

/* Times that a training stops for a look, roughly. */
static double looks_of(const xt_trial *trial)
{
    const xt_spec *spec = trial->plan.spec;
    double every = spec->validate_every ? (double)spec->validate_every : 1;
    return xt_plateau_monitor(&spec->schedule) ? (double)spec->epochs
           : trial->validation                 ? (double)spec->epochs / every
                                               : 0;
}

/* Whether one after the other they would take longer than what trains them together, compiled first. */
static bool together_pays(const sweep *s, const kind *k)
{
    bool compiled = s->together && xt_together_suits(s->together, k->trials[0]);
    double alone = 0, looks = 0;
    for (size_t i = 0; i < k->n; i++) {
        const xt_plan *plan = &k->trials[i]->plan;
        double rows = (double)plan->spec->epochs * (double)k->trials[i]->data->n_rows, own = looks_of(k->trials[i]);
        alone += open_seconds + 3 * rows * (double)plan->n_params * product_seconds + own * look_seconds;
        looks = own > looks ? own : looks;
    }
    return (compiled || k->n > 1) && alone > (compiled ? 0 : compile_seconds) + looks * look_together_seconds;
}

/* Trains a kind, which is empty then. */
static xt_status train_kind(sweep *s, kind *k, xt_err *err)
{
    const xt_together_job job = {.sweep = s->job, .trials = (const xt_trial *const *)k->trials, .n = k->n,
                                 .take = take_one, .who = s, .ended = &s->ended};
    bool together = together_pays(s, k);
    xt_status status = together ? open_together(s, k->trials[0], err) : XT_OK;
    if (!status && together && s->together)
        status = xt_together_train(s->together, &job, err);
    else
        for (size_t i = 0; !status && !is_stopped(s) && i < k->n; i++)
            status = take_alone(s, k->trials[i], 0, err);
    close_all(s, k);
    return status;
}

static bool is_of(const kind *k, const xt_trial *trial)
{
    const xt_trial *first = k->trials[0];
    return first->data == trial->data && first->validation == trial->validation &&
           xt_lanes_alike(&first->plan, &trial->plan);
}

static xt_status remove_kind(sweep *s, size_t i, xt_err *err)
{
    xt_status status = train_kind(s, &s->kinds[i], err);
    s->kinds[i] = s->kinds[--s->n_kinds];
    return status;
}

static size_t values_of(const xt_trial *trial)
{
    size_t n_rows = trial->data->n_rows + (trial->validation ? trial->validation->n_rows : 0);
    return n_rows * (trial->data->n_inputs + trial->data->n_targets);
}

static bool has_room(const sweep *s, const xt_trial *trial)
{
    size_t n = 0, values = values_of(trial);
    for (size_t i = 0; i < s->n_kinds; i++) {
        n += s->kinds[i].n;
        values += values_of(s->kinds[i].trials[0]);
    }
    return s->n_kinds < MOST_KINDS && n < MOST_NETS && values <= MOST_VALUES;
}

/* The largest kinds make room for a new one. */
static xt_status make_room(sweep *s, const xt_trial *trial, xt_err *err)
{
    xt_status status = XT_OK;
    while (!status && s->n_kinds && !has_room(s, trial)) {
        size_t largest = 0;
        for (size_t i = 1; i < s->n_kinds; i++)
            if (s->kinds[i].n > s->kinds[largest].n)
                largest = i;
        status = remove_kind(s, largest, err);
    }
    return status;
}

static xt_status add_to_kind(sweep *s, xt_trial *trial, xt_err *err)
{
    size_t i = 0;
    while (i < s->n_kinds && !is_of(&s->kinds[i], trial))
        i++;
    if (i == s->n_kinds) {
        xt_status status = make_room(s, trial, err);
        if (status) {
            s->job->close(s->job->who, trial);
            return status;
        }
        i = s->n_kinds++;
        s->kinds[i].n = 0;
    }
    kind *k = &s->kinds[i];
    k->trials[k->n++] = trial;
    return k->n == MOST_WAITING ? remove_kind(s, i, err) : XT_OK;
}

/* ---- all of them ---- */

/* Whether it has a lane of its own. The validation rows of a best epoch that only training rows decide on would have to
 * be scored with weights that are gone. */
static bool goes_together(const xt_trial *trial)
{
    const char *why;
    const xt_spec *spec = trial->plan.spec;
    xt_watched monitor;
    bool looks_back = trial->validation && spec->validate_every > 1 && xt_control_restores_best(spec) &&
                      xt_column_find(spec, spec->early_stopping.monitor, &monitor) && !monitor.validation;
    return !looks_back && xt_lanes_can(&trial->plan, trial->data, &why);
}

static xt_status add(sweep *s, uint64_t number, xt_err *err)
{
    xt_trial *trial = NULL;
    xt_err why;
    xt_status status = s->job->open(s->job->who, number, &trial, &why);
    if (status) {
        const xt_trial_result result = {.end = XT_OUTCOME_FAILED, .why = why.text};
        return take(s, number, NULL, &result, err);
    }
    if (goes_together(trial))
        return add_to_kind(s, trial, err);
    status = take_alone(s, trial, 0, err);
    s->job->close(s->job->who, trial);
    return status;
}

xt_status xt_sweep_run(const xt_sweep_job *job, xt_err *err)
{
    xt_status status = XT_OK;
    sweep *s = calloc(1, sizeof *s);
    if (!s)
        return xt_fail_memory(err, "a sweep", sizeof *s);
    s->job = job;
    /* Seed by seed: trials of one seed have the same rows, also where those are split by it. */
    for (uint64_t first = 0; first < job->n_repeats; first++)
        for (uint64_t i = first; !status && !is_stopped(s) && i < job->n_trials; i += job->n_repeats)
            if (!job->wants || job->wants(job->who, i))
                status = add(s, i, err);
    while (!status && !is_stopped(s) && s->n_kinds)
        status = remove_kind(s, s->n_kinds - 1, err);
    for (size_t i = 0; i < s->n_kinds; i++)
        close_all(s, &s->kinds[i]);
    close_together(s);
    free(s);
    return status;
}
