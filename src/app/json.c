#include "app/json.h"

#include <math.h>

json_t *xt_json_text(const char *text)
{
    json_t *string = text && *text ? json_string(text) : NULL;
    return string ? string : json_null();
}

json_t *xt_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *xt_json_names(const char *const *names, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(names[i]));
    return array;
}
