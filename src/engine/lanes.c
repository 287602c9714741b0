/* Many trainings at once: cl/lanes.cl trains one in each lane. Here they are opened,
 * begun and read; lanes_train.c trains them, and lanes_measure.c measures what they come to. */
#include "engine/lanes_engine.h"

#include "base/clock.h"
#include "base/terminal.h"
#include "engine/layerwise.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STAGED_FLOATS = 1 << 20,  /* of states that are drawn or read at once, but for a block that has more */
    KEPT_FLOATS = 1 << 24,    /* of a launch's outputs, likewise */
    LAUNCH_FLOATS = 1 << 22,  /* of a launch's results, of its orders, and of its steps, likewise */
    MAX_EPOCHS = 4096,        /* of a launch */
    MAX_UPDATES = 1 << 30,    /* likewise: the kernel counts in ints */
    MAX_THREADS = 16
};

/* Of all nets together, at most this part of the device's memory. */
static const size_t part_of_memory = 4;

/* For messages. */
static const char *const buffer_names[XT_LANES_BUFFERS] = {
    [XT_LANES_STATE] = "the parameters and the optimizers' states",
    [XT_LANES_SAVED] = "the states of nets that were stopped",
    [XT_LANES_MEM] = "batches' values and gradients",
    [XT_LANES_INPUTS] = "the training inputs",
    [XT_LANES_TARGETS] = "the training targets",
    [XT_LANES_WEIGHTS] = "the rows' weights",
    [XT_LANES_ORDER] = "the orders of the rows",
    [XT_LANES_NUMBERS] = "the nets' settings",
    [XT_LANES_WORDS] = "the nets' keys",
    [XT_LANES_SWITCHES] = "which nets are trained",
    [XT_LANES_STEPS] = "the steps",
    [XT_LANES_OTHER_INPUTS] = "the validation inputs",
    [XT_LANES_OTHER_TARGETS] = "the validation targets",
    [XT_LANES_OTHER_WEIGHTS] = "the validation rows' weights",
    [XT_LANES_SCORES] = "the validation rows' losses",
    [XT_LANES_OUTPUTS] = "the validation rows' outputs",
    [XT_LANES_RESULTS] = "the sums of the epochs",
    [XT_LANES_KEPT] = "the outputs to measure",
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- threads ---- */

typedef struct share {
    pthread_t thread;
    bool started;
    xt_lanes *lanes;
    xt_lanes_part_fn *part;
    void *job;
    size_t first, n;
    xt_status status;
    xt_err err;
} share;

static void *do_share(void *argument)
{
    share *own = argument;
    own->status = own->part(own->lanes, own->job, own->first, own->n, &own->err);
    return NULL;
}

xt_status xt_lanes_share_out(xt_lanes *lanes, xt_lanes_part_fn *part, void *job, size_t n, xt_err *err)
{
    share shares[MAX_THREADS];
    sigset_t all, before;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n_shares = smaller(n, smaller(processors > 0 ? (size_t)processors : 1, MAX_THREADS));
    /* Signals are the first thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < n_shares; i++) {
        size_t first = n * i / n_shares, end = n * (i + 1) / n_shares;
        shares[i] = (share){.lanes = lanes, .part = part, .job = job, .first = first, .n = end - first};
        shares[i].started = i + 1 < n_shares && pthread_create(&shares[i].thread, NULL, do_share, &shares[i]) == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    xt_status status = XT_OK;
    for (size_t i = 0; i < n_shares; i++)
        if (!shares[i].started)
            do_share(&shares[i]);
    for (size_t i = 0; i < n_shares; i++) {
        if (shares[i].started)
            pthread_join(shares[i].thread, NULL);
        if (shares[i].status && !status) {
            status = shares[i].status;
            if (err)
                *err = shares[i].err;
        }
    }
    return status;
}

/* ---- the kernel ---- */

static xt_status open_kernel(xt_lanes *lanes, xt_err *err)
{
    static const char *const files[] = {"device.h", "scalar.h", "random.h", "fused_shape.h", "lanes_shape.h",
                                        "lanes.cl"};
    double start = xt_seconds();
    xt_buf prelude = {0};
    xt_lanes_prelude(&lanes->shape, lanes->vector, lanes->validation != NULL, &prelude);
    const xt_program_source source = {xt_buf_text(&prelude), files, sizeof files / sizeof *files};
    xt_status status = prelude.failed ? xt_fail_memory(err, "the text of a kernel", prelude.len) : XT_OK;
    if (!status)
        status = xt_program_open(lanes->context, &source, &lanes->program, err);
    if (!status)
        status = xt_kernel_open(lanes->context, lanes->program.program, "xt_lanes", &lanes->kernel, err);
    if (!status && lanes->validation)
        status = xt_kernel_open(lanes->context, lanes->program.program, "xt_lanes_score", &lanes->score, err);
    xt_buf_clear(&prelude);
    xt_terminal_clear();
    if (status)
        return status;
    /* A block's lanes are the same in both. */
    if (lanes->score.kernel && lanes->score.group < lanes->kernel.group)
        lanes->kernel.group = lanes->score.group;
    if (lanes->vector > 1)
        lanes->kernel.group = 1;
    lanes->score.group = lanes->kernel.group;
    lanes->width = lanes->vector * lanes->kernel.group;
    lanes->facts.build_seconds = xt_seconds() - start;
    lanes->facts.built_from_cache = lanes->program.from_cache;
    return XT_OK;
}

enum { N_ARGS = 19 };

/* firsts: an update and an epoch. */
static void set_args(const xt_lanes *lanes, const cl_uint *firsts, const cl_int *numbers, xt_arg *out)
{
    const cl_mem *b = lanes->buffers;
    const xt_arg args[N_ARGS + 1] = {
        XT_ARG(b[XT_LANES_STATE]),   XT_ARG(b[XT_LANES_SAVED]),   XT_ARG(b[XT_LANES_MEM]),
        XT_ARG(b[XT_LANES_INPUTS]),  XT_ARG(b[XT_LANES_TARGETS]), XT_ARG(b[XT_LANES_WEIGHTS]),
        XT_ARG(b[XT_LANES_ORDER]),   XT_ARG(b[XT_LANES_NUMBERS]), XT_ARG(b[XT_LANES_WORDS]),
        XT_ARG(b[XT_LANES_SWITCHES]), XT_ARG(b[XT_LANES_STEPS]),  XT_ARG(numbers[0]),
        XT_ARG(numbers[1]),          XT_ARG(firsts[0]),           XT_ARG(firsts[1]),
        XT_ARG(numbers[2]),          XT_ARG(numbers[3]),          XT_ARG(b[XT_LANES_RESULTS]),
        XT_ARG(b[XT_LANES_KEPT]),    XT_ARG_END};
    memcpy(out, args, sizeof args);
}

/* What a launch does, for a profile: the multiply-adds of its products. */
static void say_work(const xt_lanes *lanes, int n_epochs)
{
    const xt_plan *plan = lanes->plan;
    double forward = (double)plan->n_params, first = (double)(plan->layers[0].inputs * plan->layers[0].units);
    double passes = plan->spec->loss_report == XT_REPORT_RUNNING ? 3 : 4;
    double rows = (double)lanes->data->n_rows * (double)n_epochs * (double)lanes->n;
    xt_context_work(lanes->context, 2 * (passes * forward - first) * rows, 0);
}

xt_status xt_lanes_launch(xt_lanes *lanes, uint32_t update, uint32_t first, int n_steps, int every, int n_epochs,
                          xt_err *err)
{
    const cl_uint firsts[] = {update, first};
    const cl_int numbers[] = {n_steps, every, (cl_int)lanes->data->n_rows, n_epochs};
    xt_arg args[N_ARGS + 1];
    set_args(lanes, firsts, numbers, args);
    say_work(lanes, n_epochs);
    return xt_launch(lanes->context, &lanes->kernel, xt_lanes_blocks(lanes) * lanes->kernel.group, args, err);
}

/* So that what a driver leaves for the first launch is done. */
static xt_status launch_nothing(xt_lanes *lanes, xt_err *err)
{
    static const cl_int numbers[] = {1, 1, 0, 0};
    static const cl_uint firsts[] = {0, 0};
    double start = xt_seconds();
    xt_arg args[N_ARGS + 1];
    set_args(lanes, firsts, numbers, args);
    xt_status status = xt_launch_apart(lanes->context, &lanes->kernel, args, err);
    if (!status && lanes->validation)
        status = xt_lanes_open_scores(lanes, err);
    /* All its kernels have been launched. */
    if (!status)
        xt_program_keep(lanes->context, &lanes->program);
    lanes->facts.launch_seconds = xt_seconds() - start;
    return status;
}

/* ---- room ---- */

uint64_t xt_lanes_batches(const xt_lanes *lanes)
{
    size_t rows = lanes->data->n_rows, batch = (size_t)lanes->shape.job.batch;
    return (rows + batch - 1) / batch;
}

/* The sizes for so many blocks: of what launches share out, one epoch's where more would be too many. */
static void size_buffers(xt_lanes *lanes, size_t n_blocks)
{
    const xt_lanes_job *job = &lanes->shape.job;
    const xt_dataset *data = lanes->data;
    size_t *n = lanes->sizes, nets = n_blocks * lanes->width, batches = (size_t)xt_lanes_batches(lanes);
    size_t epochs = smaller(larger(LAUNCH_FLOATS / (2 * nets), 1), smaller(MAX_EPOCHS, larger(MAX_UPDATES / batches, 1)));
    size_t outputs = job->keeps ? nets * data->n_rows * data->n_targets : 0;
    if (outputs)
        epochs = smaller(epochs, larger(KEPT_FLOATS / outputs, 1));
    lanes->max_epochs = (uint32_t)epochs;
    lanes->max_ordered = (uint32_t)smaller(larger(LAUNCH_FLOATS / data->n_rows / nets, 1), epochs);
    lanes->max_steps = smaller(larger(LAUNCH_FLOATS / (XT_LANES_STEP * nets), batches), epochs * batches);
    n[XT_LANES_STATE] = n[XT_LANES_SAVED] = nets * (size_t)job->n_state;
    n[XT_LANES_MEM] = nets * (size_t)job->n_mem;
    n[XT_LANES_INPUTS] = data->n_rows * data->n_inputs;
    n[XT_LANES_TARGETS] = data->n_rows * data->n_targets;
    n[XT_LANES_WEIGHTS] = data->weights ? 2 * data->n_rows : 0;
    /* One that is drawn, and the words that it is drawn by. */
    size_t orders = job->shuffled == XT_LANES_GIVEN ? lanes->max_ordered : job->shuffled ? 2 : 0;
    n[XT_LANES_ORDER] = nets * orders * data->n_rows;
    n[XT_LANES_NUMBERS] = nets * (size_t)job->n_numbers;
    n[XT_LANES_WORDS] = nets * (size_t)job->n_words;
    n[XT_LANES_SWITCHES] = nets;
    n[XT_LANES_STEPS] = nets * lanes->max_steps * XT_LANES_STEP;
    n[XT_LANES_RESULTS] = nets * epochs * 2;
    n[XT_LANES_KEPT] = outputs * epochs;
    size_t others = lanes->validation ? lanes->validation->n_rows : 0;
    n[XT_LANES_OTHER_INPUTS] = others * data->n_inputs;
    n[XT_LANES_OTHER_TARGETS] = others * data->n_targets;
    n[XT_LANES_OTHER_WEIGHTS] = job->scores_weighted ? others : 0;
    n[XT_LANES_SCORES] = others ? 2 * nets : 0;
    n[XT_LANES_OUTPUTS] = job->keeps ? nets * others * data->n_targets : 0;
}

/* The kernels count in ints. */
static bool fits_pieces(const xt_lanes *lanes, size_t *total)
{
    const xt_device *device = &lanes->context->device;
    bool fits = true;
    *total = 0;
    for (int i = 0; i < XT_LANES_BUFFERS; i++) {
        size_t bytes = lanes->sizes[i] * sizeof(cl_float);
        fits = fits && bytes <= device->max_alloc_bytes && lanes->sizes[i] <= INT32_MAX / 2;
        *total += bytes;
    }
    return fits;
}

static bool fits(const xt_lanes *lanes)
{
    size_t total;
    return fits_pieces(lanes, &total) && total <= lanes->context->device.global_bytes / part_of_memory;
}

/* As many blocks as are wanted, or half of them as often as it takes. */
static xt_status find_room(xt_lanes *lanes, size_t most, xt_err *err)
{
    size_t n_blocks = (most + lanes->width - 1) / lanes->width;
    size_buffers(lanes, n_blocks);
    while (n_blocks > 1 && !fits(lanes)) {
        n_blocks = (n_blocks + 1) / 2;
        size_buffers(lanes, n_blocks);
    }
    /* One block may take more than its part. */
    size_t total;
    bool has_room = fits_pieces(lanes, &total) && total <= lanes->context->device.global_bytes;
    lanes->room = has_room ? smaller(most, n_blocks * lanes->width) : 0;
    if (!lanes->room)
        return XT_OK;
    lanes->max_staged = larger(STAGED_FLOATS / ((size_t)lanes->shape.job.n_state * lanes->width), 1);
    return xt_buffers_check(lanes->context, buffer_names, lanes->sizes, XT_LANES_BUFFERS, 0, &lanes->facts.device_bytes,
                            err);
}

/* Epochs that surely take less than a chunk's time: at less than half of the pace that was measured on CPUs, at far
 * less elsewhere (docs/design/017-lanes.md). */
static uint32_t first_chunk(const xt_lanes *lanes)
{
    const xt_device *device = &lanes->context->device;
    double params = (double)lanes->plan->n_params, rows = (double)lanes->data->n_rows;
    double units = lanes->vector > 1 ? (double)(device->compute_units ? device->compute_units : 1) : 1;
    double turns = lanes->vector > 1 ? (double)((lanes->room + lanes->width - 1) / lanes->width) / units : 1;
    double per_value = lanes->vector > 1 ? 10e-9 : 500e-9;
    double values = params * (rows + (double)xt_lanes_batches(lanes)) + 50 * rows;
    double seconds = (turns < 1 ? 1 : turns) * values * per_value;
    double epochs = 0.05 / seconds;
    return epochs < 1 ? 1 : epochs > lanes->max_epochs ? lanes->max_epochs : (uint32_t)epochs;
}

/* ---- open and close ---- */

static xt_status open_host(xt_lanes *lanes, xt_err *err)
{
    const size_t *n = lanes->sizes;
    const xt_lanes_job *job = &lanes->shape.job;
    size_t n_staged = lanes->max_staged * (size_t)lanes->shape.job.n_state * lanes->width;
    lanes->plans = calloc(lanes->room, sizeof *lanes->plans);
    lanes->on = calloc(n[XT_LANES_SWITCHES], sizeof *lanes->on);
    lanes->numbers = calloc(n[XT_LANES_NUMBERS], sizeof *lanes->numbers);
    lanes->words = calloc(n[XT_LANES_WORDS], sizeof *lanes->words);
    lanes->steps = calloc(n[XT_LANES_STEPS], sizeof *lanes->steps);
    lanes->courses = calloc(lanes->room, sizeof *lanes->courses);
    lanes->orders = calloc(job->shuffled == XT_LANES_GIVEN ? n[XT_LANES_ORDER] : 1, sizeof *lanes->orders);
    size_t n_rows = lanes->data->n_rows, n_outputs = n_rows * lanes->data->n_targets;
    size_t n_others = lanes->validation ? lanes->validation->n_rows * lanes->data->n_targets : 0;
    lanes->outputs = calloc(larger(n_outputs, n_others), sizeof *lanes->outputs);
    lanes->scales = calloc(n[XT_LANES_SWITCHES], sizeof *lanes->scales);
    lanes->kept = calloc(n_outputs * lanes->width, sizeof *lanes->kept);
    lanes->order = calloc(n_rows, sizeof *lanes->order);
    lanes->order_work = calloc(2 * n_rows, sizeof *lanes->order_work);
    lanes->staging = calloc(larger(n_staged, n[XT_LANES_WEIGHTS]), sizeof *lanes->staging);
    if (!lanes->plans || !lanes->on || !lanes->scales || !lanes->numbers || !lanes->words || !lanes->steps || !lanes->courses ||
        !lanes->orders || !lanes->staging || !lanes->outputs || !lanes->kept || !lanes->order || !lanes->order_work)
        return xt_fail_memory(err, "nets that are trained at once",
                              (n_staged + n[XT_LANES_ORDER] + n[XT_LANES_STEPS]) * sizeof(float));
    return XT_OK;
}

static xt_status open_buffers(xt_lanes *lanes, xt_err *err)
{
    const xt_dataset *data = lanes->data;
    const size_t *n = lanes->sizes;
    xt_context *context = lanes->context;
    cl_mem *b = lanes->buffers;
    /* The host, or the kernel, writes each before the kernel reads it. */
    xt_status status = xt_buffers_open(context, buffer_names, n, XT_LANES_BUFFERS, false, b, err);
    if (!status)
        status = xt_buffer_write(context, b[XT_LANES_INPUTS], 0, data->inputs, n[XT_LANES_INPUTS] * sizeof(cl_float),
                                 err);
    if (!status)
        status = xt_buffer_write(context, b[XT_LANES_TARGETS], 0, xt_engine_targets(data),
                                 n[XT_LANES_TARGETS] * sizeof(cl_float), err);
    for (size_t i = 0; n[XT_LANES_WEIGHTS] && i < data->n_rows; i++) {
        lanes->staging[2 * i] = data->weights[i];
        lanes->staging[2 * i + 1] = data->shares[i];
    }
    if (!status && n[XT_LANES_WEIGHTS])
        status = xt_buffer_write(context, b[XT_LANES_WEIGHTS], 0, lanes->staging,
                                 n[XT_LANES_WEIGHTS] * sizeof(cl_float), err);
    return status;
}

xt_status xt_lanes_open_as(const xt_plan *plan, const xt_dataset *data, const xt_dataset *validation, size_t most,
                           size_t vector, xt_lanes **out, xt_err *err)
{
    xt_lanes *lanes = calloc(1, sizeof *lanes);
    if (!lanes)
        return xt_fail_memory(err, "nets that are trained at once", sizeof *lanes);
    lanes->plan = plan;
    lanes->data = data;
    lanes->validation = validation;
    xt_lanes_lay_out(plan, data, validation, &lanes->shape);
    xt_status status = xt_engine_open_context(plan, &lanes->context, &lanes->facts.device_seconds, err);
    if (!status) {
        xt_engine_describe(&lanes->context->device, &lanes->facts);
        lanes->vector = vector ? vector : xt_device_is_cpu(&lanes->context->device) ? XT_LANES : 1;
        status = open_kernel(lanes, err);
    }
    if (!status)
        status = find_room(lanes, most, err);
    bool has_room = !status && lanes->room;
    if (has_room)
        status = open_host(lanes, err);
    if (has_room && !status)
        status = open_buffers(lanes, err);
    if (has_room && !status)
        status = launch_nothing(lanes, err);
    if (status || !has_room) {
        xt_lanes_close(&lanes);
        *out = NULL;
        return status;
    }
    lanes->facts.engine = "lanes";
    lanes->facts.why = "many small nets at once";
    lanes->facts.form = lanes->vector > 1 ? "a net a lane" : "a net a work-item";
    lanes->facts.first_chunk = first_chunk(lanes);
    *out = lanes;
    return XT_OK;
}

xt_status xt_lanes_open(const xt_plan *plan, const xt_dataset *data, const xt_dataset *validation, size_t most,
                        xt_lanes **out, xt_err *err)
{
    return xt_lanes_open_as(plan, data, validation, most, 0, out, err);
}

size_t xt_lanes_room(const xt_lanes *lanes)
{
    return lanes->room;
}

const xt_engine_facts *xt_lanes_facts(const xt_lanes *lanes)
{
    return &lanes->facts;
}

void xt_lanes_close(xt_lanes **at)
{
    xt_lanes *lanes = *at;
    *at = NULL;
    if (!lanes)
        return;
    if (lanes->context) {
        xt_lanes_unmap(lanes, NULL);
        xt_kernel_close(lanes->context, &lanes->kernel);
        xt_kernel_close(lanes->context, &lanes->score);
        xt_program_close(lanes->context, &lanes->program);
        xt_buffers_close(lanes->context, XT_LANES_BUFFERS, lanes->buffers);
    }
    xt_context_close(&lanes->context);
    free(lanes->plans);
    free(lanes->on);
    free(lanes->scales);
    free(lanes->numbers);
    free(lanes->words);
    free(lanes->steps);
    free(lanes->courses);
    free(lanes->orders);
    free(lanes->outputs);
    free(lanes->kept);
    free(lanes->order);
    free(lanes->order_work);
    free(lanes->staging);
    free(lanes);
}

/* ---- states ---- */

/* Draws the parameters of lanes first .. of the blocks that are staged. */
static xt_status draw(xt_lanes *lanes, void *job, size_t first, size_t n, xt_err *err)
{
    (void)job;
    size_t n_params = lanes->plan->n_params, base = lanes->first_staged * lanes->width;
    float *params = malloc(n_params * sizeof *params);
    xt_status status = params ? XT_OK : xt_fail_memory(err, "a net's parameters", n_params * sizeof *params);
    for (size_t i = first; !status && i < first + n; i++) {
        float *to = lanes->staging + xt_lanes_at(lanes, i, (size_t)lanes->shape.job.n_state, 0);
        status = xt_plan_init_params(lanes->plans[xt_lanes_net(lanes, base + i)], params, err);
        for (size_t k = 0; !status && k < n_params; k++)
            to[k * lanes->width] = params[k];
    }
    free(params);
    return status;
}

static size_t block_bytes(const xt_lanes *lanes)
{
    return (size_t)lanes->shape.job.n_state * lanes->width * sizeof(float);
}

/* Says which blocks are staged, from `first` on. */
static size_t stage(xt_lanes *lanes, size_t first)
{
    lanes->first_staged = first;
    lanes->n_staged = smaller(xt_lanes_blocks(lanes) - first, lanes->max_staged);
    return lanes->n_staged * block_bytes(lanes);
}

static xt_status draw_states(xt_lanes *lanes, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t first = 0; !status && first < xt_lanes_blocks(lanes); first += lanes->max_staged) {
        size_t n_bytes = stage(lanes, first);
        /* The optimisers' states are 0. */
        memset(lanes->staging, 0, n_bytes);
        status = xt_lanes_share_out(lanes, draw, NULL, lanes->n_staged * lanes->width, err);
        if (!status)
            status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_STATE],
                                     first * block_bytes(lanes), lanes->staging, n_bytes, err);
    }
    lanes->n_staged = 0;
    return status;
}

xt_status xt_lanes_begin(xt_lanes *lanes, const xt_plan *const *plans, size_t n, xt_err *err)
{
    assert(n <= lanes->room);
    const xt_lanes_job *job = &lanes->shape.job;
    lanes->n = n;
    lanes->switches_stay = lanes->steps_stay = false;
    memcpy(lanes->plans, plans, n * sizeof *plans);
    size_t n_lanes = xt_lanes_blocks(lanes) * lanes->width;
    for (size_t i = 0; i < n_lanes; i++) {
        lanes->on[i] = i < n ? XT_LANES_ON : XT_LANES_OFF;
        lanes->scales[i] = 1;
        xt_lanes_say_numbers(lanes, i);
    }
    xt_lanes_settle(lanes);
    xt_status status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_NUMBERS], 0, lanes->numbers,
                                       n_lanes * (size_t)job->n_numbers * sizeof *lanes->numbers, err);
    if (!status)
        status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_WORDS], 0, lanes->words,
                                 n_lanes * (size_t)job->n_words * sizeof *lanes->words, err);
    return status ? status : draw_states(lanes, err);
}

void xt_lanes_scale(xt_lanes *lanes, size_t i, float scale)
{
    lanes->steps_stay = lanes->steps_stay && memcmp(&lanes->scales[i], &scale, sizeof scale) == 0;
    lanes->scales[i] = scale;
}

void xt_lanes_stop(xt_lanes *lanes, size_t i)
{
    assert(i < lanes->n);
    if (lanes->on[i] == XT_LANES_ON)
        lanes->on[i] = XT_LANES_STOPPED;
    lanes->switches_stay = false;
}

xt_status xt_lanes_read_state(xt_lanes *lanes, size_t i, float *state, xt_err *err)
{
    assert(i < lanes->n);
    size_t n = (size_t)lanes->shape.job.n_state, block = i / lanes->width;
    bool is_saved = lanes->on[i] == XT_LANES_OFF;
    xt_status status = XT_OK;
    if (is_saved) {
        lanes->first_staged = block;
        status = xt_buffer_read(lanes->context, lanes->buffers[XT_LANES_SAVED], block * block_bytes(lanes),
                                lanes->staging, block_bytes(lanes), err);
        lanes->n_staged = 0; /* other states than those of the nets that are on */
    } else if (block < lanes->first_staged || block >= lanes->first_staged + lanes->n_staged) {
        size_t n_bytes = stage(lanes, block);
        status = xt_buffer_read(lanes->context, lanes->buffers[XT_LANES_STATE], block * block_bytes(lanes),
                                lanes->staging, n_bytes, err);
        lanes->n_staged = status ? 0 : lanes->n_staged;
    }
    size_t at = i - lanes->first_staged * lanes->width;
    for (size_t k = 0; !status && k < n; k++)
        state[k] = lanes->staging[xt_lanes_at(lanes, at, n, k)];
    return status;
}
