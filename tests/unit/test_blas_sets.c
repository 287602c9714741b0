/* CLBlast checks nothing of its parameters: what it asks of a set's is checked here. */
#include "cases.h"

#include "engine/product.h"

#include <string.h>

static const xt_blas_set *set;

static size_t of(const char *parameter)
{
    return xt_blas_set_value(set, parameter);
}

static void divides(size_t whole, size_t part, const char *what)
{
    if (part == 0 || whole % part != 0)
        fail_msg("%s: %s: %zu is no multiple of %zu", set->row.name, what, whole, part);
}

static void is_one_of(const char *parameter, size_t a, size_t b)
{
    if (of(parameter) != a && of(parameter) != b)
        fail_msg("%s: %s is %zu", set->row.name, parameter, of(parameter));
}

static void is_a_vector(const char *parameter)
{
    size_t n = of(parameter);
    if (n == 0 || n > 16 || (n & (n - 1)) != 0)
        fail_msg("%s: %s is %zu, no width of an OpenCL vector", set->row.name, parameter, n);
}

static void keeps_clblasts_rules(void **state)
{
    set = *state;
    size_t items = of("MDIMC") * of("NDIMC");
    divides(of("MWG"), of("MDIMC") * of("VWM"), "MWG by MDIMC * VWM");
    divides(of("NWG"), of("NDIMC") * of("VWN"), "NWG by NDIMC * VWN");
    divides(of("MWG"), of("MDIMA") * of("VWM"), "MWG by MDIMA * VWM");
    divides(of("NWG"), of("NDIMB") * of("VWN"), "NWG by NDIMB * VWN");
    divides(items, of("MDIMA"), "MDIMC * NDIMC by MDIMA");
    divides(items, of("NDIMB"), "MDIMC * NDIMC by NDIMB");
    divides(of("KWG"), items / of("MDIMA"), "KWG by MDIMC * NDIMC / MDIMA");
    divides(of("KWG"), items / of("NDIMB"), "KWG by MDIMC * NDIMC / NDIMB");
    divides(of("KWG"), of("KWI"), "KWG by KWI");
    is_one_of("GEMMK", 0, 0);
    is_one_of("KREG", 1, 1);
    for (size_t i = 0; i < 4; i++)
        is_one_of((const char *const[]){"SA", "SB", "STRM", "STRN"}[i], 0, 1);
    is_a_vector("VWM");
    is_a_vector("VWN");
}

/* What every GPU of OpenCL 1.2 has, and the one work-item of a device without barriers. */
static void fits_devices(void **state)
{
    set = *state;
    xt_device device = {.max_group = 256, .local_bytes = 32 << 10};
    assert_true(xt_blas_set_fits(set, &device));
    device.max_group = 1;
    assert_int_equal(xt_blas_set_fits(set, &device), !set->overrides || of("MDIMC") * of("NDIMC") == 1);
    device = (xt_device){.max_group = 256, .local_bytes = 1 << 10};
    assert_int_equal(xt_blas_set_fits(set, &device), !of("SA") && !of("SB"));
}

static void names_are_clblasts(void **state)
{
    (void)state;
    set = (const xt_blas_set *)xt_table_at(&xt_blas_sets, 1);
    for (size_t i = 0; i < XT_BLAS_PARAMETERS; i++) {
        assert_non_null(xt_blas_parameters[i]);
        assert_true(i == 0 || strcmp(xt_blas_parameters[i - 1], xt_blas_parameters[i]) < 0);
    }
    assert_int_equal(of("VWM"), 16); /* the values are in that order */
    assert_int_equal(of("NWG"), 12);
    assert_int_equal(of("KWG"), 32);
    assert_int_equal(of("nothing"), 0);
}

static void suits_the_device(void **state)
{
    (void)state;
    xt_device device = {.type = CL_DEVICE_TYPE_GPU, .platform_name = "Portable Computing Language"};
    assert_string_equal(xt_table_at(&xt_blas_sets, xt_blas_set_for(&device))->name, "shipped");
    device.type = CL_DEVICE_TYPE_CPU;
    assert_string_equal(xt_table_at(&xt_blas_sets, xt_blas_set_for(&device))->name, "pocl");
    strcpy(device.platform_name, "another");
    assert_string_equal(xt_table_at(&xt_blas_sets, xt_blas_set_for(&device))->name, "shipped");
}

/* Each set by its own name, and one way that is none of them. */
static void ways_are_the_sets_and_ours(void **state)
{
    (void)state;
    assert_int_equal(xt_blas_sets.n_rows + 1, XT_PRODUCT_WAYS);
    for (size_t way = 0; way < XT_PRODUCT_WAYS; way++) {
        const xt_product_wish wish = xt_product_way(way);
        assert_int_equal(xt_product_way_find(xt_product_way_name(way)), way);
        if (way == XT_PRODUCT_WAY_OWN) {
            assert_int_equal(wish.by, XT_PRODUCT_TILED);
            continue;
        }
        assert_int_equal(wish.by, XT_PRODUCT_AUTO);
        assert_int_equal(xt_table_find(&xt_blas_sets, wish.set), (int)way);
    }
    assert_int_equal(xt_product_way_find("round"), XT_PRODUCT_WAYS);
}

int main(void)
{
    for (size_t i = 0; i < xt_blas_sets.n_rows; i++) {
        const xt_blas_set *row = (const xt_blas_set *)xt_table_at(&xt_blas_sets, i);
        if (row->overrides)
            unit_case(keeps_clblasts_rules, row, "%s keeps CLBlast's rules", row->row.name);
        unit_case(fits_devices, row, "%s fits devices", row->row.name);
    }
    UNIT_CASE(names_are_clblasts);
    UNIT_CASE(suits_the_device);
    UNIT_CASE(ways_are_the_sets_and_ours);
    return unit_run("blas sets");
}
