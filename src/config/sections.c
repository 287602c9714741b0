/* The types that hold other values: sections, lists of sections, columns, rows. */
#include "config/schema.h"

#include "base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- sections ---- */

static void decode_section(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    if (node && node->type != XT_NODE_MAP) {
        xt_expected(walk, field, node);
        return;
    }
    size_t errors = walk->diags->n_total;
    xt_place place = node ? node->place : (xt_place){.source = XT_NO_SOURCE};
    xt_decode_fields(walk, field->fields, node, place, at);
    if (field->finish && errors == walk->diags->n_total)
        field->finish(walk, node, at);
}

static const xt_node *encode_section(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    return field->optional && !given ? NULL : xt_encode_fields(walk, field->fields, at, given);
}

static void describe_section(const xt_field *field, xt_buf *out)
{
    xt_buf_puts(out, "a mapping of ");
    for (const xt_field *inner = field->fields; inner->name; inner++)
        xt_buf_printf(out, "%s%s", inner == field->fields ? "" : ", ", inner->name);
}

const xt_type xt_type_section = {decode_section, encode_section, describe_section};

static void decode_sections(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    if (node->type != XT_NODE_LIST) {
        xt_expected(walk, field, node);
        return;
    }
    if (node->n == 0 || node->n > field->max_items) {
        xt_complain(walk, node->place, "expected 1 to %zu of them, found %zu", field->max_items, node->n);
        return;
    }
    char *items = xt_decode_alloc(walk, node->n, field->item_bytes);
    if (!items)
        return;
    for (size_t i = 0; i < node->n; i++) {
        size_t before = xt_walk_down_index(walk, i);
        if (node->items[i]->type == XT_NODE_MAP)
            xt_decode_fields(walk, field->fields, node->items[i], node->items[i]->place, items + i * field->item_bytes);
        else
            xt_complain(walk, node->items[i]->place, "expected a mapping such as {units: 16, activation: relu}");
        xt_walk_up(walk, before);
    }
    memcpy(at, &items, sizeof items);
    *xt_count_at(field, at) = node->n;
}

static const xt_node *encode_sections(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const char *items;
    size_t n = xt_count_of(field, at);
    memcpy(&items, at, sizeof items);
    const xt_node **nodes = xt_arena_alloc(walk->arena, n, sizeof *nodes);
    walk->failed |= !nodes;
    if (!nodes)
        return NULL;
    for (size_t i = 0; i < n; i++)
        nodes[i] = xt_encode_fields(walk, field->fields, items + i * field->item_bytes,
                                    given && i < given->n ? given->items[i] : NULL);
    return xt_encode_list(walk, nodes, n, given);
}

static void describe_sections(const xt_field *field, xt_buf *out)
{
    xt_buf_printf(out, "a list of 1 to %zu mappings of ", field->max_items);
    for (const xt_field *inner = field->fields; inner->name; inner++)
        xt_buf_printf(out, "%s%s", inner == field->fields ? "" : ", ", inner->name);
}

const xt_type xt_type_sections = {decode_sections, encode_sections, describe_sections};

/* ---- columns ---- */

static bool decode_column(const xt_node *node, xt_column *out)
{
    uint64_t index;
    if (node->type != XT_NODE_SCALAR || !*node->text)
        return false;
    if (!node->quoted && xt_number_uint(node->text, &index) == XT_NUMBER_OK) {
        if (index >= XT_MAX_COLUMNS)
            return false;
        *out = (xt_column){NULL, (uint32_t)index};
        return true;
    }
    *out = (xt_column){node->text, 0};
    return true;
}

static void describe_columns(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a list of columns, by name or by index from 0");
}

static void decode_columns(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    bool list = node->type == XT_NODE_LIST;
    size_t n = list ? node->n : 1;
    xt_column *columns = xt_decode_alloc(walk, n, sizeof *columns);
    if (!columns)
        return;
    for (size_t i = 0; i < n; i++) {
        const xt_node *item = list ? node->items[i] : node;
        if (!decode_column(item, &columns[i])) {
            xt_expected(walk, field, item);
            return;
        }
    }
    *(xt_columns *)at = (xt_columns){columns, n};
}

static const xt_node *encode_column(xt_walk *walk, const xt_node *node)
{
    xt_column column;
    char index[32];
    if (!decode_column(node, &column))
        return NULL;
    snprintf(index, sizeof index, "%" PRIu32, column.index);
    return xt_encode_text(walk, column.name ? column.name : index, column.name ? XT_SCALAR_TEXT : XT_SCALAR_NUMBER, node);
}

/* A number in its shortest form. */
static const xt_node *encode_cell(xt_walk *walk, const xt_node *node)
{
    char text[32];
    float value;
    if (xt_number_float(node->text, strlen(node->text), &value) != XT_NUMBER_OK)
        return NULL;
    xt_number_print(value, text);
    return xt_encode_text(walk, text, XT_SCALAR_NUMBER, node);
}

/* Lists as they were written. */
static const xt_node *encode_lists(xt_walk *walk, const xt_node *node,
                                   const xt_node *(*encode)(xt_walk *walk, const xt_node *scalar))
{
    if (node->type == XT_NODE_SCALAR)
        return encode(walk, node);
    const xt_node **items = xt_arena_alloc(walk->arena, node->n, sizeof *items);
    walk->failed |= !items;
    for (size_t i = 0; items && i < node->n; i++)
        items[i] = encode_lists(walk, node->items[i], encode);
    return items ? xt_encode_list(walk, items, node->n, node) : NULL;
}

static const xt_node *encode_columns(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)field;
    (void)at;
    return given ? encode_lists(walk, given, encode_column) : NULL;
}

const xt_type xt_type_columns = {decode_columns, encode_columns, describe_columns};

/* ---- values: what they are depends on `file` beside them ---- */

static void decode_values(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    if (node->type == XT_NODE_MAP)
        xt_expected(walk, field, node);
    else
        ((xt_values *)at)->node = node;
}

static const xt_node *encode_values(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)field;
    return given ? encode_lists(walk, given, ((const xt_values *)at)->columns ? encode_column : encode_cell) : NULL;
}

static void describe_values(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "columns of `file`, by name or by index from 0; without `file`, rows of numbers");
}

const xt_type xt_type_values = {decode_values, encode_values, describe_values};

void xt_values_columns(xt_walk *walk, const xt_values *values, xt_columns *out)
{
    static const xt_field field = {.type = &xt_type_columns};
    decode_columns(walk, &field, values->node, out);
}

/* false after a complaint. */
static bool decode_cell(xt_walk *walk, const xt_node *cell, float *out)
{
    if (cell->type != XT_NODE_SCALAR) {
        xt_complain(walk, cell->place, "expected a number, found a %s", cell->type == XT_NODE_LIST ? "list" : "mapping");
        return false;
    }
    xt_number_status status = xt_number_float(cell->text, strlen(cell->text), out);
    if (cell->quoted)
        xt_complain(walk, cell->place, "expected a number, found the quoted text '%.60s'%s", cell->text,
                    status == XT_NUMBER_NOT ? "; names of columns need `file`" : "; a number has no quotes");
    else if (status == XT_NUMBER_HUGE)
        xt_complain(walk, cell->place, "'%.60s' is too large for single precision", cell->text);
    else if (status && !*cell->text)
        xt_complain(walk, cell->place, "expected a number, found nothing");
    else if (status)
        xt_complain(walk, cell->place, "expected a number, found '%.60s'; names of columns need `file`", cell->text);
    return !status && !cell->quoted;
}

/* One row: a number stands for a row of one. false after a complaint. */
static bool decode_row(xt_walk *walk, const xt_node *row, size_t n_columns, float *out)
{
    size_t n = row->type == XT_NODE_LIST ? row->n : 1;
    if (row->type == XT_NODE_MAP) {
        xt_complain(walk, row->place, "expected a list of numbers, found a mapping");
        return false;
    }
    if (n != n_columns) {
        xt_complain(walk, row->place, "expected %zu value%s as in the first row, found %zu", n_columns,
                    n_columns == 1 ? "" : "s", n);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!decode_cell(walk, row->type == XT_NODE_LIST ? row->items[i] : row, &out[i]))
            return false;
    return true;
}

void xt_values_rows(xt_walk *walk, const xt_values *values, size_t *n_rows, size_t *n_columns, const float **out)
{
    const xt_node *node = values->node;
    if (node->type != XT_NODE_LIST || node->n == 0) {
        xt_complain(walk, node->place, "expected rows of numbers such as [[0, 1], [1, 0]]; names of columns need `file`");
        return;
    }
    size_t n = node->items[0]->type == XT_NODE_LIST ? node->items[0]->n : 1;
    if (n == 0) {
        xt_complain(walk, node->items[0]->place, "expected at least one number in a row");
        return;
    }
    if (n > XT_MAX_COLUMNS) {
        xt_complain(walk, node->items[0]->place, "more than %d numbers in a row", XT_MAX_COLUMNS);
        return;
    }
    float *rows = xt_decode_alloc(walk, node->n, n * sizeof *rows);
    bool fine = rows != NULL;
    for (size_t i = 0; rows && i < node->n; i++) {
        size_t before = xt_walk_down_index(walk, i);
        fine &= decode_row(walk, node->items[i], n, rows + i * n);
        xt_walk_up(walk, before);
    }
    if (!fine)
        return;
    *n_rows = node->n;
    *n_columns = n;
    *out = rows;
}
