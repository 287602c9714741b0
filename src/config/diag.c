#include "config/diag.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MESSAGE = 600, MAX_EXCERPT = 100 };

void xt_diag(xt_diags *diags, xt_place place, const char *format, ...)
{
    char text[MAX_MESSAGE];
    va_list args;
    diags->n_total++;
    if (diags->n_shown == XT_MAX_DIAGS)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at; at++)
        *at = *at == '\n' ? ' ' : *at;
    xt_text_mask(text);
    const char *copy = xt_arena_strdup(diags->arena, text);
    diags->shown[diags->n_shown].place = place;
    diags->shown[diags->n_shown++].text = copy ? copy : "";
    diags->no_memory = diags->no_memory || !copy;
}

void xt_diag_memory(xt_diags *diags)
{
    diags->n_total++;
    diags->no_memory = true;
}

/* Line `number` of text: its start, and its length without the line end. */
static const char *find_line(const xt_source_text *source, uint32_t number, size_t *n_bytes)
{
    const char *at = source->text, *end = source->text + source->n_bytes;
    for (; number > 1; number--) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        if (!next)
            return NULL;
        at = next + 1;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    *n_bytes = (size_t)((stop ? stop : end) - at);
    if (*n_bytes && at[*n_bytes - 1] == '\r')
        --*n_bytes;
    return at;
}

/* The source line, or the part of a long one that holds the column, and a caret below it. */
static void add_excerpt(const xt_source_text *source, xt_place place, xt_buf *out)
{
    size_t n = 0, column = 1;
    const char *line = place.line ? find_line(source, place.line, &n) : NULL;
    if (!line)
        return;
    size_t from = place.column > MAX_EXCERPT ? place.column - MAX_EXCERPT / 2 : 1;
    xt_buf_printf(out, "\n%6u | ", place.line);
    for (size_t i = 0; i < n; column++) {
        size_t length = xt_text_printable(line + i, n - i);
        if (column >= from && column < from + MAX_EXCERPT)
            xt_buf_add(out, length ? line + i : line[i] == '\t' ? " " : "?", length ? length : 1);
        i += length ? length : 1;
    }
    xt_buf_printf(out, "\n       | %*s^", (int)(place.column - from), "");
}

/* U+FFFE and U+FFFF are printable, but no YAML holds them, not even in a comment. */
static bool is_no_yaml(const char *at, size_t n_bytes)
{
    return n_bytes == 3 && memcmp(at, "\xEF\xBF", 2) == 0 && (unsigned char)at[2] >= 0xBE;
}

/* A path or an option as it was typed, which may hold anything. */
static void add_name(const char *name, xt_buf *out)
{
    for (size_t left = strlen(name), step; left; name += step, left -= step) {
        step = xt_text_printable(name, left);
        if (is_no_yaml(name, step))
            step = 0;
        xt_buf_add(out, step ? name : "?", step ? step : 1);
        step = step ? step : 1;
    }
}

void xt_place_describe(const xt_diags *diags, xt_place place, xt_buf *out)
{
    if (place.source == XT_NO_SOURCE) {
        xt_buf_puts(out, "default");
        return;
    }
    add_name(diags->sources[place.source].name, out);
    if (place.line)
        xt_buf_printf(out, ":%u", place.line);
}

static bool comes_before(xt_place a, xt_place b)
{
    if (a.source != b.source)
        return a.source < b.source;
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

static void add_diag(const xt_diags *diags, xt_place place, const char *text, xt_buf *out)
{
    if (place.source != XT_NO_SOURCE) {
        const xt_source_text *source = &diags->sources[place.source];
        add_name(source->name, out);
        if (place.line)
            xt_buf_printf(out, ":%u:%u", place.line, place.column);
        xt_buf_printf(out, ": %s", text);
        add_excerpt(source, place, out);
    } else {
        xt_buf_puts(out, text);
    }
}

xt_status xt_diags_finish(xt_diags *diags, xt_err *err)
{
    bool done[XT_MAX_DIAGS] = {false};
    xt_buf out = {0}, one = {0};
    size_t n_told = 0;
    if (!diags->n_total)
        return XT_OK;
    for (size_t k = 0; k < diags->n_shown; k++) {
        size_t next = diags->n_shown;
        for (size_t i = 0; i < diags->n_shown; i++)
            if (!done[i] && (next == diags->n_shown || comes_before(diags->shown[i].place, diags->shown[next].place)))
                next = i;
        done[next] = true;
        xt_buf_reset(&one);
        add_diag(diags, diags->shown[next].place, diags->shown[next].text, &one);
        /* An xt_err has an end: what does not fit is counted, not cut. */
        if (k && out.len + one.len > XT_ERR_BYTES - 100)
            break;
        xt_buf_printf(&out, "%s%s", k ? "\n" : "", xt_buf_text(&one));
        n_told++;
    }
    if (diags->n_total > n_told)
        xt_buf_printf(&out, "\n... and %zu more error%s", diags->n_total - n_told,
                      diags->n_total - n_told == 1 ? "" : "s");
    xt_status status = diags->no_memory || out.failed || one.failed
                           ? xt_fail_memory(err, "the configuration", diags->arena->n_bytes)
                           : xt_fail(err, XT_BAD_CONFIG, "%s", xt_buf_text(&out));
    xt_buf_clear(&out);
    xt_buf_clear(&one);
    return status;
}
