#include "app/recorded.h"

#include "app/json.h"
#include "app/loss_csv.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- run.json ---- */

/* A configuration of at most 1 MiB, and what is around it. */
enum { MAX_BYTES = 16 << 20 };

static const char *text_of(const json_t *root, const char *key)
{
    return json_string_value(json_object_get(root, key));
}

/* Of a record that somebody has laid out anew. */
static bool dump_config(const json_t *root, xt_buf *out)
{
    char *text = json_dumps(json_object_get(root, "config"), JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (text)
        xt_buf_puts(out, text);
    free(text);
    return text;
}

/* The text of the config, which is the last member: parsed and printed again numbers would lose digits. */
static bool take_config(const xt_buf *file, const json_t *root, xt_buf *out)
{
    static const char key[] = "\n  \"config\": ";
    const char *found = NULL;
    for (const char *at = xt_buf_text(file); (at = strstr(at, key)); at++)
        found = at;
    if (!found)
        return dump_config(root, out);
    json_error_t error;
    const char *text = found + sizeof key - 1;
    json_t *config = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    bool same = config && json_equal(config, json_object_get(root, "config"));
    json_decref(config);
    if (same)
        xt_buf_add(out, text, (size_t)error.position);
    return same || dump_config(root, out);
}

static xt_status check(const char *path, const json_t *root, const xt_recorded *r, xt_err *err)
{
    const json_t *changes = json_object_get(root, "changed_when_resumed");
    const char *change = json_string_value(json_array_get(changes, 0));
    if (strcmp(r->status, "running") == 0 || strcmp(r->status, "failed") == 0)
        return xt_fail(err, XT_BAD_DATA, "%s: its status is '%s': there is no result to compare with", path, r->status);
    if (!r->epochs && strcmp(r->status, "finished") != 0)
        return xt_fail(err, XT_BAD_DATA, "%s: it was %s before the first epoch: there is no result to compare with", path,
                       r->status);
    if (json_array_size(changes))
        return xt_fail(err, XT_BAD_DATA, "%s: cannot be trained again in one run: it was resumed with other settings, %s",
                       path, change ? change : "which it does not tell");
    if (!r->loss_hash)
        return xt_fail(err, XT_BAD_DATA, "%s: has no checksum of the loss column: its loss.csv does not begin with epoch 1",
                       path);
    return XT_OK;
}

static xt_status read_root(const char *path, const xt_buf *file, const json_t *root, xt_recorded *r, xt_err *err)
{
    const json_t *epochs = json_object_get(root, "epochs");
    r->version = text_of(root, "xortrain");
    r->status = text_of(root, "status");
    r->engine = text_of(json_object_get(root, "engine"), "name");
    r->loss_hash = text_of(root, "loss_column_xxh3_128");
    r->weights_hash = text_of(root, "weights_xxh3_128");
    if (!r->version || !r->status || !r->engine || !json_is_integer(epochs) || json_integer_value(epochs) < 0 ||
        json_integer_value(epochs) > UINT32_MAX || !take_config(file, root, &r->config))
        return xt_fail(err, XT_BAD_DATA, "%s: not the run.json of a run of xortrain", path);
    if (r->config.failed)
        return xt_fail_memory(err, path, file->len);
    r->epochs = (uint32_t)json_integer_value(epochs);
    return check(path, root, r, err);
}

xt_status xt_recorded_open(const char *path, xt_recorded *out, xt_err *err)
{
    xt_recorded recorded = {0};
    xt_buf file = {0};
    json_error_t error;
    json_t *root = NULL;
    xt_status status = xt_file_read(path, MAX_BYTES, XT_BAD_DATA, &file, err);
    if (!status) {
        root = json_loadb(xt_buf_text(&file), file.len, JSON_REJECT_DUPLICATES, &error);
        recorded.inside = root;
        status = json_is_object(root) ? read_root(path, &file, root, &recorded, err)
                 : root               ? xt_fail(err, XT_BAD_DATA, "%s: not the run.json of a run of xortrain", path)
                                      : xt_fail(err, XT_BAD_DATA, "%s:%d:%d: not JSON: %s", path, error.line,
                                                error.column, error.text);
    }
    if (xt_json_starved())
        status = xt_fail_memory(err, path, file.len);
    xt_buf_clear(&file);
    if (status)
        xt_recorded_close(&recorded);
    else
        *out = recorded;
    return status;
}

void xt_recorded_close(xt_recorded *recorded)
{
    json_decref(recorded->inside);
    xt_buf_clear(&recorded->config);
    *recorded = (xt_recorded){0};
}

xt_status xt_recorded_compare(const xt_recorded *recorded, const char *path, const xt_circumstances *now, xt_buf *data,
                              xt_buf *engine, xt_err *err)
{
    const json_t *root = recorded->inside, *rows = json_object_get(root, "data");
    bool fine = xt_json_same_rows("train", rows, now->train, data) &&
                xt_json_same_rows("validation", json_object_get(rows, "validation"), now->validation, data) &&
                xt_json_same_rows("test", json_object_get(rows, "test"), now->test, data);
    if (!fine)
        return xt_fail(err, XT_BAD_DATA, "%s: does not say what its data were", path);
    xt_engine_differences(json_object_get(root, "engine"), now->facts, engine);
    return XT_OK;
}

/* ---- loss.csv ---- */

struct xt_recorded_rows {
    xt_lines lines;
    const xt_spec *spec;
    xt_buf name;
    uint32_t n_rows;
    xt_err difference; /* the first one */
};

/* The next line without its LF; *line NULL at the end, also where the last one is torn. */
static xt_status next_line(xt_recorded_rows *rows, const char **line, xt_err *err)
{
    size_t n;
    xt_status status = xt_lines_next(&rows->lines, line, &n, err);
    if (status)
        return status;
    if (!n || (*line)[n - 1] != '\n')
        *line = NULL;
    else
        rows->lines.block[*line - rows->lines.block + (ptrdiff_t)n - 1] = '\0';
    return XT_OK;
}

static xt_status check_header(xt_recorded_rows *rows, xt_err *err)
{
    xt_buf header = {0};
    xt_csv_header(rows->spec, &header);
    if (header.failed) {
        xt_buf_clear(&header);
        return xt_fail_memory(err, "the CSV header", 0);
    }
    const char *line = NULL;
    xt_status status = next_line(rows, &line, err);
    bool same = line && strlen(line) + 1 == header.len && strncmp(line, header.data, header.len - 1) == 0;
    xt_buf_clear(&header);
    if (status || same)
        return status;
    return xt_fail(err, XT_BAD_DATA, "%s:1: its columns are not those of the run", xt_buf_text(&rows->name));
}

xt_status xt_recorded_rows_open(const char *record, const xt_spec *spec, xt_recorded_rows **out, xt_err *err)
{
    xt_recorded_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return xt_fail_memory(err, "loss.csv", sizeof *rows);
    rows->spec = spec;
    rows->lines.fd = -1;
    xt_path_beside(record, "loss.csv", &rows->name);
    if (rows->name.failed) {
        xt_recorded_rows_close(&rows);
        return xt_fail_memory(err, "loss.csv", 0);
    }
    rows->lines.name = rows->name.data;
    rows->lines.fd = open(rows->name.data, O_RDONLY | O_CLOEXEC);
    bool found = rows->lines.fd >= 0;
    xt_status status = found             ? check_header(rows, err)
                       : errno == ENOENT ? XT_OK
                                         : xt_fail_errno(err, "cannot open %s", rows->name.data);
    if (status || !found)
        xt_recorded_rows_close(&rows);
    if (!status)
        *out = rows;
    return status;
}

void xt_recorded_rows_close(xt_recorded_rows **rows)
{
    if (!*rows)
        return;
    if ((*rows)->lines.fd >= 0)
        close((*rows)->lines.fd);
    xt_buf_clear(&(*rows)->name);
    free(*rows);
    *rows = NULL;
}

/* The name of a row's cell, from 0. */
static void name_column(const xt_recorded_rows *rows, size_t column, char *out, size_t n_bytes)
{
    xt_buf header = {0};
    xt_csv_header(rows->spec, &header);
    const char *at = xt_buf_text(&header);
    for (; column; column--)
        at = strchr(at, ',') + 1;
    snprintf(out, n_bytes, "%.*s", (int)strcspn(at, ",\n"), at);
    xt_buf_clear(&header);
}

static xt_status differs(const xt_recorded_rows *rows, size_t column, const char *now, size_t n, const char *was,
                         size_t m, xt_err *err)
{
    char name[XT_COLUMN_BYTES + 8];
    name_column(rows, column, name, sizeof name);
    return xt_fail(err, XT_DIFFERS, "epoch %u: %s is %.*s, and %.*s in %s:%u", rows->n_rows, name,
                   n ? (int)n : 5, n ? now : "empty", m > 40 ? 40 : m ? (int)m : 5, m ? was : "empty",
                   xt_buf_text(&rows->name), rows->n_rows + 1);
}

/* Not by strcspn: strict sanitisers have it read all rows that follow, each time. */
static size_t cell_bytes(const char *at)
{
    const char *end = at;
    while (*end && *end != ',' && *end != '\n')
        end++;
    return (size_t)(end - at);
}

/* Cell by cell; the last one is the seconds. */
static xt_status compare_row(const xt_recorded_rows *rows, const char *now, const char *was, xt_err *err)
{
    for (size_t column = 0;; column++) {
        size_t n = cell_bytes(now), m = cell_bytes(was);
        bool ends = now[n] != ',', was_ends = !was[m];
        if (ends && was_ends)
            return XT_OK;
        if (!ends && (n != m || memcmp(now, was, n) != 0))
            return differs(rows, column, now, n, was, m, err);
        if (ends || was_ends)
            return xt_fail(err, XT_DIFFERS, "epoch %u: has %s columns in %s:%u", rows->n_rows, ends ? "more" : "fewer",
                           xt_buf_text(&rows->name), rows->n_rows + 1);
        now += n + 1;
        was += m + 1;
    }
}

xt_status xt_recorded_rows_compare(xt_recorded_rows *rows, const char *text, size_t n_bytes, xt_err *err)
{
    xt_err *first = &rows->difference;
    for (const char *end = text + n_bytes; !first->status && text < end; text = strchr(text, '\n') + 1) {
        const char *was = NULL;
        rows->n_rows++;
        if (next_line(rows, &was, first))
            break;
        if (was)
            compare_row(rows, text, was, first);
        else
            xt_fail(first, XT_DIFFERS, "epoch %u: is not in %s, which ends before it", rows->n_rows,
                    xt_buf_text(&rows->name));
    }
    return first->status ? xt_fail(err, first->status, "%s", first->text) : XT_OK;
}

xt_status xt_recorded_rows_end(xt_recorded_rows *rows, xt_err *err)
{
    const char *line;
    size_t n;
    xt_status status = xt_lines_next(&rows->lines, &line, &n, err);
    if (status || !n)
        return status;
    return xt_fail(err, XT_DIFFERS, "%s:%u: goes on after epoch %u, the last one", xt_buf_text(&rows->name),
                   rows->n_rows + 2, rows->n_rows);
}
