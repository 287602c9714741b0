/* The section `sweep`: its keys, and what they may not be together. */
#include "config/schema.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define ROOT XT_ROOT

static const xt_row method_rows[] = {{"grid", "every combination of the values, the last key's changing fastest"},
                                     {"random", "num_trials combinations, each key's value drawn from sweep.seed"}};
static const xt_row goal_rows[] = {{"auto", "minimize a loss or an error, maximize another metric"},
                                   {"minimize", "less is better"},
                                   {"maximize", "more is better"}};

static const xt_table methods = XT_TABLE("method", method_rows);
static const xt_table goals = XT_TABLE("goal", goal_rows);

/* ---- parameters ---- */

enum { MAX_KEY = 200 };

static void decode_parameters(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    if (node->type != XT_NODE_MAP) {
        xt_expected(walk, field, node);
        return;
    }
    xt_swept *swept = xt_decode_alloc(walk, node->n, sizeof *swept);
    for (size_t i = 0; swept && i < node->n; i++) {
        const xt_entry *entry = &node->entries[i];
        swept[i] = (xt_swept){.key = entry->key, .place = entry->place, .leader = i};
        if (!*entry->key || strlen(entry->key) > MAX_KEY || !xt_text_is_printable(entry->key)) {
            xt_complain(walk, entry->place, "expected a key such as optimizer.learning_rate, of up to %d printable characters",
                        MAX_KEY);
            continue;
        }
        size_t before = xt_walk_down(walk, entry->key);
        xt_domain_decode(walk, entry->value, &swept[i].domain);
        xt_walk_up(walk, before);
    }
    memcpy(at, &swept, sizeof swept);
    *xt_count_at(field, at) = swept ? node->n : 0;
}

static const xt_node *encode_parameters(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const xt_swept *swept;
    size_t n = xt_count_of(field, at);
    memcpy(&swept, at, sizeof swept);
    if (!n)
        return NULL;
    xt_entry *entries = xt_arena_alloc(walk->arena, n, sizeof *entries);
    walk->failed |= !entries;
    for (size_t i = 0; entries && i < n; i++) {
        const xt_node *value = xt_domain_encode(walk, &swept[i].domain);
        if (!value)
            return NULL;
        entries[i] = (xt_entry){swept[i].key, swept[i].place, value};
    }
    const xt_node *map = entries ? xt_node_map(walk->arena, entries, n, given->place) : NULL;
    walk->failed |= !map;
    return map;
}

static void describe_parameters(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a mapping of dotted keys, each to a list of values, {values: [...]}, {value: x}, {distribution: ...}, "
                     "or a text: V1,V2,..., A..B, A..B..STEP, linear(A, B, N), log(A, B, N), or NAME(.., ..) of a "
                     "distribution");
}

const xt_type xt_type_parameters = {decode_parameters, encode_parameters, describe_parameters};

/* ---- seeds ---- */

static void decode_seeds(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    size_t errors = walk->diags->n_total;
    xt_domain *seeds = at;
    (void)field;
    xt_domain_decode(walk, node, seeds);
    if (errors == walk->diags->n_total && !seeds->n)
        xt_complain(walk, node->place, "expected seeds such as [1, 2, 3] or 0..9: they are not drawn");
}

static const xt_node *encode_seeds(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    const xt_domain *seeds = at;
    (void)field;
    (void)given;
    return seeds->n ? xt_domain_encode(walk, seeds) : NULL;
}

static void describe_seeds(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a list of whole numbers, or A..B");
}

static const xt_type type_seeds = {decode_seeds, encode_seeds, describe_seeds};

/* ---- zip ---- */

static bool are_keys(const xt_node *list)
{
    bool fine = list->type == XT_NODE_LIST && list->n >= 2;
    for (size_t i = 0; fine && i < list->n; i++)
        fine = list->items[i]->type == XT_NODE_SCALAR && *list->items[i]->text;
    return fine;
}

static void decode_zip(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    bool fine = node->type == XT_NODE_LIST;
    for (size_t i = 0; fine && i < node->n; i++)
        fine = are_keys(node->items[i]);
    if (fine)
        memcpy(at, &node, sizeof node);
    else
        xt_expected(walk, field, node);
}

static const xt_node *encode_zip(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)field;
    (void)at;
    const xt_node **groups = given ? xt_arena_alloc(walk->arena, given->n, sizeof *groups) : NULL;
    walk->failed |= given && !groups;
    for (size_t i = 0; groups && i < given->n; i++) {
        const xt_node *group = given->items[i], **keys = xt_arena_alloc(walk->arena, group->n, sizeof *keys);
        walk->failed |= !keys;
        for (size_t k = 0; keys && k < group->n; k++)
            keys[k] = xt_encode_text(walk, group->items[k]->text, XT_SCALAR_TEXT, group->items[k]);
        groups[i] = keys ? xt_encode_list(walk, keys, group->n, group) : NULL;
    }
    return groups ? xt_encode_list(walk, groups, given->n, given) : NULL;
}

static void describe_zip(const xt_field *field, xt_buf *out)
{
    (void)field;
    xt_buf_puts(out, "a list of lists of at least 2 of the parameters, such as [[model.layers.0.units, train.batch_size]]");
}

static const xt_type type_zip = {decode_zip, encode_zip, describe_zip};

/* ---- metric: a section that may be its name alone ---- */

static const xt_field metric_fields[] = {
    {.name = "name", .type = &xt_type_text, ROOT(sweep.metric, const char *), .def = "loss",
     .help = "column of loss.csv that trials are compared by"},
    {.name = "goal", .type = &xt_type_names, ROOT(sweep.goal, xt_goal), .def = "auto", .table = &goals,
     .help = "what a better trial has"},
    {0},
};

static const xt_node *whole_metric(xt_walk *walk, const xt_field *field, const xt_node *node)
{
    if (!node || node->type != XT_NODE_SCALAR)
        return node;
    const xt_node *map = xt_node_one(walk->arena, field->short_form, node, node->place);
    if (!map)
        xt_diag_memory(walk->diags);
    return map;
}

static void decode_metric(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    const xt_node *map = whole_metric(walk, field, node);
    if (map)
        xt_type_section.decode(walk, field, map, at);
}

static const xt_node *encode_metric(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    return xt_type_section.encode(walk, field, at, whole_metric(walk, field, given));
}

static void describe_metric(const xt_field *field, xt_buf *out)
{
    xt_type_section.describe(field, out);
}

static const xt_type type_metric = {decode_metric, encode_metric, describe_metric};

/* ---- all of it ---- */

const xt_field xt_schema_sweep[] = {
    {.name = "method", .type = &xt_type_names, ROOT(sweep.method, xt_sweep_method), .def = "grid", .table = &methods,
     .help = "which combinations of the parameters' values are trained"},
    {.name = "metric", .type = &type_metric, .def = "loss", .fields = metric_fields, .short_form = "name",
     .help = "what trials are compared by"},
    {.name = "parameters", .type = &xt_type_parameters, ROOT(sweep.swept, const xt_swept *),
     .count_offset = XT_AT(xt_root, sweep.n_swept, size_t), .table = &xt_distributions,
     .help = "the keys that take values; any but those of sweep, name, log and output, lists' elements by index. Later "
             "ones are set over earlier ones"},
    {.name = "zip", .type = &type_zip, ROOT(sweep.zip, const xt_node *), .needs = "parameters",
     .help = "keys whose values go together, the first with the first: they have equally many"},
    {.name = "num_trials", .type = &xt_type_uint32, ROOT(sweep.num_trials, uint32_t), .range = XT_WHOLE(1, XT_MAX_TRIALS),
     .help = "combinations that method random draws; required there"},
    {.name = "repeat", .type = &xt_type_uint32, ROOT(sweep.repeat, uint32_t), .range = XT_WHOLE(1, XT_MAX_TRIALS),
     .help = "trainings of each combination, with the seeds `seed`, `seed` + 1, ..."},
    {.name = "seeds", .type = &type_seeds, ROOT(sweep.seeds, xt_domain),
     .help = "the seeds with which each combination is trained; not with `repeat`"},
    {.name = "seed", .type = &xt_type_uint64, ROOT(sweep.seed, uint64_t), .def = "0",
     .help = "seed of what is drawn; `seed` is that of the trainings"},
    {0},
};

static void complain_at(xt_walk *walk, const char *key, const xt_node *node, const char *what)
{
    size_t before = xt_walk_down(walk, key);
    xt_complain(walk, node->place, "%s", what);
    xt_walk_up(walk, before);
}

static void check_method(xt_walk *walk, const xt_node *node, const xt_sweep *sweep)
{
    if (sweep->method == XT_SWEEP_RANDOM && !sweep->num_trials)
        complain_at(walk, "num_trials", node, "missing: how many combinations method random is to draw");
    if (sweep->method == XT_SWEEP_GRID && sweep->num_trials)
        complain_at(walk, "num_trials", xt_node_get(node, "num_trials"),
                    "not with method grid, which trains every combination; to draw some, write `method: random`");
    size_t before = xt_walk_down(walk, "parameters");
    for (size_t i = 0; sweep->method == XT_SWEEP_GRID && i < sweep->n_swept; i++) {
        const xt_domain *domain = &sweep->swept[i].domain;
        size_t above = xt_walk_down(walk, sweep->swept[i].key);
        if (!domain->n)
            xt_complain(walk, domain->node->place,
                        "%s is drawn, and a grid has values: write `method: random` with `num_trials`, or values such as "
                        "linear(A, B, how many)", xt_domain_name(domain));
        xt_walk_up(walk, above);
    }
    xt_walk_up(walk, before);
}

static void check_seeds(xt_walk *walk, const xt_node *node, const xt_sweep *sweep)
{
    const char *key = sweep->repeat ? "repeat" : "seeds";
    if (sweep->repeat && sweep->seeds.n)
        complain_at(walk, "seeds", xt_node_get(node, "seeds"), "not with `repeat`: either counts seeds up from `seed`, or names them");
    for (size_t i = 0; (sweep->repeat || sweep->seeds.n) && i < sweep->n_swept; i++)
        if (strcmp(sweep->swept[i].key, "seed") == 0)
            complain_at(walk, key, xt_node_get(node, key), "not where `seed` is one of the parameters");
    if (!sweep->n_swept && !sweep->repeat && !sweep->seeds.n)
        xt_complain(walk, node->place, "missing: `parameters`, such as {optimizer.learning_rate: [0.1, 0.01]}, or `repeat` "
                                       "or `seeds`");
}

/* The parameter of this name, or none after a complaint. */
static xt_swept *find_swept(xt_walk *walk, const xt_sweep *sweep, const xt_node *name)
{
    const char *key = xt_key_canonical(walk->arena, name->text);
    xt_nearest nearest = {.typed = name->text};
    for (size_t i = 0; key && i < sweep->n_swept; i++) {
        if (strcmp(sweep->swept[i].key, key) == 0)
            return (xt_swept *)(void *)(uintptr_t)&sweep->swept[i]; /* made in this walk's arena */
        xt_nearest_offer(&nearest, sweep->swept[i].key);
    }
    if (key)
        xt_complain(walk, name->place, "'%.60s' is none of the parameters%s%s", name->text,
                    nearest.name ? "; did you mean " : "", nearest.name ? nearest.name : "");
    else
        xt_diag_memory(walk->diags);
    return NULL;
}

/* The keys of one list of `zip` get its first one, in the order of parameters, as their leader. */
static void tie(xt_walk *walk, const xt_sweep *sweep, const xt_node *group, bool *tied)
{
    size_t leader = sweep->n_swept;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < group->n; k++) {
            xt_swept *swept = find_swept(walk, sweep, group->items[k]);
            size_t index = swept ? (size_t)(swept - sweep->swept) : 0;
            if (!swept)
                return;
            if (pass) {
                swept->leader = leader;
                continue;
            }
            if (tied[index])
                xt_complain(walk, group->items[k]->place, "'%.60s' is there twice", swept->key);
            else if (!swept->domain.n)
                xt_complain(walk, group->items[k]->place, "%.60s is drawn: only values can go together", swept->key);
            tied[index] = true;
            leader = index < leader ? index : leader;
        }
    const xt_swept *first = &sweep->swept[leader];
    for (size_t i = leader + 1; i < sweep->n_swept; i++) {
        uint64_t n = sweep->swept[i].domain.n;
        if (sweep->swept[i].leader == leader && n && first->domain.n && n != first->domain.n)
            xt_complain(walk, group->place, "expected equally many values, found %" PRIu64 " of %.60s and %" PRIu64 " of %.60s",
                        first->domain.n, first->key, n, sweep->swept[i].key);
    }
}

static void check_zip(xt_walk *walk, const xt_sweep *sweep)
{
    size_t before = xt_walk_down(walk, "zip");
    bool *tied = xt_decode_alloc(walk, sweep->n_swept, sizeof *tied);
    for (size_t i = 0; tied && sweep->zip && i < sweep->zip->n; i++)
        tie(walk, sweep, sweep->zip->items[i], tied);
    xt_walk_up(walk, before);
}

void xt_finish_sweep(xt_walk *walk, const xt_node *node, void *at)
{
    xt_sweep *sweep = &((xt_root *)at)->sweep;
    sweep->given = true;
    check_method(walk, node, sweep);
    check_seeds(walk, node, sweep);
    check_zip(walk, sweep);
}
