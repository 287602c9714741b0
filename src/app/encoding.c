#include "app/encoding.h"

#include "app/json.h"
#include "base/text.h"
#include "model/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 1 << 20 };

/* ---- what is wrong with one ---- */

static bool is_name(const char *text)
{
    return text && *text && xt_text_is_printable(text);
}

static const char *check_values(const xt_input_column *column)
{
    for (size_t i = 0; i < column->n_values; i++) {
        if (!is_name(column->values[i]))
            return "a value of a column is no printable text";
        if (i && strcmp(column->values[i - 1], column->values[i]) >= 0)
            return "the values of a column are not sorted";
    }
    return NULL;
}

static const char *check_columns(const xt_encoding *e)
{
    size_t at = 0;
    if (!e->n_columns || e->n_columns > XT_MAX_COLUMNS)
        return "there are no columns, or too many";
    for (size_t i = 0; i < e->n_columns; i++) {
        const xt_input_column *column = &e->columns[i];
        if (!is_name(column->name))
            return "a column has no printable name";
        if (column->n_values > MAX_INPUTS - at)
            return "there are too many inputs";
        if (column->at != at)
            return "the columns do not follow one another";
        if (column->has_fill && (column->n_values || !isfinite(column->fill)))
            return "a column is filled with what is no number";
        const char *wrong = check_values(column);
        if (wrong)
            return wrong;
        at += column->n_values ? column->n_values : 1;
    }
    return at == e->n_inputs ? NULL : "there are not as many inputs as the columns make";
}

/* Of columns that are known to be sound. */
static const char *check_scaling(const xt_encoding *e)
{
    if (!e->offset != !e->scale)
        return "there is an offset without a scale, or a scale without an offset";
    for (size_t i = 0; e->offset && i < e->n_inputs; i++)
        if (!isfinite(e->offset[i]) || !isfinite(e->scale[i]) || !(e->scale[i] > 0))
            return "an offset or a scale is out of range";
    for (size_t i = 0; e->offset && i < e->n_columns; i++)
        for (size_t j = 0; j < e->columns[i].n_values; j++)
            if (e->offset[e->columns[i].at + j] != 0 || e->scale[e->columns[i].at + j] != 1)
                return "an encoded column is normalised";
    return NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char no_memory[] = "there are more classes than there is memory for";

static const char *check_classes(const xt_encoding *e)
{
    if (e->n_classes < 2 || e->n_classes > XT_MAX_COLUMNS)
        return "there is one class, or there are too many";
    if (e->n_target_columns != 1 || (e->n_targets != e->n_classes && !(e->n_targets == 1 && e->n_classes == 2)))
        return "the targets do not fit the classes";
    const char **sorted = malloc(e->n_classes * sizeof *sorted), *wrong = NULL;
    if (!sorted)
        return no_memory;
    for (size_t i = 0; !wrong && i < e->n_classes; i++) {
        sorted[i] = e->classes[i];
        wrong = is_name(e->classes[i]) ? NULL : "a class has no printable name";
    }
    if (!wrong)
        qsort(sorted, e->n_classes, sizeof *sorted, compare_texts);
    for (size_t i = 1; !wrong && i < e->n_classes; i++)
        wrong = strcmp(sorted[i - 1], sorted[i]) == 0 ? "two classes have one name" : NULL;
    free(sorted);
    return wrong;
}

static const char *check_targets(const xt_encoding *e)
{
    if (!e->n_target_columns || e->n_target_columns > XT_MAX_COLUMNS)
        return "there are no targets, or too many";
    for (size_t i = 0; i < e->n_target_columns; i++)
        if (!is_name(e->target_names[i]))
            return "a target has no printable name";
    if (e->n_classes)
        return check_classes(e);
    return e->n_targets == e->n_target_columns ? NULL : "there are not as many targets as target columns";
}

static xt_status fail_unsound(const char *name, const char *what, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: the encoding of its columns is not sound: %s", name, what);
}

xt_status xt_encoding_check(const char *name, const xt_encoding *encoding, xt_err *err)
{
    const char *wrong = check_columns(encoding);
    if (!wrong)
        wrong = check_scaling(encoding);
    if (!wrong)
        wrong = check_targets(encoding);
    if (wrong == no_memory)
        return xt_fail_memory(err, name, encoding->n_classes * sizeof *encoding->classes);
    return wrong ? fail_unsound(name, wrong, err) : XT_OK;
}

/* ---- making and comparing ---- */

xt_status xt_encoding_plain(const char *const *inputs, size_t n_inputs, const char *const *targets, size_t n_targets,
                            xt_arena *arena, xt_encoding *out, xt_err *err)
{
    xt_input_column *columns = xt_arena_alloc(arena, n_inputs, sizeof *columns);
    if (!columns)
        return xt_fail_memory(err, "an encoding", n_inputs * sizeof *columns);
    for (size_t i = 0; i < n_inputs; i++)
        columns[i] = (xt_input_column){.name = inputs[i], .at = i};
    *out = (xt_encoding){.n_columns = n_inputs, .columns = columns, .n_inputs = n_inputs,
                         .n_target_columns = n_targets, .target_names = targets, .n_targets = n_targets};
    return XT_OK;
}

static bool same_texts(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
    bool same = n_a == n_b;
    for (size_t i = 0; same && i < n_a; i++)
        same = strcmp(a[i], b[i]) == 0;
    return same;
}

static bool same_numbers(const double *a, const double *b, size_t n)
{
    bool same = !a == !b;
    for (size_t i = 0; same && a && i < n; i++)
        same = a[i] == b[i];
    return same;
}

bool xt_encoding_same(const xt_encoding *a, const xt_encoding *b)
{
    bool same = a->n_columns == b->n_columns && a->n_inputs == b->n_inputs && a->n_targets == b->n_targets &&
                a->classes_are_text == b->classes_are_text;
    for (size_t i = 0; same && i < a->n_columns; i++) {
        const xt_input_column *x = &a->columns[i], *y = &b->columns[i];
        same = strcmp(x->name, y->name) == 0 && same_texts(x->values, x->n_values, y->values, y->n_values) &&
               x->has_fill == y->has_fill && (!x->has_fill || x->fill == y->fill);
    }
    return same && same_numbers(a->offset, b->offset, a->n_inputs) && same_numbers(a->scale, b->scale, a->n_inputs) &&
           same_texts(a->target_names, a->n_target_columns, b->target_names, b->n_target_columns) &&
           same_texts(a->classes, a->n_classes, b->classes, b->n_classes);
}

/* ---- writing ---- */

static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* NULL where one of the n could not be made. */
static json_t *whole(json_t *array, size_t n)
{
    if (json_array_size(array) == n)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *print_texts(const char *const *texts, size_t n)
{
    return whole(xt_json_names(texts, n), n);
}

static json_t *print_numbers(const double *values, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_real(values[i]));
    return whole(array, n);
}

static json_t *print_counts(const size_t *counts, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_integer((json_int_t)counts[i]));
    return whole(array, n);
}

static json_t *print_column(const xt_input_column *column)
{
    json_t *object = json_object();
    bool fine = put(object, "name", json_string(column->name)) &&
                (!column->has_fill || put(object, "fill", json_real(column->fill))) &&
                (!column->n_values || put(object, "values", print_texts(column->values, column->n_values)));
    if (fine)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *print_columns(const xt_encoding *encoding)
{
    json_t *array = json_array();
    for (size_t i = 0; i < encoding->n_columns; i++)
        json_array_append_new(array, print_column(&encoding->columns[i]));
    return whole(array, encoding->n_columns);
}

char *xt_encoding_print(const xt_encoding *e)
{
    json_t *object = json_object();
    bool fine = put(object, "columns", print_columns(e)) &&
                put(object, "targets", print_texts(e->target_names, e->n_target_columns)) &&
                put(object, "n_targets", json_integer((json_int_t)e->n_targets));
    if (e->offset)
        fine = fine && put(object, "offset", print_numbers(e->offset, e->n_inputs)) &&
               put(object, "scale", print_numbers(e->scale, e->n_inputs));
    if (e->n_classes)
        fine = fine && put(object, "classes", print_texts(e->classes, e->n_classes)) &&
               put(object, "class_rows", print_counts(e->class_rows, e->n_classes)) &&
               put(object, "classes_are_text", json_boolean(e->classes_are_text));
    char *text = xt_json_dump(fine ? object : NULL, JSON_COMPACT);
    json_decref(object);
    return text;
}

/* ---- reading ---- */

/* Values of the wrong type and missing ones become what the check refuses. */
typedef struct reader {
    xt_arena *arena;
    const char *wrong; /* the first thing found */
    bool no_memory;
} reader;

static void *make(reader *r, size_t n, size_t bytes)
{
    void *at = xt_arena_alloc(r->arena, n ? n : 1, bytes);
    r->no_memory = r->no_memory || !at;
    return at;
}

static const char *read_text(reader *r, const json_t *value)
{
    const char *text = json_string_value(value), *copy = text ? xt_arena_strdup(r->arena, text) : NULL;
    r->no_memory = r->no_memory || (text && !copy);
    return copy;
}

static const char *const *read_texts(reader *r, const json_t *array, size_t *n)
{
    *n = json_array_size(array);
    const char **texts = make(r, *n, sizeof *texts);
    for (size_t i = 0; texts && i < *n; i++)
        texts[i] = read_text(r, json_array_get(array, i));
    return texts;
}

/* NULL where the object has no such key. */
static const double *read_numbers(reader *r, const json_t *object, const char *key, size_t n)
{
    const json_t *array = json_object_get(object, key);
    if (!array)
        return NULL;
    if (json_array_size(array) != n) {
        r->wrong = "there is not one offset and one scale an input";
        return NULL;
    }
    double *numbers = make(r, n, sizeof *numbers);
    for (size_t i = 0; numbers && i < n; i++) {
        const json_t *value = json_array_get(array, i);
        numbers[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    return numbers;
}

static const size_t *read_counts(reader *r, const json_t *array, size_t n)
{
    size_t *counts = make(r, n, sizeof *counts);
    bool fits = json_array_size(array) == n;
    if (!fits)
        r->wrong = "there is not one number of rows a class";
    for (size_t i = 0; fits && counts && i < n; i++) {
        json_int_t value = json_integer_value(json_array_get(array, i));
        if (!json_is_integer(json_array_get(array, i)) || value < 0)
            r->wrong = "a class has no number of rows";
        counts[i] = value < 0 ? 0 : (size_t)value;
    }
    return counts;
}

static void read_columns(reader *r, const json_t *array, xt_encoding *e)
{
    e->n_columns = json_array_size(array);
    xt_input_column *columns = make(r, e->n_columns, sizeof *columns);
    for (size_t i = 0; columns && i < e->n_columns; i++) {
        const json_t *object = json_array_get(array, i), *fill = json_object_get(object, "fill");
        const json_t *values = json_object_get(object, "values");
        columns[i].name = read_text(r, json_object_get(object, "name"));
        columns[i].has_fill = fill;
        columns[i].fill = json_is_number(fill) ? json_number_value(fill) : (double)NAN;
        columns[i].values = read_texts(r, values, &columns[i].n_values);
        if (values && !columns[i].n_values)
            r->wrong = "a column has no list of values";
        columns[i].at = e->n_inputs;
        e->n_inputs += columns[i].n_values ? columns[i].n_values : 1;
    }
    e->columns = columns;
}

static void read_all(reader *r, const json_t *object, xt_encoding *e)
{
    const json_t *n_targets = json_object_get(object, "n_targets"), *classes = json_object_get(object, "classes");
    read_columns(r, json_object_get(object, "columns"), e);
    e->offset = read_numbers(r, object, "offset", e->n_inputs);
    e->scale = read_numbers(r, object, "scale", e->n_inputs);
    e->target_names = read_texts(r, json_object_get(object, "targets"), &e->n_target_columns);
    if (classes) {
        e->classes = read_texts(r, classes, &e->n_classes);
        e->class_rows = read_counts(r, json_object_get(object, "class_rows"), e->n_classes);
        e->classes_are_text = json_is_true(json_object_get(object, "classes_are_text"));
        if (!e->n_classes || !json_is_boolean(json_object_get(object, "classes_are_text")))
            r->wrong = "its classes are not complete";
    }
    if (json_is_integer(n_targets) && json_integer_value(n_targets) > 0)
        e->n_targets = (size_t)json_integer_value(n_targets);
}

xt_status xt_encoding_parse(const char *name, const char *text, xt_arena *arena, xt_encoding *out, xt_err *err)
{
    xt_encoding encoding = {0};
    reader r = {.arena = arena};
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (xt_json_starved()) {
        json_decref(object);
        return xt_fail_memory(err, name, 0);
    }
    if (!json_is_object(object)) {
        json_decref(object);
        return fail_unsound(name, "it is no JSON object", err);
    }
    read_all(&r, object, &encoding);
    json_decref(object);
    if (r.no_memory)
        return xt_fail_memory(err, name, 0);
    xt_status status = r.wrong ? fail_unsound(name, r.wrong, err) : xt_encoding_check(name, &encoding, err);
    if (!status)
        *out = encoding;
    return status;
}
