#include "app/rows.h"

#include "model/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CSV_DIGITS = 9, LINE_DIGITS = 8 };

void xt_row_style_init(xt_row_style *style, const xt_spec *spec)
{
    *style = (xt_row_style){.spec = spec, .width = snprintf(NULL, 0, "%" PRIu32, spec->epochs)};
    xt_metric_columns(spec, style->names);
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

static char *put_text(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
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

/* The text of a learning rate takes some tries to find, and stays for long. */
static const char *rate_text(xt_row_style *style, float learning_rate)
{
    if (!*style->rate || memcmp(&learning_rate, &style->learning_rate, sizeof learning_rate) != 0) {
        xt_number_print(learning_rate, style->rate);
        style->learning_rate = learning_rate;
    }
    return style->rate;
}

void xt_csv_row(xt_row_style *style, uint32_t epoch, const xt_epoch *row, double seconds, xt_buf *out, xt_buf *losses)
{
    char *at = xt_buf_room(out, (5 + XT_MAX_METRICS) * (XT_NUMBER_BYTES + 1));
    char *loss = xt_buf_room(losses, XT_NUMBER_BYTES + 1);
    if (!at || !loss)
        return;
    char *end = put_number(loss, row->loss, CSV_DIGITS);
    size_t n = (size_t)(end - loss);
    *end = '\n';
    xt_buf_end(losses, end + 1);
    at = xt_number_put_uint(at, epoch);
    *at++ = ',';
    memcpy(at, loss, n);
    at += n;
    for (size_t i = 0; i < style->spec->n_metrics; i++) {
        *at++ = ',';
        at = put_number(at, row->metrics[i], CSV_DIGITS);
    }
    *at++ = ',';
    at = put_text(at, rate_text(style, row->learning_rate));
    *at++ = ',';
    at = xt_number_put_uint(at, row->step);
    *at++ = ',';
    at = xt_number_put_micros(at, seconds);
    *at++ = '\n';
    xt_buf_end(out, at);
}

void xt_line_row(const xt_row_style *style, uint32_t epoch, const xt_epoch *row, xt_buf *out)
{
    char number[XT_NUMBER_BYTES];
    const xt_spec *spec = style->spec;
    char *at = xt_buf_room(out, 32 + (3 + XT_MAX_METRICS) * (XT_NUMBER_BYTES + XT_COLUMN_BYTES));
    if (!at)
        return;
    at = put_text(at, "epoch  ");
    int n = (int)(xt_number_put_uint(number, epoch) - number);
    for (int i = n; i < style->width; i++)
        *at++ = ' ';
    memcpy(at, number, (size_t)n);
    at += n;
    *at++ = '/';
    at = xt_number_put_uint(at, spec->epochs);
    at = put_text(at, "  loss ");
    at = put_number(at, row->loss, LINE_DIGITS);
    for (size_t i = 0; i < spec->n_metrics; i++) {
        at = put_text(at, "  ");
        at = put_text(at, style->names[i]);
        *at++ = ' ';
        at = put_number(at, row->metrics[i], LINE_DIGITS);
    }
    *at++ = '\n';
    xt_buf_end(out, at);
}

bool xt_line_due(const xt_spec *spec, uint32_t epoch)
{
    /* About 20 lines in all where the config does not say. */
    uint32_t every = spec->log_every ? spec->log_every : spec->epochs / 20;
    return epoch == 1 || epoch == spec->epochs || every <= 1 || epoch % every == 0;
}
