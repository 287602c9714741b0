#include "app/encoding.h"
#include "app/require.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "cli/profile.h"
#include "cli/report.h"
#include "data/data.h"
#include "data/format.h"
#include "engine/engine.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/weighing.h"
#include "ocl/device.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TABLE = 1024 }; /* classes: a matrix of more is not for reading */

/* ---- the rows ---- */

static const char test_part[] = "data.test", validation_part[] = "data.validation";

typedef struct rows {
    xt_parts parts;   /* loaded by the model's config */
    xt_dataset given; /* or a file that was given */
    xt_dataset *data; /* one of them */
    const char *part; /* its key in the config, one of the two above, or NULL */
    bool split;       /* the part is a share of other rows: what was left out was left out of these */
} rows;

static void close_rows(rows *r)
{
    xt_parts_clear(&r->parts);
    xt_dataset_clear(&r->given);
}

/* A file with the columns and options of the training data; one of another format,
 * by its name, has its own delimiter and no lines to skip. */
static xt_source source_like(const xt_source *train, const char *path)
{
    xt_source source = *train;
    source.file = path;
    source.targets_file = NULL;
    source.n_rows = source.samples = 0;
    if (train->file && strcmp(path, "-") == 0) {
        source.format = xt_format_of(train->format, train->file);
    } else if (train->file && train->format == XT_FORMAT_AUTO &&
               xt_format_of(XT_FORMAT_AUTO, path) != xt_format_of(XT_FORMAT_AUTO, train->file)) {
        source.delimiter = '\0';
        source.skip_rows = 0;
    }
    return source;
}

static xt_status load_file(const char *path, const xt_model *model, rows *out, xt_err *err)
{
    xt_source source = source_like(&model->plan.spec->train, path);
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
    xt_err found;
    xt_status status = xt_parts_load(spec, &out->parts, &found);
    if (status == XT_BAD_CONFIG || status == XT_BAD_DATA)
        return xt_fail(err, XT_BAD_DATA, "no longer the data that the model was trained on: %s\ngive FILE", found.text);
    if (status)
        return xt_fail(err, status, "%s", found.text);
    out->data = test ? &out->parts.test : &out->parts.validation;
    out->part = test ? test_part : validation_part;
    out->split = (test ? &spec->test : &spec->validation)->split > 0;
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

/* ---- measuring ---- */

/* What makes sense for the network where its config has no metrics. */
static size_t default_metrics(const xt_model *model, xt_choice *metrics)
{
    static const char *const of_amounts[] = {"mae", "rmse", "r2", NULL};
    static const char *const of_classes[] = {"accuracy", "f1", NULL};
    static const char *const of_shares[] = {"accuracy", "f1", "log_loss", NULL};
    int last = model->plan.layers[model->plan.n_layers - 1].activation;
    bool shares = last == XT_ACT_softmax || last == XT_ACT_sigmoid;
    bool sides = model->plan.spec->loss.kind == XT_LOSS_hinge; /* its numbers are classes too */
    const char *const *names = model->file.encoding->n_classes ? shares ? of_shares : of_classes
                               : sides                         ? of_classes
                                                               : of_amounts;
    size_t n = 0;
    for (; names[n]; n++) {
        metrics[n] = xt_choose(&xt_metrics, names[n]);
        const xt_param *first = xt_kind_at(&xt_metrics, metrics[n].kind)->params;
        if (first->name && strcmp(first->name, "threshold") == 0)
            metrics[n].values[0] = xt_threshold_of(model->plan.spec);
    }
    return n;
}

static xt_status measure_classes(const xt_model *model, const xt_evaluation *evaluation, xt_report *report, xt_err *err)
{
    const xt_encoding *encoding = model->file.encoding;
    const xt_scored scored = {.n_rows = evaluation->data->n_rows, .n_outputs = model->plan.n_outputs,
                              .outputs = evaluation->outputs, .targets = evaluation->data->targets};
    size_t n = encoding->n_classes;
    if (!n || n > MAX_TABLE)
        return XT_OK;
    report->counts = calloc(n * n, sizeof *report->counts);
    report->of_class = calloc(n, sizeof *report->of_class);
    if (!report->counts || !report->of_class)
        return xt_fail_memory(err, "the confusion matrix", n * n * sizeof *report->counts);
    report->n_classes = n;
    report->classes = encoding->classes;
    report->n_unsaid = xt_confusion(&scored, xt_threshold_of(model->plan.spec), false, report->counts);
    xt_class_scores_of(report->counts, n, report->of_class);
    xt_report_average(report);
    return XT_OK;
}

/* By the plan, whose spec has the metrics. */
static xt_status measure(const xt_model *model, const xt_plan *plan, const xt_dataset *data, xt_profiling *profiling,
                         xt_report *report, xt_err *err)
{
    xt_engine *engine = NULL;
    xt_evaluation evaluation = {0};
    xt_devices_prepare();
    xt_status status = xt_engine_open(plan, NULL, model->state, &engine, err);
    if (!status)
        status = xt_profiling_start(profiling, err);
    if (!status)
        status = xt_evaluation_open(plan, data, &evaluation, err);
    if (!status)
        status = xt_evaluation_measure(&evaluation, engine, &report->scores, err);
    if (!status)
        status = measure_classes(model, &evaluation, report, err);
    xt_evaluation_close(&evaluation);
    xt_engine_close(&engine);
    return status;
}

/* ---- --require ---- */

/* All that is wrong with them, before anything is loaded. */
static xt_status parse_requirements(const xt_options *options, const xt_spec *spec, xt_requirement **out, xt_err *err)
{
    xt_status status = XT_OK;
    xt_err one;
    *out = calloc(options->n_requirements + 1, sizeof **out);
    if (!*out)
        return xt_fail_memory(err, "the requirements", 0);
    for (size_t i = 0; i < options->n_requirements; i++) {
        xt_status failed = xt_require_parse(spec, options->requirements[i], *out + i, &one);
        if (failed && status)
            xt_fail_also(err, &one);
        else if (failed)
            status = xt_fail(err, failed, "%s", one.text);
    }
    return status;
}

/* Columns without a prefix are of the rows that were measured, whichever they are;
 * those of a part only where it is that one. */
static xt_status check_requirements(const xt_requirement *requirements, size_t n, const char *part,
                                    const xt_measured *scores, xt_err *err)
{
    xt_run_row row = {.epoch = 1, .train.loss = scores->loss, .validated = part == validation_part,
                      .validation = *scores};
    memcpy(row.train.metrics, scores->metrics, sizeof row.train.metrics);
    return xt_require_check(requirements, n, &row, part == test_part ? scores : NULL, err);
}

/* ---- the command ---- */

static xt_status find_format(const xt_options *options, const xt_report_format **out, xt_err *err)
{
    const char *typed = options->format ? options->format : "text";
    int index = xt_table_find(&xt_report_formats, typed);
    if (index < 0) {
        const char *near = xt_table_nearest(&xt_report_formats, typed);
        return xt_fail(err, XT_BAD_USAGE, "--format '%.40s': expected text, csv or json%s%s%s", typed,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    *out = xt_report_format_at(index);
    return XT_OK;
}

static xt_status print_report(const xt_report *report, const xt_report_format *format, xt_err *err)
{
    xt_buf text = {0};
    format->print(report, &text);
    xt_status status = xt_print(&text, err);
    xt_buf_clear(&text);
    return status;
}

/* A model's plan with the metrics to measure. Points into itself: not to be copied. */
typedef struct measures {
    xt_choice chosen[XT_MAX_METRICS];
    xt_spec spec;
    xt_plan plan;
} measures;

static void make_measures(const xt_model *model, measures *out)
{
    out->spec = *model->plan.spec;
    out->plan = model->plan;
    out->plan.spec = &out->spec;
    if (out->spec.n_metrics)
        return;
    out->spec.metrics = out->chosen;
    out->spec.n_metrics = default_metrics(model, out->chosen);
}

static xt_status evaluate(const xt_model *model, const measures *what, const rows *r, const xt_report_format *format,
                          xt_profiling *profiling, xt_measured *scores, xt_err *err)
{
    xt_report report = {.model = model->path, .origin = r->data->origin, .part = r->part, .hash = r->data->hash, .n_rows = r->data->n_rows,
                        .n_dropped = r->split ? 0 : r->data->n_dropped, .n_metrics = what->spec.n_metrics};
    xt_metric_columns(&what->spec, report.names);
    xt_status status = measure(model, &what->plan, r->data, profiling, &report, err);
    if (!status)
        status = print_report(&report, format, err);
    *scores = report.scores;
    free(report.counts);
    free(report.of_class);
    return status;
}

xt_status xt_cmd_evaluate(const xt_options *options, xt_err *err)
{
    xt_model model = {0};
    xt_profiling profiling = {0};
    rows r = {.part = NULL};
    measures what;
    xt_measured scores;
    xt_requirement *requirements = NULL;
    const xt_report_format *format = NULL;
    xt_status status = find_format(options, &format, err);
    if (!status)
        status = xt_model_load(options, &model, err);
    if (!status) {
        make_measures(&model, &what);
        status = parse_requirements(options, &what.spec, &requirements, err);
    }
    if (!status)
        status = load_rows(options, &model, &r, err);
    if (!status)
        status = xt_profiling_open(options, &what.spec, NULL, &profiling, err);
    if (!status)
        status = evaluate(&model, &what, &r, format, &profiling, &scores, err);
    status = xt_profiling_close(&profiling, status, err);
    if (!status)
        status = check_requirements(requirements, options->n_requirements, r.part, &scores, err);
    free(requirements);
    close_rows(&r);
    xt_model_clear(&model);
    return status;
}
