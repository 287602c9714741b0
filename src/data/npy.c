/* The header is a Python dict of three entries as text. It is read by the grammar
 * that numpy.save writes, in any order of the entries, and by no more of Python. */
#include "data/npy.h"

#include "data/problems.h"
#include "data/values.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC_BYTES = 6,
    MAX_PREAMBLE_BYTES = 12,
    MAX_HEADER_BYTES = 65536, /* NumPy's own limit is 10000 */
    MAX_DESCR_BYTES = 64,
};

static const unsigned char magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct header {
    const char *name;
    char *text; /* n bytes and a NUL */
    size_t n, at;
    size_t start; /* of the text in the file */
    char descr[MAX_DESCR_BYTES + 1];
    size_t descr_at;
    bool has_descr, has_order, has_shape;
    xt_layout layout;
} header;

static xt_status fail(const header *self, size_t at, const char *what, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: %s", self->name, self->start + at, what);
}

static xt_status expected(const header *self, const char *what, xt_err *err)
{
    if (self->at == self->n)
        return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: expected %s, found the end of the header", self->name,
                       self->start + self->at, what);
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: expected %s, found %s", self->name, self->start + self->at, what,
                   xt_show(self->text + self->at).text);
}

/* ---- tokens ---- */

static void skip_blanks(header *self)
{
    self->at += strspn(self->text + self->at, " \t\r\n");
}

/* Whether what comes next, after blanks, is this text; then it is taken. */
static bool take(header *self, const char *text)
{
    skip_blanks(self);
    size_t n = strlen(text);
    if (strncmp(self->text + self->at, text, n) != 0)
        return false;
    self->at += n;
    return true;
}

/* A string in quotes of either kind. */
static xt_status take_string(header *self, const char *what, char *out, size_t room, xt_err *err)
{
    skip_blanks(self);
    char quote = self->text[self->at];
    if (quote != '\'' && quote != '"')
        return expected(self, what, err);
    const char *text = self->text + self->at + 1, *end = strchr(text, quote);
    size_t n = end ? (size_t)(end - text) : room;
    if (n >= room || memchr(text, '\\', n))
        return expected(self, what, err);
    memcpy(out, text, n);
    out[n] = '\0';
    self->at += n + 2;
    return XT_OK;
}

static xt_status take_dim(header *self, uint64_t *out, xt_err *err)
{
    skip_blanks(self);
    uint64_t value = 0;
    size_t first = self->at;
    if (self->text[first] == '-')
        return fail(self, first, "a negative dimension", err);
    for (; isdigit((unsigned char)self->text[self->at]); self->at++) {
        unsigned digit = (unsigned)(self->text[self->at] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return fail(self, first, "the dimensions are larger than any memory", err);
        value = 10 * value + digit;
    }
    if (self->at == first)
        return expected(self, "a dimension", err);
    take(self, "L"); /* Python 2 wrote it */
    *out = value;
    return XT_OK;
}

/* ---- the three entries ---- */

static xt_status take_descr(header *self, xt_err *err)
{
    skip_blanks(self);
    self->descr_at = self->at;
    if (self->text[self->at] == '[' || self->text[self->at] == '(')
        return fail(self, self->at, "a structured array: save its numbers as an array of one type", err);
    return take_string(self, "a type such as '<f4'", self->descr, sizeof self->descr, err);
}

static xt_status take_order(header *self, xt_err *err)
{
    self->layout.fortran = take(self, "True");
    return self->layout.fortran || take(self, "False") ? XT_OK : expected(self, "True or False", err);
}

/* (), (3,), (3, 4), (3, 4,) but not (3). */
static xt_status take_shape(header *self, xt_err *err)
{
    if (!take(self, "("))
        return expected(self, "a shape such as (3, 4)", err);
    self->layout.dims_at = self->start + self->at - 1;
    size_t n = 0;
    bool comma = false;
    while (!take(self, ")")) {
        if (n && !comma)
            return expected(self, "',' or ')'", err);
        if (n == XT_MAX_DIMS)
            return fail(self, self->at, "more than 64 dimensions", err);
        xt_status status = take_dim(self, &self->layout.dims[n], err);
        if (status)
            return status;
        n++;
        comma = take(self, ",");
    }
    if (n == 1 && !comma)
        return fail(self, self->at - 1, "expected ',' behind a single dimension", err);
    if (!n)
        return fail(self, self->at - 2, "a single number without dimensions: expected rows", err);
    self->layout.n_dims = n;
    return XT_OK;
}

static xt_status take_entry(header *self, xt_err *err)
{
    const struct {
        const char *key;
        bool *seen;
        xt_status (*take)(header *self, xt_err *err);
    } entries[] = {{"descr", &self->has_descr, take_descr},
                   {"fortran_order", &self->has_order, take_order},
                   {"shape", &self->has_shape, take_shape}};
    char key[16];
    skip_blanks(self);
    size_t key_at = self->at;
    xt_status status = take_string(self, "'descr', 'fortran_order' or 'shape'", key, sizeof key, err);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (strcmp(entries[i].key, key) != 0)
            continue;
        if (*entries[i].seen)
            return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: '%s' is there twice", self->name, self->start + key_at, key);
        *entries[i].seen = true;
        return take(self, ":") ? entries[i].take(self, err) : expected(self, "':'", err);
    }
    self->at = key_at;
    return expected(self, "'descr', 'fortran_order' or 'shape'", err);
}

static xt_status take_dict(header *self, xt_err *err)
{
    if (!take(self, "{"))
        return expected(self, "a header that begins with '{'", err);
    bool first = true, comma = false;
    while (!take(self, "}")) {
        if (!first && !comma)
            return expected(self, "',' or '}'", err);
        xt_status status = take_entry(self, err);
        if (status)
            return status;
        first = false;
        comma = take(self, ",");
    }
    size_t end = self->at - 1;
    skip_blanks(self);
    if (self->at < self->n)
        return expected(self, "blanks behind the header", err);
    if (self->has_descr && self->has_order && self->has_shape)
        return XT_OK;
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: the header lacks '%s'", self->name, self->start + end,
                   !self->has_descr   ? "descr"
                   : !self->has_order ? "fortran_order"
                                      : "shape");
}

/* ---- the type ---- */

/* What NumPy has beyond real numbers, by its letter. */
static const struct {
    char letter;
    const char *what;
} others[] = {
    {'O', "object arrays are Python pickles: save it as numbers"},
    {'c', "complex numbers: save their parts as columns"},
    {'S', "an array of text: save it as numbers"},
    {'a', "an array of text: save it as numbers"},
    {'U', "an array of text: save it as numbers"},
    {'M', "dates and times: save them as numbers"},
    {'m', "spans of time: save them as numbers"},
    {'V', "structures or raw bytes: save it as numbers"},
};

static xt_status resolve_descr(header *self, xt_err *err)
{
    const char *descr = self->descr;
    bool has_order = *descr && strchr("<>=|", *descr);
    const char *type = descr + has_order;
    int found = has_order ? xt_number_type_find(type) : -1;
    if (found >= 0) {
        self->layout.type = (xt_number_type)found;
        /* '=' and '|' leave the order to the machine. */
        self->layout.big_endian = *descr == '>' || (*descr != '<' && xt_machine_is_big_endian());
        return XT_OK;
    }
    const char *what = "expected a type such as '<f4'";
    if (strcmp(type, "f16") == 0 || strcmp(type, "f12") == 0)
        what = "long double, which differs from machine to machine: save it as float64";
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].letter == type[0])
            what = others[i].what;
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: type %s: %s", self->name, self->start + self->descr_at,
                   xt_show(descr).text, what);
}

/* ---- the file ---- */

static xt_status fail_short(const xt_input *input, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: the file ends within the header", input->name, input->n_read);
}

/* Magic number, version, and the length of the header's text. */
static xt_status read_preamble(xt_input *input, size_t *n_text, xt_err *err)
{
    unsigned char bytes[MAX_PREAMBLE_BYTES];
    size_t n = 0, n_version = MAGIC_BYTES + 2;
    xt_status status = xt_input_read_whole(input, bytes, n_version, &n, err);
    if (status)
        return status;
    if (!n)
        return xt_fail(err, XT_BAD_DATA, "%s: byte 0: the file is empty", input->name);
    if (memcmp(bytes, magic, n < MAGIC_BYTES ? n : MAGIC_BYTES) != 0)
        return xt_fail(err, XT_BAD_DATA, "%s: byte 0: not an NPY file: expected 93 and the letters NUMPY", input->name);
    if (n < n_version)
        return fail_short(input, err);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7])
        return xt_fail(err, XT_BAD_DATA, "%s: byte 6: expected version 1.0, 2.0 or 3.0 of the format, found %d.%d",
                       input->name, bytes[6], bytes[7]);
    size_t n_length = bytes[6] == 1 ? 2 : 4;
    status = xt_input_read_whole(input, bytes, n_length, &n, err);
    if (status)
        return status;
    if (n < n_length)
        return fail_short(input, err);
    *n_text = 0;
    while (n_length)
        *n_text = *n_text << 8 | bytes[--n_length];
    if (*n_text > MAX_HEADER_BYTES)
        return xt_fail(err, XT_BAD_DATA, "%s: byte %d: a header of %zu bytes; at most %d", input->name, MAGIC_BYTES + 2,
                       *n_text, MAX_HEADER_BYTES);
    return XT_OK;
}

static xt_status read_header(xt_input *input, header *self, xt_err *err)
{
    xt_status status = read_preamble(input, &self->n, err);
    if (status)
        return status;
    self->start = input->n_read;
    self->text = malloc(self->n + 1);
    if (!self->text)
        return xt_fail_memory(err, input->name, self->n + 1);
    size_t n = 0;
    status = xt_input_read_whole(input, self->text, self->n, &n, err);
    if (status)
        return status;
    if (n < self->n)
        return xt_fail(err, XT_BAD_DATA, "%s: byte %d: a header of %zu bytes, the file has %zu", input->name,
                       MAGIC_BYTES + 2, self->n, n);
    self->text[n] = '\0';
    status = take_dict(self, err);
    return status ? status : resolve_descr(self, err);
}

xt_status xt_npy_read(xt_input *input, xt_array *out, xt_err *err)
{
    header self = {.name = input->name};
    xt_status status = read_header(input, &self, err);
    if (!status)
        status = xt_values_read(input, &self.layout, out, err);
    free(self.text);
    return status;
}
