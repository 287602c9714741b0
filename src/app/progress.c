#include "app/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR = 24 };

/* Straight to the descriptor: stdio is src/cli's. A terminal that has gone away is no error. */
static void put(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

static void put_cut(char *text, size_t width)
{
    if (strlen(text) > width)
        text[width] = '\0';
    put(text);
}

/* Of the terminal, less the one that the cursor needs. */
static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col - 1u : 79;
}

bool xt_progress_possible(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

void xt_progress_draw(xt_progress *progress, uint32_t epoch, uint32_t epochs, double loss, double seconds)
{
    char bar[BAR + 1], text[200];
    if (!progress->wanted || seconds < 0.5 || (progress->shown && seconds - progress->last < 0.1))
        return;
    size_t full = (size_t)((double)epoch / (double)epochs * BAR);
    memset(bar, '.', BAR);
    memset(bar, '#', full < BAR ? full : BAR);
    bar[BAR] = '\0';
    double left = seconds / (double)epoch * (double)(epochs - epoch);
    int n = snprintf(text, sizeof text, "[%s] %u/%u  loss %.6g  %.0f s left", bar, epoch, epochs, loss, left);
    /* A line that wraps could not be taken away again: the bar goes first, then the end. */
    size_t width = columns(), skip = (size_t)n > width ? BAR + 3 : 0;
    put("\r\033[K");
    if (width > 10)
        put_cut(text + skip, width);
    progress->shown = true;
    progress->last = seconds;
}

void xt_progress_clear(xt_progress *progress)
{
    if (progress->shown)
        put("\r\033[K");
    progress->shown = false;
}
