/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a valid tree: cells, nodes with their paths, properties. */
#include "devtree_private.h"

#include <stdio.h>
#include <string.h>

/* ---- cells */

bool cells_readable(struct cells cells)
{
    return cells.address >= 1 && cells.address <= 2 && cells.size >= 1 && cells.size <= 2;
}

size_t reg_entry_size(struct cells cells)
{
    return 4 * ((size_t)cells.address + cells.size);
}

uint64_t get_number(const uint8_t *from, unsigned cells)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < 4 * cells; i++)
        number = number << 8 | from[i];
    return number;
}

static uint8_t *put_number(uint8_t *to, unsigned cells, uint64_t number)
{
    for (unsigned i = 4 * cells; i > 0; i--)
        *to++ = (uint8_t)(number >> (8 * (i - 1)));
    return to;
}

/* What reaches beyond 64 bits is cut there. */
struct span reg_entry(const void *reg, struct cells cells, size_t index)
{
    const uint8_t *entry = (const uint8_t *)reg + index * reg_entry_size(cells);
    struct span span = { get_number(entry, cells.address),
                         get_number(entry + 4 * cells.address, cells.size) };

    if (span.size > UINT64_MAX - span.start)
        span.size = UINT64_MAX - span.start;
    return span;
}

uint8_t *reg_put(uint8_t *to, struct cells cells, struct span span)
{
    return put_number(put_number(to, cells.address, span.start), cells.size, span.size);
}

bool reg_fits(struct cells cells, struct span span)
{
    return (cells.address == 2 || span.start <= UINT32_MAX) &&
           (cells.size == 2 || span.size <= UINT32_MAX);
}

/* ---- nodes */

static unsigned cells_property(const void *tree, int node, const char *name, unsigned otherwise)
{
    int length;
    const fdt32_t *value = fdt_getprop(tree, node, name, &length);

    return value && length >= 4 ? fdt32_ld(value) : otherwise;
}

static void enter(struct walk *walk)
{
    if (walk->node < 0 || walk->depth < 0 || walk->depth > DEPTH_MAX)
        walk->node = -1;
    else
        walk->path[walk->depth] = walk->node;
}

void walk_begin(struct walk *walk, const void *tree)
{
    walk->tree = tree;
    walk->node = 0;
    walk->depth = 0;
    enter(walk);
}

void walk_next(struct walk *walk)
{
    walk->node = fdt_next_node(walk->tree, walk->node, &walk->depth);
    enter(walk);
}

struct cells node_cells(const void *tree, int node, struct cells parent)
{
    return (struct cells){ cells_property(tree, node, "#address-cells", parent.address),
                           cells_property(tree, node, "#size-cells", parent.size) };
}

/* The specification's default for a root that says nothing. */
struct cells top_cells(const void *tree)
{
    return node_cells(tree, 0, (struct cells){ 2, 1 });
}

struct cells walk_reg_cells(const struct walk *walk)
{
    struct cells cells = top_cells(walk->tree);

    for (int depth = 1; depth < walk->depth; depth++)
        cells = node_cells(walk->tree, walk->path[depth], cells);
    return cells;
}

const char *walk_path(const struct walk *walk, char buffer[static PATH_TEXT_MAX])
{
    size_t used = 0;

    strcpy(buffer, "/");
    for (int depth = 1; depth <= walk->depth && used < PATH_TEXT_MAX - 1; depth++) {
        int n = snprintf(buffer + used, PATH_TEXT_MAX - used, "/%s",
                         fdt_get_name(walk->tree, walk->path[depth], NULL));

        used = n > 0 && (size_t)n < PATH_TEXT_MAX - used ? used + (size_t)n : PATH_TEXT_MAX - 1;
    }
    return buffer;
}

bool walk_is_below(const struct walk *walk, const char *name)
{
    return walk->depth > 1 && strcmp(fdt_get_name(walk->tree, walk->path[1], NULL), name) == 0;
}

size_t base_length(const char *name)
{
    return strcspn(name, "@");
}

bool base_is(const char *name, const char *base)
{
    return strlen(base) == base_length(name) && strncmp(name, base, base_length(name)) == 0;
}

/* Linux goes by device_type, Xen by the name. */
bool node_is_memory(const void *tree, int node, const char *name)
{
    const char *type = text_property(tree, node, "device_type");

    return base_is(name, "memory") || (type && strcmp(type, "memory") == 0);
}

bool node_enabled(const void *tree, int node)
{
    const char *status = text_property(tree, node, "status");

    if (!fdt_getprop(tree, node, "status", NULL))
        return true;
    return status && (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

const char *text_property(const void *tree, int node, const char *name)
{
    int length;
    const char *text = fdt_getprop(tree, node, name, &length);

    return text && length > 0 && text[length - 1] == '\0' ? text : NULL;
}
