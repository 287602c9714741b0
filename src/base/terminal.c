#include "base/terminal.h"

#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Fewer columns than that hold no line worth a look. */
enum { MAX_LINE = 400, LEAST_COLUMNS = 10 };

static _Thread_local bool allowed;
static atomic_bool shown;

/* Straight to the descriptor: stdio is src/cli's. A terminal that has gone away is no error. */
static void put(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

void xt_terminal_allow(void)
{
    const char *terminal = getenv("TERM");
    allowed = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

bool xt_terminal_is_allowed(void)
{
    return allowed;
}

size_t xt_terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col - 1u : 79;
}

/* A line that wraps could not be taken away again. */
static void cut(char *text, size_t width)
{
    size_t at = 0, n = strlen(text), step;
    for (; at < n && width && (step = xt_text_printable(text + at, n - at)) != 0; width--)
        at += step;
    text[at] = '\0';
}

void xt_terminal_draw(const char *line)
{
    char text[MAX_LINE];
    size_t width = xt_terminal_width();
    if (!allowed || width < LEAST_COLUMNS)
        return;
    snprintf(text, sizeof text, "%s", line);
    xt_text_mask(text);
    cut(text, width);
    put("\r\033[K");
    put(text);
    atomic_store(&shown, true);
}

void xt_terminal_clear(void)
{
    if (atomic_exchange(&shown, false))
        put("\r\033[K");
}
