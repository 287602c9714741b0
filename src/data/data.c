#include "data/encode.h"
#include "data/load.h"

#include <stdlib.h>

static xt_status read_raw(const xt_wanted *wanted, xt_input *input, xt_raw *out, xt_err *err)
{
    return input ? xt_raw_read_input(wanted, input, out, err) : xt_raw_read(wanted, out, err);
}

/* ---- rows under an encoding ---- */

/* spec NULL: not known. */
static xt_status load_like(const xt_source *source, xt_input *input, const xt_spec *spec, const xt_encoding *encoding,
                           xt_dataset *out, xt_err *err)
{
    xt_raw raw = {0};
    xt_status status = read_raw(&(xt_wanted){source, spec, encoding}, input, &raw, err);
    if (!status)
        status = xt_encode_rows(&raw, NULL, XT_PART_TRAIN, encoding, out, err);
    xt_raw_clear(&raw);
    return status;
}

xt_status xt_data_load_like_input(const xt_source *source, xt_input *input, const xt_encoding *encoding,
                                  xt_dataset *out, xt_err *err)
{
    return load_like(source, input, NULL, encoding, out, err);
}

xt_status xt_data_load_like(const xt_source *source, const xt_encoding *encoding, xt_dataset *out, xt_err *err)
{
    return load_like(source, NULL, NULL, encoding, out, err);
}

/* ---- parts ---- */

void xt_parts_clear(xt_parts *parts)
{
    xt_dataset_clear(&parts->train);
    xt_dataset_clear(&parts->validation);
    xt_dataset_clear(&parts->test);
    xt_arena_clear(&parts->arena);
    *parts = (xt_parts){0};
}

static xt_status split(const xt_spec *spec, const xt_raw *raw, const xt_encoding *encoding, unsigned char *part,
                       xt_err *err)
{
    uint32_t *class_of = NULL;
    if (encoding->n_classes) {
        class_of = malloc(raw->n_rows * sizeof *class_of);
        if (!class_of)
            return xt_fail_memory(err, "the classes of rows", raw->n_rows * sizeof *class_of);
        for (size_t i = 0; i < raw->n_rows; i++)
            class_of[i] = (uint32_t)raw->targets[i];
    }
    xt_status status = xt_split(spec, raw->n_rows, class_of, encoding->n_classes, part, err);
    free(class_of);
    return status;
}

/* A part that is a share of data.train's rows, or has rows of its own. */
static xt_status load_part(const xt_spec *spec, const xt_part *given, const xt_raw *raw, const unsigned char *part,
                           xt_part_code code, const xt_encoding *encoding, xt_dataset *out, xt_err *err)
{
    if (!given->given)
        return XT_OK;
    if (given->split > 0)
        return xt_encode_rows(raw, part, code, encoding, out, err);
    return load_like(&given->source, NULL, spec, encoding, out, err);
}

static xt_status fit(const xt_spec *spec, xt_raw *raw, unsigned char *part, xt_parts *parts, xt_encoding *encoding,
                     xt_err *err)
{
    xt_status status = xt_fit_targets(raw, spec, &parts->arena, encoding, err);
    if (!status)
        status = split(spec, raw, encoding, part, err);
    xt_column_facts *inputs = xt_arena_alloc(&parts->arena, raw->cells.n_inputs, sizeof *inputs);
    xt_column_facts *targets = xt_arena_alloc(&parts->arena, raw->cells.n_targets, sizeof *targets);
    if (!status && (!inputs || !targets))
        status = xt_fail_memory(err, "what the columns hold", 0);
    if (!status)
        status = xt_fit_inputs(raw, part, spec->train.missing, spec->normalize, &parts->arena, encoding, inputs, err);
    if (!status)
        status = xt_target_facts(raw, part, encoding, targets, err);
    if (!status)
        status = xt_encode_rows(raw, part, XT_PART_TRAIN, encoding, &parts->train, err);
    parts->train.input_facts = inputs;
    parts->train.target_facts = targets;
    return status;
}

static xt_status load_parts(const xt_spec *spec, xt_input *input, xt_parts *out, xt_err *err)
{
    xt_parts parts = {0};
    xt_raw raw = {0};
    xt_encoding *encoding = xt_arena_alloc(&parts.arena, 1, sizeof *encoding);
    unsigned char *part = NULL;
    xt_status status = encoding ? read_raw(&(xt_wanted){&spec->train, spec, NULL}, input, &raw, err)
                                : xt_fail_memory(err, "an encoding", sizeof *encoding);
    if (status)
        goto out;
    part = malloc(raw.n_rows);
    status = part ? fit(spec, &raw, part, &parts, encoding, err) : xt_fail_memory(err, "the split of rows", raw.n_rows);
    if (!status)
        status = load_part(spec, &spec->validation, &raw, part, XT_PART_VALIDATION, encoding, &parts.validation, err);
    if (!status)
        status = load_part(spec, &spec->test, &raw, part, XT_PART_TEST, encoding, &parts.test, err);
out:
    free(part);
    xt_raw_clear(&raw);
    if (status)
        xt_parts_clear(&parts);
    else
        *out = parts;
    return status;
}

xt_status xt_parts_load(const xt_spec *spec, xt_parts *out, xt_err *err)
{
    return load_parts(spec, NULL, out, err);
}

xt_status xt_parts_load_input(const xt_spec *spec, xt_input *input, xt_parts *out, xt_err *err)
{
    return load_parts(spec, input, out, err);
}
