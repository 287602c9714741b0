#include "data/columns.h"

#include "base/text.h"
#include "data/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a source selects ---- */

typedef enum role { FREE, INPUT, TARGET, IGNORED } role;

static const char *const role_names[] = {"", "an input", "a target", "ignored"};

typedef struct selector {
    const char *file;
    char line[24]; /* ":1" of the first row; "" where it has none: an array */
    const xt_csv_row *first;
    xt_names names; /* open when columns are selected by name */
    unsigned char *roles; /* of each column */
    bool unknown_name;
    xt_problems problems;
} selector;

static const xt_column *first_named(const xt_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        if (columns->at[i].name)
            return columns->at + i;
    return NULL;
}

/* A column that the source selects by name, or NULL. */
static const char *name_used(const xt_source *source)
{
    const xt_columns *all[] = {&source->input_columns, &source->target_columns, &source->ignore_columns,
                               &source->encode_columns};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const xt_column *column = first_named(all[i]);
        if (column)
            return column->name;
    }
    return NULL;
}

static const char *nearest_name(const xt_csv_row *row, const char *name)
{
    enum { MAX_COMPARED = 4096 }; /* a table wider than that is not looked through */
    xt_nearest nearest = {.typed = name};
    for (size_t i = 0; i < row->n_cells && i < MAX_COMPARED; i++)
        xt_nearest_offer(&nearest, row->cells[i].text);
    return nearest.name;
}

static void unknown_name(selector *self, const char *name)
{
    const char *near = nearest_name(self->first, name);
    self->unknown_name = true;
    xt_problem(&self->problems, "%s:%zu: there is no column %s%s%s%s", self->file, self->first->cells[0].line,
               xt_show(name).text, near ? "; did you mean " : "", near ? xt_show(near).text : "", near ? "?" : "");
}

/* The index of a column, or n_cells where there is none, which is a problem. */
static size_t resolve(selector *self, const xt_column *column)
{
    size_t n = self->first->n_cells;
    if (column->name) {
        const xt_cell *cell = xt_names_find(&self->names, column->name);
        if (cell)
            return (size_t)(cell - self->first->cells);
        unknown_name(self, column->name);
        return n;
    }
    if (column->index < n)
        return column->index;
    xt_problem(&self->problems, "%s%s: there is no column %u: the columns are 0 to %zu", self->file, self->line,
               column->index, n - 1);
    return n;
}

/* Gives columns a role. picks, when not NULL, has room for them. */
static void claim(selector *self, const xt_columns *columns, role wanted, xt_picks *picks)
{
    for (size_t i = 0; i < columns->n; i++) {
        size_t index = resolve(self, columns->at + i);
        if (index == self->first->n_cells)
            continue;
        role had = self->roles[index];
        const char *name = columns->at[i].name;
        if (had != FREE && name)
            xt_problem(&self->problems, "%s: column %s is %s and %s", self->file, xt_show(name).text,
                       role_names[had], had == wanted ? "is listed twice" : role_names[wanted]);
        else if (had != FREE)
            xt_problem(&self->problems, "%s: column %zu is %s and %s", self->file, index, role_names[had],
                       had == wanted ? "is listed twice" : role_names[wanted]);
        self->roles[index] = (unsigned char)wanted;
        if (picks)
            picks->at[picks->n++] = (xt_pick){.column = index};
    }
}

static void claim_free(selector *self, xt_picks *picks)
{
    for (size_t i = 0; i < self->first->n_cells; i++)
        if (self->roles[i] == FREE)
            picks->at[picks->n++] = (xt_pick){.column = i};
}

/* Marks the inputs that are encoded. */
static void mark_encoded(selector *self, const xt_columns *columns, xt_picks *inputs)
{
    for (size_t i = 0; i < columns->n; i++) {
        size_t index = resolve(self, columns->at + i), at = 0;
        if (index == self->first->n_cells)
            continue;
        while (at < inputs->n && inputs->at[at].column != index)
            at++;
        if (at < inputs->n)
            inputs->at[at].encoded = true;
        else if (columns->at[i].name)
            xt_problem(&self->problems, "%s: column %s is to be encoded, but is no input", self->file,
                       xt_show(columns->at[i].name).text);
        else
            xt_problem(&self->problems, "%s: column %zu is to be encoded, but is no input", self->file, index);
    }
}

/* Counts the columns that hold numbers, whatever the data, and says whether one has a text. */
static bool has_text(const xt_csv_row *row, const xt_picks *picks, size_t *n_numbers)
{
    bool found = false;
    for (size_t i = 0; i < picks->n; i++) {
        const xt_cell *cell = row->cells + picks->at[i].column;
        float value;
        *n_numbers += !picks->at[i].encoded;
        if (!picks->at[i].encoded && xt_cell_parse(cell->text, cell->n_bytes, &value) == XT_CELL_TEXT)
            found = true;
    }
    return found;
}

/* For header: auto, where no column is selected by name. Texts may be values: of
 * an encoded column, or of one target, which may say classes. */
static bool first_row_is_names(selector *self, const xt_selection *selection)
{
    size_t n_numbers = 0;
    bool found = has_text(self->first, &selection->inputs, &n_numbers);
    if (selection->targets.n > 1)
        found |= has_text(self->first, &selection->targets, &n_numbers);
    if (!n_numbers)
        xt_problem(&self->problems,
                   "%s:%zu: whether the first row holds names does not show, as every column may hold texts: say "
                   "header: true or header: false",
                   self->file, self->first->cells[0].line);
    return found;
}

static bool is_used(const selector *self, const xt_cell *cell)
{
    role had = self->roles[cell - self->first->cells];
    return had == INPUT || had == TARGET;
}

/* So that a model file can hold the names of 65536 columns. */
enum { MAX_NAME_BYTES = 255 };

/* What a model file, which is JSON, can hold. */
static bool is_text(const xt_cell *cell)
{
    size_t at = 0, length = 1;
    for (; length && at < cell->n_bytes; at += length)
        length = xt_text_printable(cell->text + at, cell->n_bytes - at);
    return length != 0;
}

/* A model finds its columns by name later, so each needs one of its own. A pair
 * that is used is one problem, not two. */
static void check_names(selector *self, const xt_picks *picks)
{
    for (size_t i = 0; i < picks->n; i++) {
        size_t column = picks->at[i].column;
        const xt_cell *cell = self->first->cells + column, *twin = xt_names_twin(&self->names, cell);
        if (!cell->n_bytes)
            xt_problem(&self->problems, "%s:%zu:%zu: column %zu has no name; name it or ignore it", self->file,
                       cell->line, cell->column, column);
        else if (cell->n_bytes > MAX_NAME_BYTES)
            xt_problem(&self->problems, "%s:%zu:%zu: the name of column %zu has %zu bytes, more than %d", self->file,
                       cell->line, cell->column, column, cell->n_bytes, MAX_NAME_BYTES);
        else if (!is_text(cell))
            xt_problem(&self->problems, "%s:%zu:%zu: the name of column %zu, %s, is not printable UTF-8", self->file,
                       cell->line, cell->column, column, xt_show(cell->text).text);
        else if (twin && (cell < twin || !is_used(self, twin)))
            xt_problem(&self->problems, "%s:%zu:%zu: column %s is there twice, as column %zu and as column %zu",
                       self->file, cell->line, cell->column, xt_show(cell->text).text, column,
                       (size_t)(twin - self->first->cells));
    }
}

static xt_status copy_names(const xt_csv_row *row, xt_picks *picks, xt_arena *arena, xt_err *err)
{
    for (size_t i = 0; i < picks->n; i++) {
        const xt_cell *cell = row->cells + picks->at[i].column;
        picks->at[i].name = xt_arena_copy(arena, cell->text, cell->n_bytes);
        if (!picks->at[i].name)
            return xt_fail_memory(err, "the names of columns", cell->n_bytes);
    }
    return XT_OK;
}

static void list_columns(selector *self)
{
    xt_buf list = {0};
    xt_names_list(self->first, &list);
    /* One cell that looks like a whole row was delimited by something else. */
    const char *text = self->first->cells[0].text, *other = self->first->n_cells == 1 ? strpbrk(text, ";\t|,") : NULL;
    if (other)
        xt_problem(&self->problems, "%s:%zu: there is one column, %s; is the delimiter '%s'?", self->file,
                   self->first->cells[0].line, xt_show(text).text,
                   *other == '\t' ? "\\t" : (const char[]){*other, '\0'});
    else
        xt_problem(&self->problems, "%s:%zu: the columns are %s", self->file, self->first->cells[0].line,
                   xt_buf_text(&list));
    xt_buf_clear(&list);
}

static void claim_all(selector *self, const xt_source *source, xt_selection *out)
{
    claim(self, &source->target_columns, TARGET, &out->targets);
    claim(self, &source->ignore_columns, IGNORED, NULL);
    if (source->input_columns.n)
        claim(self, &source->input_columns, INPUT, &out->inputs);
    else
        claim_free(self, &out->inputs);
    mark_encoded(self, &source->encode_columns, &out->inputs);
    if (self->unknown_name)
        list_columns(self);
    if (!self->problems.n && !out->inputs.n)
        xt_problem(&self->problems, "%s%s: no column is left for the inputs", self->file, self->line);
}

static xt_status find_header(selector *self, const xt_source *source, xt_arena *arena, xt_selection *out, xt_err *err)
{
    out->has_header = source->header == XT_HEADER_TRUE || name_used(source) ||
                      (source->header == XT_HEADER_AUTO && first_row_is_names(self, out));
    if (!out->has_header)
        return xt_problems_report(&self->problems, err);
    check_names(self, &out->inputs);
    check_names(self, &out->targets);
    xt_status status = xt_problems_report(&self->problems, err);
    if (!status)
        status = copy_names(self->first, &out->inputs, arena, err);
    return status ? status : copy_names(self->first, &out->targets, arena, err);
}

xt_status xt_columns_select(const xt_source *source, const char *file, const xt_csv_row *first, xt_arena *arena,
                            xt_selection *out, xt_err *err)
{
    const char *name = name_used(source);
    if (name && source->header == XT_HEADER_FALSE)
        return xt_fail(err, XT_BAD_CONFIG,
                       "%s: column %s is selected by name, but header: false says that columns have none", file,
                       xt_show(name).text);
    selector self = {.file = file, .first = first};
    if (first->cells[0].line)
        snprintf(self.line, sizeof self.line, ":%zu", first->cells[0].line);
    size_t n_inputs = source->input_columns.n ? source->input_columns.n : first->n_cells;
    xt_selection made = {0};
    made.inputs.at = xt_arena_alloc(arena, n_inputs, sizeof *made.inputs.at);
    made.targets.at = xt_arena_alloc(arena, source->target_columns.n, sizeof *made.targets.at);
    self.roles = calloc(first->n_cells, 1);
    xt_status status = XT_OK;
    if (!made.inputs.at || !made.targets.at || !self.roles) {
        status = xt_fail_memory(err, "the selection of columns", 0);
        goto out;
    }
    status = xt_names_open(first, &self.names, err);
    if (status)
        goto out;
    claim_all(&self, source, &made);
    status = xt_problems_report(&self.problems, err);
    if (!status)
        status = find_header(&self, source, arena, &made, err);
    if (!status)
        *out = made;
out:
    xt_names_close(&self.names);
    free(self.roles);
    xt_problems_clear(&self.problems);
    return status;
}

/* ---- rows ---- */

bool xt_row_fits(const char *file, const xt_csv_row *row, size_t n_cells, size_t first_line, xt_problems *problems)
{
    if (row->n_cells == n_cells)
        return true;
    /* What is wrong is the first cell too many, or the end that came too early. */
    const xt_cell *extra = row->n_cells > n_cells ? row->cells + n_cells : NULL;
    xt_problem(problems, "%s:%zu:%zu: expected %zu cell%s as in line %zu, found %zu", file,
               extra ? extra->line : row->end_line, extra ? extra->column : row->end_column, n_cells,
               n_cells == 1 ? "" : "s", first_line, row->n_cells);
    return false;
}
