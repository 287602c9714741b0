/* Trains the network of a configuration from many seeds and says how fast, for `make bench`.
 *
 *     many CONFIG     CONFIG: the tutorial's, whose metrics are left out
 *
 * Answers a line on standard input, "NETS SUBJECT SECONDS", by a line "nets/s nets/s loss",
 * having trained so many nets again and again for about SECONDS. The first rate is of the
 * whole: parameters are drawn, trained, and read with the last losses; the second of the
 * training alone. loss is the mean of the last ones.
 *
 * Subjects: lanes (engine/lanes.h), and plain, the loop of tutorial.c in one thread, which
 * draws the same parameters and must come to the same. Curves are not kept. */
#include "base/clock.h"
#include "config/config.h"
#include "data/data.h"
#include "engine/lanes.h"
#include "ocl/device.h"
#include "tutorial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SETS = 8 };

/* What nets came to. */
typedef struct outcome {
    float *params; /* (nets, TUTORIAL_PARAMS) */
    double *losses;
} outcome;

/* So many nets. */
typedef struct set {
    size_t n;
    xt_spec *specs;
    xt_plan *plans;
    const xt_plan **pointers;
    outcome lanes, plain;
    xt_lanes *opened;
    float *state; /* of a net in a lane, its optimiser's too */
} set;

typedef struct seconds {
    double whole, training;
} seconds;

static xt_config *config;
static xt_parts parts;
static set sets[MAX_SETS];

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "many: %s: %s\n", what, why);
    exit(1);
}

static void *reserve(size_t n, size_t bytes)
{
    void *room = calloc(n, bytes);
    if (!room)
        die("nets", "out of memory");
    return room;
}

static outcome reserve_outcome(size_t n)
{
    return (outcome){reserve(n, TUTORIAL_PARAMS * sizeof(float)), reserve(n, sizeof(double))};
}

/* ---- training ---- */

static void train_lanes(set *s, size_t first, size_t n)
{
    xt_err err;
    uint32_t epochs = s->specs->epochs;
    for (uint32_t from = 0, count; from < epochs; from += count) {
        count = xt_lanes_reach(s->opened, from, epochs - from);
        if (xt_lanes_train(s->opened, from, count, &err))
            die("lanes", err.text);
    }
    for (size_t i = 0; i < n; i++)
        s->lanes.losses[first + i] = xt_lanes_course_of(s->opened, i)->last;
}

static seconds by_lanes(set *s)
{
    xt_err err;
    seconds took = {0, 0};
    size_t room = xt_lanes_room(s->opened);
    double start = xt_seconds();
    for (size_t first = 0; first < s->n; first += room) {
        size_t n = s->n - first < room ? s->n - first : room;
        if (xt_lanes_begin(s->opened, s->pointers + first, n, &err))
            die("lanes", err.text);
        double before = xt_seconds();
        train_lanes(s, first, n);
        took.training += xt_seconds() - before;
        for (size_t i = 0; i < n; i++) {
            if (xt_lanes_read_state(s->opened, i, s->state, &err))
                die("lanes", err.text);
            memcpy(s->lanes.params + (first + i) * TUTORIAL_PARAMS, s->state, TUTORIAL_PARAMS * sizeof *s->state);
        }
    }
    took.whole = xt_seconds() - start;
    return took;
}

static seconds by_plain(set *s)
{
    xt_err err;
    seconds took = {0, 0};
    uint32_t epochs = s->specs->epochs;
    float *losses = reserve(epochs, sizeof *losses);
    double start = xt_seconds();
    for (size_t i = 0; i < s->n; i++) {
        float *params = s->plain.params + i * TUTORIAL_PARAMS;
        if (xt_plan_init_params(&s->plans[i], params, &err))
            die("plain", err.text);
        double before = xt_seconds();
        tutorial_plain(params, epochs, losses);
        took.training += xt_seconds() - before;
        s->plain.losses[i] = (double)losses[epochs - 1];
    }
    took.whole = xt_seconds() - start;
    free(losses);
    return took;
}

/* ---- sets of nets ---- */

/* The largest difference that may lie between a net in a lane and the loop's. They add in another order, and where that
 * takes a unit from one side of its kink to the other a net goes a way of its own for a while: of 10,000 nets 59 did.
 * So few may, but not as many as there are in one lane of sixteen. */
static const double tolerance = 1e-5;
enum { NETS_OF_ONE_APART = 20 };

static bool is_apart(const set *s, size_t i)
{
    const float *a = s->lanes.params + i * TUTORIAL_PARAMS, *b = s->plain.params + i * TUTORIAL_PARAMS;
    bool apart = !(fabs(s->lanes.losses[i] - s->plain.losses[i]) <= tolerance);
    for (size_t k = 0; k < TUTORIAL_PARAMS; k++)
        apart |= !(fabs((double)a[k] - (double)b[k]) <= tolerance);
    return apart;
}

static void compare(const set *s)
{
    size_t n_apart = 0;
    for (size_t i = 0; i < s->n; i++)
        n_apart += is_apart(s, i);
    if (n_apart > s->n / NETS_OF_ONE_APART) {
        fprintf(stderr, "many: %zu of %zu nets are more than %g apart\n", n_apart, s->n, tolerance);
        die("lanes", "they do not train what the loop trains");
    }
}

static void open_set(set *s, size_t n)
{
    xt_err err;
    const char *why;
    s->n = n;
    s->specs = reserve(n, sizeof *s->specs);
    s->plans = reserve(n, sizeof *s->plans);
    s->pointers = reserve(n, sizeof *s->pointers);
    s->lanes = reserve_outcome(n);
    s->plain = reserve_outcome(n);
    for (size_t i = 0; i < n; i++) {
        s->specs[i] = *xt_config_spec(config);
        s->specs[i].seed = i;
        if (xt_plan_make(&s->specs[i], parts.train.n_inputs, parts.train.n_targets, &s->plans[i], &err))
            die("plan", err.text);
        s->pointers[i] = &s->plans[i];
    }
    if (s->plans->n_params != TUTORIAL_PARAMS)
        die("plan", "it is not the tutorial's");
    s->state = reserve(1 + s->plans->n_slots, TUTORIAL_PARAMS * sizeof *s->state);
    if (!xt_lanes_can(s->plans, &parts.train, &why))
        die("lanes", why);
    if (xt_lanes_open(s->plans, &parts.train, NULL, n, &s->opened, &err))
        die("lanes", err.text);
    by_lanes(s);
    by_plain(s);
    compare(s);
}

static set *find_set(size_t n)
{
    size_t i = 0;
    while (i < MAX_SETS && sets[i].n && sets[i].n != n)
        i++;
    if (!n || i == MAX_SETS)
        die("nets", "there are none, or too many sets of them");
    if (!sets[i].n)
        open_set(&sets[i], n);
    return &sets[i];
}

static void close_sets(void)
{
    for (set *s = sets; s < sets + MAX_SETS; s++) {
        xt_lanes_close(&s->opened);
        free(s->specs);
        free(s->plans);
        free(s->pointers);
        free(s->lanes.params);
        free(s->lanes.losses);
        free(s->plain.params);
        free(s->plain.losses);
        free(s->state);
    }
}

/* ---- requests ---- */

static void answer(size_t n, const char *subject, double least)
{
    bool in_lanes = strcmp(subject, "lanes") == 0;
    if (!in_lanes && strcmp(subject, "plain") != 0)
        die(subject, "there is no such subject");
    set *s = find_set(n);
    const double *losses = in_lanes ? s->lanes.losses : s->plain.losses;
    seconds sum = {0, 0};
    double rounds = 0, loss = 0;
    do {
        seconds took = in_lanes ? by_lanes(s) : by_plain(s);
        sum.whole += took.whole;
        sum.training += took.training;
        rounds++;
    } while (sum.whole < least);
    for (size_t i = 0; i < n; i++)
        loss += losses[i] / (double)n;
    printf("%.6g %.6g %.9g\n", rounds * (double)n / sum.whole, rounds * (double)n / sum.training, loss);
}

int main(int argc, char **argv)
{
    size_t n;
    char subject[32];
    double least;
    xt_err err;
    if (argc != 2) {
        fprintf(stderr, "usage: many CONFIG\n");
        return 2;
    }
    const xt_config_source sources[] = {{XT_CONFIG_FILE, argv[1], argv[1]}, {XT_CONFIG_SET, "metrics=[]", "metrics"}};
    if (xt_config_open(sources, sizeof sources / sizeof *sources, &config, &err) ||
        xt_parts_load(xt_config_spec(config), &parts, &err))
        die(argv[1], err.text);
    xt_devices_prepare();
    while (scanf("%zu %31s %lf", &n, subject, &least) == 3) {
        answer(n, subject, least);
        fflush(stdout);
    }
    close_sets();
    xt_parts_clear(&parts);
    xt_config_close(&config);
    return 0;
}
