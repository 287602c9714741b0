#include "cli/report.h"

#include "app/json.h"
#include "app/rows.h"
#include "base/text.h"
#include "cli/describe.h"
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether rows are of the class or were said to be: the others do not count, as in scikit-learn. */
static bool occurs(const xt_report *report, size_t class)
{
    size_t n = report->n_classes, said = 0;
    for (size_t i = 0; i < n; i++)
        said += report->counts[i * n + class];
    return said || report->of_class[class].support;
}

void xt_report_average(xt_report *report)
{
    xt_average macro = {0, 0, 0}, weighted = {0, 0, 0};
    double n = 0, support = 0;
    for (size_t i = 0; i < report->n_classes; i++)
        n += occurs(report, i);
    for (size_t i = 0; i < report->n_classes; i++) {
        const xt_class_scores *one = &report->of_class[i];
        double weight = (double)one->support;
        if (!occurs(report, i))
            continue;
        macro.precision += one->precision / n;
        macro.recall += one->recall / n;
        macro.f1 += one->f1 / n;
        weighted.precision += weight * one->precision;
        weighted.recall += weight * one->recall;
        weighted.f1 += weight * one->f1;
        support += weight;
    }
    if (support > 0)
        weighted = (xt_average){weighted.precision / support, weighted.recall / support, weighted.f1 / support};
    report->macro = macro;
    report->weighted = weighted;
}

static size_t total_support(const xt_report *report)
{
    size_t total = 0;
    for (size_t i = 0; i < report->n_classes; i++)
        total += report->of_class[i].support;
    return total;
}

static size_t count_of(const xt_report *report, size_t truth, size_t said)
{
    return report->counts[truth * report->n_classes + said];
}

/* ---- text ---- */

static const char macro_name[] = "macro average", weighted_name[] = "weighted average";

static void print_labelled(const char *label, double value, xt_buf *out)
{
    xt_describe_label(label, out);
    xt_buf_printf(out, "%.8g\n", value);
}

static void print_class_line(const char *name, size_t width, double precision, double recall, double f1, size_t support,
                             xt_buf *out)
{
    xt_describe_padded(name, width, out);
    xt_buf_printf(out, " %10.4f %10.4f %10.4f %10zu\n", precision, recall, f1, support);
}

static void print_table(const xt_report *report, size_t width, xt_buf *out)
{
    xt_buf_puts(out, "\n");
    xt_describe_padded("class", width, out);
    xt_buf_printf(out, " %10s %10s %10s %10s\n", "precision", "recall", "f1", "support");
    for (size_t i = 0; i < report->n_classes; i++) {
        const xt_class_scores *one = &report->of_class[i];
        print_class_line(report->classes[i], width, one->precision, one->recall, one->f1, one->support, out);
    }
    size_t support = total_support(report);
    const xt_average *macro = &report->macro, *weighted = &report->weighted;
    print_class_line(macro_name, width, macro->precision, macro->recall, macro->f1, support, out);
    print_class_line(weighted_name, width, weighted->precision, weighted->recall, weighted->f1, support, out);
}

/* The width of a column of the matrix: of its name and of every count. */
static size_t cell_width(const xt_report *report, size_t said)
{
    size_t most = xt_text_width(report->classes[said]);
    for (size_t t = 0; t < report->n_classes; t++) {
        size_t n = (size_t)snprintf(NULL, 0, "%zu", count_of(report, t, said));
        most = n > most ? n : most;
    }
    return most;
}

static void print_matrix(const xt_report *report, size_t width, xt_buf *out)
{
    xt_buf_puts(out, "\n");
    xt_describe_padded("truth \\ said", width, out);
    for (size_t p = 0; p < report->n_classes; p++)
        xt_buf_printf(out, "  %*s%s", (int)(cell_width(report, p) - xt_text_width(report->classes[p])), "",
                      report->classes[p]);
    xt_buf_puts(out, "\n");
    for (size_t t = 0; t < report->n_classes; t++) {
        xt_describe_padded(report->classes[t], width, out);
        for (size_t p = 0; p < report->n_classes; p++)
            xt_buf_printf(out, "  %*zu", (int)cell_width(report, p), count_of(report, t, p));
        xt_buf_puts(out, "\n");
    }
}

static void print_text(const xt_report *report, xt_buf *out)
{
    size_t width = sizeof weighted_name - 1;
    xt_describe_label("model", out);
    xt_buf_printf(out, "%s\n", report->model);
    xt_describe_label("data", out);
    xt_buf_printf(out, "%zu %s from %s%s%s", report->n_rows, xt_rows_noun(report->n_rows), report->origin,
                  report->part ? ", " : "", report->part ? report->part : "");
    if (report->n_dropped)
        xt_buf_printf(out, ", %zu with a missing value left out", report->n_dropped);
    xt_buf_puts(out, "\n");
    print_labelled("loss", report->scores.loss, out);
    for (size_t i = 0; i < report->n_metrics; i++)
        print_labelled(report->names[i], report->scores.metrics[i], out);
    if (!report->n_classes)
        return;
    for (size_t i = 0; i < report->n_classes; i++)
        width = xt_text_width(report->classes[i]) > width ? xt_text_width(report->classes[i]) : width;
    print_table(report, width, out);
    print_matrix(report, width, out);
    if (report->n_unsaid)
        xt_buf_printf(out, "\n%zu %s with outputs that are no numbers are in none of these\n", report->n_unsaid,
                      xt_rows_noun(report->n_unsaid));
}

/* ---- CSV: one long table ---- */

static void add_cells(const char *section, const char *name, const char *key, xt_buf *out)
{
    xt_buf_printf(out, "%s,", section);
    xt_csv_print_text(name, out);
    xt_buf_puts(out, ",");
    xt_csv_print_text(key, out);
    xt_buf_puts(out, ",");
}

static void add_number(const char *section, const char *name, const char *key, double value, xt_buf *out)
{
    char text[32];
    xt_csv_number(value, text);
    add_cells(section, name, key, out);
    xt_buf_printf(out, "%s\n", text);
}

static void add_count(const char *section, const char *name, const char *key, size_t value, xt_buf *out)
{
    add_cells(section, name, key, out);
    xt_buf_printf(out, "%zu\n", value);
}

static void add_three(const char *section, const char *name, double precision, double recall, double f1, xt_buf *out)
{
    add_number(section, name, "precision", precision, out);
    add_number(section, name, "recall", recall, out);
    add_number(section, name, "f1", f1, out);
}

static void print_csv(const xt_report *report, xt_buf *out)
{
    xt_buf_puts(out, "section,name,key,value\n");
    add_count("all", "rows", "", report->n_rows, out);
    add_number("all", "loss", "", report->scores.loss, out);
    for (size_t i = 0; i < report->n_metrics; i++)
        add_number("all", report->names[i], "", report->scores.metrics[i], out);
    if (!report->n_classes)
        return;
    for (size_t i = 0; i < report->n_classes; i++) {
        const xt_class_scores *one = &report->of_class[i];
        add_three("class", report->classes[i], one->precision, one->recall, one->f1, out);
        add_count("class", report->classes[i], "support", one->support, out);
    }
    add_three("average", "macro", report->macro.precision, report->macro.recall, report->macro.f1, out);
    add_three("average", "weighted", report->weighted.precision, report->weighted.recall, report->weighted.f1, out);
    for (size_t t = 0; t < report->n_classes; t++)
        for (size_t p = 0; p < report->n_classes; p++)
            add_count("confusion", report->classes[t], report->classes[p], count_of(report, t, p), out);
}

/* ---- JSON ---- */

static json_t *json_of_three(double precision, double recall, double f1)
{
    json_t *object = json_object();
    json_object_set_new(object, "precision", xt_json_number(precision));
    json_object_set_new(object, "recall", xt_json_number(recall));
    json_object_set_new(object, "f1", xt_json_number(f1));
    return object;
}

static json_t *json_of_average(const xt_average *average)
{
    return json_of_three(average->precision, average->recall, average->f1);
}

static json_t *json_of_classes(const xt_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->n_classes; i++) {
        const xt_class_scores *one = &report->of_class[i];
        json_t *object = json_object(), *numbers = json_of_three(one->precision, one->recall, one->f1);
        json_object_set_new(object, "name", json_string(report->classes[i]));
        json_object_update(object, numbers);
        json_decref(numbers);
        json_object_set_new(object, "support", json_integer((json_int_t)one->support));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *json_of_matrix(const xt_report *report)
{
    json_t *rows = json_array();
    for (size_t t = 0; t < report->n_classes; t++) {
        json_t *row = json_array();
        for (size_t p = 0; p < report->n_classes; p++)
            json_array_append_new(row, json_integer((json_int_t)count_of(report, t, p)));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *json_of_data(const xt_report *report)
{
    json_t *object = json_object();
    json_object_set_new(object, "origin", xt_json_text(report->origin));
    json_object_set_new(object, "part", xt_json_text(report->part));
    json_object_set_new(object, "xxh3_128", xt_json_text(report->hash));
    json_object_set_new(object, "rows", json_integer((json_int_t)report->n_rows));
    json_object_set_new(object, "dropped_rows", json_integer((json_int_t)report->n_dropped));
    return object;
}

static void print_json(const xt_report *report, xt_buf *out)
{
    json_t *root = json_object(), *metrics = json_object();
    for (size_t i = 0; i < report->n_metrics; i++)
        json_object_set_new(metrics, report->names[i], xt_json_number(report->scores.metrics[i]));
    json_object_set_new(root, "model", xt_json_text(report->model));
    json_object_set_new(root, "data", json_of_data(report));
    json_object_set_new(root, "loss", xt_json_number(report->scores.loss));
    json_object_set_new(root, "metrics", metrics);
    if (report->n_classes) {
        json_object_set_new(root, "classes", json_of_classes(report));
        json_object_set_new(root, "macro", json_of_average(&report->macro));
        json_object_set_new(root, "weighted", json_of_average(&report->weighted));
        json_object_set_new(root, "confusion", json_of_matrix(report));
        json_object_set_new(root, "undecided_rows", json_integer((json_int_t)report->n_unsaid));
    }
    char *text = xt_json_dump(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    out->failed |= !text;
    xt_buf_puts(out, text ? text : "");
    xt_buf_puts(out, "\n");
    free(text);
}

static const xt_report_format formats[] = {
    {{"text", "aligned for reading"}, print_text},
    {{"csv", "one long table: section,name,key,value"}, print_csv},
    {{"json", "one JSON object"}, print_json},
};

const xt_table xt_report_formats = XT_TABLE("format", formats);

const xt_report_format *xt_report_format_at(int index)
{
    return &formats[index];
}
