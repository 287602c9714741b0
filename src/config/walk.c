/* What decoding and encoding share: the path, the messages, fields of a mapping. */
#include "config/schema.h"

#include "base/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t xt_walk_down(xt_walk *walk, const char *key)
{
    size_t before = strlen(walk->path), n = before, length = strlen(key), room;
    /* Every key of every trial of a sweep comes by. */
    if (n && n + 1 < sizeof walk->path)
        walk->path[n++] = '.';
    room = sizeof walk->path - 1 - n;
    memcpy(walk->path + n, key, length < room ? length : room);
    walk->path[n + (length < room ? length : room)] = '\0';
    return before;
}

size_t xt_walk_down_index(xt_walk *walk, size_t index)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    return xt_walk_down(walk, key);
}

void xt_walk_up(xt_walk *walk, size_t before)
{
    walk->path[before] = '\0';
}

void xt_complain(xt_walk *walk, xt_place place, const char *format, ...)
{
    char text[500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    xt_diag(walk->diags, place, "%s%s%s", walk->path, walk->path[0] ? ": " : "", text);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

const char *xt_bool_hint(const char *text)
{
    static const char *const yes[] = {"yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE", "y", "Y", NULL};
    static const char *const no[] = {"no", "No", "NO", "off", "Off", "OFF", "False", "FALSE", "n", "N", NULL};
    return is_one_of(text, yes) ? "; write true" : is_one_of(text, no) ? "; write false" : "";
}

/* What to do about a value that is nearly right, or "". */
static const char *hint(const xt_field *field, const xt_node *node)
{
    float value;
    bool whole = field->type == &xt_type_uint32 || field->type == &xt_type_uint64;
    bool number = whole || field->type == &xt_type_float;
    if (node->type != XT_NODE_SCALAR)
        return "";
    if (field->type == &xt_type_bool || (field->table && xt_table_find(field->table, "true") >= 0))
        return xt_bool_hint(node->text);
    if (number && !whole && xt_number_float(node->text, strlen(node->text), &value) == XT_NUMBER_HUGE)
        return ", too large for single precision";
    return node->quoted && number ? "; a number has no quotes" : "";
}

void xt_expected(xt_walk *walk, const xt_field *field, const xt_node *node)
{
    xt_buf want = {0};
    field->type->describe(field, &want);
    const char *near = NULL;
    if (field->table && node->type == XT_NODE_SCALAR)
        near = xt_table_nearest(field->table, node->text);
    if (node->type == XT_NODE_LIST || node->type == XT_NODE_MAP)
        xt_complain(walk, node->place, "expected %s, found a %s", xt_buf_text(&want),
                    node->type == XT_NODE_LIST ? "list" : "mapping");
    else if (!node->quoted && !*node->text)
        xt_complain(walk, node->place, "expected %s, found nothing", xt_buf_text(&want));
    else
        xt_complain(walk, node->place, "expected %s, found %s'%.60s'%s%s%s", xt_buf_text(&want),
                    node->quoted ? "the quoted text " : "", node->text, hint(field, node),
                    near ? "; did you mean " : "", near ? near : "");
    xt_buf_clear(&want);
}

const xt_field *xt_field_find(const xt_field *fields, const char *name)
{
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

/* Appends the path of a key of this name that stands in another section, or
 * (kinds) of a kind that has such a parameter; false when there is none. */
static bool find_home(const xt_field *fields, const char *path, const char *name, bool kinds, xt_buf *out)
{
    for (const xt_field *field = fields; field->name; field++) {
        xt_buf inner = {0};
        bool found = false;
        /* Its words are those of others: a metric, a name, a seed. */
        if (field->fields == xt_schema_sweep)
            continue;
        xt_buf_printf(&inner, "%s%s%s", path, *path ? "." : "", field->name);
        if (!kinds && *path && strcmp(field->name, name) == 0) {
            xt_buf_puts(out, xt_buf_text(&inner));
            found = true;
        } else if (xt_is_section(field)) {
            found = find_home(field->fields, xt_buf_text(&inner), name, kinds, out);
        }
        for (size_t i = 0; kinds && !found && field->type == &xt_type_kind && i < field->table->n_rows; i++)
            for (const xt_param *param = xt_kind_at(field->table, (int)i)->params; !found && param->name; param++)
                if (strcmp(param->name, name) == 0) {
                    xt_buf_printf(out, "%s.%s", xt_buf_text(&inner), name);
                    found = true;
                }
        xt_buf_clear(&inner);
        if (found)
            return true;
    }
    return false;
}

static void complain_unknown(xt_walk *walk, const xt_field *fields, const xt_entry *entry)
{
    xt_nearest nearest = {.typed = entry->key};
    xt_buf names = {0}, home = {0};
    /* What is only counted is not worth a search: there may be thousands. */
    if (walk->diags->n_shown == XT_MAX_DIAGS) {
        xt_complain(walk, entry->place, "unknown key");
        return;
    }
    for (const xt_field *field = fields; field->name; field++) {
        xt_nearest_offer(&nearest, field->name);
        xt_buf_printf(&names, "%s%s", field == fields ? "" : ", ", field->name);
    }
    /* Words that some kind has for a parameter are many: what is near here comes before them. */
    bool elsewhere = find_home(xt_schema, "", entry->key, false, &home) ||
                     (!nearest.name && find_home(xt_schema, "", entry->key, true, &home));
    size_t before = xt_walk_down(walk, entry->key);
    if (elsewhere)
        xt_complain(walk, entry->place, "unknown key; did you mean %s?", xt_buf_text(&home));
    else if (nearest.name)
        xt_complain(walk, entry->place, "unknown key; did you mean %s?", nearest.name);
    else
        xt_complain(walk, entry->place, "unknown key; known here: %s", xt_buf_text(&names));
    xt_walk_up(walk, before);
    xt_buf_clear(&names);
    xt_buf_clear(&home);
}

/* The default, parsed by the field's own type: a wrong one shows at once. */
static void decode_default(xt_walk *walk, const xt_field *field, void *at)
{
    xt_place nowhere = {.source = XT_NO_SOURCE};
    const xt_node *node = xt_node_scalar(walk->arena, field->def, XT_SCALAR_TEXT, nowhere);
    if (node)
        field->type->decode(walk, field, node, at);
    else
        xt_diag_memory(walk->diags);
}

static void decode_value(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    size_t errors = walk->diags->n_total;
    field->type->decode(walk, field, node, at);
    const char *wrong = field->check && errors == walk->diags->n_total ? field->check(at) : NULL;
    if (wrong)
        xt_complain(walk, node->place, "%s", wrong);
}

void xt_decode_fields(xt_walk *walk, const xt_field *fields, const xt_node *node, xt_place place, void *base)
{
    for (size_t i = 0; node && i < node->n; i++)
        if (!xt_field_find(fields, node->entries[i].key))
            complain_unknown(walk, fields, &node->entries[i]);
    for (const xt_field *field = fields; field->name; field++) {
        const xt_node *value = xt_node_get(node, field->name);
        void *at = (char *)base + field->offset;
        size_t before = xt_walk_down(walk, field->name);
        if (value && field->needs && !xt_node_get(node, field->needs))
            xt_complain(walk, value->place, "means nothing without '%s' beside it", field->needs);
        else if (value)
            decode_value(walk, field, value, at);
        else if (field->required)
            xt_complain(walk, place, "missing: %s", field->help);
        else if (field->def)
            decode_default(walk, field, at);
        else if (field->type == &xt_type_section && !field->optional)
            field->type->decode(walk, field, NULL, at);
        else if (field->type == &xt_type_kind)
            ((xt_choice *)at)->kind = -1;
        else if (field->type == &xt_type_float)
            *(float *)at = field->unset;
        xt_walk_up(walk, before);
    }
}

const xt_node *xt_encode_fields(xt_walk *walk, const xt_field *fields, const void *base, const xt_node *given)
{
    size_t n = 0, n_fields = 0;
    while (fields[n_fields].name)
        n_fields++;
    xt_entry *entries = xt_arena_alloc(walk->arena, n_fields, sizeof *entries);
    for (const xt_field *field = fields; entries && field->name; field++) {
        const xt_node *value = xt_node_get(given, field->name);
        if (field->needs && !xt_node_get(given, field->needs))
            continue;
        const xt_node *node =
            field->type->encode(walk, field, (const char *)base + field->offset, value);
        if (node)
            entries[n++] = (xt_entry){field->name, node->place, node};
    }
    xt_place place = given ? given->place : (xt_place){.source = XT_NO_SOURCE};
    const xt_node *map = entries ? xt_node_map(walk->arena, entries, n, place) : NULL;
    walk->failed |= !map;
    return map && n ? map : NULL;
}

const xt_node *xt_encode_text(xt_walk *walk, const char *text, xt_scalar_kind kind, const xt_node *given)
{
    xt_place place = given ? given->place : (xt_place){.source = XT_NO_SOURCE};
    const xt_node *node = xt_node_scalar(walk->arena, text, kind, place);
    walk->failed |= !node;
    return node;
}

const xt_node *xt_encode_list(xt_walk *walk, const xt_node *const *items, size_t n, const xt_node *given)
{
    xt_place place = given ? given->place : (xt_place){.source = XT_NO_SOURCE};
    for (size_t i = 0; i < n; i++)
        if (!items[i])
            return NULL;
    const xt_node *list = xt_node_list(walk->arena, items, n, place);
    walk->failed |= !list;
    return list;
}

void *xt_decode_alloc(xt_walk *walk, size_t n, size_t bytes)
{
    void *at = xt_arena_alloc(walk->arena, n, bytes);
    if (!at)
        xt_diag_memory(walk->diags);
    return at;
}
