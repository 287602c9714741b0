#include "ocl/profile.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void xt_profile_init(xt_profile *profile)
{
    memset(profile, 0, sizeof *profile);
    pthread_mutex_init(&profile->lock, NULL);
    profile->thread = pthread_self();
}

void xt_profile_watch(xt_profile *profile, void (*watch)(void *watcher, const xt_profile_span *span), void *watcher)
{
    pthread_mutex_lock(&profile->lock);
    profile->watch = watch;
    profile->watcher = watcher;
    pthread_mutex_unlock(&profile->lock);
}

/* ---- rows ---- */

static size_t row_of(xt_profile_table *table, const char *name)
{
    size_t i = 0;
    for (; i < table->n_rows; i++)
        if (strncmp(table->rows[i].name, name, XT_PROFILE_NAME_BYTES - 1) == 0)
            return i;
    if (i == XT_PROFILE_NAMES)
        return i - 1;
    table->n_rows++;
    snprintf(table->rows[i].name, XT_PROFILE_NAME_BYTES, "%s", i == XT_PROFILE_NAMES - 1 ? "others" : name);
    return i;
}

static void count(xt_profile_row *row, double seconds, xt_work work)
{
    row->calls++;
    row->seconds += seconds;
    if (work.flop > 0) {
        row->flop += work.flop;
        row->flop_seconds += seconds;
    }
    if (work.bytes > 0) {
        row->bytes += work.bytes;
        row->bytes_seconds += seconds;
    }
}

/* Commands of two queues may run at once: that time counts once. */
static void count_busy(xt_profile *profile, double begin, double end)
{
    if (begin < profile->busy_until)
        begin = profile->busy_until;
    if (end <= begin)
        return;
    profile->busy += end - begin;
    profile->busy_until = end;
}

static void add(xt_profile *profile, size_t index, double begin, double end, xt_work work)
{
    xt_profile_row *row = &profile->commands.rows[index];
    count(row, end - begin, work);
    count_busy(profile, begin, end);
    if (profile->watch)
        profile->watch(profile->watcher, &(xt_profile_span){XT_TRACK_DEVICE, row->name, begin, end, work, 0, 0});
}

void xt_profile_add(xt_profile *profile, const char *name, double begin, double end, xt_work work)
{
    pthread_mutex_lock(&profile->lock);
    add(profile, row_of(&profile->commands, name), begin, end, work);
    pthread_mutex_unlock(&profile->lock);
}

/* ---- phases ---- */

xt_phase xt_profile_begin(xt_profile *profile)
{
    xt_phase phase = {0, 0};
    if (!profile)
        return phase;
    pthread_mutex_lock(&profile->lock);
    phase = (xt_phase){xt_seconds(), profile->busy};
    pthread_mutex_unlock(&profile->lock);
    return phase;
}

void xt_profile_end(xt_profile *profile, const char *name, xt_phase phase, uint32_t first, uint32_t n)
{
    if (!profile)
        return;
    double end = xt_seconds();
    pthread_mutex_lock(&profile->lock);
    xt_track track = pthread_equal(profile->thread, pthread_self()) ? XT_TRACK_HOST : XT_TRACK_BACKGROUND;
    xt_profile_row *row = &profile->phases.rows[row_of(&profile->phases, name)];
    count(row, end - phase.begin, (xt_work){0, 0});
    row->busy += profile->busy - phase.busy;
    if (profile->watch)
        profile->watch(profile->watcher, &(xt_profile_span){track, row->name, phase.begin, end, {0, 0}, first, n});
    pthread_mutex_unlock(&profile->lock);
}

/* ---- events ---- */

/* A driver's clock has a zero of its own. What is enqueued on an empty queue has ended a moment before the wait for it
 * returns: of some tries the shortest moment is taken, which puts all commands late by that much. */
enum { CLOCK_TRIES = 8 };

xt_status xt_profile_set_clock(xt_profile *profile, cl_command_queue queue, const char *device, xt_err *err)
{
    double shortest = 0;
    for (int i = 0; i < CLOCK_TRIES; i++) {
        cl_event event = NULL;
        cl_ulong end = 0;
        xt_status status = XT_CL(device, clEnqueueMarkerWithWaitList(queue, 0, NULL, &event), err);
        if (status)
            return status;
        status = XT_CL(device, clFinish(queue), err);
        double now = xt_seconds();
        if (!status)
            status = XT_CL(device, clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL), err);
        clReleaseEvent(event);
        if (status)
            return status;
        if (i == 0) {
            profile->device_zero = end;
            profile->host_zero = shortest = now;
        }
        double since = now - 1e-9 * (double)(end - profile->device_zero);
        if (since < shortest)
            shortest = since;
    }
    profile->host_zero = shortest;
    return XT_OK;
}

static double host_time(const xt_profile *profile, cl_ulong device)
{
    return profile->host_zero + (device >= profile->device_zero ? 1e-9 * (double)(device - profile->device_zero)
                                                                : -1e-9 * (double)(profile->device_zero - device));
}

static void release(xt_pending *pending)
{
    if (pending->from)
        clReleaseEvent(pending->from);
    clReleaseEvent(pending->last);
}

void xt_profile_take(xt_profile *profile, cl_event from, cl_event last, const char *name, xt_work work)
{
    if (profile->n_pending == XT_PROFILE_PENDING) {
        clWaitForEvents(1, &profile->pending[0].last);
        xt_profile_drain(profile);
    }
    pthread_mutex_lock(&profile->lock);
    size_t row = row_of(&profile->commands, name);
    pthread_mutex_unlock(&profile->lock);
    profile->pending[profile->n_pending++] = (xt_pending){from, last, row, work};
}

/* One that failed is over too. */
static bool is_over(const xt_pending *pending)
{
    cl_int state = CL_COMPLETE;
    cl_int code = clGetEventInfo(pending->last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    return code != CL_SUCCESS || state <= CL_COMPLETE;
}

static bool times_of(xt_profile *profile, const xt_pending *pending, double *begin, double *end)
{
    cl_ulong from = 0, to = 0;
    cl_int code = clGetEventProfilingInfo(pending->from ? pending->from : pending->last,
                                          pending->from ? CL_PROFILING_COMMAND_END : CL_PROFILING_COMMAND_START,
                                          sizeof from, &from, NULL);
    if (code == CL_SUCCESS)
        code = clGetEventProfilingInfo(pending->last, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL);
    if (code != CL_SUCCESS) {
        profile->n_lost++;
        profile->lost_code = code;
        return false;
    }
    *begin = host_time(profile, from);
    *end = host_time(profile, to < from ? from : to);
    return true;
}

static int by_begin(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b; /* begin is the first member */
    return (first > second) - (first < second);
}

void xt_profile_drain(xt_profile *profile)
{
    size_t n_left = 0, n_over = 0;
    pthread_mutex_lock(&profile->lock);
    for (size_t i = 0; i < profile->n_pending; i++) {
        xt_pending *pending = &profile->pending[i];
        if (!is_over(pending)) {
            profile->pending[n_left++] = *pending;
            continue;
        }
        double begin, end;
        if (times_of(profile, pending, &begin, &end)) {
            profile->over[n_over].begin = begin;
            profile->over[n_over].end = end;
            profile->over[n_over].row = pending->row;
            profile->over[n_over++].work = pending->work;
        }
        release(pending);
    }
    profile->n_pending = n_left;
    qsort(profile->over, n_over, sizeof profile->over[0], by_begin);
    for (size_t i = 0; i < n_over; i++)
        add(profile, profile->over[i].row, profile->over[i].begin, profile->over[i].end, profile->over[i].work);
    pthread_mutex_unlock(&profile->lock);
}
