/* What holds between sections: columns that are watched, losses and their last layers. */
#include "config/schema.h"

#include "model/columns.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <stdio.h>
#include <string.h>

/* The deepest of the keys that was written, else what was written last above it. */
static const xt_node *find_node(const xt_node *node, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const xt_node *below = xt_node_get(node, keys[i]);
        if (!below)
            break;
        node = below;
    }
    return node;
}

/* ---- columns ---- */

/* "expected one of loss, accuracy, found 'x'; did you mean y" */
static void complain_column(xt_walk *walk, const xt_spec *spec, const char *path, const char *name, xt_place place)
{
    xt_buf list = {0}, words = {0};
    xt_nearest nearest = {.typed = name};
    xt_columns_list(spec, &list);
    xt_buf_puts(&words, xt_buf_text(&list));
    char *rest = NULL;
    for (char *word = words.data ? strtok_r(words.data, ", ", &rest) : NULL; word; word = strtok_r(NULL, ", ", &rest))
        xt_nearest_offer(&nearest, word);
    xt_complain(walk, place, "%s: expected %s%s, found '%.40s'%s%s", path, strchr(xt_buf_text(&list), ',') ? "one of " : "",
                xt_buf_text(&list), name, nearest.name ? "; did you mean " : "", nearest.name ? nearest.name : "");
    xt_buf_clear(&list);
    xt_buf_clear(&words);
}

static void check_column(xt_walk *walk, const xt_spec *spec, const char *path, const char *name, xt_place place)
{
    xt_watched found;
    xt_spec validated = *spec;
    validated.validation.given = true;
    if (xt_column_find(spec, name, &found))
        return;
    if (xt_column_find(&validated, name, &found))
        xt_complain(walk, place, "%s: there is no %s without data.validation, which is missing", path, name);
    else
        complain_column(walk, spec, path, name, place);
}

static const char *default_monitor(const xt_spec *spec)
{
    return spec->validation.given ? "val_loss" : "loss";
}

/* One best epoch is kept in memory, so there is one idea of it. */
static void watch_checkpoint(xt_walk *walk, const xt_node *tree, const xt_spec *spec)
{
    static const char *const keys[] = {"checkpoint", "best"};
    const char *best = spec->checkpoint.best;
    if (!best)
        return;
    xt_place place = find_node(tree, keys, 2)->place;
    check_column(walk, spec, "checkpoint.best", best, place);
    if (spec->early_stopping.given && strcmp(best, spec->early_stopping.monitor) != 0)
        xt_complain(walk, place, "checkpoint.best: expected %s, which early_stopping watches: there is one best epoch",
                    spec->early_stopping.monitor);
}

static void watch(xt_walk *walk, const xt_node *tree, xt_spec *spec)
{
    static const char *const stopping[] = {"early_stopping", "monitor"}, *const plateau[] = {"schedule", "monitor"};
    xt_early_stopping *early = &spec->early_stopping;
    if (early->given && !early->monitor)
        early->monitor = default_monitor(spec);
    if (early->given)
        check_column(walk, spec, "early_stopping.monitor", early->monitor, find_node(tree, stopping, 2)->place);
    watch_checkpoint(walk, tree, spec);
    const xt_node *limits = xt_node_get(tree, "stop_when");
    for (size_t i = 0; i < spec->n_limits; i++) {
        const xt_entry *entry = &limits->entries[i];
        check_column(walk, spec, "stop_when", entry->key, entry->place);
    }
    const xt_param *params = xt_kind_at(&xt_schedules, spec->schedule.kind)->params;
    for (const xt_param *param = params; param->name; param++) {
        if (param->type != XT_PARAM_TEXT || strcmp(param->name, plateau[1]) != 0)
            continue;
        if (!spec->schedule.text)
            spec->schedule.text = default_monitor(spec);
        check_column(walk, spec, "schedule.monitor", spec->schedule.text, find_node(tree, plateau, 2)->place);
    }
}

static void watch_sweep(xt_walk *walk, const xt_node *tree, xt_root *root)
{
    static const char *const keys[] = {"sweep", "metric", "name"};
    xt_sweep *sweep = &root->sweep;
    xt_watched column;
    if (!sweep->given)
        return;
    check_column(walk, &root->spec, "sweep.metric.name", sweep->metric, find_node(tree, keys, 3)->place);
    sweep->maximizes = sweep->goal == XT_GOAL_AUTO ? xt_column_find(&root->spec, sweep->metric, &column) &&
                                                         xt_column_is_gain(&root->spec, column)
                                                   : sweep->goal == XT_GOAL_MAXIMIZE;
}

static void check_validation(xt_walk *walk, const xt_node *tree, const xt_spec *spec)
{
    static const char *const keys[] = {"train", "validate_every"};
    if (spec->validate_every && !spec->validation.given)
        xt_complain(walk, find_node(tree, keys, 2)->place,
                    "train.validate_every: means nothing without data.validation, which is missing");
}

/* ---- the last layer and the loss ---- */

/* Complains at a key of a layer, or at the layer where it does not say it. */
static void complain_layer(xt_walk *walk, const xt_node *tree, size_t layer, const char *key, const char *what)
{
    const xt_node *layers = xt_node_get(xt_node_get(tree, "model"), "layers");
    const char *const keys[] = {key, "type"};
    xt_complain(walk, find_node(layers->items[layer], keys, 2)->place, "model.layers.%zu.%s: %s", layer, key, what);
}

/* Some losses are worked out together with the last activation, from its sums. */
static void check_pair(xt_walk *walk, const xt_node *tree, const xt_spec *spec)
{
    char text[200];
    size_t last = spec->n_layers - 1;
    const xt_layer *layer = &spec->layers[last];
    const xt_loss_row *loss = xt_loss_at(spec->loss.kind);
    if (loss->head < 0)
        return;
    const char *activation = xt_table_at(&xt_activations, (size_t)loss->head)->name;
    snprintf(text, sizeof text, "%s needs %s in the last layer: write `activation: %s`", loss->kind.row.name, activation,
             activation);
    if (layer->activation.kind != loss->head)
        complain_layer(walk, tree, last, "activation", text);
    if (loss->head == XT_ACT_softmax && layer->units < 2)
        complain_layer(walk, tree, last, "units",
                       "cross_entropy needs at least 2 units, one a class; one unit for two classes takes "
                       "`activation: sigmoid` with `loss: binary_cross_entropy`");
}

static void check_softmax(xt_walk *walk, const xt_node *tree, const xt_spec *spec)
{
    for (size_t i = 0; i < spec->n_layers; i++) {
        if (spec->layers[i].activation.kind != XT_ACT_softmax)
            continue;
        if (i + 1 < spec->n_layers)
            complain_layer(walk, tree, i, "activation", "softmax is for the last layer: write another, such as relu");
        else if (xt_loss_at(spec->loss.kind)->head < 0) /* another loss with a layer of its own has told of it */
            complain_layer(walk, tree, i, "activation",
                           "softmax needs the loss that belongs to it: write `loss: cross_entropy`");
    }
}

/* ---- metrics ---- */

static int find_param(const xt_kind *kind, const char *name)
{
    for (int i = 0; kind->params[i].name; i++)
        if (strcmp(kind->params[i].name, name) == 0)
            return i;
    return -1;
}

/* hinge's classes are on both sides of 0: so are a metric's that does not say another threshold. Two classes are what a
 * binary average is of. */
static void fit_metrics(xt_walk *walk, const xt_node *tree, xt_spec *spec)
{
    const xt_node *list = xt_node_get(tree, "metrics");
    uint32_t units = spec->layers[spec->n_layers - 1].units;
    for (size_t i = 0; i < spec->n_metrics; i++) {
        xt_choice *metric = (xt_choice *)(void *)(uintptr_t)&spec->metrics[i]; /* made in this walk's arena */
        const xt_kind *kind = xt_kind_at(&xt_metrics, metric->kind);
        const xt_node *node = list->type == XT_NODE_LIST ? list->items[i] : list;
        int threshold = find_param(kind, "threshold"), average = find_param(kind, "average");
        if (threshold >= 0 && spec->loss.kind == XT_LOSS_hinge && !xt_node_get(node, "threshold"))
            metric->values[threshold] = 0;
        if (average >= 0 && strcmp(kind->params[average].names[(size_t)metric->values[average]], "binary") == 0 && units > 2)
            xt_complain(walk, node->place, "metrics: %s with average: binary is of two classes, and the last layer has %u "
                                           "units: write macro, weighted or micro", kind->row.name, units);
    }
}

void xt_rules(xt_walk *walk, const xt_node *tree, xt_root *root)
{
    xt_publish_data(root);
    watch(walk, tree, &root->spec);
    watch_sweep(walk, tree, root);
    check_validation(walk, tree, &root->spec);
    check_pair(walk, tree, &root->spec);
    check_softmax(walk, tree, &root->spec);
    fit_metrics(walk, tree, &root->spec);
}
