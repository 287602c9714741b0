#include "data/split.h"

#include "base/number.h"
#include "model/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct splitter {
    size_t n_rows, n_classes; /* 1 class where there are none, or they do not matter */
    const uint32_t *class_of; /* NULL: all are of class 0 */
    const uint32_t *order;
    unsigned char *part;
    size_t n_left;   /* rows that are in no part yet */
    size_t *left;    /* the same of each class */
    size_t *quota;   /* rows of each class that the part gets */
    uint64_t *spare; /* remainders of each class */
} splitter;

/* 0.7 of a config is not the float nearest to it, which is a little less. */
static double as_written(float share)
{
    char text[XT_NUMBER_BYTES];
    double value = (double)share;
    xt_number_print(share, text);
    xt_number_double(text, strlen(text), &value);
    return value;
}

static size_t class_at(const splitter *self, size_t row)
{
    return self->class_of ? self->class_of[row] : 0;
}

/* quota: n rows of those left, each class by its share, by the largest remainder. */
static void share_out(splitter *self, size_t n)
{
    size_t given = 0;
    for (size_t i = 0; i < self->n_classes; i++) {
        uint64_t product = (uint64_t)n * self->left[i]; /* both fit 32 bits */
        self->quota[i] = (size_t)(product / self->n_left);
        self->spare[i] = product % self->n_left;
        given += self->quota[i];
    }
    for (; given < n; given++) {
        size_t most = 0;
        for (size_t i = 1; i < self->n_classes; i++)
            if (self->spare[i] > self->spare[most])
                most = i;
        self->quota[most]++;
        self->spare[most] = 0;
    }
}

static void take(splitter *self, size_t n, bool stratify, xt_part_code code)
{
    if (stratify)
        share_out(self, n);
    for (size_t i = 0; i < self->n_rows && n; i++) {
        size_t row = self->order[i], c = class_at(self, row);
        if (self->part[row] != XT_PART_TRAIN || (stratify && !self->quota[c]))
            continue;
        self->part[row] = (unsigned char)code;
        self->quota[c] -= stratify;
        self->left[c]--;
        self->n_left--;
        n--;
    }
}

/* Rows of the part; 0 where it is none of these. */
static size_t part_rows(const xt_part *part, size_t n_rows)
{
    if (!part->given || !(part->split > 0))
        return 0;
    size_t n = (size_t)floor(as_written(part->split) * (double)n_rows + 0.5);
    return n ? n : 1;
}

static xt_status check(const xt_part *part, const char *key, const splitter *self, size_t n, size_t n_both, xt_err *err)
{
    if (n && n_both >= self->n_rows)
        return xt_fail(err, XT_BAD_CONFIG, "data.%s.split: no row is left to train on: the split takes %zu of %zu row%s",
                       key, n_both, self->n_rows, self->n_rows == 1 ? "" : "s");
    if (n && part->stratify && !self->class_of)
        return xt_fail(err, XT_BAD_CONFIG,
                       "data.%s.stratify: the rows have no classes to stratify by: the targets are numbers as they are",
                       key);
    return XT_OK;
}

xt_status xt_split(const xt_spec *spec, size_t n_rows, const uint32_t *class_of, size_t n_classes, unsigned char *part,
                   xt_err *err)
{
    splitter self = {.n_rows = n_rows, .n_classes = class_of ? n_classes : 1, .class_of = class_of, .part = part,
                     .n_left = n_rows};
    size_t n_test = part_rows(&spec->test, n_rows), n_validation = part_rows(&spec->validation, n_rows);
    memset(part, XT_PART_TRAIN, n_rows);
    if (!n_test && !n_validation)
        return XT_OK;
    xt_status status = check(&spec->test, "test", &self, n_test, n_test, err);
    if (!status)
        status = check(&spec->validation, "validation", &self, n_validation, n_test + n_validation, err);
    if (!status && n_rows > UINT32_MAX)
        status = xt_fail(err, XT_BAD_DATA, "%zu rows are too many to split: at most %u", n_rows, UINT32_MAX);
    if (status)
        return status;
    uint32_t *order = malloc(n_rows * sizeof *order);
    uint64_t *work = malloc(2 * n_rows * sizeof *work);
    self.left = calloc(self.n_classes, sizeof *self.left);
    self.quota = calloc(self.n_classes, sizeof *self.quota);
    self.spare = calloc(self.n_classes, sizeof *self.spare);
    if (order && work && self.left && self.quota && self.spare) {
        xt_permute(spec->seed, XT_FOLD_SPLIT, 0, n_rows, order, work);
        self.order = order;
        for (size_t i = 0; i < n_rows; i++)
            self.left[class_at(&self, i)]++;
        take(&self, n_test, spec->test.stratify, XT_PART_TEST);
        take(&self, n_validation, spec->validation.stratify, XT_PART_VALIDATION);
    } else {
        status = xt_fail_memory(err, "the split of rows", n_rows * (sizeof *order + 2 * sizeof *work));
    }
    free(order);
    free(work);
    free(self.left);
    free(self.quota);
    free(self.spare);
    return status;
}
