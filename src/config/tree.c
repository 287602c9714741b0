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

static const xt_entry *find(const xt_node *node, const char *key)
{
    for (size_t i = 0; i < node->n; i++)
        if (strcmp(node->entries[i].key, key) == 0)
            return &node->entries[i];
    return NULL;
}

const xt_node *xt_node_get(const xt_node *node, const char *key)
{
    const xt_entry *entry = node && node->type == XT_NODE_MAP ? find(node, key) : NULL;
    return entry ? entry->value : NULL;
}

static bool is_nothing(const xt_node *node)
{
    return node->type == XT_NODE_SCALAR && !node->quoted && !*node->text;
}

/* {type: scalar} for a scalar. */
static const xt_node *long_form(xt_arena *arena, const xt_node *scalar)
{
    xt_entry *entry = xt_arena_alloc(arena, 1, sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (xt_entry){"type", scalar->place, scalar};
    return xt_node_map(arena, entry, 1, scalar->place);
}

/* {type: adam} over {type: sgd, momentum: 0.9}: sgd's parameters are not adam's. */
static bool is_another_kind(const xt_node *base, const xt_node *overlay)
{
    const xt_node *was = xt_node_get(base, "type"), *is = xt_node_get(overlay, "type");
    return was && is && was->type == XT_NODE_SCALAR && is->type == XT_NODE_SCALAR && strcmp(was->text, is->text) != 0;
}

const xt_node *xt_node_merge(xt_arena *arena, const xt_node *base, const xt_node *overlay)
{
    if (!base || overlay->type != XT_NODE_MAP || base->type == XT_NODE_LIST || is_nothing(base))
        return overlay;
    if (base->type == XT_NODE_SCALAR) {
        base = long_form(arena, base);
        if (!base)
            return NULL;
    }
    if (is_another_kind(base, overlay))
        return overlay;
    xt_entry *entries = xt_arena_alloc(arena, base->n + overlay->n, sizeof *entries);
    if (!entries)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < base->n; i++) {
        const xt_entry *over = find(overlay, base->entries[i].key);
        entries[n] = over ? *over : base->entries[i];
        if (over)
            entries[n].value = xt_node_merge(arena, base->entries[i].value, over->value);
        if (!entries[n++].value)
            return NULL;
    }
    for (size_t i = 0; i < overlay->n; i++)
        if (!find(base, overlay->entries[i].key))
            entries[n++] = overlay->entries[i];
    return xt_node_map(arena, entries, n, base->place);
}
