/* src/app: what a run measures of validation and test rows, and that nothing of
 * what it does depends on the chunks of epochs. */
#include "app/evaluation.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"
#include "runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t next_row, most_rows;

static xt_status evaluate_in_order(xt_engine *engine, const float *inputs, const float *targets, size_t n_rows,
                                   float *outputs, float *losses, xt_err *err)
{
    (void)err;
    most_rows = n_rows > most_rows ? n_rows : most_rows;
    for (size_t i = 0; i < n_rows; i++) {
        assert_true(inputs[i * engine->plan->n_inputs] == (float)next_row++);
        outputs[i] = inputs[i * engine->plan->n_inputs];
        losses[i] = targets[i];
    }
    return XT_OK;
}

/* Every row once, in blocks; losses against what the loss compares with, weighted, metrics against the targets. */
static void evaluated_in_blocks(void **state)
{
    (void)state;
    enum { N = 16000, INPUTS = 600 };
    unit_job j;
    xt_evaluation evaluation;
    xt_measured scores;
    unit_run_make(&j, 1);
    unit_run_hook(&j, 0, NULL);
    unit_run_ops.evaluate = evaluate_in_order;
    j.net.plan.n_inputs = INPUTS;
    xt_dataset data = {.n_rows = N, .n_inputs = INPUTS, .n_targets = 1};
    data.inputs = calloc((size_t)N * INPUTS, sizeof(float));
    data.targets = calloc(N, sizeof(float));
    data.loss_targets = calloc(N, sizeof(float));
    data.weights = calloc(N, sizeof(float));
    data.shares = calloc(N, sizeof(float));
    double sum = 0;
    for (size_t i = 0; i < N; i++) {
        data.inputs[i * INPUTS] = (float)i;
        data.targets[i] = (float)i - 3;
        data.loss_targets[i] = (float)(i % 7);
        data.weights[i] = (float)(i % 3);
        data.shares[i] = 0.5f;
        sum += (double)(data.weights[i] * data.loss_targets[i]);
    }
    next_row = most_rows = 0;
    assert_int_equal(xt_evaluation_open(&j.net.plan, &data, &evaluation, &unit_run_err), XT_OK);
    assert_int_equal(xt_evaluation_measure(&evaluation, j.engine, &scores, &unit_run_err), XT_OK);
    assert_int_equal(next_row, N);
    assert_true(most_rows * INPUTS <= 1 << 22 && most_rows < N);
    unit_near(scores.loss, sum / (0.5 * N), 1e-9 * sum, "loss");
    unit_near(scores.metrics[1], 3, 1e-12, "mae");
    xt_evaluation_close(&evaluation);
    xt_evaluation_close(&evaluation);
    free(data.inputs);
    free(data.targets);
    free(data.loss_targets);
    free(data.weights);
    free(data.shares);
    unit_run_clear(&j);
}

static xt_status evaluate_nothing(xt_engine *engine, const float *inputs, const float *targets, size_t n_rows,
                                  float *outputs, float *losses, xt_err *err)
{
    (void)engine, (void)inputs, (void)targets, (void)n_rows, (void)outputs, (void)losses;
    return xt_fail(err, XT_FAILED, "the rows are lost");
}

static void an_evaluation_fails(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 20);
    unit_run_hook(&j, 0, NULL);
    unit_run_ops.train = unit_run_real_ops->train;
    j.engine->facts.first_chunk = 10;
    unit_run_parts(&j, true, false);
    j.net.spec.validate_every = 10;
    unit_run_ops.evaluate = evaluate_nothing;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    assert_string_equal(unit_run_err.text, "the rows are lost");
    assert_int_equal(unit_run_rows("out/loss.csv"), 9);
    unit_run_status("failed", 9, true);
    unit_run_clear(&j);
    unit_run_make(&j, 20);
    unit_run_hook(&j, 0, NULL);
    unit_run_ops.train = unit_run_real_ops->train;
    j.engine->facts.first_chunk = 10;
    unit_run_parts(&j, false, true);
    unit_run_ops.evaluate = evaluate_nothing;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    unit_run_said("the rows are lost\nout/last.safetensors holds epoch 20; --resume goes on from there\n"
                  "the files of the run before are kept in out/before");
    unit_run_status("failed", 20, true);
    unit_run_clear(&j);
}

/* The test rows' line is not a row of a CSV. */
static void no_line_within_the_csv(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 3);
    unit_run_parts(&j, false, true);
    j.run.lines = true;
    j.run.csv_path = "-";
    assert_int_equal(unit_run_go_to(&j, "csv"), XT_OK);
    assert_int_equal(unit_run_rows("csv"), 3);
    assert_true(j.result.tested);
    unit_run_clear(&j);
}

/* ---- the real engine: the same in any chunks ---- */

static const xt_limit below = {"loss", false, 0.35}, val_above = {"val_mae", true, 1e9};

static const struct chunk_row {
    const char *name;
    float learning_rate;
    xt_early_stopping early;
    const xt_limit *limit;
    const char *plateau;
    uint32_t validate_every; /* 0: no validation */
    xt_status status;
} chunk_rows[] = {
    {"a limit", 0.05f, {0}, &below, NULL, 0, XT_OK},
    {"a limit, validated now and then", 0.05f, {0}, &below, NULL, 7, XT_OK},
    {"a limit that is not reached", 0.05f, {0}, &val_above, NULL, 9, XT_OK},
    {"early stopping", 0.05f, {true, "loss", 4, 0.01f, XT_MODE_AUTO, false}, NULL, NULL, 0, XT_OK},
    {"early stopping, restored", 0.05f, {true, "mae", 4, 0.02f, XT_MODE_AUTO, true}, NULL, NULL, 5, XT_OK},
    {"early stopping on validation", 0.05f, {true, "val_loss", 3, 0, XT_MODE_AUTO, true}, NULL, NULL, 3, XT_OK},
    {"plateau", 0.05f, {0}, NULL, "loss", 0, XT_OK},
    {"plateau on validation", 0.05f, {0}, &val_above, "val_loss", 6, XT_OK},
    {"plateau, early stopping", 0.05f, {true, "loss", 9, 0.01f, XT_MODE_AUTO, false}, NULL, "val_mae", 5, XT_OK},
    {"diverging", 1.2f, {0}, NULL, NULL, 0, XT_DIVERGED},
    {"diverging, validated", 1.2f, {0}, NULL, NULL, 4, XT_DIVERGED},
};

static const float inputs_of_validation[] = {0.5f, -1, 2, -0.25f, 1.5f, 0, 3, 1, -1, 0.125f, 0.75f, -2, 1, 1, 1};
static const float targets_of_validation[] = {1, 0, -0.5f, 0.25f, 2, 1, -1, 0.5f, 0, 0};

static void make_real(unit_job *j, xt_dataset *validation, const struct chunk_row *row)
{
    static const char *names[] = {"x1", "x2", "x3", "y1", "y2"};
    /* Weights of one linear layer grow by a factor an epoch, not all at once. */
    static const unit_shape deep = {11, 3, {9, 2}, "tanh", "mse", 4, 77}, flat = {11, 3, {2}, "linear", "mse", 4, 77};
    *j = (unit_job){.engine = NULL};
    unit_net_make(&j->net, row->status ? &flat : &deep);
    *validation = (xt_dataset){.n_rows = 5, .n_inputs = 3, .n_targets = 2, .origin = "v.csv",
                               .inputs = (float *)(uintptr_t)inputs_of_validation,
                               .targets = (float *)(uintptr_t)targets_of_validation};
    xt_spec *spec = &j->net.spec;
    spec->epochs = 120;
    spec->output_dir = "out";
    spec->shuffle = true;
    spec->optimizer = xt_choose(&xt_optimizers, "sgd");
    spec->optimizer.values[0] = row->learning_rate;
    spec->optimizer.values[1] = 0.5f;
    spec->n_metrics = 1;
    j->net.metrics[0] = xt_choose(&xt_metrics, "mae");
    spec->early_stopping = row->early;
    spec->limits = row->limit;
    spec->n_limits = row->limit != NULL;
    if (row->plateau) {
        spec->schedule = xt_choose(&xt_schedules, "plateau");
        spec->schedule.text = row->plateau;
        spec->schedule.values[2] = 2;     /* patience */
        spec->schedule.values[3] = 0.02f; /* min_delta */
    }
    unit_net_plan(&j->net);
    j->net.data.input_names = names;
    j->net.data.target_names = names + 3;
    j->net.data.origin = "inline";
    unit_run_parts(j, row->validate_every, row->validate_every);
    j->run.validation = j->run.test = row->validate_every ? validation : NULL;
    spec->validate_every = row->validate_every;
    j->run.lines = true;
}

static xt_status train_singly(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    xt_status status = XT_OK;
    for (uint32_t i = 0; !status && i < n; i++)
        status = unit_run_real_ops->train(engine, first + i, 1, rows + i, err);
    return status;
}

/* Without what may differ: when, and how long. */
static char *record_without_time(void)
{
    json_t *record = unit_run_record();
    json_object_del(record, "started");
    json_object_del(record, "seconds");
    char *text = json_dumps(record, JSON_COMPACT);
    json_decref(record);
    return text;
}

static void in_any_chunks(void **state)
{
    const struct chunk_row *row = *state;
    enum { N = 5 };
    static const uint32_t chunks[N] = {1, 5, 16, 1000, 1000};
    char *kept[N][4];
    size_t n_model[N];
    for (size_t i = 0; i < N; i++) {
        unit_job j;
        xt_dataset validation;
        make_real(&j, &validation, row);
        unit_run_hook(&j, 0, NULL);
        j.engine->facts.first_chunk = chunks[i];
        if (i == N - 1)
            unit_run_ops.train = train_singly;
        assert_int_equal(unit_run_go_to(&j, "lines"), row->status);
        kept[i][0] = unit_run_without_seconds("out/loss.csv");
        kept[i][1] = unit_run_text("lines");
        kept[i][2] = record_without_time();
        kept[i][3] = unit_run_bytes("out/model.safetensors", &n_model[i]);
        for (size_t k = 0; k < 3; k++)
            assert_string_equal(kept[i][k], kept[0][k]);
        assert_int_equal(n_model[i], n_model[0]);
        assert_memory_equal(kept[i][3], kept[0][3], n_model[0]);
        if (row->early.given || row->limit == &below || row->status)
            assert_true(j.result.epochs > 3 && j.result.epochs < 110);
        else
            assert_int_equal(j.result.epochs, 120);
        if (!row->plateau) {
            /* As single epochs leave it. */
            xt_engine *engine = unit_net_open(&j.net, NULL);
            unit_train(engine, 0, j.result.kept_epoch, NULL);
            float *expected = unit_state_of(engine);
            assert_memory_equal(j.state, expected, unit_net_n_state(&j.net) * sizeof *expected);
            free(expected);
            xt_engine_close(&engine);
        } else {
            /* Once it has fallen at least, and a rate that has fallen is in its column. */
            assert_true(j.engine->rate_scale < 0.2f);
            char *rate = strrchr(kept[i][0], ',');
            while (rate[-1] != ',')
                rate--;
            unit_near(strtod(rate, NULL), 0.05 * (double)j.engine->rate_scale, 1e-4, "learning_rate");
        }
        unit_run_clear(&j);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < 4; k++)
            free(kept[i][k]);
}

/* The columns are what the rows' outputs say, in double precision. */
static void validation_values(void **state)
{
    (void)state;
    unit_job j;
    xt_dataset validation;
    static const struct chunk_row plain = {"", 0.05f, {0}, NULL, NULL, 50, XT_OK};
    float outputs[10], losses[5];
    make_real(&j, &validation, &plain);
    assert_int_equal(unit_run_go_to(&j, "lines"), XT_OK);
    xt_engine *engine = unit_net_open(&j.net, j.state);
    assert_int_equal(engine->ops->evaluate(engine, validation.inputs, validation.targets, 5, outputs, losses,
                                           &unit_run_err), XT_OK);
    double square = 0, absolute = 0;
    for (size_t i = 0; i < 10; i++) {
        double error = (double)outputs[i] - (double)validation.targets[i];
        square += error * error / 10;
        absolute += fabs(error) / 10;
    }
    json_t *record = unit_run_record();
    unit_near(unit_run_number(record, "final", "val_loss"), square, 1e-6 * square, "val_loss");
    unit_near(unit_run_number(record, "final", "val_mae"), absolute, 1e-6 * absolute, "val_mae");
    unit_near(unit_run_number(record, "test", "loss"), square, 1e-6 * square, "test loss");
    const json_t *data = json_object_get(record, "data");
    unit_run_member(json_object_get(data, "validation"), "origin", "v.csv");
    assert_true(unit_run_number(data, "test", "rows") == 5);
    json_decref(record);
    char *csv = unit_run_text("out/loss.csv");
    assert_memory_equal(csv, "epoch,loss,val_loss,mae,val_mae,learning_rate,step,seconds\n", 59);
    uint32_t epoch = 0;
    strtok(csv, "\n");
    for (char *line; (line = strtok(NULL, "\n"));) {
        char *cell = strchr(strchr(line, ',') + 1, ',') + 1;
        epoch++;
        assert_int_equal(*cell == ',', epoch % 50 != 0 && epoch != 120);
    }
    assert_int_equal(epoch, 120);
    free(csv);
    xt_engine_close(&engine);
    unit_run_clear(&j);
}

int main(void)
{
    enum { N = sizeof chunk_rows / sizeof chunk_rows[0] };
    struct CMUnitTest chunks[N];
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(evaluated_in_blocks),
        IN_SCRATCH(an_evaluation_fails),
        IN_SCRATCH(no_line_within_the_csv),
        IN_SCRATCH(validation_values),
    };
    for (size_t i = 0; i < N; i++)
        chunks[i] = (struct CMUnitTest){chunk_rows[i].name, in_any_chunks, unit_run_enter, unit_run_leave,
                                        (void *)(uintptr_t)&chunk_rows[i]};
    int failed = cmocka_run_group_tests_name("run evaluation", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("run in any chunks", chunks, NULL, NULL);
}
