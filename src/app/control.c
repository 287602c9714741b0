#include "app/control.h"

#include <math.h>

static xt_status find(const xt_spec *spec, const char *key, const char *name, xt_watched *out, xt_err *err)
{
    if (xt_column_find(spec, name, out))
        return XT_OK;
    xt_buf list = {0};
    xt_columns_list(spec, &list);
    xt_status status = xt_fail(err, XT_BAD_CONFIG, "%s: there is no column '%s'; there are: %s", key, name,
                               xt_buf_text(&list));
    xt_buf_clear(&list);
    return status;
}

xt_status xt_control_init(xt_control *out, const xt_spec *spec, xt_err *err)
{
    const xt_early_stopping *early = &spec->early_stopping;
    const char *plateau = xt_plateau_monitor(&spec->schedule);
    xt_control control = {.spec = spec, .monitor = {false, -1}, .has_plateau = plateau};
    xt_status status = XT_OK;
    if (early->given)
        status = find(spec, "early_stopping.monitor", early->monitor, &control.monitor, err);
    else if (spec->checkpoint.best)
        status = find(spec, "checkpoint.best", spec->checkpoint.best, &control.monitor, err);
    for (size_t i = 0; !status && i < spec->n_limits; i++)
        status = find(spec, "stop_when", spec->limits[i].column, &control.limits[i], err);
    if (!status && plateau)
        status = find(spec, "schedule.monitor", plateau, &control.plateau_column, err);
    if (status)
        return status;
    control.gain = early->given && early->mode != XT_MODE_AUTO ? early->mode == XT_MODE_MAX
                                                               : xt_column_is_gain(spec, control.monitor);
    control.best = control.gain ? -HUGE_VAL : HUGE_VAL;
    control.plateau_gain = plateau && xt_column_is_gain(spec, control.plateau_column);
    xt_plateau_begin(&control.plateau);
    *out = control;
    return XT_OK;
}

bool xt_control_restores_best(const xt_spec *spec)
{
    return spec->early_stopping.given && spec->early_stopping.restore_best;
}

bool xt_control_keeps_best(const xt_spec *spec)
{
    return xt_control_restores_best(spec) || spec->checkpoint.best;
}

bool xt_control_decides(const xt_control *control)
{
    return control->spec->early_stopping.given || control->spec->n_limits || control->has_plateau;
}

bool xt_control_ends_by_training(const xt_control *control)
{
    bool ends = control->spec->early_stopping.given && !control->monitor.validation;
    for (size_t i = 0; i < control->spec->n_limits; i++)
        ends = ends || !control->limits[i].validation;
    return ends;
}

bool xt_control_watches_metrics(const xt_control *control)
{
    bool watches = control->monitor.metric >= 0 || (control->has_plateau && control->plateau_column.metric >= 0);
    for (size_t i = 0; i < control->spec->n_limits; i++)
        watches = watches || control->limits[i].metric >= 0;
    return watches;
}

bool xt_control_validates(const xt_spec *spec, uint32_t epoch)
{
    uint32_t every = spec->validate_every ? spec->validate_every : 1;
    return spec->validation.given && (epoch % every == 0 || epoch == spec->epochs);
}

/* The next multiple of `every` after done, or `end` where that comes first. */
static uint32_t next_of(uint32_t every, uint32_t done, uint32_t end)
{
    uint32_t left = every - done % every;
    return end - done < left ? end : done + left;
}

/* An end within a chunk can be gone back to; what follows from a row cannot wait. */
uint32_t xt_control_reach(const xt_control *control, uint32_t done)
{
    const xt_spec *spec = control->spec;
    uint32_t reach = spec->epochs;
    if ((xt_control_keeps_best(spec) && !control->monitor.validation) ||
        (control->has_plateau && !control->plateau_column.validation))
        return done + 1;
    if (spec->validation.given)
        reach = next_of(spec->validate_every ? spec->validate_every : 1, done, reach);
    return spec->checkpoint.every ? next_of(spec->checkpoint.every, done, reach) : reach;
}

static void watch_best(xt_control *control, const xt_run_row *row, double value)
{
    const xt_early_stopping *early = &control->spec->early_stopping;
    double delta = early->given ? (double)early->min_delta : 0;
    control->improved = isfinite(value) && (control->gain ? value > control->best + delta
                                                          : value < control->best - delta);
    if (control->improved) {
        control->best = value;
        control->best_epoch = row->epoch;
        control->waited = 0;
    } else if (early->given && ++control->waited >= early->patience) {
        control->ended = true;
        control->limit = -1;
    }
}

static void watch_limits(xt_control *control, const xt_run_row *row)
{
    for (size_t i = 0; i < control->spec->n_limits; i++) {
        const xt_limit *limit = &control->spec->limits[i];
        double value;
        if (!xt_row_value(row, control->limits[i], &value) ||
            !(limit->above ? value > limit->value : value < limit->value))
            continue;
        control->ended = true;
        control->limit = (int)i;
        return;
    }
}

void xt_control_look_back(xt_control *control, const xt_run_row *last)
{
    const xt_early_stopping *early = &control->spec->early_stopping;
    control->improved = false;
    control->ended = early->given && control->waited >= early->patience;
    control->limit = -1;
    watch_limits(control, last);
}

void xt_control_add(xt_control *control, const xt_run_row *row)
{
    double value;
    control->improved = false;
    if (xt_row_value(row, control->monitor, &value))
        watch_best(control, row, value);
    watch_limits(control, row);
    if (control->has_plateau && xt_row_value(row, control->plateau_column, &value))
        xt_plateau_add(&control->plateau, &control->spec->schedule, value, control->plateau_gain);
}

float xt_control_rate_scale(const xt_control *control)
{
    return (float)control->plateau.factor;
}

void xt_control_reason(const xt_control *control, xt_buf *out)
{
    if (!control->ended)
        return;
    if (control->limit < 0) {
        xt_buf_puts(out, "early_stopping");
        return;
    }
    const xt_limit *limit = &control->spec->limits[control->limit];
    xt_buf_printf(out, "stop_when %s %s %.9g", limit->column, limit->above ? "above" : "below", limit->value);
}
