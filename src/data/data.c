#include "data/columns.h"
#include "data/input.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what inline rows and files share ---- */

/* "x1", "x2", ... or, for one target alone, "y". */
static xt_status number_names(const char *letter, size_t n, bool plain_when_one, xt_arena *arena, const char **names,
                              xt_err *err)
{
    for (size_t i = 0; i < n; i++) {
        char name[32];
        if (plain_when_one && n == 1)
            snprintf(name, sizeof name, "%s", letter);
        else
            snprintf(name, sizeof name, "%s%zu", letter, i + 1);
        names[i] = xt_arena_strdup(arena, name);
        if (!names[i])
            return xt_fail_memory(err, "the names of columns", 0);
    }
    return XT_OK;
}

/* The names' arrays; names x1, ... and y, ... where there is no header. */
static xt_status make_names(xt_dataset *data, bool numbered, xt_err *err)
{
    data->input_names = xt_arena_alloc(&data->arena, data->n_inputs, sizeof *data->input_names);
    data->target_names = xt_arena_alloc(&data->arena, data->n_targets, sizeof *data->target_names);
    if (!data->input_names || !data->target_names)
        return xt_fail_memory(err, "the names of columns", 0);
    if (!numbered)
        return XT_OK;
    xt_status status = number_names("x", data->n_inputs, false, &data->arena, data->input_names, err);
    return status ? status : number_names("y", data->n_targets, true, &data->arena, data->target_names, err);
}

static xt_status keep_values(xt_dataset *data, const float *values, size_t n_columns, float **out, xt_err *err)
{
    *out = xt_arena_alloc(&data->arena, data->n_rows, n_columns * sizeof **out);
    if (!*out)
        return xt_fail_memory(err, data->origin, data->n_rows * n_columns * sizeof **out);
    if (n_columns)
        memcpy(*out, values, data->n_rows * n_columns * sizeof **out);
    return XT_OK;
}

/* ---- inline rows ---- */

static void check_finite(const char *what, const float *values, size_t n_rows, size_t n_columns, xt_problems *problems)
{
    for (size_t i = 0; i < n_rows * n_columns && !problems->full; i++)
        if (!isfinite(values[i]))
            xt_problem(problems, "inline data: row %zu, %s %zu: not a finite number", i / n_columns + 1, what,
                       i % n_columns + 1);
}

static xt_status load_inline(const xt_source *source, xt_dataset *out, xt_err *err)
{
    if (!source->n_rows || !source->n_inputs)
        return xt_fail(err, XT_BAD_DATA, "inline data: no %s", source->n_rows ? "inputs" : "rows");
    xt_dataset data = {.n_rows = source->n_rows, .n_inputs = source->n_inputs, .n_targets = source->n_targets,
                       .origin = "inline"};
    xt_problems problems = {0};
    check_finite("input", source->inputs, source->n_rows, source->n_inputs, &problems);
    check_finite("target", source->targets, source->n_rows, source->n_targets, &problems);
    xt_status status = xt_problems_report(&problems, err);
    if (!status)
        status = make_names(&data, true, err);
    if (!status)
        status = keep_values(&data, source->inputs, data.n_inputs, &data.inputs, err);
    if (!status)
        status = keep_values(&data, source->targets, data.n_targets, &data.targets, err);
    if (!status)
        *out = data;
    else
        xt_dataset_clear(&data);
    xt_problems_clear(&problems);
    return status;
}

/* ---- a file ---- */

typedef struct loader {
    const xt_source *source;
    const char *name; /* of the file, for messages */
    xt_input *input;
    xt_csv *csv;
    size_t n_columns, first_line; /* of the first row */
    xt_selection selection;
    xt_problems problems;
    float *inputs, *targets; /* rows so far */
    size_t cap_rows;
    xt_dataset data;
} loader;

/* Makes room for one more row. */
static xt_status reserve_row(loader *self, xt_err *err)
{
    xt_dataset *data = &self->data;
    if (data->n_rows < self->cap_rows)
        return XT_OK;
    size_t cap = self->cap_rows ? 2 * self->cap_rows : 256, widest = data->n_inputs + data->n_targets;
    if (cap > SIZE_MAX / sizeof(float) / 2 / widest)
        return xt_fail_memory(err, self->name, 0);
    float *inputs = realloc(self->inputs, cap * data->n_inputs * sizeof *inputs);
    if (!inputs)
        return xt_fail_memory(err, self->name, cap * data->n_inputs * sizeof *inputs);
    self->inputs = inputs;
    float *targets = realloc(self->targets, (cap * data->n_targets + 1) * sizeof *targets);
    if (!targets)
        return xt_fail_memory(err, self->name, cap * data->n_targets * sizeof *targets);
    self->targets = targets;
    self->cap_rows = cap;
    return XT_OK;
}

static xt_status take_row(loader *self, const xt_csv_row *row, xt_err *err)
{
    xt_status status = reserve_row(self, err);
    if (status || !xt_row_fits(self->name, row, self->n_columns, self->first_line, &self->problems))
        return status;
    xt_dataset *data = &self->data;
    const char *hint = "; missing: drop leaves such rows out";
    size_t n_missing = 0, *missing = self->source->missing == XT_MISSING_DROP ? &n_missing : NULL;
    float *inputs = self->inputs + data->n_rows * data->n_inputs;
    float *targets = self->targets + data->n_rows * data->n_targets;
    xt_row_numbers(self->name, row, &self->selection.inputs, hint, inputs, missing, &self->problems);
    xt_row_numbers(self->name, row, &self->selection.targets, hint, targets, missing, &self->problems);
    if (n_missing)
        data->n_dropped++;
    else if (!self->problems.n)
        data->n_rows++;
    return XT_OK;
}

static void give_names(const xt_picks *picks, const char **names)
{
    for (size_t i = 0; i < picks->n; i++)
        names[i] = picks->at[i].name;
}

static xt_status take_first_row(loader *self, const xt_csv_row *row, xt_err *err)
{
    xt_dataset *data = &self->data;
    if (!row->n_cells)
        return xt_fail(err, XT_BAD_DATA, "%s: no rows", self->name);
    self->n_columns = row->n_cells;
    self->first_line = row->cells[0].line;
    xt_status status = xt_columns_select(self->source, self->name, row, &data->arena, &self->selection, err);
    if (status)
        return status;
    data->n_inputs = self->selection.inputs.n;
    data->n_targets = self->selection.targets.n;
    status = make_names(data, !self->selection.has_header, err);
    if (status || !self->selection.has_header)
        return status ? status : take_row(self, row, err);
    give_names(&self->selection.inputs, data->input_names);
    give_names(&self->selection.targets, data->target_names);
    return XT_OK;
}

/* Reads to the end of the file, or until there are problems enough. */
static xt_status take_rows(loader *self, xt_err *err)
{
    /* What breaks the grammar of the file comes after the problems before it. */
    xt_err broken = {.text = ""};
    xt_csv_row row;
    xt_status status = xt_csv_next(self->csv, &row, err);
    if (!status)
        status = take_first_row(self, &row, err);
    while (!status && !self->problems.full) {
        status = xt_csv_next(self->csv, &row, &broken);
        if (status == XT_BAD_DATA)
            xt_problem(&self->problems, "%s", broken.text);
        if (status || !row.n_cells)
            break;
        status = take_row(self, &row, err);
    }
    if (!status || broken.status == XT_BAD_DATA)
        return xt_problems_report(&self->problems, err);
    return broken.status ? xt_fail(err, status, "%s", broken.text) : status;
}

static xt_status keep_rows(loader *self, xt_err *err)
{
    xt_dataset *data = &self->data;
    if (!data->n_rows && data->n_dropped)
        return xt_fail(err, XT_BAD_DATA, "%s: no rows are left: %zu with missing values %s dropped", self->name,
                       data->n_dropped, data->n_dropped == 1 ? "was" : "were");
    if (!data->n_rows)
        return xt_fail(err, XT_BAD_DATA, "%s: no rows after the header", self->name);
    data->origin = xt_arena_strdup(&data->arena, self->name);
    if (!data->origin)
        return xt_fail_memory(err, self->name, 0);
    xt_input_hash(self->input, data->hash);
    /* One after the other, each freed at once, so that not all is there twice. */
    xt_status status = keep_values(data, self->inputs, data->n_inputs, &data->inputs, err);
    free(self->inputs);
    self->inputs = NULL;
    return status ? status : keep_values(data, self->targets, data->n_targets, &data->targets, err);
}

xt_status xt_data_load_input(const xt_source *source, xt_input *input, xt_dataset *out, xt_err *err)
{
    loader self = {.source = source, .name = input->name, .input = input};
    char delimiter = source->delimiter ? source->delimiter : xt_format_delimiter(source->format, source->file);
    xt_status status = xt_csv_open(input, delimiter, source->skip_rows, &self.csv, err);
    if (status)
        goto out;
    status = take_rows(&self, err);
    if (!status)
        status = keep_rows(&self, err);
    if (status)
        goto out;
    *out = self.data;
    self.data = (xt_dataset){0};
out:
    xt_csv_close(&self.csv);
    xt_problems_clear(&self.problems);
    free(self.inputs);
    free(self.targets);
    xt_dataset_clear(&self.data);
    return status;
}

xt_status xt_data_load(const xt_source *source, xt_dataset *out, xt_err *err)
{
    if (!source->file)
        return load_inline(source, out, err);
    xt_input input;
    xt_status status = xt_input_open(source->file, &input, err);
    if (status)
        return status;
    status = xt_data_load_input(source, &input, out, err);
    xt_input_close(&input);
    return status;
}
