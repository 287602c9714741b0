#include "cli/describe.h"

#include "base/number.h"
#include "base/text.h"
#include "model/init.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void xt_describe_label(const char *label, xt_buf *out)
{
    xt_buf_printf(out, "%-12s", label);
}

void xt_describe_padded(const char *text, size_t width, xt_buf *out)
{
    size_t n = xt_text_width(text);
    xt_buf_printf(out, "%s%*s", text, n < width ? (int)(width - n) : 0, "");
}

void xt_describe_names(const char *const *names, size_t n, xt_buf *out)
{
    for (size_t i = 0; i < n && i < XT_SHOWN_COLUMNS; i++)
        xt_buf_printf(out, "%s%s", i ? ", " : "", names[i]);
    if (n > XT_SHOWN_COLUMNS)
        xt_buf_printf(out, " and %zu more", n - XT_SHOWN_COLUMNS);
}

/* 10, where the shortest text is 1e+01. */
static void describe_number(double value, xt_buf *out)
{
    char text[32];
    snprintf(text, sizeof text, "%.0f", value);
    if (fabs(value) >= 1e6 || floor(value) != value)
        xt_number_print((float)value, text);
    xt_buf_puts(out, text);
}

static void describe_list(const float *list, size_t n, xt_buf *out)
{
    for (size_t i = 0; i < n && i < XT_SHOWN_COLUMNS; i++) {
        xt_buf_puts(out, i ? ", " : "[");
        describe_number((double)list[i], out);
    }
    xt_buf_puts(out, n > XT_SHOWN_COLUMNS ? ", ...]" : "]");
}

static void describe_param(const xt_param *param, const xt_choice *choice, float value, xt_buf *out)
{
    if (param->type == XT_PARAM_TEXT)
        xt_buf_puts(out, choice->text ? choice->text : param->def_text ? param->def_text : "");
    else if (param->type == XT_PARAM_LIST && (value < 0 || !param->names))
        describe_list(choice->list, choice->n_list, out);
    else if (param->type == XT_PARAM_LIST || param->type == XT_PARAM_NAME)
        xt_buf_puts(out, param->names[(size_t)value]);
    else if (param->type == XT_PARAM_BOOL)
        xt_buf_puts(out, value != 0 ? "true" : "false");
    else
        describe_number((double)value, out);
}

void xt_describe_choice(const xt_table *table, const xt_choice *choice, xt_buf *out)
{
    const xt_kind *kind = xt_kind_at(table, choice->kind);
    xt_buf_puts(out, kind->row.name);
    for (size_t i = 0; kind->params[i].name; i++) {
        xt_buf_printf(out, "%s%s ", i ? ", " : "(", kind->params[i].name);
        describe_param(&kind->params[i], choice, choice->values[i], out);
    }
    if (kind->params[0].name)
        xt_buf_puts(out, ")");
}

/* ---- encodings ---- */

const char *xt_rows_noun(size_t n)
{
    return n == 1 ? "row" : "rows";
}

const char *xt_describe_normalize(xt_normalize normalize)
{
    switch (normalize) {
    case XT_NORMALIZE_STANDARD:
        return "standard: less the mean and by the standard deviation of the training rows";
    case XT_NORMALIZE_MINMAX:
        return "minmax: from 0 to 1 over the training rows";
    default:
        return "none";
    }
}

static void describe_column(const xt_encoding *encoding, const xt_input_column *column, xt_buf *out)
{
    xt_describe_label("", out);
    xt_buf_printf(out, "%s: ", column->name);
    if (column->n_values) {
        xt_buf_puts(out, "one-hot of ");
        xt_describe_names(column->values, column->n_values, out);
    } else if (encoding->offset) {
        xt_buf_printf(out, "less %.6g, by %.6g", encoding->offset[column->at], encoding->scale[column->at]);
    } else {
        xt_buf_puts(out, "as it is");
    }
    if (column->has_fill)
        xt_buf_printf(out, "; %.6g where it is missing", column->fill);
    xt_buf_puts(out, "\n");
}

/* A line a column where any is not taken as it is. */
static void describe_columns(const xt_encoding *encoding, xt_buf *out)
{
    bool plain = !encoding->offset;
    for (size_t i = 0; i < encoding->n_columns; i++)
        plain = plain && !encoding->columns[i].n_values && !encoding->columns[i].has_fill;
    if (plain)
        return;
    for (size_t i = 0; i < encoding->n_columns && i < XT_SHOWN_COLUMNS; i++)
        describe_column(encoding, &encoding->columns[i], out);
    if (encoding->n_columns > XT_SHOWN_COLUMNS) {
        xt_describe_label("", out);
        xt_buf_printf(out, "and %zu more\n", encoding->n_columns - XT_SHOWN_COLUMNS);
    }
}

void xt_describe_encoding(const xt_encoding *encoding, xt_normalize normalize, xt_buf *out)
{
    xt_describe_label("inputs", out);
    for (size_t i = 0; i < encoding->n_columns && i < XT_SHOWN_COLUMNS; i++)
        xt_buf_printf(out, "%s%s", i ? ", " : "", encoding->columns[i].name);
    if (encoding->n_columns > XT_SHOWN_COLUMNS)
        xt_buf_printf(out, " and %zu more", encoding->n_columns - XT_SHOWN_COLUMNS);
    xt_buf_puts(out, "\n");
    describe_columns(encoding, out);
    if (encoding->offset) {
        xt_describe_label("normalize", out);
        xt_buf_printf(out, "%s\n", xt_describe_normalize(normalize));
    }
    xt_describe_label("targets", out);
    xt_describe_names(encoding->target_names, encoding->n_target_columns, out);
    xt_buf_puts(out, "\n");
    for (size_t i = 0; i < encoding->n_classes && i < XT_SHOWN_COLUMNS; i++) {
        xt_describe_label(i ? "" : "classes", out);
        xt_buf_printf(out, "%s, %zu training %s\n", encoding->classes[i], encoding->class_rows[i],
                      xt_rows_noun(encoding->class_rows[i]));
    }
    if (encoding->n_classes > XT_SHOWN_COLUMNS) {
        xt_describe_label("", out);
        xt_buf_printf(out, "and %zu more\n", encoding->n_classes - XT_SHOWN_COLUMNS);
    }
}

/* ---- networks ---- */

static void describe_init(const char *what, const xt_choice *choice, xt_key key, xt_buf *out)
{
    xt_describe_label("", out);
    xt_buf_printf(out, "    %-6s  ", what);
    xt_describe_choice(&xt_initializers, choice, out);
    xt_buf_printf(out, ", key %" PRIu32 " %" PRIu32 "\n", key.hi, key.lo);
}

/* ", dropout 0.5" where it is set. */
static void add_setting(const char *name, float value, xt_buf *out)
{
    if (value > 0) {
        xt_buf_printf(out, ", %s ", name);
        describe_number((double)value, out);
    }
}

static void describe_layer(const xt_plan *plan, size_t index, bool keys, xt_buf *out)
{
    const xt_plan_layer *layer = &plan->layers[index];
    const xt_layer *given = &plan->spec->layers[index];
    xt_describe_label("", out);
    xt_buf_printf(out, "%zu: %zu -> %zu ", index, layer->inputs, layer->units);
    xt_describe_choice(&xt_activations, &given->activation, out);
    xt_buf_printf(out, ", %zu parameters", (layer->inputs + 1) * layer->units);
    add_setting("dropout", given->dropout, out);
    add_setting("l1", given->l1, out);
    add_setting("l2", given->l2, out);
    xt_buf_puts(out, "\n");
    if (!keys)
        return;
    xt_key weight, bias;
    xt_layer_keys(plan->spec->seed, plan->spec->keys, plan->n_layers, index, &weight, &bias);
    describe_init("weight", &given->weight, weight, out);
    describe_init("bias", &given->bias, bias, out);
}

void xt_describe_network(const xt_plan *plan, bool keys, xt_buf *out)
{
    xt_describe_label("network", out);
    xt_buf_printf(out, "%zu", plan->n_inputs);
    for (size_t i = 0; i < plan->n_layers; i++)
        xt_buf_printf(out, "-%zu", plan->layers[i].units);
    xt_buf_printf(out, ", %zu parameters\n", plan->n_params);
    for (size_t i = 0; i < plan->n_layers; i++)
        describe_layer(plan, i, keys, out);
}

static void describe_stopping(const xt_spec *spec, xt_buf *out)
{
    const xt_early_stopping *early = &spec->early_stopping;
    if (early->given) {
        xt_describe_label("early stop", out);
        xt_buf_printf(out, "after %" PRIu32 " epoch%s without a better %s", early->patience,
                      early->patience == 1 ? "" : "s", early->monitor);
        if (early->min_delta > 0) {
            xt_buf_puts(out, " (by more than ");
            describe_number((double)early->min_delta, out);
            xt_buf_puts(out, ")");
        }
        xt_buf_puts(out, early->restore_best ? "; the model is the best epoch's\n" : "\n");
    }
    for (size_t i = 0; i < spec->n_limits; i++) {
        xt_describe_label(i ? "" : "stop when", out);
        xt_buf_printf(out, "%s is %s %.9g\n", spec->limits[i].column, spec->limits[i].above ? "above" : "below",
                      spec->limits[i].value);
    }
}

/* Not the constant schedule without a warmup. */
static bool is_scheduled(const xt_choice *schedule)
{
    bool scheduled = strcmp(xt_kind_at(&xt_schedules, schedule->kind)->row.name, "constant") != 0;
    for (size_t i = 0; i < XT_MAX_PARAMS; i++)
        scheduled = scheduled || schedule->values[i] > 0;
    return scheduled;
}

void xt_describe_objective(const xt_spec *spec, xt_buf *out)
{
    xt_describe_label("loss", out);
    xt_describe_choice(&xt_losses, &spec->loss, out);
    xt_buf_puts(out, "\n");
    xt_describe_label("optimizer", out);
    xt_describe_choice(&xt_optimizers, &spec->optimizer, out);
    xt_buf_puts(out, "\n");
    if (is_scheduled(&spec->schedule)) {
        xt_describe_label("schedule", out);
        xt_describe_choice(&xt_schedules, &spec->schedule, out);
        xt_buf_puts(out, "\n");
    }
    if (spec->clip_norm > 0 || spec->clip_value > 0) {
        xt_describe_label("clipping", out);
        xt_buf_puts(out, spec->clip_norm > 0 ? "gradient's norm at most " : "each element of the gradient at most ");
        describe_number((double)(spec->clip_norm > 0 ? spec->clip_norm : spec->clip_value), out);
        xt_buf_puts(out, "\n");
    }
    describe_stopping(spec, out);
}

void xt_describe_values(const xt_plan *plan, const float *values, xt_buf *out)
{
    char name[64];
    for (size_t i = 0; i < plan->n_params; i++) {
        xt_plan_param_name(plan, i, name, sizeof name);
        xt_buf_printf(out, "%s %.9g\n", name, (double)values[i]);
    }
}
