#include "data/encode.h"
#include "data/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *keep(xt_arena *arena, const char *text, bool *failed)
{
    const char *kept = xt_arena_strdup(arena, text);
    *failed = *failed || !kept;
    return kept;
}

/* ---- targets ---- */

/* The codes of one column become those of its sorted values, of which only those
 * with used[code] are left. */
static xt_status sort_values(xt_table_column *column, const unsigned char *used, float *codes, size_t n_rows,
                             size_t stride, xt_err *err)
{
    long *code = malloc((column->values.n + 1) * sizeof *code);
    if (!code)
        return xt_fail_memory(err, "the values of a column", column->values.n * sizeof *code);
    xt_status status = xt_texts_sort(&column->values, used, code, err);
    for (size_t i = 0; !status && i < n_rows; i++)
        codes[i * stride] = (float)code[(size_t)codes[i * stride]];
    free(code);
    return status;
}

static xt_status sort_classes(xt_raw *raw, xt_table_column *column, xt_err *err)
{
    unsigned char *used = calloc(column->values.n + 1, 1);
    if (!used)
        return xt_fail_memory(err, "the classes", column->values.n);
    for (size_t i = 0; i < raw->n_rows; i++)
        used[(size_t)raw->targets[i]] = 1;
    xt_status status = sort_values(column, used, raw->targets, raw->n_rows, 1, err);
    free(used);
    return status;
}

static bool all_zero_or_one(const float *values, size_t n)
{
    size_t i = 0;
    while (i < n && (values[i] == 0 || values[i] == 1))
        i++;
    return i == n;
}

/* How many classes one target says, 0 where it is a number. */
static size_t count_classes(const xt_raw *raw, const xt_spec *spec)
{
    const xt_table_column *column = raw->cells.columns + raw->cells.n_inputs;
    if (column->kind == XT_COLUMN_TEXTS)
        return column->values.n;
    if (column->n_whole)
        return column->n_whole;
    bool binary = xt_last_units(spec) == 1 && xt_last_is(spec, "sigmoid");
    return binary && all_zero_or_one(raw->targets, raw->n_rows) ? 2 : 0;
}

static xt_status name_classes(const xt_table_column *column, const xt_spec *spec, xt_arena *arena, xt_encoding *out,
                              xt_err *err)
{
    const char **classes = xt_arena_alloc(arena, out->n_classes, sizeof *classes);
    bool failed = !classes;
    for (size_t i = 0; !failed && i < out->n_classes; i++) {
        char number[32];
        snprintf(number, sizeof number, "%zu", i);
        classes[i] = keep(arena, out->classes_are_text ? column->values.at[i].text : spec->n_classes ? spec->classes[i] : number,
                          &failed);
    }
    out->classes = classes;
    return failed ? xt_fail_memory(err, "the classes", 0) : XT_OK;
}

/* As many units as classes, or one for two of them. */
static xt_status check_units(const xt_raw *raw, const xt_spec *spec, const xt_encoding *encoding, xt_err *err)
{
    size_t units = xt_last_units(spec), n = encoding->n_classes;
    xt_buf list = {0};
    if (n == 1)
        return xt_fail(err, XT_BAD_DATA, "%s: all targets are of one class, %s: there is nothing to tell apart",
                       raw->cells.name, xt_show(encoding->classes[0]).text);
    if (units == n || (units == 1 && n == 2))
        return XT_OK;
    for (size_t i = 0; i < n && xt_show_item(encoding->classes[i], i, n, 0, &list); i++)
        continue;
    xt_fail(err, XT_BAD_CONFIG, "model.layers.%zu.units: the last layer has %zu unit%s, but the target %s has %zu classes: %s",
            spec->n_layers - 1, units, units == 1 ? "" : "s", xt_show(encoding->target_names[0]).text, n,
            xt_buf_text(&list));
    xt_buf_clear(&list);
    return XT_BAD_CONFIG;
}

xt_status xt_fit_targets(xt_raw *raw, const xt_spec *spec, xt_arena *arena, xt_encoding *out, xt_err *err)
{
    size_t n = raw->cells.n_targets;
    xt_table_column *columns = raw->cells.columns + raw->cells.n_inputs;
    const char **names = xt_arena_alloc(arena, n, sizeof *names);
    bool failed = !names;
    for (size_t i = 0; !failed && i < n; i++)
        names[i] = keep(arena, columns[i].name, &failed);
    if (failed)
        return xt_fail_memory(err, "the names of columns", 0);
    out->target_names = names;
    out->n_targets = out->n_target_columns = n;
    if (n != 1)
        return XT_OK;
    xt_status status = XT_OK;
    out->classes_are_text = columns->kind == XT_COLUMN_TEXTS;
    if (out->classes_are_text && !columns->values.closed)
        status = sort_classes(raw, columns, err);
    out->n_classes = count_classes(raw, spec);
    if (status || !out->n_classes)
        return status;
    out->n_targets = xt_last_units(spec);
    status = name_classes(columns, spec, arena, out, err);
    return status ? status : check_units(raw, spec, out, err);
}

/* ---- what the columns hold ---- */

typedef struct stats {
    size_t n;              /* values that are not missing */
    double low, high, sum; /* nan, nan, 0 where there are none */
    double mean;
    double squares;        /* sum of squared distances from the mean */
    double drift;          /* sum of distances from a mean that was rounded */
} stats;

/* Row by row: the columns of a wide table lie far apart. */
static void measure(const float *values, size_t n_columns, const unsigned char *part, size_t n_rows, stats *of)
{
    for (size_t j = 0; j < n_columns; j++)
        of[j] = (stats){.low = (double)NAN, .high = (double)NAN, .mean = (double)NAN};
    for (size_t i = 0; i < n_rows; i++) {
        const float *row = values + i * n_columns;
        for (size_t j = 0; part[i] == XT_PART_TRAIN && j < n_columns; j++) {
            double x = (double)row[j];
            if (isnan(x))
                continue;
            of[j].n++;
            of[j].sum += x;
            of[j].low = x >= of[j].low ? of[j].low : x;
            of[j].high = x <= of[j].high ? of[j].high : x;
        }
    }
    for (size_t j = 0; j < n_columns; j++)
        if (of[j].n)
            of[j].mean = of[j].sum / (double)of[j].n;
    for (size_t i = 0; i < n_rows; i++) {
        const float *row = values + i * n_columns;
        for (size_t j = 0; part[i] == XT_PART_TRAIN && j < n_columns; j++) {
            double d = (double)row[j] - of[j].mean;
            if (isnan(d))
                continue;
            of[j].drift += d;
            of[j].squares += d * d;
        }
    }
    for (size_t j = 0; j < n_columns; j++) {
        if (!of[j].n)
            continue;
        double n = (double)of[j].n;
        of[j].mean += of[j].drift / n;
        of[j].squares -= of[j].drift * of[j].drift / n;
    }
}

static xt_column_facts facts_of(const xt_table_column *column, const char *name, size_t n_values, const stats *of)
{
    bool text = column->kind == XT_COLUMN_TEXTS;
    return (xt_column_facts){.name = name,
                             .n_missing = column->n_missing,
                             .n_values = n_values,
                             .low = text ? (double)NAN : of->low,
                             .high = text ? (double)NAN : of->high,
                             .mean = text ? (double)NAN : of->mean};
}

xt_status xt_target_facts(const xt_raw *raw, const unsigned char *part, const xt_encoding *encoding,
                          xt_column_facts *facts, xt_err *err)
{
    size_t n = raw->cells.n_targets;
    stats *of = calloc(n + 1, sizeof *of);
    if (!of)
        return xt_fail_memory(err, "what the columns hold", n * sizeof *of);
    measure(raw->targets, n, part, raw->n_rows, of);
    for (size_t i = 0; i < n; i++)
        facts[i] = facts_of(raw->cells.columns + raw->cells.n_inputs + i, encoding->target_names[i],
                            encoding->n_classes, of + i);
    free(of);
    return XT_OK;
}

/* ---- inputs ---- */

/* The values of an encoded column are those of the training rows: others have no input. */
static xt_status fit_values(xt_raw *raw, size_t index, const unsigned char *part, xt_err *err)
{
    xt_table_column *column = raw->cells.columns + index;
    size_t n = raw->cells.n_inputs, n_unseen = 0;
    float *codes = raw->inputs + index;
    unsigned char *in = calloc(2 * column->values.n + 1, 1), *used = in, *other = in + column->values.n;
    xt_text *unseen = calloc(column->values.n + 1, sizeof *unseen);
    xt_status status = XT_OK;
    if (!in || !unseen) {
        status = xt_fail_memory(err, "the values of a column", column->values.n * sizeof *unseen);
        goto out;
    }
    for (size_t i = 0; i < raw->n_rows; i++)
        (part[i] == XT_PART_TRAIN ? used : other)[(size_t)codes[i * n]] = 1;
    for (size_t i = 0; i < column->values.n; i++)
        if (other[i] && !used[i])
            unseen[n_unseen++] = column->values.at[i];
    status = sort_values(column, used, codes, raw->n_rows, n, err);
    for (size_t i = 0; !status && i < n_unseen; i++) {
        xt_cell cell = {unseen[i].text, strlen(unseen[i].text), unseen[i].line, unseen[i].column};
        xt_cells_blame_unknown(&raw->cells, column, &cell);
    }
out:
    free(in);
    free(unseen);
    return status;
}

static xt_status describe_column(const xt_table_column *column, xt_arena *arena, size_t at, xt_input_column *out,
                                 xt_err *err)
{
    bool failed = false;
    size_t n = column->kind == XT_COLUMN_TEXTS ? column->values.n : 0;
    const char **values = xt_arena_alloc(arena, n, sizeof *values);
    *out = (xt_input_column){.name = keep(arena, column->name, &failed), .n_values = n, .values = values, .at = at};
    for (size_t i = 0; values && !failed && i < n; i++)
        values[i] = keep(arena, column->values.at[i].text, &failed);
    return !values || failed ? xt_fail_memory(err, "the values of a column", 0) : XT_OK;
}

/* A missing value that is filled is at the mean: it adds nothing to the squares. */
static void normalize_one(xt_normalize normalize, const stats *of, size_t n_rows, double *offset, double *scale)
{
    bool constant = !(of->low < of->high);
    *offset = constant || normalize == XT_NORMALIZE_MINMAX ? of->low : of->mean;
    *scale = constant                            ? 1
             : normalize == XT_NORMALIZE_MINMAX ? of->high - of->low
                                                 : sqrt(of->squares / (double)n_rows);
}

static xt_status fit_numbers(const xt_raw *raw, const stats *of, size_t n_rows, xt_missing missing,
                             xt_normalize normalize, xt_arena *arena, xt_input_column *columns, xt_encoding *out,
                             xt_err *err)
{
    double *offset = xt_arena_alloc(arena, out->n_inputs, sizeof *offset);
    double *scale = xt_arena_alloc(arena, out->n_inputs, sizeof *scale);
    if (!offset || !scale)
        return xt_fail_memory(err, "what normalises the inputs", 2 * out->n_inputs * sizeof *scale);
    for (size_t i = 0; i < out->n_inputs; i++)
        scale[i] = 1;
    for (size_t i = 0; i < out->n_columns; i++) {
        if (columns[i].n_values)
            continue;
        if (!of[i].n)
            return xt_fail(err, XT_BAD_DATA, "%s: column %s has no value in the rows to train on", raw->cells.name,
                           xt_show(columns[i].name).text);
        columns[i].has_fill = missing == XT_MISSING_MEAN;
        columns[i].fill = columns[i].has_fill ? of[i].mean : 0;
        normalize_one(normalize, of + i, n_rows, offset + columns[i].at, scale + columns[i].at);
    }
    if (normalize != XT_NORMALIZE_NONE) {
        out->offset = offset;
        out->scale = scale;
    }
    return XT_OK;
}

static xt_status count_class_rows(const xt_raw *raw, const unsigned char *part, xt_arena *arena, xt_encoding *out,
                                  xt_err *err)
{
    size_t *rows = xt_arena_alloc(arena, out->n_classes, sizeof *rows);
    if (!rows)
        return xt_fail_memory(err, "the classes", out->n_classes * sizeof *rows);
    for (size_t i = 0; out->n_classes && i < raw->n_rows; i++)
        rows[(size_t)raw->targets[i]] += part[i] == XT_PART_TRAIN;
    out->class_rows = rows;
    return XT_OK;
}

xt_status xt_fit_inputs(xt_raw *raw, const unsigned char *part, xt_missing missing, xt_normalize normalize,
                        xt_arena *arena, xt_encoding *out, xt_column_facts *facts, xt_err *err)
{
    size_t n = raw->cells.n_inputs, n_rows = 0;
    xt_input_column *columns = xt_arena_alloc(arena, n, sizeof *columns);
    stats *of = calloc(n, sizeof *of);
    xt_status status = columns && of ? XT_OK : xt_fail_memory(err, "the inputs", n * (sizeof *columns + sizeof *of));
    for (size_t i = 0; !status && i < n; i++)
        if (raw->cells.columns[i].kind == XT_COLUMN_TEXTS)
            status = fit_values(raw, i, part, err);
    if (!status)
        status = xt_problems_report(&raw->cells.problems, err);
    for (size_t i = 0; !status && i < n; i++) {
        status = describe_column(raw->cells.columns + i, arena, out->n_inputs, columns + i, err);
        out->n_inputs += columns[i].n_values ? columns[i].n_values : 1;
    }
    if (status)
        goto out;
    out->n_columns = n;
    out->columns = columns;
    for (size_t i = 0; i < raw->n_rows; i++)
        n_rows += part[i] == XT_PART_TRAIN;
    measure(raw->inputs, n, part, raw->n_rows, of);
    status = fit_numbers(raw, of, n_rows, missing, normalize, arena, columns, out, err);
    if (!status)
        status = count_class_rows(raw, part, arena, out, err);
    for (size_t i = 0; !status && i < n; i++)
        facts[i] = facts_of(raw->cells.columns + i, columns[i].name, columns[i].n_values, of + i);
out:
    free(of);
    return status;
}
