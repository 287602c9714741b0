#include "cli/session.h"

#include "app/encoding.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/weighing.h"
#include "ocl/device.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_stdin(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* Standard input can be read once; of the data alone the configuration sees to that. */
static xt_status check_stdin(const xt_options *options, const xt_spec *spec, xt_err *err)
{
    const xt_source *sources[] = {&spec->train, &spec->validation.source, &spec->test.source};
    bool data = false, config = false;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        data = data || is_stdin(sources[i]->file) || is_stdin(sources[i]->targets_file);
    for (size_t i = 0; i < options->n_files; i++)
        config = config || is_stdin(options->sources[i].text);
    if (data && config)
        return xt_fail(err, XT_BAD_USAGE, "standard input cannot be both the configuration and the data");
    return XT_OK;
}

/* What could not be read back from a model is refused before training. */
static xt_status check_encoding(const xt_dataset *data, xt_err *err)
{
    return data->encoding ? xt_encoding_check(data->origin, data->encoding, err) : XT_OK;
}

/* What is not wrong, but hardly meant. */
static void warn_of(const xt_dataset *train)
{
    const xt_encoding *encoding = train->encoding;
    for (size_t i = 0; encoding && train->input_facts && i < encoding->n_columns; i++) {
        const xt_column_facts *facts = &train->input_facts[i];
        double span = facts->high - facts->low, most = fmax(fabs(facts->low), fabs(facts->high));
        /* Steps of single precision at these numbers are more than a thousandth of what they range over. */
        if (!encoding->columns[i].n_values && span > 0 && most * (double)FLT_EPSILON > span / 1000)
            xt_warn("column %s runs from %.10g to %.10g, where single precision has steps of %.2g: take a base off before",
                    facts->name, facts->low, facts->high, most * (double)FLT_EPSILON);
    }
    for (size_t i = 0; encoding && train->class_rows && i < encoding->n_classes; i++)
        if (!train->class_rows[i])
            xt_warn("class %s has no row to train on", encoding->classes[i]);
}

xt_status xt_load_rows(const xt_spec *spec, xt_parts *parts, xt_err *err)
{
    xt_dataset *const all[] = {&parts->train, &parts->validation, &parts->test};
    xt_status status = xt_parts_load(spec, parts, err);
    if (!status)
        status = check_encoding(&parts->train, err);
    for (size_t i = 0; !status && i < sizeof all / sizeof all[0]; i++)
        if (all[i]->n_rows)
            status = xt_weigh(spec, all[i], err);
    if (!status)
        warn_of(&parts->train);
    return status;
}

xt_status xt_session_open(const xt_options *options, xt_session *session, xt_err *err)
{
    xt_status status = xt_config_open(options->sources, options->n_sources, &session->config, err);
    if (!status)
        status = check_stdin(options, xt_config_spec(session->config), err);
    return status ? status : xt_session_load(session, err);
}

xt_status xt_session_load(xt_session *session, xt_err *err)
{
    double before = xt_seconds();
    session->spec = xt_config_spec(session->config);
    xt_status status = xt_load_rows(session->spec, &session->parts, err);
    session->data_seconds = xt_seconds() - before;
    if (!status)
        status = xt_plan_make(session->spec, session->parts.train.n_inputs, session->parts.train.n_targets,
                              &session->plan, err);
    if (status == XT_BAD_CONFIG)
        xt_config_locate(session->config, err);
    if (!status) {
        session->state = calloc((1 + session->plan.n_slots) * session->plan.n_params, sizeof *session->state);
        if (!session->state)
            status = xt_fail_memory(err, "the parameters", session->plan.n_params * sizeof *session->state);
    }
    return status;
}

xt_status xt_session_open_engine(xt_session *session, xt_err *err)
{
    double before = xt_seconds();
    if (session->spec->engine == XT_ENGINE_reference && strcmp(session->spec->device, "auto") != 0)
        xt_warn("device %s is not used: the reference engine runs on the host", session->spec->device);
    xt_devices_prepare();
    /* The engine first: whether the network fits the device shows at once, while
     * drawing the values of a very large one takes its time. */
    xt_status status = xt_engine_open(&session->plan, &session->parts.train, NULL, &session->engine, err);
    if (!status)
        status = xt_plan_init_params(&session->plan, session->state, err);
    if (!status)
        status = session->engine->ops->write_state(session->engine, session->state, err);
    session->open_seconds = xt_seconds() - before;
    if (status)
        return status;
    const xt_engine_facts *facts = &session->engine->facts;
    const char *form = facts->form ? facts->form : "";
    if (!*facts->device_index)
        xt_detail("engine %s (%s) on the host", facts->engine, facts->why);
    else
        xt_detail("engine %s%s%s (%s) on %s %s, %s; %zu bytes on the device", facts->engine, *form ? ", " : "", form,
              facts->why, facts->device_index, facts->device, facts->driver, facts->device_bytes);
    return XT_OK;
}

xt_status xt_session_inputs(const xt_options *options, const xt_spec *spec, const char ***out, size_t *n, xt_err *err)
{
    size_t n_inputs = 0;
    const char **inputs = calloc(options->n_files + 6, sizeof *inputs);
    if (!inputs)
        return xt_fail_memory(err, "the paths of inputs", 0);
    for (size_t i = 0; i < options->n_files; i++)
        inputs[n_inputs++] = options->sources[i].text;
    for (size_t i = 0; spec && i < 3; i++) {
        const xt_source *source = i == 0 ? &spec->train : i == 1 ? &spec->validation.source : &spec->test.source;
        if (source->file)
            inputs[n_inputs++] = source->file;
        if (source->targets_file)
            inputs[n_inputs++] = source->targets_file;
    }
    *out = inputs;
    *n = n_inputs;
    return XT_OK;
}

void xt_session_close(xt_session *session)
{
    xt_engine_close(&session->engine);
    free(session->state);
    xt_parts_clear(&session->parts);
    xt_config_close(&session->config);
    *session = (xt_session){0};
}
