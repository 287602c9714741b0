/* table.h: everything that a user can name is a row of a const table.
 *
 * A row of any table starts with an xt_row {name, help}. One lookup, one "did
 * you mean", one listing serve activations, losses, formats, engines,
 * commands. A row that takes parameters in a config starts with an xt_kind,
 * which is an xt_row followed by the description of those parameters; what a
 * config chose is an xt_choice {row index, values}. */
#ifndef XT_BASE_TABLE_H
#define XT_BASE_TABLE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct xt_row {
    const char *name; /* as typed by users */
    const char *help; /* one line, lower case, no final stop */
} xt_row;

typedef struct xt_table {
    const char *noun; /* "activation", for messages */
    const void *rows; /* n_rows structs of row_bytes that start with an xt_row */
    size_t n_rows, row_bytes;
} xt_table;

#define XT_TABLE(noun, rows) \
    { (noun), (rows), sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]) }

/* The row at index; index < n_rows. */
const xt_row *xt_table_at(const xt_table *table, size_t index);
/* Index of the row so named, -1 when there is none. */
int xt_table_find(const xt_table *table, const char *name);
/* The closest name when it is close enough to be a typing mistake, else NULL. */
const char *xt_table_nearest(const xt_table *table, const char *name);
/* Appends "a, b, c". */
void xt_table_names(const xt_table *table, xt_buf *out);

/* Edits (insert, delete, replace, swap neighbours) from a to b, ignoring case
 * and taking '-' for '_'. Names of more than 63 bytes are never near. */
size_t xt_edit_distance(const char *a, const char *b);

/* The nearest of the names that are offered one by one; name is NULL while none
 * is near enough to be what was meant. Start with {.typed = ...}. */
typedef struct xt_nearest {
    const char *typed, *name;
    size_t distance;
} xt_nearest;
void xt_nearest_offer(xt_nearest *nearest, const char *name);

/* ---- numbers and their ranges ---- */

typedef struct xt_range {
    double min, max;
    bool min_open, max_open; /* the bound itself is excluded */
} xt_range;

#define XT_RANGE_ANY \
    { -HUGE_VAL, HUGE_VAL, true, true }
#define XT_RANGE_POSITIVE \
    { 0, HUGE_VAL, true, true }
#define XT_RANGE_NON_NEGATIVE \
    { 0, HUGE_VAL, false, true }
#define XT_RANGE_UNIT /* 0 <= x < 1 */ \
    { 0, 1, false, true }

bool xt_range_holds(const xt_range *range, double value); /* false for nan */
/* Appends "a number greater than 0", "a number from 0 to 10", ...; noun is "a number". */
void xt_range_describe(const xt_range *range, const char *noun, xt_buf *out);

/* ---- kinds: rows with parameters ---- */

enum { XT_MAX_PARAMS = 6 };

typedef enum xt_param_type {
    XT_PARAM_NUMBER, /* a float in range */
    XT_PARAM_BOOL,   /* 0 or 1 */
    XT_PARAM_NAME,   /* index into names */
    XT_PARAM_LIST,   /* numbers in range: the choice's list, the value XT_LISTED; where there are names one of
                        them may stand instead, the value its index */
    XT_PARAM_TEXT    /* the choice's text */
} xt_param_type;

enum { XT_LISTED = -1 };

typedef struct xt_param {
    const char *name; /* NULL ends the list */
    const char *help;
    xt_param_type type;
    bool required;      /* no default */
    float def;          /* default value */
    bool whole;         /* of XT_PARAM_NUMBER and XT_PARAM_LIST: whole numbers alone */
    xt_range range;     /* likewise */
    const char *const *names; /* of XT_PARAM_NAME and XT_PARAM_LIST, NULL-terminated */
    const char *def_text;     /* of XT_PARAM_TEXT: its default */
} xt_param;

typedef struct xt_kind {
    xt_row row;
    xt_param params[XT_MAX_PARAMS + 1];
    /* What is wrong with values that are each in range, or NULL: nothing. May be NULL. */
    const char *(*check)(const float *values);
} xt_kind;

/* One row of a table of kinds and its parameters' values, in the row's order.
 * kind -1: not chosen. A kind has at most one list and one text. They live in the
 * arena of whoever made the choice, or are constants. */
typedef struct xt_choice {
    int kind;
    float values[XT_MAX_PARAMS];
    const float *list; /* n_list numbers; NULL: none */
    size_t n_list;
    const char *text;  /* NULL: none */
} xt_choice;

const xt_kind *xt_kind_at(const xt_table *table, int index);
/* A choice of the named row with its defaults (required values 0). The name must exist. */
xt_choice xt_choose(const xt_table *table, const char *name);

#endif
