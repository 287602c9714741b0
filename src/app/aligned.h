/* aligned.h: a table as text for a person. */
#ifndef XT_APP_ALIGNED_H
#define XT_APP_ALIGNED_H

#include "base/strings.h"

/* Appends a line for each n_columns of the cells, the first of them the header. Columns of whole numbers are aligned at
 * their right, others at their left; two blanks stand between them, and none at the ends of lines. Whatever is neither
 * printable nor UTF-8 is '?'. */
void xt_aligned_print(const xt_strings *cells, size_t n_columns, xt_buf *out);

#endif
