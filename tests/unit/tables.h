/* tables.h: tables of data for a network of one layer. */
#ifndef XT_UNIT_TABLES_H
#define XT_UNIT_TABLES_H

#include "data/data.h"
#include "data/load.h"

#define NAMES(...) {(const xt_column[]){__VA_ARGS__}, sizeof((const xt_column[]){__VA_ARGS__}) / sizeof(xt_column)}
#define NAME(text) {text, 0}
#define AT(n) {NULL, n}

/* A spec that trains one layer on the source; activation is a name of the table. layer must outlive it. */
xt_spec unit_table_spec(const xt_source *source, const char *activation, uint32_t units, xt_layer *layer);

/* The parts of a text that stands for the spec's file, or fails the test. */
xt_parts unit_parts(const xt_spec *spec, const char *text);
/* Fails unless it is refused so, and nothing else changed. */
void unit_parts_refused(const xt_spec *spec, const char *text, xt_status status, const char *message);

/* Fails unless they are the same to the bit. */
void unit_floats(const float *values, const float *expected, size_t n);

#endif
