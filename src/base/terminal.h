/* terminal.h: one line on stderr that stands while something takes its time, and is taken away again.
 *
 * Only where stderr is a terminal and xt_terminal_allow was called: what a pipe or a file gets is the same from run to
 * run. Whoever writes to the terminal clears the line before; base/log.c does. */
#ifndef XT_BASE_TERMINAL_H
#define XT_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Lets the thread that calls it draw, where stderr is a terminal that can take a line back. What other threads draw is
 * not shown: they do not know what stands there. */
void xt_terminal_allow(void);
bool xt_terminal_is_allowed(void);
/* Columns that a line can have, less the one that the cursor needs. */
size_t xt_terminal_width(void);
/* Puts the line there in place of what stood, cut to the width; control characters become '?'. */
void xt_terminal_draw(const char *line);
/* Takes it away; from any thread, and where there is none. */
void xt_terminal_clear(void);

#endif
