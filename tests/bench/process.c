/* Runs a command once, its stdout to /dev/null, and prints "seconds cpu": from
 * fork to its end by the clock, and the processor time of it and its children.
 *
 *     process COMMAND [ARGUMENT...]
 *
 * Exits with the command's status, 1 when a signal ended it. A shell's `time`
 * would measure the shell's fork and search of PATH too. */
#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static _Noreturn void become(char **command)
{
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0)
        execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    int status;
    struct rusage usage;
    if (argc < 2) {
        fprintf(stderr, "usage: process COMMAND [ARGUMENT...]\n");
        return 2;
    }
    double before = xt_seconds();
    pid_t child = fork();
    if (child == 0)
        become(argv + 1);
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("process");
        return 1;
    }
    double after = xt_seconds();
    printf("%.6f %.6f\n", after - before, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
