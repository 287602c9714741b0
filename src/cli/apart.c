#include "cli/apart.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often *stop is looked at: a signal may have come before the wait for it began. */
enum { LOOK_MS = 100 };
/* The child ends itself so many seconds after its time, when nobody is there any more to end it. */
enum { ORPHAN_SECONDS = 5 };

static void write_all(int fd, const char *from, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, from, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        from += written;
        n -= (size_t)written;
    }
}

static _Noreturn void be_child(int fd, void (*work)(const void *of, void *record), const void *of, double seconds,
                               size_t n_bytes)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction old;
        /* What was ignored from the start stays so. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            signal(numbers[i], SIG_DFL);
    }
    signal(SIGALRM, SIG_DFL);
    alarm((unsigned)seconds + ORPHAN_SECONDS);
    char *record = calloc(1, n_bytes);
    if (record) {
        work(of, record);
        write_all(fd, record, n_bytes);
    }
    _exit(record ? 0 : XT_FAILED);
}

/* What comes until the other end is closed, n_most bytes at most, to *n. */
static xt_status read_all(int fd, double until, const volatile sig_atomic_t *stop, char *to, size_t n_most, size_t *n,
                          xt_err *err)
{
    for (*n = 0; *n < n_most;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        if (*stop)
            return xt_fail(err, XT_FAILED, "interrupted");
        if (xt_seconds() > until)
            return xt_fail(err, XT_FAILED, "it did not come to an end in its time");
        int ready = poll(&one, 1, LOOK_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t got = ready < 0 ? -1 : read(fd, to + *n, n_most - *n);
        if (got < 0 && errno != EINTR)
            return xt_fail_errno(err, "cannot read what it found");
        if (got == 0)
            return XT_OK;
        *n += got > 0 ? (size_t)got : 0;
    }
    return XT_OK;
}

/* Of a child that closed its end, or is to end now. */
static int end_child(pid_t child)
{
    int code = 0;
    kill(child, SIGKILL); /* no more than a formality where it has ended */
    while (waitpid(child, &code, 0) < 0 && errno == EINTR)
        ;
    return code;
}

static xt_status judge(int code, size_t n, size_t n_bytes, xt_err *err)
{
    /* Ended by end_child, perhaps while it had more to give. */
    if (n > n_bytes)
        return xt_fail(err, XT_FAILED, "its process gave more bytes than a result has");
    if (WIFSIGNALED(code))
        return xt_fail(err, XT_FAILED, "its process ended by signal %d (%s)", WTERMSIG(code), strsignal(WTERMSIG(code)));
    if (n == 0)
        return xt_fail(err, XT_FAILED, "its process ended with code %d and no result", WEXITSTATUS(code));
    if (n < n_bytes)
        return xt_fail(err, XT_FAILED, "its process gave fewer bytes than a result has");
    return XT_OK;
}

xt_status xt_apart(void (*work)(const void *of, void *record), const void *of, double seconds,
                   const volatile sig_atomic_t *stop, void *record, size_t n_bytes, xt_err *err)
{
    int ends[2];
    size_t n = 0;
    char *got = malloc(n_bytes + 1); /* one more shows that there is more */
    if (!got)
        return xt_fail_memory(err, "what a process finds", n_bytes);
    if (pipe(ends) != 0) {
        free(got);
        return xt_fail_errno(err, "no pipe");
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC); /* a compiler that a driver starts would hold it open */
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        be_child(ends[1], work, of, seconds, n_bytes);
    }
    xt_status status = child < 0 ? xt_fail_errno(err, "no process for it") : XT_OK;
    close(ends[1]);
    if (!status)
        status = read_all(ends[0], xt_seconds() + seconds, stop, got, n_bytes + 1, &n, err);
    close(ends[0]);
    int code = child < 0 ? 0 : end_child(child);
    if (!status)
        status = judge(code, n, n_bytes, err);
    if (!status)
        memcpy(record, got, n_bytes);
    free(got);
    return status;
}
