/* src/app/export_c: whatever is exported compiles without a warning and computes
 * what the engines compute. */
#include "base/err.h"
#include "exports.h"
#include "model/ops.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

static void assert_ok(xt_status status)
{
    if (status)
        fail_msg("%s", err.text);
}

static void print_c(const unit_model *m, xt_buf *out)
{
    xt_export job = unit_model_job(m);
    assert_ok(xt_export_c(&job, out, &err));
}

static const float alphas[] = {0.25f, 3};
enum { N_ALPHAS = sizeof alphas / sizeof alphas[0] };

/* Of one input by a weight of 1: a = f(z). */
static void print_activation(const char *activation, const char *name, float alpha, xt_buf *out)
{
    unit_model m;
    unit_model_make(&m, name, 1, 0, activation);
    m.layers[0].activation.values[0] = alpha;
    assert_ok(xt_plan_make(&m.spec, 1, 1, &m.plan, &err));
    m.params[0] = 1;
    m.params[1] = 0;
    print_c(&m, out);
    unit_model_clear(&m);
}

static void check_activation(unit_predict *f, int code, float alpha, float z)
{
    float expected = xt_activate(code, z, alpha), a = -1;
    const char *name = xt_table_at(&xt_activations, (size_t)code)->name;
    f(&z, &a);
    if (isfinite(expected))
        unit_near((double)a, (double)expected, 1e-6 * fabs((double)expected), "%s of %g", name, (double)z);
    else if (isnan(expected) ? !isnan(a) : a != expected)
        fail_msg("%s of %g is %g, not %g", name, (double)z, (double)a, (double)expected);
}

/* All in one file. Softmax is of a row: the models above have it. */
static void each_activation(void **state)
{
    (void)state;
    static const float special[] = {0, -0.0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 3, -3, 1e20f, -1e20f,
                                    INFINITY, -INFINITY, NAN};
    char names[XT_N_ACTIVATIONS][N_ALPHAS][40];
    xt_buf text = {0};
    for (size_t code = 0; code < XT_N_ACTIVATIONS; code++)
        for (size_t k = 0; code != XT_ACT_softmax && k < N_ALPHAS; k++) {
            const char *activation = xt_table_at(&xt_activations, code)->name;
            snprintf(names[code][k], sizeof names[code][k], "%s%zu", activation, k);
            print_activation(activation, names[code][k], alphas[k], &text);
        }
    void *library = unit_export_load("gcc", &text);
    for (size_t code = 0; code < XT_N_ACTIVATIONS; code++)
        for (size_t k = 0; code != XT_ACT_softmax && k < N_ALPHAS; k++) {
            unit_predict *f = UNIT_FUNCTION(unit_predict, unit_export_symbol(library, names[code][k], "predict"));
            for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
                check_activation(f, (int)code, alphas[k], special[i]);
            for (int i = -200; i <= 200; i++)
                check_activation(f, (int)code, alphas[k], (float)i / 4.7f);
        }
    dlclose(library);
    xt_buf_clear(&text);
}

static const char *const nasty[] = {
    "*/ int x; /*", "//", "\"quoted\"", "back\\slash\\", "?\?/", "?\?=", "%s%n", "0123", "\x31\x32",
    "n\303\244h \346\227\245", "'", "\\", "#define", "a=b", "\\u0041", "\\\n",
};
enum { N_NASTY = sizeof nasty / sizeof nasty[0] };

/* Every text that a user may give, in every place: it compiles without a warning and comes back as it was. */
static void nasty_texts(void **state)
{
    const char *compiler = *state;
    unit_model m;
    xt_buf text = {0};
    static const size_t rows[] = {1, 1};
    if (!unit_export_has(compiler))
        skip();
    unit_model_make(&m, "*/ \"?\?/\\", N_NASTY + 2, 3, "relu");
    for (size_t i = 0; i < N_NASTY; i++)
        m.columns[i].name = nasty[i];
    m.columns[N_NASTY] = (xt_input_column){.name = nasty[0], .values = nasty + 2, .n_values = 2, .at = N_NASTY};
    m.encoding.n_columns = N_NASTY + 1;
    m.encoding.classes = nasty + 3;
    m.encoding.n_classes = 2;
    m.encoding.class_rows = rows;
    m.target = nasty[4];
    print_c(&m, &text);
    void *library = unit_export_load(compiler, &text);
    const char *name = "net_________";
    const char *const *inputs = unit_export_symbol(library, name, "input_names");
    const char *const *outputs = unit_export_symbol(library, name, "output_names");
    const char *const *classes = unit_export_symbol(library, name, "class_names");
    assert_true(inputs && outputs && classes);
    for (size_t i = 0; i < N_NASTY; i++)
        assert_string_equal(inputs[i], nasty[i]);
    assert_string_equal(inputs[N_NASTY], "*/ int x; /*=\"quoted\"");
    assert_string_equal(inputs[N_NASTY + 1], "*/ int x; /*=back\\slash\\");
    assert_string_equal(outputs[0], nasty[4]);
    assert_string_equal(classes[0], nasty[3]);
    assert_string_equal(classes[1], nasty[4]);
    dlclose(library);
    xt_buf_clear(&text);
    unit_model_clear(&m);
}

static const struct name_row {
    const char *name, *identifier;
} name_rows[] = {
    {"xor", "xor"},
    {"My Net-2", "my_net_2"},
    {"9lives", "net_9lives"},
    {"_x", "net__x"},
    {"", "net_"},
    {"int", "int"},
    {"\303\251t\303\251", "net___t__"},
    {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyzabcdefghijklmn"},
    {"0bcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "net_0bcdefghijklmnopqrstuvwxyzabcdefghij"},
};

static void identifier(void **state)
{
    const struct name_row *row = *state;
    unit_model m;
    xt_buf text = {0};
    char declared[100];
    unit_model_make(&m, row->name, 1, 0, "linear");
    print_c(&m, &text);
    snprintf(declared, sizeof declared, "\nvoid %s_predict(const float *inputs, float *outputs);\n", row->identifier);
    assert_non_null(strstr(text.data, declared));
    xt_buf_clear(&text);
    unit_model_clear(&m);
}

static float run_made(const unit_model *m, const float *inputs)
{
    float output;
    unit_export_run(&m->plan, m->params, inputs, 1, &output);
    return output;
}

/* A layer wider than the stack should bear has scratch from the caller alone; the largest that it bears has both. */
static void scratch_of_wide_layers(void **state)
{
    (void)state;
    static const uint32_t widths[] = {16384, 16385};
    for (size_t i = 0; i < 2; i++) {
        unit_model m;
        xt_buf text = {0};
        const float input = 0.75f;
        float *scratch = calloc(widths[i], sizeof *scratch), by_stack = -1, by_caller = -1;
        assert_non_null(scratch);
        unit_model_make(&m, "wide", 1, widths[i], "relu");
        print_c(&m, &text);
        void *library = unit_export_load("gcc", &text);
        unit_predict *f = UNIT_FUNCTION(unit_predict, unit_export_symbol(library, "wide", "predict"));
        unit_predict_with *g = UNIT_FUNCTION(unit_predict_with, unit_export_symbol(library, "wide", "predict_with"));
        assert_int_equal(f == NULL, i == 1);
        g(&input, &by_caller, scratch);
        assert_true(by_caller == run_made(&m, &input));
        if (f)
            f(&input, &by_stack);
        assert_true(!f || by_stack == by_caller);
        dlclose(library);
        free(scratch);
        xt_buf_clear(&text);
        unit_model_clear(&m);
    }
}

/* Weights at the ends of what float holds come back to the bit. */
static void extreme_weights(void **state)
{
    const char *compiler = *state;
    static const float values[] = {1.40129846e-45f, -1.40129846e-45f, 1.17549421e-38f, 1.17549435e-38f, 3.40282347e+38f,
                                   -3.40282347e+38f, 0.0f, -0.0f, 16777216, 1e10f, 0.1f, -1, NAN, INFINITY, -INFINITY};
    enum { N = sizeof values / sizeof values[0] };
    char name[16];
    xt_buf text = {0};
    if (!unit_export_has(compiler))
        skip();
    for (size_t i = 0; i < N; i++) {
        unit_model m;
        snprintf(name, sizeof name, "end%zu", i);
        unit_model_make(&m, name, 1, 0, "linear");
        m.params[0] = values[i];
        m.params[1] = -0.0f;
        print_c(&m, &text);
        unit_model_clear(&m);
    }
    void *library = unit_export_load(compiler, &text);
    for (size_t i = 0; i < N; i++) {
        const float one = 1;
        float output = -1;
        snprintf(name, sizeof name, "end%zu", i);
        UNIT_FUNCTION(unit_predict, unit_export_symbol(library, name, "predict"))(&one, &output);
        assert_memory_equal(&output, &values[i], sizeof output);
    }
    dlclose(library);
    xt_buf_clear(&text);
}

int main(void)
{
    static const char *const compilers[] = {"gcc", "clang"};
    UNIT_CASE(each_activation);
    for (size_t i = 0; i < sizeof compilers / sizeof compilers[0]; i++) {
        unit_case(nasty_texts, compilers[i], "nasty texts: %s", compilers[i]);
        unit_case(extreme_weights, compilers[i], "extreme weights: %s", compilers[i]);
    }
    for (size_t i = 0; i < sizeof name_rows / sizeof name_rows[0]; i++)
        unit_case(identifier, &name_rows[i], "identifier: '%s'", name_rows[i].name);
    UNIT_CASE(scratch_of_wide_layers);
    return unit_run("export as C");
}
