/* Any bytes as a safetensors file, as a model and as the encoding in one: refused
 * with a message, or every tensor lies within the bytes and what is written of it
 * reads back. */
#include "app/encoding.h"
#include "app/model_file.h"
#include "app/safetensors.h"
#include "config/config.h"

#include "scratch.h"

#include <string.h>

static xt_err err;

static void require_message(void)
{
    REQUIRE(err.status == XT_BAD_DATA && err.text[0]);
    for (const char *at = err.text; *at; at++)
        REQUIRE((unsigned char)*at >= 0x20 && *at != 0x7f);
}

static const char *const names[] = {"a", "b", "layers.0.weight", "layers.0.bias"};
enum { N_NAMES = sizeof names / sizeof names[0] };

static size_t n_values(const xt_tensor *tensor)
{
    REQUIRE(tensor->n_dims == 1 || tensor->n_dims == 2);
    return tensor->dims[0] * (tensor->n_dims == 2 ? tensor->dims[1] : 1);
}

/* The tensors that go by names above, and one pair, written and read again. */
static void write_again(const xt_safetensors *file)
{
    xt_tensor tensors[N_NAMES];
    size_t n = 0;
    const char *text = xt_safetensors_value(file, "config");
    const xt_pair pair = {"config", text ? text : ""};
    xt_buf bytes = {0};
    xt_safetensors *again = NULL;
    for (size_t i = 0; i < N_NAMES; i++) {
        const xt_tensor *tensor = xt_safetensors_tensor(file, names[i]);
        if (tensor)
            tensors[n++] = *tensor;
    }
    REQUIRE(xt_safetensors_header(tensors, n, &pair, 1, &bytes, &err) == XT_OK);
    for (size_t i = 0; i < n; i++)
        xt_buf_add(&bytes, tensors[i].values, n_values(&tensors[i]) * sizeof(float));
    REQUIRE(xt_safetensors_open("again", bytes.data, bytes.len, &again, &err) == XT_OK);
    REQUIRE(xt_safetensors_count(again) == n && strcmp(xt_safetensors_value(again, "config"), pair.value) == 0);
    for (size_t i = 0; i < n; i++) {
        const xt_tensor *tensor = xt_safetensors_tensor(again, tensors[i].name);
        REQUIRE(tensor && n_values(tensor) == n_values(&tensors[i]));
        REQUIRE(memcmp(tensor->values, tensors[i].values, n_values(tensor) * sizeof(float)) == 0);
    }
    xt_safetensors_close(&again);
    xt_buf_clear(&bytes);
}

static void open_bytes(const uint8_t *bytes, size_t n_bytes)
{
    xt_safetensors *file = NULL;
    if (xt_safetensors_open("fuzz", bytes, n_bytes, &file, &err)) {
        require_message();
        REQUIRE(!file);
        return;
    }
    size_t n_tensors = 0;
    const char *first = xt_safetensors_bytes(file, &n_tensors);
    REQUIRE((const uint8_t *)first >= bytes && (const uint8_t *)first + n_tensors == bytes + n_bytes);
    for (size_t i = 0; i < N_NAMES; i++) {
        const xt_tensor *tensor = xt_safetensors_tensor(file, names[i]);
        if (!tensor)
            continue;
        const char *at = (const char *)tensor->values;
        REQUIRE(at >= first && at + n_values(tensor) * sizeof(float) <= first + n_tensors);
    }
    write_again(file);
    xt_safetensors_close(&file);
    REQUIRE(!file);
}

/* The configuration inside, and the parameters in its plan's layout. */
static void use_model(const xt_model_file *model, const char *path)
{
    const xt_config_source source = {XT_CONFIG_TEXT, model->config, "fuzz"};
    xt_config *config = NULL;
    xt_plan plan;
    if (xt_config_open(&source, 1, &config, &err))
        return;
    if (xt_plan_make(xt_config_spec(config), model->encoding->n_inputs, model->encoding->n_targets, &plan, &err) == XT_OK &&
        plan.n_params < 1 << 16) {
        /* All groups of a checkpoint, and the best epoch's. */
        bool has_best;
        float *params = calloc((2 + plan.n_slots) * plan.n_params, sizeof *params);
        REQUIRE(params);
        if (xt_model_params(model, path, &plan, params, &err))
            require_message();
        if (model->progress &&
            xt_model_state(model, path, &plan, params, params + (1 + plan.n_slots) * plan.n_params, &has_best, &err))
            require_message();
        free(params);
    }
    xt_config_close(&config);
}

static void open_model(const uint8_t *bytes, size_t n_bytes)
{
    const char *path = scratch_path(scratch_file(bytes, n_bytes));
    xt_model_file model = {.epoch = 77};
    if (xt_model_open(path, &model, &err)) {
        require_message();
        REQUIRE(model.epoch == 77 && !model.inside);
        return;
    }
    REQUIRE(model.config && xt_encoding_check(path, model.encoding, &err) == XT_OK);
    use_model(&model, path);
    xt_model_close(&model);
    REQUIRE(!model.inside);
}

/* What is read is sound, and reads back from what is written of it. */
static void open_encoding(const uint8_t *bytes, size_t n_bytes)
{
    xt_arena arena = {0};
    xt_encoding encoding = {.n_inputs = 77}, again;
    char *text = calloc(n_bytes + 1, 1);
    REQUIRE(text);
    if (n_bytes)
        memcpy(text, bytes, n_bytes);
    if (xt_encoding_parse("fuzz", text, &arena, &encoding, &err)) {
        require_message();
        REQUIRE(encoding.n_inputs == 77);
    } else {
        REQUIRE(xt_encoding_check("fuzz", &encoding, &err) == XT_OK);
        free(text);
        text = xt_encoding_print(&encoding);
        REQUIRE(text && xt_encoding_parse("fuzz", text, &arena, &again, &err) == XT_OK);
        REQUIRE(xt_encoding_same(&encoding, &again));
    }
    free(text);
    xt_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    /* Files are read into memory that is aligned for any type. */
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
    REQUIRE(copy);
    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    open_bytes(copy, n_bytes);
    open_model(copy, n_bytes);
    open_encoding(copy, n_bytes);
    free(copy);
    return 0;
}
