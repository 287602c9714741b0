/* Loads data sets in this process and says how fast, for `make bench`.
 *
 *     load SETS     SETS holds a line a data set: "NAME ROWS FILE [TARGETS_FILE]"; answers a line on
 *                   standard input, "NAME SUBJECT SECONDS", by a line "rows/s sum", having loaded
 *                   it for about SECONDS, once at least
 *
 * The targets are column y of a text, and all of TARGETS_FILE. The sum is that of
 * all numbers, so that the caller can see that the others load the same. */
#include "base/clock.h"
#include "data/data.h"
#include "model/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SETS = 8 };

typedef struct set {
    char name[32], file[1024], targets_file[1024];
    double n_rows;
} set;

static set sets[MAX_SETS];
static size_t n_sets;

static _Noreturn void die(const char *name, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", name, why);
    exit(1);
}

static void read_sets(const char *path)
{
    char line[2200];
    FILE *file = fopen(path, "r");
    if (!file)
        die(path, "cannot be read");
    while (n_sets < MAX_SETS && fgets(line, sizeof line, file)) {
        set *s = &sets[n_sets++];
        if (sscanf(line, "%31s %lf %1023s %1023s", s->name, &s->n_rows, s->file, s->targets_file) < 3)
            die(path, line);
    }
    fclose(file);
}

static double sum_of(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i];
    return sum;
}

/* Seconds that loading takes; *sum is of what was loaded. */
static double load(const set *s, double *sum)
{
    xt_err err;
    const xt_column y = {.name = "y"};
    xt_layer layer = {.units = 1, .activation = xt_choose(&xt_activations, "linear")};
    xt_spec spec = {.train = {.file = s->file}, .n_layers = 1, .layers = &layer};
    if (*s->targets_file)
        spec.train.targets_file = s->targets_file;
    else
        spec.train.target_columns = (xt_columns){&y, 1};
    xt_parts parts = {0};
    double before = xt_seconds();
    if (xt_parts_load(&spec, &parts, &err))
        die(s->name, err.text);
    double seconds = xt_seconds() - before;
    const xt_dataset *data = &parts.train;
    if ((double)data->n_rows != s->n_rows)
        die(s->name, "another number of rows");
    *sum = sum_of(data->inputs, data->n_rows * data->n_inputs) + sum_of(data->targets, data->n_rows * data->n_targets);
    xt_parts_clear(&parts);
    return seconds;
}

static void answer(const char *name, double seconds)
{
    for (size_t i = 0; i < n_sets; i++) {
        double elapsed = 0, loads = 0, sum = 0;
        if (strcmp(sets[i].name, name) != 0)
            continue;
        do {
            elapsed += load(&sets[i], &sum);
            loads++;
        } while (elapsed < seconds);
        printf("%.6g %.12g\n", loads * sets[i].n_rows / elapsed, sum);
        return;
    }
    die(name, "there is no such data set");
}

int main(int argc, char **argv)
{
    char name[32];
    double seconds;
    if (argc != 2) {
        fprintf(stderr, "usage: load SETS\n");
        return 2;
    }
    read_sets(argv[1]);
    while (scanf("%31s %*s %lf", name, &seconds) == 2) {
        answer(name, seconds);
        fflush(stdout);
    }
    return 0;
}
