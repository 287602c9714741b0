#include "cli/signals.h"

#include "base/clock.h"

#include <stddef.h>

volatile sig_atomic_t xt_stop, xt_ask;

/* The first signal ends training after the epochs in hand, or within a long one; a
 * second Ctrl-C the process. Two at once are one: timeout(1) signals the process and
 * then its whole group. */
static void on_signal(int number)
{
    static double first;
    double now = xt_seconds(); /* clock_gettime may be called here */
    if (!xt_stop) {
        first = now;
        xt_stop = number;
    } else if (number == SIGINT && now - first > 0.3) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void on_ask(int number)
{
    (void)number;
    xt_ask = 1;
}

void xt_signals_watch_ask(void)
{
    struct sigaction action = {.sa_handler = on_ask, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
}

void xt_signals_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_handler = on_signal}, old;
        /* Whoever started us with a signal ignored (nohup, a background job) meant it. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
    xt_signals_watch_ask(); /* again: drivers that load LLVM have put its handler there */
    signal(SIGPIPE, SIG_IGN);
}

void xt_signals_die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}
