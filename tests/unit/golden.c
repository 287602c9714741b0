#include "golden.h"

#include <stdlib.h>
#include <string.h>

static const json_t *at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        fail_msg("no \"%s\"", key);
    return value;
}

const char *unit_text_at(const json_t *object, const char *key)
{
    return json_string_value(at(object, key));
}

double unit_number_at(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

size_t unit_length_at(const json_t *object, const char *key)
{
    return json_array_size(at(object, key));
}

float *unit_floats_at(const json_t *object, const char *key)
{
    const json_t *array = at(object, key);
    size_t n = json_array_size(array);
    float *values = calloc(n ? n : 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)json_number_value(json_array_get(array, i));
    return values;
}

static float index_of(const xt_param *param, const char *name)
{
    for (int i = 0; param->names[i]; i++)
        if (strcmp(param->names[i], name) == 0)
            return (float)i;
    fail_msg("%s is never '%s'", param->name, name);
    return 0;
}

xt_choice unit_choice(const xt_table *table, const json_t *object, float list[UNIT_MAX_LIST])
{
    xt_choice choice = xt_choose(table, unit_text_at(object, "type"));
    const xt_param *params = xt_kind_at(table, choice.kind)->params;
    for (size_t i = 0; params[i].name; i++) {
        const json_t *given = json_object_get(object, params[i].name);
        if (json_is_array(given)) {
            choice.values[i] = XT_LISTED;
            choice.list = list;
            choice.n_list = json_array_size(given);
            assert_true(choice.n_list <= UNIT_MAX_LIST);
            for (size_t j = 0; j < choice.n_list; j++)
                list[j] = (float)json_number_value(json_array_get(given, j));
        } else if (json_is_string(given)) {
            choice.values[i] = index_of(&params[i], json_string_value(given));
        } else if (given) {
            choice.values[i] = json_is_boolean(given) ? (float)json_is_true(given) : (float)json_number_value(given);
        }
    }
    return choice;
}
