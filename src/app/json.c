#include "app/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool starved;

static void *take(size_t n_bytes)
{
    void *memory = malloc(n_bytes);
    starved = starved || !memory;
    return memory;
}

void xt_json_watch(void)
{
    json_set_alloc_funcs(take, free);
}

bool xt_json_starved(void)
{
    bool was = starved;
    starved = false;
    return was;
}

char *xt_json_dump(const json_t *value, size_t flags)
{
    char *text = value ? json_dumps(value, flags) : NULL;
    if (!xt_json_starved())
        return text;
    free(text);
    return NULL;
}

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

json_t *xt_json_rows(const xt_dataset *data)
{
    if (!data)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:I, s:I}", "origin", xt_json_text(data->origin), "xxh3_128",
                     xt_json_text(data->hash), "targets_xxh3_128", xt_json_text(data->targets_hash), "rows",
                     (json_int_t)data->n_rows, "dropped_rows", (json_int_t)data->n_dropped);
}

/* The checksum that is saved there, "" for null. */
static const char *checksum_of(const json_t *saved, const char *key)
{
    const char *text = json_string_value(json_object_get(saved, key));
    return text ? text : "";
}

static bool same_contents(const json_t *saved, const char *key, const char *now, const char *part, const char *what,
                          xt_buf *out)
{
    const char *was = checksum_of(saved, key);
    if (strcmp(was, now) != 0)
        xt_buf_printf(out, "data.%s%s: other contents (XXH3-128 %s, was %.40s)\n", part, what, *now ? now : "none",
                      *was ? was : "none");
    return strcmp(was, now) == 0;
}

bool xt_json_same_rows(const char *part, const json_t *saved, const xt_dataset *now, xt_buf *out)
{
    const json_t *rows = json_object_get(saved, "rows");
    if (!json_is_object(saved) || !now) {
        if (json_is_object(saved) || now)
            xt_buf_printf(out, "data.%s: %s\n", part, now ? "was not there" : "is no longer there");
        return json_is_object(saved) || json_is_null(saved);
    }
    if (!json_is_integer(rows))
        return false;
    if (same_contents(saved, "xxh3_128", now->hash, part, "", out) &&
        same_contents(saved, "targets_xxh3_128", now->targets_hash, part, ".targets_file", out) &&
        (uint64_t)json_integer_value(rows) != now->n_rows)
        xt_buf_printf(out, "data.%s: %zu rows, was %lld\n", part, now->n_rows, (long long)json_integer_value(rows));
    return true;
}

static void start_line(unsigned depth, xt_buf *out)
{
    xt_buf_printf(out, "\n%*s", (int)(2 * depth), "");
}

void xt_json_indent(const char *text, unsigned depth, xt_buf *out)
{
    unsigned arrays = 0; /* that are open */
    bool quoted = false;
    for (const char *at = text; *at; at++) {
        if (quoted && *at == '\\' && at[1]) {
            xt_buf_add(out, at++, 2);
            continue;
        }
        quoted ^= *at == '"';
        bool breaks = !quoted && !arrays;
        arrays += !quoted && *at == '[';
        arrays -= !quoted && *at == ']';
        if (breaks && *at == '}' && at > text && at[-1] != '{')
            start_line(--depth, out);
        else if (breaks && *at == '}')
            depth--;
        xt_buf_add(out, at, 1);
        if (breaks && *at == '{' && at[1] != '}')
            start_line(++depth, out);
        else if (breaks && *at == '{')
            depth++;
        else if (breaks && *at == ',')
            start_line(depth, out);
        else if (!quoted && (*at == ',' || *at == ':'))
            xt_buf_puts(out, " ");
    }
}
