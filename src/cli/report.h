/* report.h: what evaluate measured, as text, CSV or JSON. */
#ifndef XT_CLI_REPORT_H
#define XT_CLI_REPORT_H

#include "app/evaluation.h"
#include "base/buf.h"
#include "model/columns.h"
#include "model/metrics.h"

typedef struct xt_average {
    double precision, recall, f1;
} xt_average;

typedef struct xt_report {
    const char *model, *origin; /* paths, for show */
    const char *part;           /* "data.test", "data.validation"; NULL: a file that was given */
    const char *hash;           /* of the file, "" where there is none */
    size_t n_rows, n_dropped;
    xt_measured scores;
    size_t n_metrics;
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    /* 0: no classes, or too many for a table */
    size_t n_classes;
    const char *const *classes;
    xt_class_scores *of_class; /* n_classes */
    size_t *counts;            /* (n_classes, n_classes): rows of one class that were said to be another */
    size_t n_unsaid;           /* rows in none of them: their outputs are no numbers */
    xt_average macro, weighted;
} xt_report;

/* The averages from of_class: of the classes as they are, and by their support. */
void xt_report_average(xt_report *report);

typedef struct xt_report_format {
    xt_row row;
    void (*print)(const xt_report *report, xt_buf *out); /* memory that is missing sets out->failed */
} xt_report_format;

extern const xt_table xt_report_formats; /* of xt_report_format, text first */
const xt_report_format *xt_report_format_at(int index);

#endif
