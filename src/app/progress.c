#include "app/progress.h"

#include "base/terminal.h"

#include <stdio.h>
#include <string.h>

/* In steps, as numbers become longer and shorter. */
enum { LONGEST_BAR = 24, SHORTEST_BAR = 8, BAR_STEP = 4, BRACKETS = 3 /* with the blank behind them */ };

static const double first_seconds = 0.5, redraw_seconds = 0.1, look_seconds = 0.02;
/* Shorter epochs are shown as they end. */
static const double long_epoch = 1;

static void put_time(double seconds, char out[32])
{
    if (seconds < 100)
        snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 100 * 60)
        snprintf(out, 32, "%.0f min", seconds / 60);
    else
        snprintf(out, 32, "%.1f h", seconds / 3600);
}

/* In epochs. */
static double done(const xt_standing *at)
{
    return at->epoch + (at->batches ? (double)at->batch / (double)at->batches : 0);
}

double xt_progress_epoch_left(const xt_standing *at)
{
    return at->epoch_seconds / (double)at->batch * (double)(at->batches - at->batch);
}

static void put_standing(const xt_standing *at, char *out, size_t n_bytes)
{
    char all[32], epoch[32];
    put_time(at->seconds / done(at) * (at->epochs - done(at)), all);
    if (!at->batches) {
        snprintf(out, n_bytes, "%u/%u  loss %.6g  %s left", at->epoch, at->epochs, at->loss, all);
        return;
    }
    put_time(xt_progress_epoch_left(at), epoch);
    snprintf(out, n_bytes, "%u/%u  batch %llu/%llu  %.0f rows/s  epoch %s, all %s left", at->epoch, at->epochs,
             (unsigned long long)at->batch, (unsigned long long)at->batches, at->rows / at->epoch_seconds, epoch, all);
}

/* Where columns are few the bar goes first. */
void xt_progress_text(const xt_standing *at, size_t width, char *out, size_t n_bytes)
{
    char text[200], bar[LONGEST_BAR + 1];
    put_standing(at, text, sizeof text);
    size_t used = strlen(text) + BRACKETS, room = width > used ? width - used : 0;
    room = room < LONGEST_BAR ? room / BAR_STEP * BAR_STEP : LONGEST_BAR;
    if (room < SHORTEST_BAR) {
        snprintf(out, n_bytes, "%s", text);
        return;
    }
    size_t full = (size_t)(done(at) / at->epochs * (double)room);
    memset(bar, '.', room);
    memset(bar, '#', full < room ? full : room);
    bar[room] = '\0';
    snprintf(out, n_bytes, "[%s] %s", bar, text);
}

static bool is_due(const xt_progress *progress, double seconds)
{
    bool early = seconds < first_seconds || (progress->shown && seconds - progress->last < redraw_seconds);
    return progress->wanted && !early;
}

static void show(xt_progress *progress, const char *text, double seconds)
{
    xt_terminal_draw(text);
    progress->shown = true;
    progress->last = seconds;
}

void xt_progress_draw(xt_progress *progress, const xt_standing *at)
{
    char text[240];
    if (!is_due(progress, at->seconds))
        return;
    if (at->batches && at->epoch_seconds + xt_progress_epoch_left(at) < long_epoch)
        return;
    xt_progress_text(at, xt_terminal_width(), text, sizeof text);
    show(progress, text, at->seconds);
}

void xt_progress_sweep_text(const xt_sweep_standing *at, char *out, size_t n_bytes)
{
    char pace[64] = "", best[96] = "", left[48] = "", time[32];
    double trained = (double)(at->done - at->before) + at->parts;
    if (trained > 0 && at->seconds > 0) {
        double rate = trained / at->seconds;
        snprintf(pace, sizeof pace, "  %.*f nets/s", rate < 1 ? 3 : rate < 100 ? 1 : 0, rate);
        put_time(((double)(at->trials - at->done) - at->parts) / rate, time);
        snprintf(left, sizeof left, "  eta %s", time);
    }
    if (at->has_best)
        snprintf(best, sizeof best, "  best %.40s %.6g (trial %llu)", at->value, at->best,
                 (unsigned long long)at->best_trial);
    snprintf(out, n_bytes, "sweep  %llu/%llu trials%s%s%s", (unsigned long long)at->done,
             (unsigned long long)at->trials, pace, best, left);
}

void xt_progress_draw_sweep(xt_progress *progress, const xt_sweep_standing *at)
{
    char text[240];
    if (!is_due(progress, at->seconds))
        return;
    xt_progress_sweep_text(at, text, sizeof text);
    show(progress, text, at->seconds);
}

void xt_progress_clear(xt_progress *progress)
{
    xt_terminal_clear();
    progress->shown = false;
}

uint64_t xt_progress_next_look(uint64_t batch, double seconds)
{
    double more = seconds > 0 ? (double)batch / seconds * look_seconds : (double)batch;
    return batch + (more < 1 ? 1 : more < (double)batch ? (uint64_t)more : batch);
}
