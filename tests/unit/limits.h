/* limits.h: a limit on the memory of a test program, for files that claim to be huge. */
#ifndef XT_UNIT_LIMITS_H
#define XT_UNIT_LIMITS_H

#include <stddef.h>

/* From now on the program gets n_bytes beyond what it has. Nothing in builds with
 * a sanitiser, whose shadow is larger than any limit: there an allocation of what
 * a header claims ends the program by itself. */
void unit_limit_memory(size_t n_bytes);

#endif
