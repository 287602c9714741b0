/* cache.h: compiled programs, and how a device was tuned, in a directory of
 * xortrain's own, bytes by key.
 *
 * An entry is a file named after its key: a header and what the driver gave.
 * What is not as it was written is not there: it is compiled again and
 * replaced. Any number of processes may use the directory at once. Its bytes
 * are run, so it must be the user's own and closed to the writing of others. */
#ifndef XT_OCL_CACHE_H
#define XT_OCL_CACHE_H

#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    XT_CACHE_FORMAT = 1,             /* of the files, and part of every key */
    XT_CACHE_HEADER_BYTES = 88,
    XT_CACHE_MAX_ENTRY = 64 << 20,   /* bytes of one program; more is not kept */
    XT_CACHE_MAX_BYTES = 256 << 20,  /* of all entries; then those go that were not used for longest */
    XT_CACHE_TOUCH_SECONDS = 86400,  /* the use of an entry is noted once a day */
    XT_CACHE_LEFTOVER_SECONDS = 3600 /* what a killed process was writing is removed after that */
};

typedef struct xt_cache xt_cache;

/* --no-cache: caches opened from now on are NULL. Said once, before there are threads. */
void xt_cache_forbid(void);

/* The user's cache: $XORTRAIN_CACHE_DIR, else $XDG_CACHE_HOME/xortrain, else
 * $HOME/.cache/xortrain, made where it is missing. NULL where there is none:
 * told with -v, or as a warning where the user named the directory. */
xt_cache *xt_cache_open(void);
/* A directory by its path, for at most max_bytes. */
xt_status xt_cache_open_at(const char *path, uint64_t max_bytes, xt_cache **out, xt_err *err);
/* NULL-safe; sets *cache to NULL. */
void xt_cache_close(xt_cache **cache);

/* Plain data, zeroed where nothing was read. */
typedef struct xt_cache_entry {
    const unsigned char *bytes; /* the program, inside memory */
    size_t n_bytes;
    void *memory;
} xt_cache_entry;

/* The entry of a key, when it is there and whole; else XT_FAILED says why not. */
xt_status xt_cache_read(const xt_cache *cache, const char *key, xt_cache_entry *out, xt_err *err);
void xt_cache_entry_clear(xt_cache_entry *entry);
/* Whether there is no such entry; one that is damaged is there. */
bool xt_cache_lacks(const xt_cache *cache, const char *key);
/* Whether xt_cache_read would succeed. */
bool xt_cache_has(const xt_cache *cache, const char *key);
/* Puts the entry there in one step, in place of one that is there, and then
 * holds the directory to its size. On failure nothing is left of it. */
xt_status xt_cache_write(const xt_cache *cache, const char *key, const void *bytes, size_t n_bytes, xt_err *err);

/* The header of a program with that key. key has 32 hexadecimal digits. */
void xt_cache_make_header(const char *key, const void *bytes, size_t n_bytes,
                          unsigned char header[XT_CACHE_HEADER_BYTES]);
/* The program in a file of n_file bytes, when the file is whole and the key's:
 * *n_bytes bytes after the header. XT_FAILED says what is wrong. */
xt_status xt_cache_parse(const char *key, const void *file, size_t n_file, size_t *n_bytes, xt_err *err);

#endif
