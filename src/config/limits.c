/* The type of `stop_when`: columns of loss.csv with values to be beyond. */
#include "config/schema.h"

#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const sides[] = {"below", "above"};

static void complain_side(xt_walk *walk, const xt_entry *entry)
{
    xt_nearest nearest = {.typed = entry->key};
    xt_nearest_offer(&nearest, sides[0]);
    xt_nearest_offer(&nearest, sides[1]);
    size_t before = xt_walk_down(walk, entry->key);
    if (nearest.name)
        xt_complain(walk, entry->place, "unknown key; did you mean %s?", nearest.name);
    else
        xt_complain(walk, entry->place, "unknown key; known here: below, above");
    xt_walk_up(walk, before);
}

static void decode_value(xt_walk *walk, const xt_node *node, double *out)
{
    static const char *const found[] = {"", "list", "mapping"};
    bool scalar = node->type == XT_NODE_SCALAR;
    xt_number_status status = scalar ? xt_number_double(node->text, strlen(node->text), out) : XT_NUMBER_NOT;
    if (!scalar)
        xt_complain(walk, node->place, "expected a number, found a %s", found[node->type]);
    else if (!*node->text)
        xt_complain(walk, node->place, "expected a number, found nothing");
    else if (status || node->quoted)
        xt_complain(walk, node->place, "expected a number, found %s'%.60s'%s",
                    node->quoted ? "the quoted text " : "", node->text,
                    node->quoted ? "; a number has no quotes" : status == XT_NUMBER_HUGE ? ", too large" : "");
}

static void decode_limit(xt_walk *walk, const xt_entry *entry, xt_limit *out)
{
    const xt_node *node = entry->value;
    size_t errors = walk->diags->n_total;
    for (size_t i = 0; node->type == XT_NODE_MAP && i < node->n; i++)
        if (strcmp(node->entries[i].key, sides[0]) != 0 && strcmp(node->entries[i].key, sides[1]) != 0)
            complain_side(walk, &node->entries[i]);
    if (errors != walk->diags->n_total)
        return;
    if (node->type != XT_NODE_MAP || node->n != 1) {
        xt_complain(walk, node->place, "expected either {below: x} or {above: x}%s",
                    node->type == XT_NODE_MAP && node->n == 2 ? ", found both" : "");
        return;
    }
    *out = (xt_limit){.column = entry->key, .above = strcmp(node->entries[0].key, sides[1]) == 0};
    size_t before = xt_walk_down(walk, node->entries[0].key);
    decode_value(walk, node->entries[0].value, &out->value);
    xt_walk_up(walk, before);
}

static void decode_limits(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    if (node->type != XT_NODE_MAP) {
        xt_expected(walk, field, node);
        return;
    }
    if (node->n == 0 || node->n > field->max_items) {
        xt_complain(walk, node->place, "expected 1 to %zu columns, found %zu", field->max_items, node->n);
        return;
    }
    xt_limit *limits = xt_decode_alloc(walk, node->n, sizeof *limits);
    if (!limits)
        return;
    for (size_t i = 0; i < node->n; i++) {
        size_t before = xt_walk_down(walk, node->entries[i].key);
        decode_limit(walk, &node->entries[i], &limits[i]);
        xt_walk_up(walk, before);
    }
    memcpy(at, &limits, sizeof limits);
    *xt_count_at(field, at) = node->n;
}

static const xt_node *encode_value(xt_walk *walk, double value, const xt_node *given)
{
    char text[XT_NUMBER_BYTES];
    xt_number_print_double(value, text);
    return xt_encode_text(walk, text, XT_SCALAR_NUMBER, given);
}

static const xt_node *encode_limits(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const xt_limit *limits;
    size_t n = xt_count_of(field, at);
    memcpy(&limits, at, sizeof limits);
    if (!n || !given)
        return NULL;
    xt_entry *entries = xt_arena_alloc(walk->arena, 2 * n, sizeof *entries);
    walk->failed |= !entries;
    for (size_t i = 0; entries && i < n; i++) {
        const char *side = sides[limits[i].above];
        const xt_node *under = xt_node_get(given, limits[i].column);
        const xt_node *value = encode_value(walk, limits[i].value, xt_node_get(under, side));
        if (!value)
            return NULL;
        entries[n + i] = (xt_entry){side, value->place, value};
        const xt_node *limit = xt_node_map(walk->arena, &entries[n + i], 1, value->place);
        walk->failed |= !limit;
        if (!limit)
            return NULL;
        entries[i] = (xt_entry){limits[i].column, value->place, limit};
    }
    const xt_node *map = entries ? xt_node_map(walk->arena, entries, n, given->place) : NULL;
    walk->failed |= !map;
    return map;
}

static void describe_limits(const xt_field *field, xt_buf *out)
{
    xt_buf_printf(out, "a mapping of 1 to %zu columns, each to {below: x} or {above: x}", field->max_items);
}

const xt_type xt_type_limits = {decode_limits, encode_limits, describe_limits};
