/* tiled.h: the gemm engine's tiles in forms of the tests' choice. */
#ifndef XT_TESTS_DEVICE_TILED_H
#define XT_TESTS_DEVICE_TILED_H

#include "net.h"

#include "engine/tiled_engine.h"

typedef struct tile_form {
    const char *name;
    xt_tiles tiles; /* fma is the device's */
} tile_form;

/* Sizes of tiles with blocks so small that each way through the kernels is taken by small networks, and that any device
 * of OpenCL 1.2 has the local memory. */
enum { N_TILE_FORMS = 4 };
extern const tile_form tile_forms[N_TILE_FORMS];
/* The first form's tiles in other blocks. */
enum { N_BLOCKINGS = 2 };
extern const tile_form blockings[N_BLOCKINGS];

/* What of forms and cases is left where net_small(). */
size_t n_tile_forms(void);
size_t n_tile_cases(size_t all);
/* A number for case i of a form, so that each form has others; where there are few they are the seed's choice. */
size_t tile_case(const tile_form *form, size_t i, uint64_t seed);

/* Opens the engine on the net with its first state, on so many cores, of which groups are made (0: the device's).
 * Skips the test where the device is not one for tiles. */
xt_engine *tiled_open(test_net *net, const tile_form *form, cl_uint cores);

/* Adds a test for each form, but no more than `most`. */
void tiled_cases(CMUnitTestFunction test, const char *name, size_t most);

#endif
