/* The values that a key of a sweep takes: read, and worked out one by one. */
#include "config/sweep.h"

#include "base/number.h"
#include "config/emit.h"
#include "config/schema.h"
#include "config/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- laws: a value by where it is between two bounds ---- */

struct xt_law {
    xt_row row;
    const char *params[2]; /* "min", "max" */
    bool whole;            /* whole numbers, each bound among them */
    bool positive;         /* the first is greater than 0 */
    double (*value)(double low, double high, double u, double v);
};

static double straight(double low, double high, double u, double v)
{
    (void)v;
    return low * (1 - u) + high * u;
}

static double geometric(double low, double high, double u, double v)
{
    return exp(straight(log(low), log(high), u, v));
}

static double bell(double mu, double sigma, double u, double v)
{
    const double turn = 6.283185307179586;
    return mu + sigma * sqrt(-2 * log1p(-u)) * cos(turn * v);
}

/* The distributions first: a mapping names them. */
static const xt_law laws[] = {
    {{"uniform", "{min, max}: any number between them is as likely as another"}, {"min", "max"}, false, false, straight},
    {{"log_uniform", "{min, max}: the logarithm is; the bounds are the values themselves, no exponents"},
     {"min", "max"}, false, true, geometric},
    {{"int_uniform", "{min, max}: any whole number from min to max is as likely as another"}, {"min", "max"}, true, false,
     straight},
    {{"int_log_uniform", "{min, max}: whole numbers, their logarithm as log_uniform has it"}, {"min", "max"}, true, true,
     geometric},
    {{"normal", "{mu, sigma}: mean and standard deviation; it has no bounds"}, {"mu", "sigma"}, false, false, bell},
    {{"linear", "values at equal distances"}, {"the first", "the last"}, false, false, straight},
    {{"log", "values at equal ratios"}, {"the first", "the last"}, false, true, geometric},
};

enum { N_DISTRIBUTIONS = 5, LONGEST_VALUE = 48 };
static const double MAX_WHOLE = 9007199254740992.0; /* up to it a double has every one */

const xt_table xt_distributions = {"distribution", laws, N_DISTRIBUTIONS, sizeof laws[0]};
static const xt_table rules = XT_TABLE("rule", laws);

static bool is_distribution(const xt_law *law)
{
    return law < laws + N_DISTRIBUTIONS;
}

static bool is_bounded(const xt_law *law)
{
    return law->value != bell;
}

const char *xt_domain_name(const xt_domain *domain)
{
    return domain->law->row.name;
}

bool xt_domain_is_bounded(const xt_domain *domain)
{
    return is_bounded(domain->law);
}

/* The nearest multiple of q within the bounds. */
static double multiple(const xt_domain *domain, double value)
{
    double q = domain->q, near = round(value / q) * q, slack = 1e-9 * q;
    if (!is_bounded(domain->law))
        return near;
    return near > domain->high + slack ? near - q : near < domain->low - slack ? near + q : near;
}

static double work_out(const xt_domain *domain, xt_pick pick)
{
    const xt_law *law = domain->law;
    double edge = law->whole ? 0.5 : 0;
    double value = law->value(domain->low - edge, domain->high + edge, pick.u, pick.v);
    if (law->whole)
        value = fmin(fmax(round(value), domain->low), domain->high);
    return domain->q > 0 ? multiple(domain, value) : value;
}

/* Where value `index` of n at equal distances is, from 0 to 1. */
static xt_pick spaced(const xt_domain *domain, xt_pick pick)
{
    if (domain->n)
        pick.u = (double)pick.index / (double)(domain->n - 1);
    return pick;
}

/* out has room for LONGEST_VALUE. */
static void print_value(const xt_domain *domain, xt_pick pick, char *out)
{
    char *end = out;
    double value = domain->law ? work_out(domain, pick) : 0;
    if (!domain->law) {
        end = xt_number_put_uint(end, domain->from + pick.index * domain->step);
    } else if (value == round(value) && fabs(value) <= MAX_WHOLE) {
        if (value < 0)
            *end++ = '-';
        end = xt_number_put_uint(end, (uint64_t)fabs(value));
    } else {
        end = xt_number_put(end, value, 9);
    }
    *end = '\0';
}

const xt_node *xt_domain_value(xt_arena *arena, const xt_domain *domain, xt_pick pick)
{
    char text[LONGEST_VALUE];
    if (domain->values)
        return domain->values[pick.index];
    pick = spaced(domain, pick);
    print_value(domain, pick, text);
    xt_place place = !domain->law     ? domain->node->place
                     : pick.u <= 0    ? domain->low_at
                     : pick.u >= 1    ? domain->high_at
                                      : domain->node->place;
    return xt_node_scalar(arena, text, XT_SCALAR_NUMBER, place);
}

void xt_domain_put(const xt_domain *domain, xt_pick pick, xt_buf *out)
{
    char text[LONGEST_VALUE];
    if (domain->values) {
        xt_emit_flow(domain->shown[pick.index], out);
        return;
    }
    print_value(domain, spaced(domain, pick), text);
    xt_buf_puts(out, text);
}

/* ---- values that are written out ---- */

enum { MAX_VALUE_DEPTH = XT_MAX_DEPTH - 8, MAX_KEY = 200, MAX_VALUES = 10000 };

/* What no key takes, and what could not be printed as it was read. */
static bool is_value(xt_walk *walk, const xt_node *node)
{
    bool fine = true;
    if (node->type == XT_NODE_SCALAR && !node->quoted && !*node->text) {
        xt_complain(walk, node->place, "expected a value, found nothing");
        return false;
    }
    if (node->depth > MAX_VALUE_DEPTH) {
        xt_complain(walk, node->place, "a value nested deeper than %d levels", MAX_VALUE_DEPTH);
        return false;
    }
    for (size_t i = 0; node->type == XT_NODE_LIST && i < node->n; i++)
        fine &= is_value(walk, node->items[i]);
    for (size_t i = 0; node->type == XT_NODE_MAP && i < node->n; i++) {
        const xt_entry *entry = &node->entries[i];
        if (strlen(entry->key) > MAX_KEY)
            xt_complain(walk, entry->place, "a key of more than %d characters", MAX_KEY);
        fine &= strlen(entry->key) <= MAX_KEY && is_value(walk, entry->value);
    }
    return fine;
}

/* The key knows what a scalar is; to other readers of the printed text it is what it looks like. */
static const xt_node *typed_scalar(xt_walk *walk, const xt_node *node)
{
    char text[XT_NUMBER_BYTES];
    uint64_t whole;
    double real;
    if (node->quoted)
        return xt_encode_text(walk, node->text, XT_SCALAR_TEXT, node);
    if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)
        return xt_encode_text(walk, node->text, XT_SCALAR_BOOL, node);
    if (xt_number_uint(node->text, &whole) == XT_NUMBER_OK && whole <= INT64_MAX)
        *xt_number_put_uint(text, whole) = '\0';
    else if (xt_number_double(node->text, strlen(node->text), &real) == XT_NUMBER_OK)
        xt_number_print_double(real, text);
    else
        return xt_encode_text(walk, node->text, XT_SCALAR_TEXT, node);
    return xt_encode_text(walk, text, XT_SCALAR_NUMBER, node);
}

static const xt_node *typed(xt_walk *walk, const xt_node *node)
{
    if (node->type == XT_NODE_SCALAR)
        return typed_scalar(walk, node);
    bool map = node->type == XT_NODE_MAP;
    const xt_node **items = xt_arena_alloc(walk->arena, node->n, sizeof *items);
    xt_entry *entries = xt_arena_alloc(walk->arena, node->n, sizeof *entries);
    walk->failed |= !items || !entries;
    for (size_t i = 0; i < node->n && !walk->failed; i++) {
        items[i] = typed(walk, map ? node->entries[i].value : node->items[i]);
        entries[i] = map ? (xt_entry){node->entries[i].key, node->entries[i].place, items[i]} : (xt_entry){0};
    }
    const xt_node *copy = walk->failed ? NULL
                          : map        ? xt_node_map(walk->arena, entries, node->n, node->place)
                                       : xt_node_list(walk->arena, items, node->n, node->place);
    walk->failed |= !copy;
    return copy;
}

/* n values; each is there as it was written and as it is printed. */
static void keep_values(xt_walk *walk, const xt_node *const *values, size_t n, xt_place place, xt_domain *out)
{
    if (n > MAX_VALUES) {
        xt_complain(walk, place, "more than %d values; many numbers are A..B or linear(A, B, how many)", MAX_VALUES);
        return;
    }
    const xt_node **shown = xt_decode_alloc(walk, n, sizeof *shown);
    bool fine = shown != NULL;
    if (!n)
        xt_complain(walk, place, "expected at least one value, found an empty list");
    for (size_t i = 0; shown && i < n; i++) {
        if (!is_value(walk, values[i]))
            fine = false;
        else if (!(shown[i] = typed(walk, values[i])))
            xt_diag_memory(walk->diags);
    }
    if (!n || !fine)
        return;
    out->values = values;
    out->shown = shown;
    out->n = n;
}

static void keep_one(xt_walk *walk, const xt_node *value, xt_domain *out)
{
    const xt_node **values = xt_decode_alloc(walk, 1, sizeof *values);
    if (!values)
        return;
    values[0] = value;
    keep_values(walk, values, 1, value->place, out);
}

/* ---- bounds ---- */

static void complain_number(xt_walk *walk, const xt_law *law, const char *param, const char *want, const char *found,
                            xt_place place)
{
    double real;
    xt_buf hint = {0};
    if (law->positive && xt_number_double(found, strlen(found), &real) == XT_NUMBER_OK && real < 0)
        xt_buf_printf(&hint, "; for exponents of e: exp(%.20s) is %.3g", found, exp(real));
    xt_complain(walk, place, "%s of %s: expected %s, found '%.60s'%s", param, law->row.name, want, found,
                xt_buf_text(&hint));
    xt_buf_clear(&hint);
}

static bool read_bound(xt_walk *walk, const xt_law *law, size_t which, const char *text, xt_place place, double *out)
{
    bool positive = law->positive && which == 0;
    const char *want = law->whole ? positive ? "a whole number greater than 0" : "a whole number"
                       : positive ? "a number greater than 0" : "a number";
    bool good = xt_number_double(text, strlen(text), out) == XT_NUMBER_OK && (!positive || *out > 0) &&
                (!law->whole || *out == round(*out));
    if (good && (!law->whole || fabs(*out) <= MAX_WHOLE))
        return true;
    want = good ? "at most 9007199254740992, up to which whole numbers are drawn" : want;
    complain_number(walk, law, law->params[which], want, text, place);
    return false;
}

/* What two good bounds may not be together. */
static bool check_bounds(xt_walk *walk, const xt_domain *domain)
{
    const xt_law *law = domain->law;
    bool bell_shaped = !is_bounded(law), ordered = is_distribution(law);
    double near = domain->q > 0 ? multiple(domain, domain->low) : 0, slack = 1e-9 * domain->q;
    if (bell_shaped && domain->high < 0)
        xt_complain(walk, domain->high_at, "sigma of normal: expected a number of at least 0, found %.9g", domain->high);
    else if (law->positive && domain->high <= 0)
        xt_complain(walk, domain->high_at, "%s of %s: expected a number greater than 0, found %.9g", law->params[1],
                    law->row.name, domain->high);
    else if (!bell_shaped && ordered && domain->low > domain->high)
        xt_complain(walk, domain->high_at, "max of %s: expected at least min, which is %.9g, found %.9g", law->row.name,
                    domain->low, domain->high);
    else if (!bell_shaped && domain->q > 0 && (near > domain->high + slack || near < domain->low - slack))
        xt_complain(walk, domain->node->place, "no multiple of q, which is %.9g, is between min and max", domain->q);
    else
        return true;
    return false;
}

/* ---- short forms: 0..99, log(1e-4, 0.1, 7), uniform(0, 1), a,b,c ---- */

enum { MAX_ARGS = 3, MAX_ARG = 64 };

/* The texts between commas, without blanks around them; their number, MAX_ARGS + 1: more or too long ones. */
static size_t split_args(const char *text, size_t n_bytes, char args[MAX_ARGS][MAX_ARG])
{
    size_t n = 0;
    for (const char *at = text, *end = text + n_bytes; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
        const char *next = stop + 1;
        while (at < stop && isspace((unsigned char)*at))
            at++;
        while (stop > at && isspace((unsigned char)stop[-1]))
            stop--;
        if (n == MAX_ARGS || stop - at >= MAX_ARG)
            return MAX_ARGS + 1;
        snprintf(args[n++], MAX_ARG, "%.*s", (int)(stop - at), at);
        at = next;
    }
    return n;
}

/* NAME(...): the length of NAME, 0 where the text is none. */
static size_t call_name(const char *text)
{
    size_t n = 0, len = strlen(text);
    while (isalpha((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n && text[n] == '(' && text[len - 1] == ')' ? n : 0;
}

static void complain_call(xt_walk *walk, const xt_node *node, const char *name)
{
    xt_buf names = {0};
    const char *near = xt_table_nearest(&rules, name);
    xt_table_names(&rules, &names);
    xt_complain(walk, node->place, "expected one of %s before '(', found '%.60s'%s%s", xt_buf_text(&names), name,
                near ? "; did you mean " : "", near ? near : "");
    xt_buf_clear(&names);
}

static void read_call(xt_walk *walk, const xt_node *node, size_t n_name, xt_domain *out)
{
    char args[MAX_ARGS][MAX_ARG], name[MAX_ARG];
    snprintf(name, sizeof name, "%.*s", (int)n_name, node->text);
    int index = xt_table_find(&rules, name);
    if (index < 0) {
        complain_call(walk, node, name);
        return;
    }
    xt_domain domain = {.node = node, .law = &laws[index], .low_at = node->place, .high_at = node->place};
    bool drawn = is_distribution(domain.law);
    size_t n = split_args(node->text + n_name + 1, strlen(node->text) - n_name - 2, args);
    if (n != (drawn ? 2u : 3u)) {
        xt_complain(walk, node->place, drawn ? "expected %s(%s, %s), found '%.60s'" : "expected %s(%s, %s, how many), found '%.60s'",
                    name, domain.law->params[0], domain.law->params[1], node->text);
        return;
    }
    if (!drawn && (xt_number_uint(args[2], &domain.n) != XT_NUMBER_OK || domain.n < 2 || domain.n > XT_MAX_TRIALS)) {
        xt_complain(walk, node->place, "%s: expected how many values, a whole number from 2 to %d, found '%.60s'", name,
                    XT_MAX_TRIALS, args[2]);
        return;
    }
    if (read_bound(walk, domain.law, 0, args[0], node->place, &domain.low) &&
        read_bound(walk, domain.law, 1, args[1], node->place, &domain.high) && check_bounds(walk, &domain))
        *out = domain;
}

/* A..B or A..B..STEP; the text begins like that. */
static void read_range(xt_walk *walk, const xt_node *node, xt_domain *out)
{
    char parts[3][MAX_ARG];
    uint64_t values[3] = {0, 0, 1};
    size_t n = 0;
    bool fine = true;
    for (const char *at = node->text; at && fine;) {
        const char *dots = strstr(at, "..");
        size_t length = dots ? (size_t)(dots - at) : strlen(at);
        fine = n < 3 && length < MAX_ARG;
        if (fine) {
            snprintf(parts[n], MAX_ARG, "%.*s", (int)length, at);
            fine = xt_number_uint(parts[n], &values[n]) == XT_NUMBER_OK && values[n] <= INT64_MAX;
            n++;
        }
        at = dots ? dots + 2 : NULL;
    }
    if (!fine || !values[2])
        xt_complain(walk, node->place, "expected A..B or A..B..STEP of whole numbers, found '%.60s'; for others there is "
                                       "linear(A, B, how many)", node->text);
    else if (values[1] < values[0])
        xt_complain(walk, node->place, "expected A..B upwards, found '%.60s'", node->text);
    else
        *out = (xt_domain){.node = node, .from = values[0], .step = values[2],
                           .n = (values[1] - values[0]) / values[2] + 1};
}

/* V1,V2,... is YAML between brackets; [V1, V2] or {distribution: ...} alone is what it is in a file. */
static void read_list(xt_walk *walk, const xt_node *node, xt_domain *out)
{
    xt_buf text = {0};
    const xt_node *list = NULL;
    xt_buf_printf(&text, "[%s]", node->text);
    const char *kept = text.failed ? NULL : xt_arena_copy(walk->arena, text.data, text.len);
    xt_buf_clear(&text);
    if (!kept)
        xt_diag_memory(walk->diags);
    else if (!xt_yaml_parse_at(walk->diags, node->place, kept, &list))
        return;
    else if (list->n == 1 && (list->items[0]->type == XT_NODE_LIST || xt_node_get(list->items[0], "distribution")))
        xt_domain_decode(walk, list->items[0], out);
    else
        keep_values(walk, list->items, list->n, node->place, out);
}

static void read_short(xt_walk *walk, const xt_node *node, xt_domain *out)
{
    size_t n_name = call_name(node->text);
    bool range = isdigit((unsigned char)node->text[0]) && strstr(node->text, "..") && !strchr(node->text, ',');
    if (n_name)
        read_call(walk, node, n_name, out);
    else if (range)
        read_range(walk, node, out);
    else
        read_list(walk, node, out);
}

/* ---- mappings ---- */

static void complain_key(xt_walk *walk, const xt_entry *entry, const char *const *known)
{
    xt_nearest nearest = {.typed = entry->key};
    xt_buf names = {0};
    for (; *known; known++) {
        xt_nearest_offer(&nearest, *known);
        xt_buf_printf(&names, "%s%s", names.len ? ", " : "", *known);
    }
    size_t before = xt_walk_down(walk, entry->key);
    xt_complain(walk, entry->place, nearest.name ? "unknown key; did you mean %s?" : "unknown key; known here: %s",
                nearest.name ? nearest.name : xt_buf_text(&names));
    xt_walk_up(walk, before);
    xt_buf_clear(&names);
}

static bool keys_are_of(xt_walk *walk, const xt_node *node, const char *const *known)
{
    bool fine = true;
    for (size_t i = 0; i < node->n; i++) {
        size_t k = 0;
        while (known[k] && strcmp(known[k], node->entries[i].key) != 0)
            k++;
        if (!known[k])
            complain_key(walk, &node->entries[i], known);
        fine &= known[k] != NULL;
    }
    return fine;
}

/* A number's text, "" where it is none. */
static const char *number_text(const xt_node *node)
{
    return node->type == XT_NODE_SCALAR && !node->quoted ? node->text : "";
}

static bool read_param(xt_walk *walk, const xt_domain *domain, const char *name, size_t which, double *out, xt_place *place)
{
    const xt_node *node = xt_node_get(domain->node, name);
    if (!node) {
        xt_complain(walk, domain->node->place, "missing: %s needs %s", domain->law->row.name, name);
        return false;
    }
    *place = node->place;
    return read_bound(walk, domain->law, which, number_text(node), node->place, out);
}

static void read_distribution(xt_walk *walk, const xt_node *node, xt_domain *out)
{
    static const xt_field named = {.type = &xt_type_names, .table = &xt_distributions};
    const xt_node *name = xt_node_get(node, "distribution"), *q = xt_node_get(node, "q");
    int index = name->type == XT_NODE_SCALAR ? xt_table_find(&xt_distributions, name->text) : -1;
    if (index < 0) {
        xt_expected(walk, &named, name);
        return;
    }
    xt_domain domain = {.node = node, .law = &laws[index]};
    const char *const *params = domain.law->params;
    const char *const known[] = {"distribution", params[0], params[1], "q", NULL};
    bool fine = keys_are_of(walk, node, known);
    fine &= read_param(walk, &domain, params[0], 0, &domain.low, &domain.low_at);
    fine &= read_param(walk, &domain, params[1], 1, &domain.high, &domain.high_at);
    if (q && (xt_number_double(number_text(q), strlen(number_text(q)), &domain.q) != XT_NUMBER_OK || domain.q <= 0)) {
        xt_complain(walk, q->place, "q: expected a number greater than 0");
        fine = false;
    }
    if (fine && check_bounds(walk, &domain))
        *out = domain;
}

static void read_map(xt_walk *walk, const xt_node *node, xt_domain *out)
{
    static const char *const known[] = {"values", "value", "distribution", NULL};
    const xt_node *values = xt_node_get(node, known[0]), *value = xt_node_get(node, known[1]);
    const xt_node *distribution = xt_node_get(node, known[2]);
    if (!!values + !!value + !!distribution != 1)
        xt_complain(walk, node->place, "expected one of {values: [...]}, {value: x} and {distribution: ...}; keys are "
                                       "dotted, such as optimizer.learning_rate");
    else if (distribution)
        read_distribution(walk, node, out);
    else if (!keys_are_of(walk, node, known))
        return;
    else if (value)
        keep_one(walk, value, out);
    else if (values->type == XT_NODE_MAP)
        xt_complain(walk, values->place, "expected a list of values, found a mapping");
    else
        xt_domain_decode(walk, values, out);
}

void xt_domain_decode(xt_walk *walk, const xt_node *node, xt_domain *out)
{
    if (node->type == XT_NODE_LIST)
        keep_values(walk, node->items, node->n, node->place, out);
    else if (node->type == XT_NODE_MAP)
        read_map(walk, node, out);
    else if (!*node->text)
        xt_complain(walk, node->place, "expected values, found nothing");
    else
        read_short(walk, node, out);
    out->node = node;
}

const xt_node *xt_domain_encode(xt_walk *walk, const xt_domain *domain)
{
    return domain->values ? xt_encode_list(walk, domain->shown, (size_t)domain->n, domain->node)
                          : typed(walk, domain->node);
}
