/* Any bytes as a configuration: they are refused with a message, or what is
 * printed of them is accepted and prints the same; of a sweep, its first and last trial too. */
#include "config/space.h"

#include "fuzz.h"

#include <jansson.h>
#include <string.h>

static xt_err err;

static void require_message(xt_status status)
{
    REQUIRE(status == err.status && err.text[0]);
    /* Whatever the bytes were, a terminal can show the message. */
    for (const char *at = err.text; *at; at++)
        REQUIRE(((unsigned char)*at >= 0x20 && *at != 0x7f) || *at == '\n');
}

static xt_config *open_text(const char *text)
{
    const xt_config_source source = {XT_CONFIG_TEXT, text, "fuzz.yaml"};
    xt_config *config = NULL;
    xt_status status = xt_config_open(&source, 1, &config, &err);
    REQUIRE(!status == !!config);
    if (status)
        require_message(status);
    return config;
}

static void print(const xt_config *config, xt_buf *yaml, xt_buf *json)
{
    xt_config_print(config, false, yaml);
    xt_config_print_json(config, json);
    REQUIRE(!yaml->failed && !json->failed);
}

static void require_same_again(const char *text, const xt_buf *yaml, const xt_buf *json)
{
    xt_buf yaml_again = {0}, json_again = {0};
    xt_config *config = open_text(text);
    REQUIRE(config);
    print(config, &yaml_again, &json_again);
    REQUIRE(strcmp(yaml_again.data, yaml->data) == 0 && strcmp(json_again.data, json->data) == 0);
    xt_buf_clear(&yaml_again);
    xt_buf_clear(&json_again);
    xt_config_close(&config);
}

/* Rows come from exactly one place. */
static void check_source(const xt_source *source)
{
    bool rows = source->n_rows && source->inputs && source->targets;
    REQUIRE((source->file != NULL) + (source->samples != 0) + rows == 1);
}

static void check_part(const xt_part *part)
{
    if (part->split > 0 || !part->given)
        REQUIRE(!part->source.file && !part->source.samples && !part->source.inputs);
    else
        check_source(&part->source);
}

static void check_config(const xt_config *config)
{
    const xt_spec *spec = xt_config_spec(config);
    xt_buf yaml = {0}, json = {0}, origins = {0};
    REQUIRE(spec->name && spec->n_layers && spec->output_dir && spec->batch_size);
    check_source(&spec->train);
    check_part(&spec->validation);
    check_part(&spec->test);
    REQUIRE(!spec->early_stopping.given || (spec->early_stopping.monitor && spec->early_stopping.patience));
    for (size_t i = 0; i < spec->n_layers; i++) {
        const xt_layer *layer = &spec->layers[i];
        REQUIRE(layer->weight.kind >= 0 && layer->bias.kind >= 0);
        REQUIRE(layer->dropout >= 0 && layer->l1 >= 0 && layer->l2 >= 0);
    }
    print(config, &yaml, &json);
    xt_config_print(config, true, &origins);
    require_same_again(yaml.data, &yaml, &json);
    require_same_again(origins.data, &yaml, &json);
    require_same_again(json.data, &yaml, &json);
    json_t *object = json_loads(json.data, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(object);
    json_decref(object);
    xt_buf_clear(&yaml);
    xt_buf_clear(&json);
    xt_buf_clear(&origins);
}

static void check_trial(const xt_space *space, uint64_t trial)
{
    xt_config *config = NULL;
    xt_status status = xt_space_config(space, trial, &config, &err);
    if (status)
        require_message(status);
    else
        check_config(config);
    xt_config_close(&config);
}

static void check_accepted(const xt_config *config)
{
    xt_space *space = NULL;
    check_config(config);
    xt_status status = xt_space_open(config, &space, &err);
    if (status) {
        require_message(status);
        return;
    }
    REQUIRE(xt_space_count(space) && xt_space_count(space) % xt_space_repeats(space) == 0);
    check_trial(space, 0);
    check_trial(space, xt_space_count(space) - 1);
    xt_space_close(&space);
}

/* The bytes as the value of an option, over a good configuration. */
static void override(const char *text, xt_config_kind kind)
{
    static const char base[] = "data: {train: {inputs: [[0]], targets: [1]}}\nmodel: {layers: [{units: 1}]}\n"
                               "optimizer: {type: sgd, lr: 1}\ntrain: {epochs: 1}\nmetrics: [mae]\n";
    const xt_config_source sources[] = {{XT_CONFIG_TEXT, base, "base.yaml"}, {kind, text, text}};
    xt_config *config = NULL;
    xt_status status = xt_config_open(sources, 2, &config, &err);
    if (!status)
        check_accepted(config);
    else if (status != XT_BAD_USAGE)
        require_message(status);
    xt_config_close(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *text = malloc(n_bytes + 1);
    REQUIRE(text);
    if (n_bytes)
        memcpy(text, bytes, n_bytes);
    text[n_bytes] = '\0';
    xt_config *config = open_text(text);
    if (config)
        check_accepted(config);
    xt_config_close(&config);
    override(text, XT_CONFIG_SET);
    override(text, XT_CONFIG_VALUE);
    override(text, XT_CONFIG_SWEEP);
    free(text);
    return 0;
}
