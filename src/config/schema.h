/* schema.h: the one table of everything that can be configured.
 *
 * A row (xt_field) says a key's name, type, place in its struct, default (as a
 * user would type it), range or names, and help. Parsing with its messages,
 * defaults, --set, printing and docs/CONFIG.md all walk the same rows: a new
 * key is one row. A type is a row of three functions: decode (tree to struct),
 * encode (struct to tree) and describe (in words). */
#ifndef XT_CONFIG_SCHEMA_H
#define XT_CONFIG_SCHEMA_H

#include "config/diag.h"
#include "config/sweep.h"
#include "model/spec.h"

#include <stddef.h>

enum { XT_MAX_KEYS = 1000 };

typedef struct xt_field xt_field;

/* What decoding and encoding share: a walk over the rows. */
struct xt_walk {
    xt_diags *diags;
    xt_arena *arena;
    char path[256]; /* "model.layers.0.units", of where the walk is */
    bool failed;    /* encode: out of memory */
};

typedef struct xt_type {
    /* Reads node into the field's place `at`, or tells diags what is wrong. */
    void (*decode)(xt_walk *walk, const xt_field *field, const xt_node *node, void *at);
    /* The value as a tree, its leaves placed where `given` (what was read, NULL:
     * a default) came from; NULL when the key should not be printed. */
    const xt_node *(*encode)(xt_walk *walk, const xt_field *field, const void *at, const xt_node *given);
    /* "a number greater than 0", for messages and documentation. */
    void (*describe)(const xt_field *field, xt_buf *out);
} xt_type;

struct xt_field {
    const char *name; /* NULL ends a table of fields */
    const xt_type *type;
    size_t offset;       /* in the struct that holds it; a section has its holder's */
    size_t count_offset; /* of a list: where its size_t length goes */
    const char *def;     /* default as typed; NULL: none */
    const char *help;
    bool required;
    const char *needs;   /* a key beside it without which it means nothing */
    xt_range range;      /* of numbers */
    const xt_table *table;       /* of names and kinds */
    const xt_field *fields;      /* of sections and lists of sections */
    size_t item_bytes, max_items; /* of lists */
    /* What is wrong with a value that decoded, or NULL. May be NULL. */
    const char *(*check)(const void *at);
    bool optional_kind;  /* `auto` means: not chosen (kind -1); not printed when def is NULL */
    float unset;         /* of xt_type_float without a default: what it is where it is not given */
    const char *short_form; /* of a section: the key that a scalar alone stands for; NULL: none, of a kind type */
    bool optional;       /* of a section: where it is not given its fields have no defaults either */
    const char *lent_with; /* of xt_type_source: what data.train says of it goes for the other parts too,
                              where both have this key */
    /* After all fields of a section: what no single field can check. May be NULL. */
    void (*finish)(xt_walk *walk, const xt_node *node, void *at);
};

/* types.c */
extern const xt_type xt_type_name_text; /* const char *: a name that can stand in a path */
extern const xt_type xt_type_template;  /* const char *: a path with {name}, {seed}, {hash} */
extern const xt_type xt_type_path;      /* const char *: an input file, "-": standard input */
extern const xt_type xt_type_device;    /* const char *: base/request.h */
extern const xt_type xt_type_text;      /* const char *: any text */
extern const xt_type xt_type_texts;     /* const char *const *, a list of texts, every one once */
extern const xt_type xt_type_bool;      /* bool */
extern const xt_type xt_type_uint32;    /* uint32_t in range; range.min 0 with def "auto": 0 is `auto` */
extern const xt_type xt_type_uint64;    /* uint64_t up to INT64_MAX, what JSON readers take */
extern const xt_type xt_type_float;     /* float in range */
extern const xt_type xt_type_character; /* char */
extern const xt_type xt_type_names;     /* an enum: the row's index in table */
/* sections.c */
extern const xt_type xt_type_section;   /* the fields, in the same or an embedded struct */
extern const xt_type xt_type_sections;  /* a list of structs */
extern const xt_type xt_type_columns;   /* xt_columns: names or indices */
extern const xt_type xt_type_values;    /* xt_values: columns of a file, or rows of numbers */
/* kinds.c */
extern const xt_type xt_type_kind;      /* xt_choice of table */
extern const xt_type xt_type_kinds;     /* a list of xt_choice; one may stand alone */
/* schema_data.c */
extern const xt_type xt_type_source;    /* xt_draft: a section that a part of the data is */
/* limits.c */
extern const xt_type xt_type_limits;    /* const xt_limit *: a mapping of columns to {below: x} or {above: x} */

/* sweep.c */
extern const xt_type xt_type_parameters; /* const xt_swept *, a mapping of keys to what they take */

/* What `inputs` and `targets` hold until it is known whether there is a file. */
typedef struct xt_values {
    const xt_node *node;
    bool columns; /* there is one: columns, not rows */
} xt_values;

/* A part of the data while it is read. */
typedef struct xt_draft {
    const xt_node *node; /* as written, with what data.train lends; NULL: not given */
    xt_part part;        /* data.train's is a source alone */
    xt_values inputs, targets;
} xt_draft;

/* The decoded root: a spec and what is resolved into it at the end. */
typedef struct xt_root {
    xt_spec spec;
    xt_draft train, validation, test;
    xt_choice weight, bias; /* model.init's; kind -1: by the activation */
    float dropout, l1, l2;  /* of layers that say nothing: negative */
    xt_sweep sweep;
} xt_root;

/* offsetof, which does not compile when the member has another type. */
#define XT_AT(holder, member, member_type) \
    (offsetof(holder, member) + 0 * sizeof(_Generic(((holder *)0)->member, member_type: 'x')))
#define XT_ROOT(member, member_type) .offset = XT_AT(xt_root, member, member_type)
#define XT_WHOLE(low, high) {.min = (low), .max = (high)}

/* The sections of the root, an xt_field table, those of `data`, and the keys of `sweep`. */
extern const xt_field xt_schema[];
extern const xt_field xt_schema_data[];
extern const xt_field xt_schema_sweep[];
/* The root as a field, for walks that go down from it. */
extern const xt_field xt_schema_root;

/* Moves what was read of the data into the spec. */
void xt_publish_data(xt_root *root);
/* What the parts of `data` may not be together; an xt_field's finish. */
void xt_finish_data(xt_walk *walk, const xt_node *node, void *at);
/* What the keys of `sweep` may not be together; likewise. */
void xt_finish_sweep(xt_walk *walk, const xt_node *node, void *at);
/* rules.c: defaults that depend on other keys, and what no single section can
 * check. The tree has decoded into root without a complaint. */
void xt_rules(xt_walk *walk, const xt_node *tree, xt_root *root);

/* The one name of a key that has two ("lr": "learning_rate"), also at the end of a dotted one; made in the arena where
 * it is not the key itself. NULL without memory. */
const char *xt_key_canonical(xt_arena *arena, const char *key);

/* ---- for the types ---- */

/* Adds "PATH: expected DESCRIPTION, found WHAT" with a hint where one helps. */
void xt_expected(xt_walk *walk, const xt_field *field, const xt_node *node);
/* What to write where true or false is expected but `yes` was written, or "". */
const char *xt_bool_hint(const char *text);
/* Adds "PATH: " and the text. */
void xt_complain(xt_walk *walk, xt_place place, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Goes down into a key; the value returned is for xt_walk_up. */
size_t xt_walk_down(xt_walk *walk, const char *key);
void xt_walk_up(xt_walk *walk, size_t before);

/* Decodes a mapping's keys through fields into base. node NULL: all defaults. */
void xt_decode_fields(xt_walk *walk, const xt_field *fields, const xt_node *node, xt_place place, void *base);
const xt_node *xt_encode_fields(xt_walk *walk, const xt_field *fields, const void *base, const xt_node *given);

/* Where a list field keeps its length; at is the field's place. */
static inline size_t *xt_count_at(const xt_field *field, void *at)
{
    return (size_t *)(void *)((char *)at - field->offset + field->count_offset);
}
static inline size_t xt_count_of(const xt_field *field, const void *at)
{
    return *(const size_t *)(const void *)((const char *)at - field->offset + field->count_offset);
}

/* Whether its fields stand in one mapping: not in a list of them. */
static inline bool xt_is_section(const xt_field *field)
{
    return field->fields && field->type != &xt_type_sections;
}
/* The field that a key of this one's mapping has (field: section), or NULL. */
const xt_field *xt_field_find(const xt_field *fields, const char *name);

/* Scalars for encode: placed where given came from. NULL sets walk->failed. */
const xt_node *xt_encode_text(xt_walk *walk, const char *text, xt_scalar_kind kind, const xt_node *given);

/* A list for encode, placed likewise; items that are NULL make it NULL. */
const xt_node *xt_encode_list(xt_walk *walk, const xt_node *const *items, size_t n, const xt_node *given);
/* Memory for n items; complains and returns NULL when there is none. */
void *xt_decode_alloc(xt_walk *walk, size_t n, size_t bytes);
/* Goes down into element `index` of a list. */
size_t xt_walk_down_index(xt_walk *walk, size_t index);

/* The values as columns, or as rows of numbers; the walk is at their key. They
 * complain and leave the out-parameters untouched. */
void xt_values_columns(xt_walk *walk, const xt_values *values, xt_columns *out);
void xt_values_rows(xt_walk *walk, const xt_values *values, size_t *n_rows, size_t *n_columns, const float **out);

/* One kind (base/table.h) from a name or a mapping with `type`. */
void xt_decode_kind(xt_walk *walk, const xt_field *field, const xt_node *node, xt_choice *out);
/* Appends what a parameter of a kind may be: "a number greater than 0". */
void xt_describe_param(const xt_param *param, xt_buf *out);
const xt_node *xt_encode_kind(xt_walk *walk, const xt_field *field, const xt_choice *choice, const xt_node *given);

#endif
