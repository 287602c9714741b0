/* src/app, src/base: where a training stands, in words, and the line of a terminal that it is drawn on. */
#define _XOPEN_SOURCE 700 /* posix_openpt */
#include "app/progress.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cases.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the text ---- */

static const struct text_row {
    const char *name;
    xt_standing at;
    size_t width;
    const char *expected;
} text_rows[] = {
    {"between two epochs", {.epoch = 3, .epochs = 12, .loss = 0.25, .seconds = 6}, 79,
     "[######..................] 3/12  loss 0.25  18 s left"},
    {"after the last one", {.epoch = 12, .epochs = 12, .loss = 1e-9, .seconds = 6}, 79,
     "[########################] 12/12  loss 1e-09  0 s left"},
    {"the bar becomes shorter", {.epoch = 3, .epochs = 12, .loss = 0.25, .seconds = 6}, 40,
     "[##......] 3/12  loss 0.25  18 s left"},
    {"there is no room for a bar", {.epoch = 3, .epochs = 12, .loss = 0.25, .seconds = 6}, 35,
     "3/12  loss 0.25  18 s left"},
    {"minutes", {.epoch = 1, .epochs = 51, .loss = 2, .seconds = 6}, 20, "1/51  loss 2  5 min left"},
    {"hours", {.epoch = 1, .epochs = 1501, .loss = 2, .seconds = 6}, 20, "1/1501  loss 2  2.5 h left"},
    {"within the first epoch",
     {.epochs = 4, .seconds = 10, .batch = 25, .batches = 100, .rows = 800, .epoch_seconds = 5}, 79,
     "[#...............] 0/4  batch 25/100  160 rows/s  epoch 15 s, all 2 min left"},
    {"within another one",
     {.epoch = 2, .epochs = 4, .seconds = 50, .batch = 50, .batches = 100, .rows = 1000000, .epoch_seconds = 8}, 100,
     "[###############.........] 2/4  batch 50/100  125000 rows/s  epoch 8 s, all 30 s left"},
    {"with its last batch", {.epochs = 1, .seconds = 9, .batch = 7, .batches = 7, .rows = 900, .epoch_seconds = 9}, 100,
     "[########################] 0/1  batch 7/7  100 rows/s  epoch 0 s, all 0 s left"},
};

static void text(void **state)
{
    const struct text_row *row = *state;
    char line[240];
    xt_progress_text(&row->at, row->width, line, sizeof line);
    assert_string_equal(line, row->expected);
}

/* ---- a sweep ---- */

static const struct sweep_row {
    const char *name;
    xt_sweep_standing at;
    const char *expected;
} sweep_rows[] = {
    {"at the start", {.trials = 10, .seconds = 1}, "sweep  0/10 trials"},
    {"within the first trials", {.trials = 10, .seconds = 10, .parts = 2.5},
     "sweep  0/10 trials  0.250 nets/s  eta 30 s"},
    {"with a best one",
     {.trials = 10000, .done = 1234, .seconds = 0.25, .value = "loss", .best = 0.0012, .best_trial = 17,
      .has_best = true},
     "sweep  1234/10000 trials  4936 nets/s  best loss 0.0012 (trial 17)  eta 2 s"},
    {"of gains, with trials that had ended before",
     {.trials = 100, .done = 60, .before = 40, .seconds = 60, .parts = 10, .value = "val_accuracy", .best = 0.975,
      .best_trial = 3, .has_best = true},
     "sweep  60/100 trials  0.500 nets/s  best val_accuracy 0.975 (trial 3)  eta 60 s"},
    {"with nothing but trials that had ended before",
     {.trials = 100, .done = 60, .before = 60, .seconds = 1, .value = "loss", .best = 2, .has_best = true},
     "sweep  60/100 trials  best loss 2 (trial 0)"},
    {"at the end", {.trials = 100, .done = 100, .seconds = 2.5}, "sweep  100/100 trials  40.0 nets/s  eta 0 s"},
};

static void sweep_text(void **state)
{
    const struct sweep_row *row = *state;
    char line[240];
    xt_progress_sweep_text(&row->at, line, sizeof line);
    assert_string_equal(line, row->expected);
}

/* ---- how often the clock is looked at ---- */

static const struct look_row {
    uint64_t batch;
    double seconds;
    uint64_t expected;
} look_rows[] = {
    {1, 0, 2}, {1, 1e-6, 2}, {2, 1e-6, 4}, {1024, 1e-3, 2048}, {1000, 1, 1020}, {1000, 100, 1001}, {3, 60, 4},
};

static void next_look(void **state)
{
    const struct look_row *row = *state;
    assert_int_equal(xt_progress_next_look(row->batch, row->seconds), row->expected);
}

/* ---- on a terminal ---- */

static int master, saved;

/* In place of stderr: a terminal of so many columns. */
static void open_terminal(unsigned short columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_true(grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    dup2(slave, STDERR_FILENO);
    close(slave);
    setenv("TERM", "xterm", 1);
}

/* What it got; stderr is as before. */
static void assert_got(const char *expected)
{
    char got[1000];
    fflush(stderr);
    /* A mark, so that there is something to read; it is not waited for what may be missing. */
    assert_int_equal(write(STDERR_FILENO, "|", 1), 1);
    size_t n = 0;
    while (!n || got[n - 1] != '|') {
        ssize_t more = read(master, got + n, sizeof got - 1 - n);
        assert_true(more > 0);
        n += (size_t)more;
    }
    got[n - 1] = '\0';
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(master);
    xt_terminal_allow(); /* anew, of what stderr is now */
    assert_string_equal(got, expected);
}

#define TAKEN "\r\033[K"

static void a_line_stands_and_goes(void **state)
{
    (void)state;
    open_terminal(80);
    xt_terminal_draw("before it is allowed");
    xt_terminal_allow();
    assert_true(xt_terminal_is_allowed());
    xt_terminal_clear();
    xt_terminal_draw("one");
    xt_terminal_draw("two");
    xt_terminal_clear();
    xt_terminal_clear();
    assert_got(TAKEN "one" TAKEN "two" TAKEN);
}

static void a_message_takes_it_away(void **state)
{
    (void)state;
    open_terminal(80);
    xt_terminal_allow();
    xt_terminal_draw("busy");
    xt_note("a note");
    xt_note("another");
    assert_got(TAKEN "busy" TAKEN "xortrain: a note\r\nxortrain: another\r\n");
}

static void it_is_cut_to_the_width(void **state)
{
    (void)state;
    open_terminal(13);
    xt_terminal_allow();
    xt_terminal_draw("123456789\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
    xt_terminal_draw("a\033[2Jb\xff");
    assert_got(TAKEN "123456789\xc3\xa9\xc3\xa9\xc3\xa9" TAKEN "a?[2Jb?");
    open_terminal(9);
    xt_terminal_allow();
    xt_terminal_draw("nothing");
    assert_got("");
}

static void *draw(void *argument)
{
    (void)argument;
    xt_terminal_draw("from elsewhere");
    return NULL;
}

static void another_thread_draws_nothing(void **state)
{
    (void)state;
    pthread_t thread;
    open_terminal(80);
    xt_terminal_allow();
    assert_int_equal(pthread_create(&thread, NULL, draw, NULL), 0);
    pthread_join(thread, NULL);
    assert_got("");
}

static void not_every_terminal(void **state)
{
    (void)state;
    open_terminal(80);
    setenv("TERM", "dumb", 1);
    xt_terminal_allow();
    bool dumb = xt_terminal_is_allowed();
    unsetenv("TERM");
    xt_terminal_allow();
    bool none = xt_terminal_is_allowed();
    assert_got("");
    assert_false(dumb || none);
    /* And no pipe. */
    int ends[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    setenv("TERM", "xterm", 1);
    dup2(ends[1], STDERR_FILENO);
    xt_terminal_allow();
    bool piped = xt_terminal_is_allowed();
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[0]);
    close(ends[1]);
    assert_false(piped);
}

/* ---- when it is drawn ---- */

static const struct draw_row {
    const char *name;
    bool wanted;
    xt_standing at[2];
    const char *expected;
} draw_rows[] = {
    {"not in the first half second", true, {{.epoch = 1, .epochs = 4, .seconds = 0.1},
                                               {.epoch = 2, .epochs = 4, .seconds = 0.4}}, ""},
    {"not twice within a tenth", true,
     {{.epoch = 1, .epochs = 4, .loss = 1, .seconds = 1}, {.epoch = 2, .epochs = 4, .seconds = 1.05}},
     TAKEN "[####............] 1/4  loss 1  3 s left"},
    {"again after that", true,
     {{.epoch = 1, .epochs = 4, .loss = 1, .seconds = 1}, {.epoch = 2, .epochs = 4, .loss = 2, .seconds = 2}},
     TAKEN "[####............] 1/4  loss 1  3 s left" TAKEN "[########........] 2/4  loss 2  2 s left"},
    {"not unless wanted", false,
     {{.epoch = 1, .epochs = 4, .loss = 1, .seconds = 1}, {.epoch = 2, .epochs = 4, .seconds = 2}}, ""},
    {"not within a short epoch", true,
     {{.epochs = 4, .seconds = 5, .batch = 50, .batches = 100, .rows = 50, .epoch_seconds = 0.49},
      {.epochs = 4, .seconds = 5, .batch = 51, .batches = 100, .rows = 50, .epoch_seconds = 0.5}}, ""},
    {"within a long one", true,
     {{.epochs = 4, .seconds = 5, .batch = 50, .batches = 100, .rows = 50, .epoch_seconds = 0.5},
      {.epochs = 4, .seconds = 6, .batch = 50, .batches = 100, .rows = 50, .epoch_seconds = 1}},
     TAKEN "0/4  batch 50/100  100 rows/s  epoch 0 s" TAKEN "0/4  batch 50/100  50 rows/s  epoch 1 s,"},
};

static void drawn(void **state)
{
    const struct draw_row *row = *state;
    xt_progress progress = {.wanted = row->wanted};
    open_terminal(41);
    xt_terminal_allow();
    xt_progress_draw(&progress, &row->at[0]);
    xt_progress_draw(&progress, &row->at[1]);
    assert_got(row->expected);
}

static void a_sweep_is_drawn_as_often(void **state)
{
    (void)state;
    static const double seconds[] = {0.1, 1, 1.05, 2};
    xt_progress progress = {.wanted = true}, unwanted = {.wanted = false};
    open_terminal(41);
    xt_terminal_allow();
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        xt_sweep_standing at = {.trials = 8, .done = i + 1, .seconds = seconds[i]};
        xt_progress_draw_sweep(&progress, &at);
        xt_progress_draw_sweep(&unwanted, &at);
    }
    assert_got(TAKEN "sweep  2/8 trials  2.0 nets/s  eta 3 s" TAKEN "sweep  4/8 trials  2.0 nets/s  eta 2 s");
}

#define ROWS(rows, test, label, format) \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
        unit_case(test, &(rows)[i], #test " " format, (rows)[i].label)

int main(void)
{
    ROWS(text_rows, text, name, "'%s'");
    ROWS(sweep_rows, sweep_text, name, "'%s'");
    ROWS(look_rows, next_look, seconds, "after %g s");
    UNIT_CASE(a_line_stands_and_goes);
    UNIT_CASE(a_message_takes_it_away);
    UNIT_CASE(it_is_cut_to_the_width);
    UNIT_CASE(another_thread_draws_nothing);
    UNIT_CASE(not_every_terminal);
    ROWS(draw_rows, drawn, name, "%s");
    UNIT_CASE(a_sweep_is_drawn_as_often);
    return unit_run("progress");
}
