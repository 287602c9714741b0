#include "app/rows.h"

#include "model/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CSV_DIGITS = 9, LINE_DIGITS = 8 };

static char *put_text(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

void xt_row_style_init(xt_row_style *style, const xt_spec *spec)
{
    char columns[XT_MAX_ROW_COLUMNS][XT_ROW_COLUMN_BYTES];
    *style = (xt_row_style){.spec = spec, .width = snprintf(NULL, 0, "%" PRIu32, spec->epochs)};
    xt_metric_columns(spec, style->names);
    style->n_columns = xt_row_columns(spec, columns);
    for (size_t i = 0; i < style->n_columns; i++)
        strcpy(put_text(put_text(style->keys[i], i ? ",\"" : "{\""), columns[i]), "\":");
}

/* A nan in which its sign does not show. */
static char *put_number(char *at, double value, int digits)
{
    if (value == value)
        return xt_number_put(at, value, digits);
    memcpy(at, "nan", 3);
    return at + 3;
}

void xt_csv_number(double value, char *out)
{
    *put_number(out, value, CSV_DIGITS) = '\0';
}

bool xt_row_value(const xt_run_row *row, xt_watched watched, double *out)
{
    if (!row->epoch || (watched.validation && !row->validated))
        return false;
    if (watched.metric < 0)
        *out = watched.validation ? row->validation.loss : row->train.loss;
    else
        *out = watched.validation ? row->validation.metrics[watched.metric] : row->train.metrics[watched.metric];
    return true;
}

size_t xt_row_columns(const xt_spec *spec, char (*names)[XT_ROW_COLUMN_BYTES])
{
    static const char *const last[] = {"learning_rate", "step", "seconds"};
    char metrics[XT_MAX_METRICS][XT_COLUMN_BYTES];
    size_t n = 0;
    xt_metric_columns(spec, metrics);
    strcpy(names[n++], "epoch");
    for (int i = -1; i < (int)spec->n_metrics; i++) {
        const char *name = i < 0 ? "loss" : metrics[i];
        strcpy(names[n++], name);
        if (spec->validation.given)
            snprintf(names[n++], XT_ROW_COLUMN_BYTES, "val_%s", name);
    }
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        strcpy(names[n++], last[i]);
    return n;
}

void xt_csv_header(const xt_spec *spec, xt_buf *out)
{
    char names[XT_MAX_ROW_COLUMNS][XT_ROW_COLUMN_BYTES];
    size_t n = xt_row_columns(spec, names);
    for (size_t i = 0; i < n; i++)
        xt_buf_printf(out, "%s%s", i ? "," : "", names[i]);
    xt_buf_puts(out, "\n");
}

/* The text of a learning rate takes some tries to find, and stays for long. */
static const char *rate_text(xt_row_style *style, float learning_rate)
{
    if (!*style->rate || memcmp(&learning_rate, &style->learning_rate, sizeof learning_rate) != 0) {
        xt_number_print(learning_rate, style->rate);
        style->learning_rate = learning_rate;
    }
    return style->rate;
}

/* The validation's cell: empty where it was not measured. */
static char *put_validation(char *at, const xt_row_style *style, const xt_run_row *row, double value)
{
    if (!style->spec->validation.given)
        return at;
    *at++ = ',';
    return row->validated ? put_number(at, value, CSV_DIGITS) : at;
}

void xt_csv_row(xt_row_style *style, const xt_run_row *row, double seconds, xt_buf *out, xt_buf *losses)
{
    char *at = xt_buf_room(out, XT_MAX_ROW_COLUMNS * (XT_NUMBER_BYTES + 1));
    char *loss = xt_buf_room(losses, XT_NUMBER_BYTES + 1);
    if (!at || !loss)
        return;
    char *end = put_number(loss, row->train.loss, CSV_DIGITS);
    size_t n = (size_t)(end - loss);
    *end = '\n';
    xt_buf_end(losses, end + 1);
    at = xt_number_put_uint(at, row->epoch);
    *at++ = ',';
    memcpy(at, loss, n);
    at = put_validation(at + n, style, row, row->validation.loss);
    for (size_t i = 0; i < style->spec->n_metrics; i++) {
        *at++ = ',';
        at = put_number(at, row->train.metrics[i], CSV_DIGITS);
        at = put_validation(at, style, row, row->validation.metrics[i]);
    }
    *at++ = ',';
    at = put_text(at, rate_text(style, row->train.learning_rate));
    *at++ = ',';
    at = xt_number_put_uint(at, row->train.step);
    *at++ = ',';
    at = xt_number_put_micros(at, seconds);
    *at++ = '\n';
    xt_buf_end(out, at);
}

void xt_json_row(const xt_row_style *style, const char *csv, size_t n_bytes, xt_buf *out)
{
    char *at = xt_buf_room(out, n_bytes + XT_MAX_ROW_COLUMNS * (sizeof style->keys[0] + sizeof "null"));
    if (!at)
        return;
    for (size_t i = 0; i < style->n_columns; i++) {
        size_t n = 0;
        while (csv[n] != ',' && csv[n] != '\n')
            n++;
        at = put_text(at, style->keys[i]);
        /* Only a number ends with a digit. */
        if (n && csv[n - 1] >= '0' && csv[n - 1] <= '9') {
            memcpy(at, csv, n);
            at += n;
        } else {
            at = put_text(at, "null");
        }
        csv += n + 1;
    }
    at = put_text(at, "}\n");
    xt_buf_end(out, at);
}

/* "  val_loss 0.3" */
static char *put_value(char *at, const char *prefix, const char *name, double value)
{
    at = put_text(at, "  ");
    at = put_text(at, prefix);
    at = put_text(at, name);
    *at++ = ' ';
    return put_number(at, value, LINE_DIGITS);
}

enum { VALUE_BYTES = XT_NUMBER_BYTES + XT_COLUMN_BYTES + 8 };

void xt_line_row(const xt_row_style *style, const xt_run_row *row, xt_buf *out)
{
    char number[XT_NUMBER_BYTES];
    const xt_spec *spec = style->spec;
    char *at = xt_buf_room(out, 32 + 2 * XT_NUMBER_BYTES + 2 * (1 + XT_MAX_METRICS) * VALUE_BYTES);
    if (!at)
        return;
    at = put_text(at, "epoch  ");
    int n = (int)(xt_number_put_uint(number, row->epoch) - number);
    for (int i = n; i < style->width; i++)
        *at++ = ' ';
    memcpy(at, number, (size_t)n);
    at += n;
    *at++ = '/';
    at = xt_number_put_uint(at, spec->epochs);
    for (int i = -1; i < (int)spec->n_metrics; i++) {
        const char *name = i < 0 ? "loss" : style->names[i];
        at = put_value(at, "", name, i < 0 ? row->train.loss : row->train.metrics[i]);
        if (row->validated)
            at = put_value(at, "val_", name, i < 0 ? row->validation.loss : row->validation.metrics[i]);
    }
    *at++ = '\n';
    xt_buf_end(out, at);
}

void xt_line_measured(const xt_spec *spec, const xt_measured *scores, xt_buf *out)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    xt_metric_columns(spec, names);
    char *start = xt_buf_room(out, (1 + XT_MAX_METRICS) * VALUE_BYTES), *at = start;
    if (!start)
        return;
    for (int i = -1; i < (int)spec->n_metrics; i++)
        at = put_value(at, "", i < 0 ? "loss" : names[i], i < 0 ? scores->loss : scores->metrics[i]);
    /* Each value has two blanks before it: the first one's are the caller's. */
    memmove(start, start + 2, (size_t)(at - start) - 2);
    xt_buf_end(out, at - 2);
}

bool xt_line_due(const xt_spec *spec, uint32_t epoch)
{
    /* About 20 lines in all where the config does not say. */
    uint32_t every = spec->log_every ? spec->log_every : spec->epochs / 20;
    return epoch == 1 || epoch == spec->epochs || every <= 1 || epoch % every == 0;
}
