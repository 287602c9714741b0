/* The fused kernel's layout of a network, and the text that is compiled before it. */
#include "engine/prelude.h"
#include "model/ops.h"
#include "nets.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

/* What the text says comes in the order of the members: ints, then floats. */
_Static_assert(offsetof(xt_fused_job, mode) == 0 && offsetof(xt_fused_job, n_slots) == 9 * sizeof(int) &&
                   offsetof(xt_fused_job, n_state) == 14 * sizeof(int) &&
                   offsetof(xt_fused_job, n_mem) == 20 * sizeof(int) &&
                   offsetof(xt_fused_job, loss_param) == 21 * sizeof(int) &&
                   offsetof(xt_fused_job, hyper) == 24 * sizeof(int) && sizeof(xt_fused_job) == 30 * sizeof(int),
               "the members of a job");
_Static_assert(offsetof(xt_fused_layer, weight) == 2 * sizeof(int) && offsetof(xt_fused_layer, z) == 4 * sizeof(int) &&
                   offsetof(xt_fused_layer, activation) == 7 * sizeof(int) &&
                   offsetof(xt_fused_layer, param) == 10 * sizeof(int) && sizeof(xt_fused_layer) == 14 * sizeof(int),
               "the members of a layer");
_Static_assert(sizeof(xt_fused_step) == 4 * sizeof(float) && sizeof(int) == sizeof(float), "the members of a step");

/* ---- text ---- */

static void assert_text(const xt_fused_shape *shape, xt_fused_form form, const char *expected)
{
    xt_buf text = {0};
    xt_fused_prelude(shape, &form, &text);
    assert_false(text.failed);
    assert_string_equal(xt_buf_text(&text), expected);
    xt_buf_clear(&text);
}

static void lay_out_xor(unit_net *net, xt_fused_shape *shape)
{
    unit_net_xor(net);
    assert_int_equal(xt_fused_lay_out(&net->plan, 1, shape, &err), XT_OK);
}

static void general_text(void **state)
{
    (void)state;
    unit_net net;
    xt_fused_shape shape;
    lay_out_xor(&net, &shape);
    assert_text(&shape, (xt_fused_form){XT_LANES, 8, XT_FUSED_GLOBAL, false},
                "#define XT_W 16\n#define xt_real float16\n#define XT_R(c) ((float16)(c))\n"
                "#define XT_WORDS\n#define xt_word uint16\n"
                "#define XT_MEM __global\n#define XT_TILE_ROWS 8\n");
    assert_text(&shape, (xt_fused_form){1, 4, XT_FUSED_LOCAL, false},
                "#define XT_W 1\n#define xt_real float\n#define XT_R(c) ((float)(c))\n"
                "#define XT_MEM __local\n#define XT_TILE_ROWS 4\n"
                "#define XT_OWN_STATE\n#define XT_LOCAL\n");
    unit_net_clear(&net);
}

/* A general form's text does not depend on the network: one program for all. */
static void general_text_is_one(void **state)
{
    (void)state;
    unit_net net;
    xt_fused_shape shape;
    unit_net_make(&net, &(unit_shape){50, 31, {40, 2}, "tanh", "huber", 16, 11});
    assert_int_equal(xt_fused_lay_out(&net.plan, 16, &shape, &err), XT_OK);
    assert_text(&shape, (xt_fused_form){XT_LANES, 4, XT_FUSED_GLOBAL, false},
                "#define XT_W 16\n#define xt_real float16\n#define XT_R(c) ((float16)(c))\n"
                "#define XT_WORDS\n#define xt_word uint16\n"
                "#define XT_MEM __global\n#define XT_TILE_ROWS 4\n");
    unit_net_clear(&net);
}

/* The tutorial's network: 9 floats of a job are 0. */
#define ZEROS_4 ", 0x0p+0f, 0x0p+0f, 0x0p+0f, 0x0p+0f"
#define ZEROS_9 ZEROS_4 ZEROS_4 ", 0x0p+0f"
#define NETWORK_TEXT \
    "#define XT_JOB {0, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 80, 0, 80, 96, 176, 192, 208" ZEROS_9 "}\n" \
    "#define XT_LAYER_0 (xt_fused_layer){2, 16, 0, 32, 16, 32, 0, 1, 0, 0, 0x0p+0f, 0x1p+0f, 0x0p+0f, 0x0p+0f}\n" \
    "#define XT_LAYER_1 (xt_fused_layer){16, 1, 48, 64, 48, 64, 32, 0, 1, 0, 0x0p+0f, 0x1p+0f, 0x0p+0f, 0x0p+0f}\n" \
    "#define XT_LAST XT_LAYER_1\n" \
    "#define XT_EACH_LAYER(DO) DO(XT_LAYER_0, 1, 0) DO(XT_LAYER_1, 0, 1)\n" \
    "#define XT_EACH_LAYER_BACK(DO) DO(XT_LAYER_1, 0, 1) DO(XT_LAYER_0, 1, 0)\n"

static void special_text(void **state)
{
    (void)state;
    unit_net net;
    xt_fused_shape shape;
    lay_out_xor(&net, &shape);
    assert_text(&shape, (xt_fused_form){XT_LANES, 8, XT_FUSED_PRIVATE, true},
                "#define XT_W 16\n#define xt_real float16\n#define XT_R(c) ((float16)(c))\n"
                "#define XT_WORDS\n#define xt_word uint16\n"
                "#define XT_MEM __private\n#define XT_TILE_ROWS 8\n"
                "#define XT_OWN_STATE\n#define XT_PRIVATE 368\n#define XT_PRIVATE_ROW 16\n"
                "#define XT_UNROLL _Pragma(\"clang loop unroll(full)\")\n" NETWORK_TEXT);
    assert_text(&shape, (xt_fused_form){1, 4, XT_FUSED_GLOBAL, true},
                "#define XT_W 1\n#define xt_real float\n#define XT_R(c) ((float)(c))\n"
                "#define XT_MEM __global\n#define XT_TILE_ROWS 4\n" NETWORK_TEXT);
    unit_net_clear(&net);
}

/* Numbers come as they are, to the bit, whatever the locale and their size. */
static void text_has_every_bit(void **state)
{
    (void)state;
    unit_net net;
    xt_fused_shape shape;
    xt_fused_form form = {1, 4, XT_FUSED_GLOBAL, true};
    xt_buf text = {0};
    lay_out_xor(&net, &shape);
    shape.layers[1].param = 0.1f;
    shape.job.loss_param = -1.17549421e-38f; /* the largest subnormal */
    xt_fused_prelude(&shape, &form, &text);
    assert_non_null(strstr(xt_buf_text(&text), ", 0x1.99999ap-4f, "));
    assert_non_null(strstr(xt_buf_text(&text), ", -0x1.fffffcp-127f, "));
    xt_buf_clear(&text);
    unit_net_clear(&net);
}

/* ---- layout ---- */

typedef struct span {
    size_t at, n;
} span;

static size_t padded(size_t n)
{
    return (n + 15) / 16 * 16;
}

/* Spans that begin at multiples of 16 and fill 0 .. end without a gap or an overlap. */
static void assert_tiles(span *spans, size_t n, size_t end)
{
    size_t at = 0;
    for (size_t found = 0; found < n; found++) {
        size_t i = 0;
        while (i < n && !(spans[i].at == at && spans[i].n))
            i++;
        assert_true(i < n);
        at += padded(spans[i].n);
        spans[i].n = 0;
    }
    assert_int_equal(at, end);
}

static const unit_shape nets[] = {
    {4, 2, {16, 1}, "relu", "mse", 1, 1},         {7, 1, {1}, "linear", "mae", 3, 2},
    {9, 17, {33, 15, 2}, "tanh", "huber", 9, 3},  {5, 16, {16, 16, 16, 16}, "gelu", "mse", 2, 4},
    {20, 31, {3, 64, 5, 17}, "relu", "mse", 7, 5}, {3, 48, {1, 1, 1}, "sigmoid", "mae", 100, 6},
};

static void layout(void **state)
{
    const unit_shape *row = *state;
    unit_net net;
    xt_fused_shape shape;
    unit_net_make(&net, row);
    net.spec.n_metrics = 2;
    assert_int_equal(xt_fused_lay_out(&net.plan, row->batch_size, &shape, &err), XT_OK);
    const xt_fused_job *job = &shape.job;
    size_t n = net.plan.n_layers, batch = row->batch_size, widest = row->n_inputs, x = (size_t)job->x;
    span in_state[2 * UNIT_MAX_LAYERS], in_mem[2 * UNIT_MAX_LAYERS + 5];
    assert_int_equal(job->n_layers, n);
    assert_int_equal(job->n_inputs, row->n_inputs);
    assert_int_equal(job->n_outputs, row->units[n - 1]);
    assert_int_equal(job->batch, batch);
    for (size_t i = 0; i < n; i++) {
        const xt_fused_layer *l = &shape.layers[i];
        size_t units = net.plan.layers[i].units, inputs = net.plan.layers[i].inputs;
        assert_int_equal(l->units, units);
        assert_int_equal(l->inputs, inputs);
        assert_int_equal(l->x, x);
        in_state[2 * i] = (span){(size_t)l->weight, i ? units * padded(inputs) : inputs * padded(units)};
        in_state[2 * i + 1] = (span){(size_t)l->bias, units};
        in_mem[2 * i] = (span){(size_t)l->z, batch * padded(units)};
        in_mem[2 * i + 1] = (span){(size_t)l->a, batch * padded(units)};
        x = (size_t)l->a;
        widest = units > widest ? units : widest;
    }
    in_mem[2 * n] = (span){(size_t)job->x, batch * padded(row->n_inputs)};
    in_mem[2 * n + 1] = (span){(size_t)job->g, batch * padded(widest)};
    in_mem[2 * n + 2] = (span){(size_t)job->gradients, (size_t)job->n_state};
    in_mem[2 * n + 3] = (span){(size_t)job->scores, batch};
    in_mem[2 * n + 4] = (span){(size_t)job->row, row->units[n - 1]};
    assert_tiles(in_state, 2 * n, (size_t)job->n_state);
    assert_tiles(in_mem, 2 * n + 5, (size_t)job->n_mem);
    assert_int_equal(xt_fused_n_state(&shape), (size_t)job->n_state * (1 + net.plan.n_slots));
    unit_net_clear(&net);
}

/* Every parameter has a place of its own, and what lies between them is left alone. */
static void goes_round(void **state)
{
    const unit_shape *row = *state;
    unit_net net;
    xt_fused_shape shape;
    unit_net_make(&net, row);
    assert_int_equal(xt_fused_lay_out(&net.plan, row->batch_size, &shape, &err), XT_OK);
    size_t n = net.plan.n_params, n_state = (size_t)shape.job.n_state, touched = 0;
    float *from = calloc(2 * n + n_state, sizeof *from), *back = from + n, *to = back + n;
    assert_non_null(from);
    for (size_t i = 0; i < n; i++)
        from[i] = (float)(i + 1);
    for (size_t i = 0; i < n_state; i++)
        to[i] = -1;
    xt_fused_pack(&net.plan, &shape, from, to);
    for (size_t i = 0; i < n_state; i++)
        touched += to[i] != -1.0f;
    assert_int_equal(touched, n);
    xt_fused_unpack(&net.plan, &shape, to, back);
    assert_memory_equal(back, from, n * sizeof *from);
    free(from);
    unit_net_clear(&net);
}

/* ---- limits ---- */

typedef struct large_row {
    size_t n_inputs, batch;
    uint32_t units[3]; /* 0 ends the list */
    bool fits;
} large_row;

static const large_row large[] = {
    {16, 1, {16, 1}, true},
    {16000, 1, {16000, 1}, true},              /* 3 * 256 million, two of them the state's */
    {20000, 1, {20000, 1}, false},             /* 400 million, twice */
    {1, 1 << 20, {64, 1}, true},               /* rows of 2 * 64, 64, .. */
    {1, 1 << 22, {64, 1}, false},
    {1, INT32_MAX, {1}, false},
    {1, 1, {700000000, 1}, false},
    {1, INT32_MAX, {2147483, 1}, false},       /* sizes whose products are beyond 32 bits */
};

static void take_or_refuse(void **state)
{
    const large_row *row = *state;
    xt_layer layers[3];
    memset(layers, 0, sizeof layers);
    xt_spec spec = {.layers = layers, .loss = xt_choose(&xt_losses, "mse"), .optimizer = xt_choose(&xt_optimizers, "sgd")};
    for (; spec.n_layers < 3 && row->units[spec.n_layers]; spec.n_layers++)
        layers[spec.n_layers] = (xt_layer){.units = row->units[spec.n_layers], .activation = xt_choose(&xt_activations, "relu")};
    xt_plan plan;
    xt_fused_shape shape;
    assert_int_equal(xt_plan_make(&spec, row->n_inputs, row->units[spec.n_layers - 1], &plan, &err), XT_OK);
    assert_int_equal(xt_fused_lay_out(&plan, row->batch, &shape, &err), row->fits ? XT_OK : XT_FAILED);
    if (!row->fits) {
        assert_non_null(strstr(err.text, "the network is too large for the fused engine: "));
        assert_non_null(strstr(err.text, "a smaller train.batch_size or another engine will do"));
        return;
    }
    size_t steps = xt_fused_n_steps(&shape);
    assert_true(steps > 0 && steps <= (size_t)1 << 29);
}

static void steps_of_the_tutorial(void **state)
{
    (void)state;
    unit_net net;
    xt_fused_shape shape;
    lay_out_xor(&net, &shape);
    /* 2 and 1 vectors of weights: forward, twice backward and the update; 4 vectors of units each. */
    assert_int_equal(xt_fused_n_steps(&shape), 4 * (2 + 1) + 4 + 4);
    unit_net_clear(&net);
}

/* The largest network that can be laid out at all. */
static void steps_do_not_overflow(void **state)
{
    (void)state;
    static xt_fused_shape shape;
    shape.job.batch = INT32_MAX;
    shape.job.n_layers = XT_MAX_LAYERS;
    for (size_t i = 0; i < XT_MAX_LAYERS; i++)
        shape.layers[i] = (xt_fused_layer){.inputs = 46340, .units = 46340};
    assert_int_equal(xt_fused_n_steps(&shape), (size_t)1 << 29);
}

int main(void)
{
    UNIT_CASE(general_text);
    UNIT_CASE(general_text_is_one);
    UNIT_CASE(special_text);
    UNIT_CASE(text_has_every_bit);
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        unit_case(layout, &nets[i], "layout %zu", i);
        unit_case(goes_round, &nets[i], "goes_round %zu", i);
    }
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        unit_case(take_or_refuse, &large[i], "%s %zu inputs, %u units, batches of %zu", large[i].fits ? "takes" : "refuses",
                  large[i].n_inputs, (unsigned)large[i].units[0], large[i].batch);
    UNIT_CASE(steps_of_the_tutorial);
    UNIT_CASE(steps_do_not_overflow);
    return unit_run("prelude");
}
