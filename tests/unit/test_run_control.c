/* src/app: what is decided from the rows of a run: when it ends, which epoch is
 * the best, whether it has what was required. */
#include "app/control.h"
#include "app/require.h"
#include "cases.h"
#include "model/metrics.h"

#include <math.h>
#include <string.h>

static xt_err err;
static xt_choice metrics[2];

#define NONE ((double)NAN) /* of a validation value: was not measured */

/* accuracy and mae; with validation rows; 100 epochs. */
static xt_spec spec_of(void)
{
    metrics[0] = xt_choose(&xt_metrics, "accuracy");
    metrics[1] = xt_choose(&xt_metrics, "mae");
    xt_spec spec = {.epochs = 100, .n_metrics = 2, .metrics = metrics, .schedule = xt_choose(&xt_schedules, "constant")};
    spec.validation.given = spec.test.given = true;
    return spec;
}

static xt_control control_of(const xt_spec *spec)
{
    xt_control control;
    if (xt_control_init(&control, spec, &err))
        fail_msg("%s", err.text);
    return control;
}

/* A row in which every value, of training and validation, is the same. */
static xt_run_row row_of(uint32_t epoch, double value, bool validated)
{
    return (xt_run_row){epoch, {.loss = value, .metrics = {value, value}}, validated, {value, {value, value}}};
}

/* ---- early stopping ---- */

enum { MAX_VALUES = 12, SKIP = -1000 /* not validated */ };

static const struct early_row {
    const char *name;
    xt_early_stopping early;
    double values[MAX_VALUES]; /* of the column, epoch by epoch; the run has as many as end it, or all */
    size_t n;
    uint32_t ends, best;       /* 0: never */
} early_rows[] = {
    {"better each time", {true, "loss", 2, 0, XT_MODE_AUTO, false}, {5, 4, 3, 2, 1}, 5, 0, 5},
    {"worse for two epochs", {true, "loss", 2, 0, XT_MODE_AUTO, false}, {5, 4, 6, 4, 3}, 5, 4, 2},
    {"an equal value is no improvement", {true, "loss", 3, 0, XT_MODE_AUTO, false}, {5, 5, 5, 5, 5}, 5, 4, 1},
    {"one improvement begins the wait anew", {true, "loss", 2, 0, XT_MODE_AUTO, false}, {5, 6, 4, 6, 3, 7, 7}, 7, 7, 5},
    {"too little an improvement", {true, "loss", 2, 0.5f, XT_MODE_AUTO, false}, {5, 4.75, 4.5, 4}, 4, 3, 1},
    {"slow progress adds up", {true, "loss", 3, 0.5f, XT_MODE_AUTO, false}, {5, 4.75, 4.25, 4, 3.5, 3.5, 3.5, 3.5}, 8, 8, 5},
    {"more is better for accuracy", {true, "accuracy", 2, 0, XT_MODE_AUTO, false}, {0.1, 0.2, 0.2, 0.1, 0.9}, 5, 4, 2},
    {"less is better for mae", {true, "mae", 2, 0, XT_MODE_AUTO, false}, {3, 2, 2, 4}, 4, 4, 2},
    {"less is better for accuracy when told so", {true, "accuracy", 1, 0, XT_MODE_MIN, false}, {0.9, 0.8, 0.85}, 3, 3, 2},
    {"more is better for loss when told so", {true, "loss", 1, 0, XT_MODE_MAX, false}, {1, 2, 3, 2}, 4, 4, 3},
    {"nan never improves", {true, "loss", 2, 0, XT_MODE_AUTO, false}, {NONE, NONE}, 2, 2, 0},
    {"nor inf", {true, "accuracy", 3, 0, XT_MODE_AUTO, false}, {0.5, HUGE_VAL, NONE, 0.75, 0.5, 0.5, 0.5}, 7, 7, 4},
    {"epochs that are not validated do not count", {true, "val_loss", 2, 0, XT_MODE_AUTO, false},
     {5, SKIP, SKIP, SKIP, 6, SKIP, SKIP, 7, 1}, 9, 8, 1},
    {"of val_accuracy", {true, "val_accuracy", 2, 0, XT_MODE_AUTO, false}, {SKIP, 0.5, SKIP, 0.75, SKIP, 0.75, 0.7}, 7, 7, 4},
    {"no patience", {true, "loss", 0, 0, XT_MODE_AUTO, false}, {3, 2, 2, 1}, 4, 3, 2},
};

static void early_stopping(void **state)
{
    const struct early_row *row = *state;
    xt_spec spec = spec_of();
    spec.early_stopping = row->early;
    xt_control control = control_of(&spec);
    uint32_t epoch = 0;
    while (!control.ended && epoch < row->n) {
        double value = row->values[epoch++];
        xt_run_row next = row_of(epoch, value, value != SKIP);
        xt_control_add(&control, &next);
        assert_int_equal(control.improved, control.best_epoch == epoch);
    }
    assert_int_equal(control.ended ? epoch : 0, row->ends);
    assert_int_equal(control.best_epoch, row->best);
    xt_buf why = {0};
    xt_control_reason(&control, &why);
    assert_string_equal(xt_buf_text(&why), row->ends ? "early_stopping" : "");
    xt_buf_clear(&why);
}

/* ---- limits ---- */

static const struct limit_row {
    const char *column;
    bool above;
    double limit;
    double values[MAX_VALUES];
    size_t n;
    uint32_t ends;
    const char *why;
} limit_rows[] = {
    {"loss", false, 0.01, {1, 0.02, 0.0099, 0}, 4, 3, "stop_when loss below 0.01"},
    {"loss", false, 0.5, {1, 0.5, 0.5}, 3, 0, ""},
    {"val_accuracy", true, 0.75, {SKIP, 0.75, SKIP, 0.875}, 4, 4, "stop_when val_accuracy above 0.75"},
    {"mae", true, -2, {-3, NONE, -1.5}, 3, 3, "stop_when mae above -2"},
    {"val_loss", false, 1, {NONE, SKIP, 2}, 3, 0, ""},
    {"accuracy", true, 0.5, {HUGE_VAL}, 1, 1, "stop_when accuracy above 0.5"},
};

static void limits(void **state)
{
    const struct limit_row *row = *state;
    const xt_limit both[] = {{"loss", false, -1e300}, {row->column, row->above, row->limit}};
    xt_spec spec = spec_of();
    spec.limits = both;
    spec.n_limits = 2;
    xt_control control = control_of(&spec);
    assert_true(xt_control_decides(&control));
    uint32_t epoch = 0;
    while (!control.ended && epoch < row->n) {
        double value = row->values[epoch++];
        xt_run_row next = row_of(epoch, value, value != SKIP);
        if (value == SKIP)
            next.train.loss = next.train.metrics[0] = next.train.metrics[1] = 0;
        xt_control_add(&control, &next);
    }
    assert_int_equal(control.ended ? epoch : 0, row->ends);
    xt_buf why = {0};
    xt_control_reason(&control, &why);
    assert_string_equal(xt_buf_text(&why), row->why);
    xt_buf_clear(&why);
}

/* Without anything that is watched the best epoch is that of the lowest loss, and nothing ends. */
static void nothing_is_watched(void **state)
{
    (void)state;
    xt_spec spec = spec_of();
    xt_control control = control_of(&spec);
    assert_false(xt_control_decides(&control));
    static const double losses[] = {3, 2, 2, 4, 1.5, NONE, 2};
    for (uint32_t i = 0; i < 7; i++) {
        xt_run_row row = row_of(i + 1, losses[i], true);
        xt_control_add(&control, &row);
        assert_false(control.ended);
    }
    assert_int_equal(control.best_epoch, 5);
    assert_true(xt_control_rate_scale(&control) == 1);
}

/* ---- where chunks end ---- */

static void assert_reach(const xt_spec *spec, const char *expected)
{
    xt_control control = control_of(spec);
    xt_buf list = {0};
    for (uint32_t done = 0; done < spec->epochs;) {
        uint32_t reach = xt_control_reach(&control, done);
        assert_true(reach > done && reach <= spec->epochs);
        xt_buf_printf(&list, "%u%s ", reach, xt_control_validates(spec, reach) ? "v" : "");
        for (uint32_t epoch = done + 1; epoch < reach; epoch++)
            assert_false(xt_control_validates(spec, epoch));
        done = reach;
    }
    assert_string_equal(list.data, expected);
    xt_buf_clear(&list);
}

static void where_chunks_end(void **state)
{
    (void)state;
    static const xt_limit limit = {"loss", false, 0.1};
    xt_spec spec = spec_of();
    spec.epochs = 7;
    assert_reach(&spec, "1v 2v 3v 4v 5v 6v 7v ");
    spec.validate_every = 3;
    assert_reach(&spec, "3v 6v 7v ");
    spec.validate_every = 100;
    assert_reach(&spec, "7v ");
    spec.validate_every = UINT32_MAX;
    assert_reach(&spec, "7v ");
    spec.validation.given = false;
    assert_reach(&spec, "7 ");
    /* An end in the middle of a chunk is gone back to; the best state is read as it passes. */
    spec.limits = &limit;
    spec.n_limits = 1;
    spec.early_stopping = (xt_early_stopping){true, "loss", 3, 0, XT_MODE_AUTO, false};
    assert_reach(&spec, "7 ");
    spec.early_stopping.restore_best = true;
    assert_reach(&spec, "1 2 3 4 5 6 7 ");
    spec.validation.given = true;
    spec.validate_every = 4;
    assert_reach(&spec, "1 2 3 4v 5 6 7v ");
    spec.early_stopping.monitor = "val_mae";
    assert_reach(&spec, "4v 7v ");
    spec.early_stopping.given = false;
    spec.schedule = xt_choose(&xt_schedules, "plateau");
    spec.schedule.text = "val_loss";
    assert_reach(&spec, "4v 7v ");
    spec.schedule.text = "accuracy";
    assert_reach(&spec, "1 2 3 4v 5 6 7v ");
}

/* Its own table of values is test_schedule's; here: which column, which epochs. */
static void plateau_follows_its_column(void **state)
{
    (void)state;
    xt_spec spec = spec_of();
    spec.schedule = xt_choose(&xt_schedules, "plateau");
    spec.schedule.text = "val_accuracy";
    xt_control control = control_of(&spec);
    xt_plateau expected;
    xt_plateau_begin(&expected);
    bool fell = false;
    for (uint32_t epoch = 1; epoch <= 60; epoch++) {
        xt_run_row row = row_of(epoch, 0.5, epoch % 2 == 0);
        row.train.loss = row.validation.loss = 1.0 / epoch;
        xt_control_add(&control, &row);
        if (row.validated)
            xt_plateau_add(&expected, &spec.schedule, 0.5, true);
        assert_true(xt_control_rate_scale(&control) == (float)expected.factor);
        fell = fell || expected.factor < 1;
    }
    assert_true(fell);
}

/* ---- columns that are none ---- */

static void refused(const xt_spec *spec, const char *message)
{
    xt_control control;
    assert_int_equal(xt_control_init(&control, spec, &err), XT_BAD_CONFIG);
    assert_string_equal(err.text, message);
}

static void columns_that_are_none(void **state)
{
    (void)state;
    static const xt_limit limit = {"val_rmse", false, 0.1};
    xt_spec spec = spec_of();
    spec.early_stopping = (xt_early_stopping){.given = true, .monitor = "f1", .patience = 1};
    refused(&spec, "early_stopping.monitor: there is no column 'f1'; there are: loss, val_loss, accuracy, val_accuracy, "
                   "mae, val_mae");
    spec.validation.given = false;
    spec.early_stopping.monitor = "val_loss";
    refused(&spec, "early_stopping.monitor: there is no column 'val_loss'; there are: loss, accuracy, mae");
    spec.early_stopping.given = false;
    spec.limits = &limit;
    spec.n_limits = 1;
    refused(&spec, "stop_when: there is no column 'val_rmse'; there are: loss, accuracy, mae");
    spec.n_limits = 0;
    spec.schedule = xt_choose(&xt_schedules, "plateau");
    spec.schedule.text = "val_loss";
    refused(&spec, "schedule.monitor: there is no column 'val_loss'; there are: loss, accuracy, mae");
}

/* ---- requirements ---- */

static const struct require_row {
    const char *text, *column;
    xt_compare compare;
    double value;
    const char *message; /* of values that are 0.5 everywhere; NULL: met */
} require_rows[] = {
    {"loss<1", "loss", XT_BELOW, 1, NULL},
    {"val_accuracy>0.88", "val_accuracy", XT_ABOVE, 0.88, "required val_accuracy > 0.88, but it is 0.5"},
    {"  mae  >=  .5  ", "mae", XT_AT_LEAST, 0.5, NULL},
    {"val_mae<=5e-1", "val_mae", XT_AT_MOST, 0.5, NULL},
    {"mae >0.5", "mae", XT_ABOVE, 0.5, "required mae > 0.5, but it is 0.5"},
    {"val_loss< +.5", "val_loss", XT_BELOW, 0.5, "required val_loss < 0.5, but it is 0.5"},
    {"accuracy>=0.500000001", "accuracy", XT_AT_LEAST, 0.500000001, "required accuracy >= 0.500000001, but it is 0.5"},
    {"test_accuracy>-2", "test_accuracy", XT_ABOVE, -2, NULL},
    {"test_loss<=0.4", "test_loss", XT_AT_MOST, 0.4, "required test_loss <= 0.4, but it is 0.5"},
};

static void requirement(void **state)
{
    const struct require_row *row = *state;
    xt_spec spec = spec_of();
    xt_requirement wanted;
    if (xt_require_parse(&spec, row->text, &wanted, &err))
        fail_msg("%s", err.text);
    assert_string_equal(wanted.column.name, row->column);
    assert_int_equal(wanted.compare, row->compare);
    assert_true(wanted.value == row->value);
    xt_run_row values = row_of(9, 0.5, true);
    xt_status status = xt_require_check(&wanted, 1, &values, &values.validation, &err);
    assert_int_equal(status, row->message ? XT_NOT_MET : XT_OK);
    if (row->message)
        assert_string_equal(err.text, row->message);
}

#define SYNTAX "': expected COLUMN>NUMBER, as 'val_accuracy>0.88', or with >=, < or <="
#define LIST "loss, accuracy, mae, val_loss, val_accuracy, val_mae, test_loss, test_accuracy, test_mae"

static const struct bad_row {
    const char *text, *message;
} bad_rows[] = {
    {"", "--require '" SYNTAX},
    {"loss", "--require 'loss" SYNTAX},
    {"<1", "--require '<1" SYNTAX},
    {"loss<", "--require 'loss<" SYNTAX},
    {"loss=1", "--require 'loss=1" SYNTAX},
    {"loss==1", "--require 'loss==1" SYNTAX},
    {"loss<<1", "--require 'loss<<1" SYNTAX},
    {"loss<=>1", "--require 'loss<=>1" SYNTAX},
    {"loss<1 2", "--require 'loss<1 2" SYNTAX},
    {"loss < = 1", "--require 'loss < = 1" SYNTAX},
    {"loss val<1", "--require 'loss val<1" SYNTAX},
    {"loss<nan", "--require 'loss<nan" SYNTAX},
    {"loss<inf", "--require 'loss<inf" SYNTAX},
    {"loss<1e999", "--require 'loss<1e999" SYNTAX},
    {"loss<0x10", "--require 'loss<0x10" SYNTAX},
    {"los<1", "--require 'los<1': there is no column 'los'; did you mean loss?"},
    {"val_acuracy>1", "--require 'val_acuracy>1': there is no column 'val_acuracy'; did you mean val_accuracy?"},
    {"test-loss>1", "--require 'test-loss>1': there is no column 'test-loss'; did you mean test_loss?"},
    {"epoch>1", "--require 'epoch>1': there is no column 'epoch'; there are: " LIST},
    {"test_val_loss>1", "--require 'test_val_loss>1': there is no column 'test_val_loss'; there are: " LIST},
};

static void requirement_that_is_none(void **state)
{
    const struct bad_row *row = *state;
    xt_spec spec = spec_of();
    xt_requirement wanted, before;
    memset(&wanted, 0x5A, sizeof wanted);
    before = wanted;
    assert_int_equal(xt_require_parse(&spec, row->text, &wanted, &err), XT_BAD_USAGE);
    assert_string_equal(err.text, row->message);
    assert_memory_equal(&wanted, &before, sizeof wanted);
}

/* What was not measured, or is not a number, is not met; all of them are told. */
static void requirements_all_told(void **state)
{
    (void)state;
    static const char *const texts[] = {"loss<1", "val_loss<1", "accuracy>0", "test_mae<1", "mae<3"};
    xt_requirement wanted[5];
    xt_spec spec = spec_of();
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(xt_require_parse(&spec, texts[i], &wanted[i], &err), XT_OK);
    xt_run_row row = row_of(3, 0.25, false);
    row.train.metrics[0] = -(double)NAN;
    assert_int_equal(xt_require_check(wanted, 5, &row, NULL, &err), XT_NOT_MET);
    assert_string_equal(err.text, "required val_loss < 1, but it was not measured\n"
                                  "required accuracy > 0, but it is nan\n"
                                  "required test_mae < 1, but it was not measured");
    row.epoch = 0;
    assert_int_equal(xt_require_check(wanted, 1, &row, NULL, &err), XT_NOT_MET);
    assert_string_equal(err.text, "required loss < 1, but it was not measured");
    assert_int_equal(xt_require_check(NULL, 0, &row, NULL, &err), XT_OK);
    /* Columns of parts that are not there. */
    spec.validation.given = spec.test.given = false;
    assert_int_equal(xt_require_parse(&spec, "val_mae<1", &wanted[0], &err), XT_BAD_USAGE);
    assert_string_equal(err.text, "--require 'val_mae<1': there is no column 'val_mae'; there are: loss, accuracy, mae");
    assert_int_equal(xt_require_parse(&spec, "test_loss<1", &wanted[0], &err), XT_BAD_USAGE);
}

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
    for (size_t i = 0; i < N(early_rows); i++)
        unit_case(early_stopping, &early_rows[i], "early stopping: %s", early_rows[i].name);
    for (size_t i = 0; i < N(limit_rows); i++)
        unit_case(limits, &limit_rows[i], "limit: %s %g", limit_rows[i].column, limit_rows[i].limit);
    UNIT_CASE(nothing_is_watched);
    UNIT_CASE(where_chunks_end);
    UNIT_CASE(plateau_follows_its_column);
    UNIT_CASE(columns_that_are_none);
    for (size_t i = 0; i < N(require_rows); i++)
        unit_case(requirement, &require_rows[i], "required: %s", require_rows[i].text);
    for (size_t i = 0; i < N(bad_rows); i++)
        unit_case(requirement_that_is_none, &bad_rows[i], "required wrongly: %s", bad_rows[i].text);
    UNIT_CASE(requirements_all_told);
    return unit_run("run control");
}
