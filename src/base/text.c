#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t xt_text_printable(const char *at, size_t n)
{
    const unsigned char *c = (const unsigned char *)at;
    if (c[0] < 0x80)
        return c[0] >= 0x20 && c[0] != 0x7f;
    size_t length = c[0] >= 0xF0 ? 4 : c[0] >= 0xE0 ? 3 : 2;
    if (c[0] < 0xC2 || c[0] > 0xF4 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    if ((c[0] == 0xC2 && c[1] < 0xA0) || (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) ||
        (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F))
        return 0;
    return length;
}

/* Not printable, and yet UTF-8. */
static bool is_c1(const char *text)
{
    return (unsigned char)text[0] == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0;
}

bool xt_text_is_utf8(const char *text)
{
    for (size_t left = strlen(text), step; left; text += step, left -= step) {
        step = (unsigned char)*text < 0x80 ? 1 : is_c1(text) ? 2 : xt_text_printable(text, left);
        if (!step)
            return false;
    }
    return true;
}

bool xt_text_is_printable(const char *text)
{
    for (size_t left = strlen(text), step; left; text += step, left -= step) {
        step = xt_text_printable(text, left);
        if (!step)
            return false;
    }
    return true;
}

size_t xt_text_width(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

void xt_text_mask(char *text)
{
    for (size_t left = strlen(text), step; left; text += step, left -= step) {
        step = xt_text_printable(text, left);
        if (!step && *text != '\n')
            *text = '?';
        step += !step;
    }
}

const char *xt_variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}
