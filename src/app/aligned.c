#include "app/aligned.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct column {
    size_t width;
    bool is_count; /* its cells are whole numbers, or "-" for none */
} column;

/* A line end is printable to xt_text_mask. */
static void mask(xt_strings *cells)
{
    char *at = cells->text.data;
    for (size_t i = 0; i < cells->n; i++, at += strlen(at) + 1) {
        for (char *lf = at; (lf = strchr(lf, '\n'));)
            *lf = '?';
        xt_text_mask(at);
    }
}

static void measure(const xt_strings *cells, size_t n_columns, column *columns)
{
    const char *cell = xt_strings_first(cells);
    for (size_t i = 0; cell; i++, cell = xt_strings_next(cells, cell)) {
        column *one = &columns[i % n_columns];
        size_t width = xt_text_width(cell);
        one->width = width > one->width ? width : one->width;
        bool is_count = *cell && (!cell[strspn(cell, "0123456789")] || strcmp(cell, "-") == 0);
        one->is_count = i < n_columns || (one->is_count && is_count);
    }
}

static void print(const xt_strings *cells, size_t n_columns, const column *columns, xt_buf *out)
{
    const char *cell = xt_strings_first(cells);
    size_t blanks = 0; /* that stand before the next text of the line, if there is one */
    for (size_t i = 0; cell; i++, cell = xt_strings_next(cells, cell)) {
        const column *one = &columns[i % n_columns];
        size_t rest = one->width - xt_text_width(cell);
        blanks += one->is_count ? rest : 0;
        if (*cell) {
            xt_buf_printf(out, "%*s%s", (int)blanks, "", cell);
            blanks = 0;
        }
        blanks += one->is_count ? 2 : rest + 2;
        if (i % n_columns == n_columns - 1) {
            xt_buf_puts(out, "\n");
            blanks = 0;
        }
    }
}

void xt_aligned_print(const xt_strings *cells, size_t n_columns, xt_buf *out)
{
    xt_strings shown = {.n = cells->n};
    column *columns = calloc(n_columns, sizeof *columns);
    xt_buf_add(&shown.text, xt_buf_text(&cells->text), cells->text.len);
    if (columns && !shown.text.failed && !cells->text.failed) {
        mask(&shown);
        measure(&shown, n_columns, columns);
        print(&shown, n_columns, columns, out);
    } else {
        out->failed = true;
    }
    xt_strings_clear(&shown);
    free(columns);
}
