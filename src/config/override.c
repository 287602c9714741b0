#include "config/override.h"

#include "base/number.h"
#include "config/schema.h"

#include <string.h>

/* A mapping of one entry, to be merged. */
static const xt_node *one_entry(xt_diags *diags, const char *key, const xt_node *value, xt_place place)
{
    xt_entry *entry = xt_arena_alloc(diags->arena, 1, sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (xt_entry){key, place, value};
    return xt_node_map(diags->arena, entry, 1, place);
}

static const xt_node *in_list(xt_diags *diags, const xt_node *list, const char *key, const char *rest,
                              const xt_node *value, xt_place place);

static const xt_node *override(xt_diags *diags, const xt_node *node, const char *path, const xt_node *value,
                               xt_place place)
{
    size_t n = strcspn(path, ".");
    const char *rest = path[n] ? path + n + 1 : NULL;
    char *key = xt_arena_copy(diags->arena, path, n);
    if (!key)
        return NULL;
    if (n == 0) {
        xt_diag(diags, place, "expected a key such as optimizer.learning_rate before '='");
        return NULL;
    }
    if (node && node->type == XT_NODE_LIST)
        return in_list(diags, node, key, rest, value, place);
    const char *name = xt_key_canonical(key);
    if (rest)
        value = override(diags, xt_node_get(node, name), rest, value, place);
    const xt_node *entry = value ? one_entry(diags, name, value, place) : NULL;
    if (!entry || !node)
        return entry;
    if (xt_node_get(node, name) && node->type == XT_NODE_MAP) {
        /* Replaced, not merged: the value below is whole already. */
        xt_entry *entries = xt_arena_alloc(diags->arena, node->n, sizeof *entries);
        for (size_t i = 0; entries && i < node->n; i++)
            entries[i] = strcmp(node->entries[i].key, name) == 0 ? entry->entries[0] : node->entries[i];
        return entries ? xt_node_map(diags->arena, entries, node->n, node->place) : NULL;
    }
    return xt_node_merge(diags->arena, node, entry);
}

static const xt_node *in_list(xt_diags *diags, const xt_node *list, const char *key, const char *rest,
                              const xt_node *value, xt_place place)
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
        value = override(diags, list->items[index], rest, value, place);
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
        node = override(diags, root, path, value, place);
    if (!node && diags->n_total == before)
        xt_diag(diags, place, "out of memory");
    return node;
}
