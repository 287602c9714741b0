#include "exports.h"

#include "base/file.h"
#include "engine/engine.h"
#include "model/ops.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static xt_err err;

static void assert_ok(xt_status status)
{
    if (status)
        fail_msg("%s", err.text);
}

static const char flags[] = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror "
                            "-ffp-contract=off -O1";

void *unit_export_load(const char *compiler, const xt_buf *text)
{
    char dir[] = "/tmp/xt-export-XXXXXX", path[64], library[64], command[500];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/net.c", dir);
    snprintf(library, sizeof library, "%s/net.so", dir);
    assert_false(text->failed);
    assert_ok(xt_file_replace(path, text->data, text->len, &err));
    snprintf(command, sizeof command, "%s %s -shared -fPIC -o %s %s -lm", compiler, flags, library, path);
    if (system(command) != 0)
        fail_msg("does not compile: %s", command);
    void *loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!loaded)
        fail_msg("%s", dlerror());
    assert_true(unlink(path) == 0 && unlink(library) == 0 && rmdir(dir) == 0);
    return loaded;
}

void *unit_export_symbol(void *library, const char *name, const char *what)
{
    char text[100];
    snprintf(text, sizeof text, "%s_%s", name, what);
    return dlsym(library, text);
}

bool unit_export_has(const char *compiler)
{
    char command[80];
    snprintf(command, sizeof command, "command -v %s >/dev/null", compiler);
    return system(command) == 0;
}

void unit_model_make(unit_model *m, const char *name, size_t n_inputs, uint32_t hidden, const char *activation)
{
    *m = (unit_model){.target = "y"};
    m->spec = (xt_spec){.name = name, .layers = m->layers, .n_layers = hidden ? 2 : 1, .device = "auto",
                        .engine = XT_ENGINE_reference, .loss = xt_choose(&xt_losses, "mse"),
                        .optimizer = xt_choose(&xt_optimizers, "sgd"), .batch_size = 1};
    m->layers[0] = (xt_layer){.units = hidden ? hidden : 1, .activation = xt_choose(&xt_activations, activation)};
    m->layers[1] = (xt_layer){.units = 1, .activation = xt_choose(&xt_activations, "linear")};
    m->columns = calloc(n_inputs, sizeof *m->columns);
    assert_non_null(m->columns);
    for (size_t i = 0; i < n_inputs; i++)
        m->columns[i] = (xt_input_column){.name = "x", .at = i};
    m->encoding = (xt_encoding){.n_columns = n_inputs, .columns = m->columns, .n_inputs = n_inputs, .n_targets = 1,
                                .n_target_columns = 1, .target_names = &m->target};
    m->file = (xt_model_file){.config = "", .version = "0", .checksum = "0", .encoding = &m->encoding};
    assert_ok(xt_plan_make(&m->spec, n_inputs, 1, &m->plan, &err));
    m->params = calloc((1 + m->plan.n_slots) * m->plan.n_params, sizeof *m->params);
    assert_non_null(m->params);
    for (size_t i = 0; i < m->plan.n_params; i++)
        m->params[i] = (float)((int)(i % 17) - 8) / 8;
}

void unit_model_clear(unit_model *m)
{
    free(m->columns);
    free(m->params);
}

xt_export unit_model_job(const unit_model *m)
{
    return (xt_export){&m->file, &m->plan, m->params, 0.5f, "0"};
}

void unit_export_run(const xt_plan *plan, const float *params, const float *inputs, size_t n_rows, float *outputs)
{
    xt_engine *engine = NULL;
    assert_ok(xt_engine_open(plan, NULL, params, &engine, &err));
    assert_ok(engine->ops->evaluate(engine, inputs, NULL, n_rows, outputs, NULL, &err));
    xt_engine_close(&engine);
}
