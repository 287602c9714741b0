#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct xt_arena_block {
    xt_arena_block *next;
    size_t used, cap;
    alignas(max_align_t) unsigned char bytes[];
};

void *xt_arena_alloc(xt_arena *arena, size_t n, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes && n > (SIZE_MAX / 4) / bytes)
        return NULL;
    size_t need = (n * bytes + align - 1) / align * align;
    if (!need)
        need = align;
    xt_arena_block *block = arena->blocks;
    if (!block || block->cap - block->used < need) {
        size_t cap = need > 8192 ? need : 8192;
        block = calloc(1, sizeof *block + cap);
        if (!block)
            return NULL;
        block->cap = cap;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *at = block->bytes + block->used;
    block->used += need;
    arena->n_bytes += need;
    return at;
}

char *xt_arena_copy(xt_arena *arena, const char *text, size_t n)
{
    char *copy = xt_arena_alloc(arena, n + 1, 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

char *xt_arena_strdup(xt_arena *arena, const char *text)
{
    return xt_arena_copy(arena, text, strlen(text));
}

void xt_arena_clear(xt_arena *arena)
{
    for (xt_arena_block *block = arena->blocks; block;) {
        xt_arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (xt_arena){0};
}
