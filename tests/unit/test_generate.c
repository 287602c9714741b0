/* Generated data sets: their shapes by known points, their draws by the documented
 * keys, and what every generator of the table keeps to. */
#include "model/generate.h"

#include "cases.h"
#include "model/rng.h"

#include <math.h>
#include <string.h>

static xt_err err;

static const double pi = 3.14159265358979323846;

static xt_source source_of(const char *name, uint32_t samples)
{
    return (xt_source){.generator = xt_choose(&xt_generators, name), .samples = samples, .shape_seed = 7, .generate_seed = 7};
}

static xt_generated generate(const xt_source *source)
{
    xt_generated out = {0};
    if (xt_generate(source, &out, &err))
        fail_msg("%s", err.text);
    return out;
}

/* Rows as {inputs..., target}. */
static void assert_rows(const xt_generated *found, const double *rows)
{
    size_t width = found->n_inputs + 1;
    for (size_t i = 0; i < found->n_rows; i++) {
        for (size_t j = 0; j < found->n_inputs; j++)
            unit_near((double)found->inputs[i * found->n_inputs + j], rows[i * width + j], 1e-6, "row %zu, input %zu", i, j);
        unit_near((double)found->targets[i], rows[i * width + width - 1], 1e-6, "row %zu, target", i);
    }
}

/* ---- every generator ---- */

static void same_bits(const xt_generated *a, const xt_generated *b, bool same)
{
    size_t n = a->n_rows * a->n_inputs * sizeof(float);
    bool equal = memcmp(a->inputs, b->inputs, n) == 0 && memcmp(a->targets, b->targets, a->n_rows * sizeof(float)) == 0;
    assert_int_equal(equal, same);
}

static void keeps_the_rules(void **state)
{
    const xt_row *row = *state;
    enum { N = 101 };
    size_t counts[8] = {0};
    xt_source source = source_of(row->name, N);
    xt_generated plain = generate(&source), again = generate(&source);
    same_bits(&plain, &again, true);
    assert_true(plain.n_rows == N && plain.n_inputs >= 1 && plain.n_targets == 1 && plain.n_classes <= 8);
    for (size_t i = 0; i < N && plain.n_classes; i++) {
        assert_true(plain.targets[i] >= 0 && plain.targets[i] < (float)plain.n_classes);
        counts[(size_t)plain.targets[i]]++;
    }
    for (size_t i = 0; i < plain.n_classes; i++)
        assert_true(counts[i] > N / plain.n_classes / 2);
    /* Noise is on the inputs, of a target that is a number on that; its size is as asked. */
    source.noise = 0.25f;
    xt_generated noisy = generate(&source);
    const float *before = plain.n_classes ? plain.inputs : plain.targets;
    const float *after = plain.n_classes ? noisy.inputs : noisy.targets;
    size_t n = plain.n_classes ? N * plain.n_inputs : N;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += pow((double)(after[i] - before[i]), 2);
    unit_near(sqrt(squares / (double)n), 0.25, 0.05, "the noise");
    if (plain.n_classes)
        assert_memory_equal(plain.targets, noisy.targets, N * sizeof(float));
    else
        assert_memory_equal(plain.inputs, noisy.inputs, N * plain.n_inputs * sizeof(float));
    source.generate_seed = 8;
    xt_generated other = generate(&source);
    same_bits(&noisy, &other, false);
    xt_generated_clear(&plain);
    xt_generated_clear(&again);
    xt_generated_clear(&noisy);
    xt_generated_clear(&other);
    assert_null(plain.inputs);
}

/* ---- one by one ---- */

static void xor(void **state)
{
    (void)state;
    enum { N = 200 };
    xt_source source = source_of("xor", N);
    xt_generated found = generate(&source);
    xt_key key = xt_key_fold_in(xt_key_fold_in(xt_key_of_seed(7), 0x4753), 0);
    for (size_t i = 0; i < N; i++) {
        float x = found.inputs[2 * i], y = found.inputs[2 * i + 1];
        assert_true(x == xt_uniform_at(key, 2 * N, 2 * i, -1, 1) && y == xt_uniform_at(key, 2 * N, 2 * i + 1, -1, 1));
        assert_true(found.targets[i] == (x * y < 0 ? 1 : 0));
    }
    xt_generated_clear(&found);
}

static void parity_of_all(void **state)
{
    (void)state;
    static const double rows[] = {0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0,
                                  1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1};
    xt_source source = source_of("parity", 8);
    source.generator.values[0] = 3;
    xt_generated found = generate(&source);
    assert_int_equal(found.n_inputs, 3);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
}

static void parity_drawn(void **state)
{
    const float *bits = *state;
    enum { N = 1000 };
    xt_source source = source_of("parity", N);
    source.generator.values[0] = *bits;
    xt_generated found = generate(&source);
    assert_int_equal(found.n_inputs, (size_t)*bits);
    size_t n_ones = 0;
    for (size_t i = 0; i < N; i++) {
        size_t ones = 0;
        for (size_t j = 0; j < found.n_inputs; j++) {
            float bit = found.inputs[i * found.n_inputs + j];
            assert_true(bit == 0 || bit == 1);
            ones += bit == 1;
        }
        assert_true(found.targets[i] == (float)(ones % 2));
        n_ones += ones;
    }
    unit_near((double)n_ones / (double)(N * found.n_inputs), 0.5, 0.06, "the share of ones");
    xt_generated_clear(&found);
}

static void spirals(void **state)
{
    (void)state;
    /* 3 classes of 2, 2, 1 rows, one turn: t is a half and 1 */
    double a = 2 * pi / 3, h = sqrt(0.75);
    const double rows[] = {-0.5, 0, 0, 0.5 * cos(pi + a), 0.5 * sin(pi + a), 1, -0.5, -h, 2, 1, 0, 0, -0.5, h, 1};
    xt_source source = source_of("spirals", 5);
    source.generator.values[0] = 3;
    source.generator.values[1] = 1;
    xt_generated found = generate(&source);
    assert_int_equal(found.n_classes, 3);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
}

/* Points of scikit-learn's make_moons(6, shuffle=False), in turns. */
static void moons(void **state)
{
    (void)state;
    static const double rows[] = {1, 0, 0, 0, 0.5, 1, 0, 1, 0, 1, -0.5, 1, -1, 0, 0, 2, 0.5, 1};
    xt_source source = source_of("moons", 6);
    xt_generated found = generate(&source);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
    source.samples = 2;
    found = generate(&source);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
}

/* Points of scikit-learn's make_circles(8, shuffle=False, factor=0.5), in turns. */
static void circles(void **state)
{
    (void)state;
    static const double rows[] = {1,  0, 0, 0.5,  0, 1, 0, 1,  0, 0, 0.5,  1,
                                  -1, 0, 0, -0.5, 0, 1, 0, -1, 0, 0, -0.5, 1};
    xt_source source = source_of("circles", 8);
    xt_generated found = generate(&source);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
}

static void blobs(void **state)
{
    (void)state;
    enum { N = 3000, K = 4, M = 5 };
    xt_source source = source_of("blobs", N);
    source.generator.values[0] = K;
    source.generator.values[1] = M;
    source.generator.values[2] = 0;
    xt_generated centers = generate(&source);
    source.generator.values[2] = 0.5f;
    xt_generated found = generate(&source);
    assert_true(found.n_classes == K && found.n_inputs == M);
    xt_key key = xt_key_fold_in(xt_key_fold_in(xt_key_of_seed(7), 0x4753), 1);
    double squares = 0;
    for (size_t i = 0; i < N; i++) {
        assert_true(found.targets[i] == (float)(i % K));
        for (size_t j = 0; j < M; j++) {
            float center = xt_uniform_at(key, K * M, i % K * M + j, -10, 10);
            assert_true(centers.inputs[i * M + j] == center);
            squares += pow((double)(found.inputs[i * M + j] - center), 2);
        }
    }
    unit_near(sqrt(squares / (N * M)), 0.5, 0.01, "stddev");
    xt_generated_clear(&centers);
    xt_generated_clear(&found);
}

static void sine(void **state)
{
    (void)state;
    const double rows[] = {-2 * pi, 0, -1.5 * pi, 1, -pi, 0, -0.5 * pi, -1, 0, 0, 0.5 * pi, 1, pi, 0, 1.5 * pi, -1, 2 * pi, 0};
    xt_source source = source_of("sine", 9);
    source.generator.values[0] = 2;
    xt_generated found = generate(&source);
    assert_true(found.n_classes == 0 && found.n_inputs == 1);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
    source.samples = 1;
    found = generate(&source);
    assert_rows(&found, rows);
    xt_generated_clear(&found);
}

/* ---- what is refused ---- */

static void refused(const xt_source *source, const char *message)
{
    xt_generated out = {.n_rows = 77};
    assert_int_equal(xt_generate(source, &out, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    assert_true(out.n_rows == 77 && !out.inputs);
}

static void too_few(void **state)
{
    (void)state;
    xt_source source = source_of("blobs", 2);
    refused(&source, "generate: blobs: 2 samples of 3 classes; expected one a class at least");
    source = source_of("moons", 1);
    refused(&source, "generate: moons: 1 sample of 2 classes; expected one a class at least");
}

static void too_many(void **state)
{
    (void)state;
    xt_source source = source_of("blobs", UINT32_MAX);
    refused(&source, "generate: blobs: 4294967295 samples of 2 inputs are more numbers than can be drawn");
}

static void too_large(void **state)
{
    (void)state;
    xt_source source = source_of("sine", 5);
    source.generator.values[0] = 3e38f;
    refused(&source, "generate: sine: its numbers lead beyond single precision");
    source = source_of("moons", 50);
    source.noise = 3e38f;
    refused(&source, "generate: moons: its numbers lead beyond single precision");
}

int main(void)
{
    static const float bits[] = {1, 4, 33, 64};
    for (size_t i = 0; i < xt_generators.n_rows; i++)
        unit_case(keeps_the_rules, xt_table_at(&xt_generators, i), "%s keeps the rules", xt_table_at(&xt_generators, i)->name);
    UNIT_CASE(xor);
    UNIT_CASE(parity_of_all);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        unit_case(parity_drawn, bits + i, "parity of %g bits, drawn", (double)bits[i]);
    UNIT_CASE(spirals);
    UNIT_CASE(moons);
    UNIT_CASE(circles);
    UNIT_CASE(blobs);
    UNIT_CASE(sine);
    UNIT_CASE(too_few);
    UNIT_CASE(too_many);
    UNIT_CASE(too_large);
    return unit_run("generators");
}
