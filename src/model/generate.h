/* generate.h: data sets that are drawn, not read.
 *
 * Every value is a pure function of (seed, generator, its numbers, samples, noise).
 * With n samples and row i from 0; u in [0, 1), [-1, 1) or [-10, 10) is uniform, z
 * is standard normal. Everything else is computed in double precision and rounded.
 *
 *   xor      x = (u, u) in [-1, 1); class 1 where the signs differ (0 has the plus sign), else 0
 *   parity   x = `bits` zeros and ones, drawn; where n = 2^bits they are those of i, the highest first, so that
 *            each combination is there once; class 1 where an odd number are ones
 *   spirals  class c = i mod k, the j-th of the m rows of that class, j from 0:
 *            t = (j + 1) / m, a = 2 pi (turns t + c / k); x = (t cos a, t sin a)
 *   moons    class c = i mod 2, likewise; a = pi j / (m - 1), 0 where m is 1;
 *            class 0: x = (cos a, sin a); class 1: x = (1 - cos a, 0.5 - sin a)
 *   circles  class c = i mod 2, likewise; a = 2 pi j / m; x = r (cos a, sin a), r is 1 for class 0, `factor` for 1
 *   blobs    class c = i mod k; x = center(c) + stddev z, each of `features` values; centers: u in [-10, 10)
 *   sine     x evenly from -pi periods to pi periods, ends included; target sin(x)
 *
 * `noise` z is added to each input after the class is decided; of sine to the
 * target. moons and circles are the shapes of scikit-learn's make_moons and
 * make_circles. Classes take turns, so that batches in order are mixed. */
#ifndef XT_MODEL_GENERATE_H
#define XT_MODEL_GENERATE_H

#include "base/err.h"
#include "model/spec.h"

/* A key of the seed is folded with this, then with one of the quantities: what is
 * drawn by row and column of (samples, columns), of (classes, features) for centers. */
enum { XT_FOLD_GENERATE = 0x4753 };
enum { XT_GENERATE_INPUTS, XT_GENERATE_CENTERS, XT_GENERATE_NOISE };

extern const xt_table xt_generators; /* rows are xt_kind */

typedef struct xt_generated {
    size_t n_rows, n_inputs;
    size_t n_targets; /* 1 */
    size_t n_classes; /* the target is the index of a class, 0 to n_classes - 1; 0: a number */
    float *inputs;    /* malloc'ed, (n_rows, n_inputs) row-major */
    float *targets;   /* malloc'ed, (n_rows, n_targets) row-major */
} xt_generated;

/* Draws source->samples (not 0) rows by its generator, noise and generate_seed. XT_BAD_DATA
 * for fewer rows than classes, and for more numbers than there are to draw (2^32).
 * On failure *out is untouched. */
xt_status xt_generate(const xt_source *source, xt_generated *out, xt_err *err);
/* Frees; as new ({0}). */
void xt_generated_clear(xt_generated *generated);

#endif
