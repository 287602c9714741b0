/* cell.h: what the text of a cell stands for. The same in every locale. */
#ifndef XT_DATA_CELL_H
#define XT_DATA_CELL_H

#include <stddef.h>

typedef enum xt_cell_kind {
    XT_CELL_NUMBER,  /* a number that single precision can hold */
    XT_CELL_MISSING, /* empty, NA, N/A, NaN, nan, null, NULL or ? */
    XT_CELL_HUGE,    /* a number, but infinite in single precision */
    XT_CELL_TEXT     /* anything else */
} xt_cell_kind;

/* A number (base/number.h) between blanks. *value is set for XT_CELL_NUMBER only. */
xt_cell_kind xt_cell_parse(const char *text, size_t n_bytes, float *value);

/* The text of a number of an array, as short as it reads back: 30, 0.1, 1e+20; nan, inf, -inf. text has room for
 * XT_NUMBER_BYTES. */
void xt_cell_print(float value, char *text);

#endif
