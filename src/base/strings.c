#include "base/strings.h"

#include <string.h>

void xt_strings_add(xt_strings *strings, const char *text)
{
    xt_buf_add(&strings->text, text, strlen(text) + 1);
    strings->n++;
}

const char *xt_strings_first(const xt_strings *strings)
{
    return strings->n ? strings->text.data : NULL;
}

const char *xt_strings_next(const xt_strings *strings, const char *text)
{
    text += strlen(text) + 1;
    return text < strings->text.data + strings->text.len ? text : NULL;
}

const char *xt_strings_skip(const char *text, size_t n)
{
    while (n--)
        text += strlen(text) + 1;
    return text;
}

bool xt_strings_has(const xt_strings *strings, const char *text)
{
    for (const char *one = xt_strings_first(strings); one; one = xt_strings_next(strings, one))
        if (strcmp(one, text) == 0)
            return true;
    return false;
}

void xt_strings_reset(xt_strings *strings)
{
    xt_buf_reset(&strings->text);
    strings->n = 0;
}

void xt_strings_clear(xt_strings *strings)
{
    xt_buf_clear(&strings->text);
    strings->n = 0;
}
