#include "model/weighing.h"

#include "model/ops.h"

#include <string.h>

/* What a loss asks for. */
typedef struct weighing {
    double smoothing;
    size_t n_classes;
    const float *weights; /* of the classes; NULL: all 1 */
    bool by_row;          /* a row's targets are the shares of its classes, else each is one of two classes by itself */
} weighing;

/* The place of a parameter that not every loss has, -1. */
static int place_of(const xt_kind *kind, const char *name)
{
    for (int i = 0; kind->params[i].name; i++)
        if (strcmp(kind->params[i].name, name) == 0)
            return i;
    return -1;
}

static xt_status balanced(xt_dataset *data, size_t n, const float **out, xt_err *err)
{
    const xt_encoding *encoding = data->encoding;
    if (!encoding || encoding->n_classes != n || !encoding->class_rows)
        return xt_fail(err, XT_BAD_CONFIG, "loss.class_weights: 'balanced' needs a target column of classes, whose "
                       "rows it counts; give a list of numbers, one a class");
    float *weights = xt_arena_alloc(&data->arena, n, sizeof *weights);
    if (!weights)
        return xt_fail_memory(err, "class weights", n * sizeof *weights);
    double rows = 0;
    for (size_t c = 0; c < n; c++)
        rows += (double)encoding->class_rows[c];
    for (size_t c = 0; c < n; c++) {
        if (!encoding->class_rows[c])
            return xt_fail(err, XT_BAD_CONFIG, "loss.class_weights: 'balanced' divides by the rows of each class, but "
                           "no training row is of class '%s'", encoding->classes[c]);
        weights[c] = (float)(rows / ((double)n * (double)encoding->class_rows[c]));
    }
    *out = weights;
    return XT_OK;
}

static xt_status find_weights(const xt_choice *loss, xt_dataset *data, weighing *w, xt_err *err)
{
    const xt_kind *kind = &xt_loss_at(loss->kind)->kind;
    int at = place_of(kind, "class_weights");
    if (at < 0)
        return XT_OK;
    bool listed = loss->values[at] == XT_LISTED;
    if (!listed && strcmp(kind->params[at].names[(size_t)loss->values[at]], "none") == 0)
        return XT_OK;
    if (data->n_targets > 1 && !w->by_row && !(data->encoding && data->encoding->n_classes))
        return xt_fail(err, XT_BAD_CONFIG, "loss.class_weights: the data has no classes: %zu target columns of numbers",
                       data->n_targets);
    if (!listed)
        return balanced(data, w->n_classes, &w->weights, err);
    if (loss->n_list != w->n_classes)
        return xt_fail(err, XT_BAD_CONFIG, "loss.class_weights: expected %zu numbers, one a class, found %zu",
                       w->n_classes, loss->n_list);
    w->weights = loss->list;
    return XT_OK;
}

static size_t class_of(const float *y, size_t n)
{
    size_t largest = n == 1 && y[0] > 0.5f;
    for (size_t j = 1; j < n; j++)
        largest = y[j] > y[largest] ? j : largest;
    return largest;
}

/* w_j times the smoothed target of each class. They are made to sum to 1, which softmax's derivative takes for
 * granted; the row's weight has what that takes out. */
static void weigh_classes(const weighing *w, const float *y, size_t n, float *targets, float *weight)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double smooth = (1 - w->smoothing) * (double)y[j] + w->smoothing / (double)n;
        sum += w->weights ? (double)w->weights[j] * smooth : 0;
    }
    for (size_t j = 0; j < n; j++) {
        double smooth = (1 - w->smoothing) * (double)y[j] + w->smoothing / (double)n;
        targets[j] = (float)(sum > 0 ? (double)w->weights[j] * smooth / sum : smooth);
    }
    if (weight)
        *weight = (float)sum;
}

static void weigh_row(const weighing *w, const xt_dataset *data, size_t i)
{
    size_t n = data->n_targets;
    const float *y = data->targets + i * n;
    if (w->weights)
        data->weights[i] = data->shares[i] = w->weights[class_of(y, n)];
    if (!data->loss_targets)
        return;
    float *targets = data->loss_targets + i * n;
    if (w->by_row)
        weigh_classes(w, y, n, targets, w->weights ? &data->weights[i] : NULL);
    else
        for (size_t j = 0; j < n; j++)
            targets[j] = (float)((1 - w->smoothing) * (double)y[j] + w->smoothing / 2);
}

xt_status xt_weigh(const xt_spec *spec, xt_dataset *data, xt_err *err)
{
    const xt_loss_row *row = xt_loss_at(spec->loss.kind);
    int smoothing = place_of(&row->kind, "label_smoothing");
    size_t n = data->n_targets;
    weighing w = {.smoothing = smoothing < 0 ? 0 : (double)spec->loss.values[smoothing],
                  .n_classes = n == 1 ? 2 : n,
                  .by_row = !row->by_element};
    xt_status status = find_weights(&spec->loss, data, &w, err);
    if (status)
        return status;
    bool has_targets = w.smoothing > 0 || (w.weights && w.by_row);
    if (w.weights) {
        data->weights = xt_arena_alloc(&data->arena, data->n_rows, sizeof *data->weights);
        data->shares = xt_arena_alloc(&data->arena, data->n_rows, sizeof *data->shares);
    }
    if (has_targets)
        data->loss_targets = xt_arena_alloc(&data->arena, data->n_rows, n * sizeof *data->loss_targets);
    if ((w.weights && (!data->weights || !data->shares)) || (has_targets && !data->loss_targets))
        return xt_fail_memory(err, "the rows' weights and targets", data->n_rows * n * sizeof *data->loss_targets);
    for (size_t i = 0; i < data->n_rows && (w.weights || has_targets); i++)
        weigh_row(&w, data, i);
    return XT_OK;
}
