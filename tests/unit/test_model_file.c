/* src/app: a network in a model file and back, and whatever bytes may come
 * instead: refused, or the very same values. */
#include "app/encoding.h"
#include "app/model_file.h"
#include "app/safetensors.h"
#include "base/file.h"
#include "base/buf.h"
#include "base/hash.h"
#include "model/ops.h"
#include "nets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xt_err err;

static char path[64];

static const char config_yaml[] = "data: {train: {file: x.csv, targets: y}}\n"
                                  "model: {layers: [{units: 3, activation: tanh}, {units: 1}]}\n"
                                  "optimizer: {type: sgd, learning_rate: 0.5}\n"
                                  "train: {epochs: 7}\n";

/* A checkpoint's: of a training by adam that keeps its best epoch. */
static const char progress[] = "{\"epoch\":7}";
enum { N_PARAMS = 13, N_STATE = 3 * N_PARAMS, N_ALL = N_STATE + N_PARAMS };

typedef struct saved {
    unit_net net;
    float *params; /* of a checkpoint N_ALL floats: the state, then the best epoch's */
    bool is_checkpoint;
    xt_buf bytes;  /* of the file */
} saved;

static const char *names[] = {"x \"1\"", "\xC3\xB6,2", "y"};

/* A file as a run writes it, and its checksum. */
static xt_status write_parts(const char *to, const xt_model_parts *parts, char *hash, xt_err *why)
{
    xt_model_image image = {0};
    xt_buf file = {0};
    xt_status status = xt_model_lay_out(parts, &image, why);
    for (size_t i = 0; !status && i < image.n_spans; i++)
        xt_buf_add(&file, image.spans[i].at, image.spans[i].n);
    if (!status)
        status = xt_file_replace(to, file.data, file.len, why);
    if (!status)
        status = xt_model_image_hash(&image, hash, why);
    assert_int_equal(file.len, image.n_bytes);
    xt_model_image_clear(&image);
    xt_buf_clear(&file);
    return status;
}

static xt_status save_to(const char *to, const xt_plan *plan, const float *params, const xt_dataset *data,
                         const char *config, uint32_t epoch, char *hash, xt_err *why)
{
    const xt_model_parts parts = {.plan = plan, .data = data, .config_yaml = config, .epoch = epoch, .state = params};
    return write_parts(to, &parts, hash, why);
}

static void save_one(saved *model, bool is_checkpoint)
{
    char hash[XT_HASH_BYTES], expected[XT_HASH_BYTES];
    *model = (saved){.is_checkpoint = is_checkpoint};
    strcpy(path, "/tmp/xt-model-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unit_net_make(&model->net, &(unit_shape){4, 2, {3, 1}, "tanh", "mse", 2, 5});
    xt_dataset *data = &model->net.data;
    data->input_names = names;
    data->target_names = names + 2;
    if (is_checkpoint) {
        model->net.spec.optimizer = xt_choose(&xt_optimizers, "adam");
        unit_net_plan(&model->net);
        assert_int_equal(unit_net_n_state(&model->net), N_STATE);
    }
    model->params = calloc(N_ALL, sizeof *model->params);
    assert_int_equal(xt_plan_init_params(&model->net.plan, model->params, &err), XT_OK);
    for (size_t i = N_PARAMS; is_checkpoint && i < N_ALL; i++)
        model->params[i] = (float)i / 7;
    const xt_model_parts parts = {.plan = &model->net.plan, .data = data, .config_yaml = config_yaml, .epoch = 7,
                                  .state = model->params, .progress = is_checkpoint ? progress : NULL,
                                  .best = is_checkpoint ? model->params + N_STATE : NULL};
    if (write_parts(path, &parts, hash, &err))
        fail_msg("%s", err.text);
    assert_int_equal(xt_file_read(path, 1 << 20, XT_FAILED, &model->bytes, &err), XT_OK);
    xt_hash_block(model->bytes.data, model->bytes.len, expected);
    assert_string_equal(hash, expected);
}

static void save(saved *model)
{
    save_one(model, false);
}

static void forget(saved *model)
{
    unlink(path);
    free(model->params);
    unit_net_clear(&model->net);
    xt_buf_clear(&model->bytes);
}

/* In place: some file systems bring a file that is emptied first to the disk as it is closed. */
static void write_bytes(const void *bytes, size_t n_bytes)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n_bytes), n_bytes);
    assert_int_equal(ftruncate(fd, (off_t)n_bytes), 0);
    assert_int_equal(close(fd), 0);
}

/* The floats of what is in `path`, N_ALL at most; the file is left alone on failure. */
static xt_status load(const saved *model, float *params)
{
    xt_model_file file, before;
    memset(&file, 0x5A, sizeof file);
    before = file;
    xt_status status = xt_model_open(path, &file, &err);
    if (status) {
        assert_memory_equal(&file, &before, sizeof file);
        assert_int_equal(status, err.status);
        assert_int_equal(xt_model_open(path, &file, NULL), status);
        assert_memory_equal(&file, &before, sizeof file);
        return status;
    }
    bool has_best;
    if (model->is_checkpoint)
        status = xt_model_state(&file, path, &model->net.plan, params, params + N_STATE, &has_best, &err);
    else
        status = xt_model_params(&file, path, &model->net.plan, params, &err);
    xt_model_close(&file);
    assert_null(file.inside);
    xt_model_close(&file);
    return status;
}

static void model_round_trip(void **state)
{
    (void)state;
    saved model;
    xt_model_file file = {0};
    float params[13];
    char checksum[XT_HASH_BYTES];
    xt_buf all = {0};
    save(&model);
    assert_int_equal(model.net.plan.n_params, 13);
    assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
    assert_string_equal(file.config, config_yaml);
    assert_string_equal(file.version, XT_VERSION);
    assert_int_equal(file.epoch, 7);
    assert_int_equal(file.encoding->n_columns, 2);
    assert_int_equal(file.encoding->n_inputs, 2);
    assert_int_equal(file.encoding->n_targets, 1);
    assert_string_equal(file.encoding->columns[0].name, names[0]);
    assert_string_equal(file.encoding->columns[1].name, names[1]);
    assert_int_equal(file.encoding->columns[1].at, 1);
    assert_string_equal(file.encoding->target_names[0], names[2]);
    assert_int_equal(file.encoding->n_classes, 0);
    const char *said[] = {"format", "xortrain-1", "xortrain", XT_VERSION, "config", config_yaml,
                          "epoch",  "7",          "encoding", NULL};
    said[9] = "{\"columns\":[{\"name\":\"x \\\"1\\\"\"},{\"name\":\"\xC3\xB6,2\"}],\"targets\":[\"y\"],\"n_targets\":1}";
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        xt_buf_add(&all, said[i], strlen(said[i]) + 1);
    static const struct { const char *name; uint64_t shape[3]; } tensors[] = {
        {"layers.0.weight", {2, 3, 2}}, {"layers.0.bias", {1, 3, 0}}, {"layers.1.weight", {2, 1, 3}},
        {"layers.1.bias", {1, 1, 0}},
    };
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        xt_buf_add(&all, tensors[i].name, strlen(tensors[i].name) + 1);
        xt_buf_add(&all, tensors[i].shape, sizeof tensors[i].shape);
    }
    xt_buf_add(&all, model.params, sizeof params);
    xt_hash_block(all.data, all.len, checksum);
    xt_buf_clear(&all);
    assert_string_equal(file.checksum, checksum);
    assert_int_equal(xt_model_params(&file, path, &model.net.plan, params, &err), XT_OK);
    assert_memory_equal(params, model.params, sizeof params);
    xt_model_close(&file);
    /* The same training, the same bytes. */
    saved again;
    char first[64];
    strcpy(first, path);
    save(&again);
    assert_int_equal(again.bytes.len, model.bytes.len);
    assert_memory_equal(again.bytes.data, model.bytes.data, model.bytes.len);
    forget(&again);
    strcpy(path, first);
    forget(&model);
}

static void checkpoint_round_trip(void **state)
{
    (void)state;
    saved model;
    xt_model_file file = {0};
    float all[N_ALL];
    char message[200];
    bool has_best = false;
    save_one(&model, true);
    assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
    assert_string_equal(file.progress, progress);
    assert_int_equal(load(&model, all), XT_OK);
    assert_memory_equal(all, model.params, sizeof all);
    /* As a model it has its parameters alone. */
    memset(all, 0, sizeof all);
    assert_int_equal(xt_model_params(&file, path, &model.net.plan, all, &err), XT_OK);
    assert_memory_equal(all, model.params, N_PARAMS * sizeof *all);
    assert_true(all[N_PARAMS] == 0);
    /* Of a training that keeps no best epoch, and of one with another optimiser. */
    assert_int_equal(xt_model_state(&file, path, &model.net.plan, all, NULL, &has_best, &err), XT_BAD_DATA);
    snprintf(message, sizeof message, "%s: has weights of a best epoch, which its configuration does not keep", path);
    assert_string_equal(err.text, message);
    model.net.spec.optimizer = xt_choose(&xt_optimizers, "sgd");
    unit_net_plan(&model.net);
    assert_int_equal(xt_model_state(&file, path, &model.net.plan, all, all + N_STATE, &has_best, &err), XT_BAD_DATA);
    snprintf(message, sizeof message, "%s: 16 tensors where its configuration needs 12", path);
    assert_string_equal(err.text, message);
    xt_model_close(&file);
    forget(&model);
}

/* One that uses everything comes back to the bit, and counts for the checksum. */
static void model_with_an_encoding(void **state)
{
    (void)state;
    static const char *const values[] = {"b", "c"}, *const classes[] = {"no", "yes"}, *const target[] = {"kind"};
    static const xt_input_column columns[] = {
        {.name = "n", .has_fill = true, .fill = 0.1},
    };
    static const xt_input_column encoded[] = {{.name = "t", .values = values, .n_values = 2}};
    static const double offset[] = {1.0 / 3}, scale[] = {1e-300};
    static const size_t rows[] = {3, 0};
    static const xt_encoding encodings[] = {
        {.n_columns = 1, .columns = columns, .n_inputs = 1, .offset = offset, .scale = scale, .n_target_columns = 1,
         .target_names = target, .n_targets = 1, .n_classes = 2, .classes = classes, .class_rows = rows,
         .classes_are_text = true},
        {.n_columns = 1, .columns = encoded, .n_inputs = 2, .n_target_columns = 1, .target_names = target,
         .n_targets = 1},
    };
    for (size_t i = 0; i < 2; i++) {
        saved model;
        xt_model_file file = {0};
        char hash[XT_HASH_BYTES], first[XT_HASH_BYTES];
        save(&model);
        assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
        strcpy(first, file.checksum);
        xt_model_close(&file);
        model.net.data.encoding = &encodings[i];
        assert_int_equal(save_to(path, &model.net.plan, model.params, &model.net.data, config_yaml, 7, hash, &err), XT_OK);
        assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
        assert_true(xt_encoding_same(file.encoding, &encodings[i]));
        assert_string_not_equal(file.checksum, first);
        for (size_t k = 0; k < encodings[i].n_classes; k++)
            assert_int_equal(file.encoding->class_rows[k], rows[k]);
        xt_model_close(&file);
        forget(&model);
    }
}

/* What could not be read back is not written. */
static void an_encoding_that_is_not_sound(void **state)
{
    (void)state;
    saved model;
    char hash[XT_HASH_BYTES];
    save(&model);
    const xt_encoding none = {.n_targets = 1};
    model.net.data.encoding = &none;
    model.net.data.origin = "x.csv";
    assert_int_equal(save_to(path, &model.net.plan, model.params, &model.net.data, config_yaml, 7, hash, &err),
                     XT_BAD_DATA);
    assert_string_equal(err.text, "x.csv: the encoding of its columns is not sound: there are no columns, or too many");
    forget(&model);
}

/* Names and shapes as they are documented; the tensors lie one after another. */
static void model_is_a_safetensors_file(void **state)
{
    (void)state;
    saved model;
    save(&model);
    xt_safetensors *file = NULL;
    assert_int_equal(xt_safetensors_open("t", model.bytes.data, model.bytes.len, &file, &err), XT_OK);
    static const struct { const char *name; size_t n_dims, dims[2], at; } rows[] = {
        {"layers.0.weight", 2, {3, 2}, 0}, {"layers.0.bias", 1, {3, 0}, 6},
        {"layers.1.weight", 2, {1, 3}, 9}, {"layers.1.bias", 1, {1, 0}, 12},
    };
    assert_int_equal(xt_safetensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        const xt_tensor *tensor = xt_safetensors_tensor(file, rows[i].name);
        assert_non_null(tensor);
        assert_int_equal(tensor->n_dims, rows[i].n_dims);
        assert_memory_equal(tensor->dims, rows[i].dims, sizeof tensor->dims);
        size_t n = tensor->dims[0] * (tensor->n_dims == 2 ? tensor->dims[1] : 1);
        assert_memory_equal(tensor->values, model.params + rows[i].at, n * sizeof(float));
    }
    assert_string_equal(xt_safetensors_value(file, "format"), "xortrain-1");
    assert_string_equal(xt_safetensors_value(file, "epoch"), "7");
    xt_safetensors_close(&file);
    forget(&model);
}

/* ---- damaged: a model, and a checkpoint ---- */

static const bool is_checkpoint[] = {false, true};

static void every_truncation(void **state)
{
    saved model;
    float params[N_ALL];
    save_one(&model, *(const bool *)*state);
    for (size_t n = 0; n < model.bytes.len; n++) {
        write_bytes(model.bytes.data, n);
        if (load(&model, params) != XT_BAD_DATA)
            fail_msg("%zu bytes of %zu are taken: %s", n, model.bytes.len, err.text);
    }
    /* One byte more is one too many. */
    xt_buf_add(&model.bytes, "", 1);
    write_bytes(model.bytes.data, model.bytes.len);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    forget(&model);
}

/* Refused, or the very same values. */
static void every_bit_flipped(void **state)
{
    static const unsigned char masks[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF};
    saved model;
    size_t n_refused = 0;
    save_one(&model, *(const bool *)*state);
    size_t n_bytes = (model.is_checkpoint ? N_ALL : N_PARAMS) * sizeof(float);
    for (size_t i = 0; i < model.bytes.len; i++) {
        for (size_t k = 0; k < sizeof masks; k++) {
            float params[N_ALL] = {0};
            model.bytes.data[i] = (char)(model.bytes.data[i] ^ masks[k]);
            write_bytes(model.bytes.data, model.bytes.len);
            model.bytes.data[i] = (char)(model.bytes.data[i] ^ masks[k]);
            xt_status status = load(&model, params);
            if (status) {
                assert_int_equal(status, XT_BAD_DATA);
                n_refused++;
                continue;
            }
            if (i >= model.bytes.len - n_bytes)
                fail_msg("byte %zu of the weights with %02x goes unnoticed", i, masks[k]);
            assert_memory_equal(params, model.params, n_bytes);
        }
    }
    assert_true(n_refused > model.bytes.len);
    forget(&model);
}

typedef struct edit_row {
    const char *name, *from, *to; /* of one length; in the file's text */
    const char *message;          /* "%s: ..." */
} edit_row;

#define U "%s: the encoding of its columns is not sound: "

static const edit_row edit_rows[] = {
    {"another format", "xortrain-1", "xortrain-2",
     "%s: not one of xortrain's models: its metadata says format 'xortrain-2', not 'xortrain-1'"},
    {"no metadata", "__metadata__", "__metadata_x", "%s: tensor '__metadata_x' is not of float32"},
    {"no config", "\"config\"", "\"confix\"", "%s: its metadata is not complete"},
    {"no epoch", "\"epoch\"", "\"epocx\"", "%s: its metadata is not complete"},
    {"an epoch that is no number", "\"7\"", "\"x\"", "%s: its metadata is not complete"},
    {"no version", "\"xortrain\"", "\"xortraix\"", "%s: its metadata is not complete"},
    {"no checksum", "\"checksum\"", "\"checksux\"", "%s: its metadata is not complete"},
    {"no encoding", "\"encoding\"", "\"encodinx\"", "%s: its metadata is not complete"},
    {"an encoding that is no JSON", "\"{\\\"columns", "\"[\\\"columns", U "it is no JSON object"},
    {"targets that are no list", "[\\\"y\\\"]", "{}     ", U "there are no targets, or too many"},
    {"an empty list of targets", "[\\\"y\\\"]", "[]     ", U "there are no targets, or too many"},
    {"a target that is a number", "[\\\"y\\\"]", "[12345]", U "a target has no printable name"},
    {"a target that commands the terminal", "[\\\"y\\\"]", "[\\\"\x7f\\\"]", U "a target has no printable name"},
    {"a target without a name", "[\\\"y\\\"]", "[\\\"\\\"] ", U "a target has no printable name"},
    {"a tensor of another name", "layers.1.bias", "layers.1.biax",
     "%s: damaged: it does not have the checksum that was written with it"},
    {"a tensor of another shape", "[1,3]", "[3,1]",
     "%s: damaged: it does not have the checksum that was written with it"},
    {"tensors in another place", "\"data_offsets\":[0,24]", "\"data_offsets\":[4,28]",
     "%s: tensor 'layers.0.weight' does not lie where it should"},
};

/* The text `from` of the file becomes `to`. */
static void edit(saved *model, const char *from, const char *to)
{
    size_t n = strlen(from);
    assert_int_equal(n, strlen(to));
    for (size_t i = 0; i + n <= model->bytes.len; i++)
        if (memcmp(model->bytes.data + i, from, n) == 0) {
            memcpy(model->bytes.data + i, to, n);
            write_bytes(model->bytes.data, model->bytes.len);
            return;
        }
    fail_msg("the file holds no %s", from);
}

static void edited_model_is_refused(void **state)
{
    const edit_row *row = *state;
    saved model;
    float params[13];
    char message[300];
    save(&model);
    edit(&model, row->from, row->to);
    snprintf(message, sizeof message, row->message[0] == '%' ? "%s%s" : "%s", path, row->message + 2);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

static void a_version_that_commands_the_terminal(void **state)
{
    (void)state;
    static const char from[] = "\"xortrain\":\"" XT_VERSION;
    char to[sizeof from], message[100];
    float params[13];
    saved model;
    save(&model);
    memcpy(to, from, sizeof from);
    to[sizeof from - 2] = 0x7f;
    edit(&model, from, to);
    snprintf(message, sizeof message, "%s: its metadata is not complete", path);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

static void another_checksum(void **state)
{
    (void)state;
    saved model;
    float params[13];
    char message[200];
    xt_model_file file = {0};
    save(&model);
    assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
    edit(&model, file.checksum, "0123456789abcdef0123456789abcdef");
    xt_model_close(&file);
    snprintf(message, sizeof message, "%s: damaged: it does not have the checksum that was written with it", path);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

/* An alpha or an epoch that changed would give other outputs without a word. */
static void changed_metadata(void **state)
{
    (void)state;
    saved model;
    float params[13];
    char message[200];
    save(&model);
    edit(&model, "\"7\"", "\"8\"");
    snprintf(message, sizeof message, "%s: damaged: it does not have the checksum that was written with it", path);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

/* The plan is what the configuration inside says. */
static void another_configuration(void **state)
{
    (void)state;
    saved model, other;
    float params[40];
    xt_model_file file = {0};
    char message[300];
    save(&model);
    assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
    unit_net_make(&other.net, &(unit_shape){4, 2, {3, 2, 1}, "tanh", "mse", 2, 5});
    snprintf(message, sizeof message, "%s: 4 tensors where its configuration needs 6", path);
    assert_int_equal(xt_model_params(&file, path, &other.net.plan, params, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    unit_net_clear(&other.net);
    unit_net_make(&other.net, &(unit_shape){4, 2, {4, 1}, "tanh", "mse", 2, 5});
    snprintf(message, sizeof message,
             "%s: tensor layers.0.weight is missing or has not the shape that its configuration needs", path);
    assert_int_equal(xt_model_params(&file, path, &other.net.plan, params, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    unit_net_clear(&other.net);
    xt_model_close(&file);
    forget(&model);
}

static void files_that_are_none(void **state)
{
    (void)state;
    xt_model_file file = {0};
    assert_int_equal(xt_model_open("/tmp/xt-no-such-model", &file, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot open /tmp/xt-no-such-model: No such file or directory");
    assert_int_equal(xt_model_open("configs/xor.yaml", &file, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "configs/xor.yaml: not a model file (safetensors): no header");
    assert_int_equal(xt_model_open("/dev/null", &file, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "/dev/null: not a model file: only 0 bytes");
    assert_null(file.inside);
}

static void no_room_to_save(void **state)
{
    (void)state;
    saved model;
    char hash[XT_HASH_BYTES];
    save(&model);
    assert_int_equal(save_to("/dev/full", &model.net.plan, model.params, &model.net.data, config_yaml, 7, hash, &err),
                     XT_FAILED);
    assert_string_equal(err.text, "cannot write /dev/full: No space left on device");
    assert_int_equal(save_to("/tmp/xt-no-such-dir/m", &model.net.plan, model.params, &model.net.data, config_yaml, 7,
                                   hash, &err),
                     XT_FAILED);
    assert_string_equal(err.text, "cannot create /tmp/xt-no-such-dir/m: No such file or directory");
    forget(&model);
}

int main(void)
{
    UNIT_CASE(model_round_trip);
    UNIT_CASE(model_with_an_encoding);
    UNIT_CASE(an_encoding_that_is_not_sound);
    UNIT_CASE(model_is_a_safetensors_file);
    UNIT_CASE(checkpoint_round_trip);
    for (size_t i = 0; i < 2; i++) {
        unit_case(every_truncation, &is_checkpoint[i], "every_truncation of a %s", i ? "checkpoint" : "model");
        unit_case(every_bit_flipped, &is_checkpoint[i], "every_bit_flipped of a %s", i ? "checkpoint" : "model");
    }
    for (size_t i = 0; i < sizeof edit_rows / sizeof edit_rows[0]; i++)
        unit_case(edited_model_is_refused, &edit_rows[i], "model: %s", edit_rows[i].name);
    UNIT_CASE(a_version_that_commands_the_terminal);
    UNIT_CASE(another_checksum);
    UNIT_CASE(changed_metadata);
    UNIT_CASE(another_configuration);
    UNIT_CASE(files_that_are_none);
    UNIT_CASE(no_room_to_save);
    return unit_run("model file");
}
