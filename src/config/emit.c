#include "config/emit.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* The column at which origins start where the line is not longer. */
enum { ORIGIN_COLUMN = 40 };

/* Text that every YAML reader takes for text without quotes: a cautious subset. */
static bool is_plain(const char *text)
{
    static const char *const special[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    if (!isalpha((unsigned char)text[0]) && !strchr("_/{", text[0]))
        return false;
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("_./-", *at))
            return false;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (strcasecmp(text, special[i]) == 0)
            return false;
    return *text != '\0';
}

/* U+FFFE, U+FFFF and C1 controls are no characters of YAML text: escaped. */
static size_t escape_utf8(const unsigned char *at, xt_buf *out)
{
    if (at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) {
        xt_buf_printf(out, "\\u%04x", at[1]);
        return 2;
    }
    if (at[0] == 0xEF && at[1] == 0xBF && (at[2] == 0xBE || at[2] == 0xBF)) {
        xt_buf_printf(out, "\\uff%s", at[2] == 0xBE ? "fe" : "ff");
        return 3;
    }
    xt_buf_add(out, at, 1);
    return 1;
}

/* A JSON string, which YAML's double quotes read as well. */
static void emit_quoted(const char *text, xt_buf *out)
{
    xt_buf_puts(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t n = 0;
        while (at[n] >= 0x20 && at[n] < 0x7f && at[n] != '"' && at[n] != '\\')
            n++;
        xt_buf_add(out, at, n);
        at += n;
        if (!*at)
            break;
        if (*at == '"' || *at == '\\')
            xt_buf_printf(out, "\\%c", *at++);
        else if (*at == '\n' || *at == '\t' || *at == '\r')
            xt_buf_printf(out, "\\%c", *at++ == '\n' ? 'n' : at[-1] == '\t' ? 't' : 'r');
        else if (*at < 0x20 || *at == 0x7f)
            xt_buf_printf(out, "\\u%04x", *at++);
        else
            at += escape_utf8(at, out);
    }
    xt_buf_puts(out, "\"");
}

static void emit_text(const char *text, xt_buf *out)
{
    if (is_plain(text))
        xt_buf_puts(out, text);
    else
        emit_quoted(text, out);
}

void xt_emit_flow(const xt_node *node, xt_buf *out)
{
    if (node->type == XT_NODE_SCALAR) {
        if (node->kind == XT_SCALAR_TEXT)
            emit_text(node->text, out);
        else
            xt_buf_puts(out, node->text);
        return;
    }
    bool map = node->type == XT_NODE_MAP;
    xt_buf_puts(out, map ? "{" : "[");
    for (size_t i = 0; i < node->n; i++) {
        if (i)
            xt_buf_puts(out, ", ");
        if (map) {
            emit_text(node->entries[i].key, out);
            xt_buf_puts(out, ": ");
        }
        xt_emit_flow(map ? node->entries[i].value : node->items[i], out);
    }
    xt_buf_puts(out, map ? "}" : "]");
}

/* What stands in one line: all but mappings that hold something. */
static bool is_flow(const xt_node *node)
{
    if (node->type == XT_NODE_MAP)
        return node->n == 0;
    for (size_t i = 0; i < node->n; i++)
        if (!is_flow(node->items[i]))
            return false;
    return true;
}

static void end_line(const xt_node *value, const xt_diags *origins, size_t line_start, xt_buf *out)
{
    if (origins) {
        do
            xt_buf_puts(out, " ");
        while (!out->failed && out->len - line_start < ORIGIN_COLUMN);
        xt_buf_puts(out, "# ");
        xt_place_describe(origins, value->place, out);
    }
    xt_buf_puts(out, "\n");
}

static void emit_block(const xt_node *node, const xt_diags *origins, int indent, bool after_dash, xt_buf *out);

/* key: value, the key's indent written here unless it stands behind a dash. */
static void emit_entry(const xt_entry *entry, const xt_diags *origins, int indent, bool after_dash, xt_buf *out)
{
    size_t line_start = out->len - (after_dash ? (size_t)indent : 0);
    xt_buf_printf(out, "%*s", after_dash ? 0 : indent, "");
    emit_text(entry->key, out);
    xt_buf_puts(out, ":");
    if (is_flow(entry->value)) {
        xt_buf_puts(out, " ");
        xt_emit_flow(entry->value, out);
        end_line(entry->value, origins, line_start, out);
    } else {
        xt_buf_puts(out, "\n");
        emit_block(entry->value, origins, indent + 2, false, out);
    }
}

static void emit_block(const xt_node *node, const xt_diags *origins, int indent, bool after_dash, xt_buf *out)
{
    for (size_t i = 0; node->type == XT_NODE_MAP && i < node->n; i++)
        emit_entry(&node->entries[i], origins, indent, after_dash && i == 0, out);
    for (size_t i = 0; node->type == XT_NODE_LIST && i < node->n; i++) {
        const xt_node *item = node->items[i];
        bool first = after_dash && i == 0;
        size_t line_start = out->len - (first ? (size_t)indent : 0);
        xt_buf_printf(out, "%*s- ", first ? 0 : indent, "");
        if (is_flow(item)) {
            xt_emit_flow(item, out);
            end_line(item, origins, line_start, out);
        } else {
            emit_block(item, origins, indent + 2, true, out);
        }
    }
}

void xt_emit_yaml(const xt_node *map, const xt_diags *origins, xt_buf *out)
{
    emit_block(map, origins, 0, false, out);
}

void xt_emit_json(const xt_node *node, xt_buf *out)
{
    if (node->type == XT_NODE_SCALAR) {
        if (node->kind == XT_SCALAR_TEXT)
            emit_quoted(node->text, out);
        else
            xt_buf_puts(out, node->text);
        return;
    }
    bool map = node->type == XT_NODE_MAP;
    xt_buf_puts(out, map ? "{" : "[");
    for (size_t i = 0; i < node->n; i++) {
        if (i)
            xt_buf_puts(out, ",");
        if (map) {
            emit_quoted(node->entries[i].key, out);
            xt_buf_puts(out, ":");
        }
        xt_emit_json(map ? node->entries[i].value : node->items[i], out);
    }
    xt_buf_puts(out, map ? "}" : "]");
}
