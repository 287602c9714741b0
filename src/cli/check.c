#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/preview.h"
#include "engine/gradcheck.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Finite differences cost two forward passes a parameter: as many parameters
 * are sampled, evenly, as so many multiply-adds allow. Some seconds. */
static const double max_work = 4e9;
/* Of the largest gradient of a layer; single precision's error is below 1e-5. */
static const double tolerance = 1e-3;

static void describe_training(const xt_session *session, xt_buf *out)
{
    const xt_spec *spec = session->spec;
    size_t batch = spec->batch_size < session->parts.train.n_rows ? spec->batch_size : session->parts.train.n_rows;
    size_t n_updates = (session->parts.train.n_rows + batch - 1) / batch;
    xt_describe_objective(spec, out);
    xt_describe_label("training", out);
    xt_buf_printf(out, "%" PRIu32 " epoch%s of %zu update%s with %zu row%s each\n", spec->epochs,
                  spec->epochs == 1 ? "" : "s", n_updates, n_updates == 1 ? "" : "s", batch, batch == 1 ? "" : "s");
    xt_describe_label("output", out);
    xt_buf_printf(out, "%s\n", spec->output_dir);
}

static void describe_engine(const xt_session *session, xt_buf *out)
{
    const xt_engine_facts *facts = &session->engine->facts;
    xt_describe_label("engine", out);
    xt_buf_printf(out, "%s (%s)\n", facts->engine, facts->why);
    xt_describe_label("device", out);
    xt_buf_printf(out, "%s%s%s\n", facts->device_index, facts->device_index[0] ? " " : "", facts->device);
    xt_describe_label("memory", out);
    if (facts->device_bytes)
        xt_buf_printf(out, "%zu bytes on the device, ", facts->device_bytes);
    xt_buf_printf(out, "%zu bytes of data on the host\n", xt_preview_host_bytes(&session->parts));
}

/* ---- gradients ---- */

typedef struct gradients {
    size_t n_rows; /* the first batch */
    double loss;
    float *of_engine, *of_host; /* n_params */
    double *slopes;             /* n_params: finite differences */
    xt_gradcheck result;
    double host_difference; /* largest |engine - host|, relative to the largest of the host's; nan: one is not finite */
} gradients;

static xt_status host_gradients(const xt_session *session, gradients *g, xt_err *err)
{
    xt_spec spec = *session->spec;
    xt_plan plan = session->plan;
    xt_engine *host = NULL;
    double loss;
    spec.engine = XT_ENGINE_reference;
    plan.spec = &spec;
    xt_status status = xt_engine_open(&plan, &session->parts.train, session->state, &host, err);
    if (!status)
        status = host->ops->gradients(host, 0, g->n_rows, &loss, g->of_host, err);
    xt_engine_close(&host);
    double most = 0, difference = 0;
    for (size_t i = 0; !status && i < plan.n_params; i++) {
        double size = fabs((double)g->of_host[i]), apart = fabs((double)g->of_engine[i] - (double)g->of_host[i]);
        most = size > most ? size : most;
        /* Not fmax: it would drop a nan, which is the worst difference of all. */
        if (!isnan(difference) && !(apart <= difference))
            difference = apart;
    }
    g->host_difference = most > 0 ? difference / most : difference;
    return status;
}

static size_t sampled_params(size_t n_params, size_t n_rows)
{
    double most = max_work / (2 * (double)n_params * (double)n_rows);
    return most < 16 ? 16 : most < (double)n_params ? (size_t)most : n_params;
}

static xt_status measure(const xt_session *session, gradients *g, xt_err *err)
{
    const xt_plan *plan = &session->plan;
    size_t n = plan->n_params;
    g->n_rows = session->spec->batch_size < session->parts.train.n_rows ? session->spec->batch_size : session->parts.train.n_rows;
    g->of_engine = calloc(n, sizeof *g->of_engine);
    g->of_host = calloc(n, sizeof *g->of_host);
    g->slopes = calloc(n, sizeof *g->slopes);
    if (!g->of_engine || !g->of_host || !g->slopes)
        return xt_fail_memory(err, "the gradients", n * (2 * sizeof(float) + sizeof(double)));
    xt_engine *engine = session->engine;
    xt_status status = engine->ops->gradients(engine, 0, g->n_rows, &g->loss, g->of_engine, err);
    if (!status)
        status = xt_gradcheck_run(plan, &session->parts.train, session->state, 0, g->n_rows, g->of_engine,
                                  sampled_params(n, g->n_rows), tolerance, g->slopes, &g->result, err);
    return status ? status : host_gradients(session, g, err);
}

static void describe_gradients(const xt_session *session, const gradients *g, bool values, xt_buf *out)
{
    char name[64];
    xt_describe_label("gradients", out);
    xt_buf_printf(out, "of the first %zu row%s, loss %.9g\n", g->n_rows, g->n_rows == 1 ? "" : "s", g->loss);
    xt_describe_label("", out);
    if (g->result.n_checked)
        xt_buf_printf(out, "finite differences: %zu of %zu parameters, %zu at a kink left out; largest difference %.2g\n",
                      g->result.n_checked, session->plan.n_params, g->result.n_skipped, g->result.max_difference);
    else
        xt_buf_puts(out, "finite differences: nothing could be checked, every parameter is at a kink of the loss\n");
    xt_describe_label("", out);
    xt_buf_printf(out, "host: all parameters; largest difference %.2g\n", g->host_difference);
    for (size_t i = 0; values && i < session->plan.n_params; i++) {
        xt_plan_param_name(&session->plan, i, name, sizeof name);
        /* A unit that is off has a gradient of -0 where the error is negative: 0 to a reader. */
        xt_buf_printf(out, "%s %.9g\n", name, (double)g->of_engine[i] + 0.0);
    }
}

static xt_status check_gradients(const xt_session *session, bool values, xt_buf *out, xt_err *err)
{
    gradients g = {0};
    xt_status status = measure(session, &g, err);
    if (!status) {
        char name[64];
        describe_gradients(session, &g, values, out);
        xt_plan_param_name(&session->plan, g.result.worst, name, sizeof name);
        if (!g.result.passed)
            status = xt_fail(err, XT_DIFFERS,
                             "the gradient of %s is %.9g, but finite differences give %.9g: %s computes wrongly", name,
                             (double)g.of_engine[g.result.worst], g.result.worst_slope, session->engine->facts.device);
        else if (!(g.host_difference <= tolerance))
            status = xt_fail(err, XT_DIFFERS, "the gradients of %s differ from the host's by %.2g of the largest",
                             session->engine->facts.device, g.host_difference);
    }
    free(g.of_engine);
    free(g.of_host);
    free(g.slopes);
    return status;
}

xt_status xt_cmd_check(const xt_options *options, xt_err *err)
{
    xt_session session = {0};
    xt_buf text = {0};
    xt_status status = xt_session_open(options, &session, err);
    if (!status)
        status = xt_session_open_engine(&session, err);
    if (!status) {
        xt_preview_data(&session, &text);
        xt_describe_network(&session.plan, true, &text);
        describe_training(&session, &text);
        describe_engine(&session, &text);
        if (options->gradients)
            status = check_gradients(&session, options->values, &text, err);
        else if (options->values)
            xt_describe_values(&session.plan, session.state, &text);
        /* What was found is told even where it is a difference. */
        if (!status || status == XT_DIFFERS) {
            xt_status printed = xt_print(&text, status ? NULL : err);
            status = status ? status : printed;
        }
    }
    xt_session_close(&session);
    xt_buf_clear(&text);
    return status;
}
