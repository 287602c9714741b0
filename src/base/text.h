/* text.h: text from users and files, before it goes to a terminal or a file. */
#ifndef XT_BASE_TEXT_H
#define XT_BASE_TEXT_H

#include <stddef.h>

/* Bytes of the character at `at` (n > 0 bytes are there): well-formed UTF-8
 * that is no control character (C0, DEL or C1). 0: anything else. */
size_t xt_text_printable(const char *at, size_t n);

#endif
