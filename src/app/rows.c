#include "app/rows.h"

#include "base/number.h"
#include "model/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static void print_number(double value, int digits, char *out)
{
    if (value != value)
        strcpy(out, "nan");
    else
        snprintf(out, 32, "%.*g", digits, value);
}

void xt_csv_number(double value, char *out)
{
    print_number(value, 9, out);
}

void xt_csv_header(const xt_spec *spec, xt_buf *out)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    xt_metric_columns(spec, names);
    xt_buf_puts(out, "epoch,loss");
    for (size_t i = 0; i < spec->n_metrics; i++)
        xt_buf_printf(out, ",%s", names[i]);
    xt_buf_puts(out, ",learning_rate,step,seconds\n");
}

void xt_csv_row(const xt_spec *spec, uint32_t epoch, const xt_epoch *row, double seconds, xt_buf *out)
{
    char number[32];
    xt_csv_number(row->loss, number);
    xt_buf_printf(out, "%" PRIu32 ",%s", epoch, number);
    for (size_t i = 0; i < spec->n_metrics; i++) {
        xt_csv_number(row->metrics[i], number);
        xt_buf_printf(out, ",%s", number);
    }
    xt_number_print(row->learning_rate, number);
    xt_buf_printf(out, ",%s,%" PRIu64 ",%.6f\n", number, row->step, seconds);
}

void xt_line_row(const xt_spec *spec, uint32_t epoch, const xt_epoch *row, xt_buf *out)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES], number[32];
    int width = snprintf(NULL, 0, "%" PRIu32, spec->epochs);
    xt_metric_columns(spec, names);
    print_number(row->loss, 8, number);
    xt_buf_printf(out, "epoch  %*" PRIu32 "/%" PRIu32 "  loss %s", width, epoch, spec->epochs, number);
    for (size_t i = 0; i < spec->n_metrics; i++) {
        print_number(row->metrics[i], 8, number);
        xt_buf_printf(out, "  %s %s", names[i], number);
    }
    xt_buf_puts(out, "\n");
}

bool xt_line_due(const xt_spec *spec, uint32_t epoch)
{
    /* About 20 lines in all where the config does not say. */
    uint32_t every = spec->log_every ? spec->log_every : spec->epochs / 20;
    return epoch == 1 || epoch == spec->epochs || every <= 1 || epoch % every == 0;
}
