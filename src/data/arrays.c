/* Rows that are numbers from the start: inline, generated, and files that are arrays. */
#include "data/array.h"
#include "data/format.h"
#include "data/raw.h"
#include "model/generate.h"

#include <stdlib.h>
#include <string.h>

static xt_status check_counts(const xt_raw *raw, const xt_encoding *encoding, xt_err *err)
{
    size_t n = raw->cells.n_inputs, m = raw->cells.n_targets;
    if (!encoding || (n == encoding->n_columns && m == encoding->n_target_columns))
        return XT_OK;
    return xt_fail(err, XT_BAD_DATA, "%s: %zu input%s and %zu target%s a row, but those trained on have %zu and %zu",
                   raw->cells.name, n, n == 1 ? "" : "s", m, m == 1 ? "" : "s", encoding->n_columns,
                   encoding->n_target_columns);
}

/* Checks the rows, whose columns are open, and leaves out what is to be left out. */
static xt_status take_numbers(xt_raw *raw, const xt_wanted *wanted, size_t n_classes, xt_err *err)
{
    xt_cells *cells = &raw->cells;
    size_t n = cells->n_inputs, m = cells->n_targets, n_kept = 0;
    xt_status status = check_counts(raw, wanted->encoding, err);
    if (!status)
        status = xt_raw_expect(raw, wanted, err);
    if (!status && n_classes && !wanted->encoding)
        cells->columns[n].n_whole = n_classes;
    for (size_t i = 0; !status && i < raw->n_rows && !cells->problems.full; i++) {
        bool missing = false;
        status = xt_cells_take_numbers(cells, i + 1, raw->inputs + i * n, raw->targets + i * m, &missing, err);
        if (missing)
            continue;
        if (n_kept < i) {
            memmove(raw->inputs + n_kept * n, raw->inputs + i * n, n * sizeof *raw->inputs);
            memmove(raw->targets + n_kept * m, raw->targets + i * m, m * sizeof *raw->targets);
        }
        n_kept++;
    }
    if (!status)
        status = xt_problems_report(&cells->problems, err);
    raw->n_dropped = raw->n_rows - n_kept;
    raw->n_rows = n_kept;
    return status ? status : xt_raw_check_rows(raw, err);
}

/* ---- inline rows ---- */

static xt_status copy_floats(const float *values, size_t n, float **out, xt_err *err)
{
    *out = malloc((n + 1) * sizeof **out);
    if (!*out)
        return xt_fail_memory(err, "inline data", n * sizeof **out);
    if (n)
        memcpy(*out, values, n * sizeof **out);
    return XT_OK;
}

static xt_status read_inline(const xt_wanted *wanted, xt_raw *raw, xt_err *err)
{
    const xt_source *source = wanted->source;
    raw->cells.name = "inline data";
    raw->origin = "inline";
    raw->n_rows = source->n_rows;
    if (!source->n_rows || !source->n_inputs)
        return xt_fail(err, XT_BAD_DATA, "inline data: no %s", source->n_rows ? "inputs" : "rows");
    xt_status status = xt_cells_open_numbers(&raw->cells, source->n_inputs, source->n_targets, err);
    if (!status)
        status = copy_floats(source->inputs, source->n_rows * source->n_inputs, &raw->inputs, err);
    if (!status)
        status = copy_floats(source->targets, source->n_rows * source->n_targets, &raw->targets, err);
    return status ? status : take_numbers(raw, wanted, 0, err);
}

/* ---- generated rows ---- */

static xt_status read_generated(const xt_wanted *wanted, xt_raw *raw, xt_err *err)
{
    const xt_spec *spec = wanted->spec;
    xt_generated made = {0};
    xt_status status = xt_generate(wanted->source, &made, err);
    if (status)
        return status;
    raw->cells.name = raw->origin = xt_table_at(&xt_generators, (size_t)wanted->source->generator.kind)->name;
    raw->n_rows = made.n_rows;
    raw->inputs = made.inputs;
    raw->targets = made.targets;
    if (made.n_classes && !wanted->encoding && spec->n_classes && spec->n_classes != made.n_classes)
        return xt_fail(err, XT_BAD_CONFIG, "data.classes: the generator %s makes %zu classes, these are %zu",
                       raw->cells.name, made.n_classes, spec->n_classes);
    status = xt_cells_open_numbers(&raw->cells, made.n_inputs, made.n_targets, err);
    return status ? status : take_numbers(raw, wanted, made.n_classes, err);
}

xt_status xt_raw_read_numbers(const xt_wanted *wanted, xt_raw *out, xt_err *err)
{
    xt_raw raw = {0};
    xt_status status =
        wanted->source->samples ? read_generated(wanted, &raw, err) : read_inline(wanted, &raw, err);
    if (status)
        xt_raw_clear(&raw);
    else
        *out = raw;
    return status;
}

/* ---- files ---- */

typedef struct arrays {
    const xt_source *source;
    const char *name;
    xt_array inputs, targets; /* targets.values NULL: columns of inputs */
    xt_arena arena;
} arrays;

static xt_status refuse_names(const arrays *self, xt_err *err)
{
    const xt_source *source = self->source;
    const xt_columns *all[] = {&source->input_columns, &source->target_columns, &source->ignore_columns,
                               &source->encode_columns};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t j = 0; j < all[i]->n; j++)
            if (all[i]->at[j].name)
                return xt_fail(err, XT_BAD_CONFIG,
                               "%s: column %s is selected by name, but the columns of an array have none: write its "
                               "index, from 0",
                               self->name, xt_show(all[i]->at[j].name).text);
    return XT_OK;
}

/* What a source selects of an array: as of a row of numbers without a header. */
static xt_status select_of(const xt_source *source, const char *file, const xt_array *array, xt_arena *arena,
                           xt_selection *out, xt_err *err)
{
    xt_cell *cells = xt_arena_alloc(arena, array->n_columns, sizeof *cells);
    if (!cells)
        return xt_fail_memory(err, file, array->n_columns * sizeof *cells);
    for (size_t i = 0; i < array->n_columns; i++)
        cells[i] = (xt_cell){.text = "0", .n_bytes = 1};
    xt_source indices = {.header = XT_HEADER_FALSE,
                         .input_columns = source->input_columns,
                         .target_columns = source->target_columns,
                         .ignore_columns = source->ignore_columns,
                         .encode_columns = source->encode_columns};
    return xt_columns_select(&indices, file, &(xt_csv_row){.cells = cells, .n_cells = array->n_columns}, arena, out, err);
}

/* Targets are the last columns where an encoding says how many, and nothing else does. */
static xt_status targets_behind(const arrays *self, const xt_encoding *encoding, xt_columns *out, xt_arena *arena,
                                xt_err *err)
{
    size_t n = encoding->n_target_columns;
    xt_column *at = xt_arena_alloc(arena, n, sizeof *at);
    if (!at)
        return xt_fail_memory(err, self->name, n * sizeof *at);
    if (self->inputs.n_columns != encoding->n_columns + n)
        return xt_fail(err, XT_BAD_DATA, "%s: %zu column%s, but the model has %zu input%s and %zu target%s", self->name,
                       self->inputs.n_columns, self->inputs.n_columns == 1 ? "" : "s", encoding->n_columns,
                       encoding->n_columns == 1 ? "" : "s", n, n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        at[i].index = (uint32_t)(encoding->n_columns + i);
    *out = (xt_columns){at, n};
    return XT_OK;
}

static xt_status select_both(arrays *self, const xt_encoding *encoding, xt_selection *out, xt_err *err)
{
    xt_source source = *self->source;
    xt_status status = refuse_names(self, err);
    if (!status && !self->targets.values) {
        if (!source.target_columns.n && encoding)
            status = targets_behind(self, encoding, &source.target_columns, &self->arena, err);
        return status ? status : select_of(&source, self->name, &self->inputs, &self->arena, out, err);
    }
    source.target_columns.n = 0;
    if (!status)
        status = select_of(&source, self->name, &self->inputs, &self->arena, out, err);
    /* Of the other array, the targets are what inputs are of this one: all unless some are selected. */
    xt_source other = {.input_columns = self->source->target_columns};
    xt_selection targets;
    if (!status)
        status = select_of(&other, source.targets_file, &self->targets, &self->arena, &targets, err);
    if (!status)
        out->targets = targets.inputs;
    return status;
}

/* The picked columns of an array, which is taken as it is where these are all. */
static xt_status pick(const char *file, xt_array *array, const xt_picks *picks, float **out, xt_err *err)
{
    size_t n = picks->n, n_same = 0;
    while (n_same < n && picks->at[n_same].column == n_same)
        n_same++;
    if (n_same == array->n_columns) {
        *out = array->values;
        array->values = NULL;
        return XT_OK;
    }
    *out = malloc((array->n_rows * n + 1) * sizeof **out);
    if (!*out)
        return xt_fail_memory(err, file, array->n_rows * n * sizeof **out);
    for (size_t i = 0; i < array->n_rows; i++)
        for (size_t j = 0; j < n; j++)
            (*out)[i * n + j] = array->values[i * array->n_columns + picks->at[j].column];
    return XT_OK;
}

static xt_status take_arrays(arrays *self, const xt_wanted *wanted, xt_raw *raw, xt_err *err)
{
    xt_selection selection = {.has_header = false};
    xt_array *of_targets = self->targets.values ? &self->targets : &self->inputs;
    const char *targets_file = self->targets.values ? self->source->targets_file : NULL;
    xt_status status = select_both(self, wanted->encoding, &selection, err);
    if (!status)
        status = xt_cells_open(&raw->cells, &selection, err);
    raw->n_rows = self->inputs.n_rows;
    if (!status)
        status = pick(self->name, of_targets, &selection.targets, &raw->targets, err);
    if (!status)
        status = pick(self->name, &self->inputs, &selection.inputs, &raw->inputs, err);
    for (size_t i = 0; !status && i < raw->cells.n_inputs + raw->cells.n_targets; i++) {
        xt_table_column *column = raw->cells.columns + i;
        column->kind = column->kind == XT_COLUMN_OPEN ? XT_COLUMN_NUMBERS : column->kind;
        column->file = column->is_target ? targets_file : NULL;
    }
    return status ? status : take_numbers(raw, wanted, 0, err);
}

static xt_status read_targets(arrays *self, char hash[XT_HASH_BYTES], xt_err *err)
{
    const char *path = self->source->targets_file;
    xt_format format = xt_format_of(self->source->format, path);
    xt_input input;
    if (!xt_format_is_array(format))
        return xt_fail(err, XT_BAD_DATA, "%s: the targets of an array are in an array too, idx or npy", path);
    xt_status status = xt_input_open(path, &input, err);
    if (status)
        return status;
    status = xt_array_read(format, &input, &self->targets, err);
    if (!status)
        xt_input_hash(&input, hash);
    xt_input_close(&input);
    if (!status && self->targets.n_rows != self->inputs.n_rows)
        status = xt_fail(err, XT_BAD_DATA, "%s has %zu row%s, but its targets in %s have %zu", self->name,
                         self->inputs.n_rows, self->inputs.n_rows == 1 ? "" : "s", path, self->targets.n_rows);
    return status;
}

xt_status xt_raw_read_array(const xt_wanted *wanted, xt_input *input, xt_raw *out, xt_err *err)
{
    const xt_source *source = wanted->source;
    arrays self = {.source = source, .name = input->name};
    xt_raw raw = {.origin = input->name, .cells.name = input->name};
    xt_status status = xt_array_read(xt_format_of(source->format, source->file), input, &self.inputs, err);
    if (!status)
        xt_input_hash(input, raw.hash);
    if (!status && source->targets_file)
        status = read_targets(&self, raw.targets_hash, err);
    if (!status)
        status = take_arrays(&self, wanted, &raw, err);
    xt_array_clear(&self.inputs);
    xt_array_clear(&self.targets);
    xt_arena_clear(&self.arena);
    if (status)
        xt_raw_clear(&raw);
    else
        *out = raw;
    return status;
}
