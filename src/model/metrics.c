#include "model/metrics.h"
#include <math.h>
#include <stddef.h>

static const xt_kind rows[] = {
    {{"accuracy", "share of rows put in the right class"}, {{.name = "threshold", .help = "of a single output, between the two classes", .def = 0.5f, .range = XT_RANGE_ANY}, {.name = "positive", .help = "which side of the threshold is the positive class", .type = XT_PARAM_NAME, .names = (const char *const[]){"above", "below", NULL}}}, NULL},
    {{"mae", "mean absolute error"}, {{0}}, NULL}, {{"rmse", "square root of the mean squared error"}, {{0}}, NULL}};
const xt_table xt_metrics = XT_TABLE("metric", rows);
bool xt_metric_is_gain(int code) { return code == 0; }
xt_status xt_metrics_measure(const xt_choice *metrics, size_t n_metrics, const xt_scored *s, double *values, xt_err *err)
{
    (void)err;
    for (size_t i = 0; i < n_metrics; i++) {
        double sum = 0;
        for (size_t r = 0; r < s->n_rows; r++) {
            const float *a = s->outputs + r * s->n_outputs, *y = s->targets + (s->order ? s->order[r] : r) * s->n_outputs;
            size_t said = 0, is = 0, n = s->n_outputs;
            for (size_t j = 0; j < n; j++) {
                double d = (double)a[j] - (double)y[j];
                if (metrics[i].kind) sum += metrics[i].kind == 1 ? fabs(d) : d * d;
                said = a[j] > a[said] ? j : said; is = y[j] > y[is] ? j : is;
            }
            float p = metrics[i].values[0]; bool q = metrics[i].values[1] != 0;
            if (!metrics[i].kind)
                sum += n == 1 ? (q ? a[0] < p : a[0] > p) == (q ? y[0] < p : y[0] > p) && a[0] == a[0] : said == is && a[said] == a[said];
        }
        values[i] = sum / (double)s->n_rows / (metrics[i].kind ? (double)s->n_outputs : 1);
        if (metrics[i].kind == 2) values[i] = sqrt(values[i]);
    }
    return XT_OK;
}
