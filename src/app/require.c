#include "app/require.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>

enum { MAX_COLUMNS = 3 * (1 + XT_MAX_METRICS) };

static const char *const signs[] = {[XT_ABOVE] = ">", [XT_AT_LEAST] = ">=", [XT_BELOW] = "<", [XT_AT_MOST] = "<="};

/* All there are, to `out` (MAX_COLUMNS of them); their number. */
static size_t columns_of(const xt_spec *spec, xt_required_column *out)
{
    const struct { bool given; const char *prefix; } parts[] = {
        {true, ""}, {spec->validation.given, "val_"}, {spec->test.given, "test_"}};
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    size_t n = 0;
    xt_metric_columns(spec, names);
    for (size_t part = 0; part < 3; part++)
        for (int i = -1; parts[part].given && i < (int)spec->n_metrics; i++, n++) {
            out[n].test = part == 2;
            out[n].watched = (xt_watched){part == 1, i};
            snprintf(out[n].name, sizeof out[n].name, "%s%s", parts[part].prefix, i < 0 ? "loss" : names[i]);
        }
    return n;
}

static xt_status fail_column(const char *text, const char *name, const xt_required_column *columns, size_t n,
                             xt_err *err)
{
    xt_nearest nearest = {.typed = name};
    xt_buf list = {0};
    for (size_t i = 0; i < n; i++) {
        xt_nearest_offer(&nearest, columns[i].name);
        xt_buf_printf(&list, "%s%s", i ? ", " : "", columns[i].name);
    }
    xt_status status =
        nearest.name ? xt_fail(err, XT_BAD_USAGE, "--require '%.100s': there is no column '%s'; did you mean %s?",
                               text, name, nearest.name)
                     : xt_fail(err, XT_BAD_USAGE, "--require '%.100s': there is no column '%s'; there are: %s", text,
                               name, xt_buf_text(&list));
    xt_buf_clear(&list);
    return status;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " ");
}

xt_status xt_require_parse(const xt_spec *spec, const char *text, xt_requirement *out, xt_err *err)
{
    xt_required_column columns[MAX_COLUMNS];
    xt_requirement requirement = {.compare = XT_ABOVE};
    char name[64], number[64];
    const char *start = skip_blanks(text), *sign = start + strcspn(start, " <>");
    snprintf(name, sizeof name, "%.*s", (int)(sign - start < 63 ? sign - start : 63), start);
    sign = skip_blanks(sign);
    bool equal = *sign && sign[1] == '=';
    requirement.compare = *sign == '>' ? equal ? XT_AT_LEAST : XT_ABOVE : equal ? XT_AT_MOST : XT_BELOW;
    const char *value = *sign ? skip_blanks(sign + 1 + equal) : sign;
    int n_number = snprintf(number, sizeof number, "%.*s", (int)strcspn(value, " "), value);
    if (!*name || (*sign != '<' && *sign != '>') || n_number >= (int)sizeof number || *skip_blanks(value + n_number) ||
        xt_number_double(number, (size_t)n_number, &requirement.value) != XT_NUMBER_OK)
        return xt_fail(err, XT_BAD_USAGE,
                       "--require '%.100s': expected COLUMN>NUMBER, as 'val_accuracy>0.88', or with >=, < or <=", text);
    size_t n = columns_of(spec, columns);
    for (size_t i = 0; i < n; i++)
        if (strcmp(columns[i].name, name) == 0) {
            requirement.column = columns[i];
            *out = requirement;
            return XT_OK;
        }
    return fail_column(text, name, columns, n, err);
}

static bool holds(xt_compare compare, double value, double bound)
{
    switch (compare) {
    case XT_ABOVE: return value > bound;
    case XT_AT_LEAST: return value >= bound;
    case XT_BELOW: return value < bound;
    case XT_AT_MOST: return value <= bound;
    }
    return false;
}

static bool measured(const xt_required_column *column, const xt_run_row *row, const xt_measured *test, double *value)
{
    if (!column->test)
        return xt_row_value(row, column->watched, value);
    if (test)
        *value = column->watched.metric < 0 ? test->loss : test->metrics[column->watched.metric];
    return test != NULL;
}

xt_status xt_require_check(const xt_requirement *requirements, size_t n, const xt_run_row *row, const xt_measured *test,
                           xt_err *err)
{
    xt_buf list = {0};
    for (size_t i = 0; i < n; i++) {
        const xt_requirement *wanted = &requirements[i];
        char text[XT_NUMBER_BYTES] = "was not measured";
        double value = 0;
        bool known = measured(&wanted->column, row, test, &value);
        if (known && holds(wanted->compare, value, wanted->value))
            continue;
        if (known)
            xt_csv_number(value, text);
        xt_buf_printf(&list, "%srequired %s %s %.9g, but it %s%s", list.len ? "\n" : "", wanted->column.name,
                      signs[wanted->compare], wanted->value, known ? "is " : "", text);
    }
    xt_status status = list.len || list.failed ? xt_fail(err, XT_NOT_MET, "%s", xt_buf_text(&list)) : XT_OK;
    xt_buf_clear(&list);
    return status;
}
