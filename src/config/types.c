/* The types of single values. */
#include "config/schema.h"

#include "base/file.h"
#include "base/number.h"
#include "base/request.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A scalar that is not empty, else NULL after saying what was expected. */
static const char *scalar(xt_walk *walk, const xt_field *field, const xt_node *node)
{
    if (node->type == XT_NODE_SCALAR && (*node->text || node->quoted))
        return node->text;
    xt_expected(walk, field, node);
    return NULL;
}

static const xt_node *encode_string(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)field;
    const char *text;
    memcpy(&text, at, sizeof text);
    return text ? xt_encode_text(walk, text, XT_SCALAR_TEXT, given) : NULL;
}

static void keep_string(xt_walk *walk, const char *text, void *at)
{
    const char *copy = xt_arena_strdup(walk->arena, text);
    if (!copy)
        xt_diag_memory(walk->diags);
    memcpy(at, &copy, sizeof copy);
}

/* ---- name ---- */

static bool is_file_name(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 100 && xt_text_is_printable(text) && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static void decode_name(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    const char *text = scalar(walk, field, node);
    if (text && is_file_name(text))
        keep_string(walk, text, at);
    else if (text)
        xt_expected(walk, field, node);
}

static void describe_name(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a name of 1 to 100 characters without '/'");
}

const xt_type xt_type_name_text = {decode_name, encode_string, describe_name};

/* ---- output path with placeholders ---- */

static const char *const placeholders[] = {"{name}", "{seed}", "{hash}", "{trial}", NULL};

static bool is_placeholder(const char *text, size_t n_bytes)
{
    for (const char *const *at = placeholders; *at; at++)
        if (strlen(*at) == n_bytes && strncmp(text, *at, n_bytes) == 0)
            return true;
    return false;
}

/* The first {word} that is no placeholder, to out; false when there is none. */
static bool bad_placeholder(const char *text, char *out, size_t n_bytes)
{
    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        const char *end = strchr(at, '}');
        size_t n = end ? (size_t)(end - at) + 1 : strlen(at);
        if (is_placeholder(at, n))
            continue;
        snprintf(out, n_bytes, "%.*s", (int)(n < 40 ? n : 40), at);
        return true;
    }
    return false;
}

static void decode_template(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    char bad[64];
    const char *text = scalar(walk, field, node);
    if (!text)
        return;
    if (!*text || strlen(text) > 1000 || !xt_text_is_printable(text))
        xt_complain(walk, node->place, "expected a path of 1 to 1000 printable characters");
    else if (bad_placeholder(text, bad, sizeof bad))
        xt_complain(walk, node->place, "'%s' is no placeholder; there are {name}, {seed}, {hash} and {trial}", bad);
    else
        keep_string(walk, text, at);
}

static void describe_template(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a path, in which {name}, {seed}, {hash} and {trial} may stand");
}

const xt_type xt_type_template = {decode_template, encode_string, describe_template};

/* ---- input path ---- */

static void decode_path(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    const char *text = scalar(walk, field, node);
    if (!text)
        return;
    if (!*text || strlen(text) > PATH_MAX || !xt_text_is_printable(text)) {
        xt_expected(walk, field, node);
        return;
    }
    const xt_source_text *source =
        node->place.source == XT_NO_SOURCE ? NULL : &walk->diags->sources[node->place.source];
    xt_buf path = {0};
    xt_path_beside(source && source->is_file && strcmp(text, "-") != 0 ? source->name : NULL, text, &path);
    if (path.failed)
        xt_diag_memory(walk->diags);
    else
        keep_string(walk, path.data, at);
    xt_buf_clear(&path);
}

/* Absolute, so that the printed configuration means the same wherever it is kept. */
static const xt_node *encode_path(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const char *path;
    memcpy(&path, at, sizeof path);
    if (!path)
        return NULL;
    if (strcmp(path, "-") == 0)
        return xt_encode_text(walk, path, XT_SCALAR_TEXT, given);
    char *whole = realpath(path, NULL), *here = NULL;
    xt_buf joined = {0};
    walk->failed |= !whole && errno == ENOMEM;
    if (!whole && path[0] != '/') {
        here = getcwd(NULL, 0);
        walk->failed |= !here && errno == ENOMEM;
    }
    xt_buf_printf(&joined, "%s%s%s", here ? here : "", here ? "/" : "", path);
    walk->failed |= joined.failed;
    const char *absolute = whole ? whole : xt_buf_text(&joined);
    if (!xt_text_is_utf8(absolute))
        xt_complain(walk, given->place, "%s: %s is not UTF-8, which config.yaml and run.json must be", field->name,
                    absolute);
    const xt_node *node = xt_encode_text(walk, absolute, XT_SCALAR_TEXT, given);
    xt_buf_clear(&joined);
    free(whole);
    free(here);
    return node;
}

static void describe_path(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "the path of a file, from the directory of the config that names it, or - for standard input");
}

const xt_type xt_type_path = {decode_path, encode_path, describe_path};

/* ---- device ---- */

static void decode_device(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    unsigned platform, device;
    const char *text = scalar(walk, field, node);
    if (text && strlen(text) < 200 && xt_text_is_printable(text) && xt_request_ok(text, &platform, &device))
        keep_string(walk, text, at);
    else if (text)
        xt_expected(walk, field, node);
}

static void describe_device(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, xt_request_forms);
}

const xt_type xt_type_device = {decode_device, encode_string, describe_device};

/* ---- texts ---- */

static void decode_text(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    const char *text = scalar(walk, field, node);
    if (text && *text)
        keep_string(walk, text, at);
    else if (text)
        xt_expected(walk, field, node);
}

static void describe_text(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a text");
}

const xt_type xt_type_text = {decode_text, encode_string, describe_text};

static int by_text(const void *a, const void *b)
{
    const xt_node *const *x = a, *const *y = b;
    xt_place p = (*x)->place, q = (*y)->place;
    int order = strcmp((*x)->text, (*y)->text);
    if (order)
        return order;
    return p.line != q.line ? (p.line > q.line) - (p.line < q.line) : (p.column > q.column) - (p.column < q.column);
}

/* Complains of every text that stands there before. */
static void complain_twice(xt_walk *walk, const xt_node *node)
{
    const xt_node **sorted = xt_decode_alloc(walk, node->n, sizeof *sorted);
    if (!sorted)
        return;
    memcpy(sorted, node->items, node->n * sizeof *sorted);
    qsort(sorted, node->n, sizeof *sorted, by_text);
    for (size_t i = 1; i < node->n; i++)
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
            xt_complain(walk, sorted[i]->place, "'%.60s' is there twice", sorted[i]->text);
}

static void decode_texts(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    size_t errors = walk->diags->n_total;
    if (node->type != XT_NODE_LIST) {
        xt_expected(walk, field, node);
        return;
    }
    if (node->n < 2 || node->n > field->max_items) {
        xt_complain(walk, node->place, "expected 2 to %zu of them, found %zu", field->max_items, node->n);
        return;
    }
    const char **texts = xt_decode_alloc(walk, node->n, sizeof *texts);
    if (!texts)
        return;
    for (size_t i = 0; i < node->n; i++) {
        size_t before = xt_walk_down_index(walk, i);
        xt_field one = {.type = &xt_type_text};
        decode_text(walk, &one, node->items[i], &texts[i]);
        xt_walk_up(walk, before);
    }
    if (errors == walk->diags->n_total)
        complain_twice(walk, node);
    memcpy(at, &texts, sizeof texts);
    *xt_count_at(field, at) = node->n;
}

static const xt_node *encode_texts(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const char *const *texts;
    size_t n = xt_count_of(field, at);
    memcpy(&texts, at, sizeof texts);
    if (!n)
        return NULL;
    const xt_node **items = xt_arena_alloc(walk->arena, n, sizeof *items);
    walk->failed |= !items;
    for (size_t i = 0; items && i < n; i++)
        items[i] = xt_encode_text(walk, texts[i], XT_SCALAR_TEXT, given && i < given->n ? given->items[i] : NULL);
    return items ? xt_encode_list(walk, items, n, given) : NULL;
}

static void describe_texts(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a list of at least 2 texts, each of them once");
}

const xt_type xt_type_texts = {decode_texts, encode_texts, describe_texts};

/* ---- bool ---- */

static void decode_bool(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    bool is_true = node->type == XT_NODE_SCALAR && !node->quoted && strcmp(node->text, "true") == 0;
    bool is_false = node->type == XT_NODE_SCALAR && !node->quoted && strcmp(node->text, "false") == 0;
    if (is_true || is_false)
        *(bool *)at = is_true;
    else
        xt_expected(walk, field, node);
}

static const xt_node *encode_bool(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)field;
    return xt_encode_text(walk, *(const bool *)at ? "true" : "false", XT_SCALAR_BOOL, given);
}

static void describe_bool(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "true or false");
}

const xt_type xt_type_bool = {decode_bool, encode_bool, describe_bool};

/* ---- whole numbers ---- */

static bool has_auto(const xt_field *field)
{
    return field->def && strcmp(field->def, "auto") == 0;
}

static bool decode_whole(xt_walk *walk, const xt_field *field, const xt_node *node, uint64_t least, uint64_t *out)
{
    const char *text = scalar(walk, field, node);
    if (!text)
        return false;
    if (!node->quoted && xt_number_uint(text, out) == XT_NUMBER_OK && *out >= least &&
        (field->range.max <= 0 || (double)*out <= field->range.max))
        return true;
    xt_expected(walk, field, node);
    return false;
}

static void decode_uint32(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    uint64_t value = 0;
    if (has_auto(field) && node->type == XT_NODE_SCALAR && strcmp(node->text, "auto") == 0)
        *(uint32_t *)at = 0;
    else if (decode_whole(walk, field, node, has_auto(field) ? 1 : (uint64_t)field->range.min, &value))
        *(uint32_t *)at = (uint32_t)value;
}

static const xt_node *encode_whole(xt_walk *walk, uint64_t value, const xt_node *given)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return xt_encode_text(walk, text, XT_SCALAR_NUMBER, given);
}

/* A number that has no default is printed where it was written. */
static bool is_unset(const xt_field *field, const xt_node *given)
{
    return !field->def && !given;
}

static const xt_node *encode_uint32(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    uint32_t value = *(const uint32_t *)at;
    if (is_unset(field, given))
        return NULL;
    if (has_auto(field) && value == 0)
        return xt_encode_text(walk, "auto", XT_SCALAR_TEXT, given);
    return encode_whole(walk, value, given);
}

static void describe_uint32(const xt_field *field, xt_buf *out)
{
    xt_range range = field->range;
    if (has_auto(field)) {
        xt_buf_puts(out, "auto or ");
        range.min = 1;
    }
    xt_range_describe(&range, "a whole number", out);
}

const xt_type xt_type_uint32 = {decode_uint32, encode_uint32, describe_uint32};

static void decode_uint64(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    uint64_t value;
    if (!decode_whole(walk, field, node, 0, &value))
        return;
    if (value > INT64_MAX)
        xt_expected(walk, field, node);
    else
        *(uint64_t *)at = value;
}

static const xt_node *encode_uint64(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    return is_unset(field, given) ? NULL : encode_whole(walk, *(const uint64_t *)at, given);
}

static void describe_uint64(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a whole number from 0 to 9223372036854775807");
}

const xt_type xt_type_uint64 = {decode_uint64, encode_uint64, describe_uint64};

/* ---- numbers ---- */

static void decode_float(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    float value;
    const char *text = scalar(walk, field, node);
    if (text && !node->quoted && xt_number_float(text, strlen(text), &value) == XT_NUMBER_OK &&
        xt_range_holds(&field->range, (double)value))
        *(float *)at = value;
    else if (text)
        xt_expected(walk, field, node);
}

static const xt_node *encode_float(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    char text[32];
    if (is_unset(field, given))
        return NULL;
    xt_number_print(*(const float *)at, text);
    return xt_encode_text(walk, text, XT_SCALAR_NUMBER, given);
}

static void describe_float(const xt_field *field, xt_buf *out)
{
    xt_range_describe(&field->range, "a number", out);
}

const xt_type xt_type_float = {decode_float, encode_float, describe_float};

/* ---- one character ---- */

static void decode_character(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    const char *text = scalar(walk, field, node);
    if (text && strlen(text) == 1 && (unsigned char)*text < 0x7f && !strchr("\"\r\n", *text))
        *(char *)at = *text;
    else if (text)
        xt_expected(walk, field, node);
}

static const xt_node *encode_character(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)field;
    const char text[2] = {*(const char *)at, '\0'};
    return *text ? xt_encode_text(walk, text, XT_SCALAR_TEXT, given) : NULL;
}

static void describe_character(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "one ASCII character, such as ';' or \"\\t\"");
}

const xt_type xt_type_character = {decode_character, encode_character, describe_character};

/* ---- names of a table ---- */

static void decode_names(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    const char *text = scalar(walk, field, node);
    int index = text ? xt_table_find(field->table, text) : -1;
    if (index >= 0)
        *(unsigned *)at = (unsigned)index;
    else if (text)
        xt_expected(walk, field, node);
}

static const xt_node *encode_names(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    return xt_encode_text(walk, xt_table_at(field->table, *(const unsigned *)at)->name, XT_SCALAR_TEXT, given);
}

static void describe_names(const xt_field *field, xt_buf *out)
{
    xt_buf_puts(out, field->table->n_rows > 2 ? "one of " : "");
    for (size_t i = 0; i < field->table->n_rows; i++)
        xt_buf_printf(out, "%s%s", !i ? "" : i + 1 == field->table->n_rows ? " or " : ", ",
                      xt_table_at(field->table, i)->name);
}

const xt_type xt_type_names = {decode_names, encode_names, describe_names};
