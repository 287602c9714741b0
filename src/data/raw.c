#include "data/raw.h"

#include "data/format.h"
#include "data/network.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void xt_raw_clear(xt_raw *raw)
{
    free(raw->inputs);
    free(raw->targets);
    xt_cells_clear(&raw->cells);
    *raw = (xt_raw){0};
}

/* ---- what the columns have to be ---- */

/* One target says a class where the spec names the classes, or the last layer
 * gives one probability a class. */
static size_t whole_below(const xt_spec *spec)
{
    size_t units = xt_last_units(spec);
    return spec->n_classes ? spec->n_classes : units > 1 && xt_last_is(spec, "softmax") ? units : 0;
}

xt_status xt_raw_expect(xt_raw *raw, const xt_wanted *wanted, xt_err *err)
{
    xt_cells *cells = &raw->cells;
    const xt_spec *spec = wanted->spec;
    cells->missing = wanted->source->missing;
    cells->hint = "; missing: drop leaves such rows out";
    cells->shares = spec && cells->n_targets > 1 && xt_last_is(spec, "softmax");
    cells->unit = spec && xt_loss_of_shares(spec);
    if (wanted->encoding)
        return xt_cells_like(cells, wanted->encoding, err);
    for (size_t i = 0; i < cells->n_inputs; i++)
        cells->columns[i].can_be_missing = cells->columns[i].kind != XT_COLUMN_TEXTS;
    if (cells->n_targets != 1)
        return XT_OK;
    xt_table_column *target = cells->columns + cells->n_inputs;
    target->n_whole = whole_below(spec);
    target->may_be_texts = target->kind == XT_COLUMN_OPEN;
    return spec->n_classes ? xt_texts_close_with(&target->values, spec->classes, spec->n_classes, err) : XT_OK;
}

xt_status xt_raw_check_rows(const xt_raw *raw, xt_err *err)
{
    if (raw->n_rows)
        return XT_OK;
    if (!raw->n_dropped)
        return xt_fail(err, XT_BAD_DATA, "%s: no rows after the header", raw->cells.name);
    return xt_fail(err, XT_BAD_DATA, "%s: no rows are left: %zu with missing values %s dropped", raw->cells.name,
                   raw->n_dropped, raw->n_dropped == 1 ? "was" : "were");
}

/* ---- a table of cells ---- */

typedef struct loader {
    const xt_wanted *wanted;
    xt_csv *csv;
    size_t n_columns, first_line; /* of the first row */
    size_t cap_rows;
    xt_raw raw;
} loader;

/* Makes room for one more row. */
static xt_status reserve_row(loader *self, xt_err *err)
{
    xt_raw *raw = &self->raw;
    size_t n = raw->cells.n_inputs, m = raw->cells.n_targets;
    if (raw->n_rows < self->cap_rows)
        return XT_OK;
    size_t cap = self->cap_rows ? 2 * self->cap_rows : 256;
    if (cap > SIZE_MAX / sizeof(float) / 2 / (n + m))
        return xt_fail_memory(err, raw->cells.name, 0);
    float *inputs = realloc(raw->inputs, cap * n * sizeof *inputs);
    if (!inputs)
        return xt_fail_memory(err, raw->cells.name, cap * n * sizeof *inputs);
    raw->inputs = inputs;
    float *targets = realloc(raw->targets, (cap * m + 1) * sizeof *targets);
    if (!targets)
        return xt_fail_memory(err, raw->cells.name, cap * m * sizeof *targets);
    raw->targets = targets;
    self->cap_rows = cap;
    return XT_OK;
}

static xt_status take_row(loader *self, const xt_csv_row *row, xt_err *err)
{
    xt_raw *raw = &self->raw;
    xt_cells *cells = &raw->cells;
    xt_status status = reserve_row(self, err);
    if (status || !xt_row_fits(cells->name, row, self->n_columns, self->first_line, &cells->problems))
        return status;
    bool missing = false;
    status = xt_cells_take(cells, row, raw->inputs + raw->n_rows * cells->n_inputs,
                           raw->targets + raw->n_rows * cells->n_targets, &missing, err);
    if (missing)
        raw->n_dropped++;
    else if (!cells->problems.n)
        raw->n_rows++;
    return status;
}

static xt_status take_first_row(loader *self, const xt_csv_row *row, xt_err *err)
{
    xt_cells *cells = &self->raw.cells;
    if (!row->n_cells)
        return xt_fail(err, XT_BAD_DATA, "%s: no rows", cells->name);
    self->n_columns = row->n_cells;
    self->first_line = row->cells[0].line;
    xt_selection selection;
    xt_status status = xt_match_table(self->wanted, cells->name, row, &cells->arena, &selection, err);
    if (!status)
        status = xt_cells_open(cells, &selection, err);
    if (!status)
        status = xt_raw_expect(&self->raw, self->wanted, err);
    return status || selection.has_header ? status : take_row(self, row, err);
}

/* Reads to the end of the file, or until there are problems enough. */
static xt_status take_rows(loader *self, xt_err *err)
{
    /* What breaks the grammar of the file comes after the problems before it. */
    xt_err broken = {.text = ""};
    xt_problems *problems = &self->raw.cells.problems;
    xt_csv_row row;
    xt_status status = xt_csv_next(self->csv, &row, err);
    if (!status)
        status = take_first_row(self, &row, err);
    while (!status && !problems->full) {
        status = xt_csv_next(self->csv, &row, &broken);
        if (status == XT_BAD_DATA)
            xt_problem(problems, "%s", broken.text);
        if (status || !row.n_cells)
            break;
        status = take_row(self, &row, err);
    }
    if (!status || broken.status == XT_BAD_DATA)
        return xt_problems_report(problems, err);
    return broken.status ? xt_fail(err, status, "%s", broken.text) : status;
}

static xt_status read_cells(const xt_wanted *wanted, xt_input *input, xt_raw *out, xt_err *err)
{
    const xt_source *source = wanted->source;
    loader self = {.wanted = wanted, .raw = {.origin = input->name, .cells.name = input->name}};
    char delimiter = source->delimiter ? source->delimiter : xt_format_delimiter(source->format, source->file);
    xt_status status = xt_csv_open(input, delimiter, source->skip_rows, &self.csv, err);
    if (!status)
        status = take_rows(&self, err);
    if (!status)
        status = xt_raw_check_rows(&self.raw, err);
    if (!status)
        xt_input_hash(input, self.raw.hash);
    xt_csv_close(&self.csv);
    if (status)
        xt_raw_clear(&self.raw);
    else
        *out = self.raw;
    return status;
}

/* ---- any source ---- */

/* What a format has no use for must not seem to be heeded. */
static xt_status refuse_keys(const xt_source *source, bool is_array, xt_err *err)
{
    const char *key = is_array && source->header != XT_HEADER_AUTO ? "header"
                      : is_array && source->delimiter              ? "delimiter"
                      : is_array && source->skip_rows              ? "skip_rows"
                      : !is_array && source->targets_file          ? "targets_file"
                                                                   : NULL;
    if (!key)
        return XT_OK;
    return xt_fail(err, XT_BAD_CONFIG, "%s: `%s` is for %s, and this is %s", source->file, key,
                   is_array ? "csv and tsv" : "idx and npy",
                   xt_table_at(&xt_format_names, xt_format_of(source->format, source->file))->name);
}

xt_status xt_raw_read_input(const xt_wanted *wanted, xt_input *input, xt_raw *out, xt_err *err)
{
    const xt_source *source = wanted->source;
    bool is_array = xt_format_is_array(xt_format_of(source->format, source->file));
    xt_status status = refuse_keys(source, is_array, err);
    if (status)
        return status;
    return is_array ? xt_raw_read_array(wanted, input, out, err) : read_cells(wanted, input, out, err);
}

xt_status xt_raw_read(const xt_wanted *wanted, xt_raw *out, xt_err *err)
{
    if (!wanted->source->file)
        return xt_raw_read_numbers(wanted, out, err);
    xt_input input;
    xt_status status = xt_input_open(wanted->source->file, &input, err);
    if (status)
        return status;
    status = xt_raw_read_input(wanted, &input, out, err);
    xt_input_close(&input);
    return status;
}
