/* The tutorial as a program of its own: trains EPOCHS epochs and writes each
 * one's loss to a CSV file, nothing else.
 *
 *     tutorial EPOCHS FILE
 */
#include "tutorial.h"

#include <stdio.h>
#include <stdlib.h>

/* What configs/xor.yaml starts from: `xortrain inspect --values` of no epochs. */
static const float initial[TUTORIAL_PARAMS] = {
    -0.00797430892f, 0.00609697169f, -0.0171507392f, -0.00641280925f, 0.00207655714f, 0.00676562404f,
    -0.0179874208f, 0.00526943384f, 0.0181759f, 0.00267145201f, 0.012920564f, 0.00214754324f,
    -0.00112515094f, 0.0110719213f, -0.00886200275f, -0.0138287796f, 0.000240383379f, -0.00296096457f,
    0.0208207797f, 0.0144199654f, 0.00993176643f, -0.00310528162f, 0.0204675142f, -0.00105606194f,
    0.00622171443f, 0.00941826403f, 0.0175318494f, -0.00755145401f, -0.0100475773f, 0.00183098123f,
    0.00619588373f, 0.00720660063f, 0.00208200747f, -0.0105804978f, -0.00293745776f, -0.00441172393f,
    0.00236698496f, -0.000342637883f, -0.010025559f, 0.0115601122f, -0.00538137974f, -0.0048968913f,
    0.00249390397f, -0.0141288638f, 0.0185431074f, 0.00227565086f, 0.004975155f, -0.0208968427f,
    0.0184290837f, 0.0123689482f, 0.00624942454f, 0.0123538859f, -0.0105336756f, -0.00370844337f,
    0.00302017783f, 0.00460129092f, 0.00601732498f, 0.0102714272f, -0.00397482468f, 0.000506993325f,
    0.0128045874f, -0.000781479757f, -0.0143774627f, -0.00942327268f, -0.0125153884f,
};

int main(int argc, char **argv)
{
    unsigned epochs = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    float params[TUTORIAL_PARAMS], *losses = malloc(epochs * sizeof *losses);
    FILE *file = epochs && losses ? fopen(argv[2], "w") : NULL;
    if (!file) {
        fprintf(stderr, "usage: tutorial EPOCHS FILE\n");
        free(losses);
        return 2;
    }
    for (int i = 0; i < TUTORIAL_PARAMS; i++)
        params[i] = initial[i];
    tutorial_plain(params, epochs, losses);
    fprintf(file, "epoch,loss\n");
    for (unsigned i = 0; i < epochs; i++)
        fprintf(file, "%u,%.9g\n", i + 1, (double)losses[i]);
    free(losses);
    return fclose(file) == 0 ? 0 : 1;
}
