/* The section `data`: one table of fields for the training, validation and test rows. */
#include "config/schema.h"

#include "model/generate.h"

#include <math.h>
#include <string.h>

#define DRAFT(member, member_type) .offset = XT_AT(xt_draft, member, member_type)

static const xt_row header_rows[] = {
    {"auto", "the first row is a header when columns are chosen by name, or a cell of it is text where only numbers can stand"},
    {"true", "the first row names the columns"},
    {"false", "the first row is data"}};
static const xt_row missing_rows[] = {{"error", "a missing value is an error"},
                                      {"drop", "rows with a missing value are left out, and counted"},
                                      {"mean", "the mean of the column over the training rows; of inputs that are numbers"}};
static const xt_row normalize_rows[] = {{"none", "inputs as they are"},
                                        {"standard", "mean 0 and standard deviation 1"},
                                        {"minmax", "from 0 to 1"}};

static const xt_table headers = XT_TABLE("header", header_rows);
static const xt_table missings = XT_TABLE("missing", missing_rows);
static const xt_table normalizations = XT_TABLE("normalize", normalize_rows);

/* Of a part; data.train has those from N_SHARES on. */
enum { N_SHARES = 2 };
static const xt_field part_fields[] = {
    {.name = "split", .type = &xt_type_float, DRAFT(part.split, float),
     .range = {.min = 0, .max = 1, .min_open = true, .max_open = true},
     .help = "share of the rows of data.train that are taken from it, drawn from the seed"},
    {.name = "stratify", .type = &xt_type_bool, DRAFT(part.stratify, bool), .def = "false", .needs = "split",
     .help = "each class gives the same share of its rows"},
    {.name = "file", .type = &xt_type_path, DRAFT(part.source.file, const char *), .help = "file with the rows"},
    {.name = "targets_file", .type = &xt_type_path, DRAFT(part.source.targets_file, const char *), .needs = "file",
     .help = "file with the targets, where `file` has the inputs alone (idx, npy)"},
    {.name = "generate", .type = &xt_type_kind, DRAFT(part.source.generator, xt_choice), .table = &xt_generators,
     .lent_with = "generate", .help = "rows that are made up"},
    {.name = "samples", .type = &xt_type_uint32, DRAFT(part.source.samples, uint32_t), .def = "200",
     .range = XT_WHOLE(2, 1e7), .needs = "generate", .lent_with = "generate", .help = "rows that are made"},
    {.name = "noise", .type = &xt_type_float, DRAFT(part.source.noise, float), .def = "0",
     .range = XT_RANGE_NON_NEGATIVE, .needs = "generate", .lent_with = "generate",
     .help = "standard deviation of what is added to the inputs (sine: to the target)"},
    {.name = "seed", .type = &xt_type_uint64, DRAFT(part.source.generate_seed, uint64_t), .needs = "generate",
     .help = "seed of the rows (default: `seed`, of data.validation that + 1, of data.test that + 2)"},
    {.name = "inputs", .type = &xt_type_values, DRAFT(inputs, xt_values), .lent_with = "file",
     .help = "input columns (default: all that are neither targets nor ignored), or the rows themselves"},
    {.name = "targets", .type = &xt_type_values, DRAFT(targets, xt_values), .lent_with = "file",
     .help = "target columns (default: none, or all of targets_file), or the rows themselves"},
    {.name = "ignore", .type = &xt_type_columns, DRAFT(part.source.ignore_columns, xt_columns), .needs = "file",
     .lent_with = "file", .help = "columns to leave out"},
    {.name = "encode", .type = &xt_type_columns, DRAFT(part.source.encode_columns, xt_columns), .needs = "file",
     .lent_with = "file", .help = "input columns that become one input a value: 1 where a row has it, else 0"},
    {.name = "format", .type = &xt_type_names, DRAFT(part.source.format, xt_format), .def = "auto",
     .table = &xt_format_names, .needs = "file", .lent_with = "file", .help = "format of the file"},
    {.name = "header", .type = &xt_type_names, DRAFT(part.source.header, xt_header), .def = "auto", .table = &headers,
     .needs = "file", .lent_with = "file", .help = "whether the first row names the columns"},
    {.name = "delimiter", .type = &xt_type_character, DRAFT(part.source.delimiter, char), .needs = "file",
     .lent_with = "file", .help = "between cells (default: what the format says)"},
    {.name = "skip_rows", .type = &xt_type_uint32, DRAFT(part.source.skip_rows, uint32_t), .def = "0",
     .range = XT_WHOLE(0, 1e9), .needs = "file", .lent_with = "file",
     .help = "lines to pass over before the header or first row"},
    {.name = "missing", .type = &xt_type_names, DRAFT(part.source.missing, xt_missing), .def = "error",
     .table = &missings, .needs = "file", .lent_with = "file",
     .help = "what to do with an empty cell, NA, NaN, null or ?"},
    {0},
};

const xt_field xt_schema_data[] = {
    {.name = "train", .type = &xt_type_source, XT_ROOT(train, xt_draft), .required = true,
     .fields = part_fields + N_SHARES, .help = "the training rows"},
    {.name = "validation", .type = &xt_type_source, XT_ROOT(validation, xt_draft), .fields = part_fields,
     .help = "rows that are measured while training"},
    {.name = "test", .type = &xt_type_source, XT_ROOT(test, xt_draft), .fields = part_fields,
     .help = "rows that are measured once training has ended"},
    {.name = "normalize", .type = &xt_type_names, XT_ROOT(spec.normalize, xt_normalize), .def = "none",
     .table = &normalizations, .help = "what inputs that are numbers become, by the training rows"},
    {.name = "classes", .type = &xt_type_texts, XT_ROOT(spec.classes, const char *const *),
     .count_offset = XT_AT(xt_root, spec.n_classes, size_t), .max_items = XT_MAX_COLUMNS,
     .help = "names of the target's classes, in their order (default: as the data has them, sorted)"},
    {.name = "shuffle", .type = &xt_type_bool, XT_ROOT(spec.shuffle, bool), .def = "true",
     .help = "another order of the rows in every epoch, drawn from the seed"},
    {0},
};

/* ---- one part ---- */

static bool is_train(const xt_field *field)
{
    return field->fields != part_fields;
}

static const xt_draft *train_of(const xt_field *field, const void *at)
{
    const xt_root *root = (const void *)((const char *)at - field->offset);
    return &root->train;
}

static bool has(const xt_node *node, const char *key)
{
    return xt_node_get(node, key) != NULL;
}

/* A part that says where its rows come from is not made up because data.train is. */
static bool lends_generator(const xt_node *train, const xt_node *node)
{
    return has(train, "generate") && !has(node, "split") && !has(node, "file") && !has(node, "inputs") &&
           !has(node, "targets");
}

/* The part's mapping with what data.train says of it; NULL without memory. */
static const xt_node *with_lent(xt_walk *walk, const xt_field *fields, const xt_node *train, const xt_node *node)
{
    const char *way = has(node, "file") && has(train, "file") ? "file" : lends_generator(train, node) ? "generate" : "";
    xt_entry *entries = xt_arena_alloc(walk->arena, node->n + train->n, sizeof *entries);
    if (!entries)
        return NULL;
    size_t n = node->n;
    if (n)
        memcpy(entries, node->entries, n * sizeof *entries);
    for (size_t i = 0; i < train->n; i++) {
        const xt_field *field = xt_field_find(fields, train->entries[i].key);
        if (field && field->lent_with && strcmp(field->lent_with, way) == 0 && !has(node, field->name))
            entries[n++] = train->entries[i];
    }
    return xt_node_map(walk->arena, entries, n, node->place);
}

static void complain_at(xt_walk *walk, const char *key, const xt_node *node, const char *what)
{
    size_t before = xt_walk_down(walk, key);
    xt_complain(walk, node->place, "%s", what);
    xt_walk_up(walk, before);
}

/* Columns as `inputs` or `targets` of a file; not given is for others to tell. */
static void finish_columns(xt_walk *walk, const char *key, xt_values *values, xt_columns *out)
{
    if (!values->node)
        return;
    size_t before = xt_walk_down(walk, key), errors = walk->diags->n_total;
    values->columns = true;
    xt_values_columns(walk, values, out);
    if (!out->n && errors == walk->diags->n_total)
        xt_complain(walk, values->node->place, "expected at least one column");
    xt_walk_up(walk, before);
}

/* Rows have as many values as data.train's, where those stand in the config as well. */
static void match_train(xt_walk *walk, const char *key, const xt_node *node, size_t n, size_t n_train)
{
    size_t before = xt_walk_down(walk, key);
    if (n_train && n != n_train)
        xt_complain(walk, node->place, "expected %zu value%s a row as in data.train, found %zu", n_train,
                    n_train == 1 ? "" : "s", n);
    xt_walk_up(walk, before);
}

static const char missing_targets[] = "missing: target columns, or the rows themselves";

static void finish_rows(xt_walk *walk, xt_draft *draft, const xt_source *train)
{
    xt_source *source = &draft->part.source;
    if (!draft->targets.node) {
        complain_at(walk, "targets", draft->node, missing_targets);
        return;
    }
    size_t n_targets = 0, before = xt_walk_down(walk, "inputs");
    xt_values_rows(walk, &draft->inputs, &source->n_rows, &source->n_inputs, &source->inputs);
    xt_walk_up(walk, before);
    xt_walk_down(walk, "targets");
    xt_values_rows(walk, &draft->targets, &n_targets, &source->n_targets, &source->targets);
    if (source->inputs && source->targets && n_targets != source->n_rows)
        xt_complain(walk, draft->targets.node->place, "expected %zu row%s as in inputs, found %zu", source->n_rows,
                    source->n_rows == 1 ? "" : "s", n_targets);
    xt_walk_up(walk, before);
    if (!source->inputs || !source->targets)
        return;
    match_train(walk, "inputs", draft->inputs.node, source->n_inputs, train->n_inputs);
    match_train(walk, "targets", draft->targets.node, source->n_targets, train->n_targets);
}

/* The first key beside `way` that says where rows come from, or what they are, too. */
static const char *rival(const xt_node *node, const char *way)
{
    static const char *const ways[] = {"split", "file", "generate", "inputs", "targets"};
    bool columns = strcmp(way, "file") == 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0] - (columns ? 2 : 0); i++)
        if (strcmp(ways[i], way) != 0 && has(node, ways[i]))
            return ways[i];
    return NULL;
}

static void finish_source(xt_walk *walk, const xt_field *field, xt_draft *draft)
{
    const xt_node *node = draft->node;
    xt_source *source = &draft->part.source;
    const char *way = has(node, "split") ? "split" : has(node, "file") ? "file" : has(node, "generate") ? "generate" : "";
    const char *other = *way ? rival(node, way) : NULL;
    if (other && strcmp(way, "split") == 0)
        complain_at(walk, other, xt_node_get(node, other), "not with `split`, which takes its rows from data.train");
    else if (other && strcmp(way, "generate") == 0)
        complain_at(walk, other, xt_node_get(node, other), "not with `generate`, which makes inputs and targets");
    else if (other)
        complain_at(walk, other, xt_node_get(node, other), "not with `file`: rows are read or made, not both");
    else if (strcmp(way, "file") == 0) {
        finish_columns(walk, "inputs", &draft->inputs, &source->input_columns);
        finish_columns(walk, "targets", &draft->targets, &source->target_columns);
        if (!draft->targets.node && !source->targets_file)
            complain_at(walk, "targets", node, missing_targets);
    } else if (!*way && !draft->inputs.node) {
        xt_complain(walk, node->place, "missing: %s`file`, `generate`, or rows of numbers as `inputs` and `targets`",
                    is_train(field) ? "" : "`split`, ");
    } else if (!*way) {
        finish_rows(walk, draft, is_train(field) ? source : &train_of(field, draft)->part.source);
    }
}

static void decode_source(xt_walk *walk, const xt_field *field, const xt_node *node, void *at)
{
    xt_draft *draft = at;
    const xt_draft *train = train_of(field, at);
    size_t errors = walk->diags->n_total;
    if (node->type != XT_NODE_MAP) {
        xt_expected(walk, field, node);
        return;
    }
    draft->node = node;
    /* What is wrong with what data.train lends was told there. */
    if (!is_train(field) && !train->part.given && lends_generator(train->node, node))
        return;
    if (!is_train(field) && train->part.given)
        draft->node = with_lent(walk, field->fields, train->node, node);
    if (!draft->node) {
        xt_diag_memory(walk->diags);
        return;
    }
    xt_decode_fields(walk, field->fields, draft->node, node->place, draft);
    if (errors == walk->diags->n_total && (is_train(field) || train->part.given))
        finish_source(walk, field, draft);
    draft->part.given = errors == walk->diags->n_total;
}

static const xt_node *encode_source(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given)
{
    (void)given;
    const xt_draft *draft = at;
    return draft->node ? xt_encode_fields(walk, field->fields, draft, draft->node) : NULL;
}

static void describe_source(const xt_field *field, xt_buf *out)
{
    xt_type_section.describe(field, out);
}

const xt_type xt_type_source = {decode_source, encode_source, describe_source};

/* ---- all of them ---- */

static size_t count_stdin(const xt_source *source)
{
    return (size_t)(source->file && strcmp(source->file, "-") == 0) +
           (size_t)(source->targets_file && strcmp(source->targets_file, "-") == 0);
}

void xt_finish_data(xt_walk *walk, const xt_node *node, void *at)
{
    const xt_root *root = at;
    const xt_draft *const drafts[] = {&root->train, &root->validation, &root->test};
    static const char *const names[] = {"train", "validation", "test"};
    float split = 0;
    size_t n_stdin = 0;
    for (size_t i = 0; i < 3; i++) {
        const xt_part *part = &drafts[i]->part;
        const xt_node *here = xt_node_get(node, names[i]);
        size_t n = count_stdin(&part->source), before = xt_walk_down(walk, names[i]);
        split += part->split;
        n_stdin += n;
        if (n && n_stdin > 1)
            complain_at(walk, "file", here, "standard input can be read only once");
        if (part->split > 0 && split >= 1)
            complain_at(walk, "split", xt_node_get(here, "split"),
                        "nothing would be left to train on: the sum of the splits has to be less than 1");
        xt_walk_up(walk, before);
    }
}

/* train: data.train once it is published, NULL for itself. */
static void publish(const xt_draft *draft, uint64_t seed, const xt_part *train, xt_part *out)
{
    *out = draft->part;
    if (has(draft->node, "generate")) {
        if (!has(draft->node, "seed"))
            out->source.generate_seed = seed;
        out->source.shape_seed = train && train->source.samples ? train->source.generate_seed : out->source.generate_seed;
        return;
    }
    out->source.generator = (xt_choice){0};
    out->source.samples = 0;
    out->source.noise = 0;
}

void xt_publish_data(xt_root *root)
{
    xt_part train;
    publish(&root->train, root->spec.seed, NULL, &train);
    root->spec.train = train.source;
    publish(&root->validation, root->spec.seed + 1, &train, &root->spec.validation);
    publish(&root->test, root->spec.seed + 2, &train, &root->spec.test);
}
