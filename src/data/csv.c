#include "data/csv.h"

#include "data/format.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 65536,
    MAX_CELL_BYTES = 1 << 20,
    MAX_ROW_BYTES = 1 << 26,
};

static const char byte_order_mark[] = "\xEF\xBB\xBF";

typedef enum trouble { NO_TROUBLE, NO_MEMORY, TOO_MANY_CELLS, TOO_LONG } trouble;

struct xt_csv {
    xt_input *input;
    size_t n_skip;
    struct csv_parser parser;
    unsigned char stops[256]; /* bytes that end a segment */
    int (*is_blank)(unsigned char);

    unsigned char *chunk;
    size_t n_chunk, at;
    bool begun, ended, finished;
    size_t line, column; /* of chunk[at] */
    bool after_cr;

    bool in_cell; /* a byte of the cell other than a blank was seen, and its place is */
    size_t cell_line, cell_column, cell_bytes;

    xt_buf text; /* of the row's cells, each with a NUL */
    xt_cell *cells;
    size_t n_cells, cap_cells;
    bool row_done;
    size_t end_line, end_column;
    trouble trouble; /* met in a callback, which cannot fail */
};

char xt_format_delimiter(xt_format format, const char *path)
{
    return xt_format_of(format, path) == XT_FORMAT_TSV ? '\t' : ',';
}

/* ---- what libcsv calls ---- */

/* libcsv takes blanks for blanks even where they are the delimiter. */
static int space_or_tab(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static int only_space(unsigned char c)
{
    return c == ' ';
}

static int only_tab(unsigned char c)
{
    return c == '\t';
}

static bool grow_cells(xt_csv *csv)
{
    if (csv->n_cells < csv->cap_cells)
        return true;
    size_t cap = csv->cap_cells ? 2 * csv->cap_cells : 64;
    xt_cell *cells = realloc(csv->cells, cap * sizeof *cells);
    if (!cells)
        return false;
    csv->cells = cells;
    csv->cap_cells = cap;
    return true;
}

static void on_cell(void *text, size_t n_bytes, void *self)
{
    xt_csv *csv = self;
    csv->in_cell = false;
    csv->cell_bytes = 0;
    if (csv->trouble)
        return;
    if (csv->n_cells == XT_MAX_COLUMNS)
        csv->trouble = TOO_MANY_CELLS;
    else if (csv->text.len + n_bytes > MAX_ROW_BYTES)
        csv->trouble = TOO_LONG;
    else if (!grow_cells(csv))
        csv->trouble = NO_MEMORY;
    else {
        csv->cells[csv->n_cells++] = (xt_cell){NULL, n_bytes, csv->cell_line, csv->cell_column};
        xt_buf_add(&csv->text, text, n_bytes);
        xt_buf_add(&csv->text, "", 1);
        if (csv->text.failed)
            csv->trouble = NO_MEMORY;
    }
}

/* Called for blank lines as well (CSV_REPALL_NL), so that a cell's place does
 * not start in one. */
static void on_row(int end, void *self)
{
    (void)end;
    xt_csv *csv = self;
    csv->in_cell = false;
    csv->cell_bytes = 0;
    csv->row_done = csv->n_cells > 0;
}

/* ---- reading ---- */

xt_status xt_csv_open(xt_input *input, char delimiter, uint32_t n_skip, xt_csv **out, xt_err *err)
{
    if (delimiter == '\0' || strchr("\"\r\n", delimiter))
        return xt_fail(err, XT_BAD_CONFIG, "the delimiter cannot be a quote, a line end or NUL");
    xt_csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return xt_fail_memory(err, "a CSV reader", sizeof *csv);
    csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL);
    csv->is_blank = delimiter == '\t' ? only_space : delimiter == ' ' ? only_tab : space_or_tab;
    csv_set_space_func(&csv->parser, csv->is_blank);
    csv_set_delim(&csv->parser, (unsigned char)delimiter);
    csv_set_blk_size(&csv->parser, 4096);
    csv->stops[(unsigned char)delimiter] = csv->stops['\r'] = csv->stops['\n'] = csv->stops['\0'] = 1;
    csv->input = input;
    csv->n_skip = n_skip;
    csv->line = csv->column = 1;
    csv->chunk = malloc(CHUNK_BYTES);
    if (!csv->chunk) {
        xt_csv_close(&csv);
        return xt_fail_memory(err, input->name, CHUNK_BYTES);
    }
    *out = csv;
    return XT_OK;
}

void xt_csv_close(xt_csv **csv)
{
    if (!*csv)
        return;
    csv_free(&(*csv)->parser);
    xt_buf_clear(&(*csv)->text);
    free((*csv)->cells);
    free((*csv)->chunk);
    free(*csv);
    *csv = NULL;
}

/* The next chunk. The first one has three bytes at least, where the file has
 * them, so that a byte order mark is seen whole. */
static xt_status fill(xt_csv *csv, xt_err *err)
{
    csv->at = csv->n_chunk = 0;
    do {
        size_t n = 0;
        xt_status status = xt_input_read(csv->input, csv->chunk + csv->n_chunk, CHUNK_BYTES - csv->n_chunk, &n, err);
        if (status)
            return status;
        csv->ended = n == 0;
        csv->n_chunk += n;
    } while (!csv->begun && !csv->ended && csv->n_chunk < 3);
    if (!csv->begun && csv->n_chunk >= 3 && memcmp(csv->chunk, byte_order_mark, 3) == 0)
        csv->at = 3;
    csv->begun = true;
    return XT_OK;
}

/* A byte that continues a character of UTF-8 is not counted. */
static size_t count_chars(const unsigned char *bytes, size_t n_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += (bytes[i] & 0xC0) != 0x80;
    return n;
}

/* Bytes from chunk[at] up to and with the first that ends a segment. */
static size_t segment_bytes(const xt_csv *csv)
{
    size_t at = csv->at;
    while (at < csv->n_chunk)
        if (csv->stops[csv->chunk[at++]])
            break;
    return at - csv->at;
}

static void advance(xt_csv *csv, unsigned char last, size_t n_chars)
{
    bool ends_line = last == '\r' || (last == '\n' && !csv->after_cr);
    csv->line += ends_line;
    csv->column = ends_line || last == '\n' ? 1 : csv->column + n_chars;
    csv->after_cr = last == '\r';
}

static xt_status fail_parse(xt_csv *csv, size_t column, xt_err *err)
{
    if (csv_error(&csv->parser) != CSV_EPARSE)
        return xt_fail_memory(err, csv->input->name, 0);
    return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: %s", csv->input->name, csv->line, column,
                   csv->parser.quoted ? "text after the closing quote of a cell"
                                      : "a quote in an unquoted cell: quote the cell and double its quotes");
}

static xt_status fail_trouble(const xt_csv *csv, xt_err *err)
{
    if (csv->trouble == NO_MEMORY)
        return xt_fail_memory(err, csv->input->name, 0);
    if (csv->trouble == TOO_MANY_CELLS)
        return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: more than %d columns", csv->input->name, csv->cell_line,
                       csv->cell_column, XT_MAX_COLUMNS);
    return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: the row is longer than %d MiB", csv->input->name, csv->cell_line,
                   csv->cell_column, MAX_ROW_BYTES >> 20);
}

/* Parses one segment. It ends at the first delimiter or line end, so a cell or
 * a row can only be complete at its last byte: the callbacks need no places. */
static xt_status parse(xt_csv *csv, const unsigned char *segment, size_t n, size_t n_chars, xt_err *err)
{
    if (!csv->in_cell) {
        size_t n_blanks = 0;
        while (n_blanks < n && csv->is_blank(segment[n_blanks]))
            n_blanks++;
        csv->in_cell = n_blanks < n;
        csv->cell_line = csv->line;
        csv->cell_column = csv->column + n_blanks;
    }
    csv->cell_bytes += n;
    if (csv->cell_bytes > MAX_CELL_BYTES + 1) /* a delimiter may be among them */
        return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: the cell is longer than %d MiB", csv->input->name,
                       csv->cell_line, csv->cell_column, MAX_CELL_BYTES >> 20);
    size_t n_parsed = csv_parse(&csv->parser, segment, n, on_cell, on_row, csv);
    if (n_parsed < n)
        return fail_parse(csv, csv->column + count_chars(segment, n_parsed), err);
    if (csv->trouble)
        return fail_trouble(csv, err);
    csv->end_line = csv->line;
    csv->end_column = csv->column + n_chars - 1;
    return XT_OK;
}

static xt_status step(xt_csv *csv, xt_err *err)
{
    const unsigned char *segment = csv->chunk + csv->at;
    size_t n = segment_bytes(csv), n_chars = count_chars(segment, n);
    if (segment[n - 1] == '\0')
        return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: a NUL byte: not a text file, or one in UTF-16; arrays need format: idx or npy", csv->input->name,
                       csv->line, csv->column + n_chars - 1);
    xt_status status = csv->line > csv->n_skip ? parse(csv, segment, n, n_chars, err) : XT_OK;
    if (status)
        return status;
    csv->at += n;
    advance(csv, segment[n - 1], n_chars);
    return XT_OK;
}

/* The last row may lack its line end. */
static xt_status finish(xt_csv *csv, xt_err *err)
{
    csv->finished = true;
    csv->end_line = csv->line;
    csv->end_column = csv->column;
    if (!csv->in_cell) {
        csv->cell_line = csv->line;
        csv->cell_column = csv->column;
    }
    if (csv_fini(&csv->parser, on_cell, on_row, csv) != 0)
        return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: the quote that opens here is never closed", csv->input->name,
                       csv->cell_line, csv->cell_column);
    return csv->trouble ? fail_trouble(csv, err) : XT_OK;
}

xt_status xt_csv_next(xt_csv *csv, xt_csv_row *row, xt_err *err)
{
    csv->row_done = false;
    csv->n_cells = 0;
    xt_buf_reset(&csv->text);
    while (!csv->row_done && !csv->finished) {
        xt_status status = csv->at < csv->n_chunk ? step(csv, err) : csv->ended ? finish(csv, err) : fill(csv, err);
        if (status)
            return status;
    }
    const char *text = xt_buf_text(&csv->text);
    for (size_t i = 0; i < csv->n_cells; i++) {
        csv->cells[i].text = text;
        text += csv->cells[i].n_bytes + 1;
    }
    *row = (xt_csv_row){csv->cells, csv->n_cells, csv->end_line, csv->end_column};
    return XT_OK;
}

/* ---- writing ---- */

/* Blanks at the ends, and a byte order mark, would be taken off when read again. */
static bool needs_quotes(const char *text, size_t n)
{
    if (!n)
        return false;
    return text[strcspn(text, ",\"\r\n")] || space_or_tab((unsigned char)text[0]) ||
           space_or_tab((unsigned char)text[n - 1]) || strncmp(text, byte_order_mark, 3) == 0;
}

static void print_quoted(const char *text, xt_buf *out)
{
    xt_buf_puts(out, "\"");
    while (*text) {
        size_t n = strcspn(text, "\"");
        xt_buf_add(out, text, n);
        text += n;
        if (*text) {
            xt_buf_puts(out, "\"\"");
            text++;
        }
    }
    xt_buf_puts(out, "\"");
}

void xt_csv_print(const xt_csv_row *row, xt_buf *out)
{
    for (size_t i = 0; i < row->n_cells; i++) {
        const xt_cell *cell = row->cells + i;
        if (i)
            xt_buf_puts(out, ",");
        /* One empty cell alone would be a blank line, which is no row. */
        if (needs_quotes(cell->text, cell->n_bytes) || (row->n_cells == 1 && !cell->n_bytes))
            print_quoted(cell->text, out);
        else
            xt_buf_add(out, cell->text, cell->n_bytes);
    }
}

void xt_csv_print_text(const char *text, xt_buf *out)
{
    if (needs_quotes(text, strlen(text)))
        print_quoted(text, out);
    else
        xt_buf_puts(out, text);
}
