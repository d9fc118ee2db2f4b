/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is it a tree at all: asked first by everything in devtree.h, so that libfdt is safe after it. */
#include "devtree_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROPERTY_NAME_MAX 255 /* the specification has 31 */

void devtree_blob_clear(struct devtree_blob *blob)
{
    free(blob->data);
    *blob = (struct devtree_blob){ 0 };
}

static int check_header(const void *tree, size_t size, struct error *error)
{
    int r;

    if (size < sizeof(struct fdt_header))
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "not a device tree: %zu bytes are less than a header", size);
    if (size > DEVTREE_SIZE_MAX)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "larger than the 2 MiB that Xen and Linux read of a device tree");
    r = fdt_check_header(tree);
    if (r)
        return error_set(error, XENSHM_CONFIG_INVALID, "not a device tree: bad header (%s)",
                         fdt_strerror(r));
    if (fdt_totalsize(tree) > size)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "cut off at offset %zu: the header tells of %u bytes", size,
                         fdt_totalsize(tree));
    if (fdt_version(tree) < 16)
        return error_set(error, XENSHM_CONFIG_INVALID, "version %u of the format is too old",
                         fdt_version(tree));
    if (fdt_off_dt_struct(tree) % 4 || fdt_off_mem_rsvmap(tree) % 8)
        return error_set(error, XENSHM_CONFIG_INVALID, "the header's offsets are not aligned");
    return 0;
}

/* The offset in the file at which the structure, known to be broken, stops making sense. */
static size_t find_fault(const void *tree, char node[static PATH_TEXT_MAX])
{
    int offset = 0, next = 0, length;
    const char *name;
    uint32_t tag;

    strcpy(node, "/");
    do {
        offset = next;
        tag = fdt_next_tag(tree, offset, &next);
        if (tag == FDT_BEGIN_NODE && next > 0 && (name = fdt_get_name(tree, offset, &length)))
            snprintf(node, PATH_TEXT_MAX, "%s", *name ? name : "/");
        if (tag == FDT_PROP && next > 0 && !fdt_getprop_by_offset(tree, offset, &name, &length))
            break;
    } while (tag != FDT_END && next > offset);
    return fdt_off_dt_struct(tree) + (size_t)offset;
}

/*
 * What libfdt would be busy with for minutes or for ever: it looks at the whole name of each
 * property again and again, and 1.6.1 follows a length of almost 2^32 back to where it came from.
 */
static int check_properties(const void *tree, struct error *error)
{
    const char *strings = (const char *)tree + fdt_off_dt_strings(tree);
    int offset, next = 0;
    uint32_t tag;

    do {
        const struct fdt_property *property;
        size_t name, room;

        offset = next;
        tag = fdt_next_tag(tree, offset, &next);
        if (next >= 0 && next <= offset)
            return error_set(error, XENSHM_CONFIG_INVALID,
                             "malformed device tree: the property at offset 0x%zx has more bytes "
                             "than the tree",
                             fdt_off_dt_struct(tree) + (size_t)offset);
        property = tag == FDT_PROP ? fdt_offset_ptr(tree, offset, sizeof(*property)) : NULL;
        if (!property)
            continue;
        name = fdt32_ld(&property->nameoff);
        room = name < fdt_size_dt_strings(tree) ? fdt_size_dt_strings(tree) - name : 0;
        if (room > PROPERTY_NAME_MAX &&
            strnlen(strings + name, PROPERTY_NAME_MAX + 1) > PROPERTY_NAME_MAX)
            return error_set(error, XENSHM_CONFIG_INVALID,
                             "the property at offset 0x%zx has a name longer than %d bytes",
                             fdt_off_dt_struct(tree) + (size_t)offset, PROPERTY_NAME_MAX);
    } while (tag != FDT_END && next > offset);
    return 0;
}

static int check_depth(const void *tree, struct error *error)
{
    int depth = -1; /* fdt_next_node() counts the root as one deeper than its start */

    for (int node = fdt_next_node(tree, -1, &depth); node >= 0 && depth >= 0;
         node = fdt_next_node(tree, node, &depth))
        if (depth > DEPTH_MAX)
            return error_set(
                error, XENSHM_CONFIG_INVALID, "node %s at offset 0x%zx lies deeper than %d levels",
                fdt_get_name(tree, node, NULL), fdt_off_dt_struct(tree) + (size_t)node, DEPTH_MAX);
    return 0;
}

int devtree_validate(const void *tree, size_t size, struct error *error)
{
    char node[PATH_TEXT_MAX];
    size_t fault;
    int r;

    r = check_header(tree, size, error);
    if (r)
        return r;
    r = check_properties(tree, error);
    if (r)
        return r;
    r = fdt_check_full(tree, size);
    if (r) {
        fault = find_fault(tree, node);
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "malformed device tree: offset 0x%zx, in or after node %s (%s)", fault,
                         node, fdt_strerror(r));
    }
    return check_depth(tree, error);
}

bool compatible_valid(const char *compatible)
{
    size_t length = strlen(compatible);

    for (const char *s = compatible; *s; s++)
        if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\\')
            return false;
    return length > 0 && length <= DEVTREE_COMPATIBLE_MAX;
}

/* ---- writing */

int build_begin(void *buffer, int size)
{
    int r;

    r = fdt_create(buffer, size);
    if (r == 0)
        r = fdt_finish_reservemap(buffer);
    return r ? r : fdt_begin_node(buffer, "");
}

int devtree_build(build_fn *build, const void *context, struct devtree_blob *ret,
                  struct error *error)
{
    void *buffer;
    int r;

    for (int size = 16 * 1024; size <= 2 * DEVTREE_SIZE_MAX; size *= 2) {
        buffer = malloc((size_t)size);
        if (!buffer)
            return -ENOMEM;
        r = build(buffer, size, context);
        if (r == 0) {
            *ret = (struct devtree_blob){ buffer, fdt_totalsize(buffer) };
            return 0;
        }
        free(buffer);
        if (r != -FDT_ERR_NOSPACE)
            return error_set(error, XENSHM_CONFIG_INVALID, "cannot write the tree: %s",
                             fdt_strerror(r));
    }
    return error_set(error, XENSHM_CONFIG_INVALID, "the tree would be larger than %d MiB",
                     DEVTREE_SIZE_MAX >> 20);
}
