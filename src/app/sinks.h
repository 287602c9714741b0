/* sinks.h: where the rows of a run go: loss.csv, a second CSV, stdout.
 *
 * Rows gather in buffers and leave in one write a sink: at the end of a chunk of
 * epochs, and within it whenever xt_sinks_full. A reader of stdout that has gone away is no failure; a file that cannot
 * be written is, and ends with its last whole row. */
#ifndef XT_APP_SINKS_H
#define XT_APP_SINKS_H

#include "app/outdir.h"
#include "app/rows.h"
#include "engine/engine.h"

#include <signal.h>
#include <stdbool.h>

typedef struct xt_csv_file {
    int fd;       /* -1: none */
    bool is_file; /* and no pipe or device */
    xt_buf name;
} xt_csv_file;

typedef struct xt_sinks {
    const xt_spec *spec;
    xt_csv_file csv, copy;
    bool csv_on_stdout, lines; /* what stdout gets, if anything */
    bool stdout_open;          /* false once its reader has gone away */
    const volatile sig_atomic_t *stop;
    xt_row_style style;
    xt_buf rows, text; /* CSV rows and lines that wait */
    xt_buf losses;     /* and the losses among them, a line each */
} xt_sinks;

/* Zero-initialised sinks become ready: nothing is open yet. csv_path: a second
 * place for the CSV, "-" stdout in place of lines, NULL none. */
void xt_sinks_init(xt_sinks *sinks, const xt_spec *spec, bool lines, const char *csv_path,
                   const volatile sig_atomic_t *stop);

/* Opens the second CSV, if there is one; what is in it stays. Refused: a file that
 * another run writes to, one of `inputs` (n paths, "-" standard input), the run's
 * own files in dir, and what stdout or stderr goes to. */
xt_status xt_sinks_open_copy(xt_sinks *sinks, const char *csv_path, const char *const *inputs, size_t n_inputs,
                             const xt_outdir *dir, xt_err *err);
/* Stages loss.csv with its header in dir. */
xt_status xt_sinks_stage_csv(xt_sinks *sinks, xt_outdir *dir, xt_err *err);

/* Empties the second CSV and writes its header, or that of stdout's. */
xt_status xt_sinks_start(xt_sinks *sinks, xt_err *err);

/* Adds a row; is_last: it has a line whatever its epoch. */
void xt_sinks_add(xt_sinks *sinks, const xt_run_row *row, double seconds, bool is_last);
/* Adds the line "test  loss 0.1  accuracy 0.9" where there are lines. */
void xt_sinks_add_test(xt_sinks *sinks, const xt_measured *test);
/* Whether enough waits to be worth a write: more is no faster, and only takes memory. */
bool xt_sinks_full(const xt_sinks *sinks);
/* Writes what waits. */
xt_status xt_sinks_flush(xt_sinks *sinks, xt_err *err);
/* Syncs and closes the files; the first failure is told. Twice is fine. */
xt_status xt_sinks_close(xt_sinks *sinks, xt_err *err);

#endif
