/* sinks.h: where the rows of a run go: loss.csv, copies of it in a format each, stdout.
 *
 * A sink is a format and a destination. Rows gather in a buffer a format and leave in one write a sink: at the end of
 * a chunk of epochs, and within it whenever xt_sinks_full. A reader of stdout that has gone away is no failure; a file
 * that cannot be written is, and ends with its last whole row.
 *
 * In order: init; open_copies; then stage_csv, or continue where a run goes on with the loss.csv that is there; start,
 * the last thing before training; add and flush; close. What fails before start changes no file. */
#ifndef XT_APP_SINKS_H
#define XT_APP_SINKS_H

#include "app/outdir.h"
#include "app/rows.h"
#include "base/hash.h"
#include "engine/engine.h"

#include <signal.h>
#include <stdbool.h>

/* Copies come in these; the option that asks for one has the format's name. */
typedef enum xt_row_format { XT_ROWS_CSV, XT_ROWS_JSONL, XT_N_ROW_FORMATS } xt_row_format;

typedef enum xt_destination {
    XT_TO_NOTHING,
    XT_TO_STDOUT,
    XT_TO_FILE,  /* a regular one */
    XT_TO_STREAM /* a pipe or a device */
} xt_destination;

typedef struct xt_sink {
    xt_row_format format;
    xt_destination to;
    int fd;           /* of a file or a stream; else -1 */
    const char *name; /* a path; of a copy it is the caller's, NULL: none, "-": stdout */
    bool is_new;      /* made by open_copies, and not started: to be removed again */
} xt_sink;

typedef struct xt_sinks {
    const xt_spec *spec;
    xt_sink csv;                       /* loss.csv */
    xt_sink copies[XT_N_ROW_FORMATS];  /* by format */
    xt_buf csv_name;
    bool csv_failed;                   /* rows are missing in loss.csv */
    uint64_t kept;                     /* bytes of a loss.csv that is continued; 0: it is a new one */
    bool lines;                        /* for stdout */
    bool stdout_open;                  /* false once its reader has gone away */
    const volatile sig_atomic_t *stop;
    xt_row_style style;
    xt_buf rows[XT_N_ROW_FORMATS], text; /* rows in each format that is wanted, and lines, that wait */
    xt_buf losses;                       /* and the losses among them, a line each */
} xt_sinks;

/* Zero-initialised sinks become ready: nothing is open yet. csv_path, jsonl_path:
 * where copies go, "-" (one of them) stdout in place of lines, NULL none. They,
 * spec and stop must outlive the sinks. */
void xt_sinks_init(xt_sinks *sinks, const xt_spec *spec, bool lines, const char *csv_path, const char *jsonl_path,
                   const volatile sig_atomic_t *stop);

/* Opens the copies; what is in them stays. Refused: a file that another run writes
 * to, one of `inputs` (n paths, "-" standard input), the run's own files in dir,
 * what stdout or stderr goes to, and two copies in one file. */
xt_status xt_sinks_open_copies(xt_sinks *sinks, const char *const *inputs, size_t n_inputs, const xt_outdir *dir,
                               xt_err *err);

/* Stages loss.csv with its header in dir. */
xt_status xt_sinks_stage_csv(xt_sinks *sinks, xt_outdir *dir, xt_err *err);
/* In place of that: opens dir's loss.csv to go on behind the row of `epoch`, and
 * changes nothing yet. *found is false where there is none. Its header must be this
 * run's, and its rows those of first, first + 1, ..., epoch (none where epoch is
 * first - 1), each of them whole; XT_BAD_DATA says what is not so. What follows them
 * will be cut off. Adds the texts of their losses, each with LF, to `losses`, which
 * is of no use after a failure. */
xt_status xt_sinks_continue(xt_sinks *sinks, const xt_outdir *dir, uint32_t first, uint32_t epoch, xt_hash *losses,
                            bool *found, xt_err *err);

/* Begins copies and stdout anew, with what their format has before the first row.
 * Where loss.csv is continued it is cut, and copies that are regular files get the
 * rows that it keeps; streams and stdout begin with the row that comes next. */
xt_status xt_sinks_start(xt_sinks *sinks, xt_err *err);

/* Adds a row; is_last: it has a line whatever its epoch. */
void xt_sinks_add(xt_sinks *sinks, const xt_run_row *row, double seconds, bool is_last);
/* Adds the line "test  loss 0.1  accuracy 0.9" where there are lines. */
void xt_sinks_add_test(xt_sinks *sinks, const xt_measured *test);
/* Whether enough waits to be worth a write: more is no faster, and only takes memory. */
bool xt_sinks_full(const xt_sinks *sinks);
/* Writes what waits. */
xt_status xt_sinks_flush(xt_sinks *sinks, xt_err *err);
/* What was flushed to loss.csv is on the disk. */
xt_status xt_sinks_sync(const xt_sinks *sinks, xt_err *err);
/* Syncs and closes the files; the first failure is told. Twice is fine. */
xt_status xt_sinks_close(xt_sinks *sinks, xt_err *err);

#endif
