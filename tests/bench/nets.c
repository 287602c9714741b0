/* Trains small networks in this process and says how fast, for `make bench`.
 *
 *     nets engines     the engines that there are, a line each; fused-general is one
 *     nets shapes      a line a network: name, rows, batch, shuffle, inputs, units of each layer
 *     nets blas        OpenBLAS's version
 *     nets             answers a line on standard input, "NETWORK SUBJECT SECONDS", by a line
 *                      "epochs/s updates/s flop/s form of the kernels", having trained for about SECONDS
 *
 * A subject is an engine, or blas, which has only flop/s, whatever the network;
 * `tutorial` has plain, tuned and native too, the loops of tutorial.c. fused is measured
 * as it trains after a while, with a form of its kernel compiled for the network,
 * fused-general with the form that it starts with. Asking line by line lets the
 * caller take turns. */
#include "base/clock.h"
#include "blas.h"
#include "engine/engine.h"
#include "engine/fused.h"
#include "model/init.h"
#include "model/ops.h"
#include "ocl/device.h"
#include "tutorial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 3, MAX_EPOCHS = 10000, TUTORIAL_EPOCHS = 500, N_LOOPS = 3 };
/* What is measured as an engine: those of the table, and one form of fused. */
enum { FUSED_GENERAL = XT_N_ENGINES, N_ENGINES };

static const char *const loop_names[N_LOOPS] = {"plain", "tuned", "native"};
static tutorial_train *const loops[N_LOOPS] = {tutorial_plain, tutorial_tuned, tutorial_native};

typedef struct net {
    /* what it is */
    const char *name;
    uint32_t n_rows, batch, n_inputs, units[MAX_LAYERS];
    bool shuffle;
    /* filled by prepare */
    xt_layer layers[MAX_LAYERS];
    xt_spec spec;
    xt_plan plan;
    xt_dataset data;
    float *initial, *state;
    xt_engine *engines[N_ENGINES];
    uint32_t epochs[N_ENGINES]; /* in one call: about 50 ms of them */
} net;

static net nets[] = {
    {.name = "tutorial", .n_rows = 4, .batch = 1, .n_inputs = 2, .units = {16, 1},
     .spec = {.loss_report = XT_REPORT_POST_UPDATE}},
    {.name = "iris", .n_rows = 150, .batch = 16, .n_inputs = 4, .units = {16, 3}},
    {.name = "table", .n_rows = 569, .batch = 32, .n_inputs = 30, .units = {64, 32, 1}},
    {.name = "shuffled", .n_rows = 569, .batch = 32, .shuffle = true, .n_inputs = 30, .units = {64, 32, 1}},
    {.name = "images", .n_rows = 6000, .batch = 64, .n_inputs = 784, .units = {32, 10}},
};
enum { N_NETS = sizeof nets / sizeof nets[0] };

static _Noreturn void die(const char *net_name, const char *subject, const char *why)
{
    fprintf(stderr, "nets: %s %s: %s\n", net_name, subject, why);
    exit(1);
}

static bool is_tutorial(const net *n)
{
    return n == &nets[0];
}

static void describe(net *n)
{
    xt_spec *spec = &n->spec;
    for (size_t i = 0; i < MAX_LAYERS && n->units[i]; i++)
        n->layers[spec->n_layers++] = (xt_layer){.units = n->units[i], .activation = xt_choose(&xt_activations, "relu")};
    n->layers[spec->n_layers - 1].activation = xt_choose(&xt_activations, "linear");
    for (size_t i = 0; i < spec->n_layers; i++) {
        xt_layer *layer = &n->layers[i];
        layer->weight = xt_default_weight_init(layer->activation.kind);
        layer->bias = xt_choose(&xt_initializers, "zeros");
        if (is_tutorial(n)) {
            layer->weight = layer->bias = xt_choose(&xt_initializers, "normal");
            layer->weight.values[1] = layer->bias.values[1] = 0.01f;
        }
    }
    spec->name = n->name;
    spec->device = "auto";
    spec->keys = is_tutorial(n) ? XT_KEYS_SHARED : XT_KEYS_PER_LAYER;
    spec->layers = n->layers;
    spec->loss = xt_choose(&xt_losses, "mse");
    spec->optimizer = xt_choose(&xt_optimizers, "sgd");
    spec->optimizer.values[0] = 0.01f;
    spec->batch_size = n->batch;
    spec->shuffle = n->shuffle;
    spec->epochs = 1000000000; /* long enough for whatever pays in the long run */
}

static void fill(net *n)
{
    static const float inputs[] = {0, 0, 0, 1, 1, 0, 1, 1}, targets[] = {1, 0, 0, 1};
    xt_dataset *data = &n->data;
    size_t n_inputs = data->n_rows * data->n_inputs, n_targets = data->n_rows * data->n_targets;
    xt_key key = xt_key_of_seed(1);
    for (size_t i = 0; i < n_inputs; i++)
        data->inputs[i] = is_tutorial(n) ? inputs[i] : xt_uniform_at(key, n_inputs, i, -1, 1);
    for (size_t i = 0; i < n_targets; i++)
        data->targets[i] = is_tutorial(n) ? targets[i] : xt_uniform_at(key, n_targets, i, -1, 1);
}

static void prepare(net *n)
{
    xt_err err;
    xt_dataset *data = &n->data;
    describe(n);
    size_t n_targets = n->units[n->spec.n_layers - 1];
    *data = (xt_dataset){.n_rows = n->n_rows, .n_inputs = n->n_inputs, .n_targets = n_targets, .origin = "inline"};
    data->inputs = xt_arena_alloc(&data->arena, data->n_rows * data->n_inputs, sizeof(float));
    data->targets = xt_arena_alloc(&data->arena, data->n_rows * data->n_targets, sizeof(float));
    if (xt_plan_make(&n->spec, n->n_inputs, n_targets, &n->plan, &err))
        die(n->name, "plan", err.text);
    size_t n_state = (1 + n->plan.n_slots) * n->plan.n_params;
    n->initial = calloc(n_state, sizeof *n->initial);
    n->state = calloc(n_state, sizeof *n->state);
    if (!data->inputs || !data->targets || !n->initial || !n->state)
        die(n->name, "data", "out of memory");
    fill(n);
    if (xt_plan_init_params(&n->plan, n->initial, &err))
        die(n->name, "plan", err.text);
}

/* ---- training ---- */

/* Seconds that n_epochs take from the initial state. */
static double train(net *n, xt_engine *engine, uint32_t n_epochs, xt_epoch *rows)
{
    xt_err err;
    if (engine->ops->write_state(engine, n->initial, &err))
        die(n->name, engine->facts.engine, err.text);
    double before = xt_seconds();
    if (engine->ops->train(engine, 0, n_epochs, rows, &err))
        die(n->name, engine->facts.engine, err.text);
    double after = xt_seconds();
    if (!isfinite(rows[n_epochs - 1].loss))
        die(n->name, engine->facts.engine, "the loss is not finite");
    return after - before;
}

/* The largest difference that may lie between the engine's tutorial and a loop's. */
static const double tolerance = 1e-5;

static void compare(net *n, xt_engine *engine, const xt_epoch *rows)
{
    xt_err err;
    if (engine->ops->read_state(engine, n->state, &err))
        die(n->name, engine->facts.engine, err.text);
    for (size_t k = 0; k < N_LOOPS; k++) {
        float params[TUTORIAL_PARAMS], losses[TUTORIAL_EPOCHS];
        double apart = 0;
        memcpy(params, n->initial, sizeof params);
        loops[k](params, TUTORIAL_EPOCHS, losses);
        for (size_t i = 0; i < TUTORIAL_EPOCHS; i++)
            apart = fmax(apart, fabs(rows[i].loss - (double)losses[i]));
        for (size_t i = 0; i < TUTORIAL_PARAMS; i++)
            apart = fmax(apart, fabs((double)n->state[i] - (double)params[i]));
        if (!(apart <= tolerance)) {
            fprintf(stderr, "nets: the engine is %g apart from the %s loop\n", apart, loop_names[k]);
            die(n->name, engine->facts.engine, "it does not train what the loop trains");
        }
    }
}

/* An engine may train with a general form of its kernels while the one that it
 * will stay with is compiled: trains until then, or for 20 seconds. */
static void await_form(net *n, xt_engine *engine, uint32_t n_epochs, xt_epoch *rows)
{
    const char *first = engine->facts.form;
    if (!first || !*first)
        return;
    for (double end = xt_seconds() + 20; engine->facts.form == first && xt_seconds() < end;)
        train(n, engine, n_epochs, rows);
}

static const char *engine_name(size_t code)
{
    return code == FUSED_GENERAL ? "fused-general" : xt_table_at(&xt_engine_names, code)->name;
}

/* N_ENGINES where there is none of that name. */
static size_t find_engine(const char *name)
{
    size_t code = 0;
    while (code < N_ENGINES && strcmp(engine_name(code), name) != 0)
        code++;
    return code;
}

static xt_status open_general(net *n, xt_engine **out, xt_err *err)
{
    static const xt_fused_wish wish = {.speciality = XT_FUSED_GENERAL};
    xt_device device;
    xt_context *context = NULL;
    xt_status status = xt_device_select(n->spec.device, &device, err);
    if (!status)
        status = xt_context_open(&device, &context, err);
    if (!status)
        status = xt_fused_open_as(&n->plan, &n->data, context, &wish, out, err);
    if (status)
        xt_context_close(&context);
    else
        (*out)->facts.engine = engine_name(FUSED_GENERAL);
    return status;
}

/* Opens and warms up; decides how many epochs a call shall train. */
static void open_engine(net *n, size_t code, xt_epoch *rows)
{
    xt_err err;
    xt_status status;
    if (code == FUSED_GENERAL) {
        status = open_general(n, &n->engines[code], &err);
    } else {
        n->spec.engine = (xt_engine_code)code;
        status = xt_engine_open(&n->plan, &n->data, NULL, &n->engines[code], &err);
    }
    if (status)
        die(n->name, engine_name(code), err.text);
    uint32_t warm = is_tutorial(n) ? TUTORIAL_EPOCHS : 1;
    train(n, n->engines[code], warm, rows);
    await_form(n, n->engines[code], warm, rows);
    double seconds = train(n, n->engines[code], warm, rows) / warm;
    if (is_tutorial(n))
        compare(n, n->engines[code], rows);
    /* Of which a launch and what the host does for it are a small part: what is left is the device's time. */
    n->epochs[code] = (uint32_t)fmin(MAX_EPOCHS, 1 + 0.05 / seconds);
}

/* The products of one epoch: forward, by weights, and by inputs but the first layer's. */
static double flop(const net *n)
{
    double weights = 0;
    for (size_t i = 0; i < n->plan.n_layers; i++)
        weights += (i ? 6.0 : 4.0) * (double)(n->plan.layers[i].inputs * n->plan.layers[i].units);
    return weights * n->n_rows;
}

static void say(const net *n, double epochs_a_second, const char *form)
{
    double updates = ceil((double)n->n_rows / n->batch);
    printf("%.6g %.6g %.6g %s\n", epochs_a_second, epochs_a_second * updates, epochs_a_second * flop(n),
           form ? form : "");
}

static void measure_engine(net *n, size_t code, double seconds)
{
    static xt_epoch rows[MAX_EPOCHS];
    double elapsed = 0, epochs = 0;
    if (!n->engines[code])
        open_engine(n, code, rows);
    do {
        elapsed += train(n, n->engines[code], n->epochs[code], rows);
        epochs += n->epochs[code];
    } while (elapsed < seconds);
    say(n, epochs / elapsed, n->engines[code]->facts.form);
}

static void measure_loop(const net *n, tutorial_train *loop, double seconds)
{
    double elapsed = 0, epochs = 0;
    do {
        float params[TUTORIAL_PARAMS], losses[TUTORIAL_EPOCHS];
        memcpy(params, n->initial, sizeof params);
        double before = xt_seconds();
        loop(params, TUTORIAL_EPOCHS, losses);
        elapsed += xt_seconds() - before;
        epochs += TUTORIAL_EPOCHS;
    } while (elapsed < seconds);
    say(n, epochs / elapsed, "");
}

/* ---- requests ---- */

static void answer(const char *name, const char *subject, double seconds)
{
    size_t code = find_engine(subject);
    if (strcmp(subject, "blas") == 0) {
        printf("0 0 %.6g\n", blas_rate(seconds));
        return;
    }
    for (size_t i = 0; i < N_NETS; i++) {
        if (strcmp(nets[i].name, name) != 0)
            continue;
        for (size_t k = 0; k < N_LOOPS && is_tutorial(&nets[i]); k++)
            if (strcmp(loop_names[k], subject) == 0) {
                measure_loop(&nets[i], loops[k], seconds);
                return;
            }
        if (code == N_ENGINES)
            die(name, subject, "there is no such engine");
        measure_engine(&nets[i], code, seconds);
        return;
    }
    die(name, subject, "there is no such network");
}

static void serve(void)
{
    char name[32], subject[32];
    double seconds;
    xt_devices_prepare();
    for (size_t i = 0; i < N_NETS; i++)
        prepare(&nets[i]);
    while (scanf("%31s %31s %lf", name, subject, &seconds) == 3) {
        answer(name, subject, seconds);
        fflush(stdout);
    }
    for (size_t i = 0; i < N_NETS; i++) {
        for (size_t code = 0; code < N_ENGINES; code++)
            xt_engine_close(&nets[i].engines[code]);
        xt_dataset_clear(&nets[i].data);
        free(nets[i].initial);
        free(nets[i].state);
    }
}

static void print_shapes(void)
{
    for (size_t i = 0; i < N_NETS; i++) {
        const net *n = &nets[i];
        printf("%s %u %u %u %u", n->name, n->n_rows, n->batch, n->shuffle, n->n_inputs);
        for (size_t k = 0; k < MAX_LAYERS && n->units[k]; k++)
            printf(" %u", n->units[k]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        serve();
    } else if (strcmp(argv[1], "shapes") == 0) {
        print_shapes();
    } else if (strcmp(argv[1], "engines") == 0) {
        for (size_t code = XT_ENGINE_auto + 1; code < N_ENGINES; code++)
            printf("%s\n", engine_name(code));
    } else if (strcmp(argv[1], "blas") == 0) {
        printf("%s\n", blas_version());
    } else {
        fprintf(stderr, "usage: nets [engines | shapes | blas]\n");
        return 2;
    }
    return 0;
}
