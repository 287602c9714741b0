#include "app/checkpoint.h"

#include "app/model_file.h"
#include "base/clock.h"

#include <string.h>

const char xt_last[] = "last.safetensors", xt_previous[] = "previous.safetensors", xt_best[] = "best.safetensors";

/* The file of a checkpoint; out and progress need to be cleared in any case. */
static xt_status lay_out(const xt_checkpoints *c, const xt_moment *moment, const float *state, const float *best,
                         xt_buf *progress, xt_model_image *out, xt_err *err)
{
    xt_status status = xt_moment_print(moment, &c->now, progress, err);
    const xt_model_parts parts = {.plan = c->plan, .data = c->data, .config_yaml = c->config_yaml,
                                  .epoch = moment->epoch, .state = state, .progress = progress->data, .best = best};
    return status ? status : xt_model_lay_out(&parts, out, err);
}

/* The bytes of a file in blocks of a file system, with room for numbers that become longer. */
static uint64_t in_blocks(uint64_t n_bytes)
{
    enum { BLOCK = 4096, LONGER = 1024 };
    return (n_bytes + LONGER + BLOCK - 1) / BLOCK * BLOCK;
}

xt_status xt_checkpoints_check(const xt_checkpoints *c, const xt_moment *moment, const float *state, const float *best,
                               xt_err *err)
{
    const xt_checkpointing *wanted = &c->plan->spec->checkpoint;
    xt_buf progress = {0};
    xt_model_image image = {0};
    xt_status status = lay_out(c, moment, state, best, &progress, &image, err);
    if (!status) {
        /* While one is written its temporary file stands beside all others. */
        uint64_t checkpoint = in_blocks(image.n_bytes);
        uint64_t model = in_blocks(image.n_bytes - c->plan->n_slots * c->plan->n_params * sizeof *state);
        /* config.yaml, run.json, the one that will replace it, and the first rows. */
        uint64_t others = 3 * in_blocks(2 * strlen(c->config_yaml)) + in_blocks(0);
        uint64_t need = checkpoint * (wanted->keep + 1) + model * (wanted->best ? 2 : 1) + others;
        uint64_t taken = c->goes_on ? xt_outdir_taken(c->dir) : 0, left = xt_outdir_left(c->dir);
        if (need > taken && need - taken > left)
            status = xt_fail(err, XT_FAILED,
                             "%s: the model and its checkpoints will take %llu bytes, and its file system has %llu left",
                             c->dir->path, (unsigned long long)(need - taken), (unsigned long long)left);
    }
    xt_model_image_clear(&image);
    xt_buf_clear(&progress);
    return status;
}

bool xt_checkpoints_due(const xt_checkpoints *c, uint32_t epoch, double now)
{
    const xt_checkpointing *wanted = c->dir ? &c->plan->spec->checkpoint : NULL;
    return wanted && ((wanted->every && epoch % wanted->every == 0) ||
                      (wanted->every_seconds > 0 && now - c->at >= (double)wanted->every_seconds));
}

static xt_status write_best(xt_checkpoints *c, uint32_t epoch, const float *best, xt_err *err)
{
    xt_model_image image = {0};
    const xt_model_parts parts = {.plan = c->plan, .data = c->data, .config_yaml = c->config_yaml, .epoch = epoch,
                                  .state = best};
    xt_status status = xt_model_lay_out(&parts, &image, err);
    if (!status)
        status = xt_outdir_replace(c->dir, xt_best, NULL, image.spans, image.n_spans, err);
    if (!status)
        c->best_epoch = epoch;
    xt_model_image_clear(&image);
    return status;
}

xt_status xt_checkpoints_write(xt_checkpoints *c, const xt_moment *moment, const float *state, const float *best,
                               xt_err *err)
{
    const xt_checkpointing *wanted = &c->plan->spec->checkpoint;
    uint32_t best_epoch = moment->control.best_epoch;
    xt_buf progress = {0};
    xt_model_image image = {0};
    xt_status status = XT_OK;
    if (wanted->best && best && best_epoch != c->best_epoch)
        status = write_best(c, best_epoch, best, err);
    if (!status)
        status = lay_out(c, moment, state, best, &progress, &image, err);
    /* A damaged last one must not take the place of a sound previous one. */
    const char *older = wanted->keep > 1 && c->sound ? xt_previous : NULL;
    if (!status)
        status = xt_outdir_replace(c->dir, xt_last, older, image.spans, image.n_spans, err);
    if (!status)
        status = xt_outdir_sync(c->dir, err);
    if (!status) {
        c->sound = c->written = true;
        c->epoch = moment->epoch;
    }
    c->at = xt_seconds();
    xt_model_image_clear(&image);
    xt_buf_clear(&progress);
    return status;
}
