#include "app/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 24 };

/* Straight to the descriptor: stdio is src/cli's. A terminal that has gone away is no error. */
static void put(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
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
    snprintf(text, sizeof text, "\r\033[K[%s] %u/%u  loss %.6g  %.0f s left", bar, epoch, epochs, loss, left);
    put(text);
    progress->shown = true;
    progress->last = seconds;
}

void xt_progress_clear(xt_progress *progress)
{
    if (progress->shown)
        put("\r\033[K");
    progress->shown = false;
}
