/* What the gemm engine's tiles promise of bits: they depend on no block, no form, no number of cores, and on nothing
 * that lies beside the values. */
#include "forms.h"
#include "tiled.h"

#include "../unit/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static void same_bits_whatever_the_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tile_cases(14); i++) {
        test_net net;
        trained expected, got;
        forms_net(&net, tile_case(&tile_forms[0], i, seed), false, seed);
        train_all(&net, tiled_open(&net, &tile_forms[0], 0), NET_EPOCHS, &expected);
        for (size_t b = 0; b < N_BLOCKINGS; b++) {
            train_all(&net, tiled_open(&net, &blockings[b], 0), NET_EPOCHS, &got);
            same_training(&net, blockings[b].name, &got, &expected);
            trained_clear(&got);
        }
        trained_clear(&expected);
        net_clear(&net);
    }
}

static void same_bits_on_any_cores(void **state)
{
    static const cl_uint cores[] = {1, 3, 7, 64};
    const tile_form *form = *state;
    for (size_t i = 0; i < n_tile_cases(6); i++) {
        test_net net;
        trained expected, got;
        forms_net(&net, tile_case(form, i, seed), false, seed + 1);
        train_all(&net, tiled_open(&net, form, 2), NET_EPOCHS, &expected);
        for (size_t c = 0; c < (net_small() ? 1 : 4); c++) {
            train_all(&net, tiled_open(&net, form, cores[c]), NET_EPOCHS, &got);
            same_training(&net, "on other cores", &got, &expected);
            trained_clear(&got);
        }
        trained_clear(&expected);
        net_clear(&net);
    }
}

/* With operations whose results are the same in vectors of any width. Where a gradient's norm is taken, its squares are
 * summed in the order in which they lie. */
static void same_bits_in_any_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tile_cases(14); i++) {
        test_net net;
        trained expected, got;
        forms_net(&net, tile_case(&tile_forms[0], i, seed), true, seed);
        net.spec.clip_norm = 0;
        train_all(&net, tiled_open(&net, &tile_forms[0], 0), NET_EPOCHS, &expected);
        for (size_t f = 1; f < n_tile_forms(); f++) {
            train_all(&net, tiled_open(&net, &tile_forms[f], 0), NET_EPOCHS, &got);
            same_training(&net, tile_forms[f].name, &got, &expected);
            trained_clear(&got);
        }
        trained_clear(&expected);
        net_clear(&net);
    }
}

/* ---- what is beside the values ---- */

/* What is not a parameter is 0 as it was at first. */
static void check_padding(const test_net *net, xt_tiled *engine)
{
    size_t n = engine->layout.n_floats;
    float *raw = calloc(2 * n + net->plan.n_params, sizeof *raw), *clean = raw + n, *params = clean + n;
    xt_err err;
    assert_non_null(raw);
    for (size_t i = 0; i <= net->plan.n_slots; i++) {
        net_ok(xt_buffer_read(engine->context, engine->buffers[PARAMS + i], 0, raw, n * sizeof *raw, &err), &err);
        memset(clean, 0, n * sizeof *clean);
        xt_tiles_unpack(&engine->tiles, &net->plan, &engine->layout, raw, params);
        xt_tiles_pack(&engine->tiles, &net->plan, &engine->layout, params, clean);
        assert_memory_equal(raw, clean, n * sizeof *raw);
    }
    free(raw);
}

/* Fills what the engine works in with nan, by rows to predict from, as many as are measured at once. */
static void spoil(const test_net *net, xt_engine *engine)
{
    enum { ROWS = 1024 };
    size_t n = net->plan.n_inputs, m = net->plan.n_outputs, rows = net_small() ? 50 : ROWS;
    float *floats = calloc(rows * (n + 2 * m + 1), sizeof *floats), *out = floats + rows * n, *targets = out + rows * m;
    xt_err err;
    assert_non_null(floats);
    for (size_t i = 0; i < rows * n; i++)
        floats[i] = i % 3 ? NAN : INFINITY;
    net_ok(engine->ops->evaluate(engine, floats, targets, rows, out, targets + rows * m, &err), &err);
    free(floats);
}

static void nothing_is_left_of_other_rows(void **state)
{
    const tile_form *form = *state;
    for (size_t i = 0; i < n_tile_cases(8); i++) {
        test_net net;
        trained expected, got = {.state = NULL};
        xt_err err;
        forms_net(&net, tile_case(form, i, seed), false, seed + 2);
        train_all(&net, tiled_open(&net, form, 0), NET_EPOCHS, &expected);
        xt_engine *engine = tiled_open(&net, form, 0);
        got.state = calloc(net_n_state(&net), sizeof *got.state);
        assert_non_null(got.state);
        for (uint32_t e = 0; e < net_epochs(); e++) {
            spoil(&net, engine);
            net_ok(engine->ops->train(engine, e, 1, got.rows + e, &err), &err);
        }
        net_ok(engine->ops->read_state(engine, got.state, &err), &err);
        same_training(&net, "after rows of nan", &got, &expected);
        if (isfinite(expected.rows[net_epochs() - 1].loss))
            check_padding(&net, (xt_tiled *)engine);
        xt_engine_close(&engine);
        trained_clear(&expected);
        trained_clear(&got);
        net_clear(&net);
    }
}

int main(void)
{
    seed = net_seed();
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    UNIT_CASE(same_bits_whatever_the_blocks);
    tiled_cases(same_bits_on_any_cores, "same bits on any cores", 3);
    UNIT_CASE(same_bits_in_any_form);
    tiled_cases(nothing_is_left_of_other_rows, "nothing is left of other rows", N_TILE_FORMS);
    return unit_run("tiles' bits");
}
