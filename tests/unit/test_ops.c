/* Every row of the tables of operations: known answers, derivatives, the far
 * ends of the range, nan; optimisers against sequences worked out by hand. */
#include "cases.h"
#include "double.h"
#include "model/ops.h"
#include "model/rng.h"

#include <float.h>
#include <string.h>

/* A number in [-range, range) that is the same in every run. */
static double draw(uint32_t stream, size_t index, double range)
{
    return range * (double)xt_uniform_at((xt_key){stream, 77}, 100000, index, -1, 1);
}

static const char *name_at(const xt_table *table, size_t code)
{
    return xt_table_at(table, code)->name;
}

static int code_of(const xt_table *table, const xt_row *row)
{
    return xt_table_find(table, row->name);
}

/* ---- activations ---- */

static void activation_known_answer(void **state)
{
    const xt_activation_row *row = *state;
    int code = code_of(&xt_activations, &row->kind.row);
    float p = row->kind.params[0].def;
    double scale = 1 + fabs(row->known_a), least = row->kind.params[0].name ? 1e-9 : 1e-15; /* a default is a float */
    unit_near(unit_activate(code, row->known_z, p), row->known_a, least * scale, "in double");
    unit_near((double)xt_activate(code, (float)row->known_z, p), row->known_a, 3e-7 * scale, "in float");
}

static void activation_passes_nan(void **state)
{
    const xt_activation_row *row = *state;
    int code = code_of(&xt_activations, &row->kind.row);
    const float alphas[] = {row->kind.params[0].def, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_true(isnan(xt_activate(code, NAN, alphas[i])));
        assert_true(isnan(unit_activate(code, (double)NAN, alphas[i])));
    }
}

/* Central differences at many points; one-sided ones that disagree are at a kink. */
static void activation_derivative(void **state)
{
    const xt_activation_row *row = *state;
    int code = code_of(&xt_activations, &row->kind.row);
    const float alphas[] = {row->kind.params[0].def, 0.25f, 2, 0};
    const double h = 1e-5;
    size_t kinks = 0;
    enum { N = 2000 };
    for (size_t i = 0; i < N; i++) {
        float p = alphas[i % (row->kind.params[0].name ? 4 : 1)];
        double z = draw(1, i, i % 2 ? 9 : 1);
        if (code == XT_ACT_softmax)
            z = -fabs(z); /* the logarithm of a probability */
        double right = unit_activate(code, z + h, p), at = unit_activate(code, z, p), left = unit_activate(code, z - h, p);
        if (fabs((right - at) - (at - left)) > 1e-3 * h) {
            kinks++;
            continue;
        }
        double slope = (right - left) / (2 * h);
        unit_near(unit_activate_grad(code, z, p), slope, 1e-8 * fmax(1, fabs(slope)), "at %.17g, alpha %g", z, (double)p);
        float a = xt_activate(code, (float)z, p);
        unit_near((double)xt_activate_grad(code, (float)z, a, p), slope, 2e-6 * fmax(1, fabs(slope)), "in float at %.17g", z);
    }
    assert_true(kinks <= 5);
}

/* Nothing turns to nan or infinity on the way to a finite value. */
static void activation_is_finite_far_out(void **state)
{
    const xt_activation_row *row = *state;
    int code = code_of(&xt_activations, &row->kind.row);
    float p = row->kind.params[0].def;
    static const float far[] = {0, 1e-30f, 1e-8f, 15, 50, 88.5f, 89, 104, 1000, 1e6f, 1e13f, 1e19f, 3e19f, 1e25f, 3e38f};
    for (size_t i = 0; i < 2 * sizeof far / sizeof far[0]; i++) {
        float z = i % 2 ? -far[i / 2] : far[i / 2], a = xt_activate(code, z, p);
        if (code == XT_ACT_softmax && z > 0)
            continue; /* the logarithm of a probability is none */
        double exact = unit_activate(code, (double)z, p), slope = unit_activate_grad(code, (double)z, p);
        unit_near((double)a, exact, 3e-7 * (1 + fabs(exact)), "f(%g)", (double)z);
        unit_near((double)xt_activate_grad(code, z, a, p), slope, 2e-6, "f'(%g)", (double)z);
        assert_true(isfinite(exact) && isfinite(slope));
    }
}

typedef struct far_value {
    const char *name;
    double z, a;
} far_value;

static const far_value far_values[] = {
    {"sigmoid", -1000, 0},   {"sigmoid", 1000, 1},     {"softplus", 1000, 1000}, {"softplus", -1000, 0},
    {"silu", -1000, 0},      {"silu", 1000, 1000},     {"mish", -1000, 0},       {"mish", 1000, 1000},
    {"gelu", -1000, 0},      {"gelu", 1000, 1000},     {"gelu_tanh", -1000, 0},  {"gelu_tanh", 1e15, 1e15},
    {"elu", -1000, -1},      {"elu", 1000, 1000},      {"tanh", -1000, -1},      {"softsign", 3e38, 1},
    {"selu", -1000, -1.7580993408473766}, {"hard_sigmoid", -1000, 0}, {"hard_sigmoid", 1000, 1},
    {"hard_tanh", -1000, -1}, {"relu6", 1000, 6},      {"relu", -1000, 0},       {"leaky_relu", -1000, -10},
};

static void far_value_is(void **state)
{
    const far_value *row = *state;
    int code = xt_table_find(&xt_activations, row->name);
    float p = xt_activation_at(code)->kind.params[0].def;
    unit_near((double)xt_activate(code, (float)row->z, p), row->a, 3e-7 * fabs(row->a), "%s", row->name);
}

/* Where the two sides differ the documentation says which it is: PyTorch's. */
typedef struct kink {
    const char *name;
    float z, slope;
} kink;

static const kink kinks[] = {
    {"relu", 0, 0},          {"relu", 1e-30f, 1},     {"leaky_relu", 0, 0.01f}, {"relu6", 0, 0},
    {"relu6", 6, 0},         {"relu6", 1e-8f, 1},     {"hard_tanh", 1, 0},      {"hard_tanh", -1, 0},
    {"hard_sigmoid", 3, 0},  {"hard_sigmoid", -3, 0}, {"elu", 0, 1},
};

static void derivative_at_kink(void **state)
{
    const kink *row = *state;
    int code = xt_table_find(&xt_activations, row->name);
    float p = xt_activation_at(code)->kind.params[0].def;
    assert_true(xt_activate_grad(code, row->z, xt_activate(code, row->z, p), p) == row->slope);
}

static void activation_tables_agree(void **state)
{
    (void)state;
    assert_int_equal(xt_activations.n_rows, XT_N_ACTIVATIONS);
    assert_int_equal(xt_losses.n_rows, XT_N_LOSSES);
    assert_int_equal(xt_optimizers.n_rows, XT_N_OPTIMIZERS);
    assert_int_equal(xt_table_find(&xt_activations, "relu"), XT_ACT_relu);
    assert_int_equal(xt_table_find(&xt_losses, "huber"), XT_LOSS_huber);
    assert_int_equal(xt_table_find(&xt_optimizers, "sgd"), XT_OPT_sgd);
}

/* ---- losses ---- */

/* The activation that the loss goes with, linear where any will do. */
static int last_of(const xt_loss_row *row)
{
    return row->head >= 0 ? row->head : XT_ACT_linear;
}

static float float_loss(const xt_loss_row *row, float z, float y, float p)
{
    return xt_loss(code_of(&xt_losses, &row->kind.row), z, xt_activate(last_of(row), z, 0), y, p);
}

static float float_loss_grad(const xt_loss_row *row, float z, float y, float p)
{
    return xt_output_grad(code_of(&xt_losses, &row->kind.row), p, last_of(row), 0, z, xt_activate(last_of(row), z, 0), y,
                          1);
}

static void loss_known_answer(void **state)
{
    const xt_loss_row *row = *state;
    int code = code_of(&xt_losses, &row->kind.row);
    float p = row->kind.params[0].def;
    unit_near(unit_loss(code, last_of(row), row->known_z, row->known_y, p), row->known_loss, 1e-12, "in double");
    unit_near((double)float_loss(row, (float)row->known_z, (float)row->known_y, p), row->known_loss, 5e-7, "in float");
}

static void loss_passes_nan(void **state)
{
    const xt_loss_row *row = *state;
    int code = code_of(&xt_losses, &row->kind.row);
    float p = row->kind.params[0].def;
    for (int y = 0; y < 2; y++) {
        assert_true(isnan(float_loss(row, NAN, (float)y, p)));
        assert_true(isnan(float_loss_grad(row, NAN, (float)y, p)));
        assert_true(isnan(unit_loss_grad(code, last_of(row), (double)NAN, y, p)));
    }
}

static void loss_derivative(void **state)
{
    const xt_loss_row *row = *state;
    int code = code_of(&xt_losses, &row->kind.row), last = last_of(row);
    const float deltas[] = {row->kind.params[0].def, 0.25f, 2};
    const double h = 1e-5;
    size_t kinks_met = 0;
    enum { N = 2000 };
    /* cross_entropy's derivative is that of a whole row: the golden numbers and the gradient check have it. */
    for (size_t i = 0; i < N && code != XT_LOSS_cross_entropy; i++) {
        float p = deltas[i % 3];
        double z = draw(2, i, 4), y = draw(3, i, 4);
        double right = unit_loss(code, last, z + h, y, p), at = unit_loss(code, last, z, y, p);
        double left = unit_loss(code, last, z - h, y, p);
        if (fabs((right - at) - (at - left)) > 1e-3 * h) {
            kinks_met++;
            continue;
        }
        double slope = (right - left) / (2 * h);
        unit_near(unit_loss_grad(code, last, z, y, p), slope, 1e-5, "at z %.17g, y %.17g, parameter %g", z, y, (double)p);
        unit_near((double)float_loss_grad(row, (float)z, (float)y, p), slope, 1e-5, "in float at z %.17g", z);
        unit_near((double)float_loss(row, (float)z, (float)y, p), at, 4e-6 * (1 + fabs(at)), "in float at z %.17g", z);
    }
    assert_true(kinks_met <= 2);
}

/* Near the target and far from it; an infinite true value may be infinite. */
static void loss_near_and_far(void **state)
{
    const xt_loss_row *row = *state;
    int code = code_of(&xt_losses, &row->kind.row), last = last_of(row);
    float p = row->kind.params[0].def;
    static const float errors[] = {0, 1e-6f, 1e-4f, 1e-2f, 0.1f, 1, 50, 1000, 1e15f, 1e25f, 1e38f};
    for (size_t i = 0; i < 2 * sizeof errors / sizeof errors[0]; i++) {
        float z = i % 2 ? -errors[i / 2] : errors[i / 2];
        if (last == XT_ACT_softmax && z > 0)
            continue; /* the logarithm of a probability is none */
        float loss = float_loss(row, z, 0, p);
        double exact = unit_loss(code, last, (double)z, 0, p);
        assert_true(loss >= 0);
        if (exact < (double)FLT_MAX)
            unit_near((double)loss, exact, 1e-3 * exact + 1e-13, "loss of %g", (double)z);
        unit_near((double)float_loss_grad(row, z, 0, p), unit_loss_grad(code, last, (double)z, 0, p),
                  1e-6 * fabs((double)z) + 1e-7, "gradient of %g", (double)z);
    }
    if (row->head < 0 && code != XT_LOSS_hinge)
        assert_true(float_loss(row, 2, 2, p) == 0 && float_loss_grad(row, 2, 2, p) == 0);
}

/* A class with no share of the target costs nothing, however unlikely it is said to be. */
static void cross_entropy_of_nothing(void **state)
{
    (void)state;
    assert_true(xt_loss(XT_LOSS_cross_entropy, -INFINITY, 0, 0, 0) == 0);
    assert_true(isinf(xt_loss(XT_LOSS_cross_entropy, -INFINITY, 0, 1, 0)));
    assert_true(xt_loss_grad(XT_LOSS_cross_entropy, 0, 0, 0) == 0);
}

static void hinge_takes_signs(void **state)
{
    (void)state;
    const float y[] = {1, 0.25f, 0, -1};
    for (size_t i = 0; i < 4; i++) {
        float side = y[i] > 0 ? 1.0f : -1.0f;
        assert_true(xt_loss(XT_LOSS_hinge, 0, 0.25f, y[i], 0) == 1 - side * 0.25f);
        assert_true(xt_loss_grad(XT_LOSS_hinge, 0.25f, y[i], 0) == -side);
        assert_true(xt_loss(XT_LOSS_hinge, 0, 3 * side, y[i], 0) == 0 && xt_loss_grad(XT_LOSS_hinge, 3 * side, y[i], 0) == 0);
    }
}

/* ---- optimisers: p starts at 1 and meets the gradients in turn ---- */

enum { N_UPDATES = 3 };
typedef struct sequence {
    const char *name, *what;
    float values[XT_MAX_PARAMS];
    double gradients[N_UPDATES], params[N_UPDATES];
} sequence;

static const sequence sequences[] = {
    {"sgd", "plain", {0.1f, 0, 0}, {1, 2, -3}, {0.9, 0.7, 1.0}},
    /* v = 1, 0.9 + 2 = 2.9, 2.61 - 3 = -0.39 */
    {"sgd", "momentum", {0.1f, 0.9f, 0}, {1, 2, -3}, {0.9, 0.61, 0.649}},
    /* steps g + 0.9 v = 1.9, 4.61, -3.351 */
    {"sgd", "nesterov", {0.1f, 0.9f, 1}, {1, 2, -3}, {0.81, 0.349, 0.6841}},
    /* g becomes 1 + 0.5, 2 + 0.425, -3 + 0.30375 */
    {"sgd", "weight decay", {0.1f, 0, 0, 0.5f}, {1, 2, -3}, {0.85, 0.6075, 0.877125}},
    /* betas 0.5: m = 0.5, 1.25, -0.875 over 0.5, 0.75, 0.875; v = 0.5, 2.25, 5.625 over the same */
    {"adam", "plain", {0.1f, 0.5f, 0.5f, 0}, {1, 2, -3},
     {0.9, 0.9 - 0.1 * 1.25 / 0.75 / 1.7320508075688772, 0.90 - 0.1 * 1.25 / 0.75 / 1.7320508075688772 + 0.1 / 2.5354627641855498}},
    {"adam", "weight decay", {0.1f, 0.5f, 0.5f, 0, 1}, {0, 0, 0}, {0.9, 0.8001273075, 0.7004858543}},
    {"adamw", "without a gradient", {0.1f, 0.5f, 0.5f, 1, 0.5f}, {0, 0, 0}, {0.95, 0.9025, 0.857375}},
    /* s = 0.5, 2.25, 5.625 */
    {"rmsprop", "plain", {0.1f, 0.5f, 0, 0}, {1, 2, -3},
     {1 - 0.1 / 0.70710678118654757, 1 - 0.1 / 0.70710678118654757 - 0.2 / 1.5,
      1 - 0.1 / 0.70710678118654757 - 0.2 / 1.5 + 0.3 / 2.3717082451262845}},
    {"rmsprop", "momentum", {0.1f, 0, 0, 0.5f}, {1, 2, -3}, {0.9, 0.75, 0.775}},
    /* s = 1, 5, 14 */
    {"adagrad", "plain", {0.1f, 0}, {1, 2, -3},
     {0.9, 0.9 - 0.2 / 2.2360679774997898, 0.9 - 0.2 / 2.2360679774997898 + 0.3 / 3.7416573867739413}},
};

static void optimizer_sequence(void **state)
{
    const sequence *row = *state;
    xt_choice choice = {.kind = xt_table_find(&xt_optimizers, row->name)};
    memcpy(choice.values, row->values, sizeof choice.values);
    xt_cell cell = {1, 0, 0};
    for (int t = 1; t <= N_UPDATES; t++) {
        cell = xt_update(choice.kind, cell, (float)row->gradients[t - 1], xt_hyper_at(&choice, 1, (unsigned)t));
        unit_near((double)cell.p, row->params[t - 1], 3e-7, "update %d", t);
    }
}

static void optimizer_has_a_sequence(void **state)
{
    const xt_row *row = *state;
    size_t n = 0;
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++)
        n += strcmp(sequences[i].name, row->name) == 0;
    assert_true(n > 0);
}

static void hyper_at_an_update(void **state)
{
    (void)state;
    xt_choice choice = xt_choose(&xt_optimizers, "sgd");
    choice.values[0] = 0.5f;
    choice.values[1] = 0.25f;
    xt_hyper first = xt_hyper_at(&choice, 0.5, 1), later = xt_hyper_at(&choice, 1, 2);
    assert_true(first.learning_rate == 0.25f && first.first == 1);
    assert_true(later.learning_rate == 0.5f && later.first == 0 && later.values[1] == 0.25f);
    assert_int_equal(sizeof(xt_hyper), 10 * sizeof(float));
}

/* From then on all updates have the same numbers, and not before. */
static void hyper_settles(void **state)
{
    (void)state;
    const float betas[][2] = {{0.9f, 0.999f}, {0, 0}, {0.5f, 0.25f}, {0.99f, 0.9f}};
    xt_choice choice = xt_choose(&xt_optimizers, "adam");
    for (size_t i = 0; i < 4; i++) {
        choice.values[1] = betas[i][0];
        choice.values[2] = betas[i][1];
        unsigned long long settled = xt_hyper_settled(&choice);
        xt_hyper last = xt_hyper_at(&choice, 1, settled);
        assert_true(last.first == 0 && last.correction1 == 1 && last.correction2 == 1);
        for (unsigned long long t = 1; t < settled; t++) {
            xt_hyper at = xt_hyper_at(&choice, 1, t);
            unit_near(1 / (double)at.correction1, 1 - pow((double)betas[i][0], (double)t), 1.2e-7, "t %llu", t);
            unit_near(pow((double)at.correction2, -2), 1 - pow((double)betas[i][1], (double)t), 2.4e-7, "t %llu", t);
        }
    }
    choice = xt_choose(&xt_optimizers, "sgd");
    assert_int_equal(xt_hyper_settled(&choice), 2);
}

/* The state before the first update is not read: v = g at t = 1. */
static void momentum_starts_as_the_gradient(void **state)
{
    (void)state;
    xt_choice choice = {.kind = XT_OPT_sgd, .values = {0.1f, 0.9f, 0}};
    xt_cell cell = xt_update(XT_OPT_sgd, (xt_cell){1, 100, 0}, 2, xt_hyper_at(&choice, 1, 1));
    assert_true(cell.s0 == 2);
}

static void nesterov_needs_momentum(void **state)
{
    (void)state;
    const xt_kind *sgd = &xt_optimizer_at(XT_OPT_sgd)->kind;
    assert_null(sgd->check((const float[]){1, 0, 0}));
    assert_null(sgd->check((const float[]){1, 0.5f, 1}));
    assert_string_equal(sgd->check((const float[]){1, 0, 1}), "nesterov needs a momentum greater than 0");
}

/* ---- between the gradient and the optimiser ---- */

static void clipping(void **state)
{
    (void)state;
    assert_true(xt_clip_value(0.5f, 1) == 0.5f && xt_clip_value(3, 1) == 1 && xt_clip_value(-3, 1) == -1);
    assert_true(isnan(xt_clip_value(NAN, 1)));
    assert_true(xt_clip_factor(0.5f, 1) == 1);
    unit_near((double)xt_clip_factor(4, 1), 0.25, 1e-6, "a norm of 4");
    assert_true(isnan(xt_clip_factor(NAN, 1)));
}

static void penalties(void **state)
{
    (void)state;
    assert_true(xt_penalise(1, 2, 0, 0.25f) == 1.5f);
    assert_true(xt_penalise(1, 2, 0.25f, 0) == 1.25f && xt_penalise(1, -2, 0.25f, 0) == 0.75f && xt_penalise(1, 0, 0.25f, 0) == 1);
}

/* ---- sums ---- */

static void sum_keeps_what_floats_lose(void **state)
{
    (void)state;
    xt_sum sum = xt_sum_add((xt_sum){0, 0}, 1e8f);
    float plain = 1e8f;
    for (int i = 0; i < 1000; i++) {
        sum = xt_sum_add(sum, 1);
        plain += 1;
    }
    assert_true(plain == 1e8f);
    assert_true((double)sum.hi + (double)sum.lo == 100001000.0);
    double exact = 0;
    sum = (xt_sum){0, 0};
    for (size_t i = 0; i < 100000; i++) {
        float x = (float)draw(4, i, 1) + 0.5f;
        exact += (double)x;
        sum = xt_sum_add(sum, x);
    }
    unit_near((double)sum.hi + (double)sum.lo, exact, 1e-9 * exact, "a hundred thousand terms");
}

static void sum_shows_what_is_not_finite(void **state)
{
    (void)state;
    xt_sum sum = xt_sum_add(xt_sum_add((xt_sum){1, 0}, INFINITY), 1);
    assert_true(isinf((double)sum.hi + (double)sum.lo));
    sum = xt_sum_add(xt_sum_add((xt_sum){3e38f, 0}, 3e38f), 1);
    assert_true(isinf((double)sum.hi + (double)sum.lo));
    sum = xt_sum_add(xt_sum_add((xt_sum){1, 0}, NAN), 1);
    assert_true(isnan((double)sum.hi + (double)sum.lo));
}

#define ROWS(rows, test, label, detail) \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
        unit_case(test, &(rows)[i], #test " %s" detail, (rows)[i].name, (rows)[i].label)

/* A test for each row of a table. */
static void each(const xt_table *table, CMUnitTestFunction test, const char *what)
{
    for (size_t i = 0; i < table->n_rows; i++)
        unit_case(test, xt_table_at(table, i), "%s %s", name_at(table, i), what);
}

int main(void)
{
    UNIT_CASE(activation_tables_agree);
    each(&xt_activations, activation_known_answer, "known answer");
    each(&xt_activations, activation_passes_nan, "passes nan");
    each(&xt_activations, activation_derivative, "derivative");
    each(&xt_activations, activation_is_finite_far_out, "far out");
    ROWS(far_values, far_value_is, z, " at %g");
    for (size_t i = 0; i < sizeof kinks / sizeof kinks[0]; i++)
        unit_case(derivative_at_kink, &kinks[i], "derivative of %s at %g", kinks[i].name, (double)kinks[i].z);
    each(&xt_losses, loss_known_answer, "known answer");
    each(&xt_losses, loss_passes_nan, "passes nan");
    each(&xt_losses, loss_derivative, "derivative");
    each(&xt_losses, loss_near_and_far, "near and far");
    UNIT_CASE(cross_entropy_of_nothing);
    UNIT_CASE(hinge_takes_signs);
    ROWS(sequences, optimizer_sequence, what, ": %s");
    each(&xt_optimizers, optimizer_has_a_sequence, "has a sequence");
    UNIT_CASE(hyper_at_an_update);
    UNIT_CASE(hyper_settles);
    UNIT_CASE(momentum_starts_as_the_gradient);
    UNIT_CASE(nesterov_needs_momentum);
    UNIT_CASE(clipping);
    UNIT_CASE(penalties);
    UNIT_CASE(sum_keeps_what_floats_lose);
    UNIT_CASE(sum_shows_what_is_not_finite);
    return unit_run("ops");
}
