#include "engine/product.h"

#include <string.h>

const char *const xt_blas_parameters[XT_BLAS_PARAMETERS] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC",
                                                            "MWG",   "NDIMB", "NDIMC", "NWG", "SA",   "SB",
                                                            "STRM",  "STRN", "VWM", "VWN"};

#define SET(kwg, kwi, mdima, mdimc, mwg, ndimb, ndimc, nwg, sa, sb, strm, strn, vwm, vwn) \
    true, {0, 1, kwg, kwi, mdima, mdimc, mwg, ndimb, ndimc, nwg, sa, sb, strm, strn, vwm, vwn}

/* CLBlast knows no PoCL: what it takes for an unknown CPU runs at a tenth of the
 * speed of the set here, and its tuner does not reach it, since it never tries
 * one work-item a work-group. Those for GPUs span what its tuner finds on many
 * of them: which is best on one is to be measured there. */
static const xt_blas_set sets[] = {
    {{"shipped", "what CLBlast has in its table for the device"}, false, {0}},
    {{"pocl", "one work-item a work-group, for PoCL on a CPU"}, SET(32, 1, 1, 1, 32, 1, 1, 12, 0, 0, 0, 0, 16, 4)},
    {{"small", "64 work-items on tiles of 32 by 32 in local memory, for small products and many work-groups"},
     SET(32, 2, 8, 8, 32, 8, 8, 32, 1, 1, 0, 0, 4, 1)},
    {{"square", "128 work-items on tiles of 64 by 64 in local memory"},
     SET(32, 2, 16, 16, 64, 8, 8, 64, 1, 1, 0, 0, 4, 4)},
    {{"wide", "256 work-items on tiles of 64 by 64 in local memory, 16 results each"},
     SET(16, 2, 16, 16, 64, 16, 16, 64, 1, 1, 0, 0, 2, 4)},
    {{"large", "128 work-items on tiles of 128 by 128 in local memory, for large products"},
     SET(16, 2, 8, 16, 128, 8, 8, 128, 1, 1, 1, 1, 4, 8)},
    {{"cached", "64 work-items on tiles of 32 by 64, for caches that are as fast as local memory"},
     SET(32, 2, 8, 8, 32, 8, 8, 64, 0, 0, 0, 0, 4, 4)},
};
enum { SHIPPED, POCL };

const xt_table xt_blas_sets = XT_TABLE("set of CLBlast's parameters", sets);

_Static_assert(sizeof sets / sizeof sets[0] == XT_PRODUCT_WAY_OWN, "each set is a way");

xt_product_wish xt_product_way(size_t way)
{
    return way < XT_PRODUCT_WAY_OWN ? (xt_product_wish){XT_PRODUCT_AUTO, sets[way].row.name}
                                    : (xt_product_wish){XT_PRODUCT_TILED, NULL};
}

const char *xt_product_way_name(size_t way)
{
    return way < XT_PRODUCT_WAY_OWN ? sets[way].row.name : "own";
}

size_t xt_product_way_find(const char *name)
{
    size_t way = 0;
    while (way < XT_PRODUCT_WAYS && strcmp(xt_product_way_name(way), name) != 0)
        way++;
    return way;
}

size_t xt_blas_set_for(const xt_device *device)
{
    return xt_device_is_cpu(device) && xt_device_is_pocl(device) ? POCL : SHIPPED;
}

size_t xt_blas_set_value(const xt_blas_set *set, const char *parameter)
{
    for (size_t i = 0; i < XT_BLAS_PARAMETERS; i++)
        if (strcmp(xt_blas_parameters[i], parameter) == 0)
            return set->values[i];
    return 0;
}

bool xt_blas_set_fits(const xt_blas_set *set, const xt_device *device)
{
    size_t items = xt_blas_set_value(set, "MDIMC") * xt_blas_set_value(set, "NDIMC");
    size_t floats = xt_blas_set_value(set, "KWG") *
                    (xt_blas_set_value(set, "SA") * xt_blas_set_value(set, "MWG") +
                     xt_blas_set_value(set, "SB") * xt_blas_set_value(set, "NWG"));
    return items <= device->max_group && floats * sizeof(cl_float) <= device->local_bytes;
}
