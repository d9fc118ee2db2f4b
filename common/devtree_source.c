/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small trees, such as devtree.h makes, as source. */
#include "devtree_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void indent(FILE *out, int depth)
{
    for (int i = 0; i < depth; i++)
        fputc('\t', out);
}

/* Texts one after another, each with its NUL. */
static bool is_text(const char *value, int length)
{
    if (length < 2 || value[0] == '\0' || value[length - 1] != '\0')
        return false;
    for (int i = 0; i < length; i++)
        if ((value[i] < ' ' || value[i] > '~') && (value[i] || !value[i - 1]))
            return false;
    return true;
}

static void print_texts(FILE *out, const char *value, int length)
{
    for (int i = 0; i < length; i++) {
        if (i == 0 || value[i - 1] == '\0')
            fprintf(out, "%s\"", i ? ", " : "");
        if (value[i] == '"' || value[i] == '\\')
            fputc('\\', out);
        fputc(value[i] ? value[i] : '"', out);
    }
}

/* `tuple` cells between angle brackets; 0: all of them. */
static void print_cells(FILE *out, const char *value, int length, unsigned tuple)
{
    for (int i = 0; i < length / 4; i++) {
        bool first = i == 0 || (tuple && (unsigned)i % tuple == 0);

        if (first)
            fputs(i ? ">, <" : "<", out);
        fprintf(out, "%s0x%x", first ? "" : " ",
                fdt32_ld((const fdt32_t *)(const void *)(value + 4 * i)));
    }
    fputc('>', out);
}

static void print_bytes(FILE *out, const char *value, int length)
{
    fputc('[', out);
    for (int i = 0; i < length; i++)
        fprintf(out, "%s%02x", i ? " " : "", (unsigned char)value[i]);
    fputc(']', out);
}

static void print_property(FILE *out, const char *name, const char *value, int length,
                           unsigned tuple)
{
    fputs(name, out);
    if (length > 0)
        fputs(" = ", out);
    if (is_text(value, length))
        print_texts(out, value, length);
    else if (length > 0 && length % 4 == 0)
        print_cells(out, value, length, strcmp(name, "reg") == 0 ? tuple : 0);
    else if (length > 0)
        print_bytes(out, value, length);
    fputs(";\n", out);
}

/* Returns true if there are any. */
static bool print_properties(FILE *out, const void *tree, int node, int depth, unsigned tuple)
{
    bool any = false;
    int property, length;
    const char *name, *value;

    fdt_for_each_property_offset(property, tree, node)
    {
        value = fdt_getprop_by_offset(tree, property, &name, &length);
        if (!value)
            continue;
        indent(out, depth);
        print_property(out, name, value, length, tuple);
        any = true;
    }
    return any;
}

static void close_braces(FILE *out, int from, int to)
{
    for (int depth = from; depth >= to; depth--) {
        indent(out, depth);
        fputs("};\n", out);
    }
}

/* From `node` (depth 0) to the last one below it. */
static void print_nodes(FILE *out, const void *tree, int node, unsigned tuple)
{
    int open = -1, depth = 0; /* `open`: depth of the innermost node whose brace is open */
    bool gap = false;         /* an empty line before the next node */

    do {
        close_braces(out, open, depth);
        if (gap || open >= depth)
            fputc('\n', out);
        indent(out, depth);
        fprintf(out, "%s {\n", depth ? fdt_get_name(tree, node, NULL) : "/");
        gap = print_properties(out, tree, node, depth + 1, tuple);
        open = depth;
        node = fdt_next_node(tree, node, &depth);
    } while (node >= 0 && depth > 0);
    close_braces(out, open, 0);
}

int devtree_source(const struct devtree_blob *blob, const char *path, unsigned tuple,
                   char **ret_text, struct error *error)
{
    char *text = NULL;
    size_t length;
    FILE *out;
    int r, node;

    r = devtree_validate(blob->data, blob->size, error);
    if (r)
        return r;
    node = fdt_path_offset(blob->data, path);
    if (node < 0)
        return error_set(error, XENSHM_CONFIG_INVALID, "the tree has no node %s", path);
    out = open_memstream(&text, &length);
    if (!out)
        return -ENOMEM;
    print_nodes(out, blob->data, node, tuple);
    r = ferror(out) ? -ENOMEM : 0;
    if (fclose(out) != 0 || r) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    return 0;
}
