/* Work in a process of its own: what it finds comes back whole, or how it ended. */
#include "cases.h"

#include "base/clock.h"
#include "cli/apart.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct found {
    pid_t process;
    char text[100000]; /* more than a pipe holds */
} found;

static void finds(const void *of, void *record)
{
    found *to = record;
    to->process = getpid();
    memset(to->text, *(const char *)of, sizeof to->text);
}

static void is_killed(const void *of, void *record)
{
    finds(of, record);
    raise(SIGKILL);
}

static void ends(const void *of, void *record)
{
    finds(of, record);
    _exit(3);
}

static void hangs(const void *of, void *record)
{
    finds(of, record);
    for (;;)
        sleep(60);
}

/* A byte into the pipe before the record. */
static void gives_more(const void *of, void *record)
{
    finds(of, record);
    for (int fd = 3; fd < 64; fd++) {
        struct stat info;
        if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && write(fd, "x", 1) < 0)
            _exit(4);
    }
}

static void gives_less(const void *of, void *record)
{
    gives_more(of, record);
    _exit(0);
}

/* The handler that the parent has is not the child's. */
static void interrupts_itself(const void *of, void *record)
{
    finds(of, record);
    raise(SIGINT);
}

static void nothing(int number)
{
    (void)number;
}

static const struct end {
    const char *name;
    void (*work)(const void *of, void *record);
    const char *error; /* NULL: its record comes back */
    int stop;
} ends_of[] = {
    {"a whole record", finds, NULL, 0},
    {"a signal", is_killed, "its process ended by signal 9 (Killed)", 0},
    {"an end without a record", ends, "its process ended with code 3 and no result", 0},
    {"no end", hangs, "it did not come to an end in its time", 0},
    {"no end, and interrupted", hangs, "interrupted", SIGINT},
    {"more than a record", gives_more, "its process gave more bytes than a result has", 0},
    {"less than a record", gives_less, "its process gave fewer bytes than a result has", 0},
    {"a signal that this process minds", interrupts_itself, "its process ended by signal 2 (Interrupt)", 0},
};

static void says_how_it_ended(void **state)
{
    const struct end *row = *state;
    static found got, as_it_was;
    volatile sig_atomic_t stop = row->stop;
    const bool is_slow = row->work == hangs;
    double before = xt_seconds();
    xt_err err = {.text = ""};
    memset(&got, 'b', sizeof got);
    as_it_was = got;
    signal(SIGINT, nothing);
    xt_status status = xt_apart(row->work, "a", is_slow ? 0.3 : 60, &stop, &got, sizeof got, &err);
    signal(SIGINT, SIG_DFL);
    assert_string_equal(err.text, row->error ? row->error : "");
    assert_int_equal(status, row->error ? XT_FAILED : XT_OK);
    assert_true(xt_seconds() - before < 30);
    if (row->error) {
        assert_memory_equal(&got, &as_it_was, sizeof got);
        return;
    }
    assert_int_not_equal(got.process, getpid());
    for (size_t i = 0; i < sizeof got.text; i++)
        assert_int_equal(got.text[i], 'a');
}

int main(void)
{
    for (size_t i = 0; i < sizeof ends_of / sizeof *ends_of; i++)
        unit_case(says_how_it_ended, &ends_of[i], "comes to %s", ends_of[i].name);
    return unit_run("work in a process of its own");
}
