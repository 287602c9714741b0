/* What differs between two resolved configurations, and whether a training that
 * one began may go on by the other. */
#include "config/config.h"
#include "config/tree.h"
#include "model/schedule.h"

#include <stdio.h>
#include <string.h>

typedef enum rule {
    SAME,   /* what was trained means nothing with another value */
    CHANGE, /* training goes on by the new value, and is no longer what one run from the start would be */
    FREE    /* the result does not depend on it */
} rule;

/* The longest key that is the path or contains it rules; what no row names must be the same. Files are told apart by
 * their contents. */
static const struct {
    const char *key;
    rule rule;
} rules[] = {
    {"name", FREE},
    {"device", FREE},
    {"engine", FREE},
    {"log", FREE},
    {"output", FREE},
    {"sweep", FREE},
    {"checkpoint", FREE},
    {"checkpoint.best", SAME},
    {"data.train.file", FREE},
    {"data.train.targets_file", FREE},
    {"data.validation.file", FREE},
    {"data.validation.targets_file", FREE},
    {"data.test.file", FREE},
    {"data.test.targets_file", FREE},
    {"optimizer", CHANGE},
    {"optimizer.type", SAME},
    {"schedule", CHANGE},
    {"train.epochs", CHANGE},
    {"train.clip_norm", CHANGE},
    {"train.clip_value", CHANGE},
    {"early_stopping.patience", CHANGE},
    {"early_stopping.min_delta", CHANGE},
    {"stop_when", CHANGE},
};

typedef struct comparison {
    const xt_spec *spec;
    xt_buf *lines[FREE]; /* of SAME, of CHANGE */
    size_t n_lines[FREE];
} comparison;

enum { MAX_LINES = 20 };

/* The length of training is in what an epoch does where the learning rate follows it, and where the last one is
 * validated out of turn. */
static bool length_matters(const xt_spec *spec)
{
    return xt_schedule_has_length(&spec->schedule) || spec->validate_every > 1;
}

/* The ending of a path says the format of a file whose format is auto. */
static bool same_ending(const xt_node *now, const xt_node *was)
{
    const char *ends[2] = {"", ""};
    const xt_node *nodes[2] = {now, was};
    size_t n[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        const char *text = nodes[i] && nodes[i]->type == XT_NODE_SCALAR ? nodes[i]->text : "";
        size_t len = strlen(text), gz = len >= 3 && strcmp(text + len - 3, ".gz") == 0 ? 3 : 0;
        size_t start = len - gz;
        while (start && text[start - 1] != '.' && text[start - 1] != '/')
            start--;
        ends[i] = text + start;
        n[i] = start && text[start - 1] == '.' ? len - gz - start : 0;
    }
    return n[0] == n[1] && strncmp(ends[0], ends[1], n[0]) == 0;
}

static bool is_path(const char *path)
{
    size_t n = strlen(path);
    return strncmp(path, "data.", 5) == 0 && n >= 4 && strcmp(path + n - 4, "file") == 0;
}

static rule rule_of(const comparison *c, const char *path)
{
    size_t longest = 0;
    rule found = SAME;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t n = strlen(rules[i].key);
        if (n < longest || strncmp(path, rules[i].key, n) != 0 || (path[n] && path[n] != '.'))
            continue;
        longest = n;
        found = rules[i].rule;
    }
    return strcmp(path, "train.epochs") == 0 && !length_matters(c->spec) ? FREE : found;
}

static void put_value(const xt_node *node, xt_buf *out)
{
    if (!node)
        xt_buf_puts(out, "not given");
    else if (node->type == XT_NODE_SCALAR)
        xt_buf_printf(out, "%.100s", node->text);
    else
        xt_buf_printf(out, "%zu %s", node->n, node->type == XT_NODE_LIST ? "items" : "keys");
}

static void tell(comparison *c, const char *path, const xt_node *now, const xt_node *was)
{
    rule found = rule_of(c, path);
    if (found == FREE && is_path(path) && !same_ending(now, was))
        found = SAME;
    if (found == FREE || ++c->n_lines[found] > MAX_LINES)
        return;
    xt_buf_printf(c->lines[found], "%s: ", path);
    put_value(now, c->lines[found]);
    xt_buf_puts(c->lines[found], ", was ");
    put_value(was, c->lines[found]);
    xt_buf_puts(c->lines[found], "\n");
}

static void compare(comparison *c, const char *path, const xt_node *now, const xt_node *was);

static void compare_entry(comparison *c, const char *path, const char *key, const xt_node *now, const xt_node *was)
{
    xt_buf below = {0};
    xt_buf_printf(&below, "%s%s%s", path, *path ? "." : "", key);
    compare(c, xt_buf_text(&below), now, was);
    xt_buf_clear(&below);
}

/* An absent mapping has no keys: each that the other has is told. */
static void compare_maps(comparison *c, const char *path, const xt_node *now, const xt_node *was)
{
    for (size_t i = 0; now && i < now->n; i++)
        compare_entry(c, path, now->entries[i].key, now->entries[i].value, xt_node_get(was, now->entries[i].key));
    for (size_t i = 0; was && i < was->n; i++)
        if (!xt_node_entry(now, was->entries[i].key))
            compare_entry(c, path, was->entries[i].key, NULL, was->entries[i].value);
}

static bool is_map(const xt_node *node)
{
    return !node || node->type == XT_NODE_MAP;
}

static void compare(comparison *c, const char *path, const xt_node *now, const xt_node *was)
{
    char key[24];
    if (is_map(now) && is_map(was)) {
        compare_maps(c, path, now, was);
    } else if (now && was && now->type == XT_NODE_LIST && was->type == XT_NODE_LIST && now->n == was->n) {
        for (size_t i = 0; i < now->n; i++) {
            snprintf(key, sizeof key, "%zu", i);
            compare_entry(c, path, key, now->items[i], was->items[i]);
        }
    } else if (!now || !was || now->type != XT_NODE_SCALAR || was->type != XT_NODE_SCALAR ||
               strcmp(now->text, was->text) != 0) {
        tell(c, path, now, was);
    }
}

void xt_config_compare(const xt_config *now, const xt_config *was, xt_buf *refused, xt_buf *changed)
{
    comparison c = {.spec = xt_config_spec(now), .lines = {refused, changed}};
    compare(&c, "", xt_config_tree(now), xt_config_tree(was));
    for (size_t i = 0; i < FREE; i++)
        if (c.n_lines[i] > MAX_LINES)
            xt_buf_printf(c.lines[i], "and %zu more\n", c.n_lines[i] - MAX_LINES);
}
