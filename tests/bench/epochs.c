/* Trains large networks in this process and says how fast, for `make bench-large`.
 *
 *     epochs SHAPES IMAGES LABELS
 *
 * SHAPES holds a line a network: name, data (images, random), rows, batch, optimizer, learning rate,
 * inputs, units of each layer. Answers a line on standard input, "NETWORK ENGINE SECONDS", by a line
 * "rows/s loss", having trained for about SECONDS, one epoch of so many rows at least. The first
 * answer for a network is slow by what its engine compiles at the first epoch. The layers are relu,
 * the last softmax with cross_entropy; every epoch begins with the same parameters, and the loss is
 * its running one. */
#include "base/clock.h"
#include "data/data.h"
#include "engine/engine.h"
#include "model/init.h"
#include "model/ops.h"
#include "ocl/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NETS = 32, MAX_LAYERS = 8, MAX_LINE = 256 };

typedef struct net {
    /* of its line in SHAPES */
    char name[48];
    bool images;
    size_t n_rows, n_inputs;
    /* filled by prepare */
    xt_layer layers[MAX_LAYERS];
    xt_spec spec;
    xt_plan plan;
    xt_dataset rows; /* of images: the first of those that all share */
    float *initial;
    xt_engine *engine;
} net;

static net nets[MAX_NETS];
static size_t n_nets;
static const char *images_file, *labels_file;
static xt_parts images;

static _Noreturn void die(const char *name, const char *why)
{
    fprintf(stderr, "epochs: %s: %s\n", name, why);
    exit(1);
}

/* ---- networks ---- */

static void describe_layers(net *n, const char *sizes)
{
    char *end;
    n->n_inputs = strtoul(sizes, &end, 10);
    for (sizes = end; n->spec.n_layers < MAX_LAYERS; sizes = end) {
        uint32_t units = (uint32_t)strtoul(sizes, &end, 10);
        if (end == sizes)
            break;
        n->layers[n->spec.n_layers++] = (xt_layer){.units = units, .activation = xt_choose(&xt_activations, "relu")};
    }
    if (n->spec.n_layers == 0)
        die(n->name, "no layers");
    n->layers[n->spec.n_layers - 1].activation = xt_choose(&xt_activations, "softmax");
    for (size_t i = 0; i < n->spec.n_layers; i++) {
        n->layers[i].weight = xt_default_weight_init(n->layers[i].activation.kind);
        n->layers[i].bias = xt_choose(&xt_initializers, "zeros");
    }
    n->spec.layers = n->layers;
}

static void describe(net *n, const char *line)
{
    char data[16], optimizer[16];
    unsigned batch;
    float rate;
    int at = 0;
    if (sscanf(line, "%47s %15s %zu %u %15s %f%n", n->name, data, &n->n_rows, &batch, optimizer, &rate, &at) != 6)
        die("SHAPES", line);
    n->images = strcmp(data, "images") == 0;
    n->spec = (xt_spec){.name = n->name, .device = "auto", .shuffle = true, .batch_size = batch, .epochs = 1000000};
    describe_layers(n, line + at);
    n->spec.loss = xt_choose(&xt_losses, "cross_entropy");
    n->spec.optimizer = xt_choose(&xt_optimizers, optimizer);
    n->spec.optimizer.values[0] = rate;
    n->spec.train = (xt_source){.file = images_file, .targets_file = labels_file};
    n->spec.normalize = XT_NORMALIZE_MINMAX;
}

static void read_shapes(const char *path)
{
    char line[MAX_LINE];
    FILE *file = fopen(path, "r");
    if (!file)
        die(path, "cannot be read");
    while (n_nets < MAX_NETS && fgets(line, sizeof line, file))
        describe(&nets[n_nets++], line);
    fclose(file);
}

/* ---- data ---- */

static void take_images(net *n)
{
    xt_err err;
    if (!images.train.n_rows && xt_parts_load(&n->spec, &images, &err))
        die(n->name, err.text);
    if (images.train.n_rows < n->n_rows)
        die(n->name, "there are not so many images");
    n->rows = images.train;
    n->rows.n_rows = n->n_rows;
}

static void make_rows(net *n)
{
    size_t n_targets = n->layers[n->spec.n_layers - 1].units, n_inputs = n->n_rows * n->n_inputs;
    xt_key key = xt_key_of_seed(1);
    xt_dataset *data = &n->rows;
    *data = (xt_dataset){.n_rows = n->n_rows, .n_inputs = n->n_inputs, .n_targets = n_targets, .origin = "inline"};
    data->inputs = xt_arena_alloc(&data->arena, n_inputs, sizeof(float));
    data->targets = xt_arena_alloc(&data->arena, n->n_rows * n_targets, sizeof(float));
    if (!data->inputs || !data->targets)
        die(n->name, "out of memory");
    for (size_t i = 0; i < n_inputs; i++)
        data->inputs[i] = xt_uniform_at(key, n_inputs, i, -1, 1);
    memset(data->targets, 0, n->n_rows * n_targets * sizeof(float));
    for (size_t i = 0; i < n->n_rows; i++)
        data->targets[i * n_targets + i * i % n_targets] = 1;
}

static void prepare(net *n)
{
    xt_err err;
    if (n->images)
        take_images(n);
    else
        make_rows(n);
    if (n->rows.n_inputs != n->n_inputs)
        die(n->name, "another number of inputs");
    if (xt_plan_make(&n->spec, n->rows.n_inputs, n->rows.n_targets, &n->plan, &err))
        die(n->name, err.text);
    n->initial = calloc((1 + n->plan.n_slots) * n->plan.n_params, sizeof *n->initial);
    if (!n->initial)
        die(n->name, "out of memory");
    if (xt_plan_init_params(&n->plan, n->initial, &err))
        die(n->name, err.text);
}

/* ---- training ---- */

/* Seconds of the first epoch. */
static double train(net *n, double *loss)
{
    xt_err err;
    xt_epoch row;
    if (n->engine->ops->write_state(n->engine, n->initial, &err))
        die(n->name, err.text);
    double before = xt_seconds();
    if (n->engine->ops->train(n->engine, 0, 1, &row, &err))
        die(n->name, err.text);
    double after = xt_seconds();
    if (!isfinite(row.loss))
        die(n->name, "the loss is not finite");
    *loss = row.loss;
    return after - before;
}

static void open_engine(net *n, const char *name)
{
    xt_err err;
    int code = xt_table_find(&xt_engine_names, name);
    if (code < 0)
        die(name, "there is no such engine");
    n->spec.engine = (xt_engine_code)code;
    prepare(n);
    if (xt_engine_open(&n->plan, &n->rows, NULL, &n->engine, &err))
        die(n->name, err.text);
}

static void release(net *n)
{
    xt_engine_close(&n->engine);
    free(n->initial);
    n->initial = NULL;
    if (!n->images)
        xt_dataset_clear(&n->rows);
}

/* ---- requests ---- */

/* One network at a time is open: the largest take a gigabyte. */
static void answer(const char *name, const char *engine, double seconds)
{
    static net *current;
    for (size_t i = 0; i < n_nets; i++) {
        net *n = &nets[i];
        double elapsed = 0, rows = 0, loss = 0;
        if (strcmp(n->name, name) != 0)
            continue;
        if (current && current != n)
            release(current);
        if (!n->engine)
            open_engine(n, engine);
        current = n;
        do {
            elapsed += train(n, &loss);
            rows += (double)n->n_rows;
        } while (elapsed < seconds);
        printf("%.6g %.6g\n", rows / elapsed, loss);
        return;
    }
    die(name, "there is no such network");
}

int main(int argc, char **argv)
{
    char name[48], engine[32];
    double seconds;
    if (argc != 4) {
        fprintf(stderr, "usage: epochs SHAPES IMAGES LABELS\n");
        return 2;
    }
    images_file = argv[2];
    labels_file = argv[3];
    xt_devices_prepare();
    read_shapes(argv[1]);
    while (scanf("%47s %31s %lf", name, engine, &seconds) == 3) {
        answer(name, engine, seconds);
        fflush(stdout);
    }
    for (size_t i = 0; i < n_nets; i++)
        if (nets[i].engine)
            release(&nets[i]);
    xt_parts_clear(&images);
    return 0;
}
