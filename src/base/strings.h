/* strings.h: texts one behind the other, each with its NUL: the names of columns, the cells of rows.
 *
 * Zero-initialise them ({0}), free with xt_strings_clear. Memory that is missing sets text.failed, as in a buffer. */
#ifndef XT_BASE_STRINGS_H
#define XT_BASE_STRINGS_H

#include "base/buf.h"

typedef struct xt_strings {
    xt_buf text;
    size_t n;
} xt_strings;

/* Copies the text. What was got of the others is no longer valid. */
void xt_strings_add(xt_strings *strings, const char *text);
/* The first one; NULL where there is none. */
const char *xt_strings_first(const xt_strings *strings);
/* The one behind `text`, which is one of them; NULL behind the last. */
const char *xt_strings_next(const xt_strings *strings, const char *text);
/* The n-th one behind `text`, which so many follow. */
const char *xt_strings_skip(const char *text, size_t n);
bool xt_strings_has(const xt_strings *strings, const char *text);
/* Drops them, keeps the memory. */
void xt_strings_reset(xt_strings *strings);
/* Frees; they are as new. */
void xt_strings_clear(xt_strings *strings);

#endif
