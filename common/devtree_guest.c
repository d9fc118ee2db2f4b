/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The partial tree of a guest, by Xen's docs/misc/arm/passthrough.txt. */
#include "devtree_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "range.h"

static int put_cells(void *buffer)
{
    int r = fdt_property_u32(buffer, "#address-cells", 2);

    return r ? r : fdt_property_u32(buffer, "#size-cells", 2);
}

/* libxl copies /passthrough as it is; the four properties are what it documents as mandatory. */
static int put_passthrough(void *buffer)
{
    int r;

    r = fdt_begin_node(buffer, "passthrough");
    if (r == 0)
        r = fdt_property_string(buffer, "compatible", "simple-bus");
    if (r == 0)
        r = fdt_property(buffer, "ranges", NULL, 0);
    if (r == 0)
        r = put_cells(buffer);
    return r ? r : fdt_end_node(buffer);
}

/* A partial tree without any device. */
static int put_empty(void *buffer, int size, const void *context)
{
    int r;

    (void)context;
    r = build_begin(buffer, size);
    if (r == 0)
        r = put_cells(buffer);
    if (r == 0)
        r = put_passthrough(buffer);
    if (r == 0)
        r = fdt_end_node(buffer);
    return r ? r : fdt_finish(buffer);
}

static bool name_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= 63 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

static int check_segment(const struct devtree_segment *segment, struct error *error)
{
    if (!name_valid(segment->name))
        return error_set(error, XENSHM_CONFIG_INVALID, "'%s' cannot be the name of a node",
                         segment->name);
    if (segment->size == 0 || !page_aligned(segment->size) || !page_aligned(segment->address) ||
        segment->size > UINT64_MAX - segment->address)
        return error_set(error, XENSHM_CONFIG_INVALID,
                         "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are not whole pages",
                         segment->name, segment->size, segment->address);
    return 0;
}

static int check_pair(const struct devtree_segment *a, const struct devtree_segment *b,
                      struct error *error)
{
    if (strcmp(a->name, b->name) == 0)
        return error_set(error, XENSHM_CONFIG_INVALID, "%s is given twice", a->name);
    if (spans_overlap((struct span){ a->address, a->size }, (struct span){ b->address, b->size }))
        return error_set(error, XENSHM_ADDRESS_IN_USE,
                         "%s at 0x%" PRIx64 " overlaps %s at 0x%" PRIx64, b->name, b->address,
                         a->name, a->address);
    return 0;
}

static int check_request(const struct guest_request *request, struct error *error)
{
    const struct devtree_segment *segments = request->segments;
    int r = 0;

    if (!compatible_valid(request->compatible))
        return error_set(error, XENSHM_CONFIG_INVALID, "'%s' cannot be a compatible string",
                         request->compatible);
    for (size_t i = 0; r == 0 && i < request->count; i++) {
        r = check_segment(&segments[i], error);
        for (size_t j = 0; r == 0 && j < i; j++)
            r = check_pair(&segments[j], &segments[i], error);
    }
    return r;
}

int devtree_guest(const void *base, size_t base_size, const struct devtree_segment *segments,
                  size_t count, const char *compatible, struct devtree_blob *ret,
                  struct error *error)
{
    struct guest_request request = { segments, count, compatible };
    struct devtree_blob empty = { 0 };
    int r;

    r = check_request(&request, error);
    if (r == 0)
        r = base ? devtree_validate(base, base_size, error)
                 : devtree_build(put_empty, NULL, &empty, error);
    if (r == 0)
        r = devtree_guest_merge(base ? base : empty.data, &request, ret, error);
    devtree_blob_clear(&empty);
    return r;
}
