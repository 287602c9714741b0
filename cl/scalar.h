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
 *   xt_exp .. xt_sqrt       the math functions for xt_real
 *   xt_number               the type of what values have in common, a slope or a learning
 *                           rate: float; or as wide as xt_real, where each value is of
 *                           another training
 *   XT_N(c)                 a constant as xt_number
 *   XT_ON(x)                whether an xt_number is not 0, for if: all of a wide one are, or none is
 *
 * Adding an operation is one row in its list and its functions; the row's
 * columns are described beside the list. The formulas are PyTorch's.
 *
 * Comparisons are written so that nan goes through (z < 0 ? 0 : z, never
 * fmax): a diverged network must show it in its loss. */

/* ---- activations: a = f(z), and da/dz from z and a; p is the row's parameter ---- */

XT_FN xt_real xt_act_linear(xt_real z, xt_number p) { (void)p; return z; }
XT_FN xt_real xt_dact_linear(xt_real z, xt_real a, xt_number p) { (void)z; (void)a; (void)p; return XT_R(1); }

/* The derivative at 0 is 0. */
XT_FN xt_real xt_act_relu(xt_real z, xt_number p) { (void)p; return z < XT_R(0) ? XT_R(0) : z; }
XT_FN xt_real xt_dact_relu(xt_real z, xt_real a, xt_number p) { (void)a; (void)p; return z > XT_R(0) ? XT_R(1) : XT_R(0); }

XT_FN xt_real xt_act_leaky_relu(xt_real z, xt_number p) { return z > XT_R(0) ? z : XT_R(p) * z; }
XT_FN xt_real xt_dact_leaky_relu(xt_real z, xt_real a, xt_number p) { (void)a; return z > XT_R(0) ? XT_R(1) : XT_R(p); }

XT_FN xt_real xt_act_elu(xt_real z, xt_number p) { return z > XT_R(0) ? z : XT_R(p) * xt_expm1(z); }
XT_FN xt_real xt_dact_elu(xt_real z, xt_real a, xt_number p) { return z > XT_R(0) ? XT_R(1) : a + XT_R(p); }

/* Klambauer et al. 2017, "Self-Normalizing Neural Networks". */
#define XT_SELU_ALPHA XT_R(1.6732632423543772)
#define XT_SELU_SCALE XT_R(1.0507009873554805)
XT_FN xt_real xt_act_selu(xt_real z, xt_number p) { (void)p; return XT_SELU_SCALE * (z > XT_R(0) ? z : XT_SELU_ALPHA * xt_expm1(z)); }
XT_FN xt_real xt_dact_selu(xt_real z, xt_real a, xt_number p) { (void)p; return z > XT_R(0) ? XT_SELU_SCALE : a + XT_SELU_SCALE * XT_SELU_ALPHA; }

/* z * Phi(z) and Phi(z) + z * phi(z), Phi and phi of the standard normal distribution. */
XT_FN xt_real xt_act_gelu(xt_real z, xt_number p) { (void)p; return XT_R(0.5) * z * (XT_R(1) + xt_erf(z * XT_R(0.7071067811865476))); }
XT_FN xt_real xt_dact_gelu(xt_real z, xt_real a, xt_number p)
{
    (void)a; (void)p;
    return XT_R(0.5) * (XT_R(1) + xt_erf(z * XT_R(0.7071067811865476))) + z * XT_R(0.3989422804014327) * xt_exp(XT_R(-0.5) * z * z);
}

/* A library's tanh may stop at the float before 1, and what a z or its cube multiplies
 * then does not vanish. Beyond 20 tanh is 1 in double precision too. */
XT_FN xt_real xt_tanh_to_1(xt_real z)
{
    xt_real t = xt_tanh(z);
    t = z > XT_R(20) ? XT_R(1) : t;
    return z < XT_R(-20) ? XT_R(-1) : t;
}

/* 1 - tanh(z)^2 without cancelling: 4 e^(-2|z|) / (1 + e^(-2|z|))^2. */
XT_FN xt_real xt_tanh_slope(xt_real z)
{
    xt_real e = xt_exp(XT_R(-2) * xt_fabs(z)), d = XT_R(1) + e;
    return XT_R(4) * e / (d * d);
}

/* gelu's approximation: 0.5 z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))). */
XT_FN xt_real xt_act_gelu_tanh(xt_real z, xt_number p)
{
    (void)p;
    return XT_R(0.5) * z * (XT_R(1) + xt_tanh_to_1(XT_R(0.7978845608028654) * (z + XT_R(0.044715) * z * z * z)));
}
XT_FN xt_real xt_dact_gelu_tanh(xt_real z, xt_real a, xt_number p)
{
    (void)a; (void)p;
    xt_real u = XT_R(0.7978845608028654) * (z + XT_R(0.044715) * z * z * z);
    xt_real t = xt_tanh_to_1(u), bend = xt_tanh_slope(u); /* 0 long before z * z overflows */
    return XT_R(0.5) * (XT_R(1) + t) +
           (bend > XT_R(0) ? XT_R(0.5) * z * bend * XT_R(0.7978845608028654) * (XT_R(1) + XT_R(0.134145) * z * z) : XT_R(0));
}

XT_FN xt_real xt_act_sigmoid(xt_real z, xt_number p) { (void)p; return XT_R(1) / (XT_R(1) + xt_exp(-z)); }
XT_FN xt_real xt_dact_sigmoid(xt_real z, xt_real a, xt_number p) { (void)z; (void)p; return a * (XT_R(1) - a); }

XT_FN xt_real xt_act_silu(xt_real z, xt_number p) { (void)p; return z / (XT_R(1) + xt_exp(-z)); }
XT_FN xt_real xt_dact_silu(xt_real z, xt_real a, xt_number p)
{
    (void)a;
    xt_real s = xt_act_sigmoid(z, p);
    return s * (XT_R(1) + z * (XT_R(1) - s));
}

XT_FN xt_real xt_act_tanh(xt_real z, xt_number p) { (void)p; return xt_tanh_to_1(z); }
XT_FN xt_real xt_dact_tanh(xt_real z, xt_real a, xt_number p) { (void)z; (void)p; return XT_R(1) - a * a; }

/* log(1 + e^z) without overflow. */
XT_FN xt_real xt_act_softplus(xt_real z, xt_number p) { (void)p; return (z < XT_R(0) ? XT_R(0) : z) + xt_log1p(xt_exp(-xt_fabs(z))); }
XT_FN xt_real xt_dact_softplus(xt_real z, xt_real a, xt_number p) { (void)a; return xt_act_sigmoid(z, p); }

XT_FN xt_real xt_act_softsign(xt_real z, xt_number p) { (void)p; return z / (XT_R(1) + xt_fabs(z)); }
XT_FN xt_real xt_dact_softsign(xt_real z, xt_real a, xt_number p)
{
    (void)a; (void)p;
    xt_real d = XT_R(1) + xt_fabs(z);
    return XT_R(1) / (d * d);
}

/* relu6(z + 3) / 6. */
XT_FN xt_real xt_act_hard_sigmoid(xt_real z, xt_number p)
{
    (void)p;
    xt_real low = z < XT_R(-3) ? XT_R(-3) : z;
    return ((low > XT_R(3) ? XT_R(3) : low) + XT_R(3)) / XT_R(6);
}
XT_FN xt_real xt_dact_hard_sigmoid(xt_real z, xt_real a, xt_number p) { (void)a; (void)p; return xt_fabs(z) < XT_R(3) ? XT_R(1) / XT_R(6) : XT_R(0); }

XT_FN xt_real xt_act_hard_tanh(xt_real z, xt_number p)
{
    (void)p;
    xt_real low = z < XT_R(-1) ? XT_R(-1) : z;
    return low > XT_R(1) ? XT_R(1) : low;
}
XT_FN xt_real xt_dact_hard_tanh(xt_real z, xt_real a, xt_number p) { (void)a; (void)p; return xt_fabs(z) < XT_R(1) ? XT_R(1) : XT_R(0); }

XT_FN xt_real xt_act_relu6(xt_real z, xt_number p)
{
    (void)p;
    xt_real low = z < XT_R(0) ? XT_R(0) : z;
    return low > XT_R(6) ? XT_R(6) : low;
}
XT_FN xt_real xt_dact_relu6(xt_real z, xt_real a, xt_number p) { (void)a; (void)p; return z > XT_R(0) && z < XT_R(6) ? XT_R(1) : XT_R(0); }

/* z tanh(softplus(z)). */
XT_FN xt_real xt_act_mish(xt_real z, xt_number p) { return z * xt_tanh_to_1(xt_act_softplus(z, p)); }
XT_FN xt_real xt_dact_mish(xt_real z, xt_real a, xt_number p)
{
    (void)a;
    xt_real u = xt_act_softplus(z, p);
    return xt_tanh_to_1(u) + z * xt_tanh_slope(u) * xt_act_sigmoid(z, p);
}

/* A softmax is of a whole row, whose log-sum-exp whoever computes the row takes out
 * of every z first: so z is the logarithm of the probability. Only in the last
 * layer, whose loss has its derivative. */
XT_FN xt_real xt_act_softmax(xt_real z, xt_number p) { (void)p; return xt_exp(z); }
XT_FN xt_real xt_dact_softmax(xt_real z, xt_real a, xt_number p) { (void)z; (void)p; return a; }

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
    ROW(mish,         XT_NO_PARAMS,     1, -1.5,  -0.29809974216680676, "z tanh(softplus(z))") \
    ROW(softmax,      XT_NO_PARAMS,     0, -1.5,  0.22313016014842982,  "exp(z) over its sum over the layer; in the last layer, with cross_entropy")

/* ---- losses: of one output a = f(z) against its target y; p is the row's parameter ----
 *
 * The derivative is by a; where the row names the last layer's activation it is by
 * z, since the two together are simpler and lose nothing. */

XT_FN xt_real xt_loss_mse(xt_real z, xt_real a, xt_real y, xt_number p) { (void)z; (void)p; return (a - y) * (a - y); }
XT_FN xt_real xt_dloss_mse(xt_real a, xt_real y, xt_number p) { (void)p; return XT_R(2) * (a - y); }

/* The derivative at a = y is 0. */
XT_FN xt_real xt_loss_mae(xt_real z, xt_real a, xt_real y, xt_number p) { (void)z; (void)p; return xt_fabs(a - y); }
XT_FN xt_real xt_dloss_mae(xt_real a, xt_real y, xt_number p)
{
    (void)p;
    return a > y ? XT_R(1) : (a < y ? XT_R(-1) : a - y);
}

XT_FN xt_real xt_loss_huber(xt_real z, xt_real a, xt_real y, xt_number p)
{
    (void)z;
    xt_real d = xt_fabs(a - y);
    return d > XT_R(p) ? XT_R(p) * (d - XT_R(0.5) * XT_R(p)) : XT_R(0.5) * d * d;
}
XT_FN xt_real xt_dloss_huber(xt_real a, xt_real y, xt_number p)
{
    xt_real d = a - y;
    return d > XT_R(p) ? XT_R(p) : (d < XT_R(-p) ? XT_R(-p) : d);
}

/* log(cosh(d)) without overflow, and without cancelling where d is small. */
XT_FN xt_real xt_loss_log_cosh(xt_real z, xt_real a, xt_real y, xt_number p)
{
    (void)z; (void)p;
    xt_real d = xt_fabs(a - y);
    return d + xt_log1p(XT_R(0.5) * xt_expm1(XT_R(-2) * d));
}
XT_FN xt_real xt_dloss_log_cosh(xt_real a, xt_real y, xt_number p) { (void)p; return xt_tanh(a - y); }

/* A target above 0 stands for 1, any other for -1. */
XT_FN xt_real xt_loss_hinge(xt_real z, xt_real a, xt_real y, xt_number p)
{
    (void)z; (void)p;
    xt_real m = XT_R(1) - (y > XT_R(0) ? a : -a);
    return m < XT_R(0) ? XT_R(0) : m;
}
XT_FN xt_real xt_dloss_hinge(xt_real a, xt_real y, xt_number p)
{
    (void)p;
    xt_real side = y > XT_R(0) ? XT_R(-1) : XT_R(1);
    return XT_R(1) + side * a > XT_R(0) ? side : (a == a ? XT_R(0) : a);
}

/* -y log a - (1 - y) log(1 - a) of a sigmoid, from the logit without overflow. */
XT_FN xt_real xt_loss_binary_cross_entropy(xt_real z, xt_real a, xt_real y, xt_number p)
{
    (void)a; (void)p;
    return (z < XT_R(0) ? XT_R(0) : z) - z * y + xt_log1p(xt_exp(-xt_fabs(z)));
}
XT_FN xt_real xt_dloss_binary_cross_entropy(xt_real a, xt_real y, xt_number p) { (void)p; return a - y; }

/* -y log a of a softmax, whose z is log a; the targets of a row sum to 1. */
XT_FN xt_real xt_loss_cross_entropy(xt_real z, xt_real a, xt_real y, xt_number p)
{
    (void)p;
    return y > XT_R(0) ? -(y * z) : (a == a ? XT_R(0) : a); /* 0 where y is, even if log a is not finite */
}
XT_FN xt_real xt_dloss_cross_entropy(xt_real a, xt_real y, xt_number p) { (void)p; return a - y; }

/* ROW(name, parameters, the last layer's activation (-1: any), mean over elements (else over rows),
 *     a known z with that activation, y and its loss, help) */
#define XT_LOSSES(ROW) \
    ROW(mse,      XT_NO_PARAMS,                          -1, 1, 1.5, -0.5, 4.0,                "mean squared error, (a - y)^2") \
    ROW(mae,      XT_NO_PARAMS,                          -1, 1, 1.5, -0.5, 2.0,                "mean absolute error, |a - y|") \
    ROW(huber,    XT_DELTA(1),                           -1, 1, 1.5, -0.5, 1.5,                "squared / 2 up to delta, linear beyond") \
    ROW(log_cosh, XT_NO_PARAMS,                          -1, 1, 1.5, -0.5, 1.3250027473578645, "log(cosh(a - y))") \
    ROW(binary_cross_entropy, XT_BINARY_PARAMS, XT_ACT_sigmoid, 1, 1.5, 0.25, 1.3264132779827524, \
        "log loss of probabilities: a sigmoid in the last layer, targets 0 and 1") \
    ROW(cross_entropy, XT_CLASS_PARAMS,         XT_ACT_softmax, 0, -1.5, 0.25, 0.375, \
        "log loss of classes: a softmax in the last layer, targets that name a class or its share") \
    ROW(hinge,    XT_NO_PARAMS,                          -1, 1, 0.25, -1, 1.25,                "max(0, 1 - y a), y 1 for targets above 0 and -1 for others")

/* ---- optimisers: one parameter with its state, its gradient, and the step's numbers ---- */

typedef struct xt_cell {
    xt_real p;      /* the parameter */
    xt_real s0, s1; /* its state, as many as the row has slots; zero before the first update */
} xt_cell;

/* The same for every parameter of one update. All floats, or wider: a kernel takes it by value. */
typedef struct xt_hyper {
    xt_number learning_rate; /* times the schedule's factor */
    float first;             /* 1 at the first update of a run, else 0 */
    xt_number correction1, correction2; /* adam's: 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) */
    xt_number values[6];     /* the row's parameters, as configured, the first not to be used: learning_rate is it */
} xt_hyper;

/* values: learning_rate, momentum, nesterov, weight_decay. PyTorch: v starts as g, not as 0. */
XT_FN xt_cell xt_opt_sgd(xt_cell c, xt_real g, xt_hyper h)
{
    xt_number mu = h.values[1], decay = h.values[3];
    if (XT_ON(decay))
        g = g + XT_R(decay) * c.p;
    xt_real step = g;
    if (XT_ON(mu)) {
        c.s0 = h.first != 0 ? g : XT_R(mu) * c.s0 + g;
        step = XT_ON(h.values[2]) ? g + XT_R(mu) * c.s0 : c.s0;
    }
    c.p = c.p - XT_R(h.learning_rate) * step;
    return c;
}

/* Kingma & Ba 2015. s0, s1: the means of g and of its square. What is the same for all
 * parameters is divided once: divisions are most of what an update of a vector takes.
 * A function that gives a struct calls none that does: not every compiler of kernels takes that. */
XT_FN xt_real xt_adam_step(xt_real s0, xt_real s1, xt_hyper h)
{
    return XT_R(h.learning_rate * h.correction1) * s0 / (xt_sqrt(s1) * XT_R(h.correction2) + XT_R(h.values[3]));
}

/* values: learning_rate, beta1, beta2, epsilon, weight_decay. */
XT_FN xt_cell xt_opt_adam(xt_cell c, xt_real g, xt_hyper h)
{
    xt_number b1 = h.values[1], b2 = h.values[2], decay = h.values[4];
    if (XT_ON(decay))
        g = g + XT_R(decay) * c.p;
    c.s0 = XT_R(b1) * c.s0 + XT_R(XT_N(1) - b1) * g;
    c.s1 = XT_R(b2) * c.s1 + XT_R(XT_N(1) - b2) * g * g;
    c.p = c.p - xt_adam_step(c.s0, c.s1, h);
    return c;
}

/* Loshchilov & Hutter 2019: the decay is not part of the gradient. */
XT_FN xt_cell xt_opt_adamw(xt_cell c, xt_real g, xt_hyper h)
{
    xt_number b1 = h.values[1], b2 = h.values[2];
    c.p = c.p - XT_R(h.learning_rate * h.values[4]) * c.p;
    c.s0 = XT_R(b1) * c.s0 + XT_R(XT_N(1) - b1) * g;
    c.s1 = XT_R(b2) * c.s1 + XT_R(XT_N(1) - b2) * g * g;
    c.p = c.p - xt_adam_step(c.s0, c.s1, h);
    return c;
}

/* values: learning_rate, alpha, epsilon, momentum, weight_decay. s0: the mean of g's square, s1: the step. */
XT_FN xt_cell xt_opt_rmsprop(xt_cell c, xt_real g, xt_hyper h)
{
    xt_number alpha = h.values[1], eps = h.values[2], mu = h.values[3], decay = h.values[4];
    if (XT_ON(decay))
        g = g + XT_R(decay) * c.p;
    c.s0 = XT_R(alpha) * c.s0 + XT_R(XT_N(1) - alpha) * g * g;
    xt_real step = g / (xt_sqrt(c.s0) + XT_R(eps));
    if (XT_ON(mu)) {
        c.s1 = XT_R(mu) * c.s1 + step;
        step = c.s1;
    }
    c.p = c.p - XT_R(h.learning_rate) * step;
    return c;
}

/* Duchi et al. 2011. values: learning_rate, epsilon, weight_decay. s0: the sum of g's squares. */
XT_FN xt_cell xt_opt_adagrad(xt_cell c, xt_real g, xt_hyper h)
{
    xt_number eps = h.values[1], decay = h.values[2];
    if (XT_ON(decay))
        g = g + XT_R(decay) * c.p;
    c.s0 = c.s0 + g * g;
    c.p = c.p - XT_R(h.learning_rate) * g / (xt_sqrt(c.s0) + XT_R(eps));
    return c;
}

/* ROW(name, parameters, state slots a parameter, place of its beta1 among the parameters, beta2 follows (0: none), help) */
#define XT_OPTIMIZERS(ROW) \
    ROW(sgd,     XT_SGD_PARAMS,     1, 0, "stochastic gradient descent, with momentum where asked") \
    ROW(adam,    XT_ADAM_PARAMS(0), 2, 1, "steps by the means of the gradient and its square") \
    ROW(adamw,   XT_ADAM_PARAMS(0.01f), 2, 1, "adam with weight decay apart from the gradient") \
    ROW(rmsprop, XT_RMSPROP_PARAMS, 2, 0, "steps by the gradient over the root of its mean square") \
    ROW(adagrad, XT_ADAGRAD_PARAMS, 1, 0, "steps by the gradient over the root of its sum of squares")

/* ---- what comes between a gradient and the optimiser ---- */

/* limit: of each element's magnitude, 0: none. nan goes through. */
XT_FN xt_real xt_clip_value(xt_real g, xt_number limit)
{
    g = g > XT_R(limit) ? XT_R(limit) : g;
    return g < XT_R(-limit) ? XT_R(-limit) : g;
}

/* The factor that brings a gradient of this norm down to at most `most`: PyTorch's clip_grad_norm_. */
XT_FN xt_number xt_clip_factor(xt_number norm, xt_number most)
{
    xt_number factor = most / (norm + XT_N(1e-6f));
    return factor > XT_N(1) ? XT_N(1) : factor;
}

/* The gradient of l2 / 2 p^2 + l1 |p| added. */
XT_FN xt_real xt_penalise(xt_real g, xt_real p, xt_number l1, xt_number l2)
{
    return g + (XT_R(l2) * p + (p > XT_R(0) ? XT_R(l1) : (p < XT_R(0) ? XT_R(-l1) : XT_R(0))));
}

/* ---- codes and dispatch, generated from the lists ---- */

#define XT_CODE(name, a, b, c, d, e) XT_ACT_##name,
enum { XT_ACTIVATIONS(XT_CODE) XT_N_ACTIVATIONS };
#undef XT_CODE
#define XT_CODE(name, a, b, c, d, e, f, g) XT_LOSS_##name,
enum { XT_LOSSES(XT_CODE) XT_N_LOSSES };
#undef XT_CODE
#define XT_CODE(name, a, b, c, d) XT_OPT_##name,
enum { XT_OPTIMIZERS(XT_CODE) XT_N_OPTIMIZERS };
#undef XT_CODE

XT_FN xt_real xt_activate(int code, xt_real z, xt_number p)
{
#define XT_CASE(name, a, b, c, d, e) case XT_ACT_##name: return xt_act_##name(z, p);
    switch (code) { XT_ACTIVATIONS(XT_CASE) default: return z; }
#undef XT_CASE
}

XT_FN xt_real xt_activate_grad(int code, xt_real z, xt_real a, xt_number p)
{
#define XT_CASE(name, x, b, c, d, e) case XT_ACT_##name: return xt_dact_##name(z, a, p);
    switch (code) { XT_ACTIVATIONS(XT_CASE) default: return XT_R(1); }
#undef XT_CASE
}

XT_FN xt_real xt_loss(int code, xt_real z, xt_real a, xt_real y, xt_number p)
{
#define XT_CASE(name, x, b, c, d, e, f, g) case XT_LOSS_##name: return xt_loss_##name(z, a, y, p);
    switch (code) { XT_LOSSES(XT_CASE) default: return a; }
#undef XT_CASE
}

/* By a, or by z: see the list. */
XT_FN xt_real xt_loss_grad(int code, xt_real a, xt_real y, xt_number p)
{
#define XT_CASE(name, x, b, c, d, e, f, g) case XT_LOSS_##name: return xt_dloss_##name(a, y, p);
    switch (code) { XT_LOSSES(XT_CASE) default: return a; }
#undef XT_CASE
}

/* Whether the derivative is by z: the activation that the loss goes with. */
XT_FN int xt_loss_head(int code)
{
#define XT_CASE(name, x, head, c, d, e, f, g) case XT_LOSS_##name: return head;
    switch (code) { XT_LOSSES(XT_CASE) default: return -1; }
#undef XT_CASE
}

/* The derivative of the loss by the last layer's z. */
XT_FN xt_real xt_output_grad(int loss, xt_number p, int activation, xt_number q, xt_real z, xt_real a, xt_real y, xt_real scale)
{
    xt_real g = xt_loss_grad(loss, a, y, p) * scale;
    return xt_loss_head(loss) < 0 ? g * xt_activate_grad(activation, z, a, q) : g;
}

XT_FN xt_cell xt_update(int code, xt_cell cell, xt_real g, xt_hyper h)
{
#define XT_CASE(name, a, b, c, d) case XT_OPT_##name: return xt_opt_##name(cell, g, h);
    switch (code) { XT_OPTIMIZERS(XT_CASE) default: return cell; }
#undef XT_CASE
}

/* ---- sums ---- */

/* A float sum with its rounding error beside it (Knuth's two-sum). Sums of
 * losses are taken in row order with this, so that every engine gets the same
 * bits and a million rows lose nothing. */
typedef struct xt_sum {
    xt_number hi, lo; /* the sum is hi + lo */
} xt_sum;

XT_FN xt_sum xt_sum_add(xt_sum s, xt_number x)
{
    xt_number hi = s.hi + x;
    xt_number back = hi - s.hi;
    xt_number rest = (s.hi - (hi - back)) + (x - back);
    s.lo = s.lo + (rest == rest ? rest : XT_N(0)); /* an infinite sum stays infinite */
    s.hi = hi;
    return s;
}
