#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/model.h"

#include <inttypes.h>

static void describe(const xt_options *options, const xt_model *model, xt_buf *out)
{
    const xt_spec *spec = xt_config_spec(model->config);
    xt_describe_label("model", out);
    xt_buf_printf(out, "%s\n", options->args[0]);
    xt_describe_label("run", out);
    xt_buf_printf(out, "%s, seed %" PRIu64 ", after %lu epoch%s\n", spec->name, spec->seed, model->file.epoch,
                  model->file.epoch == 1 ? "" : "s");
    xt_describe_encoding(model->file.encoding, spec->normalize, out);
    xt_describe_network(&model->plan, false, out);
    xt_describe_objective(spec, out);
    xt_describe_label("written by", out);
    xt_buf_printf(out, "xortrain %s\n", model->file.version);
    xt_describe_label("checksum", out);
    xt_buf_printf(out, "%s (verified)\n", model->file.checksum);
}

xt_status xt_cmd_inspect(const xt_options *options, xt_err *err)
{
    xt_model model = {0};
    xt_buf text = {0};
    xt_status status = xt_model_load(options, &model, err);
    if (!status) {
        if (options->values)
            xt_describe_values(&model.plan, model.state, &text);
        else
            describe(options, &model, &text);
        status = xt_print(&text, err);
    }
    xt_model_clear(&model);
    xt_buf_clear(&text);
    return status;
}
