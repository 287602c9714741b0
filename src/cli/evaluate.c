#include "app/encoding.h"
#include "app/evaluation.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "cli/scores.h"
#include "data/data.h"
#include "engine/engine.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/weighing.h"
#include "ocl/device.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TABLE = 1024 /* classes: a matrix of more is not for reading */ };

/* ---- the rows ---- */

typedef struct rows {
    xt_parts parts;   /* loaded by the model's config */
    xt_dataset given; /* or a file that was given */
    xt_dataset *data; /* one of them */
    const char *part; /* its key in the config, or NULL */
} rows;

static void close_rows(rows *r)
{
    xt_parts_clear(&r->parts);
    xt_dataset_clear(&r->given);
}

/* A file with the columns and options of the training data. */
static xt_status load_file(const char *path, const xt_model *model, rows *out, xt_err *err)
{
    xt_source source = model->plan.spec->train;
    source.file = path;
    source.targets_file = NULL;
    source.n_rows = source.samples = 0;
    out->data = &out->given;
    return xt_data_load_like(&source, model->file.encoding, &out->given, err);
}

/* The test or validation rows that the config names, split off again where they were. */
static xt_status load_part(const xt_model *model, rows *out, xt_err *err)
{
    const xt_spec *spec = model->plan.spec;
    bool test = spec->test.given;
    if (!test && !spec->validation.given)
        return xt_fail(err, XT_BAD_USAGE,
                       "the model's configuration has neither data.test nor data.validation: give FILE, or - for "
                       "standard input");
    xt_status status = xt_parts_load(spec, &out->parts, err);
    if (status)
        return status;
    out->data = test ? &out->parts.test : &out->parts.validation;
    out->part = test ? "data.test" : "data.validation";
    const xt_encoding *encoding = out->data->encoding;
    if (encoding && !xt_encoding_same(encoding, model->file.encoding))
        return xt_fail(err, XT_BAD_DATA,
                       "%s: no longer the data that the model was trained on: its columns, their values or their "
                       "ranges have changed; give FILE",
                       out->parts.train.origin);
    return XT_OK;
}

static xt_status load_rows(const xt_options *options, const xt_model *model, rows *out, xt_err *err)
{
    xt_status status = options->n_args > 1 ? load_file(options->args[1], model, out, err) : load_part(model, out, err);
    if (!status && (out->data->n_inputs != model->plan.n_inputs || out->data->n_targets != model->plan.n_outputs))
        status = xt_fail(err, XT_BAD_DATA, "%s: the model has %zu inputs and %zu outputs, the data %zu and %zu",
                         out->data->origin, model->plan.n_inputs, model->plan.n_outputs, out->data->n_inputs,
                         out->data->n_targets);
    return status ? status : xt_weigh(model->plan.spec, out->data, err);
}

/* ---- the metrics ---- */

/* What makes sense for the network where its config has no metrics. */
static size_t default_metrics(const xt_model *model, xt_choice *metrics)
{
    static const char *const of_amounts[] = {"mae", "rmse", "r2", NULL};
    static const char *const of_classes[] = {"accuracy", "f1", NULL};
    static const char *const of_shares[] = {"accuracy", "f1", "log_loss", NULL};
    int last = model->plan.layers[model->plan.n_layers - 1].activation;
    bool shares = last == XT_ACT_softmax || last == XT_ACT_sigmoid;
    const char *const *names = !model->file.encoding->n_classes ? of_amounts : shares ? of_shares : of_classes;
    xt_decision decision = xt_decision_of(model->plan.spec);
    size_t n = 0;
    for (size_t i = 0; names[i]; i++) {
        const xt_param *params = xt_kind_at(&xt_metrics, xt_table_find(&xt_metrics, names[i]))->params;
        metrics[n] = xt_choose(&xt_metrics, names[i]);
        if (params[0].name && strcmp(params[0].name, "threshold") == 0)
            metrics[n].values[0] = decision.threshold;
        n++;
    }
    return n;
}

static xt_status measure_metrics(const xt_model *model, const xt_scored *scored, xt_scores *scores, xt_err *err)
{
    xt_choice chosen[XT_MAX_METRICS];
    xt_spec spec = *model->plan.spec;
    if (!spec.n_metrics) {
        spec.metrics = chosen;
        spec.n_metrics = default_metrics(model, chosen);
    }
    scores->n_metrics = spec.n_metrics;
    xt_metric_columns(&spec, scores->names);
    return xt_metrics_measure(spec.metrics, spec.n_metrics, scored, scores->values, err);
}

static xt_status measure_classes(const xt_model *model, const xt_scored *scored, xt_scores *scores, xt_err *err)
{
    const xt_encoding *encoding = model->file.encoding;
    xt_decision decision = xt_decision_of(model->plan.spec);
    size_t n = encoding->n_classes;
    if (!n || n > MAX_TABLE)
        return XT_OK;
    scores->counts = calloc(n * n, sizeof *scores->counts);
    scores->of_class = calloc(n, sizeof *scores->of_class);
    if (!scores->counts || !scores->of_class)
        return xt_fail_memory(err, "the confusion matrix", n * n * sizeof *scores->counts);
    scores->n_classes = n;
    scores->classes = encoding->classes;
    scores->n_unsaid = xt_confusion(scored, decision.threshold, decision.below, scores->counts);
    xt_class_scores_of(scores->counts, n, scores->of_class);
    xt_scores_average(scores);
    return XT_OK;
}

static xt_status measure(const xt_model *model, const xt_dataset *data, xt_scores *scores, xt_err *err)
{
    xt_engine *engine = NULL;
    xt_evaluation evaluation = {0};
    xt_status status = xt_evaluation_open(&model->plan, data, &evaluation, err);
    if (!status) {
        xt_devices_prepare();
        status = xt_engine_open(&model->plan, NULL, model->state, &engine, err);
    }
    if (!status)
        status = xt_evaluation_forward(&evaluation, engine, err);
    if (!status) {
        xt_scored scored = {data->n_rows, model->plan.n_outputs, evaluation.outputs, data->targets, NULL};
        scores->loss = xt_engine_mean_loss(&model->plan, evaluation.losses, data);
        status = measure_metrics(model, &scored, scores, err);
        if (!status)
            status = measure_classes(model, &scored, scores, err);
    }
    xt_engine_close(&engine);
    xt_evaluation_close(&evaluation);
    return status;
}

static xt_status find_format(const xt_options *options, const xt_scores_format **out, xt_err *err)
{
    const char *typed = options->format ? options->format : "text";
    int index = xt_table_find(&xt_scores_formats, typed);
    if (index < 0) {
        const char *near = xt_table_nearest(&xt_scores_formats, typed);
        return xt_fail(err, XT_BAD_USAGE, "--format %.40s: expected text, csv or json%s%s%s", typed,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    *out = xt_scores_format_at(index);
    return XT_OK;
}

static xt_status print_scores(const xt_scores *scores, const xt_scores_format *format, xt_err *err)
{
    xt_buf text = {0};
    format->print(scores, &text);
    xt_status status = xt_print(&text, err);
    xt_buf_clear(&text);
    return status;
}

xt_status xt_cmd_evaluate(const xt_options *options, xt_err *err)
{
    xt_model model = {0};
    rows r = {.part = NULL};
    xt_scores scores = {.model = options->args[0]};
    const xt_scores_format *format = NULL;
    xt_status status = find_format(options, &format, err);
    if (!status)
        status = xt_model_load(options, &model, err);
    if (!status)
        status = load_rows(options, &model, &r, err);
    if (!status) {
        scores.origin = r.data->origin;
        scores.part = r.part;
        scores.hash = r.data->hash;
        scores.n_rows = r.data->n_rows;
        scores.n_dropped = r.data->n_dropped;
        status = measure(&model, r.data, &scores, err);
    }
    if (!status)
        status = print_scores(&scores, format, err);
    free(scores.counts);
    free(scores.of_class);
    close_rows(&r);
    xt_model_clear(&model);
    return status;
}
