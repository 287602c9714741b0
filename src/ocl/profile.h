/* profile.h: where the time of a device goes, by the events of its commands.
 *
 * Contexts that open while a profile is set (xt_contexts_profile in context.h)
 * have a queue that keeps times, and hand the event of every command over. What a
 * command took is added to a row of its name once it is over, so that nothing
 * here grows with the length of a training. Host phases are added to rows of their
 * own, with what the device was busy meanwhile.
 *
 * Commands are the context's thread's; a phase may be any thread's. */
#ifndef XT_OCL_PROFILE_H
#define XT_OCL_PROFILE_H

#include "ocl/call.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    XT_PROFILE_NAMES = 64,     /* rows of a table: what comes after goes to the last, "others" */
    XT_PROFILE_NAME_BYTES = 48,
    XT_PROFILE_PENDING = 1024  /* commands that are not over: more wait for the first of them */
};

/* What a command does. 0: not known. */
typedef struct xt_work {
    double flop;  /* a multiply-add is two */
    double bytes; /* that go from and to the device's memory, each array counted once */
} xt_work;

typedef struct xt_profile_row {
    char name[XT_PROFILE_NAME_BYTES];
    uint64_t calls;
    double seconds;
    double flop, flop_seconds;   /* of the commands that say it, and their time alone */
    double bytes, bytes_seconds;
    double busy;                 /* of a phase: seconds in it that the device was busy */
} xt_profile_row;

typedef struct xt_profile_table {
    xt_profile_row rows[XT_PROFILE_NAMES]; /* in the order of their first */
    size_t n_rows;
} xt_profile_table;

typedef enum xt_track {
    XT_TRACK_DEVICE,
    XT_TRACK_HOST,
    XT_TRACK_BACKGROUND, /* phases of other threads */
    XT_N_TRACKS
} xt_track;

/* A command or a phase that is over. */
typedef struct xt_profile_span {
    xt_track track;
    const char *name;
    double begin, end; /* of xt_seconds */
    xt_work work;
    uint32_t first, n; /* epochs of a phase, from 1; n 0: it has none */
} xt_profile_span;

typedef struct xt_pending {
    cl_event from, last; /* from NULL: last is the command's own event */
    size_t row;
    xt_work work;
} xt_pending;

typedef struct xt_profile {
    pthread_mutex_t lock;  /* of all but what waits */
    pthread_t thread;      /* that set it up */
    xt_profile_table commands, phases;
    double busy;           /* seconds in which at least one command ran */
    double busy_until;
    uint64_t n_lost;       /* commands that the driver has no times of */
    cl_int lost_code;      /* what it said of the last of them */
    cl_ulong device_zero;  /* what the device's clock said ... */
    double host_zero;      /* ... at this time of xt_seconds */
    xt_pending pending[XT_PROFILE_PENDING];
    size_t n_pending;
    struct { double begin, end; size_t row; xt_work work; } over[XT_PROFILE_PENDING]; /* room to sort them in */
    /* Is shown every span, a command after those that began before it as a rule; locked, so it does no more than
     * take it down. NULL: nobody is. */
    void (*watch)(void *watcher, const xt_profile_span *span);
    void *watcher;
} xt_profile;

/* A profile of nothing yet. It holds no memory of others. */
void xt_profile_init(xt_profile *profile);
/* Changes who is shown spans, also while another thread ends a phase. */
void xt_profile_watch(xt_profile *profile, void (*watch)(void *watcher, const xt_profile_span *span), void *watcher);

/* Adds a command that ran from begin to end (of xt_seconds). */
void xt_profile_add(xt_profile *profile, const char *name, double begin, double end, xt_work work);

/* ---- phases; profile may be NULL: then they do nothing ---- */

typedef struct xt_phase {
    double begin, busy;
} xt_phase;

xt_phase xt_profile_begin(xt_profile *profile);
/* first and n as in xt_profile_span. */
void xt_profile_end(xt_profile *profile, const char *name, xt_phase phase, uint32_t first, uint32_t n);

/* ---- for context.c ---- */

/* Finds out what the device's clock says. XT_FAILED where the driver has no times. */
xt_status xt_profile_set_clock(xt_profile *profile, cl_command_queue queue, const char *device, xt_err *err);
/* Owns the event of a command from now on. from: the event of a marker put before it, which makes the command all that
 * lies between the two; NULL: none. */
void xt_profile_take(xt_profile *profile, cl_event from, cl_event last, const char *name, xt_work work);
/* Adds those that are over. */
void xt_profile_drain(xt_profile *profile);

#endif
