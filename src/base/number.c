#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *digits(const char *at)
{
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

static bool is_number(const char *at)
{
    at += *at == '+' || *at == '-';
    const char *end = digits(at);
    bool whole = end > at, fraction = false;
    at = end;
    if (*at == '.') {
        end = digits(at + 1);
        fraction = end > at + 1;
        at = end;
    }
    if (!whole && !fraction)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        end = digits(at);
        if (end == at)
            return false;
        at = end;
    }
    return *at == '\0';
}

/* The program never leaves the C locale, so strtod takes a decimal point. */
xt_number_status xt_number_double(const char *text, double *out)
{
    if (!is_number(text))
        return XT_NUMBER_NOT;
    double value = strtod(text, NULL);
    if (!isfinite(value))
        return XT_NUMBER_HUGE;
    *out = value;
    return XT_NUMBER_OK;
}

xt_number_status xt_number_float(const char *text, float *out)
{
    double value;
    xt_number_status status = xt_number_double(text, &value);
    if (status)
        return status;
    float rounded = (float)value;
    if (!isfinite(rounded))
        return XT_NUMBER_HUGE;
    *out = rounded;
    return XT_NUMBER_OK;
}

xt_number_status xt_number_uint(const char *text, uint64_t *out)
{
    const char *at = text + (*text == '+');
    if (!*at || *digits(at))
        return XT_NUMBER_NOT;
    errno = 0;
    unsigned long long value = strtoull(at, NULL, 10);
    if (errno)
        return XT_NUMBER_HUGE;
    *out = value;
    return XT_NUMBER_OK;
}

void xt_number_print(float value, char *out)
{
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(out, 32, "%.*g", precision, (double)value);
        if (strtof(out, NULL) == value)
            return;
    }
}
