/* number.h: what the text of a cell stands for. The same in every locale. */
#ifndef XT_DATA_NUMBER_H
#define XT_DATA_NUMBER_H

#include <stddef.h>

typedef enum xt_number {
    XT_NUMBER,         /* a number that single precision can hold */
    XT_NUMBER_MISSING, /* empty, NA, N/A, NaN, nan, null, NULL or ? */
    XT_NUMBER_HUGE,    /* a number, but infinite in single precision */
    XT_NUMBER_TEXT     /* anything else */
} xt_number;

/* A number is [+-] (digits [. digits] | . digits) [(e|E) [+-] digits] between
 * blanks. It becomes the nearest double and that the nearest float, as in
 * NumPy; what is too small becomes 0. *value is set for XT_NUMBER only. */
xt_number xt_number_parse(const char *text, size_t n_bytes, float *value);

#endif
