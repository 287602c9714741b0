/* Kinds with parameters: `loss: mse`, `optimizer: {type: sgd, learning_rate: 0.1}`. */
#include "config/schema.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "none, balanced or " */
static void describe_names(const char *const *names, const char *last, xt_buf *out)
{
    for (size_t i = 0; names[i]; i++)
        xt_buf_printf(out, "%s%s", !i ? "" : names[i + 1] || *last ? ", " : " or ", names[i]);
    xt_buf_puts(out, last);
}

void xt_describe_param(const xt_param *param, xt_buf *out)
{
    switch (param->type) {
    case XT_PARAM_NUMBER: xt_range_describe(&param->range, param->whole ? "a whole number" : "a number", out); break;
    case XT_PARAM_BOOL: xt_buf_puts(out, "true or false"); break;
    case XT_PARAM_NAME: describe_names(param->names, "", out); break;
    case XT_PARAM_TEXT: xt_buf_puts(out, "a text"); break;
    case XT_PARAM_LIST:
        if (param->names)
            describe_names(param->names, " or ", out);
        xt_range_describe(&param->range, param->whole ? "a list of whole numbers" : "a list of numbers", out);
    }
}

/* What is counted is not rounded. */
static bool is_whole(const char *text, float value)
{
    double exact;
    return xt_number_double(text, strlen(text), &exact) == XT_NUMBER_OK && exact == (double)value &&
           exact == floor(exact);
}

static bool read_number(const xt_param *param, const xt_node *node, float *out)
{
    float value;
    if (node->type != XT_NODE_SCALAR || node->quoted ||
        xt_number_float(node->text, strlen(node->text), &value) != XT_NUMBER_OK ||
        !xt_range_holds(&param->range, (double)value) || (param->whole && !is_whole(node->text, value)))
        return false;
    *out = value;
    return true;
}

static bool read_name(const char *const *names, const xt_node *node, float *out)
{
    for (size_t i = 0; names && node->type == XT_NODE_SCALAR && names[i]; i++)
        if (strcmp(node->text, names[i]) == 0) {
            *out = (float)i;
            return true;
        }
    return false;
}

static bool read_bool(const xt_node *node, float *out)
{
    static const char *const bools[] = {"false", "true", NULL};
    return !node->quoted && read_name(bools, node, out);
}

/* Whole numbers up to this are all exact. */
static const float MAX_EXACT = 1 << 24;

/* What to do about a scalar that is nearly right, or "". */
static const char *param_hint(const xt_param *param, const xt_node *node)
{
    float value;
    bool quoted = node->quoted, number = param->type == XT_PARAM_NUMBER || param->type == XT_PARAM_LIST;
    if (param->type == XT_PARAM_BOOL)
        return xt_bool_hint(node->text);
    xt_number_status status = xt_number_float(node->text, strlen(node->text), &value);
    if (!number || (param->type == XT_PARAM_LIST && status == XT_NUMBER_NOT))
        return "";
    if (quoted)
        return "; a number has no quotes";
    if (param->whole && status == XT_NUMBER_OK && fabsf(value) >= MAX_EXACT && !is_whole(node->text, value))
        return ", which single precision would round";
    return status == XT_NUMBER_HUGE ? ", too large for single precision" : "";
}

/* want: what was expected. */
static void complain_value(xt_walk *walk, const xt_param *param, const xt_node *node, const char *want)
{
    xt_nearest nearest = {.typed = node->text};
    for (size_t i = 0; node->type == XT_NODE_SCALAR && param->names && param->names[i]; i++)
        xt_nearest_offer(&nearest, param->names[i]);
    if (node->type != XT_NODE_SCALAR)
        xt_complain(walk, node->place, "expected %s, found a %s", want,
                    node->type == XT_NODE_LIST ? "list" : "mapping");
    else if (!*node->text)
        xt_complain(walk, node->place, "expected %s, found nothing", want);
    else
        xt_complain(walk, node->place, "expected %s, found %s'%.60s'%s%s%s", want,
                    node->quoted ? "the quoted text " : "", node->text, param_hint(param, node),
                    nearest.name ? "; did you mean " : "", nearest.name ? nearest.name : "");
}

static void expected_param(xt_walk *walk, const xt_param *param, const xt_node *node)
{
    xt_buf want = {0};
    xt_describe_param(param, &want);
    complain_value(walk, param, node, xt_buf_text(&want));
    xt_buf_clear(&want);
}

static void decode_list(xt_walk *walk, const xt_param *param, const xt_node *node, float *value, xt_choice *out)
{
    if (node->n == 0 || node->n > XT_MAX_COLUMNS) {
        xt_complain(walk, node->place, "expected 1 to %d numbers, found %zu", XT_MAX_COLUMNS, node->n);
        return;
    }
    float *list = xt_decode_alloc(walk, node->n, sizeof *list);
    xt_param one = *param;
    one.type = XT_PARAM_NUMBER;
    one.names = NULL;
    for (size_t i = 0; list && i < node->n; i++) {
        size_t before = xt_walk_down_index(walk, i);
        if (!read_number(&one, node->items[i], &list[i]))
            expected_param(walk, &one, node->items[i]);
        xt_walk_up(walk, before);
    }
    *value = XT_LISTED;
    out->list = list;
    out->n_list = list ? node->n : 0;
}

static void decode_param(xt_walk *walk, const xt_param *param, const xt_node *node, float *value, xt_choice *out)
{
    bool fine = false;
    switch (param->type) {
    case XT_PARAM_NUMBER: fine = read_number(param, node, value); break;
    case XT_PARAM_BOOL: fine = read_bool(node, value); break;
    case XT_PARAM_NAME: fine = read_name(param->names, node, value); break;
    case XT_PARAM_LIST:
        if (node->type == XT_NODE_LIST) {
            decode_list(walk, param, node, value, out);
            return;
        }
        fine = read_name(param->names, node, value);
        break;
    case XT_PARAM_TEXT:
        fine = node->type == XT_NODE_SCALAR && *node->text;
        out->text = fine ? node->text : NULL;
    }
    if (!fine)
        expected_param(walk, param, node);
}

static int find_param(const xt_kind *kind, const char *name)
{
    for (int i = 0; kind->params[i].name; i++)
        if (strcmp(kind->params[i].name, name) == 0)
            return i;
    return -1;
}

static void complain_param(xt_walk *walk, const xt_kind *kind, const xt_entry *entry)
{
    xt_buf names = {0};
    xt_nearest nearest = {.typed = entry->key};
    for (const xt_param *param = kind->params; param->name; param++) {
        xt_buf_printf(&names, "%s%s", param == kind->params ? "" : ", ", param->name);
        xt_nearest_offer(&nearest, param->name);
    }
    size_t before = xt_walk_down(walk, entry->key);
    if (nearest.name)
        xt_complain(walk, entry->place, "unknown key; did you mean %s?", nearest.name);
    else if (kind->params[0].name)
        xt_complain(walk, entry->place, "%s has no such parameter; it has %s", kind->row.name, xt_buf_text(&names));
    else
        xt_complain(walk, entry->place, "%s has no parameters", kind->row.name);
    xt_walk_up(walk, before);
    xt_buf_clear(&names);
}

/* Where the kind was named: the scalar itself, or its `type`. */
static const xt_node *name_of(const xt_node *node)
{
    return node->type == XT_NODE_MAP ? xt_node_get(node, "type") : node;
}

static void decode_params(xt_walk *walk, const xt_kind *kind, const xt_node *node, xt_choice *out)
{

    for (size_t i = 0; node->type == XT_NODE_MAP && i < node->n; i++) {
        const xt_entry *entry = &node->entries[i];
        int index = find_param(kind, entry->key);
        if (strcmp(entry->key, "type") == 0)
            continue;
        if (index < 0) {
            complain_param(walk, kind, entry);
            continue;
        }
        size_t before = xt_walk_down(walk, entry->key);
        decode_param(walk, &kind->params[index], entry->value, &out->values[index], out);
        xt_walk_up(walk, before);
    }
    for (const xt_param *param = kind->params; param->name; param++)
        if (param->required && !xt_node_get(node, param->name))
            xt_complain(walk, node->place, "%s needs %s: write {type: %s, %s: ...}", kind->row.name, param->name,
                        kind->row.name, param->name);
}

void xt_decode_kind(xt_walk *walk, const xt_field *field, const xt_node *node, xt_choice *out)
{
    const xt_node *name = name_of(node);
    if (node->type == XT_NODE_MAP && !name) {
        xt_complain(walk, node->place, "missing key 'type': expected a mapping such as {type: %s, ...}",
                    xt_table_at(field->table, 0)->name);
        return;
    }
    int index = name->type == XT_NODE_SCALAR ? xt_table_find(field->table, name->text) : -1;
    if (index < 0) {
        if (field->optional_kind && name == node && node->type == XT_NODE_SCALAR && strcmp(node->text, "auto") == 0)
            out->kind = -1;
        else
            xt_expected(walk, field, name);
        return;
    }
    const xt_kind *kind = xt_kind_at(field->table, index);
    size_t errors = walk->diags->n_total;
    *out = xt_choose(field->table, kind->row.name);
    decode_params(walk, kind, node, out);
    const char *wrong = kind->check && errors == walk->diags->n_total ? kind->check(out->values) : NULL;
    if (wrong)
        xt_complain(walk, node->place, "%s", wrong);
}

static const xt_node *encode_number(xt_walk *walk, const xt_param *param, float value, const xt_node *given)
{
    char text[64];
    if (param->whole)
        snprintf(text, sizeof text, "%.0f", (double)value);
    else
        xt_number_print(value, text);
    return xt_encode_text(walk, text, XT_SCALAR_NUMBER, given);
}

static const xt_node *encode_list(xt_walk *walk, const xt_param *param, const xt_choice *choice,
                                  const xt_node *given)
{
    const xt_node **items = xt_arena_alloc(walk->arena, choice->n_list, sizeof *items);
    walk->failed |= !items;
    for (size_t i = 0; items && i < choice->n_list; i++)
        items[i] = encode_number(walk, param, choice->list[i], given);
    return items ? xt_encode_list(walk, items, choice->n_list, given) : NULL;
}

static const xt_node *encode_param(xt_walk *walk, const xt_param *param, float value, const xt_choice *choice,
                                   const xt_node *given)
{
    switch (param->type) {
    case XT_PARAM_BOOL: return xt_encode_text(walk, value != 0 ? "true" : "false", XT_SCALAR_BOOL, given);
    case XT_PARAM_TEXT: return choice->text ? xt_encode_text(walk, choice->text, XT_SCALAR_TEXT, given) : NULL;
    case XT_PARAM_LIST:
        if (choice->list)
            return encode_list(walk, param, choice, given);
        return param->names ? xt_encode_text(walk, param->names[(size_t)value], XT_SCALAR_TEXT, given) : NULL;
    case XT_PARAM_NAME: return xt_encode_text(walk, param->names[(size_t)value], XT_SCALAR_TEXT, given);
    case XT_PARAM_NUMBER: break;
    }
    return encode_number(walk, param, value, given);
}

const xt_node *xt_encode_kind(xt_walk *walk, const xt_field *field, const xt_choice *choice, const xt_node *given)
{
    if (choice->kind < 0)
        return field->def ? xt_encode_text(walk, "auto", XT_SCALAR_TEXT, given) : NULL;
    const xt_kind *kind = xt_kind_at(field->table, choice->kind);
    const xt_node *name = xt_encode_text(walk, kind->row.name, XT_SCALAR_TEXT, given ? name_of(given) : NULL);
    if (!kind->params[0].name || !name)
        return name;
    xt_entry *entries = xt_arena_alloc(walk->arena, XT_MAX_PARAMS + 1, sizeof *entries);
    walk->failed |= !entries;
    if (!entries)
        return NULL;
    size_t n = 0;
    entries[n++] = (xt_entry){"type", name->place, name};
    for (size_t i = 0; kind->params[i].name; i++) {
        const xt_param *param = &kind->params[i];
        const xt_node *node = encode_param(walk, param, choice->values[i], choice, xt_node_get(given, param->name));
        if (node)
            entries[n++] = (xt_entry){param->name, node->place, node};
    }
    xt_node *map = xt_node_map(walk->arena, entries, n, name->place);
    walk->failed |= !map;
    return map;
}

static void decode_kind(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    xt_decode_kind(walk, field, node, at);
}

static const xt_node *encode_kind(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    return xt_encode_kind(walk, field, at, given);
}

static void describe_kind(const xt_field *field, xt_buf *out)
{
    xt_buf_puts(out, field->optional_kind && field->def ? "auto or one of " : "one of ");
    xt_table_names(field->table, out);
}

const xt_type xt_type_kind = {decode_kind, encode_kind, describe_kind};

/* ---- lists of kinds ---- */

static void decode_kinds(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    bool list = node->type == XT_NODE_LIST;
    size_t n = list ? node->n : 1;
    if (!list && node->type == XT_NODE_SCALAR && !*node->text) {
        xt_expected(walk, field, node);
        return;
    }
    if (n > field->max_items) {
        xt_complain(walk, node->place, "expected at most %zu of them, found %zu", field->max_items, n);
        return;
    }
    /* An element is one of the names, not a list of them. */
    xt_field one = *field;
    one.type = &xt_type_kind;
    xt_choice *choices = xt_decode_alloc(walk, n, sizeof *choices);
    if (!choices)
        return;
    for (size_t i = 0; i < n; i++) {
        size_t before = strlen(walk->path);
        if (list)
            xt_walk_down_index(walk, i);
        xt_decode_kind(walk, &one, list ? node->items[i] : node, &choices[i]);
        xt_walk_up(walk, before);
    }
    memcpy(at, &choices, sizeof choices);
    *xt_count_at(field, at) = n;
}

static const xt_node *encode_kinds(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const xt_choice *choices;
    size_t n = xt_count_of(field, at);
    memcpy(&choices, at, sizeof choices);
    const xt_node **items = xt_arena_alloc(walk->arena, n, sizeof *items);
    walk->failed |= !items;
    if (!items || !n)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const xt_node *item = given && given->type == XT_NODE_LIST && i < given->n ? given->items[i] : given;
        items[i] = xt_encode_kind(walk, field, &choices[i], item);
    }
    return xt_encode_list(walk, items, n, given);
}

static void describe_kinds(const xt_field *field, xt_buf *out)
{
    xt_buf_printf(out, "a list of up to %zu of ", field->max_items);
    xt_table_names(field->table, out);
}

const xt_type xt_type_kinds = {decode_kinds, encode_kinds, describe_kinds};
