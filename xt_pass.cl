#pragma OPENCL FP_CONTRACT OFF
#define XT_W 8
#define xt_real float8
#define XT_R(c) ((float8)(c))
#define XT_WORDS
#define xt_word uint8
#define XT_NV 2
#define XT_MR 6
#define XT_DEPTH 256
#define XT_BLOCK_INPUTS 96
#define XT_BLOCK_PANELS 8
#define XT_FMA
/* device.h: what scalar.h asks for, as OpenCL C has it, in single precision.
 *
 * First of a program's files. A program that computes in another type (many
 * values at once, say) defines a group's names before, in its prelude. */

#ifndef xt_real
#define xt_real float
#define XT_R(c) ((float)(c))
#endif

/* OpenCL C has static inline, no headers, and its own address spaces. */
#ifndef XT_FN
#define XT_FN static inline
#endif
#ifndef xt_exp
#define xt_exp exp
#define xt_expm1 expm1
#define xt_log1p log1p
#define xt_tanh tanh
#define xt_erf erf
#define xt_fabs fabs
#define xt_sqrt sqrt
#define xt_log log
#endif

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
XT_FN xt_real xt_act_gelu_tanh(xt_real z, float p)
{
    (void)p;
    return XT_R(0.5) * z * (XT_R(1) + xt_tanh_to_1(XT_R(0.7978845608028654) * (z + XT_R(0.044715) * z * z * z)));
}
XT_FN xt_real xt_dact_gelu_tanh(xt_real z, xt_real a, float p)
{
    (void)a; (void)p;
    xt_real u = XT_R(0.7978845608028654) * (z + XT_R(0.044715) * z * z * z);
    xt_real t = xt_tanh_to_1(u), bend = xt_tanh_slope(u); /* 0 long before z * z overflows */
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

XT_FN xt_real xt_act_tanh(xt_real z, float p) { (void)p; return xt_tanh_to_1(z); }
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
XT_FN xt_real xt_act_mish(xt_real z, float p) { return z * xt_tanh_to_1(xt_act_softplus(z, p)); }
XT_FN xt_real xt_dact_mish(xt_real z, xt_real a, float p)
{
    (void)a;
    xt_real u = xt_act_softplus(z, p);
    return xt_tanh_to_1(u) + z * xt_tanh_slope(u) * xt_act_sigmoid(z, p);
}

/* A softmax is of a whole row, whose log-sum-exp whoever computes the row takes out
 * of every z first: so z is the logarithm of the probability. Only in the last
 * layer, whose loss has its derivative. */
XT_FN xt_real xt_act_softmax(xt_real z, float p) { (void)p; return xt_exp(z); }
XT_FN xt_real xt_dact_softmax(xt_real z, xt_real a, float p) { (void)z; (void)p; return a; }

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

XT_FN xt_real xt_loss_mse(xt_real z, xt_real a, xt_real y, float p) { (void)z; (void)p; return (a - y) * (a - y); }
XT_FN xt_real xt_dloss_mse(xt_real a, xt_real y, float p) { (void)p; return XT_R(2) * (a - y); }

/* The derivative at a = y is 0. */
XT_FN xt_real xt_loss_mae(xt_real z, xt_real a, xt_real y, float p) { (void)z; (void)p; return xt_fabs(a - y); }
XT_FN xt_real xt_dloss_mae(xt_real a, xt_real y, float p)
{
    (void)p;
    return a > y ? XT_R(1) : (a < y ? XT_R(-1) : a - y);
}

XT_FN xt_real xt_loss_huber(xt_real z, xt_real a, xt_real y, float p)
{
    (void)z;
    xt_real d = xt_fabs(a - y);
    return d > XT_R(p) ? XT_R(p) * (d - XT_R(0.5) * XT_R(p)) : XT_R(0.5) * d * d;
}
XT_FN xt_real xt_dloss_huber(xt_real a, xt_real y, float p)
{
    xt_real d = a - y;
    return d > XT_R(p) ? XT_R(p) : (d < XT_R(-p) ? XT_R(-p) : d);
}

/* log(cosh(d)) without overflow, and without cancelling where d is small. */
XT_FN xt_real xt_loss_log_cosh(xt_real z, xt_real a, xt_real y, float p)
{
    (void)z; (void)p;
    xt_real d = xt_fabs(a - y);
    return d + xt_log1p(XT_R(0.5) * xt_expm1(XT_R(-2) * d));
}
XT_FN xt_real xt_dloss_log_cosh(xt_real a, xt_real y, float p) { (void)p; return xt_tanh(a - y); }

/* A target above 0 stands for 1, any other for -1. */
XT_FN xt_real xt_loss_hinge(xt_real z, xt_real a, xt_real y, float p)
{
    (void)z; (void)p;
    xt_real m = XT_R(1) - (y > XT_R(0) ? a : -a);
    return m < XT_R(0) ? XT_R(0) : m;
}
XT_FN xt_real xt_dloss_hinge(xt_real a, xt_real y, float p)
{
    (void)p;
    xt_real side = y > XT_R(0) ? XT_R(-1) : XT_R(1);
    return XT_R(1) + side * a > XT_R(0) ? side : (a == a ? XT_R(0) : a);
}

/* -y log a - (1 - y) log(1 - a) of a sigmoid, from the logit without overflow. */
XT_FN xt_real xt_loss_binary_cross_entropy(xt_real z, xt_real a, xt_real y, float p)
{
    (void)a; (void)p;
    return (z < XT_R(0) ? XT_R(0) : z) - z * y + xt_log1p(xt_exp(-xt_fabs(z)));
}
XT_FN xt_real xt_dloss_binary_cross_entropy(xt_real a, xt_real y, float p) { (void)p; return a - y; }

/* -y log a of a softmax, whose z is log a; the targets of a row sum to 1. */
XT_FN xt_real xt_loss_cross_entropy(xt_real z, xt_real a, xt_real y, float p)
{
    (void)p;
    return y > XT_R(0) ? -(y * z) : (a == a ? XT_R(0) : a); /* 0 where y is, even if log a is not finite */
}
XT_FN xt_real xt_dloss_cross_entropy(xt_real a, xt_real y, float p) { (void)p; return a - y; }

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

/* The same for every parameter of one update. All floats: a kernel takes it by value. */
typedef struct xt_hyper {
    float learning_rate; /* times the schedule's factor */
    float first;         /* 1 at the first update of a run, else 0 */
    float correction1, correction2; /* adam's: 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) */
    float values[6];     /* the row's parameters, as configured, the first not to be used: learning_rate is it */
} xt_hyper;

/* values: learning_rate, momentum, nesterov, weight_decay. PyTorch: v starts as g, not as 0. */
XT_FN xt_cell xt_opt_sgd(xt_cell c, xt_real g, xt_hyper h)
{
    float mu = h.values[1], decay = h.values[3];
    if (decay != 0)
        g = g + XT_R(decay) * c.p;
    xt_real step = g;
    if (mu != 0) {
        c.s0 = h.first != 0 ? g : XT_R(mu) * c.s0 + g;
        step = h.values[2] != 0 ? g + XT_R(mu) * c.s0 : c.s0;
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
    float b1 = h.values[1], b2 = h.values[2], decay = h.values[4];
    if (decay != 0)
        g = g + XT_R(decay) * c.p;
    c.s0 = XT_R(b1) * c.s0 + XT_R(1 - b1) * g;
    c.s1 = XT_R(b2) * c.s1 + XT_R(1 - b2) * g * g;
    c.p = c.p - xt_adam_step(c.s0, c.s1, h);
    return c;
}

/* Loshchilov & Hutter 2019: the decay is not part of the gradient. */
XT_FN xt_cell xt_opt_adamw(xt_cell c, xt_real g, xt_hyper h)
{
    float b1 = h.values[1], b2 = h.values[2];
    c.p = c.p - XT_R(h.learning_rate * h.values[4]) * c.p;
    c.s0 = XT_R(b1) * c.s0 + XT_R(1 - b1) * g;
    c.s1 = XT_R(b2) * c.s1 + XT_R(1 - b2) * g * g;
    c.p = c.p - xt_adam_step(c.s0, c.s1, h);
    return c;
}

/* values: learning_rate, alpha, epsilon, momentum, weight_decay. s0: the mean of g's square, s1: the step. */
XT_FN xt_cell xt_opt_rmsprop(xt_cell c, xt_real g, xt_hyper h)
{
    float alpha = h.values[1], eps = h.values[2], mu = h.values[3], decay = h.values[4];
    if (decay != 0)
        g = g + XT_R(decay) * c.p;
    c.s0 = XT_R(alpha) * c.s0 + XT_R(1 - alpha) * g * g;
    xt_real step = g / (xt_sqrt(c.s0) + XT_R(eps));
    if (mu != 0) {
        c.s1 = XT_R(mu) * c.s1 + step;
        step = c.s1;
    }
    c.p = c.p - XT_R(h.learning_rate) * step;
    return c;
}

/* Duchi et al. 2011. values: learning_rate, epsilon, weight_decay. s0: the sum of g's squares. */
XT_FN xt_cell xt_opt_adagrad(xt_cell c, xt_real g, xt_hyper h)
{
    float eps = h.values[1], decay = h.values[2];
    if (decay != 0)
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
XT_FN xt_real xt_clip_value(xt_real g, float limit)
{
    g = g > XT_R(limit) ? XT_R(limit) : g;
    return g < XT_R(-limit) ? XT_R(-limit) : g;
}

/* The factor that brings a gradient of this norm down to at most `most`: PyTorch's clip_grad_norm_. */
XT_FN float xt_clip_factor(float norm, float most)
{
    float factor = most / (norm + 1e-6f);
    return factor > 1.0f ? 1.0f : factor;
}

/* The gradient of l2 / 2 p^2 + l1 |p| added. */
XT_FN xt_real xt_penalise(xt_real g, xt_real p, float l1, float l2)
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

XT_FN xt_real xt_loss(int code, xt_real z, xt_real a, xt_real y, float p)
{
#define XT_CASE(name, x, b, c, d, e, f, g) case XT_LOSS_##name: return xt_loss_##name(z, a, y, p);
    switch (code) { XT_LOSSES(XT_CASE) default: return a; }
#undef XT_CASE
}

/* By a, or by z: see the list. */
XT_FN xt_real xt_loss_grad(int code, xt_real a, xt_real y, float p)
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
XT_FN xt_real xt_output_grad(int loss, float p, int activation, float q, xt_real z, xt_real a, xt_real y, xt_real scale)
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

/* random.h: the random words of dropout, the same as the host's model/rng.h draws.
 *
 * Threefry-2x32 with 20 rounds (Salmon et al. 2011). Where values are vectors the
 * prelude defines XT_WORDS and xt_word, as wide: a value's word is at its place. Whether an
 * output is dropped depends on the update's key, the layer, the unit and the row
 * in the batch, and on nothing else: word 0 of the pair (layer << 24 | unit,
 * row). */

#ifndef XT_WORDS
#define xt_word uint
#endif

typedef struct xt_key {
    uint hi, lo;
} xt_key;

#define XT_ROUND(word, r) x0 += x1; x1 = rotate(x1, (word)(r)) ^ x0;
#define XT_FOUR_ROUNDS(word, a, b, c, d) XT_ROUND(word, a) XT_ROUND(word, b) XT_ROUND(word, c) XT_ROUND(word, d)

/* The first word of a pair's hash; *second becomes the other. */
#define XT_THREEFRY(name, word) \
    static inline word name(xt_key key, word x0, word *second) \
    { \
        uint k0 = key.hi, k1 = key.lo, k2 = k0 ^ k1 ^ 0x1BD11BDAu; \
        word x1 = *second + k1; \
        x0 += k0; \
        XT_FOUR_ROUNDS(word, 13, 15, 26, 6)  x0 += k1; x1 += k2 + 1u; \
        XT_FOUR_ROUNDS(word, 17, 29, 16, 24) x0 += k2; x1 += k0 + 2u; \
        XT_FOUR_ROUNDS(word, 13, 15, 26, 6)  x0 += k0; x1 += k1 + 3u; \
        XT_FOUR_ROUNDS(word, 17, 29, 16, 24) x0 += k1; x1 += k2 + 4u; \
        XT_FOUR_ROUNDS(word, 13, 15, 26, 6)  x0 += k2; x1 += k0 + 5u; \
        *second = x1; \
        return x0; \
    }
XT_THREEFRY(xt_threefry_1, uint)
#ifdef XT_WORDS
XT_THREEFRY(xt_threefry, xt_word)
#else
#define xt_threefry xt_threefry_1
#endif

/* What an output is multiplied by: 0 where 24 bits of its word are below drop_below, else scale. */
static inline xt_real xt_kept(xt_key key, int layer, xt_word unit, int row, int drop_below, float scale)
{
    xt_word second = (xt_word)((uint)row);
    xt_word bits = xt_threefry(key, (xt_word)((uint)layer << 24) | unit, &second) >> (xt_word)(8u);
    return bits < (xt_word)((uint)drop_below) ? XT_R(0) : XT_R(scale);
}

/* tiles.cl: dense layers on a device of a few strong cores, where one work-item
 * is a core's whole work for a while. Built after scalar.h and random.h with
 * xt_real a vector of XT_W floats.
 *
 * Every product is cut into tiles of XT_MR rows by XT_NR = XT_NV * XT_W columns,
 * whose sums stay in registers: a step adds one row of b, in vectors, times
 * XT_MR single values of a. What follows the sums happens while they are near:
 * bias and activation, the activation's derivative, the optimiser's update. There
 * codes are arguments, chosen once a tile: one program serves all networks.
 *
 * How matrices lie:
 * - rows: row-major, each row at a multiple of `ld` floats, at least a tile wide
 *   and with zeros or finite values beyond its columns. Tiles read and write up to XT_MR - 1 rows
 *   beyond the last one, which must be there.
 * - panels: a weight matrix (units, inputs) as [unit / XT_NR][input][unit % XT_NR],
 *   zeros where there is no unit: what a forward product reads is in one piece.
 * Numbers named *_at are offsets in floats. A sum runs over its terms in ascending order
 * from 0, whatever the blocks are: they never change a bit.
 *
 * Index space of every kernel: work-groups of one work-item, a block of the result each. */

#define XT_CAT_(a, b) a##b
#define XT_CAT(a, b) XT_CAT_(a, b)
#define XT_LOAD(at) XT_CAT(vload, XT_W)(0, at)
#define XT_STORE(value, at) XT_CAT(vstore, XT_W)(value, 0, at)
#define XT_NR (XT_NV * XT_W)
#define XT_UNROLL _Pragma("clang loop unroll(full)")
#define XT_ONE __attribute__((reqd_work_group_size(1, 1, 1)))
/* EACH_VALUE: i of a tile's rows, j of its vectors. */
#define XT_EACH_ROW XT_UNROLL for (int i = 0; i < XT_MR; i++)
#define XT_EACH_VECTOR XT_UNROLL for (int j = 0; j < XT_NV; j++)
#define XT_EACH_VALUE XT_EACH_ROW XT_EACH_VECTOR

#ifdef XT_FMA
#define XT_MUL_ADD(a, b, c) fma(a, b, c)
#else
#define XT_MUL_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* zip: the first, or last, halves of two vectors taken in turns. */
#if XT_W == 4
#define XT_LANE_NUMBERS (int4)(0, 1, 2, 3)
#define XT_ZIP_LOW(a, b) (float4)(a.s0, b.s0, a.s1, b.s1)
#define XT_ZIP_HIGH(a, b) (float4)(a.s2, b.s2, a.s3, b.s3)
#define XT_ZIPS 2
#elif XT_W == 8
#define XT_LANE_NUMBERS (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define XT_ZIP_LOW(a, b) (float8)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3)
#define XT_ZIP_HIGH(a, b) (float8)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define XT_ZIPS 3
#else
#define XT_LANE_NUMBERS (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define XT_ZIP_LOW(a, b) \
    (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define XT_ZIP_HIGH(a, b) \
    (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)
#define XT_ZIPS 4
#endif
#define xt_lanes XT_CAT(int, XT_W)

/* ---- tiles ---- */

/* sums += a b over n steps. The value of row i at step k is a[i * a_row + k * a_step];
 * b has a row of XT_NR floats a step. */
#define XT_TILE(name, a_space, b_space) \
    static inline void name(xt_real sums[XT_MR][XT_NV], const a_space float *a, size_t a_row, size_t a_step, \
                            const b_space float *b, uint n) \
    { \
        _Pragma("clang loop unroll_count(4)") for (uint k = 0; k < n; k++) \
        { \
            xt_real v[XT_NV]; \
            XT_EACH_VECTOR v[j] = XT_LOAD(b + j * XT_W); \
            XT_EACH_ROW \
            { \
                xt_real s = (xt_real)(a[i * a_row]); \
                XT_EACH_VECTOR sums[i][j] = XT_MUL_ADD(s, v[j], sums[i][j]); \
            } \
            a += a_step; \
            b += XT_NR; \
        } \
    }
XT_TILE(xt_add_panel, __global, __global)
XT_TILE(xt_add_transposed, __global, __local)
XT_TILE(xt_add_packed, __local, __local)

#define XT_MOVES(get, put, space) \
    static inline void get(xt_real sums[XT_MR][XT_NV], const space float *from, size_t ld) \
    { \
        XT_EACH_VALUE sums[i][j] = XT_LOAD(from + i * ld + j * XT_W); \
    } \
    static inline void put(const xt_real sums[XT_MR][XT_NV], space float *to, size_t ld) \
    { \
        XT_EACH_VALUE XT_STORE(sums[i][j], to + i * ld + j * XT_W); \
    }
XT_MOVES(xt_get, xt_put, __global)
XT_MOVES(xt_get_local, xt_put_local, __local)

static inline void xt_clear(xt_real sums[XT_MR][XT_NV])
{
    XT_EACH_VALUE sums[i][j] = XT_R(0);
}

/* Terms of a sum of n that are added at once: at most XT_DEPTH, whole panels, and about the same each time. */
static inline uint xt_depth(uint n)
{
    uint times = (n + XT_DEPTH - 1) / XT_DEPTH;
    return ((n + times - 1) / times + XT_NR - 1) / XT_NR * XT_NR;
}

/* ---- layers and blocks ---- */

/* A layer: all that is the same for every batch. */
typedef struct xt_layer {
    uint inputs, units;
    uint weight_at, bias_at;           /* in params, and what lies as they do */
    uint at, ld;                       /* its block in z, a and gz, and the distance of rows there */
    int activation, drop_below;        /* outputs are dropped where drop_below is above 0 */
    float param, drop_scale;
    float l1, l2;                      /* penalties on its weights */
    uint groups;                       /* work-groups of the weight gradients of the layers until this */
    uint block_inputs, block_panels;   /* that one of them takes */
} xt_layer;

/* What a work-group has of a result: rows and panels. */
typedef struct xt_block {
    uint row_0, row_1, panel_0, panel_1;
} xt_block;

static inline xt_block xt_block_of(uint group, uint rows, uint panels, uint block_rows, uint block_panels)
{
    uint across = (panels + block_panels - 1) / block_panels;
    xt_block b;
    b.row_0 = group / across * block_rows;
    b.row_1 = min(b.row_0 + block_rows, rows);
    b.panel_0 = group % across * block_panels;
    b.panel_1 = min(b.panel_0 + block_panels, panels);
    return b;
}

static inline uint xt_panels(uint n)
{
    return (n + XT_NR - 1) / XT_NR;
}

/* ---- products with weights ---- */

/* z = x w' + bias. x: the rows below, z: the layer's block. */
static inline void xt_multiply(const xt_layer *layer, const xt_block *b, __global const float *x, uint x_ld,
                               __global const float *params, __global float *z)
{
    uint inputs = layer->inputs, ld = layer->ld, depth = xt_depth(inputs);
    for (uint k = 0; k < inputs; k += depth)
        for (uint p = b->panel_0; p < b->panel_1; p++)
            for (uint r = b->row_0; r < b->row_1; r += XT_MR) {
                xt_real sums[XT_MR][XT_NV];
                __global float *to = z + (size_t)r * ld + p * XT_NR;
                if (k)
                    xt_get(sums, to, ld);
                else
                    xt_clear(sums);
                xt_add_panel(sums, x + (size_t)r * x_ld + k, x_ld, 1,
                             params + layer->weight_at + ((size_t)p * inputs + k) * XT_NR, min(depth, inputs - k));
                if (k + depth >= inputs) {
                    XT_EACH_VALUE sums[i][j] += XT_LOAD(params + layer->bias_at + p * XT_NR + j * XT_W);
                }
                xt_put(sums, to, ld);
            }
}

/* A block of a weight matrix as b of a product over units: to[u][i] = w[i][u] for the XT_NR inputs from `first`
 * on (0 beyond the last) and n units of the panels at w. */
static inline void xt_transpose(__global const float *w, uint inputs, uint first, uint n, __local float *to)
{
    for (uint q = 0; q * XT_NR < n; q++)
        for (uint x = 0; x < XT_NR; x += XT_W)
            for (uint y = 0; y < XT_NR; y += XT_W) {
                xt_real from[XT_W], zipped[XT_W];
                __global const float *block = w + ((size_t)q * inputs + first + x) * XT_NR + y;
                XT_UNROLL for (int i = 0; i < XT_W; i++)
                    from[i] = first + x + i < inputs ? XT_LOAD(block + i * XT_NR) : XT_R(0);
                /* Zipping the halves of a list of vectors as often as its length can be halved transposes it. */
                XT_UNROLL for (int s = 0; s < XT_ZIPS; s++)
                {
                    XT_UNROLL for (int i = 0; i < XT_W / 2; i++)
                    {
                        zipped[2 * i] = XT_ZIP_LOW(from[i], from[i + XT_W / 2]);
                        zipped[2 * i + 1] = XT_ZIP_HIGH(from[i], from[i + XT_W / 2]);
                    }
                    XT_UNROLL for (int i = 0; i < XT_W; i++)
                        from[i] = zipped[i];
                }
                XT_UNROLL for (int i = 0; i < XT_W; i++)
                    XT_STORE(from[i], to + (q * XT_NR + y + i) * XT_NR + x);
            }
}

/* to = gz w: the gradient by a layer's inputs, of distance ld. gz has zeros beyond its columns; pack holds XT_DEPTH
 * * XT_NR floats. */
static inline void xt_multiply_back(const xt_layer *layer, const xt_block *b, __global const float *params,
                                    __global const float *gz, __global float *to_all, uint ld, __local float *pack)
{
    uint inputs = layer->inputs, units = layer->units, depth = xt_depth(units);
    for (uint k = 0; k < units; k += depth)
        for (uint p = b->panel_0; p < b->panel_1; p++) {
            uint n = min(depth, units - k);
            xt_transpose(params + layer->weight_at + (size_t)k * inputs, inputs, p * XT_NR, n, pack);
            for (uint r = b->row_0; r < b->row_1; r += XT_MR) {
                xt_real sums[XT_MR][XT_NV];
                __global float *to = to_all + (size_t)r * ld + p * XT_NR;
                if (k)
                    xt_get(sums, to, ld);
                else
                    xt_clear(sums);
                xt_add_transposed(sums, gz + (size_t)r * layer->ld + k, layer->ld, 1, pack, n);
                xt_put(sums, to, ld);
            }
        }
}

/* ---- what follows a product, of a block of the layer that has its result ---- */

/* Loops that stay loops: unrolled for every operation they take a compiler seconds. */
#define XT_ROLLED _Pragma("clang loop unroll(disable)")
/* v: the places of a block's vectors in z, a and gz. */
#define XT_EACH_PLACE(layer, b) \
    XT_ROLLED for (uint r = (b)->row_0; r < (b)->row_1; r++) \
        XT_ROLLED for (size_t v = (layer)->at + (size_t)r * (layer)->ld + (b)->panel_0 * XT_NR, \
                       end = v + ((b)->panel_1 - (b)->panel_0) * XT_NR; \
                       v < end; v += XT_W)

/* a = f(z) */
static inline void xt_activate_block(const xt_layer *layer, const xt_block *b, __global const float *z, __global float *a)
{
    float p = layer->param;
#define XT_CASE(name, x, y, c, d, e) \
    case XT_ACT_##name: XT_EACH_PLACE(layer, b) XT_STORE(xt_act_##name(XT_LOAD(z + v), p), a + v); break;
    switch (layer->activation) { XT_ACTIVATIONS(XT_CASE) }
#undef XT_CASE
}

/* gz *= f'(z) */
static inline void xt_activate_grad_block(const xt_layer *layer, const xt_block *b, __global const float *z,
                                          __global const float *a, __global float *gz)
{
    float p = layer->param;
#define XT_CASE(name, x, y, c, d, e) \
    case XT_ACT_##name: \
        XT_EACH_PLACE(layer, b) XT_STORE(XT_LOAD(gz + v) * xt_dact_##name(XT_LOAD(z + v), XT_LOAD(a + v), p), gz + v); \
        break;
    switch (layer->activation) { XT_ACTIVATIONS(XT_CASE) }
#undef XT_CASE
}

/* Drops values of layer i's outputs, or their gradients. */
static inline void xt_drop_block(const xt_layer *layer, uint i, const xt_block *b, xt_key key, __global float *values)
{
    xt_word lanes = XT_CAT(convert_uint, XT_W)(XT_LANE_NUMBERS);
    XT_EACH_PLACE(layer, b)
    {
        uint unit = (uint)(v - layer->at - (size_t)r * layer->ld);
        XT_STORE(XT_LOAD(values + v) * xt_kept(key, (int)i, (xt_word)(unit) + lanes, (int)r, layer->drop_below,
                                               layer->drop_scale),
                 values + v);
    }
}

/* ---- the last layer ---- */

/* z of whole rows less their log-sum-exp; work is their a. */
static inline void xt_normalise_rows(const xt_layer *layer, const xt_block *b, __global float *z_all,
                                     __global float *work_all)
{
    uint units = layer->units;
    for (uint r = b->row_0; r < b->row_1; r++) {
        __global float *z = z_all + layer->at + (size_t)r * layer->ld, *work = work_all + layer->at + (size_t)r * layer->ld;
        float most = z[0], sum = 0.0f;
        for (uint j = 1; j < units; j++)
            most = z[j] > most ? z[j] : most;
        for (uint j = 0; j < units; j += XT_W)
            XT_STORE(exp(XT_LOAD(z + j) - most), work + j);
        for (uint j = 0; j < units; j++)
            sum += work[j];
        float rest = log(sum);
        for (uint j = 0; j < units; j += XT_W)
            XT_STORE(XT_LOAD(z + j) - most - rest, z + j);
    }
}

/* What the last layer does with a batch: where `scores`, losses from losses_at on get the rows' losses times their
 * weights, and where `keeps` kept gets a, (.., units) without padding; where `trains`, gz gets the gradient, scale: as
 * xt_output_gradient in dense.cl. */
typedef struct xt_scoring {
    uint y_at, weights_at, losses_at; /* y (rows, units) without padding */
    int weighted, scores, keeps, trains;
    int loss;
    float loss_param, scale;
} xt_scoring;

/* A vector of a row without padding; zeros beyond it. */
static inline xt_real xt_load_part(__global const float *row, uint j, uint n)
{
    if (j + XT_W <= n)
        return XT_LOAD(row + j);
    float part[XT_W];
    for (uint i = 0; i < XT_W; i++)
        part[i] = j + i < n ? row[j + i] : 0.0f;
    return XT_LOAD(part);
}

/* Rows' losses, outputs and gradients of the loss: by a, or by z where the loss goes with its activation. */
static inline void xt_score_rows(const xt_layer *layer, const xt_block *b, const xt_scoring *s,
                                 __global const float *z_all, __global const float *a_all, __global float *gz_all,
                                 __global const float *y, __global const float *weights, __global float *losses,
                                 __global float *kept)
{
    uint units = layer->units;
    for (uint r = b->row_0; r < b->row_1; r++) {
        size_t at = layer->at + (size_t)r * layer->ld;
        __global const float *z = z_all + at, *a = a_all + at, *target = y + s->y_at + (size_t)r * units;
        __global float *gz = gz_all + at;
        float weight = s->weighted ? weights[s->weights_at + r] : 1.0f, scale = s->weighted ? weight * s->scale : s->scale;
        if (s->scores) {
            float sum = 0.0f;
            for (uint j = 0; j < units; j += XT_W)
                XT_STORE(xt_loss(s->loss, XT_LOAD(z + j), XT_LOAD(a + j), xt_load_part(target, j, units), s->loss_param),
                         gz + j);
            for (uint j = 0; j < units; j++)
                sum += gz[j];
            losses[s->losses_at + r] = s->weighted ? sum * weight : sum;
        }
        for (uint j = 0; s->keeps && j < units; j++)
            kept[(size_t)(s->losses_at + r) * units + j] = a[j];
        /* Zeros where there is no unit: what is summed over whole tiles later. */
        for (uint j = 0; s->trains && j < xt_panels(units) * XT_NR; j += XT_W) {
            xt_real g = xt_loss_grad(s->loss, XT_LOAD(a + j), xt_load_part(target, j, units), s->loss_param) * XT_R(scale);
            XT_STORE(XT_LANE_NUMBERS + (int)j < (xt_lanes)((int)units) ? g : XT_R(0), gz + j);
        }
    }
}

/* ---- rows through layers ---- */

/* Where the rows of a batch come from: with an order, rows order[first + ..] of x, y and weights are copied to the
 * batch's own places first. */
typedef struct xt_gathering {
    int gathers;
    uint first, targets;
} xt_gathering;

/* Steps step_0 .. step_1 - 1 of those that rows go: step i is layer i forward, the last layer with its scoring; the
 * n_layers - 1 that follow lead back, to the gradients of the layer below the last and so on.
 * Work-groups: ceil(rows / block_rows) * ceil(panels / block_panels), panels of the step's result; block_rows is a
 * multiple of XT_MR. The last layer forward needs blocks of all panels, and so do many steps at once: everything that
 * one row has to itself can be one launch. x (rows, inputs) at x_at, and y and weights where scoring says; where rows
 * are gathered, in step 0, these are the places that they are copied to, and from_* are where they come from. z, a and
 * gz have a block a layer. */
__kernel XT_ONE void xt_pass(uint rows, uint n_layers, uint step_0, uint step_1, __global const xt_layer *layers,
                             __global float *x, uint x_at, uint x_ld, __global const float *params, __global float *z,
                             __global float *a, __global float *gz, uint block_rows, uint block_panels, __global float *y,
                             __global float *weights, __global float *losses, __global float *kept, xt_scoring scoring,
                             int drops, uint key_hi, uint key_lo, xt_gathering gathering, __global const uint *order,
                             __global const float *from_x, __global const float *from_y,
                             __global const float *from_weights)
{
    __local float pack[XT_DEPTH * XT_NR];
    xt_key key = {key_hi, key_lo};
    for (uint s = step_0; s < step_1; s++) {
        int back = s >= n_layers;
        uint i = back ? 2 * n_layers - 2 - s : s; /* the layer that has the result */
        xt_layer layer = layers[i];
        xt_block b = xt_block_of((uint)get_group_id(0), rows, xt_panels(layer.units), block_rows,
                                 min(block_panels, xt_panels(layer.units)));
        if (s == 0 && gathering.gathers)
            for (uint r = b.row_0; r < b.row_1; r++) {
                uint from = order[gathering.first + r], n = gathering.targets;
                for (uint k = 0; k < x_ld; k += 16)
                    vstore16(vload16(0, from_x + (size_t)from * x_ld + k), 0, x + x_at + (size_t)r * x_ld + k);
                for (uint k = 0; k < n; k++)
                    y[scoring.y_at + (size_t)r * n + k] = from_y[(size_t)from * n + k];
                if (scoring.weighted)
                    weights[scoring.weights_at + r] = from_weights[from];
            }
        if (back) {
            xt_layer above = layers[i + 1];
            xt_multiply_back(&above, &b, params, gz + above.at, gz + layer.at, layer.ld, pack);
        } else {
            xt_multiply(&layer, &b, i ? a + layers[i - 1].at : x + x_at, i ? layers[i - 1].ld : x_ld, params, z + layer.at);
        }
        int last = !back && i + 1 == n_layers, dropped = drops && layer.drop_below > 0;
        if (last && layer.activation == XT_ACT_softmax)
            xt_normalise_rows(&layer, &b, z, a);
        /* On the way back f' wants a as it was before it was dropped. */
        if (!back || dropped)
            xt_activate_block(&layer, &b, z, a);
        if (last)
            xt_score_rows(&layer, &b, &scoring, z, a, gz, y, weights, losses, kept);
        if (back && dropped)
            xt_drop_block(&layer, i, &b, key, gz);
        if (back || (last && scoring.trains && xt_loss_head(scoring.loss) < 0))
            xt_activate_grad_block(&layer, &b, z, a, gz);
        if (dropped)
            xt_drop_block(&layer, i, &b, key, a);
    }
}

/* ---- the gradient by a layer's weights, and their update ---- */

/* Parameters at `at` and the n - 1 vectors behind, with their gradients g: these are kept for later, or applied. */
static inline void xt_apply(const __local float *g, size_t at, uint n, __global float *params, __global float *s0,
                            __global float *s1, int n_slots, __global float *gradients, int stores, int optimizer,
                            float l1, float l2, xt_hyper hyper)
{
    if (stores) {
        for (uint v = 0; v < n * XT_W; v += XT_W)
            XT_STORE(XT_LOAD(g + v), gradients + at + v);
        return;
    }
    params += at;
    s0 += n_slots > 0 ? at : 0;
    s1 += n_slots > 1 ? at : 0;
#define XT_CASE(name, x, b, c, d) \
    case XT_OPT_##name: \
        XT_ROLLED for (uint v = 0; v < n * XT_W; v += XT_W) \
        { \
            xt_cell cell = {XT_LOAD(params + v), n_slots > 0 ? XT_LOAD(s0 + v) : XT_R(0), \
                            n_slots > 1 ? XT_LOAD(s1 + v) : XT_R(0)}; \
            xt_real gradient = XT_LOAD(g + v); \
            if (l1 > 0 || l2 > 0) \
                gradient = xt_penalise(gradient, cell.p, l1, l2); \
            cell = xt_opt_##name(cell, gradient, hyper); \
            XT_STORE(cell.p, params + v); \
            if (n_slots > 0) \
                XT_STORE(cell.s0, s0 + v); \
            if (n_slots > 1) \
                XT_STORE(cell.s1, s1 + v); \
        } \
        break;
    switch (optimizer) { XT_OPTIMIZERS(XT_CASE) }
#undef XT_CASE
}

/* g = x' gz summed over rows, for the weights and biases of all layers, first layer first; where `stores` to
 * gradients, which lie as params do, else each parameter is updated.
 * Work-groups: those of the last layer, ceil(inputs / block_inputs) * ceil(panels / block_panels) of each;
 * block_inputs, a multiple of XT_MR, is at most XT_BLOCK_INPUTS, block_panels at most XT_BLOCK_PANELS. x (rows, inputs)
 * of the first layer at x_at. */

