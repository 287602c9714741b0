/* arena.h: memory that is freed all at once.
 *
 * For trees and tables that live and die together: a parsed config, a data
 * set's names. Zero-initialise ({0}); allocations are zeroed and aligned for
 * any type; nothing is freed singly. */
#ifndef XT_BASE_ARENA_H
#define XT_BASE_ARENA_H

#include <stddef.h>

typedef struct xt_arena_block xt_arena_block;
typedef struct xt_arena {
    xt_arena_block *blocks; /* newest first */
    size_t n_bytes;         /* handed out in all */
} xt_arena;

/* n * bytes zeroed bytes, or NULL when there is no memory or the product overflows. */
void *xt_arena_alloc(xt_arena *arena, size_t n, size_t bytes);
/* A NUL-terminated copy of n bytes, or NULL. */
char *xt_arena_copy(xt_arena *arena, const char *text, size_t n);
char *xt_arena_strdup(xt_arena *arena, const char *text);
/* Frees everything; the arena is as new. */
void xt_arena_clear(xt_arena *arena);

#endif
