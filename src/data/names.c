#include "data/columns.h"

#include <stdlib.h>
#include <string.h>

static int compare_cells(const void *left, const void *right)
{
    const xt_cell *a = *(const xt_cell *const *)left, *b = *(const xt_cell *const *)right;
    int order = strcmp(a->text, b->text);
    return order ? order : (a > b) - (a < b);
}

xt_status xt_names_open(const xt_csv_row *row, xt_names *out, xt_err *err)
{
    const xt_cell **sorted = malloc(row->n_cells * sizeof *sorted);
    if (!sorted)
        return xt_fail_memory(err, "the names of columns", row->n_cells * sizeof *sorted);
    for (size_t i = 0; i < row->n_cells; i++)
        sorted[i] = row->cells + i;
    qsort(sorted, row->n_cells, sizeof *sorted, compare_cells);
    *out = (xt_names){row, sorted};
    return XT_OK;
}

void xt_names_close(xt_names *names)
{
    free(names->sorted);
    *names = (xt_names){0};
}

/* Index in sorted of the first cell that is not before name. */
static size_t lower_bound(const xt_names *names, const char *name)
{
    size_t low = 0, high = names->row->n_cells;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->sorted[middle]->text, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const xt_cell *xt_names_find(const xt_names *names, const char *name)
{
    size_t at = lower_bound(names, name);
    return at < names->row->n_cells && strcmp(names->sorted[at]->text, name) == 0 ? names->sorted[at] : NULL;
}

const xt_cell *xt_names_twin(const xt_names *names, const xt_cell *cell)
{
    size_t at = lower_bound(names, cell->text);
    if (names->sorted[at] != cell)
        return names->sorted[at];
    at++;
    return at < names->row->n_cells && strcmp(names->sorted[at]->text, cell->text) == 0 ? names->sorted[at] : NULL;
}

void xt_names_list(const xt_csv_row *row, xt_buf *out)
{
    size_t start = out->len;
    for (size_t i = 0; i < row->n_cells && xt_show_item(row->cells[i].text, i, row->n_cells, start, out); i++)
        continue;
}
