#include "cli/preview.h"

#include "base/text.h"
#include "cli/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- where rows are from ---- */

static void describe_dropped(const xt_dataset *data, xt_buf *out)
{
    if (data->n_dropped)
        xt_buf_printf(out, ", %zu with a missing value left out", data->n_dropped);
}

static void describe_part(const char *name, const xt_part *given, const xt_dataset *part, xt_buf *out)
{
    if (!part->n_rows)
        return;
    xt_describe_label(name, out);
    xt_buf_printf(out, "%zu %s ", part->n_rows, xt_rows_noun(part->n_rows));
    if (given->split > 0) {
        xt_buf_printf(out, "of them, a share of %.6g%s", (double)given->split, given->stratify ? " of each class" : "");
    } else {
        xt_buf_printf(out, "from %s", part->origin);
        describe_dropped(part, out);
    }
    xt_buf_puts(out, "\n");
}

static void describe_rows(const xt_session *session, xt_buf *out)
{
    const xt_spec *spec = session->spec;
    const xt_parts *parts = &session->parts;
    size_t n_split = (spec->validation.split > 0 ? parts->validation.n_rows : 0) +
                     (spec->test.split > 0 ? parts->test.n_rows : 0);
    xt_describe_label("data", out);
    xt_buf_printf(out, "%zu %s from %s", parts->train.n_rows + n_split, xt_rows_noun(parts->train.n_rows + n_split),
                  parts->train.origin);
    describe_dropped(&parts->train, out);
    if (n_split)
        xt_buf_printf(out, "; %zu to train on", parts->train.n_rows);
    xt_buf_puts(out, "\n");
    describe_part("validation", &spec->validation, &parts->validation, out);
    describe_part("test", &spec->test, &parts->test, out);
}

/* ---- columns ---- */

/* One line of the table; numbers that are nan stay empty. */
typedef struct entry {
    const char *name, *role;
    char type[40];
    size_t n_missing;
    double low, high, mean;
} entry;

enum { MIN_NAME = 4, MAX_NAME = 40, NUMBER = 12 }; /* what -1.23457e-05 takes */

/* The numbers of a column of a table without facts, as the network gets them. */
static void measure(const float *values, size_t stride, size_t n_rows, entry *out)
{
    double sum = 0;
    out->low = out->high = (double)values[0];
    for (size_t i = 0; i < n_rows; i++) {
        double value = (double)values[i * stride];
        out->low = fmin(out->low, value);
        out->high = fmax(out->high, value);
        sum += value;
    }
    out->mean = sum / (double)n_rows;
}

static void take_facts(const xt_column_facts *facts, entry *out)
{
    out->n_missing = facts->n_missing;
    out->low = facts->low;
    out->high = facts->high;
    out->mean = facts->mean;
}

static entry input_entry(const xt_dataset *data, size_t i)
{
    const xt_input_column *column = data->encoding ? &data->encoding->columns[i] : NULL;
    entry out = {.name = column ? column->name : data->input_names[i], .role = "input", .low = (double)NAN,
                .high = (double)NAN, .mean = (double)NAN};
    if (column && column->n_values)
        snprintf(out.type, sizeof out.type, "one-hot of %zu", column->n_values);
    else
        snprintf(out.type, sizeof out.type, "number");
    if (data->input_facts)
        take_facts(&data->input_facts[i], &out);
    else if (!column || (!column->n_values && !data->encoding->offset))
        measure(data->inputs + (column ? column->at : i), data->n_inputs, data->n_rows, &out);
    return out;
}

static entry target_entry(const xt_dataset *data, size_t i)
{
    size_t n_classes = data->encoding ? data->encoding->n_classes : 0;
    entry out = {.name = data->target_names[i], .role = "target", .low = (double)NAN, .high = (double)NAN,
                .mean = (double)NAN};
    if (n_classes)
        snprintf(out.type, sizeof out.type, "class of %zu", n_classes);
    else
        snprintf(out.type, sizeof out.type, "number");
    if (n_classes)
        out.n_missing = data->target_facts ? data->target_facts[i].n_missing : 0;
    else if (data->target_facts)
        take_facts(&data->target_facts[i], &out);
    else
        measure(data->targets + i, data->n_targets, data->n_rows, &out);
    return out;
}

static void print_number(double value, xt_buf *out)
{
    if (isnan(value))
        xt_buf_printf(out, "%*s", NUMBER + 1, "");
    else
        xt_buf_printf(out, " %*.6g", NUMBER, value);
}

/* Without blanks at its end. */
static void end_line(xt_buf *out)
{
    while (!out->failed && out->len && out->data[out->len - 1] == ' ')
        out->len--;
    xt_buf_puts(out, "\n");
}

static void print_line(const entry *line, size_t width, xt_buf *out)
{
    xt_describe_label("", out);
    xt_describe_padded(line->name, width, out);
    xt_buf_printf(out, "  %-6s  %-12s %7zu", line->role, line->type, line->n_missing);
    print_number(line->low, out);
    print_number(line->high, out);
    print_number(line->mean, out);
    end_line(out);
}

static size_t name_width(const xt_dataset *data, size_t n_inputs, size_t n_targets)
{
    size_t most = MIN_NAME;
    for (size_t i = 0; i < n_inputs + n_targets; i++) {
        size_t n = xt_text_width(i < n_inputs ? input_entry(data, i).name : data->target_names[i - n_inputs]);
        most = n > most ? n : most;
    }
    return most < MAX_NAME ? most : MAX_NAME;
}

/* What the columns that are not shown have in common: their range. */
static void print_more(const xt_dataset *data, size_t first, size_t n, bool targets, xt_buf *out)
{
    double low = (double)NAN, high = (double)NAN;
    size_t n_missing = 0;
    if (first >= n)
        return;
    for (size_t i = first; i < n; i++) {
        entry one = targets ? target_entry(data, i) : input_entry(data, i);
        low = fmin(low, one.low); /* a nan does not count */
        high = fmax(high, one.high);
        n_missing += one.n_missing;
    }
    xt_describe_label("", out);
    xt_buf_printf(out, "and %zu more %s", n - first, targets ? "targets" : "inputs");
    if (!isnan(low))
        xt_buf_printf(out, ", from %.6g to %.6g", low, high);
    if (n_missing)
        xt_buf_printf(out, ", %zu values missing", n_missing);
    xt_buf_puts(out, "\n");
}

static size_t shown(size_t n)
{
    return n < XT_SHOWN_COLUMNS ? n : XT_SHOWN_COLUMNS;
}

static void print_columns(const xt_dataset *data, xt_buf *out)
{
    size_t n_inputs = data->encoding ? data->encoding->n_columns : data->n_inputs;
    size_t n_targets = data->encoding ? data->encoding->n_target_columns : data->n_targets;
    size_t width = name_width(data, shown(n_inputs), shown(n_targets));
    xt_describe_label("columns", out);
    xt_describe_padded("name", width, out);
    xt_buf_printf(out, "  %-6s  %-12s %7s %*s %*s %*s\n", "role", "type", "missing", NUMBER, "lowest", NUMBER, "highest",
                  NUMBER, "mean");
    for (size_t i = 0; i < shown(n_inputs); i++) {
        entry one = input_entry(data, i);
        print_line(&one, width, out);
    }
    print_more(data, shown(n_inputs), n_inputs, false, out);
    for (size_t i = 0; i < shown(n_targets); i++) {
        entry one = target_entry(data, i);
        print_line(&one, width, out);
    }
    print_more(data, shown(n_targets), n_targets, true, out);
}

/* ---- classes ---- */

static void print_share(const xt_dataset *part, size_t class, xt_buf *out)
{
    if (part->n_rows && part->class_rows)
        xt_buf_printf(out, " %8zu %5.1f%%", part->class_rows[class],
                      100 * (double)part->class_rows[class] / (double)part->n_rows);
}

static void print_classes(const xt_parts *parts, xt_buf *out)
{
    static const char *const names[] = {"train", "validation", "test"};
    const xt_dataset *const all[] = {&parts->train, &parts->validation, &parts->test};
    const xt_encoding *encoding = parts->train.encoding;
    size_t n = encoding ? encoding->n_classes : 0, width = MIN_NAME;
    if (!n)
        return;
    for (size_t i = 0; i < shown(n); i++)
        width = xt_text_width(encoding->classes[i]) > width ? xt_text_width(encoding->classes[i]) : width;
    width = width < MAX_NAME ? width : MAX_NAME;
    xt_describe_label("classes", out);
    xt_describe_padded("name", width, out);
    for (size_t k = 0; k < 3; k++)
        if (all[k]->n_rows && all[k]->class_rows)
            xt_buf_printf(out, " %15s", names[k]);
    xt_buf_puts(out, "\n");
    for (size_t i = 0; i < shown(n); i++) {
        xt_describe_label("", out);
        xt_describe_padded(encoding->classes[i], width, out);
        for (size_t k = 0; k < 3; k++)
            print_share(all[k], i, out);
        xt_buf_puts(out, "\n");
    }
    if (n > shown(n)) {
        xt_describe_label("", out);
        xt_buf_printf(out, "and %zu more\n", n - shown(n));
    }
}

/* ---- all of it ---- */

void xt_preview_data(const xt_session *session, xt_buf *out)
{
    describe_rows(session, out);
    print_columns(&session->parts.train, out);
    print_classes(&session->parts, out);
    xt_describe_label("normalize", out);
    xt_buf_printf(out, "%s\n", xt_describe_normalize(session->spec->normalize));
}

static size_t bytes_of(const xt_dataset *data)
{
    size_t values = data->n_inputs + data->n_targets + (data->weights ? 1 : 0) + (data->loss_targets ? data->n_targets : 0);
    return data->n_rows * values * sizeof(float);
}

size_t xt_preview_host_bytes(const xt_parts *parts)
{
    return bytes_of(&parts->train) + bytes_of(&parts->validation) + bytes_of(&parts->test);
}
