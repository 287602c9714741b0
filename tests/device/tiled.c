#include "tiled.h"

#include "../unit/cases.h"
#include "engine/tiled.h"

const tile_form tile_forms[N_TILE_FORMS] = {
    {"6 x 2 of 8", {8, 2, 6, 16, 12, 2, false}},
    {"4 x 3 of 4", {4, 3, 4, 12, 8, 2, false}},
    {"1 x 1 of 4", {4, 1, 1, 4, 3, 2, false}},
    {"12 x 2 of 16", {16, 2, 12, 32, 24, 2, false}},
};

const tile_form blockings[N_BLOCKINGS] = {
    {"deeper, one tile a block", {8, 2, 6, 48, 6, 1, false}},
    {"large blocks", {8, 2, 6, 64, 24, 4, false}},
};

size_t n_tile_forms(void)
{
    return net_small() ? 2 : N_TILE_FORMS;
}

size_t n_tile_cases(size_t all)
{
    return net_small() ? 1 : all;
}

size_t tile_case(const tile_form *form, size_t i, uint64_t seed)
{
    enum { APART = 7 };
    return i + (size_t)(form - tile_forms) * APART + (net_small() ? seed % 1000 : 0);
}

xt_engine *tiled_open(test_net *net, const tile_form *form, cl_uint cores)
{
    xt_context *context = net_context();
    xt_tiles suited, tiles = form->tiles;
    xt_engine *engine = NULL;
    xt_err err;
    if (!xt_tiled_serves(&context->device)) {
        xt_context_close(&context);
        skip();
    }
    net_ok(xt_tiles_suit(&context->device, &suited, &err), &err);
    tiles.fma = suited.fma;
    if (cores)
        context->device.compute_units = cores;
    net_ok(xt_tiled_open_as(&net->plan, &net->data, context, &tiles, &engine, &err), &err);
    net_ok(engine->ops->write_state(engine, net->state, &err), &err);
    return engine;
}

void tiled_cases(CMUnitTestFunction test, const char *name, size_t most)
{
    for (size_t i = 0; i < n_tile_forms() && i < most; i++)
        unit_case(test, &tile_forms[i], "%s: %s", name, tile_forms[i].name);
}
