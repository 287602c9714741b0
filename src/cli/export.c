#include "app/export.h"

#include "base/file.h"
#include "cli/commands.h"
#include "cli/model.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static xt_status fail_target(const char *typed, xt_err *err)
{
    xt_buf names = {0};
    const char *near = typed ? xt_table_nearest(&xt_export_targets, typed) : NULL;
    xt_table_names(&xt_export_targets, &names);
    if (!typed)
        xt_fail(err, XT_BAD_USAGE, "export needs --to TARGET; there are %s", xt_buf_text(&names));
    else if (near)
        xt_fail(err, XT_BAD_USAGE, "--to: unknown target '%.100s'; did you mean %s?", typed, near);
    else
        xt_fail(err, XT_BAD_USAGE, "--to: unknown target '%.100s'; there are %s", typed, xt_buf_text(&names));
    xt_buf_clear(&names);
    return XT_BAD_USAGE;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What can be told without reading the model. */
static xt_status check_line(const xt_options *options, const xt_export_target **target, xt_err *err)
{
    int index = options->to ? xt_table_find(&xt_export_targets, options->to) : -1;
    if (index < 0)
        return fail_target(options->to, err);
    *target = xt_export_target_at(index);
    if (!options->out)
        return xt_fail(err, XT_BAD_USAGE, "export needs -o FILE; - is standard output");
    bool to_stdout = strcmp(options->out, "-") == 0;
    if (to_stdout && (*target)->binary && isatty(STDOUT_FILENO))
        return xt_fail(err, XT_BAD_USAGE, "%s is binary, not for a terminal: give -o FILE", options->to);
    if (!to_stdout && same_file(options->args[0], options->out))
        return xt_fail(err, XT_BAD_USAGE, "-o %s is the model that is exported", options->out);
    return XT_OK;
}

xt_status xt_cmd_export(const xt_options *options, xt_err *err)
{
    const xt_export_target *target = NULL;
    xt_model model = {0};
    xt_buf bytes = {0};
    xt_status status = check_line(options, &target, err);
    if (!status)
        status = xt_model_load(options, &model, err);
    if (!status) {
        const xt_spec *spec = xt_config_spec(model.config);
        xt_export job = {&model.file, &model.plan, model.state, xt_threshold_of(spec), XT_VERSION};
        status = target->print(&job, &bytes, err);
    }
    if (!status && strcmp(options->out, "-") == 0)
        status = xt_print(&bytes, err);
    else if (!status)
        status = xt_file_replace(options->out, bytes.data, bytes.len, err);
    xt_model_clear(&model);
    xt_buf_clear(&bytes);
    return status;
}
