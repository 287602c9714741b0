#include "data/problems.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Twenty messages of this size fit an xt_err. */
enum { MESSAGE_BYTES = XT_ERR_BYTES / XT_MAX_PROBLEMS - 16 };

void xt_problem(xt_problems *problems, const char *format, ...)
{
    if (problems->n == XT_MAX_PROBLEMS) {
        problems->full = true;
        return;
    }
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    xt_buf_printf(&problems->text, "%s%s", problems->n ? "\n" : "", message);
    problems->n++;
}

xt_status xt_problems_report(const xt_problems *problems, xt_err *err)
{
    if (!problems->n)
        return XT_OK;
    if (problems->text.failed)
        return xt_fail_memory(err, "the list of errors", 0);
    return xt_fail(err, XT_BAD_DATA, "%s%s", xt_buf_text(&problems->text), problems->full ? "\n... and more" : "");
}

void xt_problems_clear(xt_problems *problems)
{
    xt_buf_clear(&problems->text);
    *problems = (xt_problems){0};
}

/* Not within a character of UTF-8. */
static size_t cut_at(const char *text, size_t n)
{
    while (n && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

xt_shown xt_show(const char *text)
{
    xt_shown shown;
    size_t n = strnlen(text, XT_SHOWN_BYTES + 1), at = 0;
    bool cut = n > XT_SHOWN_BYTES;
    if (cut)
        n = cut_at(text, XT_SHOWN_BYTES);
    shown.text[at++] = '\'';
    for (size_t i = 0; i < n;) {
        size_t length = xt_text_printable(text + i, n - i);
        if (length)
            memcpy(shown.text + at, text + i, length);
        at += length ? length : (size_t)snprintf(shown.text + at, sizeof shown.text - at, "\\x%02x", (unsigned char)text[i]);
        i += length ? length : 1;
    }
    memcpy(shown.text + at, cut ? "...'" : "'", cut ? 5 : 2);
    return shown;
}

bool xt_show_item(const char *text, size_t i, size_t n, size_t start, xt_buf *out)
{
    enum { MAX_LISTED = 30, MAX_LISTED_BYTES = 500 };
    if (i == MAX_LISTED || out->len - start > MAX_LISTED_BYTES) {
        xt_buf_printf(out, " and %zu more", n - i);
        return false;
    }
    xt_buf_printf(out, "%s%s", i ? ", " : "", xt_show(text).text);
    return true;
}
