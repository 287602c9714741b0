#include "config/yaml.h"

#include "config/schema.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { MAX_ANCHORS = 1000 };

typedef struct parser {
    yaml_parser_t yaml;
    xt_diags *diags;
    xt_arena *arena;
    const char *text;
    size_t n_bytes;
    xt_place place;     /* of all of it where it has no lines */
    bool has_lines;
    size_t n_nodes; /* made so far, aliases counted as what they stand for */
    size_t n_anchors;
    struct {
        const char *name;
        const xt_node *node; /* NULL while it is still open */
    } anchors[MAX_ANCHORS];
} parser;

static xt_place place_at(const parser *p, yaml_mark_t mark)
{
    xt_place place = p->place;
    /* The value of a --set has no lines worth naming. */
    if (p->has_lines) {
        place.line = (uint32_t)mark.line + 1;
        place.column = (uint32_t)mark.column + 1;
    }
    return place;
}

static const xt_node *fail(parser *p, yaml_mark_t mark, const char *text)
{
    xt_diag(p->diags, place_at(p, mark), "%s", text);
    return NULL;
}

static const xt_node *fail_memory(parser *p)
{
    xt_diag_memory(p->diags);
    return NULL;
}

/* The next event; false after an error, which is then told. */
static bool next(parser *p, yaml_event_t *event)
{
    if (yaml_parser_parse(&p->yaml, event))
        return true;
    if (p->yaml.error == YAML_MEMORY_ERROR)
        return fail_memory(p) != NULL;
    yaml_mark_t mark = p->yaml.problem_mark;
    if (p->yaml.error == YAML_READER_ERROR) {
        /* The reader knows an offset in bytes only. */
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < p->yaml.problem_offset && i < p->n_bytes; i++) {
            mark.column += (p->text[i] & 0xC0) != 0x80; /* a character's first byte */
            if (p->text[i] == '\n') {
                mark.line++;
                mark.column = 0;
            }
        }
    }
    xt_diag(p->diags, place_at(p, mark), "not valid YAML: %s%s%s", p->yaml.context ? p->yaml.context : "",
            p->yaml.context ? ": " : "", p->yaml.problem);
    return false;
}

static const xt_node *parse_node(parser *p, yaml_event_t *event, unsigned depth);

/* Takes the node into account. NULL goes through. */
static const xt_node *counted(parser *p, const xt_node *node, yaml_mark_t mark)
{
    if (!node)
        return fail_memory(p);
    p->n_nodes++;
    if (p->n_nodes > XT_MAX_NODES)
        return fail(p, mark, "too large: more than 1048576 values, aliases counted as what they stand for");
    return node;
}

static const xt_node *parse_scalar(parser *p, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (memchr(text, '\0', event->data.scalar.length))
        return fail(p, event->start_mark, "a NUL character in a value");
    xt_node *node = xt_node_scalar(p->arena, text, XT_SCALAR_TEXT, place_at(p, event->start_mark));
    if (node)
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return counted(p, node, event->start_mark);
}

static const xt_node *parse_alias(parser *p, const yaml_event_t *event, unsigned depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    const xt_node *node = NULL;
    /* The latest of that name, as YAML has it. */
    for (size_t i = p->n_anchors; !node && i-- > 0;)
        if (strcmp(p->anchors[i].name, name) == 0) {
            node = p->anchors[i].node;
            if (!node)
                return fail(p, event->start_mark, "an alias inside the value that it stands for");
        }
    if (!node)
        return fail(p, event->start_mark, "an alias to an anchor that is not defined before it");
    if (depth + node->depth - 1 > XT_MAX_DEPTH)
        return fail(p, event->start_mark, "nested deeper than 64 levels");
    p->n_nodes += node->n_nodes - 1;
    return counted(p, node, event->start_mark);
}

/* Children are gathered in a list that doubles in the arena. */
typedef struct gather {
    void *at;
    size_t n, cap;
} gather;

static void *gather_next(parser *p, gather *list, size_t bytes)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 4;
        void *at = xt_arena_alloc(p->arena, cap, bytes);
        if (!at)
            return NULL;
        if (list->n)
            memcpy(at, list->at, list->n * bytes);
        list->at = at;
        list->cap = cap;
    }
    return (char *)list->at + list->n++ * bytes;
}

static const xt_node *parse_list(parser *p, yaml_mark_t start, unsigned depth)
{
    gather items = {0};
    for (;;) {
        yaml_event_t event;
        if (!next(p, &event))
            return NULL;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        const xt_node *item = end ? NULL : parse_node(p, &event, depth + 1);
        yaml_event_delete(&event);
        if (end)
            break;
        if (!item)
            return NULL;
        const xt_node **at = gather_next(p, &items, sizeof item);
        if (!at)
            return fail_memory(p);
        *at = item;
    }
    return counted(p, xt_node_list(p->arena, items.at, items.n, place_at(p, start)), start);
}

static void complain_twice(parser *p, const char *key, uint32_t line, xt_place place)
{
    char first[40] = "";
    if (line)
        snprintf(first, sizeof first, ", first in line %u", line);
    xt_diag(p->diags, place, "the key '%.60s' is given twice%s%s", key, first,
            strcmp(key, "learning_rate") == 0 ? " (lr is another name of it)" : "");
}

static bool check_new_key(parser *p, const gather *entries, const char *key, xt_place place)
{
    const xt_entry *all = entries->at;
    for (size_t i = 0; i < entries->n; i++)
        if (strcmp(all[i].key, key) == 0) {
            complain_twice(p, key, all[i].place.line, place);
            return false;
        }
    return true;
}

/* The key's event has been read. Duplicate keys are told and passed over, so
 * that the rest is still checked. */
static bool parse_entry(parser *p, const yaml_event_t *event, gather *entries, unsigned depth)
{
    if (event->type != YAML_SCALAR_EVENT)
        return fail(p, event->start_mark, "a key must be a plain name") != NULL;
    const xt_node *name = parse_scalar(p, event);
    yaml_event_t value_event;
    if (!name || !next(p, &value_event))
        return false;
    const xt_node *value = parse_node(p, &value_event, depth + 1);
    yaml_event_delete(&value_event);
    if (!value)
        return false;
    const char *key = xt_key_canonical(p->arena, name->text);
    if (!key)
        return fail_memory(p) != NULL;
    if (!check_new_key(p, entries, key, name->place))
        return true;
    xt_entry *entry = gather_next(p, entries, sizeof *entry);
    if (!entry)
        return fail_memory(p) != NULL;
    *entry = (xt_entry){key, name->place, value};
    return true;
}

static const xt_node *parse_map(parser *p, yaml_mark_t start, unsigned depth)
{
    gather entries = {0};
    /* Those given twice count as well: each is held against all before it. */
    for (size_t n_keys = 0;; n_keys++) {
        yaml_event_t event;
        if (!next(p, &event))
            return NULL;
        bool end = event.type == YAML_MAPPING_END_EVENT;
        bool fine = end || parse_entry(p, &event, &entries, depth);
        yaml_event_delete(&event);
        if (!fine)
            return NULL;
        if (end)
            break;
        if (n_keys == XT_MAX_KEYS)
            return fail(p, start, "a mapping with more than 1000 keys");
    }
    return counted(p, xt_node_map(p->arena, entries.at, entries.n, place_at(p, start)), start);
}

/* The node that the event starts, NULL after an error, which is then told. */
static const xt_node *parse_node(parser *p, yaml_event_t *event, unsigned depth)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return parse_alias(p, event, depth);
    if (depth > XT_MAX_DEPTH)
        return fail(p, event->start_mark, "nested deeper than 64 levels");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (tag)
        return fail(p, event->start_mark, "tags are not allowed: a key knows the type of its value");
    size_t slot = p->n_anchors;
    if (anchor) {
        if (slot == MAX_ANCHORS)
            return fail(p, event->start_mark, "more than 1000 anchors");
        p->anchors[slot].name = xt_arena_strdup(p->arena, (const char *)anchor);
        if (!p->anchors[slot].name)
            return fail_memory(p);
        p->n_anchors++;
    }
    const xt_node *node = NULL;
    if (event->type == YAML_SCALAR_EVENT)
        node = parse_scalar(p, event);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        node = parse_list(p, event->start_mark, depth);
    else if (event->type == YAML_MAPPING_START_EVENT)
        node = parse_map(p, event->start_mark, depth);
    if (anchor)
        p->anchors[slot].node = node;
    return node;
}

/* stream start, document start, root, document end, stream end. */
static bool parse_stream(parser *p, const xt_node **root)
{
    yaml_event_t event;
    bool fine = true, open = true;
    unsigned n_documents = 0;
    while (fine && open) {
        if (!next(p, &event))
            return false;
        if (event.type == YAML_STREAM_END_EVENT) {
            open = false;
        } else if (event.type == YAML_DOCUMENT_START_EVENT) {
            if (++n_documents > 1)
                fine = fail(p, event.start_mark, "a second document starts here; expected one") != NULL;
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT) {
            *root = parse_node(p, &event, 1);
            fine = *root != NULL;
        }
        yaml_event_delete(&event);
    }
    return fine;
}

/* Where the NUL at `nul` is. */
static xt_place place_of_nul(const char *text, const char *nul, uint32_t source)
{
    xt_place place = {.source = source, .line = 1, .column = 1};
    for (const char *at = text; at < nul; at++) {
        place.column = *at == '\n' ? 1 : place.column + ((*at & 0xC0) != 0x80);
        place.line += *at == '\n';
    }
    return place;
}

static bool parse(xt_diags *diags, const char *text, size_t n_bytes, xt_place place, bool has_lines, const xt_node **out)
{
    parser *p = xt_arena_alloc(diags->arena, 1, sizeof *p);
    if (!p || !yaml_parser_initialize(&p->yaml)) {
        xt_diag_memory(diags);
        return false;
    }
    p->diags = diags;
    p->arena = diags->arena;
    p->text = text;
    p->n_bytes = n_bytes;
    p->place = place;
    p->has_lines = has_lines;
    yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p->yaml, (const unsigned char *)text, n_bytes);
    const xt_node *root = NULL;
    bool fine = parse_stream(p, &root);
    yaml_parser_delete(&p->yaml);
    if (fine)
        *out = root;
    return fine;
}

bool xt_yaml_parse(xt_diags *diags, uint32_t source, const xt_node **out)
{
    const xt_source_text *from = &diags->sources[source];
    const char *nul = memchr(from->text, '\0', from->n_bytes);
    if (nul) {
        xt_diag(diags, place_of_nul(from->text, nul, source), "a NUL byte; this is not a text file");
        return false;
    }
    return parse(diags, from->text, from->n_bytes, (xt_place){.source = source}, from->has_lines, out);
}

bool xt_yaml_parse_at(xt_diags *diags, xt_place place, const char *text, const xt_node **out)
{
    return parse(diags, text, strlen(text), place, false, out);
}
