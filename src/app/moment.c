#include "app/moment.h"

#include "app/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

/* A number to the bit: as JSON where JSON has it, else as text. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *numbers(const double *values, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, number(values[i]));
    return array;
}

static json_t *row_of(const xt_run_row *row, size_t n_metrics)
{
    if (!row->epoch)
        return json_null();
    json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:o}", "epoch", count(row->epoch), "step", count(row->train.step),
                               "learning_rate", number((double)row->train.learning_rate), "loss",
                               number(row->train.loss), "metrics", numbers(row->train.metrics, n_metrics));
    if (object && row->validated) {
        json_object_set_new(object, "val_loss", number(row->validation.loss));
        json_object_set_new(object, "val_metrics", numbers(row->validation.metrics, n_metrics));
    }
    return object;
}

/* What names the circumstances under which bits are the same. */
static json_t *engine_of(const xt_engine_facts *facts)
{
    json_t *object = json_pack("{s:s, s:o, s:o, s:o}", "name", facts->engine, "device", xt_json_text(facts->device),
                               "platform", xt_json_text(facts->platform), "driver", xt_json_text(facts->driver));
    if (*facts->products)
        json_object_set_new(object, "products", xt_json_text(facts->products));
    return object;
}

xt_status xt_moment_print(const xt_moment *moment, const xt_circumstances *now, xt_buf *out, xt_err *err)
{
    const xt_control *control = &moment->control;
    const xt_plateau *plateau = &control->plateau;
    size_t n_metrics = control->spec->n_metrics;
    json_t *root = json_pack(
        "{s:o, s:o, s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:{s:o, s:s}, s:o, s:s, s:{s:o, s:o, s:o}, s:o}",
        "epoch", count(moment->epoch), "seconds", number(moment->seconds),
        "watched", "best", number(control->best), "best_epoch", count(control->best_epoch), "waited",
        count(control->waited),
        "plateau", "best", number(plateau->best), "waited", count(plateau->waited), "cooling", count(plateau->cooling),
        "factor", number(plateau->factor),
        "last", row_of(&moment->last, n_metrics), "best", row_of(&moment->best, n_metrics),
        "loss_csv", "first", count(moment->csv_first), "xxh3_128", moment->loss_hash,
        "resumed", count(moment->resumed), "changes", moment->changes,
        "data", "train", xt_json_rows(now->train), "validation", xt_json_rows(now->validation), "test", xt_json_rows(now->test),
        "engine", engine_of(now->facts));
    char *text = xt_json_dump(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(root);
    if (!text)
        return xt_fail_memory(err, "a checkpoint", 0);
    xt_buf_puts(out, text);
    free(text);
    return out->failed ? xt_fail_memory(err, "a checkpoint", out->len) : XT_OK;
}

/* ---- reading ---- */

/* What was not there, or was something else, sets *bad. */

static double number_of(const json_t *value, bool *bad)
{
    const char *text = json_string_value(value);
    if (json_is_number(value))
        return json_number_value(value);
    if (text && strcmp(text, "nan") == 0)
        return (double)NAN;
    if (text && strcmp(text, "inf") == 0)
        return HUGE_VAL;
    if (text && strcmp(text, "-inf") == 0)
        return -HUGE_VAL;
    *bad = true;
    return 0;
}

static double read_number(const json_t *object, const char *key, bool *bad)
{
    return number_of(json_object_get(object, key), bad);
}

static uint64_t read_count(const json_t *object, const char *key, uint64_t max, bool *bad)
{
    const json_t *value = json_object_get(object, key);
    json_int_t n = json_integer_value(value);
    if (json_is_integer(value) && n >= 0 && (uint64_t)n <= max)
        return (uint64_t)n;
    *bad = true;
    return 0;
}

static const char *read_text(const json_t *object, const char *key, size_t n_bytes, bool *bad)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text && strlen(text) < n_bytes)
        return text;
    *bad = true;
    return "";
}

static void read_numbers(const json_t *object, const char *key, double *values, size_t n, bool *bad)
{
    const json_t *array = json_object_get(object, key);
    *bad |= json_array_size(array) != n;
    for (size_t i = 0; i < n && !*bad; i++)
        values[i] = number_of(json_array_get(array, i), bad);
}

static xt_run_row read_row(const json_t *object, size_t n_metrics, bool *bad)
{
    xt_run_row row = {.epoch = (uint32_t)read_count(object, "epoch", UINT32_MAX, bad)};
    row.train.step = read_count(object, "step", INT64_MAX, bad);
    row.train.learning_rate = (float)read_number(object, "learning_rate", bad);
    row.train.loss = read_number(object, "loss", bad);
    read_numbers(object, "metrics", row.train.metrics, n_metrics, bad);
    row.validated = json_object_get(object, "val_loss");
    if (row.validated) {
        row.validation.loss = read_number(object, "val_loss", bad);
        read_numbers(object, "val_metrics", row.validation.metrics, n_metrics, bad);
    }
    return row;
}

static void read_watched(const json_t *watched, const json_t *plateau, xt_control *control, bool *bad)
{
    control->best = read_number(watched, "best", bad);
    control->best_epoch = (uint32_t)read_count(watched, "best_epoch", UINT32_MAX, bad);
    control->waited = (uint32_t)read_count(watched, "waited", UINT32_MAX, bad);
    control->plateau.best = read_number(plateau, "best", bad);
    control->plateau.waited = (uint32_t)read_count(plateau, "waited", UINT32_MAX, bad);
    control->plateau.cooling = (uint32_t)read_count(plateau, "cooling", UINT32_MAX, bad);
    control->plateau.factor = read_number(plateau, "factor", bad);
    *bad |= !(control->plateau.factor >= 0 && control->plateau.factor <= 1);
}

static void read_all(const json_t *root, xt_moment *m, bool *bad)
{
    size_t n_metrics = m->control.spec->n_metrics;
    const json_t *csv = json_object_get(root, "loss_csv"), *last = json_object_get(root, "last");
    const json_t *best = json_object_get(root, "best");
    m->epoch = (uint32_t)read_count(root, "epoch", UINT32_MAX - 1, bad);
    m->seconds = read_number(root, "seconds", bad);
    read_watched(json_object_get(root, "watched"), json_object_get(root, "plateau"), &m->control, bad);
    if (m->epoch)
        m->last = read_row(last, n_metrics, bad);
    if (!json_is_null(best))
        m->best = read_row(best, n_metrics, bad);
    m->csv_first = (uint32_t)read_count(csv, "first", UINT32_MAX, bad);
    m->resumed = (uint32_t)read_count(root, "resumed", UINT32_MAX - 1, bad);
    strcpy(m->loss_hash, read_text(csv, "xxh3_128", XT_HASH_BYTES, bad));
    strcpy(m->changes, read_text(root, "changes", XT_CHANGES_BYTES, bad));
    *bad |= m->last.epoch != m->epoch || m->best.epoch > m->epoch || m->control.best_epoch > m->epoch ||
            !isfinite(m->seconds) || m->csv_first < 1 || m->csv_first > m->epoch + 1;
}

/* ---- what it holds true for ---- */

void xt_engine_differences(const json_t *saved, const xt_engine_facts *now, xt_buf *out)
{
    const struct { const char *key, *now; } facts_now[] = {
        {"name", now->engine}, {"device", now->device}, {"platform", now->platform}, {"driver", now->driver},
        {"products", now->products}};
    for (size_t i = 0; i < sizeof facts_now / sizeof facts_now[0]; i++) {
        const char *was = json_string_value(json_object_get(saved, facts_now[i].key));
        if (strcmp(was ? was : "", facts_now[i].now) != 0)
            xt_buf_printf(out, "%s %s, was %s\n", i ? facts_now[i].key : "engine",
                          *facts_now[i].now ? facts_now[i].now : "none", was && *was ? was : "none");
    }
}

xt_status xt_moment_parse(const char *name, const char *text, const xt_spec *spec, const xt_circumstances *now,
                          xt_moment *out, xt_buf *data, xt_buf *engine, xt_err *err)
{
    xt_moment moment = {0};
    xt_status status = xt_control_init(&moment.control, spec, err);
    if (status)
        return status;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *parts = json_object_get(root, "data");
    bool bad = !json_is_object(root);
    read_all(root, &moment, &bad);
    bad |= !xt_json_same_rows("train", json_object_get(parts, "train"), now->train, data);
    bad |= !xt_json_same_rows("validation", json_object_get(parts, "validation"), now->validation, data);
    bad |= !xt_json_same_rows("test", json_object_get(parts, "test"), now->test, data);
    xt_engine_differences(json_object_get(root, "engine"), now->facts, engine);
    json_decref(root);
    if (xt_json_starved())
        return xt_fail_memory(err, name, strlen(text));
    if (bad)
        return xt_fail(err, XT_BAD_DATA, "%s: its progress is not that of a training", name);
    xt_control_look_back(&moment.control, &moment.last);
    *out = moment;
    return XT_OK;
}
