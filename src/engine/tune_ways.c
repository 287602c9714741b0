#include "engine/tune_ways.h"

#include "base/clock.h"
#include "engine/engines.h"
#include "engine/tiled.h"
#include "engine/tuned.h"
#include "engine/verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Less than that is noise. */
static const double clearly_faster = 1.02;
/* Of a process. CLBlast's kernels are compiled in it, for some seconds, on a slow driver for many. */
static const double most_seconds = 120;
/* Measurements in a process, of which the fastest counts: a GPU's clock takes its time to rise. */
enum { MEASUREMENTS = 3 };
/* That a way must be faster in, after the first. */
enum { CONFIRMATIONS = 2 };

/* ---- in a process of its own ---- */

/* What it is to do. */
typedef struct errand {
    const xt_tune_job *job;
    size_t way;
} errand;

static const xt_plan *entry_of(const xt_tune_job *job)
{
    return job->general ? NULL : job->plan;
}

static void hand_back(xt_way_record *record, xt_status status, const xt_err *err)
{
    record->mark = XT_WAY_MARK;
    record->status = (uint32_t)status;
    if (status)
        snprintf(record->why, sizeof record->why, "%s", err->text);
}

static xt_status look(const xt_tune_job *job, xt_ways_found *out, xt_err *err)
{
    xt_device device;
    xt_context *context = NULL;
    xt_status status = xt_device_select(job->device, &device, err);
    if (!status)
        status = xt_context_open(&device, &context, err);
    if (status)
        return status;
    *out = (xt_ways_found){.by_tiles = xt_tiled_serves(&device), .suits = xt_blas_set_for(&device), .kept = XT_PRODUCT_WAYS};
    if (!context->cache)
        status = xt_fail(err, XT_FAILED, "there is no cache to keep what is found in: XORTRAIN_CACHE_DIR may name a directory");
    else if (!out->by_tiles)
        xt_tuned_read_way(context, entry_of(job), job->plan->spec->batch_size, &out->kept);
    xt_context_close(&context);
    return status;
}

static void look_apart(const void *of, void *to)
{
    xt_way_record *record = to;
    xt_err err;
    xt_status status = look(((const errand *)of)->job, &record->found, &err);
    hand_back(record, status, &err);
}

static xt_status race_alone(const xt_tune_job *job, const xt_device *device, const xt_gemm_form *form, double *rate,
                            xt_err *err)
{
    xt_race *race = NULL;
    xt_engine *engine = NULL;
    xt_status status = xt_race_open(job->plan, device, job->stop, &race, err);
    if (!status)
        status = xt_race_enter(race, form, &engine, err);
    for (size_t i = 0; !status && i < MEASUREMENTS; i++) {
        double got = 0;
        status = xt_race_alone(race, engine, &got, err);
        *rate = got > *rate ? got : *rate;
    }
    xt_engine_close(&engine);
    xt_race_close(&race);
    return status;
}

static void measure_apart(const void *of, void *to)
{
    const errand *self = of;
    const xt_gemm_form form = {.products = xt_product_way(self->way)};
    xt_way_record *record = to;
    xt_device device;
    xt_err err;
    xt_status status = xt_device_select(self->job->device, &device, &err);
    if (!status)
        status = xt_verify_products(&device, &form.products, &err);
    if (!status)
        status = race_alone(self->job, &device, &form, &record->rate, &err);
    hand_back(record, status, &err);
}

/* ---- what comes of it ---- */

xt_status xt_way_record_check(const xt_way_record *record, bool measured, xt_err *err)
{
    const xt_ways_found *found = &record->found;
    bool is_one = record->mark == XT_WAY_MARK && record->status <= XT_TIME_UP &&
                  memchr(record->why, '\0', sizeof record->why);
    if (is_one && !record->status && measured)
        is_one = isfinite(record->rate) && record->rate > 0;
    else if (is_one && !record->status)
        is_one = found->suits < XT_PRODUCT_WAYS && found->kept <= XT_PRODUCT_WAYS;
    if (!is_one)
        return xt_fail(err, XT_FAILED, "its process gave what is no result");
    return record->status ? xt_fail(err, (xt_status)record->status, "%s", record->why) : XT_OK;
}

static xt_status send(const xt_tune_job *job, size_t way, xt_way_record *record, xt_err *err)
{
    bool measured = way < XT_PRODUCT_WAYS;
    const errand of = {job, way};
    xt_status status = job->apart(measured ? measure_apart : look_apart, &of, most_seconds, job->stop, record,
                                  sizeof *record, err);
    return status ? status : xt_way_record_check(record, measured, err);
}

xt_status xt_ways_find(const xt_tune_job *job, xt_ways_found *out, xt_err *err)
{
    xt_way_record record = {0};
    xt_status status = send(job, XT_PRODUCT_WAYS, &record, err);
    if (!status)
        *out = record.found;
    return status;
}

/* ---- tuning ---- */

typedef struct tuning {
    const xt_tune_job *job;
    const xt_ways_found *found;
    xt_tune_result *result;
    xt_tuned_form forms[XT_PRODUCT_WAYS]; /* by way; rate 0: not measured */
    bool tried[XT_PRODUCT_WAYS];
    size_t base; /* what suits, or where that fails the first that was measured; XT_PRODUCT_WAYS: none yet */
    double fastest; /* ratio so far */
    size_t n_begun;
} tuning;

static void begin_form(tuning *self, xt_tuned_form *form, const char *again)
{
    if (form->way == XT_PRODUCT_WAY_OWN)
        snprintf(form->words, sizeof form->words, "tiles of our own");
    else
        snprintf(form->words, sizeof form->words, "CLBlast, set %s", xt_product_way_name(form->way));
    char words[sizeof form->words + 16];
    snprintf(words, sizeof words, "%s%s", form->words, again);
    self->job->begin(self->job->teller, words, ++self->n_begun);
}

static void judge(tuning *self, xt_tuned_form *form, double rate)
{
    bool suits = form->way == self->found->suits;
    if (self->base == XT_PRODUCT_WAYS)
        self->base = form->way;
    form->rate = rate;
    form->ratio = rate / self->forms[self->base].rate;
    form->verdict = suits ? XT_TUNE_SUITS
                    : self->base == form->way || form->ratio >= clearly_faster * self->fastest ? XT_TUNE_FASTER
                                                                                              : XT_TUNE_NOT_FASTER;
    self->fastest = form->ratio > self->fastest ? form->ratio : self->fastest;
    self->result->n_measured += !suits;
}

/* What a process cannot do is no failure of tuning: the way is told to be none. */
static void try(tuning *self, size_t way)
{
    xt_tuned_form *form = &self->forms[way];
    xt_way_record record = {0};
    xt_err why;
    *form = (xt_tuned_form){.way = way, .verdict = XT_TUNE_FAILED};
    self->tried[way] = true;
    begin_form(self, form, "");
    xt_status status = send(self->job, way, &record, &why);
    if (!status)
        judge(self, form, record.rate);
    else if (*self->job->stop)
        return;
    else if (status == XT_DIFFERS)
        form->verdict = XT_TUNE_WRONG;
    self->job->tell(self->job->teller, form, status ? why.text : NULL);
}

/* One other is measured however little time there is: else nothing would be known. */
static bool is_over(const tuning *self)
{
    return *self->job->stop || (self->n_begun > 1 && xt_seconds() > self->job->until);
}

/* That which suits, then the one that was found before. */
static void try_all(tuning *self)
{
    try(self, self->found->suits);
    if (self->found->kept < XT_PRODUCT_WAYS && self->found->kept != self->found->suits && !is_over(self))
        try(self, self->found->kept);
    for (size_t way = 0; way < XT_PRODUCT_WAYS; way++)
        if (!self->tried[way]) {
            if (is_over(self))
                return;
            try(self, way);
        }
    self->result->complete = !*self->job->stop;
}

/* Again, one after the other; what is the ratio then, is the form's from now on where it is less. */
static xt_status measure_again(tuning *self, xt_tuned_form *form, xt_err *err)
{
    xt_tuned_form *base = &self->forms[self->base], *both[] = {base, form};
    double rates[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        xt_way_record record = {0};
        begin_form(self, both[i], ", again");
        xt_status status = send(self->job, both[i]->way, &record, err);
        if (status)
            return status;
        rates[i] = record.rate;
    }
    form->ratio = fmin(form->ratio, rates[1] / rates[0]);
    return XT_OK;
}

static xt_tuned_form *fastest_of(tuning *self)
{
    xt_tuned_form *best = &self->forms[self->base];
    for (size_t way = 0; way < XT_PRODUCT_WAYS; way++)
        if (self->forms[way].rate > 0 && self->forms[way].ratio > best->ratio)
            best = &self->forms[way];
    return best;
}

/* One that is as fast as what suits would be the fastest by noise now and then: it has to be faster each time. False: it
 * was interrupted before it was known. */
static bool confirm(tuning *self)
{
    const xt_tune_job *job = self->job;
    xt_tuned_form *base = &self->forms[self->base], *form;
    while ((form = fastest_of(self)) != base) {
        xt_err why;
        xt_status status = XT_OK;
        for (int i = 0; !status && i < CONFIRMATIONS && form->ratio >= clearly_faster; i++)
            status = measure_again(self, form, &why);
        if (*job->stop)
            return false;
        if (!status && form->ratio >= clearly_faster)
            break;
        if (status) {
            form->verdict = XT_TUNE_FAILED;
            job->tell(job->teller, form, why.text);
        }
        form->ratio = fmin(form->ratio, 1);
    }
    self->result->best = *form;
    return true;
}

static xt_status keep(const xt_tune_job *job, xt_tune_result *result, xt_err *err)
{
    const char *why;
    const xt_dataset batch = {.n_rows = job->plan->spec->batch_size};
    xt_context *context = NULL;
    xt_status status = xt_device_select(job->device, &result->device, err);
    if (!status)
        status = xt_context_open(&result->device, &context, err);
    if (status)
        return status;
    result->chosen = xt_engine_choose(job->plan, &batch, &result->device, &why);
    status = xt_tuned_keep_way(context, entry_of(job), batch.n_rows, result->best.way, err);
    result->kept = !status;
    xt_context_close(&context);
    return status;
}

xt_status xt_tune_ways(const xt_tune_job *job, const xt_ways_found *found, xt_tune_result *result, xt_err *err)
{
    tuning self = {.job = job, .found = found, .result = result, .base = XT_PRODUCT_WAYS};
    *result = (xt_tune_result){0};
    try_all(&self);
    if (self.base == XT_PRODUCT_WAYS && !*job->stop)
        return xt_fail(err, XT_FAILED, "no way of multiplying could be measured");
    if (!result->n_measured || *job->stop)
        return XT_OK;
    return confirm(&self) ? keep(job, result, err) : XT_OK;
}
