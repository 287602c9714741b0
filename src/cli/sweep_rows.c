#include "base/number.h"
#include "cli/sweep.h"
#include "model/columns.h"

#include <stdio.h>
#include <string.h>

/* Values that are measured, each with its column in loss.csv; at most so many. */
enum { MAX_MEASURED = 2 * (1 + XT_MAX_METRICS) };

static size_t measured_of(const xt_spec *spec, char (*names)[XT_COLUMN_BYTES + 4])
{
    char metrics[XT_MAX_METRICS][XT_COLUMN_BYTES];
    size_t n = 0;
    xt_metric_columns(spec, metrics);
    for (int i = -1; i < (int)spec->n_metrics; i++)
        for (int validation = 0; validation <= spec->validation.given; validation++)
            snprintf(names[n++], sizeof names[0], "%s%s", validation ? "val_" : "", i < 0 ? "loss" : metrics[i]);
    return n;
}

/* ---- columns ---- */

static bool has(const xt_search *search, const char *name)
{
    for (size_t i = 0; i < search->n_columns; i++)
        if (strcmp(search->columns[i], name) == 0)
            return true;
    return false;
}

static xt_status add(xt_search *search, const char *prefix, const char *name, xt_err *err)
{
    xt_buf text = {0};
    xt_buf_printf(&text, "%s%s", prefix, name);
    const char *copy = text.failed ? NULL : xt_arena_strdup(&search->arena, text.data);
    xt_buf_clear(&text);
    if (!copy)
        return xt_fail_memory(err, "the columns of trials.csv", 0);
    search->columns[search->n_columns++] = copy;
    return XT_OK;
}

/* What else has a column: a swept key of that name is told apart, as in a summary. */
static bool is_taken(const xt_search *search, const char *key)
{
    char names[MAX_MEASURED][XT_COLUMN_BYTES + 4];
    size_t n = measured_of(search->spec, names);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

static xt_status add_keys(xt_search *search, xt_err *err)
{
    xt_status status = add(search, "", "trial", err);
    for (size_t i = 0; !status && i < xt_space_n_keys(search->space); i++) {
        const char *key = xt_space_key(search->space, i);
        status = add(search, is_taken(search, key) ? "config." : "", key, err);
    }
    return !status && !has(search, "seed") ? add(search, "", "seed", err) : status;
}

static size_t column_of(const xt_search *search, const char *name)
{
    size_t i = 0;
    while (i < search->n_columns && strcmp(search->columns[i], name) != 0)
        i++;
    return i;
}

static xt_trial_end judge(const char *status)
{
    if (strcmp(status, xt_outcomes[XT_OUTCOME_FAILED]) == 0 || strcmp(status, xt_outcomes[XT_OUTCOME_DIVERGED]) == 0)
        return XT_TRIAL_FAILED;
    return strcmp(status, xt_outcomes[XT_OUTCOME_STOP_WHEN]) == 0 ? XT_TRIAL_REACHED : XT_TRIAL_ENDED;
}

/* A trial is as good as the model that it leaves: that of the last epoch, or of the best one. */
static xt_status rank_by(xt_search *search, xt_err *err)
{
    const xt_early_stopping *early = &search->spec->early_stopping;
    char name[XT_COLUMN_BYTES + 16];
    snprintf(name, sizeof name, "%s%s", early->given && early->restore_best ? "best_" : "", xt_space_metric(search->space));
    search->ranked = (xt_ranked_rows){.columns = search->columns,
                                      .n_columns = search->n_columns,
                                      .value = column_of(search, name),
                                      .status = column_of(search, "status"),
                                      .epochs = column_of(search, "epochs"),
                                      .gain = xt_space_maximizes(search->space),
                                      .n_trials = xt_space_count(search->space),
                                      .repeats = xt_space_repeats(search->space),
                                      .judge = judge};
    if (search->ranked.value == search->n_columns)
        return xt_fail(err, XT_BAD_CONFIG, "sweep.metric.name: no column %s in trials.csv", name);
    return XT_OK;
}

xt_status xt_search_columns(xt_search *search, xt_err *err)
{
    char names[MAX_MEASURED][XT_COLUMN_BYTES + 4];
    size_t n = measured_of(search->spec, names), most = xt_space_n_keys(search->space) + 2 * n + 6;
    search->columns = xt_arena_alloc(&search->arena, most, sizeof *search->columns);
    if (!search->columns)
        return xt_fail_memory(err, "the columns of trials.csv", most * sizeof *search->columns);
    xt_status status = add_keys(search, err);
    if (!status)
        status = add(search, "", "status", err);
    if (!status)
        status = add(search, "", "epochs", err);
    for (size_t i = 0; !status && i < n; i++)
        status = add(search, "", names[i], err);
    if (!status)
        status = add(search, "", "best_epoch", err);
    for (size_t i = 0; !status && i < n; i++)
        status = add(search, "best_", names[i], err);
    if (!status)
        status = add(search, "", "seconds", err);
    return status ? status : rank_by(search, err);
}

/* ---- cells ---- */

static void put_uint(xt_strings *row, bool known, uint64_t value)
{
    char number[XT_NUMBER_BYTES] = "";
    if (known)
        *xt_number_put_uint(number, value) = '\0';
    xt_strings_add(row, number);
}

/* What of the sweep's columns a row has. A trial may measure less than the sweep's configuration, or something else. */
static void put_measured(const xt_search *search, const xt_trial *trial, const xt_run_row *epoch, xt_strings *row)
{
    char names[MAX_MEASURED][XT_COLUMN_BYTES + 4], number[XT_NUMBER_BYTES];
    size_t n = measured_of(search->spec, names);
    for (size_t i = 0; i < n; i++) {
        xt_watched watched;
        double value;
        bool known = trial && epoch->epoch && xt_column_find(trial->plan.spec, names[i], &watched) &&
                     xt_row_value(epoch, watched, &value);
        if (known)
            xt_csv_number(value, number);
        xt_strings_add(row, known ? number : "");
    }
}

/* The seed of a trial that is not open is known where the sweep, or the configuration alone, says it. */
static void put_seed(const xt_search *search, uint64_t number, const xt_trial *trial, xt_strings *row)
{
    const xt_space *space = search->space;
    put_uint(row, true, trial                   ? trial->plan.spec->seed
                        : xt_space_seeds(space) ? xt_space_seed(space, number)
                                                : search->spec->seed);
}

void xt_search_key_cells(const xt_search *search, uint64_t number, const xt_trial *trial, xt_strings *row)
{
    const xt_space *space = search->space;
    bool has_seed = false;
    xt_buf value = {0};
    put_uint(row, true, number);
    for (size_t i = 0; i < xt_space_n_keys(space); i++) {
        xt_buf_reset(&value);
        xt_space_value(space, number, i, &value);
        xt_strings_add(row, xt_buf_text(&value));
        has_seed |= strcmp(xt_space_key(space, i), "seed") == 0;
    }
    if (!has_seed)
        put_seed(search, number, trial, row);
    row->text.failed |= value.failed;
    xt_buf_clear(&value);
}

void xt_search_cells(const xt_search *search, uint64_t number, const xt_trial *trial, const xt_trial_result *result,
                     xt_strings *row)
{
    char seconds[XT_NUMBER_BYTES];
    xt_search_key_cells(search, number, trial, row);
    xt_strings_add(row, xt_outcomes[result->end]);
    put_uint(row, true, result->epochs);
    put_measured(search, trial, &result->last, row);
    put_uint(row, result->best.epoch, result->best.epoch);
    put_measured(search, trial, &result->best, row);
    *xt_number_put_micros(seconds, result->seconds) = '\0';
    xt_strings_add(row, seconds);
}
