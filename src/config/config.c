#include "config/config.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/text.h"
#include "config/emit.h"
#include "config/opened.h"
#include "config/override.h"
#include "config/yaml.h"
#include "model/init.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- sources ---- */

static const char *keep_text(xt_arena *arena, const xt_buf *buf)
{
    return buf->failed ? NULL : xt_arena_copy(arena, xt_buf_text(buf), buf->len);
}

static xt_status load_file(xt_arena *arena, const char *path, xt_source_text *out, xt_err *err)
{
    xt_buf text = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    xt_status status = xt_file_read(path, XT_MAX_YAML_BYTES, XT_BAD_CONFIG, &text, err);
    if (!status) {
        out->name = is_stdin ? "standard input" : xt_arena_strdup(arena, path);
        out->text = keep_text(arena, &text);
        out->n_bytes = text.len;
        out->has_lines = true;
        out->is_file = !is_stdin;
        if (!out->name || !out->text)
            status = xt_fail_memory(err, path, text.len);
    }
    xt_buf_clear(&text);
    return status;
}

/* A byte order mark is no part of line 1. */
static void skip_mark(xt_source_text *source)
{
    if (strncmp(source->text, "\xEF\xBB\xBF", 3) != 0)
        return;
    source->text += 3;
    source->n_bytes -= 3;
}

/* The text of KEY=VALUE is the VALUE. */
static xt_status load_set(xt_arena *arena, const xt_config_source *source, xt_source_text *out, xt_err *err)
{
    const char *equals = strchr(source->text, '=');
    if (!equals)
        return xt_fail(err, XT_BAD_USAGE, "%.200s: expected KEY=VALUE", source->label);
    out->name = xt_arena_copy(arena, source->label, strnlen(source->label, 200));
    out->text = xt_arena_strdup(arena, equals + 1);
    out->n_bytes = strlen(equals + 1);
    return out->name && out->text ? XT_OK : xt_fail_memory(err, "an option", strlen(source->text));
}

static xt_status load(xt_arena *arena, const xt_config_source *source, xt_source_text *out, xt_err *err)
{
    if (source->kind == XT_CONFIG_FILE)
        return load_file(arena, source->text, out, err);
    if (source->kind != XT_CONFIG_TEXT)
        return load_set(arena, source, out, err);
    out->name = xt_arena_strdup(arena, source->label);
    out->text = xt_arena_strdup(arena, source->text);
    out->n_bytes = strlen(source->text);
    out->has_lines = true;
    return out->name && out->text ? XT_OK : xt_fail_memory(err, source->label, out->n_bytes);
}

/* An empty value is an empty scalar, which no type takes. "-" is standard
 * input, though YAML has it be a list of nothing. */
static const xt_node *set_value(xt_diags *diags, xt_config_kind kind, uint32_t source)
{
    const xt_node *value = NULL;
    const char *text = diags->sources[source].text;
    xt_place place = {.source = source};
    bool plain = kind == XT_CONFIG_VALUE || kind == XT_CONFIG_SWEEP || strcmp(text, "-") == 0;
    if (!plain && !xt_yaml_parse(diags, source, &value))
        return NULL;
    if (plain && !xt_text_is_utf8(text)) {
        xt_diag(diags, place, "the value is not valid UTF-8");
        return NULL;
    }
    return value ? value : xt_node_scalar(diags->arena, plain ? text : "", XT_SCALAR_TEXT, place);
}

/* The key is dotted itself, an entry of sweep.parameters. NULL without memory. */
static const xt_node *add_swept(xt_diags *diags, const xt_node *root, const char *typed, const xt_node *value,
                                xt_place place)
{
    xt_arena *arena = diags->arena;
    const char *key = xt_key_canonical(arena, typed);
    const xt_node *over = key ? xt_node_one(arena, key, value, place) : NULL;
    over = over ? xt_node_one(arena, "parameters", over, place) : NULL;
    over = over ? xt_node_one(arena, "sweep", over, place) : NULL;
    const xt_node *merged = over ? xt_merge(arena, &xt_schema_root, root, over) : NULL;
    if (!merged)
        xt_diag_memory(diags);
    return merged;
}

static const xt_node *apply_set(xt_diags *diags, const xt_node *root, const xt_config_source *set, uint32_t source)
{
    xt_place place = {.source = source};
    const xt_node *value = set_value(diags, set->kind, source), *changed = NULL;
    char *path = xt_arena_copy(diags->arena, set->text, strcspn(set->text, "="));
    if (value && path)
        changed = set->kind == XT_CONFIG_SWEEP ? add_swept(diags, root, path, value, place)
                                               : xt_override(diags, root, path, value, place);
    return changed ? changed : root;
}

/* *broken is set where the text is no YAML. */
static const xt_node *apply_text(xt_diags *diags, const xt_node *root, uint32_t source, bool *broken)
{
    const xt_node *tree = NULL;
    xt_place place = {.source = source, .line = 1, .column = 1};
    if (!xt_yaml_parse(diags, source, &tree)) {
        *broken = true;
        return root;
    }
    if (!tree) {
        xt_diag(diags, (xt_place){.source = source}, "holds no configuration");
        return root;
    }
    if (tree->type != XT_NODE_MAP) {
        xt_diag(diags, place, "expected a mapping of keys such as `model:` and `train:`");
        return root;
    }
    const xt_node *merged = xt_merge(diags->arena, &xt_schema_root, root, tree);
    if (!merged)
        xt_diag_memory(diags);
    return merged ? merged : root;
}

/* ---- resolving ---- */

/* `name` defaults to the first file's name without its directory and ending. */
static const char *default_name(xt_arena *arena, const xt_config_source *sources, size_t n_sources)
{
    for (size_t i = 0; i < n_sources; i++) {
        if (sources[i].kind != XT_CONFIG_FILE || strcmp(sources[i].text, "-") == 0)
            continue;
        const char *slash = strrchr(sources[i].text, '/'), *base = slash ? slash + 1 : sources[i].text;
        char *name = xt_arena_copy(arena, base, strcspn(base, "."));
        /* What `name:` would not take is no default for it. */
        return name && *name && strlen(name) <= 100 && xt_text_is_printable(name) ? name : "run";
    }
    return "run";
}

/* Every layer gets what it does not say itself: the model's, or what suits its activation. */
static bool resolve_layers(xt_config *config)
{
    xt_root *root = &config->root;
    size_t n = root->spec.n_layers;
    xt_layer *layers = xt_arena_alloc(&config->arena, n, sizeof *layers);
    if (!layers)
        return false;
    memcpy(layers, root->spec.layers, n * sizeof *layers);
    for (size_t i = 0; i < n; i++) {
        if (layers[i].weight.kind < 0)
            layers[i].weight =
                root->weight.kind >= 0 ? root->weight : xt_default_weight_init(layers[i].activation.kind);
        if (layers[i].bias.kind < 0)
            layers[i].bias = root->bias;
        if (layers[i].dropout < 0)
            layers[i].dropout = i + 1 < n ? root->dropout : 0;
        if (layers[i].l1 < 0)
            layers[i].l1 = root->l1;
        if (layers[i].l2 < 0)
            layers[i].l2 = root->l2;
    }
    root->spec.layers = layers;
    return true;
}

static bool is_one_of(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(key, *keys) == 0)
            return true;
    return false;
}

/* 16 hex digits that change with everything but where and how the run is told, and what others are like. */
static bool hash_resolved(const xt_node *resolved, char out[17])
{
    static const char *const aside[] = {"output", "log", "name", "checkpoint", "sweep", NULL};
    xt_buf text = {0};
    char hex[33];
    for (size_t i = 0; i < resolved->n; i++)
        if (!is_one_of(resolved->entries[i].key, aside))
            xt_emit_json(resolved->entries[i].value, &text);
    xt_hash_block(xt_buf_text(&text), text.len, hex);
    memcpy(out, hex, 16);
    out[16] = '\0';
    bool whole = !text.failed;
    xt_buf_clear(&text);
    return whole;
}

/* A trial's template has its number instead of {trial} already. */
static bool fill_template(xt_config *config)
{
    xt_spec *spec = &config->root.spec;
    xt_buf out = {0};
    if (!hash_resolved(config->resolved, config->hash))
        return false;
    for (const char *at = spec->output_template; *at;) {
        if (strncmp(at, "{name}", 6) == 0)
            xt_buf_puts(&out, spec->name);
        else if (strncmp(at, "{seed}", 6) == 0)
            xt_buf_printf(&out, "%" PRIu64, spec->seed);
        else if (strncmp(at, "{hash}", 6) == 0)
            xt_buf_puts(&out, config->hash);
        else if (strncmp(at, "{trial}", 7) == 0)
            xt_buf_puts(&out, "base");
        else
            xt_buf_add(&out, at, 1);
        at += *at == '{' ? strcspn(at, "}") + 1 : 1;
    }
    spec->output_dir = keep_text(&config->arena, &out);
    xt_buf_clear(&out);
    return spec->output_dir != NULL;
}

/* No more bytes than this are the node as YAML: texts with all their characters escaped, each in a line of its own. */
static size_t most_bytes(const xt_node *node)
{
    enum { AROUND = 2 * XT_MAX_DEPTH + 8, ESCAPE = 6 };
    size_t n = AROUND + (node->type == XT_NODE_SCALAR ? ESCAPE * strlen(node->text) : 0);
    for (size_t i = 0; node->type == XT_NODE_LIST && i < node->n; i++)
        n += most_bytes(node->items[i]);
    for (size_t i = 0; node->type == XT_NODE_MAP && i < node->n; i++)
        n += ESCAPE * strlen(node->entries[i].key) + most_bytes(node->entries[i].value);
    return n;
}

/* config.yaml must be one that can be read again: aliases are written out in it,
 * and numbers may need more digits. */
static void check_size(xt_config *config)
{
    const xt_node *data = xt_node_get(config->tree, "data"), *sweep = xt_node_get(config->tree, "sweep");
    bool swept = sweep && sweep->n_nodes > data->n_nodes;
    xt_buf text = {0};
    if (most_bytes(config->resolved) <= XT_MAX_YAML_BYTES)
        return;
    xt_emit_yaml(config->resolved, NULL, &text);
    if (text.len > XT_MAX_YAML_BYTES)
        xt_diag(&config->diags, (swept ? sweep : data)->place,
                "resolved it has %zu bytes, and a configuration at most %d: %s", text.len, XT_MAX_YAML_BYTES,
                swept ? "sweep fewer values" : "put the rows into a CSV file");
    xt_buf_clear(&text);
}

xt_status xt_config_resolve(xt_config *config, xt_err *err)
{
    xt_walk walk = {.diags = &config->diags, .arena = &config->arena};
    config->resolved = xt_encode_fields(&walk, xt_schema, &config->root, config->tree);
    if (!walk.failed && config->resolved && !config->diags.n_total)
        check_size(config);
    if (config->diags.n_total)
        return xt_diags_finish(&config->diags, err);
    if (walk.failed || !config->resolved || !resolve_layers(config) || !fill_template(config))
        return xt_fail_memory(err, "the configuration", config->arena.n_bytes);
    return XT_OK;
}

void xt_config_decode(xt_config *config, const xt_node *tree, const char *name)
{
    xt_walk walk = {.diags = &config->diags, .arena = &config->arena};
    config->tree = tree;
    xt_decode_fields(&walk, xt_schema, tree, tree->place, &config->root);
    if (!xt_node_get(tree, "name"))
        config->root.spec.name = name;
    if (!config->diags.n_total)
        xt_rules(&walk, tree, &config->root);
}

xt_status xt_config_open(const xt_config_source *sources, size_t n_sources, xt_config **out, xt_err *err)
{
    xt_status status = XT_OK;
    const xt_node *tree = NULL;
    bool broken = false;
    xt_config *config = calloc(1, sizeof *config);
    if (!config)
        return xt_fail_memory(err, "the configuration", sizeof *config);
    xt_arena *arena = &config->arena;
    xt_source_text *texts = xt_arena_alloc(arena, n_sources, sizeof *texts);
    if (!texts) {
        status = xt_fail_memory(err, "the configuration", n_sources * sizeof *texts);
        goto out;
    }
    config->diags.arena = arena;
    config->diags.sources = texts;
    for (size_t i = 0; i < n_sources; i++) {
        status = load(arena, &sources[i], &texts[i], err);
        if (status)
            goto out;
        bool text = sources[i].kind == XT_CONFIG_FILE || sources[i].kind == XT_CONFIG_TEXT;
        if (text)
            skip_mark(&texts[i]);
        tree = text ? apply_text(&config->diags, tree, (uint32_t)i, &broken)
                    : apply_set(&config->diags, tree, &sources[i], (uint32_t)i);
    }
    /* After a syntax error the tree lacks what was written: complaints about that would mislead. */
    if (tree && !broken)
        xt_config_decode(config, tree, default_name(arena, sources, n_sources));
    else if (!config->diags.n_total)
        xt_diag(&config->diags, (xt_place){.source = XT_NO_SOURCE}, "there is no configuration");
    status = xt_diags_finish(&config->diags, err);
    if (!status)
        status = xt_config_resolve(config, err);
out:
    if (status)
        xt_config_close(&config);
    else
        *out = config;
    return status;
}

void xt_config_close(xt_config **config)
{
    if (!*config)
        return;
    xt_arena arena = (*config)->arena;
    free(*config);
    xt_arena_clear(&arena);
    *config = NULL;
}

const xt_spec *xt_config_spec(const xt_config *config)
{
    return &config->root.spec;
}

const xt_node *xt_config_tree(const xt_config *config)
{
    return config->resolved;
}

const char *xt_config_hash(const xt_config *config)
{
    return config->hash;
}

void xt_config_print(const xt_config *config, bool origins, xt_buf *out)
{
    xt_emit_yaml(config->resolved, origins ? &config->diags : NULL, out);
}

void xt_config_print_json(const xt_config *config, xt_buf *out)
{
    xt_emit_json(config->resolved, out);
}

/* The node at a dotted path of n bytes, or NULL. */
static const xt_node *node_at(const xt_node *node, const char *path, size_t n)
{
    while (node && n) {
        size_t step = 0;
        char key[64];
        uint64_t index;
        while (step < n && path[step] != '.')
            step++;
        if (step >= sizeof key)
            return NULL;
        memcpy(key, path, step);
        key[step] = '\0';
        if (node->type == XT_NODE_LIST)
            node = xt_number_uint(key, &index) == XT_NUMBER_OK && index < node->n ? node->items[index] : NULL;
        else
            node = xt_node_get(node, key);
        path += step;
        n -= step;
        path += n > 0;
        n -= n > 0;
    }
    return node;
}

void xt_config_locate(const xt_config *config, xt_err *err)
{
    const xt_node *node = node_at(config->resolved, err->text, strcspn(err->text, ":"));
    if (!node || node->place.source == XT_NO_SOURCE)
        return;
    xt_arena arena = {0};
    xt_diags diags = {.arena = &arena, .sources = config->diags.sources};
    xt_err located;
    xt_diag(&diags, node->place, "%s", err->text);
    if (xt_diags_finish(&diags, &located) == XT_BAD_CONFIG)
        xt_fail(err, err->status, "%s", located.text);
    xt_arena_clear(&arena);
}
