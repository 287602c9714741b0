#include "base/table.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const xt_row *xt_table_at(const xt_table *table, size_t index)
{
    assert(index < table->n_rows);
    return (const xt_row *)((const char *)table->rows + index * table->row_bytes);
}

int xt_table_find(const xt_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_rows; i++)
        if (strcmp(xt_table_at(table, i)->name, name) == 0)
            return (int)i;
    return -1;
}

const char *xt_table_nearest(const xt_table *table, const char *name)
{
    xt_nearest nearest = {.typed = name};
    for (size_t i = 0; i < table->n_rows; i++)
        xt_nearest_offer(&nearest, xt_table_at(table, i)->name);
    return nearest.name;
}

void xt_table_names(const xt_table *table, xt_buf *out)
{
    for (size_t i = 0; i < table->n_rows; i++)
        xt_buf_printf(out, "%s%s", i ? ", " : "", xt_table_at(table, i)->name);
}

enum { MAX_NAME = 63 };

static unsigned char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned char)(c - 'A' + 'a');
    return c == '-' ? '_' : (unsigned char)c;
}

/* Optimal string alignment: three rows of the dynamic programme. */
size_t xt_edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_NAME || m > MAX_NAME)
        return MAX_NAME + 1;
    size_t rows[3][MAX_NAME + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = last[j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
            if (last[j] + 1 < cost)
                cost = last[j] + 1;
            if (now[j - 1] + 1 < cost)
                cost = now[j - 1] + 1;
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < cost)
                cost = before[j - 2] + 1;
            now[j] = cost;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

void xt_nearest_offer(xt_nearest *nearest, const char *name)
{
    size_t n = strlen(nearest->typed), distance = xt_edit_distance(nearest->typed, name);
    size_t most = n <= 3 ? 1 : n <= 6 ? 2 : 3;
    if (distance > most || distance >= n || (nearest->name && distance >= nearest->distance))
        return;
    nearest->name = name;
    nearest->distance = distance;
}

bool xt_range_holds(const xt_range *range, double value)
{
    return (range->min_open ? value > range->min : value >= range->min) &&
           (range->max_open ? value < range->max : value <= range->max);
}

void xt_range_describe(const xt_range *range, const char *noun, xt_buf *out)
{
    bool low = isfinite(range->min), high = isfinite(range->max);
    xt_buf_puts(out, noun);
    if (low && high && !range->min_open && !range->max_open) {
        xt_buf_printf(out, " from %.10g to %.10g", range->min, range->max);
        return;
    }
    if (low)
        xt_buf_printf(out, " %s %.10g", range->min_open ? "greater than" : "of at least", range->min);
    if (low && high)
        xt_buf_puts(out, " and");
    if (high)
        xt_buf_printf(out, " %s %.10g", range->max_open ? "less than" : "at most", range->max);
}

const xt_kind *xt_kind_at(const xt_table *table, int index)
{
    assert(index >= 0);
    return (const xt_kind *)(const void *)xt_table_at(table, (size_t)index);
}

xt_choice xt_choose(const xt_table *table, const char *name)
{
    xt_choice choice = {.kind = xt_table_find(table, name)};
    const xt_kind *kind = xt_kind_at(table, choice.kind);
    for (size_t i = 0; kind->params[i].name; i++) {
        choice.values[i] = kind->params[i].def;
        if (kind->params[i].type == XT_PARAM_TEXT)
            choice.text = kind->params[i].def_text;
    }
    return choice;
}
