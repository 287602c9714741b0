#include "data/texts.h"

#include "data/problems.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a. */
static size_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t *slot_of(const xt_texts *values, const char *text)
{
    size_t at = hash_text(text) & (values->n_slots - 1);
    while (values->slots[at] && strcmp(values->at[values->slots[at] - 1].text, text) != 0)
        at = (at + 1) & (values->n_slots - 1);
    return values->slots + at;
}

long xt_texts_find(const xt_texts *values, const char *text)
{
    return values->n_slots ? (long)*slot_of(values, text) - 1 : XT_NO_TEXT;
}

static xt_status grow(xt_texts *values, xt_err *err)
{
    size_t cap = values->cap ? 2 * values->cap : 16, n_slots = 2 * cap;
    xt_text *at = realloc(values->at, cap * sizeof *at);
    if (!at)
        return xt_fail_memory(err, "the values of a column", cap * sizeof *at);
    values->at = at;
    values->cap = cap;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return xt_fail_memory(err, "the values of a column", n_slots * sizeof *slots);
    free(values->slots);
    values->slots = slots;
    values->n_slots = n_slots;
    for (size_t i = 0; i < values->n; i++)
        *slot_of(values, at[i].text) = (uint32_t)i + 1;
    return XT_OK;
}

xt_status xt_texts_add(xt_texts *values, const char *text, size_t line, size_t column, xt_err *err)
{
    if (values->n == values->cap) {
        xt_status status = grow(values, err);
        if (status)
            return status;
    }
    const char *kept = xt_arena_strdup(&values->arena, text);
    if (!kept)
        return xt_fail_memory(err, "the values of a column", strlen(text));
    values->at[values->n] = (xt_text){kept, line, column};
    *slot_of(values, text) = (uint32_t)++values->n;
    return XT_OK;
}

xt_status xt_texts_close_with(xt_texts *values, const char *const *texts, size_t n, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < n; i++)
        status = xt_texts_add(values, texts[i], 0, 0, err);
    values->closed = true;
    return status;
}

static int compare(const void *left, const void *right)
{
    return strcmp(((const xt_text *)left)->text, ((const xt_text *)right)->text);
}

xt_status xt_texts_sort(xt_texts *values, const unsigned char *used, long *code, xt_err *err)
{
    size_t n = 0;
    xt_text *sorted = calloc(values->n + 1, sizeof *sorted);
    if (!sorted)
        return xt_fail_memory(err, "the values of a column", values->n * sizeof *sorted);
    for (size_t i = 0; i < values->n; i++) {
        code[i] = XT_NO_TEXT;
        if (!used || used[i])
            sorted[n++] = values->at[i];
    }
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++)
        code[xt_texts_find(values, sorted[i].text)] = (long)i;
    free(values->at);
    free(values->slots);
    values->at = sorted;
    values->n = n;
    values->slots = NULL;
    values->n_slots = values->cap = 0;
    return XT_OK;
}

void xt_texts_list(const xt_texts *values, xt_buf *out)
{
    size_t start = out->len;
    for (size_t i = 0; i < values->n && xt_show_item(values->at[i].text, i, values->n, start, out); i++)
        continue;
}

void xt_texts_clear(xt_texts *values)
{
    free(values->at);
    free(values->slots);
    xt_arena_clear(&values->arena);
    *values = (xt_texts){0};
}
