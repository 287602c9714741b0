#include "data/cell.h"

#include "base/number.h"

#include <stdbool.h>
#include <string.h>

static bool is_missing(const char *text, size_t n)
{
    static const char *const markers[] = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"};
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
        if (strlen(markers[i]) == n && memcmp(markers[i], text, n) == 0)
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

xt_cell_kind xt_cell_parse(const char *text, size_t n_bytes, float *value)
{
    const char *at = text, *end = text + n_bytes;
    while (at < end && is_blank(*at))
        at++;
    while (at < end && is_blank(end[-1]))
        end--;
    float number;
    switch (xt_number_float(at, (size_t)(end - at), &number)) {
    case XT_NUMBER_OK:
        *value = number;
        return XT_CELL_NUMBER;
    case XT_NUMBER_HUGE:
        return XT_CELL_HUGE;
    case XT_NUMBER_NOT:
        break;
    }
    return is_missing(at, (size_t)(end - at)) ? XT_CELL_MISSING : XT_CELL_TEXT;
}
