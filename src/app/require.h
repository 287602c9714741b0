/* require.h: what a run is to have reached in the end, as `val_accuracy>0.88`. */
#ifndef XT_APP_REQUIRE_H
#define XT_APP_REQUIRE_H

#include "app/rows.h"

typedef enum xt_compare { XT_ABOVE, XT_AT_LEAST, XT_BELOW, XT_AT_MOST } xt_compare;

/* A loss or metric by the name that it goes by: a column of loss.csv, or test_loss, test_accuracy, ... */
typedef struct xt_required_column {
    char name[XT_COLUMN_BYTES + 8];
    bool test;          /* of the test rows */
    xt_watched watched; /* else; which loss or metric in both cases */
} xt_required_column;

typedef struct xt_requirement {
    xt_required_column column;
    xt_compare compare;
    double value;
} xt_requirement;

/* COLUMN>NUMBER, also with >=, < and <=, blanks around them allowed. XT_BAD_USAGE
 * for anything else and for a column that the spec does not have. */
xt_status xt_require_parse(const xt_spec *spec, const char *text, xt_requirement *out, xt_err *err);

/* XT_NOT_MET names each one of n that row and test (NULL: not measured) do not meet. */
xt_status xt_require_check(const xt_requirement *requirements, size_t n, const xt_run_row *row, const xt_measured *test,
                           xt_err *err);

#endif
