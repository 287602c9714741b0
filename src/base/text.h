/* text.h: text from users and files, before it goes to a terminal or a file. */
#ifndef XT_BASE_TEXT_H
#define XT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `at` (n > 0 bytes are there): well-formed UTF-8
 * that is no control character (C0, DEL or C1). 0: anything else. */
size_t xt_text_printable(const char *at, size_t n);

/* Whether all of text is such characters; "" is. */
bool xt_text_is_printable(const char *text);
/* Whether text is well-formed UTF-8, controls included. */
bool xt_text_is_utf8(const char *text);
/* Characters of UTF-8 text: its columns on a terminal, mostly. */
size_t xt_text_width(const char *text);
/* Makes every byte that is neither of a printable character nor '\n' a '?': a
 * terminal must not obey what a file or a user put into a message. */
void xt_text_mask(char *text);

/* The value of an environment variable; NULL where it is not set or empty. */
const char *xt_variable(const char *name);

#endif
