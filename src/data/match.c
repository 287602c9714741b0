/* Which columns of a table a model takes, by the names that it was trained with. */
#include "data/cell.h"
#include "data/raw.h"

#include <string.h>

typedef struct matcher {
    const xt_encoding *encoding;
    const char *file;
    const xt_csv_row *first;
    xt_names found;
    bool with_targets;
} matcher;

static size_t n_inputs_named(const matcher *self)
{
    size_t n = 0;
    for (size_t i = 0; i < self->encoding->n_columns; i++)
        n += xt_names_find(&self->found, self->encoding->columns[i].name) != NULL;
    return n;
}

static bool targets_named(const matcher *self)
{
    for (size_t i = 0; i < self->encoding->n_target_columns; i++)
        if (!xt_names_find(&self->found, self->encoding->target_names[i]))
            return false;
    return true;
}

static bool any_text(const xt_csv_row *row)
{
    float value;
    for (size_t i = 0; i < row->n_cells; i++)
        if (xt_cell_parse(row->cells[i].text, row->cells[i].n_bytes, &value) == XT_CELL_TEXT)
            return true;
    return false;
}

/* A text where the model has a number: the row holds names, but not the model's. */
static bool holds_other_names(const matcher *self, size_t n_expected)
{
    if (self->first->n_cells != n_expected)
        return any_text(self->first);
    for (size_t i = 0; i < self->encoding->n_columns; i++) {
        const xt_cell *cell = self->first->cells + i;
        float value;
        if (!self->encoding->columns[i].n_values && xt_cell_parse(cell->text, cell->n_bytes, &value) == XT_CELL_TEXT)
            return true;
    }
    return false;
}

static const char *column_name(const xt_encoding *encoding, size_t i)
{
    return i < encoding->n_columns ? encoding->columns[i].name : encoding->target_names[i - encoding->n_columns];
}

/* Names from `begin` up to `end`, inputs before targets, that the header lacks. */
static xt_status fail_missing(const matcher *self, size_t begin, size_t end, const char *what, xt_err *err)
{
    enum { MAX_NAMED_BYTES = 4000 };
    xt_buf missing = {0}, list = {0};
    size_t n_missing = 0, n_more = 0;
    for (size_t i = begin; i < end; i++) {
        const char *name = column_name(self->encoding, i);
        if (xt_names_find(&self->found, name))
            continue;
        if (missing.len < MAX_NAMED_BYTES)
            xt_buf_printf(&missing, "%s%s", n_missing ? ", " : "", xt_show(name).text);
        else
            n_more++;
        n_missing++;
    }
    if (n_more)
        xt_buf_printf(&missing, " and %zu more", n_more);
    xt_names_list(self->first, &list);
    xt_fail(err, XT_BAD_DATA, "%s:%zu: the header lacks the model's %s%s %s; the columns are %s", self->file,
            self->first->cells[0].line, what, n_missing == 1 ? "" : "s", xt_buf_text(&missing), xt_buf_text(&list));
    xt_buf_clear(&missing);
    xt_buf_clear(&list);
    return XT_BAD_DATA;
}

static xt_status by_names(const matcher *self, const xt_columns *targets, xt_arena *arena, xt_selection *out,
                          xt_err *err)
{
    const xt_encoding *encoding = self->encoding;
    size_t n = encoding->n_columns, n_targets = self->with_targets && !targets->n ? encoding->n_target_columns : 0;
    for (size_t i = n; i < n + n_targets; i++)
        if (!xt_names_find(&self->found, column_name(encoding, i)))
            return fail_missing(self, n, n + n_targets, "target", err);
    xt_column *columns = xt_arena_alloc(arena, n + n_targets, sizeof *columns);
    if (!columns)
        return xt_fail_memory(err, self->file, (n + n_targets) * sizeof *columns);
    for (size_t i = 0; i < n + n_targets; i++)
        columns[i].name = column_name(encoding, i);
    xt_source source = {.header = XT_HEADER_TRUE, .input_columns = {columns, n}};
    source.target_columns = n_targets ? (xt_columns){columns + n, n_targets} : *targets;
    return xt_columns_select(&source, self->file, self->first, arena, out, err);
}

/* Without names the columns are the inputs in their order, and then the targets. */
static xt_status by_place(const matcher *self, size_t n_expected, xt_arena *arena, xt_selection *out, xt_err *err)
{
    size_t n_cells = self->first->n_cells, n = self->encoding->n_columns;
    if (n_cells != n_expected && !self->with_targets)
        return xt_fail(err, XT_BAD_DATA,
                       "%s:%zu: the model has %zu input%s, the file has %zu column%s and no header to find them by",
                       self->file, self->first->cells[0].line, n, n == 1 ? "" : "s", n_cells, n_cells == 1 ? "" : "s");
    if (n_cells != n_expected)
        return xt_fail(err, XT_BAD_DATA,
                       "%s:%zu: the model has %zu input%s and %zu target%s, the file has %zu column%s and no header to "
                       "find them by",
                       self->file, self->first->cells[0].line, n, n == 1 ? "" : "s", n_expected - n,
                       n_expected - n == 1 ? "" : "s", n_cells, n_cells == 1 ? "" : "s");
    xt_pick *picks = xt_arena_alloc(arena, n_cells, sizeof *picks);
    if (!picks)
        return xt_fail_memory(err, self->file, n_cells * sizeof *picks);
    for (size_t i = 0; i < n_cells; i++)
        picks[i].column = i;
    *out = (xt_selection){.inputs = {picks, n}, .targets = {picks + n, n_cells - n}};
    return XT_OK;
}

static xt_status match(matcher *self, xt_header header, const xt_columns *targets, xt_arena *arena, xt_selection *out,
                       xt_err *err)
{
    size_t n = self->encoding->n_columns, n_expected = n + (self->with_targets ? self->encoding->n_target_columns : 0);
    size_t n_named = header == XT_HEADER_FALSE ? 0 : n_inputs_named(self);
    if (n_named == n)
        return by_names(self, targets, arena, out, err);
    /* Where targets are told by their names, their places are not known. */
    if (header == XT_HEADER_TRUE || targets->n || (header == XT_HEADER_AUTO && holds_other_names(self, n_expected)))
        return fail_missing(self, 0, n, "input", err);
    return by_place(self, n_expected, arena, out, err);
}

xt_status xt_match_inputs(const xt_encoding *encoding, const char *file, const xt_csv_row *first, xt_arena *arena,
                          xt_selection *out, xt_err *err)
{
    static const xt_columns none = {0};
    matcher self = {.encoding = encoding, .file = file, .first = first};
    xt_status status = xt_names_open(first, &self.found, err);
    if (!status)
        status = match(&self, XT_HEADER_AUTO, &none, arena, out, err);
    xt_names_close(&self.found);
    return status;
}

static xt_status check_counts(const xt_encoding *encoding, const char *file, const xt_selection *selection,
                              xt_err *err)
{
    size_t n_inputs = selection->inputs.n, n_targets = selection->targets.n;
    if (n_inputs != encoding->n_columns)
        return xt_fail(err, XT_BAD_DATA, "%s: %zu input column%s, but those trained on have %zu", file, n_inputs,
                       n_inputs == 1 ? "" : "s", encoding->n_columns);
    if (n_targets != encoding->n_target_columns)
        return xt_fail(err, XT_BAD_DATA, "%s: %zu target column%s, but those trained on have %zu", file, n_targets,
                       n_targets == 1 ? "" : "s", encoding->n_target_columns);
    return XT_OK;
}

xt_status xt_match_table(const xt_wanted *wanted, const char *file, const xt_csv_row *first, xt_arena *arena,
                         xt_selection *out, xt_err *err)
{
    const xt_source *source = wanted->source;
    if (!wanted->encoding)
        return xt_columns_select(source, file, first, arena, out, err);
    matcher self = {.encoding = wanted->encoding, .file = file, .first = first, .with_targets = true};
    xt_status status = xt_names_open(first, &self.found, err);
    if (status)
        return status;
    xt_selection made;
    bool named = source->header != XT_HEADER_FALSE && n_inputs_named(&self) == wanted->encoding->n_columns;
    bool by_index = source->input_columns.n && !source->input_columns.at[0].name;
    /* Places that the training rows had are not this file's where its header says others. */
    if ((source->input_columns.n && !(by_index && named)) || (source->target_columns.n && !source->target_columns.at[0].name && !named)) {
        status = xt_columns_select(source, file, first, arena, &made, err);
        if (!status)
            status = check_counts(wanted->encoding, file, &made, err);
    } else {
        bool placed = source->target_columns.n && !source->target_columns.at[0].name;
        status = match(&self, source->header, placed && targets_named(&self) ? &(xt_columns){0} : &source->target_columns,
                       arena, &made, err);
        if (!status)
            status = check_counts(wanted->encoding, file, &made, err);
    }
    if (!status)
        *out = made;
    xt_names_close(&self.found);
    return status;
}
