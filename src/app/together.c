#include "app/together.h"

#include "app/control.h"
#include "app/training.h"
#include "base/clock.h"
#include "engine/lanes.h"

#include <math.h>
#include <stdlib.h>

enum {
    MAX_LOSSES = 1 << 16, /* of a net, in a chunk */
    GROWTH = 8            /* a chunk has so many times the epochs of the one before at most */
};
/* What a chunk of epochs is to take, as that of a single training. */
static const double chunk_seconds = 0.05;

/* A trial on its way. */
typedef struct net {
    const xt_trial *trial;
    xt_control control;
    xt_row_style style; /* where it is shown */
    bool on, decides, shown, validates, diverged;
    bool validated; /* after the last epoch of a chunk: its validation rows are scored */
    bool measures; /* each epoch's metrics: they are shown, or something follows from them */
    uint32_t n_shown; /* rows */
    double seconds;
    xt_run_row last, best;
} net;

struct xt_together {
    const xt_trial *like;
    xt_lanes *lanes;
    net *nets;
    const xt_plan **plans;
    double *losses; /* of a net's chunk */
    float *state;   /* of a net */
    xt_buf rows, hashed;
};

/* ---- open and close ---- */

void xt_together_close(xt_together **self)
{
    xt_together *t = *self;
    if (!t)
        return;
    xt_lanes_close(&t->lanes);
    xt_buf_clear(&t->rows);
    xt_buf_clear(&t->hashed);
    free(t->nets);
    free(t->plans);
    free(t->losses);
    free(t->state);
    free(t);
    *self = NULL;
}

xt_status xt_together_open(const xt_trial *like, xt_together **out, xt_err *err)
{
    xt_together *t = calloc(1, sizeof *t);
    if (!t)
        return xt_fail_memory(err, "trials that train together", sizeof *t);
    t->like = like;
    t->nets = calloc(XT_MOST_TOGETHER, sizeof *t->nets);
    t->plans = calloc(XT_MOST_TOGETHER, sizeof *t->plans);
    t->losses = calloc(MAX_LOSSES, sizeof *t->losses);
    t->state = calloc((1 + like->plan.n_slots) * like->plan.n_params, sizeof *t->state);
    xt_status status = t->nets && t->plans && t->losses && t->state
                           ? xt_lanes_open(&like->plan, like->data, like->validation, XT_MOST_TOGETHER, &t->lanes, err)
                           : xt_fail_memory(err, "trials that train together", MAX_LOSSES * sizeof *t->losses);
    *out = NULL;
    if (status || !t->lanes)
        xt_together_close(&t);
    else
        *out = t;
    return status;
}

bool xt_together_suits(const xt_together *self, const xt_trial *trial)
{
    return self->like->data == trial->data && self->like->validation == trial->validation &&
           xt_lanes_alike(&self->like->plan, &trial->plan);
}

/* ---- what an epoch means ---- */

static xt_status begin(net *n, const xt_trial *trial, const xt_sweep_job *sweep, xt_err *err)
{
    *n = (net){.trial = trial, .on = trial->plan.spec->epochs > 0};
    n->shown = sweep->shows && sweep->shows(sweep->who, trial->number);
    if (n->shown)
        xt_row_style_init(&n->style, trial->plan.spec);
    xt_status status = xt_control_init(&n->control, trial->plan.spec, err);
    n->decides = xt_control_decides(&n->control) || n->control.monitor.metric >= 0 || n->control.monitor.validation;
    n->validates = trial->validation != NULL;
    n->measures = trial->plan.spec->n_metrics && (n->shown || xt_control_watches_metrics(&n->control));
    return status;
}

/* Adds the metrics of a row. */
static xt_status measure(xt_together *t, size_t i, xt_run_row *row, xt_err *err)
{
    bool has_any = t->nets[i].trial->plan.spec->n_metrics > 0;
    return has_any && row->epoch ? xt_lanes_measure(t->lanes, i, row->epoch - 1, row->train.metrics, err) : XT_OK;
}

/* Likewise of the validation rows, which are scored. */
static xt_status measure_validation(xt_together *t, size_t i, xt_run_row *row, xt_err *err)
{
    bool has_any = t->nets[i].trial->plan.spec->n_metrics > 0;
    return has_any && row->validated ? xt_lanes_validation_metrics(t->lanes, i, row->validation.metrics, err) : XT_OK;
}

/* Without limits to look at it is a search for the least loss, which must not take longer than the training. */
static void decide(net *n, const xt_run_row *row)
{
    if (!n->decides) {
        n->control.improved = !n->best.epoch || row->train.loss < n->best.train.loss;
    } else {
        xt_control_add(&n->control, row);
    }
    if (n->control.improved)
        n->best = *row;
}

/* Adds what the validation rows come to, where they were scored after this epoch. */
static xt_status validate(xt_together *t, size_t i, bool is_last, xt_run_row *row, xt_err *err)
{
    const net *n = &t->nets[i];
    row->validated = is_last && n->validated && !n->diverged;
    if (row->validated)
        row->validation.loss = xt_lanes_validation_loss(t->lanes, i);
    return n->measures ? measure_validation(t, i, row, err) : XT_OK;
}

/* Looks at each of `count` epochs until one that ends it. */
static xt_status take_losses(xt_together *t, size_t i, uint32_t count, xt_err *err)
{
    net *n = &t->nets[i];
    xt_status status = XT_OK;
    xt_lanes_losses(t->lanes, i, t->losses);
    for (uint32_t e = 0; !status && !n->diverged && !n->control.ended && e < count; e++) {
        n->last.epoch++;
        n->last.train.loss = t->losses[e];
        n->diverged = !isfinite(t->losses[e]);
        status = n->measures ? measure(t, i, &n->last, err) : XT_OK;
        if (!status)
            status = validate(t, i, e + 1 == count, &n->last, err);
        if (!status && !n->diverged)
            decide(n, &n->last);
        if (!status && n->shown)
            xt_csv_row(&n->style, &n->last, 0, &t->rows, &t->hashed);
    }
    if (n->control.has_plateau)
        xt_lanes_scale(t->lanes, i, xt_control_rate_scale(&n->control));
    return status;
}

/* Or only at what they came to. */
static void take_course(xt_together *t, size_t i)
{
    net *n = &t->nets[i];
    const xt_lanes_course *course = xt_lanes_course_of(t->lanes, i);
    if (course->least_epoch && (!n->best.epoch || course->least < n->best.train.loss)) {
        n->best.epoch = n->last.epoch + course->least_epoch;
        n->best.train.loss = course->least;
    }
    n->last.epoch += course->n;
    n->last.train.loss = course->last;
    n->diverged = !isfinite(course->last);
}

static xt_status take_epochs(xt_together *t, size_t i, uint32_t count, xt_err *err)
{
    net *n = &t->nets[i];
    uint32_t before = n->best.epoch;
    xt_status status = XT_OK;
    if (n->decides || n->shown || n->measures || n->validates)
        status = take_losses(t, i, count, err);
    else
        take_course(t, i);
    if (!status && !n->measures && n->best.epoch != before) {
        status = measure(t, i, &n->best, err);
        if (!status)
            status = measure_validation(t, i, &n->best, err);
    }
    return status;
}

static xt_status show(xt_together *t, const xt_together_job *job, const net *n, xt_err *err)
{
    xt_status status = t->rows.failed || t->hashed.failed ? xt_fail_memory(err, "the rows of a trial", t->rows.len)
                                      : job->sweep->show(job->sweep->who, n->trial, xt_buf_text(&t->rows), t->rows.len, err);
    xt_buf_reset(&t->rows);
    xt_buf_reset(&t->hashed);
    return status;
}

static xt_outcome end_of(const net *n)
{
    return n->diverged             ? XT_OUTCOME_DIVERGED
           : !n->control.ended     ? XT_OUTCOME_FINISHED
           : n->control.limit < 0  ? XT_OUTCOME_EARLY_STOPPING
                                   : XT_OUTCOME_STOP_WHEN;
}

static xt_status are_weights_finite(xt_together *t, size_t i, bool *finite, xt_err *err)
{
    size_t n = t->like->plan.n_params;
    xt_status status = xt_lanes_read_state(t->lanes, i, t->state, err);
    *finite = true;
    for (size_t k = 0; !status && k < n; k++)
        *finite = *finite && isfinite(t->state[k]);
    return status;
}

/* Whether what is known of a net is what it comes to alone: that looks at the weights of each best epoch that it keeps,
 * and at the last ones. Once weights are not finite they stay so: a net whose weights are finite now has had finite ones.
 * Which epoch broke others only training alone can say. */
static xt_status is_certain(xt_together *t, size_t i, bool ends, bool *out, xt_err *err)
{
    const net *n = &t->nets[i];
    bool keeps = xt_control_keeps_best(n->trial->plan.spec);
    *out = !(n->diverged && keeps);
    return !n->diverged && (ends || (keeps && n->shown)) ? are_weights_finite(t, i, out, err) : XT_OK;
}

static xt_status end(xt_together *t, const xt_together_job *job, size_t i, bool certain, xt_err *err)
{
    net *n = &t->nets[i];
    xt_err why = {0};
    xt_status status = XT_OK;
    if (!n->measures) {
        status = measure(t, i, &n->last, err);
        if (!status)
            status = measure_validation(t, i, &n->last, err);
    }
    n->on = false;
    xt_lanes_stop(t->lanes, i);
    if (status)
        return status;
    if (n->diverged)
        xt_training_fail_diverged(n->last.epoch, &why);
    const xt_trial_result result = {.end = end_of(n), .epochs = n->last.epoch, .last = n->last, .best = n->best,
                                    .seconds = n->seconds, .why = why.text};
    return job->take(job->who, n->trial, certain ? &result : NULL, n->n_shown, err);
}

/* ---- chunks ---- */

static bool goes_on(const xt_together_job *job)
{
    return !*job->ended && !*job->sweep->stop;
}

/* Epochs that all nets which are on have left, and how many these are. */
static uint32_t least_left(const xt_together *t, size_t n, uint32_t done, size_t *on)
{
    uint32_t least = UINT32_MAX;
    *on = 0;
    for (size_t i = 0; i < n; i++)
        if (t->nets[i].on) {
            uint32_t left = t->nets[i].trial->plan.spec->epochs - done;
            least = left < least ? left : least;
            ++*on;
        }
    return least;
}

/* Shows a net's rows, unless they may not be those that it has alone. Those do not depend on weights of which none is kept. */
static xt_status show_rows(xt_together *t, const xt_together_job *job, net *n, bool certain, xt_err *err)
{
    if (!certain && xt_control_keeps_best(n->trial->plan.spec)) {
        xt_buf_reset(&t->rows);
        xt_buf_reset(&t->hashed);
        return XT_OK;
    }
    n->n_shown = n->last.epoch;
    return show(t, job, n, err);
}

static xt_status take_net(xt_together *t, const xt_together_job *job, size_t i, uint32_t n_epochs, xt_err *err)
{
    net *n = &t->nets[i];
    bool certain = true;
    xt_status status = take_epochs(t, i, n_epochs, err);
    bool ends = n->diverged || n->control.ended || n->last.epoch == n->trial->plan.spec->epochs;
    if (!status)
        status = is_certain(t, i, ends, &certain, err);
    if (!status && n->shown)
        status = show_rows(t, job, n, certain, err);
    return !status && (ends || !certain) ? end(t, job, i, certain, err) : status;
}

static xt_status take_chunk(xt_together *t, const xt_together_job *job, size_t n_nets, uint32_t n, double seconds, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && !*job->ended && i < n_nets; i++) {
        if (!t->nets[i].on)
            continue;
        t->nets[i].seconds += seconds;
        status = take_net(t, job, i, n, err);
    }
    return status;
}

/* Tells how far those are that are on. */
static void stand(const xt_together *t, const xt_together_job *job, size_t n)
{
    double parts = 0;
    for (size_t i = 0; i < n; i++)
        if (t->nets[i].on)
            parts += (double)t->nets[i].last.epoch / (double)t->nets[i].trial->plan.spec->epochs;
    if (job->sweep->stand)
        job->sweep->stand(job->sweep->who, parts);
}

static uint32_t next_chunk(uint32_t n, double seconds)
{
    double wanted = seconds * GROWTH > chunk_seconds ? (double)n * chunk_seconds / seconds : (double)n * GROWTH;
    return wanted < 1 ? 1 : wanted > MAX_LOSSES ? MAX_LOSSES : (uint32_t)wanted;
}

/* The epochs from `done` on that a launch may have: after the last of them something is looked at. As xt_control_reach,
 * but for states, of which none is kept. */
static uint32_t reach_of(const net *n, uint32_t done)
{
    const xt_control *control = &n->control;
    const xt_spec *spec = n->trial->plan.spec;
    uint32_t every = spec->validate_every ? spec->validate_every : 1;
    /* An epoch that may be the last has validation values, too. */
    bool may_end = n->validates && every > 1 && xt_control_ends_by_training(control);
    if (may_end || (control->has_plateau && !control->plateau_column.validation))
        return 1;
    return n->validates ? every - done % every : UINT32_MAX;
}

static uint32_t least_reach(const xt_together *t, size_t n_nets, uint32_t done)
{
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < n_nets; i++)
        if (t->nets[i].on && reach_of(&t->nets[i], done) < least)
            least = reach_of(&t->nets[i], done);
    return least;
}

/* Whether the epoch that was trained last, of a launch of its own, ends a net. */
static xt_status would_end(xt_together *t, size_t i, bool *out, xt_err *err)
{
    const net *n = &t->nets[i];
    xt_control ahead = n->control;
    xt_run_row row = {.epoch = n->last.epoch + 1};
    row.train.loss = xt_lanes_course_of(t->lanes, i)->last;
    xt_status status = n->measures ? measure(t, i, &row, err) : XT_OK;
    xt_control_add(&ahead, &row);
    *out = !status && isfinite(row.train.loss) && ahead.ended;
    return status;
}

/* Scores the validation rows after epoch `done`, where a net has a use for that. */
static xt_status score(xt_together *t, size_t n_nets, uint32_t done, xt_err *err)
{
    xt_status status = XT_OK;
    bool any = false;
    for (size_t i = 0; !status && i < n_nets; i++) {
        net *n = &t->nets[i];
        const xt_spec *spec = n->trial->plan.spec;
        n->validated = n->on && n->validates && xt_control_validates(spec, done);
        if (n->on && n->validates && !n->validated && xt_control_ends_by_training(&n->control))
            status = would_end(t, i, &n->validated, err);
        any |= n->validated;
    }
    return any && !status ? xt_lanes_validate(t->lanes, err) : status;
}

static xt_status train(xt_together *t, const xt_together_job *job, size_t n_nets, xt_err *err)
{
    uint32_t done = 0, chunk = xt_lanes_facts(t->lanes)->first_chunk;
    size_t on;
    xt_status status = XT_OK;
    for (uint32_t left = least_left(t, n_nets, 0, &on); !status && on && goes_on(job);
         left = least_left(t, n_nets, done, &on)) {
        uint32_t n = left < chunk ? left : chunk;
        uint32_t reach = least_reach(t, n_nets, done);
        n = xt_lanes_reach(t->lanes, done, n < reach ? n : reach);
        double before = xt_seconds();
        status = xt_lanes_train(t->lanes, done, n, err);
        done += n;
        if (!status)
            status = score(t, n_nets, done, err);
        double seconds = xt_seconds() - before;
        chunk = next_chunk(n, seconds);
        if (!status)
            status = take_chunk(t, job, n_nets, n, seconds / (double)on, err);
        stand(t, job, n_nets);
    }
    return status;
}

/* As many as there is room for. */
static xt_status train_some(xt_together *t, const xt_together_job *job, const xt_trial *const *trials, size_t n, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < n; i++) {
        t->plans[i] = &trials[i]->plan;
        status = begin(&t->nets[i], trials[i], job->sweep, err);
    }
    if (!status)
        status = xt_lanes_begin(t->lanes, t->plans, n, err);
    for (size_t i = 0; !status && i < n; i++)
        if (!t->nets[i].on)
            status = end(t, job, i, true, err);
    return status ? status : train(t, job, n, err);
}

xt_status xt_together_train(xt_together *self, const xt_together_job *job, xt_err *err)
{
    size_t room = xt_lanes_room(self->lanes);
    xt_status status = XT_OK;
    for (size_t first = 0; !status && goes_on(job) && first < job->n; first += room)
        status = train_some(self, job, job->trials + first, job->n - first < room ? job->n - first : room, err);
    return status;
}
