/* number.h: numbers as people write them, and back, whatever the locale.
 *
 * The xt_number_put functions write text to `at`, where there is room for
 * XT_NUMBER_BYTES, and return its end; no NUL is promised there. They give the bytes that printf
 * would, some ten times as fast: a run writes several a row, a row an epoch. */
#ifndef XT_BASE_NUMBER_H
#define XT_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

typedef enum xt_number_status {
    XT_NUMBER_OK,
    XT_NUMBER_NOT, /* not of the form below */
    XT_NUMBER_HUGE /* of the form, but beyond what fits the type */
} xt_number_status;

/* [+-](digits[.[digits]] | .digits)[e[+-]digits], nothing around it: no hex, no
 * nan, no inf. text has n_bytes bytes and a NUL after them. The nearest double;
 * what is too small becomes 0. *out is left as it was unless XT_NUMBER_OK. */
xt_number_status xt_number_double(const char *text, size_t n_bytes, double *out);
/* That double rounded to float, as NumPy does it; a value beyond float's range
 * is XT_NUMBER_HUGE. */
xt_number_status xt_number_float(const char *text, size_t n_bytes, float *out);
/* [+]digits. */
xt_number_status xt_number_uint(const char *text, uint64_t *out);

enum { XT_NUMBER_BYTES = 32 };

/* %u of any width. */
char *xt_number_put_uint(char *at, uint64_t value);
/* %.*g with 1 to 9 digits. */
char *xt_number_put(char *at, double value, int digits);
/* %.6f of what is below 1e15. */
char *xt_number_put_micros(char *at, double value);

/* The shortest text that reads back as the same float. out has room for 32. */
void xt_number_print(float value, char *out);
/* The same of a double. */
void xt_number_print_double(double value, char *out);

#endif
