#include "model/metrics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sums ---- */

/* Neumaier's sum: what an addition rounds away is kept beside it. */
typedef struct total {
    double sum, rest;
} total;

static void add(total *t, double x)
{
    double sum = t->sum + x;
    double lost = fabs(t->sum) >= fabs(x) ? (t->sum - sum) + x : (x - sum) + t->sum;
    t->rest += isfinite(sum) ? lost : 0;
    t->sum = sum;
}

static double value_of(total t)
{
    return t.sum + t.rest;
}

/* ---- rows and their classes ---- */

static const float *targets_of(const xt_scored *rows, size_t i)
{
    return rows->targets + (rows->order ? rows->order[i] : i) * rows->n_outputs;
}

static const float *outputs_of(const xt_scored *rows, size_t i)
{
    return rows->outputs + i * rows->n_outputs;
}

static size_t n_classes_of(const xt_scored *rows)
{
    return rows->n_outputs == 1 ? 2 : rows->n_outputs;
}

long xt_class_of(const float *values, size_t n, float threshold, bool below)
{
    if (n == 1)
        return isnan(values[0]) ? -1 : (below ? values[0] < threshold : values[0] > threshold);
    size_t largest = 0;
    for (size_t j = 0; j < n; j++) {
        if (isnan(values[j]))
            return -1;
        if (values[j] > values[largest])
            largest = j;
    }
    return (long)largest;
}

size_t xt_confusion(const xt_scored *rows, float threshold, bool below, size_t *counts)
{
    size_t n = n_classes_of(rows), unsaid = 0;
    memset(counts, 0, n * n * sizeof *counts);
    for (size_t i = 0; i < rows->n_rows; i++) {
        long said = xt_class_of(outputs_of(rows, i), rows->n_outputs, threshold, below);
        long is = xt_class_of(targets_of(rows, i), rows->n_outputs, threshold, below);
        if (said < 0 || is < 0)
            unsaid++;
        else
            counts[(size_t)is * n + (size_t)said]++;
    }
    return unsaid;
}

/* Of one class: rows that are of it, that are said to be, and both. */
typedef struct tally {
    size_t are, said, hits;
} tally;

static double ratio(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static xt_class_scores scores_of(tally t)
{
    return (xt_class_scores){.precision = ratio(t.hits, t.said),
                             .recall = ratio(t.hits, t.are),
                             .f1 = ratio(2 * t.hits, t.said + t.are),
                             .support = t.are};
}

void xt_class_scores_of(const size_t *counts, size_t n_classes, xt_class_scores *out)
{
    for (size_t c = 0; c < n_classes; c++) {
        tally t = {.hits = counts[c * n_classes + c]};
        for (size_t other = 0; other < n_classes; other++) {
            t.are += counts[c * n_classes + other];
            t.said += counts[other * n_classes + c];
        }
        out[c] = scores_of(t);
    }
}

/* ---- metrics of classes ---- */

typedef enum average { AVERAGE_AUTO, AVERAGE_BINARY, AVERAGE_MACRO, AVERAGE_WEIGHTED, AVERAGE_MICRO } average;

/* Places of the parameters. */
enum { THRESHOLD, POSITIVE, AVERAGE };

static xt_status measure_accuracy(const xt_scored *rows, const float *values, double *out, xt_err *err)
{
    (void)err;
    bool below = values[POSITIVE] != 0;
    size_t right = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        long said = xt_class_of(outputs_of(rows, i), rows->n_outputs, values[THRESHOLD], below);
        right += said >= 0 && said == xt_class_of(targets_of(rows, i), rows->n_outputs, values[THRESHOLD], below);
    }
    *out = (double)right / (double)rows->n_rows;
    return XT_OK;
}

static void count_classes(const xt_scored *rows, float threshold, bool below, tally *tallies)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        long said = xt_class_of(outputs_of(rows, i), rows->n_outputs, threshold, below);
        long is = xt_class_of(targets_of(rows, i), rows->n_outputs, threshold, below);
        if (said >= 0)
            tallies[said].said++;
        if (is >= 0)
            tallies[is].are++;
        if (said >= 0 && said == is)
            tallies[is].hits++;
    }
}

static double precision_of(tally t)
{
    return scores_of(t).precision;
}

static double recall_of(tally t)
{
    return scores_of(t).recall;
}

static double f1_of(tally t)
{
    return scores_of(t).f1;
}

/* As scikit-learn does where no labels are named: of the classes that some row is of or is said to be. */
static double average_of(const tally *tallies, size_t n_classes, average kind, double (*score)(tally))
{
    tally all = {0};
    total sum = {0}, weights = {0};
    if (kind == AVERAGE_BINARY)
        return n_classes == 2 ? score(tallies[1]) : (double)NAN;
    for (size_t c = 0; c < n_classes; c++) {
        tally t = tallies[c];
        if (!t.are && !t.said)
            continue;
        double weight = kind == AVERAGE_WEIGHTED ? (double)t.are : 1;
        add(&sum, weight * score(t));
        add(&weights, weight);
        all = (tally){all.are + t.are, all.said + t.said, all.hits + t.hits};
    }
    return kind == AVERAGE_MICRO ? score(all) : value_of(sum) / value_of(weights);
}

static xt_status measure_classes(const xt_scored *rows, const float *values, double (*score)(tally), double *out,
                                 xt_err *err)
{
    size_t n = n_classes_of(rows);
    average kind = (average)values[AVERAGE];
    tally *tallies = calloc(n, sizeof *tallies);
    if (!tallies)
        return xt_fail_memory(err, "counts of classes", n * sizeof *tallies);
    count_classes(rows, values[THRESHOLD], values[POSITIVE] != 0, tallies);
    if (kind == AVERAGE_AUTO)
        kind = rows->n_outputs == 1 ? AVERAGE_BINARY : AVERAGE_MACRO;
    *out = average_of(tallies, n, kind, score);
    free(tallies);
    return XT_OK;
}

static xt_status measure_precision(const xt_scored *rows, const float *values, double *out, xt_err *err)
{
    return measure_classes(rows, values, precision_of, out, err);
}

static xt_status measure_recall(const xt_scored *rows, const float *values, double *out, xt_err *err)
{
    return measure_classes(rows, values, recall_of, out, err);
}

static xt_status measure_f1(const xt_scored *rows, const float *values, double *out, xt_err *err)
{
    return measure_classes(rows, values, f1_of, out, err);
}

/* ---- the area under the ROC curve ---- */

typedef struct ranked {
    float score;
    bool is; /* of the class */
} ranked;

static int by_score(const void *a, const void *b)
{
    float x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x > y) - (x < y);
}

/* The share of pairs of a row of the class and one of another in which the first has the higher score; ties are
 * halves. Counted in halves, so exact. */
static double area(ranked *ranks, size_t n)
{
    uint64_t halves = 0, others = 0, members = 0;
    qsort(ranks, n, sizeof *ranks, by_score);
    for (size_t i = 0; i < n;) {
        uint64_t own[2] = {0, 0};
        float score = ranks[i].score;
        for (; i < n && ranks[i].score == score; i++)
            own[ranks[i].is]++;
        halves += own[1] * (2 * others + own[0]);
        others += own[0];
        members += own[1];
    }
    return members && others ? (double)halves / (2.0 * (double)members * (double)others) : (double)NAN;
}

static double area_of_class(const xt_scored *rows, size_t c, const float *values, ranked *ranks)
{
    bool one = rows->n_outputs == 1, below = values[POSITIVE] != 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        float score = outputs_of(rows, i)[one ? 0 : c];
        if (isnan(score))
            return (double)NAN;
        long is = xt_class_of(targets_of(rows, i), rows->n_outputs, values[THRESHOLD], below);
        ranks[i] = (ranked){one && below ? -score : score, is == (long)c};
    }
    return area(ranks, rows->n_rows);
}

static xt_status measure_roc_auc(const xt_scored *rows, const float *values, double *out, xt_err *err)
{
    ranked *ranks = calloc(rows->n_rows, sizeof *ranks);
    if (!ranks)
        return xt_fail_memory(err, "the ranks of rows", rows->n_rows * sizeof *ranks);
    total sum = {0};
    if (rows->n_outputs == 1)
        add(&sum, area_of_class(rows, 1, values, ranks));
    else
        for (size_t c = 0; c < rows->n_outputs && !isnan(sum.sum); c++)
            add(&sum, area_of_class(rows, c, values, ranks));
    *out = value_of(sum) / (double)rows->n_outputs;
    free(ranks);
    return XT_OK;
}

/* ---- metrics of amounts ---- */

/* What a softmax may be beyond 1 by rounding. */
static const double beyond = 1e-5;

/* Of the probability that a row's class was given: nan where it is none. Kept from 0 and 1 as scikit-learn keeps
 * single precision. */
static double log_of(double probability)
{
    double eps = (double)FLT_EPSILON;
    if (!(probability >= -beyond && probability <= 1 + beyond))
        return (double)NAN;
    return log(probability < eps ? eps : probability > 1 - eps ? 1 - eps : probability);
}

static xt_status measure_log_loss(const xt_scored *rows, const float *values, double *out, xt_err *err)
{
    (void)values;
    (void)err;
    total sum = {0};
    for (size_t i = 0; i < rows->n_rows; i++) {
        const float *a = outputs_of(rows, i);
        long is = xt_class_of(targets_of(rows, i), rows->n_outputs, 0.5f, false);
        if (rows->n_outputs == 1)
            add(&sum, log_of(is ? (double)a[0] : 1 - (double)a[0]));
        else
            add(&sum, is < 0 || xt_class_of(a, rows->n_outputs, 0, false) < 0 ? (double)NAN : log_of((double)a[is]));
    }
    *out = -value_of(sum) / (double)rows->n_rows;
    return XT_OK;
}

static double error_at(const xt_scored *rows, size_t i, size_t j)
{
    return (double)outputs_of(rows, i)[j] - (double)targets_of(rows, i)[j];
}

static double mean_square(const xt_scored *rows, size_t j)
{
    total sum = {0};
    for (size_t i = 0; i < rows->n_rows; i++) {
        double d = error_at(rows, i, j);
        add(&sum, d * d);
    }
    return value_of(sum) / (double)rows->n_rows;
}

static double mean_absolute(const xt_scored *rows, size_t j)
{
    total sum = {0};
    for (size_t i = 0; i < rows->n_rows; i++)
        add(&sum, fabs(error_at(rows, i, j)));
    return value_of(sum) / (double)rows->n_rows;
}

static double root_mean_square(const xt_scored *rows, size_t j)
{
    return sqrt(mean_square(rows, j));
}

/* Mean square of the target about its mean; exactly 0 for a constant one, since what is summed is the distance from
 * its first value. */
static double variance(const xt_scored *rows, size_t j)
{
    double first = (double)targets_of(rows, 0)[j], n = (double)rows->n_rows;
    total sum = {0}, squares = {0};
    for (size_t i = 0; i < rows->n_rows; i++)
        add(&sum, (double)targets_of(rows, i)[j] - first);
    double mean = value_of(sum) / n;
    for (size_t i = 0; i < rows->n_rows; i++) {
        double d = (double)targets_of(rows, i)[j] - first - mean;
        add(&squares, d * d);
    }
    return value_of(squares) / n;
}

static double determination(const xt_scored *rows, size_t j)
{
    double unexplained = mean_square(rows, j), spread = variance(rows, j);
    if (rows->n_rows < 2 || isnan(unexplained))
        return (double)NAN;
    if (spread == 0)
        return unexplained == 0 ? 1 : 0;
    return 1 - unexplained / spread;
}

/* The mean over the outputs, each measured by itself. */
static double over_outputs(const xt_scored *rows, double (*measure)(const xt_scored *, size_t))
{
    total sum = {0};
    for (size_t j = 0; j < rows->n_outputs; j++)
        add(&sum, measure(rows, j));
    return value_of(sum) / (double)rows->n_outputs;
}

#define MEASURE_OUTPUTS(name, measure) \
    static xt_status measure_##name(const xt_scored *rows, const float *values, double *out, xt_err *err) \
    { \
        (void)values; \
        (void)err; \
        *out = over_outputs(rows, measure); \
        return XT_OK; \
    }
MEASURE_OUTPUTS(mae, mean_absolute)
MEASURE_OUTPUTS(mse, mean_square)
MEASURE_OUTPUTS(rmse, root_mean_square)
MEASURE_OUTPUTS(r2, determination)
#undef MEASURE_OUTPUTS

/* ---- the table ---- */

typedef struct metric_row {
    xt_kind kind;
    bool gain;
    xt_status (*measure)(const xt_scored *rows, const float *values, double *out, xt_err *err);
} metric_row;

#define SIDE_PARAMS \
    {.name = "threshold", .help = "of a single output, between the two classes", .def = 0.5f, .range = XT_RANGE_ANY}, \
    {.name = "positive", .help = "which side of the threshold is the positive class", .type = XT_PARAM_NAME, \
     .names = (const char *const[]){"above", "below", NULL}}
#define AVERAGE_PARAM \
    {.name = "average", \
     .help = "over the classes; binary: of the positive class alone; auto: binary for one output, macro for several", \
     .type = XT_PARAM_NAME, .names = (const char *const[]){"auto", "binary", "macro", "weighted", "micro", NULL}}
#define PLAIN(id, more, text) {.kind = {.row = {#id, text}}, .gain = (more), .measure = measure_##id}
#define SIDED(id, text) {.kind = {.row = {#id, text}, .params = {SIDE_PARAMS}}, .gain = true, .measure = measure_##id}
#define AVERAGED(id, text) \
    {.kind = {.row = {#id, text}, .params = {SIDE_PARAMS, AVERAGE_PARAM}}, .gain = true, .measure = measure_##id}

static const metric_row metric_rows[] = {
    SIDED(accuracy, "share of rows put in the right class"),
    PLAIN(mae, false, "mean absolute error"),
    PLAIN(rmse, false, "square root of the mean squared error, averaged over the outputs"),
    PLAIN(mse, false, "mean squared error"),
    PLAIN(r2, true, "coefficient of determination, averaged over the outputs"),
    AVERAGED(precision, "share of the rows said to be of a class that are"),
    AVERAGED(recall, "share of the rows of a class that are said to be"),
    AVERAGED(f1, "harmonic mean of precision and recall"),
    SIDED(roc_auc, "area under the ROC curve; of several outputs each class against the others, averaged"),
    PLAIN(log_loss, false, "mean of -log(p), p the probability given to the row's class"),
};

const xt_table xt_metrics = XT_TABLE("metric", metric_rows);

static const metric_row *row_of(int code)
{
    return (const metric_row *)(const void *)xt_kind_at(&xt_metrics, code);
}

bool xt_metric_is_gain(int code)
{
    return row_of(code)->gain;
}

xt_status xt_metrics_measure(const xt_choice *metrics, size_t n_metrics, const xt_scored *rows, double *values,
                             xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < n_metrics; i++)
        if (rows->n_rows)
            status = row_of(metrics[i].kind)->measure(rows, metrics[i].values, &values[i], err);
        else
            values[i] = (double)NAN;
    return status;
}
