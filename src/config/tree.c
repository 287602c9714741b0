#include "config/tree.h"

#include <string.h>

static xt_node *new_node(xt_arena *arena, xt_node_type type, xt_place place)
{
    xt_node *node = xt_arena_alloc(arena, 1, sizeof *node);
    if (!node)
        return NULL;
    node->type = type;
    node->place = place;
    node->n_nodes = 1;
    node->depth = 1;
    return node;
}

static void count_child(xt_node *node, const xt_node *child)
{
    node->n_nodes += child->n_nodes;
    if (child->depth >= node->depth)
        node->depth = child->depth + 1;
}

xt_node *xt_node_scalar(xt_arena *arena, const char *text, xt_scalar_kind kind, xt_place place)
{
    xt_node *node = new_node(arena, XT_NODE_SCALAR, place);
    if (!node)
        return NULL;
    node->text = xt_arena_strdup(arena, text);
    node->kind = kind;
    return node->text ? node : NULL;
}

xt_node *xt_node_list(xt_arena *arena, const xt_node *const *items, size_t n, xt_place place)
{
    xt_node *node = new_node(arena, XT_NODE_LIST, place);
    if (!node)
        return NULL;
    node->items = items;
    node->n = n;
    for (size_t i = 0; i < n; i++)
        count_child(node, items[i]);
    return node;
}

xt_node *xt_node_map(xt_arena *arena, const xt_entry *entries, size_t n, xt_place place)
{
    xt_node *node = new_node(arena, XT_NODE_MAP, place);
    if (!node)
        return NULL;
    node->entries = entries;
    node->n = n;
    for (size_t i = 0; i < n; i++)
        count_child(node, entries[i].value);
    return node;
}

xt_node *xt_node_one(xt_arena *arena, const char *key, const xt_node *value, xt_place place)
{
    xt_entry *entry = xt_arena_alloc(arena, 1, sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (xt_entry){key, place, value};
    return xt_node_map(arena, entry, 1, place);
}

const xt_entry *xt_node_entry(const xt_node *node, const char *key)
{
    for (size_t i = 0; node && node->type == XT_NODE_MAP && i < node->n; i++)
        if (strcmp(node->entries[i].key, key) == 0)
            return &node->entries[i];
    return NULL;
}

const xt_node *xt_node_get(const xt_node *node, const char *key)
{
    const xt_entry *entry = xt_node_entry(node, key);
    return entry ? entry->value : NULL;
}
