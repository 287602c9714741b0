/* scalar.h: every scalar operation of training, written once.
 *
 * This file is compiled from one text as OpenCL C in the kernels, in single
 * precision, of single values or vectors of them; as C11 in single precision for
 * the host reference; and as C11 in double precision for the derivative checks.
 * So it keeps to the subset that they share: no variadic macros, no pointers
 * without an address space, math functions by their xt_ names, and what depends
 * on a value is chosen by ?:, never by if. Whoever includes it defines before
 * (device.h does in kernels):
 *   xt_real                 the type of a value
 *   XT_R(c)                 a constant as xt_real
 *   XT_FN                   how a function is declared ("static inline", "inline")
 *   XT_ROWS, XT_TARGETS     the address spaces of a row of outputs, of targets
 *   xt_exp .. xt_sqrt       the math functions for xt_real
 *
 * Adding an operation is one row in its list and its functions; the row's
 * columns are described beside the list. The formulas are PyTorch's.
 *
 * Comparisons are written so that nan goes through (z < 0 ? 0 : z, never
 * fmax): a diverged network must show it in its loss. */

/* ---- activations: a = f(z), and da/dz from z and a; p is the row's parameter ---- */

XT_FN xt_real xt_act_linear(xt_real z, float p) { (void)p; return z; }
XT_FN xt_real xt_dact_linear(xt_real z, xt_real a, float p) { (void)z; (void)a; (void)p; return XT_R(1); }

/* The derivative at 0 is 0. */
XT_FN xt_real xt_act_relu(xt_real z, float p) { (void)p; return z < XT_R(0) ? XT_R(0) : z; }
XT_FN xt_real xt_dact_relu(xt_real z, xt_real a, float p) { (void)a; (void)p; return z > XT_R(0) ? XT_R(1) : XT_R(0); }

XT_FN xt_real xt_act_leaky_relu(xt_real z, float p) { return z > XT_R(0) ? z : XT_R(p) * z; }
XT_FN xt_real xt_dact_leaky_relu(xt_real z, xt_real a, float p) { (void)a; return z > XT_R(0) ? XT_R(1) : XT_R(p); }

XT_FN xt_real xt_act_elu(xt_real z, float p) { return z > XT_R(0) ? z : XT_R(p) * xt_expm1(z); }
XT_FN xt_real xt_dact_elu(xt_real z, xt_real a, float p) { return z > XT_R(0) ? XT_R(1) : a + XT_R(p); }

/* Klambauer et al. 2017, "Self-Normalizing Neural Networks". */
#define XT_SELU_ALPHA XT_R(1.6732632423543772)
#define XT_SELU_SCALE XT_R(1.0507009873554805)
XT_FN xt_real xt_act_selu(xt_real z, float p) { (void)p; return XT_SELU_SCALE * (z > XT_R(0) ? z : XT_SELU_ALPHA * xt_expm1(z)); }
XT_FN xt_real xt_dact_selu(xt_real z, xt_real a, float p) { (void)p; return z > XT_R(0) ? XT_SELU_SCALE : a + XT_SELU_SCALE * XT_SELU_ALPHA; }

/* z * Phi(z) and Phi(z) + z * phi(z), Phi and phi of the standard normal distribution. */
XT_FN xt_real xt_act_gelu(xt_real z, float p) { (void)p; return XT_R(0.5) * z * (XT_R(1) + xt_erf(z * XT_R(0.7071067811865476))); }
XT_FN xt_real xt_dact_gelu(xt_real z, xt_real a, float p)
{
    (void)a; (void)p;
    return XT_R(0.5) * (XT_R(1) + xt_erf(z * XT_R(0.7071067811865476))) + z * XT_R(0.3989422804014327) * xt_exp(XT_R(-0.5) * z * z);
}

/* gelu's approximation: 0.5 z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))). */
XT_FN xt_real xt_act_gelu_tanh(xt_real z, float p)
{
    (void)p;
    return XT_R(0.5) * z * (XT_R(1) + xt_tanh(XT_R(0.7978845608028654) * (z + XT_R(0.044715) * z * z * z)));
}
XT_FN xt_real xt_dact_gelu_tanh(xt_real z, xt_real a, float p)
{
    (void)a; (void)p;
    xt_real t = xt_tanh(XT_R(0.7978845608028654) * (z + XT_R(0.044715) * z * z * z));
    xt_real bend = XT_R(1) - t * t; /* 0 long before z * z overflows */
    return XT_R(0.5) * (XT_R(1) + t) +
           (bend > XT_R(0) ? XT_R(0.5) * z * bend * XT_R(0.7978845608028654) * (XT_R(1) + XT_R(0.134145) * z * z) : XT_R(0));
}

XT_FN xt_real xt_act_sigmoid(xt_real z, float p) { (void)p; return XT_R(1) / (XT_R(1) + xt_exp(-z)); }
XT_FN xt_real xt_dact_sigmoid(xt_real z, xt_real a, float p) { (void)z; (void)p; return a * (XT_R(1) - a); }

XT_FN xt_real xt_act_silu(xt_real z, float p) { (void)p; return z / (XT_R(1) + xt_exp(-z)); }
XT_FN xt_real xt_dact_silu(xt_real z, xt_real a, float p)
{
    (void)a;
    xt_real s = xt_act_sigmoid(z, p);
    return s * (XT_R(1) + z * (XT_R(1) - s));
}

XT_FN xt_real xt_act_tanh(xt_real z, float p) { (void)p; return xt_tanh(z); }
XT_FN xt_real xt_dact_tanh(xt_real z, xt_real a, float p) { (void)z; (void)p; return XT_R(1) - a * a; }

/* log(1 + e^z) without overflow. */
XT_FN xt_real xt_act_softplus(xt_real z, float p) { (void)p; return (z < XT_R(0) ? XT_R(0) : z) + xt_log1p(xt_exp(-xt_fabs(z))); }
XT_FN xt_real xt_dact_softplus(xt_real z, xt_real a, float p) { (void)a; return xt_act_sigmoid(z, p); }

XT_FN xt_real xt_act_softsign(xt_real z, float p) { (void)p; return z / (XT_R(1) + xt_fabs(z)); }
XT_FN xt_real xt_dact_softsign(xt_real z, xt_real a, float p)
{
    (void)a; (void)p;
    xt_real d = XT_R(1) + xt_fabs(z);
    return XT_R(1) / (d * d);
}

/* relu6(z + 3) / 6. */
XT_FN xt_real xt_act_hard_sigmoid(xt_real z, float p)
{
    (void)p;
    xt_real low = z < XT_R(-3) ? XT_R(-3) : z;
    return ((low > XT_R(3) ? XT_R(3) : low) + XT_R(3)) / XT_R(6);
}
XT_FN xt_real xt_dact_hard_sigmoid(xt_real z, xt_real a, float p) { (void)a; (void)p; return xt_fabs(z) < XT_R(3) ? XT_R(1) / XT_R(6) : XT_R(0); }

XT_FN xt_real xt_act_hard_tanh(xt_real z, float p)
{
    (void)p;
    xt_real low = z < XT_R(-1) ? XT_R(-1) : z;
    return low > XT_R(1) ? XT_R(1) : low;
}
XT_FN xt_real xt_dact_hard_tanh(xt_real z, xt_real a, float p) { (void)a; (void)p; return xt_fabs(z) < XT_R(1) ? XT_R(1) : XT_R(0); }

XT_FN xt_real xt_act_relu6(xt_real z, float p)
{
    (void)p;
    xt_real low = z < XT_R(0) ? XT_R(0) : z;
    return low > XT_R(6) ? XT_R(6) : low;
}
XT_FN xt_real xt_dact_relu6(xt_real z, xt_real a, float p) { (void)a; (void)p; return z > XT_R(0) && z < XT_R(6) ? XT_R(1) : XT_R(0); }

/* z tanh(softplus(z)). */
XT_FN xt_real xt_act_mish(xt_real z, float p) { return z * xt_tanh(xt_act_softplus(z, p)); }
XT_FN xt_real xt_dact_mish(xt_real z, xt_real a, float p)
{
    (void)a;
    xt_real t = xt_tanh(xt_act_softplus(z, p));
    return t + z * (XT_R(1) - t * t) * xt_act_sigmoid(z, p);
}

/* ROW(name, parameters, is of the ReLU family (default weights are he_uniform),
 *     a known z, its a, help) */
#define XT_ACTIVATIONS(ROW) \
    ROW(linear,       XT_NO_PARAMS,     0, -1.5,  -1.5,                 "z") \
    ROW(relu,         XT_NO_PARAMS,     1, -1.5,  0.0,                  "max(0, z)") \
    ROW(leaky_relu,   XT_ALPHA(0.01f),  1, -1.5,  -0.015,               "z where positive, else alpha z") \
    ROW(elu,          XT_ALPHA(1),      1, -1.5,  -0.7768698398515702,  "z where positive, else alpha (exp(z) - 1)") \
    ROW(selu,         XT_NO_PARAMS,     1, -1.5,  -1.3658143533672527,  "the self-normalising elu, fixed alpha and scale") \
    ROW(gelu,         XT_NO_PARAMS,     1, -1.5,  -0.1002108019032871,  "z Phi(z), Phi by the error function") \
    ROW(gelu_tanh,    XT_NO_PARAMS,     1, -1.5,  -0.10042842301976708, "gelu's approximation by tanh") \
    ROW(silu,         XT_NO_PARAMS,     1, -1.5,  -0.2736382857095345,  "z sigmoid(z), also called swish") \
    ROW(sigmoid,      XT_NO_PARAMS,     0, -1.5,  0.18242552380635635,  "1 / (1 + exp(-z))") \
    ROW(tanh,         XT_NO_PARAMS,     0, -1.5,  -0.9051482536448664,  "hyperbolic tangent") \
    ROW(softplus,     XT_NO_PARAMS,     1, -1.5,  0.20141327798275246,  "log(1 + exp(z))") \
    ROW(softsign,     XT_NO_PARAMS,     0, -1.5,  -0.6,                 "z / (1 + |z|)") \
    ROW(hard_sigmoid, XT_NO_PARAMS,     0, -1.5,  0.25,                 "z / 6 + 0.5, held in 0 to 1") \
    ROW(hard_tanh,    XT_NO_PARAMS,     0, -1.5,  -1.0,                 "z held in -1 to 1") \
    ROW(relu6,        XT_NO_PARAMS,     1, 7.5,   6.0,                  "z held in 0 to 6") \
    ROW(mish,         XT_NO_PARAMS,     1, -1.5,  -0.29809974216680676, "z tanh(softplus(z))")

/* ---- losses: of one output a against its target y, and d/da; p is the row's parameter ---- */

XT_FN xt_real xt_loss_mse(xt_real a, xt_real y, float p) { (void)p; return (a - y) * (a - y); }
XT_FN xt_real xt_dloss_mse(xt_real a, xt_real y, float p) { (void)p; return XT_R(2) * (a - y); }

/* The derivative at a = y is 0. */
XT_FN xt_real xt_loss_mae(xt_real a, xt_real y, float p) { (void)p; return xt_fabs(a - y); }
XT_FN xt_real xt_dloss_mae(xt_real a, xt_real y, float p)
{
    (void)p;
    return a > y ? XT_R(1) : (a < y ? XT_R(-1) : a - y);
}

XT_FN xt_real xt_loss_huber(xt_real a, xt_real y, float p)
{
    xt_real d = xt_fabs(a - y);
    return d > XT_R(p) ? XT_R(p) * (d - XT_R(0.5) * XT_R(p)) : XT_R(0.5) * d * d;
}
XT_FN xt_real xt_dloss_huber(xt_real a, xt_real y, float p)
{
    xt_real d = a - y;
    return d > XT_R(p) ? XT_R(p) : (d < XT_R(-p) ? XT_R(-p) : d);
}

/* log(cosh(d)) without overflow, and without cancelling where d is small. */
XT_FN xt_real xt_loss_log_cosh(xt_real a, xt_real y, float p)
{
    (void)p;
    xt_real d = xt_fabs(a - y);
    return d + xt_log1p(XT_R(0.5) * xt_expm1(XT_R(-2) * d));
}
XT_FN xt_real xt_dloss_log_cosh(xt_real a, xt_real y, float p) { (void)p; return xt_tanh(a - y); }

/* ROW(name, parameters, a known a, y and its loss, help) */
#define XT_LOSSES(ROW) \
    ROW(mse,      XT_NO_PARAMS,                          1.5, -0.5, 4.0,                "mean squared error, (a - y)^2") \
    ROW(mae,      XT_NO_PARAMS,                          1.5, -0.5, 2.0,                "mean absolute error, |a - y|") \
    ROW(huber,    XT_DELTA(1),                           1.5, -0.5, 1.5,                "squared / 2 up to delta, linear beyond") \
    ROW(log_cosh, XT_NO_PARAMS,                          1.5, -0.5, 1.3250027473578645, "log(cosh(a - y))")

/* ---- optimisers: one parameter with its state, its gradient, and the step's numbers ---- */

typedef struct xt_cell {
    xt_real p;      /* the parameter */
    xt_real s0, s1; /* its state, as many as the row has slots; zero before the first update */
} xt_cell;

/* The same for every parameter of one update. Eight floats: a kernel takes it by value. */
typedef struct xt_hyper {
    float learning_rate; /* times the schedule's factor */
    float first;         /* 1 at the first update of a run, else 0 */
    float values[6];     /* the row's parameters, as configured, the first not to be used: learning_rate is it */
} xt_hyper;

/* values: learning_rate, momentum, nesterov. PyTorch: v starts as g, not as 0. */
XT_FN xt_cell xt_opt_sgd(xt_cell c, xt_real g, xt_hyper h)
{
    float mu = h.values[1];
    xt_real step = g;
    if (mu != 0) {
        c.s0 = h.first != 0 ? g : XT_R(mu) * c.s0 + g;
        step = h.values[2] != 0 ? g + XT_R(mu) * c.s0 : c.s0;
    }
    c.p = c.p - XT_R(h.learning_rate) * step;
    return c;
}

/* ROW(name, parameters, state slots a parameter, help) */
#define XT_OPTIMIZERS(ROW) \
    ROW(sgd, XT_SGD_PARAMS, 1, "stochastic gradient descent, with momentum where asked")

/* ---- metrics: what one row of n outputs contributes to an epoch's sum ---- */

/* p: threshold, q: positive (0 above, 1 below). Several outputs: the largest,
 * ties to the lowest index. An output that is not a number is never right. */
XT_FN float xt_metric_accuracy(XT_ROWS const float *a, XT_TARGETS const float *y, int n, float p, float q)
{
    if (n == 1) {
        int said = q != 0 ? a[0] < p : a[0] > p;
        int is = q != 0 ? y[0] < p : y[0] > p;
        return said == is && a[0] == a[0] ? 1.0f : 0.0f;
    }
    int said = 0, is = 0;
    for (int j = 1; j < n; j++) {
        said = (a[j] > a[said] || a[j] != a[j]) ? j : said;
        is = y[j] > y[is] ? j : is;
    }
    return said == is && a[said] == a[said] ? 1.0f : 0.0f;
}

XT_FN float xt_metric_mae(XT_ROWS const float *a, XT_TARGETS const float *y, int n, float p, float q)
{
    (void)p; (void)q;
    float sum = 0;
    for (int j = 0; j < n; j++)
        sum += a[j] < y[j] ? y[j] - a[j] : a[j] - y[j];
    return sum;
}

XT_FN float xt_metric_rmse(XT_ROWS const float *a, XT_TARGETS const float *y, int n, float p, float q)
{
    (void)p; (void)q;
    float sum = 0;
    for (int j = 0; j < n; j++)
        sum += (a[j] - y[j]) * (a[j] - y[j]);
    return sum;
}

/* ROW(name, parameters, mean over elements (else over rows), square root of the mean, help) */
#define XT_METRICS(ROW) \
    ROW(accuracy, XT_ACCURACY_PARAMS, 0, 0, "share of rows put in the right class") \
    ROW(mae,      XT_NO_PARAMS,       1, 0, "mean absolute error") \
    ROW(rmse,     XT_NO_PARAMS,       1, 1, "square root of the mean squared error")

/* ---- codes and dispatch, generated from the lists ---- */

#define XT_CODE(name, a, b, c, d, e) XT_ACT_##name,
enum { XT_ACTIVATIONS(XT_CODE) XT_N_ACTIVATIONS };
#undef XT_CODE
#define XT_CODE(name, a, b, c, d, e) XT_LOSS_##name,
enum { XT_LOSSES(XT_CODE) XT_N_LOSSES };
#undef XT_CODE
#define XT_CODE(name, a, b, c) XT_OPT_##name,
enum { XT_OPTIMIZERS(XT_CODE) XT_N_OPTIMIZERS };
#undef XT_CODE
#define XT_CODE(name, a, b, c, d) XT_METRIC_##name,
enum { XT_METRICS(XT_CODE) XT_N_METRICS };
#undef XT_CODE

XT_FN xt_real xt_activate(int code, xt_real z, float p)
{
#define XT_CASE(name, a, b, c, d, e) case XT_ACT_##name: return xt_act_##name(z, p);
    switch (code) { XT_ACTIVATIONS(XT_CASE) default: return z; }
#undef XT_CASE
}

XT_FN xt_real xt_activate_grad(int code, xt_real z, xt_real a, float p)
{
#define XT_CASE(name, x, b, c, d, e) case XT_ACT_##name: return xt_dact_##name(z, a, p);
    switch (code) { XT_ACTIVATIONS(XT_CASE) default: return XT_R(1); }
#undef XT_CASE
}

XT_FN xt_real xt_loss(int code, xt_real a, xt_real y, float p)
{
#define XT_CASE(name, x, b, c, d, e) case XT_LOSS_##name: return xt_loss_##name(a, y, p);
    switch (code) { XT_LOSSES(XT_CASE) default: return a; }
#undef XT_CASE
}

XT_FN xt_real xt_loss_grad(int code, xt_real a, xt_real y, float p)
{
#define XT_CASE(name, x, b, c, d, e) case XT_LOSS_##name: return xt_dloss_##name(a, y, p);
    switch (code) { XT_LOSSES(XT_CASE) default: return a; }
#undef XT_CASE
}

XT_FN xt_cell xt_update(int code, xt_cell cell, xt_real g, xt_hyper h)
{
#define XT_CASE(name, a, b, c) case XT_OPT_##name: return xt_opt_##name(cell, g, h);
    switch (code) { XT_OPTIMIZERS(XT_CASE) default: return cell; }
#undef XT_CASE
}

XT_FN float xt_metric(int code, XT_ROWS const float *a, XT_TARGETS const float *y, int n, float p, float q)
{
#define XT_CASE(name, x, b, c, d) case XT_METRIC_##name: return xt_metric_##name(a, y, n, p, q);
    switch (code) { XT_METRICS(XT_CASE) default: return 0; }
#undef XT_CASE
}

/* ---- sums ---- */

/* A float sum with its rounding error beside it (Knuth's two-sum). Sums of
 * losses are taken in row order with this, so that every engine gets the same
 * bits and a million rows lose nothing. */
typedef struct xt_sum {
    float hi, lo; /* the sum is hi + lo */
} xt_sum;

XT_FN xt_sum xt_sum_add(xt_sum s, float x)
{
    float hi = s.hi + x;
    float back = hi - s.hi;
    float rest = (s.hi - (hi - back)) + (x - back);
    s.lo = s.lo + (rest == rest ? rest : 0.0f); /* an infinite sum stays infinite */
    s.hi = hi;
    return s;
}
