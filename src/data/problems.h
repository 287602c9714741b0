/* problems.h: what is wrong with a table, collected so that one run shows it all. */
#ifndef XT_DATA_PROBLEMS_H
#define XT_DATA_PROBLEMS_H

#include "base/buf.h"
#include "base/err.h"

/* Zero-initialise it; free with xt_problems_clear. */
typedef struct xt_problems {
    xt_buf text;
    size_t n;
    bool full; /* more were met than are kept: stop looking */
} xt_problems;

enum { XT_MAX_PROBLEMS = 20 };

/* One complete message, without line end. */
void xt_problem(xt_problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* XT_BAD_DATA with all messages, one a line; XT_OK when there were none. */
xt_status xt_problems_report(const xt_problems *problems, xt_err *err);
void xt_problems_clear(xt_problems *problems);

/* Text from a file, fit for a message: between single quotes, cut when it is
 * long, control characters as \xNN. */
enum { XT_SHOWN_BYTES = 40 };
typedef struct xt_shown {
    char text[4 * XT_SHOWN_BYTES + 8];
} xt_shown;
xt_shown xt_show(const char *text);
/* Appends item i of n of a list that began at out's byte `start`, as in "'a', 'b'
 * and 7 more"; false where that ends the list. */
bool xt_show_item(const char *text, size_t i, size_t n, size_t start, xt_buf *out);

#endif
