#include "model/generate.h"

#include "model/rng.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

enum { MAX_BITS = 64, MAX_CLASSES = 1000, MAX_FEATURES = 4096 };

/* What a generator fills: its rows, and what it draws from. */
typedef struct drawing {
    const float *params;
    size_t n_rows, n_inputs, n_classes;
    float *inputs, *targets;
    xt_key inputs_key, centers_key;
} drawing;

/* A number that a parameter says, or that is always the same (param -1). */
typedef struct count {
    int param;
    size_t n;
} count;

typedef struct generator_row {
    xt_kind kind;
    count inputs, classes;
    bool noise_in_target;
    void (*draw)(drawing *self);
} generator_row;

/* ---- shapes ---- */

/* Where classes take turns: row's class, its place among the rows of that class
 * and their number. */
typedef struct place {
    size_t class, at, n;
} place;

static place place_of(const drawing *self, size_t row)
{
    size_t class = row % self->n_classes;
    return (place){class, row / self->n_classes, (self->n_rows - class - 1) / self->n_classes + 1};
}

static void put(drawing *self, size_t row, double x, double y, size_t class)
{
    self->inputs[2 * row] = (float)x;
    self->inputs[2 * row + 1] = (float)y;
    self->targets[row] = (float)class;
}

static void draw_xor(drawing *self)
{
    size_t n = 2 * self->n_rows;
    for (size_t i = 0; i < self->n_rows; i++) {
        float x = xt_uniform_at(self->inputs_key, n, 2 * i, -1, 1);
        float y = xt_uniform_at(self->inputs_key, n, 2 * i + 1, -1, 1);
        put(self, i, (double)x, (double)y, (x < 0) != (y < 0));
    }
}

static void draw_parity(drawing *self)
{
    size_t n_bits = self->n_inputs, n = n_bits * self->n_rows;
    bool each_once = n_bits < 32 && self->n_rows == (size_t)1 << n_bits;
    for (size_t i = 0; i < self->n_rows; i++) {
        uint32_t ones = 0;
        for (size_t j = 0; j < n_bits; j++) {
            uint32_t bit = each_once ? (uint32_t)(i >> (n_bits - 1 - j)) & 1
                                     : xt_bits_at(self->inputs_key, n, i * n_bits + j) >> 31;
            self->inputs[i * n_bits + j] = (float)bit;
            ones += bit;
        }
        self->targets[i] = (float)(ones % 2);
    }
}

static void draw_spirals(drawing *self)
{
    double turns = (double)self->params[1];
    for (size_t i = 0; i < self->n_rows; i++) {
        place here = place_of(self, i);
        double t = (double)(here.at + 1) / (double)here.n;
        double a = 2 * pi * (turns * t + (double)here.class / (double)self->n_classes);
        put(self, i, t * cos(a), t * sin(a), here.class);
    }
}

static void draw_moons(drawing *self)
{
    for (size_t i = 0; i < self->n_rows; i++) {
        place here = place_of(self, i);
        double a = here.n > 1 ? pi * (double)here.at / (double)(here.n - 1) : 0;
        if (here.class == 0)
            put(self, i, cos(a), sin(a), 0);
        else
            put(self, i, 1 - cos(a), 0.5 - sin(a), 1);
    }
}

static void draw_circles(drawing *self)
{
    for (size_t i = 0; i < self->n_rows; i++) {
        place here = place_of(self, i);
        double a = 2 * pi * (double)here.at / (double)here.n;
        double r = here.class == 0 ? 1 : (double)self->params[0];
        put(self, i, r * cos(a), r * sin(a), here.class);
    }
}

static void draw_blobs(drawing *self)
{
    size_t n_features = self->n_inputs, n = self->n_rows * n_features, n_centers = self->n_classes * n_features;
    for (size_t i = 0; i < self->n_rows; i++) {
        size_t class = i % self->n_classes;
        for (size_t j = 0; j < n_features; j++) {
            double center = (double)xt_uniform_at(self->centers_key, n_centers, class * n_features + j, -10, 10);
            double z = (double)xt_normal_at(self->inputs_key, n, i * n_features + j);
            self->inputs[i * n_features + j] = (float)(center + (double)self->params[2] * z);
        }
        self->targets[i] = (float)class;
    }
}

static void draw_sine(drawing *self)
{
    double end = pi * (double)self->params[0];
    for (size_t i = 0; i < self->n_rows; i++) {
        double x = self->n_rows > 1 ? end * (2 * (double)i / (double)(self->n_rows - 1) - 1) : -end;
        self->inputs[i] = (float)x;
        self->targets[i] = (float)sin(x);
    }
}

/* ---- the table ---- */

#define NUMBER(id, text, value, bounds) {.name = id, .help = text, .def = (value), .range = bounds}
#define WHOLE(id, text, value, low, high) \
    {.name = id, .help = text, .def = (value), .whole = true, .range = {(low), (high), false, false}}
#define FIXED(number) {-1, (number)}
#define PARAM(at) {(at), 0}

static const generator_row rows[] = {
    {{{"xor", "points of a square; the class says whether their signs differ"}, {{0}}, NULL},
     FIXED(2), FIXED(2), false, draw_xor},
    {{{"parity", "zeros and ones; the class says whether an odd number are ones"},
      {WHOLE("bits", "inputs; with 2^bits samples each combination is there once", 4, 1, MAX_BITS)}, NULL},
     PARAM(0), FIXED(2), false, draw_parity},
    {{{"spirals", "spirals around one center, one a class"},
      {WHOLE("classes", "how many", 2, 2, MAX_CLASSES), NUMBER("turns", "rounds from center to end", 1.5f, XT_RANGE_ANY)},
      NULL},
     FIXED(2), PARAM(0), false, draw_spirals},
    {{{"moons", "two half circles that reach into each other"}, {{0}}, NULL}, FIXED(2), FIXED(2), false, draw_moons},
    {{{"circles", "a circle within another"},
      {NUMBER("factor", "radius of the inner one, the outer one's is 1", 0.5f, XT_RANGE_UNIT)}, NULL},
     FIXED(2), FIXED(2), false, draw_circles},
    {{{"blobs", "clouds around centers that are drawn, one a class"},
      {WHOLE("classes", "how many", 3, 2, MAX_CLASSES), WHOLE("features", "inputs", 2, 1, MAX_FEATURES),
       NUMBER("stddev", "standard deviation of a cloud", 1, XT_RANGE_NON_NEGATIVE)},
      NULL},
     PARAM(1), PARAM(0), false, draw_blobs},
    {{{"sine", "the sine of one input; the target is a number"},
      {NUMBER("periods", "how many, around 0", 1, XT_RANGE_POSITIVE)}, NULL},
     FIXED(1), FIXED(0), true, draw_sine},
};

const xt_table xt_generators = XT_TABLE("generator", rows);

/* ---- drawing ---- */

static size_t count_of(count what, const float *params)
{
    return what.param < 0 ? what.n : (size_t)params[what.param];
}

static void add_noise(float *values, size_t n, xt_key key, float stddev)
{
    for (size_t i = 0; stddev > 0 && i < n; i++)
        values[i] += stddev * xt_normal_at(key, n, i);
}

static xt_status draw(const generator_row *row, const xt_source *source, drawing *self, xt_err *err)
{
    self->inputs = malloc(self->n_rows * self->n_inputs * sizeof *self->inputs);
    self->targets = malloc(self->n_rows * sizeof *self->targets);
    if (!self->inputs || !self->targets)
        return xt_fail_memory(err, "generated rows", self->n_rows * (self->n_inputs + 1) * sizeof *self->inputs);
    xt_key key = xt_key_fold_in(xt_key_of_seed(source->generate_seed), XT_FOLD_GENERATE);
    self->inputs_key = xt_key_fold_in(key, XT_GENERATE_INPUTS);
    /* Validation and test rows lie around the centers of the training rows. */
    xt_key shape = xt_key_fold_in(xt_key_of_seed(source->shape_seed), XT_FOLD_GENERATE);
    self->centers_key = xt_key_fold_in(shape, XT_GENERATE_CENTERS);
    row->draw(self);
    xt_key noise_key = xt_key_fold_in(key, XT_GENERATE_NOISE);
    if (row->noise_in_target)
        add_noise(self->targets, self->n_rows, noise_key, source->noise);
    else
        add_noise(self->inputs, self->n_rows * self->n_inputs, noise_key, source->noise);
    return XT_OK;
}

/* Large numbers in the config may leave single precision. */
static xt_status check_finite(const drawing *self, const char *name, xt_err *err)
{
    bool finite = true;
    for (size_t i = 0; i < self->n_rows * self->n_inputs; i++)
        finite = finite && isfinite(self->inputs[i]);
    for (size_t i = 0; i < self->n_rows; i++)
        finite = finite && isfinite(self->targets[i]);
    return finite ? XT_OK : xt_fail(err, XT_BAD_DATA, "generate: %s: its numbers lead beyond single precision", name);
}

xt_status xt_generate(const xt_source *source, xt_generated *out, xt_err *err)
{
    const xt_choice *choice = &source->generator;
    const generator_row *row = (const generator_row *)(const void *)xt_kind_at(&xt_generators, choice->kind);
    const char *name = row->kind.row.name;
    drawing self = {.params = choice->values, .n_rows = source->samples};
    self.n_inputs = count_of(row->inputs, choice->values);
    self.n_classes = count_of(row->classes, choice->values);
    assert(self.n_rows);
    if (self.n_rows < self.n_classes)
        return xt_fail(err, XT_BAD_DATA, "generate: %s: %zu sample%s of %zu classes; expected one a class at least", name,
                       self.n_rows, self.n_rows == 1 ? "" : "s", self.n_classes);
    if (self.n_rows > UINT32_MAX / self.n_inputs)
        return xt_fail(err, XT_BAD_DATA, "generate: %s: %zu samples of %zu inputs are more numbers than can be drawn",
                       name, self.n_rows, self.n_inputs);
    xt_status status = draw(row, source, &self, err);
    if (!status)
        status = check_finite(&self, name, err);
    if (status) {
        free(self.inputs);
        free(self.targets);
        return status;
    }
    *out = (xt_generated){.n_rows = self.n_rows, .n_inputs = self.n_inputs, .n_targets = 1,
                          .n_classes = self.n_classes, .inputs = self.inputs, .targets = self.targets};
    return XT_OK;
}

void xt_generated_clear(xt_generated *generated)
{
    free(generated->inputs);
    free(generated->targets);
    *generated = (xt_generated){0};
}
