#include "data/format.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *ending;
    xt_format format;
} endings[] = {
    {".tsv", XT_FORMAT_TSV}, {".tab", XT_FORMAT_TSV}, {".npy", XT_FORMAT_NPY},
    {".idx", XT_FORMAT_IDX}, {"-ubyte", XT_FORMAT_IDX},
};

bool xt_ends_in(const char *text, size_t n_bytes, const char *ending)
{
    size_t n = strlen(ending);
    return n_bytes >= n && strncasecmp(text + n_bytes - n, ending, n) == 0;
}

xt_format xt_format_of(xt_format given, const char *path)
{
    if (given != XT_FORMAT_AUTO)
        return given;
    size_t n = strlen(path);
    if (xt_ends_in(path, n, ".gz"))
        n -= 3;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (xt_ends_in(path, n, endings[i].ending))
            return endings[i].format;
    return XT_FORMAT_CSV;
}
