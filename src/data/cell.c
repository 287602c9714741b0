#include "data/cell.h"

#include "base/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
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

void xt_cell_print(float value, char *text)
{
    if (isnan(value))
        strcpy(text, "nan");
    else if (isinf(value))
        strcpy(text, value > 0 ? "inf" : "-inf");
    else if (fabsf(value) < 1e9f && value == truncf(value))
        snprintf(text, XT_NUMBER_BYTES, "%.0f", (double)value);
    else
        xt_number_print(value, text);
}
