#include "app/resume.h"

#include "app/model_file.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- finding ---- */

static xt_status open_named(const char *name, xt_model_file *out, xt_err *err)
{
    xt_status status = xt_model_open(name, out, err);
    if (!status && !out->progress) {
        xt_model_close(out);
        status = xt_fail(err, XT_BAD_DATA, "%s: a model, no checkpoint: it does not say where its training stands", name);
    }
    return status;
}

static xt_status open_in(const xt_outdir *dir, const char *file, xt_buf *name, xt_model_file *out, xt_err *err)
{
    xt_buf_reset(name);
    xt_outdir_file(dir, file, name);
    return name->failed ? xt_fail_memory(err, file, 0) : open_named(name->data, out, err);
}

/* The last checkpoint; where that is damaged, or was just being replaced, the one before. */
static xt_status find(const xt_outdir *dir, xt_resume *resume, xt_model_file *out, xt_err *err)
{
    xt_err why, older;
    bool has_last = xt_outdir_has(dir, xt_last), has_previous = xt_outdir_has(dir, xt_previous);
    resume->found = has_last || has_previous;
    if (!resume->found)
        return XT_OK;
    xt_status status = XT_OK;
    if (has_last)
        status = open_in(dir, xt_last, &resume->name, out, &why);
    resume->is_last = has_last && !status;
    if (resume->is_last)
        return XT_OK;
    if (status && status != XT_BAD_DATA)
        return xt_fail(err, status, "%s", why.text);
    if (!has_previous)
        return xt_fail(err, status, "%s\nthere is no previous.safetensors to go on from; without --resume the run starts "
                                    "from the beginning", why.text);
    status = open_in(dir, xt_previous, &resume->name, out, &older);
    if (status) {
        xt_fail(err, status, "%s", has_last ? why.text : older.text);
        if (has_last)
            xt_fail_also(err, &older);
        return status;
    }
    if (has_last)
        xt_warn("%s; going on from %s, after epoch %lu", why.text, xt_buf_text(&resume->name), out->epoch);
    else
        xt_warn("%s/last.safetensors is missing; going on from %s, after epoch %lu", dir->path,
                xt_buf_text(&resume->name), out->epoch);
    return XT_OK;
}

/* ---- holding it against the run ---- */

static void warn_of_engine(const char *name, const xt_buf *engine)
{
    if (!engine->len)
        return;
    xt_warn("%s: trained until here on another engine or device, so the bits to come may not be the same:\n%.*s", name,
            (int)(engine->len - 1), engine->data);
}

/* Lines that another function wrote, indented, as the end of a message. */
static void add_lines(const xt_buf *lines, xt_buf *out)
{
    for (const char *at = xt_buf_text(lines); *at;) {
        size_t n = strcspn(at, "\n");
        xt_buf_printf(out, "\n  %.*s", (int)n, at);
        at += n + (at[n] == '\n');
    }
}

static xt_status refuse(const char *name, const xt_buf *config, const xt_buf *data, xt_err *err)
{
    xt_buf text = {0};
    xt_buf_printf(&text, "%s: this run is not the one that was saved there:", name);
    add_lines(config, &text);
    add_lines(data, &text);
    xt_buf_puts(&text, "\nwithout --resume the run starts from the beginning; --out DIR leaves the files of the other one");
    xt_status status = xt_fail(err, config->len ? XT_BAD_CONFIG : XT_BAD_DATA, "%s", xt_buf_text(&text));
    xt_buf_clear(&text);
    return status;
}

static xt_status check_epoch(const char *name, const xt_model_file *model, const xt_moment *moment, uint32_t epochs,
                             xt_err *err)
{
    if (model->epoch != moment->epoch)
        return xt_fail(err, XT_BAD_DATA, "%s: its progress is not that of epoch %lu", name, model->epoch);
    if (moment->epoch > epochs)
        return xt_fail(err, XT_BAD_CONFIG, "%s: trained for %u epochs already, and train.epochs is %u", name,
                       moment->epoch, epochs);
    return XT_OK;
}

/* The changes of all resumptions, as long as there is room for them; then that there are more. */
static void note_changes(xt_moment *moment, const xt_buf *lines)
{
    static const char more[] = "and more\n";
    size_t n = strlen(moment->changes), room = sizeof moment->changes - sizeof more;
    for (const char *at = xt_buf_text(lines); *at;) {
        size_t line = strcspn(at, "\n");
        char text[400];
        int len = snprintf(text, sizeof text, "epoch %u: %.*s\n", moment->epoch, (int)(line < 300 ? line : 300), at);
        bool full = n >= room || (size_t)len > room - n;
        if (full && (n < sizeof more || strcmp(moment->changes + n - (sizeof more - 1), more) != 0))
            strcpy(moment->changes + n, more);
        if (full)
            return;
        strcpy(moment->changes + n, text);
        n += (size_t)len;
        at += line + (at[line] == '\n');
    }
}

static xt_status read(const xt_run_job *job, const xt_model_file *model, float *state, float *best, xt_resume *resume,
                      xt_err *err)
{
    const char *name = xt_buf_text(&resume->name);
    const xt_circumstances now = {job->data, job->validation, job->test, &job->engine->facts};
    xt_buf config = {0}, data = {0}, engine = {0};
    xt_status status = job->compare(job->config, name, model->config, &config, &resume->changes, err);
    if (!status && !config.len)
        status = xt_moment_parse(name, model->progress, job->plan->spec, &now, &resume->moment, &data, &engine, err);
    if (strcmp(model->version, XT_VERSION) != 0)
        xt_buf_printf(&engine, "xortrain %s, was %s\n", XT_VERSION, model->version);
    if (!status && (config.failed || data.failed || engine.failed || resume->changes.failed))
        status = xt_fail_memory(err, name, 0);
    if (!status && (config.len || data.len))
        status = refuse(name, &config, &data, err);
    if (!status)
        status = check_epoch(name, model, &resume->moment, job->plan->spec->epochs, err);
    if (!status)
        status = xt_model_state(model, name, job->plan, state, best, &resume->has_best, err);
    if (!status && best && resume->has_best != (resume->moment.control.best_epoch != 0))
        status = xt_fail(err, XT_BAD_DATA, "%s: the weights of its best epoch are missing", name);
    if (!status) {
        warn_of_engine(name, &engine);
        note_changes(&resume->moment, &resume->changes);
        note_changes(&resume->moment, &engine);
        resume->moment.resumed++;
    }
    xt_buf_clear(&config);
    xt_buf_clear(&data);
    xt_buf_clear(&engine);
    return status;
}

xt_status xt_resume_open(const xt_run_job *job, const xt_outdir *dir, float *state, float *best, xt_resume *out,
                         xt_err *err)
{
    xt_model_file model = {0};
    xt_status status;
    if (job->resume_file) {
        xt_buf_puts(&out->name, job->resume_file);
        status = open_named(job->resume_file, &model, err);
        out->found = !status;
    } else {
        status = find(dir, out, &model, err);
    }
    if (!status && out->found)
        status = read(job, &model, state, best, out, err);
    xt_model_close(&model);
    return status;
}

void xt_resume_clear(xt_resume *resume)
{
    xt_buf_clear(&resume->name);
    xt_buf_clear(&resume->changes);
}
