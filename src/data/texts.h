/* texts.h: the distinct texts of a column, and the number that stands for each. */
#ifndef XT_DATA_TEXTS_H
#define XT_DATA_TEXTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { XT_MAX_TEXTS = 65536, XT_NO_TEXT = -1 };

typedef struct xt_text {
    const char *text;
    size_t line, column; /* of the cell that it was first met in */
} xt_text;

/* In the order in which they were added; a code is an index. Zero-initialise it. */
typedef struct xt_texts {
    xt_text *at;
    size_t n, cap;
    uint32_t *slots; /* hash table of codes + 1; 0: free */
    size_t n_slots;
    bool closed;     /* no others may come */
    xt_arena arena;  /* texts */
} xt_texts;

/* The code of the value, or XT_NO_TEXT. */
long xt_texts_find(const xt_texts *values, const char *text);
/* Adds a value that is not there. */
xt_status xt_texts_add(xt_texts *values, const char *text, size_t line, size_t column, xt_err *err);
/* The values become these, in this order, and closed. */
xt_status xt_texts_close_with(xt_texts *values, const char *const *texts, size_t n, xt_err *err);
/* Sorts those with used[code] (NULL: all) by their bytes to the front, n becomes
 * their number, and code[old] becomes the new code, XT_NO_TEXT where it is not
 * used. After that values are only looked at: nothing is found. */
xt_status xt_texts_sort(xt_texts *values, const unsigned char *used, long *code, xt_err *err);
/* Appends "'a', 'b', 'c'", cut when there are many. */
void xt_texts_list(const xt_texts *values, xt_buf *out);
void xt_texts_clear(xt_texts *values);

#endif
