/* tree.h: a configuration before it means anything: scalars, lists, mappings.
 *
 * Trees are made by yaml.c, by --set and by the encoder of schema.c; nodes are
 * shared and never changed once made, so a YAML alias costs nothing. All
 * memory is the arena's. Functions that allocate return NULL without memory. */
#ifndef XT_CONFIG_TREE_H
#define XT_CONFIG_TREE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

#define XT_NO_SOURCE UINT32_MAX

/* Where something was written. A source without lines (--set) has line 0; what
 * nobody wrote, a default, has XT_NO_SOURCE. */
typedef struct xt_place {
    uint32_t source;
    uint32_t line, column; /* from 1, columns in characters */
} xt_place;

typedef enum xt_node_type { XT_NODE_SCALAR, XT_NODE_LIST, XT_NODE_MAP } xt_node_type;
/* What a scalar is, for printing. The parser says text of everything. */
typedef enum xt_scalar_kind { XT_SCALAR_TEXT, XT_SCALAR_NUMBER, XT_SCALAR_BOOL } xt_scalar_kind;

typedef struct xt_node xt_node;
typedef struct xt_entry {
    const char *key;
    xt_place place; /* of the key */
    const xt_node *value;
} xt_entry;

struct xt_node {
    xt_node_type type;
    xt_scalar_kind kind;
    bool quoted; /* scalar: in quotes, or a block scalar */
    const char *text;            /* scalar; never holds a NUL */
    size_t n;                    /* items or entries */
    const xt_node *const *items; /* list */
    const xt_entry *entries;     /* mapping; every key once */
    xt_place place;
    size_t n_nodes; /* in this tree, shared ones counted each time */
    unsigned depth; /* of this tree; a scalar has 1 */
};

xt_node *xt_node_scalar(xt_arena *arena, const char *text, xt_scalar_kind kind, xt_place place);
/* items and entries are taken over as they are; they must live in the arena. */
xt_node *xt_node_list(xt_arena *arena, const xt_node *const *items, size_t n, xt_place place);
xt_node *xt_node_map(xt_arena *arena, const xt_entry *entries, size_t n, xt_place place);

/* A mapping of one entry, placed like its key. */
xt_node *xt_node_one(xt_arena *arena, const char *key, const xt_node *value, xt_place place);

/* A key with its value, and the value of it, or NULL. node may be NULL or no mapping. */
const xt_entry *xt_node_entry(const xt_node *node, const char *key);
const xt_node *xt_node_get(const xt_node *node, const char *key);

#endif
