/* Which format a file's name says. */
#include "data/format.h"

#include "cases.h"

static const struct name {
    const char *path;
    xt_format format;
} names[] = {
    {"a.csv", XT_FORMAT_CSV},
    {"a.tsv", XT_FORMAT_TSV},
    {"a.TSV", XT_FORMAT_TSV},
    {"a.tab", XT_FORMAT_TSV},
    {"a.tsv.gz", XT_FORMAT_TSV},
    {"a.npy", XT_FORMAT_NPY},
    {"a.npy.GZ", XT_FORMAT_NPY},
    {"a.idx", XT_FORMAT_IDX},
    {"train-images-idx3-ubyte", XT_FORMAT_IDX},
    {"train-labels-idx1-ubyte.gz", XT_FORMAT_IDX},
    {"t10k-images.idx3-ubyte", XT_FORMAT_IDX},
    {"-", XT_FORMAT_CSV},
    {".gz", XT_FORMAT_CSV},
    {"a.tsv.csv", XT_FORMAT_CSV},
    {"npy", XT_FORMAT_CSV},
    {"a.txt", XT_FORMAT_CSV},
    {"", XT_FORMAT_CSV},
};

static void of_name(void **state)
{
    const struct name *name = *state;
    assert_int_equal(xt_format_of(XT_FORMAT_AUTO, name->path), name->format);
    /* What was asked for stands, whatever the name says. */
    for (xt_format given = XT_FORMAT_CSV; given < XT_N_FORMATS; given++)
        assert_int_equal(xt_format_of(given, name->path), given);
}

static void arrays(void **state)
{
    (void)state;
    assert_false(xt_format_is_array(XT_FORMAT_CSV));
    assert_false(xt_format_is_array(XT_FORMAT_TSV));
    assert_true(xt_format_is_array(XT_FORMAT_IDX));
    assert_true(xt_format_is_array(XT_FORMAT_NPY));
}

int main(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unit_case(of_name, names + i, "name '%s'", names[i].path);
    UNIT_CASE(arrays);
    return unit_run("formats");
}
