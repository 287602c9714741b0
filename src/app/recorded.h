/* recorded.h: a run.json that is read again, and the run's loss.csv, to hold a new
 * training against. */
#ifndef XT_APP_RECORDED_H
#define XT_APP_RECORDED_H

#include "app/moment.h"
#include "base/buf.h"

typedef struct xt_recorded {
    const char *version, *status; /* of the run and the xortrain that wrote it */
    const char *engine;           /* its name */
    xt_buf config;                /* resolved, as JSON text, which is YAML too */
    uint32_t epochs;              /* completed */
    const char *loss_hash;        /* of the loss column; NULL: not known */
    const char *weights_hash;     /* of the model's parameters; NULL: there is no model */
    void *inside; /* what owns it */
} xt_recorded;

/* XT_FAILED where it cannot be read; XT_BAD_DATA for what is no record of a run, or of one that cannot be trained
 * again: still running, failed, ended before its first epoch, or resumed with other settings. */
xt_status xt_recorded_open(const char *path, xt_recorded *out, xt_err *err);
void xt_recorded_close(xt_recorded *recorded);
/* Appends a line to `data` for each part whose rows are not those that were recorded, and to `engine` for an engine, a
 * device or a driver that are others. XT_BAD_DATA, with path, where the record does not say. */
xt_status xt_recorded_compare(const xt_recorded *recorded, const char *path, const xt_circumstances *now, xt_buf *data,
                              xt_buf *engine, xt_err *err);

/* The rows of a loss.csv, one after another. */
typedef struct xt_recorded_rows xt_recorded_rows;

/* Opens the loss.csv beside the record, *out NULL where there is none. XT_BAD_DATA where its header is not spec's,
 * XT_FAILED where it is there and cannot be opened. */
xt_status xt_recorded_rows_open(const char *record, const xt_spec *spec, xt_recorded_rows **out, xt_err *err);
void xt_recorded_rows_close(xt_recorded_rows **rows);
/* Holds rows (whole lines, n_bytes) against those that come next: XT_DIFFERS, with the epoch and the column, at the
 * first cell but the seconds that is another one, or when there are no more; and the same whenever it is asked again. */
xt_status xt_recorded_rows_compare(xt_recorded_rows *rows, const char *text, size_t n_bytes, xt_err *err);
/* After the last row: XT_DIFFERS where something follows. */
xt_status xt_recorded_rows_end(xt_recorded_rows *rows, xt_err *err);

#endif
