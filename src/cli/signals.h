/* signals.h: signals that end a training, or ask it for a checkpoint. */
#ifndef XT_CLI_SIGNALS_H
#define XT_CLI_SIGNALS_H

#include <signal.h>

extern volatile sig_atomic_t xt_stop; /* the signal that ends training after the epochs in hand; 0: none came */
extern volatile sig_atomic_t xt_ask;  /* 1 after SIGUSR1 */

/* From the start of a command on: who asks before there is anything to save does not end the run by that. */
void xt_signals_watch_ask(void);
/* SIGINT, SIGTERM and SIGHUP set xt_stop, once there is something to save; a second SIGINT ends the process. SIGPIPE is
 * an error of write. */
void xt_signals_watch(void);
/* Ends the process by that signal, so that the shell's loop around it stops too: main does where xt_stop is set. */
void xt_signals_die(int number);

#endif
