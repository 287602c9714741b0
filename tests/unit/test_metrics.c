/* Metrics against scikit-learn's values (tests/golden/sklearn.json), and what it does not say: nan, an order of rows,
 * counts of classes. */
#include "golden.h"
#include "model/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

static double measure(const xt_choice *metric, const xt_scored *rows)
{
    double value = -1;
    assert_int_equal(xt_metrics_measure(metric, 1, rows, &value, &err), XT_OK);
    return value;
}

static double measure_named(const char *name, const xt_scored *rows)
{
    xt_choice metric = xt_choose(&xt_metrics, name);
    return measure(&metric, rows);
}

/* ---- scikit-learn ---- */

/* Its log_loss takes 1 - p in single precision. */
static void as_scikit_learn(void **state)
{
    const json_t *given = *state;
    float *a = unit_floats_at(given, "a"), *y = unit_floats_at(given, "y");
    size_t n = (size_t)unit_number_at(given, "outputs");
    xt_scored rows = {unit_length_at(given, "a") / n, n, a, y, NULL};
    const json_t *metrics = json_object_get(given, "metrics");
    assert_true(json_array_size(metrics) > 0);
    for (size_t i = 0; i < json_array_size(metrics); i++) {
        const json_t *metric = json_array_get(metrics, i), *value = json_object_get(metric, "value");
        const char *name = unit_text_at(metric, "type");
        float list[UNIT_MAX_LIST];
        xt_choice choice = unit_choice(&xt_metrics, metric, list);
        double found = measure(&choice, &rows), expected = json_number_value(value);
        if (json_is_null(value))
            assert_true(isnan(found));
        else
            unit_near(found, expected, (strcmp(name, "log_loss") ? 1e-12 : 1e-7) * (1 + fabs(expected)),
                      "%s, metric %zu", name, i);
    }
    free(a);
    free(y);
}

static void is_in_the_golden_file(void **state)
{
    const char *name = ((const xt_row *)*state)->name;
    json_t *golden = unit_golden("sklearn.json");
    size_t i, j, n = 0;
    json_t *given, *metric;
    json_array_foreach (json_object_get(golden, "cases"), i, given)
        json_array_foreach (json_object_get(given, "metrics"), j, metric)
            n += strcmp(unit_text_at(metric, "type"), name) == 0;
    json_decref(golden);
    assert_true(n > 0);
}

/* ---- nan, order, none ---- */

typedef struct nan_row {
    const char *name, *what;
    size_t n_rows, n_outputs;
    float a[6], y[6];
    double value;
} nan_row;

static const nan_row nan_rows[] = {
    {"accuracy", "is never right, one output", 2, 1, {NAN, 0.2f}, {0, 0}, 0.5},
    {"accuracy", "first", 1, 3, {NAN, 0.4f, 0.7f}, {0, 0, 1}, 0},
    {"accuracy", "between", 1, 3, {0.1f, NAN, 0.7f}, {0, 0, 1}, 0},
    {"accuracy", "last", 1, 3, {0.7f, 0.1f, NAN}, {1, 0, 0}, 0},
    {"precision", "is said to be nothing", 2, 1, {NAN, 0.7f}, {1, 1}, 1},
    {"recall", "is missed", 2, 1, {NAN, 0.7f}, {1, 1}, 0.5},
    {"f1", "is missed", 2, 1, {NAN, 0.7f}, {1, 1}, 2.0 / 3},
    {"recall", "is missed, several outputs", 2, 2, {NAN, 1, 1, 0}, {1, 0, 1, 0}, 0.5},
    {"roc_auc", "shows", 3, 1, {NAN, 0.7f, 0.1f}, {1, 1, 0}, (double)NAN},
    {"roc_auc", "shows, several outputs", 3, 2, {0.3f, NAN, 0.1f, 0.9f, 0.6f, 0.4f}, {1, 0, 0, 1, 1, 0}, (double)NAN},
    {"log_loss", "shows", 2, 1, {NAN, 0.7f}, {1, 1}, (double)NAN},
    {"log_loss", "shows in another class", 1, 2, {0.5f, NAN}, {1, 0}, (double)NAN},
    {"mae", "shows", 1, 2, {1, NAN}, {0, 2}, (double)NAN},
    {"mse", "shows", 1, 2, {1, NAN}, {0, 2}, (double)NAN},
    {"rmse", "shows", 1, 2, {1, NAN}, {0, 2}, (double)NAN},
    {"r2", "shows", 2, 1, {1, NAN}, {0, 2}, (double)NAN},
    {"r2", "shows, constant target", 2, 1, {1, NAN}, {2, 2}, (double)NAN},
};

static void not_a_number(void **state)
{
    const nan_row *row = *state;
    double value = measure_named(row->name, &(xt_scored){row->n_rows, row->n_outputs, row->a, row->y, NULL});
    if (isnan(row->value))
        assert_true(isnan(value));
    else
        unit_near(value, row->value, 1e-15, "%s", row->what);
}

static void has_a_row_of_nan(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof nan_rows / sizeof nan_rows[0]; i++)
        n += strcmp(nan_rows[i].name, ((const xt_row *)*state)->name) == 0;
    assert_true(n > 0);
}

static void of_no_rows_is_nan(void **state)
{
    assert_true(isnan(measure_named(((const xt_row *)*state)->name, &(xt_scored){0, 2, NULL, NULL, NULL})));
}

/* Outputs in another order than targets give what they give in the same one. */
static void follows_the_order(void **state)
{
    const char *name = ((const xt_row *)*state)->name;
    static const float a[] = {0.9f, 0.2f, 0.6f, 0.7f}, y[] = {1, 0, 0, 1}, turned[] = {0.7f, 0.6f, 0.9f, 0.2f};
    static const uint32_t order[] = {3, 2, 0, 1};
    double plain = measure_named(name, &(xt_scored){4, 1, a, y, NULL});
    assert_true(measure_named(name, &(xt_scored){4, 1, turned, y, order}) == plain);
    assert_true(measure_named(name, &(xt_scored){4, 1, turned, y, NULL}) != plain);
}

static void infinite_errors_show(void **state)
{
    (void)state;
    static const float a[] = {INFINITY, 1}, y[] = {0, 2};
    xt_scored rows = {2, 1, a, y, NULL};
    assert_true(isinf(measure_named("mae", &rows)) && isinf(measure_named("mse", &rows)));
    assert_true(isinf(measure_named("rmse", &rows)) && measure_named("r2", &rows) == -HUGE_VAL);
}

static void no_probability_has_no_log_loss(void **state)
{
    (void)state;
    static const float y[] = {1, 0};
    assert_true(isnan(measure_named("log_loss", &(xt_scored){2, 1, (const float[]){1.5f, 0.5f}, y, NULL})));
    assert_true(isnan(measure_named("log_loss", &(xt_scored){2, 1, (const float[]){0.5f, -3}, y, NULL})));
    xt_scored rounded = {1, 2, (const float[]){1.0000001f, 0}, y, NULL};
    unit_near(measure_named("log_loss", &rounded), 0, 2e-7, "rounded");
}

static void averages_of_the_positive_class_are_of_two(void **state)
{
    (void)state;
    static const float a[] = {0.9f, 0.1f, 0.2f, 0.8f}, y[] = {1, 0, 1, 0}, three[] = {1, 0, 0};
    xt_choice recall = xt_choose(&xt_metrics, "recall");
    recall.values[2] = 1;
    assert_true(measure(&recall, &(xt_scored){2, 2, a, y, NULL}) == 0);
    assert_true(measure(&recall, &(xt_scored){2, 2, y, a, NULL}) == 0);
    assert_true(measure(&recall, &(xt_scored){2, 2, a, a, NULL}) == 1);
    assert_true(isnan(measure(&recall, &(xt_scored){1, 3, three, three, NULL})));
}

/* A plain sum would lose every 1 beside the first error. */
static void sums_are_stable(void **state)
{
    (void)state;
    enum { N = 1000000 };
    float *a = calloc(N, sizeof *a), *y = calloc(N, sizeof *y);
    assert_non_null(a);
    assert_non_null(y);
    a[0] = 1e18f;
    for (size_t i = 1; i < N; i++)
        a[i] = 1;
    double value = measure_named("mae", &(xt_scored){N, 1, a, y, NULL});
    assert_true(value == ((double)1e18f + (N - 1)) / N);
    free(a);
    free(y);
}

static void several_at_once_and_gains(void **state)
{
    (void)state;
    static const float a[] = {0.9f, 0.2f}, y[] = {1, 0};
    xt_choice metrics[] = {xt_choose(&xt_metrics, "mae"), xt_choose(&xt_metrics, "accuracy")};
    double values[2];
    assert_int_equal(xt_metrics_measure(metrics, 2, &(xt_scored){2, 1, a, y, NULL}, values, &err), XT_OK);
    unit_near(values[0], 0.15, 1e-7, "mae");
    assert_true(values[1] == 1);
    static const char *const gains[] = {"accuracy", "precision", "recall", "f1", "roc_auc", "r2", NULL};
    size_t n = 0;
    for (size_t i = 0; i < xt_metrics.n_rows; i++)
        n += xt_metric_is_gain((int)i);
    for (size_t i = 0; gains[i]; i++, n--)
        assert_true(xt_metric_is_gain(xt_table_find(&xt_metrics, gains[i])));
    assert_int_equal(n, 0);
}

/* ---- classes ---- */

typedef struct class_row {
    const char *what;
    size_t n;
    float values[3], threshold;
    bool below;
    long class;
} class_row;

static const class_row class_rows[] = {
    {"above", 1, {0.6f}, 0.5f, false, 1},
    {"not above", 1, {0.4f}, 0.5f, false, 0},
    {"the threshold is not above", 1, {0.5f}, 0.5f, false, 0},
    {"below", 1, {0.4f}, 0.5f, true, 1},
    {"not below", 1, {0.6f}, 0.5f, true, 0},
    {"the threshold is not below", 1, {0.5f}, 0.5f, true, 0},
    {"hinge's targets", 1, {-1}, 0, false, 0},
    {"nan", 1, {NAN}, 0.5f, false, -1},
    {"nan below", 1, {NAN}, 0.5f, true, -1},
    {"largest", 3, {0.1f, 0.2f, 0.7f}, 0.5f, false, 2},
    {"a tie goes to the lowest", 3, {0.1f, 0.4f, 0.4f}, 0.5f, false, 1},
    {"negative", 3, {-3, -1, -2}, 0.5f, false, 1},
    {"infinite", 3, {-INFINITY, -INFINITY, -INFINITY}, 0.5f, false, 0},
    {"nan first", 3, {NAN, 0.4f, 0.7f}, 0.5f, false, -1},
    {"nan last", 3, {0.1f, 0.4f, NAN}, 0.5f, false, -1},
};

static void class_of(void **state)
{
    const class_row *row = *state;
    assert_int_equal(xt_class_of(row->values, row->n, row->threshold, row->below), row->class);
}

static void confusion_counts(void **state)
{
    (void)state;
    static const float a[] = {0.9f, 0.1f, 0, 0.2f, 0.8f, 0, 0.6f, 0.3f, 0.1f, NAN, 0, 1, 0, 0, 1};
    static const float y[] = {1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1};
    static const size_t expected[] = {1, 1, 0, 1, 0, 0, 0, 0, 1};
    size_t counts[9];
    memset(counts, 0xff, sizeof counts);
    assert_int_equal(xt_confusion(&(xt_scored){5, 3, a, y, NULL}, 0.5f, false, counts), 1);
    assert_memory_equal(counts, expected, sizeof counts);
    xt_class_scores scores[3];
    xt_class_scores_of(counts, 3, scores);
    assert_true(scores[0].precision == 0.5 && scores[0].recall == 0.5 && scores[0].f1 == 0.5 && scores[0].support == 2);
    assert_true(scores[1].precision == 0 && scores[1].recall == 0 && scores[1].f1 == 0 && scores[1].support == 1);
    assert_true(scores[2].precision == 1 && scores[2].recall == 1 && scores[2].f1 == 1 && scores[2].support == 1);
}

static void confusion_of_one_output(void **state)
{
    (void)state;
    static const float a[] = {0.9f, 0.1f, 0.6f, 0.2f, NAN}, y[] = {1, 1, 0, 0, 1};
    static const uint32_t order[] = {0, 1, 2, 3, 4};
    static const size_t above[] = {1, 1, 1, 1}, below[] = {1, 1, 2, 0};
    size_t counts[4];
    assert_int_equal(xt_confusion(&(xt_scored){5, 1, a, y, order}, 0.5f, false, counts), 1);
    assert_memory_equal(counts, above, sizeof counts);
    /* below 0.15 are 0.1 of the outputs and the zeros of the targets */
    assert_int_equal(xt_confusion(&(xt_scored){4, 1, a, y, NULL}, 0.15f, true, counts), 0);
    assert_memory_equal(counts, below, sizeof counts);
}

static void each(CMUnitTestFunction test, const char *what)
{
    for (size_t i = 0; i < xt_metrics.n_rows; i++)
        unit_case(test, xt_table_at(&xt_metrics, i), "%s %s", xt_table_at(&xt_metrics, i)->name, what);
}

int main(void)
{
    json_t *golden = json_load_file("tests/golden/sklearn.json", 0, NULL);
    size_t i;
    json_t *given;
    json_array_foreach (json_object_get(golden, "cases"), i, given)
        unit_case(as_scikit_learn, given, "as scikit-learn: %s", unit_text_at(given, "what"));
    each(is_in_the_golden_file, "is in the golden file");
    for (i = 0; i < sizeof nan_rows / sizeof nan_rows[0]; i++)
        unit_case(not_a_number, &nan_rows[i], "%s, nan %s", nan_rows[i].name, nan_rows[i].what);
    each(has_a_row_of_nan, "has a row of nan");
    each(of_no_rows_is_nan, "of no rows is nan");
    each(follows_the_order, "follows the order");
    UNIT_CASE(infinite_errors_show);
    UNIT_CASE(no_probability_has_no_log_loss);
    UNIT_CASE(averages_of_the_positive_class_are_of_two);
    UNIT_CASE(sums_are_stable);
    UNIT_CASE(several_at_once_and_gains);
    for (i = 0; i < sizeof class_rows / sizeof class_rows[0]; i++)
        unit_case(class_of, &class_rows[i], "class of a row: %s", class_rows[i].what);
    UNIT_CASE(confusion_counts);
    UNIT_CASE(confusion_of_one_output);
    int failed = unit_run("metrics");
    json_decref(golden);
    return failed;
}
