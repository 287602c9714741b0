#include "config/override.h"

#include "base/number.h"

#include <string.h>

/* ---- a tree over a tree ---- */

static bool is_nothing(const xt_node *node)
{
    return node->type == XT_NODE_SCALAR && !node->quoted && !*node->text;
}

/* What a scalar alone is short for. */
static const xt_node *long_form(xt_arena *arena, const xt_field *field, const xt_node *scalar)
{
    const char *key = field && field->short_form ? field->short_form : "type";
    return xt_node_one(arena, key, scalar, scalar->place);
}

/* The field below a mapping's; an element of a list has the list's. */
static const xt_field *field_below(const xt_field *field, const char *key)
{
    return field && field->fields ? xt_field_find(field->fields, key) : NULL;
}

static const xt_kind *kind_of(const xt_field *field, const xt_node *node)
{
    const xt_node *type = xt_node_get(node, "type");
    bool kinds = field && (field->type == &xt_type_kind || field->type == &xt_type_kinds);
    int index = kinds && type && type->type == XT_NODE_SCALAR ? xt_table_find(field->table, type->text) : -1;
    return index < 0 ? NULL : xt_kind_at(field->table, index);
}

/* What the mapping is and what the overlay makes of it; NULL: it stays, or no such kind. */
static void find_kinds(const xt_field *field, const xt_node *base, const xt_node *overlay, const xt_kind **was,
                       const xt_kind **is)
{
    *was = kind_of(field, base);
    *is = kind_of(field, overlay);
}

static bool has_param(const xt_kind *kind, const char *name)
{
    for (const xt_param *param = kind->params; param->name; param++)
        if (strcmp(param->name, name) == 0)
            return true;
    return false;
}

/* A parameter of the old kind that the new one has not. */
static bool is_left_behind(const xt_kind *was, const xt_kind *is, const char *key)
{
    return was && is && has_param(was, key) && !has_param(is, key);
}

const xt_node *xt_merge(xt_arena *arena, const xt_field *field, const xt_node *base, const xt_node *overlay)
{
    const xt_kind *was, *is;
    if (!base || overlay->type != XT_NODE_MAP || base->type == XT_NODE_LIST || is_nothing(base))
        return overlay;
    if (base->type == XT_NODE_SCALAR)
        base = long_form(arena, field, base);
    xt_entry *entries = base ? xt_arena_alloc(arena, base->n + overlay->n, sizeof *entries) : NULL;
    if (!entries)
        return NULL;
    find_kinds(field, base, overlay, &was, &is);
    /* Half a list of values and half a distribution are neither. */
    bool is_whole = field && field->type == &xt_type_parameters;
    size_t n = 0;
    for (size_t i = 0; i < base->n; i++) {
        const xt_entry *under = &base->entries[i], *over = xt_node_entry(overlay, under->key);
        if (!over && is_left_behind(was, is, under->key))
            continue;
        entries[n] = over ? *over : *under;
        if (over && !is_whole)
            entries[n].value = xt_merge(arena, field_below(field, under->key), under->value, over->value);
        if (!entries[n++].value)
            return NULL;
    }
    for (size_t i = 0; i < overlay->n; i++)
        if (!xt_node_entry(base, overlay->entries[i].key))
            entries[n++] = overlay->entries[i];
    return xt_node_map(arena, entries, n, base->place);
}

/* ---- KEY=VALUE ---- */

static const xt_node *in_list(xt_diags *diags, const xt_field *field, const xt_node *list, const char *key,
                              const char *rest, const xt_node *value, xt_place place);

/* field: node's, NULL where the schema knows none. */
static const xt_node *override(xt_diags *diags, const xt_field *field, const xt_node *node, const char *path,
                               const xt_node *value, xt_place place)
{
    size_t n_key = strcspn(path, "."), n = 0;
    const char *rest = path[n_key] ? path + n_key + 1 : NULL;
    char *key = xt_arena_copy(diags->arena, path, n_key);
    if (!key)
        return NULL;
    if (n_key == 0) {
        xt_diag(diags, place, "expected a key such as optimizer.learning_rate before '='");
        return NULL;
    }
    if (node && node->type == XT_NODE_LIST)
        return in_list(diags, field, node, key, rest, value, place);
    const char *name = xt_key_canonical(diags->arena, key);
    if (!name)
        return NULL;
    if (rest)
        value = override(diags, field_below(field, name), xt_node_get(node, name), rest, value, place);
    const xt_node *entry = value ? xt_node_one(diags->arena, name, value, place) : NULL;
    if (!entry || !node)
        return entry;
    if (xt_node_get(node, name)) {
        /* Replaced, not merged: the value below is whole already. */
        const xt_kind *was, *is;
        xt_entry *entries = xt_arena_alloc(diags->arena, node->n, sizeof *entries);
        find_kinds(field, node, entry, &was, &is);
        for (size_t i = 0; entries && i < node->n; i++)
            if (strcmp(node->entries[i].key, name) == 0)
                entries[n++] = entry->entries[0];
            else if (!is_left_behind(was, is, node->entries[i].key))
                entries[n++] = node->entries[i];
        return entries ? xt_node_map(diags->arena, entries, n, node->place) : NULL;
    }
    return xt_merge(diags->arena, field, node, entry);
}

static const xt_node *in_list(xt_diags *diags, const xt_field *field, const xt_node *list, const char *key,
                              const char *rest, const xt_node *value, xt_place place)
{
    uint64_t index;
    if (!list->n) {
        xt_diag(diags, place, "'%.60s' is no element of the list, which is empty", key);
        return NULL;
    }
    if (xt_number_uint(key, &index) != XT_NUMBER_OK || index >= list->n) {
        xt_diag(diags, place, "'%.60s' is no element of the list, which has %zu: give an index from 0 to %zu", key,
                list->n, list->n - 1);
        return NULL;
    }
    if (rest)
        value = override(diags, field, list->items[index], rest, value, place);
    const xt_node **items = xt_arena_alloc(diags->arena, list->n, sizeof *items);
    if (!items || !value)
        return NULL;
    memcpy(items, list->items, list->n * sizeof *items);
    items[index] = value;
    return xt_node_list(diags->arena, items, list->n, list->place);
}

const xt_node *xt_override(xt_diags *diags, const xt_node *root, const char *path, const xt_node *value,
                           xt_place place)
{
    size_t before = diags->n_total;
    const xt_node *node = NULL;
    if (strlen(path) > 200)
        xt_diag(diags, place, "a key of more than 200 characters");
    else
        node = override(diags, &xt_schema_root, root, path, value, place);
    if (!node && diags->n_total == before)
        xt_diag_memory(diags);
    return node;
}
