/* raw.h: a table in memory as it was read, before anything was fitted to it. */
#ifndef XT_DATA_RAW_H
#define XT_DATA_RAW_H

#include "data/cells.h"
#include "data/input.h"

/* Rows of cells.n_inputs and cells.n_targets values: numbers, nan where a missing
 * one is to be filled, or codes of texts. Zero-initialise it. */
typedef struct xt_raw {
    size_t n_rows;
    float *inputs, *targets; /* row-major, malloc'ed */
    size_t n_dropped;        /* rows left out by `missing: drop` */
    char hash[XT_HASH_BYTES]; /* "": not of a file */
    char targets_hash[XT_HASH_BYTES]; /* of the targets' own file; "": there is none */
    const char *origin;      /* the file, "standard input", "inline" */
    xt_cells cells;          /* the columns */
} xt_raw;

/* What is read, and what its columns have to be. */
typedef struct xt_wanted {
    const xt_source *source;
    const xt_spec *spec;         /* whose network the rows are for; NULL: not known */
    const xt_encoding *encoding; /* the rows have to fit it; NULL: they are what it is fitted to (then with spec) */
} xt_wanted;

/* Reads whatever the source describes. The source must outlive the raw. */
xt_status xt_raw_read(const xt_wanted *wanted, xt_raw *out, xt_err *err);
/* The same where the bytes of source->file come from input. */
xt_status xt_raw_read_input(const xt_wanted *wanted, xt_input *input, xt_raw *out, xt_err *err);
void xt_raw_clear(xt_raw *raw);

/* ---- parts of the above ---- */

/* Inline or generated rows. */
xt_status xt_raw_read_numbers(const xt_wanted *wanted, xt_raw *out, xt_err *err);
/* Rows of source->file, an array, and those of source->targets_file. */
xt_status xt_raw_read_array(const xt_wanted *wanted, xt_input *input, xt_raw *out, xt_err *err);
/* Fails where no row is left. */
xt_status xt_raw_check_rows(const xt_raw *raw, xt_err *err);
/* What the columns have to be, once they are open. */
xt_status xt_raw_expect(xt_raw *raw, const xt_wanted *wanted, xt_err *err);
/* Columns of the table's first row, by selection or by what the encoding names. */
xt_status xt_match_table(const xt_wanted *wanted, const char *file, const xt_csv_row *first, xt_arena *arena,
                         xt_selection *out, xt_err *err);
/* The same for the inputs alone. */
xt_status xt_match_inputs(const xt_encoding *encoding, const char *file, const xt_csv_row *first, xt_arena *arena,
                          xt_selection *out, xt_err *err);

#endif
