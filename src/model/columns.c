#include "model/columns.h"

#include "model/metrics.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "val_";

void xt_metric_columns(const xt_spec *spec, char (*names)[XT_COLUMN_BYTES])
{
    for (size_t i = 0; i < spec->n_metrics; i++) {
        const char *name = xt_table_at(&xt_metrics, (size_t)spec->metrics[i].kind)->name;
        unsigned nth = 1;
        for (size_t j = 0; j < i; j++)
            nth += spec->metrics[j].kind == spec->metrics[i].kind;
        if (nth == 1)
            snprintf(names[i], XT_COLUMN_BYTES, "%s", name);
        else
            snprintf(names[i], XT_COLUMN_BYTES, "%s_%u", name, nth);
    }
}

bool xt_column_find(const xt_spec *spec, const char *name, xt_watched *out)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    xt_metric_columns(spec, names);
    bool validation = spec->validation.given && strncmp(name, prefix, sizeof prefix - 1) == 0;
    const char *rest = validation ? name + sizeof prefix - 1 : name;
    for (int i = -1; i < (int)spec->n_metrics; i++)
        if (strcmp(rest, i < 0 ? "loss" : names[i]) == 0) {
            *out = (xt_watched){validation, i};
            return true;
        }
    return false;
}

void xt_columns_list(const xt_spec *spec, xt_buf *out)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    xt_metric_columns(spec, names);
    for (int i = -1; i < (int)spec->n_metrics; i++) {
        const char *name = i < 0 ? "loss" : names[i];
        xt_buf_printf(out, "%s%s", i < 0 ? "" : ", ", name);
        if (spec->validation.given)
            xt_buf_printf(out, ", %s%s", prefix, name);
    }
}

bool xt_column_is_gain(const xt_spec *spec, xt_watched watched)
{
    return watched.metric >= 0 && xt_metric_is_gain(spec->metrics[watched.metric].kind);
}
