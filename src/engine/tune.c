#include "engine/tune.h"

#include "base/clock.h"
#include "engine/candidates.h"
#include "engine/engines.h"
#include "engine/tiled.h"
#include "engine/tuned.h"
#include "engine/verify.h"

/* Less than that is noise. */
static const double clearly_faster = 1.02;

typedef struct tuning {
    const xt_tune_job *job;
    xt_tune_result *result;
    xt_verifier *verifier;
    xt_race *race;
    xt_engine *best; /* open, of result->best */
    xt_candidates candidates;
    size_t n_begun; /* forms */
} tuning;

static void begin_form(tuning *self, xt_tuned_form *form)
{
    xt_tiles_describe(&form->tiles, form->words, sizeof form->words);
    self->job->begin(self->job->teller, form->words, ++self->n_begun);
}

static xt_status begin(tuning *self, const xt_tiles *suits, xt_err *err)
{
    xt_tune_result *result = self->result;
    const xt_gemm_form of = {.tiles = suits};
    result->best = (xt_tuned_form){.tiles = *suits, .verdict = XT_TUNE_SUITS, .ratio = 1};
    begin_form(self, &result->best);
    xt_status status = xt_verifier_open(&result->device, suits, &self->verifier, err);
    if (!status)
        status = xt_race_open(self->job->plan, &result->device, self->job->stop, &self->race, err);
    if (!status)
        status = xt_race_enter(self->race, &of, &self->best, err);
    if (!status)
        status = xt_race_alone(self->race, self->best, &result->best.rate, err);
    if (!status)
        self->job->tell(self->job->teller, &result->best, NULL);
    return status;
}

/* One that seems faster has to be so twice: of many that are as fast as the best one noise would make the fastest. */
static xt_status measure(tuning *self, xt_engine *engine, double *ratio, xt_err *err)
{
    double again;
    xt_status status = xt_race_run(self->race, self->best, engine, ratio, err);
    if (status || *ratio < clearly_faster)
        return status;
    status = xt_race_run(self->race, self->best, engine, &again, err);
    *ratio = again < *ratio ? again : *ratio;
    return status;
}

/* Becomes the best, or is closed. */
static void judge(tuning *self, xt_tuned_form *form, double ratio, xt_engine *engine)
{
    xt_tuned_form *best = &self->result->best;
    self->result->n_measured++;
    form->ratio = best->ratio * ratio;
    form->rate = best->rate * ratio;
    form->verdict = ratio >= clearly_faster ? XT_TUNE_FASTER : XT_TUNE_NOT_FASTER;
    if (form->verdict == XT_TUNE_FASTER) {
        *best = *form;
        xt_engine_close(&self->best);
        self->best = engine;
    } else {
        xt_engine_close(&engine);
    }
}

/* What a device cannot do is no failure of tuning: the form is told to be none. */
static void try(tuning *self, const xt_tiles *tiles)
{
    const xt_tune_job *job = self->job;
    const xt_gemm_form of = {.tiles = tiles};
    xt_tuned_form form = {.tiles = *tiles, .verdict = XT_TUNE_FAILED};
    xt_engine *engine = NULL;
    bool wrong = false;
    double ratio = 0;
    xt_err why;
    begin_form(self, &form);
    xt_status status = xt_verify(self->verifier, tiles, &wrong, &why);
    if (status == XT_DIFFERS)
        form.verdict = wrong ? XT_TUNE_WRONG : XT_TUNE_OTHER_BITS;
    if (!status)
        status = xt_race_enter(self->race, &of, &engine, &why);
    if (!status)
        status = measure(self, engine, &ratio, &why);
    if (!status && ratio > 0)
        judge(self, &form, ratio, engine);
    else
        xt_engine_close(&engine);
    if (status || ratio > 0)
        job->tell(job->teller, &form, status ? why.text : NULL);
}

/* One other form is measured however little time there is: else nothing would be known. */
static bool is_over(const tuning *self)
{
    return *self->job->stop || (self->n_begun > 1 && xt_seconds() > self->job->until);
}

static void try_all(tuning *self, const xt_tiles *kept)
{
    xt_tiles tiles = self->result->best.tiles;
    bool differs = kept && !xt_tiles_same(kept, &tiles);
    xt_candidates_begin(&self->candidates, &self->result->device, &tiles, kept);
    if (differs && !is_over(self))
        try(self, kept);
    while (!is_over(self)) {
        if (!xt_candidates_next(&self->candidates, &self->result->best.tiles, &tiles)) {
            self->result->complete = true;
            return;
        }
        try(self, &tiles);
    }
}

/* What is asked of the device before anything is measured. */
static xt_status prepare(const tuning *self, const xt_context *context, xt_tiles *suits, xt_err *err)
{
    const xt_device *device = &context->device;
    if (!xt_tiled_serves(device))
        return xt_fail(err, XT_FAILED, "on %s gemm does not multiply by tiles", device->name);
    if (!context->cache)
        return xt_fail(err, XT_FAILED, "there is no cache to keep what is found in: XORTRAIN_CACHE_DIR may name a directory");
    const char *why;
    const xt_dataset batch = {.n_rows = self->job->plan->spec->batch_size};
    self->result->device = *device;
    self->result->chosen = xt_engine_choose(self->job->plan, &batch, device, &why);
    return xt_tiles_suit(device, suits, err);
}

static xt_status tune(tuning *self, const xt_context *context, const xt_tiles *suits, xt_err *err)
{
    const xt_plan *entry = self->job->general ? NULL : self->job->plan;
    size_t rows = self->job->plan->spec->batch_size;
    xt_tiles kept = *suits;
    bool is_kept = xt_tuned_read(context, entry, rows, &kept);
    xt_status status = begin(self, suits, err);
    if (status)
        return status;
    try_all(self, is_kept ? &kept : NULL);
    /* Closed before: then the winner's kernels are in the cache. */
    xt_engine_close(&self->best);
    if (!self->result->n_measured)
        return XT_OK;
    status = xt_tuned_keep(context, entry, rows, &self->result->best.tiles, err);
    self->result->kept = !status;
    return status;
}

xt_status xt_tune(const xt_tune_job *job, xt_tune_result *result, xt_err *err)
{
    tuning self = {.job = job, .result = result};
    xt_device device;
    xt_context *context = NULL;
    xt_tiles suits;
    *result = (xt_tune_result){0};
    xt_status status = xt_device_select(job->device, &device, err);
    if (!status)
        status = xt_context_open(&device, &context, err);
    if (!status)
        status = prepare(&self, context, &suits, err);
    if (!status)
        status = tune(&self, context, &suits, err);
    xt_engine_close(&self.best);
    xt_race_close(&self.race);
    xt_verifier_close(&self.verifier);
    xt_context_close(&context);
    return status;
}
