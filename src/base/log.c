#include "base/log.h"

#include "base/terminal.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

static xt_log_level log_level = XT_NORMAL;

void xt_log_set(xt_log_level level)
{
    log_level = level;
}

static void __attribute__((format(printf, 2, 0))) say(const char *prefix, const char *format, va_list args)
{
    char text[2000];
    vsnprintf(text, sizeof text, format, args);
    xt_text_mask(text);
    xt_terminal_clear();
    fprintf(stderr, "%s%s\n", prefix, text);
}

void xt_warn(const char *format, ...)
{
    if (log_level < XT_NORMAL)
        return;
    va_list args;
    va_start(args, format);
    say("xortrain: warning: ", format, args);
    va_end(args);
}

void xt_note(const char *format, ...)
{
    if (log_level < XT_NORMAL)
        return;
    va_list args;
    va_start(args, format);
    say("xortrain: ", format, args);
    va_end(args);
}

void xt_detail(const char *format, ...)
{
    if (log_level < XT_VERBOSE)
        return;
    va_list args;
    va_start(args, format);
    say("xortrain: ", format, args);
    va_end(args);
}
